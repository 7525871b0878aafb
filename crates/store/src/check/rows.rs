//! Reads every row of a segment and compares orders, counts and statistics with what the index and the manifest say.

use crate::chunk;
use crate::error::{Error, Result};
use crate::points::{Points, Totals};
use crate::position::Position;
use crate::segment::logs::LogColumns;
use crate::segment::metrics::{CHUNK_COLUMNS, ChunkColumns};
use crate::segment::{GroupRows, Keys, Kind, RowGroup, Segment, SeriesRows, event_rows, events, logs};
use crate::streams::StreamStats;
use arrow_array::RecordBatch;
use model::{GroupId, StreamId, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Everything that does not fit, each as a phrase. `next` are the next sequences of log and audit events; every stream that
/// has rows goes to `streams`.
pub(super) async fn check(
    segment: &Arc<Segment>,
    next: (u64, u64),
    streams: &mut BTreeSet<(GroupId, StreamId)>,
) -> Result<Vec<String>> {
    let mut rows = Rows { segment, next, wrong: BTreeSet::new(), last: None, groups: BTreeMap::new(), series: 0 };
    rows.times(segment.row_groups.iter().map(|group| (group.min_time, group.max_time)), "the manifest");
    let columns: &[&str] = match segment.entry.kind {
        Kind::Logs => &logs::COLUMNS,
        Kind::Metrics => &CHUNK_COLUMNS,
        Kind::Events => &events::COLUMNS,
    };
    for (at, group) in segment.row_groups.iter().enumerate() {
        let all = std::iter::once(0..group.rows as usize).collect();
        let (mut first, mut last) = (Timestamp::MAX, Timestamp::MIN);
        let mut row = group.first_row;
        for batch in segment.read(at, all, columns).await? {
            for time in rows.batch(&batch, row)? {
                (first, last) = (first.min(time), last.max(time));
            }
            row += batch.num_rows() as u64;
        }
        rows.row_group(at, group, first, last);
    }
    rows.groups();
    streams.extend(rows.groups.iter().flat_map(|(group, rows)| rows.streams.keys().map(|stream| (*group, *stream))));
    Ok(rows.wrong.into_iter().collect())
}

struct Rows<'a> {
    segment: &'a Segment,
    next: (u64, u64),
    wrong: BTreeSet<String>,
    last: Option<(u64, Position)>,
    groups: BTreeMap<GroupId, GroupRows>,
    series: usize,
}

