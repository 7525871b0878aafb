//! From the parser's tree to a plan.

use super::super::labels::{Test, canonical_name};
use super::super::text::DURATION_SECS_MAX;
use super::super::{NESTING_MAX, NOTHING, STATISTIC, SUBQUERY_STEP_MS, TIME_MAX_MS};
use super::{
    Aggregate, Aggregation, At, Binary, Cardinality, Frame, Grouping, Kind, Matcher, Matching, Node, Operator,
    PromqlError, Selector, Shift, Source, Statistic,
};
use promql_parser::label::{MatchOp, Matcher as ParsedMatcher};
use promql_parser::parser::token::{
    T_ADD, T_ATAN2, T_AVG, T_BOTTOMK, T_COUNT, T_COUNT_VALUES, T_DIV, T_EQLC, T_GROUP, T_GTE, T_GTR, T_LAND, T_LOR,
    T_LSS, T_LTE, T_LUNLESS, T_MAX, T_MIN, T_MOD, T_MUL, T_NEQ, T_POW, T_QUANTILE, T_STDDEV, T_STDVAR, T_SUB, T_SUM,
    T_TOPK,
};
use promql_parser::parser::{
    AggregateExpr, AtModifier, BinaryExpr, Expr, LabelModifier, Offset, VectorMatchCardinality, VectorSelector,
};
use std::time::{Duration, SystemTime};

type Result<T> = std::result::Result<T, PromqlError>;

/// A plan under way.
#[derive(Default)]
pub struct Lowering {
    pub selectors: Vec<Selector>,
    /// The statistic that a function around it wants of every selector.
    pub(super) statistic: Option<Statistic>,
    depth: usize,
    /// How many calls of label_replace there are.
    pub(super) replacements: usize,
}

impl Lowering {
    /// The plan of an expression.
    pub fn node(&mut self, expr: &Expr) -> Result<Node> {
        self.depth += 1;
        if self.depth > NESTING_MAX {
            return Err(PromqlError::parse(format!("a query is nested {NESTING_MAX} deep at most")));
        }
        let node = match expr {
            Expr::NumberLiteral(literal) => Node::Number(literal.val),
            Expr::StringLiteral(literal) => Node::Text(literal.val.clone()),
            Expr::Paren(paren) => self.node(&paren.expr)?,
            Expr::Unary(unary) => Node::Negate(Box::new(self.node(&unary.expr)?)),
            Expr::VectorSelector(selector) => Node::Selector(self.frame(selector)?),
            Expr::MatrixSelector(_) | Expr::Subquery(_) => Node::Range(self.source(expr)?),
            Expr::Call(call) => self.call(call)?,
            Expr::Aggregate(aggregate) => self.aggregate(aggregate)?,
            Expr::Binary(binary) => self.binary(binary)?,
            Expr::Extension(_) => return Err(PromqlError::parse("extensions are not supported")),
        };
        self.depth -= 1;
        Ok(node)
    }

    /// The plan of an expression that must be an instant vector.
    pub(super) fn vector(&mut self, expr: &Expr, context: &str) -> Result<Node> {
        self.of_kind(expr, Kind::Vector, context)
    }

    pub(super) fn of_kind(&mut self, expr: &Expr, kind: Kind, context: &str) -> Result<Node> {
        let node = self.node(expr)?;
        if node.kind() == kind {
            return Ok(node);
        }
        Err(PromqlError::parse(format!("expected type {kind} in {context}, got {}", node.kind())))
    }

    pub(super) fn frame(&mut self, parsed: &VectorSelector) -> Result<Frame> {
        if !parsed.matchers.or_matchers.is_empty() {
            return Err(PromqlError::parse("unexpected \"or\" in label matching, expected \",\" or \"}\""));
        }
        let mut matchers = Vec::new();
        if let Some(name) = &parsed.name {
            matchers.push(Matcher { name: super::super::NAME.to_owned(), test: Test::Equal(name.clone()) });
        }
        let mut statistic = self.statistic;
        for matcher in &parsed.matchers.matchers {
            if matcher.name == STATISTIC {
                if self.statistic.is_some() {
                    return Err(PromqlError::parse(format!(
                        "{STATISTIC} cannot be chosen inside of a function of histograms"
                    )));
                }
                statistic = Some(statistic_of(matcher)?);
            } else {
                matchers.push(matcher_of(matcher));
            }
        }
        let shift = shift(parsed.at.as_ref(), parsed.offset.as_ref())?;
        let statistic = statistic.unwrap_or(Statistic::Average);
        self.selectors.push(Selector { matchers, statistic, range: NOTHING });
        Ok(Frame { selector: self.selectors.len() - 1, shift })
    }

