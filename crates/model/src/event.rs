//! `Event`: one CloudTrail record, its exact bytes, and the fields that lookups touch.

use crate::Timestamp;

/// A resource that a CloudTrail record names.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct EventResource {
    /// CloudTrail resource type, such as `AWS::S3::Bucket`; empty when the record gives none.
    pub resource_type: String,
    /// ARN or name.
    pub name: String,
}

/// One audit event. `record` is the truth; the other fields are taken from it when it is accepted.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Event {
    /// `eventID`; for a record without one, a UUID derived from its bytes, so that a second import finds it again.
    pub event_id: String,
    /// The account whose trail it is on (`recipientAccountId`, else `userIdentity.accountId`).
    pub account: String,
    /// `awsRegion`.
    pub region: String,
    /// `eventTime`.
    pub time: Timestamp,
    /// When we received it.
    pub ingestion_time: Timestamp,
    /// `eventName`.
    pub name: String,
    /// `eventSource`, such as `logs.amazonaws.com`.
    pub source: String,
    /// `eventCategory`: Management, Data, NetworkActivity, Insight or ActivityAuditLog. Absent in old records: Management.
    pub category: String,
    /// LookupEvents' Username: userName, session name, or `root`; empty when unknown.
    pub username: String,
    /// `userIdentity.accessKeyId`; empty when absent.
    pub access_key_id: String,
    /// `readOnly`; `None` where the record does not say.
    pub read_only: Option<bool>,
    /// `errorCode`; empty when the call succeeded.
    pub error_code: String,
    /// `sourceIPAddress`; empty when absent.
    pub source_ip: String,
    /// `userIdentity.arn`; empty when absent.
    pub user_arn: String,
    /// Resources named by the record.
    pub resources: Vec<EventResource>,
    /// The record's exact JSON text.
    pub record: String,
}
