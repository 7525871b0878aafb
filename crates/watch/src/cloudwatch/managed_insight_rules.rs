//! PutManagedInsightRules and ListManagedInsightRules: Contributor Insights rules that AWS services bring with them.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutManagedInsightRules.html> and its neighbour. Putting
//! makes a rule from a template for a resource, or enables one that exists; tags are kept only when it is new. Such a rule is then
//! described, enabled, disabled and deleted like others, and PutInsightRule refuses it. The templates known here are those of
//! endpoint services (PrivateLink guide, "Use built-in Contributor Insights rules"); others, as of DynamoDB, are not put by name on
//! AWS either.
//!
//! What differs: there are no AWS services here, so a rule has nothing to count and its reports are empty. That the resource exists
//! cannot be asked: its ARN must be one of an endpoint service in the caller's account and region. Not told by AWS, and chosen
//! here: the name of a rule (template and service id), its definition, the texts and codes of failures, and that managed rules
//! count among the 100 of an account and region.

use super::token::Binding;
use super::{refuse, tags};
use crate::Watch;
use catalog::NewInsightRule;
use model::arn::Arn;
use model::limits::INSIGHT_RULES_MAX;
use model::{Caller, Scope, arn};
use wire::ApiError;
use wire::cloudwatch::{
    ListManagedInsightRulesInput, ListManagedInsightRulesOutput, ManagedRule, ManagedRuleDescription, ManagedRuleState,
    PartialFailure, PutManagedInsightRulesInput, PutManagedInsightRulesOutput,
};

/// The templates of an endpoint service, in the order in which AWS lists them.
const TEMPLATES: [&str; 4] = [
    "VpcEndpointService-NewConnectionsByEndpointId-v1",
    "VpcEndpointService-BytesByEndpointId-v1",
    "VpcEndpointService-RstPacketsByEndpointId-v1",
    "VpcEndpointService-ActiveConnectionsByEndpointId-v1",
];
/// What a managed rule shows as its definition.
const DEFINITION: &str = r#"{"Schema":{"Name":"ServiceLogRule","Version":1}}"#;
/// Page size unless `MaxResults` says otherwise (its reference), and its maximum by the model.
const PAGE: usize = 100;
const PAGE_MAX: usize = 500;
/// Longest id of an endpoint service; AWS makes them of `vpce-svc-` and 17 digits.
const SERVICE_ID_BYTES_MAX: usize = 64;

pub async fn put_managed_insight_rules(
    watch: &Watch,
    caller: &Caller,
    input: PutManagedInsightRulesInput,
) -> Result<PutManagedInsightRulesOutput, ApiError> {
    if input.managed_rules.len() > INSIGHT_RULES_MAX {
        return Err(refuse::value(refuse::too_many("ManagedRules", INSIGHT_RULES_MAX)));
    }
    let mut failures = Vec::new();
    for rule in input.managed_rules {
        failures.extend(put(watch, caller, rule).await?);
    }
    Ok(PutManagedInsightRulesOutput { failures: Some(failures) })
}

/// Makes or enables one rule; answers why not.
async fn put(watch: &Watch, caller: &Caller, rule: ManagedRule) -> Result<Option<PartialFailure>, ApiError> {
    let ManagedRule { template_name, resource_arn, tags } = rule;
    let tags = tags::checked(tags.unwrap_or_default())?;
    let service = service_id(&caller.scope, &resource_arn).filter(|_| TEMPLATES.contains(&template_name.as_str()));
    let Some(service) = service else {
        let description = format!("The template {template_name} is not available for the resource {resource_arn}.");
        return Ok(Some(failure(template_name, "ResourceNotFoundException", "404", description)));
    };
    let name = rule_name(&template_name, service);
    if watch.catalog.insight_rule(&caller.scope, &name).await?.is_some_and(|rule| !rule.managed) {
        let description = format!("The Contributor Insights rule {name} exists and is not managed.");
        return Ok(Some(failure(name, "ConflictException", "409", description)));
    }
    let new = NewInsightRule {
        name: &name,
        definition: DEFINITION,
        enabled: Some(true),
        on_transformed_logs: None,
        managed: true,
        at: watch.clock.now(),
    };
    let arn = arn::insight_rule(&caller.scope, &name);
    if watch.catalog.put_insight_rule(&caller.scope, new, &arn, &tags, INSIGHT_RULES_MAX).await? {
        return Ok(None);
    }
    let description = format!("The maximum limit of {INSIGHT_RULES_MAX} Contributor Insights rules has been exceeded.");
    Ok(Some(failure(name, "LimitExceededException", "400", description)))
}

pub async fn list_managed_insight_rules(
    watch: &Watch,
    caller: &Caller,
    input: ListManagedInsightRulesInput,
) -> Result<ListManagedInsightRulesOutput, ApiError> {
    let scope = &caller.scope;
    if Arn::parse(&input.resource_arn).is_none() {
        return Err(refuse::invalid(input.resource_arn, "ResourceARN"));
    }
    let page = input.max_results.and_then(|max| usize::try_from(max).ok()).map_or(PAGE, |max| max.min(PAGE_MAX));
    let binding = Binding::new(&("ListManagedInsightRules", scope, &input.resource_arn));
    let skipped: Option<usize> = binding.cursor(input.next_token.as_deref())?;
    let skipped = skipped.map_or(0, |skipped| skipped.min(TEMPLATES.len()));
    // Other resources have no templates.
    let Some(service) = service_id(scope, &input.resource_arn) else {
        return Ok(ListManagedInsightRulesOutput { managed_rules: Some(Vec::new()), next_token: None });
    };
    let mut managed_rules = Vec::new();
    for template in TEMPLATES.into_iter().skip(skipped).take(page) {
        let rule = watch.catalog.insight_rule(scope, &rule_name(template, service)).await?;
        let rule = rule.filter(|rule| rule.managed);
        managed_rules.push(ManagedRuleDescription {
            template_name: Some(template.to_owned()),
            resource_arn: rule.as_ref().map(|_| input.resource_arn.clone()),
            rule_state: rule.map(|rule| ManagedRuleState {
                state: if rule.enabled { "ENABLED" } else { "DISABLED" }.to_owned(),
                rule_name: rule.name,
            }),
        });
    }
    let seen = skipped + managed_rules.len();
    let next_token = (seen < TEMPLATES.len()).then(|| binding.token(&seen)).transpose()?;
    Ok(ListManagedInsightRulesOutput { managed_rules: Some(managed_rules), next_token })
}

/// The id of the caller's endpoint service that an ARN names.
fn service_id<'a>(scope: &Scope, text: &'a str) -> Option<&'a str> {
    let arn = Arn::parse(text)?;
    let is_own = arn.service == "ec2" && arn.account == scope.account && arn.region == scope.region;
    let id = arn.resource.strip_prefix("vpc-endpoint-service/").filter(|_| is_own)?;
    let digits = id.strip_prefix("vpce-svc-")?;
    let is_id = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_alphanumeric());
    (is_id && id.len() <= SERVICE_ID_BYTES_MAX).then_some(id)
}

fn rule_name(template: &str, service: &str) -> String {
    format!("{template}-{service}")
}

fn failure(resource: String, exception: &str, code: &str, description: String) -> PartialFailure {
    PartialFailure {
        failure_resource: Some(resource),
        exception_type: Some(exception.to_owned()),
        failure_code: Some(code.to_owned()),
        failure_description: Some(description),
    }
}
