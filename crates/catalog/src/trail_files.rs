//! Files that trails deliver to buckets: planned before they are put, marked once they are.
//!
//! A plan is made in one transaction with the step of its span's position, so that each event that a trail wants is in exactly
//! one file, whatever is cut off when. A file that is put and not marked is put again, under the same key.

use crate::{Catalog, Result, TrailSpan};
use model::Timestamp;
use sqlx::FromRow;

/// A file of a trail.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct TrailFile {
    /// Counts up in the order of planning.
    pub id: i64,
    /// The trail's id, which no later trail gets.
    pub trail_id: i64,
    /// The trail's ARN.
    pub trail_arn: String,
    /// The span whose events it has.
    pub span_id: i64,
    /// The account of its events.
    pub account: String,
    /// The region of its events.
    pub region: String,
    /// Where it goes.
    pub bucket: String,
    /// Its key there.
    pub object_key: String,
    /// Its events have sequences from here on.
    pub first_sequence: i64,
    /// Its events have sequences below.
    pub end_sequence: i64,
    /// How many events it has.
    pub events: i64,
    /// SHA-256 of the bytes before compression, 64 hexadecimal digits.
    pub sha256: String,
    /// The time of its oldest event, milliseconds.
    pub oldest_ms: i64,
    /// The time of its newest event, milliseconds.
    pub newest_ms: i64,
    /// When it was planned, milliseconds.
    pub planned_ms: i64,
    /// When it was put, milliseconds; `None` until then.
    pub delivered_ms: Option<i64>,
    /// ARN of the topic that is still to be told of it.
    pub topic: Option<String>,
}

/// The files of a trail that are planned and not delivered.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct UndeliveredFiles {
    /// The trail's id.
    pub trail_id: i64,
    /// The trail's ARN.
    pub trail_arn: String,
    /// Their events have sequences from here on.
    pub first_sequence: i64,
    /// When the first of them was planned, milliseconds.
    pub planned_ms: i64,
}

const COLUMNS: &str = "id, trail_id, trail_arn, span_id, account, region, bucket, object_key, first_sequence, end_sequence, \
                       events, sha256, oldest_ms, newest_ms, planned_ms, delivered_ms, topic";

impl Catalog {
    /// Plans the next files of a span and moves its position to `next_sequence`, both or neither. The ids of the files are
    /// given here. False, and nothing is changed, when the span is gone or stands elsewhere than `span` says.
    pub async fn plan_trail_files(&self, span: &TrailSpan, next_sequence: i64, files: &[TrailFile]) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let moved = sqlx::query("UPDATE trail_spans SET next_sequence = $1 WHERE id = $2 AND next_sequence = $3")
            .bind(next_sequence)
            .bind(span.id)
            .bind(span.next_sequence)
            .execute(&mut *transaction)
            .await?;
        if moved.rows_affected() == 0 {
            return Ok(false);
        }
        for file in files {
            let id = Self::next_id(&mut transaction, "trail_files").await?;
            sqlx::query(
                "INSERT INTO trail_files (id, trail_id, trail_arn, span_id, account, region, bucket, object_key, \
                 first_sequence, end_sequence, events, sha256, oldest_ms, newest_ms, planned_ms) \
                 VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15)",
            )
            .bind(id)
            .bind(span.trail_id)
            .bind(&file.trail_arn)
            .bind(span.id)
            .bind(&file.account)
            .bind(&file.region)
            .bind(&file.bucket)
            .bind(&file.object_key)
            .bind(file.first_sequence)
            .bind(file.end_sequence)
            .bind(file.events)
            .bind(&file.sha256)
            .bind(file.oldest_ms)
            .bind(file.newest_ms)
            .bind(file.planned_ms)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The files of a trail that are planned and not delivered, in the order of planning.
    pub async fn planned_trail_files(&self, trail_id: i64) -> Result<Vec<TrailFile>> {
        let sql = format!("SELECT {COLUMNS} FROM trail_files WHERE trail_id = $1 AND delivered_ms IS NULL ORDER BY id");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(trail_id).fetch_all(&self.pool).await?)
    }

