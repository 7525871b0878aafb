//! Time: clocks that jump, metrics that are rolled up, and scans that last while segments are merged.

use crate::expected;
use crate::world::World;
use model::{Batch, Clock, Datapoint, Observation, SeriesKey, TimeRange, Timestamp};
use std::sync::Arc;
use store::{MetricTier, Retention, SeriesFilter, Store};

pub(super) async fn clock_jumps(world: &mut World) {
    const KEEP_MS: i64 = 1_000_000;
    let mut truth = world.clock.now();
    let mut latest = Timestamp::MIN;
    let mut store = world.open().await;
    for _ in 0..40 {
        truth = truth + 1_000;
        match world.machine.below(10) {
            // Clients have clocks of their own, which are right.
            0..5 => {
                let batch = world.batch_at(truth);
                let texts = expected::texts(&batch);
                let _ = world.append_batch(&store, batch, true).await;
                world.expected.maybe_expired(texts.into_iter().filter(|text| expected::time_of(text) < latest));
            }
            5 => world.clock.set(truth),
            6 => {
                let days = world.machine.below(7) as i64 - 3;
                world.clock.set(truth + days * 24 * 3_600_000 + world.machine.below(2_000_000) as i64);
            }
            7 => store.flush().await.unwrap_or_else(|error| panic!("{}: flush: {error}", world.case)),
            8 => store = world.crash(store).await,
            _ => {
                latest = latest.max(world.clock.now() - KEEP_MS);
                let expired = world.expire(&store, KEEP_MS).await;
                expired.unwrap_or_else(|error| panic!("{}: maintain: {error}", world.case));
            }
        }
        world.verify(&store).await;
    }
    world.finish(store).await;
}

/// How many samples a store has, and their sum.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Samples {
    count: f64,
    sum: f64,
}

impl std::ops::Add for Samples {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { count: self.count + other.count, sum: self.sum + other.sum }
    }
}

/// Points grow older by days, so that merges roll them up to 60 s, 5 min and 1 h.
pub(super) async fn roll_ups(world: &mut World) {
    world.metric_tiers = MetricTier::aws();
    let mut expected = Samples::default();
    let mut store = world.open().await;
    for number in 0..40 {
        if world.machine.percent(15) {
            world.machine.stop_after(world.machine.below(60));
        }
        let mut unknown = Samples::default();
        match world.machine.below(10) {
            0..4 => {
                let (batch, samples) = samples(number, world.clock.now());
                match store.append(batch).await {
                    Ok(_) => expected = expected + samples,
                    Err(_) => unknown = samples,
                }
            }
            4 | 5 => drop(store.flush().await),
            6 => world.clock.advance(world.machine.below(40) as i64 * 24 * 3_600_000),
            7 => world.clock.advance(world.machine.below(300) as i64 * 60_000),
            _ => drop(store.maintain(&Retention::default()).await),
        }
        if world.machine.is_off() {
            store = reopen(world, store).await;
        }
        world.machine.start();
        let seen = all_samples(&store, &world.case).await;
        assert!(
            seen == expected || seen == expected + unknown,
            "{}: there are {seen:?}, acknowledged were {expected:?}, and perhaps {unknown:?}",
            world.case
        );
        expected = seen;
    }
    world.machine.note(format!("{expected:?}"));
}

async fn reopen(world: &mut World, store: Store) -> Store {
    world.stop(store);
    world.try_open().await.unwrap_or_else(|error| panic!("{}: open: {error}", world.case))
}

/// Points of two series, a second apart. Values are whole numbers, so that their sum is exact in any order.
fn samples(number: u64, time: Timestamp) -> (Batch, Samples) {
    let point = |n: u64| Datapoint {
        series: Arc::new(SeriesKey {
            account: "1".into(),
            region: "r".into(),
            namespace: "N".into(),
            name: format!("m{}", n % 2),
            dimensions: Vec::new(),
            unit: "None".into(),
        }),
        timestamp: time.floor_to(1_000) + n as i64 * 1_000,
        resolution_secs: 1,
        observation: Observation::value((number * 10 + n) as f64),
    };
    let datapoints: Vec<Datapoint> = (0..1 + number % 7).map(point).collect();
    let of = |point: &Datapoint| {
        let (count, sum, ..) = point.observation.stats();
        Samples { count, sum }
    };
    let samples = datapoints.iter().map(of).fold(Samples::default(), std::ops::Add::add);
    (Batch { datapoints, ..Batch::default() }, samples)
}

async fn all_samples(store: &Store, case: &str) -> Samples {
    let filter = SeriesFilter { account: "1".into(), region: "r".into(), ..SeriesFilter::default() };
    let points = store.scan_series(&store.list_series(&filter), TimeRange::ALL).await;
    let points = points.unwrap_or_else(|error| panic!("{case}: scan: {error}"));
    let of = |point: &store::SeriesPoint| {
        let (count, sum, ..) = point.observation.stats();
        Samples { count, sum }
    };
    points.iter().flatten().map(of).fold(Samples::default(), std::ops::Add::add)
}

pub(super) async fn scan_under_compaction(world: &mut World) {
    let store = world.open().await;
    for _ in 0..9 {
        world.append(&store).await.expect("nothing is wrong");
        store.flush().await.expect("nothing is wrong");
    }
    let segments = store.health().segments;
    let group = expected::GROUPS.start + world.machine.below(3);
    let before = expected::logs(&store, group, &world.case).await.expect("the scan works");
    let stalled = world.objects.as_ref().expect("the scenario has an object store").stall_next_get();
    let work = async {
        stalled.reached().await;
        // The merge is committed, and its inputs are no longer listed, while the scan is in the middle of them.
        let maintained = store.maintain(&Retention::default()).await;
        stalled.release();
        maintained
    };
    let (during, maintained) = futures::join!(expected::logs(&store, group, &world.case), work);
    maintained.unwrap_or_else(|error| panic!("{}: maintain: {error}", world.case));
    assert!(store.health().segments < segments, "{}: nothing was merged", world.case);
    assert_eq!(during.expect("the scan works"), before, "{}: the scan saw two manifests", world.case);
    world.finish(store).await;
}
