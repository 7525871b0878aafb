//! `search_logs`: the events of one log group whose text matches, in (timestamp, sequence) order, found by several threads.
//!
//! The search is cut into parts: windows of memtables, and row groups of segments. Left out are segments without the group, its
//! streams or the time range, then row groups outside the time range or whose token filter excludes the text, all without a
//! read of records. Columns of fields may tell which rows match, or which may (`log_fields.rs`). Of the others the pages of messages
//! are read, and searched for a literal as a whole before any row is looked at; of the key columns only rows that match, unless the
//! index leaves open which rows the search may see. Parts are worked on ahead of the reader (`parts.rs`) and merged in order
//! (`merge.rs`).

mod parts;
mod text;
mod work;

pub(crate) use text::KnownRows;
pub use text::TextSearch;

use crate::Store;
use crate::error::Result;
use crate::logs_page::LogRow;
use crate::memtable::Memtable;
use crate::merge::{Page, Source, merge};
use crate::position::{Direction, Position, Window};
use crate::scan_logs::{LogScan, Wanted, rows_of_group};
use crate::segment::Segment;
use crate::state::State;
use model::Timestamp;
use parts::{Crew, Part, Place, Task};
use std::cmp::Ordering as Order;
use std::collections::VecDeque;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use work::Found;

/// A memtable is searched in so many parts, which cover the same time each.
const MEMTABLE_PARTS: i64 = 8;
/// A smaller memtable is searched as one part, bytes.
const MEMTABLE_BYTES_SMALL: usize = 1024 * 1024;

/// What to search for.
#[derive(Clone)]
pub struct LogSearch {
    /// Where, and in which order.
    pub scan: LogScan,
    /// Which texts.
    pub text: TextSearch,
    /// Asked after each page of text, a quarter of a megabyte; when it says false the search ends soon, as if the visitor had broken.
    pub goes_on: Arc<dyn Fn() -> bool + Send + Sync>,
}

impl std::fmt::Debug for LogSearch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogSearch").field("scan", &self.scan).field("text", &self.text).finish_non_exhaustive()
    }
}

/// What the visitor of a search is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Searched<'a> {
    /// An event that matches.
    Match(LogRow<'a>),
    /// All events up to a position, which is the last of some part, have been looked at or could be skipped.
    Passed(Passed),
}

/// How far a search has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passed {
    /// A search that resumes after this position misses nothing.
    pub position: Position,
    /// Events of the part that were looked at.
    pub rows: u64,
    /// Their bytes: UTF-8 plus 26 for each event.
    pub bytes: u64,
    /// How many of them match.
    pub matches: u64,
}

/// How a search ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchEnd {
    /// True when everything was looked at.
    pub is_complete: bool,
    /// Parts that a token filter, or a lack of visible rows, left nothing of.
    pub parts_skipped: u64,
    /// Parts that were looked at.
    pub parts_searched: u64,
}

/// What all parts of a search share.
struct Asked {
    state: Arc<State>,
    wanted: Arc<Wanted>,
    text: TextSearch,
    goes_on: Arc<dyn Fn() -> bool + Send + Sync>,
    cancelled: AtomicBool,
    /// Matches are counted and not kept.
    count_only: bool,
}

impl Asked {
    fn direction(&self) -> Direction {
        self.wanted.direction
    }

    fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Relaxed)
    }

    fn goes_on(&self) -> bool {
        !self.is_cancelled() && (self.goes_on)()
    }
}

/// Tells the threads to stop when the search is over, or its future is dropped.
struct CancelOnDrop(Arc<Asked>);

impl Drop for CancelOnDrop {
    fn drop(&mut self) {
        self.0.cancelled.store(true, Ordering::Relaxed);
    }
}

