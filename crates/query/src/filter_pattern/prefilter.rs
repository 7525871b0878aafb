//! `Prefilter`: what a line must contain to match at all, checked before anything is parsed.
//!
//! Kept as a conjunction of clauses, each "one of these strings occurs". `{ $.s = a && ($.n = b || $.n = c) }` gives
//! `"s"` and `a` and `"n"` and `b or c`. A clause with one string is searched with memmem, one with several by a
//! single multi-string automaton.

use super::condition::Condition;
use memchr::memmem::Finder;

/// Most strings in one clause; a wider one would cost more than it saves.
const ALTERNATIVES_MAX: usize = 128;

/// Most clauses that are checked; the longest are kept.
const CLAUSES_MAX: usize = 8;

/// A conjunction of "one of these strings occurs".
pub type Clauses = Vec<Vec<String>>;

/// Compiled clauses.
#[derive(Debug, Clone, Default)]
pub struct Prefilter {
    checks: Vec<Check>,
    /// The clauses of the checks.
    clauses: Clauses,
    literals: Vec<String>,
}

#[derive(Debug, Clone)]
enum Check {
    One(Box<Finder<'static>>),
    AnyOf(regex::bytes::Regex),
}

impl Prefilter {
    /// Compiles; clauses that cannot be are dropped, which only makes the filter weaker.
    pub fn new(mut clauses: Clauses) -> Self {
        for clause in &mut clauses {
            clause.sort();
            clause.dedup();
        }
        clauses.retain(|clause| {
            !clause.is_empty() && clause.len() <= ALTERNATIVES_MAX && clause.iter().all(|s| !s.is_empty())
        });
        clauses.sort_by_key(|clause| std::cmp::Reverse(shortest(clause)));
        clauses.dedup();
        let literals = clauses.iter().filter(|clause| clause.len() == 1).flatten().cloned().collect();
        clauses.truncate(CLAUSES_MAX);
        let checks = clauses.iter().filter_map(|clause| Check::new(clause)).collect();
        Self { checks, clauses, literals }
    }

    /// False when no line like this one can match.
    pub fn admits(&self, line: &str) -> bool {
        self.checks.iter().all(|check| match check {
            Check::One(finder) => finder.find(line.as_bytes()).is_some(),
            Check::AnyOf(strings) => strings.is_match(line.as_bytes()),
        })
    }

    /// Clauses that every admitted line satisfies.
    pub fn clauses(&self) -> &Clauses {
        &self.clauses
    }

    /// The strings that must all occur.
    pub fn literals(&self) -> Vec<&str> {
        self.literals.iter().map(String::as_str).collect()
    }
}

impl Check {
    fn new(clause: &[String]) -> Option<Self> {
        if let [one] = clause {
            return Some(Check::One(Box::new(Finder::new(one).into_owned())));
        }
        any_of(clause).map(Check::AnyOf)
    }
}

/// A search for any of several strings.
pub fn any_of<S: AsRef<str>>(strings: &[S]) -> Option<regex::bytes::Regex> {
    let escaped: Vec<String> = strings.iter().map(|s| regex::escape(s.as_ref())).collect();
    regex::bytes::Regex::new(&escaped.join("|")).ok()
}

/// The clauses of a tree, given those of its comparisons.
pub fn clauses_of<Leaf>(condition: &Condition<Leaf>, leaf: &dyn Fn(&Leaf) -> Clauses) -> Clauses {
    match condition {
        Condition::Leaf(one) => leaf(one),
        Condition::All(parts) => parts.iter().flat_map(|part| clauses_of(part, leaf)).collect(),
        Condition::Any(parts) => {
            let branches: Vec<Clauses> = parts.iter().map(|part| clauses_of(part, leaf)).collect();
            let Some((first, others)) = branches.split_first() else { return Vec::new() };
            // What every branch needs is needed; of the rest, one clause of each branch together make one.
            let is_common = |clause: &Vec<String>| others.iter().all(|branch| branch.contains(clause));
            let mut clauses: Clauses = first.iter().filter(|clause| is_common(clause)).cloned().collect();
            let best = |branch: &Clauses| {
                branch.iter().filter(|clause| !clauses.contains(clause)).max_by_key(|clause| shortest(clause)).cloned()
            };
            if let Some(chosen) = branches.iter().map(best).collect::<Option<Vec<_>>>() {
                clauses.push(chosen.into_iter().flatten().collect());
            }
            clauses
        }
    }
}

fn shortest(clause: &[String]) -> usize {
    clause.iter().map(String::len).min().unwrap_or(0)
}
