//! Event segments: one row per audit event, sorted by (time, sequence).
//!
//! | column | type | content |
//! | --- | --- | --- |
//! | `time` | Timestamp(ms, UTC) | `eventTime` |
//! | `sequence` | UInt64 | number in order of acceptance |
//! | `ingestion_time` | Timestamp(ms, UTC) | when it was received |
//! | `event_id`, `request_id` | UUID or null, Bloom filter on `event_id` | `eventID` and `requestID` where they are lower-case UUIDs |
//! | `event_id_text`, `request_id_text` | Utf8 or null | the same where they are anything else |
//! | `account`, `region`, `name`, `source`, `category` | Utf8 | as in the model's `Event` |
//! | `username` | Utf8, Bloom filter | as in the model's `Event` |
//! | `access_key_id` | Utf8, Bloom filter | `userIdentity.accessKeyId`, empty when absent |
//! | `error_code`, `source_ip`, `user_arn` | Utf8 | empty when absent |
//! | `read_only`, `management_event` | Boolean or null | null where the record does not say |
//! | `resource_types`, `resource_names` | List(Utf8), Bloom filter on the names | the resources, one place for each in both lists |
//! | `event_version`, `event_type`, `user_agent`, `error_message`, `vpc_endpoint_id` | Utf8 or null | as in the record |
//! | `user_type`, `principal_id` | Utf8 or null | `userIdentity.type` and `.principalId` |
//! | `session_issuer_arn` | Utf8 or null | `userIdentity.sessionContext.sessionIssuer.arn` |
//! | `record_skeleton` | Utf8 | the record's exact JSON text, its values cut out as `skeleton.rs` says |
//! | `record_values` | Utf8 | the values that are in no column |
//! | `record_uuids` | Binary | the UUIDs that are in no column, 16 bytes each |
//!
//! A reader puts a record together by replacing each byte below `20` in the skeleton by what it stands for.

use super::details::{Details, TEXTS as DETAILS};
use super::skeleton::{Cutter, Pieces};
use super::writer::common_properties;
use super::{Keys, ROW_GROUP_BYTES_MAX, SegmentWriter, column, uuid};
use crate::error::{Error, Result};
use crate::position::Position;
use crate::segment::logs::time_type;
use arrow_array::builder::{
    ArrayBuilder, BinaryBuilder, BooleanBuilder, FixedSizeBinaryBuilder, ListBuilder, StringBuilder,
    StringDictionaryBuilder,
};
use arrow_array::types::Int32Type;
use arrow_array::{Array, ListArray, RecordBatch, StringArray, TimestampMillisecondArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use model::{Event, Timestamp};
use parquet::arrow::ArrowSchemaConverter;
use parquet::basic::{Compression, Encoding, LogicalType, Repetition, Type as PhysicalType};
use parquet::errors::ParquetError;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::{ColumnPath, SchemaDescriptor, Type, TypePtr};
use std::sync::{Arc, LazyLock};

/// Columns of text that is never null, in the order of `texts`.
pub(super) const TEXTS: [&str; 10] = [
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
];

/// All columns.
pub(crate) static COLUMNS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let ids = ["time", "sequence", "ingestion_time", "event_id", "event_id_text", "request_id", "request_id_text"];
    let lists = ["read_only", "management_event", "resource_types", "resource_names"];
    let record = ["record_skeleton", "record_values", "record_uuids"];
    let details = DETAILS.iter().map(|(name, _)| *name);
    ids.into_iter().chain(TEXTS).chain(lists).chain(details).chain(record).collect()
});

/// The columns that an event is put together from.
pub(crate) static ROW_COLUMNS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let only_columns: Vec<_> = DETAILS.iter().filter(|(_, marker)| marker.is_none()).map(|(name, _)| *name).collect();
    let needed = |name: &&&str| **name != "management_event" && !only_columns.contains(*name);
    COLUMNS.iter().filter(needed).copied().collect()
});

/// Columns of text that `dictionary_schema` has as dictionaries.
pub(crate) static DICTIONARIES: LazyLock<Vec<&'static str>> =
    LazyLock::new(|| TEXTS.into_iter().chain(DETAILS.iter().map(|(name, _)| *name)).collect());

/// Columns in which little is left to compress: packed by their differences, random, or few distinct and short texts, of which
/// a dictionary is enough. To set up a decompressor costs more than to read one of these, and an event has all columns.
const UNCOMPRESSED: [&str; 26] = [
    "time",
    "sequence",
    "ingestion_time",
    "event_id",
    "event_id_text",
    "request_id",
    "request_id_text",
    "account",
    "region",
    "name",
    "source",
    "category",
    "username",
    "error_code",
    "source_ip",
    "read_only",
    "management_event",
    "event_version",
    "event_type",
    "user_type",
    "vpc_endpoint_id",
    "access_key_id",
    "user_arn",
    "user_agent",
    "principal_id",
    "session_issuer_arn",
];

