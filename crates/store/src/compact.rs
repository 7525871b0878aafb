//! Rewrites segments of one kind as one: merges them in order and leaves out what was removed.
//!
//! A rewrite changes nothing until the manifest lists the new segment instead of the old ones; a crash before leaves an orphan.

use crate::error::{Error, Result};
use crate::manifest::Removed;
use crate::segment::events::EventWriter;
use crate::segment::logs::{LogColumns, LogWriter};
use crate::segment::metrics::MetricWriter;
use crate::segment::{Keys, Kind, ROW_GROUP_BYTES_MAX, Segment, SegmentWriter, column, events, logs, metrics};
use crate::series::SeriesNumber;
use crate::state::{Change, State};
use arrow_array::{RecordBatch, StringArray, TimestampMillisecondArray};
use arrow_select::interleave::interleave_record_batch;
use model::{GroupId, SeriesKey, StreamId, Timestamp};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::sync::Arc;

/// Rows that are read of an input at a time.
const READ_ROWS: usize = 4096;

/// Place of a row in the order of its table: (group or rank of the series, time, sequence).
type Key = (u64, i64, u64);

/// Rewrites `inputs`, all of one kind, and commits the result. Answers false when they were gone at the end.
pub(crate) async fn rewrite(state: &Arc<State>, inputs: Vec<Arc<Segment>>, removed: Arc<Removed>) -> Result<bool> {
    let Some(kind) = inputs.first().map(|segment| segment.entry.kind) else { return Ok(false) };
    let drop = inputs.iter().map(|segment| segment.entry.id).collect();
    let writer = SegmentWriter::new(state.next_segment(), kind, state.options.row_group_rows)?;
    let mut rewrite = Rewrite::new(state, kind, writer, &inputs, removed);
    for (at, segment) in inputs.into_iter().enumerate() {
        rewrite.inputs.push(Input { segment, row_group: 0, row: 0, batch: 0, keys: Vec::new(), at: 0 });
        rewrite.advance(at).await?;
    }
    while let Some(Reverse((_, input))) = rewrite.heads.pop() {
        rewrite.take(input)?;
        rewrite.advance(input).await?;
    }
    rewrite.write()?;
    let encoded = {
        let series = state.series();
        let (writer, keys) = rewrite.output.finish(&series)?;
        if writer.rows() == 0 { None } else { Some(writer.finish(keys, &series)?) }
    };
    let add = match encoded {
        Some(encoded) => vec![encoded.put(&state.objects).await?],
        None => Vec::new(),
    };
    state.commit(Change { add, drop, ..Change::default() }).await
}

/// One segment that is read from its start to its end.
struct Input {
    segment: Arc<Segment>,
    /// Where to read on.
    row_group: usize,
    row: usize,
    /// The batch in work, its keys (`None` for rows that go), and the place in it.
    batch: usize,
    keys: Vec<Option<Key>>,
    at: usize,
}

enum Output {
    Logs(LogWriter),
    // Boxed: its column builders make it the largest by far.
    Metrics(Box<MetricWriter>),
    Events(EventWriter),
}

impl Output {
    fn finish(self, series: &crate::series::SeriesIndex) -> Result<(SegmentWriter, Keys)> {
        match self {
            Output::Logs(writer) => Ok(writer.finish()),
            Output::Metrics(writer) => writer.finish(series),
            Output::Events(writer) => Ok(writer.finish()),
        }
    }
}

struct Rewrite {
    kind: Kind,
    removed: Arc<Removed>,
    /// For metrics: rank of each series in key order, and the other way round.
    ranks: BTreeMap<SeriesNumber, u64>,
    ranked: Vec<SeriesNumber>,
    inputs: Vec<Input>,
    heads: BinaryHeap<Reverse<(Key, usize)>>,
    /// Batches that `chosen` points into.
    batches: Vec<RecordBatch>,
    chosen: Vec<(usize, usize)>,
    chosen_series: Vec<SeriesNumber>,
    chosen_bytes: usize,
    row_group_rows: usize,
    output: Output,
}

impl Rewrite {
    fn new(state: &State, kind: Kind, writer: SegmentWriter, inputs: &[Arc<Segment>], removed: Arc<Removed>) -> Self {
        let row_group_rows = match kind {
            Kind::Logs => state.options.row_group_rows.min(logs::ROW_GROUP_ROWS_MAX),
            Kind::Metrics | Kind::Events => state.options.row_group_rows,
        };
        let mut keys: Vec<(Arc<SeriesKey>, SeriesNumber)> = Vec::new();
        if kind == Kind::Metrics {
            let series = state.series();
            for segment in inputs {
                let Keys::Metrics { rows, .. } = &segment.keys else { continue };
                keys.extend(rows.iter().filter_map(|rows| Some((Arc::clone(series.key(rows.series)?), rows.series))));
            }
            keys.sort_unstable();
            keys.dedup_by_key(|(_, number)| *number);
        }
        let ranked: Vec<SeriesNumber> = keys.into_iter().map(|(_, number)| number).collect();
        Self {
            kind,
            removed,
            ranks: ranked.iter().enumerate().map(|(rank, number)| (*number, rank as u64)).collect(),
            ranked,
            inputs: Vec::new(),
            heads: BinaryHeap::new(),
            batches: Vec::new(),
            chosen: Vec::new(),
            chosen_series: Vec::new(),
            chosen_bytes: 0,
            row_group_rows,
            output: match kind {
                Kind::Logs => Output::Logs(LogWriter::new(writer)),
                Kind::Metrics => Output::Metrics(Box::new(MetricWriter::new(writer, row_group_rows))),
                Kind::Events => Output::Events(EventWriter { writer }),
            },
        }
    }

