//! `convert`: OpenTelemetry's metrics as datapoints.
//!
//! | kind | what is stored |
//! | --- | --- |
//! | gauge | the value |
//! | sum, delta | the value: its statistic Sum is the total |
//! | sum, cumulative | the value as the client counts it: `rate` and `increase` of PromQL, `RATE` and `DIFF` of metric math |
//! | histogram, exponential histogram | values with counts (`histogram`); cumulative ones as differences (`cumulative`) |
//! | summary | each quantile under the label `quantile`, and `NAME_sum` and `NAME_count` as the client counts them |
//!
//! Points that say that nothing was recorded are passed over. Points that no metric can hold are left out and counted, the
//! others are stored: those of a bad name, of too many labels, with buckets that are none, with values that are no numbers or
//! beyond 2^360, and those more than two weeks old or two hours ahead.

use super::cumulative::{Differences, Form, Point, Run};
use super::message::{
    Buckets, ExponentialHistogramPoint, HistogramPoint, KeyValue, Metric, MetricsRequest, NumberPoint, SummaryPoint,
};
use super::series::Origin;
use super::unit::cloudwatch_unit;
use crate::dimensions::is_printable;
use model::limits::{METRIC_FUTURE_MS_MAX, METRIC_PAST_MS_MAX, METRIC_VALUE_MAX};
use model::time::SECOND;
use model::{Datapoint, Observation, Scope, SeriesKey, Timestamp};
use std::sync::Arc;

const NANOS_PER_MS: u64 = 1_000_000;
/// The bit of a point's flags that says that nothing was recorded.
const NO_RECORDED_VALUE: u32 = 1;
/// `AGGREGATION_TEMPORALITY_CUMULATIVE`
const CUMULATIVE: i32 = 2;

/// A request as datapoints.
#[derive(Debug, Default)]
pub struct Converted {
    /// In the request's order.
    pub datapoints: Vec<Datapoint>,
    /// Points left out.
    pub rejected: i64,
    /// Why the first of them was.
    pub reason: Option<&'static str>,
    /// Labels left out of points that were stored.
    pub labels_left_out: usize,
}

/// What the points of a request share.
pub struct Context<'a> {
    /// Whose metrics they are.
    pub scope: &'a Scope,
    /// The namespace that the request says.
    pub namespace: Option<&'a str>,
    /// When it came.
    pub now: Timestamp,
}

/// Converts a whole request. Cumulative histograms are stored as differences.
pub fn convert(context: &Context<'_>, request: &MetricsRequest, differences: &mut Differences<'_>) -> Converted {
    let mut converted = Converted::default();
    for of_resource in &request.resource_metrics {
        for of_scope in &of_resource.scope_metrics {
            let origin = Origin::of(context.namespace, of_resource.resource.as_ref(), of_scope.scope.as_ref());
            for metric in &of_scope.metrics {
                let mut points = Points { context, origin: &origin, metric, converted: &mut converted };
                points.all(differences);
            }
        }
    }
    converted
}

type Outcome = Result<(), &'static str>;

/// The points of one metric on their way.
struct Points<'a> {
    context: &'a Context<'a>,
    origin: &'a Origin,
    metric: &'a Metric,
    converted: &'a mut Converted,
}

