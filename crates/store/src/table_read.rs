//! Reads a `TablePart` page by page: first what decides, then the asked columns of the rows that are left.
//!
//! What is skipped: row groups whose Bloom filters, or columns of fields, have none of the asked values; of the others, rows that do not meet the
//! conditions, of which only the columns of the conditions are read. Messages of logs are searched before all else, in their pages
//! (`table_texts.rs`).

use crate::error::{Error, Result};
use crate::merge::Page;
use crate::position::{Direction, Window};
use crate::scan_logs::runs;
use crate::search_logs::TextSearch;
use crate::segment::event_rows::Masks;
use crate::segment::events::EventBatch;
use crate::segment::logs::LogBatch;
use crate::segment::{Batches, DICTIONARY_BATCH_ROWS, Needle, Segment, Texts, column};
use crate::table::{PartSource, Run, Table, TableFilter, TablePart};
use crate::table_events::{self, RECORD};
use crate::table_fields;
use crate::table_texts::{self, MESSAGE, Matched, Messages};
use crate::text_column::{TestedColumn, TextColumn, TextTest};
use arrow_array::{RecordBatch, RecordBatchOptions, TimestampMillisecondArray, UInt64Array};
use arrow_schema::Schema;
use memchr::memmem::Finder;
use model::{Event, StreamId, TimeRange, Timestamp};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Rows of the first page; pages grow, because many queries stop early.
const PAGE_ROWS_MIN: usize = 1024;

/// What reading came to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ReadStats {
    /// Row groups that a Bloom filter, a token filter or the narrowed time range ruled out without reading a column.
    pub row_groups_skipped: u64,
    /// Row groups of logs of which columns of fields told the rows whose messages contain what they must.
    pub row_groups_known: u64,
    /// Rows whose deciding columns were read, or that needed none.
    pub rows_seen: u64,
    /// Rows of logs whose message, or what is known of it, does not contain what it must; not those of row groups that have rows of other
    /// times or streams.
    pub rows_excluded: u64,
    /// Rows answered.
    pub rows_read: u64,
}

/// Reads parts of one table one after the other.
#[derive(Debug)]
pub struct PartReader {
    table: Table,
    filter: Arc<TableFilter>,
    columns: Vec<&'static str>,
    order: Option<Direction>,
    page_rows: usize,
    texts: Texts,
    /// What messages of logs must contain.
    search: Option<TextSearch>,
    stats: ReadStats,
}

/// A column that must have one of some texts.
type OneOf<'a> = (&'static str, &'a BTreeSet<String>);

/// A part in work.
#[derive(Debug)]
pub struct OpenPart {
    part: TablePart,
    /// Of a memtable: what is left of its window.
    window: Window,
    /// Of a row group: wanted rows that are not read yet, ascending, and their times where they were needed.
    found: Option<Found>,
    /// Of a row group whose rows come in no order: what is still to be decoded of it.
    batches: Option<Batches>,
    masks: Masks,
}

#[derive(Debug, Default)]
struct Found {
    rows: Vec<u32>,
    times: Vec<i64>,
    left: Range<usize>,
    /// Their messages, where these were searched, and are asked for.
    messages: Option<Messages>,
}

impl PartReader {
    /// A reader of these columns. `order` is given when rows of one end of time are wanted first: then pages come from that end
    /// of each part (rows within a page are in the order in which they are stored), and `next` is told what is still wanted.
    pub fn new(table: Table, filter: Arc<TableFilter>, columns: Vec<&'static str>, order: Option<Direction>) -> Self {
        let search = table_texts::search(table, &filter);
        let (texts, stats) = (Texts::Plain, ReadStats::default());
        Self { table, filter, columns, order, page_rows: PAGE_ROWS_MIN, texts, search, stats }
    }

    /// The same reader, which answers texts of events that are read from segments as dictionaries (`TextColumn` reads both).
    pub fn packed(self) -> Self {
        Self { texts: Texts::Packed, ..self }
    }

    /// What reading came to so far.
    pub fn stats(&self) -> ReadStats {
        self.stats
    }

    /// Begins a part.
    pub fn open(&self, part: TablePart) -> OpenPart {
        let range = match &part.source {
            PartSource::MemoryLogs { window, .. } | PartSource::MemoryEvents { window, .. } => *window,
            PartSource::RowGroup { .. } => TimeRange::ALL,
        };
        let window = Window::new(range, self.direction(), None);
        OpenPart { part, window, found: None, batches: None, masks: Masks::default() }
    }

