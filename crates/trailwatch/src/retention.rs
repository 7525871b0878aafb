//! How long audit events are kept and which are held, asked and told by whom policies allow; signed as an import is, and audited.
//!
//! - `GET` and `POST /_trailwatch/event-retention`: `{"keep":"400d"}` or `{"keep":"forever"}`. The answer says what is in force, what is to
//!   be in force when, and who or what kept older events at the last round of the expiry.
//! - `GET /_trailwatch/legal-holds`, `POST` with `{"name":…,"account":…,"from":…,"to":…,"reason":…}`, of which only the name is needed;
//!   `POST /_trailwatch/legal-holds/release` with `{"name":…}`.
//!
//! They are about events of all accounts, so only the server's own account may. What they mean is in `trail/retention.rs`.

pub mod command;
#[cfg(test)]
mod tests;

use crate::config::is_account_id;
use crate::own::{self, Endpoint, Refusal, check_reach};
use crate::server::{Server, json};
use access::Asking;
use catalog::{EventRetention, LegalHold};
use model::time::{DAY, SECOND};
use model::{Caller, Datapoint, Observation, Scope, SeriesKey, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json as value};
use std::sync::{Arc, Mutex, PoisonError};
use trail::retention::{DAYS_MAX, HOLDS_MAX, HoldPut, Keeper, KeptBy, Readers, days_in_force};
use wire::{Access, HttpRequest, Response};

/// Where the retention is.
pub const RETENTION: &str = "/_trailwatch/event-retention";
/// Where legal holds are.
pub const HOLDS: &str = "/_trailwatch/legal-holds";
/// Where they are released.
pub const RELEASE: &str = "/_trailwatch/legal-holds/release";
/// What who sees holds is allowed.
const LIST_HOLDS_ACTION: &str = "trailwatch:ListLegalHolds";
/// Longest name and longest reason of a hold, bytes.
const NAME_BYTES_MAX: usize = 128;
const REASON_BYTES_MAX: usize = 1024;

/// A call, by its method and path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Call {
    Get,
    Put,
    ListHolds,
    Hold,
    Release,
}

/// The retention that somebody asks for.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Kept {
    /// Days with a `d`, or `forever`.
    pub keep: String,
}

/// The hold that somebody asks for.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Held {
    /// What it is called.
    pub name: String,
    /// Whose events; all accounts' when absent.
    pub account: Option<String>,
    /// The first time of events, ISO 8601.
    pub from: Option<String>,
    /// The last time, which counts.
    pub to: Option<String>,
    /// What it is for.
    pub reason: Option<String>,
}

/// The hold that somebody releases.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Released {
    /// What it is called.
    pub name: String,
}

impl Call {
    fn of(request: &HttpRequest) -> Option<Self> {
        match (request.method.as_str(), request.path.as_str()) {
            ("GET", RETENTION) => Some(Call::Get),
            ("POST", RETENTION) => Some(Call::Put),
            ("GET", HOLDS) => Some(Call::ListHolds),
            ("POST", HOLDS) => Some(Call::Hold),
            ("POST", RELEASE) => Some(Call::Release),
            _ => None,
        }
    }

    fn endpoint(self) -> Endpoint {
        match self {
            Call::Get => Endpoint::ours("GetEventRetention", Access::Read),
            Call::Put => Endpoint::ours("PutEventRetention", Access::Write),
            Call::ListHolds => Endpoint::ours("ListLegalHolds", Access::List),
            Call::Hold => Endpoint::ours("PutLegalHold", Access::Write),
            Call::Release => Endpoint::ours("ReleaseLegalHold", Access::Write),
        }
    }

    /// What was asked for the audit record; `None` where there is nothing, or nothing that can be read.
    fn parameters(self, request: &HttpRequest) -> Option<Value> {
        let said = match self {
            Call::Get | Call::ListHolds => return None,
            Call::Put => read::<Kept>(request).map(serde_json::to_value),
            Call::Hold => read::<Held>(request).map(serde_json::to_value),
            Call::Release => read::<Released>(request).map(serde_json::to_value),
        };
        said.ok()?.ok()
    }
}

/// True when a request is one for this file.
pub fn is_asked(request: &HttpRequest) -> bool {
    request.path == RETENTION || request.path.starts_with(HOLDS)
}

/// Answers one of the calls.
pub async fn answer(server: &Server, request: &HttpRequest, source_ip: &str) -> Response {
    let Some(call) = Call::of(request) else { return json(404, &value!({ "__type": "NotFound" })) };
    let run = async |caller: &Caller| run(server, caller, request, call).await;
    own::answered(call.endpoint().call(server, (request, source_ip), call.parameters(request), run).await)
}

