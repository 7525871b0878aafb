//! One scenario for each promise of the store; `run` plays one with the chances of a seed.

mod crashes;
mod damage;
mod expiry;
mod nodes;
mod readers;
mod refusals;
mod time;
mod tree;

use crate::machine::Machine;
use crate::world::World;
use std::sync::Arc;
use store::Durability;

/// What goes wrong, and which promise must hold all the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scenario {
    /// Kills and power failures at random steps, also while recovering: what was acknowledged is there, once.
    Crash,
    /// A fixed piece of work that the machine stops in after so many steps: the same at every single write.
    CrashAfter(u64),
    /// A kill after so many steps, and a power failure soon after the next start: what the start built on is still there.
    KillThenPower(u64),
    /// Audit events are accepted and their tree is signed now and then, and the machine stops after so many steps: each signed tree is the
    /// beginning of every later one, and each accepted event is a leaf, once.
    TreeGrows(u64),
    /// Audit events expire, some of them held and some not read by all yet, and the machine stops after so many steps: what is held or
    /// unread is there, what is gone stays gone, and the tree is the one that was accepted.
    EventsExpire(u64),
    /// A full disk answers errors, keeps reads, and takes appends again when there is room.
    FullDisk,
    /// A failed sync refuses writes until the store is opened anew, and keeps reads.
    FailedSync,
    /// An object store that fails before and after the effect: nothing is lost or doubled, and ingest goes on until memory is full.
    FailingObjects,
    /// An object store that does not answer: ingest goes on until memory is full, then is throttled, then goes on.
    SlowObjects,
    /// Lists that do not show the last puts: the newest manifest is found all the same, or the open is refused.
    StaleLists,
    /// One flipped bit in any file: an error that names it, and never a wrong answer.
    BitFlip,
    /// Clocks that jump both ways: nothing is lost, doubled or expired that should not be.
    ClockJumps,
    /// Metrics are rolled up while the machine crashes: no sample is lost or counted twice.
    RollUps,
    /// Scans that began before a compaction see all of what was there, once.
    ScanUnderCompaction,
    /// Resets, closes and opens in any order.
    Reset,
    /// Journals in the object store; the machine stops after so many steps and its disk is lost: the next node has all that was
    /// acknowledged, once. The same at every single write.
    LostNodeAfter(u64),
    /// The same at random steps, with an object store that loses answers.
    LostNode,
    /// Journals in an object store that is gone for a while, or refuses for a while: appends are refused, then go on.
    UnansweredJournal,
    /// Journals in an object store that takes requests and never answers: one append waits for it, the others are refused at once.
    SilentJournal,
    /// A node sleeps while another takes over: it acknowledges and commits nothing afterwards, and nothing of before is lost.
    TwoWriters,
    /// A node sleeps while it opens the store, and another takes over: when it wakes up it removes nothing and opens nothing.
    SleepingOpener,
    /// A reader follows through lost nodes, takeovers and removals, on an object store that loses answers: it shows what the writer shows.
    Reader,
    /// The manifest is gone: the open is refused, and nothing else goes.
    LostManifest,
    /// A node with a journal is opened on another object store: the open is refused, and the journal stays.
    AnotherBucket,
    /// Crashes on a disk that lies about syncs: no promise can hold, and the checks must say so.
    LyingDisk,
}

impl Scenario {
    /// All of them but `CrashAfter`, `KillThenPower`, `TreeGrows`, `EventsExpire` and `LostNodeAfter`, which are families, and `LyingDisk`, which fails.
    pub const ALL: [Scenario; 19] = [
        Scenario::Crash,
        Scenario::FullDisk,
        Scenario::FailedSync,
        Scenario::FailingObjects,
        Scenario::SlowObjects,
        Scenario::StaleLists,
        Scenario::BitFlip,
        Scenario::ClockJumps,
        Scenario::RollUps,
        Scenario::ScanUnderCompaction,
        Scenario::Reset,
        Scenario::LostNode,
        Scenario::UnansweredJournal,
        Scenario::SilentJournal,
        Scenario::TwoWriters,
        Scenario::SleepingOpener,
        Scenario::Reader,
        Scenario::LostManifest,
        Scenario::AnotherBucket,
    ];

