//! Reads of fields of log lines become columns of the table `logs`, which the store keeps for many of them.
//!
//! `json_extract_scalar(message, '$.name')` and `split_part(message, ' ', n)` are what a field is by definition
//! (`store::LogField`), so a plan in which the table has these as columns answers the same. That is done where a SELECT reads the
//! table alone: where it is filtered, and then projected or aggregated.

use super::json;
use super::logs::Logs;
use datafusion::common::tree_node::{Transformed, TreeNode, TreeNodeRecursion};
use datafusion::common::{Column, Result};
use datafusion::datasource::{provider_as_source, source_as_provider};
use datafusion::logical_expr::expr::ScalarFunction;
use datafusion::logical_expr::expr_rewriter::NamePreserver;
use datafusion::logical_expr::logical_plan::{SubqueryAlias, TableScan, TableScanBuilder};
use datafusion::logical_expr::{Expr, Filter, LogicalPlan};
use std::sync::Arc;
use store::{FIELD_COLUMNS, LogField};

/// The same plan, with columns for fields where they can be.
pub(super) fn as_columns(plan: LogicalPlan) -> Result<LogicalPlan> {
    let rewritten = plan.transform_up_with_subqueries(|node| match node {
        LogicalPlan::Projection(_) | LogicalPlan::Aggregate(_) => rewrite(node),
        other => Ok(Transformed::no(other)),
    });
    Ok(rewritten?.data)
}

/// The name of the column of a field, which no other column can have.
pub(super) fn column_name(field: &LogField) -> String {
    format!("message {field}")
}

fn rewrite(node: LogicalPlan) -> Result<Transformed<LogicalPlan>> {
    let inputs = node.inputs();
    let [input] = inputs.as_slice() else { return Ok(Transformed::no(node)) };
    let mut fields = Vec::new();
    let Some(()) = gather(input, &mut fields)? else { return Ok(Transformed::no(node)) };
    node.expressions().iter().try_for_each(|expr| gather_from(expr, &mut fields))?;
    if fields.is_empty() {
        return Ok(Transformed::no(node));
    }
    let input = with_columns(input, &fields)?;
    let names = NamePreserver::new(&node);
    let replace = |expr: Expr| {
        let name = names.save(&expr);
        Ok(name.restore(replace(expr, &fields)?))
    };
    let exprs = node.expressions().into_iter().map(replace).collect::<Result<Vec<Expr>>>()?;
    node.with_new_exprs(exprs, vec![input]).map(Transformed::yes)
}

/// The fields that filters over the table ask for; `None` when this is not the table, maybe filtered and renamed.
fn gather(plan: &LogicalPlan, fields: &mut Vec<LogField>) -> Result<Option<()>> {
    match plan {
        LogicalPlan::Filter(Filter { predicate, input, .. }) => {
            gather_from(predicate, fields)?;
            gather(input, fields)
        }
        LogicalPlan::SubqueryAlias(SubqueryAlias { input, .. }) => gather(input, fields),
        LogicalPlan::TableScan(scan) => {
            let table = source_as_provider(&scan.source)?;
            let is_plain = scan.projection.is_none() && scan.filters.is_empty() && scan.fetch.is_none();
            Ok((is_plain && table.downcast_ref::<Logs>().is_some_and(|logs| logs.fields.is_empty())).then_some(()))
        }
        _ => Ok(None),
    }
}

fn gather_from(expr: &Expr, fields: &mut Vec<LogField>) -> Result<()> {
    expr.apply(|expr| {
        if let Some((_, field)) = field_of(expr)
            && !fields.contains(&field)
            && fields.len() < FIELD_COLUMNS.len()
        {
            fields.push(field);
        }
        Ok(TreeNodeRecursion::Continue)
    })
    .map(drop)
}

/// The column of lines, and the field of it that an expression is.
fn field_of(expr: &Expr) -> Option<(&Column, LogField)> {
    let Expr::ScalarFunction(ScalarFunction { func, args }) = expr else { return None };
    let (field, line) = match (func.name(), args.as_slice()) {
        ("json_extract_scalar", [line, Expr::Literal(path, _)]) => {
            let path = json::Path::parse(path.try_as_str()??).ok()?;
            (LogField::Member(path.only_field()?.to_owned()), line)
        }
        ("split_part", [line, Expr::Literal(delimiter, _), Expr::Literal(number, _)]) => {
            (delimiter.try_as_str()?? == " ").then_some(())?;
            let number = usize::try_from(i64::try_from(number.clone()).ok()?).ok()?;
            (1..=LogField::WORDS_MAX).contains(&number).then_some((LogField::Word(number), line))?
        }
        _ => return None,
    };
    match line {
        Expr::Column(column) if column.name == "message" => Some((column, field)),
        _ => None,
    }
}

/// The expression, with columns in place of fields.
fn replace(expr: Expr, fields: &[LogField]) -> Result<Expr> {
    let replaced = expr.transform_down(|expr| {
        Ok(match field_of(&expr).filter(|(_, field)| fields.contains(field)) {
            Some((line, field)) => {
                Transformed::yes(Expr::Column(Column::new(line.relation.clone(), column_name(&field))))
            }
            None => Transformed::no(expr),
        })
    });
    Ok(replaced?.data)
}

/// What `gather` looked through, with columns for the fields.
fn with_columns(plan: &LogicalPlan, fields: &[LogField]) -> Result<LogicalPlan> {
    Ok(match plan {
        LogicalPlan::Filter(Filter { predicate, input, .. }) => {
            let input = Arc::new(with_columns(input, fields)?);
            LogicalPlan::Filter(Filter::try_new(replace(predicate.clone(), fields)?, input)?)
        }
        LogicalPlan::SubqueryAlias(SubqueryAlias { input, alias, .. }) => {
            let input = Arc::new(with_columns(input, fields)?);
            LogicalPlan::SubqueryAlias(SubqueryAlias::try_new(input, alias.clone())?)
        }
        LogicalPlan::TableScan(TableScan { table_name, source, .. }) => {
            let table = source_as_provider(source)?;
            let Some(logs) = table.downcast_ref::<Logs>() else { return Ok(plan.clone()) };
            let source = provider_as_source(Arc::new(logs.with_fields(fields.to_vec())));
            LogicalPlan::TableScan(TableScanBuilder::new(table_name.clone(), source).build()?)
        }
        other => other.clone(),
    })
}
