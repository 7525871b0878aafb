//! `addKeys`, `copyValue`, `deleteKeys`, `listToMap`, `moveKeys`, `renameKeys`.

use super::config::{AddEntry, Element, ListToMap, MoveEntry, RenameEntry};
use super::{Fields, Origin, path};
use serde_json::Value;

/// A change of keys.
#[derive(Debug)]
pub(super) enum Change {
    Add(Vec<AddEntry>),
    Copy(Vec<MoveEntry>),
    Delete(Vec<String>),
    ListToMap(ListToMap),
    Move(Vec<MoveEntry>),
    Rename(Vec<RenameEntry>),
}

impl Change {
    pub fn apply(&self, origin: &Origin<'_>, fields: &mut Fields) {
        match self {
            Change::Add(entries) => {
                for entry in entries {
                    path::put(fields, &entry.key, entry.value.clone().into(), entry.overwrite_if_exists);
                }
            }
            Change::Copy(entries) => {
                for entry in entries {
                    let value = metadata(origin, &entry.source).or_else(|| path::get(fields, &entry.source).cloned());
                    if let Some(value) = value {
                        path::put(fields, &entry.target, value, entry.overwrite_if_exists);
                    }
                }
            }
            Change::Delete(keys) => {
                for key in keys {
                    path::remove(fields, key);
                }
            }
            Change::ListToMap(list) => list_to_map(list, fields),
            Change::Move(entries) => {
                for entry in entries {
                    move_into(entry, fields);
                }
            }
            Change::Rename(entries) => {
                for RenameEntry { key, rename_to, overwrite_if_exists } in entries {
                    relocate(fields, key, rename_to, *overwrite_if_exists);
                }
            }
        }
    }
}

/// What `copyValue` copies besides fields.
fn metadata(origin: &Origin<'_>, source: &str) -> Option<Value> {
    let text = match source {
        "@logGroupName" => origin.log_group,
        "@logGroupStream" => origin.log_stream,
        "@accountId" => origin.account,
        "@regionName" => origin.region,
        _ => return None,
    };
    // A test has no group.
    (!text.is_empty()).then(|| text.into())
}

/// Onto an object a key moves under its own name, as a file does into a folder.
fn move_into(entry: &MoveEntry, fields: &mut Fields) {
    let name = entry.source.rsplit('.').next().unwrap_or(&entry.source);
    let is_object = path::get(fields, &entry.target).is_some_and(Value::is_object);
    let target = if is_object { format!("{}.{name}", entry.target) } else { entry.target.clone() };
    relocate(fields, &entry.source, &target, entry.overwrite_if_exists);
}

/// Moves a value, unless its place is taken or lies within itself.
fn relocate(fields: &mut Fields, from: &str, to: &str, overwrite: bool) {
    let is_within = to == from || to.strip_prefix(from).is_some_and(|rest| rest.starts_with('.'));
    let is_taken = path::get(fields, to).is_some();
    if is_within || (is_taken && !overwrite) || !is_open(fields, to) {
        return;
    }
    if let Some(value) = path::remove(fields, from) {
        path::put(fields, to, value, true);
    }
}

/// True when each step before the last of a path is an object or absent.
fn is_open(fields: &Fields, to: &str) -> bool {
    let mut prefixes = to.match_indices('.').map(|(at, _)| &to[..at]);
    prefixes.all(|prefix| path::get(fields, prefix).is_none_or(Value::is_object))
}

fn list_to_map(config: &ListToMap, fields: &mut Fields) {
    let Some(Value::Array(list)) = path::get(fields, &config.source) else { return };
    let mut map = Fields::new();
    for item in list {
        let key = match item.get(&config.key) {
            Some(Value::String(key)) => key.clone(),
            Some(other @ (Value::Number(_) | Value::Bool(_))) => other.to_string(),
            _ => continue,
        };
        let value = match &config.value_key {
            Some(value_key) => item.get(value_key).cloned().unwrap_or(Value::Null),
            None => item.clone(),
        };
        match (config.flatten, config.flattened_element) {
            (true, Some(Element::First)) => {
                map.entry(key).or_insert(value);
            }
            (true, _) => {
                map.insert(key, value);
            }
            (false, _) => {
                if let Value::Array(values) = map.entry(key).or_insert_with(|| Value::Array(Vec::new())) {
                    values.push(value);
                }
            }
        }
    }
    match &config.target {
        Some(target) => path::set(fields, target, Value::Object(map)),
        None => fields.extend(map),
    }
}
