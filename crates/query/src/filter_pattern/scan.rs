//! Pulls selected values out of a JSON text in one pass, without building a tree.
//!
//! The selectors form a trie. While the text is read, the trie nodes that the present value stands for are kept on a
//! stack: none for values nobody asked about (which are only checked for syntax), usually one, more with wildcards.

use std::borrow::Cow;

/// Deepest nesting read; deeper texts count as not JSON.
const DEPTH_MAX: usize = 128;

/// One step of a selector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// `.name` or `["name"]`
    Key(Box<str>),
    /// `[3]`
    Index(usize),
    /// `.*`
    AnyKey,
    /// `[*]`
    AnyIndex,
}

/// A set of selectors as a trie. A selector's id is its position in order of addition.
#[derive(Debug, Clone)]
pub struct Selectors {
    nodes: Vec<Node>,
    count: usize,
}

#[derive(Debug, Clone, Default)]
struct Node {
    children: Vec<(Step, usize)>,
    selector: Option<usize>,
}

/// A selected value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value<'a> {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number's text.
    Number(&'a str),
    /// A string's text between the quotes, escapes and all.
    Text(&'a str),
    /// An object or array.
    Compound,
}

impl<'a> Value<'a> {
    /// The text that conditions compare and filters extract; `None` for null, objects and arrays.
    pub fn text(self) -> Option<Cow<'a, str>> {
        match self {
            Value::Bool(true) => Some("true".into()),
            Value::Bool(false) => Some("false".into()),
            Value::Number(text) => Some(text.into()),
            Value::Text(raw) => Some(unescape(raw)),
            Value::Null | Value::Compound => None,
        }
    }
}

impl Selectors {
    /// No selectors.
    pub fn new() -> Self {
        Self { nodes: vec![Node::default()], count: 0 }
    }

    /// Adds a selector, or finds it again; gives its id.
    pub fn add(&mut self, steps: Vec<Step>) -> usize {
        let mut at = 0;
        for step in steps {
            at = match self.nodes[at].children.iter().find(|(known, _)| *known == step) {
                Some(&(_, child)) => child,
                None => {
                    let child = self.nodes.len();
                    self.nodes.push(Node::default());
                    self.nodes[at].children.push((step, child));
                    child
                }
            };
        }
        if let Some(known) = self.nodes[at].selector {
            return known;
        }
        let id = self.count;
        self.nodes[at].selector = Some(id);
        self.count += 1;
        id
    }

    /// The selected values of `text` with the ids of their selectors, in order of appearance; `None` when `text` is not a
    /// JSON object or array. Of a key that occurs twice in an object both values are found.
    pub fn scan<'a>(&self, text: &'a str) -> Option<Vec<(usize, Value<'a>)>> {
        let mut scanner = Scanner { selectors: self, text, at: 0, active: vec![0], found: Vec::new() };
        scanner.skip_spaces();
        if !matches!(scanner.peek(), Some(b'{' | b'[')) {
            return None;
        }
        scanner.value(0, 0)?;
        scanner.skip_spaces();
        scanner.peek().is_none().then_some(scanner.found)
    }
}

struct Scanner<'s, 'a> {
    selectors: &'s Selectors,
    text: &'a str,
    at: usize,
    active: Vec<usize>,
    found: Vec<(usize, Value<'a>)>,
}

impl<'a> Scanner<'_, 'a> {
    /// Reads a value that the nodes `active[from..]` stand for.
    fn value(&mut self, from: usize, depth: usize) -> Option<()> {
        self.skip_spaces();
        let value = match self.peek()? {
            b'{' | b'[' if depth >= DEPTH_MAX => return None,
            b'{' => {
                self.record(from, Value::Compound);
                return self.object(from, depth);
            }
            b'[' => {
                self.record(from, Value::Compound);
                return self.array(from, depth);
            }
            b'"' => Value::Text(self.string()?),
            b't' => self.word("true", Value::Bool(true))?,
            b'f' => self.word("false", Value::Bool(false))?,
            b'n' => self.word("null", Value::Null)?,
            _ => Value::Number(self.number()?),
        };
        self.record(from, value);
        Some(())
    }

    fn record(&mut self, from: usize, value: Value<'a>) {
        for &node in self.active.get(from..).unwrap_or(&[]) {
            if let Some(selector) = self.selectors.nodes[node].selector {
                self.found.push((selector, value));
            }
        }
    }

    fn object(&mut self, from: usize, depth: usize) -> Option<()> {
        self.at += 1;
        let to = self.active.len();
        self.skip_spaces();
        if self.eat(b'}') {
            return Some(());
        }
        loop {
            self.skip_spaces();
            let key = self.string()?;
            self.skip_spaces();
            if !self.eat(b':') {
                return None;
            }
            if from < to {
                let key = unescape(key);
                self.enter(from..to, |step| match step {
                    Step::Key(wanted) => **wanted == *key,
                    Step::AnyKey => true,
                    Step::Index(_) | Step::AnyIndex => false,
                });
            }
            self.value(to, depth + 1)?;
            self.active.truncate(to);
            self.skip_spaces();
            if !self.eat(b',') {
                return self.eat(b'}').then_some(());
            }
        }
    }

