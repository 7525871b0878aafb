//! The table `metrics`: one row per datapoint, read series by series.
//!
//! What is skipped: series that the WHERE clause rules out by namespace, name, dimensions, unit, account or region; for the
//! others, segments and rows outside the time range.

use super::error::external;
use super::predicate::{Predicate, intersection};
use super::records::describe_range;
use super::scan::{Counts, ScanExec, Source};
use super::wanted::Wanted;
use super::{Inputs, SqlError};
use async_trait::async_trait;
use datafusion::arrow::array::{
    ArrayRef, Float64Builder, RecordBatch, RecordBatchOptions, StringBuilder, TimestampMillisecondBuilder,
    UInt16Builder,
};
use datafusion::arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use datafusion::catalog::{Session, TableProvider};
use datafusion::common::{Result, project_schema};
use datafusion::logical_expr::{Expr, TableProviderFilterPushDown, TableType};
use datafusion::physical_plan::ExecutionPlan;
use futures::stream::{BoxStream, StreamExt, try_unfold};
use model::time::DAY;
use model::{SeriesKey, TimeRange, Timestamp};
use std::collections::{BTreeSet, VecDeque};
use std::ops::Range;
use std::sync::{Arc, LazyLock};
use store::{Gather, Part, Sample, Samples, Store, Totals};

const TIME: &str = "timestamp";
/// Series of a part.
const PART_SERIES: usize = 256;
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
    let time = DataType::Timestamp(TimeUnit::Millisecond, Some("UTC".into()));
    let text = |name| Field::new(name, DataType::Utf8, false);
    let number = |name| Field::new(name, DataType::Float64, false);
    Arc::new(Schema::new(vec![
        text("account"),
        text("region"),
        text("namespace"),
        text("name"),
        // A JSON object, sorted by name: equal for the same dimensions.
        text("dimensions"),
        text("unit"),
        Field::new(TIME, time, false),
        Field::new("resolution_secs", DataType::UInt16, false),
        // Null where several distinct values, or a statistic set, were put at once.
        Field::new("value", DataType::Float64, true),
        number("count"),
        number("sum"),
        number("min"),
        number("max"),
    ]))
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
        let schema = project_schema(&SCHEMA, projection)?;
        let wanted = SeriesWanted::of(&predicate);
        let (mut known, store) = (0, self.0.store.clone());
        let series = {
            let seen = std::cell::Cell::new(0usize);
            let series = store.series_where(&|key| {
                seen.set(seen.get() + 1);
                wanted.admits(key)
            });
            known += seen.get();
            series
        };
        let stored = store.metric_times().map(|(min, max)| TimeRange::new(min, max + 1));
        let range = stored.map_or(TimeRange::new(Timestamp(0), Timestamp(0)), |all| intersection(all, predicate.range));
        let parts = parts(series.len(), range);
        let source = MetricSource { store, series, known, range: predicate.range, parts, schema: Arc::clone(&schema) };
        let partitions = session.config().target_partitions();
        Ok(Arc::new(ScanExec::new(Arc::new(source), schema, TIME, partitions)))
    }
}

/// Which series a predicate leaves.
struct SeriesWanted<'p> {
    account: Option<BTreeSet<&'p str>>,
    region: Option<BTreeSet<&'p str>>,
    namespace: Option<BTreeSet<&'p str>>,
    name: Option<BTreeSet<&'p str>>,
    unit: Option<BTreeSet<&'p str>>,
    dimensions: Vec<(&'p str, &'p BTreeSet<String>)>,
}

impl<'p> SeriesWanted<'p> {
    fn of(predicate: &'p Predicate) -> Self {
        let dimensions = predicate.members.iter().filter(|(column, ..)| column == "dimensions");
        Self {
            account: predicate.values("account"),
            region: predicate.values("region"),
            namespace: predicate.values("namespace"),
            name: predicate.values("name"),
            unit: predicate.values("unit"),
            dimensions: dimensions.map(|(_, name, values)| (name.as_str(), values)).collect(),
        }
    }

