//! Log anomaly detectors, what they have learned, and the anomalies that they found.

use crate::tags::insert_tags;
use crate::truth::Truth;
use crate::{Catalog, Result};
use model::{GroupId, Scope, Timestamp};
use sqlx::FromRow;
use std::collections::BTreeMap;

/// What a client says of a detector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLogAnomalyDetector {
    /// A UUID.
    pub id: String,
    /// The group that it watches.
    pub group: GroupId,
    /// For people, and a dimension of its metric.
    pub name: String,
    /// `ONE_MIN` and its like.
    pub frequency: String,
    /// Only events that match are looked at.
    pub filter_pattern: Option<String>,
    /// Remembered and shown.
    pub kms_key_id: Option<String>,
    /// Days until an anomaly is normal.
    pub visibility_days: i64,
}

/// A detector as it stands, without what it has learned.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct LogAnomalyDetector {
    /// A UUID, the end of its ARN.
    pub id: String,
    /// The account of its group.
    pub account: String,
    /// The region of its group.
    pub region: String,
    /// The id of its group.
    pub group_id: i64,
    /// The name of its group.
    pub group_name: String,
    /// For people, and a dimension of its metric.
    pub name: String,
    /// `ONE_MIN` and its like.
    pub frequency: String,
    /// Only events that match are looked at.
    pub filter_pattern: Option<String>,
    /// Remembered and shown.
    pub kms_key_id: Option<String>,
    /// Days until an anomaly is normal.
    pub visibility_days: i64,
    /// `INITIALIZING`, `TRAINING`, `ANALYZING` or `PAUSED`.
    pub status: String,
    /// When it was made, milliseconds.
    pub created_ms: i64,
    /// When it was last changed by a client, milliseconds.
    pub modified_ms: i64,
    /// Log events of lower sequences have been looked at.
    pub position: i64,
    /// The end of the last window, milliseconds.
    pub evaluated_ms: i64,
}

/// An anomaly.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct LogAnomaly {
    /// A UUID.
    pub id: String,
    /// The detector that found it.
    pub detector_id: String,
    /// The pattern that it is about.
    pub pattern_id: String,
    /// What it is; unique with detector and pattern.
    pub kind: String,
    /// `HIGH`, `MEDIUM` or `LOW`.
    pub priority: String,
    /// When it was first found, milliseconds.
    pub first_seen_ms: i64,
    /// When it was last found, milliseconds.
    pub last_seen_ms: i64,
    /// What else is shown, as JSON of `watch`'s making.
    pub document: String,
    /// Whether it is normal by now.
    #[sqlx(try_from = "Truth")]
    pub baseline: bool,
    /// When it was suppressed, milliseconds.
    pub suppressed_ms: Option<i64>,
    /// Until when, milliseconds; the greatest number is for ever.
    pub suppressed_until_ms: Option<i64>,
    /// Whether every anomaly of the pattern is.
    #[sqlx(try_from = "Truth")]
    pub pattern_suppressed: bool,
}

/// Which anomalies of a detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogAnomalyTarget<'a> {
    /// The one with this id.
    Anomaly(&'a str),
    /// Every one of this pattern.
    Pattern(&'a str),
}

/// What a detector has seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogAnomalyProgress {
    /// The status from now on.
    pub status: &'static str,
    /// Log events of lower sequences have been looked at.
    pub position: u64,
    /// The end of the last window, milliseconds.
    pub evaluated_ms: i64,
    /// What is known now; `None` when it has not changed.
    pub model: Option<String>,
}

const DETECTORS: &str = "SELECT d.id, g.account, g.region, g.id AS group_id, g.name AS group_name, d.name, d.frequency, \
    d.filter_pattern, d.kms_key_id, d.visibility_days, d.status, d.created_ms, d.modified_ms, d.position, d.evaluated_ms \
    FROM log_anomaly_detectors d JOIN log_groups g ON g.id = d.group_id";

const ANOMALIES: &str = "SELECT a.id, a.detector_id, a.pattern_id, a.kind, a.priority, a.first_seen_ms, a.last_seen_ms, \
    a.document, a.baseline <> 0 AS baseline, a.suppressed_ms, a.suppressed_until_ms, \
    a.pattern_suppressed <> 0 AS pattern_suppressed FROM log_anomalies a";

