//! What alarm mute rules were before they were changed or deleted, kept as long as the history of alarms.

use crate::mute_rules::MuteRule;
use crate::pool::Connection;
use crate::{Catalog, Result};
use model::{Scope, TimeRange, Timestamp};

/// A rule as it stood for a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MuteRuleVersion {
    /// What the client put, as JSON of `watch`'s making.
    pub document: String,
    /// From when it was put until it was changed or deleted.
    pub during: TimeRange,
}

type Row = (String, i64, Option<i64>);

impl Catalog {
    /// Up to `limit` versions of rules about an alarm that stood at some time within `range`, oldest first.
    pub async fn mute_rule_versions(
        &self,
        scope: &Scope,
        alarm: &str,
        range: TimeRange,
        limit: usize,
    ) -> Result<Vec<MuteRuleVersion>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT v.document, v.from_ms, v.until_ms FROM mute_version_targets t JOIN mute_rule_versions v \
             ON v.account = t.account AND v.region = t.region AND v.name = t.rule AND v.from_ms = t.from_ms \
             WHERE t.account = $1 AND t.region = $2 AND t.alarm = $3 AND v.from_ms < $5 \
             AND (v.until_ms IS NULL OR v.until_ms > $4) ORDER BY v.from_ms, v.name LIMIT $6",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(alarm)
        .bind(range.start.0)
        .bind(range.end.0)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        let version = |(document, from, until): Row| {
            let until = until.map_or(Timestamp::MAX, Timestamp);
            MuteRuleVersion { document, during: TimeRange::new(Timestamp(from), until) }
        };
        Ok(rows.into_iter().map(version).collect())
    }

    /// Forgets what rules were before `before`; answers how many versions.
    pub async fn expire_mute_rule_versions(&self, before: Timestamp) -> Result<u64> {
        let mut transaction = self.pool.begin().await?;
        sqlx::query(
            "DELETE FROM mute_version_targets WHERE EXISTS (SELECT 1 FROM mute_rule_versions v \
             WHERE v.account = mute_version_targets.account AND v.region = mute_version_targets.region \
             AND v.name = mute_version_targets.rule AND v.from_ms = mute_version_targets.from_ms AND v.until_ms < $1)",
        )
        .bind(before.0)
        .execute(&mut *transaction)
        .await?;
        let gone = sqlx::query("DELETE FROM mute_rule_versions WHERE until_ms < $1")
            .bind(before.0)
            .execute(&mut *transaction)
            .await?;
        transaction.commit().await?;
        Ok(gone.rows_affected())
    }
}

/// The rule is this, about `alarms`, from now on.
pub(crate) async fn begin_version(
    connection: &mut Connection,
    scope: &Scope,
    rule: &MuteRule,
    alarms: &[String],
) -> Result<()> {
    end_version(connection, scope, &rule.name, rule.updated).await?;
    // A version that stood for no time says nothing.
    for table in [
        "DELETE FROM mute_rule_versions WHERE account = $1 AND region = $2 AND name = $3 AND from_ms = $4",
        "DELETE FROM mute_version_targets WHERE account = $1 AND region = $2 AND rule = $3 AND from_ms = $4",
    ] {
        sqlx::query(table)
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(&rule.name)
            .bind(rule.updated.0)
            .execute(&mut *connection)
            .await?;
    }
    sqlx::query(
        "INSERT INTO mute_rule_versions (account, region, name, from_ms, document) VALUES ($1, $2, $3, $4, $5)",
    )
    .bind(&scope.account)
    .bind(&scope.region)
    .bind(&rule.name)
    .bind(rule.updated.0)
    .bind(&rule.document)
    .execute(&mut *connection)
    .await?;
    for alarm in alarms {
        sqlx::query(
            "INSERT INTO mute_version_targets (account, region, rule, from_ms, alarm) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (account, region, alarm, rule, from_ms) DO NOTHING",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&rule.name)
        .bind(rule.updated.0)
        .bind(alarm)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// The rule is no more what it was.
pub(crate) async fn end_version(connection: &mut Connection, scope: &Scope, name: &str, at: Timestamp) -> Result<()> {
    sqlx::query(
        "UPDATE mute_rule_versions SET until_ms = $4 WHERE account = $1 AND region = $2 AND name = $3 \
         AND until_ms IS NULL",
    )
    .bind(&scope.account)
    .bind(&scope.region)
    .bind(name)
    .bind(at.0)
    .execute(connection)
    .await?;
    Ok(())
}
