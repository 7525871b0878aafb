//! `Rows`: an event data store's rows of a batch of the event table, with the store's columns.
//!
//! A column that the event table has is taken from there; a record is put together and read only for what is in none. Of a record
//! larger than its store shows, such columns show what the record had before it was cut. They know members by CloudTrail's own spelling,
//! and most of them texts only: a number, or a name in other letters, is NULL there. What a store decides by is asked once for rows
//! that are alike, and texts stay packed.

use super::super::packed::Kinds;
use super::columns::{self, TIME};
use crate::lake::{Candidate, LakeStore, Looked};
use crate::sql::SqlError;
use crate::sql::error::external;
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, BooleanArray, DictionaryArray, Int32Array, ListArray, RecordBatch, StringArray,
    TimestampMillisecondArray, UInt32Array,
};
use datafusion::arrow::compute::{max, min, take};
use datafusion::arrow::datatypes::{Int32Type, SchemaRef, TimestampMillisecondType, UInt32Type};
use datafusion::common::Result;
use model::Timestamp;
use std::borrow::Cow;
use std::sync::Arc;
use store::{RecordMembers, TextColumn};

const RECORD: &str = "record";
/// Always read: what every store decides by.
const ALWAYS: [&str; 4] = ["time", "ingestion_time", "account", "region"];
/// Columns that differ from row to row: a store that asks for one is asked of each row.
const OF_ONE_ROW: [&str; 3] = [RECORD, "resource_types", "resource_names"];

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
        let records = batch.column_by_name(RECORD).and_then(|records| records.as_string_opt::<i32>());
        let bytes = records.map_or_else(|| batch.get_array_memory_size(), |records| records.values().len());
        self.looked.look(batch.num_rows() as u64, bytes as u64);
        let rows = self.admitted(batch, &stored)?;
        let shown: Vec<Cow<'_, str>> = match (records.filter(|_| self.reads_records()), &rows) {
            (Some(records), Some(rows)) => {
                let records = rows.values().iter().map(|at| records.value(*at as usize));
                records.map(|record| self.store.admits.show(record)).collect()
            }
            (Some(records), None) => records.iter().flatten().map(|record| self.store.admits.show(record)).collect(),
            (None, _) => Vec::new(),
        };
        let shown: Vec<&str> = shown.iter().map(AsRef::as_ref).collect();
        let rows = rows.as_ref();
        let given = |name: &str, at: usize| match self.same.get(at).copied().flatten() {
            Some(stored) => said(batch, stored, rows).map(Some),
            None if name == TIME => taken(batch, "time", rows).map(Some),
            None => Ok(None),
        };
        columns::batch(&self.wanted, rows.map_or(batch.num_rows(), UInt32Array::len), &shown, given)
    }

    /// The rows that the store has; `None` for all. The event table need not leave out what it was not asked for, and the statement
    /// does not ask again.
    fn admitted(&self, batch: &RecordBatch, stored: &Stored<'_>) -> Result<Option<UInt32Array>> {
        let covered = self.covered(batch, stored)?;
        let times = first_and_last(stored.time).zip(first_and_last(stored.ingestion_time));
        let in_time = times.is_none_or(|(happened, received)| {
            let range = &self.store.range;
            range.contains(happened.0)
                && range.contains(happened.1)
                && self.store.admits.took_in_all(happened, received)
        });
        if in_time && covered.covers.iter().all(|covers| *covers) {
            return Ok(None);
        }
        let is_in_time = |at: usize| {
            let candidate = stored.candidate(at);
            self.store.range.contains(candidate.time) && self.store.admits.took_in(&candidate)
        };
        let rows = (0..batch.num_rows()).filter(|at| covered.has(*at) && (in_time || is_in_time(*at)));
        Ok(Some(rows.map(|at| at as u32).collect::<Vec<u32>>().into()))
    }

    /// Which rows the store is one of, whenever they came.
    fn covered(&self, batch: &RecordBatch, stored: &Stored<'_>) -> Result<Covered> {
        let asks = self.store.admits.asks();
        let covers = |at: usize| {
            let candidate = stored.candidate(at);
            (self.store.account.is_empty() || self.store.account == candidate.account)
                && self.store.admits.covers(&candidate)
        };
        if asks.iter().any(|asked| OF_ONE_ROW.contains(asked)) {
            return Ok(Covered { kinds: None, covers: (0..batch.num_rows()).map(covers).collect() });
        }
        let mut kinds = Kinds::new(batch.num_rows());
        for name in ["account", "region"].iter().chain(asks) {
            kinds.split(column(batch, name)?.as_ref())?;
        }
        let covers = kinds.first.iter().map(|first| covers(*first as usize)).collect();
        Ok(Covered { kinds: Some(kinds), covers })
    }
}

