//! Runs a plan over the store: the parts of the log table are read by a few threads, each of which feeds a worker of its own.
//!
//! A part is a row group of a segment, or a memtable's events of one group. Row groups without the query's time range, groups or
//! texts are skipped. Where all fields that the plan needs are columns of the row group (`store::LogField`), and none is missing
//! in a row, the texts are not read at all.

mod estimate;
mod progress;

pub use progress::{Deadline, Looked, Pointer, Progress};

use super::{Answer, Event, Plan, PlanError, Worker};
use crate::data_protection::Protection;
use crate::transformer::{Origin, Transformer};
use arrow_array::{Array, RecordBatch, StringArray, TimestampMillisecondArray, UInt64Array};
use model::limits::LOG_EVENT_OVERHEAD_BYTES;
use model::{GroupId, StreamId, TimeRange, Timestamp};
use progress::{Slot, lock, worker_of};
use std::borrow::Cow;
use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use store::{Direction, FIELD_COLUMNS, LogField, PartReader, ReadStats, Table, TableFilter, TablePart, View, wait_for};

/// A log group that is asked.
#[derive(Debug, Clone)]
pub struct Target {
    /// Its id in the store.
    pub group: GroupId,
    /// `@log`: `account:name`.
    pub log: String,
    /// Names of its streams; events of others are passed over.
    pub streams: HashMap<StreamId, String>,
    /// Events before this time have expired.
    pub kept_since: Timestamp,
    /// Bytes of all of its events, as AWS counts them, and their number: for the size of events whose text is not read.
    pub stored: (u64, u64),
    /// What is masked.
    pub protection: Option<Arc<Protection>>,
    /// What events are transformed into.
    pub transforming: Option<Transforming>,
}

/// The transformer of a group.
#[derive(Debug, Clone)]
pub struct Transforming {
    /// Events that were accepted before are shown as they are.
    pub since: Timestamp,
    /// How.
    pub transformer: Arc<Transformer>,
    /// Account, region and name of the group, which it may copy.
    pub from: (String, String, String),
}

impl Target {
    /// True when events are shown as they are stored.
    fn is_plain(&self) -> bool {
        self.protection.is_none() && self.transforming.is_none()
    }

    /// The text of an event as it is shown. An event that cannot be transformed is shown as it is.
    fn shown<'t>(&self, line: &'t str, timestamp: Timestamp, ingested: Timestamp, stream: &str) -> Cow<'t, str> {
        let transforming = self.transforming.as_ref().filter(|transforming| transforming.since <= ingested);
        let transformed = transforming.and_then(|Transforming { transformer, from, .. }| {
            let (account, region, log_group) = (&from.0, &from.1, &from.2);
            let origin = Origin { log_group, log_stream: stream, account, region, timestamp };
            transformer.transform(line, &origin).ok()
        });
        let text = match transformed {
            Some(fields) => Cow::Owned(serde_json::Value::Object(fields).to_string()),
            None => Cow::Borrowed(line),
        };
        let Some(protection) = &self.protection else { return text };
        match protection.mask(ingested, &text) {
            Cow::Owned(masked) => Cow::Owned(masked),
            Cow::Borrowed(_) => text,
        }
    }
}

/// Why a query did not come to its end.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// It was told to end.
    #[error("the query was cancelled")]
    Cancelled,
    /// It took too long.
    #[error("the time of the query within the query is over")]
    TimedOut,
    /// It takes too much memory, or cannot be computed.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The store could not be read.
    #[error(transparent)]
    Store(#[from] store::Error),
    /// A defect.
    #[error("a thread of the query has panicked")]
    Panicked,
}

/// Feeds the plan with the events of a view that it asks for, and answers. It blocks, for as long as the query takes.
pub fn run(
    view: &View,
    plan: &Plan,
    range: TimeRange,
    targets: &[Target],
    progress: &Progress,
    threads: usize,
) -> Result<Answer, ScanError> {
    if plan.is_estimating() {
        return estimate::answer(view, plan, range, targets, progress);
    }
    let compared = plan.compared_range().map(|range| (range, true));
    let mut ended = Vec::new();
    for (range, is_compared) in std::iter::once((range, false)).chain(compared) {
        ended.extend(feed(view, plan, range, targets, progress, threads, is_compared)?);
    }
    progress.matched.fetch_add(ended.iter().map(Worker::matched).sum(), Ordering::Relaxed);
    match plan.finish_while(ended, &|| progress.check().is_ok()) {
        // Both stay so: a query that was told to end, and time that is over.
        Err(PlanError::Unwanted) => Err(progress.check().err().unwrap_or(ScanError::Cancelled)),
        answer => Ok(answer?),
    }
}

