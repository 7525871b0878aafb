//! Runs every subscription: finds new ones, follows each in a task of its own, waits longer after each failure.

use super::arrivals::GATHERED;
use super::load::Key;
use super::round::{Follower, Round};
use crate::Watch;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

/// The type of account policies that are subscriptions.
pub(in super::super) const ACCOUNT_POLICY: &str = "SUBSCRIPTION_FILTER_POLICY";
/// How often subscriptions are looked for that nobody announced.
const LOOKED_FOR_EVERY: Duration = Duration::from_secs(5);
/// Longest wait after a failure, seconds.
const BACKOFF_SECS_MAX: u64 = 60;
/// A subscription that goes on failing says so again after this many failures: about an hour.
const FAILURES_SAID_EVERY: u32 = 60;
/// A filter whose group stays quiet notes after so many seconds, and up to as many more, that nothing came: all of them must not
/// do it at once.
const QUIET_SECS: u64 = 1_800;

/// The tasks that follow subscriptions.
#[derive(Default)]
struct Running {
    followers: JoinSet<()>,
    by_key: HashMap<Key, AbortHandle>,
    by_id: HashMap<Id, Key>,
}

impl Running {
    /// Follows what is new, and ends what was deleted: `found` is all there is.
    fn follow(&mut self, watch: &Watch, found: &HashSet<Key>) {
        for (key, task) in &self.by_key {
            if !found.contains(key) {
                task.abort();
            }
        }
        for &key in found {
            if !self.by_key.contains_key(&key) {
                let watch = watch.clone();
                let handle = self.followers.spawn(async move { follow(&watch, key).await });
                self.by_id.insert(handle.id(), key);
                self.by_key.insert(key, handle);
            }
        }
    }

    /// Forgets those that ended.
    fn forget_ended(&mut self) {
        while let Some(ended) = self.followers.try_join_next_with_id() {
            let id = ended.as_ref().map_or_else(JoinError::id, |(id, ())| *id);
            if let Err(error) = ended
                && !error.is_cancelled()
            {
                tracing::error!(%error, "a subscription panicked; it begins again");
            }
            if let Some(key) = self.by_id.remove(&id) {
                self.by_key.remove(&key);
            }
        }
    }
}

/// Delivers until `stop` resolves. What is under way then is dropped, and the next start sends it again.
pub async fn deliver(watch: &Watch, stop: impl Future<Output = ()>) {
    tokio::select! {
        biased;
        () = stop => {}
        () = watch.subscriptions.arrivals.announce(&watch.store) => {}
        () = follow_every(watch) => {}
    }
}

/// Follows every subscription there is, for ever.
async fn follow_every(watch: &Watch) {
    let mut running = Running::default();
    loop {
        running.forget_ended();
        match every_key(watch).await {
            Ok(found) => running.follow(watch, &found.into_iter().collect()),
            Err(error) => tracing::warn!(%error, "read subscriptions"),
        }
        // A policy that was changed may select other groups than those that its follower waits for.
        watch.subscriptions.arrivals.wake_accounts();
        tokio::select! {
            () = watch.subscriptions.changed.notified() => {}
            () = tokio::time::sleep(LOOKED_FOR_EVERY) => {}
        }
    }
}

async fn every_key(watch: &Watch) -> catalog::Result<Vec<Key>> {
    let filters = watch.catalog.every_subscription_filter().await?.into_iter().map(Key::Filter);
    let policies = watch.catalog.every_account_policy(ACCOUNT_POLICY).await?.into_iter();
    let findings = watch.catalog.every_findings_delivery().await?.into_iter().map(Key::Findings);
    Ok(filters.chain(policies.map(|policy| Key::Policy(policy.id))).chain(findings).collect())
}

/// Delivers one subscription for as long as it exists.
async fn follow(watch: &Watch, key: Key) {
    let mut follower = Follower::new(key);
    let mut failures = 0u32;
    loop {
        let failure = match follower.round(watch).await {
            Ok(Round::Gone) => return,
            Ok(Round::UpToDate(position)) => {
                recovered(key, &mut failures);
                wait(watch, key, &follower, position).await;
                continue;
            }
            Ok(Round::Moved) => {
                recovered(key, &mut failures);
                continue;
            }
            Ok(Round::Refused(why)) => why,
            Err(error) => error.to_string(),
        };
        if failures.is_multiple_of(FAILURES_SAID_EVERY) {
            tracing::warn!(subscription = ?key, failures, error = failure, "deliver a subscription; trying again");
        }
        tokio::time::sleep(Duration::from_secs(backoff_secs(failures))).await;
        failures = failures.saturating_add(1);
    }
}

/// Waits until there may be something for a subscription that is up to date.
async fn wait(watch: &Watch, key: Key, follower: &Follower, position: u64) {
    let arrived = async {
        match follower.awaited() {
            Some(awaited) => watch.subscriptions.arrivals.of(awaited, position).await,
            None => {
                watch.store.logs_after(position).await;
                tokio::time::sleep(GATHERED).await;
            }
        }
    };
    let longest = match follower.due_at(watch) {
        Some(due) => Duration::from_millis((due - watch.clock.now()).max(1) as u64),
        None => Duration::from_secs(quiet_secs(key)),
    };
    // Either way there is a round.
    let _ = tokio::time::timeout(longest, arrived).await;
}

/// How long a subscription waits that has nothing to do.
fn quiet_secs(key: Key) -> u64 {
    let (Key::Filter(id) | Key::Policy(id) | Key::Findings(id)) = key;
    QUIET_SECS + id % QUIET_SECS
}

fn recovered(key: Key, failures: &mut u32) {
    if std::mem::take(failures) > 0 {
        tracing::info!(subscription = ?key, "a subscription is delivered again");
    }
}

/// The wait after a failure that came after so many others: 1, 2, 4 … 60 seconds.
fn backoff_secs(failures: u32) -> u64 {
    1u64.checked_shl(failures).map_or(BACKOFF_SECS_MAX, |secs| secs.clamp(1, BACKOFF_SECS_MAX))
}

/// Followers that are told when to go on: for who has no use for tasks and waits.
#[derive(Default)]
pub struct Followers(HashMap<Key, Follower>);

impl Followers {
    /// One pass over every subscription, as far as its receiver takes. Answers why the others stopped.
    pub async fn deliver_due(&mut self, watch: &Watch) -> Vec<String> {
        let keys = match every_key(watch).await {
            Ok(keys) => keys,
            Err(error) => return vec![error.to_string()],
        };
        let mut stopped = Vec::new();
        for key in keys {
            let follower = self.0.entry(key).or_insert_with(|| Follower::new(key));
            loop {
                match follower.round(watch).await {
                    Ok(Round::Gone | Round::UpToDate(_)) => break,
                    Ok(Round::Moved) => continue,
                    Ok(Round::Refused(why)) => stopped.push(why),
                    Err(error) => stopped.push(error.to_string()),
                }
                break;
            }
        }
        stopped
    }
}

/// One pass over every subscription, from where each has noted that it is: what a restart would do.
pub async fn deliver_due(watch: &Watch) -> Vec<String> {
    Followers::default().deliver_due(watch).await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_a_minute() {
        let waits: Vec<u64> = [0, 1, 2, 5, 6, 7, 63, 64, u32::MAX].into_iter().map(backoff_secs).collect();
        assert_eq!(waits, [1, 2, 4, 32, 60, 60, 60, 60, 60]);
    }
}