impl Catalog {
    /// Makes a detector with its tags that begins at `position`. False when there is no such group any more.
    pub async fn create_log_anomaly_detector(
        &self,
        new: &NewLogAnomalyDetector,
        (at, position): (Timestamp, u64),
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let made = sqlx::query(
            "INSERT INTO log_anomaly_detectors (id, group_id, name, frequency, filter_pattern, kms_key_id, visibility_days, \
             status, created_ms, modified_ms, position, evaluated_ms, model) \
             SELECT $1, id, $3, $4, $5, $6, $7, 'INITIALIZING', $8, $8, $9, $8, '' FROM log_groups WHERE id = $2",
        )
        .bind(&new.id)
        .bind(new.group.0 as i64)
        .bind(&new.name)
        .bind(&new.frequency)
        .bind(&new.filter_pattern)
        .bind(&new.kms_key_id)
        .bind(new.visibility_days)
        .bind(at.0)
        .bind(position as i64)
        .execute(&mut *transaction)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(false);
        }
        insert_tags(&mut transaction, arn, tags).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Replaces what a client can change of a detector: frequency, filter pattern, days, status and time of change. Its position
    /// moves forward only: it may have advanced since the detector was read.
    pub async fn update_log_anomaly_detector(&self, detector: &LogAnomalyDetector) -> Result<()> {
        sqlx::query(
            "UPDATE log_anomaly_detectors SET frequency = $2, filter_pattern = $3, visibility_days = $4, status = $5, \
             modified_ms = $6, position = CASE WHEN position > $7 THEN position ELSE $7 END, \
             evaluated_ms = CASE WHEN evaluated_ms > $8 THEN evaluated_ms ELSE $8 END WHERE id = $1",
        )
        .bind(&detector.id)
        .bind(&detector.frequency)
        .bind(&detector.filter_pattern)
        .bind(detector.visibility_days)
        .bind(&detector.status)
        .bind(detector.modified_ms)
        .bind(detector.position)
        .bind(detector.evaluated_ms)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The detector with this id.
    pub async fn log_anomaly_detector(&self, scope: &Scope, id: &str) -> Result<Option<LogAnomalyDetector>> {
        let sql = format!("{DETECTORS} WHERE d.id = $1 AND g.account = $2 AND g.region = $3");
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(id).bind(&scope.account).bind(&scope.region);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Up to `limit` detectors whose ids follow `after`, by id; only those of a group where one is given.
    pub async fn log_anomaly_detectors(
        &self,
        scope: &Scope,
        group: Option<GroupId>,
        after: &str,
        limit: usize,
    ) -> Result<Vec<LogAnomalyDetector>> {
        let sql = format!(
            "{DETECTORS} WHERE g.account = $1 AND g.region = $2 AND ($3 IS NULL OR g.id = $3) AND d.id > $4 \
             ORDER BY d.id LIMIT $5"
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&scope.account).bind(&scope.region);
        let query = query.bind(group.map(|group| group.0 as i64)).bind(after);
        Ok(query.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&self.pool).await?)
    }

    /// How many detectors a scope has.
    pub async fn count_log_anomaly_detectors(&self, scope: &Scope) -> Result<usize> {
        let (count,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM log_anomaly_detectors d JOIN log_groups g ON g.id = d.group_id \
             WHERE g.account = $1 AND g.region = $2",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .fetch_one(&self.pool)
        .await?;
        Ok(usize::try_from(count).unwrap_or(0))
    }

    /// Every detector of every account that is not paused.
    pub async fn every_log_anomaly_detector(&self) -> Result<Vec<LogAnomalyDetector>> {
        let sql = format!("{DETECTORS} WHERE d.status <> 'PAUSED' ORDER BY d.id");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(&self.pool).await?)
    }

    /// What a detector has learned; empty at first, `None` when there is no such detector.
    pub async fn log_anomaly_model(&self, detector: &str) -> Result<Option<String>> {
        let row: Option<(String,)> = sqlx::query_as("SELECT model FROM log_anomaly_detectors WHERE id = $1")
            .bind(detector)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|(model,)| model))
    }

    /// Notes, all or nothing, how far a detector came and what it found; anomalies that are there are replaced but for who
    /// suppressed them. Only the latest `anomalies_max` of a detector are kept. False when a client has changed the detector since
    /// it was read: then nothing is noted.
    pub async fn advance_log_anomaly_detector(
        &self,
        detector: &LogAnomalyDetector,
        progress: &LogAnomalyProgress,
        found: &[LogAnomaly],
        anomalies_max: usize,
    ) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let moved = sqlx::query(
            "UPDATE log_anomaly_detectors SET status = $2, position = $3, evaluated_ms = $4, model = COALESCE($5, model) \
             WHERE id = $1 AND status = $6 AND position = $7 AND modified_ms = $8",
        )
        .bind(&detector.id)
        .bind(progress.status)
        .bind(progress.position as i64)
        .bind(progress.evaluated_ms)
        .bind(&progress.model)
        .bind(&detector.status)
        .bind(detector.position)
        .bind(detector.modified_ms)
        .execute(&mut *transaction)
        .await?;
        if moved.rows_affected() == 0 {
            return Ok(false);
        }
        for anomaly in found {
            sqlx::query(
                "INSERT INTO log_anomalies (id, detector_id, pattern_id, kind, priority, first_seen_ms, last_seen_ms, document, \
                 baseline, suppressed_ms, suppressed_until_ms, pattern_suppressed) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, NULL, NULL, 0) \
                 ON CONFLICT (detector_id, pattern_id, kind) DO UPDATE SET priority = excluded.priority, \
                 last_seen_ms = excluded.last_seen_ms, document = excluded.document",
            )
            .bind(&anomaly.id)
            .bind(&detector.id)
            .bind(&anomaly.pattern_id)
            .bind(&anomaly.kind)
            .bind(&anomaly.priority)
            .bind(anomaly.first_seen_ms)
            .bind(anomaly.last_seen_ms)
            .bind(&anomaly.document)
            .execute(&mut *transaction)
            .await?;
        }
        if !found.is_empty() {
            sqlx::query(
                "DELETE FROM log_anomalies WHERE detector_id = $1 AND id NOT IN \
                 (SELECT id FROM log_anomalies WHERE detector_id = $1 ORDER BY last_seen_ms DESC, id LIMIT $2)",
            )
            .bind(&detector.id)
            .bind(i64::try_from(anomalies_max).unwrap_or(i64::MAX))
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Every anomaly of a detector.
    pub async fn log_anomalies_of(&self, detector: &str) -> Result<Vec<LogAnomaly>> {
        let sql = format!("{ANOMALIES} WHERE a.detector_id = $1 ORDER BY a.id");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(detector).fetch_all(&self.pool).await?)
    }

    /// Up to `limit` anomalies whose ids follow `after`, by id: those of a detector where one is given, and those that are
    /// suppressed at a time, or are not, where that is asked.
    pub async fn log_anomalies(
        &self,
        scope: &Scope,
        detector: Option<&str>,
        suppressed: Option<(bool, Timestamp)>,
        after: &str,
        limit: usize,
    ) -> Result<Vec<LogAnomaly>> {
        let sql = format!(
            "{ANOMALIES} JOIN log_anomaly_detectors d ON d.id = a.detector_id JOIN log_groups g ON g.id = d.group_id \
             WHERE g.account = $1 AND g.region = $2 AND ($3 IS NULL OR d.id = $3) AND a.id > $4 \
             AND ($5 IS NULL OR (COALESCE(a.suppressed_until_ms, -1) > $6) = ($5 <> 0)) ORDER BY a.id LIMIT $7"
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&scope.account).bind(&scope.region);
        let query = query.bind(detector).bind(after).bind(suppressed.map(|(is, _)| i64::from(is)));
        let query = query.bind(suppressed.map_or(0, |(_, at)| at.0));
        Ok(query.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&self.pool).await?)
    }

    /// Suppresses anomalies from a time until a time, or ends that. False when there are none.
    pub async fn suppress_log_anomalies(
        &self,
        detector: &str,
        target: LogAnomalyTarget<'_>,
        span: Option<(Timestamp, Timestamp)>,
    ) -> Result<bool> {
        let (condition, id, of_pattern) = target.condition();
        let sql = format!(
            "UPDATE log_anomalies SET suppressed_ms = $3, suppressed_until_ms = $4, pattern_suppressed = $5 \
             WHERE detector_id = $1 AND {condition}"
        );
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(detector).bind(id);
        let query = query.bind(span.map(|(from, _)| from.0)).bind(span.map(|(_, until)| until.0));
        let changed = query.bind(i64::from(of_pattern && span.is_some())).execute(&self.pool).await?;
        Ok(changed.rows_affected() > 0)
    }

    /// Says that anomalies are normal, or are not. False when there are none.
    pub async fn baseline_log_anomalies(
        &self,
        detector: &str,
        target: LogAnomalyTarget<'_>,
        is_normal: bool,
    ) -> Result<bool> {
        let (condition, id, _) = target.condition();
        let sql = format!("UPDATE log_anomalies SET baseline = $3 WHERE detector_id = $1 AND {condition}");
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(detector).bind(id).bind(i64::from(is_normal));
        Ok(query.execute(&self.pool).await?.rows_affected() > 0)
    }

    /// Deletes a detector with its anomalies and tags. False when there is none.
    pub async fn delete_log_anomaly_detector(&self, id: &str, arn: &str) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let deleted =
            sqlx::query("DELETE FROM log_anomaly_detectors WHERE id = $1").bind(id).execute(&mut *transaction).await?;
        sqlx::query("DELETE FROM tags WHERE resource_arn = $1").bind(arn).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected() > 0)
    }
}

impl<'a> LogAnomalyTarget<'a> {
    /// A condition on `$2`, its value, and whether it is a pattern.
    fn condition(self) -> (&'static str, &'a str, bool) {
        match self {
            LogAnomalyTarget::Anomaly(id) => ("id = $2", id, false),
            LogAnomalyTarget::Pattern(id) => ("pattern_id = $2", id, true),
        }
    }
}

#[cfg(test)]
mod tests;
