//! Export tasks: log groups on their way to buckets, and what became of those of the last days.

use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use sqlx::FromRow;

/// An export task.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ExportTask {
    /// Unique; made by the server.
    pub id: String,
    /// The account that owns it.
    pub account: String,
    /// Its region.
    pub region: String,
    /// What the client calls it.
    pub name: Option<String>,
    /// Id of the log group.
    pub group_id: i64,
    /// Its name.
    pub group_name: String,
    /// How the names of the streams begin that are exported; `None` for all.
    pub stream_prefix: Option<String>,
    /// The first timestamp that is exported, milliseconds.
    pub from_ms: i64,
    /// The last timestamp that is exported, milliseconds.
    pub to_ms: i64,
    /// Where to.
    pub bucket: String,
    /// How the keys begin there.
    pub prefix: String,
    /// `PENDING`, `RUNNING` or `PENDING_CANCEL`; `COMPLETED`, `FAILED` or `CANCELLED` in the end.
    pub status: String,
    /// What there is to say about the status.
    pub message: Option<String>,
    /// When it was made, milliseconds.
    pub created_ms: i64,
    /// When it ended, milliseconds.
    pub ended_ms: Option<i64>,
}

const COLUMNS: &str = "id, account, region, name, group_id, group_name, stream_prefix, from_ms, to_ms, bucket, prefix, \
                       status, message, created_ms, ended_ms";

impl Catalog {
    /// Enters a task that is `PENDING`; false when one of the account and region waits or runs.
    pub async fn create_export_task(&self, new: &ExportTask) -> Result<bool> {
        let made = sqlx::query(
            "INSERT INTO export_tasks (id, account, region, name, group_id, group_name, stream_prefix, from_ms, to_ms, \
             bucket, prefix, status, created_ms) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 'PENDING', $12 WHERE NOT EXISTS (SELECT 1 FROM \
             export_tasks WHERE account = $2 AND region = $3 AND status IN ('PENDING', 'RUNNING'))",
        )
        .bind(&new.id)
        .bind(&new.account)
        .bind(&new.region)
        .bind(&new.name)
        .bind(new.group_id)
        .bind(&new.group_name)
        .bind(&new.stream_prefix)
        .bind(new.from_ms)
        .bind(new.to_ms)
        .bind(&new.bucket)
        .bind(&new.prefix)
        .bind(new.created_ms)
        .execute(&self.pool)
        .await?;
        Ok(made.rows_affected() > 0)
    }

    /// The task of this id.
    pub async fn export_task(&self, scope: &Scope, id: &str) -> Result<Option<ExportTask>> {
        let sql = format!("SELECT {COLUMNS} FROM export_tasks WHERE account = $1 AND region = $2 AND id = $3");
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&scope.account).bind(&scope.region).bind(id);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// True when a task of the account and region waits or runs.
    pub async fn has_active_export_task(&self, scope: &Scope) -> Result<bool> {
        let row: Option<(String,)> = sqlx::query_as(
            "SELECT id FROM export_tasks WHERE account = $1 AND region = $2 AND status IN ('PENDING', 'RUNNING') LIMIT 1",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.is_some())
    }

