//! Which detailed metrics of AWS resources are wanted: one configuration for each resource.

use crate::{Catalog, Result};
use model::{Scope, Timestamp};

/// A configuration as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResourceMetrics {
    /// Unique in the scope.
    pub resource_arn: String,
    /// Only the metrics of these names; `None` for all.
    pub metrics: Option<Vec<String>>,
    /// When it was made.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
}

/// What became of a new configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResourceMetricsCreated {
    /// It is kept.
    Created,
    /// The resource has one.
    Exists,
    /// It would be one more than the maximum.
    TooMany,
}

impl Catalog {
    /// Keeps a new configuration, up to `max` in a scope.
    pub async fn create_resource_metrics(
        &self,
        scope: &Scope,
        new: &ResourceMetrics,
        max: usize,
    ) -> Result<ResourceMetricsCreated> {
        let metrics = new.metrics.as_ref().map(serde_json::to_string).transpose()?;
        let mut transaction = self.pool.begin().await?;
        let made = sqlx::query(
            "INSERT INTO resource_metrics (account, region, resource_arn, metrics, created_ms, updated_ms) \
             SELECT $1, $2, $3, $4, $5, $6 \
             WHERE (SELECT COUNT(*) FROM resource_metrics WHERE account = $1 AND region = $2) < $7 \
             ON CONFLICT (account, region, resource_arn) DO NOTHING",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&new.resource_arn)
        .bind(metrics)
        .bind(new.created.0)
        .bind(new.updated.0)
        .bind(i64::try_from(max).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await?;
        let created = if made.rows_affected() > 0 {
            ResourceMetricsCreated::Created
        } else {
            let (there,): (i64,) = sqlx::query_as(
                "SELECT COUNT(*) FROM resource_metrics WHERE account = $1 AND region = $2 AND resource_arn = $3",
            )
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(&new.resource_arn)
            .fetch_one(&mut *transaction)
            .await?;
            if there > 0 { ResourceMetricsCreated::Exists } else { ResourceMetricsCreated::TooMany }
        };
        transaction.commit().await?;
        Ok(created)
    }

    /// The configuration of a resource.
    pub async fn resource_metrics(&self, scope: &Scope, resource_arn: &str) -> Result<Option<ResourceMetrics>> {
        let row: Option<(Option<String>, i64, i64)> = sqlx::query_as(
            "SELECT metrics, created_ms, updated_ms FROM resource_metrics \
             WHERE account = $1 AND region = $2 AND resource_arn = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(resource_arn)
        .fetch_optional(&self.pool)
        .await?;
        let Some((metrics, created, updated)) = row else { return Ok(None) };
        Ok(Some(ResourceMetrics {
            resource_arn: resource_arn.to_owned(),
            metrics: metrics.as_deref().map(serde_json::from_str).transpose()?,
            created: Timestamp(created),
            updated: Timestamp(updated),
        }))
    }

    /// Replaces the metrics of a configuration. False when the resource has none.
    pub async fn update_resource_metrics(
        &self,
        scope: &Scope,
        resource_arn: &str,
        metrics: Option<&[String]>,
        at: Timestamp,
    ) -> Result<bool> {
        let metrics = metrics.map(serde_json::to_string).transpose()?;
        let changed = sqlx::query(
            "UPDATE resource_metrics SET metrics = $4, updated_ms = $5 \
             WHERE account = $1 AND region = $2 AND resource_arn = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(resource_arn)
        .bind(metrics)
        .bind(at.0)
        .execute(&self.pool)
        .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// Deletes a configuration. False when the resource has none.
    pub async fn delete_resource_metrics(&self, scope: &Scope, resource_arn: &str) -> Result<bool> {
        let gone = sqlx::query("DELETE FROM resource_metrics WHERE account = $1 AND region = $2 AND resource_arn = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(resource_arn)
            .execute(&self.pool)
            .await?;
        Ok(gone.rows_affected() > 0)
    }
}
