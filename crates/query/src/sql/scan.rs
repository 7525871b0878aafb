//! `ScanExec`: the leaf of a plan. Parts of a table, shared out to partitions, read where the rows that are wanted first lie.

use super::packed;
use super::records::RecordSource;
use super::wanted::Wanted;
use datafusion::arrow::array::RecordBatch;
use datafusion::arrow::datatypes::SchemaRef;
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::common::{Result, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::{EquivalenceProperties, PhysicalExpr, PhysicalSortExpr, expressions::Column};
use datafusion::physical_plan::execution_plan::{
    Boundedness, EmissionType, ReplaceChildrenOptions, apply_expression_roots,
};
use datafusion::physical_plan::filter_pushdown::{
    ChildPushdownResult, FilterPushdownPhase, FilterPushdownPropagation, PushedDown,
};
use datafusion::physical_plan::metrics::{BaselineMetrics, Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{
    DisplayAs, DisplayFormatType, ExecutionPlan, Partitioning, PlanProperties, SortOrderPushdownResult,
};
use futures::stream::{BoxStream, try_unfold};
use futures::{Stream, StreamExt};
use model::Timestamp;
use std::collections::VecDeque;
use std::fmt;
use std::sync::Arc;
use store::Direction;

/// Where the rows of a scan come from.
pub(super) trait Source: fmt::Debug + Send + Sync {
    /// The table and what was skipped of it, for EXPLAIN.
    fn describe(&self) -> String;
    /// First and last time of each part.
    fn parts(&self) -> Vec<(Timestamp, Timestamp)>;
    /// The records that another process could read as well; or why it could not.
    fn travels(&self) -> std::result::Result<&RecordSource, &'static str> {
        Err("only events and logs are read elsewhere")
    }
    /// Reads one part; texts may be packed.
    fn read(self: Arc<Self>, part: usize, wanted: Wanted, counts: Counts) -> BoxStream<'static, Result<RecordBatch>>;
}

/// Why masked lines are not read elsewhere: what masks is code and rules of this process.
pub(super) const MASKED: &str = "some of the log lines are masked here";

/// Sources of the same columns, read as one.
#[derive(Debug)]
pub(super) struct Several {
    /// Each with how many parts it has.
    sources: Vec<(usize, Arc<dyn Source>)>,
}

impl Several {
    /// One source of one or more.
    pub(super) fn of(mut sources: Vec<Arc<dyn Source>>) -> Arc<dyn Source> {
        match sources.pop() {
            Some(only) if sources.is_empty() => only,
            last => {
                sources.extend(last);
                let sources = sources.into_iter().map(|source| (source.parts().len(), source)).collect();
                Arc::new(Self { sources })
            }
        }
    }
}

impl Source for Several {
    fn describe(&self) -> String {
        let texts: Vec<String> = self.sources.iter().map(|(_, source)| source.describe()).collect();
        texts.join("; ")
    }

    fn parts(&self) -> Vec<(Timestamp, Timestamp)> {
        self.sources.iter().flat_map(|(_, source)| source.parts()).collect()
    }

    fn travels(&self) -> std::result::Result<&RecordSource, &'static str> {
        Err(MASKED)
    }

    fn read(self: Arc<Self>, part: usize, wanted: Wanted, counts: Counts) -> BoxStream<'static, Result<RecordBatch>> {
        let mut part = part;
        for (parts, source) in &self.sources {
            if part < *parts {
                return Arc::clone(source).read(part, wanted, counts);
            }
            part -= parts;
        }
        futures::stream::empty().boxed()
    }
}

/// What a partition read, for EXPLAIN ANALYZE.
#[derive(Debug, Clone)]
pub(super) struct Counts {
    /// Parts that were read.
    pub parts_read: Count,
    /// Parts that the filters of the running query ruled out.
    pub parts_skipped: Count,
    /// Row groups that an index ruled out when they were to be read.
    pub row_groups_skipped: Count,
    /// Row groups of logs of which columns of fields told which lines contain a text.
    pub row_groups_known: Count,
    /// Rows that were looked at.
    pub rows_seen: Count,
}

