//! What an alarm watches and when it fires, as clients put it: one JSON document in the alarm's row.

use serde::{Deserialize, Serialize};

/// The kinds of alarms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlarmKind {
    /// On metrics: what PutMetricAlarm made.
    Metric,
    /// On other alarms: what PutCompositeAlarm made.
    Composite,
    /// On log events: what PutLogAlarm made.
    Log,
}

impl AlarmKind {
    /// Every kind.
    pub const ALL: [AlarmKind; 3] = [AlarmKind::Metric, AlarmKind::Composite, AlarmKind::Log];

    /// `AlarmType` of the API.
    pub fn as_str(self) -> &'static str {
        match self {
            AlarmKind::Metric => "MetricAlarm",
            AlarmKind::Composite => "CompositeAlarm",
            AlarmKind::Log => "LogAlarm",
        }
    }

    /// The word in the tables.
    pub(crate) fn word(self) -> &'static str {
        match self {
            AlarmKind::Metric => "metric",
            AlarmKind::Composite => "composite",
            AlarmKind::Log => "log",
        }
    }

    /// The kind of a word; only `word` is ever written.
    pub(crate) fn of_word(word: &str) -> Self {
        Self::ALL.into_iter().find(|kind| kind.word() == word).unwrap_or(AlarmKind::Metric)
    }
}

/// What PutMetricAlarm, PutCompositeAlarm or PutLogAlarm said. Strings are AWS's words, checked by the operation; what the client left out
/// stays out, so that DescribeAlarms answers as AWS does.
///
/// An alarm watches one of these: one metric (`metric_name`), `metrics`, `promql`, other alarms (`composite`),
/// or log events (`log`).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AlarmConfiguration {
    /// Free text.
    pub description: Option<String>,
    /// ARNs to act on when the alarm goes to OK.
    pub ok_actions: Vec<String>,
    /// ARNs to act on when the alarm goes to ALARM.
    pub alarm_actions: Vec<String>,
    /// ARNs to act on when the alarm goes to INSUFFICIENT_DATA.
    pub insufficient_data_actions: Vec<String>,
    /// Namespace of the metric.
    pub namespace: String,
    /// Name of the metric.
    pub metric_name: String,
    /// Dimensions of the metric, in the client's order.
    pub dimensions: Vec<(String, String)>,
    /// One of the five simple statistics; exactly one of this and `extended_statistic` is given.
    pub statistic: Option<String>,
    /// A percentile or trimmed statistic.
    pub extended_statistic: Option<String>,
    /// Only data of this unit count; absent, data of any unit.
    pub unit: Option<String>,
    /// Length of a period, seconds.
    pub period_secs: i64,
    /// N: how many periods are looked at.
    pub evaluation_periods: i64,
    /// M: how many of them must breach; absent, all.
    pub datapoints_to_alarm: Option<i64>,
    /// The threshold, unless `threshold_metric_id` is given.
    pub threshold: f64,
    /// `GreaterThanThreshold` and its six siblings; empty for alarms without a threshold.
    pub comparison_operator: String,
    /// `breaching`, `notBreaching`, `ignore` or `missing`; absent means `missing`.
    pub treat_missing_data: Option<String>,
    /// `evaluate` or `ignore`; absent means `evaluate`.
    pub evaluate_low_sample_count_percentile: Option<String>,
    /// Metrics, metric math and Metrics Insights, one of which returns data; empty for an alarm on one metric.
    pub metrics: Vec<AlarmQuery>,
    /// The query that gives the band which an anomaly alarm compares with.
    pub threshold_metric_id: Option<String>,
    /// A wall clock window; absent, a sliding one.
    pub wall_clock: Option<WallClock>,
    /// How long a new alarm waits.
    pub warm_up: Option<AlarmWarmUp>,
    /// A PromQL query.
    pub promql: Option<PromqlCriteria>,
    /// A rule over other alarms.
    pub composite: Option<CompositeRule>,
    /// A query of log events that runs on a schedule. Its N and M are `evaluation_periods` and `datapoints_to_alarm`.
    pub log: Option<LogCriteria>,
    /// Whether actions tell the alarm's tags.
    pub tag_propagation: Option<TagPropagation>,
}

/// `ActionConfiguration.AlarmTagsPropagation`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TagPropagation {
    /// False tells no tags.
    pub enabled: bool,
    /// Only tags with these keys; one of this and `excluded` at most is given.
    pub included: Option<Vec<String>>,
    /// Only tags with other keys.
    pub excluded: Option<Vec<String>>,
}

