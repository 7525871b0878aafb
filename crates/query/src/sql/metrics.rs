//! The table `metrics`: one row per datapoint, read series by series.
//!
//! What is skipped: series that the WHERE clause rules out by namespace, name, dimensions, unit, account or region; for the
//! others, segments and rows outside the time range.

use super::error::external;
use super::predicate::{Predicate, intersection};
use super::records::describe_range;
use super::scan::{Counts, ScanExec, Source};
use super::series::{Column, PART_SERIES, SeriesBatch, TIME, chosen, fields, pushdown};
use super::wanted::Wanted;
use super::{Inputs, SqlError};
use async_trait::async_trait;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, project_schema};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use futures::stream::{BoxStream, StreamExt, try_unfold};
use model::time::DAY;
use model::{SeriesKey, TimeRange, Timestamp};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::{Arc, LazyLock};
use store::{Gather, Part, Sample, Samples, Store, Totals};

/// Longest time range of a part: a series of one point each second stays small enough to be read at once.
const PART_MS: i64 = 7 * DAY;
/// Points that are read at once, as far as one series has no more.
const READ_POINTS: usize = 64 * 1024;
/// Rows of a batch.
const BATCH_ROWS: usize = 8192;

/// All datapoints.
#[derive(Debug)]
pub(super) struct Metrics(pub Arc<Inputs>);

static SCHEMA: LazyLock<SchemaRef> = LazyLock::new(|| {
    let number = |name| Field::new(name, DataType::Float64, false);
    let mut fields = fields();
    fields.extend([
        Field::new("resolution_secs", DataType::UInt16, false),
        // Null where several distinct values, or a statistic set, were put at once.
        Field::new("value", DataType::Float64, true),
        number("count"),
        number("sum"),
        number("min"),
        number("max"),
    ]);
    Arc::new(Schema::new(fields))
});

#[async_trait]
impl TableProvider for Metrics {
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
        let store = self.0.store.clone();
        let (series, known) = chosen(&store, &predicate);
        let stored = store.metric_times().map(|(min, max)| TimeRange::new(min, max + 1));
        let range = stored.map_or(TimeRange::new(Timestamp(0), Timestamp(0)), |all| intersection(all, predicate.range));
        let parts = parts(series.len(), range);
        let source = MetricSource { store, series, known, range: predicate.range, parts, schema: Arc::clone(&schema) };
        let partitions = session.config().target_partitions();
        Ok(Arc::new(ScanExec::new(Arc::new(source), schema, TIME, partitions)))
    }
}

/// Rectangles of series and time, so that each fits in memory.
fn parts(series: usize, range: TimeRange) -> Vec<(Range<usize>, TimeRange)> {
    let mut parts = Vec::new();
    let mut start = range.start;
    while start < range.end {
        let end = (start + PART_MS).min(range.end);
        let chunks = (0..series).step_by(PART_SERIES).map(|first| first..(first + PART_SERIES).min(series));
        parts.extend(chunks.map(|chunk| (chunk, TimeRange::new(start, end))));
        start = end;
    }
    parts
}

#[derive(Debug)]
struct MetricSource {
    store: Store,
    series: Vec<Arc<SeriesKey>>,
    /// Series of which these were chosen.
    known: usize,
    range: TimeRange,
    parts: Vec<(Range<usize>, TimeRange)>,
    schema: SchemaRef,
}

impl Source for MetricSource {
    fn describe(&self) -> String {
        let (range, known, left) = (describe_range(self.range), self.known, self.series.len());
        let columns: Vec<&str> = self.schema.fields().iter().map(|field| field.name().as_str()).collect();
        format!("table=metrics{range}, columns=[{}], series skipped={}/{known}", columns.join(", "), known - left)
    }

    fn parts(&self) -> Vec<(Timestamp, Timestamp)> {
        self.parts.iter().map(|(_, range)| (range.start, range.end - 1)).collect()
    }

