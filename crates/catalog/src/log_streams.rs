//! Log streams of a group, and the names behind their ids.

use crate::{Catalog, LogDeletion, Result};
use model::{GroupId, Scope, StreamId, Timestamp};
use sqlx::{FromRow, QueryBuilder};
use std::collections::HashMap;

/// A log stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogStream {
    /// Its id in the store.
    pub id: StreamId,
    /// Name, unique in the group.
    pub name: String,
    /// When CreateLogStream accepted it.
    pub created_at: Timestamp,
}

/// What became of a new stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StreamCreated {
    /// It exists now.
    Created(StreamId),
    /// The name is taken.
    Exists,
    /// The group was deleted in the meantime.
    NoGroup,
}

/// Names asked for in one statement; SQLite and PostgreSQL both take far more.
const NAMES_PER_QUERY: usize = 500;

#[derive(FromRow)]
struct Row {
    id: i64,
    name: String,
    created_at: i64,
}

impl From<Row> for LogStream {
    fn from(row: Row) -> Self {
        Self { id: StreamId(row.id as u64), name: row.name, created_at: Timestamp(row.created_at) }
    }
}

impl Catalog {
    /// Creates a stream.
    pub async fn create_log_stream(&self, group: GroupId, name: &str, created_at: Timestamp) -> Result<StreamCreated> {
        let mut transaction = self.pool.begin().await?;
        let id = Self::next_id(&mut transaction, "log_streams").await?;
        let inserted = sqlx::query(
            "INSERT INTO log_streams (id, group_id, name, created_at) \
             SELECT $1, id, $3, $4 FROM log_groups WHERE id = $2 ON CONFLICT (group_id, name) DO NOTHING",
        )
        .bind(id)
        .bind(group.0 as i64)
        .bind(name)
        .bind(created_at.0)
        .execute(&mut *transaction)
        .await?;
        if inserted.rows_affected() > 0 {
            transaction.commit().await?;
            return Ok(StreamCreated::Created(StreamId(id as u64)));
        }
        transaction.rollback().await?;
        let exists = self.log_stream(group, name).await?.is_some();
        Ok(if exists { StreamCreated::Exists } else { StreamCreated::NoGroup })
    }