    /// Where a range function has its samples from.
    pub(super) fn source(&mut self, expr: &Expr) -> Result<Source> {
        match expr {
            Expr::Paren(paren) => self.source(&paren.expr),
            Expr::MatrixSelector(matrix) => {
                Ok(Source::Selector { frame: self.frame(&matrix.vs)?, range_ms: positive_ms(matrix.range)? })
            }
            Expr::Subquery(subquery) => Ok(Source::Subquery {
                of: Box::new(self.vector(&subquery.expr, "subquery")?),
                shift: shift(subquery.at.as_ref(), subquery.offset.as_ref())?,
                range_ms: positive_ms(subquery.range)?,
                step_ms: subquery.step.map_or(Ok(SUBQUERY_STEP_MS), positive_ms)?,
            }),
            _ => Err(PromqlError::parse(format!("expected type range vector, got {}", self.node(expr)?.kind()))),
        }
    }

    fn aggregate(&mut self, parsed: &AggregateExpr) -> Result<Node> {
        let context = "aggregation expression";
        let parameter = |lowering: &mut Self, kind| match &parsed.param {
            Some(expr) => lowering.of_kind(expr, kind, context),
            None => Err(PromqlError::parse(format!("expected type {kind} in {context}, got nothing"))),
        };
        let operator = match parsed.op.id() {
            T_SUM => Aggregation::Sum,
            T_AVG => Aggregation::Average,
            T_COUNT => Aggregation::Count,
            T_MIN => Aggregation::Minimum,
            T_MAX => Aggregation::Maximum,
            T_GROUP => Aggregation::Group,
            T_STDDEV => Aggregation::StandardDeviation,
            T_STDVAR => Aggregation::Variance,
            T_QUANTILE => Aggregation::Quantile(parameter(self, Kind::Scalar)?),
            T_TOPK => Aggregation::Extreme { count: parameter(self, Kind::Scalar)?, largest: true },
            T_BOTTOMK => Aggregation::Extreme { count: parameter(self, Kind::Scalar)?, largest: false },
            T_COUNT_VALUES => match parameter(self, Kind::Text)? {
                Node::Text(label) if !label.is_empty() => Aggregation::CountValues(canonical_name(&label).to_owned()),
                _ => return Err(PromqlError::parse("invalid label name \"\"")),
            },
            _ => return Err(PromqlError::parse(format!("aggregation {} is not supported", parsed.op))),
        };
        let of = self.vector(&parsed.expr, context)?;
        let grouping = match &parsed.modifier {
            None => Grouping::By(Vec::new()),
            Some(LabelModifier::Include(names)) => Grouping::By(canonical_names(&names.labels)),
            Some(LabelModifier::Exclude(names)) => Grouping::Without(canonical_names(&names.labels)),
        };
        Ok(Node::Aggregate(Box::new(Aggregate { operator, of, grouping })))
    }

