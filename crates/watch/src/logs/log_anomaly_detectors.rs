//! CreateLogAnomalyDetector, and the four calls about what it made.
//!
//! A detector watches one log group of the Standard class, as on AWS, from the next event on: AWS also learns from events that
//! are there. It is read in the order of acceptance, in windows of its frequency; where AWS has a default for the frequency it
//! does not say which: here it is five minutes. A detector without a name is called as its group, since its metric needs a name.
//! A new frequency or filter pattern begins a new training. A KMS key is remembered and shown.

use super::errors::{group_not_found, invalid, invalid_token, resource_not_found};
use super::identifiers::{group, group_name};
use super::kms_key::check_key;
use super::log_class::check_standard;
use super::page_token::Fingerprint;
use super::subscription_filters::check_pattern;
use super::tags::check_keys;
use crate::Watch;
use catalog::{LogAnomalyDetector, NewLogAnomalyDetector};
use model::arn::{Arn, log_group};
use model::time::MINUTE;
use model::{Caller, Scope};
use wire::ApiError;
use wire::logs::errors::LIMIT_EXCEEDED_EXCEPTION;
use wire::logs::{
    AnomalyDetector, CreateLogAnomalyDetectorRequest, CreateLogAnomalyDetectorResponse,
    DeleteLogAnomalyDetectorRequest, GetLogAnomalyDetectorRequest, GetLogAnomalyDetectorResponse,
    ListLogAnomalyDetectorsRequest, ListLogAnomalyDetectorsResponse, UpdateLogAnomalyDetectorRequest,
};
use wire::shape::Empty;

/// Detectors of an account in a region (CloudWatch Logs quotas).
const DETECTORS_MAX: usize = 500;
/// Page size, and its maximum by the model.
const PAGE: usize = 50;
/// Days until an anomaly is normal, when the request does not say.
const VISIBILITY_DAYS: i64 = 21;
/// How often is evaluated, when the request does not say.
const FREQUENCY: &str = "FIVE_MIN";

/// The length of a window, milliseconds.
pub(super) fn window_ms(frequency: &str) -> i64 {
    match frequency {
        "ONE_MIN" => MINUTE,
        "TEN_MIN" => 10 * MINUTE,
        "FIFTEEN_MIN" => 15 * MINUTE,
        "THIRTY_MIN" => 30 * MINUTE,
        "ONE_HOUR" => 60 * MINUTE,
        _ => 5 * MINUTE,
    }
}

/// The ARN of a detector.
pub(super) fn arn(scope: &Scope, id: &str) -> String {
    format!("arn:aws:logs:{}:{}:anomaly-detector:{id}", scope.region, scope.account)
}

/// The detector that an ARN names.
pub(super) async fn detector(watch: &Watch, scope: &Scope, arn: &str) -> Result<LogAnomalyDetector, ApiError> {
    let parsed = Arn::parse(arn).filter(|arn| arn.service == "logs");
    let parsed = parsed.ok_or_else(|| invalid("The specified anomalyDetectorArn is not a valid ARN."))?;
    let is_ours = parsed.account == scope.account && parsed.region == scope.region;
    let id = parsed.resource.strip_prefix("anomaly-detector:").filter(|_| is_ours).ok_or_else(resource_not_found)?;
    watch.catalog.log_anomaly_detector(scope, id).await?.ok_or_else(resource_not_found)
}

pub(super) async fn create_log_anomaly_detector(
    watch: &Watch,
    caller: &Caller,
    input: CreateLogAnomalyDetectorRequest,
) -> Result<CreateLogAnomalyDetectorResponse, ApiError> {
    let scope = &caller.scope;
    let [group_arn] = input.log_group_arn_list.as_slice() else {
        return Err(invalid("logGroupArnList must contain exactly one log group ARN."));
    };
    let tags = input.tags.unwrap_or_default();
    check_keys(tags.keys())?;
    let filter_pattern = input.filter_pattern.filter(|pattern| !pattern.trim().is_empty());
    if let Some(pattern) = &filter_pattern {
        check_pattern(pattern).await?;
    }
    let group = group(watch, scope, arn_group(scope, group_arn)?).await?;
    check_standard(&group)?;
    let id = watch.ids.uuid().to_string();
    let arn = arn(scope, &id);
    if let Some(key) = &input.kms_key_id {
        check_key(scope, key, &arn)?;
    }
    if watch.catalog.count_log_anomaly_detectors(scope).await? >= DETECTORS_MAX {
        return Err(ApiError::new(&LIMIT_EXCEEDED_EXCEPTION, "Resource limit exceeded."));
    }
    let new = NewLogAnomalyDetector {
        id,
        group: group.id,
        name: input.detector_name.unwrap_or(group.name),
        frequency: input.evaluation_frequency.unwrap_or_else(|| FREQUENCY.into()),
        filter_pattern,
        kms_key_id: input.kms_key_id,
        visibility_days: input.anomaly_visibility_time.unwrap_or(VISIBILITY_DAYS),
    };
    let begins = (watch.clock.now(), watch.store.log_sequence());
    match watch.catalog.create_log_anomaly_detector(&new, begins, &arn, &tags).await? {
        true => Ok(CreateLogAnomalyDetectorResponse { anomaly_detector_arn: Some(arn) }),
        false => Err(group_not_found()),
    }
}

