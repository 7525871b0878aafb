//! Rows by group: which groups there are, found by the bytes of their values, and the states of their aggregates.

use super::aggregate::{Aggregation, State};
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

/// Groups and their states, in the order in which they were first seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Groups {
    table: HashTable<u32>,
    keys: Keys,
    /// One after the other, as many as aggregations for each group.
    states: Vec<State>,
    /// The key of the row at hand.
    key: Vec<u8>,
}

/// Keys of groups in one piece of memory.
#[derive(Debug, Clone, Default)]
struct Keys {
    bytes: Vec<u8>,
    /// Where each ends.
    ends: Vec<usize>,
}

impl Keys {
    fn get(&self, at: usize) -> &[u8] {
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.bytes[begin..self.ends[at]]
    }

    fn push(&mut self, key: &[u8]) {
        self.bytes.extend_from_slice(key);
        self.ends.push(self.bytes.len());
    }
}

fn hash(key: &[u8]) -> u64 {
    foldhash::fast::FixedState::default().hash_one(key)
}

impl Groups {
    /// Adds a row; the result is by how many bytes this grew, about.
    pub fn add<'e>(&mut self, grouping: &Grouping, row: &impl Row<'e>) -> usize {
        let mut key = std::mem::take(&mut self.key);
        key.clear();
        grouping.by.iter().for_each(|by| append(&mut key, &by.value(row)));
        let (group, mut grown) = self.group(grouping, &key);
        self.key = key;
        let count = grouping.aggregations.len();
        let states = &mut self.states[group * count..][..count];
        for (aggregation, state) in grouping.aggregations.iter().zip(states) {
            grown += aggregation.add(state, row);
        }
        grown
    }

    /// Adds the groups of another worker.
    pub fn merge(&mut self, grouping: &Grouping, other: Self) -> usize {
        let count = grouping.aggregations.len();
        let mut states = other.states.into_iter();
        let mut grown = 0;
        for at in 0..other.keys.ends.len() {
            let (group, new) = self.group(grouping, other.keys.get(at));
            grown += new;
            let into = &mut self.states[group * count..][..count];
            for ((aggregation, state), from) in grouping.aggregations.iter().zip(into).zip(states.by_ref().take(count))
            {
                grown += aggregation.merge(state, from);
            }
        }
        grown
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.keys.ends.len()
    }

    /// The values of each group, then those of its aggregates.
    pub fn rows<'g>(&'g self, grouping: &'g Grouping) -> impl Iterator<Item = Vec<Value<'static>>> + 'g {
        let count = grouping.aggregations.len();
        (0..self.len()).map(move |group| {
            let mut row = values(self.keys.get(group));
            let states = &self.states[group * count..][..count];
            row.extend(grouping.aggregations.iter().zip(states).map(|(aggregation, state)| aggregation.value(state)));
            row
        })
    }

    fn group(&mut self, grouping: &Grouping, key: &[u8]) -> (usize, usize) {
        let hash_of_key = hash(key);
        let keys = &self.keys;
        if let Some(group) = self.table.find(hash_of_key, |group| keys.get(*group as usize) == key) {
            return (*group as usize, 0);
        }
        let group = self.keys.ends.len();
        self.keys.push(key);
        self.states.extend(grouping.aggregations.iter().map(Aggregation::start));
        let keys = &self.keys;
        self.table.insert_unique(hash_of_key, group as u32, |group| hash(keys.get(*group as usize)));
        (group, key.len() + 48 + grouping.aggregations.len() * (size_of::<State>() + 32))
    }
}

const NULL: u8 = 0;
const TEXT: u8 = 1;
const TIME: u8 = 2;
const JSON: u8 = 3;

/// Appends a value to a key, so that values have the same bytes when they print the same. Times stay times.
pub(super) fn append(key: &mut Vec<u8>, value: &Value<'_>) {
    let mut text = |tag: u8, text: &str| {
        key.push(tag);
        key.extend_from_slice(&(text.len() as u32).to_le_bytes());
        key.extend_from_slice(text.as_bytes());
    };
    match value {
        Value::Null => key.push(NULL),
        Value::Text(value) => text(TEXT, value),
        Value::Time(ms) => {
            key.push(TIME);
            key.extend_from_slice(&ms.to_le_bytes());
        }
        Value::Json(json) => text(JSON, &json.to_string()),
        other => text(TEXT, &other.text().unwrap_or_default()),
    }
}

/// The values of a key.
fn values(mut key: &[u8]) -> Vec<Value<'static>> {
    let mut values = Vec::new();
    while let Some((tag, rest)) = key.split_first() {
        key = rest;
        values.push(match *tag {
            TIME => take(&mut key).map_or(Value::Null, |bytes| Value::Time(i64::from_le_bytes(bytes))),
            tag @ (TEXT | JSON) => {
                let length = take(&mut key).map_or(0, |bytes| u32::from_le_bytes(bytes) as usize);
                let (text, rest) = key.split_at(length.min(key.len()));
                key = rest;
                let text = String::from_utf8_lossy(text);
                match serde_json::from_str(&text) {
                    Ok(json) if tag == JSON => Value::Json(Arc::new(json)),
                    _ => Value::Text(Cow::Owned(text.into_owned())),
                }
            }
            _ => Value::Null,
        });
    }
    values
}

fn take<const N: usize>(key: &mut &[u8]) -> Option<[u8; N]> {
    let (bytes, rest) = key.split_first_chunk::<N>()?;
    *key = rest;
    Some(*bytes)
}
