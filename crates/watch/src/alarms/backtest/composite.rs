//! Replays of composite alarms: their rule over the recorded changes of their children's states.
//!
//! A child's state at the beginning is that of its last change before, or else the one that its first change left, or else
//! the one it is in. What is older than the history that is kept is not known, and an alarm that was deleted stays in its
//! last state. The rule is evaluated at each change, one after the other; the live one looks each second. Children are not
//! replayed themselves, and the suppressor, which leaves states as they are, is not looked at.

use super::replay::Life;
use super::{Backtest, BacktestError};
use crate::Watch;
use crate::alarms::composite::{CompositeError, reason_text};
use crate::alarms::rule::reason::{self, Child};
use crate::alarms::rule::{AlarmRule, name_of};
use catalog::{AlarmConfiguration, AlarmHistoryFilter, AlarmHistoryItem, AlarmState, CompositeRule, StateChange};
use model::limits::BACKTEST_CHANGES_MAX;
use model::{Scope, TimeRange, Timestamp, arn};
use serde_json::Value;
use std::collections::BTreeMap;

/// Items of history that are read at a time.
const PAGE: usize = 1_000;
/// How many changes go by between two chances for other requests.
const CHANGES_AT_ONCE: usize = 256;

/// Replays a composite alarm over the changes of its children within `range`.
pub(super) async fn backtest(
    watch: &Watch,
    scope: &Scope,
    (name, configuration, composite): (&str, &AlarmConfiguration, &CompositeRule),
    range: TimeRange,
) -> Result<Backtest, BacktestError> {
    let rule = AlarmRule::parse(&composite.rule).map_err(CompositeError::from)?;
    let mut children: BTreeMap<&str, Child> = BTreeMap::new();
    let mut changes: Vec<(Change, &str)> = Vec::new();
    for child in rule.children().into_iter().map(name_of) {
        let (first, later) = states(watch, scope, child, range).await?;
        changes.extend(later.into_iter().map(|change| (change, child)));
        if changes.len() > BACKTEST_CHANGES_MAX {
            return Err(BacktestError::TooManyChanges);
        }
        let (state, since) = first;
        children.insert(child, Child { arn: arn::alarm(scope, child), state, since });
    }
    changes.sort_by_key(|(change, _)| (change.at, change.sequence));
    let mut life = Life::begin(scope, name, configuration, range.start);
    step(&mut life, &rule, &children, range.start);
    let evaluations = changes.len() + 1;
    for (index, (change, name)) in changes.into_iter().enumerate() {
        if let Some(child) = children.get_mut(name) {
            (child.state, child.since) = (change.state, change.at);
        }
        step(&mut life, &rule, &children, change.at);
        if index % CHANGES_AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
    }
    Ok(life.end(range.start, range.end, evaluations))
}

/// One evaluation.
fn step(life: &mut Life, rule: &AlarmRule, children: &BTreeMap<&str, Child>, at: Timestamp) {
    let state_of =
        |reference: &str| children.get(name_of(reference)).map_or(AlarmState::InsufficientData, |child| child.state);
    let decision = rule.decide(state_of);
    let state = if decision.value { AlarmState::Alarm } else { AlarmState::Ok };
    if state == life.alarm.state {
        return;
    }
    let told = |references: &[&str]| -> Vec<Child> {
        references.iter().filter_map(|reference| children.get(name_of(reference)).cloned()).collect()
    };
    let deciding = told(&decision.deciding);
    let reason = reason_text(&life.alarm, state, &deciding, &told(&rule.children()));
    let reason_data = Some(reason::data(&deciding));
    life.change(StateChange { state, reason, reason_data, at, memory: None, due: None });
}

/// A recorded change of a child.
struct Change {
    at: Timestamp,
    /// Orders changes of the same time.
    sequence: i64,
    state: AlarmState,
}

/// The state of an alarm at the start of `range` with its time, and its changes within.
type States = ((AlarmState, Timestamp), Vec<Change>);

async fn states(watch: &Watch, scope: &Scope, name: &str, range: TimeRange) -> Result<States, BacktestError> {
    let filter = AlarmHistoryFilter {
        alarm_name: Some(name.to_owned()),
        item_type: Some("StateUpdate".to_owned()),
        ..AlarmHistoryFilter::default()
    };
    let before = AlarmHistoryFilter { end: Some(range.start - 1), ..filter.clone() };
    let before = watch.catalog.alarm_history(scope, &before, 1).await.map_err(CompositeError::from)?;
    let mut first = before.first().and_then(|(_, item)| Some((read(item, "newState")?, item.at)));
    let mut later = Vec::new();
    let mut page = AlarmHistoryFilter { start: Some(range.start), end: Some(range.end - 1), ascending: true, ..filter };
    loop {
        let items = watch.catalog.alarm_history(scope, &page, PAGE).await.map_err(CompositeError::from)?;
        for (sequence, item) in &items {
            if first.is_none() {
                first = read(item, "oldState").map(|state| (state, range.start));
            }
            later.extend(read(item, "newState").map(|state| Change { at: item.at, sequence: *sequence, state }));
        }
        match items.last() {
            Some((sequence, item)) if items.len() == PAGE && later.len() <= BACKTEST_CHANGES_MAX => {
                page.after = Some((item.at, *sequence));
            }
            _ => break,
        }
    }
    if let Some(first) = first {
        return Ok((first, later));
    }
    let alarm = watch.catalog.alarm(scope, name).await.map_err(CompositeError::from)?;
    let state = alarm.map_or(AlarmState::InsufficientData, |alarm| alarm.state);
    Ok(((state, range.start), later))
}

/// A state that a line of history tells of.
fn read(item: &AlarmHistoryItem, which: &str) -> Option<AlarmState> {
    let document: Value = serde_json::from_str(&item.data).ok()?;
    AlarmState::parse(document[which]["stateValue"].as_str()?)
}
