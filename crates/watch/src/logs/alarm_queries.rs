//! Queries that log alarms run: the alarm's query with its aggregation behind it, or its first rows as lines.
//!
//! They are queries like those of clients, and `GetQueryResults` has the newest of each alarm, but `DescribeQueries` leaves them
//! out (chosen here: a minute's rate makes 1,440 a day), their answers take nothing from the room of clients' answers, and they
//! wait for turns of their own and for no longer than the time between two runs. The range of a run at T is from T - StartTimeOffset up to,
//! and without, T - EndTimeOffset, so that adjacent runs count no event twice.

use super::identifiers::group_name;
use super::queries::{self, Asked};
use super::query_answers::stored;
use super::start_query::{self, named, sourced};
use crate::Watch;
use catalog::{LogCriteria, LogGroup};
use model::limits::{LOG_ALARM_LINES_BYTES_MAX, LOG_ALARM_QUERY_MS_MAX, QUERY_ROWS};
use model::time::SECOND;
use model::{Scope, TimeRange, Timestamp};
use query::insights::Answer;
use query::insights::aggregation::Aggregation;
use query::insights::ast::{Command, Query};
use std::time::Duration;
use wire::ApiError;

/// Whose turn a query waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// An alarm's, for no longer than the time between two runs.
    Alarm,
    /// A client's, who wants to know what an alarm would have seen.
    Client,
}

/// Whom the queries of backtests are kept for.
const BACKTEST: &str = "backtest";

/// Why a run has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{error}")]
pub(crate) struct RunFailed {
    /// `InvalidQuery`, `Failed` or `Timeout`.
    pub(crate) status: &'static str,
    /// For people.
    pub(crate) error: String,
    /// The query that was started; empty when none was.
    pub(crate) query_id: String,
}

impl RunFailed {
    fn new(status: &'static str, error: impl ToString) -> Self {
        Self { status, error: error.to_string(), query_id: String::new() }
    }

    fn of(self, query_id: String) -> Self {
        Self { query_id, ..self }
    }
}

/// Reads the query of a log alarm; an empty one takes every event.
pub(crate) async fn read(text: &str) -> Result<Query, ApiError> {
    match text.trim() {
        "" => Ok(Query { source: None, commands: Vec::new() }),
        text => start_query::parse("CWLI", text).await,
    }
}

/// Runs the query of the time `at` to its end; answers the query's id and the values.
pub(crate) async fn run(
    watch: &Watch,
    scope: &Scope,
    log: &LogCriteria,
    at: Timestamp,
    turn: Turn,
) -> Result<(String, Answer), RunFailed> {
    let query = read(&log.query).await.map_err(|error| RunFailed::new("InvalidQuery", error.message()))?;
    let aggregation = Aggregation::parse(&log.aggregation).map_err(|error| RunFailed::new("InvalidQuery", error))?;
    let expression = format!("{} | stats {}", log.query, log.aggregation);
    ask(watch, scope, log, (at, turn), (aggregation.of(query), expression, QUERY_ROWS)).await
}

/// The first rows that the query of the time `at` finds, before they are aggregated: the message of each, or else its
/// fields.
pub(crate) async fn lines(
    watch: &Watch,
    scope: &Scope,
    log: &LogCriteria,
    at: Timestamp,
) -> Result<Vec<String>, RunFailed> {
    let count = log.line_count.and_then(|count| usize::try_from(count).ok()).unwrap_or(0);
    if count == 0 {
        return Ok(Vec::new());
    }
    let mut query = read(&log.query).await.map_err(|error| RunFailed::new("InvalidQuery", error.message()))?;
    query.commands.push(Command::Limit(count as u64));
    let (_, answer) = ask(watch, scope, log, (at, Turn::Alarm), (query, log.query.clone(), count)).await?;
    let message = answer.columns.iter().position(|name| name == "@message");
    let line = |row: &Vec<Option<String>>| match message.and_then(|at| row.get(at)?.clone()) {
        Some(message) => message,
        None => {
            let fields = answer.columns.iter().zip(row).filter_map(|(name, value)| Some((name, value.as_ref()?)));
            let fields: serde_json::Map<String, serde_json::Value> =
                fields.map(|(name, value)| (name.clone(), value.as_str().into())).collect();
            serde_json::Value::Object(fields).to_string()
        }
    };
    let mut room = LOG_ALARM_LINES_BYTES_MAX;
    let fits = |line: &String| {
        let left = room.checked_sub(line.len());
        room = left.unwrap_or(0);
        left.is_some()
    };
    Ok(answer.rows.iter().map(line).take_while(fits).collect())
}

/// Runs a query, its text and its most rows over the range of the time `at`.
async fn ask(
    watch: &Watch,
    scope: &Scope,
    log: &LogCriteria,
    (at, turn): (Timestamp, Turn),
    (query, expression, limit): (Query, String, usize),
) -> Result<(String, Answer), RunFailed> {
    let groups = groups(watch, scope, log, &query).await.map_err(|error| RunFailed::new("Failed", error.message()))?;
    let start = at - log.start_offset_secs.saturating_mul(SECOND);
    let end = at - log.end_offset_secs.unwrap_or(0).saturating_mul(SECOND);
    let interval_ms = u64::try_from(log.interval_secs.saturating_mul(SECOND)).unwrap_or(0);
    let asked = Asked {
        scope: scope.clone(),
        user_identity: log.role.clone(),
        language: "CWLI".into(),
        expression,
        query,
        groups,
        range: TimeRange::new(start, end),
        limit,
        caller: None,
        asked_for: Some(match turn {
            Turn::Alarm => log.scheduled_query_id.clone(),
            Turn::Client => BACKTEST.to_owned(),
        }),
        alarm_time_max: (turn == Turn::Alarm).then_some(Duration::from_millis(interval_ms.min(LOG_ALARM_QUERY_MS_MAX))),
    };
    let started = queries::start(watch, asked).await;
    let (id, running) = started.map_err(|error| RunFailed::new("Failed", error.message()))?;
    let failed = running.await.map_err(|error| RunFailed::new("Failed", error).of(id.clone()))?;
    if let Some(error) = failed {
        return Err(RunFailed::new("Failed", error).of(id));
    }
    let ended = stored(watch, scope, &id).await;
    let ended = ended.map_err(|error| RunFailed::new("Failed", error.message()).of(id.clone()))?;
    let ended = ended.ok_or_else(|| RunFailed::new("Failed", "the query was forgotten").of(id.clone()))?;
    match (ended.query.status.as_str(), ended.answer) {
        ("Complete", Some(answer)) => Ok((id, answer)),
        ("Timeout", _) => Err(RunFailed::new("Timeout", "the query took too long").of(id)),
        (status, _) => Err(RunFailed::new("Failed", format!("the query ended as {status}")).of(id)),
    }
}

/// The groups that the alarm or its query names.
async fn groups(watch: &Watch, scope: &Scope, log: &LogCriteria, query: &Query) -> Result<Vec<LogGroup>, ApiError> {
    let names: Result<Vec<&str>, ApiError> = log.log_groups.iter().map(|group| group_name(scope, group)).collect();
    match (&query.source, names?) {
        (Some(source), names) if names.is_empty() => sourced(watch, scope, source).await,
        (_, names) => named(watch, scope, &names).await,
    }
}
