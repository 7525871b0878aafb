//! Finds the pattern of a line whose shape is not known.

use super::segments::Element;
use super::shape::{TIGHT, VARIES};
use foldhash::fast::FixedState;
use std::collections::HashMap;

/// The number of words (none for patterns with a gap), and the first constant word before any gap with its place.
type Anchor = (Option<usize>, usize, Box<str>);

/// Patterns by a word that their lines have in a certain place.
#[derive(Debug, Clone, Default)]
pub struct Looks {
    anchored: HashMap<Anchor, Vec<usize>, FixedState>,
    /// Patterns without an anchor.
    loose: Vec<usize>,
    /// Of each pattern, bytes that are constant.
    constant: Vec<usize>,
}

impl Looks {
    /// Of patterns in order.
    pub fn of<'e>(patterns: impl Iterator<Item = &'e [Element]>) -> Self {
        let mut looks = Self::default();
        for (pattern, elements) in patterns.enumerate() {
            let words = elements.iter().filter_map(Element::text);
            looks.constant.push(words.map(|word| word.bytes().filter(|&b| b != VARIES as u8).count()).sum());
            let length = elements.iter().all(|element| element.text().is_some()).then_some(elements.len());
            let before_gap = elements.iter().map_while(Element::text).enumerate();
            match before_gap.into_iter().find(|(_, word)| !word.contains(VARIES)) {
                Some((place, word)) => looks.anchored.entry((length, place, word.into())).or_default().push(pattern),
                None => looks.loose.push(pattern),
            }
        }
        looks
    }

    /// The pattern with most constant text that the words of a shape may be of; the first of equals.
    pub fn find<'e>(&self, words: &[&str], elements: impl Fn(usize) -> &'e [Element]) -> Option<usize> {
        let anchored = words.iter().enumerate().flat_map(|(place, &word)| {
            [Some(words.len()), None].map(|length| self.anchored.get(&(length, place, word.into())))
        });
        let candidates = anchored.flatten().flatten().chain(&self.loose).copied();
        candidates
            .filter(|&pattern| has_look(elements(pattern), words))
            .min_by_key(|&pattern| (std::cmp::Reverse(self.constant[pattern]), pattern))
    }
}

/// True when the words may be of the pattern. As in any glob, only the last gap needs to be tried again.
fn has_look(elements: &[Element], words: &[&str]) -> bool {
    let (mut element, mut word) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while word < words.len() || element < elements.len() {
        match elements.get(element) {
            Some(Element::Gap { .. }) => {
                element += 1;
                retry = Some((element, word));
                continue;
            }
            Some(Element::Word(text)) if words.get(word).is_some_and(|word| word_has_look(text, word)) => {
                element += 1;
                word += 1;
                continue;
            }
            _ => {}
        }
        let Some((after_gap, taken)) = retry.filter(|(_, taken)| *taken < words.len()) else { return false };
        retry = Some((after_gap, taken + 1));
        (element, word) = (after_gap, taken + 1);
    }
    true
}

fn word_has_look(pattern: &str, word: &str) -> bool {
    let word = word.trim_start_matches(TIGHT);
    let mut parts = pattern.trim_start_matches(TIGHT).split(VARIES);
    let Some(mut rest) = parts.next().and_then(|first| word.strip_prefix(first)) else { return false };
    let Some(last) = parts.next_back() else { return rest.is_empty() };
    for part in parts {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}
