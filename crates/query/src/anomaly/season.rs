//! Local time, and values that repeat with the time of day or the hour of the week.

use super::DAY_MS;

/// Milliseconds of an hour.
pub const HOUR_MS: i64 = 3_600_000;
/// Hours of a week.
pub const WEEK_HOURS: usize = 168;
/// Days after the newest point for which changes of the offset (daylight saving time) are looked up.
const AHEAD_DAYS: i64 = 35;

/// The offsets from UTC, in milliseconds, that hold from `from_ms` to some weeks after `to_ms`, each with its start. The start
/// of a change is found to the minute.
pub fn offsets(from_ms: i64, to_ms: i64, seconds_at: &dyn Fn(i64) -> i32) -> Vec<(i64, i64)> {
    let offset = |at_ms: i64| i64::from(seconds_at(at_ms).clamp(-86_400, 86_400)) * 1000;
    let mut found = vec![(from_ms, offset(from_ms))];
    let end_ms = to_ms.saturating_add(AHEAD_DAYS * DAY_MS);
    let (mut at_ms, mut now) = (from_ms, found[0].1);
    while at_ms < end_ms {
        let next_ms = at_ms.saturating_add(DAY_MS);
        let next = offset(next_ms);
        if next != now {
            let (mut before_ms, mut after_ms) = (at_ms, next_ms);
            while after_ms - before_ms > 60_000 {
                let between_ms = before_ms + (after_ms - before_ms) / 2;
                if offset(between_ms) == now { before_ms = between_ms } else { after_ms = between_ms }
            }
            found.push((after_ms.div_euclid(60_000) * 60_000, next));
            now = next;
        }
        at_ms = next_ms;
    }
    found
}

/// Local time in milliseconds.
pub fn local(offsets: &[(i64, i64)], at_ms: i64) -> i64 {
    let offset = offsets.iter().rev().find(|&&(from_ms, _)| from_ms <= at_ms).or(offsets.first());
    at_ms.saturating_add(offset.map_or(0, |&(_, offset)| offset))
}

/// The slot of the day that a local time lies in.
pub fn slot(slots: usize, local_ms: i64) -> usize {
    (local_ms.rem_euclid(DAY_MS) as usize * slots / DAY_MS as usize).min(slots.saturating_sub(1))
}

/// The hour of the week that a local time lies in; hour 0 follows midnight before a Thursday.
pub fn hour_of_week(local_ms: i64) -> usize {
    local_ms.div_euclid(HOUR_MS).rem_euclid(WEEK_HOURS as i64) as usize
}

/// A value by time of day, linear between the middles of the slots; 0 without slots.
pub fn at_time_of_day(values: &[f64], local_ms: i64) -> f64 {
    interpolate(values, local_ms.rem_euclid(DAY_MS) as f64 / DAY_MS as f64)
}

/// A value by hour of the week, linear between the middles of the hours; 0 without hours.
pub fn at_hour(values: &[f64], local_ms: i64) -> f64 {
    interpolate(values, local_ms.rem_euclid(7 * DAY_MS) as f64 / (7 * DAY_MS) as f64)
}

/// The value at a fraction of a circle of evenly spaced values.
fn interpolate(values: &[f64], fraction: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let place = fraction * values.len() as f64 - 0.5 + values.len() as f64;
    let (index, part) = (place as usize, place.fract());
    let (left, right) = (values[index % values.len()], values[(index + 1) % values.len()]);
    left + (right - left) * part
}
