//! `StoreTable`: the events of one event data store, read from the event table.

use super::super::predicate::Predicate;
use super::super::records::{RecordSource, Shape};
use super::super::scan::ScanExec;
use super::columns::{self, TIME};
use super::rows::Rows;
use crate::lake::{AS_RECORDED, LakeStore, Looked};
use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, project_schema};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{Table, TableFilter, View};

/// Columns of the answer and those of the event table that say the same, of events of the categories `AS_RECORDED`.
const SAME: [(&str, &str); 14] = [
    ("eventsource", "source"),
    ("eventname", "name"),
    ("awsregion", "region"),
    ("errorcode", "error_code"),
    ("eventid", "event_id"),
    ("eventcategory", "category"),
    ("sourceipaddress", "source_ip"),
    ("readonly", "read_only"),
    ("eventversion", "event_version"),
    ("eventtype", "event_type"),
    ("useragent", "user_agent"),
    ("errormessage", "error_message"),
    ("vpcendpointid", "vpc_endpoint_id"),
    ("requestid", "request_id"),
];
/// Those of them, from the first on, on which conditions are asked of the event table whatever the category: it has what a record has.
const ASKED: usize = 6;

/// One event data store as a table.
#[derive(Debug)]
pub(super) struct StoreTable {
    pub view: View,
    pub store: LakeStore,
    pub looked: Arc<Looked>,
}

#[async_trait]
impl TableProvider for StoreTable {
    fn schema(&self) -> SchemaRef {
        columns::schema()
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(super::super::pushdown_of_records(filters, TIME, None))
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let filter = self.filter(&Predicate::of(filters, TIME));
        let schema = project_schema(&self.schema(), projection)?;
        let parts = self.view.parts(Table::Events, &filter);
        let same = self.same(&schema);
        let packed = same.iter().map(|same| same.is_some_and(|stored| Table::Events.is_packed(stored))).collect();
        let rows = Rows::new(self.store.clone(), Arc::clone(&self.looked), Arc::clone(&schema), same);
        let columns = rows.columns();
        let shape = Shape::Made(Arc::new(move |batch: RecordBatch| rows.of(&batch)));
        let source = RecordSource::new(Table::Events, parts, filter, columns, shape);
        let partitions = session.config().target_partitions();
        Ok(Arc::new(ScanExec::new(Arc::new(source), schema, TIME, partitions).with_packed(packed)))
    }
}

impl StoreTable {
    /// The column of the event table that is each of the answer's, where one is.
    fn same(&self, schema: &Schema) -> Vec<Option<&'static str>> {
        let categories = &self.store.categories;
        let as_recorded = !categories.is_empty() && categories.iter().all(|one| AS_RECORDED.contains(&one.as_str()));
        let same = |name: &String| SAME.iter().find(|(own, _)| own == name).map(|(_, stored)| *stored);
        schema.fields().iter().map(|field| same(field.name()).filter(|_| as_recorded)).collect()
    }

    /// What the event table is asked, which may yield more than the store has.
    fn filter(&self, predicate: &Predicate) -> TableFilter {
        let one = |value: &str| BTreeSet::from([value.to_owned()]);
        let mut one_of: Vec<(&'static str, BTreeSet<String>)> = Vec::new();
        if !self.store.account.is_empty() {
            one_of.push(("account", one(&self.store.account)));
        }
        if !self.store.categories.is_empty() {
            one_of.push(("category", self.store.categories.iter().cloned().collect()));
        }
        for (column, values) in &predicate.one_of {
            // What a record leaves empty, the event table may have filled.
            let same = SAME[..ASKED].iter().find(|(name, _)| name == column).filter(|_| !values.contains(""));
            if let Some((_, stored)) = same.filter(|(_, stored)| Table::Events.is_text(stored)) {
                one_of.push((stored, values.clone()));
            }
        }
        let range = super::super::predicate::intersection(self.store.range, predicate.range);
        TableFilter { range, one_of, ..TableFilter::default() }
    }
}
