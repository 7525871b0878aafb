//! Metric streams: which metrics go where, and up to which period they have gone.

use crate::tags::insert_tags;
use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Metrics of one namespace: all, or those of some names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricFilter {
    /// The namespace.
    pub namespace: Option<String>,
    /// The names; none or empty means all.
    pub metric_names: Option<Vec<String>>,
}

/// Statistics that are sent beside the usual four.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StreamStatistics {
    /// Of these metrics: (namespace, name).
    pub metrics: Vec<(String, String)>,
    /// These statistics.
    pub statistics: Vec<String>,
}

/// What PutMetricStream said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MetricStreamConfiguration {
    /// Only these; at most one of this and `exclude` is there.
    pub include: Option<Vec<MetricFilter>>,
    /// All but these.
    pub exclude: Option<Vec<MetricFilter>>,
    /// The delivery stream.
    pub firehose_arn: String,
    /// The role that AWS would use.
    pub role_arn: String,
    /// `json`, or a version of OpenTelemetry.
    pub output_format: String,
    /// Further statistics.
    pub statistics: Option<Vec<StreamStatistics>>,
    /// Whether metrics of linked accounts are wanted.
    pub linked_accounts: Option<bool>,
}

/// A metric stream as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricStream {
    /// Account and region.
    pub scope: Scope,
    /// Unique in the scope.
    pub name: String,
    /// What it sends, and where.
    pub configuration: MetricStreamConfiguration,
    /// Whether it sends.
    pub running: bool,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last put, started or stopped.
    pub updated: Timestamp,
    /// Periods that begin before this time have been delivered.
    pub position: Timestamp,
}

#[derive(sqlx::FromRow)]
struct Row {
    account: String,
    region: String,
    name: String,
    configuration: String,
    running: i64,
    created_ms: i64,
    updated_ms: i64,
    position_ms: i64,
}

impl TryFrom<Row> for MetricStream {
    type Error = crate::Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            scope: Scope { account: row.account, region: row.region },
            name: row.name,
            configuration: serde_json::from_str(&row.configuration)?,
            running: row.running != 0,
            created: Timestamp(row.created_ms),
            updated: Timestamp(row.updated_ms),
            position: Timestamp(row.position_ms),
        })
    }
}

impl Catalog {
    /// Makes a running stream that begins at `position`, or replaces the configuration of one that exists; `tags` are kept only
    /// when it is new.
    pub async fn put_metric_stream(
        &self,
        stream: &MetricStream,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<()> {
        let configuration = serde_json::to_string(&stream.configuration)?;
        let mut transaction = self.pool.begin().await?;
        let changed = sqlx::query(
            "UPDATE metric_streams SET configuration = $4, updated_ms = $5 \
             WHERE account = $1 AND region = $2 AND name = $3",
        )
        .bind(&stream.scope.account)
        .bind(&stream.scope.region)
        .bind(&stream.name)
        .bind(&configuration)
        .bind(stream.updated.0)
        .execute(&mut *transaction)
        .await?;
        if changed.rows_affected() == 0 {
            sqlx::query(
                "INSERT INTO metric_streams (account, region, name, configuration, running, created_ms, updated_ms, \
                 position_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
            )
            .bind(&stream.scope.account)
            .bind(&stream.scope.region)
            .bind(&stream.name)
            .bind(&configuration)
            .bind(i64::from(stream.running))
            .bind(stream.created.0)
            .bind(stream.updated.0)
            .bind(stream.position.0)
            .execute(&mut *transaction)
            .await?;
            insert_tags(&mut transaction, arn, tags).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// The stream of this name.
    pub async fn metric_stream(&self, scope: &Scope, name: &str) -> Result<Option<MetricStream>> {
        let row: Option<Row> =
            sqlx::query_as("SELECT * FROM metric_streams WHERE account = $1 AND region = $2 AND name = $3")
                .bind(&scope.account)
                .bind(&scope.region)
                .bind(name)
                .fetch_optional(&self.pool)
                .await?;
        row.map(MetricStream::try_from).transpose()
    }

    /// Up to `limit` streams whose names follow `after`, by name in byte order.
    pub async fn metric_streams(&self, scope: &Scope, after: &str, limit: usize) -> Result<Vec<MetricStream>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM metric_streams WHERE account = $1 AND region = $2 AND name > $3 ORDER BY name LIMIT $4",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(MetricStream::try_from).collect()
    }

    /// Every running stream that has periods before `end` to deliver, those that are furthest behind first.
    pub async fn due_metric_streams(&self, end: Timestamp) -> Result<Vec<MetricStream>> {
        let rows: Vec<Row> =
            sqlx::query_as("SELECT * FROM metric_streams WHERE running = 1 AND position_ms < $1 ORDER BY position_ms")
                .bind(end.0)
                .fetch_all(&self.pool)
                .await?;
        rows.into_iter().map(MetricStream::try_from).collect()
    }

    /// Starts or stops streams, all or none: answers the first name that does not exist. One that is started begins at `position`,
    /// and one that runs goes on where it is.
    pub async fn switch_metric_streams(
        &self,
        scope: &Scope,
        names: &[String],
        running: bool,
        at: Timestamp,
        position: Timestamp,
    ) -> Result<Option<String>> {
        let mut transaction = self.pool.begin().await?;
        for name in names {
            let changed = sqlx::query(
                "UPDATE metric_streams SET updated_ms = CASE WHEN running = $4 THEN updated_ms ELSE $5 END, \
                 position_ms = CASE WHEN running = $4 THEN position_ms ELSE $6 END, running = $4 \
                 WHERE account = $1 AND region = $2 AND name = $3",
            )
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(name)
            .bind(i64::from(running))
            .bind(at.0)
            .bind(position.0)
            .execute(&mut *transaction)
            .await?;
            if changed.rows_affected() == 0 {
                return Ok(Some(name.clone()));
            }
        }
        transaction.commit().await?;
        Ok(None)
    }

    /// Notes that a stream has delivered up to `position`; nothing when it was at another place than `from` meanwhile.
    pub async fn move_metric_stream(
        &self,
        scope: &Scope,
        name: &str,
        from: Timestamp,
        position: Timestamp,
    ) -> Result<()> {
        sqlx::query(
            "UPDATE metric_streams SET position_ms = $5 \
             WHERE account = $1 AND region = $2 AND name = $3 AND position_ms = $4",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(name)
        .bind(from.0)
        .bind(position.0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Deletes a stream with its tags; one that is absent is passed over.
    pub async fn delete_metric_stream(&self, scope: &Scope, name: &str, arn: &str) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("DELETE FROM metric_streams WHERE account = $1 AND region = $2 AND name = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM tags WHERE resource_arn = $1").bind(arn).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }
}
