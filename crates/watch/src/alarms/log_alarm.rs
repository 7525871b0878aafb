//! `evaluate_due_on_logs`: the hub of log alarms. Each runs its query at the times of its schedule, multiples of its interval; what
//! the runs came to is kept with the scheduled query that is managed for it, and the latest N of them decide (`verdict.rs`).
//!
//! A query may take long, so log alarms are evaluated by tasks of their own, some at a time (`LOG_ALARMS_AT_ONCE_MAX`), and
//! their queries wait for nobody else's turn. Other alarms are never late for them.
//!
//! A run that a stop of the server cut off is forgotten: the next one follows at its time. Runs from before a time without
//! the server do not count once they are older than the periods that a metric alarm would look at (`window::fetched`).

#[cfg(test)]
mod tests;
pub mod told;
pub mod verdict;

use crate::Watch;
use crate::alarms::actions;
use crate::alarms::evaluate::{self, Evaluated};
use crate::alarms::memory::Memory;
use crate::alarms::recovery::Outcome;
use crate::alarms::state::evaluation_periods;
use crate::alarms::transition;
use crate::alarms::window::fetched;
use crate::logs::alarm_queries::{self, RunFailed, Turn};
use catalog::{Alarm, AlarmConfiguration, LogCriteria, ManagedRun, StateChange};
use model::limits::LOG_ALARM_RESULT_BYTES_MAX;
use model::time::SECOND;
use model::{Scope, TimeRange, Timestamp};
use query::insights::Answer;
use query::insights::aggregation::Aggregation;
use verdict::{Decision, Found, Run, Value};

/// Why one alarm could not be evaluated.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    #[error("judge the runs: {0}")]
    Judge(#[from] tokio::task::JoinError),
}

/// Evaluates the log alarms that are due, one after the other; called again meanwhile, the two share them. One that fails is
/// logged and counted and does not stop the others.
pub async fn evaluate_due_on_logs(watch: &Watch) -> Evaluated {
    let mut evaluated = Evaluated::default();
    loop {
        let now = watch.clock.now();
        let claimed = match watch.catalog.next_alarm_due(true).await {
            Ok(due) if due.is_none_or(|due| due > now) => return evaluated,
            Ok(_) => watch.catalog.claim_due_alarms(now, 1, true).await,
            Err(error) => Err(error),
        };
        let alarm = match claimed {
            // Another task was faster.
            Ok(alarms) if alarms.is_empty() => continue,
            Ok(mut alarms) => alarms.remove(0),
            Err(error) => {
                tracing::error!(%error, "find due log alarms");
                evaluated.failures += 1;
                return evaluated;
            }
        };
        evaluated.alarms += 1;
        let outcome = match alarm {
            Ok(alarm) => evaluate(watch, &alarm, now).await,
            Err(error) => Err(error.into()),
        };
        match outcome {
            Ok(changed) => evaluated.transitions += usize::from(changed),
            Err(error) => {
                tracing::error!(%error, "evaluate log alarm");
                evaluated.failures += 1;
            }
        }
    }
}

async fn evaluate(watch: &Watch, alarm: &Alarm, now: Timestamp) -> Result<bool, Failure> {
    let Some(log) = &alarm.configuration.log else { return Ok(false) };
    let memory = Memory::of(alarm);
    if memory.owes() && transition::run_muted(watch, alarm, now).await? {
        // What was read is out of date: the next evaluation has the rest.
        watch.catalog.alarm_due(alarm, now).await?;
        return Ok(false);
    }
    let at = now.floor_to(evaluate::interval_ms(&alarm.configuration).max(SECOND));
    if at.0 <= log.since_ms || !watch.catalog.begin_managed_run(&alarm.scope, &log.scheduled_query_id, at).await? {
        return Ok(false);
    }
    let run = run(watch, &alarm.scope, log, at, Turn::Alarm).await;
    watch.catalog.end_managed_run(&alarm.scope, &log.scheduled_query_id, &kept(&run)).await?;
    // The query may have taken long: the alarm may be in another state, be looking for something else, or be gone.
    match watch.catalog.alarm(&alarm.scope, &alarm.name).await? {
        Some(alarm) if alarm.configuration.log.as_ref() == Some(log) => judge(watch, &alarm, log, at).await,
        _ => Ok(false),
    }
}

