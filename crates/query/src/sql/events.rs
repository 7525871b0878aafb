//! The table `events`: audit events, with the columns of event segments, and `actor` and `session`, which are made when asked for.

use super::Inputs;
use super::actors::{self, ActorSource};
use super::predicate::Predicate;
use super::records::{RecordSource, Shape};
use super::scan::{ScanExec, Source};
use async_trait::async_trait;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, project_schema};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::{Arc, LazyLock};
use store::{Table, TableFilter};

/// The column of the time.
pub(super) const TIME: &str = "time";

/// All audit events.
#[derive(Debug)]
pub(super) struct Events(pub Arc<Inputs>);

/// All columns.
pub(super) fn schema() -> SchemaRef {
    static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
        let stored = Table::Events.schema();
        let made = actors::fields().into_iter().map(Arc::new);
        Arc::new(Schema::new(stored.fields().iter().cloned().chain(made).collect::<Vec<_>>()))
    });
    Arc::clone(&SCHEMA)
}

/// Which of these columns may be packed.
pub(super) fn packed(schema: &Schema) -> Vec<bool> {
    schema.fields().iter().map(|field| Table::Events.is_packed(field.name())).collect()
}

#[async_trait]
impl TableProvider for Events {
    fn schema(&self) -> SchemaRef {
        schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(super::pushdown_of_records(filters, TIME, None))
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let filter = table_filter(&Predicate::of(filters, TIME));
        let schema = project_schema(&self.schema(), projection)?;
        let makes_actors = schema.fields().iter().any(|field| actors::is_made(field.name()));
        let mut columns: Vec<&'static str> = schema.fields().iter().filter_map(|field| stored(field.name())).collect();
        if makes_actors {
            columns.extend(actors::NEEDED.into_iter().filter(|needed| !columns.contains(needed)).collect::<Vec<_>>());
        }
        let parts = self.0.view.parts(Table::Events, &filter);
        let source = RecordSource::new(Table::Events, parts, filter, columns, Shape::Same);
        let mut source: Arc<dyn Source> = Arc::new(source);
        if makes_actors {
            source = Arc::new(ActorSource::new(source, &self.0.store, Arc::clone(&schema)));
        }
        let packed = packed(&schema);
        let partitions = session.config().target_partitions();
        Ok(Arc::new(ScanExec::new(source, schema, TIME, partitions).with_packed(packed)))
    }
}

/// The store's own name of a column.
fn stored(name: &str) -> Option<&'static str> {
    Table::Events.columns().iter().copied().find(|column| *column == name)
}

fn table_filter(predicate: &Predicate) -> TableFilter {
    let text = |name: &str| stored(name).filter(|name| Table::Events.is_text(name));
    let one_of = predicate.one_of.iter().filter_map(|(column, values)| Some((text(column)?, values.clone())));
    let contains = predicate.contains.iter().filter_map(|(column, part)| Some((text(column)?, part.clone())));
    TableFilter {
        range: predicate.range,
        one_of: one_of.collect(),
        contains: contains.collect(),
        ..TableFilter::default()
    }
}
