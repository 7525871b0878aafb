//! The record of refused calls that were too many to record each: `UnrecordedCalls`, a name of our own.

use super::{Object, cut, read_back};
use model::{Event, Ids, Scope, Timestamp};

/// `eventName`.
const NAME: &str = "UnrecordedCalls";
/// Most callers that one event names.
const CALLERS_MAX: usize = 100;

/// Calls of a span of time that have no event of their own.
#[derive(Debug, Clone, Copy)]
pub struct UnrecordedCalls<'a> {
    /// `eventSource`.
    pub source: &'a str,
    /// The account that was called.
    pub scope: &'a Scope,
    /// When the span began.
    pub since: Timestamp,
    /// When it ended.
    pub until: Timestamp,
    /// Who called, most calls first. Of more than a hundred the rest is counted together.
    pub callers: &'a [UnrecordedCaller<'a>],
}

/// Calls of one caller that were refused for one reason. Of callers that nobody had room to tell apart, the texts are
/// empty.
#[derive(Debug, Clone, Copy)]
pub struct UnrecordedCaller<'a> {
    /// Its address.
    pub source_ip: &'a str,
    /// The access key that it claimed, or has.
    pub access_key_id: &'a str,
    /// Why its calls were refused.
    pub error_code: &'a str,
    /// How many.
    pub calls: u64,
}

impl UnrecordedCalls<'_> {
    /// The event.
    pub fn event(&self, ids: &dyn Ids) -> Event {
        let facts = || Event {
            name: NAME.to_owned(),
            source: self.source.to_owned(),
            category: "Management".to_owned(),
            ..Event::default()
        };
        read_back(self.record(&ids.uuid().to_string()), self.scope, self.until, ids, facts)
    }

    fn record(&self, event_id: &str) -> String {
        let mut json = Object::begin();
        json.text("eventVersion", "1.11");
        let mut identity = Object::begin();
        identity.text("type", "AWSService");
        identity.text("accountId", &self.scope.account);
        identity.text("invokedBy", self.source);
        json.raw("userIdentity", &identity.end());
        json.text("eventTime", &self.until.iso_seconds());
        json.text("eventSource", self.source);
        json.text("eventName", NAME);
        json.text("awsRegion", &self.scope.region);
        json.text("sourceIPAddress", self.source);
        json.text("userAgent", self.source);
        json.raw("requestParameters", "null");
        json.raw("responseElements", "null");
        json.text("eventID", event_id);
        json.raw("readOnly", "false");
        json.text("eventType", "AwsServiceEvent");
        json.raw("managementEvent", "true");
        json.text("recipientAccountId", &self.scope.account);
        json.raw("serviceEventDetails", &self.details());
        json.text("eventCategory", "Management");
        json.end()
    }

    fn details(&self) -> String {
        let (named, rest) = self.callers.split_at(self.callers.len().min(CALLERS_MAX));
        let one = |caller: &UnrecordedCaller<'_>| {
            let mut json = Object::begin();
            json.text("sourceIPAddress", cut(caller.source_ip));
            json.text("accessKeyId", cut(caller.access_key_id));
            json.text("errorCode", cut(caller.error_code));
            json.raw("calls", &caller.calls.to_string());
            json.end()
        };
        let sum = |callers: &[UnrecordedCaller<'_>]| callers.iter().map(|caller| caller.calls).sum::<u64>().to_string();
        let mut json = Object::begin();
        json.text("since", &self.since.iso_seconds());
        json.text("until", &self.until.iso_seconds());
        json.raw("calls", &sum(self.callers));
        json.raw("callers", &format!("[{}]", named.iter().map(one).collect::<Vec<_>>().join(",")));
        json.raw("callsOfOthers", &sum(rest));
        json.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::clock::CountingIds;
    use serde_json::{Value, json};

    #[test]
    fn an_event_names_the_first_hundred_and_counts_the_rest() {
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        let caller = |source_ip, calls| UnrecordedCaller { source_ip, access_key_id: "AKIA\n", error_code: "X", calls };
        let mut callers = vec![caller("192.0.2.7", 1000)];
        callers.extend((0..CALLERS_MAX).map(|_| caller("192.0.2.8", 2)));
        let (since, until) = (Timestamp(1_700_000_000_000), Timestamp(1_700_000_060_000));
        let calls = UnrecordedCalls { source: "trailwatch", scope: &scope, since, until, callers: &callers };
        let event = calls.event(&CountingIds::from_seed(0));
        assert_eq!((event.name.as_str(), event.source.as_str(), event.time), (NAME, "trailwatch", until));
        let record: Value = serde_json::from_str(&event.record).unwrap();
        let details = &record["serviceEventDetails"];
        assert_eq!((&details["calls"], &details["callsOfOthers"]), (&json!(1200), &json!(2)));
        assert_eq!(details["callers"].as_array().unwrap().len(), CALLERS_MAX);
        assert_eq!(
            details["callers"][0],
            json!({ "sourceIPAddress": "192.0.2.7", "accessKeyId": "AKIA\n", "errorCode": "X", "calls": 1000 })
        );
        assert_eq!(record["eventType"], "AwsServiceEvent");
    }
}
