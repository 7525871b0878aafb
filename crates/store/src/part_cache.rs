//! `PartCache`: parts of segments in another object store that were read lately, in memory, within a limit.
//!
//! Only parts of segments are kept, which never change and whose names are never used again, and only after their checksums were right
//! (`segment/reader.rs`). Indexes, footers and filters that are in use are in memory anyway (`segment.rs`, `filter_cache.rs`).

use crate::state::lock;
use bytes::Bytes;
use object_store::path::Path;
use std::collections::HashMap;
use std::ops::Range;
use std::sync::Mutex;

/// What a part takes besides its bytes: name, place in the map, allocation.
const PART_OVERHEAD_BYTES: usize = 200;

/// Parts in two generations, as in `filter_cache.rs`.
#[derive(Debug)]
pub(crate) struct PartCache {
    generation_bytes_max: usize,
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<(Path, Range<u64>), Bytes>,
    young_bytes: usize,
    old: HashMap<(Path, Range<u64>), Bytes>,
}

impl PartCache {
    /// A cache of so many bytes.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { generation_bytes_max: bytes_max / 2, generations: Mutex::default() }
    }

    /// A part that is kept.
    pub(crate) fn find(&self, path: &Path, range: &Range<u64>) -> Option<Bytes> {
        let key = (path.clone(), range.clone());
        let mut generations = lock(&self.generations);
        if let Some(part) = generations.young.get(&key) {
            return Some(part.clone());
        }
        let part = generations.old.remove(&key)?;
        self.put(&mut generations, key, part.clone());
        Some(part)
    }

    /// Keeps a part that is what was written.
    pub(crate) fn keep(&self, path: &Path, range: Range<u64>, part: &Bytes) {
        // A copy: the part may be a piece of something larger, which would stay with it.
        self.put(&mut lock(&self.generations), (path.clone(), range), Bytes::copy_from_slice(part));
    }

    fn put(&self, generations: &mut Generations, key: (Path, Range<u64>), part: Bytes) {
        let bytes = part.len() + PART_OVERHEAD_BYTES;
        if bytes > self.generation_bytes_max {
            return;
        }
        if generations.young_bytes + bytes > self.generation_bytes_max {
            generations.old = std::mem::take(&mut generations.young);
            generations.young_bytes = 0;
        }
        if generations.young.insert(key, part).is_none() {
            generations.young_bytes += bytes;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_kept_while_there_is_room() {
        let (cache, path) = (PartCache::new(8_000), Path::from("segments/logs/1.parquet"));
        let part = Bytes::from(vec![7; 1_000]);
        assert_eq!(cache.find(&path, &(0..1_000)), None);
        cache.keep(&path, 0..1_000, &part);
        assert_eq!(cache.find(&path, &(0..1_000)), Some(part));
        assert_eq!(cache.find(&path, &(0..1_001)), None, "another part");
        for at in 0..20 {
            cache.keep(&path, at..at + 900, &Bytes::from(vec![7; 900]));
        }
        cache.keep(&path, 0..9_000, &Bytes::from(vec![7; 9_000]));
        let generations = lock(&cache.generations);
        let kept: usize = generations.young.values().chain(generations.old.values()).map(Bytes::len).sum();
        assert!((1_800..=8_000).contains(&kept), "{kept} bytes are kept");
    }
}
