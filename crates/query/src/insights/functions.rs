//! Functions of one row, as AWS's guide lists them.
//!
//! Where AWS says nothing, here: a function of a missing value is missing, but `concat` passes over missing parts and `greatest`
//! and `least` over what is no number; `substr` counts from 0, and a place beyond the end gives an empty text; a text that would
//! be longer than 2 MiB is missing.

mod address;
mod dates;
mod encoding;
mod json;
mod lists;
mod text;

pub(super) use text::{regex_extract, regex_replace, replacement};

use super::ast::Function;
use super::code::Code;
use super::event::Row;
use super::value::Value;
use std::ops::RangeInclusive;

/// Longest text that a function makes, bytes: twice the largest event.
const TEXT_BYTES_MAX: usize = 2 * 1024 * 1024;

/// How many arguments a function takes.
pub(super) fn arity(function: Function) -> RangeInclusive<usize> {
    use Function as F;
    match function {
        F::Now => 0..=0,
        F::Abs | F::Ceil | F::Floor | F::Log | F::Sqrt => 1..=1,
        F::IsPresent | F::IsEmpty | F::IsBlank | F::Strlen | F::ToUpper | F::ToLower => 1..=1,
        F::Bin | F::FromMillis | F::ToMillis | F::IsValidIp | F::IsValidIpV4 | F::IsValidIpV6 => 1..=1,
        F::JsonParse | F::JsonStringify | F::Unmask | F::ToNumber | F::ToText => 1..=1,
        F::QueryStart | F::QueryEnd | F::QueryRange => 0..=0,
        F::UrlEncode | F::UrlDecode | F::Base64Encode | F::Base64Decode | F::Md5 | F::Sha1 | F::Sha256 => 1..=1,
        F::Sha512 | F::Crc32 | F::HexToAscii | F::HexToDec | F::DecToHex | F::Ipv4ToNumber => 1..=1,
        F::IsPublicIp | F::IsReservedIp | F::MessageSize | F::JsonArraySize | F::JsonKeys | F::JsonValid => 1..=1,
        F::Sin | F::Cos | F::Tan | F::Cot | F::Asin | F::Acos | F::Atan | F::Exp | F::Sign => 1..=1,
        F::Reverse | F::InitCap | F::ArrayDistinct => 1..=1,
        F::Split | F::JsonArrayContains | F::Atan2 | F::Repeat | F::DatePart => 2..=2,
        F::ArrayUnion | F::ArrayIntersect | F::ArrayExcept | F::ArraysOverlap => 2..=2,
        F::Translate | F::SubstringIndex => 3..=3,
        F::FormatDate | F::ParseDate | F::Locate | F::Lpad | F::Rpad => 2..=3,
        F::RegexReplace | F::DateAdd | F::DateDiff | F::RegexExtract => 3..=3,
        F::Haversine => 4..=4,
        F::JsonObject | F::JsonArray => 0..=usize::MAX,
        F::Round | F::Ltrim | F::Rtrim | F::Trim => 1..=2,
        F::DateFloor => 2..=3,
        F::DateCeil => 2..=2,
        F::IsIpInSubnet | F::IsIpv4InSubnet | F::IsIpv6InSubnet => 2..=2,
        F::Substr | F::StrContains => 2..=3,
        F::Replace => 3..=3,
        F::Greatest | F::Least | F::Coalesce | F::Concat => 1..=usize::MAX,
    }
}

