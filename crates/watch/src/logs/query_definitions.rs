//! PutQueryDefinition, DescribeQueryDefinitions and DeleteQueryDefinition: saved queries of Logs Insights.
//!
//! Names may repeat, as on AWS; the id tells definitions apart. A text with `{{name}}` placeholders is kept as it is: whoever runs
//! it fills them in.

use super::errors::{invalid, invalid_token, resource_not_found};
use super::page_token::Fingerprint;
use crate::Watch;
use catalog::{QueryDefinition as Row, QueryDefinitionPut};
use model::Caller;
use model::limits::{QUERY_DEFINITIONS_MAX, QUERY_GROUPS_MAX};
use std::collections::HashSet;
use wire::ApiError;
use wire::logs::errors::LIMIT_EXCEEDED_EXCEPTION;
use wire::logs::{
    DeleteQueryDefinitionRequest, DeleteQueryDefinitionResponse, DescribeQueryDefinitionsRequest,
    DescribeQueryDefinitionsResponse, PutQueryDefinitionRequest, PutQueryDefinitionResponse, QueryDefinition,
    QueryParameter,
};

/// Page size when the request names none.
const PAGE: usize = 1000;

/// A parameter as it is kept.
#[derive(serde::Serialize, serde::Deserialize)]
struct Parameter {
    name: String,
    default: Option<String>,
    description: Option<String>,
}

pub(super) async fn put_query_definition(
    watch: &Watch,
    caller: &Caller,
    input: PutQueryDefinitionRequest,
) -> Result<PutQueryDefinitionResponse, ApiError> {
    check(&input)?;
    let id = match &input.query_definition_id {
        Some(id) => id.clone(),
        None => watch.ids.uuid().to_string(),
    };
    let parameters = input.parameters.unwrap_or_default().into_iter();
    let parameters: Vec<Parameter> =
        parameters.map(|p| Parameter { name: p.name, default: p.default_value, description: p.description }).collect();
    let row = Row {
        id,
        name: input.name,
        expression: input.query_string,
        language: input.query_language.unwrap_or_else(|| "CWLI".into()),
        log_groups: json(&input.log_group_names.unwrap_or_default())?,
        parameters: json(&parameters)?,
        modified_ms: watch.clock.now().0,
    };
    let put = match input.query_definition_id {
        Some(_) => watch.catalog.update_query_definition(&caller.scope, &row).await?,
        None => {
            let token = input.client_token.as_deref();
            watch.catalog.create_query_definition(&caller.scope, &row, token, QUERY_DEFINITIONS_MAX).await?
        }
    };
    match put {
        QueryDefinitionPut::Put(id) => Ok(PutQueryDefinitionResponse { query_definition_id: Some(id) }),
        QueryDefinitionPut::Absent => Err(resource_not_found()),
        QueryDefinitionPut::Full => Err(ApiError::new(&LIMIT_EXCEEDED_EXCEPTION, "Resource limit exceeded.")),
    }
}

fn check(input: &PutQueryDefinitionRequest) -> Result<(), ApiError> {
    if input.log_group_names.as_ref().is_some_and(|groups| groups.len() > QUERY_GROUPS_MAX) {
        return Err(invalid(format!("A query can have at most {QUERY_GROUPS_MAX} log groups.")));
    }
    let mut names = HashSet::new();
    match input.parameters.iter().flatten().find(|parameter| !names.insert(parameter.name.as_str())) {
        Some(twice) => Err(invalid(format!("Duplicate query parameter: {}", twice.name))),
        None => Ok(()),
    }
}

fn json<T: serde::Serialize>(value: &T) -> Result<String, ApiError> {
    serde_json::to_string(value).map_err(|error| store::Error::Bug(format!("write a query definition: {error}")).into())
}

pub(super) async fn describe_query_definitions(
    watch: &Watch,
    caller: &Caller,
    input: DescribeQueryDefinitionsRequest,
) -> Result<DescribeQueryDefinitionsResponse, ApiError> {
    let (account, region) = (caller.scope.account.as_str(), caller.scope.region.as_str());
    let (prefix, language) = (input.query_definition_name_prefix.as_deref(), input.query_language.as_deref());
    let parts = [Some(account), Some(region), prefix, language];
    let fingerprint = Fingerprint::of("DescribeQueryDefinitions", parts);
    let after = input.next_token.as_deref().map(|token| fingerprint.open(token)).transpose()?.unwrap_or_default();
    let (mut id, mut name) =
        after.split_once('/').map_or(("".into(), "".into()), |(id, name)| (id.to_owned(), name.to_owned()));
    let limit = input.max_results.map_or(Ok(PAGE), usize::try_from).map_err(|_| invalid_token())?;
    let mut found = Vec::new();
    let mut next_token = None;
    'pages: loop {
        let rows =
            watch.catalog.query_definitions(&caller.scope, prefix.unwrap_or_default(), (&name, &id), PAGE).await?;
        let is_last = rows.len() < PAGE;
        for row in rows {
            let wanted = language.is_none_or(|language| row.language == language);
            if wanted && found.len() == limit {
                next_token = Some(fingerprint.seal(&format!("{id}/{name}")));
                break 'pages;
            }
            (id, name) = (row.id.clone(), row.name.clone());
            if wanted {
                found.push(shape(row)?);
            }
        }
        if is_last {
            break;
        }
    }
    Ok(DescribeQueryDefinitionsResponse { query_definitions: Some(found), next_token })
}

fn shape(row: Row) -> Result<QueryDefinition, ApiError> {
    let damaged = |error: serde_json::Error| store::Error::Bug(format!("read a query definition: {error}"));
    let groups: Vec<String> = serde_json::from_str(&row.log_groups).map_err(damaged)?;
    let parameters: Vec<Parameter> = serde_json::from_str(&row.parameters).map_err(damaged)?;
    let parameter =
        |p: Parameter| QueryParameter { name: p.name, default_value: p.default, description: p.description };
    Ok(QueryDefinition {
        query_language: Some(row.language),
        query_definition_id: Some(row.id),
        name: Some(row.name),
        query_string: Some(row.expression),
        last_modified: Some(row.modified_ms),
        log_group_names: (!groups.is_empty()).then_some(groups),
        parameters: (!parameters.is_empty()).then(|| parameters.into_iter().map(parameter).collect()),
    })
}

pub(super) async fn delete_query_definition(
    watch: &Watch,
    caller: &Caller,
    input: DeleteQueryDefinitionRequest,
) -> Result<DeleteQueryDefinitionResponse, ApiError> {
    match watch.catalog.delete_query_definition(&caller.scope, &input.query_definition_id).await? {
        true => Ok(DeleteQueryDefinitionResponse { success: Some(true) }),
        false => Err(resource_not_found()),
    }
}
