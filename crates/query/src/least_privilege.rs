//! Least privilege: what a principal did, as the policy that allows that and no more.
//!
//! `needed` says which actions on which resources a call needed; `Observed` gathers them, in bounded memory, and writes the policy. A
//! resource stands in it as it was seen; where an action was on more than `POLICY_RESOURCES_MAX` of them, their last part becomes `*`.
//! Refused calls are not taken in: what was denied shall stay denied.
//!
//! What CloudTrail does not record a policy made from it cannot have: data events that no trail records, conditions, and permissions
//! that a call needs besides its own (`iam:PassRole`, keys of encrypted objects that a service uses without a record).

mod actions;
mod resources;

use model::Event;
use model::limits::{POLICY_ACTIONS_MAX, POLICY_RESOURCES_MAX};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// One permission that a call needed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needed {
    /// Such as `s3:GetObject`.
    pub action: String,
    /// The ARN that the call was on, or `*`.
    pub resource: String,
    /// What a policy has for it.
    pub pattern: String,
    /// False where the record does not say which resource it was, which then is `*`.
    pub is_told: bool,
}

/// What is known of a call's permissions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Permissions {
    /// It needed these; none for a call that needs none.
    Needed(Vec<Needed>),
    /// IAM has no part in it.
    Foreign,
}

/// Error codes of calls that were refused.
const REFUSED: [&str; 12] = [
    "AccessDenied",
    "AccessDeniedException",
    "AuthFailure",
    "AuthorizationError",
    "AuthorizationErrorException",
    "Client.UnauthorizedOperation",
    "ExpiredToken",
    "InvalidClientTokenId",
    "NotAuthorized",
    "SignatureDoesNotMatch",
    "UnauthorizedException",
    "UnauthorizedOperation",
];

/// True when a call was refused for want of a permission or of valid credentials.
pub fn is_refused(event: &Event) -> bool {
    REFUSED.contains(&event.error_code.as_str())
}

/// What a call needed.
pub fn needed(event: &Event) -> Permissions {
    let record: Value = serde_json::from_str(&event.record).unwrap_or_default();
    let is_call = match record["eventType"].as_str() {
        None | Some("AwsApiCall" | "AwsConsoleAction" | "") => true,
        Some(_) => false,
    };
    let Some((prefix, actions)) = actions::actions(&event.source, &event.name).filter(|_| is_call) else {
        return Permissions::Foreign;
    };
    let parameters = &record["requestParameters"];
    let of = |action: &String| resources::resources(event, &prefix, action, parameters);
    Permissions::Needed(actions.iter().flat_map(of).collect())
}

/// The resources of one action.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Resources {
    patterns: BTreeSet<String>,
    /// True once last parts are `*`.
    is_wide: bool,
    /// True once all of it is.
    is_all: bool,
}

impl Resources {
    fn add(&mut self, pattern: &str) {
        if self.is_all {
            return;
        }
        self.patterns.insert(if self.is_wide { widened(pattern) } else { pattern.to_owned() });
        if self.patterns.len() > POLICY_RESOURCES_MAX && !self.is_wide {
            self.is_wide = true;
            self.patterns = self.patterns.iter().map(|pattern| widened(pattern)).collect();
        }
        if self.patterns.len() > POLICY_RESOURCES_MAX || self.patterns.contains("*") {
            self.is_all = true;
            self.patterns = BTreeSet::from(["*".to_owned()]);
        }
    }
}

/// An ARN whose last part, or for an object all after the bucket, is `*`.
fn widened(pattern: &str) -> String {
    let object = pattern.split_once(":::").and_then(|(_, name)| name.find('/'));
    let end = match object {
        Some(slash) => pattern.find(":::").map(|at| at + 3 + slash),
        None => pattern.rfind(['/', ':']),
    };
    match end {
        Some(end) => format!("{}*", &pattern[..=end]),
        None => "*".into(),
    }
}

/// What a principal was seen to do.
#[derive(Debug, Clone, Default)]
pub struct Observed {
    actions: BTreeMap<String, Resources>,
    /// Calls that count.
    pub calls: u64,
    /// Calls that were refused, by the events' names.
    pub refused: BTreeMap<String, u64>,
    /// Events that IAM has no part in, by name.
    pub foreign: BTreeMap<String, u64>,
    /// True when there are more actions than are gathered.
    pub is_cut: bool,
}

impl Observed {
    /// Takes in an event of the principal.
    pub fn add(&mut self, event: &Event) {
        let named = format!("{}:{}", event.source, event.name);
        if is_refused(event) {
            count(&mut self.refused, named);
            return;
        }
        let Permissions::Needed(needed) = needed(event) else {
            count(&mut self.foreign, named);
            return;
        };
        self.calls += 1;
        for Needed { action, pattern, .. } in needed {
            if self.actions.len() >= POLICY_ACTIONS_MAX && !self.actions.contains_key(&action) {
                self.is_cut = true;
                continue;
            }
            self.actions.entry(action).or_default().add(&pattern);
        }
    }

    /// Actions whose resources are wider than what was seen.
    pub fn widened(&self) -> Vec<&str> {
        let wide = self.actions.iter().filter(|(_, resources)| resources.is_wide);
        wide.map(|(action, _)| action.as_str()).collect()
    }

