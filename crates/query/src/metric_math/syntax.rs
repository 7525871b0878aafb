//! The syntax tree of an expression; its depth is bounded by `MATH_NESTING_MAX`, for chains of operators are lists.

use super::Function;

/// A part of an expression.
#[derive(Debug, Clone)]
pub struct Node {
    /// Where it begins, or for an operator where that is: 1-based, in characters.
    pub column: usize,
    /// What it is.
    pub kind: Kind,
}

/// The kinds of `Node`.
#[derive(Debug, Clone)]
pub enum Kind {
    /// A number.
    Number(f64),
    /// An Id.
    Id(String),
    /// A word in upper case, or a quoted string: only some functions take it.
    Word(String),
    /// `-a`
    Negate(Box<Node>),
    /// `a^b`
    Power(Box<Node>, Box<Node>),
    /// `a + b - c`: operators of one precedence, from left to right.
    Chain(Box<Node>, Vec<Link>),
    /// `[a, b]`
    Array(Vec<Element>),
    /// `METRICS()`, or with a part of Ids.
    Metrics(Option<String>),
    /// What the caller fetched: an index into `References::calls`, and whether it is an array.
    External { index: usize, is_array: bool },
    /// `ANOMALY_DETECTION_BAND`
    Band { of: Box<Node>, deviations: Option<Box<Node>> },
    /// Every other function.
    Call(Function, Vec<Node>),
}

/// An operator and what is to its right.
#[derive(Debug, Clone)]
pub struct Link {
    /// The operator.
    pub operator: Operator,
    /// Where the operator is.
    pub column: usize,
    /// Its right operand.
    pub right: Node,
}

/// An element of an array.
#[derive(Debug, Clone)]
pub struct Element {
    /// What it is.
    pub node: Node,
    /// As it is written; the label of a series that is computed here.
    pub text: String,
}

/// A binary operator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Operator {
    Or,
    And,
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
    Add,
    Subtract,
    Multiply,
    Divide,
    Power,
}

impl Operator {
    /// As it is written.
    pub fn symbol(self) -> &'static str {
        match self {
            Self::Or => "OR",
            Self::And => "AND",
            Self::Equal => "==",
            Self::NotEqual => "!=",
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
            Self::Add => "+",
            Self::Subtract => "-",
            Self::Multiply => "*",
            Self::Divide => "/",
            Self::Power => "^",
        }
    }

    /// How tightly it binds, 0 the loosest.
    pub fn level(self) -> usize {
        match self {
            Self::Or => 0,
            Self::And => 1,
            Self::Equal | Self::NotEqual | Self::Less | Self::LessOrEqual | Self::Greater | Self::GreaterOrEqual => 2,
            Self::Add | Self::Subtract => 3,
            Self::Multiply | Self::Divide => 4,
            Self::Power => 5,
        }
    }
}
