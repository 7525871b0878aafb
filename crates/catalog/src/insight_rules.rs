//! Contributor Insights rules of an account and region.

use crate::tags::insert_tags;
use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use std::collections::BTreeMap;

/// A rule as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InsightRule {
    /// Unique in the scope.
    pub name: String,
    /// The rule as the client wrote it.
    pub definition: String,
    /// Whether it looks at events.
    pub enabled: bool,
    /// When that last changed.
    pub switched: Timestamp,
    /// Whether it wants logs as transformers leave them.
    pub on_transformed_logs: bool,
    /// Whether an AWS service brings it.
    pub managed: bool,
}

/// What PutInsightRule or PutManagedInsightRules said.
#[derive(Debug, Clone, Copy)]
pub struct NewInsightRule<'a> {
    /// Unique in the scope.
    pub name: &'a str,
    /// The rule as the client wrote it.
    pub definition: &'a str,
    /// Whether it looks at events; absent, a rule that exists stays as it is and a new one does.
    pub enabled: Option<bool>,
    /// Whether it wants logs as transformers leave them; absent, as above, and a new one does not.
    pub on_transformed_logs: Option<bool>,
    /// Whether an AWS service brings it; of a rule that exists this stays as it is.
    pub managed: bool,
    /// The time of the call.
    pub at: Timestamp,
}

type Row = (String, String, i64, i64, i64, i64);

fn rule((name, definition, enabled, switched, on_transformed, managed): Row) -> InsightRule {
    InsightRule {
        name,
        definition,
        enabled: enabled != 0,
        switched: Timestamp(switched),
        on_transformed_logs: on_transformed != 0,
        managed: managed != 0,
    }
}

impl Catalog {
    /// Makes or replaces a rule; `tags` are kept only when it is new. False when it would be one more than `max` in its scope.
    pub async fn put_insight_rule(
        &self,
        scope: &Scope,
        new: NewInsightRule<'_>,
        arn: &str,
        tags: &BTreeMap<String, String>,
        max: usize,
    ) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let changed = sqlx::query(
            "UPDATE insight_rules SET definition = $4, on_transformed_logs = COALESCE($5, on_transformed_logs), \
             switched_ms = CASE WHEN enabled = COALESCE($6, enabled) THEN switched_ms ELSE $7 END, \
             enabled = COALESCE($6, enabled) WHERE account = $1 AND region = $2 AND name = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(new.name)
        .bind(new.definition)
        .bind(new.on_transformed_logs.map(i64::from))
        .bind(new.enabled.map(i64::from))
        .bind(new.at.0)
        .execute(&mut *transaction)
        .await?;
        if changed.rows_affected() == 0 {
            let made = sqlx::query(
                "INSERT INTO insight_rules (account, region, name, definition, enabled, switched_ms, on_transformed_logs, \
                 managed) SELECT $1, $2, $3, $4, $5, $6, $7, $8 \
                 WHERE (SELECT COUNT(*) FROM insight_rules WHERE account = $1 AND region = $2) < $9",
            )
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(new.name)
            .bind(new.definition)
            .bind(i64::from(new.enabled.unwrap_or(true)))
            .bind(new.at.0)
            .bind(i64::from(new.on_transformed_logs.unwrap_or(false)))
            .bind(i64::from(new.managed))
            .bind(i64::try_from(max).unwrap_or(i64::MAX))
            .execute(&mut *transaction)
            .await?;
            if made.rows_affected() == 0 {
                return Ok(false);
            }
            insert_tags(&mut transaction, arn, tags).await?;
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// The rule of this name.
    pub async fn insight_rule(&self, scope: &Scope, name: &str) -> Result<Option<InsightRule>> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT name, definition, enabled, switched_ms, on_transformed_logs, managed FROM insight_rules \
             WHERE account = $1 AND region = $2 AND name = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(name)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(rule))
    }

    /// Up to `limit` rules whose names follow `after`, by name in byte order.
    pub async fn insight_rules(&self, scope: &Scope, after: &str, limit: usize) -> Result<Vec<InsightRule>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT name, definition, enabled, switched_ms, on_transformed_logs, managed FROM insight_rules \
             WHERE account = $1 AND region = $2 AND name > $3 ORDER BY name LIMIT $4",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(rule).collect())
    }

    /// Enables or disables a rule. False when there is none of this name.
    pub async fn switch_insight_rule(&self, scope: &Scope, name: &str, enabled: bool, at: Timestamp) -> Result<bool> {
        let changed = sqlx::query(
            "UPDATE insight_rules SET switched_ms = CASE WHEN enabled = $4 THEN switched_ms ELSE $5 END, enabled = $4 \
             WHERE account = $1 AND region = $2 AND name = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(name)
        .bind(i64::from(enabled))
        .bind(at.0)
        .execute(&self.pool)
        .await?;
        Ok(changed.rows_affected() > 0)
    }

    /// Deletes a rule with its tags. False when there is none of this name.
    pub async fn delete_insight_rule(&self, scope: &Scope, name: &str, arn: &str) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let gone = sqlx::query("DELETE FROM insight_rules WHERE account = $1 AND region = $2 AND name = $3")
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
