//! `SeriesCache`: one shared `SeriesKey` per metric, found without allocating, because clients repeat the same few metrics.

use foldhash::quality::RandomState;
use model::{Scope, SeriesKey};
use std::collections::HashMap;
use std::convert::Infallible;
use std::hash::BuildHasher;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// Locks, so that concurrent calls seldom wait for each other. A power of two.
const SHARDS: usize = 16;
/// Most bytes of spellings in a shard; a full shard starts over, which costs its metrics one allocation each.
const SHARD_BYTES_MAX: usize = 2 * 1024 * 1024;
/// What an entry takes besides its text, so that short spellings are bounded too.
const ENTRY_BYTES: usize = 64;
/// Stands before the spelling of another protocol, where the length of a name would be: no name is as long.
const FOREIGN: u32 = u32::MAX;

/// Keys seen lately. It only saves work: what it forgets is made again.
#[derive(Debug)]
pub struct SeriesCache {
    shards: Vec<Mutex<Shard>>,
    hasher: RandomState,
}

#[derive(Debug, Default)]
struct Shard {
    /// By the hash of the spelling; two metrics with one hash take turns.
    keys: HashMap<u64, Known, RandomState>,
    bytes: usize,
}

#[derive(Debug)]
struct Known {
    spelling: Box<[u8]>,
    key: Arc<SeriesKey>,
}

/// The metrics of one request: what they share is spelled once.
#[derive(Debug)]
pub struct Metrics<'a> {
    scope: &'a Scope,
    namespace: &'a str,
    /// The parts of a series, each with its length before it: first those that all metrics share, then those of the last one.
    spelling: Vec<u8>,
    shared_bytes: usize,
}

impl SeriesCache {
    /// The cache of this process.
    pub fn shared() -> &'static Self {
        static SHARED: LazyLock<SeriesCache> = LazyLock::new(|| SeriesCache {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            hasher: RandomState::default(),
        });
        &SHARED
    }

    fn key<E>(&self, spelling: &[u8], make: impl FnOnce() -> Result<SeriesKey, E>) -> Result<Arc<SeriesKey>, E> {
        let hash = self.hasher.hash_one(spelling);
        let Some(shard) = self.shards.get(hash as usize % SHARDS) else { return make().map(Arc::new) };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = shard.keys.get(&hash)
            && *known.spelling == *spelling
        {
            return Ok(Arc::clone(&known.key));
        }
        let key = Arc::new(make()?);
        let bytes = ENTRY_BYTES + spelling.len();
        // Other protocols can spell a metric at any length, with labels that mean nothing.
        if bytes > SHARD_BYTES_MAX {
            return Ok(key);
        }
        if shard.bytes + bytes > SHARD_BYTES_MAX {
            *shard = Shard::default();
        }
        shard.bytes += bytes;
        shard.keys.insert(hash, Known { spelling: spelling.into(), key: Arc::clone(&key) });
        Ok(key)
    }
}

impl<'a> Metrics<'a> {
    /// The metrics of a namespace.
    pub fn new(scope: &'a Scope, namespace: &'a str) -> Self {
        let mut spelling = Vec::with_capacity(256);
        for part in [&scope.account, &scope.region, namespace] {
            spell(&mut spelling, part);
        }
        Self { scope, namespace, shared_bytes: spelling.len(), spelling }
    }

    /// The key of one metric; `dimensions` are sorted by name, names unique, `unit` is one of CloudWatch's.
    pub fn key<'d, D>(&mut self, name: &str, dimensions: D, unit: &str) -> Arc<SeriesKey>
    where
        D: Iterator<Item = (&'d str, &'d str)> + Clone,
    {
        self.spelling.truncate(self.shared_bytes);
        spell(&mut self.spelling, name);
        spell(&mut self.spelling, unit);
        for (name, value) in dimensions.clone() {
            spell(&mut self.spelling, name);
            spell(&mut self.spelling, value);
        }
        let dimensions = || dimensions.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let make = || Ok::<_, Infallible>(self.made(name.to_owned(), dimensions(), unit));
        let Ok(key) = SeriesCache::shared().key(&self.spelling, make);
        key
    }

