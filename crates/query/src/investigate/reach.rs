//! How much an action of a name can break, and whether the call went well.
//!
//! From the names that AWS gives actions: the verb says whether something is taken away, altered or added, the service whether it is
//! about what runs or about watching it.

use super::Factor;
use super::change::Change;
use super::history::Matched;
use super::subject::{Subject, TermKind};

/// What a call that failed counts: retries and refusals are seldom the cause, and never by what they would have changed.
const FAILED: f64 = -3.5;
/// What a change of everything, or for everybody, counts more.
const WIDE: f64 = 0.6;

/// Verbs that take away.
const TAKES: [&str; 16] = [
    "Delete",
    "Terminate",
    "Stop",
    "Disable",
    "Revoke",
    "Detach",
    "Deregister",
    "Remove",
    "Disassociate",
    "Purge",
    "Cancel",
    "Release",
    "Schedule",
    "Reject",
    "Reboot",
    "Failover",
];
/// Verbs that alter what is there.
const ALTERS: [&str; 20] = [
    "Update",
    "Modify",
    "Put",
    "Set",
    "Replace",
    "Attach",
    "Authorize",
    "Change",
    "Associate",
    "Execute",
    "Enable",
    "Rotate",
    "Restore",
    "Apply",
    "Register",
    "Import",
    "Promote",
    "Switch",
    "Reset",
    "Deploy",
];
/// Verbs that mostly add what nobody uses yet.
const ADDS: [&str; 6] = ["Create", "Add", "Run", "Allocate", "Publish", "Start"];
/// Actions that put something new to use.
const DEPLOYS: [&str; 7] = [
    "CreateDeployment",
    "ExecuteChangeSet",
    "UpdateFunctionCode",
    "UpdateService",
    "UpdateStack",
    "RegisterTaskDefinition",
    "StartPipelineExecution",
];
/// Actions on single data, or that give out credentials: there are many, and each reaches little.
const SMALL: [&str; 22] = [
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "ConsoleLogin",
    "CreateLogStream",
    "Decrypt",
    "DeleteItem",
    "DeleteMessage",
    "DeleteObject",
    "Encrypt",
    "GenerateDataKey",
    "GetSessionToken",
    "GetSigninToken",
    "PutEvents",
    "PutItem",
    "PutLogEvents",
    "PutMetricData",
    "PutObject",
    "PutRecords",
    "SendMessage",
    "SwitchRole",
    "UpdateItem",
];
/// Sources that watch; what is changed there breaks nothing but what is seen.
const WATCHES: [&str; 5] = [
    "monitoring.amazonaws.com",
    "logs.amazonaws.com",
    "cloudtrail.amazonaws.com",
    "trailwatch",
    "athena.amazonaws.com",
];

/// How much the action can break.
pub(super) fn factor(change: &Change, subject: &Subject, matched: Matched) -> Factor {
    let name = change.name.as_str();
    if WATCHES.contains(&change.source.as_str()) {
        return watching(change, subject, matched);
    }
    let (score, reason) = if SMALL.binary_search(&name).is_ok() {
        (-1.6, "it reaches little")
    } else if name.starts_with("Tag")
        || name.starts_with("Untag")
        || name.ends_with("Tags")
        || name.ends_with("Tagging")
    {
        (-1.8, "it changes tags")
    } else if is_deployment(name) {
        (1.1, "it is a deployment")
    } else if starts(name, &TAKES) {
        (1.3, "it takes something away")
    } else if starts(name, &ALTERS) {
        (0.8, "it alters something in use")
    } else if starts(name, &ADDS) {
        (-0.4, "it adds something")
    } else {
        (0.0, "")
    };
    match change.is_wide && score > -1.0 {
        true => Factor::new(
            "reach",
            score + WIDE,
            format!("{}{}for everything", reason, if reason.is_empty() { "" } else { ", " }),
        ),
        false => Factor::new("reach", score, reason),
    }
}

/// Whether an action of this name puts something new to use. Versions of APIs at the ends of names do not count.
pub fn is_deployment(name: &str) -> bool {
    starts(name, &DEPLOYS)
}

/// An action of a service that watches: it explains an alarm only where it is about this very alarm.
fn watching(change: &Change, subject: &Subject, matched: Matched) -> Factor {
    let is_own = subject.terms().iter().enumerate().any(|(at, term)| {
        let is_there = (matched.exact | matched.mention) & (1 << at) != 0;
        is_there && term.kind == TermKind::Resource && (term.from == "alarm" || term.from == "log group")
    });
    match (is_own, change.name.as_str()) {
        (true, "SetAlarmState") => Factor::new("reach", 3.0, "it sets the alarm's state by hand"),
        (true, "PutMetricAlarm" | "PutCompositeAlarm" | "PutLogAlarm" | "PutMetricFilter" | "DeleteMetricFilter") => {
            Factor::new("reach", 0.8, "it changes what the alarm watches")
        }
        _ => Factor::new("reach", -2.0, "it changes what is watched, not what runs"),
    }
}

fn starts(name: &str, verbs: &[&str]) -> bool {
    verbs.iter().any(|verb| name.starts_with(verb))
}

/// What became of the call.
pub(super) fn outcome(change: &Change) -> Factor {
    match change.error_code.as_str() {
        "" => Factor::new("outcome", 0.0, ""),
        code => {
            Factor::new("outcome", FAILED, format!("the call failed: {}", code.chars().take(64).collect::<String>()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_actions_are_sorted_for_the_search() {
        assert!(SMALL.is_sorted());
    }
}
