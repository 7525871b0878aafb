//! StartQuery, DescribeQuery, GetQueryResults, CancelQuery, ListQueries: SQL over event data stores.
//!
//! A statement that is wrong is refused by StartQuery, with the line and column. `QueryAlias` names statements of widgets and
//! generated ones; DescribeQuery by alias tells of its latest query, or of that of a refresh. `DeliveryS3Uri` says where results go as files
//! (`lake_delivery.rs`). A NULL is shown as an empty text.
//!
//! `EventDataStoreOwnerAccountId` asks stores of another account, whose policies decide (`lake_access.rs`). Such a query is kept, counted and
//! listed with the stores; its alias and the bucket of its results are the caller's.

use super::event_data_stores::{self, PENDING_DELETION, active_for};
use super::page_token::PageToken;
use crate::Trail;
use crate::lake::{self, lake_store};
use crate::lake_access::check_caller;
use crate::lake_delivery;
use catalog::{EventDataStore, LakeQuery};
use model::arn::Arn;
use model::{Caller, Scope, Timestamp};
use query::lake::{LakeError, LakeQuestion, store_names};
use std::collections::BTreeMap;
use wire::cloudtrail::{
    self as ct, CancelQueryRequest, CancelQueryResponse, DescribeQueryRequest, DescribeQueryResponse,
    GetQueryResultsRequest, GetQueryResultsResponse, ListQueriesRequest, ListQueriesResponse, StartQueryRequest,
    StartQueryResponse, errors,
};
use wire::{Access, ApiError, Audit, Operation, operation};

/// GetQueryResults and ListQueries reference: most rows or queries of a page, and as many as there are when the client does not say.
const PAGE: usize = 1000;

pub(super) fn operations() -> Vec<Operation<Trail>> {
    use Audit::Management;
    vec![
        operation!(Access::Read, Management, ct::StartQuery, start_query),
        operation!(Access::Read, Management, ct::DescribeQuery, describe_query),
        operation!(Access::Read, Management, ct::GetQueryResults, get_query_results),
        operation!(Access::Write, Management, ct::CancelQuery, cancel_query),
        operation!(Access::List, Management, ct::ListQueries, list_queries),
    ]
}

async fn start_query(trail: &Trail, caller: &Caller, input: StartQueryRequest) -> Result<StartQueryResponse, ApiError> {
    let owner = input.event_data_store_owner_account_id;
    let scope = scope_of(caller, owner.as_deref(), None);
    let (statement, alias) = match (input.query_statement, input.query_alias) {
        (Some(statement), None) => (statement, None),
        (None, Some(alias)) => match trail.catalog.lake_query_alias(&caller.scope, &alias).await? {
            Some(named) => (named.statement, Some(alias)),
            None => return Err(invalid("No query has this alias.")),
        },
        _ => return Err(invalid("Specify either QueryStatement or QueryAlias.")),
    };
    let parameters = input.query_parameters.unwrap_or_default();
    for store in store_names(&statement) {
        check_caller(trail, caller, "cloudtrail:StartQuery", &scope, &store.id).await?;
    }
    let (mut query, question) = prepared(trail, &scope, statement, parameters).await?;
    if let Some(uri) = input.delivery_s3_uri {
        lake_delivery::check(trail, &caller.scope, &uri).await?;
        query.delivery_status = Some(lake_delivery::PENDING.into());
        query.delivery_uri = Some(uri);
    }
    let id = query.id.clone();
    lake::start(trail, &scope, &caller.scope, query, question).await?;
    if let Some(alias) = alias {
        trail.catalog.add_lake_alias_query(&caller.scope, &alias, 0, &id, trail.clock.now()).await?;
    }
    Ok(StartQueryResponse { query_id: Some(id), event_data_store_owner_account_id: owner })
}

