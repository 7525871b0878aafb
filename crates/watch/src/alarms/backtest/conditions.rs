//! What a replay begins with besides the configuration: the alarm's warm-up, and the mute rules that are about it.

use super::BacktestError;
use crate::Watch;
use crate::alarms::muting::MutedTimes;
use catalog::{AlarmConfiguration, AlarmHistoryFilter};
use model::limits::BACKTEST_MUTE_VERSIONS_MAX;
use model::time::MINUTE;
use model::{Scope, TimeRange, Timestamp};
use serde_json::Value;

/// Items of history that are read at a time.
const PAGE: usize = 1_000;

/// What a replay begins with.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    /// When the alarm began to warm up; absent when it does not.
    pub(super) warming_since: Option<Timestamp>,
    /// When rules muted it.
    pub(super) muted: MutedTimes,
}

impl Conditions {
    /// Those of an alarm, or of a draft, of this name.
    pub(super) async fn of(
        watch: &Watch,
        scope: &Scope,
        (name, configuration): (&str, &AlarmConfiguration),
        range: TimeRange,
    ) -> Result<Self, BacktestError> {
        let warming_since = warming_since(watch, scope, (name, configuration), range).await?;
        Ok(Self { warming_since, muted: muted_times(watch, scope, name, range).await? })
    }
}

/// When rules that stood within `range` muted an alarm of this name.
pub(super) async fn muted_times(
    watch: &Watch,
    scope: &Scope,
    name: &str,
    range: TimeRange,
) -> Result<MutedTimes, BacktestError> {
    let versions = watch.catalog.mute_rule_versions(scope, name, range, BACKTEST_MUTE_VERSIONS_MAX + 1).await?;
    if versions.len() > BACKTEST_MUTE_VERSIONS_MAX {
        return Err(BacktestError::TooManyRules);
    }
    Ok(MutedTimes::of(versions))
}

/// A draft, and an alarm that was made within `range`, is new at its start. An alarm that was made before warms up until
/// its time is over.
async fn warming_since(
    watch: &Watch,
    scope: &Scope,
    (name, configuration): (&str, &AlarmConfiguration),
    range: TimeRange,
) -> Result<Option<Timestamp>, BacktestError> {
    let Some(warm_up) = configuration.warm_up else { return Ok(None) };
    if watch.catalog.alarm(scope, name).await?.is_none() {
        return Ok(Some(range.start));
    }
    let oldest = range.start - warm_up.minutes.saturating_mul(MINUTE);
    Ok(made(watch, scope, name, oldest).await?.map(|made| made.min(range.start)))
}

/// When the alarm was made, if that was at `oldest` or later.
async fn made(watch: &Watch, scope: &Scope, name: &str, oldest: Timestamp) -> Result<Option<Timestamp>, BacktestError> {
    let mut page = AlarmHistoryFilter {
        alarm_name: Some(name.to_owned()),
        item_type: Some("ConfigurationUpdate".to_owned()),
        start: Some(oldest),
        ..AlarmHistoryFilter::default()
    };
    loop {
        let items = watch.catalog.alarm_history(scope, &page, PAGE).await?;
        for (_, item) in &items {
            let data: Value = serde_json::from_str(&item.data).unwrap_or_default();
            if data["type"] == "Create" {
                return Ok(Some(item.at));
            }
        }
        match items.last() {
            Some((sequence, item)) if items.len() == PAGE => page.after = Some((item.at, *sequence)),
            _ => return Ok(None),
        }
    }
}
