//! Statistics of log streams: kept by each memtable and each segment, added up when asked for.

use crate::Store;
use model::limits::LOG_EVENT_OVERHEAD_BYTES;
use model::{GroupId, StreamId, Timestamp};
use std::collections::BTreeMap;

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

impl Store {
    /// Statistics of a group's streams that have events, from memory. What `maintain` expired may still be counted until its
    /// segment is rewritten.
    pub fn stream_stats(&self, group: GroupId) -> BTreeMap<StreamId, StreamStats> {
        let snapshot = self.state().snapshot();
        let mut total: BTreeMap<StreamId, StreamStats> = BTreeMap::new();
        if snapshot.removed.has_group(group) {
            return total;
        }
        let mut add = |streams: &BTreeMap<StreamId, StreamStats>| {
            for (stream, stats) in streams.iter().filter(|(stream, _)| !snapshot.removed.has_stream(**stream)) {
                total.entry(*stream).or_default().merge(stats);
            }
        };
        for rows in snapshot.segments.iter().filter_map(|segment| segment.group(group)) {
            add(&rows.streams);
        }
        for memtable in &snapshot.memtables {
            if let Some(lines) = memtable.logs().get(&group) {
                add(&lines.streams);
            }
        }
        let from = snapshot.removed.logs_from(group);
        total.retain(|_, stats| stats.last_timestamp >= from);
        total
    }

    /// Ids of a group and of a stream that no catalog gave after this open: new ones must be greater. Not less than any that records
    /// have and, in a store that nodes with other catalogs may open, than any that a node before gave, whether it has records or not: each
    /// open has 2^32 of its own. From memory.
    pub fn last_log_ids(&self) -> (GroupId, StreamId) {
        let (snapshot, epoch) = (self.state().snapshot(), self.state().owner.map_or(0, |owner| owner.epoch));
        // Epochs have 24 bits, so that ids fit the catalog's signed integers.
        let first = epoch << 32;
        let mut last = (GroupId(first), StreamId(first));
        let mut add = |group: GroupId, streams: &BTreeMap<StreamId, StreamStats>| {
            let stream = streams.last_key_value().map_or(StreamId(0), |(stream, _)| *stream);
            last = (last.0.max(group), last.1.max(stream));
        };
        for rows in snapshot.segments.iter().flat_map(|segment| segment.groups()) {
            add(rows.group, &rows.streams);
        }
        for memtable in &snapshot.memtables {
            memtable.logs().iter().for_each(|(group, lines)| add(*group, &lines.streams));
        }
        last
    }

    /// Groups and streams whose records were removed and may still be stored: what is appended to them is not shown.
    pub fn removed_logs(&self) -> (Vec<GroupId>, Vec<StreamId>) {
        self.state().snapshot().removed.ids()
    }

    /// Bytes stored of a group as AWS counts them, from memory; see `stream_stats`.
    pub fn group_bytes(&self, group: GroupId) -> u64 {
        self.stream_stats(group).values().map(|stats| stats.bytes).sum()
    }
}
