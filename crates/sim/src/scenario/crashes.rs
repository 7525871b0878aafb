//! Machines that stop: what was acknowledged is there when they start again, once.

use crate::machine::Crash;
use crate::world::World;
use store::{Retention, Store};

pub(super) async fn crash(world: &mut World) {
    let steps = if world.objects.is_some() { 60 } else { 200 };
    if world.machine.percent(30) {
        // Memtables are cut by their size, too.
        world.memtable_bytes_max = 4_000;
    }
    let mut store = world.open().await;
    for _ in 0..3 {
        if world.machine.percent(80) {
            world.machine.stop_after(world.machine.below(steps));
        }
        for _ in 0..world.machine.below(25) {
            if world.machine.is_off() {
                break;
            }
            world.act(&store).await;
        }
        store = world.crash(store).await;
    }
    world.finish(store).await;
}

/// Appends, flushes and merges, and stops after so many steps of it.
pub(super) async fn crash_after(world: &mut World, steps: u64) {
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
    world.machine.note(format!("stopped: {was_off}"));
    let store = world.open().await;
    world.append(&store).await.unwrap_or_else(|error| panic!("{}: append: {error}", world.case));
    world.finish(store).await;
}

/// One flush of all kinds, then of one kind as many as a merge takes.
pub(super) async fn work(world: &mut World, store: &Store) {
    for flush in 0..8 {
        let batch = world.batch_of(if flush == 0 { None } else { Some(world.seed % 3) });
        let _ = world.append_batch(store, batch, true).await;
        let _ = store.flush().await;
    }
    world.append_group(store).await;
    let _ = world.maintain(store, &Retention::default()).await;
    let _ = world.append(store).await;
}

/// Names that a killed process gave and did not sync are seen by the next one, and gone after a power failure.
pub(super) async fn kill_then_power(world: &mut World, steps: u64) {
    world.machine.stop_after(steps);
    let killed = world.try_open().await;
    if let Ok(store) = &killed {
        for _ in 0..2 {
            let _ = world.append(store).await;
            let _ = store.flush().await;
        }
        let _ = world.append(store).await;
    }
    let was_off = world.machine.is_off();
    world.machine.stop();
    drop(killed);
    world.leave_by(Crash::Kill);
    world.machine.note(format!("stopped: {was_off}"));
    if world.machine.percent(50) {
        world.machine.stop_after(world.machine.below(12));
    }
    let again = world.try_open().await;
    assert!(again.is_ok() || world.machine.is_off(), "{}: open: {again:?}", world.case);
    world.machine.stop();
    drop(again);
    world.leave_by(Crash::Power);
    let store = world.open().await;
    world.finish(store).await;
}

pub(super) async fn reset(world: &mut World) {
    let mut store = world.open().await;
    for _ in 0..20 {
        match world.machine.below(10) {
            0..6 => world.act(&store).await,
            6 | 7 => {
                store.reset().await.unwrap_or_else(|error| panic!("{}: reset: {error}", world.case));
                world.expected.reset();
            }
            8 => store = reopen(world, store).await,
            _ => store = world.crash(store).await,
        }
        world.verify(&store).await;
    }
    world.finish(store).await;
}

async fn reopen(world: &mut World, store: Store) -> Store {
    store.close().await.unwrap_or_else(|error| panic!("{}: close: {error}", world.case));
    drop(store);
    world.open().await
}
