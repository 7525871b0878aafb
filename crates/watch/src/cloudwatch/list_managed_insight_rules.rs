//! ListManagedInsightRules: none, for there are no AWS services here that bring rules with them.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListManagedInsightRules.html>. PutManagedInsightRules,
//! which would make some, is refused as not implemented.

use super::refuse;
use crate::Watch;
use model::Caller;
use model::arn::Arn;
use wire::ApiError;
use wire::cloudwatch::{ListManagedInsightRulesInput, ListManagedInsightRulesOutput};

pub async fn list_managed_insight_rules(
    _: &Watch,
    _: &Caller,
    input: ListManagedInsightRulesInput,
) -> Result<ListManagedInsightRulesOutput, ApiError> {
    if Arn::parse(&input.resource_arn).is_none() {
        return Err(refuse::invalid(input.resource_arn, "ResourceARN"));
    }
    // An empty list has no second page, so no token is ours.
    if input.next_token.is_some() {
        return Err(refuse::next_token());
    }
    Ok(ListManagedInsightRulesOutput { managed_rules: Some(Vec::new()), next_token: None })
}
