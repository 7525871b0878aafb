//! `evaluate_due`: the hub of alarm evaluation. The server's ticker calls it; only alarms that are due cost anything.
//!
//! An alarm that is slow makes no other late: it gives its place to the next one of its batch (`places.rs`), and the server begins
//! other rounds while it holds this one.
//!
//! In a cluster other nodes read what a share of the alarms watches (`observers.rs`); what is made of it is decided and written here.
//!
//! Which periods an alarm looks at is in `window.rs`, what they hold in `observe.rs`, what it makes of them in `state.rs`.
//! Log alarms, whose queries take long, are `log_alarm.rs`'s.

use crate::Watch;
use crate::alarms::composite::{self, CompositeError};
use crate::alarms::memory::Memory;
use crate::alarms::observe::{ObserveError, Observed, observe, period_secs};
use crate::alarms::observers::{self, Read};
use crate::alarms::places::Places;
use crate::alarms::reason;
use crate::alarms::recovery::{Attributes, Judged, Outcome, Periods};
use crate::alarms::state::{Slot, TreatMissing, evaluation_periods, judge, next_state};
use crate::alarms::transition;
use crate::alarms::window::WarmUp;
use crate::promql;
use catalog::{Alarm, AlarmConfiguration, PromqlCriteria, StateChange};
use futures::future::BoxFuture;
use futures::stream::FuturesUnordered;
use futures::{FutureExt, StreamExt};
use model::Timestamp;
use model::time::{DAY, HOUR, MINUTE, SECOND};
use query::promql::{Labels, PromValue};
use std::collections::BTreeMap;
use std::time::Duration;

/// How many alarms are taken from the catalog at a time.
const CLAIM_MAX: usize = 2000;
/// How many alarms are evaluated at the same time ...
pub(super) const CONCURRENT_MAX: usize = 8;
/// ... and with those that turned out to be slow.
pub(super) const CONCURRENT_SLOW_MAX: usize = 128;
/// An alarm that takes longer is slow: the next one takes its place.
pub(super) const ALARM_TIME: Duration = Duration::from_millis(500);
/// An alarm that takes longer fails this time and is tried again when it is next due.
const ALARM_TIME_MAX: Duration = Duration::from_secs(20);

/// `EvaluationState` of an alarm that is set up wrongly.
const EVALUATION_ERROR: &str = "EVALUATION_ERROR";
/// `EvaluationState` of an alarm that could not be evaluated for the time being.
const EVALUATION_FAILURE: &str = "EVALUATION_FAILURE";
/// `EvaluationState` of an alarm that waits: the user guide has it, the API's model does not.
pub const IN_WARM_UP: &str = "IN_WARM_UP";

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
    Composite(#[from] CompositeError),
    #[error(transparent)]
    Promql(#[from] promql::Failure),
    #[error(transparent)]
    Observe(#[from] ObserveError),
    #[error("evaluation took longer than {ALARM_TIME_MAX:?}")]
    Slow,
}

impl Failure {
    /// `EvaluationState`: whether somebody has to mend the alarm, or it is ours to recover.
    fn evaluation_state(&self) -> &'static str {
        match self {
            Failure::Promql(promql::Failure::Promql(_)) | Failure::Composite(CompositeError::Rule(_)) => {
                EVALUATION_ERROR
            }
            Failure::Observe(ObserveError::Statistic(_) | ObserveError::Window(_)) => EVALUATION_ERROR,
            Failure::Observe(ObserveError::Expression(error)) if error.status() < 500 => EVALUATION_ERROR,
            _ => EVALUATION_FAILURE,
        }
    }
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
        if watch.catalog.next_alarm_due(false).await?.is_none_or(|due| due > now) {
            return Ok(());
        }
        let claimed = watch.catalog.claim_due_alarms(now, CLAIM_MAX, false).await?;
        let mut alarms = Vec::with_capacity(claimed.len());
        for alarm in claimed {
            evaluated.alarms += 1;
            match alarm {
                Ok(alarm) => alarms.push(alarm),
                Err(error) => {
                    tracing::error!(%error, "read alarm");
                    evaluated.failures += 1;
                }
            }
        }
        // Shares come as they are read: those that other nodes read keep nothing waiting that is read here.
        let (here, elsewhere) = observers::deal(watch, alarms);
        let there = elsewhere.into_iter().map(|share| observers::read_there(watch, share, now).boxed());
        // The others first, so that they are asked before this node is busy itself.
        let shares: FuturesUnordered<BoxFuture<'_, Read>> =
            there.chain([observers::read_here(watch, here, now).boxed()]).collect();
        let places = Places::new(CONCURRENT_MAX);
        let is_slow = || tokio::time::sleep(ALARM_TIME);
        let mut outcomes = shares
            .flat_map(futures::stream::iter)
            .map(|(alarm, observed)| places.run(evaluate_apart(watch, alarm, observed, now), is_slow))
            .buffer_unordered(CONCURRENT_SLOW_MAX);
        while let Some(outcome) = outcomes.next().await {
            match outcome {
                Ok(changed) => evaluated.transitions += usize::from(changed),
                Err(()) => evaluated.failures += 1,
            }
        }
    }
}

