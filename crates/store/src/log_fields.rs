//! Log fields: values that many lines of a row group share, kept as columns beside the text, so that a count by status reads no text.
//!
//! A **field** is a member of the JSON object that a line is, or one of the words of a line. Which members there are is discovered when a
//! segment is written. A field of a row group is kept when its values there are few and short: a status, a level, a method, a
//! service, a host. Identifiers, times and free text are not; the text has them, and the columns would double it. Words are not
//! kept where a line is a JSON object. What is kept
//! answers for every line of the row group, for `LogField::value` of a line is what its column says.
//!
//! # Format of the fields of one row group, version 1
//! Integers and texts as in `frame.rs`.
//!
//! | size | content |
//! | --- | --- |
//! | 1 | version, 1 |
//! | varint | rows |
//! | 1 | 1: every member of a line's object is listed; 0: there were too many |
//! | varint | fields that are listed |
//! | | of each: kind u8 (0 member, 1 word), name text or varint number of the word, varint length of its column, 0 where none is kept |
//! | | the columns in this order, each one zstd frame |
//!
//! A column is varint values, the values as texts, then a byte for each row: 0 for a row without the field, else the number of its
//! value, counted from 1. The checksum of the whole stands in the index of the segment.

use crate::codec::{Damage, Decoder, Encoder};
use arrow_array::StringArray;
use arrow_array::builder::StringBuilder;
use bytes::Bytes;
use memchr::memchr_iter;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

const VERSION: u8 = 1;
/// A field with more distinct values in a row group is not kept there: a byte for each row would be all that it saves.
const VALUES_MAX: usize = 32;
/// Nor is one with a longer value, bytes.
const VALUE_BYTES_MAX: usize = 128;
/// Members that are watched in a row group.
const MEMBERS_MAX: usize = 64;
/// A longer column is taken for damage.
const COLUMN_BYTES_MAX: usize = 1 << 20;

/// A field of log lines.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum LogField {
    /// The scalar of this name at the top of the JSON object that the line is: a string without its quotes and escapes, a number or
    /// boolean as it is written. The first one counts where a name is repeated. Lines that are no JSON object, members that are
    /// null, objects or arrays, and strings that are not Unicode have no value.
    Member(String),
    /// What lies between the (n-1)th and the nth space of the line, counted from 1; empty where the line has fewer.
    Word(usize),
}

/// Words of a line that are watched, from its beginning.
const WORDS_MAX: usize = LogField::WORDS_MAX;

impl LogField {
    /// Words after so many are never kept.
    pub const WORDS_MAX: usize = 10;

    /// Its value in a line.
    pub fn value<'t>(&self, line: &'t str) -> Option<Cow<'t, str>> {
        match self {
            LogField::Member(name) => {
                let (_, value) = members(line)?.into_iter().find(|(key, _)| key == name)?;
                scalar(value.get())
            }
            LogField::Word(number) => Some(line.split(' ').nth(number.checked_sub(1)?).unwrap_or_default().into()),
        }
    }
}

impl fmt::Display for LogField {
    /// `$.status` or `word 9`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            LogField::Member(name) => write!(f, "$.{name}"),
            LogField::Word(number) => write!(f, "word {number}"),
        }
    }
}

/// The members of the JSON object that a line is, in order; `None` when it is none.
fn members(line: &str) -> Option<Vec<(Cow<'_, str>, &RawValue)>> {
    struct Members;
    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(Cow<'de, str>, &'de RawValue)>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::with_capacity(16);
            while let Some(Name(name)) = map.next_key()? {
                members.push((name, map.next_value()?));
            }
            Ok(members)
        }
    }
    if !line.trim_ascii_start().starts_with('{') {
        return None;
    }
    let mut json = serde_json::Deserializer::from_str(line);
    let members = json.deserialize_map(Members).ok()?;
    json.end().ok()?;
    Some(members)
}

/// A key, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

fn scalar(raw: &str) -> Option<Cow<'_, str>> {
    match raw.as_bytes() {
        // Without escapes and control characters, what is between the quotes is the string.
        [b'"', inner @ .., b'"'] if !inner.contains(&b'\\') => Some(raw[1..raw.len() - 1].into()),
        [b'"', ..] => serde_json::from_str(raw).ok().map(|text: String| text.into()),
        [b'{' | b'[' | b'n', ..] => None,
        _ => Some(raw.into()),
    }
}

/// Length, first and last eight bytes of a value: up to 16 bytes that is all of it, and most of the values are no longer.
type Shape = (usize, u64, u64);

fn shape(value: &[u8]) -> Shape {
    let number = |bytes: &[u8; 8]| u64::from_le_bytes(*bytes);
    match (value.first_chunk::<8>(), value.last_chunk::<8>()) {
        (Some(first), Some(last)) => (value.len(), number(first), number(last)),
        _ => {
            let mut bytes = [0; 8];
            bytes[..value.len()].copy_from_slice(value);
            (value.len(), number(&bytes), 0)
        }
    }
}

