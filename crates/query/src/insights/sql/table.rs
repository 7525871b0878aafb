//! What stands behind `FROM`: log groups or another `SELECT`.

use super::super::ast::{BinaryOp, Command, Expr, Query, Source};
use super::super::cursor::Parsed;
use super::super::error::QueryError;
use super::super::expression::Reader;
use super::super::lexer::{Dialect, Kind};
use super::super::walk;
use super::{Select, join};

/// Log groups of a query, and what its first commands are.
#[derive(Debug)]
pub(super) struct Tables {
    pub source: Option<Source>,
    pub commands: Vec<Command>,
    /// What fields may be prefixed with; empty where there is a join, whose prefixes stay.
    prefixes: Vec<String>,
    /// What the tables are called.
    pub names: Vec<String>,
}

impl Tables {
    /// Takes the table's name away from before the names of its fields.
    pub fn forget_prefixes(&self, select: &mut Select) {
        let mut forget = |name: &mut String| {
            let rest = self.prefixes.iter().find_map(|prefix| name.strip_prefix(prefix.as_str())?.strip_prefix('.'));
            if let Some(rest) = rest {
                *name = rest.to_owned();
            }
        };
        select.expressions().for_each(|value| walk::for_each_field(value, &mut forget));
    }
}

impl Reader<'_> {
    /// Behind `FROM`.
    pub(super) fn tables(&mut self) -> Parsed<Tables> {
        let (Query { source, mut commands }, name) = self.table()?;
        if self.cursor.is_symbol(",") {
            return Err(self
                .cursor
                .error(self.cursor.peek(), "several tables are not supported: logGroups() names them"));
        }
        let Some(kind) = self.join_kind()? else {
            return Ok(Tables { source, commands, names: name.clone(), prefixes: name });
        };
        let (query, right) = self.table()?;
        let names = name.iter().chain(&right).cloned().collect();
        commands.push(Command::Join(self.join_on(kind, name.into_iter().next(), right.into_iter().next(), query)?));
        Ok(Tables { source, commands, prefixes: Vec::new(), names })
    }

    /// A log group, `logGroups(…)`, or a query in parentheses; and what its fields may be prefixed with, its alias first.
    fn table(&mut self) -> Parsed<(Query, Vec<String>)> {
        let token = self.cursor.peek();
        let (query, name) = if self.cursor.eat_symbol("(") {
            let mut query = self.select()?;
            self.cursor.symbol(")")?;
            join::drop_prefixes(&mut query);
            (query, None)
        } else if token.kind == Kind::Name {
            let inside = self.cursor.written(token);
            let query = within_backticks(&inside[1..inside.len() - 1])
                .map_err(|error| QueryError::at(self.cursor.text, token.start, token.end, error.message))?;
            self.cursor.advance();
            let name = query.source.as_ref().and_then(|source| source.groups.first()).cloned();
            (query, name)
        } else {
            let name = self.cursor.name()?;
            let mut query = self.named_table(&name)?.unwrap_or_else(|| group(name.clone()));
            join::drop_prefixes(&mut query);
            (query, Some(name))
        };
        let alias = if self.cursor.eat_word("as") { Some(self.cursor.name()?) } else { self.implicit_alias()? };
        Ok((query, alias.into_iter().chain(name).collect()))
    }
}

fn group(name: String) -> Query {
    Query { source: Some(Source { groups: vec![name], ..Source::default() }), commands: Vec::new() }
}

/// What stands in backticks behind `FROM`: the name of a log group, or selections that all must hold.
fn within_backticks(text: &str) -> Parsed<Query> {
    let mut reader = Reader::new(text, Dialect::Cwli);
    if !reader.is_call() {
        return Ok(group(text.trim().to_owned()));
    }
    let mut query = Query { source: None, commands: Vec::new() };
    while reader.cursor.peek().kind != Kind::End {
        if reader.cursor.is_word("loggroups") {
            reader.log_groups(query.source.get_or_insert_default())?;
        } else if reader.cursor.eat_word("filterindex") {
            query.commands.extend(reader.index_conditions()?.map(Command::FilterIndex));
        } else {
            return Err(reader.unsupported(reader.cursor.peek(), "selection"));
        }
    }
    Ok(query)
}

impl Reader<'_> {
    /// `('status' = 200, 'region' IN ['a', 'b'])`
    fn index_conditions(&mut self) -> Parsed<Option<Expr>> {
        self.cursor.symbol("(")?;
        let conditions = self.list(|reader| {
            let name =
                if reader.cursor.peek().kind == Kind::Text { reader.cursor.quoted()? } else { reader.cursor.name()? };
            reader.comparison_with(Expr::Field(name))
        })?;
        self.cursor.symbol(")")?;
        let and = |left, right| Expr::Binary(BinaryOp::And, Box::new(left), Box::new(right));
        Ok(conditions.into_iter().reduce(and))
    }
}