fn texts(event: &Event) -> [&String; 10] {
    [
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
    ]
}

/// The text column `name` of an event; `None` where it is none of `TEXTS`.
pub(crate) fn text<'a>(event: &'a Event, name: &str) -> Option<&'a str> {
    let at = TEXTS.iter().position(|text| *text == name)?;
    texts(event).get(at).map(|text| text.as_str())
}

fn dictionary_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// The schema of the header, with dictionaries for texts that repeat themselves.
pub(super) fn dictionary_schema() -> Arc<Schema> {
    static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
        let typed = |field: &Arc<Field>| match DICTIONARIES.contains(&field.name().as_str()) {
            true => Arc::new(Field::clone(field).with_data_type(dictionary_type())),
            false => Arc::clone(field),
        };
        Arc::new(Schema::new(schema().fields().iter().map(typed).collect::<Vec<_>>()))
    });
    Arc::clone(&SCHEMA)
}

/// The schema of the header.
pub(crate) fn schema() -> Arc<Schema> {
    static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
        let list = || DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)));
        let field = |name: &&'static str| match *name {
            "time" | "ingestion_time" => Field::new(*name, time_type(), false),
            "sequence" => Field::new(*name, DataType::UInt64, false),
            "event_id" | "request_id" => Field::new(*name, DataType::FixedSizeBinary(16), true),
            "read_only" | "management_event" => Field::new(*name, DataType::Boolean, true),
            "resource_types" | "resource_names" => Field::new(*name, list(), false),
            // Always a dictionary, so that a reader of many rows sees the few skeletons once.
            "record_skeleton" => Field::new(*name, dictionary_type(), false),
            "record_uuids" => Field::new(*name, DataType::Binary, false),
            "record_values" => Field::new(*name, DataType::Utf8, false),
            _ => Field::new(*name, DataType::Utf8, !TEXTS.contains(name)),
        };
        Arc::new(Schema::new(COLUMNS.iter().map(field).collect::<Vec<_>>()))
    });
    Arc::clone(&SCHEMA)
}

/// The same as Parquet has it: ids are UUIDs, which Arrow's types do not say.
pub(super) fn parquet_schema() -> std::result::Result<SchemaDescriptor, ParquetError> {
    let converted = ArrowSchemaConverter::new().convert(&schema())?;
    let typed = |field: &TypePtr| -> std::result::Result<TypePtr, ParquetError> {
        if !field.is_primitive() || field.get_physical_type() != PhysicalType::FIXED_LEN_BYTE_ARRAY {
            return Ok(Arc::clone(field));
        }
        let uuid = Type::primitive_type_builder(field.name(), PhysicalType::FIXED_LEN_BYTE_ARRAY)
            .with_length(16)
            .with_repetition(Repetition::OPTIONAL)
            .with_logical_type(Some(LogicalType::Uuid));
        Ok(Arc::new(uuid.build()?))
    };
    let fields = converted.root_schema().get_fields().iter().map(typed).collect::<std::result::Result<Vec<_>, _>>()?;
    let root = Type::group_type_builder(converted.root_schema().name()).with_fields(fields).build()?;
    Ok(SchemaDescriptor::new(Arc::new(root)))
}

/// Pages of text hold about as many rows as those of the other columns.
const TEXT_PAGE_BYTES_MAX: usize = 1024 * 1024;
/// Skeletons are few and long.
const SKELETON_BYTES_MAX: usize = 4 * 1024 * 1024;

/// Bloom filters for the columns that are looked up by rare values.
pub(super) fn properties(row_group_rows: usize) -> WriterProperties {
    let mut properties = common_properties();
    for name in ["time", "ingestion_time", "sequence"] {
        properties = properties
            .set_column_dictionary_enabled(ColumnPath::from(name), false)
            .set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in UNCOMPRESSED {
        properties = properties.set_column_compression(ColumnPath::from(name), Compression::UNCOMPRESSED);
    }
    for name in ["event_id", "request_id", "record_uuids", "record_values"] {
        properties = properties
            .set_column_dictionary_enabled(ColumnPath::from(name), false)
            .set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::None);
    }
    let values = ColumnPath::from("record_values");
    properties = properties
        .set_column_encoding(values.clone(), Encoding::DELTA_LENGTH_BYTE_ARRAY)
        .set_column_data_page_size_limit(values, TEXT_PAGE_BYTES_MAX);
    let skeleton = ColumnPath::from("record_skeleton");
    properties = properties
        .set_column_statistics_enabled(skeleton.clone(), EnabledStatistics::None)
        .set_column_dictionary_page_size_limit(skeleton, SKELETON_BYTES_MAX);
    let names = ColumnPath::from(vec!["resource_names".to_owned(), "list".to_owned(), "item".to_owned()]);
    for path in ["event_id", "username", "access_key_id"].map(ColumnPath::from).into_iter().chain([names]) {
        properties = properties
            .set_column_bloom_filter_enabled(path.clone(), true)
            .set_column_bloom_filter_fpp(path.clone(), 0.01)
            .set_column_bloom_filter_max_ndv(path, row_group_rows.max(1) as u64);
    }
    properties.build()
}

