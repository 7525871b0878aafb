//! PutCompositeAlarm: makes an alarm on a rule over other alarms, or replaces all of one but its state.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html>. A new alarm starts in
//! INSUFFICIENT_DATA and is evaluated at the next tick; after that it is in OK or ALARM. The alarms that it names must exist, in
//! the same account and region; actions on instances and Auto Scaling groups are refused. Tags are taken on creation only.
//!
//! What differs: AWS lets a cycle be made, and then cannot evaluate its alarms; here the call that would close it is refused.

use super::put_metric_alarm::{actions, contended};
use super::{action_configuration, refuse, tags};
use crate::Watch;
use crate::alarms::rule::cycle::find_cycle;
use crate::alarms::rule::{AlarmRule, PARENTS_MAX, name_of, unknown_children};
use crate::alarms::{evaluate, history};
use catalog::{Alarm, AlarmConfiguration, AlarmFilter, AlarmState, CompositeRule};
use model::arn::{self, Arn};
use model::{Caller, Scope};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};
use wire::cloudwatch::{PutCompositeAlarm, PutCompositeAlarmInput};
use wire::shape::Empty;
use wire::{Access, ApiError, Call, Protocol};

/// How often a put is tried again when the alarm changes under it.
const ATTEMPTS: usize = 8;

pub async fn put_composite_alarm(
    watch: &Watch,
    caller: &Caller,
    mut input: PutCompositeAlarmInput,
) -> Result<Empty, ApiError> {
    let scope = &caller.scope;
    let name = std::mem::take(&mut input.alarm_name);
    let tags = tags::checked(input.tags.take().unwrap_or_default())?;
    let actions_enabled = input.actions_enabled.unwrap_or(true);
    let configuration = configuration(scope, input)?;
    check_children(watch, scope, &name, &configuration).await?;
    let interval_ms = evaluate::interval_ms(&configuration);
    for _ in 0..ATTEMPTS {
        let now = watch.clock.now();
        let put = match watch.catalog.alarm(scope, &name).await? {
            Some(old) if !old.configuration.is_composite() => return Err(other_kind(&name)),
            Some(old) => {
                let mut new = old.clone();
                new.configuration = configuration.clone();
                new.actions_enabled = actions_enabled;
                new.configuration_updated = now;
                watch.catalog.update_alarm(&new, interval_ms, &[history::updated(&old, &new, now)], None).await?
            }
            None => {
                let alarm = Alarm {
                    scope: scope.clone(),
                    name: name.clone(),
                    version: 1,
                    configuration: configuration.clone(),
                    actions_enabled,
                    configuration_updated: now,
                    state: AlarmState::InsufficientData,
                    state_reason: "Unchecked: Initial alarm creation".to_owned(),
                    state_reason_data: None,
                    state_updated: now,
                    state_transitioned: now,
                    memory: None,
                };
                let arn = arn::alarm(scope, &name);
                let items = [history::created(&alarm, now)];
                watch.catalog.create_alarm(&alarm, interval_ms, &items, &arn, &tags, None).await?
            }
        };
        if put {
            return Ok(Empty {});
        }
    }
    Err(contended())
}

/// The refusal of a name that an alarm of the other kind has. AWS's text is not known.
pub fn other_kind(name: &str) -> ApiError {
    refuse::validation(format!("An alarm with the name {name} already exists and is of another type"))
}

/// The configuration that a PutCompositeAlarm input, as JSON, would make; refused as the operation would refuse it.
pub async fn drafted_composite_alarm(
    watch: &Watch,
    caller: &Caller,
    input: &[u8],
) -> Result<AlarmConfiguration, ApiError> {
    let drafted = Arc::new(OnceLock::new());
    let told = Arc::clone(&drafted);
    let (watch, scope) = (watch.clone(), caller.scope.clone());
    let draft = move |mut input: PutCompositeAlarmInput| async move {
        let name = std::mem::take(&mut input.alarm_name);
        let configuration = configuration(&scope, input)?;
        check_children(&watch, &scope, &name, &configuration).await?;
        // Set once per call, so it cannot be set already.
        let _ = told.set(configuration);
        Ok(Empty {})
    };
    let call = Call {
        protocol: Protocol::Json10,
        path: "/",
        query: "",
        body: input,
        request_id: "draft",
        audited: false,
        guard: None,
    };
    let answer = wire::operation::run::<PutCompositeAlarm, _, _>(Access::Read, call, draft).await;
    match (answer.error, drafted.get()) {
        (Some(error), _) => Err(error),
        (None, Some(configuration)) => Ok(configuration.clone()),
        (None, None) => Err(ApiError::new(&wire::error::common::INTERNAL_FAILURE, "the draft was not read")),
    }
}

