//! `join`: rows put together with those of another query.

use super::{Expr, Query};

/// A `join` command, or `JOIN` of SQL.
#[derive(Debug, Clone, PartialEq)]
pub struct Join {
    /// Which rows without a partner are kept.
    pub kind: JoinKind,
    /// What fields of the rows so far are prefixed with, in conditions and results.
    pub left: Option<String>,
    /// The same for the other query's.
    pub right: Option<String>,
    /// Pairs of fields that must be equal: of the rows so far, of the other query's. Both are without prefixes.
    pub on: Vec<(Expr, Expr)>,
    /// What else must be true of two rows for them to be partners, of fields with prefixes.
    pub condition: Option<Expr>,
    /// The other query.
    pub query: Box<Query>,
}

/// What becomes of rows that `join` finds no partner for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinKind {
    /// They are dropped.
    Inner,
    /// Those of the rows so far are kept.
    Left,
    /// Those of the other query are kept.
    Right,
    /// All are kept.
    Full,
}

impl JoinKind {
    /// True when rows so far that have no partner are kept.
    pub fn keeps_left(self) -> bool {
        matches!(self, Self::Left | Self::Full)
    }

    /// True when rows of the other query that have no partner are kept.
    pub fn keeps_right(self) -> bool {
        matches!(self, Self::Right | Self::Full)
    }
}
