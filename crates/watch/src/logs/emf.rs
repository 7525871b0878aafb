//! The embedded metric format: datapoints inside log events that are JSON documents with an `_aws` member.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>.
//! - `_aws.CloudWatchMetrics` lists directives; each names metrics and sets of dimensions, and every metric is reported once
//!   for every set. Names refer to members of the root, never deeper: `A.a` is a member with a dot in its name.
//! - A metric is a number or an array of at most 100; a dimension is a text. At most 100 metrics in a directive and 30
//!   dimensions in a set; units, names and numbers are those of PutMetricData; `StorageResolution` is 1 or 60.
//! - `Timestamp` is a number of milliseconds from two weeks ago to two hours ahead.
//! - Text before the document is let pass, as Lambda writes time and request before a line; text after it is not.
//! - The event is stored as it is, whatever becomes of its metrics.
//!
//! Where AWS says nothing, here:
//! - A document that is no JSON, or whose `_aws` cannot be read, counts for `EMFParsingErrors`. One that breaks a rule inside a
//!   directive loses that directive, one with a wrong or no timestamp loses all, and either counts for
//!   `EMFValidationErrors`. JSON without `_aws.CloudWatchMetrics` at its root is an ordinary event.
//! - Without `Dimensions`, or with none in the list, metrics are reported once, without dimensions: libraries rely on it.
//! - A document has at most 100,000 values, each counted for each set; a metric's text has at most 8 KiB.

mod document;
#[cfg(test)]
mod tests;

use super::tally::Tally;
use crate::cloudwatch::datum_rules::{
    DIMENSION_VALUE_BYTES_MAX, NAME_BYTES_MAX, UNITS, is_dimension_name, is_dimension_value, is_metric_value,
};
use crate::cloudwatch::series::Metrics;
use document::{Definition, Directive, Document, Text};
use memchr::memmem::Finder;
use model::limits::{
    EMF_DOCUMENT_VALUES_MAX, EMF_METRICS_MAX, METRIC_DIMENSIONS_MAX, METRIC_FUTURE_MS_MAX, METRIC_PAST_MS_MAX,
};
use model::{Scope, Timestamp};
use std::borrow::Cow;
use std::ops::AddAssign;
use std::sync::LazyLock;

/// Longest text of a metric's member, bytes: a hundred numbers and to spare. It may be read once for each reference.
const METRIC_TEXT_BYTES_MAX: usize = 8 * 1024;
/// Longest text of a dimension's member, bytes, when every character is escaped.
const DIMENSION_TEXT_BYTES_MAX: usize = 6 * DIMENSION_VALUE_BYTES_MAX + 2;

/// How many mistakes were found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Errors {
    /// Documents that could not be read.
    pub parsing: u64,
    /// Directives, or whole documents, that break the rules.
    pub validation: u64,
}

impl AddAssign for Errors {
    fn add_assign(&mut self, other: Self) {
        self.parsing += other.parsing;
        self.validation += other.validation;
    }
}

/// Whether a log event may be a document of the format. Costs next to nothing, and says no to ordinary lines.
pub fn is_candidate(message: &str) -> bool {
    static DIRECTIVES: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"CloudWatchMetrics\""));
    static METADATA: LazyLock<Finder<'static>> = LazyLock::new(|| Finder::new("\"_aws\""));
    let bytes = message.as_bytes();
    DIRECTIVES.find(bytes).is_some() && METADATA.find(bytes).is_some()
}

/// Counts the values of a log event's metrics, if it is a document of the format.
pub fn count(message: &str, scope: &Scope, now: Timestamp, tally: &mut Tally) -> Errors {
    let Some(text) = message.find('{').and_then(|begin| message.get(begin..)) else { return Errors::default() };
    let document = match Document::read(text) {
        Ok(Some(document)) => document,
        Ok(None) => return Errors::default(),
        Err(_) => return Errors { parsing: 1, validation: 0 },
    };
    let Some(at) = document.timestamp.and_then(|time| timestamp(time.get(), now)) else {
        return Errors { parsing: 0, validation: 1 };
    };
    let mut values_left = EMF_DOCUMENT_VALUES_MAX;
    let mut validation = 0;
    for directive in &document.directives {
        let read = document::directive(directive.get());
        match read.as_ref().and_then(|directive| resolve(directive, &document, &mut values_left)) {
            Some(resolved) => resolved.count(scope, at, tally),
            None => validation += 1,
        }
    }
    Errors { parsing: 0, validation }
}

