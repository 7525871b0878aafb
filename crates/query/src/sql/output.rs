//! Answers as JSON lines or CSV, up to a size.

use super::SqlError;
use datafusion::arrow::array::{Array, ArrayRef, RecordBatch, StringBuilder};
use datafusion::arrow::csv;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::arrow::error::ArrowError;
use datafusion::arrow::json::writer::{LineDelimited, WriterBuilder};
use datafusion::arrow::util::display::{ArrayFormatter, FormatOptions};
use datafusion::common::DataFusionError;
use std::collections::HashSet;
use std::sync::Arc;

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per row, each on its line, with all columns in order.
    JsonLines,
    /// A line of names, then one line per row. Lists and the like are written as text.
    Csv,
}

/// Rows written at once: so often the size is looked at.
const ROWS: usize = 256;

/// An answer in the making.
#[derive(Debug)]
pub(super) struct Output {
    format: Format,
    schema: SchemaRef,
    bytes: Vec<u8>,
    bytes_max: usize,
}

impl Output {
    /// An answer without rows; CSV has the names of the columns already.
    pub(super) fn new(format: Format, schema: &Schema, bytes_max: usize) -> Result<Self, SqlError> {
        let mut output = Self { format, schema: named(schema, format), bytes: Vec::new(), bytes_max };
        if format == Format::Csv {
            output.append(&RecordBatch::new_empty(Arc::clone(&output.schema)), true)?;
        }
        Ok(output)
    }

    /// Adds rows.
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), SqlError> {
        let columns = batch.columns().iter().zip(self.schema.fields());
        let columns = columns.map(|(column, field)| written(column, field)).collect::<Result<Vec<_>, _>>();
        let batch = columns.and_then(|columns| RecordBatch::try_new(Arc::clone(&self.schema), columns));
        let batch = batch.map_err(DataFusionError::from)?;
        for first in (0..batch.num_rows()).step_by(ROWS) {
            self.append(&batch.slice(first, ROWS.min(batch.num_rows() - first)), false)?;
            if self.bytes.len() > self.bytes_max {
                let message = format!("the answer is larger than {} bytes; ask for less (LIMIT)", self.bytes_max);
                return Err(SqlError::Limit(message));
            }
        }
        Ok(())
    }

    fn append(&mut self, batch: &RecordBatch, header: bool) -> Result<(), SqlError> {
        let appended = match self.format {
            Format::JsonLines => {
                let builder = WriterBuilder::new().with_explicit_nulls(true);
                builder.build::<_, LineDelimited>(&mut self.bytes).write(batch)
            }
            Format::Csv => csv::WriterBuilder::new().with_header(header).build(&mut self.bytes).write(batch),
        };
        Ok(appended.map_err(DataFusionError::from)?)
    }

    /// All that was written.
    pub(super) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// The columns as they are written: names once each, for a JSON object has one member of a name; in CSV, what is neither
/// text nor a number becomes text.
fn named(schema: &Schema, format: Format) -> SchemaRef {
    let mut names = HashSet::new();
    let field = |field: &Arc<Field>| {
        let mut name = field.name().clone();
        let mut copies = 1;
        while !names.insert(name.clone()) {
            copies += 1;
            name = format!("{}_{copies}", field.name());
        }
        let kind = if format == Format::Csv && field.data_type().is_nested() {
            DataType::Utf8
        } else {
            field.data_type().clone()
        };
        Field::new(name, kind, true)
    };
    Arc::new(Schema::new(schema.fields().iter().map(field).collect::<Vec<_>>()))
}

fn written(column: &ArrayRef, field: &Field) -> Result<ArrayRef, ArrowError> {
    if column.data_type() == field.data_type() {
        return Ok(Arc::clone(column));
    }
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(column, &options)?;
    let mut texts = StringBuilder::new();
    for at in 0..column.len() {
        texts.append_option(column.is_valid(at).then(|| formatter.value(at).try_to_string()).transpose()?);
    }
    Ok(Arc::new(texts.finish()))
}
