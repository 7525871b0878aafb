//! `GET /_trailwatch/dead-letters`: deliveries that were given up, oldest first, 100 a page; signed as an import is.

use crate::own::{self, Endpoint, Refusal};
use crate::server::Server;
use catalog::DeadLetter;
use model::arn::Arn;
use model::{Caller, Timestamp};
use serde_json::{Value, json as value};
use wire::{Access, HttpRequest, Response};

/// Where they are.
pub const PATH: &str = "/_trailwatch/dead-letters";
const ENDPOINT: Endpoint = Endpoint::ours("ListDeadLetters", Access::List);
/// Page size.
const PAGE: usize = 100;

/// Answers a page of the caller's dead letters; `after` in the query is `next` of the page before.
pub async fn answer(server: &Server, request: &HttpRequest, source_ip: &str) -> Response {
    let run = async |caller: &Caller| page(server, caller, &request.query).await;
    own::answered(ENDPOINT.call(server, (request, source_ip), None, run).await)
}

async fn page(server: &Server, caller: &Caller, query: &str) -> Result<Value, Refusal> {
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
