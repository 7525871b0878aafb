//! Log segments: one row per log event, sorted by (group, timestamp, sequence).
//!
//! | column | type | content |
//! | --- | --- | --- |
//! | `group` | UInt64 | id of the log group |
//! | `stream` | UInt64 | id of the log stream |
//! | `timestamp` | Timestamp(ms, UTC) | when it happened |
//! | `ingestion_time` | Timestamp(ms, UTC) | when it was received |
//! | `sequence` | UInt64 | number in order of acceptance |
//! | `message` | Utf8 | the exact text |

use super::writer::common_properties;
use super::{GroupRows, Keys, ROW_GROUP_BYTES_MAX, SegmentWriter, column};
use crate::error::{Error, Result};
use crate::log_fields::FieldsBuilder;
use crate::logs_page::LogPage;
use crate::position::Position;
use crate::token_filter::FilterBuilder;
use arrow_array::builder::StringBuilder;
use arrow_array::{Array, RecordBatch, StringArray, TimestampMillisecondArray, UInt64Array};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use model::{GroupId, StreamId, Timestamp};
use parquet::basic::{Compression, Encoding};
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock};

/// Most rows in a row group. Small ones, because a needle costs the row group that it is in, and each one that its filter lets
/// through by mistake; half as many would make the filters a tenth larger, for numbers that repeat are in each.
pub(crate) const ROW_GROUP_ROWS_MAX: usize = 8 * 1024;

/// All columns.
pub(crate) const COLUMNS: [&str; 6] = ["group", "stream", "timestamp", "ingestion_time", "sequence", "message"];
/// Columns that decide whether a row is wanted.
pub(crate) const KEY_COLUMNS: [&str; 3] = ["stream", "timestamp", "sequence"];
/// Columns of a row whose message is at hand.
pub(crate) const FOUND_COLUMNS: [&str; 4] = ["stream", "timestamp", "ingestion_time", "sequence"];
/// Columns of a `LogRow`.
pub(crate) const ROW_COLUMNS: [&str; 5] = ["stream", "timestamp", "ingestion_time", "sequence", "message"];

/// The type of every time column.
pub(super) fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()))
}

/// The schema of the header.
pub(crate) fn schema() -> Arc<Schema> {
    static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
        Arc::new(Schema::new(vec![
            Field::new("group", DataType::UInt64, false),
            Field::new("stream", DataType::UInt64, false),
            Field::new("timestamp", time_type(), false),
            Field::new("ingestion_time", time_type(), false),
            Field::new("sequence", DataType::UInt64, false),
            Field::new("message", DataType::Utf8, false),
        ]))
    });
    Arc::clone(&SCHEMA)
}

/// Deltas for what rises, no dictionary and no statistics for messages, which repeat and compare to no use. Only messages are
/// compressed: to set up a decompressor costs more than to read the packed numbers of a row group.
pub(super) fn properties() -> WriterProperties {
    let mut properties = common_properties();
    for name in COLUMNS.into_iter().filter(|name| *name != "message") {
        properties = properties.set_column_compression(ColumnPath::from(name), Compression::UNCOMPRESSED);
    }
    for name in ["timestamp", "ingestion_time", "sequence"] {
        properties = properties
            .set_column_dictionary_enabled(ColumnPath::from(name), false)
            .set_column_encoding(ColumnPath::from(name), Encoding::DELTA_BINARY_PACKED);
    }
    properties
        .set_column_dictionary_enabled(ColumnPath::from("message"), false)
        .set_column_statistics_enabled(ColumnPath::from("message"), EnabledStatistics::None)
        .build()
}

/// Gathers rows into batches.
#[derive(Default)]
pub(crate) struct LogBatch {
    group: Vec<u64>,
    stream: Vec<u64>,
    timestamp: Vec<i64>,
    ingestion_time: Vec<i64>,
    sequence: Vec<u64>,
    message: StringBuilder,
}

impl LogBatch {
    /// Adds a row.
    pub(crate) fn push(
        &mut self,
        group: GroupId,
        (timestamp, sequence): Position,
        stream: StreamId,
        ingestion_time: Timestamp,
        message: &str,
    ) {
        self.group.push(group.0);
        self.stream.push(stream.0);
        self.timestamp.push(timestamp.0);
        self.ingestion_time.push(ingestion_time.0);
        self.sequence.push(sequence);
        self.message.append_value(message);
    }

    /// True when it should be written.
    pub(crate) fn is_full(&self, rows_max: usize) -> bool {
        self.group.len() >= rows_max || self.message.values_slice().len() >= ROW_GROUP_BYTES_MAX
    }

    /// True when it has no row.
    pub(crate) fn is_empty(&self) -> bool {
        self.group.is_empty()
    }

