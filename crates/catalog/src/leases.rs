//! Leases with fencing tokens: what one server alone may do with a catalog that several can reach.
//!
//! Clocks decide who may try, tokens decide who succeeds: a server that believes in its lease for too long is refused by the
//! database itself (see [`Catalog::fence`]).

use crate::{Catalog, Result};
use model::Timestamp;
use sqlx::FromRow;

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
    /// When it ends unless renewed, milliseconds since the epoch.
    pub expires_ms: i64,
}

impl Catalog {
    /// Takes the lease `name` until `until`, where it has ended at `now`, was released, or is the holder's own from before.
    /// `Err` in the answer is the lease of whoever has it.
    pub async fn acquire_lease(
        &self,
        name: &str,
        holder: &str,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<std::result::Result<Lease, Lease>> {
        let taken: Option<Lease> = sqlx::query_as(
            "INSERT INTO leases (name, holder, token, expires_ms) VALUES ($1, $2, 1, $4) \
             ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, token = leases.token + 1, \
             expires_ms = excluded.expires_ms WHERE leases.expires_ms <= $3 OR leases.holder = excluded.holder \
             RETURNING name, holder, token, expires_ms",
        )
        .bind(name)
        .bind(holder)
        .bind(now.0)
        .bind(until.0)
        .fetch_optional(&self.pool)
        .await?;
        if let Some(lease) = taken {
            return Ok(Ok(lease));
        }
        let of_another = sqlx::query_as("SELECT name, holder, token, expires_ms FROM leases WHERE name = $1");
        Ok(Err(of_another.bind(name).fetch_one(&self.pool).await?))
    }

    /// Lengthens a lease until `until`. False when somebody else has it; one that ended and that nobody took goes on.
    pub async fn renew_lease(&self, lease: &Lease, until: Timestamp) -> Result<bool> {
        let renewed = sqlx::query("UPDATE leases SET expires_ms = $3 WHERE name = $1 AND token = $2")
            .bind(&lease.name)
            .bind(lease.token)
            .bind(until.0)
            .execute(&self.pool)
            .await?;
        Ok(renewed.rows_affected() > 0)
    }

    /// Ends a lease before its time. False when somebody else has it.
    pub async fn release_lease(&self, lease: &Lease) -> Result<bool> {
        self.renew_lease(lease, Timestamp(0)).await
    }

    /// Makes every write from now on show the lease's token, which must be of [`SERVER_LEASE`]: the database refuses what is
    /// written after somebody else took the lease, with [`crate::Error::is_superseded`]. SQLite has one process (the data
    /// directory's lock says so), and asks for nothing.
    pub fn fence(&self, lease: &Lease) {
        self.pool.show(lease.token);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres;

    #[tokio::test]
    async fn a_lease_has_one_holder_and_its_token_rises() {
        let catalog = Catalog::in_memory().await.unwrap();
        let acquire = async |holder: &'static str, now: i64| {
            catalog.acquire_lease("x", holder, Timestamp(now), Timestamp(now + 30)).await.unwrap()
        };
        let a = acquire("a", 100).await.unwrap();
        assert_eq!((a.token, a.expires_ms), (1, 130));
        assert_eq!(acquire("b", 129).await.unwrap_err(), a, "it has not ended");
        assert!(catalog.renew_lease(&a, Timestamp(200)).await.unwrap());
        assert_eq!(acquire("b", 199).await.unwrap_err().holder, "a");
        let again = acquire("a", 150).await.unwrap();
        assert_eq!(again.token, 2, "the same server, started anew");
        assert!(!catalog.renew_lease(&a, Timestamp(300)).await.unwrap(), "what it was before has lost it");
        let b = acquire("b", 180).await.unwrap();
        assert_eq!(b.token, 3, "it had ended");
        assert!(!catalog.release_lease(&again).await.unwrap());
        assert!(catalog.release_lease(&b).await.unwrap());
        assert_eq!(acquire("c", 181).await.unwrap().token, 4, "it was released");
        catalog.reset().await.unwrap();
        assert_eq!(acquire("d", 182).await.unwrap_err().holder, "c", "a reset takes nobody's lease");
    }

    #[tokio::test]
    async fn whoever_was_superseded_writes_nothing_more() {
        let catalog = Catalog::in_memory().await.unwrap();
        if !catalog.is_postgres() {
            return;
        }
        let other = postgres::tests::beside(&catalog);
        let acquire = async |of: &Catalog, holder: &'static str, now: i64| {
            of.acquire_lease(SERVER_LEASE, holder, Timestamp(now), Timestamp(now + 30)).await.unwrap()
        };
        let first = acquire(&catalog, "a", 100).await.unwrap();
        catalog.fence(&first);
        let write = async |of: &Catalog| of.set_detection_position(7).await;
        write(&catalog).await.unwrap();
        let second = acquire(&other, "b", 200).await.unwrap();
        other.fence(&second);
        write(&other).await.unwrap();
        let error = write(&catalog).await.unwrap_err();
        assert!(error.is_superseded(), "{error}");
        assert!(catalog.renew_lease(&first, Timestamp(300)).await.unwrap_err().is_superseded());
        assert!(other.renew_lease(&second, Timestamp(300)).await.unwrap());
    }
}
