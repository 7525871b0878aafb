//! SearchSampleQueries: sample statements for CloudTrail Lake, found by their words.
//!
//! The samples are Trailwatch's own, and so is `Relevance`: the share of the phrase's words that a sample has. AWS finds samples by
//! meaning. `$EDS_ID` in a statement stands for the id of an event data store.

use super::page_token::PageToken;
use crate::Trail;
use model::Caller;
use query::lake::samples::{SAMPLES, Sample, relevance};
use wire::ApiError;
use wire::cloudtrail::{SearchSampleQueriesRequest, SearchSampleQueriesResponse, SearchSampleQueriesSearchResult};

/// SearchSampleQueries reference: results in a page when the client does not say, and at most.
const PAGE: usize = 10;
const PAGE_MAX: usize = 50;

pub(super) async fn search_sample_queries(
    _: &Trail,
    _: &Caller,
    input: SearchSampleQueriesRequest,
) -> Result<SearchSampleQueriesResponse, ApiError> {
    let token = PageToken::bound_to(&["SearchSampleQueries", &input.search_phrase]);
    let start = match &input.next_token {
        Some(text) => token.open(text)?.parse::<usize>().map_err(|_| PageToken::invalid())?,
        None => 0,
    };
    let limit = input.max_results.and_then(|max| usize::try_from(max).ok()).unwrap_or(PAGE).clamp(1, PAGE_MAX);
    let mut found: Vec<(f32, Sample)> =
        SAMPLES.iter().map(|sample| (relevance(sample, &input.search_phrase), *sample)).collect();
    found.retain(|(relevance, _)| *relevance > 0.0);
    // Those that are as relevant stay in their order.
    found.sort_by(|(a, _), (b, _)| b.total_cmp(a));
    let next_token = (found.len() > start.saturating_add(limit)).then(|| token.seal(&(start + limit).to_string()));
    let shape = |(relevance, sample): (f32, Sample)| SearchSampleQueriesSearchResult {
        name: Some(sample.name.to_owned()),
        description: Some(sample.description.to_owned()),
        sql: Some(sample.sql.to_owned()),
        relevance: Some(relevance),
    };
    let results = found.into_iter().skip(start).take(limit).map(shape).collect();
    Ok(SearchSampleQueriesResponse { search_results: Some(results), next_token })
}