    fn read(self: Arc<Self>, part: usize, wanted: Wanted, counts: Counts) -> BoxStream<'static, Result<RecordBatch>> {
        let Some((series, range)) = self.parts.get(part).cloned() else { return futures::stream::empty().boxed() };
        let state = Reading { source: self, wanted, counts, range, left: series, step: 8, read: VecDeque::new() };
        try_unfold(state, |mut state| async move {
            let batch = state.next().await?;
            Ok(batch.map(|batch| (batch, state)))
        })
        .boxed()
    }
}

/// A part in work.
struct Reading {
    source: Arc<MetricSource>,
    wanted: Wanted,
    counts: Counts,
    range: TimeRange,
    /// Series that are not read yet.
    left: Range<usize>,
    /// How many to read next.
    step: usize,
    /// Points that were read and not answered yet.
    read: VecDeque<(Arc<SeriesKey>, Vec<Point>)>,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        while self.read.is_empty() {
            let end = (self.left.start + self.step).min(self.left.end);
            let series = &self.source.series[self.left.start..end];
            if series.is_empty() {
                return Ok(None);
            }
            let range = intersection(self.range, self.wanted.range());
            if range.is_empty() {
                return Ok(None);
            }
            let points = self.source.store.gather_series(series, range, Lists(vec![Vec::new(); series.len()])).await;
            let points = points.map_err(|error| external(SqlError::Store(error)))?.0;
            let count: usize = points.iter().map(Vec::len).sum();
            self.counts.rows_seen.add(count);
            let with_points = series.iter().zip(points).filter(|(_, points)| !points.is_empty());
            self.read.extend(with_points.map(|(key, points)| (Arc::clone(key), points)));
            self.step = (self.step * READ_POINTS / count.max(1)).clamp(1, self.step * 4);
            self.left.start = end;
        }
        let mut batch = batch(&self.source.schema);
        while let Some((key, points)) = self.read.front_mut() {
            let room = BATCH_ROWS - batch.rows;
            if points.len() > room {
                let rest = points.split_off(room);
                batch.push(key, points);
                *points = rest;
                break;
            }
            batch.push(key, points);
            self.read.pop_front();
        }
        batch.finish().map(Some)
    }
}

/// A point as a row has it.
#[derive(Debug, Clone, Copy)]
struct Point {
    time: i64,
    resolution_secs: u16,
    /// Where there is exactly one value.
    value: Option<f64>,
    totals: Totals,
}

/// The points of some series.
#[derive(Debug, Clone)]
struct Lists(Vec<Vec<Point>>);

impl Gather for Lists {
    fn totals_suffice(&self, _: u16, _: Timestamp, _: Timestamp) -> bool {
        false
    }

    fn add(&mut self, place: usize, resolution_secs: u16, part: Part<'_>) {
        let (Some(list), Part::Points(points)) = (self.0.get_mut(place), part) else { return };
        list.extend(points.iter().map(|(time, sample)| {
            let (value, totals) = match sample {
                Sample::Value(value) => (Some(value), Totals { count: 1.0, sum: value, min: value, max: value }),
                Sample::Many(samples) => (single_value(samples), samples.totals()),
            };
            Point { time: time.0, resolution_secs, value, totals }
        }));
    }

    fn merge(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(list, more)| list.extend(more));
    }
}

fn batch(schema: &SchemaRef) -> SeriesBatch<Point> {
    SeriesBatch::new(schema, |name| match name {
        "resolution_secs" => Column::whole(|point: &Point| point.resolution_secs),
        "value" => Column::number(|point| point.value),
        "count" => Column::number(|point| Some(point.totals.count)),
        "sum" => Column::number(|point| Some(point.totals.sum)),
        "min" => Column::number(|point| Some(point.totals.min)),
        "max" => Column::number(|point| Some(point.totals.max)),
        _ => Column::time(|point| Timestamp(point.time)),
    })
}

fn single_value(samples: &Samples) -> Option<f64> {
    match samples {
        Samples::Pairs(pairs) => match pairs.as_slice() {
            [(value, _)] => Some(*value),
            _ => None,
        },
        Samples::Set(_) | Samples::Summary(..) => None,
    }
}
