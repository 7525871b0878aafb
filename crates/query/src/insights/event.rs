//! What a query reads of a stored log event, and the row that it makes of one.

use super::value::Value;
use crate::log_fields::{self, FieldPath};
use model::Timestamp;
use std::borrow::Cow;
use std::cell::OnceCell;

/// One stored log event.
pub trait Event {
    /// When it happened.
    fn timestamp(&self) -> Timestamp;
    /// When it was accepted.
    fn ingestion_time(&self) -> Timestamp;
    /// Its text; asked for when the plan needs it or a field is not known.
    fn message(&self) -> &str;
    /// The name of its stream.
    fn stream(&self) -> &str;
    /// `account:group`.
    fn log(&self) -> &str;
    /// What `GetLogRecord` finds it by; events of the same instant are put in order by it.
    fn pointer(&self) -> String;
    /// The value of the plan's field with this number, or that it has none; `None` when only its message can tell.
    fn known(&self, at: usize) -> Option<Option<&str>>;
}

/// A row as expressions see it. Slots are numbered by the plan.
pub(super) trait Row<'e> {
    /// The value of a slot.
    fn slot(&self, at: usize) -> Value<'e>;
    /// Gives a slot of a computed column its value.
    fn set(&mut self, at: usize, value: Value<'e>);
    /// `@timestamp`, milliseconds, whether or not it is among the slots.
    fn at(&self) -> i64;
    /// `@ptr`
    fn pointer(&self) -> Cow<'e, str>;
}

/// Where the value of a slot comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Source {
    Timestamp,
    IngestionTime,
    Message,
    Stream,
    Log,
    Pointer,
    /// The plan's field with this number.
    Field(usize),
    /// The computed column with this number.
    Column(usize),
    /// Nowhere: it is always missing.
    Nothing,
}

impl Source {
    /// What a name beginning with `@` stands for, if it is one that every event has.
    pub fn of(name: &str) -> Option<Self> {
        Some(match name {
            "@timestamp" => Self::Timestamp,
            "@ingestionTime" => Self::IngestionTime,
            "@message" => Self::Message,
            "@logStream" => Self::Stream,
            "@log" => Self::Log,
            "@ptr" => Self::Pointer,
            "@entity" => Self::Nothing,
            _ => return None,
        })
    }
}

/// Most bytes that the computed columns of a row may take; a column that would take more is missing. A query has room for some
/// hundred columns, each twice as long as the one before.
const COLUMNS_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The row of one event, read as far as it is asked for.
pub(super) struct EventRow<'e, E> {
    event: &'e E,
    sources: &'e [Source],
    fields: &'e [FieldPath],
    /// The fields, once one of them had to be read out of the message.
    read: OnceCell<Vec<Option<Cow<'e, str>>>>,
    columns: Vec<Value<'e>>,
    /// Bytes of the columns.
    bytes: usize,
}

impl<'e, E: Event> EventRow<'e, E> {
    /// With all columns missing.
    pub fn new(event: &'e E, sources: &'e [Source], fields: &'e [FieldPath], columns: usize) -> Self {
        Self { event, sources, fields, read: OnceCell::new(), columns: vec![Value::Null; columns], bytes: 0 }
    }

    fn field(&self, at: usize) -> Value<'e> {
        match self.event.known(at) {
            Some(Some(text)) => return Value::text_of(text),
            Some(None) => return Value::Null,
            None => {}
        }
        let read = self.read.get_or_init(|| log_fields::fields_of(self.event.message(), self.fields));
        read.get(at).cloned().flatten().map_or(Value::Null, Value::Text)
    }
}

impl<'e, E: Event> Row<'e> for EventRow<'e, E> {
    fn slot(&self, at: usize) -> Value<'e> {
        match self.sources.get(at) {
            Some(Source::Timestamp) => Value::Time(self.event.timestamp().0),
            Some(Source::IngestionTime) => Value::Time(self.event.ingestion_time().0),
            Some(Source::Message) => Value::text_of(self.event.message()),
            Some(Source::Stream) => Value::text_of(self.event.stream()),
            Some(Source::Log) => Value::text_of(self.event.log()),
            Some(Source::Pointer) => Value::Text(Cow::Owned(self.event.pointer())),
            Some(Source::Field(field)) => self.field(*field),
            Some(Source::Column(column)) => self.columns.get(*column).cloned().unwrap_or_default(),
            Some(Source::Nothing) | None => Value::Null,
        }
    }

    fn set(&mut self, at: usize, value: Value<'e>) {
        if let Some(Source::Column(column)) = self.sources.get(at)
            && let Some(place) = self.columns.get_mut(*column)
        {
            self.bytes -= place.heap_bytes();
            let bytes = value.heap_bytes();
            *place = if self.bytes + bytes > COLUMNS_BYTES_MAX { Value::Null } else { value };
            self.bytes += place.heap_bytes();
        }
    }

    fn at(&self) -> i64 {
        self.event.timestamp().0
    }

    fn pointer(&self) -> Cow<'e, str> {
        Cow::Owned(self.event.pointer())
    }
}

/// A row that has left its event.
#[derive(Debug, Clone, Default)]
pub(super) struct Record {
    /// By slot; slots beyond the end are missing.
    pub values: Vec<Value<'static>>,
    /// See `Row::at`.
    pub at: i64,
    /// See `Row::pointer`; empty for rows that stand for several events.
    pub pointer: Box<str>,
    /// Its place among the rows of its event.
    pub ordinal: u32,
}

impl Record {
    /// Copies these slots out of a row.
    pub fn of<'e>(row: &impl Row<'e>, slots: &[usize], ordinal: u32) -> Self {
        let mut values = vec![Value::Null; slots.iter().max().map_or(0, |last| last + 1)];
        for &slot in slots {
            values[slot] = row.slot(slot).into_owned();
        }
        Self { values, at: row.at(), pointer: row.pointer().into(), ordinal }
    }

    /// Bytes that it takes.
    pub fn bytes(&self) -> usize {
        let texts: usize = self.values.iter().map(Value::heap_bytes).sum();
        size_of::<Self>() + self.values.len() * size_of::<Value<'_>>() + texts + self.pointer.len()
    }
}

impl Row<'static> for Record {
    fn slot(&self, at: usize) -> Value<'static> {
        self.values.get(at).cloned().unwrap_or_default()
    }

    fn set(&mut self, at: usize, value: Value<'static>) {
        if self.values.len() <= at {
            self.values.resize(at + 1, Value::Null);
        }
        self.values[at] = value;
    }

    fn at(&self) -> i64 {
        self.at
    }

    fn pointer(&self) -> Cow<'static, str> {
        Cow::Owned(self.pointer.to_string())
    }
}
