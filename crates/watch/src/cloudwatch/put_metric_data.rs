//! PutMetricData: takes up to 1000 datums, checks every one, and makes them durable in one append, all or none.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricData.html>. Exactly one of Value,
//! Values (with Counts) and StatisticValues; numbers within ±2^360; timestamps from two weeks ago to two hours ahead; names
//! of namespaces and metrics, names and values of dimensions in printable ASCII.
//!
//! A bad entity is an error under StrictEntityValidation; otherwise the data are taken and the header
//! `X-Amzn-Failure-Message` says what is wrong with it.
//!
//! What differs: new metrics are listed and readable at once. Namespaces beginning `AWS/` are accepted, because proxies and
//! importers write them. Entities are checked but not kept.

use super::datum_rules::{TextMistake, is_metric_value, text_mistake};
use super::refuse;
use super::series::Metrics;
use crate::{Watch, entity};
use model::limits::{
    METRIC_DATUMS_MAX, METRIC_DIMENSIONS_MAX, METRIC_FUTURE_MS_MAX, METRIC_PAST_MS_MAX, METRIC_VALUE_MAX,
    METRIC_VALUES_MAX,
};
use model::time::SECOND;
use model::{Batch, Caller, Datapoint, Observation, Pairs, Scope, Timestamp};
use std::fmt;
use std::sync::{Arc, OnceLock};
use wire::cloudwatch::{Dimension, MetricDatum, PutMetricData, PutMetricDataInput, StatisticSet};
use wire::shape::Empty;
use wire::{Access, Answer, ApiError, BoxFuture, Call};

#[cfg(test)]
mod tests;

/// Most entities in a call.
const ENTITIES_MAX: usize = 2;

/// The call with its header: the one answer of this plane that is more than its body.
pub fn call<'a>(watch: &'a Watch, caller: &'a Caller, call: Call<'a>) -> BoxFuture<'a, Answer> {
    Box::pin(async move {
        let mistake = Arc::new(OnceLock::new());
        let told = Arc::clone(&mistake);
        let put = move |input| put_metric_data(watch, caller, input, told);
        let mut answer = wire::operation::run::<PutMetricData, _, _>(Access::Write, call, put).await;
        if let (None, Some(mistake)) = (&answer.error, mistake.get()) {
            let mistake: &&'static str = mistake;
            answer.response.headers.push(("x-amzn-failure-message", (*mistake).to_owned()));
        }
        answer
    })
}

async fn put_metric_data(
    watch: &Watch,
    caller: &Caller,
    input: PutMetricDataInput,
    told: Arc<OnceLock<&'static str>>,
) -> Result<Empty, ApiError> {
    let accepted = accept(&caller.scope, input, watch.clock.now())?;
    watch.store.append(Batch { datapoints: accepted.datapoints, ..Batch::default() }).await?;
    if let Some(mistake) = accepted.entity_mistake {
        // Set once per call, so it cannot be set already.
        let _ = told.set(mistake);
    }
    Ok(Empty {})
}

/// Stores the server's own metrics by the same rules and the same append as a client's.
///
/// # Errors
/// Whatever PutMetricData would answer.
pub async fn publish(watch: &Watch, scope: &Scope, namespace: &str, data: Vec<MetricDatum>) -> Result<(), ApiError> {
    let input = PutMetricDataInput {
        namespace: namespace.to_owned(),
        metric_data: Some(data),
        ..PutMetricDataInput::default()
    };
    let datapoints = accept(scope, input, watch.clock.now())?.datapoints;
    watch.store.append(Batch { datapoints, ..Batch::default() }).await?;
    Ok(())
}

/// Where a datum stands in the request; text only when it is refused.
#[derive(Debug, Clone, Copy)]
struct At {
    entity: Option<usize>,
    index: usize,
}

impl fmt::Display for At {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(entity) = self.entity {
            write!(f, "EntityMetricData.member.{}.", entity + 1)?;
        }
        write!(f, "MetricData.member.{}", self.index + 1)
    }
}

/// A request that passed.
#[derive(Debug)]
struct Accepted {
    datapoints: Vec<Datapoint>,
    /// What is wrong with an entity, in AWS's word, when that is no error.
    entity_mistake: Option<&'static str>,
}