    /// Moves an input to its next row that stays, and offers that row; does nothing at the input's end.
    async fn advance(&mut self, at: usize) -> Result<()> {
        loop {
            let input = &mut self.inputs[at];
            while input.at < input.keys.len() {
                if let Some(key) = input.keys[input.at] {
                    self.heads.push(Reverse((key, at)));
                    return Ok(());
                }
                input.at += 1;
            }
            if !self.read(at).await? {
                return Ok(());
            }
        }
    }

    /// Reads the next batch of an input; false at its end.
    async fn read(&mut self, at: usize) -> Result<bool> {
        let input = &mut self.inputs[at];
        let Some(group) = input.segment.row_groups.get(input.row_group).copied() else { return Ok(false) };
        let end = (input.row + READ_ROWS).min(group.rows as usize);
        let first_row = group.first_row + input.row as u64;
        let columns: &[&str] = match self.kind {
            Kind::Logs => &logs::COLUMNS,
            Kind::Metrics => &metrics::COLUMNS,
            Kind::Events => &events::COLUMNS,
        };
        let ranges: Vec<_> = std::iter::once(input.row..end).collect();
        let mut batches = input.segment.read(input.row_group, ranges, columns).await?;
        (input.row_group, input.row) =
            if end == group.rows as usize { (input.row_group + 1, 0) } else { (input.row_group, end) };
        let (Some(batch), true) = (batches.pop(), batches.is_empty()) else {
            return Err(Error::Bug("a read of one range gives one batch".into()));
        };
        let keys = self.keys(at, &batch, first_row)?;
        let input = &mut self.inputs[at];
        (input.batch, input.keys, input.at) = (self.batches.len(), keys, 0);
        self.batches.push(batch);
        Ok(true)
    }

    fn keys(&self, at: usize, batch: &RecordBatch, first_row: u64) -> Result<Vec<Option<Key>>> {
        match self.kind {
            Kind::Logs => {
                let columns = LogColumns::of(batch)?;
                let group = columns.group.ok_or_else(|| Error::Bug("a rewrite reads all columns".into()))?;
                let key = |row| {
                    let (time, sequence) = columns.position(row);
                    let (group, stream) = (GroupId(group.value(row)), StreamId(columns.stream.value(row)));
                    (!self.removed.has_log(group, stream, time)).then_some((group.0, time.0, sequence))
                };
                Ok((0..batch.num_rows()).map(key).collect())
            }
            Kind::Events => {
                let from = self.removed.events_from();
                let key = |(time, sequence): (Timestamp, u64)| (time >= from).then_some((0, time.0, sequence));
                Ok(events::positions(batch)?.into_iter().map(key).collect())
            }
            Kind::Metrics => self.metric_keys(at, batch, first_row),
        }
    }

    fn metric_keys(&self, at: usize, batch: &RecordBatch, first_row: u64) -> Result<Vec<Option<Key>>> {
        let times: &TimestampMillisecondArray = column(batch, "timestamp")?;
        let Keys::Metrics { rows, .. } = &self.inputs[at].segment.keys else {
            return Err(Error::Bug("a metric segment has series".into()));
        };
        let from = self.removed.metrics_from();
        let mut series = rows.partition_point(|rows| rows.first_row + rows.rows <= first_row);
        let mut keys = Vec::with_capacity(batch.num_rows());
        for row in 0..batch.num_rows() {
            while rows.get(series).is_some_and(|rows| rows.first_row + rows.rows <= first_row + row as u64) {
                series += 1;
            }
            let rank = rows.get(series).and_then(|rows| self.ranks.get(&rows.series)).copied();
            let rank = rank.ok_or_else(|| Error::Bug("a row belongs to a series".into()))?;
            let time = times.value(row);
            keys.push((time >= from.0).then_some((rank, time, 0)));
        }
        Ok(keys)
    }

    /// Chooses the present row of an input for the output.
    fn take(&mut self, at: usize) -> Result<()> {
        let input = &mut self.inputs[at];
        let (batch, row) = (input.batch, input.at);
        input.at += 1;
        if let Some(Some((rank, ..))) = input.keys.get(row) {
            let text = match self.kind {
                Kind::Logs => Some("message"),
                Kind::Events => Some("record"),
                Kind::Metrics => None,
            };
            if let Some(text) = text {
                let text: &StringArray = column(&self.batches[batch], text)?;
                self.chosen_bytes += text.value_length(row) as usize;
            } else {
                self.chosen_series.extend(self.ranked.get(*rank as usize));
            }
        }
        self.chosen.push((batch, row));
        if self.chosen.len() >= self.row_group_rows || self.chosen_bytes >= ROW_GROUP_BYTES_MAX {
            self.write()?;
        }
        Ok(())
    }

    /// Writes what was chosen as one row group, and lets go of batches that are read to their end.
    fn write(&mut self) -> Result<()> {
        if self.chosen.is_empty() {
            return Ok(());
        }
        let batches: Vec<&RecordBatch> = self.batches.iter().collect();
        let batch = interleave_record_batch(&batches, &self.chosen)
            .map_err(|error| Error::Bug(format!("interleave rows: {error}")))?;
        match &mut self.output {
            Output::Logs(writer) => writer.write(&batch)?,
            Output::Metrics(writer) => writer.write(&batch, &self.chosen_series)?,
            Output::Events(writer) => writer.write(&batch)?,
        }
        self.chosen.clear();
        self.chosen_series.clear();
        self.chosen_bytes = 0;
        let mut kept = Vec::new();
        for input in &mut self.inputs {
            if input.at < input.keys.len() {
                kept.push(self.batches[input.batch].clone());
                input.batch = kept.len() - 1;
            }
        }
        self.batches = kept;
        Ok(())
    }
}
