//! Which mute rules mute an alarm now, and what becomes of the actions that they withhold: `mute.rs` is the rule itself.

use super::mute::{MuteError, MuteRule, Schedule};
use crate::Watch;
use catalog::{Alarm, MuteRuleVersion};
use model::{TimeRange, Timestamp};
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

/// What mute rules about an alarm were over a time, for replays; pure.
#[derive(Debug, Clone, Default)]
pub struct MutedTimes {
    versions: Vec<Version>,
}

#[derive(Debug, Clone)]
struct Version {
    rule: MuteRule,
    during: TimeRange,
    /// The window that was asked for last.
    window: Option<TimeRange>,
}

impl Version {
    /// The window that `at` is in, as far as the version stands.
    fn window(&mut self, at: Timestamp) -> Option<TimeRange> {
        if !self.during.contains(at) {
            return None;
        }
        if self.window.is_none_or(|window| !window.contains(at)) {
            self.window = self.rule.window(at);
        }
        self.window.map(|window| TimeRange::new(window.start, window.end.min(self.during.end)))
    }
}

impl MutedTimes {
    /// The times of these versions; one that cannot be read mutes nothing, as it did.
    pub fn of(versions: Vec<MuteRuleVersion>) -> Self {
        let version = |MuteRuleVersion { document, during }: MuteRuleVersion| {
            let rule = serde_json::from_str::<MuteDocument>(&document).ok()?.rule().ok()?;
            Some(Version { rule, during, window: None })
        };
        Self { versions: versions.into_iter().filter_map(version).collect() }
    }

    /// True when no rule was about the alarm.
    pub fn is_empty(&self) -> bool {
        self.versions.is_empty()
    }

    /// Until when rules mute at `at`, if any does: then it is to be looked at again.
    pub fn until(&mut self, at: Timestamp) -> Option<Timestamp> {
        self.versions.iter_mut().filter_map(|version| Some(version.window(at)?.end)).max()
    }

    /// When rules were put, changed or deleted within `range`: the alarms that they are about are evaluated then.
    pub fn changes(&self, range: TimeRange) -> Vec<Timestamp> {
        let ends = self.versions.iter().flat_map(|version| [version.during.start, version.during.end]);
        ends.filter(|at| range.contains(*at)).collect()
    }

    /// The ends within `range` of windows; `None` when there are more than `max`.
    pub fn ends(&mut self, range: TimeRange, max: usize) -> Option<Vec<Timestamp>> {
        let mut ends = Vec::new();
        for version in &mut self.versions {
            let end = version.during.end.min(range.end);
            let mut at = version.during.start.max(range.start);
            while at < end {
                if let Some(window) = version.window(at) {
                    ends.push(window.end);
                    at = window.end;
                } else if let Some(next) = version.rule.next_window(at) {
                    at = next.start;
                } else {
                    break;
                }
                if ends.len() > max {
                    return None;
                }
            }
        }
        ends.retain(|at| range.contains(*at));
        Some(ends)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::time::{HOUR, MINUTE};

    fn version(expression: &str, duration: &str, during: (i64, i64)) -> MuteRuleVersion {
        let document =
            MuteDocument { expression: expression.into(), duration: duration.into(), ..MuteDocument::default() };
        let document = serde_json::to_string(&document).unwrap();
        MuteRuleVersion { document, during: TimeRange::new(Timestamp(during.0), Timestamp(during.1)) }
    }

    #[test]
    fn a_version_mutes_while_it_stands() {
        let hourly = version("cron(0 * * * *)", "PT20M", (HOUR + 5 * MINUTE, 3 * HOUR + 10 * MINUTE));
        let once = version("at(1970-01-01T03:05)", "PT1H", (0, i64::MAX));
        let mut times = MutedTimes::of(vec![hourly, once]);
        let mut until = |minutes: i64| times.until(Timestamp(minutes * MINUTE)).map(|end| end.0 / MINUTE);
        assert_eq!(until(64), None, "the rule is not there yet");
        assert_eq!(until(65), Some(80), "it is put into its window");
        assert_eq!((until(80), until(119), until(120)), (None, None, Some(140)));
        assert_eq!(until(181), Some(190), "it is deleted within its window");
        assert_eq!((until(186), until(190), until(245)), (Some(245), Some(245), None));
        let range = TimeRange::new(Timestamp(0), Timestamp(24 * HOUR));
        let minutes = |times: Vec<Timestamp>| times.iter().map(|at| at.0 / MINUTE).collect::<Vec<i64>>();
        assert_eq!(minutes(times.changes(range)), [65, 190, 0]);
        assert_eq!(minutes(times.ends(range, 10).unwrap()), [80, 140, 190, 245]);
        assert_eq!(times.ends(range, 2), None);
    }

    #[test]
    fn nothing_to_read_mutes_nothing() {
        let bad = MuteRuleVersion { document: "{}".into(), during: TimeRange::new(Timestamp::MIN, Timestamp::MAX) };
        assert!(MutedTimes::of(vec![bad]).is_empty());
    }
}
