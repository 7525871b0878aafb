//! OpenSearch PPL as Logs Insights has it: commands with pipes between them, read into those that do the same.
//!
//! Sources: the user guide, "OpenSearch Piped Processing Language (PPL)", and the OpenSearch Service developer guide, "Supported PPL
//! commands". `fields` shows its list and what is computed behind it, `eval` adds columns, `top` and `rare` count, sort and cut. What has no
//! counterpart (`fieldsummary`, functions that take lambdas, …) is refused by name. Names of functions and
//! commands may be in capital or small letters.

mod commands;
mod source;
mod table;
#[cfg(test)]
mod tests;

use super::ast::{Column, Command, Expr, Query};
use super::cursor::Parsed;
use super::error::QueryError;
use super::expression::Reader;
use super::lexer::{Dialect, Kind};
use super::parse::check_length;

/// Reads a query in OpenSearch PPL.
pub fn parse(text: &str) -> Result<Query, QueryError> {
    check_length(text)?;
    let mut reader = Reader::new(text, Dialect::Ppl);
    let query = reader.ppl()?;
    reader.cursor.eat_symbol(";");
    if reader.cursor.peek().kind != Kind::End {
        return Err(reader.cursor.unexpected());
    }
    Ok(query)
}

impl Reader<'_> {
    /// `source = …`, which the request may say in its place, and commands.
    pub(super) fn ppl(&mut self) -> Parsed<Query> {
        let mut commands: Vec<Command> = Vec::new();
        let source = self.ppl_source(&mut commands)?;
        if source.is_none() && commands.is_empty() {
            self.ppl_command(&mut commands)?;
        }
        while self.cursor.eat_symbol("|") {
            self.ppl_command(&mut commands)?;
        }
        if let Some(shown) = self.scope.shown.take_if(|_| self.scope.is_shown_stale) {
            let columns = shown.into_iter().map(|name| Column { value: Expr::Field(name.clone()), name });
            commands.push(Command::Display(columns.collect()));
        }
        Ok(Query { source, commands })
    }
}
