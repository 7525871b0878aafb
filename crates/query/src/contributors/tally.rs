//! `Tally`: adds contributions up by contributor and period, in bounded memory.

use super::distinct::Distinct;
use super::line::Contribution;
use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

/// Most memory for contributors, about, bytes.
const BYTES_MAX: usize = 32 * 1024 * 1024;
/// What a contributor takes besides its text, and one of its periods, bytes.
const CONTRIBUTOR_BYTES: usize = 400;
const CELL_BYTES: usize = 24;
/// Hashes kept to count contributors of a period, and of all.
const PERIOD_HASHES: usize = 1024;
const REPORT_HASHES: usize = 8192;

/// What contributors are ranked by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OrderBy {
    /// The total over all periods.
    Sum,
    /// The largest value of one period.
    Maximum,
}

/// One contributor of a report.
#[derive(Debug, Clone, PartialEq)]
pub struct Contributor {
    /// The values of the rule's keys.
    pub keys: Vec<String>,
    /// Over all periods.
    pub total: f64,
    /// Number of period and value, ascending; periods without a contribution are absent.
    pub periods: Vec<(usize, f64)>,
}

/// What happened in one period.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Period {
    /// Different contributors.
    pub unique_contributors: f64,
    /// The value of the contributor with the largest.
    pub max_contributor_value: f64,
    /// Events that contributed.
    pub sample_count: f64,
    /// Of all contributions.
    pub sum: f64,
    /// The smallest single contribution.
    pub minimum: f64,
    /// The largest single contribution.
    pub maximum: f64,
}

impl Period {
    /// Sum by event.
    pub fn average(&self) -> f64 {
        self.sum / self.sample_count
    }
}

/// Everything that was added up.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// Of all contributions.
    pub aggregate: f64,
    /// Different contributors.
    pub unique_contributors: f64,
    /// The first in rank, as many as were asked for.
    pub contributors: Vec<Contributor>,
    /// Periods with a contribution, by number.
    pub periods: BTreeMap<usize, Period>,
}

#[derive(Debug, Default)]
struct Cells {
    total: f64,
    periods: BTreeMap<usize, f64>,
}

#[derive(Debug, Default)]
struct Totals {
    count: f64,
    sum: f64,
    minimum: f64,
    maximum: f64,
    distinct: Distinct,
}

/// Contributions, added up.
#[derive(Debug)]
pub struct Tally {
    contributors: HashMap<Vec<String>, Cells>,
    periods: BTreeMap<usize, Totals>,
    distinct: Distinct,
    aggregate: f64,
    bytes: usize,
    bytes_max: usize,
}

impl Default for Tally {
    fn default() -> Self {
        Self::with_bytes_max(BYTES_MAX)
    }
}

impl Tally {
    /// An empty one with another bound on its memory.
    pub fn with_bytes_max(bytes_max: usize) -> Self {
        let (contributors, periods, distinct) = (HashMap::new(), BTreeMap::new(), Distinct::default());
        Self { contributors, periods, distinct, aggregate: 0.0, bytes: 0, bytes_max }
    }

    /// Adds what one event contributes in the period of this number.
    pub fn add(&mut self, period: usize, contribution: Contribution) {
        let Contribution { keys, value } = contribution;
        let mut hasher = DefaultHasher::new();
        keys.hash(&mut hasher);
        let hash = hasher.finish();
        self.distinct.add(hash, REPORT_HASHES);
        self.aggregate += value;
        let totals = self.periods.entry(period).or_default();
        let is_first = totals.count == 0.0;
        totals.minimum = if is_first { value } else { totals.minimum.min(value) };
        totals.maximum = if is_first { value } else { totals.maximum.max(value) };
        totals.count += 1.0;
        totals.sum += value;
        totals.distinct.add(hash, PERIOD_HASHES);
        if !self.contributors.contains_key(&keys) {
            self.bytes += CONTRIBUTOR_BYTES + keys.iter().map(String::len).sum::<usize>();
        }
        let cells = self.contributors.entry(keys).or_default();
        cells.total += value;
        let before = cells.periods.len();
        *cells.periods.entry(period).or_default() += value;
        self.bytes += (cells.periods.len() - before) * CELL_BYTES;
        if self.bytes > self.bytes_max {
            self.drop_small();
        }
    }

    /// Leaves the contributors with the largest totals, in half of the memory.
    fn drop_small(&mut self) {
        let mut all: Vec<_> = std::mem::take(&mut self.contributors).into_iter().collect();
        all.sort_by(|a, b| b.1.total.total_cmp(&a.1.total).then_with(|| a.0.cmp(&b.0)));
        self.bytes = 0;
        for (keys, cells) in all {
            let text = keys.iter().map(String::len).sum::<usize>();
            let bytes = CONTRIBUTOR_BYTES + text + cells.periods.len() * CELL_BYTES;
            if self.bytes + bytes > self.bytes_max / 2 {
                break;
            }
            self.bytes += bytes;
            self.contributors.insert(keys, cells);
        }
    }

    /// The first `count` contributors by rank, ties by key, and the periods.
    pub fn report(self, order: OrderBy, count: usize) -> Report {
        let mut maxima: BTreeMap<usize, f64> = BTreeMap::new();
        for (&period, &value) in self.contributors.values().flat_map(|cells| &cells.periods) {
            maxima.entry(period).and_modify(|max| *max = max.max(value)).or_insert(value);
        }
        let rank = |cells: &Cells| match order {
            OrderBy::Sum => cells.total,
            OrderBy::Maximum => cells.periods.values().copied().fold(f64::NEG_INFINITY, f64::max),
        };
        let ranked = self.contributors.into_iter().map(|(keys, cells)| (rank(&cells), keys, cells));
        let mut ranked: Vec<(f64, Vec<String>, Cells)> = ranked.collect();
        ranked.sort_by(|a, b| b.0.total_cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
        ranked.truncate(count);
        let contributor = |(_, keys, cells): (f64, Vec<String>, Cells)| Contributor {
            keys,
            total: cells.total,
            periods: cells.periods.into_iter().collect(),
        };
        let period = |(number, totals): (usize, Totals)| {
            let period = Period {
                unique_contributors: totals.distinct.count(PERIOD_HASHES),
                max_contributor_value: maxima.get(&number).copied().unwrap_or(totals.maximum),
                sample_count: totals.count,
                sum: totals.sum,
                minimum: totals.minimum,
                maximum: totals.maximum,
            };
            (number, period)
        };
        Report {
            aggregate: self.aggregate,
            unique_contributors: self.distinct.count(REPORT_HASHES),
            contributors: ranked.into_iter().map(contributor).collect(),
            periods: self.periods.into_iter().map(period).collect(),
        }
    }
}
