//! Evaluation of a composite alarm: its rule over the states of its children, and what its suppressor leaves of its actions.
//!
//! A change of a child or of the suppressor makes the alarm due (`catalog/alarm_children.rs`); a period that holds actions makes
//! it due at its end.

use crate::Watch;
use crate::alarms::memory::Memory;
use crate::alarms::rule::reason::{self, Cause, Child};
use crate::alarms::rule::{AlarmRule, RuleError, name_of};
use crate::alarms::suppression::{Actions, Periods, Suppression, Suppressor};
use crate::alarms::transition::{self, Run};
use catalog::{Alarm, AlarmFilter, AlarmState, CompositeRule, StateChange};
use model::{Timestamp, arn};
use std::collections::BTreeMap;

/// Why a composite alarm could not be evaluated.
#[derive(Debug, thiserror::Error)]
pub enum CompositeError {
    /// The catalog failed.
    #[error(transparent)]
    Catalog(#[from] catalog::Error),
    /// The rule that is kept is none.
    #[error(transparent)]
    Rule(#[from] RuleError),
}

/// Evaluates `alarm`, whose rule is `composite`; true when its state changed.
pub async fn evaluate(
    watch: &Watch,
    alarm: &Alarm,
    composite: &CompositeRule,
    now: Timestamp,
) -> Result<bool, CompositeError> {
    let rule = AlarmRule::parse(&composite.rule)?;
    let filter = AlarmFilter { names: Some(composite.children.clone()), ..AlarmFilter::default() };
    let found = watch.catalog.alarms(&alarm.scope, &filter, composite.children.len()).await?;
    let children: BTreeMap<&str, &Alarm> = found.iter().map(|child| (child.name.as_str(), child)).collect();
    // An alarm that is gone says nothing.
    let state_of = |reference: &str| children.get(name_of(reference)).map_or(AlarmState::InsufficientData, |c| c.state);
    let decision = rule.decide(state_of);
    let state = if decision.value { AlarmState::Alarm } else { AlarmState::Ok };
    let changed = state != alarm.state;
    let mut memory = Memory::of(alarm);
    let (suppression, actions) = suppressed(composite, &children, memory.suppression, changed.then_some(now), now);
    memory.suppression = suppression;
    let due = match actions {
        Actions::HeldUntil(until) => Some(until),
        _ => None,
    };
    let run = if actions == Actions::Run { Run::Now } else { Run::Held };
    if changed {
        let told = |names: &[&str]| -> Vec<Child> {
            names.iter().filter_map(|name| Some(child(children.get(name_of(name))?))).collect()
        };
        let deciding = told(&decision.deciding);
        let change = StateChange {
            state,
            reason: reason_text(alarm, state, &deciding, &told(&rule.children())),
            reason_data: Some(reason::data(&deciding)),
            at: now,
            memory: Some(memory.text()),
            due,
        };
        return Ok(transition::apply_held(watch, alarm, &change, run, &[]).await?);
    }
    if run == Run::Now {
        transition::run_held(watch, alarm, now, memory.text()).await?;
    } else if memory != Memory::of(alarm) || due.is_some() {
        watch.catalog.keep_alarm_memory(alarm, &memory.text(), due).await?;
    }
    Ok(false)
}

/// What the suppressor leaves of the actions.
fn suppressed(
    composite: &CompositeRule,
    children: &BTreeMap<&str, &Alarm>,
    before: Suppression,
    changed: Option<Timestamp>,
    now: Timestamp,
) -> (Suppression, Actions) {
    let Some(reference) = &composite.suppressor else {
        let (settled, actions) = before.replace_suppressor(None);
        return (settled, if changed.is_some() { Actions::Run } else { actions });
    };
    let suppressor = match children.get(name_of(reference)) {
        Some(alarm) => Suppressor { state: alarm.state, since: alarm.state_transitioned },
        None => Suppressor { state: AlarmState::Ok, since: Timestamp::MIN },
    };
    let periods =
        Periods { wait_secs: composite.suppressor_wait_secs, extension_secs: composite.suppressor_extension_secs };
    before.step(periods, changed, suppressor, now)
}

fn child(alarm: &Alarm) -> Child {
    Child { arn: arn::alarm(&alarm.scope, &alarm.name), state: alarm.state, since: alarm.state_transitioned }
}

/// Names the child that changed last, of those that decided or else of all; or that the alarm is new, or another one than before.
pub(super) fn reason_text(alarm: &Alarm, state: AlarmState, deciding: &[Child], all: &[Child]) -> String {
    let own = arn::alarm(&alarm.scope, &alarm.name);
    if alarm.state == AlarmState::InsufficientData {
        return reason::text(Cause::Created(&own), state);
    }
    let newest = |children: &[Child]| children.iter().max_by_key(|child| child.since).cloned();
    match newest(deciding).or_else(|| newest(all)) {
        Some(child) if child.since >= alarm.configuration_updated => reason::text(Cause::Child(&child), state),
        _ => reason::text(Cause::Updated(&own), state),
    }
}
