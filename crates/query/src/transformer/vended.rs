//! Parsers of AWS's own logs: CloudFront, Route 53, RDS for PostgreSQL, VPC flow logs, WAF.

use super::fields::number;
use super::{ConfigError, Fields, TransformError};
use regex::Regex;
use serde_json::Value;

/// A format of one of AWS's services.
#[derive(Debug)]
pub(super) enum Format {
    Cloudfront,
    Postgres(Regex),
    Route53,
    Vpc,
    Waf,
}

const CLOUDFRONT: [&str; 33] = [
    "date",
    "time",
    "x-edge-location",
    "sc-bytes",
    "c-ip",
    "cs-method",
    "cs(Host)",
    "cs-uri-stem",
    "sc-status",
    "cs(Referer)",
    "cs(User-Agent)",
    "cs-uri-query",
    "cs(Cookie)",
    "x-edge-result-type",
    "x-edge-request-id",
    "x-host-header",
    "cs-protocol",
    "cs-bytes",
    "time-taken",
    "x-forwarded-for",
    "ssl-protocol",
    "ssl-cipher",
    "x-edge-response-result-type",
    "cs-protocol-version",
    "fle-status",
    "fle-encrypted-fields",
    "c-port",
    "time-to-first-byte",
    "x-edge-detailed-result-type",
    "sc-content-type",
    "sc-content-len",
    "sc-range-start",
    "sc-range-end",
];
const ROUTE53: [&str; 10] = [
    "version",
    "queryTimestamp",
    "hostZoneId",
    "queryName",
    "queryType",
    "responseCode",
    "protocol",
    "edgeLocation",
    "resolverIp",
    "ednsClientSubnet",
];
const VPC: [&str; 14] = [
    "version",
    "accountId",
    "interfaceId",
    "srcAddr",
    "dstAddr",
    "srcPort",
    "dstPort",
    "protocol",
    "packets",
    "bytes",
    "start",
    "end",
    "action",
    "logStatus",
];
const POSTGRES: [&str; 6] = ["logTime", "srcIp", "userName", "dbName", "processId", "logLevel"];

fn failed<T>(what: &str) -> Result<T, TransformError> {
    Err(TransformError(what.to_owned()))
}

impl Format {
    /// The prefix `%t:%r:%u@%d:[%p]:`, and the level.
    pub fn postgres() -> Result<Self, ConfigError> {
        let pattern =
            r"^([0-9]{4}-[0-9]{2}-[0-9]{2} [0-9:.]+ [^: ]+):(.*?):([^:@]*)@([^:]*):\[([0-9]+)\]:([A-Z]+[0-9]?):";
        Regex::new(pattern).map(Format::Postgres).map_err(|error| ConfigError(error.to_string()))
    }

    pub fn parse(&self, line: &str, fields: &mut Fields) -> Result<(), TransformError> {
        match self {
            Format::Cloudfront => cloudfront(line, fields),
            Format::Postgres(pattern) => postgres(pattern, line, fields),
            Format::Route53 => {
                let Some(words) = words(line, ROUTE53.len()) else { return failed("not a Route 53 query log") };
                let numbered = |(name, text): (&str, &str)| match name {
                    "version" => (name.to_owned(), version(text)),
                    _ => (name.to_owned(), decoded(text).into()),
                };
                fields.extend(ROUTE53.into_iter().zip(words).map(numbered));
                Ok(())
            }
            Format::Vpc => {
                let Some(words) = words(line, VPC.len()) else { return failed("not a VPC flow log") };
                let typed = |(name, text): (&str, &str)| match name {
                    // An account begins with a zero at times.
                    "accountId" => (name.to_owned(), text.into()),
                    _ => (name.to_owned(), number(text).unwrap_or_else(|| decoded(text).into())),
                };
                fields.extend(VPC.into_iter().zip(words).map(typed));
                Ok(())
            }
            Format::Waf => waf(line, fields),
        }
    }
}

/// The words of a line, when there are so many.
fn words(line: &str, count: usize) -> Option<Vec<&str>> {
    let words: Vec<&str> = line.split_ascii_whitespace().take(count + 1).collect();
    (words.len() == count).then_some(words)
}

/// `1.0` stays a number with a fraction.
fn version(text: &str) -> Value {
    text.parse::<f64>().ok().filter(|number| number.is_finite()).map_or_else(|| text.into(), Value::from)
}

fn cloudfront(line: &str, fields: &mut Fields) -> Result<(), TransformError> {
    let Some(words) = words(line, CLOUDFRONT.len()) else { return failed("not a CloudFront access log") };
    let typed = |(name, text): (&str, &str)| (name.to_owned(), number(text).unwrap_or_else(|| decoded(text).into()));
    fields.extend(CLOUDFRONT.into_iter().zip(words).map(typed));
    Ok(())
}

fn postgres(pattern: &Regex, line: &str, fields: &mut Fields) -> Result<(), TransformError> {
    let Some(captures) = pattern.captures(line) else { return failed("not a log of RDS for PostgreSQL") };
    for (name, group) in POSTGRES.into_iter().zip(captures.iter().skip(1).flatten()) {
        fields.insert(name.to_owned(), group.as_str().into());
    }
    Ok(())
}

/// Headers by their names, and labels.
fn waf(line: &str, fields: &mut Fields) -> Result<(), TransformError> {
    let Ok(Value::Object(mut object)) = serde_json::from_str(line) else { return failed("not a WAF log") };
    if let Some(Value::Array(headers)) = object.get_mut("httpRequest").and_then(|request| request.get_mut("headers")) {
        let pair = |header: &mut Value| {
            let name = header.get("name")?.as_str()?.to_owned();
            Some((name, header.get_mut("value").map_or(Value::Null, Value::take)))
        };
        let named: Fields = headers.iter_mut().filter_map(pair).collect();
        if let Some(headers) = object.get_mut("httpRequest").and_then(|request| request.get_mut("headers")) {
            *headers = Value::Object(named);
        }
    }
    if let Some(labels) = object.get_mut("labels")
        && let Value::Array(list) = labels
    {
        let mut merged = Fields::new();
        for (key, value) in list.iter().filter_map(Value::as_object).flatten() {
            match merged.get_mut(key) {
                None => drop(merged.insert(key.clone(), value.clone())),
                Some(Value::Array(values)) => values.push(value.clone()),
                Some(one) => *one = Value::Array(vec![one.take(), value.clone()]),
            }
        }
        *labels = Value::Object(merged);
    }
    fields.extend(object);
    Ok(())
}

/// Percent signs decoded, where they stand for UTF-8.
fn decoded(text: &str) -> String {
    if !text.contains('%') {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let mut plain = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        let hex = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (byte, hex(at + 1), hex(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                plain.push((high * 16 + low) as u8);
                at += 3;
            }
            _ => {
                plain.push(byte);
                at += 1;
            }
        }
    }
    String::from_utf8(plain).unwrap_or_else(|_| text.to_owned())
}
