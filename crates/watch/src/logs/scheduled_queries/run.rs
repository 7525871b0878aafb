//! Runs the scheduled queries that are due, and takes their answers where they belong.

use super::schedule::Schedule;
use super::{Delivered, Document, START_OFFSET_SECS, TABLE, TableDestination, read, s3};
use crate::Watch;
use crate::logs::identifiers::group_name;
use crate::logs::lookup_tables;
use crate::logs::queries::{self, Asked};
use crate::logs::query_answers::stored;
use crate::logs::start_query::{self, named, sourced};
use catalog::{ScheduledQuery, ScheduledRun};
use model::limits::QUERY_ROWS;
use model::time::SECOND;
use model::{Scope, TimeRange, Timestamp};
use query::insights::Answer;

/// Queries that are begun in one round.
const ROUND: usize = 100;

/// Runs every scheduled query that is due, all at once, to its end. What fails is in its history.
pub async fn run_due(watch: &Watch) {
    let due = match watch.catalog.scheduled_queries_due(watch.clock.now(), ROUND).await {
        Ok(due) => due,
        Err(error) => {
            tracing::warn!(%error, "look for scheduled queries that are due");
            return;
        }
    };
    futures::future::join_all(due.iter().map(|due| run(watch, due))).await;
}

/// Runs that a stop of the server made miss their time are made up for once, by the latest.
async fn run(watch: &Watch, due: &ScheduledQuery) {
    let Some(at) = due.next_ms.map(Timestamp) else { return };
    let document = match read(due) {
        Ok(document) => document,
        Err(error) => {
            tracing::error!(%error, name = due.name, "read a scheduled query");
            return;
        }
    };
    // It was checked when it was put.
    let schedule = Schedule::parse(&document.schedule, document.time_zone.as_deref()).ok();
    let next = schedule.and_then(|schedule| document.next(&schedule, watch.clock.now().max(at)));
    match watch.catalog.begin_scheduled_run(due, next).await {
        Ok(true) => {}
        Ok(false) => return,
        Err(error) => {
            tracing::warn!(%error, name = due.name, "begin a scheduled query");
            return;
        }
    }
    let scope = Scope { account: due.account.clone(), region: due.region.clone() };
    let outcome = outcome(watch, &scope, &document, at).await;
    let run = ScheduledRun {
        triggered_ms: at.0,
        query_id: outcome.query_id,
        status: outcome.status,
        error: outcome.error,
        destinations: serde_json::json!(outcome.delivered).to_string(),
    };
    if let Err(error) = watch.catalog.end_scheduled_run(due, &run).await {
        tracing::error!(%error, name = due.name, "keep the end of a scheduled query");
    }
}

#[derive(Default)]
struct Outcome {
    query_id: String,
    status: String,
    error: Option<String>,
    delivered: Vec<Delivered>,
}

impl Outcome {
    fn failed(status: &str, error: impl ToString) -> Self {
        Self { status: status.into(), error: Some(error.to_string()), ..Self::default() }
    }
}

async fn outcome(watch: &Watch, scope: &Scope, document: &Document, at: Timestamp) -> Outcome {
    let query = match start_query::parse(&document.language, &document.expression).await {
        Ok(query) => query,
        Err(error) => return Outcome::failed("InvalidQuery", error.message()),
    };
    let names: Result<Vec<&str>, _> = document.log_groups.iter().map(|group| group_name(scope, group)).collect();
    let groups = match (names, &query.source) {
        (Err(error), _) => Err(error),
        (Ok(names), Some(source)) if names.is_empty() => sourced(watch, scope, source).await,
        (Ok(names), _) => named(watch, scope, &names).await,
    };
    let groups = match groups {
        Ok(groups) => groups,
        Err(error) => return Outcome::failed("Failed", error.message()),
    };
    let start = at - document.start_offset_secs.unwrap_or(START_OFFSET_SECS).saturating_mul(SECOND);
    let end = at - document.end_offset_secs.unwrap_or(0).saturating_mul(SECOND);
    let asked = Asked {
        scope: scope.clone(),
        user_identity: document.role.clone(),
        language: document.language.clone(),
        expression: document.expression.clone(),
        query,
        groups,
        range: TimeRange::new(start, end + SECOND),
        limit: QUERY_ROWS,
        caller: None,
        alarm_time_max: None,
        asked_for: None,
    };
    let (query_id, running) = match queries::start(watch, asked).await {
        Ok(started) => started,
        Err(error) => return Outcome::failed("Failed", error.message()),
    };
    if let Err(error) = running.await {
        return Outcome { query_id, ..Outcome::failed("Failed", error) };
    }
    let ended = match stored(watch, scope, &query_id).await {
        Ok(Some(ended)) => ended,
        Ok(None) => return Outcome { query_id, ..Outcome::failed("Failed", "the query was forgotten") },
        Err(error) => return Outcome { query_id, ..Outcome::failed("Failed", error.message()) },
    };
    // A query that somebody stopped has failed, as far as its schedule goes.
    let status = match ended.query.status.as_str() {
        "Complete" => "Complete",
        "Timeout" => "Timeout",
        _ => "Failed",
    };
    let mut delivered = Vec::new();
    if let (Some(answer), Some(table), "Complete") = (&ended.answer, &document.lookup_table, status) {
        delivered.push(deliver(watch, scope, table, answer).await);
    }
    if let (Some(_), Some(bucket), "Complete") = (&ended.answer, &document.s3, status) {
        delivered.push(s3::deliver(watch, scope, bucket, ended).await);
    }
    Outcome { query_id, status: status.into(), error: None, delivered }
}

/// Makes or replaces a lookup table.
async fn deliver(watch: &Watch, scope: &Scope, table: &TableDestination, answer: &Answer) -> Delivered {
    let body = answer.to_csv();
    let made =
        lookup_tables::replace(watch, scope, &table.name, table.description.clone(), table.kms_key_id.clone(), &body);
    match made.await {
        Ok(arn) => Delivered {
            kind: Some(TABLE.into()),
            destination: table.name.clone(),
            status: "COMPLETE".into(),
            processed: Some(arn),
            error: None,
        },
        Err(error) => Delivered {
            kind: Some(TABLE.into()),
            destination: table.name.clone(),
            status: if error.status() < 500 { "CLIENT_ERROR" } else { "FAILED" }.into(),
            processed: None,
            error: Some(error.message().to_owned()),
        },
    }
}