/// Judges the alarm by its latest runs, of which the newest was at `at`.
async fn judge(watch: &Watch, alarm: &Alarm, log: &LogCriteria, at: Timestamp) -> Result<bool, Failure> {
    let now = watch.clock.now();
    let runs = latest(watch, alarm, log, at).await?;
    let is_grouped = Aggregation::parse(&log.aggregation).is_ok_and(|aggregation| aggregation.is_grouped());
    let (mut memory, configuration) = (Memory::of(alarm), alarm.configuration.clone());
    // Many runs with many contributors take a while to read.
    let judging = tokio::task::spawn_blocking(move || {
        let runs: Vec<Run> = runs.into_iter().map(read).collect();
        let decision = verdict::decide(&configuration, is_grouped, &mut memory.contributors, &runs, now);
        (memory, decision)
    });
    let (mut memory, decision) = judging.await?;
    let Decision { mut outcome, reason_data, evaluation_state, slots } = decision;
    memory.evaluation_state = evaluation_state.map(str::to_owned);
    if evaluate::is_warming_up(&alarm.configuration, &mut memory, &slots, now) {
        // Contributors are as they were.
        let memory = Memory { evaluation_state: memory.evaluation_state, ..Memory::of(alarm) };
        evaluate::remember(watch, alarm, &memory).await?;
        return Ok(false);
    }
    if outcome.state == Some(alarm.state) && matches!(evaluation_state, Some("EVALUATION_ERROR" | "EVALUATION_FAILURE"))
    {
        explain(watch, alarm, &memory, outcome.reason, now).await?;
        return Ok(false);
    }
    outcome.state = outcome.state.filter(|state| *state != alarm.state);
    let lines = lines(watch, alarm, log, &outcome, at).await;
    if is_grouped {
        return Ok(evaluate::settle_many(watch, alarm, &memory, &outcome, now, &lines).await?);
    }
    match outcome.state {
        Some(state) => {
            let memory = Some(memory.text());
            let change = StateChange { state, reason: outcome.reason, reason_data, at: now, memory, due: None };
            Ok(transition::apply(watch, alarm, &change, &lines).await?)
        }
        None => {
            evaluate::remember(watch, alarm, &memory).await?;
            Ok(false)
        }
    }
}

/// Says why the alarm stays in INSUFFICIENT_DATA, where that is another reason than before. It is no change of state, so
/// that history and actions say nothing.
async fn explain(watch: &Watch, alarm: &Alarm, memory: &Memory, reason: String, now: Timestamp) -> catalog::Result<()> {
    if alarm.state_reason == reason {
        return evaluate::remember(watch, alarm, memory).await;
    }
    let memory = Some(memory.text());
    let change = StateChange { state: alarm.state, reason, reason_data: None, at: now, memory, due: None };
    transition::apply(watch, alarm, &change, &[]).await.map(|_| ())
}

/// The log lines for those who will be told, if anybody is. A query for them that fails leaves none.
async fn lines(watch: &Watch, alarm: &Alarm, log: &LogCriteria, outcome: &Outcome, at: Timestamp) -> Vec<String> {
    let states = outcome.state.into_iter().chain(outcome.changes.iter().map(|change| change.state));
    let acts = |state| !actions::of_state(&alarm.configuration, state).is_empty();
    if !alarm.actions_enabled || !states.into_iter().any(acts) {
        return Vec::new();
    }
    alarm_queries::lines(watch, &alarm.scope, log, at).await.unwrap_or_else(|error| {
        tracing::warn!(alarm = alarm.name, %error, "find the log lines for a notification");
        Vec::new()
    })
}

