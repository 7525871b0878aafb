//! What the latest runs of a log alarm's query make of the alarm; pure.
//!
//! From "Log alarms" in the CloudWatch user guide. The last N runs count, M of which must breach. A run without a value is
//! missing and counts as TreatMissingData says. With a `by` clause each contributor is judged by its own values; one that
//! the newest run does not have is OK whatever TreatMissingData says; at most 100 are in ALARM at a time. When all of the
//! runs failed, or the newest had an invalid query, the alarm is in INSUFFICIENT_DATA with EVALUATION_ERROR; when some
//! failed, with EVALUATION_FAILURE.
//!
//! Chosen here, where the guide is silent. Before N runs there is a verdict only if the runs to come cannot change it: M
//! breach, or so many do not that M cannot. Of a contributor, runs that did not have it do not breach. A run without any
//! contributor is missing; if all N are, or with `breaching` M of them, the alarm is what TreatMissingData says. Groups of one
//! run with the same attributes (that of the empty value, and that of none) are one contributor, which breaches if one does.

use crate::alarms::recovery::{Contributors, Judged, Outcome};
use crate::alarms::state::{
    Point, Slot, TreatMissing, Verdict, breaches, datapoints_to_alarm, evaluation_periods, judge,
};
use crate::alarms::{log_alarm::told, reason};
use catalog::{AlarmConfiguration, AlarmState};
use model::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The value of one contributor in one run, or of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Value {
    /// Fields of `by` with their values.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Absent where the rows gave no number.
    pub value: Option<f64>,
}

/// What a run found, as it is kept.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Found {
    /// In the order of the query.
    pub values: Vec<Value>,
    /// True when there were more contributors than are looked at.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub more: bool,
}

/// A run that has ended.
#[derive(Debug, Clone, PartialEq)]
pub struct Run {
    /// The time of the schedule.
    pub at: Timestamp,
    /// The query that ran.
    pub query_id: String,
    /// What it found, or why it failed and whether that is the query's fault.
    pub outcome: Result<Found, (bool, String)>,
}

/// What the runs come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// The alarm's state and its contributors' changes.
    pub outcome: Outcome,
    /// StateReasonData.
    pub reason_data: Option<String>,
    /// `EvaluationState`.
    pub evaluation_state: Option<&'static str>,
    /// A slot for each run, oldest first, with a point where the run has a value, or contributors.
    pub slots: Vec<Slot>,
}

/// Judges `runs`, the last N or as many as there are, oldest first.
pub fn decide(
    configuration: &AlarmConfiguration,
    is_grouped: bool,
    contributors: &mut Contributors,
    runs: &[Run],
    now: Timestamp,
) -> Decision {
    let failed: Vec<&(bool, String)> = runs.iter().filter_map(|run| run.outcome.as_ref().err()).collect();
    if let Some((_, error)) = failed.last() {
        let is_error = failed.len() == runs.len()
            || runs.last().is_some_and(|run| matches!(run.outcome, Err((is_clients_fault, _)) if is_clients_fault));
        let reason = told::failed(failed.len(), runs.len(), error);
        return Decision {
            outcome: state(Some(AlarmState::InsufficientData), reason),
            reason_data: None,
            evaluation_state: Some(if is_error { "EVALUATION_ERROR" } else { "EVALUATION_FAILURE" }),
            slots: Vec::new(),
        };
    }
    let more = runs.last().is_some_and(|run| run.outcome.as_ref().is_ok_and(|found| found.more));
    let evaluation_state = more.then_some("PARTIAL_DATA");
    if is_grouped {
        let (outcome, slots) = of_contributors(configuration, contributors, runs, now);
        return Decision { outcome, reason_data: None, evaluation_state, slots };
    }
    *contributors = Contributors::default();
    let slot = |run: &Run| {
        let value = run.outcome.as_ref().ok().and_then(|found| found.values.first()?.value);
        Slot { start: run.at, point: value.map(point) }
    };
    let slots: Vec<Slot> = runs.iter().map(slot).collect();
    let (outcome, reason_data) = match verdict(configuration, &slots) {
        Some(verdict) => (
            state(Some(verdict.state), reason::text(configuration, &verdict)),
            Some(told::data(configuration, runs, &slots, now)),
        ),
        None => (state(None, String::new()), None),
    };
    Decision { outcome, reason_data, evaluation_state, slots }
}

fn state(state: Option<AlarmState>, reason: String) -> Outcome {
    Outcome { state, reason, changes: Vec::new(), partial: false }
}

fn point(value: f64) -> Point {
    Point { value, sample_count: None, band: None }
}

