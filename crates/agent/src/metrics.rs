//! Datapoints on their way to PutMetricData: cut into calls, kept in memory while the server is away, oldest dropped first.
//!
//! A call whose answer was lost is made again, as the SDKs do: a datapoint may count twice then. Metrics that were not sent are
//! lost when the agent ends.

use crate::backoff::{LONGEST_MS, is_due, wait_ms};
use crate::endpoint::{Endpoint, Failure, Operation};
use model::limits::METRIC_DATUMS_MAX;
use model::{Datapoint, Observation, Timestamp};
use serde_json::{Value, json};
use std::collections::VecDeque;

/// Largest call, bytes of JSON; PutMetricData takes 1 MB.
const CALL_BYTES_MAX: usize = 900_000;
/// Most bytes of calls that wait.
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Calls that wait.
#[derive(Debug, Default)]
pub struct Outgoing {
    calls: VecDeque<(Value, usize)>,
    bytes: usize,
    failures: u32,
    not_before: Option<Timestamp>,
}

impl Outgoing {
    /// Adds datapoints, cut into calls of one namespace.
    pub fn push(&mut self, datapoints: &[Datapoint]) {
        for of_namespace in datapoints.chunk_by(|a, b| a.series.namespace == b.series.namespace) {
            let namespace = &of_namespace[0].series.namespace;
            let (mut data, mut bytes) = (Vec::new(), 0);
            for datapoint in of_namespace {
                let datum = datum(datapoint);
                let datum_bytes = datum.to_string().len() + 1;
                if data.len() >= METRIC_DATUMS_MAX || bytes + datum_bytes > CALL_BYTES_MAX {
                    self.push_call(namespace, std::mem::take(&mut data), std::mem::take(&mut bytes));
                }
                bytes += datum_bytes;
                data.push(datum);
            }
            self.push_call(namespace, data, bytes);
        }
        let mut dropped = 0;
        while self.bytes > WAITING_BYTES_MAX
            && let Some((call, bytes)) = self.calls.pop_front()
        {
            self.bytes -= bytes;
            dropped += call["MetricData"].as_array().map_or(0, Vec::len);
        }
        if dropped > 0 {
            tracing::warn!(dropped, "the oldest metrics were dropped: the server has been away for too long");
        }
    }

    fn push_call(&mut self, namespace: &str, data: Vec<Value>, bytes: usize) {
        self.bytes += bytes;
        self.calls.push_back((json!({ "Namespace": namespace, "MetricData": data }), bytes));
    }

    /// Sends what waits, oldest first, until one fails.
    pub fn send(&mut self, endpoint: &dyn Endpoint, now: Timestamp, random: f64) {
        if self.not_before.is_some_and(|not_before| !is_due(not_before, now, LONGEST_MS)) {
            return;
        }
        while let Some((call, bytes)) = self.calls.front() {
            let refused = match endpoint.call(Operation::PutMetricData, call) {
                Ok(_) => None,
                Err(Failure::Refused { code, message }) if is_hopeless(&code) => Some(format!("{code}: {message}")),
                Err(failure) => {
                    self.failures = self.failures.saturating_add(1);
                    self.not_before = Some(now + wait_ms(self.failures, random));
                    if self.failures.is_power_of_two() {
                        tracing::warn!(failures = self.failures, %failure, "metrics not delivered; trying again");
                    }
                    return;
                }
            };
            if let Some(refused) = refused {
                let dropped = call["MetricData"].as_array().map_or(0, Vec::len);
                tracing::error!(refused, dropped, "the server does not take metrics");
            }
            self.bytes -= bytes;
            self.calls.pop_front();
            (self.failures, self.not_before) = (0, None);
        }
    }
}

/// Errors that the same call would meet again.
fn is_hopeless(code: &str) -> bool {
    code.starts_with("InvalidParameter")
        || code.starts_with("Validation")
        || code.starts_with("MissingParameter")
        || ["SerializationException", "InvalidFormat", "HTTP 413"].contains(&code)
}

