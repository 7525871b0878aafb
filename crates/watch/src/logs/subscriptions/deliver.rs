//! Runs every subscription: finds new ones, follows each in a task of its own, waits longer after each failure.

use super::round::{Follower, Key, Round};
use crate::Watch;
use std::collections::{HashMap, HashSet};
use std::time::Duration;
use tokio::task::{Id, JoinSet};

/// The type of account policies that are subscriptions.
pub(in super::super) const ACCOUNT_POLICY: &str = "SUBSCRIPTION_FILTER_POLICY";
/// How often subscriptions are looked for that nobody announced.
const LOOKED_FOR_EVERY: Duration = Duration::from_secs(5);
/// How long events gather before they are sent, so that a busy group makes few and large requests.
const GATHERED: Duration = Duration::from_millis(250);
/// Longest wait after a failure, seconds.
const BACKOFF_SECS_MAX: u64 = 60;
/// A subscription that goes on failing says so again after this many failures: about an hour.
const FAILURES_SAID_EVERY: u32 = 60;

/// Delivers until `stop` resolves. What is under way then is dropped, and the next start sends it again.
pub async fn deliver(watch: &Watch, stop: impl Future<Output = ()>) {
    let mut running: HashSet<Key> = HashSet::new();
    let mut keys: HashMap<Id, Key> = HashMap::new();
    let mut followers: JoinSet<()> = JoinSet::new();
    tokio::pin!(stop);
    loop {
        while let Some(ended) = followers.try_join_next_with_id() {
            let id = match ended {
                Ok((id, ())) => id,
                Err(error) => {
                    tracing::error!(%error, "a subscription panicked; it begins again");
                    error.id()
                }
            };
            if let Some(key) = keys.remove(&id) {
                running.remove(&key);
            }
        }
        match every_key(watch).await {
            Ok(found) => {
                for key in found {
                    if running.insert(key) {
                        let watch = watch.clone();
                        let handle = followers.spawn(async move { follow(&watch, key).await });
                        keys.insert(handle.id(), key);
                    }
                }
            }
            Err(error) => tracing::warn!(%error, "read subscriptions"),
        }
        tokio::select! {
            biased;
            () = &mut stop => return,
            () = watch.subscriptions.changed.notified() => {}
            () = tokio::time::sleep(LOOKED_FOR_EVERY) => {}
        }
    }
}

async fn every_key(watch: &Watch) -> catalog::Result<Vec<Key>> {
    let filters = watch.catalog.every_subscription_filter().await?.into_iter().map(Key::Filter);
    let policies = watch.catalog.every_account_policy(ACCOUNT_POLICY).await?.into_iter();
    Ok(filters.chain(policies.map(|policy| Key::Policy(policy.id))).collect())
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
                watch.store.logs_after(position).await;
                tokio::time::sleep(GATHERED).await;
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
