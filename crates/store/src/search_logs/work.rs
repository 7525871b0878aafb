//! Works on one part of a search: which of its rows match.

use super::Asked;
use super::parts::{Part, Place};
use crate::error::Result;
use crate::logs_page::LogPage;
use crate::memtable::Memtable;
use crate::merge::Page;
use crate::position::{Direction, Position, Window};
use crate::scan_logs::{runs, visible_rows};
use crate::search_threads::wait_for;
use crate::segment::logs::{FOUND_COLUMNS, LogColumns};
use crate::segment::{PackedPage, Segment, column};
use arrow_array::TimestampMillisecondArray;
use model::limits::LOG_EVENT_OVERHEAD_BYTES;
use model::{StreamId, Timestamp};
use std::ops::Range;
use std::sync::Arc;

/// A part ends early when it has found so much, bytes of text or rows, so that results stay small; the rest is a new part.
const FOUND_BYTES_MAX: usize = 1024 * 1024;
const FOUND_ROWS_MAX: usize = 8 * 1024;

/// What was found in a part.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Rows that match, in the direction of the search; none when they are only counted.
    pub rows: LogPage,
    pub matches: u64,
    /// Rows, and bytes with overhead as AWS counts them, that were looked at.
    pub looked_at_rows: u64,
    pub looked_at_bytes: u64,
    /// The last row that was looked at, in the direction.
    pub passed: Option<Position>,
    /// What was not looked at.
    pub rest: Option<Window>,
    /// True when the search was told to end.
    pub ends: bool,
}

impl Found {
    /// True for a part of which a filter, a lack of visible rows, or the end of the search left nothing.
    pub(super) fn is_nothing(&self) -> bool {
        self.passed.is_none() && self.rest.is_none()
    }
}

/// Looks at a part. Filters are asked first; what they leave waits for a thread.
pub(super) async fn run(asked: Arc<Asked>, part: Part) -> Result<Found> {
    if let Place::Segment(segment, row_group, _) = &part.place
        && !segment.admits(*row_group, asked.text.probe(), &asked.state.filter_cache).await?
    {
        return Ok(Found::default());
    }
    let state = Arc::clone(&asked.state);
    let work = move || {
        if asked.is_cancelled() {
            return Ok(Found::default());
        }
        match &part.place {
            Place::Memory(memtable) => Ok(search_memtable(&asked, memtable, part.window)),
            Place::Segment(segment, row_group, rows) => {
                let rows = segment.rows_within(*row_group, rows);
                wait_for(search_row_group(&asked, segment, *row_group, rows, part.window))
            }
        }
    };
    state.search_threads.run(work).await?
}

/// Pages are copied and then looked at: a costly condition must not hold the lock that appends wait for.
fn search_memtable(asked: &Asked, memtable: &Memtable, mut window: Window) -> Found {
    let mut found = Found::default();
    let (wanted, direction) = (&asked.wanted, asked.direction());
    let admits = |stream: StreamId| wanted.admits(stream);
    loop {
        let (page, last) = memtable.log_page(wanted.group, &admits, window, direction, wanted.sequence_end);
        let Some(last) = last else { return found };
        window = window.after(direction, last);
        found.looked_at_rows += page.len() as u64;
        found.looked_at_bytes += (page.bytes() + page.len() * LOG_EVENT_OVERHEAD_BYTES) as u64;
        for row in (0..page.len()).map(|at| page.row(at)) {
            found.passed = Some((row.timestamp, row.sequence));
            if asked.text.matches(row.message) {
                found.matches += 1;
                if !asked.count_only {
                    found.rows.push((row.timestamp, row.sequence), row.stream, row.ingestion_time, row.message);
                }
            }
        }
        found.ends = !asked.goes_on();
        if found.ends || found.rows.bytes() >= FOUND_BYTES_MAX || found.rows.len() >= FOUND_ROWS_MAX {
            found.rest = Some(window);
            return found;
        }
    }
}

