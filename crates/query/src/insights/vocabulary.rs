//! Names of functions, how many arguments they take, and what those mean that the tree has no name for.

pub mod opensearch;

use super::ast::{Aggregate, BinaryOp, Expr, Function, LikePattern, Literal};
use super::regexes;
use super::walk;

/// Functions of Insights QL and their numbers of arguments (user guide, "Boolean, comparison, numeric, datetime, and other functions").
const FUNCTIONS: [(&str, Function, usize, usize); 64] = [
    ("abs", Function::Abs, 1, 1),
    ("ceil", Function::Ceil, 1, 1),
    ("floor", Function::Floor, 1, 1),
    ("greatest", Function::Greatest, 1, MANY),
    ("least", Function::Least, 1, MANY),
    ("log", Function::Log, 1, 1),
    ("sqrt", Function::Sqrt, 1, 1),
    ("round", Function::Round, 1, 2),
    ("ispresent", Function::IsPresent, 1, 1),
    ("coalesce", Function::Coalesce, 1, MANY),
    ("isempty", Function::IsEmpty, 1, 1),
    ("isblank", Function::IsBlank, 1, 1),
    ("concat", Function::Concat, 1, MANY),
    ("ltrim", Function::Ltrim, 1, 2),
    ("rtrim", Function::Rtrim, 1, 2),
    ("trim", Function::Trim, 1, 2),
    ("strlen", Function::Strlen, 1, 1),
    ("toupper", Function::ToUpper, 1, 1),
    ("tolower", Function::ToLower, 1, 1),
    ("substr", Function::Substr, 2, 3),
    ("replace", Function::Replace, 3, 3),
    ("strcontains", Function::StrContains, 2, 3),
    ("frommillis", Function::FromMillis, 1, 1),
    ("tomillis", Function::ToMillis, 1, 1),
    ("now", Function::Now, 0, 0),
    ("isvalidip", Function::IsValidIp, 1, 1),
    ("isvalidipv4", Function::IsValidIpV4, 1, 1),
    ("isvalidipv6", Function::IsValidIpV6, 1, 1),
    ("isipinsubnet", Function::IsIpInSubnet, 2, 2),
    ("isipv4insubnet", Function::IsIpv4InSubnet, 2, 2),
    ("isipv6insubnet", Function::IsIpv6InSubnet, 2, 2),
    ("jsonparse", Function::JsonParse, 1, 1),
    ("jsonstringify", Function::JsonStringify, 1, 1),
    ("unmask", Function::Unmask, 1, 1),
    ("tonumber", Function::ToNumber, 1, 1),
    ("haversine", Function::Haversine, 4, 4),
    ("urlencode", Function::UrlEncode, 1, 1),
    ("urldecode", Function::UrlDecode, 1, 1),
    ("base64encode", Function::Base64Encode, 1, 1),
    ("base64decode", Function::Base64Decode, 1, 1),
    ("split", Function::Split, 2, 2),
    ("md5", Function::Md5, 1, 1),
    ("sha1", Function::Sha1, 1, 1),
    ("sha256", Function::Sha256, 1, 1),
    ("sha512", Function::Sha512, 1, 1),
    ("crc32", Function::Crc32, 1, 1),
    ("hextoascii", Function::HexToAscii, 1, 1),
    ("hextodec", Function::HexToDec, 1, 1),
    ("dectohex", Function::DecToHex, 1, 1),
    ("ipv4tonumber", Function::Ipv4ToNumber, 1, 1),
    ("ispublicip", Function::IsPublicIp, 1, 1),
    ("isreservedip", Function::IsReservedIp, 1, 1),
    ("formatdate", Function::FormatDate, 2, 3),
    ("strftime", Function::FormatDate, 2, 3),
    ("parsedate", Function::ParseDate, 2, 3),
    ("messagesize", Function::MessageSize, 0, 1),
    ("querystarttime", Function::QueryStart, 0, 0),
    ("queryendtime", Function::QueryEnd, 0, 0),
    ("querytimerange", Function::QueryRange, 0, 0),
    ("jsonarraysize", Function::JsonArraySize, 1, 1),
    ("jsonarraycontains", Function::JsonArrayContains, 2, 2),
    ("regex_replace", Function::RegexReplace, 3, 3),
    ("regexreplace", Function::RegexReplace, 3, 3),
    ("exp", Function::Exp, 1, 1),
];

const MANY: usize = usize::MAX;

const AGGREGATES: [(&str, Aggregate, usize); 21] = [
    ("avg", Aggregate::Avg, 1),
    ("count", Aggregate::Count, 1),
    ("count_over_time", Aggregate::Count, 1),
    ("countovertime", Aggregate::Count, 1),
    ("count_distinct", Aggregate::CountDistinct, 1),
    ("max", Aggregate::Max, 1),
    ("min", Aggregate::Min, 1),
    ("pct", Aggregate::Percentile, 2),
    ("median", Aggregate::Percentile, 1),
    ("stddev", Aggregate::Stddev, 1),
    ("sum", Aggregate::Sum, 1),
    ("sum_over_time", Aggregate::Sum, 1),
    ("sumovertime", Aggregate::Sum, 1),
    ("variance", Aggregate::Variance, 1),
    ("rate", Aggregate::Rate, 2),
    ("first", Aggregate::Earliest, 1),
    ("last", Aggregate::Latest, 1),
    ("earliest", Aggregate::Earliest, 1),
    ("latest", Aggregate::Latest, 1),
    ("sortsfirst", Aggregate::SortsFirst, 1),
    ("sortslast", Aggregate::SortsLast, 1),
];

