//! `session`: everything that one login did, in order, over all roles that were taken from it.
//!
//! First the calls that gave out credentials are followed forward from the login, until none gives out more; then the events of all
//! these keys, and of sessions in the console by their user's name, are read in order and each is resolved: what it is resolved to
//! decides, so that another's session of the same name is not among them.

use super::call::{Call, Identity, Issued, session_name};
use super::held::{ActorError, Held, issuing};
use super::issuances::SESSION_MS_MAX;
use super::resolve::Resolution;
use model::limits::{SESSION_CREDENTIALS_MAX, SESSION_EVENTS_MAX};
use model::time::MINUTE;
use model::{TimeRange, Timestamp};
use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use store::{Direction, EventFilter, EventRow, EventScan, EventText, Position, Store};

/// Events that are looked at together.
const CHUNK: usize = 512;
/// Bytes of records that are held together, and that a page has at most.
const CHUNK_BYTES: usize = 4 * 1024 * 1024;
/// Most events that are looked at for one page; a page that stops there has fewer, and says where to go on.
const LOOKED_MAX: usize = 200_000;

/// Where a session is entered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// At an event, by its id.
    Event(String),
    /// At a key.
    Key(String),
}

/// Who logged in.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Login {
    /// The session's name, as in the column `session`.
    pub session: String,
    /// Who it was.
    pub actor: Option<String>,
    /// False where the beginning is not known.
    pub is_complete: bool,
    /// The calls that lead from the entrance back to the beginning, the earliest first.
    pub chain: Vec<Arc<Call>>,
    /// Keys that were given out to it, and when; the keys of the console are not among them.
    pub keys: BTreeMap<String, Timestamp>,
    /// True when there are more keys than are followed.
    pub is_cut: bool,
}

/// One thing that a session did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionEvent {
    /// The event.
    pub row: EventRow,
    /// How many times credentials were given out on the way from the beginning to it.
    pub depth: usize,
    /// The key that it gave out.
    pub issued: Option<String>,
}

/// A page of a session.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SessionPage {
    /// Who it was.
    pub login: Login,
    /// What was done, the earliest first.
    pub events: Vec<SessionEvent>,
    /// Where the next page resumes; `None` when there is no more.
    pub next: Option<Position>,
}

/// What is known of a session while it is followed.
struct Followed {
    login: Login,
    /// Sessions that belong to it: itself, and those that a key that does not expire opened.
    sessions: HashSet<String>,
    /// What events of it have: one of these keys or user names, or one of these ids.
    keys: HashSet<String>,
    names: HashSet<String>,
    ids: HashSet<String>,
    /// The times that are asked for.
    asked: TimeRange,
    /// When it began and when its last credentials end; `None` for a key that does not expire.
    life: Option<(Timestamp, Timestamp)>,
}

/// A page of the session that an event or a key belongs to; `None` when the event, the key or a session of it is not there.
pub async fn session(
    store: &Store,
    start: &Start,
    range: TimeRange,
    after: Option<Position>,
    limit: usize,
) -> Result<Option<SessionPage>, ActorError> {
    let held = Held::new(store.clone());
    let Some(call) = entrance(store, start, range).await? else { return Ok(None) };
    let Some(mut followed) = begin(&held.resolve(&call).await?, &call, range) else { return Ok(None) };
    follow(store, &held, &mut followed).await?;
    page(store, &held, followed, after, limit.clamp(1, SESSION_EVENTS_MAX)).await.map(Some)
}

fn scan(filter: EventFilter, range: TimeRange, after: Option<Position>) -> EventScan {
    EventScan { account: None, region: None, range, direction: Direction::Forward, after, filter: Some(filter) }
}

