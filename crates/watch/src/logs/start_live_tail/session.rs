//! One live tail session: what each update shows.

use crate::Watch;
use crate::logs::identifiers::is_shared;
use crate::logs::masking::mask_followed;
use model::limits::{LIVE_TAIL_EVENTS_MAX, LIVE_TAIL_MS_MAX, LIVE_TAIL_UPDATE_BYTES_MAX};
use model::time::MINUTE;
use model::{GroupId, Scope, StreamId, Timestamp};
use query::filter_pattern::FilterPattern;
use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use store::FollowedLog;
use tokio::time::{Interval, MissedTickBehavior, interval};
use wire::StreamEvent;
use wire::logs::{
    LiveTailSessionLogEvent, LiveTailSessionMetadata, LiveTailSessionUpdate, SessionStreamingException,
    SessionTimeoutException,
};

/// Text that is taken from the store at a time, bytes.
const PAGE_BYTES: usize = 1024 * 1024;
/// Names of streams that are remembered; more, and they are looked up again.
const NAMES_MAX: usize = 10_000;

/// A group that is followed.
#[derive(Debug)]
pub(super) struct Followed {
    /// What events call it: `account:name`.
    pub(super) name: String,
    /// Where it is and what it is called there, when another account shares it.
    pub(super) shared: Option<(Scope, String)>,
}

/// A session after its start.
pub(super) struct Session {
    watch: Watch,
    /// Who follows.
    scope: Scope,
    groups: HashMap<GroupId, Followed>,
    /// Only these streams, or streams whose names begin so; both empty for all.
    names: Vec<String>,
    prefixes: Vec<String>,
    pattern: Arc<FilterPattern>,
    /// Names by id; `None` for streams that are not wanted or gone.
    known: HashMap<StreamId, Option<String>>,
    /// The sequence that the next update goes on from.
    from: u64,
    ends: Timestamp,
    /// When it is asked again whether what others share is shared.
    asks: Timestamp,
    ticks: Interval,
    has_ended: bool,
}

impl Session {
    /// A session that shows what is accepted from now on.
    pub(super) fn new(
        watch: Watch,
        scope: Scope,
        groups: HashMap<GroupId, Followed>,
        (names, prefixes): (Vec<String>, Vec<String>),
        pattern: FilterPattern,
    ) -> Self {
        let mut ticks = interval(watch.live_tails.every);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        // The first tick is at once.
        ticks.reset();
        Self {
            from: watch.store.log_sequence(),
            ends: watch.clock.now() + LIVE_TAIL_MS_MAX,
            asks: watch.clock.now() + MINUTE,
            watch,
            scope,
            groups,
            names,
            prefixes,
            pattern: Arc::new(pattern),
            known: HashMap::new(),
            ticks,
            has_ended: false,
        }
    }

    /// The next event; `None` after the one that ends the session.
    pub(super) async fn next(&mut self) -> Option<StreamEvent> {
        if self.has_ended {
            return None;
        }
        self.ticks.tick().await;
        if self.watch.clock.now() >= self.ends {
            self.has_ended = true;
            let message = Some("The live tail session has reached its limit of three hours.".to_owned());
            return Some(StreamEvent::exception("SessionTimeoutException", &SessionTimeoutException { message }));
        }
        let update = match self.is_shared().await {
            Ok(true) => self.update().await,
            Ok(false) => return Some(self.broken("A log group of the session is no longer shared with this account.")),
            Err(error) => Err(error),
        };
        Some(match update {
            Ok(update) => StreamEvent::event("sessionUpdate", &update),
            Err(error) => {
                tracing::error!(%error, "live tail");
                self.broken("The live tail session cannot go on.")
            }
        })
    }

    fn broken(&mut self, message: &str) -> StreamEvent {
        self.has_ended = true;
        let message = Some(message.to_owned());
        StreamEvent::exception("SessionStreamingException", &SessionStreamingException { message })
    }

