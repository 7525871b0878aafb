//! The token filters of a segment's row groups: read when first needed, kept in the cache.

use super::Segment;
use crate::error::{Error, Result};
use crate::filter_cache::FilterCache;
use crate::token_filter::{Probe, TokenFilter};

impl Segment {
    /// False only when no text of the row group satisfies the probe. Most calls need no read. A damaged or missing filter is an
    /// error: to go on without it would hide that the disk loses data.
    pub(crate) async fn admits(&self, row_group: usize, probe: &Probe, cache: &FilterCache) -> Result<bool> {
        let Some(extent) = self.filters.get(row_group).filter(|_| !probe.is_empty()) else { return Ok(true) };
        let key = (self.entry.id, row_group);
        if let Some(filter) = cache.get(key) {
            return Ok(filter.admits(probe));
        }
        let path = self.entry.filter_path();
        let range = extent.start..extent.start + u64::from(extent.len);
        let mut parts = match self.objects.get_ranges(&path, &[range]).await {
            Err(object_store::Error::NotFound { .. }) => {
                return Err(Error::corrupt(path, 0, "the object of token filters is missing"));
            }
            parts => parts.map_err(Error::object("read", &path))?,
        };
        let bytes = parts.pop().unwrap_or_default();
        if bytes.len() != extent.len as usize || crc32fast::hash(&bytes) != extent.crc {
            return Err(Error::corrupt(path, extent.start, "the checksum of a filter is wrong"));
        }
        let filter = TokenFilter::decode(&bytes)
            .map_err(|reason| Error::corrupt(path, extent.start, format!("a filter {reason}")))?;
        let admits = filter.admits(probe);
        cache.put(key, filter);
        Ok(admits)
    }
}