fn configuration(scope: &Scope, input: PutCompositeAlarmInput) -> Result<AlarmConfiguration, ApiError> {
    let tag_propagation = action_configuration::checked(input.action_configuration)?;
    let rule = AlarmRule::parse(&input.alarm_rule).map_err(|error| refuse::validation(error.to_string()))?;
    let wait = input.actions_suppressor_wait_period.map(i64::from);
    let extension = input.actions_suppressor_extension_period.map(i64::from);
    match &input.actions_suppressor {
        None if wait.is_some() || extension.is_some() => {
            return Err(refuse::validation(
                "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod can only be set if ActionsSuppressor is set",
            ));
        }
        Some(_) if wait.is_none() || extension.is_none() => {
            return Err(refuse::validation(
                "ActionsSuppressorWaitPeriod and ActionsSuppressorExtensionPeriod must be set if ActionsSuppressor is set",
            ));
        }
        _ => {}
    }
    let suppressor = input.actions_suppressor;
    let references = rule.children().into_iter().chain(suppressor.as_deref());
    let mut children = BTreeSet::new();
    for reference in references {
        check_here(scope, reference)?;
        children.insert(name_of(reference).to_owned());
    }
    let acted = |given: Option<Vec<String>>| {
        let given = actions(scope, given)?;
        match given.iter().find(|action| {
            Arn::parse(action).is_some_and(|arn| matches!(arn.service, "automate" | "autoscaling" | "ec2"))
        }) {
            Some(action) => {
                Err(refuse::validation(format!("The action {action} is not supported for composite alarms")))
            }
            None => Ok(given),
        }
    };
    Ok(AlarmConfiguration {
        description: input.alarm_description,
        ok_actions: acted(input.ok_actions)?,
        alarm_actions: acted(input.alarm_actions)?,
        insufficient_data_actions: acted(input.insufficient_data_actions)?,
        composite: Some(CompositeRule {
            rule: input.alarm_rule,
            suppressor,
            suppressor_wait_secs: wait.unwrap_or_default(),
            suppressor_extension_secs: extension.unwrap_or_default(),
            children: children.into_iter().collect(),
        }),
        tag_propagation,
        ..AlarmConfiguration::default()
    })
}

/// An ARN must be of this account and region.
fn check_here(scope: &Scope, reference: &str) -> Result<(), ApiError> {
    match Arn::parse(reference) {
        Some(found)
            if found.service == "cloudwatch" && (found.account != scope.account || found.region != scope.region) =>
        {
            Err(refuse::validation(format!("The alarm {reference} must be in the same account and region")))
        }
        _ => Ok(()),
    }
}

/// The alarms that it names exist, do not depend on it, and are in few enough other alarms.
async fn check_children(
    watch: &Watch,
    scope: &Scope,
    name: &str,
    configuration: &AlarmConfiguration,
) -> Result<(), ApiError> {
    let children = configuration.children();
    let filter = AlarmFilter { names: Some(children.to_vec()), ..AlarmFilter::default() };
    let found = watch.catalog.alarms(scope, &filter, children.len()).await?;
    let known: BTreeSet<&str> = found.iter().map(|alarm| alarm.name.as_str()).collect();
    let missing: Vec<&str> =
        children.iter().map(String::as_str).filter(|child| !known.contains(child) && *child != name).collect();
    if !missing.is_empty() {
        return Err(refuse::validation(unknown_children(&missing)));
    }
    let mut depends: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut parents: BTreeMap<String, usize> = BTreeMap::new();
    for (parent, child) in watch.catalog.alarm_dependences(scope).await? {
        if parent != name {
            *parents.entry(child.clone()).or_default() += 1;
            depends.entry(parent).or_default().push(child);
        }
    }
    depends.insert(name.to_owned(), children.to_vec());
    if let Some(cycle) = find_cycle(name, |alarm| depends.get(alarm).cloned().unwrap_or_default()) {
        return Err(refuse::validation(format!("The alarm rule would make a cycle of alarms: {}", cycle.join(" -> "))));
    }
    match children.iter().find(|child| parents.get(*child).is_some_and(|count| *count >= PARENTS_MAX)) {
        Some(child) => Err(refuse::validation(format!(
            "The alarm {child} is in {PARENTS_MAX} composite alarms already, which is the maximum"
        ))),
        None => Ok(()),
    }
}
