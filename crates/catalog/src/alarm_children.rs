//! Which alarms composite alarms depend on, so that a change of one makes its parents due in the same transaction.

use crate::alarms::Alarm;
use crate::pool::Connection;
use crate::{Catalog, Result};
use model::{Scope, Timestamp};

/// Writes what an alarm depends on.
pub(crate) async fn put_children(connection: &mut Connection, alarm: &Alarm) -> Result<()> {
    for child in alarm.configuration.children() {
        sqlx::query(
            "INSERT INTO alarm_children (account, region, parent, child) VALUES ($1, $2, $3, $4) \
             ON CONFLICT (account, region, parent, child) DO NOTHING",
        )
        .bind(&alarm.scope.account)
        .bind(&alarm.scope.region)
        .bind(&alarm.name)
        .bind(child)
        .execute(&mut *connection)
        .await?;
    }
    Ok(())
}

/// Forgets what an alarm depends on.
pub(crate) async fn delete_children(connection: &mut Connection, alarm: &Alarm) -> Result<()> {
    sqlx::query("DELETE FROM alarm_children WHERE account = $1 AND region = $2 AND parent = $3")
        .bind(&alarm.scope.account)
        .bind(&alarm.scope.region)
        .bind(&alarm.name)
        .execute(connection)
        .await?;
    Ok(())
}

/// Makes the alarms that depend on this one due at once.
pub(crate) async fn parents_due(connection: &mut Connection, alarm: &Alarm, at: Timestamp) -> Result<()> {
    sqlx::query(
        "UPDATE alarms SET due_ms = $4 WHERE account = $1 AND region = $2 AND name IN \
         (SELECT parent FROM alarm_children WHERE account = $1 AND region = $2 AND child = $3)",
    )
    .bind(&alarm.scope.account)
    .bind(&alarm.scope.region)
    .bind(&alarm.name)
    .bind(at.0)
    .execute(connection)
    .await?;
    Ok(())
}

impl Catalog {
    /// The names of the alarms that depend on an alarm, in byte order.
    pub async fn alarm_parents(&self, scope: &Scope, child: &str) -> Result<Vec<String>> {
        let parents: Vec<(String,)> = sqlx::query_as(
            "SELECT parent FROM alarm_children WHERE account = $1 AND region = $2 AND child = $3 ORDER BY parent",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(child)
        .fetch_all(&self.pool)
        .await?;
        Ok(parents.into_iter().map(|(parent,)| parent).collect())
    }

    /// Every pair of an alarm and one that it depends on.
    pub async fn alarm_dependences(&self, scope: &Scope) -> Result<Vec<(String, String)>> {
        let pairs = sqlx::query_as("SELECT parent, child FROM alarm_children WHERE account = $1 AND region = $2")
            .bind(&scope.account)
            .bind(&scope.region)
            .fetch_all(&self.pool)
            .await?;
        Ok(pairs)
    }
}
