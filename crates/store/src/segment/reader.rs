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
use parquet::arrow::async_reader::{AsyncFileReader, ParquetRecordBatchStream};
use parquet::arrow::{ParquetRecordBatchStreamBuilder, ProjectionMask};
use parquet::bloom_filter::Sbbf;
use parquet::errors::ParquetError;
use parquet::file::metadata::{PageIndexPolicy, ParquetMetaData, ParquetMetaDataReader, RowGroupMetaData};
use parquet::file::statistics::Statistics;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::Ordering;

/// Rows of a batch that is only looked through: few enough for its memory to be used again while it is warm.
pub(crate) const DICTIONARY_BATCH_ROWS: usize = 8192;

/// How the texts of events come: as they are, or as dictionaries, so that each distinct one is looked at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Texts {
    Plain,
    Packed,
}

/// Some rows of a row group, decoded one batch after the other.
#[derive(Debug)]
pub(crate) struct Batches {
    segment: Arc<Segment>,
    stream: Option<ParquetRecordBatchStream<SegmentFile>>,
    /// Rows that are still to come.
    left: usize,
}

impl Batches {
    /// The next rows; `None` at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<RecordBatch>> {
        let Some(stream) = &mut self.stream else { return Ok(None) };
        let batch = stream.try_next().await.map_err(Error::parquet("read", &self.segment.entry.path()))?;
        let rows = batch.as_ref().map_or(0, RecordBatch::num_rows);
        let is_end = batch.is_none();
        match self.left.checked_sub(rows) {
            Some(left) if left == 0 || !is_end => self.left = left,
            _ => return Err(self.segment.corrupt(0, "a row group has other rows than its index says")),
        }
        Ok(batch)
    }

    async fn all(mut self) -> Result<Vec<RecordBatch>> {
        let mut batches = Vec::new();
        while let Some(batch) = self.next().await? {
            batches.push(batch);
        }
        Ok(batches)
    }
}

impl Segment {
    /// Reads some columns of some rows of one row group. `ranges` are ascending, disjoint and count from the group's start.
    pub(crate) async fn read(
        self: &Arc<Self>,
        row_group: usize,
        ranges: Vec<Range<usize>>,
        columns: &[&str],
    ) -> Result<Vec<RecordBatch>> {
        // One batch, whatever was selected.
        self.batches(Texts::Plain, usize::MAX, row_group, ranges, columns).await?.all().await
    }

    /// The same of an event segment, its texts as dictionaries.
    pub(crate) async fn read_dictionaries(
        self: &Arc<Self>,
        row_group: usize,
        ranges: Vec<Range<usize>>,
        columns: &[&str],
    ) -> Result<Vec<RecordBatch>> {
        self.batches(Texts::Packed, DICTIONARY_BATCH_ROWS, row_group, ranges, columns).await?.all().await
    }

    /// The same in batches of so many rows at most, each decoded when it is asked for.
    pub(crate) async fn batches(
        self: &Arc<Self>,
        texts: Texts,
        batch_rows: usize,
        row_group: usize,
        ranges: Vec<Range<usize>>,
        columns: &[&str],
    ) -> Result<Batches> {
        let selected: usize = ranges.iter().map(|range| range.len()).sum();
        if selected == 0 {
            return Ok(Batches { segment: Arc::clone(self), stream: None, left: 0 });
        }
        let builder = match texts {
            Texts::Plain => self.builder().await?,
            Texts::Packed => self.packed_builder().await?,
        };
        let rows = self.row_groups.get(row_group).map_or(0, |group| group.rows as usize);
        let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
        let mut builder =
            builder.with_row_groups(vec![row_group]).with_projection(mask).with_batch_size(selected.min(batch_rows));
        // A whole row group is fetched column by column, not page by page.
        if selected < rows {
            builder = builder.with_row_selection(RowSelection::from_consecutive_ranges(ranges.into_iter(), rows));
        }
        let stream = builder.build().map_err(Error::parquet("read", &self.entry.path()))?;
        Ok(Batches { segment: Arc::clone(self), stream: Some(stream), left: selected })
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

    /// The text that a column has in every row of a row group, where the statistics say so.
    pub(crate) async fn only_text(self: &Arc<Self>, row_group: usize, column: &str) -> Result<Option<String>> {
        let footer = self.footer.get_or_try_init(|| self.read_footer()).await?;
        let columns = footer.metadata().row_groups().get(row_group).map(RowGroupMetaData::columns).unwrap_or_default();
        let chunk = columns.iter().find(|chunk| chunk.column_path().string() == column);
        let Some(Statistics::ByteArray(texts)) = chunk.and_then(|chunk| chunk.statistics()) else { return Ok(None) };
        // Long texts are cut in statistics.
        let is_exact = texts.min_is_exact() && texts.max_is_exact() && texts.null_count_opt() == Some(0);
        let only = texts.min_opt().filter(|min| is_exact && texts.max_opt() == Some(*min));
        Ok(only.and_then(|text| text.as_utf8().ok()).map(str::to_owned))
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

    /// The same of an event segment for `Texts::Packed`.
    async fn packed_builder(self: &Arc<Self>) -> Result<ParquetRecordBatchStreamBuilder<SegmentFile>> {
        let typed = || async {
            let footer = self.footer.get_or_try_init(|| self.read_footer()).await?;
            let options = ArrowReaderOptions::new().with_schema(super::events::dictionary_schema());
            ArrowReaderMetadata::try_new(Arc::clone(footer.metadata()), options)
                .map_err(Error::parquet("read", &self.entry.path()))
        };
        let footer = self.dictionary_footer.get_or_try_init(typed).await?;
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
