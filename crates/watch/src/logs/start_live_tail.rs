//! StartLiveTail: events of log groups as they are accepted, in an event stream.
//!
//! The session begins with `sessionStart`. Then comes a `sessionUpdate` each second, also when it has nothing to show. An update
//! shows 500 events at most; of more it shows a sample, spread evenly over them, and says so. A session ends after three hours
//! with `SessionTimeoutException`, and when its client goes. One that follows a group of another account ends within a
//! minute after the link that shares the group is gone or shares it no more.
//!
//! A session follows the store from behind: ingest neither knows nor waits for it. A client that reads slowly gets fewer updates;
//! of what then is too much for one update the first is shown, the rest passed over, and the update is marked as sampled.

mod session;

use super::errors::invalid;
use super::identifiers::readable_group;
use crate::Watch;
use futures::StreamExt;
use futures::stream::{self, BoxStream};
use model::limits::{LIVE_TAIL_SESSIONS_MAX, LIVE_TAIL_STREAMS_MAX};
use model::{Caller, Scope};
use query::filter_pattern::FilterPattern;
use session::{Followed, Session};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use wire::logs::errors::LIMIT_EXCEEDED_EXCEPTION;
use wire::logs::{LiveTailSessionStart, StartLiveTailRequest};
use wire::{ApiError, StreamEvent};

/// Live tail sessions.
#[derive(Debug)]
pub struct LiveTails {
    /// How many are open, by account and region.
    open: Mutex<HashMap<Scope, usize>>,
    /// How long it is from one update to the next.
    every: Duration,
}

impl Default for LiveTails {
    fn default() -> Self {
        Self::every(Duration::from_secs(1))
    }
}

/// A session that is open; it is over when this is dropped.
#[derive(Debug)]
struct Open {
    tails: Arc<LiveTails>,
    scope: Scope,
}

impl LiveTails {
    /// With so long from one update to the next, which is not zero.
    pub fn every(every: Duration) -> Self {
        Self { open: Mutex::default(), every }
    }

    fn open(self: &Arc<Self>, scope: &Scope) -> Option<Open> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let count = open.entry(scope.clone()).or_default();
        if *count >= LIVE_TAIL_SESSIONS_MAX {
            return None;
        }
        *count += 1;
        Some(Open { tails: Arc::clone(self), scope: scope.clone() })
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        let mut open = self.tails.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = open.get_mut(&self.scope) {
            *count -= 1;
        }
        open.retain(|_, count| *count > 0);
    }
}

pub(super) async fn start_live_tail(
    watch: &Watch,
    caller: &Caller,
    input: StartLiveTailRequest,
) -> Result<BoxStream<'static, StreamEvent>, ApiError> {
    check(&input)?;
    let text = input.log_event_filter_pattern.clone().unwrap_or_default();
    // A costly regular expression takes long to compile: other requests go on meanwhile.
    let parsed = tokio::task::spawn_blocking(move || FilterPattern::parse(&text)).await;
    let parsed = parsed.map_err(|error| store::Error::Bug(format!("read a filter pattern: {error}")))?;
    let pattern = parsed.map_err(|error| invalid(format!("Invalid filter pattern: {}", error.message)))?;
    let mut groups = HashMap::new();
    for identifier in &input.log_group_identifiers {
        if !identifier.starts_with("arn:") {
            return Err(invalid("The specified logGroupIdentifiers must be ARNs of log groups."));
        }
        let group = readable_group(watch, &caller.scope, identifier).await?;
        let name = format!("{}:{}", group.scope.account, group.name);
        let shared = (group.scope.account != caller.scope.account).then_some((group.scope, group.name));
        groups.insert(group.id, Followed { name, shared });
    }
    let open = watch.live_tails.open(&caller.scope).ok_or_else(|| {
        ApiError::new(&LIMIT_EXCEEDED_EXCEPTION, "The maximum number of concurrent Live Tail sessions was reached.")
    })?;
    let start = LiveTailSessionStart {
        request_id: Some(watch.ids.uuid().to_string()),
        session_id: Some(watch.ids.uuid().to_string()),
        log_group_identifiers: Some(input.log_group_identifiers.clone()),
        log_stream_names: input.log_stream_names.clone(),
        log_stream_name_prefixes: input.log_stream_name_prefixes.clone(),
        log_event_filter_pattern: input.log_event_filter_pattern.clone(),
    };
    let names = input.log_stream_names.unwrap_or_default();
    let prefixes = input.log_stream_name_prefixes.unwrap_or_default();
    let session = Session::new(watch.clone(), caller.scope.clone(), groups, (names, prefixes), pattern);
    let first = stream::once(std::future::ready(StreamEvent::event("sessionStart", &start)));
    let updates = stream::unfold((session, open), |(mut session, open)| async move {
        let event = session.next().await?;
        Some((event, (session, open)))
    });
    Ok(first.chain(updates).boxed())
}

fn check(input: &StartLiveTailRequest) -> Result<(), ApiError> {
    let (names, prefixes) = (input.log_stream_names.as_deref(), input.log_stream_name_prefixes.as_deref());
    if names.is_some() && prefixes.is_some() {
        return Err(invalid("logStreamNames and logStreamNamePrefixes cannot both be specified in the same request."));
    }
    let Some(streams) = names.or(prefixes) else { return Ok(()) };
    if input.log_group_identifiers.len() > 1 {
        return Err(invalid(
            "logStreamNames and logStreamNamePrefixes can be specified only with a single log group identifier.",
        ));
    }
    if streams.len() > LIVE_TAIL_STREAMS_MAX {
        return Err(invalid(format!("At most {LIVE_TAIL_STREAMS_MAX} log streams can be specified.")));
    }
    Ok(())
}
