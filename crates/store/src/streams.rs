//! Statistics of log streams: kept by each memtable and each segment, added up when asked for.

use model::Timestamp;
use model::limits::LOG_EVENT_OVERHEAD_BYTES;

/// What is known of a stream without reading it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamStats {
    /// Timestamp of the oldest event.
    pub first_timestamp: Timestamp,
    /// Timestamp of the newest event.
    pub last_timestamp: Timestamp,
    /// When an event was last received.
    pub last_ingestion_time: Timestamp,
    /// Number of events.
    pub events: u64,
    /// UTF-8 bytes of the messages plus 26 each, as AWS counts.
    pub bytes: u64,
}

impl Default for StreamStats {
    /// The statistics of nothing: the first `add` sets the times.
    fn default() -> Self {
        Self {
            first_timestamp: Timestamp::MAX,
            last_timestamp: Timestamp::MIN,
            last_ingestion_time: Timestamp::MIN,
            events: 0,
            bytes: 0,
        }
    }
}

impl StreamStats {
    /// Counts one event.
    pub(crate) fn add(&mut self, timestamp: Timestamp, ingestion_time: Timestamp, message_bytes: usize) {
        self.first_timestamp = self.first_timestamp.min(timestamp);
        self.last_timestamp = self.last_timestamp.max(timestamp);
        self.last_ingestion_time = self.last_ingestion_time.max(ingestion_time);
        self.events += 1;
        self.bytes += (message_bytes + LOG_EVENT_OVERHEAD_BYTES) as u64;
    }

    /// Counts all that `other` counted.
    pub(crate) fn merge(&mut self, other: &StreamStats) {
        self.first_timestamp = self.first_timestamp.min(other.first_timestamp);
        self.last_timestamp = self.last_timestamp.max(other.last_timestamp);
        self.last_ingestion_time = self.last_ingestion_time.max(other.last_ingestion_time);
        self.events += other.events;
        self.bytes += other.bytes;
    }
}
