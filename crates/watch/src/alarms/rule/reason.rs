//! StateReason and StateReasonData of a composite alarm's changes, in AWS's words.
//!
//! Known from AWS's documentation: `ARN transitioned to ALARM at Friday 22 July, 2022 15:57:45 UTC` names the child whose
//! change set off the evaluation, `ARN was created and its alarm rule evaluates to OK` names the composite alarm, and the
//! data list the children that decided, the newest change first. That an update reads like a creation is assumed.

use crate::alarms::reason::{cut, json_time};
use catalog::AlarmState;
use model::Timestamp;
use serde_json::{Value, json};

/// Longest StateReason, characters (the model's `StateReason`).
const REASON_CHARS_MAX: usize = 1023;
/// Longest StateReasonData, characters (the model's `StateReasonData`).
const REASON_DATA_CHARS_MAX: usize = 4000;

/// A child alarm, the state it is in, and since when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Child {
    /// The child's ARN.
    pub arn: String,
    /// The state it is in.
    pub state: AlarmState,
    /// When it went to that state.
    pub since: Timestamp,
}

/// What set off the evaluation of a composite alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause<'a> {
    /// The composite alarm with this ARN was created.
    Created(&'a str),
    /// The composite alarm with this ARN was updated.
    Updated(&'a str),
    /// This child went to another state.
    Child(&'a Child),
}

/// Why the composite alarm went to `state`, in one sentence.
pub fn text(cause: Cause<'_>, state: AlarmState) -> String {
    let state = state.as_str();
    let text = match cause {
        Cause::Created(arn) => format!("{arn} was created and its alarm rule evaluates to {state}"),
        Cause::Updated(arn) => format!("{arn} was updated and its alarm rule evaluates to {state}"),
        Cause::Child(child) => {
            format!("{} transitioned to {} at {}", child.arn, child.state.as_str(), long_time(child.since))
        }
    };
    cut(text, REASON_CHARS_MAX)
}

/// The same as JSON. Leaving out the oldest changes keeps it within the model's limit and still JSON.
pub fn data(deciding: &[Child]) -> String {
    let mut newest_first: Vec<&Child> = deciding.iter().collect();
    newest_first.sort_by_key(|child| std::cmp::Reverse(child.since));
    loop {
        let children: Vec<Value> = newest_first.iter().map(|child| document(child)).collect();
        let text = json!({ "triggeringAlarms": children }).to_string();
        if text.chars().count() <= REASON_DATA_CHARS_MAX || newest_first.pop().is_none() {
            return text;
        }
    }
}

fn document(child: &Child) -> Value {
    json!({ "arn": child.arn, "state": { "value": child.state.as_str(), "timestamp": json_time(child.since) } })
}

/// `Friday 14 August, 2020 00:53:04 UTC`.
pub fn long_time(at: Timestamp) -> String {
    match jiff::Timestamp::from_millisecond(at.0) {
        Ok(time) => time.strftime("%A %d %B, %Y %H:%M:%S UTC").to_string(),
        Err(_) => at.iso_seconds(),
    }
}
