//! The Merkle tree of audit events across crashes: it only grows, and what is accepted is in it, once.
//!
//! `Log` does what the server does to the tree: it follows the leaves, signs the tree now and then, and keeps across a crash only what
//! it signed. What it signed was perhaps seen by others, so that no later tree may contradict it.

use crate::machine::Crash;
use crate::world::World;
use model::{Batch, TimeRange};
use proof::merkle::{Hash, Subtrees, Tree, consistency_proof, leaf_hash, root, verify_consistency};
use proof::tile::perfect_root;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::ops::ControlFlow;
use store::{Direction, EventScan, Retention, Store};

/// Appends, flushes and merges audit events, and stops after so many steps of it; the tree is signed whenever an append was answered.
pub(super) async fn grows(world: &mut World, steps: u64) {
    let mut log = Log::default();
    world.machine.stop_after(steps);
    let opened = world.try_open().await;
    if let Ok(store) = &opened {
        for round in 0..5 {
            append(world, &mut log, store).await;
            if round % 2 == 1 {
                world.append_group_of_events(store).await;
                log.sign(store, world).await;
            }
            let _ = store.flush().await;
            // Flushes and merges move events; the tree must not notice.
            log.sign(store, world).await;
        }
        let _ = world.maintain(store, &Retention::default()).await;
        append(world, &mut log, store).await;
    }
    let was_off = world.machine.is_off();
    match opened {
        Ok(store) => world.stop(store),
        Err(_) => world.leave(),
    }
    world.machine.note(format!("stopped: {was_off}"));
    let store = world.open().await;
    log.check(&store, world).await;
    append(world, &mut log, &store).await;
    let store = again(world, &mut log, store).await;
    world.finish(store).await;
}

/// Once more, by a kill, with events after it.
async fn again(world: &mut World, log: &mut Log, store: Store) -> Store {
    world.machine.stop();
    drop(store);
    world.leave_by(Crash::Kill);
    let store = world.open().await;
    log.check(&store, world).await;
    append(world, log, &store).await;
    log.check(&store, world).await;
    store
}

async fn append(world: &mut World, log: &mut Log, store: &Store) {
    let batch: Batch = world.batch_of(Some(2));
    let _ = world.append_batch(store, batch, true).await;
    log.sign(store, world).await;
}

/// What was signed.
#[derive(Default)]
struct Log {
    leaves: Vec<Hash>,
    signed: Vec<Tree>,
}

impl Log {
    /// Follows the tree to its end and signs it, if the machine still runs: who is off signs nothing.
    async fn sign(&mut self, store: &Store, world: &World) {
        if world.machine.is_off() {
            return;
        }
        let tree = self.follow(store, world).await;
        if self.signed.last() != Some(&tree) {
            self.signed.push(tree);
        }
    }

    /// Reads the leaves that were accepted since; the root over all of them is the store's.
    async fn follow(&mut self, store: &Store, world: &World) -> Tree {
        let (case, tree) = (&world.case, store.event_tree());
        let known = self.leaves.len() as u64;
        assert!(known <= tree.size, "{case}: {known} leaves were signed, and {} are there", tree.size);
        let leaves = leaves(store, known, tree.size, case).await;
        self.leaves.extend(leaves);
        let followed = Tree { size: tree.size, root: self.root(tree.size) };
        assert_eq!(followed.root, tree.root, "{case}: the leaves of {} events have another root", tree.size);
        followed
    }

    fn root(&self, size: u64) -> Hash {
        let Ok(root) = root(0..size, &mut Leaves(&self.leaves));
        root
    }

    /// After a start: the tree grew out of each one that was signed, and it has each stored event once.
    async fn check(&mut self, store: &Store, world: &World) {
        let case = &world.case;
        // All leaves are read anew, from the events that survived.
        self.leaves.clear();
        let tree = self.follow(store, world).await;
        for old in &self.signed {
            assert!(old.size <= tree.size, "{case}: {} events were signed, and {} are there", old.size, tree.size);
            let Ok(proof) = consistency_proof(old.size, tree.size, &mut Leaves(&self.leaves));
            let verified = verify_consistency(old, &tree, &proof);
            assert_eq!(verified, Ok(()), "{case}: the signed tree of {} events", old.size);
        }
        let stored = stored(store, case).await;
        let sequences: Vec<u64> = (1..=tree.size).collect();
        assert!(stored.keys().eq(&sequences), "{case}: {} leaves, and the events {:?}", tree.size, stored.keys());
        assert!(stored.values().eq(&self.leaves), "{case}: the leaves are not those of the stored events");
        self.signed.push(tree);
    }
}

struct Leaves<'a>(&'a [Hash]);

impl Subtrees for Leaves<'_> {
    type Error = Infallible;

    fn root(&mut self, height: u32, index: u64) -> Result<Hash, Infallible> {
        Ok(perfect_root(&self.0[(index << height) as usize..((index + 1) << height) as usize]))
    }
}

/// Hashes of the leaves from `from` to `end`, of which the store may give fewer at a time.
async fn leaves(store: &Store, from: u64, end: u64, case: &str) -> Vec<Hash> {
    let mut leaves = Vec::new();
    while from + (leaves.len() as u64) < end {
        let next = store.event_leaves(from + leaves.len() as u64, end).await;
        let next = next.unwrap_or_else(|error| panic!("{case}: leaves: {error}"));
        leaves.extend(next.unwrap_or_else(|| panic!("{case}: an accepted event is gone: {from}..{end}")).hashes);
    }
    leaves
}

/// The leaf of each stored event, by its sequence; panics when there are two.
async fn stored(store: &Store, case: &str) -> BTreeMap<u64, Hash> {
    let mut stored = BTreeMap::new();
    let (range, direction) = (TimeRange::ALL, Direction::Forward);
    let scan = EventScan { account: None, region: None, range, direction, after: None, filter: None };
    let mut visit = |row: &store::EventRow| {
        let before = stored.insert(row.sequence, leaf_hash(row.event.record.as_bytes()));
        assert_eq!(before, None, "{case}: two events are number {}", row.sequence);
        ControlFlow::Continue(())
    };
    store.scan_events(scan, &mut visit).await.unwrap_or_else(|error| panic!("{case}: scan: {error}"));
    stored
}
