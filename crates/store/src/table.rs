//! `View` and `TablePart`: the log and event tables cut into parts that can be read beside each other, for queries over columns.
//!
//! A view is one consistent state of the store: each record that was acknowledged before it was taken is in exactly one part.
//! What is skipped: segments and row groups without the time range, the groups or the streams here, from memory alone;
//! further row groups and rows when a part is read (`table_read.rs`).

use crate::Store;
use crate::filter_cache::FilterCache;
use crate::log_fields::LogField;
use crate::manifest::Removed;
use crate::memtable::Memtable;
use crate::segment::{Keys, Kind, Segment, logs};
use crate::state::{Snapshot, State};
use crate::table_events;
use arrow_schema::{DataType, Schema};
use model::{GroupId, SeriesKey, StreamId, TimeRange, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// A table that can be read by columns. Metrics are read by series instead (`Store::scan_series`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// Log events; columns as in log segments.
    Logs,
    /// Audit events; columns as in `table_events.rs`.
    Events,
}

impl Table {
    /// The column that a time range is about.
    pub fn time_column(self) -> &'static str {
        match self {
            Table::Logs => "timestamp",
            Table::Events => "time",
        }
    }

    /// Names of all columns.
    pub fn columns(self) -> &'static [&'static str] {
        match self {
            Table::Logs => &logs::COLUMNS,
            Table::Events => &table_events::COLUMNS,
        }
    }

    /// Whether a column holds plain text, on which `TableFilter` can put conditions.
    pub fn is_text(self, column: &str) -> bool {
        self.schema().field_with_name(column).is_ok_and(|field| *field.data_type() == DataType::Utf8)
    }

    /// Whether few values repeat themselves in a column, and `PartReader::packed` has its texts as dictionaries.
    pub fn is_packed(self, column: &str) -> bool {
        match self {
            Table::Logs => false,
            Table::Events => table_events::is_packed(column),
        }
    }

    /// Types of all columns, in the order of `columns`.
    pub fn schema(self) -> Arc<Schema> {
        match self {
            Table::Logs => logs::schema(),
            Table::Events => table_events::schema(),
        }
    }

    fn kind(self) -> Kind {
        match self {
            Table::Logs => Kind::Logs,
            Table::Events => Kind::Events,
        }
    }
}

/// Conditions on rows, all of which must hold. Parts use them to read less; they may still yield rows that do not meet the
/// conditions on text, so whoever asks checks again. Only what the messages of logs must contain needs no second look: that is exact.
#[derive(Debug, Clone, PartialEq)]
pub struct TableFilter {
    /// Only rows of this time range.
    pub range: TimeRange,
    /// Only rows of these log groups; `None` for all. Of no meaning for events.
    pub groups: Option<BTreeSet<GroupId>>,
    /// Only rows of these log streams; `None` for all. Of no meaning for events.
    pub streams: Option<BTreeSet<StreamId>>,
    /// Text columns, each with the values of which it must have one.
    pub one_of: Vec<(&'static str, BTreeSet<String>)>,
    /// Text columns, each with a text that it must contain.
    pub contains: Vec<(&'static str, String)>,
    /// Fields of log lines that are columns of this read: `FIELD_COLUMNS` names them, in this order.
    pub fields: Vec<LogField>,
}

impl Default for TableFilter {
    /// No condition.
    fn default() -> Self {
        let (groups, streams) = (None, None);
        Self { range: TimeRange::ALL, groups, streams, one_of: Vec::new(), contains: Vec::new(), fields: Vec::new() }
    }
}

impl TableFilter {
    fn has_group(&self, group: GroupId) -> bool {
        self.groups.as_ref().is_none_or(|groups| groups.contains(&group))
    }

    fn has_stream(&self, stream: StreamId) -> bool {
        self.streams.as_ref().is_none_or(|streams| streams.contains(&stream))
    }
}

/// Rows of one row group that belong together: those of one log group, or all of them.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    /// Counted from the row group's start.
    pub rows: Range<usize>,
    /// The times that are asked for and not removed.
    pub window: TimeRange,
    /// Whether some rows may lie outside the window, or belong to a stream that is not wanted.
    pub check_times: bool,
    pub check_streams: bool,
}

#[derive(Debug, Clone)]
pub(crate) enum PartSource {
    MemoryLogs { memtable: Arc<Memtable>, group: GroupId, window: TimeRange },
    MemoryEvents { memtable: Arc<Memtable>, window: TimeRange },
    RowGroup { segment: Arc<Segment>, row_group: usize, runs: Vec<Run> },
}

/// A part of a table: the rows of one memtable (for logs, of one group in it) or of one row group.
#[derive(Debug, Clone)]
pub struct TablePart {
    pub(crate) source: PartSource,
    pub(crate) sequence_end: u64,
    pub(crate) removed: Arc<Removed>,
    pub(crate) filter_cache: Arc<FilterCache>,
    /// No row is earlier.
    pub min_time: Timestamp,
    /// No row is later.
    pub max_time: Timestamp,
    /// Rows at most; 0 for memtables, whose rows are not counted by group.
    pub rows: u64,
}

/// The parts that a filter leaves, and what it skipped.
#[derive(Debug, Clone, Default)]
pub struct Parts {
    /// What is left, in no particular order.
    pub parts: Vec<TablePart>,
    /// Segments of the table.
    pub segments: usize,
    /// Segments of which no row group is left.
    pub segments_skipped: usize,
    /// Row groups of the table.
    pub row_groups: usize,
    /// Row groups that were skipped.
    pub row_groups_skipped: usize,
}

/// One consistent state of the store. Segments stay readable while it is held.
#[derive(Debug, Clone)]
pub struct View {
    state: Arc<State>,
    snapshot: Arc<Snapshot>,
    logs_end: u64,
    events_end: u64,
}

impl Store {
    /// The store as it is now.
    pub fn view(&self) -> View {
        // First the snapshot, then the sequences: a segment holds visible records only, and of the active memtable the
        // sequences say how far it counts. (A scan that merges takes them the other way round; both see all that was
        // acknowledged before.)
        let snapshot = self.state().snapshot();
        let logs_end = self.state().visible_logs.load(Ordering::Acquire);
        let events_end = self.state().visible_events.load(Ordering::Acquire);
        View { state: Arc::clone(self.state()), snapshot, logs_end, events_end }
    }

