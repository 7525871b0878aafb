//! DeleteAlarms: deletes up to 100 alarms; their history stays.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteAlarms.html>. A name of no alarm
//! is passed over: who wants to know asks DescribeAlarms. At most one composite alarm in a call, and a log alarm
//! alone, with the scheduled query that is managed for it; an alarm that a composite
//! alarm depends on stays until that one is gone.

use super::refuse;
use crate::Watch;
use crate::alarms::history;
use catalog::{AlarmFilter, AlarmKind};
use model::{Caller, arn};
use wire::ApiError;
use wire::cloudwatch::DeleteAlarmsInput;
use wire::shape::Empty;

pub async fn delete_alarms(watch: &Watch, caller: &Caller, input: DeleteAlarmsInput) -> Result<Empty, ApiError> {
    let mut names = input.alarm_names;
    names.sort();
    names.dedup();
    check_families(watch, caller, &names).await?;
    for name in names {
        if let Some(alarm) = watch.catalog.alarm(&caller.scope, &name).await? {
            let arn = arn::alarm(&caller.scope, &name);
            let item = history::deleted(&alarm, watch.clock.now());
            watch.catalog.delete_alarm(&alarm, &[item], &arn).await?;
        }
    }
    Ok(Empty {})
}

/// No two composite alarms, and nothing that another alarm depends on which stays.
async fn check_families(watch: &Watch, caller: &Caller, names: &[String]) -> Result<(), ApiError> {
    let found = async |kind: AlarmKind| {
        let filter = AlarmFilter { names: Some(names.to_vec()), kinds: vec![kind], ..AlarmFilter::default() };
        watch.catalog.alarms(&caller.scope, &filter, 2).await.map(|found| found.len())
    };
    if found(AlarmKind::Composite).await? > 1 {
        return Err(refuse::validation("You can delete at most one composite alarm in one operation"));
    }
    if names.len() > 1 && found(AlarmKind::Log).await? > 0 {
        return Err(refuse::validation("Log alarms cannot be batch deleted. Delete one log alarm in one operation"));
    }
    let mut needed: Vec<&str> = Vec::new();
    for name in names {
        let parents = watch.catalog.alarm_parents(&caller.scope, name).await?;
        if parents.iter().any(|parent| !names.contains(parent)) {
            needed.push(name);
        }
    }
    let them = if needed.len() > 1 { "them" } else { "it" };
    match needed.as_slice() {
        [] => Ok(()),
        _ => Err(refuse::validation(format!(
            "Cannot delete {} as there are composite alarm(s) depending on {them}.",
            needed.join(",")
        ))),
    }
}