impl TagPropagation {
    /// Whether a tag is told.
    pub fn tells(&self, key: &str) -> bool {
        let has = |keys: &Vec<String>| keys.iter().any(|known| known == key);
        self.enabled && self.included.as_ref().is_none_or(has) && !self.excluded.as_ref().is_some_and(has)
    }
}

/// One of the queries of an alarm (MetricDataQuery).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AlarmQuery {
    /// Unique in the alarm.
    pub id: String,
    /// Exactly one of this and `expression` is given.
    pub metric: Option<AlarmMetric>,
    /// Metric math or Metrics Insights.
    pub expression: Option<String>,
    /// For people.
    pub label: Option<String>,
    /// Whether this is what the alarm watches; absent means true.
    pub return_data: Option<bool>,
    /// Period of an expression, seconds.
    pub period_secs: Option<i64>,
    /// The account of the metric.
    pub account_id: Option<String>,
}

/// A statistic of one metric (MetricStat).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AlarmMetric {
    /// CloudWatch namespace.
    pub namespace: String,
    /// Metric name.
    pub name: String,
    /// In the client's order.
    pub dimensions: Vec<(String, String)>,
    /// Seconds.
    pub period_secs: i64,
    /// Any statistic.
    pub stat: String,
    /// Only data of this unit.
    pub unit: Option<String>,
}

/// `EvaluationWindow.WallClockWindow`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct WallClock {
    /// IANA name or offset; absent means UTC.
    pub timezone: Option<String>,
}

/// `WarmUpConfiguration`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct AlarmWarmUp {
    /// 1 to 2880.
    pub minutes: i64,
    /// `OnlyStartEvaluatingAfterWarmUpPeriodEnds`.
    pub whole: bool,
}

/// `EvaluationCriteria.PromQLCriteria` with `EvaluationInterval`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct PromqlCriteria {
    /// The query: each series that it gives is breaching.
    pub query: String,
    /// Seconds that a series must breach before it counts.
    pub pending_secs: i64,
    /// Seconds that a series must be gone before it does not.
    pub recovery_secs: i64,
    /// Seconds between evaluations.
    pub interval_secs: i64,
}

/// What PutCompositeAlarm said besides actions and description.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct CompositeRule {
    /// The rule, as the client wrote it.
    pub rule: String,
    /// Name or ARN of the alarm that suppresses actions.
    pub suppressor: Option<String>,
    /// Seconds.
    pub suppressor_wait_secs: i64,
    /// Seconds.
    pub suppressor_extension_secs: i64,
    /// Names of the alarms that the rule or the suppressor is about: a change of theirs makes this one due.
    pub children: Vec<String>,
}

/// What PutLogAlarm said of its query, and of the log lines in notifications.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct LogCriteria {
    /// In the language of Logs Insights.
    pub query: String,
    /// Names or ARNs; empty where the query says it.
    pub log_groups: Vec<String>,
    /// On whose behalf the query runs.
    pub role: String,
    /// How its rows become values: `count(*) by service | sort desc`.
    pub aggregation: String,
    /// `rate(5 minutes)`.
    pub schedule: String,
    /// The same in seconds.
    pub interval_secs: i64,
    /// Seconds before a run that its time range begins at.
    pub start_offset_secs: i64,
    /// Seconds before a run that its time range ends at; absent means 0.
    pub end_offset_secs: Option<i64>,
    /// Lines in notifications.
    pub line_count: Option<i64>,
    /// On whose behalf they are read.
    pub line_role: Option<String>,
    /// The scheduled query that is managed for the alarm.
    pub scheduled_query_id: String,
    /// Only runs after this time count: what is looked for was another thing before. Milliseconds.
    pub since_ms: i64,
}

impl AlarmConfiguration {
    /// The names of the alarms that this one depends on.
    pub fn children(&self) -> &[String] {
        self.composite.as_ref().map_or(&[], |composite| &composite.children)
    }

    /// True for what PutCompositeAlarm made.
    pub fn is_composite(&self) -> bool {
        self.composite.is_some()
    }

    /// What kind of alarm it is.
    pub fn kind(&self) -> AlarmKind {
        match (&self.composite, &self.log) {
            (Some(_), _) => AlarmKind::Composite,
            (None, Some(_)) => AlarmKind::Log,
            (None, None) => AlarmKind::Metric,
        }
    }
}
