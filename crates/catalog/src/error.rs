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

/// SQLITE_FULL (13), which a full disk gives, and the kinds of SQLITE_IOERR (10): nothing was changed, and the same write may
/// succeed later.
fn is_full(error: &dyn sqlx::error::DatabaseError) -> bool {
    let code = error.code().and_then(|code| code.parse::<u32>().ok());
    code.is_some_and(|code| matches!(code & 0xff, 10 | 13))
}

impl Classify for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Error::Database(sqlx::Error::PoolTimedOut) => ErrorKind::Throttled,
            Error::Database(sqlx::Error::Io(_)) => ErrorKind::Unavailable,
            Error::Database(sqlx::Error::Database(e)) if is_full(e.as_ref()) => ErrorKind::Unavailable,
            Error::Database(sqlx::Error::Database(e)) if e.is_unique_violation() => ErrorKind::Conflict,
            Error::Database(_) => ErrorKind::Bug,
            Error::Migrate(_) | Error::Document(_) => ErrorKind::Corrupt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Catalog, Dashboard};
    use model::Timestamp;

    /// SQLite answers a database that may not grow as it answers a full disk.
    #[tokio::test]
    async fn a_full_disk_is_unavailable_and_the_same_write_succeeds_when_there_is_room() {
        let catalog = Catalog::in_memory().await.unwrap();
        let pages =
            async |sql: &'static str| sqlx::query_as::<_, (i64,)>(sql).fetch_one(&catalog.pool).await.unwrap().0;
        let (used, most) = (pages("PRAGMA page_count").await, pages("PRAGMA max_page_count").await);
        let grow = async |most: i64| {
            sqlx::query(sqlx::AssertSqlSafe(format!("PRAGMA max_page_count = {most}")))
                .execute(&catalog.pool)
                .await
                .unwrap();
        };
        let dashboard = Dashboard { name: "large".into(), body: "x".repeat(1_000_000), modified: Timestamp(1) };
        let tags = Default::default();
        grow(used + 10).await;
        let error = catalog.put_dashboard("1", &dashboard, "arn", &tags).await.expect_err("there is no room");
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert_eq!(catalog.dashboard("1", "large").await.unwrap(), None);
        grow(most).await;
        catalog.put_dashboard("1", &dashboard, "arn", &tags).await.unwrap();
        assert_eq!(catalog.dashboard("1", "large").await.unwrap(), Some(dashboard));
    }
}
