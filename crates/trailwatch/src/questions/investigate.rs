//! `POST /_trailwatch/investigate`: what changed just before an alarm, a spike, or in a window of time.
//!
//! Question and answer are written down in `docs/investigate.md`; what is gathered in `watch/investigate.rs`, and how it is ranked in
//! `query/investigate.rs`.

mod shown;

use crate::own::Refusal;
use crate::server::Server;
use catalog::AlarmMetric;
use model::limits::{INVESTIGATE_CAUSES_MAX, INVESTIGATE_HISTORY_DAYS_MAX, INVESTIGATE_WINDOW_MS_MAX};
use model::time::{MINUTE, SECOND};
use model::{Caller, Classify, ErrorKind, TimeRange, Timestamp};
use query::metrics::check_period;
use query::statistics::Statistic;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use watch::investigate::{About, Effort, InvestigateError, Question, When, investigate};
use wire::HttpRequest;

/// Where it is asked for.
pub const PATH: &str = "/_trailwatch/investigate";
/// Longest body, bytes; most dimensions and log groups, and longest of their texts, bytes.
const BODY_BYTES_MAX: usize = 64 * 1024;
const DIMENSIONS_MAX: usize = 30;
const GROUPS_MAX: usize = 10;
const TEXT_BYTES_MAX: usize = 2_048;
/// A week.
const PERIOD_SECS_MAX: i64 = 604_800;
/// Shortest window, seconds; what is taken when nobody says.
const WINDOW_SECS_MIN: i64 = 300;
const WINDOW_SECS: i64 = 3_600;
const HISTORY_DAYS: i64 = 14;
const LIMIT: usize = 10;

/// The body.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    /// An alarm of the caller's region.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alarm_name: Option<String>,
    /// Or a metric.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metric: Option<AskedMetric>,
    /// Log groups to mine besides.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub log_groups: Vec<String>,
    /// The moment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Seconds before it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub window: Option<i64>,
    /// Or exactly this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// See `from`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Days to learn from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub history_days: Option<i64>,
    /// Most causes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<usize>,
}

/// A metric.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AskedMetric {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub metric_name: String,
    /// Its dimensions, all of them.
    pub dimensions: BTreeMap<String, String>,
    /// Any statistic; `Average` when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub statistic: Option<String>,
    /// Seconds; 60 when absent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub period: Option<i64>,
}

impl Asked {
    fn of(request: &HttpRequest) -> Result<Self, Refusal> {
        if request.body.len() > BODY_BYTES_MAX {
            return Err(Refusal::invalid(format!("The body has at most {BODY_BYTES_MAX} bytes.")));
        }
        serde_json::from_slice(&request.body).map_err(|error| Refusal::invalid(format!("The body: {error}")))
    }

    /// What is asked of whom.
    fn question(self, now: Timestamp) -> Result<Question, Refusal> {
        let has_window = self.from.is_some() && self.to.is_some();
        if self.alarm_name.is_none() && self.metric.is_none() && self.log_groups.is_empty() && !has_window {
            return Err(Refusal::invalid("One of alarm_name, metric, log_groups, or from and to is needed."));
        }
        if self.log_groups.len() > GROUPS_MAX || self.log_groups.iter().any(|name| name.len() > TEXT_BYTES_MAX) {
            return Err(Refusal::invalid(format!("log_groups: at most {GROUPS_MAX} names or ARNs")));
        }
        let history_days = self.history_days.unwrap_or(HISTORY_DAYS);
        if !(0..=INVESTIGATE_HISTORY_DAYS_MAX).contains(&history_days) {
            return Err(Refusal::invalid(format!("history_days: from 0 to {INVESTIGATE_HISTORY_DAYS_MAX}")));
        }
        let when = self.when(now)?;
        let about = match (self.alarm_name, self.metric) {
            (Some(_), Some(_)) => return Err(Refusal::invalid("alarm_name and metric exclude each other.")),
            (Some(name), None) => About::Alarm(name),
            (None, Some(metric)) => About::Metric(metric.checked()?),
            (None, None) => About::Nothing,
        };
        Ok(Question { about, log_groups: self.log_groups, when, history_days, effort: Effort::WHOLE, fires: false })
    }

