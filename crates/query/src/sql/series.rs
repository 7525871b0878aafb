//! What the tables of metrics share: the series that a WHERE clause leaves, and batches of rows that belong to a series.

use super::SqlError;
use super::error::external;
use super::predicate::Predicate;
use datafusion::arrow::array::{
    ArrayRef, Float64Builder, RecordBatch, RecordBatchOptions, StringViewBuilder, TimestampMillisecondBuilder,
    UInt16Builder,
};
use datafusion::arrow::datatypes::{DataType, Field, SchemaRef, TimeUnit};
use datafusion::common::Result;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown};
use model::SeriesKey;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::Store;

/// The column of time of each of these tables.
pub(super) const TIME: &str = "timestamp";
/// Rows that a batch has room for from the start.
const CAPACITY: usize = 8192;
/// Columns that are the same in all rows of a series, but for `dimensions`.
const SERIES_COLUMNS: [&str; 5] = ["account", "region", "namespace", "name", "unit"];

/// The fields that every table begins with: the series and the time.
pub(super) fn fields() -> Vec<Field> {
    // Dimensions are a JSON object, sorted by name: equal for the same dimensions. Views, so that the rows of a series share
    // one text.
    let texts = ["account", "region", "namespace", "name", "dimensions", "unit"];
    let mut fields: Vec<Field> = texts.into_iter().map(|name| Field::new(name, DataType::Utf8View, false)).collect();
    fields.push(Field::new(TIME, DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), false));
    fields
}

/// Scans answer only rows within the time range and of the series that these columns say; other filters are checked again.
pub(super) fn pushdown(filters: &[&Expr]) -> Vec<TableProviderFilterPushDown> {
    let all = super::pushdown(filters, TIME).into_iter().zip(filters);
    all.map(|(pushdown, filter)| match Predicate::is_all_of(filter, TIME, &SERIES_COLUMNS) {
        true => TableProviderFilterPushDown::Exact,
        false => pushdown,
    })
    .collect()
}

/// The series that a predicate leaves, in key order, and of how many.
pub(super) fn chosen(store: &Store, predicate: &Predicate) -> (Vec<Arc<SeriesKey>>, usize) {
    let wanted = SeriesWanted::of(predicate);
    let known = std::cell::Cell::new(0);
    let series = store.series_where(&|key| {
        known.set(known.get() + 1);
        wanted.admits(key)
    });
    (series, known.get())
}

/// Which series a predicate leaves.
struct SeriesWanted<'p> {
    account: Option<BTreeSet<&'p str>>,
    region: Option<BTreeSet<&'p str>>,
    namespace: Option<BTreeSet<&'p str>>,
    name: Option<BTreeSet<&'p str>>,
    unit: Option<BTreeSet<&'p str>>,
    dimensions: Vec<(&'p str, &'p BTreeSet<String>)>,
}

impl<'p> SeriesWanted<'p> {
    fn of(predicate: &'p Predicate) -> Self {
        let dimensions = predicate.members.iter().filter(|(column, ..)| column == "dimensions");
        Self {
            account: predicate.values("account"),
            region: predicate.values("region"),
            namespace: predicate.values("namespace"),
            name: predicate.values("name"),
            unit: predicate.values("unit"),
            dimensions: dimensions.map(|(_, name, values)| (name.as_str(), values)).collect(),
        }
    }

    fn admits(&self, key: &SeriesKey) -> bool {
        let has =
            |wanted: &Option<BTreeSet<&str>>, value: &str| wanted.as_ref().is_none_or(|wanted| wanted.contains(value));
        has(&self.account, &key.account)
            && has(&self.region, &key.region)
            && has(&self.namespace, &key.namespace)
            && has(&self.name, &key.name)
            && has(&self.unit, &key.unit)
            && self.dimensions.iter().all(|(name, values)| {
                key.dimensions.iter().any(|(known, value)| known == name && values.contains(value))
            })
    }
}

/// Rows of one series, without what is the same in all of them.
pub(super) trait Rows {
    /// How many there are.
    fn count(&self) -> usize;
}

/// How some rows are put into a column.
type Put<R, B> = fn(&R, &mut B);

/// A column in the making.
pub(super) enum Column<R> {
    Text(fn(&SeriesKey) -> &str, StringViewBuilder),
    Dimensions(StringViewBuilder),
    Time(Put<R, TimestampMillisecondBuilder>, TimestampMillisecondBuilder),
    Whole(Put<R, UInt16Builder>, UInt16Builder),
    Number(Put<R, Float64Builder>, Float64Builder),
}

