//! CloudTrail trails, stored once in their home region.

use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use sqlx::FromRow;

/// A trail. Event selectors are an opaque JSON document here; `trail` gives them meaning.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrailRow {
    /// Given by `create_trail`; no other trail ever has it.
    pub id: i64,
    /// Account and home region.
    pub scope: Scope,
    /// Name, unique in the scope.
    pub name: String,
    /// Everything that CreateTrail and UpdateTrail set.
    pub settings: TrailSettings,
    /// What PutEventSelectors stored; `None` before the first call.
    pub selectors: Option<String>,
    /// What PutInsightSelectors stored; `None` without Insights.
    pub insights: Option<String>,
    /// What PutEventConfiguration stored; `None` before the first call.
    pub event_configuration: Option<String>,
    /// True between StartLogging and StopLogging.
    pub logging: bool,
    /// The last StartLogging.
    pub logging_started_at: Option<Timestamp>,
    /// The last StopLogging.
    pub logging_stopped_at: Option<Timestamp>,
    /// When CreateTrail accepted it.
    pub created_at: Timestamp,
    /// Counts changes of the settings: an update that was made from an older reading is refused.
    pub revision: i64,
}

/// What CreateTrail and UpdateTrail set.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TrailSettings {
    /// Bucket that log files go to.
    pub s3_bucket: String,
    /// Prefix of their keys.
    pub s3_key_prefix: Option<String>,
    /// ARN of the SNS topic told of each file.
    pub sns_topic: Option<String>,
    /// Whether events of global services (IAM, STS) belong to the trail.
    pub global_events: bool,
    /// Whether the trail has shadows in all other regions.
    pub multi_region: bool,
    /// Whether digest files are written.
    pub file_validation: bool,
    /// Log group ARN, with `:*`.
    pub logs_group_arn: Option<String>,
    /// Role assumed to write to the log group.
    pub logs_role_arn: Option<String>,
    /// KMS key that log files are encrypted with.
    pub kms_key_id: Option<String>,
    /// Whether the trail covers an organization.
    pub organization: bool,
    /// Whether delivery of this trail's own files is logged; `None` when never said.
    pub recursive_logging: Option<bool>,
}

/// What became of a new trail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrailCreated {
    /// It exists now.
    Created,
    /// One of that name was there already.
    Exists,
    /// The region had as many trails as it may have.
    TooMany,
}

#[derive(FromRow)]
struct Row {
    id: i64,
    account: String,
    region: String,
    name: String,
    s3_bucket: String,
    s3_key_prefix: Option<String>,
    sns_topic: Option<String>,
    global_events: i64,
    multi_region: i64,
    file_validation: i64,
    logs_group_arn: Option<String>,
    logs_role_arn: Option<String>,
    kms_key_id: Option<String>,
    organization: i64,
    recursive_logging: Option<i64>,
    selectors: Option<String>,
    insights: Option<String>,
    event_configuration: Option<String>,
    logging: i64,
    logging_started_at: Option<i64>,
    logging_stopped_at: Option<i64>,
    created_at: i64,
    revision: i64,
}

impl From<Row> for TrailRow {
    fn from(row: Row) -> Self {
        Self {
            id: row.id,
            scope: Scope { account: row.account, region: row.region },
            name: row.name,
            settings: TrailSettings {
                s3_bucket: row.s3_bucket,
                s3_key_prefix: row.s3_key_prefix,
                sns_topic: row.sns_topic,
                global_events: row.global_events != 0,
                multi_region: row.multi_region != 0,
                file_validation: row.file_validation != 0,
                logs_group_arn: row.logs_group_arn,
                logs_role_arn: row.logs_role_arn,
                kms_key_id: row.kms_key_id,
                organization: row.organization != 0,
                recursive_logging: row.recursive_logging.map(|flag| flag != 0),
            },
            selectors: row.selectors,
            insights: row.insights,
            event_configuration: row.event_configuration,
            logging: row.logging != 0,
            logging_started_at: row.logging_started_at.map(Timestamp),
            logging_stopped_at: row.logging_stopped_at.map(Timestamp),
            created_at: Timestamp(row.created_at),
            revision: row.revision,
        }
    }
}

