//! What trails and event data stores do beside keeping events: Insights and event configurations, documents of `trail`'s making.

use crate::{Catalog, Result};
use model::Scope;

/// Which of the documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventSetting {
    /// What PutInsightSelectors stores.
    Insights,
    /// What PutEventConfiguration stores.
    Configuration,
}

impl EventSetting {
    fn column(self) -> &'static str {
        match self {
            EventSetting::Insights => "insights",
            EventSetting::Configuration => "event_configuration",
        }
    }
}

impl Catalog {
    /// Replaces a document of a trail; `None` takes it away. False when the trail is gone.
    pub async fn set_trail_events(
        &self,
        scope: &Scope,
        name: &str,
        setting: EventSetting,
        document: Option<&str>,
    ) -> Result<bool> {
        let column = setting.column();
        let sql = format!("UPDATE trails SET {column} = $1 WHERE account = $2 AND region = $3 AND name = $4");
        self.set_events(sql, scope, name, document).await
    }

    /// Replaces a document of an event data store; `None` takes it away. False when the store is gone.
    pub async fn set_event_data_store_events(
        &self,
        scope: &Scope,
        id: &str,
        setting: EventSetting,
        document: Option<&str>,
    ) -> Result<bool> {
        let column = setting.column();
        let sql = format!("UPDATE event_data_stores SET {column} = $1 WHERE account = $2 AND region = $3 AND id = $4");
        self.set_events(sql, scope, id, document).await
    }

    async fn set_events(&self, sql: String, scope: &Scope, id: &str, document: Option<&str>) -> Result<bool> {
        let query = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(document);
        let done = query.bind(&scope.account).bind(&scope.region).bind(id).execute(&self.pool).await?;
        Ok(done.rows_affected() > 0)
    }
}
