//! Field columns of the log table: what row groups keep of them, else read out of the lines.

use crate::error::{Error, Result};
use crate::log_fields::{Known, LogField};
use crate::segment::{Segment, column};
use crate::table::TableFilter;
use arrow_array::{ArrayRef, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::Arc;

/// Names of the columns that hold `TableFilter::fields`, in their order. So many can be asked for at once.
pub const FIELD_COLUMNS: [&str; 16] = [
    "field.0", "field.1", "field.2", "field.3", "field.4", "field.5", "field.6", "field.7", "field.8", "field.9",
    "field.10", "field.11", "field.12", "field.13", "field.14", "field.15",
];

impl TableFilter {
    /// The field that a column holds.
    pub(crate) fn field(&self, column: &str) -> Option<&LogField> {
        self.fields.get(FIELD_COLUMNS.iter().position(|name| *name == column)?)
    }
}

/// Reads columns of some rows of a row group of logs, fields among them, in the asked order.
pub(crate) async fn read(
    segment: &Arc<Segment>,
    row_group: usize,
    ranges: Vec<Range<usize>>,
    columns: &[&'static str],
    filter: &TableFilter,
) -> Result<Vec<RecordBatch>> {
    if columns.iter().all(|column| filter.field(column).is_none()) {
        return segment.read(row_group, ranges, columns).await;
    }
    if ranges.iter().all(Range::is_empty) {
        return Ok(Vec::new());
    }
    let kept = segment.fields(row_group).await?;
    let mut known = Vec::with_capacity(columns.len());
    let mut stored: BTreeSet<&'static str> = BTreeSet::new();
    for name in columns {
        let Some(field) = filter.field(name) else {
            stored.insert(name);
            continue;
        };
        let found = match &kept {
            Some(kept) => kept.get(field).map_err(|reason| segment.corrupt_fields(reason))?,
            None => Known::Nothing,
        };
        if matches!(found, Known::Nothing) {
            stored.insert("message");
        }
        known.push((*name, field, found));
    }
    let stored: Vec<&str> = stored.into_iter().collect();
    let batch = match stored.is_empty() {
        true => None,
        false => segment.read(row_group, ranges.clone(), &stored).await?.pop(),
    };
    let rows = ranges.iter().map(Range::len).sum();
    let mut fields: Vec<(&str, ArrayRef)> = Vec::with_capacity(known.len());
    for (name, field, found) in known {
        let values = match (found, &batch) {
            (Known::Column(kept), _) => kept.read(&ranges).map_err(|reason| segment.corrupt_fields(reason))?,
            (Known::Absent, _) => StringArray::new_null(rows),
            (Known::Nothing, Some(batch)) => values(batch, field)?,
            (Known::Nothing, None) => return Err(Error::Bug("a field needs the lines".into())),
        };
        fields.push((name, Arc::new(values)));
    }
    join(batch.as_ref(), fields, columns).map(|batch| vec![batch])
}

/// A batch of whole rows with the fields that are asked for.
pub(crate) fn add(batch: &RecordBatch, columns: &[&'static str], filter: &TableFilter) -> Result<RecordBatch> {
    let asked = columns.iter().filter_map(|name| Some((*name, filter.field(name)?)));
    let fields = asked.map(|(name, field)| Ok((name, Arc::new(values(batch, field)?) as ArrayRef)));
    join(Some(batch), fields.collect::<Result<_>>()?, columns)
}

/// The field of every line.
fn values(batch: &RecordBatch, field: &LogField) -> Result<StringArray> {
    let lines: &StringArray = column(batch, "message")?;
    Ok(lines.iter().map(|line| field.value(line?)).collect())
}

/// The asked columns, from the fields or from the batch.
fn join(batch: Option<&RecordBatch>, fields: Vec<(&str, ArrayRef)>, columns: &[&'static str]) -> Result<RecordBatch> {
    let mut schema = Vec::with_capacity(columns.len());
    let mut arrays = Vec::with_capacity(columns.len());
    for name in columns {
        if let Some((_, values)) = fields.iter().find(|(field, _)| field == name) {
            schema.push(Arc::new(Field::new(*name, DataType::Utf8, true)));
            arrays.push(Arc::clone(values));
            continue;
        }
        let found =
            batch.and_then(|batch| Some((batch.schema().fields().find(name)?.1.clone(), batch.column_by_name(name)?)));
        let (field, array) = found.ok_or_else(|| Error::Bug(format!("the table has no column {name}")))?;
        schema.push(field);
        arrays.push(Arc::clone(array));
    }
    RecordBatch::try_new(Arc::new(Schema::new(schema)), arrays)
        .map_err(|error| Error::Bug(format!("join fields and columns: {error}")))
}
