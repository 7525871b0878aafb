//! Scheduled queries that are managed for log alarms: made, changed and deleted with the alarm, and what their runs found.
//!
//! They have no `next_ms`: their alarm runs them.

use crate::alarms::Alarm;
use crate::pool::Connection;
use crate::tags::insert_tags;
use crate::{Catalog, Result};
use model::limits::LOG_ALARM_RESULTS_MAX;
use model::{Scope, TimeRange, Timestamp, arn};
use sqlx::FromRow;
use std::collections::BTreeMap;

/// Results that are kept of one query, the newest: as many as an alarm may evaluate.
pub(crate) const RESULTS_KEPT: i64 = LOG_ALARM_RESULTS_MAX;

/// The scheduled query of a log alarm, whose id is in the alarm's configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ManagedQuery {
    /// Unique in the scope.
    pub name: String,
    /// What it asks, as JSON of `watch`'s making.
    pub document: String,
    /// Taken when it is made.
    pub tags: BTreeMap<String, String>,
}

/// A run that has ended, of a query that is managed for an alarm.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ManagedRun {
    /// The time that it was due, milliseconds.
    pub triggered_ms: i64,
    /// The query that it started; empty when it could not.
    pub query_id: String,
    /// `Complete`, `Failed`, `InvalidQuery` or `Timeout`.
    pub status: String,
    /// Why it failed.
    pub error: Option<String>,
    /// What it found, as JSON of `watch`'s making; absent when it failed.
    pub result: Option<String>,
}

/// Makes the query of `alarm`, or changes what it asks.
pub(crate) async fn put_managed_query(
    connection: &mut Connection,
    alarm: &Alarm,
    managed: &ManagedQuery,
) -> Result<()> {
    let Some(log) = &alarm.configuration.log else { return Ok(()) };
    let changed = sqlx::query(
        "UPDATE scheduled_queries SET document = $4, updated_ms = $5 WHERE account = $1 AND region = $2 AND id = $3",
    )
    .bind(&alarm.scope.account)
    .bind(&alarm.scope.region)
    .bind(&log.scheduled_query_id)
    .bind(&managed.document)
    .bind(alarm.configuration_updated.0)
    .execute(&mut *connection)
    .await?;
    if changed.rows_affected() > 0 {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO scheduled_queries (account, region, id, name, document, state, created_ms, updated_ms, alarm) \
         VALUES ($1, $2, $3, $4, $5, 'ENABLED', $6, $6, $7)",
    )
    .bind(&alarm.scope.account)
    .bind(&alarm.scope.region)
    .bind(&log.scheduled_query_id)
    .bind(&managed.name)
    .bind(&managed.document)
    .bind(alarm.configuration_updated.0)
    .bind(&alarm.name)
    .execute(&mut *connection)
    .await?;
    let arn = arn::scheduled_query(&alarm.scope, &log.scheduled_query_id);
    insert_tags(connection, &arn, &managed.tags).await
}

/// Deletes the query of `alarm`, if it has one, with its runs and tags.
pub(crate) async fn delete_managed_query(connection: &mut Connection, alarm: &Alarm) -> Result<()> {
    let Some(log) = &alarm.configuration.log else { return Ok(()) };
    for sql in [
        "DELETE FROM scheduled_queries WHERE account = $1 AND region = $2 AND id = $3",
        "DELETE FROM scheduled_query_runs WHERE account = $1 AND region = $2 AND scheduled_id = $3",
    ] {
        sqlx::query(sql)
            .bind(&alarm.scope.account)
            .bind(&alarm.scope.region)
            .bind(&log.scheduled_query_id)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query("DELETE FROM tags WHERE resource_arn = $1")
        .bind(arn::scheduled_query(&alarm.scope, &log.scheduled_query_id))
        .execute(connection)
        .await?;
    Ok(())
}

impl Catalog {
    /// Enters the run of `at`; false when there is one already, or the query is gone.
    pub async fn begin_managed_run(&self, scope: &Scope, id: &str, at: Timestamp) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let taken = sqlx::query(
            "UPDATE scheduled_queries SET triggered_ms = $4, last_status = 'Running' WHERE account = $1 AND region = $2 \
             AND id = $3 AND (triggered_ms IS NULL OR triggered_ms < $4)",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(id)
        .bind(at.0)
        .execute(&mut *transaction)
        .await?;
        if taken.rows_affected() == 0 {
            return Ok(false);
        }
        sqlx::query(
            "INSERT INTO scheduled_query_runs (account, region, scheduled_id, triggered_ms, query_id, status, destinations) \
             VALUES ($1, $2, $3, $4, '', 'Running', '[]') ON CONFLICT (account, region, scheduled_id, triggered_ms) DO NOTHING",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(id)
        .bind(at.0)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Says what became of a run, and forgets what runs long ago found.
    pub async fn end_managed_run(&self, scope: &Scope, id: &str, run: &ManagedRun) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "UPDATE scheduled_query_runs SET query_id = $5, status = $6, error = $7, result = $8 \
             WHERE account = $1 AND region = $2 AND scheduled_id = $3 AND triggered_ms = $4",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(id)
        .bind(run.triggered_ms)
        .bind(&run.query_id)
        .bind(&run.status)
        .bind(&run.error)
        .bind(&run.result)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "UPDATE scheduled_queries SET last_status = $5 \
             WHERE account = $1 AND region = $2 AND id = $3 AND triggered_ms = $4",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(id)
        .bind(run.triggered_ms)
        .bind(&run.status)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "UPDATE scheduled_query_runs SET result = NULL WHERE account = $1 AND region = $2 AND scheduled_id = $3 \
             AND result IS NOT NULL AND triggered_ms <= (SELECT triggered_ms FROM scheduled_query_runs WHERE account = $1 \
             AND region = $2 AND scheduled_id = $3 ORDER BY triggered_ms DESC LIMIT 1 OFFSET $4)",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(id)
        .bind(RESULTS_KEPT)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Up to `limit` runs of a time range that have ended, the latest first.
    pub async fn managed_runs(
        &self,
        scope: &Scope,
        id: &str,
        range: TimeRange,
        limit: usize,
    ) -> Result<Vec<ManagedRun>> {
        let query = sqlx::query_as(
            "SELECT triggered_ms, query_id, status, error, result FROM scheduled_query_runs \
             WHERE account = $1 AND region = $2 AND scheduled_id = $3 AND triggered_ms >= $4 AND triggered_ms < $5 \
             AND status <> 'Running' ORDER BY triggered_ms DESC LIMIT $6",
        );
        let query = query.bind(&scope.account).bind(&scope.region).bind(id);
        let query = query.bind(range.start.0).bind(range.end.0);
        Ok(query.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&self.pool).await?)
    }
}
