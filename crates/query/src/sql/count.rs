//! `CountExec`: `count(*)` by columns of few distinct values, counted in the packed batches of a scan.
//!
//! In a batch, rows that have the same values are counted together, and conditions and the values to group by are worked out once
//! for each such kind of rows instead of for each row. It stands for the first of the engine's two steps of an aggregate, and for
//! the filter below it; the second step adds the counts up.

use super::packed::{self, Kinds};
use super::scan::ScanExec;
use datafusion::arrow::array::{Array, ArrayRef, AsArray, BooleanArray, Int64Array, RecordBatch, UInt32Array};
use datafusion::arrow::compute::{filter_record_batch, take};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::config::ConfigOptions;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, internal_datafusion_err, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{Column, Literal};
use datafusion::physical_expr::utils::collect_columns;
use datafusion::physical_expr_common::physical_expr::is_volatile;
use datafusion::physical_optimizer::PhysicalOptimizerRule;
use datafusion::physical_plan::aggregates::{AggregateExec, AggregateMode};
use datafusion::physical_plan::coop::CooperativeExec;
use datafusion::physical_plan::execution_plan::{ReplaceChildrenOptions, apply_expression_roots};
use datafusion::physical_plan::filter::FilterExec;
use datafusion::physical_plan::metrics::{Count, ExecutionPlanMetricsSet, MetricBuilder, MetricsSet};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::StreamExt;
use std::fmt;
use std::sync::Arc;

/// The metric of the rows that were counted: those that met the condition.
pub(super) const ROWS_COUNTED: &str = "rows_counted";

/// Puts `CountExec` in place of what it stands for.
#[derive(Debug)]
pub(super) struct CountPacked;

impl PhysicalOptimizerRule for CountPacked {
    fn name(&self) -> &str {
        "CountPacked"
    }

    fn schema_check(&self) -> bool {
        true
    }

    fn optimize(&self, plan: Arc<dyn ExecutionPlan>, _: &ConfigOptions) -> Result<Arc<dyn ExecutionPlan>> {
        let counted = plan.transform_up(|plan| {
            let count = plan.downcast_ref::<AggregateExec>().map(CountExec::of).transpose()?.flatten();
            Ok(match count {
                Some(count) => Transformed::yes(Arc::new(count) as Arc<dyn ExecutionPlan>),
                None => Transformed::no(plan),
            })
        });
        Ok(counted?.data)
    }
}

/// A plan that arrived from elsewhere, with `CountExec` in place of what it stands for.
///
/// # Errors
/// None that can be met.
pub fn count_packed(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    CountPacked.optimize(plan, &ConfigOptions::default())
}

/// What rows are grouped by, in terms of the scan's columns.
#[derive(Debug, Clone)]
enum Group {
    /// Of packed columns: the same for all rows of a kind.
    OfKind(Arc<dyn PhysicalExpr>),
    /// A time made of the time of a row. Rows are in order of time, so neighbours mostly have the same.
    OfTime(Arc<dyn PhysicalExpr>),
}

impl Group {
    fn expr(&self) -> &Arc<dyn PhysicalExpr> {
        match self {
            Group::OfKind(expr) | Group::OfTime(expr) => expr,
        }
    }
}

/// Counts the rows of a scan by what they are grouped by.
#[derive(Debug, Clone)]
pub(super) struct CountExec {
    scan: Arc<dyn ExecutionPlan>,
    condition: Option<Arc<dyn PhysicalExpr>>,
    groups: Vec<Group>,
    /// How often the count is in the answer.
    counts: usize,
    properties: Arc<PlanProperties>,
    metrics: ExecutionPlanMetricsSet,
}

