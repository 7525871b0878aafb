//! The event table as queries see it: the columns of event segments, with ids as text and each record in one piece.

use crate::error::{Error, Result};
use crate::segment::event_rows::{Ids, Masks, records};
use crate::segment::{events, members};
use arrow_array::{Array, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use model::Event;
use std::sync::{Arc, LazyLock};

/// The record's exact text.
pub(crate) const RECORD: &str = "record";
/// Not one of `COLUMNS`, but read like one: for each event, which of `MEMBERS` its record does not have, and which are empty texts.
pub(crate) const MASK: &str = "record_members";
/// Ids: the column, the one of segments that has those which are no UUIDs, and whether each event has one.
const IDS: [(&str, &str, bool); 2] = [("event_id", "event_id_text", true), ("request_id", "request_id_text", false)];

/// All columns, in order.
pub(crate) static COLUMNS: LazyLock<Vec<&'static str>> = LazyLock::new(|| {
    let of_segments = events::COLUMNS.iter().copied();
    of_segments.filter(|name| !name.starts_with("record_") && !name.ends_with("_id_text")).chain([RECORD]).collect()
});

/// Their types.
pub(crate) fn schema() -> Arc<Schema> {
    static SCHEMA: LazyLock<Arc<Schema>> = LazyLock::new(|| {
        let stored = events::schema();
        let field = |name: &&'static str| match IDS.iter().find(|(id, ..)| id == name) {
            Some((_, _, always)) => Field::new(*name, DataType::Utf8, !always),
            None if *name == RECORD => Field::new(RECORD, DataType::Utf8, false),
            None => stored.field_with_name(name).cloned().unwrap_or_else(|_| Field::new(*name, DataType::Null, true)),
        };
        Arc::new(Schema::new(COLUMNS.iter().map(field).collect::<Vec<_>>()))
    });
    Arc::clone(&SCHEMA)
}

/// True for texts that `shape` has as dictionaries where they were read so, and for what is true or false.
pub(crate) fn is_packed(column: &str) -> bool {
    events::DICTIONARIES.contains(&column) || column == "read_only" || column == "management_event"
}

/// The columns of segments that `shape` needs for these columns.
pub(crate) fn stored(columns: &[&str]) -> Vec<&'static str> {
    let of_records = columns.contains(&RECORD);
    let has = |name: &&'static str| {
        columns.contains(name)
            || (of_records && events::ROW_COLUMNS.contains(name))
            || (*name == "record_skeleton" && columns.contains(&MASK))
            || IDS.iter().any(|(id, text, _)| text == name && columns.contains(id))
    };
    events::COLUMNS.iter().copied().filter(has).collect()
}

/// These columns, from a batch with the columns of segments that they need; texts that are packed stay so.
pub(crate) fn shape(batch: &RecordBatch, columns: &[&'static str], masks: &mut Masks) -> Result<RecordBatch> {
    let schema = schema();
    let missing = |name: &str| Error::Bug(format!("the event table has no column {name}"));
    let mut fields = Vec::with_capacity(columns.len());
    let mut arrays: Vec<Arc<dyn Array>> = Vec::with_capacity(columns.len());
    for name in columns {
        if *name == MASK {
            fields.push(Field::new(MASK, DataType::UInt32, false));
            arrays.push(Arc::new(masks.of(batch)?));
            continue;
        }
        let array: Arc<dyn Array> = if *name == RECORD {
            Arc::new(records(batch)?)
        } else if let Some((id, text, _)) = IDS.iter().find(|(id, ..)| id == name) {
            let ids = Ids::of(batch, id, text)?;
            Arc::new((0..batch.num_rows()).map(|at| ids.id(at)).collect::<StringArray>())
        } else {
            Arc::clone(batch.column_by_name(name).ok_or_else(|| missing(name))?)
        };
        let field = schema.field_with_name(name).map_err(|_| missing(name))?.clone();
        let packed = matches!(array.data_type(), DataType::Dictionary(..));
        fields.push(if packed { field.with_data_type(array.data_type().clone()) } else { field });
        arrays.push(array);
    }
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays)
        .map_err(|error| Error::corrupt("an event segment", 0, format!("a column does not fit the table: {error}")))
}

/// The text of a column of an event in memory; `None` where only the record has it.
pub(crate) fn text<'a>(event: &'a Event, column: &str) -> Option<&'a str> {
    match column {
        "event_id" => Some(&event.event_id),
        RECORD => Some(&event.record),
        _ => events::text(event, column),
    }
}

/// Which of the members that columns of the event table stand for a record itself has; a column cannot say it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordMembers(pub u32);

impl RecordMembers {
    /// The column of masks; its values are `UInt32`. It is no column of the table, but can be read with them.
    pub const COLUMN: &'static str = MASK;

    /// The place of a column among those that are told of.
    pub fn place(column: &str) -> Option<usize> {
        members::MEMBERS.iter().position(|(own, _)| *own == column)
    }

    /// True when the record has no such member, or null.
    pub fn is_absent(self, place: usize) -> bool {
        self.0 & (1 << place) != 0
    }

    /// True when the member is an empty text.
    pub fn is_empty(self, place: usize) -> bool {
        self.0 & (1 << (place + members::EMPTY_SHIFT)) != 0
    }
}
