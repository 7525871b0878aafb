//! The server's own calls as metrics: count, errors, faults, latency and bytes by operation, in namespace `Trailwatch`.

use model::{Datapoint, Observation, SeriesKey, Timestamp};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What one call came to.
#[derive(Debug, Clone, Copy)]
pub struct CallFacts {
    /// CLI name of the service, such as `logs`.
    pub service: &'static str,
    /// Operation name, such as `PutLogEvents`.
    pub operation: &'static str,
    /// HTTP status of the answer.
    pub status: u16,
    /// From the first byte read to the answer made.
    pub latency: Duration,
    /// Body bytes of the request, as on the wire.
    pub bytes_in: usize,
    /// Body bytes of the answer.
    pub bytes_out: usize,
}

/// Totals of one operation since the last flush.
#[derive(Debug, Default)]
struct Totals {
    calls: u64,
    errors: u64,
    faults: u64,
    bytes_in: u64,
    bytes_out: u64,
    /// Latency in microseconds cut to two significant digits -> how many calls: few distinct values, 5 % exact.
    latencies: BTreeMap<u64, u64>,
}

/// Collects calls between flushes. Bounded: one entry per operation that exists.
#[derive(Debug, Default)]
pub struct Calls {
    totals: Mutex<BTreeMap<(&'static str, &'static str), Totals>>,
}

/// Totals over all operations, for the summary line in the server's log.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Calls answered.
    pub calls: u64,
    /// Calls answered with a status of 400 to 499.
    pub errors: u64,
    /// Calls answered with a status of 500 or more.
    pub faults: u64,
}

impl Calls {
    /// Counts one call.
    pub fn count(&self, facts: CallFacts) {
        let mut totals = self.totals.lock().unwrap_or_else(PoisonError::into_inner);
        let entry = totals.entry((facts.service, facts.operation)).or_default();
        entry.calls += 1;
        entry.errors += u64::from((400..500).contains(&facts.status));
        entry.faults += u64::from(facts.status >= 500);
        entry.bytes_in += facts.bytes_in as u64;
        entry.bytes_out += facts.bytes_out as u64;
        let micros = u64::try_from(facts.latency.as_micros()).unwrap_or(u64::MAX);
        *entry.latencies.entry(two_digits(micros)).or_default() += 1;
    }

    /// Takes everything counted so far as datapoints at `now`.
    pub fn take(&self, account: &str, region: &str, now: Timestamp) -> (Summary, Vec<Datapoint>) {
        let totals = std::mem::take(&mut *self.totals.lock().unwrap_or_else(PoisonError::into_inner));
        let mut summary = Summary::default();
        let mut datapoints = Vec::with_capacity(totals.len() * 6);
        for ((service, operation), total) in totals {
            summary.calls += total.calls;
            summary.errors += total.errors;
            summary.faults += total.faults;
            let dimensions = vec![("Operation".into(), operation.into()), ("Service".into(), service.into())];
            let mut push = |name: &str, unit: &str, observation: Observation| {
                datapoints.push(Datapoint {
                    series: Arc::new(SeriesKey {
                        account: account.into(),
                        region: region.into(),
                        namespace: "Trailwatch".into(),
                        name: name.into(),
                        dimensions: dimensions.clone(),
                        unit: unit.into(),
                    }),
                    timestamp: now.floor_to(1000),
                    resolution_secs: 60,
                    observation,
                });
            };
            push("CallCount", "Count", Observation::value(total.calls as f64));
            push("ErrorCount", "Count", Observation::value(total.errors as f64));
            push("FaultCount", "Count", Observation::value(total.faults as f64));
            push("BytesIn", "Bytes", Observation::value(total.bytes_in as f64));
            push("BytesOut", "Bytes", Observation::value(total.bytes_out as f64));
            let latencies = total.latencies.into_iter().map(|(micros, n)| (micros as f64 / 1000.0, n as f64));
            push("Latency", "Milliseconds", Observation::Values(latencies.collect()));
        }
        (summary, datapoints)
    }
}

/// Cuts to two significant digits, rounding half up: 1234 -> 1200, 87 -> 87.
fn two_digits(value: u64) -> u64 {
    let mut scale = 1;
    while value / scale >= 100 {
        scale *= 10;
    }
    (value.saturating_add(scale / 2)) / scale * scale
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_become_datapoints_and_are_counted_once() {
        let calls = Calls::default();
        for status in [200, 400, 500] {
            calls.count(CallFacts {
                service: "logs",
                operation: "PutLogEvents",
                status,
                latency: Duration::from_micros(1234),
                bytes_in: 10,
                bytes_out: 2,
            });
        }
        let (summary, datapoints) = calls.take("123456789012", "us-east-1", Timestamp(61_234));
        assert_eq!(summary, Summary { calls: 3, errors: 1, faults: 1 });
        let latency = datapoints.iter().find(|d| d.series.name == "Latency").unwrap();
        assert_eq!(latency.observation, Observation::Values(vec![(1.2, 3.0)].into()));
        assert_eq!(latency.timestamp, Timestamp(61_000));
        assert!(calls.take("123456789012", "us-east-1", Timestamp(0)).1.is_empty());
    }

    #[test]
    fn two_digits_keeps_the_size() {
        assert_eq!([two_digits(7), two_digits(87), two_digits(1234), two_digits(1250)], [7, 87, 1200, 1300]);
    }
}
