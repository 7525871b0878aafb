//! Subscription filters: which log events of a group go where, and up to which sequence they have gone.

use crate::{Catalog, FilterLimits, Result};
use model::time::DAY;
use model::{GroupId, Scope, Timestamp};
use serde::{Deserialize, Serialize};

/// What a subscription sends, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubscriptionDefinition {
    /// The filter pattern.
    pub pattern: String,
    /// A stream, a function or a logical destination.
    pub destination_arn: String,
    /// The role that AWS would use.
    pub role_arn: Option<String>,
    /// `ByLogStream` or `Random`.
    pub distribution: String,
    /// Whether the pattern is meant for events as a transformer leaves them.
    pub on_transformed_logs: bool,
    /// Which accounts and regions events are wanted of.
    pub field_selection: Option<String>,
    /// System fields that events are sent with.
    pub system_fields: Vec<String>,
}

/// A subscription filter as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubscriptionFilter {
    /// Never reused.
    pub id: u64,
    /// Account and region of its group.
    pub scope: Scope,
    /// Its group.
    pub group: GroupId,
    /// The name of its group.
    pub group_name: String,
    /// How long the group keeps events, milliseconds; `None` keeps them forever.
    pub retention_ms: Option<i64>,
    /// Unique in the group.
    pub name: String,
    /// What it sends, and where.
    pub definition: SubscriptionDefinition,
    /// When it was made.
    pub created: Timestamp,
    /// Log events of lower sequences have been delivered.
    pub position: u64,
    /// When the position was noted.
    pub position_at: Timestamp,
}

/// What became of a request to put a subscription filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubscriptionFilterPut {
    /// It is there.
    Put,
    /// The group has as many as it may have, or as many filters with a regular expression.
    TooMany,
    /// There is no such group any more.
    NoGroup,
}

const SELECT: &str = "SELECT f.id, g.account, g.region, g.id AS group_id, g.name AS group_name, g.kept_days AS retention_days, f.name, \
    f.definition, f.created_ms, f.position, f.position_ms FROM subscription_filters f JOIN log_groups g ON g.id = f.group_id";

#[derive(sqlx::FromRow)]
struct Row {
    id: i64,
    account: String,
    region: String,
    group_id: i64,
    group_name: String,
    retention_days: Option<i64>,
    name: String,
    definition: String,
    created_ms: i64,
    position: i64,
    position_ms: i64,
}

impl TryFrom<Row> for SubscriptionFilter {
    type Error = crate::Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id as u64,
            scope: Scope { account: row.account, region: row.region },
            group: GroupId(row.group_id as u64),
            group_name: row.group_name,
            retention_ms: row.retention_days.map(|days| days.saturating_mul(DAY)),
            name: row.name,
            definition: serde_json::from_str(&row.definition)?,
            created: Timestamp(row.created_ms),
            position: row.position as u64,
            position_at: Timestamp(row.position_ms),
        })
    }
}

impl Catalog {
    /// Makes a filter that begins at `position`, or replaces the definition of one that exists, which goes on where it is.
    pub async fn put_subscription_filter(
        &self,
        group: GroupId,
        name: &str,
        (definition, has_regex): (&SubscriptionDefinition, bool),
        (at, position): (Timestamp, u64),
        limits: FilterLimits,
    ) -> Result<SubscriptionFilterPut> {
        let definition = serde_json::to_string(definition)?;
        let mut transaction = self.pool.begin().await?;
        let id = Self::next_id(&mut transaction, "log_subscriptions").await?;
        let (others, with_regex): (i64, i64) = sqlx::query_as(
            "SELECT COUNT(*), COUNT(CASE WHEN has_regex = 1 THEN 1 END) + \
             (SELECT COUNT(*) FROM metric_filters m WHERE m.group_id = $1 AND m.has_regex = 1) \
             FROM subscription_filters WHERE group_id = $1 AND name <> $2",
        )
        .bind(group.0 as i64)
        .bind(name)
        .fetch_one(&mut *transaction)
        .await?;
        if others >= limits.filters as i64 || (has_regex && with_regex >= limits.with_regex as i64) {
            return Ok(SubscriptionFilterPut::TooMany);
        }
        let put = sqlx::query(
            "INSERT INTO subscription_filters (id, group_id, name, definition, created_ms, position, position_ms, \
             has_regex) SELECT $1, id, $3, $4, $5, $6, $5, $7 FROM log_groups WHERE id = $2 \
             ON CONFLICT (group_id, name) DO UPDATE SET definition = excluded.definition, has_regex = excluded.has_regex",
        )
        .bind(id)
        .bind(group.0 as i64)
        .bind(name)
        .bind(definition)
        .bind(at.0)
        .bind(position as i64)
        .bind(i64::from(has_regex))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(if put.rows_affected() > 0 { SubscriptionFilterPut::Put } else { SubscriptionFilterPut::NoGroup })
    }

