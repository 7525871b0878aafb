//! The table `logs`: log events, with groups and streams by their names.

use super::Inputs;
use super::fields::column_name;
use super::masked::{self, Masked};
use super::predicate::{self, Predicate};
use super::records::{RecordSource, Shape};
use super::resources::{GroupMasks, LogGroupName};
use super::scan::{ScanExec, Several, Source};
use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringBuilder};
use datafusion::arrow::compute::filter_record_batch;
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit, UInt64Type};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, internal_datafusion_err, project_schema};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use memchr::memmem::Finder;
use model::{GroupId, StreamId};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};
use store::{FIELD_COLUMNS, LogField, Table, TableFilter};

/// The column of the time.
pub(super) const TIME: &str = "timestamp";

/// All log events of log groups that exist.
#[derive(Debug)]
pub(super) struct Logs {
    inputs: Arc<Inputs>,
    /// Fields of lines that are columns, after those of every line.
    pub fields: Vec<LogField>,
    schema: SchemaRef,
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let time = || DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    Arc::new(Schema::new(vec![
        Field::new("account", DataType::Utf8, false),
        Field::new("region", DataType::Utf8, false),
        Field::new("log_group", DataType::Utf8, false),
        // Null where the stream was deleted while the query began.
        Field::new("log_stream", DataType::Utf8, true),
        Field::new(TIME, time(), false),
        Field::new("ingestion_time", time(), false),
        Field::new("sequence", DataType::UInt64, false),
        Field::new("message", DataType::Utf8, false),
    ]))
});

/// All columns, with these fields as further ones.
pub(super) fn schema_with(fields: &[LogField]) -> SchemaRef {
    let columns = fields.iter().map(|field| Arc::new(Field::new(column_name(field), DataType::Utf8, true)));
    Arc::new(Schema::new(SCHEMA.fields().iter().cloned().chain(columns).collect::<Vec<FieldRef>>()))
}

#[async_trait]
impl TableProvider for Logs {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(super::pushdown_of_records(filters, TIME, Some("message")))
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let predicate = Predicate::of(filters, TIME);
        let schema = project_schema(&self.schema, projection)?;
        let groups = self.groups(&predicate).await?;
        let asked = predicate.values("log_stream");
        let mut streams = HashMap::new();
        if asked.is_some() || schema.index_of("log_stream").is_ok() {
            streams = self.inputs.log_streams(groups.keys().copied().collect()).await?;
        }
        let asked_streams = asked.map(|asked| {
            let is_asked = |name: &String| asked.contains(name.as_str());
            streams.iter().filter(|(_, name)| is_asked(name)).map(|(id, _)| *id).collect()
        });
        let filter = TableFilter { range: predicate.range, streams: asked_streams, ..TableFilter::default() };
        let masks = Arc::new(self.masks(&groups, &schema, &predicate).await?);
        let names = Arc::new(Names { groups, streams });
        let of_mask = |is_masked: bool| -> BTreeSet<GroupId> {
            masks.iter().filter(|(_, mask)| mask.is_some() == is_masked).map(|(group, _)| *group).collect()
        };
        let mut sources: Vec<Arc<dyn Source>> = Vec::new();
        let (plain, masked) = (of_mask(false), of_mask(true));
        if !plain.is_empty() || masked.is_empty() {
            let filter = TableFilter { groups: Some(plain), ..filter.clone() };
            sources.push(self.plain(&schema, &predicate, filter, Arc::clone(&names)));
        }
        if !masked.is_empty() {
            let filter = TableFilter { groups: Some(masked), ..filter };
            sources.push(self.masked(&schema, contained(filters), filter, names, masks));
        }
        let partitions = session.config().target_partitions();
        Ok(Arc::new(ScanExec::new(Several::of(sources), schema, TIME, partitions)))
    }
}

/// What ids are called.
pub(super) struct Names {
    pub groups: HashMap<GroupId, LogGroupName>,
    /// Empty where no name of a stream is asked for.
    pub streams: HashMap<StreamId, String>,
}

