//! Changes of alarms that exist: of the configuration, of the state, or of both at once.

use crate::alarm_children::{delete_children, parents_due, put_children};
use crate::alarm_history::{AlarmHistoryItem, insert_history};
use crate::alarm_schedule::first_due;
use crate::alarms::{Alarm, StateChange};
use crate::deliveries::{Publication, insert_publications};
use crate::managed_queries::{ManagedQuery, put_managed_query};
use crate::pool::Connection;
use crate::{Catalog, Result};

#[cfg(test)]
mod tests;

/// What takes the place of an alarm's configuration.
#[derive(Debug, Clone, Copy)]
pub struct Replacement<'a> {
    /// The alarm as it shall be; its state is not looked at.
    pub new: &'a Alarm,
    /// Time between two evaluations, milliseconds.
    pub interval_ms: i64,
    /// What the history says of it.
    pub history: &'a [AlarmHistoryItem],
    /// The scheduled query of a log alarm.
    pub managed: Option<&'a ManagedQuery>,
}

impl Catalog {
    /// Replaces configuration and `actions_enabled` of the alarm at `alarm.version`, leaving its state, and what is managed for
    /// it where that is given, and makes it due at once; a log alarm keeps to its schedule. False when the alarm has changed
    /// since it was read, or is gone.
    pub async fn update_alarm(
        &self,
        alarm: &Alarm,
        interval_ms: i64,
        history: &[AlarmHistoryItem],
        managed: Option<&ManagedQuery>,
    ) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let replacement = Replacement { new: alarm, interval_ms, history, managed };
        if !replace(&mut transaction, alarm.version, &replacement).await? {
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Sets the state of the alarm at `alarm.version`, with its history and what its actions publish, all or nothing. False
    /// when the alarm has changed since it was read, or is gone: another evaluator was faster, or the alarm is another one now.
    pub async fn change_alarm_state(
        &self,
        alarm: &Alarm,
        change: &StateChange,
        history: &[AlarmHistoryItem],
        publications: &[Publication],
    ) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        if !change_state(&mut transaction, alarm, (change, history, publications)).await? {
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }

    /// Sets the state of `alarm` and replaces its configuration, all or nothing: no evaluation comes between the two. False when
    /// the alarm has changed since it was read, or is gone.
    pub async fn change_and_replace_alarm(
        &self,
        alarm: &Alarm,
        change: &StateChange,
        history: &[AlarmHistoryItem],
        publications: &[Publication],
        replacement: &Replacement<'_>,
    ) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        if !change_state(&mut transaction, alarm, (change, history, publications)).await?
            || !replace(&mut transaction, alarm.version + 1, replacement).await?
        {
            return Ok(false);
        }
        transaction.commit().await?;
        Ok(true)
    }
}

/// Replaces the configuration of the alarm at `version`; false when the alarm has changed, or is gone.
async fn replace(connection: &mut Connection, version: i64, replacement: &Replacement<'_>) -> Result<bool> {
    let Replacement { new: alarm, interval_ms, history, managed } = *replacement;
    let configuration = serde_json::to_string(&alarm.configuration)?;
    let updated = sqlx::query(
        "UPDATE alarms SET version = version + 1, configuration = $5, namespace = $6, metric_name = $7, \
         actions_enabled = $8, configuration_updated_ms = $9, interval_ms = $10, due_ms = CASE WHEN $11 < due_ms THEN $11 ELSE due_ms END \
         WHERE account = $1 AND region = $2 AND name = $3 AND version = $4",
    )
    .bind(&alarm.scope.account)
    .bind(&alarm.scope.region)
    .bind(&alarm.name)
    .bind(version)
    .bind(configuration)
    .bind(&alarm.configuration.namespace)
    .bind(&alarm.configuration.metric_name)
    .bind(i64::from(alarm.actions_enabled))
    .bind(alarm.configuration_updated.0)
    .bind(interval_ms)
    .bind(first_due(alarm, interval_ms).0)
    .execute(&mut *connection)
    .await?;
    if updated.rows_affected() == 0 {
        return Ok(false);
    }
    delete_children(connection, alarm).await?;
    put_children(connection, alarm).await?;
    if let Some(managed) = managed {
        put_managed_query(connection, alarm, managed).await?;
    }
    insert_history(connection, &alarm.scope, history).await?;
    Ok(true)
}

/// Sets the state of the alarm at its version, with its history and publications; false when the alarm has changed.
async fn change_state(
    connection: &mut Connection,
    alarm: &Alarm,
    (change, history, publications): (&StateChange, &[AlarmHistoryItem], &[Publication]),
) -> Result<bool> {
    let transitioned = if change.state == alarm.state { alarm.state_transitioned } else { change.at };
    let changed = sqlx::query(
        "UPDATE alarms SET version = version + 1, state_value = $5, state_reason = $6, state_reason_data = $7, \
         state_updated_ms = $8, state_transitioned_ms = $9, memory = COALESCE($10, memory), \
         due_ms = CASE WHEN $11 < due_ms THEN $11 ELSE due_ms END \
         WHERE account = $1 AND region = $2 AND name = $3 AND version = $4",
    )
    .bind(&alarm.scope.account)
    .bind(&alarm.scope.region)
    .bind(&alarm.name)
    .bind(alarm.version)
    .bind(change.state.as_str())
    .bind(&change.reason)
    .bind(&change.reason_data)
    .bind(change.at.0)
    .bind(transitioned.0)
    .bind(&change.memory)
    .bind(change.due.map(|due| due.0))
    .execute(&mut *connection)
    .await?;
    if changed.rows_affected() == 0 {
        return Ok(false);
    }
    if change.state != alarm.state {
        parents_due(connection, alarm, change.at).await?;
    }
    insert_history(connection, &alarm.scope, history).await?;
    insert_publications(connection, publications).await?;
    Ok(true)
}
