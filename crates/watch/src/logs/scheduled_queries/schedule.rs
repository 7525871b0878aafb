//! Schedules of scheduled queries: `cron(minutes hours day-of-month month day-of-week year)`, as EventBridge writes them.
//!
//! Fields take `*`, `?`, values, names, ranges, lists and steps; weekdays count from 1, Sunday. `L`, `W` and `#`, and years other than
//! `*`, are refused by name. A rate (`rate(5 minutes)`) is no schedule of Logs.

use crate::alarms::{Cron, zone};
use jiff::tz::TimeZone;
use model::Timestamp;

/// A schedule in its time zone.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    cron: Cron,
    zone: TimeZone,
}

/// Lowest and highest value of the five fields that decide, and the lowest of them in the cron of Unix.
const FIELDS: [(&str, u32, u32, u32); 5] = [
    ("minutes", 0, 59, 0),
    ("hours", 0, 23, 0),
    ("day-of-month", 1, 31, 1),
    ("month", 1, 12, 1),
    ("day-of-week", 1, 7, 0),
];
const MONTHS: [&str; 12] = ["JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC"];
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

impl Schedule {
    /// Reads an expression; the error says what is wrong with it.
    pub(super) fn parse(expression: &str, time_zone: Option<&str>) -> Result<Self, String> {
        let name = time_zone.unwrap_or("UTC");
        let zone = zone::by_name(name).or_else(|| zone::by_offset(name));
        let zone = zone.ok_or_else(|| format!("the timezone {name} is not known"))?;
        let inner = expression.trim().strip_prefix("cron(").and_then(|rest| rest.strip_suffix(')'));
        let inner = inner.ok_or("a schedule must be cron(minutes hours day-of-month month day-of-week year)")?;
        let words: Vec<&str> = inner.split_whitespace().collect();
        let [fields @ .., year] = words.as_slice() else { return Err("a cron expression must have 6 fields".into()) };
        if fields.len() != FIELDS.len() {
            return Err(format!("a cron expression must have 6 fields, not {}", words.len()));
        }
        if *year != "*" && *year != "?" {
            return Err(format!("the year {year} is not supported: only * is"));
        }
        let unix: Result<Vec<String>, String> = fields
            .iter()
            .zip(&FIELDS)
            .map(|(text, (name, min, max, base))| field(text, name, *min, *max, *base))
            .collect();
        let cron = Cron::parse(&unix?.join(" "), 0).map_err(|error| error.to_string())?;
        Ok(Self { cron, zone })
    }

    /// The first time after `at`.
    pub(super) fn first_after(&self, at: Timestamp) -> Option<Timestamp> {
        self.cron.first_after(&self.zone, at)
    }
}

/// A field as Unix's cron would have it: `*`, or a list of values.
fn field(text: &str, name: &str, min: u32, max: u32, base: u32) -> Result<String, String> {
    if text == "*" || text == "?" {
        return Ok("*".into());
    }
    let mut values = Vec::new();
    for item in text.split(',') {
        let bad = || format!("{name} '{item}' must be *, or values, ranges and steps of {min}-{max}");
        let value = |text: &str| {
            let names: &[&str] = if max == 12 {
                &MONTHS
            } else if max == 7 {
                &WEEKDAYS
            } else {
                &[]
            };
            let named = names.iter().position(|known| known.eq_ignore_ascii_case(text)).map(|at| at as u32 + 1);
            let numbered = || text.parse().ok().filter(|_| text.len() <= 2);
            named.or_else(numbered).filter(|value| (min..=max).contains(value)).ok_or_else(bad)
        };
        let (range, step) = match item.split_once('/') {
            Some((range, step)) => (range, Some(step.parse::<u32>().ok().filter(|step| *step > 0).ok_or_else(bad)?)),
            None => (item, None),
        };
        let (first, last) = match range.split_once('-') {
            Some((first, last)) => (value(first)?, value(last)?),
            None if range == "*" => (min, max),
            None => (value(range)?, if step.is_some() { max } else { value(range)? }),
        };
        // Weeks run on over their end.
        let span = if first <= last {
            last - first
        } else if max == 7 {
            last + 7 - first
        } else {
            return Err(bad());
        };
        let of_week = |at: u32| if max == 7 { (at - 1) % 7 + 1 } else { at };
        values.extend((0..=span).step_by(step.unwrap_or(1) as usize).map(|at| of_week(first + at) - min + base));
    }
    values.sort_unstable();
    values.dedup();
    let texts: Vec<String> = values.iter().map(u32::to_string).collect();
    Ok(texts.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2026-03-01T00:00:00Z, a Sunday.
    const NOW: Timestamp = Timestamp(1_772_323_200_000);

    fn next(expression: &str, zone: Option<&str>) -> String {
        Schedule::parse(expression, zone).unwrap().first_after(NOW).unwrap().iso_seconds()
    }

    #[test]
    fn the_next_time_follows_eventbridges_rules() {
        assert_eq!(next("cron(0 9 * * ? *)", None), "2026-03-01T09:00:00Z");
        assert_eq!(next("cron(0/15 * * * ? *)", None), "2026-03-01T00:15:00Z");
        assert_eq!(next("cron(30 10 ? * MON-FRI *)", None), "2026-03-02T10:30:00Z");
        assert_eq!(next("cron(0 0 ? * 2 *)", None), "2026-03-02T00:00:00Z", "2 is Monday");
        assert_eq!(next("cron(0 0 ? * SAT-MON *)", None), "2026-03-02T00:00:00Z");
        assert_eq!(next("cron(0 12 15 JUN,DEC ? *)", None), "2026-06-15T12:00:00Z");
        assert_eq!(next("cron(0 9 * * ? *)", Some("America/New_York")), "2026-03-01T14:00:00Z");
    }

    #[test]
    fn what_is_not_a_schedule_is_told() {
        let refused = |expression: &str| Schedule::parse(expression, None).unwrap_err();
        assert_eq!(
            refused("rate(5 minutes)"),
            "a schedule must be cron(minutes hours day-of-month month day-of-week year)"
        );
        assert_eq!(refused("cron(0 9 * * ?)"), "a cron expression must have 6 fields, not 5");
        assert_eq!(refused("cron(0 9 L * ? *)"), "day-of-month 'L' must be *, or values, ranges and steps of 1-31");
        assert_eq!(refused("cron(0/0 9 * * ? *)"), "minutes '0/0' must be *, or values, ranges and steps of 0-59");
        assert_eq!(refused("cron(0 9 * * ? 2027)"), "the year 2027 is not supported: only * is");
        assert!(Schedule::parse("cron(0 9 * * ? *)", Some("Mars/Olympus")).is_err());
    }
}
