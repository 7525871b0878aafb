//! Training: what of two weeks of points is level, trend, pattern and spread.

use super::robust::{agreed, median, quantile, weighted_median};
use super::season::{self, WEEK_HOURS};
use super::{AdaptationSpeed, DAY_MS, Model, Options, OutlierFiltering, State, TRAINING_SPAN_MS};

/// Fewer points than this make no band.
const POINTS_MIN: usize = 12;
/// Slots of the day; fewer when the metric's period is longer.
const SLOTS_MAX: i64 = 48;
/// CloudWatch takes values from -2^360 to 2^360.
const VALUE_MAX: f64 = 2.348542582773833e108;
/// The smallest that a standard deviation is, for values that are next to nothing: 2^-360.
const VALUE_MIN: f64 = 1.0 / VALUE_MAX;
/// Times of points lie between the years -6000 and 10000: sums of them never overflow.
const TIME_MAX_MS: i64 = 253_402_300_799_999;
/// A standard deviation is at least this part of the typical value ...
const SPREAD_PART_MIN: f64 = 0.005;
/// ... and at least this when all values are zero.
const SPREAD_MIN: f64 = 1e-6;
/// A slot's own spread weighs as much as the whole day's with this many points.
const SLOT_POINTS: f64 = 50.0;

/// One point on its way through the training.
struct Sample {
    at_ms: i64,
    /// Local time of the middle of its period.
    local_ms: i64,
    /// The value, less what has been explained so far.
    rest: f64,
    /// What the pattern of the day owes to this sample's own day.
    own: f64,
    /// Days before the newest point, counted back from it: every day is whole but the oldest.
    days_ago: usize,
}

/// Trains a model.
///
/// `points` are times in milliseconds with values, in any order; values that are not finite are left out, and so are points of years
/// after 9999 and points
/// in the `excluded` ranges (start, end) and points of more than two weeks before the newest. `period_ms` is the metric's
/// period. `offset_seconds_at` is the offset of the metric's time zone from UTC at a time in milliseconds.
pub fn train(
    points: &[(i64, f64)],
    period_ms: i64,
    excluded: &[(i64, i64)],
    offset_seconds_at: &dyn Fn(i64) -> i32,
    options: Options,
) -> Model {
    let kept = usable(points, excluded);
    let (Some(first), Some(last)) = (kept.first(), kept.last()) else { return pending() };
    if kept.len() < POINTS_MIN {
        return pending();
    }
    let (from_ms, to_ms) = (first.0, last.0);
    let span_ms = to_ms - from_ms + period_ms.clamp(1, DAY_MS);
    let half_period_ms = period_ms.clamp(0, DAY_MS) / 2;
    let offsets = season::offsets(from_ms, to_ms, offset_seconds_at);
    let mut samples: Vec<Sample> = kept
        .iter()
        .map(|&(at_ms, value)| Sample {
            at_ms,
            local_ms: season::local(&offsets, at_ms) + half_period_ms,
            rest: value,
            own: 0.0,
            days_ago: ((to_ms - at_ms) / DAY_MS) as usize,
        })
        .collect();
    let typical = typical(&kept);
    let slots = (DAY_MS / period_ms.clamp(DAY_MS / SLOTS_MAX, DAY_MS)) as usize;
    let trend = trend(&day_levels(&samples));
    samples.iter_mut().for_each(|sample| sample.rest += trend * (to_ms - sample.at_ms) as f64 / DAY_MS as f64);
    let day = day_pattern(&mut samples, slots, span_ms);
    let week = week_pattern(&mut samples, span_ms);
    let days = day_levels(&samples);
    let level = level(&samples, to_ms, options.adaptation);
    let moves = level_moves(&days);
    // A spread is measured as if each day had not been known when the pattern was made.
    for sample in &mut samples {
        sample.rest += sample.own - days.iter().find(|day| day.0 == sample.days_ago).map_or(0.0, |day| day.1);
    }
    let floor = if typical == 0.0 { SPREAD_MIN } else { (typical * SPREAD_PART_MIN).max(VALUE_MIN) };
    let spread = |side: f64| spread(&samples, slots, side, options.outlier_filtering, moves, floor);
    let (up, down) = (spread(1.0), spread(-1.0));
    let spikes = if options.periodic_spikes { (spikes(&samples, 1.0), spikes(&samples, -1.0)) } else { (0.0, 0.0) };
    Model {
        state: if span_ms < 2 * DAY_MS { State::TrainedInsufficientData } else { State::Trained },
        trained_to_ms: to_ms,
        offsets,
        half_period_ms,
        level: short(level),
        trend: short(trend),
        day: day.into_iter().map(short).collect(),
        week: week.into_iter().map(short).collect(),
        up: up.into_iter().map(short).collect(),
        down: down.into_iter().map(short).collect(),
        spikes: (short(spikes.0), short(spikes.1)),
        non_negative: kept.iter().all(|&(_, value)| value >= 0.0),
    }
}

