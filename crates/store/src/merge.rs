//! Merges pages of rows from memtables and segments into one order; sources are opened only when the order reaches them.

use crate::Result;
use crate::position::{Direction, Position};
use model::Timestamp;
use std::future::Future;
use std::ops::ControlFlow;

/// Rows in the order of the scan's direction.
pub(crate) trait Page: Send {
    /// Number of rows; never 0.
    fn len(&self) -> usize;
    /// Position of row `at`, which is less than `len`.
    fn position(&self, at: usize) -> Position;
}

/// Something that yields pages in the order of the scan's direction.
pub(crate) trait Source: Send {
    /// What it yields.
    type Page: Page;
    /// No row of this source is visited before this time.
    fn bound(&self) -> Timestamp;
    /// The next page, `None` at the end.
    fn next_page(&mut self) -> impl Future<Output = Result<Option<Self::Page>>> + Send;
}

struct Head<S: Source> {
    source: S,
    page: S::Page,
    at: usize,
}

impl<S: Source> Head<S> {
    fn position(&self) -> Position {
        self.page.position(self.at)
    }
}

/// Visits the rows of all sources in order, until the visitor breaks.
pub(crate) async fn merge<S: Source>(
    direction: Direction,
    mut sources: Vec<S>,
    visit: &mut (dyn FnMut(&S::Page, usize) -> ControlFlow<()> + Send),
) -> Result<()> {
    // Sources that come first are at the end, where they are popped.
    sources.sort_by(|a, b| match direction {
        Direction::Forward => b.bound().cmp(&a.bound()),
        Direction::Backward => a.bound().cmp(&b.bound()),
    });
    let mut heads: Vec<Head<S>> = Vec::new();
    loop {
        let first = first_head(direction, &heads).map(|at| heads[at].position().0);
        if let Some(next) = sources.last()
            && first.is_none_or(|first| !direction.is_before(first, next.bound()))
        {
            let mut source = sources.pop().expect("the last is there");
            if let Some(page) = source.next_page().await? {
                heads.push(Head { source, page, at: 0 });
            }
            continue;
        }
        let Some(first) = first_head(direction, &heads) else { return Ok(()) };
        let limit = run_limit(direction, &heads, first);
        let bound = sources.last().map(|s| s.bound());
        let head = &mut heads[first];
        while head.at < head.page.len() {
            let position = head.position();
            let passes_head = limit.is_some_and(|limit| direction.is_before(limit, position));
            let reaches_source = bound.is_some_and(|bound| !direction.is_before(position.0, bound));
            if passes_head || reaches_source {
                break;
            }
            if visit(&head.page, head.at).is_break() {
                return Ok(());
            }
            head.at += 1;
        }
        if head.at == head.page.len() {
            match head.source.next_page().await? {
                Some(page) => (head.page, head.at) = (page, 0),
                None => drop(heads.swap_remove(first)),
            }
        }
    }
}

/// Index of the head that is visited first.
fn first_head<S: Source>(direction: Direction, heads: &[Head<S>]) -> Option<usize> {
    let mut best: Option<(usize, Position)> = None;
    for (at, head) in heads.iter().enumerate() {
        let position = head.position();
        if best.is_none_or(|(_, b)| direction.is_before(position, b)) {
            best = Some((at, position));
        }
    }
    best.map(|(at, _)| at)
}

/// Position of the first row of all other heads: up to there, rows of head `first` can be visited in a run.
fn run_limit<S: Source>(direction: Direction, heads: &[Head<S>], first: usize) -> Option<Position> {
    let mut limit: Option<Position> = None;
    for (at, head) in heads.iter().enumerate() {
        let position = head.position();
        if at != first && limit.is_none_or(|l| direction.is_before(position, l)) {
            limit = Some(position);
        }
    }
    limit
}
