//! `FitExec`: gives `UNNEST` so few rows at a time that what it makes of them fits in memory.
//!
//! The engine repeats the other columns of a row for each element of its list: a record of a hundred kilobytes, split into as many
//! parts, becomes ten gigabytes. It makes batches of so many rows whatever is in them, and rows of one list at once.

use datafusion::arrow::array::{Array, ArrayRef, AsArray, RecordBatch};
use datafusion::arrow::datatypes::{DataType, SchemaRef};
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Result, exec_err, internal_err};
use datafusion::execution::{SendableRecordBatchStream, TaskContext};
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_plan::execution_plan::{ChildrenPropertiesMode, ReplaceChildrenOptions};
use datafusion::physical_plan::stream::RecordBatchStreamAdapter;
use datafusion::physical_plan::unnest::UnnestExec;
use datafusion::physical_plan::{DisplayAs, DisplayFormatType, ExecutionPlan, PlanProperties};
use futures::{StreamExt, stream};
use model::limits::SQL_BATCH_BYTES_MAX;
use std::fmt;
use std::sync::Arc;

/// Bytes that one piece of a batch may become; that one row may is more.
const PIECE_BYTES_MAX: usize = SQL_BATCH_BYTES_MAX / 4;

/// The plan with a `FitExec` below every step that unnests.
pub(super) fn bounded(plan: Arc<dyn ExecutionPlan>) -> Result<Arc<dyn ExecutionPlan>> {
    let bounded = plan.transform_up(|plan| {
        let Some(unnest) = plan.downcast_ref::<UnnestExec>() else { return Ok(Transformed::no(plan)) };
        let lists = unnest.list_column_indices().iter().map(|list| list.index_in_input_schema).collect();
        let fit = FitExec { input: Arc::clone(unnest.input()), lists };
        let options = ReplaceChildrenOptions::new(ChildrenPropertiesMode::Recompute);
        Ok(Transformed::yes(Arc::clone(&plan).replace_children(vec![Arc::new(fit)], options)?))
    });
    Ok(bounded?.data)
}

/// Its input in pieces.
#[derive(Debug)]
struct FitExec {
    input: Arc<dyn ExecutionPlan>,
    /// The columns that are unnested.
    lists: Vec<usize>,
}

impl FitExec {
    /// The same of another input.
    fn of(&self, children: &[Arc<dyn ExecutionPlan>]) -> Result<Arc<dyn ExecutionPlan>> {
        match children {
            [input] => Ok(Arc::new(Self { input: Arc::clone(input), lists: self.lists.clone() })),
            _ => internal_err!("rows to unnest come from one step"),
        }
    }
}

impl DisplayAs for FitExec {
    fn fmt_as(&self, _: DisplayFormatType, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FitExec")
    }
}

impl ExecutionPlan for FitExec {
    fn name(&self) -> &str {
        "FitExec"
    }

    fn properties(&self) -> &Arc<PlanProperties> {
        self.input.properties()
    }

    fn children(&self) -> Vec<&Arc<dyn ExecutionPlan>> {
        vec![&self.input]
    }

    fn apply_expressions(
        &self,
        _: &mut dyn FnMut(&Arc<dyn PhysicalExpr>) -> Result<TreeNodeRecursion>,
    ) -> Result<TreeNodeRecursion> {
        Ok(TreeNodeRecursion::Continue)
    }

    fn replace_children(
        self: Arc<Self>,
        children: Vec<Arc<dyn ExecutionPlan>>,
        _: ReplaceChildrenOptions,
    ) -> Result<Arc<dyn ExecutionPlan>> {
        self.of(&children)
    }

    fn with_new_children(self: Arc<Self>, children: Vec<Arc<dyn ExecutionPlan>>) -> Result<Arc<dyn ExecutionPlan>> {
        self.of(&children)
    }

    fn execute(&self, partition: usize, context: Arc<TaskContext>) -> Result<SendableRecordBatchStream> {
        let schema: SchemaRef = self.input.schema();
        let lists = self.lists.clone();
        let pieces = self.input.execute(partition, context)?.flat_map(move |batch| {
            let pieces = batch.and_then(|batch| {
                let sizes = pieces(&batch, &lists)?;
                Ok(sizes.into_iter().map(move |(from, rows)| batch.slice(from, rows)))
            });
            match pieces {
                Ok(pieces) => stream::iter(pieces.map(Ok).collect::<Vec<_>>()),
                Err(error) => stream::iter(vec![Err(error)]),
            }
        });
        Ok(Box::pin(RecordBatchStreamAdapter::new(schema, pieces)))
    }
}

/// Where the pieces of a batch begin and how many rows they have.
fn pieces(batch: &RecordBatch, lists: &[usize]) -> Result<Vec<(usize, usize)>> {
    let (mut pieces, mut from, mut bytes) = (Vec::new(), 0, 0_usize);
    for row in 0..batch.num_rows() {
        let made = made(batch, lists, row);
        if made > SQL_BATCH_BYTES_MAX {
            return exec_err!("UNNEST would make more than {SQL_BATCH_BYTES_MAX} bytes of one row");
        }
        if row > from && bytes.saturating_add(made) > PIECE_BYTES_MAX {
            pieces.push((from, row - from));
            (from, bytes) = (row, 0);
        }
        bytes = bytes.saturating_add(made);
    }
    pieces.push((from, batch.num_rows() - from));
    Ok(pieces)
}

/// Bytes that a row becomes: those of its lists, and of its other columns as often as a list has elements.
fn made(batch: &RecordBatch, lists: &[usize], row: usize) -> usize {
    let (mut own, mut beside, mut elements) = (0_usize, 0_usize, 0_usize);
    for (at, column) in batch.columns().iter().enumerate() {
        let bytes = size(column, row);
        if lists.contains(&at) {
            own = own.saturating_add(bytes);
            elements = elements.max(span(column, row).map_or(0, |(_, length)| length));
        } else {
            beside = beside.saturating_add(bytes);
        }
    }
    own.saturating_add(beside.saturating_mul(elements))
}

/// Where the elements of a list or map begin, and how many there are.
fn span(of: &ArrayRef, row: usize) -> Option<(usize, usize)> {
    let offsets = match (of.as_map_opt(), of.as_list_opt::<i32>()) {
        (Some(maps), _) => maps.value_offsets(),
        (_, Some(lists)) => lists.value_offsets(),
        _ => return None,
    };
    let (from, to) = (*offsets.get(row)?, *offsets.get(row + 1)?);
    of.is_valid(row).then_some((usize::try_from(from).ok()?, usize::try_from(to - from).ok()?))
}

/// About as many bytes as a value has. Nests as deep as the type does.
pub(super) fn size(of: &ArrayRef, row: usize) -> usize {
    const PLAIN: usize = 16;
    if of.is_null(row) {
        return PLAIN;
    }
    match of.data_type() {
        DataType::Utf8 => PLAIN + of.as_string::<i32>().value(row).len(),
        DataType::Utf8View => PLAIN + of.as_string_view().value(row).len(),
        DataType::Struct(_) => of.as_struct().columns().iter().map(|column| size(column, row)).sum(),
        DataType::List(_) => elements(of.as_list::<i32>().values(), span(of, row)),
        DataType::Map(..) => {
            let maps = of.as_map();
            elements(maps.keys(), span(of, row)) + elements(maps.values(), span(of, row))
        }
        _ => PLAIN,
    }
}

fn elements(of: &ArrayRef, span: Option<(usize, usize)>) -> usize {
    let (from, length) = span.unwrap_or((0, 0));
    (from..from + length).map(|at| size(of, at)).sum()
}
