//! Which mute rules mute an alarm now, and what becomes of the actions that they withhold: `mute.rs` is the rule itself.

use super::mute::{MuteError, MuteRule, Schedule};
use crate::Watch;
use catalog::Alarm;
use model::Timestamp;
use serde::{Deserialize, Serialize};

/// A mute rule as the catalog keeps it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct MuteDocument {
    /// For people.
    pub description: Option<String>,
    /// `cron(…)` or `at(…)`.
    pub expression: String,
    /// ISO 8601.
    pub duration: String,
    /// IANA name.
    pub timezone: Option<String>,
    /// No window before, milliseconds.
    pub start_ms: Option<i64>,
    /// No window from then on, milliseconds.
    pub expire_ms: Option<i64>,
    /// Names of the alarms; absent when the client gave no targets.
    pub alarms: Option<Vec<String>>,
}

impl MuteDocument {
    /// The rule that it describes.
    pub fn rule(&self) -> Result<MuteRule, MuteError> {
        MuteRule::new(&Schedule {
            expression: &self.expression,
            duration: &self.duration,
            timezone: self.timezone.as_deref(),
            start: self.start_ms.map(Timestamp),
            expire: self.expire_ms.map(Timestamp),
        })
    }
}

/// Until when rules mute the alarm's actions, if any does at `now`: then it is to be looked at again.
pub async fn muted_until(watch: &Watch, alarm: &Alarm, now: Timestamp) -> catalog::Result<Option<Timestamp>> {
    let rules = watch.catalog.mute_rules_of_alarm(&alarm.scope, &alarm.name).await?;
    // Rules are checked when they are put; one that a later version cannot read mutes nothing.
    let documents = rules.iter().filter_map(|rule| serde_json::from_str::<MuteDocument>(&rule.document).ok());
    let until = documents.filter_map(|document| document.rule().ok()?.active_until(now));
    Ok(until.max())
}