/// The name of the group of an ARN.
fn arn_group<'a>(scope: &Scope, arn: &'a str) -> Result<&'a str, ApiError> {
    if !arn.contains(':') {
        return Err(invalid("The specified log group ARN is not valid."));
    }
    group_name(scope, arn)
}

pub(super) async fn update_log_anomaly_detector(
    watch: &Watch,
    caller: &Caller,
    input: UpdateLogAnomalyDetectorRequest,
) -> Result<Empty, ApiError> {
    let mut detector = detector(watch, &caller.scope, &input.anomaly_detector_arn).await?;
    if let Some(pattern) = input.filter_pattern {
        check_pattern(&pattern).await?;
        detector.filter_pattern = Some(pattern).filter(|pattern| !pattern.trim().is_empty());
    }
    detector.frequency = input.evaluation_frequency.unwrap_or(detector.frequency);
    detector.visibility_days = input.anomaly_visibility_time.unwrap_or(detector.visibility_days);
    let (now, is_paused) = (watch.clock.now(), detector.status == "PAUSED");
    detector.modified_ms = now.0;
    if !input.enabled {
        detector.status = "PAUSED".into();
    } else if is_paused {
        // What came meanwhile is passed over.
        detector.status = "INITIALIZING".into();
        (detector.position, detector.evaluated_ms) = (watch.store.log_sequence() as i64, now.0);
    }
    watch.catalog.update_log_anomaly_detector(&detector).await?;
    Ok(Empty {})
}

pub(super) async fn delete_log_anomaly_detector(
    watch: &Watch,
    caller: &Caller,
    input: DeleteLogAnomalyDetectorRequest,
) -> Result<Empty, ApiError> {
    let detector = detector(watch, &caller.scope, &input.anomaly_detector_arn).await?;
    match watch.catalog.delete_log_anomaly_detector(&detector.id, &arn(&caller.scope, &detector.id)).await? {
        true => Ok(Empty {}),
        false => Err(resource_not_found()),
    }
}

pub(super) async fn get_log_anomaly_detector(
    watch: &Watch,
    caller: &Caller,
    input: GetLogAnomalyDetectorRequest,
) -> Result<GetLogAnomalyDetectorResponse, ApiError> {
    let shown = shape(&caller.scope, detector(watch, &caller.scope, &input.anomaly_detector_arn).await?);
    Ok(GetLogAnomalyDetectorResponse {
        detector_name: shown.detector_name,
        log_group_arn_list: shown.log_group_arn_list,
        evaluation_frequency: shown.evaluation_frequency,
        filter_pattern: shown.filter_pattern,
        anomaly_detector_status: shown.anomaly_detector_status,
        kms_key_id: shown.kms_key_id,
        creation_time_stamp: shown.creation_time_stamp,
        last_modified_time_stamp: shown.last_modified_time_stamp,
        anomaly_visibility_time: shown.anomaly_visibility_time,
    })
}

fn shape(scope: &Scope, detector: LogAnomalyDetector) -> AnomalyDetector {
    AnomalyDetector {
        anomaly_detector_arn: Some(arn(scope, &detector.id)),
        log_group_arn_list: Some(vec![log_group(scope, &detector.group_name)]),
        detector_name: Some(detector.name),
        evaluation_frequency: Some(detector.frequency),
        filter_pattern: detector.filter_pattern,
        anomaly_detector_status: Some(detector.status),
        kms_key_id: detector.kms_key_id,
        creation_time_stamp: Some(detector.created_ms),
        last_modified_time_stamp: Some(detector.modified_ms),
        anomaly_visibility_time: Some(detector.visibility_days),
    }
}

pub(super) async fn list_log_anomaly_detectors(
    watch: &Watch,
    caller: &Caller,
    input: ListLogAnomalyDetectorsRequest,
) -> Result<ListLogAnomalyDetectorsResponse, ApiError> {
    let scope = &caller.scope;
    let parts = [Some(scope.account.as_str()), Some(&scope.region), input.filter_log_group_arn.as_deref()];
    let fingerprint = Fingerprint::of("ListLogAnomalyDetectors", parts);
    let after = input.next_token.as_deref().map(|token| fingerprint.open(token)).transpose()?.unwrap_or_default();
    let limit = input.limit.map_or(Ok(PAGE), usize::try_from).map_err(|_| invalid_token())?;
    let group = match &input.filter_log_group_arn {
        Some(arn) => Some(group(watch, scope, arn_group(scope, arn)?).await?.id),
        None => None,
    };
    let mut rows = watch.catalog.log_anomaly_detectors(scope, group, &after, limit + 1).await?;
    let has_more = rows.len() > limit;
    rows.truncate(limit);
    let next_token = rows.last().filter(|_| has_more).map(|last| fingerprint.seal(&last.id));
    let detectors = rows.into_iter().map(|row| shape(scope, row)).collect();
    Ok(ListLogAnomalyDetectorsResponse { anomaly_detectors: Some(detectors), next_token })
}
