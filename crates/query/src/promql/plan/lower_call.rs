//! From the parser's function calls to a plan.

use super::super::calendar;
use super::super::labels::{NAME, Test, canonical_name};
use super::super::text::{self, REGEXES_MAX};
use super::lower::{Lowering, canonical_names};
use super::{
    Binary, Cardinality, Kind, LabelReplace, Matching, Node, Operator, PromqlError, RangeFunction, Rollup, Source,
    Statistic,
};
use crate::promql::Labels;
use promql_parser::parser::token::{T_ADD, T_AVG, T_DIV, T_MUL, T_SUB, T_SUM};
use promql_parser::parser::{Call, Expr};

type Result<T> = std::result::Result<T, PromqlError>;

/// A function of one value.
type Map = fn(f64) -> f64;

impl Lowering {
    pub(super) fn call(&mut self, call: &Call) -> Result<Node> {
        let name = call.func.name;
        let context = format!("call to function \"{name}\"");
        let arguments: Vec<&Expr> = call.args.args.iter().map(|argument| &**argument).collect();
        if let Some(map) = map_of(name) {
            let of = self.vector(argument(&arguments, 0, &context)?, &context)?;
            return Ok(Node::Map(map, Box::new(of)));
        }
        if let Some(map) = calendar_of(name) {
            let of = match arguments.first() {
                Some(expr) => self.vector(expr, &context)?,
                None => Node::Vector(Box::new(Node::Time)),
            };
            return Ok(Node::Map(map, Box::new(of)));
        }
        if let Some(function) = range_function(name) {
            return self.rollup(function, &arguments, &context);
        }
        self.special(name, &arguments, &context)
    }

    fn rollup(&mut self, function: RangeFunction, arguments: &[&Expr], context: &str) -> Result<Node> {
        let (source, parameter) = match function {
            RangeFunction::Quantile => (1, Some(0)),
            RangeFunction::PredictLinear => (0, Some(1)),
            _ => (0, None),
        };
        let source = self.source(argument(arguments, source, context)?)?;
        let parameter = match parameter {
            Some(at) => Some(self.of_kind(argument(arguments, at, context)?, Kind::Scalar, context)?),
            None => None,
        };
        Ok(Node::Rollup(Box::new(Rollup { function, source, parameter })))
    }

    /// The functions with a shape of their own.
    fn special(&mut self, name: &str, arguments: &[&Expr], context: &str) -> Result<Node> {
        let first = || argument(arguments, 0, context);
        Ok(match name {
            "time" => Node::Time,
            "pi" => Node::Number(std::f64::consts::PI),
            "scalar" => Node::Single(Box::new(self.vector(first()?, context)?)),
            "vector" => Node::Vector(Box::new(self.of_kind(first()?, Kind::Scalar, context)?)),
            "timestamp" => match self.vector(first()?, context)? {
                Node::Selector(frame) => Node::SampleTime(frame),
                of => Node::EvaluationTime(Box::new(of)),
            },
            "absent" => {
                let of = self.vector(first()?, context)?;
                let labels = match &of {
                    Node::Selector(frame) => self.labels_said(frame.selector),
                    _ => Labels::default(),
                };
                Node::Absent(Box::new(of), labels)
            }
            "absent_over_time" => {
                let source = self.source(first()?)?;
                let labels = match &source {
                    Source::Selector { frame, .. } => self.labels_said(frame.selector),
                    Source::Subquery { .. } => Labels::default(),
                };
                Node::AbsentOverTime(source, labels)
            }
            "sort" | "sort_desc" => {
                Node::Sort { of: Box::new(self.vector(first()?, context)?), descending: name == "sort_desc" }
            }
            "sort_by_label" | "sort_by_label_desc" => Node::SortByLabel {
                of: Box::new(self.vector(first()?, context)?),
                labels: canonical_names(&texts(arguments, 1, context)?),
                descending: name == "sort_by_label_desc",
            },
            "round" | "clamp" | "clamp_min" | "clamp_max" => self.bounded(name, arguments, context)?,
            "label_replace" => self.label_replace(arguments, context)?,
            "label_join" => {
                let mut texts = texts(arguments, 1, context)?.into_iter();
                let (Some(target), Some(separator)) = (texts.next(), texts.next()) else {
                    return Err(PromqlError::parse(format!("expected at least 3 argument(s) in {context}")));
                };
                Node::LabelJoin {
                    of: Box::new(self.vector(first()?, context)?),
                    target: target_label(&target, "label_join")?,
                    separator,
                    sources: texts.map(|source| canonical_name(&source).to_owned()).collect(),
                }
            }
            "histogram_quantile" => self.histogram_quantile(arguments, context)?,
            "histogram_sum" => self.of_histograms(first()?, Statistic::Sum, context)?,
            "histogram_count" => self.of_histograms(first()?, Statistic::SampleCount, context)?,
            "histogram_avg" => Node::Binary(Box::new(Binary {
                operator: Operator::Divide,
                left: self.of_histograms(first()?, Statistic::Sum, context)?,
                right: self.of_histograms(first()?, Statistic::SampleCount, context)?,
                matching: Matching { on: false, labels: Vec::new(), cardinality: Cardinality::OneToOne },
                returns_bool: false,
            })),
            _ => return Err(PromqlError::parse(format!("function \"{name}\" is not supported"))),
        })
    }

