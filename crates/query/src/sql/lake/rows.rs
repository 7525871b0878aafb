//! `Rows`: an event data store's rows of a batch of the event table, with the store's columns.
//!
//! A column that the event table has is taken from there; a record is put together and read only for what is in none. Of a record
//! larger than its store shows, such columns show what the record had before it was cut. They know members by CloudTrail's own spelling,
//! and most of them texts only: a number, or a name in other letters, is NULL there.

use super::columns::{self, TIME};
use crate::lake::{Candidate, LakeStore, Looked};
use crate::sql::SqlError;
use crate::sql::error::external;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, ListArray, RecordBatch, StringArray, UInt32Array,
};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, SchemaRef, TimestampMillisecondType, UInt32Type};
use datafusion::common::Result;
use model::Timestamp;
use std::borrow::Cow;
use std::sync::Arc;
use store::RecordMembers;

const RECORD: &str = "record";
/// Always read: what every store decides by.
const ALWAYS: [&str; 4] = ["time", "ingestion_time", "account", "region"];

/// Makes rows of one store.
pub(super) struct Rows {
    store: LakeStore,
    looked: Arc<Looked>,
    wanted: SchemaRef,
    /// For each wanted column the event table's that is the same.
    same: Vec<Option<&'static str>>,
}

impl Rows {
    /// Rows with the columns `wanted`, of which `same` are in the event table.
    pub(super) fn new(
        store: LakeStore,
        looked: Arc<Looked>,
        wanted: SchemaRef,
        same: Vec<Option<&'static str>>,
    ) -> Self {
        Self { store, looked, wanted, same }
    }

    /// The columns of the event table that are read.
    pub(super) fn columns(&self) -> Vec<&'static str> {
        let same = self.same.iter().flatten().copied();
        let mut columns: Vec<&'static str> = ALWAYS.into_iter().chain(same).collect();
        columns.extend_from_slice(self.store.admits.asks());
        columns.extend(self.reads_records().then_some(RECORD));
        let mut same = self.same.iter().flatten();
        columns.extend(same.any(|own| RecordMembers::place(own).is_some()).then_some(RecordMembers::COLUMN));
        columns.sort_unstable();
        columns.dedup();
        columns
    }

    /// True when a wanted column is in records alone.
    fn reads_records(&self) -> bool {
        let mut fields = self.wanted.fields().iter().zip(&self.same);
        fields.any(|(field, same)| same.is_none() && field.name() != TIME)
    }

    /// The rows of a batch that has `columns`.
    pub(super) fn of(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let stored = Stored::of(batch)?;
        let records = stored.records.as_ref();
        let bytes = records.map_or_else(|| batch.get_array_memory_size(), |records| records.values().len());
        self.looked.look(batch.num_rows() as u64, bytes as u64);
        let rows: Vec<u32> =
            (0..batch.num_rows()).filter(|at| self.admits(&stored.candidate(*at))).map(|at| at as u32).collect();
        let shown: Vec<Cow<'_, str>> = match records.filter(|_| self.reads_records()) {
            Some(records) => rows.iter().map(|at| self.store.admits.show(records.value(*at as usize))).collect(),
            None => Vec::new(),
        };
        let shown: Vec<&str> = shown.iter().map(AsRef::as_ref).collect();
        let rows = UInt32Array::from(rows);
        let given = |name: &str, at: usize| match self.same.get(at).copied().flatten() {
            Some(stored) => said(batch, stored, &rows).map(Some),
            None if name == TIME => taken(batch, "time", &rows).map(Some),
            None => Ok(None),
        };
        columns::batch(&self.wanted, rows.len(), &shown, given)
    }

    /// The event table need not leave out what it was not asked for, and the statement does not ask again.
    fn admits(&self, candidate: &Candidate<'_>) -> bool {
        self.store.range.contains(candidate.time)
            && (self.store.account.is_empty() || self.store.account == candidate.account)
            && self.store.admits.admits(candidate)
    }
}

/// Rows of a column of the event table.
fn taken(batch: &RecordBatch, name: &str, rows: &UInt32Array) -> Result<ArrayRef> {
    Ok(take(column(batch, name)?.as_ref(), rows, None)?)
}

