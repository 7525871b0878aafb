//! Asks the ranking about a world as the server does, and the two rules of thumb beside it.

use super::world::World;
use model::time::{DAY, HOUR, MINUTE};
use model::{TimeRange, Timestamp};
use query::investigate::onset::{Direction, Series, change_point};
use query::investigate::surges::{Slice, surges};
use query::investigate::{Cause, Change, History, Onset, OnsetSource, Subject, Verdict, rank};

/// How long before the onset changes are candidates, and the time after which nothing is known.
const WINDOW_MS: i64 = HOUR;
const HISTORY_MS: i64 = 14 * DAY;
const BASELINE_MS: i64 = 3 * HOUR;

/// At which place, from 0 on, each way has the true cause.
#[derive(Debug, Default)]
pub struct Answer {
    pub ours: Option<usize>,
    pub latest: Option<usize>,
    pub same_resource: Option<usize>,
    /// Kinds of changes to choose from.
    pub candidates: usize,
    /// Whether the first cause is called likely.
    pub is_likely: bool,
    pub onset_by_metric: bool,
    /// How much later than it was the onset is said to be.
    pub onset_error_secs: f64,
}

/// Asks.
pub fn ask(world: &World) -> Answer {
    let onset = onset(world);
    let mut subject = Subject::new("111122223333", "us-east-1");
    subject.add_alarm(&world.alarm_name);
    subject.add_metric(&world.namespace, &world.metric_name, std::slice::from_ref(&world.dimension));
    if let Some(group) = &world.log_group {
        subject.add_log_group(group);
    }
    mined(world, &onset).into_iter().for_each(|line| subject.add_log_line(&line));
    let from = onset.from - WINDOW_MS;
    let end = world.fired + 15 * MINUTE;
    let mut history = History::new(TimeRange::new(from - HISTORY_MS, from), world.earlier.clone());
    let mut changes = Vec::new();
    for change in world.events.iter().filter_map(|event| Change::of(event, Some(&event.user_arn))) {
        if change.time < from {
            history.add(&subject, &change);
        } else if change.time < end {
            changes.push(change);
        }
    }
    let ranking = rank(&subject, &onset, &history, &changes);
    let fault = world.fault.as_ref().map(|fault| fault.event_id.as_str());
    let is_fault = |alike: &[usize]| alike.iter().any(|at| Some(changes[*at].event_id.as_str()) == fault);
    // The rules of thumb choose from the same, grouped alike, and are given the onset: the latest first.
    let mut by_time: Vec<_> = ranking.causes.iter().collect();
    by_time.sort_by_key(|cause| std::cmp::Reverse((changes[cause.change].time, &changes[cause.change].event_id)));
    let value = world.dimension.1.as_str();
    let touches = |change: &Change| {
        let record =
            world.events.iter().find(|event| event.event_id == change.event_id).map(|event| event.record.as_str());
        record.is_some_and(|record| record.contains(value))
    };
    let (same, others): (Vec<&Cause>, Vec<&Cause>) =
        by_time.iter().copied().partition(|cause| touches(&changes[cause.change]));
    Answer {
        ours: ranking.causes.iter().position(|cause| is_fault(&cause.alike)),
        latest: by_time.iter().position(|cause| is_fault(&cause.alike)),
        same_resource: same.into_iter().chain(others).position(|cause| is_fault(&cause.alike)),
        candidates: ranking.causes.len(),
        is_likely: ranking.causes.first().is_some_and(|cause| cause.verdict == Verdict::Likely),
        onset_by_metric: onset.source == OnsetSource::Metric,
        onset_error_secs: (onset.from - world.onset) as f64 / 1_000.0,
    }
}

fn onset(world: &World) -> Onset {
    let direction = Direction::Up;
    let (from, period_ms) = (world.points_from, world.period_ms);
    let series = Series { points: &world.points, period_ms, from, direction, is_count: true };
    let reason = String::new();
    match change_point(&series, world.fired) {
        Some(change) => Onset {
            from: change.at,
            to: change.at + period_ms,
            source: OnsetSource::Metric,
            before: change.before,
            after: change.after,
            reason,
        },
        None => Onset {
            from: world.fired - world.evaluation_periods * period_ms,
            to: world.fired + 1,
            source: OnsetSource::Alarm,
            before: None,
            after: None,
            reason,
        },
    }
}

/// A line of each of the most telling patterns.
fn mined(world: &World, onset: &Onset) -> Vec<String> {
    let split = onset.from - world.period_ms;
    let slices = |from: Timestamp, to: Timestamp| {
        let length = (to - from) / 12;
        let one = |place: i64| {
            let (start, end) = (from + place * length, from + (place + 1) * length);
            let mut slice = Slice::new(start);
            let within = world.lines.iter().filter(|(at, _)| TimeRange::new(start, end).contains(*at));
            within.for_each(|(at, line)| slice.add(line, *at));
            slice.covers(end);
            slice
        };
        (0..12).map(one).collect::<Vec<_>>()
    };
    let (before, after) = (slices(split - BASELINE_MS, split), slices(split, world.fired.max(split + MINUTE)));
    surges(&before, &after).into_iter().take(5).map(|surge| surge.sample).collect()
}
