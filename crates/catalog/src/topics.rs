//! Topics of SNS: a name and its attributes.

use crate::pool::Connection;
use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use std::collections::BTreeMap;

/// A topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Topic {
    /// Account and region.
    pub scope: Scope,
    /// Unique in the scope.
    pub name: String,
    /// The attributes that were set.
    pub attributes: BTreeMap<String, String>,
    /// How many of its subscriptions were deleted.
    pub subscriptions_deleted: i64,
    /// When it was made.
    pub created: Timestamp,
}

type TopicRow = (String, String, i64, i64);

fn topic(scope: &Scope, (name, attributes, subscriptions_deleted, created): TopicRow) -> Result<Topic> {
    Ok(Topic {
        scope: scope.clone(),
        name,
        attributes: serde_json::from_str(&attributes)?,
        subscriptions_deleted,
        created: Timestamp(created),
    })
}

impl Catalog {
    /// Makes a topic with its tags. False when the name is taken.
    pub async fn create_topic(&self, topic: &Topic, arn: &str, tags: &BTreeMap<String, String>) -> Result<bool> {
        let attributes = serde_json::to_string(&topic.attributes)?;
        let mut transaction = self.pool.begin().await?;
        let made = sqlx::query(
            "INSERT INTO topics (account, region, name, attributes, subscriptions_deleted, created_ms) \
             VALUES ($1, $2, $3, $4, 0, $5) ON CONFLICT (account, region, name) DO NOTHING",
        )
        .bind(&topic.scope.account)
        .bind(&topic.scope.region)
        .bind(&topic.name)
        .bind(attributes)
        .bind(topic.created.0)
        .execute(&mut *transaction)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(false);
        }
        for (key, value) in tags {
            sqlx::query(
                "INSERT INTO tags (resource_arn, tag_key, tag_value) VALUES ($1, $2, $3) \
                 ON CONFLICT (resource_arn, tag_key) DO UPDATE SET tag_value = excluded.tag_value",
            )
            .bind(arn)
            .bind(key)
            .bind(value)
            .execute(&mut *transaction)
            .await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The topic of this name.
    pub async fn topic(&self, scope: &Scope, name: &str) -> Result<Option<Topic>> {
        let row: Option<TopicRow> = sqlx::query_as(
            "SELECT name, attributes, subscriptions_deleted, created_ms FROM topics \
             WHERE account = $1 AND region = $2 AND name = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(name)
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| topic(scope, row)).transpose()
    }

    /// Names of up to `limit` topics after `after`, in byte order.
    pub async fn topic_names(&self, scope: &Scope, after: &str, limit: usize) -> Result<Vec<String>> {
        let rows: Vec<(String,)> = sqlx::query_as(
            "SELECT name FROM topics WHERE account = $1 AND region = $2 AND name > $3 ORDER BY name LIMIT $4",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|(name,)| name).collect())
    }

    /// Sets one attribute of a topic, or takes it away. False when the topic is gone.
    pub async fn set_topic_attribute(
        &self,
        scope: &Scope,
        name: &str,
        attribute: &str,
        value: Option<&str>,
    ) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        // A write first, so that no other writer can come between reading and writing.
        let row: Option<(String,)> = sqlx::query_as(
            "UPDATE topics SET attributes = attributes WHERE account = $1 AND region = $2 AND name = $3 \
             RETURNING attributes",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(name)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some((text,)) = row else { return Ok(false) };
        let text = with_attribute(&text, attribute, value)?;
        sqlx::query("UPDATE topics SET attributes = $4 WHERE account = $1 AND region = $2 AND name = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(name)
            .bind(text)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Deletes a topic with its subscriptions and tags. What was published before is still delivered. False when it was gone.
    pub async fn delete_topic(&self, scope: &Scope, name: &str, arn: &str) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let gone = sqlx::query("DELETE FROM topics WHERE account = $1 AND region = $2 AND name = $3")
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

/// Counts a deleted subscription within the transaction that deletes it.
pub(crate) async fn count_deleted(connection: &mut Connection, scope: &Scope, name: &str, n: i64) -> Result<()> {
    sqlx::query(
        "UPDATE topics SET subscriptions_deleted = subscriptions_deleted + $4 \
         WHERE account = $1 AND region = $2 AND name = $3",
    )
    .bind(&scope.account)
    .bind(&scope.region)
    .bind(name)
    .bind(n)
    .execute(connection)
    .await?;
    Ok(())
}

/// A JSON object of attributes with one of them changed.
pub(crate) fn with_attribute(document: &str, attribute: &str, value: Option<&str>) -> Result<String> {
    let mut attributes: BTreeMap<String, String> = serde_json::from_str(document)?;
    match value {
        Some(value) => drop(attributes.insert(attribute.to_owned(), value.to_owned())),
        None => drop(attributes.remove(attribute)),
    }
    Ok(serde_json::to_string(&attributes)?)
}
