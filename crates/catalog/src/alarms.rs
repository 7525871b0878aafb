//! Metric alarms: configuration, state, and the compare-and-set that changes either together with its history.

use crate::alarm_children::{delete_children, put_children};
use crate::alarm_configuration::{AlarmConfiguration, AlarmKind};
use crate::alarm_history::{AlarmHistoryItem, insert_history, push_kinds};
use crate::alarm_schedule::first_due;
use crate::managed_queries::{ManagedQuery, delete_managed_query, put_managed_query};
use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use sqlx::{Any, QueryBuilder};
use std::collections::BTreeMap;

/// The three states of an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlarmState {
    /// The metric is within the threshold.
    Ok,
    /// The metric breaches the threshold.
    Alarm,
    /// Too few data to say, or not evaluated yet.
    InsufficientData,
}

impl AlarmState {
    /// The state's name in the API: `OK`, `ALARM` or `INSUFFICIENT_DATA`.
    pub fn as_str(self) -> &'static str {
        match self {
            AlarmState::Ok => "OK",
            AlarmState::Alarm => "ALARM",
            AlarmState::InsufficientData => "INSUFFICIENT_DATA",
        }
    }

    /// The state with this name.
    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "OK" => Some(AlarmState::Ok),
            "ALARM" => Some(AlarmState::Alarm),
            "INSUFFICIENT_DATA" => Some(AlarmState::InsufficientData),
            _ => None,
        }
    }
}

/// An alarm as it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Alarm {
    /// Account and region.
    pub scope: Scope,
    /// Unique in the scope.
    pub name: String,
    /// Changes with every change of the alarm.
    pub version: i64,
    /// What it watches and when it fires.
    pub configuration: AlarmConfiguration,
    /// Whether a change of state runs actions.
    pub actions_enabled: bool,
    /// When the configuration was last put.
    pub configuration_updated: Timestamp,
    /// The present state.
    pub state: AlarmState,
    /// Why, for people.
    pub state_reason: String,
    /// Why, as JSON.
    pub state_reason_data: Option<String>,
    /// When state or reason were last set.
    pub state_updated: Timestamp,
    /// When the state last became another one.
    pub state_transitioned: Timestamp,
    /// What evaluation keeps with the alarm from one time to the next, by its kind: JSON, of `watch`'s making.
    pub memory: Option<String>,
}

/// Which alarms to list; absent fields do not filter.
#[derive(Debug, Clone, Default)]
pub struct AlarmFilter {
    /// Exactly these names.
    pub names: Option<Vec<String>>,
    /// Names beginning with this.
    pub name_prefix: Option<String>,
    /// Alarms in this state.
    pub state: Option<AlarmState>,
    /// Alarms of these kinds; empty for all.
    pub kinds: Vec<AlarmKind>,
    /// Alarms with an action ARN, of any state, beginning with this.
    pub action_prefix: Option<String>,
    /// Names after this one, in byte order: where the last page ended.
    pub after: Option<String>,
}

/// A new state and its reason.
#[derive(Debug, Clone, PartialEq)]
pub struct StateChange {
    /// The new state.
    pub state: AlarmState,
    /// Why, for people.
    pub reason: String,
    /// Why, as JSON.
    pub reason_data: Option<String>,
    /// When.
    pub at: Timestamp,
    /// What evaluation is to know next time; `None` leaves what there is.
    pub memory: Option<String>,
    /// When the alarm is to be evaluated again at the latest, if its interval is too long for that.
    pub due: Option<Timestamp>,
}

#[derive(sqlx::FromRow)]
pub(crate) struct AlarmRow {
    account: String,
    region: String,
    name: String,
    version: i64,
    configuration: String,
    actions_enabled: i64,
    configuration_updated_ms: i64,
    state_value: String,
    state_reason: String,
    state_reason_data: Option<String>,
    state_updated_ms: i64,
    state_transitioned_ms: i64,
    memory: Option<String>,
}

/// The columns of `AlarmRow`, as a literal for `concat!`.
macro_rules! columns {
    () => {
        "account, region, name, version, configuration, actions_enabled, configuration_updated_ms, \
         state_value, state_reason, state_reason_data, state_updated_ms, state_transitioned_ms, memory"
    };
}
pub(crate) use columns;

