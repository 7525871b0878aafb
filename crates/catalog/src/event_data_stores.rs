//! Event data stores of CloudTrail Lake: what they take in and keep. The events themselves are in the store.

use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;

/// An event data store.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct EventDataStore {
    /// Account and region.
    pub scope: Scope,
    /// The last part of the ARN.
    pub id: String,
    /// What can be updated.
    pub settings: EventDataStoreSettings,
    /// When it took events in: from and up to a time, by when they were received; the last may be open.
    pub ingestion: Vec<(i64, Option<i64>)>,
    /// Times of events, from and up to, that imports have added, in order and apart; changed by `add_imported_range` alone.
    pub imported: Vec<(i64, i64)>,
    /// As the API has it, such as `ENABLED`.
    pub status: String,
    /// When CreateEventDataStore accepted it.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
    /// When it is gone; set while it is `PENDING_DELETION`.
    pub delete_at: Option<Timestamp>,
    /// What it still keeps, after it was told to keep less.
    pub longer: Option<KeptLonger>,
    /// How often it was changed.
    pub revision: i64,
    /// What PutInsightSelectors stored; changed by `set_event_data_store_events` alone.
    pub insights: Option<String>,
    /// What PutEventConfiguration stored; changed likewise.
    pub event_configuration: Option<String>,
}

/// What a store keeps until a time although its settings say less.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeptLonger {
    /// Days.
    pub retention_days: i32,
    /// Events of all accounts, or of the scope's alone.
    pub organization: bool,
    /// Milliseconds since the epoch.
    pub until_ms: i64,
}

/// What UpdateEventDataStore changes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct EventDataStoreSettings {
    /// Unique in the scope.
    pub name: String,
    /// JSON of `trail`'s making.
    pub selectors: String,
    /// Events of all regions, or of the scope's alone.
    pub multi_region: bool,
    /// Events of all accounts, or of the scope's alone.
    pub organization: bool,
    /// How long events are seen.
    pub retention_days: i32,
    /// Whether it cannot be deleted.
    pub termination_protection: bool,
    /// What the client gave.
    pub kms_key_id: Option<String>,
    /// As the API has it.
    pub billing_mode: String,
}

/// What became of a new or changed store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventDataStorePut {
    /// It is stored.
    Stored,
    /// Its name is taken.
    Exists,
    /// The scope had as many as it may have.
    TooMany,
    /// It was changed or deleted meanwhile.
    Changed,
}

#[derive(FromRow)]
struct Row {
    account: String,
    region: String,
    id: String,
    settings: String,
    ingestion: String,
    imported: String,
    status: String,
    created_ms: i64,
    updated_ms: i64,
    delete_ms: Option<i64>,
    longer: Option<String>,
    revision: i64,
    insights: Option<String>,
    event_configuration: Option<String>,
}

impl TryFrom<Row> for EventDataStore {
    type Error = crate::Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            scope: Scope { account: row.account, region: row.region },
            id: row.id,
            settings: serde_json::from_str(&row.settings)?,
            ingestion: serde_json::from_str(&row.ingestion)?,
            imported: serde_json::from_str(&row.imported)?,
            status: row.status,
            created: Timestamp(row.created_ms),
            updated: Timestamp(row.updated_ms),
            delete_at: row.delete_ms.map(Timestamp),
            longer: row.longer.as_deref().map(serde_json::from_str).transpose()?,
            revision: row.revision,
            insights: row.insights,
            event_configuration: row.event_configuration,
        })
    }
}

const COLUMNS: &str = "account, region, id, settings, ingestion, imported, status, created_ms, updated_ms, delete_ms, longer, \
     revision, insights, event_configuration";

