//! `UNNEST` in Trino's way: lists, maps and rows become rows and columns of a table, beside the row that they come from.
//!
//! The engine can only unnest values that no other table has. So the lists of one `UNNEST` are zipped into one list of structs
//! ([`Zip`]) while a statement is planned, and a join with one that names columns of the table before it is afterwards made what it
//! means: the rows of that table, each as often as its list is long ([`joined`]). A list of rows has a column for each of their
//! members, as in Trino, or a single one where a single name is given for it, as in Athena.

mod zip;

use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{
    Column, DFSchema, DataFusionError, Diagnostic, Result, ScalarValue, Span, TableReference, UnnestOptions, plan_err,
};
use datafusion::functions::core::expr_fn::get_field;
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::planner::{PlannedRelation, RelationPlanner, RelationPlannerContext, RelationPlanning};
use datafusion::logical_expr::{Expr, ExprSchemable, Join, JoinType, LogicalPlan, LogicalPlanBuilder, ScalarUDF};
use datafusion::sql::sqlparser::ast::{
    self, AccessExpr, Ident, Spanned, TableAlias, TableFactor, visit_expressions_mut,
};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use zip::Zip;

/// Begins the names of lists on their way to rows; no client's name has this character in it.
const LIST: &str = "\u{1}list";
/// Begins the names of tables that a statement gives none.
const TABLE: &str = "unnest";

/// Plans `UNNEST` of one statement.
#[derive(Debug, Default)]
pub(super) struct UnnestPlanner {
    planned: AtomicUsize,
}

impl RelationPlanner for UnnestPlanner {
    fn plan_relation(
        &self,
        relation: TableFactor,
        context: &mut dyn RelationPlannerContext,
    ) -> Result<RelationPlanning> {
        let TableFactor::UNNEST { alias, array_exprs, with_ordinality, .. } = relation else {
            return Ok(RelationPlanning::Original(Box::new(relation)));
        };
        let place = array_exprs.first().and_then(|first| Span::try_from_sqlparser_span(first.span()));
        let number = self.planned.fetch_add(1, Ordering::Relaxed);
        let names = alias.iter().flat_map(|alias| &alias.columns);
        let names = names.map(|column| context.normalize_ident(column.name.clone())).collect::<Vec<_>>();
        let alias = alias.unwrap_or_else(|| unnamed(number));
        let told =
            |error: DataFusionError| error.with_diagnostic_fn(|error| Diagnostic::new_error(error.message(), place));
        let lists = lists(array_exprs, context)?;
        let table = alias.name.value.clone();
        let plan = table_of(lists, &names, with_ordinality, &table, number).map_err(told)?;
        let alias = TableAlias { columns: Vec::new(), ..alias };
        Ok(RelationPlanning::Planned(Box::new(PlannedRelation::new(plan, Some(alias)))))
    }
}

fn unnamed(number: usize) -> TableAlias {
    let name = Ident::with_quote('"', format!("{TABLE}{number}"));
    TableAlias { explicit: true, name, columns: Vec::new(), at: None }
}

/// What is unnested, which may be of the tables before.
fn lists(exprs: Vec<ast::Expr>, context: &mut dyn RelationPlannerContext) -> Result<Vec<Expr>> {
    let none = DFSchema::empty();
    let planned = exprs.into_iter().map(|mut expr| {
        let _ = visit_expressions_mut(&mut expr, |expr| {
            if let ast::Expr::CompoundIdentifier(idents) = expr
                && let Some(member) = member(idents, context)
            {
                *expr = member;
            }
            ControlFlow::<()>::Continue(())
        });
        context.sql_expr_to_logical_expr(expr, &none)
    });
    planned.collect()
}

/// A member of a column of the tables before: the engine does not find those by their names.
fn member(idents: &[Ident], context: &mut dyn RelationPlannerContext) -> Option<ast::Expr> {
    let none = DFSchema::empty();
    for count in (1..=idents.len()).rev() {
        let (column, members) = idents.split_at_checked(count)?;
        let root = match column {
            [one] => ast::Expr::Identifier(one.clone()),
            more => ast::Expr::CompoundIdentifier(more.to_vec()),
        };
        let planned = context.sql_expr_to_logical_expr(root.clone(), &none);
        if matches!(planned, Ok(Expr::OuterReferenceColumn(..))) {
            let name = |ident: &Ident| ast::Value::SingleQuotedString(ident.value.to_lowercase()).into();
            let access_chain = members.iter().map(|ident| AccessExpr::Dot(ast::Expr::Value(name(ident)))).collect();
            return (!members.is_empty())
                .then(|| ast::Expr::CompoundFieldAccess { root: Box::new(root), access_chain });
        }
    }
    None
}

