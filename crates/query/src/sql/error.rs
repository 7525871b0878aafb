//! What can go wrong with a statement: the client's text with its place, a limit, or a fault below.

use datafusion::common::DataFusionError;
use datafusion::sql::sqlparser::parser::ParserError;
use model::{Classify, ErrorKind};

/// A place in a statement; both count from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SqlPosition {
    /// Line.
    pub line: u64,
    /// Column, in characters.
    pub column: u64,
}

/// Why a statement has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SqlError {
    /// The statement is wrong, or asks for something that cannot be computed (a division by zero, a bad cast).
    #[error("{message}")]
    Invalid {
        /// For the client.
        message: String,
        /// Where, as far as it is known.
        position: Option<SqlPosition>,
    },
    /// The statement needs more than a limit allows.
    #[error("{0}")]
    Limit(String),
    /// It ran too long.
    #[error("the query ran longer than {0} ms; narrow its time range, or ask for less")]
    TimedOut(u64),
    /// The store could not answer.
    #[error("read store: {0}")]
    Store(#[from] store::Error),
    /// Something else below broke.
    #[error("run SQL: {0}")]
    Failed(String),
}

impl SqlError {
    /// A wrong statement, at no known place.
    pub(super) fn invalid(message: impl Into<String>) -> Self {
        SqlError::Invalid { message: message.into(), position: None }
    }
}

impl Classify for SqlError {
    fn kind(&self) -> ErrorKind {
        match self {
            SqlError::Invalid { .. } | SqlError::Limit(_) | SqlError::TimedOut(_) => ErrorKind::Invalid,
            SqlError::Store(error) => error.kind(),
            SqlError::Failed(_) => ErrorKind::Bug,
        }
    }
}

/// An error of ours on its way through DataFusion.
pub(super) fn external(error: SqlError) -> DataFusionError {
    DataFusionError::External(Box::new(error))
}

impl From<DataFusionError> for SqlError {
    fn from(error: DataFusionError) -> Self {
        let position = position(&error);
        match error {
            DataFusionError::External(inner) => match inner.downcast::<SqlError>() {
                Ok(ours) => *ours,
                Err(inner) => match inner.downcast::<DataFusionError>() {
                    Ok(inner) => SqlError::from(*inner),
                    Err(other) => SqlError::Failed(other.to_string()),
                },
            },
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => {
                match SqlError::from(*inner) {
                    SqlError::Invalid { message, position: within } => {
                        SqlError::Invalid { message, position: within.or(position) }
                    }
                    other => other,
                }
            }
            // Shared by the partitions of a plan: what it was is only seen through its root.
            DataFusionError::Shared(inner) => match inner.find_root() {
                DataFusionError::External(ours) => match ours.downcast_ref::<SqlError>() {
                    Some(SqlError::Limit(message)) => SqlError::Limit(message.clone()),
                    Some(SqlError::Invalid { message, position }) => {
                        SqlError::Invalid { message: message.clone(), position: *position }
                    }
                    _ => SqlError::Failed(inner.to_string()),
                },
                root => SqlError::of_text(root, position),
            },
            // One of several errors speaks for all.
            DataFusionError::Collection(errors) => match errors.into_iter().next() {
                Some(first) => SqlError::from(first),
                None => SqlError::Failed("an error without a cause".into()),
            },
            other => SqlError::of_text(&other, position),
        }
    }
}

impl SqlError {
    fn of_text(error: &DataFusionError, position: Option<SqlPosition>) -> Self {
        let message = error.strip_backtrace();
        match error {
            DataFusionError::ResourcesExhausted(_) => {
                SqlError::Limit(format!("the query needs more memory than a query may have: {message}"))
            }
            DataFusionError::Internal(_)
            | DataFusionError::IoError(_)
            | DataFusionError::ObjectStore(_)
            | DataFusionError::ExecutionJoin(_) => SqlError::Failed(message),
            _ => SqlError::Invalid { message, position },
        }
    }
}

/// Where an error lies: the parser says it in words, the planner in a diagnostic.
fn position(error: &DataFusionError) -> Option<SqlPosition> {
    if let DataFusionError::SQL(parser, _) = error
        && let ParserError::ParserError(text) | ParserError::TokenizerError(text) = parser.as_ref()
    {
        let (line, column) = text.rsplit_once("Line: ")?.1.split_once(", Column: ")?;
        let digits = column.bytes().take_while(u8::is_ascii_digit).count();
        return Some(SqlPosition { line: line.parse().ok()?, column: column[..digits].parse().ok()? });
    }
    let span = error.diagnostic()?.span?;
    Some(SqlPosition { line: span.start.line, column: span.start.column })
}
