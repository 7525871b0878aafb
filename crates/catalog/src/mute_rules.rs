//! Alarm mute rules, and the alarms that they are about.

use crate::mute_rule_versions::{begin_version, end_version};
use crate::pool::Connection;
use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use std::collections::BTreeMap;

/// A mute rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MuteRule {
    /// Unique in the scope.
    pub name: String,
    /// What the client put, as JSON of `watch`'s making.
    pub document: String,
    /// When it was last put.
    pub updated: Timestamp,
}

type Row = (String, String, i64);

fn rule((name, document, updated): Row) -> MuteRule {
    MuteRule { name, document, updated: Timestamp(updated) }
}

impl Catalog {
    /// Makes or replaces a rule about `alarms`; `tags` are kept only when it is new. The alarms that it is or was about become
    /// due, for it may mute them no longer.
    pub async fn put_mute_rule(
        &self,
        scope: &Scope,
        rule: &MuteRule,
        alarms: &[String],
        arn: &str,
        tags: &BTreeMap<String, String>,
    ) -> Result<()> {
        let mut transaction = self.pool.begin().await?;
        let made = sqlx::query(
            "INSERT INTO mute_rules (account, region, name, document, updated_ms) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (account, region, name) DO NOTHING",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&rule.name)
        .bind(&rule.document)
        .bind(rule.updated.0)
        .execute(&mut *transaction)
        .await?;
        if made.rows_affected() == 0 {
            targets_due(&mut transaction, scope, &rule.name, rule.updated).await?;
            sqlx::query(
                "UPDATE mute_rules SET document = $4, updated_ms = $5 WHERE account = $1 AND region = $2 AND name = $3",
            )
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(&rule.name)
            .bind(&rule.document)
            .bind(rule.updated.0)
            .execute(&mut *transaction)
            .await?;
            delete_targets(&mut transaction, scope, &rule.name).await?;
        } else {
            for (key, value) in tags {
                sqlx::query("INSERT INTO tags (resource_arn, tag_key, tag_value) VALUES ($1, $2, $3)")
                    .bind(arn)
                    .bind(key)
                    .bind(value)
                    .execute(&mut *transaction)
                    .await?;
            }
        }
        for alarm in alarms {
            sqlx::query(
                "INSERT INTO mute_targets (account, region, rule, alarm) VALUES ($1, $2, $3, $4) \
                 ON CONFLICT (account, region, rule, alarm) DO NOTHING",
            )
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(&rule.name)
            .bind(alarm)
            .execute(&mut *transaction)
            .await?;
        }
        targets_due(&mut transaction, scope, &rule.name, rule.updated).await?;
        begin_version(&mut transaction, scope, rule, alarms).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// The rule of this name.
    pub async fn mute_rule(&self, scope: &Scope, name: &str) -> Result<Option<MuteRule>> {
        let row: Option<Row> = sqlx::query_as(
            "SELECT name, document, updated_ms FROM mute_rules WHERE account = $1 AND region = $2 AND name = $3",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(name)
        .fetch_optional(&self.pool)
        .await?;
        Ok(row.map(rule))
    }

    /// Up to `limit` rules after the one named `after`, by name.
    pub async fn mute_rules(&self, scope: &Scope, after: &str, limit: usize) -> Result<Vec<MuteRule>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT name, document, updated_ms FROM mute_rules WHERE account = $1 AND region = $2 AND name > $3 \
             ORDER BY name LIMIT $4",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(after)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(rule).collect())
    }

    /// The rules about an alarm, by name.
    pub async fn mute_rules_of_alarm(&self, scope: &Scope, alarm: &str) -> Result<Vec<MuteRule>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT r.name, r.document, r.updated_ms FROM mute_targets t JOIN mute_rules r \
             ON r.account = t.account AND r.region = t.region AND r.name = t.rule \
             WHERE t.account = $1 AND t.region = $2 AND t.alarm = $3 ORDER BY r.name",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(alarm)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(rule).collect())
    }

    /// Deletes a rule with its tags, and makes the alarms that it was about due. False when there is none.
    pub async fn delete_mute_rule(&self, scope: &Scope, name: &str, arn: &str, at: Timestamp) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let deleted = sqlx::query("DELETE FROM mute_rules WHERE account = $1 AND region = $2 AND name = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        targets_due(&mut transaction, scope, name, at).await?;
        end_version(&mut transaction, scope, name, at).await?;
        delete_targets(&mut transaction, scope, name).await?;
        sqlx::query("DELETE FROM tags WHERE resource_arn = $1").bind(arn).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(deleted.rows_affected() > 0)
    }
}

async fn targets_due(connection: &mut Connection, scope: &Scope, rule: &str, at: Timestamp) -> Result<()> {
    sqlx::query(
        "UPDATE alarms SET due_ms = $4 WHERE account = $1 AND region = $2 AND name IN \
         (SELECT alarm FROM mute_targets WHERE account = $1 AND region = $2 AND rule = $3)",
    )
    .bind(&scope.account)
    .bind(&scope.region)
    .bind(rule)
    .bind(at.0)
    .execute(connection)
    .await?;
    Ok(())
}

async fn delete_targets(connection: &mut Connection, scope: &Scope, rule: &str) -> Result<()> {
    sqlx::query("DELETE FROM mute_targets WHERE account = $1 AND region = $2 AND rule = $3")
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(rule)
        .execute(connection)
        .await?;
    Ok(())
}
