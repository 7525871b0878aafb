//! `Throttle`: how many calls each caller may make, and how many refused ones are recorded each.
//!
//! Limits of calls are off unless `[limits]` has some. They are per access key and per account, asked once a signature
//! is verified, so that nobody can use up what is another's; what is beyond is answered `ThrottlingException`, `Rate
//! exceeded`, as AWS does.
//!
//! Every call is audited, with one exception, so that who has no key cannot fill the disk: refused calls of callers
//! whom no key proves, by network (an IPv4 address, or the 64 bits of IPv6 that one site has), and throttled calls of
//! those who are known, by key, are recorded up to a rate; beyond it they are counted, and an event `UnrecordedCalls`
//! tells of them each minute. Counts that a crash loses were of at most the last minute.

mod buckets;

use crate::own::EVENT_SOURCE;
use buckets::Buckets;
pub use buckets::Rate;
use model::limits::UNRECORDED_CALLERS_MAX;
use model::{Caller, Event, Ids, Scope, Timestamp};
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use trail::audit::{OwnCall, UnrecordedCaller, UnrecordedCalls};
use wire::ApiError;
use wire::error::common;

/// How much more of refused calls is recorded of all networks together than of one.
const NETWORKS: u32 = 10;
/// The key of the bucket that all networks share.
const ALL: &str = "";

/// `[limits]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Of each access key.
    pub key: Allowance,
    /// Of each account, all its keys together.
    pub account: Allowance,
    /// Refused calls that are recorded each, of one network.
    pub refused: Rate,
}

/// What a caller may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    /// How often; without it, as often as it likes.
    pub rate: Option<Rate>,
    /// How many calls at the same time; without it, as many as it likes.
    pub concurrent: Option<u32>,
}

impl Allowance {
    fn is_limited(self) -> bool {
        self.rate.is_some() || self.concurrent.is_some()
    }
}

/// Who calls how often. One for the life of the process.
#[derive(Debug, Clone)]
pub struct Throttle {
    limits: Limits,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    keys: Buckets,
    accounts: Buckets,
    refusals: Buckets,
    all_refusals: Buckets,
    unrecorded: BTreeMap<Who, u64>,
    /// Since when calls are counted in it.
    since: Timestamp,
}

/// Whose calls were not recorded, and why they were refused. What nobody has room to name has no texts but the
/// account's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Who {
    account: String,
    source_ip: String,
    access_key_id: String,
    error_code: String,
}

/// The place of a call that runs; free when it is dropped.
#[derive(Debug, Default)]
pub struct Turn(Option<(Throttle, String, String)>);

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some((throttle, key, account)) = self.0.take() {
            let mut state = throttle.state();
            state.keys.end(&key);
            state.accounts.end(&account);
        }
    }
}

impl Throttle {
    /// By these limits.
    pub fn new(limits: Limits, now: Timestamp) -> Self {
        let of = |allowance: Allowance| Buckets::new(allowance.rate, allowance.concurrent);
        let Rate { per_second, burst } = limits.refused;
        let all = Rate { per_second: per_second.saturating_mul(NETWORKS), burst: burst.saturating_mul(NETWORKS) };
        let state = State {
            keys: of(limits.key),
            accounts: of(limits.account),
            refusals: Buckets::new(Some(limits.refused), None),
            all_refusals: Buckets::new(Some(all), None),
            unrecorded: BTreeMap::new(),
            since: now,
        };
        Self { limits, state: Arc::new(Mutex::new(state)) }
    }

    /// Lets a verified caller make one call, which lasts as long as the turn.
    ///
    /// # Errors
    /// `ThrottlingException` when it makes too many.
    pub fn enter(&self, caller: &Caller, now: Timestamp) -> Result<Turn, ApiError> {
        if !self.limits.key.is_limited() && !self.limits.account.is_limited() {
            return Ok(Turn::default());
        }
        let (key, account) = (key_of(caller), caller.scope.account.as_str());
        let mut state = self.state();
        if !state.keys.has_room(key, now) || !state.accounts.has_room(account, now) {
            return Err(ApiError::new(&common::THROTTLING, "Rate exceeded"));
        }
        state.keys.begin(key);
        state.accounts.begin(account);
        drop(state);
        Ok(Turn(Some((self.clone(), key.to_owned(), account.to_owned()))))
    }

