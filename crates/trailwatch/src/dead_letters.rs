//! `GET /_trailwatch/dead-letters`: deliveries that were given up, oldest first, 100 a page; signed as an import is.

use crate::remote::EVENT_SOURCE;
use crate::server::{Server, json};
use catalog::DeadLetter;
use model::arn::Arn;
use model::{Caller, Timestamp};
use serde_json::{Value, json as value};
use trail::audit::OwnCall;
use wire::{Access, ApiError, Audit, HttpRequest, Response};

/// Where they are.
pub const PATH: &str = "/_trailwatch/dead-letters";
/// Service name in the signature.
const SIGNING_NAME: &str = "trailwatch";
/// `eventName` of the audit record.
const EVENT_NAME: &str = "ListDeadLetters";
/// What policies call it.
const ACTION: &str = "trailwatch:ListDeadLetters";
/// Page size.
const PAGE: usize = 100;

/// Answers a page of the caller's dead letters; `after` in the query is `next` of the page before.
pub async fn answer(server: &Server, request: &HttpRequest, source_ip: &str) -> Response {
    let (caller, outcome) = match server.admit(request, source_ip, SIGNING_NAME, ACTION) {
        Ok(caller) => {
            let outcome = page(server, &caller, &request.query).await;
            (caller, outcome)
        }
        Err(refused) => (refused.caller, Err(refused.error)),
    };
    let outcome = match record(server, &caller, request, outcome.as_ref().err()).await {
        Ok(()) => outcome,
        Err(error) => Err(error.into()),
    };
    match outcome {
        Ok(body) => json(200, &body),
        Err(error) => {
            if error.status() >= 500 {
                tracing::error!(%error, "list dead letters");
            }
            json(error.status(), &value!({ "__type": error.code(), "message": error.message() }))
        }
    }
}

async fn page(server: &Server, caller: &Caller, query: &str) -> Result<Value, ApiError> {
    let after = query.split('&').find_map(|pair| pair.strip_prefix("after=")).and_then(|text| text.parse().ok());
    let letters = server.watch.catalog.dead_letters(after.unwrap_or(0), PAGE).await?;
    let next = if letters.len() == PAGE { letters.last().map(|last| last.sequence) } else { None };
    let own =
        |letter: &&DeadLetter| Arn::parse(&letter.target).is_some_and(|target| target.account == caller.scope.account);
    Ok(value!({ "dead_letters": letters.iter().filter(own).map(shown).collect::<Vec<_>>(), "next": next }))
}

fn shown(letter: &DeadLetter) -> Value {
    let mut message: Value = serde_json::from_str(&letter.message).unwrap_or_default();
    // Who may list dead letters need not be able to confirm subscriptions.
    if let Some(members) = message.as_object_mut() {
        members.remove("token");
    }
    value!({
        "sequence": letter.sequence,
        "time": Timestamp(letter.at_ms).iso_millis(),
        "target": letter.target,
        "address": serde_json::from_str::<Value>(&letter.address).unwrap_or_default(),
        "attempts": letter.attempts,
        "error": letter.error,
        "message": message,
    })
}

async fn record(
    server: &Server,
    caller: &Caller,
    request: &HttpRequest,
    error: Option<&ApiError>,
) -> Result<(), store::Error> {
    let call = OwnCall {
        caller,
        source: EVENT_SOURCE,
        operation: EVENT_NAME,
        access: Access::List,
        audit: Audit::Management,
        time: server.clock.now(),
        request_id: &server.ids.uuid().to_string(),
        host: request.header("host"),
        request_parameters: None,
        response_elements: None,
        error: error.map(|error| (error.code(), error.message())),
        resources: &[],
    };
    server.record(&call).await
}