impl Catalog {
    /// Stores a new event data store unless its name is taken or the scope has `stores_max`, those that are to be deleted counted.
    pub async fn create_event_data_store(
        &self,
        store: &EventDataStore,
        stores_max: usize,
    ) -> Result<EventDataStorePut> {
        let mut transaction = self.pool.begin().await?;
        let done = sqlx::query(
            "INSERT INTO event_data_stores (account, region, id, name, settings, ingestion, status, created_ms, \
             updated_ms, delete_ms, revision) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL, 0) ON CONFLICT DO NOTHING",
        )
        .bind(&store.scope.account)
        .bind(&store.scope.region)
        .bind(&store.id)
        .bind(&store.settings.name)
        .bind(serde_json::to_string(&store.settings)?)
        .bind(serde_json::to_string(&store.ingestion)?)
        .bind(&store.status)
        .bind(store.created.0)
        .bind(store.updated.0)
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(EventDataStorePut::Exists);
        }
        let (all,): (i64,) =
            sqlx::query_as("SELECT COUNT(*) FROM event_data_stores WHERE account = $1 AND region = $2")
                .bind(&store.scope.account)
                .bind(&store.scope.region)
                .fetch_one(&mut *transaction)
                .await?;
        if usize::try_from(all).is_ok_and(|all| all > stores_max) {
            transaction.rollback().await?;
            return Ok(EventDataStorePut::TooMany);
        }
        transaction.commit().await?;
        Ok(EventDataStorePut::Stored)
    }

    /// Replaces a store that still has the revision of `store`; its revision is one more then.
    pub async fn update_event_data_store(&self, store: &EventDataStore) -> Result<EventDataStorePut> {
        let done = sqlx::query(
            "UPDATE event_data_stores SET name = $4, settings = $5, ingestion = $6, status = $7, updated_ms = $8, \
             delete_ms = $9, longer = $11, revision = revision + 1 WHERE account = $1 AND region = $2 AND id = $3 AND revision = $10 \
             AND NOT EXISTS (SELECT 1 FROM event_data_stores o WHERE o.account = $1 AND o.region = $2 AND o.name = $4 \
             AND o.id <> $3)",
        )
        .bind(&store.scope.account)
        .bind(&store.scope.region)
        .bind(&store.id)
        .bind(&store.settings.name)
        .bind(serde_json::to_string(&store.settings)?)
        .bind(serde_json::to_string(&store.ingestion)?)
        .bind(&store.status)
        .bind(store.updated.0)
        .bind(store.delete_at.map(|at| at.0))
        .bind(store.revision)
        .bind(store.longer.as_ref().map(serde_json::to_string).transpose()?)
        .execute(&self.pool)
        .await?;
        if done.rows_affected() > 0 {
            return Ok(EventDataStorePut::Stored);
        }
        let there = self.event_data_store(&store.scope, &store.id).await?;
        Ok(match there {
            Some(there) if there.revision == store.revision => EventDataStorePut::Exists,
            _ => EventDataStorePut::Changed,
        })
    }

    /// The store of that id.
    pub async fn event_data_store(&self, scope: &Scope, id: &str) -> Result<Option<EventDataStore>> {
        let sql = format!("SELECT {COLUMNS} FROM event_data_stores WHERE account = $1 AND region = $2 AND id = $3");
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&scope.account).bind(&scope.region).bind(id);
        let row: Option<Row> = query.fetch_optional(&self.pool).await?;
        row.map(EventDataStore::try_from).transpose()
    }

    /// All stores of a scope, by id.
    pub async fn event_data_stores(&self, scope: &Scope) -> Result<Vec<EventDataStore>> {
        let sql = format!("SELECT {COLUMNS} FROM event_data_stores WHERE account = $1 AND region = $2 ORDER BY id");
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&scope.account).bind(&scope.region);
        let rows: Vec<Row> = query.fetch_all(&self.pool).await?;
        rows.into_iter().map(EventDataStore::try_from).collect()
    }

    /// The stores of every scope, whatever their status.
    pub async fn every_event_data_store(&self) -> Result<Vec<EventDataStore>> {
        let sql = format!("SELECT {COLUMNS} FROM event_data_stores");
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(&self.pool).await?;
        rows.into_iter().map(EventDataStore::try_from).collect()
    }

    /// The stores of every scope that take events in.
    pub async fn enabled_event_data_stores(&self) -> Result<Vec<EventDataStore>> {
        let sql = format!("SELECT {COLUMNS} FROM event_data_stores WHERE status = 'ENABLED'");
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql)).fetch_all(&self.pool).await?;
        rows.into_iter().map(EventDataStore::try_from).collect()
    }

    /// Takes away the stores whose time has come; answers what they were.
    pub async fn expire_event_data_stores(&self, now: Timestamp) -> Result<Vec<(Scope, String)>> {
        let gone: Vec<(String, String, String)> =
            sqlx::query_as("DELETE FROM event_data_stores WHERE delete_ms <= $1 RETURNING account, region, id")
                .bind(now.0)
                .fetch_all(&self.pool)
                .await?;
        Ok(gone.into_iter().map(|(account, region, id)| (Scope { account, region }, id)).collect())
    }

    /// Makes or replaces the policy of an event data store or a channel.
    pub async fn put_cloudtrail_policy(&self, resource_arn: &str, document: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO cloudtrail_resource_policies (resource_arn, document) VALUES ($1, $2) \
             ON CONFLICT (resource_arn) DO UPDATE SET document = excluded.document",
        )
        .bind(resource_arn)
        .bind(document)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The policy of a resource.
    pub async fn cloudtrail_policy(&self, resource_arn: &str) -> Result<Option<String>> {
        let row: Option<(String,)> =
            sqlx::query_as("SELECT document FROM cloudtrail_resource_policies WHERE resource_arn = $1")
                .bind(resource_arn)
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map(|(document,)| document))
    }

    /// Takes a policy away. False when there was none.
    pub async fn delete_cloudtrail_policy(&self, resource_arn: &str) -> Result<bool> {
        let done = sqlx::query("DELETE FROM cloudtrail_resource_policies WHERE resource_arn = $1")
            .bind(resource_arn)
            .execute(&self.pool)
            .await?;
        Ok(done.rows_affected() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn store(id: &str, name: &str) -> EventDataStore {
        EventDataStore {
            scope: Scope { account: "1".into(), region: "r".into() },
            id: id.into(),
            settings: EventDataStoreSettings { name: name.into(), ..EventDataStoreSettings::default() },
            ingestion: vec![(1, Some(2)), (3, None)],
            status: "ENABLED".into(),
            ..EventDataStore::default()
        }
    }

    #[tokio::test]
    async fn names_are_unique_and_changes_are_compared() {
        let catalog = Catalog::in_memory().await.unwrap();
        let put = |id, name| {
            let (catalog, store) = (catalog.clone(), store(id, name));
            async move { catalog.create_event_data_store(&store, 2).await.unwrap() }
        };
        assert_eq!(put("1", "a").await, EventDataStorePut::Stored);
        assert_eq!(put("2", "a").await, EventDataStorePut::Exists);
        assert_eq!(put("2", "b").await, EventDataStorePut::Stored);
        assert_eq!(put("3", "c").await, EventDataStorePut::TooMany);
        let mut first = catalog.event_data_store(&store("", "").scope, "1").await.unwrap().unwrap();
        assert_eq!(first, store("1", "a"));
        first.settings.name = "b".into();
        assert_eq!(catalog.update_event_data_store(&first).await.unwrap(), EventDataStorePut::Exists);
        first.settings.name = "z".into();
        first.delete_at = Some(Timestamp(5));
        first.longer = Some(KeptLonger { retention_days: 9, organization: true, until_ms: 7 });
        assert_eq!(catalog.update_event_data_store(&first).await.unwrap(), EventDataStorePut::Stored);
        assert_eq!(catalog.update_event_data_store(&first).await.unwrap(), EventDataStorePut::Changed);
        let all = catalog.every_event_data_store().await.unwrap();
        assert_eq!(
            (all.len(), all.into_iter().find(|store| store.id == "1").unwrap().longer),
            (2, first.longer.clone())
        );
        assert_eq!(catalog.expire_event_data_stores(Timestamp(4)).await.unwrap(), []);
        assert_eq!(catalog.expire_event_data_stores(Timestamp(5)).await.unwrap(), [(first.scope.clone(), "1".into())]);
        assert_eq!(catalog.event_data_stores(&first.scope).await.unwrap().len(), 1);
    }
}
