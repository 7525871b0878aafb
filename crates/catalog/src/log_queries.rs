//! Queries of Logs Insights that were started in the last days, with their answers.

use crate::truth::Truth;
use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use sqlx::FromRow;

#[cfg(test)]
mod tests;

/// A query.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct LogQuery {
    /// Unique; made by the server.
    pub id: String,
    /// Its text.
    pub expression: String,
    /// `CWLI`, `SQL` or `PPL`.
    pub language: String,
    /// Names of the groups that were asked, as JSON of `watch`'s making.
    pub log_groups: String,
    /// ARN of who started it.
    pub user_identity: String,
    /// Whether it shows what data protection masks.
    #[sqlx(try_from = "Truth")]
    pub unmasks: bool,
    /// `Running` until it ends, then how it did.
    pub status: String,
    /// The managed scheduled query of the log alarm that asks, or `backtest`; `None` when a client does.
    pub asked_for: Option<String>,
    /// When it was started, milliseconds.
    pub created_ms: i64,
    /// When it ended, milliseconds.
    pub ended_ms: Option<i64>,
    /// What it looked at, as JSON of `watch`'s making; once it has ended.
    pub statistics: Option<String>,
}

/// How a query ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogQueryEnd {
    /// `Complete`, `Failed`, `Cancelled` or `Timeout`.
    pub status: &'static str,
    /// When.
    pub at: Timestamp,
    /// What it looked at, as JSON.
    pub statistics: String,
    /// Its answer, where there is one, as text of `watch`'s making.
    pub answer: Option<String>,
}

/// Which queries that have ended are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogQueriesKept {
    /// Those that were started since then.
    pub since: Timestamp,
    /// The newest whose answers take no more bytes than this.
    pub bytes_max: usize,
    /// The same of those that alarms asked, which take nothing from clients.
    pub alarms_bytes_max: usize,
    /// The newest of each alarm.
    pub of_each_alarm: usize,
}

const COLUMNS: &str = "id, expression, language, log_groups, user_identity, CASE WHEN unmasks THEN 1 ELSE 0 END AS unmasks, asked_for, status, \
     created_ms, ended_ms, statistics";

impl Catalog {
    /// Enters a query that begins.
    pub async fn begin_log_query(&self, scope: &Scope, query: &LogQuery) -> Result<()> {
        sqlx::query(
            "INSERT INTO log_queries (id, account, region, expression, language, log_groups, user_identity, status, \
             created_ms, unmasks, asked_for, answer_bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 0)",
        )
        .bind(&query.id)
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&query.expression)
        .bind(&query.language)
        .bind(&query.log_groups)
        .bind(&query.user_identity)
        .bind(&query.status)
        .bind(query.created_ms)
        .bind(query.unmasks)
        .bind(&query.asked_for)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Says how a query ended, unless it has ended before.
    pub async fn end_log_query(&self, id: &str, end: LogQueryEnd) -> Result<()> {
        let bytes = end.answer.as_ref().map_or(0, String::len) as i64;
        sqlx::query(
            "UPDATE log_queries SET status = $2, ended_ms = $3, statistics = $4, answer = $5, answer_bytes = $6 \
             WHERE id = $1 AND ended_ms IS NULL",
        )
        .bind(id)
        .bind(end.status)
        .bind(end.at.0)
        .bind(end.statistics)
        .bind(end.answer)
        .bind(bytes)
        .execute(&self.pool)
        .await?;
        Ok(())
    }

    /// Ends every query that a stop of the server has cut off.
    pub async fn fail_log_queries(&self, now: Timestamp) -> Result<()> {
        sqlx::query("UPDATE log_queries SET status = 'Failed', ended_ms = $1 WHERE ended_ms IS NULL")
            .bind(now.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// The query of this id.
    pub async fn log_query(&self, scope: &Scope, id: &str) -> Result<Option<LogQuery>> {
        let sql = format!("SELECT {COLUMNS} FROM log_queries WHERE account = $1 AND region = $2 AND id = $3");
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&scope.account).bind(&scope.region).bind(id);
        Ok(query.fetch_optional(&self.pool).await?)
    }

    /// The answer of a query that has one.
    pub async fn log_query_answer(&self, scope: &Scope, id: &str) -> Result<Option<String>> {
        let row: Option<(Option<String>,)> =
            sqlx::query_as("SELECT answer FROM log_queries WHERE account = $1 AND region = $2 AND id = $3")
                .bind(&scope.account)
                .bind(&scope.region)
                .bind(id)
                .fetch_optional(&self.pool)
                .await?;
        Ok(row.and_then(|(answer,)| answer))
    }

    /// Up to `limit` queries of clients that were started before those of `before` (time in milliseconds, id), the latest first.
    pub async fn log_queries(&self, scope: &Scope, before: (i64, &str), limit: usize) -> Result<Vec<LogQuery>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM log_queries WHERE account = $1 AND region = $2 \
             AND asked_for IS NULL AND (created_ms < $3 OR (created_ms = $3 AND id < $4)) ORDER BY created_ms DESC, id DESC LIMIT $5"
        );
        let query = sqlx::query_as(sqlx::AssertSqlSafe(sql)).bind(&scope.account).bind(&scope.region);
        let query = query.bind(before.0).bind(before.1).bind(i64::try_from(limit).unwrap_or(i64::MAX));
        Ok(query.fetch_all(&self.pool).await?)
    }

    /// Forgets what `keep` does not.
    pub async fn expire_log_queries(&self, keep: &LogQueriesKept) -> Result<()> {
        sqlx::query("DELETE FROM log_queries WHERE created_ms < $1 AND ended_ms IS NOT NULL")
            .bind(keep.since.0)
            .execute(&self.pool)
            .await?;
        sqlx::query(
            "DELETE FROM log_queries WHERE ended_ms IS NOT NULL AND id IN (SELECT id FROM (SELECT id, ROW_NUMBER() OVER \
             (PARTITION BY account, region, asked_for ORDER BY created_ms DESC, id DESC) AS place FROM log_queries \
             WHERE asked_for IS NOT NULL) AS newest WHERE place > $1)",
        )
        .bind(count(keep.of_each_alarm))
        .execute(&self.pool)
        .await?;
        sqlx::query(
            "DELETE FROM log_queries WHERE id IN (SELECT id FROM (SELECT id, answer_bytes, asked_for, SUM(answer_bytes) OVER \
             (PARTITION BY asked_for IS NULL ORDER BY created_ms DESC, id DESC) AS held FROM log_queries) AS kept \
             WHERE held > CASE WHEN asked_for IS NULL THEN $1 ELSE $2 END AND answer_bytes > 0)",
        )
        .bind(count(keep.bytes_max))
        .bind(count(keep.alarms_bytes_max))
        .execute(&self.pool)
        .await?;
        Ok(())
    }
}

fn count(most: usize) -> i64 {
    i64::try_from(most).unwrap_or(i64::MAX)
}
