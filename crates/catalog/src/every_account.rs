//! Names and histories over all accounts and regions: what a query over all records asks for.

use crate::truth::Truth;
use crate::{AlarmHistoryItem, AlarmKind, Catalog, Result};
use model::{GroupId, Scope, StreamId, TimeRange, Timestamp};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, FromRow};
use std::collections::HashMap;
use std::path::Path;

/// More groups than this, and the streams of all groups are read at once instead of group by group.
const GROUPS_ASKED_SINGLY: usize = 64;

/// A log stream with all that it is called.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct EveryLogStream {
    /// Id of its group.
    pub group_id: i64,
    /// Its id.
    pub stream_id: i64,
    /// Account of the group.
    pub account: String,
    /// Region of the group.
    pub region: String,
    /// Name of the group.
    pub log_group: String,
    /// Its name.
    pub log_stream: String,
}

#[derive(FromRow)]
struct HistoryRow {
    sequence: i64,
    account: String,
    region: String,
    alarm_name: String,
    item_type: String,
    at_ms: i64,
    summary: String,
    data: String,
    kind: String,
}

impl Catalog {
    /// Ids and names of every log stream in the catalog at `path`, open or not, whose schema may be another version's; writes nothing.
    pub async fn log_streams_at(path: &Path) -> Result<Vec<EveryLogStream>> {
        let mut connection = SqliteConnectOptions::new().filename(path).read_only(true).connect().await?;
        let rows = sqlx::query_as(
            "SELECT g.id AS group_id, s.id AS stream_id, g.account, g.region, g.name AS log_group, s.name AS log_stream \
             FROM log_groups g JOIN log_streams s ON s.group_id = g.id",
        );
        Ok(rows.fetch_all(&mut connection).await?)
    }

    /// Id, scope and name of every log group.
    pub async fn every_log_group(&self) -> Result<Vec<(GroupId, Scope, String)>> {
        let rows: Vec<(i64, String, String, String)> =
            sqlx::query_as("SELECT id, account, region, name FROM log_groups").fetch_all(&self.pool).await?;
        let named = |(id, account, region, name)| (GroupId(id as u64), Scope { account, region }, name);
        Ok(rows.into_iter().map(named).collect())
    }

    /// Id of every log group, and whether its events are, or ever were, protected by a policy of its own or of its account.
    pub async fn every_log_group_protected(&self) -> Result<HashMap<GroupId, bool>> {
        let rows: Vec<(i64, Truth)> = sqlx::query_as(
            "SELECT id, id IN (SELECT group_id FROM data_protection_policies) \
             OR EXISTS (SELECT 1 FROM account_policies AS policy WHERE policy.account = log_groups.account \
                AND policy.region = log_groups.region AND policy.type = 'DATA_PROTECTION_POLICY') \
             OR EXISTS (SELECT 1 FROM past_account_policies AS past WHERE past.account = log_groups.account \
                AND past.region = log_groups.region AND past.type = 'DATA_PROTECTION_POLICY') FROM log_groups",
        )
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(|(id, protected)| (GroupId(id as u64), protected.into())).collect())
    }

    /// The greatest id of a log group that exists, 0 when there is none: groups that are made later have greater ones.
    pub async fn newest_log_group(&self) -> Result<GroupId> {
        let (id,): (Option<i64>,) = sqlx::query_as("SELECT MAX(id) FROM log_groups").fetch_one(&self.pool).await?;
        Ok(GroupId(id.unwrap_or(0) as u64))
    }

    /// Id and name of every stream of these groups; of further groups when they are many.
    pub async fn every_log_stream(&self, groups: &[GroupId]) -> Result<Vec<(StreamId, String)>> {
        let mut rows: Vec<(i64, String)> = Vec::new();
        if groups.len() > GROUPS_ASKED_SINGLY {
            rows = sqlx::query_as("SELECT id, name FROM log_streams").fetch_all(&self.pool).await?;
        } else {
            for group in groups {
                let streams = sqlx::query_as("SELECT id, name FROM log_streams WHERE group_id = $1");
                rows.extend(streams.bind(group.0 as i64).fetch_all(&self.pool).await?);
            }
        }
        Ok(rows.into_iter().map(|(id, name)| (StreamId(id as u64), name)).collect())
    }

    /// Up to `limit` lines of alarm history of a time range with their sequence and scope, oldest first.
    pub async fn every_alarm_history(
        &self,
        range: TimeRange,
        limit: usize,
    ) -> Result<Vec<(i64, Scope, AlarmHistoryItem)>> {
        let rows: Vec<HistoryRow> = sqlx::query_as(
            "SELECT sequence, account, region, alarm_name, item_type, at_ms, summary, data, kind FROM alarm_history \
             WHERE at_ms >= $1 AND at_ms < $2 ORDER BY at_ms, sequence LIMIT $3",
        )
        .bind(range.start.0)
        .bind(range.end.0)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .fetch_all(&self.pool)
        .await?;
        let item = |row: HistoryRow| {
            let scope = Scope { account: row.account, region: row.region };
            let item = AlarmHistoryItem {
                alarm_name: row.alarm_name,
                item_type: row.item_type,
                at: Timestamp(row.at_ms),
                summary: row.summary,
                data: row.data,
                kind: AlarmKind::of_word(&row.kind),
                contributor: None,
            };
            (row.sequence, scope, item)
        };
        Ok(rows.into_iter().map(item).collect())
    }
}
