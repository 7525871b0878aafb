//! Token filters: which row groups cannot hold a text, without reading them. Made when a segment is written, one for each row group.
//!
//! A **token** is a longest run of ASCII letters, digits, `_` and bytes of 0x80 or more (all of every non-ASCII character), as it
//! is written: `a` and `A` differ. All else delimits. What a search asks for is a substring, so the ends of a search text
//! may lie within tokens: `needle` occurs in `xneedlex`. Hence a token is entered under several keys, such that one is found
//! whenever the part of a token that the search text shows tells enough:
//!
//! | token of | keys | found by a search text that shows |
//! | --- | --- | --- |
//! | less than 8 bytes | the token | it with the delimiters on both sides |
//! | 8 bytes or more | its first 8 bytes | those and the delimiter before them |
//! | 9 to 15 bytes | the token | it with the delimiters on both sides |
//! | 16 bytes or more | of every 16 bytes in it, the **gram** of 6 bytes with the lowest hash | any 16 bytes of it |
//!
//! Besides, a text with `\u` in it, by which JSON writes any character, has a key that says so: a search for what a line says,
//! however it is written, asks for the text or for that key.
//!
//! The last rule of the table is the winnowing guarantee: which gram stands for 16 bytes depends on them alone, so whoever sees the same 16
//! bytes looks for the same gram, and neighbouring windows mostly share one, so that the grams of a token are a sixth of
//! its bytes. Thus an identifier is found as a word, as the beginning of a word, and, from 16 bytes on, anywhere: a trace id, a
//! UUID without dashes, a span id of 64 bits in hexadecimal digits. Of other
//! searches the filter says nothing, and the text is searched.
//!
//! The keys are a set, stored as a binary fuse filter (`fuse.rs`). On mixed web, JSON and system logs with 2.4 new identifiers
//! and numbers a line that is 8.1 % of the compressed text, and costs 2.4 ms of CPU for a megabyte of text. Windows of 20 bytes
//! would cost 1.3 % less and miss the identifiers of 64 bits; 8-bit fingerprints (0.4 % wrong yeses) 2.1 % more, and a Bloom filter of the same 1.6 % some 25 %
//! more than ours. A row group of mostly random text would have a filter that is too large to pay: then it is stored without
//! grams, or with no key at all, and admits more.
//!
//! # Format of one filter, version 1
//! | size | content |
//! | --- | --- |
//! | 1 | version, 1 |
//! | 1 | 0: no keys, everything is admitted; 1: keys without grams; 2: all keys |
//! | 4, 1, 4 | seed u32, bits of a segment's length u8, segments u32, little-endian (not when there are no keys) |
//! | | the array of `fuse.rs` |
//!
//! A key is `mix(fold(a ^ A, b ^ kind ^ B))`, where `fold(x, y)` is the XOR of the two halves of the 128-bit product x·y, `mix` is in
//! `fuse.rs`, A = 0x9e3779b97f4a7c15, B = 0xe7037ed1a0b428db, and a, b are little-endian numbers. For a token of n < 8 bytes: a =
//! the bytes, b = 0, kind = n. For the first 8 bytes: a = these, b = 0, kind = 8. For a token of 9 to 15 bytes: a = its first 8,
//! b = its last 8 rotated left by 32 bits, kind = n. For a gram: a = its bytes, b = 0, kind = 16; the lowest gram of a window
//! is that with the lowest `fold`. For `\u`: a = b = 0, kind = 17. The checksum of a filter stands in the index of its segment.

mod fuse;

use crate::codec::{Damage, Decoder, Encoder};
use bytes::Bytes;
use std::ops::Range;

const VERSION: u8 = 1;
/// Bytes of the prefix by which longer tokens are found.
const PREFIX: usize = 8;
/// Tokens of less than this length, and more than a prefix, have a key of their own: longer ones are known by their prefix.
const WHOLE_END: usize = 16;
/// Tokens from this length on have grams; any part of a token that is this long has one.
const WINDOW: usize = 16;
/// Bytes of a gram.
const GRAM: usize = 6;
/// Grams that begin in a window and lie within it.
const WINDOW_GRAMS: usize = WINDOW - GRAM + 1;
/// A filter of at most this many keys is always stored whole.
const KEYS_SMALL: usize = 4096;
/// All keys are stored when there is at most one for so many bytes of text; else grams are left out.
const TEXT_BYTES_PER_KEY: usize = 16;
/// Keys without grams are stored when there is at most one for so many bytes of text; else none is.
const TEXT_BYTES_PER_WORD: usize = 8;
/// Most keys that are gathered: the memory of building is bounded, whatever the text.
const KEYS_MAX: usize = 1 << 20;

