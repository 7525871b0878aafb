//! The alarm time machine: when an alarm, real or only drafted, would have fired over stored history, and what another threshold
//! would change. AWS has none.
//!
//! It is the evaluator of the clock (`observe.rs`, `state.rs`), asked at every instant at which the clock would have asked:
//! multiples of the alarm's interval. The alarm begins in INSUFFICIENT_DATA. What the live past may have shown otherwise: data that
//! came late are seen here as if they had come in time, and bands of anomaly alarms are trained on what is stored now. Warm-up is
//! not replayed, and nothing is said about mute rules, which leave states as they are.

use super::evaluate::{interval_ms, next_state_of_many};
use super::memory::Memory;
use super::observe::{self, ObserveError, Observed, PlainHistory};
use super::state::evaluation_periods;
use super::state::{Slot, next_state};
use super::window::fetched;
use crate::Watch;
use catalog::{Alarm, AlarmConfiguration, AlarmState, StateChange};
use model::limits::{BACKTEST_EVALUATIONS_MAX, BACKTEST_EXPRESSIONS_MAX, BACKTEST_SLOTS_MAX, BACKTEST_THRESHOLDS_MAX};
use model::{Scope, TimeRange, Timestamp};
use serde::Serialize;

#[cfg(test)]
mod tests;

/// The parts of the observed values at which thresholds are tried when none are given.
const QUANTILES: [f64; 9] = [0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999, 1.0];
/// How many evaluations go by between two chances for other requests.
const EVALUATIONS_AT_ONCE: usize = 256;
/// Milliseconds of a week.
const WEEK_MS: f64 = 7.0 * 86_400_000.0;

/// Why there is no backtest.
#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    /// The alarm cannot be replayed.
    #[error("alarms on {0} cannot be replayed")]
    Kind(&'static str),
    /// Too long a time for so short an interval.
    #[error("{0} evaluations are more than the limit of {1}; ask for a shorter time")]
    TooMany(i64, i64),
    /// Too many periods in all evaluations together.
    #[error("the evaluations look at more than {BACKTEST_SLOTS_MAX} periods; ask for a shorter time")]
    TooLarge,
    /// Too many thresholds.
    #[error("{0} thresholds are more than the limit of {BACKTEST_THRESHOLDS_MAX}")]
    TooManyThresholds(usize),
    /// The history could not be read.
    #[error(transparent)]
    Observe(#[from] ObserveError),
}

/// A change of state that would have happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transition {
    /// When, ISO 8601.
    pub at: String,
    /// The state before.
    pub from: &'static str,
    /// The state after.
    pub to: &'static str,
    /// StateReason.
    pub reason: String,
    /// StateReasonData.
    pub reason_data: Option<String>,
}

/// What a threshold would do.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ByThreshold {
    /// The threshold.
    pub threshold: f64,
    /// How often the alarm goes to ALARM.
    pub fires: usize,
    /// The same for each week.
    pub fires_per_week: f64,
    /// Seconds in ALARM.
    pub alarm_secs: i64,
}

/// What would have happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Backtest {
    /// How often the alarm was evaluated.
    pub evaluations: usize,
    /// Evaluations that failed, and changed nothing.
    pub failures: usize,
    /// Why the first of them did.
    pub failure: Option<String>,
    /// How often it went to ALARM.
    pub fires: usize,
    /// The same for each week.
    pub fires_per_week: f64,
    /// Seconds in ALARM.
    pub alarm_secs: i64,
    /// Every change of state, oldest first.
    pub transitions: Vec<Transition>,
    /// What other thresholds would do, ascending; empty for alarms without one.
    pub by_threshold: Vec<ByThreshold>,
}

/// Replays `configuration` over `range`. Without `thresholds`, some are chosen from the values that were seen.
pub async fn backtest(
    watch: &Watch,
    scope: &Scope,
    configuration: &AlarmConfiguration,
    range: TimeRange,
    thresholds: &[f64],
    now: Timestamp,
) -> Result<Backtest, BacktestError> {
    if configuration.is_composite() {
        return Err(BacktestError::Kind("other alarms"));
    }
    if configuration.promql.is_some() {
        return Err(BacktestError::Kind("PromQL"));
    }
    let range = TimeRange::new(range.start, range.end.min(now));
    let interval_ms = interval_ms(configuration);
    let count = ((range.end - range.start).max(0) / interval_ms).saturating_add(1);
    let max = if observe::is_plain(configuration) { BACKTEST_EVALUATIONS_MAX } else { BACKTEST_EXPRESSIONS_MAX };
    if count > max {
        return Err(BacktestError::TooMany(count, max));
    }
    if thresholds.len() > BACKTEST_THRESHOLDS_MAX {
        return Err(BacktestError::TooManyThresholds(thresholds.len()));
    }
    let each = i64::try_from(fetched(evaluation_periods(configuration))).unwrap_or(i64::MAX);
    if count.saturating_mul(each) > BACKTEST_SLOTS_MAX {
        return Err(BacktestError::TooLarge);
    }
    let (observed, failures, failure) = observe_all(watch, scope, configuration, range, interval_ms).await?;
    let mut replayed = replay(scope, configuration, &observed, range.end);
    (replayed.failures, replayed.failure) = (failures, failure);
    if configuration.threshold_metric_id.is_none() {
        let chosen = if thresholds.is_empty() { chosen(&observed) } else { thresholds.to_vec() };
        let mut chosen: Vec<f64> = chosen.into_iter().filter(|threshold| threshold.is_finite()).collect();
        chosen.sort_by(f64::total_cmp);
        chosen.dedup();
        for threshold in chosen {
            let tried = AlarmConfiguration { threshold, ..configuration.clone() };
            let Backtest { fires, fires_per_week, alarm_secs, .. } = replay(scope, &tried, &observed, range.end);
            replayed.by_threshold.push(ByThreshold { threshold, fires, fires_per_week, alarm_secs });
            tokio::task::yield_now().await;
        }
    }
    Ok(replayed)
}

