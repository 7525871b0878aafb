//! `Counting`: how often each service, action, actor, error, resource and region was found, and when; in bounded memory.

use model::limits::SEARCH_FACET_VALUES_MAX;
use model::time::{HOUR, MINUTE};
use model::{Event, Timestamp};
use std::collections::{BTreeMap, HashMap};

/// Most bars of the histogram; of more, wider ones are made.
const BARS_MAX: usize = 1_000;
/// Widths of bars in hours: an hour, a day, a week, a month, a year, ten.
const WIDTHS: [i64; 6] = [1, 24, 7 * 24, 30 * 24, 365 * 24, 3_650 * 24];

/// Widths of fine bars in minutes, up to a day; then they double.
const FINE: [i64; 8] = [1, 5, 15, 60, 180, 360, 720, 1_440];

/// Counts of one attribute.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facet {
    /// The commonest values, each with how often it was found.
    pub values: Vec<(String, u64)>,
    /// How often other values were found.
    pub others: u64,
}

/// Counts of what was found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facets {
    /// Events that were counted.
    pub events: u64,
    /// True when there are more than were looked at; the newest are counted.
    pub is_partial: bool,
    /// `eventSource`.
    pub services: Facet,
    /// `eventName`.
    pub actions: Facet,
    /// Who really did it.
    pub actors: Facet,
    /// `errorCode` of calls that failed.
    pub errors: Facet,
    /// Names of resources; an event may name several.
    pub resources: Facet,
    /// `awsRegion`.
    pub regions: Facet,
    /// Width of the histogram's bars, hours.
    pub bar_hours: i64,
    /// When each bar begins, and its events; bars without any are left out.
    pub histogram: Vec<(Timestamp, u64)>,
    /// Bars that are as narrow as was asked for, where that was.
    pub bars: Option<Bars>,
}

/// A histogram of as many bars as can be drawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bars {
    /// Width of each, minutes.
    pub minutes: i64,
    /// Those with events, oldest first.
    pub bars: Vec<Bar>,
}

/// The events of a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bar {
    /// When it begins.
    pub begin: Timestamp,
    /// All of them.
    pub events: u64,
    /// Those that failed.
    pub failed: u64,
}

/// Counts while a search runs.
#[derive(Debug, Default)]
pub(super) struct Counting {
    events: u64,
    pub(super) is_partial: bool,
    services: Counts,
    actions: Counts,
    actors: Counts,
    errors: Counts,
    resources: Counts,
    regions: Counts,
    hours: BTreeMap<i64, u64>,
    /// Events and failures of each minute, where fine bars are wanted.
    minutes: BTreeMap<i64, (u64, u64)>,
    bars_max: usize,
}

#[derive(Debug, Default)]
struct Counts {
    values: HashMap<String, u64>,
    others: u64,
}

impl Counts {
    fn add(&mut self, value: &str) {
        if value.is_empty() {
            return;
        }
        if let Some(count) = self.values.get_mut(value) {
            *count += 1;
        } else if self.values.len() < SEARCH_FACET_VALUES_MAX {
            self.values.insert(value.to_owned(), 1);
        } else {
            self.others += 1;
        }
    }

    fn finish(self, top: usize) -> Facet {
        let mut values: Vec<(String, u64)> = self.values.into_iter().collect();
        values.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
        let rest = values.split_off(top.min(values.len()));
        Facet { values, others: self.others + rest.iter().map(|(_, count)| count).sum::<u64>() }
    }
}

impl Counting {
    /// With `bars_max` fine bars at most, or none.
    pub(super) fn new(bars_max: usize) -> Self {
        Self { bars_max, ..Self::default() }
    }

    pub(super) fn add(&mut self, event: &Event, actor: Option<&str>) {
        self.events += 1;
        self.services.add(&event.source);
        self.actions.add(&event.name);
        self.actors.add(actor.unwrap_or_default());
        self.errors.add(&event.error_code);
        event.resources.iter().for_each(|resource| self.resources.add(&resource.name));
        self.regions.add(&event.region);
        *self.hours.entry(event.time.millis().div_euclid(HOUR)).or_default() += 1;
        if self.bars_max > 0 {
            let (events, failed) = self.minutes.entry(event.time.millis().div_euclid(MINUTE)).or_default();
            *events += 1;
            *failed += u64::from(!event.error_code.is_empty());
        }
    }

    pub(super) fn finish(self, top: usize) -> Facets {
        let (bar_hours, histogram) = bars(self.hours);
        let bars = (self.bars_max > 0).then(|| fine(&self.minutes, self.bars_max));
        Facets {
            events: self.events,
            is_partial: self.is_partial,
            services: self.services.finish(top),
            actions: self.actions.finish(top),
            actors: self.actors.finish(top),
            errors: self.errors.finish(top),
            resources: self.resources.finish(top),
            regions: self.regions.finish(top),
            bar_hours,
            histogram,
            bars,
        }
    }
}

