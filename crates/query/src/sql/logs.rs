//! The table `logs`: log events, with groups and streams by their names.

use super::Inputs;
use super::fields::column_name;
use super::predicate::Predicate;
use super::records::{RecordSource, Shape};
use super::resources::LogGroupName;
use super::scan::ScanExec;
use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, AsArray, RecordBatch, RecordBatchOptions, StringBuilder};
use datafusion::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef, TimeUnit, UInt64Type};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, internal_datafusion_err, project_schema};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use model::{GroupId, StreamId};
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock};
use store::{FIELD_COLUMNS, LogField, Table, TableFilter};

const TIME: &str = "timestamp";

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

#[async_trait]
impl TableProvider for Logs {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&self.schema)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(super::pushdown(filters, TIME))
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
        let mut filter = TableFilter {
            range: predicate.range,
            groups: Some(groups.keys().copied().collect()),
            contains: predicate
                .contains
                .iter()
                .filter(|(c, _)| c == "message")
                .map(|(_, t)| ("message", t.clone()))
                .collect(),
            one_of: self.columns_of_fields(&predicate),
            fields: self.fields.clone(),
            ..TableFilter::default()
        };
        let asked = predicate.values("log_stream");
        let mut streams = HashMap::new();
        if asked.is_some() || schema.index_of("log_stream").is_ok() {
            streams = self.inputs.log_streams(groups.keys().copied().collect()).await?;
        }
        if let Some(asked) = asked {
            let is_asked = |name: &String| asked.contains(name.as_str());
            let ids = streams.iter().filter(|(_, name)| is_asked(name)).map(|(id, _)| *id);
            filter.streams = Some(ids.collect());
        }
        let columns = self.columns(&schema);
        let parts = self.inputs.view.parts(Table::Logs, &filter);
        let shape = self.shape(Arc::clone(&schema), groups, streams);
        let source = RecordSource::new(Table::Logs, parts, filter, columns, shape);
        let partitions = session.config().target_partitions();
        Ok(Arc::new(ScanExec::new(Arc::new(source), schema, TIME, partitions)))
    }
}

impl Logs {
    /// The table without fields.
    pub(super) fn new(inputs: Arc<Inputs>) -> Self {
        Self { inputs, fields: Vec::new(), schema: Arc::clone(&SCHEMA) }
    }

    /// The table with columns for some fields.
    pub(super) fn with_fields(&self, fields: Vec<LogField>) -> Self {
        let columns = fields.iter().map(|field| Arc::new(Field::new(column_name(field), DataType::Utf8, true)));
        let columns: Vec<FieldRef> = SCHEMA.fields().iter().cloned().chain(columns).collect();
        Self { inputs: Arc::clone(&self.inputs), fields, schema: Arc::new(Schema::new(columns)) }
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
    /// The store's columns that a projection needs.
    fn columns(&self, schema: &Schema) -> Vec<&'static str> {
        let needed: BTreeSet<&str> = schema.fields().iter().map(|field| stored(field.name(), &self.fields)).collect();
        let all = Table::Logs.columns().iter().chain(&FIELD_COLUMNS);
        all.copied().filter(|column| needed.contains(column)).collect()
    }

    /// Replaces ids by names.
    fn shape(
        &self,
        schema: SchemaRef,
        groups: HashMap<GroupId, LogGroupName>,
        streams: HashMap<StreamId, String>,
    ) -> Shape {
        let fields = self.fields.clone();
        Arc::new(move |batch: RecordBatch| {
            let mut columns: Vec<ArrayRef> = Vec::with_capacity(schema.fields().len());
            for field in schema.fields() {
                let name = field.name().as_str();
                let column = batch.column_by_name(stored(name, &fields));
                let column = column.ok_or_else(|| internal_datafusion_err!("logs have no column {name}"))?;
                let group = |id: u64| groups.get(&GroupId(id));
                columns.push(match name {
                    "account" => named(column, |id| group(id).map(|group| group.account.as_str())),
                    "region" => named(column, |id| group(id).map(|group| group.region.as_str())),
                    "log_group" => named(column, |id| group(id).map(|group| group.name.as_str())),
                    "log_stream" => named(column, |id| streams.get(&StreamId(id)).map(String::as_str)),
                    _ => Arc::clone(column),
                });
            }
            let options = RecordBatchOptions::new().with_row_count(Some(batch.num_rows()));
            Ok(RecordBatch::try_new_with_options(Arc::clone(&schema), columns, &options)?)
        })
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
