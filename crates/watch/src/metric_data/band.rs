//! Anomaly detection bands: models trained on what an expression gave in the two weeks before, kept for an hour.

use super::evaluate::{Answer, Context, evaluate};
use super::plan::{Query, Source};
use crate::cloudwatch::{anomaly_detectors, refuse};
use jiff::tz::TimeZone;
use model::limits::{BAND_MODELS_MAX, BAND_POINTS_MAX};
use model::time::{DAY, HOUR, MINUTE};
use model::{TimeRange, Timestamp};
use query::anomaly::{Model, Options, State, TRAINING_SPAN_MS, train};
use query::metric_math::{Expression, Series};
use query::metrics;
use std::cell::Cell;
use std::collections::HashMap;
use std::future::Future;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use wire::ApiError;

/// How long a model is used before it is trained anew.
const FRESH_MS: i64 = HOUR;

/// How a model is to be trained.
#[derive(Debug, Clone, Default)]
pub struct Training {
    /// Start and end (exclusive) of times that are left out, milliseconds.
    pub excluded: Vec<(i64, i64)>,
    /// The zone that days and weeks go by; UTC when absent.
    pub zone: Option<TimeZone>,
    /// As the detector says.
    pub options: Options,
}

impl Training {
    fn offset_seconds(&self, at_ms: i64) -> i32 {
        let at = jiff::Timestamp::from_millisecond(at_ms).ok();
        self.zone.as_ref().zip(at).map_or(0, |(zone, at)| zone.to_offset(at).seconds())
    }
}

/// Models trained lately, by what they were trained on. It only saves work: what it forgets is trained again.
#[derive(Debug, Default)]
pub struct Models(Mutex<HashMap<u64, (Timestamp, Arc<Model>)>>);

impl Models {
    fn get(&self, key: u64, now: Timestamp) -> Option<Arc<Model>> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (trained, model) = known.get(&key)?;
        let age = now - *trained;
        (0..FRESH_MS).contains(&age).then(|| Arc::clone(model))
    }

    fn put(&self, key: u64, now: Timestamp, model: &Arc<Model>) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= BAND_MODELS_MAX {
            known.retain(|_, (trained, _)| (0..FRESH_MS).contains(&(now - *trained)));
        }
        if known.len() < BAND_MODELS_MAX {
            known.insert(key, (now, Arc::clone(model)));
        }
    }
}

/// The models of an expression's bands, in the order in which it asks for them.
pub struct Bands {
    models: Vec<Arc<Model>>,
    asked: Cell<usize>,
}

impl Bands {
    /// Upper and lower limit of the next band, in every period of the request; `series` is what the band is of.
    pub fn next(&self, context: &Context<'_>, series: &Series, deviations: f64) -> Result<[Series; 2], String> {
        let at = self.asked.replace(self.asked.get() + 1);
        let model = self.models.get(at).ok_or("the band was not trained")?;
        let period_ms = series.period_ms.max(1);
        let range = metrics::round_range(context.now, context.asked, period_ms);
        let mut times = Vec::new();
        let (mut upper, mut lower) = (Vec::new(), Vec::new());
        let mut start = range.start.0;
        while start < range.end.0 && times.len() < BAND_POINTS_MAX {
            if let Some((low, high)) = model.band(start, deviations) {
                times.push(start);
                lower.push(low);
                upper.push(high);
            }
            start += period_ms;
        }
        let timestamps: Arc<[i64]> = times.into();
        let limit = |label: &str, values| Series {
            id: None,
            label: format!("{} {label}", series.label),
            period_ms: series.period_ms,
            timestamps: Arc::clone(&timestamps),
            values,
            metric: series.metric.clone(),
            has_dropped: series.has_dropped,
        };
        Ok([limit("upper", upper), limit("lower", lower)])
    }
}

/// Trains a model for each band of an expression, the query at `at`.
pub async fn models(
    context: &Context<'_>,
    queries: &[Query],
    order: &[usize],
    at: usize,
    expression: &Expression,
) -> Result<Bands, ApiError> {
    let mut models = Vec::with_capacity(expression.references().bands.len());
    for band in &expression.references().bands {
        models.push(model(context, queries, order, at, &band.text).await?);
    }
    Ok(Bands { models, asked: Cell::new(0) })
}