/// The value of a function whose number of arguments is right.
pub(super) fn call<'e>(function: Function, arguments: &[Code], row: &impl Row<'e>) -> Value<'e> {
    use Function as F;
    let value = |at: usize| arguments.get(at).map_or(Value::Null, |code: &Code| code.value(row));
    let optional = |at: usize| arguments.get(at).map(|code: &Code| code.value(row));
    let number = |change: fn(f64) -> f64| value(0).number().map_or(Value::Null, |n| Value::number_of(change(n)));
    match function {
        F::Abs => number(f64::abs),
        F::Ceil => number(f64::ceil),
        F::Floor => number(f64::floor),
        F::Log => number(f64::ln),
        F::Sqrt => number(f64::sqrt),
        F::Round => round(&value(0), arguments.get(1).map(|code| code.value(row))),
        F::Greatest => extreme(arguments, row, f64::max),
        F::Least => extreme(arguments, row, f64::min),
        F::IsPresent => Value::Bool(!value(0).is_null()),
        F::IsEmpty => Value::Bool(value(0).text().is_none_or(|text| text.is_empty())),
        F::IsBlank => Value::Bool(value(0).text().is_none_or(|text| text.trim().is_empty())),
        F::Coalesce => {
            let mut values = arguments.iter().map(|code| code.value(row));
            values.find(|value| !value.is_null()).unwrap_or_default()
        }
        F::Concat => text::concat(arguments.iter().map(|code| code.value(row))),
        F::Ltrim | F::Rtrim | F::Trim => text::trim(
            value(0),
            arguments.get(1).map(|code| code.value(row)),
            function != F::Rtrim,
            function != F::Ltrim,
        ),
        F::Strlen => value(0).text().map_or(Value::Null, |text| Value::Number(text.chars().count() as f64)),
        F::ToUpper => value(0).text().map_or(Value::Null, |text| Value::Text(text.to_uppercase().into())),
        F::ToLower => value(0).text().map_or(Value::Null, |text| Value::Text(text.to_lowercase().into())),
        F::Substr => text::substr(value(0), &value(1), arguments.get(2).map(|code| code.value(row))),
        F::Replace => text::replace(value(0), &value(1), &value(2)),
        F::StrContains => match (value(0).text(), value(1).text()) {
            (Some(text), Some(part)) => Value::Bool(memchr::memmem::find(text.as_bytes(), part.as_bytes()).is_some()),
            _ => Value::Null,
        },
        F::FromMillis => value(0).millis().map_or(Value::Null, Value::Time),
        F::ToMillis => value(0).millis().map_or(Value::Null, |ms| Value::Number(ms as f64)),
        F::IsValidIp | F::IsValidIpV4 | F::IsValidIpV6 => address::is_valid(function, &value(0)),
        F::IsIpInSubnet | F::IsIpv4InSubnet | F::IsIpv6InSubnet => {
            address::is_in_subnet(function, &value(0), &value(1))
        }
        F::JsonParse => {
            let parse = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
            match value(0) {
                json @ Value::Json(_) => json,
                other => other.text().and_then(|text| parse(&text)).map_or(Value::Null, |json| Value::json_of(&json)),
            }
        }
        F::JsonStringify | F::ToText => value(0).into_text().map_or(Value::Null, Value::Text),
        F::Unmask => value(0),
        F::ToNumber => value(0).number().map_or(Value::Null, Value::number_of),
        F::Sin | F::Cos | F::Tan | F::Cot | F::Asin | F::Acos | F::Atan | F::Exp | F::Sign => {
            number(of_number(function))
        }
        F::Atan2 => match (value(0).number(), value(1).number()) {
            (Some(a), Some(b)) => Value::number_of(a.atan2(b)),
            _ => Value::Null,
        },
        F::Haversine => haversine([value(0), value(1), value(2), value(3)].map(|value| value.number())),
        F::UrlEncode
        | F::UrlDecode
        | F::Base64Encode
        | F::Base64Decode
        | F::Md5
        | F::Sha1
        | F::Sha256
        | F::Sha512
        | F::Crc32
        | F::HexToAscii
        | F::HexToDec => encoding::of_text(function, &value(0)),
        F::DecToHex => encoding::to_hex(&value(0)),
        F::Split => json::split(&value(0), &value(1)),
        F::JsonArraySize => json::array_size(&value(0)),
        F::JsonArrayContains => json::array_contains(&value(0), &value(1)),
        F::ArrayUnion => lists::union(&value(0), &value(1)),
        F::ArrayIntersect => lists::intersection(&value(0), &value(1)),
        F::ArrayExcept => lists::difference(&value(0), &value(1)),
        F::ArraysOverlap => lists::overlap(&value(0), &value(1)),
        F::ArrayDistinct => lists::distinct(&value(0)),
        F::Translate => text::translate(&value(0), &value(1), &value(2)),
        F::SubstringIndex => text::substring_index(value(0), &value(1), &value(2)),
        F::JsonKeys => json::keys(&value(0)),
        F::JsonValid => json::is_valid(&value(0)),
        F::JsonArray => json::array(arguments.iter().map(|code| code.value(row))),
        F::JsonObject => json::object(arguments.iter().map(|code| code.value(row))),
        F::Ipv4ToNumber => address::number(&value(0)),
        F::IsPublicIp | F::IsReservedIp => address::is_of_kind(function, &value(0)),
        F::FormatDate => dates::written(&value(0), &value(1), optional(2).as_ref()),
        F::ParseDate => dates::read(&value(0), &value(1), optional(2).as_ref()),
        F::DatePart => dates::part(&value(0), &value(1)),
        F::DateAdd => dates::later(&value(0), &value(1), &value(2)),
        F::DateDiff => dates::between(&value(0), &value(1), &value(2)),
        F::MessageSize => value(0).text().map_or(Value::Null, |text| Value::Number(text.len() as f64)),
        F::Locate => text::locate(&value(0), &value(1), optional(2)),
        F::Reverse => {
            value(0).text().map_or(Value::Null, |text| Value::Text(text.chars().rev().collect::<String>().into()))
        }
        F::Repeat => text::repeat(&value(0), &value(1)),
        F::Lpad | F::Rpad => text::pad(&value(0), &value(1), optional(2), function == F::Lpad),
        F::InitCap => text::init_cap(&value(0)),
        // Made into other code, or a constant, by the plan.
        F::Bin | F::DateFloor | F::DateCeil | F::Now | F::QueryStart | F::QueryEnd | F::QueryRange => Value::Null,
        F::RegexReplace | F::RegexExtract => Value::Null,
    }
}