async fn run(server: &Server, caller: &Caller, request: &HttpRequest, call: Call) -> Result<Value, Refusal> {
    check_reach(server, caller)?;
    let (trail, home, now) = (&server.trail, home(server), server.clock.now());
    match call {
        Call::Get => Ok(shown_to(server, caller, &trail.catalog.event_retention().await?)),
        Call::Put => {
            let days = days(&read::<Kept>(request)?.keep)?;
            Ok(shown_to(server, caller, &trail::retention::ask(trail, &home, days).await?))
        }
        Call::ListHolds => {
            let holds = trail.catalog.legal_holds().await?;
            Ok(value!({ "holds": holds.iter().map(shown_hold).collect::<Vec<_>>() }))
        }
        Call::Hold => {
            let hold = checked(read(request)?, caller, now)?;
            match trail::retention::hold(trail, &home, hold).await? {
                HoldPut::Holds(hold) => Ok(shown_hold(&hold)),
                HoldPut::IsAnother => {
                    let text = "there is a hold of that name, of other events: choose another name";
                    Err(Refusal::new(409, "LegalHoldExists", text))
                }
                HoldPut::TooMany => Err(Refusal::new(400, "LimitExceeded", format!("there are {HOLDS_MAX} holds"))),
            }
        }
        Call::Release => {
            let name = read::<Released>(request)?.name;
            let released = trail::retention::release(trail, &home, &name).await?;
            let missing = || Refusal::new(404, "LegalHoldNotFound", format!("there is no hold called '{name}'"));
            released.as_ref().map(shown_hold).ok_or_else(missing)
        }
    }
}

/// The server's own account and region.
fn home(server: &Server) -> Scope {
    Scope { account: server.config.account_id.clone(), region: server.config.region.clone() }
}

fn read<T: DeserializeOwned>(request: &HttpRequest) -> Result<T, Refusal> {
    let said = serde_json::from_slice(&request.body);
    said.map_err(|error| Refusal::invalid(format!("the body is not what it should be: {error}")))
}

/// Days of `400d`; `None` for `forever`.
fn days(text: &str) -> Result<Option<i64>, Refusal> {
    if text == "forever" {
        return Ok(None);
    }
    let days = text.strip_suffix('d').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    let days = days.and_then(|digits| digits.parse().ok()).filter(|days| (1..=DAYS_MAX).contains(days));
    let wrong = || Refusal::invalid(format!("keep: '{text}' is neither days, from 1d to {DAYS_MAX}d, nor forever"));
    days.map(Some).ok_or_else(wrong)
}

fn keep(days: Option<i64>) -> String {
    days.map_or("forever".into(), |days| format!("{days}d"))
}

fn shown_to(server: &Server, caller: &Caller, retention: &EventRetention) -> Value {
    let now = server.clock.now();
    let pending = retention.pending.filter(|(_, at)| now < *at);
    let pending = pending.map(|(days, at)| value!({ "keep": keep(Some(days)), "at": at.iso_seconds() }));
    // That a hold is there tells of an investigation.
    let sees_holds = server.access.authorize(Asking { caller, now }, None, LIST_HOLDS_ACTION, "*").is_ok();
    let kept = server.expiry.lock();
    let seen = kept.keepers.iter().flatten().filter(|keeper| sees_holds || keeper.by != KeptBy::LegalHold);
    let mut kept_by: Vec<Value> = seen.map(shown_keeper).collect();
    if let Some(since) = kept.failing_since {
        let reason = "the expiry fails: the server's log says why";
        kept_by.push(value!({ "by": "failure", "name": "", "since": since.iso_seconds(), "reason": reason }));
    }
    value!({ "keep": keep(days_in_force(retention, now)), "pending": pending, "kept_by": kept_by })
}

fn shown_keeper(keeper: &Keeper) -> Value {
    let by = match keeper.by {
        KeptBy::Trail => "trail",
        KeptBy::Detections => "detections",
        KeptBy::Insights => "insights",
        KeptBy::Aggregation => "aggregation",
        KeptBy::Proofs => "proofs",
        KeptBy::DamagedSegment => "damaged-segment",
        KeptBy::EventDataStore => "event-data-store",
        KeptBy::LegalHold => "legal-hold",
    };
    let since = keeper.since.map(Timestamp::iso_seconds);
    value!({ "by": by, "name": keeper.name, "since": since, "reason": keeper.reason })
}

fn shown_hold(hold: &LegalHold) -> Value {
    value!({
        "name": hold.name,
        "account": hold.account,
        "from": hold.from.map(Timestamp::iso_millis),
        // As it was said: the last time that counts.
        "to": hold.to.map(|to| (to - 1).iso_millis()),
        "reason": hold.reason,
        "created": hold.created.iso_seconds(),
        "created_by": hold.created_by,
        "ends": hold.release_at.map(Timestamp::iso_seconds),
    })
}

