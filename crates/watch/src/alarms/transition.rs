//! `apply`: one change of an alarm's state, durable with its history and with what its actions publish.

use crate::Watch;
use crate::alarms::actions::{self, Actions};
use crate::alarms::memory::Memory;
use crate::alarms::mute::step;
use crate::alarms::{history, muting};
use catalog::{Alarm, AlarmState, StateChange};
use model::Timestamp;

/// Runs the actions that mute rules withheld, once none mutes them any more. True when the alarm was written.
pub async fn run_muted(watch: &Watch, alarm: &Alarm, at: Timestamp) -> catalog::Result<bool> {
    let mut memory = Memory::of(alarm);
    let owed = memory.muted.as_deref().and_then(AlarmState::parse);
    let until = muting::muted_until(watch, alarm, at).await?;
    let (owed, run) = step(owed, alarm.state, false, until.is_some());
    memory.muted = owed.map(|state| state.as_str().to_owned());
    if run {
        return run_held(watch, alarm, at, memory.text()).await;
    }
    if memory != Memory::of(alarm) || until.is_some() {
        watch.catalog.keep_alarm_memory(alarm, &memory.text(), until).await?;
    }
    Ok(owed.is_none())
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
/// faster: the caller has nothing more to do.
///
/// The same transaction puts the messages of the actions into the outbox: a crash loses both or none.
pub async fn apply(watch: &Watch, alarm: &Alarm, change: &StateChange) -> catalog::Result<bool> {
    apply_held(watch, alarm, change, Run::Now).await
}

/// The same, of a change whose actions may be held.
pub async fn apply_held(watch: &Watch, alarm: &Alarm, change: &StateChange, run: Run) -> catalog::Result<bool> {
    let mut items = Vec::new();
    let mut prepared = Actions::default();
    let mut change = change.clone();
    if change.state != alarm.state {
        if run == Run::Now && !mute(watch, alarm, &mut change).await? {
            prepared = actions::prepare(watch, alarm, &change).await?;
        }
        items.push(history::state_updated(alarm, &change));
        items.append(&mut prepared.history);
    }
    let written = watch.catalog.change_alarm_state(alarm, &change, &items, &prepared.publications).await?;
    if written {
        prepared.written(watch, alarm);
    }
    Ok(written)
}

/// Whether mute rules withhold the actions of a change; if so, that they are owed is remembered until the rules mute no longer.
async fn mute(watch: &Watch, alarm: &Alarm, change: &mut StateChange) -> catalog::Result<bool> {
    let until = muting::muted_until(watch, alarm, change.at).await?;
    let kept = change.memory.as_deref().or(alarm.memory.as_deref());
    let mut memory = Memory::read(kept);
    let owed = until.map(|_| change.state.as_str().to_owned());
    if memory.muted != owed {
        memory.muted = owed;
        change.memory = Some(memory.text());
    }
    if let Some(until) = until {
        change.due = Some(change.due.map_or(until, |due| due.min(until)));
    }
    Ok(until.is_some())
}

/// Runs the actions of the state that the alarm is in, which were held until now, and keeps `memory`; rules that mute them now
/// hold them further.
pub async fn run_held(watch: &Watch, alarm: &Alarm, at: Timestamp, memory: String) -> catalog::Result<bool> {
    let mut change = StateChange {
        state: alarm.state,
        reason: alarm.state_reason.clone(),
        reason_data: alarm.state_reason_data.clone(),
        at,
        memory: Some(memory),
        due: None,
    };
    let mut prepared = Actions::default();
    if !mute(watch, alarm, &mut change).await? {
        prepared = actions::prepare(watch, alarm, &change).await?;
    }
    let written = watch.catalog.change_alarm_state(alarm, &change, &prepared.history, &prepared.publications).await?;
    if written {
        prepared.written(watch, alarm);
    }
    Ok(written)
}
