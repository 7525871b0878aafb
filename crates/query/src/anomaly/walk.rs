//! Walking through a series: train on what has been, judge what comes. A measure of the bands; alarms ask the band alone.
//!
//! How unusual a point is comes from two questions. How rare is it? Its distance from the expected value, in standard deviations,
//! against those of the last two weeks: their tail is taken to fall off as a power, whose exponent is estimated (Hill) and
//! drawn towards a cautious one. Was there ever the like? A record of the last two weeks counts the more the farther it is
//! beyond them: of a value, of a value held for some points (which tells a lasting change from a spike), and of how often
//! values were far out lately. What was scored shortly before is taken off and fades: one incident is one anomaly.

use super::robust::quantile;
use super::season::HOUR_MS;
use super::{AdaptationSpeed, DAY_MS, Model, Options, OutlierFiltering, TRAINING_SPAN_MS, train};
use std::collections::VecDeque;

/// How often the tail is estimated anew.
const REFIT_MS: i64 = 2 * HOUR_MS;
/// The part of the distances that is the tail.
const TAIL: f64 = 0.02;
/// No distance below this many standard deviations is an anomaly.
const DEVIATIONS_MIN: f64 = 3.0;
/// The inverse of the tail's exponent before anything was seen ...
const TAIL_PRIOR: f64 = 0.3;
/// ... and as how many observations that counts.
const TAIL_PRIOR_WEIGHT: f64 = 30.0;
/// The most that a record of a value adds ...
const RECORD: f64 = 6.0;
/// ... that one of a held value adds ...
const RECORD_HELD: f64 = 3.0;
/// ... and that one of how often values are far out adds.
const RECORD_OFTEN: f64 = 5.0;
/// Half of that is added for a record that is this part of the range of two weeks beyond it.
const RECORD_PART: f64 = 0.01;
/// Points for which a value must hold to be no spike.
const HELD: usize = 4;
/// With so many days behind it a record counts half: it means the more, the longer the past that it beats.
const RECORD_DAYS: f64 = 4.0;
/// Half of what is added for a record of how often is added for one by this part.
const OFTEN_PART: f64 = 0.1;
/// How soon a value that was far out is half forgotten in how often.
const OFTEN_FADE_MS: f64 = DAY_MS as f64 / 4.0;
/// How soon what was scored is half forgotten.
const FADE_MS: f64 = DAY_MS as f64 / 2.0;
/// The part of what was scored before that is taken off.
const TAKEN_OFF: f64 = 0.85;
/// A deviation downwards is at least this part of one upwards.
const DOWN_PART: f64 = 0.5;

/// How a series is walked through.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Walk {
    /// How often the model is trained anew, in milliseconds.
    pub retrain_ms: i64,
    /// What it is trained with.
    pub options: Options,
}

impl Default for Walk {
    /// Daily, with quick adaptation and all but the farthest points.
    fn default() -> Self {
        let options = Options {
            adaptation: AdaptationSpeed::Fast,
            outlier_filtering: OutlierFiltering::Minimal,
            ..Options::default()
        };
        Walk { retrain_ms: DAY_MS, options }
    }
}

/// One anomaly score from 0 (expected) to 1 for each point (milliseconds, value; in order of time). A score depends on nothing
/// that comes later. Values that are not finite score 0.
pub fn walk(points: &[(i64, f64)], period_ms: i64, how: Walk) -> Vec<f64> {
    let mut model: Option<Model> = None;
    let (mut trained_ms, mut first) = (i64::MIN, 0);
    let mut judge = Judge::default();
    let mut scores = Vec::with_capacity(points.len());
    for (index, &(at_ms, value)) in points.iter().enumerate() {
        if at_ms.saturating_sub(trained_ms) >= how.retrain_ms || model.is_none() {
            let from_ms = at_ms.saturating_sub(TRAINING_SPAN_MS);
            first += points[first..index].iter().take_while(|point| point.0 < from_ms).count();
            model = Some(train(&points[first..index], period_ms, &[], &|_| 0, how.options))
                .filter(|model| model.expected(at_ms).is_some());
            trained_ms = at_ms;
        }
        let unusual = match &model {
            Some(model) if value.is_finite() => judge.unusual(model, at_ms, value),
            _ => 0.0,
        };
        scores.push(unusual / (1.0 + unusual));
    }
    scores
}

/// What the last two weeks were like.
#[derive(Debug, Default)]
struct Judge {
    above: Side,
    below: Side,
    refit_ms: Option<i64>,
    /// Time of the first point judged.
    first_ms: Option<i64>,
    /// What was scored before, faded, and when.
    before: f64,
    before_ms: Option<i64>,
}