/// What a store said of rows.
struct Covered {
    /// `None` when each row is of its own.
    kinds: Option<Kinds>,
    /// By kind.
    covers: Vec<bool>,
}

impl Covered {
    fn has(&self, row: usize) -> bool {
        let kind = match &self.kinds {
            Some(kinds) => kinds.of_rows.get(row).map(|kind| *kind as usize),
            None => Some(row),
        };
        kind.and_then(|kind| self.covers.get(kind)).copied().unwrap_or(false)
    }
}

/// Of times that are not null.
fn first_and_last(times: &TimestampMillisecondArray) -> Option<(Timestamp, Timestamp)> {
    min(times).zip(max(times)).map(|(first, last)| (Timestamp(first), Timestamp(last)))
}

/// Some rows of a column of the event table, or all.
fn taken(batch: &RecordBatch, name: &str, rows: Option<&UInt32Array>) -> Result<ArrayRef> {
    let column = column(batch, name)?;
    Ok(match rows {
        Some(rows) => take(column.as_ref(), rows, None)?,
        None => Arc::clone(column),
    })
}

/// The same, null where a record does not have the member.
fn said(batch: &RecordBatch, name: &str, rows: Option<&UInt32Array>) -> Result<ArrayRef> {
    let column = taken(batch, name, rows)?;
    let Some(place) = RecordMembers::place(name) else { return Ok(column) };
    let masks = taken(batch, RecordMembers::COLUMN, rows)?;
    let masks = masks.as_primitive_opt::<UInt32Type>().ok_or_else(|| missing(RecordMembers::COLUMN))?;
    let texts = TextColumn::of(column.as_ref()).ok_or_else(|| missing(name))?;
    match texts.packed() {
        Some((keys, texts)) => said_packed(&column, keys, texts, masks, place),
        None => {
            let said = |(at, mask): (usize, &u32)| said_of(RecordMembers(*mask), place, texts.get(at));
            Ok(Arc::new(masks.values().iter().enumerate().map(said).collect::<StringArray>()))
        }
    }
}

/// What a record says in the place of a column: a column that is empty does not say.
fn said_of(members: RecordMembers, place: usize, text: Option<&str>) -> Option<&str> {
    match (members.is_absent(place), members.is_empty(place)) {
        (true, _) => None,
        (false, true) => Some(""),
        (false, false) => text.filter(|text| !text.is_empty()),
    }
}

/// The same of a packed column, which is kept as it is where it says what all records do.
fn said_packed(
    column: &ArrayRef,
    keys: &Int32Array,
    texts: &StringArray,
    masks: &UInt32Array,
    place: usize,
) -> Result<ArrayRef> {
    let any = RecordMembers(masks.values().iter().fold(0, |any, mask| any | mask));
    let is_text = |text: Option<&str>| text.is_some_and(|text| !text.is_empty());
    if !any.is_absent(place) && !any.is_empty(place) && texts.iter().all(is_text) {
        return Ok(Arc::clone(column));
    }
    // Nothing in it is an empty text but the last.
    let all: StringArray = texts.iter().map(|text| text.filter(|text| is_text(Some(text)))).chain([Some("")]).collect();
    let empty = i32::try_from(texts.len()).map_err(|_| missing("dictionary"))?;
    let said = |(key, mask): (Option<i32>, &u32)| {
        let members = RecordMembers(*mask);
        match (members.is_absent(place), members.is_empty(place)) {
            (true, _) => None,
            (false, true) => Some(empty),
            (false, false) => key.filter(|key| usize::try_from(*key).is_ok_and(|key| all.is_valid(key))),
        }
    };
    let keys: Int32Array = keys.iter().zip(masks.values()).map(said).collect();
    Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(all))?))
}