impl Logs {
    /// The table without fields.
    pub(super) fn new(inputs: Arc<Inputs>) -> Self {
        Self { inputs, fields: Vec::new(), schema: Arc::clone(&SCHEMA) }
    }

    /// The table with columns for some fields.
    pub(super) fn with_fields(&self, fields: Vec<LogField>) -> Self {
        let schema = schema_with(&fields);
        Self { inputs: Arc::clone(&self.inputs), fields, schema }
    }

    /// Conditions on fields.
    fn columns_of_fields(&self, predicate: &Predicate) -> Vec<(&'static str, BTreeSet<String>)> {
        let asked = |(field, column): (&LogField, &&'static str)| {
            let values = predicate.values(&column_name(field))?;
            Some((*column, values.into_iter().map(str::to_owned).collect()))
        };
        self.fields.iter().zip(&FIELD_COLUMNS).filter_map(asked).collect()
    }

    /// The groups that have rows and that the predicate leaves.
    async fn groups(&self, predicate: &Predicate) -> Result<HashMap<GroupId, LogGroupName>> {
        let stored = self.inputs.view.log_groups();
        let admits = |column: &str, value: &str| {
            predicate.values(column).is_none_or(|values: BTreeSet<&str>| values.contains(value))
        };
        let names = self.inputs.log_groups().await?;
        let wanted = names.iter().filter(|group| {
            stored.contains(&group.id)
                && admits("log_group", &group.name)
                && admits("account", &group.account)
                && admits("region", &group.region)
        });
        Ok(wanted.map(|group| (group.id, group.clone())).collect())
    }
}

impl Logs {
    /// The masks of the groups that are read, where lines are looked at.
    async fn masks(
        &self,
        groups: &HashMap<GroupId, LogGroupName>,
        schema: &Schema,
        predicate: &Predicate,
    ) -> Result<GroupMasks> {
        let reads = schema.fields().iter().any(|field| self.is_of_lines(field.name()))
            || predicate.contains.iter().any(|(column, _)| self.is_of_lines(column))
            || predicate.one_of.iter().any(|(column, _)| self.is_of_lines(column));
        match reads {
            true => self.inputs.masks(groups.keys().copied().collect()).await,
            false => Ok(groups.keys().map(|group| (*group, None)).collect()),
        }
    }

    /// Whether a column is the lines or a field of them.
    fn is_of_lines(&self, column: &str) -> bool {
        column == "message" || self.fields.iter().any(|field| column_name(field) == column)
    }

    /// Rows of groups whose lines are shown as they are stored.
    fn plain(
        &self,
        schema: &SchemaRef,
        predicate: &Predicate,
        filter: TableFilter,
        names: Arc<Names>,
    ) -> Arc<dyn Source> {
        let contains = predicate.contains.iter().filter(|(column, _)| column == "message");
        let filter = TableFilter {
            contains: contains.map(|(_, text)| ("message", text.clone())).collect(),
            one_of: self.columns_of_fields(predicate),
            fields: self.fields.clone(),
            ..filter
        };
        let needed: BTreeSet<&str> = schema.fields().iter().map(|field| stored(field.name(), &self.fields)).collect();
        self.source(filter, &needed, self.shape(Arc::clone(schema), names, None))
    }

    /// Rows of groups whose lines are masked.
    fn masked(
        &self,
        schema: &SchemaRef,
        contained: Vec<Finder<'static>>,
        filter: TableFilter,
        names: Arc<Names>,
        masks: Arc<GroupMasks>,
    ) -> Arc<dyn Source> {
        let columns = schema.fields().iter().filter(|field| !self.is_of_lines(field.name()));
        let columns = columns.map(|field| stored(field.name(), &self.fields));
        let needed: BTreeSet<&str> = columns.chain(masked::READ).collect();
        self.source(filter, &needed, self.shape(Arc::clone(schema), names, Some((masks, contained))))
    }

