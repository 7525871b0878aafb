//! The alarm time machine: when an alarm, real or only drafted, would have fired over stored history, and what another
//! threshold would change. AWS has none.
//!
//! It is the evaluator of the clock (`observe.rs`, `state.rs`), asked at every instant at which the clock would have asked:
//! multiples of the alarm's interval. The alarm begins in INSUFFICIENT_DATA, on PromQL in OK. What the live past may have
//! shown otherwise: data that came late are seen here as if they had come in time, and bands of anomaly alarms are trained
//! on what is stored now. Warm-up is not replayed, and nothing is said about mute rules, which leave states as they are.
//!
//! Of log alarms each run of the query is run again (`observed.rs`), and a composite alarm is replayed over the recorded
//! changes of its children, and of the suppressor of its actions (`composite.rs`).

mod composite;
mod observed;
mod replay;

use super::composite::CompositeError;
use super::evaluate::interval_ms;
use super::observe::{self, ObserveError};
use super::state::evaluation_periods;
use super::window::fetched;
use crate::Watch;
use crate::promql;
use catalog::AlarmConfiguration;
use model::limits::{
    BACKTEST_CHANGES_MAX, BACKTEST_EVALUATIONS_MAX, BACKTEST_EXPRESSIONS_MAX, BACKTEST_LOG_RUNS_MAX,
    BACKTEST_SLOTS_MAX, BACKTEST_THRESHOLDS_MAX,
};
use model::{Scope, TimeRange, Timestamp};
use observed::{Seen, chosen, observe_all};
use replay::replay;
use serde::Serialize;
use std::sync::Arc;

#[cfg(test)]
mod tests;

/// Milliseconds of a week.
const WEEK_MS: f64 = 7.0 * 86_400_000.0;

/// Why there is no backtest.
#[derive(Debug, thiserror::Error)]
pub enum BacktestError {
    /// Too long a time for so short an interval.
    #[error("{0} evaluations are more than the limit of {1}; ask for a shorter time")]
    TooMany(i64, i64),
    /// Too many periods in all evaluations together.
    #[error("the evaluations look at more than {BACKTEST_SLOTS_MAX} periods; ask for a shorter time")]
    TooLarge,
    /// Too many thresholds.
    #[error("{0} thresholds are more than the limit of {BACKTEST_THRESHOLDS_MAX}")]
    TooManyThresholds(usize),
    /// The children of a composite alarm changed too often.
    #[error("the children changed more than {BACKTEST_CHANGES_MAX} times; ask for a shorter time")]
    TooManyChanges,
    /// A replay has panicked.
    #[error("replay the alarm: {0}")]
    Replay(#[from] tokio::task::JoinError),
    /// The history could not be read.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// The children's history could not be read.
    #[error(transparent)]
    Composite(#[from] CompositeError),
}

/// Why one evaluation failed.
#[derive(Debug, thiserror::Error)]
enum Failed {
    #[error(transparent)]
    Observe(#[from] ObserveError),
    #[error(transparent)]
    Promql(#[from] promql::Failure),
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

/// A time at which the actions of a state would have run.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ActionsRun {
    /// When, ISO 8601.
    pub at: String,
    /// The state that the alarm was in then.
    pub state: &'static str,
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
    /// When actions would have run, oldest first, where a suppressor may have held or suppressed them; `None` where they run at
    /// each change of state.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub actions_run: Option<Vec<ActionsRun>>,
    /// What other thresholds would do, ascending; empty for alarms without one.
    pub by_threshold: Vec<ByThreshold>,
}

/// Replays `configuration`, of an alarm named `name`, over `range`. Without `thresholds`, some are chosen from the values
/// that were seen; PromQL and composite alarms have none.
pub async fn backtest(
    watch: &Watch,
    scope: &Scope,
    (name, configuration): (&str, &AlarmConfiguration),
    range: TimeRange,
    thresholds: &[f64],
    now: Timestamp,
) -> Result<Backtest, BacktestError> {
    let range = TimeRange::new(range.start, range.end.min(now));
    if thresholds.len() > BACKTEST_THRESHOLDS_MAX {
        return Err(BacktestError::TooManyThresholds(thresholds.len()));
    }
    if let Some(rule) = &configuration.composite {
        return composite::backtest(watch, scope, (name, configuration, rule), range).await;
    }
    let interval_ms = interval_ms(configuration);
    check_size(configuration, range, interval_ms)?;
    let observed = observe_all(watch, scope, configuration, range, interval_ms).await?;
    let mut replayed = replay_all(scope, configuration, Arc::new(observed.seen), range.end, thresholds).await?;
    (replayed.failures, replayed.failure) = (observed.failures, observed.failure);
    Ok(replayed)
}

/// Replays what was seen, and what other thresholds would have made of it. Each takes long where many runs with many
/// contributors were seen, so none is done on a thread that others wait for.
async fn replay_all(
    scope: &Scope,
    configuration: &AlarmConfiguration,
    seen: Arc<Vec<(Timestamp, Seen)>>,
    end: Timestamp,
    thresholds: &[f64],
) -> Result<Backtest, BacktestError> {
    let replay_one = |tried: AlarmConfiguration| {
        let (scope, seen) = (scope.clone(), Arc::clone(&seen));
        tokio::task::spawn_blocking(move || replay(&scope, &tried, &seen, end))
    };
    let mut replayed = replay_one(configuration.clone()).await?;
    if configuration.threshold_metric_id.is_none() && configuration.promql.is_none() {
        let chosen = match thresholds {
            [] => {
                let seen = Arc::clone(&seen);
                tokio::task::spawn_blocking(move || chosen(&seen)).await?
            }
            _ => thresholds.to_vec(),
        };
        let mut chosen: Vec<f64> = chosen.into_iter().filter(|threshold| threshold.is_finite()).collect();
        chosen.sort_by(f64::total_cmp);
        chosen.dedup();
        for threshold in chosen {
            let tried = AlarmConfiguration { threshold, ..configuration.clone() };
            let Backtest { fires, fires_per_week, alarm_secs, .. } = replay_one(tried).await?;
            replayed.by_threshold.push(ByThreshold { threshold, fires, fires_per_week, alarm_secs });
        }
    }
    Ok(replayed)
}

/// Refuses what would take too many evaluations, or periods in all of them together.
fn check_size(configuration: &AlarmConfiguration, range: TimeRange, interval_ms: i64) -> Result<(), BacktestError> {
    let count = ((range.end - range.start).max(0) / interval_ms).saturating_add(1);
    let max = match &configuration.log {
        Some(_) => BACKTEST_LOG_RUNS_MAX,
        None if observe::is_plain(configuration) => BACKTEST_EVALUATIONS_MAX,
        None => BACKTEST_EXPRESSIONS_MAX,
    };
    if count > max {
        return Err(BacktestError::TooMany(count, max));
    }
    let each = i64::try_from(fetched(evaluation_periods(configuration))).unwrap_or(i64::MAX);
    if count.saturating_mul(each) > BACKTEST_SLOTS_MAX {
        return Err(BacktestError::TooLarge);
    }
    Ok(())
}
