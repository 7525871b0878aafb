//! Event segments: one row per audit event, sorted by (time, sequence).
//!
//! | column | type | content |
//! | --- | --- | --- |
//! | `time` | Timestamp(ms, UTC) | `eventTime` |
//! | `sequence` | UInt64 | number in order of acceptance |
//! | `ingestion_time` | Timestamp(ms, UTC) | when it was received |
//! | `event_id` | Utf8, Bloom filter | `eventID` |
//! | `account`, `region`, `name`, `source`, `category`, `username` | Utf8 | as in the model's `Event` |
//! | `access_key_id` | Utf8, Bloom filter | `userIdentity.accessKeyId`, empty when absent |
//! | `error_code`, `source_ip`, `user_arn` | Utf8 | empty when absent |
//! | `read_only` | Boolean or null | null where the record does not say |
//! | `resource_types`, `resource_names` | List(Utf8) | the resources, one place for each in both lists |
//! | `record` | Utf8 | the record's exact JSON text |

use super::writer::common_properties;
use super::{Keys, ROW_GROUP_BYTES_MAX, SegmentWriter, column};
use crate::error::{Error, Result};
use crate::events_page::EventRow;
use crate::position::Position;
use crate::segment::logs::time_type;
use arrow_array::builder::{BooleanBuilder, ListBuilder, StringBuilder};
use arrow_array::{Array, BooleanArray, ListArray, RecordBatch, StringArray, TimestampMillisecondArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use model::{Event, EventResource, Timestamp};
use parquet::basic::Encoding;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::sync::{Arc, LazyLock};

/// Text columns in the order of `texts`.
const TEXTS: [&str; 12] = [
    "event_id",
    "account",
    "region",
    "name",
    "source",
    "category",
    "username",
    "access_key_id",
    "error_code",
    "source_ip",
    "user_arn",
    "record",
];

/// All columns.
pub(crate) const COLUMNS: [&str; 18] = [
    "time",
    "sequence",
    "ingestion_time",
    "event_id",
    "account",
    "region",
    "name",
    "source",
    "category",
    "username",
    "access_key_id",
    "error_code",
    "source_ip",
    "user_arn",
    "record",
    "read_only",
    "resource_types",
    "resource_names",
];

fn texts(event: &Event) -> [&String; 12] {
    [
        &event.event_id,
        &event.account,
        &event.region,
        &event.name,
        &event.source,
        &event.category,
        &event.username,
        &event.access_key_id,
        &event.error_code,
        &event.source_ip,
        &event.user_arn,
        &event.record,
    ]
}

/// The text column `name` of an event; `None` where it is none of them.
pub(crate) fn text<'a>(event: &'a Event, name: &str) -> Option<&'a str> {
    let at = TEXTS.iter().position(|text| *text == name)?;
    texts(event).get(at).map(|text| text.as_str())
}

/// The schema of the header.
pub(crate) fn schema() -> Arc<Schema> {
    static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
        let list = || DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)));
        let mut fields = vec![
            Field::new("time", time_type(), false),
            Field::new("sequence", DataType::UInt64, false),
            Field::new("ingestion_time", time_type(), false),
        ];
        fields.extend(TEXTS.map(|name| Field::new(name, DataType::Utf8, false)));
        fields.push(Field::new("read_only", DataType::Boolean, true));
        fields.push(Field::new("resource_types", list(), false));
        fields.push(Field::new("resource_names", list(), false));
        Arc::new(Schema::new(fields))
    });
    Arc::clone(&SCHEMA)
}

