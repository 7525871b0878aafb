//! Finds the rows of one row group that a scan of events wants, reading as few columns as that takes.

use crate::error::{Error, Result};
use crate::filter_cache::{Filter, FilterCache};
use crate::position::{Position, Window};
use crate::scan_events::{EventFilter, EventScan};
use crate::scan_logs::runs;
use crate::segment::event_rows::Ids;
use crate::segment::events::{positions, resource_is};
use crate::segment::{Needle, Segment, column, parse_uuid};
use crate::state::State;
use arrow_array::types::Int32Type;
use arrow_array::{Array, BooleanArray, DictionaryArray, RecordBatch, StringArray};
use model::Event;
use parquet::bloom_filter::Sbbf;
use std::collections::HashSet;
use std::ops::Range;
use std::sync::Arc;

/// One thing that must hold for a row.
enum Condition {
    /// A column of text has this value.
    Equal(&'static str, String),
    /// A column of text has one of these values.
    OneOf(&'static str, Arc<HashSet<String>>),
    /// The error code is there, or is not.
    Failed(bool),
    /// A list has this element.
    Has(&'static str, String),
    EventId(String),
    EventIds(Arc<HashSet<String>>),
    ReadOnly(bool),
    Text(Box<Needle>),
    /// One of these, each of which is several that must all hold; and the filter that says so.
    Any(EventFilter, Vec<Vec<Condition>>),
}

impl Condition {
    /// Gathers the conditions of a filter.
    fn gather(filter: &EventFilter, into: &mut Vec<Condition>) {
        let equal = |name, value: &String| Condition::Equal(name, value.clone());
        into.push(match filter {
            EventFilter::All(filters) => return filters.iter().for_each(|filter| Self::gather(filter, into)),
            EventFilter::EventId(id) => Condition::EventId(id.clone()),
            EventFilter::EventIds(ids) => Condition::EventIds(Arc::clone(ids)),
            EventFilter::EventName(name) => equal("name", name),
            EventFilter::ReadOnly(read_only) => Condition::ReadOnly(*read_only),
            EventFilter::Username(username) => equal("username", username),
            EventFilter::ResourceType(kind) => Condition::Has("resource_types", kind.clone()),
            EventFilter::ResourceName(name) => Condition::Has("resource_names", name.clone()),
            EventFilter::EventSource(source) => equal("source", source),
            EventFilter::AccessKeyId(key) => equal("access_key_id", key),
            EventFilter::Category(category) => equal("category", category),
            EventFilter::ErrorCode(code) => equal("error_code", code),
            EventFilter::Text(text) => Condition::Text(Box::new(Needle::new(text))),
            EventFilter::OneOf(text, values) => Condition::OneOf(text.column(), Arc::clone(values)),
            EventFilter::Failed(failed) => Condition::Failed(*failed),
            EventFilter::Any(filters) => {
                let alternative = |filter: &EventFilter| {
                    let mut all = Vec::new();
                    Self::gather(filter, &mut all);
                    all
                };
                Condition::Any(filter.clone(), filters.iter().map(alternative).collect())
            }
        });
    }

    /// True when Bloom filters mostly rule out a row group.
    fn is_rare(&self) -> bool {
        match self {
            Condition::Any(_, alternatives) => {
                alternatives.iter().all(|alternative| alternative.iter().any(|condition| condition.bloom().is_some()))
            }
            condition => condition.bloom().is_some(),
        }
    }

    /// True when a row that is admitted may still not be wanted.
    fn is_text(&self) -> bool {
        match self {
            Condition::Text(_) => true,
            Condition::Any(_, alternatives) => alternatives.iter().flatten().any(Self::is_text),
            _ => false,
        }
    }

    fn columns(&self) -> Vec<&'static str> {
        match self {
            Condition::Equal(name, _) | Condition::OneOf(name, _) | Condition::Has(name, _) => vec![name],
            Condition::Failed(_) => vec!["error_code"],
            Condition::Any(_, alternatives) => alternatives.iter().flatten().flat_map(Self::columns).collect(),
            Condition::EventId(_) | Condition::EventIds(_) => vec!["event_id", "event_id_text"],
            Condition::ReadOnly(_) => vec!["read_only"],
            Condition::Text(needle) => needle.columns(),
        }
    }

    /// For each row of a batch, whether the condition may hold; certain except for text.
    fn admits(&self, batch: &RecordBatch) -> Result<Vec<bool>> {
        match self {
            Condition::Equal(name, wanted) => is_one(column(batch, name)?, |value| value == wanted),
            Condition::OneOf(name, wanted) => is_one(column(batch, name)?, |value| wanted.contains(value)),
            Condition::Failed(failed) => is_one(column(batch, "error_code")?, |value| value.is_empty() != *failed),
            Condition::Has(name, wanted) => resource_is(column(batch, name)?, wanted),
            Condition::EventId(wanted) => Ok(Ids::of(batch, "event_id", "event_id_text")?.is(wanted)),
            Condition::EventIds(wanted) => {
                let ids = Ids::of(batch, "event_id", "event_id_text")?;
                Ok((0..batch.num_rows()).map(|at| ids.id(at).is_some_and(|id| wanted.contains(&id))).collect())
            }
            Condition::ReadOnly(wanted) => {
                let values: &BooleanArray = column(batch, "read_only")?;
                Ok(values.iter().map(|value| value == Some(*wanted)).collect())
            }
            Condition::Text(needle) => needle.candidates(batch),
            Condition::Any(_, alternatives) => {
                let mut admitted = vec![false; batch.num_rows()];
                for alternative in alternatives {
                    let mut all = vec![true; batch.num_rows()];
                    for condition in alternative {
                        all.iter_mut().zip(condition.admits(batch)?).for_each(|(all, holds)| *all &= holds);
                    }
                    admitted.iter_mut().zip(all).for_each(|(any, all)| *any |= all);
                }
                Ok(admitted)
            }
        }
    }

    fn bloom(&self) -> Option<InBloom> {
        let bytes = |value: &String| value.clone().into_bytes();
        match self {
            Condition::EventId(id) => Some(("event_id", vec![parse_uuid(id.as_bytes())?.to_vec()])),
            Condition::Equal(name @ ("username" | "access_key_id"), value) => Some((name, vec![bytes(value)])),
            Condition::OneOf(name @ ("username" | "access_key_id"), values) => {
                Some((name, values.iter().map(bytes).collect()))
            }
            Condition::Has("resource_names", value) => Some((RESOURCE_NAMES, vec![bytes(value)])),
            _ => None,
        }
    }
}

/// A column with a Bloom filter, and the values of which it must have one, in bytes.
type InBloom = (&'static str, Vec<Vec<u8>>);

/// False when the Bloom filters of a row group rule out that all of it holds for a row.
async fn may_have(blooms: &[InBloom], segment: &Arc<Segment>, row_group: usize, cache: &FilterCache) -> Result<bool> {
    for (column, values) in blooms.iter().map(|(column, values)| (*column, values)) {
        if let Some(bloom) = segment.bloom(row_group, column, cache).await?
            && !has_one(&bloom, values)
        {
            return Ok(false);
        }
    }
    Ok(true)
}

fn has_one(bloom: &Sbbf, values: &[Vec<u8>]) -> bool {
    values.iter().any(|value| bloom.check(value.as_slice()))
}

/// The column of resource names as Parquet calls it.
const RESOURCE_NAMES: &str = "resource_names.list.item";

/// For each row, whether its value is wanted; each value is looked at once.
fn is_one(column: &DictionaryArray<Int32Type>, wanted: impl Fn(&str) -> bool) -> Result<Vec<bool>> {
    let values = column.values().as_any().downcast_ref::<StringArray>();
    let values = values.ok_or_else(|| Error::corrupt("an event segment", 0, "a dictionary is not text"))?;
    let same: Vec<bool> = values.iter().map(|value| value.is_some_and(&wanted)).collect();
    let is = |key: Option<i32>| key.is_some_and(|key| same.get(key as usize).copied().unwrap_or(false));
    Ok(column.keys().iter().map(is).collect())
}

/// Which rows a scan wants, besides its window.
pub(crate) struct Wanted {
    pub scan: EventScan,
    pub sequence_end: u64,
    /// Rare ones first, those about text last.
    conditions: Vec<Condition>,
    /// What Bloom filters must have for all of the conditions to hold.
    blooms: Vec<InBloom>,
    rare: usize,
    texts: usize,
    state: Arc<State>,
}

impl Wanted {
    pub(crate) fn new(scan: EventScan, sequence_end: u64, state: Arc<State>) -> Self {
        let mut conditions = Vec::new();
        let scope = [("account", &scan.account), ("region", &scan.region)];
        conditions.extend(scope.into_iter().filter_map(|(name, value)| Some(Condition::Equal(name, value.clone()?))));
        scan.filter.iter().for_each(|filter| Condition::gather(filter, &mut conditions));
        conditions.sort_by_key(|condition| (condition.is_text(), !condition.is_rare()));
        let texts = conditions.iter().filter(|condition| condition.is_text()).count();
        let rare = conditions.iter().filter(|condition| condition.is_rare() && !condition.is_text()).count();
        let blooms = conditions.iter().filter_map(Condition::bloom).collect();
        Self { scan, sequence_end, conditions, blooms, rare, texts, state }
    }

    /// True when filters that are in memory rule a row group out: most of them, where a rare value was asked for before. It is not worth a
    /// task.
    pub(crate) fn is_ruled_out(&self, segment: &Segment, row_group: usize) -> bool {
        self.blooms.iter().any(|(column, values)| {
            let filter = self.state.filter_cache.get((segment.entry.id, row_group, *column));
            matches!(filter, Some(Filter::Bloom(Some(bloom), _)) if !has_one(&bloom, values))
        })
    }

    /// True when free text is asked for.
    pub(crate) fn searches_text(&self) -> bool {
        self.texts > 0
    }

    /// How many row groups are looked through at once: several where many will be for few rows. What they find is small:
    /// numbers of rows.
    pub(crate) fn lookahead(&self) -> usize {
        if self.searches_text() {
            4
        } else if self.rare > 0 {
            2
        } else {
            1
        }
    }

    /// What `find` cannot be sure of without the record.
    pub(crate) fn confirms(&self, event: &Event) -> bool {
        self.conditions.iter().all(|condition| match condition {
            Condition::Text(needle) => needle.is_in(&event.record),
            Condition::Any(filter, _) if condition.is_text() => filter.matches(event),
            _ => true,
        })
    }

    /// The wanted rows of a row group, ascending; those that `confirms` refuses may be among them.
    pub(crate) async fn find(&self, segment: &Arc<Segment>, row_group: usize, window: Window) -> Result<Vec<u32>> {
        let cache = &self.state.filter_cache;
        if !may_have(&self.blooms, segment, row_group, cache).await? {
            return Ok(Vec::new());
        }
        for condition in &self.conditions {
            let Condition::Any(_, alternatives) = condition else { continue };
            let mut possible = false;
            for alternative in alternatives {
                let blooms: Vec<InBloom> = alternative.iter().filter_map(Condition::bloom).collect();
                possible = possible || may_have(&blooms, segment, row_group, cache).await?;
            }
            if !possible {
                return Ok(Vec::new());
            }
        }
        let rows = segment.row_groups.get(row_group).map_or(0, |group| group.rows as usize);
        let (sure, texts) = self.conditions.split_at(self.conditions.len() - self.texts);
        let (rare, common) = sure.split_at(self.rare);
        let inside = |position: Position| position.1 < self.sequence_end && window.contains(position);
        let mut ranges: Vec<Range<usize>> = std::iter::once(0..rows).collect();
        // Few rows are left of those that a rare value has: nothing else is read of the others.
        if !rare.is_empty() {
            ranges = runs(&admitted(segment, row_group, ranges, rare, None).await?);
        }
        if ranges.is_empty() {
            return Ok(Vec::new());
        }
        let mut found = admitted(segment, row_group, ranges, common, Some(&inside)).await?;
        if !found.is_empty() && !texts.is_empty() {
            found = admitted(segment, row_group, runs(&found), texts, None).await?;
        }
        Ok(found)
    }
}

/// The rows of the ranges for which all conditions hold, and whose position is inside where that is asked.
async fn admitted(
    segment: &Arc<Segment>,
    row_group: usize,
    ranges: Vec<Range<usize>>,
    conditions: &[Condition],
    inside: Option<&(dyn Fn(Position) -> bool + Sync)>,
) -> Result<Vec<u32>> {
    let position = inside.map_or(&[][..], |_| &["time", "sequence"]);
    let columns: Vec<&str> = conditions.iter().flat_map(Condition::columns).chain(position.iter().copied()).collect();
    let mut rows = ranges.clone().into_iter().flatten();
    let mut found = Vec::new();
    for batch in segment.read_dictionaries(row_group, ranges, &columns).await? {
        let mut admitted: Vec<bool> = match inside {
            Some(inside) => positions(&batch)?.into_iter().map(inside).collect(),
            None => vec![true; batch.num_rows()],
        };
        for condition in conditions {
            admitted.iter_mut().zip(condition.admits(&batch)?).for_each(|(admitted, holds)| *admitted &= holds);
        }
        // In this order, so that no row is taken without its answer.
        let answers = admitted.into_iter().zip(rows.by_ref());
        found.extend(answers.filter(|(admitted, _)| *admitted).map(|(_, row)| row as u32));
    }
    Ok(found)
}

/// Adds those of the ids that a row group has to `found`.
pub(crate) async fn existing_ids(
    segment: &Arc<Segment>,
    row_group: usize,
    mut asked: HashSet<&str>,
    found: &mut HashSet<String>,
    cache: &FilterCache,
) -> Result<()> {
    asked.retain(|id| !found.contains(*id));
    if asked.is_empty() {
        return Ok(());
    }
    if let Some(bloom) = segment.bloom(row_group, "event_id", cache).await? {
        asked.retain(|id| parse_uuid(id.as_bytes()).is_none_or(|bytes| bloom.check(bytes.as_slice())));
    }
    if asked.is_empty() {
        return Ok(());
    }
    let rows = segment.row_groups.get(row_group).map_or(0, |group| group.rows as usize);
    let all: Vec<Range<usize>> = std::iter::once(0..rows).collect();
    for batch in segment.read(row_group, all, &["event_id", "event_id_text"]).await? {
        let ids = Ids::of(&batch, "event_id", "event_id_text")?;
        found.extend((0..batch.num_rows()).filter_map(|at| ids.id(at)).filter(|id| asked.contains(id.as_str())));
    }
    Ok(())
}
