//! Lists: their least and greatest elements, places and parts; maps made of lists and texts.

use super::strings::{numbers, text};
use super::{Function, int64};
use datafusion::arrow::array::builder::{MapBuilder, StringBuilder};
use datafusion::arrow::array::{
    Array, ArrayRef, AsArray, Int64Array, ListArray, MapArray, StructArray, UInt32Array, make_comparator,
};
use datafusion::arrow::buffer::{NullBuffer, OffsetBuffer};
use datafusion::arrow::compute::{SortOptions, cast, take};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef};
use datafusion::common::{Result, exec_datafusion_err, exec_err, plan_err};
use std::cmp::Ordering;
use std::collections::HashSet;
use std::sync::Arc;

pub(super) const FUNCTIONS: [Function; 8] = [
    Function { name: "lake_array_max", arguments: &[1], answers: item, apply: |of| extreme(of, Ordering::Greater) },
    Function { name: "lake_array_min", arguments: &[1], answers: item, apply: |of| extreme(of, Ordering::Less) },
    Function { name: "lake_array_position", arguments: &[2], answers: int64, apply: position },
    Function { name: "slice", arguments: &[3], answers: same_list, apply: slice },
    Function { name: "split_to_map", arguments: &[3], answers: |_| Ok(texts_by_text()), apply: split_to_map },
    Function { name: "lake_map", arguments: &[2], answers: map_of_lists, apply: map },
    Function { name: "lake_map_entries", arguments: &[1], answers: entries_type, apply: map_entries },
    Function { name: "map_from_entries", arguments: &[1], answers: map_of_rows, apply: map_from_entries },
];

/// The type of a map.
pub(super) fn map_type(keys: DataType, values: DataType) -> DataType {
    let entries = [Field::new("keys", keys, false), Field::new("values", values, true)];
    DataType::Map(Arc::new(Field::new("entries", DataType::Struct(entries.into_iter().collect()), false)), false)
}

fn texts_by_text() -> DataType {
    map_type(DataType::Utf8, DataType::Utf8)
}

fn item_field(kind: Option<&DataType>) -> Result<&FieldRef> {
    match kind {
        Some(DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _)) => Ok(item),
        Some(other) => plan_err!("a list is needed here, and not a value of the type {other}"),
        None => plan_err!("a list is missing"),
    }
}

fn item(arguments: &[DataType]) -> Result<DataType> {
    Ok(item_field(arguments.first())?.data_type().clone())
}

fn same_list(arguments: &[DataType]) -> Result<DataType> {
    Ok(DataType::List(Arc::new(Field::new_list_field(item(arguments)?, true))))
}

fn map_of_lists(arguments: &[DataType]) -> Result<DataType> {
    let (keys, values) = (item_field(arguments.first())?, item_field(arguments.get(1))?);
    Ok(map_type(keys.data_type().clone(), values.data_type().clone()))
}

fn map_of_rows(arguments: &[DataType]) -> Result<DataType> {
    match item_field(arguments.first())?.data_type() {
        DataType::Struct(fields) => match fields.iter().collect::<Vec<_>>().as_slice() {
            [key, value] => Ok(map_type(key.data_type().clone(), value.data_type().clone())),
            _ => plan_err!("map_from_entries takes rows of two values"),
        },
        _ => plan_err!("map_from_entries takes a list of rows"),
    }
}

fn entries_type(arguments: &[DataType]) -> Result<DataType> {
    match arguments {
        [DataType::Map(entries, _)] => {
            let entries = Field::new_list_field(entries.data_type().clone(), true);
            Ok(DataType::List(Arc::new(entries)))
        }
        _ => plan_err!("map_entries takes a map"),
    }
}

/// The entries of a map as rows.
fn map_entries(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let Some(maps) = arguments.first().and_then(|of| of.as_map_opt()) else {
        return plan_err!("map_entries takes a map");
    };
    let field = Arc::new(Field::new_list_field(maps.entries().data_type().clone(), true));
    let entries = Arc::new(maps.entries().clone());
    Ok(Arc::new(ListArray::try_new(field, maps.offsets().clone(), entries, maps.nulls().cloned())?))
}

