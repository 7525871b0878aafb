//! DescribeQueries and ListLogGroupsForQuery: queries of the last days, the latest first, and the log groups of one.
//! Queries that log alarms ran are not among them (`alarm_queries.rs`). A log group that is not there and was never asked is an error.

use super::errors::invalid_token;
use super::identifiers::group;
use super::page_token::Fingerprint;
use super::query_answers::{Statistics, query_not_found};
use crate::Watch;
use catalog::LogQuery;
use model::{Caller, Timestamp, arn};
use wire::ApiError;
use wire::logs::{
    DescribeQueriesRequest, DescribeQueriesResponse, ListLogGroupsForQueryRequest, ListLogGroupsForQueryResponse,
    QueryInfo,
};

/// Page sizes when the request names none.
const QUERIES: usize = 1000;
const GROUPS: usize = 50;
/// Queries read from the catalog at a time.
const CHUNK: usize = 1000;

pub(super) async fn describe_queries(
    watch: &Watch,
    caller: &Caller,
    input: DescribeQueriesRequest,
) -> Result<DescribeQueriesResponse, ApiError> {
    let scope = &caller.scope;
    let parts = [
        Some(scope.account.as_str()),
        Some(scope.region.as_str()),
        input.log_group_name.as_deref(),
        input.status.as_deref(),
        input.query_language.as_deref(),
    ];
    let fingerprint = Fingerprint::of("DescribeQueries", parts);
    let token = input.next_token.as_deref().map(|token| fingerprint.open(token)).transpose()?;
    let (mut before, mut id) = match token.as_deref().map(|token| token.split_once('/')) {
        Some(Some((time, id))) => (time.parse().map_err(|_| invalid_token())?, id.to_owned()),
        Some(None) => return Err(invalid_token()),
        None => (i64::MAX, String::new()),
    };
    let limit = input.max_results.map_or(Ok(QUERIES), usize::try_from).map_err(|_| invalid_token())?;
    let mut queries = Vec::new();
    loop {
        let chunk = watch.catalog.log_queries(scope, (before, &id), CHUNK).await?;
        let is_last = chunk.len() < CHUNK;
        for query in chunk {
            let info = info(watch, caller, &query)?;
            let is_wanted = input.status.as_ref().is_none_or(|status| info.status.as_ref() == Some(status))
                && input.query_language.as_ref().is_none_or(|language| *language == query.language)
                && input.log_group_name.as_ref().is_none_or(|name| groups(&query).contains(name));
            if is_wanted && queries.len() == limit {
                let next_token = Some(fingerprint.seal(&format!("{before}/{id}")));
                return Ok(DescribeQueriesResponse { queries: Some(queries), next_token });
            }
            (before, id) = (query.created_ms, query.id);
            if is_wanted {
                queries.push(info);
            }
        }
        if is_last {
            if let (true, Some(name)) = (queries.is_empty(), &input.log_group_name) {
                group(watch, scope, name).await?;
            }
            return Ok(DescribeQueriesResponse { queries: Some(queries), next_token: None });
        }
    }
}

/// Names of the log groups that a query was asked of.
pub(super) fn groups(query: &LogQuery) -> Vec<String> {
    // Written by `queries.rs`; a text that is no list is of no group.
    serde_json::from_str(&query.log_groups).unwrap_or_default()
}

fn info(watch: &Watch, caller: &Caller, query: &LogQuery) -> Result<QueryInfo, ApiError> {
    let running = watch.queries.running(&caller.scope, &query.id);
    let statistics: Option<Statistics> = query
        .statistics
        .as_deref()
        .map(serde_json::from_str)
        .transpose()
        .map_err(|error| store::Error::Bug(format!("read statistics of a query: {error}")))?;
    let ended = query.ended_ms.map_or_else(|| watch.clock.now(), Timestamp);
    Ok(QueryInfo {
        query_language: Some(query.language.clone()),
        query_id: Some(query.id.clone()),
        query_string: Some(query.expression.clone()),
        status: Some(running.map_or_else(|| query.status.clone(), |running| running.status().to_owned())),
        create_time: Some(query.created_ms),
        log_group_name: groups(query).into_iter().next(),
        query_duration: Some((ended.0 - query.created_ms).max(0)),
        bytes_scanned: Some(statistics.unwrap_or_default().bytes as f64),
        user_identity: Some(query.user_identity.clone()),
    })
}

pub(super) async fn list_log_groups_for_query(
    watch: &Watch,
    caller: &Caller,
    input: ListLogGroupsForQueryRequest,
) -> Result<ListLogGroupsForQueryResponse, ApiError> {
    let query = watch.catalog.log_query(&caller.scope, &input.query_id).await?.ok_or_else(query_not_found)?;
    let fingerprint = Fingerprint::of("ListLogGroupsForQuery", [Some(input.query_id.as_str())]);
    let start: usize = match &input.next_token {
        Some(token) => fingerprint.open(token)?.parse().map_err(|_| invalid_token())?,
        None => 0,
    };
    let limit = input.max_results.map_or(Ok(GROUPS), usize::try_from).map_err(|_| invalid_token())?;
    let groups = groups(&query);
    let next = start.saturating_add(limit);
    let next_token = (next < groups.len()).then(|| fingerprint.seal(&next.to_string()));
    let page = groups.iter().skip(start).take(limit).map(|name| arn::log_group(&caller.scope, name)).collect();
    Ok(ListLogGroupsForQueryResponse { log_group_identifiers: Some(page), next_token })
}