/// What each evaluation sees, how many saw nothing because they failed, and why the first did.
async fn observe_all(
    watch: &Watch,
    scope: &Scope,
    configuration: &AlarmConfiguration,
    range: TimeRange,
    interval_ms: i64,
) -> Result<(Vec<(Timestamp, Observed)>, usize, Option<String>), BacktestError> {
    let plain = PlainHistory::read(watch, scope, configuration, range, interval_ms).await?;
    let mut observed = Vec::new();
    let (mut failures, mut failure, mut slots) = (0, None, 0);
    let mut at = range.start.ceil_to(interval_ms);
    while at < range.end {
        match &plain {
            Some(history) => observed.push((at, history.observe(configuration, at))),
            None => match observe::observe(watch, scope, configuration, at).await {
                Ok(found) => {
                    slots += size(&found);
                    observed.push((at, found));
                }
                Err(error) => {
                    failures += 1;
                    failure.get_or_insert_with(|| error.to_string());
                }
            },
        }
        // How many series a query gives is known only now.
        if slots > BACKTEST_SLOTS_MAX {
            return Err(BacktestError::TooLarge);
        }
        if observed.len().is_multiple_of(EVALUATIONS_AT_ONCE) {
            tokio::task::yield_now().await;
        }
        at = at + interval_ms;
    }
    Ok((observed, failures, failure))
}

/// Periods of all series.
fn size(observed: &Observed) -> i64 {
    let size = match observed {
        Observed::One(slots) => slots.len(),
        Observed::Many(series) => series.iter().map(|(_, slots)| slots.len()).sum(),
    };
    i64::try_from(size).unwrap_or(i64::MAX)
}

fn replay(
    scope: &Scope,
    configuration: &AlarmConfiguration,
    observed: &[(Timestamp, Observed)],
    end: Timestamp,
) -> Backtest {
    let start = observed.first().map_or(end, |(at, _)| *at);
    let mut alarm = Alarm {
        scope: scope.clone(),
        name: String::new(),
        version: 0,
        configuration: configuration.clone(),
        actions_enabled: false,
        configuration_updated: start,
        state: AlarmState::InsufficientData,
        state_reason: String::new(),
        state_reason_data: None,
        state_updated: start,
        state_transitioned: start,
        memory: None,
    };
    let mut memory = Memory::default();
    let mut transitions = Vec::new();
    let (mut fires, mut alarm_ms) = (0, 0);
    for (at, observed) in observed {
        let change = match observed {
            Observed::One(slots) => next_state(&alarm, slots, *at),
            Observed::Many(series) => next_state_of_many(&alarm, &mut memory, series, *at),
        };
        let Some(StateChange { state, reason, reason_data, .. }) = change else { continue };
        if alarm.state == AlarmState::Alarm {
            alarm_ms += *at - alarm.state_transitioned;
        }
        fires += usize::from(state == AlarmState::Alarm);
        let (from, to) = (alarm.state.as_str(), state.as_str());
        transitions.push(Transition { at: at.iso_millis(), from, to, reason, reason_data });
        (alarm.state, alarm.state_transitioned) = (state, *at);
    }
    if alarm.state == AlarmState::Alarm {
        alarm_ms += end - alarm.state_transitioned;
    }
    let weeks = (end - start).max(1) as f64 / WEEK_MS;
    Backtest {
        evaluations: observed.len(),
        failures: 0,
        failure: None,
        fires,
        fires_per_week: fires as f64 / weeks,
        alarm_secs: alarm_ms / 1000,
        transitions,
        by_threshold: Vec::new(),
    }
}

/// Thresholds spread over the values that were seen.
fn chosen(observed: &[(Timestamp, Observed)]) -> Vec<f64> {
    let newest = |slots: &[Slot]| slots.last().and_then(|slot| slot.point).map(|point| point.value);
    let mut values: Vec<f64> = observed
        .iter()
        .flat_map(|(_, observed)| match observed {
            Observed::One(slots) => newest(slots).into_iter().collect::<Vec<f64>>(),
            Observed::Many(series) => series.iter().filter_map(|(_, slots)| newest(slots)).collect(),
        })
        .collect();
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return Vec::new() };
    QUANTILES.iter().map(|part| values[(part * last as f64).round() as usize]).collect()
}
