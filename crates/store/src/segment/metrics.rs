//! Metric segments: one row per chunk of points (`chunk.rs`), sorted by (series, resolution, first time).
//!
//! | column | type | content |
//! | --- | --- | --- |
//! | `account`, `region`, `namespace`, `name`, `unit` | Utf8 | the series |
//! | `dimensions` | Utf8 | JSON object of the series' dimensions, sorted by name |
//! | `resolution_secs` | UInt16 | 1 or 60 as it was put; 60, 300 or 3600 where finer points were rolled up |
//! | `first_time`, `last_time` | Timestamp(ms, UTC) | of the chunk's points |
//! | `points` | UInt32 | how many points the chunk has |
//! | `samples`, `sum`, `min`, `max` | Float64 | of all samples of the chunk |
//! | `chunk` | Binary | the points, as `chunk.rs` specifies; not compressed again |
//!
//! Floats keep their exact bits.

use super::writer::common_properties;
use super::{Keys, LaneTimes, SegmentWriter, SeriesRows, column};
use crate::chunk;
use crate::error::{Error, Result};
use crate::points::{PointSlice, Totals};
use crate::segment::logs::time_type;
use crate::series::{SeriesIndex, SeriesNumber};
use arrow_array::builder::{BinaryBuilder, Float64Builder, StringBuilder};
use arrow_array::{Array, BinaryArray, Float64Array, RecordBatch, TimestampMillisecondArray, UInt16Array, UInt32Array};
use arrow_schema::{DataType, Field, Schema};
use model::{SeriesKey, Timestamp};
use parquet::basic::Compression;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::sync::{Arc, LazyLock};

/// Columns that say what a chunk holds.
pub(crate) const CHUNK_COLUMNS: [&str; 9] =
    ["resolution_secs", "first_time", "last_time", "points", "samples", "sum", "min", "max", "chunk"];
/// Columns that say whether a chunk is wanted.
pub(crate) const TIME_COLUMNS: [&str; 2] = ["first_time", "last_time"];
/// A row group is closed at this size, so that parts of a large scan read different ones.
const ROW_GROUP_BYTES: usize = 4 * 1024 * 1024;

/// The schema of the header.
pub(crate) fn schema() -> Arc<Schema> {
    static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
        let mut fields: Vec<Field> = ["account", "region", "namespace", "name", "unit", "dimensions"]
            .into_iter()
            .map(|name| Field::new(name, DataType::Utf8, false))
            .collect();
        fields.push(Field::new("resolution_secs", DataType::UInt16, false));
        fields.push(Field::new("first_time", time_type(), false));
        fields.push(Field::new("last_time", time_type(), false));
        fields.push(Field::new("points", DataType::UInt32, false));
        for name in ["samples", "sum", "min", "max"] {
            fields.push(Field::new(name, DataType::Float64, false));
        }
        fields.push(Field::new("chunk", DataType::Binary, false));
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&SCHEMA)
}

/// Dictionaries for all but the chunks, which are compressed already. Small pages, because most reads want few chunks. Only the
/// texts are compressed, which scans do not read: to set up a decompressor for each other column costs more than to read it.
pub(super) fn properties() -> WriterProperties {
    let chunk = || ColumnPath::from("chunk");
    let mut properties = common_properties();
    for name in CHUNK_COLUMNS {
        properties = properties.set_column_compression(ColumnPath::from(name), Compression::UNCOMPRESSED);
    }
    properties
        .set_write_batch_size(32)
        .set_data_page_row_count_limit(256)
        .set_data_page_size_limit(64 * 1024)
        .set_column_dictionary_enabled(chunk(), false)
        .set_column_statistics_enabled(chunk(), EnabledStatistics::None)
        .build()
}

/// What a row says of its chunk.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ChunkRow<'a> {
    pub resolution_secs: u16,
    pub first_time: Timestamp,
    pub last_time: Timestamp,
    pub points: u32,
    pub totals: Totals,
    pub chunk: &'a [u8],
}

