//! Reads data pages of a text column as they lie in the file, so that a search goes over their bytes before it looks at rows.

use super::Segment;
use crate::error::{Error, Result};
use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{Page, PageReader};
use parquet::errors::ParquetError;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::serialized_reader::SerializedPageReader;
use std::cell::{OnceCell, RefCell};
use std::ops::Range;
use std::sync::Arc;
use zstd::bulk::Decompressor;
use zstd::zstd_safe;

/// Pages that are read together, as they are stored: a few hundred kilobytes.
const PAGES_TOGETHER: usize = 16;

/// Where the pages of one column of one row group are.
pub(crate) struct PagePlaces {
    chunk: ColumnChunkMetaData,
    /// Bytes of the object, and rows counted within the row group.
    pages: Vec<(Range<u64>, Range<usize>)>,
}

/// Neighbours that are read together: each page, and the part of the rows that it has.
pub(crate) type Neighbours = Vec<(usize, Range<usize>)>;

impl PagePlaces {
    /// The pages that have some of these rows, which ascend and are counted within the row group; a few neighbours at a time.
    pub(crate) fn with_rows(&self, rows: &[u32]) -> Vec<Neighbours> {
        let mut end = 0;
        let with_rows = self.pages.iter().enumerate().filter_map(|(page, (_, of_page))| {
            let start = end;
            end += rows[start..].partition_point(|row| (*row as usize) < of_page.end);
            (start < end).then_some((page, start..end))
        });
        let pages: Neighbours = with_rows.collect();
        let neighbours = pages.chunk_by(|(a, _), (b, _)| a + 1 == *b);
        neighbours.flat_map(|neighbours| neighbours.chunks(PAGES_TOGETHER)).map(<[_]>::to_vec).collect()
    }
}

/// A page as it is stored, which `unpacked` makes texts of.
pub(crate) struct PackedPage {
    frame: Bytes,
    rows: Range<usize>,
}

impl PackedPage {
    /// Rows counted within the row group.
    pub(crate) fn rows(&self) -> Range<usize> {
        self.rows.clone()
    }

    /// Shows the texts. `None` when the page is damaged.
    pub(crate) fn unpacked<T>(&self, look: impl FnOnce(&TextPage<'_>) -> Option<T>) -> Option<T> {
        UNPACKER.with_borrow_mut(|unpacker| {
            let buffer = unpacker.unpack(&self.frame)?;
            let looked = look(&TextPage { buffer, rows: self.rows(), starts: OnceCell::new() });
            unpacker.let_go();
            looked
        })
    }
}

/// What decompresses the pages of a thread, one after the other into the same memory: a page of fresh memory, and a decompressor for each
/// few pages, cost a tenth of the work.
struct Unpacker {
    decompressor: Decompressor<'static>,
    buffer: Vec<u8>,
}

/// A thread keeps no more memory than this for its next page: one with a text of the longest is rare.
const KEPT_BYTES_MAX: usize = 512 * 1024;
/// A page is closed by the row that makes it too long, as is a row group.
const PAGE_BYTES_MAX: u64 = 2 * super::ROW_GROUP_BYTES_MAX as u64;

thread_local! {
    static UNPACKER: RefCell<Unpacker> = RefCell::new(Unpacker {
        decompressor: Decompressor::new().expect("there is memory for a decompressor"),
        buffer: Vec::new(),
    });
}

impl Unpacker {
    fn unpack(&mut self, frame: &[u8]) -> Option<&[u8]> {
        let size = zstd_safe::get_frame_content_size(frame).ok()??;
        if size > PAGE_BYTES_MAX {
            return None;
        }
        self.buffer.clear();
        self.buffer.reserve(size as usize);
        let len = self.decompressor.decompress_to_buffer(frame, &mut self.buffer).ok()?;
        (len as u64 == size).then_some(&self.buffer)
    }

