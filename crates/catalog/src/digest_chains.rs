//! Chains of digest files: where each stands, and the digest that is on its way.
//!
//! A digest is planned, signed, in one transaction with the log files that it lists, so that each delivered file is in exactly
//! one digest whatever is cut off when. What is planned is put again until it is delivered.

use crate::pool::Connection;
use crate::truth::Truth;
use crate::{Catalog, Result, TrailFile};
use model::{Scope, Timestamp};
use sqlx::FromRow;

/// The chain of one region of an account that a trail has events of.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct DigestChain {
    /// Counts up.
    pub id: i64,
    /// The trail's id, which no later trail gets.
    pub trail_id: i64,
    /// The trail's account.
    pub account: String,
    /// The trail's home region.
    pub home_region: String,
    /// The trail's name.
    pub name: String,
    /// Whether the trail is an organization's.
    #[sqlx(try_from = "Truth")]
    pub organization: bool,
    /// The account of the events; the trail's own but for trails of organizations.
    pub events_account: String,
    /// The region of the events.
    pub region: String,
    /// Where digests go: always where the trail says now.
    pub bucket: String,
    /// Prefix of their keys.
    pub prefix: Option<String>,
    /// Files delivered from here on are in digests, milliseconds.
    pub started_ms: i64,
    /// When validation ended for this chain, milliseconds.
    pub ended_ms: Option<i64>,
    /// Where the next digest begins, milliseconds.
    pub next_ms: i64,
    /// What the next digest links to, JSON.
    pub last: Option<String>,
    /// What the next backfill links to, JSON.
    pub last_backfill: Option<String>,
    /// The digest that is signed and not delivered, JSON.
    pub planned: Option<String>,
}

const COLUMNS: &str = "id, trail_id, account, home_region, name, organization, events_account, region, bucket, prefix, started_ms, \
                       ended_ms, next_ms, last, last_backfill, planned";

