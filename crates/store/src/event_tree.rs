//! The hash tree over audit events: RFC 6962's Merkle tree, with one leaf for each event in order of its sequence.
//!
//! A leaf is SHA-256 of `00` and the bytes of the record; a node above is SHA-256 of `01`, its left and its right child. Event
//! `n` is leaf `n - 1`. What the store keeps of it is the *frontier*, the roots of the perfect subtrees from left to right, from
//! which the tree grows and its root follows. Hashes of leaves are for whoever follows the tree (`event_leaves`): the latest are in
//! memory, older ones are made again from the events.

use crate::Store;
use crate::error::{Error, Result};
use crate::segment::Kind;
use crate::segment::event_rows::rows;
use crate::segment::events::ROW_COLUMNS;
use crate::state::{Snapshot, State, lock};
use model::{Event, hex};
use proof::merkle::{Hash, empty_root, leaf_hash, leaf_hashes, node_hash, parents};
use proof::tile::WIDTH;
use serde::{Deserialize, Serialize};
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

/// The tree as it stands after a number of events.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTree {
    /// How many events it covers: those with sequences 1 to `size`.
    pub size: u64,
    /// Its root, as in RFC 6962.
    pub root: [u8; 32],
}

/// Some leaves of the tree, one after another.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventLeaves {
    /// Their hashes.
    pub hashes: Vec<[u8; 32]>,
    /// The roots over 256 leaves each of the tiles that become full by them, in order, as they were computed when the events were accepted;
    /// none when that is long ago.
    pub tile_roots: Vec<[u8; 32]>,
}

/// What `verify_event_tree` looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventTreeCheck {
    /// The tree as the store has it.
    pub tree: EventTree,
    /// The events with sequences beyond this one were hashed again; it is 0 until events expire or a reset removes something.
    pub from: u64,
}

/// Hashes of leaves that are kept in memory, 2 MB.
const RECENT_LEAVES_MAX: usize = 64 * 1024;
/// As many roots of tiles as end within them.
const RECENT_TILES_MAX: usize = RECENT_LEAVES_MAX / WIDTH as usize + 1;

/// The latest leaves, and the roots of the tiles that they filled: whoever follows the tree need not hash those nodes again.
#[derive(Debug, Default)]
pub(crate) struct RecentLeaves {
    /// The index of the leaf after the last.
    end: u64,
    hashes: VecDeque<Hash>,
    /// Of the tiles up to the last that is full.
    tiles: VecDeque<Hash>,
}

impl RecentLeaves {
    /// Takes the last leaves of a tree that has `size` now, and the roots of the tiles that they filled.
    pub(crate) fn extend(&mut self, leaves: &[Hash], tiles: &[Hash], size: u64) {
        keep_last(&mut self.hashes, leaves, RECENT_LEAVES_MAX);
        keep_last(&mut self.tiles, tiles, RECENT_TILES_MAX);
        self.end = size;
    }

    /// Those with these indexes, if all are here.
    fn range(&self, leaves: &Range<u64>) -> Option<EventLeaves> {
        let first = self.end - self.hashes.len() as u64;
        let (start, end) = (leaves.start.checked_sub(first)?, leaves.end.checked_sub(first)?);
        if leaves.end > self.end {
            return None;
        }
        let hashes = self.hashes.range(start as usize..end as usize).copied().collect();
        let tile_roots = self.tiles(leaves.start / WIDTH..leaves.end / WIDTH).unwrap_or_default();
        Some(EventLeaves { hashes, tile_roots })
    }

    /// The roots of the tiles with these numbers, if all are here.
    fn tiles(&self, numbers: Range<u64>) -> Option<Vec<Hash>> {
        let full = self.end / WIDTH;
        let first = full.checked_sub(self.tiles.len() as u64)?;
        let (start, end) = (numbers.start.checked_sub(first)?, numbers.end.checked_sub(first)?);
        (start <= end && numbers.end <= full).then(|| self.tiles.range(start as usize..end as usize).copied().collect())
    }
}

/// Adds to the end, and drops from the front what is too many.
fn keep_last(kept: &mut VecDeque<Hash>, new: &[Hash], most: usize) {
    let new = &new[new.len().saturating_sub(most)..];
    kept.drain(..(kept.len() + new.len()).saturating_sub(most));
    kept.extend(new);
}

