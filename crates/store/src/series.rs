//! The series index: every `SeriesKey` that has data, in memory, with the time it was last written to and its newest point.
//!
//! Series are found by key, by range of keys (account, region, namespace, name), and by postings: for each metric name,
//! dimension name and dimension the numbers of the series that have it.

use foldhash::quality::RandomState;
use model::{SeriesKey, Timestamp};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasher;
use std::sync::Arc;

/// Number of a series in this process: given at open or first append, never stored. It is given again only after its series
/// was forgotten and no memtable or segment has points under it.
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
        self.account == key.account
            && self.region == key.region
            && self.namespace.as_ref().is_none_or(|namespace| *namespace == key.namespace)
            && self.name.as_ref().is_none_or(|name| *name == key.name)
            && self.active_since.is_none_or(|since| last_written >= since)
            && self.dimensions.iter().all(|(name, value)| {
                key.dimensions.iter().any(|(n, v)| n == name && value.as_ref().is_none_or(|value| v == value))
            })
    }
}

fn place(key: &Arc<SeriesKey>) -> usize {
    Arc::as_ptr(key) as usize
}

/// Numbers, keys and last times of all series.
#[derive(Debug, Default)]
pub(crate) struct SeriesIndex {
    // Lookup only; never iterated, for its order differs from run to run.
    // Clients choose the keys, and every datum is looked up: seeded, and fast.
    numbers: HashMap<Arc<SeriesKey>, SeriesNumber, RandomState>,
    /// The same by where the key lies, which stays its place while it is in `keys` or `copies`: writers mostly come with that very key.
    places: HashMap<usize, SeriesNumber, RandomState>,
    sorted: BTreeMap<Arc<SeriesKey>, SeriesNumber>,
    keys: Vec<Option<Arc<SeriesKey>>>,
    /// An equal key that lies elsewhere and was come with last: after a restart, those of `keys` are of segments.
    copies: HashMap<SeriesNumber, Arc<SeriesKey>, RandomState>,
    /// Numbers without a series; those that became so last wait for a round, for a scan may still ask for them.
    free: Vec<SeriesNumber>,
    freed: Vec<SeriesNumber>,
    /// Ascending numbers of the series that have a term, by the term's hash: what two terms share is told apart by the filter.
    postings: HashMap<u64, Vec<SeriesNumber>, RandomState>,
    last_written: Vec<Timestamp>,
    /// Time and value of the newest point of each series.
    latest: Vec<(Timestamp, f64)>,
}

impl SeriesIndex {
    /// The number of a series, new or known, which was written to at `written`; `point` is its newest point, or one of them.
    pub(crate) fn touch(&mut self, key: &Arc<SeriesKey>, written: Timestamp, point: (Timestamp, f64)) -> SeriesNumber {
        let known = self.places.get(&place(key)).copied();
        if let Some(number) = known.or_else(|| self.number_of_copy(key)) {
            if let Some(last) = self.last_written.get_mut(number as usize) {
                *last = (*last).max(written);
            }
            if let Some(latest) = self.latest.get_mut(number as usize)
                && point.0 >= latest.0
            {
                *latest = point;
            }
            return number;
        }
        let number = self.free.pop().unwrap_or_else(|| {
            self.keys.push(None);
            self.last_written.push(written);
            self.latest.push(point);
            SeriesNumber::try_from(self.keys.len() - 1).expect("fewer than 2^32 series fit in memory")
        });
        let at = number as usize;
        (self.keys[at], self.last_written[at], self.latest[at]) = (Some(Arc::clone(key)), written, point);
        self.numbers.insert(Arc::clone(key), number);
        self.places.insert(place(key), number);
        self.sorted.insert(Arc::clone(key), number);
        for term in self.terms(key) {
            let posting = self.postings.entry(term).or_default();
            if let Err(place) = posting.binary_search(&number) {
                posting.insert(place, number);
            }
        }
        number
    }

    /// The number of a key that was not come with before; it is found by where it lies from now on.
    fn number_of_copy(&mut self, key: &Arc<SeriesKey>) -> Option<SeriesNumber> {
        let number = *self.numbers.get(key)?;
        if let Some(other) = self.copies.insert(number, Arc::clone(key)) {
            self.places.remove(&place(&other));
        }
        self.places.insert(place(key), number);
        Some(number)
    }

