//! CloudTrail channels: where PutAuditEvents brings events of applications in.

use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

/// A channel.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ChannelRow {
    /// Account and region.
    pub scope: Scope,
    /// The last part of the ARN.
    pub id: String,
    /// Name, unique in the scope.
    pub name: String,
    /// `Custom` or a partner's source name.
    pub source: String,
    /// Where its events go.
    pub destinations: Vec<ChannelDestination>,
    /// What came of the latest PutAuditEvents; `None` before the first.
    pub ingestion: Option<ChannelIngestion>,
    /// When CreateChannel accepted it.
    pub created_at: Timestamp,
}

/// Where a channel's events go.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChannelDestination {
    /// `EVENT_DATA_STORE` or `AWS_SERVICE`.
    pub kind: String,
    /// ARN of the store, or name of the service.
    pub location: String,
}

/// The latest ingestion through a channel: times in milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChannelIngestion {
    /// The latest event offered.
    pub attempted_at: i64,
    /// Event id given to it, when it got one.
    pub attempted_event_id: Option<String>,
    /// The latest event accepted.
    pub succeeded_at: Option<i64>,
    /// Its event id.
    pub succeeded_event_id: Option<String>,
    /// Error code of the latest refused event.
    pub error_code: Option<String>,
}

/// What became of a new or renamed channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChannelStored {
    /// It is stored.
    Stored,
    /// Its name, or its source, is taken.
    Exists,
    /// The scope had as many channels as it may have.
    TooMany,
    /// There is no such channel to change.
    Absent,
}

#[derive(FromRow)]
struct Row {
    account: String,
    region: String,
    id: String,
    name: String,
    source: String,
    destinations: String,
    ingestion: Option<String>,
    created_at: i64,
}

impl TryFrom<Row> for ChannelRow {
    type Error = crate::Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            scope: Scope { account: row.account, region: row.region },
            id: row.id,
            name: row.name,
            source: row.source,
            destinations: serde_json::from_str(&row.destinations)?,
            ingestion: row.ingestion.as_deref().map(serde_json::from_str).transpose()?,
            created_at: Timestamp(row.created_at),
        })
    }
}

impl Catalog {
    /// Stores a new channel unless its name is taken, its source has a channel already, or the scope holds `channels_max`.
    pub async fn create_channel(&self, channel: &ChannelRow, channels_max: i64) -> Result<ChannelStored> {
        let mut transaction = self.pool.begin().await?;
        let done = sqlx::query(
            "INSERT INTO channels (account, region, id, name, source, destinations, created_at) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        )
        .bind(&channel.scope.account)
        .bind(&channel.scope.region)
        .bind(&channel.id)
        .bind(&channel.name)
        .bind(&channel.source)
        .bind(serde_json::to_string(&channel.destinations)?)
        .bind(channel.created_at.millis())
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(ChannelStored::Exists);
        }
        // CreateChannel reference: "A maximum of one channel is allowed per source", `Custom` included.
        let (same_source, all): (i64, i64) = sqlx::query_as(
            "SELECT COALESCE(SUM(CASE WHEN source = $3 THEN 1 ELSE 0 END), 0), COUNT(*) \
             FROM channels WHERE account = $1 AND region = $2",
        )
        .bind(&channel.scope.account)
        .bind(&channel.scope.region)
        .bind(&channel.source)
        .fetch_one(&mut *transaction)
        .await?;
        if same_source > 1 || all > channels_max {
            transaction.rollback().await?;
            return Ok(if same_source > 1 { ChannelStored::Exists } else { ChannelStored::TooMany });
        }
        transaction.commit().await?;
        Ok(ChannelStored::Stored)
    }

