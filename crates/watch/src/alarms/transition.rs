//! `apply`: one change of an alarm's state, durable with its history and with what its actions publish.

use crate::Watch;
use crate::alarms::actions::{self, Actions};
use crate::alarms::history;
use catalog::{Alarm, StateChange};
use model::Timestamp;

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
    if change.state != alarm.state {
        if run == Run::Now {
            prepared = actions::prepare(watch, alarm, change).await?;
        }
        items.push(history::state_updated(alarm, change));
        items.append(&mut prepared.history);
    }
    let written = watch.catalog.change_alarm_state(alarm, change, &items, &prepared.publications).await?;
    if written {
        prepared.written(watch, alarm);
    }
    Ok(written)
}

/// Runs the actions of the state that the alarm is in, which were held until now, and keeps `memory`.
pub async fn run_held(watch: &Watch, alarm: &Alarm, at: Timestamp, memory: String) -> catalog::Result<bool> {
    let change = StateChange {
        state: alarm.state,
        reason: alarm.state_reason.clone(),
        reason_data: alarm.state_reason_data.clone(),
        at,
        memory: Some(memory),
        due: None,
    };
    let prepared = actions::prepare(watch, alarm, &change).await?;
    let written = watch.catalog.change_alarm_state(alarm, &change, &prepared.history, &prepared.publications).await?;
    if written {
        prepared.written(watch, alarm);
    }
    Ok(written)
}
