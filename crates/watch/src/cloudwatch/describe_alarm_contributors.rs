//! DescribeAlarmContributors: the contributors of an alarm that are in ALARM now: series of a Metrics Insights or
//! PromQL query, or groups of a log alarm's aggregation. An alarm without contributors has none.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmContributors.html>.

use super::token::Binding;
use crate::Watch;
use crate::alarms::memory::Memory;
use crate::alarms::recovery::{Contributor, TOLD_MAX};
use model::Caller;
use wire::ApiError;
use wire::cloudwatch::{AlarmContributor, DescribeAlarmContributorsInput, DescribeAlarmContributorsOutput, errors};

pub async fn describe_alarm_contributors(
    watch: &Watch,
    caller: &Caller,
    input: DescribeAlarmContributorsInput,
) -> Result<DescribeAlarmContributorsOutput, ApiError> {
    let binding = Binding::new(&("DescribeAlarmContributors", &caller.scope, &input.alarm_name));
    let done: usize = binding.cursor(input.next_token.as_deref())?.unwrap_or(0);
    let Some(alarm) = watch.catalog.alarm(&caller.scope, &input.alarm_name).await? else {
        let message = format!("Alarm {} does not exist", input.alarm_name);
        return Err(ApiError::new(&errors::RESOURCE_NOT_FOUND_EXCEPTION, message));
    };
    let memory = Memory::of(&alarm);
    let all = memory.contributors.in_alarm().count();
    let page: Vec<AlarmContributor> =
        memory.contributors.in_alarm().skip(done).take(TOLD_MAX).map(contributor).collect();
    let end = done + page.len();
    Ok(DescribeAlarmContributorsOutput {
        alarm_contributors: page,
        next_token: if end < all { Some(binding.token(&end)?) } else { None },
    })
}

fn contributor(contributor: &Contributor) -> AlarmContributor {
    AlarmContributor {
        contributor_id: contributor.id(),
        contributor_attributes: contributor.attributes.clone(),
        state_reason: contributor.reason().to_owned(),
        state_transitioned_timestamp: Some(contributor.since()),
    }
}