/// The functions of one number.
fn of_number(function: Function) -> fn(f64) -> f64 {
    match function {
        Function::Sin => f64::sin,
        Function::Cos => f64::cos,
        Function::Tan => f64::tan,
        Function::Cot => |x| 1.0 / x.tan(),
        Function::Asin => f64::asin,
        Function::Acos => f64::acos,
        Function::Atan => f64::atan,
        Function::Exp => f64::exp,
        _ => |x| if x == 0.0 { 0.0 } else { x.signum() },
    }
}

/// The distance of two places on the globe, kilometres: latitude and longitude of each, degrees.
fn haversine(degrees: [Option<f64>; 4]) -> Value<'static> {
    /// The mean radius (IUGG).
    const RADIUS_KM: f64 = 6_371.008_8;
    let [Some(lat1), Some(lon1), Some(lat2), Some(lon2)] = degrees.map(|degrees| degrees.map(f64::to_radians)) else {
        return Value::Null;
    };
    let half = |difference: f64| (difference / 2.0).sin().powi(2);
    let part = half(lat2 - lat1) + lat1.cos() * lat2.cos() * half(lon2 - lon1);
    Value::number_of(2.0 * RADIUS_KM * part.clamp(0.0, 1.0).sqrt().asin())
}

/// To so many decimals, halves away from zero.
fn round<'e>(number: &Value<'_>, decimals: Option<Value<'_>>) -> Value<'e> {
    let decimals = decimals.map_or(Some(0.0), |decimals| decimals.number());
    let (Some(number), Some(decimals)) = (number.number(), decimals) else { return Value::Null };
    let factor = 10_f64.powi(decimals.clamp(-300.0, 300.0) as i32);
    let rounded = (number * factor).round() / factor;
    // So many decimals that they are all there.
    Value::number_of(if rounded.is_finite() { rounded } else { number })
}

fn extreme<'e>(arguments: &[Code], row: &impl Row<'e>, choose: fn(f64, f64) -> f64) -> Value<'e> {
    let numbers = arguments.iter().filter_map(|code| code.value(row).number());
    numbers.reduce(choose).map_or(Value::Null, Value::Number)
}
