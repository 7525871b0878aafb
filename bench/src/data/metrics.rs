//! W2: 10 metrics x 50 services x 20 instances, one sample a minute for a day: gauges, counters, latencies.

use super::Plan;
use crate::bodies::{Datum, Random};

/// Minutes in the day.
pub const MINUTES: u64 = 1_440;
/// How many services there are.
pub const SERVICES: u64 = 50;
/// Name space of all metrics.
pub const NAMESPACE: &str = "Bench/W2";
/// The metric that the questions are about: lognormal, thousandths.
pub const LATENCY: &str = "LatencyMs";

const NAMES: [&str; 10] = [
    "CPUUtilization",
    "MemoryUsedPercent",
    "RequestCount",
    "RequestsTotal",
    "BytesTotal",
    LATENCY,
    "QueueDepth",
    "ErrorCount",
    "LoadAverage",
    "Temperature",
];

/// The samples, minute by minute.
#[derive(Debug)]
pub struct Samples {
    first_seconds: i64,
    minute: u64,
    instances: u64,
    random: Random,
    /// Last value of each series, thousandths.
    last: Vec<i64>,
}

impl Samples {
    /// Begins at the first minute of the day that ends at the end of the plan.
    pub fn new(plan: &Plan) -> Self {
        let instances = instances(plan);
        let mut random = plan.random(2, 0);
        let series = NAMES.len() as u64 * SERVICES * instances;
        let last = (0..series).map(|_| random.below(100) as i64 * 1000).collect();
        Self { first_seconds: plan.end_ms / 1000 - MINUTES as i64 * 60, minute: 0, instances, random, last }
    }
}

/// Instances of each service.
pub fn instances(plan: &Plan) -> u64 {
    plan.scaled(20)
}

/// Name of a service.
pub fn service(number: u64) -> String {
    format!("service-{number:02}")
}

/// Name of an instance of a service.
pub fn instance(service: u64, number: u64) -> String {
    format!("i-{:08x}", service * 4_096 + number * 17 + 0x0a00_0000)
}

impl Iterator for Samples {
    type Item = Vec<Datum>;

    /// All samples of the next minute.
    fn next(&mut self) -> Option<Vec<Datum>> {
        if self.minute == MINUTES {
            return None;
        }
        let seconds = self.first_seconds + self.minute as i64 * 60;
        self.minute += 1;
        let mut samples = Vec::with_capacity(self.last.len());
        for (kind, name) in NAMES.iter().enumerate() {
            for number in 0..SERVICES {
                for replica in 0..self.instances {
                    let milli = step(&mut self.random, kind, &mut self.last[samples.len()]);
                    samples.push(Datum::new(name, service(number), instance(number, replica), seconds, milli));
                }
            }
        }
        Some(samples)
    }
}

/// The next value of a series of this kind, thousandths.
fn step(random: &mut Random, kind: usize, last: &mut i64) -> i64 {
    let next = match kind {
        0 => walk(random, *last, 300, 10),
        1 => walk(random, *last, 50, 10),
        2 => random.below(120) as i64 * 1000,
        3 => *last + random.below(120) as i64 * 1000,
        4 => *last + random.below(2_000_000) as i64 * 1000,
        5 => lognormal(random),
        6 => (*last + (random.below(5) as i64 - 2) * 1000).clamp(0, 500_000),
        7 if random.below(6) > 0 => 0,
        7 => 1000 * (1 + random.below(5) as i64),
        8 => walk(random, *last, 400, 1),
        _ => walk(random, *last, 15, 100),
    };
    *last = next;
    next
}

/// A step of at most `steps` times `unit` thousandths, between 0 and 100.
fn walk(random: &mut Random, last: i64, steps: i64, unit: i64) -> i64 {
    (last + (random.below(2 * steps as u64 + 1) as i64 - steps) * unit).clamp(0, 100_000)
}

/// About 20 ms at the median, with a long tail.
fn lognormal(random: &mut Random) -> i64 {
    // The sum of twelve uniform numbers is near enough to a normal one.
    let sum: u64 = (0..12).map(|_| random.below(1 << 16)).sum();
    let normal = sum as f64 / f64::from(1 << 16) - 6.0;
    ((3.0 + 0.7 * normal).exp() * 1000.0) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_series_has_a_sample_each_minute() {
        let plan = Plan { seed: 1, scale: 0.1, end_ms: 1_767_323_040_000 };
        let mut samples = Samples::new(&plan);
        let first = samples.next().unwrap();
        assert_eq!(first.len(), 1_000);
        assert_eq!(first[0].seconds(), plan.end_ms / 1000 - 86_400);
        assert_eq!(samples.count(), 1_439);
    }
}
