//! When alarms are due, and who takes them then.

use crate::alarm_configuration::AlarmKind;
use crate::alarms::{Alarm, AlarmRow, columns};
use crate::{Catalog, Result};
use model::Timestamp;

impl Catalog {
    /// Takes up to `limit` alarms that are due at `now`, of all accounts, log alarms or all others, and sets when each is due
    /// next: the next multiple of its interval. One statement, so that two nodes never take the same alarm. An alarm that cannot be
    /// read is an error in its own place, so that it does not stop the others.
    pub async fn claim_due_alarms(&self, now: Timestamp, limit: usize, on_logs: bool) -> Result<Vec<Result<Alarm>>> {
        let rows: Vec<AlarmRow> = sqlx::query_as(concat!(
            "UPDATE alarms SET due_ms = ($1 / interval_ms + 1) * interval_ms WHERE (account, region, name) IN \
             (SELECT account, region, name FROM alarms WHERE due_ms <= $1 AND (kind = 'log') = $3 ORDER BY due_ms LIMIT $2) RETURNING ",
            columns!()
        ))
        .bind(now.0)
        .bind(i64::try_from(limit).unwrap_or(i64::MAX))
        .bind(on_logs)
        .fetch_all(&self.pool)
        .await?;
        Ok(rows.into_iter().map(Alarm::try_from).collect())
    }

    /// Makes all composite alarms due: what they were due for when the process ended may have been under way.
    pub async fn composite_alarms_due(&self, at: Timestamp) -> Result<()> {
        sqlx::query("UPDATE alarms SET due_ms = $1 WHERE kind = $2 AND due_ms > $1")
            .bind(at.0)
            .bind(AlarmKind::Composite.word())
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// Makes an alarm due at a time.
    pub async fn alarm_due(&self, alarm: &Alarm, at: Timestamp) -> Result<()> {
        sqlx::query("UPDATE alarms SET due_ms = $4 WHERE account = $1 AND region = $2 AND name = $3")
            .bind(&alarm.scope.account)
            .bind(&alarm.scope.region)
            .bind(&alarm.name)
            .bind(at.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// When the next log alarm, or the next other alarm, is due; `None` without such alarms. A read, so that an idle tick writes
    /// nothing.
    pub async fn next_alarm_due(&self, on_logs: bool) -> Result<Option<Timestamp>> {
        // One look into an index for each kind.
        let of_kind = |kind: AlarmKind| {
            let due = sqlx::query_as::<_, (Option<i64>,)>("SELECT MIN(due_ms) FROM alarms WHERE kind = $1");
            due.bind(kind.word()).fetch_one(&self.pool)
        };
        let due = match on_logs {
            true => of_kind(AlarmKind::Log).await?.0,
            false => {
                let (metric, composite) = (of_kind(AlarmKind::Metric).await?.0, of_kind(AlarmKind::Composite).await?.0);
                metric.into_iter().chain(composite).min()
            }
        };
        Ok(due.map(Timestamp))
    }
}

/// When an alarm that has just been put is due: at once, but for log alarms, which run at multiples of their interval.
pub(crate) fn first_due(alarm: &Alarm, interval_ms: i64) -> Timestamp {
    match alarm.configuration.kind() {
        AlarmKind::Log => alarm.configuration_updated.floor_to(interval_ms) + interval_ms,
        _ => alarm.configuration_updated,
    }
}
