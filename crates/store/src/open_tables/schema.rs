//! Schemas of the tables, as Delta writes them: the columns of the Parquet files, in Delta's types.
//!
//! | Arrow | Delta | |
//! | --- | --- | --- |
//! | UInt64, UInt32, Int64 | `long` | ids and sequences stay far below 2^63 |
//! | UInt16, Int32 | `integer` | |
//! | Timestamp(ms, UTC) | `timestamp` | an instant; readers widen it to microseconds |
//! | Utf8, and a dictionary of it | `string` | dictionaries are Arrow's; in the file it is a string |
//! | Binary, FixedSizeBinary | `binary` | a UUID is its 16 bytes |
//! | Float64, Boolean, List | `double`, `boolean`, `array` | |

use super::TableKind;
use crate::error::{Error, Result};
use crate::segment::{Kind, events, logs};
use crate::{export, open_tables::stream_names};
use arrow_schema::{DataType, Field, Schema, TimeUnit};
use serde_json::{Value, json};
use std::sync::Arc;

/// The columns of a table.
pub(super) fn arrow(kind: TableKind) -> Arc<Schema> {
    match kind {
        TableKind::Segments(Kind::Events) => events::schema(),
        TableKind::Segments(Kind::Logs) => logs::schema(),
        TableKind::Segments(Kind::Metrics) => export::schema(),
        TableKind::LogStreams => stream_names::schema(),
    }
}

/// What a table is, for people.
pub(super) fn description(kind: TableKind) -> &'static str {
    match kind {
        TableKind::Segments(Kind::Events) => "Audit events of Trailwatch, one row each",
        TableKind::Segments(Kind::Logs) => "Log events of Trailwatch, one row each; names are in log_streams",
        TableKind::Segments(Kind::Metrics) => "Metric points of Trailwatch, one row each",
        TableKind::LogStreams => "Names of the log groups and streams of Trailwatch",
    }
}

/// Columns that have statistics in every file. They must be told (`delta.dataSkippingStatsColumns`): the dataset of deltalake takes
/// a column with bounds in some files or beside others that have them for one that no row matches.
pub(super) fn stats_columns(kind: TableKind) -> &'static [&'static str] {
    match kind {
        TableKind::Segments(Kind::Events) => &["time", "sequence"],
        TableKind::Segments(Kind::Logs) => &["timestamp", "sequence", "group"],
        TableKind::Segments(Kind::Metrics) => &["timestamp"],
        TableKind::LogStreams => &["group"],
    }
}

/// The schema as the text of `metaData.schemaString`.
pub(super) fn delta(schema: &Schema) -> Result<String> {
    let fields: Vec<Value> = schema.fields().iter().map(|field| delta_field(field)).collect::<Result<_>>()?;
    Ok(json!({ "type": "struct", "fields": fields }).to_string())
}

fn delta_field(field: &Field) -> Result<Value> {
    let type_ = delta_type(field.data_type())?;
    Ok(json!({ "name": field.name(), "type": type_, "nullable": field.is_nullable(), "metadata": {} }))
}

fn delta_type(arrow: &DataType) -> Result<Value> {
    let name = match arrow {
        DataType::UInt64 | DataType::UInt32 | DataType::Int64 => "long",
        DataType::UInt16 | DataType::Int32 => "integer",
        DataType::Float64 => "double",
        DataType::Boolean => "boolean",
        DataType::Utf8 => "string",
        DataType::Binary | DataType::FixedSizeBinary(_) => "binary",
        DataType::Timestamp(TimeUnit::Millisecond, Some(_)) => "timestamp",
        DataType::Dictionary(_, values) => return delta_type(values),
        DataType::List(item) => {
            let (element, contains_null) = (delta_type(item.data_type())?, item.is_nullable());
            return Ok(json!({ "type": "array", "elementType": element, "containsNull": contains_null }));
        }
        other => return Err(Error::Bug(format!("a column of type {other} has no type of Delta"))),
    };
    Ok(name.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_has_a_schema_of_delta() {
        for kind in TableKind::ALL {
            let (arrow, delta) = (arrow(kind), delta(&arrow(kind)).unwrap());
            let delta: Value = serde_json::from_str(&delta).unwrap();
            let names: Vec<_> = delta["fields"].as_array().unwrap().iter().map(|field| &field["name"]).collect();
            assert_eq!(names, arrow.fields().iter().map(|field| field.name()).collect::<Vec<_>>());
            let names: Vec<_> = names.iter().filter_map(|name| name.as_str()).collect();
            assert!(stats_columns(kind).iter().all(|column| names.contains(column)), "{kind:?}");
        }
    }

    #[test]
    fn types_are_those_of_the_header() {
        let list = DataType::List(Arc::new(Field::new("item", DataType::Utf8, true)));
        let schema = Schema::new(vec![
            Field::new("a", DataType::UInt64, false),
            Field::new("b", DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), false),
            Field::new("c", DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8)), true),
            Field::new("d", DataType::FixedSizeBinary(16), true),
            Field::new("e", list, false),
        ]);
        let field = |name: &str, type_: Value, nullable: bool| json!({ "name": name, "type": type_, "nullable": nullable, "metadata": {} });
        let list = json!({ "type": "array", "elementType": "string", "containsNull": true });
        assert_eq!(
            serde_json::from_str::<Value>(&delta(&schema).unwrap()).unwrap()["fields"],
            json!([
                field("a", "long".into(), false),
                field("b", "timestamp".into(), false),
                field("c", "string".into(), true),
                field("d", "binary".into(), true),
                field("e", list, false),
            ])
        );
        assert!(delta(&Schema::new(vec![Field::new("x", DataType::Date32, true)])).is_err());
    }
}
