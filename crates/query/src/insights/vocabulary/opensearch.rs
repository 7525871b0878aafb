//! Functions of OpenSearch SQL and PPL, written with those of the tree. Positions in texts count from 1 there and from 0 here.

mod more;

pub use more::shifted;

use super::{COPIED_NODES_MAX, Lowered, lower, number, truncated};
use crate::insights::ast::{Aggregate, BinaryOp, Expr, Function, Literal, Period, Step, UnaryOp, Unit};
use crate::insights::expression;
use crate::insights::lexer::Dialect;
use crate::insights::walk;

/// What a call comes to.
#[derive(Debug)]
pub enum Called {
    /// This.
    Known(Expr),
    /// The function has other arguments.
    DoesNotFit,
    /// There is no such function here.
    Unknown,
}

/// The functions that the tree has, with the least and the most arguments.
const FUNCTIONS: [(&[&str], Function, usize, usize); 54] = [
    (&["upper", "ucase"], Function::ToUpper, 1, 1),
    (&["lower", "lcase"], Function::ToLower, 1, 1),
    (&["length", "len", "char_length", "character_length"], Function::Strlen, 1, 1),
    (&["concat"], Function::Concat, 1, usize::MAX),
    (&["trim", "btrim"], Function::Trim, 1, 2),
    (&["ltrim"], Function::Ltrim, 1, 2),
    (&["rtrim"], Function::Rtrim, 1, 2),
    (&["replace"], Function::Replace, 3, 3),
    (&["contains"], Function::StrContains, 2, 2),
    (&["abs"], Function::Abs, 1, 1),
    (&["ceil", "ceiling"], Function::Ceil, 1, 1),
    (&["floor"], Function::Floor, 1, 1),
    (&["round"], Function::Round, 1, 2),
    (&["sqrt"], Function::Sqrt, 1, 1),
    (&["ln"], Function::Log, 1, 1),
    (&["greatest"], Function::Greatest, 1, usize::MAX),
    (&["least"], Function::Least, 1, usize::MAX),
    (&["coalesce", "ifnull", "nvl"], Function::Coalesce, 1, usize::MAX),
    (&["isnotnull", "ispresent"], Function::IsPresent, 1, 1),
    (&["isempty"], Function::IsEmpty, 1, 1),
    (&["isblank"], Function::IsBlank, 1, 1),
    (&["md5"], Function::Md5, 1, 1),
    (&["sha1", "sha"], Function::Sha1, 1, 1),
    (&["crc32"], Function::Crc32, 1, 1),
    (&["base64", "to_base64"], Function::Base64Encode, 1, 1),
    (&["unbase64", "from_base64"], Function::Base64Decode, 1, 1),
    (&["url_encode"], Function::UrlEncode, 1, 1),
    (&["url_decode"], Function::UrlDecode, 1, 1),
    (&["exp"], Function::Exp, 1, 1),
    (&["sin"], Function::Sin, 1, 1),
    (&["cos"], Function::Cos, 1, 1),
    (&["tan"], Function::Tan, 1, 1),
    (&["cot"], Function::Cot, 1, 1),
    (&["asin"], Function::Asin, 1, 1),
    (&["acos"], Function::Acos, 1, 1),
    (&["atan"], Function::Atan, 1, 1),
    (&["atan2"], Function::Atan2, 2, 2),
    (&["sign", "signum"], Function::Sign, 1, 1),
    (&["reverse"], Function::Reverse, 1, 1),
    (&["repeat"], Function::Repeat, 2, 2),
    (&["lpad"], Function::Lpad, 2, 3),
    (&["rpad"], Function::Rpad, 2, 3),
    (&["initcap"], Function::InitCap, 1, 1),
    (&["locate", "position"], Function::Locate, 2, 3),
    (&["split"], Function::Split, 2, 2),
    (&["translate"], Function::Translate, 3, 3),
    (&["array_union"], Function::ArrayUnion, 2, 2),
    (&["array_intersect"], Function::ArrayIntersect, 2, 2),
    (&["array_except"], Function::ArrayExcept, 2, 2),
    (&["arrays_overlap"], Function::ArraysOverlap, 2, 2),
    (&["array_distinct"], Function::ArrayDistinct, 1, 1),
    (&["json_array", "array"], Function::JsonArray, 0, usize::MAX),
    (&["json_keys", "json_object_keys"], Function::JsonKeys, 1, 1),
    (&["json_valid"], Function::JsonValid, 1, 1),
];

