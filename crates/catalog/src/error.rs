//! What can go wrong in the catalog, and its kind.

use model::{Classify, ErrorKind, Timestamp};
use sqlx::migrate::MigrateError;

/// An error of the catalog. "Not there" and "there already" are not errors here: calls answer `Option` or `bool`.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database refused or broke.
    #[error("query catalog: {0}")]
    Database(#[from] sqlx::Error),
    /// The tables could not be brought up to date.
    #[error("migrate catalog: {0}")]
    Migrate(#[from] MigrateError),
    /// The tables are not of this version, and a server of theirs is at work.
    #[error(
        "this version would change the tables of the server {holder}, which has the catalog until {until}: stop that server first"
    )]
    InUse {
        /// Whose the lease is.
        holder: String,
        /// When it ends unless it is renewed.
        until: Timestamp,
    },
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
/// SQLITE_IOERR (10).
fn kind(error: &dyn sqlx::error::DatabaseError) -> ErrorKind {
    let code = error.code().unwrap_or_default();
    if error.is_unique_violation() {
        return ErrorKind::Conflict;
    }
    if error.try_downcast_ref::<sqlx::postgres::PgDatabaseError>().is_some() {
        return kind_of_postgres(&code);
    }
    let is_full = code.parse::<u32>().is_ok_and(|code| matches!(code & 0xff, 10 | 13));
    if is_full { ErrorKind::Unavailable } else { ErrorKind::Bug }
}

/// The kind of an error of PostgreSQL (appendix A of its manual). What is unavailable has changed nothing, and the same write may
/// succeed later.
fn kind_of_postgres(code: &str) -> ErrorKind {
    match code {
        // Read-only since it became a standby; a transaction that stood still; cancelled from outside; superseded by another server.
        "25006" | "25P03" | "57014" | "TW001" => ErrorKind::Unavailable,
        // Waited too long for others.
        "55P03" => ErrorKind::Throttled,
        // Text with a NUL, and a value too long for an index.
        "22021" | "54000" => ErrorKind::Invalid,
        // No such database, for now.
        "3D000" => ErrorKind::Unavailable,
        // No connection; the role or its password, which the operator mends; no resources; stopping or starting; the machine.
        code if ["08", "28", "53", "57P", "58"].iter().any(|class| code.starts_with(class)) => ErrorKind::Unavailable,
        // A deadlock or a conflict.
        code if code.starts_with("40") => ErrorKind::Throttled,
        _ => ErrorKind::Bug,
    }
}

fn kind_of_sqlx(error: &sqlx::Error) -> ErrorKind {
    match error {
        sqlx::Error::PoolTimedOut => ErrorKind::Throttled,
        sqlx::Error::Io(_) => ErrorKind::Unavailable,
        sqlx::Error::Database(error) => kind(error.as_ref()),
        _ => ErrorKind::Bug,
    }
}

impl Classify for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Error::Database(error) => kind_of_sqlx(error),
            Error::Migrate(MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)) => {
                kind_of_sqlx(error)
            }
            Error::InUse { .. } => ErrorKind::Conflict,
            Error::Migrate(_) | Error::Document(_) => ErrorKind::Corrupt,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Catalog, Dashboard};

    #[test]
    fn what_the_operator_or_time_mends_is_unavailable() {
        for code in ["08006", "25P03", "28P01", "3D000", "53300", "57014", "57P01", "58030"] {
            assert_eq!(kind_of_postgres(code), ErrorKind::Unavailable, "{code}");
        }
        for code in ["40P01", "55P03"] {
            assert_eq!(kind_of_postgres(code), ErrorKind::Throttled, "{code}");
        }
        for code in ["42601", "57000", "3F000"] {
            assert_eq!(kind_of_postgres(code), ErrorKind::Bug, "{code}");
        }
        let down = || sqlx::Error::Io(std::io::ErrorKind::ConnectionReset.into());
        assert_eq!(Error::from(MigrateError::ExecuteMigration(down(), 1)).kind(), ErrorKind::Unavailable);
        assert_eq!(Error::from(MigrateError::Execute(down())).kind(), ErrorKind::Unavailable);
        assert_eq!(Error::from(MigrateError::VersionMissing(1)).kind(), ErrorKind::Corrupt);
    }

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