/// What a gram's key is mixed with; lengths of tokens are the other kinds.
const GRAM_KIND: u64 = 16;
/// The same for the key of texts with a JSON escape.
const ESCAPE_KIND: u64 = 17;
const ESCAPE: &str = "\\u";

/// Bytes that are looked at together.
const BLOCK: usize = 64;

/// True for bytes of tokens. Without a table or a branch, so that a block of bytes is one operation of the processor after the other.
const fn is_token(byte: u8) -> bool {
    let is_digit = byte.wrapping_sub(b'0') < 10;
    let is_letter = (byte | 0x20).wrapping_sub(b'a') < 26;
    is_digit | is_letter | (byte == b'_') | (byte >= 0x80)
}

/// A bit for each byte of a block, set for those of tokens. Most tokens are short, and a branch at each of their ends would be
/// guessed wrong.
fn token_mask(bytes: &[u8]) -> u64 {
    let mut flags = [0u8; BLOCK];
    flags.iter_mut().zip(bytes).for_each(|(flag, byte)| *flag = u8::from(is_token(*byte)));
    let eights = flags.as_chunks::<8>().0.iter().enumerate();
    // The product has the low bits of the eight bytes, in their order, as its highest byte.
    eights.fold(0, |mask, (at, eight)| {
        mask | (u64::from_le_bytes(*eight).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * at)
    })
}

fn key(a: u64, b: u64, kind: u64) -> u64 {
    let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ kind ^ 0xe703_7ed1_a0b4_28db);
    product as u64 ^ (product >> 64) as u64
}

/// Eight bytes from `at` on; zeros where there are fewer.
fn load(text: &[u8], at: usize) -> u64 {
    if let Some(bytes) = text.get(at..).and_then(|tail| tail.first_chunk::<8>()) {
        return u64::from_le_bytes(*bytes);
    }
    let mut bytes = [0; 8];
    let tail = text.get(at..).unwrap_or_default();
    bytes[..tail.len()].copy_from_slice(tail);
    u64::from_le_bytes(bytes)
}

/// The key of a token of less than 8 bytes.
fn short_key(text: &[u8], start: usize, len: usize) -> u64 {
    key(load(text, start) & ((1 << (8 * len)) - 1), 0, len as u64)
}

/// The key of the first 8 bytes of a token that has them.
fn prefix_key(text: &[u8], start: usize) -> u64 {
    key(load(text, start), 0, PREFIX as u64)
}

/// The key of a token of 9 to 15 bytes.
fn whole_key(text: &[u8], start: usize, len: usize) -> u64 {
    key(load(text, start), load(text, start + len - 8).rotate_left(32), len as u64)
}

/// Shows the key of the lowest gram of each window in a token of at least a window, once for neighbours that share it.
fn grams(token: &[u8], found: &mut impl FnMut(u64)) {
    // Keys of the grams in the window; the gram that begins at `at` is at `at % WINDOW_GRAMS`.
    let mut window = [u64::MAX; WINDOW_GRAMS];
    let mut lowest = u64::MAX;
    for at in 0..=token.len() - GRAM {
        let key = key(load(token, at) & 0xffff_ffff_ffff, 0, GRAM_KIND);
        let gone = std::mem::replace(&mut window[at % WINDOW_GRAMS], key);
        let before = lowest;
        if key <= lowest {
            lowest = key;
        } else if gone == lowest {
            lowest = window.iter().copied().min().unwrap_or(key);
        }
        // The first window ends here; a later one is new when another gram is its lowest.
        if at + 1 == WINDOW_GRAMS || (at + 1 > WINDOW_GRAMS && lowest != before) {
            found(lowest);
        }
    }
}

/// A set of keys in the making. Most tokens are repeated soon, so a small table of recent keys keeps them out.
#[derive(Debug)]
struct Keys {
    recent: Box<[u64]>,
    keys: Vec<u64>,
    /// How many keys are distinct for sure, and how many there may be until they are looked at again.
    distinct: usize,
    overflowed: bool,
}

impl Default for Keys {
    fn default() -> Self {
        Self { recent: vec![0; 1 << 12].into(), keys: Vec::new(), distinct: 0, overflowed: false }
    }
}

impl Keys {
    fn insert(&mut self, key: u64) {
        let at = key as usize & (self.recent.len() - 1);
        let Some(recent) = self.recent.get_mut(at) else { return };
        if *recent == key || self.overflowed {
            return;
        }
        *recent = key;
        self.keys.push(fuse::mix(key));
        if self.keys.len() >= self.distinct + KEYS_MAX {
            self.deduplicate();
            self.overflowed = self.keys.len() >= KEYS_MAX;
        }
    }

    fn append(&mut self, mut other: Self) {
        self.keys.append(&mut other.keys);
        self.overflowed |= other.overflowed;
    }

