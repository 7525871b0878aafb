//! A query as it is carried out: what the parser read, checked, with names resolved and selectors numbered.

use super::labels::Matcher;
use super::{Labels, PromqlError, Selector};
use crate::statistics::Statistic;
use regex::Regex;

pub mod lower;
mod lower_call;

/// One step of the work.
#[derive(Debug, Clone)]
pub enum Node {
    Number(f64),
    Text(String),
    /// Evaluation time, seconds.
    Time,
    /// An instant vector selector.
    Selector(Frame),
    /// The times of the samples that a selector takes, seconds.
    SampleTime(Frame),
    /// A range vector by itself: only a whole query may be one.
    Range(Source),
    Negate(Box<Node>),
    Binary(Box<Binary>),
    Aggregate(Box<Aggregate>),
    Rollup(Box<Rollup>),
    /// A function of each value.
    Map(fn(f64) -> f64, Box<Node>),
    Round {
        of: Box<Node>,
        to: Box<Node>,
    },
    Clamp {
        of: Box<Node>,
        min: Option<Box<Node>>,
        max: Option<Box<Node>>,
    },
    /// `timestamp()` of what is no selector: the evaluation time of each series.
    EvaluationTime(Box<Node>),
    /// `absent()`: the labels of the one series that says so.
    Absent(Box<Node>, Labels),
    AbsentOverTime(Source, Labels),
    /// `scalar()`
    Single(Box<Node>),
    /// `vector()`
    Vector(Box<Node>),
    Sort {
        of: Box<Node>,
        descending: bool,
    },
    SortByLabel {
        of: Box<Node>,
        labels: Vec<String>,
        descending: bool,
    },
    LabelReplace(Box<LabelReplace>),
    LabelJoin {
        of: Box<Node>,
        target: String,
        separator: String,
        sources: Vec<String>,
    },
    HistogramQuantile {
        quantile: Box<Node>,
        buckets: Box<Node>,
        /// The quantile that CloudWatch itself knows, for series that are no buckets.
        percentile: Option<Box<Node>>,
    },
}

/// The samples that a selector looks at, as seen from an evaluation time.
#[derive(Debug, Clone, Copy)]
pub struct Frame {
    /// Number of the selector.
    pub selector: usize,
    pub shift: Shift,
}

/// Where a selector or a subquery looks instead of at the evaluation time.
#[derive(Debug, Clone, Copy)]
pub struct Shift {
    pub at: Option<At>,
    /// How much earlier, milliseconds; may be negative.
    pub offset_ms: i64,
}

/// The modifier `@`.
#[derive(Debug, Clone, Copy)]
pub enum At {
    Start,
    End,
    Time(i64),
}

/// Where a range function has its samples from, and how long its window is, milliseconds.
#[derive(Debug, Clone)]
pub enum Source {
    Selector { frame: Frame, range_ms: i64 },
    Subquery { of: Box<Node>, shift: Shift, range_ms: i64, step_ms: i64 },
}

impl Source {
    pub fn shift(&self) -> Shift {
        match self {
            Source::Selector { frame, .. } => frame.shift,
            Source::Subquery { shift, .. } => *shift,
        }
    }

    pub fn range_ms(&self) -> i64 {
        match self {
            Source::Selector { range_ms, .. } | Source::Subquery { range_ms, .. } => *range_ms,
        }
    }
}