/// A tree that can grow.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Frontier {
    size: u64,
    /// Roots of perfect subtrees, the largest first; one for each bit of `size`.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// How many leaves there are.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Adds a leaf, by hashes that are made one after another.
    fn push(&mut self, leaf: Hash) {
        let (mut node, mut size) = (leaf, self.size);
        while size & 1 == 1
            && let Some(left) = self.peaks.pop()
        {
            node = node_hash(&left, &node);
            size >>= 1;
        }
        self.peaks.push(node);
        self.size += 1;
    }

    /// Adds leaves; answers the roots of the tiles that they filled.
    pub(crate) fn extend(&mut self, leaves: &[Hash]) -> Vec<Hash> {
        let (mut nodes, mut tiles, mut without_partner) = (leaves.to_vec(), Vec::new(), Vec::<Hash>::new());
        let (mut width, mut size) = (1, self.size);
        // Level by level, so that the nodes of one are hashed together.
        while !nodes.is_empty() {
            if width == WIDTH {
                tiles.clone_from(&nodes);
            }
            // A peak of this level is the left partner of the first.
            if size & 1 == 1 {
                nodes.splice(0..0, self.peaks.pop());
            }
            if nodes.len() % 2 == 1 {
                without_partner.extend(nodes.last());
            }
            nodes = parents(&nodes);
            (width, size) = (width * 2, size / 2);
        }
        self.peaks.extend(without_partner.into_iter().rev());
        self.size += leaves.len() as u64;
        tiles
    }

    /// The tree so far.
    pub(crate) fn tree(&self) -> EventTree {
        let above = |right: Option<Hash>, left: &Hash| Some(right.map_or(*left, |right| node_hash(left, &right)));
        let root = self.peaks.iter().rev().fold(None, above);
        EventTree { size: self.size, root: root.unwrap_or_else(empty_root) }
    }
}

/// A frontier as the manifest has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct StoredTree {
    size: u64,
    root: String,
    frontier: Vec<String>,
}

impl From<&Frontier> for StoredTree {
    fn from(frontier: &Frontier) -> Self {
        let peaks = frontier.peaks.iter().map(|peak| hex(peak)).collect();
        Self { size: frontier.size, root: hex(&frontier.tree().root), frontier: peaks }
    }
}

impl StoredTree {
    /// The frontier; `None` when its parts do not fit each other.
    pub(crate) fn frontier(&self) -> Option<Frontier> {
        let peaks = self.frontier.iter().map(|peak| unhex(peak)).collect::<Option<Vec<Hash>>>()?;
        let frontier = Frontier { size: self.size, peaks };
        let fits = frontier.peaks.len() == self.size.count_ones() as usize && hex(&frontier.tree().root) == self.root;
        fits.then_some(frontier)
    }
}

fn unhex(text: &str) -> Option<Hash> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    let bytes = pairs.iter().map(byte).collect::<Option<Vec<u8>>>()?;
    bytes.try_into().ok().filter(|_| rest.is_empty())
}

/// How many events are looked for at once when a tree is verified: 32 bytes each.
const WINDOW: u64 = 256 * 1024;
/// Rows that are read at a time.
const READ_ROWS: usize = 4096;

impl Store {
    /// The hash tree over all events that are acknowledged.
    pub fn event_tree(&self) -> EventTree {
        lock(&self.state().event_tree).tree()
    }

    /// The leaves from `from` to `end`, of which there are so many in `event_tree`, or fewer: at least one, unless `from` is `end`.
    /// `None` when the event of one is gone.
    pub async fn event_leaves(&self, from: u64, end: u64) -> Result<Option<EventLeaves>> {
        if let Some(leaves) = lock(&self.state().recent_leaves).range(&(from..end)) {
            return Ok(Some(leaves));
        }
        let (snapshot, runtime) = (self.state().snapshot(), tokio::runtime::Handle::current());
        // Event `n` is leaf `n - 1`.
        let sequences = from + 1..end.min(from + WINDOW) + 1;
        let work = tokio::task::spawn_blocking(move || runtime.block_on(leaves(&snapshot, sequences, leaf_hashes)));
        let found = work.await.map_err(|error| Error::Bug(format!("hash events: {error}")))??;
        let hashes: Option<Vec<Hash>> = found.into_iter().collect();
        Ok(hashes.map(|hashes| EventLeaves { hashes, tile_roots: Vec::new() }))
    }

