//! Rows by group: which groups there are, found by the bytes of their values, and the states of their aggregates.
//!
//! A query may have millions of groups, so that what one takes decides how many it may have: keys are bytes in one list, states
//! are columns of what the aggregate needs, and workers' tables are put together part by part.

use super::aggregate::{Aggregation, States};
use super::code::Code;
use super::event::Row;
use super::value::Value;
use hashbrown::HashTable;
use std::borrow::Cow;
use std::hash::BuildHasher;
use std::sync::Arc;

/// What a `stats` command computes of its input.
#[derive(Debug, Clone)]
pub(super) struct Grouping {
    pub by: Vec<Code>,
    pub aggregations: Vec<Aggregation>,
}

/// So many parts has the table of groups, which are put together, shown and freed one after the other: a power of two.
const PARTS: usize = 64;

/// Groups and their states, in parts by the hashes of their keys.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    /// As many as `PARTS`, or none while there is no group.
    parts: Vec<Part>,
    /// The key of the row at hand.
    key: Vec<u8>,
}

/// The groups of some hashes, in the order in which they were first seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Part {
    table: HashTable<u32>,
    keys: Keys,
    /// One for each aggregation, as long as there are groups.
    columns: Vec<States>,
}

/// Keys of groups in one piece of memory.
#[derive(Debug, Clone, Default)]
struct Keys {
    bytes: Vec<u8>,
    /// Where each ends. A query may hold far less than 4 GB.
    ends: Vec<u32>,
}

impl Keys {
    fn get(&self, at: usize) -> &[u8] {
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.bytes[begin..self.ends[at] as usize]
    }

    fn push(&mut self, key: &[u8]) {
        make_room(&mut self.bytes, key.len());
        self.bytes.extend_from_slice(key);
        make_room(&mut self.ends, 1);
        self.ends.push(self.bytes.len() as u32);
    }
}

/// Room for so many more. What grows by a quarter, not to twice its size, leaves less memory unused.
pub(super) fn make_room<T>(list: &mut Vec<T>, more: usize) {
    if list.capacity() - list.len() < more {
        list.reserve_exact(more.max(list.len() / 4).max(8));
    }
}

fn hash(key: &[u8]) -> u64 {
    foldhash::fast::FixedState::default().hash_one(key)
}

/// Which part a hash belongs to. The tables look at its lowest and highest bits.
fn part_of(hash: u64) -> usize {
    (hash >> 40) as usize % PARTS
}

impl Groups {
    /// Adds a row; the result is by how many bytes this grew, about.
    pub fn add<'e>(&mut self, grouping: &Grouping, row: &impl Row<'e>) -> usize {
        self.key.clear();
        grouping.by.iter().for_each(|by| append(&mut self.key, &by.value(row)));
        if self.parts.is_empty() {
            self.parts.resize_with(PARTS, Part::default);
        }
        let hash = hash(&self.key);
        let part = &mut self.parts[part_of(hash)];
        let (group, mut grown) = part.group(grouping, hash, &self.key);
        for (aggregation, states) in grouping.aggregations.iter().zip(&mut part.columns) {
            grown += states.with(group, |state| aggregation.add(state, row));
        }
        grown
    }

    /// The groups of all workers together, part by part: what is left behind of one is freed before the next is made.
    pub fn merged(grouping: &Grouping, workers: Vec<Self>) -> impl Iterator<Item = Part> {
        let mut workers: Vec<_> = workers.into_iter().map(|groups| groups.parts.into_iter()).collect();
        (0..PARTS).map(move |_| {
            let mut parts: Vec<Part> = workers.iter_mut().filter_map(Iterator::next).collect();
            parts.sort_by_key(Part::len);
            let mut all = parts.pop().unwrap_or_default();
            parts.into_iter().for_each(|part| all.merge(grouping, part));
            all
        })
    }
}

