//! `gather_series` and `scan_series`: the points of some series within a time range, from memtables and segments.
//!
//! What is skipped: all segments where the range is so recent that memory has all of it (`recent.rs`); else segments without the
//! series or the time range; of the others only chunks of the series that touch the
//! range are read, and a chunk whose totals suffice is not decoded. Many series are read by several threads, each a row group
//! and a chunk at a time, so that a scan holds little more than what its reader gathers.

use crate::Store;
use crate::chunk;
use crate::error::{Error, Result};
use crate::metric_lines::MetricLines;
use crate::points::{PointSlice, Points, Totals};
use crate::segment::Segment;
use crate::segment::column;
use crate::segment::metrics::{CHUNK_COLUMNS, ChunkColumns, ChunkRow, TIME_COLUMNS};
use crate::series::SeriesNumber;
use crate::state::Snapshot;
use arrow_array::{RecordBatch, TimestampMillisecondArray};
use model::{Observation, SeriesKey, TimeRange, Timestamp};
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Fewer series than this for each thread are not worth one.
const SERIES_PER_THREAD_MIN: usize = 64;

/// One datapoint without its series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesPoint {
    /// When it was observed, or the start of the interval that it was rolled up to.
    pub timestamp: Timestamp,
    /// Storage resolution in seconds: 1 or 60, or what it was rolled up to.
    pub resolution_secs: u16,
    /// What was observed; a roll-up is a statistic set.
    pub observation: Observation,
}

/// What a scan found of one series.
#[derive(Debug, Clone, Copy)]
pub enum Part<'a> {
    /// Some points, all within the range, ascending. Parts of a series come in any order and may overlap in time.
    Points(PointSlice<'a>),
    /// The totals of all points from the first to the last time.
    Totals(Timestamp, Timestamp, Totals),
}

/// Gathers what a scan finds. Large scans clone an empty one for each thread and merge them at the end.
pub trait Gather: Clone + Send + 'static {
    /// Whether totals are enough of points of this resolution from the first to the last time.
    fn totals_suffice(&self, resolution_secs: u16, first: Timestamp, last: Timestamp) -> bool;
    /// A part of the series at this place of those asked for.
    fn add(&mut self, place: usize, resolution_secs: u16, part: Part<'_>);
    /// Takes over what another one gathered, of other series.
    fn merge(&mut self, other: Self);
}

impl Store {
    /// Shows all points of `series` within `range` to clones of `empty`, and answers them merged. Dropping the future stops
    /// the scan.
    pub async fn gather_series<G: Gather>(&self, series: &[Arc<SeriesKey>], range: TimeRange, empty: G) -> Result<G> {
        let (snapshot, asked) = {
            let index = self.state().series();
            let numbered = series.iter().enumerate();
            let asked: Vec<_> = numbered.filter_map(|(place, key)| Some((place, index.number(key)?))).collect();
            (self.state().snapshot(), asked)
        };
        let range = TimeRange::new(range.start.max(snapshot.removed.metrics_from()), range.end);
        if range.is_empty() || asked.is_empty() {
            return Ok(empty);
        }
        let is_recent = snapshot.recent.covers(range, self.state().clock.0.now(), &self.metric_tiers());
        let stop = Arc::new(AtomicBool::new(false));
        let cores = std::thread::available_parallelism().map_or(1, |cores| cores.get());
        let threads = (asked.len() / SERIES_PER_THREAD_MIN).clamp(1, cores);
        let _stopped = StopOnDrop(Arc::clone(&stop));
        let scan =
            |gathered| Scan { snapshot: Arc::clone(&snapshot), range, is_recent, stop: Arc::clone(&stop), gathered };
        if threads == 1 {
            return scan(empty).run(&asked).await;
        }
        let mut parts = Vec::with_capacity(threads);
        for part in asked.chunks(asked.len().div_ceil(threads)) {
            let (scan, part) = (scan(empty.clone()), part.to_vec());
            let runtime = tokio::runtime::Handle::current();
            // Decoding is work for threads of its own: other requests go on.
            parts.push(tokio::task::spawn_blocking(move || runtime.block_on(scan.run(&part))));
        }
        let mut gathered = empty;
        for part in parts {
            gathered.merge(part.await.map_err(|error| Error::Bug(format!("scan metrics: {error}")))??);
        }
        Ok(gathered)
    }

