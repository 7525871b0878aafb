//! Words of shapes: numbered, and what of them decides whether they may vary.

use super::names::Severity;
use super::shape::{REST, VARIES};
use foldhash::fast::FixedState;
use std::collections::HashMap;

/// The number of a word.
pub type WordId = u32;

/// A word that is nothing but what varies.
pub const ANY: WordId = 0;

/// All words that were seen.
#[derive(Debug)]
pub struct Words {
    texts: Vec<Box<str>>,
    kinds: Vec<Kind>,
    ids: HashMap<Box<str>, WordId, FixedState>,
}

/// What a word looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kind {
    /// Nothing but what varies and punctuation.
    pub varies: bool,
    /// Something varies in it.
    pub has_slot: bool,
    /// It has letters outside of what varies.
    pub has_letters: bool,
    /// It begins with a capital, as words of messages do and values seldom (`Started`, `HTTPS`), or is a level (`[warn]`). Of
    /// `key=value` the value.
    pub is_message: bool,
}

impl Kind {
    fn of(text: &str) -> Self {
        let has_slot = text.contains([VARIES, REST]);
        let has_letters = text.chars().any(char::is_alphabetic);
        let core = text.trim_matches(|c: char| !c.is_alphanumeric());
        // `level=INFO`, `"level":"INFO",`
        let value = core.rsplit([':', '=', '"']).next().unwrap_or(core);
        let letters = value.strip_suffix(|c: char| c.is_ascii_digit()).unwrap_or(value);
        let is_capital =
            letters.starts_with(|c: char| c.is_ascii_uppercase()) && letters.bytes().all(|b| b.is_ascii_alphabetic());
        let is_message = is_capital || Severity::of_keyword(letters) != Severity::None;
        Self { varies: has_slot && !has_letters, has_slot, has_letters, is_message }
    }
}

impl Words {
    /// Only `ANY`.
    pub fn new() -> Self {
        let mut words = Self { texts: Vec::new(), kinds: Vec::new(), ids: HashMap::default() };
        words.id(&VARIES.to_string());
        words
    }

    /// The number of a word.
    pub fn id(&mut self, text: &str) -> WordId {
        if let Some(&id) = self.ids.get(text) {
            return id;
        }
        let id = self.texts.len() as WordId;
        self.texts.push(text.into());
        self.kinds.push(Kind::of(text));
        self.ids.insert(text.into(), id);
        id
    }

    /// The word itself.
    pub fn text(&self, id: WordId) -> &str {
        &self.texts[id as usize]
    }

    /// What it looks like.
    pub fn kind(&self, id: WordId) -> Kind {
        self.kinds[id as usize]
    }
}

/// One word for several: what they begin and end with, up to punctuation, and `VARIES` for the rest.
/// `user=root` and `user=guest` make `user=` and what varies.
pub fn generalize<'a>(texts: impl Iterator<Item = &'a str> + Clone) -> String {
    let mut all = texts.clone();
    let Some(first) = all.next() else { return VARIES.to_string() };
    if all.all(|text| text == first) {
        return first.to_owned();
    }
    let prefix = texts.clone().fold(first, |prefix, text| {
        let same = prefix.char_indices().zip(text.chars()).find(|((_, a), b)| a != b).map(|((at, _), _)| at);
        &prefix[..same.unwrap_or(prefix.len().min(text.len()))]
    });
    let prefix = &prefix[..prefix.rfind(is_edge).map_or(0, |at| at + 1)];
    let prefix = prefix.trim_end_matches([VARIES, REST]);
    let suffix = texts.fold(&first[prefix.len()..], |suffix, text| {
        let text = &text[prefix.len()..];
        let same = suffix.chars().rev().zip(text.chars().rev()).take_while(|(a, b)| a == b);
        let length: usize = same.map(|(c, _)| c.len_utf8()).sum();
        &suffix[suffix.len() - length..]
    });
    let suffix = suffix.find(is_edge).map_or("", |at| &suffix[at..]);
    let suffix = suffix.trim_start_matches([VARIES, REST]);
    format!("{prefix}{VARIES}{suffix}")
}

/// Punctuation at which a value may end. All of it is ASCII.
fn is_edge(c: char) -> bool {
    c.is_ascii() && !c.is_ascii_alphanumeric() && !"_.-/".contains(c)
}