    fn bounded(&mut self, name: &str, arguments: &[&Expr], context: &str) -> Result<Node> {
        let of = Box::new(self.vector(argument(arguments, 0, context)?, context)?);
        let mut scalars = Vec::new();
        for expr in &arguments[1..] {
            scalars.push(Box::new(self.of_kind(expr, Kind::Scalar, context)?));
        }
        let mut scalars = scalars.into_iter();
        Ok(match name {
            "round" => Node::Round { of, to: scalars.next().unwrap_or_else(|| Box::new(Node::Number(1.0))) },
            "clamp_max" => Node::Clamp { of, min: None, max: scalars.next() },
            _ => Node::Clamp { of, min: scalars.next(), max: scalars.next() },
        })
    }

    fn label_replace(&mut self, arguments: &[&Expr], context: &str) -> Result<Node> {
        let texts = texts(arguments, 1, context)?;
        let [target, replacement, source, pattern] = &texts[..] else {
            return Err(PromqlError::parse(format!("expected 5 argument(s) in {context}")));
        };
        self.replacements += 1;
        if self.replacements > REGEXES_MAX {
            return Err(PromqlError::parse(format!("a query calls label_replace {REGEXES_MAX} times at most")));
        }
        let regex = text::regex(pattern)
            .map_err(|_| PromqlError::execution(format!("invalid regular expression in label_replace(): {pattern}")))?;
        Ok(Node::LabelReplace(Box::new(LabelReplace {
            of: self.vector(argument(arguments, 0, context)?, context)?,
            target: target_label(target, "label_replace")?,
            replacement: replacement.clone(),
            source: canonical_name(source).to_owned(),
            regex,
        })))
    }

    fn histogram_quantile(&mut self, arguments: &[&Expr], context: &str) -> Result<Node> {
        let quantile = self.of_kind(argument(arguments, 0, context)?, Kind::Scalar, context)?;
        let of = argument(arguments, 1, context)?;
        let buckets = self.vector(of, context)?;
        let percentile = match (&quantile, &buckets) {
            (Node::Number(q), Node::Selector(frame))
                if (0.0..=1.0).contains(q) && self.selectors[frame.selector].statistic == Statistic::Average =>
            {
                Some(Box::new(self.of_histograms(of, Statistic::Percentile(q * 100.0), context)?))
            }
            _ => None,
        };
        Ok(Node::HistogramQuantile { quantile: Box::new(quantile), buckets: Box::new(buckets), percentile })
    }

    /// The plan of an expression over histograms, which here are the statistics of periods, with one statistic in their place.
    fn of_histograms(&mut self, expr: &Expr, statistic: Statistic, context: &str) -> Result<Node> {
        if !is_linear(expr) {
            return Err(PromqlError::parse(format!(
                "{context} is supported for selectors, sum, avg, sum_over_time, avg_over_time, last_over_time and scaling only"
            )));
        }
        if self.statistic.is_some() {
            return Err(PromqlError::parse(format!("{context} cannot be inside of another function of histograms")));
        }
        self.statistic = Some(statistic);
        let of = self.vector(expr, context);
        self.statistic = None;
        // Like every function of histograms it has no name, even of a plain selector.
        Ok(Node::Map(std::convert::identity, Box::new(of?)))
    }

    /// The labels that a selector says are equal to something, for `absent()`.
    fn labels_said(&self, selector: usize) -> Labels {
        let matchers = &self.selectors[selector].matchers;
        let said_once = |name: &str| matchers.iter().filter(|matcher| matcher.name == name).count() == 1;
        Labels::new(matchers.iter().filter_map(|matcher| match &matcher.test {
            Test::Equal(value) if matcher.name != NAME && said_once(&matcher.name) => {
                Some((matcher.name.clone(), value.clone()))
            }
            _ => None,
        }))
    }
}

fn argument<'a>(arguments: &[&'a Expr], at: usize, context: &str) -> Result<&'a Expr> {
    let missing = || PromqlError::parse(format!("expected at least {} argument(s) in {context}", at + 1));
    arguments.get(at).copied().ok_or_else(missing)
}

/// The arguments from `from` on, which must be strings.
fn texts(arguments: &[&Expr], from: usize, context: &str) -> Result<Vec<String>> {
    let text = |mut expr: &Expr| {
        while let Expr::Paren(paren) = expr {
            expr = &paren.expr;
        }
        match expr {
            Expr::StringLiteral(literal) => Ok(literal.val.clone()),
            _ => Err(PromqlError::parse(format!("expected type string in {context}"))),
        }
    };
    arguments.iter().skip(from).map(|expr| text(expr)).collect()
}

