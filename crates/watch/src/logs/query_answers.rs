//! Answers of queries as they are kept: rows and what was looked at, compressed.

use super::describe_queries::groups;
use super::errors::resource_not_found;
use super::masking::may_unmask;
use crate::Watch;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use catalog::LogQuery;
use flate2::Compression;
use flate2::read::ZlibDecoder;
use flate2::write::ZlibEncoder;
use model::{Caller, Scope};
use query::insights::Answer;
use serde::{Deserialize, Serialize};
use std::io::{Read, Write};
use wire::ApiError;
use wire::logs::QueryStatistics;

/// What a query looked at.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Statistics {
    /// Events that passed its filters.
    pub(super) matched: u64,
    /// Events that were looked at.
    pub(super) scanned: u64,
    /// Their bytes.
    pub(super) bytes: u64,
    /// Events in parts that needed no look.
    pub(super) skipped: u64,
    /// Log groups.
    pub(super) groups: u64,
    /// Rows of its answer.
    pub(super) rows: u64,
}

impl Statistics {
    /// As the API shows it.
    pub(super) fn shape(&self) -> QueryStatistics {
        let average = self.bytes.checked_div(self.scanned).unwrap_or(0);
        QueryStatistics {
            records_matched: Some(self.matched as f64),
            records_scanned: Some(self.scanned as f64),
            estimated_records_skipped: Some(self.skipped as f64),
            bytes_scanned: Some(self.bytes as f64),
            estimated_bytes_skipped: Some((self.skipped * average) as f64),
            log_groups_scanned: Some(self.groups as f64),
            result_count: Some(self.rows as f64),
        }
    }
}

/// A query that has ended.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) query: LogQuery,
    pub(super) statistics: Statistics,
    pub(super) answer: Option<Answer>,
}

#[derive(Serialize, Deserialize)]
struct Kept {
    columns: Vec<String>,
    rows: Vec<Vec<Option<String>>>,
    pointers: Option<Vec<String>>,
}

/// An answer as text. It takes long where the answer is large.
pub(super) fn encode(answer: Answer) -> Result<String, String> {
    let kept = Kept { columns: answer.columns, rows: answer.rows, pointers: answer.pointers };
    let mut compressed = ZlibEncoder::new(Vec::new(), Compression::fast());
    serde_json::to_writer(&mut compressed, &kept).map_err(|error| error.to_string())?;
    compressed.flush().map_err(|error| error.to_string())?;
    Ok(STANDARD.encode(compressed.finish().map_err(|error| error.to_string())?))
}

/// Up to `limit` rows from `start` on as clients are shown them: names and values of the fields that a row has, in the order of the
/// columns; that of an event ends with `@ptr`.
pub(super) fn shown_rows(answer: Answer, start: usize, limit: usize) -> impl Iterator<Item = Vec<(String, String)>> {
    let Answer { columns, rows, pointers } = answer;
    let mut pointers = pointers.into_iter().flatten().skip(start);
    rows.into_iter().skip(start).take(limit).map(move |row| {
        let cells = columns.iter().zip(row);
        let mut fields: Vec<_> = cells.filter_map(|(name, value)| Some((name.clone(), value?))).collect();
        // Rows that a join made of another query's alone are no events.
        let pointer = pointers.next().filter(|pointer| !pointer.is_empty());
        fields.extend(pointer.map(|pointer| ("@ptr".to_owned(), pointer)));
        fields
    })
}

/// A query that has ended as JSON, of the shape that GetQueryResults answers, all rows in one. It takes long where the answer is
/// large.
pub(super) fn json(stored: Stored) -> Vec<u8> {
    let shown = stored.statistics.shape();
    let answer = stored.answer.unwrap_or_default();
    let field = |(name, value): (String, String)| serde_json::json!({ "field": name, "value": value });
    let results = shown_rows(answer, 0, usize::MAX).map(|row| row.into_iter().map(field).collect::<Vec<_>>());
    let document = serde_json::json!({
        "queryLanguage": stored.query.language,
        "results": results.collect::<Vec<_>>(),
        "statistics": {
            "recordsMatched": shown.records_matched,
            "recordsScanned": shown.records_scanned,
            "estimatedRecordsSkipped": shown.estimated_records_skipped,
            "bytesScanned": shown.bytes_scanned,
            "estimatedBytesSkipped": shown.estimated_bytes_skipped,
            "logGroupsScanned": shown.log_groups_scanned,
        },
        "status": stored.query.status,
    });
    document.to_string().into_bytes()
}

fn decode(text: &str) -> Result<Answer, String> {
    let compressed = STANDARD.decode(text).map_err(|error| error.to_string())?;
    let mut json = Vec::new();
    ZlibDecoder::new(&compressed[..]).read_to_end(&mut json).map_err(|error| error.to_string())?;
    let kept: Kept = serde_json::from_slice(&json).map_err(|error| error.to_string())?;
    Ok(Answer { columns: kept.columns, rows: kept.rows, pointers: kept.pointers })
}

/// A query with its answer; `None` when there is no such query, or it has not ended.
pub(super) async fn stored(watch: &Watch, scope: &Scope, id: &str) -> Result<Option<Stored>, ApiError> {
    let Some(query) = watch.catalog.log_query(scope, id).await? else { return Ok(None) };
    if query.ended_ms.is_none() {
        return Ok(None);
    }
    let statistics = query.statistics.as_deref().map(serde_json::from_str).transpose();
    let statistics = statistics.map_err(|error| store::Error::Bug(format!("read statistics of a query: {error}")))?;
    let answer = match watch.catalog.log_query_answer(scope, id).await? {
        Some(text) => {
            let decoded = tokio::task::spawn_blocking(move || decode(&text)).await;
            let decoded = decoded.map_err(|error| error.to_string()).and_then(|decoded| decoded);
            Some(decoded.map_err(|error| store::Error::Bug(format!("read the answer of a query: {error}")))?)
        }
        None => None,
    };
    Ok(Some(Stored { query, statistics: statistics.unwrap_or_default(), answer }))
}

/// Refuses a caller who may not see what the query shows.
pub(super) fn check_sight(watch: &Watch, caller: &Caller, query: &LogQuery) -> Result<(), ApiError> {
    if query.unmasks { groups(query).iter().try_for_each(|group| may_unmask(watch, caller, group)) } else { Ok(()) }
}

/// Refusal of an id that no query has.
pub(super) fn query_not_found() -> ApiError {
    resource_not_found()
}
