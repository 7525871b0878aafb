//! The columns of an event data store and how a record's JSON becomes them.
//!
//! Names, types and order are those of CloudTrail Lake
//! (<https://docs.aws.amazon.com/awscloudtrail/latest/userguide/query-supported-event-schemas.html>): objects whose members AWS
//! knows are structs, the others are maps from text to text, in which what is no text is JSON. Names are found in records whatever
//! their case.

use datafusion::arrow::array::builder::{BooleanBuilder, MapBuilder, StringBuilder};
use datafusion::arrow::array::{ArrayRef, ListArray, RecordBatch, StructArray};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::datatypes::{DataType, Field, Fields, Schema, SchemaRef, TimeUnit};
use datafusion::arrow::error::ArrowError;
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

/// The columns of `wanted`, made of records and their times.
pub(super) fn batch(wanted: &SchemaRef, records: &[&str], times: &ArrayRef) -> Result<RecordBatch, ArrowError> {
    let members: Vec<Option<Members<'_>>> = records.iter().map(|record| members(record)).collect();
    let mut arrays: Vec<ArrayRef> = Vec::with_capacity(wanted.fields().len());
    for field in wanted.fields() {
        let kind = COLUMNS.iter().find(|(name, _)| name == field.name()).map(|(_, kind)| *kind);
        let values = || members.iter().map(|members| members.as_ref()?.get(field.name().as_str()).copied()).collect();
        arrays.push(match kind {
            Some(Time) => datafusion::arrow::compute::cast(times, field.data_type())?,
            Some(Record) => texts(records.iter().map(|record| Some(Cow::Borrowed(*record)))),
            Some(Checksum) => texts(records.iter().map(|record| Some(Cow::Owned(checksum(record))))),
            Some(kind) => array(kind, values()),
            None => return Err(ArrowError::SchemaError(format!("there is no column {}", field.name()))),
        });
    }
    let options = datafusion::arrow::array::RecordBatchOptions::new().with_row_count(Some(records.len()));
    RecordBatch::try_new_with_options(Arc::clone(wanted), arrays, &options)
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

type Members<'a> = BTreeMap<String, &'a RawValue>;

/// The members of an object, by their names in lower case; of two that are the same then, the last.
fn members(json: &str) -> Option<Members<'_>> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(json).ok()?;
    if members.keys().all(|name| !name.bytes().any(|b| b.is_ascii_uppercase())) {
        return Some(members);
    }
    Some(members.into_iter().map(|(name, value)| (name.to_ascii_lowercase(), value)).collect())
}

/// A text without its quotes, anything else as it is written; `None` for null.
fn text(value: &RawValue) -> Option<Cow<'_, str>> {
    match value.get().as_bytes().first()? {
        b'"' => serde_json::from_str::<String>(value.get()).ok().map(Cow::Owned),
        b'n' => None,
        _ => Some(Cow::Borrowed(value.get())),
    }
}

fn texts<'a>(values: impl Iterator<Item = Option<Cow<'a, str>>>) -> ArrayRef {
    let mut builder = StringBuilder::new();
    values.for_each(|value| builder.append_option(value));
    Arc::new(builder.finish())
}

fn flags(values: &[Option<&RawValue>]) -> ArrayRef {
    let mut builder = BooleanBuilder::with_capacity(values.len());
    for value in values {
        builder.append_option(match value.map(|value| value.get()) {
            Some("true" | "\"true\"") => Some(true),
            Some("false" | "\"false\"") => Some(false),
            _ => None,
        });
    }
    Arc::new(builder.finish())
}

fn maps(values: &[Option<&RawValue>]) -> ArrayRef {
    let mut builder = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for value in values {
        let members = value.and_then(|value| serde_json::from_str::<BTreeMap<String, &RawValue>>(value.get()).ok());
        for (name, value) in members.iter().flatten() {
            builder.keys().append_value(name);
            builder.values().append_option(text(value));
        }
        // Names and values were appended in pairs.
        let _ = builder.append(members.is_some());
    }
    Arc::new(builder.finish())
}

/// Nested as deep as the columns are, whatever a record is like.
fn array(kind: Kind, values: Vec<Option<&RawValue>>) -> ArrayRef {
    match kind {
        Time | Record | Checksum | Text => texts(values.iter().map(|value| value.and_then(text))),
        Flag => flags(&values),
        Map => maps(&values),
        Struct(of) => Arc::new(structs(of, &values)),
        List(of) => {
            let mut items: Vec<Option<&RawValue>> = Vec::new();
            let (mut lengths, mut valid) = (Vec::with_capacity(values.len()), Vec::with_capacity(values.len()));
            for value in &values {
                let list = value.and_then(|value| serde_json::from_str::<Vec<&RawValue>>(value.get()).ok());
                valid.push(list.is_some());
                lengths.push(list.as_ref().map_or(0, Vec::len));
                items.extend(list.into_iter().flatten().map(Some));
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

fn structs(of: &'static [(&'static str, Kind)], values: &[Option<&RawValue>]) -> StructArray {
    let objects: Vec<Option<Members<'_>>> = values.iter().map(|value| members(value.as_ref()?.get())).collect();
    let column = |(name, kind): &(&'static str, Kind)| {
        array(*kind, objects.iter().map(|object| object.as_ref()?.get(*name).copied()).collect())
    };
    let valid: NullBuffer = objects.iter().map(Option::is_some).collect::<Vec<bool>>().into();
    let DataType::Struct(fields) = items_type(of) else {
        return StructArray::new_empty_fields(values.len(), Some(valid));
    };
    StructArray::new(fields, of.iter().map(column).collect(), Some(valid))
}