    /// Hashes all stored events again and compares the root with the one that was computed when they were accepted: a record
    /// that was changed, swapped, added or lost since is `Corrupt`, even where every checksum is right.
    ///
    /// Once events have expired, the check begins at the tree as it was at the last removal, and so proves the events accepted after
    /// it.
    pub async fn verify_event_tree(&self) -> Result<EventTreeCheck> {
        let (state, runtime) = (Arc::clone(self.state()), tokio::runtime::Handle::current());
        let work = tokio::task::spawn_blocking(move || runtime.block_on(verify(&state)));
        work.await.map_err(|error| Error::Bug(format!("verify the event tree: {error}")))?
    }
}

async fn verify(state: &State) -> Result<EventTreeCheck> {
    let (base, tree, snapshot) = {
        // Base and snapshot of one commit.
        let committed = state.committed.lock().await;
        // The tree before the snapshot: the events that it covers are in the snapshot.
        let tree = lock(&state.event_tree).tree();
        (committed.event_tree_base.clone(), tree, state.snapshot())
    };
    verify_snapshot(&snapshot, base, tree).await
}

/// Whether the events of a snapshot make the tree `base` grow to `tree`.
pub(crate) async fn verify_snapshot(snapshot: &Snapshot, base: Frontier, tree: EventTree) -> Result<EventTreeCheck> {
    let mut grown = base;
    let check = EventTreeCheck { tree, from: grown.size() };
    let mut missing = 0_u64;
    let mut first = check.from + 1;
    while first <= tree.size {
        let sequences = first..(first + WINDOW).min(tree.size + 1);
        first = sequences.end;
        // One after another, not as appends hash: so each checks the other.
        let singly: HashRecords = |records| records.iter().map(|record| leaf_hash(record)).collect();
        for leaf in leaves(snapshot, sequences, singly).await? {
            match leaf {
                Some(leaf) => grown.push(leaf),
                None => missing += 1,
            }
        }
    }
    if missing > 0 {
        return Err(Error::corrupt("the event tree", 0, format!("{missing} events are missing")));
    }
    if grown.tree() != tree {
        return Err(Error::corrupt("the event tree", 0, "the stored events have another root than the accepted ones"));
    }
    Ok(check)
}

/// Hashes of records as leaves, in their order.
type HashRecords = fn(&[&[u8]]) -> Vec<Hash>;

