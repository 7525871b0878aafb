//! SetAlarmState: puts an alarm into a state for a while, to test its actions; the next evaluation puts it right.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_SetAlarmState.html>. Actions run when the
//! state becomes another one.

use super::put_metric_alarm::contended;
use crate::Watch;
use crate::alarms::transition;
use catalog::{AlarmState, StateChange};
use model::Caller;
use wire::ApiError;
use wire::cloudwatch::{SetAlarmStateInput, errors};
use wire::shape::Empty;

/// How often a change is tried again when the alarm changes under it.
const ATTEMPTS: usize = 8;

pub async fn set_alarm_state(watch: &Watch, caller: &Caller, input: SetAlarmStateInput) -> Result<Empty, ApiError> {
    if let Some(data) = &input.state_reason_data
        && serde_json::from_str::<serde::de::IgnoredAny>(data).is_err()
    {
        return Err(ApiError::new(&errors::INVALID_FORMAT_FAULT, "StateReasonData was not syntactically valid JSON"));
    }
    let Some(state) = AlarmState::parse(&input.state_value) else {
        return Err(super::refuse::invalid(&input.state_value, "StateValue"));
    };
    for _ in 0..ATTEMPTS {
        let Some(alarm) = watch.catalog.alarm(&caller.scope, &input.alarm_name).await? else {
            let message = format!("Alarm {} does not exist", input.alarm_name);
            return Err(ApiError::new(&errors::RESOURCE_NOT_FOUND, message));
        };
        let change = StateChange {
            state,
            reason: input.state_reason.clone(),
            reason_data: input.state_reason_data.clone(),
            at: watch.clock.now(),
            memory: None,
            due: None,
        };
        if transition::apply(watch, &alarm, &change, &[]).await? {
            return Ok(Empty {});
        }
    }
    Err(contended())
}