/// A function of the samples in a window.
#[derive(Debug, Clone)]
pub struct Rollup {
    pub function: RangeFunction,
    pub source: Source,
    /// The quantile of quantile_over_time, the seconds of predict_linear.
    pub parameter: Option<Node>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RangeFunction {
    Rate,
    Increase,
    Delta,
    Irate,
    Idelta,
    Deriv,
    PredictLinear,
    Changes,
    Resets,
    Average,
    Sum,
    Minimum,
    Maximum,
    Count,
    First,
    Last,
    Present,
    StandardDeviation,
    Variance,
    Quantile,
    MedianDistance,
    TimeOfFirst,
    TimeOfLast,
    TimeOfMinimum,
    TimeOfMaximum,
}

#[derive(Debug, Clone)]
pub struct Aggregate {
    pub operator: Aggregation,
    pub of: Node,
    pub grouping: Grouping,
}

#[derive(Debug, Clone)]
pub enum Aggregation {
    Sum,
    Average,
    Count,
    Minimum,
    Maximum,
    Group,
    StandardDeviation,
    Variance,
    Quantile(Node),
    /// topk, or bottomk.
    Extreme {
        count: Node,
        largest: bool,
    },
    CountValues(String),
}

#[derive(Debug, Clone)]
pub enum Grouping {
    By(Vec<String>),
    Without(Vec<String>),
}

#[derive(Debug, Clone)]
pub struct Binary {
    pub operator: Operator,
    pub left: Node,
    pub right: Node,
    pub matching: Matching,
    /// A comparison says 1 or 0 instead of leaving out.
    pub returns_bool: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operator {
    Add,
    Subtract,
    Multiply,
    Divide,
    Modulo,
    Power,
    Atan2,
    Equal,
    NotEqual,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    And,
    Or,
    Unless,
}

impl Operator {
    pub fn is_comparison(self) -> bool {
        use Operator::*;
        matches!(self, Equal | NotEqual | Less | LessEqual | Greater | GreaterEqual)
    }

    pub fn is_set(self) -> bool {
        matches!(self, Operator::And | Operator::Or | Operator::Unless)
    }
}

/// How series of two sides find each other.
#[derive(Debug, Clone)]
pub struct Matching {
    /// `on` these labels, or all but these.
    pub on: bool,
    pub labels: Vec<String>,
    pub cardinality: Cardinality,
}

#[derive(Debug, Clone)]
pub enum Cardinality {
    OneToOne,
    /// `group_left`: many on the left; these labels are taken from the right.
    ManyLeft(Vec<String>),
    /// `group_right`: many on the right; these labels are taken from the left.
    ManyRight(Vec<String>),
}

#[derive(Debug, Clone)]
pub struct LabelReplace {
    pub of: Node,
    pub target: String,
    pub replacement: String,
    pub source: String,
    pub regex: Regex,
}

/// What a node gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Scalar,
    Text,
    Vector,
    Range,
}

impl Node {
    pub fn kind(&self) -> Kind {
        match self {
            Node::Number(_) | Node::Time | Node::Single(_) => Kind::Scalar,
            Node::Text(_) => Kind::Text,
            Node::Range(_) => Kind::Range,
            Node::Negate(of) => of.kind(),
            Node::Binary(binary) => match (binary.left.kind(), binary.right.kind()) {
                (Kind::Scalar, Kind::Scalar) => Kind::Scalar,
                _ => Kind::Vector,
            },
            _ => Kind::Vector,
        }
    }
}

impl Node {
    /// The nodes that this one is computed of; not what range functions have their samples from.
    pub fn operands(&self) -> Vec<&Node> {
        match self {
            Node::Number(_) | Node::Text(_) | Node::Time | Node::Selector(_) | Node::SampleTime(_) => Vec::new(),
            Node::Range(_) | Node::AbsentOverTime(..) => Vec::new(),
            Node::Negate(of)
            | Node::Map(_, of)
            | Node::EvaluationTime(of)
            | Node::Absent(of, _)
            | Node::Single(of)
            | Node::Vector(of)
            | Node::Sort { of, .. }
            | Node::SortByLabel { of, .. }
            | Node::LabelJoin { of, .. } => vec![of],
            Node::LabelReplace(replace) => vec![&replace.of],
            Node::Round { of, to } => vec![of, to],
            Node::Clamp { of, min, max } => {
                [Some(of), min.as_ref(), max.as_ref()].into_iter().flatten().map(|of| &**of).collect()
            }
            Node::HistogramQuantile { quantile, buckets, percentile } => {
                [Some(quantile), Some(buckets), percentile.as_ref()].into_iter().flatten().map(|of| &**of).collect()
            }
            Node::Rollup(rollup) => rollup.parameter.iter().collect(),
            Node::Binary(binary) => vec![&binary.left, &binary.right],
            Node::Aggregate(aggregate) => match &aggregate.operator {
                Aggregation::Quantile(parameter) | Aggregation::Extreme { count: parameter, .. } => {
                    vec![&aggregate.of, parameter]
                }
                _ => vec![&aggregate.of],
            },
        }
    }
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Kind::Scalar => "scalar",
            Kind::Text => "string",
            Kind::Vector => "instant vector",
            Kind::Range => "range vector",
        })
    }
}