/// Reports mistakes as AWS does, as metrics of the log group.
pub fn report(errors: Errors, scope: &Scope, group_name: &str, now: Timestamp, tally: &mut Tally) {
    let mut metrics = Metrics::new(scope, "AWS/Logs");
    for (name, count) in [("EMFParsingErrors", errors.parsing), ("EMFValidationErrors", errors.validation)] {
        if count > 0 {
            let series = metrics.key(name, [("LogGroupName", group_name)].into_iter(), "None");
            tally.add(&series, now, 60, count as f64);
        }
    }
}

/// A directive whose names are found and whose rules are kept.
struct Resolved<'a> {
    namespace: &'a str,
    /// Sorted by name.
    sets: Vec<Vec<(&'a str, Cow<'a, str>)>>,
    metrics: Vec<Metric<'a>>,
}

struct Metric<'a> {
    name: &'a str,
    unit: &'a str,
    resolution_secs: u8,
    values: Vec<f64>,
}

impl Resolved<'_> {
    fn count(&self, scope: &Scope, at: Timestamp, tally: &mut Tally) {
        let mut metrics = Metrics::new(scope, self.namespace);
        for set in &self.sets {
            let dimensions = set.iter().map(|(name, value)| (*name, value.as_ref()));
            for metric in self.metrics.iter().filter(|metric| !metric.values.is_empty()) {
                let series = metrics.key(metric.name, dimensions.clone(), metric.unit);
                for &value in &metric.values {
                    tally.add(&series, at, metric.resolution_secs, value);
                }
            }
        }
    }
}

fn timestamp(text: &str, now: Timestamp) -> Option<Timestamp> {
    let ms = serde_json::from_str::<f64>(text).ok()?;
    let time = Timestamp(ms as i64);
    (now - METRIC_PAST_MS_MAX <= time && time <= now + METRIC_FUTURE_MS_MAX).then_some(time)
}

/// `None` when the directive breaks a rule.
fn resolve<'a>(
    directive: &'a Directive<'a>,
    document: &'a Document<'a>,
    values_left: &mut usize,
) -> Option<Resolved<'a>> {
    let namespace = directive.namespace.as_str();
    let sets_count = directive.dimensions.len().max(1);
    let names_fit = is_name(namespace) && !namespace.starts_with(':') && directive.metrics.len() <= EMF_METRICS_MAX;
    if !names_fit || sets_count > *values_left {
        return None;
    }
    let metrics: Vec<Metric<'_>> = directive.metrics.iter().map(|m| metric(&m.0, document)).collect::<Option<_>>()?;
    let values = metrics.iter().map(|metric| metric.values.len()).sum::<usize>() * sets_count;
    *values_left = values_left.checked_sub(values)?;
    let mut sets: Vec<_> = directive.dimensions.iter().map(|set| dimensions(set, document)).collect::<Option<_>>()?;
    if sets.is_empty() {
        sets.push(Vec::new());
    }
    Some(Resolved { namespace, sets, metrics })
}

fn metric<'a>(definition: &'a Definition<'a>, document: &'a Document<'a>) -> Option<Metric<'a>> {
    let name = definition.name.as_str();
    let unit = definition.unit.as_ref().map_or("None", Text::as_str);
    let resolution_secs = match definition.storage_resolution {
        None => 60,
        Some(60.0) => 60,
        Some(1.0) => 1,
        Some(_) => return None,
    };
    let text = document.members.get(name)?.get();
    if !is_name(name) || !UNITS.contains(&unit) || text.len() > METRIC_TEXT_BYTES_MAX {
        return None;
    }
    let values = document::numbers(text)?;
    values.iter().all(|&value| is_metric_value(value)).then_some(Metric { name, unit, resolution_secs, values })
}

fn dimensions<'a>(set: &'a [Text<'a>], document: &'a Document<'a>) -> Option<Vec<(&'a str, Cow<'a, str>)>> {
    if set.len() > METRIC_DIMENSIONS_MAX {
        return None;
    }
    let mut found = Vec::with_capacity(set.len());
    for name in set {
        let name = name.as_str();
        let text = document.members.get(name)?.get();
        if text.len() > DIMENSION_TEXT_BYTES_MAX {
            return None;
        }
        let value = serde_json::from_str::<Text<'_>>(text).ok()?.0;
        if !is_dimension_name(name) || !is_dimension_value(&value) {
            return None;
        }
        found.push((name, value));
    }
    found.sort_unstable_by_key(|&(name, _)| name);
    let is_unique = found.is_sorted_by(|(a, _), (b, _)| a < b);
    is_unique.then_some(found)
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.len() <= NAME_BYTES_MAX
}
