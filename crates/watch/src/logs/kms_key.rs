//! AssociateKmsKey and DisassociateKmsKey: the KMS key that is to encrypt a log group, or the results of queries.
//!
//! The key is remembered and shown (DescribeLogGroups, GetQueryResults), and nothing is encrypted with it: there is no KMS here,
//! so that a key exists and may be used is not checked either; its ARN must be one of a key in the same region. AWS refuses keys
//! that it does not find, in the words used here for what cannot be a key. CreateLogGroup and CreateLogAnomalyDetector check keys
//! alike.

use super::errors::{group_not_found, invalid};
use super::identifiers::group_name;
use crate::Watch;
use model::arn::{Arn, log_group};
use model::{Caller, Scope};
use wire::ApiError;
use wire::logs::{AssociateKmsKeyRequest, DisassociateKmsKeyRequest};
use wire::shape::Empty;

/// What a key is associated with.
#[derive(Debug, PartialEq, Eq)]
enum Target<'a> {
    Group(&'a str),
    QueryResults,
}

pub(super) async fn associate_kms_key(
    watch: &Watch,
    caller: &Caller,
    input: AssociateKmsKeyRequest,
) -> Result<Empty, ApiError> {
    let scope = &caller.scope;
    let target = target(scope, input.log_group_name.as_deref(), input.resource_identifier.as_deref())?;
    let used_by = match target {
        Target::Group(name) => log_group(scope, name),
        Target::QueryResults => query_results(scope),
    };
    check_key(scope, &input.kms_key_id, &used_by)?;
    let done = set(watch, scope, target, Some(&input.kms_key_id)).await?;
    warn_of_key(&used_by);
    Ok(done)
}

/// Refuses what cannot be the ARN of a key for the resource of the ARN `used_by`.
pub(super) fn check_key(scope: &Scope, key: &str, used_by: &str) -> Result<(), ApiError> {
    match Arn::parse(key) {
        Some(arn) if is_key(scope, &arn) => Ok(()),
        Some(_) => Err(invalid(format!(
            "The specified KMS key does not exist or is not allowed to be used with Arn '{used_by}'"
        ))),
        None => Err(invalid("The specified KMS Key Id could not be found.")),
    }
}

/// Tells the operator what a client who names a key may not expect.
pub(super) fn warn_of_key(resource: &str) {
    tracing::info!(resource, "a KMS key is kept and shown, and nothing is encrypted with it");
}

pub(super) async fn disassociate_kms_key(
    watch: &Watch,
    caller: &Caller,
    input: DisassociateKmsKeyRequest,
) -> Result<Empty, ApiError> {
    let scope = &caller.scope;
    let target = target(scope, input.log_group_name.as_deref(), input.resource_identifier.as_deref())?;
    set(watch, scope, target, None).await
}

async fn set(watch: &Watch, scope: &Scope, target: Target<'_>, key: Option<&str>) -> Result<Empty, ApiError> {
    match target {
        Target::Group(name) => {
            if !watch.catalog.set_log_group_key(scope, name, key).await? {
                return Err(group_not_found());
            }
        }
        Target::QueryResults => watch.catalog.set_query_result_key(scope, key, watch.clock.now()).await?,
    }
    Ok(Empty {})
}

fn target<'a>(scope: &Scope, name: Option<&'a str>, resource: Option<&'a str>) -> Result<Target<'a>, ApiError> {
    match (name, resource) {
        (Some(name), None) => Ok(Target::Group(name)),
        (None, Some(resource)) if resource == query_results(scope) => Ok(Target::QueryResults),
        (None, Some(resource)) if Arn::parse(resource).is_some() => group_name(scope, resource).map(Target::Group),
        (None, Some(_)) => Err(invalid("The specified resourceIdentifier is not a valid ARN.")),
        (Some(_), Some(_)) => {
            Err(invalid("LogGroupName and ResourceIdentifier cannot both be specified in the same request."))
        }
        (None, None) => Err(invalid("Either logGroupName or resourceIdentifier must be specified.")),
    }
}

/// The ARN that stands for the results of all queries.
fn query_results(scope: &Scope) -> String {
    format!("arn:aws:logs:{}:{}:query-result:*", scope.region, scope.account)
}

fn is_key(scope: &Scope, arn: &Arn<'_>) -> bool {
    let key = arn.resource.strip_prefix("key/");
    arn.service == "kms" && arn.region == scope.region && key.is_some_and(|key| !key.is_empty())
}
