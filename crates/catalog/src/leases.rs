//! Leases with fencing tokens: what one server alone may do with a catalog that several can reach.
//!
//! The database's clock decides who may try, and no server's: a lease that is taken or renewed lasts so long from then on. Tokens decide
//! who succeeds: a server that believes in its lease for too long is refused by the database itself (see [`Catalog::fence`]).

use crate::{Catalog, Result};
use sqlx::{AssertSqlSafe, FromRow};

/// The lease of the server whose records the catalog's positions are about.
pub const SERVER_LEASE: &str = "server";

/// Somebody's right, until a time.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct Lease {
    /// What it is a right to.
    pub name: String,
    /// Who has it; stays the same from one start of a server to the next.
    pub holder: String,
    /// Rises each time the lease goes to somebody.
    pub token: i64,
    /// When it ends unless renewed, milliseconds since the epoch by the database's clock; 0 once it was released.
    pub expires_ms: i64,
    /// Where other nodes reach its holder; empty for a server that is no node of a cluster.
    pub address: String,
}

/// A lease as somebody else sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenLease {
    /// The lease.
    pub lease: Lease,
    /// How long it still lasted when the database was asked, milliseconds; not above 0 when it had ended.
    pub left_ms: i64,
}

impl Catalog {
    /// Takes the lease `name` for `lasts_ms` milliseconds, where it has ended, was released, or is the holder's own from before.
    /// `Err` in the answer is the lease of whoever has it.
    pub async fn acquire_lease(
        &self,
        name: &str,
        holder: &str,
        address: &str,
        lasts_ms: i64,
    ) -> Result<std::result::Result<Lease, Lease>> {
        let now = self.now_ms();
        // Among the catalog's writes: what a former holder began to write is there, or will be refused.
        let taken: Option<Lease> = sqlx::query_as(AssertSqlSafe(format!(
            "INSERT INTO leases (name, holder, token, expires_ms, address) VALUES ($1, $2, 1, {now} + $3, $4) \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, token = leases.token + 1, \
             expires_ms = excluded.expires_ms, address = excluded.address \
             WHERE leases.expires_ms <= {now} OR leases.holder = excluded.holder \
             RETURNING name, holder, token, expires_ms, address"
        )))
        .bind(name)
        .bind(holder)
        .bind(lasts_ms)
        .bind(address)
        .fetch_optional(&self.pool)
        .await?;
        if let Some(lease) = taken {
            return Ok(Ok(lease));
        }
        let of_another = sqlx::query_as("SELECT name, holder, token, expires_ms, address FROM leases WHERE name = $1");
        Ok(Err(of_another.bind(name).fetch_one(&self.pool).await?))
    }

    /// The lease of that name, whoever has or had it; `None` when nobody ever had. Waits for no writer.
    pub async fn lease(&self, name: &str) -> Result<Option<SeenLease>> {
        let seen: Option<(String, String, i64, i64, String, i64)> = sqlx::query_as(AssertSqlSafe(format!(
            "SELECT name, holder, token, expires_ms, address, {} AS now_ms FROM leases WHERE name = $1",
            self.now_ms()
        )))
        .bind(name)
        .fetch_optional(&self.pool)
        .await?;
        Ok(seen.map(|(name, holder, token, expires_ms, address, now_ms)| SeenLease {
            lease: Lease { name, holder, token, expires_ms, address },
            left_ms: expires_ms - now_ms,
        }))
    }

    /// Lengthens a lease: it lasts `lasts_ms` milliseconds from now on. False when somebody else has it; one that ended and that nobody
    /// took goes on. Waits for no writer: the row is the holder's alone as long as its token is there.
    pub async fn renew_lease(&self, lease: &Lease, lasts_ms: i64) -> Result<bool> {
        let renewed = sqlx::query(AssertSqlSafe(format!(
            "UPDATE leases SET expires_ms = {} + $3 WHERE name = $1 AND token = $2",
            self.now_ms()
        )))
        .bind(&lease.name)
        .bind(lease.token)
        .bind(lasts_ms)
        .execute(self.pool.connections())
        .await?;
        Ok(renewed.rows_affected() > 0)
    }