/// A query of a statement that is right and asks stores that are there; it has not begun.
pub(crate) async fn prepared(
    trail: &Trail,
    scope: &Scope,
    statement: String,
    parameters: Vec<String>,
) -> Result<(LakeQuery, LakeQuestion), ApiError> {
    let stores = named(trail, scope, &statement).await?;
    let now = trail.clock.now();
    let mut asked = Vec::new();
    for store in &stores {
        let others = trail.catalog.starts_of_other_imports(&store.id).await?;
        asked.push(lake_store(store, others, lake::view(trail, store).await?, now));
    }
    let question = LakeQuestion { statement: statement.clone(), parameters, stores: asked, now };
    trail.lake.check(question.clone()).await.map_err(refused)?;
    let ids: Vec<&str> = stores.iter().map(|store| store.id.as_str()).collect();
    let query = LakeQuery {
        id: trail.ids.uuid().to_string(),
        store_ids: ids.join(","),
        statement,
        status: "QUEUED".into(),
        created_ms: now.0,
        columns: "[]".into(),
        ..LakeQuery::default()
    };
    Ok((query, question))
}

/// The stores that a statement names, each once.
async fn named(trail: &Trail, scope: &Scope, statement: &str) -> Result<Vec<EventDataStore>, ApiError> {
    let mut stores: Vec<EventDataStore> = Vec::new();
    for name in store_names(statement) {
        if stores.iter().any(|store| store.id == name.id) {
            continue;
        }
        let store = trail.catalog.event_data_store(scope, &name.id).await?;
        let store = store.ok_or_else(|| event_data_stores::not_found(&name.id))?;
        if store.status == PENDING_DELETION {
            let text = format!("The event data store is pending deletion: {}", store.id);
            return Err(ApiError::new(&errors::INACTIVE_EVENT_DATA_STORE_EXCEPTION, text));
        }
        stores.push(store);
    }
    if stores.is_empty() {
        let text = "The statement names no event data store: its ID is needed after FROM.";
        return Err(ApiError::new(&errors::INVALID_QUERY_STATEMENT_EXCEPTION, text));
    }
    Ok(stores)
}

fn refused(error: LakeError) -> ApiError {
    match error {
        LakeError::Invalid(message) => ApiError::new(&errors::INVALID_QUERY_STATEMENT_EXCEPTION, message),
        LakeError::Missing => ApiError::new(&errors::UNSUPPORTED_OPERATION_EXCEPTION, error.to_string()),
        LakeError::Failed(message) => store::Error::Bug(message).into(),
    }
}

async fn describe_query(
    trail: &Trail,
    caller: &Caller,
    input: DescribeQueryRequest,
) -> Result<DescribeQueryResponse, ApiError> {
    let (id, prompt) = match (input.query_id, input.query_alias) {
        (Some(id), None) => (id, None),
        (None, Some(alias)) => of_alias(trail, caller, &alias, input.refresh_id.as_deref()).await?,
        _ => return Err(invalid("Specify either QueryId or QueryAlias.")),
    };
    let (owner, store) = (input.event_data_store_owner_account_id, input.event_data_store);
    let asked = Asked { action: "cloudtrail:DescribeQuery", owner: owner.as_deref(), store: store.as_deref(), id: &id };
    let (_, query) = find(trail, caller, &asked).await?;
    Ok(DescribeQueryResponse {
        query_id: Some(query.id),
        query_string: Some(query.statement),
        query_status: Some(query.status),
        query_statistics: Some(ct::QueryStatisticsForDescribeQuery {
            events_matched: Some(query.events_matched),
            events_scanned: Some(query.events_scanned),
            bytes_scanned: Some(query.bytes_scanned),
            execution_time_in_millis: Some(i32::try_from(query.run_ms).unwrap_or(i32::MAX)),
            creation_time: Some(Timestamp(query.created_ms)),
        }),
        error_message: query.error.map(cut),
        prompt,
        delivery_s3_uri: query.delivery_uri,
        delivery_status: query.delivery_status,
        event_data_store_owner_account_id: owner,
    })
}

/// The id of the latest query of an alias, and what its statement was generated from.
async fn of_alias(
    trail: &Trail,
    caller: &Caller,
    alias: &str,
    refresh_id: Option<&str>,
) -> Result<(String, Option<String>), ApiError> {
    let refresh = refresh_id.map(str::parse::<i64>).transpose().map_err(|_| invalid("The RefreshId is not valid."))?;
    let named = trail.catalog.lake_query_alias(&caller.scope, alias).await?;
    let id = trail.catalog.lake_alias_query(&caller.scope, alias, refresh).await?;
    Ok((id.ok_or_else(|| query_not_found(alias))?, named.and_then(|named| named.prompt)))
}