/// Feeds workers with the events of one time range.
fn feed(
    view: &View,
    plan: &Plan,
    range: TimeRange,
    targets: &[Target],
    progress: &Progress,
    threads: usize,
    is_compared: bool,
) -> Result<Vec<Worker>, ScanError> {
    let reading = Reading::new(plan, range, targets);
    let mut parts = view.parts(Table::Logs, &reading.filter).parts;
    // A query that stops early wants the events of one end of time.
    match plan.is_newest_first() {
        true => parts.sort_by_key(|part| std::cmp::Reverse(part.max_time)),
        false => parts.sort_by_key(|part| part.min_time),
    }
    let queue = Mutex::new(parts.into_iter());
    let worker = || {
        let worker = if is_compared { plan.worker_compared() } else { plan.worker() };
        if reading.is_contained { worker.of_containing() } else { worker }
    };
    let workers: Vec<Arc<Slot>> = (0..threads.max(1)).map(|_| Arc::new(Mutex::new(Some(worker())))).collect();
    lock(&progress.workers).clone_from(&workers);
    let outcome = std::thread::scope(|scope| {
        let work = |worker: &Arc<Slot>| {
            let worker = Arc::clone(worker);
            let (reading, queue) = (&reading, &queue);
            scope.spawn(move || reading.work(queue, &worker, progress))
        };
        let running: Vec<_> = workers.iter().map(work).collect();
        let ended = running.into_iter().map(|thread| thread.join().unwrap_or(Err(ScanError::Panicked)));
        ended.collect::<Vec<_>>().into_iter().collect::<Result<(), ScanError>>()
    });
    outcome?;
    lock(&progress.workers).clear();
    Ok(workers.iter().filter_map(|worker| lock(worker).take()).collect())
}

/// How the parts are read.
struct Reading<'a> {
    plan: &'a Plan,
    targets: HashMap<GroupId, &'a Target>,
    filter: Arc<TableFilter>,
    /// Fields of the plan that may be columns: their numbers in the plan, in the order of the filter's fields.
    fields: Vec<usize>,
    /// Columns that suffice when no field is missing; `None` when texts are needed in any case.
    lean: Option<Vec<&'static str>>,
    whole: Vec<&'static str>,
    /// True when messages contain what the plan wants them to: the filter has seen to it.
    is_contained: bool,
}

const KEYS: [&str; 5] = ["group", "stream", "timestamp", "ingestion_time", "sequence"];

impl<'a> Reading<'a> {
    fn new(plan: &'a Plan, range: TimeRange, targets: &'a [Target]) -> Self {
        let mut fields = Vec::new();
        let mut columns = Vec::new();
        for (at, path) in plan.fields().iter().enumerate() {
            // A name with dots may lie deeper; one that begins with `@` is spelt otherwise in the text.
            let name = path.name();
            let is_plain = !name.contains(['.', '@', '[']) && !name.is_empty();
            if is_plain && fields.len() < FIELD_COLUMNS.len() {
                fields.push(at);
                columns.push(LogField::Member(name.to_owned()));
            }
        }
        let are_all_columns = fields.len() == plan.fields().len();
        // Of lines that are shown otherwise than they are stored, what is masked must not be told by what was skipped either.
        let are_plain = targets.iter().all(Target::is_plain);
        let mut contains: BTreeSet<String> = BTreeSet::new();
        if are_plain {
            contains.extend(plan.required_texts().into_iter().filter(|clause| clause.len() == 1).flatten());
            contains.extend(plan.contained_texts().iter().cloned());
        }
        let contains = contains.into_iter().map(|text| ("message", text)).collect();
        let lean = (are_plain && !plan.needs_message_of_containing() && are_all_columns).then(|| {
            let keys = KEYS.into_iter().chain(FIELD_COLUMNS.into_iter().take(fields.len()));
            keys.collect()
        });
        let whole = KEYS.into_iter().chain(["message"]).collect();
        let filter = TableFilter {
            range,
            groups: Some(targets.iter().map(|target| target.group).collect::<BTreeSet<GroupId>>()),
            contains,
            fields: columns,
            ..TableFilter::default()
        };
        let targets = targets.iter().map(|target| (target.group, target)).collect();
        Self { plan, targets, filter: Arc::new(filter), fields, lean, whole, is_contained: are_plain }
    }

