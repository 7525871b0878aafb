//! `PartTicket` and `SegmentReader`: parts of a table that another process reads, from the objects of this store.
//!
//! A ticket says of a row group which of its rows a view shows; what it has no part in are the objects and the keys to them, which the
//! other process has by its own configuration. Who gives out a ticket keeps its [`crate::View`] until the rows were read: as long as that is held,
//! the objects stay. A process that only reads opens nothing: it takes no lock, and no store over.

use crate::Options;
use crate::error::{Error, Result};
use crate::filter_cache::FilterCache;
use crate::manifest::Removed;
use crate::part_cache::PartCache;
use crate::segment::{Kind, Segment, SegmentEntry};
use crate::series::SeriesNumber;
use crate::state::lock;
use crate::table::{PartSource, Run, TablePart};
use model::{StreamId, TimeRange, Timestamp};
use object_store::ObjectStore;
use object_store::local::LocalFileSystem;
use object_store::path::Path;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex};

/// Segments whose indexes a reader keeps; then it forgets all.
const SEGMENTS_MAX: usize = 1_024;

/// A row group of a segment, and which of its rows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartTicket {
    segment: SegmentEntry,
    row_group: usize,
    runs: Vec<RunTicket>,
    /// Log streams that the segment has rows of, and that are gone.
    removed: BTreeSet<u64>,
    /// First and last time of the row group, ms.
    times: (i64, i64),
}

/// See [`Run`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
struct RunTicket {
    rows: (usize, usize),
    window: (i64, i64),
    check_times: bool,
    check_streams: bool,
}

impl PartTicket {
    /// No row is earlier than the first or later than the second.
    pub fn times(&self) -> (Timestamp, Timestamp) {
        (Timestamp(self.times.0), Timestamp(self.times.1))
    }
}

impl TablePart {
    /// What another process needs to read it; `None` for what is in memory.
    pub fn ticket(&self) -> Option<PartTicket> {
        let PartSource::RowGroup { segment, row_group, runs } = &self.source else { return None };
        let ticket = |run: &Run| RunTicket {
            rows: (run.rows.start, run.rows.end),
            window: (run.window.start.0, run.window.end.0),
            check_times: run.check_times,
            check_streams: run.check_streams,
        };
        let mut removed = BTreeSet::new();
        if runs.iter().any(|run| run.check_streams) {
            let streams = segment.groups().iter().flat_map(|rows| rows.streams.keys());
            removed.extend(streams.filter(|stream| self.removed.has_stream(**stream)).map(|stream| stream.0));
        }
        Some(PartTicket {
            segment: segment.entry.clone(),
            row_group: *row_group,
            runs: runs.iter().map(ticket).collect(),
            removed,
            times: (self.min_time.0, self.max_time.0),
        })
    }

    /// About how many bytes of its object hold the rows, all columns together; 0 for what is in memory.
    pub fn stored_bytes(&self) -> u64 {
        let PartSource::RowGroup { segment, .. } = &self.source else { return 0 };
        let share = u128::from(segment.entry.bytes) * u128::from(self.rows) / u128::from(segment.entry.rows.max(1));
        u64::try_from(share).unwrap_or(u64::MAX)
    }
}

/// Reads parts of a store that another process has open.
#[derive(Debug)]
pub struct SegmentReader {
    objects: Arc<dyn ObjectStore>,
    part_cache: Option<Arc<PartCache>>,
    filter_cache: Arc<FilterCache>,
    /// By id.
    segments: Mutex<HashMap<u64, Arc<Segment>>>,
}

impl SegmentReader {
    /// Of a store whose objects are in its own folder `dir`.
    pub fn of_folder(dir: &std::path::Path) -> Result<Self> {
        let opened = LocalFileSystem::new_with_prefix(dir.join("objects"));
        let objects: Arc<dyn ObjectStore> = Arc::new(opened.map_err(Error::object("open", &Path::from("objects")))?);
        Ok(Self { part_cache: None, ..Self::of_objects(objects) })
    }

    /// Of a store whose objects are elsewhere. Parts that were read are kept in memory, as a store keeps them.
    pub fn of_objects(objects: Arc<dyn ObjectStore>) -> Self {
        let options = Options::default();
        Self {
            objects,
            part_cache: Some(Arc::new(PartCache::new(options.object_cache_bytes_max))),
            filter_cache: Arc::new(FilterCache::new(options.filter_cache_bytes_max)),
            segments: Mutex::default(),
        }
    }

    /// The part that a ticket is for. `Corrupt` when the segment is not the one that the ticket was given out for.
    pub async fn part(&self, ticket: &PartTicket) -> Result<TablePart> {
        let segment = self.segment(&ticket.segment).await?;
        let group = segment.row_groups.get(ticket.row_group);
        let fits = |run: &RunTicket, rows: u64| run.rows.0 <= run.rows.1 && run.rows.1 as u64 <= rows;
        if !group.is_some_and(|group| ticket.runs.iter().all(|run| fits(run, group.rows))) {
            return Err(segment.corrupt(0, "it has not the rows that are asked for"));
        }
        let mut removed = Removed::default();
        ticket.removed.iter().for_each(|stream| removed.remove_stream(StreamId(*stream)));
        let run = |run: &RunTicket| Run {
            rows: run.rows.0..run.rows.1,
            window: TimeRange::new(Timestamp(run.window.0), Timestamp(run.window.1)),
            check_times: run.check_times,
            check_streams: run.check_streams,
        };
        let runs: Vec<Run> = ticket.runs.iter().map(run).collect();
        let (min_time, max_time) = ticket.times();
        Ok(TablePart {
            rows: runs.iter().map(|run| run.rows.len() as u64).sum(),
            source: PartSource::RowGroup { segment, row_group: ticket.row_group, runs },
            sequence_end: u64::MAX,
            removed: Arc::new(removed),
            filter_cache: Arc::clone(&self.filter_cache),
            min_time,
            max_time,
        })
    }

