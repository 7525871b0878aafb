//! The outbox: published messages that wait for their receivers, and dead letters, which were given up.
//!
//! A message is kept once, with one delivery for each receiver; it goes with its last delivery. What delivers them holds
//! nothing in the catalog while it does: after a crash every delivery that was not ended is due again.

use crate::pool::Connection;
use crate::{Catalog, Result};
use model::Timestamp;

/// A message and who is to receive it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Publication {
    /// The message, a JSON document.
    pub message: String,
    /// Its receivers.
    pub deliveries: Vec<NewDelivery>,
    /// When the first attempts are due.
    pub due: Timestamp,
}

/// One receiver of a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewDelivery {
    /// The ARN of the subscription or webhook.
    pub target: String,
    /// What must not be asked for too much at once: a host, the mail server.
    pub lane: String,
    /// How and where to deliver, a JSON document.
    pub address: String,
}

/// A delivery that waits.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct Delivery {
    /// Its number; rises with time.
    pub sequence: i64,
    /// See [`NewDelivery::target`].
    pub target: String,
    /// See [`NewDelivery::address`].
    pub address: String,
    /// See [`Publication::message`].
    pub message: String,
    /// How many attempts failed.
    pub attempts: i64,
}

/// A delivery that was given up.
#[derive(Debug, Clone, PartialEq, Eq, sqlx::FromRow)]
pub struct DeadLetter {
    /// The number of the delivery.
    pub sequence: i64,
    /// See [`NewDelivery::target`].
    pub target: String,
    /// See [`NewDelivery::address`].
    pub address: String,
    /// See [`Publication::message`].
    pub message: String,
    /// How many attempts were made.
    pub attempts: i64,
    /// What the last attempt came to.
    pub error: String,
    /// When it was given up, milliseconds.
    pub at_ms: i64,
}

/// Writes publications within the transaction that they belong to, which must have written before. Those without receivers
/// leave nothing.
pub(crate) async fn insert_publications(connection: &mut Connection, publications: &[Publication]) -> Result<()> {
    for publication in publications.iter().filter(|publication| !publication.deliveries.is_empty()) {
        let sequence = Catalog::next_id(connection, "publications").await?;
        sqlx::query("INSERT INTO publications (sequence, message) VALUES ($1, $2)")
            .bind(sequence)
            .bind(&publication.message)
            .execute(&mut *connection)
            .await?;
        for delivery in &publication.deliveries {
            sqlx::query(
                "INSERT INTO deliveries (sequence, publication, target, lane, address, attempts, due_ms) \
                 VALUES ($1, $2, $3, $4, $5, 0, $6)",
            )
            .bind(Catalog::next_id(connection, "deliveries").await?)
            .bind(sequence)
            .bind(&delivery.target)
            .bind(&delivery.lane)
            .bind(&delivery.address)
            .bind(publication.due.0)
            .execute(&mut *connection)
            .await?;
        }
    }
    Ok(())
}