    /// Takes parts until none is left or the worker has enough.
    fn work(
        &self,
        queue: &Mutex<impl Iterator<Item = TablePart>>,
        worker: &Slot,
        progress: &Progress,
    ) -> Result<(), ScanError> {
        // The times of all events that this worker was fed lie within these.
        let (mut earliest, mut latest) = (Timestamp::MAX, Timestamp::MIN);
        loop {
            progress.check()?;
            let Some(part) = lock(queue).next() else { return Ok(()) };
            let comes_later = match self.plan.is_newest_first() {
                true => part.max_time < earliest,
                false => part.min_time > latest,
            };
            // What it has are as many rows as are wanted, and none of the part's events could come before one of them.
            if comes_later && worker_of(worker, Worker::is_full) {
                continue;
            }
            (earliest, latest) = (earliest.min(part.min_time), latest.max(part.max_time));
            self.part(part, worker, progress)?;
        }
    }

    fn part(&self, part: TablePart, worker: &Slot, progress: &Progress) -> Result<(), ScanError> {
        if let Some(lean) = &self.lean
            && let Some(batches) = self.lean_batches(&part, lean, progress)?
        {
            return batches.iter().try_for_each(|batch| self.feed(batch, worker, progress));
        }
        let mut reader = PartReader::new(Table::Logs, Arc::clone(&self.filter), self.whole.clone(), self.order());
        let rows = part.rows;
        let mut open = reader.open(part);
        let matched_before = worker_of(worker, Worker::matched);
        while let Some(batch) = wait_for(reader.next(&mut open, TimeRange::ALL))? {
            progress.check()?;
            self.feed(&batch, worker, progress)?;
            // Pages come from the newest on where few rows are wanted. The other way round an instant may go on in the next page.
            let matched = worker_of(worker, Worker::matched) - matched_before;
            let is_enough = self.plan.wanted_rows().is_some_and(|wanted| matched >= wanted as u64);
            if is_enough && self.plan.is_newest_first() {
                break;
            }
        }
        self.count_others(reader.stats(), rows, progress);
        Ok(())
    }

    /// Counts the rows of a part that were not answered: those of a row group that was skipped, and those whose texts were looked at, or
    /// known, in vain. The latter have as many bytes as those of all groups on average.
    fn count_others(&self, stats: ReadStats, rows: u64, progress: &Progress) {
        if stats.row_groups_skipped > 0 {
            progress.skipped.fetch_add(rows, Ordering::Relaxed);
        }
        let excluded = stats.rows_excluded;
        if excluded > 0 {
            let stored = self.targets.values().fold((0, 0), |(bytes, events), target| {
                (bytes + u128::from(target.stored.0), events + u128::from(target.stored.1))
            });
            progress.rows.fetch_add(excluded, Ordering::Relaxed);
            progress.bytes.fetch_add(share(stored, excluded), Ordering::Relaxed);
        }
    }

    fn order(&self) -> Option<Direction> {
        let direction = if self.plan.is_newest_first() { Direction::Backward } else { Direction::Forward };
        self.plan.wanted_rows().is_some().then_some(direction)
    }

