//! `Filter`: a metric filter at work: which events of a batch count for its metric, and with which value.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_MetricTransformation.html> and
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/MonitoringLogData.html>.
//! - The value is a number, or a field of the event; an event whose field is absent or no number counts for nothing.
//! - Dimensions are fields too. An event that lacks one, or has a text there that no dimension may have, counts for nothing.
//! - A value lies at the time of its event, and is reported by the minute.
//! - The default value is reported for minutes in which events came in and none matched. What came in is known by batches:
//!   once for each minute, by the first batch without a match, unless an earlier one had a match. It cannot be taken back
//!   when a later batch of the minute matches; a default of 0, as most are, then changes averages, but no sum.
//! - A filter that makes more than 1,000 pairs of dimension and value within an hour of the clock is switched off: it counts
//!   no event any more until it is put anew. AWS does so too, and says neither how it tells nor when exactly.
//!
//! Where AWS says nothing, here: `$.field` need not occur in the pattern. Numbers are read from strings too. Default values
//! and dimensions exclude each other, but those from system fields do not: they are the same for all events of a group.

mod selection;
#[cfg(test)]
mod tests;

use super::tally::Tally;
use crate::cloudwatch::datum_rules::{is_dimension_name, is_dimension_value, is_metric_value};
use crate::cloudwatch::series::Metrics;
use catalog::MetricTransformation;
use model::limits::{METRIC_FILTER_DIMENSIONS_MAX, METRIC_FILTER_PAIRS_MAX};
use model::time::{HOUR, MINUTE};
use model::{LogEvent, Scope, SeriesKey, Timestamp};
use query::filter_pattern::{Fields, FilterPattern};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::hash::{BuildHasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Metrics of log events are of standard resolution.
const RESOLUTION_SECS: u8 = 60;
/// Minutes that a filter with a default value remembers at most; a batch spans at most a day.
const MINUTES_REMEMBERED: usize = 4_096;

/// What a metric filter is made of.
#[derive(Debug, Clone, Copy)]
pub struct Rule<'a> {
    /// Which events match.
    pub pattern: &'a str,
    /// The namespace of the metric.
    pub namespace: &'a str,
    /// The name of the metric.
    pub name: &'a str,
    /// All else.
    pub transformation: &'a MetricTransformation,
}

/// A metric filter, ready to match.
#[derive(Debug)]
pub struct Filter {
    pattern: FilterPattern,
    /// Those of the dimensions, then that of the value if it is one.
    fields: Fields,
    value: Value,
    series: Series,
    default_value: Option<f64>,
    /// False when no event of its group can have the system fields that it selects.
    selects: bool,
    on_transformed_logs: bool,
    memory: Mutex<Memory>,
}

#[derive(Debug)]
enum Value {
    Number(f64),
    Field,
}

/// The metric, or the metrics, of a filter.
#[derive(Debug)]
enum Series {
    One(Arc<SeriesKey>),
    ByFields(Named),
}

#[derive(Debug)]
struct Named {
    scope: Scope,
    namespace: String,
    name: String,
    unit: String,
    /// Names of dimensions in the order of the fields.
    by_field: Vec<String>,
    /// Dimensions that are the same for all events.
    fixed: Vec<(String, String)>,
}

/// What is remembered from batch to batch.
#[derive(Debug, Default)]
struct Memory {
    /// Minutes in which events matched, or for which the default value was reported.
    minutes: BTreeSet<i64>,
    /// The hour, and hashes of the pairs of dimension and value that were seen in it.
    hour: i64,
    pairs: HashSet<u64>,
    hasher: RandomState,
    is_off: bool,
}

/// What a batch means for a filter beside its datapoints.
#[derive(Debug, Default, PartialEq)]
pub struct Seen {
    /// Minutes, counted from the epoch, that need no default value any more: for [`Filter::remember`].
    pub minutes: Vec<i64>,
    /// True when the batch made the filter switch itself off.
    pub switched_off: bool,
}