impl Part {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.ends.len()
    }

    /// The values of each group, then those of its aggregates.
    pub fn rows<'g>(&'g mut self, grouping: &'g Grouping) -> impl Iterator<Item = Vec<Value<'static>>> + 'g {
        (0..self.len()).map(move |group| {
            let mut row = Vec::with_capacity(grouping.by.len() + grouping.aggregations.len());
            values(self.keys.get(group), &mut row);
            let columns = grouping.aggregations.iter().zip(&mut self.columns);
            row.extend(columns.map(|(aggregation, states)| states.with(group, |state| aggregation.value(state))));
            row
        })
    }

    /// Adds the groups of another worker.
    fn merge(&mut self, grouping: &Grouping, mut other: Self) {
        for at in 0..other.len() {
            let key = other.keys.get(at);
            let (group, _) = self.group(grouping, hash(key), key);
            let columns = self.columns.iter_mut().zip(&mut other.columns);
            for (aggregation, (into, from)) in grouping.aggregations.iter().zip(columns) {
                let from = from.take(at);
                into.with(group, |state| aggregation.merge(state, from));
            }
        }
    }

    /// The number of a group, which is made if it is new, and by how many bytes this grew.
    fn group(&mut self, grouping: &Grouping, hash_of_key: u64, key: &[u8]) -> (usize, usize) {
        let keys = &self.keys;
        if let Some(group) = self.table.find(hash_of_key, |group| keys.get(*group as usize) == key) {
            return (*group as usize, 0);
        }
        if self.columns.is_empty() {
            self.columns.extend(grouping.aggregations.iter().map(States::of));
        }
        let group = self.len();
        self.keys.push(key);
        let columns = self.columns.iter_mut().zip(&grouping.aggregations);
        let states: usize = columns.map(|(states, aggregation)| states.push(aggregation.start())).sum();
        let keys = &self.keys;
        self.table.insert_unique(hash_of_key, group as u32, |group| hash(keys.get(*group as usize)));
        (group, with_room(key.len() + size_of::<u32>() + states) + TABLE_BYTES)
    }
}

/// About what a group takes in the table of hashes.
const TABLE_BYTES: usize = 10;

/// So many bytes in lists that have grown by `make_room`.
fn with_room(bytes: usize) -> usize {
    bytes + bytes / 8
}

const NULL: u8 = 0;
const TEXT: u8 = 1;
const TIME: u8 = 2;
const JSON: u8 = 3;
/// A text that is a UUID in small letters, as ids of requests are: half as long.
const UUID: u8 = 4;

/// Appends a value to a key, so that values have the same bytes when they print the same. Times stay times.
pub(super) fn append(key: &mut Vec<u8>, value: &Value<'_>) {
    let mut text = |tag: u8, text: &str| {
        key.push(tag);
        append_length(key, text.len());
        key.extend_from_slice(text.as_bytes());
    };
    match value {
        Value::Null => key.push(NULL),
        Value::Text(value) => match uuid(value) {
            Some(uuid) => {
                key.push(UUID);
                key.extend_from_slice(&uuid);
            }
            None => text(TEXT, value),
        },
        Value::Time(ms) => {
            key.push(TIME);
            key.extend_from_slice(&ms.to_le_bytes());
        }
        Value::Json(json) => text(JSON, &json.to_string()),
        other => text(TEXT, &other.text().unwrap_or_default()),
    }
}

/// Seven bits in a byte, the lowest first; the highest bit tells that more follow.
fn append_length(key: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        key.push(length as u8 | 0x80);
        length >>= 7;
    }
    key.push(length as u8);
}

fn take_length(key: &mut &[u8]) -> usize {
    let mut length = 0;
    for shift in (0..usize::BITS).step_by(7) {
        let Some((byte, rest)) = key.split_first() else { return length };
        *key = rest;
        length |= usize::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            break;
        }
    }
    length
}

/// The bytes of a UUID that is written in small letters.
fn uuid(text: &str) -> Option<[u8; 16]> {
    let text: &[u8; 36] = text.as_bytes().try_into().ok()?;
    let digit = |at: usize| match text[at] {
        digit @ b'0'..=b'9' => Some(digit - b'0'),
        digit @ b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    };
    let mut uuid = [0; 16];
    let mut at = 0;
    for (index, byte) in uuid.iter_mut().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            if text[at] != b'-' {
                return None;
            }
            at += 1;
        }
        *byte = digit(at)? << 4 | digit(at + 1)?;
        at += 2;
    }
    Some(uuid)
}

fn uuid_text(uuid: [u8; 16]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    let mut text = String::with_capacity(36);
    for (index, byte) in uuid.into_iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push('-');
        }
        text.extend([digit(byte >> 4), digit(byte & 0xf)]);
    }
    text
}

/// Adds the values of a key.
fn values(mut key: &[u8], values: &mut Vec<Value<'static>>) {
    while let Some((tag, rest)) = key.split_first() {
        key = rest;
        values.push(match *tag {
            TIME => take(&mut key).map_or(Value::Null, |bytes| Value::Time(i64::from_le_bytes(bytes))),
            UUID => take(&mut key).map_or(Value::Null, |bytes| Value::Text(uuid_text(bytes).into())),
            tag @ (TEXT | JSON) => {
                let length = take_length(&mut key);
                let (text, rest) = key.split_at(length.min(key.len()));
                key = rest;
                let text = String::from_utf8_lossy(text);
                let json = if tag == JSON { serde_json::from_str(&text).ok() } else { None };
                json.map_or_else(|| Value::Text(Cow::Owned(text.into_owned())), |json| Value::Json(Arc::new(json)))
            }
            _ => Value::Null,
        });
    }
}

fn take<const N: usize>(key: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = key.split_first_chunk::<N>()?;
    *key = rest;
    Some(*bytes)
}

#[cfg(test)]
mod tests;
