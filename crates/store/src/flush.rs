//! The flusher: one thread that turns cut memtables into segments, oldest first, and commits them.

use crate::error::Result;
use crate::manifest::Removed;
use crate::memtable::Memtable;
use crate::segment::events::{EventBatch, EventWriter};
use crate::segment::logs::{self, LogBatch, LogWriter};
use crate::segment::metrics::MetricWriter;
use crate::segment::{EncodedSegment, Kind, SegmentWriter};
use crate::state::{Change, State, lock};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use tokio::sync::oneshot;

/// What the flusher is asked to do.
#[derive(Debug)]
pub(crate) enum FlushCommand {
    /// Flush what is cut.
    Wake,
    /// The same, and say how it went.
    Flush(oneshot::Sender<Result<()>>),
    /// Answer; all that was asked before is done then.
    Settle(oneshot::Sender<Result<()>>),
    Stop,
}

/// Works until it is told to stop.
pub(crate) fn run(state: &Arc<State>, runtime: &tokio::runtime::Handle, commands: &Receiver<FlushCommand>) {
    while let Ok(command) = commands.recv() {
        let reply = match command {
            FlushCommand::Stop => return,
            FlushCommand::Settle(reply) => {
                let _ = reply.send(Ok(()));
                continue;
            }
            FlushCommand::Wake => None,
            FlushCommand::Flush(reply) => Some(reply),
        };
        state.flush_waiting.store(false, Ordering::Release);
        let flushed = flush_all(state, runtime);
        *lock(&state.flush_error) = flushed.as_ref().err().map(ToString::to_string);
        if let Err(error) = &flushed {
            // The records are safe in the journal; the next cut or `flush` tries again.
            tracing::error!(%error, "flush a memtable");
            // There may be no room for segments.
            state.drop_spare_journal();
        }
        state.room.notify_waiters();
        if let Some(reply) = reply {
            let _ = reply.send(flushed);
        }
    }
}

fn flush_all(state: &Arc<State>, runtime: &tokio::runtime::Handle) -> Result<()> {
    loop {
        let snapshot = state.snapshot();
        let Some(memtable) = snapshot.memtables.first().filter(|memtable| memtable.cut().is_some()) else {
            return Ok(());
        };
        let encoded = encode(state, memtable, &snapshot.removed)?;
        runtime.block_on(async {
            let mut add = Vec::with_capacity(encoded.len());
            for segment in encoded {
                add.push(segment.put(&state.objects, state.part_cache.as_ref()).await?);
            }
            state.commit(Change { flushed: Some(Arc::clone(memtable)), add, ..Change::default() }).await
        })?;
        state.room.notify_waiters();
    }
}

/// Segments of all that the memtable holds and that was not removed.
fn encode(state: &State, memtable: &Memtable, removed: &Removed) -> Result<Vec<EncodedSegment>> {
    let encoded = [
        encode_logs(state, memtable, removed)?,
        encode_metrics(state, memtable, removed)?,
        encode_events(state, memtable)?,
    ];
    Ok(encoded.into_iter().flatten().collect())
}

fn writer(state: &State, kind: Kind) -> Result<SegmentWriter> {
    SegmentWriter::new(state.next_segment(), kind, state.options.row_group_rows)
}

fn encode_logs(state: &State, memtable: &Memtable, removed: &Removed) -> Result<Option<EncodedSegment>> {
    let groups = memtable.logs();
    if groups.is_empty() {
        return Ok(None);
    }
    let mut segment = LogWriter::new(writer(state, Kind::Logs)?);
    let mut batch = LogBatch::default();
    for (group, lines) in groups.iter().filter(|(group, _)| !removed.has_group(**group)) {
        for (position, line) in &lines.lines {
            if removed.has_log(*group, line.stream, position.0) {
                continue;
            }
            batch.push(*group, *position, line.stream, line.ingestion_time, &line.message);
            if batch.is_full(state.options.row_group_rows.min(logs::ROW_GROUP_ROWS_MAX)) {
                segment.write(&batch.take()?)?;
            }
        }
    }
    if !batch.is_empty() {
        segment.write(&batch.take()?)?;
    }
    let (writer, keys) = segment.finish();
    if writer.rows() == 0 {
        return Ok(None);
    }
    writer.finish(keys, &state.series()).map(Some)
}

fn encode_metrics(state: &State, memtable: &Memtable, removed: &Removed) -> Result<Option<EncodedSegment>> {
    let metrics = memtable.metrics();
    if metrics.is_empty() {
        return Ok(None);
    }
    let mut keys: Vec<_> = {
        let series = state.series();
        metrics.iter().filter_map(|lines| Some((Arc::clone(series.key(lines.number)?), lines))).collect()
    };
    keys.sort_unstable_by(|a, b| a.0.cmp(&b.0));
    let mut segment = MetricWriter::new(writer(state, Kind::Metrics)?, state.options.row_group_rows);
    let from = removed.metrics_from();
    for (key, lines) in keys {
        let mut lanes: Vec<_> = lines.lanes.iter().collect();
        lanes.sort_unstable_by_key(|lane| lane.resolution_secs);
        for lane in lanes {
            lane.ascending(|points| segment.add(lines.number, &key, lane.resolution_secs, points.all().since(from)))?;
        }
    }
    let series = state.series();
    let (writer, keys) = segment.finish(&series)?;
    if writer.rows() == 0 {
        return Ok(None);
    }
    writer.finish(keys, &series).map(Some)
}

fn encode_events(state: &State, memtable: &Memtable) -> Result<Option<EncodedSegment>> {
    let lines = memtable.events();
    if lines.events.is_empty() {
        return Ok(None);
    }
    let mut segment = EventWriter { writer: writer(state, Kind::Events)? };
    let mut batch = EventBatch::default();
    let stored = || lines.events.iter();
    // Row groups of one size, for a small last one would cost every scan as much as a large one.
    let (rows, rows_max) = (stored().count(), state.options.row_group_rows.max(1));
    let group_rows = rows.div_ceil(rows.div_ceil(rows_max).max(1));
    for ((_, sequence), event) in stored() {
        batch.push(*sequence, event)?;
        if batch.is_full(group_rows) {
            segment.write(&batch.take()?)?;
        }
    }
    if !batch.is_empty() {
        segment.write(&batch.take()?)?;
    }
    let (writer, keys) = segment.finish();
    if writer.rows() == 0 {
        return Ok(None);
    }
    writer.finish(keys, &state.series()).map(Some)
}
