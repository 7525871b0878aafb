//! `POST /_trailwatch/detections/backtest`: what rules would have found in the stored history of the caller's account, signed as an
//! import is. The rules come with the question; nothing is recorded but the question itself.

use crate::own::{self, Endpoint};
use crate::server::Server;
use model::limits::BACKTESTS_AT_ONCE_MAX;
use model::time::DAY;
use model::{Caller, TimeRange, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use store::{Direction, EventRow, EventScan};
use tokio::sync::{Semaphore, oneshot};
use trail::detections::{Rules, is_finding};
use wire::{Access, ApiError, HttpRequest, Response};

/// Where questions are posted to.
pub const PATH: &str = "/_trailwatch/detections/backtest";
const ENDPOINT: Endpoint = Endpoint::ours("BacktestDetections", Access::Read);
/// How far back is looked when nobody says.
const SINCE_MS: i64 = 7 * DAY;
/// Records that are held against the rules at a time, bytes: a thread has them for so long.
const CHUNK_BYTES: usize = 1024 * 1024;
/// Most findings that are named; all are counted.
const FINDINGS_MAX: usize = 1_000;

/// The body of a question.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Question {
    /// Texts of rule files by name.
    pub rules: BTreeMap<String, String>,
    /// ISO 8601; a week before the end when absent.
    pub from: Option<String>,
    /// ISO 8601; now when absent.
    pub to: Option<String>,
}

/// The answer.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Answer {
    /// How many events were looked at.
    pub events: usize,
    /// How many of them no rule could be held against: nested too deep, or with a number that is too large.
    #[serde(default)]
    pub unread: usize,
    /// How often each rule matched, by id; rules that never did are left out.
    pub matches: BTreeMap<String, usize>,
    /// The first findings, oldest first.
    pub findings: Vec<Found>,
}

/// One finding.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Found {
    /// `id` of the rule.
    pub rule: String,
    /// Its title.
    pub title: String,
    /// Its level.
    pub level: String,
    /// `eventTime` of what was found.
    pub time: String,
    /// Its `eventID`.
    pub event_id: String,
    /// Its `eventName`.
    pub event_name: String,
}

/// Answers a question. It ends when `hung_up` resolves: then nobody waits for the answer.
pub async fn answer(
    server: &Server,
    request: &HttpRequest,
    source_ip: &str,
    hung_up: oneshot::Receiver<()>,
) -> Response {
    let run =
        async |caller: &Caller| own::while_waited_for(hung_up, async { Ok(run(server, caller, request).await?) }).await;
    own::answered(ENDPOINT.call(server, (request, source_ip), None, run).await)
}

fn invalid(message: impl Into<String>) -> ApiError {
    ApiError::new(&wire::cloudwatch::errors::VALIDATION_EXCEPTION, message.into())
}

async fn run(server: &Server, caller: &Caller, request: &HttpRequest) -> Result<Answer, ApiError> {
    let question: Question =
        serde_json::from_slice(&request.body).map_err(|error| invalid(format!("The body: {error}")))?;
    let time = |text: Option<String>, otherwise: Timestamp| match text {
        None => Ok(otherwise),
        Some(text) => Timestamp::parse_iso(&text).ok_or_else(|| invalid(format!("{text} is not a time (ISO 8601)"))),
    };
    let to = time(question.to, server.clock.now())?;
    let from = time(question.from, to - SINCE_MS)?;
    if from >= to {
        return Err(invalid("The start must be before the end"));
    }
    let texts = question.rules;
    let load = move || {
        let mut rules = Rules::default();
        texts.iter().for_each(|(name, text)| rules.add(name, text));
        rules
    };
    // Each holds a thread and some megabytes. The semaphore is never closed.
    static RUNNING: Semaphore = Semaphore::const_new(BACKTESTS_AT_ONCE_MAX);
    let _place = RUNNING.acquire().await.ok();
    let rules = tokio::task::spawn_blocking(load).await.map_err(lost)?;
    if let Some(broken) = rules.broken.first() {
        return Err(invalid(broken.to_string()));
    }
    look(server, caller, TimeRange::new(from, to), Arc::new(rules)).await
}

fn lost(error: tokio::task::JoinError) -> ApiError {
    ApiError::new(&wire::error::common::INTERNAL_FAILURE, "The history could not be read").with_source(error)
}

/// Reads the history piece by piece and holds each against the rules.
async fn look(server: &Server, caller: &Caller, range: TimeRange, rules: Arc<Rules>) -> Result<Answer, ApiError> {
    let mut answer = Answer::default();
    let mut after = None;
    loop {
        let scan = EventScan {
            account: Some(caller.scope.account.clone()),
            region: None,
            range,
            direction: Direction::Forward,
            after,
            filter: None,
        };
        let (mut rows, mut bytes) = (Vec::new(), 0);
        let mut take = |row: &EventRow| {
            bytes += row.event.record.len();
            rows.push(row.clone());
            if bytes < CHUNK_BYTES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        server.trail.store.scan_events(scan, &mut take).await?;
        let Some(last) = rows.last() else { return Ok(answer) };
        after = Some((last.event.time, last.sequence));
        let rules = Arc::clone(&rules);
        let hold = move || {
            rows.iter().for_each(|row| count(&rules, &row.event, &mut answer));
            answer
        };
        answer = tokio::task::spawn_blocking(hold).await.map_err(lost)?;
    }
}

/// Holds one event against the rules.
pub(super) fn count(rules: &Rules, event: &model::Event, answer: &mut Answer) {
    if is_finding(event) {
        return;
    }
    answer.events += 1;
    let Some(matching) = rules.matches(&event.record) else {
        answer.unread += 1;
        return;
    };
    for loaded in matching {
        let rule = &loaded.rule;
        *answer.matches.entry(rule.id.clone()).or_default() += 1;
        if answer.findings.len() < FINDINGS_MAX {
            answer.findings.push(Found {
                rule: rule.id.clone(),
                title: rule.title.clone(),
                level: rule.level.clone(),
                time: event.time.iso_seconds(),
                event_id: event.event_id.clone(),
                event_name: event.name.clone(),
            });
        }
    }
}
