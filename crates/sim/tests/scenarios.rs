//! Plays every scenario with many seeds; the header of the crate says which.

use sim::{Scenario, run};
use std::collections::BTreeMap;

/// Seeds of random crashes when none are asked for.
const CRASH_SEEDS: u64 = 120;
/// Seeds of flipped bits.
const FLIP_SEEDS: u64 = 200;
/// Seeds of each other scenario.
const SEEDS: u64 = 12;
/// Seeds of each scenario that are played twice.
const REPLAYS: u64 = 3;

fn number(name: &str) -> Option<u64> {
    let text = std::env::var(name).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{name} must be a number, not '{text}'")))
}

fn seeds(default: u64) -> std::ops::Range<u64> {
    match number("TRAILWATCH_SIM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("TRAILWATCH_SIM_SEEDS").unwrap_or(default),
    }
}

fn play(scenario: Scenario) {
    for seed in seeds(SEEDS) {
        run(seed, scenario);
    }
}

/// Plays a family of scenarios with a stop after 0, 1, 2... steps, until there is nothing left to stop.
fn play_every_step(seed: u64, scenario: fn(u64) -> Scenario) {
    let mut steps = 0;
    while run(seed, scenario(steps)).contains(&"stopped: true".to_owned()) {
        steps += 1;
    }
    assert!(steps > 30, "seed {seed}: the work takes more steps than {steps}");
}

#[test]
fn what_was_acknowledged_survives_random_crashes_once() {
    for seed in seeds(CRASH_SEEDS) {
        run(seed, Scenario::Crash);
    }
}

/// Shows that the checks see a loss.
#[test]
#[should_panic(expected = "LyingDisk")]
fn a_disk_that_only_claims_to_sync_is_found_out() {
    for seed in 0..CRASH_SEEDS {
        run(seed, Scenario::LyingDisk);
    }
}

#[test]
fn what_was_acknowledged_survives_a_crash_at_every_single_write() {
    // In a folder with merges of logs, and in an object store with merges of metrics.
    for seed in 0..2 {
        play_every_step(seed, Scenario::CrashAfter);
    }
}

/// Random crashes of seed 314 found a manifest that was gone: a process was killed between naming and syncing it, the next one
/// read it and removed the older one, and a power failure undid the name.
#[test]
fn what_a_start_builds_on_after_a_kill_survives_a_power_failure() {
    for seed in 0..3 {
        play_every_step(seed, Scenario::KillThenPower);
    }
}

#[test]
fn a_signed_tree_of_events_is_the_beginning_of_every_later_one_after_a_crash_at_every_single_write() {
    for seed in 0..2 {
        play_every_step(seed, Scenario::TreeGrows);
    }
}

#[test]
fn what_was_acknowledged_survives_the_loss_of_a_node_at_every_single_write() {
    for seed in 0..3 {
        play_every_step(seed, Scenario::LostNodeAfter);
    }
}

#[test]
fn what_was_acknowledged_survives_lost_nodes_and_lost_answers() {
    for seed in seeds(CRASH_SEEDS) {
        run(seed, Scenario::LostNode);
    }
}

#[test]
fn an_object_store_that_is_gone_for_a_while_stops_appends_for_that_while() {
    play(Scenario::UnansweredJournal);
}

#[test]
fn a_node_that_was_taken_over_acknowledges_and_commits_nothing() {
    for seed in seeds(CRASH_SEEDS) {
        run(seed, Scenario::TwoWriters);
    }
}

#[test]
fn an_object_store_that_never_answers_holds_up_one_append() {
    play(Scenario::SilentJournal);
}

#[test]
fn a_node_that_slept_while_it_opened_a_store_removes_nothing_of_the_one_that_took_over() {
    for seed in seeds(CRASH_SEEDS) {
        run(seed, Scenario::SleepingOpener);
    }
}

#[test]
fn a_reader_beside_its_writers_shows_what_they_show() {
    play(Scenario::Reader);
}

#[test]
fn a_store_whose_manifest_is_gone_is_not_begun_anew() {
    play(Scenario::LostManifest);
}

#[test]
fn a_journal_stays_when_its_node_is_opened_on_another_object_store() {
    play(Scenario::AnotherBucket);
}

#[test]
fn held_and_unread_events_survive_an_expiry_that_stops_at_any_single_write() {
    for seed in 0..2 {
        play_every_step(seed, Scenario::EventsExpire);
    }
}

#[test]
fn a_full_disk_answers_errors_and_recovers() {
    play(Scenario::FullDisk);
}

#[test]
fn a_failed_sync_refuses_writes_until_the_store_is_opened_anew() {
    play(Scenario::FailedSync);
}

#[test]
fn a_failing_object_store_loses_and_doubles_nothing() {
    play(Scenario::FailingObjects);
}

#[test]
fn a_slow_object_store_throttles_when_memory_is_full() {
    play(Scenario::SlowObjects);
}

#[test]
fn a_stale_list_does_not_hide_the_newest_manifest() {
    play(Scenario::StaleLists);
}

#[test]
fn every_flipped_bit_is_found_by_a_checksum_and_never_a_wrong_answer() {
    let mut outcomes: BTreeMap<String, u64> = BTreeMap::new();
    for seed in seeds(FLIP_SEEDS) {
        let trace = run(seed, Scenario::BitFlip);
        *outcomes.entry(trace.last().expect("it says what it found").clone()).or_default() += 1;
    }
    println!("{outcomes:#?}");
    if number("TRAILWATCH_SIM_SEED").is_none() {
        let objects = ["logs parquet", "logs index", "logs filter", "logs fields", "metrics parquet", "metrics index"];
        for kind in ["journal", "manifest", "events parquet", "events index"].into_iter().chain(objects) {
            assert!(outcomes.contains_key(&format!("{kind}: found")), "no flip was found in a {kind}: {outcomes:?}");
        }
    }
}

#[test]
fn clock_jumps_lose_double_and_expire_nothing_wrongly() {
    play(Scenario::ClockJumps);
}

#[test]
fn metrics_keep_every_sample_once_when_they_are_rolled_up_between_crashes() {
    play(Scenario::RollUps);
}

#[test]
fn a_scan_beside_a_compaction_sees_one_manifest() {
    play(Scenario::ScanUnderCompaction);
}

#[test]
fn resets_closes_and_opens_come_in_any_order() {
    play(Scenario::Reset);
}

#[test]
fn a_seed_does_the_same_steps_each_time() {
    for scenario in Scenario::ALL.into_iter().filter(|scenario| scenario.is_replayable()) {
        for seed in 0..REPLAYS {
            let (first, second) = (run(seed, scenario), run(seed, scenario));
            assert!(first.len() > 10, "seed {seed}: {scenario:?} does something");
            let differs = first.iter().zip(&second).find(|(a, b)| a != b);
            assert!(first == second, "seed {seed}: {scenario:?} differs at {differs:?}");
        }
    }
}
