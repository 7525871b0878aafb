//! Log groups by name or ARN: `logGroupName` or `logGroupIdentifier`, and the ARNs of the tag operations.
//!
//! Reads may name a group of another account by its ARN, where a link shares it; without one there is no such group for them.

use super::errors::{group_not_found, invalid, resource_not_found};
use crate::Watch;
use crate::linked::{Kind, Linked};
use catalog::LogGroup;
use model::arn::{Arn, log_group};
use model::{Caller, Scope};
use wire::ApiError;

/// The group that a reading request names by exactly one of `logGroupName` and `logGroupIdentifier`.
pub(super) async fn named_group(
    watch: &Watch,
    caller: &Caller,
    name: Option<&str>,
    identifier: Option<&str>,
) -> Result<LogGroup, ApiError> {
    match (name, identifier) {
        (Some(name), None) => group(watch, &caller.scope, name).await,
        (None, Some(identifier)) => readable_group(watch, &caller.scope, identifier).await,
        (Some(_), Some(_)) => {
            Err(invalid("LogGroupName and LogGroupIdentifier cannot both be specified in the same request."))
        }
        (None, None) => Err(invalid("Either logGroupName or logGroupIdentifier must be specified.")),
    }
}

/// The group that a name or an ARN names, which is of `scope` or is shared with it.
pub(super) async fn readable_group(watch: &Watch, scope: &Scope, identifier: &str) -> Result<LogGroup, ApiError> {
    let arn = Arn::parse(identifier).filter(|arn| arn.service == "logs" && arn.account != scope.account);
    let Some(arn) = arn else { return group(watch, scope, group_name(scope, identifier)?).await };
    let owner = Scope { account: arn.account.to_owned(), region: arn.region.to_owned() };
    let name = group_of(&owner, &arn).ok_or_else(group_not_found)?;
    if !is_shared(watch, scope, &owner, name).await? {
        return Err(group_not_found());
    }
    group(watch, &owner, name).await
}

/// Account and name behind an identifier, whoever may see the group.
pub(super) fn place<'a>(scope: &'a Scope, identifier: &'a str) -> Result<(&'a str, &'a str), ApiError> {
    let foreign = Arn::parse(identifier).filter(|arn| arn.service == "logs" && arn.account != scope.account);
    let Some(arn) = foreign else { return group_name(scope, identifier).map(|name| (scope.account.as_str(), name)) };
    let owner = Scope { account: arn.account.to_owned(), ..scope.clone() };
    group_of(&owner, &arn).map(|name| (arn.account, name)).ok_or_else(group_not_found)
}

/// Whether a link shares the group called `name` of `owner` with `scope`.
pub(super) async fn is_shared(watch: &Watch, scope: &Scope, owner: &Scope, name: &str) -> Result<bool, ApiError> {
    if owner.region != scope.region {
        return Ok(false);
    }
    let linked = Linked::of(watch, scope, Kind::LogGroups, [owner.account.as_str()]).await?;
    Ok(linked.shares(&owner.account, name))
}

/// The group of a `logGroupIdentifier` alone.
pub(super) async fn identified_group(watch: &Watch, caller: &Caller, identifier: &str) -> Result<LogGroup, ApiError> {
    group(watch, &caller.scope, group_name(&caller.scope, identifier)?).await
}

/// The group of this name.
pub(super) async fn group(watch: &Watch, scope: &Scope, name: &str) -> Result<LogGroup, ApiError> {
    watch.catalog.log_group(scope, name).await?.ok_or_else(group_not_found)
}

/// The name behind a `logGroupIdentifier`: a name, or an ARN with or without `:*`. An ARN of another account or region
/// names no group that the caller can see.
pub(crate) fn group_name<'a>(scope: &Scope, identifier: &'a str) -> Result<&'a str, ApiError> {
    // Names hold no colon, so an ARN cannot be mistaken for one.
    if !identifier.contains(':') {
        return Ok(identifier);
    }
    let arn = Arn::parse(identifier).filter(|arn| arn.service == "logs");
    let arn = arn.ok_or_else(|| invalid("The specified logGroupIdentifier is not a valid log group name or ARN."))?;
    match group_of(scope, &arn) {
        Some(name) => Ok(name),
        None => Err(group_not_found()),
    }
}

