//! Keywords of many identifiers, found in one pass over a line.
//!
//! A keyword counts as a word of its own, in any case; between letters that change from small to capital a word begins, as
//! in `cardNumber`. Where it has spaces, the line may have none, `_` or `-` instead (user guide). What lies within 30
//! characters of it is near.

use super::rules::Trigger;
use aho_corasick::{AhoCorasick, AhoCorasickKind, MatchKind};
use std::collections::BTreeMap;

/// How far from its keyword data may be, characters ("CloudWatch Logs managed data identifiers for sensitive data types").
const NEAR_CHARS: usize = 30;

/// Keywords of at most so many bytes are searched by a table of every state and byte, which is fastest, and takes some 200
/// bytes for each of theirs.
const TABLE_KEYWORD_BYTES_MAX: usize = 16 * 1024;

/// Numbers of rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RuleSet(Vec<u64>);

impl RuleSet {
    pub fn insert(&mut self, rule: usize) {
        if self.0.len() <= rule / 64 {
            self.0.resize(rule / 64 + 1, 0);
        }
        self.0[rule / 64] |= 1 << (rule % 64);
    }

    pub fn contains(&self, rule: usize) -> bool {
        self.0.get(rule / 64).is_some_and(|word| word >> (rule % 64) & 1 == 1)
    }

    fn add(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(mine, theirs)| *mine |= theirs);
    }
}

/// The keywords of all rules.
#[derive(Debug)]
pub(super) struct Keywords {
    automaton: Option<AhoCorasick>,
    /// Of each pattern of the automaton, the rules whose keyword it is.
    rules: Vec<RuleSet>,
    /// The longest keyword, bytes.
    longest: usize,
}

/// A keyword in a line, bytes.
#[derive(Debug, Clone, Copy)]
struct Hit {
    start: usize,
    end: usize,
    pattern: usize,
}

/// The keywords of one line.
#[derive(Debug)]
pub(super) struct Hits<'k> {
    keywords: &'k Keywords,
    /// By their ends.
    hits: Vec<Hit>,
    /// Rules that have a keyword anywhere in the line.
    pub present: RuleSet,
}

impl Keywords {
    /// The keywords of these rules, which are numbered in this order.
    pub fn new<'r>(triggers: impl Iterator<Item = &'r Trigger>) -> Self {
        let mut by_text: BTreeMap<String, RuleSet> = BTreeMap::new();
        for (rule, trigger) in triggers.enumerate() {
            let Trigger::Keywords(lists) = trigger else { continue };
            for keyword in lists.iter().flat_map(|list| list.iter()) {
                for text in variants(keyword) {
                    by_text.entry(text).or_default().insert(rule);
                }
            }
        }
        let longest = by_text.keys().map(String::len).max().unwrap_or(0);
        let (texts, rules): (Vec<String>, Vec<RuleSet>) = by_text.into_iter().unzip();
        let mut builder = AhoCorasick::builder();
        builder.ascii_case_insensitive(true).match_kind(MatchKind::Standard);
        if texts.iter().map(String::len).sum::<usize>() <= TABLE_KEYWORD_BYTES_MAX {
            builder.kind(Some(AhoCorasickKind::DFA));
        }
        // It fails only beyond 2^31 states; keywords are ours, and some thousand bytes.
        let automaton = builder.build(&texts).ok();
        Self { automaton: automaton.filter(|_| !texts.is_empty()), rules, longest }
    }

    /// The keywords of a line.
    pub fn find<'k>(&'k self, line: &str) -> Hits<'k> {
        let mut found = Hits { keywords: self, hits: Vec::new(), present: RuleSet::default() };
        // Most lines have none, and to know so much is faster than to look for all.
        let Some(automaton) = self.automaton.as_ref().filter(|automaton| automaton.is_match(line)) else {
            return found;
        };
        for hit in automaton.find_overlapping_iter(line) {
            if begins_word(line, hit.start()) && ends_word(line, hit.end()) {
                let pattern = hit.pattern().as_usize();
                found.present.add(&self.rules[pattern]);
                found.hits.push(Hit { start: hit.start(), end: hit.end(), pattern });
            }
        }
        found
    }
}

impl Hits<'_> {
    /// True when a keyword of the rule is near the bytes `start..end` of the line.
    pub fn is_near(&self, line: &str, rule: usize, start: usize, end: usize) -> bool {
        // A character takes four bytes at most.
        let reach = NEAR_CHARS * 4 + self.keywords.longest;
        let first = self.hits.partition_point(|hit| hit.end + reach < start);
        let hits = self.hits[first..].iter().take_while(|hit| hit.end <= end + 2 * reach);
        let is_close = |from: usize, to: usize| line[from..to].chars().nth(NEAR_CHARS).is_none();
        let mut of_rule = hits.filter(|hit| self.keywords.rules[hit.pattern].contains(rule));
        of_rule.any(|hit| {
            if hit.end <= start {
                is_close(hit.end, start)
            } else if hit.start >= end {
                is_close(end, hit.start)
            } else {
                // The data holds the keyword, or begins within it.
                true
            }
        })
    }
}

/// The texts that stand for a keyword, besides those that differ in the case of ASCII letters.
fn variants(keyword: &str) -> Vec<String> {
    let mut texts: Vec<String> = [" ", "", "_", "-"].iter().map(|space| keyword.replace(' ', space)).collect();
    if !keyword.is_ascii() {
        let upper: Vec<String> = texts.iter().map(|text| text.to_uppercase()).collect();
        let lower: Vec<String> = texts.iter().map(|text| text.to_lowercase()).collect();
        texts.extend(upper.into_iter().chain(lower));
    }
    texts.sort_unstable();
    texts.dedup();
    texts
}

/// True unless the character before `at` and the one after it belong to one word.
fn begins_word(line: &str, at: usize) -> bool {
    let (before, first) = (line[..at].chars().next_back(), line[at..].chars().next());
    match (before, first) {
        (Some(before), Some(first)) if before.is_alphanumeric() && first.is_alphanumeric() => {
            first.is_uppercase() && !before.is_uppercase()
        }
        _ => true,
    }
}

fn ends_word(line: &str, at: usize) -> bool {
    let (last, after) = (line[..at].chars().next_back(), line[at..].chars().next());
    match (last, after) {
        // A number may follow at once, as in `ssn123456789`.
        (Some(last), Some(after)) if last.is_alphanumeric() && after.is_alphabetic() => {
            after.is_uppercase() && !last.is_uppercase()
        }
        _ => true,
    }
}
