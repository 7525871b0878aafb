//! A page of audit events on their way to the visitor.

use crate::merge::Page;
use crate::position::Position;
use model::Event;

/// One audit event as a scan shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRow {
    /// Its number in order of acceptance.
    pub sequence: u64,
    /// The event.
    pub event: Event,
}

/// Events in scan order.
#[derive(Debug, Default)]
pub(crate) struct EventPage {
    pub rows: Vec<EventRow>,
}

impl Page for EventPage {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn position(&self, at: usize) -> Position {
        let row = &self.rows[at];
        (row.event.time, row.sequence)
    }
}
