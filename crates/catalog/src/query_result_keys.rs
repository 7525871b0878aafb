//! The KMS keys that owners associated with the results of their Logs Insights queries.

use crate::{Catalog, Result};
use model::{Scope, Timestamp};

impl Catalog {
    /// Associates a key with the results of queries that start at `now` or later; `None` ends the association.
    pub async fn set_query_result_key(&self, scope: &Scope, kms_key_id: Option<&str>, now: Timestamp) -> Result<()> {
        let statement = match kms_key_id {
            None => sqlx::query("DELETE FROM query_result_keys WHERE account = $1 AND region = $2")
                .bind(&scope.account)
                .bind(&scope.region),
            Some(kms_key_id) => sqlx::query(
                "INSERT INTO query_result_keys (account, region, kms_key_id, since_ms) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (account, region) DO UPDATE SET kms_key_id = excluded.kms_key_id, \
                 since_ms = excluded.since_ms",
            )
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(kms_key_id)
            .bind(now.0),
        };
        statement.execute(&self.pool).await?;
        Ok(())
    }

    /// The key associated with the results of queries, and since when.
    pub async fn query_result_key(&self, scope: &Scope) -> Result<Option<(String, Timestamp)>> {
        let row: Option<(String, i64)> =
            sqlx::query_as("SELECT kms_key_id, since_ms FROM query_result_keys WHERE account = $1 AND region = $2")
                .bind(&scope.account)
                .bind(&scope.region)
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map(|(key, since)| (key, Timestamp(since))))
    }
}