impl Catalog {
    /// Stores a new trail unless its name is taken or the scope holds `trails_max` trails already.
    pub async fn create_trail(&self, trail: &TrailRow, trails_max: i64) -> Result<TrailCreated> {
        let settings = &trail.settings;
        let mut transaction = self.pool.begin().await?;
        let id = Self::next_id(&mut transaction, "trails").await?;
        let done = sqlx::query(
            "INSERT INTO trails (id, account, region, name, s3_bucket, s3_key_prefix, sns_topic, global_events, multi_region, \
             file_validation, logs_group_arn, logs_role_arn, kms_key_id, organization, recursive_logging, logging, \
             created_at, revision) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, 0, $16, 1) \
             ON CONFLICT (account, region, name) DO NOTHING",
        )
        .bind(id)
        .bind(&trail.scope.account)
        .bind(&trail.scope.region)
        .bind(&trail.name)
        .bind(&settings.s3_bucket)
        .bind(&settings.s3_key_prefix)
        .bind(&settings.sns_topic)
        .bind(i64::from(settings.global_events))
        .bind(i64::from(settings.multi_region))
        .bind(i64::from(settings.file_validation))
        .bind(&settings.logs_group_arn)
        .bind(&settings.logs_role_arn)
        .bind(&settings.kms_key_id)
        .bind(i64::from(settings.organization))
        .bind(settings.recursive_logging.map(i64::from))
        .bind(trail.created_at.millis())
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(TrailCreated::Exists);
        }
        // Counted after the insert, inside its transaction, so that two creations cannot both be the last one allowed.
        let (trails,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM trails WHERE account = $1 AND region = $2")
            .bind(&trail.scope.account)
            .bind(&trail.scope.region)
            .fetch_one(&mut *transaction)
            .await?;
        if trails > trails_max {
            transaction.rollback().await?;
            return Ok(TrailCreated::TooMany);
        }
        transaction.commit().await?;
        Ok(TrailCreated::Created)
    }

    /// Replaces a trail's settings. False when the trail is gone or was changed since `trail` was read.
    pub async fn update_trail(&self, trail: &TrailRow) -> Result<bool> {
        let settings = &trail.settings;
        let done = sqlx::query(
            "UPDATE trails SET s3_bucket = $1, s3_key_prefix = $2, sns_topic = $3, global_events = $4, multi_region = $5, \
             file_validation = $6, logs_group_arn = $7, logs_role_arn = $8, kms_key_id = $9, organization = $10, \
             recursive_logging = $11, revision = revision + 1 \
             WHERE account = $12 AND region = $13 AND name = $14 AND revision = $15",
        )
        .bind(&settings.s3_bucket)
        .bind(&settings.s3_key_prefix)
        .bind(&settings.sns_topic)
        .bind(i64::from(settings.global_events))
        .bind(i64::from(settings.multi_region))
        .bind(i64::from(settings.file_validation))
        .bind(&settings.logs_group_arn)
        .bind(&settings.logs_role_arn)
        .bind(&settings.kms_key_id)
        .bind(i64::from(settings.organization))
        .bind(settings.recursive_logging.map(i64::from))
        .bind(&trail.scope.account)
        .bind(&trail.scope.region)
        .bind(&trail.name)
        .bind(trail.revision)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Replaces a trail's event selectors. False when the trail is gone.
    pub async fn set_trail_selectors(&self, scope: &Scope, name: &str, selectors: &str) -> Result<bool> {
        let done = sqlx::query("UPDATE trails SET selectors = $1 WHERE account = $2 AND region = $3 AND name = $4")
            .bind(selectors)
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(name)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Starts logging at `now`. A trail that logs already keeps its start. False when the trail is gone.
    pub async fn start_trail(&self, scope: &Scope, name: &str, now: Timestamp) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE trails SET logging_started_at = CASE logging WHEN 1 THEN logging_started_at ELSE $1 END, logging = 1 \
             WHERE account = $2 AND region = $3 AND name = $4",
        )
        .bind(now.millis())
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(name)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Stops logging at `now`. A trail that does not log keeps its stop. False when the trail is gone.
    pub async fn stop_trail(&self, scope: &Scope, name: &str, now: Timestamp) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE trails SET logging_stopped_at = CASE logging WHEN 0 THEN logging_stopped_at ELSE $1 END, logging = 0 \
             WHERE account = $2 AND region = $3 AND name = $4",
        )
        .bind(now.millis())
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(name)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Takes a trail away. False when there was none.
    pub async fn delete_trail(&self, scope: &Scope, name: &str) -> Result<bool> {
        let done = sqlx::query("DELETE FROM trails WHERE account = $1 AND region = $2 AND name = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(name)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// The trail of that name whose home is `scope`.
    pub async fn trail(&self, scope: &Scope, name: &str) -> Result<Option<TrailRow>> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM trails WHERE account = $1 AND region = $2 AND name = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(name)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(TrailRow::from))
    }