/// How often an alarm is evaluated, milliseconds: every 10 s when its period is shorter than a minute, hourly when it looks
/// back more than a day, else each minute; an alarm on PromQL or logs as often as it says. A composite alarm is evaluated
/// when a child changes; once a day is for what nobody thought of.
pub fn interval_ms(configuration: &AlarmConfiguration) -> i64 {
    let period_secs = period_secs(configuration);
    if configuration.is_composite() {
        return DAY;
    }
    if configuration.promql.is_some() {
        return period_secs.saturating_mul(SECOND);
    }
    if let Some(log) = &configuration.log {
        return log.interval_secs.saturating_mul(SECOND);
    }
    let range_ms = period_secs.saturating_mul(configuration.evaluation_periods).saturating_mul(SECOND);
    if period_secs < 60 {
        10 * SECOND
    } else if range_ms > DAY {
        HOUR
    } else {
        MINUTE
    }
}

/// What has yet to be read, or computed of expressions, is evaluated in a task of its own: it may keep a thread busy.
async fn evaluate_apart(watch: &Watch, alarm: Alarm, observed: Option<Observed>, now: Timestamp) -> Result<bool, ()> {
    if observed.is_some() || alarm.configuration.is_composite() {
        return evaluate_one(watch, alarm, observed, now).await;
    }
    let watch = watch.clone();
    let evaluated = tokio::spawn(async move { evaluate_one(&watch, alarm, None, now).await }).await;
    evaluated.unwrap_or_else(|error| {
        tracing::error!(%error, "evaluate alarm");
        Err(())
    })
}

async fn evaluate_one(watch: &Watch, alarm: Alarm, observed: Option<Observed>, now: Timestamp) -> Result<bool, ()> {
    let outcome = tokio::time::timeout(ALARM_TIME_MAX, evaluate(watch, &alarm, observed, now)).await;
    let error = match outcome.unwrap_or(Err(Failure::Slow)) {
        Ok(changed) => return Ok(changed),
        Err(error) => error,
    };
    tracing::error!(
        account = alarm.scope.account, region = alarm.scope.region, alarm = alarm.name, %error, "evaluate alarm"
    );
    let mut memory = Memory::of(&alarm);
    memory.evaluation_state = Some(error.evaluation_state().to_owned());
    if let Err(error) = remember(watch, &alarm, &memory).await {
        tracing::error!(%error, "keep the evaluation state of an alarm");
    }
    // Nothing else makes a composite alarm due before tomorrow.
    if alarm.configuration.is_composite()
        && let Err(error) = watch.catalog.alarm_due(&alarm, now + MINUTE).await
    {
        tracing::error!(%error, "make an alarm due again");
    }
    Err(())
}

/// `observed` is what the alarm watches, where that was read already.
async fn evaluate(watch: &Watch, alarm: &Alarm, observed: Option<Observed>, now: Timestamp) -> Result<bool, Failure> {
    let mut memory = Memory::of(alarm);
    if memory.owes() && transition::run_muted(watch, alarm, now).await? {
        // What was read is out of date: the next evaluation has the rest.
        watch.catalog.alarm_due(alarm, now).await?;
        return Ok(false);
    }
    if let Some(rule) = &alarm.configuration.composite {
        return Ok(composite::evaluate(watch, alarm, rule, now).await?);
    }
    if let Some(criteria) = &alarm.configuration.promql {
        return evaluate_promql(watch, alarm, criteria, memory, now).await;
    }
    let observed = match observed {
        Some(observed) => observed,
        None => observe(watch, &alarm.scope, &alarm.configuration, now).await?,
    };
    memory.evaluation_state = None;
    if is_warming_up(&alarm.configuration, &mut memory, observed.slots(), now) {
        remember(watch, alarm, &memory).await?;
        return Ok(false);
    }
    match &observed {
        Observed::One(slots) => settle(watch, alarm, &memory, next_state(alarm, slots, now)).await,
        Observed::Many(series) => {
            let outcome = outcome_of_many(&alarm.configuration, &mut memory, series, now);
            Ok(settle_many(watch, alarm, &memory, &outcome, now, &[]).await?)
        }
    }
}

/// Each series that the query gives breaches.
async fn evaluate_promql(
    watch: &Watch,
    alarm: &Alarm,
    criteria: &PromqlCriteria,
    mut memory: Memory,
    now: Timestamp,
) -> Result<bool, Failure> {
    let found = promql::evaluated(watch, &alarm.scope, &criteria.query, now).await?;
    let outcome = outcome_of_promql(&mut memory, criteria, returned(&found), now);
    Ok(settle_many(watch, alarm, &memory, &outcome, now, &[]).await?)
}

