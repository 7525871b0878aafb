//! `RecordSource`: the parts of the log or the event table, as the store cuts them.

use super::SqlError;
use super::error::external;
use super::logs::LogShape;
use super::scan::{Counts, MASKED, Source};
use super::wanted::Wanted;
use datafusion::arrow::array::RecordBatch;
use datafusion::common::Result;
use futures::stream::{BoxStream, StreamExt, try_unfold};
use model::{TimeRange, Timestamp};
use std::fmt::{self, Write};
use std::sync::Arc;
use store::{FIELD_COLUMNS, LogField, OpenPart, PartReader, Parts, ReadStats, Table, TableFilter, TablePart};

/// How an answer's batch is made from a store's batch. Texts of events may be packed in both.
#[derive(Clone)]
pub(super) enum Shape {
    /// They are the same.
    Same,
    /// Names for ids, and what masks leave of lines.
    Logs(Arc<LogShape>),
    /// Some other way.
    Made(Arc<dyn Fn(RecordBatch) -> Result<RecordBatch> + Send + Sync>),
}

impl Shape {
    /// The answer's batch.
    pub(super) fn of(&self, batch: RecordBatch) -> Result<RecordBatch> {
        match self {
            Shape::Same => Ok(batch),
            Shape::Logs(shape) => shape.of(&batch),
            Shape::Made(make) => make(batch),
        }
    }
}

/// The parts of a table that a filter leaves.
pub(super) struct RecordSource {
    pub table: Table,
    pub parts: Parts,
    pub filter: Arc<TableFilter>,
    /// Columns of the store that are read.
    pub columns: Vec<&'static str>,
    pub shape: Shape,
}

impl RecordSource {
    /// Reads `columns` and shapes what was read.
    pub(super) fn new(
        table: Table,
        parts: Parts,
        filter: TableFilter,
        columns: Vec<&'static str>,
        shape: Shape,
    ) -> Self {
        Self { table, parts, filter: Arc::new(filter), columns, shape }
    }
}

impl fmt::Debug for RecordSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RecordSource").field("table", &self.table).finish_non_exhaustive()
    }
}

/// `, time=[from..to)` where a range is not all of time.
pub(super) fn describe_range(range: TimeRange) -> String {
    let end = |time: Timestamp| match time {
        Timestamp::MIN | Timestamp::MAX => String::new(),
        time => time.to_string(),
    };
    if range == TimeRange::ALL {
        return String::new();
    }
    format!(", time=[{}..{})", end(range.start), end(range.end))
}

impl Source for RecordSource {
    fn describe(&self) -> String {
        let Parts { parts, segments, segments_skipped, row_groups, row_groups_skipped } = &self.parts;
        let memory = parts.len() - (row_groups - row_groups_skipped);
        let mut text = match self.table {
            Table::Logs => "table=logs".to_owned(),
            Table::Events => "table=events".to_owned(),
        };
        text += &describe_range(self.filter.range);
        let mut add = |what: fmt::Arguments<'_>| {
            // Writing to a string does not fail.
            let _ = text.write_fmt(what);
        };
        if let Some(groups) = &self.filter.groups {
            add(format_args!(", groups={}", groups.len()));
        }
        if let Some(streams) = &self.filter.streams {
            add(format_args!(", streams={}", streams.len()));
        }
        let name = |column: &str| match FIELD_COLUMNS.iter().position(|name| *name == column) {
            Some(at) => self.filter.fields.get(at).map(LogField::to_string).unwrap_or_default(),
            None => column.to_owned(),
        };
        for (column, values) in &self.filter.one_of {
            let column = name(column);
            add(format_args!(", {column} is one of {}", values.len()));
        }
        for (column, part) in &self.filter.contains {
            add(format_args!(", {column} contains {part:?}"));
        }
        let columns: Vec<String> = self.columns.iter().map(|column| name(column)).collect();
        add(format_args!(", columns=[{}]", columns.join(", ")));
        add(format_args!(", segments skipped={segments_skipped}/{segments}"));
        add(format_args!(", row groups skipped={row_groups_skipped}/{row_groups}, memory parts={memory}"));
        text
    }

    fn parts(&self) -> Vec<(Timestamp, Timestamp)> {
        self.parts.parts.iter().map(|part| (part.min_time, part.max_time)).collect()
    }

    fn read(self: Arc<Self>, part: usize, wanted: Wanted, counts: Counts) -> BoxStream<'static, Result<RecordBatch>> {
        let Some(part) = self.parts.parts.get(part).cloned() else { return futures::stream::empty().boxed() };
        read((self.table, &self.filter, &self.columns), self.shape.clone(), part, wanted, counts)
    }

    fn travels(&self) -> std::result::Result<&RecordSource, &'static str> {
        match &self.shape {
            Shape::Same => Ok(self),
            Shape::Logs(shape) if shape.masks.is_none() => Ok(self),
            Shape::Logs(_) => Err(MASKED),
            Shape::Made(_) => Err("its rows are made here"),
        }
    }
}

/// Reads the columns of a part, and shapes them.
pub(super) fn read(
    (table, filter, columns): (Table, &Arc<TableFilter>, &[&'static str]),
    shape: Shape,
    part: TablePart,
    wanted: Wanted,
    counts: Counts,
) -> BoxStream<'static, Result<RecordBatch>> {
    let direction = wanted.direction();
    let reader = PartReader::new(table, Arc::clone(filter), columns.to_vec(), direction).packed();
    let open = reader.open(part);
    let state = PartRead { shape, reader, open, wanted, counts, counted: ReadStats::default() };
    try_unfold(state, |mut state| async move {
        let batch = state.next().await?;
        Ok(batch.map(|batch| (batch, state)))
    })
    .boxed()
}

/// A part in work.
struct PartRead {
    shape: Shape,
    reader: PartReader,
    open: OpenPart,
    wanted: Wanted,
    counts: Counts,
    counted: ReadStats,
}

impl PartRead {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let read = self.reader.next(&mut self.open, self.wanted.range()).await;
        let stats = self.reader.stats();
        let more = |now: u64, before: u64| (now - before) as usize;
        self.counts.row_groups_skipped.add(more(stats.row_groups_skipped, self.counted.row_groups_skipped));
        self.counts.row_groups_known.add(more(stats.row_groups_known, self.counted.row_groups_known));
        self.counts.rows_seen.add(more(stats.rows_seen, self.counted.rows_seen));
        self.counted = stats;
        let batch = read.map_err(|error| external(SqlError::Store(error)))?;
        batch.map(|batch| self.shape.of(batch)).transpose()
    }
}
