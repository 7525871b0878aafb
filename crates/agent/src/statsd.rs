//! StatsD: reads packets and adds up what they say until the next flush.
//!
//! Lines are `name:value|type[|@rate][|#tag:value,tag]`; types are `c`, `g`, `ms`, `h`, `d` and `s`. A value of a timer may be a
//! list, `1:2:3` (DogStatsD 1.1). A gauge with a sign changes what it was. A tag is a dimension, one without a value has the
//! value `true`. Fields that are not known (container, time) are passed over. Counters are divided by their rate; a timer's sample
//! counts 1/rate times. Other than in the CloudWatch agent there is no dimension `metric_type` or `host`, unless configured.

mod distribution;
#[cfg(test)]
mod tests;

use distribution::Distribution;
use model::limits::{METRIC_DIMENSIONS_MAX, METRIC_VALUE_MAX};
use model::{Datapoint, Observation, SeriesKey, Timestamp};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Most series that are kept.
const SERIES_MAX: usize = 10_000;
/// Most members of all sets together.
const SET_MEMBERS_MAX: usize = 500_000;
/// Longest name of a metric, name and value of a dimension, bytes (PutMetricData reference).
const NAME_BYTES_MAX: usize = 255;
const VALUE_BYTES_MAX: usize = 1_024;
/// After so many flushes a gauge that nobody set is forgotten.
const GAUGE_FLUSHES_MAX: u32 = 60;

/// What is counted of one metric.
#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Counter(f64),
    /// Its value, and for how many flushes nobody has set it; 0 when it is to be sent.
    Gauge(f64, u32),
    Timer(Distribution),
    Histogram(Distribution),
    /// Hashes of its members.
    Set(BTreeSet<u64>),
}

impl Kind {
    fn of(name: &str) -> Option<Self> {
        match name {
            "c" => Some(Kind::Counter(0.0)),
            "g" => Some(Kind::Gauge(0.0, 0)),
            "ms" => Some(Kind::Timer(Distribution::default())),
            "h" | "d" => Some(Kind::Histogram(Distribution::default())),
            "s" => Some(Kind::Set(BTreeSet::new())),
            _ => None,
        }
    }

    fn unit(&self) -> &'static str {
        match self {
            Kind::Counter(_) | Kind::Set(_) => "Count",
            Kind::Timer(_) => "Milliseconds",
            Kind::Gauge(..) | Kind::Histogram(_) => "None",
        }
    }
}

/// Series are apart by type too: one name may be a counter and a timer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    name: String,
    kind: String,
    dimensions: Vec<(String, String)>,
}

/// All metrics since the last flush.
#[derive(Debug, Default)]
pub struct Aggregate {
    /// Dimensions of every metric.
    dimensions: BTreeMap<String, String>,
    series: BTreeMap<Key, Kind>,
    set_members: usize,
    malformed: u64,
    overflowed: u64,
}

impl Aggregate {
    /// Nothing yet; `dimensions` are added to every metric, tags win.
    pub fn new(dimensions: BTreeMap<String, String>) -> Self {
        Self { dimensions, ..Self::default() }
    }

