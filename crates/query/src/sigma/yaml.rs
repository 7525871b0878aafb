//! A tree of YAML whose nodes know their lines: bounded in depth and size, without aliases, with keys that are unique.

use super::Problem;
use model::limits::{SIGMA_NESTING_MAX, SIGMA_NODES_MAX};
use saphyr_parser::{Event, Parser, ScalarStyle};
use std::collections::HashSet;

/// What a node is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Content {
    /// `null`, `~` or nothing.
    Null,
    /// Every other scalar: Sigma compares text.
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

/// A node and the line where it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Node {
    pub line: usize,
    pub content: Content,
}

impl Node {
    /// The text of a scalar.
    pub(super) fn text(&self) -> Option<&str> {
        match &self.content {
            Content::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The value of a map's key.
    pub(super) fn get(&self, key: &str) -> Option<&Node> {
        match &self.content {
            Content::Map(pairs) => pairs.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value),
            _ => None,
        }
    }
}

/// The documents of a text, up to the first that cannot be read.
pub(super) fn documents(text: &str) -> (Vec<Node>, Option<Problem>) {
    let mut done = Vec::new();
    let mut building = Building::default();
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let taken = match event {
            Ok((event, span)) => building.take(event, span.start.line(), &mut done),
            Err(error) => Err(Problem::new(error.marker().line(), format!("not YAML: {}", error.info()))),
        };
        if let Err(problem) = taken {
            return (done, Some(problem));
        }
    }
    (done, None)
}

/// A document that is being read.
#[derive(Default)]
struct Building {
    open: Vec<Open>,
    nodes: usize,
}

/// A list or map that has not ended.
enum Open {
    List(usize, Vec<Node>),
    Map { line: usize, pairs: Vec<(Node, Node)>, key: Option<Node>, names: HashSet<String> },
}

impl Building {
    fn take(&mut self, event: Event<'_>, line: usize, done: &mut Vec<Node>) -> Result<(), Problem> {
        match event {
            Event::Alias(_) => Err(Problem::new(line, "aliases are not supported")),
            Event::Scalar(text, style, _, _) => {
                let plain = style == ScalarStyle::Plain;
                let is_null = plain && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let content = if is_null { Content::Null } else { Content::Text(text.into_owned()) };
                self.add(Node { line, content }, done)
            }
            Event::SequenceStart(..) => self.open(Open::List(line, Vec::new()), line),
            Event::MappingStart(..) => {
                self.open(Open::Map { line, pairs: Vec::new(), key: None, names: HashSet::new() }, line)
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let node = match self.open.pop() {
                    Some(Open::List(line, nodes)) => Node { line, content: Content::List(nodes) },
                    Some(Open::Map { line, pairs, .. }) => Node { line, content: Content::Map(pairs) },
                    None => return Ok(()),
                };
                self.add(node, done)
            }
            Event::DocumentStart(_) => {
                self.nodes = 0;
                Ok(())
            }
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => Ok(()),
        }
    }

    fn open(&mut self, open: Open, line: usize) -> Result<(), Problem> {
        if self.open.len() >= SIGMA_NESTING_MAX {
            return Err(Problem::new(line, format!("more than {SIGMA_NESTING_MAX} levels")));
        }
        self.open.push(open);
        Ok(())
    }

    fn add(&mut self, node: Node, done: &mut Vec<Node>) -> Result<(), Problem> {
        self.nodes += 1;
        if self.nodes > SIGMA_NODES_MAX {
            return Err(Problem::new(node.line, format!("more than {SIGMA_NODES_MAX} values")));
        }
        match self.open.last_mut() {
            None => done.push(node),
            Some(Open::List(_, nodes)) => nodes.push(node),
            Some(Open::Map { pairs, key, names, .. }) => match key.take() {
                Some(key) => pairs.push((key, node)),
                None => {
                    let Some(name) = node.text() else {
                        return Err(Problem::new(node.line, "a key must be a text"));
                    };
                    if !names.insert(name.to_owned()) {
                        return Err(Problem::new(node.line, format!("the key '{name}' is there twice")));
                    }
                    *key = Some(node);
                }
            },
        }
        Ok(())
    }
}
