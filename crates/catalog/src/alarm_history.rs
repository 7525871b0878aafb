//! Alarm history: what happened to alarms, kept after they are gone, newest or oldest first.

use crate::alarms::kind;
use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use sqlx::{QueryBuilder, Sqlite, SqliteConnection};

/// One line of an alarm's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmHistoryItem {
    /// The alarm's name.
    pub alarm_name: String,
    /// `ConfigurationUpdate`, `StateUpdate` or `Action`.
    pub item_type: String,
    /// When it happened.
    pub at: Timestamp,
    /// One sentence.
    pub summary: String,
    /// JSON.
    pub data: String,
    /// Whether the alarm is a composite one.
    pub composite: bool,
}

/// Which items to list; absent fields do not filter.
#[derive(Debug, Clone, Default)]
pub struct AlarmHistoryFilter {
    /// Items of this alarm.
    pub alarm_name: Option<String>,
    /// Only items of composite alarms, or only of others.
    pub composite: Option<bool>,
    /// Items of this type.
    pub item_type: Option<String>,
    /// Items at or after this time.
    pub start: Option<Timestamp>,
    /// Items at or before this time.
    pub end: Option<Timestamp>,
    /// Oldest first instead of newest first.
    pub ascending: bool,
    /// Items strictly beyond this (time, sequence) in the order asked for: where the last page ended.
    pub after: Option<(Timestamp, i64)>,
}

#[derive(sqlx::FromRow)]
struct HistoryRow {
    sequence: i64,
    alarm_name: String,
    item_type: String,
    at_ms: i64,
    summary: String,
    data: String,
    kind: String,
}

/// Writes items within the transaction that makes the change they tell of.
pub(crate) async fn insert_history(
    connection: &mut SqliteConnection,
    scope: &Scope,
    items: &[AlarmHistoryItem],
) -> Result<()> {
    for item in items {
        let (sequence,): (i64,) = sqlx::query_as(
            "INSERT INTO sequences (name, next_value) VALUES ('alarm_history', 1) \
             ON CONFLICT (name) DO UPDATE SET next_value = sequences.next_value + 1 RETURNING next_value",
        )
        .fetch_one(&mut *connection)
        .await?;
        sqlx::query(
            "INSERT INTO alarm_history (sequence, account, region, alarm_name, item_type, at_ms, summary, data, kind) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        )
        .bind(sequence)
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&item.alarm_name)
        .bind(&item.item_type)
        .bind(item.at.0)
        .bind(&item.summary)
        .bind(&item.data)
        .bind(kind(item.composite))
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

impl Catalog {
    /// Up to `limit` items with their sequence numbers, in the order that `filter` asks for.
    pub async fn alarm_history(
        &self,
        scope: &Scope,
        filter: &AlarmHistoryFilter,
        limit: usize,
    ) -> Result<Vec<(i64, AlarmHistoryItem)>> {
        let mut sql = QueryBuilder::<Sqlite>::new(
            "SELECT sequence, alarm_name, item_type, at_ms, summary, data, kind FROM alarm_history WHERE account = ",
        );
        sql.push_bind(scope.account.clone()).push(" AND region = ").push_bind(scope.region.clone());
        if let Some(name) = &filter.alarm_name {
            sql.push(" AND alarm_name = ").push_bind(name.clone());
        }
        if let Some(composite) = filter.composite {
            sql.push(" AND kind = ").push_bind(kind(composite));
        }
        if let Some(item_type) = &filter.item_type {
            sql.push(" AND item_type = ").push_bind(item_type.clone());
        }
        if let Some(start) = filter.start {
            sql.push(" AND at_ms >= ").push_bind(start.0);
        }
        if let Some(end) = filter.end {
            sql.push(" AND at_ms <= ").push_bind(end.0);
        }
        let (beyond, order) = if filter.ascending { (" > (", "ASC") } else { (" < (", "DESC") };
        if let Some((at, sequence)) = filter.after {
            sql.push(" AND (at_ms, sequence)").push(beyond).push_bind(at.0).push(", ").push_bind(sequence).push(")");
        }
        sql.push(" ORDER BY at_ms ").push(order).push(", sequence ").push(order);
        sql.push(" LIMIT ").push_bind(i64::try_from(limit).unwrap_or(i64::MAX));
        let rows: Vec<HistoryRow> = sql.build_query_as().fetch_all(&self.pool).await?;
        Ok(rows.into_iter().map(|row| (row.sequence, row.into())).collect())
    }

    /// Forgets items older than `before`; answers how many.
    pub async fn expire_alarm_history(&self, before: Timestamp) -> Result<u64> {
        let gone = sqlx::query("DELETE FROM alarm_history WHERE at_ms < $1").bind(before.0).execute(&self.pool).await?;
        Ok(gone.rows_affected())
    }
}

impl From<HistoryRow> for AlarmHistoryItem {
    fn from(row: HistoryRow) -> Self {
        Self {
            alarm_name: row.alarm_name,
            item_type: row.item_type,
            at: Timestamp(row.at_ms),
            summary: row.summary,
            data: row.data,
            composite: row.kind == kind(true),
        }
    }
}
