//! DeleteAlarms: deletes up to 100 alarms; their history stays.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteAlarms.html>. A wrong name does not keep
//! the right ones from being deleted; it is told when they are.

use crate::Watch;
use crate::alarms::history;
use model::{Caller, arn};
use wire::ApiError;
use wire::cloudwatch::{DeleteAlarmsInput, errors};
use wire::shape::Empty;

pub async fn delete_alarms(watch: &Watch, caller: &Caller, input: DeleteAlarmsInput) -> Result<Empty, ApiError> {
    let mut names = input.alarm_names;
    names.sort();
    names.dedup();
    let mut unknown = Vec::new();
    for name in names {
        let deleted = match watch.catalog.alarm(&caller.scope, &name).await? {
            Some(alarm) => {
                let arn = arn::alarm(&caller.scope, &name);
                let item = history::deleted(&alarm, watch.clock.now());
                watch.catalog.delete_alarm(&alarm, &[item], &arn).await?
            }
            None => false,
        };
        if !deleted {
            unknown.push(name);
        }
    }
    if unknown.is_empty() {
        return Ok(Empty {});
    }
    let message = format!("Alarms not found: {}", unknown.join(", "));
    Err(ApiError::new(&errors::RESOURCE_NOT_FOUND, crate::alarms::reason::cut(message, 255)))
}
