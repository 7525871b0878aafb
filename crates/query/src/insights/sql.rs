//! OpenSearch SQL as Logs Insights has it: one `SELECT`, read into the commands that do the same.
//!
//! Sources: the user guide, "OpenSearch Structured Query Language (SQL)", and the OpenSearch Service developer guide, "Supported OpenSearch
//! SQL commands and functions". A log group, `logGroups(…)` and `filterIndex(…)` stand in backticks behind `FROM`. Columns are computed by
//! `fields` or `stats`, and `display` puts them in order at the end; `SELECT *` leaves what is shown to the engine. Windows are
//! columns that are computed before those. What has no counterpart (`CROSS JOIN` and its like, `WITH RECURSIVE`, correlated queries,
//! `EXISTS`, frames by distance in values, lambdas) is refused by name.

mod combined;
mod grouping;
mod join;
mod table;
#[cfg(test)]
mod tests;
mod window;

use super::ast::{Column, Command, Expr, Function, Query, SortKey, Window};
use super::cursor::Parsed;
use super::error::QueryError;
use super::expression::{Reader, is_reserved};
use super::lexer::{Dialect, Kind};
use super::parse::check_length;
use super::{subqueries, walk};

/// Reads a query in OpenSearch SQL.
pub fn parse(text: &str) -> Result<Query, QueryError> {
    check_length(text)?;
    let mut reader = Reader::new(text, Dialect::Sql);
    let query = reader.select()?;
    reader.cursor.eat_symbol(";");
    match reader.cursor.peek() {
        token if token.kind == Kind::End => Ok(query),
        _ => Err(reader.cursor.unexpected()),
    }
}

/// What stands behind `SELECT`.
#[derive(Debug)]
pub(super) struct Item {
    value: Expr,
    /// As it was written.
    text: String,
    alias: Option<String>,
    /// Its bytes.
    range: (usize, usize),
}

/// A `SELECT` as it is written.
#[derive(Debug, Default)]
pub(super) struct Select {
    is_distinct: bool,
    /// `None` for `*`.
    items: Option<Vec<Item>>,
    filter: Option<Expr>,
    group_by: Vec<Item>,
    having: Option<Item>,
    order_by: Vec<(Item, bool)>,
    limit: Option<u64>,
    offset: Option<u64>,
    windows: Vec<Window>,
}

impl Reader<'_> {
    /// `SELECT … FROM … WHERE … GROUP BY … HAVING … ORDER BY … LIMIT … OFFSET …`
    fn select_alone(&mut self, follows: bool) -> Parsed<Query> {
        self.cursor.word("select")?;
        let mut select = Select { is_distinct: self.cursor.eat_word("distinct"), ..Select::default() };
        if !self.cursor.eat_symbol("*") {
            (self.scope.is_stats, self.scope.may_have_windows) = (true, true);
            select.items = Some(self.list(Self::item)?);
            (self.scope.is_stats, self.scope.may_have_windows) = (false, false);
        }
        self.cursor.word("from")?;
        let windows = std::mem::take(&mut self.scope.windows);
        let mut tables = self.tables()?;
        self.scope.windows = windows;
        self.clauses(&mut select, follows)?;
        select.windows = std::mem::take(&mut self.scope.windows);
        tables.forget_prefixes(&mut select);
        self.refuse_correlated(&mut select, &tables.names)?;
        let mut commands = std::mem::take(&mut tables.commands);
        commands.extend(select.filter.take().map(Command::Filter));
        let has_aggregates = select.has_aggregates();
        let shown =
            if has_aggregates { self.grouped(&mut select, &mut commands)? } else { select.plain(&mut commands) };
        if select.is_distinct {
            distinct(&shown, &mut commands)
                .ok_or_else(|| self.cursor.error_since(0, "SELECT DISTINCT * is not supported"))?;
        }
        select.finish(&mut commands, shown);
        Ok(Query { source: tables.source, commands })
    }

    /// A query within this one is run once, before it: it cannot look at rows of these tables.
    fn refuse_correlated(&self, select: &mut Select, tables: &[String]) -> Parsed<()> {
        for expr in select.expressions() {
            for query in subqueries::within(expr) {
                let joined: Vec<String> = query.commands.iter().flat_map(join::prefixes).collect();
                let is_outer = |name: &&str| {
                    let has_prefix =
                        |table: &&String| name.strip_prefix(table.as_str()).is_some_and(|rest| rest.starts_with('.'));
                    tables.iter().any(|table| has_prefix(&table)) && !joined.iter().any(|table| has_prefix(&table))
                };
                let Some(name) = subqueries::fields(query).find(is_outer) else { continue };
                let found = self.scope.subqueries.iter().find_map(|(start, end)| {
                    let at = start + self.cursor.text[*start..*end].find(name)?;
                    Some((at, at + name.len()))
                });
                let (start, end) = found.unwrap_or((0, self.cursor.last_end()));
                let message = format!("{name} is of the query around this one: correlated queries are not supported");
                return Err(QueryError::at(self.cursor.text, start, end, message));
            }
        }
        Ok(())
    }

    /// An expression, perhaps with an alias.
    fn item(&mut self) -> Parsed<Item> {
        let start = self.cursor.peek().start;
        let (value, text) = self.written_expression()?;
        let (text, range) = (text.to_owned(), (start, self.cursor.last_end()));
        let alias = if self.cursor.eat_word("as") { Some(self.cursor.name()?) } else { self.implicit_alias()? };
        Ok(Item { value, text, alias, range })
    }

    /// A name that stands behind an expression or a table without `AS`.
    fn implicit_alias(&mut self) -> Parsed<Option<String>> {
        let token = self.cursor.peek();
        let is_name = match token.kind {
            Kind::Name => true,
            Kind::Word => !is_reserved(self.cursor.written(token), Dialect::Sql),
            _ => false,
        };
        if is_name { self.cursor.name().map(Some) } else { Ok(None) }
    }

    fn clauses(&mut self, select: &mut Select, follows: bool) -> Parsed<()> {
        if self.cursor.eat_word("where") {
            select.filter = Some(self.expression()?);
        }
        if self.cursor.eat_word("group") {
            self.cursor.word("by")?;
            select.group_by = self.list(Self::item)?;
        }
        self.scope.is_stats = true;
        if self.cursor.eat_word("having") {
            select.having = Some(self.item()?);
        }
        if follows || self.is_combined() {
            self.scope.is_stats = false;
            return Ok(());
        }
        if self.cursor.eat_word("order") {
            self.cursor.word("by")?;
            self.scope.may_have_windows = true;
            select.order_by = self.list(Self::order_key)?.into_iter().flatten().collect();
            self.scope.may_have_windows = false;
        }
        self.scope.is_stats = false;
        if self.cursor.eat_word("limit") {
            select.limit = Some(self.cursor.whole()?);
        }
        if self.cursor.eat_word("offset") {
            select.offset = Some(self.cursor.whole()?);
        }
        Ok(())
    }

    /// What rows are sorted by, and whether from high to low; where rows without a value come first, that they have one goes before.
    fn order_key(&mut self) -> Parsed<Vec<(Item, bool)>> {
        let start = self.cursor.peek().start;
        let (value, text) = self.written_expression()?;
        let range = (start, self.cursor.last_end());
        let item = Item { value, text: text.to_owned(), alias: None, range };
        let is_descending = self.cursor.eat_word("desc");
        if !is_descending {
            self.cursor.eat_word("asc");
        }
        let mut keys = Vec::new();
        if self.cursor.eat_word("nulls") && !self.cursor.eat_word("last") {
            self.cursor.word("first")?;
            let has_value = Expr::Call(Function::IsPresent, vec![item.value.clone()]);
            keys.push((Item { value: has_value, text: item.text.clone(), alias: None, range }, false));
        }
        keys.push((item, is_descending));
        Ok(keys)
    }
}

