//! What mute rules leave of the actions of a replayed alarm; pure. Whether actions are configured, or enabled, is not looked at.

use super::ActionsRun;
use crate::alarms::memory::Memory;
use crate::alarms::muting::MutedTimes;
use crate::alarms::recovery::Change;
use catalog::AlarmState;
use model::Timestamp;

/// Mute rules over the time that is replayed, and the actions that have run.
pub(super) struct Muted {
    times: MutedTimes,
    /// Until when what is owed is withheld.
    until: Option<Timestamp>,
    run: Vec<ActionsRun>,
}

impl Muted {
    pub(super) fn new(times: MutedTimes) -> Self {
        Self { times, until: None, run: Vec::new() }
    }

    /// It is `at`, and the alarm is in `state`: what was withheld until then runs, where muting ended. True when anything was.
    pub(super) fn pass(&mut self, memory: &mut Memory, state: AlarmState, at: Timestamp) -> bool {
        let owed = memory.owes();
        while memory.owes() {
            let Some(end) = self.until.filter(|end| *end <= at) else { break };
            self.until = self.times.until(end);
            let (runs, contributors) = memory.unmute(state, self.until.is_some());
            self.run(end, runs.then_some(state), &contributors);
        }
        owed
    }

    /// The alarm went to the state `changed`, if it did, and contributors changed: their actions run, or are owed.
    pub(super) fn change(
        &mut self,
        memory: &mut Memory,
        changed: Option<AlarmState>,
        contributors: &[Change],
        at: Timestamp,
    ) {
        self.until = self.times.until(at);
        memory.mute(changed, contributors, self.until.is_some());
        if self.until.is_none() {
            self.run(at, changed, contributors);
        }
    }

    fn run(&mut self, at: Timestamp, state: Option<AlarmState>, contributors: &[Change]) {
        let at = at.iso_millis();
        if let Some(state) = state {
            self.run.push(ActionsRun { at: at.clone(), state: state.as_str(), contributor: None });
        }
        self.run.extend(contributors.iter().map(|change| ActionsRun {
            at: at.clone(),
            state: change.state.as_str(),
            contributor: Some(change.attributes.clone()),
        }));
    }

    /// The actions that have run, oldest first.
    pub(super) fn end(self) -> Vec<ActionsRun> {
        self.run
    }
}
