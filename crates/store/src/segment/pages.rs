//! Reads data pages of a text column as they lie in the file, so that a search goes over their bytes before it looks at rows.

use super::Segment;
use crate::error::{Error, Result};
use bytes::Bytes;
use parquet::basic::Encoding;
use parquet::column::page::{Page, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;
use std::ops::Range;
use std::sync::Arc;

/// Where the pages of one column of one row group are.
pub(crate) struct PagePlaces {
    chunk: ColumnChunkMetaData,
    /// Bytes of the object, and rows counted within the row group.
    pages: Vec<(Range<u64>, Range<usize>)>,
}

impl PagePlaces {
    /// Number of pages.
    pub(crate) fn len(&self) -> usize {
        self.pages.len()
    }

    /// Rows of a page, counted within the row group.
    pub(crate) fn rows(&self, page: usize) -> Range<usize> {
        self.pages.get(page).map_or(0..0, |(_, rows)| rows.clone())
    }
}

/// The texts of one page: each is its length, four bytes little-endian, and its bytes.
pub(crate) struct TextPage {
    buffer: Bytes,
    rows: Range<usize>,
}

impl TextPage {
    /// All texts with the lengths before them.
    pub(crate) fn buffer(&self) -> &[u8] {
        &self.buffer
    }

    /// Rows counted within the row group.
    pub(crate) fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// Bytes of all texts.
    pub(crate) fn text_bytes(&self) -> usize {
        self.buffer.len().saturating_sub(4 * self.rows.len())
    }

    /// Where each text begins in the buffer, and where one after the last would. `None` when the buffer is not what it
    /// should be.
    pub(crate) fn starts(&self) -> Option<Vec<usize>> {
        let mut starts = Vec::with_capacity(self.rows.len() + 1);
        let mut at = 4;
        for _ in self.rows.clone() {
            starts.push(at);
            let len = self.buffer.get(at - 4..)?.first_chunk::<4>()?;
            at += u32::from_le_bytes(*len) as usize + 4;
        }
        starts.push(at);
        (at == self.buffer.len() + 4).then_some(starts)
    }

    /// The text that begins at `starts[at]`.
    pub(crate) fn text(&self, starts: &[usize], at: usize) -> Option<&str> {
        let (start, next) = (*starts.get(at)?, *starts.get(at + 1)?);
        std::str::from_utf8(self.buffer.get(start..next - 4)?).ok()
    }
}

impl Segment {
    /// The pages of a text column of a row group.
    pub(crate) async fn page_places(self: &Arc<Self>, row_group: usize, column: &str) -> Result<PagePlaces> {
        let metadata = self.metadata().await?;
        let missing = || self.corrupt(self.tail, "the page index of a text column is missing");
        let group = metadata.row_groups().get(row_group).ok_or_else(missing)?;
        let at = group.columns().iter().position(|c| c.column_path().string() == column).ok_or_else(missing)?;
        let chunk = group.columns().get(at).ok_or_else(missing)?;
        let index = metadata.offset_index().and_then(|index| index.get(row_group)?.get(at)).ok_or_else(missing)?;
        let locations = index.page_locations();
        let ends = locations.iter().skip(1).map(|next| next.first_row_index).chain([group.num_rows()]);
        let place = |(page, end): (&parquet::file::page_index::offset_index::PageLocation, i64)| {
            let start = page.offset as u64;
            (start..start + page.compressed_page_size as u64, page.first_row_index as usize..end as usize)
        };
        Ok(PagePlaces { chunk: chunk.clone(), pages: locations.iter().zip(ends).map(place).collect() })
    }

    /// Reads, checks and decompresses pages.
    pub(crate) async fn read_pages(&self, places: &PagePlaces, pages: &[usize]) -> Result<Vec<TextPage>> {
        let chosen: Vec<_> = pages.iter().filter_map(|page| places.pages.get(*page)).collect();
        let ranges: Vec<Range<u64>> = chosen.iter().map(|(bytes, _)| bytes.clone()).collect();
        let parts = self.fetch(&ranges).await?;
        let decode = |(part, (place, rows)): (Bytes, &&(Range<u64>, Range<usize>))| {
            let decoded = decode(part, &places.chunk, rows.clone());
            let page = decoded.map_err(Error::parquet("read", &self.entry.path()))?;
            page.ok_or_else(|| self.corrupt(place.start, "a page is not one of plain texts"))
        };
        parts.into_iter().zip(&chosen).map(decode).collect()
    }
}

/// The page in `part`; `None` when it is of another kind than we write.
fn decode(
    part: Bytes,
    chunk: &ColumnChunkMetaData,
    rows: Range<usize>,
) -> std::result::Result<Option<TextPage>, ParquetError> {
    // Parquet's reader goes through whole column chunks: this page is made one.
    let chunk = chunk.clone().into_builder();
    let chunk = chunk.set_data_page_offset(0).set_dictionary_page_offset(None);
    let chunk = chunk.set_total_compressed_size(part.len() as i64).build()?;
    let mut reader = SerializedPageReader::new(Arc::new(part), &chunk, rows.len(), None)?;
    Ok(match reader.get_next_page()? {
        Some(Page::DataPage { buf, num_values, encoding: Encoding::PLAIN, .. })
            if num_values as usize == rows.len() =>
        {
            Some(TextPage { buffer: buf, rows })
        }
        _ => None,
    })
}