impl CountExec {
    /// What does the same as an aggregate; `None` when this cannot.
    fn of(aggregate: &AggregateExec) -> Result<Option<Self>> {
        let groups = aggregate.group_expr();
        let counts = aggregate.aggr_expr().iter().all(|aggregate| {
            let counts_all = |argument: &Arc<dyn PhysicalExpr>| {
                argument.downcast_ref::<Literal>().is_some_and(|literal| !literal.value().is_null())
            };
            aggregate.fun().name() == "count"
                && !aggregate.is_distinct()
                && aggregate.order_bys().is_empty()
                && aggregate.expressions().iter().all(counts_all)
        });
        let counts = counts && !aggregate.aggr_expr().is_empty() && aggregate.filter_expr().iter().all(Option::is_none);
        let is_first = *aggregate.mode() == AggregateMode::Partial && aggregate.limit_options().is_none();
        if !counts || !is_first || groups.is_empty() || groups.has_grouping_set() {
            return Ok(None);
        }
        let Some((plan, filter)) = below(aggregate.input()) else { return Ok(None) };
        let Some(scan) = plan.downcast_ref::<ScanExec>() else { return Ok(None) };
        let condition = filter.map(|filter| Arc::clone(filter.predicate()));
        if condition.as_ref().is_some_and(|condition| !is_of_kind(condition, scan)) {
            return Ok(None);
        }
        let mut of_scan = Vec::new();
        for (expr, _) in groups.expr() {
            let expr = match filter.and_then(|filter| filter.projection().as_deref()) {
                Some(projection) => unprojected(expr, projection, &scan.schema())?,
                None => Arc::clone(expr),
            };
            of_scan.push(if is_of_kind(&expr, scan) {
                Group::OfKind(expr)
            } else if is_of_time(&expr, scan)? {
                Group::OfTime(expr)
            } else {
                return Ok(None);
            });
        }
        Ok(Some(Self {
            scan: Arc::clone(plan),
            condition,
            groups: of_scan,
            counts: aggregate.aggr_expr().len(),
            properties: Arc::clone(aggregate.properties()),
            metrics: ExecutionPlanMetricsSet::new(),
        }))
    }

    /// The same of another scan.
    fn of_scan(&self, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        match children.as_slice() {
            [scan] if scan.downcast_ref::<ScanExec>().is_some() => {
                Ok(Arc::new(Self { scan: Arc::clone(scan), ..self.clone() }))
            }
            _ => internal_err!("a count is of one scan"),
        }
    }

    fn scan(&self) -> Result<&ScanExec> {
        self.scan.downcast_ref::<ScanExec>().ok_or_else(|| internal_datafusion_err!("a count is not of a scan"))
    }

    fn counter(&self) -> Result<Counter> {
        let scan = self.scan()?;
        Ok(Counter {
            of_scan: scan.schema(),
            packed: scan.packed().to_vec(),
            condition: self.condition.clone(),
            groups: self.groups.clone(),
            counts: self.counts,
            schema: self.schema(),
        })
    }
}

/// The scan below an aggregate, and the filter in between.
fn below(input: &Arc<dyn ExecutionPlan>) -> Option<(&Arc<dyn ExecutionPlan>, Option<&FilterExec>)> {
    let (mut plan, mut found) = (input, None);
    loop {
        if let Some(filter) = plan.downcast_ref::<FilterExec>() {
            // With one that stops early, rows are no longer all.
            (found.is_none() && plan.fetch().is_none()).then_some(())?;
            found = Some(filter);
        } else if plan.downcast_ref::<CooperativeExec>().is_none() {
            return plan.downcast_ref::<ScanExec>().map(|_| (plan, found));
        }
        plan = plan.children().first().copied()?;
    }
}

/// An expression over columns that a filter chose, over those that it chose from.
fn unprojected(
    expr: &Arc<dyn PhysicalExpr>,
    projection: &[usize],
    schema: &SchemaRef,
) -> Result<Arc<dyn PhysicalExpr>> {
    let moved = Arc::clone(expr).transform_up(|expr| {
        let Some(column) = expr.downcast_ref::<Column>() else { return Ok(Transformed::no(expr)) };
        let at = projection.get(column.index()).copied();
        let field = at.and_then(|at| schema.fields().get(at).map(|field| (at, field.name())));
        let (at, name) = field.ok_or_else(|| internal_datafusion_err!("a filter answers no column {column}"))?;
        Ok(Transformed::yes(Arc::new(Column::new(name, at)) as Arc<dyn PhysicalExpr>))
    });
    Ok(moved?.data)
}

/// True when an expression is the same for all rows that have the same values in packed columns.
fn is_of_kind(expr: &Arc<dyn PhysicalExpr>, scan: &ScanExec) -> bool {
    let is_packed = |column: &Column| scan.packed().get(column.index()).copied().unwrap_or(false);
    !is_volatile(expr) && collect_columns(expr).iter().all(is_packed)
}

/// True for a time that is made of the time of a row alone, and is not that.
fn is_of_time(expr: &Arc<dyn PhysicalExpr>, scan: &ScanExec) -> Result<bool> {
    let is_time = |column: &Column| column.name() == scan.time();
    let is_made = expr.downcast_ref::<Column>().is_none() && !is_volatile(expr);
    let is_timestamp = matches!(expr.data_type(&scan.schema())?, DataType::Timestamp(..));
    Ok(is_made && is_timestamp && collect_columns(expr).iter().all(is_time))
}

impl DisplayAs for CountExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let groups: Vec<String> = self.groups.iter().map(|group| group.expr().to_string()).collect();
        write!(f, "CountExec: by=[{}]", groups.join(", "))?;
        match &self.condition {
            Some(condition) => write!(f, ", where={condition}"),
            None => Ok(()),
        }
    }
}

