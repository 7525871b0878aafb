//! `Machine`: counts the steps that change a disk or an object store, and stops at one of them.

use crate::random::Random;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How a machine stops.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// The process dies (kill -9); what it wrote is still in the kernel's cache.
    Kill,
    /// The power fails; what was not synced is there, torn, or gone.
    Power,
}

/// What becomes of a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// It is done.
    Done,
    /// The machine stops in the middle of it.
    Interrupted,
    /// The machine is off: nothing happens.
    Off,
}

/// The machine that a store runs on; shared by its disk and its object store.
#[derive(Debug)]
pub struct Machine(Mutex<State>);

#[derive(Debug)]
struct State {
    random: Random,
    steps: u64,
    stop_at: Option<u64>,
    is_off: bool,
    trace: Vec<String>,
}

impl Machine {
    /// A machine whose chances come from `seed`.
    pub fn from_seed(seed: u64) -> Self {
        let random = Random::from_seed(seed);
        Self(Mutex::new(State { random, steps: 0, stop_at: None, is_off: false, trace: Vec::new() }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The next `steps` steps are done, and the one after them is interrupted.
    pub fn stop_after(&self, steps: u64) {
        let mut state = self.state();
        state.stop_at = Some(state.steps + steps);
    }

    /// Stops now, between two steps.
    pub fn stop(&self) {
        self.state().is_off = true;
    }

    /// Starts again; it runs until it is told to stop.
    pub fn start(&self) {
        let mut state = self.state();
        (state.is_off, state.stop_at) = (false, None);
    }

    /// True after it stopped.
    pub fn is_off(&self) -> bool {
        self.state().is_off
    }

    /// Steps done so far.
    pub fn steps(&self) -> u64 {
        self.state().steps
    }

    /// Takes a step, which `what` describes.
    pub(crate) fn step(&self, what: impl FnOnce() -> String) -> Step {
        let mut state = self.state();
        if state.is_off {
            return Step::Off;
        }
        let number = state.steps;
        state.steps += 1;
        let what = what();
        state.trace.push(format!("{number} {what}"));
        if state.stop_at == Some(number) {
            state.is_off = true;
            state.trace.push("the machine stops here".into());
            return Step::Interrupted;
        }
        Step::Done
    }

    /// Notes something that is no step.
    pub(crate) fn note(&self, what: String) {
        self.state().trace.push(what);
    }

    /// Everything that happened.
    pub fn trace(&self) -> Vec<String> {
        self.state().trace.clone()
    }

    /// A number below `end`, which is not 0.
    pub fn below(&self, end: u64) -> u64 {
        self.state().random.below(end)
    }

    /// True with a chance of `percent` in a hundred.
    pub fn percent(&self, percent: u64) -> bool {
        // Without a draw, so that reads by several threads at once change nothing of what comes later.
        percent > 0 && self.state().random.percent(percent)
    }
}
