//! Disks and object stores that refuse: full, failing, slow, or with old lists.

use crate::objects::Faults;
use crate::scenario::damage::assert_names;
use crate::world::World;
use model::{Classify, ErrorKind};
use store::{Error, Retention};

pub(super) async fn full_disk(world: &mut World) {
    world.memtable_bytes_max = 3_000;
    let mut store = world.open().await;
    for _ in 0..world.machine.below(10) {
        world.act(&store).await;
    }
    world.disk.set_room(Some(world.machine.below(6_000)));
    let mut refused = 0;
    for _ in 0..300 {
        match world.append(&store).await {
            Ok(()) => {}
            Err(Error::Full { .. } | Error::Throttled { .. }) => refused += 1,
            Err(error) => panic!("{}: a full disk gave {error}", world.case),
        }
        if refused == 5 {
            break;
        }
    }
    assert_eq!(refused, 5, "{}: the disk never was full", world.case);
    let _ = store.flush().await;
    assert_eq!(store.health().poisoned, None, "{}", world.case);
    world.verify(&store).await;
    if world.machine.percent(50) {
        // A server that starts on a full disk may refuse to; it loses nothing.
        world.stop(store);
        match world.try_open().await {
            Ok(opened) => {
                world.verify(&opened).await;
                world.stop(opened);
            }
            Err(error) => assert_eq!(error.kind(), ErrorKind::Unavailable, "{}: {error}", world.case),
        }
        world.disk.set_room(None);
        store = world.open().await;
    }
    world.disk.set_room(None);
    let mut refused = 0;
    for _ in 0..20 {
        match world.append(&store).await {
            Ok(()) => {}
            // Memory may still be full; it is this append that makes the flush try again.
            Err(Error::Throttled { .. }) if refused == 0 => refused += 1,
            Err(error) => panic!("{}: there is room again: {error}; {:?}", world.case, store.health()),
        }
    }
    world.finish(store).await;
}

pub(super) async fn failed_sync(world: &mut World) {
    let store = world.open().await;
    for _ in 0..world.machine.below(10) {
        world.act(&store).await;
    }
    world.disk.fail_syncs(true);
    let first = world.append(&store).await.expect_err("the sync failed");
    assert!(matches!(first, Error::Poisoned { .. }), "{}: {first}", world.case);
    world.disk.fail_syncs(false);
    let later = world.append(&store).await.expect_err("the journal is poisoned");
    assert!(matches!(later, Error::Poisoned { .. }), "{}: {later}", world.case);
    world.expected.verify_live(&store, &world.case).await;
    let store = world.crash(store).await;
    world.append(&store).await.unwrap_or_else(|error| panic!("{}: opened anew: {error}", world.case));
    world.finish(store).await;
}

pub(super) async fn failing_objects(world: &mut World) {
    world.memtable_bytes_max = 5_000;
    let mut store = world.open().await;
    let (before, after) = (world.machine.below(60), world.machine.below(60));
    let faults = Faults { error_before: before, error_after: after, latency_ms: 10, ..Faults::default() };
    for _ in 0..2 {
        world.set_faults(faults);
        for _ in 0..30 {
            match world.machine.below(10) {
                0..7 => match world.append(&store).await {
                    Ok(()) | Err(Error::Throttled { .. }) => {}
                    Err(error) => panic!("{}: a failing object store gave {error}", world.case),
                },
                7 | 8 => drop(store.flush().await),
                _ => drop(world.maintain(&store, &Retention::default()).await),
            }
        }
        assert_eq!(store.health().poisoned, None, "{}", world.case);
        world.set_faults(Faults::default());
        world.verify(&store).await;
        if world.machine.percent(50) {
            store = world.crash(store).await;
        }
        store.flush().await.unwrap_or_else(|error| panic!("{}: it works again: {error}", world.case));
        assert_eq!(store.health().flush_error, None, "{}", world.case);
        world.append(&store).await.unwrap_or_else(|error| panic!("{}: it works again: {error}", world.case));
    }
    world.finish(store).await;
}

pub(super) async fn slow_objects(world: &mut World) {
    world.memtable_bytes_max = 6_000;
    let store = world.open().await;
    let stalled = world.objects.as_ref().expect("the scenario has an object store").stall_next_put();
    let mut accepted = 0;
    let refused = loop {
        let batch = world.batch();
        match world.append_batch(&store, batch, false).await {
            Ok(()) => accepted += 1,
            Err(error) => break Some(error),
        }
        if accepted == 1_000 {
            break None;
        }
    };
    world.verify(&store).await;
    stalled.release();
    // Before anything else is asked for: the steps of two threads would come in no order of ours.
    store.settle(true).await.unwrap_or_else(|error| panic!("{}: it answers again: {error}", world.case));
    let error = refused.unwrap_or_else(|| panic!("{}: memory grows without end", world.case));
    assert_eq!(error.kind(), ErrorKind::Throttled, "{}: {error}", world.case);
    assert!(accepted > 3, "{}: ingest goes on for a while", world.case);
    store.flush().await.unwrap_or_else(|error| panic!("{}: it answers again: {error}", world.case));
    world.append(&store).await.unwrap_or_else(|error| panic!("{}: it answers again: {error}", world.case));
    world.finish(store).await;
}

pub(super) async fn stale_lists(world: &mut World) {
    let mut store = world.open().await;
    for _ in 0..3 {
        for _ in 0..world.machine.below(20) {
            world.act(&store).await;
        }
        world.stop(store);
        world.set_faults(Faults { stale_lists: true, ..Faults::default() });
        match world.try_open().await {
            Ok(opened) => {
                world.verify(&opened).await;
                world.stop(opened);
            }
            // A list that shows no manifest at all is no proof that the store is new.
            Err(error) => drop(assert_names(world, &error, "manifest")),
        }
        world.set_faults(Faults::default());
        store = world.open().await;
    }
    world.finish(store).await;
}