    /// The rows so far; it is empty afterwards, with room for as many again.
    pub(crate) fn take(&mut self) -> Result<RecordBatch> {
        let (rows, bytes) = (self.group.len(), self.message.values_slice().len());
        let room = Self {
            group: Vec::with_capacity(rows),
            stream: Vec::with_capacity(rows),
            timestamp: Vec::with_capacity(rows),
            ingestion_time: Vec::with_capacity(rows),
            sequence: Vec::with_capacity(rows),
            message: StringBuilder::with_capacity(rows, bytes + bytes / 8),
        };
        let mut full = std::mem::replace(self, room);
        let times = |times: Vec<i64>| Arc::new(TimestampMillisecondArray::from(times).with_timezone("UTC"));
        RecordBatch::try_new(
            schema(),
            vec![
                Arc::new(UInt64Array::from(full.group)),
                Arc::new(UInt64Array::from(full.stream)),
                times(full.timestamp),
                times(full.ingestion_time),
                Arc::new(UInt64Array::from(full.sequence)),
                Arc::new(full.message.finish()),
            ],
        )
        .map_err(|error| Error::Bug(format!("build a batch of logs: {error}")))
    }
}

/// The columns of a batch.
pub(crate) struct LogColumns<'a> {
    pub group: Option<&'a UInt64Array>,
    pub stream: &'a UInt64Array,
    pub timestamp: &'a TimestampMillisecondArray,
    pub sequence: &'a UInt64Array,
    pub ingestion_time: Option<&'a TimestampMillisecondArray>,
    pub message: Option<&'a StringArray>,
}

impl<'a> LogColumns<'a> {
    /// Of a batch that has at least the key columns.
    pub(crate) fn of(batch: &'a RecordBatch) -> Result<Self> {
        Ok(Self {
            group: column(batch, "group").ok(),
            stream: column(batch, "stream")?,
            timestamp: column(batch, "timestamp")?,
            sequence: column(batch, "sequence")?,
            ingestion_time: column(batch, "ingestion_time").ok(),
            message: column(batch, "message").ok(),
        })
    }

    /// Position of a row.
    pub(crate) fn position(&self, at: usize) -> Position {
        (Timestamp(self.timestamp.value(at)), self.sequence.value(at))
    }

    /// Adds all rows to a page.
    pub(crate) fn add_to(&self, page: &mut LogPage) -> Result<()> {
        let missing = || Error::Bug("a page of logs needs all row columns".into());
        let ingestion_time = self.ingestion_time.ok_or_else(missing)?;
        let message = self.message.ok_or_else(missing)?;
        for at in 0..message.len() {
            let ingested = Timestamp(ingestion_time.value(at));
            page.push(self.position(at), StreamId(self.stream.value(at)), ingested, message.value(at));
        }
        Ok(())
    }
}

/// A log segment in the making: batches in order, each of one row group.
pub(crate) struct LogWriter {
    pub writer: SegmentWriter,
    groups: Vec<GroupRows>,
    filter: FilterBuilder,
    fields: FieldsBuilder,
}

impl LogWriter {
    /// Of an empty segment.
    pub(crate) fn new(writer: SegmentWriter) -> Self {
        Self { writer, groups: Vec::new(), filter: FilterBuilder::default(), fields: FieldsBuilder::default() }
    }

    /// Writes one row group of rows that all come after those before.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        let missing = || Error::Bug("a log segment needs all columns".into());
        let columns = LogColumns::of(batch)?;
        let group = columns.group.ok_or_else(missing)?;
        let ingestion_time = columns.ingestion_time.ok_or_else(missing)?;
        let message = columns.message.ok_or_else(missing)?;
        let (mut min_time, mut max_time) = (Timestamp::MAX, Timestamp::MIN);
        let first_row = self.writer.rows();
        for at in 0..batch.num_rows() {
            let time = Timestamp(columns.timestamp.value(at));
            (min_time, max_time) = (min_time.min(time), max_time.max(time));
            let message = message.value(at);
            self.fields.add(message, &mut self.filter);
            let rows = self.rows_of(GroupId(group.value(at)), first_row + at as u64);
            rows.rows += 1;
            (rows.min_time, rows.max_time) = (rows.min_time.min(time), rows.max_time.max(time));
            let stats = rows.streams.entry(StreamId(columns.stream.value(at))).or_default();
            stats.add(time, Timestamp(ingestion_time.value(at)), message.len());
        }
        let fields = self.fields.finish(&mut self.filter);
        self.writer.add_fields(&fields.map_err(|error| Error::Bug(format!("compress fields: {error}")))?)?;
        self.writer.add_filter(&self.filter.finish())?;
        self.writer.write(batch, min_time, max_time)
    }

    fn rows_of(&mut self, group: GroupId, first_row: u64) -> &mut GroupRows {
        if self.groups.last().is_none_or(|last| last.group != group) {
            assert!(self.groups.last().is_none_or(|last| last.group < group), "log rows are sorted by group");
            let (min_time, max_time) = (Timestamp::MAX, Timestamp::MIN);
            self.groups.push(GroupRows { group, first_row, rows: 0, min_time, max_time, streams: BTreeMap::new() });
        }
        self.groups.last_mut().expect("just pushed")
    }

    /// The writer and the index of what was written.
    pub(crate) fn finish(self) -> (SegmentWriter, Keys) {
        (self.writer, Keys::Logs(self.groups))
    }
}
