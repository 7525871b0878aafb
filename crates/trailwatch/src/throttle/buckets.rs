//! Token buckets, one for each caller, of which a bounded number is remembered. Pure: time comes in.

use model::Timestamp;
use model::limits::CALLERS_MAX;
use std::collections::HashMap;

/// How often something may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Rate {
    /// In the long run, per second.
    pub per_second: u32,
    /// At once, after a rest.
    pub burst: u32,
}

/// The buckets of all callers.
#[derive(Debug)]
pub(super) struct Buckets {
    rate: Option<Rate>,
    concurrent: Option<u32>,
    known: HashMap<String, Bucket>,
}

#[derive(Debug, Clone, Copy)]
struct Bucket {
    tokens: f64,
    /// When the tokens were counted.
    at: Timestamp,
    running: u32,
}

impl Bucket {
    fn refill(&mut self, rate: Rate, now: Timestamp) {
        // A clock that is set back gives nothing.
        let elapsed_ms = (now - self.at).max(0);
        self.at = self.at.max(now);
        self.tokens =
            (self.tokens + elapsed_ms as f64 / 1000.0 * f64::from(rate.per_second)).min(f64::from(rate.burst));
    }

    /// True when forgetting it changes nothing.
    fn is_fresh(&self, rate: Option<Rate>) -> bool {
        self.running == 0 && rate.is_none_or(|rate| self.tokens >= f64::from(rate.burst))
    }
}

impl Buckets {
    pub(super) fn new(rate: Option<Rate>, concurrent: Option<u32>) -> Self {
        Self { rate, concurrent, known: HashMap::new() }
    }

    /// Whether `key` may begin one more.
    pub(super) fn has_room(&mut self, key: &str, now: Timestamp) -> bool {
        if self.rate.is_none() && self.concurrent.is_none() {
            return true;
        }
        if self.known.len() >= CALLERS_MAX && !self.known.contains_key(key) {
            self.forget(now);
        }
        let (rate, concurrent) = (self.rate, self.concurrent);
        let tokens = rate.map_or(0.0, |rate| f64::from(rate.burst));
        let bucket = self.known.entry(key.to_owned()).or_insert(Bucket { tokens, at: now, running: 0 });
        if let Some(rate) = rate {
            bucket.refill(rate, now);
        }
        (rate.is_none() || bucket.tokens >= 1.0) && concurrent.is_none_or(|most| bucket.running < most)
    }

    /// Begins one, for which there is room.
    pub(super) fn begin(&mut self, key: &str) {
        if let Some(bucket) = self.known.get_mut(key) {
            bucket.tokens -= 1.0;
            bucket.running += 1;
        }
    }

    /// Ends one.
    pub(super) fn end(&mut self, key: &str) {
        if let Some(bucket) = self.known.get_mut(key) {
            bucket.running = bucket.running.saturating_sub(1);
        }
    }

    /// Makes room: first of buckets that are full, then of the fuller half: the emptier is what the limit is for. What
    /// runs is kept.
    fn forget(&mut self, now: Timestamp) {
        let rate = self.rate;
        self.known.retain(|_, bucket| {
            rate.into_iter().for_each(|rate| bucket.refill(rate, now.max(bucket.at)));
            !bucket.is_fresh(rate)
        });
        if self.known.len() < CALLERS_MAX {
            return;
        }
        let mut tokens: Vec<f64> = self.known.values().map(|bucket| bucket.tokens).collect();
        tokens.sort_by(f64::total_cmp);
        let middle = tokens.get(tokens.len() / 2).copied().unwrap_or_default();
        self.known.retain(|_, bucket| bucket.running > 0 || bucket.tokens < middle);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 2, burst: 3 };

    fn at(ms: i64) -> Timestamp {
        Timestamp(1_700_000_000_000 + ms)
    }

    fn take(buckets: &mut Buckets, key: &str, now: Timestamp) -> bool {
        let has_room = buckets.has_room(key, now);
        if has_room {
            buckets.begin(key);
            buckets.end(key);
        }
        has_room
    }

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate_to_each() {
        let mut buckets = Buckets::new(Some(RATE), None);
        let mut taken = |key: &str, ms: i64| take(&mut buckets, key, at(ms));
        assert_eq!([0, 0, 0, 0].map(|ms| taken("a", ms)), [true, true, true, false]);
        assert!(taken("b", 0), "another's is its own");
        assert_eq!([499, 500, 501, 1000].map(|ms| taken("a", ms)), [false, true, false, true]);
        // A clock set back gives nothing, and takes nothing back.
        assert_eq!([0, 1499, 1500].map(|ms| taken("a", ms)), [false, false, true]);
        assert_eq!([60_000; 4].map(|ms| taken("a", ms)), [true, true, true, false], "no more than the burst gathers");
    }

    #[test]
    fn so_many_run_at_the_same_time() {
        let mut buckets = Buckets::new(None, Some(2));
        for expected in [true, true, false] {
            let has_room = buckets.has_room("a", at(0));
            assert_eq!(has_room, expected);
            has_room.then(|| buckets.begin("a"));
        }
        assert!(buckets.has_room("b", at(0)));
        buckets.end("a");
        assert!(buckets.has_room("a", at(0)));
    }

    #[test]
    fn so_many_are_remembered_and_the_emptiest_longest() {
        let mut buckets = Buckets::new(Some(RATE), None);
        while take(&mut buckets, "greedy", at(0)) {}
        for n in 0..3 * CALLERS_MAX {
            take(&mut buckets, &n.to_string(), at(0));
            assert!(buckets.known.len() <= CALLERS_MAX);
        }
        assert!(!take(&mut buckets, "greedy", at(0)));
        // After a rest all are forgotten, which changes nothing.
        for n in 0..CALLERS_MAX {
            take(&mut buckets, &format!("later {n}"), at(60_000));
        }
        assert!(!buckets.known.contains_key("greedy") && take(&mut buckets, "greedy", at(60_000)));
    }
}
