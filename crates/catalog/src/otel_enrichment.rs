//! Whether the metrics of an account and region are enriched for OpenTelemetry, and which.

use crate::{Catalog, MetricFilter, Result};
use model::{Scope, Timestamp};

/// Enrichment that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OtelEnrichment {
    /// Only these.
    pub include: Option<Vec<MetricFilter>>,
    /// None of these.
    pub exclude: Option<Vec<MetricFilter>>,
    /// When it was started.
    pub created: Timestamp,
    /// When its filters were last set.
    pub updated: Timestamp,
}

impl Catalog {
    /// What runs; `None` when nothing does.
    pub async fn otel_enrichment(&self, scope: &Scope) -> Result<Option<OtelEnrichment>> {
        let row: Option<(String, i64, i64)> = sqlx::query_as(
            "SELECT filters, created_ms, updated_ms FROM otel_enrichment WHERE account = $1 AND region = $2",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .fetch_optional(&self.pool)
        .await?;
        let Some((filters, created, updated)) = row else { return Ok(None) };
        let (include, exclude) = serde_json::from_str(&filters)?;
        Ok(Some(OtelEnrichment { include, exclude, created: Timestamp(created), updated: Timestamp(updated) }))
    }

    /// Starts enrichment, or sets the filters of one that runs, which keeps its time of creation.
    pub async fn put_otel_enrichment(&self, scope: &Scope, enrichment: &OtelEnrichment) -> Result<()> {
        let filters = serde_json::to_string(&(&enrichment.include, &enrichment.exclude))?;
        sqlx::query(
            "INSERT INTO otel_enrichment (account, region, filters, created_ms, updated_ms) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (account, region) DO UPDATE SET filters = excluded.filters, updated_ms = excluded.updated_ms",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(filters)
        .bind(enrichment.created.0)
        .bind(enrichment.updated.0)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Stops it.
    pub async fn delete_otel_enrichment(&self, scope: &Scope) -> Result<()> {
        sqlx::query("DELETE FROM otel_enrichment WHERE account = $1 AND region = $2")
            .bind(&scope.account)
            .bind(&scope.region)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}
