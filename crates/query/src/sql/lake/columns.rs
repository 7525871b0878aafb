//! The columns of an event data store and how a record's JSON becomes them.
//!
//! Names, types and order are those of CloudTrail Lake
//! (<https://docs.aws.amazon.com/awscloudtrail/latest/userguide/query-supported-event-schemas.html>): objects whose members AWS
//! knows are structs, the others are maps from text to text, in which what is no text is JSON. Names are found in records whatever
//! their case; columns that are read from the event table instead: `rows.rs`.

use super::super::packed;
use crate::json_text::members;
use datafusion::arrow::array::builder::{BooleanBuilder, MapBuilder, StringBuilder};
use datafusion::arrow::array::{Array, ArrayRef, ListArray, RecordBatch, StructArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;
use datafusion::common::Result;
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::{Arc, LazyLock};

/// The column of event times; the only one that the store's own column stands for.
pub(super) const TIME: &str = "eventtime";

/// What a column holds.
#[derive(Debug, Clone, Copy)]
enum Kind {
    /// `eventtime`.
    Time,
    /// The whole record.
    Record,
    /// A checksum of the whole record.
    Checksum,
    Text,
    Flag,
    /// An object of any members.
    Map,
    /// An object of these members.
    Struct(&'static [(&'static str, Kind)]),
    /// A list of objects of these members.
    List(&'static [(&'static str, Kind)]),
}

use Kind::{Checksum, Flag, List, Map, Record, Struct, Text, Time};

const ISSUER: Kind =
    Struct(&[("type", Text), ("principalid", Text), ("arn", Text), ("accountid", Text), ("username", Text)]);
const SESSION: Kind = Struct(&[
    ("attributes", Struct(&[("creationdate", Text), ("mfaauthenticated", Text)])),
    ("sessionissuer", ISSUER),
    ("webidfederationdata", Struct(&[("federatedprovider", Text), ("attributes", Map)])),
    ("sourceidentity", Text),
    ("ec2roledelivery", Text),
    ("ec2issuedinvpc", Text),
]);
const IDENTITY: Kind = Struct(&[
    ("type", Text),
    ("principalid", Text),
    ("arn", Text),
    ("accountid", Text),
    ("accesskeyid", Text),
    ("username", Text),
    ("sessioncontext", SESSION),
    ("invokedby", Text),
    ("identityprovider", Text),
    ("credentialid", Text),
    ("onbehalfof", Struct(&[("userid", Text), ("identitystorearn", Text)])),
]);
const ADDENDUM: Kind = Struct(&[
    ("reason", Text),
    ("updatedfields", Text),
    ("originaluid", Text),
    ("originalrequestid", Text),
    ("originaleventid", Text),
]);
const RESOURCES: Kind = List(&[("accountid", Text), ("type", Text), ("arn", Text), ("arnprefix", Text)]);
const TLS: Kind = Struct(&[("tlsversion", Text), ("ciphersuite", Text), ("clientprovidedhostheader", Text)]);

const CONTEXT: Kind = Struct(&[
    ("requestcontext", Map),
    ("tagcontext", Struct(&[("resourcetags", List(&[("arn", Text), ("tags", Map)])), ("principaltags", Map)])),
]);

const COLUMNS: [(&str, Kind); 35] = [
    ("eventversion", Text),
    ("useridentity", IDENTITY),
    (TIME, Time),
    ("eventsource", Text),
    ("eventname", Text),
    ("awsregion", Text),
    ("sourceipaddress", Text),
    ("useragent", Text),
    ("errorcode", Text),
    ("errormessage", Text),
    ("requestparameters", Map),
    ("responseelements", Map),
    ("additionaleventdata", Map),
    ("requestid", Text),
    ("eventid", Text),
    ("readonly", Flag),
    ("resources", RESOURCES),
    ("eventtype", Text),
    ("apiversion", Text),
    ("managementevent", Flag),
    ("recipientaccountid", Text),
    ("sharedeventid", Text),
    ("annotation", Text),
    ("vpcendpointid", Text),
    ("vpcendpointaccountid", Text),
    ("serviceeventdetails", Map),
    ("addendum", ADDENDUM),
    ("edgedevicedetails", Map),
    ("insightdetails", Map),
    ("eventcategory", Text),
    ("eventcontext", CONTEXT),
    ("tlsdetails", TLS),
    ("sessioncredentialfromconsole", Flag),
    ("eventjson", Record),
    ("eventjsonchecksum", Checksum),
];

