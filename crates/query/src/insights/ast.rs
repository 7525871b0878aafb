//! The tree that a Logs Insights query is read into, whichever of its languages it is written in.
//!
//! A query is a list of commands, each of which takes the rows of the one before. Columns have the names that results show: an
//! alias, or else the text of the expression as it was written.

mod functions;
mod join;
mod table;

pub use functions::{Aggregate, Function};
pub use join::{Join, JoinKind};
pub use table::{Combination, Frame, Outlier, Window, WindowColumn, WindowValue};

use super::{subqueries, walk};
use std::borrow::Cow;
use std::collections::BTreeSet;

/// A query.
#[derive(Debug, Clone, PartialEq)]
pub struct Query {
    /// Where `SOURCE` says to look; `None` leaves it to the request.
    pub source: Option<Source>,
    /// What to do, in order.
    pub commands: Vec<Command>,
}

impl Query {
    /// Names of the lookup tables that it looks into, other queries within it aside.
    pub fn lookup_tables(&self) -> impl Iterator<Item = &str> {
        self.commands.iter().filter_map(|command| match command {
            Command::Lookup { table, .. } | Command::CidrLookup { table, .. } => Some(table.as_str()),
            _ => None,
        })
    }

    /// True when it, or a query within it, asks for what data protection masks.
    pub fn unmasks(&self) -> bool {
        self.is_unmasking() || subqueries::of(self).into_iter().any(Query::unmasks)
    }

    /// The fields that its `filterIndex` commands name, for which only log groups that index them all count; other queries
    /// within it aside.
    pub fn index_fields(&self) -> BTreeSet<&str> {
        let conditions = self.commands.iter().filter_map(|command| match command {
            Command::FilterIndex(condition) => Some(condition),
            _ => None,
        });
        conditions.flat_map(walk::fields).collect()
    }
}

/// The log groups that `SOURCE` selects.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Source {
    /// Named one by one, by name or ARN.
    pub groups: Vec<String>,
    /// Any of these beginnings of names.
    pub name_prefixes: Vec<String>,
    /// Any of these classes, `STANDARD` for instance; empty for all.
    pub classes: Vec<String>,
    /// Any of these accounts; empty for the caller's.
    pub accounts: Vec<String>,
    /// All of these tags; a tag without a value stands for any value.
    pub tags: Vec<(String, Option<String>)>,
}

/// A column and how it is computed.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// What it is called from here on.
    pub name: String,
    /// What it is.
    pub value: Expr,
}

