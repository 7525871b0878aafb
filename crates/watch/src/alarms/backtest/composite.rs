//! Replays of composite alarms: their rule over the recorded changes of their children's states.
//!
//! A child's state at the beginning is that of its last change before, or else the one that its first change left, or else
//! the one it is in. What is older than the history that is kept is not known, and an alarm that was deleted stays in its
//! last state. The rule is evaluated at each change, one after the other, and at the end of each period in which actions wait for
//! the suppressor; the live one looks each second. Children and the suppressor are not replayed themselves. What the
//! suppressor lets run may be muted still.

use super::conditions::muted_times;
use super::muted::Muted;
use super::replay::Life;
use super::{Backtest, BacktestError};
use crate::Watch;
use crate::alarms::composite::{CompositeError, reason_text};
use crate::alarms::memory::Memory;
use crate::alarms::rule::reason::{self, Child};
use crate::alarms::rule::{AlarmRule, name_of};
use crate::alarms::suppression::{Actions, Periods, Suppression, Suppressor};
use catalog::{AlarmConfiguration, AlarmHistoryFilter, AlarmHistoryItem, AlarmState, CompositeRule, StateChange};
use model::limits::BACKTEST_CHANGES_MAX;
use model::{Scope, TimeRange, Timestamp, arn};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Items of history that are read at a time.
const PAGE: usize = 1_000;
/// How many changes go by between two chances for other requests.
const CHANGES_AT_ONCE: usize = 256;

/// Replays a composite alarm over the changes of its children and its suppressor within `range`.
pub(super) async fn backtest(
    watch: &Watch,
    scope: &Scope,
    (name, configuration, composite): (&str, &AlarmConfiguration, &CompositeRule),
    range: TimeRange,
) -> Result<Backtest, BacktestError> {
    let rule = AlarmRule::parse(&composite.rule).map_err(CompositeError::from)?;
    let suppressor = composite.suppressor.as_deref().map(name_of);
    let names: BTreeSet<&str> = rule.children().into_iter().map(name_of).chain(suppressor).collect();
    let mut children: BTreeMap<&str, Child> = BTreeMap::new();
    let mut changes: Vec<(Change, &str)> = Vec::new();
    for child in names {
        let (first, later) = states(watch, scope, child, range).await?;
        changes.extend(later.into_iter().map(|change| (change, child)));
        if changes.len() > BACKTEST_CHANGES_MAX {
            return Err(BacktestError::TooManyChanges);
        }
        let (state, since) = first;
        children.insert(child, Child { arn: arn::alarm(scope, child), state, since });
    }
    // Of what happens at the same time, the suppressor comes first: a live evaluation would see both.
    changes.sort_by_key(|(change, name)| (change.at, Some(*name) != suppressor, change.sequence));
    let muted = muted_times(watch, scope, name, range).await?;
    let tells_actions = suppressor.is_some() || !muted.is_empty();
    let mut replay = Replay {
        life: Life::begin(scope, name, configuration, range.start),
        rule: &rule,
        held: suppressor.map(|suppressor| Held::new(suppressor, composite)),
        children,
        memory: Memory::default(),
        muted: Muted::new(muted),
        evaluations: 0,
    };
    replay.step(range.start);
    for (index, (change, name)) in changes.into_iter().enumerate() {
        replay.end_periods_before(change.at);
        if let Some(child) = replay.children.get_mut(name) {
            (child.state, child.since) = (change.state, change.at);
        }
        replay.step(change.at);
        if index % CHANGES_AT_ONCE == 0 {
            tokio::task::yield_now().await;
        }
    }
    replay.end_periods_before(range.end);
    replay.muted.pass(&mut replay.memory, replay.life.alarm.state, range.end - 1);
    let mut told = replay.life.end(range.start, range.end, replay.evaluations);
    told.actions_run = tells_actions.then(|| replay.muted.end());
    Ok(told)
}

/// A replay under way.
struct Replay<'a> {
    life: Life,
    rule: &'a AlarmRule,
    held: Option<Held<'a>>,
    /// The suppressor among them.
    children: BTreeMap<&'a str, Child>,
    /// Of actions that are muted.
    memory: Memory,
    muted: Muted,
    evaluations: usize,
}

/// What a suppressor makes of actions.
struct Held<'a> {
    suppressor: &'a str,
    periods: Periods,
    suppression: Suppression,
    /// The end of the period that holds actions.
    until: Option<Timestamp>,
}

impl<'a> Held<'a> {
    fn new(suppressor: &'a str, composite: &CompositeRule) -> Self {
        let periods =
            Periods { wait_secs: composite.suppressor_wait_secs, extension_secs: composite.suppressor_extension_secs };
        Self { suppressor, periods, suppression: Suppression::default(), until: None }
    }

    /// One step; true when actions run, those of the state that the composite alarm is in now.
    fn step(&mut self, changed: Option<Timestamp>, children: &BTreeMap<&str, Child>, now: Timestamp) -> bool {
        let suppressor = match children.get(self.suppressor) {
            Some(child) => Suppressor { state: child.state, since: child.since },
            None => Suppressor { state: AlarmState::Ok, since: Timestamp::MIN },
        };
        let (suppression, actions) = self.suppression.step(self.periods, changed, suppressor, now);
        self.suppression = suppression;
        self.until = match actions {
            Actions::HeldUntil(until) => Some(until),
            _ => None,
        };
        actions == Actions::Run
    }
}

impl Replay<'_> {
    /// One evaluation.
    fn step(&mut self, at: Timestamp) {
        self.evaluations += 1;
        self.muted.pass(&mut self.memory, self.life.alarm.state, at);
        let children = &self.children;
        let state_of = |reference: &str| {
            children.get(name_of(reference)).map_or(AlarmState::InsufficientData, |child| child.state)
        };
        let decision = self.rule.decide(state_of);
        let state = if decision.value { AlarmState::Alarm } else { AlarmState::Ok };
        let is_changed = state != self.life.alarm.state;
        if is_changed {
            let told = |references: &[&str]| -> Vec<Child> {
                references.iter().filter_map(|reference| children.get(name_of(reference)).cloned()).collect()
            };
            let deciding = told(&decision.deciding);
            let reason = reason_text(&self.life.alarm, state, &deciding, &told(&self.rule.children()));
            let reason_data = Some(reason::data(&deciding));
            self.life.change(StateChange { state, reason, reason_data, at, memory: None, due: None });
        }
        let runs = match &mut self.held {
            Some(held) => held.step(is_changed.then_some(at), children, at),
            None => is_changed,
        };
        if runs {
            self.muted.change(&mut self.memory, Some(state), &[], at);
        }
    }

    /// The evaluation at the end of the period that holds actions, if that is before `at`. What changes at its very end is seen
    /// by that evaluation too.
    fn end_periods_before(&mut self, at: Timestamp) {
        if let Some(until) = self.held.as_ref().and_then(|held| held.until).filter(|until| *until < at) {
            self.step(until);
        }
    }
}

/// A recorded change of a child or of the suppressor.
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
