//! Encodes a segment: row groups go in sorted, the Parquet object and its index come out.

use super::{Extent, Keys, Kind, RowGroup, Segment, SegmentEntry, index};
use crate::error::{Error, Result};
use crate::part_cache::PartCache;
use crate::series::SeriesIndex;
use arrow_array::RecordBatch;
use bytes::Bytes;
use model::Timestamp;
use object_store::path::Path;
use object_store::{ObjectStore, PutOptions, PutPayload};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::ParquetMetaData;
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use tokio::sync::OnceCell;

/// Data pages are small, so that a scan which wants few rows decompresses little.
const PAGE_ROWS_MAX: usize = 4096;
const PAGE_BYTES_MAX: usize = 256 * 1024;

/// What all three kinds have in common: zstd level 1 (level 3 is slower and no smaller on logs), statistics, small pages.
pub(super) fn common_properties() -> WriterPropertiesBuilder {
    WriterProperties::builder()
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_data_page_row_count_limit(PAGE_ROWS_MAX)
        .set_data_page_size_limit(PAGE_BYTES_MAX)
        .set_max_row_group_row_count(None)
        .set_created_by(concat!("trailwatch ", env!("CARGO_PKG_VERSION")).to_owned())
}

/// Takes batches, each of which becomes one row group.
pub(crate) struct SegmentWriter {
    id: u64,
    kind: Kind,
    writer: ArrowWriter<Vec<u8>>,
    row_groups: Vec<RowGroup>,
    filters: SideObject,
    fields: SideObject,
    rows: u64,
}

/// An object beside the Parquet object, of one checksummed part for each row group, or of nothing.
#[derive(Default)]
struct SideObject {
    extents: Vec<Extent>,
    bytes: Vec<u8>,
}

impl SideObject {
    fn add(&mut self, part: &[u8]) -> Result<()> {
        let len =
            u32::try_from(part.len()).map_err(|_| Error::Bug("a part of an object is longer than 4 GiB".into()))?;
        self.extents.push(Extent { start: self.bytes.len() as u64, len, crc: crc32fast::hash(part) });
        self.bytes.extend_from_slice(part);
        Ok(())
    }
}

impl SegmentWriter {
    /// An empty segment. Batches of `row_group_rows` rows at most will come.
    pub(crate) fn new(id: u64, kind: Kind, row_group_rows: usize) -> Result<Self> {
        let (schema, properties) = match kind {
            Kind::Logs => (super::logs::schema(), super::logs::properties()),
            Kind::Metrics => (super::metrics::schema(), super::metrics::properties()),
            Kind::Events => (super::events::schema(), super::events::properties(row_group_rows)),
        };
        let encode = || Error::parquet("encode", &Path::default());
        let mut options = ArrowWriterOptions::new().with_properties(properties);
        if kind == Kind::Events {
            options = options.with_parquet_schema(super::events::parquet_schema().map_err(encode())?);
        }
        let writer = ArrowWriter::try_new_with_options(Vec::new(), schema, options).map_err(encode())?;
        let (filters, fields) = Default::default();
        Ok(Self { id, kind, writer, row_groups: Vec::new(), filters, fields, rows: 0 })
    }

    /// Rows written so far.
    pub(crate) fn rows(&self) -> u64 {
        self.rows
    }

    /// Writes one row group, which is not empty.
    pub(crate) fn write(&mut self, batch: &RecordBatch, min_time: Timestamp, max_time: Timestamp) -> Result<()> {
        let encode = || Error::parquet("encode", &Path::default());
        self.writer.write(batch).map_err(encode())?;
        self.writer.flush().map_err(encode())?;
        let rows = batch.num_rows() as u64;
        self.row_groups.push(RowGroup { first_row: self.rows, rows, min_time, max_time });
        self.rows += rows;
        Ok(())
    }

    /// Adds the token filter of the next row group. A segment has a filter for each row group, or none.
    pub(crate) fn add_filter(&mut self, filter: &[u8]) -> Result<()> {
        self.filters.add(filter)
    }

    /// Adds the fields of the next row group, which each has or none.
    pub(crate) fn add_fields(&mut self, fields: &[u8]) -> Result<()> {
        self.fields.add(fields)
    }