    /// Replaces a channel's name and destinations.
    pub async fn update_channel(&self, channel: &ChannelRow) -> Result<ChannelStored> {
        let done = sqlx::query(
            "UPDATE channels SET name = $1, destinations = $2 WHERE account = $3 AND region = $4 AND id = $5 \
             AND NOT EXISTS (SELECT 1 FROM channels o WHERE o.account = $3 AND o.region = $4 AND o.name = $1 AND o.id <> $5)",
        )
        .bind(&channel.name)
        .bind(serde_json::to_string(&channel.destinations)?)
        .bind(&channel.scope.account)
        .bind(&channel.scope.region)
        .bind(&channel.id)
        .execute(&self.pool)
        .await?;
        if done.rows_affected() > 0 {
            return Ok(ChannelStored::Stored);
        }
        let there = self.channel(&channel.scope, &channel.id).await?.is_some();
        Ok(if there { ChannelStored::Exists } else { ChannelStored::Absent })
    }

    /// Notes what came of the latest ingestion; a channel that is gone is passed over.
    pub async fn set_channel_ingestion(&self, scope: &Scope, id: &str, ingestion: &ChannelIngestion) -> Result<()> {
        sqlx::query("UPDATE channels SET ingestion = $1 WHERE account = $2 AND region = $3 AND id = $4")
            .bind(serde_json::to_string(ingestion)?)
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Takes a channel away. False when there was none.
    pub async fn delete_channel(&self, scope: &Scope, id: &str) -> Result<bool> {
        let done = sqlx::query("DELETE FROM channels WHERE account = $1 AND region = $2 AND id = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(id)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }

    /// The channel of that id.
    pub async fn channel(&self, scope: &Scope, id: &str) -> Result<Option<ChannelRow>> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM channels WHERE account = $1 AND region = $2 AND id = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(id)
            .fetch_optional(&self.pool)
            .await?;
        row.map(ChannelRow::try_from).transpose()
    }

    /// All channels of a scope, by id.
    pub async fn channels(&self, scope: &Scope) -> Result<Vec<ChannelRow>> {
        let rows: Vec<Row> = sqlx::query_as("SELECT * FROM channels WHERE account = $1 AND region = $2 ORDER BY id")
            .bind(&scope.account)
            .bind(&scope.region)
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter().map(ChannelRow::try_from).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn channel(id: &str, name: &str, source: &str) -> ChannelRow {
        ChannelRow {
            scope: Scope { account: "1".into(), region: "r".into() },
            id: id.into(),
            name: name.into(),
            source: source.into(),
            destinations: vec![ChannelDestination { kind: "EVENT_DATA_STORE".into(), location: "arn".into() }],
            ..ChannelRow::default()
        }
    }

    #[tokio::test]
    async fn names_and_sources_are_unique() {
        let catalog = Catalog::in_memory().await.unwrap();
        assert_eq!(catalog.create_channel(&channel("1", "a", "Custom"), 3).await.unwrap(), ChannelStored::Stored);
        assert_eq!(catalog.create_channel(&channel("2", "a", "Other"), 3).await.unwrap(), ChannelStored::Exists);
        assert_eq!(catalog.create_channel(&channel("2", "b", "Custom"), 3).await.unwrap(), ChannelStored::Exists);
        assert_eq!(catalog.create_channel(&channel("2", "b", "Partner"), 3).await.unwrap(), ChannelStored::Stored);
        assert_eq!(catalog.create_channel(&channel("3", "c", "Third"), 3).await.unwrap(), ChannelStored::Stored);
        assert_eq!(catalog.create_channel(&channel("4", "d", "Fourth"), 3).await.unwrap(), ChannelStored::TooMany);
        assert_eq!(catalog.update_channel(&channel("1", "b", "Custom")).await.unwrap(), ChannelStored::Exists);
        assert_eq!(catalog.update_channel(&channel("1", "z", "Custom")).await.unwrap(), ChannelStored::Stored);
        assert_eq!(catalog.update_channel(&channel("9", "y", "Custom")).await.unwrap(), ChannelStored::Absent);
        assert_eq!(catalog.channels(&channel("", "", "").scope).await.unwrap().len(), 3);
    }
}