    /// Whether a call is to be recorded; one that is not is counted.
    pub fn records(&self, call: &OwnCall<'_>) -> bool {
        let Some((code, _)) = call.error else { return true };
        let is_unknown = call.caller.identity_type == "Unknown";
        let is_throttled = matches!(code, "ThrottlingException" | "SlowDown");
        (!is_unknown && !is_throttled) || self.records_refusal(call.caller, code, call.time)
    }

    /// As [`Self::records`], of one that was refused, with `code`, before it was known or because it came too often.
    pub fn records_refusal(&self, caller: &Caller, code: &str, now: Timestamp) -> bool {
        let mut state = self.state();
        let is_recorded = if caller.identity_type == "Unknown" {
            let network = network_of(&caller.source_ip);
            let has_room = state.refusals.has_room(&network, now) && state.all_refusals.has_room(ALL, now);
            if has_room {
                state.refusals.begin(&network);
                state.all_refusals.begin(ALL);
                state.refusals.end(&network);
                state.all_refusals.end(ALL);
            }
            has_room
        } else {
            // Not of the buckets of calls, which are empty when a call is throttled.
            let key = format!("key {}", key_of(caller));
            let has_room = state.refusals.has_room(&key, now);
            if has_room {
                state.refusals.begin(&key);
                state.refusals.end(&key);
            }
            has_room
        };
        if !is_recorded {
            state.count(caller, code);
        }
        is_recorded
    }

    /// The events that tell of the calls that were not recorded since the last time, one for each account.
    pub fn take_unrecorded(&self, region: &str, now: Timestamp, ids: &dyn Ids) -> Vec<Event> {
        let (counted, since) = {
            let mut state = self.state();
            (std::mem::take(&mut state.unrecorded), std::mem::replace(&mut state.since, now))
        };
        let mut accounts: BTreeMap<&str, Vec<UnrecordedCaller<'_>>> = BTreeMap::new();
        for (who, calls) in &counted {
            let Who { source_ip, access_key_id, error_code, .. } = who;
            accounts.entry(who.account.as_str()).or_default().push(UnrecordedCaller {
                source_ip,
                access_key_id,
                error_code,
                calls: *calls,
            });
        }
        let event = |(account, mut callers): (&str, Vec<UnrecordedCaller<'_>>)| {
            callers.sort_by_key(|caller| std::cmp::Reverse(caller.calls));
            let scope = Scope { account: account.to_owned(), region: region.to_owned() };
            UnrecordedCalls { source: EVENT_SOURCE, scope: &scope, since, until: now, callers: &callers }.event(ids)
        };
        accounts.into_iter().map(event).collect()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn count(&mut self, caller: &Caller, code: &str) {
        let mut who = Who {
            account: caller.scope.account.clone(),
            source_ip: caller.source_ip.clone(),
            access_key_id: caller.access_key_id.chars().take(128).collect(),
            error_code: code.to_owned(),
        };
        if self.unrecorded.len() >= UNRECORDED_CALLERS_MAX && !self.unrecorded.contains_key(&who) {
            let Who { source_ip, access_key_id, error_code, .. } = &mut who;
            [source_ip, access_key_id, error_code].into_iter().for_each(String::clear);
        }
        *self.unrecorded.entry(who).or_default() += 1;
    }
}

/// A bearer token is no access key: its caller is told by its name.
fn key_of(caller: &Caller) -> &str {
    if caller.access_key_id.is_empty() { &caller.arn } else { &caller.access_key_id }
}

/// What one sender can have many addresses of counts as one.
pub fn network_of(source_ip: &str) -> String {
    match source_ip.parse::<IpAddr>().map(|address| address.to_canonical()) {
        Ok(IpAddr::V6(address)) => {
            let [a, b, c, d, ..] = address.segments();
            format!("{a:x}:{b:x}:{c:x}:{d:x}::/64")
        }
        _ => source_ip.to_owned(),
    }
}

#[cfg(test)]
mod tests;