fn checked(held: Held, caller: &Caller, now: Timestamp) -> Result<LegalHold, Refusal> {
    let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
    if held.name.is_empty() || held.name.len() > NAME_BYTES_MAX || !held.name.bytes().all(is_name) {
        let text = format!("name: up to {NAME_BYTES_MAX} letters, digits, hyphens, underscores and full stops");
        return Err(Refusal::invalid(text));
    }
    if let Some(account) = held.account.as_deref().filter(|account| !is_account_id(account)) {
        return Err(Refusal::invalid(format!("account: '{account}' is no account id, which has 12 digits")));
    }
    let reason = held.reason.unwrap_or_default();
    if reason.len() > REASON_BYTES_MAX {
        return Err(Refusal::invalid(format!("reason: at most {REASON_BYTES_MAX} bytes")));
    }
    let time = |name: &str, text: Option<String>| {
        let parsed = |text: String| {
            Timestamp::parse_iso(&text)
                .ok_or_else(|| Refusal::invalid(format!("{name}: '{text}' is no time (ISO 8601)")))
        };
        text.map(parsed).transpose()
    };
    // A date alone is all of its day, and a second all of it.
    let whole = match held.to.as_deref().map_or(0, str::len) {
        10 => DAY,
        20 => SECOND,
        _ => 1,
    };
    let (from, to) = (time("from", held.from)?, time("to", held.to)?.map(|to| to + whole));
    if from.zip(to).is_some_and(|(from, to)| from >= to) {
        return Err(Refusal::invalid("from is later than to"));
    }
    Ok(LegalHold {
        name: held.name,
        account: held.account,
        from,
        to,
        reason,
        created: now,
        created_by: caller.arn.clone(),
        release_at: None,
    })
}

/// What the last round of the expiry found.
#[derive(Debug, Default)]
pub struct Expiry(Mutex<LastRound>);

#[derive(Debug, Default)]
struct LastRound {
    /// Who or what keeps events that are older than the retention; `None` while all are kept for ever.
    keepers: Option<Vec<Keeper>>,
    /// When the first of the rounds ended that failed since one did not.
    failing_since: Option<Timestamp>,
}

impl Expiry {
    fn lock(&self) -> std::sync::MutexGuard<'_, LastRound> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A round has ended. What has no time of its own is there since the first round that found it.
    fn note(&self, mut found: Option<Vec<Keeper>>, now: Timestamp) {
        let mut last = self.lock();
        for keeper in found.iter_mut().flatten().filter(|keeper| keeper.since.is_none()) {
            let known = |before: &&Keeper| (before.by, &before.name) == (keeper.by, &keeper.name);
            let before = last.keepers.iter().flatten().find(known);
            keeper.since = before.and_then(|before| before.since).or(Some(now));
        }
        *last = LastRound { keepers: found, failing_since: None };
    }

    /// A round has failed: what is known of the one before is shown with it.
    fn note_failure(&self, now: Timestamp) {
        self.lock().failing_since.get_or_insert(now);
    }

    /// How many keep events without being told to, as the metric `EventExpiryHeldUp`; `None` while all are kept for ever.
    pub fn datapoint(&self, home: &Scope, now: Timestamp) -> Option<Datapoint> {
        let last = self.lock();
        if last.keepers.is_none() && last.failing_since.is_none() {
            return None;
        }
        let late = last.keepers.iter().flatten().filter(|keeper| !keeper.by.is_wanted()).count();
        let late = late + usize::from(last.failing_since.is_some());
        Some(Datapoint {
            series: Arc::new(SeriesKey {
                account: home.account.clone(),
                region: home.region.clone(),
                namespace: "Trailwatch".into(),
                name: "EventExpiryHeldUp".into(),
                dimensions: Vec::new(),
                unit: "Count".into(),
            }),
            timestamp: now.floor_to(SECOND),
            resolution_secs: 60,
            observation: Observation::value(late as f64),
        })
    }
}

/// A round of the expiry of audit events: tells what is in force by now, then takes step after step while `goes_on`, and notes what
/// keeps events that are older.
pub async fn expire(
    server: &Arc<Server>,
    detections_begin: Option<u64>,
    goes_on: impl Fn() -> bool,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let round = round(server, detections_begin, goes_on).await;
    if round.is_err() {
        server.expiry.note_failure(server.clock.now());
    }
    round
}

async fn round(
    server: &Arc<Server>,
    detections_begin: Option<u64>,
    goes_on: impl Fn() -> bool,
) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let trail = &server.trail;
    let findings = crate::detections::recorded(server);
    // A disk that is full for these events is why others must go: they are told of in a later round.
    let told = trail::retention::tell(trail, &home(server), &*findings).await;
    let retention = trail.catalog.event_retention().await?;
    if days_in_force(&retention, server.clock.now()).is_none() {
        server.expiry.note(None, server.clock.now());
        return Ok(told?);
    }
    let readers = Readers { proofs: server.proofs.unproven().await?, detections: detections_begin };
    let mut steps = 0_u64;
    while goes_on() && trail::retention::expire_step(trail, readers).await? {
        steps += 1;
    }
    if steps > 0 {
        tracing::info!(steps, "looked for audit events to expire");
    }
    server.expiry.note(Some(trail::retention::keepers(trail, readers).await?), server.clock.now());
    Ok(told?)
}