fn target_label(name: &str, function: &str) -> Result<String> {
    if name.is_empty() {
        return Err(PromqlError::execution(format!("invalid destination label name in {function}(): {name}")));
    }
    Ok(canonical_name(name).to_owned())
}

/// True when a sum, and a count, may be put in the place of each histogram: the expression adds up and scales, no more.
fn is_linear(expr: &Expr) -> bool {
    match expr {
        Expr::VectorSelector(_) | Expr::MatrixSelector(_) => true,
        Expr::Paren(paren) => is_linear(&paren.expr),
        Expr::Subquery(subquery) => is_linear(&subquery.expr),
        Expr::Aggregate(aggregate) => matches!(aggregate.op.id(), T_SUM | T_AVG) && is_linear(&aggregate.expr),
        Expr::Call(call) => {
            matches!(call.func.name, "sum_over_time" | "avg_over_time" | "last_over_time")
                && call.args.args.iter().all(|argument| is_linear(argument))
        }
        Expr::Binary(binary) => match binary.op.id() {
            T_ADD | T_SUB => is_linear(&binary.lhs) && is_linear(&binary.rhs),
            T_MUL => {
                (is_constant(&binary.lhs) && is_linear(&binary.rhs))
                    || (is_linear(&binary.lhs) && is_constant(&binary.rhs))
            }
            T_DIV => is_linear(&binary.lhs) && is_constant(&binary.rhs),
            _ => false,
        },
        _ => false,
    }
}

fn is_constant(expr: &Expr) -> bool {
    match expr {
        Expr::NumberLiteral(_) => true,
        Expr::Paren(paren) => is_constant(&paren.expr),
        _ => false,
    }
}

fn map_of(name: &str) -> Option<Map> {
    Some(match name {
        "abs" => f64::abs,
        "ceil" => f64::ceil,
        "floor" => f64::floor,
        "exp" => f64::exp,
        "ln" => f64::ln,
        "log2" => f64::log2,
        "log10" => f64::log10,
        "sqrt" => f64::sqrt,
        "sgn" => |v| match v {
            _ if v > 0.0 => 1.0,
            _ if v < 0.0 => -1.0,
            _ => v,
        },
        "sin" => f64::sin,
        "cos" => f64::cos,
        "tan" => f64::tan,
        "asin" => f64::asin,
        "acos" => f64::acos,
        "atan" => f64::atan,
        "sinh" => f64::sinh,
        "cosh" => f64::cosh,
        "tanh" => f64::tanh,
        "asinh" => f64::asinh,
        "acosh" => f64::acosh,
        "atanh" => f64::atanh,
        "deg" => f64::to_degrees,
        "rad" => f64::to_radians,
        _ => return None,
    })
}

fn calendar_of(name: &str) -> Option<Map> {
    Some(match name {
        "minute" => calendar::minute,
        "hour" => calendar::hour,
        "day_of_week" => calendar::day_of_week,
        "day_of_month" => calendar::day_of_month,
        "day_of_year" => calendar::day_of_year,
        "days_in_month" => calendar::days_in_month,
        "month" => calendar::month,
        "year" => calendar::year,
        _ => return None,
    })
}

fn range_function(name: &str) -> Option<RangeFunction> {
    Some(match name {
        "rate" => RangeFunction::Rate,
        "increase" => RangeFunction::Increase,
        "delta" => RangeFunction::Delta,
        "irate" => RangeFunction::Irate,
        "idelta" => RangeFunction::Idelta,
        "deriv" => RangeFunction::Deriv,
        "predict_linear" => RangeFunction::PredictLinear,
        "changes" => RangeFunction::Changes,
        "resets" => RangeFunction::Resets,
        "avg_over_time" => RangeFunction::Average,
        "sum_over_time" => RangeFunction::Sum,
        "min_over_time" => RangeFunction::Minimum,
        "max_over_time" => RangeFunction::Maximum,
        "count_over_time" => RangeFunction::Count,
        "first_over_time" => RangeFunction::First,
        "last_over_time" => RangeFunction::Last,
        "present_over_time" => RangeFunction::Present,
        "stddev_over_time" => RangeFunction::StandardDeviation,
        "stdvar_over_time" => RangeFunction::Variance,
        "quantile_over_time" => RangeFunction::Quantile,
        "mad_over_time" => RangeFunction::MedianDistance,
        "ts_of_first_over_time" => RangeFunction::TimeOfFirst,
        "ts_of_last_over_time" => RangeFunction::TimeOfLast,
        "ts_of_min_over_time" => RangeFunction::TimeOfMinimum,
        "ts_of_max_over_time" => RangeFunction::TimeOfMaximum,
        _ => return None,
    })
}
