//! What evaluation keeps with an alarm from one time to the next: JSON in the alarm's row.

use crate::alarms::mute::step;
use crate::alarms::recovery::{Change, Contributors, SERIES_MAX};
use crate::alarms::suppression::Suppression;
use catalog::{Alarm, AlarmState};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Contributors whose actions may be withheld at a time: as many as there are, and as many that have gone.
const WITHHELD_MAX: usize = 2 * SERIES_MAX;

/// Unknown members are left out and missing ones are empty, so that another version's memory can be read.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Memory {
    /// The series of an alarm on many that are in ALARM, or on their way there.
    #[serde(skip_serializing_if = "is_default")]
    pub contributors: Contributors,
    /// When the alarm began to warm up, milliseconds; absent when it does not, or has done.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warming_since_ms: Option<i64>,
    /// What is owed of a composite alarm's actions, and what holds them.
    #[serde(skip_serializing_if = "is_default")]
    pub suppression: Suppression,
    /// The state whose actions a mute rule withheld, by its name in the API.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub muted: Option<String>,
    /// Contributors whose actions a mute rule withheld, each with its last change.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
    /// `EvaluationState` of the last evaluation, when it was not right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluation_state: Option<String>,
}

/// A contributor's change of state whose actions have not run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Withheld {
    /// What makes it this contributor.
    pub attributes: BTreeMap<String, String>,
    /// Whether it went to ALARM; else it went to OK.
    pub is_alarm: bool,
    /// Why.
    pub reason: String,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Memory {
    /// The memory of an alarm; what cannot be read is forgotten.
    pub fn of(alarm: &Alarm) -> Self {
        Self::read(alarm.memory.as_deref())
    }

    /// The same of the text that is kept.
    pub fn read(text: Option<&str>) -> Self {
        text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or_default()
    }

    /// Keeps changes whose actions may not run now, in the place of earlier ones of the same contributors. No more than
    /// [`WITHHELD_MAX`] are kept, the latest.
    pub fn withhold(&mut self, changes: &[Change]) {
        for change in changes {
            self.withheld.retain(|withheld| withheld.attributes != change.attributes);
            self.withheld.push(Withheld {
                attributes: change.attributes.clone(),
                is_alarm: change.state == AlarmState::Alarm,
                reason: change.reason.clone(),
            });
        }
        self.withheld.drain(..self.withheld.len().saturating_sub(WITHHELD_MAX));
    }

    /// Takes the changes that were kept.
    pub fn take_withheld(&mut self) -> Vec<Change> {
        let state = |is_alarm| if is_alarm { AlarmState::Alarm } else { AlarmState::Ok };
        let change = |kept: Withheld| Change::new(kept.attributes, state(kept.is_alarm), kept.reason);
        std::mem::take(&mut self.withheld).into_iter().map(change).collect()
    }

    /// True when mute rules withheld actions that have not run.
    pub fn owes(&self) -> bool {
        self.muted.is_some() || !self.withheld.is_empty()
    }

    /// The alarm went to the state `changed`, if it did, and contributors changed. Where rules mute it the actions are owed,
    /// until they mute it no longer; else they run, and what was owed to the same contributors is not.
    pub fn mute(&mut self, changed: Option<AlarmState>, contributors: &[Change], is_muted: bool) {
        if let Some(state) = changed {
            self.muted = is_muted.then(|| state.as_str().to_owned());
        }
        if is_muted {
            self.withhold(contributors);
        } else {
            self.withheld.retain(|kept| contributors.iter().all(|change| change.attributes != kept.attributes));
        }
    }

    /// What is owed and runs now, when no rule mutes the alarm: whether the actions of `state`, which it is in, and
    /// contributors' changes.
    pub fn unmute(&mut self, state: AlarmState, is_muted: bool) -> (bool, Vec<Change>) {
        let owed = self.muted.as_deref().and_then(AlarmState::parse);
        let (owed, runs) = step(owed, state, false, is_muted);
        self.muted = owed.map(|state| state.as_str().to_owned());
        (runs, if is_muted { Vec::new() } else { self.take_withheld() })
    }

    /// As it is kept.
    pub fn text(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_to_remember_is_an_empty_object() {
        assert_eq!(Memory::default().text(), "{}");
        let some = Memory { warming_since_ms: Some(5), ..Memory::default() };
        assert_eq!(serde_json::from_str::<Memory>(&some.text()).unwrap(), some);
    }

    #[test]
    fn the_last_change_of_a_contributor_is_withheld() {
        let change = |name: &str, state| Change::new([("n".to_owned(), name.to_owned())].into(), state, String::new());
        let mut memory = Memory::default();
        memory.withhold(&[change("a", AlarmState::Alarm), change("b", AlarmState::Alarm)]);
        memory.withhold(&[change("a", AlarmState::Ok)]);
        assert_eq!(memory.take_withheld(), [change("b", AlarmState::Alarm), change("a", AlarmState::Ok)]);
        assert_eq!(memory, Memory::default());
        let many: Vec<Change> = (0..=WITHHELD_MAX).map(|n| change(&n.to_string(), AlarmState::Alarm)).collect();
        memory.withhold(&many);
        assert_eq!((memory.withheld.len(), memory.withheld[0].attributes["n"].as_str()), (WITHHELD_MAX, "1"));
    }
}