fn missing(name: &str) -> datafusion::common::DataFusionError {
    external(SqlError::Failed(format!("the event table has no column {name}")))
}

fn column<'a>(batch: &'a RecordBatch, name: &str) -> Result<&'a ArrayRef> {
    batch.column_by_name(name).ok_or_else(|| missing(name))
}

/// What a batch has of what stores decide by.
struct Stored<'a> {
    time: &'a TimestampMillisecondArray,
    ingestion_time: &'a TimestampMillisecondArray,
    account: Option<TextColumn<'a>>,
    region: Option<TextColumn<'a>>,
    category: Option<TextColumn<'a>>,
    source: Option<TextColumn<'a>>,
    name: Option<TextColumn<'a>>,
    event_type: Option<TextColumn<'a>>,
    error_code: Option<TextColumn<'a>>,
    vpc_endpoint_id: Option<TextColumn<'a>>,
    user_arn: Option<TextColumn<'a>>,
    read_only: Option<&'a BooleanArray>,
    resources: Option<(&'a ListArray, &'a ListArray)>,
    records: Option<TextColumn<'a>>,
}

impl<'a> Stored<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self> {
        let text = |name: &str| batch.column_by_name(name).and_then(|column| TextColumn::of(column.as_ref()));
        let list = |name: &str| batch.column_by_name(name).and_then(|column| column.as_list_opt::<i32>());
        let times = |name: &str| {
            let times = column(batch, name)?.as_primitive_opt::<TimestampMillisecondType>();
            times.ok_or_else(|| missing(name))
        };
        Ok(Self {
            time: times("time")?,
            ingestion_time: times("ingestion_time")?,
            account: text("account"),
            region: text("region"),
            category: text("category"),
            source: text("source"),
            name: text("name"),
            event_type: text("event_type"),
            error_code: text("error_code"),
            vpc_endpoint_id: text("vpc_endpoint_id"),
            user_arn: text("user_arn"),
            read_only: batch.column_by_name("read_only").and_then(|column| column.as_boolean_opt()),
            resources: list("resource_types").zip(list("resource_names")),
            records: text(RECORD),
        })
    }

    fn candidate(&self, at: usize) -> Candidate<'_> {
        let text = |column: Option<TextColumn<'a>>| column.and_then(|column| column.get(at)).unwrap_or_default();
        let read_only = self.read_only.filter(|column| column.is_valid(at));
        Candidate {
            time: Timestamp(self.time.value(at)),
            ingestion_time: Timestamp(self.ingestion_time.value(at)),
            account: text(self.account),
            region: text(self.region),
            category: text(self.category),
            source: text(self.source),
            name: text(self.name),
            event_type: text(self.event_type),
            error_code: text(self.error_code),
            vpc_endpoint_id: text(self.vpc_endpoint_id),
            user_arn: text(self.user_arn),
            read_only: read_only.map(|column| column.value(at)),
            resources: self.resources.map(|lists| resources(lists, at)).unwrap_or_default(),
            record: text(self.records),
        }
    }
}

/// The types and names of a row, one place for each resource in both lists.
fn resources<'a>((types, names): (&'a ListArray, &'a ListArray), at: usize) -> Vec<(&'a str, &'a str)> {
    let of = |list: &ListArray| {
        let offsets = list.value_offsets();
        (offsets.get(at).copied().unwrap_or(0) as usize, list.value_length(at) as usize)
    };
    let ((type_at, count), (name_at, _)) = (of(types), of(names));
    let (types, names) = (types.values().as_string_opt::<i32>(), names.values().as_string_opt::<i32>());
    let Some((types, names)) = types.zip(names) else { return Vec::new() };
    let places = (0..count).filter(|at| type_at + at < types.len() && name_at + at < names.len());
    places.map(|at| (types.value(type_at + at), names.value(name_at + at))).collect()
}
