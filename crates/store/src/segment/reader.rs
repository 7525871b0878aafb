//! Reads parts of a segment through the object store and checks each against its checksum.

use super::Segment;
use crate::error::{Error, Result};
use crate::filter_cache::{Filter, FilterCache};
use arrow_array::{Array, RecordBatch};
use bytes::Bytes;
use futures::TryStreamExt;
use futures::future::{BoxFuture, FutureExt};
use object_store::path::Path;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use parquet::arrow::async_reader::AsyncFileReader;
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::bloom_filter::Sbbf;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Rows of a batch that is only looked through: few enough for its memory to be used again while it is warm.
const DICTIONARY_BATCH_ROWS: usize = 8192;

impl Segment {
    /// Reads some columns of some rows of one row group. `ranges` are ascending, disjoint and count from the group's start.
    pub(crate) async fn read(
        self: &Arc<Self>,
        row_group: usize,
        ranges: Vec<Range<usize>>,
        columns: &[&str],
    ) -> Result<Vec<RecordBatch>> {
        // One batch, whatever was selected.
        self.read_with(self.builder().await?, usize::MAX, row_group, ranges, columns).await
    }

    /// The same of an event segment, its texts as dictionaries, so that each distinct one is looked at once.
    pub(crate) async fn read_dictionaries(
        self: &Arc<Self>,
        row_group: usize,
        ranges: Vec<Range<usize>>,
        columns: &[&str],
    ) -> Result<Vec<RecordBatch>> {
        let typed = || async {
            let footer = self.footer.get_or_try_init(|| self.read_footer()).await?;
            let options = ArrowReaderOptions::new().with_schema(super::events::dictionary_schema());
            ArrowReaderMetadata::try_new(Arc::clone(footer.metadata()), options)
                .map_err(Error::parquet("read", &self.entry.path()))
        };
        let footer = self.dictionary_footer.get_or_try_init(typed).await?;
        let file = SegmentFile(Arc::clone(self));
        let builder = ParquetRecordBatchStreamBuilder::new_with_metadata(file, footer.clone());
        self.read_with(builder, DICTIONARY_BATCH_ROWS, row_group, ranges, columns).await
    }

    async fn read_with(
        self: &Arc<Self>,
        builder: ParquetRecordBatchStreamBuilder<SegmentFile>,
        batch_rows: usize,
        row_group: usize,
        ranges: Vec<Range<usize>>,
        columns: &[&str],
    ) -> Result<Vec<RecordBatch>> {
        let path = self.entry.path();
        let selected: usize = ranges.iter().map(|range| range.len()).sum();
        let rows = self.row_groups.get(row_group).map_or(0, |group| group.rows as usize);
        if selected == 0 {
            return Ok(Vec::new());
        }
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        let stream = builder
            .with_row_groups(vec![row_group])
            .with_row_selection(RowSelection::from_consecutive_ranges(ranges.into_iter(), rows))
            .with_projection(mask)
            .with_batch_size(selected.min(batch_rows))
            .build()
            .map_err(Error::parquet("read", &path))?;
        let batches: Vec<RecordBatch> = stream.try_collect().await.map_err(Error::parquet("read", &path))?;
        if batches.iter().map(RecordBatch::num_rows).sum::<usize>() != selected {
            return Err(self.corrupt(0, "a row group has fewer rows than its index says"));
        }
        Ok(batches)
    }

    /// The Bloom filter of a column in a row group, where there is one.
    pub(crate) async fn bloom(
        self: &Arc<Self>,
        row_group: usize,
        column: &'static str,
        cache: &FilterCache,
    ) -> Result<Option<Arc<Sbbf>>> {
        let key = (self.entry.id, row_group, column);
        if let Some(Filter::Bloom(bloom, _)) = cache.get(key) {
            return Ok(bloom);
        }
        let mut builder = self.builder().await?;
        let columns = builder.parquet_schema().columns();
        let Some(at) = columns.iter().position(|c| c.path().string() == column) else { return Ok(None) };
        let chunk = builder.metadata().row_groups().get(row_group).and_then(|group| group.columns().get(at));
        let Some(bytes) = chunk.map(|chunk| chunk.bloom_filter_length().unwrap_or(0)) else { return Ok(None) };
        let bloom = builder.get_row_group_column_bloom_filter(row_group, at).await;
        let bloom = bloom.map_err(Error::parquet("read", &self.entry.path()))?.map(Arc::new);
        cache.put(key, Filter::Bloom(bloom.clone(), usize::try_from(bytes).unwrap_or(0)));
        Ok(bloom)
    }

    /// Lowest and highest sequence of a row group, where its statistics have them.
    pub(crate) async fn sequences(self: &Arc<Self>, row_group: usize) -> Result<Option<(u64, u64)>> {
        let footer = self.footer.get_or_try_init(|| self.read_footer()).await?;
        Ok(footer.metadata().row_groups().get(row_group).and_then(sequences_of))
    }

    /// The same of all row groups; everything where there are no statistics. Kept, and the footer is not kept for it: followers
    /// ask this of every segment that their groups are in.
    pub(crate) async fn sequence_ranges(&self) -> Result<&[(u64, u64)]> {
        let read = || async {
            let footer = match self.footer.get() {
                Some(footer) => footer.clone(),
                None => self.read_footer().await?,
            };
            let groups = footer.metadata().row_groups().iter();
            Ok(groups.map(|group| sequences_of(group).unwrap_or((0, u64::MAX))).collect())
        };
        self.sequences.get_or_try_init(read).await.map(Vec::as_slice)
    }

