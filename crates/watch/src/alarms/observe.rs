//! What an alarm's configuration makes of the metrics: its periods, and the value of each.

use super::state::{Band, Point, Slot, evaluation_periods};
use super::window::{EvaluationWindow, WindowError, fetched};
use crate::Watch;
use crate::linked::Linked;
use crate::metric_data::{self, Answer, Context, Query, Source};
use crate::regions;
use catalog::{AlarmConfiguration, AlarmMetric, AlarmQuery};
use model::time::SECOND;
use model::{Scope, TimeRange, Timestamp};
use query::dynamic_label::UtcOffset;
use query::metric_math::Series;
use query::metrics::{self, MetricQuery};
use query::statistics::{Samples, Statistic};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use wire::ApiError;
use wire::cloudwatch::{Dimension, Metric, MetricDataQuery, MetricStat};

/// The periods of each series that an alarm watches.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Observed {
    /// The one series, oldest period first.
    One(Vec<Slot>),
    /// The series of a Metrics Insights query with groups: names and values of the group, and the periods.
    Many(Vec<(BTreeMap<String, String>, Vec<Slot>)>),
}

impl Observed {
    /// The periods of the one series, or of the first.
    pub fn slots(&self) -> &[Slot] {
        match self {
            Observed::One(slots) => slots,
            Observed::Many(series) => series.first().map_or(&[], |(_, slots)| slots),
        }
    }
}

