//! What is still wanted of a table while a query runs: `ORDER BY time LIMIT n` needs less and less of it.

use super::predicate::{intersection, time_range};
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::Operator;
use datafusion::physical_expr::PhysicalExpr;
use datafusion::physical_expr::expressions::{BinaryExpr, Column, DynamicFilterPhysicalExpr, IsNullExpr, Literal};
use datafusion::physical_expr_common::physical_expr::snapshot_physical_expr;
use model::TimeRange;
use std::sync::Arc;
use store::Direction;

/// Filters that the operators above a scan make narrower as they go.
#[derive(Debug, Clone, Default)]
pub(super) struct Wanted {
    /// The column that holds the time.
    pub column: &'static str,
    /// Each is about the time column.
    pub filters: Vec<Arc<dyn PhysicalExpr>>,
    /// The end of time that is sorted to the front, where it is known.
    pub order: Option<Direction>,
}

impl Wanted {
    /// True when a filter is one to keep: it changes while the query runs, and it is about time.
    pub(super) fn takes(&self, filter: &Arc<dyn PhysicalExpr>) -> bool {
        let (mut changes, mut about_time) = (false, false);
        let visited = filter.apply(|expr| {
            changes |= expr.downcast_ref::<DynamicFilterPhysicalExpr>().is_some();
            about_time |= is_column(expr, self.column);
            Ok(TreeNodeRecursion::Continue)
        });
        visited.is_ok() && changes && about_time
    }

    /// The times that are wanted now.
    pub(super) fn range(&self) -> TimeRange {
        let ranges = self.filters.iter().filter_map(|filter| snapshot_physical_expr(Arc::clone(filter)).ok());
        ranges.fold(TimeRange::ALL, |range, filter| intersection(range, implied(&filter, self.column)))
    }

    /// Where to read first; `None` when it does not matter. While nothing is known, the newest are what is mostly asked for.
    pub(super) fn direction(&self) -> Option<Direction> {
        match self.order {
            Some(order) => Some(order),
            None if self.filters.is_empty() => None,
            None if self.range().end != TimeRange::ALL.end => Some(Direction::Forward),
            None => Some(Direction::Backward),
        }
    }
}

fn is_column(expr: &Arc<dyn PhysicalExpr>, name: &str) -> bool {
    expr.downcast_ref::<Column>().is_some_and(|column| column.name() == name)
}

const NOTHING: TimeRange = TimeRange::new(TimeRange::ALL.end, TimeRange::ALL.start);

/// The times that rows which pass a filter can have; all of them where the filter does not say.
fn implied(filter: &Arc<dyn PhysicalExpr>, column: &str) -> TimeRange {
    if let Some(literal) = filter.downcast_ref::<Literal>() {
        let is_false = *literal.value() == datafusion::common::ScalarValue::Boolean(Some(false));
        return if is_false { NOTHING } else { TimeRange::ALL };
    }
    // Times are never null.
    if filter.downcast_ref::<IsNullExpr>().is_some_and(|null| is_column(null.arg(), column)) {
        return NOTHING;
    }
    let Some(binary) = filter.downcast_ref::<BinaryExpr>() else { return TimeRange::ALL };
    let (left, right) = (binary.left(), binary.right());
    match binary.op() {
        Operator::And => intersection(implied(left, column), implied(right, column)),
        Operator::Or => union(implied(left, column), implied(right, column)),
        op if is_column(left, column) => {
            let literal = right.downcast_ref::<Literal>();
            literal.and_then(|literal| time_range(*op, literal.value())).unwrap_or(TimeRange::ALL)
        }
        _ => TimeRange::ALL,
    }
}

fn union(a: TimeRange, b: TimeRange) -> TimeRange {
    if a.is_empty() {
        b
    } else if b.is_empty() {
        a
    } else {
        TimeRange::new(a.start.min(b.start), a.end.max(b.end))
    }
}
