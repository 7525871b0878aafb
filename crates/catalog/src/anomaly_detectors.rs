//! Anomaly detectors: what a model is to be trained on, and how.

use crate::{Catalog, Result};
use model::Scope;

/// An anomaly detector.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct AnomalyDetector {
    /// What it is trained on, in a form that is equal for equal metrics: unique in the scope.
    pub metric: String,
    /// Its id, which stays when it is put again.
    pub id: String,
    /// All that the client put, as JSON of `watch`'s making.
    pub document: String,
}

impl Catalog {
    /// Makes a detector, or replaces what the one of the same metric was told; answers its id.
    pub async fn put_anomaly_detector(&self, scope: &Scope, detector: &AnomalyDetector) -> Result<String> {
        let (id,) = sqlx::query_as(
            "INSERT INTO anomaly_detectors (account, region, metric, id, document) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (account, region, metric) DO UPDATE SET document = excluded.document RETURNING id",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&detector.metric)
        .bind(&detector.id)
        .bind(&detector.document)
        .fetch_one(&self.pool)
        .await?;
        Ok(id)
    }

    /// The detector of a metric.
    pub async fn anomaly_detector(&self, scope: &Scope, metric: &str) -> Result<Option<AnomalyDetector>> {
        let found = sqlx::query_as(
            "SELECT metric, id, document FROM anomaly_detectors WHERE account = $1 AND region = $2 AND metric = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(metric)
        .fetch_optional(&self.pool)
        .await?;
        Ok(found)
    }

    /// Up to `limit` detectors after the one of the metric `after`, in the order of their metrics.
    pub async fn anomaly_detectors(&self, scope: &Scope, after: &str, limit: usize) -> Result<Vec<AnomalyDetector>> {
        let found = sqlx::query_as(
            "SELECT metric, id, document FROM anomaly_detectors \
             WHERE account = $1 AND region = $2 AND metric > $3 ORDER BY metric LIMIT $4",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        Ok(found)
    }

    /// Deletes the detector with this metric or, when `metric` is `None`, with this id. False when there is none.
    pub async fn delete_anomaly_detector(&self, scope: &Scope, metric: Option<&str>, id: &str) -> Result<bool> {
        let deleted = sqlx::query(
            "DELETE FROM anomaly_detectors WHERE account = $1 AND region = $2 AND (metric = $3 OR ($3 IS NULL AND id = $4))",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(metric)
        .bind(id)
        .execute(&self.pool)
        .await?;
        Ok(deleted.rows_affected() > 0)
    }
}
