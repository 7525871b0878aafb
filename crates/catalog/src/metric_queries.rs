//! Saved metric queries ("metric data query definitions") of an account and region; their paths are unique.

use crate::tags::insert_tags;
use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use std::collections::BTreeMap;

/// A saved query.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricQueryDefinition {
    /// Unique in the scope; made by the server.
    pub id: String,
    /// Names it, with folders; unique in the scope.
    pub path: String,
    /// The query's text.
    pub expression: String,
    /// `PROMQL`, `SQL` or `METRIC_MATH`.
    pub query_type: String,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last put.
    pub updated: Timestamp,
}

/// A saved query in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricQuerySummary {
    /// Unique in the scope.
    pub id: String,
    /// Names it.
    pub path: String,
    /// `PROMQL`, `SQL` or `METRIC_MATH`.
    pub query_type: String,
    /// When it was last put.
    pub updated: Timestamp,
}

/// What became of a put.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetricQueryPut {
    /// Done.
    Put,
    /// There is none of this id to update.
    Absent,
    /// Another one has the path.
    PathTaken,
    /// There are as many as there may be.
    Full,
}

impl Catalog {
    /// Makes a saved query with its tags, unless there are `max` in its scope.
    pub async fn create_metric_query(
        &self,
        scope: &Scope,
        new: &MetricQueryDefinition,
        arn: &str,
        tags: &BTreeMap<String, String>,
        max: usize,
    ) -> Result<MetricQueryPut> {
        let mut transaction = self.pool.begin().await?;
        let made = sqlx::query(
            "INSERT INTO metric_queries (account, region, id, path, expression, type, created_ms, updated_ms) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8 \
             WHERE (SELECT COUNT(*) FROM metric_queries WHERE account = $1 AND region = $2) < $9",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&new.id)
        .bind(&new.path)
        .bind(&new.expression)
        .bind(&new.query_type)
        .bind(new.created.0)
        .bind(new.updated.0)
        .bind(i64::try_from(max).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await;
        match made {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => return Ok(MetricQueryPut::PathTaken),
            Err(error) => return Err(error.into()),
            Ok(made) if made.rows_affected() == 0 => return Ok(MetricQueryPut::Full),
            Ok(_) => {}
        }
        insert_tags(&mut transaction, arn, tags).await?;
        transaction.commit().await?;
        Ok(MetricQueryPut::Put)
    }

    /// Replaces path, expression, type and time of update of the saved query of `new`'s id.
    pub async fn update_metric_query(&self, scope: &Scope, new: &MetricQueryDefinition) -> Result<MetricQueryPut> {
        let changed = sqlx::query(
            "UPDATE metric_queries SET path = $4, expression = $5, type = $6, updated_ms = $7 \
             WHERE account = $1 AND region = $2 AND id = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&new.id)
        .bind(&new.path)
        .bind(&new.expression)
        .bind(&new.query_type)
        .bind(new.updated.0)
        .execute(&self.pool)
        .await;
        match changed {
            Err(sqlx::Error::Database(error)) if error.is_unique_violation() => Ok(MetricQueryPut::PathTaken),
            Err(error) => Err(error.into()),
            Ok(changed) if changed.rows_affected() == 0 => Ok(MetricQueryPut::Absent),
            Ok(_) => Ok(MetricQueryPut::Put),
        }
    }

    /// The saved query of this id.
    pub async fn metric_query(&self, scope: &Scope, id: &str) -> Result<Option<MetricQueryDefinition>> {
        let row: Option<(String, String, String, i64, i64)> = sqlx::query_as(
            "SELECT path, expression, type, created_ms, updated_ms FROM metric_queries \
             WHERE account = $1 AND region = $2 AND id = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(id)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(|(path, expression, query_type, created, updated)| MetricQueryDefinition {
            id: id.to_owned(),
            path,
            expression,
            query_type,
            created: Timestamp(created),
            updated: Timestamp(updated),
        }))
    }

    /// Up to `limit` saved queries whose ids follow `after`, by id.
    pub async fn metric_queries(&self, scope: &Scope, after: &str, limit: usize) -> Result<Vec<MetricQuerySummary>> {
        let rows: Vec<(String, String, String, i64)> = sqlx::query_as(
            "SELECT id, path, type, updated_ms FROM metric_queries \
             WHERE account = $1 AND region = $2 AND id > $3 ORDER BY id LIMIT $4",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        let summary =
            |(id, path, query_type, updated)| MetricQuerySummary { id, path, query_type, updated: Timestamp(updated) };
        Ok(rows.into_iter().map(summary).collect())
    }

    /// Deletes a saved query with its tags; one that is absent is passed over.
    pub async fn delete_metric_query(&self, scope: &Scope, id: &str, arn: &str) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("DELETE FROM metric_queries WHERE account = $1 AND region = $2 AND id = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM tags WHERE resource_arn = $1").bind(arn).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(())
    }
}