/// The narrowest bars of which no more than `most` lie between the first and the last event.
fn fine(minutes: &BTreeMap<i64, (u64, u64)>, most: usize) -> Bars {
    let ends = minutes.first_key_value().zip(minutes.last_key_value());
    let (first, last) = ends.map_or((0, 0), |((first, _), (last, _))| (*first, *last));
    let most = i64::try_from(most).unwrap_or(i64::MAX);
    let fits = |width: i64| last.div_euclid(width) - first.div_euclid(width) < most;
    let mut width = FINE.into_iter().find(|width| fits(*width)).unwrap_or(FINE[FINE.len() - 1]);
    while !fits(width) {
        width *= 2;
    }
    let mut bars: Vec<Bar> = Vec::new();
    for (minute, (events, failed)) in minutes {
        let begin = Timestamp(minute.div_euclid(width).saturating_mul(width).saturating_mul(MINUTE));
        match bars.last_mut().filter(|bar| bar.begin == begin) {
            Some(bar) => (bar.events, bar.failed) = (bar.events + events, bar.failed + failed),
            None => bars.push(Bar { begin, events: *events, failed: *failed }),
        }
    }
    Bars { minutes: width, bars }
}

/// The narrowest bars of which there are not too many; the widest hold all the same.
fn bars(hours: BTreeMap<i64, u64>) -> (i64, Vec<(Timestamp, u64)>) {
    let mut wide: (i64, BTreeMap<i64, u64>) = (1, hours);
    for width in WIDTHS {
        let mut bars = BTreeMap::new();
        for (hour, count) in &wide.1 {
            *bars.entry((hour * wide.0).div_euclid(width)).or_default() += count;
        }
        wide = (width, bars);
        if wide.1.len() <= BARS_MAX {
            break;
        }
    }
    let (width, bars) = wide;
    let begins = |bar: i64| Timestamp(bar.saturating_mul(width).saturating_mul(HOUR));
    (width, bars.into_iter().take(BARS_MAX).map(|(bar, count)| (begins(bar), count)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fine_bars_are_as_narrow_as_their_number_lets_them() {
        let minute = |n: i64| (2, u64::from(n % 2 == 1));
        let every =
            |step: i64, count: i64| (0..count).map(|n| (n * step, minute(n))).collect::<BTreeMap<i64, (u64, u64)>>();
        let bars = fine(&every(1, 90), 90);
        assert_eq!((bars.minutes, bars.bars.len()), (1, 90));
        assert_eq!(bars.bars[1], Bar { begin: Timestamp(MINUTE), events: 2, failed: 1 });
        let bars = fine(&every(1, 91), 90);
        assert_eq!((bars.minutes, bars.bars[0]), (5, Bar { begin: Timestamp(0), events: 10, failed: 2 }));
        // Two events, ten years apart.
        let bars = fine(&every(10 * 365 * 1_440, 2), 90);
        assert_eq!((bars.minutes, bars.bars.len()), (64 * 1_440, 2));
        assert_eq!(fine(&BTreeMap::new(), 1), Bars { minutes: 1, bars: Vec::new() });
        let ends = BTreeMap::from([(i64::MIN / MINUTE, (1, 0)), (i64::MAX / MINUTE, (1, 0))]);
        assert!(fine(&ends, 1_000).bars.len() <= 1_000);
    }

    #[test]
    fn bars_get_wider_until_they_are_few() {
        let every = |step: i64, count: i64| (0..count).map(|n| (n * step, 1)).collect::<BTreeMap<i64, u64>>();
        assert_eq!(bars(every(1, 1000)).0, 1);
        let (width, days) = bars(every(1, 2400));
        assert_eq!((width, days.len(), days[1]), (24, 100, (Timestamp(24 * HOUR), 24)));
        let (width, weeks) = bars(every(24, 1001));
        assert_eq!((width, weeks.iter().map(|(_, count)| count).sum::<u64>()), (7 * 24, 1001));
        assert_eq!(
            bars(BTreeMap::from([(-1, 2), (-24, 1)])),
            (1, vec![(Timestamp(-24 * HOUR), 1), (Timestamp(-HOUR), 2)])
        );
    }

    #[test]
    fn values_beyond_the_bound_and_the_top_are_counted_together() {
        let mut counts = Counts::default();
        for n in 0..SEARCH_FACET_VALUES_MAX + 5 {
            counts.add(&format!("v{n:06}"));
        }
        counts.add("v000001");
        counts.add("");
        let facet = counts.finish(2);
        assert_eq!(facet.values, [("v000001".to_owned(), 2), ("v000000".to_owned(), 1)]);
        assert_eq!(facet.others, SEARCH_FACET_VALUES_MAX as u64 + 5 - 2);
    }
}