/// One step of a query.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// `fields`: adds columns, and shows them.
    Fields(Vec<Column>),
    /// `display`: shows these columns and no others.
    Display(Vec<Column>),
    /// `filter`: keeps the rows of which this is true.
    Filter(Expr),
    /// `parse`: adds columns taken out of a text; a row whose text does not match keeps none of them.
    Parse {
        /// The text.
        from: Expr,
        /// How to take it apart.
        pattern: ParsePattern,
    },
    /// `stats`: one row for each combination of `by`.
    Stats {
        /// What is computed; every field in it stands within an aggregate.
        values: Vec<Column>,
        /// What rows are grouped by; empty for one group of all.
        by: Vec<Column>,
    },
    /// `sort`: puts rows in order.
    Sort(Vec<SortKey>),
    /// `limit` or `head`: keeps the first rows.
    Limit(u64),
    /// Passes over the first rows (`OFFSET` of SQL, `from` of PPL's `head`).
    Skip(u64),
    /// `dedup`: keeps, of each combination of these values, the first rows in the present order. A row without one of the values is
    /// kept as it is.
    Dedup {
        /// What makes rows equal.
        by: Vec<Expr>,
        /// So many of each are kept; 1 in Insights' own language.
        keep: u64,
    },
    /// `pattern`: clusters rows by the text of a field.
    Pattern(Expr),
    /// `diff`: compares what follows it with an earlier time range of the same length.
    Diff(DiffOffset),
    /// `anomaly`: finds the unusual among patterns.
    Anomaly,
    /// `unnest`: one row for each member of a list.
    Unnest {
        /// The list.
        list: Expr,
        /// The column that holds the member.
        into: String,
    },
    /// `lookup`: adds columns of a lookup table.
    Lookup {
        /// The table's name.
        table: String,
        /// Columns of the table, and the fields of a row that must be equal to them.
        keys: Vec<(String, Expr)>,
        /// Columns of the table that are taken, and what they are called here; empty for all others.
        output: Vec<(String, String)>,
    },
    /// `join`: puts rows together with those of another query.
    Join(Join),
    /// `addtotals`: adds a column with the sum of each row, a row with the sum of each column, or both.
    AddTotals {
        /// Adds the column, of this name.
        row: Option<String>,
        /// Adds the row; the text is its label, and the second one the column that the label is put in.
        column: Option<(String, Option<String>)>,
        /// Columns that are summed; empty for all that are numbers.
        fields: Vec<String>,
    },
    /// Puts rows in the reverse of their order; around a limit it is `tail`.
    Reverse,
    /// Adds columns that are computed of the rows around each row (`accum`, `autoregress`, `OVER` of SQL, `trendline` of PPL).
    Window(Window),
    /// `filldown`: a column that a row lacks has the value of the row before. Names with `*` stand for all that they match; none
    /// stand for all columns that are shown.
    FillDown(Vec<String>),
    /// `fillmissing`: adds rows for periods of `bin` that have none, with constants for some columns.
    FillMissing(Vec<(String, Literal)>),
    /// `outlier`: removes or changes numbers that are far from the others.
    Outlier(Outlier),
    /// `sessionize`: numbers the sessions that rows belong to.
    Sessionize {
        /// What rows of a session have in common.
        by: Vec<Expr>,
        /// A session ends when so long nothing came, milliseconds.
        gap_ms: i64,
        /// The column that holds the session's number.
        into: String,
    },
    /// `appendcols`: adds the columns of another query, its first row to the first, and so on.
    AppendColumns {
        /// The other query.
        query: Box<Query>,
        /// Its columns take the place of those of the same name.
        overrides: bool,
        /// So many of its rows.
        rows: u64,
    },
    /// `UNION` and its like: puts the rows of another query to these, column by column.
    Combine {
        /// How.
        kind: Combination,
        /// Equal rows stay as many as they are.
        is_all: bool,
        /// The other query.
        query: Box<Query>,
    },
    /// `cidrlookup`: adds columns of a lookup table by the narrowest block of addresses that an address lies in.
    CidrLookup {
        /// The table's name.
        table: String,
        /// The address.
        address: Expr,
        /// The column that holds the blocks; `None` for the first that holds any.
        column: Option<String>,
        /// Columns of the table that are taken, and what they are called here.
        output: Vec<(String, String)>,
        /// Only columns that the row lacks are set.
        only_missing: bool,
    },
    /// `estimate`: how many bytes the query would scan, in place of its rows.
    Estimate,
    /// `relevantfields`: which fields tell the rows of which a condition is true from the others.
    RelevantFields {
        /// Looked at; empty for all.
        fields: Vec<Expr>,
        /// What is asked.
        condition: Expr,
    },
    /// `fields -`: shows these columns no more.
    Hide(Vec<String>),
    /// `unmask`: shows a field as it was sent; by permission only.
    Unmask(Vec<Expr>),
    /// `filterIndex`: like `filter`, and leaves out log groups that do not index the fields of the condition.
    FilterIndex(Expr),
}

/// The order of a sort by one value. Rows without the value are last.
#[derive(Debug, Clone, PartialEq)]
pub struct SortKey {
    /// What is compared.
    pub value: Expr,
    /// From high to low.
    pub is_descending: bool,
    /// Texts are in natural order and stand before numbers, as `sort` has it; else they are in the order of their characters, behind numbers.
    pub is_natural: bool,
}

/// How far back `diff` compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiffOffset {
    /// The same length of time just before.
    Previous,
    /// So long ago, milliseconds.
    Ago(i64),
}

/// How `parse` takes a text apart.
#[derive(Debug, Clone, PartialEq)]
pub enum ParsePattern {
    /// Text around wildcards: `["user=", ", ip=", ""]` for `"user=*, ip=*"`; one name for each wildcard.
    Glob {
        /// One more than names.
        texts: Vec<String>,
        /// Of the columns.
        names: Vec<String>,
    },
    /// The named groups of a regular expression are the columns.
    Regex(Regex),
    /// A pattern of grok (PPL).
    Grok(String),
    /// One row for each match of the expression.
    Every(Regex),
    /// `logfmt`: a map of what stands before and behind equals signs, in this column.
    Logfmt(String),
    /// `csv`: the values between commas, in these columns.
    Csv(Vec<String>),
    /// `xml`: the text of the first element that these names lead to, in this column.
    Xml {
        /// Names from the root on.
        path: Vec<String>,
        /// The attribute that is taken in place of the text.
        attribute: Option<String>,
        /// The column.
        name: String,
    },
}

