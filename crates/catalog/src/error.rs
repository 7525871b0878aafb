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

impl Error {
    /// Whether another server has taken the lease that writes show: see [`crate::Catalog::fence`].
    pub fn is_superseded(&self) -> bool {
        matches!(self, Error::Database(sqlx::Error::Database(error)) if error.code().as_deref() == Some("TW001"))
    }
}

/// The kind of what a database says of itself. Of SQLite: SQLITE_FULL (13), which a full disk gives, and the kinds of
/// SQLITE_IOERR (10). Of PostgreSQL (appendix A of its manual): no connection (08), no resources (53), stopping or starting (57P),
/// read-only since it became a standby (25006), silent for too long in a transaction (25P03), superseded by another server (TW001); waited too long for others (55P03), a
/// deadlock or a conflict (40); text with a NUL (22021), and a value too long for an index (54000). What is unavailable has changed
/// nothing, and the same write may succeed later.
fn kind(error: &dyn sqlx::error::DatabaseError) -> ErrorKind {
    let code = error.code().unwrap_or_default();
    if error.is_unique_violation() {
        return ErrorKind::Conflict;
    }
    if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_none() {
        let is_full = code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 10 | 13));
        return if is_full { ErrorKind::Unavailable } else { ErrorKind::Bug };
    }
    match code.as_ref() {
        "25006" | "25P03" | "TW001" => ErrorKind::Unavailable,
        code if code.starts_with("08") || code.starts_with("53") || code.starts_with("57P") => ErrorKind::Unavailable,
        "55P03" => ErrorKind::Throttled,
        code if code.starts_with("40") => ErrorKind::Throttled,
        "22021" | "54000" => ErrorKind::Invalid,
        _ => ErrorKind::Bug,
    }
}

impl Classify for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Error::Database(sqlx::Error::PoolTimedOut) => ErrorKind::Throttled,
            Error::Database(sqlx::Error::Io(_)) => ErrorKind::Unavailable,
            Error::Database(sqlx::Error::Database(error)) => kind(error.as_ref()),
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
        if catalog.is_postgres() {
            return;
        }
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