/// Gathers rows into batches.
#[derive(Default)]
struct MetricBatch {
    texts: [StringBuilder; 6],
    resolution_secs: Vec<u16>,
    times: [Vec<i64>; 2],
    points: Vec<u32>,
    totals: [Float64Builder; 4],
    chunk: BinaryBuilder,
    bytes: usize,
}

impl MetricBatch {
    fn push(&mut self, key: &SeriesKey, dimensions: &str, row: &ChunkRow<'_>) {
        let texts = [&key.account, &key.region, &key.namespace, &key.name, &key.unit].map(String::as_str);
        for (builder, text) in self.texts.iter_mut().zip(texts.into_iter().chain([dimensions])) {
            builder.append_value(text);
        }
        self.resolution_secs.push(row.resolution_secs);
        self.times[0].push(row.first_time.0);
        self.times[1].push(row.last_time.0);
        self.points.push(row.points);
        let Totals { count, sum, min, max } = row.totals;
        self.totals.iter_mut().zip([count, sum, min, max]).for_each(|(builder, number)| builder.append_value(number));
        self.chunk.append_value(row.chunk);
        self.bytes += row.chunk.len() + 64;
    }

    fn rows(&self) -> usize {
        self.points.len()
    }

    fn take(&mut self) -> Result<(RecordBatch, Timestamp, Timestamp)> {
        let min_time = self.times[0].iter().min().copied().unwrap_or_default();
        let max_time = self.times[1].iter().max().copied().unwrap_or_default();
        let mut columns: Vec<Arc<dyn Array>> = Vec::with_capacity(15);
        columns.extend(self.texts.iter_mut().map(|builder| Arc::new(builder.finish()) as _));
        columns.push(Arc::new(UInt16Array::from(std::mem::take(&mut self.resolution_secs))));
        for times in &mut self.times {
            let times = TimestampMillisecondArray::from(std::mem::take(times)).with_timezone("UTC");
            columns.push(Arc::new(times));
        }
        columns.push(Arc::new(UInt32Array::from(std::mem::take(&mut self.points))));
        columns.extend(self.totals.iter_mut().map(|builder| Arc::new(builder.finish()) as _));
        columns.push(Arc::new(self.chunk.finish()));
        self.bytes = 0;
        let batch = RecordBatch::try_new(schema(), columns)
            .map_err(|error| Error::Bug(format!("build a batch of metrics: {error}")))?;
        Ok((batch, Timestamp(min_time), Timestamp(max_time)))
    }
}

/// The dimensions as a JSON object.
pub(crate) fn dimensions_json(key: &SeriesKey) -> String {
    let pairs = key.dimensions.iter().map(|(name, value)| (name.clone(), serde_json::Value::from(value.as_str())));
    serde_json::Value::Object(pairs.collect()).to_string()
}

/// A metric segment in the making.
pub(crate) struct MetricWriter {
    writer: SegmentWriter,
    rows: Vec<SeriesRows>,
    lanes: Vec<LaneTimes>,
    batch: MetricBatch,
    dimensions: String,
    row_group_rows: usize,
}

impl MetricWriter {
    /// Of an empty segment.
    pub(crate) fn new(writer: SegmentWriter, row_group_rows: usize) -> Self {
        Self {
            writer,
            rows: Vec::new(),
            lanes: Vec::new(),
            batch: MetricBatch::default(),
            dimensions: String::new(),
            row_group_rows,
        }
    }

    /// Adds points of one series and resolution, which ascend. Series come in key order, their resolutions ascending.
    pub(crate) fn add(
        &mut self,
        number: SeriesNumber,
        key: &SeriesKey,
        resolution_secs: u16,
        points: PointSlice<'_>,
    ) -> Result<()> {
        for range in chunk::cut(resolution_secs, points) {
            let part = points.part(range.start, range.end);
            let (first_time, last_time, totals) = chunk::bounds(part);
            let chunk = chunk::encode(part);
            let points = part.len() as u32;
            self.add_row(
                number,
                key,
                &ChunkRow { resolution_secs, first_time, last_time, points, totals, chunk: &chunk },
            )?;
        }
        Ok(())
    }

