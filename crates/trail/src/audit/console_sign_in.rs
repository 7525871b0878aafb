//! The record of a sign-in to the console, as AWS writes it: `ConsoleLogin` of `signin.amazonaws.com`.
//!
//! Source: CloudTrail user guide, "AWS Management Console sign-in events". A key that is not ours is no user's name: like a name
//! that AWS does not know it is not written down, for people type secrets into the wrong field.

use super::{Object, cut, identity, read_back, tls_details};
use model::{Caller, Event, Ids, Timestamp};

/// `eventSource`.
const SOURCE: &str = "signin.amazonaws.com";
/// `eventName`.
const NAME: &str = "ConsoleLogin";
/// What AWS writes in place of a user name that it does not know.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// An attempt to sign in to the console.
#[derive(Debug, Clone)]
pub struct ConsoleSignIn<'a> {
    /// Who signed in; of an attempt that failed, only scope, address and user agent count, and the name of one whom a
    /// provider knows.
    pub caller: &'a Caller,
    /// How it ended.
    pub outcome: Outcome,
    /// When it was received.
    pub time: Timestamp,
    /// The console's address, such as `http://127.0.0.1:8792/`.
    pub address: &'a str,
    /// The Host header.
    pub host: Option<&'a str>,
}

/// How a sign-in ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A session began.
    Success,
    /// The key or its secret was wrong.
    Failed,
    /// Too many attempts had failed.
    Throttled,
}

impl ConsoleSignIn<'_> {
    /// The event that records the attempt.
    pub fn event(&self, ids: &dyn Ids) -> Event {
        let facts = || Event {
            name: NAME.to_owned(),
            source: SOURCE.to_owned(),
            category: "Management".to_owned(),
            ..Event::default()
        };
        let record = self.record(&ids.uuid().to_string());
        read_back(record, &self.caller.scope, self.time, ids, facts)
    }

    fn record(&self, event_id: &str) -> String {
        let caller = self.caller;
        let mut json = Object::begin();
        json.text("eventVersion", "1.11");
        json.raw("userIdentity", &self.who());
        json.text("eventTime", &self.time.iso_seconds());
        json.text("eventSource", SOURCE);
        json.text("eventName", NAME);
        json.text("awsRegion", &caller.scope.region);
        json.text("sourceIPAddress", &caller.source_ip);
        json.text("userAgent", cut(&caller.user_agent));
        match self.outcome {
            Outcome::Success => {}
            Outcome::Failed => json.text("errorMessage", "Failed authentication"),
            Outcome::Throttled => json.text("errorMessage", "Too many failed attempts"),
        }
        json.raw("requestParameters", "null");
        let word = if self.outcome == Outcome::Success { "Success" } else { "Failure" };
        json.raw("responseElements", &format!("{{\"ConsoleLogin\":\"{word}\"}}"));
        let mut more = Object::begin();
        more.text("LoginTo", cut(self.address));
        more.text("MobileVersion", "No");
        more.text("MFAUsed", "No");
        json.raw("additionalEventData", &more.end());
        json.text("eventID", event_id);
        json.raw("readOnly", "false");
        json.text("eventType", "AwsConsoleSignIn");
        json.raw("managementEvent", "true");
        json.text("recipientAccountId", &caller.scope.account);
        json.text("eventCategory", "Management");
        tls_details(&mut json, caller, self.host);
        json.end()
    }

    fn who(&self) -> String {
        if self.outcome == Outcome::Success {
            return identity(self.caller);
        }
        let mut json = Object::begin();
        json.text("type", "IAMUser");
        json.text("accountId", &self.caller.scope.account);
        json.text("accessKeyId", "");
        json.text("userName", cut(self.caller.user_name.as_deref().unwrap_or(HIDDEN)));
        json.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Scope;
    use model::clock::CountingIds;
    use serde_json::{Value, json};

    fn attempt(caller: &Caller, outcome: Outcome) -> (Event, Value) {
        let host = Some("127.0.0.1:8792");
        let time = Timestamp(1_700_000_000_123);
        let sign_in = ConsoleSignIn { caller, outcome, time, address: "http://127.0.0.1:8792/", host };
        let event = sign_in.event(&CountingIds::from_seed(0));
        let record = serde_json::from_str(&event.record).unwrap();
        (event, record)
    }

    #[test]
    fn a_sign_in_reads_as_aws_writes_it() {
        let mut caller = Caller::root(Scope { account: "123456789012".into(), region: "us-east-1".into() }, "AKIA");
        caller.user_agent = "Mozilla/5.0".into();
        let (event, record) = attempt(&caller, Outcome::Success);
        assert_eq!((event.name.as_str(), event.source.as_str()), ("ConsoleLogin", "signin.amazonaws.com"));
        assert_eq!((event.username.as_str(), event.read_only), ("root", Some(false)));
        assert_eq!(record["responseElements"], json!({ "ConsoleLogin": "Success" }));
        assert_eq!(record["eventType"], "AwsConsoleSignIn");
        assert_eq!(record["additionalEventData"]["LoginTo"], "http://127.0.0.1:8792/");
        assert_eq!(record.get("errorMessage"), None);

        let (event, record) = attempt(&caller, Outcome::Failed);
        assert_eq!(record["responseElements"], json!({ "ConsoleLogin": "Failure" }));
        assert_eq!(record["errorMessage"], "Failed authentication");
        assert_eq!(record["userIdentity"]["userName"], HIDDEN);
        assert!(!event.record.contains("AKIA"), "what was typed is not written down");
    }
}