/// Checks the whole request and turns it into datapoints.
fn accept(scope: &Scope, input: PutMetricDataInput, now: Timestamp) -> Result<Accepted, ApiError> {
    let entities = input.entity_metric_data.unwrap_or_default();
    let data = input.metric_data.unwrap_or_default();
    let count = data.len() + entities.iter().map(|e| e.metric_data.as_ref().map_or(0, Vec::len)).sum::<usize>();
    if count == 0 {
        return Err(refuse::missing("MetricData"));
    }
    if count > METRIC_DATUMS_MAX {
        return Err(refuse::value(refuse::too_many("MetricData", METRIC_DATUMS_MAX)));
    }
    if entities.len() > ENTITIES_MAX {
        return Err(refuse::value(refuse::too_many("EntityMetricData", ENTITIES_MAX)));
    }
    check_text(&input.namespace, "Namespace")?;
    let mut datapoints = Vec::with_capacity(count);
    let mut entity_mistake = None;
    let mut context = Context { metrics: Metrics::new(scope, &input.namespace), now };
    for (index, datum) in data.iter().enumerate() {
        datapoints.push(context.datapoint(datum, At { entity: None, index })?);
    }
    for (number, entity) in entities.into_iter().enumerate() {
        let stated = entity.entity.unwrap_or_default();
        if let Some(mistake) = entity::mistake(stated.key_attributes.as_ref(), stated.attributes.as_ref()) {
            if input.strict_entity_validation == Some(true) {
                return Err(refuse::value(format!(
                    "The parameter EntityMetricData.member.{}.Entity is invalid: {mistake}.",
                    number + 1
                )));
            }
            entity_mistake.get_or_insert(mistake);
        }
        for (index, datum) in entity.metric_data.iter().flatten().enumerate() {
            datapoints.push(context.datapoint(datum, At { entity: Some(number), index })?);
        }
    }
    Ok(Accepted { datapoints, entity_mistake })
}

struct Context<'a> {
    metrics: Metrics<'a>,
    now: Timestamp,
}

impl Context<'_> {
    fn datapoint(&mut self, datum: &MetricDatum, at: At) -> Result<Datapoint, ApiError> {
        let MetricDatum { metric_name, dimensions, timestamp, unit, storage_resolution, .. } = datum;
        let timestamp = self.timestamp(*timestamp, at)?;
        let resolution_secs = match storage_resolution {
            None | Some(60) => 60,
            Some(1) => 1,
            Some(_) => {
                let message = format!("The parameter {at}.StorageResolution must be a value in the set [ 1, 60 ].");
                return Err(refuse::value(message));
            }
        };
        let unit = unit.as_deref().unwrap_or("None");
        let name = metric_name.as_str();
        check_text(name, format_args!("{at}.MetricName"))?;
        let dimensions = dimensions.as_deref().unwrap_or_default();
        check_dimensions(dimensions, at)?;
        let series = if dimensions.is_sorted_by(|a, b| a.name < b.name) {
            self.metrics.key(name, pairs(dimensions), unit)
        } else {
            let mut sorted = dimensions.to_vec();
            sorted.sort_by(|a, b| a.name.cmp(&b.name));
            check_unique(&sorted, dimensions, at)?;
            self.metrics.key(name, pairs(&sorted), unit)
        };
        Ok(Datapoint { series, timestamp, resolution_secs, observation: observation(datum, at)? })
    }

    fn timestamp(&self, timestamp: Option<Timestamp>, at: At) -> Result<Timestamp, ApiError> {
        let timestamp = timestamp.unwrap_or(self.now);
        let age = self.now - timestamp;
        let limit = if age > METRIC_PAST_MS_MAX {
            "no more than two weeks in the past"
        } else if age < -METRIC_FUTURE_MS_MAX {
            "no more than two hours in the future"
        } else {
            return Ok(timestamp.floor_to(SECOND));
        };
        Err(refuse::value(format!("The parameter {at}.Timestamp must specify a time {limit}.")))
    }
}

fn pairs(dimensions: &[Dimension]) -> impl Iterator<Item = (&str, &str)> + Clone {
    dimensions.iter().map(|dimension| (dimension.name.as_str(), dimension.value.as_str()))
}

fn check_dimensions(dimensions: &[Dimension], at: At) -> Result<(), ApiError> {
    if dimensions.len() > METRIC_DIMENSIONS_MAX {
        let collection = format!("{at}.Dimensions");
        return Err(refuse::value(refuse::too_many(collection, METRIC_DIMENSIONS_MAX)));
    }
    for (index, dimension) in dimensions.iter().enumerate() {
        let member = index + 1;
        for (text, field) in [(&dimension.name, "Name"), (&dimension.value, "Value")] {
            check_text(text, format_args!("{at}.Dimensions.member.{member}.{field}"))?;
        }
        if dimension.name.starts_with(':') {
            return Err(refuse::invalid(&dimension.name, format_args!("{at}.Dimensions.member.{member}.Name")));
        }
    }
    Ok(())
}

/// Names and values are printable ASCII, and not blank.
fn check_text(text: &str, parameter: impl fmt::Display) -> Result<(), ApiError> {
    Err(match text_mistake(text) {
        None => return Ok(()),
        Some(TextMistake::NonAscii) => {
            refuse::value(format!("The value for parameter {parameter} contains non-ASCII characters."))
        }
        Some(TextMistake::Blank) => refuse::missing(parameter),
        Some(TextMistake::Control) => refuse::invalid(text, parameter),
    })
}