    /// The points of each series within `range`, in the order of `series`, each list sorted by timestamp. The answer is as
    /// large as the data, and slow to build: `gather_series` is for more than a few.
    pub async fn scan_series(&self, series: &[Arc<SeriesKey>], range: TimeRange) -> Result<Vec<Vec<SeriesPoint>>> {
        let mut lists = self.gather_series(series, range, Lists(vec![Vec::new(); series.len()])).await?.0;
        for points in &mut lists {
            points.sort_by_key(|point: &SeriesPoint| point.timestamp);
        }
        Ok(lists)
    }
}

/// Tells the threads of a scan that nobody waits for them any more.
struct StopOnDrop(Arc<AtomicBool>);

impl Drop for StopOnDrop {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Points as lists.
#[derive(Clone)]
struct Lists(Vec<Vec<SeriesPoint>>);

impl Gather for Lists {
    fn totals_suffice(&self, _: u16, _: Timestamp, _: Timestamp) -> bool {
        false
    }

    fn add(&mut self, place: usize, resolution_secs: u16, part: Part<'_>) {
        let (Some(list), Part::Points(points)) = (self.0.get_mut(place), part) else { return };
        list.extend(points.iter().map(|(timestamp, sample)| SeriesPoint {
            timestamp,
            resolution_secs,
            observation: sample.observation(),
        }));
    }

    fn merge(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(list, more)| list.extend(more));
    }
}

/// A scan of some of the series, by one thread.
struct Scan<G> {
    snapshot: Arc<Snapshot>,
    range: TimeRange,
    /// Segments have nothing more.
    is_recent: bool,
    stop: Arc<AtomicBool>,
    gathered: G,
}

/// Rows of one asked series in a segment.
struct Asked {
    rows: Range<u64>,
    place: usize,
}

impl<G: Gather> Scan<G> {
    async fn run(mut self, asked: &[(usize, SeriesNumber)]) -> Result<G> {
        let snapshot = Arc::clone(&self.snapshot);
        if self.is_recent {
            for flushed in snapshot.recent.metrics() {
                self.read_memory(&flushed.read(), asked);
            }
        } else {
            for segment in &snapshot.segments {
                if self.range.overlaps(segment.min_time(), segment.max_time()) {
                    self.read_segment(segment, asked).await?;
                }
            }
        }
        for memtable in &snapshot.memtables {
            self.read_memory(&memtable.metrics(), asked);
        }
        Ok(self.gathered)
    }

    fn read_memory(&mut self, metrics: &MetricLines, asked: &[(usize, SeriesNumber)]) {
        for &(place, number) in asked {
            for lane in metrics.get(number).into_iter().flat_map(|lines| &lines.lanes) {
                lane.ascending(|points| self.add(place, lane.resolution_secs, points.all()));
            }
        }
    }

    fn add(&mut self, place: usize, resolution_secs: u16, points: PointSlice<'_>) {
        let points = points.within(self.range);
        if !points.is_empty() {
            self.gathered.add(place, resolution_secs, Part::Points(points));
        }
    }

    async fn read_segment(&mut self, segment: &Arc<Segment>, asked: &[(usize, SeriesNumber)]) -> Result<()> {
        let mut rows: Vec<Asked> = Vec::new();
        for &(place, number) in asked {
            let of_series = segment.series(number).filter(|rows| self.range.overlaps(rows.min_time, rows.max_time));
            rows.extend(of_series.map(|rows| Asked { rows: rows.first_row..rows.first_row + rows.rows, place }));
        }
        rows.sort_by_key(|asked| asked.rows.start);
        for row_group in 0..segment.row_groups.len() {
            // Nobody waits: what was gathered so far is dropped.
            if self.stop.load(Ordering::Relaxed) {
                return Ok(());
            }
            self.read_row_group(segment, row_group, &rows).await?;
        }
        Ok(())
    }

