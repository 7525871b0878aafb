//! `element_at` and `cardinality` of lists and maps; texts of values; parts of JSON lists.

use super::{Function, int64, utf8};
use crate::sql::lake::text;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, Float64Array, Int64Array, StringArray, UInt32Array};
use datafusion::arrow::compute::{cast, take};
use datafusion::arrow::datatypes::{DataType, Float64Type, Int64Type};
use datafusion::common::{Result, plan_err};
use serde_json::value::RawValue;
use std::sync::Arc;

pub(super) const FUNCTIONS: [Function; 10] = [
    Function { name: "element_at", arguments: &[2], answers: element_type, apply: element_at },
    Function { name: "cardinality", arguments: &[1], answers: sized, apply: cardinality },
    Function { name: "lake_varchar", arguments: &[1], answers: utf8, apply: varchar },
    Function { name: "lake_whole", arguments: &[1], answers: same, apply: whole },
    Function { name: "json_parse", arguments: &[1], answers: utf8, apply: json_parse },
    Function { name: "json_format", arguments: &[1], answers: utf8, apply: json_format },
    Function { name: "json_array_get", arguments: &[2], answers: utf8, apply: json_array_get },
    Function { name: "json_array_contains", arguments: &[2], answers: flag, apply: json_array_contains },
    Function { name: "lake_json_size", arguments: &[1], answers: int64, apply: json_size },
    Function { name: "json_array_size", arguments: &[1], answers: int64, apply: json_array_size },
];

fn flag(_: &[DataType]) -> Result<DataType> {
    Ok(DataType::Boolean)
}

/// Types of the keys and values of a map.
fn entries(kind: &DataType) -> Option<(DataType, DataType)> {
    let DataType::Map(entries, _) = kind else { return None };
    let DataType::Struct(fields) = entries.data_type() else { return None };
    Some((fields.first()?.data_type().clone(), fields.get(1)?.data_type().clone()))
}

fn element_type(arguments: &[DataType]) -> Result<DataType> {
    match arguments {
        [DataType::List(item) | DataType::LargeList(item), key] if key.is_integer() => Ok(item.data_type().clone()),
        [map @ DataType::Map(..), key] if key.is_string() => match entries(map) {
            Some((keys, values)) if keys.is_string() => Ok(values),
            _ => plan_err!("element_at takes maps whose keys are texts"),
        },
        [DataType::Null, _] => Ok(DataType::Null),
        _ => plan_err!("element_at takes a list and a number, or a map and a text"),
    }
}

/// NULL where there is no such element; a list's are counted from 1, or from its end when negative.
fn element_at(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let [of, key] = arguments else { return plan_err!("element_at takes two arguments") };
    if let Some(maps) = of.as_map_opt() {
        let (keys, wanted) = (cast(maps.keys(), &DataType::Utf8)?, cast(key, &DataType::Utf8)?);
        let (keys, wanted) = (keys.as_string::<i32>(), wanted.as_string::<i32>());
        let place = |row: usize| {
            if maps.is_null(row) || wanted.is_null(row) {
                return None;
            }
            let (from, to) = (maps.value_offsets().get(row)?, maps.value_offsets().get(row + 1)?);
            (*from as usize..*to as usize).find(|at| keys.value(*at) == wanted.value(row)).map(|at| at as u32)
        };
        let places: UInt32Array = (0..maps.len()).map(place).collect();
        return Ok(take(maps.values().as_ref(), &places, None)?);
    }
    let Some(lists) = of.as_list_opt::<i32>() else {
        return Ok(datafusion::arrow::array::new_null_array(&DataType::Null, of.len()));
    };
    let wanted = cast(key, &DataType::Int64)?;
    let wanted = wanted.as_primitive::<Int64Type>();
    if wanted.iter().flatten().any(|place| place == 0) {
        return datafusion::common::exec_err!("SQL array indices start at 1");
    }
    let place = |row: usize| {
        if lists.is_null(row) || wanted.is_null(row) {
            return None;
        }
        let (from, to) = (i64::from(*lists.value_offsets().get(row)?), i64::from(*lists.value_offsets().get(row + 1)?));
        let wanted = wanted.value(row);
        let at = if wanted > 0 { from.checked_add(wanted - 1)? } else { to.checked_add(wanted)? };
        (from..to).contains(&at).then_some(at as u32)
    };
    let places: UInt32Array = (0..lists.len()).map(place).collect();
    Ok(take(lists.values().as_ref(), &places, None)?)
}

fn sized(arguments: &[DataType]) -> Result<DataType> {
    match arguments {
        [DataType::List(_) | DataType::Map(..) | DataType::Null] => Ok(DataType::Int64),
        _ => plan_err!("cardinality takes a list or a map"),
    }
}

