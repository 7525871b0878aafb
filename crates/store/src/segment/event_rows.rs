//! Events out of the columns of an event segment.

use super::column;
use super::details::TEXTS as DETAILS;
use super::events::{TEXTS, positions};
use super::members;
use super::skeleton::{Days, Filling, RESOURCE_NAMES, marker, restore};
use super::uuid;
use crate::error::{Error, Result};
use crate::events_page::EventRow;
use crate::position::Position;
use crate::text_column::TextColumn;
use arrow_array::types::Int32Type;
use arrow_array::{
    Array, BinaryArray, BooleanArray, DictionaryArray, FixedSizeBinaryArray, ListArray, RecordBatch, StringArray,
    TimestampMillisecondArray, UInt32Array,
};
use arrow_buffer::{Buffer, OffsetBuffer};
use model::{Event, EventResource, Timestamp};

/// About as long as a record is, to begin with.
const RECORD_BYTES: usize = 1536;

/// An id that is a UUID or a text.
pub(crate) struct Ids<'a> {
    uuid: &'a FixedSizeBinaryArray,
    text: &'a StringArray,
}

impl<'a> Ids<'a> {
    /// The columns of the ids with this name.
    pub(crate) fn of(batch: &'a RecordBatch, name: &str, text_name: &str) -> Result<Self> {
        let uuid: &FixedSizeBinaryArray = column(batch, name)?;
        if uuid.value_length() != 16 {
            return Err(damaged("an id does not have 16 bytes"));
        }
        Ok(Self { uuid, text: column(batch, text_name)? })
    }

    /// The id of a row, if it is a UUID.
    pub(super) fn uuid(&self, at: usize) -> Option<&'a [u8; 16]> {
        if self.uuid.is_null(at) { None } else { self.uuid.value(at).first_chunk() }
    }

    fn text(&self, at: usize) -> Option<&'a str> {
        (!self.text.is_null(at)).then(|| self.text.value(at))
    }

    /// The id of a row.
    pub(crate) fn id(&self, at: usize) -> Option<String> {
        self.uuid(at).map(uuid::string).or_else(|| self.text(at).map(str::to_owned))
    }

    /// Appends the id of a row; false when there is none.
    fn append(&self, at: usize, into: &mut Vec<u8>) -> bool {
        let (uuid, text) = (self.uuid(at).map(uuid::text), self.text(at));
        into.extend_from_slice(uuid.as_ref().map(<[u8; 36]>::as_slice).or(text.map(str::as_bytes)).unwrap_or_default());
        uuid.is_some() || text.is_some()
    }

    /// For each row, whether it has this id.
    pub(crate) fn is(&self, wanted: &str) -> Vec<bool> {
        let bytes = uuid::parse(wanted.as_bytes());
        let same = |at| match &bytes {
            Some(bytes) => self.uuid(at) == Some(bytes),
            None => self.text(at) == Some(wanted),
        };
        (0..self.uuid.len()).map(same).collect()
    }
}

fn damaged(reason: &str) -> Error {
    Error::corrupt("an event segment", 0, reason)
}

/// A column of texts, packed or not.
fn texts<'a>(batch: &'a RecordBatch, name: &str) -> Result<TextColumn<'a>> {
    let column = batch.column_by_name(name).and_then(|column| TextColumn::of(column));
    column.ok_or_else(|| damaged("a column of texts is missing or of another type"))
}

