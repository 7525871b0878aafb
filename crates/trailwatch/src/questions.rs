//! Questions of our own about audit events: signed as an import is, audited before they are answered, and ended when nobody
//! waits for the answer any more.
//!
//! - `POST /_trailwatch/events/search`: `questions/search.rs`.
//! - `POST /_trailwatch/investigate`: `questions/investigate.rs`.
//! - `POST /_trailwatch/policies/generate` and `…/replay`: `questions/policy.rs`, `replay.rs`.
//! - `GET /_trailwatch/sessions/event/ID` and `GET /_trailwatch/sessions/key/KEY`: `questions/session.rs`.

pub mod command;
pub mod investigate;
pub mod policy;
pub mod replay;
pub mod search;
pub mod session;
#[cfg(test)]
mod tests;

use crate::console;
use crate::own::{self, Endpoint, Refusal};
use crate::server::{Server, json};
use model::limits::{QUESTION_MS_MAX, QUESTIONS_MAX};
use model::{Caller, Classify, ErrorKind, TimeRange, Timestamp};
use query::actors::ActorError;
use serde_json::{Value, json as value};
use std::time::Duration;
use store::Position;
use tokio::sync::{Semaphore, oneshot};
use wire::{Access, HttpRequest, Response};

/// Who may be answered at once.
static TURNS: Semaphore = Semaphore::const_new(QUESTIONS_MAX);

/// A question, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Generate,
    Investigate,
    Replay,
    Search,
    Session,
}

impl Question {
    fn of(request: &HttpRequest) -> Option<Self> {
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", policy::GENERATE) => Some(Question::Generate),
            ("POST", investigate::PATH) => Some(Question::Investigate),
            ("POST", replay::REPLAY) => Some(Question::Replay),
            ("POST", search::PATH) => Some(Question::Search),
            ("GET", path) if path.starts_with(session::PATHS) => Some(Question::Session),
            _ => None,
        }
    }

    fn endpoint(self) -> Endpoint {
        let name = match self {
            Question::Generate => "GeneratePolicy",
            Question::Investigate => "Investigate",
            Question::Replay => "ReplayPolicy",
            Question::Search => "SearchEvents",
            Question::Session => "GetSession",
        };
        Endpoint::ours(name, Access::Read)
    }

    /// What was asked, for the audit record.
    fn parameters(self, request: &HttpRequest) -> Value {
        match self {
            Question::Generate => policy::parameters(request),
            Question::Investigate => investigate::parameters(request),
            Question::Replay => replay::parameters(request),
            Question::Search => search::parameters(request),
            Question::Session => session::parameters(request),
        }
    }
}

/// True when a request is one for this file.
pub fn is_asked(request: &HttpRequest) -> bool {
    Question::of(request).is_some()
}

impl From<ActorError> for Refusal {
    fn from(error: ActorError) -> Self {
        match error.kind() {
            ErrorKind::Invalid => Self::new(400, "LimitExceeded", error.to_string()),
            _ => {
                tracing::error!(%error, "answer a question about events");
                Self::new(500, "InternalFailure", "The question was not answered. See the server's log.")
            }
        }
    }
}

/// Answers a question. It ends when `hung_up` resolves: then nobody waits for the answer.
pub async fn answer(
    server: &Server,
    request: &HttpRequest,
    source_ip: &str,
    hung_up: oneshot::Receiver<()>,
) -> Response {
    let Some(question) = Question::of(request) else { return json(404, &value!({ "__type": "NotFound" })) };
    if console::is_other_page(server, request) {
        return server.refuse_web_page(request, source_ip).await;
    }
    let run = async |caller: &Caller| own::while_waited_for(hung_up, run(server, caller, request, question)).await;
    let asked = Some(question.parameters(request));
    own::answered(question.endpoint().call(server, (request, source_ip), asked, run).await)
}

async fn run(server: &Server, caller: &Caller, request: &HttpRequest, question: Question) -> Result<Value, Refusal> {
    own::check_reach(server, caller)?;
    let asked = async {
        let _turn = TURNS.acquire().await;
        match question {
            Question::Generate => policy::answer(server, request).await,
            Question::Investigate => investigate::answer(server, caller, request).await,
            Question::Replay => replay::answer(server, request).await,
            Question::Search => search::answer(server, request).await,
            Question::Session => session::answer(server, request).await,
        }
    };
    let answered = tokio::time::timeout(Duration::from_millis(QUESTION_MS_MAX), asked).await;
    answered.unwrap_or_else(|_| {
        let message = format!("There was no answer within {QUESTION_MS_MAX} ms. Ask for a shorter time.");
        Err(Refusal::new(400, "QueryTimedOut", message))
    })
}

/// The times between two ends, each of which may be absent; both count.
fn range(from: Option<&str>, to: Option<&str>) -> Result<TimeRange, Refusal> {
    let time = |name: &str, text: Option<&str>| {
        let parsed = text.map(|text| Timestamp::parse_iso(text).ok_or_else(|| (name.to_owned(), text.to_owned())));
        parsed.transpose().map_err(|(name, text)| Refusal::invalid(format!("{name}: '{text}' is no time (ISO 8601)")))
    };
    let start = time("from", from)?.unwrap_or(Timestamp::MIN);
    let end = time("to", to)?.map_or(Timestamp::MAX, |end| end + 1);
    if start >= end {
        return Err(Refusal::invalid("from is later than to"));
    }
    Ok(TimeRange::new(start, end))
}

/// The place after which a page begins, as `placed` writes it.
fn position(text: &str) -> Result<Position, Refusal> {
    let parsed =
        text.split_once(':').and_then(|(time, sequence)| Some((Timestamp(time.parse().ok()?), sequence.parse().ok()?)));
    parsed.ok_or_else(|| Refusal::invalid(format!("after: '{text}' is not the next of an answer")))
}

fn placed(position: Position) -> String {
    format!("{}:{}", position.0.millis(), position.1)
}