    /// Takes one packet of any bytes; lines that make no sense are counted.
    pub fn packet(&mut self, packet: &[u8]) {
        for line in packet.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
            let taken = std::str::from_utf8(line).ok().and_then(|line| self.line(line));
            self.malformed += u64::from(taken.is_none());
        }
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let (name, rest) = line.split_once(':')?;
        let mut fields = rest.split('|');
        let (values, kind_name) = (fields.next()?, fields.next()?);
        let new = Kind::of(kind_name)?;
        let mut rate = 1.0;
        let mut dimensions = self.dimensions.clone();
        for field in fields {
            if let Some(text) = field.strip_prefix('@') {
                rate = text.parse::<f64>().ok().filter(|rate| *rate > 0.0 && *rate <= 1.0)?;
            } else if let Some(tags) = field.strip_prefix('#') {
                add_tags(&mut dimensions, tags)?;
            }
        }
        if !is_text(name, NAME_BYTES_MAX) || dimensions.len() > METRIC_DIMENSIONS_MAX {
            return None;
        }
        let key = Key { name: name.into(), kind: kind_name.into(), dimensions: dimensions.into_iter().collect() };
        // All values are understood before one is taken.
        let numbers: Vec<(&str, f64)> = match new {
            Kind::Set(_) => vec![(values, 0.0)],
            _ => values.split(':').map(|value| Some((value, number(value)?))).collect::<Option<_>>()?,
        };
        if self.series.len() >= SERIES_MAX && !self.series.contains_key(&key) {
            self.overflowed += 1;
            return Some(());
        }
        let kind = self.series.entry(key).or_insert(new);
        for (text, number) in numbers {
            match kind {
                Kind::Counter(sum) => *sum = clamped(*sum + number / rate),
                Kind::Gauge(value, age) => {
                    *value = if text.starts_with(['+', '-']) { clamped(*value + number) } else { number };
                    *age = 0;
                }
                Kind::Timer(distribution) | Kind::Histogram(distribution) => distribution.add(number, 1.0 / rate),
                Kind::Set(members) if self.set_members < SET_MEMBERS_MAX => {
                    self.set_members += usize::from(members.insert(hash(text)));
                }
                Kind::Set(_) => self.overflowed += 1,
            }
        }
        Some(())
    }

    /// What was added up, as datapoints of `now`; everything but the values of gauges begins anew.
    pub fn flush(&mut self, namespace: &str, now: Timestamp) -> Vec<Datapoint> {
        let mut datapoints = Vec::new();
        let mut gauges = BTreeMap::new();
        for (key, kind) in std::mem::take(&mut self.series) {
            let unit = kind.unit();
            let observation = match kind {
                Kind::Counter(sum) => Some(Observation::value(sum)),
                Kind::Gauge(value, age) => {
                    if age < GAUGE_FLUSHES_MAX {
                        gauges.insert(key.clone(), Kind::Gauge(value, age + 1));
                    }
                    (age == 0).then_some(Observation::value(value))
                }
                Kind::Timer(distribution) | Kind::Histogram(distribution) => {
                    Some(Observation::Values(distribution.into_values().into()))
                }
                Kind::Set(members) => Some(Observation::value(members.len() as f64)),
            };
            datapoints.extend(observation.map(|observation| Datapoint {
                series: Arc::new(SeriesKey {
                    namespace: namespace.into(),
                    name: key.name,
                    dimensions: key.dimensions,
                    unit: unit.into(),
                    ..SeriesKey::default()
                }),
                timestamp: now.floor_to(1_000),
                resolution_secs: 60,
                observation,
            }));
        }
        self.series = gauges;
        self.set_members = 0;
        if self.malformed > 0 || self.overflowed > 0 {
            let (malformed, overflowed) = (self.malformed, self.overflowed);
            tracing::warn!(malformed, overflowed, "StatsD lines not taken: not understood, or too many series");
            (self.malformed, self.overflowed) = (0, 0);
        }
        datapoints
    }
}

fn add_tags(dimensions: &mut BTreeMap<String, String>, tags: &str) -> Option<()> {
    for tag in tags.split(',').filter(|tag| !tag.is_empty()) {
        let (name, value) = tag.split_once(':').unwrap_or((tag, "true"));
        // CloudWatch knows no empty values, and no name that begins with a colon.
        if value.is_empty() {
            continue;
        }
        if !is_text(name, NAME_BYTES_MAX) || !is_text(value, VALUE_BYTES_MAX) {
            return None;
        }
        dimensions.insert(name.into(), value.into());
    }
    Some(())
}

/// True for text that CloudWatch takes in names: ASCII without control characters, not blank.
fn is_text(text: &str, bytes_max: usize) -> bool {
    let plain = |byte: u8| byte.is_ascii_graphic() || byte == b' ';
    text.len() <= bytes_max && !text.trim().is_empty() && text.bytes().all(plain)
}

fn number(text: &str) -> Option<f64> {
    text.parse::<f64>().ok().filter(|number| number.abs() <= METRIC_VALUE_MAX)
}

fn clamped(number: f64) -> f64 {
    number.clamp(-METRIC_VALUE_MAX, METRIC_VALUE_MAX)
}

/// FNV-1a: sets are counted, not attacked, and memory is bounded besides.
fn hash(text: &str) -> u64 {
    text.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
