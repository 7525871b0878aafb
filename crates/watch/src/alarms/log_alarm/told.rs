//! What a log alarm says of its runs: texts and JSON of states; pure.
//!
//! The texts about values are those of `reason.rs`, with query results in place of datapoints, and StateReasonData is as in
//! "Log alarms" of the CloudWatch user guide. Known from there is `5 out of 10 contributors evaluated to ALARM`; the other
//! texts are chosen here.

use crate::alarms::log_alarm::verdict::Run;
use crate::alarms::reason::{REASON_CHARS_MAX, REASON_DATA_CHARS_MAX, cut, json_time};
use crate::alarms::recovery::TOLD_MAX;
use crate::alarms::state::{Slot, datapoints_to_alarm, evaluation_periods};
use catalog::AlarmConfiguration;
use model::Timestamp;
use serde_json::{Value, json};

/// No run has a contributor.
pub const NO_CONTRIBUTORS: &str = "No contributors were returned by the query.";

/// `alarming` of `contributors` are in ALARM.
pub fn contributors_in_alarm(alarming: usize, contributors: usize) -> String {
    if alarming >= TOLD_MAX {
        return format!("{TOLD_MAX}+ contributors evaluated to ALARM");
    }
    format!("{alarming} out of {contributors} contributors evaluated to ALARM")
}

/// None of them is.
pub fn contributors_ok(contributors: usize) -> String {
    let plural = if contributors == 1 { "" } else { "s" };
    format!("{contributors} contributor{plural} evaluated to OK")
}

/// Runs failed; `error` is the latest's.
pub fn failed(failed: usize, runs: usize, error: &str) -> String {
    let plural = if runs == 1 { "" } else { "s" };
    cut(
        format!("{failed} out of the last {runs} query result{plural} failed. The most recent error: {error}"),
        REASON_CHARS_MAX,
    )
}

/// StateReasonData: the runs, newest first; the oldest are left out where there is no room.
pub fn data(configuration: &AlarmConfiguration, runs: &[Run], slots: &[Slot], now: Timestamp) -> String {
    let result = |(run, slot): (&Run, &Slot)| {
        let mut told = json!({
            "queryResultId": run.query_id, "status": "COMPLETE", "timestamp": json_time(run.at),
        });
        if let Some(point) = slot.point {
            told["value"] = point.value.into();
        }
        told
    };
    let mut results: Vec<Value> = runs.iter().zip(slots).rev().map(result).collect();
    loop {
        let data = json!({
            "version": "1.0",
            "queryDate": json_time(now),
            "threshold": configuration.threshold,
            "queryResultsToEvaluate": evaluation_periods(configuration),
            "queryResultsToAlarm": datapoints_to_alarm(configuration),
            "results": results,
        });
        let text = data.to_string();
        if text.len() <= REASON_DATA_CHARS_MAX || results.is_empty() {
            return text;
        }
        results.truncate(results.len() / 2);
    }
}