/// An argument as a list of one kind.
fn list(arguments: &[ArrayRef], at: usize) -> Result<ListArray> {
    let Some(of) = arguments.get(at) else { return plan_err!("a list is missing") };
    let item = Field::new_list_field(item_field(Some(of.data_type()))?.data_type().clone(), true);
    Ok(cast(of, &DataType::List(Arc::new(item)))?.as_list::<i32>().clone())
}

/// The places of the elements of a row.
fn span(lists: &ListArray, row: usize) -> Option<std::ops::Range<usize>> {
    let (from, to) = (lists.value_offsets().get(row)?, lists.value_offsets().get(row + 1)?);
    lists.is_valid(row).then_some(*from as usize..*to as usize)
}

/// The least or greatest element; NULL where one of them is.
fn extreme(arguments: &[ArrayRef], wanted: Ordering) -> Result<ArrayRef> {
    let lists = list(arguments, 0)?;
    let values = lists.values();
    let compare = make_comparator(values, values, SortOptions::default())?;
    let place = |row: usize| {
        let mut places = span(&lists, row)?;
        if places.clone().any(|at| values.is_null(at)) {
            return None;
        }
        let first = places.next()?;
        let best = places.fold(first, |best, at| if compare(at, best) == wanted { at } else { best });
        u32::try_from(best).ok()
    };
    let places: UInt32Array = (0..lists.len()).map(place).collect();
    Ok(take(values, &places, None)?)
}

/// The place of the first element that is the wanted one, from 1 on; 0 where there is none.
fn position(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let lists = list(arguments, 0)?;
    let Some(wanted) = arguments.get(1) else { return plan_err!("array_position takes two arguments") };
    let wanted = cast(wanted, lists.values().data_type())?;
    let compare = make_comparator(lists.values(), &wanted, SortOptions::default())?;
    let place = |row: usize| {
        let mut places = span(&lists, row).filter(|_| wanted.is_valid(row))?;
        let from = places.start;
        let found = places.find(|at| lists.values().is_valid(*at) && compare(*at, row) == Ordering::Equal);
        Some(found.map_or(0, |at| (at - from) as i64 + 1))
    };
    Ok(Arc::new((0..lists.len()).map(place).collect::<Int64Array>()))
}

/// So many elements from a place on, which counts from 1, or from the end when negative.
fn slice(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (lists, starts, lengths) = (list(arguments, 0)?, numbers(arguments, 1)?, numbers(arguments, 2)?);
    let (mut places, mut sizes, mut valid) = (Vec::new(), Vec::new(), Vec::new());
    for row in 0..lists.len() {
        let before = places.len();
        let given = (starts.is_valid(row) && lengths.is_valid(row)).then(|| (starts.value(row), lengths.value(row)));
        let given = span(&lists, row).zip(given);
        valid.push(given.is_some());
        if let Some((own, (start, length))) = given {
            if start == 0 {
                return exec_err!("SQL array indices start at 1");
            }
            let Ok(length) = usize::try_from(length) else {
                return exec_err!("length must be greater than or equal to 0");
            };
            let from = if start > 0 { start - 1 } else { start.saturating_add(own.len() as i64) };
            if let Ok(from) = usize::try_from(from) {
                places.extend(own.skip(from).take(length).map(|at| at as u32));
            }
        }
        sizes.push(places.len() - before);
    }
    let values = take(lists.values(), &UInt32Array::from(places), None)?;
    let field = Arc::new(Field::new_list_field(values.data_type().clone(), true));
    Ok(Arc::new(ListArray::try_new(field, OffsetBuffer::from_lengths(sizes), values, Some(valid.into()))?))
}

