//! Paths with dots into an object: `store.book`.

use super::Fields;
use serde_json::Value;

/// Deepest path ("Maximum nested key depth").
pub(super) const DEPTH_MAX: usize = 3;

/// The value at a path.
pub(super) fn get<'f>(fields: &'f Fields, path: &str) -> Option<&'f Value> {
    let mut steps = path.split('.');
    let mut value = fields.get(steps.next()?)?;
    for step in steps {
        value = value.as_object()?.get(step)?;
    }
    Some(value)
}

/// The value at a path, to change it.
pub(super) fn get_mut<'f>(fields: &'f mut Fields, path: &str) -> Option<&'f mut Value> {
    let mut steps = path.split('.');
    let mut value = fields.get_mut(steps.next()?)?;
    for step in steps {
        value = value.as_object_mut()?.get_mut(step)?;
    }
    Some(value)
}

/// Takes the value at a path out; the order of the others stays.
pub(super) fn remove(fields: &mut Fields, path: &str) -> Option<Value> {
    match path.rsplit_once('.') {
        Some((parent, last)) => get_mut(fields, parent)?.as_object_mut()?.shift_remove(last),
        None => fields.shift_remove(path),
    }
}

/// Puts a value at a path, with objects on the way. False, and nothing is changed, when something is there and `overwrite`
/// is not said, or when something on the way is no object.
pub(super) fn put(fields: &mut Fields, path: &str, value: Value, overwrite: bool) -> bool {
    let (parents, last) = match path.rsplit_once('.') {
        Some((parents, last)) => (Some(parents), last),
        None => (None, path),
    };
    let mut parent = fields;
    for step in parents.into_iter().flat_map(|parents| parents.split('.')) {
        let next = parent.entry(step).or_insert_with(|| Value::Object(Fields::new()));
        let Value::Object(next) = next else { return false };
        parent = next;
    }
    if !overwrite && parent.contains_key(last) {
        return false;
    }
    parent.insert(last.to_owned(), value);
    true
}

/// Puts a value at a path in the place of whatever is in its way: for what a parser has read.
pub(super) fn set(fields: &mut Fields, path: &str, value: Value) {
    if !put(fields, path, value.clone(), true) {
        // Something on the way is no object.
        let first = path.split('.').next().unwrap_or(path);
        fields.shift_remove(first);
        put(fields, path, value, true);
    }
}

/// Whether a path is one: not too deep, and without empty steps.
pub(super) fn is_path(path: &str) -> bool {
    path.split('.').count() <= DEPTH_MAX && path.split('.').all(|step| !step.is_empty())
}
