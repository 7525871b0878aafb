//! CloudWatch Logs Insights: queries over log events, in three languages that are read into one tree and run by one engine.
//!
//! Reading: `parse`, `sql` and `ppl` make the tree of `ast`. Running: `build` makes steps of its commands, with names resolved
//! (`names`) and expressions prepared (`code`, `functions`); `plan` says what runs where; a `worker` takes events through the steps
//! that look at one row at a time (`event`, `step`) and keeps groups (`groups`, `aggregate`), first rows (`reduce`) or patterns
//! (`mining`); `rows` runs the other steps when all events have been read.

mod aggregate;
pub mod aggregation;
pub mod ast;
mod build;
mod calendar;
mod cidr;
mod code;
mod csv;
mod cursor;
pub mod error;
mod event;
mod expression;
mod extract;
mod functions;
mod grok;
mod group_rows;
mod groups;
mod lexer;
mod mining;
mod names;
pub mod parameters;
pub mod parse;
mod plan;
pub mod ppl;
mod push_down;
mod reduce;
mod regexes;
mod relevance;
mod rows;
pub mod scan;
mod scope;
mod sort_key;
pub mod sql;
mod step;
mod subqueries;
mod value;
mod vocabulary;
mod walk;
mod worker;

pub use error::QueryError;
pub use event::Event;
pub use parse::parse;
pub use plan::{Answer, Context, LookupTable, Plan, PlanError};
pub use worker::Worker;

/// A language that queries are written in (`queryLanguage`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Language {
    /// Insights' own.
    Cwli,
    /// OpenSearch SQL.
    Sql,
    /// OpenSearch PPL.
    Ppl,
}

/// Reads a query in any of the languages.
pub fn parse_in(language: Language, text: &str) -> Result<ast::Query, QueryError> {
    match language {
        Language::Cwli => parse(text),
        Language::Sql => sql::parse(text),
        Language::Ppl => ppl::parse(text),
    }
}

/// Most characters of a query (`StartQuery`, `queryString`).
pub const QUERY_CHARS_MAX: usize = 10_000;

/// The commands that mean a text of Insights QL in the other languages, whose sorts are by characters.
#[cfg(test)]
#[track_caller]
fn commands_in_other_language(text: &str) -> Vec<ast::Command> {
    let mut commands = parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).commands;
    for command in &mut commands {
        if let ast::Command::Sort(keys) = command {
            keys.iter_mut().for_each(|key| key.is_natural = false);
        }
    }
    commands
}
