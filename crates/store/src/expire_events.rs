//! `expire_events`: takes audit events away for good, step by step, and only those that a policy names.
//!
//! Nothing is hidden first, as `maintain` does with logs and metrics: which events go depends on accounts, holds and followers, and each
//! step is one commit that drops segments of which nothing stays, or rewrites one of which something does. What is in memtables waits
//! until it is in a segment. Leaves of the tree stay in its tiles and its frontier; only who hashes events again begins behind the
//! last step (`event_tree.rs`).

use crate::Store;
use crate::compact;
use crate::error::{Error, Result};
use crate::position::Position;
use crate::segment::events::positions;
use crate::segment::{Kind, Segment, column};
use crate::state::{Change, State, lock};
use arrow_array::types::Int32Type;
use arrow_array::{Array, DictionaryArray, StringArray};
use model::{TimeRange, Timestamp};
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::ops::Range;
use std::sync::Arc;

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

    /// True when no event of these times and sequences goes.
    fn takes_none(&self, min: Timestamp, lowest: u64) -> bool {
        lowest >= self.below || min >= self.before
    }

    /// The same for followers that have read everything.
    fn of_all_sequences(&self) -> Self {
        Self { below: u64::MAX, ..self.clone() }
    }
}

/// What the last steps looked through and left as it is.
#[derive(Debug, Default)]
pub(crate) struct Kept {
    /// Its sequences apart.
    under: EventExpiry,
    /// Ids of segments.
    segments: HashSet<u64>,
}

/// How much of a segment goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Nothing,
    Something,
    Everything,
}

impl Store {
    /// Takes one step: the segments go of which no event stays, or one is rewritten without those that go. True when there may be more
    /// to do. A scan that began before still reads what it began with. What a step is based on may be merged meanwhile: then it
    /// does nothing, and the next looks again.
    pub async fn expire_events(&self, expiry: &EventExpiry) -> Result<bool> {
        let (state, expiry, runtime) =
            (Arc::clone(self.state()), Arc::new(expiry.clone()), tokio::runtime::Handle::current());
        // Reading and encoding is work for a thread of its own.
        let work = tokio::task::spawn_blocking(move || {
            runtime.block_on(async {
                let more = step(&state, expiry).await;
                // What a step let go of was still read by itself.
                state.sweep().await;
                more
            })
        });
        work.await.map_err(|error| Error::Bug(format!("expire events: {error}")))?
    }
}

async fn step(state: &Arc<State>, expiry: Arc<EventExpiry>) -> Result<bool> {
    let snapshot = state.snapshot();
    let events = || snapshot.segments.iter().filter(|segment| segment.entry.kind == Kind::Events);
    let mut kept = std::mem::take(&mut *lock(&state.kept_events));
    let under = expiry.of_all_sequences();
    if kept.under != under {
        kept = Kept { under, segments: HashSet::new() };
    }
    let listed: HashSet<u64> = events().map(|segment| segment.entry.id).collect();
    kept.segments.retain(|id| listed.contains(id));
    let (mut drop, mut thin) = (BTreeSet::new(), None::<Arc<Segment>>);
    for segment in events() {
        if segment.min_time() >= expiry.before || kept.segments.contains(&segment.entry.id) {
            continue;
        }
        match part(segment, &expiry).await? {
            Part::Nothing => {
                // The part that is still to be read by somebody is looked at again.
                if highest(segment).await? < expiry.below {
                    kept.segments.insert(segment.entry.id);
                }
            }
            // First what makes room, and then what needs some.
            Part::Something => {
                thin.get_or_insert_with(|| Arc::clone(segment));
            }
            Part::Everything => {
                drop.insert(segment.entry.id);
            }
        }
    }
    *lock(&state.kept_events) = kept;
    if !drop.is_empty() {
        return state.commit(Change { drop, expires_events: true, ..Change::default() }).await;
    }
    match thin {
        Some(segment) => compact::without_expired(state, segment, expiry).await,
        None => Ok(false),
    }
}

async fn highest(segment: &Segment) -> Result<u64> {
    Ok(segment.sequence_ranges().await?.iter().map(|(_, high)| *high).max().unwrap_or(0))
}

/// Reads as little as tells.
async fn part(segment: &Arc<Segment>, expiry: &EventExpiry) -> Result<Part> {
    let sequences = segment.sequence_ranges().await?;
    let (mut gone, mut stays) = (false, false);
    for (at, group) in segment.row_groups.iter().enumerate() {
        let (low, high) = sequences.get(at).copied().unwrap_or((0, u64::MAX));
        if expiry.takes_none(group.min_time, low) {
            stays = true;
        } else if expiry.takes_all(group.min_time, group.max_time, high) {
            gone = true;
        } else {
            let taken = taken(segment, at, group.rows as usize, expiry).await?;
            gone |= taken.contains(&true);
            stays |= taken.contains(&false);
        }
        if gone && stays {
            return Ok(Part::Something);
        }
    }
    Ok(if gone { Part::Everything } else { Part::Nothing })
}

/// For each row of a row group, whether it goes.
async fn taken(segment: &Arc<Segment>, row_group: usize, rows: usize, expiry: &EventExpiry) -> Result<Vec<bool>> {
    let all: Vec<Range<usize>> = std::iter::once(0..rows).collect();
    let mut taken = Vec::with_capacity(rows);
    for batch in segment.read_dictionaries(row_group, all, &["time", "sequence", "account"]).await? {
        let accounts: &DictionaryArray<Int32Type> = column(&batch, "account")?;
        let names = accounts.values().as_any().downcast_ref::<StringArray>();
        let names = names.ok_or_else(|| Error::corrupt("an event segment", 0, "a dictionary is not text"))?;
        let account = |key: Option<i32>| {
            let at = key.and_then(|key| usize::try_from(key).ok()).filter(|at| *at < names.len());
            at.map_or("", |at| names.value(at))
        };
        let rows = accounts.keys().iter().map(account).zip(positions(&batch)?);
        taken.extend(rows.map(|(account, position)| expiry.takes(account, position)));
    }
    Ok(taken)
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
                    let each = |wanted: bool| {
                        ["any", "long", "short", "held"].iter().all(|account| {
                            (min..=max).all(|time| expiry.takes(account, (Timestamp(time), highest)) == wanted)
                        })
                    };
                    assert!(!expiry.takes_all(Timestamp(min), Timestamp(max), highest) || each(true), "{min}..={max}");
                    assert!(!expiry.takes_none(Timestamp(min), highest) || each(false), "{min}..={max}");
                }
            }
        }
    }
}