/// A regular expression that has been compiled.
#[derive(Debug, Clone)]
pub struct Regex(pub regex::Regex);

impl Regex {
    /// The column that a group with this name fills. AWS allows `@` at the beginning of a name and the crate `regex` does not: there it
    /// is written `_[at]`.
    pub fn column(group: &str) -> Cow<'_, str> {
        match group.strip_prefix(super::regexes::AT_SIGN) {
            Some(rest) => Cow::Owned(format!("@{rest}")),
            None => Cow::Borrowed(group),
        }
    }

    /// The columns that named groups fill, with the numbers of the groups.
    pub fn columns(&self) -> impl Iterator<Item = (usize, Cow<'_, str>)> {
        let groups = self.0.capture_names().enumerate();
        groups.filter_map(|(number, name)| name.map(|name| (number, Self::column(name))))
    }
}

impl PartialEq for Regex {
    fn eq(&self, other: &Self) -> bool {
        self.0.as_str() == other.0.as_str()
    }
}

/// A constant.
#[derive(Debug, Clone, PartialEq)]
pub enum Literal {
    /// None.
    Null,
    /// True or false.
    Bool(bool),
    /// A number.
    Number(f64),
    /// A text.
    Text(String),
    /// A length of time, as in `bin(5m)`.
    Duration(Period),
}

/// A length of time by the calendar's units.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Period {
    /// So many of the unit, at least 1.
    pub count: u32,
    /// The unit.
    pub unit: Unit,
}

/// A unit of `bin`, `datefloor` and `dateceil`. From days up they follow the calendar in UTC; weeks begin on Monday.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    /// `ms`
    Millisecond,
    /// `s`
    Second,
    /// `m`
    Minute,
    /// `h`
    Hour,
    /// `d`
    Day,
    /// `w`
    Week,
    /// `mo`
    Month,
    /// `q`
    Quarter,
    /// `y`
    Year,
}

/// An expression.
#[derive(Debug, Clone, PartialEq)]
pub enum Expr {
    /// A column of an earlier command, or else a field of the event: `@message`, `requestParameters.userName`.
    Field(String),
    /// A constant.
    Literal(Literal),
    /// `-x`, `not x`.
    Unary(UnaryOp, Box<Expr>),
    /// `a + b`, `a and b`.
    Binary(BinaryOp, Box<Expr>, Box<Expr>),
    /// `x like "text"` or `x like /regex/`, `x =~ …`.
    Like {
        /// What is looked at.
        text: Box<Expr>,
        /// What it must have in it.
        pattern: LikePattern,
        /// `not like`, `!~`.
        is_negated: bool,
    },
    /// `x in [a, b]`, and with a query in place of the list.
    In {
        /// What is looked for.
        value: Box<Expr>,
        /// Where.
        list: InList,
        /// `not in`.
        is_negated: bool,
    },
    /// A query in place of a value: the first column of its only row.
    Subquery(Box<Query>),
    /// `strlen(x)`.
    Call(Function, Vec<Expr>),
    /// `count(*)`, `pct(x, 95)`; only in `stats`.
    Aggregate(Aggregate, Vec<Expr>),
    /// A member of a value that `jsonParse` made, or of a list: `m.attr`, `l[0]`.
    Member(Box<Expr>, Vec<Step>),
    /// `case(when, then, …, otherwise)` of SQL and PPL.
    Case(Vec<(Expr, Expr)>, Option<Box<Expr>>),
}

/// One step into a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The member of this name.
    Name(String),
    /// The member with this number, from 0.
    Index(usize),
    /// Every member: what is found is a list, unless it is one value.
    All,
}

/// What `like` looks for.
#[derive(Debug, Clone, PartialEq)]
pub enum LikePattern {
    /// The text has this in it.
    Contains(String),
    /// The expression matches somewhere in the text.
    Regex(Regex),
}

/// What `in` looks in.
#[derive(Debug, Clone, PartialEq)]
pub enum InList {
    /// These values.
    Values(Vec<Expr>),
    /// The first column of this query's rows.
    Query(Box<Query>),
}

/// Operators of one operand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum UnaryOp {
    Negate,
    Not,
}

/// Operators of two operands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum BinaryOp {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
    Power,
}
