//! What a search asks of a text, and how to find the texts of a page that may satisfy it without looking at each.

use crate::codec::Damage;
use crate::log_fields::{ContainedText, Fields};
use crate::segment::{PackedPage, TextPage};
use crate::token_filter::Probe;
use memchr::memmem::Finder;
use std::sync::Arc;

/// Most literals that a page is searched for at once; each is one pass.
const LITERALS_MAX: usize = 4;
/// Most clauses that are tried before one is chosen.
const CLAUSES_MAX: usize = 4;

/// A condition on texts. Cheap to clone.
#[derive(Clone)]
pub struct TextSearch(Arc<Parts>);

struct Parts {
    probe: Probe,
    /// Of each clause one thing is found in every text that matches.
    clauses: Vec<Vec<FindPlace>>,
    matches: Box<dyn Fn(&str) -> bool + Send + Sync>,
    /// What texts must contain, and whether that is all that is asked of them.
    contained: Vec<ContainedText>,
    is_contained_all: bool,
}

/// What columns of fields tell of a search, of the rows of a row group.
#[derive(Debug)]
pub(crate) struct KnownRows {
    may_match: Vec<bool>,
    /// True when all rows that may match do.
    pub is_exact: bool,
}

impl KnownRows {
    /// Leaves of rows those that may match.
    pub(crate) fn retain(&self, rows: &mut Vec<u32>) {
        rows.retain(|row| self.may_match.get(*row as usize) == Some(&true));
    }
}

