//! From a catalog in a file of SQLite to one in PostgreSQL, whole or not at all.

use crate::pool::Connection;
use crate::{Catalog, Error, KEPT_BY_RESET, Result, migrations, own_tables, sqlite_file};
use futures::TryStreamExt;
use sqlx::{AnyConnection, AssertSqlSafe, ConnectOptions as _, Connection as _, Row};
use std::path::Path;

/// The catalog at a path, which nobody else has open.
#[derive(Debug)]
pub struct CatalogFile(AnyConnection);

impl CatalogFile {
    /// Opens it for this process alone, and brings its tables up to date.
    ///
    /// # Errors
    /// Where another process has it open: `database is locked`.
    pub async fn open(path: &Path) -> Result<Self> {
        let mut connection = sqlite_file(path)?.connect().await?;
        // Before it is looked at: from the first look on nobody else gets in, and this one not where somebody is.
        let alone = "PRAGMA busy_timeout = 1000; PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT";
        sqlx::raw_sql(alone).execute(&mut connection).await?;
        migrations().run(&mut connection).await?;
        Ok(Self(connection))
    }

    /// Closes it; all of it is in the one file then.
    pub async fn close(self) -> Result<()> {
        Ok(self.0.close().await?)
    }
}

impl Catalog {
    /// Whether it holds no resources.
    pub async fn is_empty(&self) -> Result<bool> {
        let rows = resources().map(|table| format!("EXISTS (SELECT 1 FROM {table})")).collect::<Vec<_>>().join(" OR ");
        let sql = AssertSqlSafe(format!("SELECT CASE WHEN {rows} THEN 1 ELSE 0 END"));
        let (holds,): (i32,) = sqlx::query_as(sql).fetch_one(&self.pool).await?;
        Ok(holds == 0)
    }

    /// Copies all rows of `file` to this catalog, which must be empty, in one transaction; answers how many. Leases and what a cluster
    /// knows of itself stay behind.
    pub async fn take_in(&self, file: &mut CatalogFile) -> Result<u64> {
        let mut transaction = self.pool.begin().await?;
        // The tables were made with some.
        sqlx::query("DELETE FROM sequences").execute(&mut *transaction).await?;
        let mut rows = 0;
        // As they were made: what a row names is there before it.
        for table in std::iter::once("sequences".to_owned()).chain(resources()) {
            rows += copy(&mut file.0, &mut transaction, &table).await?;
        }
        transaction.commit().await?;
        Ok(rows)
    }
}

/// The tables of resources, in the order in which they were made.
fn resources() -> impl Iterator<Item = String> {
    own_tables().into_iter().filter(|table| !KEPT_BY_RESET.contains(&table.as_str()))
}

async fn copy(from: &mut AnyConnection, to: &mut Connection, table: &str) -> Result<u64> {
    // Without columns that are computed from others.
    let columns = AssertSqlSafe(format!("SELECT name, type FROM pragma_table_info('{table}')"));
    let columns: Vec<(String, String)> = sqlx::query_as(columns).fetch_all(&mut *from).await?;
    let names = columns.iter().map(|(name, _)| format!("\"{name}\"")).collect::<Vec<_>>().join(", ");
    let places = (1..=columns.len()).map(|place| format!("${place}")).collect::<Vec<_>>().join(", ");
    let insert = format!("INSERT INTO {table} ({names}) VALUES ({places})");
    let mut rows = sqlx::query(AssertSqlSafe(format!("SELECT {names} FROM {table}"))).fetch(from);
    let mut count = 0;
    while let Some(row) = rows.try_next().await? {
        let mut query = sqlx::query(AssertSqlSafe(insert.clone()));
        for (place, (name, kind)) in columns.iter().enumerate() {
            // What is absent has a type, too, in PostgreSQL.
            query = match kind.as_str() {
                "TEXT" => query.bind(row.try_get::<Option<String>, _>(place)?),
                "BIGINT" => query.bind(row.try_get::<Option<i64>, _>(place)?),
                "BOOLEAN" => query.bind(row.try_get::<Option<bool>, _>(place)?),
                kind => {
                    let says = format!("column {name} of {table} is of type {kind}, which nobody copies");
                    return Err(Error::Database(sqlx::Error::Configuration(says.into())));
                }
            };
        }
        query.execute(&mut *to).await?;
        count += 1;
    }
    Ok(count)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NewLogGroup, TrailRow};
    use model::{GroupId, Scope, Timestamp};
    use std::collections::BTreeMap;

    fn scope() -> Scope {
        Scope { account: "123456789012".into(), region: "us-east-1".into() }
    }

    async fn group(catalog: &Catalog, name: &str) -> GroupId {
        let new = NewLogGroup {
            name,
            created_at: Timestamp(1),
            class: "STANDARD",
            kms_key_id: None,
            deletion_protected: true,
        };
        let tags = BTreeMap::from([("team".to_owned(), "ünter 'quotes'".to_owned())]);
        catalog.create_log_group(&scope(), new, name, &tags).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn all_columns_are_of_types_that_are_copied() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = CatalogFile::open(&dir.path().join("catalog.db")).await.unwrap();
        for table in own_tables() {
            let sql = AssertSqlSafe(format!("SELECT name, type FROM pragma_table_info('{table}')"));
            let columns: Vec<(String, String)> = sqlx::query_as(sql).fetch_all(&mut file.0).await.unwrap();
            assert!(!columns.is_empty(), "{table}");
            for (name, kind) in columns {
                assert!(["TEXT", "BIGINT", "BOOLEAN"].contains(&kind.as_str()), "{table}.{name}: {kind}");
            }
        }
    }

    #[tokio::test]
    async fn a_file_that_somebody_has_open_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog.db");
        let catalog = Catalog::open(&path).await.unwrap();
        let error = CatalogFile::open(&path).await.unwrap_err().to_string();
        assert!(error.contains("locked"), "{error}");
        catalog.close().await;
        CatalogFile::open(&path).await.unwrap().close().await.unwrap();
    }

    #[tokio::test]
    async fn a_catalog_comes_whole_or_not_at_all() {
        let catalog = Catalog::in_memory().await.unwrap();
        if !catalog.is_postgres() {
            return;
        }
        assert!(catalog.is_empty().await.unwrap());
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog.db");
        let source = Catalog::open(&path).await.unwrap();
        let first = group(&source, "/first").await;
        source.create_log_stream(first, "s", Timestamp(2)).await.unwrap();
        let trail = TrailRow { scope: scope(), name: "t".into(), ..Default::default() };
        source.create_trail(&trail, 5).await.unwrap();
        source.close().await;
        let mut file = CatalogFile::open(&path).await.unwrap();
        // A later table is refused: nothing of those before it is there.
        sqlx::query("UPDATE trails SET name = 'a' || char(0)").execute(&mut file.0).await.unwrap();
        assert!(catalog.take_in(&mut file).await.is_err(), "PostgreSQL has no NUL");
        assert!(catalog.is_empty().await.unwrap());
        sqlx::query("UPDATE trails SET name = 't'").execute(&mut file.0).await.unwrap();
        let rows = catalog.take_in(&mut file).await.unwrap();
        assert!(rows >= 4, "{rows}");
        file.close().await.unwrap();
        assert!(!catalog.is_empty().await.unwrap());
        assert!(catalog.log_stream(first, "s").await.unwrap().is_some());
        assert_eq!(catalog.trails("123456789012").await.unwrap()[0].name, "t");
        assert!(group(&catalog, "/second").await > first, "ids go on");
    }
}
