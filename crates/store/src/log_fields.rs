//! Log fields: values that many lines of a row group share, kept as columns beside the text, so that a count by status reads no text.
//!
//! A **field** is a member of the JSON object that a line is, or one of the words of a line. Which members there are is discovered when a
//! segment is written. A field of a row group is kept when its values there are few and short: a status, a level, a method, a
//! service, a host. Identifiers, times and free text are not; the text has them, and the columns would double it. Words are not
//! kept where a line is a JSON object. What is kept answers for every line of the row group, for `LogField::value` of a line is what its column says.
//!
//! It answers searches for texts as well. A member is kept **as written** when its values stand in the lines letter by letter, which those
//! with a `\` do not. When a word of a search text occurs in such strings and in nothing else of the row group, then so does
//! the search text, which has no quote that it could go beyond a string by: the columns tell which lines have it, and the lines are not
//! read. So "upstream connection refused" is counted where it is one of a few messages of a program.
//!
//! # Format of the fields of one row group, version 2
//! Integers and texts as in `frame.rs`.
//!
//! | size | content |
//! | --- | --- |
//! | 1 | version, 2 |
//! | varint | rows |
//! | 1 | 1: every member of a line's object is listed; 0: there were too many |
//! | varint | fields that are listed |
//! | | of each: kind u8 (0 member, 1 word), name text or varint number of the word, kept u8 (0 nothing, 1 its column, 2 its column, whose values are as written), and where it is kept varint length of its rows |
//! | varint | length of the values |
//! | | the values, one zstd frame |
//! | | the rows of each column that is kept, in this order, each one zstd frame |
//!
//! The values are those of each column in this order, as varint count and texts; then a varint count of keys, and the keys, u64, which
//! ascend: of words (`token_filter.rs`, mixed) that are in columns as written and in nothing else, not all of them where they are
//! many. Rows are a byte for each: 0 for a row without the field, else the number of its value, counted from 1. The checksum of the
//! whole stands in the index of the segment. Of version 1 nothing is read: the lines are asked.

use crate::codec::{Damage, Decoder, Encoder};
use crate::token_filter::{FilterBuilder, word_keys};
use arrow_array::StringArray;
use arrow_array::builder::StringBuilder;
use bytes::Bytes;
use memchr::memchr_iter;
use memchr::memmem::Finder;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

const VERSION: u8 = 2;
/// Which had the values of each column in front of its rows, and no keys.
const VERSION_BEFORE: u8 = 1;
/// A field with more distinct values in a row group is not kept there: a byte for each row would be all that it saves.
const VALUES_MAX: usize = 32;
/// Nor is one with a longer value, bytes.
const VALUE_BYTES_MAX: usize = 128;
/// Members that are watched in a row group.
const MEMBERS_MAX: usize = 64;
/// A longer frame is taken for damage.
const FRAME_BYTES_MAX: usize = 1 << 20;
/// Keys that are kept, of words that are in columns alone.
const KEYS_MAX: usize = 1024;

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
    /// One of its values is written otherwise.
    is_rewritten: bool,
}