/// The same, null where a record does not have the member.
fn said(batch: &RecordBatch, name: &str, rows: &UInt32Array) -> Result<ArrayRef> {
    let Some(place) = RecordMembers::place(name) else { return taken(batch, name, rows) };
    let texts = cast(column(batch, name)?, &DataType::Utf8)?;
    let texts = texts.as_string::<i32>();
    let masks = column(batch, RecordMembers::COLUMN)?.as_primitive::<UInt32Type>();
    let said = |at: &u32| {
        let (at, members) = (*at as usize, RecordMembers(masks.value(*at as usize)));
        let text = (!texts.is_null(at)).then(|| texts.value(at)).filter(|text| !text.is_empty());
        match (members.is_absent(place), members.is_empty(place)) {
            (true, _) => None,
            (false, true) => Some(""),
            (false, false) => text,
        }
    };
    Ok(Arc::new(rows.values().iter().map(said).collect::<StringArray>()))
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    let missing = || external(SqlError::Failed(format!("the event table has no column {name}")));
    batch.column_by_name(name).ok_or_else(missing)
}

/// What a batch has of what stores decide by.
struct Stored {
    time: ArrayRef,
    ingestion_time: ArrayRef,
    account: Option<StringArray>,
    region: Option<StringArray>,
    category: Option<StringArray>,
    source: Option<StringArray>,
    name: Option<StringArray>,
    event_type: Option<StringArray>,
    error_code: Option<StringArray>,
    vpc_endpoint_id: Option<StringArray>,
    user_arn: Option<StringArray>,
    read_only: Option<BooleanArray>,
    resources: Option<(ListArray, ListArray)>,
    records: Option<StringArray>,
}

impl Stored {
    fn of(batch: &RecordBatch) -> Result<Self> {
        let text = |name: &str| -> Result<Option<StringArray>> {
            let Some(column) = batch.column_by_name(name) else { return Ok(None) };
            Ok(Some(cast(column, &DataType::Utf8)?.as_string::<i32>().clone()))
        };
        let list = |name: &str| batch.column_by_name(name).and_then(|column| column.as_list_opt::<i32>().cloned());
        Ok(Self {
            time: Arc::clone(column(batch, "time")?),
            ingestion_time: Arc::clone(column(batch, "ingestion_time")?),
            account: text("account")?,
            region: text("region")?,
            category: text("category")?,
            source: text("source")?,
            name: text("name")?,
            event_type: text("event_type")?,
            error_code: text("error_code")?,
            vpc_endpoint_id: text("vpc_endpoint_id")?,
            user_arn: text("user_arn")?,
            read_only: batch.column_by_name("read_only").and_then(|column| column.as_boolean_opt().cloned()),
            resources: list("resource_types").zip(list("resource_names")),
            records: text(RECORD)?,
        })
    }

    fn candidate(&self, at: usize) -> Candidate<'_> {
        let time = |times: &ArrayRef| Timestamp(times.as_primitive::<TimestampMillisecondType>().value(at));
        let read_only = self.read_only.as_ref().filter(|column| !column.is_null(at));
        Candidate {
            time: time(&self.time),
            ingestion_time: time(&self.ingestion_time),
            account: text(self.account.as_ref(), at),
            region: text(self.region.as_ref(), at),
            category: text(self.category.as_ref(), at),
            source: text(self.source.as_ref(), at),
            name: text(self.name.as_ref(), at),
            event_type: text(self.event_type.as_ref(), at),
            error_code: text(self.error_code.as_ref(), at),
            vpc_endpoint_id: text(self.vpc_endpoint_id.as_ref(), at),
            user_arn: text(self.user_arn.as_ref(), at),
            read_only: read_only.map(|column| column.value(at)),
            resources: self.resources.as_ref().map(|lists| resources(lists, at)).unwrap_or_default(),
            record: text(self.records.as_ref(), at),
        }
    }
}

fn text(column: Option<&StringArray>, at: usize) -> &str {
    column.filter(|column| !column.is_null(at)).map_or("", |column| column.value(at))
}

/// The types and names of a row, one place for each resource in both lists.
fn resources((types, names): &(ListArray, ListArray), at: usize) -> Vec<(&str, &str)> {
    let of = |list: &'_ ListArray| {
        let offsets = list.value_offsets();
        (offsets.get(at).copied().unwrap_or(0) as usize, list.value_length(at) as usize)
    };
    let ((type_at, count), (name_at, _)) = (of(types), of(names));
    let (types, names) = (types.values().as_string_opt::<i32>(), names.values().as_string_opt::<i32>());
    let Some((types, names)) = types.zip(names) else { return Vec::new() };
    let places = (0..count).filter(|at| type_at + at < types.len() && name_at + at < names.len());
    places.map(|at| (types.value(type_at + at), names.value(name_at + at))).collect()
}
