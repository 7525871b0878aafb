//! Deliveries of vended logs: which source goes to which destination, and how.

use crate::tags::insert_tags;
use crate::{Catalog, Result};
use model::Scope;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VendedDelivery {
    /// Unique in the scope.
    pub id: String,
    /// The source.
    pub source_name: String,
    /// The destination.
    pub destination_arn: String,
    /// The destination's type, as it stands.
    pub destination_kind: String,
    /// What is delivered, and how.
    pub configuration: VendedDeliveryConfiguration,
}

/// What a delivery delivers, and how.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendedDeliveryConfiguration {
    /// The fields of a record, in order.
    pub record_fields: Option<Vec<String>>,
    /// What stands between them.
    pub field_delimiter: Option<String>,
    /// How objects of a bucket are named.
    pub s3: Option<VendedDeliveryObjects>,
}

/// How objects of a bucket are named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct VendedDeliveryObjects {
    /// What follows the prefix.
    pub suffix_path: Option<String>,
    /// Whether the path is made for Hive.
    pub hive: Option<bool>,
}

/// What became of a new delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VendedDeliveryCreated {
    /// It is kept.
    Created,
    /// There is one of this source and destination.
    Exists,
    /// Source or destination is gone, or it would be one more than the maximum.
    Refused,
}

type Row = (String, String, String, String, String);

fn delivery((id, source_name, destination_arn, destination_kind, configuration): Row) -> Result<VendedDelivery> {
    let configuration = serde_json::from_str(&configuration)?;
    Ok(VendedDelivery { id, source_name, destination_arn, destination_kind, configuration })
}

impl Catalog {
    /// Keeps a new delivery, up to `max` in a scope, with its tags.
    pub async fn create_vended_delivery(
        &self,
        scope: &Scope,
        new: &VendedDelivery,
        arn: &str,
        tags: &BTreeMap<String, String>,
        max: usize,
    ) -> Result<VendedDeliveryCreated> {
        let mut transaction = self.pool.begin().await?;
        let made = sqlx::query(
            "INSERT INTO vended_deliveries (account, region, id, source_name, destination_arn, configuration) \
             SELECT $1, $2, $3, $4, $5, $6 \
             WHERE EXISTS (SELECT 1 FROM delivery_sources WHERE account = $1 AND region = $2 AND name = $4) \
             AND EXISTS (SELECT 1 FROM delivery_destinations WHERE arn = $5) \
             AND (SELECT COUNT(*) FROM vended_deliveries WHERE account = $1 AND region = $2) < $7 \
             ON CONFLICT (account, region, source_name, destination_arn) DO NOTHING",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&new.id)
        .bind(&new.source_name)
        .bind(&new.destination_arn)
        .bind(serde_json::to_string(&new.configuration)?)
        .bind(i64::try_from(max).unwrap_or(i64::MAX))
        .execute(&mut *transaction)
        .await?;
        if made.rows_affected() > 0 {
            insert_tags(&mut transaction, arn, tags).await?;
            transaction.commit().await?;
            return Ok(VendedDeliveryCreated::Created);
        }
        let (there,): (i64,) = sqlx::query_as(
            "SELECT COUNT(*) FROM vended_deliveries \
             WHERE account = $1 AND region = $2 AND source_name = $3 AND destination_arn = $4",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&new.source_name)
        .bind(&new.destination_arn)
        .fetch_one(&mut *transaction)
        .await?;
        Ok(if there > 0 { VendedDeliveryCreated::Exists } else { VendedDeliveryCreated::Refused })
    }

    /// The delivery of this id.
    pub async fn vended_delivery(&self, scope: &Scope, id: &str) -> Result<Option<VendedDelivery>> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT d.id, d.source_name, d.destination_arn, t.type, d.configuration FROM vended_deliveries d \
             JOIN delivery_destinations t ON t.arn = d.destination_arn \
             WHERE d.account = $1 AND d.region = $2 AND d.id = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(id)
        .fetch_optional(&self.pool)
        .await?;
        row.map(delivery).transpose()
    }

    /// All deliveries of a scope, by id.
    pub async fn vended_deliveries(&self, scope: &Scope) -> Result<Vec<VendedDelivery>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT d.id, d.source_name, d.destination_arn, t.type, d.configuration FROM vended_deliveries d \
             JOIN delivery_destinations t ON t.arn = d.destination_arn \
             WHERE d.account = $1 AND d.region = $2 ORDER BY d.id",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(delivery).collect()
    }

    /// Replaces the configuration of a delivery. False when there is none of this id.
    pub async fn update_vended_delivery(
        &self,
        scope: &Scope,
        id: &str,
        configuration: &VendedDeliveryConfiguration,
    ) -> Result<bool> {
        let changed = sqlx::query(
            "UPDATE vended_deliveries SET configuration = $4 WHERE account = $1 AND region = $2 AND id = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(id)
        .bind(serde_json::to_string(configuration)?)
        .execute(&self.pool)
        .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// Deletes a delivery with its tags. False when there is none of this id.
    pub async fn delete_vended_delivery(&self, scope: &Scope, id: &str, arn: &str) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let gone = sqlx::query("DELETE FROM vended_deliveries WHERE account = $1 AND region = $2 AND id = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(id)
            .execute(&mut *transaction)
            .await?;
        sqlx::query("DELETE FROM tags WHERE resource_arn = $1").bind(arn).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(gone.rows_affected() > 0)
    }
}
