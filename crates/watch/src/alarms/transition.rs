//! `apply`: one change of an alarm's state, durable with its history before anything acts on it.

use crate::Watch;
use crate::alarms::{actions, history};
use catalog::{Alarm, StateChange};

/// Writes `change` if the alarm is still the one that was read. False when another evaluator or another request was
/// faster: the caller has nothing more to do.
///
/// The same transaction tells what came of the actions: as long as nothing is delivered none can run, and a crash
/// must not lose the trace of one that should have.
pub async fn apply(watch: &Watch, alarm: &Alarm, change: &StateChange) -> catalog::Result<bool> {
    let mut items = Vec::new();
    if change.state != alarm.state {
        items.push(history::state_updated(alarm, change));
        items.extend(actions::outcomes(alarm, change));
    }
    watch.catalog.change_alarm_state(alarm, change, &items).await
}
