//! `Drafts`: a policy, read so that it lets through the most and the least of what its author may mean by keys that a record does not tell.

use super::circumstances::KNOWN;
use access::policy::{Policy, Purpose};
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;
use std::sync::Arc;

/// The readings of a policy.
#[derive(Debug)]
pub(super) struct Drafts {
    /// Unknown conditions allow what they can, and deny nothing.
    pub most: Arc<Policy>,
    /// Unknown conditions allow nothing, and deny what they can.
    pub least: Arc<Policy>,
    /// The same for calls on a resource that is not known, which may be any.
    pub most_anywhere: Arc<Policy>,
    /// See `most_anywhere`.
    pub least_anywhere: Arc<Policy>,
    /// Keys that the policy names and no record tells.
    pub unknown: Vec<String>,
}

/// What a statement that cannot be decided is taken for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Reading {
    Most,
    Least,
}

impl Drafts {
    /// Reads a policy; the error says what is wrong with it.
    pub(super) fn of(text: &str) -> Result<Self, String> {
        // First as it is, so that what is wrong is told as IAM tells it.
        Policy::parse("draft", text, Purpose::Identity).map_err(|error| error.to_string())?;
        let document: Value = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let statements: Vec<&Map<String, Value>> = match &document["Statement"] {
            Value::Array(list) => list.iter().filter_map(Value::as_object).collect(),
            Value::Object(one) => vec![one],
            _ => Vec::new(),
        };
        let unknown: BTreeSet<String> = statements.iter().flat_map(|statement| unknown_keys(statement)).collect();
        let version = document.get("Version").cloned().unwrap_or_else(|| json!("2008-10-17"));
        let policy = |reading: Reading, anywhere: bool| -> Result<Arc<Policy>, String> {
            let list = statements.iter().filter_map(|statement| read(statement, reading, anywhere)).collect::<Vec<_>>();
            let nothing = json!({ "Effect": "Deny", "Action": "none:None", "Resource": "*" });
            let statement = if list.is_empty() { json!([nothing]) } else { Value::Array(list) };
            let text = json!({ "Version": version, "Statement": statement }).to_string();
            Policy::parse("draft", &text, Purpose::Identity).map(Arc::new).map_err(|error| error.to_string())
        };
        Ok(Self {
            most: policy(Reading::Most, false)?,
            least: policy(Reading::Least, false)?,
            most_anywhere: policy(Reading::Most, true)?,
            least_anywhere: policy(Reading::Least, true)?,
            unknown: unknown.into_iter().collect(),
        })
    }
}

/// A statement in one reading; `None` where it then says nothing.
fn read(statement: &Map<String, Value>, reading: Reading, anywhere: bool) -> Option<Value> {
    let allows = statement.get("Effect") == Some(&json!("Allow"));
    // An Allow that applies lets through more, a Deny that applies less.
    let applies = allows == (reading == Reading::Most);
    let mut read = statement.clone();
    read.remove("Sid");
    let is_unclear = !unknown_keys(statement).is_empty();
    if is_unclear && !applies {
        return None;
    }
    if is_unclear {
        if let Some(Value::Object(condition)) = read.get_mut("Condition") {
            for keys in condition.values_mut().filter_map(Value::as_object_mut) {
                keys.retain(|key, values| is_known(key) && unknown_variables(values).is_empty());
            }
            condition.retain(|_, keys| keys.as_object().is_some_and(|keys| !keys.is_empty()));
            if condition.is_empty() {
                read.remove("Condition");
            }
        }
        let names_unknown = ["Resource", "NotResource"]
            .iter()
            .any(|name| statement.get(*name).is_some_and(|resource| !unknown_variables(resource).is_empty()));
        if names_unknown {
            everywhere(&mut read);
        }
    }
    if anywhere && statement.get("Resource") != Some(&json!("*")) && statement.get("Resource") != Some(&json!(["*"])) {
        if !applies {
            return None;
        }
        everywhere(&mut read);
    }
    Some(Value::Object(read))
}

fn everywhere(statement: &mut Map<String, Value>) {
    statement.remove("NotResource");
    statement.insert("Resource".into(), json!("*"));
}

