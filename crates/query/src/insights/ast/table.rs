//! Commands that look at many rows at once: what they are told.

use super::{Aggregate, Expr, SortKey};

/// Columns that are computed of the rows around each row.
#[derive(Debug, Clone, PartialEq)]
pub struct Window {
    /// What is computed.
    pub columns: Vec<WindowColumn>,
    /// Rows with the same values of these are looked at together; empty for all rows.
    pub partition: Vec<Expr>,
    /// The order in which they are looked at; empty for the one that they have. It does not change that one.
    pub order: Vec<SortKey>,
}

/// A column of a window.
#[derive(Debug, Clone, PartialEq)]
pub struct WindowColumn {
    /// What it is called.
    pub name: String,
    /// What it is.
    pub value: WindowValue,
    /// The rows that it is computed of.
    pub frame: Frame,
}

/// What is computed for each row.
#[derive(Debug, Clone, PartialEq)]
pub enum WindowValue {
    /// The number of the row, from 1.
    RowNumber,
    /// The number of the first row that is equal by the order.
    Rank,
    /// The same without gaps.
    DenseRank,
    /// The rank less one, by the number of rows less one.
    PercentRank,
    /// The share of rows that do not come later.
    CumeDist,
    /// The number of the part that the row lies in, of so many parts of the same size.
    Tiles(u64),
    /// The value of the row so many rows before (`lag`; below 0 behind, `lead`), else the second one.
    Shifted(Expr, i64, Option<Expr>),
    /// The value of the first row of the frame.
    First(Expr),
    /// The value of the last row of the frame.
    Last(Expr),
    /// The value of the row of the frame with this number, from 1.
    Nth(Expr, u64),
    /// An aggregate of the frame.
    Aggregate(Aggregate, Vec<Expr>),
    /// The mean of the frame's numbers, the last of which counts most (`trendline wma`).
    Weighted(Expr),
}

/// The rows around a row that a value is computed of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The first, counted from the row, 0 being the row itself; `None` for the first of all.
    pub start: Option<i64>,
    /// The last; `None` for the last of all.
    pub end: Option<i64>,
    /// Rows that are equal to the last by the order belong to it as well.
    pub has_peers: bool,
    /// Without all of its rows there is no value.
    pub is_whole: bool,
}

impl Frame {
    /// All rows.
    pub const ALL: Self = Self { start: None, end: None, has_peers: false, is_whole: false };
    /// The rows up to this one.
    pub const RUNNING: Self = Self { start: None, end: Some(0), has_peers: false, is_whole: false };
    /// The same, with those that are equal to this one by the order.
    pub const WITH_PEERS: Self = Self { start: None, end: Some(0), has_peers: true, is_whole: false };

    /// So many rows, the last being this one.
    pub fn last(rows: u32) -> Self {
        Self { start: Some(1 - i64::from(rows)), end: Some(0), has_peers: false, is_whole: true }
    }
}

/// `outlier`: numbers that lie further from the quartiles than a multiple of their distance.
#[derive(Debug, Clone, PartialEq)]
pub struct Outlier {
    /// Rows are removed; else numbers are cut to what is usual.
    pub removes: bool,
    /// The multiple.
    pub factor: f64,
    /// Numbers that are too low count as well.
    pub is_two_sided: bool,
    /// A column says which rows have one.
    pub marks: bool,
    /// Each is looked at by itself.
    pub fields: Vec<Expr>,
}

/// What becomes of the rows of two queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Combination {
    /// Those of the one, then those of the other.
    Union,
    /// Those of the one that the other has too.
    Intersect,
    /// Those of the one that the other has not.
    Except,
}