/// Place of a part in its source, its first and its last time.
pub(super) type PlacedPart = (usize, Timestamp, Timestamp);

/// A table's scan.
#[derive(Debug, Clone)]
pub(super) struct ScanExec {
    source: Arc<dyn Source>,
    wanted: Wanted,
    /// The parts of each partition, sorted by their last time.
    partitions: Arc<Vec<Vec<PlacedPart>>>,
    /// For each column whether the source has it packed, or has few values for it.
    packed: Vec<bool>,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl ScanExec {
    /// A scan that yields batches of `schema`, whose time is in the column `time`.
    pub(super) fn new(source: Arc<dyn Source>, schema: SchemaRef, time: &'static str, partitions: usize) -> Self {
        let mut order: Vec<PlacedPart> =
            source.parts().into_iter().enumerate().map(|(at, (min, max))| (at, min, max)).collect();
        order.sort_by_key(|(at, min, max)| (*max, *min, *at));
        let count = partitions.clamp(1, order.len().max(1));
        // Neighbours in time go to different partitions, so that each has some of what is wanted first.
        let of_partition = |partition| order.iter().skip(partition).step_by(count).copied().collect();
        Self::of_partitions(source, schema, time, (0..count).map(of_partition).collect())
    }

    /// The same, with parts that are shared out already.
    pub(super) fn of_partitions(
        source: Arc<dyn Source>,
        schema: SchemaRef,
        time: &'static str,
        partitions: Vec<Vec<PlacedPart>>,
    ) -> Self {
        let partitioning = Partitioning::UnknownPartitioning(partitions.len());
        let packed = vec![false; schema.fields().len()];
        let equivalence = EquivalenceProperties::new(schema);
        let properties =
            PlanProperties::new(equivalence, partitioning, EmissionType::Incremental, Boundedness::Bounded);
        Self {
            source,
            wanted: Wanted { column: time, ..Wanted::default() },
            partitions: Arc::new(partitions),
            packed,
            properties: Arc::new(properties),
            metrics: ExecutionPlanMetricsSet::new(),
        }
    }

    /// The same scan, whose source has these columns packed.
    pub(super) fn with_packed(self, packed: Vec<bool>) -> Self {
        Self { packed, ..self }
    }

    /// For each column whether it is packed.
    pub(super) fn packed(&self) -> &[bool] {
        &self.packed
    }

    /// Where its rows come from.
    pub(super) fn source(&self) -> &Arc<dyn Source> {
        &self.source
    }

    /// The parts of each partition.
    pub(super) fn partitions(&self) -> &[Vec<PlacedPart>] {
        &self.partitions
    }

    /// True when rows of one end of time may be enough, which shows while the query runs.
    pub(super) fn narrows(&self) -> bool {
        !self.wanted.filters.is_empty()
    }

    /// The column that holds the time.
    pub(super) fn time(&self) -> &'static str {
        self.wanted.column
    }

    /// The batches of a partition as the source has them.
    pub(super) fn packed_batches(&self, partition: usize) -> impl Stream<Item = Result<RecordBatch>> + Send + use<> {
        let reading = Reading {
            source: Arc::clone(&self.source),
            wanted: self.wanted.clone(),
            parts: self.partitions.get(partition).cloned().unwrap_or_default().into(),
            current: None,
            counts: self.counts(partition),
            baseline: BaselineMetrics::new(&self.metrics, partition),
        };
        try_unfold(reading, |mut reading| async move {
            let batch = reading.next().await?;
            Ok(batch.map(|batch| (batch, reading)))
        })
    }

    fn counts(&self, partition: usize) -> Counts {
        let count = |name: &'static str| MetricBuilder::new(&self.metrics).counter(name, partition);
        Counts {
            parts_read: count("parts_read"),
            parts_skipped: count("parts_skipped"),
            row_groups_skipped: count("row_groups_skipped"),
            row_groups_known: count("row_groups_known"),
            rows_seen: count("rows_seen"),
        }
    }
}

