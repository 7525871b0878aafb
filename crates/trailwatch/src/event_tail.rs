//! `GET /_trailwatch/events/tail`: audit events as they are accepted, one JSON object per line; signed as an import is.
//!
//! Lines are `{"event": RECORD}` and, to a reader who was too slow, `{"lost": COUNT}`; an empty line now and then says that the server
//! is there. The query string chooses: `name`, `source` (`s3` stands for `s3.amazonaws.com`) and `user` (user name or ARN), each of
//! which may come several times; `errors=true`; `filter`, a text that the record must contain. Memory is bounded, see
//! `store::EventFollower`; ingest waits for nobody.

use crate::own::{self, Endpoint, Refusal};
use crate::promql::pairs;
use crate::server::Server;
use bytes::Bytes;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use model::limits::EVENT_TAILS_MAX;
use model::{Caller, Event};
use serde_json::{Value, json as value};
use std::sync::Arc;
use std::time::Duration;
use store::{EventFollower, TailedEvents};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;
use wire::{Access, HttpRequest, Response, Rest};

/// Where events are followed.
pub const PATH: &str = "/_trailwatch/events/tail";
const ENDPOINT: Endpoint = Endpoint::ours("TailEvents", Access::Read);
/// Events looked at before others have a turn, bytes.
const PAGE_BYTES: usize = 1024 * 1024;
/// Longest time without a line, well below what the listener takes for a dead connection.
const SILENCE_MAX: Duration = Duration::from_secs(15);

/// Begins a tail; it ends when its reader goes, or the server stops.
pub async fn answer(server: &Server, request: &HttpRequest, source_ip: &str) -> Response {
    let run = async |caller: &Caller| begin(server, caller, request);
    match ENDPOINT.call(server, (request, source_ip), Some(parameters(&request.query)), run).await {
        Ok((choice, open)) => Response {
            status: 200,
            headers: vec![("content-type", "application/x-ndjson".into())],
            body: Bytes::from_static(b"\n"),
            rest: Some(Rest::new(lines(server.trail.store.tail_events(), choice, open))),
        },
        Err(refusal) => refusal.response(),
    }
}

/// The query string, for the audit record: lists of values by name.
fn parameters(query: &str) -> Value {
    let mut parameters = value!({});
    for (name, value) in pairs(query) {
        match &mut parameters[&name] {
            Value::Array(values) => values.push(value.into()),
            absent => *absent = value!([value]),
        }
    }
    parameters
}

fn refused<T>(status: u16, code: &str, message: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal::new(status, code, message))
}

fn begin(
    server: &Server,
    caller: &Caller,
    request: &HttpRequest,
) -> Result<(Choice, SemaphorePermit<'static>), Refusal> {
    static TAILS: Semaphore = Semaphore::const_new(EVENT_TAILS_MAX);
    own::check_reach(server, caller)?;
    let choice = Choice::of(&request.query)?;
    match TAILS.try_acquire() {
        Ok(open) => Ok((choice, open)),
        Err(_) => refused(400, "LimitExceededException", "The maximum number of concurrent tails was reached."),
    }
}

/// Which events are shown.
#[derive(Debug, Default, PartialEq, Eq)]
struct Choice {
    /// Any of these; empty for all. So for the next two.
    names: Vec<String>,
    sources: Vec<String>,
    users: Vec<String>,
    only_errors: bool,
    /// All of these are in the record.
    texts: Vec<String>,
}

impl Choice {
    fn of(query: &str) -> Result<Self, Refusal> {
        let mut choice = Self::default();
        for (name, value) in pairs(query).into_iter().filter(|(_, value)| !value.is_empty()) {
            match name.as_str() {
                "name" => choice.names.push(value),
                "source" if value.contains('.') => choice.sources.push(value),
                "source" => choice.sources.extend([format!("{value}.amazonaws.com"), value]),
                "user" => choice.users.push(value),
                "errors" => choice.only_errors = value == "true",
                "filter" => choice.texts.push(value),
                other => return refused(400, "ValidationException", format!("There is no parameter '{other}'.")),
            }
        }
        Ok(choice)
    }

    fn wants(&self, event: &Event) -> bool {
        let is_one = |wanted: &[String], values: &[&str]| {
            wanted.is_empty() || wanted.iter().any(|wanted| values.contains(&wanted.as_str()))
        };
        is_one(&self.names, &[&event.name])
            && is_one(&self.sources, &[&event.source])
            && is_one(&self.users, &[&event.username, &event.user_arn])
            && (!self.only_errors || !event.error_code.is_empty())
            && self.texts.iter().all(|text| event.record.contains(text.as_str()))
    }
}

/// A tail that is open.
struct Tail {
    follower: EventFollower,
    choice: Choice,
    /// When a line is due, be it an empty one.
    due: Instant,
    _open: SemaphorePermit<'static>,
}

fn lines(follower: EventFollower, choice: Choice, open: SemaphorePermit<'static>) -> BoxStream<'static, Bytes> {
    let tail = Tail { follower, choice, due: Instant::now() + SILENCE_MAX, _open: open };
    stream::unfold(tail, |mut tail| async move {
        let lines = tail.next().await;
        Some((lines, tail))
    })
    .boxed()
}

impl Tail {
    /// The next lines, at least an empty one.
    async fn next(&mut self) -> Bytes {
        let mut text = String::new();
        while text.is_empty() {
            match tokio::time::timeout_at(self.due, self.follower.next(PAGE_BYTES)).await {
                Ok(followed) => {
                    write(&followed, &self.choice, &mut text);
                    // Many events of which none is wanted leave others a turn, and the reader a sign of life.
                    tokio::task::yield_now().await;
                    if text.is_empty() && self.due <= Instant::now() {
                        text.push('\n');
                    }
                }
                Err(_) => text.push('\n'),
            }
        }
        self.due = Instant::now() + SILENCE_MAX;
        Bytes::from(text)
    }
}

fn write(followed: &TailedEvents, choice: &Choice, text: &mut String) {
    if followed.lost > 0 {
        text.push_str(&format!("{{\"lost\":{}}}\n", followed.lost));
    }
    for event in followed.events.iter().filter(|event| choice.wants(event)) {
        text.push_str("{\"event\":");
        text.push_str(&one_line(event));
        text.push_str("}\n");
    }
}

/// The record without line breaks, which in JSON stand between values only.
fn one_line(event: &Arc<Event>) -> String {
    event.record.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests;
