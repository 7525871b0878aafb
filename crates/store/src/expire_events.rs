//! `expire_events`: takes audit events away for good, step by step, and only those that a policy names.
//!
//! Nothing is hidden first, as `maintain` does with logs and metrics: which events go depends on accounts, holds and followers, and each
//! step is one commit that drops segments of which nothing stays, or rewrites one of which something does. Before, it looks through
//! segments, no more at a time than it takes a moment to read. What is in memtables waits until it is in a segment. A segment that
//! cannot be read stays as it is, and others go. Leaves of the tree stay in its tiles and its frontier; only who hashes events again
//! begins behind the last step (`event_tree.rs`).

use crate::Store;
use crate::compact;
use crate::error::{Error, Result};
use crate::pace::Pace;
use crate::position::Position;
use crate::segment::events::positions;
use crate::segment::{Kind, Segment, column};
use crate::state::{Change, State, lock};
use arrow_array::types::Int32Type;
use arrow_array::{Array, DictionaryArray, StringArray};
use model::{Classify, ErrorKind, TimeRange, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;

/// A step reads no further segment after so many row groups, some milliseconds each.
const READS_MAX: usize = 64;

/// Which audit events may go; all others stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventExpiry {
    /// Only events of lower sequences: somebody has yet to read those from here on.
    pub below: u64,
    /// Only events before this time.
    pub before: Timestamp,
    /// Of these accounts only events before another time, where that is the earlier one.
    pub accounts: BTreeMap<String, Timestamp>,
    /// What stays however old it is.
    pub held: Vec<HeldEvents>,
}

/// Events that nobody may take away.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldEvents {
    /// Of this account, or of all.
    pub account: Option<String>,
    /// Of these times.
    pub range: TimeRange,
}

impl EventExpiry {
    /// True when the event goes.
    pub fn takes(&self, account: &str, (time, sequence): Position) -> bool {
        let before = self.accounts.get(account).map_or(self.before, |before| self.before.min(*before));
        let holds =
            |held: &HeldEvents| held.account.as_ref().is_none_or(|of| of == account) && held.range.contains(time);
        sequence < self.below && time < before && !self.held.iter().any(holds)
    }

    /// True when every event of these times and sequences goes, whatever its account.
    fn takes_all(&self, min: Timestamp, max: Timestamp, highest: u64) -> bool {
        let before = self.accounts.values().copied().fold(self.before, Timestamp::min);
        highest < self.below && max < before && !self.held.iter().any(|held| held.range.overlaps(min, max))
    }

    /// The same for followers that have read everything.
    fn of_all_sequences(&self) -> Self {
        Self { below: u64::MAX, ..self.clone() }
    }
}

/// What the steps left although it is old enough, as they looked at it last.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftEvents {
    /// The highest sequence of an event that stays only because somebody has yet to read it.
    pub unread: Option<u64>,
    /// Segments that cannot be read, and why: all their events stay.
    pub damaged: Vec<String>,
}

/// What the last steps looked through.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Its sequences apart.
    under: EventExpiry,
    /// By ids of segments.
    segments: BTreeMap<u64, Looked>,
}

/// What is known of a segment.
#[derive(Debug)]
struct Looked {
    part: Part,
    /// What somebody had yet to read when it was looked at.
    below: u64,
    /// True when everybody had read all of it.
    is_read: bool,
    /// The highest sequence of an event that stays only because somebody has yet to read it.
    unread: Option<u64>,
}

/// How much of a segment goes.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Part {
    Nothing,
    Something,
    Everything,
    /// It cannot be told: the segment is damaged, and how.
    Damaged(String),
}

impl Store {
    /// Takes one step: looks through some segments; then those go of which no event stays, or one is rewritten without those that go.
    /// True when there may be more to do. A scan that began before still reads what it began with. What a step is based on may be
    /// merged meanwhile: then it does nothing, and the next looks again.
    pub async fn expire_events(&self, expiry: &EventExpiry) -> Result<bool> {
        self.threads()?;
        let (state, expiry, runtime) =
            (Arc::clone(self.state()), Arc::new(expiry.clone()), tokio::runtime::Handle::current());
        // Reading and encoding is work for a thread of its own.
        let work = tokio::task::spawn_blocking(move || {
            runtime.block_on(async {
                let mut kept = std::mem::take(&mut *lock(&state.kept_events));
                let more = kept.step(&state, expiry).await;
                *lock(&state.kept_events) = kept;
                // What a step let go of was still read by itself.
                state.sweep().await;
                more
            })
        });
        work.await.map_err(|error| Error::Bug(format!("expire events: {error}")))?
    }

