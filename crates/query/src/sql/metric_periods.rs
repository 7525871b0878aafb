//! The table function `metric_periods(seconds)`: one row per series and period that has samples, with count, sum, minimum and
//! maximum of all of them.
//!
//! Periods are counted from 1970, so that they begin where `date_bin` has them begin; which samples belong to one goes by the
//! rules of GetMetricData. A chunk of points that lies in one period is not decoded. A row's time is the start of its period,
//! and a condition on it leaves whole periods.

use super::error::external;
use super::predicate::{Predicate, intersection};
use super::records::describe_range;
use super::scan::{Counts, ScanExec, Source};
use super::series::{Column, PART_SERIES, SeriesBatch, TIME, chosen, fields, pushdown};
use super::wanted::Wanted;
use super::{Inputs, SqlError};
use crate::metrics::{Cut, check_period, grouped_periods};
use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{DataFusionError, Result, plan_err, project_schema};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use futures::stream::{BoxStream, StreamExt, iter, once};
use model::{SeriesKey, TimeRange, Timestamp};
use std::ops::Range;
use std::sync::{Arc, LazyLock};
use store::{Store, Totals};

/// Most periods of a part: with those of `PART_SERIES` series it stays in memory until it is answered.
const PART_PERIODS: i64 = 1024;
/// A batch is answered when it has this many rows.
const BATCH_ROWS: usize = 8192;

/// Makes the table of a call.
#[derive(Debug)]
pub(super) struct MetricPeriods(pub Arc<Inputs>);

impl TableFunctionImpl for MetricPeriods {
    fn call_with_args(&self, args: TableFunctionArgs<'_, '_>) -> Result<Arc<dyn TableProvider>> {
        let [Expr::Literal(seconds, _)] = args.exprs() else {
            return plan_err!("metric_periods needs one number: the period in seconds");
        };
        let Ok(seconds) = i64::try_from(seconds.clone()) else {
            return plan_err!("metric_periods needs a whole number of seconds");
        };
        let period_ms = check_period(seconds).map_err(|error| DataFusionError::Plan(error.to_string()))?;
        Ok(Arc::new(Periods { inputs: Arc::clone(&self.0), period_ms }))
    }
}

/// All samples, by series and period.
#[derive(Debug)]
struct Periods {
    inputs: Arc<Inputs>,
    period_ms: i64,
}

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let numbers = ["sample_count", "sum", "minimum", "maximum"];
    let numbers = numbers.into_iter().map(|name| Field::new(name, DataType::Float64, false));
    Arc::new(Schema::new(fields().into_iter().chain(numbers).collect::<Vec<_>>()))
});

#[async_trait]
impl TableProvider for Periods {
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
        let (store, period_ms) = (self.inputs.store.clone(), self.period_ms);
        let (series, known) = chosen(&store, &predicate);
        let range = whole_periods(store.metric_times(), predicate.range, period_ms);
        let parts = parts(series.len(), range, period_ms);
        let schema_of = Arc::clone(&schema);
        let source = PeriodSource { store, series, known, range, period_ms, parts, schema: schema_of };
        let partitions = session.config().target_partitions();
        Ok(Arc::new(ScanExec::new(Arc::new(source), schema, TIME, partitions)))
    }
}

/// The periods that begin within `wanted`, as far as there may be data in them.
fn whole_periods(stored: Option<(Timestamp, Timestamp)>, wanted: TimeRange, period_ms: i64) -> TimeRange {
    let Some((first, last)) = stored else { return TimeRange::new(Timestamp(0), Timestamp(0)) };
    // A point may count in the period that its minute or hour begins in.
    let first = first.floor_to(model::time::HOUR).floor_to(period_ms);
    let starts = intersection(TimeRange::new(first, last.floor_to(period_ms) + 1), wanted);
    if starts.is_empty() {
        return TimeRange::new(Timestamp(0), Timestamp(0));
    }
    TimeRange::new(starts.start.ceil_to(period_ms), (starts.end - 1).floor_to(period_ms) + period_ms)
}

