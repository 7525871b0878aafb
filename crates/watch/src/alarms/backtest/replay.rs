//! A replay: an alarm that lives through what its evaluations see; pure.

use super::conditions::Conditions;
use super::muted::Muted;
use super::observed::{Look, Seen, Why};
use super::{Backtest, Transition, WEEK_MS};
use crate::alarms::evaluate::{is_warming_up, outcome_of_many, outcome_of_promql};
use crate::alarms::log_alarm::span_ms;
use crate::alarms::log_alarm::verdict::{Run, decide};
use crate::alarms::memory::Memory;
use crate::alarms::observe::Observed;
use crate::alarms::recovery::{Change, Outcome};
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
            in_warm_up: 0,
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
    conditions: Conditions,
    seen: &[Look],
    end: Timestamp,
) -> Backtest {
    let start = seen.first().map_or(end, |look| look.at);
    let mut life = Life::begin(scope, "", configuration, start);
    let warming_since_ms = conditions.warming_since.map(|since| since.0);
    let mut memory = Memory { warming_since_ms, ..Memory::default() };
    let mut muted = Some(conditions.muted).filter(|times| !times.is_empty()).map(Muted::new);
    let mut runs = Runs::of(configuration);
    let (mut evaluations, mut in_warm_up) = (0, 0);
    for look in seen {
        let owed = muted.as_mut().is_some_and(|muted| muted.pass(&mut memory, life.alarm.state, look.at));
        if look.why == Why::MuteEnds && !owed {
            continue;
        }
        evaluations += 1;
        let Came { change, contributors } = match evaluate(&life.alarm, &mut memory, &mut runs, look) {
            Some(came) => came,
            None => {
                in_warm_up += 1;
                continue;
            }
        };
        let state = change.as_ref().map(|change| change.state);
        if let Some(muted) = muted.as_mut().filter(|_| state.is_some() || !contributors.is_empty()) {
            muted.change(&mut memory, state, &contributors, look.at);
        }
        if let Some(change) = change {
            life.change(change);
        }
    }
    if let Some(muted) = &mut muted {
        muted.pass(&mut memory, life.alarm.state, end - 1);
    }
    let actions_run = muted.map(Muted::end);
    Backtest { in_warm_up, actions_run, ..life.end(start, end, evaluations) }
}

/// What an evaluation came to.
#[derive(Default)]
struct Came {
    change: Option<StateChange>,
    contributors: Vec<Change>,
}

/// One evaluation; `None` while the alarm warms up.
fn evaluate(alarm: &Alarm, memory: &mut Memory, runs: &mut Runs, look: &Look) -> Option<Came> {
    let (configuration, at) = (&alarm.configuration, look.at);
    match &look.seen {
        Seen::Metrics(observed) => {
            if is_warming_up(configuration, memory, observed.slots(), at) {
                return None;
            }
            Some(match observed {
                Observed::One(slots) => Came { change: next_state(alarm, slots, at), contributors: Vec::new() },
                Observed::Many(series) => came(alarm, outcome_of_many(configuration, memory, series, at), None, at),
            })
        }
        Seen::Series(series) => {
            let Some(criteria) = &configuration.promql else { return Some(Came::default()) };
            Some(came(alarm, outcome_of_promql(memory, criteria, series.clone(), at), None, at))
        }
        Seen::Logs(run) => {
            let is_grouped = runs.is_grouped;
            let before = memory.contributors.clone();
            let decision = decide(configuration, is_grouped, &mut memory.contributors, runs.with(run), at);
            if is_warming_up(configuration, memory, &decision.slots, at) {
                memory.contributors = before;
                return None;
            }
            Some(came(alarm, decision.outcome, decision.reason_data, at))
        }
    }
}

/// The changes of the whole alarm and of its contributors.
fn came(alarm: &Alarm, outcome: Outcome, reason_data: Option<String>, at: Timestamp) -> Came {
    let state = outcome.state.filter(|state| *state != alarm.state);
    let reason = outcome.reason;
    let change = state.map(|state| StateChange { state, reason, reason_data, at, memory: None, due: None });
    Came { change, contributors: outcome.changes }
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
