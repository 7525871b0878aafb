//! What a search asks of a text, and how to find the texts of a page that may satisfy it without looking at each.

use crate::segment::TextPage;
use crate::token_filter::Probe;
use memchr::memmem::Finder;
use std::sync::Arc;

/// Most literals that a page is searched for at once; each is one pass.
const LITERALS_MAX: usize = 4;

/// A condition on texts. Cheap to clone.
#[derive(Clone)]
pub struct TextSearch(Arc<Parts>);

struct Parts {
    probe: Probe,
    /// One of these occurs in every text that matches; empty when nothing is known.
    literals: Vec<Finder<'static>>,
    /// See `TextSearch::finding`.
    place: Option<FindPlace>,
    matches: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

type FindPlace = Box<dyn Fn(&[u8]) -> Option<usize> + Send + Sync>;

impl std::fmt::Debug for TextSearch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextSearch").field("probe", &self.0.probe).finish_non_exhaustive()
    }
}

impl TextSearch {
    /// Texts that `matches`. Each of them satisfies every clause of `required`, that is, at least one of its literals occurs in the
    /// text; what does not is skipped without a look. `matches` is called on several threads and must not block.
    pub fn new(required: &[Vec<String>], matches: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self::build(required, None, Box::new(matches))
    }

    /// The same, of texts in which a search finds a place. `find` answers the first place in bytes that it finds, and whenever a
    /// text that matches lies within the bytes, that place is before the end of this text. So a page of texts is searched as
    /// a whole, which for most regular expressions is several times as fast as one text after the other.
    pub fn finding(
        required: &[Vec<String>],
        find: impl Fn(&[u8]) -> Option<usize> + Send + Sync + 'static,
        matches: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::build(required, Some(Box::new(find)), Box::new(matches))
    }

    fn build(
        required: &[Vec<String>],
        place: Option<FindPlace>,
        matches: Box<dyn Fn(&str) -> bool + Send + Sync>,
    ) -> Self {
        let shortest = |clause: &&Vec<String>| clause.iter().map(String::len).min().unwrap_or(0);
        let usable = required.iter().filter(|clause| clause.len() <= LITERALS_MAX && shortest(clause) > 0);
        // The rarest, by guess: few literals and long ones.
        let best = usable.max_by_key(|clause| (std::cmp::Reverse(clause.len()), shortest(clause)));
        let literals = best.into_iter().flatten().map(|literal| Finder::new(literal).into_owned()).collect();
        Self(Arc::new(Parts { probe: Probe::new(required), literals, place, matches }))
    }

    /// Every text.
    pub fn everything() -> Self {
        Self::new(&[], |_| true)
    }

    pub(crate) fn probe(&self) -> &Probe {
        &self.0.probe
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        (self.0.matches)(text)
    }

    /// Rows of a page that may match, ascending, counted within the page; `None` when all may. `starts` is asked for only
    /// when something is found.
    pub(crate) fn candidates(&self, page: &TextPage, starts: &dyn Fn() -> Option<Vec<usize>>) -> Option<Vec<usize>> {
        let Parts { literals, place, .. } = &*self.0;
        let buffer = page.buffer();
        let mut rows = Vec::new();
        if let (true, Some(find)) = (literals.is_empty(), place) {
            add_rows(buffer, find, starts, &mut rows)?;
        } else if literals.is_empty() {
            return None;
        }
        for literal in literals {
            add_rows(buffer, &|bytes: &[u8]| literal.find(bytes), starts, &mut rows)?;
        }
        rows.sort_unstable();
        rows.dedup();
        Some(rows)
    }
}

/// Adds the rows in which something is found, each once.
fn add_rows(
    buffer: &[u8],
    find: &dyn Fn(&[u8]) -> Option<usize>,
    starts: &dyn Fn() -> Option<Vec<usize>>,
    rows: &mut Vec<usize>,
) -> Option<()> {
    let Some(mut at) = find(buffer) else { return Some(()) };
    let starts = starts()?;
    loop {
        // What begins among the four bytes before a text is of no text; the row before them is looked at in vain.
        let row = starts.partition_point(|start| *start <= at);
        rows.extend(row.checked_sub(1));
        let next = starts.get(row).copied().unwrap_or(buffer.len());
        match buffer.get(next..).filter(|rest| !rest.is_empty()).and_then(find) {
            Some(found) => at = next + found,
            None => return Some(()),
        }
    }
}