impl DisplayAs for ScanExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ScanExec: {}", self.source.describe())?;
        match self.wanted.order {
            Some(Direction::Backward) => write!(f, ", newest first")?,
            Some(Direction::Forward) => write!(f, ", oldest first")?,
            None => {}
        }
        if !self.wanted.filters.is_empty() {
            let filters: Vec<String> = self.wanted.filters.iter().map(ToString::to_string).collect();
            write!(f, ", while={}", filters.join(" AND "))?;
        }
        Ok(())
    }
}

impl ExecutionPlan for ScanExec {
    fn name(&self) -> &str {
        "ScanExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        Vec::new()
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(&self.wanted.filters, f)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("a scan has no children") }
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        if children.is_empty() { Ok(self) } else { internal_err!("a scan has no children") }
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let schema = self.schema();
        let batches = self.packed_batches(partition).map(move |batch| packed::unpacked(batch?, &schema));
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }

    /// Takes the filters that narrow while the query runs. Rows are not checked against them here, so none is done with.
    fn handle_child_pushdown_result(
        &self,
        _: FilterPushdownPhase,
        pushed: ChildPushdownResult,
        _: &ConfigOptions,
    ) -> Result<FilterPushdownPropagation<Arc<dyn ExecutionPlan>>> {
        let filters: Vec<Arc<dyn PhysicalExpr>> = pushed.parent_filters.into_iter().map(|f| f.filter).collect();
        let done = FilterPushdownPropagation::with_parent_pushdown_result(vec![PushedDown::No; filters.len()]);
        let taken: Vec<_> = filters.into_iter().filter(|filter| self.wanted.takes(filter)).collect();
        if taken.is_empty() {
            return Ok(done);
        }
        let mut scan = self.clone();
        scan.wanted.filters.extend(taken);
        // Such a filter mostly belongs to a query for the newest rows, whose order does not reach here through other steps.
        scan.wanted.order.get_or_insert(Direction::Backward);
        Ok(done.with_updated_node(Arc::new(scan)))
    }

    /// Parts are read from the end of time that the order begins with; the sort above stays.
    fn try_pushdown_sort(&self, order: &[PhysicalSortExpr]) -> Result<SortOrderPushdownResult<Arc<dyn ExecutionPlan>>> {
        let by_time = order.first().filter(|first| {
            first.expr.downcast_ref::<Column>().is_some_and(|column| column.name() == self.wanted.column)
        });
        let Some(first) = by_time else { return Ok(SortOrderPushdownResult::Unsupported) };
        let mut scan = self.clone();
        scan.wanted.order = Some(if first.options.descending { Direction::Backward } else { Direction::Forward });
        Ok(SortOrderPushdownResult::Inexact { inner: Arc::new(scan) })
    }
}

/// One partition at work.
struct Reading {
    source: Arc<dyn Source>,
    wanted: Wanted,
    parts: VecDeque<PlacedPart>,
    current: Option<BoxStream<'static, Result<RecordBatch>>>,
    counts: Counts,
    baseline: BaselineMetrics,
}

impl Reading {
    async fn next(&mut self) -> Result<Option<RecordBatch>> {
        loop {
            if let Some(current) = &mut self.current {
                if let Some(batch) = current.next().await.transpose()? {
                    self.baseline.record_output(batch.num_rows());
                    return Ok(Some(batch));
                }
                self.current = None;
            }
            let next = match self.wanted.direction() {
                Some(Direction::Backward) => self.parts.pop_back(),
                Some(Direction::Forward) | None => self.parts.pop_front(),
            };
            let Some((part, min, max)) = next else {
                self.baseline.done();
                return Ok(None);
            };
            if self.wanted.range().overlaps(min, max) {
                self.counts.parts_read.add(1);
                let source = Arc::clone(&self.source);
                self.current = Some(source.read(part, self.wanted.clone(), self.counts.clone()));
            } else {
                self.counts.parts_skipped.add(1);
            }
        }
    }
}
