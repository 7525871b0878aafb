//! Rewrites metric segments as one: the chunks of each series and resolution are joined, what was removed is left out, and
//! what is past its tier is rolled up.

use crate::chunk;
use crate::error::{Error, Result};
use crate::manifest::Removed;
use crate::pace::Pace;
use crate::points::{PointSlice, Points, Totals};
use crate::rollup::{self, Lanes};
use crate::segment::metrics::{CHUNK_COLUMNS, ChunkColumns, ChunkRow, MetricWriter};
use crate::segment::{EncodedSegment, Keys, Kind, Segment, SegmentWriter};
use crate::series::SeriesNumber;
use crate::state::State;
use crate::tiers::Tiers;
use arrow_array::RecordBatch;
use model::{SeriesKey, Timestamp};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows that are read of an input at a time; a row is a chunk of a few kilobytes.
const READ_ROWS: usize = 512;

/// The segment that holds what `inputs` hold; `None` when nothing is left.
pub(crate) async fn merge(
    state: &State,
    inputs: &[Arc<Segment>],
    removed: &Removed,
    tiers: &Tiers,
) -> Result<Option<EncodedSegment>> {
    let writer = SegmentWriter::new(state.next_segment(), Kind::Metrics, state.options.row_group_rows)?;
    let mut output = MetricWriter::new(writer, state.options.row_group_rows);
    let mut readers: Vec<Reader> = inputs.iter().map(|segment| Reader::new(Arc::clone(segment))).collect();
    let mut pace = Pace::new(state.options.rewrite_share);
    for (key, number) in series(state, inputs) {
        let mut joined = Joined::new(removed.metrics_from());
        for reader in &mut readers {
            reader.take(number, &mut joined).await?;
        }
        joined.roll_up(tiers)?;
        joined.write(number, &key, &mut output)?;
        pace.keep().await;
    }
    let series = state.series();
    let (writer, keys) = output.finish(&series)?;
    if writer.rows() == 0 { Ok(None) } else { writer.finish(keys, &series).map(Some) }
}

/// All series of the inputs in key order.
fn series(state: &State, inputs: &[Arc<Segment>]) -> Vec<(Arc<SeriesKey>, SeriesNumber)> {
    let index = state.series();
    let mut series: Vec<(Arc<SeriesKey>, SeriesNumber)> = Vec::new();
    for segment in inputs {
        let Keys::Metrics { rows, .. } = &segment.keys else { continue };
        series.extend(rows.iter().filter_map(|rows| Some((Arc::clone(index.key(rows.series)?), rows.series))));
    }
    series.sort_unstable();
    series.dedup_by_key(|(_, number)| *number);
    series
}

/// Reads an input from its start to its end.
struct Reader {
    segment: Arc<Segment>,
    /// The next series, in row order, and the next row of the segment.
    series: usize,
    row: u64,
    /// The rows in work and the first of them.
    batch: Option<RecordBatch>,
    batch_row: u64,
}

impl Reader {
    fn new(segment: Arc<Segment>) -> Self {
        Self { segment, series: 0, row: 0, batch: None, batch_row: 0 }
    }

    /// Hands over all chunks of a series, if it is the next one.
    async fn take(&mut self, number: SeriesNumber, joined: &mut Joined) -> Result<()> {
        let Keys::Metrics { rows, .. } = &self.segment.keys else {
            return Err(Error::Bug("a metric segment has series".into()));
        };
        let Some(rows) = rows.get(self.series).filter(|rows| rows.series == number).copied() else { return Ok(()) };
        self.series += 1;
        while self.row < rows.first_row + rows.rows {
            let at = self.fill().await?;
            let batch = self.batch.as_ref().ok_or_else(|| Error::Bug("rows were read".into()))?;
            let columns = ChunkColumns::of(batch)?;
            let end = (rows.first_row + rows.rows - self.batch_row).min(batch.num_rows() as u64) as usize;
            for at in at..end {
                joined.add(&columns.row(at)).map_err(|reason| self.segment.corrupt(0, reason))?;
            }
            self.row = self.batch_row + end as u64;
        }
        Ok(())
    }

