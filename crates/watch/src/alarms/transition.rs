//! `apply`: one change of an alarm's state, durable with its history and with what its actions publish.

use crate::Watch;
use crate::alarms::actions::{self, Actions};
use crate::alarms::history;
use catalog::{Alarm, StateChange};

/// Writes `change` if the alarm is still the one that was read. False when another evaluator or another request was
/// faster: the caller has nothing more to do.
///
/// The same transaction puts the messages of the actions into the outbox: a crash loses both or none.
pub async fn apply(watch: &Watch, alarm: &Alarm, change: &StateChange) -> catalog::Result<bool> {
    let mut items = Vec::new();
    let mut prepared = Actions::default();
    if change.state != alarm.state {
        prepared = actions::prepare(watch, alarm, change).await?;
        items.push(history::state_updated(alarm, change));
        items.append(&mut prepared.history);
    }
    let written = watch.catalog.change_alarm_state(alarm, change, &items, &prepared.publications).await?;
    if written {
        prepared.written(watch, alarm);
    }
    Ok(written)
}
