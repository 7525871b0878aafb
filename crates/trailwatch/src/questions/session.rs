//! `GET /_trailwatch/sessions/event/ID` and `…/key/KEY`: everything that one login did, in order, over all roles that were taken from it.
//!
//! The query string narrows: `from` and `to` (ISO 8601), `limit` (events of the page, 1,000 at most), `after` (`next` of the page
//! before), `records=true` (with the exact records). What a session and an actor are stands at the top of `query/actors.rs`.

use super::{placed, position, range};
use crate::own::Refusal;
use crate::promql::pairs;
use crate::server::Server;
use model::limits::SESSION_EVENTS_MAX;
use model::{TimeRange, Timestamp};
use query::actors::{Call, Login, SessionEvent, Start};
use serde_json::{Value, json};
use store::Position;
use wire::HttpRequest;

/// How the paths begin.
pub const PATHS: &str = "/_trailwatch/sessions/";

/// What is asked.
struct Asked {
    start: Start,
    range: TimeRange,
    after: Option<Position>,
    limit: usize,
    with_records: bool,
}

impl Asked {
    fn of(request: &HttpRequest) -> Result<Self, Refusal> {
        let start = match request.path.strip_prefix(PATHS).and_then(|rest| rest.split_once('/')) {
            Some(("event", id)) if is_name(id) => Start::Event(id.to_owned()),
            Some(("key", key)) if is_name(key) => Start::Key(key.to_owned()),
            _ => return Err(Refusal::new(404, "NotFound", "Sessions are at event/ID and key/KEY.")),
        };
        let (mut from, mut to, mut after, mut limit, mut with_records) = (None, None, None, SESSION_EVENTS_MAX, false);
        for (name, value) in pairs(&request.query).into_iter().filter(|(_, value)| !value.is_empty()) {
            match name.as_str() {
                "from" => from = Some(value),
                "to" => to = Some(value),
                "after" => after = Some(position(&value)?),
                "records" => with_records = value == "true",
                "limit" => {
                    let number = value.parse().ok().filter(|limit| (1..=SESSION_EVENTS_MAX).contains(limit));
                    let wrong = || Refusal::invalid(format!("limit: a number from 1 to {SESSION_EVENTS_MAX}"));
                    limit = number.ok_or_else(wrong)?;
                }
                other => return Err(Refusal::invalid(format!("There is no parameter '{other}'."))),
            }
        }
        Ok(Self { start, range: range(from.as_deref(), to.as_deref())?, after, limit, with_records })
    }
}

/// Event ids and keys need no escapes in a path.
fn is_name(text: &str) -> bool {
    let is_safe = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    !text.is_empty() && text.bytes().all(is_safe)
}

/// What stands in the audit record.
pub fn parameters(request: &HttpRequest) -> Value {
    let entrance = request.path.strip_prefix(PATHS).unwrap_or_default();
    let mut parameters = json!({ "session": entrance.get(..200).unwrap_or(entrance) });
    for (name, value) in pairs(&request.query).into_iter().take(16) {
        parameters[name] = value.into();
    }
    parameters
}

/// A page of a session.
pub async fn answer(server: &Server, request: &HttpRequest) -> Result<Value, Refusal> {
    let Asked { start, range, after, limit, with_records } = Asked::of(request)?;
    let page = query::actors::session(&server.trail.store, &start, range, after, limit).await?;
    let Some(page) = page else {
        return Err(Refusal::new(
            404,
            "NotFound",
            match start {
                Start::Event(id) => format!("There is no event {id}, or it was made with no credentials."),
                Start::Key(key) => format!("There is no event of the key {key}, in the time that was asked for."),
            },
        ));
    };
    let Login { session, actor, is_complete, chain, keys, is_cut } = &page.login;
    let keys: Vec<Value> = keys.iter().map(|(key, time)| json!({ "key": key, "time": shown(*time) })).collect();
    Ok(json!({
        "session": session,
        "actor": actor,
        "complete": is_complete,
        "chain": chain.iter().map(|call| link(call)).collect::<Vec<_>>(),
        "keys": keys,
        "keys_cut": is_cut,
        "events": page.events.iter().map(|event| done(event, with_records)).collect::<Vec<_>>(),
        "next": page.next.map(placed),
    }))
}

fn shown(time: Timestamp) -> String {
    time.iso_seconds()
}

/// A call that gave out credentials.
fn link(call: &Call) -> Value {
    let by = [&call.identity.arn, &call.identity.principal, &call.identity.invoked_by, &call.identity.user_name];
    let issued = call.issued.as_ref();
    json!({
        "time": shown(call.time),
        "event_id": call.event_id,
        "event_name": call.name,
        "by": by.into_iter().find(|text| !text.is_empty()),
        "by_key": Some(&call.identity.access_key).filter(|key| !key.is_empty()),
        "key": issued.and_then(|issued| issued.key.as_ref()),
        "principal": issued.map(|issued| &issued.principal),
    })
}

/// One event.
fn done(event: &SessionEvent, with_record: bool) -> Value {
    let SessionEvent { row, depth, issued } = event;
    let of = &row.event;
    let resources: Vec<&str> = of.resources.iter().map(|resource| resource.name.as_str()).collect();
    let mut done = json!({
        "time": shown(of.time),
        "event_id": of.event_id,
        "event_source": of.source,
        "event_name": of.name,
        "account": of.account,
        "region": of.region,
        "error_code": of.error_code,
        "source_ip": of.source_ip,
        "identity": of.user_arn,
        "access_key_id": of.access_key_id,
        "depth": depth,
        "key": issued,
        "resources": resources,
    });
    if with_record {
        done["record"] = of.record.clone().into();
    }
    done
}
