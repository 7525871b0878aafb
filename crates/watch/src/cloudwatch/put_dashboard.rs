//! PutDashboard: keeps a dashboard's JSON as it came, after checking what it says.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutDashboard.html>. Errors refuse the body
//! (DashboardInvalidInputError with its validation messages); warnings come back with success.

use super::dashboard_body::{Finding, check};
use super::{refuse, tags};
use crate::Watch;
use catalog::Dashboard;
use model::{Caller, arn};
use serde_json::json;
use wire::ApiError;
use wire::cloudwatch::{
    DashboardInvalidInputError, DashboardValidationMessage, PutDashboardInput, PutDashboardOutput, errors,
};

/// Longest body, bytes. AWS gives no number; this is far above what 500 widgets with their metrics need.
const BODY_BYTES_MAX: usize = 2 * 1024 * 1024;
/// Longest name, characters.
const NAME_CHARS_MAX: usize = 255;

pub async fn put_dashboard(
    watch: &Watch,
    caller: &Caller,
    input: PutDashboardInput,
) -> Result<PutDashboardOutput, ApiError> {
    check_name(&input.dashboard_name)?;
    let tags = tags::checked(input.tags.unwrap_or_default())?;
    if input.dashboard_body.len() > BODY_BYTES_MAX {
        return Err(unreadable("The field DashboardBody is too large"));
    }
    let Ok(body) = serde_json::from_str(&input.dashboard_body) else {
        return Err(unreadable("The field DashboardBody must be a valid JSON object"));
    };
    let findings = check(&body);
    if !findings.errors.is_empty() {
        return Err(invalid(findings.errors));
    }
    let dashboard = Dashboard { name: input.dashboard_name, body: input.dashboard_body, modified: watch.clock.now() };
    let account = &caller.scope.account;
    watch.catalog.put_dashboard(account, &dashboard, &arn::dashboard(account, &dashboard.name), &tags).await?;
    Ok(PutDashboardOutput { dashboard_validation_messages: Some(messages(findings.warnings)) })
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if name.is_empty() {
        return Err(refuse::missing("DashboardName"));
    }
    if !name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        return Err(refuse::value(format!(
            "The value {name} for field DashboardName contains invalid characters. \
             It can only contain alphanumerics, dash (-) and underscore (_)."
        )));
    }
    if name.len() > NAME_CHARS_MAX {
        return Err(refuse::value(format!(
            "The value {name} for field DashboardName must not be longer than {NAME_CHARS_MAX} characters."
        )));
    }
    Ok(())
}

/// The body is no JSON object at all.
fn unreadable(message: &'static str) -> ApiError {
    let told = DashboardValidationMessage { data_path: None, message: Some(message.to_owned()) };
    ApiError::new(&errors::DASHBOARD_INVALID_INPUT_ERROR, message)
        .with_members(DashboardInvalidInputError { message: None, dashboard_validation_messages: Some(vec![told]) })
}

/// The body is JSON, and wrong: the message lists the errors as AWS does, and so does the exception's list.
fn invalid(found: Vec<Finding>) -> ApiError {
    let listed: Vec<_> = found.iter().map(|f| json!({ "dataPath": f.path, "message": f.message })).collect();
    let listed = serde_json::to_string_pretty(&listed).unwrap_or_default();
    let message = format!("The dashboard body is invalid, there are {} validation errors:\n{listed}", found.len());
    ApiError::new(&errors::DASHBOARD_INVALID_INPUT_ERROR, message).with_members(DashboardInvalidInputError {
        message: None,
        dashboard_validation_messages: Some(messages(found)),
    })
}

fn messages(found: Vec<Finding>) -> Vec<DashboardValidationMessage> {
    let message = |f: Finding| DashboardValidationMessage { data_path: Some(f.path), message: Some(f.message) };
    found.into_iter().map(message).collect()
}
