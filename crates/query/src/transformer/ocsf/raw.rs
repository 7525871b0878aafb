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

    /// What is left, by path, as text.
    pub fn unmapped(self) -> Fields {
        let mut unmapped = Fields::new();
        flatten(String::new(), self.0, &mut unmapped);
        unmapped
    }
}

/// A whole number, also one that is written as text.
pub(super) fn number(value: &Value) -> Option<i64> {
    value.as_i64().or_else(|| value.as_str()?.parse().ok())
}

/// Nesting is bounded by the parser of JSON.
fn flatten(path: String, value: Value, into: &mut Fields) {
    let text = match value {
        Value::Null => return,
        Value::Object(object) => {
            for (key, value) in object {
                let path = if path.is_empty() { key } else { format!("{path}.{key}") };
                flatten(path, value, into);
            }
            return;
        }
        Value::Array(list) => {
            let path = format!("{path}[]");
            list.into_iter().for_each(|value| flatten(path.clone(), value, into));
            return;
        }
        Value::String(text) => text,
        other => other.to_string(),
    };
    match into.get_mut(&path) {
        Some(Value::String(known)) => {
            known.push(',');
            known.push_str(&text);
        }
        _ => drop(into.insert(path, Value::String(text))),
    }
}