impl<R: Rows> Column<R> {
    fn text(of: fn(&SeriesKey) -> &str) -> Self {
        Column::Text(of, StringViewBuilder::with_capacity(CAPACITY))
    }

    pub(super) fn time(put: Put<R, TimestampMillisecondBuilder>) -> Self {
        Column::Time(put, TimestampMillisecondBuilder::with_capacity(CAPACITY).with_timezone("UTC"))
    }

    pub(super) fn whole(put: Put<R, UInt16Builder>) -> Self {
        Column::Whole(put, UInt16Builder::with_capacity(CAPACITY))
    }

    pub(super) fn number(put: Put<R, Float64Builder>) -> Self {
        Column::Number(put, Float64Builder::with_capacity(CAPACITY))
    }

    fn push(&mut self, key: &SeriesKey, rows: &R) -> Result<()> {
        match self {
            Column::Text(of, texts) => repeat(texts, of(key), rows.count())?,
            Column::Dimensions(texts) => repeat(texts, &dimensions_json(key), rows.count())?,
            Column::Time(put, times) => put(rows, times),
            Column::Whole(put, numbers) => put(rows, numbers),
            Column::Number(put, numbers) => put(rows, numbers),
        }
        Ok(())
    }

    fn finish(self) -> ArrayRef {
        match self {
            Column::Text(_, mut texts) | Column::Dimensions(mut texts) => Arc::new(texts.finish()),
            Column::Time(_, mut times) => Arc::new(times.finish()),
            Column::Whole(_, mut numbers) => Arc::new(numbers.finish()),
            Column::Number(_, mut numbers) => Arc::new(numbers.finish()),
        }
    }
}

/// A batch in the making, series by series.
pub(super) struct SeriesBatch<R> {
    schema: SchemaRef,
    columns: Vec<Column<R>>,
    /// How many rows it has.
    pub rows: usize,
}

impl<R: Rows> SeriesBatch<R> {
    /// An empty one. `own` gives the columns by name that are not the series'.
    pub(super) fn new(schema: &SchemaRef, own: fn(&str) -> Column<R>) -> Self {
        let column = |name: &str| match name {
            "account" => Column::text(|key| &key.account),
            "region" => Column::text(|key| &key.region),
            "namespace" => Column::text(|key| &key.namespace),
            "name" => Column::text(|key| &key.name),
            "unit" => Column::text(|key| &key.unit),
            "dimensions" => Column::Dimensions(StringViewBuilder::with_capacity(CAPACITY)),
            other => own(other),
        };
        let columns = schema.fields().iter().map(|field| column(field.name())).collect();
        Self { schema: Arc::clone(schema), columns, rows: 0 }
    }

    /// Adds rows of one series.
    pub(super) fn push(&mut self, key: &SeriesKey, rows: &R) -> Result<()> {
        self.columns.iter_mut().try_for_each(|column| column.push(key, rows))?;
        self.rows += rows.count();
        Ok(())
    }

    pub(super) fn finish(self) -> Result<RecordBatch> {
        let columns = self.columns.into_iter().map(Column::finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        Ok(RecordBatch::try_new_with_options(self.schema, columns, &options)?)
    }
}

/// Puts one text into `count` rows, its bytes once.
fn repeat(texts: &mut StringViewBuilder, text: &str, count: usize) -> Result<()> {
    if count == 1 {
        return Ok(texts.try_append_value(text)?);
    }
    let block = texts.append_block(text.as_bytes().into());
    let length = u32::try_from(text.len()).map_err(|error| external(SqlError::Failed(error.to_string())))?;
    (0..count).try_for_each(|_| texts.try_append_view(block, 0, length))?;
    Ok(())
}

/// A JSON object, written as serde_json writes one, without making it first.
fn dimensions_json(key: &SeriesKey) -> String {
    let mut json = String::from("{");
    for (at, (name, value)) in key.dimensions.iter().enumerate() {
        json.push_str(if at == 0 { "" } else { "," });
        push_json_string(&mut json, name);
        json.push(':');
        push_json_string(&mut json, value);
    }
    json.push('}');
    json
}

fn push_json_string(json: &mut String, text: &str) {
    let is_plain = |byte: u8| byte >= b' ' && byte != b'"' && byte != b'\\';
    if text.bytes().all(is_plain) {
        json.push('"');
        json.push_str(text);
        json.push('"');
    } else {
        json.push_str(&serde_json::Value::from(text).to_string());
    }
}