/// Refuses a name that occurs twice, telling the place of the second.
fn check_unique(sorted: &[Dimension], asked: &[Dimension], at: At) -> Result<(), ApiError> {
    let Some(pair) = sorted.windows(2).find(|pair| pair.first().map(|d| &d.name) == pair.last().map(|d| &d.name))
    else {
        return Ok(());
    };
    let name = pair.first().map(|d| d.name.as_str()).unwrap_or_default();
    let second = asked.iter().rposition(|d| d.name == name).unwrap_or_default() + 1;
    Err(refuse::value(format!(
        "The parameter {at}.Dimensions.member.{second}.Name must be unique: the dimension {name} is specified more than once."
    )))
}

/// What the datum observed: exactly one of its three forms.
fn observation(datum: &MetricDatum, at: At) -> Result<Observation, ApiError> {
    match (datum.value, &datum.values, &datum.statistic_values) {
        (Some(_), Some(_), _) => Err(exclusive(at, "Value", "Values")),
        (Some(_), _, Some(_)) => Err(exclusive(at, "Value", "StatisticValues")),
        (_, Some(_), Some(_)) => Err(exclusive(at, "Values", "StatisticValues")),
        (Some(value), None, None) => Ok(Observation::value(in_range(value, at, "Value")?)),
        (None, Some(values), None) => values_observation(values, datum.counts.as_deref(), at),
        (None, None, Some(set)) => set_observation(set, at),
        (None, None, None) => Err(refuse::combination(format!(
            "At least one of the parameters {at}.Value and {at}.StatisticValues must be specified."
        ))),
    }
}

fn exclusive(at: At, one: &str, other: &str) -> ApiError {
    refuse::exclusive(format_args!("{at}.{one}"), format_args!("{at}.{other}"))
}

fn values_observation(values: &[f64], counts: Option<&[f64]>, at: At) -> Result<Observation, ApiError> {
    if values.is_empty() {
        return Err(refuse::missing(format_args!("{at}.Values")));
    }
    if values.len() > METRIC_VALUES_MAX {
        return Err(refuse::value(refuse::too_many(format_args!("{at}.Values"), METRIC_VALUES_MAX)));
    }
    if counts.is_some_and(|counts| counts.len() != values.len()) {
        return Err(refuse::value(format!(
            "The parameters {at}.Values and {at}.Counts must have the same number of elements."
        )));
    }
    let mut pairs = Pairs::with_capacity(values.len());
    for (index, &value) in values.iter().enumerate() {
        let member = index + 1;
        let value = in_range(value, at, format_args!("Values.member.{member}"))?;
        let count = counts.and_then(|counts| counts.get(index)).copied().unwrap_or(1.0);
        if !(0.0..=METRIC_VALUE_MAX).contains(&count) {
            return Err(refuse::invalid(
                crate::alarms::reason::number(count),
                format_args!("{at}.Counts.member.{member}"),
            ));
        }
        // A value that occurred no times was not observed.
        if count > 0.0 {
            pairs.push((value, count));
        }
    }
    if pairs.is_empty() {
        return Err(refuse::invalid("0.0", format_args!("{at}.Counts.member.1")));
    }
    Ok(Observation::Values(pairs))
}

fn set_observation(set: &StatisticSet, at: At) -> Result<Observation, ApiError> {
    let count = in_range(set.sample_count, at, "StatisticValues.SampleCount")?;
    let sum = in_range(set.sum, at, "StatisticValues.Sum")?;
    let min = in_range(set.minimum, at, "StatisticValues.Minimum")?;
    let max = in_range(set.maximum, at, "StatisticValues.Maximum")?;
    if count <= 0.0 {
        let count = crate::alarms::reason::number(count);
        return Err(refuse::invalid(count, format_args!("{at}.StatisticValues.SampleCount")));
    }
    if min > max {
        return Err(refuse::value(format!(
            "The parameter {at}.StatisticValues.Maximum must be greater than {at}.StatisticValues.Minimum."
        )));
    }
    Ok(Observation::Set { count, sum, min, max })
}

/// Refuses NaN, the infinities, and magnitudes beyond 2^360.
fn in_range(value: f64, at: At, field: impl fmt::Display) -> Result<f64, ApiError> {
    if is_metric_value(value) {
        return Ok(value);
    }
    let shown = match value {
        value if value.is_nan() => "NaN".to_owned(),
        f64::INFINITY => "Infinity".to_owned(),
        f64::NEG_INFINITY => "-Infinity".to_owned(),
        value => crate::alarms::reason::number(value),
    };
    Err(refuse::invalid(shown, format_args!("{at}.{field}")))
}
