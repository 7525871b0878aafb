//! Journals in the object store: nodes that are lost with their disks, and nodes that write though another has taken over.

use crate::expected;
use crate::objects::Faults;
use crate::scenario::crashes::work;
use crate::world::{Node, World};
use futures::future::maybe_done;
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
        world.set_faults(Faults { error_before: before, error_after: after, ..Faults::default() });
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
        world.set_faults(Faults::default());
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
        world.set_faults(Faults { error_before: 100 - after, error_after: after, ..Faults::default() });
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
        world.append(&store).await.unwrap_or_else(|error| panic!("{}: it answers again: {error}", world.case));
        assert_eq!((store.health().poisoned, store.health().flush_error), (None, None), "{}", world.case);
        world.verify(&store).await;
    }
    world.finish(store).await;
}

/// A node sleeps in the middle of a put, or of a flush, and another takes the store over: what the old one acknowledged is there, and
/// from then on it acknowledges and commits nothing.
pub(super) async fn two_writers(world: &mut World) {
    let old = world.open().await;
    for _ in 0..world.machine.below(6) {
        world.act_without_removal(&old).await;
    }
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