    /// What a series can be found by.
    fn terms(&self, key: &SeriesKey) -> Vec<u64> {
        let mut terms = vec![self.name_term(&key.name)];
        for (name, value) in &key.dimensions {
            terms.extend([self.dimension_term(name, None), self.dimension_term(name, Some(value))]);
        }
        terms
    }

    fn name_term(&self, name: &str) -> u64 {
        self.postings.hasher().hash_one((0u8, name))
    }

    fn dimension_term(&self, name: &str, value: Option<&str>) -> u64 {
        self.postings.hasher().hash_one((1u8, name, value))
    }

    /// The number of a series, if it has data.
    pub(crate) fn number(&self, key: &SeriesKey) -> Option<SeriesNumber> {
        self.numbers.get(key).copied()
    }

    /// The key of a number that `touch` gave.
    pub(crate) fn key(&self, number: SeriesNumber) -> Option<&Arc<SeriesKey>> {
        self.keys.get(number as usize)?.as_ref()
    }

    /// When a series was last written to.
    pub(crate) fn last_written(&self, number: SeriesNumber) -> Timestamp {
        self.last_written.get(number as usize).copied().unwrap_or(Timestamp::MIN)
    }

    /// Time and value of a series' newest point.
    pub(crate) fn latest(&self, number: SeriesNumber) -> Option<(Timestamp, f64)> {
        self.latest.get(number as usize).copied().filter(|latest| latest.0 > Timestamp::MIN)
    }

    /// How many series are known.
    pub(crate) fn len(&self) -> usize {
        self.sorted.len()
    }

    /// True when there are series last written to before `cutoff`.
    pub(crate) fn has_expired(&self, cutoff: Timestamp) -> bool {
        self.sorted.values().any(|number| self.last_written(*number) < cutoff)
    }

    /// Forgets series last written to before `cutoff` that have no points left; `used` says which numbers have some.
    pub(crate) fn expire(&mut self, cutoff: Timestamp, used: &HashSet<SeriesNumber>) {
        let Self { numbers, places, sorted, last_written, keys, copies, free, freed, postings, latest } = self;
        free.append(freed);
        sorted.retain(|key, number| {
            let at = *number as usize;
            let keep = last_written.get(at).is_some_and(|last| *last >= cutoff) || used.contains(number);
            if !keep {
                numbers.remove(key);
                places.remove(&place(key));
                if let Some(copy) = copies.remove(number) {
                    places.remove(&place(&copy));
                }
                (keys[at], latest[at]) = (None, (Timestamp::MIN, 0.0));
                freed.push(*number);
            }
            keep
        });
        if !freed.is_empty() {
            postings.retain(|_, posting| {
                posting.retain(|number| keys[*number as usize].is_some());
                !posting.is_empty()
            });
        }
    }

    /// Forgets all series; numbers go on.
    pub(crate) fn clear(&mut self) {
        self.numbers.clear();
        self.places.clear();
        self.copies.clear();
        self.sorted.clear();
        self.postings.clear();
    }