fn split_to_map(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (texts, entries, pairs) = (text(arguments, 0)?, text(arguments, 1)?, text(arguments, 2)?);
    let mut maps = MapBuilder::new(None, StringBuilder::new(), StringBuilder::new());
    for ((text, between), within) in texts.iter().zip(entries.iter()).zip(pairs.iter()) {
        let Some(((text, between), within)) = text.zip(between).zip(within) else {
            maps.append(false)?;
            continue;
        };
        if between.is_empty() || within.is_empty() || between == within {
            return exec_err!("entryDelimiter and keyValueDelimiter must be texts, and not the same");
        }
        let mut keys = HashSet::new();
        for entry in text.split(between).filter(|entry| !entry.is_empty()) {
            let Some((key, value)) = entry.split_once(within).filter(|(_, value)| !value.contains(within)) else {
                return exec_err!("Key-value delimiter must appear exactly once in each entry. Bad input: '{entry}'");
            };
            if !keys.insert(key) {
                return exec_err!("Duplicate keys ({key}) are not allowed");
            }
            maps.keys().append_value(key);
            maps.values().append_value(value);
        }
        maps.append(true)?;
    }
    Ok(Arc::new(maps.finish()))
}

fn map(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let (keys, values) = (list(arguments, 0)?, list(arguments, 1)?);
    let mut parts = Vec::with_capacity(keys.len());
    for row in 0..keys.len() {
        let spans = span(&keys, row).zip(span(&values, row));
        if spans.as_ref().is_some_and(|(keys, values)| keys.len() != values.len()) {
            return exec_err!("Key and value arrays must be the same length");
        }
        parts.push(spans);
    }
    maps(keys.values(), values.values(), parts)
}

fn map_from_entries(arguments: &[ArrayRef]) -> Result<ArrayRef> {
    let lists = list(arguments, 0)?;
    let rows = lists.values().as_struct_opt();
    let Some([keys, values]) = rows.map(StructArray::columns) else {
        return plan_err!("rows of two values are needed");
    };
    let parts = (0..lists.len()).map(|row| span(&lists, row).map(|span| (span.clone(), span))).collect();
    maps(keys, values, parts)
}

/// Where the keys of one map are, and its values; `None` for NULL.
type Spans = Option<(std::ops::Range<usize>, std::ops::Range<usize>)>;

/// Maps of parts of keys and values.
fn maps(keys: &ArrayRef, values: &ArrayRef, parts: Vec<Spans>) -> Result<ArrayRef> {
    let compare = make_comparator(keys, keys, SortOptions::default())?;
    let valid: NullBuffer = parts.iter().map(Option::is_some).collect();
    let lengths: Vec<usize> = parts.iter().map(|part| part.as_ref().map_or(0, |(keys, _)| keys.len())).collect();
    let (mut of_keys, mut of_values) = (Vec::new(), Vec::new());
    for (own, own_values) in parts.into_iter().flatten() {
        if own.clone().any(|at| keys.is_null(at)) {
            return exec_err!("map key cannot be null");
        }
        let mut sorted: Vec<usize> = own.clone().collect();
        sorted.sort_unstable_by(|left, right| compare(*left, *right));
        if sorted.windows(2).any(|pair| matches!(pair, [left, right] if compare(*left, *right) == Ordering::Equal)) {
            return exec_err!("Duplicate map keys are not allowed");
        }
        of_keys.extend(own.map(|at| at as u32));
        of_values.extend(own_values.map(|at| at as u32));
    }
    let keys = take(keys, &UInt32Array::from(of_keys), None)?;
    let values = take(values, &UInt32Array::from(of_values), None)?;
    map_array(keys, values, lengths, Some(valid))
}

/// Maps of so many entries each.
pub(super) fn map_array(
    keys: ArrayRef,
    values: ArrayRef,
    lengths: Vec<usize>,
    valid: Option<NullBuffer>,
) -> Result<ArrayRef> {
    let DataType::Map(field, _) = map_type(keys.data_type().clone(), values.data_type().clone()) else {
        return Err(exec_datafusion_err!("a map has entries"));
    };
    let DataType::Struct(fields) = field.data_type().clone() else {
        return Err(exec_datafusion_err!("a map has keys and values"));
    };
    let entries = StructArray::try_new(fields, vec![keys, values], None)?;
    Ok(Arc::new(MapArray::try_new(field, OffsetBuffer::from_lengths(lengths), entries, valid, false)?))
}
