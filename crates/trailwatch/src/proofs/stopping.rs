//! The log on a disk that fails, or stops the machine, at any step: what was signed stays one log, and no leaf is lost.
//!
//! The store is not in question here; `sim` has it lose power. A step is a file written, some files synced, or a folder removed. The step that
//! is interrupted is done in part, as a chance says. A power failure then takes what was not synced: a file is as it was before, or as it
//! is now, or as it is now but cut short.

use super::tests::{append, log, store, wrong_in};
use super::*;
use proof::merkle::leaf_hash;
use std::collections::BTreeMap;
use std::sync::{MutexGuard, PoisonError};

/// How the interrupted step ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stop {
    /// With an error; the server goes on, and the disk works again.
    Error,
    /// By a kill; what was written stays.
    Kill,
    /// By a power failure.
    Power,
}

/// Files in memory; see above.
pub struct StoppingDisk(std::sync::Mutex<State>);

struct State {
    files: BTreeMap<String, File>,
    steps: u64,
    stop_at: Option<(u64, Stop)>,
    is_off: bool,
    chance: u64,
    /// Each checkpoint that was there for others to see.
    seen: Vec<String>,
}

#[derive(Default)]
struct File {
    now: Option<Vec<u8>>,
    durable: Option<Vec<u8>>,
}

impl State {
    /// True with a chance of one in two.
    fn chance(&mut self) -> bool {
        self.chance = self.chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        self.chance >> 63 == 1
    }

    /// Takes a step; false when it is interrupted.
    fn step(&mut self) -> Result<bool, String> {
        if self.is_off {
            return Err(OFF.into());
        }
        self.steps += 1;
        match self.stop_at {
            Some((step, stop)) if step == self.steps => {
                self.is_off = stop != Stop::Error;
                Ok(false)
            }
            _ => Ok(true),
        }
    }

    fn put(&mut self, path: &str, bytes: Vec<u8>, durable: bool) {
        if path == CHECKPOINT {
            self.seen.push(String::from_utf8(bytes.clone()).unwrap());
        }
        let file = self.files.entry(path.to_owned()).or_default();
        file.now = Some(bytes);
        if durable {
            file.durable.clone_from(&file.now);
        }
    }
}

const INTERRUPTED: &str = "interrupted";
const OFF: &str = "the machine is off";