async fn get_query_results(
    trail: &Trail,
    caller: &Caller,
    input: GetQueryResultsRequest,
) -> Result<GetQueryResultsResponse, ApiError> {
    let (owner, store) = (input.event_data_store_owner_account_id.as_deref(), input.event_data_store.as_deref());
    let asked = Asked { action: "cloudtrail:GetQueryResults", owner, store, id: &input.query_id };
    let (_, query) = find(trail, caller, &asked).await?;
    let token = PageToken::bound_to(&["GetQueryResults", &caller.scope.account, &caller.scope.region, &query.id]);
    let start = match &input.next_token {
        Some(text) => token.open(text)?.parse::<usize>().map_err(|_| PageToken::invalid())?,
        None => 0,
    };
    let limit = limit(input.max_query_results);
    let rows = trail.catalog.lake_rows(&query.id, start, limit).await?;
    let columns: Vec<String> = serde_json::from_str(&query.columns).map_err(catalog::Error::from)?;
    let next = start + rows.len();
    let has_more = i64::try_from(next).is_ok_and(|next| next < query.result_rows);
    let count = |rows: i64| Some(i32::try_from(rows).unwrap_or(i32::MAX));
    let statistics = ct::QueryStatistics {
        results_count: count(rows.len() as i64),
        total_results_count: count(query.result_rows),
        bytes_scanned: Some(query.bytes_scanned),
    };
    let row = |row: Vec<Option<String>>| {
        let column =
            |(name, value): (&String, Option<String>)| BTreeMap::from([(name.clone(), value.unwrap_or_default())]);
        columns.iter().zip(row).map(column).collect()
    };
    Ok(GetQueryResultsResponse {
        query_status: Some(query.status),
        query_statistics: Some(statistics),
        query_result_rows: Some(rows.into_iter().map(row).collect()),
        next_token: has_more.then(|| token.seal(&next.to_string())),
        error_message: query.error.map(cut),
    })
}

async fn cancel_query(
    trail: &Trail,
    caller: &Caller,
    input: CancelQueryRequest,
) -> Result<CancelQueryResponse, ApiError> {
    let (owner, store) = (input.event_data_store_owner_account_id, input.event_data_store.as_deref());
    let asked = Asked { action: "cloudtrail:CancelQuery", owner: owner.as_deref(), store, id: &input.query_id };
    let (scope, _) = find(trail, caller, &asked).await?;
    let running = trail.lake_queries.running(&scope, &input.query_id);
    if !running.is_some_and(|running| running.cancel()) {
        let text = "The specified query cannot be canceled because it is in the FINISHED, FAILED, TIMED_OUT, or CANCELLED state.";
        return Err(ApiError::new(&errors::INACTIVE_QUERY_EXCEPTION, text));
    }
    Ok(CancelQueryResponse {
        query_id: input.query_id,
        query_status: "CANCELLED".into(),
        event_data_store_owner_account_id: owner,
    })
}

