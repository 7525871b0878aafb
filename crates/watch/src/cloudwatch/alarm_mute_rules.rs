//! PutAlarmMuteRule, GetAlarmMuteRule, ListAlarmMuteRules, DeleteAlarmMuteRule: times in which alarms change state but run no
//! actions.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutAlarmMuteRule.html> and its neighbours. Tags are
//! taken on creation only. Alarms that a rule names need not exist.

use super::refuse;
use super::tags;
use super::token::Binding;
use crate::Watch;
use crate::alarms::muting::MuteDocument;
use model::{Caller, Timestamp, arn};
use wire::ApiError;
use wire::cloudwatch::{
    AlarmMuteRuleSummary, DeleteAlarmMuteRuleInput, GetAlarmMuteRuleInput, GetAlarmMuteRuleOutput,
    ListAlarmMuteRulesInput, ListAlarmMuteRulesOutput, MuteTargets, PutAlarmMuteRuleInput, Rule, Schedule, errors,
};
use wire::shape::Empty;

/// ListAlarmMuteRules: page size unless `MaxRecords` says another ...
const PAGE_DEFAULT: usize = 50;
/// ... and its maximum.
const PAGE: usize = 100;

pub async fn put_alarm_mute_rule(
    watch: &Watch,
    caller: &Caller,
    input: PutAlarmMuteRuleInput,
) -> Result<Empty, ApiError> {
    let tags = tags::checked(input.tags.unwrap_or_default())?;
    let schedule = input.rule.schedule;
    let document = MuteDocument {
        description: input.description,
        expression: schedule.expression,
        duration: schedule.duration,
        timezone: schedule.timezone,
        start_ms: input.start_date.map(|start| start.0),
        expire_ms: input.expire_date.map(|expire| expire.0),
        alarms: input.mute_targets.map(|targets| targets.alarm_names),
    };
    document.rule().map_err(|error| refuse::validation(error.message))?;
    let rule = catalog::MuteRule {
        name: input.name,
        document: serde_json::to_string(&document).map_err(internal)?,
        updated: watch.clock.now(),
    };
    let alarms = document.alarms.unwrap_or_default();
    let arn = arn::alarm_mute_rule(&caller.scope, &rule.name);
    watch.catalog.put_mute_rule(&caller.scope, &rule, &alarms, &arn, &tags).await?;
    Ok(Empty {})
}

pub async fn get_alarm_mute_rule(
    watch: &Watch,
    caller: &Caller,
    input: GetAlarmMuteRuleInput,
) -> Result<GetAlarmMuteRuleOutput, ApiError> {
    let name = input.alarm_mute_rule_name;
    let row = watch.catalog.mute_rule(&caller.scope, &name).await?.ok_or_else(|| not_found(&name))?;
    let (document, status, mute_type) = read(&row, watch.clock.now())?;
    Ok(GetAlarmMuteRuleOutput {
        alarm_mute_rule_arn: Some(arn::alarm_mute_rule(&caller.scope, &row.name)),
        name: Some(row.name),
        description: document.description,
        rule: Some(Rule {
            schedule: Schedule {
                expression: document.expression,
                duration: document.duration,
                timezone: document.timezone,
            },
        }),
        mute_targets: document.alarms.map(|alarm_names| MuteTargets { alarm_names }),
        start_date: document.start_ms.map(Timestamp),
        expire_date: document.expire_ms.map(Timestamp),
        status: Some(status),
        last_updated_timestamp: Some(row.updated),
        mute_type: Some(mute_type),
    })
}

pub async fn list_alarm_mute_rules(
    watch: &Watch,
    caller: &Caller,
    mut input: ListAlarmMuteRulesInput,
) -> Result<ListAlarmMuteRulesOutput, ApiError> {
    let token = input.next_token.take();
    let page = input
        .max_records
        .take()
        .and_then(|max| usize::try_from(max).ok())
        .map_or(PAGE_DEFAULT, |max| max.clamp(1, PAGE));
    let binding = Binding::new(&("ListAlarmMuteRules", &caller.scope, &input));
    let mut after: String = binding.cursor(token.as_deref())?.unwrap_or_default();
    let statuses = input.statuses.filter(|statuses| !statuses.is_empty());
    let now = watch.clock.now();
    let mut found = Vec::new();
    loop {
        let rows = watch.catalog.mute_rules(&caller.scope, &after, PAGE).await?;
        let is_last = rows.len() < PAGE;
        for row in rows {
            let (document, status, mute_type) = read(&row, now)?;
            let about = |alarm: &String| document.alarms.as_ref().is_some_and(|alarms| alarms.contains(alarm));
            let wanted = input.alarm_name.as_ref().is_none_or(about)
                && statuses.as_ref().is_none_or(|statuses| statuses.contains(&status));
            if wanted && found.len() == page {
                let next_token = Some(binding.token(&after)?);
                return Ok(ListAlarmMuteRulesOutput { alarm_mute_rule_summaries: Some(found), next_token });
            }
            after.clone_from(&row.name);
            if wanted {
                found.push(AlarmMuteRuleSummary {
                    alarm_mute_rule_arn: Some(arn::alarm_mute_rule(&caller.scope, &row.name)),
                    expire_date: document.expire_ms.map(Timestamp),
                    status: Some(status),
                    mute_type: Some(mute_type),
                    last_updated_timestamp: Some(row.updated),
                });
            }
        }
        if is_last {
            return Ok(ListAlarmMuteRulesOutput { alarm_mute_rule_summaries: Some(found), next_token: None });
        }
    }
}

pub async fn delete_alarm_mute_rule(
    watch: &Watch,
    caller: &Caller,
    input: DeleteAlarmMuteRuleInput,
) -> Result<Empty, ApiError> {
    let name = input.alarm_mute_rule_name;
    let arn = arn::alarm_mute_rule(&caller.scope, &name);
    // A rule that is not there is deleted already: the model of this operation has no error for it.
    watch.catalog.delete_mute_rule(&caller.scope, &name, &arn, watch.clock.now()).await?;
    Ok(Empty {})
}

/// The document of a rule, its status and its type.
fn read(row: &catalog::MuteRule, now: Timestamp) -> Result<(MuteDocument, String, String), ApiError> {
    let document: MuteDocument = serde_json::from_str(&row.document).map_err(internal)?;
    let rule = document.rule().map_err(|error| refuse::validation(error.message))?;
    let (status, mute_type) = (rule.status(now).as_str().to_owned(), rule.mute_type().as_str().to_owned());
    Ok((document, status, mute_type))
}

fn not_found(name: &str) -> ApiError {
    ApiError::new(&errors::RESOURCE_NOT_FOUND_EXCEPTION, format!("Alarm mute rule {name} does not exist"))
}

fn internal(error: serde_json::Error) -> ApiError {
    ApiError::new(&wire::error::common::INTERNAL_FAILURE, "alarm mute rule document").with_source(error)
}