impl Judge {
    fn unusual(&mut self, model: &Model, at_ms: i64, value: f64) -> f64 {
        if self.refit_ms.is_none_or(|refit_ms| at_ms.saturating_sub(refit_ms) >= REFIT_MS) {
            self.above.tail.fit(at_ms);
            self.below.tail.fit(at_ms);
            self.refit_ms = Some(at_ms);
        }
        let (middle, (down, up)) = (model.middle(at_ms), model.deviation(at_ms));
        let distance = (value - middle) / if value > middle { up } else { down.max(up * DOWN_PART) };
        let range = self.above.value.highest.zip(self.below.value.highest);
        let range = range.map_or(0.0, |(high, low)| high + low).max(up + down);
        let passed_ms = self.before_ms.map_or(0, |before_ms| at_ms.saturating_sub(before_ms)).max(0);
        let first_ms = *self.first_ms.get_or_insert(at_ms);
        let days = at_ms.saturating_sub(first_ms).max(0) as f64 / DAY_MS as f64;
        let trust = days / (days + RECORD_DAYS);
        let above = self.above.unusual(at_ms, passed_ms, value, distance, range);
        let below = self.below.unusual(at_ms, passed_ms, -value, -distance, range);
        let raw = (above.rarity + trust * above.record).max(below.rarity + trust * below.record);
        let faded = self.before * (-(passed_ms as f64) / FADE_MS).exp2();
        self.before = faded.max(raw);
        self.before_ms = Some(at_ms);
        (raw - TAKEN_OFF * faded).max(0.0)
    }
}

/// How unusual a point is to one side: how rare, and how far a record.
#[derive(Debug, Default)]
struct Unusual {
    rarity: f64,
    record: f64,
}

/// What lies to one side of the expected values; values below it come with the opposite sign.
#[derive(Debug, Default)]
struct Side {
    tail: Tail,
    value: Record,
    held: Record,
    often: Record,
    /// The last values with their distances.
    last: VecDeque<(f64, f64)>,
    /// How many points were far out, faded.
    far_out: f64,
}

impl Side {
    fn unusual(&mut self, at_ms: i64, passed_ms: i64, value: f64, distance: f64, range: f64) -> Unusual {
        let far_out = distance > DEVIATIONS_MIN;
        self.last.push_back((value, distance));
        if self.last.len() > HELD {
            self.last.pop_front();
        }
        let (held, held_distance) =
            self.last.iter().fold((f64::MAX, f64::MAX), |least, point| (least.0.min(point.0), least.1.min(point.1)));
        self.far_out = self.far_out * (-(passed_ms as f64) / OFTEN_FADE_MS).exp2() + f64::from(u8::from(far_out));
        let often_range = self.often.highest.unwrap_or(0.0).max(1.0);
        let by_value = RECORD * self.value.beaten_by(at_ms, value, range, RECORD_PART);
        let by_held = RECORD_HELD * self.held.beaten_by(at_ms, held, range, RECORD_PART);
        let by_often = RECORD_OFTEN * self.often.beaten_by(at_ms, self.far_out, often_range, OFTEN_PART);
        self.tail.seen.push_back((at_ms, distance.max(0.0)));
        if !far_out {
            return Unusual::default();
        }
        let record = by_value.max(if held_distance > DEVIATIONS_MIN { by_held } else { 0.0 }).max(by_often);
        Unusual { rarity: self.tail.rarity(distance), record }
    }
}

/// The highest value of two weeks.
#[derive(Debug, Default)]
struct Record {
    /// Values that nothing later exceeds, with their times.
    candidates: VecDeque<(i64, f64)>,
    highest: Option<f64>,
}

impl Record {
    /// Takes in a value. From 0 to 1: how far it is beyond the highest before; one half when it is by `part` of `range`.
    fn beaten_by(&mut self, at_ms: i64, value: f64, range: f64, part: f64) -> f64 {
        let from_ms = at_ms.saturating_sub(TRAINING_SPAN_MS);
        while self.candidates.front().is_some_and(|candidate| candidate.0 < from_ms) {
            self.candidates.pop_front();
        }
        let beyond = self.candidates.front().map_or(0.0, |highest| ((value - highest.1) / range).clamp(0.0, 1e6));
        while self.candidates.back().is_some_and(|candidate| candidate.1 <= value) {
            self.candidates.pop_back();
        }
        self.candidates.push_back((at_ms, value));
        self.highest = self.candidates.front().map(|candidate| candidate.1);
        beyond / (beyond + part)
    }
}

/// The distances of two weeks, and how they fall off.
#[derive(Debug, Default)]
struct Tail {
    /// Times with distances in standard deviations; 0 for a point on the other side.
    seen: VecDeque<(i64, f64)>,
    /// Where the tail begins.
    start: f64,
    /// The inverse of its exponent.
    weight: f64,
}

impl Tail {
    fn fit(&mut self, at_ms: i64) {
        let from_ms = at_ms.saturating_sub(TRAINING_SPAN_MS);
        while self.seen.front().is_some_and(|point| point.0 < from_ms) {
            self.seen.pop_front();
        }
        let mut distances: Vec<f64> = self.seen.iter().map(|point| point.1).collect();
        self.start = quantile(&mut distances, 1.0 - TAIL).max(DEVIATIONS_MIN);
        let (mut sum, mut count) = (TAIL_PRIOR * TAIL_PRIOR_WEIGHT, TAIL_PRIOR_WEIGHT);
        for distance in distances.into_iter().filter(|&distance| distance > self.start) {
            sum += (distance / self.start).ln();
            count += 1.0;
        }
        self.weight = sum / count;
    }

    /// The negative decimal logarithm of the part of the tail that lies farther out.
    fn rarity(&self, distance: f64) -> f64 {
        (distance / self.start).ln().max(0.0) / self.weight / std::f64::consts::LN_10
    }
}
