//! What evaluation keeps with an alarm from one time to the next: JSON in the alarm's row.

use crate::alarms::recovery::Contributors;
use crate::alarms::suppression::Suppression;
use catalog::Alarm;
use serde::{Deserialize, Serialize};

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
    /// `EvaluationState` of the last evaluation, when it was not right.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evaluation_state: Option<String>,
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
}
