//! `PromValue`: an answer, and how the Prometheus HTTP API writes it.

use super::Labels;
use std::fmt::Write;

/// An answer. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq)]
pub enum PromValue {
    /// A number at a time.
    Scalar(i64, f64),
    /// A text at a time.
    Text(i64, String),
    /// Series with one value each, at one time.
    Vector(Vec<(Labels, i64, f64)>),
    /// Series with their points, ascending by time and never empty.
    Matrix(Vec<(Labels, Vec<(i64, f64)>)>),
}

impl PromValue {
    /// `{"resultType":…,"result":…}`: the field `data` of an answer.
    pub fn to_json(&self) -> String {
        let mut out = String::new();
        self.write(&mut out);
        out
    }

    /// Leaves the first `limit` series (a request's parameter `limit`); true when there were more.
    pub fn truncate(&mut self, limit: usize) -> bool {
        let before = match self {
            PromValue::Scalar(..) | PromValue::Text(..) => return false,
            PromValue::Vector(series) => {
                let before = series.len();
                series.truncate(limit);
                before
            }
            PromValue::Matrix(series) => {
                let before = series.len();
                series.truncate(limit);
                before
            }
        };
        before > limit
    }

    fn write(&self, out: &mut String) {
        match self {
            PromValue::Scalar(time, value) => {
                out.push_str("{\"resultType\":\"scalar\",\"result\":");
                write_point(out, *time, *value);
            }
            PromValue::Text(time, text) => {
                out.push_str("{\"resultType\":\"string\",\"result\":[");
                write_time(out, *time);
                out.push(',');
                write_text(out, text);
                out.push(']');
            }
            PromValue::Vector(series) => {
                out.push_str("{\"resultType\":\"vector\",\"result\":[");
                separated(out, series, |out, (labels, time, value)| {
                    write_metric(out, labels);
                    out.push_str(",\"value\":");
                    write_point(out, *time, *value);
                    out.push('}');
                });
                out.push(']');
            }
            PromValue::Matrix(series) => {
                out.push_str("{\"resultType\":\"matrix\",\"result\":[");
                separated(out, series, |out, (labels, points)| {
                    write_metric(out, labels);
                    out.push_str(",\"values\":[");
                    separated(out, points, |out, &(time, value)| write_point(out, time, value));
                    out.push_str("]}");
                });
                out.push(']');
            }
        }
        out.push('}');
    }
}

fn separated<T>(out: &mut String, items: &[T], mut write: impl FnMut(&mut String, &T)) {
    for (at, item) in items.iter().enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
}

/// An object that is left open.
fn write_metric(out: &mut String, labels: &Labels) {
    out.push_str("{\"metric\":{");
    let pairs: Vec<_> = labels.iter().collect();
    separated(out, &pairs, |out, (name, value)| {
        write_text(out, name);
        out.push(':');
        write_text(out, value);
    });
    out.push('}');
}

fn write_point(out: &mut String, time: i64, value: f64) {
    out.push('[');
    write_time(out, time);
    out.push_str(",\"");
    out.push_str(&number(value));
    out.push_str("\"]");
}

/// Seconds, with three decimals unless they are whole.
fn write_time(out: &mut String, time: i64) {
    let (sign, millis) = (if time < 0 { "-" } else { "" }, time.unsigned_abs());
    let written = match millis % 1000 {
        0 => write!(out, "{sign}{}", millis / 1000),
        fraction => write!(out, "{sign}{}.{fraction:03}", millis / 1000),
    };
    // A String takes all.
    debug_assert!(written.is_ok());
}

fn write_text(out: &mut String, text: &str) {
    out.push_str(&serde_json::Value::from(text).to_string());
}

/// A number as Go writes it in JSON: plain digits, with an exponent below 1e-6 and from 1e21.
fn number(value: f64) -> String {
    let size = value.abs();
    let is_plain = size == 0.0 || !value.is_finite() || (1e-6..1e21).contains(&size);
    if is_plain {
        return plain_number(value);
    }
    let text = format!("{value:e}");
    let (digits, exponent) = text.split_once('e').unwrap_or((&text, "0"));
    let (sign, exponent) = exponent.strip_prefix('-').map_or(('+', exponent), |exponent| ('-', exponent));
    format!("{digits}e{sign}{exponent:0>2}")
}

/// A number as Go's format `f` writes it with the fewest digits that say it exactly.
pub(super) fn plain_number(value: f64) -> String {
    match value {
        f64::INFINITY => "+Inf".to_owned(),
        f64::NEG_INFINITY => "-Inf".to_owned(),
        _ => value.to_string(),
    }
}
