//! `SeriesCache`: one shared `SeriesKey` per metric, found without allocating, because clients repeat the same few metrics.

use foldhash::quality::RandomState;
use model::{Scope, SeriesKey};
use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use wire::cloudwatch::Dimension;

/// Locks, so that concurrent calls seldom wait for each other. A power of two.
const SHARDS: usize = 16;
/// Most keys in a shard; a full shard starts over, which costs its metrics one allocation each.
const SHARD_KEYS_MAX: usize = 8_192;

/// Keys seen lately. It only saves work: what it forgets is made again.
#[derive(Debug)]
pub struct SeriesCache {
    shards: Vec<Mutex<HashMap<u64, Arc<SeriesKey>>>>,
    hasher: RandomState,
}

/// A metric as a request spells it; `dimensions` are sorted by name.
#[derive(Debug)]
pub struct Metric<'a> {
    /// Account and region.
    pub scope: &'a Scope,
    /// CloudWatch namespace.
    pub namespace: &'a str,
    /// Metric name.
    pub name: &'a str,
    /// Sorted by name, names unique.
    pub dimensions: &'a [Dimension],
    /// One of CloudWatch's units.
    pub unit: &'a str,
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

    /// The key of `metric`.
    pub fn key(&self, metric: &Metric<'_>) -> Arc<SeriesKey> {
        let hash = metric.hash(&self.hasher);
        let Some(shard) = self.shards.get(hash as usize % SHARDS) else { return Arc::new(metric.to_key()) };
        let mut shard = shard.lock().unwrap_or_else(PoisonError::into_inner);
        match shard.get(&hash) {
            Some(key) if metric.is(key) => return Arc::clone(key),
            // Two metrics with one hash take turns in its place.
            Some(_) => {}
            None if shard.len() >= SHARD_KEYS_MAX => shard.clear(),
            None => {}
        }
        let key = Arc::new(metric.to_key());
        shard.insert(hash, Arc::clone(&key));
        key
    }
}

impl Metric<'_> {
    fn hash(&self, hasher: &RandomState) -> u64 {
        let mut state = hasher.build_hasher();
        (&self.scope.account, &self.scope.region, self.namespace, self.name, self.unit).hash(&mut state);
        for dimension in self.dimensions {
            (&dimension.name, &dimension.value).hash(&mut state);
        }
        state.finish()
    }

    fn is(&self, key: &SeriesKey) -> bool {
        key.name == self.name
            && key.unit == self.unit
            && key.namespace == self.namespace
            && key.account == self.scope.account
            && key.region == self.scope.region
            && key.dimensions.len() == self.dimensions.len()
            && key.dimensions.iter().zip(self.dimensions).all(|((name, value), d)| *name == d.name && *value == d.value)
    }

    fn to_key(&self) -> SeriesKey {
        SeriesKey {
            account: self.scope.account.clone(),
            region: self.scope.region.clone(),
            namespace: self.namespace.to_owned(),
            name: self.name.to_owned(),
            dimensions: self.dimensions.iter().map(|d| (d.name.clone(), d.value.clone())).collect(),
            unit: self.unit.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_metrics_share_one_key_and_others_do_not() {
        let scope = Scope { account: "1".into(), region: "r".into() };
        let dimensions = [Dimension { name: "a".into(), value: "b".into() }];
        let metric = |name, unit| Metric { scope: &scope, namespace: "N", name, dimensions: &dimensions, unit };
        let cache = SeriesCache::shared();
        let key = cache.key(&metric("m", "None"));
        assert!(Arc::ptr_eq(&key, &cache.key(&metric("m", "None"))));
        assert_ne!(key, cache.key(&metric("m", "Count")));
        assert_ne!(key, cache.key(&metric("n", "None")));
        assert_eq!(key.dimensions, vec![("a".to_owned(), "b".to_owned())]);
    }
}
