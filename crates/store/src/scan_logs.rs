//! `scan_logs`: the events of one log group in (timestamp, sequence) order, either way, from memtables and segments.
//!
//! What is skipped: segments without the group, its streams or the time range; row groups outside the time range. Of a row
//! group the key columns are read first, unless the index says that all rows are wanted; messages only of rows that are wanted, and only
//! as far as the visitor goes.

use crate::Store;
use crate::error::Result;
use crate::logs_page::{LogPage, LogRow};
use crate::manifest::Removed;
use crate::memtable::Memtable;
use crate::merge::{Page, Source, merge};
use crate::position::{Direction, Position, Window};
use crate::segment::Segment;
use crate::segment::logs::{KEY_COLUMNS, LogColumns, ROW_COLUMNS};
use model::{GroupId, StreamId, TimeRange, Timestamp};
use std::collections::BTreeSet;
use std::ops::{ControlFlow, Range};
use std::sync::Arc;
use std::sync::atomic::Ordering;

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
    /// Segments that could not be skipped by their metadata.
    pub segments_read: u64,
    /// Segments skipped by their metadata.
    pub segments_skipped: u64,
}

impl Store {
    /// Shows the visitor each event in (timestamp, sequence) order until it breaks. Every append that was acknowledged
    /// before the call is seen; memory is bounded by one page for each segment that the order has reached.
    pub async fn scan_logs(
        &self,
        scan: LogScan,
        visit: &mut (dyn FnMut(LogRow<'_>) -> ControlFlow<()> + Send),
    ) -> Result<ScanStats> {
        // First the sequence, then the snapshot: what is below the sequence is in the snapshot.
        let sequence_end = self.state().visible_logs.load(Ordering::Acquire);
        let snapshot = self.state().snapshot();
        let mut stats = ScanStats::default();
        if snapshot.removed.has_group(scan.group) {
            return Ok(stats);
        }
        let direction = scan.direction;
        let wanted = Arc::new(Wanted::new(&scan, &snapshot.removed, sequence_end));
        let window = Window::new(scan.range, direction, scan.after).not_before(snapshot.removed.logs_from(scan.group));
        let mut sources = Vec::new();
        for memtable in &snapshot.memtables {
            sources.extend(MemoryLogs::open(memtable, &wanted, window).map(LogSource::Memory));
        }
        for segment in &snapshot.segments {
            match SegmentLogs::open(segment, &wanted, window) {
                Some(source) => sources.push(LogSource::Segment(source)),
                None => stats.segments_skipped += 1,
            }
        }
        stats.segments_read = snapshot.segments.len() as u64 - stats.segments_skipped;
        merge(direction, sources, &mut |page: &LogPage, at| {
            let row = page.row(at);
            stats.rows_scanned += 1;
            stats.bytes_scanned += row.message.len() as u64;
            visit(row)
        })
        .await?;
        Ok(stats)
    }
}

/// Which rows a scan wants, besides its window.
pub(crate) struct Wanted {
    pub group: GroupId,
    streams: Option<BTreeSet<StreamId>>,
    removed: Arc<Removed>,
    pub direction: Direction,
    pub sequence_end: u64,
}

impl Wanted {
    pub(crate) fn new(scan: &LogScan, removed: &Arc<Removed>, sequence_end: u64) -> Self {
        Self {
            group: scan.group,
            streams: scan.streams.as_ref().map(|streams| streams.iter().copied().collect()),
            removed: Arc::clone(removed),
            direction: scan.direction,
            sequence_end,
        }
    }

    pub(crate) fn admits(&self, stream: StreamId) -> bool {
        self.streams.as_ref().is_none_or(|streams| streams.contains(&stream)) && !self.removed.has_stream(stream)
    }

    pub(crate) fn bound(&self, min: Timestamp, max: Timestamp) -> Timestamp {
        match self.direction {
            Direction::Forward => min,
            Direction::Backward => max,
        }
    }
}

/// Pages of one memtable or one segment.
enum LogSource {
    Memory(MemoryLogs),
    Segment(SegmentLogs),
}

impl Source for LogSource {
    type Page = LogPage;

    fn bound(&self) -> Timestamp {
        match self {
            LogSource::Memory(memory) => memory.bound,
            LogSource::Segment(segment) => segment.bound,
        }
    }

    async fn next_page(&mut self) -> Result<Option<LogPage>> {
        match self {
            LogSource::Memory(memory) => Ok(memory.next_page()),
            LogSource::Segment(segment) => segment.next_page().await,
        }
    }
}

struct MemoryLogs {
    memtable: Arc<Memtable>,
    wanted: Arc<Wanted>,
    window: Window,
    bound: Timestamp,
}

impl MemoryLogs {
    fn open(memtable: &Arc<Memtable>, wanted: &Arc<Wanted>, window: Window) -> Option<Self> {
        let (min, max) = memtable.group_times(wanted.group)?;
        window.overlaps(min, max).then(|| Self {
            memtable: Arc::clone(memtable),
            wanted: Arc::clone(wanted),
            window,
            // Lines may still be added before the first or after the last one, but none that this scan may see.
            bound: wanted.bound(min, max),
        })
    }

    fn next_page(&mut self) -> Option<LogPage> {
        let Wanted { group, direction, sequence_end, .. } = *self.wanted;
        loop {
            let admits = |stream| self.wanted.admits(stream);
            let (page, last) = self.memtable.log_page(group, &admits, self.window, direction, sequence_end);
            self.window = self.window.after(direction, last?);
            if page.len() > 0 {
                return Some(page);
            }
        }
    }
}

/// First rows of a page read from a segment; pages grow, because most scans stop early. A hundred lines are often asked for.
const PAGE_ROWS_MIN: usize = 128;
/// Most rows of a page read from a segment.
const PAGE_ROWS_MAX: usize = 4096;

struct SegmentLogs {
    segment: Arc<Segment>,
    wanted: Arc<Wanted>,
    window: Window,
    bound: Timestamp,
    /// The group's rows, counted over the segment.
    rows: Range<u64>,
    /// Row groups not looked at yet; taken from the front or the back.
    row_groups: Range<usize>,
    /// The row group in work, and its wanted rows, not read yet, ascending.
    row_group: usize,
    found: Range<usize>,
    found_rows: Vec<u32>,
    page_rows: usize,
}

impl SegmentLogs {
    fn open(segment: &Arc<Segment>, wanted: &Arc<Wanted>, window: Window) -> Option<Self> {
        let group = rows_of_group(segment, wanted, window)?;
        Some(Self {
            segment: Arc::clone(segment),
            wanted: Arc::clone(wanted),
            window: group.window,
            bound: group.bound,
            rows: group.rows,
            row_groups: group.row_groups,
            row_group: 0,
            found: 0..0,
            found_rows: Vec::new(),
            page_rows: PAGE_ROWS_MIN,
        })
    }

    async fn next_page(&mut self) -> Result<Option<LogPage>> {
        while self.found.is_empty() {
            let next = match self.wanted.direction {
                Direction::Forward => self.row_groups.next(),
                Direction::Backward => self.row_groups.next_back(),
            };
            let Some(row_group) = next else { return Ok(None) };
            self.find(row_group).await?;
        }
        let count = self.page_rows.min(self.found.len());
        self.page_rows = (self.page_rows * 4).min(PAGE_ROWS_MAX);
        let chunk = match self.wanted.direction {
            Direction::Forward => {
                let chunk = self.found.start..self.found.start + count;
                self.found.start += count;
                chunk
            }
            Direction::Backward => {
                let chunk = self.found.end - count..self.found.end;
                self.found.end -= count;
                chunk
            }
        };
        let ranges = runs(&self.found_rows[chunk]);
        let mut page = LogPage::default();
        for batch in self.segment.read(self.row_group, ranges, &ROW_COLUMNS).await? {
            LogColumns::of(&batch)?.add_to(&mut page)?;
        }
        if self.wanted.direction == Direction::Backward {
            page.reverse();
        }
        Ok(Some(page))
    }

    /// Notes the rows of a row group that are wanted.
    async fn find(&mut self, row_group: usize) -> Result<()> {
        let skipped = self
            .segment
            .row_groups
            .get(row_group)
            .is_none_or(|group| !self.window.overlaps(group.min_time, group.max_time));
        if skipped {
            return Ok(());
        }
        let rows = self.segment.rows_within(row_group, &self.rows);
        self.found_rows = visible_rows(&self.segment, &self.wanted, row_group, rows, self.window).await?;
        (self.row_group, self.found) = (row_group, 0..self.found_rows.len());
        Ok(())
    }
}

/// The rows of a log group in a segment.
pub(crate) struct GroupPlace {
    /// No row comes before this time, in the direction of the scan.
    pub bound: Timestamp,
    /// Counted over the segment.
    pub rows: Range<u64>,
    /// Row groups that have some of them.
    pub row_groups: Range<usize>,
    /// The part of the scan's window in which the wanted streams have rows here.
    pub window: Window,
}

/// Where a scan would find rows in a segment; `None` when it would find none.
pub(crate) fn rows_of_group(segment: &Segment, wanted: &Wanted, window: Window) -> Option<GroupPlace> {
    let group = segment.group(wanted.group)?;
    let streams = group.streams.iter().filter(|(stream, _)| wanted.admits(**stream)).map(|(_, stats)| stats);
    let streams = streams.filter(|s| window.overlaps(s.first_timestamp, s.last_timestamp));
    let (first, last) = streams.fold((Timestamp::MAX, Timestamp::MIN), |(first, last), s| {
        (first.min(s.first_timestamp), last.max(s.last_timestamp))
    });
    if first > last {
        return None;
    }
    let window = window.within(first, last);
    let rows = group.first_row..group.first_row + group.rows;
    let first = segment.row_groups.partition_point(|g| g.first_row + g.rows <= rows.start);
    let end = segment.row_groups.partition_point(|g| g.first_row < rows.end);
    Some(GroupPlace { bound: wanted.bound(group.min_time, group.max_time), rows, row_groups: first..end, window })
}

/// Those of `rows` of a row group, which are of one log group and counted within the row group, that a scan sees. Their keys are read
/// only when the index leaves it open.
pub(crate) async fn visible_rows(
    segment: &Arc<Segment>,
    wanted: &Wanted,
    row_group: usize,
    rows: Range<usize>,
    window: Window,
) -> Result<Vec<u32>> {
    if are_all_visible(segment, wanted, row_group, window).await? {
        return Ok((rows.start as u32..rows.end as u32).collect());
    }
    let mut visible = Vec::with_capacity(rows.len());
    let mut row = rows.start as u32;
    for batch in segment.read(row_group, vec![rows], &KEY_COLUMNS).await? {
        let columns = LogColumns::of(&batch)?;
        for at in 0..batch.num_rows() {
            let position = columns.position(at);
            let is_seen = position.1 < wanted.sequence_end && window.contains(position);
            if is_seen && wanted.admits(StreamId(columns.stream.value(at))) {
                visible.push(row);
            }
            row += 1;
        }
    }
    Ok(visible)
}

/// True only when a scan sees every row that the log group has in a row group.
async fn are_all_visible(segment: &Arc<Segment>, wanted: &Wanted, row_group: usize, window: Window) -> Result<bool> {
    let (Some(times), Some(group)) = (segment.row_groups.get(row_group), segment.group(wanted.group)) else {
        return Ok(false);
    };
    if !window.covers(times.min_time, times.max_time) || !group.streams.keys().all(|stream| wanted.admits(*stream)) {
        return Ok(false);
    }
    let sequences = segment.sequences(row_group).await?;
    Ok(sequences.is_some_and(|(_, last)| last < wanted.sequence_end))
}

/// Ascending row numbers as ranges.
pub(crate) fn runs(rows: &[u32]) -> Vec<Range<usize>> {
    rows.chunk_by(|a, b| a + 1 == *b)
        .filter_map(|run| Some(*run.first()? as usize..*run.last()? as usize + 1))
        .collect()
}