/// An id as a UUID where it is one, else as text.
struct IdBuilder {
    uuid: FixedSizeBinaryBuilder,
    text: StringBuilder,
}

impl Default for IdBuilder {
    fn default() -> Self {
        Self { uuid: FixedSizeBinaryBuilder::new(16), text: StringBuilder::new() }
    }
}

impl IdBuilder {
    fn append(&mut self, id: Option<&str>) -> Result<()> {
        match id.and_then(|id| uuid::parse(id.as_bytes())) {
            Some(bytes) => {
                self.text.append_null();
                self.uuid.append_value(bytes).map_err(|error| Error::Bug(format!("append a UUID: {error}")))
            }
            None => {
                self.text.append_option(id);
                self.uuid.append_null();
                Ok(())
            }
        }
    }

    fn finish(&mut self) -> [Arc<dyn Array>; 2] {
        [Arc::new(self.uuid.finish()), Arc::new(self.text.finish())]
    }
}

/// What a builder holds; it gets as much room again, for the next batch will be like this one.
fn finish(builder: &mut StringBuilder) -> Arc<dyn Array> {
    let next = StringBuilder::with_capacity(builder.len(), builder.values_slice().len());
    Arc::new(std::mem::replace(builder, next).finish())
}

/// Gathers rows into batches.
#[derive(Default)]
pub(crate) struct EventBatch {
    time: Vec<i64>,
    sequence: Vec<u64>,
    ingestion_time: Vec<i64>,
    ids: [IdBuilder; 2],
    texts: [StringBuilder; TEXTS.len()],
    flags: [BooleanBuilder; 2],
    resources: [ListBuilder<StringBuilder>; 2],
    details: [StringBuilder; DETAILS.len()],
    skeleton: StringDictionaryBuilder<Int32Type>,
    values: StringBuilder,
    uuids: BinaryBuilder,
    bytes: usize,
    cutter: Cutter,
    pieces: Pieces,
}

impl EventBatch {
    /// Adds a row.
    pub(crate) fn push(&mut self, sequence: u64, event: &Event) -> Result<()> {
        let Details { texts: details, request_id, management_event } = self.cutter.cut(event, &mut self.pieces);
        self.time.push(event.time.0);
        self.sequence.push(sequence);
        self.ingestion_time.push(event.ingestion_time.0);
        for (builder, id) in self.ids.iter_mut().zip([Some(event.event_id.as_str()), request_id.as_deref()]) {
            builder.append(id)?;
        }
        for (builder, text) in self.texts.iter_mut().zip(texts(event)) {
            builder.append_value(text);
        }
        for (builder, flag) in self.flags.iter_mut().zip([event.read_only, management_event]) {
            builder.append_option(flag);
        }
        for (builder, text) in self.details.iter_mut().zip(&details) {
            builder.append_option(text.as_deref());
        }
        let [types, names] = &mut self.resources;
        for resource in &event.resources {
            types.values().append_value(&resource.resource_type);
            names.values().append_value(&resource.name);
        }
        types.append(true);
        names.append(true);
        self.skeleton.append_value(&self.pieces.skeleton);
        self.values.append_value(&self.pieces.values);
        self.uuids.append_value(&self.pieces.uuids);
        self.bytes += self.pieces.values.len();
        Ok(())
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
        columns.extend(self.ids.iter_mut().flat_map(IdBuilder::finish));
        columns.extend(self.texts.iter_mut().map(|builder| finish(builder)));
        columns.extend(self.flags.iter_mut().map(|builder| Arc::new(builder.finish()) as _));
        columns.extend(self.resources.iter_mut().map(|builder| Arc::new(builder.finish()) as _));
        columns.extend(self.details.iter_mut().map(|builder| finish(builder)));
        columns.push(Arc::new(self.skeleton.finish()));
        columns.push(finish(&mut self.values));
        columns.push(Arc::new(self.uuids.finish()));
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

/// For each row, whether one of its resources has exactly this type or name.
pub(crate) fn resource_is(list: &ListArray, wanted: &str) -> Result<Vec<bool>> {
    let damaged = || Error::corrupt("an event segment", 0, "resources are not text");
    let values = list.values().as_any().downcast_ref::<StringArray>().ok_or_else(damaged)?;
    let offsets = list.value_offsets();
    let within = |bounds: &[i32]| (bounds[0]..bounds[1]).any(|at| values.value(at as usize) == wanted);
    Ok(offsets.windows(2).map(within).collect())
}