    fn deduplicate(&mut self) {
        self.keys.sort_unstable();
        self.keys.dedup();
        self.distinct = self.keys.len();
    }

    fn clear(&mut self) {
        self.recent.fill(0);
        self.keys.clear();
        (self.distinct, self.overflowed) = (0, false);
    }
}

/// Gathers the keys of texts for one filter after the other.
#[derive(Debug, Default)]
pub(crate) struct FilterBuilder {
    words: Keys,
    grams: Keys,
    text_bytes: usize,
}

impl FilterBuilder {
    /// Enters a text. The ends of a text delimit its tokens.
    pub(crate) fn add(&mut self, text: &str) {
        self.text_bytes += text.len();
        self.add_tokens(text.as_bytes());
    }

    /// Enters a text but for some parts of it, in their order, at whose ends no token goes on. Their tokens come by `add_apart`, or, for
    /// a part that is left out of many texts, by `add_again` once.
    pub(crate) fn add_without(&mut self, text: &str, parts: &[Range<usize>]) {
        self.text_bytes += text.len();
        let mut start = 0;
        for part in parts {
            self.add_tokens(text.as_bytes().get(start..part.start).unwrap_or_default());
            start = part.end;
        }
        self.add_tokens(text.as_bytes().get(start..).unwrap_or_default());
    }

    /// Enters the tokens of a part that `add_without` left out before.
    pub(crate) fn add_again(&mut self, part: &str) {
        self.add_tokens(part.as_bytes());
    }

    /// Enters the tokens of the parts that `add_without` left out, and answers the keys of words that are in none of the texts but for these
    /// parts, ascending, at most so many.
    pub(crate) fn add_apart<'t>(&mut self, parts: impl Iterator<Item = &'t str> + Clone, keys_max: usize) -> Vec<u64> {
        let mut apart = Self::default();
        parts.for_each(|part| apart.add_tokens(part.as_bytes()));
        self.words.deduplicate();
        apart.words.deduplicate();
        let mut only = Vec::new();
        if !self.words.overflowed && !apart.words.overflowed {
            let others = &self.words.keys;
            let is_apart = |key: &&u64| others.binary_search(key).is_err();
            only.extend(apart.words.keys.iter().filter(is_apart).take(keys_max));
        }
        self.words.append(apart.words);
        self.grams.append(apart.grams);
        only
    }

    fn add_tokens(&mut self, text: &[u8]) {
        // Where the token begins that goes on.
        let mut start = None;
        for (block, bytes) in text.chunks(BLOCK).enumerate() {
            let tokens = token_mask(bytes);
            // Bits where a token begins or ends.
            let mut edges = tokens ^ ((tokens << 1) | u64::from(start.is_some()));
            while edges != 0 {
                let at = block * BLOCK + edges.trailing_zeros() as usize;
                edges &= edges - 1;
                match start.take() {
                    Some(start) => self.add_token(text, start, at),
                    None => start = Some(at),
                }
            }
        }
        if let Some(start) = start {
            self.add_token(text, start, text.len());
        }
    }

    fn add_token(&mut self, text: &[u8], start: usize, end: usize) {
        let len = end - start;
        if text[start] == b'u' && start > 0 && text[start - 1] == b'\\' {
            self.words.insert(key(0, 0, ESCAPE_KIND));
        }
        if len < PREFIX {
            self.words.insert(short_key(text, start, len));
            return;
        }
        self.words.insert(prefix_key(text, start));
        if (PREFIX + 1..WHOLE_END).contains(&len) {
            self.words.insert(whole_key(text, start, len));
        } else if len >= WINDOW && !self.grams.overflowed {
            grams(&text[start..end], &mut |key| self.grams.insert(key));
        }
    }

    /// The filter of the texts since the last one, in the format of the header.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        let within = |keys: usize, text_bytes: usize| keys <= (self.text_bytes / text_bytes).max(KEYS_SMALL);
        self.words.deduplicate();
        self.grams.deduplicate();
        let (words, grams) = (&self.words.keys, &self.grams.keys);
        let content = if self.words.overflowed || !within(words.len(), TEXT_BYTES_PER_WORD) {
            Content::Nothing
        } else if self.grams.overflowed || !within(words.len() + grams.len(), TEXT_BYTES_PER_KEY) {
            Content::Words
        } else {
            Content::All
        };
        if content == Content::All {
            self.words.keys.append(&mut self.grams.keys);
            // Two ascending runs, which this sort merges.
            self.words.keys.sort();
            self.words.keys.dedup();
        }
        let mut filter = Encoder(vec![VERSION]);
        match fuse::build(&self.words.keys).filter(|_| content != Content::Nothing) {
            Some((shape, array)) => {
                filter.u8(if content == Content::All { 2 } else { 1 });
                fuse::put_shape(shape, &mut filter);
                filter.0.extend_from_slice(&array);
            }
            None => filter.u8(0),
        }
        self.words.clear();
        self.grams.clear();
        self.text_bytes = 0;
        filter.0
    }
}

