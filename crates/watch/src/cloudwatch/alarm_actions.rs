//! EnableAlarmActions and DisableAlarmActions: whether a change of state runs actions. Unknown names are passed over.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_EnableAlarmActions.html>.

use super::put_metric_alarm::contended;
use crate::Watch;
use crate::alarms::{evaluate, history};
use model::Caller;
use wire::ApiError;
use wire::cloudwatch::{DisableAlarmActionsInput, EnableAlarmActionsInput};
use wire::shape::Empty;

/// How often a change is tried again when the alarm changes under it.
const ATTEMPTS: usize = 8;

pub async fn enable_alarm_actions(
    watch: &Watch,
    caller: &Caller,
    input: EnableAlarmActionsInput,
) -> Result<Empty, ApiError> {
    set_all(watch, caller, &input.alarm_names, true).await
}

pub async fn disable_alarm_actions(
    watch: &Watch,
    caller: &Caller,
    input: DisableAlarmActionsInput,
) -> Result<Empty, ApiError> {
    set_all(watch, caller, &input.alarm_names, false).await
}

async fn set_all(watch: &Watch, caller: &Caller, names: &[String], enabled: bool) -> Result<Empty, ApiError> {
    for name in names {
        set(watch, caller, name, enabled).await?;
    }
    Ok(Empty {})
}

async fn set(watch: &Watch, caller: &Caller, name: &str, enabled: bool) -> Result<(), ApiError> {
    for _ in 0..ATTEMPTS {
        let old = watch.catalog.alarm(&caller.scope, name).await?;
        let Some(old) = old.filter(|alarm| alarm.actions_enabled != enabled) else { return Ok(()) };
        let now = watch.clock.now();
        let mut new = old.clone();
        new.actions_enabled = enabled;
        new.configuration_updated = now;
        let interval_ms = evaluate::interval_ms(&new.configuration);
        if watch.catalog.update_alarm(&new, interval_ms, &[history::updated(&old, &new, now)], None).await? {
            return Ok(());
        }
    }
    Err(contended())
}
