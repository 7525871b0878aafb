//! Metric segments: one row per datapoint, sorted by (series, timestamp), equal ones in order of acceptance.
//!
//! | column | type | content |
//! | --- | --- | --- |
//! | `account`, `region`, `namespace`, `name`, `unit` | Utf8 | the series |
//! | `dimensions` | Utf8 | JSON object of the series' dimensions, sorted by name |
//! | `timestamp` | Timestamp(ms, UTC) | when it was observed |
//! | `resolution_secs` | UInt8 | 1 or 60 |
//! | `value` | Float64 or null | the value, where there is exactly one |
//! | `count` | Float64 or null | how often `value` occurred, or the samples of a statistic set |
//! | `sum`, `min`, `max` | Float64 or null | of a statistic set |
//! | `values`, `counts` | List(Float64) or null | distinct values and how often each occurred, where there is not exactly one |
//!
//! Floats keep their exact bits.

use super::writer::common_properties;
use super::{Keys, SegmentWriter, SeriesRows, column};
use crate::error::{Error, Result};
use crate::scan_metrics::SeriesPoint;
use crate::segment::logs::time_type;
use crate::series::{SeriesIndex, SeriesNumber};
use arrow_array::builder::{Float64Builder, ListBuilder, StringBuilder, UInt8Builder};
use arrow_array::{Array, Float64Array, ListArray, RecordBatch, TimestampMillisecondArray, UInt8Array};
use arrow_schema::{DataType, Field, Schema};
use model::{Observation, SeriesKey, Timestamp};
use parquet::basic::Encoding;
use parquet::file::properties::WriterProperties;
use parquet::schema::types::ColumnPath;
use std::sync::{Arc, LazyLock};

/// All columns.
pub(crate) const COLUMNS: [&str; 15] = [
    "account",
    "region",
    "namespace",
    "name",
    "unit",
    "dimensions",
    "timestamp",
    "resolution_secs",
    "value",
    "count",
    "sum",
    "min",
    "max",
    "values",
    "counts",
];
/// Columns of a `SeriesPoint`.
pub(crate) const POINT_COLUMNS: [&str; 9] =
    ["timestamp", "resolution_secs", "value", "count", "sum", "min", "max", "values", "counts"];

/// The schema of the header.
pub(crate) fn schema() -> Arc<Schema> {
    static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
        let list = || DataType::List(Arc::new(Field::new("item", DataType::Float64, true)));
        let mut fields: Vec<Field> = ["account", "region", "namespace", "name", "unit", "dimensions"]
            .into_iter()
            .map(|name| Field::new(name, DataType::Utf8, false))
            .collect();
        fields.push(Field::new("timestamp", time_type(), false));
        fields.push(Field::new("resolution_secs", DataType::UInt8, false));
        for name in ["value", "count", "sum", "min", "max"] {
            fields.push(Field::new(name, DataType::Float64, true));
        }
        fields.push(Field::new("values", list(), true));
        fields.push(Field::new("counts", list(), true));
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&SCHEMA)
}

/// Deltas for times; dictionaries for everything else, for series and values repeat.
pub(super) fn properties() -> WriterProperties {
    common_properties()
        .set_column_dictionary_enabled(ColumnPath::from("timestamp"), false)
        .set_column_encoding(ColumnPath::from("timestamp"), Encoding::DELTA_BINARY_PACKED)
        .build()
}

/// Gathers rows into batches.
#[derive(Default)]
struct MetricBatch {
    texts: [StringBuilder; 6],
    timestamp: Vec<i64>,
    resolution_secs: UInt8Builder,
    numbers: [Float64Builder; 5],
    lists: [ListBuilder<Float64Builder>; 2],
    series: Vec<SeriesNumber>,
}

impl MetricBatch {
    fn push(&mut self, number: SeriesNumber, key: &SeriesKey, dimensions: &str, point: &SeriesPoint) {
        let texts = [&key.account, &key.region, &key.namespace, &key.name, &key.unit].map(String::as_str);
        for (builder, text) in self.texts.iter_mut().zip(texts.into_iter().chain([dimensions])) {
            builder.append_value(text);
        }
        self.timestamp.push(point.timestamp.0);
        self.resolution_secs.append_value(point.resolution_secs);
        let (numbers, pairs) = match &point.observation {
            Observation::Values(pairs) => match pairs.as_slice() {
                &[(value, count)] => ([Some(value), Some(count), None, None, None], None),
                pairs => ([None; 5], Some(pairs)),
            },
            &Observation::Set { count, sum, min, max } => ([None, Some(count), Some(sum), Some(min), Some(max)], None),
        };
        for (builder, number) in self.numbers.iter_mut().zip(numbers) {
            builder.append_option(number);
        }
        let [values, counts] = &mut self.lists;
        for &(value, count) in pairs.unwrap_or_default() {
            values.values().append_value(value);
            counts.values().append_value(count);
        }
        values.append(pairs.is_some());
        counts.append(pairs.is_some());
        self.series.push(number);
    }

    fn take(&mut self) -> Result<(RecordBatch, Vec<SeriesNumber>)> {
        let mut columns: Vec<Arc<dyn Array>> = Vec::with_capacity(COLUMNS.len());
        columns.extend(self.texts.iter_mut().map(|builder| Arc::new(builder.finish()) as _));
        let times = TimestampMillisecondArray::from(std::mem::take(&mut self.timestamp)).with_timezone("UTC");
        columns.push(Arc::new(times));
        columns.push(Arc::new(self.resolution_secs.finish()));
        columns.extend(self.numbers.iter_mut().map(|builder| Arc::new(builder.finish()) as _));
        columns.extend(self.lists.iter_mut().map(|builder| Arc::new(builder.finish()) as _));
        let batch = RecordBatch::try_new(schema(), columns)
            .map_err(|error| Error::Bug(format!("build a batch of metrics: {error}")))?;
        Ok((batch, std::mem::take(&mut self.series)))
    }
}

