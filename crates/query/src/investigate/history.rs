//! `History`: which kinds of changes there were in the days before, how often, when, and before which earlier alarms.

use super::LOOKBACK_MS;
use super::change::Change;
use super::subject::{Subject, TermKind};
use super::theme::Themes;
use model::time::{DAY, HOUR};
use model::{TimeRange, Timestamp};
use std::collections::HashMap;

/// Longest history, hours: 31 days.
const HOURS_MAX: usize = 744;
/// Most kinds of changes that are told apart; the history goes by what came first after that.
const KINDS_MAX: usize = 20_000;
/// Most earlier alarms that are looked at.
pub const EARLIER_MAX: usize = 32;

/// Which terms of a subject a change has: a bit for each.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Matched {
    /// As the whole name of something.
    pub exact: u64,
    /// As a word of something.
    pub mention: u64,
}

impl Matched {
    /// The terms of `subject` that `change` has.
    pub fn of(subject: &Subject, change: &Change) -> Self {
        let mut matched = Self::default();
        for (at, term) in subject.terms().iter().enumerate() {
            let bit = 1 << at;
            match term.kind {
                TermKind::Service if change.source == term.key => matched.exact |= bit,
                TermKind::Service => {}
                TermKind::Resource if change.words.names.contains(&term.key) => matched.exact |= bit,
                _ if change.words.words.contains(&term.key) => matched.mention |= bit,
                _ => {}
            }
        }
        matched
    }

    fn or(self, other: Self) -> Self {
        Self { exact: self.exact | other.exact, mention: self.mention | other.mention }
    }
}

/// How often something was seen.
#[derive(Debug, Clone, Default)]
pub(super) struct Seen {
    /// Calls.
    pub count: u64,
    /// A bit for each hour with a call.
    hours: [u64; HOURS_MAX.div_ceil(64)],
    /// A bit for each earlier alarm with a call before it.
    pub preceded: u32,
}

impl Seen {
    /// In how many hours.
    pub fn hours(&self) -> u32 {
        self.hours.iter().map(|bits| bits.count_ones()).sum()
    }

    fn has_hour(&self, slot: i64) -> bool {
        usize::try_from(slot).is_ok_and(|slot| slot < HOURS_MAX && self.hours[slot / 64] & (1 << (slot % 64)) != 0)
    }

    fn add(&mut self, slot: usize, preceded: u32) {
        self.count += 1;
        self.hours[slot / 64] |= 1 << (slot % 64);
        self.preceded |= preceded;
    }
}

/// What changes of one kind touched.
#[derive(Debug, Clone, Copy, Default)]
struct Touched {
    matched: Matched,
    themes: Themes,
}

/// The days before.
#[derive(Debug, Clone)]
pub struct History {
    /// Hours are counted from its start.
    range: TimeRange,
    since: Timestamp,
    earlier: Vec<Timestamp>,
    changes: u64,
    /// By source and name, and by these and the actor; by the actor.
    actions: HashMap<(String, String), Seen>,
    kinds: HashMap<(String, String, String), (Seen, Touched)>,
    actors: HashMap<String, Seen>,
}

impl History {
    /// Of a time that ends where the changes to be explained begin; at most its last 31 days count. `earlier` are the onsets of
    /// earlier alarms in it, of which the latest count.
    pub fn new(range: TimeRange, mut earlier: Vec<Timestamp>) -> Self {
        let start = range.start.max(range.end - HOURS_MAX as i64 * HOUR).min(range.end);
        let range = TimeRange::new(start, range.end);
        earlier.retain(|time| range.contains(*time));
        earlier.sort_unstable_by(|a, b| b.cmp(a));
        earlier.dedup();
        earlier.truncate(EARLIER_MAX);
        let (actions, kinds, actors) = (HashMap::new(), HashMap::new(), HashMap::new());
        Self { range, since: start, earlier, changes: 0, actions, kinds, actors }
    }

    /// Adds a change, in any order; those outside the time are passed over.
    pub fn add(&mut self, subject: &Subject, change: &Change) {
        if !self.range.contains(change.time) {
            return;
        }
        let slot = usize::try_from((change.time - self.range.start) / HOUR).unwrap_or_default().min(HOURS_MAX - 1);
        let before = |(at, onset): (usize, &Timestamp)| {
            let ago = *onset - change.time;
            u32::from((0..=LOOKBACK_MS).contains(&ago)) << at
        };
        let preceded = self.earlier.iter().enumerate().map(before).fold(0, |all, bit| all | bit);
        self.changes += 1;
        let action = (change.source.clone(), change.name.clone());
        let kind = (change.source.clone(), change.name.clone(), change.actor.clone());
        if let Some(seen) = entry(&mut self.actions, action) {
            seen.add(slot, preceded);
        }
        if let Some(seen) = entry(&mut self.actors, change.actor.clone()) {
            seen.add(slot, preceded);
        }
        if let Some((seen, touched)) = entry(&mut self.kinds, kind) {
            seen.add(slot, preceded);
            touched.matched = touched.matched.or(Matched::of(subject, change));
            touched.themes = touched.themes.or(change.themes);
        }
    }

    /// Says that changes before a time are not known; earlier alarms before it do not count then.
    pub fn known_since(&mut self, since: Timestamp) {
        self.since = since.clamp(self.range.start, self.range.end);
        // They are in order, latest first: the places of the others stay.
        self.earlier.retain(|time| *time >= self.since);
    }

    /// Changes that were added.
    pub fn changes(&self) -> u64 {
        self.changes
    }

    /// Its length, days.
    pub fn days(&self) -> f64 {
        (self.range.end - self.since) as f64 / DAY as f64
    }

    /// Its length in hours, at least one.
    pub(super) fn hours(&self) -> f64 {
        ((self.range.end - self.since) as f64 / HOUR as f64).max(1.0)
    }

    /// Earlier alarms in it.
    pub fn earlier(&self) -> usize {
        self.earlier.len()
    }

    /// How often the action was called, by anybody.
    pub(super) fn action(&self, change: &Change) -> Option<&Seen> {
        self.actions.get(&(change.source.clone(), change.name.clone()))
    }

    /// How often its actor changed anything.
    pub(super) fn actor(&self, change: &Change) -> Option<&Seen> {
        self.actors.get(&change.actor)
    }

    /// How often its actor called the action.
    pub(super) fn kind(&self, change: &Change) -> Option<&Seen> {
        self.kinds.get(&(change.source.clone(), change.name.clone(), change.actor.clone())).map(|(seen, _)| seen)
    }

    /// On how many of the days before something was seen within an hour or two of the time of day of `time`.
    pub(super) fn days_at(&self, seen: &Seen, time: Timestamp) -> u32 {
        let slot = (time - self.range.start).div_euclid(HOUR);
        let is_day = |day: &i64| (-1..=1).any(|near| seen.has_hour(slot - 24 * day + near));
        (1..=HOURS_MAX as i64 / 24).filter(is_day).count() as u32
    }

    /// What each kind of change touched: terms and themes.
    pub(super) fn touched(&self) -> impl Iterator<Item = (Matched, Themes)> {
        self.kinds.values().map(|(_, touched)| (touched.matched, touched.themes))
    }
}

/// The value of a key, a new one as long as there is room.
fn entry<K: Eq + std::hash::Hash, V: Default>(map: &mut HashMap<K, V>, key: K) -> Option<&mut V> {
    if map.len() >= KINDS_MAX { map.get_mut(&key) } else { Some(map.entry(key).or_default()) }
}