/// All columns of a batch.
struct Columns<'a> {
    positions: Vec<Position>,
    ingestion_time: &'a TimestampMillisecondArray,
    event_id: Ids<'a>,
    request_id: Ids<'a>,
    texts: Vec<TextColumn<'a>>,
    read_only: &'a BooleanArray,
    resource_types: &'a ListArray,
    resource_names: &'a ListArray,
    /// Each with the byte that stands for it.
    details: Vec<(u8, TextColumn<'a>)>,
    skeleton: &'a DictionaryArray<Int32Type>,
    skeletons: &'a StringArray,
    values: &'a StringArray,
    uuids: &'a BinaryArray,
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self> {
        let skeleton: &DictionaryArray<Int32Type> = column(batch, "record_skeleton")?;
        let skeletons = skeleton.values().as_any().downcast_ref().ok_or_else(|| damaged("skeletons are not text"))?;
        Ok(Self {
            positions: positions(batch)?,
            ingestion_time: column(batch, "ingestion_time")?,
            event_id: Ids::of(batch, "event_id", "event_id_text")?,
            request_id: Ids::of(batch, "request_id", "request_id_text")?,
            texts: TEXTS.iter().map(|name| texts(batch, name)).collect::<Result<_>>()?,
            read_only: column(batch, "read_only")?,
            resource_types: column(batch, "resource_types")?,
            resource_names: column(batch, "resource_names")?,
            details: DETAILS
                .iter()
                .filter_map(|(name, marker)| marker.map(|marker| Ok((marker, texts(batch, name)?))))
                .collect::<Result<_>>()?,
            skeleton,
            skeletons,
            values: column(batch, "record_values")?,
            uuids: column(batch, "record_uuids")?,
        })
    }

    /// The event of a row, its record still empty.
    fn fields(&self, at: usize) -> Result<Event> {
        let mut texts = self.texts.iter().map(|column| column.get(at).unwrap_or_default().to_owned());
        let mut text = || texts.next().unwrap_or_default();
        // In the order of `TEXTS`.
        Ok(Event {
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
            event_id: self.event_id.id(at).ok_or_else(|| damaged("an event has no id"))?,
            time: self.positions[at].0,
            ingestion_time: Timestamp(self.ingestion_time.value(at)),
            read_only: (!self.read_only.is_null(at)).then(|| self.read_only.value(at)),
            resources: self.resources(at)?,
            record: String::new(),
        })
    }

    fn resources(&self, at: usize) -> Result<Vec<EventResource>> {
        if self.resource_types.value_length(at) == 0 && self.resource_names.value_length(at) == 0 {
            return Ok(Vec::new());
        }
        let (types, names) = (self.resource_types.value(at), self.resource_names.value(at));
        let text = |list: &'_ dyn Array| list.as_any().downcast_ref::<StringArray>().cloned();
        let (Some(types), Some(names)) = (text(&types), text(&names)) else {
            return Err(damaged("resources are not text"));
        };
        if types.len() != names.len() {
            return Err(damaged("resources are not two lists of the same length"));
        }
        let pairs = types.iter().flatten().zip(names.iter().flatten());
        Ok(pairs.map(|(kind, name)| EventResource { resource_type: kind.into(), name: name.into() }).collect())
    }

    /// Appends the exact text of a row's record.
    fn record(&self, at: usize, days: &mut Days, into: &mut Vec<u8>) -> Result<()> {
        let mut column = |marker: u8, into: &mut Vec<u8>| {
            let text = match marker {
                marker::EVENT_ID => return self.event_id.append(at, into),
                marker::TIME => {
                    let time = days.iso(self.positions[at].0);
                    return time.map(|time| into.extend_from_slice(&time)).is_some();
                }
                marker::REQUEST_ID => return self.request_id.append(at, into),
                _ => match self.text(marker, at) {
                    Some(text) => text,
                    None => return false,
                },
            };
            into.extend_from_slice(text.as_bytes());
            true
        };
        let skeleton = self.skeleton.key(at).filter(|key| *key < self.skeletons.len());
        let skeleton = self.skeletons.value(skeleton.ok_or_else(|| damaged("a record has no skeleton"))?);
        let filling = Filling { values: self.values.value(at), uuids: self.uuids.value(at), column: &mut column };
        restore(skeleton, filling, into).map_err(damaged)
    }

    /// The text that a byte of a skeleton stands for.
    fn text(&self, marker: u8, at: usize) -> Option<&str> {
        let text = |name| TEXTS.iter().position(|own| *own == name).and_then(|place| self.texts.get(place));
        let column = match marker {
            marker::NAME => text("name"),
            marker::SOURCE => text("source"),
            marker::ACCOUNT => text("account"),
            marker::REGION => text("region"),
            marker::USERNAME => text("username"),
            marker::ACCESS_KEY_ID => text("access_key_id"),
            marker::ERROR_CODE => text("error_code"),
            marker::SOURCE_IP => text("source_ip"),
            marker::USER_ARN => text("user_arn"),
            _ => {
                if let Some(place) = marker.checked_sub(marker::RESOURCE_NAME).map(usize::from) {
                    return self.resource_name(at, place).filter(|_| place < RESOURCE_NAMES);
                }
                self.details.iter().find(|(own, _)| *own == marker).map(|(_, column)| column)
            }
        }?;
        column.get(at)
    }

    /// The name of a row's resource.
    fn resource_name(&self, at: usize, place: usize) -> Option<&str> {
        let offset = usize::try_from(*self.resource_names.value_offsets().get(at)?).ok()?;
        let names: &StringArray = self.resource_names.values().as_any().downcast_ref()?;
        let is_there = place < self.resource_names.value_length(at) as usize && offset + place < names.len();
        is_there.then(|| names.value(offset + place))
    }
}

