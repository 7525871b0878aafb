//! A page of log rows on their way to the visitor: small columns and one string for all messages.

use crate::merge::Page;
use crate::position::Position;
use model::{StreamId, Timestamp};

/// One log event as a scan shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRow<'a> {
    /// The stream it belongs to.
    pub stream: StreamId,
    /// When it happened.
    pub timestamp: Timestamp,
    /// When it was received.
    pub ingestion_time: Timestamp,
    /// Its number in order of acceptance.
    pub sequence: u64,
    /// The exact text.
    pub message: &'a str,
}

#[derive(Debug, Clone, Copy)]
struct Line {
    position: Position,
    stream: StreamId,
    ingestion_time: Timestamp,
    start: usize,
    end: usize,
}

/// Log rows in scan order.
#[derive(Debug, Default)]
pub(crate) struct LogPage {
    lines: Vec<Line>,
    text: String,
}

impl LogPage {
    /// Adds a row at the end.
    pub(crate) fn push(&mut self, position: Position, stream: StreamId, ingestion_time: Timestamp, message: &str) {
        let start = self.text.len();
        self.text.push_str(message);
        self.lines.push(Line { position, stream, ingestion_time, start, end: self.text.len() });
    }

    /// Bytes of text.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Turns the order round.
    pub(crate) fn reverse(&mut self) {
        self.lines.reverse();
    }

    /// Row `at`, which is less than `len`.
    pub(crate) fn row(&self, at: usize) -> LogRow<'_> {
        let line = &self.lines[at];
        LogRow {
            stream: line.stream,
            timestamp: line.position.0,
            ingestion_time: line.ingestion_time,
            sequence: line.position.1,
            message: &self.text[line.start..line.end],
        }
    }
}

impl Page for LogPage {
    fn len(&self) -> usize {
        self.lines.len()
    }

    fn position(&self, at: usize) -> Position {
        self.lines[at].position
    }
}
