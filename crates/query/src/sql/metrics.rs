//! The table `metrics`: one row per datapoint, read series by series.
//!
//! What is skipped: series that the WHERE clause rules out by namespace, name, dimensions, unit, account or region; for the
//! others, segments and rows outside the time range.

use super::error::external;
use super::predicate::{Predicate, intersection};
use super::records::describe_range;
use super::scan::{Counts, ScanExec, Source};
use super::series::{Column, Rows, SeriesBatch, TIME, chosen, fields, pushdown};
use super::wanted::Wanted;
use super::{Inputs, SqlError};
use async_trait::async_trait;
use datafusion::arrow::array::{Float64Builder, RecordBatch};
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
use store::{Gather, Part, PointSlice, Sample, Samples, Store, Totals};

/// Fewest series of a part, as far as there are more.
const PART_SERIES_MIN: usize = 64;
/// Longest time range of a part: a series of one point each second stays small enough to be read at once.
const PART_MS: i64 = 7 * DAY;
/// Points that are read at once, as far as one series has no more.
const READ_POINTS: usize = 256 * 1024;
/// About the size of a batch, a text counted as so many bytes; it has so many rows at least.
const BATCH_BYTES: usize = 512 * 1024;
const TEXT_BYTES: usize = 64;
const BATCH_ROWS_MIN: usize = 8192;

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
        let partitions = session.config().target_partitions();
        let parts = parts(series.len(), range, partitions);
        let source = MetricSource { store, series, known, range: predicate.range, parts, schema: Arc::clone(&schema) };
        Ok(Arc::new(ScanExec::new(Arc::new(source), schema, TIME, partitions)))
    }
}

/// Rectangles of series and time: few, for each looks through the segments anew.
fn parts(series: usize, range: TimeRange, partitions: usize) -> Vec<(Range<usize>, TimeRange)> {
    let mut parts = Vec::new();
    let step = series.div_ceil(partitions.max(1)).max(PART_SERIES_MIN);
    let mut start = range.start;
    while start < range.end {
        let end = (start + PART_MS).min(range.end);
        let chunks = (0..series).step_by(step).map(|first| first..(first + step).min(series));
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
    read: VecDeque<(Arc<SeriesKey>, Points)>,
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
            let points =
                self.source.store.gather_series(series, range, Lists(vec![Points::default(); series.len()])).await;
            let points = points.map_err(|error| external(SqlError::Store(error)))?.0;
            let count: usize = points.iter().map(Rows::count).sum();
            self.counts.rows_seen.add(count);
            let with_points = series.iter().zip(points).filter(|(_, points)| points.count() > 0);
            self.read.extend(with_points.map(|(key, points)| (Arc::clone(key), points)));
            self.step = (self.step * READ_POINTS / count.max(1)).clamp(1, self.step * 16);
            self.left.start = end;
        }
        let rows_max = batch_rows(&self.source.schema);
        let mut batch = batch(&self.source.schema);
        while let Some((key, points)) = self.read.front_mut() {
            let room = rows_max - batch.rows;
            if points.count() > room {
                let rest = points.split_off(room);
                batch.push(key, points)?;
                *points = rest;
                break;
            }
            batch.push(key, points)?;
            self.read.pop_front();
        }
        batch.finish().map(Some)
    }
}

/// The points of a series, column by column: nearly all are one sample of one value.
#[derive(Debug, Clone, Default)]
struct Points {
    times: Vec<i64>,
    resolutions: Vec<u16>,
    /// As many as times; what it is where `others` has the point does not matter.
    values: Vec<f64>,
    /// Points that are more than that, ascending by place.
    others: Vec<Other>,
}

#[derive(Debug, Clone, Copy)]
struct Other {
    place: usize,
    /// Where there is exactly one value.
    value: Option<f64>,
    totals: Totals,
}