    fn source(&self, filter: TableFilter, needed: &BTreeSet<&str>, shape: Shape) -> Arc<dyn Source> {
        let all = Table::Logs.columns().iter().chain(&FIELD_COLUMNS);
        let columns = all.copied().filter(|column| needed.contains(column)).collect();
        let parts = self.inputs.view.parts(Table::Logs, &filter);
        Arc::new(RecordSource::new(Table::Logs, parts, filter, columns, shape))
    }

    fn shape(
        &self,
        schema: SchemaRef,
        names: Arc<Names>,
        masks: Option<(Arc<GroupMasks>, Vec<Finder<'static>>)>,
    ) -> Shape {
        Shape::Logs(Arc::new(LogShape { schema, fields: self.fields.clone(), names, masks }))
    }
}

/// The texts that lines must contain, which are the scan's to look for.
fn contained(filters: &[Expr]) -> Vec<Finder<'static>> {
    let texts = filters.iter().filter_map(|filter| predicate::contained_text(filter, "message"));
    texts.map(|text| Finder::new(text).into_owned()).collect()
}

/// Replaces ids by names, and lines by masked ones.
pub(super) struct LogShape {
    /// The columns that are answered.
    pub schema: SchemaRef,
    /// Fields of lines that are columns of the table.
    pub fields: Vec<LogField>,
    pub names: Arc<Names>,
    /// `None` where lines are shown as they are stored; else what hides parts of them, and what must be left to be seen.
    pub masks: Option<(Arc<GroupMasks>, Vec<Finder<'static>>)>,
}

impl LogShape {
    /// The answer's batch.
    pub(super) fn of(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let Some((masks, contained)) = &self.masks else { return self.with_lines(batch, None) };
        let shown = Masked::of(batch, masks)?;
        if contained.is_empty() {
            return self.with_lines(batch, Some(&shown));
        }
        let kept = shown.containing(contained);
        self.with_lines(&filter_record_batch(batch, &kept)?, Some(&shown.filtered(&kept)?))
    }

    fn with_lines(&self, batch: &RecordBatch, shown: Option<&Masked>) -> Result<RecordBatch> {
        let (names, fields) = (&self.names, &self.fields);
        let mut columns: Vec<ArrayRef> = Vec::with_capacity(self.schema.fields().len());
        for field in self.schema.fields() {
            let name = field.name().as_str();
            if let Some(column) = shown.and_then(|shown| shown.column(name, fields)) {
                columns.push(column);
                continue;
            }
            let column = batch.column_by_name(stored(name, fields));
            let column = column.ok_or_else(|| internal_datafusion_err!("logs have no column {name}"))?;
            let group = |id: u64| names.groups.get(&GroupId(id));
            columns.push(match name {
                "account" => named(column, |id| group(id).map(|group| group.account.as_str())),
                "region" => named(column, |id| group(id).map(|group| group.region.as_str())),
                "log_group" => named(column, |id| group(id).map(|group| group.name.as_str())),
                "log_stream" => named(column, |id| names.streams.get(&StreamId(id)).map(String::as_str)),
                _ => Arc::clone(column),
            });
        }
        let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
        Ok(RecordBatch::try_new_with_options(Arc::clone(&self.schema), columns, &options)?)
    }
}

/// The store's column behind a column of the table.
fn stored<'n>(name: &'n str, fields: &[LogField]) -> &'n str {
    match name {
        "account" | "region" | "log_group" => "group",
        "log_stream" => "stream",
        other => {
            let field = fields.iter().position(|field| column_name(field) == other);
            field.and_then(|at| FIELD_COLUMNS.get(at)).copied().unwrap_or(other)
        }
    }
}

fn named<'n>(ids: &ArrayRef, name: impl Fn(u64) -> Option<&'n str>) -> ArrayRef {
    let ids = ids.as_primitive::<UInt64Type>();
    let mut names = StringBuilder::with_capacity(ids.len(), ids.len() * 16);
    // Rows of one group or stream mostly follow each other.
    let mut last = None;
    for id in ids.values() {
        let (_, text) = *last.filter(|(known, _)| known == id).get_or_insert_with(|| (*id, name(*id)));
        last = Some((*id, text));
        names.append_option(text);
    }
    Arc::new(names.finish())
}