impl Catalog {
    /// Brings chains in line with the trails as they are at `now`: those whose trail no longer logs with validation end, and
    /// where a trail that does has none, the chain of its home region begins.
    pub async fn sync_digest_chains(&self, now: Timestamp) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "UPDATE digest_chains SET (bucket, prefix, organization) = (SELECT t.s3_bucket, t.s3_key_prefix, t.organization \
             FROM trails AS t WHERE t.id = digest_chains.trail_id) \
             WHERE EXISTS (SELECT 1 FROM trails AS t WHERE t.id = digest_chains.trail_id AND (t.s3_bucket <> digest_chains.bucket \
             OR t.s3_key_prefix IS DISTINCT FROM digest_chains.prefix OR t.organization <> digest_chains.organization))",
        )
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "UPDATE digest_chains SET ended_ms = $1 WHERE ended_ms IS NULL AND NOT EXISTS (SELECT 1 FROM trails AS t \
             WHERE t.id = digest_chains.trail_id AND t.logging = 1 AND t.file_validation = 1 \
             AND (t.multi_region = 1 OR t.region = digest_chains.region) \
             AND (t.organization = 1 OR t.account = digest_chains.events_account))",
        )
        .bind(now.millis())
        .execute(&mut *transaction)
        .await?;
        let missing: Vec<(i64,)> = sqlx::query_as(
            "SELECT id FROM trails AS t WHERE logging = 1 AND file_validation = 1 AND NOT EXISTS (SELECT 1 \
             FROM digest_chains AS c WHERE c.trail_id = t.id AND c.events_account = t.account AND c.region = t.region AND c.ended_ms IS NULL) ORDER BY id",
        )
        .fetch_all(&mut *transaction)
        .await?;
        for (trail_id,) in missing {
            insert(&mut transaction, trail_id, now).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Begins the chain of an account and region of the trail of `home`, the chain of its own, which must be there still.
    pub async fn begin_digest_chain(&self, home: &DigestChain, events: &Scope, from: Timestamp) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        let id = Self::next_id(&mut transaction, "digest_chains").await?;
        sqlx::query(
            "INSERT INTO digest_chains (id, trail_id, account, home_region, name, organization, events_account, region, bucket, \
             prefix, started_ms, ended_ms, next_ms) SELECT $1, trail_id, account, home_region, name, organization, $2, $3, \
             bucket, prefix, $4, ended_ms, $4 FROM digest_chains WHERE id = $5",
        )
        .bind(id)
        .bind(&events.account)
        .bind(&events.region)
        .bind(from.millis())
        .bind(home.id)
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// All chains, by trail, account and region, the oldest first.
    pub async fn digest_chains(&self) -> Result<Vec<DigestChain>> {
        let sql = format!("SELECT {COLUMNS} FROM digest_chains ORDER BY trail_id, events_account, region, id");
        Ok(sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(&self.pool).await?)
    }

    /// Accounts and regions of files that a trail delivered since `from` and that no digest lists, with the time of the first.
    pub async fn undigested_scopes(&self, trail_id: i64, from: Timestamp) -> Result<Vec<(Scope, Timestamp)>> {
        let rows: Vec<(String, String, i64)> = sqlx::query_as(
            "SELECT account, region, MIN(delivered_ms) FROM trail_files WHERE trail_id = $1 AND digested = 0 AND delivered_ms >= $2 \
             GROUP BY account, region ORDER BY account, region",
        )
        .bind(trail_id)
        .bind(from.millis())
        .fetch_all(&self.pool)
        .await?;
        let scoped = |(account, region, first)| (Scope { account, region }, Timestamp(first));
        Ok(rows.into_iter().map(scoped).collect())
    }

    /// Files of the chain that were delivered before `to` and that no digest lists, in the order of delivery.
    pub async fn undigested_trail_files(&self, chain: &DigestChain, to: Timestamp) -> Result<Vec<TrailFile>> {
        Ok(sqlx::query_as(
            "SELECT * FROM trail_files WHERE trail_id = $1 AND account = $2 AND region = $3 AND digested = 0 \
             AND delivered_ms >= $4 AND delivered_ms < $5 ORDER BY delivered_ms, id",
        )
        .bind(chain.trail_id)
        .bind(&chain.events_account)
        .bind(&chain.region)
        .bind(chain.started_ms)
        .bind(to.millis())
        .fetch_all(&self.pool)
        .await?)
    }

    /// True while the chain has files that are not delivered, or delivered and in no digest; or while its trail, which no
    /// longer logs, still has events to deliver.
    pub async fn awaits_digest(&self, chain: &DigestChain) -> Result<bool> {
        let (waits,): (i64,) = sqlx::query_as(
            "SELECT CASE WHEN EXISTS (SELECT 1 FROM trail_files WHERE trail_id = $1 AND account = $2 AND region = $3 AND digested = 0 \
             AND (delivered_ms IS NULL OR delivered_ms >= $4)) \
             OR EXISTS (SELECT 1 FROM trail_spans WHERE trail_id = $1 AND end_sequence IS NOT NULL) THEN 1 ELSE 0 END",
        )
        .bind(chain.trail_id)
        .bind(&chain.events_account)
        .bind(&chain.region)
        .bind(chain.started_ms)
        .fetch_one(&self.pool)
        .await?;
        Ok(waits != 0)
    }

    /// Plans the next digest of a chain, up to `end`, and marks the files that it lists, all or nothing. False, and nothing is
    /// changed, when the chain is not as `chain` says.
    pub async fn plan_digest(
        &self,
        chain: &DigestChain,
        end: Timestamp,
        planned: &str,
        files: &[TrailFile],
    ) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let moved = sqlx::query(
            "UPDATE digest_chains SET planned = $1, next_ms = $2 WHERE id = $3 AND next_ms = $4 AND planned IS NULL",
        )
        .bind(planned)
        .bind(end.millis())
        .bind(chain.id)
        .bind(chain.next_ms)
        .execute(&mut *transaction)
        .await?;
        if moved.rows_affected() == 0 {
            return Ok(false);
        }
        for file in files {
            sqlx::query("UPDATE trail_files SET digested = 1 WHERE id = $1")
                .bind(file.id)
                .execute(&mut *transaction)
                .await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Replaces what is planned of a chain.
    pub async fn replan_digest(&self, chain: &DigestChain, planned: &str) -> Result<()> {
        sqlx::query("UPDATE digest_chains SET planned = $1 WHERE id = $2 AND planned = $3")
            .bind(planned)
            .bind(chain.id)
            .bind(&chain.planned)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Marks what was planned as delivered at `at`: the next digest of its kind links to `link`.
    pub async fn deliver_digest(&self, chain: &DigestChain, link: &str, backfill: bool, at: Timestamp) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "UPDATE digest_chains SET planned = NULL, last = CASE WHEN $1 = 0 THEN $2 ELSE last END, \
             last_backfill = CASE WHEN $1 = 0 THEN last_backfill ELSE $2 END WHERE id = $3",
        )
        .bind(i64::from(backfill))
        .bind(link)
        .bind(chain.id)
        .execute(&mut *transaction)
        .await?;
        sqlx::query(
            "INSERT INTO trail_status (trail_id, digest_ms) VALUES ($1, $2) \
             ON CONFLICT (trail_id) DO UPDATE SET digest_ms = $2, digest_error = NULL",
        )
        .bind(chain.trail_id)
        .bind(at.millis())
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Forgets a chain that has ended, with what is planned of it. Its digests stay.
    pub async fn drop_digest_chain(&self, id: i64) -> Result<()> {
        sqlx::query("DELETE FROM digest_chains WHERE id = $1 AND ended_ms IS NOT NULL")
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// Begins the chain of a trail's own account and home region at the second of `now`: digests know no fractions of one.
async fn insert(transaction: &mut Connection, trail_id: i64, now: Timestamp) -> Result<()> {
    let id = Catalog::next_id(&mut *transaction, "digest_chains").await?;
    sqlx::query(
        "INSERT INTO digest_chains (id, trail_id, account, home_region, name, organization, events_account, region, bucket, \
         prefix, started_ms, next_ms) SELECT $1, id, account, region, name, organization, account, region, s3_bucket, \
         s3_key_prefix, $2, $2 FROM trails WHERE id = $3",
    )
    .bind(id)
    .bind(now.floor_to(model::time::SECOND).millis())
    .bind(trail_id)
    .execute(&mut *transaction)
    .await?;
    Ok(())
}

impl DigestChain {
    /// Account and home region of the trail.
    pub fn home(&self) -> Scope {
        Scope { account: self.account.clone(), region: self.home_region.clone() }
    }

    /// Account and region of the events.
    pub fn events(&self) -> Scope {
        Scope { account: self.events_account.clone(), region: self.region.clone() }
    }
}

#[cfg(test)]
mod tests;
