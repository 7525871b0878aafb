//! The points of one metric segment as plain rows of Parquet (`export.rs`), in the order of the segment.

use crate::chunk;
use crate::error::{Error, Result};
use crate::export::{ROW_GROUP_ROWS, Rows, schema};
use crate::points::Points;
use crate::scan_metrics::SeriesPoint;
use crate::segment::metrics::{CHUNK_COLUMNS, ChunkColumns, dimensions_json};
use crate::segment::{Keys, Segment, SeriesRows};
use foldhash::quality::FixedState;
use model::{Observation, SeriesKey};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::fs::File;
use std::hash::{BuildHasher, Hash, Hasher};
use std::io::BufWriter;
use std::path::Path;
use std::sync::Arc;

/// Chunks that are read at a time; each is a few kilobytes.
const READ_ROWS: usize = 512;

/// What was written.
pub(super) struct Written {
    pub rows: u64,
    pub bytes: u64,
    /// The sum of the hashes of all rows, so that it does not depend on how rows are cut into files.
    pub hash: u64,
}

/// Writes the rows of a segment, whose series have their places in `keys` as numbers, to `path`. The file has this name when it is
/// whole and its content durable.
pub(super) async fn write(segment: &Arc<Segment>, keys: &[Arc<SeriesKey>], path: &Path) -> Result<Written> {
    let part = path.with_extension("part");
    let file = File::create(&part).map_err(Error::io("create", &part))?;
    let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
    let failed = || Error::parquet("write", &object_store::path::Path::from(part.to_string_lossy().as_ref()));
    let writer = ArrowWriter::try_new(BufWriter::new(file), schema(), Some(properties)).map_err(failed())?;
    let mut output = Output { writer, rows: Rows::default(), written: 0, hash: 0 };
    let Keys::Metrics { rows: series, .. } = &segment.keys else {
        return Err(Error::Bug("a metric segment has series".into()));
    };
    let mut series = series.iter().peekable();
    for (at, group) in segment.row_groups.iter().enumerate() {
        let rows = group.rows as usize;
        for start in (0..rows).step_by(READ_ROWS) {
            let ranges = std::iter::once(start..(start + READ_ROWS).min(rows)).collect();
            let mut first = group.first_row + start as u64;
            for batch in segment.read(at, ranges, &CHUNK_COLUMNS).await? {
                let columns = ChunkColumns::of(&batch)?;
                for row in 0..batch.num_rows() {
                    let ends = |rows: &SeriesRows| rows.first_row + rows.rows;
                    while series.next_if(|rows| ends(rows) <= first + row as u64).is_some() {}
                    let key = series.peek().and_then(|rows| keys.get(rows.series as usize));
                    let key = key.ok_or_else(|| segment.corrupt(0, "has a row of no series"))?;
                    let row = columns.row(row);
                    let mut points = Points::default();
                    chunk::decode(row.chunk, &mut points, &mut Vec::new())
                        .map_err(|reason| segment.corrupt(0, reason))?;
                    output.add(key, row.resolution_secs, &points).map_err(failed())?;
                }
                first += batch.num_rows() as u64;
            }
        }
    }
    let written = output.finish(&part)?;
    std::fs::rename(&part, path).map_err(Error::io("name", path))?;
    Ok(written)
}

struct Output {
    writer: ArrowWriter<BufWriter<File>>,
    rows: Rows,
    written: u64,
    hash: u64,
}

impl Output {
    fn add(&mut self, key: &SeriesKey, resolution_secs: u16, points: &Points) -> parquet::errors::Result<()> {
        let dimensions = dimensions_json(key);
        for (timestamp, sample) in points.all().iter() {
            let point = SeriesPoint { timestamp, resolution_secs, observation: sample.observation() };
            self.hash = self.hash.wrapping_add(hash_of(key, &point));
            self.rows.push(key, &dimensions, &point);
            self.written += 1;
            if self.rows.len() >= ROW_GROUP_ROWS {
                self.flush()?;
                self.writer.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> parquet::errors::Result<()> {
        let batch = self.rows.take().map_err(|error| parquet::errors::ParquetError::External(Box::new(error)))?;
        self.writer.write(&batch)
    }

    fn finish(mut self, path: &Path) -> Result<Written> {
        let failed = || Error::parquet("write", &object_store::path::Path::from(path.to_string_lossy().as_ref()));
        self.flush().map_err(failed())?;
        let file = self.writer.into_inner().map_err(failed())?;
        let file = file.into_inner().map_err(|error| Error::io("write", path)(error.into_error()))?;
        file.sync_all().map_err(Error::io("sync", path))?;
        let bytes = file.metadata().map_err(Error::io("read", path))?.len();
        Ok(Written { rows: self.written, bytes, hash: self.hash })
    }
}

/// A hash of all that a row says. A later version may compute it otherwise: then a merge is said to change data.
fn hash_of(key: &SeriesKey, point: &SeriesPoint) -> u64 {
    let mut hasher = FixedState::default().build_hasher();
    (&key.account, &key.region, &key.namespace, &key.name, &key.unit, &key.dimensions).hash(&mut hasher);
    (point.timestamp.0, point.resolution_secs).hash(&mut hasher);
    match &point.observation {
        Observation::Values(pairs) => {
            pairs.iter().for_each(|(value, count)| (value.to_bits(), count.to_bits()).hash(&mut hasher));
        }
        Observation::Set { count, sum, min, max } => {
            [count, sum, min, max].map(|number| number.to_bits()).hash(&mut hasher);
        }
    }
    hasher.finish()
}