/// Answers the first place in which something is.
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
        Self::build(required, None, Box::new(matches), false)
    }

    /// Texts that contain all of these. Where columns of fields tell which lines do, that is the answer, and no line is looked at for it.
    pub fn containing(texts: &[String]) -> Self {
        let finders: Vec<Finder<'static>> = texts.iter().map(|text| Finder::new(text).into_owned()).collect();
        let clauses: Vec<Vec<String>> = texts.iter().map(|text| vec![text.clone()]).collect();
        let matches = move |line: &str| finders.iter().all(|finder| finder.find(line.as_bytes()).is_some());
        Self::build(&clauses, None, Box::new(matches), true)
    }

    /// The same, of texts in which a search finds a place. `find` answers the first place in bytes that it finds, and whenever a
    /// text that matches lies within the bytes, that place is before the end of this text. So a page of texts is searched as
    /// a whole, which for most regular expressions is several times as fast as one text after the other.
    pub fn finding(
        required: &[Vec<String>],
        find: impl Fn(&[u8]) -> Option<usize> + Send + Sync + 'static,
        matches: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Self {
        Self::build(required, Some(Box::new(find)), Box::new(matches), false)
    }

    fn build(
        required: &[Vec<String>],
        place: Option<FindPlace>,
        matches: Box<dyn Fn(&str) -> bool + Send + Sync>,
        is_contained_all: bool,
    ) -> Self {
        let shortest = |clause: &Vec<String>| clause.iter().map(String::len).min().unwrap_or(0);
        let usable = required.iter().filter(|clause| clause.len() <= LITERALS_MAX && shortest(clause) > 0);
        let mut usable: Vec<&Vec<String>> = usable.collect();
        // Few literals and long ones are rare.
        usable.sort_by_key(|clause| (clause.len(), std::cmp::Reverse(shortest(clause))));
        let find = |literal: &String| -> FindPlace {
            let finder = Finder::new(literal).into_owned();
            Box::new(move |bytes| finder.find(bytes))
        };
        let literals = usable.into_iter().take(CLAUSES_MAX);
        let mut clauses: Vec<Vec<FindPlace>> = literals.map(|clause| clause.iter().map(find).collect()).collect();
        if clauses.is_empty() {
            clauses.extend(place.map(|place| vec![place]));
        }
        let only = required.iter().filter_map(|clause| if let [text] = clause.as_slice() { Some(text) } else { None });
        let contained = only.map(|text| ContainedText::new(text)).collect();
        Self(Arc::new(Parts { probe: Probe::new(required), clauses, matches, contained, is_contained_all }))
    }

    /// Every text.
    pub fn everything() -> Self {
        Self::new(&[], |_| true)
    }

    pub(crate) fn probe(&self) -> &Probe {
        &self.0.probe
    }

    /// False when fields cannot tell which lines match.
    pub(crate) fn may_be_known(&self) -> bool {
        self.0.contained.iter().any(ContainedText::may_be_known)
    }

    /// The rows that may match, as far as fields tell; `None` when they tell nothing.
    pub(crate) fn known_rows(&self, fields: &Fields) -> Result<Option<KnownRows>, Damage> {
        let mut known: Option<Vec<bool>> = None;
        let mut is_exact = self.0.is_contained_all;
        for text in &self.0.contained {
            match (fields.rows_with(text)?, &mut known) {
                (None, _) => is_exact = false,
                (Some(rows), None) => known = Some(rows),
                (Some(rows), Some(known)) => known.iter_mut().zip(rows).for_each(|(all, row)| *all &= row),
            }
        }
        Ok(known.map(|may_match| KnownRows { may_match, is_exact }))
    }

    pub(crate) fn matches(&self, text: &str) -> bool {
        (self.0.matches)(text)
    }

    /// Shows those of `rows` of a page that match, ascending, with their texts; answers how many bytes of text the page has, `None` when
    /// it is damaged. `chosen` is the clause that rows are found by, for the next page.
    pub(crate) fn look_through(
        &self,
        page: &PackedPage,
        rows: &[u32],
        chosen: &mut Option<usize>,
        found: &mut dyn FnMut(u32, &str),
    ) -> Option<usize> {
        let of_page = page.rows();
        page.unpacked(|page| {
            let mut look_at = |row: u32| {
                let text = page.text((row as usize).checked_sub(of_page.start)?)?;
                if self.matches(text) {
                    found(row, text);
                }
                Some(())
            };
            // Where few rows of the page are wanted, to look at these is less work than to look at all of its bytes.
            let is_dense = rows.len() * 8 >= of_page.len();
            match if is_dense { self.candidates(page, chosen) } else { None } {
                // Rows and candidates both ascend: what is in both is looked at.
                Some(candidates) => {
                    let mut rows = rows.iter().copied().peekable();
                    for candidate in candidates {
                        let row = (of_page.start + candidate) as u32;
                        while rows.next_if(|next| *next < row).is_some() {}
                        rows.next_if_eq(&row).map_or(Some(()), &mut look_at)?;
                    }
                }
                None => rows.iter().copied().try_for_each(look_at)?,
            }
            Some(page.text_bytes())
        })
    }

    /// Rows of a page that may match, ascending, counted within the page; `None` when all may. In the first page each clause is looked for,
    /// and that which leaves the fewest rows is chosen.
    fn candidates(&self, page: &TextPage<'_>, chosen: &mut Option<usize>) -> Option<Vec<usize>> {
        let clauses = &self.0.clauses;
        if let Some(clause) = *chosen {
            return rows_with(page, clauses.get(clause)?);
        }
        let found = clauses.iter().map(|clause| rows_with(page, clause)).collect::<Option<Vec<_>>>()?;
        let (clause, rows) = found.into_iter().enumerate().min_by_key(|(_, rows)| rows.len())?;
        *chosen = Some(clause);
        Some(rows)
    }
}

/// The rows in which one of some things is found, ascending; `None` when the page is damaged.
fn rows_with(page: &TextPage<'_>, things: &[FindPlace]) -> Option<Vec<usize>> {
    let mut rows = Vec::new();
    for find in things {
        add_rows(page, find, &mut rows)?;
    }
    if things.len() > 1 {
        rows.sort_unstable();
        rows.dedup();
    }
    Some(rows)
}

/// Adds the rows in which something is found, each once.
fn add_rows(page: &TextPage<'_>, find: &FindPlace, rows: &mut Vec<usize>) -> Option<()> {
    let buffer = page.buffer();
    let Some(mut at) = find(buffer) else { return Some(()) };
    let starts = page.starts()?;
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
