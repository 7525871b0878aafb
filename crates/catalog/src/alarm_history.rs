//! Alarm history: what happened to alarms, kept after they are gone, newest or oldest first.

use crate::alarm_configuration::AlarmKind;
use crate::pool::Connection;
use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use sqlx::{Any, QueryBuilder};
use std::collections::BTreeMap;

/// One line of an alarm's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmHistoryItem {
    /// The alarm's name.
    pub alarm_name: String,
    /// `ConfigurationUpdate`, `StateUpdate`, `Action`, `AlarmContributorStateUpdate` or `AlarmContributorAction`.
    pub item_type: String,
    /// When it happened.
    pub at: Timestamp,
    /// One sentence.
    pub summary: String,
    /// JSON.
    pub data: String,
    /// What kind of alarm it is.
    pub kind: AlarmKind,
    /// Which of the alarm's time series it is about; absent when it is about the whole alarm.
    pub contributor: Option<HistoryContributor>,
}

/// A contributor as history tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistoryContributor {
    /// 16 hexadecimal digits.
    pub id: String,
    /// What makes it this one.
    pub attributes: BTreeMap<String, String>,
}

/// Which items to list; absent fields do not filter.
#[derive(Debug, Clone, Default)]
pub struct AlarmHistoryFilter {
    /// Items of this alarm.
    pub alarm_name: Option<String>,
    /// Items of alarms of these kinds; empty for all.
    pub kinds: Vec<AlarmKind>,
    /// Items about this contributor.
    pub contributor_id: Option<String>,
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
    contributor_id: Option<String>,
    contributor_attributes: Option<String>,
}

/// Writes items within the transaction that makes the change they tell of.
pub(crate) async fn insert_history(
    connection: &mut Connection,
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
        let attributes = item.contributor.as_ref().map(|contributor| serde_json::to_string(&contributor.attributes));
        let attributes = attributes.transpose()?;
        sqlx::query(
            "INSERT INTO alarm_history (sequence, account, region, alarm_name, item_type, at_ms, summary, data, kind, \
             contributor_id, contributor_attributes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
        )
        .bind(sequence)
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(&item.alarm_name)
        .bind(&item.item_type)
        .bind(item.at.0)
        .bind(&item.summary)
        .bind(&item.data)
        .bind(item.kind.word())
        .bind(item.contributor.as_ref().map(|contributor| &contributor.id))
        .bind(attributes)
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
        let mut sql = QueryBuilder::<Any>::new(
            "SELECT sequence, alarm_name, item_type, at_ms, summary, data, kind, contributor_id, contributor_attributes \
             FROM alarm_history WHERE account = ",
        );
        sql.push_bind(scope.account.clone()).push(" AND region = ").push_bind(scope.region.clone());
        if let Some(name) = &filter.alarm_name {
            sql.push(" AND alarm_name = ").push_bind(name.clone());
        }
        push_kinds(&mut sql, &filter.kinds);
        if let Some(id) = &filter.contributor_id {
            sql.push(" AND contributor_id = ").push_bind(id.clone());
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

/// Only rows of these kinds; of all when there are none.
pub(crate) fn push_kinds(sql: &mut QueryBuilder<Any>, kinds: &[AlarmKind]) {
    if kinds.is_empty() {
        return;
    }
    sql.push(" AND kind IN (");
    let mut list = sql.separated(", ");
    for kind in kinds {
        list.push_bind(kind.word());
    }
    sql.push(")");
}

impl From<HistoryRow> for AlarmHistoryItem {
    fn from(row: HistoryRow) -> Self {
        let attributes = row.contributor_attributes.and_then(|text| serde_json::from_str(&text).ok());
        Self {
            kind: AlarmKind::of_word(&row.kind),
            contributor: row
                .contributor_id
                .map(|id| HistoryContributor { id, attributes: attributes.unwrap_or_default() }),
            alarm_name: row.alarm_name,
            item_type: row.item_type,
            at: Timestamp(row.at_ms),
            summary: row.summary,
            data: row.data,
        }
    }
}
