//! What can go wrong in the catalog, and its kind.

use model::{Classify, ErrorKind};

/// An error of the catalog. "Not there" and "there already" are not errors here: calls answer `Option` or `bool`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused or broke.
    #[error("query catalog: {0}")]
    Database(#[from] sqlx::Error),
    /// The tables could not be brought up to date.
    #[error("migrate catalog: {0}")]
    Migrate(#[from] sqlx::migrate::MigrateError),
    /// A stored document is not what we wrote.
    #[error("decode catalog document: {0}")]
    Document(#[from] serde_json::Error),
}

impl Classify for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Error::Database(sqlx::Error::PoolTimedOut) => ErrorKind::Throttled,
            Error::Database(sqlx::Error::Io(_)) => ErrorKind::Unavailable,
            Error::Database(sqlx::Error::Database(e)) if e.is_unique_violation() => ErrorKind::Conflict,
            Error::Database(_) => ErrorKind::Bug,
            Error::Migrate(_) | Error::Document(_) => ErrorKind::Corrupt,
        }
    }
}
