//! CloudWatch Logs Insights: queries over log events, in three languages that are read into one tree and run by one engine.

pub mod ast;
mod cursor;
pub mod error;
mod expression;
mod lexer;
pub mod parameters;
pub mod parse;
mod regexes;
mod scope;
mod vocabulary;

pub use error::QueryError;
pub use parse::parse;

/// Most characters of a query (`StartQuery`, `queryString`).
pub const QUERY_CHARS_MAX: usize = 10_000;
