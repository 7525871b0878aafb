//! Conditions joined by `&&`, `||` and parentheses, shared by JSON and column patterns.

use super::PatternError;
use super::cursor::Cursor;

/// Deepest nesting of parentheses.
const DEPTH_MAX: usize = 64;

/// A tree of conditions; `&&` binds before `||`.
#[derive(Debug, Clone)]
pub enum Condition<Leaf> {
    /// Every one holds.
    All(Vec<Condition<Leaf>>),
    /// At least one holds.
    Any(Vec<Condition<Leaf>>),
    /// A single comparison.
    Leaf(Leaf),
}

impl<Leaf> Condition<Leaf> {
    /// Reads a tree whose single comparisons are read by `leaf`.
    pub fn parse<'a>(
        cursor: &mut Cursor<'a>,
        leaf: &mut dyn FnMut(&mut Cursor<'a>) -> Result<Leaf, PatternError>,
    ) -> Result<Self, PatternError> {
        Self::parse_any(cursor, leaf, 0)
    }

    fn parse_any<'a>(
        cursor: &mut Cursor<'a>,
        leaf: &mut dyn FnMut(&mut Cursor<'a>) -> Result<Leaf, PatternError>,
        depth: usize,
    ) -> Result<Self, PatternError> {
        let mut terms = vec![Self::parse_all(cursor, leaf, depth)?];
        while cursor.eat("||") {
            terms.push(Self::parse_all(cursor, leaf, depth)?);
        }
        Ok(single_or(terms, Condition::Any))
    }

    fn parse_all<'a>(
        cursor: &mut Cursor<'a>,
        leaf: &mut dyn FnMut(&mut Cursor<'a>) -> Result<Leaf, PatternError>,
        depth: usize,
    ) -> Result<Self, PatternError> {
        let mut factors = vec![Self::parse_one(cursor, leaf, depth)?];
        while cursor.eat("&&") {
            factors.push(Self::parse_one(cursor, leaf, depth)?);
        }
        Ok(single_or(factors, Condition::All))
    }

    fn parse_one<'a>(
        cursor: &mut Cursor<'a>,
        leaf: &mut dyn FnMut(&mut Cursor<'a>) -> Result<Leaf, PatternError>,
        depth: usize,
    ) -> Result<Self, PatternError> {
        cursor.skip_spaces();
        let one = if cursor.peek() == Some('(') {
            if depth >= DEPTH_MAX {
                return Err(cursor.error(format!("parentheses nest deeper than {DEPTH_MAX}")));
            }
            cursor.eat("(");
            let inside = Self::parse_any(cursor, leaf, depth + 1)?;
            if !cursor.eat(")") {
                return Err(cursor.unexpected("'&&', '||' or ')'"));
            }
            inside
        } else {
            Condition::Leaf(leaf(cursor)?)
        };
        cursor.skip_spaces();
        Ok(one)
    }

    /// Whether the tree holds when `leaf` says which comparisons do.
    pub fn holds(&self, leaf: &mut dyn FnMut(&Leaf) -> bool) -> bool {
        match self {
            Condition::All(parts) => parts.iter().all(|part| part.holds(leaf)),
            Condition::Any(parts) => parts.iter().any(|part| part.holds(leaf)),
            Condition::Leaf(one) => leaf(one),
        }
    }
}

fn single_or<Leaf>(
    mut parts: Vec<Condition<Leaf>>,
    join: fn(Vec<Condition<Leaf>>) -> Condition<Leaf>,
) -> Condition<Leaf> {
    match parts.len() {
        1 => parts.remove(0),
        _ => join(parts),
    }
}