    /// Gives memory for a large page back.
    fn let_go(&mut self) {
        if self.buffer.capacity() > KEPT_BYTES_MAX {
            self.buffer = Vec::new();
        }
    }
}

/// The texts of one page: each is its length, four bytes little-endian, and its bytes.
pub(crate) struct TextPage<'a> {
    buffer: &'a [u8],
    rows: Range<usize>,
    starts: OnceCell<Option<Vec<usize>>>,
}

impl TextPage<'_> {
    /// All texts with the lengths before them.
    pub(crate) fn buffer(&self) -> &[u8] {
        self.buffer
    }

    /// Bytes of all texts.
    pub(crate) fn text_bytes(&self) -> usize {
        self.buffer.len().saturating_sub(4 * self.rows.len())
    }

    /// Where each text begins in the buffer, and where one after the last would. `None` when the buffer is not what it
    /// should be.
    pub(crate) fn starts(&self) -> Option<&[usize]> {
        let find = || {
            let mut starts = Vec::with_capacity(self.rows.len() + 1);
            let mut at = 4;
            for _ in self.rows.clone() {
                starts.push(at);
                let len = self.buffer.get(at - 4..)?.first_chunk::<4>()?;
                at += u32::from_le_bytes(*len) as usize + 4;
            }
            starts.push(at);
            (at == self.buffer.len() + 4).then_some(starts)
        };
        self.starts.get_or_init(find).as_deref()
    }

    /// A text, counted within the page.
    pub(crate) fn text(&self, at: usize) -> Option<&str> {
        let starts = self.starts()?;
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

    /// Reads and checks pages that lie one behind the other.
    pub(crate) async fn read_pages(
        &self,
        places: &PagePlaces,
        pages: &[(usize, Range<usize>)],
    ) -> Result<Vec<PackedPage>> {
        let (Some((first, _)), Some((last, _))) = (pages.first(), pages.last()) else { return Ok(Vec::new()) };
        let chosen = places.pages.get(*first..last + 1).unwrap_or_default();
        let (Some((first, _)), Some((last, _))) = (chosen.first(), chosen.last()) else { return Ok(Vec::new()) };
        let range = first.start..last.end;
        let part = self.fetch(std::slice::from_ref(&range)).await?.pop().unwrap_or_default();
        let pages = packed_pages(part, &places.chunk, chosen).map_err(Error::parquet("read", &self.entry.path()))?;
        pages.ok_or_else(|| self.corrupt(range.start, "a page is not one of plain texts in a zstd frame"))
    }
}

/// The pages in `part`; `None` when one is of another kind than we write.
fn packed_pages(
    part: Bytes,
    chunk: &ColumnChunkMetaData,
    pages: &[(Range<u64>, Range<usize>)],
) -> std::result::Result<Option<Vec<PackedPage>>, ParquetError> {
    if !matches!(chunk.compression(), Compression::ZSTD(_)) {
        return Ok(None);
    }
    // Parquet's reader goes through whole column chunks: these pages are made one. It is told that they are not compressed, and so gives
    // the frames out as they are.
    let chunk = chunk.clone().into_builder().set_compression(Compression::UNCOMPRESSED);
    let chunk = chunk.set_data_page_offset(0).set_dictionary_page_offset(None);
    let chunk = chunk.set_total_compressed_size(part.len() as i64).build()?;
    let rows = pages.iter().map(|(_, rows)| rows.len()).sum();
    let mut reader = SerializedPageReader::new(Arc::new(part), &chunk, rows, None)?;
    let mut packed = Vec::with_capacity(pages.len());
    for (_, rows) in pages {
        match reader.get_next_page()? {
            Some(Page::DataPage { buf: frame, num_values, encoding: Encoding::PLAIN, .. })
                if num_values as usize == rows.len() =>
            {
                packed.push(PackedPage { frame, rows: rows.clone() });
            }
            _ => return Ok(None),
        }
    }
    Ok(Some(packed))
}
