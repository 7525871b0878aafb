//! `Used`: the attempts to sign in that have come back: none comes back twice. Bounded; time comes in.

use super::ATTEMPT_MS_MAX;
use ::gateway::shares::{Holder, Share, Shares};
use model::Timestamp;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

/// Most attempts that are remembered, shared out by address: some 4 MB. Each is as long as its cookie is good.
pub(super) const USED_MAX: usize = 16 * 1024;

/// Attempts by their states. One for the life of the process, as the key that seals attempts is.
#[derive(Debug)]
pub(super) struct Used {
    shares: Shares,
    known: Mutex<HashMap<String, (Timestamp, Share)>>,
}

/// Why an attempt does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotUsable {
    /// It has come back before.
    Again,
    /// Too many of this address, or of all, have come back of late to remember one more.
    Full,
}

impl Used {
    pub(super) fn new() -> Self {
        Self { shares: Shares::new(USED_MAX), known: Mutex::default() }
    }

    /// Uses up the attempt of this state, which comes back from `holder`.
    pub(super) fn put(&self, state: &str, holder: Holder, now: Timestamp) -> Result<(), NotUsable> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.contains_key(state) {
            return Err(NotUsable::Again);
        }
        let share = self.shares.take(holder.clone(), 1).or_else(|| {
            // A cookie is older than its coming back.
            known.retain(|_, (at, _)| now - *at < ATTEMPT_MS_MAX);
            self.shares.take(holder, 1)
        });
        known.insert(state.to_owned(), (now, share.ok_or(NotUsable::Full)?));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    const NOW: Timestamp = Timestamp(1_795_000_000_000);

    #[test]
    fn attempts_come_back_once_and_are_forgotten_when_their_cookies_are_no_good() {
        let used = Used::new();
        let at = |last: u8| Holder::at(IpAddr::from([192, 0, 2, last]));
        assert_eq!(used.put("a", at(1), NOW), Ok(()));
        assert_eq!(used.put("a", at(1), NOW + ATTEMPT_MS_MAX - 1), Err(NotUsable::Again));
        assert_eq!(used.put("a", at(2), NOW + 1), Err(NotUsable::Again), "from wherever");
        let begun = (0..USED_MAX).take_while(|n| used.put(&n.to_string(), at(1), NOW + 1) == Ok(())).count();
        assert_eq!(begun, USED_MAX / 2 - 1, "one address has half");
        assert_eq!(used.put("b", at(1), NOW + 1), Err(NotUsable::Full));
        assert_eq!(used.put("b", at(2), NOW + 1), Ok(()), "and another what it needs");
        assert_eq!(used.put("0", at(2), NOW + ATTEMPT_MS_MAX), Err(NotUsable::Again), "its cookie may be good yet");
        assert_eq!(used.put("c", at(1), NOW + ATTEMPT_MS_MAX), Ok(()), "the first one is forgotten");
        assert_eq!(used.put("d", at(1), NOW + ATTEMPT_MS_MAX), Err(NotUsable::Full));
        assert_eq!(used.put("d", at(1), NOW + ATTEMPT_MS_MAX + 1), Ok(()), "and then the others");
    }
}
