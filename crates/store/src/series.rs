//! The series index: every `SeriesKey` that has data, in memory, with the time it was last written to.

use foldhash::quality::RandomState;
use model::{SeriesKey, Timestamp};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Number of a series in this process: given at open or first append, never reused, never stored.
pub(crate) type SeriesNumber = u32;

/// Which series to list.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SeriesFilter {
    /// Twelve-digit account id.
    pub account: String,
    /// Region name.
    pub region: String,
    /// Exact namespace; `None` for all.
    pub namespace: Option<String>,
    /// Exact metric name; `None` for all.
    pub name: Option<String>,
    /// Dimensions that a series must have among its own, with any value or exactly this one.
    pub dimensions: Vec<(String, Option<String>)>,
    /// Only series written to at this time or later.
    pub active_since: Option<Timestamp>,
}

impl SeriesFilter {
    fn admits(&self, key: &SeriesKey, last_written: Timestamp) -> bool {
        self.name.as_ref().is_none_or(|name| *name == key.name)
            && self.active_since.is_none_or(|since| last_written >= since)
            && self.dimensions.iter().all(|(name, value)| {
                key.dimensions.iter().any(|(n, v)| n == name && value.as_ref().is_none_or(|value| v == value))
            })
    }
}

/// Numbers, keys and last times of all series.
#[derive(Debug, Default)]
pub(crate) struct SeriesIndex {
    // Lookup only; never iterated, for its order differs from run to run.
    // Clients choose the keys, and every datum is looked up: seeded, and fast.
    numbers: HashMap<Arc<SeriesKey>, SeriesNumber, RandomState>,
    sorted: BTreeMap<Arc<SeriesKey>, SeriesNumber>,
    keys: Vec<Arc<SeriesKey>>,
    last_written: Vec<Timestamp>,
}

impl SeriesIndex {
    /// The number of a series, new or known, which was written to at `written`.
    pub(crate) fn touch(&mut self, key: &Arc<SeriesKey>, written: Timestamp) -> SeriesNumber {
        if let Some(&number) = self.numbers.get(key) {
            if let Some(last) = self.last_written.get_mut(number as usize) {
                *last = (*last).max(written);
            }
            return number;
        }
        let number = SeriesNumber::try_from(self.keys.len()).expect("fewer than 2^32 series fit in memory");
        self.numbers.insert(Arc::clone(key), number);
        self.sorted.insert(Arc::clone(key), number);
        self.keys.push(Arc::clone(key));
        self.last_written.push(written);
        number
    }

    /// The number of a series, if it has data.
    pub(crate) fn number(&self, key: &SeriesKey) -> Option<SeriesNumber> {
        self.numbers.get(key).copied()
    }

    /// The key of a number that `touch` gave.
    pub(crate) fn key(&self, number: SeriesNumber) -> Option<&Arc<SeriesKey>> {
        self.keys.get(number as usize)
    }

    /// When a series was last written to.
    pub(crate) fn last_written(&self, number: SeriesNumber) -> Timestamp {
        self.last_written.get(number as usize).copied().unwrap_or(Timestamp::MIN)
    }

    /// How many series are known.
    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// Forgets series last written to before `cutoff`.
    pub(crate) fn expire(&mut self, cutoff: Timestamp) {
        let Self { numbers, sorted, last_written, .. } = self;
        sorted.retain(|key, number| {
            let keep = last_written.get(*number as usize).is_some_and(|last| *last >= cutoff);
            if !keep {
                numbers.remove(key);
            }
            keep
        });
    }

    /// Forgets all series; numbers go on.
    pub(crate) fn clear(&mut self) {
        self.numbers.clear();
        self.sorted.clear();
    }

