//! Values as CloudTrail Lake shows them: as Trino casts them to text; structs and maps as `{name=value}`, lists as `[a, b]`.

use datafusion::arrow::array::{Array, ArrayRef, AsArray};
use datafusion::arrow::compute::cast;
use datafusion::arrow::datatypes::{
    DataType, DurationMillisecondType, Float32Type, Float64Type, TimeUnit, TimestampMillisecondType,
};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::{Result, exec_err};
use std::fmt::Write as _;

/// The text of one value; `None` for NULL.
pub(super) fn of(array: &ArrayRef, row: usize) -> Result<Option<String>> {
    if array.is_null(row) || array.data_type().is_null() {
        return Ok(None);
    }
    let mut text = String::new();
    write(array, row, &mut text)?;
    Ok(Some(text))
}

/// Nests as deep as the type does.
fn write(array: &ArrayRef, row: usize, text: &mut String) -> Result<()> {
    if array.is_null(row) || array.data_type().is_null() {
        text.push_str("null");
        return Ok(());
    }
    match array.data_type() {
        DataType::Utf8 => text.push_str(array.as_string::<i32>().value(row)),
        DataType::Utf8View => text.push_str(array.as_string_view().value(row)),
        DataType::Float64 => write_float(array.as_primitive::<Float64Type>().value(row), text),
        DataType::Float32 => write_float(f64::from(array.as_primitive::<Float32Type>().value(row)), text),
        DataType::Timestamp(_, zone) => {
            let ms = cast(&array.slice(row, 1), &DataType::Timestamp(TimeUnit::Millisecond, zone.clone()))?;
            let iso = model::Timestamp(ms.as_primitive::<TimestampMillisecondType>().value(0)).iso_millis();
            text.push_str(&iso.replace('T', " ").replace('Z', if zone.is_some() { " UTC" } else { "" }));
        }
        DataType::Duration(_) => {
            let ms = cast(&array.slice(row, 1), &DataType::Duration(TimeUnit::Millisecond))?;
            let ms = ms.as_primitive::<DurationMillisecondType>().value(0);
            let (sign, ms) = (if ms < 0 { "-" } else { "" }, ms.unsigned_abs());
            let (seconds, days) = (ms / 1_000 % 86_400, ms / 86_400_000);
            // Writing to a string does not fail.
            let _ = write!(
                text,
                "{sign}{days} {:02}:{:02}:{:02}.{:03}",
                seconds / 3_600,
                seconds / 60 % 60,
                seconds % 60,
                ms % 1_000
            );
        }
        DataType::Interval(_) => return exec_err!("an interval cannot be shown; take a part of it"),
        DataType::List(_) => {
            let items = array.as_list::<i32>().value(row);
            text.push('[');
            for at in 0..items.len() {
                text.push_str(if at > 0 { ", " } else { "" });
                write(&items, at, text)?;
            }
            text.push(']');
        }
        DataType::Map(..) => {
            let entries = array.as_map().value(row);
            text.push('{');
            for at in 0..entries.len() {
                text.push_str(if at > 0 { ", " } else { "" });
                write(entries.column(0), at, text)?;
                text.push('=');
                write(entries.column(1), at, text)?;
            }
            text.push('}');
        }
        DataType::Struct(fields) => {
            text.push('{');
            for (at, (field, column)) in fields.iter().zip(array.as_struct().columns()).enumerate() {
                text.push_str(if at > 0 { ", " } else { "" });
                text.push_str(field.name());
                text.push('=');
                write(column, row, text)?;
            }
            text.push('}');
        }
        _ => {
            let formatter = ArrayFormatter::try_new(array.as_ref(), &FormatOptions::default())?;
            text.push_str(&formatter.value(row).try_to_string()?);
        }
    }
    Ok(())
}

/// As Java writes a double.
fn write_float(value: f64, text: &mut String) {
    let size = value.abs();
    // Writing to a string does not fail.
    let _ = if value.is_nan() {
        write!(text, "NaN")
    } else if value.is_infinite() {
        write!(text, "{}Infinity", if value < 0.0 { "-" } else { "" })
    } else if size == 0.0 || (1e-3..1e7).contains(&size) {
        write!(text, "{value:?}")
    } else {
        let scientific = format!("{value:E}");
        match scientific.split_once('E') {
            Some((digits, power)) if !digits.contains('.') => write!(text, "{digits}.0E{power}"),
            _ => write!(text, "{scientific}"),
        }
    };
}
