//! A store that is opened for reading beside its writers, which are lost and taken over.

use crate::expected;
use crate::objects::Faults;
use crate::world::World;
use store::{Error, Store};

/// Writers are lost at random steps, also while they open the store, on an object store that loses answers; merges and flushes remove what the
/// reader has not read yet. Whenever the reader has caught up it shows exactly what the writer of that time shows.
pub(super) async fn follows(world: &mut World) {
    world.memtable_bytes_max = 4_000;
    // Before there is a store, or beside its writer.
    let early = if world.machine.percent(30) { Some(world.open_reader().await) } else { None };
    let mut store = world.open().await;
    let reader = match early {
        Some(reader) => reader,
        None => world.open_reader().await,
    };
    for _ in 0..4 {
        if world.machine.percent(50) {
            world.machine.stop_after(world.machine.below(60));
        }
        for _ in 0..2 + world.machine.below(12) {
            if world.machine.is_off() {
                break;
            }
            let (before, after) = (world.machine.below(25), world.machine.below(25));
            match world.machine.below(8) {
                0..6 => {
                    world.set_faults(Faults {
                        error_before: before,
                        error_after: after,
                        late: 50,
                        ..Faults::default()
                    });
                    world.act_without_removal(&store).await;
                }
                _ => world.act(&store).await,
            }
            // It may look while answers are lost.
            if world.machine.percent(30) && !world.machine.is_off() {
                let looked = reader.look().await.is_ok();
                world.machine.note(format!("the reader looks: {looked}"));
            }
            world.set_faults(Faults { late: 50, ..Faults::default() });
            if world.machine.percent(50) {
                is_up_to_date(world, &store, &reader).await;
            }
        }
        world.stop(store);
        world.lose_disk();
        for _ in 0..world.machine.below(3) {
            world.machine.stop_after(world.machine.below(12));
            match world.try_open().await {
                Ok(opened) => world.stop(opened),
                Err(error) => {
                    assert!(world.machine.is_off(), "{}: open: {error}", world.case);
                    world.leave();
                }
            }
        }
        store = world.open().await;
        if world.machine.percent(50) {
            is_up_to_date(world, &store, &reader).await;
        }
    }
    is_up_to_date(world, &store, &reader).await;
    let refused = reader.append(world.batch()).await;
    assert!(matches!(refused, Err(Error::ReadOnly)), "{}: a reader gave {refused:?}", world.case);
    world.finish(store).await;
}

/// Brings the reader to the writer's mark, and to the present manifest, and compares the two.
async fn is_up_to_date(world: &mut World, store: &Store, reader: &Store) {
    // A group that waits is put.
    let _ = store.settle(true).await;
    if world.machine.is_off() || store.health().poisoned.is_some() || store.health().flush_error.is_some() {
        return;
    }
    let case = format!("{}, read beside", world.case);
    let mark = store.acknowledged().unwrap_or_else(|| panic!("{case}: its journal is in the object store"));
    reader.catch_up(mark).await.unwrap_or_else(|error| panic!("{case}: catch up to {mark}: {error}"));
    // Nothing is kept of what was replaced, so that scans want the present segments.
    reader.look().await.unwrap_or_else(|error| panic!("{case}: look: {error}"));
    let (written, read) = (expected::scan(store, &case).await, expected::scan(reader, &case).await);
    assert!(written == read, "{case}: they differ: {:?}", written.symmetric_difference(&read).collect::<Vec<_>>());
    assert_eq!(reader.event_tree(), store.event_tree(), "{case}: the trees differ");
    world.machine.note(format!("{} records are read beside", read.len()));
}
