//! Journals in the object store: nodes that are lost with their disks, and nodes that write though another has taken over.

use crate::expected;
use crate::objects::{Faults, FaultyStore};
use crate::scenario::crashes::work;
use crate::world::{Node, World};
use futures::future::maybe_done;
use model::Clock;
use std::sync::Arc;
use store::{Error, Retention, Store};

/// As `crash_after`, and the node is lost with its disk.
pub(super) async fn lost_after(world: &mut World, steps: u64) {
    world.machine.stop_after(steps);
    let opened = world.try_open().await;
    if let Ok(store) = &opened {
        work(world, store).await;
    }
    let was_off = world.machine.is_off();
    match opened {
        Ok(store) => world.stop(store),
        Err(_) => world.leave(),
    }
    world.lose_disk();
    world.machine.note(format!("stopped: {was_off}"));
    let store = world.open().await;
    world.append(&store).await.unwrap_or_else(|error| panic!("{}: append: {error}", world.case));
    world.finish(store).await;
}

/// Nodes that are lost at random steps, also while they open the store, on an object store that loses answers.
pub(super) async fn lost(world: &mut World) {
    world.memtable_bytes_max = 4_000;
    let mut store = world.open().await;
    for _ in 0..3 {
        let (before, after) = (world.machine.below(30), world.machine.below(30));
        world.set_faults(Faults { error_before: before, error_after: after, late: 50, ..Faults::default() });
        if world.machine.percent(70) {
            world.machine.stop_after(world.machine.below(60));
        }
        for _ in 0..world.machine.below(25) {
            if world.machine.is_off() {
                break;
            }
            match world.machine.below(10) {
                0..6 => drop(world.append(&store).await),
                6 | 7 => world.append_group(&store).await,
                8 => drop(store.flush().await),
                _ => drop(world.maintain(&store, &Retention::default()).await),
            }
            let _ = store.settle(true).await;
        }
        // What was sent last may come late.
        world.set_faults(Faults { late: 50, ..Faults::default() });
        world.stop(store);
        if world.machine.percent(30) {
            world.lose_disk();
            world.machine.stop_after(world.machine.below(12));
            match world.try_open().await {
                Ok(opened) => world.stop(opened),
                Err(error) => {
                    assert!(world.machine.is_off(), "{}: open: {error}", world.case);
                    world.leave();
                }
            }
        }
        world.lose_disk();
        store = world.open().await;
    }
    world.finish(store).await;
}

/// An object store that is gone for a while: appends are refused, and go on when it answers, without an open.
pub(super) async fn unanswered(world: &mut World) {
    let store = world.open().await;
    for _ in 0..2 {
        world.append(&store).await.unwrap_or_else(|error| panic!("{}: append: {error}", world.case));
        let after = if world.machine.percent(50) { 100 } else { 0 };
        let late = world.machine.below(100);
        world.set_faults(Faults { error_before: 100 - after, error_after: after, late, ..Faults::default() });
        let gets = if after == 100 { "work" } else { "fail" };
        for _ in 0..3 {
            match world.append(&store).await {
                Ok(()) if after == 100 => {}
                Err(Error::Unanswered { .. }) if after == 0 => {}
                other => panic!("{}: puts fail and gets {gets}: {other:?}", world.case),
            }
        }
        assert_eq!(store.health().flush_error.is_some(), after == 0, "{}", world.case);
        world.set_faults(Faults::default());
        goes_on(world, &store).await;
        // One that refuses for good keeps nobody waiting.
        world.set_faults(Faults { refused: 100, ..Faults::default() });
        for _ in 0..2 {
            let refused = world.append(&store).await;
            assert!(matches!(refused, Err(Error::Refused { .. })), "{}: it refuses: {refused:?}", world.case);
            let said = store.health().flush_error.unwrap_or_default();
            assert!(said.contains("it is refused"), "{}: {said}", world.case);
        }
        world.set_faults(Faults::default());
        goes_on(world, &store).await;
    }
    world.finish(store).await;
}

/// What waits is put, and appends go on.
async fn goes_on(world: &mut World, store: &Store) {
    let _ = store.settle(true).await;
    world.append(store).await.unwrap_or_else(|error| panic!("{}: it answers again: {error}", world.case));
    assert_eq!((store.health().poisoned, store.health().flush_error), (None, None), "{}", world.case);
    world.verify(store).await;
}