    async fn segment(&self, entry: &SegmentEntry) -> Result<Arc<Segment>> {
        let known = lock(&self.segments).get(&entry.id).cloned();
        if let Some(known) = known.filter(|known| known.entry == *entry) {
            return Ok(known);
        }
        if entry.kind == Kind::Metrics {
            return Err(Error::Bug("metrics are not read by parts".into()));
        }
        let opened = Segment::open(entry.clone(), Arc::clone(&self.objects)).await?;
        let segment = opened.number(self.part_cache.clone(), &mut |_, _| SeriesNumber::default());
        let mut segments = lock(&self.segments);
        if segments.len() >= SEGMENTS_MAX {
            segments.clear();
        }
        segments.insert(entry.id, Arc::clone(&segment));
        Ok(segment)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{PartReader, Store, Table, TableFilter};
    use arrow_array::{RecordBatch, cast::AsArray, types::UInt64Type};
    use model::clock::ManualClock;
    use model::{Batch, GroupId, LogEvent};

    fn logs(from: i64) -> Vec<LogEvent> {
        let line = |n: i64| LogEvent {
            group: GroupId(1 + n as u64 % 2),
            stream: StreamId(10 + n as u64 % 4),
            timestamp: Timestamp(n),
            ingestion_time: Timestamp(n),
            message: format!("line {n}"),
        };
        (from..from + 500).map(line).collect()
    }

    async fn sequences(parts: Vec<TablePart>, filter: &TableFilter) -> Vec<u64> {
        let mut reader = PartReader::new(Table::Logs, Arc::new(filter.clone()), vec!["sequence"], None);
        let mut found = Vec::new();
        for part in parts {
            let mut open = reader.open(part);
            while let Some(batch) = reader.next(&mut open, TimeRange::ALL).await.unwrap() {
                let batch: RecordBatch = batch;
                found.extend(batch.column(0).as_primitive::<UInt64Type>().values());
            }
        }
        found.sort_unstable();
        found
    }

    #[tokio::test]
    async fn who_has_tickets_reads_the_same_rows_and_no_removed_ones() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { dir: dir.path().to_owned(), row_group_rows: 100, ..Options::default() };
        let store = Store::open(options, Arc::new(ManualClock::at(Timestamp(1_000)))).await.unwrap();
        for from in [0, 500] {
            store.append(Batch { logs: logs(from), ..Batch::default() }).await.unwrap();
            store.flush().await.unwrap();
        }
        store.append(Batch { logs: logs(1_000), ..Batch::default() }).await.unwrap();
        let range = TimeRange::new(Timestamp(100), Timestamp(900));
        for filter in [
            TableFilter::default(),
            TableFilter { range, ..TableFilter::default() },
            TableFilter { streams: Some([StreamId(11), StreamId(12)].into()), ..TableFilter::default() },
        ] {
            let view = store.view().of_segments();
            let parts = view.parts(Table::Logs, &filter).parts;
            assert!(parts.iter().map(TablePart::stored_bytes).sum::<u64>() > 0);
            let tickets: Vec<PartTicket> = parts.iter().map(|part| part.ticket().unwrap()).collect();
            let sent = serde_json::to_string(&tickets).unwrap();
            let tickets: Vec<PartTicket> = serde_json::from_str(&sent).unwrap();
            let reader = SegmentReader::of_folder(dir.path()).unwrap();
            let mut there = Vec::new();
            for ticket in &tickets {
                there.push(reader.part(ticket).await.unwrap());
            }
            let here = sequences(parts, &filter).await;
            assert!(!here.is_empty());
            assert_eq!(sequences(there, &filter).await, here);
        }
        let memory = store.view().parts(Table::Logs, &TableFilter::default()).parts;
        assert!(memory.iter().any(|part| part.ticket().is_none()), "what is in memory has no ticket");
    }

    #[tokio::test]
    async fn tickets_for_rows_that_are_not_there_are_refused() {
        let dir = tempfile::tempdir().unwrap();
        let options = Options { dir: dir.path().to_owned(), ..Options::default() };
        let store = Store::open(options, Arc::new(ManualClock::at(Timestamp(1_000)))).await.unwrap();
        store.append(Batch { logs: logs(0), ..Batch::default() }).await.unwrap();
        store.flush().await.unwrap();
        let part = store.view().parts(Table::Logs, &TableFilter::default()).parts.remove(0);
        let ticket = part.ticket().unwrap();
        let reader = SegmentReader::of_folder(dir.path()).unwrap();
        let beyond = PartTicket { row_group: 7, ..ticket.clone() };
        assert!(matches!(reader.part(&beyond).await, Err(Error::Corrupt { .. })));
        let gone = SegmentEntry { id: 99, ..ticket.segment.clone() };
        assert!(reader.part(&PartTicket { segment: gone, ..ticket.clone() }).await.is_err());
        let metrics = SegmentEntry { kind: Kind::Metrics, ..ticket.segment.clone() };
        assert!(reader.part(&PartTicket { segment: metrics, ..ticket }).await.is_err());
    }
}
