//! The memtable: records that are durable in the journal and not yet in segments, sorted for scans and for the flush.

mod arrivals;

use crate::event_tree::Frontier;
use crate::events_page::{EventPage, EventRow};
use crate::follow_events::Filling;
use crate::logs_page::LogPage;
use crate::metric_lines::MetricLines;
use crate::position::{Direction, Position, Window};
use crate::series::SeriesNumber;
use crate::streams::StreamStats;
use arrivals::Arrivals;
use model::{Datapoint, Event, GroupId, LogEvent, Observation, StreamId, Timestamp};
use std::collections::{BTreeMap, HashSet};
use std::ops::Range;
use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

/// Memory that a log event takes besides its text: map entry, allocation, place in the order of arrival, slack.
const LOG_OVERHEAD_BYTES: usize = 140;
/// The same for a datapoint of one value: time and value, with slack.
const POINT_BYTES: usize = 24;
/// The same for what a datapoint says more than one value, besides its pairs.
const SAMPLES_BYTES: usize = 56;
/// The same for an audit event besides its record; its fields repeat parts of the record.
const EVENT_OVERHEAD_BYTES: usize = 700;

/// One log event in memory; group, timestamp and sequence are the keys that lead to it.
#[derive(Debug)]
pub(crate) struct LogLine {
    pub stream: StreamId,
    pub ingestion_time: Timestamp,
    pub message: String,
}

/// The lines of one group.
#[derive(Debug, Default)]
pub(crate) struct GroupLines {
    pub lines: BTreeMap<Position, LogLine>,
    pub streams: BTreeMap<StreamId, StreamStats>,
}

/// Audit events.
#[derive(Debug, Default)]
pub(crate) struct EventLines {
    pub events: BTreeMap<Position, Arc<Event>>,
    /// Sequence and time of each, in the order in which they came, which is that of their sequences.
    order: Vec<(u64, Timestamp)>,
    pub ids: HashSet<String, foldhash::fast::RandomState>,
}

/// What begins after a memtable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Cut {
    /// The first journal that is not needed once the memtable is in segments.
    pub journal_first: u64,
    pub next_log_sequence: u64,
    pub next_event_sequence: u64,
    /// The hash tree over all events before.
    pub event_tree: Arc<Frontier>,
}

/// The points of a memtable, which may outlive it.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedMetrics(Arc<RwLock<MetricLines>>);

impl SharedMetrics {
    /// The points.
    pub(crate) fn read(&self) -> RwLockReadGuard<'_, MetricLines> {
        read(&self.0)
    }
}

/// Records of all kinds since the last cut. Only the writer adds; scans read beside it.
#[derive(Debug)]
pub(crate) struct Memtable {
    /// Where the next memtable begins; set when this one is cut.
    cut: OnceLock<Cut>,
    // Readers are scans and the flush; they never wait for each other.
    logs: RwLock<BTreeMap<GroupId, GroupLines>>,
    /// Written after `logs`: what it names is there.
    arrivals: RwLock<Arrivals>,
    first_log_sequence: u64,
    metrics: SharedMetrics,
    events: RwLock<EventLines>,
    bytes: AtomicUsize,
    rows: AtomicUsize,
    first_written: AtomicI64,
}

impl Memtable {
    /// An empty one, whose first log event will have this sequence; all before it are in segments or older memtables.
    pub(crate) fn new(first_log_sequence: u64) -> Self {
        Self {
            cut: OnceLock::new(),
            logs: RwLock::default(),
            arrivals: RwLock::default(),
            first_log_sequence,
            metrics: SharedMetrics::default(),
            events: RwLock::default(),
            bytes: AtomicUsize::new(0),
            rows: AtomicUsize::new(0),
            first_written: AtomicI64::new(i64::MAX),
        }
    }
}

fn point_bytes(observation: &Observation) -> usize {
    match observation {
        Observation::Values(pairs) if pairs.len() <= 1 => POINT_BYTES,
        Observation::Values(pairs) => POINT_BYTES + SAMPLES_BYTES + pairs.len() * 16,
        Observation::Set { .. } => POINT_BYTES + SAMPLES_BYTES,
    }
}