/// Functions that this engine does not have: of which variant they are is not known.
const MISSING: [&str; 1] = ["murmurhash"];

/// What a name calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Named {
    /// A function of one row.
    Function(Function, usize, usize),
    /// A function of many rows.
    Aggregate(Aggregate, usize),
    /// A function of one row that is written with others.
    Lowered(Lowered),
    /// One that AWS has.
    Missing,
}

/// Functions that are written with others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lowered {
    If,
    Case,
    ToInt,
    ToDouble,
    IsNumeric,
    IsPrivateIp,
    StartsWith,
    EndsWith,
    Histogram,
}

/// What `name`, in capital or small letters, calls in Insights QL.
pub fn named(name: &str) -> Option<Named> {
    let name = name.to_ascii_lowercase();
    if let Some((_, function, least, most)) = FUNCTIONS.iter().find(|(known, ..)| *known == name) {
        return Some(Named::Function(*function, *least, *most));
    }
    if name == "values" {
        return Some(Named::Aggregate(Aggregate::Values, 1));
    }
    if let Some((_, aggregate, arguments)) = AGGREGATES.iter().find(|(known, ..)| *known == name) {
        return Some(Named::Aggregate(*aggregate, *arguments));
    }
    let lowered = match name.as_str() {
        "if" => Lowered::If,
        "case" => Lowered::Case,
        "toint" | "tolong" => Lowered::ToInt,
        "todouble" => Lowered::ToDouble,
        "isnumeric" => Lowered::IsNumeric,
        "isprivateip" => Lowered::IsPrivateIp,
        "startswith" => Lowered::StartsWith,
        "endswith" => Lowered::EndsWith,
        "histogram" => Lowered::Histogram,
        _ => return MISSING.contains(&name.as_str()).then_some(Named::Missing),
    };
    Some(Named::Lowered(lowered))
}

/// Most branches of `case` (user guide).
const BRANCHES_MAX: usize = 10;

/// Most nodes of arguments that are copied: calls within calls must not grow without bound.
pub const COPIED_NODES_MAX: usize = 500;

/// Writes a function with others; `None` when it has not the right number of arguments, or not of the right kind.
pub fn lower(function: Lowered, arguments: Vec<Expr>) -> Option<Expr> {
    let count = arguments.len();
    if arguments.iter().map(walk::size).sum::<usize>() > COPIED_NODES_MAX {
        return None;
    }
    let mut arguments = arguments.into_iter();
    let first = arguments.next()?;
    match function {
        Lowered::If => {
            let branches = vec![(first, arguments.next()?)];
            let otherwise = arguments.next()?;
            (count == 3).then(|| Expr::Case(branches, Some(Box::new(otherwise))))
        }
        Lowered::Case => case(first, arguments).filter(|_| count >= 2),
        Lowered::ToInt if count == 1 => Some(truncated(number(first))),
        Lowered::ToDouble if count == 1 => Some(number(first)),
        Lowered::IsNumeric if count == 1 => Some(Expr::Call(Function::IsPresent, vec![number(first)])),
        Lowered::IsPrivateIp if count == 1 => Some(is_private(&first)),
        Lowered::StartsWith | Lowered::EndsWith if count == 2 => {
            let Some(Expr::Literal(Literal::Text(affix))) = arguments.next() else { return None };
            let affix = regex_syntax::escape(&affix);
            let source = if function == Lowered::StartsWith { format!("\\A{affix}") } else { format!("{affix}\\z") };
            let pattern = LikePattern::Regex(regexes::compile(&source, &[]).ok()?);
            Some(Expr::Like { text: Box::new(first), pattern, is_negated: false })
        }
        Lowered::Histogram if count == 2 => {
            let width = arguments.next().filter(|width| matches!(width, Expr::Literal(Literal::Number(_))))?;
            let share = Expr::Binary(BinaryOp::Divide, Box::new(first), Box::new(width.clone()));
            let whole = Expr::Call(Function::Floor, vec![share]);
            Some(Expr::Binary(BinaryOp::Multiply, Box::new(whole), Box::new(width)))
        }
        _ => None,
    }
}

fn case(first: Expr, mut rest: std::vec::IntoIter<Expr>) -> Option<Expr> {
    let mut branches = Vec::new();
    let mut condition = Some(first);
    while let Some(when) = condition.take() {
        let Some(then) = rest.next() else {
            condition = Some(when);
            break;
        };
        branches.push((when, then));
        condition = rest.next();
    }
    (branches.len() <= BRANCHES_MAX).then(|| Expr::Case(branches, condition.map(Box::new)))
}

/// `value` as a number.
pub fn number(value: Expr) -> Expr {
    Expr::Call(Function::ToNumber, vec![value])
}

/// `value` without what stands behind its decimal point.
pub fn truncated(value: Expr) -> Expr {
    let zero = Box::new(Expr::Literal(Literal::Number(0.0)));
    let is_negative = Expr::Binary(BinaryOp::Less, Box::new(value.clone()), zero);
    let up = Expr::Call(Function::Ceil, vec![value.clone()]);
    Expr::Case(vec![(is_negative, up)], Some(Box::new(Expr::Call(Function::Floor, vec![value]))))
}

fn is_private(address: &Expr) -> Expr {
    let within = |block: &str| {
        let block = Expr::Literal(Literal::Text(block.to_owned()));
        Expr::Call(Function::IsIpv4InSubnet, vec![address.clone(), block])
    };
    let or = |left, right| Expr::Binary(BinaryOp::Or, Box::new(left), Box::new(right));
    or(or(within("10.0.0.0/8"), within("172.16.0.0/12")), within("192.168.0.0/16"))
}
