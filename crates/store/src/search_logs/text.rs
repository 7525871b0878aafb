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
    matches: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

impl std::fmt::Debug for TextSearch {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TextSearch").field("probe", &self.0.probe).finish_non_exhaustive()
    }
}

impl TextSearch {
    /// Texts that `matches`. Each of them satisfies every clause of `required`, that is, at least one of its literals occurs in the
    /// text; what does not is skipped without a look. `matches` is called on several threads and must not block.
    pub fn new(required: &[Vec<String>], matches: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        let shortest = |clause: &&Vec<String>| clause.iter().map(String::len).min().unwrap_or(0);
        let usable = required.iter().filter(|clause| clause.len() <= LITERALS_MAX && shortest(clause) > 0);
        // The rarest, by guess: few literals and long ones.
        let best = usable.max_by_key(|clause| (std::cmp::Reverse(clause.len()), shortest(clause)));
        let literals = best.into_iter().flatten().map(|literal| Finder::new(literal).into_owned()).collect();
        Self(Arc::new(Parts { probe: Probe::new(required), literals, matches: Box::new(matches) }))
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
    /// when a literal occurs.
    pub(crate) fn candidates(&self, page: &TextPage, starts: &dyn Fn() -> Option<Vec<usize>>) -> Option<Vec<usize>> {
        if self.0.literals.is_empty() {
            return None;
        }
        let buffer = page.buffer();
        let first_hits: Vec<Option<usize>> = self.0.literals.iter().map(|literal| literal.find(buffer)).collect();
        if first_hits.iter().all(Option::is_none) {
            return Some(Vec::new());
        }
        let starts = starts()?;
        let mut rows = Vec::new();
        for (literal, first_hit) in self.0.literals.iter().zip(first_hits) {
            let mut hit = first_hit;
            while let Some(at) = hit {
                // A hit that begins among the four bytes before a text belongs to no text; its row is looked at in vain.
                let row = starts.partition_point(|start| *start <= at);
                rows.extend(row.checked_sub(1));
                let next = starts.get(row).copied().unwrap_or(buffer.len());
                hit = buffer.get(next..).and_then(|rest| literal.find(rest)).map(|at| next + at);
            }
        }
        rows.sort_unstable();
        rows.dedup();
        Some(rows)
    }
}
