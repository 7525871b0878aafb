//! The shape of a line: its text with what surely varies taken out, found in one pass over the bytes.
//!
//! Words are parted by ASCII white space, and after a comma before `"`, `{` or `[`, as in JSON without spaces.
//!
//! What surely varies: a run of letters, digits, `_` and joiners (`.` `/` `-` …) that has a digit; a path; eight or more letters
//! that are all hex digits; names of days, months and time zones beside such. A number's unit belongs to it (`5.2 KB`). A key
//! before a colon does not (`size:12`).

/// Stands for what varies within a word of a shape. Lines that contain it, `REST` or `TIGHT` are no trouble: they count as digits.
pub const VARIES: char = '\0';
/// Stands for the rest of a line that is too long.
pub const REST: char = '\u{1}';

/// Begins a word that follows the one before without white space.
pub const TIGHT: char = '\u{2}';

/// What begins a word directly after a comma.
const OPENING: [u8; 3] = [b'"', b'{', b'['];

const LETTER: u8 = 1;
const DIGIT: u8 = 2;
const SLASH: u8 = 4;
const SPACE: u8 = 8;
const HEX_LETTER: u8 = 16;
const RUN: u8 = LETTER | DIGIT;

const CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        classes[byte] = match byte as u8 {
            b'a'..=b'f' | b'A'..=b'F' => LETTER | HEX_LETTER,
            b'a'..=b'z' | b'A'..=b'Z' | b'_' | 0x80.. => LETTER,
            b'0'..=b'9' | 0..=2 => DIGIT,
            b'/' | b'\\' => SLASH,
            b'\t'..=b'\r' | b' ' => SPACE,
            _ => 0,
        };
        byte += 1;
    }
    classes
};

fn class(byte: u8) -> u8 {
    CLASSES[usize::from(byte)]
}

/// Where in a line something varies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Slot {
    /// First byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
    /// White space may be within: a number and its unit, the rest of a line, or spaces that are not ASCII.
    pub spaced: bool,
    /// The word that it is in, counted from 0.
    word: usize,
}

/// Reads shapes; its memory is used again for every line.
#[derive(Debug, Default, Clone)]
pub struct Reader {
    /// The shape: words parted by one space each.
    pub shape: Vec<u8>,
    /// What varies, in order: one for each `VARIES` or `REST` of the shape.
    pub slots: Vec<Slot>,
    dates: Vec<DateWord>,
    /// Words before the present one.
    words: usize,
}

/// A word that is a date if its neighbours are.
#[derive(Debug, Clone, Copy)]
struct DateWord {
    slot: Slot,
    /// Where it stands in the shape, and its slot among the slots.
    in_shape: usize,
    in_slots: usize,
}

impl Reader {
    /// Reads a line. What follows the word at which it exceeds so many bytes or words is its rest.
    pub fn read(&mut self, line: &str, bytes_max: usize, words_max: usize) {
        self.shape.clear();
        self.slots.clear();
        self.dates.clear();
        self.words = 0;
        let bytes = line.as_bytes();
        let mut at = 0;
        let mut after_number = false;
        loop {
            at += bytes[at..].iter().take_while(|&&b| class(b) == SPACE).count();
            let mut seen = 0;
            let mut after_comma = false;
            let length = bytes[at..].iter().take_while(|&&b| {
                let kind = class(b);
                if kind == SPACE || (after_comma && OPENING.contains(&b)) {
                    return false;
                }
                after_comma = b == b',';
                seen |= kind;
                true
            });
            let end = at + length.count();
            if end == at {
                break;
            }
            if end > bytes_max || self.words >= words_max {
                self.rest(bytes, at);
                break;
            }
            let mut begin = at;
            if after_number && seen & LETTER != 0 {
                begin += unit(&bytes[at..end]);
            }
            if begin > at
                && let Some(number) = self.slots.last_mut()
            {
                number.end = begin;
                number.spaced = true;
                self.words -= 1;
            } else {
                self.part(bytes, at);
            }
            self.word(bytes, begin, end, seen);
            self.words += 1;
            at = end;
            after_number =
                self.slots.last().is_some_and(|slot| slot.end == end && !slot.spaced && is_number(bytes, slot));
        }
        self.settle_dates();
    }

    /// Parts the word that begins at `at` from the one before.
    fn part(&mut self, bytes: &[u8], at: usize) {
        if self.words > 0 {
            self.shape.push(b' ');
            if bytes[at - 1] == b',' {
                self.shape.push(TIGHT as u8);
            }
        }
    }

    fn rest(&mut self, bytes: &[u8], start: usize) {
        self.part(bytes, start);
        self.shape.push(REST as u8);
        self.slots.push(Slot { start, end: bytes.trim_ascii_end().len(), spaced: true, word: self.words });
    }