    /// Whether a seed does the same steps in the same order each time. Where it does not, flushes run beside appends or merges, as in a
    /// server: the seed decides the calls and the faults, and the system's scheduler which step comes first.
    pub fn is_replayable(self) -> bool {
        !matches!(self, Scenario::FullDisk | Scenario::SlowObjects | Scenario::RollUps)
    }

    /// Whether journals are in the object store.
    fn durability(self) -> Durability {
        match self {
            Scenario::LostNodeAfter(_)
            | Scenario::LostNode
            | Scenario::UnansweredJournal
            | Scenario::SilentJournal
            | Scenario::TwoWriters
            | Scenario::SleepingOpener
            | Scenario::Reader
            | Scenario::LostManifest => Durability::Object,
            _ => Durability::Local,
        }
    }

    fn with_objects(self, seed: u64) -> bool {
        match self {
            _ if self.durability() == Durability::Object => true,
            Scenario::FailingObjects
            | Scenario::SlowObjects
            | Scenario::StaleLists
            | Scenario::ScanUnderCompaction
            | Scenario::AnotherBucket => true,
            Scenario::FullDisk | Scenario::FailedSync | Scenario::KillThenPower(_) | Scenario::LyingDisk => false,
            _ => seed % 2 == 1,
        }
    }
}

/// Plays a scenario; answers every step. Panics, and names the seed, where a promise is broken.
pub fn run(seed: u64, scenario: Scenario) -> Vec<String> {
    let mut world = World::new(seed, &format!("{scenario:?}"), scenario.with_objects(seed));
    world.durability = scenario.durability();
    let _last_steps = LastSteps(Arc::clone(&world.machine));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime can be built");
    runtime.block_on(async {
        match scenario {
            Scenario::Crash => crashes::crash(&mut world).await,
            Scenario::CrashAfter(steps) => crashes::crash_after(&mut world, steps).await,
            Scenario::KillThenPower(steps) => crashes::kill_then_power(&mut world, steps).await,
            Scenario::TreeGrows(steps) => tree::grows(&mut world, steps).await,
            Scenario::EventsExpire(steps) => expiry::events(&mut world, steps).await,
            Scenario::FullDisk => refusals::full_disk(&mut world).await,
            Scenario::FailedSync => refusals::failed_sync(&mut world).await,
            Scenario::FailingObjects => refusals::failing_objects(&mut world).await,
            Scenario::SlowObjects => refusals::slow_objects(&mut world).await,
            Scenario::StaleLists => refusals::stale_lists(&mut world).await,
            Scenario::BitFlip => damage::bit_flip(&mut world).await,
            Scenario::ClockJumps => time::clock_jumps(&mut world).await,
            Scenario::RollUps => time::roll_ups(&mut world).await,
            Scenario::ScanUnderCompaction => time::scan_under_compaction(&mut world).await,
            Scenario::Reset => crashes::reset(&mut world).await,
            Scenario::LostNodeAfter(steps) => nodes::lost_after(&mut world, steps).await,
            Scenario::LostNode => nodes::lost(&mut world).await,
            Scenario::UnansweredJournal => nodes::unanswered(&mut world).await,
            Scenario::SilentJournal => nodes::silent(&mut world).await,
            Scenario::TwoWriters => nodes::two_writers(&mut world).await,
            Scenario::SleepingOpener => nodes::sleeping_opener(&mut world).await,
            Scenario::Reader => readers::follows(&mut world).await,
            Scenario::LostManifest => nodes::lost_manifest(&mut world).await,
            Scenario::AnotherBucket => nodes::another_bucket(&mut world).await,
            Scenario::LyingDisk => {
                world.disk.lie_about_syncs();
                crashes::crash(&mut world).await;
            }
        }
    });
    world.machine.trace()
}

/// Tells the last steps when a promise was broken.
struct LastSteps(Arc<Machine>);

impl Drop for LastSteps {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let trace = self.0.trace();
            let last = &trace[trace.len().saturating_sub(60)..];
            eprintln!("the last steps were:\n{}", last.join("\n"));
        }
    }
}