    /// All series, in key order.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<SeriesKey>> {
        self.sorted.keys()
    }

    /// Series that the filter admits, in key order.
    pub(crate) fn list(&self, filter: &SeriesFilter) -> Vec<Arc<SeriesKey>> {
        match self.short_posting(filter) {
            Some(posting) => self.list_posting(posting, filter),
            None => self.range(filter, None).cloned().collect(),
        }
    }

    /// One series, the first by its unit, of each of the next `max` metrics after the metric of `after`, in key order. Its work is in
    /// proportion to `max` where nearly all series of the range are admitted.
    pub(crate) fn list_metrics(
        &self,
        filter: &SeriesFilter,
        after: Option<&SeriesKey>,
        max: usize,
    ) -> Vec<Arc<SeriesKey>> {
        match self.short_posting(filter) {
            Some(posting) => {
                let list = self.list_posting(posting, filter);
                let start = after.map_or(0, |after| list.partition_point(|key| metric(key) <= metric(after)));
                first_units(list.iter().skip(start), max)
            }
            None => first_units(self.range(filter, after), max),
        }
    }

    /// The shortest posting of the filter, unless it names so many series that to sort them costs more than to pass over the
    /// others.
    fn short_posting(&self, filter: &SeriesFilter) -> Option<&[SeriesNumber]> {
        let named = filter.name.iter().map(|name| self.name_term(name));
        let having = filter.dimensions.iter().map(|(name, value)| self.dimension_term(name, value.as_deref()));
        let postings = named.chain(having).map(|term| self.postings.get(&term).map(Vec::as_slice).unwrap_or_default());
        postings.min_by_key(|posting| posting.len()).filter(|posting| posting.len() <= self.sorted.len() / 8)
    }

    fn list_posting(&self, posting: &[SeriesNumber], filter: &SeriesFilter) -> Vec<Arc<SeriesKey>> {
        let keys = posting.iter().filter_map(|number| Some((*number, self.key(*number)?)));
        let admitted = keys.filter(|(number, key)| filter.admits(key, self.last_written(*number)));
        let mut list: Vec<_> = admitted.map(|(_, key)| Arc::clone(key)).collect();
        list.sort_unstable();
        list
    }

    /// The admitted series after the metric of `after`.
    fn range<'a>(
        &'a self,
        filter: &'a SeriesFilter,
        after: Option<&SeriesKey>,
    ) -> impl Iterator<Item = &'a Arc<SeriesKey>> {
        let first = match after {
            // Behind every unit of this metric.
            Some(after) => SeriesKey { unit: char::MAX.into(), ..after.clone() },
            None => SeriesKey {
                account: filter.account.clone(),
                region: filter.region.clone(),
                namespace: filter.namespace.clone().unwrap_or_default(),
                name: filter.namespace.as_ref().and(filter.name.clone()).unwrap_or_default(),
                ..SeriesKey::default()
            },
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
            .map(|(key, _)| key)
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

/// What tells metrics apart within an account and region.
fn metric(key: &SeriesKey) -> (&str, &str, &[(String, String)]) {
    (&key.namespace, &key.name, &key.dimensions)
}

/// The first of each metric, of the first `max` metrics; `keys` are in key order.
fn first_units<'a>(keys: impl Iterator<Item = &'a Arc<SeriesKey>>, max: usize) -> Vec<Arc<SeriesKey>> {
    let mut firsts: Vec<Arc<SeriesKey>> = Vec::new();
    for key in keys {
        if firsts.last().is_none_or(|last| metric(last) != metric(key)) {
            if firsts.len() == max {
                break;
            }
            firsts.push(Arc::clone(key));
        }
    }
    firsts
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
        index.touch(&key("A", "cpu", &[("i", "1")], "None"), Timestamp(10), (Timestamp(10), 1.0));
        index.touch(&key("A", "cpu", &[("i", "2"), ("z", "a")], "None"), Timestamp(20), (Timestamp(20), 1.0));
        index.touch(&key("A", "mem", &[], "None"), Timestamp(30), (Timestamp(30), 1.0));
        index.touch(&key("B", "cpu", &[], "None"), Timestamp(40), (Timestamp(40), 1.0));
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
        index.expire(Timestamp(30), &HashSet::from([0]));
        assert_eq!(index.len(), 3, "one of two old series still has points");
        index.expire(Timestamp(30), &HashSet::from([0]));
        let new = key("C", "cpu", &[("i", "9")], "None");
        assert_eq!(index.touch(&new, Timestamp(50), (Timestamp(50), 1.0)), 1, "its number is given again");
        assert_eq!(index.len(), 4);
    }

    #[test]
    fn an_equal_key_is_found_by_where_it_lies_and_forgotten_with_its_series() {
        let mut index = SeriesIndex::default();
        let other = key("A", "mem", &[], "None");
        for _ in 0..3 {
            let copies = [(); 3].map(|()| key("A", "cpu", &[("i", "1")], "None"));
            for copy in &copies {
                assert_eq!(index.touch(copy, Timestamp(10), (Timestamp(10), 1.0)), 0);
                assert_eq!(index.touch(copy, Timestamp(10), (Timestamp(10), 1.0)), 0);
                assert_eq!(index.places.get(&place(copy)), Some(&0));
            }
            assert_eq!(index.touch(&other, Timestamp(30), (Timestamp(30), 1.0)), 1);
        }
        assert_eq!((index.len(), index.places.len()), (2, 3), "of one series its first key and its last");
        index.expire(Timestamp(20), &HashSet::new());
        assert_eq!((index.places.len(), index.copies.len()), (1, 0));
    }

    #[test]
    fn postings_and_ranges_find_the_same() {
        let mut index = SeriesIndex::default();
        for n in 0..400u32 {
            let (service, instance) = ((n % 20).to_string(), (n / 7).to_string());
            let name = ["cpu", "mem", "net"][n as usize % 3];
            let key = key(["A", "B"][n as usize % 2], name, &[("i", &instance), ("s", &service)], "None");
            index.touch(&key, Timestamp(i64::from(n)), (Timestamp(0), 1.0));
        }
        index.expire(Timestamp(40), &HashSet::new());
        let all = SeriesFilter { account: "1".into(), region: "r".into(), ..SeriesFilter::default() };
        let filters = [
            SeriesFilter { dimensions: vec![("s".into(), Some("3".into()))], ..all.clone() },
            SeriesFilter { dimensions: vec![("s".into(), Some("2".into())), ("i".into(), None)], ..all.clone() },
            SeriesFilter { dimensions: vec![("i".into(), Some("1".into()))], ..all.clone() },
            SeriesFilter { name: Some("none".into()), ..all.clone() },
            SeriesFilter {
                namespace: Some("B".into()),
                dimensions: vec![("s".into(), Some("5".into()))],
                ..all.clone()
            },
        ];
        let lengths = filters.map(|filter| {
            let list = index.list(&filter);
            assert!(list.iter().eq(index.range(&filter, None)));
            list.len()
        });
        assert_eq!(lengths, [18, 18, 0, 0, 18]);
        let elsewhere = SeriesFilter { region: "x".into(), dimensions: vec![("s".into(), Some("3".into()))], ..all };
        assert!(index.list(&elsewhere).is_empty());
    }

    #[test]
    fn pages_of_metrics_join_to_the_list() {
        let mut index = SeriesIndex::default();
        for n in 0..300u32 {
            let (instance, service) = ((n % 50).to_string(), (n % 40).to_string());
            let key = key(
                ["A", "B"][n as usize / 200],
                "cpu",
                &[("i", &instance), ("s", &service)],
                ["Count", "None"][n as usize % 2],
            );
            index.touch(&key, Timestamp(i64::from(n)), (Timestamp(0), 1.0));
        }
        let all = SeriesFilter { account: "1".into(), region: "r".into(), ..SeriesFilter::default() };
        let filters = [
            all.clone(),
            SeriesFilter { namespace: Some("B".into()), ..all.clone() },
            SeriesFilter { dimensions: vec![("s".into(), Some("3".into()))], ..all.clone() },
            SeriesFilter { active_since: Some(Timestamp(120)), ..all },
        ];
        for filter in filters {
            let mut expected: Vec<_> = index.list(&filter);
            expected.dedup_by(|next, first| metric(next) == metric(first));
            let (mut joined, mut after) = (Vec::new(), None);
            loop {
                let page = index.list_metrics(&filter, after.as_deref(), 7);
                assert!(page.len() <= 7);
                let Some(last) = page.last() else { break };
                after = Some(Arc::clone(last));
                joined.extend(page);
            }
            assert_eq!(joined, expected, "{filter:?}");
            assert!(joined.len() >= 5, "{filter:?}");
        }
    }

    #[test]
    fn finds_one_series_per_unit() {
        let mut index = SeriesIndex::default();
        for unit in ["Bytes", "Count", "None"] {
            index.touch(&key("A", "cpu", &[("i", "1")], unit), Timestamp(10), (Timestamp(10), 1.0));
        }
        index.touch(&key("A", "cpu", &[("i", "1"), ("j", "1")], "Count"), Timestamp(10), (Timestamp(10), 1.0));
        let metric = SeriesKey::clone(&key("A", "cpu", &[("i", "1")], ""));
        assert_eq!(index.find(metric.clone(), None).len(), 3);
        assert_eq!(index.find(metric, Some("Count")).len(), 1);
    }
}