    /// Ends the segment. `series` knows the keys of the numbers in `keys`.
    pub(crate) fn finish(mut self, keys: Keys, series: &SeriesIndex) -> Result<EncodedSegment> {
        let encode = || Error::parquet("encode", &Path::default());
        let metadata = self.writer.finish().map_err(encode())?;
        let parquet = Bytes::from(std::mem::take(self.writer.inner_mut()));
        let (tail, extents) = extents(&metadata, &parquet);
        let entry = SegmentEntry {
            id: self.id,
            kind: self.kind,
            bytes: parquet.len() as u64,
            rows: self.rows,
            min_time: self.row_groups.iter().map(|group| group.min_time.0).min().unwrap_or(0),
            max_time: self.row_groups.iter().map(|group| group.max_time.0).max().unwrap_or(0),
        };
        let sides = [&self.filters.extents[..], &self.fields.extents[..]];
        let index = index::encode(&entry, tail, &extents, &self.row_groups, sides, &keys, series)
            .map_err(|error| Error::Bug(format!("compress an index: {error}")))?;
        Ok(EncodedSegment {
            entry,
            row_groups: self.row_groups,
            keys,
            tail,
            extents,
            filters: self.filters,
            fields: self.fields,
            parquet,
            index: index.into(),
        })
    }
}

/// Where the tail begins, and the checksums of all parts that are read on their own, in order.
fn extents(metadata: &ParquetMetaData, parquet: &Bytes) -> (u64, Vec<Extent>) {
    let mut parts: Vec<(u64, u64)> = Vec::new();
    let mut tail = parquet.len() as u64;
    for (at, group) in metadata.row_groups().iter().enumerate() {
        for (column, chunk) in group.columns().iter().enumerate() {
            let (start, len) = chunk.byte_range();
            let pages = metadata.offset_index().and_then(|index| index.get(at)?.get(column));
            let first_page = pages.and_then(|pages| Some(pages.page_locations().first()?.offset as u64));
            match (pages, first_page) {
                (Some(pages), Some(first_page)) => {
                    parts.push((start, first_page.saturating_sub(start)));
                    let pages = pages.page_locations().iter();
                    parts.extend(pages.map(|page| (page.offset as u64, page.compressed_page_size as u64)));
                }
                _ => parts.push((start, len)),
            }
            if let (Some(start), Some(len)) = (chunk.bloom_filter_offset(), chunk.bloom_filter_length()) {
                parts.push((start as u64, len as u64));
            }
            for start in [chunk.column_index_offset(), chunk.offset_index_offset()].into_iter().flatten() {
                tail = tail.min(start as u64);
            }
        }
    }
    parts.push((tail, parquet.len() as u64 - tail));
    parts.retain(|(_, len)| *len > 0);
    parts.sort_unstable();
    let extents = parts.into_iter().filter_map(|(start, len)| {
        let bytes = parquet.get(start as usize..(start + len) as usize)?;
        Some(Extent { start, len: u32::try_from(len).ok()?, crc: crc32fast::hash(bytes) })
    });
    (tail, extents.collect())
}

/// A segment that is not stored yet.
pub(crate) struct EncodedSegment {
    pub entry: SegmentEntry,
    row_groups: Vec<RowGroup>,
    keys: Keys,
    tail: u64,
    extents: Vec<Extent>,
    filters: SideObject,
    fields: SideObject,
    parquet: Bytes,
    index: Bytes,
}

impl EncodedSegment {
    /// Puts the objects. They are orphans until a manifest lists them. Parts that are read of them later are kept in `cache`.
    pub(crate) async fn put(
        self,
        objects: &Arc<dyn ObjectStore>,
        cache: Option<&Arc<PartCache>>,
    ) -> Result<Arc<Segment>> {
        let mut parts = vec![(self.entry.path(), self.parquet), (self.entry.index_path(), self.index)];
        for (path, side) in
            [(self.entry.filter_path(), self.filters.bytes), (self.entry.fields_path(), self.fields.bytes)]
        {
            if !side.is_empty() {
                parts.push((path, side.into()));
            }
        }
        for (path, bytes) in parts {
            let put = objects.put_opts(&path, PutPayload::from_bytes(bytes), PutOptions::default());
            put.await.map_err(Error::object("write", &path))?;
        }
        Ok(Arc::new(Segment {
            entry: self.entry,
            row_groups: self.row_groups,
            keys: self.keys,
            tail: self.tail,
            extents: self.extents,
            filters: self.filters.extents,
            fields: self.fields.extents,
            objects: Arc::clone(objects),
            cache: cache.cloned(),
            is_leaving: AtomicBool::new(false),
            footer: OnceCell::new(),
            dictionary_footer: OnceCell::new(),
            sequences: OnceCell::new(),
        }))
    }
}
