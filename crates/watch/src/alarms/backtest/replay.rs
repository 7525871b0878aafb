//! A replay: an alarm that lives through what its evaluations see; pure.

use super::observed::Seen;
use super::{Backtest, Transition, WEEK_MS};
use crate::alarms::evaluate::{outcome_of_many, outcome_of_promql};
use crate::alarms::log_alarm::span_ms;
use crate::alarms::log_alarm::verdict::{Run, decide};
use crate::alarms::memory::Memory;
use crate::alarms::observe::Observed;
use crate::alarms::recovery::Outcome;
use crate::alarms::state::{evaluation_periods, next_state};
use catalog::{Alarm, AlarmConfiguration, AlarmState, StateChange};
use model::{Scope, Timestamp};
use query::insights::aggregation::Aggregation;
use std::collections::VecDeque;

/// An alarm that lives again, and what it did.
pub(super) struct Life {
    pub(super) alarm: Alarm,
    transitions: Vec<Transition>,
    fires: usize,
    alarm_ms: i64,
}

impl Life {
    /// A new alarm at a time.
    pub(super) fn begin(scope: &Scope, name: &str, configuration: &AlarmConfiguration, at: Timestamp) -> Self {
        let state = if configuration.promql.is_some() { AlarmState::Ok } else { AlarmState::InsufficientData };
        let alarm = Alarm {
            scope: scope.clone(),
            name: name.to_owned(),
            version: 0,
            configuration: configuration.clone(),
            actions_enabled: false,
            configuration_updated: at,
            state,
            state_reason: String::new(),
            state_reason_data: None,
            state_updated: at,
            state_transitioned: at,
            memory: None,
        };
        Self { alarm, transitions: Vec::new(), fires: 0, alarm_ms: 0 }
    }

    /// The alarm changes state.
    pub(super) fn change(&mut self, change: StateChange) {
        let StateChange { state, reason, reason_data, at, .. } = change;
        let alarm = &mut self.alarm;
        if alarm.state == AlarmState::Alarm {
            self.alarm_ms += at - alarm.state_transitioned;
        }
        self.fires += usize::from(state == AlarmState::Alarm);
        let (from, to) = (alarm.state.as_str(), state.as_str());
        self.transitions.push(Transition { at: at.iso_millis(), from, to, reason, reason_data });
        (alarm.state, alarm.state_transitioned) = (state, at);
    }

    /// What it did until `end` in so many evaluations.
    pub(super) fn end(mut self, start: Timestamp, end: Timestamp, evaluations: usize) -> Backtest {
        if self.alarm.state == AlarmState::Alarm {
            self.alarm_ms += end - self.alarm.state_transitioned;
        }
        let weeks = (end - start).max(1) as f64 / WEEK_MS;
        Backtest {
            evaluations,
            failures: 0,
            failure: None,
            fires: self.fires,
            fires_per_week: self.fires as f64 / weeks,
            alarm_secs: self.alarm_ms / 1000,
            transitions: self.transitions,
            actions_run: None,
            by_threshold: Vec::new(),
        }
    }
}

/// Replays what was seen.
pub(super) fn replay(
    scope: &Scope,
    configuration: &AlarmConfiguration,
    seen: &[(Timestamp, Seen)],
    end: Timestamp,
) -> Backtest {
    let start = seen.first().map_or(end, |(at, _)| *at);
    let mut life = Life::begin(scope, "", configuration, start);
    let mut memory = Memory::default();
    let mut runs = Runs::of(configuration);
    for (at, seen) in seen {
        let change = match seen {
            Seen::Metrics(Observed::One(slots)) => next_state(&life.alarm, slots, *at),
            Seen::Metrics(Observed::Many(series)) => {
                changed(&life.alarm, outcome_of_many(configuration, &mut memory, series, *at), None, *at)
            }
            Seen::Series(series) => configuration.promql.as_ref().and_then(|criteria| {
                changed(&life.alarm, outcome_of_promql(&mut memory, criteria, series.clone(), *at), None, *at)
            }),
            Seen::Logs(run) => {
                let is_grouped = runs.is_grouped;
                let latest = runs.with(run);
                let decision = decide(configuration, is_grouped, &mut memory.contributors, latest, *at);
                changed(&life.alarm, decision.outcome, decision.reason_data, *at)
            }
        };
        if let Some(change) = change {
            life.change(change);
        }
    }
    life.end(start, end, seen.len())
}

/// The change of the whole alarm.
fn changed(alarm: &Alarm, outcome: Outcome, reason_data: Option<String>, at: Timestamp) -> Option<StateChange> {
    let state = outcome.state.filter(|state| *state != alarm.state)?;
    Some(StateChange { state, reason: outcome.reason, reason_data, at, memory: None, due: None })
}

/// The latest runs of a log alarm's query.
struct Runs {
    latest: VecDeque<Run>,
    n: usize,
    span_ms: i64,
    is_grouped: bool,
}

impl Runs {
    fn of(configuration: &AlarmConfiguration) -> Self {
        let n = evaluation_periods(configuration);
        let aggregation = configuration.log.as_ref().and_then(|log| Aggregation::parse(&log.aggregation).ok());
        Self {
            latest: VecDeque::new(),
            n,
            span_ms: configuration.log.as_ref().map_or(0, |log| span_ms(n, log)),
            is_grouped: aggregation.is_some_and(|aggregation| aggregation.is_grouped()),
        }
    }

    /// Those that count when this one has ended.
    fn with(&mut self, run: &Run) -> &[Run] {
        let oldest = run.at - self.span_ms;
        self.latest.push_back(run.clone());
        while self.latest.len() > self.n || self.latest.front().is_some_and(|run| run.at <= oldest) {
            self.latest.pop_front();
        }
        self.latest.make_contiguous()
    }
}
