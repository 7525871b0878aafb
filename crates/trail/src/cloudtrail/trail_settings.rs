//! What CreateTrail and UpdateTrail accept as settings of a trail.

use crate::Trail;
use crate::cloudtrail::trails;
use crate::delivery::NotTold;
use crate::delivery::key::Folder;
use catalog::{TrailRow, TrailSettings};
use model::buckets::{BucketError, NewObject, is_key};
use model::{Scope, arn::Arn};
use std::sync::Arc;
use wire::cloudtrail::errors;
use wire::error::common;
use wire::{ApiError, ErrorShape};

/// CreateTrail reference: longest key prefix, characters.
const PREFIX_CHARS_MAX: usize = 200;
/// CreateTrail reference: longest topic name, characters.
const TOPIC_CHARS_MAX: usize = 256;
/// The empty object that is written to see whether a bucket takes files.
const ACCESS_CHECK: &str = "access-check";

/// An empty text means none: clients clear a setting with it.
pub fn given(text: Option<String>) -> Option<String> {
    text.filter(|text| !text.is_empty())
}

/// Checks settings as a whole; key ids are completed to ARNs. Whether there is such a key nobody asks.
pub fn check(trail: &Trail, settings: &mut TrailSettings, scope: &Scope) -> Result<(), ApiError> {
    check_bucket(&settings.s3_bucket)?;
    settings.s3_key_prefix.as_deref().map_or(Ok(()), check_prefix)?;
    if let Some(topic) = &settings.sns_topic {
        check_topic(topic)?;
    }
    check_logs(settings, scope)?;
    settings.kms_key_id = settings.kms_key_id.take().map(|key| key_arn(&key, scope)).transpose()?;
    if settings.multi_region && !settings.global_events {
        let text = "Multi-Region trail must include global service events.";
        return Err(ApiError::new(&errors::INVALID_PARAMETER_COMBINATION_EXCEPTION, text));
    }
    if settings.organization && trail.settings.organization_id.is_none() {
        let text = "The account is not a member of an organization: the configuration names none.";
        return Err(ApiError::new(&errors::ORGANIZATIONS_NOT_IN_USE_EXCEPTION, text));
    }
    Ok(())
}

/// Refuses a log group that does not exist: log groups, unlike buckets and topics, live here.
pub async fn check_log_group(trail: &Trail, settings: &TrailSettings, scope: &Scope) -> Result<(), ApiError> {
    let Some(arn) = settings.logs_group_arn.as_deref().and_then(Arn::parse) else { return Ok(()) };
    let name = arn.resource.strip_prefix("log-group:").and_then(|rest| rest.strip_suffix(":*")).unwrap_or_default();
    if trail.catalog.log_group(scope, name).await?.is_some() {
        return Ok(());
    }
    let text = "CloudTrail cannot validate the specified log group ARN.";
    Err(ApiError::new(&errors::INVALID_CLOUD_WATCH_LOGS_LOG_GROUP_ARN_EXCEPTION, text))
}

/// Refuses a bucket that does not take files: it writes an empty object into the folder where they will go, as AWS makes sure
/// that it may.
pub async fn check_delivery(trail: &Trail, settings: &TrailSettings, scope: &Scope) -> Result<(), ApiError> {
    let organization = trail.settings.organization_id.as_deref().filter(|_| settings.organization);
    let folder = Folder { prefix: settings.s3_key_prefix.as_deref(), organization, account: &scope.account };
    let key = format!("{}{ACCESS_CHECK}", folder.of("CloudTrail"));
    let (buckets, bucket, scope) = (Arc::clone(&trail.buckets), settings.s3_bucket.clone(), scope.clone());
    let put = tokio::task::spawn_blocking(move || {
        buckets.check(&scope, &bucket)?;
        buckets.put(&bucket, &key, NewObject::default())
    });
    let put = put.await.unwrap_or_else(|error| Err(BucketError::Unreachable(error.to_string())));
    let name = &settings.s3_bucket;
    put.map_err(|error| match error {
        BucketError::NoSuchBucket => {
            ApiError::new(&errors::S3_BUCKET_DOES_NOT_EXIST_EXCEPTION, format!("S3 bucket {name} does not exist!"))
        }
        BucketError::AccessDenied => {
            let text = format!("Incorrect S3 bucket policy is detected for bucket: {name}");
            ApiError::new(&errors::INSUFFICIENT_S3_BUCKET_POLICY_EXCEPTION, text)
        }
        BucketError::NoSuchKey | BucketError::Unreachable(_) => {
            // The operator is told what the client is not.
            tracing::warn!(bucket = name, ?error, "check the bucket of a trail");
            ApiError::new(&common::SERVICE_UNAVAILABLE, format!("The bucket {name} cannot be reached. Try again."))
        }
    })
}

/// Refuses a topic that is not there or belongs to another account.
pub async fn check_notification(trail: &Trail, row: &TrailRow) -> Result<(), ApiError> {
    let Some(arn) = trails::topic_arn(row) else { return Ok(()) };
    trail.topics.check(&row.scope.account, &arn).await.map_err(|error| match error {
        NotTold::Refused(_) => {
            let text = "SNS Topic does not exist or the topic policy is incorrect!";
            ApiError::new(&errors::INSUFFICIENT_SNS_TOPIC_POLICY_EXCEPTION, text)
        }
        NotTold::Later(reason) => {
            tracing::warn!(topic = arn, reason, "check the topic of a trail");
            ApiError::new(&common::SERVICE_UNAVAILABLE, "The topic cannot be looked up. Try again.")
        }
    })
}

