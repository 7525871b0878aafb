//! Static types: what an expression gives, and whether its parts fit together.

use super::array::Order;
use super::fill::Interpolation;
use super::syntax::{Kind, Node};
use super::{Function, MathError};

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// S: a number.
    Scalar,
    /// TS: one series.
    Series,
    /// TS[]: an array of series.
    Array,
}

impl Type {
    /// As the user guide abbreviates it.
    pub fn abbreviation(self) -> &'static str {
        match self {
            Self::Scalar => "S",
            Self::Series => "TS",
            Self::Array => "TS[]",
        }
    }
}

type TypeOf<'a> = &'a dyn Fn(&str) -> Option<Type>;

/// The type of `node`.
pub fn check(node: &Node, type_of: TypeOf<'_>) -> Result<Type, MathError> {
    match &node.kind {
        Kind::Number(_) => Ok(Type::Scalar),
        Kind::Id(id) => type_of(id).ok_or_else(|| MathError::new(node.column, format!("Undefined Id '{id}'"))),
        Kind::Word(word) => Err(MathError::syntax(node.column, &format!("'{word}' is no value"))),
        Kind::Negate(inner) => check(inner, type_of),
        Kind::Power(base, exponent) => operator(node.column, "^", check(base, type_of)?, check(exponent, type_of)?),
        Kind::Chain(first, rest) => rest.iter().try_fold(check(first, type_of)?, |left, link| {
            operator(link.column, link.operator.symbol(), left, check(&link.right, type_of)?)
        }),
        Kind::Array(elements) => {
            for element in elements {
                if check(&element.node, type_of)? == Type::Scalar {
                    return Err(MathError::new(element.node.column, "An array takes time series, and S was given"));
                }
            }
            Ok(Type::Array)
        }
        Kind::Metrics(_) => Ok(Type::Array),
        Kind::External { is_array, .. } => Ok(if *is_array { Type::Array } else { Type::Series }),
        Kind::Band { of, deviations } => {
            expect(of, type_of, "ANOMALY_DETECTION_BAND", &[Type::Series])?;
            if let Some(deviations) = deviations {
                expect(deviations, type_of, "ANOMALY_DETECTION_BAND", &[Type::Scalar])?;
            }
            Ok(Type::Array)
        }
        Kind::Call(function, arguments) => call(*function, arguments, type_of),
    }
}

fn operator(column: usize, symbol: &str, left: Type, right: Type) -> Result<Type, MathError> {
    match (left, right) {
        (Type::Array, Type::Array) => {
            Err(MathError::new(column, format!("Operator '{symbol}' does not take two arrays of time series")))
        }
        (Type::Array, _) | (_, Type::Array) => Ok(Type::Array),
        (Type::Series, _) | (_, Type::Series) => Ok(Type::Series),
        (Type::Scalar, Type::Scalar) => Ok(Type::Scalar),
    }
}

/// The type of `argument`, which has to be one of `wanted`.
fn expect(argument: &Node, type_of: TypeOf<'_>, name: &str, wanted: &[Type]) -> Result<Type, MathError> {
    let found = check(argument, type_of)?;
    if wanted.contains(&found) {
        return Ok(found);
    }
    let wanted: Vec<&str> = wanted.iter().map(|wanted| wanted.abbreviation()).collect();
    let message =
        format!("Function '{name}' takes {} here, and {} was given", wanted.join(" or "), found.abbreviation());
    Err(MathError::new(argument.column, message))
}

fn call(function: Function, arguments: &[Node], type_of: TypeOf<'_>) -> Result<Type, MathError> {
    use Type::{Array, Scalar, Series};
    let name = function.name();
    let argument = |index: usize, wanted: &[Type]| match arguments.get(index) {
        Some(argument) => expect(argument, type_of, name, wanted).map(Some),
        None => Ok(None),
    };
    let first = |wanted: &[Type]| argument(0, wanted).map(|found| found.unwrap_or(Scalar));
    match function {
        Function::Abs | Function::Ceil | Function::Floor | Function::Log | Function::Log10 => {
            first(&[Scalar, Series, Array])
        }
        Function::Diff | Function::DiffTime | Function::Rate | Function::RunningSum => first(&[Series, Array]),
        Function::Avg | Function::Max | Function::Min | Function::Sum | Function::Stddev | Function::DatapointCount => {
            Ok(if first(&[Series, Array])? == Array { Series } else { Scalar })
        }
        Function::MetricCount => first(&[Array, Series]).map(|_| Scalar),
        Function::First | Function::Last => first(&[Array, Series]).map(|_| Series),
        Function::RemoveEmpty => first(&[Array, Series]).map(|_| Array),
        Function::Sort => {
            first(&[Array, Series])?;
            Order::of(arguments)?;
            argument(3, &[Scalar])?;
            Ok(Array)
        }
        Function::Slice => {
            first(&[Array, Series])?;
            argument(1, &[Scalar])?;
            argument(2, &[Scalar])?;
            Ok(Array)
        }
        Function::Fill => {
            let filled = first(&[Series, Array])?;
            if Interpolation::of(&arguments[1]).is_none() {
                argument(1, &[Series, Scalar])?;
            }
            Ok(filled)
        }
        Function::If => {
            let condition = first(&[Series, Scalar])?;
            let chosen = argument(1, &[Series, Scalar])?;
            let other = argument(2, &[Series, Scalar])?;
            Ok(if [Some(condition), chosen, other].contains(&Some(Series)) { Series } else { Scalar })
        }
        Function::Minute
        | Function::Hour
        | Function::Day
        | Function::Date
        | Function::Month
        | Function::Year
        | Function::Epoch => first(&[Series]),
        Function::Period => match &arguments[0] {
            Node { kind: Kind::Id(_), .. } => first(&[Series]).map(|_| Scalar),
            other => Err(MathError::new(other.column, "Function 'PERIOD' takes the Id of a metric")),
        },
        Function::TimeSeries => first(&[Scalar]).map(|_| Series),
        // They have nodes of their own.
        Function::AnomalyDetectionBand | Function::Metrics | Function::Search => Ok(Array),
        Function::InsightRuleMetric | Function::ServiceQuota => Ok(Series),
    }
}
