//! RED metrics: rate, errors and duration of calls, and their bytes, by service, operation and principal; minute by minute, as input of
//! PutMetricData.
//!
//! They are kept in memory: what was not sent when the process dies is gone, unlike events.

use model::{Timestamp, time};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Namespace of the metrics.
pub const NAMESPACE: &str = "Trailwatch/Gateway";
/// Most principals with metrics of their own; what others do counts for `Other`.
const PRINCIPALS_MAX: usize = 200;
/// Most combinations of service, operation and principal in a minute; what is beyond counts for principal and operation `Other`.
const SERIES_MAX: usize = 2_000;
/// Minutes that wait for a server that does not answer; older ones are dropped.
const WAITING_MAX: usize = 60;
/// PutMetricData: most values of a datum, and datums that we send at once (AWS: 1,000, and 1 MB of body).
const VALUES_MAX: usize = 150;
const DATUMS_MAX: usize = 200;
/// What does not fit.
const OTHER: &str = "Other";

/// One call, measured.
#[derive(Debug, Clone, Copy)]
pub struct Measured<'a> {
    /// Such as `s3`.
    pub service: &'a str,
    /// Such as `PutObject`.
    pub operation: &'a str,
    /// ARN of who called, or the access key id that was claimed, or `anonymous`.
    pub principal: &'a str,
    /// Whether it failed or was refused.
    pub is_error: bool,
    /// From the request's head to the answer's end, milliseconds.
    pub latency_ms: f64,
    /// Bytes of the request's body.
    pub bytes_in: u64,
    /// Bytes of the answer's body.
    pub bytes_out: u64,
}