async fn search_row_group(
    asked: &Asked,
    segment: &Arc<Segment>,
    row_group: usize,
    rows: Range<usize>,
    window: Window,
) -> Result<Found> {
    let direction = asked.direction();
    let mut rows = visible_rows(segment, &asked.wanted, row_group, rows, window).await?;
    let last = end_of(&rows, direction);
    let known = segment.known_rows(row_group, &asked.text).await?;
    if let Some(known) = &known {
        known.retain(&mut rows);
    }
    if rows.is_empty() {
        return Ok(Found::default());
    }
    let mut search =
        RowGroupSearch { asked, found: Found::default(), texts: String::new(), clause: None, hits: vec![] };
    if asked.count_only && known.is_some_and(|known| known.is_exact) {
        search.found.matches = rows.len() as u64;
        return search.finish(segment, row_group, last).await;
    }
    let places = segment.page_places(row_group, "message").await?;
    let mut together = places.with_rows(&rows);
    if direction == Direction::Backward {
        together.reverse();
    }
    let (mut passed, mut is_left) = (last, false);
    'pages: for mut together in together {
        let mut read: Vec<PackedPage> = segment.read_pages(&places, &together).await?;
        if direction == Direction::Backward {
            read.reverse();
            together.reverse();
        }
        for (page, (_, of_page)) in read.iter().zip(together) {
            let rows = rows.get(of_page).unwrap_or_default();
            search.look_at(page, rows).ok_or_else(|| segment.corrupt(0, "a page of messages is damaged"))?;
            let is_full = search.texts.len() >= FOUND_BYTES_MAX || search.hits.len() >= FOUND_ROWS_MAX;
            search.found.ends = !asked.goes_on();
            is_left = is_full || search.found.ends;
            if is_left {
                passed = end_of(rows, direction);
                break 'pages;
            }
        }
    }
    let mut found = search.finish(segment, row_group, passed).await?;
    if is_left {
        found.rest = found.passed.map(|passed| window.after(direction, passed));
    }
    Ok(found)
}

/// The last of rows that ascend, in the direction.
fn end_of(rows: &[u32], direction: Direction) -> Option<u32> {
    match direction {
        Direction::Forward => rows.last().copied(),
        Direction::Backward => rows.first().copied(),
    }
}

/// A search of the pages of one row group, page after page.
struct RowGroupSearch<'a> {
    asked: &'a Asked,
    found: Found,
    texts: String,
    /// See `TextSearch::look_through`.
    clause: Option<usize>,
    /// Matching rows in the direction, and bytes of `texts`.
    hits: Vec<(u32, Range<usize>)>,
}

impl RowGroupSearch<'_> {
    /// Looks at `rows` of a page; `None` when the page is damaged.
    fn look_at(&mut self, page: &PackedPage, rows: &[u32]) -> Option<()> {
        let Self { asked, found, texts, clause, hits } = self;
        let first_hit = hits.len();
        let mut hit = |row: u32, text: &str| {
            found.matches += 1;
            if !asked.count_only {
                let start = texts.len();
                texts.push_str(text);
                hits.push((row, start..texts.len()));
            }
        };
        let page_bytes = asked.text.look_through(page, rows, clause, &mut hit)?;
        let text_bytes = page_bytes * rows.len() / page.rows().len().max(1);
        found.looked_at_rows += rows.len() as u64;
        found.looked_at_bytes += (text_bytes + rows.len() * LOG_EVENT_OVERHEAD_BYTES) as u64;
        if asked.direction() == Direction::Backward {
            hits.get_mut(first_hit..)?.reverse();
        }
        Some(())
    }

    /// What was found, with the columns that only matching rows and the last one, `passed`, are read of.
    async fn finish(self, segment: &Arc<Segment>, row_group: usize, passed: Option<u32>) -> Result<Found> {
        let Self { mut found, texts, hits, .. } = self;
        let mut numbers: Vec<u32> = hits.iter().map(|(row, _)| *row).chain(passed).collect();
        numbers.sort_unstable();
        numbers.dedup();
        let mut rows = Vec::with_capacity(numbers.len());
        for batch in segment.read(row_group, runs(&numbers), &FOUND_COLUMNS).await? {
            let columns = LogColumns::of(&batch)?;
            let times: &TimestampMillisecondArray = column(&batch, "ingestion_time")?;
            rows.extend(
                (0..batch.num_rows())
                    .map(|at| (columns.position(at), StreamId(columns.stream.value(at)), Timestamp(times.value(at)))),
            );
        }
        let row = |number: u32| numbers.binary_search(&number).ok().and_then(|at| rows.get(at));
        found.passed = passed.and_then(row).map(|(position, ..)| *position);
        for (number, text) in hits {
            if let (Some((position, stream, ingestion_time)), Some(text)) = (row(number), texts.get(text)) {
                found.rows.push(*position, *stream, *ingestion_time, text);
            }
        }
        Ok(found)
    }
}
