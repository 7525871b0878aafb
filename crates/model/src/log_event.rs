//! `LogEvent`: one line of a log stream. Names of groups and streams stop at the plane; here they are ids.

use crate::Timestamp;

/// A log group, unique over accounts and regions; never reused after deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct GroupId(pub u64);

/// A log stream, unique over all groups; never reused after deletion.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct StreamId(pub u64);

/// One log event as PutLogEvents accepted it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LogEvent {
    /// The group it belongs to.
    pub group: GroupId,
    /// The stream it belongs to.
    pub stream: StreamId,
    /// When it happened, as the client said.
    pub timestamp: Timestamp,
    /// When we received it.
    pub ingestion_time: Timestamp,
    /// The exact text. AWS counts its UTF-8 bytes plus 26 against limits.
    pub message: String,
}
