//! Functions of dates, texts and numbers of OpenSearch SQL and PPL, written with those of the tree.
//!
//! Dates are in UTC. A format with percent signs is one of MySQL's, as PPL has them; any other is one of Java's, as SQL has them.
//! `datediff` counts days from midnight to midnight.

use super::super::{COPIED_NODES_MAX, walk};
use super::{binary, literal};
use crate::insights::ast::{BinaryOp, Expr, Function, Literal, Period, Unit};

/// Functions that name a part of a date.
const PARTS: [(&[&str], &str); 18] = [
    (&["year"], "year"),
    (&["quarter"], "quarter"),
    (&["month", "month_of_year"], "month"),
    (&["week", "weekofyear", "week_of_year"], "week"),
    (&["day", "dayofmonth", "day_of_month"], "day"),
    (&["dayofyear", "day_of_year"], "dayofyear"),
    (&["dayofweek", "day_of_week"], "dayofweek"),
    (&["weekday"], "weekday"),
    (&["hour", "hour_of_day"], "hour"),
    (&["minute", "minute_of_hour"], "minute"),
    (&["second", "second_of_minute"], "second"),
    (&["microsecond"], "microsecond"),
    (&["dayname"], "dayname"),
    (&["monthname"], "monthname"),
    (&["last_day"], "last_day"),
    (&["time"], "time"),
    (&["date", "to_date"], "date"),
    (&["unix_timestamp"], "unix"),
];

/// Functions without arguments.
const CONSTANTS: [&str; 8] =
    ["pi", "e", "curdate", "current_date", "utc_date", "utc_timestamp", "localtimestamp", "current_timezone"];

/// The other functions.
#[rustfmt::skip]
const OTHERS: [&str; 25] = [
    "date_format", "to_timestamp", "timestamp", "from_unixtime", "date_add", "adddate", "dateadd", "date_sub", "subdate",
    "add_months", "datediff", "timestampadd", "timestampdiff", "degrees", "radians", "cbrt", "right", "concat_ws", "instr",
    "sha2", "regexp_replace", "regexp_extract", "str_to_date", "substring_index", "space",
];

/// True when `name`, in small letters, is one of these.
pub fn is_known(name: &str) -> bool {
    CONSTANTS.contains(&name) || OTHERS.contains(&name) || PARTS.iter().any(|(names, _)| names.contains(&name))
}

/// `None` when the arguments do not fit.
pub fn written(name: &str, arguments: Vec<Expr>) -> Option<Expr> {
    if arguments.iter().map(walk::size).sum::<usize>() > COPIED_NODES_MAX {
        return None;
    }
    let part = PARTS.iter().find(|(names, _)| names.contains(&name)).map(|(_, part)| *part);
    match (arguments.as_slice(), part) {
        ([], _) => constant(name),
        ([time], Some(part)) => Some(Expr::Call(Function::DatePart, vec![text(part), time.clone()])),
        _ if name.contains("date")
            || name.starts_with("timestamp")
            || matches!(name, "add_months" | "from_unixtime" | "to_timestamp") =>
        {
            of_dates(name, arguments)
        }
        _ => of_others(name, arguments),
    }
}

fn constant(name: &str) -> Option<Expr> {
    let now = || {
        let now = Expr::Call(Function::Now, Vec::new());
        Expr::Call(Function::FromMillis, vec![binary(BinaryOp::Multiply, now, literal(1000.0))])
    };
    Some(match name {
        "pi" => literal(std::f64::consts::PI),
        "e" => literal(std::f64::consts::E),
        "curdate" | "current_date" | "utc_date" => Expr::Call(Function::DatePart, vec![text("date"), now()]),
        "utc_timestamp" | "localtimestamp" => now(),
        "current_timezone" => text("UTC"),
        _ => return None,
    })
}

fn of_dates(name: &str, arguments: Vec<Expr>) -> Option<Expr> {
    let later = |time: Expr, count: Expr, unit: &str| Expr::Call(Function::DateAdd, vec![time, count, text(unit)]);
    Some(match (name, <[Expr; 2]>::try_from(arguments)) {
        ("date_format", Ok([time, format])) => Expr::Call(Function::FormatDate, vec![time, mysql(format)]),
        ("to_timestamp" | "timestamp" | "date" | "to_date" | "str_to_date", Ok([written, format])) => {
            Expr::Call(Function::ParseDate, vec![written, mysql(format)])
        }
        ("from_unixtime", Ok([seconds, format])) => {
            Expr::Call(Function::FormatDate, vec![instant(seconds), mysql(format)])
        }
        ("date_add" | "adddate" | "dateadd", Ok([time, Expr::Literal(Literal::Duration(period))])) => {
            shifted(time, period, 1.0)
        }
        ("date_sub" | "subdate", Ok([time, Expr::Literal(Literal::Duration(period))])) => shifted(time, period, -1.0),
        ("date_add" | "adddate" | "dateadd", Ok([time, days])) => later(time, days, "day"),
        ("date_sub" | "subdate", Ok([time, days])) => {
            later(time, binary(BinaryOp::Subtract, literal(0.0), days), "day")
        }
        ("add_months", Ok([time, months])) => later(time, months, "month"),
        ("datediff", Ok([until, from])) => {
            let day = |time| {
                let day = Expr::Literal(Literal::Duration(Period { count: 1, unit: Unit::Day }));
                Expr::Call(Function::DateFloor, vec![time, day])
            };
            Expr::Call(Function::DateDiff, vec![text("day"), day(from), day(until)])
        }
        (_, Err(arguments)) => return of_dates_with_others(name, arguments),
        _ => return None,
    })
}