    /// What the last steps left although it is old enough.
    pub fn left_events(&self) -> LeftEvents {
        let kept = lock(&self.state().kept_events);
        let damaged = |looked: &Looked| match &looked.part {
            Part::Damaged(how) => Some(how.clone()),
            _ => None,
        };
        LeftEvents {
            unread: kept.segments.values().filter_map(|looked| looked.unread).max(),
            damaged: kept.segments.values().filter_map(damaged).collect(),
        }
    }
}

impl Kept {
    async fn step(&mut self, state: &Arc<State>, expiry: Arc<EventExpiry>) -> Result<bool> {
        let snapshot = state.snapshot();
        let is_old = |segment: &&Arc<Segment>| segment.entry.kind == Kind::Events && segment.min_time() < expiry.before;
        let segments: Vec<&Arc<Segment>> = snapshot.segments.iter().filter(is_old).collect();
        let under = expiry.of_all_sequences();
        if self.under != under {
            *self = Kept { under, segments: BTreeMap::new() };
        }
        let listed: HashSet<u64> = segments.iter().map(|segment| segment.entry.id).collect();
        self.segments.retain(|id, _| listed.contains(id));
        let all = self.look(state, &segments, &expiry).await?;
        // First what makes room, and then what needs some.
        let drop = self.of_part(&Part::Everything);
        if !drop.is_empty() {
            return state.commit(Change { drop, expires_events: true, ..Change::default() }).await;
        }
        if !all {
            return Ok(true);
        }
        let thin = self.of_part(&Part::Something);
        let Some(segment) = segments.into_iter().find(|segment| thin.contains(&segment.entry.id)) else {
            return Ok(false);
        };
        match compact::without_expired(state, Arc::clone(segment), expiry).await {
            Err(error) if is_damage(&error) => {
                self.segments.insert(segment.entry.id, Looked::damaged(segment, &error));
                Ok(true)
            }
            done => done,
        }
    }

    fn of_part(&self, part: &Part) -> BTreeSet<u64> {
        self.segments.iter().filter(|(_, looked)| looked.part == *part).map(|(id, _)| *id).collect()
    }

    /// Looks at segments that were not looked at, or where more may go since; true when none is left for the next step.
    async fn look(&mut self, state: &State, segments: &[&Arc<Segment>], expiry: &EventExpiry) -> Result<bool> {
        let looked = |segment: &Segment| self.segments.get(&segment.entry.id);
        let is_due = |segment: &&&Arc<Segment>| looked(segment).is_none_or(|looked| looked.is_outdated(expiry));
        let mut due: Vec<&Arc<Segment>> = segments.iter().filter(is_due).copied().collect();
        // New ones first, so that those that are read on all the time do not keep the others waiting.
        due.sort_by_key(|segment| looked(segment).is_some());
        let (mut reads, mut pace) = (0, Pace::new(state.options.rewrite_share));
        for segment in due {
            if reads >= READS_MAX {
                return Ok(false);
            }
            let looked = match Looked::at(segment, expiry, &self.under, &mut reads, &mut pace).await {
                Err(error) if is_damage(&error) => Looked::damaged(segment, &error),
                looked => looked?,
            };
            self.segments.insert(segment.entry.id, looked);
        }
        Ok(true)
    }
}

/// True when what is stored is not what was written, or is not there; a store that does not answer may answer later.
fn is_damage(error: &Error) -> bool {
    let is_gone = matches!(error, Error::ObjectStore { source: object_store::Error::NotFound { .. }, .. });
    is_gone || error.kind() == ErrorKind::Corrupt
}

