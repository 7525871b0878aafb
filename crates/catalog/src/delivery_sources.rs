//! Delivery sources: AWS resources whose vended logs are to be delivered.

use crate::tags::insert_tags;
use crate::{Catalog, Result};
use model::Scope;
use std::collections::BTreeMap;

/// A source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverySource {
    /// Unique in the scope.
    pub name: String,
    /// The resource that makes the logs.
    pub resource_arn: String,
    /// Which of its logs.
    pub log_type: String,
    /// Further settings.
    pub configuration: Option<BTreeMap<String, String>>,
}

/// What became of a source that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliverySourcePut {
    /// It is kept.
    Put,
    /// Another source has these logs of the resource.
    Taken,
    /// The source is there, and of another resource.
    OfAnother,
    /// The source is there, and tags are for new ones.
    TagsGiven,
    /// It would be one more than the maximum.
    TooMany,
}

/// What became of a source or destination that was to be deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryEndDeleted {
    /// It is gone.
    Deleted,
    /// A delivery uses it.
    InUse,
    /// There is none.
    Absent,
}

type Row = (String, String, String, Option<String>);

fn source((name, resource_arn, log_type, configuration): Row) -> Result<DeliverySource> {
    let configuration = configuration.as_deref().map(serde_json::from_str).transpose()?;
    Ok(DeliverySource { name, resource_arn, log_type, configuration })
}

impl Catalog {
    /// Makes or replaces a source, up to `max` in a scope. One that is there keeps its resource, and its tags under `arn`: only
    /// a new one is given `tags`.
    pub async fn put_delivery_source(
        &self,
        scope: &Scope,
        new: &DeliverySource,
        arn: &str,
        tags: &BTreeMap<String, String>,
        max: usize,
    ) -> Result<DeliverySourcePut> {
        let configuration = new.configuration.as_ref().map(serde_json::to_string).transpose()?;
        let mut transaction = self.pool.begin().await?;
        let put = sqlx::query(
            "INSERT INTO delivery_sources (account, region, name, resource_arn, log_type, configuration) \
             SELECT $1, $2, $3, $4, $5, $6 WHERE NOT EXISTS (SELECT 1 FROM delivery_sources \
             WHERE account = $1 AND region = $2 AND name <> $3 AND resource_arn = $4 AND log_type = $5) \
             AND (SELECT COUNT(*) FROM delivery_sources WHERE account = $1 AND region = $2 AND name <> $3) < $7 \
             ON CONFLICT (account, region, name) DO UPDATE SET log_type = excluded.log_type, configuration = excluded.configuration \
             WHERE delivery_sources.resource_arn = excluded.resource_arn AND $8 = 0",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&new.name)
        .bind(&new.resource_arn)
        .bind(&new.log_type)
        .bind(configuration)
        .bind(i64::try_from(max).unwrap_or(i64::MAX))
        .bind(i64::from(!tags.is_empty()))
        .execute(&mut *transaction)
        .await?;
        if put.rows_affected() > 0 {
            insert_tags(&mut transaction, arn, tags).await?;
            transaction.commit().await?;
            return Ok(DeliverySourcePut::Put);
        }
        let others: Vec<(String, String)> = sqlx::query_as(
            "SELECT name, resource_arn FROM delivery_sources \
             WHERE account = $1 AND region = $2 AND (name = $3 OR (resource_arn = $4 AND log_type = $5))",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&new.name)
        .bind(&new.resource_arn)
        .bind(&new.log_type)
        .fetch_all(&mut *transaction)
        .await?;
        Ok(match others.iter().find(|(name, _)| *name == new.name) {
            Some((_, resource_arn)) if *resource_arn != new.resource_arn => DeliverySourcePut::OfAnother,
            Some(_) if !tags.is_empty() => DeliverySourcePut::TagsGiven,
            found if others.len() > usize::from(found.is_some()) => DeliverySourcePut::Taken,
            _ => DeliverySourcePut::TooMany,
        })
    }

    /// The source of this name.
    pub async fn delivery_source(&self, scope: &Scope, name: &str) -> Result<Option<DeliverySource>> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT name, resource_arn, log_type, configuration FROM delivery_sources \
             WHERE account = $1 AND region = $2 AND name = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(name)
        .fetch_optional(&self.pool)
        .await?;
        row.map(source).transpose()
    }

    /// All sources of a scope, by name.
    pub async fn delivery_sources(&self, scope: &Scope) -> Result<Vec<DeliverySource>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT name, resource_arn, log_type, configuration FROM delivery_sources \
             WHERE account = $1 AND region = $2 ORDER BY name",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(source).collect()
    }

    /// Deletes a source that no delivery uses, with its tags.
    pub async fn delete_delivery_source(&self, scope: &Scope, name: &str, arn: &str) -> Result<DeliveryEndDeleted> {
        let mut transaction = self.pool.begin().await?;
        let gone = sqlx::query(
            "DELETE FROM delivery_sources WHERE account = $1 AND region = $2 AND name = $3 AND NOT EXISTS \
             (SELECT 1 FROM vended_deliveries WHERE account = $1 AND region = $2 AND source_name = $3)",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(name)
        .execute(&mut *transaction)
        .await?;
        if gone.rows_affected() > 0 {
            sqlx::query("DELETE FROM tags WHERE resource_arn = $1").bind(arn).execute(&mut *transaction).await?;
            transaction.commit().await?;
            return Ok(DeliveryEndDeleted::Deleted);
        }
        transaction.rollback().await?;
        let there = self.delivery_source(scope, name).await?.is_some();
        Ok(if there { DeliveryEndDeleted::InUse } else { DeliveryEndDeleted::Absent })
    }
}
