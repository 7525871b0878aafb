//! What an alarm tells the world when it changes state: the SNS message; pure.
//!
//! Forms and orders of keys are those of messages that AWS's users have published. Not certain: how AWS shortens a subject beyond SNS's 100 characters, and what it sends to SNS
//! for PromQL alarms and for composite alarms whose actions were suppressed. Of log alarms, "Log alarms" in the CloudWatch user guide
//! shows `NewStateReasonData`, `AlarmContributorId` and `AlarmContributorAttributes`; their `Trigger` and `LogLines` are chosen here.
//! Of tags, "Alarm tags in action payloads" names `AlarmTagsStatus` and says that tags are a list in messages; that it is called
//! `AlarmTags`, of objects with `Key` and `Value`, at the end, is chosen here.

mod of_alarm;
mod region;
pub mod sns;
#[cfg(test)]
mod tests;

pub use region::long_name as region_name;

use crate::alarms::rule::reason::Child;
use catalog::{AlarmState, LogCriteria};
use model::Timestamp;
use std::collections::BTreeMap;

/// Longest subject of an SNS message, characters.
const SUBJECT_CHARS_MAX: usize = 100;

/// A change of an alarm's state, with all that a message says about the alarm.
#[derive(Debug, Clone, PartialEq)]
pub struct Notification {
    /// The alarm's name.
    pub alarm_name: String,
    /// Its description.
    pub description: Option<String>,
    /// Its ARN.
    pub alarm_arn: String,
    /// Account id.
    pub account: String,
    /// Region code: `us-east-1`.
    pub region: String,
    /// When its configuration was last put.
    pub configuration_updated: Timestamp,
    /// ARNs to act on when the alarm goes to OK.
    pub ok_actions: Vec<String>,
    /// ARNs to act on when the alarm goes to ALARM.
    pub alarm_actions: Vec<String>,
    /// ARNs to act on when the alarm goes to INSUFFICIENT_DATA.
    pub insufficient_data_actions: Vec<String>,
    /// The state before.
    pub previous: State,
    /// The state now.
    pub state: State,
    /// What the alarm watches.
    pub trigger: Trigger,
    /// The contributor that changed, when it is not the whole alarm: its id and attributes.
    pub contributor: Option<(String, BTreeMap<String, String>)>,
    /// Log lines behind the change.
    pub lines: Vec<String>,
    /// The alarm's tags, where they are to be told.
    pub tags: Option<BTreeMap<String, String>>,
    /// What changed before, best first, where that is to be told: not of AWS.
    pub causes: Vec<ToldCause>,
}

/// A cause as messages tell it: `TrailwatchCauses`, a member of our own at the end.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ToldCause {
    /// In a sentence.
    pub summary: String,
    /// `likely` or `possible`.
    pub verdict: &'static str,
    /// How much speaks for it, in units of a natural logarithm.
    pub score: f64,
    /// The audit event.
    pub event_id: String,
    /// Its time.
    pub event_time: String,
    /// `eventSource`.
    pub event_source: String,
    /// `eventName`.
    pub event_name: String,
    /// Who really did it.
    pub actor: String,
}

/// A state, why, and when it was reached.
#[derive(Debug, Clone, PartialEq)]
pub struct State {
    /// The state.
    pub value: AlarmState,
    /// Why, for people.
    pub reason: String,
    /// Why, as JSON.
    pub reason_data: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// What an alarm watches.
#[derive(Debug, Clone, PartialEq)]
pub enum Trigger {
    /// One metric with a static threshold.
    Metric {
        /// The metric.
        metric: MetricStat,
        /// How it is judged.
        evaluation: Evaluation,
    },
    /// Metric math, Metrics Insights, or an anomaly detection band.
    Metrics {
        /// The entries of `Metrics`.
        queries: Vec<MetricQuery>,
        /// How the result is judged.
        evaluation: Evaluation,
    },
    /// A PromQL query.
    PromQl {
        /// The query.
        query: String,
        /// `PendingPeriod`, seconds.
        pending_secs: i64,
        /// `RecoveryPeriod`, seconds.
        recovery_secs: i64,
        /// `EvaluationInterval`, seconds.
        interval_secs: i64,
    },
    /// A query of log events.
    Log {
        /// The query and its schedule.
        log: LogCriteria,
        /// How its results are judged; there is no period.
        evaluation: Evaluation,
    },
    /// Other alarms.
    Composite {
        /// The rule as the client wrote it.
        rule: String,
        /// The children that decided, newest change first.
        children: Vec<Child>,
    },
}

/// A statistic of a metric.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetricStat {
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Dimensions, in the client's order.
    pub dimensions: Vec<(String, String)>,
    /// Seconds.
    pub period_secs: i64,
    /// `Average`, `SampleCount`, `p90`, `tm99`...
    pub stat: String,
    /// Only data of this unit.
    pub unit: Option<String>,
}

/// How an alarm judges its points.
#[derive(Debug, Clone, PartialEq)]
pub struct Evaluation {
    /// Seconds; of metric math, the period of its result.
    pub period_secs: i64,
    /// N.
    pub evaluation_periods: i64,
    /// M, if the client gave it.
    pub datapoints_to_alarm: Option<i64>,
    /// `GreaterThanThreshold` and its siblings.
    pub comparison_operator: String,
    /// What the points are compared with.
    pub threshold: Threshold,
    /// `TreatMissingData`, if the client gave it.
    pub treat_missing_data: Option<String>,
    /// `EvaluateLowSampleCountPercentile`, if the client gave it.
    pub low_sample_count: Option<String>,
}

/// What points are compared with.
#[derive(Debug, Clone, PartialEq)]
pub enum Threshold {
    /// A number.
    Static(f64),
    /// The band of this entry (`ThresholdMetricId`).
    Band(String),
}

/// One entry of `Metrics`.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricQuery {
    /// `Id`.
    pub id: String,
    /// `Label`.
    pub label: Option<String>,
    /// `ReturnData`.
    pub return_data: bool,
    /// `AccountId`, if the client gave it.
    pub account: Option<String>,
    /// What it is.
    pub source: Source,
}

/// What an entry of `Metrics` is.
#[derive(Debug, Clone, PartialEq)]
pub enum Source {
    /// A statistic of a metric.
    Metric(MetricStat),
    /// Metric math or a Metrics Insights query, with its `Period` if the client gave one.
    Expression(String, Option<i64>),
}

/// The simple statistics: in the API, and as SNS messages spell them.
const SIMPLE_STATISTICS: [(&str, &str); 5] = [
    ("SampleCount", "SAMPLE_COUNT"),
    ("Average", "AVERAGE"),
    ("Sum", "SUM"),
    ("Minimum", "MINIMUM"),
    ("Maximum", "MAXIMUM"),
];

impl Notification {
    /// `ALARM: "name" in US East (N. Virginia)`, at most 100 characters and on one line, as SNS demands: a long name is
    /// cut, which `...` shows.
    pub fn subject(&self) -> String {
        let state = self.state.value.as_str();
        let region = region_name(&self.region);
        let name: String = self.alarm_name.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let around = format!("{state}: \"\" in {region}").chars().count();
        let room = SUBJECT_CHARS_MAX.saturating_sub(around);
        if name.chars().count() <= room {
            return format!("{state}: \"{name}\" in {region}");
        }
        let cut: String = name.chars().take(room.saturating_sub(3)).collect();
        format!("{state}: \"{cut}...\" in {region}")
    }
}