    /// Reads a word, or what follows a unit; `seen` is the classes of its bytes.
    fn word(&mut self, bytes: &[u8], begin: usize, end: usize, seen: u8) {
        let text = &bytes[begin..end];
        if seen & (DIGIT | SLASH) == 0 && !(text.len() >= HEX_MIN && has_hex(text)) {
            if let Some((from, to)) = date_word(text) {
                let slot = Slot { start: begin + from, end: begin + to, spaced: false, word: self.words };
                self.dates.push(DateWord { slot, in_shape: self.shape.len() + from, in_slots: self.slots.len() });
            }
            self.shape.extend_from_slice(text);
            return;
        }
        let known = self.slots.len();
        let mut literal = begin;
        let mut at = begin;
        while at < end {
            if let Some(compound) = Compound::read(&bytes[..end], at) {
                if compound.varies {
                    literal = self.slot(bytes, literal, begin, compound, known);
                    at = literal.min(end);
                    at = self.absorb_hex(bytes, at, end);
                    literal = at;
                } else {
                    at = compound.end;
                }
            } else {
                at += 1;
            }
        }
        self.shape.extend_from_slice(&bytes[literal..end]);
    }

    /// Notes what varies; gives its end. `literal` is up to where the word is in the shape.
    fn slot(&mut self, bytes: &[u8], literal: usize, begin: usize, compound: Compound, known: usize) -> usize {
        let mut start = compound.start;
        // `fe:` before `54:00`.
        while start >= literal.max(begin) + 3
            && bytes[start - 1] == b':'
            && class(bytes[start - 2]) & class(bytes[start - 3]) & HEX_LETTER != 0
            && (start == begin + 3 || class(bytes[start - 4]) & RUN == 0)
        {
            start -= 3;
        }
        let spaced = has_unicode_space(&bytes[start..compound.end]);
        if self.slots.len() > known
            && let Some(last) = self.slots.last_mut()
            && bytes[last.end..start].iter().all(|b| b".:-,+/~#".contains(b))
        {
            last.end = compound.end;
            last.spaced |= spaced;
            return compound.end;
        }
        self.shape.extend_from_slice(&bytes[literal..start]);
        self.shape.push(VARIES as u8);
        self.slots.push(Slot { start, end: compound.end, spaced, word: self.words });
        compound.end
    }

    /// `:fecd` after `c6b3:1ff`: gives where the slot ends now.
    fn absorb_hex(&mut self, bytes: &[u8], mut at: usize, end: usize) -> usize {
        while at < end && bytes[at] == b':' {
            let length = bytes[at + 1..end].iter().take_while(|&&b| class(b) & HEX_LETTER != 0).count();
            let after = at + 1 + length;
            if !(1..=4).contains(&length) || bytes[after..end].first().is_some_and(|&b| class(b) & RUN != 0) {
                break;
            }
            at = after;
        }
        if let Some(last) = self.slots.last_mut() {
            last.end = at;
        }
        at
    }

    /// Takes the words out that are dates: those beside something that varies, or beside another such word.
    fn settle_dates(&mut self) {
        if self.dates.is_empty() {
            return;
        }
        let dates = std::mem::take(&mut self.dates);
        let settled: Vec<bool> = (0..dates.len())
            .map(|at| {
                let DateWord { slot, in_slots, .. } = dates[at];
                let is_beside = |other: &Slot| other.word + 1 == slot.word || other.word == slot.word + 1;
                // Slots and dates are in order: the last before the word and the first after it.
                let around = |at: usize, after: usize, len: usize| at.saturating_sub(1)..(after + 1).min(len);
                self.slots[around(in_slots, in_slots, self.slots.len())].iter().any(is_beside)
                    || dates[around(at, at + 1, dates.len())].iter().any(|other| is_beside(&other.slot))
            })
            .collect();
        for (date, _) in dates.iter().zip(settled).rev().filter(|(_, settled)| *settled) {
            let length = date.slot.end - date.slot.start;
            self.shape.splice(date.in_shape..date.in_shape + length, [VARIES as u8]);
            self.slots.insert(date.in_slots, date.slot);
        }
        self.dates = dates;
    }
}

/// Letters that are all hex digits vary from this length on.
const HEX_MIN: usize = 8;
/// More joiners are a rule: `threshold......12`.
const JOINERS_MAX: usize = 3;

/// Letters, digits and what joins them.
#[derive(Debug, Clone, Copy)]
struct Compound {
    /// After a key and its colon.
    start: usize,
    end: usize,
    varies: bool,
}

