//! `Raw`: a record that is taken apart. What nobody takes is unmapped.

use super::super::Fields;
use serde_json::Value;

/// What is left of a record.
#[derive(Debug)]
pub(super) struct Raw(Value);

impl Raw {
    /// A record that is a JSON object.
    pub fn read(record: &str) -> Option<Self> {
        serde_json::from_str(record).ok().filter(Value::is_object).map(Raw)
    }

    /// A record of named fields.
    pub fn of(fields: Fields) -> Self {
        Self(Value::Object(fields))
    }

    /// What is at a path of keys with dots between them; it stays.
    pub fn get(&self, path: &str) -> Option<&Value> {
        let found = path.split('.').try_fold(&self.0, |value, key| value.get(key));
        found.filter(|value| !value.is_null())
    }

    /// The same, to be taken apart.
    pub fn get_mut(&mut self, member: &str) -> Option<&mut Value> {
        self.0.get_mut(member)
    }

    /// The text there that is not empty; it stays.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.get(path)?.as_str().filter(|text| !text.is_empty())
    }

    /// Takes what is at a path; `None` when it is absent or null.
    pub fn take(&mut self, path: &str) -> Option<Value> {
        self.take_at(&path.split('.').collect::<Vec<_>>())
    }

    /// The same with the keys one by one, for keys that have dots.
    pub fn take_at(&mut self, keys: &[&str]) -> Option<Value> {
        let (last, before) = keys.split_last()?;
        let within = before.iter().try_fold(&mut self.0, |value, key| value.get_mut(*key))?;
        within.as_object_mut()?.shift_remove(*last).filter(|value| !value.is_null())
    }

    /// Takes a whole number, which may be written as text.
    pub fn take_number(&mut self, path: &str) -> Option<Value> {
        number(self.get(path)?)?;
        self.take(path).as_ref().and_then(number).map(Value::from)
    }

    /// Takes the first of a list.
    pub fn take_first(&mut self, path: &str) -> Option<Value> {
        if !self.get(path)?.is_array() {
            return None;
        }
        match self.take(path)? {
            Value::Array(list) => list.into_iter().next(),
            _ => None,
        }
    }

    /// What is left of a record of `length` bytes, by path, as text; `None` when that takes far more bytes than the record.
    pub fn unmapped(self, length: usize) -> Option<Fields> {
        let bytes = |times: usize| length.saturating_mul(times).saturating_add(SPARE_BYTES);
        let mut flat = Flat {
            path: String::new(),
            fields: Fields::new(),
            kept: bytes(KEPT_PER_BYTE),
            looked_up: bytes(LOOKED_UP_PER_BYTE),
        };
        flat.add(self.0)?;
        Some(flat.fields)
    }
}

/// A whole number, also one that is written as text.
pub(super) fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Bytes of paths and texts that are kept for each byte of a record, at most: each path is written out, however deep it begins.
const KEPT_PER_BYTE: usize = 8;
/// Bytes of paths that are looked up for each byte of a record, at most: the members of a list share theirs.
const LOOKED_UP_PER_BYTE: usize = 64;
/// Both for records of any length.
const SPARE_BYTES: usize = 16 * 1024;

/// Values by path.
struct Flat {
    /// Where the next value is.
    path: String,
    fields: Fields,
    /// Bytes that may still be kept.
    kept: usize,
    /// Bytes that may still be looked up.
    looked_up: usize,
}

impl Flat {
    /// Takes a value in; `None` when it is too much. Nesting is bounded by the parser of JSON.
    fn add(&mut self, value: Value) -> Option<()> {
        let length = self.path.len();
        match value {
            Value::Null => {}
            Value::Object(object) => {
                for (key, value) in object {
                    if length > 0 {
                        self.path.push('.');
                    }
                    self.path.push_str(&key);
                    self.add(value)?;
                    self.path.truncate(length);
                }
            }
            Value::Array(list) => {
                self.path.push_str("[]");
                list.into_iter().try_for_each(|value| self.add(value))?;
                self.path.truncate(length);
            }
            Value::String(text) => self.put(text)?,
            other => self.put(other.to_string())?,
        }
        Some(())
    }

    fn put(&mut self, text: String) -> Option<()> {
        self.looked_up = self.looked_up.checked_sub(self.path.len())?;
        if let Some(Value::String(known)) = self.fields.get_mut(&self.path) {
            self.kept = self.kept.checked_sub(text.len() + 1)?;
            known.push(',');
            known.push_str(&text);
        } else {
            self.kept = self.kept.checked_sub(self.path.len() + text.len())?;
            self.fields.insert(self.path.clone(), Value::String(text));
        }
        Some(())
    }
}