impl Rows<'_> {
    /// Looks at a batch that begins at row `first_row` of the segment; answers the times of its rows.
    fn batch(&mut self, batch: &RecordBatch, first_row: u64) -> Result<Vec<Timestamp>> {
        match self.segment.entry.kind {
            Kind::Logs => self.log_rows(batch, first_row),
            Kind::Metrics => self.metric_rows(batch, first_row),
            Kind::Events => {
                let positions = events::positions(batch)?;
                // Every record must come together out of its columns.
                event_rows::rows(batch)?;
                positions.iter().for_each(|position| self.in_order((0, *position), self.next.1));
                Ok(positions.into_iter().map(|(time, _)| time).collect())
            }
        }
    }

    fn in_order(&mut self, row: (u64, Position), next_sequence: u64) {
        if self.last.is_some_and(|last| last >= row) {
            self.wrong.insert("rows are out of order, or there twice".into());
        }
        if row.1.1 >= next_sequence {
            self.wrong.insert("a row has a sequence that the manifest has not given out yet".into());
        }
        self.last = Some(row);
    }

    fn log_rows(&mut self, batch: &RecordBatch, first_row: u64) -> Result<Vec<Timestamp>> {
        let columns = LogColumns::of(batch)?;
        let (Some(group), Some(ingested), Some(message)) = (columns.group, columns.ingestion_time, columns.message)
        else {
            self.wrong.insert("a column is missing".into());
            return Ok(Vec::new());
        };
        let mut times = Vec::with_capacity(batch.num_rows());
        for at in 0..batch.num_rows() {
            let (position, id) = (columns.position(at), GroupId(group.value(at)));
            self.in_order((id.0, position), self.next.0);
            let rows = self.groups.entry(id).or_insert_with(|| GroupRows {
                group: id,
                first_row: first_row + at as u64,
                rows: 0,
                min_time: Timestamp::MAX,
                max_time: Timestamp::MIN,
                streams: BTreeMap::new(),
            });
            rows.rows += 1;
            (rows.min_time, rows.max_time) = (rows.min_time.min(position.0), rows.max_time.max(position.0));
            let stats: &mut StreamStats = rows.streams.entry(StreamId(columns.stream.value(at))).or_default();
            stats.add(position.0, Timestamp(ingested.value(at)), message.value_length(at) as usize);
            times.push(position.0);
        }
        Ok(times)
    }

    /// Decodes every chunk.
    fn metric_rows(&mut self, batch: &RecordBatch, first_row: u64) -> Result<Vec<Timestamp>> {
        let columns = ChunkColumns::of(batch)?;
        let Keys::Metrics { rows: series, .. } = &self.segment.keys else { return Ok(Vec::new()) };
        let (mut points, mut integers) = (Points::default(), Vec::new());
        let mut times = Vec::with_capacity(batch.num_rows());
        for at in 0..batch.num_rows() {
            let number = first_row + at as u64;
            let ends = |rows: &SeriesRows| rows.first_row + rows.rows;
            while series.get(self.series).is_some_and(|rows| ends(rows) <= number) {
                self.series += 1;
            }
            let Some(rows) = series.get(self.series) else {
                self.wrong.insert("there are more rows than the series have".into());
                return Ok(times);
            };
            let row = columns.row(at);
            chunk::decode(row.chunk, &mut points, &mut integers)
                .map_err(|reason| Error::corrupt(self.segment.entry.path(), 0, format!("row {number} {reason}")))?;
            let (first, last, totals) = chunk::bounds(points.all());
            if points.len() != row.points as usize || bits(totals) != bits(row.totals) {
                self.wrong.insert("a chunk has other points than its row says".into());
            }
            if !points.is_sorted() || (first, last) != (row.first_time, row.last_time) {
                self.wrong.insert("a chunk is out of order, or has other times than its row says".into());
            }
            let place = (self.series as u64, (row.first_time, u64::from(row.resolution_secs)));
            let before = self.last.filter(|(series, (_, resolution))| (*series, *resolution) == (place.0, place.1.1));
            if before.is_some_and(|before| before.1.0 > row.first_time) {
                self.wrong.insert("rows are out of order".into());
            }
            if row.first_time < rows.min_time || row.last_time > rows.max_time {
                self.wrong.insert("a series has rows outside of its times".into());
            }
            self.last = Some(place);
            times.extend([row.first_time, row.last_time]);
        }
        Ok(times)
    }

    fn row_group(&mut self, at: usize, group: &RowGroup, first: Timestamp, last: Timestamp) {
        if group.rows > 0 && (first, last) != (group.min_time, group.max_time) {
            self.wrong.insert(format!("row group {at} has other times than its rows"));
        }
    }

    fn times(&mut self, groups: impl Iterator<Item = (Timestamp, Timestamp)>, what: &str) {
        let times = groups.reduce(|a, b| (a.0.min(b.0), a.1.max(b.1)));
        if times.is_some_and(|times| times != (self.segment.min_time(), self.segment.max_time())) {
            self.wrong.insert(format!("the row groups have other times than {what} says"));
        }
    }

    /// The statistics of log groups, streams and series.
    fn groups(&mut self) {
        match &self.segment.keys {
            Keys::Logs(said) if !said.iter().eq(self.groups.values()) => {
                self.wrong.insert("log groups or streams have other statistics than their rows".into());
            }
            Keys::Metrics { rows, .. } if rows.iter().map(|rows| rows.rows).sum::<u64>() != self.segment.entry.rows => {
                self.wrong.insert("the series have another number of rows than the manifest says".into());
            }
            _ => {}
        }
    }
}

fn bits(totals: Totals) -> [u64; 4] {
    [totals.count, totals.sum, totals.min, totals.max].map(f64::to_bits)
}
