//! The KMS keys that owners associated with the default dataset of an account and region.

use crate::{Catalog, Result};
use model::Scope;

impl Catalog {
    /// Associates a key, in place of the one before.
    pub async fn put_dataset_key(&self, scope: &Scope, kms_key_arn: &str) -> Result<()> {
        sqlx::query(
            "INSERT INTO dataset_keys (account, region, kms_key_arn) VALUES ($1, $2, $3) \
             ON CONFLICT (account, region) DO UPDATE SET kms_key_arn = excluded.kms_key_arn",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(kms_key_arn)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// The key, if one is associated.
    pub async fn dataset_key(&self, scope: &Scope) -> Result<Option<String>> {
        let row: Option<(String,)> =
            sqlx::query_as("SELECT kms_key_arn FROM dataset_keys WHERE account = $1 AND region = $2")
                .bind(&scope.account)
                .bind(&scope.region)
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map(|(key,)| key))
    }

    /// Ends the association. False when there was none.
    pub async fn delete_dataset_key(&self, scope: &Scope) -> Result<bool> {
        let gone = sqlx::query("DELETE FROM dataset_keys WHERE account = $1 AND region = $2")
            .bind(&scope.account)
            .bind(&scope.region)
            .execute(&self.pool)
            .await?;
        Ok(gone.rows_affected() > 0)
    }
}
