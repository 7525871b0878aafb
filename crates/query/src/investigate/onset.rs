//! When it began: the change point of a metric, for an alarm fires later than what it is about.
//!
//! A **change point** parts the points into those before, around one level, and those from there on, around another. Of all partings the one
//! that explains the points best is taken (the likelihood ratio of two levels against one, with the same noise), looked for up to the
//! moment that is asked about, and up to the farthest point before it, for a spike may be over by then. Then its edge is walked back
//! over points that had left the level before already.
//!
//! Load comes in waves, and the rise of a wave parts the points, too. Where those before the edge spread much wider than neighbours differ, they
//! are no level: each point is then compared with where those just before it lead, what is left of a wave is small, and a change stands out
//! where it begins. Where a metric counts something, periods without data are zeros. A metric that
//! stops has its change point where the data end.

use model::Timestamp;

/// Most points that are looked at; of more the latest.
const POINTS_MAX: usize = 4_000;
/// Least evidence of a change, in units of a natural logarithm: one point that is four standard deviations off has 8.
const EVIDENCE_MIN: f64 = 8.0;
/// Points that must be before, and how many periods without data are an end, or a beginning.
const BEFORE_MIN: usize = 3;
const SILENCE_PERIODS: i64 = 5;
/// What makes a median absolute deviation a standard deviation.
const MAD_SCALE: f64 = 1.4826;
/// How many standard deviations off a point is part of the change when the edge is walked back.
const WALK_DEVIATIONS: f64 = 3.0;
/// Most points that the edge is walked back.
const WALK_MAX: usize = 10;

/// How much wider than their noise points spread that are on a wave, and not on a level.
const WAVE_SPREAD: f64 = 2.0;
/// On a wave: how many points make each of the two medians before a point that lead to it.
const WAVE_POINTS: usize = 4;

/// Which way is trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// Higher values.
    Up,
    /// Lower values.
    Down,
    /// Both.
    Either,
}

impl Direction {
    fn admits(self, rise: f64) -> bool {
        match self {
            Direction::Up => rise > 0.0,
            Direction::Down => rise < 0.0,
            Direction::Either => rise != 0.0,
        }
    }
}

/// What is known of a metric.
#[derive(Debug, Clone)]
pub struct Series<'a> {
    /// Starts of periods and their values, in order; what is not finite is passed over.
    pub points: &'a [(Timestamp, f64)],
    /// Length of a period, milliseconds.
    pub period_ms: i64,
    /// From when on points were looked for.
    pub from: Timestamp,
    /// Which way is trouble.
    pub direction: Direction,
    /// Whether no data means zero.
    pub is_count: bool,
}

/// Where a metric changed.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChangePoint {
    /// Start of the first period of the new level.
    pub at: Timestamp,
    /// The level before; `None` where there were no data.
    pub before: Option<f64>,
    /// The level after; `None` where there are no data any more.
    pub after: Option<f64>,
    /// How much speaks for it, in units of a natural logarithm.
    pub evidence: f64,
}

/// What tells the onset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnsetSource {
    /// A change point of a metric.
    Metric,
    /// The first lines of a log pattern.
    Logs,
    /// An alarm's transition.
    Alarm,
    /// The end of what was asked about.
    Window,
}

impl OnsetSource {
    /// In the API.
    pub fn label(self) -> &'static str {
        match self {
            OnsetSource::Metric => "metric",
            OnsetSource::Logs => "logs",
            OnsetSource::Alarm => "alarm",
            OnsetSource::Window => "window",
        }
    }
}

/// When it began: some time from `from` on and before `to`.
#[derive(Debug, Clone, PartialEq)]
pub struct Onset {
    /// The earliest time.
    pub from: Timestamp,
    /// What is later explains nothing.
    pub to: Timestamp,
    /// What tells it.
    pub source: OnsetSource,
    /// Levels of the metric, where it is of one.
    pub before: Option<f64>,
    /// See `before`.
    pub after: Option<f64>,
    /// For people.
    pub reason: String,
}

/// The last change point up to `by`; `None` when the points are all alike, or there are too few.
pub fn change_point(series: &Series<'_>, by: Timestamp) -> Option<ChangePoint> {
    let points = filled(series, by);
    let ended = end_of_data(series, &points, by);
    if ended.is_some() {
        return ended;
    }
    level_change(series, &points).or_else(|| beginning_of_data(series, &points))
}