    fn array(&mut self, from: usize, depth: usize) -> Option<()> {
        self.at += 1;
        let to = self.active.len();
        self.skip_spaces();
        if self.eat(b']') {
            return Some(());
        }
        for index in 0.. {
            self.enter(from..to, |step| match step {
                Step::Index(wanted) => *wanted == index,
                Step::AnyIndex => true,
                Step::Key(_) | Step::AnyKey => false,
            });
            self.value(to, depth + 1)?;
            self.active.truncate(to);
            self.skip_spaces();
            if !self.eat(b',') {
                return self.eat(b']').then_some(());
            }
        }
        None
    }

    /// Puts those children of `active[range]` on the stack whose step fits.
    fn enter(&mut self, range: std::ops::Range<usize>, fits: impl Fn(&Step) -> bool) {
        for at in range {
            let node = &self.selectors.nodes[self.active[at]];
            self.active.extend(node.children.iter().filter(|(step, _)| fits(step)).map(|&(_, child)| child));
        }
    }

    /// Reads a string and gives what is between its quotes.
    fn string(&mut self) -> Option<&'a str> {
        if !self.eat(b'"') {
            return None;
        }
        let begin = self.at;
        loop {
            let rest = self.text.as_bytes().get(self.at..)?;
            let stop = memchr::memchr2(b'"', b'\\', rest)?;
            if rest.get(stop) == Some(&b'"') {
                let end = self.at + stop;
                self.at = end + 1;
                return self.text.get(begin..end);
            }
            // A backslash and the byte after it; a longer character's other bytes are neither quote nor backslash.
            self.at += stop + 2;
        }
    }

    /// Reads `-? digits (. digits)? (e sign? digits)?`.
    fn number(&mut self) -> Option<&'a str> {
        let begin = self.at;
        self.eat(b'-');
        self.digits()?;
        if self.eat(b'.') {
            self.digits()?;
        }
        if self.eat(b'e') || self.eat(b'E') {
            let _ = self.eat(b'+') || self.eat(b'-');
            self.digits()?;
        }
        self.text.get(begin..self.at)
    }

    fn digits(&mut self) -> Option<()> {
        let begin = self.at;
        while self.peek().is_some_and(|b| b.is_ascii_digit()) {
            self.at += 1;
        }
        (self.at > begin).then_some(())
    }

    fn word(&mut self, word: &str, value: Value<'a>) -> Option<Value<'a>> {
        let comes = self.text.as_bytes().get(self.at..)?.starts_with(word.as_bytes());
        self.at += word.len();
        comes.then_some(value)
    }

    fn skip_spaces(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\n' | b'\t' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let comes = self.peek() == Some(byte);
        if comes {
            self.at += 1;
        }
        comes
    }
}

/// Resolves a JSON string's escapes; a broken one becomes U+FFFD.
fn unescape(raw: &str) -> Cow<'_, str> {
    if memchr::memchr(b'\\', raw.as_bytes()).is_none() {
        return Cow::Borrowed(raw);
    }
    let mut text = String::with_capacity(raw.len());
    let mut chars = raw.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        text.push(match chars.next() {
            Some('b') => '\u{8}',
            Some('f') => '\u{c}',
            Some('n') => '\n',
            Some('r') => '\r',
            Some('t') => '\t',
            Some('u') => unicode_escape(&mut chars),
            Some(c @ ('"' | '\\' | '/')) => c,
            _ => char::REPLACEMENT_CHARACTER,
        });
    }
    Cow::Owned(text)
}

/// Reads the digits after `\u`, and a second escape when the first is half of a surrogate pair.
fn unicode_escape(chars: &mut std::str::Chars<'_>) -> char {
    let hex = |chars: &mut std::str::Chars<'_>| {
        let digits = chars.as_str().get(..4)?;
        let code = u32::from_str_radix(digits, 16).ok()?;
        chars.nth(3);
        Some(code)
    };
    let Some(first) = hex(chars) else { return char::REPLACEMENT_CHARACTER };
    if !(0xD800..0xDC00).contains(&first) {
        return char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER);
    }
    let mut ahead = chars.clone();
    let second = if ahead.next() == Some('\\') && ahead.next() == Some('u') { hex(&mut ahead) } else { None };
    match second {
        Some(second) if (0xDC00..0xE000).contains(&second) => {
            *chars = ahead;
            char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00))
                .unwrap_or(char::REPLACEMENT_CHARACTER)
        }
        _ => char::REPLACEMENT_CHARACTER,
    }
}
