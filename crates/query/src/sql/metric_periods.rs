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
use super::series::{Column, Rows, SeriesBatch, TIME, chosen, fields, pushdown};
use super::wanted::Wanted;
use super::{Inputs, SqlError};
use crate::metrics::{Cut, check_period, grouped_periods};
use crate::statistics::Samples;
use async_trait::async_trait;
use datafusion::arrow::array::{Float64Builder, RecordBatch};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableFunctionArgs, TableFunctionImpl, TableProvider};
use datafusion::common::{DataFusionError, Result, plan_err, project_schema};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use futures::stream::{BoxStream, StreamExt, try_unfold};
use model::{SeriesKey, TimeRange, Timestamp};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, LazyLock};
use store::{Store, Totals};

/// Most periods of a series in a part.
const PART_PERIODS: i64 = 1024;
/// Most rows of a part, which stay in memory until they are answered.
const PART_ROWS: i64 = 256 * 1024;
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
        let partitions = session.config().target_partitions();
        let parts = parts(series.len(), range, period_ms, partitions);
        let schema_of = Arc::clone(&schema);
        let source = PeriodSource { store, series, known, range, period_ms, parts, schema: schema_of };
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

/// Rectangles of series and periods: few, for each looks through the segments anew, and one for each partition at least.
fn parts(series: usize, range: TimeRange, period_ms: i64, partitions: usize) -> Vec<(Range<usize>, TimeRange)> {
    let mut parts = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let end = (start + PART_PERIODS.saturating_mul(period_ms)).min(range.end);
        let rows_max = usize::try_from(PART_ROWS / ((end - start) / period_ms).max(1)).unwrap_or(1);
        let step = series.div_ceil(partitions.max(1)).clamp(1, rows_max);
        let chunks = (0..series).step_by(step).map(|first| first..(first + step).min(series));
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

/// Starts of periods and what was observed in them.
type PeriodRows = Vec<(Timestamp, Samples)>;

impl Rows for PeriodRows {
    fn count(&self) -> usize {
        self.len()
    }
}

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
        let state = Reading { source: self, part: Some(part), wanted, counts, read: VecDeque::new() };
        try_unfold(state, |mut state| async move {
            let batch = state.next().await?;
            Ok(batch.map(|batch| (batch, state)))
        })
        .boxed()
    }
}

/// A part in work.
struct Reading {
    source: Arc<PeriodSource>,
    /// `None` when it was read.
    part: Option<usize>,
    wanted: Wanted,
    counts: Counts,
    /// Periods that were read and not answered yet.
    read: VecDeque<(Arc<SeriesKey>, PeriodRows)>,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        if let Some((series, range)) = self.part.take().and_then(|part| self.source.parts.get(part)) {
            if intersection(*range, self.wanted.range()).is_empty() {
                return Ok(None);
            }
            let series = &self.source.series[series.clone()];
            let cut = Cut { range: *range, period_ms: self.source.period_ms, raw: false };
            let periods = grouped_periods(&self.source.store, series, (0..series.len()).collect(), cut).await;
            let periods = periods.map_err(|error| external(SqlError::Failed(error.to_string())))?;
            self.read = series.iter().cloned().zip(periods).collect();
        }
        let mut batch = self.source.batch();
        while batch.rows < BATCH_ROWS
            && let Some((key, periods)) = self.read.pop_front()
        {
            batch.push(&key, &periods)?;
        }
        self.counts.rows_seen.add(batch.rows);
        if batch.rows == 0 { Ok(None) } else { batch.finish().map(Some) }
    }
}

impl PeriodSource {
    fn batch(&self) -> SeriesBatch<PeriodRows> {
        SeriesBatch::new(&self.schema, |name| match name {
            "sample_count" => Column::number(|rows, numbers| put(rows, |totals| totals.count, numbers)),
            "sum" => Column::number(|rows, numbers| put(rows, |totals| totals.sum, numbers)),
            "minimum" => Column::number(|rows, numbers| put(rows, |totals| totals.min, numbers)),
            "maximum" => Column::number(|rows, numbers| put(rows, |totals| totals.max, numbers)),
            _ => Column::time(|rows: &PeriodRows, times| {
                rows.iter().for_each(|(start, _)| times.append_value(start.0));
            }),
        })
    }
}

fn put(rows: &PeriodRows, of: fn(&Totals) -> f64, numbers: &mut Float64Builder) {
    rows.iter().for_each(|(_, samples)| numbers.append_value(of(samples.totals())));
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
        let parts = parts(600, TimeRange::new(Timestamp(0), Timestamp(1025 * 60_000)), 60_000, 2);
        assert_eq!(parts.iter().map(|(series, _)| series.len()).collect::<Vec<_>>(), [256, 256, 88, 300, 300]);
    }
}
