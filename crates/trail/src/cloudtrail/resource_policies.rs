//! PutResourcePolicy, GetResourcePolicy, DeleteResourcePolicy: policies of event data stores, channels and dashboards.
//!
//! Those of channels decide who of other accounts may put events into them (`put_audit_events.rs`), those of event data stores who may ask
//! them, and those of dashboards whether CloudTrail may refresh them by their schedule (`lake_access.rs`).

use super::event_data_stores;
use super::trail_name::told;
use crate::Trail;
use crate::lake_access::{DASHBOARD_ACTIONS, STORE_ACTIONS};
use model::Caller;
use model::arn::{self, Arn};
use serde_json::Value;
use wire::cloudtrail::{
    self as ct, DeleteResourcePolicyRequest, DeleteResourcePolicyResponse, GetResourcePolicyRequest,
    GetResourcePolicyResponse, PutResourcePolicyRequest, PutResourcePolicyResponse, errors,
};
use wire::{Access, ApiError, Audit, Operation, operation};

pub(super) fn operations() -> Vec<Operation<Trail>> {
    use Audit::Management;
    vec![
        operation!(Access::Write, Management, ct::PutResourcePolicy, put),
        operation!(Access::Read, Management, ct::GetResourcePolicy, get),
        operation!(Access::Write, Management, ct::DeleteResourcePolicy, delete),
    ]
}

async fn put(
    trail: &Trail,
    caller: &Caller,
    input: PutResourcePolicyRequest,
) -> Result<PutResourcePolicyResponse, ApiError> {
    let arn = resource(trail, caller, &input.resource_arn).await?;
    check(&arn, &input.resource_policy)
        .map_err(|text| ApiError::new(&errors::RESOURCE_POLICY_NOT_VALID_EXCEPTION, text))?;
    trail.catalog.put_cloudtrail_policy(&arn, &input.resource_policy).await?;
    Ok(PutResourcePolicyResponse {
        resource_arn: Some(input.resource_arn),
        resource_policy: Some(input.resource_policy),
        delegated_admin_resource_policy: None,
    })
}

async fn get(
    trail: &Trail,
    caller: &Caller,
    input: GetResourcePolicyRequest,
) -> Result<GetResourcePolicyResponse, ApiError> {
    let arn = resource(trail, caller, &input.resource_arn).await?;
    let policy = trail.catalog.cloudtrail_policy(&arn).await?.ok_or_else(|| absent(&input.resource_arn))?;
    Ok(GetResourcePolicyResponse {
        resource_arn: Some(input.resource_arn),
        resource_policy: Some(policy),
        delegated_admin_resource_policy: None,
    })
}

async fn delete(
    trail: &Trail,
    caller: &Caller,
    input: DeleteResourcePolicyRequest,
) -> Result<DeleteResourcePolicyResponse, ApiError> {
    let arn = resource(trail, caller, &input.resource_arn).await?;
    match trail.catalog.delete_cloudtrail_policy(&arn).await? {
        true => Ok(DeleteResourcePolicyResponse {}),
        false => Err(absent(&input.resource_arn)),
    }
}

fn absent(arn: &str) -> ApiError {
    let text = format!("The resource has no resource-based policy: {}", told(arn));
    ApiError::new(&errors::RESOURCE_POLICY_NOT_FOUND_EXCEPTION, text)
}