impl Looked {
    /// Reads as little as tells. `under` is the expiry for those who have read everything.
    async fn at(
        segment: &Arc<Segment>,
        expiry: &EventExpiry,
        under: &EventExpiry,
        reads: &mut usize,
        pace: &mut Pace,
    ) -> Result<Self> {
        let sequences = segment.sequence_ranges().await?;
        let is_read = sequences.iter().all(|(_, high)| *high < expiry.below);
        let (mut gone, mut stays, mut unread) = (false, false, None);
        for (at, group) in segment.row_groups.iter().enumerate() {
            let (low, high) = sequences.get(at).copied().unwrap_or((0, u64::MAX));
            if group.min_time >= expiry.before {
                stays = true;
            } else if low >= expiry.below && under.takes_all(group.min_time, group.max_time, high) {
                stays = true;
                unread = unread.max(Some(high));
            } else if expiry.takes_all(group.min_time, group.max_time, high) {
                gone = true;
            } else {
                for (account, position) in rows(segment, at, group.rows as usize).await? {
                    let goes = expiry.takes(&account, position);
                    gone |= goes;
                    stays |= !goes;
                    if !goes && under.takes(&account, position) {
                        unread = unread.max(Some(position.1));
                    }
                }
                *reads += 1;
                pace.keep().await;
            }
            if gone && stays {
                return Ok(Self { part: Part::Something, below: expiry.below, is_read, unread });
            }
        }
        let part = if gone { Part::Everything } else { Part::Nothing };
        Ok(Self { part, below: expiry.below, is_read, unread })
    }

    /// Looked at again when anything else changes, at the latest the next day.
    fn damaged(segment: &Segment, error: &Error) -> Self {
        let part = Part::Damaged(format!("{}: {error}", segment.entry.path()));
        Self { part, below: 0, is_read: true, unread: None }
    }

    /// True when another part of the segment may go now.
    fn is_outdated(&self, expiry: &EventExpiry) -> bool {
        if self.is_read { expiry.below < self.below } else { expiry.below != self.below }
    }
}

/// Account and position of each row of a row group.
async fn rows(segment: &Arc<Segment>, row_group: usize, rows: usize) -> Result<Vec<(Arc<str>, Position)>> {
    let all: Vec<Range<usize>> = std::iter::once(0..rows).collect();
    let mut found = Vec::with_capacity(rows);
    for batch in segment.read_dictionaries(row_group, all, &["time", "sequence", "account"]).await? {
        let accounts: &DictionaryArray<Int32Type> = column(&batch, "account")?;
        let names = accounts.values().as_any().downcast_ref::<StringArray>();
        let names = names.ok_or_else(|| Error::corrupt("an event segment", 0, "a dictionary is not text"))?;
        let names: Vec<Arc<str>> = names.iter().map(|name| name.unwrap_or_default().into()).collect();
        let nobody: Arc<str> = "".into();
        let account = |key: Option<i32>| {
            let name = key.and_then(|key| names.get(usize::try_from(key).ok()?));
            Arc::clone(name.unwrap_or(&nobody))
        };
        found.extend(accounts.keys().iter().map(account).zip(positions(&batch)?));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expiry() -> EventExpiry {
        let hold = |account: Option<&str>, start, end| HeldEvents {
            account: account.map(str::to_owned),
            range: TimeRange::new(Timestamp(start), Timestamp(end)),
        };
        EventExpiry {
            below: 10,
            before: Timestamp(100),
            accounts: [("long".to_owned(), Timestamp(50)), ("short".to_owned(), Timestamp(200))].into(),
            held: vec![hold(Some("held"), 20, 30), hold(None, 40, 45)],
        }
    }

    #[test]
    fn an_event_goes_only_when_nothing_keeps_it() {
        let takes = |account: &str, time, sequence| expiry().takes(account, (Timestamp(time), sequence));
        assert!(takes("any", 99, 9), "old enough, and read by all");
        assert!(!takes("any", 100, 9), "the retention keeps it");
        assert!(!takes("any", 99, 10), "somebody has yet to read it");
        assert!(!takes("long", 50, 9) && takes("long", 49, 9), "the account keeps its events longer");
        assert!(!takes("short", 150, 9), "no account keeps its events for less than all");
        assert!(!takes("held", 20, 9) && !takes("held", 29, 9), "a hold begins and ends");
        assert!(takes("held", 19, 9) && takes("held", 30, 9) && takes("any", 25, 9));
        assert!(!takes("any", 44, 9) && takes("any", 45, 9), "a hold of all accounts");
        assert!(!EventExpiry::default().takes("any", (Timestamp(-1), 0)), "by itself nothing goes");
    }

    #[test]
    fn what_is_told_of_many_is_true_of_each() {
        let expiry = expiry();
        for min in 0..120 {
            for max in min..120 {
                for highest in [8, 9, 10] {
                    let each = ["any", "long", "short", "held"]
                        .iter()
                        .all(|account| (min..=max).all(|time| expiry.takes(account, (Timestamp(time), highest))));
                    assert!(!expiry.takes_all(Timestamp(min), Timestamp(max), highest) || each, "{min}..={max}");
                }
            }
        }
    }
}