    /// The part by its columns alone; `None` when a row lacks a field, which its text may have nevertheless.
    fn lean_batches(
        &self,
        part: &TablePart,
        lean: &[&'static str],
        progress: &Progress,
    ) -> Result<Option<Vec<RecordBatch>>, ScanError> {
        let mut reader = PartReader::new(Table::Logs, Arc::clone(&self.filter), lean.to_vec(), None);
        let mut open = reader.open(part.clone());
        let mut batches = Vec::new();
        while let Some(batch) = wait_for(reader.next(&mut open, TimeRange::ALL))? {
            if batch.columns().iter().any(|column| column.null_count() > 0) {
                return Ok(None);
            }
            batches.push(batch);
        }
        self.count_others(reader.stats(), part.rows, progress);
        Ok(Some(batches))
    }

    /// The bytes of events whose text is not read: as many as those of the group have on average.
    fn bytes_of(&self, group: GroupId, rows: u64) -> u64 {
        let (bytes, events) = self.targets.get(&group).map_or((0, 0), |target| target.stored);
        share((bytes.into(), events.into()), rows)
    }

    fn feed(&self, batch: &RecordBatch, worker: &Slot, progress: &Progress) -> Result<(), ScanError> {
        let columns = Columns::of(batch, &self.fields)?;
        let mut worker = lock(worker);
        let Some(worker) = worker.as_mut() else { return Ok(()) };
        let (mut rows, mut bytes) = (0, 0);
        // Rows of one group come together.
        let mut unread: Vec<(GroupId, u64)> = Vec::new();
        let mut of: Option<(GroupId, Option<&Target>)> = None;
        for at in 0..batch.num_rows() {
            let group = GroupId(columns.group.value(at));
            if of.is_none_or(|(last, _)| last != group) {
                of = Some((group, self.targets.get(&group).copied()));
            }
            let Some((_, Some(target))) = of else { continue };
            let timestamp = Timestamp(columns.timestamp.value(at));
            if timestamp < target.kept_since {
                continue;
            }
            let Some(stream) = target.streams.get(&StreamId(columns.stream.value(at))) else { continue };
            let message = columns.message.map_or("", |message| message.value(at));
            rows += 1;
            match (columns.message, unread.last_mut()) {
                (Some(_), _) => bytes += (message.len() + LOG_EVENT_OVERHEAD_BYTES) as u64,
                (None, Some((last, rows))) if *last == group => *rows += 1,
                (None, _) => unread.push((group, 1)),
            }
            let message = match target.is_plain() {
                true => Cow::Borrowed(message),
                false => target.shown(message, timestamp, Timestamp(columns.ingestion_time.value(at)), stream),
            };
            worker.feed(&Row { columns: &columns, at, timestamp, target, stream, message: &message })?;
        }
        bytes += unread.into_iter().map(|(group, rows)| self.bytes_of(group, rows)).sum::<u64>();
        progress.rows.fetch_add(rows, Ordering::Relaxed);
        progress.bytes.fetch_add(bytes, Ordering::Relaxed);
        Ok(())
    }
}

/// The bytes of some of so many events that have so many bytes together.
fn share((bytes, events): (u128, u128), rows: u64) -> u64 {
    let all = bytes.saturating_mul(u128::from(rows)) / events.max(1);
    u64::try_from(all).unwrap_or(u64::MAX).max(rows * LOG_EVENT_OVERHEAD_BYTES as u64)
}

/// The columns of a batch.
struct Columns<'a> {
    group: &'a UInt64Array,
    stream: &'a UInt64Array,
    timestamp: &'a TimestampMillisecondArray,
    ingestion_time: &'a TimestampMillisecondArray,
    sequence: &'a UInt64Array,
    message: Option<&'a StringArray>,
    /// By the number of the field in the plan.
    fields: Vec<Option<&'a StringArray>>,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch, fields: &[usize]) -> Result<Self, store::Error> {
        fn column<'a, T: 'static>(batch: &'a RecordBatch, name: &str) -> Result<&'a T, store::Error> {
            let column = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref());
            column.ok_or_else(|| store::Error::Bug(format!("a batch of logs lacks {name}")))
        }
        let mut known = vec![None; fields.iter().max().map_or(0, |last| last + 1)];
        for (name, at) in FIELD_COLUMNS.into_iter().zip(fields) {
            known[*at] = batch.column_by_name(name).and_then(|column| column.as_any().downcast_ref());
        }
        Ok(Self {
            group: column(batch, "group")?,
            stream: column(batch, "stream")?,
            timestamp: column(batch, "timestamp")?,
            ingestion_time: column(batch, "ingestion_time")?,
            sequence: column(batch, "sequence")?,
            message: batch.column_by_name("message").and_then(|column| column.as_any().downcast_ref()),
            fields: known,
        })
    }
}

/// A row of a batch.
struct Row<'a> {
    columns: &'a Columns<'a>,
    at: usize,
    timestamp: Timestamp,
    target: &'a Target,
    stream: &'a str,
    message: &'a str,
}

impl Event for Row<'_> {
    fn timestamp(&self) -> Timestamp {
        self.timestamp
    }

    fn ingestion_time(&self) -> Timestamp {
        Timestamp(self.columns.ingestion_time.value(self.at))
    }

    fn message(&self) -> &str {
        self.message
    }

    fn stream(&self) -> &str {
        self.stream
    }

    fn log(&self) -> &str {
        &self.target.log
    }

    fn pointer(&self) -> String {
        let sequence = self.columns.sequence.value(self.at);
        Pointer { group: self.target.group, timestamp: self.timestamp, sequence }.encode()
    }

    fn known(&self, at: usize) -> Option<Option<&str>> {
        let column = self.columns.fields.get(at).copied().flatten()?;
        column.is_valid(self.at).then(|| Some(column.value(self.at)))
    }
}
