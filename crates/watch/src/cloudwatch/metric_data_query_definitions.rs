//! PutMetricDataQueryDefinition, GetMetricDataQueryDefinition, ListMetricDataQueryDefinitions (100 a page, by id) and
//! DeleteMetricDataQueryDefinition: saved queries, kept as they were written and neither checked nor run.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricDataQueryDefinition.html> and its neighbours.
//! Without `Id` a definition is made, with it one is replaced; tags are kept only when it is made. Deleting one that is absent
//! succeeds.

use super::token::Binding;
use super::{refuse, tags};
use crate::Watch;
use catalog::{MetricQueryDefinition, MetricQueryPut, MetricQuerySummary};
use model::limits::METRIC_QUERY_DEFINITIONS_MAX;
use model::{Caller, arn};
use wire::ApiError;
use wire::cloudwatch::{
    DeleteMetricDataQueryDefinitionInput, DeleteMetricDataQueryDefinitionOutput, GetMetricDataQueryDefinitionInput,
    GetMetricDataQueryDefinitionOutput, ListMetricDataQueryDefinitionsInput, ListMetricDataQueryDefinitionsOutput,
    MetricDataQueryDefinitionSummary, PutMetricDataQueryDefinitionInput, PutMetricDataQueryDefinitionOutput,
    ResourceNotFoundException, errors,
};

/// Page size unless `MaxResults` says less; also its maximum.
const PAGE_MAX: usize = 100;

pub async fn put_metric_data_query_definition(
    watch: &Watch,
    caller: &Caller,
    input: PutMetricDataQueryDefinitionInput,
) -> Result<PutMetricDataQueryDefinitionOutput, ApiError> {
    let scope = &caller.scope;
    let now = watch.clock.now();
    let tags = tags::checked(input.tags.unwrap_or_default())?;
    let is_new = input.id.is_none();
    let mut put = MetricQueryDefinition {
        id: input.id.unwrap_or_else(|| watch.ids.uuid().to_string()),
        path: input.path,
        expression: input.expression,
        query_type: input.r#type,
        created: now,
        updated: now,
    };
    let arn = arn::metric_query(scope, &put.id);
    let outcome = if is_new {
        watch.catalog.create_metric_query(scope, &put, &arn, &tags, METRIC_QUERY_DEFINITIONS_MAX).await?
    } else {
        let known = watch.catalog.metric_query(scope, &put.id).await?.ok_or_else(|| not_found(&put.id))?;
        put.created = known.created;
        watch.catalog.update_metric_query(scope, &put).await?
    };
    match outcome {
        MetricQueryPut::Put => {}
        MetricQueryPut::Absent => return Err(not_found(&put.id)),
        MetricQueryPut::PathTaken => {
            let message = "A metric data query definition with this path already exists.";
            return Err(ApiError::new(&errors::CONFLICT_EXCEPTION, message));
        }
        MetricQueryPut::Full => {
            let message = format!(
                "The maximum limit of {METRIC_QUERY_DEFINITIONS_MAX} metric data query definitions has been exceeded."
            );
            return Err(ApiError::new(&errors::LIMIT_EXCEEDED_EXCEPTION, message));
        }
    }
    Ok(PutMetricDataQueryDefinitionOutput {
        arn,
        id: put.id,
        path: put.path,
        expression: put.expression,
        r#type: put.query_type,
        created_at: put.created,
        updated_at: put.updated,
    })
}

pub async fn get_metric_data_query_definition(
    watch: &Watch,
    caller: &Caller,
    input: GetMetricDataQueryDefinitionInput,
) -> Result<GetMetricDataQueryDefinitionOutput, ApiError> {
    let found = watch.catalog.metric_query(&caller.scope, &input.id).await?;
    let found = found.ok_or_else(|| not_found(&input.id))?;
    Ok(GetMetricDataQueryDefinitionOutput {
        arn: arn::metric_query(&caller.scope, &found.id),
        id: found.id,
        path: found.path,
        expression: found.expression,
        r#type: found.query_type,
        created_at: found.created,
        updated_at: found.updated,
    })
}

pub async fn list_metric_data_query_definitions(
    watch: &Watch,
    caller: &Caller,
    input: ListMetricDataQueryDefinitionsInput,
) -> Result<ListMetricDataQueryDefinitionsOutput, ApiError> {
    let page = input.max_results.and_then(|max| usize::try_from(max).ok()).map_or(PAGE_MAX, |max| max.min(PAGE_MAX));
    let binding = Binding::new(&("ListMetricDataQueryDefinitions", &caller.scope));
    let after: Result<Option<String>, ApiError> = binding.cursor(input.next_token.as_deref());
    // This operation's model has no InvalidNextToken.
    let after = after.map_err(|_| refuse::validation("The parameter NextToken is invalid."))?.unwrap_or_default();
    let mut found = watch.catalog.metric_queries(&caller.scope, &after, page + 1).await?;
    let mut next_token = None;
    if found.len() > page {
        found.truncate(page);
        next_token = found.last().map(|last| binding.token(&last.id)).transpose()?;
    }
    let item = |found: MetricQuerySummary| MetricDataQueryDefinitionSummary {
        id: found.id,
        path: found.path,
        r#type: found.query_type,
        updated_at: Some(found.updated),
    };
    Ok(ListMetricDataQueryDefinitionsOutput { items: found.into_iter().map(item).collect(), next_token })
}

pub async fn delete_metric_data_query_definition(
    watch: &Watch,
    caller: &Caller,
    input: DeleteMetricDataQueryDefinitionInput,
) -> Result<DeleteMetricDataQueryDefinitionOutput, ApiError> {
    let arn = arn::metric_query(&caller.scope, &input.id);
    watch.catalog.delete_metric_query(&caller.scope, &input.id, &arn).await?;
    Ok(DeleteMetricDataQueryDefinitionOutput {})
}

fn not_found(id: &str) -> ApiError {
    let members = ResourceNotFoundException {
        resource_type: Some("metric-query-definition".to_owned()),
        resource_id: Some(id.to_owned()),
    };
    let message = format!("The metric data query definition {id} does not exist.");
    ApiError::new(&errors::RESOURCE_NOT_FOUND_EXCEPTION, message).with_members(members)
}
