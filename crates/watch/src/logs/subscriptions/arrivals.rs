//! `Arrivals`: wakes the followers of log groups when events came to them, all of them by one look at what arrived.
//!
//! A follower of quiet groups waits here and costs nothing, however much comes to other groups.

use model::GroupId;
use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use store::Store;
use tokio::sync::oneshot;

/// How long events gather before they are sent, so that a busy group makes few and large requests.
pub(super) const GATHERED: Duration = Duration::from_millis(250);

/// Who waits for which group.
#[derive(Debug, Default)]
pub(super) struct Arrivals(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    /// Everything below this sequence was announced.
    announced: u64,
    groups: HashMap<GroupId, Vec<oneshot::Sender<()>>>,
    /// Followers of many groups: there are few of them.
    many: Vec<(Many, oneshot::Sender<()>)>,
}

/// Groups of an account that a follower waits for.
#[derive(Debug, Clone)]
pub(super) struct Many {
    /// Those of which this is known, by name.
    pub known: Arc<HashMap<GroupId, String>>,
    /// Of groups that are newer than this it is not known.
    pub newest: GroupId,
}

impl Many {
    fn has_any(&self, groups: &HashSet<GroupId>) -> bool {
        groups.iter().any(|group| *group > self.newest || self.known.contains_key(group))
    }
}

/// What a follower waits for.
#[derive(Debug)]
pub(super) enum Awaited {
    Group(GroupId),
    Groups(Many),
}

impl Arrivals {
    /// Resolves once events of this sequence or a later one may have come to the groups. It may do so too early, never too late.
    pub(super) async fn of(&self, awaited: Awaited, position: u64) {
        let woken = {
            let mut waiting = self.lock();
            if waiting.announced > position {
                return;
            }
            let (sender, woken) = oneshot::channel();
            // Those that gave up waiting go.
            match awaited {
                Awaited::Group(group) => {
                    let of_group = waiting.groups.entry(group).or_default();
                    of_group.retain(|waiting| !waiting.is_closed());
                    of_group.push(sender);
                }
                Awaited::Groups(many) => {
                    waiting.many.retain(|(_, waiting)| !waiting.is_closed());
                    waiting.many.push((many, sender));
                }
            }
            woken
        };
        // A sender that was dropped wakes as well.
        let _ = woken.await;
    }

    /// Announces what arrives in the store, for ever.
    pub(super) async fn announce(&self, store: &Store) {
        let mut from = store.log_sequence();
        self.wake(None, from);
        loop {
            store.logs_after(from).await;
            tokio::time::sleep(GATHERED).await;
            let arrived = store.log_groups_since(from).await;
            self.wake(arrived.groups.as_ref(), arrived.next);
            from = arrived.next;
        }
    }

    /// Wakes who waits for groups of an account: other groups may be wanted since.
    pub(super) fn wake_accounts(&self) {
        self.lock().many.clear();
    }

    /// Wakes who waits for these groups, or for any; all below `announced` has been announced then.
    fn wake(&self, groups: Option<&HashSet<GroupId>>, announced: u64) {
        let mut waiting = self.lock();
        waiting.announced = announced;
        let Some(groups) = groups else {
            waiting.groups.clear();
            waiting.many.clear();
            return;
        };
        waiting.many.retain(|(many, _)| !many.has_any(groups));
        // The shorter of the two is gone through.
        if groups.len() <= waiting.groups.len() {
            for group in groups {
                waiting.groups.remove(group);
            }
        } else {
            waiting.groups.retain(|group, _| !groups.contains(group));
        }
    }

    fn lock(&self) -> MutexGuard<'_, Waiting> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use futures::future::BoxFuture;

    /// How many are still waiting.
    fn pending(waiting: &mut Vec<BoxFuture<'_, ()>>) -> usize {
        waiting.retain_mut(|follower| follower.now_or_never().is_none());
        waiting.len()
    }

    // Outside a runtime, which lets a task go on only so far at a time.
    #[test]
    fn only_followers_of_groups_that_changed_are_woken() {
        let arrivals = Arrivals::default();
        let group = |id: u64, position: u64| arrivals.of(Awaited::Group(GroupId(id)), position).boxed();
        let mut waiting: Vec<_> = (0..10_000).map(|id| group(id, 5)).collect();
        assert_eq!(pending(&mut waiting), 10_000);
        arrivals.wake(Some(&[GroupId(3), GroupId(7), GroupId(20_000)].into()), 8);
        assert_eq!(pending(&mut waiting), 9_998);
        // What was announced while a follower was at work is not waited for.
        assert!(group(3, 7).now_or_never().is_some());
        assert!(group(3, 8).now_or_never().is_none());
        arrivals.wake(Some(&(0..9_000).map(GroupId).collect()), 9);
        assert_eq!(pending(&mut waiting), 1_000);
        arrivals.wake(None, 10);
        assert_eq!(pending(&mut waiting), 0);
        assert!(arrivals.lock().groups.is_empty());
    }

    #[test]
    fn followers_that_gave_up_are_not_kept() {
        let arrivals = Arrivals::default();
        for _ in 0..100 {
            assert!(arrivals.of(Awaited::Group(GroupId(1)), 0).now_or_never().is_none());
            assert!(arrivals.of(account(&[1]), 0).now_or_never().is_none());
        }
        let waiting = arrivals.lock();
        assert_eq!((waiting.groups[&GroupId(1)].len(), waiting.many.len()), (1, 1));
    }

    /// Groups of an account that knows of groups up to 9.
    fn account(groups: &[u64]) -> Awaited {
        let known = groups.iter().map(|id| (GroupId(*id), id.to_string())).collect();
        Awaited::Groups(Many { known: Arc::new(known), newest: GroupId(9) })
    }

    #[test]
    fn followers_of_an_account_are_woken_by_its_groups_and_by_new_ones() {
        let arrivals = Arrivals::default();
        let mut waiting = vec![arrivals.of(account(&[1, 2]), 5).boxed(), arrivals.of(account(&[3]), 5).boxed()];
        assert_eq!(pending(&mut waiting), 2);
        arrivals.wake(Some(&[GroupId(4)].into()), 8);
        assert_eq!(pending(&mut waiting), 2);
        arrivals.wake(Some(&[GroupId(2), GroupId(4)].into()), 9);
        assert_eq!(pending(&mut waiting), 1);
        // Whose it is is not known yet.
        arrivals.wake(Some(&[GroupId(10)].into()), 10);
        assert_eq!(pending(&mut waiting), 0);
        let wakes: [&dyn Fn(); 2] = [&|| arrivals.wake_accounts(), &|| arrivals.wake(None, 11)];
        for wake in wakes {
            let mut waiting = vec![arrivals.of(account(&[1]), 10).boxed()];
            assert_eq!(pending(&mut waiting), 1);
            wake();
            assert_eq!(pending(&mut waiting), 0);
        }
    }
}
