//! Patterns as they are shown: tokens, regex, counts; and which pattern a line has.

use super::looks::Looks;
use super::names::{Severity, name, severity};
use super::segments::{Element, Group, elements, group, pair};
use super::shape::{REST, Reader, TIGHT, VARIES};
use super::values::Values;
use super::words::Words;
use super::{Entry, Limits, Miner, Shapes};
use foldhash::fast::FixedState;
use std::collections::HashMap;
use std::fmt::Write;

/// Lines that say the same thing with other values.
#[derive(Debug, Clone)]
pub struct Pattern {
    /// 32 hex digits that depend on `template` only.
    pub id: String,
    /// The text, `<*>` for each dynamic token, words parted by one space at most: `@pattern`.
    pub template: String,
    /// Static and dynamic tokens; in order they are the template.
    pub tokens: Vec<Token>,
    /// A regex that matches every line of the pattern, and other lines of the same look.
    pub regex: String,
    /// Lines: `@sampleCount`.
    pub count: u64,
    /// Time of the earliest and the latest line, milliseconds.
    pub first_ms: i64,
    /// See `first_ms`.
    pub last_ms: i64,
    /// By the keywords of the static tokens.
    pub severity: Severity,
    elements: Vec<Element>,
}

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Token {
    /// Text that every line has.
    Static(String),
    /// Text that varies.
    Dynamic(Dynamic),
}

/// A token whose text varies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dynamic {
    /// Its place among the dynamic tokens, counted from 1.
    pub position: usize,
    /// What it is: `IPAddress`, `Date`, what the text before calls it (`ResourceID`), or `Token`.
    pub name: String,
    /// Every value with its count, most frequent first; `None` when there were too many to count.
    pub values: Option<Vec<(String, u64)>>,
}

impl Dynamic {
    /// The name with its place, `IPAddress-3`: `inferredTokenName`.
    pub fn inferred_name(&self) -> String {
        format!("{}-{}", self.name, self.position)
    }
}

impl Pattern {
    /// The text with the names of dynamic tokens: `Failed password for <Token-1> from <IPAddress-2>`.
    pub fn named(&self) -> String {
        let mut text = String::new();
        for token in &self.tokens {
            match token {
                Token::Static(part) => text.push_str(part),
                Token::Dynamic(dynamic) => {
                    let _ = write!(text, "<{}>", dynamic.inferred_name());
                }
            }
        }
        text
    }

    fn of(elements: Vec<Element>, Entry { count, first_ms, last_ms, values }: Entry) -> Self {
        let (tokens, regex) = (tokens(&elements, &values), regex(&elements, &values));
        let template: String = tokens.iter().map(Token::text).collect();
        Self {
            id: id(&template),
            severity: severity(tokens.iter().filter_map(Token::literal)),
            template,
            tokens,
            regex,
            count,
            first_ms,
            last_ms,
            elements,
        }
    }
}

impl Token {
    /// The text in a template.
    pub fn text(&self) -> &str {
        self.literal().unwrap_or("<*>")
    }

    fn literal(&self) -> Option<&str> {
        match self {
            Token::Static(text) => Some(text),
            Token::Dynamic(_) => None,
        }
    }
}

/// The patterns of all lines of a miner, most frequent first.
#[derive(Debug, Clone)]
pub struct Patterns {
    list: Vec<Pattern>,
    by_shape: HashMap<Box<str>, usize, FixedState>,
    looks: Looks,
    limits: Limits,
}

impl Patterns {
    pub(super) fn of(shapes: &Shapes, limits: Limits) -> Self {
        let mut found: Vec<(Pattern, Vec<&str>)> = parts(shapes, limits)
            .into_iter()
            .map(|part| (Pattern::of(part.elements, part.entry), part.shapes))
            .collect();
        found.sort_by(|(a, _), (b, _)| b.count.cmp(&a.count).then_with(|| a.template.cmp(&b.template)));
        let mut by_shape = HashMap::default();
        let mut list = Vec::with_capacity(found.len());
        for (pattern, shapes) in found {
            by_shape.extend(shapes.into_iter().map(|shape| (shape.into(), list.len())));
            list.push(pattern);
        }
        let looks = Looks::of(list.iter().map(|pattern| pattern.elements.as_slice()));
        Self { list, by_shape, looks, limits }
    }