    /// Whether all that is followed is the account's own or still shared with it; asked once a minute.
    async fn is_shared(&mut self) -> Result<bool, String> {
        let now = self.watch.clock.now();
        if now < self.asks {
            return Ok(true);
        }
        self.asks = now + MINUTE;
        for (owner, name) in self.groups.values().filter_map(|followed| followed.shared.as_ref()) {
            let shared = is_shared(&self.watch, &self.scope, owner, name).await;
            if !shared.map_err(|error| error.message().to_owned())? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    async fn update(&mut self) -> Result<LiveTailSessionUpdate, String> {
        let groups: Vec<GroupId> = self.groups.keys().copied().collect();
        let end = self.watch.store.log_sequence();
        let mut shown = Vec::new();
        let mut looked_at = 0;
        let mut sampled = false;
        while self.from < end {
            if looked_at >= LIVE_TAIL_UPDATE_BYTES_MAX {
                // The session must catch up: what lies between is lost to it.
                (self.from, sampled) = (end, true);
                break;
            }
            let page = self.watch.store.follow_logs(&groups, self.from, PAGE_BYTES).await;
            let page = page.map_err(|error| error.to_string())?;
            self.from = page.next;
            looked_at += page.logs.iter().map(|log| log.message.len()).sum::<usize>().max(1);
            let logs = self.of_wanted_streams(page.logs).await?;
            // A pattern looks at what is shown, or it would tell what the mask hides.
            let logs = mask_followed(&self.watch, logs).await.map_err(|error| error.message().to_owned())?;
            shown.extend(self.matching(logs).await?);
        }
        let count = shown.len();
        sampled |= count > LIVE_TAIL_EVENTS_MAX;
        let events = sample(shown, LIVE_TAIL_EVENTS_MAX).into_iter().filter_map(|log| self.event(log)).collect();
        Ok(LiveTailSessionUpdate {
            session_metadata: Some(LiveTailSessionMetadata { sampled: Some(sampled) }),
            session_results: Some(events),
        })
    }

    /// The events whose pattern matches. Matching may be costly, so it is not done on a thread that others wait for.
    async fn matching(&self, logs: Vec<FollowedLog>) -> Result<Vec<FollowedLog>, String> {
        if logs.is_empty() {
            return Ok(logs);
        }
        let pattern = Arc::clone(&self.pattern);
        let matching = move || logs.into_iter().filter(|log| pattern.matches(&log.message)).collect();
        tokio::task::spawn_blocking(matching).await.map_err(|error| error.to_string())
    }

    /// Leaves out events of streams that are not wanted or gone.
    async fn of_wanted_streams(&mut self, mut logs: Vec<FollowedLog>) -> Result<Vec<FollowedLog>, String> {
        if self.known.len() > NAMES_MAX {
            self.known.clear();
        }
        let mut unknown: HashMap<GroupId, BTreeSet<StreamId>> = HashMap::new();
        for log in logs.iter().filter(|log| !self.known.contains_key(&log.stream)) {
            unknown.entry(log.group).or_default().insert(log.stream);
        }
        for (group, streams) in unknown {
            let streams: Vec<StreamId> = streams.into_iter().collect();
            let names = self.watch.catalog.log_stream_names(group, &streams).await;
            let mut names = names.map_err(|error| error.to_string())?;
            for stream in streams {
                let name = names.remove(&stream).filter(|name| self.wants(name));
                self.known.insert(stream, name);
            }
        }
        logs.retain(|log| self.known.get(&log.stream).is_some_and(Option::is_some));
        Ok(logs)
    }

    fn wants(&self, stream: &str) -> bool {
        (self.names.is_empty() && self.prefixes.is_empty())
            || self.names.iter().any(|name| name == stream)
            || self.prefixes.iter().any(|prefix| stream.starts_with(prefix.as_str()))
    }

    fn event(&self, log: FollowedLog) -> Option<LiveTailSessionLogEvent> {
        Some(LiveTailSessionLogEvent {
            log_stream_name: Some(self.known.get(&log.stream)?.clone()?),
            log_group_identifier: Some(self.groups.get(&log.group)?.name.clone()),
            message: Some(log.message),
            timestamp: Some(log.timestamp.0),
            ingestion_time: Some(log.ingestion_time.0),
        })
    }
}

/// At most `max` of the items, evenly spread over them, in their order.
fn sample<T>(items: Vec<T>, max: usize) -> Vec<T> {
    let count = items.len();
    if count <= max {
        return items;
    }
    let mut taken = 0;
    let takes = |(at, item): (usize, T)| {
        // The item is the first one past the next of `max` equal steps.
        let is_taken = at * max / count >= taken;
        taken += usize::from(is_taken);
        is_taken.then_some(item)
    };
    items.into_iter().enumerate().filter_map(takes).collect()
}

#[cfg(test)]
mod tests {
    use super::sample;

    #[test]
    fn a_sample_is_spread_evenly_and_keeps_the_order() {
        assert_eq!(sample(vec![1, 2, 3], 3), [1, 2, 3]);
        assert_eq!(sample((0..10).collect(), 5), [0, 2, 4, 6, 8]);
        let of_many = sample((0..1_000_003).collect(), 500);
        assert_eq!(of_many.len(), 500);
        assert!(of_many.windows(2).all(|pair| (2000..=2001).contains(&(pair[1] - pair[0]))));
    }
}
