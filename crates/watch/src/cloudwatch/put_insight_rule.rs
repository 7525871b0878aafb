//! PutInsightRule: keeps a Contributor Insights rule, after checking it; up to 100 in an account and region.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutInsightRule.html>. Tags of a rule that exists are
//! left as they are. AWS does not publish its texts for wrong rules; ours name the parameter and say what is wrong.
//!
//! What differs: without `RuleState` a rule that exists keeps its state.

use super::{refuse, tags};
use crate::Watch;
use catalog::NewInsightRule;
use model::limits::INSIGHT_RULES_MAX;
use model::{Caller, arn};
use query::contributors::Rule;
use wire::ApiError;
use wire::cloudwatch::{PutInsightRuleInput, PutInsightRuleOutput, errors};

pub async fn put_insight_rule(
    watch: &Watch,
    caller: &Caller,
    input: PutInsightRuleInput,
) -> Result<PutInsightRuleOutput, ApiError> {
    let enabled = match input.rule_state.as_deref() {
        None => None,
        Some("ENABLED") => Some(true),
        Some("DISABLED") => Some(false),
        Some(other) => return Err(refuse::invalid(other, "RuleState")),
    };
    Rule::parse(&input.rule_definition)
        .map_err(|error| refuse::value(format!("The parameter RuleDefinition is invalid: {error}")))?;
    // The reference: these rules cannot be edited.
    if watch.catalog.insight_rule(&caller.scope, &input.rule_name).await?.is_some_and(|rule| rule.managed) {
        return Err(refuse::value(format!("The managed rule {} cannot be edited.", input.rule_name)));
    }
    let tags = tags::checked(input.tags.unwrap_or_default())?;
    let new = NewInsightRule {
        name: &input.rule_name,
        definition: &input.rule_definition,
        enabled,
        on_transformed_logs: input.apply_on_transformed_logs,
        managed: false,
        at: watch.clock.now(),
    };
    let arn = arn::insight_rule(&caller.scope, &input.rule_name);
    if watch.catalog.put_insight_rule(&caller.scope, new, &arn, &tags, INSIGHT_RULES_MAX).await? {
        return Ok(PutInsightRuleOutput {});
    }
    let message = format!("The maximum limit of {INSIGHT_RULES_MAX} Contributor Insights rules has been exceeded.");
    Err(ApiError::new(&errors::LIMIT_EXCEEDED_EXCEPTION, message))
}
