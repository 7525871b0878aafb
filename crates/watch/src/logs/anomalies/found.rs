//! `Found`: the anomalies of a detector, as they are stored and as findings change them. Pure.

use catalog::{LogAnomaly, LogAnomalyDetector};
use model::Ids;
use model::time::{DAY, HOUR};
use query::log_anomalies::{Finding, Priority};
use query::log_patterns::Token;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Anomalies that are kept of a detector, the latest.
pub(super) const ANOMALIES_MAX: usize = 1_000;
/// Findings of a window that are taken, the gravest first.
const FINDINGS_MAX: usize = 100;
/// Times of a histogram that are kept, the latest.
const HISTOGRAM_MAX: usize = 500;
/// Samples that are kept, the latest.
const SAMPLES_MAX: usize = 10;

/// What is shown of an anomaly beside its row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Document {
    pub pattern: String,
    pub regex: String,
    pub description: String,
    pub tokens: Vec<ShownToken>,
    /// Log events by the start of the window, milliseconds.
    pub histogram: BTreeMap<i64, i64>,
    /// Time and text.
    pub samples: Vec<(i64, String)>,
}

/// A token of a pattern.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ShownToken {
    /// Of a dynamic token, among the dynamic ones.
    pub position: Option<i32>,
    pub text: String,
    pub name: Option<String>,
    pub values: BTreeMap<String, i64>,
}

impl Document {
    pub(super) fn read(text: &str) -> serde_json::Result<Self> {
        serde_json::from_str(text)
    }

    /// Takes in what was found in a window.
    fn update(&mut self, finding: Finding, window_ms: i64) {
        self.tokens = finding.pattern.tokens.iter().map(shown).collect();
        (self.pattern, self.regex, self.description) =
            (finding.pattern.template, finding.pattern.regex, finding.description);
        self.histogram.insert(window_ms, i64::try_from(finding.count).unwrap_or(i64::MAX));
        while self.histogram.len() > HISTOGRAM_MAX {
            self.histogram.pop_first();
        }
        self.samples.extend(finding.samples.into_iter().map(|sample| (sample.time_ms, sample.line)));
        let surplus = self.samples.len().saturating_sub(SAMPLES_MAX);
        self.samples.drain(..surplus);
    }
}

fn shown(token: &Token) -> ShownToken {
    let text = token.text().to_owned();
    match token {
        Token::Static(_) => ShownToken { position: None, text, name: None, values: BTreeMap::new() },
        Token::Dynamic(dynamic) => {
            let values = dynamic.values.clone().unwrap_or_default().into_iter();
            ShownToken {
                position: Some(i32::try_from(dynamic.position).unwrap_or(i32::MAX)),
                text,
                name: Some(dynamic.inferred_name()),
                values: values.map(|(value, count)| (value, i64::try_from(count).unwrap_or(i64::MAX))).collect(),
            }
        }
    }
}

/// Whether an anomaly is suppressed at a time.
pub(super) fn is_suppressed(anomaly: &LogAnomaly, at_ms: i64) -> bool {
    anomaly.suppressed_until_ms.is_some_and(|until| until > at_ms)
}

/// Whether an anomaly is normal by a time.
pub(super) fn is_normal(anomaly: &LogAnomaly, visibility_days: i64, at_ms: i64) -> bool {
    anomaly.baseline || at_ms.saturating_sub(anomaly.first_seen_ms) >= visibility_days.saturating_mul(DAY)
}

/// A pattern and a kind of anomaly.
type Key = (String, String);

/// The anomalies of a detector.
pub(super) struct Found {
    detector_id: String,
    visibility_days: i64,
    /// An anomaly that was not found for longer begins anew, milliseconds.
    lasts_ms: i64,
    ids: Arc<dyn Ids>,
    anomalies: HashMap<Key, LogAnomaly>,
    changed: BTreeSet<Key>,
    /// How many have begun.
    begun: BTreeMap<Priority, u64>,
}

impl Found {
    /// Those that are stored.
    pub(super) fn new(
        detector: &LogAnomalyDetector,
        window_ms: i64,
        anomalies: Vec<LogAnomaly>,
        ids: Arc<dyn Ids>,
    ) -> Self {
        let key = |anomaly: &LogAnomaly| (anomaly.pattern_id.clone(), anomaly.kind.clone());
        Self {
            detector_id: detector.id.clone(),
            visibility_days: detector.visibility_days,
            lasts_ms: HOUR.max(3 * window_ms),
            ids,
            anomalies: anomalies.into_iter().map(|anomaly| (key(&anomaly), anomaly)).collect(),
            changed: BTreeSet::new(),
            begun: BTreeMap::new(),
        }
    }

    /// Takes in the findings of a window by its start; those that are suppressed or normal change nothing.
    pub(super) fn take(&mut self, findings: Vec<Finding>, window_ms: i64) -> serde_json::Result<()> {
        for finding in findings.into_iter().take(FINDINGS_MAX) {
            let of_pattern = self.anomalies.values().filter(|anomaly| anomaly.pattern_id == finding.pattern_id);
            if of_pattern.clone().any(|anomaly| anomaly.pattern_suppressed && is_suppressed(anomaly, window_ms)) {
                continue;
            }
            let key = (finding.pattern_id.clone(), finding.kind.name().to_owned());
            let known = self.anomalies.get(&key);
            if known.is_some_and(|it| is_suppressed(it, window_ms) || is_normal(it, self.visibility_days, window_ms)) {
                continue;
            }
            if known.is_none_or(|it| window_ms.saturating_sub(it.last_seen_ms) > self.lasts_ms) {
                *self.begun.entry(finding.priority).or_default() += 1;
            }
            let mut document = known.map(|it| Document::read(&it.document)).transpose()?.unwrap_or_default();
            let mut anomaly = known.cloned().unwrap_or_else(|| LogAnomaly {
                id: self.ids.uuid().to_string(),
                detector_id: self.detector_id.clone(),
                pattern_id: finding.pattern_id.clone(),
                kind: key.1.clone(),
                priority: String::new(),
                first_seen_ms: window_ms,
                last_seen_ms: window_ms,
                document: String::new(),
                baseline: false,
                suppressed_ms: None,
                suppressed_until_ms: None,
                pattern_suppressed: false,
            });
            anomaly.priority = finding.priority.label().into();
            anomaly.last_seen_ms = window_ms;
            document.update(finding, window_ms);
            anomaly.document = serde_json::to_string(&document)?;
            self.anomalies.insert(key.clone(), anomaly);
            self.changed.insert(key);
        }
        Ok(())
    }

    /// The anomalies that have changed, and how many have begun, by their priority.
    pub(super) fn changes(mut self) -> (Vec<LogAnomaly>, BTreeMap<Priority, u64>) {
        let changed = self.changed.iter().filter_map(|key| self.anomalies.remove(key)).collect();
        (changed, self.begun)
    }
}