/// The dimensions as a JSON object.
fn dimensions_json(key: &SeriesKey) -> String {
    let pairs = key.dimensions.iter().map(|(name, value)| (name.clone(), serde_json::Value::from(value.as_str())));
    serde_json::Value::Object(pairs.collect()).to_string()
}

/// A metric segment in the making.
pub(crate) struct MetricWriter {
    pub writer: SegmentWriter,
    rows: Vec<SeriesRows>,
    batch: MetricBatch,
    row_group_rows: usize,
}

impl MetricWriter {
    /// Of an empty segment.
    pub(crate) fn new(writer: SegmentWriter, row_group_rows: usize) -> Self {
        Self { writer, rows: Vec::new(), batch: MetricBatch::default(), row_group_rows }
    }

    /// Adds all points of one series, sorted by time. Series come in key order.
    pub(crate) fn add<'a>(
        &mut self,
        number: SeriesNumber,
        key: &SeriesKey,
        points: impl Iterator<Item = &'a SeriesPoint>,
    ) -> Result<()> {
        let dimensions = dimensions_json(key);
        for point in points {
            self.batch.push(number, key, &dimensions, point);
            if self.batch.series.len() >= self.row_group_rows {
                self.flush()?;
            }
        }
        Ok(())
    }

    fn flush(&mut self) -> Result<()> {
        if self.batch.series.is_empty() {
            return Ok(());
        }
        let (batch, series) = self.batch.take()?;
        self.write(&batch, &series)
    }

    /// Writes one row group; `series` numbers its rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch, series: &[SeriesNumber]) -> Result<()> {
        let timestamps: &TimestampMillisecondArray = column(batch, "timestamp")?;
        let (mut min_time, mut max_time) = (Timestamp::MAX, Timestamp::MIN);
        for (at, &series) in series.iter().enumerate() {
            let time = Timestamp(timestamps.value(at));
            (min_time, max_time) = (min_time.min(time), max_time.max(time));
            let first_row = self.writer.rows() + at as u64;
            if self.rows.last().is_none_or(|last| last.series != series) {
                let (min_time, max_time) = (time, time);
                let last_written = Timestamp::MIN;
                self.rows.push(SeriesRows { series, first_row, rows: 0, min_time, max_time, last_written });
            }
            let rows = self.rows.last_mut().expect("just pushed");
            rows.rows += 1;
            (rows.min_time, rows.max_time) = (rows.min_time.min(time), rows.max_time.max(time));
        }
        self.writer.write(batch, min_time, max_time)
    }

    /// The writer and the index of what was written.
    pub(crate) fn finish(mut self, series: &SeriesIndex) -> Result<(SegmentWriter, Keys)> {
        self.flush()?;
        for rows in &mut self.rows {
            rows.last_written = series.last_written(rows.series);
        }
        Ok((self.writer, Keys::of_metrics(self.rows)))
    }
}

/// The point columns of a batch.
pub(crate) struct PointColumns<'a> {
    pub timestamp: &'a TimestampMillisecondArray,
    resolution_secs: &'a UInt8Array,
    numbers: [&'a Float64Array; 5],
    values: &'a ListArray,
    counts: &'a ListArray,
}

impl<'a> PointColumns<'a> {
    /// Of a batch that has all of them.
    pub(crate) fn of(batch: &'a RecordBatch) -> Result<Self> {
        Ok(Self {
            timestamp: column(batch, "timestamp")?,
            resolution_secs: column(batch, "resolution_secs")?,
            numbers: [
                column(batch, "value")?,
                column(batch, "count")?,
                column(batch, "sum")?,
                column(batch, "min")?,
                column(batch, "max")?,
            ],
            values: column(batch, "values")?,
            counts: column(batch, "counts")?,
        })
    }

    /// The point of a row.
    pub(crate) fn point(&self, at: usize) -> Result<SeriesPoint> {
        let [value, count, sum, min, max] =
            self.numbers.map(|array| if array.is_null(at) { None } else { Some(array.value(at)) });
        let observation = match (value, count, sum, min, max) {
            (Some(value), Some(count), ..) => Observation::Values(vec![(value, count)]),
            (None, Some(count), Some(sum), Some(min), Some(max)) => Observation::Set { count, sum, min, max },
            _ => Observation::Values(self.pairs(at)?),
        };
        let timestamp = Timestamp(self.timestamp.value(at));
        Ok(SeriesPoint { timestamp, resolution_secs: self.resolution_secs.value(at), observation })
    }

    fn pairs(&self, at: usize) -> Result<Vec<(f64, f64)>> {
        let damaged = || Error::corrupt("a metric segment", 0, "a row has no observation");
        let (values, counts) = (self.values.value(at), self.counts.value(at));
        let values = values.as_any().downcast_ref::<Float64Array>().ok_or_else(damaged)?;
        let counts = counts.as_any().downcast_ref::<Float64Array>().ok_or_else(damaged)?;
        if self.values.is_null(at) || values.len() != counts.len() {
            return Err(damaged());
        }
        Ok(values.values().iter().copied().zip(counts.values().iter().copied()).collect())
    }
}
