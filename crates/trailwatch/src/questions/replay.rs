//! `POST /_trailwatch/policies/replay`: which past calls of a principal a draft of its policy would have denied.
//!
//! The body is JSON: `policy` (the document's text), `principal`, `from`, `to` as for `generate`. The draft stands for all identity-based
//! policies of the principal; boundaries, session, resource and organization policies are not looked at. Calls that were refused
//! at the time are passed over.
//!
//! What a condition asks for is taken from the record (`circumstances.rs`). A record does not tell everything: tags, organizations and most
//! keys of services are not in it. Statements that name such a key, in a condition or as a variable, are read in two ways: so that they
//! let through as much as they can, and as little. Where both come to the same the call is decided; else it is undecided, and the keys are
//! named. So it is for calls whose records do not say which resource they were on.

mod circumstances;
mod drafts;

use super::policy::Calls;
use crate::own::Refusal;
use crate::server::Server;
use access::policy::{Decision, Policies, Policy, Principal, PrincipalKind, Request};
use circumstances::Circumstances;
use drafts::Drafts;
use model::limits::POLICY_ACTIONS_MAX;
use model::{Event, Timestamp};
use query::actors::Call;
use query::least_privilege::{Needed, Permissions, is_refused, needed};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use wire::HttpRequest;

/// Where it is asked for.
pub const REPLAY: &str = "/_trailwatch/policies/replay";
/// Calls on the same resource are one line; most lines of each kind.
const LINES_MAX: usize = 1_000;

/// The draft, whose calls, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Asked {
    /// The policy's text.
    pub policy: String,
    /// The ARN.
    pub principal: String,
    /// Earliest time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Latest time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
}

/// What stands in the audit record.
pub fn parameters(request: &HttpRequest) -> Value {
    serde_json::from_slice::<Asked>(&request.body).map_or(Value::Null, |asked| json!(asked))
}

/// What would have become of a call.
enum Outcome {
    Allowed,
    /// Why not, in AWS's words.
    Denied(String),
    Undecided,
}

/// Calls of one action on one resource.
#[derive(Debug, Default)]
struct Line {
    calls: u64,
    why: String,
    /// The last one.
    event_id: String,
    time: Timestamp,
}

/// The lines of one kind.
#[derive(Debug, Default)]
struct Lines {
    calls: u64,
    lines: BTreeMap<(String, String), Line>,
    is_cut: bool,
}

impl Lines {
    fn add(&mut self, needed: &Needed, event: &Event, why: String) {
        self.calls += 1;
        let key = (needed.action.clone(), needed.resource.clone());
        if self.lines.len() >= LINES_MAX && !self.lines.contains_key(&key) {
            self.is_cut = true;
            return;
        }
        let line = self.lines.entry(key).or_default();
        line.calls += 1;
        (line.why, line.event_id, line.time) = (why, event.event_id.clone(), event.time);
    }

    fn shown(&self) -> Vec<Value> {
        let shown = |((action, resource), line): (&(String, String), &Line)| {
            json!({
                "action": action,
                "resource": resource,
                "calls": line.calls,
                "why": line.why,
                "last_event_id": line.event_id,
                "last_time": line.time.iso_seconds(),
            })
        };
        self.lines.iter().map(shown).collect()
    }
}

/// Holds the past calls against the draft.
pub async fn answer(server: &Server, request: &HttpRequest) -> Result<Value, Refusal> {
    let asked = serde_json::from_slice::<Asked>(&request.body);
    let asked = asked.map_err(|error| Refusal::invalid(format!("The body: {error}")))?;
    let calls = Calls::of(&asked.principal, asked.from.as_deref(), asked.to.as_deref())?;
    let drafts = Drafts::of(&asked.policy).map_err(|why| Refusal::invalid(format!("policy: {why}")))?;
    let (mut allowed, mut foreign) = (0_u64, BTreeSet::new());
    let (mut denied, mut undecided) = (Lines::default(), Lines::default());
    let visit = &mut |event: &Event| {
        if is_refused(event) {
            return ControlFlow::Continue(());
        }
        let Permissions::Needed(all) = needed(event) else {
            if foreign.len() < POLICY_ACTIONS_MAX {
                foreign.insert(format!("{}:{}", event.source, event.name));
            }
            return ControlFlow::Continue(());
        };
        let circumstances = Circumstances::of(event);
        for needed in &all {
            match drafts.outcome(needed, event, &circumstances) {
                Outcome::Allowed => allowed += 1,
                Outcome::Denied(why) => denied.add(needed, event, why),
                Outcome::Undecided => {
                    let why = if !needed.is_told && drafts.unknown.is_empty() {
                        "the record does not say on which resource".to_owned()
                    } else {
                        format!("the record does not tell {}", drafts.unknown.join(", "))
                    };
                    undecided.add(needed, event, why);
                }
            }
        }
        ControlFlow::Continue(())
    };
    let is_whole = calls.visit(server, visit).await?;
    Ok(json!({
        "allowed": allowed,
        "denied": { "calls": denied.calls, "lines": denied.shown(), "is_cut": denied.is_cut },
        "undecided": { "calls": undecided.calls, "lines": undecided.shown(), "is_cut": undecided.is_cut },
        "unknown_keys": drafts.unknown,
        "without_iam": foreign,
        "is_cut": !is_whole,
    }))
}

impl Drafts {
    fn outcome(&self, needed: &Needed, event: &Event, circumstances: &Circumstances) -> Outcome {
        let (most, least) =
            if needed.is_told { (&self.most, &self.least) } else { (&self.most_anywhere, &self.least_anywhere) };
        let call = Call::from(event);
        let identity = &call.identity;
        let kind = match identity.kind.as_str() {
            "Root" => PrincipalKind::Root,
            "AssumedRole" => PrincipalKind::AssumedRole,
            _ => PrincipalKind::User,
        };
        let role_arn =
            Some(identity.issuer_arn.as_str()).filter(|arn| !arn.is_empty() && kind == PrincipalKind::AssumedRole);
        let principal = Principal { kind, account: &identity.account, arn: &identity.arn, role_arn };
        let request = Request { principal, action: &needed.action, resource: &needed.resource, context: circumstances };
        let ask = |policy: &Arc<Policy>| -> Option<String> {
            let identity = [Arc::clone(policy)];
            let policies = Policies { identity: &identity, ..Policies::default() };
            let decision: Decision<'_> = access::policy::decide(&request, &policies);
            decision.reason(&needed.action)
        };
        match (ask(most), ask(least)) {
            (Some(why), _) => Outcome::Denied(why),
            (None, None) => Outcome::Allowed,
            (None, Some(_)) => Outcome::Undecided,
        }
    }
}
