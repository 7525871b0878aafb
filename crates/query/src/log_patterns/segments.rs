//! Lines up the shapes of one pattern: constant words with constant words, and what varies between two of them.

use super::merge::{Template, merge};
use super::shape::{REST, TIGHT, VARIES};
use super::words::{ANY, WordId, Words, generalize};
use foldhash::fast::FixedState;
use std::collections::HashMap;

/// A part of a pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Element {
    /// One word, with `VARIES` where it varies; `TIGHT` begins it if some line has no white space before it.
    Word(Box<str>),
    /// Any number of words; tight if some line has no white space beside them.
    Gap {
        /// See above.
        tight: bool,
    },
}

impl Element {
    /// The word, if it is one.
    pub fn text(&self) -> Option<&str> {
        match self {
            Element::Word(text) => Some(text),
            Element::Gap { .. } => None,
        }
    }

    /// The word of a shape that stands for it.
    pub fn shape(&self) -> &str {
        match self {
            Element::Word(text) => text,
            Element::Gap { tight: true } => "\u{2}\u{1}",
            Element::Gap { tight: false } => "\u{1}",
        }
    }

    /// True for a word that may follow without white space.
    pub fn is_tight(&self) -> bool {
        self.text().is_some_and(|text| text.starts_with(TIGHT))
    }
}

/// A word of a shape, and whether it is one of the constant words of its pattern.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The word.
    pub word: WordId,
    is_constant: bool,
}

/// The shapes of one pattern: of each its index and its words.
pub type Group = Vec<(usize, Vec<Place>)>;

/// Groups shapes into patterns.
pub fn group(words: &mut Words, shapes: &[&str]) -> Vec<Group> {
    let texts: Vec<Vec<WordId>> =
        shapes.iter().map(|shape| shape.split(' ').map(|word| words.id(word)).collect()).collect();
    let templates: Vec<Template> = texts.iter().map(|text| canonical(words, text)).collect();
    let merged = merge(words, &templates);
    let mut groups: HashMap<Template, Group, FixedState> = HashMap::default();
    let mut order = Vec::new();
    for (index, (text, merged)) in texts.iter().zip(merged).enumerate() {
        let constants: Template = merged.iter().copied().filter(|&word| word != ANY).collect();
        let mut rest = merged.into_iter();
        let places = text.iter().map(|&word| {
            let is_constant = !is_aside(words, word) && rest.next().is_some_and(|merged| merged != ANY);
            Place { word, is_constant }
        });
        let places = places.collect();
        let group = groups.entry(constants.clone()).or_insert_with(|| {
            order.push(constants);
            Group::new()
        });
        group.push((index, places));
    }
    order.into_iter().filter_map(|constants| groups.remove(&constants)).collect()
}

/// The words without those in parentheses that only vary or are missing, and with `ANY` for all that only varies.
fn canonical(words: &Words, text: &[WordId]) -> Template {
    let varies = |word: WordId| if words.kind(word).varies { ANY } else { word };
    text.iter().copied().filter(|&word| !is_aside(words, word)).map(varies).collect()
}

/// `()` and `(…)`, which some lines of a pattern have and others do not.
fn is_aside(words: &Words, word: WordId) -> bool {
    const ASIDE: [char; 3] = ['(', VARIES, ')'];
    let text = words.text(word);
    text == "()" || text.chars().eq(ASIDE)
}

/// What the shapes of a group have in common.
pub fn elements(words: &Words, group: &Group) -> Vec<Element> {
    let mut rests: Vec<&[Place]> = group.iter().map(|(_, places)| places.as_slice()).collect();
    let mut elements = Vec::new();
    loop {
        let lengths: Vec<usize> =
            rests.iter().map(|rest| rest.iter().take_while(|place| !place.is_constant).count()).collect();
        let length = lengths.first().copied().unwrap_or(0);
        let between = || rests.iter().zip(&lengths).flat_map(|(rest, &length)| &rest[..length]);
        if lengths.iter().any(|&other| other != length) || between().any(|place| is_rest(words, place.word)) {
            let tight = between().any(|place| words.text(place.word).starts_with(TIGHT));
            elements.push(Element::Gap { tight });
        } else {
            elements.extend((0..length).map(|at| word_of_all(words, rests.iter().map(|rest| rest[at].word))));
        }
        for (rest, length) in rests.iter_mut().zip(lengths) {
            *rest = &rest[length..];
        }
        if rests.iter().any(|rest| rest.is_empty()) {
            return elements;
        }
        elements.push(word_of_all(words, rests.iter().map(|rest| rest[0].word)));
        for rest in &mut rests {
            *rest = &rest[1..];
        }
    }
}

fn word_of_all(words: &Words, all: impl Iterator<Item = WordId> + Clone) -> Element {
    let texts = all.map(|word| words.text(word));
    let text = generalize(texts.clone().map(|text| text.trim_start_matches(TIGHT)));
    let is_tight = texts.clone().any(|text| text.starts_with(TIGHT));
    Element::Word(if is_tight { format!("{TIGHT}{text}") } else { text }.into())
}

fn is_rest(words: &Words, word: WordId) -> bool {
    words.text(word).contains(REST)
}

/// Pairs the words of a shape with the elements of its pattern; those that a gap stands for are left out. Of each pair: the index
/// and text of the element, the index and the number of the word.
pub fn pair<'e>(elements: &'e [Element], places: &[Place]) -> Vec<(usize, &'e str, usize, WordId)> {
    let mut pairs = Vec::new();
    let mut at = 0;
    for (index, element) in elements.iter().enumerate() {
        match element {
            Element::Word(text) => {
                if let Some(place) = places.get(at) {
                    pairs.push((index, &**text, at, place.word));
                }
                at += 1;
            }
            Element::Gap { .. } => at += places.iter().skip(at).take_while(|place| !place.is_constant).count(),
        }
    }
    pairs
}
