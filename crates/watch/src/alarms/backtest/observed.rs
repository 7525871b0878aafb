//! What each evaluation of a replay sees.

use super::{BacktestError, Failed};
use crate::Watch;
use crate::alarms::evaluate::returned;
use crate::alarms::log_alarm::{self, verdict::Run};
use crate::alarms::muting::MutedTimes;
use crate::alarms::observe::{self, Observed, PlainHistory};
use crate::alarms::recovery::Attributes;
use crate::alarms::state::Slot;
use crate::logs::alarm_queries::Turn;
use crate::promql;
use catalog::AlarmConfiguration;
use model::limits::BACKTEST_SLOTS_MAX;
use model::{Scope, TimeRange, Timestamp};
use std::collections::BTreeMap;

/// The parts of the observed values at which thresholds are tried when none are given.
const QUANTILES: [f64; 9] = [0.5, 0.75, 0.9, 0.95, 0.975, 0.99, 0.995, 0.999, 1.0];
/// How many evaluations go by between two chances for other requests.
const EVALUATIONS_AT_ONCE: usize = 256;

/// What one evaluation sees.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Seen {
    /// Periods of metrics.
    Metrics(Observed),
    /// The series of a PromQL query.
    Series(Vec<Attributes>),
    /// A run of a log alarm's query.
    Logs(Run),
}

/// One evaluation.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Look {
    /// When.
    pub(super) at: Timestamp,
    /// Why then.
    pub(super) why: Why,
    /// What it sees.
    pub(super) seen: Seen,
}

/// Why an alarm is evaluated at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Why {
    /// A multiple of its interval.
    Due,
    /// A mute rule about it was put, changed or deleted.
    RuleChanged,
    /// A rule's window ends: only if actions are owed.
    MuteEnds,
}

/// What all evaluations see.
pub(super) struct AllSeen {
    /// Oldest first; evaluations that failed have seen nothing.
    pub(super) seen: Vec<Look>,
    /// How many failed.
    pub(super) failures: usize,
    /// Why the first did.
    pub(super) failure: Option<String>,
}

/// When the alarm is evaluated within `range`: at multiples of its interval, and where mute rules have it looked at between
/// them. Log alarms take no more than one look at a run.
pub(super) fn times(
    configuration: &AlarmConfiguration,
    range: TimeRange,
    interval_ms: i64,
    muted: &mut MutedTimes,
    max: usize,
) -> Option<BTreeMap<Timestamp, Why>> {
    let mut times = BTreeMap::new();
    if configuration.log.is_none() {
        times.extend(muted.ends(range, max)?.into_iter().map(|at| (at, Why::MuteEnds)));
        times.extend(muted.changes(range).into_iter().map(|at| (at, Why::RuleChanged)));
    }
    let mut at = range.start.ceil_to(interval_ms);
    while at < range.end {
        times.insert(at, Why::Due);
        at = at + interval_ms;
    }
    (times.len() <= max).then_some(times)
}

/// What each evaluation sees, how many saw nothing because they failed, and why the first did.
pub(super) async fn observe_all(
    watch: &Watch,
    scope: &Scope,
    configuration: &AlarmConfiguration,
    (range, interval_ms): (TimeRange, i64),
    times: BTreeMap<Timestamp, Why>,
) -> Result<AllSeen, BacktestError> {
    let plain = match &configuration.log {
        Some(_) => None,
        None => PlainHistory::read(watch, scope, configuration, range, interval_ms).await?,
    };
    let mut all = AllSeen { seen: Vec::new(), failures: 0, failure: None };
    let mut slots = 0;
    for (index, (at, why)) in times.into_iter().enumerate() {
        let seen = match plain.as_ref().filter(|_| why == Why::Due) {
            Some(history) => Ok(Seen::Metrics(history.observe(configuration, at))),
            None => look(watch, scope, configuration, at).await,
        };
        match seen {
            Ok(seen) => {
                if plain.is_none() {
                    slots += size(&seen);
                }
                if let Seen::Logs(Run { outcome: Err((_, error)), .. }) = &seen {
                    all.failures += 1;
                    all.failure.get_or_insert_with(|| error.clone());
                }
                all.seen.push(Look { at, why, seen });
            }
            Err(error) => {
                all.failures += 1;
                all.failure.get_or_insert_with(|| error.to_string());
            }
        }
        // How many series a query gives is known only now.
        if slots > BACKTEST_SLOTS_MAX {
            return Err(BacktestError::TooLarge);
        }
        if index.is_multiple_of(EVALUATIONS_AT_ONCE) {
            tokio::task::yield_now().await;
        }
    }
    Ok(all)
}

async fn look(watch: &Watch, scope: &Scope, configuration: &AlarmConfiguration, at: Timestamp) -> Result<Seen, Failed> {
    if let Some(log) = &configuration.log {
        return Ok(Seen::Logs(log_alarm::run(watch, scope, log, at, Turn::Client).await));
    }
    if let Some(criteria) = &configuration.promql {
        return Ok(Seen::Series(returned(&promql::evaluated(watch, scope, &criteria.query, at).await?)));
    }
    Ok(Seen::Metrics(observe::observe(watch, scope, configuration, at).await?))
}

/// Periods of all series, or values of all contributors.
fn size(seen: &Seen) -> i64 {
    let size = match seen {
        Seen::Metrics(Observed::One(slots)) => slots.len(),
        Seen::Metrics(Observed::Many(series)) => series.iter().map(|(_, slots)| slots.len()).sum(),
        Seen::Series(series) => series.iter().map(|labels| labels.len() + 1).sum(),
        Seen::Logs(run) => run.outcome.as_ref().map_or(1, |found| found.values.len()),
    };
    i64::try_from(size).unwrap_or(i64::MAX)
}

/// Thresholds spread over the values that were seen.
pub(super) fn chosen(seen: &[Look]) -> Vec<f64> {
    let newest = |slots: &[Slot]| slots.last().and_then(|slot| slot.point).map(|point| point.value);
    let mut values: Vec<f64> = seen
        .iter()
        .flat_map(|look| match &look.seen {
            Seen::Metrics(Observed::One(slots)) => newest(slots).into_iter().collect::<Vec<f64>>(),
            Seen::Metrics(Observed::Many(series)) => series.iter().filter_map(|(_, slots)| newest(slots)).collect(),
            Seen::Logs(Run { outcome: Ok(found), .. }) => found.values.iter().filter_map(|value| value.value).collect(),
            Seen::Series(_) | Seen::Logs(_) => Vec::new(),
        })
        .collect();
    values.sort_by(f64::total_cmp);
    let Some(last) = values.len().checked_sub(1) else { return Vec::new() };
    QUANTILES.iter().map(|part| values[(part * last as f64).round() as usize]).collect()
}
