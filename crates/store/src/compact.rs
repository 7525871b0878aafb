//! Rewrites segments of one kind as one: merges them in order and leaves out what was removed (metrics: `compact_metrics.rs`).
//!
//! It has a share of a core at most (`pace.rs`), so that appends and queries go on beside it.
//! A rewrite changes nothing until the manifest lists the new segment instead of the old ones; a crash before leaves an orphan.

use crate::compact_metrics;
use crate::error::{Error, Result};
use crate::expire_events::EventExpiry;
use crate::manifest::Removed;
use crate::pace::Pace;
use crate::segment::events::EventWriter;
use crate::segment::logs::{LogColumns, LogWriter};
use crate::segment::{
    Batches, EncodedSegment, Keys, Kind, ROW_GROUP_BYTES_MAX, Segment, SegmentWriter, Texts, column, events, logs,
};
use crate::state::{Change, State};
use crate::tiers::Tiers;
use arrow_array::{RecordBatch, StringArray};
use arrow_select::interleave::interleave_record_batch;
use model::{GroupId, StreamId, Timestamp};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

/// Rows that are read of an input at a time.
const READ_ROWS: usize = 4096;

/// Place of a row in the order of its table: (group, time, sequence).
type Key = (u64, i64, u64);

/// Rewrites `inputs`, all of one kind, and commits the result. Answers false when they were gone at the end.
pub(crate) async fn rewrite(
    state: &Arc<State>,
    inputs: Vec<Arc<Segment>>,
    removed: Arc<Removed>,
    tiers: &Tiers,
) -> Result<bool> {
    let Some(kind) = inputs.first().map(|segment| segment.entry.kind) else { return Ok(false) };
    inputs.iter().for_each(|segment| segment.leave());
    let drop = inputs.iter().map(|segment| segment.entry.id).collect();
    let encoded = match kind {
        Kind::Metrics => compact_metrics::merge(state, &inputs, &removed, tiers).await?,
        Kind::Logs => merge(state, Output::logs(state)?, inputs, Gone::Removed(removed)).await?,
        Kind::Events => merge(state, Output::events(state)?, inputs, Gone::Nothing).await?,
    };
    let add = put(state, encoded).await?;
    state.commit(Change { add, drop, ..Change::default() }).await
}

/// Rewrites a segment of events without those that go, and commits the result. Answers false when it was gone at the end.
pub(crate) async fn without_expired(
    state: &Arc<State>,
    segment: Arc<Segment>,
    expiry: Arc<EventExpiry>,
) -> Result<bool> {
    segment.leave();
    let drop = std::iter::once(segment.entry.id).collect();
    let encoded = merge(state, Output::events(state)?, vec![segment], Gone::Expired(expiry)).await?;
    let add = put(state, encoded).await?;
    state.commit(Change { add, drop, expires_events: true, ..Change::default() }).await
}

async fn put(state: &State, encoded: Option<EncodedSegment>) -> Result<Vec<Arc<Segment>>> {
    match encoded {
        Some(encoded) => Ok(vec![encoded.put(&state.objects, state.part_cache.as_ref()).await?]),
        None => Ok(Vec::new()),
    }
}

/// Which rows a rewrite leaves out.
enum Gone {
    Nothing,
    /// Log events that were removed.
    Removed(Arc<Removed>),
    /// Audit events that go.
    Expired(Arc<EventExpiry>),
}

/// The segment that holds what `inputs` hold; `None` when nothing is left.
async fn merge(state: &State, output: Output, inputs: Vec<Arc<Segment>>, gone: Gone) -> Result<Option<EncodedSegment>> {
    let mut rewrite = Rewrite::new(state, output, gone);
    let mut pace = Pace::new(state.options.rewrite_share);
    for (at, segment) in inputs.into_iter().enumerate() {
        rewrite.inputs.push(Input { segment, row_group: 0, rows: None, batch: 0, keys: Vec::new(), at: 0 });
        rewrite.advance(at).await?;
    }
    while let Some(Reverse((_, input))) = rewrite.heads.pop() {
        if rewrite.take(input)? {
            pace.keep().await;
        }
        rewrite.advance(input).await?;
    }
    rewrite.write()?;
    let (writer, keys) = rewrite.output.finish();
    if writer.rows() == 0 { Ok(None) } else { writer.finish(keys, &state.series()).map(Some) }
}

/// One segment that is read from its start to its end.
struct Input {
    segment: Arc<Segment>,
    /// The next row group, and what is left of the one in work.
    row_group: usize,
    rows: Option<Batches>,
    /// The batch in work, its keys (`None` for rows that go), and the place in it.
    batch: usize,
    keys: Vec<Option<Key>>,
    at: usize,
}

enum Output {
    Logs(Box<LogWriter>),
    Events(Box<EventWriter>),
}

