//! Simulated clock, disk and object store, and scenarios that break them while a real store runs on them.
//!
//! One scenario for each promise of the store (`scenario.rs`), played with many seeds by `tests/scenarios.rs`.
//!
//! # Seeds
//! `TRAILWATCH_SIM_SEEDS=n cargo test --release -p sim` plays `n` seeds of every scenario instead of the few of a usual run (120 of
//! crashes, 200 of flipped bits, 12 of the others). `TRAILWATCH_SIM_SEED=n` plays only seed `n`. A failure names its scenario and seed and
//! tells the last steps.
//!
//! # What a seed decides
//! All chance comes from the seed. In most scenarios the store's threads are waited for after every call, so that a seed does the same
//! steps on disk and object store in the same order: `run` answers them, and a test compares them. Not so where flushes run
//! beside appends or merges (`Scenario::is_replayable` says where): there the seed decides the calls and the faults, not how the steps
//! of two threads come in between each other. Threads of searches only read, and reads draw no chance unless they are to
//! fail. A seed means the same only as long as its scenario stays as it is.

mod disk;
mod expected;
mod machine;
mod objects;
mod random;
mod reads;
mod scenario;
mod world;

pub use disk::SimDisk;
pub use machine::{Crash, Machine};
pub use model::clock::ManualClock as SimClock;
pub use objects::{Faults, FaultyStore, Stalled};
pub use random::Random;
pub use scenario::{Scenario, run};