/// Which keys a filter has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Nothing,
    Words,
    All,
}

/// A filter that can be asked.
#[derive(Debug, Clone)]
pub(crate) struct TokenFilter {
    content: Content,
    shape: Option<fuse::Shape>,
    array: Bytes,
}

impl TokenFilter {
    /// Reads the format of the header; another version is refused.
    pub(crate) fn decode(bytes: &Bytes) -> Result<Self, Damage> {
        let mut decoder = Decoder(bytes);
        if decoder.u8()? != VERSION {
            return Err("is of a version that this program does not know");
        }
        let content = match decoder.u8()? {
            0 => Content::Nothing,
            1 => Content::Words,
            2 => Content::All,
            _ => return Err("has unknown content"),
        };
        if content == Content::Nothing {
            decoder.end()?;
            return Ok(Self { content, shape: None, array: Bytes::new() });
        }
        let shape = fuse::take_shape(&mut decoder)?;
        Ok(Self { content, shape: Some(shape), array: bytes.slice_ref(decoder.0) })
    }

    /// Bytes of memory that it takes.
    pub(crate) fn bytes(&self) -> usize {
        size_of::<Self>() + self.array.len()
    }

    /// False only when none of the texts of the filter satisfies all clauses.
    pub(crate) fn admits(&self, probe: &Probe) -> bool {
        probe.clauses.iter().all(|literals| literals.iter().any(|literal| self.admits_literal(literal)))
    }

    fn admits_literal(&self, literal: &LiteralKeys) -> bool {
        let Some(shape) = self.shape else { return true };
        let has = |key: &u64| fuse::contains(shape, &self.array, fuse::mix(*key));
        literal.words.iter().all(has) && (self.content != Content::All || literal.grams.iter().all(has))
    }
}

/// Keys that a text with a certain literal in it has.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct LiteralKeys {
    words: Vec<u64>,
    grams: Vec<u64>,
}

impl LiteralKeys {
    fn of(literal: &str) -> Self {
        let text = literal.as_bytes();
        let mut keys = Self::default();
        if literal.contains(ESCAPE) {
            keys.words.push(key(0, 0, ESCAPE_KIND));
        }
        let mut end = 0;
        while let Some(start) = (end..text.len()).find(|at| is_token(text[*at])) {
            end = (start..text.len()).find(|at| !is_token(text[*at])).unwrap_or(text.len());
            let len = end - start;
            // At an end of the literal the token of the text may go on.
            let (begins, ends) = (start > 0, end < text.len());
            match len {
                0..PREFIX if begins && ends => keys.words.push(short_key(text, start, len)),
                PREFIX.. if begins => keys.words.push(prefix_key(text, start)),
                _ => {}
            }
            if (PREFIX + 1..WHOLE_END).contains(&len) && begins && ends {
                keys.words.push(whole_key(text, start, len));
            }
            if len >= WINDOW {
                grams(&text[start..end], &mut |key| keys.grams.push(key));
            }
        }
        keys
    }

    fn is_empty(&self) -> bool {
        self.words.is_empty() && self.grams.is_empty()
    }
}

/// Keys of words that are in a text wherever a literal is, within it: as `FilterBuilder::add_apart` answers them.
pub(crate) fn word_keys(literal: &str) -> Vec<u64> {
    LiteralKeys::of(literal).words.into_iter().map(fuse::mix).collect()
}

/// What a search asks of filters: a conjunction of clauses, each "one of these literals occurs".
#[derive(Debug, Clone, Default)]
pub(crate) struct Probe {
    clauses: Vec<Vec<LiteralKeys>>,
}

impl Probe {
    /// Of clauses that every wanted text satisfies.
    pub(crate) fn new(clauses: &[Vec<String>]) -> Self {
        let keys = |clause: &Vec<String>| clause.iter().map(|literal| LiteralKeys::of(literal)).collect::<Vec<_>>();
        let mut clauses: Vec<Vec<LiteralKeys>> = clauses.iter().map(keys).collect();
        // A literal without keys may be anywhere, and so its clause may hold anywhere.
        clauses.retain(|clause| !clause.iter().any(LiteralKeys::is_empty));
        Self { clauses }
    }

    /// True when it excludes nothing, so that no filter needs to be read.
    pub(crate) fn is_empty(&self) -> bool {
        self.clauses.is_empty()
    }
}

#[cfg(test)]
mod tests;
