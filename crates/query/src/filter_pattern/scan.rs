//! Pulls selected values out of a JSON text in one pass, without building a tree.
//!
//! The selectors form a trie. While the text is read, the trie nodes that the present value stands for are kept on a
//! stack: none for values nobody asked about (which are only checked for syntax), usually one, more with wildcards.

use crate::json_text::{DEPTH_MAX, Lexer, unescape};
use std::borrow::Cow;

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
        let mut scanner = Scanner { selectors: self, lexer: Lexer::new(text), active: vec![0], found: Vec::new() };
        scanner.lexer.skip_spaces();
        if !matches!(scanner.lexer.peek(), Some(b'{' | b'[')) {
            return None;
        }
        scanner.value(0, 0)?;
        scanner.lexer.skip_spaces();
        scanner.lexer.peek().is_none().then_some(scanner.found)
    }
}

struct Scanner<'s, 'a> {
    selectors: &'s Selectors,
    lexer: Lexer<'a>,
    active: Vec<usize>,
    found: Vec<(usize, Value<'a>)>,
}

impl<'a> Scanner<'_, 'a> {
    /// Reads a value that the nodes `active[from..]` stand for.
    fn value(&mut self, from: usize, depth: usize) -> Option<()> {
        self.lexer.skip_spaces();
        let value = match self.lexer.peek()? {
            b'{' | b'[' if depth >= DEPTH_MAX => return None,
            b'{' => {
                self.record(from, Value::Compound);
                return self.object(from, depth);
            }
            b'[' => {
                self.record(from, Value::Compound);
                return self.array(from, depth);
            }
            b'"' => Value::Text(self.lexer.string()?),
            b't' => self.lexer.word("true").map(|()| Value::Bool(true))?,
            b'f' => self.lexer.word("false").map(|()| Value::Bool(false))?,
            b'n' => self.lexer.word("null").map(|()| Value::Null)?,
            _ => Value::Number(self.lexer.number()?),
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
        self.lexer.bump();
        let to = self.active.len();
        self.lexer.skip_spaces();
        if self.lexer.eat(b'}') {
            return Some(());
        }
        loop {
            self.lexer.skip_spaces();
            let key = self.lexer.string()?;
            self.lexer.skip_spaces();
            if !self.lexer.eat(b':') {
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
            self.lexer.skip_spaces();
            if !self.lexer.eat(b',') {
                return self.lexer.eat(b'}').then_some(());
            }
        }
    }

    fn array(&mut self, from: usize, depth: usize) -> Option<()> {
        self.lexer.bump();
        let to = self.active.len();
        self.lexer.skip_spaces();
        if self.lexer.eat(b']') {
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
            self.lexer.skip_spaces();
            if !self.lexer.eat(b',') {
                return self.lexer.eat(b']').then_some(());
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
}