    /// Plans a file anew that is not delivered: where it goes, and what its bytes are. False when there is none.
    pub async fn replan_trail_file(&self, file: &TrailFile) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE trail_files SET bucket = $1, object_key = $2, events = $3, sha256 = $4, oldest_ms = $5, newest_ms = $6 \
             WHERE id = $7 AND delivered_ms IS NULL",
        )
        .bind(&file.bucket)
        .bind(&file.object_key)
        .bind(file.events)
        .bind(&file.sha256)
        .bind(file.oldest_ms)
        .bind(file.newest_ms)
        .bind(file.id)
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Gives a planned file up.
    pub async fn drop_trail_file(&self, id: i64) -> Result<()> {
        sqlx::query("DELETE FROM trail_files WHERE id = $1 AND delivered_ms IS NULL")
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Marks a file as put, notes it in the trail's status, and says which topic is to be told.
    pub async fn deliver_trail_file(&self, file: &TrailFile, at: Timestamp, topic: Option<&str>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("UPDATE trail_files SET delivered_ms = $1, topic = $2 WHERE id = $3 AND delivered_ms IS NULL")
            .bind(at.millis())
            .bind(topic)
            .bind(file.id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO trail_status (trail_id, delivery_attempt_ms, delivery_ms) VALUES ($1, $2, $2) \
             ON CONFLICT (trail_id) DO UPDATE SET delivery_attempt_ms = $2, delivery_ms = $2, delivery_error = NULL",
        )
        .bind(file.trail_id)
        .bind(at.millis())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Delivered files of a trail that its topic is still to be told of, in order; up to `limit`.
    pub async fn untold_trail_files(&self, trail_id: i64, limit: usize) -> Result<Vec<TrailFile>> {
        let sql =
            format!("SELECT {COLUMNS} FROM trail_files WHERE trail_id = $1 AND topic IS NOT NULL ORDER BY id LIMIT $2");
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(trail_id);
        Ok(query.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&self.pool).await?)
    }

    /// Notes that the topic was told of a file, or will not be because of `error`.
    pub async fn tell_trail_file(&self, file: &TrailFile, at: Timestamp, error: Option<&str>) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("UPDATE trail_files SET topic = NULL WHERE id = $1")
            .bind(file.id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query(
            "INSERT INTO trail_status (trail_id, notification_attempt_ms, notification_ms, notification_error) \
             VALUES ($1, $2, CASE WHEN $3 IS NULL THEN $2 END, $3) \
             ON CONFLICT (trail_id) DO UPDATE SET notification_attempt_ms = $2, notification_error = $3, \
             notification_ms = CASE WHEN $3 IS NULL THEN $2 ELSE trail_status.notification_ms END",
        )
        .bind(file.trail_id)
        .bind(at.millis())
        .bind(error)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// What trails have planned and not delivered, by trail.
    pub async fn undelivered_trail_files(&self) -> Result<Vec<UndeliveredFiles>> {
        let rows = sqlx::query_as(
            "SELECT trail_id, MIN(trail_arn) AS trail_arn, MIN(first_sequence) AS first_sequence, \
             MIN(planned_ms) AS planned_ms FROM trail_files WHERE delivered_ms IS NULL GROUP BY trail_id ORDER BY trail_id",
        );
        Ok(rows.fetch_all(&self.pool).await?)
    }

    /// Forgets files that were delivered before a time and that nobody is to be told of. The objects stay.
    pub async fn expire_trail_files(&self, before: Timestamp) -> Result<()> {
        sqlx::query("DELETE FROM trail_files WHERE delivered_ms < $1 AND topic IS NULL")
            .bind(before.millis())
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{TrailRow, TrailSettings};
    use model::Scope;

    fn scope() -> Scope {
        Scope { account: "1".into(), region: "r".into() }
    }

    /// A catalog with a trail `a` that logs from sequence 5 on.
    async fn logging() -> Catalog {
        let catalog = Catalog::in_memory().await.unwrap();
        let settings = TrailSettings { s3_bucket: "b".into(), sns_topic: Some("t".into()), ..TrailSettings::default() };
        let row = TrailRow { scope: scope(), name: "a".into(), settings, ..TrailRow::default() };
        catalog.create_trail(&row, 5).await.unwrap();
        catalog.sync_trail_spans(4).await.unwrap();
        assert_eq!(catalog.trail_spans().await.unwrap(), []);
        catalog.start_trail(&scope(), "a", Timestamp(1)).await.unwrap();
        catalog.sync_trail_spans(5).await.unwrap();
        catalog
    }

    fn file(key: &str) -> TrailFile {
        TrailFile {
            id: 0,
            trail_id: 1,
            trail_arn: "arn".into(),
            span_id: 1,
            account: "1".into(),
            region: "r".into(),
            bucket: "b".into(),
            object_key: key.into(),
            first_sequence: 5,
            end_sequence: 9,
            events: 3,
            sha256: "00".into(),
            oldest_ms: 1,
            newest_ms: 2,
            planned_ms: 3,
            delivered_ms: None,
            topic: None,
        }
    }

    async fn bounds(catalog: &Catalog) -> Vec<(i64, Option<i64>, String, bool)> {
        let spans = catalog.trail_spans().await.unwrap().into_iter();
        spans.map(|span| (span.next_sequence, span.end_sequence, span.bucket, span.deleted)).collect()
    }

    #[tokio::test]
    async fn a_change_ends_a_span_and_begins_the_next() {
        let catalog = logging().await;
        catalog.sync_trail_spans(6).await.unwrap();
        assert_eq!(bounds(&catalog).await, [(5, None, "b".into(), false)], "nothing changed");
        let mut row = catalog.trail(&scope(), "a").await.unwrap().unwrap();
        row.settings.s3_bucket = "c".into();
        assert!(catalog.update_trail(&row).await.unwrap());
        catalog.sync_trail_spans(7).await.unwrap();
        assert_eq!(bounds(&catalog).await, [(5, None, "c".into(), false)], "another bucket is no other span");
        catalog.set_trail_selectors(&scope(), "a", "{}").await.unwrap();
        catalog.sync_trail_spans(8).await.unwrap();
        catalog.stop_trail(&scope(), "a", Timestamp(2)).await.unwrap();
        catalog.sync_trail_spans(10).await.unwrap();
        let stopped = [(5, Some(8), "c".into(), false), (8, Some(10), "c".into(), false)];
        assert_eq!(bounds(&catalog).await, stopped);
        catalog.delete_trail(&scope(), "a").await.unwrap();
        catalog.sync_trail_spans(11).await.unwrap();
        let deleted = [(5, Some(8), "c".into(), true), (8, Some(10), "c".into(), true)];
        assert_eq!(bounds(&catalog).await, deleted, "what came before is still delivered");
        catalog.clamp_trail_spans(7).await.unwrap();
        assert_eq!(bounds(&catalog).await, [(5, Some(7), "c".into(), true), (7, Some(7), "c".into(), true)]);
        catalog.drop_ended_trail_spans(1).await.unwrap();
        assert_eq!(bounds(&catalog).await, [(5, Some(7), "c".into(), true)]);
    }

    #[tokio::test]
    async fn a_change_that_comes_late_counts_from_where_files_are_planned() {
        let catalog = logging().await;
        let span = catalog.trail_spans().await.unwrap().remove(0);
        assert!(catalog.plan_trail_files(&span, 103, &[file("k")]).await.unwrap());
        catalog.set_trail_selectors(&scope(), "a", "{}").await.unwrap();
        catalog.sync_trail_spans(100).await.unwrap();
        let expected = [(103, Some(103), "b".into(), false), (103, None, "b".into(), false)];
        assert_eq!(bounds(&catalog).await, expected, "100 to 102 are in a file already");
        // Logging that ends and begins again within the same moment.
        catalog.stop_trail(&scope(), "a", Timestamp(2)).await.unwrap();
        catalog.sync_trail_spans(100).await.unwrap();
        catalog.start_trail(&scope(), "a", Timestamp(3)).await.unwrap();
        catalog.sync_trail_spans(101).await.unwrap();
        assert_eq!(bounds(&catalog).await[1..], [(103, Some(103), "b".into(), false), (103, None, "b".into(), false)]);
    }

    #[tokio::test]
    async fn files_that_wait_are_taken_back_with_their_events() {
        let catalog = logging().await;
        let planned = |key, first_sequence, end_sequence| TrailFile { first_sequence, end_sequence, ..file(key) };
        let files = [planned("told", 5, 9), planned("all", 5, 7), planned("part", 5, 9), planned("none", 7, 9)];
        let span = catalog.trail_spans().await.unwrap().remove(0);
        assert!(catalog.plan_trail_files(&span, 9, &files).await.unwrap());
        let delivered = catalog.planned_trail_files(1).await.unwrap().remove(0);
        catalog.deliver_trail_file(&delivered, Timestamp(20), Some("t")).await.unwrap();
        catalog.clamp_trail_spans(7).await.unwrap();
        let left = catalog.planned_trail_files(1).await.unwrap().into_iter();
        let left: Vec<_> = left.map(|file| (file.object_key, file.first_sequence, file.end_sequence)).collect();
        assert_eq!(left, [("all".to_owned(), 5, 7), ("part".to_owned(), 5, 7)], "the next 7 and 8 are other events");
        assert_eq!(catalog.untold_trail_files(1, 9).await.unwrap()[0].end_sequence, 9, "what is delivered stays");
        assert_eq!(bounds(&catalog).await, [(7, None, "b".into(), false)]);
    }

    #[tokio::test]
    async fn a_file_is_planned_once_delivered_once_and_told() {
        let catalog = logging().await;
        let span = catalog.trail_spans().await.unwrap().remove(0);
        assert!(catalog.plan_trail_files(&span, 9, &[file("k-1"), file("k-2")]).await.unwrap());
        assert!(!catalog.plan_trail_files(&span, 9, &[file("k-3")]).await.unwrap(), "the span has moved");
        assert_eq!(bounds(&catalog).await[0].0, 9);
        let (trail_arn, planned_ms) = (file("k-1").trail_arn, file("k-1").planned_ms);
        let undelivered = UndeliveredFiles { trail_id: 1, trail_arn, first_sequence: 5, planned_ms };
        assert_eq!(catalog.undelivered_trail_files().await.unwrap(), [undelivered]);
        let planned = catalog.planned_trail_files(1).await.unwrap();
        assert_eq!(planned, [TrailFile { id: 1, ..file("k-1") }, TrailFile { id: 2, ..file("k-2") }]);
        let moved = TrailFile { bucket: "c".into(), object_key: "k-4".into(), ..planned[1].clone() };
        assert!(catalog.replan_trail_file(&moved).await.unwrap());
        catalog.fail_trail_delivery(1, Timestamp(10), "down").await.unwrap();
        catalog.deliver_trail_file(&planned[0], Timestamp(20), Some("t")).await.unwrap();
        assert!(!catalog.replan_trail_file(&planned[0]).await.unwrap());
        assert_eq!(catalog.planned_trail_files(1).await.unwrap(), [moved]);
        let untold = catalog.untold_trail_files(1, 9).await.unwrap();
        assert_eq!((untold.len(), untold[0].id, untold[0].delivered_ms), (1, 1, Some(20)));
        catalog.expire_trail_files(Timestamp(99)).await.unwrap();
        catalog.fail_trail_notification(1, Timestamp(21), "slow").await.unwrap();
        catalog.tell_trail_file(&untold[0], Timestamp(22), None).await.unwrap();
        assert_eq!(catalog.untold_trail_files(1, 9).await.unwrap(), []);
        let status = catalog.trail_status(1).await.unwrap();
        assert_eq!((status.delivery_attempt_ms, status.delivery_ms, status.delivery_error), (Some(20), Some(20), None));
        let told = (status.notification_attempt_ms, status.notification_ms, status.notification_error);
        assert_eq!(told, (Some(22), Some(22), None));
        let delivered = async || catalog.undigested_scopes(1, Timestamp(20)).await.unwrap();
        catalog.expire_trail_files(Timestamp(20)).await.unwrap();
        assert_eq!(delivered().await, [(scope(), Timestamp(20))]);
        catalog.expire_trail_files(Timestamp(99)).await.unwrap();
        assert_eq!(delivered().await, []);
        catalog.drop_trail_file(2).await.unwrap();
        assert_eq!(catalog.planned_trail_files(1).await.unwrap(), []);
        assert_eq!(catalog.undelivered_trail_files().await.unwrap(), []);
    }

    #[tokio::test]
    async fn the_status_of_a_trail_goes_with_it() {
        let catalog = logging().await;
        catalog.fail_trail_delivery(1, Timestamp(10), "down").await.unwrap();
        catalog.note_trail_digest(1, Timestamp(11), None).await.unwrap();
        catalog.note_trail_digest(1, Timestamp(12), Some("no")).await.unwrap();
        catalog.expire_trail_status().await.unwrap();
        let status = catalog.trail_status(1).await.unwrap();
        assert_eq!((status.delivery_attempt_ms, status.delivery_error.as_deref()), (Some(10), Some("down")));
        assert_eq!((status.digest_ms, status.digest_error.as_deref()), (Some(11), Some("no")));
        catalog.delete_trail(&scope(), "a").await.unwrap();
        catalog.sync_trail_spans(5).await.unwrap();
        catalog.drop_ended_trail_spans(1).await.unwrap();
        catalog.expire_trail_status().await.unwrap();
        assert_eq!(catalog.trail_status(1).await.unwrap(), crate::TrailStatus::default());
    }
}