/// The latest runs that count, oldest first.
async fn latest(watch: &Watch, alarm: &Alarm, log: &LogCriteria, at: Timestamp) -> catalog::Result<Vec<ManagedRun>> {
    let n = evaluation_periods(&alarm.configuration);
    let oldest = (at - span_ms(n, log)).0.max(log.since_ms);
    let range = TimeRange::new(Timestamp(oldest) + 1, at + 1);
    let mut runs = watch.catalog.managed_runs(&alarm.scope, &log.scheduled_query_id, range, n).await?;
    runs.reverse();
    Ok(runs)
}

/// How far back runs count, milliseconds, of an alarm that evaluates `n` of them.
pub(super) fn span_ms(n: usize, log: &LogCriteria) -> i64 {
    i64::try_from(fetched(n)).unwrap_or(i64::MAX).saturating_mul(log.interval_secs.saturating_mul(SECOND))
}

/// Runs the query of the time `at`.
pub(super) async fn run(watch: &Watch, scope: &Scope, log: &LogCriteria, at: Timestamp, turn: Turn) -> Run {
    match alarm_queries::run(watch, scope, log, at, turn).await {
        Ok((query_id, answer)) => Run { at, query_id, outcome: Ok(found(log, &answer)) },
        Err(RunFailed { status, error, query_id }) => {
            tracing::debug!(%error, status, "the query of a log alarm failed");
            Run { at, query_id, outcome: Err((status == INVALID, error)) }
        }
    }
}

/// Status of a run whose query is wrong.
const INVALID: &str = "InvalidQuery";

/// The values of an answer, as many as may be kept.
fn found(log: &LogCriteria, answer: &Answer) -> Found {
    // It was checked when it was put.
    let Ok(aggregation) = Aggregation::parse(&log.aggregation) else { return Found::default() };
    let (values, mut more) = aggregation.values(answer);
    let mut room = LOG_ALARM_RESULT_BYTES_MAX;
    let mut kept = Vec::with_capacity(values.len());
    for value in values {
        let bytes: usize = value.attributes.iter().map(|(name, value)| name.len() + value.len() + 16).sum();
        match room.checked_sub(bytes + 64) {
            Some(left) => room = left,
            None => {
                more = true;
                break;
            }
        }
        kept.push(Value { attributes: value.attributes, value: value.value });
    }
    Found { values: kept, more }
}

/// A run as the catalog keeps it.
fn kept(run: &Run) -> ManagedRun {
    let (status, error, result) = match &run.outcome {
        Ok(found) => ("Complete", None, serde_json::to_string(found).ok()),
        Err((true, error)) => (INVALID, Some(error.clone()), None),
        Err((false, error)) => ("Failed", Some(error.clone()), None),
    };
    ManagedRun { triggered_ms: run.at.0, query_id: run.query_id.clone(), status: status.into(), error, result }
}

fn read(run: ManagedRun) -> Run {
    let outcome = match (run.status.as_str(), run.result.as_deref().map(serde_json::from_str)) {
        ("Complete", Some(Ok(found))) => Ok(found),
        (status, _) => Err((status == INVALID, run.error.unwrap_or_else(|| "the result was not kept".to_owned()))),
    };
    Run { at: Timestamp(run.triggered_ms), query_id: run.query_id, outcome }
}

/// Whether another configuration looks for something else, so that the runs so far say nothing: another query, aggregation,
/// schedule, or other log groups ("Alarm update").
pub fn is_reset(before: &AlarmConfiguration, after: &AlarmConfiguration) -> bool {
    let of = |configuration: &AlarmConfiguration| {
        configuration.log.as_ref().map(|log| {
            let offsets = (log.start_offset_secs, log.end_offset_secs.unwrap_or(0));
            (log.query.clone(), log.aggregation.clone(), log.interval_secs, offsets, log.log_groups.clone())
        })
    };
    of(before) != of(after)
}