impl Filter {
    /// Checks a rule and makes it ready.
    ///
    /// # Errors
    /// Why PutMetricFilter refuses it, for the client.
    pub fn new(scope: &Scope, rule: Rule<'_>) -> Result<Self, String> {
        let Rule { pattern, namespace, name, transformation } = rule;
        let pattern = FilterPattern::parse(pattern).map_err(|e| format!("Invalid filter pattern: {}", e.message))?;
        let no_dimensions = BTreeMap::new();
        let dimensions = transformation.dimensions.as_ref().unwrap_or(&no_dimensions);
        let fixed = system_dimensions(scope, transformation.system_dimensions.as_deref().unwrap_or_default())?;
        check_dimensions(&pattern, transformation, &fixed)?;
        let mut fields: Vec<&str> = dimensions.values().map(String::as_str).collect();
        pattern.fields(&fields).map_err(|_| transformation_error("dimension value must be valid selector"))?;
        let value = match transformation.value.parse::<f64>() {
            Ok(number) if is_metric_value(number) => Value::Number(number),
            _ if transformation.value.starts_with('$') => {
                fields.push(&transformation.value);
                Value::Field
            }
            _ => return Err(transformation_error("metricValue must be a number or a field of the log events")),
        };
        let of_value =
            |e: query::filter_pattern::PatternError| transformation_error(&format!("metricValue: {}", e.message));
        let fields = pattern.fields(&fields).map_err(of_value)?;
        let default_value = transformation.default_value;
        if default_value.is_some_and(|value| !is_metric_value(value)) {
            return Err(transformation_error("defaultValue is out of range"));
        }
        let selects = match transformation.field_selection.as_deref() {
            Some(criteria) => selection::selects(criteria, scope)
                .map_err(|message| format!("Invalid fieldSelectionCriteria: {message}"))?,
            None => true,
        };
        let unit = transformation.unit.as_deref().unwrap_or("None");
        let by_field = dimensions.keys().cloned().collect();
        let named = Named {
            scope: scope.clone(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
            unit: unit.to_owned(),
            by_field,
            fixed,
        };
        let series = match named.by_field.is_empty() {
            true => Series::One(named.key(&[])),
            false => Series::ByFields(named),
        };
        let on_transformed_logs = transformation.on_transformed_logs == Some(true);
        let memory = Mutex::default();
        Ok(Self { pattern, fields, value, series, default_value, selects, on_transformed_logs, memory })
    }

    /// Whether it looks at events as the transformer of their group makes them.
    pub fn on_transformed_logs(&self) -> bool {
        self.on_transformed_logs
    }

    /// Whether its pattern has a regular expression.
    pub fn has_regex(&self) -> bool {
        self.pattern.has_regex()
    }

    /// Counts the values that the events of a batch have for the metric. May take long: a pattern is the user's.
    pub fn count(&self, events: &[LogEvent], now: Timestamp, tally: &mut Tally) -> Seen {
        if !self.selects || self.memory().is_off {
            return Seen::default();
        }
        let mut matched = BTreeSet::new();
        let mut groups = Groups::default();
        for event in events {
            let Some(values) = self.pattern.select(&event.message, &self.fields) else { continue };
            if self.default_value.is_some() {
                matched.insert(minute(event));
            }
            let Some(value) = self.value_of(&values) else { continue };
            match &self.series {
                Series::One(series) => tally.add(series, event.timestamp, RESOLUTION_SECS, value),
                Series::ByFields(named) => groups.add(named.texts(values), event.timestamp, value),
            }
        }
        let minutes = self.report_default(events, matched, tally);
        let switched_off = match &self.series {
            Series::ByFields(named) => self.report_groups(named, groups, now, tally),
            Series::One(_) => false,
        };
        Seen { minutes, switched_off }
    }

    /// Takes note of the minutes of a batch, once it is stored.
    pub fn remember(&self, seen: &Seen) {
        let mut memory = self.memory();
        memory.minutes.extend(&seen.minutes);
        while memory.minutes.len() > MINUTES_REMEMBERED {
            memory.minutes.pop_first();
        }
    }

    fn value_of(&self, values: &[Option<Cow<'_, str>>]) -> Option<f64> {
        match self.value {
            Value::Number(number) => Some(number),
            Value::Field => {
                let text = values.last()?.as_deref()?;
                text.trim().parse().ok().filter(|&value| is_metric_value(value))
            }
        }
    }

    /// The default value for minutes of the batch without a match; gives the minutes that are done with.
    fn report_default(&self, events: &[LogEvent], matched: BTreeSet<i64>, tally: &mut Tally) -> Vec<i64> {
        let (Some(value), Series::One(series)) = (self.default_value, &self.series) else { return Vec::new() };
        let came: BTreeSet<i64> = events.iter().map(minute).collect();
        let memory = self.memory();
        for minute in came.difference(&matched).filter(|minute| !memory.minutes.contains(minute)) {
            tally.add(series, Timestamp(minute.saturating_mul(MINUTE)), RESOLUTION_SECS, value);
        }
        came.into_iter().collect()
    }

    /// The values by dimension, as far as the filter may make them; true when it switched itself off at one.
    fn report_groups(&self, named: &Named, groups: Groups, now: Timestamp, tally: &mut Tally) -> bool {
        for group in groups.list {
            if !self.memory().admits(&named.by_field, &group.texts, now) {
                return true;
            }
            let key = named.key(&group.texts);
            for (at, value) in group.values {
                tally.add(&key, at, RESOLUTION_SECS, value);
            }
        }
        false
    }

    fn memory(&self) -> MutexGuard<'_, Memory> {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Memory {
    /// Notes pairs of dimension and value; false, and the filter is off, when they are too many.
    fn admits(&mut self, names: &[String], texts: &[String], now: Timestamp) -> bool {
        let hour = now.0.div_euclid(HOUR);
        if self.hour != hour {
            self.hour = hour;
            self.pairs.clear();
        }
        for pair in names.iter().zip(texts) {
            self.pairs.insert(self.hasher.hash_one(pair));
        }
        self.is_off |= self.pairs.len() > METRIC_FILTER_PAIRS_MAX;
        !self.is_off
    }
}

impl Named {
    /// The metric of these values of the fields.
    fn key(&self, texts: &[String]) -> Arc<SeriesKey> {
        let by_field = self.by_field.iter().zip(texts).map(|(name, text)| (name.as_str(), text.as_str()));
        let fixed = self.fixed.iter().map(|(name, text)| (name.as_str(), text.as_str()));
        let mut dimensions: Vec<(&str, &str)> = by_field.chain(fixed).collect();
        dimensions.sort_unstable();
        Metrics::new(&self.scope, &self.namespace).key(&self.name, dimensions.into_iter(), &self.unit)
    }

    /// The values of the dimensions' fields; `None` when one is absent or cannot be that of a dimension.
    fn texts<'a>(&self, values: Vec<Option<Cow<'a, str>>>) -> Option<Vec<Cow<'a, str>>> {
        let texts: Vec<_> = values.into_iter().take(self.by_field.len()).collect::<Option<_>>()?;
        texts.iter().all(|text| is_dimension_value(text)).then_some(texts)
    }
}

