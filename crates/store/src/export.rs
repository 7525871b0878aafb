//! `export_metrics`: metric points as plain rows of Parquet, which any reader can use without knowing chunks.
//!
//! One row per point, sorted by (series, time):
//!
//! | column | type | content |
//! | --- | --- | --- |
//! | `account`, `region`, `namespace`, `name`, `unit` | Utf8 | the series |
//! | `dimensions` | Utf8 | JSON object of the series' dimensions, sorted by name |
//! | `timestamp` | Timestamp(ms, UTC) | when it was observed, or the start of the interval that it was rolled up to |
//! | `resolution_secs` | UInt16 | 1 or 60 as it was put; 60, 300 or 3600 where finer points were rolled up |
//! | `value` | Float64 or null | the value, where the point has one distinct value |
//! | `count`, `sum`, `min`, `max` | Float64 | of the point's samples |
//! | `values`, `counts` | List(Float64) or null | distinct values and how often each occurred, where there are several |

use crate::Store;
use crate::error::{Error, Result};
use crate::scan_metrics::SeriesPoint;
use crate::segment::metrics::dimensions_json;
use arrow_array::builder::{Float64Builder, ListBuilder, StringBuilder};
use arrow_array::{Array, RecordBatch, TimestampMillisecondArray, UInt16Array};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use model::{Observation, SeriesKey, TimeRange};
use object_store::path::Path;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;
use std::io::Write;
use std::sync::Arc;

/// Series that are read together: each has some 50,000 points when it is as old as retention allows.
const SERIES: usize = 16;
/// Rows of a row group.
pub(crate) const ROW_GROUP_ROWS: usize = 128 * 1024;

impl Store {
    /// Writes the points of every series within `range` to `output` as the module's header says; answers how many. The points
    /// of a few series at a time are in memory. `ObjectStore` with the reason when `output` takes no more.
    pub async fn export_metrics<W: Write + Send>(&self, range: TimeRange, output: W) -> Result<u64> {
        let failed = || Error::parquet("write", &Path::from("export"));
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
        let mut writer = ArrowWriter::try_new(output, schema(), Some(properties)).map_err(failed())?;
        let (mut rows, mut points) = (Rows::default(), 0);
        let all: Vec<Arc<SeriesKey>> = self.state().series().all().cloned().collect();
        for series in all.chunks(SERIES) {
            let lists = self.scan_series(series, range).await?;
            for (key, list) in series.iter().zip(lists) {
                let dimensions = dimensions_json(key);
                for point in &list {
                    rows.push(key, &dimensions, point);
                    points += 1;
                    if rows.len() >= ROW_GROUP_ROWS {
                        writer.write(&rows.take()?).map_err(failed())?;
                        writer.flush().map_err(failed())?;
                    }
                }
            }
        }
        writer.write(&rows.take()?).map_err(failed())?;
        writer.close().map_err(failed())?;
        Ok(points)
    }
}

/// The schema of the header.
pub(crate) fn schema() -> Arc<Schema> {
    let list = || DataType::List(Arc::new(Field::new("item", DataType::Float64, true)));
    let mut fields: Vec<Field> = ["account", "region", "namespace", "name", "unit", "dimensions"]
        .into_iter()
        .map(|name| Field::new(name, DataType::Utf8, false))
        .collect();
    fields.push(Field::new("timestamp", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), false));
    fields.push(Field::new("resolution_secs", DataType::UInt16, false));
    fields.push(Field::new("value", DataType::Float64, true));
    fields.extend(["count", "sum", "min", "max"].map(|name| Field::new(name, DataType::Float64, false)));
    fields.push(Field::new("values", list(), true));
    fields.push(Field::new("counts", list(), true));
    Arc::new(Schema::new(fields))
}

/// Rows on their way to a row group.
#[derive(Default)]
pub(crate) struct Rows {
    texts: [StringBuilder; 6],
    times: Vec<i64>,
    resolution_secs: Vec<u16>,
    value: Float64Builder,
    totals: [Float64Builder; 4],
    lists: [ListBuilder<Float64Builder>; 2],
}

impl Rows {
    /// Adds a point of a series with these dimensions.
    pub(crate) fn push(&mut self, key: &SeriesKey, dimensions: &str, point: &SeriesPoint) {
        let texts = [&key.account, &key.region, &key.namespace, &key.name, &key.unit].map(String::as_str);
        for (builder, text) in self.texts.iter_mut().zip(texts.into_iter().chain([dimensions])) {
            builder.append_value(text);
        }
        self.times.push(point.timestamp.0);
        self.resolution_secs.push(point.resolution_secs);
        let (count, sum, min, max) = point.observation.stats();
        self.totals.iter_mut().zip([count, sum, min, max]).for_each(|(builder, number)| builder.append_value(number));
        let pairs = match &point.observation {
            Observation::Values(pairs) => pairs.as_slice(),
            Observation::Set { .. } => &[],
        };
        self.value.append_option(if let [(value, _)] = pairs { Some(*value) } else { None });
        let several = pairs.len() > 1;
        let [values, counts] = &mut self.lists;
        for &(value, count) in pairs.iter().filter(|_| several) {
            values.values().append_value(value);
            counts.values().append_value(count);
        }
        values.append(several);
        counts.append(several);
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.times.len()
    }

    /// The rows so far; it is empty afterwards.
    pub(crate) fn take(&mut self) -> Result<RecordBatch> {
        let mut columns: Vec<Arc<dyn Array>> = Vec::with_capacity(15);
        columns.extend(self.texts.iter_mut().map(|builder| Arc::new(builder.finish()) as _));
        let times = TimestampMillisecondArray::from(std::mem::take(&mut self.times)).with_timezone("UTC");
        columns.push(Arc::new(times));
        columns.push(Arc::new(UInt16Array::from(std::mem::take(&mut self.resolution_secs))));
        columns.push(Arc::new(self.value.finish()));
        columns.extend(self.totals.iter_mut().map(|builder| Arc::new(builder.finish()) as _));
        columns.extend(self.lists.iter_mut().map(|builder| Arc::new(builder.finish()) as _));
        RecordBatch::try_new(schema(), columns).map_err(|error| Error::Bug(format!("build rows of metrics: {error}")))
    }
}
