//! DeleteInsightRules, EnableInsightRules, DisableInsightRules: each rule by itself; what failed is listed.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DeleteInsightRules.html> and its neighbours.

use crate::Watch;
use model::{Caller, arn};
use wire::ApiError;
use wire::cloudwatch::{
    DeleteInsightRulesInput, DeleteInsightRulesOutput, DisableInsightRulesInput, DisableInsightRulesOutput,
    EnableInsightRulesInput, EnableInsightRulesOutput, PartialFailure,
};

pub async fn delete_insight_rules(
    watch: &Watch,
    caller: &Caller,
    input: DeleteInsightRulesInput,
) -> Result<DeleteInsightRulesOutput, ApiError> {
    let mut failures = Vec::new();
    for name in input.rule_names {
        let arn = arn::insight_rule(&caller.scope, &name);
        if !watch.catalog.delete_insight_rule(&caller.scope, &name, &arn).await? {
            failures.push(not_found(name));
        }
    }
    Ok(DeleteInsightRulesOutput { failures: Some(failures) })
}

pub async fn enable_insight_rules(
    watch: &Watch,
    caller: &Caller,
    input: EnableInsightRulesInput,
) -> Result<EnableInsightRulesOutput, ApiError> {
    Ok(EnableInsightRulesOutput { failures: Some(switch(watch, caller, input.rule_names, true).await?) })
}

pub async fn disable_insight_rules(
    watch: &Watch,
    caller: &Caller,
    input: DisableInsightRulesInput,
) -> Result<DisableInsightRulesOutput, ApiError> {
    Ok(DisableInsightRulesOutput { failures: Some(switch(watch, caller, input.rule_names, false).await?) })
}

async fn switch(
    watch: &Watch,
    caller: &Caller,
    names: Vec<String>,
    enabled: bool,
) -> Result<Vec<PartialFailure>, ApiError> {
    let mut failures = Vec::new();
    for name in names {
        if !watch.catalog.switch_insight_rule(&caller.scope, &name, enabled, watch.clock.now()).await? {
            failures.push(not_found(name));
        }
    }
    Ok(failures)
}

fn not_found(name: String) -> PartialFailure {
    PartialFailure {
        failure_description: Some(format!("The Contributor Insights rule {name} does not exist.")),
        failure_resource: Some(name),
        exception_type: Some("ResourceNotFoundException".to_owned()),
        failure_code: Some("404".to_owned()),
    }
}