/// Why an alarm could not be observed.
#[derive(Debug, thiserror::Error)]
pub enum ObserveError {
    /// The store failed.
    #[error(transparent)]
    Query(#[from] query::Error),
    /// A statistic that is none.
    #[error(transparent)]
    Statistic(#[from] query::statistics::StatisticError),
    /// A window that is none.
    #[error(transparent)]
    Window(#[from] WindowError),
    /// An expression failed.
    #[error("{0}")]
    Expression(ApiError),
}

/// The period that an alarm's N counts, seconds: that of its metric, or the longest of its queries.
pub fn period_secs(configuration: &AlarmConfiguration) -> i64 {
    if let Some(promql) = &configuration.promql {
        return promql.interval_secs.max(1);
    }
    let of_query = |query: &AlarmQuery| match &query.metric {
        Some(metric) => Some(metric.period_secs),
        None => query.period_secs,
    };
    let longest = configuration.metrics.iter().filter_map(of_query).max();
    longest.unwrap_or(configuration.period_secs).max(1)
}

/// How the alarm's periods lie in time.
pub fn window(configuration: &AlarmConfiguration, now: Timestamp) -> Result<EvaluationWindow, WindowError> {
    match &configuration.wall_clock {
        None => Ok(EvaluationWindow::Sliding),
        Some(clock) => EvaluationWindow::wall_clock(clock.timezone.as_deref(), period_secs(configuration), now),
    }
}

/// The periods that an evaluation at `now` looks at: its N and some before them (see `window::fetched`).
pub async fn observe(
    watch: &Watch,
    scope: &Scope,
    configuration: &AlarmConfiguration,
    now: Timestamp,
) -> Result<Observed, ObserveError> {
    let window = window(configuration, now)?;
    let count = fetched(evaluation_periods(configuration));
    let periods = window.periods(period_secs(configuration), count, now);
    observe_periods(watch, scope, configuration, &periods, now).await
}

/// What alarms have in common that are read together: period in seconds, number of periods, whether raw samples are needed.
type Alike = (i64, usize, bool);

/// An alarm's scope and configuration.
pub(super) type Watched<'a> = (&'a Scope, &'a AlarmConfiguration);

/// The same of those of `alarms` that watch one metric in sliding windows, where `observed` has nothing yet in the same place: alarms
/// that look at the same periods are read together. What stays `None`, because it watches something else or could not be read, is to be
/// observed alone.
pub(super) async fn observe_together(
    watch: &Watch,
    alarms: &[Watched<'_>],
    observed: &mut [Option<Observed>],
    now: Timestamp,
) {
    let mut alike: HashMap<Alike, Vec<(usize, Statistic, MetricQuery)>> = HashMap::new();
    for (at, (scope, configuration)) in alarms.iter().enumerate() {
        if !is_plain(configuration) || observed.get(at).is_none_or(Option::is_some) {
            continue;
        }
        let period_secs = period_secs(configuration);
        let count = fetched(evaluation_periods(configuration));
        let Some(range) = range(&EvaluationWindow::Sliding.periods(period_secs, count, now)) else { continue };
        if let Ok((statistic, query)) = metric_query(scope, configuration, range, period_secs * SECOND) {
            alike.entry((period_secs, count, query.raw)).or_default().push((at, statistic, query));
        }
    }
    for ((period_secs, count, _), members) in alike {
        let periods = EvaluationWindow::Sliding.periods(period_secs, count, now);
        let queries: Vec<&MetricQuery> = members.iter().map(|(_, _, query)| query).collect();
        let Some(range) = range(&periods) else { continue };
        let Ok(read) = metrics::periods_of_all(&watch.store, &queries, range).await else { continue };
        for ((at, statistic, _), found) in members.iter().zip(read) {
            let points = points(statistic, found);
            if let Some(place) = observed.get_mut(*at) {
                *place = Some(slots(vec![(false, vec![(BTreeMap::new(), points)])], &periods));
            }
        }
    }
}

/// All that an alarm on one metric in sliding windows can see over a time, read once.
pub struct PlainHistory {
    points: HashMap<Timestamp, Point>,
}

impl PlainHistory {
    /// The history that evaluations every `interval_ms` within `when` see; `None` for alarms that watch something else.
    pub async fn read(
        watch: &Watch,
        scope: &Scope,
        configuration: &AlarmConfiguration,
        when: TimeRange,
        interval_ms: i64,
    ) -> Result<Option<Self>, ObserveError> {
        if !is_plain(configuration) {
            return Ok(None);
        }
        let period_secs = period_secs(configuration);
        let period_ms = period_secs * SECOND;
        let count = fetched(evaluation_periods(configuration));
        let first = when.start.ceil_to(interval_ms);
        let mut points = HashMap::new();
        // Evaluations less than a period apart look at grids of periods that lie between one another.
        for step in 0..(period_ms / gcd(period_ms, interval_ms)).max(1) {
            let periods = EvaluationWindow::Sliding.periods(period_secs, count, first + step * interval_ms);
            let Some(range) = range(&periods) else { continue };
            let range = TimeRange::new(range.start, when.end.max(range.end));
            points.extend(one_metric(watch, scope, configuration, range, period_ms).await?);
        }
        Ok(Some(Self { points }))
    }

    /// What an evaluation at `now` sees.
    pub fn observe(&self, configuration: &AlarmConfiguration, now: Timestamp) -> Observed {
        let count = fetched(evaluation_periods(configuration));
        let periods = EvaluationWindow::Sliding.periods(period_secs(configuration), count, now);
        let slot = |period: &TimeRange| Slot { start: period.start, point: self.points.get(&period.start).copied() };
        Observed::One(periods.iter().map(slot).collect())
    }
}

/// The greatest common divisor of positive numbers.
fn gcd(a: i64, b: i64) -> i64 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

/// True for an alarm on one metric in sliding windows.
pub(super) fn is_plain(configuration: &AlarmConfiguration) -> bool {
    configuration.metrics.is_empty()
        && configuration.promql.is_none()
        && configuration.composite.is_none()
        && configuration.wall_clock.is_none()
}

/// From the start of the first to the end of the last.
fn range(periods: &[TimeRange]) -> Option<TimeRange> {
    Some(TimeRange::new(periods.first()?.start, periods.last()?.end))
}

/// The same for given periods, oldest first, each beginning where the one before ends.
pub async fn observe_periods(
    watch: &Watch,
    scope: &Scope,
    configuration: &AlarmConfiguration,
    periods: &[TimeRange],
    now: Timestamp,
) -> Result<Observed, ObserveError> {
    let (Some(first), Some(last)) = (periods.first(), periods.last()) else { return Ok(Observed::One(Vec::new())) };
    let length = first.end - first.start;
    let mut observed = Vec::new();
    if periods.iter().all(|period| period.end - period.start == length) {
        observed.push(read(watch, scope, configuration, TimeRange::new(first.start, last.end), length, now).await?);
    } else {
        // Days of a wall clock that changes: each has a length of its own.
        for period in periods {
            let length = period.end - period.start;
            observed.push(read(watch, scope, configuration, *period, length, now).await?);
        }
    }
    Ok(slots(observed, periods))
}

/// Values by time, of each series by its group; no group has an empty name.
type Values = Vec<(BTreeMap<String, String>, HashMap<Timestamp, Point>)>;

async fn read(
    watch: &Watch,
    scope: &Scope,
    configuration: &AlarmConfiguration,
    range: TimeRange,
    length_ms: i64,
    now: Timestamp,
) -> Result<(bool, Values), ObserveError> {
    if configuration.metrics.is_empty() {
        let points = one_metric(watch, scope, configuration, range, length_ms).await?;
        return Ok((false, vec![(BTreeMap::new(), points)]));
    }
    let stretched = length_ms != period_secs(configuration) * SECOND;
    let queries = configuration.metrics.iter().map(|query| data_query(query, stretched.then_some(length_ms)));
    let queries: Vec<MetricDataQuery> = queries.collect();
    // A link that went takes its metrics along: they are missing, as if nobody had written them.
    let linked = Linked::of_queries(watch, scope, &queries).await.map_err(ObserveError::Expression)?;
    let (mut queries, order) =
        metric_data::plan(scope, &linked, queries, "Metrics").map_err(ObserveError::Expression)?;
    // The band is looked at as well as the metric.
    queries
        .iter_mut()
        .for_each(|query| query.returned |= Some(&query.id) == configuration.threshold_metric_id.as_ref());
    let context = Context { watch, scope, linked: &linked, asked: range, now, offset: UtcOffset::default() };
    let answers = metric_data::evaluate(&context, &queries, &order).await.map_err(ObserveError::Expression)?;
    Ok(values(configuration, &queries, answers))
}

/// The values of one metric, with their sample counts.
async fn one_metric(
    watch: &Watch,
    scope: &Scope,
    configuration: &AlarmConfiguration,
    range: TimeRange,
    period_ms: i64,
) -> Result<HashMap<Timestamp, Point>, ObserveError> {
    let (statistic, query) = metric_query(scope, configuration, range, period_ms)?;
    Ok(points(&statistic, metrics::periods(&watch.store, &query).await?))
}

/// The question to the store, and the statistic that is computed of the answer.
fn metric_query(
    scope: &Scope,
    configuration: &AlarmConfiguration,
    range: TimeRange,
    period_ms: i64,
) -> Result<(Statistic, MetricQuery), ObserveError> {
    let statistic = configuration.statistic.as_deref().or(configuration.extended_statistic.as_deref());
    let statistic = Statistic::parse(statistic.unwrap_or("Average"))?;
    let mut dimensions = configuration.dimensions.clone();
    dimensions.sort();
    // Checked when the alarm was put.
    let region = regions::named(&scope.region, &mut dimensions).unwrap_or_else(|_| scope.region.clone());
    // Without a unit, data of several units are taken together; AWS calls the outcome unpredictable.
    let query = MetricQuery {
        account: scope.account.clone(),
        region,
        namespace: configuration.namespace.clone(),
        name: configuration.metric_name.clone(),
        dimensions,
        unit: configuration.unit.clone(),
        period_ms,
        range,
        raw: !statistic.is_plain(),
    };
    Ok((statistic, query))
}

fn points(statistic: &Statistic, periods: Vec<(Timestamp, Samples)>) -> HashMap<Timestamp, Point> {
    periods.into_iter().filter_map(|(start, samples)| Some((start, point(statistic, &samples)?))).collect()
}

fn point(statistic: &Statistic, samples: &Samples) -> Option<Point> {
    let sample_count = samples.evaluate(&Statistic::SampleCount)?;
    Some(Point { value: samples.evaluate(statistic)?, sample_count: Some(sample_count), band: None })
}

/// Whether the alarm watches many series, and their values.
fn values(configuration: &AlarmConfiguration, queries: &[Query], answers: Vec<Answer>) -> (bool, Values) {
    let band_id = configuration.threshold_metric_id.as_deref();
    let mut watched = Vec::new();
    let mut is_many = false;
    let mut band = None;
    for (query, answer) in queries.iter().zip(answers) {
        if Some(query.id.as_str()) == band_id {
            band = bounds(&answer.series);
        } else if query.returned {
            is_many = matches!(&query.source, Source::Insights(insights) if insights.is_grouped());
            watched = answer.series;
        }
    }
    let of_series = |series: Series| {
        let group =
            series.metric.as_ref().filter(|_| is_many).map(|metric| metric.dimensions.iter().cloned().collect());
        let points = series.timestamps.iter().zip(&series.values).filter_map(|(start, value)| {
            let band = match &band {
                // Without a band there is nothing to compare with: the period counts as missing.
                Some(bounds) => Some(*bounds.get(start)?),
                None => None,
            };
            Some((Timestamp(*start), Point { value: *value, sample_count: None, band }))
        });
        (group.unwrap_or_default(), points.collect())
    };
    let values: Values = watched.into_iter().map(of_series).collect();
    (is_many, if values.is_empty() && !is_many { vec![Default::default()] } else { values })
}

/// The band's lower and upper limit by time; the first of its two series is the upper one.
fn bounds(series: &[Series]) -> Option<HashMap<i64, Band>> {
    let [upper, lower, ..] = series else { return Some(HashMap::new()) };
    let limits = upper.timestamps.iter().zip(upper.values.iter().zip(&lower.values));
    Some(limits.map(|(start, (upper, lower))| (*start, Band { lower: *lower, upper: *upper })).collect())
}

/// The points in their periods.
fn slots(observed: Vec<(bool, Values)>, periods: &[TimeRange]) -> Observed {
    let is_many = observed.iter().any(|(is_many, _)| *is_many);
    let mut series: BTreeMap<BTreeMap<String, String>, HashMap<Timestamp, Point>> = BTreeMap::new();
    for (_, values) in observed {
        for (group, points) in values {
            series.entry(group).or_default().extend(points);
        }
    }
    let slots = |points: &HashMap<Timestamp, Point>| {
        periods.iter().map(|period| Slot { start: period.start, point: points.get(&period.start).copied() }).collect()
    };
    if is_many {
        return Observed::Many(series.iter().map(|(group, points)| (group.clone(), slots(points))).collect());
    }
    Observed::One(slots(&series.into_values().next().unwrap_or_default()))
}

/// A query of the catalog as the API has it; `stretched_ms` replaces its period.
pub fn data_query(query: &AlarmQuery, stretched_ms: Option<i64>) -> MetricDataQuery {
    let narrow = |secs: i64| i32::try_from(secs).unwrap_or(i32::MAX);
    let period = |secs: i64| narrow(stretched_ms.map_or(secs, |ms| ms / SECOND));
    let metric_stat = |metric: &AlarmMetric| MetricStat {
        metric: Metric {
            namespace: Some(metric.namespace.clone()),
            metric_name: Some(metric.name.clone()),
            dimensions: Some(
                metric
                    .dimensions
                    .iter()
                    .map(|(name, value)| Dimension { name: name.clone(), value: value.clone() })
                    .collect(),
            ),
        },
        period: period(metric.period_secs),
        stat: metric.stat.clone(),
        unit: metric.unit.clone(),
    };
    MetricDataQuery {
        id: query.id.clone(),
        metric_stat: query.metric.as_ref().map(metric_stat),
        expression: query.expression.clone(),
        label: query.label.clone(),
        return_data: query.return_data,
        period: query.period_secs.map(period),
        account_id: query.account_id.clone(),
    }
}

/// A query of a request as the catalog keeps it.
pub fn alarm_query(query: &MetricDataQuery) -> AlarmQuery {
    let metric = query.metric_stat.as_ref().map(|stat| AlarmMetric {
        namespace: stat.metric.namespace.clone().unwrap_or_default(),
        name: stat.metric.metric_name.clone().unwrap_or_default(),
        dimensions: stat.metric.dimensions.iter().flatten().map(|d| (d.name.clone(), d.value.clone())).collect(),
        period_secs: i64::from(stat.period),
        stat: stat.stat.clone(),
        unit: stat.unit.clone(),
    });
    AlarmQuery {
        id: query.id.clone(),
        metric,
        expression: query.expression.clone(),
        label: query.label.clone(),
        return_data: query.return_data,
        period_secs: query.period.map(i64::from),
        account_id: query.account_id.clone(),
    }
}
