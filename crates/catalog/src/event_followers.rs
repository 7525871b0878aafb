//! Followers of audit events that derive other events from them: how far they came, what they know, and what they derived.
//!
//! A follower notes all of it in one transaction before the derived events are stored, so that none is lost and, their ids being
//! their own, none is there twice.

use crate::pool::Connection;
use crate::{Catalog, Result};
use sqlx::FromRow;

/// How far a follower came.
#[derive(Debug, Clone, PartialEq, Eq, Default, FromRow)]
pub struct EventFollower {
    /// Events of lower sequences were looked at.
    pub next_sequence: i64,
    /// What else it knows, of `trail`'s making.
    pub state: String,
}

/// An event that a follower derived.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct DerivedEvent {
    /// Counts up; given by the catalog.
    pub number: i64,
    /// The account that it is of.
    pub account: String,
    /// The region that it is of.
    pub region: String,
    /// The record's JSON text.
    pub record: String,
}

impl Catalog {
    /// How far a follower came; `None` before it began.
    pub async fn event_follower(&self, name: &str) -> Result<Option<EventFollower>> {
        let query = sqlx::query_as("SELECT next_sequence, state FROM event_followers WHERE name = $1").bind(name);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// Notes how far a follower came, what it derived, and what it has learned of subjects of Insights (`None` for nothing any
    /// more): all or nothing.
    pub async fn advance_event_follower(
        &self,
        name: &str,
        follower: &EventFollower,
        derived: &[DerivedEvent],
        subjects: &[(String, Option<String>)],
    ) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "INSERT INTO event_followers (name, next_sequence, state) VALUES ($1, $2, $3) ON CONFLICT (name) DO UPDATE SET \
             next_sequence = excluded.next_sequence, state = excluded.state",
        )
        .bind(name)
        .bind(follower.next_sequence)
        .bind(&follower.state)
        .execute(&mut *transaction)
        .await?;
        for event in derived {
            Self::add_derived_event(&mut transaction, name, event).await?;
        }
        for (subject, learned) in subjects {
            let statement = match learned {
                Some(learned) => sqlx::query(
                    "INSERT INTO insight_subjects (subject, learned) VALUES ($1, $2) \
                     ON CONFLICT (subject) DO UPDATE SET learned = excluded.learned",
                )
                .bind(subject)
                .bind(learned),
                None => sqlx::query("DELETE FROM insight_subjects WHERE subject = $1").bind(subject),
            };
            statement.execute(&mut *transaction).await?;
        }
        transaction.commit().await?;
        Ok(())
    }

    /// Adds an event that a follower is to store.
    pub(crate) async fn add_derived_event(
        transaction: &mut Connection,
        name: &str,
        event: &DerivedEvent,
    ) -> Result<()> {
        let number = Self::next_id(transaction, "derived_events").await?;
        sqlx::query(
            "INSERT INTO derived_events (number, follower, account, region, record) VALUES ($1, $2, $3, $4, $5)",
        )
        .bind(number)
        .bind(name)
        .bind(&event.account)
        .bind(&event.region)
        .bind(&event.record)
        .execute(transaction)
        .await?;
        Ok(())
    }

    /// Derived events of a follower that are not known to be stored, in order; up to `limit`.
    pub async fn derived_events(&self, name: &str, limit: usize) -> Result<Vec<DerivedEvent>> {
        let query = sqlx::query_as(
            "SELECT number, account, region, record FROM derived_events WHERE follower = $1 ORDER BY number LIMIT $2",
        );
        Ok(query.bind(name).bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&self.pool).await?)
    }

    /// Derived events of a follower up to a number are stored.
    pub async fn drop_derived_events(&self, name: &str, number: i64) -> Result<()> {
        sqlx::query("DELETE FROM derived_events WHERE follower = $1 AND number <= $2")
            .bind(name)
            .bind(number)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// What Insights has learned of its subjects: subject and learned, both JSON.
    pub async fn insight_subjects(&self) -> Result<Vec<(String, String)>> {
        let query = sqlx::query_as("SELECT subject, learned FROM insight_subjects ORDER BY subject");
        Ok(query.fetch_all(&self.pool).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn position_events_and_learning_are_noted_together() {
        let catalog = Catalog::in_memory().await.unwrap();
        assert_eq!(catalog.event_follower("a").await.unwrap(), None);
        let event =
            |record: &str| DerivedEvent { number: 0, account: "1".into(), region: "r".into(), record: record.into() };
        let follower = EventFollower { next_sequence: 7, state: "{}".into() };
        let learned = [("s".to_owned(), Some("1".to_owned())), ("t".to_owned(), Some("2".to_owned()))];
        catalog.advance_event_follower("a", &follower, &[event("x"), event("y")], &learned).await.unwrap();
        catalog.advance_event_follower("b", &follower, &[event("z")], &[("s".into(), None)]).await.unwrap();
        assert_eq!(catalog.event_follower("a").await.unwrap(), Some(follower));
        assert_eq!(catalog.insight_subjects().await.unwrap(), [("t".to_owned(), "2".to_owned())]);
        let waiting = catalog.derived_events("a", 9).await.unwrap();
        assert_eq!(waiting.iter().map(|event| event.record.as_str()).collect::<Vec<_>>(), ["x", "y"]);
        catalog.drop_derived_events("a", waiting[0].number).await.unwrap();
        assert_eq!(catalog.derived_events("a", 9).await.unwrap(), waiting[1..]);
        assert_eq!(catalog.derived_events("b", 9).await.unwrap().len(), 1);
    }
}
