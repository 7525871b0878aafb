//! From the text of a statement to DataFusion's tree of it: ids of stores quoted, `?` filled in, Trino's words translated.
//!
//! Whatever is not known to mean the same here as in Trino is refused, with its place in the client's text.

use super::dialect::Trino;
use super::expressions::{self, Refused};
use crate::lake::{LakeError, StoreName, store_names};
use crate::sql::SqlError;
use crate::sql::error::SqlPosition;
use datafusion::common::DataFusionError;
use datafusion::sql::parser::{DFParserBuilder, Statement};
use datafusion::sql::sqlparser::ast::{
    self, Expr, Ident, ObjectName, ObjectNamePart, Query, Select, SelectItem, Spanned, TableAlias, TableFactor, Value,
    VisitMut, VisitorMut, visit_relations,
};
use datafusion::sql::sqlparser::tokenizer::Location;
use model::Timestamp;
use model::limits::{SQL_NESTING_MAX, SQL_TABLES_MAX};
use std::collections::HashSet;
use std::ops::ControlFlow;

/// Where the engine looks for tables that are named without a schema.
pub(super) const SCHEMA: &str = "trailwatch.lake";
/// Stands between a column's name and a number where a name is there twice.
const COPY: char = '\u{1}';

/// A client's statement.
pub(super) struct Text {
    /// With every id in quotes.
    quoted: String,
    /// The ids in the client's text.
    names: Vec<StoreName>,
    client: String,
}

impl Text {
    /// Quotes the ids.
    pub(super) fn new(client: &str) -> Self {
        let names = store_names(client);
        let mut quoted = String::with_capacity(client.len() + 2 * names.len());
        let mut done = 0;
        for name in &names {
            quoted.push_str(client.get(done..name.at).unwrap_or_default());
            if name.quoted {
                quoted.push_str(&name.id)
            } else {
                quoted.extend(["\"", &name.id, "\""])
            }
            done = name.at + name.id.len();
        }
        quoted.push_str(client.get(done..).unwrap_or_default());
        Self { quoted, names, client: client.to_owned() }
    }

    /// Reads the statement; `parameters` are the values of its `?`.
    pub(super) fn parse(&self, parameters: &[String], now: Timestamp) -> Result<Statement, LakeError> {
        let failed = |error: DataFusionError| self.told(SqlError::from(error));
        let parser = DFParserBuilder::new(self.quoted.as_str())
            .with_dialect(&Trino)
            .with_recursion_limit(SQL_NESTING_MAX)
            .build();
        let mut statements = parser.and_then(|mut parser| parser.parse_statements()).map_err(failed)?;
        let (Some(statement), None) = (statements.pop_front(), statements.pop_front()) else {
            return Err(LakeError::Invalid("Exactly one statement is needed.".into()));
        };
        let Statement::Statement(mut inner) = statement else { return Err(only_select()) };
        let ast::Statement::Query(_) = inner.as_ref() else { return Err(only_select()) };
        self.check_tables(&inner)?;
        fill(&mut inner, parameters)?;
        let mut translation = Translation { now };
        if let ControlFlow::Break(refused) = VisitMut::visit(inner.as_mut(), &mut translation) {
            let Refused { at, message } = refused;
            return Err(self.at(at.map(|at| SqlPosition { line: at.line, column: at.column }), &message));
        }
        Ok(Statement::Statement(inner))
    }

