//! Action suppression of composite alarms: a pure state machine between a change of state and its actions.
//!
//! From "Suppressing composite alarm actions" in the CloudWatch user guide, each of whose examples is a test: a change of
//! the composite alarm starts a WaitPeriod, in which the suppressor may go to ALARM; while it is there nothing runs; when
//! it leaves, an ExtensionPeriod follows, in which the composite alarm may come back. At the end of either period the
//! actions of the state that the composite alarm is in *then* run. A new change discards the period that is under way.
//!
//! Chosen here: a period of zero seconds is none; the end of a period belongs to what follows; a suppressor that comes
//! and goes while no actions are owed changes nothing; a replaced suppressor discards the period, and what is owed then
//! runs at once or is suppressed by the new one. AWS's reason text is known for the WaitPeriod only.

#[cfg(test)]
mod tests;

use catalog::AlarmState;
use model::Timestamp;
use model::time::SECOND;
use serde::{Deserialize, Serialize};

/// `ActionsSuppressedBy`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum SuppressedBy {
    /// The suppressor may yet go to ALARM.
    WaitPeriod,
    /// The suppressor has just left ALARM.
    ExtensionPeriod,
    /// The suppressor is in ALARM.
    Alarm,
}

impl SuppressedBy {
    /// The name in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            SuppressedBy::WaitPeriod => "WaitPeriod",
            SuppressedBy::ExtensionPeriod => "ExtensionPeriod",
            SuppressedBy::Alarm => "Alarm",
        }
    }

    /// `ActionsSuppressedReason`.
    pub fn reason(self) -> String {
        format!("Actions suppressed by {}", self.as_str())
    }
}

/// `ActionsSuppressorWaitPeriod` and `ActionsSuppressorExtensionPeriod`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Periods {
    /// How long a change waits for the suppressor, seconds; negative is zero.
    pub wait_secs: i64,
    /// How long after the suppressor's ALARM actions stay suppressed, seconds; negative is zero.
    pub extension_secs: i64,
}

/// The suppressor alarm as it stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Suppressor {
    /// The state it is in; an alarm that is gone counts as OK.
    pub state: AlarmState,
    /// When it went there.
    pub since: Timestamp,
}

/// What is owed, to be kept with the composite alarm between steps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub enum Suppression {
    /// No actions are owed.
    #[default]
    Settled,
    /// The suppressor is not in ALARM, but may go there until then (milliseconds since the epoch).
    Waiting {
        /// First instant at which the actions run.
        until_ms: i64,
    },
    /// The suppressor is in ALARM.
    Suppressed,
    /// The suppressor has left ALARM.
    Extending {
        /// First instant at which the actions run.
        until_ms: i64,
    },
}

/// What to do about the actions of the state that the composite alarm is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actions {
    /// Nothing: none are owed.
    Nothing,
    /// They run now, once.
    Run,
    /// They wait; step again then at the latest.
    HeldUntil(Timestamp),
    /// They wait for the suppressor to leave ALARM.
    Suppressed,
}

impl Suppression {
    /// One step. Call it whenever the composite alarm or its suppressor changes state, and when a held period ends; late
    /// calls come to the same, as long as no change was passed over.
    ///
    /// `changed` is when the composite alarm changed state, if that is what this step is about.
    pub fn step(
        self,
        periods: Periods,
        changed: Option<Timestamp>,
        suppressor: Suppressor,
        now: Timestamp,
    ) -> (Self, Actions) {
        let alarmed = suppressor.state == AlarmState::Alarm;
        let next = match (changed, self) {
            // An old period is discarded by the change, whatever was left of it.
            (Some(at), _) => Suppression::Waiting { until_ms: after(at, periods.wait_secs) },
            // The suppressor left ALARM: the period begins where it did, even if this step comes late.
            (None, Suppression::Suppressed) if !alarmed => {
                Suppression::Extending { until_ms: after(suppressor.since, periods.extension_secs) }
            }
            (None, before) => before,
        };
        match next {
            Suppression::Waiting { until_ms } | Suppression::Extending { until_ms } => {
                // A suppressor that was in ALARM before the change suppresses even a wait of zero.
                let in_time = suppressor.since.0 < until_ms || changed.is_some_and(|at| suppressor.since <= at);
                if alarmed && in_time {
                    (Suppression::Suppressed, Actions::Suppressed)
                } else if now.0 >= until_ms {
                    (Suppression::Settled, Actions::Run)
                } else {
                    (next, Actions::HeldUntil(Timestamp(until_ms)))
                }
            }
            Suppression::Suppressed => (next, Actions::Suppressed),
            Suppression::Settled => (next, Actions::Nothing),
        }
    }

    /// Another alarm has become the suppressor, or (`None`) there is none any more.
    pub fn replace_suppressor(self, suppressor: Option<Suppressor>) -> (Self, Actions) {
        match (self, suppressor) {
            (Suppression::Settled, _) => (self, Actions::Nothing),
            (_, Some(Suppressor { state: AlarmState::Alarm, .. })) => (Suppression::Suppressed, Actions::Suppressed),
            _ => (Suppression::Settled, Actions::Run),
        }
    }

    /// What keeps the actions from running; `None` when nothing does.
    pub fn suppressed_by(self) -> Option<SuppressedBy> {
        match self {
            Suppression::Settled => None,
            Suppression::Waiting { .. } => Some(SuppressedBy::WaitPeriod),
            Suppression::Suppressed => Some(SuppressedBy::Alarm),
            Suppression::Extending { .. } => Some(SuppressedBy::ExtensionPeriod),
        }
    }
}

/// Milliseconds since the epoch, `secs` after `at`.
fn after(at: Timestamp, secs: i64) -> i64 {
    (at + secs.max(0).saturating_mul(SECOND)).0
}