/// Lists, which have functions of their own.
const OF_LISTS: [(&[&str], Function, usize); 2] = [
    (&["json_array_length", "array_length", "size", "cardinality"], Function::JsonArraySize, 1),
    (&["array_contains"], Function::JsonArrayContains, 2),
];

/// True when `name`, written in small letters, is a function of one row.
pub fn is_row_function(name: &str) -> bool {
    let mut names = FUNCTIONS.iter().flat_map(|(names, ..)| names.iter()).chain(&WRITTEN);
    names.any(|known| *known == name)
        || lowered(name).is_some()
        || name == "json_object"
        || of_lists(name).is_some()
        || more::is_known(name)
}

fn of_lists(name: &str) -> Option<(Function, usize)> {
    let found = OF_LISTS.iter().find(|(names, ..)| names.contains(&name));
    found.map(|(_, function, count)| (*function, *count))
}

fn lowered(name: &str) -> Option<Lowered> {
    match name {
        "if" | "iff" => Some(Lowered::If),
        "startswith" => Some(Lowered::StartsWith),
        "endswith" => Some(Lowered::EndsWith),
        "double" | "float" => Some(Lowered::ToDouble),
        "int" | "bigint" => Some(Lowered::ToInt),
        _ => None,
    }
}

/// Calls the function `name`, written in small letters.
pub fn call(name: &str, arguments: Vec<Expr>) -> Called {
    if let Some((_, function, least, most)) = FUNCTIONS.iter().find(|(names, ..)| names.contains(&name)) {
        let fits = (*least..=*most).contains(&arguments.len());
        return if fits { Called::Known(Expr::Call(*function, arguments)) } else { Called::DoesNotFit };
    }
    if let Some(function) = lowered(name) {
        return lower(function, arguments).map_or(Called::DoesNotFit, Called::Known);
    }
    let known = |fits: bool, function, arguments| {
        if fits { Called::Known(Expr::Call(function, arguments)) } else { Called::DoesNotFit }
    };
    if name == "json_object" {
        return known(arguments.len().is_multiple_of(2), Function::JsonObject, arguments);
    }
    if let Some((function, count)) = of_lists(name) {
        return known(arguments.len() == count, function, arguments);
    }
    let is_written = (arguments.is_empty() || name != "unix_timestamp") && WRITTEN.contains(&name);
    if !is_written && more::is_known(name) {
        return more::written(name, arguments).map_or(Called::DoesNotFit, Called::Known);
    }
    if !is_written {
        return Called::Unknown;
    }
    if arguments.iter().map(walk::size).sum::<usize>() > COPIED_NODES_MAX {
        return Called::DoesNotFit;
    }
    written(name, arguments).map_or(Called::DoesNotFit, Called::Known)
}

/// The functions that `written` writes.
const WRITTEN: [&str; 26] = [
    "log",
    "substr",
    "substring",
    "mid",
    "left",
    "isnull",
    "nullif",
    "nvl2",
    "power",
    "pow",
    "mod",
    "log10",
    "log2",
    "now",
    "current_timestamp",
    "unix_timestamp",
    "date_trunc",
    "get_json_object",
    "json_extract",
    "to_json",
    "to_json_string",
    "string",
    "cidrmatch",
    "json",
    "tumble",
    "window",
];