fn pending() -> Model {
    Model {
        state: State::PendingTraining,
        trained_to_ms: 0,
        offsets: Vec::new(),
        half_period_ms: 0,
        level: 0.0,
        trend: 0.0,
        day: Vec::new(),
        week: Vec::new(),
        up: Vec::new(),
        down: Vec::new(),
        spikes: (0.0, 0.0),
        non_negative: false,
    }
}

/// The points to train on, by time.
fn usable(points: &[(i64, f64)], excluded: &[(i64, i64)]) -> Vec<(i64, f64)> {
    let included = |at_ms: i64| !excluded.iter().any(|&(from_ms, to_ms)| from_ms <= at_ms && at_ms < to_ms);
    let mut kept: Vec<(i64, f64)> = points
        .iter()
        .filter(|&&(at_ms, value)| value.is_finite() && at_ms.abs_diff(0) <= TIME_MAX_MS as u64 && included(at_ms))
        .map(|&(at_ms, value)| (at_ms, value.clamp(-VALUE_MAX, VALUE_MAX)))
        .collect();
    kept.sort_unstable_by(|a, b| a.0.cmp(&b.0).then(a.1.total_cmp(&b.1)));
    let from_ms = kept.last().map_or(0, |&(to_ms, _)| to_ms - TRAINING_SPAN_MS);
    kept.drain(..kept.partition_point(|&(at_ms, _)| at_ms <= from_ms));
    kept
}

/// The median size of the values that are not zero; 0 when all are.
fn typical(kept: &[(i64, f64)]) -> f64 {
    let mut sizes: Vec<f64> = kept.iter().map(|&(_, value)| value.abs()).filter(|&size| size > 0.0).collect();
    median(&mut sizes)
}

/// The median of the rest of each day, with how many days ago it was; the newest day first.
fn day_levels(samples: &[Sample]) -> Vec<(usize, f64)> {
    samples
        .chunk_by(|a, b| a.days_ago == b.days_ago)
        .rev()
        .map(|day| (day[0].days_ago, median(&mut day.iter().map(|sample| sample.rest).collect::<Vec<_>>())))
        .collect()
}

/// What the time of day adds: the median over days of how a slot differs from its own day. Takes it from the samples.
fn day_pattern(samples: &mut [Sample], slots: usize, span_ms: i64) -> Vec<f64> {
    if span_ms < 2 * DAY_MS || slots < 2 {
        return Vec::new();
    }
    let mut seen: Vec<Vec<(usize, f64)>> = vec![Vec::new(); slots];
    for day in samples.chunk_by(|a, b| a.days_ago == b.days_ago) {
        let level = median(&mut day.iter().map(|sample| sample.rest).collect::<Vec<_>>());
        let mut by_slot: Vec<Vec<f64>> = vec![Vec::new(); slots];
        for sample in day {
            by_slot[season::slot(slots, sample.local_ms)].push(sample.rest - level);
        }
        for (slot, mut values) in by_slot.into_iter().enumerate().filter(|(_, values)| !values.is_empty()) {
            seen[slot].push((day[0].days_ago, median(&mut values)));
        }
    }
    let without = |left_out: Option<usize>| -> Vec<f64> {
        let kept = |slot: &Vec<(usize, f64)>| -> Vec<f64> {
            slot.iter().filter(|(day, _)| Some(*day) != left_out).map(|&(_, value)| value).collect()
        };
        seen.iter().map(|slot| agreed(&mut kept(slot))).collect()
    };
    let pattern = without(None);
    for day in samples.chunk_by_mut(|a, b| a.days_ago == b.days_ago) {
        let others = without(Some(day[0].days_ago));
        for sample in day {
            let expected = season::at_time_of_day(&pattern, sample.local_ms);
            sample.rest -= expected;
            sample.own = expected - season::at_time_of_day(&others, sample.local_ms);
        }
    }
    pattern
}

