//! `estimate`: about how many bytes a query would scan, told from the first page of each part of the store.
//!
//! AWS does not say what the column is called. Events in memory are counted one by one.

use super::{Answer, Plan, Progress, Reading, ScanError, Target};
use arrow_array::{Array, StringArray};
use model::TimeRange;
use model::limits::LOG_EVENT_OVERHEAD_BYTES;
use std::sync::Arc;
use store::{PartReader, Table, TableFilter, TablePart, View, wait_for};

const COLUMN: &str = "estimatedBytesScanned";

/// One row with the number of bytes.
pub(super) fn answer(
    view: &View,
    plan: &Plan,
    range: TimeRange,
    targets: &[Target],
    progress: &Progress,
) -> Result<Answer, ScanError> {
    let compared = plan.compared_range();
    let mut bytes = 0;
    for range in std::iter::once(range).chain(compared) {
        let Reading { filter, whole, .. } = Reading::new(plan, range, targets);
        // What does not contain the texts that are looked for is scanned as well.
        let filter = Arc::new(TableFilter { contains: Vec::new(), ..TableFilter::clone(&filter) });
        for part in view.parts(Table::Logs, &filter).parts {
            progress.check()?;
            bytes += of_part(&filter, &whole, part)?;
        }
    }
    Ok(Answer { columns: vec![COLUMN.to_owned()], rows: vec![vec![Some(bytes.to_string())]], pointers: None })
}

fn of_part(filter: &Arc<TableFilter>, columns: &[&'static str], part: TablePart) -> Result<u64, ScanError> {
    let rows = part.rows;
    let mut reader = PartReader::new(Table::Logs, Arc::clone(filter), columns.to_vec(), None);
    let mut open = reader.open(part);
    let (mut seen, mut bytes) = (0, 0);
    while let Some(batch) = wait_for(reader.next(&mut open, TimeRange::ALL))? {
        let messages = batch.column_by_name("message").and_then(|column| column.as_any().downcast_ref::<StringArray>());
        let lengths = messages.map_or(0, |messages| messages.value_data().len());
        seen += batch.num_rows() as u64;
        bytes += (lengths + batch.num_rows() * LOG_EVENT_OVERHEAD_BYTES) as u64;
        if rows > seen && seen > 0 {
            // The rest is taken to be like the beginning.
            return Ok(u64::try_from(u128::from(bytes) * u128::from(rows) / u128::from(seen)).unwrap_or(u64::MAX));
        }
    }
    Ok(bytes)
}