    /// Adds a chunk as it is.
    pub(crate) fn add_row(&mut self, number: SeriesNumber, key: &SeriesKey, row: &ChunkRow<'_>) -> Result<()> {
        let (min_time, max_time) = (row.first_time, row.last_time);
        if self.rows.last().is_none_or(|last| last.series != number) {
            self.dimensions = dimensions_json(key);
            let first_row = self.writer.rows() + self.batch.rows() as u64;
            let last_written = Timestamp::MIN;
            let latest = (Timestamp::MIN, 0.0);
            self.rows.push(SeriesRows { series: number, first_row, rows: 0, min_time, max_time, last_written, latest });
        }
        if let Some(rows) = self.rows.last_mut() {
            rows.rows += 1;
            (rows.min_time, rows.max_time) = (rows.min_time.min(min_time), rows.max_time.max(max_time));
        }
        match self.lanes.iter_mut().find(|lane| lane.resolution_secs == row.resolution_secs) {
            Some(lane) => (lane.min_time, lane.max_time) = (lane.min_time.min(min_time), lane.max_time.max(max_time)),
            None => self.lanes.push(LaneTimes { resolution_secs: row.resolution_secs, min_time, max_time }),
        }
        self.batch.push(key, &self.dimensions, row);
        if self.batch.rows() >= self.row_group_rows || self.batch.bytes >= ROW_GROUP_BYTES {
            self.flush()?;
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if self.batch.rows() == 0 {
            return Ok(());
        }
        let (batch, min_time, max_time) = self.batch.take()?;
        self.writer.write(&batch, min_time, max_time)
    }

    /// The writer and the index of what was written.
    pub(crate) fn finish(mut self, series: &SeriesIndex) -> Result<(SegmentWriter, Keys)> {
        self.flush()?;
        for rows in &mut self.rows {
            rows.last_written = series.last_written(rows.series);
            rows.latest = series.latest(rows.series).unwrap_or((Timestamp::MIN, 0.0));
        }
        Ok((self.writer, Keys::of_metrics(self.rows, self.lanes)))
    }
}

/// The columns of a batch that say what its chunks hold.
pub(crate) struct ChunkColumns<'a> {
    resolution_secs: &'a UInt16Array,
    first_time: &'a TimestampMillisecondArray,
    last_time: &'a TimestampMillisecondArray,
    points: &'a UInt32Array,
    totals: [&'a Float64Array; 4],
    chunk: &'a BinaryArray,
}

impl<'a> ChunkColumns<'a> {
    /// Of a batch that has `CHUNK_COLUMNS`.
    pub(crate) fn of(batch: &'a RecordBatch) -> Result<Self> {
        Ok(Self {
            resolution_secs: column(batch, "resolution_secs")?,
            first_time: column(batch, "first_time")?,
            last_time: column(batch, "last_time")?,
            points: column(batch, "points")?,
            totals: [column(batch, "samples")?, column(batch, "sum")?, column(batch, "min")?, column(batch, "max")?],
            chunk: column(batch, "chunk")?,
        })
    }

    /// What a row says.
    pub(crate) fn row(&self, at: usize) -> ChunkRow<'a> {
        let [count, sum, min, max] = self.totals.map(|column| column.value(at));
        ChunkRow {
            resolution_secs: self.resolution_secs.value(at),
            first_time: Timestamp(self.first_time.value(at)),
            last_time: Timestamp(self.last_time.value(at)),
            points: self.points.value(at),
            totals: Totals { count, sum, min, max },
            chunk: self.chunk.value(at),
        }
    }
}
