//! `Protector`: the identifiers of one or more policies, compiled.

use super::ids::Managed;
use super::mask::masked;
use super::policy::Policy;
use super::rules::{Candidate, Check, Custom, How, Rule, Scan, Trigger, compile};
use super::triggers::{Hits, Keywords};
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ops::Range;

/// How often a masked line is looked at again: asterisks part what stood together, and what is left may be a number of its
/// own then.
const ROUNDS_MAX: usize = 8;

/// Finds what is sensitive in lines. Built once per policy; all is linear in the length of a line.
#[derive(Debug)]
pub struct Protector {
    rules: Vec<Compiled>,
    keywords: Keywords,
    custom: Vec<Custom>,
}

/// A rule ready to search, and the name of its identifier.
#[derive(Debug)]
struct Compiled {
    name: &'static str,
    trigger: &'static Trigger,
    search: Search,
}

#[derive(Debug)]
enum Search {
    Pattern(regex::Regex, Option<Check>),
    Scan(Scan),
}

/// What was found of one identifier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// The identifier's name, without the ARN.
    pub name: String,
    /// First and last character of each occurrence, counted from 1, in their order.
    pub detections: Vec<(usize, usize)>,
}

impl Protector {
    /// A protector that finds what any of the policies names.
    pub fn compile(policies: &[Policy]) -> Self {
        let mut managed: BTreeMap<&str, &'static Managed> = BTreeMap::new();
        let mut custom: Vec<Custom> = Vec::new();
        for policy in policies {
            managed.extend(policy.managed.iter().map(|managed| (managed.name, *managed)));
            custom.extend(policy.custom.iter().cloned());
        }
        let rules: Vec<(&'static str, &'static Rule)> =
            managed.into_values().flat_map(|managed| managed.rules.iter().map(|rule| (managed.name, rule))).collect();
        let compiled = |(name, rule): (&'static str, &'static Rule)| {
            let search = match rule.how {
                How::Pattern(pattern, check) => Search::Pattern(compile(pattern)?, check),
                How::Scan(scan) => Search::Scan(scan),
            };
            Some(Compiled { name, trigger: &rule.trigger, search })
        };
        let rules: Vec<Compiled> = rules.into_iter().filter_map(compiled).collect();
        let keywords = Keywords::new(rules.iter().map(|compiled| compiled.trigger));
        Self { rules, keywords, custom }
    }

    /// The line with asterisks for what is sensitive, as many as it has characters; the line itself when nothing is.
    pub fn mask<'t>(&self, line: &'t str) -> Cow<'t, str> {
        let mut text = Cow::Borrowed(line);
        for _ in 0..ROUNDS_MAX {
            let spans = self.spans(&text);
            if spans.is_empty() {
                break;
            }
            let shown = masked(&text, &spans);
            if shown == *text {
                break;
            }
            text = Cow::Owned(shown);
        }
        text
    }

    /// What is sensitive in the line, by identifier; empty when nothing is.
    pub fn findings(&self, line: &str) -> Vec<Finding> {
        let mut by_name: BTreeMap<&str, Vec<Range<usize>>> = BTreeMap::new();
        self.visit(line, &mut |name, span| by_name.entry(name).or_default().push(span));
        let finding = |(name, spans): (&str, Vec<Range<usize>>)| {
            let detections = characters(line, &joined(spans));
            Finding { name: name.to_owned(), detections }
        };
        by_name.into_iter().map(finding).collect()
    }

    #[cfg(test)]
    pub(super) fn rules_len(&self) -> usize {
        self.rules.len()
    }

    /// The sensitive bytes, joined where they meet.
    fn spans(&self, line: &str) -> Vec<Range<usize>> {
        let mut spans = Vec::new();
        self.visit(line, &mut |_, span| spans.push(span));
        joined(spans)
    }

    fn visit<'s>(&'s self, line: &str, found: &mut dyn FnMut(&'s str, Range<usize>)) {
        let hits = self.keywords.find(line);
        for (number, compiled) in self.rules.iter().enumerate() {
            let may_match = match *compiled.trigger {
                Trigger::Keywords(_) => hits.present.contains(number),
                Trigger::Byte(byte) => memchr::memchr(byte, line.as_bytes()).is_some(),
                Trigger::Text(text) => memchr::memmem::find(line.as_bytes(), text.as_bytes()).is_some(),
                Trigger::Always => true,
            };
            if may_match {
                compiled.visit(line, number, &hits, &mut |span| found(compiled.name, span));
            }
        }
        for custom in &self.custom {
            let spans = custom.regex.find_iter(line).map(|found| found.range()).filter(|span| !span.is_empty());
            spans.for_each(|span| found(&custom.name, span));
        }
    }
}

impl Compiled {
    /// What the rule, whose number is `number`, finds.
    fn visit(&self, line: &str, number: usize, hits: &Hits<'_>, found: &mut dyn FnMut(Range<usize>)) {
        let (regex, check) = match &self.search {
            Search::Pattern(regex, check) => (regex, check),
            Search::Scan(scan) => return scan(line, found),
        };
        let needs_keyword = matches!(self.trigger, Trigger::Keywords(_));
        let mut from = 0;
        while let Some(matched) = regex.find_at(line, from) {
            let candidate = Candidate { line, start: matched.start(), end: matched.end() };
            let length = check.map_or(Some(matched.len()), |check| check(candidate));
            let end = length.map(|length| matched.start() + length);
            match end.filter(|&end| !needs_keyword || hits.is_near(line, number, matched.start(), end)) {
                Some(end) => {
                    found(matched.start()..end);
                    from = end;
                }
                // Something may begin within what is nothing. Matches that can fail are short.
                None => from = matched.start() + line[matched.start()..].chars().next().map_or(1, char::len_utf8),
            }
        }
    }
}

/// Spans in their order, those that overlap or touch as one.
fn joined(mut spans: Vec<Range<usize>>) -> Vec<Range<usize>> {
    spans.sort_unstable_by_key(|span| (span.start, span.end));
    let mut joined: Vec<Range<usize>> = Vec::with_capacity(spans.len());
    for span in spans {
        match joined.last_mut().filter(|last| span.start < last.end) {
            Some(last) => last.end = last.end.max(span.end),
            None => joined.push(span),
        }
    }
    joined
}

/// Spans of bytes as first and last characters, counted from 1.
fn characters(line: &str, spans: &[Range<usize>]) -> Vec<(usize, usize)> {
    let (mut at, mut count) = (0, 0);
    let mut until = |byte: usize| {
        count += line[at..byte].chars().count();
        at = byte;
        count
    };
    spans.iter().map(|span| (until(span.start) + 1, until(span.end))).collect()
}