/// A column in the making: values and, for each row so far, which of them it has.
#[derive(Debug, Default)]
struct ColumnBuilder {
    codes: Vec<u8>,
    values: Vec<Box<str>>,
    /// Of the values, in their order: there are so few that looking through these beats a hash table.
    shapes: Vec<Shape>,
    last: usize,
    /// Its values are too many or too long.
    is_dropped: bool,
}

impl ColumnBuilder {
    /// Sets the value of a row, whose number is not below those before.
    fn set(&mut self, row: usize, value: Option<&str>) {
        // The first of equal names counts.
        if self.is_dropped || self.codes.len() > row {
            return;
        }
        let Some(value) = value else {
            self.codes.resize(row + 1, 0);
            return;
        };
        let shape = shape(value.as_bytes());
        let is_it = |at: &usize| self.shapes[*at] == shape && (shape.0 <= 16 || *self.values[*at] == *value);
        let last = Some(self.last).filter(|last| *last < self.values.len() && is_it(last));
        let at = match last.or_else(|| (0..self.values.len()).find(is_it)) {
            Some(at) => at,
            None if self.values.len() >= VALUES_MAX || value.len() > VALUE_BYTES_MAX => {
                *self = Self { is_dropped: true, ..Self::default() };
                return;
            }
            None => {
                self.values.push(value.into());
                self.shapes.push(shape);
                self.values.len() - 1
            }
        };
        self.codes.resize(row, 0);
        self.codes.push(at as u8 + 1);
        self.last = at;
    }

    /// The column, as the header says, before compression.
    fn encode(&mut self, rows: usize) -> Vec<u8> {
        self.codes.resize(rows, 0);
        let mut column = Encoder::default();
        column.varint(self.values.len() as u64);
        self.values.iter().for_each(|value| column.text(value));
        column.0.extend_from_slice(&self.codes);
        column.0
    }
}

/// Gathers the fields of the lines of one row group after the other.
#[derive(Debug)]
pub(crate) struct FieldsBuilder {
    rows: usize,
    members: Vec<(Box<str>, ColumnBuilder)>,
    are_members_complete: bool,
    words: Vec<ColumnBuilder>,
    /// Words from here on are dropped.
    words_end: usize,
}

impl Default for FieldsBuilder {
    fn default() -> Self {
        let words = std::iter::repeat_with(ColumnBuilder::default).take(WORDS_MAX).collect();
        Self { rows: 0, members: Vec::new(), are_members_complete: true, words, words_end: WORDS_MAX }
    }
}

impl FieldsBuilder {
    /// Enters the next line.
    pub(crate) fn add(&mut self, line: &str) {
        let row = self.rows;
        self.rows += 1;
        if let Some(members) = members(line) {
            // The words of such lines mean nothing.
            self.words_end = 0;
            self.add_members(row, members);
        } else if self.words_end > 0 {
            let mut spaces = memchr_iter(b' ', line.as_bytes());
            let mut start = 0;
            for column in &mut self.words[..self.words_end] {
                let end = spaces.next().unwrap_or(line.len());
                column.set(row, Some(line.get(start..end).unwrap_or_default()));
                start = end + 1;
            }
            while self.words_end > 0 && self.words[self.words_end - 1].is_dropped {
                self.words_end -= 1;
            }
        }
    }

