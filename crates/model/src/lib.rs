//! The nouns of Trailwatch: records, ids, ARNs, time ranges, limits, clock and error kinds; no IO, no async.

pub mod arn;
pub mod buckets;
pub mod caller;
pub mod clock;
pub mod datapoint;
pub mod error;
pub mod event;
mod hex;
pub mod limits;
pub mod log_event;
pub mod region;
pub mod time;

pub use caller::{Caller, Scope, Session, Tls};
pub use clock::{Clock, Ids};
pub use datapoint::{Datapoint, Observation, Pairs, SeriesKey};
pub use error::{Classify, ErrorKind};
pub use event::{Event, EventResource};
pub use hex::hex;
pub use log_event::{GroupId, LogEvent, StreamId};
pub use time::{TimeRange, Timestamp};

/// Records for one append: they become durable together or not at all.
///
/// Usually one kind is filled; records derived from others (metric filters, EMF) ride in the batch of
/// their source so that no crash separates them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Batch {
    /// Log events, in the order in which they were accepted.
    pub logs: Vec<LogEvent>,
    /// Metric datapoints.
    pub datapoints: Vec<Datapoint>,
    /// Audit events.
    pub events: Vec<Event>,
}

impl Batch {
    /// True when the batch holds no record at all.
    pub fn is_empty(&self) -> bool {
        self.logs.is_empty() && self.datapoints.is_empty() && self.events.is_empty()
    }

    /// Number of records of all kinds.
    pub fn len(&self) -> usize {
        self.logs.len() + self.datapoints.len() + self.events.len()
    }
}