    /// Ends a lease before its time. False when somebody else has it.
    pub async fn release_lease(&self, lease: &Lease) -> Result<bool> {
        let released = sqlx::query("UPDATE leases SET expires_ms = 0 WHERE name = $1 AND token = $2")
            .bind(&lease.name)
            .bind(lease.token)
            .execute(self.pool.connections())
            .await?;
        Ok(released.rows_affected() > 0)
    }

    /// Makes every write from now on show the lease's token, which must be of [`SERVER_LEASE`]: the database refuses what is
    /// written after somebody else took the lease, with [`crate::Error::is_superseded`]. SQLite has one process (the data
    /// directory's lock says so), and asks for nothing.
    pub fn fence(&self, lease: &Lease) {
        self.pool.show(lease.token);
    }

    /// The database's time in milliseconds since the epoch, as an expression. PostgreSQL's is that of the moment, not of the
    /// transaction's begin, which may have waited for its turn.
    pub(crate) fn now_ms(&self) -> &'static str {
        if self.is_postgres() {
            "(extract(epoch FROM clock_timestamp()) * 1000)::BIGINT"
        } else {
            "CAST(unixepoch('now', 'subsec') * 1000 AS INTEGER)"
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres;

    const HOUR_MS: i64 = 3_600_000;

    #[tokio::test]
    async fn a_lease_has_one_holder_and_its_token_rises() {
        let catalog = Catalog::in_memory().await.unwrap();
        let acquire =
            async |holder: &'static str| catalog.acquire_lease("x", holder, "http://h", HOUR_MS).await.unwrap();
        assert_eq!(catalog.lease("x").await.unwrap(), None);
        let a = acquire("a").await.unwrap();
        assert_eq!((a.token, a.address.as_str()), (1, "http://h"));
        assert_eq!(acquire("b").await.unwrap_err(), a, "it has not ended");
        let seen = catalog.lease("x").await.unwrap().unwrap();
        assert_eq!(seen.lease, a);
        assert!((1..=HOUR_MS).contains(&seen.left_ms), "{seen:?}");
        assert!(catalog.renew_lease(&a, 2 * HOUR_MS).await.unwrap());
        let renewed = catalog.lease("x").await.unwrap().unwrap();
        assert!(renewed.left_ms > HOUR_MS, "{renewed:?}");
        assert_eq!(acquire("b").await.unwrap_err().holder, "a");
        let again = acquire("a").await.unwrap();
        assert_eq!(again.token, 2, "the same server, started anew");
        assert!(!catalog.renew_lease(&a, HOUR_MS).await.unwrap(), "what it was before has lost it");
        assert!(catalog.renew_lease(&again, 0).await.unwrap());
        assert!(catalog.lease("x").await.unwrap().unwrap().left_ms <= 0);
        let b = acquire("b").await.unwrap();
        assert_eq!(b.token, 3, "it had ended");
        assert!(!catalog.release_lease(&again).await.unwrap());
        assert!(catalog.release_lease(&b).await.unwrap());
        assert_eq!(acquire("c").await.unwrap().token, 4, "it was released");
        catalog.reset().await.unwrap();
        assert_eq!(acquire("d").await.unwrap_err().holder, "c", "a reset takes nobody's lease");
    }

    #[tokio::test]
    async fn whoever_was_superseded_writes_nothing_more() {
        let catalog = Catalog::in_memory().await.unwrap();
        if !catalog.is_postgres() {
            return;
        }
        let other = postgres::tests::beside(&catalog);
        let acquire = async |of: &Catalog, holder: &'static str| {
            of.acquire_lease(SERVER_LEASE, holder, "", HOUR_MS).await.unwrap()
        };
        let first = acquire(&catalog, "a").await.unwrap();
        catalog.fence(&first);
        let write = async |of: &Catalog| of.set_detection_position(7).await;
        write(&catalog).await.unwrap();
        assert!(catalog.renew_lease(&first, 0).await.unwrap());
        let second = acquire(&other, "b").await.unwrap();
        other.fence(&second);
        write(&other).await.unwrap();
        let error = write(&catalog).await.unwrap_err();
        assert!(error.is_superseded(), "{error}");
        assert!(!catalog.renew_lease(&first, HOUR_MS).await.unwrap());
        assert!(other.renew_lease(&second, HOUR_MS).await.unwrap());
    }
}