    fn add_members(&mut self, row: usize, members: Vec<(Cow<'_, str>, &RawValue)>) {
        // Lines of one program name their members in the same order.
        let mut at = 0;
        for (name, value) in members {
            if self.members.get(at).is_none_or(|(known, _)| **known != *name) {
                at = self.members.iter().position(|(known, _)| **known == *name).unwrap_or(self.members.len());
            }
            if at == self.members.len() {
                if at == MEMBERS_MAX {
                    self.are_members_complete = false;
                    continue;
                }
                self.members.push((name.into(), ColumnBuilder::default()));
            }
            if let Some((_, column)) = self.members.get_mut(at)
                && !column.is_dropped
            {
                column.set(row, scalar(value.get()).as_deref());
            }
            at += 1;
        }
    }

    /// The fields of the lines since the last time, in the format of the header.
    pub(crate) fn finish(&mut self) -> std::io::Result<Vec<u8>> {
        let Self { rows, members, are_members_complete, words, words_end } = std::mem::take(self);
        let mut compressor = zstd::bulk::Compressor::new(1)?;
        let mut columns = Vec::new();
        let mut head = Encoder(vec![VERSION]);
        head.varint(rows as u64);
        head.u8(u8::from(are_members_complete));
        let words = words.into_iter().take(words_end).enumerate().filter(|(_, column)| !column.is_dropped);
        let words: Vec<(usize, ColumnBuilder)> = words.collect();
        head.varint((members.len() + words.len()) as u64);
        let mut put_column = |head: &mut Encoder, mut column: ColumnBuilder| -> std::io::Result<()> {
            // A member that never had a scalar is as good as one that is not there, and needs no column to say so.
            let frame = if column.is_dropped { Vec::new() } else { compressor.compress(&column.encode(rows))? };
            head.varint(frame.len() as u64);
            columns.extend_from_slice(&frame);
            Ok(())
        };
        for (name, column) in members {
            head.u8(0);
            head.text(&name);
            put_column(&mut head, column)?;
        }
        for (at, column) in words {
            head.u8(1);
            head.varint(at as u64 + 1);
            put_column(&mut head, column)?;
        }
        head.0.extend_from_slice(&columns);
        Ok(head.0)
    }
}

/// The fields of a row group.
#[derive(Debug)]
pub(crate) struct Fields {
    rows: usize,
    are_members_complete: bool,
    /// Where the column of each is in `columns`; nowhere for those that are not kept.
    listed: Vec<(LogField, Option<Range<usize>>)>,
    columns: Bytes,
}

/// What is known of a field in a row group.
#[derive(Debug)]
pub(crate) enum Known {
    /// Its column.
    Column(FieldColumn),
    /// No line has it.
    Absent,
    /// The lines must be asked.
    Nothing,
}

/// The values of a field, and which of them each row has.
#[derive(Debug)]
pub(crate) struct FieldColumn {
    values: Vec<String>,
    /// For each row, 0 or the number of its value, counted from 1.
    codes: Vec<u8>,
}

impl Fields {
    /// Reads the format of the header; another version is refused.
    pub(crate) fn decode(bytes: &Bytes) -> Result<Self, Damage> {
        let mut decoder = Decoder(bytes);
        if decoder.u8()? != VERSION {
            return Err("are of a version that this program does not know");
        }
        let rows = usize::try_from(decoder.varint()?).map_err(|_| "have too many rows")?;
        let are_members_complete = decoder.u8()? == 1;
        let count = decoder.count(3)?;
        let mut listed = Vec::with_capacity(count);
        let mut end = 0usize;
        for _ in 0..count {
            let field = match decoder.u8()? {
                0 => LogField::Member(decoder.string()?),
                1 => LogField::Word(decoder.varint()? as usize),
                _ => return Err("have one of an unknown kind"),
            };
            let len = usize::try_from(decoder.varint()?).map_err(|_| "have a column that is too long")?;
            let start = end;
            end = start.checked_add(len).ok_or("have a column that is too long")?;
            listed.push((field, (len > 0).then_some(start..end)));
        }
        if decoder.0.len() != end {
            return Err("end too early or too late");
        }
        Ok(Self { rows, are_members_complete, listed, columns: bytes.slice_ref(decoder.0) })
    }

    /// Reads every column; there must be as many rows as this.
    pub(crate) fn check(&self, rows: u64) -> Result<(), Damage> {
        if self.rows as u64 != rows {
            return Err("has another number of rows");
        }
        let kept = self.listed.iter().filter_map(|(_, place)| place.clone());
        kept.into_iter().try_for_each(|place| self.column(place).map(drop))
    }

    /// What is known of a field.
    pub(crate) fn get(&self, field: &LogField) -> Result<Known, Damage> {
        match self.listed.iter().find(|(listed, _)| listed == field) {
            Some((_, Some(place))) => self.column(place.clone()).map(Known::Column),
            None if self.are_members_complete && matches!(field, LogField::Member(_)) => Ok(Known::Absent),
            Some((_, None)) | None => Ok(Known::Nothing),
        }
    }

    /// True when no row has one of some values of a field, for sure.
    pub(crate) fn exclude<'v>(
        &self,
        field: &LogField,
        mut values: impl Iterator<Item = &'v String>,
    ) -> Result<bool, Damage> {
        Ok(match self.get(field)? {
            Known::Column(column) => !values.any(|value| column.values.contains(value)),
            Known::Absent => true,
            Known::Nothing => false,
        })
    }

    fn column(&self, place: Range<usize>) -> Result<FieldColumn, Damage> {
        let frame = self.columns.get(place).ok_or("have a column outside of them")?;
        let column = zstd::bulk::decompress(frame, COLUMN_BYTES_MAX).map_err(|_| "cannot be decompressed")?;
        let mut decoder = Decoder(&column);
        let count = decoder.count(1)?;
        let values = (0..count).map(|_| decoder.string()).collect::<Result<Vec<String>, Damage>>()?;
        let codes = decoder.0.to_vec();
        if codes.len() != self.rows || codes.iter().any(|code| *code as usize > values.len()) {
            return Err("have a column of other rows or values");
        }
        Ok(FieldColumn { values, codes })
    }
}

impl FieldColumn {
    /// The values of some rows.
    pub(crate) fn read(&self, ranges: &[Range<usize>]) -> Result<StringArray, Damage> {
        let rows = ranges.iter().map(Range::len).sum();
        let mut texts = StringBuilder::with_capacity(rows, rows * 8);
        for range in ranges {
            for code in self.codes.get(range.clone()).ok_or("have fewer rows than the row group")? {
                texts.append_option(code.checked_sub(1).and_then(|at| self.values.get(at as usize)));
            }
        }
        Ok(texts.finish())
    }
}

#[cfg(test)]
mod tests;