/// The ARN of a resource as it is kept, however the client spelled it; it must be there, and of a kind that has policies.
async fn resource(trail: &Trail, caller: &Caller, text: &str) -> Result<String, ApiError> {
    let parsed = Arn::parse(text).filter(|arn| arn.service == "cloudtrail");
    let invalid = || {
        let text = format!("The resource ARN is not valid: {}", told(text));
        ApiError::new(&errors::RESOURCE_ARN_NOT_VALID_EXCEPTION, text)
    };
    let parsed = parsed.ok_or_else(invalid)?;
    let (kind, id) = parsed.resource.split_once('/').ok_or_else(invalid)?;
    let own = (parsed.account, parsed.region) == (caller.scope.account.as_str(), caller.scope.region.as_str());
    let found = match kind {
        "eventdatastore" if own => match event_data_stores::find(trail, caller, text).await {
            Ok(row) => Some(arn::event_data_store(&row.scope, &row.id)),
            Err(error) if error.status() < 500 => None,
            Err(error) => return Err(error),
        },
        "channel" if own => {
            trail.catalog.channel(&caller.scope, id).await?.map(|row| arn::channel(&row.scope, &row.id))
        }
        "dashboard" if own => {
            let row = trail.catalog.lake_dashboard(&caller.scope, id).await?;
            row.map(|row| arn::lake_dashboard(&caller.scope, &row.name))
        }
        "eventdatastore" | "channel" | "dashboard" => None,
        _ => {
            let text = "Only event data stores, channels and dashboards have resource-based policies.";
            return Err(ApiError::new(&errors::RESOURCE_TYPE_NOT_SUPPORTED_EXCEPTION, text));
        }
    };
    if let Some(arn) = found {
        return Ok(arn);
    }
    let text = format!("The resource does not exist: {}", told(text));
    Err(ApiError::new(&errors::RESOURCE_NOT_FOUND_EXCEPTION, text))
}

/// The one action of policies of channels.
const CHANNEL_ACTIONS: [&str; 1] = ["cloudtrail-data:PutAuditEvents"];
/// Most statements of a policy, and principals of a statement (PutResourcePolicy reference).
const STATEMENTS_MAX: usize = 20;
const PRINCIPALS_MAX: usize = 50;

/// A policy is a JSON object with statements, each of which allows or denies somebody what can be done with its resource.
fn check(arn: &str, text: &str) -> Result<(), String> {
    let document: Value = serde_json::from_str(text).map_err(|error| format!("The policy is not JSON: {error}"))?;
    let statements = match document.get("Statement") {
        Some(Value::Array(statements)) if !statements.is_empty() => statements.iter().collect(),
        Some(statement @ Value::Object(_)) => vec![statement],
        _ => return Err("The policy has no statement.".into()),
    };
    for statement in &statements {
        if !matches!(statement.get("Effect").and_then(Value::as_str), Some("Allow" | "Deny")) {
            return Err("Each statement of the policy must have the effect Allow or Deny.".into());
        }
        if statement.get("Principal").is_none() || statement.get("Action").is_none() {
            return Err("Each statement of the policy must have a principal and an action.".into());
        }
    }
    access::resource_policy(arn, text).map_err(|error| format!("The policy is not valid: {error}"))?;
    if statements.len() > STATEMENTS_MAX {
        return Err(format!("The policy has {STATEMENTS_MAX} statements at most."));
    }
    let kind = Arn::parse(arn).and_then(|arn| arn.resource.split_once('/')).map_or("", |(kind, _)| kind);
    let actions: &[&str] = match kind {
        "channel" => &CHANNEL_ACTIONS,
        "dashboard" => &DASHBOARD_ACTIONS,
        _ => &STORE_ACTIONS,
    };
    for statement in statements {
        let is_all = |member: &str, is: &dyn Fn(&str) -> bool| {
            let texts = texts(&statement[member]);
            !texts.is_empty() && texts.iter().all(|text| is(text))
        };
        if !is_all("Action", &|text| actions.iter().any(|action| text.eq_ignore_ascii_case(action))) {
            return Err(format!("The actions in the policy of this resource can be {}.", actions.join(", ")));
        }
        if !is_all("Resource", &|text| text == arn) {
            return Err(format!("The resource in the policy must be the one that it is of, {arn}."));
        }
        let principals: usize = match &statement["Principal"] {
            Value::Object(kinds) => kinds.values().map(|named| texts(named).len()).sum(),
            everybody => texts(everybody).len(),
        };
        if !(1..=PRINCIPALS_MAX).contains(&principals) {
            return Err(format!("A statement must have 1 to {PRINCIPALS_MAX} principals."));
        }
    }
    Ok(())
}

/// One text or a list of them.
fn texts(value: &Value) -> Vec<&str> {
    match value {
        Value::Array(list) => list.iter().filter_map(Value::as_str).collect(),
        one => one.as_str().into_iter().collect(),
    }
}
