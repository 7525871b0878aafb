//! Lookup tables of Logs Insights: CSV texts by name.

use crate::tags::insert_tags;
use crate::{Catalog, Result};
use model::Scope;
use sqlx::FromRow;
use std::collections::BTreeMap;

/// What there is to know of a table besides its text.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct LookupTable {
    /// Unique in the scope.
    pub name: String,
    /// Of the owner's making.
    pub description: Option<String>,
    /// The KMS key that the owner named.
    pub kms_key_id: Option<String>,
    /// Names of its columns, as JSON.
    pub fields: String,
    /// Rows without the header.
    pub records: i64,
    /// Bytes of its text.
    pub bytes: i64,
    /// When it was last changed, milliseconds.
    pub updated_ms: i64,
}

impl Catalog {
    /// Makes a table with its tags; false when there is one of its name.
    pub async fn create_lookup_table(
        &self,
        scope: &Scope,
        table: &LookupTable,
        body: &str,
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let made = sqlx::query(
            "INSERT INTO lookup_tables (account, region, name, description, kms_key_id, fields, records, bytes, body, \
             created_ms, updated_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10) ON CONFLICT (account, region, name) DO NOTHING",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&table.name)
        .bind(&table.description)
        .bind(&table.kms_key_id)
        .bind(&table.fields)
        .bind(table.records)
        .bind(table.bytes)
        .bind(body)
        .bind(table.updated_ms)
        .execute(&mut *transaction)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(false);
        }
        insert_tags(&mut transaction, arn, tags).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Replaces text and columns of a table, and its description and key where they are given; false when it is absent.
    pub async fn update_lookup_table(&self, scope: &Scope, table: &LookupTable, body: &str) -> Result<bool> {
        let changed = sqlx::query(
            "UPDATE lookup_tables SET description = COALESCE($4, description), kms_key_id = COALESCE($5, kms_key_id), \
             fields = $6, records = $7, bytes = $8, body = $9, updated_ms = $10 WHERE account = $1 AND region = $2 AND name = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&table.name)
        .bind(&table.description)
        .bind(&table.kms_key_id)
        .bind(&table.fields)
        .bind(table.records)
        .bind(table.bytes)
        .bind(body)
        .bind(table.updated_ms)
        .execute(&self.pool)
        .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// Up to `limit` tables whose names begin with `prefix` and follow `after`, by name.
    pub async fn lookup_tables(
        &self,
        scope: &Scope,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<LookupTable>> {
        let query = sqlx::query_as(
            "SELECT name, description, kms_key_id, fields, records, bytes, updated_ms \
             FROM lookup_tables WHERE account = $1 AND region = $2 AND SUBSTR(name, 1, LENGTH($3)) = $3 AND name > $4 \
             ORDER BY name LIMIT $5",
        );
        let query = query.bind(&scope.account).bind(&scope.region).bind(prefix).bind(after);
        Ok(query.bind(i64::try_from(limit).unwrap_or(i64::MAX)).fetch_all(&self.pool).await?)
    }

    /// A table's text.
    pub async fn lookup_table_body(&self, scope: &Scope, name: &str) -> Result<Option<String>> {
        let row: Option<(String,)> =
            sqlx::query_as("SELECT body FROM lookup_tables WHERE account = $1 AND region = $2 AND name = $3")
                .bind(&scope.account)
                .bind(&scope.region)
                .bind(name)
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map(|(body,)| body))
    }

    /// Deletes a table with its tags; false when it is absent.
    pub async fn delete_lookup_table(&self, scope: &Scope, name: &str, arn: &str) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let gone = sqlx::query("DELETE FROM lookup_tables WHERE account = $1 AND region = $2 AND name = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM tags WHERE resource_arn = $1").bind(arn).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(gone.rows_affected() > 0)
    }
}
