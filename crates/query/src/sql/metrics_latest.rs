//! The table `metrics_latest`: one row per series with its newest sample, from the store's memory.

use super::Inputs;
use super::predicate::Predicate;
use super::records::describe_range;
use super::scan::{Counts, ScanExec, Source};
use super::series::{Column, Rows, SeriesBatch, TIME, chosen, fields, pushdown};
use super::wanted::Wanted;
use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, project_schema};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use futures::stream::{BoxStream, StreamExt, once};
use model::{SeriesKey, TimeRange, Timestamp};
use std::sync::{Arc, LazyLock};

/// Rows of a part, which is one batch.
const PART_ROWS: usize = 8192;

/// The newest sample of each series.
#[derive(Debug)]
pub(super) struct MetricsLatest(pub Arc<Inputs>);

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let mut fields = fields();
    // The average, where several samples were put at once.
    fields.push(Field::new("value", DataType::Float64, false));
    Arc::new(Schema::new(fields))
});

#[async_trait]
impl TableProvider for MetricsLatest {
    fn schema(&self) -> SchemaRef {
        Arc::clone(&SCHEMA)
    }

    fn table_type(&self) -> TableType {
        TableType::Base
    }

    fn supports_filters_pushdown(&self, filters: &[&Expr]) -> Result<Vec<TableProviderFilterPushDown>> {
        Ok(pushdown(filters))
    }

    async fn scan(
        &self,
        session: &dyn Session,
        projection: Option<&Vec<usize>>,
        filters: &[Expr],
        _: Option<usize>,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        let predicate = Predicate::of(filters, TIME);
        let schema = project_schema(&SCHEMA, projection)?;
        let (series, known) = chosen(&self.0.store, &predicate);
        let latest = self.0.store.latest_points(&series).into_iter();
        let latest = latest.map(|latest| latest.filter(|(time, _)| predicate.range.contains(*time)));
        let rows = series.into_iter().zip(latest).filter_map(|(key, latest)| Some((key, latest?))).collect();
        let source = LatestSource { rows, known, range: predicate.range, schema: Arc::clone(&schema) };
        let partitions = session.config().target_partitions();
        Ok(Arc::new(ScanExec::new(Arc::new(source), schema, TIME, partitions)))
    }
}

/// Time and value of a sample.
type Latest = (Timestamp, f64);

impl Rows for Latest {
    fn count(&self) -> usize {
        1
    }
}

#[derive(Debug)]
struct LatestSource {
    rows: Vec<(Arc<SeriesKey>, Latest)>,
    /// Series of which these were chosen.
    known: usize,
    range: TimeRange,
    schema: SchemaRef,
}

impl Source for LatestSource {
    fn describe(&self) -> String {
        let (range, known, left) = (describe_range(self.range), self.known, self.rows.len());
        format!("table=metrics_latest{range}, series skipped={}/{known}", known - left)
    }

    fn parts(&self) -> Vec<(Timestamp, Timestamp)> {
        let times = |rows: &[(Arc<SeriesKey>, Latest)]| {
            let times = || rows.iter().map(|(_, (time, _))| *time);
            Some((times().min()?, times().max()?))
        };
        self.rows.chunks(PART_ROWS).filter_map(times).collect()
    }

    fn read(self: Arc<Self>, part: usize, _: Wanted, counts: Counts) -> BoxStream<'static, Result<RecordBatch>> {
        once(async move {
            let mut batch = SeriesBatch::new(&self.schema, |name| match name {
                "value" => Column::number(|latest: &Latest, numbers| numbers.append_value(latest.1)),
                _ => Column::time(|latest, times| times.append_value(latest.0.0)),
            });
            let rows = self.rows.chunks(PART_ROWS).nth(part).unwrap_or_default();
            rows.iter().try_for_each(|(key, latest)| batch.push(key, latest))?;
            counts.rows_seen.add(batch.rows);
            batch.finish()
        })
        .boxed()
    }
}