    /// The next page with the asked columns in the asked order; `None` at the end. Rows outside `narrowed`, which may become
    /// narrower from page to page, may be left out.
    pub async fn next(&mut self, open: &mut OpenPart, narrowed: TimeRange) -> Result<Option<RecordBatch>> {
        if narrowed != TimeRange::ALL && !narrowed.overlaps(open.part.min_time, open.part.max_time) {
            if open.found.is_none() && matches!(open.part.source, PartSource::RowGroup { .. }) {
                self.stats.row_groups_skipped += 1;
            }
            return Ok(None);
        }
        let batch = match &open.part.source {
            PartSource::RowGroup { segment, row_group, runs } => {
                let (segment, row_group) = (Arc::clone(segment), *row_group);
                let mut found = match open.found.take() {
                    Some(found) => found,
                    None => self.find(&open.part, &segment, row_group, runs).await?,
                };
                let batch = match self.table {
                    Table::Events if self.order.is_none() && !self.columns.is_empty() => {
                        self.decode(open, &segment, row_group, &mut found).await?
                    }
                    _ => {
                        let rows = self.take_rows(&mut found, narrowed);
                        match rows.is_empty() {
                            true => None,
                            false => {
                                let messages = found.messages.as_ref();
                                Some(self.read_rows(&segment, row_group, &rows, messages, &mut open.masks).await?)
                            }
                        }
                    }
                };
                open.found = Some(found);
                batch
            }
            _ => self.memory_page(open)?,
        };
        self.stats.rows_read += batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
        Ok(batch)
    }

    fn direction(&self) -> Direction {
        self.order.unwrap_or_default()
    }

    /// Decides which rows of a row group are wanted.
    async fn find(
        &mut self,
        part: &TablePart,
        segment: &Arc<Segment>,
        row_group: usize,
        wanted: &[Run],
    ) -> Result<Found> {
        let filter = Arc::clone(&self.filter);
        let undecided = undecided(self.table, &filter, segment, row_group).await?;
        let (Some(one_of), false) = (undecided, self.is_ruled_out(part, segment, row_group).await?) else {
            self.stats.row_groups_skipped += 1;
            return Ok(Found::default());
        };
        self.stats.rows_seen += wanted.iter().map(|run| run.rows.len() as u64).sum::<u64>();
        let times = self.order.is_some() || wanted.iter().any(|run| run.check_times);
        let streams = wanted.iter().any(|run| run.check_streams);
        let mut deciding: BTreeSet<&'static str> = one_of.iter().map(|(column, _)| *column).collect();
        deciding.extend(self.tested_texts().map(|(column, _)| *column));
        deciding.extend(times.then(|| self.table.time_column()));
        deciding.extend(streams.then_some("stream"));
        let (matching, messages) = self.matching(segment, row_group, wanted).await?;
        let wanted = matching.as_deref().unwrap_or(wanted);
        let ranges: Vec<Range<usize>> = wanted.iter().map(|run| run.rows.clone()).collect();
        let mut found = Found { messages, ..Found::default() };
        let mut rows = wanted.iter().flat_map(|run| run.rows.clone().map(move |row| (row as u32, run)));
        if deciding.is_empty() {
            found.rows.extend(rows.map(|(row, _)| row));
        } else {
            let deciding: Vec<&'static str> = deciding.into_iter().collect();
            let mut masks = Masks::default();
            for batch in self.read(Texts::Packed, segment, row_group, ranges, &deciding, &mut masks).await? {
                let decided = Decided::of(self, part, &batch, &one_of, times, streams)?;
                // In this order, so that no row is taken without its answer.
                for (at, (row, run)) in (0..batch.num_rows()).zip(rows.by_ref()) {
                    if decided.admits(at, run) {
                        found.rows.push(row);
                        found.times.extend(decided.times.map(|times| times.value(at)));
                    }
                }
            }
        }
        self.keep_records(segment, row_group, &mut found).await?;
        found.left = 0..found.rows.len();
        Ok(found)
    }