impl ColumnBuilder {
    /// Sets the value of a row, whose number is not below those before; answers whether it has this value now.
    fn set(&mut self, row: usize, value: Option<&str>) -> bool {
        // The first of equal names counts.
        if self.is_dropped || self.codes.len() > row {
            return false;
        }
        let Some(value) = value else {
            self.codes.resize(row + 1, 0);
            return false;
        };
        let shape = shape(value.as_bytes());
        let is_it = |at: &usize| self.shapes[*at] == shape && (shape.0 <= 16 || *self.values[*at] == *value);
        let last = Some(self.last).filter(|last| *last < self.values.len() && is_it(last));
        let at = match last.or_else(|| (0..self.values.len()).find(is_it)) {
            Some(at) => at,
            None if self.values.len() >= VALUES_MAX || value.len() > VALUE_BYTES_MAX => {
                *self = Self { is_dropped: true, values: std::mem::take(&mut self.values), ..Self::default() };
                return false;
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
        true
    }

    /// Sets what a member of a row's object is; answers whether it is a string that the column has as it is written, so that the filter
    /// needs its words no more than once. The words of those before come into it when the column turns out to be of another kind.
    fn set_member(&mut self, row: usize, raw: &str, filter: &mut FilterBuilder) -> bool {
        if self.is_dropped {
            return false;
        }
        let was_written = !self.is_rewritten;
        let is_string = raw.starts_with('"');
        self.is_rewritten |= is_string && raw.contains('\\');
        let is_set = self.set(row, scalar(raw).as_deref());
        if was_written && (self.is_dropped || self.is_rewritten) {
            self.values.iter().for_each(|value| filter.add_again(value));
        }
        if self.is_dropped {
            self.values = Vec::new();
        }
        is_set && is_string && !self.is_rewritten
    }

    fn kept(&self) -> u8 {
        match (self.is_dropped, self.is_rewritten) {
            (true, _) => NOT_KEPT,
            (false, true) => KEPT,
            (false, false) => KEPT_AS_WRITTEN,
        }
    }
}

/// What is kept of a field, as the header says.
const NOT_KEPT: u8 = 0;
const KEPT: u8 = 1;
const KEPT_AS_WRITTEN: u8 = 2;

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
    /// Enters the next line, and its words into the filter of the row group, but for those of strings that are kept as written.
    pub(crate) fn add(&mut self, line: &str, filter: &mut FilterBuilder) {
        let row = self.rows;
        self.rows += 1;
        if let Some(members) = members(line) {
            // The words of such lines mean nothing.
            self.words_end = 0;
            let kept = self.add_members(row, line, members, filter);
            filter.add_without(line, &kept);
            return;
        }
        filter.add(line);
        if self.words_end > 0 {
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

    /// Answers where in the line strings are that are kept as written, without their quotes.
    fn add_members(
        &mut self,
        row: usize,
        line: &str,
        members: Vec<(Cow<'_, str>, &RawValue)>,
        filter: &mut FilterBuilder,
    ) -> Vec<Range<usize>> {
        let mut kept = Vec::with_capacity(members.len());
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
                && column.set_member(row, value.get(), filter)
            {
                // The value is a part of the line.
                let start = value.get().as_ptr() as usize - line.as_ptr() as usize;
                kept.push(start + 1..start + value.get().len() - 1);
            }
            at += 1;
        }
        kept
    }

    /// The fields of the lines since the last time, in the format of the header. The filter has all of their words then.
    pub(crate) fn finish(&mut self, filter: &mut FilterBuilder) -> std::io::Result<Vec<u8>> {
        let Self { rows, members, are_members_complete, words, words_end } = std::mem::take(self);
        let as_written = members.iter().filter(|(_, column)| column.kept() == KEPT_AS_WRITTEN);
        let keys = filter.add_apart(as_written.flat_map(|(_, column)| &column.values).map(|value| &**value), KEYS_MAX);
        let words = words.into_iter().take(words_end).enumerate().filter(|(_, column)| !column.is_dropped);
        let words: Vec<(usize, ColumnBuilder)> = words.collect();
        let mut compressor = zstd::bulk::Compressor::new(1)?;
        let (mut head, mut values, mut columns) = (Encoder(vec![VERSION]), Encoder::default(), Vec::new());
        head.varint(rows as u64);
        head.u8(u8::from(are_members_complete));
        head.varint((members.len() + words.len()) as u64);
        let mut put_column = |head: &mut Encoder, mut column: ColumnBuilder, kept: u8| -> std::io::Result<()> {
            head.u8(kept);
            if kept == NOT_KEPT {
                return Ok(());
            }
            values.varint(column.values.len() as u64);
            column.values.iter().for_each(|value| values.text(value));
            column.codes.resize(rows, 0);
            let frame = compressor.compress(&column.codes)?;
            head.varint(frame.len() as u64);
            columns.extend_from_slice(&frame);
            Ok(())
        };
        for (name, column) in members {
            head.u8(0);
            head.text(&name);
            let kept = column.kept();
            put_column(&mut head, column, kept)?;
        }
        for (at, column) in words {
            head.u8(1);
            head.varint(at as u64 + 1);
            // Their tokens are in the filter on their own.
            put_column(&mut head, column, KEPT)?;
        }
        values.varint(keys.len() as u64);
        keys.into_iter().for_each(|key| values.u64(key));
        let values = compressor.compress(&values.0)?;
        head.varint(values.len() as u64);
        head.0.extend_from_slice(&values);
        head.0.extend_from_slice(&columns);
        Ok(head.0)
    }
}

/// The fields of a row group.
#[derive(Debug)]
pub(crate) struct Fields {
    rows: usize,
    are_members_complete: bool,
    /// `None` for those that are not kept.
    listed: Vec<(LogField, Option<Kept>)>,
    /// Of words that are in columns as written and in nothing else, ascending.
    keys: Vec<u64>,
    columns: Bytes,
}

/// A field that is kept.
#[derive(Debug)]
struct Kept {
    values: Vec<String>,
    as_written: bool,
    /// Where its rows are in `columns`.
    place: Range<usize>,
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
    /// Reads the format of the header; of the version before nothing, and another version is refused.
    pub(crate) fn decode(bytes: &Bytes) -> Result<Self, Damage> {
        let mut decoder = Decoder(bytes);
        let version = decoder.u8()?;
        if ![VERSION, VERSION_BEFORE].contains(&version) {
            return Err("are of a version that this program does not know");
        }
        let rows = usize::try_from(decoder.varint()?).map_err(|_| "have too many rows")?;
        let mut fields =
            Self { rows, are_members_complete: false, listed: Vec::new(), keys: Vec::new(), columns: Bytes::new() };
        if version == VERSION_BEFORE {
            return Ok(fields);
        }
        fields.are_members_complete = decoder.u8()? == 1;
        let mut end = 0usize;
        for _ in 0..decoder.count(3)? {
            let field = match decoder.u8()? {
                0 => LogField::Member(decoder.string()?),
                1 => LogField::Word(decoder.varint()? as usize),
                _ => return Err("have one of an unknown kind"),
            };
            let kept = match decoder.u8()? {
                NOT_KEPT => None,
                kept @ (KEPT | KEPT_AS_WRITTEN) => {
                    let len = usize::try_from(decoder.varint()?).map_err(|_| "have a column that is too long")?;
                    let start = end;
                    end = start.checked_add(len).ok_or("have a column that is too long")?;
                    Some(Kept { values: Vec::new(), as_written: kept == KEPT_AS_WRITTEN, place: start..end })
                }
                _ => return Err("have one that is kept in an unknown way"),
            };
            fields.listed.push((field, kept));
        }
        let values = decoder.bytes()?;
        fields.columns = bytes.slice_ref(decoder.0);
        if fields.columns.len() != end {
            return Err("end too early or too late");
        }
        fields.take_values(values)?;
        Ok(fields)
    }

    fn take_values(&mut self, frame: &[u8]) -> Result<(), Damage> {
        let values = decompress(frame)?;
        let mut decoder = Decoder(&values);
        for kept in self.listed.iter_mut().filter_map(|(_, kept)| kept.as_mut()) {
            let count = decoder.count(1)?;
            kept.values = (0..count).map(|_| decoder.string()).collect::<Result<_, Damage>>()?;
        }
        let count = decoder.count(8)?;
        self.keys = (0..count).map(|_| decoder.u64()).collect::<Result<_, Damage>>()?;
        decoder.end()
    }

    /// Reads every column; there must be as many rows as this.
    pub(crate) fn check(&self, rows: u64) -> Result<(), Damage> {
        if self.rows as u64 != rows {
            return Err("has another number of rows");
        }
        if !self.keys.is_sorted() {
            return Err("have keys that do not ascend");
        }
        let kept = self.listed.iter().filter_map(|(_, kept)| kept.as_ref());
        kept.into_iter().try_for_each(|kept| self.codes(kept).map(drop))
    }

    /// What is known of a field.
    pub(crate) fn get(&self, field: &LogField) -> Result<Known, Damage> {
        match self.listed(field) {
            Some(Some(kept)) => {
                Ok(Known::Column(FieldColumn { values: kept.values.clone(), codes: self.codes(kept)? }))
            }
            None if self.are_members_complete && matches!(field, LogField::Member(_)) => Ok(Known::Absent),
            Some(None) | None => Ok(Known::Nothing),
        }
    }

    /// True when no row has one of some values of a field, for sure.
    pub(crate) fn exclude<'v>(&self, field: &LogField, mut values: impl Iterator<Item = &'v String>) -> bool {
        match self.listed(field) {
            Some(Some(kept)) => !values.any(|value| kept.values.contains(value)),
            Some(None) => false,
            None => self.are_members_complete && matches!(field, LogField::Member(_)),
        }
    }

    fn listed(&self, field: &LogField) -> Option<Option<&Kept>> {
        let (_, kept) = self.listed.iter().find(|(listed, _)| listed == field)?;
        Some(kept.as_ref())
    }

    /// For each row whether its line contains the text; `None` when the lines must be asked.
    pub(crate) fn rows_with(&self, text: &ContainedText) -> Result<Option<Vec<bool>>, Damage> {
        let is_in_columns_alone = |key: &u64| self.keys.binary_search(key).is_ok();
        if !text.may_be_known() || !text.keys.iter().any(is_in_columns_alone) {
            return Ok(None);
        }
        let mut rows = vec![false; self.rows];
        for kept in self.listed.iter().filter_map(|(_, kept)| kept.as_ref()).filter(|kept| kept.as_written) {
            let has = |value: &String| text.finder.find(value.as_bytes()).is_some();
            // In front that of rows without the field.
            let with_text: Vec<bool> = std::iter::once(false).chain(kept.values.iter().map(has)).collect();
            if with_text.contains(&true) {
                let of_rows = self.codes(kept)?;
                rows.iter_mut()
                    .zip(of_rows)
                    .for_each(|(row, code)| *row |= with_text.get(code as usize) == Some(&true));
            }
        }
        Ok(Some(rows))
    }

    fn codes(&self, kept: &Kept) -> Result<Vec<u8>, Damage> {
        let codes = decompress(self.columns.get(kept.place.clone()).ok_or("have a column outside of them")?)?;
        if codes.len() != self.rows || codes.iter().any(|code| *code as usize > kept.values.len()) {
            return Err("have a column of other rows or values");
        }
        Ok(codes)
    }
}

fn decompress(frame: &[u8]) -> Result<Vec<u8>, Damage> {
    zstd::bulk::decompress(frame, FRAME_BYTES_MAX).map_err(|_| "cannot be decompressed")
}

/// A text that lines must contain, as fields are asked for it.
#[derive(Debug)]
pub(crate) struct ContainedText {
    finder: Finder<'static>,
    /// Keys of words that are in a line wherever the text is, within it.
    keys: Vec<u64>,
    /// True when it may go beyond a string.
    ends_strings: bool,
}

impl ContainedText {
    pub(crate) fn new(text: &str) -> Self {
        Self { finder: Finder::new(text).into_owned(), keys: word_keys(text), ends_strings: text.contains('"') }
    }

    /// False for a text that the fields of no row group can tell of.
    pub(crate) fn may_be_known(&self) -> bool {
        !self.ends_strings && !self.keys.is_empty()
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