/// Functions of dates with one argument or three.
fn of_dates_with_others(name: &str, arguments: Vec<Expr>) -> Option<Expr> {
    let unit = |unit: &Expr| match unit {
        Expr::Field(name) | Expr::Literal(Literal::Text(name)) => Some(text(&name.to_ascii_lowercase())),
        _ => None,
    };
    match (name, arguments.as_slice()) {
        ("to_timestamp" | "timestamp", [time]) => Some(Expr::Call(Function::FromMillis, vec![time.clone()])),
        ("from_unixtime", [seconds]) => Some(instant(seconds.clone())),
        ("timestampadd" | "dateadd", [of, count, time]) => {
            Some(Expr::Call(Function::DateAdd, vec![time.clone(), count.clone(), unit(of)?]))
        }
        ("timestampdiff" | "datediff", [of, from, until]) => {
            Some(Expr::Call(Function::DateDiff, vec![unit(of)?, from.clone(), until.clone()]))
        }
        _ => None,
    }
}

fn of_others(name: &str, arguments: Vec<Expr>) -> Option<Expr> {
    let call = |function, arguments| Some(Expr::Call(function, arguments));
    match (name, arguments.as_slice()) {
        ("degrees", [of]) => Some(binary(BinaryOp::Multiply, of.clone(), literal(180.0 / std::f64::consts::PI))),
        ("radians", [of]) => Some(binary(BinaryOp::Multiply, of.clone(), literal(std::f64::consts::PI / 180.0))),
        ("cbrt", [of]) => Some(binary(BinaryOp::Power, of.clone(), literal(1.0 / 3.0))),
        ("space", [count]) => call(Function::Repeat, vec![text(" "), count.clone()]),
        ("right", [of, count]) => {
            let length = Expr::Call(Function::Strlen, vec![of.clone()]);
            let from = binary(BinaryOp::Subtract, length, count.clone());
            let from = Expr::Call(Function::Greatest, vec![from, literal(0.0)]);
            call(Function::Substr, vec![of.clone(), from])
        }
        ("concat_ws", [separator, first, rest @ ..]) => {
            let rest = rest.iter().flat_map(|part| [separator.clone(), part.clone()]);
            call(Function::Concat, std::iter::once(first.clone()).chain(rest).collect())
        }
        ("substring_index", [of, delimiter, count]) => {
            let has_delimiter = !matches!(delimiter, Expr::Literal(literal) if !matches!(literal, Literal::Text(_)));
            let has_count = match count {
                Expr::Literal(Literal::Number(count)) => count.fract() == 0.0,
                Expr::Literal(_) => false,
                _ => true,
            };
            let arguments = vec![of.clone(), delimiter.clone(), count.clone()];
            if has_delimiter && has_count { call(Function::SubstringIndex, arguments) } else { None }
        }
        ("instr", [of, part]) => call(Function::Locate, vec![part.clone(), of.clone()]),
        ("sha2", [of, Expr::Literal(Literal::Number(bits))]) => match *bits as u32 {
            0 | 256 => call(Function::Sha256, vec![of.clone()]),
            512 => call(Function::Sha512, vec![of.clone()]),
            _ => None,
        },
        ("regexp_replace", [of, source, by @ Expr::Literal(Literal::Text(_))]) => {
            call(Function::RegexReplace, vec![of.clone(), source.clone(), by.clone()])
        }
        ("regexp_extract", [of, source]) => {
            call(Function::RegexExtract, vec![of.clone(), source.clone(), literal(1.0)])
        }
        ("regexp_extract", [of, source, group @ Expr::Literal(Literal::Number(_))]) => {
            call(Function::RegexExtract, vec![of.clone(), source.clone(), group.clone()])
        }
        _ => None,
    }
}

/// So many of a period later.
pub fn shifted(time: Expr, period: Period, direction: f64) -> Expr {
    let (unit, factor) = match period.unit {
        Unit::Millisecond => ("millisecond", 1.0),
        Unit::Second => ("second", 1.0),
        Unit::Minute => ("minute", 1.0),
        Unit::Hour => ("hour", 1.0),
        Unit::Day => ("day", 1.0),
        Unit::Week => ("week", 1.0),
        Unit::Month => ("month", 1.0),
        Unit::Quarter => ("month", 3.0),
        Unit::Year => ("year", 1.0),
    };
    let count = literal(f64::from(period.count) * factor * direction);
    Expr::Call(Function::DateAdd, vec![time, count, text(unit)])
}

fn instant(seconds: Expr) -> Expr {
    Expr::Call(Function::FromMillis, vec![binary(BinaryOp::Multiply, seconds, literal(1000.0))])
}

fn text(text: &str) -> Expr {
    Expr::Literal(Literal::Text(text.to_owned()))
}

/// A format of MySQL's as one of C's, which tells months and minutes apart by other letters.
fn mysql(format: Expr) -> Expr {
    let Expr::Literal(Literal::Text(written)) = &format else { return format };
    let (mut spelled, mut chars) = (String::new(), written.chars());
    while let Some(c) = chars.next() {
        if c != '%' {
            spelled.push(c);
            continue;
        }
        match chars.next() {
            Some('i') => spelled.push_str("%M"),
            Some('s' | 'S') => spelled.push_str("%S"),
            Some('M') => spelled.push_str("%B"),
            Some('W') => spelled.push_str("%A"),
            Some('h') => spelled.push_str("%I"),
            Some('c') => spelled.push_str("%-m"),
            Some('k') => spelled.push_str("%-H"),
            Some('l') => spelled.push_str("%-I"),
            Some('r') => spelled.push_str("%I:%M:%S %p"),
            Some('f') => spelled.push_str("%6f"),
            Some(other) => spelled.extend(['%', other]),
            None => spelled.push('%'),
        }
    }
    text(&spelled)
}