    /// Up to `limit` filters of a group whose names begin with `prefix` and come after `after`, by name.
    pub async fn subscription_filters(
        &self,
        group: GroupId,
        prefix: &str,
        after: &str,
        limit: usize,
    ) -> Result<Vec<SubscriptionFilter>> {
        let sql = format!(
            "{SELECT} WHERE f.group_id = $1 AND f.name > $2 AND substr(f.name, 1, $3) = $4 ORDER BY f.name LIMIT $5"
        );
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(group.0 as i64)
            .bind(after)
            .bind(prefix.chars().count() as i64)
            .bind(prefix)
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter().map(SubscriptionFilter::try_from).collect()
    }

    /// The filter with this id.
    pub async fn subscription_filter(&self, id: u64) -> Result<Option<SubscriptionFilter>> {
        let sql = format!("{SELECT} WHERE f.id = $1");
        let row: Option<Row> =
            sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(id as i64).fetch_optional(&self.pool).await?;
        row.map(SubscriptionFilter::try_from).transpose()
    }

    /// The ids of every filter of every account.
    pub async fn every_subscription_filter(&self) -> Result<Vec<u64>> {
        let rows: Vec<(i64,)> =
            sqlx::query_as("SELECT id FROM subscription_filters ORDER BY id").fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|(id,)| id as u64).collect())
    }

    /// Notes at `at` that a filter has delivered all below `position`.
    pub async fn move_subscription_filter(&self, id: u64, position: u64, at: Timestamp) -> Result<()> {
        sqlx::query("UPDATE subscription_filters SET position = $2, position_ms = $3 WHERE id = $1")
            .bind(id as i64)
            .bind(position as i64)
            .bind(at.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Deletes a filter. False when there is none.
    pub async fn delete_subscription_filter(&self, group: GroupId, name: &str) -> Result<bool> {
        let deleted = sqlx::query("DELETE FROM subscription_filters WHERE group_id = $1 AND name = $2")
            .bind(group.0 as i64)
            .bind(name)
            .execute(&self.pool)
            .await?;
        Ok(deleted.rows_affected() > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::NewLogGroup;

    fn definition(pattern: &str) -> SubscriptionDefinition {
        SubscriptionDefinition {
            pattern: pattern.into(),
            destination_arn: "arn:aws:lambda:us-east-1:123456789012:function:f".into(),
            role_arn: None,
            distribution: "ByLogStream".into(),
            on_transformed_logs: false,
            field_selection: None,
            system_fields: vec!["@aws.account".into()],
        }
    }

    #[tokio::test]
    async fn a_filter_put_again_goes_on_where_it_is_and_goes_with_its_group() {
        let catalog = Catalog::in_memory().await.unwrap();
        let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
        let new = NewLogGroup {
            name: "g",
            created_at: Timestamp(1),
            class: "STANDARD",
            kms_key_id: None,
            deletion_protected: false,
        };
        let group = catalog.create_log_group(&scope, new, "arn", &Default::default()).await.unwrap().unwrap();
        let limits = FilterLimits { filters: 2, with_regex: 5 };
        let put = async |name: &str, pattern: &str, position: u64| {
            let at = (Timestamp(position as i64), position);
            catalog.put_subscription_filter(group, name, (&definition(pattern), false), at, limits).await.unwrap()
        };
        assert_eq!(put("a", "x", 10).await, SubscriptionFilterPut::Put);
        assert_eq!(put("b", "x", 20).await, SubscriptionFilterPut::Put);
        assert_eq!(put("c", "x", 30).await, SubscriptionFilterPut::TooMany);
        catalog.move_subscription_filter(1, 15, Timestamp(99)).await.unwrap();
        assert_eq!(put("a", "y", 40).await, SubscriptionFilterPut::Put);
        let all = catalog.subscription_filters(group, "", "", 10).await.unwrap();
        assert_eq!(all.iter().map(|f| (f.name.as_str(), f.position)).collect::<Vec<_>>(), [("a", 15), ("b", 20)]);
        assert_eq!((all[0].definition.pattern.as_str(), all[0].created), ("y", Timestamp(10)));
        assert_eq!((all[0].position_at, all[0].group_name.as_str()), (Timestamp(99), "g"));
        let ids: Vec<u64> = all.iter().map(|f| f.id).collect();
        assert_eq!(catalog.every_subscription_filter().await.unwrap(), ids);
        assert!(catalog.delete_subscription_filter(group, "b").await.unwrap());
        assert!(!catalog.delete_subscription_filter(group, "b").await.unwrap());
        catalog.delete_log_group(&scope, "g", "arn", Timestamp(2)).await.unwrap();
        assert!(catalog.every_subscription_filter().await.unwrap().is_empty());
        assert_eq!(put("a", "x", 10).await, SubscriptionFilterPut::NoGroup);
    }
}