    /// The key of one metric without a unit, from how another protocol spells it: `make` reads its name and its dimensions, which are sorted
    /// and unique, where the spelling is new.
    pub fn spelled<E>(
        &mut self,
        spelling: &[u8],
        make: impl FnOnce() -> Result<(String, Vec<(String, String)>), E>,
    ) -> Result<Arc<SeriesKey>, E> {
        self.spelling.truncate(self.shared_bytes);
        self.spelling.extend_from_slice(&FOREIGN.to_le_bytes());
        self.spelling.extend_from_slice(spelling);
        SeriesCache::shared()
            .key(&self.spelling, || make().map(|(name, dimensions)| self.made(name, dimensions, "None")))
    }

    fn made(&self, name: String, dimensions: Vec<(String, String)>, unit: &str) -> SeriesKey {
        SeriesKey {
            account: self.scope.account.clone(),
            region: self.scope.region.clone(),
            namespace: self.namespace.to_owned(),
            name,
            dimensions,
            unit: unit.to_owned(),
        }
    }
}

/// Lengths go first, so that no two lists of parts are spelled alike.
fn spell(spelling: &mut Vec<u8>, part: &str) {
    spelling.extend_from_slice(&(part.len() as u32).to_le_bytes());
    spelling.extend_from_slice(part.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_metrics_share_one_key_and_others_do_not() {
        let scope = Scope { account: "1".into(), region: "r".into() };
        let dimensions = || [("a", "b")].into_iter();
        let mut metrics = Metrics::new(&scope, "N");
        let key = metrics.key("m", dimensions(), "None");
        assert!(Arc::ptr_eq(&key, &metrics.key("m", dimensions(), "None")));
        assert_ne!(key, metrics.key("m", dimensions(), "Count"));
        assert_ne!(key, metrics.key("n", dimensions(), "None"));
        assert_ne!(key, metrics.key("m", std::iter::empty(), "None"));
        assert_ne!(key, Metrics::new(&scope, "O").key("m", dimensions(), "None"));
        assert_eq!(key.dimensions, vec![("a".to_owned(), "b".to_owned())]);
    }

    #[test]
    fn a_spelling_of_another_protocol_is_read_once() {
        let scope = Scope { account: "1".into(), region: "r".into() };
        let mut metrics = Metrics::new(&scope, "another");
        let made = |name: &str| Ok::<_, &str>((name.to_owned(), vec![]));
        let key = metrics.spelled(b"m", || made("m")).unwrap();
        assert!(Arc::ptr_eq(&key, &metrics.spelled(b"m", || Err("asked again")).unwrap()));
        assert_eq!(key, metrics.key("m", std::iter::empty(), "None"));
        assert_eq!(metrics.spelled(b"n", || Err("wrong")), Err("wrong"));
        assert_eq!(metrics.spelled(b"n", || made("n")).unwrap().name, "n", "what is wrong is not remembered");
    }

    #[test]
    fn a_full_shard_starts_over_and_answers_all_the_same() {
        let cache =
            SeriesCache { shards: (0..SHARDS).map(|_| Mutex::default()).collect(), hasher: RandomState::default() };
        for number in 0..40u32 {
            let spelling = [number.to_le_bytes().as_slice(), &vec![b'x'; SHARD_BYTES_MAX / 2]].concat();
            let make = || Ok::<_, Infallible>(SeriesKey { name: number.to_string(), ..SeriesKey::default() });
            let Ok(key) = cache.key(&spelling, make);
            assert_eq!(key.name, number.to_string());
            assert!(cache.shards.iter().all(|shard| shard.lock().unwrap().bytes <= SHARD_BYTES_MAX));
        }
        let Ok(long) = cache.key(&vec![b'x'; SHARD_BYTES_MAX], || Ok::<_, Infallible>(SeriesKey::default()));
        assert_eq!(Arc::strong_count(&long), 1, "what is too long is not remembered");
    }
}