impl ExecutionPlan for CountExec {
    fn name(&self) -> &str {
        "CountExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        &self.properties
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.scan]
    }

    fn apply_expressions(
        &self,
        f: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        apply_expression_roots(self.groups.iter().map(Group::expr).chain(&self.condition), f)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.of_scan(children)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.of_scan(children)
    }

    fn execute(&self, partition: usize, _: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let counter = self.counter()?;
        let counted: Count = MetricBuilder::new(&self.metrics).counter(ROWS_COUNTED, partition);
        let output = MetricBuilder::new(&self.metrics).output_rows(partition);
        let batches = self.scan()?.packed_batches(partition).map(move |batch| {
            let (batch, rows) = counter.count(batch?)?;
            counted.add(rows);
            output.add(batch.num_rows());
            Ok(batch)
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(self.schema(), batches)))
    }

    fn metrics(&self) -> Option<MetricsSet> {
        Some(self.metrics.clone_inner())
    }
}

/// Counts batches.
struct Counter {
    of_scan: SchemaRef,
    packed: Vec<bool>,
    condition: Option<Arc<dyn PhysicalExpr>>,
    groups: Vec<Group>,
    counts: usize,
    schema: SchemaRef,
}

impl Counter {
    /// The groups of a batch, each with its count, and how many rows were counted.
    fn count(&self, batch: RecordBatch) -> Result<(RecordBatch, usize)> {
        let (batch, mut kinds) = self.met(batch)?;
        let rows = batch.num_rows();
        let mut times: Vec<Option<ArrayRef>> = Vec::with_capacity(self.groups.len());
        for group in &self.groups {
            times.push(match group {
                Group::OfKind(_) => None,
                Group::OfTime(expr) => {
                    let times = expr.evaluate(&batch)?.into_array(rows)?;
                    kinds.split_at_changes(&times)?;
                    Some(times)
                }
            });
        }
        let mut counts = vec![0_i64; kinds.first.len()];
        for kind in &kinds.of_rows {
            if let Some(count) = counts.get_mut(*kind as usize) {
                *count += 1;
            }
        }
        let first = UInt32Array::from(kinds.first);
        let of_kinds = self.rows_of(&batch, &first)?;
        let groups = self.groups.iter().zip(times).map(|(group, times)| match times {
            Some(times) => Ok(take(times.as_ref(), &first, None)?),
            None => group.expr().evaluate(&of_kinds)?.into_array(first.len()),
        });
        let counts: ArrayRef = Arc::new(Int64Array::from(counts));
        let counts = std::iter::repeat_n(counts, self.counts).map(Ok);
        let columns = groups.chain(counts).collect::<Result<Vec<ArrayRef>>>()?;
        Ok((RecordBatch::try_new(Arc::clone(&self.schema), columns)?, rows))
    }

    /// The rows that meet the condition, and their kinds by packed columns.
    fn met(&self, batch: RecordBatch) -> Result<(RecordBatch, Kinds)> {
        let kinds = self.kinds(&batch)?;
        let Some(condition) = &self.condition else { return Ok((batch, kinds)) };
        let of_kinds = self.rows_of(&batch, &UInt32Array::from(kinds.first.clone()))?;
        let meet = condition.evaluate(&of_kinds)?.into_array(of_kinds.num_rows())?;
        let meet = meet.as_boolean_opt().ok_or_else(|| internal_datafusion_err!("a condition is not true or false"))?;
        let meets = |kind: &u32| meet.is_valid(*kind as usize) && meet.value(*kind as usize);
        let rows: BooleanArray = kinds.of_rows.iter().map(|kind| Some(meets(kind))).collect();
        let batch = filter_record_batch(&batch, &rows)?;
        let kinds = self.kinds(&batch)?;
        Ok((batch, kinds))
    }

    fn kinds(&self, batch: &RecordBatch) -> Result<Kinds> {
        let mut kinds = Kinds::new(batch.num_rows());
        let columns = batch.columns().iter().zip(&self.packed).filter(|(_, packed)| **packed);
        for (column, _) in columns {
            kinds.split(column.as_ref())?;
        }
        Ok(kinds)
    }

    /// Some rows, with the types that expressions know.
    fn rows_of(&self, batch: &RecordBatch, rows: &UInt32Array) -> Result<RecordBatch> {
        let columns = batch.columns().iter().map(|column| Ok(take(column.as_ref(), rows, None)?));
        let some = packed::batch(&self.of_scan, columns.collect::<Result<_>>()?, rows.len())?;
        packed::unpacked(some, &self.of_scan)
    }
}
