//! `QueryError`: why a query cannot be compiled, and where.

/// What `MalformedQueryException` says in `queryCompileError`.
///
/// AWS words errors of syntax as `unexpected symbol found ( at line 1 and position 115`, where lines count from 1 and positions from 0,
/// and the end of the query is the symbol `<EOF>`. Texts that are not known of AWS are ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct QueryError {
    /// For the client.
    pub message: String,
    /// Where it begins: characters of the query before it.
    pub start_char: usize,
    /// Behind its last character.
    pub end_char: usize,
}

impl QueryError {
    /// An error about bytes `start..end` of `text`.
    pub(super) fn at(text: &str, start: usize, end: usize, message: impl Into<String>) -> Self {
        let start_char = text[..start].chars().count();
        let end_char = start_char + text[start..end].chars().count();
        Self { message: message.into(), start_char, end_char }
    }
}
