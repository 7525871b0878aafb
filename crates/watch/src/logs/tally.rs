//! `Tally`: counts the values that the events of one batch have for metrics, so that many lines make few datapoints.
//!
//! Values of one metric that fall into one period (a minute, or a second for metrics of high resolution) become one
//! datapoint at its beginning, with each distinct value once and how often it occurred.

use foldhash::fast::RandomState;
use model::limits::{DERIVED_SERIES_BYTES_MAX, METRIC_VALUES_MAX};
use model::time::SECOND;
use model::{Datapoint, Observation, SeriesKey, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// Values kept before equal ones are counted together.
const LOOSE_VALUES: usize = 1_024;
/// What a datapoint takes besides its names, bytes.
const ENTRY_BYTES: usize = 256;

/// The values of one batch.
#[derive(Debug, Default)]
pub struct Tally {
    /// Where the values of a metric and period are in `counts`. Series are told apart by their address, which is cheap to
    /// hash; `counts` keeps them alive. One that is there twice makes two datapoints, which is as good.
    places: HashMap<(usize, Timestamp, u8), usize, RandomState>,
    counts: Vec<Counts>,
    bytes: usize,
    dropped: u64,
}

#[derive(Debug)]
struct Counts {
    series: Arc<SeriesKey>,
    start: Timestamp,
    resolution_secs: u8,
    /// Values with their counts.
    pairs: Vec<(f64, f64)>,
    /// How many pairs there may be before equal ones are counted together.
    pairs_max: usize,
}

impl Tally {
    /// Counts one value of a metric at a time. What finds no room in [`DERIVED_SERIES_BYTES_MAX`] is dropped.
    pub fn add(&mut self, series: &Arc<SeriesKey>, at: Timestamp, resolution_secs: u8, value: f64) {
        let start = at.floor_to(i64::from(resolution_secs) * SECOND);
        let place = (Arc::as_ptr(series).addr(), start, resolution_secs);
        let index = match self.places.get(&place) {
            Some(&index) => index,
            None => {
                let bytes = self.bytes + ENTRY_BYTES + text_bytes(series);
                if bytes > DERIVED_SERIES_BYTES_MAX {
                    self.dropped += 1;
                    return;
                }
                self.bytes = bytes;
                self.places.insert(place, self.counts.len());
                let series = Arc::clone(series);
                self.counts.push(Counts { series, start, resolution_secs, pairs: Vec::new(), pairs_max: LOOSE_VALUES });
                self.counts.len() - 1
            }
        };
        if let Some(counts) = self.counts.get_mut(index) {
            counts.add(value);
        }
    }

    /// How many values were dropped.
    pub fn dropped(&self) -> u64 {
        self.dropped
    }

    /// The datapoints, in the order in which their first values came.
    pub fn datapoints(self) -> Vec<Datapoint> {
        let mut datapoints = Vec::with_capacity(self.counts.len());
        for mut counts in self.counts {
            counts.join_equal();
            for pairs in counts.pairs.chunks(METRIC_VALUES_MAX) {
                datapoints.push(Datapoint {
                    series: Arc::clone(&counts.series),
                    timestamp: counts.start,
                    resolution_secs: counts.resolution_secs,
                    observation: Observation::Values(pairs.into()),
                });
            }
        }
        datapoints
    }
}

impl Counts {
    fn add(&mut self, value: f64) {
        match self.pairs.last_mut() {
            Some((last, count)) if last.to_bits() == value.to_bits() => *count += 1.0,
            _ => self.pairs.push((value, 1.0)),
        }
        if self.pairs.len() >= self.pairs_max {
            self.join_equal();
            self.pairs_max = LOOSE_VALUES.max(self.pairs.len() * 2);
        }
    }

    /// Counts equal values together; sorts them.
    fn join_equal(&mut self) {
        self.pairs.sort_unstable_by(|(a, _), (b, _)| a.total_cmp(b));
        self.pairs.dedup_by(|(value, count), (kept, kept_count)| {
            let is_equal = kept.to_bits() == value.to_bits();
            if is_equal {
                *kept_count += *count;
            }
            is_equal
        });
    }
}

fn text_bytes(series: &SeriesKey) -> usize {
    let SeriesKey { account, region, namespace, name, dimensions, unit } = series;
    let fixed = account.len() + region.len() + namespace.len() + name.len() + unit.len();
    fixed + dimensions.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn series(name: &str) -> Arc<SeriesKey> {
        Arc::new(SeriesKey { name: name.to_owned(), ..SeriesKey::default() })
    }

    #[test]
    fn equal_values_of_a_minute_are_counted_together() {
        let (a, b) = (series("a"), series("b"));
        let mut tally = Tally::default();
        for (series, ms, value) in [(&a, 59_999, 2.0), (&b, 0, 7.0), (&a, 1, 1.0), (&a, 0, 2.0), (&a, 60_000, 2.0)] {
            tally.add(series, Timestamp(ms), 60, value);
        }
        tally.add(&a, Timestamp(1_500), 1, 2.0);
        let told: Vec<_> = tally
            .datapoints()
            .into_iter()
            .map(|d| (d.series.name.clone(), d.timestamp.0, d.resolution_secs, d.observation))
            .collect();
        let values = |pairs: &[(f64, f64)]| Observation::Values(pairs.into());
        assert_eq!(
            told,
            [
                ("a".into(), 0, 60, values(&[(1.0, 1.0), (2.0, 2.0)])),
                ("b".into(), 0, 60, values(&[(7.0, 1.0)])),
                ("a".into(), 60_000, 60, values(&[(2.0, 1.0)])),
                ("a".into(), 1_000, 1, values(&[(2.0, 1.0)])),
            ]
        );
    }

    #[test]
    fn ten_thousand_lines_make_few_datapoints() {
        let a = series("a");
        let mut tally = Tally::default();
        for n in 0..10_000 {
            tally.add(&a, Timestamp(0), 60, f64::from(n % 300));
        }
        assert!(tally.counts[0].pairs.len() <= LOOSE_VALUES);
        let datapoints = tally.datapoints();
        let sizes: Vec<f64> = datapoints.iter().map(|datapoint| datapoint.observation.stats().0).collect();
        assert_eq!(datapoints.len(), 2);
        assert_eq!(sizes.iter().sum::<f64>(), 10_000.0);
        assert_eq!(datapoints[1].observation.stats().3, 299.0);
    }

    #[test]
    fn a_batch_makes_only_so_much() {
        let mut tally = Tally::default();
        for _ in 0..20 {
            tally.add(&series(&"n".repeat(1024 * 1024)), Timestamp(0), 60, 1.0);
        }
        assert_eq!(tally.dropped(), 5);
        assert_eq!(tally.datapoints().len(), 15);
    }
}