impl StoppingDisk {
    fn new(seed: u64, stop_at: Option<(u64, Stop)>) -> Self {
        let files = BTreeMap::new();
        Self(std::sync::Mutex::new(State { files, steps: 0, stop_at, is_off: false, chance: seed, seen: Vec::new() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub fn read(&self, path: &str) -> Result<Option<Vec<u8>>, String> {
        Ok(self.state().files.get(path).and_then(|file| file.now.clone()))
    }

    pub fn write(&self, path: &str, bytes: Vec<u8>) -> Result<(), String> {
        let mut state = self.state();
        let done = state.step()?;
        // It is renamed, and synced before and after: the new file is there as a whole, or not.
        if done || state.chance() {
            let durable = done || state.chance();
            state.put(path, bytes, durable);
        }
        if done { Ok(()) } else { Err(INTERRUPTED.into()) }
    }

    pub fn write_unsynced(&self, path: &str, bytes: Vec<u8>) -> Result<(), String> {
        let mut state = self.state();
        let done = state.step()?;
        if done || state.chance() {
            state.put(path, bytes, false);
        } else if state.chance() {
            // It is written in place: half of it, over what was there.
            let mut there = state.files.get(path).and_then(|file| file.now.clone()).unwrap_or_default();
            let half = bytes.len() / 2;
            there.resize(there.len().max(half), 0);
            there[..half].copy_from_slice(&bytes[..half]);
            state.put(path, there, false);
        }
        if done { Ok(()) } else { Err(INTERRUPTED.into()) }
    }

    pub fn sync(&self, paths: &[String]) -> Result<(), String> {
        let mut state = self.state();
        let done = state.step()?;
        for path in paths {
            if done || state.chance() {
                let file = state.files.get_mut(path).expect("what is synced was written");
                file.durable.clone_from(&file.now);
            }
        }
        if done { Ok(()) } else { Err(INTERRUPTED.into()) }
    }

    pub fn forget(&self, path: &str) {
        let mut state = self.state();
        let Ok(done) = state.step() else { return };
        let below: Vec<String> = state.files.keys().filter(|file| file.starts_with(path)).cloned().collect();
        for file in below {
            if done || state.chance() {
                state.files.get_mut(&file).unwrap().now = None;
            }
        }
    }

    /// Starts the machine again, after it lost what a power failure takes.
    fn start_again(&self) {
        let mut state = self.state();
        let is_power = matches!(state.stop_at, Some((_, Stop::Power)));
        (state.is_off, state.stop_at) = (false, None);
        let mut files = std::mem::take(&mut state.files);
        for file in files.values_mut().filter(|file| is_power && file.now != file.durable) {
            if state.chance() {
                file.now.clone_from(&file.durable);
            } else if let Some(now) = file.now.as_mut().filter(|_| state.chance()) {
                now.truncate(now.len() / 2);
            }
            file.durable.clone_from(&file.now);
        }
        state.files = files;
    }

    fn files(&self) -> Vec<String> {
        self.state().files.iter().filter(|(_, file)| file.now.is_some()).map(|(path, _)| path.clone()).collect()
    }
}

impl proof::folder::Files for &StoppingDisk {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Unproven> {
        StoppingDisk::read(self, path).map_err(Unproven)
    }
}

/// Appends events, whose tree is written and signed now and then, up to the step that is interrupted, and after it. Answers how many steps
/// it took.
async fn play(seed: u64, stop_at: Option<(u64, Stop)>) -> u64 {
    let case = format!("seed {seed}, {stop_at:?}");
    let dir = tempfile::tempdir().unwrap();
    let kept = store(dir.path()).await;
    let disk = Arc::new(StoppingDisk::new(seed, stop_at));
    let begin = || Proofs { place: Arc::new(Place::Stopping(Arc::clone(&disk))), ..log(dir.path(), &kept) };
    let (mut proofs, mut size, mut failed) = (begin(), 0, 0);
    for (round, more) in [100, 200, 700, 1, 255, 300, 20].into_iter().enumerate() {
        append(&kept, size..size + more).await;
        size += more;
        let done = if round % 3 == 1 { proofs.advance().await } else { proofs.publish().await.map(drop) };
        let Err(error) = done else { continue };
        failed += 1;
        let told = error.to_string();
        assert!(failed == 1 && (told.contains(INTERRUPTED) || told.contains(OFF)), "{case}: {told}");
        if disk.state().is_off {
            disk.start_again();
            // What others may read between two lives is whole.
            if disk.read(CHECKPOINT).unwrap().is_some() {
                assert_eq!(wrong_in(&&*disk, &disk.files()), Vec::<String>::new(), "{case}");
            }
            proofs = begin();
        }
    }
    // A folder that is not removed tells nobody.
    if disk.state().is_off {
        disk.start_again();
        proofs = begin();
    }
    let signed = proofs.publish().await.unwrap_or_else(|error| panic!("{case}: {error}"));
    let accepted = kept.event_tree();
    assert_eq!(signed.tree, Tree { size, root: accepted.root }, "{case}");
    assert_eq!(wrong_in(&&*disk, &disk.files()), Vec::<String>::new(), "{case}");
    // Whatever was signed is the beginning of it.
    let leaves: Vec<Hash> = (0..size).map(|n| leaf_hash(format!("record {n}").as_bytes())).collect();
    let seen = std::mem::take(&mut disk.state().seen);
    assert!(seen.len() > 3, "{case}");
    for note in seen {
        let tree = verify_checkpoint(&note, proofs.key.public(), &[]).unwrap().tree;
        let mut edge = Edge::default();
        edge.extend(&leaves[..tree.size as usize], &[], &mut |_, _| {});
        assert_eq!(edge.tree(), tree, "{case}: a fork");
    }
    kept.close().await.unwrap();
    disk.state().steps
}

#[tokio::test]
async fn what_was_signed_stays_one_log_whichever_step_of_writing_it_is_interrupted() {
    let steps = play(0, None).await;
    assert!(steps > 20, "{steps}");
    for (seed, stop) in [(1, Stop::Error), (2, Stop::Kill), (3, Stop::Power), (4, Stop::Power), (5, Stop::Power)] {
        for step in 1..=steps {
            play(seed, Some((step, stop))).await;
        }
    }
}
