//! Spans of trails: which audit events, by sequence, a trail wants under which settings, and how far it came.
//!
//! A trail that logs has one open span. Whatever changes what it wants ends that span and opens the next, at one sequence:
//! events are judged by the settings of the time when they came, however late they are delivered.

use crate::truth::Truth;
use crate::{Catalog, Result};
use sqlx::FromRow;

/// A span of a trail.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct TrailSpan {
    /// Counts up.
    pub id: i64,
    /// The trail's id.
    pub trail_id: i64,
    /// The trail's account.
    pub account: String,
    /// The trail's home region.
    pub region: String,
    /// The trail's name.
    pub name: String,
    /// Whether events of global services belong to it.
    #[sqlx(try_from = "Truth")]
    pub global_events: bool,
    /// Whether it covers all regions.
    #[sqlx(try_from = "Truth")]
    pub multi_region: bool,
    /// Whether it covers all accounts.
    #[sqlx(try_from = "Truth")]
    pub organization: bool,
    /// The trail's selectors, as its row has them.
    pub selectors: Option<String>,
    /// The trail's Insights, likewise.
    pub insights: Option<String>,
    /// The trail's event configuration, likewise.
    pub event_configuration: Option<String>,
    /// Where its files go: always where the trail says now.
    pub bucket: String,
    /// Prefix of their keys.
    pub prefix: Option<String>,
    /// Name or ARN of the topic that is told of them.
    pub topic: Option<String>,
    /// Events below are in files or were not wanted.
    pub next_sequence: i64,
    /// Events from here on are not of this span; `None` while it is open.
    pub end_sequence: Option<i64>,
    /// True when the trail is gone.
    #[sqlx(try_from = "Truth")]
    pub deleted: bool,
}

impl Catalog {
    /// Brings spans in line with the trails as they are now; what changed does so at `sequence`, the next that an event will
    /// get. Calls must not overlap, and their sequences must not fall. Files may be planned beyond `sequence` before it comes
    /// here: then what changed does so where they end, so that no event is in files of two spans.
    pub async fn sync_trail_spans(&self, sequence: i64) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        // Where files go is not for the past to say: who mends a trail's bucket wants what waits for it, too.
        sqlx::query(
            "UPDATE trail_spans SET (bucket, prefix, topic) = (SELECT t.s3_bucket, t.s3_key_prefix, t.sns_topic \
             FROM trails AS t WHERE t.id = trail_spans.trail_id) \
             WHERE EXISTS (SELECT 1 FROM trails AS t WHERE t.id = trail_spans.trail_id AND (t.s3_bucket <> trail_spans.bucket \
             OR t.s3_key_prefix IS DISTINCT FROM trail_spans.prefix OR t.sns_topic IS DISTINCT FROM trail_spans.topic))",
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "UPDATE trail_spans SET end_sequence = MAX($1, next_sequence) WHERE end_sequence IS NULL AND NOT EXISTS (SELECT 1 FROM trails AS t \
             WHERE t.id = trail_spans.trail_id AND t.logging = 1 AND t.global_events = trail_spans.global_events \
             AND t.multi_region = trail_spans.multi_region AND t.organization = trail_spans.organization \
             AND t.selectors IS NOT DISTINCT FROM trail_spans.selectors \
             AND t.insights IS NOT DISTINCT FROM trail_spans.insights \
             AND t.event_configuration IS NOT DISTINCT FROM trail_spans.event_configuration)",
        )
        .bind(sequence)
        .execute(&mut *transaction)
        .await?;
        let missing: Vec<(i64,)> = sqlx::query_as(
            "SELECT id FROM trails AS t WHERE logging = 1 AND NOT EXISTS (SELECT 1 FROM trail_spans AS s \
             WHERE s.trail_id = t.id AND s.end_sequence IS NULL) ORDER BY id",
        )
        .fetch_all(&mut *transaction)
        .await?;
        for (trail_id,) in missing {
            let id = Self::next_id(&mut transaction, "trail_spans").await?;
            sqlx::query(
                "INSERT INTO trail_spans (id, trail_id, account, region, name, global_events, multi_region, organization, \
                 selectors, insights, event_configuration, bucket, prefix, topic, next_sequence) SELECT $1, id, account, region, \
                 name, global_events, multi_region, organization, selectors, insights, event_configuration, s3_bucket, s3_key_prefix, sns_topic, MAX($2, COALESCE((SELECT \
                 MAX(end_sequence) FROM trail_spans WHERE trail_id = $3), $2)) FROM trails WHERE id = $3",
            )
            .bind(id)
            .bind(sequence)
            .bind(trail_id)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Takes back what lies beyond `sequence`, the next that an event will get, of positions and of files that are planned and
    /// not delivered: a store that was restored from a backup may be older than the catalog, and gives their sequences again.
    pub async fn clamp_trail_spans(&self, sequence: i64) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        for sql in [
            "UPDATE trail_spans SET next_sequence = MIN(next_sequence, $1), end_sequence = MIN(end_sequence, $1) \
             WHERE next_sequence > $1 OR end_sequence > $1",
            "DELETE FROM trail_files WHERE delivered_ms IS NULL AND first_sequence >= $1",
            "UPDATE trail_files SET end_sequence = $1 WHERE delivered_ms IS NULL AND end_sequence > $1",
        ] {
            sqlx::query(sql).bind(sequence).execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// All spans that are left, by trail, the oldest first.
    pub async fn trail_spans(&self) -> Result<Vec<TrailSpan>> {
        let rows = sqlx::query_as(
            "SELECT s.*, t.id IS NULL AS deleted FROM trail_spans AS s LEFT JOIN trails AS t ON t.id = s.trail_id \
             ORDER BY s.trail_id, s.id",
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Forgets the spans of a trail that have ended and whose events are all in delivered files that nobody is to be told of.
    pub async fn drop_ended_trail_spans(&self, trail_id: i64) -> Result<()> {
        sqlx::query(
            "DELETE FROM trail_spans WHERE trail_id = $1 AND end_sequence <= next_sequence AND NOT EXISTS (SELECT 1 FROM \
             trail_files AS f WHERE f.trail_id = $1 AND f.span_id = trail_spans.id AND (f.delivered_ms IS NULL OR f.topic IS NOT NULL))",
        )
        .bind(trail_id)
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}