    fn check_tables(&self, statement: &ast::Statement) -> Result<(), LakeError> {
        let mut tables = 0;
        let _ = visit_relations(statement, |_| {
            tables += 1;
            if tables > SQL_TABLES_MAX { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        match tables > SQL_TABLES_MAX {
            true => Err(LakeError::Invalid(format!("A statement names at most {SQL_TABLES_MAX} tables."))),
            false => Ok(()),
        }
    }

    /// What went wrong, in words for the client, with the place in its own text.
    pub(super) fn told(&self, error: SqlError) -> LakeError {
        match error {
            SqlError::Invalid { message, position } => self.at(position, &message),
            SqlError::Limit(message) => LakeError::Invalid(message),
            other => LakeError::Failed(other.to_string()),
        }
    }

    fn at(&self, position: Option<SqlPosition>, message: &str) -> LakeError {
        let message = plain(message);
        let Some(SqlPosition { line, column }) = position.filter(|position| position.line > 0) else {
            return LakeError::Invalid(message);
        };
        LakeError::Invalid(format!("line {line}:{}: {message}", self.client_column(line, column)))
    }

    /// The column in the client's text: without the quotes before it.
    fn client_column(&self, line: u64, column: u64) -> u64 {
        let mut shown = column;
        for name in self.names.iter().filter(|name| !name.quoted) {
            let before = self.client.get(..name.at).unwrap_or_default();
            let name_line = before.matches('\n').count() as u64 + 1;
            let begin = before.rsplit('\n').next().unwrap_or_default().chars().count() as u64 + 1;
            if name_line != line || shown <= begin {
                continue;
            }
            shown -= if shown > begin + name.id.len() as u64 + 1 { 2 } else { 1 };
        }
        shown
    }
}

/// A message without what is the engine's own: its words for kinds of errors, its name of the schema, places in the quoted text.
fn plain(message: &str) -> String {
    let message = message.strip_prefix("SQL error: ").unwrap_or(message);
    let inner = ["ParserError(\"", "TokenizerError(\""].iter().find_map(|kind| message.strip_prefix(kind));
    let message = match inner.and_then(|inner| inner.strip_suffix("\")")) {
        Some(inner) => inner.rsplit_once(" at Line: ").map_or(inner, |(before, _)| before).replace("\\\"", "\""),
        None => message.to_owned(),
    };
    let message = ["Error during planning: ", "Schema error: ", "This feature is not implemented: "]
        .iter()
        .fold(message, |message, kind| message.replace(kind, ""));
    message.replace(&format!("{SCHEMA}."), "").replace(COPY, " ")
}

/// The name of a column of an answer, without what tells it from others.
pub(super) fn column_name(name: &str) -> String {
    name.split(COPY).next().unwrap_or_default().to_owned()
}

fn only_select() -> LakeError {
    LakeError::Invalid("Only SELECT statements are supported.".into())
}

/// Puts values in the places of `?`, in the order of the text. Where there are values, a quoted `'?'` is such a place as well: AWS's
/// own widgets have them so.
fn fill(statement: &mut ast::Statement, parameters: &[String]) -> Result<(), LakeError> {
    let is_place = |value: &Value| match value {
        Value::Placeholder(_) => true,
        Value::SingleQuotedString(text) => text == "?" && !parameters.is_empty(),
        _ => false,
    };
    let mut places: Vec<Location> = Vec::new();
    let _ = ast::visit_expressions(statement, |expr| {
        if let Expr::Value(value) = expr
            && is_place(&value.value)
        {
            places.push(value.span.start);
        }
        ControlFlow::<()>::Continue(())
    });
    if places.len() != parameters.len() {
        let (wanted, given) = (places.len(), parameters.len());
        let message = format!("Incorrect number of parameters: expected {wanted} but found {given}");
        return Err(LakeError::Invalid(message));
    }
    places.sort();
    let _ = ast::visit_expressions_mut(statement, |expr| {
        if let Expr::Value(value) = expr
            && is_place(&value.value)
            && let Ok(at) = places.binary_search(&value.span.start)
            && let Some(parameter) = parameters.get(at)
        {
            value.value = Value::SingleQuotedString(parameter.clone());
        }
        ControlFlow::<()>::Continue(())
    });
    Ok(())
}

/// Translates as it walks.
struct Translation {
    now: Timestamp,
}

impl VisitorMut for Translation {
    type Break = Refused;

    fn pre_visit_query(&mut self, query: &mut Query) -> ControlFlow<Refused> {
        let Some(with) = &mut query.with else { return ControlFlow::Continue(()) };
        if with.recursive {
            return refused(&*with, "WITH RECURSIVE is not supported");
        }
        with.cte_tables.iter_mut().for_each(|table| lower_alias(&mut table.alias));
        ControlFlow::Continue(())
    }

    fn pre_visit_relation(&mut self, relation: &mut ObjectName) -> ControlFlow<Refused> {
        relation.0.iter_mut().for_each(|part| {
            if let ObjectNamePart::Identifier(ident) = part {
                expressions::lower(ident);
            }
        });
        ControlFlow::Continue(())
    }

    fn pre_visit_table_factor(&mut self, factor: &mut TableFactor) -> ControlFlow<Refused> {
        let alias = match factor {
            TableFactor::Table { alias, args: None, .. }
            | TableFactor::Derived { alias, .. }
            | TableFactor::NestedJoin { alias, .. }
            | TableFactor::UNNEST { alias, with_offset: false, .. } => alias,
            other => return refused(&*other, "only event data stores, sub-queries and UNNEST can be read from"),
        };
        alias.iter_mut().for_each(lower_alias);
        ControlFlow::Continue(())
    }

    fn pre_visit_select(&mut self, select: &mut Select) -> ControlFlow<Refused> {
        name_columns(select);
        ControlFlow::Continue(())
    }

    fn post_visit_expr(&mut self, expr: &mut Expr) -> ControlFlow<Refused> {
        match expressions::translate(expr, self.now) {
            Ok(()) => ControlFlow::Continue(()),
            Err(refused) => ControlFlow::Break(refused),
        }
    }
}

fn refused(at: &impl Spanned, message: &str) -> ControlFlow<Refused> {
    ControlFlow::Break(Refused { at: Some(at.span().start), message: message.to_owned() })
}

/// Names of tables are not told apart by case either.
fn lower_alias(alias: &mut TableAlias) {
    expressions::lower(&mut alias.name);
    alias.columns.iter_mut().for_each(|column| expressions::lower(&mut column.name));
}

/// Names columns as Trino does: a member of a struct by its own name, what has no name by its place. Names that are there twice
/// are told apart until the answer is shown.
fn name_columns(select: &mut Select) {
    let mut names: HashSet<String> = HashSet::new();
    for (at, item) in select.projection.iter_mut().enumerate() {
        let (name, is_named) = match item {
            SelectItem::UnnamedExpr(expr) => match expr {
                Expr::Identifier(ident) => (ident.value.to_lowercase(), true),
                other => (expressions::name(other).unwrap_or_else(|| format!("_col{at}")), false),
            },
            SelectItem::ExprWithAlias { alias, .. } => (alias.value.to_lowercase(), false),
            _ => continue,
        };
        let is_new = names.insert(name.clone());
        let unique = if is_new { name } else { format!("{name}{COPY}{at}") };
        if is_new && is_named {
            continue;
        }
        let alias = Ident::with_quote('"', unique);
        let placeholder = SelectItem::Wildcard(ast::WildcardAdditionalOptions::default());
        *item = match std::mem::replace(item, placeholder) {
            SelectItem::UnnamedExpr(expr) | SelectItem::ExprWithAlias { expr, .. } => {
                SelectItem::ExprWithAlias { expr, alias }
            }
            other => other,
        };
    }
}