/// What the hour of the week adds: what both weeks agree on. Takes it from the samples.
fn week_pattern(samples: &mut [Sample], span_ms: i64) -> Vec<f64> {
    if span_ms < 13 * DAY_MS {
        return Vec::new();
    }
    let level = median(&mut samples.iter().map(|sample| sample.rest).collect::<Vec<_>>());
    let mut seen: Vec<[Vec<f64>; 2]> = vec![[Vec::new(), Vec::new()]; WEEK_HOURS];
    for sample in samples.iter() {
        seen[season::hour_of_week(sample.local_ms)][usize::from(sample.days_ago >= 7)].push(sample.rest - level);
    }
    let pattern: Vec<f64> = seen
        .iter_mut()
        .map(|weeks| {
            let mut medians: Vec<f64> =
                weeks.iter_mut().filter(|week| !week.is_empty()).map(|week| median(week)).collect();
            agreed(&mut medians)
        })
        .collect();
    samples.iter_mut().for_each(|sample| sample.rest -= season::at_hour(&pattern, sample.local_ms));
    pattern
}

/// The median slope between days, when nine in ten pairs agree on its sign; 0 otherwise and for less than four days.
fn trend(days: &[(usize, f64)]) -> f64 {
    if days.len() < 4 {
        return 0.0;
    }
    let mut slopes = Vec::with_capacity(days.len() * days.len() / 2);
    for (index, newer) in days.iter().enumerate() {
        slopes.extend(days[index + 1..].iter().map(|older| (newer.1 - older.1) / (older.0 - newer.0) as f64));
    }
    let slope = median(&mut slopes);
    let agree = slopes.iter().filter(|other| *other * slope > 0.0).count();
    if agree * 10 >= slopes.len() * 9 { slope } else { 0.0 }
}

/// The level at the newest point: a median in which older points count less.
fn level(samples: &[Sample], to_ms: i64, adaptation: AdaptationSpeed) -> f64 {
    let half_life_days = match adaptation {
        AdaptationSpeed::Fast => 0.25,
        AdaptationSpeed::Normal => 1.0,
        AdaptationSpeed::Slow => 4.0,
    };
    let mut weighted: Vec<(f64, f64)> = samples
        .iter()
        .map(|sample| {
            let days = (to_ms - sample.at_ms) as f64 / DAY_MS as f64;
            (sample.rest, (-days / half_life_days).exp2())
        })
        .collect();
    weighted_median(&mut weighted)
}

/// One standard deviation of the level from one day to the next, from the median of its moves.
fn level_moves(days: &[(usize, f64)]) -> f64 {
    let mut moves: Vec<f64> = days.windows(2).map(|pair| (pair[0].1 - pair[1].1).abs()).collect();
    if moves.len() < 3 { 0.0 } else { median(&mut moves) / 0.6745 }
}

/// One standard deviation to one side (1 up, -1 down) for each slot: a quantile of what lies there, divided by the number of
/// deviations that a normal distribution has at it.
fn spread(
    samples: &[Sample],
    slots: usize,
    side: f64,
    filtering: OutlierFiltering,
    moves: f64,
    floor: f64,
) -> Vec<f64> {
    let (fraction, deviations) = match filtering {
        OutlierFiltering::Minimal => (0.9545, 2.0),
        OutlierFiltering::Moderate => (0.8664, 1.5),
        OutlierFiltering::Strict => (0.6827, 1.0),
    };
    let mut whole: Vec<f64> = samples.iter().map(|sample| sample.rest * side).filter(|&rest| rest >= 0.0).collect();
    let day = quantile(&mut whole, fraction) / deviations;
    let mut near: Vec<Vec<f64>> = vec![Vec::new(); slots];
    for sample in samples.iter().filter(|sample| sample.rest * side >= 0.0) {
        let slot = season::slot(slots, sample.local_ms);
        for near_slot in [slot + slots - 1, slot, slot + 1] {
            near[near_slot % slots].push(sample.rest * side);
        }
    }
    near.iter_mut()
        .map(|values| {
            let weight = values.len() as f64 / (values.len() as f64 + SLOT_POINTS);
            let own = quantile(values, fraction) / deviations;
            let noise = own * weight + day * (1.0 - weight);
            noise.hypot(moves).max(floor)
        })
        .collect()
}

/// How far to one side the farthest point of most days lies.
fn spikes(samples: &[Sample], side: f64) -> f64 {
    let mut farthest: Vec<f64> = samples
        .chunk_by(|a, b| a.days_ago == b.days_ago)
        .map(|day| day.iter().map(|sample| sample.rest * side).fold(0.0, f64::max))
        .collect();
    if farthest.len() < 2 {
        0.0
    } else {
        farthest.sort_unstable_by(f64::total_cmp);
        farthest[(farthest.len() - 1) / 2]
    }
}

/// Seven digits: the model is written as text.
fn short(value: f64) -> f64 {
    format!("{value:.6e}").parse().unwrap_or(value)
}
