//! Rolls points that are past their tier up to the next: one point for each of its intervals.
//!
//! A roll-up keeps count, sum, minimum and maximum. Few distinct values are kept as they are, with how often each occurred,
//! which is exact and small; more become a sketch (`sketch.rs`). Where samples are hidden in statistic sets, or negative, no
//! percentile can be asked of them, so only the totals stay.

use crate::points::{PointSlice, Points, Sample, Samples, Totals};
use crate::sketch::Sketch;
use crate::tiers::Tiers;
use model::Timestamp;
use std::collections::BTreeMap;
use std::ops::Bound;

/// Up to this many distinct values are kept as they are.
const PAIRS_MAX: usize = 8;

/// The points of one series, by resolution.
pub(crate) type Lanes = BTreeMap<u16, Points>;

/// Moves what is past its tier to the next one, and on from there if it is past that too. All points ascend afterwards.
pub(crate) fn roll_up(lanes: &mut Lanes, tiers: &Tiers) {
    let mut next = lanes.keys().next().copied();
    while let Some(resolution_secs) = next {
        if let Some(points) = lanes.get_mut(&resolution_secs) {
            points.sort();
            let border = tiers.border(resolution_secs);
            let all = points.all();
            let kept = all.since(border);
            let past = all.part(0, all.len() - kept.len());
            if !past.is_empty() {
                let mut rest = Points::default();
                rest.extend(kept);
                let rolled = rolled(past, resolution_secs, tiers);
                *points = rest;
                for (resolution_secs, points) in rolled {
                    lanes.entry(resolution_secs).or_default().extend(points.all());
                }
            }
        }
        let coarser = (Bound::Excluded(resolution_secs), Bound::Unbounded);
        next = lanes.range(coarser).next().map(|(resolution_secs, _)| *resolution_secs);
    }
    lanes.retain(|_, points| points.len() > 0);
}

/// Points of one resolution, all past its tier, in the resolutions that are kept at their age.
fn rolled(points: PointSlice<'_>, resolution_secs: u16, tiers: &Tiers) -> Lanes {
    let mut lanes = Lanes::new();
    let mut interval: Option<(u16, Timestamp, Interval)> = None;
    for (time, sample) in points.iter() {
        let coarser = tiers.resolution_secs(time).max(resolution_secs);
        let start = time.floor_to(i64::from(coarser.max(1)) * 1000);
        match &mut interval {
            Some((secs, at, gathered)) if (*secs, *at) == (coarser, start) => gathered.add(sample),
            _ => {
                if let Some((secs, at, gathered)) = interval.take() {
                    gathered.finish(at, lanes.entry(secs).or_default());
                }
                let mut gathered = Interval::default();
                gathered.add(sample);
                interval = Some((coarser, start, gathered));
            }
        }
    }
    if let Some((secs, at, gathered)) = interval {
        gathered.finish(at, lanes.entry(secs).or_default());
    }
    lanes
}

/// The samples of one interval.
struct Interval {
    totals: Totals,
    /// Some samples are unknown.
    hidden: bool,
    /// The pairs do not add up to the totals, not exactly.
    summed: bool,
    pairs: Vec<(f64, f64)>,
    sketch: Sketch,
}

impl Default for Interval {
    fn default() -> Self {
        Self { totals: Totals::NONE, hidden: false, summed: false, pairs: Vec::new(), sketch: Sketch::default() }
    }
}

impl Interval {
    fn add(&mut self, sample: Sample<'_>) {
        match sample {
            Sample::Value(value) => self.add_pair(value, 1.0),
            Sample::Many(Samples::Pairs(pairs)) => pairs.iter().for_each(|&(value, count)| self.add_pair(value, count)),
            Sample::Many(Samples::Set(totals)) => {
                self.totals.merge(totals);
                self.summed = true;
                if totals.hides_samples() {
                    self.hidden = true;
                } else {
                    self.pairs.push((totals.min, totals.count));
                }
            }
            Sample::Many(Samples::Summary(totals, sketch)) => {
                self.totals.merge(totals);
                self.summed = true;
                self.sketch.0.extend(&sketch.0);
            }
        }
    }

    fn add_pair(&mut self, value: f64, count: f64) {
        self.totals.add(value, count);
        self.pairs.push((value, count));
    }

    fn finish(mut self, time: Timestamp, points: &mut Points) {
        let is_legal = |&(value, count): &(f64, f64)| value >= 0.0 || count <= 0.0;
        if self.hidden || !self.pairs.iter().all(is_legal) {
            return points.push_samples(time, Samples::Set(self.totals));
        }
        self.pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        self.pairs.dedup_by(|next, kept| {
            let same = next.0.to_bits() == kept.0.to_bits();
            if same {
                kept.1 += next.1;
            }
            same
        });
        if self.summed || self.pairs.len() > PAIRS_MAX {
            self.pairs.retain(|pair| pair.1 > 0.0);
            self.sketch.0.extend(Sketch::of(&self.pairs).0);
            points.push_samples(time, Samples::Summary(self.totals, Sketch::merged(self.sketch.0)));
        } else if let &[(value, 1.0)] = self.pairs.as_slice() {
            points.push_value(time, value);
        } else {
            points.push_samples(time, Samples::Pairs(self.pairs));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tiers::MetricTier;
    use model::time::{DAY, HOUR, MINUTE};

    #[test]
    fn each_age_has_its_resolution_and_totals_stay() {
        let now = Timestamp(1_800_000_000_000);
        let tiers = Tiers::at(now, &MetricTier::aws());
        let mut lanes = Lanes::new();
        let mut sum = 0.0;
        for (resolution_secs, count) in [(1u16, 100_000i64), (60, 100_000), (300, 20_000)] {
            let points = lanes.entry(resolution_secs).or_default();
            for n in 0..count {
                points.push_value(now - n * i64::from(resolution_secs) * 1000, (n % 50) as f64);
                sum += (n % 50) as f64;
            }
        }
        roll_up(&mut lanes, &tiers);
        assert_eq!(lanes.keys().copied().collect::<Vec<_>>(), [1, 60, 300, 3600]);
        assert_eq!(lanes.values().map(|points| points.all().totals().sum).sum::<f64>(), sum);
        for (resolution_secs, points) in &lanes {
            assert!(points.is_sorted());
            assert!(points.times.iter().all(|time| *time >= tiers.border(*resolution_secs).0));
        }
        assert_eq!(lanes[&1].len() as i64, 3 * HOUR / 1000 + 1);
        let minutes = &lanes[&60];
        assert!(minutes.others.iter().any(|(_, samples)| matches!(samples, Samples::Summary(..))));
        assert!(minutes.times.iter().all(|time| time % MINUTE == 0) && minutes.times[0] >= now.0 - 16 * DAY);
        let once = lanes.clone();
        roll_up(&mut lanes, &tiers);
        assert_eq!(lanes, once, "a second time changes nothing");
    }
}