/// Bloom filters for the two columns that are looked up by rare values.
pub(super) fn properties(row_group_rows: usize) -> WriterProperties {
    let mut properties = common_properties();
    for name in ["time", "ingestion_time", "sequence"] {
        properties = properties
            .set_column_dictionary_enabled(ColumnPath::from(name), false)
            .set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in ["event_id", "record"] {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    for name in ["event_id", "access_key_id"] {
        properties = properties
            .set_column_bloom_filter_enabled(ColumnPath::from(name), true)
            .set_column_bloom_filter_fpp(ColumnPath::from(name), 0.01)
            .set_column_bloom_filter_max_ndv(ColumnPath::from(name), row_group_rows.max(1) as u64);
    }
    properties.set_column_statistics_enabled(ColumnPath::from("record"), EnabledStatistics::None).build()
}

/// Gathers rows into batches.
#[derive(Default)]
pub(crate) struct EventBatch {
    time: Vec<i64>,
    sequence: Vec<u64>,
    ingestion_time: Vec<i64>,
    texts: [StringBuilder; 12],
    read_only: BooleanBuilder,
    resources: [ListBuilder<StringBuilder>; 2],
    bytes: usize,
}

impl EventBatch {
    /// Adds a row.
    pub(crate) fn push(&mut self, sequence: u64, event: &Event) {
        self.time.push(event.time.0);
        self.sequence.push(sequence);
        self.ingestion_time.push(event.ingestion_time.0);
        for (builder, text) in self.texts.iter_mut().zip(texts(event)) {
            builder.append_value(text);
        }
        self.read_only.append_option(event.read_only);
        let [types, names] = &mut self.resources;
        for resource in &event.resources {
            types.values().append_value(&resource.resource_type);
            names.values().append_value(&resource.name);
        }
        types.append(true);
        names.append(true);
        self.bytes += event.record.len();
    }

    /// True when it should be written.
    pub(crate) fn is_full(&self, rows_max: usize) -> bool {
        self.time.len() >= rows_max || self.bytes >= ROW_GROUP_BYTES_MAX
    }

    /// True when it has no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.time.is_empty()
    }

    /// The rows so far; it is empty afterwards.
    pub(crate) fn take(&mut self) -> Result<RecordBatch> {
        self.bytes = 0;
        let times = |times: &mut Vec<i64>| -> Arc<dyn Array> {
            Arc::new(TimestampMillisecondArray::from(std::mem::take(times)).with_timezone("UTC"))
        };
        let mut columns: Vec<Arc<dyn Array>> = Vec::with_capacity(COLUMNS.len());
        columns.push(times(&mut self.time));
        columns.push(Arc::new(UInt64Array::from(std::mem::take(&mut self.sequence))));
        columns.push(times(&mut self.ingestion_time));
        columns.extend(self.texts.iter_mut().map(|builder| Arc::new(builder.finish()) as _));
        columns.push(Arc::new(self.read_only.finish()));
        columns.extend(self.resources.iter_mut().map(|builder| Arc::new(builder.finish()) as _));
        RecordBatch::try_new(schema(), columns).map_err(|error| Error::Bug(format!("build a batch of events: {error}")))
    }
}

/// An event segment in the making.
pub(crate) struct EventWriter {
    pub writer: SegmentWriter,
}

impl EventWriter {
    /// Writes one row group of rows that all come after those before.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let times: &TimestampMillisecondArray = column(batch, "time")?;
        let time = |at: Option<usize>| at.map_or(Timestamp::MIN, |at| Timestamp(times.value(at)));
        // Sorted by time, so the ends are the bounds.
        self.writer.write(batch, time(Some(0)), time(times.len().checked_sub(1)))
    }

    /// The writer and the index of what was written.
    pub(crate) fn finish(self) -> (SegmentWriter, Keys) {
        (self.writer, Keys::Events)
    }
}

/// Positions of the rows of a batch.
pub(crate) fn positions(batch: &RecordBatch) -> Result<Vec<Position>> {
    let times: &TimestampMillisecondArray = column(batch, "time")?;
    let sequences: &UInt64Array = column(batch, "sequence")?;
    Ok(times.values().iter().map(|time| Timestamp(*time)).zip(sequences.values().iter().copied()).collect())
}

/// The events of a batch that has all columns.
pub(crate) fn rows(batch: &RecordBatch) -> Result<Vec<EventRow>> {
    let ingestion_time: &TimestampMillisecondArray = column(batch, "ingestion_time")?;
    let read_only: &BooleanArray = column(batch, "read_only")?;
    let types: &ListArray = column(batch, "resource_types")?;
    let names: &ListArray = column(batch, "resource_names")?;
    let mut texts = Vec::with_capacity(TEXTS.len());
    for name in TEXTS {
        texts.push(column::<StringArray>(batch, name)?);
    }
    let positions = positions(batch)?;
    let mut rows = Vec::with_capacity(positions.len());
    for (at, (time, sequence)) in positions.into_iter().enumerate() {
        let mut texts = texts.iter().map(|column| column.value(at).to_owned());
        let mut text = || texts.next().unwrap_or_default();
        // In the order of `TEXTS`.
        let event = Event {
            event_id: text(),
            account: text(),
            region: text(),
            name: text(),
            source: text(),
            category: text(),
            username: text(),
            access_key_id: text(),
            error_code: text(),
            source_ip: text(),
            user_arn: text(),
            record: text(),
            time,
            ingestion_time: Timestamp(ingestion_time.value(at)),
            read_only: (!read_only.is_null(at)).then(|| read_only.value(at)),
            resources: resources(types, names, at)?,
        };
        rows.push(EventRow { sequence, event });
    }
    Ok(rows)
}

/// Resources of one row.
fn resources(types: &ListArray, names: &ListArray, at: usize) -> Result<Vec<EventResource>> {
    let damaged = || Error::corrupt("an event segment", 0, "resources are not two lists of the same length");
    if types.value_length(at) == 0 && names.value_length(at) == 0 {
        return Ok(Vec::new());
    }
    let (types, names) = (types.value(at), names.value(at));
    let types = types.as_any().downcast_ref::<StringArray>().ok_or_else(damaged)?;
    let names = names.as_any().downcast_ref::<StringArray>().ok_or_else(damaged)?;
    if types.len() != names.len() {
        return Err(damaged());
    }
    let pairs = types.iter().flatten().zip(names.iter().flatten());
    Ok(pairs.map(|(kind, name)| EventResource { resource_type: kind.into(), name: name.into() }).collect())
}

/// For each row, whether one of its resources has exactly this type or name.
pub(crate) fn resource_is(list: &ListArray, wanted: &str) -> Result<Vec<bool>> {
    let damaged = || Error::corrupt("an event segment", 0, "resources are not text");
    let values = list.values().as_any().downcast_ref::<StringArray>().ok_or_else(damaged)?;
    let offsets = list.value_offsets();
    let within = |bounds: &[i32]| (bounds[0]..bounds[1]).any(|at| values.value(at as usize) == wanted);
    Ok(offsets.windows(2).map(within).collect())
}