/// The ARN under which the tags of a resource are kept, once the resource is found that the ARN of a tag operation names.
pub(super) async fn tagged_arn(watch: &Watch, caller: &Caller, arn: &str) -> Result<String, ApiError> {
    let scope = &caller.scope;
    let parsed = Arn::parse(arn).filter(|arn| arn.service == "logs");
    let parsed = parsed.ok_or_else(|| invalid("The specified resourceArn is not a valid ARN of CloudWatch Logs."))?;
    if parsed.region != scope.region || parsed.account != scope.account {
        return Err(resource_not_found());
    }
    let (kind, name) = parsed.resource.split_once(':').unwrap_or((parsed.resource, ""));
    let there = match kind {
        "anomaly-detector" => watch.catalog.log_anomaly_detector(scope, name).await?.is_some(),
        "delivery" => watch.catalog.vended_delivery(scope, name).await?.is_some(),
        "delivery-destination" => watch.catalog.delivery_destination(arn).await?.is_some(),
        "delivery-source" => watch.catalog.delivery_source(scope, name).await?.is_some(),
        "destination" => watch.catalog.log_destination(scope, name).await?.is_some(),
        "lookup-table" => watch.catalog.lookup_table_body(scope, name).await?.is_some(),
        "scheduled-query" => watch.catalog.scheduled_query(scope, name).await?.is_some_and(|query| query.id == name),
        _ => false,
    };
    if there {
        return Ok(arn.to_owned());
    }
    let name = group_of(scope, &parsed).ok_or_else(resource_not_found)?;
    let group = watch.catalog.log_group(scope, name).await?.ok_or_else(resource_not_found)?;
    Ok(log_group(scope, &group.name))
}

fn group_of<'a>(scope: &Scope, arn: &Arn<'a>) -> Option<&'a str> {
    // Policies are asked about the ARN as it came: another partition would be another name of the same group.
    if arn.partition != "aws" || arn.region != scope.region || arn.account != scope.account {
        return None;
    }
    let name = arn.resource.strip_prefix("log-group:")?;
    // Grafana cuts the `*` off and leaves the colon.
    let name = name.strip_suffix(":*").or_else(|| name.strip_suffix(':')).unwrap_or(name);
    (!name.is_empty() && !name.contains(':')).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_arns_of_the_same_group_are_the_same() {
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        let name = |identifier| group_name(&scope, identifier).map_err(|e| e.code());
        assert_eq!(name("/a/b"), Ok("/a/b"));
        assert_eq!(name("arn:aws:logs:us-east-1:123456789012:log-group:/a/b"), Ok("/a/b"));
        assert_eq!(name("arn:aws:logs:us-east-1:123456789012:log-group:/a/b:*"), Ok("/a/b"));
        assert_eq!(name("arn:aws:logs:us-east-1:123456789012:log-group:/a/b:"), Ok("/a/b"));
        assert_eq!(name("arn:aws:logs:eu-west-1:123456789012:log-group:/a/b"), Err("ResourceNotFoundException"));
        assert_eq!(name("arn:aws:logs:us-east-1:999999999999:log-group:/a/b"), Err("ResourceNotFoundException"));
        assert_eq!(name("arn:x:logs:us-east-1:123456789012:log-group:/a/b"), Err("ResourceNotFoundException"));
        assert_eq!(name("arn:aws:s3:us-east-1:123456789012:log-group:/a/b"), Err("InvalidParameterException"));
        assert_eq!(name("a:b"), Err("InvalidParameterException"));
        assert_eq!(name("arn:aws:logs:us-east-1:123456789012:log-group:"), Err("ResourceNotFoundException"));
    }
}