impl Points {
    fn add(&mut self, resolution_secs: u16, points: PointSlice<'_>) {
        if let Some((times, values)) = points.plain() {
            self.times.extend_from_slice(times);
            self.values.extend_from_slice(values);
        } else {
            for (time, sample) in points.iter() {
                let value = match sample {
                    Sample::Value(value) => value,
                    Sample::Many(samples) => {
                        let (place, value) = (self.times.len(), single_value(samples));
                        self.others.push(Other { place, value, totals: samples.totals() });
                        0.0
                    }
                };
                self.times.push(time.0);
                self.values.push(value);
            }
        }
        self.resolutions.resize(self.times.len(), resolution_secs);
    }

    fn append(&mut self, other: Self) {
        let moved = self.times.len();
        self.times.extend(other.times);
        self.resolutions.extend(other.resolutions);
        self.values.extend(other.values);
        self.others.extend(other.others.into_iter().map(|other| Other { place: other.place + moved, ..other }));
    }

    /// Leaves the points before `at` and gives the others.
    fn split_off(&mut self, at: usize) -> Self {
        let mut others = self.others.split_off(self.others.partition_point(|other| other.place < at));
        others.iter_mut().for_each(|other| other.place -= at);
        let (times, resolutions) = (self.times.split_off(at), self.resolutions.split_off(at));
        Self { times, resolutions, values: self.values.split_off(at), others }
    }

    /// Puts a number of each point: its value, or of the others what `of` says.
    fn put(&self, of: fn(&Other) -> Option<f64>, numbers: &mut Float64Builder) {
        let mut from = 0;
        for other in &self.others {
            numbers.append_slice(&self.values[from..other.place]);
            numbers.append_option(of(other));
            from = other.place + 1;
        }
        numbers.append_slice(&self.values[from..]);
    }

    fn put_counts(&self, numbers: &mut Float64Builder) {
        let mut from = 0;
        for other in &self.others {
            numbers.append_value_n(1.0, other.place - from);
            numbers.append_value(other.totals.count);
            from = other.place + 1;
        }
        numbers.append_value_n(1.0, self.values.len() - from);
    }
}

impl Rows for Points {
    fn count(&self) -> usize {
        self.times.len()
    }
}

/// The points of some series.
#[derive(Debug, Clone)]
struct Lists(Vec<Points>);

impl Gather for Lists {
    fn totals_suffice(&self, _: u16, _: Timestamp, _: Timestamp) -> bool {
        false
    }

    fn add(&mut self, place: usize, resolution_secs: u16, part: Part<'_>) {
        if let (Some(list), Part::Points(points)) = (self.0.get_mut(place), part) {
            list.add(resolution_secs, points);
        }
    }

    fn merge(&mut self, other: Self) {
        self.0.iter_mut().zip(other.0).for_each(|(list, more)| list.append(more));
    }
}

fn batch(schema: &SchemaRef) -> SeriesBatch<Points> {
    SeriesBatch::new(schema, |name| match name {
        "resolution_secs" => Column::whole(|points: &Points, numbers| numbers.append_slice(&points.resolutions)),
        "value" => Column::number(|points, numbers| points.put(|other| other.value, numbers)),
        "count" => Column::number(|points, numbers| points.put_counts(numbers)),
        "sum" => Column::number(|points, numbers| points.put(|other| Some(other.totals.sum), numbers)),
        "min" => Column::number(|points, numbers| points.put(|other| Some(other.totals.min), numbers)),
        "max" => Column::number(|points, numbers| points.put(|other| Some(other.totals.max), numbers)),
        _ => Column::time(|points, times| times.append_slice(&points.times)),
    })
}

/// Most rows of a batch: aggregates by group do better with many, as far as they are narrow.
fn batch_rows(schema: &SchemaRef) -> usize {
    let width = |field: &Arc<Field>| if *field.data_type() == DataType::Utf8View { TEXT_BYTES } else { 8 };
    let width: usize = schema.fields().iter().map(width).sum();
    (BATCH_BYTES / width.max(8)).max(BATCH_ROWS_MIN)
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
