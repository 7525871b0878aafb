//! Offline check and online copy of the whole catalog.

use crate::{Catalog, Result};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long whoever wants to copy a catalog waits until nobody writes to it.
const STILL_WITHIN: Duration = Duration::from_secs(10);

/// A catalog that takes no writes for as long as this lives: they wait.
#[derive(Debug)]
pub struct StillCatalog {
    path: PathBuf,
    /// Has the lock of writers.
    connection: SqliteConnection,
}

impl StillCatalog {
    /// Keeps everybody from writing to the catalog at `path`, open or not, so that what is copied meanwhile fits it: whatever the catalog
    /// says of records is so already.
    pub async fn hold(path: &Path) -> Result<Self> {
        let mut connection = connect(path).await?;
        sqlx::query("BEGIN IMMEDIATE").execute(&mut connection).await?;
        Ok(Self { path: path.to_owned(), connection })
    }

    /// Copies the catalog to the new file `output`, which is durable at the end; then it takes writes again.
    pub async fn copy(mut self, output: &Path) -> Result<()> {
        let mut connection = connect(&self.path).await?;
        sqlx::query("VACUUM INTO $1").bind(output.to_string_lossy()).execute(&mut connection).await?;
        sqlx::Connection::close(connection).await?;
        sqlx::query("ROLLBACK").execute(&mut self.connection).await?;
        sqlx::Connection::close(self.connection).await?;
        std::fs::File::open(output).and_then(|file| file.sync_all()).map_err(sqlx::Error::Io)?;
        Ok(())
    }
}

async fn connect(path: &Path) -> Result<SqliteConnection> {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(false).busy_timeout(STILL_WITHIN);
    Ok(options.connect().await?)
}

impl Catalog {
    /// What is wrong with the catalog at `path`, each as a sentence; writes nothing. `streams` are the ids of groups and streams
    /// that have records: each must be known, or be noted as deleted. SQLite keeps no checksums: a changed letter in a name
    /// or a document is not seen.
    pub async fn check(path: &Path, streams: &BTreeSet<(u64, u64)>) -> Result<Vec<String>> {
        let mut connection = SqliteConnectOptions::new().filename(path).read_only(true).connect().await?;
        let mut wrong = Vec::new();
        // A damaged file may refuse the question itself.
        match sqlx::query_as::<_, (String,)>("PRAGMA integrity_check").fetch_all(&mut connection).await {
            Ok(rows) => wrong.extend(rows.into_iter().map(|(text,)| text).filter(|text| text != "ok")),
            Err(error) => wrong.push(error.to_string()),
        }
        if wrong.is_empty() {
            wrong.extend(dangling(&mut connection).await?);
            wrong.extend(unknown(&mut connection, streams).await?);
        }
        Ok(wrong)
    }
}

/// Rows that name a row which is not there.
async fn dangling(connection: &mut SqliteConnection) -> Result<Vec<String>> {
    let rows: Vec<(String, Option<i64>, String, i64)> =
        sqlx::query_as("PRAGMA foreign_key_check").fetch_all(connection).await?;
    let say = |(table, row, parent, _)| format!("row {row:?} of {table} names a row of {parent} that is not there");
    Ok(rows.into_iter().map(say).collect())
}

/// Groups and streams that have records, and that the catalog neither has nor deleted.
async fn unknown(connection: &mut SqliteConnection, streams: &BTreeSet<(u64, u64)>) -> Result<Vec<String>> {
    let known: Vec<(i64, i64)> =
        sqlx::query_as("SELECT group_id, id FROM log_streams").fetch_all(&mut *connection).await?;
    let deleted: Vec<(i64, i64)> =
        sqlx::query_as("SELECT group_id, stream_id FROM deleted_logs").fetch_all(&mut *connection).await?;
    let known: BTreeSet<(i64, i64)> = known.into_iter().chain(deleted).collect();
    let say = |(group, stream): &(u64, u64)| {
        format!("stream {stream} of log group {group} has records, and the catalog does not know it")
    };
    let is_known = |(group, stream): &&(u64, u64)| {
        // Stream 0 of the deleted ones stands for the whole group.
        known.contains(&(*group as i64, *stream as i64)) || known.contains(&(*group as i64, 0))
    };
    Ok(streams.iter().filter(|ids| !is_known(ids)).map(say).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{NewLogGroup, StreamCreated};
    use model::{Scope, StreamId, Timestamp};
    use std::collections::BTreeMap;

    fn group(name: &str) -> NewLogGroup<'_> {
        NewLogGroup { name, created_at: Timestamp(1), class: "STANDARD", kms_key_id: None, deletion_protected: false }
    }

    /// A catalog with one group and one stream, and their ids.
    async fn one_stream(path: &Path) -> (Catalog, (u64, u64)) {
        let catalog = Catalog::open(path).await.unwrap();
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        let group = catalog.create_log_group(&scope, group("/kept"), "arn", &BTreeMap::new()).await.unwrap().unwrap();
        let stream = catalog.create_log_stream(group, "s", Timestamp(2)).await.unwrap();
        let StreamCreated::Created(StreamId(stream)) = stream else { panic!("{stream:?}") };
        (catalog, (group.0, stream))
    }

    #[tokio::test]
    async fn a_copy_of_an_open_catalog_is_sound_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let (path, output) = (dir.path().join("catalog.db"), dir.path().join("copy.db"));
        let (catalog, ids) = one_stream(&path).await;
        let still = StillCatalog::hold(&path).await.unwrap();
        // Who writes meanwhile waits, and is not in the copy.
        let (writing, scope) = (catalog.clone(), Scope { account: "1".into(), region: "r".into() });
        let waiting =
            tokio::spawn(
                async move { writing.create_log_group(&scope, group("/late"), "arn", &BTreeMap::new()).await },
            );
        still.copy(&output).await.unwrap();
        assert!(waiting.await.unwrap().unwrap().is_some());
        let still = StillCatalog::hold(&path).await.unwrap();
        assert!(still.copy(&output).await.is_err(), "a copy replaces nothing");
        assert_eq!(Catalog::check(&output, &BTreeSet::from([ids])).await.unwrap(), Vec::<String>::new());
        catalog.close().await;
        let copy = Catalog::open(&output).await.unwrap();
        assert!(copy.log_stream(model::GroupId(ids.0), "s").await.unwrap().is_some());
        let scope = Scope { account: "1".into(), region: "r".into() };
        assert!(copy.log_group(&scope, "/late").await.unwrap().is_none());
    }

    #[tokio::test]
    async fn records_of_unknown_streams_and_damaged_pages_are_named() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("catalog.db");
        let (catalog, (group, stream)) = one_stream(&path).await;
        catalog.close().await;
        let wrong = Catalog::check(&path, &BTreeSet::from([(group, stream), (group, 99)])).await.unwrap();
        assert_eq!(wrong, [format!("stream 99 of log group {group} has records, and the catalog does not know it")]);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes[4096..4096 + 64].fill(0xff);
        std::fs::write(&path, bytes).unwrap();
        assert!(!Catalog::check(&path, &BTreeSet::new()).await.unwrap().is_empty());
    }
}