/// `None` when the arguments do not fit.
fn written(name: &str, arguments: Vec<Expr>) -> Option<Expr> {
    let count = arguments.len();
    let mut rest = arguments.into_iter();
    let mut next = || rest.next();
    let value = match (name, count) {
        ("substr" | "substring" | "mid", 2 | 3) => {
            let mut parts = vec![next()?, from_zero(next()?)?];
            parts.extend(next());
            Expr::Call(Function::Substr, parts)
        }
        ("left", 2) => Expr::Call(Function::Substr, vec![next()?, literal(0.0), next()?]),
        ("isnull", 1) => is_null(next()?),
        ("nullif", 2) => {
            let (value, other) = (next()?, next()?);
            let is_equal = binary(BinaryOp::Equal, value.clone(), other);
            Expr::Case(vec![(is_equal, Expr::Literal(Literal::Null))], Some(Box::new(value)))
        }
        ("nvl2", 3) => {
            let is_present = Expr::Call(Function::IsPresent, vec![next()?]);
            Expr::Case(vec![(is_present, next()?)], Some(Box::new(next()?)))
        }
        ("power" | "pow", 2) => binary(BinaryOp::Power, next()?, next()?),
        ("mod", 2) => binary(BinaryOp::Remainder, next()?, next()?),
        ("log10", 1) => binary(BinaryOp::Divide, logarithm(next()?), literal(std::f64::consts::LN_10)),
        ("log", 1) => logarithm(next()?),
        ("log", 2) => {
            let base = logarithm(next()?);
            binary(BinaryOp::Divide, logarithm(next()?), base)
        }
        ("log2", 1) => binary(BinaryOp::Divide, logarithm(next()?), literal(std::f64::consts::LN_2)),
        ("unix_timestamp", 0) => Expr::Call(Function::Now, Vec::new()),
        ("now" | "current_timestamp", 0) => {
            let now = Expr::Call(Function::Now, Vec::new());
            Expr::Call(Function::FromMillis, vec![binary(BinaryOp::Multiply, now, literal(1000.0))])
        }
        ("date_trunc", 2) => {
            let (unit, time) = (next()?, next()?);
            Expr::Call(Function::DateFloor, vec![time, one(&unit)?])
        }
        ("tumble" | "window", 2) => {
            let (time, length) = (next()?, next()?);
            Expr::Call(Function::DateFloor, vec![time, period(&length)?])
        }
        ("get_json_object" | "json_extract", 2) => {
            let parsed = Expr::Call(Function::JsonParse, vec![next()?]);
            let Expr::Literal(Literal::Text(path)) = next()? else { return None };
            Expr::Member(Box::new(parsed), json_steps(&path)?)
        }
        ("json", 1) => Expr::Call(Function::JsonParse, vec![next()?]),
        ("to_json" | "to_json_string", 1) => Expr::Call(Function::JsonStringify, vec![next()?]),
        ("string", 1) => Expr::Call(Function::ToText, vec![next()?]),
        ("cidrmatch", 2) => Expr::Call(Function::IsIpInSubnet, vec![next()?, next()?]),
        _ => return None,
    };
    Some(value)
}

/// `CAST(value AS kind)`; `None` when there is no such kind here.
pub fn cast(value: Expr, kind: &str) -> Option<Expr> {
    match kind {
        "string" | "varchar" | "char" | "text" => Some(Expr::Call(Function::ToText, vec![value])),
        "double" | "float" | "real" | "decimal" | "numeric" => Some(number(value)),
        "int" | "integer" | "bigint" | "long" | "smallint" | "tinyint" if walk::size(&value) < COPIED_NODES_MAX => {
            Some(truncated(number(value)))
        }
        "date" => Some(Expr::Call(Function::DatePart, vec![Expr::Literal(Literal::Text("date".to_owned())), value])),
        "timestamp" | "datetime" => Some(Expr::Call(Function::FromMillis, vec![value])),
        _ => None,
    }
}

/// Calls the aggregate `name`, written in small letters.
pub fn aggregate(name: &str, arguments: Vec<Expr>, is_distinct: bool, dialect: Dialect) -> Called {
    let known = match name {
        "count" if is_distinct => Aggregate::CountDistinct,
        "count" | "c" => Aggregate::Count,
        "distinct_count" | "dc" | "approx_count_distinct" | "distinct_count_approx" => Aggregate::CountDistinct,
        "sum" => Aggregate::Sum,
        "avg" | "mean" => Aggregate::Avg,
        "min" => Aggregate::Min,
        "max" => Aggregate::Max,
        // Of a sample in SQL, as Spark has it.
        "stddev" | "std" | "variance" if dialect == Dialect::Sql => {
            if name == "variance" {
                Aggregate::SampleVariance
            } else {
                Aggregate::SampleStddev
            }
        }
        "stddev_samp" => Aggregate::SampleStddev,
        "var_samp" => Aggregate::SampleVariance,
        "stddev" | "std" | "stddev_pop" => Aggregate::Stddev,
        "variance" | "var_pop" => Aggregate::Variance,
        "first" | "any_value" => Aggregate::Earliest,
        "last" => Aggregate::Latest,
        "count_if" | "countif" => return count_if(arguments),
        "values" | "collect_set" => Aggregate::Values,
        "earliest" => Aggregate::Earliest,
        "latest" => Aggregate::Latest,
        "percentile" | "percentile_approx" | "approx_percentile" | "median" => Aggregate::Percentile,
        _ => match shortcut(name) {
            Some(percent) if arguments.len() == 1 => return percentile(arguments, percent),
            Some(_) => return Called::DoesNotFit,
            None => return Called::Unknown,
        },
    };
    let is_sql = dialect == Dialect::Sql;
    match (known, &arguments[..]) {
        (Aggregate::Percentile, [_]) if name == "median" => percentile(arguments, 50.0),
        (Aggregate::Percentile, [value, Expr::Literal(Literal::Number(share))]) if name != "median" => {
            percentile(vec![value.clone()], if is_sql { share * 100.0 } else { *share })
        }
        (Aggregate::Count, []) | (_, [_]) if known != Aggregate::Percentile => {
            Called::Known(Expr::Aggregate(known, arguments))
        }
        _ => Called::DoesNotFit,
    }
}