/// A metric that went to another level.
fn level_change(series: &Series<'_>, points: &[(Timestamp, f64)]) -> Option<ChangePoint> {
    let values: Vec<f64> = points.iter().map(|(_, value)| *value).collect();
    let best = best_split(&values, series.direction)?;
    let before = &values[..best.at];
    let (at, best) = match spread(before) > WAVE_SPREAD * noise(before) {
        true => on_a_wave(&values, series.direction).unwrap_or((best.at, best)),
        false => (walked_back(&values, &best), best),
    };
    Some(ChangePoint { at: points[at].0, before: Some(best.before), after: Some(best.after), evidence: best.evidence })
}

/// The parting that explains the points best, all of them or those up to the farthest.
fn best_split(values: &[f64], direction: Direction) -> Option<Split> {
    let ends = [values.len(), farthest(values, direction)? + 1];
    let best = ends.into_iter().filter_map(|end| split(&values[..end], direction));
    best.max_by(|a, b| a.evidence.total_cmp(&b.evidence)).filter(|best| best.evidence >= EVIDENCE_MIN)
}

/// The parting of points that are on a wave, by how far each is from those before it; the levels are those of the points.
fn on_a_wave(values: &[f64], direction: Direction) -> Option<(usize, Split)> {
    let rises: Vec<f64> = (1..values.len()).filter_map(|at| Some(values[at] - expected(values, at)?)).collect();
    // What comes after the farthest is compared with points that have left the wave themselves.
    let best =
        split(&rises[..=farthest(&rises, direction)?], direction).filter(|best| best.evidence >= EVIDENCE_MIN)?;
    // What is left of the wave is no departure from it.
    let deviation = best.deviation.max(spread(&rises[..best.at]));
    let best = Split { deviation, ..best };
    // The first point has none before it.
    let at = walked_back(&rises, &best) + 1;
    let after = values.get(at..=best.at + 1)?;
    let mean = after.iter().sum::<f64>() / after.len() as f64;
    Some((at, Split { at, before: expected(values, at)?, after: mean, ..best }))
}

/// Where the points before `at` lead: the line through the medians of the nearest and of those before them.
fn expected(values: &[f64], at: usize) -> Option<f64> {
    let (nearest, earlier) = (at.saturating_sub(WAVE_POINTS), at.saturating_sub(2 * WAVE_POINTS));
    let near = median(&mut values[nearest..at].to_vec())?;
    let far = median(&mut values[earlier..nearest].to_vec()).unwrap_or(near);
    // A median stands in the middle of its points.
    let steps = (WAVE_POINTS as f64 + 1.0) / 2.0;
    Some(near + (near - far) / WAVE_POINTS as f64 * steps)
}

/// How wide points spread around their median, as a standard deviation.
fn spread(values: &[f64]) -> f64 {
    let Some(middle) = median(&mut values.to_vec()) else { return 0.0 };
    let mut off: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    median(&mut off).unwrap_or_default() * MAD_SCALE
}

/// The points up to `by`, with zeros where a count has none.
fn filled(series: &Series<'_>, by: Timestamp) -> Vec<(Timestamp, f64)> {
    let period_ms = series.period_ms.max(1);
    let known = series.points.iter().copied().filter(|(time, value)| *time <= by && value.is_finite());
    let mut points: Vec<(Timestamp, f64)> = Vec::new();
    // Periods are counted from the points that there are.
    let mut next = known.clone().next().map(|(first, _)| {
        let start = first - (first - series.from).max(0) / period_ms * period_ms;
        let latest = start.max(by - period_ms.saturating_mul(POINTS_MAX as i64));
        latest + (start - latest).rem_euclid(period_ms)
    });
    for (time, value) in known {
        while let Some(empty) = next.filter(|next| series.is_count && *next < time) {
            points.push((empty, 0.0));
            next = Some(empty + period_ms);
        }
        points.push((time, value));
        next = next.map(|next| next.max(time + period_ms));
    }
    // The period in which `by` lies may be on its way.
    while let Some(empty) = next.filter(|next| series.is_count && *next + 2 * period_ms <= by) {
        points.push((empty, 0.0));
        next = Some(empty + period_ms);
    }
    let cut = points.len().saturating_sub(POINTS_MAX);
    points.split_off(cut)
}