    /// All series, in key order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<SeriesKey>> {
        self.sorted.keys()
    }

    /// Series that the filter admits, in key order.
    pub(crate) fn list(&self, filter: &SeriesFilter) -> Vec<Arc<SeriesKey>> {
        let first = SeriesKey {
            account: filter.account.clone(),
            region: filter.region.clone(),
            namespace: filter.namespace.clone().unwrap_or_default(),
            name: filter.namespace.as_ref().and(filter.name.clone()).unwrap_or_default(),
            ..SeriesKey::default()
        };
        self.sorted
            .range(first..)
            .take_while(|(key, _)| {
                key.account == filter.account
                    && key.region == filter.region
                    && filter.namespace.as_ref().is_none_or(|namespace| {
                        key.namespace == *namespace && filter.name.as_ref().is_none_or(|name| key.name == *name)
                    })
            })
            .filter(|(key, number)| filter.admits(key, self.last_written(**number)))
            .map(|(key, _)| Arc::clone(key))
            .collect()
    }

    /// The series of one metric with exactly these dimensions: one per unit.
    pub(crate) fn find(&self, metric: SeriesKey, unit: Option<&str>) -> Vec<Arc<SeriesKey>> {
        let first = SeriesKey { unit: String::new(), ..metric };
        self.sorted
            .range(first.clone()..)
            .map(|(key, _)| key)
            .take_while(|key| {
                key.account == first.account
                    && key.region == first.region
                    && key.namespace == first.namespace
                    && key.name == first.name
                    && key.dimensions == first.dimensions
            })
            .filter(|key| unit.is_none_or(|unit| key.unit == unit))
            .map(Arc::clone)
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(namespace: &str, name: &str, dimensions: &[(&str, &str)], unit: &str) -> Arc<SeriesKey> {
        Arc::new(SeriesKey {
            account: "1".into(),
            region: "r".into(),
            namespace: namespace.into(),
            name: name.into(),
            dimensions: dimensions.iter().map(|(n, v)| (n.to_string(), v.to_string())).collect(),
            unit: unit.into(),
        })
    }

    #[test]
    fn lists_by_namespace_name_dimension_and_activity() {
        let mut index = SeriesIndex::default();
        index.touch(&key("A", "cpu", &[("i", "1")], "None"), Timestamp(10));
        index.touch(&key("A", "cpu", &[("i", "2"), ("z", "a")], "None"), Timestamp(20));
        index.touch(&key("A", "mem", &[], "None"), Timestamp(30));
        index.touch(&key("B", "cpu", &[], "None"), Timestamp(40));
        let all = SeriesFilter { account: "1".into(), region: "r".into(), ..SeriesFilter::default() };
        assert_eq!(index.list(&all).len(), 4);
        let named = SeriesFilter { name: Some("cpu".into()), ..all.clone() };
        assert_eq!(index.list(&named).len(), 3);
        let within = SeriesFilter { namespace: Some("A".into()), ..named.clone() };
        assert_eq!(index.list(&within).len(), 2);
        let having = SeriesFilter { dimensions: vec![("i".into(), None)], ..all.clone() };
        assert_eq!(index.list(&having).len(), 2);
        let exact = SeriesFilter { dimensions: vec![("i".into(), Some("2".into()))], ..all.clone() };
        assert_eq!(index.list(&exact).len(), 1);
        let active = SeriesFilter { active_since: Some(Timestamp(30)), ..all };
        assert_eq!(index.list(&active).len(), 2);
        index.expire(Timestamp(30));
        assert_eq!(index.len(), 2);
    }

    #[test]
    fn finds_one_series_per_unit() {
        let mut index = SeriesIndex::default();
        for unit in ["Bytes", "Count", "None"] {
            index.touch(&key("A", "cpu", &[("i", "1")], unit), Timestamp(10));
        }
        index.touch(&key("A", "cpu", &[("i", "1"), ("j", "1")], "Count"), Timestamp(10));
        let metric = SeriesKey::clone(&key("A", "cpu", &[("i", "1")], ""));
        assert_eq!(index.find(metric.clone(), None).len(), 3);
        assert_eq!(index.find(metric, Some("Count")).len(), 1);
    }
}
