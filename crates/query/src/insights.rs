//! CloudWatch Logs Insights: queries over log events, in three languages that are read into one tree and run by one engine.

pub mod ast;
mod cursor;
pub mod error;
mod expression;
mod grok;
mod lexer;
pub mod parameters;
pub mod parse;
pub mod ppl;
mod regexes;
mod scope;
pub mod sql;
mod vocabulary;
mod walk;

pub use error::QueryError;
pub use parse::parse;

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

/// A language of queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Logs Insights' own.
    Cwli,
    /// OpenSearch SQL.
    Sql,
    /// OpenSearch PPL.
    Ppl,
}

/// Reads a query in one of the languages.
pub fn parse_in(language: Language, text: &str) -> Result<ast::Query, QueryError> {
    match language {
        Language::Cwli => parse(text),
        Language::Sql | Language::Ppl => Err(QueryError::at(text, 0, text.len(), "only CWLI is supported")),
    }
}
