//! Filters of row groups in memory, least recently used out first, within a limit of bytes.

use crate::state::lock;
use crate::token_filter::TokenFilter;
use parquet::bloom_filter::Sbbf;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};

/// Segment id (never used again), row group and column.
pub(crate) type Key = (u64, usize, &'static str);

/// A filter of a column of a row group.
#[derive(Debug, Clone)]
pub(crate) enum Filter {
    /// The token filter of a column of texts.
    Tokens(TokenFilter),
    /// Parquet's Bloom filter, and the bytes that it takes; `None` where the row group has none.
    Bloom(Option<Arc<Sbbf>>, usize),
}

impl Filter {
    /// Bytes of memory that it takes.
    fn bytes(&self) -> usize {
        match self {
            Filter::Tokens(filter) => filter.bytes(),
            Filter::Bloom(_, bytes) => size_of::<Self>() + bytes,
        }
    }
}

/// The filters in two generations: a new one begins when the young one is half of the limit, and the one before the last goes.
/// So what was asked for lately stays, and asking costs one look-up.
#[derive(Debug)]
pub(crate) struct FilterCache {
    generation_bytes_max: usize,
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<Key, Filter>,
    young_bytes: usize,
    old: HashMap<Key, Filter>,
}

impl FilterCache {
    /// An empty cache.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { generation_bytes_max: bytes_max / 2, generations: Mutex::default() }
    }

    /// The filter of a row group, if it is there.
    pub(crate) fn get(&self, key: Key) -> Option<Filter> {
        let mut generations = lock(&self.generations);
        if let Some(filter) = generations.young.get(&key) {
            return Some(filter.clone());
        }
        let filter = generations.old.remove(&key)?;
        self.put_young(&mut generations, key, filter.clone());
        Some(filter)
    }

    /// Keeps a filter for a while; one that is too large for the cache not at all.
    pub(crate) fn put(&self, key: Key, filter: Filter) {
        self.put_young(&mut lock(&self.generations), key, filter);
    }

    fn put_young(&self, generations: &mut Generations, key: Key, filter: Filter) {
        let bytes = filter.bytes();
        if bytes > self.generation_bytes_max {
            return;
        }
        if generations.young_bytes + bytes > self.generation_bytes_max {
            generations.old = std::mem::take(&mut generations.young);
            generations.young_bytes = 0;
        }
        if generations.young.insert(key, filter).is_none() {
            generations.young_bytes += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::token_filter::FilterBuilder;

    fn filter() -> Filter {
        let mut builder = FilterBuilder::default();
        builder.add("a few words");
        Filter::Tokens(TokenFilter::decode(&builder.finish().into()).unwrap())
    }

    #[test]
    fn what_is_asked_for_stays_and_the_rest_goes() {
        let cache = FilterCache::new(filter().bytes() * 8);
        for row_group in 0..100 {
            cache.put((1, row_group, "a"), filter());
            assert!(cache.get((1, 0, "a")).is_some(), "asked for each time, so it stays");
        }
        let kept = (0..100).filter(|row_group| cache.get((1, *row_group, "a")).is_some()).count();
        assert!((2..=8).contains(&kept), "{kept} are kept");
        assert!(cache.get((1, 99, "a")).is_some() || kept > 4);
    }

    #[test]
    fn a_filter_larger_than_the_cache_is_not_kept() {
        let cache = FilterCache::new(filter().bytes());
        cache.put((1, 0, "a"), filter());
        assert!(cache.get((1, 0, "a")).is_none());
    }
}
