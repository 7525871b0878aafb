//! Columns of log lines that are masked: the lines, and fields read out of the masked lines.
//!
//! Nothing that the store keeps of the lines themselves is of use here, neither to read less nor in place of a line: what was
//! skipped would tell what the mask hides.

use super::fields::column_name;
use super::resources::GroupMasks;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, RecordBatch, StringArray, StringBuilder};
use datafusion::arrow::compute::filter;
use datafusion::arrow::datatypes::{TimestampMillisecondType, UInt64Type};
use datafusion::common::{Result, internal_datafusion_err};
use memchr::memmem::Finder;
use model::{GroupId, Timestamp};
use std::sync::Arc;
use store::LogField;

/// What the store must read for a masked line.
pub(super) const READ: [&str; 3] = ["group", "ingestion_time", "message"];

/// The lines of a batch as they are shown.
pub(super) struct Masked(StringArray);

impl Masked {
    /// Masks the lines of a batch that has the columns `READ`. Linear in the length of the lines.
    pub(super) fn of(batch: &RecordBatch, masks: &GroupMasks) -> Result<Self> {
        let column =
            |name| batch.column_by_name(name).ok_or_else(|| internal_datafusion_err!("logs have no column {name}"));
        let missing = |name| internal_datafusion_err!("the column {name} is of another type");
        let groups = column("group")?.as_primitive_opt::<UInt64Type>().ok_or_else(|| missing("group"))?;
        let ingested = column("ingestion_time")?;
        let ingested =
            ingested.as_primitive_opt::<TimestampMillisecondType>().ok_or_else(|| missing("ingestion_time"))?;
        let lines = column("message")?.as_string_opt::<i32>().ok_or_else(|| missing("message"))?;
        let mut shown = StringBuilder::with_capacity(lines.len(), lines.value_data().len());
        for ((group, ingested), line) in groups.values().iter().zip(ingested.values()).zip(lines) {
            let mask = masks.get(&GroupId(*group)).and_then(Option::as_ref);
            let line = line.unwrap_or_default();
            match mask {
                Some(mask) => shown.append_value(mask.mask(Timestamp(*ingested), line)),
                None => shown.append_value(line),
            }
        }
        Ok(Self(shown.finish()))
    }

    /// For each line whether it contains all of these as it is shown.
    pub(super) fn containing(&self, texts: &[Finder<'_>]) -> BooleanArray {
        let has_all = |line: &str| texts.iter().all(|text| text.find(line.as_bytes()).is_some());
        self.0.iter().map(|line| line.map(has_all)).collect()
    }

    /// Some of the lines.
    pub(super) fn filtered(&self, kept: &BooleanArray) -> Result<Self> {
        Ok(Self(filter(&self.0, kept)?.as_string().clone()))
    }

    /// A column of the table, where it is one of lines or of their fields.
    pub(super) fn column(&self, name: &str, fields: &[LogField]) -> Option<ArrayRef> {
        if name == "message" {
            return Some(Arc::new(self.0.clone()));
        }
        let field = fields.iter().find(|field| column_name(field) == name)?;
        let values: StringArray = self.0.iter().map(|line| field.value(line?)).collect();
        Some(Arc::new(values))
    }
}
