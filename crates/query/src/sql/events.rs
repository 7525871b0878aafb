//! The table `events`: audit events, with the columns of event segments.

use super::Inputs;
use super::predicate::Predicate;
use super::records::RecordSource;
use super::scan::ScanExec;
use async_trait::async_trait;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, project_schema};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::sync::Arc;
use store::{Table, TableFilter};

const TIME: &str = "time";

/// All audit events.
#[derive(Debug)]
pub(super) struct Events(pub Arc<Inputs>);

#[async_trait]
impl TableProvider for Events {
    fn schema(&self) -> SchemaRef {
        Table::Events.schema()
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
        let filter = table_filter(&Predicate::of(filters, TIME));
        let schema = project_schema(&self.schema(), projection)?;
        let columns = schema.fields().iter().filter_map(|field| stored(field.name())).collect();
        let parts = self.0.view.parts(Table::Events, &filter);
        let source = RecordSource::new(Table::Events, parts, filter, columns, Arc::new(Ok));
        let partitions = session.config().target_partitions();
        Ok(Arc::new(ScanExec::new(Arc::new(source), schema, TIME, partitions)))
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
