//! `StoreTable`: the events of one event data store, read from the event table.

use super::super::error::external;
use super::super::predicate::Predicate;
use super::super::records::RecordSource;
use super::super::scan::ScanExec;
use super::columns::{self, TIME};
use crate::lake::{Candidate, LakeStore, Looked};
use crate::sql::SqlError;
use async_trait::async_trait;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch, StringArray};
use datafusion::arrow::compute::take;
use datafusion::arrow::datatypes::{SchemaRef, TimestampMillisecondType, UInt32Type};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{DataFusionError, Result, project_schema};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use model::Timestamp;
use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{Table, TableFilter, View};

/// What of the event table is read.
const STORED: [&str; 5] = ["time", "ingestion_time", "account", "region", "record"];

/// Columns of the answer that columns of the event table say the same as, so that conditions on them read less.
const SAME: [(&str, &str); 6] = [
    ("eventsource", "source"),
    ("eventname", "name"),
    ("awsregion", "region"),
    ("errorcode", "error_code"),
    ("eventid", "event_id"),
    ("eventcategory", "category"),
];

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
        Ok(super::super::pushdown(filters, TIME))
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
        let (store, looked, wanted) = (self.store.clone(), Arc::clone(&self.looked), Arc::clone(&schema));
        let shape = Arc::new(move |batch: RecordBatch| shape(&batch, &store, &looked, &wanted));
        let source = RecordSource::new(Table::Events, parts, filter, STORED.to_vec(), shape);
        let partitions = session.config().target_partitions();
        Ok(Arc::new(ScanExec::new(Arc::new(source), schema, TIME, partitions)))
    }
}

impl StoreTable {
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
            let same = SAME.iter().find(|(name, _)| name == column).filter(|_| !values.contains(""));
            if let Some((_, stored)) = same.filter(|(_, stored)| Table::Events.is_text(stored)) {
                one_of.push((stored, values.clone()));
            }
        }
        let range = super::super::predicate::intersection(self.store.range, predicate.range);
        TableFilter { range, one_of, ..TableFilter::default() }
    }
}

/// The store's own rows of a batch of the event table, with its columns.
fn shape(batch: &RecordBatch, store: &LakeStore, looked: &Looked, wanted: &SchemaRef) -> Result<RecordBatch> {
    let column = |name: &str| {
        let missing = || external(SqlError::Failed(format!("the event table has no column {name}")));
        batch.column_by_name(name).ok_or_else(missing)
    };
    let text = |name: &str| -> Result<StringArray> {
        let column = datafusion::arrow::compute::cast(column(name)?, &datafusion::arrow::datatypes::DataType::Utf8)?;
        Ok(column.as_string::<i32>().clone())
    };
    let (records, accounts, regions) = (text("record")?, text("account")?, text("region")?);
    let times = column("time")?;
    let received = column("ingestion_time")?.as_primitive::<TimestampMillisecondType>();
    let time = times.as_primitive::<TimestampMillisecondType>();
    let bytes: usize = records.iter().flatten().map(str::len).sum();
    looked.look(batch.num_rows() as u64, bytes as u64);
    let admitted = |at: &usize| {
        let candidate = Candidate {
            ingestion_time: Timestamp(received.value(*at)),
            record: records.value(*at),
            account: accounts.value(*at),
            region: regions.value(*at),
        };
        // The event table need not leave out what it was not asked for, and the statement does not ask again.
        store.range.contains(Timestamp(time.value(*at)))
            && (store.account.is_empty() || store.account == candidate.account)
            && store.admits.admits(candidate)
    };
    let rows: Vec<u32> = (0..batch.num_rows()).filter(admitted).map(|at| at as u32).collect();
    let shown: Vec<Cow<'_, str>> = rows.iter().map(|at| store.admits.show(records.value(*at as usize))).collect();
    let own: Vec<&str> = shown.iter().map(AsRef::as_ref).collect();
    let indices: ArrayRef =
        Arc::new(datafusion::arrow::array::PrimitiveArray::<UInt32Type>::from_iter_values(rows.iter().copied()));
    let times = take(times.as_ref(), &indices, None).map_err(DataFusionError::from)?;
    debug_assert_eq!(times.len(), own.len());
    Ok(columns::batch(wanted, &own, &times)?)
}
