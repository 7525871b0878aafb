//! `RecordSource`: the parts of the log or the event table, as the store cuts them.

use super::SqlError;
use super::error::external;
use super::scan::{Counts, Source};
use super::wanted::Wanted;
use datafusion::arrow::array::RecordBatch;
use datafusion::common::Result;
use futures::stream::{BoxStream, StreamExt, try_unfold};
use model::{TimeRange, Timestamp};
use std::fmt::{self, Write};
use std::sync::Arc;
use store::{FIELD_COLUMNS, LogField, OpenPart, PartReader, Parts, ReadStats, Table, TableFilter};

/// Makes an answer's batch from a store's batch. Texts of events may be packed in both.
pub(super) type Shape = Arc<dyn Fn(RecordBatch) -> Result<RecordBatch> + Send + Sync>;

/// The parts of a table that a filter leaves.
pub(super) struct RecordSource {
    table: Table,
    parts: Parts,
    filter: Arc<TableFilter>,
    /// Columns of the store that are read.
    columns: Vec<&'static str>,
    shape: Shape,
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
        let Some(part) = self.parts.parts.get(part) else { return futures::stream::empty().boxed() };
        let direction = wanted.direction();
        let reader = PartReader::new(self.table, Arc::clone(&self.filter), self.columns.clone(), direction).packed();
        let open = reader.open(part.clone());
        let state = PartRead { source: self, reader, open, wanted, counts, counted: ReadStats::default() };
        try_unfold(state, |mut state| async move {
            let batch = state.next().await?;
            Ok(batch.map(|batch| (batch, state)))
        })
        .boxed()
    }
}

/// A part in work.
struct PartRead {
    source: Arc<RecordSource>,
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
        self.counts.rows_seen.add(more(stats.rows_seen, self.counted.rows_seen));
        self.counted = stats;
        let batch = read.map_err(|error| external(SqlError::Store(error)))?;
        batch.map(|batch| (self.source.shape)(batch)).transpose()
    }
}