impl Store {
    /// Shows the visitor each event that matches in (timestamp, sequence) order, and how far the search has come, until it
    /// breaks. Every append that was acknowledged before the call is seen. Memory is bounded by about a megabyte of matching
    /// text, and a few pages, for each part in work: twice `Options::search_threads`, and one for each segment that the order has
    /// reached.
    pub async fn search_logs(
        &self,
        search: LogSearch,
        visit: &mut (dyn FnMut(Searched<'_>) -> ControlFlow<()> + Send),
    ) -> Result<SearchEnd> {
        self.search(search, false, visit).await
    }

    /// The number of events that match, as far as `goes_on` lets it come; second, whether it came to the end.
    pub async fn count_logs(&self, search: LogSearch) -> Result<(u64, bool)> {
        let mut count = 0;
        let mut visit = |searched: Searched<'_>| {
            if let Searched::Passed(passed) = searched {
                count += passed.matches;
            }
            ControlFlow::Continue(())
        };
        let end = self.search(search, true, &mut visit).await?;
        Ok((count, end.is_complete))
    }

    async fn search(
        &self,
        search: LogSearch,
        count_only: bool,
        visit: &mut (dyn FnMut(Searched<'_>) -> ControlFlow<()> + Send),
    ) -> Result<SearchEnd> {
        let LogSearch { scan, text, goes_on } = search;
        let direction = scan.direction;
        let mut end = SearchEnd { is_complete: true, parts_skipped: 0, parts_searched: 0 };
        // First the sequence, then the snapshot: what is below the sequence is in the snapshot.
        let sequence_end = self.state().visible_logs.load(Ordering::Acquire);
        let snapshot = self.state().snapshot();
        if snapshot.removed.has_group(scan.group) {
            return Ok(end);
        }
        let window = Window::new(scan.range, direction, scan.after).not_before(snapshot.removed.logs_from(scan.group));
        let wanted = Arc::new(Wanted::new(&scan, &snapshot.removed, sequence_end));
        let state = Arc::clone(self.state());
        let cancelled = AtomicBool::new(false);
        let asked = Arc::new(Asked { state, wanted, text, goes_on, cancelled, count_only });
        let _guard = CancelOnDrop(Arc::clone(&asked));
        let memory = snapshot.memtables.iter().map(|memtable| memtable_parts(&asked, memtable, window));
        let segments = snapshot.segments.iter().map(|segment| segment_parts(&asked, segment, window));
        let sources: Vec<(Timestamp, VecDeque<Arc<Task>>)> = memory.chain(segments).flatten().collect();
        let tasks = sources.iter().flat_map(|(_, tasks)| tasks).cloned().collect();
        let crew = Arc::new(Crew::new(&asked, tasks));
        let source = |(bound, tasks)| PartSource { crew: Arc::clone(&crew), tasks, bound };
        let sources: Vec<PartSource> = sources.into_iter().map(source).collect();
        let parts = sources.iter().map(|source| source.tasks.len() as u64).sum::<u64>();
        merge(direction, sources, &mut |page: &FoundPage, at| {
            let visited = match page.found.rows.len() {
                rows if at < rows => visit(Searched::Match(page.found.rows.row(at))),
                _ => {
                    end.parts_searched += u64::from(page.found.rest.is_none());
                    visit(Searched::Passed(page.passed()))
                }
            };
            if visited.is_break() || (page.found.ends && at + 1 == page.len()) {
                end.is_complete = false;
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        })
        .await?;
        end.parts_skipped = if end.is_complete { parts - end.parts_searched } else { 0 };
        Ok(end)
    }
}

/// Which of two bounds comes first.
fn direction_bound(direction: Direction, a: Timestamp, b: Timestamp) -> Order {
    match direction {
        Direction::Forward => a.cmp(&b),
        Direction::Backward => b.cmp(&a),
    }
}

/// The parts of one memtable or segment in the order of the search, and the bound of the first.
type Tasks = Option<(Timestamp, VecDeque<Arc<Task>>)>;

fn memtable_parts(asked: &Asked, memtable: &Arc<Memtable>, window: Window) -> Tasks {
    let (min, max) = memtable.group_times(asked.wanted.group)?;
    if !window.overlaps(min, max) {
        return None;
    }
    let direction = asked.direction();
    let count = if memtable.bytes() < MEMTABLE_BYTES_SMALL { 1 } else { MEMTABLE_PARTS };
    let step = ((max - min) / count).max(1);
    let mut cuts: Vec<Position> = (1..count).map(|n| (min + n * step, 0)).collect();
    cuts.retain(|cut| window.contains(*cut));
    let lows = std::iter::once(window.low).chain(cuts.iter().copied());
    let highs = cuts.iter().copied().chain([window.high]);
    let part = |(low, high): (Position, Position)| {
        // Lines may still be added before the first or after the last one, but none that this search may see.
        let bound = match direction {
            Direction::Forward => low.0.max(min),
            Direction::Backward => high.0.min(max),
        };
        Task::new(Part { place: Place::Memory(Arc::clone(memtable)), window: Window { low, high }, bound })
    };
    let mut tasks: VecDeque<Arc<Task>> = lows.zip(highs).map(part).collect();
    if direction == Direction::Backward {
        tasks.make_contiguous().reverse();
    }
    Some((asked.wanted.bound(min, max), tasks))
}

fn segment_parts(asked: &Asked, segment: &Arc<Segment>, window: Window) -> Tasks {
    let group = rows_of_group(segment, &asked.wanted, window)?;
    let mut tasks = VecDeque::new();
    for row_group in group.row_groups {
        let Some(times) = segment.row_groups.get(row_group) else { continue };
        let window = group.window;
        if window.overlaps(times.min_time, times.max_time) {
            let place = Place::Segment(Arc::clone(segment), row_group, group.rows.clone());
            let bound = asked.wanted.bound(times.min_time, times.max_time);
            tasks.push_back(Task::new(Part { place, window, bound }));
        }
    }
    if asked.direction() == Direction::Backward {
        tasks.make_contiguous().reverse();
    }
    Some((group.bound, tasks))
}

/// The parts of one memtable or segment, as the merge wants them.
struct PartSource {
    crew: Arc<Crew>,
    tasks: VecDeque<Arc<Task>>,
    bound: Timestamp,
}

impl Source for PartSource {
    type Page = FoundPage;

    fn bound(&self) -> Timestamp {
        self.bound
    }

    async fn next_page(&mut self) -> Result<Option<FoundPage>> {
        while let Some(task) = self.tasks.pop_front() {
            let found = self.crew.take(&task).await?;
            if let Some(window) = found.rest {
                self.tasks.push_front(Task::new(Part { window, ..task.part().clone() }));
            }
            if let Some(position) = found.passed {
                return Ok(Some(FoundPage { found, position }));
            }
        }
        Ok(None)
    }
}

/// The rows found in a part, and behind them the last one that was looked at.
struct FoundPage {
    found: Found,
    position: Position,
}

impl FoundPage {
    fn passed(&self) -> Passed {
        let Found { looked_at_rows: rows, looked_at_bytes: bytes, matches, .. } = self.found;
        Passed { position: self.position, rows, bytes, matches }
    }
}

impl Page for FoundPage {
    fn len(&self) -> usize {
        self.found.rows.len() + 1
    }

    fn position(&self, at: usize) -> Position {
        if at < self.found.rows.len() { self.found.rows.position(at) } else { self.position }
    }
}
