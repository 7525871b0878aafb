//! Dashboards of CloudTrail Lake: their widgets, when they are refreshed, and what became of that.

use crate::pool::Connection;
use crate::{Catalog, Result};
use model::{Scope, Timestamp};
use serde::{Deserialize, Serialize};
use sqlx::FromRow;
use std::collections::BTreeMap;

/// A dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LakeDashboard {
    /// Account and region.
    pub scope: Scope,
    /// Unique in the scope.
    pub name: String,
    /// What the client decides.
    pub settings: LakeDashboardSettings,
    /// When it was made.
    pub created: Timestamp,
    /// When it was changed last.
    pub updated: Timestamp,
    /// When its schedule is due next.
    pub refresh_at: Option<Timestamp>,
    /// The last refresh: larger than all before.
    pub refresh_id: Option<i64>,
    /// Why the last refresh that the schedule started did not begin.
    pub refresh_error: Option<String>,
}

/// What the client decides of a dashboard.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LakeDashboardSettings {
    /// In their order.
    pub widgets: Vec<LakeWidget>,
    /// When it is refreshed.
    pub schedule: Option<LakeSchedule>,
    /// It cannot be deleted.
    pub termination_protection: bool,
}

/// A statement and how its answer is shown.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LakeWidget {
    /// The statement's name; made by the server.
    pub alias: String,
    /// The statement.
    pub statement: String,
    /// Names of the values of its `?`, such as `$StartTime$`.
    pub parameters: Vec<String>,
    /// For whoever draws it.
    pub view: BTreeMap<String, String>,
}

/// When a dashboard is refreshed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LakeSchedule {
    /// `HOURS` or `DAYS`.
    pub unit: String,
    /// How many.
    pub value: i32,
    /// `ENABLED` or `DISABLED`.
    pub status: String,
    /// `HH:MM` in UTC.
    pub time_of_day: String,
}

/// What became of a new dashboard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LakeDashboardStored {
    /// It is stored.
    Stored,
    /// Its name is taken.
    Exists,
    /// The scope has as many as it may have.
    TooMany,
}

#[derive(FromRow)]
struct Row {
    account: String,
    region: String,
    name: String,
    settings: String,
    created_ms: i64,
    updated_ms: i64,
    refresh_at_ms: Option<i64>,
    refresh_id: Option<i64>,
    refresh_error: Option<String>,
}

impl TryFrom<Row> for LakeDashboard {
    type Error = crate::Error;

    fn try_from(row: Row) -> Result<Self> {
        Ok(Self {
            scope: Scope { account: row.account, region: row.region },
            name: row.name,
            settings: serde_json::from_str(&row.settings)?,
            created: Timestamp(row.created_ms),
            updated: Timestamp(row.updated_ms),
            refresh_at: row.refresh_at_ms.map(Timestamp),
            refresh_id: row.refresh_id,
            refresh_error: row.refresh_error,
        })
    }
}

