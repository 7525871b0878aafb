//! Lists as sets: what two of them have in common, and what one has that another has not.
//!
//! Members are equal when they print the same, as values are: the number 1 and the text 1. A list that is missing makes the result
//! missing. Results have each member once, in the order of the first list, then of the second, as Spark has it.

use super::json::{bounded, tree};
use crate::insights::value::{Value, number_text};
use serde_json::Value as Json;
use std::borrow::Cow;
use std::collections::HashSet;
use std::sync::Arc;

/// The members of a list; `None` when it is none.
fn members(tree: &Option<Arc<Json>>) -> Option<&[Json]> {
    match tree.as_deref() {
        Some(Json::Array(members)) => Some(members),
        _ => None,
    }
}

/// What tells a member from others: the kind keeps a list from the text of one.
fn key(member: &Json) -> (bool, Cow<'_, str>) {
    match member {
        Json::String(text) => (false, Cow::Borrowed(text)),
        // Numbers that a float cannot hold are told apart by their digits.
        Json::Number(number) => match number.as_f64().filter(|float| float.abs() < 9e15) {
            Some(float) => (false, number_text(float).into()),
            None => (false, number.to_string().into()),
        },
        Json::Bool(truth) => (false, truth.to_string().into()),
        other => (true, other.to_string().into()),
    }
}

fn keys(members: &[Json]) -> HashSet<(bool, Cow<'_, str>)> {
    members.iter().map(key).collect()
}

/// The members that are wanted, each once.
fn once<'j>(
    members: impl Iterator<Item = &'j Json>,
    is_wanted: impl Fn(&(bool, Cow<'j, str>)) -> bool,
) -> Value<'static> {
    let mut seen = HashSet::new();
    let mut is_new = |member: &&'j Json| {
        let key = key(member);
        is_wanted(&key) && seen.insert(key)
    };
    bounded(Json::Array(members.filter(|member| is_new(member)).cloned().collect()))
}

/// `array_union`
pub fn union(one: &Value<'_>, other: &Value<'_>) -> Value<'static> {
    let (one, other) = (tree(one), tree(other));
    let (Some(one), Some(other)) = (members(&one), members(&other)) else { return Value::Null };
    once(one.iter().chain(other), |_| true)
}

/// `array_intersect`
pub fn intersection(one: &Value<'_>, other: &Value<'_>) -> Value<'static> {
    let (one, other) = (tree(one), tree(other));
    let (Some(one), Some(other)) = (members(&one), members(&other)) else { return Value::Null };
    let keys = keys(other);
    once(one.iter(), |key| keys.contains(key))
}

/// `array_except`
pub fn difference(one: &Value<'_>, other: &Value<'_>) -> Value<'static> {
    let (one, other) = (tree(one), tree(other));
    let (Some(one), Some(other)) = (members(&one), members(&other)) else { return Value::Null };
    let keys = keys(other);
    once(one.iter(), |key| !keys.contains(key))
}

/// `arrays_overlap`: missing when nothing tells but a member that is null.
pub fn overlap(one: &Value<'_>, other: &Value<'_>) -> Value<'static> {
    let (one, other) = (tree(one), tree(other));
    let (Some(one), Some(other)) = (members(&one), members(&other)) else { return Value::Null };
    let keys = keys(other);
    if one.iter().any(|member| !member.is_null() && keys.contains(&key(member))) {
        return Value::Bool(true);
    }
    let may_overlap = !one.is_empty() && !other.is_empty() && one.iter().chain(other).any(Json::is_null);
    if may_overlap { Value::Null } else { Value::Bool(false) }
}

/// `array_distinct`
pub fn distinct(list: &Value<'_>) -> Value<'static> {
    let list = tree(list);
    members(&list).map_or(Value::Null, |list| once(list.iter(), |_| true))
}
