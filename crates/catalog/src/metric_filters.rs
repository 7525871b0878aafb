//! Metric filters: which events of a log group count for which metric.

use crate::pool::Connection;
use crate::{Catalog, Result};
use model::{GroupId, Scope, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::{FromRow, Row as _};
use std::collections::BTreeMap;

/// Where a metric filter takes its datapoints from, and what else PutMetricFilter said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricTransformation {
    /// A number, or a field of the events.
    pub value: String,
    /// What is reported where events came in and none matched.
    pub default_value: Option<f64>,
    /// Fields of the events by name of the dimension.
    pub dimensions: Option<BTreeMap<String, String>>,
    /// The unit of the values.
    pub unit: Option<String>,
    /// Whether it wants events as transformers leave them.
    pub on_transformed_logs: Option<bool>,
    /// Which events count, by their system fields.
    pub field_selection: Option<String>,
    /// The system fields that are dimensions besides.
    pub system_dimensions: Option<Vec<String>>,
}

/// A metric filter as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct LogMetricFilter {
    /// Never used again, not even when the filter is put anew.
    pub id: u64,
    /// The name of its log group.
    pub group_name: String,
    /// Unique in the group.
    pub name: String,
    /// Which events match.
    pub pattern: String,
    /// The namespace of its metric.
    pub metric_namespace: String,
    /// The name of its metric.
    pub metric_name: String,
    /// All else.
    pub transformation: MetricTransformation,
    /// When it was first put.
    pub created: Timestamp,
    /// When it was switched off because it made too many metrics; putting it anew switches it on.
    pub disabled: Option<Timestamp>,
}

/// What PutMetricFilter said.
#[derive(Debug, Clone, Copy)]
pub struct NewLogMetricFilter<'a> {
    /// Unique in the group.
    pub name: &'a str,
    /// Which events match.
    pub pattern: &'a str,
    /// Whether a regular expression is in the pattern.
    pub has_regex: bool,
    /// The namespace of its metric.
    pub metric_namespace: &'a str,
    /// The name of its metric.
    pub metric_name: &'a str,
    /// All else.
    pub transformation: &'a MetricTransformation,
    /// The time of the call.
    pub at: Timestamp,
}

/// Most filters of one kind that a log group has.
#[derive(Debug, Clone, Copy)]
pub struct FilterLimits {
    /// In all.
    pub filters: usize,
    /// With a regular expression, metric and subscription filters together.
    pub with_regex: usize,
}

/// What became of a request to put a metric filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricFilterPut {
    /// It holds for events that come from now on.
    Done,
    /// There is no such group.
    NoGroup,
    /// The group has as many as it may have.
    TooMany,
    /// The group has as many filters with a regular expression as it may have.
    TooManyWithRegex,
}

/// What became of a request to delete a metric filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MetricFilterDeletion {
    /// It is gone.
    Deleted,
    /// There is no such group.
    NoGroup,
    /// The group has no such filter.
    NoFilter,
}

/// Which metric filters to list; what is `None` does not restrict.
#[derive(Debug, Clone, Copy, Default)]
pub struct MetricFilterQuery<'a> {
    /// Of this group.
    pub group: Option<GroupId>,
    /// Whose name begins so.
    pub prefix: &'a str,
    /// Of this metric: namespace and name.
    pub metric: Option<(&'a str, &'a str)>,
    /// After these names of filter and group.
    pub after: Option<(&'a str, &'a str)>,
}

#[derive(FromRow)]
struct Row {
    id: i64,
    group_name: String,
    name: String,
    pattern: String,
    metric_namespace: String,
    metric_name: String,
    configuration: String,
    created_ms: i64,
    disabled_ms: Option<i64>,
}

const COLUMNS: &str = "f.id, g.name AS group_name, f.name, f.pattern, f.metric_namespace, f.metric_name, \
                       f.configuration, f.created_ms, f.disabled_ms";