    async fn builder(self: &Arc<Self>) -> Result<ParquetRecordBatchStreamBuilder<SegmentFile>> {
        let footer = self.footer.get_or_try_init(|| self.read_footer()).await?;
        Ok(ParquetRecordBatchStreamBuilder::new_with_metadata(SegmentFile(Arc::clone(self)), footer.clone()))
    }

    /// Parquet's metadata with the index of pages.
    pub(super) async fn metadata(&self) -> Result<Arc<ParquetMetaData>> {
        let footer = self.footer.get_or_try_init(|| self.read_footer()).await?;
        Ok(Arc::clone(footer.metadata()))
    }

    async fn read_footer(&self) -> Result<ArrowReaderMetadata> {
        let path = self.entry.path();
        let bytes = self.fetch(std::slice::from_ref(&(self.tail..self.entry.bytes))).await?.pop().unwrap_or_default();
        let decode = || -> std::result::Result<ArrowReaderMetadata, ParquetError> {
            let mut reader = ParquetMetaDataReader::new().with_page_index_policy(PageIndexPolicy::Optional);
            reader.try_parse_sized(&bytes, self.entry.bytes)?;
            ArrowReaderMetadata::try_new(Arc::new(reader.finish()?), ArrowReaderOptions::new())
        };
        decode().map_err(Error::parquet("read", &path))
    }

    /// Fetches ranges of the Parquet object; whatever has a checksum is checked.
    pub(super) async fn fetch(&self, ranges: &[Range<u64>]) -> Result<Vec<Bytes>> {
        self.fetch_from(&self.entry.path(), ranges, |range, part| self.check(range, part)).await
    }

    /// Fetches ranges of one of the objects, or takes them from memory. `check` answers whether all of a part has checksums, which were
    /// right: such parts are kept.
    pub(super) async fn fetch_from(
        &self,
        path: &Path,
        ranges: &[Range<u64>],
        check: impl Fn(&Range<u64>, &Bytes) -> Result<bool>,
    ) -> Result<Vec<Bytes>> {
        let Some(cache) = &self.cache else {
            let parts = self.objects.get_ranges(path, ranges).await.map_err(Error::object("read", path))?;
            for (range, part) in ranges.iter().zip(&parts) {
                check(range, part)?;
            }
            return Ok(parts);
        };
        let mut parts: Vec<Option<Bytes>> = ranges.iter().map(|range| cache.find(path, range)).collect();
        let missing: Vec<Range<u64>> =
            ranges.iter().zip(&parts).filter(|(_, part)| part.is_none()).map(|(range, _)| range.clone()).collect();
        if !missing.is_empty() {
            let read = self.objects.get_ranges(path, &missing).await.map_err(Error::object("read", path))?;
            let places = parts.iter_mut().filter(|part| part.is_none());
            for ((place, range), part) in places.zip(missing).zip(read) {
                if check(&range, &part)? && !self.is_leaving.load(Ordering::Relaxed) {
                    cache.keep(path, range, &part);
                }
                *place = Some(part);
            }
        }
        Ok(parts.into_iter().flatten().collect())
    }

    /// True when all of the part has checksums.
    fn check(&self, range: &Range<u64>, part: &Bytes) -> Result<bool> {
        if part.len() as u64 != range.end - range.start {
            return Err(self.corrupt(range.start, "the object ends too early"));
        }
        let first = self.extents.partition_point(|extent| extent.start < range.start);
        let mut checked = 0;
        for extent in &self.extents[first..] {
            let end = extent.start + u64::from(extent.len);
            if end > range.end {
                break;
            }
            let bytes = &part[(extent.start - range.start) as usize..(end - range.start) as usize];
            if crc32fast::hash(bytes) != extent.crc {
                return Err(self.corrupt(extent.start, "the checksum is wrong"));
            }
            checked += u64::from(extent.len);
        }
        Ok(checked == range.end - range.start)
    }
}

fn sequences_of(group: &RowGroupMetaData) -> Option<(u64, u64)> {
    let column = group.columns().iter().find(|column| column.column_path().string() == "sequence")?;
    let Statistics::Int64(range) = column.statistics()? else { return None };
    Some((*range.min_opt()? as u64, *range.max_opt()? as u64))
}

/// A segment as Parquet's reader wants it.
pub(crate) struct SegmentFile(Arc<Segment>);

fn external(error: Error) -> ParquetError {
    ParquetError::External(Box::new(error))
}

impl AsyncFileReader for SegmentFile {
    fn get_bytes(&mut self, range: Range<u64>) -> BoxFuture<'_, parquet::errors::Result<Bytes>> {
        async move {
            let parts = self.0.fetch(std::slice::from_ref(&range)).await.map_err(external)?;
            Ok(parts.into_iter().next().unwrap_or_default())
        }
        .boxed()
    }

    fn get_byte_ranges(&mut self, ranges: Vec<Range<u64>>) -> BoxFuture<'_, parquet::errors::Result<Vec<Bytes>>> {
        async move { self.0.fetch(&ranges).await.map_err(external) }.boxed()
    }

    fn get_metadata<'a>(
        &'a mut self,
        _: Option<&'a ArrowReaderOptions>,
    ) -> BoxFuture<'a, parquet::errors::Result<Arc<ParquetMetaData>>> {
        // Readers are made with the footer that `builder` keeps; this answers the same one.
        async move {
            let footer = self.0.footer.get_or_try_init(|| self.0.read_footer()).await.map_err(external)?;
            Ok(Arc::clone(footer.metadata()))
        }
        .boxed()
    }
}

/// A column by name and type; another type than we wrote is damage.
pub(crate) fn column<'a, T: Array + 'static>(batch: &'a RecordBatch, name: &str) -> Result<&'a T> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_any().downcast_ref::<T>())
        .ok_or_else(|| Error::corrupt("a segment", 0, format!("column {name} is missing or of another type")))
}
