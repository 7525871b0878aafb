//! `CachedObjects`: an object store whose segments are read once: parts that were read lately stay in memory, within a limit.
//!
//! Only parts of segments are kept, which never change and whose names are never used again. Indexes, footers and filters that are
//! in use are in memory anyway (`segment.rs`, `filter_cache.rs`).

use crate::state::lock;
use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::BoxStream;
use object_store::path::Path;
use object_store::{
    CopyOptions, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, PutMultipartOptions,
    PutOptions, PutPayload, PutResult, Result,
};
use std::collections::HashMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};

/// What a part takes besides its bytes: name, place in the map, allocation.
const PART_OVERHEAD_BYTES: usize = 200;

/// Parts in two generations, as in `filter_cache.rs`.
#[derive(Debug)]
pub(crate) struct CachedObjects {
    inner: Arc<dyn ObjectStore>,
    generation_bytes_max: usize,
    generations: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: HashMap<(Path, Range<u64>), Bytes>,
    young_bytes: usize,
    old: HashMap<(Path, Range<u64>), Bytes>,
}

impl CachedObjects {
    /// A cache of so many bytes in front of `inner`.
    pub(crate) fn new(inner: Arc<dyn ObjectStore>, bytes_max: usize) -> Self {
        Self { inner, generation_bytes_max: bytes_max / 2, generations: Mutex::default() }
    }

    fn find(&self, key: (Path, Range<u64>)) -> Option<Bytes> {
        let mut generations = lock(&self.generations);
        if let Some(part) = generations.young.get(&key) {
            return Some(part.clone());
        }
        let part = generations.old.remove(&key)?;
        self.keep(&mut generations, key, part.clone());
        Some(part)
    }

    fn keep(&self, generations: &mut Generations, key: (Path, Range<u64>), part: Bytes) {
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

impl std::fmt::Display for CachedObjects {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cached {}", self.inner)
    }
}

#[async_trait]
impl ObjectStore for CachedObjects {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        self.inner.put_opts(location, payload, options).await
    }

    async fn put_multipart_opts(
        &self,
        location: &Path,
        options: PutMultipartOptions,
    ) -> Result<Box<dyn MultipartUpload>> {
        self.inner.put_multipart_opts(location, options).await
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.inner.get_opts(location, options).await
    }

    async fn get_ranges(&self, location: &Path, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        let mut parts: Vec<Option<Bytes>> =
            ranges.iter().map(|range| self.find((location.clone(), range.clone()))).collect();
        let missing: Vec<Range<u64>> =
            ranges.iter().zip(&parts).filter(|(_, part)| part.is_none()).map(|(range, _)| range.clone()).collect();
        if !missing.is_empty() {
            let read = self.inner.get_ranges(location, &missing).await?;
            let mut generations = lock(&self.generations);
            let places = parts.iter_mut().filter(|part| part.is_none());
            for ((place, range), part) in places.zip(missing).zip(read) {
                // A copy: the part may be a piece of something larger, which would stay with it.
                self.keep(&mut generations, (location.clone(), range), Bytes::copy_from_slice(&part));
                *place = Some(part);
            }
        }
        Ok(parts.into_iter().flatten().collect())
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.inner.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.inner.list(prefix)
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.inner.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.inner.copy_opts(from, to, options).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use object_store::ObjectStoreExt;
    use object_store::memory::InMemory;

    #[tokio::test]
    async fn a_part_is_read_once_while_there_is_room() {
        let objects = Arc::new(InMemory::new());
        let path = Path::from("segments/logs/1.parquet");
        objects.put(&path, vec![7; 10_000].into()).await.unwrap();
        let cached = CachedObjects::new(Arc::clone(&objects) as _, 8_000);
        let ranges = [0..1_000, 5_000..6_000];
        let read = cached.get_ranges(&path, &ranges).await.unwrap();
        objects.delete(&path).await.unwrap();
        assert_eq!(cached.get_ranges(&path, &ranges).await.unwrap(), read);
        assert!(cached.get_ranges(&path, &[0..1_001]).await.is_err(), "what was not read is not there");
        objects.put(&path, vec![7; 10_000].into()).await.unwrap();
        for at in 0..20 {
            cached.get_ranges(&path, &[at..at + 900]).await.unwrap();
        }
        let generations = lock(&cached.generations);
        let kept: usize = generations.young.values().chain(generations.old.values()).map(Bytes::len).sum();
        assert!((1_800..=8_000).contains(&kept), "{kept} bytes are kept");
    }
}