fn check_prefix(prefix: &str) -> Result<(), ApiError> {
    let text = if prefix.chars().count() > PREFIX_CHARS_MAX {
        format!("S3 key prefix must not be longer than {PREFIX_CHARS_MAX} characters.")
    } else if !is_key(prefix.trim_matches('/')) {
        "S3 key prefix must be the beginning of a key, without empty parts and without '.' or '..' as a part."
            .to_owned()
    } else {
        return Ok(());
    };
    Err(ApiError::new(&errors::INVALID_S3_PREFIX_EXCEPTION, text))
}

fn check_bucket(name: &str) -> Result<(), ApiError> {
    let edge = |c: Option<char>| c.is_some_and(|c| c.is_ascii_lowercase() || c.is_ascii_digit());
    let refused = if name.trim().is_empty() {
        Some("Bucket name cannot be blank!")
    } else if name.len() < 3 || name.len() > 63 {
        Some("Bucket name should be between 3 and 63 characters long")
    } else if name.chars().any(|c| c.is_ascii_uppercase()) {
        Some("Bucket name should not contain uppercase characters")
    } else if !name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-')) {
        Some("Bucket name should only contain lowercase letters, numbers, periods (.) and hyphens (-)")
    } else if !edge(name.chars().next()) || !edge(name.chars().next_back()) {
        Some("Bucket name should begin and end with a letter or a number")
    } else if name.contains("..") || name.contains(".-") || name.contains("-.") {
        Some("Bucket name should not contain adjacent periods, or a period next to a hyphen")
    } else if name.parse::<std::net::Ipv4Addr>().is_ok() {
        Some("Bucket name must not be formatted as an IP Address")
    } else {
        None
    };
    refused.map_or(Ok(()), |text| Err(ApiError::new(&errors::INVALID_S3_BUCKET_NAME_EXCEPTION, text)))
}

fn check_topic(topic: &str) -> Result<(), ApiError> {
    let word = |name: &str| {
        let name = name.strip_suffix(".fifo").unwrap_or(name);
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-'))
    };
    let valid = match Arn::parse(topic) {
        Some(arn) => arn.service == "sns" && !arn.region.is_empty() && !arn.account.is_empty() && word(arn.resource),
        None => word(topic),
    };
    if valid && topic.chars().count() <= TOPIC_CHARS_MAX {
        return Ok(());
    }
    let text = "SNS topic name must be a topic name of up to 256 letters, numbers, hyphens (-) and underscores (_), or a topic ARN.";
    Err(ApiError::new(&errors::INVALID_SNS_TOPIC_NAME_EXCEPTION, text))
}

/// Log group and role go together; the group is named with `:*` and lies in the caller's account and region.
fn check_logs(settings: &TrailSettings, scope: &Scope) -> Result<(), ApiError> {
    let refuse = |shape: &'static ErrorShape, text: &'static str| Err(ApiError::new(shape, text));
    let group = &errors::INVALID_CLOUD_WATCH_LOGS_LOG_GROUP_ARN_EXCEPTION;
    let role = &errors::INVALID_CLOUD_WATCH_LOGS_ROLE_ARN_EXCEPTION;
    match (&settings.logs_group_arn, &settings.logs_role_arn) {
        (None, None) => Ok(()),
        (Some(_), None) => refuse(role, "You must specify a role ARN as well as a log group."),
        (None, Some(_)) => refuse(group, "You must specify a log group as well as a role ARN."),
        (Some(group_arn), Some(role_arn)) => {
            let in_scope = Arn::parse(group_arn).is_some_and(|arn| {
                let name = arn.resource.strip_prefix("log-group:").and_then(|rest| rest.strip_suffix(":*"));
                let named = name.is_some_and(|name| !name.is_empty() && name.len() <= 512);
                arn.service == "logs" && arn.region == scope.region && arn.account == scope.account && named
            });
            let role_named = Arn::parse(role_arn).is_some_and(|arn| {
                arn.service == "iam" && arn.resource.strip_prefix("role/").is_some_and(|name| !name.is_empty())
            });
            if !in_scope {
                refuse(group, "CloudTrail cannot validate the specified log group ARN.")
            } else if !role_named {
                refuse(role, "CloudTrail cannot validate the specified role ARN.")
            } else {
                Ok(())
            }
        }
    }
}

/// A key ARN, alias ARN, alias or key id, as an ARN.
pub(super) fn key_arn(key: &str, scope: &Scope) -> Result<String, ApiError> {
    let resource = |text: &str| {
        text.strip_prefix("alias/").or_else(|| text.strip_prefix("key/")).is_some_and(|name| {
            !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'/'))
        })
    };
    if Arn::parse(key).is_some_and(|arn| arn.service == "kms" && !arn.region.is_empty() && resource(arn.resource)) {
        return Ok(key.to_owned());
    }
    let prefix = format!("arn:aws:kms:{}:{}:", scope.region, scope.account);
    if key.starts_with("alias/") && resource(key) {
        return Ok(format!("{prefix}{key}"));
    }
    let id = key.strip_prefix("mrk-").unwrap_or(key);
    if uuid::Uuid::try_parse(id).is_ok() {
        return Ok(format!("{prefix}key/{key}"));
    }
    let text = "The KMS key must be a key ID, a key ARN, an alias name that begins with alias/, or an alias ARN.";
    Err(ApiError::new(&errors::INVALID_KMS_KEY_ID_EXCEPTION, text))
}