/// The labels of the series that a query gave; only a vector has any.
pub(super) fn returned(found: &PromValue) -> Vec<Attributes> {
    let PromValue::Vector(series) = found else { return Vec::new() };
    let pairs = |labels: &Labels| labels.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    series.iter().map(|(labels, ..)| pairs(labels)).collect()
}

/// What the series of a PromQL query make of its contributors.
pub(super) fn outcome_of_promql(
    memory: &mut Memory,
    criteria: &PromqlCriteria,
    returned: Vec<Attributes>,
    now: Timestamp,
) -> Outcome {
    let periods = Periods { pending_secs: criteria.pending_secs, recovery_secs: criteria.recovery_secs };
    let outcome = memory.contributors.evaluate_promql(periods, returned, now);
    memory.evaluation_state = outcome.partial.then(|| "PARTIAL_DATA".to_owned());
    outcome
}

/// Writes what an evaluation of an alarm with contributors came to, or only what is to be remembered.
pub(super) async fn settle_many(
    watch: &Watch,
    alarm: &Alarm,
    memory: &Memory,
    outcome: &Outcome,
    now: Timestamp,
    lines: &[String],
) -> catalog::Result<bool> {
    if outcome.changes.is_empty() && outcome.state.is_none_or(|state| state == alarm.state) {
        remember(watch, alarm, memory).await?;
        return Ok(false);
    }
    transition::apply_many(watch, alarm, memory, outcome, now, lines).await
}

/// Writes the change with what is to be remembered, or only that.
async fn settle(watch: &Watch, alarm: &Alarm, memory: &Memory, change: Option<StateChange>) -> Result<bool, Failure> {
    match change {
        Some(change) => {
            let change = StateChange { memory: Some(memory.text()), ..change };
            Ok(transition::apply(watch, alarm, &change, &[]).await?)
        }
        None => {
            remember(watch, alarm, memory).await?;
            Ok(false)
        }
    }
}

/// Keeps the memory when it is another one than it was: most evaluations must not write.
pub(super) async fn remember(watch: &Watch, alarm: &Alarm, memory: &Memory) -> catalog::Result<()> {
    if *memory != Memory::of(alarm) {
        watch.catalog.keep_alarm_memory(alarm, &memory.text(), None).await?;
    }
    Ok(())
}

/// Whether the alarm still warms up, which `memory` is told; once it does not, it never does again.
pub(super) fn is_warming_up(
    configuration: &AlarmConfiguration,
    memory: &mut Memory,
    slots: &[Slot],
    now: Timestamp,
) -> bool {
    let is_warming_up = match (configuration.warm_up, memory.warming_since_ms) {
        (Some(warm_up), Some(since)) => {
            let warm_up = WarmUp { minutes: warm_up.minutes, whole: warm_up.whole };
            warm_up.is_warming_up(Timestamp(since), now, slots, evaluation_periods(configuration))
        }
        _ => false,
    };
    if is_warming_up {
        memory.evaluation_state = Some(IN_WARM_UP.to_owned());
    } else {
        memory.warming_since_ms = None;
    }
    is_warming_up
}

/// Judges each series of an alarm on many.
pub(super) fn outcome_of_many(
    configuration: &AlarmConfiguration,
    memory: &mut Memory,
    series: &[(BTreeMap<String, String>, Vec<Slot>)],
    now: Timestamp,
) -> Outcome {
    let judged = series.iter().map(|(group, slots)| match judge(configuration, slots) {
        Some(verdict) => Judged {
            attributes: group.clone(),
            state: Some(verdict.state),
            reason: reason::contributor_text(configuration, &verdict),
        },
        None => Judged { attributes: group.clone(), state: None, reason: String::new() },
    });
    let outcome = memory.contributors.evaluate_insights(judged.collect(), TreatMissing::of(configuration), now);
    memory.evaluation_state = outcome.partial.then(|| "PARTIAL_DATA".to_owned());
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;
    use query::promql::Query;
    use query::statistics::Statistic;
    use wire::ApiError;
    use wire::cloudwatch::errors;
    use wire::error::common;

    #[test]
    fn a_failure_says_whose_it_is() {
        let promql = Query::parse("sum(").map(drop).unwrap_err();
        let statistic = Statistic::parse("p101").unwrap_err();
        let refused = ApiError::new(&errors::VALIDATION_EXCEPTION, "no");
        let failed = ApiError::new(&common::INTERNAL_FAILURE, "no");
        for (failure, state) in [
            (Failure::Promql(promql.into()), EVALUATION_ERROR),
            (Failure::Observe(statistic.into()), EVALUATION_ERROR),
            (Failure::Observe(ObserveError::Expression(refused)), EVALUATION_ERROR),
            (Failure::Observe(ObserveError::Expression(failed)), EVALUATION_FAILURE),
            (Failure::Slow, EVALUATION_FAILURE),
        ] {
            assert_eq!(failure.evaluation_state(), state, "{failure}");
        }
    }
}
