//! `Sessions`: who is signed in to the console, in memory and bounded, and whose attempts to sign in failed too often.
//!
//! A session is found by the SHA-256 digest of its token, so that neither memory nor the time of a look-up tells a token.

use crate::throttle::network_of;
use model::limits::{
    CONSOLE_ADDRESSES_MAX, CONSOLE_FAILURES_MAX, CONSOLE_FAILURES_MS, CONSOLE_IDLE_MS_MAX, CONSOLE_SESSION_MS_MAX,
    CONSOLE_SESSIONS_MAX,
};
use model::{Caller, Timestamp};
use sha2::{Digest, Sha256};
use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// A session as the calls made in it see it.
#[derive(Debug, Clone)]
pub struct Session {
    /// Who signed in.
    pub caller: Caller,
    /// What each call must show besides the cookie.
    pub csrf: String,
    /// The session token of the caller's access key, where that is a temporary one: with it the console's session ends,
    /// too.
    pub token: Option<String>,
    began: Timestamp,
    used: Timestamp,
}

/// Everybody who is signed in.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    sessions: HashMap<[u8; 32], Session>,
    failures: HashMap<String, Failures>,
}

#[derive(Debug, Clone, Copy)]
struct Failures {
    since: Timestamp,
    count: u32,
}

impl Sessions {
    /// Begins the session that `token` stands for.
    pub fn begin(&self, session: Session, token: &str, now: Timestamp) {
        let mut state = self.state();
        state.failures.remove(&network_of(&session.caller.source_ip));
        state.sessions.retain(|_, session| session.lives(now));
        if state.sessions.len() >= CONSOLE_SESSIONS_MAX {
            let oldest = state.sessions.iter().min_by_key(|(_, session)| session.used).map(|(digest, _)| *digest);
            if let Some(digest) = oldest {
                state.sessions.remove(&digest);
            }
        }
        state.sessions.insert(digest(token), session);
    }

    /// The session of `token`, which is used now; `None` when there is none, or it is over.
    pub fn find(&self, token: &str, now: Timestamp) -> Option<Session> {
        let mut state = self.state();
        let key = digest(token);
        let session = state.sessions.get_mut(&key)?;
        if !session.lives(now) {
            state.sessions.remove(&key);
            return None;
        }
        session.used = now;
        Some(session.clone())
    }

    /// Ends the session of `token`.
    pub fn end(&self, token: &str) {
        self.state().sessions.remove(&digest(token));
    }

    /// How many milliseconds must pass until this address, and its neighbours (`network_of`), may try again; `None`
    /// when they may now.
    pub fn must_wait(&self, address: &str, now: Timestamp) -> Option<i64> {
        let state = self.state();
        let failures =
            state.failures.get(&network_of(address)).filter(|failures| failures.count >= CONSOLE_FAILURES_MAX)?;
        let left = CONSOLE_FAILURES_MS - (now - failures.since);
        (left > 0).then_some(left)
    }

    /// Counts an attempt that failed.
    pub fn failed(&self, address: &str, now: Timestamp) {
        let (mut state, network) = (self.state(), network_of(address));
        state.failures.retain(|_, failures| now - failures.since < CONSOLE_FAILURES_MS);
        if state.failures.len() >= CONSOLE_ADDRESSES_MAX && !state.failures.contains_key(&network) {
            let oldest = state.failures.iter().min_by_key(|(_, failures)| failures.since).map(|(key, _)| key.clone());
            if let Some(address) = oldest {
                state.failures.remove(&address);
            }
        }
        state.failures.entry(network).or_insert(Failures { since: now, count: 0 }).count += 1;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Session {
    /// One that begins now.
    pub fn new(caller: Caller, csrf: String, token: Option<String>, now: Timestamp) -> Self {
        Self { caller, csrf, token, began: now, used: now }
    }

    fn lives(&self, now: Timestamp) -> bool {
        now - self.used < CONSOLE_IDLE_MS_MAX && now - self.began < CONSOLE_SESSION_MS_MAX
    }
}

fn digest(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::Scope;

    const MINUTE: i64 = 60 * 1000;

    fn session(address: &str, now: Timestamp) -> Session {
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        let caller = Caller { source_ip: address.into(), ..Caller::root(scope, "AKIA") };
        Session::new(caller, "c".into(), None, now)
    }

    fn at(minutes: i64) -> Timestamp {
        Timestamp(1_700_000_000_000 + minutes * MINUTE)
    }

    #[test]
    fn a_session_ends_when_it_rests_when_it_is_old_and_when_it_is_ended() {
        let sessions = Sessions::default();
        let begin = |token: &str| sessions.begin(session("::1", at(0)), token, at(0));
        begin("rests");
        assert!(sessions.find("rests", at(29)).is_some() && sessions.find("rests", at(58)).is_some());
        assert!(sessions.find("rests", at(88)).is_none());
        begin("old");
        assert!((1..36).all(|n| sessions.find("old", at(n * 20)).is_some()));
        assert!(sessions.find("old", at(720)).is_none());
        begin("ended");
        sessions.end("ended");
        assert!(sessions.find("ended", at(0)).is_none());
        assert!(sessions.find("", at(0)).is_none());
    }

    #[test]
    fn the_session_that_was_used_longest_ago_makes_room() {
        let sessions = Sessions::default();
        for n in 0..CONSOLE_SESSIONS_MAX {
            sessions.begin(session("::1", at(0)), &n.to_string(), at(0));
        }
        for n in (0..CONSOLE_SESSIONS_MAX).filter(|n| *n != 7) {
            assert!(sessions.find(&n.to_string(), at(1)).is_some());
        }
        sessions.begin(session("::1", at(2)), "one more", at(2));
        assert!(sessions.find("7", at(2)).is_none());
        assert!(sessions.find("8", at(2)).is_some() && sessions.find("one more", at(2)).is_some());
    }

    #[test]
    fn an_address_that_failed_too_often_waits_and_others_do_not() {
        let sessions = Sessions::default();
        for _ in 0..CONSOLE_FAILURES_MAX {
            assert_eq!(sessions.must_wait("10.0.0.1", at(1)), None);
            sessions.failed("10.0.0.1", at(1));
        }
        assert_eq!(sessions.must_wait("10.0.0.1", at(2)), Some(4 * MINUTE));
        assert_eq!(sessions.must_wait("10.0.0.2", at(2)), None);
        for n in 0..CONSOLE_FAILURES_MAX {
            sessions.failed(&format!("2001:db8:0:1::{n}"), at(1));
        }
        assert_eq!(sessions.must_wait("2001:db8:0:1::ffff", at(2)), Some(4 * MINUTE), "one site has many addresses");
        assert_eq!(sessions.must_wait("2001:db8:0:2::1", at(2)), None);
        assert_eq!(sessions.must_wait("10.0.0.1", at(6)), None);
        // One success, and the count begins anew.
        sessions.failed("10.0.0.3", at(6));
        sessions.begin(session("10.0.0.3", at(6)), "t", at(6));
        for _ in 1..CONSOLE_FAILURES_MAX {
            sessions.failed("10.0.0.3", at(6));
        }
        assert_eq!(sessions.must_wait("10.0.0.3", at(6)), None);
        for n in 0..CONSOLE_ADDRESSES_MAX + 10 {
            sessions.failed(&format!("a{n}"), at(7));
        }
        assert_eq!(sessions.state().failures.len(), CONSOLE_ADDRESSES_MAX);
    }
}