/// The verdict on one value for each run; `None` when there is none yet, or the state stays.
fn verdict(configuration: &AlarmConfiguration, slots: &[Slot]) -> Option<Verdict> {
    let (n, m) = (evaluation_periods(configuration), datapoints_to_alarm(configuration));
    if slots.len() >= n {
        return judge(configuration, slots);
    }
    let treat = TreatMissing::of(configuration);
    let count = |breaching: bool| {
        let counts = |slot: &&Slot| match slot.point {
            Some(point) => breaches(configuration, &point) == breaching,
            None => {
                (breaching && treat == TreatMissing::Breaching) || (!breaching && treat == TreatMissing::NotBreaching)
            }
        };
        slots.iter().filter(counts).count()
    };
    let state = if count(true) >= m {
        AlarmState::Alarm
    } else if count(false) > n - m {
        AlarmState::Ok
    } else {
        return None;
    };
    let evaluated: Vec<(Timestamp, Point)> = slots.iter().filter_map(|slot| Some((slot.start, slot.point?))).collect();
    let filled = slots.len() - evaluated.len();
    Some(Verdict { state, evaluated, filled })
}

/// Judges each contributor of the newest run, and the alarm; answers a slot for each run beside. In ALARM are those that
/// breached M times in the runs that had them.
fn of_contributors(
    configuration: &AlarmConfiguration,
    contributors: &mut Contributors,
    runs: &[Run],
    now: Timestamp,
) -> (Outcome, Vec<Slot>) {
    let m = datapoints_to_alarm(configuration);
    let treat = TreatMissing::of(configuration);
    let found: Vec<(Timestamp, &Found)> =
        runs.iter().filter_map(|run| Some((run.at, run.outcome.as_ref().ok()?))).collect();
    let breaching = |slot: &&Slot| match slot.point {
        Some(point) => breaches(configuration, &point),
        None => treat == TreatMissing::Breaching,
    };
    let mut values: BTreeMap<&BTreeMap<String, String>, Vec<Slot>> = BTreeMap::new();
    for (at, found) in &found {
        for value in &found.values {
            let slot = Slot { start: *at, point: value.value.map(point) };
            let slots = values.entry(&value.attributes).or_default();
            match slots.last_mut().filter(|last| last.start == *at) {
                Some(last) if breaching(&&*last) || !breaching(&&slot) => {}
                Some(last) => *last = slot,
                None => slots.push(slot),
            }
        }
    }
    let newest = found.last().map(|(_, found)| distinct(&found.values)).unwrap_or_default();
    let judged = newest.iter().map(|attributes| {
        let slots = values.get(attributes).map(Vec::as_slice).unwrap_or_default();
        let is_alarm = slots.iter().filter(breaching).count() >= m;
        let state = if is_alarm { AlarmState::Alarm } else { AlarmState::Ok };
        let evaluated: Vec<(Timestamp, Point)> =
            slots.iter().filter_map(|slot| Some((slot.start, slot.point?))).collect();
        let filled = slots.len() - evaluated.len();
        let reason = reason::contributor_text(configuration, &Verdict { state, evaluated, filled });
        Judged { attributes: (*attributes).clone(), state: Some(state), reason }
    });
    let mut outcome = contributors.evaluate_logs(judged.collect(), now);
    if outcome.state.is_none() {
        (outcome.state, outcome.reason) = without_alarm(configuration, &found, newest.len());
    }
    let slot = |(at, found): &(Timestamp, &Found)| {
        let point = (!found.values.is_empty()).then(|| point(0.0));
        Slot { start: *at, point }
    };
    (outcome, found.iter().map(slot).collect())
}

/// The attributes of the values, each once, in their order.
fn distinct(values: &[Value]) -> Vec<&BTreeMap<String, String>> {
    let mut known = BTreeSet::new();
    values.iter().map(|value| &value.attributes).filter(|attributes| known.insert(*attributes)).collect()
}

/// The state of the alarm when none of the `newest` contributors is in ALARM, and why; `None` when it stays, or is not
/// decided yet.
fn without_alarm(
    configuration: &AlarmConfiguration,
    found: &[(Timestamp, &Found)],
    newest: usize,
) -> (Option<AlarmState>, String) {
    let (n, m) = (evaluation_periods(configuration), datapoints_to_alarm(configuration));
    let treat = TreatMissing::of(configuration);
    let empty = found.iter().filter(|(_, found)| found.values.is_empty()).count();
    if treat == TreatMissing::Breaching && empty >= m {
        return (Some(AlarmState::Alarm), told::NO_CONTRIBUTORS.to_owned());
    }
    if found.len() < n {
        let breaches_it = |value: &Value| value.value.is_some_and(|value| breaches(configuration, &point(value)));
        let is_quiet = |found: &Found| !found.values.is_empty() && !found.values.iter().any(breaches_it);
        let quiet = found.iter().filter(|(_, found)| is_quiet(found)).count();
        let fine = quiet + if treat == TreatMissing::NotBreaching { empty } else { 0 };
        return ((fine > n - m).then_some(AlarmState::Ok), told::contributors_ok(newest));
    }
    if empty < found.len() {
        return (Some(AlarmState::Ok), told::contributors_ok(newest));
    }
    let state = match treat {
        TreatMissing::NotBreaching => Some(AlarmState::Ok),
        TreatMissing::Missing => Some(AlarmState::InsufficientData),
        _ => None,
    };
    (state, told::NO_CONTRIBUTORS.to_owned())
}