/// The rows of lists, of themselves.
fn table_of(lists: Vec<Expr>, names: &[String], ordinality: bool, table: &str, number: usize) -> Result<LogicalPlan> {
    let none = DFSchema::empty();
    let types = lists.iter().map(|list| list.get_type(&none)).collect::<Result<Vec<_>>>()?;
    let given = (!names.is_empty()).then_some(names.len());
    let zip = Zip::of(&types, ordinality, given, table)?;
    let columns = zip.columns(&types)?;
    let list = format!("{LIST}{number}");
    let fields = columns.iter().enumerate().map(|(at, column)| {
        let own = || column.name.clone().unwrap_or_else(|| format!("_col{at}"));
        let name = names.get(at).cloned().unwrap_or_else(own);
        get_field(Expr::Column(Column::from_name(&list)), zip::field_name(at)).alias(name)
    });
    let fields: Vec<Expr> = fields.collect();
    let zipped = Expr::ScalarFunction(ScalarFunction::new_udf(Arc::new(ScalarUDF::from(zip)), lists));
    LogicalPlanBuilder::empty(true)
        .project([zipped.alias(&list)])?
        .unnest_column_with_options(Column::from_name(&list), UnnestOptions::new().with_preserve_nulls(false))?
        .project(fields)?
        .build()
}

/// The plan with its joins of `UNNEST` made what they mean; the others are refused.
pub(super) fn joined(plan: LogicalPlan) -> Result<LogicalPlan> {
    let joined = plan.transform_up_with_subqueries(|plan| match plan {
        LogicalPlan::Join(join) => match Beside::of(&join) {
            Some(beside) => Ok(Transformed::yes(beside.plan(&join)?)),
            None => Ok(Transformed::no(LogicalPlan::Join(join))),
        },
        other => Ok(Transformed::no(other)),
    })?;
    let plan = joined.data;
    plan.apply_with_subqueries(|plan| match plan {
        LogicalPlan::Unnest(unnest) if unnest.input.contains_outer_reference() => {
            plan_err!(
                "UNNEST can only name columns of the tables before it in the same FROM: use CROSS JOIN UNNEST there"
            )
        }
        _ => Ok(TreeNodeRecursion::Continue),
    })?;
    Ok(plan)
}

/// An `UNNEST` of the columns of the table before it.
struct Beside<'p> {
    table: &'p TableReference,
    fields: &'p [Expr],
    list: &'p Expr,
}

impl<'p> Beside<'p> {
    fn of(join: &'p Join) -> Option<Self> {
        let LogicalPlan::SubqueryAlias(alias) = join.right.as_ref() else { return None };
        let LogicalPlan::Subquery(subquery) = alias.input.as_ref() else { return None };
        let LogicalPlan::Projection(fields) = subquery.subquery.as_ref() else { return None };
        let LogicalPlan::Unnest(unnest) = fields.input.as_ref() else { return None };
        let LogicalPlan::Projection(list) = unnest.input.as_ref() else { return None };
        match (list.expr.as_slice(), list.input.as_ref()) {
            ([list], LogicalPlan::EmptyRelation(_)) => Some(Self { table: &alias.alias, fields: &fields.expr, list }),
            _ => None,
        }
    }

    fn plan(&self, join: &Join) -> Result<LogicalPlan> {
        let kind = match join.join_type {
            JoinType::Inner => "INNER",
            JoinType::Left => "LEFT",
            _ => return plan_err!("UNNEST is joined with CROSS JOIN, JOIN or LEFT JOIN"),
        };
        let is_true = |filter: &Expr| matches!(filter, Expr::Literal(ScalarValue::Boolean(Some(true)), _));
        if !join.on.is_empty() || !join.filter.iter().all(is_true) {
            return plan_err!("{kind} JOIN involving UNNEST is only supported with condition ON TRUE");
        }
        let before: Vec<Expr> = join.left.schema().columns().into_iter().map(Expr::Column).collect();
        let list = of_columns(self.list.clone(), join.left.schema())?;
        let name = Column::from_name(list.schema_name().to_string());
        let fields = self.fields.iter().map(|field| {
            let name = field.schema_name().to_string();
            field.clone().unalias().alias_qualified(Some(self.table.clone()), name)
        });
        let options = UnnestOptions::new().with_preserve_nulls(join.join_type == JoinType::Left);
        LogicalPlanBuilder::new_from_arc(Arc::clone(&join.left))
            .project(before.iter().cloned().chain([list]))?
            .unnest_column_with_options(name, options)?
            .project(before.iter().cloned().chain(fields))?
            .build()
    }
}

/// An expression over the columns of a table that it had as those of an outer one.
fn of_columns(expr: Expr, schema: &DFSchema) -> Result<Expr> {
    let of = expr.transform_up(|expr| {
        Ok(match expr {
            Expr::OuterReferenceColumn(_, column) if schema.has_column(&column) => {
                Transformed::yes(Expr::Column(column))
            }
            other => Transformed::no(other),
        })
    });
    Ok(of?.data)
}