fn cardinality(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let Some(of) = arguments.first() else { return plan_err!("cardinality takes an argument") };
    let offsets = match (of.as_map_opt(), of.as_list_opt::<i32>()) {
        (Some(maps), _) => maps.value_offsets(),
        (_, Some(lists)) => lists.value_offsets(),
        _ => return Ok(datafusion::arrow::array::new_null_array(&DataType::Int64, of.len())),
    };
    let sizes = offsets.windows(2).map(|pair| i64::from(pair.last().unwrap_or(&0) - pair.first().unwrap_or(&0)));
    Ok(Arc::new(sizes.enumerate().map(|(row, size)| of.is_valid(row).then_some(size)).collect::<Int64Array>()))
}

fn varchar(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let Some(of) = arguments.first() else { return plan_err!("a cast takes a value") };
    let values = (0..of.len()).map(|row| text::of(of, row)).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(StringArray::from(values)))
}

fn same(arguments: &[DataType]) -> Result<DataType> {
    arguments.first().map_or_else(|| plan_err!("a cast takes a value"), |kind| Ok(kind.clone()))
}

/// Floating-point numbers rounded, half away from zero; all else as it is.
fn whole(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let Some(of) = arguments.first() else { return plan_err!("a cast takes a value") };
    if !of.data_type().is_floating() {
        return Ok(Arc::clone(of));
    }
    let numbers = cast(of, &DataType::Float64)?;
    let rounded: Float64Array = numbers.as_primitive::<Float64Type>().unary(f64::round);
    Ok(cast(&rounded, of.data_type())?)
}

fn json_parse(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let values = json_format(arguments)?;
    let wrong =
        values.as_string::<i32>().iter().flatten().find(|text| serde_json::from_str::<&RawValue>(text).is_err());
    match wrong {
        Some(text) => {
            let begin: String = text.chars().take(100).collect();
            datafusion::common::exec_err!("Cannot convert '{begin}' to JSON")
        }
        None => Ok(values),
    }
}

fn json_format(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let Some(of) = arguments.first() else { return plan_err!("JSON functions take a text") };
    match of.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View | DataType::Null => Ok(cast(of, &DataType::Utf8)?),
        other => plan_err!("JSON is a text here, and not of the type {other}"),
    }
}

fn list(text: &str) -> Option<Vec<&RawValue>> {
    serde_json::from_str(text).ok()
}

fn json_array_size(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let texts = json_format(arguments)?;
    let size = |text: Option<&str>| Some(list(text?)?.len() as i64);
    Ok(Arc::new(texts.as_string::<i32>().iter().map(size).collect::<Int64Array>()))
}

/// How many elements or members a value has: none when it is a plain one.
fn json_size(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let texts = json_format(arguments)?;
    let size = |text: Option<&str>| {
        let text = text?;
        let members = || serde_json::from_str::<std::collections::HashMap<String, &RawValue>>(text).ok();
        list(text).map(|items| items.len()).or_else(|| members().map(|members| members.len())).or(Some(0))
    };
    Ok(Arc::new(texts.as_string::<i32>().iter().map(|text| size(text).map(|size| size as i64)).collect::<Int64Array>()))
}

/// Counted from 0, or from the end when negative.
fn json_array_get(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let [_, place] = arguments else { return plan_err!("json_array_get takes two arguments") };
    let (texts, places) = (json_format(arguments)?, cast(place, &DataType::Int64)?);
    let texts = texts.as_string::<i32>();
    let item = |(text, place): (Option<&str>, Option<i64>)| {
        let (items, place) = (list(text?)?, place?);
        let at = if place < 0 { place.checked_add(items.len() as i64)? } else { place };
        let item = items.get(usize::try_from(at).ok()?)?.get();
        (item != "null").then(|| item.to_owned())
    };
    Ok(Arc::new(texts.iter().zip(places.as_primitive::<Int64Type>().iter()).map(item).collect::<StringArray>()))
}

fn json_array_contains(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let [_, wanted] = arguments else { return plan_err!("json_array_contains takes two arguments") };
    let texts = json_format(arguments)?;
    let is_text = wanted.data_type().is_string();
    let texts = texts.as_string::<i32>();
    let mut found = Vec::with_capacity(texts.len());
    for (row, text) in texts.iter().enumerate() {
        let wanted = text::of(wanted, row)?;
        let has = |items: Vec<&RawValue>, wanted: String| {
            items.iter().any(|item| match is_text {
                true => serde_json::from_str::<String>(item.get()).is_ok_and(|item| item == wanted),
                false => item.get() == wanted,
            })
        };
        found.push(text.and_then(list).zip(wanted).map(|(items, wanted)| has(items, wanted)));
    }
    Ok(Arc::new(datafusion::arrow::array::BooleanArray::from(found)))
}