/// An object store that takes requests and never answers, so that each ends with the patience of its client: one append waits, the health
/// says why, and all others are refused at once, until it answers again.
pub(super) async fn silent(world: &mut World) {
    const PATIENCE_MS: i64 = 10_000;
    let store = world.open().await;
    world.append(&store).await.unwrap_or_else(|error| panic!("{}: append: {error}", world.case));
    let objects = world.objects.clone().unwrap_or_else(|| panic!("{}: it has an object store", world.case));
    let late = world.machine.below(2) * 100;
    world.set_faults(Faults { error_before: 100, late, latency_ms: PATIENCE_MS, ..Faults::default() });
    // The look at the place after the put that failed.
    let stalled = objects.stall_next_get();
    let batch = world.batch();
    world.expected.unknown(expected::texts(&batch));
    let begun = world.clock.now();
    let mut first = Box::pin(maybe_done(store.append(batch)));
    futures::future::select(std::pin::pin!(stalled.reached()), first.as_mut()).await;
    assert!(store.health().flush_error.is_some(), "{}: it is said after the first failure", world.case);
    refuses_at_once(world, &store).await;
    stalled.release();
    first.as_mut().await;
    let answered = first.as_mut().take_output();
    drop(first);
    assert!(matches!(answered, Some(Err(Error::Unanswered { .. }))), "{}: {answered:?}", world.case);
    // The put and the look.
    assert_eq!(world.clock.now() - begun, 2 * PATIENCE_MS, "{}", world.case);
    refuses_at_once(world, &store).await;
    if world.machine.percent(50) {
        // It is tried again, in vain, and once more at the end.
        let _ = store.settle(true).await;
        refuses_at_once(world, &store).await;
    }
    world.set_faults(Faults::default());
    if world.machine.percent(50) {
        goes_on(world, &store).await;
    }
    world.machine.note("closes".into());
    store.close().await.unwrap_or_else(|error| panic!("{}: close: {error}", world.case));
    drop(store);
    let again = world.open().await;
    world.finish(again).await;
}

/// Appends are refused, and no request is made for them.
async fn refuses_at_once(world: &mut World, store: &Store) {
    let before = world.clock.now();
    for _ in 0..3 {
        let batch = world.batch();
        let refused = store.append(batch).await;
        assert!(matches!(refused, Err(Error::Unanswered { .. })), "{}: {refused:?}", world.case);
    }
    assert_eq!(world.clock.now(), before, "{}: it took its time to refuse", world.case);
}

/// A node sleeps in the middle of a put, or of a flush, and another takes the store over: what the old one acknowledged is there, and
/// from then on it acknowledges and commits nothing.
pub(super) async fn two_writers(world: &mut World) {
    let old = world.open().await;
    let fails = world.machine.below(30);
    world.set_faults(Faults { error_before: fails, late: 50, ..Faults::default() });
    for _ in 0..world.machine.below(6) {
        world.act_without_removal(&old).await;
    }
    world.set_faults(Faults::default());
    // A group that waits is put.
    let _ = old.settle(true).await;
    let asleep = world.machine.below(3);
    let objects = world.objects.clone().unwrap_or_else(|| panic!("{}: it has an object store", world.case));
    let batch = world.batch_of(Some(0));
    let texts = expected::texts(&batch);
    let stalled = (asleep > 0).then(|| objects.stall_next_put());
    // 0: asleep between two appends; 1: in the put of a group; 2: in the put of a segment.
    let mut late = Box::pin(maybe_done(async {
        match asleep {
            1 => old.append(batch).await.map(|_| ()),
            2 => old.flush().await,
            _ => Ok(()),
        }
    }));
    if let Some(stalled) = &stalled {
        let reached = std::pin::pin!(stalled.reached());
        futures::future::select(reached, late.as_mut()).await;
        objects.stall_nothing();
    }
    let other = Node::new(&world.machine);
    let new = world.open_on(&other).await;
    for _ in 0..1 + world.machine.below(6) {
        world.act_without_removal(&new).await;
    }
    if let Some(stalled) = &stalled {
        stalled.release();
    }
    late.as_mut().await;
    let woken = late.as_mut().take_output().expect("it is done");
    drop(late);
    world.machine.note(format!("the old node woke up {asleep}: {woken:?}"));
    if asleep == 1 {
        assert!(matches!(woken, Err(Error::Poisoned { .. })), "{}: it was taken over: {woken:?}", world.case);
    }
    refuses(world, &old, texts).await;
    world.verify(&new).await;
    for _ in 0..world.machine.below(4) {
        world.act_without_removal(&new).await;
    }
    // In either order.
    if world.machine.percent(50) {
        drop(old.close().await);
        drop(old);
        world.finish_on(new, &other).await;
    } else {
        world.finish_on(new, &other).await;
        drop(old.close().await);
    }
}