impl Output {
    fn logs(state: &State) -> Result<Self> {
        let writer = SegmentWriter::new(state.next_segment(), Kind::Logs, state.options.row_group_rows)?;
        Ok(Output::Logs(Box::new(LogWriter::new(writer))))
    }

    fn events(state: &State) -> Result<Self> {
        let writer = SegmentWriter::new(state.next_segment(), Kind::Events, state.options.row_group_rows)?;
        Ok(Output::Events(Box::new(EventWriter { writer })))
    }

    fn finish(self) -> (SegmentWriter, Keys) {
        match self {
            Output::Logs(writer) => writer.finish(),
            Output::Events(writer) => writer.finish(),
        }
    }
}

struct Rewrite {
    gone: Gone,
    inputs: Vec<Input>,
    heads: BinaryHeap<Reverse<(Key, usize)>>,
    /// Batches that `chosen` points into.
    batches: Vec<RecordBatch>,
    chosen: Vec<(usize, usize)>,
    chosen_bytes: usize,
    row_group_rows: usize,
    output: Output,
}

impl Rewrite {
    fn new(state: &State, output: Output, gone: Gone) -> Self {
        let row_group_rows = match &output {
            Output::Logs(_) => state.options.row_group_rows.min(logs::ROW_GROUP_ROWS_MAX),
            Output::Events(_) => state.options.row_group_rows,
        };
        Self {
            gone,
            inputs: Vec::new(),
            heads: BinaryHeap::new(),
            batches: Vec::new(),
            chosen: Vec::new(),
            chosen_bytes: 0,
            row_group_rows,
            output,
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
        let columns: &[&str] = match &self.output {
            Output::Logs(_) => &logs::COLUMNS,
            Output::Events(_) => &events::COLUMNS,
        };
        let batch = loop {
            if let Some(rows) = &mut input.rows
                && let Some(batch) = rows.next().await?
            {
                break batch;
            }
            // Let go of before the next is read.
            input.rows = None;
            if input.row_group == input.segment.row_groups.len() {
                return Ok(false);
            }
            let rows = input.segment.row_groups.get(input.row_group).map_or(0, |group| group.rows as usize);
            // All of them, so that each page is decoded once.
            let ranges = std::iter::once(0..rows).collect();
            let batches = input.segment.batches(Texts::Plain, READ_ROWS, input.row_group, ranges, columns).await?;
            input.rows = Some(batches);
            input.row_group += 1;
        };
        let keys = self.keys(&batch)?;
        let input = &mut self.inputs[at];
        (input.batch, input.keys, input.at) = (self.batches.len(), keys, 0);
        self.batches.push(batch);
        Ok(true)
    }

    fn keys(&self, batch: &RecordBatch) -> Result<Vec<Option<Key>>> {
        match &self.output {
            Output::Logs(_) => {
                let columns = LogColumns::of(batch)?;
                let group = columns.group.ok_or_else(|| Error::Bug("a rewrite reads all columns".into()))?;
                let key = |row| {
                    let (time, sequence) = columns.position(row);
                    let (group, stream) = (GroupId(group.value(row)), StreamId(columns.stream.value(row)));
                    let is_gone = matches!(&self.gone, Gone::Removed(removed) if removed.has_log(group, stream, time));
                    (!is_gone).then_some((group.0, time.0, sequence))
                };
                Ok((0..batch.num_rows()).map(key).collect())
            }
            Output::Events(_) => {
                let accounts: &StringArray = column(batch, "account")?;
                let key = |(row, (time, sequence)): (usize, (Timestamp, u64))| {
                    let account = accounts.value(row);
                    let is_gone =
                        matches!(&self.gone, Gone::Expired(expiry) if expiry.takes(account, (time, sequence)));
                    (!is_gone).then_some((0, time.0, sequence))
                };
                Ok(events::positions(batch)?.into_iter().enumerate().map(key).collect())
            }
        }
    }

    /// Chooses the present row of an input for the output; true when this completed a row group.
    fn take(&mut self, at: usize) -> Result<bool> {
        let input = &mut self.inputs[at];
        let (batch, row) = (input.batch, input.at);
        input.at += 1;
        let text = match &self.output {
            Output::Logs(_) => "message",
            Output::Events(_) => "record_values",
        };
        let text: &StringArray = column(&self.batches[batch], text)?;
        self.chosen_bytes += text.value_length(row) as usize;
        self.chosen.push((batch, row));
        let is_full = self.chosen.len() >= self.row_group_rows || self.chosen_bytes >= ROW_GROUP_BYTES_MAX;
        if is_full {
            self.write()?;
        }
        Ok(is_full)
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
            Output::Events(writer) => writer.write(&batch)?,
        }
        self.chosen.clear();
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
