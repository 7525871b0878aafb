//! `evaluate_due`: the hub of alarm evaluation. The server's ticker calls it; only alarms that are due cost anything.
//!
//! Each alarm looks back from the newest whole minute (whole 10 seconds when its period is shorter than a minute): its
//! periods end there, as AWS's sliding window does, and need not be multiples of the period.

use crate::Watch;
use crate::alarms::state::{Point, Slot, evaluation_periods, next_state};
use crate::alarms::transition;
use catalog::{Alarm, AlarmConfiguration};
use futures::StreamExt;
use model::time::{DAY, HOUR, MINUTE, SECOND};
use model::{TimeRange, Timestamp};
use query::metrics::{self, MetricQuery};
use query::statistics::{Samples, Statistic};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many alarms are taken from the catalog at a time.
const CLAIM_MAX: usize = 200;
/// How many alarms are evaluated at the same time: a slow one holds one place, not the line.
const CONCURRENT_MAX: usize = 8;
/// An alarm that takes longer fails this time and is tried again when it is next due.
const ALARM_TIME_MAX: Duration = Duration::from_secs(20);

/// What one tick did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Evaluated {
    /// Alarms looked at.
    pub alarms: usize,
    /// Changes of state written.
    pub transitions: usize,
    /// Alarms that could not be evaluated; each was logged.
    pub failures: usize,
}

/// Why one alarm could not be evaluated.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    #[error(transparent)]
    Query(#[from] query::Error),
    #[error(transparent)]
    Statistic(#[from] query::statistics::StatisticError),
    #[error("evaluation took longer than {ALARM_TIME_MAX:?}")]
    Slow,
}

/// Evaluates every alarm that is due. An alarm that fails is logged and counted and does not stop the others.
pub async fn evaluate_due(watch: &Watch) -> Evaluated {
    let mut evaluated = Evaluated::default();
    if let Err(error) = evaluate_claimed(watch, &mut evaluated).await {
        tracing::error!(%error, "find due alarms");
        evaluated.failures += 1;
    }
    evaluated
}

async fn evaluate_claimed(watch: &Watch, evaluated: &mut Evaluated) -> catalog::Result<()> {
    let now = watch.clock.now();
    loop {
        // A read first: an idle tick must not write.
        if watch.catalog.next_alarm_due().await?.is_none_or(|due| due > now) {
            return Ok(());
        }
        let claimed = watch.catalog.claim_due_alarms(now, CLAIM_MAX).await?;
        let mut outcomes = futures::stream::iter(claimed)
            .map(|alarm| evaluate_one(watch, alarm, now))
            .buffer_unordered(CONCURRENT_MAX);
        while let Some(outcome) = outcomes.next().await {
            evaluated.alarms += 1;
            match outcome {
                Ok(changed) => evaluated.transitions += usize::from(changed),
                Err(()) => evaluated.failures += 1,
            }
        }
    }
}

/// How often an alarm is evaluated, milliseconds: every 10 s when its period is shorter than a minute, hourly when it
/// looks back more than a day, else each minute.
pub fn interval_ms(configuration: &AlarmConfiguration) -> i64 {
    let range_ms = configuration.period_secs.saturating_mul(configuration.evaluation_periods).saturating_mul(SECOND);
    if configuration.period_secs < 60 {
        10 * SECOND
    } else if range_ms > DAY {
        HOUR
    } else {
        MINUTE
    }
}

async fn evaluate_one(watch: &Watch, alarm: catalog::Result<Alarm>, now: Timestamp) -> Result<bool, ()> {
    let alarm = alarm.map_err(|error| tracing::error!(%error, "read alarm"))?;
    let outcome = tokio::time::timeout(ALARM_TIME_MAX, evaluate(watch, &alarm, now)).await;
    outcome.unwrap_or(Err(Failure::Slow)).map_err(|error| {
        tracing::error!(
            account = alarm.scope.account, region = alarm.scope.region, alarm = alarm.name, %error, "evaluate alarm"
        );
    })
}

async fn evaluate(watch: &Watch, alarm: &Alarm, now: Timestamp) -> Result<bool, Failure> {
    let slots = fetch(watch, alarm, now).await?;
    match next_state(alarm, &slots, now) {
        Some(change) => Ok(transition::apply(watch, alarm, &change).await?),
        None => Ok(false),
    }
}

/// The alarm's periods, oldest first: its N and half as many again (at least two) before them, so that data which come
/// late or with gaps are found. AWS does not publish its number; its examples use 5 for N = 3, as this does.
async fn fetch(watch: &Watch, alarm: &Alarm, now: Timestamp) -> Result<Vec<Slot>, Failure> {
    let configuration = &alarm.configuration;
    let n = evaluation_periods(configuration);
    let count = n.saturating_add(n.div_ceil(2).max(2));
    let period_ms = configuration.period_secs.max(1).saturating_mul(SECOND);
    let end = now.floor_to(if period_ms < MINUTE { 10 * SECOND } else { MINUTE });
    let span = period_ms.saturating_mul(i64::try_from(count).unwrap_or(i64::MAX));
    let start = end - span;
    let mut dimensions = configuration.dimensions.clone();
    dimensions.sort();
    let statistic = Statistic::parse(
        configuration.statistic.as_deref().or(configuration.extended_statistic.as_deref()).unwrap_or("Average"),
    )?;
    let query = MetricQuery {
        account: alarm.scope.account.clone(),
        region: alarm.scope.region.clone(),
        namespace: configuration.namespace.clone(),
        name: configuration.metric_name.clone(),
        dimensions,
        unit: configuration.unit.clone(),
        period_ms,
        range: TimeRange::new(start, end),
        raw: !statistic.is_plain(),
    };
    // Without a unit, data of several units are taken together; AWS calls the outcome unpredictable.
    let observed: BTreeMap<Timestamp, Samples> = metrics::periods(&watch.store, &query).await?.into_iter().collect();
    let starts = (0..count).map(|i| start + period_ms.saturating_mul(i64::try_from(i).unwrap_or(i64::MAX)));
    Ok(starts
        .map(|start| Slot { start, point: observed.get(&start).and_then(|found| point(&statistic, found)) })
        .collect())
}

fn point(statistic: &Statistic, samples: &Samples) -> Option<Point> {
    Some(Point { value: samples.evaluate(statistic)?, sample_count: samples.evaluate(&Statistic::SampleCount)? })
}