    /// Every series, over all accounts and regions, that `admits`, in key order.
    pub fn series_where(&self, admits: &dyn Fn(&SeriesKey) -> bool) -> Vec<Arc<SeriesKey>> {
        self.state().series().all().filter(|key| admits(key)).cloned().collect()
    }

    /// First and last time of all datapoints that are kept; `None` when there are none.
    pub fn metric_times(&self) -> Option<(Timestamp, Timestamp)> {
        let snapshot = self.state().snapshot();
        let metric = |segment: &&Arc<Segment>| segment.entry.kind == Kind::Metrics;
        let stored = snapshot.segments.iter().filter(metric).map(|segment| (segment.min_time(), segment.max_time()));
        let mut times: Vec<(Timestamp, Timestamp)> = stored.collect();
        for memtable in &snapshot.memtables {
            times.extend(memtable.metrics().times());
        }
        let min = times.iter().map(|(min, _)| *min).min()?;
        let max = times.iter().map(|(_, max)| *max).max()?;
        (max >= snapshot.removed.metrics_from()).then(|| (min.max(snapshot.removed.metrics_from()), max))
    }
}

impl View {
    /// The same without what is in memory. After a flush it has all that was acknowledged before the flush began.
    #[must_use]
    pub fn of_segments(self) -> Self {
        let snapshot = Snapshot { memtables: Vec::new(), ..Snapshot::clone(&self.snapshot) };
        Self { snapshot: Arc::new(snapshot), ..self }
    }

    /// The log groups that have rows in it.
    pub fn log_groups(&self) -> BTreeSet<GroupId> {
        let mut groups = BTreeSet::new();
        for segment in &self.snapshot.segments {
            if let Keys::Logs(rows) = &segment.keys {
                groups.extend(rows.iter().map(|rows| rows.group));
            }
        }
        for memtable in &self.snapshot.memtables {
            groups.extend(memtable.logs().keys().copied());
        }
        groups.retain(|group| !self.snapshot.removed.has_group(*group));
        groups
    }

    /// The parts of a table that may have rows for the filter.
    pub fn parts(&self, table: Table, filter: &TableFilter) -> Parts {
        let mut found = Parts::default();
        for memtable in &self.snapshot.memtables {
            match table {
                Table::Logs => self.memory_logs(memtable, filter, &mut found.parts),
                Table::Events => self.memory_events(memtable, filter, &mut found.parts),
            }
        }
        for segment in self.snapshot.segments.iter().filter(|segment| segment.entry.kind == table.kind()) {
            let runs = match table {
                Table::Logs => self.log_runs(segment, filter),
                Table::Events => self.event_runs(segment, filter),
            };
            found.segments += 1;
            found.segments_skipped += usize::from(runs.is_empty());
            found.row_groups += segment.row_groups.len();
            found.row_groups_skipped += segment.row_groups.len() - runs.len();
            found.parts.extend(runs.into_iter().map(|(row_group, runs)| self.row_group(segment, row_group, runs)));
        }
        found
    }

