//! How the deliveries of trails have fared: what GetTrailStatus tells.

use crate::{Catalog, Result};
use model::Timestamp;
use sqlx::FromRow;

/// The outcomes of a trail; times in milliseconds.
#[derive(Debug, Clone, Default, PartialEq, Eq, FromRow)]
pub struct TrailStatus {
    /// When a file was last tried.
    pub delivery_attempt_ms: Option<i64>,
    /// When a file was last delivered.
    pub delivery_ms: Option<i64>,
    /// Why the last attempt failed, if it did.
    pub delivery_error: Option<String>,
    /// When the topic was last tried.
    pub notification_attempt_ms: Option<i64>,
    /// When the topic was last told.
    pub notification_ms: Option<i64>,
    /// Why the last attempt failed, if it did.
    pub notification_error: Option<String>,
    /// When a digest was last delivered.
    pub digest_ms: Option<i64>,
    /// Why the last digest was not, if so.
    pub digest_error: Option<String>,
}

impl Catalog {
    /// How the deliveries of a trail have fared.
    pub async fn trail_status(&self, trail_id: i64) -> Result<TrailStatus> {
        let row = sqlx::query_as("SELECT * FROM trail_status WHERE trail_id = $1");
        Ok(row.bind(trail_id).fetch_optional(&self.pool).await?.unwrap_or_default())
    }

    /// Notes an attempt to deliver a file that failed. Of one that succeeds the file tells.
    pub async fn fail_trail_delivery(&self, trail_id: i64, at: Timestamp, error: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO trail_status (trail_id, delivery_attempt_ms, delivery_error) VALUES ($1, $2, $3) \
             ON CONFLICT (trail_id) DO UPDATE SET delivery_attempt_ms = $2, delivery_error = $3",
        )
        .bind(trail_id)
        .bind(at.millis())
        .bind(error)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Notes an attempt to tell the topic that failed and will be made again.
    pub async fn fail_trail_notification(&self, trail_id: i64, at: Timestamp, error: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO trail_status (trail_id, notification_attempt_ms, notification_error) VALUES ($1, $2, $3) \
             ON CONFLICT (trail_id) DO UPDATE SET notification_attempt_ms = $2, notification_error = $3",
        )
        .bind(trail_id)
        .bind(at.millis())
        .bind(error)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Notes that a digest was delivered, or why it was not.
    pub async fn note_trail_digest(&self, trail_id: i64, at: Timestamp, error: Option<&str>) -> Result<()> {
        sqlx::query(
            "INSERT INTO trail_status (trail_id, digest_ms, digest_error) VALUES ($1, CASE WHEN $3 IS NULL THEN $2 END, $3) \
             ON CONFLICT (trail_id) DO UPDATE SET digest_error = $3, \
             digest_ms = CASE WHEN $3 IS NULL THEN $2 ELSE trail_status.digest_ms END",
        )
        .bind(trail_id)
        .bind(at.millis())
        .bind(error)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Forgets how trails fared that are gone and have nothing left to deliver.
    pub async fn expire_trail_status(&self) -> Result<()> {
        sqlx::query(
            "DELETE FROM trail_status WHERE NOT EXISTS (SELECT 1 FROM trails AS t WHERE t.id = trail_status.trail_id) \
             AND NOT EXISTS (SELECT 1 FROM trail_spans AS s WHERE s.trail_id = trail_status.trail_id)",
        )
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