    /// What is left of the wanted runs where messages must match, and the messages when they are asked for and not too long to be kept.
    async fn matching(
        &mut self,
        segment: &Arc<Segment>,
        row_group: usize,
        wanted: &[Run],
    ) -> Result<(Option<Vec<Run>>, Option<Messages>)> {
        let Some(search) = &self.search else { return Ok((None, None)) };
        let rows: Vec<u32> = wanted.iter().flat_map(|run| run.rows.start as u32..run.rows.end as u32).collect();
        let (searched, keeps_messages) = (rows.len(), self.columns.contains(&MESSAGE));
        // Where some rows may be of other times or streams, it is not known how many of them were searched in vain.
        let are_all_wanted = !wanted.iter().any(|run| run.check_times || run.check_streams);
        let found = table_texts::find(segment, row_group, rows, search, keeps_messages).await?;
        let Matched { rows, messages, is_known } = found;
        self.stats.row_groups_known += u64::from(is_known);
        self.stats.rows_excluded += if are_all_wanted { (searched - rows.len()) as u64 } else { 0 };
        let mut left = Vec::new();
        for run in wanted {
            let start = rows.partition_point(|row| (*row as usize) < run.rows.start);
            let end = rows.partition_point(|row| (*row as usize) < run.rows.end);
            left.extend(runs(&rows[start..end]).into_iter().map(|rows| Run { rows, ..run.clone() }));
        }
        Ok((Some(left), messages))
    }

    /// Of the rows found so far, keeps those whose record may have the texts that it must contain.
    async fn keep_records(&self, segment: &Arc<Segment>, row_group: usize, found: &mut Found) -> Result<()> {
        for (_, text) in self.filter.contains.iter().filter(|(column, _)| *column == RECORD) {
            let needle = Needle::new(text);
            let mut kept = Vec::with_capacity(found.rows.len());
            for batch in segment.read_dictionaries(row_group, runs(&found.rows), &needle.columns()).await? {
                kept.extend(needle.candidates(&batch)?);
            }
            let mut answers = kept.iter();
            found.rows.retain(|_| answers.next().copied().unwrap_or(true));
            let mut answers = kept.iter();
            found.times.retain(|_| answers.next().copied().unwrap_or(true));
        }
        Ok(())
    }

    /// True when an index of the row group says that it has no wanted row.
    async fn is_ruled_out(&self, part: &TablePart, segment: &Arc<Segment>, row_group: usize) -> Result<bool> {
        for (column, values) in &self.filter.one_of {
            // Ids are stored as bytes; their filter is not asked for text.
            if *column != "event_id"
                && let Some(bloom) = segment.bloom(row_group, column, &part.filter_cache).await?
                && !values.iter().any(|value| bloom.check(&value.as_str()))
            {
                return Ok(true);
            }
        }
        if self.table == Table::Events {
            return Ok(false);
        }
        for (column, values) in &self.filter.one_of {
            if let Some(field) = self.filter.field(column)
                && let Some(fields) = segment.fields(row_group).await?
                && fields.exclude(field, values.iter())
            {
                return Ok(true);
            }
        }
        match &self.search {
            Some(search) => Ok(!segment.admits(row_group, search.probe(), &part.filter_cache).await?),
            None => Ok(false),
        }
    }

    /// The texts to contain that are tested row by row: of messages and records those are searched otherwise.
    fn tested_texts(&self) -> impl Iterator<Item = &(&'static str, String)> {
        let is_searched = |column: &str| column == RECORD || (self.search.is_some() && column == MESSAGE);
        self.filter.contains.iter().filter(move |(column, _)| !is_searched(column))
    }

