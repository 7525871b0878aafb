//! CloudTrail Insights: when calls of an operation, or one of its errors, come far more often than in the days before.
//!
//! AWS says what an Insights event holds (user guide, "Insights event statistics"): the average number of calls or errors in a
//! minute during the unusual time and during the seven days before, how long both were, and who and what called. Its samples have
//! baselines of 10,080 to 11,520 minutes, so a baseline begins with a UTC day; and insights of three calls in five minutes, so
//! several minutes are looked at together. What is unusual AWS does not say. Here, for the calls of the last five minutes:
//! - There are at least three, and more than the baseline's average lets expect by six standard deviations, of the baseline itself or
//!   of a Poisson process of its average, whichever is greater.
//! - There are half as many again as in any five minutes of the baseline: what a nightly job does is no news.
//!
//! The unusual time begins with the first of these minutes that is above the average by three deviations, and ends after the last
//! such minute once five minutes are usual again, or after a day and five minutes: then it is the usual. A minute counts for the baseline when
//! another five have passed. A call that is told late counts in the minute in which it is told.
//!
//! Pure: calls and times go in, insights come out. Periods are minutes and days on AWS; tests have shorter ones.

mod learned;
mod tally;
#[cfg(test)]
mod tests;

pub use learned::Learned;

use model::limits::{INSIGHT_SUBJECTS_MAX, INSIGHT_VALUE_BYTES_MAX};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use tally::Counts;

/// Periods that are looked at together.
const WINDOW: i64 = 5;
/// Days of a baseline.
const DAYS: i64 = 7;
/// Values of an attribute that an insight shows.
const SHOWN_MAX: usize = 5;

/// How long things take, milliseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// What calls are counted by: a minute on AWS.
    pub period_ms: i64,
    /// What comes before an insight: seven days on AWS.
    pub baseline_ms: i64,
    /// What must have been seen of an account and region before anything is unusual.
    pub training_ms: i64,
}

impl Settings {
    fn period(&self, time_ms: i64) -> i64 {
        time_ms.div_euclid(self.period_ms.max(1))
    }

    /// Periods of a day, a seventh of a baseline.
    fn day(&self) -> i64 {
        (self.baseline_ms / DAYS / self.period_ms.max(1)).max(1)
    }
}

/// What is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Kind {
    /// `ApiCallRateInsight`.
    CallRate,
    /// `ApiErrorRateInsight`.
    ErrorRate,
}

impl Kind {
    /// As AWS writes it.
    pub fn name(self) -> &'static str {
        match self {
            Kind::CallRate => "ApiCallRateInsight",
            Kind::ErrorRate => "ApiErrorRateInsight",
        }
    }
}

/// Whose calls of what, counted together.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Subject {
    /// The account.
    pub account: String,
    /// The region.
    pub region: String,
    /// Calls or errors.
    pub kind: Kind,
    /// `eventCategory` of the calls: `Management` or `Data`.
    pub category: String,
    /// `eventSource`.
    pub source: String,
    /// `eventName`.
    pub name: String,
    /// `errorCode` that is counted; empty for calls.
    pub error_code: String,
}

/// What AWS attributes an insight to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Attribute {
    /// `userIdentity.arn`.
    UserIdentityArn,
    /// `userAgent`.
    UserAgent,
    /// `errorCode`; `null` for calls that succeeded.
    ErrorCode,
}

impl Attribute {
    /// As AWS writes it.
    pub fn name(self) -> &'static str {
        match self {
            Attribute::UserIdentityArn => "userIdentityArn",
            Attribute::UserAgent => "userAgent",
            Attribute::ErrorCode => "errorCode",
        }
    }
}

/// The attributes, in AWS's order.
const ATTRIBUTES: [Attribute; 3] = [Attribute::UserIdentityArn, Attribute::UserAgent, Attribute::ErrorCode];

/// Values of the attributes of one call; an empty one is not counted.
pub type Values<'a> = [&'a str; 3];

/// An insight begins or ends.
#[derive(Debug, Clone, PartialEq)]
pub struct Insight {
    /// Of what.
    pub subject: Subject,
    /// True for the end.
    pub is_end: bool,
    /// When the unusual time began, milliseconds.
    pub start_ms: i64,
    /// When it ended; the same as `start_ms` while it has not.
    pub time_ms: i64,
    /// Calls in a period, on average, during the baseline.
    pub baseline_average: f64,
    /// Calls in a period, on average, in the unusual time so far.
    pub average: f64,
    /// Periods of the unusual time so far.
    pub duration: i64,
    /// Periods of the baseline.
    pub baseline_duration: i64,
    /// Who and what called.
    pub attributions: Vec<Attribution>,
}

/// The values of an attribute with the calls of a period that have it, on average; the most frequent first.
#[derive(Debug, Clone, PartialEq)]
pub struct Attribution {
    /// Which attribute.
    pub attribute: Attribute,
    /// In the unusual time.
    pub insight: Vec<(String, f64)>,
    /// During the baseline.
    pub baseline: Vec<(String, f64)>,
}

/// Since when something is counted, by account and region; periods.
pub type Since = BTreeMap<String, BTreeMap<String, i64>>;

/// Counts calls and finds what is unusual. Knows up to `INSIGHT_SUBJECTS_MAX` subjects; of more, those go that were quiet longest.
#[derive(Debug)]
pub struct Engine {
    settings: Settings,
    /// The period that is not closed.
    open: Option<i64>,
    since: Since,
    learned: HashMap<Subject, Learned>,
    /// Subjects that something may be found of when a period is closed.
    active: BTreeSet<Subject>,
    /// Subjects that have changed since `take_changed`.
    changed: BTreeSet<Subject>,
}