/// A metric that is not there any more.
fn end_of_data(series: &Series<'_>, points: &[(Timestamp, f64)], by: Timestamp) -> Option<ChangePoint> {
    let (last, _) = *points.last()?;
    let is_silent = by - last > (SILENCE_PERIODS + 1) * series.period_ms;
    let was_steady = points.len() > 2 * BEFORE_MIN && longest_gap(points) <= 2 * series.period_ms;
    if series.is_count || !is_silent || !was_steady {
        return None;
    }
    let before = median(&mut points.iter().map(|(_, value)| *value).collect::<Vec<_>>());
    let periods = (by - last) as f64 / series.period_ms.max(1) as f64;
    Some(ChangePoint { at: last + series.period_ms, before, after: None, evidence: EVIDENCE_MIN + periods.min(100.0) })
}

/// A metric that was not there before.
fn beginning_of_data(series: &Series<'_>, points: &[(Timestamp, f64)]) -> Option<ChangePoint> {
    let (first, _) = *points.first()?;
    let is_new = first - series.from > SILENCE_PERIODS * series.period_ms;
    if series.is_count || !is_new {
        return None;
    }
    let after = median(&mut points.iter().map(|(_, value)| *value).collect::<Vec<_>>());
    Some(ChangePoint { at: first, before: None, after, evidence: EVIDENCE_MIN })
}

fn longest_gap(points: &[(Timestamp, f64)]) -> i64 {
    points.windows(2).map(|pair| pair[1].0 - pair[0].0).max().unwrap_or_default()
}

/// The point that is farthest from the median, in the direction.
fn farthest(values: &[f64], direction: Direction) -> Option<usize> {
    let middle = median(&mut values.to_vec())?;
    let off = |at: &usize| {
        let rise = values[*at] - middle;
        if direction.admits(rise) { rise.abs() } else { 0.0 }
    };
    // Of several equally far the first: the edge is before it.
    (0..values.len()).rev().max_by(|a, b| off(a).total_cmp(&off(b)))
}

/// A parting of the points.
struct Split {
    /// The first point of the new level.
    at: usize,
    before: f64,
    after: f64,
    deviation: f64,
    evidence: f64,
}

/// The parting that explains the points best.
fn split(values: &[f64], direction: Direction) -> Option<Split> {
    let noise = noise(values);
    let total: f64 = values.iter().sum();
    let mut sum = values.get(..BEFORE_MIN)?.iter().sum::<f64>();
    let mut best: Option<Split> = None;
    for at in BEFORE_MIN..values.len() {
        let (n, m) = (at as f64, (values.len() - at) as f64);
        let (before, after) = (sum / n, (total - sum) / m);
        sum += values[at];
        if !direction.admits(after - before) {
            continue;
        }
        let deviation = noise.max(before.abs() * 0.01).max((after - before).abs() * 0.02).max(f64::MIN_POSITIVE);
        let evidence = n * m / (n + m) * ((after - before) / deviation).powi(2) / 2.0;
        let weight = n * m / (n + m) * (after - before).powi(2);
        let is_better = best.as_ref().is_none_or(|best| {
            let (b, c) = (best.at as f64, (values.len() - best.at) as f64);
            weight > b * c / (b + c) * (best.after - best.before).powi(2)
        });
        if is_better {
            best = Some(Split { at, before, after, deviation, evidence });
        }
    }
    best
}

/// The standard deviation of the noise: of differences between neighbours, in which a few steps do not count.
fn noise(values: &[f64]) -> f64 {
    let mut differences: Vec<f64> = values.windows(2).map(|pair| (pair[1] - pair[0]).abs()).collect();
    let robust = median(&mut differences).unwrap_or_default() * MAD_SCALE / std::f64::consts::SQRT_2;
    if robust > 0.0 {
        return robust;
    }
    // Most neighbours are equal: the smaller nine tenths of the differences tell of what noise there is.
    let most = differences.len() * 9 / 10;
    (differences[..most].iter().map(|d| d * d).sum::<f64>() / (2 * most.max(1)) as f64).sqrt()
}

/// The first of the points before the edge that had left the level already.
fn walked_back(values: &[f64], split: &Split) -> usize {
    let has_left = |at: usize| {
        let rise = values[at] - split.before;
        rise.signum() == (split.after - split.before).signum() && rise.abs() > WALK_DEVIATIONS * split.deviation
    };
    let mut at = split.at;
    while at > BEFORE_MIN && split.at - at < WALK_MAX && has_left(at - 1) {
        at -= 1;
    }
    at
}

fn median(values: &mut [f64]) -> Option<f64> {
    values.sort_unstable_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}