    /// Sees to it that the next row is in the batch, and says where.
    async fn fill(&mut self) -> Result<usize> {
        let in_batch = self.row - self.batch_row;
        if self.batch.as_ref().is_some_and(|batch| in_batch < batch.num_rows() as u64) {
            return Ok(in_batch as usize);
        }
        let groups = &self.segment.row_groups;
        let at = groups.partition_point(|group| group.first_row + group.rows <= self.row);
        let group = groups.get(at).ok_or_else(|| Error::Bug("a series has rows in a row group".into()))?;
        let start = (self.row - group.first_row) as usize;
        let end = (start + READ_ROWS).min(group.rows as usize);
        let ranges = std::iter::once(start..end).collect();
        self.batch = self.segment.read(at, ranges, &CHUNK_COLUMNS).await?.pop();
        self.batch_row = self.row;
        Ok(0)
    }
}

/// A chunk as it was stored.
struct Stored {
    first_time: Timestamp,
    last_time: Timestamp,
    points: u32,
    totals: Totals,
    chunk: Vec<u8>,
}

/// The chunks of one series, by resolution.
struct Joined {
    from: Timestamp,
    lanes: BTreeMap<u16, Vec<Stored>>,
}

impl Joined {
    /// Points before `from` are left out.
    fn new(from: Timestamp) -> Self {
        Self { from, lanes: BTreeMap::new() }
    }

    fn add(&mut self, row: &ChunkRow<'_>) -> std::result::Result<(), crate::codec::Damage> {
        if row.last_time >= self.from {
            let &ChunkRow { first_time, last_time, points, totals, chunk, .. } = row;
            let stored = Stored { first_time, last_time, points, totals, chunk: chunk.to_vec() };
            self.lanes.entry(row.resolution_secs).or_default().push(stored);
        }
        Ok(())
    }

    /// Rolls up the chunks that have points past their tier; the others stay as they are.
    fn roll_up(&mut self, tiers: &Tiers) -> Result<()> {
        let mut past = Lanes::new();
        for (&resolution_secs, chunks) in &mut self.lanes {
            let border = tiers.border(resolution_secs);
            for stored in chunks.extract_if(.., |stored| stored.first_time < border) {
                past.entry(resolution_secs).or_default().extend(decoded(&stored)?.all().since(self.from));
            }
        }
        if past.is_empty() {
            return Ok(());
        }
        rollup::roll_up(&mut past, tiers);
        for (resolution_secs, points) in past {
            let all = points.all();
            let chunks =
                chunk::cut(resolution_secs, all).into_iter().map(|range| stored(all.part(range.start, range.end)));
            self.lanes.entry(resolution_secs).or_default().extend(chunks);
        }
        Ok(())
    }

    fn write(self, number: SeriesNumber, key: &SeriesKey, output: &mut MetricWriter) -> Result<()> {
        for (resolution_secs, mut chunks) in self.lanes {
            // Stable: points of equal time stay in the order of their segments.
            chunks.sort_by_key(|chunk| chunk::window(resolution_secs, chunk.first_time.0));
            let same_window = |a: &Stored, b: &Stored| {
                chunk::window(resolution_secs, a.first_time.0) == chunk::window(resolution_secs, b.first_time.0)
            };
            for chunks in chunks.chunk_by(same_window) {
                write_window(number, key, resolution_secs, chunks, self.from, output)?;
            }
        }
        Ok(())
    }
}

/// Writes the chunks of one window: one as it is, several as few.
fn write_window(
    number: SeriesNumber,
    key: &SeriesKey,
    resolution_secs: u16,
    chunks: &[Stored],
    from: Timestamp,
    output: &mut MetricWriter,
) -> Result<()> {
    if let [Stored { first_time, last_time, points, totals, chunk }] = chunks
        && *first_time >= from
    {
        let (first_time, last_time, points, totals) = (*first_time, *last_time, *points, *totals);
        let row = ChunkRow { resolution_secs, first_time, last_time, points, totals, chunk };
        return output.add_row(number, key, &row);
    }
    let mut all = Points::default();
    for stored in chunks {
        all.extend(decoded(stored)?.all());
    }
    all.sort();
    output.add(number, key, resolution_secs, all.all().since(from))
}

fn decoded(stored: &Stored) -> Result<Points> {
    let mut points = Points::default();
    chunk::decode(&stored.chunk, &mut points, &mut Vec::new())
        .map_err(|reason| Error::corrupt("a metric segment", 0, reason))?;
    Ok(points)
}

fn stored(points: PointSlice<'_>) -> Stored {
    let (first_time, last_time, totals) = chunk::bounds(points);
    Stored { first_time, last_time, points: points.len() as u32, totals, chunk: chunk::encode(points) }
}
