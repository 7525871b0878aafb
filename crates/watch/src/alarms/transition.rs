//! `apply`: one change of an alarm's state, durable with its history and with what its actions publish. `apply_many`: the same of an
//! alarm with contributors, whose changes have history and actions of their own.

use crate::Watch;
use crate::alarms::actions::{self, Actions, Many, Told};
use crate::alarms::memory::Memory;
use crate::alarms::recovery::{Change, Outcome};
use crate::alarms::{history, muting};
use catalog::{Alarm, AlarmConfiguration, AlarmHistoryItem, AlarmState, Replacement, StateChange};
use model::Timestamp;
use query::insights::aggregation::Aggregation;
use query::metrics_insights::MetricsInsights;

/// Runs the actions that mute rules withheld, once none mutes them any more. True when the alarm was written.
pub async fn run_muted(watch: &Watch, alarm: &Alarm, at: Timestamp) -> catalog::Result<bool> {
    let mut memory = Memory::of(alarm);
    let until = muting::muted_until(watch, alarm, at).await?;
    let (run, withheld) = memory.unmute(alarm.state, until.is_some());
    if !withheld.is_empty() {
        return run_withheld(watch, alarm, at, &memory, run, &withheld).await;
    }
    if run {
        return run_held(watch, alarm, at, memory.text()).await;
    }
    if memory != Memory::of(alarm) || until.is_some() {
        watch.catalog.keep_alarm_memory(alarm, &memory.text(), until).await?;
    }
    Ok(!memory.owes())
}

/// Whether a change runs its actions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Run {
    /// At once.
    Now,
    /// Something holds them: `run_held` may run them later.
    Held,
}

/// Writes `change` if the alarm is still the one that was read. False when another evaluator or another request was
/// faster: the caller has nothing more to do. `lines` are log lines for those who are notified.
///
/// The same transaction puts the messages of the actions into the outbox: a crash loses both or none.
pub async fn apply(watch: &Watch, alarm: &Alarm, change: &StateChange, lines: &[String]) -> catalog::Result<bool> {
    apply_held(watch, alarm, change, Run::Now, lines).await
}

/// The same, of a change whose actions may be held.
pub async fn apply_held(
    watch: &Watch,
    alarm: &Alarm,
    change: &StateChange,
    run: Run,
    lines: &[String],
) -> catalog::Result<bool> {
    let (change, items, prepared) = prepared(watch, alarm, change, run, lines).await?;
    write(watch, alarm, &change, items, prepared).await
}

/// Writes `change` and, in the same transaction, replaces the alarm's configuration. False when the alarm is no longer the one
/// that was read.
pub async fn apply_and_replace(
    watch: &Watch,
    alarm: &Alarm,
    change: &StateChange,
    replacement: &Replacement<'_>,
) -> catalog::Result<bool> {
    let (change, mut items, mut prepared) = prepared(watch, alarm, change, Run::Now, &[]).await?;
    items.append(&mut prepared.history);
    let publications = &prepared.publications;
    let written = watch.catalog.change_and_replace_alarm(alarm, &change, &items, publications, replacement).await?;
    if written {
        prepared.written(watch, alarm);
    }
    Ok(written)
}

/// The change as it is to be written, with its history and actions.
async fn prepared(
    watch: &Watch,
    alarm: &Alarm,
    change: &StateChange,
    run: Run,
    lines: &[String],
) -> catalog::Result<(StateChange, Vec<AlarmHistoryItem>, Actions)> {
    let mut items = Vec::new();
    let mut prepared = Actions::default();
    let mut change = change.clone();
    if change.state != alarm.state {
        if run == Run::Now && !mute(watch, alarm, &mut change, &[]).await? {
            let told = Told { contributor: None, many: many(&alarm.configuration, false), lines };
            actions::prepare(watch, alarm, &change, told, &mut prepared).await?;
        }
        items.push(history::state_updated(alarm, &change));
    }
    Ok((change, items, prepared))
}

/// Writes what an evaluation of an alarm with contributors came to, with `memory`: the state of the whole alarm where it is
/// another one, and each contributor's change. True when the alarm's state changed.
pub async fn apply_many(
    watch: &Watch,
    alarm: &Alarm,
    memory: &Memory,
    outcome: &Outcome,
    at: Timestamp,
    lines: &[String],
) -> catalog::Result<bool> {
    let state = outcome.state.filter(|state| *state != alarm.state);
    let mut change = match state {
        Some(state) => StateChange { state, reason: outcome.reason.clone(), reason_data: None, ..unchanged(alarm, at) },
        None => unchanged(alarm, alarm.state_updated),
    };
    change.memory = Some(memory.text());
    let many = Many { is_on_logs: alarm.configuration.log.is_some(), are_told: tell_of(&outcome.changes, state) };
    let is_muted = mute_if(watch, alarm, &mut change, state.is_some(), (&outcome.changes, at)).await?;
    let mut items = Vec::new();
    let mut prepared = Actions::default();
    if state.is_some() {
        items.push(history::state_updated(alarm, &change));
    }
    items.extend(outcome.changes.iter().map(|contributor| history::contributor_updated(alarm, contributor, at)));
    if !is_muted {
        if state.is_some() {
            let told = Told { contributor: None, many: Some(many), lines };
            actions::prepare(watch, alarm, &change, told, &mut prepared).await?;
        }
        tell_contributors(watch, alarm, (&outcome.changes, at, &outcome.reason), (many, lines), &mut prepared).await?;
    }
    Ok(write(watch, alarm, &change, items, prepared).await? && state.is_some())
}

