//! From a statement's text to a logical plan, or to the reason why not: one statement, reading only, of bounded size.

use super::{SqlError, growth};
use datafusion::common::tree_node::TreeNodeRecursion;
use datafusion::execution::SessionState;
use datafusion::execution::context::SQLOptions;
use datafusion::logical_expr::LogicalPlan;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{self, visit_relations};
use model::limits::{SQL_NESTING_MAX, SQL_PLAN_NODES_MAX, SQL_STATEMENT_BYTES_MAX, SQL_TABLES_MAX};
use std::ops::ControlFlow;

/// Functions that make long text or lists from a short one, beyond what the memory limit counts.
pub(super) const REFUSED_FUNCTIONS: [&str; 11] = [
    "repeat",
    "lpad",
    "rpad",
    "space",
    "array_repeat",
    "list_repeat",
    "array_resize",
    "list_resize",
    "range",
    "generate_series",
    "gen_series",
];

/// Plans a statement.
pub(super) async fn plan(state: &SessionState, text: &str) -> Result<LogicalPlan, SqlError> {
    let plan = state.statement_to_plan(parse(text)?).await?;
    let reading = SQLOptions::new().with_allow_ddl(false).with_allow_dml(false).with_allow_statements(false);
    reading.verify_plan(&plan)?;
    if nodes_exceed(&plan, SQL_PLAN_NODES_MAX) {
        let message = format!("the statement is too large: its plan has more than {SQL_PLAN_NODES_MAX} steps");
        return Err(SqlError::Limit(message));
    }
    Ok(growth::bounded(plan)?)
}

/// One statement that only reads.
fn parse(text: &str) -> Result<Statement, SqlError> {
    if text.len() > SQL_STATEMENT_BYTES_MAX {
        return Err(SqlError::Limit(format!("a statement has at most {SQL_STATEMENT_BYTES_MAX} bytes")));
    }
    let mut parser = DFParserBuilder::new(text).with_recursion_limit(SQL_NESTING_MAX).build()?;
    let mut statements = parser.parse_statements()?;
    let (Some(statement), None) = (statements.pop_front(), statements.pop_front()) else {
        return Err(SqlError::invalid("exactly one statement is needed"));
    };
    check(&statement)?;
    Ok(statement)
}

/// Refuses everything that does not only read.
fn check(statement: &Statement) -> Result<(), SqlError> {
    let refused =
        || Err(SqlError::invalid("only SELECT, EXPLAIN, SHOW TABLES, SHOW COLUMNS and DESCRIBE are answered here"));
    let inner = match statement {
        Statement::Statement(inner) => inner.as_ref(),
        Statement::Explain(explain) => return check(&explain.statement),
        _ => return refused(),
    };
    match inner {
        ast::Statement::Query(_)
        | ast::Statement::Explain { .. }
        | ast::Statement::ExplainTable { .. }
        | ast::Statement::ShowTables { .. }
        | ast::Statement::ShowColumns { .. } => {}
        _ => return refused(),
    }
    let mut tables = 0;
    let _ = visit_relations(inner, |_| {
        tables += 1;
        if tables > SQL_TABLES_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    if tables > SQL_TABLES_MAX {
        return Err(SqlError::Limit(format!("a statement names at most {SQL_TABLES_MAX} tables")));
    }
    Ok(())
}

/// Common table expressions that use each other twice make plans of exponential size; counting stops at the limit.
pub(super) fn nodes_exceed(plan: &LogicalPlan, limit: usize) -> bool {
    let mut nodes = 0;
    let visited = plan.apply_with_subqueries(|_| {
        nodes += 1;
        Ok(if nodes > limit { TreeNodeRecursion::Stop } else { TreeNodeRecursion::Continue })
    });
    visited.is_err() || nodes > limit
}