/// How many rows a condition is true of.
fn count_if(arguments: Vec<Expr>) -> Called {
    let Ok([condition]) = <[Expr; 1]>::try_from(arguments) else { return Called::DoesNotFit };
    let ones = Expr::Case(vec![(condition, literal(1.0))], Some(Box::new(literal(0.0))));
    Called::Known(Expr::Aggregate(Aggregate::Sum, vec![ones]))
}

/// `p95`, `perc99.9`
fn shortcut(name: &str) -> Option<f64> {
    let percent = name.strip_prefix("perc").or_else(|| name.strip_prefix('p'))?;
    percent.starts_with(|c: char| c.is_ascii_digit()).then(|| percent.parse().ok())?
}

fn percentile(mut arguments: Vec<Expr>, percent: f64) -> Called {
    if !(0.0..=100.0).contains(&percent) {
        return Called::DoesNotFit;
    }
    arguments.push(literal(percent));
    Called::Known(Expr::Aggregate(Aggregate::Percentile, arguments))
}

/// True of what has no value.
pub fn is_null(value: Expr) -> Expr {
    Expr::Unary(UnaryOp::Not, Box::new(Expr::Call(Function::IsPresent, vec![value])))
}

fn literal(value: f64) -> Expr {
    Expr::Literal(Literal::Number(value))
}

fn binary(operator: BinaryOp, left: Expr, right: Expr) -> Expr {
    Expr::Binary(operator, Box::new(left), Box::new(right))
}

fn logarithm(value: Expr) -> Expr {
    Expr::Call(Function::Log, vec![value])
}

/// A position that counts from 1 as one that counts from 0; one that counts from the end is not known here.
fn from_zero(position: Expr) -> Option<Expr> {
    match position {
        Expr::Literal(Literal::Number(position)) if position >= 1.0 => Some(literal(position - 1.0)),
        Expr::Literal(_) => None,
        other => Some(binary(BinaryOp::Subtract, other, literal(1.0))),
    }
}

/// One of a unit of time, named by a text.
fn one(unit: &Expr) -> Option<Expr> {
    let Expr::Literal(Literal::Text(name)) = unit else { return None };
    let unit = match name.to_ascii_lowercase().as_str() {
        "second" => Unit::Second,
        "minute" => Unit::Minute,
        "hour" => Unit::Hour,
        "day" | "dd" => Unit::Day,
        "week" => Unit::Week,
        "month" | "mon" | "mm" => Unit::Month,
        "quarter" => Unit::Quarter,
        "year" | "yyyy" | "yy" => Unit::Year,
        _ => return None,
    };
    Some(Expr::Literal(Literal::Duration(Period { count: 1, unit })))
}

/// A length of time in a text, `'5 minutes'`.
fn period(length: &Expr) -> Option<Expr> {
    let Expr::Literal(Literal::Text(length)) = length else { return None };
    let (count, name) = length.trim().split_once(' ')?;
    let count = count.parse().ok().filter(|count| *count > 0)?;
    let (unit, _) = expression::unit(name.trim())?;
    Some(Expr::Literal(Literal::Duration(Period { count, unit })))
}

/// The steps of a JSON path, `$.a.b[0]`, `$[*].a`.
pub fn json_steps(path: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    let mut rest = path.strip_prefix('$')?;
    while !rest.is_empty() {
        if let Some(inside) = rest.strip_prefix('[') {
            let (index, behind) = inside.split_once(']')?;
            let quoted = |quote| index.strip_prefix(quote)?.strip_suffix(quote);
            steps.push(match quoted('\'').or_else(|| quoted('"')) {
                Some(name) => Step::Name(name.to_owned()),
                None if index == "*" => Step::All,
                None => Step::Index(index.parse().ok()?),
            });
            rest = behind;
        } else {
            let inside = rest.strip_prefix('.')?;
            let end = inside.find(['.', '[']).unwrap_or(inside.len());
            steps.push(match &inside[..end] {
                "" => return None,
                "*" => Step::All,
                name => Step::Name(name.to_owned()),
            });
            rest = &inside[end..];
        }
    }
    (!steps.is_empty()).then_some(steps)
}