/// Whether contributors' changes tell of the alarm's to `state`: one of them goes there. A contributor that goes to OK says
/// nothing of an alarm that goes to INSUFFICIENT_DATA.
fn tell_of(changes: &[Change], state: Option<AlarmState>) -> bool {
    changes.iter().any(|change| Some(change.state) == state)
}

/// Prepares the actions of contributors' changes at a time, of an evaluation with this reason.
async fn tell_contributors(
    watch: &Watch,
    alarm: &Alarm,
    (changes, at, reason): (&[Change], Timestamp, &str),
    (many, lines): (Many, &[String]),
    prepared: &mut Actions,
) -> catalog::Result<()> {
    for contributor in changes {
        // Of log alarms the message has the alarm's reason ("Log alarms"), of others the contributor's.
        let reason = if many.is_on_logs { reason.to_owned() } else { contributor.reason.clone() };
        let change = StateChange { state: contributor.state, reason, ..unchanged(alarm, at) };
        let told = Told { contributor: Some(contributor), many: Some(many), lines };
        actions::prepare(watch, alarm, &change, told, prepared).await?;
    }
    Ok(())
}

/// The alarm as it stands, as a change.
fn unchanged(alarm: &Alarm, at: Timestamp) -> StateChange {
    StateChange {
        state: alarm.state,
        reason: alarm.state_reason.clone(),
        reason_data: alarm.state_reason_data.clone(),
        at,
        memory: None,
        due: None,
    }
}

/// Whether an alarm has contributors, `are_told` of which are told of the change.
fn many(configuration: &AlarmConfiguration, are_told: bool) -> Option<Many> {
    let is_on_logs = configuration.log.is_some();
    let is_grouped = match &configuration.log {
        Some(log) => Aggregation::parse(&log.aggregation).is_ok_and(|aggregation| aggregation.is_grouped()),
        None => configuration.promql.is_some() || configuration.metrics.iter().any(is_grouped_query),
    };
    is_grouped.then_some(Many { is_on_logs, are_told })
}

fn is_grouped_query(query: &catalog::AlarmQuery) -> bool {
    let expression = query.expression.as_deref().filter(|_| query.return_data != Some(false));
    expression.is_some_and(|text| MetricsInsights::parse(text).is_ok_and(|insights| insights.is_grouped()))
}

async fn write(
    watch: &Watch,
    alarm: &Alarm,
    change: &StateChange,
    mut items: Vec<AlarmHistoryItem>,
    mut prepared: Actions,
) -> catalog::Result<bool> {
    items.append(&mut prepared.history);
    let written = watch.catalog.change_alarm_state(alarm, change, &items, &prepared.publications).await?;
    if written {
        prepared.written(watch, alarm);
    }
    Ok(written)
}

/// Whether mute rules withhold the actions of a change and of contributors' changes; if so, that they are owed is remembered
/// until the rules mute no longer.
async fn mute(watch: &Watch, alarm: &Alarm, change: &mut StateChange, withheld: &[Change]) -> catalog::Result<bool> {
    let at = change.at;
    mute_if(watch, alarm, change, true, (withheld, at)).await
}

/// The same, where the alarm's own state may be what it was.
async fn mute_if(
    watch: &Watch,
    alarm: &Alarm,
    change: &mut StateChange,
    is_changed: bool,
    (withheld, at): (&[Change], Timestamp),
) -> catalog::Result<bool> {
    let until = muting::muted_until(watch, alarm, at).await?;
    let kept = change.memory.as_deref().or(alarm.memory.as_deref());
    let before = Memory::read(kept);
    let mut memory = before.clone();
    memory.mute(is_changed.then_some(change.state), withheld, until.is_some());
    if memory != before {
        change.memory = Some(memory.text());
    }
    if let Some(until) = until {
        change.due = Some(change.due.map_or(until, |due| due.min(until)));
    }
    Ok(until.is_some())
}

/// Runs the actions of the state that the alarm is in, which were held until now, and keeps `memory`; rules that mute them
/// now hold them further.
pub async fn run_held(watch: &Watch, alarm: &Alarm, at: Timestamp, memory: String) -> catalog::Result<bool> {
    let mut change = StateChange { memory: Some(memory), ..unchanged(alarm, at) };
    let mut prepared = Actions::default();
    if !mute(watch, alarm, &mut change, &[]).await? {
        let told = Told { contributor: None, many: many(&alarm.configuration, false), lines: &[] };
        actions::prepare(watch, alarm, &change, told, &mut prepared).await?;
    }
    write(watch, alarm, &change, Vec::new(), prepared).await
}

/// Runs the actions of contributors that were withheld and, where they are `owed`, of the whole alarm.
async fn run_withheld(
    watch: &Watch,
    alarm: &Alarm,
    at: Timestamp,
    memory: &Memory,
    owed: bool,
    withheld: &[Change],
) -> catalog::Result<bool> {
    let change = StateChange { memory: Some(memory.text()), ..unchanged(alarm, at) };
    let many = Many { is_on_logs: alarm.configuration.log.is_some(), are_told: tell_of(withheld, Some(alarm.state)) };
    let mut prepared = Actions::default();
    if owed {
        let told = Told { contributor: None, many: Some(many), lines: &[] };
        actions::prepare(watch, alarm, &change, told, &mut prepared).await?;
    }
    tell_contributors(watch, alarm, (withheld, at, &alarm.state_reason), (many, &[]), &mut prepared).await?;
    write(watch, alarm, &change, Vec::new(), prepared).await
}