/// Rectangles of series and periods.
fn parts(series: usize, range: TimeRange, period_ms: i64) -> Vec<(Range<usize>, TimeRange)> {
    let mut parts = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let end = (start + PART_PERIODS.saturating_mul(period_ms)).min(range.end);
        let chunks = (0..series).step_by(PART_SERIES).map(|first| first..(first + PART_SERIES).min(series));
        parts.extend(chunks.map(|chunk| (chunk, TimeRange::new(start, end))));
        start = end;
    }
    parts
}

#[derive(Debug)]
struct PeriodSource {
    store: Store,
    series: Vec<Arc<SeriesKey>>,
    /// Series of which these were chosen.
    known: usize,
    range: TimeRange,
    period_ms: i64,
    parts: Vec<(Range<usize>, TimeRange)>,
    schema: SchemaRef,
}

/// Start of a period and what was observed in it.
type Row = (Timestamp, Totals);

impl Source for PeriodSource {
    fn describe(&self) -> String {
        let (range, known, left) = (describe_range(self.range), self.known, self.series.len());
        let seconds = self.period_ms / 1000;
        format!("table=metric_periods({seconds}){range}, series skipped={}/{known}", known - left)
    }

    fn parts(&self) -> Vec<(Timestamp, Timestamp)> {
        self.parts.iter().map(|(_, range)| (range.start, range.end - 1)).collect()
    }

    fn read(self: Arc<Self>, part: usize, wanted: Wanted, counts: Counts) -> BoxStream<'static, Result<RecordBatch>> {
        once(async move {
            let batches = match self.parts.get(part) {
                Some((_, range)) if intersection(*range, wanted.range()).is_empty() => Vec::new(),
                Some((series, range)) => self.batches(&self.series[series.clone()], *range, &counts).await?,
                None => Vec::new(),
            };
            Ok(iter(batches.into_iter().map(Ok)))
        })
        .boxed()
        .flat_map(|batches: Result<_>| match batches {
            Ok(batches) => StreamExt::boxed(batches),
            Err(error) => once(async { Err(error) }).boxed(),
        })
        .boxed()
    }
}

impl PeriodSource {
    async fn batches(&self, series: &[Arc<SeriesKey>], range: TimeRange, counts: &Counts) -> Result<Vec<RecordBatch>> {
        let cut = Cut { range, period_ms: self.period_ms, raw: false };
        let periods = grouped_periods(&self.store, series, (0..series.len()).collect(), cut).await;
        let periods = periods.map_err(|error| external(SqlError::Failed(error.to_string())))?;
        let mut batches = Vec::new();
        let mut batch = self.batch();
        for (key, periods) in series.iter().zip(periods) {
            let rows: Vec<Row> = periods.into_iter().map(|(start, samples)| (start, *samples.totals())).collect();
            batch.push(key, &rows);
            if batch.rows >= BATCH_ROWS {
                counts.rows_seen.add(batch.rows);
                batches.push(std::mem::replace(&mut batch, self.batch()).finish()?);
            }
        }
        counts.rows_seen.add(batch.rows);
        batches.push(batch.finish()?);
        Ok(batches)
    }

    fn batch(&self) -> SeriesBatch<Row> {
        SeriesBatch::new(&self.schema, |name| match name {
            "sample_count" => Column::number(|(_, totals): &Row| Some(totals.count)),
            "sum" => Column::number(|(_, totals)| Some(totals.sum)),
            "minimum" => Column::number(|(_, totals)| Some(totals.min)),
            "maximum" => Column::number(|(_, totals)| Some(totals.max)),
            _ => Column::time(|(start, _)| *start),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_leave_whole_periods() {
        let stored = Some((Timestamp(3_600_000 + 7_000), Timestamp(7_300_000)));
        let range = |from, to| {
            let range = whole_periods(stored, TimeRange::new(Timestamp(from), Timestamp(to)), 300_000);
            (range.start.0, range.end.0)
        };
        assert_eq!(range(i64::MIN, i64::MAX), (3_600_000, 7_500_000));
        assert_eq!(range(3_600_001, 4_200_000), (3_900_000, 4_200_000));
        assert_eq!(range(3_600_000, 4_200_001), (3_600_000, 4_500_000));
        assert_eq!(range(8_000_000, 9_000_000), (0, 0));
        assert_eq!(parts(300, TimeRange::new(Timestamp(0), Timestamp(1025 * 60_000)), 60_000).len(), 4);
    }
}
