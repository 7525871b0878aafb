//! The records of a shorter retention of audit events that is in force, and of a legal hold that has ended: names of our own.

use super::Object;
use model::{Scope, Timestamp};

/// Something that kept events and does not any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LetGo<'a> {
    /// The retention of audit events is shorter: days before (`None` for ever) and now.
    Retention(Option<i64>, i64),
    /// A legal hold of this name has ended.
    Hold(&'a str),
}

impl LetGo<'_> {
    /// The record's text.
    pub(crate) fn record(&self, source: &str, scope: &Scope, event_id: &str, at: Timestamp) -> String {
        let name = match self {
            LetGo::Retention(..) => "EventRetentionShortened",
            LetGo::Hold(_) => "LegalHoldEnded",
        };
        let mut json = Object::begin();
        json.text("eventVersion", "1.11");
        let mut identity = Object::begin();
        identity.text("type", "AWSService");
        identity.text("accountId", &scope.account);
        identity.text("invokedBy", source);
        json.raw("userIdentity", &identity.end());
        json.text("eventTime", &at.iso_seconds());
        json.text("eventSource", source);
        json.text("eventName", name);
        json.text("awsRegion", &scope.region);
        json.text("sourceIPAddress", source);
        json.text("userAgent", source);
        json.raw("requestParameters", "null");
        json.raw("responseElements", "null");
        json.text("eventID", event_id);
        json.raw("readOnly", "false");
        json.text("eventType", "AwsServiceEvent");
        json.raw("managementEvent", "true");
        json.text("recipientAccountId", &scope.account);
        json.raw("serviceEventDetails", &self.details());
        json.text("eventCategory", "Management");
        json.end()
    }

    fn details(&self) -> String {
        let mut json = Object::begin();
        match self {
            LetGo::Retention(before, now) => {
                json.raw("daysBefore", &before.map_or("null".to_owned(), |days| days.to_string()));
                json.raw("days", &now.to_string());
            }
            LetGo::Hold(name) => json.text("name", name),
        }
        json.end()
    }
}
