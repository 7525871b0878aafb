//! GetQueryResults: what a query has found, so far or in the end.
//!
//! Rows are lists of fields in the order of the query's columns; a row lacks the fields that it has no value for, and rows that are
//! events end with `@ptr`. A page has 10,000 rows at most; `nextToken` tells that there are more. What a query with `unmask` has
//! found is for callers who may unmask.

use super::errors::invalid_token;
use super::page_token::Fingerprint;
use super::query_answers::{Statistics, check_sight, query_not_found, shown_rows, stored};
use crate::Watch;
use catalog::LogQuery;
use model::limits::QUERY_ROWS;
use model::{Caller, Scope};
use query::insights::Answer;
use wire::ApiError;
use wire::logs::{GetQueryResultsRequest, GetQueryResultsResponse, ResultField};

pub(super) async fn get_query_results(
    watch: &Watch,
    caller: &Caller,
    input: GetQueryResultsRequest,
) -> Result<GetQueryResultsResponse, ApiError> {
    let id = input.query_id.as_str();
    if let Some(running) = watch.queries.running(&caller.scope, id) {
        check_sight(watch, caller, &running.query)?;
        let language = running.query.language.clone();
        let key = encryption_key(watch, &caller.scope, &running.query).await?;
        let now = watch.clock.now();
        let so_far = tokio::task::spawn_blocking(move || (running.status(), running.so_far(now))).await;
        let (status, (answer, statistics)) =
            so_far.map_err(|error| store::Error::Bug(format!("look at a query: {error}")))?;
        let rows = answer.map_or(Vec::new(), |answer| page(answer, 0, QUERY_ROWS).0);
        return Ok(response(language, status, rows, statistics, key, None));
    }
    // It may have ended between the two looks.
    let stored = stored(watch, &caller.scope, id).await?.ok_or_else(query_not_found)?;
    check_sight(watch, caller, &stored.query)?;
    let fingerprint = Fingerprint::of("GetQueryResults", [Some(id)]);
    let start = match &input.next_token {
        Some(token) => fingerprint.open(token)?.parse().map_err(|_| invalid_token())?,
        None => 0,
    };
    let asked = input.max_items.and_then(|items| usize::try_from(items).ok()).filter(|items| *items > 0);
    let (rows, next) = match stored.answer {
        Some(answer) => page(answer, start, asked.unwrap_or(QUERY_ROWS)),
        None => (Vec::new(), None),
    };
    let next_token = next.map(|next| fingerprint.seal(&next.to_string()));
    let key = encryption_key(watch, &caller.scope, &stored.query).await?;
    Ok(response(stored.query.language, &stored.query.status, rows, stored.statistics, key, next_token))
}

/// The KMS key that results were associated with when the query began. Nothing is encrypted with it.
async fn encryption_key(watch: &Watch, scope: &Scope, query: &LogQuery) -> Result<Option<String>, ApiError> {
    let key = watch.catalog.query_result_key(scope).await?;
    Ok(key.filter(|(_, since)| since.0 <= query.created_ms).map(|(key, _)| key))
}

fn response(
    language: String,
    status: &str,
    rows: Vec<Vec<ResultField>>,
    statistics: Statistics,
    encryption_key: Option<String>,
    next_token: Option<String>,
) -> GetQueryResultsResponse {
    GetQueryResultsResponse {
        query_language: Some(language),
        results: Some(rows),
        statistics: Some(statistics.shape()),
        status: Some(status.to_owned()),
        encryption_key,
        next_token,
    }
}

/// Up to `limit` rows from `start` on, and where the next page begins.
fn page(answer: Answer, start: usize, limit: usize) -> (Vec<Vec<ResultField>>, Option<usize>) {
    let next = start.saturating_add(limit);
    let next = (next < answer.rows.len()).then_some(next);
    let field = |(name, value)| ResultField { field: Some(name), value: Some(value) };
    let rows = shown_rows(answer, start, limit).map(|row| row.into_iter().map(field).collect());
    (rows.collect(), next)
}