    /// The patterns, most frequent first.
    pub fn list(&self) -> &[Pattern] {
        &self.list
    }

    /// How many lines of a miner each pattern of `list` has; the miner was merged into the one whose patterns these are.
    pub fn counts(&self, part: &Miner) -> Vec<u64> {
        let mut counts = vec![0_u64; self.list.len()];
        for (shape, entry) in &part.shapes {
            if let Some(place) = self.place(shape) {
                counts[place] = counts[place].saturating_add(entry.count);
            }
        }
        counts
    }

    /// Which pattern of `list` a line has: for lines that were added the one that they are in, for others the most specific
    /// one that they look like.
    pub fn template_of(&self, line: &str) -> Option<usize> {
        let mut reader = Reader::default();
        reader.read(line, self.limits.line_bytes, self.limits.words);
        self.place(std::str::from_utf8(&reader.shape).ok()?)
    }

    fn place(&self, shape: &str) -> Option<usize> {
        if let Some(&place) = self.by_shape.get(shape) {
            return Some(place);
        }
        let words: Vec<&str> = shape.split(' ').collect();
        self.looks.find(&words, |place| &self.list[place].elements)
    }
}

/// A pattern before it is shown.
struct Part<'a> {
    elements: Vec<Element>,
    entry: Entry,
    shapes: Vec<&'a str>,
}

/// The patterns of shapes.
fn parts(shapes: &Shapes, limits: Limits) -> Vec<Part<'_>> {
    // Sorted, so that nothing depends on the order of lines.
    let mut entries: Vec<(&str, &Entry)> = shapes.iter().map(|(text, entry)| (&**text, entry)).collect();
    entries.sort_unstable_by_key(|(text, _)| *text);
    let texts: Vec<&str> = entries.iter().map(|(text, _)| *text).collect();
    let mut words = Words::new();
    let part = |words: &Words, group: Group| {
        let elements = elements(words, &group);
        let of_group = || group.iter().map(|(index, _)| entries[*index].1);
        let entry = Entry {
            count: of_group().map(|entry| entry.count).fold(0, u64::saturating_add),
            first_ms: of_group().map(|entry| entry.first_ms).min().unwrap_or_default(),
            last_ms: of_group().map(|entry| entry.last_ms).max().unwrap_or_default(),
            values: values(words, &elements, &group, &entries, limits),
        };
        Part { elements, entry, shapes: group.iter().map(|(index, _)| texts[*index]).collect() }
    };
    group(&mut words, &texts).into_iter().map(|group| part(&words, group)).collect()
}

/// Of each pattern a shape that stands for all of its lines.
pub fn shapes_of_patterns(shapes: &Shapes, limits: Limits) -> Vec<(Box<str>, Entry)> {
    let shape = |elements: &[Element]| {
        let words: Vec<&str> = elements.iter().map(Element::shape).collect();
        words.join(" ").into()
    };
    parts(shapes, limits).into_iter().map(|part| (shape(&part.elements), part.entry)).collect()
}

/// The values of each dynamic token.
fn values(
    words: &Words,
    elements: &[Element],
    group: &Group,
    entries: &[(&str, &Entry)],
    limits: Limits,
) -> Vec<Values> {
    let mut first = Vec::with_capacity(elements.len());
    let mut total = 0;
    for element in elements {
        first.push(total);
        total += match element {
            Element::Word(text) => slots(text),
            Element::Gap { .. } => 1,
        };
    }
    let mut all = vec![Values::default(); total];
    for (element, &at) in elements.iter().zip(&first) {
        if element.text().is_none() {
            all[at] = Values::too_many();
        }
    }
    for (index, places) in group {
        let entry = entries[*index].1;
        let mut own = entry.values.iter();
        let mut passed = 0;
        for (element, text, place, word) in pair(elements, places) {
            // What a gap stands for has slots as well.
            let skipped: usize = places[passed..place].iter().map(|place| slots(words.text(place.word))).sum();
            own.by_ref().take(skipped).for_each(drop);
            passed = place + 1;
            let of_word: Vec<&Values> = own.by_ref().take(slots(words.text(word))).collect();
            let found = of_tokens(text, words.text(word), &of_word, entry.count);
            for (values, found) in all[first[element]..].iter_mut().zip(found) {
                values.merge(found, limits);
            }
        }
    }
    all
}

