//! Delivery destinations: where vended logs are to be delivered, and who may deliver them.

use crate::tags::insert_tags;
use crate::{Catalog, DeliveryEndDeleted, Result};
use model::Scope;
use std::collections::BTreeMap;

/// A destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryDestination {
    /// Account and region.
    pub scope: Scope,
    /// Unique in the scope.
    pub name: String,
    /// `S3`, `CWL`, `FH` or `XRAY`.
    pub kind: String,
    /// How records are to be written.
    pub output_format: Option<String>,
    /// The bucket, log group or delivery stream.
    pub resource_arn: Option<String>,
    /// The role that AWS would use.
    pub role_arn: Option<String>,
}

/// What became of a destination that was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryDestinationPut {
    /// It is kept.
    Put,
    /// The destination is there, and tags are for new ones.
    TagsGiven,
    /// It would be one more than the maximum.
    TooMany,
}

#[derive(sqlx::FromRow)]
struct Row {
    account: String,
    region: String,
    name: String,
    #[sqlx(rename = "type")]
    kind: String,
    output_format: Option<String>,
    resource_arn: Option<String>,
    role_arn: Option<String>,
}

impl From<Row> for DeliveryDestination {
    fn from(row: Row) -> Self {
        Self {
            scope: Scope { account: row.account, region: row.region },
            name: row.name,
            kind: row.kind,
            output_format: row.output_format,
            resource_arn: row.resource_arn,
            role_arn: row.role_arn,
        }
    }
}

impl Catalog {
    /// Makes or replaces a destination, up to `max` in its scope. One that is there keeps its policy and its tags: only a new one
    /// is given `tags`.
    pub async fn put_delivery_destination(
        &self,
        new: &DeliveryDestination,
        arn: &str,
        tags: &BTreeMap<String, String>,
        max: usize,
    ) -> Result<DeliveryDestinationPut> {
        let mut transaction = self.pool.begin().await?;
        let put = sqlx::query(
            "INSERT INTO delivery_destinations (arn, account, region, name, type, output_format, resource_arn, role_arn) \
             SELECT $1, $2, $3, $4, $5, $6, $7, $8 WHERE \
             (SELECT COUNT(*) FROM delivery_destinations WHERE account = $2 AND region = $3 AND name <> $4) < $9 \
             ON CONFLICT (arn) DO UPDATE SET type = excluded.type, output_format = excluded.output_format, \
             resource_arn = excluded.resource_arn, role_arn = excluded.role_arn WHERE $10 = 0",
        )
        .bind(arn)
        .bind(&new.scope.account)
        .bind(&new.scope.region)
        .bind(&new.name)
        .bind(&new.kind)
        .bind(&new.output_format)
        .bind(&new.resource_arn)
        .bind(&new.role_arn)
        .bind(i64::try_from(max).unwrap_or(i64::MAX))
        .bind(i64::from(!tags.is_empty()))
        .execute(&mut *transaction)
        .await?;
        if put.rows_affected() > 0 {
            insert_tags(&mut transaction, arn, tags).await?;
            transaction.commit().await?;
            return Ok(DeliveryDestinationPut::Put);
        }
        let there: Option<(String,)> = sqlx::query_as("SELECT name FROM delivery_destinations WHERE arn = $1")
            .bind(arn)
            .fetch_optional(&mut *transaction)
            .await?;
        let is_tagged_anew = there.is_some() && !tags.is_empty();
        Ok(if is_tagged_anew { DeliveryDestinationPut::TagsGiven } else { DeliveryDestinationPut::TooMany })
    }

    /// The destination of this ARN, of any account.
    pub async fn delivery_destination(&self, arn: &str) -> Result<Option<DeliveryDestination>> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT account, region, name, type, output_format, resource_arn, role_arn FROM delivery_destinations \
             WHERE arn = $1",
        )
        .bind(arn)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(DeliveryDestination::from))
    }

    /// All destinations of a scope, by name.
    pub async fn delivery_destinations(&self, scope: &Scope) -> Result<Vec<DeliveryDestination>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT account, region, name, type, output_format, resource_arn, role_arn FROM delivery_destinations \
             WHERE account = $1 AND region = $2 ORDER BY name",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(DeliveryDestination::from).collect())
    }

    /// Says who may deliver to a destination; `None` for nobody else. False when there is none of this ARN.
    pub async fn set_delivery_destination_policy(&self, arn: &str, policy: Option<&str>) -> Result<bool> {
        let changed = sqlx::query("UPDATE delivery_destinations SET policy = $2 WHERE arn = $1")
            .bind(arn)
            .bind(policy)
            .execute(&self.pool)
            .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// The policy of a destination, if it has one; the outer `None` when there is none of this ARN.
    pub async fn delivery_destination_policy(&self, arn: &str) -> Result<Option<Option<String>>> {
        let row: Option<(Option<String>,)> = sqlx::query_as("SELECT policy FROM delivery_destinations WHERE arn = $1")
            .bind(arn)
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|(policy,)| policy))
    }

    /// Deletes a destination that no delivery uses, with its tags.
    pub async fn delete_delivery_destination(&self, arn: &str) -> Result<DeliveryEndDeleted> {
        let mut transaction = self.pool.begin().await?;
        let gone = sqlx::query(
            "DELETE FROM delivery_destinations WHERE arn = $1 AND NOT EXISTS \
             (SELECT 1 FROM vended_deliveries WHERE destination_arn = $1)",
        )
        .bind(arn)
        .execute(&mut *transaction)
        .await?;
        if gone.rows_affected() > 0 {
            sqlx::query("DELETE FROM tags WHERE resource_arn = $1").bind(arn).execute(&mut *transaction).await?;
            transaction.commit().await?;
            return Ok(DeliveryEndDeleted::Deleted);
        }
        transaction.rollback().await?;
        let there = self.delivery_destination(arn).await?.is_some();
        Ok(if there { DeliveryEndDeleted::InUse } else { DeliveryEndDeleted::Absent })
    }
}
