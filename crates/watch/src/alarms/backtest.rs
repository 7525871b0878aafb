//! The alarm time machine: when an alarm, real or only drafted, would have fired over stored history, and what another
//! threshold would change. AWS has none.
//!
//! It is the evaluator of the clock (`observe.rs`, `state.rs`), asked at every instant at which the clock would have asked:
//! multiples of the alarm's interval. The alarm begins in INSUFFICIENT_DATA, on PromQL in OK. What the live past may have
//! shown otherwise: data that came late are seen here as if they had come in time, and bands of anomaly alarms are trained
//! on what is stored now.
//!
//! The alarm warms up as a new one does, unless it is one that was made before the time that is replayed (and began to warm up
//! then, or has done). Mute rules are those that stood at each time (`catalog/mute_rule_versions.rs`): they leave states as
//! they are, and `actions_run` says when actions ran all the same. As live, the alarm is looked at once more where a rule
//! is changed, and where a window ends in which actions were withheld. No rule is older than the history of alarms that is kept.
//!
//! Of log alarms each run of the query is run again (`observed.rs`), and a composite alarm is replayed over the recorded
//! changes of its children, and of the suppressor of its actions (`composite.rs`).

mod composite;
mod conditions;
mod muted;
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
use conditions::Conditions;
use model::limits::{
    BACKTEST_CHANGES_MAX, BACKTEST_EVALUATIONS_MAX, BACKTEST_EXPRESSIONS_MAX, BACKTEST_LOG_RUNS_MAX,
    BACKTEST_MUTE_VERSIONS_MAX, BACKTEST_SLOTS_MAX, BACKTEST_THRESHOLDS_MAX,
};
use model::{Scope, TimeRange, Timestamp};
use observed::{Look, chosen, observe_all, times};
use replay::replay;
use serde::Serialize;
use std::collections::BTreeMap;
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
    /// Rules that mute the alarm were changed too often.
    #[error(
        "mute rules about the alarm were changed more than {BACKTEST_MUTE_VERSIONS_MAX} times; ask for a shorter time"
    )]
    TooManyRules,
    /// A replay has panicked.
    #[error("replay the alarm: {0}")]
    Replay(#[from] tokio::task::JoinError),
    /// The history could not be read.
    #[error(transparent)]
    Observe(#[from] ObserveError),
    /// The alarm's history, or the mute rules about it, could not be read.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
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
    /// The state that the alarm, or its contributor, was in then.
    pub state: &'static str,
    /// The contributor whose change of state it is; `None` for the whole alarm's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub contributor: Option<BTreeMap<String, String>>,
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
    /// In how many of them it warmed up (IN_WARM_UP), which changed nothing.
    pub in_warm_up: usize,
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
    /// When actions would have run, oldest first, where mute rules or a suppressor may have withheld them; `None` where they run
    /// at each change of state.
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
    let max = check_size(configuration, range, interval_ms)?;
    let conditions = Conditions::of(watch, scope, (name, configuration), range).await?;
    let (looked, mut muted) = (configuration.clone(), conditions.muted.clone());
    let times = move || times(&looked, range, interval_ms, &mut muted, usize::try_from(max).unwrap_or(usize::MAX));
    let times = tokio::task::spawn_blocking(times).await?;
    let times = times.ok_or(BacktestError::TooMany(max + 1, max))?;
    let observed = observe_all(watch, scope, configuration, (range, interval_ms), times).await?;
    let seen = Arc::new(observed.seen);
    let mut replayed = replay_all(scope, configuration, conditions, seen, range.end, thresholds).await?;
    (replayed.failures, replayed.failure) = (observed.failures, observed.failure);
    Ok(replayed)
}

/// Replays what was seen, and what other thresholds would have made of it. Each takes long where many runs with many
/// contributors were seen, so none is done on a thread that others wait for.
async fn replay_all(
    scope: &Scope,
    configuration: &AlarmConfiguration,
    conditions: Conditions,
    seen: Arc<Vec<Look>>,
    end: Timestamp,
    thresholds: &[f64],
) -> Result<Backtest, BacktestError> {
    let replay_one = |tried: AlarmConfiguration| {
        let (scope, conditions, seen) = (scope.clone(), conditions.clone(), Arc::clone(&seen));
        tokio::task::spawn_blocking(move || replay(&scope, &tried, conditions, &seen, end))
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

/// Refuses what would take too many evaluations, or periods in all of them together. Answers how many may be.
fn check_size(configuration: &AlarmConfiguration, range: TimeRange, interval_ms: i64) -> Result<i64, BacktestError> {
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
    Ok(max)
}