/// The values of the tokens of a pattern's word that a shape's word has.
fn of_tokens(pattern: &str, word: &str, own: &[&Values], count: u64) -> Vec<Values> {
    let own = || own.iter().map(|values| (*values).clone());
    let (pattern, word) = (pattern.trim_start_matches(TIGHT), word.trim_start_matches(TIGHT));
    if pattern == word {
        return own().collect();
    }
    // The pattern is what all words begin with, something that varies, and what all words end with.
    let same = pattern.bytes().zip(word.bytes()).take_while(|(a, b)| a == b).count();
    let varies = pattern.as_bytes()[..same.min(pattern.len() - 1) + 1].iter().rposition(|&b| b == VARIES as u8);
    let Some(at) = varies else { return Vec::new() };
    let (prefix, suffix) = (&pattern[..at], &pattern[at + 1..]);
    let Some(middle) = word.get(at..word.len().saturating_sub(suffix.len())) else { return Vec::new() };
    let (before, within) = (slots(prefix), slots(middle));
    let mut found: Vec<Values> = own().take(before).collect();
    found.push(match within {
        0 => Values::one(middle, count),
        1 => {
            let (left, right) = middle.split_once(VARIES).unwrap_or_default();
            own().nth(before).unwrap_or_default().map(|value| format!("{left}{value}{right}"))
        }
        _ => Values::too_many(),
    });
    found.extend(own().skip(before + within));
    found
}

fn slots(text: &str) -> usize {
    text.bytes().filter(|&b| b == VARIES as u8 || b == REST as u8).count()
}

fn tokens(elements: &[Element], values: &[Values]) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut literal = String::new();
    let mut position = 0;
    let mut dynamic = |literal: &mut String, tokens: &mut Vec<Token>| {
        let values = values.get(position);
        position += 1;
        let name = name(literal, values);
        if !literal.is_empty() {
            tokens.push(Token::Static(std::mem::take(literal)));
        }
        tokens.push(Token::Dynamic(Dynamic { position, name, values: values.and_then(Values::counted) }));
    };
    for (at, element) in elements.iter().enumerate() {
        if at > 0 && !element.is_tight() {
            literal.push(' ');
        }
        match element {
            Element::Gap { .. } => dynamic(&mut literal, &mut tokens),
            Element::Word(text) => {
                for (at, part) in text.trim_start_matches(TIGHT).split(VARIES).enumerate() {
                    if at > 0 {
                        dynamic(&mut literal, &mut tokens);
                    }
                    literal.push_str(part);
                }
            }
        }
    }
    if !literal.is_empty() {
        tokens.push(Token::Static(literal));
    }
    tokens
}

fn regex(elements: &[Element], values: &[Values]) -> String {
    let mut regex = String::from("^");
    let mut values = values.iter();
    for (at, element) in elements.iter().enumerate() {
        let after_gap = at > 0 && elements[at - 1].text().is_none();
        let is_last = at + 1 == elements.len();
        let tight_after = elements.get(at + 1).is_some_and(Element::is_tight);
        match element {
            Element::Gap { tight } => {
                values.next();
                regex.push_str(match (at == 0, is_last) {
                    _ if *tight || tight_after => "(?s:.*?)",
                    (true, true) => "(?s:.*)",
                    (true, false) => r"(?s:.*?\s)?",
                    (false, true) => r"(?s:\s.*)?",
                    (false, false) => r"\s(?s:.*?\s)?",
                });
            }
            Element::Word(text) => {
                regex.push_str(match at {
                    0 => r"\s*",
                    _ if after_gap => "",
                    _ if element.is_tight() => r"\s*",
                    _ => r"\s+",
                });
                for (at, part) in text.trim_start_matches(TIGHT).split(VARIES).enumerate() {
                    if at > 0 {
                        let spaced = values.next().is_none_or(Values::spaced);
                        regex.push_str(if spaced { "(?s:.*?)" } else { r"\S*?" });
                    }
                    regex.push_str(&regex::escape(part));
                }
                if is_last {
                    regex.push_str(r"\s*");
                }
            }
        }
    }
    regex.push('$');
    regex
}

/// 128 bits of FNV-1a, in hex.
fn id(template: &str) -> String {
    let hash = template.bytes().fold(0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128, |hash, byte| {
        (hash ^ u128::from(byte)).wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b)
    });
    format!("{hash:032x}")
}
