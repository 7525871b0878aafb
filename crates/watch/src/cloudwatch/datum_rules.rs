//! What a metric datum may consist of: the rules that PutMetricData, metric filters and the embedded metric format share.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_MetricDatum.html> and its `Dimension`.

use model::limits::METRIC_VALUE_MAX;

/// Longest name of a namespace, metric or dimension, bytes.
pub const NAME_BYTES_MAX: usize = 255;
/// Longest value of a dimension, bytes.
pub const DIMENSION_VALUE_BYTES_MAX: usize = 1_024;

/// The units of CloudWatch.
pub const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// What is wrong with a name, or the value of a dimension.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextMistake {
    /// Characters other than ASCII.
    NonAscii,
    /// Nothing but white space.
    Blank,
    /// A control character.
    Control,
}

/// What is wrong with a name, or the value of a dimension, lengths aside.
pub fn text_mistake(text: &str) -> Option<TextMistake> {
    // As nearly all are, seen in one pass.
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    if !text.is_ascii() {
        return Some(TextMistake::NonAscii);
    }
    if text.bytes().all(|byte| byte.is_ascii_whitespace()) {
        return Some(TextMistake::Blank);
    }
    let has_control = text.bytes().fold(false, |found, byte| found | byte.is_ascii_control());
    has_control.then_some(TextMistake::Control)
}

/// Whether a dimension may have this name.
pub fn is_dimension_name(name: &str) -> bool {
    name.len() <= NAME_BYTES_MAX && !name.starts_with(':') && text_mistake(name).is_none()
}

/// Whether a dimension may have this value.
pub fn is_dimension_value(value: &str) -> bool {
    value.len() <= DIMENSION_VALUE_BYTES_MAX && text_mistake(value).is_none()
}

/// Whether a metric may have this value: neither NaN nor infinite, and within ±2^360.
pub fn is_metric_value(value: f64) -> bool {
    value.abs() <= METRIC_VALUE_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dimensions_are_printable_ascii() {
        for name in ["a", "a b", "A.b-c/d#e", " x ", &"n".repeat(255)] {
            assert!(is_dimension_name(name), "{name}");
        }
        for name in ["", " ", "\t", "é", ":a", "a\nb", "a\u{7f}", &"n".repeat(256)] {
            assert!(!is_dimension_name(name), "{name}");
        }
        assert!(is_dimension_value(":a") && is_dimension_value(&"v".repeat(1_024)));
        assert!(!is_dimension_value(&"v".repeat(1_025)) && !is_dimension_value(""));
    }

    #[test]
    fn values_are_finite_and_not_too_large() {
        assert!([0.0, -1.5, 2f64.powi(360), -(2f64.powi(360))].into_iter().all(is_metric_value));
        assert!(![f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 2f64.powi(361)].into_iter().any(is_metric_value));
    }
}
