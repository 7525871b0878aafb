//! What lies beside the records of a row group: its token filter, read when first needed and kept in the cache, and its fields.

use super::{Extent, Segment, damaged_extents};
use crate::codec::Damage;
use crate::error::{Error, Result};
use crate::filter_cache::{Filter, FilterCache};
use crate::log_fields::Fields;
use crate::search_logs::{KnownRows, TextSearch};
use crate::token_filter::{Probe, TokenFilter};
use bytes::Bytes;
use object_store::path::Path;
use std::ops::Range;

impl Segment {
    /// False only when no text of the row group satisfies the probe. Most calls need no read. A damaged or missing filter is an
    /// error: to go on without it would hide that the disk loses data.
    pub(crate) async fn admits(&self, row_group: usize, probe: &Probe, cache: &FilterCache) -> Result<bool> {
        let Some(extent) = self.filters.get(row_group).filter(|_| !probe.is_empty()) else { return Ok(true) };
        let key = (self.entry.id, row_group, "message");
        if let Some(Filter::Tokens(filter)) = cache.get(key) {
            return Ok(filter.admits(probe));
        }
        let path = self.entry.filter_path();
        let bytes = self.read_beside(&path, extent, "the object of token filters is missing").await?;
        let filter = TokenFilter::decode(&bytes)
            .map_err(|reason| Error::corrupt(path, extent.start, format!("a filter {reason}")))?;
        let admits = filter.admits(probe);
        cache.put(key, Filter::Tokens(filter));
        Ok(admits)
    }

    /// The fields of a row group of logs.
    pub(crate) async fn fields(&self, row_group: usize) -> Result<Option<Fields>> {
        let Some(extent) = self.fields.get(row_group) else { return Ok(None) };
        let path = self.entry.fields_path();
        let bytes = self.read_beside(&path, extent, "the object of fields is missing").await?;
        let fields = Fields::decode(&bytes).map_err(|reason| self.corrupt_fields(reason))?;
        Ok(Some(fields))
    }

    /// What fields tell of a search; `None` when that is nothing.
    pub(crate) async fn known_rows(&self, row_group: usize, search: &TextSearch) -> Result<Option<KnownRows>> {
        if !search.may_be_known() {
            return Ok(None);
        }
        let Some(fields) = self.fields(row_group).await? else { return Ok(None) };
        search.known_rows(&fields).map_err(|reason| self.corrupt_fields(reason))
    }

    /// Fields that are not what they should be.
    pub(crate) fn corrupt_fields(&self, reason: &str) -> Error {
        Error::corrupt(self.entry.fields_path(), 0, format!("the fields of a row group {reason}"))
    }

    /// The objects beside the records that there are, and what each part of them must be.
    pub(crate) fn beside(&self) -> Vec<Beside<'_>> {
        let filter = |bytes: &Bytes, _| TokenFilter::decode(bytes).map(drop);
        let fields = |bytes: &Bytes, rows| Fields::decode(bytes).and_then(|fields| fields.check(rows));
        let sides = [
            Beside { path: self.entry.filter_path(), segment: self, extents: &self.filters, decode: filter },
            Beside { path: self.entry.fields_path(), segment: self, extents: &self.fields, decode: fields },
        ];
        sides.into_iter().filter(|beside| !beside.extents.is_empty()).collect()
    }

    async fn read_beside(&self, path: &Path, extent: &Extent, missing: &str) -> Result<Bytes> {
        let range = extent.start..extent.start + u64::from(extent.len);
        let check = |_: &Range<u64>, bytes: &Bytes| {
            if bytes.len() != extent.len as usize || crc32fast::hash(bytes) != extent.crc {
                return Err(Error::corrupt(path.to_string(), extent.start, "the checksum of a part is wrong"));
            }
            Ok(true)
        };
        match self.fetch_from(path, std::slice::from_ref(&range), check).await {
            Err(Error::ObjectStore { source: object_store::Error::NotFound { .. }, .. }) => {
                Err(Error::corrupt(path.to_string(), 0, missing))
            }
            parts => Ok(parts?.pop().unwrap_or_default()),
        }
    }
}

/// An object of one part for each row group.
pub(crate) struct Beside<'a> {
    pub path: Path,
    segment: &'a Segment,
    extents: &'a [Extent],
    /// Decodes a part of a row group of so many rows.
    decode: fn(&Bytes, u64) -> std::result::Result<(), Damage>,
}

impl Beside<'_> {
    /// Offset and reason of each part of the whole object that is not what was written.
    pub(crate) fn damaged_parts(&self, bytes: &Bytes) -> Vec<(u64, String)> {
        let mut damaged = damaged_extents(self.extents, 0, bytes);
        if damaged.is_empty() {
            for (extent, group) in self.extents.iter().zip(&self.segment.row_groups) {
                let part = bytes.slice(extent.start as usize..extent.start as usize + extent.len as usize);
                let decoded = (self.decode)(&part, group.rows);
                damaged.extend(
                    decoded.err().map(|reason| (extent.start, format!("what is kept of a row group {reason}"))),
                );
            }
        }
        damaged
    }
}
