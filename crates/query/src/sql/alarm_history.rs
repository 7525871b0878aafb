//! The table `alarm_history`: what happened to alarms, from the caller's catalog.

use super::error::external;
use super::predicate::Predicate;
use super::{Inputs, SqlError};
use async_trait::async_trait;
use datafusion::arrow::array::{ArrayRef, Int64Array, RecordBatch, StringArray, TimestampMillisecondArray};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::Result;
use datafusion::datasource::memory::MemorySourceConfig;
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use model::limits::SQL_ALARM_HISTORY_MAX;
use std::sync::{Arc, LazyLock};

use super::resources::AlarmHistoryRow;

const TIME: &str = "timestamp";

/// All lines of alarm history.
#[derive(Debug)]
pub(super) struct AlarmHistory(pub Arc<Inputs>);

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let text = |name| Field::new(name, DataType::Utf8, false);
    Arc::new(Schema::new(vec![
        Field::new(TIME, DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into())), false),
        Field::new("sequence", DataType::Int64, false),
        text("account"),
        text("region"),
        text("alarm_name"),
        text("item_type"),
        text("summary"),
        text("data"),
    ]))
});

#[async_trait]
impl TableProvider for AlarmHistory {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&SCHEMA)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(super::pushdown(filters, TIME))
    }

    async fn scan(
        &self,
        _: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let range = Predicate::of(filters, TIME).range;
        let rows = self.0.resources.alarm_history(range, SQL_ALARM_HISTORY_MAX + 1).await;
        let rows = rows.map_err(|error| external(SqlError::Failed(format!("read alarm history: {error}"))))?;
        if rows.len() > SQL_ALARM_HISTORY_MAX {
            let message = format!("more than {SQL_ALARM_HISTORY_MAX} lines of alarm history; narrow the time range");
            return Err(external(SqlError::Limit(message)));
        }
        let plan = MemorySourceConfig::try_new_exec(&[vec![batch(&rows)?]], self.schema(), projection.cloned())?;
        Ok(plan)
    }
}

fn batch(rows: &[AlarmHistoryRow]) -> Result<RecordBatch> {
    let text = |of: fn(&AlarmHistoryRow) -> &String| -> ArrayRef {
        Arc::new(StringArray::from_iter_values(rows.iter().map(of)))
    };
    let times = TimestampMillisecondArray::from_iter_values(rows.iter().map(|row| row.timestamp.0));
    let columns: Vec<ArrayRef> = vec![
        Arc::new(times.with_timezone("UTC")),
        Arc::new(Int64Array::from_iter_values(rows.iter().map(|row| row.sequence))),
        text(|row| &row.account),
        text(|row| &row.region),
        text(|row| &row.alarm_name),
        text(|row| &row.item_type),
        text(|row| &row.summary),
        text(|row| &row.data),
    ];
    Ok(RecordBatch::try_new(Arc::clone(&SCHEMA), columns)?)
}