    fn when(&self, now: Timestamp) -> Result<When, Refusal> {
        let time = |name: &str, text: &Option<String>| match text {
            None => Ok(None),
            Some(text) => Timestamp::parse_iso(text)
                .map(Some)
                .ok_or_else(|| Refusal::invalid(format!("{name}: '{text}' is no time (ISO 8601)"))),
        };
        let (from, to, at) = (time("from", &self.from)?, time("to", &self.to)?, time("at", &self.at)?);
        if (from.is_some() || to.is_some()) && (at.is_some() || self.window.is_some()) {
            return Err(Refusal::invalid("from and to take the place of at and window."));
        }
        if let (Some(from), Some(to)) = (from, to) {
            let length = to - from;
            if !(MINUTE..=INVESTIGATE_WINDOW_MS_MAX).contains(&length) {
                return Err(Refusal::invalid("from and to: a time of one minute to 24 hours"));
            }
            return Ok(When::Within(TimeRange::new(from, to)));
        }
        if from.is_some() || to.is_some() {
            return Err(Refusal::invalid("from and to go together."));
        }
        let window = self.window.unwrap_or(WINDOW_SECS);
        if !(WINDOW_SECS_MIN..=INVESTIGATE_WINDOW_MS_MAX / SECOND).contains(&window) {
            return Err(Refusal::invalid(format!("window: from {WINDOW_SECS_MIN} seconds to 24 hours")));
        }
        if at.is_some_and(|at| at > now) {
            return Err(Refusal::invalid("at is in the future."));
        }
        Ok(When::Before(at, window * SECOND))
    }
}

impl AskedMetric {
    fn checked(self) -> Result<AlarmMetric, Refusal> {
        let is_text = |text: &String| (1..=TEXT_BYTES_MAX).contains(&text.len());
        let are_named = is_text(&self.namespace) && is_text(&self.metric_name);
        let are_texts = self.dimensions.iter().all(|(key, value)| is_text(key) && is_text(value));
        if self.dimensions.len() > DIMENSIONS_MAX || !are_named || !are_texts {
            return Err(Refusal::invalid("metric: namespace, metric_name and dimensions are short texts, not empty"));
        }
        let stat = self.statistic.unwrap_or_else(|| "Average".into());
        Statistic::parse(&stat).map_err(|error| Refusal::invalid(format!("metric: statistic: {error}")))?;
        let period_secs = self.period.unwrap_or(60);
        check_period(period_secs).map_err(|error| Refusal::invalid(format!("metric: {error}")))?;
        if period_secs > PERIOD_SECS_MAX {
            return Err(Refusal::invalid(format!("metric: period: at most {PERIOD_SECS_MAX} seconds")));
        }
        Ok(AlarmMetric {
            namespace: self.namespace,
            name: self.metric_name,
            dimensions: self.dimensions.into_iter().collect(),
            period_secs,
            stat,
            unit: None,
        })
    }
}

impl From<InvestigateError> for Refusal {
    fn from(error: InvestigateError) -> Self {
        match error {
            InvestigateError::NoAlarm(_) => Self::new(404, "ResourceNotFound", error.to_string()),
            InvestigateError::Catalog(error) => error.into(),
            InvestigateError::Store(error) => error.into(),
            InvestigateError::Api(error) => error.into(),
            InvestigateError::Actor(error) if error.kind() == ErrorKind::Invalid => {
                Self::new(400, "LimitExceeded", error.to_string())
            }
            InvestigateError::Actor(_) | InvestigateError::Observe(_) | InvestigateError::Thread(_) => {
                tracing::error!(%error, "investigate");
                Self::new(500, "InternalFailure", "The question was not answered. See the server's log.")
            }
        }
    }
}

/// What stands in the audit record.
pub fn parameters(request: &HttpRequest) -> Value {
    Asked::of(request).map_or(Value::Null, |asked| json!(asked))
}

/// Asks, for the caller's account and region.
pub async fn answer(server: &Server, caller: &Caller, request: &HttpRequest) -> Result<Value, Refusal> {
    let asked = Asked::of(request)?;
    let limit = asked.limit.unwrap_or(LIMIT);
    if !(1..=INVESTIGATE_CAUSES_MAX).contains(&limit) {
        return Err(Refusal::invalid(format!("limit: a number from 1 to {INVESTIGATE_CAUSES_MAX}")));
    }
    let now = server.clock.now();
    let question = asked.question(now)?;
    let found = investigate(&server.watch, &caller.scope, &question, now).await?;
    Ok(shown::shown(&found, limit))
}