fn datum(datapoint: &Datapoint) -> Value {
    let dimensions = datapoint.series.dimensions.iter().map(|(name, value)| json!({ "Name": name, "Value": value }));
    let mut datum = json!({
        "MetricName": datapoint.series.name,
        "Dimensions": dimensions.collect::<Vec<_>>(),
        "Timestamp": datapoint.timestamp.secs(),
        "Unit": datapoint.series.unit,
    });
    match &datapoint.observation {
        Observation::Values(pairs) if matches!(pairs[..], [(_, 1.0)]) => datum["Value"] = json!(pairs[0].0),
        Observation::Values(pairs) => {
            datum["Values"] = pairs.iter().map(|pair| pair.0).collect();
            datum["Counts"] = pairs.iter().map(|pair| pair.1).collect();
        }
        Observation::Set { count, sum, min, max } => {
            datum["StatisticValues"] = json!({ "SampleCount": count, "Sum": sum, "Minimum": min, "Maximum": max });
        }
    }
    datum
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::SeriesKey;
    use std::cell::RefCell;
    use std::sync::Arc;

    #[derive(Default)]
    struct Server {
        answers: RefCell<VecDeque<Failure>>,
        calls: RefCell<Vec<Value>>,
    }

    impl Endpoint for Server {
        fn call(&self, operation: Operation, input: &Value) -> Result<Value, Failure> {
            assert_eq!(operation, Operation::PutMetricData);
            if let Some(failure) = self.answers.borrow_mut().pop_front() {
                return Err(failure);
            }
            self.calls.borrow_mut().push(input.clone());
            Ok(Value::Null)
        }
    }

    fn datapoints(namespace: &str, count: usize, values: Vec<(f64, f64)>) -> Vec<Datapoint> {
        let series = SeriesKey {
            namespace: namespace.into(),
            name: "m".into(),
            dimensions: vec![("d".into(), "x".repeat(500))],
            unit: "None".into(),
            ..SeriesKey::default()
        };
        let observation = Observation::Values(values.into());
        let datapoint =
            Datapoint { series: Arc::new(series), timestamp: Timestamp(2_000), resolution_secs: 60, observation };
        vec![datapoint; count]
    }

    #[test]
    fn calls_have_one_namespace_and_keep_the_limits() {
        let mut outgoing = Outgoing::default();
        let mut all = datapoints("A", 2_001, vec![(1.0, 1.0)]);
        all.extend(datapoints("B", 400, (0..150).map(|value| (f64::from(value) / 3.0, 2.5)).collect()));
        outgoing.push(&all);
        let server = Server::default();
        outgoing.send(&server, Timestamp(0), 0.0);
        let calls = server.calls.borrow();
        let sizes: Vec<(&str, usize)> = calls
            .iter()
            .map(|call| {
                assert!(call.to_string().len() < 1_000_000);
                (call["Namespace"].as_str().unwrap(), call["MetricData"].as_array().unwrap().len())
            })
            .collect();
        assert_eq!(sizes[..3], [("A", 1_000), ("A", 1_000), ("A", 1)]);
        assert_eq!(sizes[3..].iter().map(|size| size.1).sum::<usize>(), 400);
        assert!(sizes.len() > 4 && sizes[3..].iter().all(|size| size.0 == "B"));
        assert_eq!(calls[0]["MetricData"][0]["Value"], 1.0);
        assert_eq!(calls[3]["MetricData"][0]["Counts"][149], 2.5);
        assert_eq!(outgoing.bytes, 0);
    }

    #[test]
    fn what_fails_is_sent_again_later_and_what_is_refused_is_dropped() {
        let mut outgoing = Outgoing::default();
        let server = Server::default();
        let refused = |code: &str| Failure::Refused { code: code.into(), message: String::new() };
        server.answers.borrow_mut().extend([
            Failure::NotSent("down".into()),
            refused("Throttling"),
            refused("ValidationError"),
        ]);
        outgoing.push(&datapoints("A", 1, vec![(1.0, 1.0)]));
        outgoing.push(&datapoints("B", 1, vec![(1.0, 1.0)]));
        outgoing.send(&server, Timestamp(0), 1.0);
        outgoing.send(&server, Timestamp(499), 1.0);
        assert_eq!(server.answers.borrow().len(), 2);
        outgoing.send(&server, Timestamp(500), 1.0);
        outgoing.send(&server, Timestamp(1_500), 1.0);
        assert_eq!(server.calls.borrow().len(), 1);
        assert_eq!(server.calls.borrow()[0]["Namespace"], "B");
    }

    #[test]
    fn the_oldest_are_dropped_when_too_many_wait() {
        let mut outgoing = Outgoing::default();
        outgoing.push(&datapoints("old", 1, vec![(1.0, 1.0)]));
        outgoing.push(&datapoints("new", 40_000, vec![(1.0, 1.0)]));
        assert!(outgoing.bytes <= WAITING_BYTES_MAX);
        assert_eq!(outgoing.calls[0].0["Namespace"], "new");
    }
}
