//! Questions of our own about audit events: signed as an import is, of root only, audited before they are answered, and ended when nobody
//! waits for the answer any more.
//!
//! - `POST /_trailwatch/events/search`: `questions/search.rs`.
//! - `POST /_trailwatch/policies/generate` and `…/replay`: `questions/policy.rs`, `replay.rs`.
//! - `GET /_trailwatch/sessions/event/ID` and `GET /_trailwatch/sessions/key/KEY`: `questions/session.rs`.

pub mod command;
pub mod policy;
pub mod replay;
pub mod search;
pub mod session;
#[cfg(test)]
mod tests;

use crate::remote::EVENT_SOURCE;
use crate::server::{Server, json};
use model::limits::{QUESTION_MS_MAX, QUESTIONS_MAX};
use model::{Caller, Classify, ErrorKind, TimeRange, Timestamp};
use query::actors::ActorError;
use serde_json::{Value, json as value};
use std::time::Duration;
use store::Position;
use tokio::sync::{Semaphore, oneshot};
use trail::audit::OwnCall;
use wire::{Access, ApiError, Audit, HttpRequest, Protocol, Response};

/// Service name in the signature.
pub const SIGNING_NAME: &str = "trailwatch";

/// Who may be answered at once.
static TURNS: Semaphore = Semaphore::const_new(QUESTIONS_MAX);

/// A question, by its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Question {
    Generate,
    Replay,
    Search,
    Session,
}

impl Question {
    fn of(request: &HttpRequest) -> Option<Self> {
        match (request.method.as_str(), request.path.as_str()) {
            ("POST", policy::GENERATE) => Some(Question::Generate),
            ("POST", replay::REPLAY) => Some(Question::Replay),
            ("POST", search::PATH) => Some(Question::Search),
            ("GET", path) if path.starts_with(session::PATHS) => Some(Question::Session),
            _ => None,
        }
    }

    /// `eventName` of the audit record.
    fn event_name(self) -> &'static str {
        match self {
            Question::Generate => "GeneratePolicy",
            Question::Replay => "ReplayPolicy",
            Question::Search => "SearchEvents",
            Question::Session => "GetSession",
        }
    }
}

/// True when a request is one for this file.
pub fn is_asked(request: &HttpRequest) -> bool {
    Question::of(request).is_some()
}

/// Why there is no answer.
#[derive(Debug)]
pub struct Refusal {
    /// HTTP status.
    pub status: u16,
    /// The error's name.
    pub code: String,
    /// What the client may know.
    pub message: String,
}

impl Refusal {
    /// What a client can mend.
    pub fn invalid(message: impl Into<String>) -> Self {
        Self { status: 400, code: "InvalidRequest".into(), message: message.into() }
    }

    fn hung_up() -> Self {
        Self { status: 499, code: "QueryCanceled".into(), message: "The client hung up.".into() }
    }

    /// What was asked about is not there.
    fn not_found(message: impl Into<String>) -> Self {
        Self { status: 404, code: "NotFound".into(), message: message.into() }
    }

    fn failed(error: &dyn std::fmt::Display) -> Self {
        tracing::error!(%error, "answer a question about events");
        let message = "The question was not answered. See the server's log.";
        Self { status: 500, code: "InternalFailure".into(), message: message.into() }
    }
}

impl From<store::Error> for Refusal {
    fn from(error: store::Error) -> Self {
        Self::failed(&error)
    }
}

impl From<ActorError> for Refusal {
    fn from(error: ActorError) -> Self {
        match error.kind() {
            ErrorKind::Invalid => Self { status: 400, code: "LimitExceeded".into(), message: error.to_string() },
            _ => Self::failed(&error),
        }
    }
}

impl From<&ApiError> for Refusal {
    fn from(error: &ApiError) -> Self {
        Self { status: error.status(), code: error.code().into(), message: error.message().into() }
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
    if request.header("origin").is_some() {
        return server.refuse_web_page(request, source_ip).await;
    }
    let verified = server.auth.caller(request, source_ip, server.clock.now());
    let verified = verified.and_then(|caller| server.auth.check_service(request, SIGNING_NAME).map(|()| caller));
    match verified {
        Ok(caller) => answer_to(server, &caller, request, hung_up).await,
        Err(refused) => {
            let refusal = Refusal::from(&refused.to_api_error(Protocol::RestJson));
            let caller = server.auth.claimed(request, source_ip);
            recorded(server, &caller, request, question, Err(refusal)).await
        }
    }
}

/// Answers a question of a caller who is known, however that came about.
pub async fn answer_to(
    server: &Server,
    caller: &Caller,
    request: &HttpRequest,
    hung_up: oneshot::Receiver<()>,
) -> Response {
    let Some(question) = Question::of(request) else { return json(404, &value!({ "__type": "NotFound" })) };
    let outcome = tokio::select! {
        outcome = run(server, caller, request, question) => outcome,
        _ = hung_up => Err(Refusal::hung_up()),
    };
    recorded(server, caller, request, question, outcome).await
}

/// What was read is on the trail before it is answered.
async fn recorded(
    server: &Server,
    caller: &Caller,
    request: &HttpRequest,
    question: Question,
    outcome: Result<Value, Refusal>,
) -> Response {
    let outcome = match record(server, caller, request, question, outcome.as_ref().err()).await {
        Ok(()) => outcome,
        Err(error) => {
            tracing::error!(%error, "record a question");
            Err(Refusal::from(&ApiError::from(error)))
        }
    };
    match outcome {
        Ok(body) => json(200, &body),
        Err(Refusal { status, code, message }) => json(status, &value!({ "__type": code, "message": message })),
    }
}

async fn run(server: &Server, caller: &Caller, request: &HttpRequest, question: Question) -> Result<Value, Refusal> {
    // Records of all accounts are in reach, and there are no policies yet that could say of whom.
    if caller.identity_type != "Root" {
        let message = "Only the root user may ask about audit events.".into();
        return Err(Refusal { status: 403, code: "AccessDeniedException".into(), message });
    }
    let asked = async {
        let _turn = TURNS.acquire().await;
        match question {
            Question::Generate => policy::answer(server, request).await,
            Question::Replay => replay::answer(server, request).await,
            Question::Search => search::answer(server, request).await,
            Question::Session => session::answer(server, request).await,
        }
    };
    let answered = tokio::time::timeout(Duration::from_millis(QUESTION_MS_MAX), asked).await;
    answered.unwrap_or_else(|_| {
        let message = format!("There was no answer within {QUESTION_MS_MAX} ms. Ask for a shorter time.");
        Err(Refusal { status: 400, code: "QueryTimedOut".into(), message })
    })
}

/// Records the call on our own trail, with what was asked.
async fn record(
    server: &Server,
    caller: &Caller,
    request: &HttpRequest,
    question: Question,
    refusal: Option<&Refusal>,
) -> Result<(), store::Error> {
    let parameters = match question {
        Question::Generate => policy::parameters(request),
        Question::Replay => replay::parameters(request),
        Question::Search => search::parameters(request),
        Question::Session => session::parameters(request),
    };
    let parameters = parameters.to_string();
    let call = OwnCall {
        caller,
        source: EVENT_SOURCE,
        operation: question.event_name(),
        access: Access::Read,
        audit: Audit::Management,
        time: server.clock.now(),
        request_id: &server.ids.uuid().to_string(),
        host: request.header("host"),
        request_parameters: Some(&parameters),
        response_elements: None,
        error: refusal.map(|refusal| (refusal.code.as_str(), refusal.message.as_str())),
        resources: &[],
    };
    server.record(&call).await
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