impl TryFrom<AlarmRow> for Alarm {
    type Error = crate::Error;

    fn try_from(row: AlarmRow) -> Result<Self> {
        Ok(Alarm {
            scope: Scope { account: row.account, region: row.region },
            name: row.name,
            version: row.version,
            configuration: serde_json::from_str(&row.configuration)?,
            actions_enabled: row.actions_enabled != 0,
            configuration_updated: Timestamp(row.configuration_updated_ms),
            // Only `as_str` is ever written; an unknown word means "not evaluated yet" and heals at the next evaluation.
            state: AlarmState::parse(&row.state_value).unwrap_or(AlarmState::InsufficientData),
            state_reason: row.state_reason,
            state_reason_data: row.state_reason_data,
            state_updated: Timestamp(row.state_updated_ms),
            state_transitioned: Timestamp(row.state_transitioned_ms),
            memory: row.memory,
        })
    }
}

impl Catalog {
    /// The alarm of this name.
    pub async fn alarm(&self, scope: &Scope, name: &str) -> Result<Option<Alarm>> {
        let row: Option<AlarmRow> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM alarms WHERE account = $1 AND region = $2 AND name = $3"
        ))
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(name)
        .fetch_optional(&self.pool)
        .await?;
        row.map(Alarm::try_from).transpose()
    }

    /// Up to `limit` alarms that pass `filter`, by name in byte order.
    pub async fn alarms(&self, scope: &Scope, filter: &AlarmFilter, limit: usize) -> Result<Vec<Alarm>> {
        let mut found = Vec::new();
        if filter.names.as_ref().is_some_and(Vec::is_empty) {
            return Ok(found);
        }
        let mut after = filter.after.clone();
        loop {
            let page = self.alarms_page(scope, filter, after.as_deref()).await?;
            let Some(last) = page.last() else { return Ok(found) };
            after = Some(last.name.clone());
            for alarm in page {
                if filter.action_prefix.as_deref().is_none_or(|prefix| has_action(&alarm.configuration, prefix)) {
                    found.push(alarm);
                    if found.len() >= limit {
                        return Ok(found);
                    }
                }
            }
        }
    }

    async fn alarms_page(&self, scope: &Scope, filter: &AlarmFilter, after: Option<&str>) -> Result<Vec<Alarm>> {
        let mut sql = QueryBuilder::<Any>::new(concat!("SELECT ", columns!(), " FROM alarms WHERE account = "));
        sql.push_bind(scope.account.clone()).push(" AND region = ").push_bind(scope.region.clone());
        if let Some(names) = &filter.names {
            sql.push(" AND name IN (");
            let mut list = sql.separated(", ");
            for name in names {
                list.push_bind(name.clone());
            }
            sql.push(")");
        }
        if let Some(prefix) = &filter.name_prefix {
            // Not LIKE: it would fold case in SQLite and give `%` a meaning.
            let chars = i64::try_from(prefix.chars().count()).unwrap_or(i64::MAX);
            sql.push(" AND substr(name, 1, ").push_bind(chars).push(") = ").push_bind(prefix.clone());
        }
        if let Some(state) = filter.state {
            sql.push(" AND state_value = ").push_bind(state.as_str());
        }
        push_kinds(&mut sql, &filter.kinds);
        if let Some(after) = after {
            sql.push(" AND name > ").push_bind(after.to_owned());
        }
        sql.push(" ORDER BY name LIMIT 200");
        let rows: Vec<AlarmRow> = sql.build_query_as().fetch_all(&self.pool).await?;
        rows.into_iter().map(Alarm::try_from).collect()
    }

    /// All alarms on one metric, whatever its dimensions, by name.
    pub async fn alarms_of_metric(&self, scope: &Scope, namespace: &str, metric_name: &str) -> Result<Vec<Alarm>> {
        let rows: Vec<AlarmRow> = sqlx::query_as(concat!(
            "SELECT ",
            columns!(),
            " FROM alarms WHERE account = $1 AND region = $2 AND namespace = $3 AND metric_name = $4 ORDER BY name"
        ))
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(namespace)
        .bind(metric_name)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(Alarm::try_from).collect()
    }

    /// Makes a new alarm with its tags, its first history items and the query that is managed for it, due at once; a log alarm at
    /// the next multiple of its interval. False when the name is taken.
    pub async fn create_alarm(
        &self,
        alarm: &Alarm,
        interval_ms: i64,
        history: &[AlarmHistoryItem],
        arn: &str,
        tags: &BTreeMap<String, String>,
        managed: Option<&ManagedQuery>,
    ) -> Result<bool> {
        let configuration = serde_json::to_string(&alarm.configuration)?;
        let mut transaction = self.pool.begin().await?;
        let made = sqlx::query(
            "INSERT INTO alarms (account, region, name, version, configuration, namespace, metric_name, \
             actions_enabled, configuration_updated_ms, state_value, state_reason, state_reason_data, \
             state_updated_ms, state_transitioned_ms, interval_ms, due_ms, kind, memory) \
             VALUES ($1, $2, $3, 1, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) \
             ON CONFLICT (account, region, name) DO NOTHING",
        )
        .bind(&alarm.scope.account)
        .bind(&alarm.scope.region)
        .bind(&alarm.name)
        .bind(configuration)
        .bind(&alarm.configuration.namespace)
        .bind(&alarm.configuration.metric_name)
        .bind(i64::from(alarm.actions_enabled))
        .bind(alarm.configuration_updated.0)
        .bind(alarm.state.as_str())
        .bind(&alarm.state_reason)
        .bind(&alarm.state_reason_data)
        .bind(alarm.state_updated.0)
        .bind(alarm.state_transitioned.0)
        .bind(interval_ms)
        .bind(first_due(alarm, interval_ms).0)
        .bind(alarm.configuration.kind().word())
        .bind(&alarm.memory)
        .execute(&mut *transaction)
        .await?;
        if made.rows_affected() == 0 {
            return Ok(false);
        }
        put_children(&mut transaction, alarm).await?;
        if let Some(managed) = managed {
            put_managed_query(&mut transaction, alarm, managed).await?;
        }
        insert_history(&mut transaction, &alarm.scope, history).await?;
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

    /// Keeps what evaluation is to know next time, and when that is to be at the latest, when the alarm is still the one that was
    /// read; false when it is not.
    pub async fn keep_alarm_memory(&self, alarm: &Alarm, memory: &str, due: Option<Timestamp>) -> Result<bool> {
        let kept = sqlx::query(
            "UPDATE alarms SET memory = $5, due_ms = CASE WHEN $6 < due_ms THEN $6 ELSE due_ms END WHERE account = $1 AND region = $2 AND name = $3 AND version = $4",
        )
        .bind(&alarm.scope.account)
        .bind(&alarm.scope.region)
        .bind(&alarm.name)
        .bind(alarm.version)
        .bind(memory)
        .bind(due.map(|due| due.0))
        .execute(&self.pool)
        .await?;
        Ok(kept.rows_affected() > 0)
    }

    /// Deletes an alarm and its tags, and writes its last history item. False when it was gone already.
    pub async fn delete_alarm(&self, alarm: &Alarm, history: &[AlarmHistoryItem], arn: &str) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let deleted = sqlx::query("DELETE FROM alarms WHERE account = $1 AND region = $2 AND name = $3")
            .bind(&alarm.scope.account)
            .bind(&alarm.scope.region)
            .bind(&alarm.name)
            .execute(&mut *transaction)
            .await?;
        if deleted.rows_affected() == 0 {
            return Ok(false);
        }
        delete_children(&mut transaction, alarm).await?;
        delete_managed_query(&mut transaction, alarm).await?;
        insert_history(&mut transaction, &alarm.scope, history).await?;
        sqlx::query("DELETE FROM tags WHERE resource_arn = $1").bind(arn).execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(true)
    }
}

fn has_action(configuration: &AlarmConfiguration, prefix: &str) -> bool {
    [&configuration.ok_actions, &configuration.alarm_actions, &configuration.insufficient_data_actions]
        .into_iter()
        .flatten()
        .any(|action| action.starts_with(prefix))
}