    fn part(&self, source: PartSource, sequence_end: u64, times: (Timestamp, Timestamp), rows: u64) -> TablePart {
        let (removed, filter_cache) = (Arc::clone(&self.snapshot.removed), Arc::clone(&self.state.filter_cache));
        TablePart { source, sequence_end, removed, filter_cache, min_time: times.0, max_time: times.1, rows }
    }

    fn memory_logs(&self, memtable: &Arc<Memtable>, filter: &TableFilter, parts: &mut Vec<TablePart>) {
        let groups: Vec<GroupId> = memtable.logs().keys().copied().collect();
        for group in groups.into_iter().filter(|group| filter.has_group(*group)) {
            if self.snapshot.removed.has_group(group) {
                continue;
            }
            let window = self.log_window(group, filter);
            let Some((min, max)) = memtable.group_times(group) else { continue };
            if window.overlaps(min, max) {
                let source = PartSource::MemoryLogs { memtable: Arc::clone(memtable), group, window };
                parts.push(self.part(source, self.logs_end, (min, max), 0));
            }
        }
    }

    fn memory_events(&self, memtable: &Arc<Memtable>, filter: &TableFilter, parts: &mut Vec<TablePart>) {
        let window = filter.range;
        if let Some((min, max)) = memtable.event_times().filter(|(min, max)| window.overlaps(*min, *max)) {
            let source = PartSource::MemoryEvents { memtable: Arc::clone(memtable), window };
            parts.push(self.part(source, self.events_end, (min, max), 0));
        }
    }

    fn log_window(&self, group: GroupId, filter: &TableFilter) -> TimeRange {
        TimeRange::new(filter.range.start.max(self.snapshot.removed.logs_from(group)), filter.range.end)
    }

    /// Runs of wanted rows by row group.
    fn log_runs(&self, segment: &Segment, filter: &TableFilter) -> BTreeMap<usize, Vec<Run>> {
        let mut runs: BTreeMap<usize, Vec<Run>> = BTreeMap::new();
        let Keys::Logs(groups) = &segment.keys else { return runs };
        let removed = &self.snapshot.removed;
        let wanted = |stream: &StreamId| filter.has_stream(*stream) && !removed.has_stream(*stream);
        for rows in groups.iter().filter(|rows| filter.has_group(rows.group) && !removed.has_group(rows.group)) {
            let window = self.log_window(rows.group, filter);
            let mut streams = rows.streams.iter();
            if !streams.any(|(id, stats)| wanted(id) && window.overlaps(stats.first_timestamp, stats.last_timestamp)) {
                continue;
            }
            let check_streams = !rows.streams.keys().all(wanted);
            let range = rows.first_row..rows.first_row + rows.rows;
            let first = segment.row_groups.partition_point(|g| g.first_row + g.rows <= range.start);
            let end = segment.row_groups.partition_point(|g| g.first_row < range.end);
            for (row_group, about) in segment.row_groups.iter().enumerate().take(end).skip(first) {
                let (min, max) = (rows.min_time.max(about.min_time), rows.max_time.min(about.max_time));
                if window.overlaps(min, max) {
                    let check_times = !(window.contains(min) && window.contains(max));
                    let rows = segment.rows_within(row_group, &range);
                    runs.entry(row_group).or_default().push(Run { rows, window, check_times, check_streams });
                }
            }
        }
        runs
    }

    fn event_runs(&self, segment: &Segment, filter: &TableFilter) -> BTreeMap<usize, Vec<Run>> {
        let window = filter.range;
        let mut runs = BTreeMap::new();
        for (row_group, about) in segment.row_groups.iter().enumerate() {
            if window.overlaps(about.min_time, about.max_time) {
                let check_times = !(window.contains(about.min_time) && window.contains(about.max_time));
                let rows = 0..about.rows as usize;
                runs.insert(row_group, vec![Run { rows, window, check_times, check_streams: false }]);
            }
        }
        runs
    }

    fn row_group(&self, segment: &Arc<Segment>, row_group: usize, runs: Vec<Run>) -> TablePart {
        let about = &segment.row_groups[row_group];
        let times = (about.min_time, about.max_time);
        let rows = runs.iter().map(|run| run.rows.len() as u64).sum();
        let source = PartSource::RowGroup { segment: Arc::clone(segment), row_group, runs };
        self.part(source, u64::MAX, times, rows)
    }
}
