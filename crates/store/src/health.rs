//! `Health`: what an operator wants to know of the store.

use crate::Store;
use crate::state::lock;
use std::sync::atomic::Ordering;

/// The state of the store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Why writes are refused; `None` when they are not.
    pub poisoned: Option<String>,
    /// Why the last flush failed; `None` when it did not. Nothing is lost then, but memory and journal grow.
    pub flush_error: Option<String>,
    /// Bytes of journals that a restart would replay.
    pub journal_bytes: u64,
    /// Bytes of memory that records take before they are in segments, estimated.
    pub memtable_bytes: u64,
    /// Number of segments.
    pub segments: u64,
    /// Bytes of segments.
    pub segment_bytes: u64,
    /// Number of metric series known.
    pub series: u64,
    /// The next sequence number of a log event.
    pub next_log_sequence: u64,
    /// The next sequence number of an audit event.
    pub next_event_sequence: u64,
}

impl Store {
    /// Returns when another node has taken this store over, which this one learns by its next write or `maintain`. It writes no more,
    /// and what it shows grows old.
    pub async fn taken_over(&self) {
        // The sender lives as long as the state.
        let _ = self.state().taken_over.subscribe().wait_for(|taken| *taken).await;
    }

    /// The present state, from memory.
    pub fn health(&self) -> Health {
        let state = self.state();
        let snapshot = state.snapshot();
        Health {
            poisoned: state.poisoned.get().cloned(),
            flush_error: state.flush_error(),
            journal_bytes: lock(&state.journals).values().sum(),
            memtable_bytes: state.memtable_bytes() as u64,
            segments: snapshot.segments.len() as u64,
            segment_bytes: snapshot.segments.iter().map(|segment| segment.entry.bytes).sum(),
            series: state.series().len() as u64,
            next_log_sequence: state.visible_logs.load(Ordering::Acquire),
            next_event_sequence: state.visible_events.load(Ordering::Acquire),
        }
    }
}
