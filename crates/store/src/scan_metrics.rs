//! `scan_series`: the points of some series within a time range, from memtables and segments.
//!
//! What is skipped: segments without the series or the time range; of the others only the rows of the series are read.

use crate::Store;
use crate::error::Result;
use crate::segment::Segment;
use crate::segment::metrics::{POINT_COLUMNS, PointColumns};
use crate::series::SeriesNumber;
use model::{Observation, SeriesKey, TimeRange, Timestamp};
use std::ops::Range;
use std::sync::Arc;

/// One datapoint without its series.
#[derive(Debug, Clone, PartialEq)]
pub struct SeriesPoint {
    /// When it was observed.
    pub timestamp: Timestamp,
    /// Storage resolution in seconds: 1 or 60.
    pub resolution_secs: u8,
    /// What was observed.
    pub observation: Observation,
}

impl SeriesPoint {
    /// Number of (value, count) pairs it takes memory for.
    pub(crate) fn pairs(&self) -> usize {
        match &self.observation {
            Observation::Values(pairs) => pairs.len(),
            Observation::Set { .. } => 2,
        }
    }
}

impl Store {
    /// The points of each series within `range`, in the order of `series`, each list sorted by timestamp. The answer is as
    /// large as the data: ask for what fits.
    pub async fn scan_series(&self, series: &[Arc<SeriesKey>], range: TimeRange) -> Result<Vec<Vec<SeriesPoint>>> {
        let (snapshot, numbers) = {
            let index = self.state().series();
            let numbers: Vec<_> = series.iter().map(|key| index.number(key)).collect();
            (self.state().snapshot(), numbers)
        };
        let range = TimeRange::new(range.start.max(snapshot.removed.metrics_from()), range.end);
        let mut answer = vec![Vec::new(); series.len()];
        if range.is_empty() {
            return Ok(answer);
        }
        for segment in &snapshot.segments {
            if range.overlaps(segment.min_time(), segment.max_time()) {
                read_segment(segment, &numbers, range, &mut answer).await?;
            }
        }
        for memtable in &snapshot.memtables {
            let metrics = memtable.metrics();
            for (points, number) in answer.iter_mut().zip(&numbers) {
                let lines = number.and_then(|number| metrics.get(&number));
                let lines = lines.map(|lines| lines.points.as_slice()).unwrap_or_default();
                points.extend(lines.iter().filter(|point| range.contains(point.timestamp)).cloned());
            }
        }
        for points in &mut answer {
            points.sort_by_key(|point: &SeriesPoint| point.timestamp);
        }
        Ok(answer)
    }
}

/// Rows of one asked series in a segment.
struct Asked {
    rows: Range<u64>,
    place: usize,
}

async fn read_segment(
    segment: &Arc<Segment>,
    numbers: &[Option<SeriesNumber>],
    range: TimeRange,
    answer: &mut [Vec<SeriesPoint>],
) -> Result<()> {
    let mut asked: Vec<Asked> = Vec::new();
    for (place, number) in numbers.iter().enumerate() {
        let rows = number.and_then(|number| segment.series(number));
        if let Some(rows) = rows.filter(|rows| range.overlaps(rows.min_time, rows.max_time)) {
            asked.push(Asked { rows: rows.first_row..rows.first_row + rows.rows, place });
        }
    }
    asked.sort_by_key(|asked| asked.rows.start);
    // A series that was asked twice is read once and copied.
    let repeated: Vec<(usize, usize)> = asked
        .windows(2)
        .filter(|pair| pair[0].rows == pair[1].rows)
        .map(|pair| (pair[0].place, pair[1].place))
        .collect();
    let lengths: Vec<usize> = answer.iter().map(Vec::len).collect();
    asked.dedup_by(|b, a| a.rows == b.rows);
    for row_group in 0..segment.row_groups.len() {
        read_row_group(segment, row_group, &asked, range, answer).await?;
    }
    for (from, to) in repeated {
        let copy = answer[from][lengths[from]..].to_vec();
        answer[to].extend(copy);
    }
    Ok(())
}

async fn read_row_group(
    segment: &Arc<Segment>,
    row_group: usize,
    asked: &[Asked],
    range: TimeRange,
    answer: &mut [Vec<SeriesPoint>],
) -> Result<()> {
    let Some(group) = segment.row_groups.get(row_group) else { return Ok(()) };
    if !range.overlaps(group.min_time, group.max_time) {
        return Ok(());
    }
    let first = asked.partition_point(|asked| asked.rows.end <= group.first_row);
    let end = asked.partition_point(|asked| asked.rows.start < group.first_row + group.rows);
    let asked = asked.get(first..end).unwrap_or_default();
    let ranges: Vec<Range<usize>> = asked.iter().map(|asked| segment.rows_within(row_group, &asked.rows)).collect();
    // The rows of each series follow each other in the order asked.
    let mut places = asked.iter().zip(&ranges).flat_map(|(asked, rows)| std::iter::repeat_n(asked.place, rows.len()));
    for batch in segment.read(row_group, ranges.clone(), &POINT_COLUMNS).await? {
        let columns = PointColumns::of(&batch)?;
        for at in 0..batch.num_rows() {
            let Some(place) = places.next() else { break };
            if range.contains(Timestamp(columns.timestamp.value(at))) {
                answer[place].push(columns.point(at)?);
            }
        }
    }
    Ok(())
}