    fn admits(&self, key: &SeriesKey) -> bool {
        let has =
            |wanted: &Option<BTreeSet<&str>>, value: &str| wanted.as_ref().is_none_or(|wanted| wanted.contains(value));
        has(&self.account, &key.account)
            && has(&self.region, &key.region)
            && has(&self.namespace, &key.namespace)
            && has(&self.name, &key.name)
            && has(&self.unit, &key.unit)
            && self.dimensions.iter().all(|(name, values)| {
                key.dimensions.iter().any(|(known, value)| known == name && values.contains(value))
            })
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
        let mut batch = MetricBatch::new(&self.source.schema);
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

/// A column in the making.
enum Column {
    Text(fn(&SeriesKey) -> &str, StringBuilder),
    Dimensions(StringBuilder),
    Time(TimestampMillisecondBuilder),
    Resolution(UInt16Builder),
    Number(fn(&Point) -> Option<f64>, Float64Builder),
}

struct MetricBatch {
    schema: SchemaRef,
    columns: Vec<Column>,
    rows: usize,
}

impl MetricBatch {
    fn new(schema: &SchemaRef) -> Self {
        let text = |of: fn(&SeriesKey) -> &str| Column::Text(of, StringBuilder::new());
        let number = |of: fn(&Point) -> Option<f64>| Column::Number(of, Float64Builder::new());
        let column = |name: &str| match name {
            "account" => text(|key| &key.account),
            "region" => text(|key| &key.region),
            "namespace" => text(|key| &key.namespace),
            "name" => text(|key| &key.name),
            "unit" => text(|key| &key.unit),
            "dimensions" => Column::Dimensions(StringBuilder::new()),
            "resolution_secs" => Column::Resolution(UInt16Builder::new()),
            "value" => number(|point| point.value),
            "count" => number(|point| Some(point.totals.count)),
            "sum" => number(|point| Some(point.totals.sum)),
            "min" => number(|point| Some(point.totals.min)),
            "max" => number(|point| Some(point.totals.max)),
            _ => Column::Time(TimestampMillisecondBuilder::new().with_timezone("UTC")),
        };
        let columns = schema.fields().iter().map(|field| column(field.name())).collect();
        Self { schema: Arc::clone(schema), columns, rows: 0 }
    }

    fn push(&mut self, key: &SeriesKey, points: &[Point]) {
        for column in &mut self.columns {
            match column {
                Column::Text(of, texts) => points.iter().for_each(|_| texts.append_value(of(key))),
                Column::Dimensions(texts) => {
                    let json = dimensions_json(key);
                    points.iter().for_each(|_| texts.append_value(&json));
                }
                Column::Time(times) => points.iter().for_each(|point| times.append_value(point.time)),
                Column::Resolution(numbers) => {
                    points.iter().for_each(|point| numbers.append_value(point.resolution_secs));
                }
                Column::Number(of, numbers) => {
                    points.iter().for_each(|point| numbers.append_option(of(point)));
                }
            }
        }
        self.rows += points.len();
    }

    fn finish(self) -> Result<RecordBatch> {
        let finish = |column: Column| -> ArrayRef {
            match column {
                Column::Text(_, mut texts) | Column::Dimensions(mut texts) => Arc::new(texts.finish()),
                Column::Time(mut times) => Arc::new(times.finish()),
                Column::Resolution(mut numbers) => Arc::new(numbers.finish()),
                Column::Number(_, mut numbers) => Arc::new(numbers.finish()),
            }
        };
        let columns = self.columns.into_iter().map(finish).collect();
        let options = RecordBatchOptions::new().with_row_count(Some(self.rows));
        Ok(RecordBatch::try_new_with_options(self.schema, columns, &options)?)
    }
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

fn dimensions_json(key: &SeriesKey) -> String {
    let pairs = key.dimensions.iter().map(|(name, value)| (name.clone(), serde_json::Value::from(value.as_str())));
    serde_json::Value::Object(pairs.collect()).to_string()
}
