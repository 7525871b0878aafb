//! `PromqlError`: why there is no answer, as the Prometheus HTTP API says it.

use std::fmt;

/// What an error is called in the field `errorType` of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorType {
    /// The query or one of its parameters is wrong (HTTP status 400).
    BadData,
    /// The query cannot be carried out on this data (HTTP status 422).
    Execution,
}

impl fmt::Display for ErrorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ErrorType::BadData => "bad_data",
            ErrorType::Execution => "execution",
        })
    }
}

/// Why a query has no answer; `Display` is the text for the client, the field `error` of an answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct PromqlError {
    /// What kind of error.
    pub error_type: ErrorType,
    /// What is wrong; Prometheus's own words where it has the same error.
    pub message: String,
}

impl PromqlError {
    /// A query that cannot be read.
    pub(super) fn parse(message: impl fmt::Display) -> Self {
        Self::parameter("query", format!("parse error: {message}"))
    }

    /// A wrong parameter of a request.
    pub(super) fn parameter(name: &str, message: impl fmt::Display) -> Self {
        Self { error_type: ErrorType::BadData, message: format!("invalid parameter \"{name}\": {message}") }
    }

    /// A query that fails on its data.
    pub(super) fn execution(message: impl Into<String>) -> Self {
        Self { error_type: ErrorType::Execution, message: message.into() }
    }
}
