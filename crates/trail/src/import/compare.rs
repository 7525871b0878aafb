//! `compare`: which records of an import are new, and which of the others are not what is kept under their id.

use model::{Event, TimeRange, time};
use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use store::{Direction, EventFilter, EventScan, Store};

/// Stored records are read in one scan as long as no two neighbours lie further apart, milliseconds: a few records of long
/// ago must not make it read all that was stored since.
const GAP_MS_MAX: i64 = time::DAY;

/// What became of each record of an import.
#[derive(Debug, Default)]
pub(super) struct Compared {
    /// For each event, in order, whether it is to be stored.
    pub new: Vec<bool>,
    /// Positions of events that are not new and whose bytes are not those that are kept, ascending.
    pub differing: Vec<usize>,
}

/// Events that may not be stored again: id -> position and record of each.
type Known<'a> = HashMap<&'a str, Vec<(usize, &'a str)>>;

/// Compares `events` with each other and with what is stored; `stored` has those of their ids that are there. Of events with
/// one id, the first is kept. Memory holds no stored record longer than it takes to compare it.
pub(super) async fn compare(
    store: &Store,
    events: &[Event],
    stored: &HashSet<String>,
) -> Result<Compared, store::Error> {
    let mut compared = Compared::default();
    let mut first: HashMap<&str, &str> = HashMap::with_capacity(events.len());
    let (mut known, mut times) = (Known::new(), Vec::new());
    for (at, event) in events.iter().enumerate() {
        let (id, record) = (event.event_id.as_str(), event.record.as_str());
        let mut new = false;
        if stored.contains(id) {
            known.entry(id).or_default().push((at, record));
            times.push((event.time, id));
        } else {
            match first.entry(id) {
                Entry::Vacant(entry) => {
                    entry.insert(record);
                    new = true;
                }
                Entry::Occupied(entry) if *entry.get() != record => compared.differing.push(at),
                Entry::Occupied(_) => {}
            }
        }
        compared.new.push(new);
    }
    times.sort_unstable();
    for near in times.chunk_by(|(earlier, _), (later, _)| later.millis() - earlier.millis() <= GAP_MS_MAX) {
        let (Some((start, _)), Some((end, _))) = (near.first(), near.last()) else { continue };
        let ids = near.iter().map(|(_, id)| *id).filter(|id| known.contains_key(id));
        let ids: HashSet<String> = ids.map(str::to_owned).collect();
        look(store, TimeRange::new(*start, *end + 1), ids, &mut known, &mut compared.differing).await?;
    }
    // What is left was stored with another time.
    let ids: HashSet<String> = known.keys().map(|id| (*id).to_owned()).collect();
    look(store, TimeRange::ALL, ids, &mut known, &mut compared.differing).await?;
    compared.differing.sort_unstable();
    Ok(compared)
}

/// Looks for `ids` among the stored events of `range`. What is found is taken out of `known`, and noted when it differs.
async fn look(
    store: &Store,
    range: TimeRange,
    ids: HashSet<String>,
    known: &mut Known<'_>,
    differing: &mut Vec<usize>,
) -> Result<(), store::Error> {
    let mut missing = ids.len();
    if missing == 0 {
        return Ok(());
    }
    let filter = Some(EventFilter::EventIds(Arc::new(ids)));
    let scan = EventScan { account: None, region: None, range, direction: Direction::Forward, after: None, filter };
    let visit = &mut |row: &store::EventRow| {
        if let Some(same_id) = known.remove(row.event.event_id.as_str()) {
            missing -= 1;
            differing.extend(same_id.iter().filter(|(_, record)| *record != row.event.record).map(|(at, _)| *at));
        }
        if missing == 0 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    store.scan_events(scan, visit).await.map(|_| ())
}