    /// The policy: actions of one service on the same resources are one statement.
    pub fn policy(&self) -> Value {
        let mut statements: BTreeMap<(&str, Vec<&str>), Vec<&str>> = BTreeMap::new();
        for (action, resources) in &self.actions {
            let service = action.split(':').next().unwrap_or_default();
            let patterns = resources.patterns.iter().map(String::as_str).collect();
            statements.entry((service, patterns)).or_default().push(action);
        }
        let mut numbers: BTreeMap<&str, usize> = BTreeMap::new();
        let mut written = Vec::with_capacity(statements.len());
        for ((service, resources), actions) in statements {
            let number = numbers.entry(service).and_modify(|number| *number += 1).or_insert(1);
            let sid = sid(service, *number);
            written.push(json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources }));
        }
        json!({ "Version": "2012-10-17", "Statement": written })
    }
}

fn count(counts: &mut BTreeMap<String, u64>, name: String) {
    if counts.len() < POLICY_ACTIONS_MAX || counts.contains_key(&name) {
        *counts.entry(name).or_default() += 1;
    }
}

/// Letters and digits only, as IAM has it.
fn sid(service: &str, number: usize) -> String {
    let mut letters = service.chars().filter(char::is_ascii_alphanumeric);
    let first = letters.next().map(|c| c.to_ascii_uppercase());
    first.into_iter().chain(letters).collect::<String>() + &number.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(source: &str, name: &str, parameters: &Value, error: &str) -> Event {
        Event {
            source: format!("{source}.amazonaws.com"),
            name: name.into(),
            region: "eu-west-1".into(),
            account: "111122223333".into(),
            error_code: error.into(),
            record: json!({ "requestParameters": parameters, "eventType": "AwsApiCall" }).to_string(),
            ..Event::default()
        }
    }

    fn object(key: &str) -> Value {
        json!({ "bucketName": "b", "key": key })
    }

    #[test]
    fn a_policy_has_what_was_done_and_no_more() {
        let mut observed = Observed::default();
        for event in [
            event("s3", "GetObject", &object("x"), ""),
            event("s3", "HeadObject", &object("y"), "NoSuchKey"),
            event("s3", "PutObject", &object("secret"), "AccessDenied"),
            event("s3", "ListBuckets", &json!({}), ""),
            event("s3", "ListObjectsV2", &json!({ "bucketName": "b" }), ""),
            event("monitoring", "PutMetricData", &json!({}), ""),
            event("monitoring", "GetMetricData", &json!({}), ""),
            event("signin", "ConsoleLogin", &json!({}), ""),
            event("sts", "GetCallerIdentity", &json!({}), ""),
        ] {
            observed.add(&event);
        }
        let statement = |sid: &str, actions: &[&str], resources: &[&str]| json!({ "Sid": sid, "Effect": "Allow", "Action": actions, "Resource": resources });
        let expected = json!({ "Version": "2012-10-17", "Statement": [
            statement("Cloudwatch1", &["cloudwatch:GetMetricData", "cloudwatch:PutMetricData"], &["*"]),
            statement("S31", &["s3:ListAllMyBuckets"], &["*"]),
            statement("S32", &["s3:ListBucket"], &["arn:aws:s3:::b"]),
            statement("S33", &["s3:GetObject"], &["arn:aws:s3:::b/x", "arn:aws:s3:::b/y"]),
        ] });
        assert_eq!(observed.policy(), expected);
        assert_eq!(observed.calls, 7);
        assert_eq!(observed.refused, BTreeMap::from([("s3.amazonaws.com:PutObject".to_owned(), 1)]));
        assert_eq!(observed.foreign, BTreeMap::from([("signin.amazonaws.com:ConsoleLogin".to_owned(), 1)]));
    }

    #[test]
    fn many_resources_become_a_pattern_and_very_many_all() {
        let mut observed = Observed::default();
        for n in 0..=POLICY_RESOURCES_MAX {
            observed.add(&event("s3", "GetObject", &object(&format!("a/{n}/x")), ""));
            observed.add(&event("dynamodb", "GetItem", &json!({ "tableName": format!("t{n}") }), ""));
            observed.add(&event("s3", "PutObject", &json!({ "bucketName": format!("b{n}"), "key": "k" }), ""));
        }
        assert_eq!(observed.widened(), ["dynamodb:GetItem", "s3:GetObject", "s3:PutObject"]);
        let policy = observed.policy();
        let resources: Vec<&Value> = policy["Statement"].as_array().unwrap().iter().map(|s| &s["Resource"]).collect();
        let table = json!(["arn:aws:dynamodb:eu-west-1:111122223333:table/*"]);
        assert_eq!(resources, [&table, &json!(["*"]), &json!(["arn:aws:s3:::b/*"])]);
    }

    #[test]
    fn patterns_are_widened_at_their_last_part() {
        assert_eq!(widened("arn:aws:s3:::b/a/b"), "arn:aws:s3:::b/*");
        assert_eq!(widened("arn:aws:s3:::b"), "arn:aws:s3:::*");
        assert_eq!(widened("arn:aws:sqs:r:a:q"), "arn:aws:sqs:r:a:*");
        assert_eq!(widened("arn:aws:iam::a:role/p/r"), "arn:aws:iam::a:role/p/*");
        assert_eq!(widened("*"), "*");
    }
}