impl Catalog {
    /// Puts publications into the outbox, all or none. False, and nothing is put, when more than `waiting_max` deliveries
    /// would wait.
    pub async fn publish(&self, publications: &[Publication], waiting_max: usize) -> Result<bool> {
        if publications.iter().all(|publication| publication.deliveries.is_empty()) {
            return Ok(true);
        }
        let mut transaction = self.pool.begin().await?;
        insert_publications(&mut transaction, publications).await?;
        let max = i64::try_from(waiting_max).unwrap_or(i64::MAX);
        let (waiting,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM (SELECT 1 FROM deliveries LIMIT $1) AS counted")
            .bind(max.saturating_add(1))
            .fetch_one(&mut *transaction)
            .await?;
        if waiting > max {
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Numbers of deliveries that are due at `now`: of each lane the first `of_lane`, at most `limit`, the first of every
    /// lane before the second of any.
    pub async fn due_deliveries(&self, now: Timestamp, of_lane: usize, limit: usize) -> Result<Vec<i64>> {
        // From lane to lane by the index: the length of a queue does not matter.
        let rows: Vec<(i64,)> = sqlx::query_as(
            "WITH RECURSIVE lanes (lane) AS (SELECT MIN(lane) FROM deliveries UNION ALL \
             SELECT (SELECT MIN(d.lane) FROM deliveries d WHERE d.lane > lanes.lane) FROM lanes \
             WHERE lanes.lane IS NOT NULL), \
             heads AS (SELECT d.sequence, d.due_ms, \
             ROW_NUMBER() OVER (PARTITION BY d.lane ORDER BY d.due_ms, d.sequence) AS place \
             FROM lanes JOIN deliveries d ON d.sequence IN (SELECT h.sequence FROM deliveries h \
             WHERE h.lane = lanes.lane AND h.due_ms <= $1 ORDER BY h.due_ms, h.sequence LIMIT $2)) \
             SELECT sequence FROM heads ORDER BY place, due_ms, sequence LIMIT $3",
        )
        .bind(now.0)
        .bind(i64::try_from(of_lane).unwrap_or(i64::MAX))
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|(sequence,)| sequence).collect())
    }

    /// The delivery with this number, if it still waits.
    pub async fn delivery(&self, sequence: i64) -> Result<Option<Delivery>> {
        let row = sqlx::query_as(
            "SELECT d.sequence, d.target, d.address, p.message, d.attempts FROM deliveries d \
             JOIN publications p ON p.sequence = d.publication WHERE d.sequence = $1",
        );
        Ok(row.bind(sequence).fetch_optional(&self.pool).await?)
    }

    /// When the next delivery is due; `None` when none waits.
    pub async fn next_delivery_due(&self) -> Result<Option<Timestamp>> {
        let (due,): (Option<i64>,) = sqlx::query_as("SELECT MIN(due_ms) FROM deliveries").fetch_one(&self.pool).await?;
        Ok(due.map(Timestamp))
    }

    /// Takes a delivery out of the outbox: it was made, or its receiver is gone.
    pub async fn end_delivery(&self, sequence: i64) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        remove(&mut transaction, sequence).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Notes a failed attempt, and when the next one is due.
    pub async fn postpone_delivery(&self, sequence: i64, due: Timestamp, error: &str) -> Result<()> {
        sqlx::query("UPDATE deliveries SET attempts = attempts + 1, due_ms = $2, error = $3 WHERE sequence = $1")
            .bind(sequence)
            .bind(due.0)
            .bind(error)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Gives a delivery up: it becomes a dead letter, with its last error.
    pub async fn give_up_delivery(&self, sequence: i64, at: Timestamp, error: &str) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "INSERT INTO dead_letters (sequence, target, address, message, attempts, error, at_ms) \
             SELECT d.sequence, d.target, d.address, p.message, d.attempts + 1, $3, $2 FROM deliveries d \
             JOIN publications p ON p.sequence = d.publication WHERE d.sequence = $1",
        )
        .bind(sequence)
        .bind(at.0)
        .bind(error)
        .execute(&mut *transaction)
        .await?;
        remove(&mut transaction, sequence).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Up to `limit` dead letters after number `after`, oldest first.
    pub async fn dead_letters(&self, after: i64, limit: usize) -> Result<Vec<DeadLetter>> {
        let rows = sqlx::query_as(
            "SELECT sequence, target, address, message, attempts, error, at_ms FROM dead_letters \
             WHERE sequence > $1 ORDER BY sequence LIMIT $2",
        );
        Ok(rows.bind(after).bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&self.pool).await?)
    }

    /// Forgets dead letters from before `before`, and the oldest beyond `max`; answers how many.
    pub async fn expire_dead_letters(&self, before: Timestamp, max: usize) -> Result<u64> {
        let gone = sqlx::query(
            "DELETE FROM dead_letters WHERE at_ms < $1 OR sequence <= \
             (SELECT sequence FROM dead_letters ORDER BY sequence DESC LIMIT 1 OFFSET $2)",
        )
        .bind(before.0)
        .bind(i64::try_from(max).unwrap_or(i64::MAX))
        .execute(&self.pool)
        .await?;
        Ok(gone.rows_affected())
    }
}