    /// Reads columns of the table, in one batch.
    async fn read(
        &self,
        texts: Texts,
        segment: &Arc<Segment>,
        row_group: usize,
        ranges: Vec<Range<usize>>,
        columns: &[&'static str],
        masks: &mut Masks,
    ) -> Result<Vec<RecordBatch>> {
        match self.table {
            Table::Logs => table_fields::read(segment, row_group, ranges, columns, &self.filter).await,
            Table::Events => {
                let stored = table_events::stored(columns);
                let mut batches = segment.batches(texts, usize::MAX, row_group, ranges, &stored).await?;
                let mut shaped = Vec::new();
                while let Some(batch) = batches.next().await? {
                    shaped.push(table_events::shape(&batch, columns, masks)?);
                }
                Ok(shaped)
            }
        }
    }

    /// The next of the rows found, all of which are wanted in the end: so what they share is decoded once, and what is large few
    /// rows at a time.
    async fn decode(
        &self,
        open: &mut OpenPart,
        segment: &Arc<Segment>,
        row_group: usize,
        found: &mut Found,
    ) -> Result<Option<RecordBatch>> {
        if open.batches.is_none() {
            let batch_rows = if self.columns.contains(&RECORD) { PAGE_ROWS_MIN } else { DICTIONARY_BATCH_ROWS };
            let (ranges, stored) = (runs(&std::mem::take(&mut found.rows)), table_events::stored(&self.columns));
            open.batches = Some(segment.batches(self.texts, batch_rows, row_group, ranges, &stored).await?);
        }
        let Some(batches) = &mut open.batches else { return Ok(None) };
        let batch = batches.next().await?;
        batch.map(|batch| table_events::shape(&batch, &self.columns, &mut open.masks)).transpose()
    }

    /// The next rows that are not ruled out meanwhile.
    fn take_rows(&mut self, found: &mut Found, narrowed: TimeRange) -> Vec<u32> {
        let Found { rows, times, left, .. } = found;
        let admitted = |at: &usize| times.get(*at).is_none_or(|time| narrowed.contains(Timestamp(*time)));
        // Rows without columns take no room.
        let count = if self.columns.is_empty() { usize::MAX } else { self.page_rows };
        self.page_rows = self.page_rows.saturating_mul(8);
        let taken: Vec<u32> = if self.direction() == Direction::Backward {
            let mut taken: Vec<u32> = left.by_ref().rev().filter(admitted).take(count).map(|at| rows[at]).collect();
            taken.reverse();
            taken
        } else {
            left.by_ref().filter(admitted).take(count).map(|at| rows[at]).collect()
        };
        taken
    }

    async fn read_rows(
        &self,
        segment: &Arc<Segment>,
        row_group: usize,
        rows: &[u32],
        messages: Option<&Messages>,
        masks: &mut Masks,
    ) -> Result<RecordBatch> {
        if self.columns.is_empty() {
            return empty_rows(rows.len());
        }
        let is_known = |column: &&'static str| messages.is_some() && *column == MESSAGE;
        let unknown: Vec<&'static str> = self.columns.iter().copied().filter(|column| !is_known(column)).collect();
        let mut batch = None;
        if !unknown.is_empty() {
            let batches = self.read(self.texts, segment, row_group, runs(rows), &unknown, masks).await?;
            let schema = batches.first().map(RecordBatch::schema).unwrap_or_else(|| Arc::new(Schema::empty()));
            let whole = arrow_select::concat::concat_batches(&schema, &batches);
            batch = Some(whole.map_err(|error| Error::Bug(format!("join pages of a segment: {error}")))?);
        }
        let whole = match messages {
            Some(messages) => messages.add_to(batch.as_ref(), rows)?,
            None => batch.ok_or_else(|| Error::Bug("no column was read".into()))?,
        };
        self.project(&whole)
    }

    fn memory_page(&mut self, open: &mut OpenPart) -> Result<Option<RecordBatch>> {
        let (direction, sequence_end) = (self.direction(), open.part.sequence_end);
        loop {
            let (batch, last) = match &open.part.source {
                PartSource::MemoryLogs { memtable, group, .. } => {
                    let streams = &self.filter.streams;
                    let admits = |stream: StreamId| {
                        streams.as_ref().is_none_or(|wanted| wanted.contains(&stream))
                            && !open.part.removed.has_stream(stream)
                    };
                    let (page, last) = memtable.log_page(*group, &admits, open.window, direction, sequence_end);
                    let mut batch = LogBatch::default();
                    let matches = |text: &str| self.search.as_ref().is_none_or(|search| search.matches(text));
                    for row in (0..page.len()).map(|at| page.row(at)).filter(|row| matches(row.message)) {
                        let position = (row.timestamp, row.sequence);
                        batch.push(*group, position, row.stream, row.ingestion_time, row.message);
                    }
                    let batch = batch.take()?;
                    self.stats.rows_excluded += (page.len() - batch.num_rows()) as u64;
                    (
                        if self.columns.is_empty() {
                            batch
                        } else {
                            table_fields::add(&batch, &self.columns, &self.filter)?
                        },
                        last,
                    )
                }
                PartSource::MemoryEvents { memtable, .. } => {
                    let admits = |event: &Event| self.admits_event(event);
                    let (page, last) = memtable.event_page(open.window, direction, sequence_end, &admits);
                    let mut batch = EventBatch::default();
                    page.rows.iter().try_for_each(|row| batch.push(row.sequence, &row.event))?;
                    let batch = batch.take()?;
                    let is_shaped = batch.num_rows() == 0 || self.columns.is_empty();
                    let shaped =
                        if is_shaped { batch } else { table_events::shape(&batch, &self.columns, &mut open.masks)? };
                    (shaped, last)
                }
                PartSource::RowGroup { .. } => return Ok(None),
            };
            let Some(last) = last else { return Ok(None) };
            open.window = open.window.after(direction, last);
            if batch.num_rows() > 0 {
                return self.project(&batch).map(Some);
            }
        }
    }

    fn admits_event(&self, event: &Event) -> bool {
        let text = |column: &str| table_events::text(event, column);
        self.filter.one_of.iter().all(|(column, values)| text(column).is_none_or(|text| values.contains(text)))
            && self.filter.contains.iter().all(|(column, part)| text(column).is_none_or(|text| text.contains(part)))
    }

    fn project(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        if self.columns.is_empty() {
            return empty_rows(batch.num_rows());
        }
        let missing = |name: &str| Error::Bug(format!("the table has no column {name}"));
        let place = |name: &&'static str| batch.schema().index_of(name).map_err(|_| missing(name));
        let places = self.columns.iter().map(place).collect::<Result<Vec<usize>>>()?;
        batch.project(&places).map_err(|error| Error::Bug(format!("choose columns: {error}")))
    }
}

/// The conditions on texts that are not decided for all rows of a row group, by statistics that say that all have the same text;
/// `None` when no row meets one.
async fn undecided<'f>(
    table: Table,
    filter: &'f TableFilter,
    segment: &Arc<Segment>,
    row_group: usize,
) -> Result<Option<Vec<OneOf<'f>>>> {
    let mut undecided = Vec::with_capacity(filter.one_of.len());
    for (column, values) in &filter.one_of {
        let only = match table {
            Table::Logs => None,
            Table::Events => segment.only_text(row_group, column).await?,
        };
        match only {
            Some(text) if values.contains(&text) => {}
            Some(_) => return Ok(None),
            None => undecided.push((*column, values)),
        }
    }
    Ok(Some(undecided))
}

