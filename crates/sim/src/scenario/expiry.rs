//! Expiry of audit events across crashes: what is held, or not read by all followers yet, is there whatever stops when.

use crate::expected;
use crate::world::{World, expire_events};
use model::{Clock, TimeRange, Timestamp};
use store::{EventExpiry, HeldEvents, Store};

const ROUND_MS: i64 = 600_000;

/// Fills a few segments, expires part of them, and stops after so many steps of it; after the start the rest of it is done.
pub(super) async fn events(world: &mut World, steps: u64) {
    let begin = world.clock.now();
    // The third round is held, the last one is not old enough.
    let held = TimeRange::new(begin + 2 * ROUND_MS, begin + 3 * ROUND_MS);
    let before = begin + 4 * ROUND_MS;
    let goes = |text: &str| is_event(text) && is_old(text, held, before);
    let expiry = |below| EventExpiry {
        below,
        before,
        accounts: [("1".to_owned(), before), ("2".to_owned(), begin)].into(),
        held: vec![HeldEvents { account: Some("1".into()), range: held }],
    };
    world.machine.stop_after(steps);
    let opened = world.try_open().await;
    if let Ok(store) = &opened {
        for round in 0..5 {
            let time = begin + round * ROUND_MS;
            let batch = world.batch_at(time);
            let _ = world.append_batch(store, batch, true).await;
            // Two rounds come into one segment, and another segment is of one alone.
            if round != 1 {
                let _ = store.flush().await;
            }
        }
        let below = store.event_sequence();
        let unread = world.batch_at(begin);
        let texts = expected::texts(&unread);
        let _ = world.append_batch(store, unread, true).await;
        let _ = store.flush().await;
        expire(world, store, &expiry(below), |text| goes(text) && !texts.contains(text)).await;
        if !world.machine.is_off() {
            world.verify(store).await;
        }
    }
    let was_off = world.machine.is_off();
    match opened {
        Ok(store) => world.stop(store),
        Err(_) => world.leave(),
    }
    world.machine.note(format!("stopped: {was_off}"));
    let store = world.open().await;
    store.flush().await.unwrap_or_else(|error| panic!("{}: flush: {error}", world.case));
    // Everything was read by now.
    expire(world, &store, &expiry(store.event_sequence()), goes).await;
    world.verify(&store).await;
    world.append(&store).await.unwrap_or_else(|error| panic!("{}: append: {error}", world.case));
    world.finish(store).await;
}

async fn expire(world: &mut World, store: &Store, expiry: &EventExpiry, goes: impl Fn(&str) -> bool) {
    let expired = expire_events(store, expiry).await;
    // While the machine is off, what could not be flushed is not there to expire.
    if world.machine.is_off() {
        return world.expected.maybe_expire(goes);
    }
    expired.unwrap_or_else(|error| panic!("{}: expire: {error}", world.case));
    world.expected.expire(goes);
}

fn is_event(text: &str) -> bool {
    text.split(' ').nth(1) == Some("event")
}

fn is_old(text: &str, held: TimeRange, before: Timestamp) -> bool {
    let time = expected::time_of(text);
    time < before && !held.contains(time)
}
