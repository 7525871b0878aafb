//! Insights QL, the language of CloudWatch Logs Insights: commands with pipes between them.
//!
//! Sources: the user guide ("CloudWatch Logs Insights language query syntax" and a page for each command); queries and errors that
//! users of AWS published. Keywords and names of functions may be in capital or small letters. `order by`, `sort by`, `head`, `where`,
//! `==`, `!x` and `bin(field, 1h)` are in use though not in the guide. Commands and functions of the guide that the tree has no place
//! for are refused by name. Where the guide says nothing: `^` binds to the right; a month of `diff previousMonth` has 30 days; tags of
//! `SOURCE` are written `tags: ['key', 'key=value']`.

mod commands;
mod join;
mod order;
mod pattern;
mod source;
mod stats;
mod table;
#[cfg(test)]
mod tests;

pub(super) use join::{NO_SIDES, sides};

use super::QUERY_CHARS_MAX;
use super::ast::Query;
use super::cursor::Parsed;
use super::error::QueryError;
use super::expression::Reader;
use super::lexer::{Dialect, Kind};
use super::scope::Scope;

/// Reads a query in Insights QL.
pub fn parse(text: &str) -> Result<Query, QueryError> {
    check_length(text)?;
    let mut reader = Reader::new(text, Dialect::Cwli);
    let query = reader.query()?;
    if reader.cursor.peek().kind != Kind::End {
        return Err(reader.cursor.unexpected());
    }
    Ok(query)
}

/// Refuses a text of more than 10,000 characters.
pub(super) fn check_length(text: &str) -> Result<(), QueryError> {
    match text.char_indices().nth(QUERY_CHARS_MAX) {
        Some((end, _)) => {
            let message = format!("the query has more than {QUERY_CHARS_MAX} characters");
            Err(QueryError::at(text, end, text.len(), message))
        }
        None => Ok(()),
    }
}

impl Reader<'_> {
    /// `SOURCE`, and commands.
    fn query(&mut self) -> Parsed<Query> {
        let source = self.source()?;
        let commands = match self.cursor.peek().kind {
            Kind::End if source.is_some() => Vec::new(),
            Kind::Symbol if source.is_some() && self.cursor.is_symbol(")") => Vec::new(),
            _ if source.is_some() => {
                self.cursor.symbol("|")?;
                self.commands()?
            }
            _ => self.commands()?,
        };
        Ok(Query { source, commands })
    }

    /// A query in parentheses (in PPL in brackets). It knows nothing of the columns around it, and has no query within it.
    pub fn subquery(&mut self) -> Parsed<Query> {
        if self.scope.is_subquery {
            let message = "nested subqueries are not supported";
            return Err(self.cursor.error(self.cursor.peek(), message));
        }
        let start = self.cursor.peek().start;
        let dialect = self.cursor.dialect;
        let (opening, closing) = if dialect == Dialect::Ppl { ("[", "]") } else { ("(", ")") };
        self.cursor.symbol(opening)?;
        self.cursor.enter()?;
        let outer = std::mem::replace(&mut self.scope, Scope { is_subquery: true, ..Scope::default() });
        let query = match dialect {
            Dialect::Cwli => self.query()?,
            Dialect::Sql => self.select()?,
            Dialect::Ppl => self.ppl()?,
        };
        self.scope = outer;
        self.cursor.leave();
        self.cursor.symbol(closing)?;
        self.scope.subqueries.push((start, self.cursor.last_end()));
        Ok(query)
    }
}
