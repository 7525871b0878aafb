//! How long audit events are kept, and a shorter retention that is accepted and not in force yet.

use crate::{Catalog, DerivedEvent, Result};
use model::Timestamp;

/// The retention of audit events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EventRetention {
    /// Days; `None` keeps events for ever.
    pub days: Option<i64>,
    /// Days that are fewer, and when they are in force.
    pub pending: Option<(i64, Timestamp)>,
}

impl Catalog {
    /// The retention; for ever when nobody ever said otherwise.
    pub async fn event_retention(&self) -> Result<EventRetention> {
        let row: Option<(Option<i64>, Option<i64>, Option<i64>)> =
            sqlx::query_as("SELECT days, pending_days, pending_at_ms FROM event_retention")
                .fetch_optional(&self.pool)
                .await?;
        let Some((days, pending_days, pending_at)) = row else { return Ok(EventRetention::default()) };
        Ok(EventRetention { days, pending: pending_days.zip(pending_at.map(Timestamp)) })
    }

    /// Replaces the retention.
    pub async fn put_event_retention(&self, retention: &EventRetention) -> Result<()> {
        self.replace_event_retention(retention, None).await
    }

    /// Replaces the retention and notes the event that tells of it, which its follower then stores: both or neither.
    pub async fn enforce_event_retention(
        &self,
        retention: &EventRetention,
        follower: &str,
        event: &DerivedEvent,
    ) -> Result<()> {
        self.replace_event_retention(retention, Some((follower, event))).await
    }

    async fn replace_event_retention(
        &self,
        retention: &EventRetention,
        event: Option<(&str, &DerivedEvent)>,
    ) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "INSERT INTO event_retention (id, days, pending_days, pending_at_ms) VALUES (1, $1, $2, $3) \
             ON CONFLICT (id) DO UPDATE SET days = excluded.days, pending_days = excluded.pending_days, \
             pending_at_ms = excluded.pending_at_ms",
        )
        .bind(retention.days)
        .bind(retention.pending.map(|(days, _)| days))
        .bind(retention.pending.map(|(_, at)| at.0))
        .execute(&mut *transaction)
        .await?;
        if let Some((follower, event)) = event {
            Self::add_derived_event(&mut transaction, follower, event).await?;
        }
        transaction.commit().await?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_retention_is_kept_with_what_is_to_come() {
        let catalog = Catalog::in_memory().await.unwrap();
        assert_eq!(catalog.event_retention().await.unwrap(), EventRetention::default());
        let waiting = EventRetention { days: None, pending: Some((400, Timestamp(5))) };
        catalog.put_event_retention(&waiting).await.unwrap();
        assert_eq!(catalog.event_retention().await.unwrap(), waiting);
        let event = DerivedEvent { number: 0, account: "1".into(), region: "r".into(), record: "{}".into() };
        let in_force = EventRetention { days: Some(400), pending: None };
        catalog.enforce_event_retention(&in_force, "f", &event).await.unwrap();
        assert_eq!(catalog.event_retention().await.unwrap(), in_force);
        assert_eq!(catalog.derived_events("f", 9).await.unwrap().len(), 1);
    }
}