/// Rows without columns: they only count.
fn empty_rows(rows: usize) -> Result<RecordBatch> {
    let options = RecordBatchOptions::new().with_row_count(Some(rows));
    RecordBatch::try_new_with_options(Arc::new(Schema::empty()), Vec::new(), &options)
        .map_err(|error| Error::Bug(format!("count rows: {error}")))
}

/// The deciding columns of a batch.
struct Decided<'a> {
    reader: &'a PartReader,
    part: &'a TablePart,
    times: Option<&'a TimestampMillisecondArray>,
    streams: Option<&'a UInt64Array>,
    texts: Vec<TestedColumn<'a>>,
}

impl<'a> Decided<'a> {
    fn of(
        reader: &'a PartReader,
        part: &'a TablePart,
        batch: &'a RecordBatch,
        one_of: &[OneOf<'a>],
        times: bool,
        streams: bool,
    ) -> Result<Self> {
        let one_of = one_of.iter().map(|(name, values)| (*name, TextTest::OneOf(values)));
        let contains = reader.tested_texts();
        let contains = contains.map(|(name, text)| (*name, TextTest::Contains(Box::new(Finder::new(text)))));
        let tested = |(name, test): (&str, TextTest<'a>)| {
            let texts = batch.column_by_name(name).and_then(|column| TextColumn::of(column));
            let texts = texts.ok_or_else(|| Error::corrupt("a segment", 0, format!("column {name} is not text")))?;
            Ok(TestedColumn::of(texts, test))
        };
        Ok(Self {
            reader,
            part,
            times: if times { Some(column(batch, reader.table.time_column())?) } else { None },
            streams: if streams { Some(column(batch, "stream")?) } else { None },
            texts: one_of.chain(contains).filter_map(|column| tested(column).transpose()).collect::<Result<_>>()?,
        })
    }

    fn admits(&self, at: usize, run: &Run) -> bool {
        let wanted = |stream: StreamId| {
            self.reader.filter.streams.as_ref().is_none_or(|streams| streams.contains(&stream))
                && !self.part.removed.has_stream(stream)
        };
        self.times.is_none_or(|times| run.window.contains(Timestamp(times.value(at))))
            && (!run.check_streams || self.streams.is_none_or(|streams| wanted(StreamId(streams.value(at)))))
            && self.texts.iter().all(|texts| texts.passes(at))
    }
}