async fn model(
    context: &Context<'_>,
    queries: &[Query],
    order: &[usize],
    at: usize,
    text: &str,
) -> Result<Arc<Model>, ApiError> {
    let wrong = |error: String| refuse::validation(format!("Error in expression '{}': {error}", queries[at].id));
    let inner = Expression::parse(text).map_err(|error| wrong(error.to_string()))?;
    let (mut needed, wanted) = needed(queries, order, at, inner);
    let named = needed[..wanted].iter().find(|query| query.id == text.trim());
    let (source, of) = match named.map(|query| &query.source) {
        Some(Source::Metric(source)) => (Some(source), text),
        Some(Source::Math(expression)) => (None, expression.text()),
        _ => (None, text.trim()),
    };
    let others: Vec<&Query> =
        needed[..wanted].iter().filter(|query| named.is_none_or(|named| named.id != query.id)).collect();
    let training = anomaly_detectors::training(context.watch, context.scope, (source, of, &others)).await?;
    let key = key(context, &needed, &training);
    if let Some(model) = context.watch.bands.get(key, context.now) {
        return Ok(model);
    }
    let order: Vec<usize> = (0..needed.len()).collect();
    needed.iter_mut().for_each(|query| query.returned = true);
    // Training before what is looked at: a band that has seen an anomaly fits it better.
    let ends = [context.asked.start, context.asked.end.min(context.now)];
    let long = context.asked.end - context.asked.start > DAY;
    let mut trained = None;
    for end in ends.into_iter().skip(usize::from(long)) {
        let context = Context { asked: training_range(end, period_ms(&needed)), ..*context };
        let answers = answers(&context, &needed, &order).await?;
        let series = answers.get(wanted).and_then(|answer| answer.series.first());
        let points: Vec<(i64, f64)> = series
            .map(|series| series.timestamps.iter().copied().zip(series.values.iter().copied()).collect())
            .unwrap_or_default();
        let period_ms = series.map_or(MINUTE, |series| series.period_ms);
        let offset_seconds = |at_ms| training.offset_seconds(at_ms);
        let model = train(&points, period_ms, &training.excluded, &offset_seconds, training.options);
        let is_enough = model.state() == State::Trained;
        trained = Some(model);
        if is_enough {
            break;
        }
    }
    let model = Arc::new(trained.ok_or_else(|| wrong("there is nothing to train a band on".into()))?);
    context.watch.bands.put(key, context.now, &model);
    Ok(model)
}

/// Evaluation of an expression trains bands, which evaluates expressions.
fn answers<'a>(
    context: &'a Context<'_>,
    queries: &'a [Query],
    order: &'a [usize],
) -> Pin<Box<dyn Future<Output = Result<Vec<Answer>, ApiError>> + Send + 'a>> {
    Box::pin(evaluate(context, queries, order))
}

/// The inner expression and what it refers to, in order of evaluation; with its place.
fn needed(queries: &[Query], order: &[usize], at: usize, inner: Expression) -> (Vec<Query>, usize) {
    let all = inner.references().metrics;
    let mut taken = vec![all; queries.len()];
    let mut open: Vec<String> = inner.references().ids.clone();
    while let Some(id) = open.pop() {
        let Some(place) = queries.iter().position(|query| query.id == id) else { continue };
        if !std::mem::replace(&mut taken[place], true)
            && let Source::Math(expression) = &queries[place].source
        {
            open.extend(expression.references().ids.iter().cloned());
        }
    }
    // The query itself has the band in it.
    taken[at] = false;
    // `order` has each behind what it uses.
    let mut needed: Vec<Query> =
        order.iter().filter(|place| taken[**place]).map(|place| queries[*place].clone()).collect();
    let wanted = needed.len();
    needed.push(Query { source: Source::Math(inner), label: None, ..queries[at].clone() });
    (needed, wanted)
}

/// How far training on what a query gives comes.
pub async fn training_state(
    context: &Context<'_>,
    queries: &[Query],
    order: &[usize],
    id: &str,
) -> Result<State, ApiError> {
    let Some(at) = queries.iter().position(|query| query.id == id) else { return Ok(State::PendingTraining) };
    // The id alone is an expression of its query; a name that no query has stands for the place of the band.
    let mut with_band = queries.to_vec();
    with_band.push(Query { id: String::new(), ..queries[at].clone() });
    let mut order = order.to_vec();
    order.push(queries.len());
    Ok(model(context, &with_band, &order, queries.len(), id).await?.state())
}

fn period_ms(queries: &[Query]) -> i64 {
    let periods = queries.iter().filter_map(|query| match &query.source {
        Source::Metric(source) => Some(source.period_ms),
        _ => query.period_ms,
    });
    periods.min().unwrap_or(MINUTE)
}

fn training_range(end: Timestamp, period_ms: i64) -> TimeRange {
    let points_max = i64::try_from(BAND_POINTS_MAX).unwrap_or(i64::MAX);
    let span_ms = TRAINING_SPAN_MS.min(points_max.saturating_mul(period_ms));
    TimeRange::new(end - span_ms, end)
}

/// What a model is of. An hour's worth of requests for the same range share it.
fn key(context: &Context<'_>, queries: &[Query], training: &Training) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&context.scope.account, &context.scope.region, format!("{queries:?} {training:?}")).hash(&mut hasher);
    (context.asked.start.0.div_euclid(FRESH_MS), context.asked.end.0.div_euclid(FRESH_MS)).hash(&mut hasher);
    hasher.finish()
}
