//! Rows of the log table whose messages contain what is asked for: found in the pages as they lie, with the messages, which so need not be
//! unpacked a second time to be shown.

use crate::error::{Error, Result};
use crate::search_logs::TextSearch;
use crate::segment::{Segment, logs};
use crate::table::{Table, TableFilter};
use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, RecordBatch, StringArray, UInt32Array};
use arrow_schema::Schema;
use std::sync::Arc;

/// The column that is searched so.
pub(crate) const MESSAGE: &str = "message";
/// Messages of one row group are kept up to so many bytes: a search that finds more reads them again.
const KEPT_BYTES_MAX: usize = 1024 * 1024;

/// What a filter asks of messages; `None` when that is nothing, and for other tables.
pub(crate) fn search(table: Table, filter: &TableFilter) -> Option<TextSearch> {
    let of_messages = filter.contains.iter().filter(|(column, _)| table == Table::Logs && *column == MESSAGE);
    let texts: Vec<String> = of_messages.map(|(_, text)| text.clone()).collect();
    (!texts.is_empty()).then(|| TextSearch::containing(&texts))
}

/// Rows that match, counted within their row group and ascending, and what was kept of their messages.
#[derive(Debug, Default)]
pub(crate) struct Matched {
    pub rows: Vec<u32>,
    pub messages: Option<Messages>,
    /// True when fields told which rows match.
    pub is_known: bool,
}

/// Finds those of `rows` that match. No message is read where fields tell which rows these are, and messages are not kept.
pub(crate) async fn find(
    segment: &Arc<Segment>,
    row_group: usize,
    mut rows: Vec<u32>,
    search: &TextSearch,
    keeps_messages: bool,
) -> Result<Matched> {
    let known = segment.known_rows(row_group, search).await?;
    let is_known = known.as_ref().is_some_and(|known| known.is_exact);
    if let Some(known) = known {
        known.retain(&mut rows);
        if is_known && !keeps_messages {
            return Ok(Matched { rows, messages: None, is_known });
        }
    }
    let rows = rows.as_slice();
    let places = segment.page_places(row_group, MESSAGE).await?;
    let mut found = Vec::new();
    let mut messages = keeps_messages.then(StringBuilder::new);
    let mut clause = None;
    for together in places.with_rows(rows) {
        for (page, (_, of_page)) in segment.read_pages(&places, &together).await?.iter().zip(together) {
            let mut hit = |row: u32, text: &str| {
                found.push(row);
                if let Some(kept) = &mut messages {
                    kept.append_value(text);
                }
            };
            let looked = search.look_through(page, rows.get(of_page).unwrap_or_default(), &mut clause, &mut hit);
            looked.ok_or_else(|| segment.corrupt(0, "a page of messages is damaged"))?;
            messages = messages.filter(|kept| kept.values_slice().len() <= KEPT_BYTES_MAX);
        }
    }
    let messages = messages.map(|mut kept| Messages { rows: found.clone(), texts: kept.finish() });
    Ok(Matched { rows: found, messages, is_known })
}

/// Messages of some rows of a row group.
#[derive(Debug)]
pub(crate) struct Messages {
    rows: Vec<u32>,
    texts: StringArray,
}

impl Messages {
    /// A batch of other columns of some of the rows, with their messages; only these where there are no others.
    pub(crate) fn add_to(&self, others: Option<&RecordBatch>, rows: &[u32]) -> Result<RecordBatch> {
        let bug = |error: &dyn std::fmt::Display| Error::Bug(format!("add messages to a batch: {error}"));
        let place = |row: &u32| self.rows.binary_search(row).ok().map(|at| at as u32);
        let places: Option<Vec<u32>> = rows.iter().map(place).collect();
        let places = places.ok_or_else(|| bug(&"one is not kept"))?;
        let texts = arrow_select::take::take(&self.texts, &UInt32Array::from(places), None);
        let texts: ArrayRef = texts.map_err(|error| bug(&error))?;
        let field = logs::schema().fields().find(MESSAGE).map(|(_, field)| Arc::clone(field));
        let (mut fields, mut columns) = (Vec::new(), Vec::new());
        if let Some(others) = others {
            fields.extend(others.schema().fields().iter().cloned());
            columns.extend(others.columns().iter().cloned());
        }
        fields.extend(field);
        columns.push(texts);
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).map_err(|error| bug(&error))
    }
}
