//! DescribeInsightRules: the rules of an account and region by name, up to 500 a page.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeInsightRules.html>.

use super::token::Binding;
use crate::Watch;
use model::Caller;
use wire::ApiError;
use wire::cloudwatch::{DescribeInsightRulesInput, DescribeInsightRulesOutput, InsightRule};

/// Page size unless `MaxResults` says less; also its maximum.
const PAGE_MAX: usize = 500;

pub async fn describe_insight_rules(
    watch: &Watch,
    caller: &Caller,
    input: DescribeInsightRulesInput,
) -> Result<DescribeInsightRulesOutput, ApiError> {
    let page = input.max_results.and_then(|max| usize::try_from(max).ok()).map_or(PAGE_MAX, |max| max.min(PAGE_MAX));
    let binding = Binding::new(&("DescribeInsightRules", &caller.scope));
    let after: Option<String> = binding.cursor(input.next_token.as_deref())?;
    let mut rules = watch.catalog.insight_rules(&caller.scope, &after.unwrap_or_default(), page + 1).await?;
    let mut next_token = None;
    if rules.len() > page {
        rules.truncate(page);
        next_token = rules.last().map(|last| binding.token(&last.name)).transpose()?;
    }
    let rule = |rule: catalog::InsightRule| InsightRule {
        name: rule.name,
        state: if rule.enabled { "ENABLED" } else { "DISABLED" }.to_owned(),
        schema: format!(
            r#"{{"Name": "{}", "Version": 1}}"#,
            if rule.managed { "ServiceLogRule" } else { "CloudWatchLogRule" }
        ),
        definition: rule.definition,
        managed_rule: Some(rule.managed),
        apply_on_transformed_logs: Some(rule.on_transformed_logs),
    };
    Ok(DescribeInsightRulesOutput { next_token, insight_rules: Some(rules.into_iter().map(rule).collect()) })
}
