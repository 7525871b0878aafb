//! ActionConfiguration of the three kinds of alarms: whether their tags are told with their actions.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-tags-in-notifications.html>. The tags are those that
//! the alarm has when the action runs; `alarms/notification/sns.rs` writes them.

use super::refuse;
use catalog::TagPropagation;
use wire::ApiError;
use wire::cloudwatch::{ActionConfiguration, AlarmTagsPropagation};

/// What a client says, after AWS's check across members.
pub fn checked(given: Option<ActionConfiguration>) -> Result<Option<TagPropagation>, ApiError> {
    let Some(propagation) = given.and_then(|given| given.alarm_tags_propagation) else { return Ok(None) };
    if propagation.included_tag_keys.is_some() && propagation.excluded_tag_keys.is_some() {
        return Err(refuse::validation(refuse::exclusive_text(
            "ActionConfiguration.AlarmTagsPropagation.IncludedTagKeys",
            "ActionConfiguration.AlarmTagsPropagation.ExcludedTagKeys",
        )));
    }
    Ok(Some(TagPropagation {
        enabled: propagation.enabled,
        included: propagation.included_tag_keys,
        excluded: propagation.excluded_tag_keys,
    }))
}

/// The same, as DescribeAlarms answers it.
pub fn shown(kept: Option<TagPropagation>) -> Option<ActionConfiguration> {
    let propagation = kept.map(|kept| AlarmTagsPropagation {
        enabled: kept.enabled,
        included_tag_keys: kept.included,
        excluded_tag_keys: kept.excluded,
    })?;
    Some(ActionConfiguration { alarm_tags_propagation: Some(propagation) })
}
