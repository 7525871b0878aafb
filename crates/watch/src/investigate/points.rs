//! Points of what is watched, as the alarm itself sees them, and where they change.

use super::about::Found;
use super::{Frame, InvestigateError};
use crate::Watch;
use crate::alarms::observe::{self, Observed, period_secs};
use crate::alarms::state::Slot;
use catalog::AlarmConfiguration;
use model::limits::INVESTIGATE_POINTS_MAX;
use model::time::SECOND;
use model::{Scope, Timestamp};
use query::investigate::onset::{ChangePoint, Direction, Series, change_point};
use query::investigate::{Onset, OnsetSource};

/// Most series of an alarm on many that are looked at.
const SERIES_MAX: usize = 100;

/// A metric's namespace, name and dimensions.
pub type MetricName = (String, String, Vec<(String, String)>);

/// What is known of what is watched.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// For people.
    pub label: String,
    /// Namespace, name and dimensions; `None` for expressions.
    pub metric: Option<MetricName>,
    /// The statistic; `None` for expressions.
    pub statistic: Option<String>,
    /// Length of a period, seconds.
    pub period_secs: i64,
    /// What it is compared with, where that is a number.
    pub threshold: Option<f64>,
    /// Starts of periods, and values.
    pub points: Vec<(Timestamp, f64)>,
    /// Where it changed.
    pub change: Option<ChangePoint>,
}

/// Reads all that is watched. What cannot be read is noted and left out: the rest may tell enough.
pub(super) async fn read(
    watch: &Watch,
    scope: &Scope,
    found: &Found,
    frame: &Frame,
    now: Timestamp,
    notes: &mut Vec<String>,
) -> Result<Vec<Metric>, InvestigateError> {
    let mut metrics = Vec::new();
    for (label, configuration) in &found.watched {
        match read_one(watch, scope, (label.as_str(), configuration), frame, now).await {
            Ok(metric) => metrics.push(metric),
            Err(InvestigateError::Observe(error)) => notes.push(format!("{label} could not be read: {error}")),
            Err(error) => return Err(error),
        }
    }
    Ok(metrics)
}

async fn read_one(
    watch: &Watch,
    scope: &Scope,
    (label, configuration): (&str, &AlarmConfiguration),
    frame: &Frame,
    now: Timestamp,
) -> Result<Metric, InvestigateError> {
    let period_secs = period_secs(configuration);
    let count = ((frame.window.end - frame.baseline_from) / (period_secs * SECOND)).max(1);
    let count = usize::try_from(count).unwrap_or(1).min(INVESTIGATE_POINTS_MAX);
    let window = observe::window(configuration, now).map_err(observe::ObserveError::from)?;
    let periods = window.periods(period_secs, count, frame.window.end);
    let from = periods.first().map_or(frame.baseline_from, |period| period.start);
    let series = match observe::observe_periods(watch, scope, configuration, &periods, now).await? {
        Observed::One(slots) => vec![(label.to_owned(), slots)],
        Observed::Many(many) => {
            let named = |(group, slots): (std::collections::BTreeMap<String, String>, Vec<Slot>)| {
                (format!("{label} {}", group.into_values().collect::<Vec<_>>().join(" ")), slots)
            };
            many.into_iter().take(SERIES_MAX).map(named).collect()
        }
    };
    let judged = series.into_iter().map(|(label, slots)| {
        let points = points(&slots);
        let change = change(configuration, &points, (period_secs, from), frame.at);
        (label, points, change)
    });
    // Of many series the one that changed most tells; the first of those that are equal.
    let evidence = |change: &Option<ChangePoint>| change.map_or(0.0, |change| change.evidence);
    let most = judged.reduce(|best, next| if evidence(&next.2) > evidence(&best.2) { next } else { best });
    let (label, points, change) = most.unwrap_or_else(|| (label.to_owned(), Vec::new(), None));
    let is_plain = configuration.metrics.is_empty();
    let AlarmConfiguration { namespace, metric_name, dimensions, statistic, extended_statistic, .. } = configuration;
    let has_threshold = configuration.threshold_metric_id.is_none() && !configuration.comparison_operator.is_empty();
    Ok(Metric {
        label,
        metric: is_plain.then(|| (namespace.clone(), metric_name.clone(), dimensions.clone())),
        statistic: statistic.clone().or_else(|| extended_statistic.clone()).filter(|_| is_plain),
        period_secs,
        threshold: has_threshold.then_some(configuration.threshold),
        points,
        change,
    })
}

fn points(slots: &[Slot]) -> Vec<(Timestamp, f64)> {
    slots.iter().filter_map(|slot| Some((slot.start, slot.point?.value))).collect()
}

fn change(
    configuration: &AlarmConfiguration,
    points: &[(Timestamp, f64)],
    (period_secs, from): (i64, Timestamp),
    by: Timestamp,
) -> Option<ChangePoint> {
    let operator = configuration.comparison_operator.as_str();
    let direction = match operator {
        operator if operator.starts_with("GreaterThan") => Direction::Up,
        "LessThanThreshold" | "LessThanOrEqualToThreshold" | "LessThanLowerThreshold" => Direction::Down,
        _ => Direction::Either,
    };
    let counts = |statistic: &str| matches!(statistic, "Sum" | "SampleCount");
    let statistic = configuration.statistic.as_ref().or(configuration.extended_statistic.as_ref());
    let queried = || configuration.metrics.iter().filter_map(|query| query.metric.as_ref());
    let is_count = match configuration.metrics.is_empty() {
        true => statistic.is_some_and(|statistic| counts(statistic)),
        false => queried().next().is_some() && queried().all(|metric| counts(&metric.stat)),
    };
    change_point(&Series { points, period_ms: period_secs * SECOND, from, direction, is_count }, by)
}

/// The onset that a metric tells: of several the one that changed most.
pub(super) fn onset(metrics: &[Metric]) -> Option<Onset> {
    let changed = metrics.iter().filter_map(|metric| Some((metric, metric.change?)));
    let (metric, change) = changed.reduce(|best, next| if next.1.evidence > best.1.evidence { next } else { best })?;
    let name = match &metric.statistic {
        Some(statistic) => format!("{statistic} of {}", metric.label),
        None => metric.label.clone(),
    };
    let at = change.at.iso_seconds();
    let reason = match (change.before, change.after) {
        (Some(before), Some(after)) => {
            format!("{name} went from about {} to about {} at {at}", short(before), short(after))
        }
        (None, Some(after)) => format!("{name} began at {at}, with about {}", short(after)),
        (Some(before), None) => format!("{name} ended at {at}; it was about {}", short(before)),
        (None, None) => format!("{name} changed at {at}"),
    };
    let to = change.at + metric.period_secs * SECOND;
    let (before, after) = (change.before, change.after);
    Some(Onset { from: change.at, to, source: OnsetSource::Metric, before, after, reason })
}

/// A number with three digits that count.
fn short(number: f64) -> String {
    if number == 0.0 || !number.is_finite() {
        return format!("{number}");
    }
    let digits = (2 - number.abs().log10().floor() as i32).clamp(0, 6);
    let text = format!("{number:.*}", digits as usize);
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}