impl Item {
    /// What its column is called: the alias, the field, or its text.
    fn name(&self) -> &str {
        match (&self.alias, &self.value) {
            (Some(alias), _) => alias,
            (None, Expr::Field(name)) if !name.starts_with(window::PREFIX) => name,
            (None, _) => &self.text,
        }
    }
}

impl Select {
    fn has_aggregates(&self) -> bool {
        let items = self.items.iter().flatten().chain(&self.having).chain(self.order_by.iter().map(|(item, _)| item));
        !self.group_by.is_empty() || items.into_iter().any(|item| walk::has_aggregate(&item.value))
    }

    /// Every expression, to be changed.
    fn expressions(&mut self) -> impl Iterator<Item = &mut Expr> {
        let items = self.items.iter_mut().flatten().chain(&mut self.group_by).chain(&mut self.having);
        let items = items.chain(self.order_by.iter_mut().map(|(item, _)| item)).map(|item| &mut item.value);
        items.chain(&mut self.filter).chain(self.windows.iter_mut().flat_map(window::expressions))
    }

    /// Computes columns of single rows and sorts; the names of what is shown.
    fn plain(&mut self, commands: &mut Vec<Command>) -> Option<Vec<String>> {
        let items = self.items.take()?;
        let mut names = Vec::new();
        let mut computed = Vec::new();
        for item in items {
            let mut name = item.name().to_owned();
            if names.contains(&name) {
                name = item.text.replace('`', "");
            }
            if !matches!(&item.value, Expr::Field(field) if *field == name) {
                computed.push(Column { name: name.clone(), value: item.value });
            }
            names.push(name);
        }
        commands.extend(std::mem::take(&mut self.windows).into_iter().map(Command::Window));
        if !computed.is_empty() {
            commands.push(Command::Fields(computed));
        }
        Some(names)
    }

    /// Sorts, cuts and shows.
    fn finish(self, commands: &mut Vec<Command>, shown: Option<Vec<String>>) {
        let names = shown.as_deref().unwrap_or_default();
        let keys: Vec<SortKey> = self
            .order_by
            .into_iter()
            .map(|(item, is_descending)| {
                let value = ordinal(&item.value, names).unwrap_or(item.value);
                SortKey { value, is_descending, is_natural: false }
            })
            .collect();
        if !keys.is_empty() {
            commands.push(Command::Sort(keys));
        }
        commands.extend(self.offset.filter(|offset| *offset > 0).map(Command::Skip));
        commands.extend(self.limit.map(Command::Limit));
        if let Some(names) = shown {
            let columns = names.into_iter().map(|name| Column { value: Expr::Field(name.clone()), name });
            commands.push(Command::Display(columns.collect()));
        }
    }
}

/// The column that a number stands for, `ORDER BY 1`.
fn ordinal(value: &Expr, names: &[String]) -> Option<Expr> {
    let Expr::Literal(super::ast::Literal::Number(number)) = value else { return None };
    let index = (1..=names.len()).find(|index| *index as f64 == *number)?;
    Some(Expr::Field(names[index - 1].clone()))
}

/// One row for each combination of the columns; `None` when they are not known.
fn distinct(shown: &Option<Vec<String>>, commands: &mut Vec<Command>) -> Option<()> {
    let names = shown.as_ref()?;
    let by = names.iter().map(|name| Column { name: name.clone(), value: Expr::Field(name.clone()) });
    commands.push(Command::Stats { values: Vec::new(), by: by.collect() });
    Some(())
}
