//! What the clock does to this plane's records: retention, deleted groups, old alarm history, old queries, old export tasks,
//! subscriptions and dead letters.

use crate::Watch;
use crate::logs::{KeptLogs, apply_retention_policies, forget_deleted_logs, kept_logs};
use catalog::LogQueriesKept;
use model::limits::{
    ALARM_HISTORY_MS, DEAD_LETTERS_MAX, DEAD_LETTERS_MS, EXPORT_TASKS_MS, LOG_ALARM_ANSWERS_BYTES_MAX,
    LOG_ALARM_ANSWERS_MAX, METRIC_RETENTION_MS, QUERY_ANSWERS_BYTES_MAX, QUERY_ANSWERS_MS, SCHEDULED_RUNS_MS,
};
use store::Retention;

/// One round of maintenance. What fails is logged and tried again in the next round.
pub async fn maintain(watch: &Watch) {
    if let Err(error) = maintain_records(watch).await {
        tracing::warn!(%error, "maintain records");
    }
    let before = watch.clock.now() - ALARM_HISTORY_MS;
    if let Err(error) = watch.catalog.expire_alarm_history(before).await {
        tracing::warn!(%error, "forget alarm history");
    }
    if let Err(error) = watch.catalog.expire_mute_rule_versions(before).await {
        tracing::warn!(%error, "forget what mute rules were");
    }
    if let Err(error) = maintain_queries(watch).await {
        tracing::warn!(%error, "forget old queries");
    }
    if let Err(error) = watch.catalog.expire_export_tasks(watch.clock.now() - EXPORT_TASKS_MS).await {
        tracing::warn!(%error, "forget old export tasks");
    }
    if let Err(error) = maintain_notifications(watch).await {
        tracing::warn!(%error, "forget old subscriptions and dead letters");
    }
}

/// Forgets answers of queries, and runs of scheduled ones.
async fn maintain_queries(watch: &Watch) -> catalog::Result<()> {
    let now = watch.clock.now();
    let keep = LogQueriesKept {
        since: now - QUERY_ANSWERS_MS,
        bytes_max: QUERY_ANSWERS_BYTES_MAX,
        alarms_bytes_max: LOG_ALARM_ANSWERS_BYTES_MAX,
        of_each_alarm: LOG_ALARM_ANSWERS_MAX,
    };
    watch.catalog.expire_log_queries(&keep).await?;
    watch.catalog.expire_scheduled_runs(now - SCHEDULED_RUNS_MS).await
}

/// Forgets subscriptions that nobody confirmed, and old dead letters.
async fn maintain_notifications(watch: &Watch) -> catalog::Result<()> {
    let now = watch.clock.now();
    watch.catalog.expire_pending_subscriptions(now).await?;
    watch.catalog.expire_dead_letters(now - DEAD_LETTERS_MS, DEAD_LETTERS_MAX).await?;
    Ok(())
}

/// Frees the bytes of expired and deleted logs and metrics. Audit events have a retention of their own, for their plane to apply.
async fn maintain_records(watch: &Watch) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    apply_retention_policies(watch).await?;
    let KeptLogs { retention_ms, deleted_groups, deleted_streams } = kept_logs(watch).await?;
    let retention =
        Retention { logs: retention_ms, deleted_groups, deleted_streams, metrics_ms: Some(METRIC_RETENTION_MS) };
    watch.store.maintain(&retention).await?;
    forget_deleted_logs(watch).await?;
    Ok(())
}