/// The values of a batch by those of their dimensions, in the order in which they first came.
#[derive(Debug, Default)]
struct Groups {
    places: HashMap<Vec<u8>, usize, foldhash::quality::RandomState>,
    list: Vec<Group>,
}

#[derive(Debug)]
struct Group {
    texts: Vec<String>,
    values: Vec<(Timestamp, f64)>,
}

impl Groups {
    fn add(&mut self, texts: Option<Vec<Cow<'_, str>>>, at: Timestamp, value: f64) {
        let Some(texts) = texts else { return };
        let mut spelling = Vec::with_capacity(64);
        for text in &texts {
            spelling.extend_from_slice(text.as_bytes());
            // No dimension holds a control character.
            spelling.push(0);
        }
        let place = *self.places.entry(spelling).or_insert_with(|| {
            let texts = texts.into_iter().map(Cow::into_owned).collect();
            self.list.push(Group { texts, values: Vec::new() });
            self.list.len() - 1
        });
        if let Some(group) = self.list.get_mut(place) {
            group.values.push((at, value));
        }
    }
}

fn minute(event: &LogEvent) -> i64 {
    event.timestamp.0.div_euclid(MINUTE)
}

fn transformation_error(message: &str) -> String {
    format!("Invalid metric transformation: {message}")
}

fn check_dimensions(
    pattern: &FilterPattern,
    transformation: &MetricTransformation,
    fixed: &[(String, String)],
) -> Result<(), String> {
    let dimensions = transformation.dimensions.iter().flatten();
    let count = transformation.dimensions.as_ref().map_or(0, BTreeMap::len);
    if count > 0 && transformation.default_value.is_some() {
        return Err(transformation_error("dimensions and default value are mutually exclusive properties"));
    }
    if count + fixed.len() > METRIC_FILTER_DIMENSIONS_MAX {
        return Err(transformation_error(&format!("at most {METRIC_FILTER_DIMENSIONS_MAX} dimensions are allowed")));
    }
    if count > 0 && !pattern.has_fields() {
        return Err("The specified filter pattern does not support dimensions".to_owned());
    }
    for (name, _) in dimensions {
        if !is_dimension_name(name) {
            return Err(transformation_error("dimension name must be printable ASCII and not begin with a colon"));
        }
        if fixed.iter().any(|(field, _)| field == name) {
            return Err(transformation_error(&format!("dimension {name} is specified more than once")));
        }
    }
    Ok(())
}

/// The dimensions that system fields make.
fn system_dimensions(scope: &Scope, fields: &[String]) -> Result<Vec<(String, String)>, String> {
    let distinct: BTreeSet<&String> = fields.iter().collect();
    let dimension = |field: &String| {
        let value = selection::system_field(scope, field)?;
        Some((field.clone(), value.to_owned()))
    };
    let dimensions: Option<Vec<_>> = distinct.into_iter().map(dimension).collect();
    dimensions
        .ok_or_else(|| "Invalid emitSystemFieldDimensions: valid values are @aws.account and @aws.region".to_owned())
}