/// Leaf hashes of the events with these sequences, `None` for those that are not stored.
async fn leaves(snapshot: &Snapshot, sequences: Range<u64>, hash: HashRecords) -> Result<Vec<Option<Hash>>> {
    let mut leaves = vec![None; (sequences.end - sequences.start) as usize];
    let mut add = |events: &mut dyn Iterator<Item = (u64, &Event)>| -> Result<()> {
        let (numbers, records): (Vec<u64>, Vec<&[u8]>) = events
            .filter(|(sequence, _)| sequences.contains(sequence))
            .map(|(sequence, event)| (sequence, event.record.as_bytes()))
            .unzip();
        for (sequence, leaf) in numbers.into_iter().zip(hash(&records)) {
            let place = leaves.get_mut((sequence - sequences.start) as usize);
            if place.is_some_and(|place| place.replace(leaf).is_some()) {
                return Err(Error::corrupt("the event tree", 0, format!("event {sequence} is stored twice")));
            }
        }
        Ok(())
    };
    for memtable in &snapshot.memtables {
        add(&mut memtable.events().events.iter().map(|((_, sequence), event)| (*sequence, &**event)))?;
    }
    for segment in snapshot.segments.iter().filter(|segment| segment.entry.kind == Kind::Events) {
        for (row_group, group) in segment.row_groups.iter().enumerate() {
            let stored = segment.sequences(row_group).await?;
            if stored.is_some_and(|(low, high)| high < sequences.start || low >= sequences.end) {
                continue;
            }
            for start in (0..group.rows as usize).step_by(READ_ROWS) {
                let range = start..(start + READ_ROWS).min(group.rows as usize);
                for batch in segment.read(row_group, std::iter::once(range).collect(), &ROW_COLUMNS).await? {
                    add(&mut rows(&batch)?.iter().map(|row| (row.sequence, &row.event)))?;
                }
            }
        }
    }
    Ok(leaves)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6962, 2.1: the largest power of two less than the number of leaves goes to the left.
    fn naive_root(leaves: &[Hash]) -> Hash {
        match leaves {
            [] => empty_root(),
            [leaf] => *leaf,
            _ => {
                let left = 1 << (leaves.len() - 1).ilog2();
                node_hash(&naive_root(&leaves[..left]), &naive_root(&leaves[left..]))
            }
        }
    }

    #[test]
    fn the_published_test_vectors_hold() {
        let leaves: [&[u8]; 8] = [
            &[],
            &[0x00],
            &[0x10],
            &[0x20, 0x21],
            &[0x30, 0x31],
            &[0x40, 0x41, 0x42, 0x43],
            &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
            &[0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d, 0x6e, 0x6f],
        ];
        let roots = [
            "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
            "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
            "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
            "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
            "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
            "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
            "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
            "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
            "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
        ];
        let mut frontier = Frontier::default();
        assert_eq!(hex(&frontier.tree().root), roots[0]);
        for (leaf, root) in leaves.into_iter().zip(&roots[1..]) {
            frontier.push(leaf_hash(leaf));
            assert_eq!(hex(&frontier.tree().root), *root);
        }
    }

    #[test]
    fn the_latest_leaves_come_with_the_roots_of_their_tiles() {
        let leaves: Vec<Hash> = (0..70_000_u32).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        let (mut frontier, mut recent) = (Frontier::default(), RecentLeaves::default());
        for part in leaves.chunks(777) {
            let tiles = frontier.extend(part);
            recent.extend(part, &tiles, frontier.size());
        }
        let last = 70_000 / WIDTH;
        let tiles = recent.tiles(last - 3..last).unwrap();
        let naive = |number: u64| naive_root(&leaves[(number * WIDTH) as usize..((number + 1) * WIDTH) as usize]);
        assert_eq!(tiles, (last - 3..last).map(naive).collect::<Vec<_>>());
        assert_eq!((recent.tiles(last..last), recent.tiles(last..last + 1)), (Some(Vec::new()), None));
        assert_eq!((recent.tiles(0..1), recent.range(&(0..1))), (None, None), "they are too old");
        let first = 70_000 - RECENT_LEAVES_MAX as u64;
        let all = recent.range(&(first..70_000)).unwrap();
        assert_eq!(all.hashes, leaves[first as usize..]);
        assert_eq!(all.tile_roots, (first / WIDTH..last).map(naive).collect::<Vec<_>>());
        assert_eq!(recent.range(&(69_999..70_001)), None);
    }

    #[test]
    fn a_growing_tree_is_the_naive_one_and_comes_back_from_the_manifest() {
        let leaves: Vec<Hash> = (0..70_u8).map(|n| leaf_hash(&[n])).collect();
        let mut frontier = Frontier::default();
        for (at, leaf) in leaves.iter().enumerate() {
            let stored = StoredTree::from(&frontier);
            assert_eq!(stored.frontier().unwrap(), frontier);
            assert_eq!(frontier.tree(), EventTree { size: at as u64, root: naive_root(&leaves[..at]) });
            frontier.push(*leaf);
        }
        let mut damaged = StoredTree::from(&frontier);
        damaged.size += 1;
        assert_eq!(damaged.frontier(), None);
    }

    #[test]
    fn it_grows_by_many_leaves_as_by_one_after_another() {
        let leaves: Vec<Hash> = (0..1100_u32).map(|n| leaf_hash(&n.to_be_bytes())).collect();
        let tiles: Vec<Hash> = leaves.chunks_exact(WIDTH as usize).map(naive_root).collect();
        for first in [0, 1, 2, 3, 7, 8, 255, 256, 257, 511, 512] {
            let mut begun = Frontier::default();
            leaves[..first].iter().for_each(|leaf| begun.push(*leaf));
            for count in [0, 1, 2, 3, 4, 5, 17, 255, 256, 257, 512, 588] {
                let (mut at_once, mut singly) = (begun.clone(), begun.clone());
                let filled = at_once.extend(&leaves[first..first + count]);
                leaves[first..first + count].iter().for_each(|leaf| singly.push(*leaf));
                assert_eq!(at_once, singly, "{first} leaves and {count} more");
                assert_eq!(filled, tiles[first / WIDTH as usize..(first + count) / WIDTH as usize]);
                assert_eq!(at_once.tree().root, naive_root(&leaves[..first + count]));
            }
        }
    }
}
