//! Legal holds: audit events that nobody may take away, whatever the retentions say.

use crate::{Catalog, DerivedEvent, Result};
use model::Timestamp;
use sqlx::FromRow;

/// A legal hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LegalHold {
    /// Unique.
    pub name: String,
    /// Whose events; `None` for those of all accounts.
    pub account: Option<String>,
    /// The first time of events that it holds; `None` for the beginning.
    pub from: Option<Timestamp>,
    /// The first time after; `None` for no end.
    pub to: Option<Timestamp>,
    /// What it is for.
    pub reason: String,
    /// When it was made.
    pub created: Timestamp,
    /// ARN of who made it.
    pub created_by: String,
    /// When it ends, once it is released.
    pub release_at: Option<Timestamp>,
}

/// What became of a new legal hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LegalHoldPut {
    /// It is there.
    Stored,
    /// There is one of that name.
    Exists,
    /// There are as many as there may be.
    TooMany,
}

#[derive(FromRow)]
struct Row {
    name: String,
    account: Option<String>,
    from_ms: Option<i64>,
    to_ms: Option<i64>,
    reason: String,
    created_ms: i64,
    created_by: String,
    release_ms: Option<i64>,
}

impl From<Row> for LegalHold {
    fn from(row: Row) -> Self {
        Self {
            name: row.name,
            account: row.account,
            from: row.from_ms.map(Timestamp),
            to: row.to_ms.map(Timestamp),
            reason: row.reason,
            created: Timestamp(row.created_ms),
            created_by: row.created_by,
            release_at: row.release_ms.map(Timestamp),
        }
    }
}

impl Catalog {
    /// All legal holds, by name.
    pub async fn legal_holds(&self) -> Result<Vec<LegalHold>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT name, account, from_ms, to_ms, reason, created_ms, created_by, release_ms FROM legal_holds ORDER BY name",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(LegalHold::from).collect())
    }

    /// Stores a new hold, unless there is one of its name or there are `most` already.
    pub async fn create_legal_hold(&self, hold: &LegalHold, most: usize) -> Result<LegalHoldPut> {
        let mut transaction = self.pool.begin().await?;
        let done = sqlx::query(
            "INSERT INTO legal_holds (name, account, from_ms, to_ms, reason, created_ms, created_by, release_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING",
        )
        .bind(&hold.name)
        .bind(&hold.account)
        .bind(hold.from.map(|from| from.0))
        .bind(hold.to.map(|to| to.0))
        .bind(&hold.reason)
        .bind(hold.created.0)
        .bind(&hold.created_by)
        .bind(hold.release_at.map(|at| at.0))
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(LegalHoldPut::Exists);
        }
        let (all,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM legal_holds").fetch_one(&mut *transaction).await?;
        if usize::try_from(all).is_ok_and(|all| all > most) {
            return Ok(LegalHoldPut::TooMany);
        }
        transaction.commit().await?;
        Ok(LegalHoldPut::Stored)
    }

    /// Says when a hold ends, or that it does not. False when there is none.
    pub async fn release_legal_hold(&self, name: &str, at: Option<Timestamp>) -> Result<bool> {
        let done = sqlx::query("UPDATE legal_holds SET release_ms = $2 WHERE name = $1")
            .bind(name)
            .bind(at.map(|at| at.0))
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Takes a hold away that has ended, and notes the event that tells of it, which its follower then stores: both or neither.
    pub async fn end_legal_hold(&self, name: &str, follower: &str, event: &DerivedEvent) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query("DELETE FROM legal_holds WHERE name = $1").bind(name).execute(&mut *transaction).await?;
        Self::add_derived_event(&mut transaction, follower, event).await?;
        transaction.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_hold_is_made_released_and_ended() {
        let catalog = Catalog::in_memory().await.unwrap();
        let hold = LegalHold {
            name: "case".into(),
            account: Some("1".into()),
            to: Some(Timestamp(9)),
            created: Timestamp(1),
            ..LegalHold::default()
        };
        assert_eq!(catalog.create_legal_hold(&hold, 1).await.unwrap(), LegalHoldPut::Stored);
        assert_eq!(catalog.create_legal_hold(&hold, 1).await.unwrap(), LegalHoldPut::Exists);
        let other = LegalHold { name: "other".into(), ..hold.clone() };
        assert_eq!(catalog.create_legal_hold(&other, 1).await.unwrap(), LegalHoldPut::TooMany);
        assert_eq!(catalog.legal_holds().await.unwrap(), std::slice::from_ref(&hold));
        assert!(catalog.release_legal_hold("case", Some(Timestamp(7))).await.unwrap());
        assert!(!catalog.release_legal_hold("other", Some(Timestamp(7))).await.unwrap());
        let released = LegalHold { release_at: Some(Timestamp(7)), ..hold };
        assert_eq!(catalog.legal_holds().await.unwrap(), [released]);
        let event = DerivedEvent { number: 0, account: "1".into(), region: "r".into(), record: "{}".into() };
        catalog.end_legal_hold("case", "f", &event).await.unwrap();
        assert_eq!(catalog.legal_holds().await.unwrap(), []);
        assert_eq!(catalog.derived_events("f", 9).await.unwrap().len(), 1);
    }
}