impl TryFrom<Row> for LogMetricFilter {
    type Error = crate::Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            id: row.id as u64,
            group_name: row.group_name,
            name: row.name,
            pattern: row.pattern,
            metric_namespace: row.metric_namespace,
            metric_name: row.metric_name,
            transformation: serde_json::from_str(&row.configuration)?,
            created: Timestamp(row.created_ms),
            disabled: row.disabled_ms.map(Timestamp),
        })
    }
}

impl Catalog {
    /// Makes or replaces a metric filter of a log group.
    pub async fn put_metric_filter(
        &self,
        scope: &Scope,
        group_name: &str,
        new: NewLogMetricFilter<'_>,
        limits: FilterLimits,
    ) -> Result<MetricFilterPut> {
        let change = self.log_ids.change(scope, group_name);
        let mut transaction = self.pool.begin().await?;
        let id = Self::next_id(&mut transaction, "metric_filters").await?;
        // The counts are those of the other filters: one that is replaced makes room.
        let group: Option<(i64, i64, i64)> = sqlx::query_as(
            "SELECT g.id, COUNT(f.id), COUNT(CASE WHEN f.has_regex = 1 THEN 1 END) + \
             (SELECT COUNT(*) FROM subscription_filters s WHERE s.group_id = g.id AND s.has_regex = 1) FROM log_groups g \
             LEFT JOIN metric_filters f ON f.group_id = g.id AND f.name <> $4 \
             WHERE g.account = $1 AND g.region = $2 AND g.name = $3 GROUP BY g.id",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(group_name)
        .bind(new.name)
        .fetch_optional(&mut *transaction)
        .await?;
        let Some((group, others, others_with_regex)) = group else { return Ok(MetricFilterPut::NoGroup) };
        if usize::try_from(others).is_ok_and(|count| count >= limits.filters) {
            return Ok(MetricFilterPut::TooMany);
        }
        if new.has_regex && usize::try_from(others_with_regex).is_ok_and(|count| count >= limits.with_regex) {
            return Ok(MetricFilterPut::TooManyWithRegex);
        }
        write(&mut transaction, group, id, &new).await?;
        change.settle(transaction.commit()).await?;
        Ok(MetricFilterPut::Done)
    }

    /// Deletes a metric filter of a log group.
    pub async fn delete_metric_filter(
        &self,
        scope: &Scope,
        group_name: &str,
        name: &str,
    ) -> Result<MetricFilterDeletion> {
        let change = self.log_ids.change(scope, group_name);
        let mut transaction = self.pool.begin().await?;
        let version = Self::next_id(&mut transaction, "metric_filters").await?;
        let group: Option<(i64,)> =
            sqlx::query_as("SELECT id FROM log_groups WHERE account = $1 AND region = $2 AND name = $3")
                .bind(&scope.account)
                .bind(&scope.region)
                .bind(group_name)
                .fetch_optional(&mut *transaction)
                .await?;
        let Some((group,)) = group else { return Ok(MetricFilterDeletion::NoGroup) };
        let gone = sqlx::query("DELETE FROM metric_filters WHERE group_id = $1 AND name = $2")
            .bind(group)
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        if gone.rows_affected() == 0 {
            return Ok(MetricFilterDeletion::NoFilter);
        }
        sqlx::query(
            "UPDATE log_groups SET metric_filters_version = \
             CASE WHEN EXISTS (SELECT 1 FROM metric_filters WHERE group_id = $1) THEN $2 ELSE 0 END WHERE id = $1",
        )
        .bind(group)
        .bind(version)
        .execute(&mut *transaction)
        .await?;
        change.settle(transaction.commit()).await?;
        Ok(MetricFilterDeletion::Deleted)
    }

    /// Up to `limit` metric filters of a scope, by their names and those of their groups, in byte order.
    pub async fn list_metric_filters(
        &self,
        scope: &Scope,
        query: MetricFilterQuery<'_>,
        limit: usize,
    ) -> Result<Vec<LogMetricFilter>> {
        let sql = format!(
            "SELECT {COLUMNS} FROM metric_filters f JOIN log_groups g ON g.id = f.group_id \
             WHERE g.account = $1 AND g.region = $2 AND ($3 IS NULL OR f.group_id = $3) \
             AND f.name >= $4 AND substr(f.name, 1, $5) = $4 \
             AND ($6 IS NULL OR (f.metric_namespace = $6 AND f.metric_name = $7)) \
             AND ($8 IS NULL OR (f.name, g.name) > ($8, $9)) ORDER BY f.name, g.name LIMIT $10"
        );
        let rows: Vec<Row> = sqlx::query_as(sqlx::AssertSqlSafe(sql))
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(query.group.map(|group| group.0 as i64))
            .bind(query.prefix)
            .bind(query.prefix.chars().count() as i64)
            .bind(query.metric.map(|(namespace, _)| namespace))
            .bind(query.metric.map(|(_, name)| name))
            .bind(query.after.map(|(name, _)| name))
            .bind(query.after.map(|(_, group)| group))
            .bind(i64::try_from(limit).unwrap_or(i64::MAX))
            .fetch_all(&self.pool)
            .await?;
        rows.into_iter().map(LogMetricFilter::try_from).collect()
    }

    /// All metric filters of a group, with the version that `LogTarget` tells when they are these.
    pub async fn metric_filters_of(&self, group: GroupId) -> Result<(u64, Vec<LogMetricFilter>)> {
        // One statement sees one state, and waits for no writer: ingestion asks for this.
        let sql = format!(
            "SELECT g.metric_filters_version, {COLUMNS} FROM log_groups g LEFT JOIN metric_filters f ON f.group_id = g.id \
             WHERE g.id = $1 ORDER BY f.name"
        );
        let rows = sqlx::query(sqlx::AssertSqlSafe(sql)).bind(group.0 as i64).fetch_all(&self.pool).await?;
        let (mut version, mut filters) = (0, Vec::with_capacity(rows.len()));
        for row in &rows {
            version = row.try_get::<i64, _>("metric_filters_version")? as u64;
            // A group without filters is a row without one.
            if row.try_get::<Option<i64>, _>("id")?.is_some() {
                filters.push(Row::from_row(row)?.try_into()?);
            }
        }
        Ok((version, filters))
    }

    /// Notes that a filter made too many metrics. Nothing changes when it has been put anew meanwhile.
    pub async fn disable_metric_filter(&self, group: GroupId, id: u64, at: Timestamp) -> Result<()> {
        sqlx::query("UPDATE metric_filters SET disabled_ms = $3 WHERE group_id = $1 AND id = $2")
            .bind(group.0 as i64)
            .bind(id as i64)
            .bind(at.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

/// Writes the filter with this id, over one of its name, and makes the id the version of its group.
async fn write(connection: &mut Connection, group: i64, id: i64, new: &NewLogMetricFilter<'_>) -> Result<()> {
    sqlx::query(
        "INSERT INTO metric_filters (group_id, name, id, pattern, has_regex, metric_namespace, metric_name, \
         configuration, created_ms, disabled_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, NULL) \
         ON CONFLICT (group_id, name) DO UPDATE SET id = excluded.id, pattern = excluded.pattern, \
         has_regex = excluded.has_regex, metric_namespace = excluded.metric_namespace, \
         metric_name = excluded.metric_name, configuration = excluded.configuration, disabled_ms = NULL",
    )
    .bind(group)
    .bind(new.name)
    .bind(id)
    .bind(new.pattern)
    .bind(i64::from(new.has_regex))
    .bind(new.metric_namespace)
    .bind(new.metric_name)
    .bind(serde_json::to_string(new.transformation)?)
    .bind(new.at.0)
    .execute(&mut *connection)
    .await?;
    sqlx::query("UPDATE log_groups SET metric_filters_version = $2 WHERE id = $1")
        .bind(group)
        .bind(id)
        .execute(&mut *connection)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests;