/// The events of a batch that has the columns `ROW_COLUMNS`.
pub(crate) fn rows(batch: &RecordBatch) -> Result<Vec<EventRow>> {
    let columns = Columns::of(batch)?;
    let mut days = Days::default();
    let mut rows = Vec::with_capacity(batch.num_rows());
    for at in 0..batch.num_rows() {
        let mut event = columns.fields(at)?;
        let mut record = Vec::with_capacity(RECORD_BYTES);
        columns.record(at, &mut days, &mut record)?;
        event.record = String::from_utf8(record).map_err(|_| damaged("a record is not UTF-8"))?;
        rows.push(EventRow { sequence: columns.positions[at].1, event });
    }
    Ok(rows)
}

/// Their records alone.
pub(crate) fn records(batch: &RecordBatch) -> Result<StringArray> {
    let columns = Columns::of(batch)?;
    let mut days = Days::default();
    let mut text = Vec::with_capacity(batch.num_rows() * RECORD_BYTES);
    let mut ends = Vec::with_capacity(batch.num_rows() + 1);
    ends.push(0);
    for at in 0..batch.num_rows() {
        columns.record(at, &mut days, &mut text)?;
        ends.push(i32::try_from(text.len()).map_err(|_| Error::Bug("records are too long for one batch".into()))?);
    }
    let text = StringArray::try_new(OffsetBuffer::new(ends.into()), Buffer::from_vec(text), None);
    text.map_err(|_| damaged("a record is not UTF-8"))
}

/// Masks of skeletons that are known already: the batches of a row group share their skeletons.
#[derive(Debug, Default)]
pub(crate) struct Masks {
    skeletons: Option<StringArray>,
    known: Vec<Option<u32>>,
}

impl Masks {
    /// For each row the mask of its record's members, as `members.rs` says.
    pub(crate) fn of(&mut self, batch: &RecordBatch) -> Result<UInt32Array> {
        let skeleton: &DictionaryArray<Int32Type> = column(batch, "record_skeleton")?;
        let skeletons: &StringArray =
            skeleton.values().as_any().downcast_ref().ok_or_else(|| damaged("skeletons are not text"))?;
        let are_same = |before: &StringArray| {
            before.len() == skeletons.len() && std::ptr::eq(before.value_data(), skeletons.value_data())
        };
        if !self.skeletons.as_ref().is_some_and(are_same) {
            self.skeletons = Some(skeletons.clone());
            self.known = vec![None; skeletons.len()];
        }
        // Of a dictionary that other batches share, few may be here.
        let known = &mut self.known;
        let mask = |at: usize| {
            let key = skeleton.key(at)?;
            let known = known.get_mut(key)?;
            Some(*known.get_or_insert_with(|| members::mask(skeletons.value(key))))
        };
        let masks: Option<Vec<u32>> = (0..skeleton.len()).map(mask).collect();
        masks.map(UInt32Array::from).ok_or_else(|| damaged("a record has no skeleton"))
    }
}