impl Engine {
    /// An engine that goes on from what another knew: its open period, since when it counted, and what it had learned.
    pub fn new(settings: Settings, open: Option<i64>, since: Since, learned: Vec<(Subject, Learned)>) -> Self {
        let learned: HashMap<Subject, Learned> = learned.into_iter().collect();
        let active = learned.iter().filter(|(_, learned)| learned.is_active()).map(|(subject, _)| subject.clone());
        Self { settings, open, since, active: active.collect(), learned, changed: BTreeSet::new() }
    }

    /// The period that is not closed.
    pub fn open(&self) -> Option<i64> {
        self.open
    }

    /// Since when accounts and regions are counted.
    pub fn since(&self) -> &Since {
        &self.since
    }

    /// Counts a call. Those of later periods must not be counted before the ones between are closed.
    pub fn count(&mut self, subject: &Subject, time_ms: i64, values: Values<'_>) {
        let at = self.settings.period(time_ms);
        let at = at.max(*self.open.get_or_insert(at));
        let regions = self.since.entry(subject.account.clone()).or_default();
        regions.entry(subject.region.clone()).or_insert(at);
        if !self.learned.contains_key(subject) {
            self.make_room();
            self.learned.insert(subject.clone(), Learned::default());
        }
        if let Some(learned) = self.learned.get_mut(subject) {
            let cut = |value: &str| value[..value.floor_char_boundary(INSIGHT_VALUE_BYTES_MAX)].to_owned();
            learned.count(at, values.map(cut));
        }
        self.active.insert(subject.clone());
        self.changed.insert(subject.clone());
    }

    /// Closes the periods that ended by then, and answers what they show, in order.
    pub fn close(&mut self, time_ms: i64) -> Vec<Insight> {
        let until = self.settings.period(time_ms);
        let mut found = Vec::new();
        while let Some(period) = self.open.filter(|period| *period < until) {
            // With nothing to look at the rest is closed at once.
            let next = if self.active.is_empty() { until } else { period + 1 };
            for subject in std::mem::take(&mut self.active) {
                let since = self.since.get(&subject.account).and_then(|regions| regions.get(&subject.region));
                let since = since.copied().unwrap_or(period);
                let Some(learned) = self.learned.get_mut(&subject) else { continue };
                found.extend(learned.close(&self.settings, &subject, period, since));
                self.changed.insert(subject.clone());
                if learned.is_active() {
                    self.active.insert(subject);
                }
            }
            self.open = Some(next);
            if period.div_euclid(self.settings.day()) != next.div_euclid(self.settings.day()) {
                self.forget_old(next);
            }
        }
        found
    }

    /// Forgets accounts and regions that are not counted any more.
    pub fn retain(&mut self, is_counted: impl Fn(&str, &str) -> bool) {
        for (account, regions) in &mut self.since {
            regions.retain(|region, _| is_counted(account, region));
        }
        self.since.retain(|_, regions| !regions.is_empty());
        let gone: Vec<Subject> =
            self.learned.keys().filter(|subject| !is_counted(&subject.account, &subject.region)).cloned().collect();
        gone.iter().for_each(|subject| self.forget(subject));
    }

    /// What has changed since the last time: what is known of subjects now, or that they are forgotten.
    pub fn take_changed(&mut self) -> Vec<(Subject, Option<&Learned>)> {
        let changed = std::mem::take(&mut self.changed);
        let known = changed.into_iter().map(|subject| {
            let learned = self.learned.get(&subject);
            (subject, learned)
        });
        known.collect()
    }

    fn forget(&mut self, subject: &Subject) {
        self.learned.remove(subject);
        self.active.remove(subject);
        self.changed.insert(subject.clone());
    }

    /// Forgets subjects of which nothing is left in the baseline of a period.
    fn forget_old(&mut self, period: i64) {
        // What begins now may have begun with the window.
        let first = first_day(&self.settings, period - WINDOW);
        let mut gone = Vec::new();
        for (subject, learned) in &mut self.learned {
            learned.drop_before(first);
            if learned.is_empty() {
                gone.push(subject.clone());
            }
        }
        gone.iter().for_each(|subject| self.forget(subject));
    }

    fn make_room(&mut self) {
        if self.learned.len() < INSIGHT_SUBJECTS_MAX {
            return;
        }
        // Several at once, for looking at all of them takes a while.
        let mut quiet: Vec<(i64, Subject)> = self
            .learned
            .iter()
            .map(|(subject, learned)| (learned.last(self.settings.day()), subject.clone()))
            .collect();
        quiet.sort();
        quiet.truncate(INSIGHT_SUBJECTS_MAX / 16);
        quiet.iter().for_each(|(_, subject)| self.forget(subject));
    }
}

/// The day with which the baseline of what begins at a period begins.
fn first_day(settings: &Settings, period: i64) -> i64 {
    (period - DAYS * settings.day()).div_euclid(settings.day())
}

/// The most frequent values of each attribute, per period.
fn averages(counts: &[Counts; 3], periods: i64) -> [Vec<(String, f64)>; 3] {
    counts.each_ref().map(|counts| {
        let mut all: Vec<(&str, u64)> = counts.iter().collect();
        all.sort_by(|a, b| b.1.cmp(&a.1).then(a.0.cmp(b.0)));
        let shown = all.into_iter().take(SHOWN_MAX);
        shown.map(|(value, calls)| (value.to_owned(), average(calls, periods))).collect()
    })
}

/// Calls per period with ten decimals, as AWS writes them.
fn average(calls: u64, periods: i64) -> f64 {
    if periods <= 0 {
        return 0.0;
    }
    let exact = calls as f64 / periods as f64;
    (exact * 1e10).round() / 1e10
}