impl Kind {
    fn data_type(self) -> DataType {
        let members = |members: &[(&str, Kind)]| -> Fields {
            members.iter().map(|(name, kind)| Field::new(*name, kind.data_type(), true)).collect()
        };
        match self {
            Time => DataType::Timestamp(TimeUnit::Millisecond, None),
            Flag => DataType::Boolean,
            Record | Checksum | Text => DataType::Utf8,
            Map => {
                let entries = [Field::new("keys", DataType::Utf8, false), Field::new("values", DataType::Utf8, true)];
                DataType::Map(
                    Arc::new(Field::new("entries", DataType::Struct(entries.into_iter().collect()), false)),
                    false,
                )
            }
            Struct(of) => DataType::Struct(members(of)),
            List(of) => DataType::List(Arc::new(Field::new_list_field(DataType::Struct(members(of)), true))),
        }
    }
}

/// All columns.
pub(super) fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let field = |(name, kind): &(&str, Kind)| Field::new(*name, kind.data_type(), true);
        Arc::new(Schema::new(COLUMNS.iter().map(field).collect::<Vec<_>>()))
    });
    Arc::clone(&SCHEMA)
}

/// The columns of `wanted` for so many rows: those that are `given`, by name and place, the others made of the rows' records.
/// Texts that are given packed stay so.
pub(super) fn batch(
    wanted: &SchemaRef,
    rows: usize,
    records: &[&str],
    given: impl Fn(&str, usize) -> Result<Option<ArrayRef>>,
) -> Result<RecordBatch> {
    let mut arrays: Vec<Option<ArrayRef>> = Vec::with_capacity(wanted.fields().len());
    for (at, field) in wanted.fields().iter().enumerate() {
        arrays.push(match given(field.name(), at)? {
            Some(packed) if matches!(packed.data_type(), DataType::Dictionary(..)) => Some(packed),
            Some(column) => Some(cast(&column, field.data_type())?),
            None => None,
        });
    }
    let missing = wanted.fields().iter().zip(&arrays).filter(|(_, array)| array.is_none());
    let names: Vec<&str> = missing.map(|(field, _)| field.name().as_str()).collect();
    let members = Picked::of(&names, records.iter().map(|record| Some(*record)));
    let column = |(field, given): (&Arc<Field>, Option<ArrayRef>)| {
        if let Some(given) = given {
            return Ok(given);
        }
        let kind = COLUMNS.iter().find(|(name, _)| name == field.name()).map(|(_, kind)| *kind);
        match kind {
            Some(Record) => Ok(texts(records.iter().map(|record| Some(Cow::Borrowed(*record))))),
            Some(Checksum) => Ok(texts(records.iter().map(|record| Some(Cow::Owned(checksum(record)))))),
            Some(kind) => Ok(array(kind, members.column(field.name()))),
            None => Err(ArrowError::SchemaError(format!("there is no column {}", field.name()))),
        }
    };
    let arrays = wanted.fields().iter().zip(arrays).map(column).collect::<Result<Vec<_>, ArrowError>>()?;
    packed::batch(wanted, arrays, rows)
}

/// SHA-256 of a record, in hexadecimal.
fn checksum(record: &str) -> String {
    use sha2::Digest as _;
    sha2::Sha256::digest(record.as_bytes()).iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

/// Members of objects, the same few of each, in one pass over each text.
struct Picked<'n, 'a> {
    names: &'n [&'n str],
    /// Whether each text was an object.
    valid: Vec<bool>,
    /// For each text one place for each name.
    values: Vec<Option<&'a str>>,
}