    async fn read_row_group(&mut self, segment: &Arc<Segment>, row_group: usize, asked: &[Asked]) -> Result<()> {
        let Some(group) = segment.row_groups.get(row_group) else { return Ok(()) };
        let first = asked.partition_point(|asked| asked.rows.end <= group.first_row);
        let end = asked.partition_point(|asked| asked.rows.start < group.first_row + group.rows);
        let asked = asked.get(first..end).unwrap_or_default();
        if asked.is_empty() || !self.range.overlaps(group.min_time, group.max_time) {
            return Ok(());
        }
        // A series that was asked for twice is read once.
        let series: Vec<&[Asked]> = asked.chunk_by(|a, b| a.rows == b.rows).collect();
        let mut rows: Vec<(usize, usize)> = Vec::new();
        for (at, asked) in series.iter().enumerate() {
            let within = asked.first().map_or(0..0, |asked| segment.rows_within(row_group, &asked.rows));
            rows.extend(within.map(|row| (row, at)));
        }
        if rows.len() > series.len() {
            self.drop_unwanted(segment, row_group, &mut rows).await?;
        }
        let batches = segment.read(row_group, ranges(&rows), &CHUNK_COLUMNS).await?;
        let (mut points, mut integers) = (Points::default(), Vec::new());
        let mut rows = rows.into_iter();
        for batch in &batches {
            let columns = ChunkColumns::of(batch)?;
            for (at, (_, of)) in (0..batch.num_rows()).zip(rows.by_ref()) {
                self.add_row(&columns.row(at), series[of], &mut points, &mut integers)
                    .map_err(|reason| segment.corrupt(0, reason))?;
            }
        }
        Ok(())
    }

    /// Leaves the rows whose chunks touch the range.
    async fn drop_unwanted(
        &self,
        segment: &Arc<Segment>,
        row_group: usize,
        rows: &mut Vec<(usize, usize)>,
    ) -> Result<()> {
        let batches = segment.read(row_group, ranges(rows), &TIME_COLUMNS).await?;
        let mut wanted = Vec::with_capacity(rows.len());
        for batch in &batches {
            wanted.extend(touching(batch, self.range)?);
        }
        let mut wanted = wanted.into_iter();
        rows.retain(|_| wanted.next().unwrap_or(true));
        Ok(())
    }

    fn add_row(
        &mut self,
        row: &ChunkRow<'_>,
        asked: &[Asked],
        points: &mut Points,
        integers: &mut Vec<i64>,
    ) -> std::result::Result<(), crate::codec::Damage> {
        let (first, last, resolution_secs) = (row.first_time, row.last_time, row.resolution_secs);
        if !self.range.overlaps(first, last) {
            return Ok(());
        }
        let inside = self.range.contains(first) && self.range.contains(last);
        if inside && self.gathered.totals_suffice(resolution_secs, first, last) {
            for asked in asked {
                self.gathered.add(asked.place, resolution_secs, Part::Totals(first, last, row.totals));
            }
            return Ok(());
        }
        chunk::decode(row.chunk, points, integers)?;
        if points.len() != row.points as usize {
            return Err("has a chunk with another number of points than its row says");
        }
        for asked in asked {
            self.add(asked.place, resolution_secs, points.all());
        }
        Ok(())
    }
}

/// Ascending rows as ranges.
fn ranges(rows: &[(usize, usize)]) -> Vec<Range<usize>> {
    let mut ranges: Vec<Range<usize>> = Vec::new();
    for &(row, _) in rows {
        match ranges.last_mut() {
            Some(last) if last.end == row => last.end += 1,
            _ => ranges.push(row..row + 1),
        }
    }
    ranges
}

fn touching(batch: &RecordBatch, range: TimeRange) -> Result<Vec<bool>> {
    let first: &TimestampMillisecondArray = column(batch, "first_time")?;
    let last: &TimestampMillisecondArray = column(batch, "last_time")?;
    let times = first.values().iter().zip(last.values());
    Ok(times.map(|(first, last)| range.overlaps(Timestamp(*first), Timestamp(*last))).collect())
}