/// The first rows of a scan, as many as are looked at together.
async fn rows(store: &Store, scan: EventScan, most: usize) -> Result<Vec<EventRow>, ActorError> {
    let (mut rows, mut bytes) = (Vec::new(), 0);
    let visit = &mut |row: &EventRow| {
        bytes += row.event.record.len();
        rows.push(row.clone());
        let is_full = rows.len() >= most || bytes >= CHUNK_BYTES;
        if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    store.scan_events(scan, visit).await?;
    Ok(rows)
}

/// The call at which a session is entered.
async fn entrance(store: &Store, start: &Start, range: TimeRange) -> Result<Option<Call>, ActorError> {
    let key = match start {
        Start::Event(id) => {
            let found = rows(store, scan(EventFilter::EventId(id.clone()), TimeRange::ALL, None), 1).await?;
            return Ok(found.first().map(|row| Call::from(&row.event)));
        }
        Start::Key(key) => key,
    };
    let used = rows(store, scan(EventFilter::AccessKeyId(key.clone()), range, None), 1).await?;
    if let Some(row) = used.first() {
        return Ok(Some(Call::from(&row.event)));
    }
    // A key that was given out and never used.
    let given = EventFilter::All(vec![issuing(), EventFilter::Text(key.clone())]);
    let given = rows(store, scan(given, range, None), CHUNK).await?;
    let mut calls = given.iter().map(|row| Call::from(&row.event));
    let issues = |call: &Call| call.issued.as_ref().and_then(|issued| issued.key.as_ref()) == Some(key);
    Ok(calls.find(issues).map(|call| {
        let principal = call.issued.map(|issued| issued.principal).unwrap_or_default();
        let identity = Identity {
            kind: "AssumedRole".into(),
            access_key: key.clone(),
            principal,
            created: Some(call.time),
            ..Identity::default()
        };
        Call {
            event_id: String::new(),
            name: String::new(),
            time: call.time,
            identity,
            issued: None,
            switched_from: None,
        }
    }))
}

/// What is known of a session at first.
fn begin(resolution: &Resolution, call: &Call, range: TimeRange) -> Option<Followed> {
    let session = resolution.session.clone()?;
    let opened = resolution.chain.last().map(AsRef::as_ref).filter(|first| !first.identity.is_session());
    // Who opens a session without one is entered there; else the earliest session that is known begins it.
    let opened = opened.or_else(|| Some(call).filter(|call| resolution.chain.is_empty() && opens(call)));
    let earliest = resolution.chain.last().map_or(&call.identity, |first| &first.identity);
    let begun = opened.map(|opened| opened.time).or(earliest.created);
    let mut followed = Followed {
        login: Login {
            session: session.clone(),
            actor: resolution.actor.clone(),
            is_complete: resolution.is_complete,
            chain: resolution.chain.iter().rev().cloned().collect(),
            ..Login::default()
        },
        sessions: HashSet::from([session]),
        keys: HashSet::new(),
        names: HashSet::new(),
        ids: HashSet::new(),
        asked: range,
        life: begun.map(|begun| (begun - MINUTE, begun + SESSION_MS_MAX)),
    };
    match opened {
        Some(opened) => {
            followed.ids.insert(opened.event_id.clone());
            followed.gives(opened);
            // A sign-in names the user, whose events the console makes.
            followed.names.extend(some(&opened.identity.user_name).filter(|_| opened.identity.access_key.is_empty()));
        }
        None => {
            followed.keys.extend(some(&earliest.access_key));
            let name = some(earliest.session_name()).or_else(|| some(&earliest.user_name));
            followed.names.extend(name.filter(|_| earliest.is_session()));
        }
    }
    if earliest.kind == "Root" {
        followed.names.insert("root".into());
    }
    Some(followed)
}

/// True for a call that opens a session and was made in none and with no key.
fn opens(call: &Call) -> bool {
    call.issued.is_some() && !call.identity.is_session() && call.identity.access_key.is_empty()
}

fn some(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

impl Followed {
    /// Notes what a call gave out.
    fn gives(&mut self, call: &Call) {
        let Some(Issued { key, principal, .. }) = &call.issued else { return };
        if let Some(key) = key {
            self.login.keys.insert(key.clone(), call.time);
            self.keys.insert(key.clone());
        }
        self.names.extend(some(session_name(principal, "")));
        if let Some((_, end)) = &mut self.life {
            *end = (*end).max(call.time + SESSION_MS_MAX);
        }
    }

    /// The times that are asked for and in which it can have done anything.
    fn range(&self) -> TimeRange {
        let (begin, end) = self.life.unwrap_or((Timestamp::MIN, Timestamp::MAX));
        TimeRange::new(self.asked.start.max(begin), self.asked.end.min(end))
    }

    /// What events of the session have at least.
    fn filter(&self) -> EventFilter {
        let one_of = |text, values: &HashSet<String>| EventFilter::OneOf(text, Arc::new(values.clone()));
        EventFilter::Any(vec![
            one_of(EventText::AccessKeyId, &self.keys),
            one_of(EventText::Username, &self.names),
            EventFilter::EventIds(Arc::new(self.ids.clone())),
        ])
    }

    fn is_full(&self) -> bool {
        self.keys.len() + self.names.len() >= SESSION_CREDENTIALS_MAX
    }
}

/// Follows what the session was given, until nothing more is found.
async fn follow(store: &Store, held: &Held, followed: &mut Followed) -> Result<(), ActorError> {
    loop {
        let before = (followed.keys.len(), followed.names.len());
        let filter = EventFilter::All(vec![issuing(), followed.filter()]);
        let range = followed.range();
        let mut after = None;
        loop {
            let found = rows(store, scan(filter.clone(), range, after), CHUNK).await?;
            let Some(last) = found.last() else { break };
            after = Some((last.event.time, last.sequence));
            for row in &found {
                let call = Call::from(&row.event);
                if call.issued.is_none() || followed.ids.contains(&call.event_id) {
                    continue;
                }
                let session = held.resolve(&call).await?.session;
                if session.is_some_and(|session| followed.sessions.contains(&session)) {
                    let opened = call.issued.as_ref().and_then(|issued| issued.key.clone());
                    // Only a key that does not expire opens sessions with other names; of others this is a name too many.
                    followed.sessions.extend(opened.filter(|_| !call.identity.is_session()));
                    followed.gives(&call);
                }
                if followed.is_full() {
                    followed.login.is_cut = true;
                    return Ok(());
                }
            }
        }
        if before == (followed.keys.len(), followed.names.len()) {
            return Ok(());
        }
    }
}

/// The events of the session after a position.
async fn page(
    store: &Store,
    held: &Held,
    followed: Followed,
    mut after: Option<Position>,
    limit: usize,
) -> Result<SessionPage, ActorError> {
    let filter = followed.filter();
    let (mut events, mut looked, mut bytes) = (Vec::new(), 0, 0);
    let next = 'pages: loop {
        let found = rows(store, scan(filter.clone(), followed.range(), after), CHUNK).await?;
        if found.is_empty() {
            break None;
        }
        looked += found.len();
        for row in found {
            if events.len() >= limit || bytes >= CHUNK_BYTES {
                break 'pages after;
            }
            let call = Call::from(&row.event);
            let Resolution { session, chain, .. } = held.resolve(&call).await?;
            after = Some((row.event.time, row.sequence));
            let is_its = session.is_some_and(|session| followed.sessions.contains(&session));
            if is_its || followed.ids.contains(&call.event_id) {
                bytes += row.event.record.len();
                let issued = call.issued.and_then(|issued| issued.key);
                events.push(SessionEvent { row, depth: chain.len(), issued });
            }
        }
        if looked >= LOOKED_MAX {
            break after;
        }
    };
    Ok(SessionPage { login: followed.login, events, next })
}