/// The keys of a statement that no record tells.
fn unknown_keys(statement: &Map<String, Value>) -> BTreeSet<String> {
    let mut unknown = BTreeSet::new();
    for keys in statement.get("Condition").and_then(Value::as_object).into_iter().flat_map(Map::values) {
        for (key, values) in keys.as_object().into_iter().flatten() {
            if !is_known(key) {
                unknown.insert(key.clone());
            }
            unknown.extend(unknown_variables(values));
        }
    }
    for name in ["Resource", "NotResource"] {
        unknown.extend(statement.get(name).into_iter().flat_map(unknown_variables));
    }
    unknown
}

/// The keys of `${key}` and `${key, 'default'}` in one or several texts that no record tells.
fn unknown_variables(values: &Value) -> Vec<String> {
    let texts: Vec<&str> = match values {
        Value::String(text) => vec![text],
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        _ => Vec::new(),
    };
    let mut unknown = Vec::new();
    for text in texts {
        for piece in text.split("${").skip(1) {
            let inner = piece.split('}').next().unwrap_or_default();
            let key = inner.split(',').next().unwrap_or_default().trim();
            if !matches!(key, "*" | "?" | "$") && !is_known(key) {
                unknown.push(key.to_owned());
            }
        }
    }
    unknown
}

fn is_known(key: &str) -> bool {
    KNOWN.contains(&key.to_ascii_lowercase().as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use access::policy::{Policies, Principal, PrincipalKind, Request, decide};
    use std::collections::BTreeMap;

    /// Whether each reading allows: most, least.
    fn allows(drafts: &Drafts, action: &str, resource: &str, anywhere: bool) -> (bool, bool) {
        let context = BTreeMap::from([("aws:sourceip".to_owned(), vec!["192.0.2.1".to_owned()])]);
        let principal = Principal {
            kind: PrincipalKind::User,
            account: "111122223333",
            arn: "arn:aws:iam::111122223333:user/a",
            role_arn: None,
        };
        let request = Request { principal, action, resource, context: &context };
        let ask = |policy: &Arc<Policy>| {
            let identity = [Arc::clone(policy)];
            decide(&request, &Policies { identity: &identity, ..Policies::default() }).is_allowed()
        };
        match anywhere {
            true => (ask(&drafts.most_anywhere), ask(&drafts.least_anywhere)),
            false => (ask(&drafts.most), ask(&drafts.least)),
        }
    }

    #[test]
    fn what_records_do_not_tell_is_read_both_ways() {
        let policy = json!({ "Version": "2012-10-17", "Statement": [
            { "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::b/*", "Condition": {
                "StringEquals": { "aws:PrincipalTag/team": "x" }, "IpAddress": { "aws:SourceIp": "192.0.2.0/24" } } },
            { "Effect": "Allow", "Action": "s3:PutObject", "Resource": "arn:aws:s3:::b/${aws:PrincipalTag/team}/*" },
            { "Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::b", "Condition": { "IpAddress": { "aws:SourceIp": "10.0.0.0/8" } } },
            { "Effect": "Allow", "Action": "sqs:*", "Resource": "*" },
            { "Effect": "Deny", "Action": "sqs:DeleteQueue", "Resource": "*", "Condition": { "StringEquals": { "aws:ResourceTag/keep": "yes" } } },
        ] });
        let drafts = Drafts::of(&policy.to_string()).unwrap();
        assert_eq!(drafts.unknown, ["aws:PrincipalTag/team", "aws:ResourceTag/keep"]);
        assert_eq!(allows(&drafts, "s3:GetObject", "arn:aws:s3:::b/k", false), (true, false));
        assert_eq!(allows(&drafts, "s3:GetObject", "arn:aws:s3:::other/k", false), (false, false));
        assert_eq!(allows(&drafts, "s3:PutObject", "arn:aws:s3:::b/x/k", false), (true, false));
        assert_eq!(allows(&drafts, "s3:ListBucket", "arn:aws:s3:::b", false), (false, false), "what is known is asked");
        assert_eq!(allows(&drafts, "sqs:SendMessage", "arn:aws:sqs:r:a:q", false), (true, true));
        assert_eq!(allows(&drafts, "sqs:DeleteQueue", "arn:aws:sqs:r:a:q", false), (true, false));
        assert_eq!(allows(&drafts, "s3:GetObject", "*", true), (true, false));
        assert_eq!(allows(&drafts, "sqs:SendMessage", "*", true), (true, true));
        assert_eq!(allows(&drafts, "sns:Publish", "*", true), (false, false));
    }

    #[test]
    fn what_is_no_policy_is_refused() {
        for text in ["", "{}", r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow"}]}"#] {
            assert!(Drafts::of(text).is_err(), "{text}");
        }
    }
}
