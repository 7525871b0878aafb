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

    /// Reads, checks and decompresses pages that lie one behind the other.
    pub(crate) async fn read_pages(&self, places: &PagePlaces, pages: Range<usize>) -> Result<Vec<TextPage>> {
        let chosen = places.pages.get(pages).unwrap_or_default();
        let (Some((first, _)), Some((last, _))) = (chosen.first(), chosen.last()) else { return Ok(Vec::new()) };
        let range = first.start..last.end;
        let part = self.fetch(std::slice::from_ref(&range)).await?.pop().unwrap_or_default();
        let pages = decode(part, &places.chunk, chosen).map_err(Error::parquet("read", &self.entry.path()))?;
        pages.ok_or_else(|| self.corrupt(range.start, "a page is not one of plain texts"))
    }
}

/// The pages in `part`; `None` when one is of another kind than we write.
fn decode(
    part: Bytes,
    chunk: &ColumnChunkMetaData,
    pages: &[(Range<u64>, Range<usize>)],
) -> std::result::Result<Option<Vec<TextPage>>, ParquetError> {
    // Parquet's reader goes through whole column chunks: these pages are made one. It keeps its decompressor from page to page.
    let chunk = chunk.clone().into_builder();
    let chunk = chunk.set_data_page_offset(0).set_dictionary_page_offset(None);
    let chunk = chunk.set_total_compressed_size(part.len() as i64).build()?;
    let rows = pages.iter().map(|(_, rows)| rows.len()).sum();
    let mut reader = SerializedPageReader::new(Arc::new(part), &chunk, rows, None)?;
    let mut decoded = Vec::with_capacity(pages.len());
    for (_, rows) in pages {
        match reader.get_next_page()? {
            Some(Page::DataPage { buf, num_values, encoding: Encoding::PLAIN, .. })
                if num_values as usize == rows.len() =>
            {
                decoded.push(TextPage { buffer: buf, rows: rows.clone() });
            }
            _ => return Ok(None),
        }
    }
    Ok(Some(decoded))
}
