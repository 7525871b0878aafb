//! Sinks: where the links of source accounts end, one for each monitoring account and region.

use crate::tags::insert_tags;
use crate::{Catalog, Result};
use model::Scope;
use sqlx::FromRow;
use std::collections::BTreeMap;

/// A sink.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sink {
    /// The monitoring account, and the region.
    pub scope: Scope,
    /// Unique among all sinks.
    pub id: String,
    /// As its owner called it.
    pub name: String,
    /// Who may link to it, a document; `None` until one is put: then nobody may.
    pub policy: Option<String>,
}

#[derive(FromRow)]
struct Row {
    account: String,
    region: String,
    id: String,
    name: String,
    policy: Option<String>,
}

impl From<Row> for Sink {
    fn from(Row { account, region, id, name, policy }: Row) -> Self {
        Self { scope: Scope { account, region }, id, name, policy }
    }
}

/// What became of a request to delete a sink.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SinkDeletion {
    /// It is gone.
    Deleted,
    /// There was none.
    Absent,
    /// Links still end at it.
    Linked,
}

impl Catalog {
    /// Makes a sink with its tags under `arn`. False when the account has one in the region already.
    pub async fn create_sink(&self, sink: &Sink, arn: &str, tags: &BTreeMap<String, String>) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let made = sqlx::query(
            "INSERT INTO sinks (account, region, id, name) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (account, region) DO NOTHING",
        )
        .bind(&sink.scope.account)
        .bind(&sink.scope.region)
        .bind(&sink.id)
        .bind(&sink.name)
        .execute(&mut *transaction)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(false);
        }
        insert_tags(&mut transaction, arn, tags).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// The sink of an account and region.
    pub async fn sink(&self, scope: &Scope) -> Result<Option<Sink>> {
        let row: Option<Row> =
            sqlx::query_as("SELECT account, region, id, name, policy FROM sinks WHERE account = $1 AND region = $2")
                .bind(&scope.account)
                .bind(&scope.region)
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.map(Sink::from))
    }

    /// Sets the policy of a sink. False when it is gone.
    pub async fn put_sink_policy(&self, id: &str, policy: &str) -> Result<bool> {
        let put =
            sqlx::query("UPDATE sinks SET policy = $2 WHERE id = $1").bind(id).bind(policy).execute(&self.pool).await?;
        Ok(put.rows_affected() > 0)
    }

    /// Deletes a sink that no link ends at, with its tags.
    pub async fn delete_sink(&self, id: &str, arn: &str) -> Result<SinkDeletion> {
        let mut transaction = self.pool.begin().await?;
        let gone = sqlx::query(
            "DELETE FROM sinks WHERE id = $1 AND NOT EXISTS (SELECT 1 FROM links WHERE links.sink_id = sinks.id)",
        )
        .bind(id)
        .execute(&mut *transaction)
        .await?;
        if gone.rows_affected() == 0 {
            let there: Option<(String,)> =
                sqlx::query_as("SELECT id FROM sinks WHERE id = $1").bind(id).fetch_optional(&mut *transaction).await?;
            return Ok(if there.is_some() { SinkDeletion::Linked } else { SinkDeletion::Absent });
        }
        sqlx::query("DELETE FROM tags WHERE resource_arn = $1").bind(arn).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(SinkDeletion::Deleted)
    }
}
