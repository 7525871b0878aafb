//! `Counts` and `Tally`: how often values of an attribute came; of many values the frequent ones.

use model::limits::INSIGHT_VALUES_MAX;
use serde::{Deserialize, Serialize};

/// How often values came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Counts(Vec<(String, u64)>);

impl Counts {
    /// Adds so many of a value. Of more than `INSIGHT_VALUES_MAX` values a rare one goes for one that is more frequent.
    pub(super) fn add(&mut self, value: &str, calls: u64) {
        if value.is_empty() || calls == 0 {
            return;
        }
        if let Some((_, counted)) = self.0.iter_mut().find(|(known, _)| known == value) {
            *counted += calls;
        } else if self.0.len() < INSIGHT_VALUES_MAX {
            self.0.push((value.to_owned(), calls));
        } else if let Some(rarest) = self.0.iter_mut().min_by_key(|(_, counted)| *counted)
            && rarest.1 < calls
        {
            *rarest = (value.to_owned(), calls);
        }
    }

    /// Adds what others counted.
    pub(super) fn add_all(&mut self, others: &Counts) {
        others.iter().for_each(|(value, calls)| self.add(value, calls));
    }

    /// All of them.
    pub(super) fn iter(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().map(|(value, calls)| (value.as_str(), *calls))
    }
}

/// How often values came on each of some days.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally(Vec<(String, Vec<(i64, u64)>)>);

impl Tally {
    /// Adds what was counted on a day, which must be none before the last.
    pub(super) fn add(&mut self, day: i64, counts: &Counts) {
        for (value, calls) in counts.iter() {
            if let Some((_, days)) = self.0.iter_mut().find(|(known, _)| known == value) {
                match days.last_mut() {
                    Some((last, counted)) if *last == day => *counted += calls,
                    _ => days.push((day, calls)),
                }
            } else if self.0.len() < INSIGHT_VALUES_MAX {
                self.0.push((value.to_owned(), vec![(day, calls)]));
            } else if let Some(rarest) = self.0.iter_mut().min_by_key(|(_, days)| total(days, i64::MIN))
                && total(&rarest.1, i64::MIN) < calls
            {
                *rarest = (value.to_owned(), vec![(day, calls)]);
            }
        }
    }

    /// What was counted from a day on.
    pub(super) fn since(&self, day: i64) -> Counts {
        let mut counts = Counts::default();
        self.0.iter().for_each(|(value, days)| counts.add(value, total(days, day)));
        counts
    }

    /// Forgets the days before one.
    pub(super) fn drop_before(&mut self, day: i64) {
        self.0.iter_mut().for_each(|(_, days)| days.retain(|(of, _)| *of >= day));
        self.0.retain(|(_, days)| !days.is_empty());
    }
}

fn total(days: &[(i64, u64)], since: i64) -> u64 {
    days.iter().filter(|(day, _)| *day >= since).map(|(_, calls)| calls).sum()
}