impl<'n, 'a> Picked<'n, 'a> {
    /// The members that are called `names`, which are in lower case; a text's may be in any. Of two that are the same, the last.
    fn of(names: &'n [&'n str], texts: impl Iterator<Item = Option<&'a str>>) -> Self {
        let (mut valid, mut values) = (Vec::new(), Vec::new());
        for text in texts {
            let first = values.len();
            values.resize(first + names.len(), None);
            let take = |name: &str, value: &'a str| {
                let at = names.iter().position(|own| own.eq_ignore_ascii_case(name));
                if let Some(place) = at.and_then(|at| values.get_mut(first + at)) {
                    *place = Some(value);
                }
            };
            let is_object = text.is_some_and(|text| members(text, take).is_some());
            if !is_object {
                values.truncate(first);
                values.resize(first + names.len(), None);
            }
            valid.push(is_object);
        }
        Self { names, valid, values }
    }

    fn column(&self, name: &str) -> Vec<Option<&'a str>> {
        let Some(at) = self.names.iter().position(|own| *own == name) else { return vec![None; self.valid.len()] };
        self.values.iter().skip(at).step_by(self.names.len()).copied().collect()
    }
}

/// A text without its quotes, anything else as it is written; `None` for null.
fn text(value: &str) -> Option<Cow<'_, str>> {
    match value.as_bytes().first()? {
        b'"' => {
            let inner = value.get(1..value.len().checked_sub(1)?)?;
            let is_plain = memchr::memchr(b'\\', inner.as_bytes()).is_none();
            if is_plain {
                Some(Cow::Borrowed(inner))
            } else {
                serde_json::from_str::<String>(value).ok().map(Cow::Owned)
            }
        }
        b'n' => None,
        _ => Some(Cow::Borrowed(value)),
    }
}

fn texts<'a>(values: impl Iterator<Item = Option<Cow<'a, str>>>) -> ArrayRef {
    let mut builder = StringBuilder::new();
    values.for_each(|value| builder.append_option(value));
    Arc::new(builder.finish())
}

fn flags(values: &[Option<&str>]) -> ArrayRef {
    let mut builder = BooleanBuilder::with_capacity(values.len());
    for value in values {
        builder.append_option(match value {
            Some("true" | "\"true\"") => Some(true),
            Some("false" | "\"false\"") => Some(false),
            _ => None,
        });
    }
    Arc::new(builder.finish())
}

fn maps(values: &[Option<&str>]) -> ArrayRef {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for value in values {
        let members = value.and_then(|value| serde_json::from_str::<BTreeMap<String, &RawValue>>(value).ok());
        for (name, value) in members.iter().flatten() {
            builder.keys().append_value(name);
            builder.values().append_option(text(value.get()));
        }
        // Names and values were appended in pairs.
        let _ = builder.append(members.is_some());
    }
    Arc::new(builder.finish())
}

/// Nested as deep as the columns are, whatever a record is like.
fn array(kind: Kind, values: Vec<Option<&str>>) -> ArrayRef {
    match kind {
        Time | Record | Checksum | Text => texts(values.iter().map(|value| value.and_then(text))),
        Flag => flags(&values),
        Map => maps(&values),
        Struct(of) => Arc::new(structs(of, &values)),
        List(of) => {
            let mut items: Vec<Option<&str>> = Vec::new();
            let (mut lengths, mut valid) = (Vec::with_capacity(values.len()), Vec::with_capacity(values.len()));
            for value in &values {
                let list = value.and_then(|value| serde_json::from_str::<Vec<&RawValue>>(value).ok());
                valid.push(list.is_some());
                lengths.push(list.as_ref().map_or(0, Vec::len));
                items.extend(list.into_iter().flatten().map(|item| Some(item.get())));
            }
            let items = structs(of, &items);
            let field = Arc::new(Field::new_list_field(items_type(of), true));
            Arc::new(ListArray::new(field, OffsetBuffer::from_lengths(lengths), Arc::new(items), Some(valid.into())))
        }
    }
}

fn items_type(of: &'static [(&'static str, Kind)]) -> DataType {
    Struct(of).data_type()
}

fn structs(of: &'static [(&'static str, Kind)], values: &[Option<&str>]) -> StructArray {
    let names: Vec<&str> = of.iter().map(|(name, _)| *name).collect();
    let objects = Picked::of(&names, values.iter().copied());
    let column = |(name, kind): &(&'static str, Kind)| array(*kind, objects.column(name));
    let valid: NullBuffer = objects.valid.clone().into();
    let DataType::Struct(fields) = items_type(of) else {
        return StructArray::new_empty_fields(values.len(), Some(valid));
    };
    StructArray::new(fields, of.iter().map(column).collect(), Some(valid))
}