impl Compound {
    /// What begins at `at`, or `None` when the byte belongs to none. `bytes` are up to the end of the word.
    fn read(bytes: &[u8], at: usize) -> Option<Self> {
        let kind_at = |at: usize| bytes.get(at).map_or(0, |&b| class(b));
        let first = kind_at(at);
        if first & (RUN | SLASH) == 0 && bytes.get(at) != Some(&b'-') {
            return None;
        }
        let mut slashes = bytes[at..].iter().take_while(|&&b| class(b) == SLASH).count();
        let mut here = at + slashes;
        if first == 0 && kind_at(at + 1) == DIGIT {
            here += 1;
        }
        if kind_at(here) & RUN == 0 {
            return None;
        }
        // Classes that any and that all bytes of the runs are of.
        let (mut start, mut seen, mut every) = (at, 0, if here == at { HEX_LETTER } else { 0 });
        let mut parts = 0;
        loop {
            let run = bytes[here..].iter().map(|&b| class(b)).take_while(|kind| kind & RUN != 0);
            here += run.inspect(|kind| (seen, every) = (seen | kind, every & kind)).count();
            let joined = here + joiners(&bytes[here..]);
            if !(1..=JOINERS_MAX).contains(&(joined - here)) || kind_at(joined) & RUN == 0 {
                break;
            }
            let is_url = bytes[here..joined].starts_with(b"://");
            if parts == 0 && slashes == 0 && seen & DIGIT == 0 && bytes[here] == b':' && !is_url {
                start = here + 1;
            }
            every = 0;
            slashes += bytes[here..joined].iter().filter(|&&b| class(b) == SLASH).count();
            parts += 1;
            here = joined;
        }
        if bytes.get(here) == Some(&b'/') {
            slashes += 1;
            here += 1;
        }
        let is_path = slashes >= 2 || bytes[start] == b'/';
        Some(Self {
            start,
            end: here,
            varies: seen & DIGIT != 0 || is_path || (every & HEX_LETTER != 0 && here - start >= HEX_MIN),
        })
    }
}

/// How many joiners the bytes begin with.
fn joiners(bytes: &[u8]) -> usize {
    let mut length = 0;
    while let Some(&byte) = bytes.get(length) {
        let next = bytes.get(length + 1).map_or(0, |&b| class(b));
        let joins = match byte {
            b'.' | b'/' | b'\\' | b'~' | b'$' | b'%' | b'+' | b'-' => true,
            b':' => next & (DIGIT | SLASH) != 0,
            b',' => next & DIGIT != 0,
            _ => false,
        };
        if !joins {
            break;
        }
        length += 1;
    }
    length
}

/// The length of the unit that the word begins with, or 0.
fn unit(word: &[u8]) -> usize {
    const UNITS: [&[u8]; 11] = [b"B", b"KB", b"MB", b"GB", b"TB", b"kB", b"ms", b"sec", b"s", b"us", b"ns"];
    let length = word.iter().take_while(|&&b| class(b) & RUN != 0).count();
    if UNITS.contains(&&word[..length]) { length } else { 0 }
}

fn is_number(bytes: &[u8], slot: &Slot) -> bool {
    bytes[slot.start].is_ascii_digit() || bytes[slot.start] == b'-'
}

fn has_hex(text: &[u8]) -> bool {
    let mut length = 0;
    text.iter().any(|&b| {
        length = if class(b) & HEX_LETTER == 0 { 0 } else { length + 1 };
        length >= HEX_MIN
    })
}

fn has_unicode_space(text: &[u8]) -> bool {
    !text.is_ascii() && std::str::from_utf8(text).map_or(true, |text| text.chars().any(char::is_whitespace))
}

/// The name of a day, a month or a time zone within a word that has nothing but punctuation beside it: `[Sun`, `Jun,`.
fn date_word(word: &[u8]) -> Option<(usize, usize)> {
    if word.len() > 6 {
        return None;
    }
    let from = word.iter().position(u8::is_ascii_alphanumeric)?;
    let to = word.iter().rposition(u8::is_ascii_alphanumeric)? + 1;
    is_date_name(&word[from..to]).then_some((from, to))
}

fn is_date_name(word: &[u8]) -> bool {
    matches!(
        word,
        b"Mon"
            | b"Tue"
            | b"Wed"
            | b"Thu"
            | b"Fri"
            | b"Sat"
            | b"Sun"
            | b"Jan"
            | b"Feb"
            | b"Mar"
            | b"Apr"
            | b"May"
            | b"Jun"
            | b"Jul"
            | b"Aug"
            | b"Sep"
            | b"Oct"
            | b"Nov"
            | b"Dec"
            | b"UTC"
            | b"GMT"
            | b"PDT"
            | b"PST"
            | b"EST"
            | b"EDT"
            | b"CET"
            | b"CEST"
            | b"MDT"
            | b"MST"
            | b"CDT"
            | b"CST"
    )
}