async fn list_queries(
    trail: &Trail,
    caller: &Caller,
    input: ListQueriesRequest,
) -> Result<ListQueriesResponse, ApiError> {
    let store = active_for(trail, caller, "cloudtrail:ListQueries", &input.event_data_store).await?;
    let (from, to) = (input.start_time.unwrap_or(Timestamp(0)), input.end_time);
    if to.is_some_and(|to| from > to) {
        let text = "The end time must be later than the start time.";
        return Err(ApiError::new(&errors::INVALID_DATE_RANGE_EXCEPTION, text));
    }
    let status = input.query_status.as_deref();
    let parameters = [from.0.to_string(), to.map_or(String::new(), |to| to.0.to_string())];
    let [from_text, to_text] = &parameters;
    let token = PageToken::bound_to(&["ListQueries", &store.id, from_text, to_text, status.unwrap_or_default()]);
    let mut before = match &input.next_token {
        Some(text) => place(&token.open(text)?)?,
        None => (to.map_or(i64::MAX, |to| to.0.saturating_add(1)), String::new()),
    };
    let limit = limit(input.max_results);
    let mut found: Vec<LakeQuery> = Vec::new();
    loop {
        // The catalog knows how queries ended, and not how those that run fare: their status is looked at here.
        let page = trail.catalog.lake_queries(&store.scope, &store.id, (before.0, &before.1), from, None, PAGE).await?;
        let is_last = page.len() < PAGE;
        for query in page {
            before = (query.created_ms, query.id.clone());
            let query = now(trail, &store.scope, query);
            if status.is_none_or(|status| query.status == status) {
                found.push(query);
            }
        }
        if is_last || found.len() > limit {
            break;
        }
    }
    let more = found.len() > limit;
    found.truncate(limit);
    let next_token =
        found.last().filter(|_| more).map(|query| token.seal(&format!("{} {}", query.created_ms, query.id)));
    let shape = |query: LakeQuery| ct::Query {
        query_id: Some(query.id),
        query_status: Some(query.status),
        creation_time: Some(Timestamp(query.created_ms)),
    };
    Ok(ListQueriesResponse { queries: Some(found.into_iter().map(shape).collect()), next_token })
}

fn place(position: &str) -> Result<(i64, String), ApiError> {
    let place = position.split_once(' ').and_then(|(time, id)| Some((time.parse().ok()?, id.to_owned())));
    place.ok_or_else(PageToken::invalid)
}

fn limit(asked: Option<i32>) -> usize {
    asked.and_then(|max| usize::try_from(max).ok()).unwrap_or(PAGE).clamp(1, PAGE)
}

/// What a call says of the query that it is about.
struct Asked<'a> {
    action: &'static str,
    owner: Option<&'a str>,
    store: Option<&'a str>,
    id: &'a str,
}

/// The query that is asked for as it is now, and where it is; the store that the client names must be one of its own, and the policies of all
/// of them have a say.
async fn find(trail: &Trail, caller: &Caller, asked: &Asked<'_>) -> Result<(Scope, LakeQuery), ApiError> {
    let &Asked { action, owner, store, id } = asked;
    let scope = scope_of(caller, owner, store);
    // First what runs, for its end is written before it is no more among these.
    let running = trail.lake_queries.running(&scope, id);
    let query = match running {
        Some(running) => running.so_far(trail.clock.now()),
        None => trail.catalog.lake_query(&scope, id).await?.ok_or_else(|| query_not_found(id))?,
    };
    for store in query.store_ids.split(',') {
        check_caller(trail, caller, action, &scope, store).await?;
    }
    if let Some(store) = store {
        let store = active_for(trail, caller, action, store).await?;
        if !query.store_ids.split(',').any(|id| id == store.id) {
            return Err(query_not_found(id));
        }
    }
    Ok((scope, query))
}

/// A query of the catalog, with how it fares while it runs.
fn now(trail: &Trail, scope: &Scope, query: LakeQuery) -> LakeQuery {
    match trail.lake_queries.running(scope, &query.id) {
        Some(running) if query.ended_ms.is_none() => running.so_far(trail.clock.now()),
        _ => query,
    }
}

/// Where stores and queries are: in the account that the client says, or that the ARN of a store says, or else in the caller's.
fn scope_of(caller: &Caller, owner: Option<&str>, store: Option<&str>) -> Scope {
    let of_store = || Some(Arn::parse(store?)?.account);
    let account = owner.or_else(of_store).unwrap_or(&caller.scope.account);
    Scope { account: account.to_owned(), region: caller.scope.region.clone() }
}

/// An error message as long as the model allows, and no shorter either.
fn cut(message: String) -> String {
    message.chars().take(1000).collect()
}

fn query_not_found(id: &str) -> ApiError {
    let text = format!("The query ID does not exist: {}", super::trail_name::told(id));
    ApiError::new(&errors::QUERY_ID_NOT_FOUND_EXCEPTION, text)
}

fn invalid(text: &'static str) -> ApiError {
    ApiError::new(&errors::INVALID_PARAMETER_EXCEPTION, text)
}