/// What was measured and not sent yet.
#[derive(Debug, Default)]
pub struct Metrics(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    minutes: BTreeMap<i64, BTreeMap<Series, Figures>>,
    principals: BTreeSet<String>,
    /// Inputs of PutMetricData.
    ready: VecDeque<Value>,
    is_closed: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Series {
    service: String,
    operation: String,
    principal: String,
}

/// Of one series in one minute.
#[derive(Debug, Default, Clone)]
struct Figures {
    calls: u64,
    errors: u64,
    bytes_in: u64,
    bytes_out: u64,
    /// How many calls took about so long: steps of [`step_of`].
    latencies: BTreeMap<i32, u64>,
}

impl Figures {
    fn add(&mut self, other: &Figures) {
        self.calls = self.calls.saturating_add(other.calls);
        self.errors = self.errors.saturating_add(other.errors);
        self.bytes_in = self.bytes_in.saturating_add(other.bytes_in);
        self.bytes_out = self.bytes_out.saturating_add(other.bytes_out);
        for (step, count) in &other.latencies {
            let sum = self.latencies.entry(*step).or_default();
            *sum = sum.saturating_add(*count);
        }
    }
}

/// Steps of a twentieth: percentiles are within 2.5 %.
const STEP: f64 = 1.05;

fn step_of(latency_ms: f64) -> i32 {
    // A microsecond is the shortest that is told apart. The result fits: latencies are finite.
    (latency_ms.max(0.001).ln() / STEP.ln()).round() as i32
}

fn latency_of(step: i32) -> f64 {
    let exact = STEP.powi(step);
    // Six digits are more than there are.
    format!("{exact:.5e}").parse().unwrap_or(exact)
}

impl Metrics {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a call that ended at `at`.
    pub fn add(&self, at: Timestamp, call: Measured<'_>) {
        let minute = at.0.div_euclid(time::MINUTE).saturating_mul(time::MINUTE);
        let mut guard = self.state();
        let State { minutes, principals, .. } = &mut *guard;
        let principal = if principals.contains(call.principal) {
            call.principal
        } else if principals.len() < PRINCIPALS_MAX {
            principals.insert(call.principal.to_owned());
            call.principal
        } else {
            OTHER
        };
        let series = Series {
            service: call.service.to_owned(),
            operation: call.operation.to_owned(),
            principal: principal.to_owned(),
        };
        let of_minute = minutes.entry(minute).or_default();
        let series = if of_minute.len() < SERIES_MAX || of_minute.contains_key(&series) {
            series
        } else {
            Series { operation: OTHER.into(), principal: OTHER.into(), ..series }
        };
        of_minute.entry(series).or_default().add(&Figures {
            calls: 1,
            errors: u64::from(call.is_error),
            bytes_in: call.bytes_in,
            bytes_out: call.bytes_out,
            latencies: BTreeMap::from([(step_of(call.latency_ms), 1)]),
        });
        while minutes.len() > WAITING_MAX {
            minutes.pop_first();
        }
    }

    /// From now on the running minute is due, too.
    pub fn close(&self) {
        self.state().is_closed = true;
    }

    /// The next input of PutMetricData, which stays the next until [`Metrics::delivered`].
    pub fn due(&self, now: Timestamp) -> Option<Value> {
        let mut state = self.state();
        while state.ready.is_empty() {
            let (&minute, _) = state.minutes.first_key_value()?;
            if minute.saturating_add(time::MINUTE) > now.0 && !state.is_closed {
                return None;
            }
            let (minute, figures) = state.minutes.pop_first()?;
            state.ready = inputs(Timestamp(minute), &figures).into();
        }
        state.ready.front().cloned()
    }

    /// What `due` answered was taken.
    pub fn delivered(&self) {
        self.state().ready.pop_front();
    }
}

fn inputs(minute: Timestamp, figures: &BTreeMap<Series, Figures>) -> Vec<Value> {
    let mut of_operations: BTreeMap<(&str, &str), Figures> = BTreeMap::new();
    let mut datums = Vec::new();
    for (series, figures) in figures {
        of_operations.entry((&series.service, &series.operation)).or_default().add(figures);
        push(&mut datums, minute, &series.service, &series.operation, Some(&series.principal), figures);
    }
    for ((service, operation), figures) in &of_operations {
        push(&mut datums, minute, service, operation, None, figures);
    }
    let input = |datums: &[Value]| json!({ "Namespace": NAMESPACE, "MetricData": datums });
    datums.chunks(DATUMS_MAX).map(input).collect()
}

fn push(
    datums: &mut Vec<Value>,
    minute: Timestamp,
    service: &str,
    operation: &str,
    principal: Option<&str>,
    figures: &Figures,
) {
    let named = |name: &str, value: &str| json!({ "Name": name, "Value": dimension_value(value) });
    let mut dimensions = vec![named("ServiceName", service), named("OperationName", operation)];
    dimensions.extend(principal.map(|principal| named("Principal", principal)));
    let datum = |name: &str, unit: &str, values: Value, counts: Value| {
        json!({
            "MetricName": name,
            "Dimensions": dimensions,
            "Timestamp": minute.0 as f64 / 1000.0,
            "Unit": unit,
            "Values": values,
            "Counts": counts,
        })
    };
    let errors: Vec<(u64, u64)> = [(0, figures.calls.saturating_sub(figures.errors)), (1, figures.errors)]
        .into_iter()
        .filter(|(_, count)| *count > 0)
        .collect();
    let (values, counts): (Vec<u64>, Vec<u64>) = errors.into_iter().unzip();
    datums.push(datum("Count", "Count", json!([1]), json!([figures.calls])));
    datums.push(datum("Errors", "Count", json!(values), json!(counts)));
    datums.push(datum("BytesIn", "Bytes", json!([figures.bytes_in]), json!([1])));
    datums.push(datum("BytesOut", "Bytes", json!([figures.bytes_out]), json!([1])));
    let latencies: Vec<(&i32, &u64)> = figures.latencies.iter().collect();
    for part in latencies.chunks(VALUES_MAX) {
        let (values, counts): (Vec<f64>, Vec<u64>) =
            part.iter().map(|(step, count)| (latency_of(**step), **count)).unzip();
        datums.push(datum("Latency", "Milliseconds", json!(values), json!(counts)));
    }
}

/// A value that PutMetricData takes: 1 to 255 ASCII characters that are no control characters, and no colon in front.
fn dimension_value(text: &str) -> String {
    let plain = text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' });
    let value: String = plain.skip_while(|c| *c == ':').take(255).collect();
    if value.trim().is_empty() { "-".into() } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call<'a>(operation: &'a str, principal: &'a str, latency_ms: f64) -> Measured<'a> {
        Measured {
            service: "s3",
            operation,
            principal,
            is_error: latency_ms > 100.0,
            latency_ms,
            bytes_in: 10,
            bytes_out: 1,
        }
    }

    fn all(metrics: &Metrics, now: i64) -> Vec<Value> {
        let mut found = Vec::new();
        while let Some(input) = metrics.due(Timestamp(now)) {
            found.extend(input["MetricData"].as_array().unwrap().clone());
            metrics.delivered();
        }
        found
    }

    #[test]
    fn a_minute_is_due_once_it_is_over() {
        let metrics = Metrics::default();
        for latency in [1.0, 1.01, 200.0] {
            metrics.add(Timestamp(61_000), call("GetObject", "me", latency));
        }
        assert_eq!(metrics.due(Timestamp(119_999)), None);
        let datums = all(&metrics, 120_000);
        let of = |name: &str, dimensions: usize| {
            let found = datums
                .iter()
                .find(|d| d["MetricName"] == name && d["Dimensions"].as_array().unwrap().len() == dimensions);
            found.unwrap().clone()
        };
        for dimensions in [2, 3] {
            assert_eq!(of("Count", dimensions)["Counts"], json!([3]));
            assert_eq!(
                (&of("Errors", dimensions)["Values"], &of("Errors", dimensions)["Counts"]),
                (&json!([0, 1]), &json!([2, 1]))
            );
            assert_eq!(of("BytesIn", dimensions)["Values"], json!([30]));
            let latency = of("Latency", dimensions);
            assert_eq!(latency["Counts"], json!([2, 1]));
            let slow = latency["Values"][1].as_f64().unwrap();
            assert!((slow / 200.0 - 1.0).abs() < 0.026, "{slow}");
            assert_eq!(latency["Timestamp"], json!(60.0));
        }
        assert_eq!(metrics.due(Timestamp(i64::MAX)), None);
    }

    #[test]
    fn principals_and_minutes_are_bounded() {
        let metrics = Metrics::default();
        for n in 0..PRINCIPALS_MAX + 5 {
            metrics.add(Timestamp(0), call("GetObject", &n.to_string(), 1.0));
        }
        let datums = all(&metrics, 60_000);
        let other: Vec<&Value> =
            datums.iter().filter(|d| d["MetricName"] == "Count" && d["Dimensions"][2]["Value"] == OTHER).collect();
        assert_eq!(other.len(), 1);
        assert_eq!(other[0]["Counts"], json!([5]));
        for minute in 0..100 {
            metrics.add(Timestamp(minute * 60_000), call("GetObject", "0", 1.0));
        }
        let counts = all(&metrics, i64::MAX).iter().filter(|d| d["MetricName"] == "Count").count();
        assert_eq!(counts, 2 * WAITING_MAX);
    }

    #[test]
    fn what_was_not_taken_stays_due_and_a_close_makes_the_running_minute_due() {
        let metrics = Metrics::default();
        metrics.add(Timestamp(60_000), call("GetObject", "é:", 1.0));
        assert_eq!(metrics.due(Timestamp(60_001)), None);
        metrics.close();
        let first = metrics.due(Timestamp(60_001)).unwrap();
        assert_eq!(metrics.due(Timestamp(60_001)), Some(first.clone()));
        assert_eq!(first["MetricData"][0]["Dimensions"][2]["Value"], "?:");
    }
}
