//! `scan_logs`: the events of one log group in (timestamp, sequence) order, either way, from memtables and segments.

use crate::Store;
use crate::error::Result;
use crate::logs_page::{LogPage, LogRow};
use crate::memtable::Memtable;
use crate::merge::{Source, merge};
use crate::position::{Direction, Position, Window};
use model::{GroupId, StreamId, TimeRange, Timestamp};
use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

/// What to scan of the logs.
#[derive(Debug, Clone, PartialEq)]
pub struct LogScan {
    /// The group.
    pub group: GroupId,
    /// Only these streams; `None` for all.
    pub streams: Option<Vec<StreamId>>,
    /// Only events of this time range.
    pub range: TimeRange,
    /// Oldest or newest first.
    pub direction: Direction,
    /// Resume strictly after this position in the direction.
    pub after: Option<Position>,
}

/// What a scan cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ScanStats {
    /// Rows shown to the visitor.
    pub rows_scanned: u64,
    /// Bytes of messages or records shown to the visitor.
    pub bytes_scanned: u64,
    /// Segments of which something was read.
    pub segments_read: u64,
    /// Segments skipped by their metadata.
    pub segments_skipped: u64,
}

impl Store {
    /// Shows the visitor each event in (timestamp, sequence) order until it breaks. Every append that was acknowledged
    /// before the call is seen; memory is bounded by a few pages per segment that overlaps.
    pub async fn scan_logs(
        &self,
        scan: LogScan,
        visit: &mut (dyn FnMut(LogRow<'_>) -> ControlFlow<()> + Send),
    ) -> Result<ScanStats> {
        let sequence_end = self.visible_log_sequence();
        let snapshot = self.snapshot();
        let window = Window::new(scan.range, scan.direction, scan.after);
        let streams: Option<Arc<BTreeSet<StreamId>>> = scan.streams.map(|s| Arc::new(s.into_iter().collect()));
        let mut stats = ScanStats::default();
        let mut sources = Vec::new();
        for memtable in &snapshot.memtables {
            let Some((min, max)) = memtable.group_times(scan.group) else { continue };
            if window.overlaps(min, max) {
                sources.push(LogSource::Memory(MemoryLogs {
                    memtable: Arc::clone(memtable),
                    group: scan.group,
                    streams: streams.clone(),
                    window,
                    direction: scan.direction,
                    sequence_end,
                    bound: if scan.direction == Direction::Forward { min } else { max },
                }));
            }
        }
        merge(scan.direction, sources, &mut |page: &LogPage, at| {
            let row = page.row(at);
            stats.rows_scanned += 1;
            stats.bytes_scanned += row.message.len() as u64;
            visit(row)
        })
        .await?;
        Ok(stats)
    }
}

/// Pages of one memtable or one segment.
enum LogSource {
    Memory(MemoryLogs),
}

struct MemoryLogs {
    memtable: Arc<Memtable>,
    group: GroupId,
    streams: Option<Arc<BTreeSet<StreamId>>>,
    window: Window,
    direction: Direction,
    sequence_end: u64,
    bound: Timestamp,
}

impl MemoryLogs {
    fn next_page(&mut self) -> Option<LogPage> {
        loop {
            let (page, last) = self.memtable.log_page(
                self.group,
                self.streams.as_deref(),
                self.window,
                self.direction,
                self.sequence_end,
            );
            self.window = self.window.after(self.direction, last?);
            if page.bytes() > 0 || crate::merge::Page::len(&page) > 0 {
                return Some(page);
            }
        }
    }
}

impl Source for LogSource {
    type Page = LogPage;

    fn bound(&self) -> Timestamp {
        match self {
            LogSource::Memory(memory) => memory.bound,
        }
    }

    async fn next_page(&mut self) -> Result<Option<LogPage>> {
        match self {
            LogSource::Memory(memory) => Ok(memory.next_page()),
        }
    }
}