    /// The stream of this name.
    pub async fn log_stream(&self, group: GroupId, name: &str) -> Result<Option<LogStream>> {
        let row: Option<Row> =
            sqlx::query_as("SELECT id, name, created_at FROM log_streams WHERE group_id = $1 AND name = $2")
                .bind(group.0 as i64)
                .bind(name)
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map(LogStream::from))
    }

    /// At most `limit` streams whose names begin with `prefix` and come after `after` (before it when `descending`), in
    /// the order of their names.
    pub async fn list_log_streams(
        &self,
        group: GroupId,
        prefix: &str,
        after: Option<&str>,
        descending: bool,
        limit: usize,
    ) -> Result<Vec<LogStream>> {
        let sql = if descending {
            "SELECT id, name, created_at FROM log_streams WHERE group_id = $1 AND ($2 IS NULL OR name < $2) \
             AND substr(name, 1, $4) = $3 ORDER BY name DESC LIMIT $5"
        } else {
            "SELECT id, name, created_at FROM log_streams WHERE group_id = $1 AND ($2 IS NULL OR name > $2) \
             AND name >= $3 AND substr(name, 1, $4) = $3 ORDER BY name LIMIT $5"
        };
        let rows: Vec<Row> = sqlx::query_as(sql)
            .bind(group.0 as i64)
            .bind(after)
            .bind(prefix)
            .bind(prefix.chars().count() as i64)
            .bind(limit as i64)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(LogStream::from).collect())
    }

    /// The names of those of `streams` that exist in the group.
    pub async fn log_stream_names(&self, group: GroupId, streams: &[StreamId]) -> Result<HashMap<StreamId, String>> {
        let mut names = HashMap::with_capacity(streams.len());
        for chunk in streams.chunks(NAMES_PER_QUERY) {
            let mut query = QueryBuilder::new("SELECT id, name FROM log_streams WHERE group_id = ");
            query.push_bind(group.0 as i64).push(" AND id IN (");
            let mut ids = query.separated(", ");
            for stream in chunk {
                ids.push_bind(stream.0 as i64);
            }
            query.push(")");
            let rows: Vec<(i64, String)> = query.build_query_as().fetch_all(&self.pool).await?;
            names.extend(rows.into_iter().map(|(id, name)| (StreamId(id as u64), name)));
        }
        Ok(names)
    }

    /// The streams of one group that were deleted and not yet forgotten.
    pub async fn deleted_streams_of(&self, group: GroupId) -> Result<Vec<StreamId>> {
        let rows: Vec<(i64,)> =
            sqlx::query_as("SELECT stream_id FROM deleted_logs WHERE group_id = $1 AND stream_id <> 0")
                .bind(group.0 as i64)
                .fetch_all(&self.pool)
                .await?;
        Ok(rows.into_iter().map(|(id,)| StreamId(id as u64)).collect())
    }

    /// Deletes a stream and remembers its id until [`Catalog::forget_deleted_logs`].
    pub async fn delete_log_stream(
        &self,
        scope: &Scope,
        group_name: &str,
        group: GroupId,
        name: &str,
        deleted_at: Timestamp,
    ) -> Result<LogDeletion> {
        let change = self.log_ids.change(scope, group_name);
        let mut transaction = self.pool.begin().await?;
        let deleted: Option<(i64,)> = sqlx::query_as(
            "DELETE FROM log_streams WHERE group_id = $1 AND name = $2 \
             AND EXISTS (SELECT 1 FROM log_groups WHERE id = $1 AND deletion_protected = 0) RETURNING id",
        )
        .bind(group.0 as i64)
        .bind(name)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some((id,)) = deleted else {
            transaction.rollback().await?;
            let exists = self.log_stream(group, name).await?.is_some();
            return Ok(if exists { LogDeletion::Protected } else { LogDeletion::Absent });
        };
        sqlx::query("INSERT INTO deleted_logs (group_id, stream_id, deleted_at) VALUES ($1, $2, $3)")
            .bind(group.0 as i64)
            .bind(id)
            .bind(deleted_at.0)
            .execute(&mut *transaction)
            .await?;
        change.settle(transaction.commit()).await?;
        Ok(LogDeletion::Deleted)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LogTargetFound, NewLogGroup};
    use std::collections::{BTreeMap, BTreeSet};

    const NOW: Timestamp = Timestamp(1_772_323_200_000);

    fn scope() -> Scope {
        Scope { account: "123456789012".into(), region: "us-east-1".into() }
    }

    async fn create_group(catalog: &Catalog, name: &str) -> GroupId {
        let new = NewLogGroup { name, created_at: NOW, class: "STANDARD", kms_key_id: None, deletion_protected: false };
        catalog.create_log_group(&scope(), new, name, &BTreeMap::new()).await.unwrap().unwrap()
    }

    #[tokio::test]
    async fn names_are_found_for_more_ids_than_one_statement_takes() {
        let catalog = Catalog::in_memory().await.unwrap();
        let group = create_group(&catalog, "g").await;
        let mut ids = vec![StreamId(u64::MAX / 4)];
        for n in 0..NAMES_PER_QUERY + 10 {
            match catalog.create_log_stream(group, &n.to_string(), NOW).await.unwrap() {
                StreamCreated::Created(id) => ids.push(id),
                other => panic!("{other:?}"),
            }
        }
        let names = catalog.log_stream_names(group, &ids).await.unwrap();
        assert_eq!(names.len(), NAMES_PER_QUERY + 10);
        assert_eq!(names[&ids[1]], "0");
        assert!(catalog.log_stream_names(GroupId(99), &ids).await.unwrap().is_empty());
        assert_eq!(catalog.create_log_stream(GroupId(99), "s", NOW).await.unwrap(), StreamCreated::NoGroup);
    }

    #[tokio::test]
    async fn a_target_follows_deletion_and_new_retention() {
        let catalog = Catalog::in_memory().await.unwrap();
        let group = create_group(&catalog, "g").await;
        assert_eq!(catalog.log_target(&scope(), "g", "s").await.unwrap(), LogTargetFound::NoStream);
        catalog.create_log_stream(group, "s", NOW).await.unwrap();
        let LogTargetFound::Found(first) = catalog.log_target(&scope(), "g", "s").await.unwrap() else { panic!() };
        assert_eq!(first.retention_ms, None);
        catalog.set_log_retention(&scope(), "g", Some(1)).await.unwrap();
        let LogTargetFound::Found(kept) = catalog.log_target(&scope(), "g", "s").await.unwrap() else { panic!() };
        assert_eq!(kept.retention_ms, Some(86_400_000));
        catalog.delete_log_stream(&scope(), "g", group, "s", NOW).await.unwrap();
        assert_eq!(catalog.log_target(&scope(), "g", "s").await.unwrap(), LogTargetFound::NoStream);
        catalog.create_log_stream(group, "s", NOW).await.unwrap();
        let LogTargetFound::Found(again) = catalog.log_target(&scope(), "g", "s").await.unwrap() else { panic!() };
        assert_ne!(again.stream, first.stream);
        catalog.delete_log_group(&scope(), "g", "g", NOW).await.unwrap();
        assert_eq!(catalog.log_target(&scope(), "g", "s").await.unwrap(), LogTargetFound::NoGroup);
        assert_eq!(catalog.deleted_streams().await.unwrap(), [], "the group's mark stands for them");
    }

    #[tokio::test]
    async fn a_catalog_older_than_the_records_gives_no_id_twice_and_forgets_what_was_removed() {
        let catalog = Catalog::in_memory().await.unwrap();
        let (kept, gone) = (create_group(&catalog, "kept").await, create_group(&catalog, "gone").await);
        catalog.set_log_group_protection(&scope(), "gone", true).await.unwrap();
        let mut streams = Vec::new();
        for name in ["kept", "gone"] {
            match catalog.create_log_stream(kept, name, NOW).await.unwrap() {
                StreamCreated::Created(id) => streams.push(id),
                other => panic!("{other:?}"),
            }
        }
        let last = (GroupId(7 << 32), StreamId(7 << 32));
        catalog.reserve_log_ids(last.0, last.1).await.unwrap();
        catalog.reserve_log_ids(GroupId(3), StreamId(3)).await.unwrap();
        assert!(create_group(&catalog, "new").await > last.0);
        let deleted =
            catalog.delete_removed_logs(&[gone, GroupId(99)], &[streams[1], StreamId(99)], NOW).await.unwrap();
        assert_eq!(deleted, 2);
        assert_eq!(catalog.delete_removed_logs(&[gone], &streams[1..], NOW).await.unwrap(), 0);
        assert!(catalog.log_group(&scope(), "gone").await.unwrap().is_none());
        assert_eq!(catalog.log_target(&scope(), "kept", "gone").await.unwrap(), LogTargetFound::NoStream);
        assert!(matches!(catalog.log_target(&scope(), "kept", "kept").await.unwrap(), LogTargetFound::Found(_)));
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn connections_that_write_at_once_wait_for_each_other() {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&dir.path().join("catalog.sqlite")).await.unwrap();
        let group = create_group(&catalog, "g").await;
        let tasks: Vec<_> = (0..4)
            .map(|task| {
                let catalog = catalog.clone();
                tokio::spawn(async move {
                    let mut ids = Vec::new();
                    for n in 0..10 {
                        let name = format!("{task}-{n}");
                        match catalog.create_log_stream(group, &name, NOW).await.unwrap() {
                            StreamCreated::Created(id) => ids.push(id),
                            other => panic!("{name}: {other:?}"),
                        }
                    }
                    ids
                })
            })
            .collect();
        let mut all = BTreeSet::new();
        for task in tasks {
            all.extend(task.await.unwrap());
        }
        assert_eq!(all.len(), 40, "every stream has an id of its own");
    }
}