/// A node claims the store and sleeps before it has opened it. Another takes over and writes. When the first wakes up it finds that it is
/// too late, and everything stays.
pub(super) async fn sleeping_opener(world: &mut World) {
    world.memtable_bytes_max = 4_000;
    let old = world.open().await;
    world.append(&old).await.unwrap_or_else(|error| panic!("{}: append: {error}", world.case));
    for _ in 0..world.machine.below(8) {
        world.act_without_removal(&old).await;
    }
    world.stop(old);
    world.lose_disk();
    let objects = world.objects.clone().unwrap_or_else(|| panic!("{}: it has an object store", world.case));
    let (first, second) = (Node::new(&world.machine), Node::new(&world.machine));
    let stalled = objects.stall_get_after_put();
    let mut opening = Box::pin(maybe_done(world.opening(&first)));
    futures::future::select(std::pin::pin!(stalled.reached()), opening.as_mut()).await;
    objects.stall_nothing();
    let new = world.open_on(&second).await;
    for _ in 0..1 + world.machine.below(12) {
        world.act_without_removal(&new).await;
    }
    if world.machine.percent(50) {
        new.flush().await.unwrap_or_else(|error| panic!("{}: flush: {error}", world.case));
    }
    stalled.release();
    opening.as_mut().await;
    let opened = opening.as_mut().take_output();
    assert!(matches!(opened, Some(Err(Error::TakenOver { .. }))), "{}: it was taken over: {opened:?}", world.case);
    drop(opening);
    world.verify(&new).await;
    world.append(&new).await.unwrap_or_else(|error| panic!("{}: append: {error}", world.case));
    world.finish_on(new, &second).await;
}

/// An object store whose manifest somebody removed is not taken for a new one.
pub(super) async fn lost_manifest(world: &mut World) {
    let store = world.open().await;
    world.append(&store).await.unwrap_or_else(|error| panic!("{}: append: {error}", world.case));
    for _ in 0..world.machine.below(6) {
        world.act_without_removal(&store).await;
    }
    if world.machine.percent(50) {
        world.stop(store);
        world.lose_disk();
    } else {
        store.close().await.unwrap_or_else(|error| panic!("{}: close: {error}", world.case));
    }
    let objects = world.objects.clone().unwrap_or_else(|| panic!("{}: it has an object store", world.case));
    let path = "manifest/current.json".into();
    let manifest = objects.take(&path).await;
    let before = objects.paths().await;
    match world.try_open().await {
        Err(Error::Corrupt { reason, .. }) => assert!(reason.contains("no manifest"), "{}: {reason}", world.case),
        other => panic!("{}: there is no manifest: {other:?}", world.case),
    }
    assert_eq!(objects.paths().await, before, "{}: nothing went", world.case);
    objects.give_back(&path, manifest).await;
    let store = world.open().await;
    world.finish(store).await;
}

/// A node whose journal is on its disk is opened on another object store by mistake, which is new.
pub(super) async fn another_bucket(world: &mut World) {
    let other = FaultyStore::new(Arc::clone(&world.machine), Arc::clone(&world.clock));
    let store = world.open().await;
    world.append(&store).await.unwrap_or_else(|error| panic!("{}: append: {error}", world.case));
    for _ in 0..world.machine.below(4) {
        world.append(&store).await.unwrap_or_else(|error| panic!("{}: append: {error}", world.case));
    }
    world.stop(store);
    let mine = world.objects.replace(other);
    for _ in 0..2 {
        match world.try_open().await {
            Err(Error::JournalElsewhere { .. }) => {}
            opened => panic!("{}: another store: {opened:?}", world.case),
        }
    }
    world.objects = mine;
    let store = world.open().await;
    world.finish(store).await;
}

/// The old node refuses everything that writes, says why, and what it refused is nowhere.
async fn refuses(world: &mut World, old: &Store, texts: expected::Records) {
    for _ in 0..2 {
        let batch = world.batch();
        let appended = old.append(batch).await;
        assert!(matches!(appended, Err(Error::Poisoned { .. })), "{}: the old node gave {appended:?}", world.case);
    }
    let reason = old.health().poisoned.unwrap_or_default();
    assert!(reason.contains("another node has taken over"), "{}: {reason}", world.case);
    let maintained = old.maintain(&Retention::default()).await;
    assert!(maintained.is_err(), "{}: the old node maintains", world.case);
    world.machine.note(format!("{} records were refused: {reason}", texts.len()));
}