/// Removes a delivery, and its message when that was the last one.
async fn remove(connection: &mut Connection, sequence: i64) -> Result<()> {
    let row: Option<(i64,)> = sqlx::query_as("DELETE FROM deliveries WHERE sequence = $1 RETURNING publication")
        .bind(sequence)
        .fetch_optional(&mut *connection)
        .await?;
    let Some((publication,)) = row else { return Ok(()) };
    sqlx::query(
        "DELETE FROM publications WHERE sequence = $1 \
         AND NOT EXISTS (SELECT 1 FROM deliveries WHERE publication = $1)",
    )
    .bind(publication)
    .execute(connection)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000);

    fn publication(message: &str, lanes: &[&str]) -> Publication {
        let delivery = |lane: &&str| NewDelivery {
            target: format!("arn:{lane}"),
            lane: (*lane).to_owned(),
            address: "{}".to_owned(),
        };
        Publication { message: message.to_owned(), deliveries: lanes.iter().map(delivery).collect(), due: NOW }
    }

    async fn messages(catalog: &Catalog) -> i64 {
        sqlx::query_as::<_, (i64,)>("SELECT COUNT(*) FROM publications").fetch_one(&catalog.pool).await.unwrap().0
    }

    #[tokio::test]
    async fn a_full_lane_hides_no_other_and_a_message_goes_with_its_last_delivery() {
        let catalog = Catalog::in_memory().await.unwrap();
        for _ in 0..5 {
            assert!(catalog.publish(&[publication("slow", &["slow"])], 100).await.unwrap());
        }
        assert!(catalog.publish(&[publication("both", &["slow", "fast"])], 100).await.unwrap());
        assert_eq!(catalog.due_deliveries(Timestamp(999), 2, 10).await.unwrap(), Vec::<i64>::new());
        assert_eq!(catalog.due_deliveries(NOW, 2, 10).await.unwrap(), [1, 7, 2], "firsts come before seconds");
        assert_eq!(catalog.due_deliveries(NOW, 2, 1).await.unwrap(), [1]);
        assert_eq!(catalog.delivery(7).await.unwrap().unwrap().message, "both");
        catalog.end_delivery(7).await.unwrap();
        assert_eq!(messages(&catalog).await, 6, "one receiver still waits for it");
        catalog.end_delivery(6).await.unwrap();
        assert_eq!(messages(&catalog).await, 5);
        catalog.end_delivery(6).await.unwrap();
    }

    #[tokio::test]
    async fn a_failed_delivery_waits_and_a_hopeless_one_becomes_a_dead_letter() {
        let catalog = Catalog::in_memory().await.unwrap();
        assert!(catalog.publish(&[publication("m", &["a"])], 100).await.unwrap());
        catalog.postpone_delivery(1, Timestamp(5_000), "refused").await.unwrap();
        assert_eq!(catalog.due_deliveries(NOW, 2, 10).await.unwrap(), Vec::<i64>::new());
        assert_eq!(catalog.next_delivery_due().await.unwrap(), Some(Timestamp(5_000)));
        assert_eq!(catalog.delivery(1).await.unwrap().unwrap().attempts, 1);
        catalog.give_up_delivery(1, Timestamp(6_000), "still refused").await.unwrap();
        assert_eq!((catalog.next_delivery_due().await.unwrap(), messages(&catalog).await), (None, 0));
        let letters = catalog.dead_letters(0, 10).await.unwrap();
        assert_eq!(letters.len(), 1);
        assert_eq!((letters[0].attempts, letters[0].error.as_str(), letters[0].at_ms), (2, "still refused", 6_000));
        assert_eq!(catalog.expire_dead_letters(Timestamp(6_000), 1).await.unwrap(), 0);
        assert_eq!(catalog.expire_dead_letters(Timestamp(6_000), 0).await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_full_outbox_takes_nothing_and_says_so() {
        let catalog = Catalog::in_memory().await.unwrap();
        assert!(catalog.publish(&[publication("m", &["a", "b"])], 2).await.unwrap());
        assert!(!catalog.publish(&[publication("n", &["a"])], 2).await.unwrap());
        assert_eq!(messages(&catalog).await, 1);
        assert!(catalog.publish(&[publication("to nobody", &[])], 2).await.unwrap());
    }
}