// No code panics while holding these locks; if it did, the records behind them would still be whole.
fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

impl Memtable {
    /// Adds log events of one batch, numbered from `sequence`.
    pub(crate) fn add_logs(&self, logs: Vec<LogEvent>, first_sequence: u64, written: Timestamp) {
        let (mut bytes, rows) = (0, logs.len());
        let places: Vec<_> = logs.iter().map(|log| (log.group, log.timestamp)).collect();
        let mut groups = write(&self.logs);
        let mut logs = (first_sequence..).zip(logs).peekable();
        // Nearly all batches are of one stream, which is looked up once.
        while let Some((_, first)) = logs.peek() {
            let (group, stream) = (first.group, first.stream);
            let GroupLines { lines, streams } = groups.entry(group).or_default();
            let stats = streams.entry(stream).or_default();
            while let Some((sequence, log)) = logs.next_if(|(_, log)| (log.group, log.stream) == (group, stream)) {
                let size = log.message.len();
                stats.add(log.timestamp, log.ingestion_time, size);
                bytes += size + LOG_OVERHEAD_BYTES;
                let line = LogLine { stream, ingestion_time: log.ingestion_time, message: log.message };
                lines.insert((log.timestamp, sequence), line);
            }
        }
        drop(groups);
        write(&self.arrivals).add(first_sequence, places.into_iter());
        self.grown(bytes, rows, written);
    }

    /// Adds points of one batch; `number` gives the number of each one's series.
    pub(crate) fn add_points(
        &self,
        points: Vec<Datapoint>,
        written: Timestamp,
        mut number: impl FnMut(&Datapoint) -> SeriesNumber,
    ) {
        let (mut bytes, rows) = (0, points.len());
        let mut metrics = write(&self.metrics.0);
        for point in points {
            bytes += point_bytes(&point.observation);
            metrics.add(number(&point), point.timestamp, u16::from(point.resolution_secs), point.observation);
        }
        self.grown(bytes, rows, written);
    }

    /// Adds audit events of one batch, numbered from `sequence`; answers them, shared.
    pub(crate) fn add_events(&self, events: Vec<Event>, mut sequence: u64, written: Timestamp) -> Vec<Arc<Event>> {
        let (mut bytes, rows) = (0, events.len());
        let events: Vec<Arc<Event>> = events.into_iter().map(Arc::new).collect();
        let mut lines = write(&self.events);
        for event in &events {
            bytes += EVENT_OVERHEAD_BYTES + event.record.len();
            lines.ids.insert(event.event_id.clone());
            lines.order.push((sequence, event.time));
            lines.events.insert((event.time, sequence), Arc::clone(event));
            sequence += 1;
        }
        drop(lines);
        self.grown(bytes, rows, written);
        events
    }

