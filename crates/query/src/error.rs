//! What can go wrong in a question, and its kind.

use crate::filter_pattern::PatternError;
use crate::metrics::PeriodError;
use crate::metrics_insights::SyntaxError;
use crate::promql::PromqlError;
#[cfg(feature = "sql")]
use crate::sql::SqlError;
use crate::statistics::StatisticError;
use model::{Classify, ErrorKind};

/// An error of a question. The operations word the client's errors themselves; this carries what was wrong.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A filter pattern does not follow the grammar.
    #[error(transparent)]
    Pattern(#[from] PatternError),
    /// A statistic's name is not one.
    #[error(transparent)]
    Statistic(#[from] StatisticError),
    /// A period is not one of CloudWatch's.
    #[error(transparent)]
    Period(#[from] PeriodError),
    /// A query of Metrics Insights does not follow the grammar.
    #[error(transparent)]
    Insights(#[from] SyntaxError),
    /// A query of PromQL has no answer.
    #[error(transparent)]
    Promql(#[from] PromqlError),
    /// A statement of SQL has no answer.
    #[cfg(feature = "sql")]
    #[error(transparent)]
    Sql(#[from] SqlError),
    /// The store could not answer.
    #[error("read store: {0}")]
    Store(#[from] store::Error),
}

impl Classify for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Error::Pattern(_) | Error::Statistic(_) | Error::Period(_) => ErrorKind::Invalid,
            Error::Insights(_) | Error::Promql(_) => ErrorKind::Invalid,
            #[cfg(feature = "sql")]
            Error::Sql(error) => error.kind(),
            Error::Store(error) => error.kind(),
        }
    }
}