    /// All trails of an account in all regions, by name, then home region.
    pub async fn trails(&self, account: &str) -> Result<Vec<TrailRow>> {
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM trails WHERE account = $1 ORDER BY name, region")
            .bind(account)
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(TrailRow::from).collect())
    }

    /// All trails that log at present, of all accounts.
    pub async fn logging_trails(&self) -> Result<Vec<TrailRow>> {
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM trails WHERE logging = 1 ORDER BY account, region, name")
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.into_iter().map(TrailRow::from).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trail(name: &str) -> TrailRow {
        TrailRow {
            scope: Scope { account: "1".into(), region: "r".into() },
            name: name.into(),
            settings: TrailSettings { s3_bucket: "b".into(), ..TrailSettings::default() },
            created_at: Timestamp(7),
            revision: 1,
            ..TrailRow::default()
        }
    }

    #[tokio::test]
    async fn a_trail_is_created_once_and_within_the_limit() {
        let catalog = Catalog::in_memory().await.unwrap();
        assert_eq!(catalog.create_trail(&trail("a"), 2).await.unwrap(), TrailCreated::Created);
        assert_eq!(catalog.create_trail(&trail("a"), 2).await.unwrap(), TrailCreated::Exists);
        assert_eq!(catalog.create_trail(&trail("b"), 2).await.unwrap(), TrailCreated::Created);
        assert_eq!(catalog.create_trail(&trail("c"), 2).await.unwrap(), TrailCreated::TooMany);
        let trails = catalog.trails("1").await.unwrap();
        assert_eq!(trails, [TrailRow { id: 1, ..trail("a") }, TrailRow { id: 2, ..trail("b") }]);
        assert!(catalog.delete_trail(&trails[1].scope, "b").await.unwrap());
        assert_eq!(catalog.create_trail(&trail("b"), 2).await.unwrap(), TrailCreated::Created);
        assert!(catalog.trails("1").await.unwrap()[1].id > 2, "an id is not given again");
    }

    #[tokio::test]
    async fn starting_twice_keeps_the_first_start_and_stale_updates_are_refused() {
        let catalog = Catalog::in_memory().await.unwrap();
        let mut row = trail("a");
        catalog.create_trail(&row, 5).await.unwrap();
        assert!(catalog.start_trail(&row.scope, "a", Timestamp(10)).await.unwrap());
        assert!(catalog.start_trail(&row.scope, "a", Timestamp(20)).await.unwrap());
        assert_eq!(catalog.logging_trails().await.unwrap()[0].logging_started_at, Some(Timestamp(10)));
        assert!(catalog.stop_trail(&row.scope, "a", Timestamp(30)).await.unwrap());
        assert!(catalog.stop_trail(&row.scope, "a", Timestamp(40)).await.unwrap());
        let stored = catalog.trail(&row.scope, "a").await.unwrap().unwrap();
        assert_eq!((stored.logging, stored.logging_stopped_at), (false, Some(Timestamp(30))));
        row.settings.s3_bucket = "c".into();
        assert!(catalog.update_trail(&row).await.unwrap());
        assert!(!catalog.update_trail(&row).await.unwrap(), "made from revision 1, which is gone");
    }
}