impl Catalog {
    /// Stores a new dashboard and the aliases of its widgets, unless its name is taken or the scope has `most`.
    pub async fn create_lake_dashboard(&self, dashboard: &LakeDashboard, most: i64) -> Result<LakeDashboardStored> {
        let mut transaction = self.pool.begin().await?;
        let done = sqlx::query(
            "INSERT INTO lake_dashboards (account, region, name, settings, created_ms, updated_ms, refresh_at_ms) \
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING",
        )
        .bind(&dashboard.scope.account)
        .bind(&dashboard.scope.region)
        .bind(&dashboard.name)
        .bind(serde_json::to_string(&dashboard.settings)?)
        .bind(dashboard.created.0)
        .bind(dashboard.updated.0)
        .bind(dashboard.refresh_at.map(|at| at.0))
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(LakeDashboardStored::Exists);
        }
        let (all,): (i64,) = sqlx::query_as("SELECT COUNT(*) FROM lake_dashboards WHERE account = $1 AND region = $2")
            .bind(&dashboard.scope.account)
            .bind(&dashboard.scope.region)
            .fetch_one(&mut *transaction)
            .await?;
        if all > most {
            transaction.rollback().await?;
            return Ok(LakeDashboardStored::TooMany);
        }
        put_aliases(&mut transaction, dashboard).await?;
        transaction.commit().await?;
        Ok(LakeDashboardStored::Stored)
    }

    /// Replaces what the client decides, when the schedule is due, and the aliases. False when there is none of this name.
    pub async fn update_lake_dashboard(&self, dashboard: &LakeDashboard) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let done = sqlx::query(
            "UPDATE lake_dashboards SET settings = $4, updated_ms = $5, refresh_at_ms = $6 \
             WHERE account = $1 AND region = $2 AND name = $3",
        )
        .bind(&dashboard.scope.account)
        .bind(&dashboard.scope.region)
        .bind(&dashboard.name)
        .bind(serde_json::to_string(&dashboard.settings)?)
        .bind(dashboard.updated.0)
        .bind(dashboard.refresh_at.map(|at| at.0))
        .execute(&mut *transaction)
        .await?;
        if done.rows_affected() == 0 {
            return Ok(false);
        }
        remove_aliases(&mut transaction, &dashboard.scope, &dashboard.name).await?;
        put_aliases(&mut transaction, dashboard).await?;
        transaction.commit().await?;
        Ok(true)
    }

    /// Removes a dashboard and its aliases. False when there is none of this name.
    pub async fn delete_lake_dashboard(&self, scope: &Scope, name: &str) -> Result<bool> {
        let mut transaction = self.pool.begin().await?;
        let done = sqlx::query("DELETE FROM lake_dashboards WHERE account = $1 AND region = $2 AND name = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(name)
            .execute(&mut *transaction)
            .await?;
        remove_aliases(&mut transaction, scope, name).await?;
        transaction.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// The dashboard of this name.
    pub async fn lake_dashboard(&self, scope: &Scope, name: &str) -> Result<Option<LakeDashboard>> {
        let row: Option<Row> =
            sqlx::query_as("SELECT * FROM lake_dashboards WHERE account = $1 AND region = $2 AND name = $3")
                .bind(&scope.account)
                .bind(&scope.region)
                .bind(name)
                .fetch_optional(&self.pool)
                .await?;
        row.map(LakeDashboard::try_from).transpose()
    }

    /// All dashboards of a scope, in order of their names.
    pub async fn lake_dashboards(&self, scope: &Scope) -> Result<Vec<LakeDashboard>> {
        let rows: Vec<Row> =
            sqlx::query_as("SELECT * FROM lake_dashboards WHERE account = $1 AND region = $2 ORDER BY name")
                .bind(&scope.account)
                .bind(&scope.region)
                .fetch_all(&self.pool)
                .await?;
        rows.into_iter().map(LakeDashboard::try_from).collect()
    }

    /// Dashboards whose schedule is due, those that waited longest first.
    pub async fn due_lake_dashboards(&self, now: Timestamp) -> Result<Vec<LakeDashboard>> {
        let rows: Vec<Row> = sqlx::query_as(
            "SELECT * FROM lake_dashboards WHERE refresh_at_ms <= $1 ORDER BY refresh_at_ms, account, region, name",
        )
        .bind(now.0)
        .fetch_all(&self.pool)
        .await?;
        rows.into_iter().map(LakeDashboard::try_from).collect()
    }

    /// Enters a refresh that begins, and answers its id: `now` in milliseconds, or the number after the last one. `None` when the
    /// dashboard is gone.
    pub async fn begin_lake_refresh(&self, scope: &Scope, name: &str, now: Timestamp) -> Result<Option<i64>> {
        let id: Option<(i64,)> = sqlx::query_as(
            "UPDATE lake_dashboards SET refresh_id = CASE WHEN refresh_id >= $4 THEN refresh_id + 1 ELSE $4 END, refresh_error = NULL \
             WHERE account = $1 AND region = $2 AND name = $3 RETURNING refresh_id",
        )
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(name)
        .bind(now.0)
        .fetch_optional(&self.pool)
        .await?;
        Ok(id.map(|(id,)| id))
    }

    /// Says when the schedule is due next, if it is due when `was` says; false when somebody else did.
    pub async fn set_lake_refresh_at(&self, was: &LakeDashboard, next: Option<Timestamp>) -> Result<bool> {
        let done = sqlx::query(
            "UPDATE lake_dashboards SET refresh_at_ms = $4 WHERE account = $1 AND region = $2 AND name = $3 \
             AND refresh_at_ms = $5",
        )
        .bind(&was.scope.account)
        .bind(&was.scope.region)
        .bind(&was.name)
        .bind(next.map(|at| at.0))
        .bind(was.refresh_at.map(|at| at.0))
        .execute(&self.pool)
        .await?;
        Ok(done.rows_affected() > 0)
    }

    /// Notes why a refresh that the schedule started did not begin.
    pub async fn fail_lake_refresh(&self, scope: &Scope, name: &str, error: &str) -> Result<()> {
        sqlx::query("UPDATE lake_dashboards SET refresh_error = $4 WHERE account = $1 AND region = $2 AND name = $3")
            .bind(&scope.account)
            .bind(&scope.region)
            .bind(name)
            .bind(error)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

async fn put_aliases(transaction: &mut Connection, dashboard: &LakeDashboard) -> Result<()> {
    for widget in &dashboard.settings.widgets {
        sqlx::query(
            "INSERT INTO lake_query_aliases (account, region, alias, dashboard, statement, created_ms) \
             VALUES ($1, $2, $3, $4, $5, $6)",
        )
        .bind(&dashboard.scope.account)
        .bind(&dashboard.scope.region)
        .bind(&widget.alias)
        .bind(&dashboard.name)
        .bind(&widget.statement)
        .bind(dashboard.updated.0)
        .execute(&mut *transaction)
        .await?;
    }
    Ok(())
}

async fn remove_aliases(transaction: &mut Connection, scope: &Scope, name: &str) -> Result<()> {
    sqlx::query("DELETE FROM lake_query_aliases WHERE account = $1 AND region = $2 AND dashboard = $3")
        .bind(&scope.account)
        .bind(&scope.region)
        .bind(name)
        .execute(&mut *transaction)
        .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dashboard(name: &str, alias: &str) -> LakeDashboard {
        let widget = LakeWidget { alias: alias.into(), statement: format!("SELECT {alias}"), ..LakeWidget::default() };
        LakeDashboard {
            scope: Scope { account: "1".into(), region: "r".into() },
            name: name.into(),
            settings: LakeDashboardSettings { widgets: vec![widget], ..LakeDashboardSettings::default() },
            refresh_at: Some(Timestamp(100)),
            ..LakeDashboard::default()
        }
    }

    #[tokio::test]
    async fn aliases_live_as_long_as_their_widget() {
        let catalog = Catalog::in_memory().await.unwrap();
        let (mut one, two) = (dashboard("one", "a"), dashboard("two", "b"));
        let scope = one.scope.clone();
        assert_eq!(catalog.create_lake_dashboard(&one, 1).await.unwrap(), LakeDashboardStored::Stored);
        assert_eq!(catalog.create_lake_dashboard(&one, 9).await.unwrap(), LakeDashboardStored::Exists);
        assert_eq!(catalog.create_lake_dashboard(&two, 1).await.unwrap(), LakeDashboardStored::TooMany);
        assert_eq!(catalog.lake_query_alias(&scope, "b").await.unwrap(), None, "nothing is left of what was refused");
        one.settings.widgets[0].alias = "c".into();
        assert!(catalog.update_lake_dashboard(&one).await.unwrap());
        assert_eq!(catalog.lake_query_alias(&scope, "a").await.unwrap(), None);
        assert!(catalog.lake_query_alias(&scope, "c").await.unwrap().is_some());
        assert!(catalog.delete_lake_dashboard(&scope, "one").await.unwrap());
        assert!(!catalog.delete_lake_dashboard(&scope, "one").await.unwrap());
        assert!(!catalog.update_lake_dashboard(&one).await.unwrap());
        assert_eq!(catalog.lake_query_alias(&scope, "c").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_schedule_is_taken_once_and_refreshes_have_rising_numbers() {
        let catalog = Catalog::in_memory().await.unwrap();
        let one = dashboard("one", "a");
        catalog.create_lake_dashboard(&one, 9).await.unwrap();
        assert_eq!(catalog.due_lake_dashboards(Timestamp(99)).await.unwrap(), []);
        let due = catalog.due_lake_dashboards(Timestamp(100)).await.unwrap();
        assert_eq!(due, std::slice::from_ref(&one));
        assert!(catalog.set_lake_refresh_at(&due[0], Some(Timestamp(200))).await.unwrap());
        assert!(!catalog.set_lake_refresh_at(&due[0], Some(Timestamp(200))).await.unwrap());
        catalog.fail_lake_refresh(&one.scope, "one", "why").await.unwrap();
        for (now, id) in [(1_000, 1_000), (1_000, 1_001), (900, 1_002), (2_000, 2_000)] {
            let begun = catalog.begin_lake_refresh(&one.scope, "one", Timestamp(now)).await.unwrap();
            assert_eq!(begun, Some(id));
        }
        let kept = catalog.lake_dashboard(&one.scope, "one").await.unwrap().unwrap();
        assert_eq!((kept.refresh_id, kept.refresh_error, kept.refresh_at), (Some(2_000), None, Some(Timestamp(200))));
        assert_eq!(catalog.begin_lake_refresh(&one.scope, "two", Timestamp(1)).await.unwrap(), None);
    }
}