    fn binary(&mut self, parsed: &BinaryExpr) -> Result<Node> {
        let operator = operator(parsed)?;
        let (left, right) = (self.node(&parsed.lhs)?, self.node(&parsed.rhs)?);
        for side in [&left, &right] {
            if !matches!(side.kind(), Kind::Scalar | Kind::Vector) {
                let message = "binary expression must contain only scalar and instant vector types";
                return Err(PromqlError::parse(message));
            }
        }
        let mut matching = Matching { on: false, labels: Vec::new(), cardinality: Cardinality::OneToOne };
        let mut returns_bool = false;
        if let Some(modifier) = &parsed.modifier {
            if modifier.fill_values.lhs.is_some() || modifier.fill_values.rhs.is_some() {
                return Err(PromqlError::parse("fill modifiers are not supported"));
            }
            returns_bool = modifier.return_bool;
            if let Some(labels) = &modifier.matching {
                matching.on = labels.is_include();
                matching.labels = canonical_names(&labels.labels().labels);
            }
            matching.cardinality = match &modifier.card {
                VectorMatchCardinality::ManyToOne(include) => Cardinality::ManyLeft(canonical_names(&include.labels)),
                VectorMatchCardinality::OneToMany(include) => Cardinality::ManyRight(canonical_names(&include.labels)),
                VectorMatchCardinality::OneToOne | VectorMatchCardinality::ManyToMany => Cardinality::OneToOne,
            };
        }
        Ok(Node::Binary(Box::new(Binary { operator, left, right, matching, returns_bool })))
    }
}

fn operator(parsed: &BinaryExpr) -> Result<Operator> {
    Ok(match parsed.op.id() {
        T_ADD => Operator::Add,
        T_SUB => Operator::Subtract,
        T_MUL => Operator::Multiply,
        T_DIV => Operator::Divide,
        T_MOD => Operator::Modulo,
        T_POW => Operator::Power,
        T_ATAN2 => Operator::Atan2,
        T_EQLC => Operator::Equal,
        T_NEQ => Operator::NotEqual,
        T_LSS => Operator::Less,
        T_LTE => Operator::LessEqual,
        T_GTR => Operator::Greater,
        T_GTE => Operator::GreaterEqual,
        T_LAND => Operator::And,
        T_LOR => Operator::Or,
        T_LUNLESS => Operator::Unless,
        _ => return Err(PromqlError::parse(format!("operator {} is not supported", parsed.op))),
    })
}

pub(super) fn canonical_names(names: &[String]) -> Vec<String> {
    names.iter().map(|name| canonical_name(name).to_owned()).collect()
}

fn matcher_of(parsed: &ParsedMatcher) -> Matcher {
    let test = match &parsed.op {
        MatchOp::Equal => Test::Equal(parsed.value.clone()),
        MatchOp::NotEqual => Test::NotEqual(parsed.value.clone()),
        MatchOp::Re(regex) => Test::Regex(regex.clone()),
        MatchOp::NotRe(regex) => Test::NotRegex(regex.clone()),
    };
    Matcher { name: canonical_name(&parsed.name).to_owned(), test }
}

fn statistic_of(parsed: &ParsedMatcher) -> Result<Statistic> {
    if !matches!(parsed.op, MatchOp::Equal) {
        return Err(PromqlError::parse(format!("{STATISTIC} takes = only")));
    }
    Statistic::parse(&parsed.value).map_err(PromqlError::parse)
}

fn shift(at: Option<&AtModifier>, offset: Option<&Offset>) -> Result<Shift> {
    let offset_ms = match offset {
        None => 0,
        Some(Offset::Pos(duration)) => millis(*duration)?,
        Some(Offset::Neg(duration)) => -millis(*duration)?,
    };
    let at = at.map(|at| match at {
        AtModifier::Start => At::Start,
        AtModifier::End => At::End,
        AtModifier::At(time) => At::Time(match time.duration_since(SystemTime::UNIX_EPOCH) {
            Ok(after) => clamped_ms(after),
            Err(before) => -clamped_ms(before.duration()),
        }),
    });
    Ok(Shift { at, offset_ms })
}

fn clamped_ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).map_or(TIME_MAX_MS, |ms| ms.min(TIME_MAX_MS))
}

fn millis(duration: Duration) -> Result<i64> {
    if duration.as_secs_f64() >= DURATION_SECS_MAX {
        return Err(PromqlError::parse("duration out of range"));
    }
    Ok(clamped_ms(duration))
}

fn positive_ms(duration: Duration) -> Result<i64> {
    match millis(duration)? {
        0 => Err(PromqlError::parse("duration must be greater than 0")),
        ms => Ok(ms),
    }
}