    fn grown(&self, bytes: usize, rows: usize, written: Timestamp) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.rows.fetch_add(rows, Ordering::Relaxed);
        self.first_written.fetch_min(written.0, Ordering::Relaxed);
    }

    /// Bytes of memory held, estimated.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes.load(Ordering::Relaxed)
    }

    /// True when nothing was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.load(Ordering::Relaxed) == 0
    }

    /// When the oldest record was added.
    pub(crate) fn first_written(&self) -> Timestamp {
        Timestamp(self.first_written.load(Ordering::Relaxed))
    }

    /// No log event in it or in newer memtables is below, and all that are in segments are.
    pub(crate) fn first_log_sequence(&self) -> u64 {
        self.first_log_sequence
    }

    /// Says what begins after this memtable; nothing is added to it from then on.
    pub(crate) fn cut_at(&self, cut: Cut) {
        assert!(self.cut.set(cut).is_ok(), "a memtable is cut once");
    }

    /// What begins after this memtable; `None` while it is active.
    pub(crate) fn cut(&self) -> Option<Cut> {
        self.cut.get().cloned()
    }

    /// All groups with their lines, for the flush.
    pub(crate) fn logs(&self) -> RwLockReadGuard<'_, BTreeMap<GroupId, GroupLines>> {
        read(&self.logs)
    }

    /// All series with their points.
    pub(crate) fn metrics(&self) -> RwLockReadGuard<'_, MetricLines> {
        self.metrics.read()
    }

    /// The same, to be kept.
    pub(crate) fn shared_metrics(&self) -> SharedMetrics {
        self.metrics.clone()
    }

    /// All events, for the flush.
    pub(crate) fn events(&self) -> RwLockReadGuard<'_, EventLines> {
        read(&self.events)
    }

    /// First and last time that one group has lines at.
    pub(crate) fn group_times(&self, group: GroupId) -> Option<(Timestamp, Timestamp)> {
        let logs = self.logs();
        let lines = &logs.get(&group)?.lines;
        Some((lines.first_key_value()?.0.0, lines.last_key_value()?.0.0))
    }

    /// First and last time that there are events at.
    pub(crate) fn event_times(&self) -> Option<(Timestamp, Timestamp)> {
        let lines = self.events();
        Some((lines.events.first_key_value()?.0.0, lines.events.last_key_value()?.0.0))
    }

    /// Copies the next lines of a group: a few thousand looked at, about 1 MiB of text. Also answers the position of the last
    /// line looked at, `None` at the end.
    pub(crate) fn log_page(
        &self,
        group: GroupId,
        admits: &dyn Fn(StreamId) -> bool,
        window: Window,
        direction: Direction,
        sequence_end: u64,
    ) -> (LogPage, Option<Position>) {
        const ROWS_MAX: usize = 2048;
        const BYTES_MAX: usize = 1024 * 1024;
        let mut page = LogPage::default();
        if window.is_empty() {
            return (page, None);
        }
        let logs = self.logs();
        let Some(lines) = logs.get(&group).map(|group| &group.lines) else { return (page, None) };
        let mut last = None;
        let mut visit = |(position, line): (&Position, &LogLine)| {
            last = Some(*position);
            if position.1 < sequence_end && admits(line.stream) {
                page.push(*position, line.stream, line.ingestion_time, &line.message);
            }
            page.bytes() < BYTES_MAX
        };
        let range = lines.range(window.low..window.high);
        // However it stops, `last` says where to go on; at the end of the range the next page is empty and has no `last`.
        match direction {
            Direction::Forward => range.take(ROWS_MAX).all(&mut visit),
            Direction::Backward => range.rev().take(ROWS_MAX).all(&mut visit),
        };
        (page, last)
    }

    /// The sequence of the first event that was added; `None` while there is none.
    pub(crate) fn first_event_sequence(&self) -> Option<u64> {
        self.events().order.first().map(|(sequence, _)| *sequence)
    }

    /// Copies the events with these sequences, in order, until the page is full; then answers the sequence of the first one that found
    /// no room.
    pub(crate) fn follow_events(&self, sequences: Range<u64>, page: &mut Filling) -> Option<u64> {
        let lines = self.events();
        let start = lines.order.partition_point(|(sequence, _)| *sequence < sequences.start);
        let order = lines.order.get(start..).unwrap_or_default().iter();
        for (sequence, time) in order.take_while(|(sequence, _)| *sequence < sequences.end) {
            let event = lines.events.get(&(*time, *sequence));
            if event.is_some_and(|event| !page.push(*sequence, || Event::clone(event))) {
                return Some(*sequence);
            }
        }
        None
    }

    /// Clones the next events (they are shared, not copied); the same contract as `log_page`.
    pub(crate) fn event_page(
        &self,
        window: Window,
        direction: Direction,
        sequence_end: u64,
        admits: &dyn Fn(&Event) -> bool,
    ) -> (EventPage, Option<Position>) {
        const ROWS_MAX: usize = 2048;
        let mut page = EventPage::default();
        if window.is_empty() {
            return (page, None);
        }
        let lines = self.events();
        let mut last = None;
        let mut visit = |(position, event): (&Position, &Arc<Event>)| {
            last = Some(*position);
            if position.1 < sequence_end && admits(event) {
                page.rows.push(EventRow { sequence: position.1, event: Event::clone(event) });
            }
        };
        let range = lines.events.range(window.low..window.high);
        match direction {
            Direction::Forward => range.take(ROWS_MAX).for_each(&mut visit),
            Direction::Backward => range.rev().take(ROWS_MAX).for_each(&mut visit),
        }
        (page, last)
    }
}
