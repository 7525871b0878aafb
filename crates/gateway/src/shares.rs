//! `Shares`: something that clients share, of which none gets so much that nothing is left for the next.
//!
//! A client may take as much as leaves it with no more than was free: one alone gets half, two get a third each, and who
//! has nothing yet always finds something (dynamic thresholds, as switches share out the memory of their queues:
//! Choudhury and Hahne, 1998).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Who has a share.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Holder {
    /// An address; of IPv6 the 64 bits that one site has.
    Address(IpAddr),
    /// An access key id, verified.
    Key(String),
}

impl Holder {
    /// Whoever is at `address`.
    pub fn at(address: IpAddr) -> Self {
        Self::Address(match address.to_canonical() {
            IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
            address => address,
        })
    }
}

/// What is shared; clones are the same.
#[derive(Debug, Clone)]
pub struct Shares {
    all: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    free: usize,
    /// Nobody is in it who has nothing.
    held: HashMap<Holder, usize>,
}

/// What somebody has; given back when it is dropped.
#[derive(Debug)]
pub struct Share {
    of: Shares,
    holder: Holder,
    count: usize,
}

impl Shares {
    /// `all` to share.
    pub fn new(all: usize) -> Self {
        Self { all, state: Arc::new(Mutex::new(State { free: all, held: HashMap::new() })) }
    }

    /// `count` for `holder`; `None` when that is more than its share.
    pub fn take(&self, holder: Holder, count: usize) -> Option<Share> {
        let taken = self.state().take(&holder, count);
        taken.then(|| Share { of: self.clone(), holder, count })
    }

    /// How much is taken.
    pub fn taken(&self) -> usize {
        self.all.saturating_sub(self.state().free)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, holder: &Holder, count: usize) -> bool {
        let held = self.held.get(holder).copied().unwrap_or_default().saturating_add(count);
        // Who asks for nothing keeps what it has, however little is free by now.
        if count > 0 && held > self.free {
            return false;
        }
        self.free = self.free.saturating_sub(count);
        self.held.insert(holder.clone(), held);
        true
    }

    fn give_back(&mut self, holder: &Holder, count: usize) {
        self.free = self.free.saturating_add(count);
        if let Some(held) = self.held.get_mut(holder) {
            *held = held.saturating_sub(count);
            if *held == 0 {
                self.held.remove(holder);
            }
        }
    }
}

impl Share {
    /// How much it is.
    pub fn count(&self) -> usize {
        self.count
    }

    /// Takes `count` more; `false` when that is more than the holder's share.
    pub fn more(&mut self, count: usize) -> bool {
        let taken = self.of.state().take(&self.holder, count);
        if taken {
            self.count = self.count.saturating_add(count);
        }
        taken
    }

    /// Makes it `holder`'s; `false`, and it stays whose it is, when that is more than the share of that one.
    pub fn hand_to(&mut self, holder: Holder) -> bool {
        if holder == self.holder {
            return true;
        }
        let mut state = self.of.state();
        state.give_back(&self.holder, self.count);
        let is_handed = state.take(&holder, self.count);
        if is_handed {
            drop(state);
            self.holder = holder;
        } else {
            // What was there before is so again.
            state.free = state.free.saturating_sub(self.count);
            *state.held.entry(self.holder.clone()).or_default() += self.count;
        }
        is_handed
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.of.state().give_back(&self.holder, self.count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(name: &str) -> Holder {
        Holder::Key(name.into())
    }

    /// As many shares of one as `holder` gets.
    fn all_of(shares: &Shares, holder: &Holder) -> Vec<Share> {
        std::iter::from_fn(|| shares.take(holder.clone(), 1)).collect()
    }

    #[test]
    fn nobody_takes_so_much_that_the_next_gets_nothing() {
        let shares = Shares::new(1024);
        let mut held = Vec::new();
        let mut counts = Vec::new();
        for client in 0..5 {
            let of_client = all_of(&shares, &key(&client.to_string()));
            counts.push(of_client.len());
            held.push(of_client);
        }
        assert_eq!(counts, [512, 256, 128, 64, 32], "of those who come one after the other");
        drop(held.remove(0));
        assert_eq!(all_of(&shares, &key("9")).len(), 272, "half of what is free");
        drop(held);
        assert_eq!(shares.taken(), 0);
        assert!(shares.state().held.is_empty(), "who has nothing is not remembered");
    }

    #[test]
    fn clients_who_take_by_turns_get_the_same() {
        let shares = Shares::new(30);
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..30 {
            a.extend(shares.take(key("a"), 1));
            b.extend(shares.take(key("b"), 1));
        }
        assert_eq!((a.len(), b.len()), (10, 10));
    }

    #[test]
    fn one_place_is_for_whoever_comes_first() {
        let shares = Shares::new(1);
        let only = shares.take(key("a"), 1);
        assert!(only.is_some() && shares.take(key("b"), 1).is_none());
        drop(only);
        assert!(shares.take(key("b"), 1).is_some());
    }

    #[test]
    fn what_is_handed_over_counts_for_who_has_it_now() {
        let shares = Shares::new(8);
        let _ann = all_of(&shares, &key("ann"));
        let mut place = shares.take(key("nobody"), 2).unwrap();
        assert!(!place.hand_to(key("ann")), "she has her share");
        assert!(place.hand_to(key("bob")) && place.hand_to(key("bob")));
        assert!(shares.take(key("nobody"), 2).is_some() && shares.take(key("bob"), 1).is_none());
        assert!(!place.more(1) && place.more(0));
        assert_eq!((place.count(), shares.taken()), (2, 6));
        drop(place);
        assert!(shares.take(key("bob"), 4).is_some());
    }

    #[test]
    fn what_one_sender_has_many_addresses_of_is_one() {
        let at = |address: &str| Holder::at(address.parse().unwrap());
        assert_eq!(at("2001:db8:1:2::3"), at("2001:db8:1:2:ffff::4"));
        assert_ne!(at("2001:db8:1:2::3"), at("2001:db8:1:3::3"));
        assert_eq!(at("::ffff:192.0.2.1"), at("192.0.2.1"));
        assert_ne!(at("192.0.2.1"), at("192.0.2.2"));
    }
}