impl Points<'_> {
    fn all(&mut self, differences: &mut Differences<'_>) {
        let Metric { gauge, sum, histogram, exponential_histogram, summary, .. } = self.metric;
        let numbers = gauge.iter().flat_map(|gauge| &gauge.data_points);
        for point in numbers.chain(sum.iter().flat_map(|sum| &sum.data_points)) {
            let outcome = if is_recorded(point.flags) { self.number(point) } else { Ok(()) };
            self.note(outcome);
        }
        for (kind, point) in histogram.iter().flat_map(|kind| kind.data_points.iter().map(move |point| (kind, point))) {
            let differences = (kind.aggregation_temporality == CUMULATIVE).then_some(&mut *differences);
            let distribution = || explicit(point);
            let outcome = if is_recorded(point.flags) {
                self.histogram(&point.attributes, distribution, differences)
            } else {
                Ok(())
            };
            self.note(outcome);
        }
        for (kind, point) in
            exponential_histogram.iter().flat_map(|kind| kind.data_points.iter().map(move |point| (kind, point)))
        {
            let differences = (kind.aggregation_temporality == CUMULATIVE).then_some(&mut *differences);
            let distribution = || Ok(exponential(point));
            let outcome = if is_recorded(point.flags) {
                self.histogram(&point.attributes, distribution, differences)
            } else {
                Ok(())
            };
            self.note(outcome);
        }
        for point in summary.iter().flat_map(|summary| &summary.data_points) {
            let outcome = if is_recorded(point.flags) { self.summary(point) } else { Ok(()) };
            self.note(outcome);
        }
    }

    fn note(&mut self, outcome: Outcome) {
        if let Err(reason) = outcome {
            self.converted.rejected += 1;
            self.converted.reason.get_or_insert(reason);
        }
    }

    fn number(&mut self, point: &NumberPoint) -> Outcome {
        let value = point.as_double.or(point.as_int.map(|number| number as f64)).ok_or("a point has no value")?;
        let observation = Observation::value(in_range(value)?);
        self.push(self.metric.name.clone(), &point.attributes, None, point.time_unix_nano, observation)
    }

    fn histogram(
        &mut self,
        attributes: &[KeyValue],
        read: impl FnOnce() -> Result<Point, &'static str>,
        differences: Option<&mut Differences<'_>>,
    ) -> Outcome {
        let mut point = read()?;
        let time = point.time;
        if let Some(differences) = differences {
            // A point that cannot be stored must not be remembered as stored.
            self.timestamp(time)?;
            let (series, _) = self.series(self.metric.name.clone(), attributes, None)?;
            match differences.add(&series, point) {
                Some(added) => point = added,
                None => return Ok(()),
            }
        }
        if point.count == 0 {
            return Ok(());
        }
        let observation = point.distribution().observation();
        let observation = observation.ok_or("a histogram has values beyond 2^360, or neither buckets nor a sum")?;
        self.push(self.metric.name.clone(), attributes, None, time, observation)
    }

    fn summary(&mut self, point: &SummaryPoint) -> Outcome {
        let (name, time) = (&self.metric.name, point.time_unix_nano);
        // Quantiles of nothing are NaN.
        let quantiles = point.quantile_values.iter().filter(|quantile| !quantile.value.is_nan());
        // All or nothing of a point.
        quantiles.clone().try_for_each(|quantile| in_range(quantile.value).map(drop))?;
        let sum = Observation::value(in_range(point.sum)?);
        for quantile in quantiles {
            let label = Some(("quantile", &*quantile.quantile.to_string()));
            self.push(name.clone(), &point.attributes, label, time, Observation::value(quantile.value))?;
        }
        self.push(format!("{name}_sum"), &point.attributes, None, time, sum)?;
        let count = Observation::value(point.count as f64);
        self.push(format!("{name}_count"), &point.attributes, None, time, count)
    }

    fn push(
        &mut self,
        name: String,
        attributes: &[KeyValue],
        label: Option<(&str, &str)>,
        time: u64,
        observation: Observation,
    ) -> Outcome {
        let timestamp = self.timestamp(time)?;
        let (series, left_out) = self.series(name, attributes, label)?;
        self.converted.labels_left_out += left_out;
        self.converted.datapoints.push(Datapoint { series, timestamp, resolution_secs: 60, observation });
        Ok(())
    }

    fn series(
        &self,
        name: String,
        attributes: &[KeyValue],
        label: Option<(&str, &str)>,
    ) -> Result<(Arc<SeriesKey>, usize), &'static str> {
        if name.chars().count() > 255 || !is_printable(&name) {
            return Err("a metric's name is empty, longer than 255 characters, or not printable");
        }
        let dimensions = self.origin.dimensions(attributes, label)?;
        let left_out = dimensions.left_out();
        let series = SeriesKey {
            account: self.context.scope.account.clone(),
            region: self.context.scope.region.clone(),
            namespace: self.origin.namespace.clone(),
            name,
            dimensions: dimensions.into_pairs(),
            unit: cloudwatch_unit(&self.metric.unit).to_owned(),
        };
        Ok((Arc::new(series), left_out))
    }

    fn timestamp(&self, nanos: u64) -> Result<Timestamp, &'static str> {
        let now = self.context.now;
        let timestamp = match i64::try_from(nanos / NANOS_PER_MS) {
            Ok(0) | Err(_) => now,
            Ok(ms) => Timestamp(ms),
        };
        match now - timestamp {
            age if age > METRIC_PAST_MS_MAX => Err("a point is more than two weeks in the past"),
            age if age < -METRIC_FUTURE_MS_MAX => Err("a point is more than two hours in the future"),
            _ => Ok(timestamp.floor_to(SECOND)),
        }
    }
}

fn is_recorded(flags: u32) -> bool {
    flags & NO_RECORDED_VALUE == 0
}

fn in_range(value: f64) -> Result<f64, &'static str> {
    if value.abs() <= METRIC_VALUE_MAX { Ok(value) } else { Err("a value is not a number, or beyond 2^360") }
}

fn explicit(point: &HistogramPoint) -> Result<Point, &'static str> {
    let HistogramPoint { bucket_counts: counts, explicit_bounds: bounds, .. } = point;
    // One bucket without bounds says no more than count and sum.
    let has_buckets = !bounds.is_empty();
    if has_buckets && counts.len() != bounds.len() + 1 {
        return Err("a histogram has not one bucket more than bounds");
    }
    if !bounds.is_sorted_by(|one, next| one < next) || bounds.iter().any(|bound| !bound.is_finite()) {
        return Err("a histogram's bounds do not ascend");
    }
    let counts = if has_buckets { counts.clone() } else { Vec::new() };
    Ok(Point {
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        count: point.count,
        sum: point.sum,
        min: point.min,
        max: point.max,
        form: Form::Explicit { bounds: bounds.clone(), counts },
    })
}

fn exponential(point: &ExponentialHistogramPoint) -> Point {
    let run = |buckets: &Option<Buckets>| {
        let run = |buckets: &Buckets| Run { offset: i64::from(buckets.offset), counts: buckets.bucket_counts.clone() };
        buckets.as_ref().map(run).unwrap_or_default()
    };
    // A width that is none is no width.
    let zero_threshold = if point.zero_threshold >= 0.0 { point.zero_threshold } else { 0.0 };
    Point {
        start: point.start_time_unix_nano,
        time: point.time_unix_nano,
        count: point.count,
        sum: point.sum,
        min: point.min,
        max: point.max,
        form: Form::Exponential {
            scale: point.scale,
            zero_threshold,
            zero: point.zero_count,
            positive: run(&point.positive),
            negative: run(&point.negative),
        },
    }
}