    /// Up to `limit` tasks that were made before those of `before` (time in milliseconds, id), the latest first; only those of
    /// a status where one is given.
    pub async fn export_tasks(
        &self,
        scope: &Scope,
        status: Option<&str>,
        before: (i64, &str),
        limit: usize,
    ) -> Result<Vec<ExportTask>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM export_tasks WHERE account = $1 AND region = $2 AND ($3 IS NULL OR status = $3) \
             AND (created_ms < $4 OR (created_ms = $4 AND id < $5)) ORDER BY created_ms DESC, id DESC LIMIT $6"
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&scope.account).bind(&scope.region).bind(status);
        let query = query.bind(before.0).bind(before.1).bind(i64::try_from(limit).unwrap_or(i64::MAX));
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// Up to `limit` tasks of all accounts and regions that have not ended, the oldest first.
    pub async fn export_tasks_due(&self, limit: usize) -> Result<Vec<ExportTask>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM export_tasks WHERE status IN ('PENDING', 'RUNNING', 'PENDING_CANCEL') \
             ORDER BY created_ms, id LIMIT $1"
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(i64::try_from(limit).unwrap_or(i64::MAX));
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// Says that a task runs; false when it was cancelled or has ended.
    pub async fn begin_export_task(&self, id: &str, message: &str) -> Result<bool> {
        let begun = sqlx::query(
            "UPDATE export_tasks SET status = 'RUNNING', message = $2 WHERE id = $1 AND status IN ('PENDING', 'RUNNING')",
        )
        .bind(id)
        .bind(message)
        .execute(&self.pool)
        .await?;
        Ok(begun.rows_affected() > 0)
    }

    /// False once a task was cancelled or has ended.
    pub async fn is_export_task_running(&self, id: &str) -> Result<bool> {
        let row: Option<(String,)> =
            sqlx::query_as("SELECT status FROM export_tasks WHERE id = $1").bind(id).fetch_optional(&self.pool).await?;
        Ok(row.is_some_and(|(status,)| status == "RUNNING"))
    }

    /// Says how a task ended, unless it has ended before.
    pub async fn end_export_task(&self, id: &str, status: &str, message: &str, at: Timestamp) -> Result<()> {
        sqlx::query(
            "UPDATE export_tasks SET status = $2, message = $3, ended_ms = $4 WHERE id = $1 AND ended_ms IS NULL",
        )
        .bind(id)
        .bind(status)
        .bind(message)
        .bind(at.0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Asks a task to end; false when it neither waits nor runs.
    pub async fn cancel_export_task(&self, scope: &Scope, id: &str) -> Result<bool> {
        let asked = sqlx::query(
            "UPDATE export_tasks SET status = 'PENDING_CANCEL', message = NULL \
             WHERE account = $1 AND region = $2 AND id = $3 AND status IN ('PENDING', 'RUNNING')",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(id)
        .execute(&self.pool)
        .await?;
        Ok(asked.rows_affected() > 0)
    }

    /// Forgets tasks that ended before a time.
    pub async fn expire_export_tasks(&self, before: Timestamp) -> Result<()> {
        sqlx::query("DELETE FROM export_tasks WHERE ended_ms < $1").bind(before.0).execute(&self.pool).await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn task(id: &str, created_ms: i64) -> ExportTask {
        ExportTask {
            id: id.into(),
            account: "123456789012".into(),
            region: "us-east-1".into(),
            name: None,
            group_id: 7,
            group_name: "g".into(),
            stream_prefix: Some("web".into()),
            from_ms: 1,
            to_ms: 2,
            bucket: "b".into(),
            prefix: "p".into(),
            status: "PENDING".into(),
            message: None,
            created_ms,
            ended_ms: None,
        }
    }

    #[tokio::test]
    async fn one_task_at_a_time_lives_and_is_forgotten() {
        let catalog = Catalog::in_memory().await.unwrap();
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        let first = task("1", 10);
        assert!(catalog.create_export_task(&first).await.unwrap());
        assert!(!catalog.create_export_task(&task("2", 10)).await.unwrap());
        assert!(catalog.create_export_task(&ExportTask { region: "eu-west-1".into(), ..task("3", 10) }).await.unwrap());
        assert_eq!(catalog.export_task(&scope, "1").await.unwrap(), Some(first));
        assert_eq!(catalog.export_task(&scope, "3").await.unwrap(), None);
        assert!(!catalog.is_export_task_running("1").await.unwrap());
        assert!(catalog.begin_export_task("1", "begun").await.unwrap());
        assert!(catalog.is_export_task_running("1").await.unwrap());
        assert!(catalog.cancel_export_task(&scope, "1").await.unwrap());
        assert!(!catalog.cancel_export_task(&scope, "1").await.unwrap());
        assert!(!catalog.begin_export_task("1", "begun").await.unwrap());
        assert!(!catalog.has_active_export_task(&scope).await.unwrap());
        // A cancelled one keeps no other from being made.
        assert!(catalog.create_export_task(&task("2", 10)).await.unwrap());
        assert_eq!(catalog.export_tasks_due(10).await.unwrap().len(), 3);
        catalog.end_export_task("1", "CANCELLED", "ended", Timestamp(20)).await.unwrap();
        catalog.end_export_task("1", "COMPLETED", "ended twice", Timestamp(30)).await.unwrap();
        let ids = |tasks: Vec<ExportTask>| tasks.into_iter().map(|task| task.id).collect::<Vec<_>>();
        let all = |status, before| catalog.export_tasks(&scope, status, before, 10);
        assert_eq!(ids(all(None, (i64::MAX, "")).await.unwrap()), ["2", "1"]);
        assert_eq!(ids(all(None, (10, "2")).await.unwrap()), ["1"]);
        assert_eq!(ids(all(Some("CANCELLED"), (i64::MAX, "")).await.unwrap()), ["1"]);
        catalog.expire_export_tasks(Timestamp(20)).await.unwrap();
        assert_eq!(catalog.export_task(&scope, "1").await.unwrap().unwrap().ended_ms, Some(20));
        catalog.expire_export_tasks(Timestamp(21)).await.unwrap();
        assert_eq!(catalog.export_task(&scope, "1").await.unwrap(), None);
    }
}
