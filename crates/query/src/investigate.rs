//! Which change explains an alarm, a spike or a window of time: a ranking of audit events, each with its reasons in words.
//!
//! Pure: what happened is handed in, time included. The same records give the same answer, in whatever order they are added.
//!
//! A change is scored as evidence is weighed: each factor is the logarithm of how much more likely what is seen is when this change
//! is the cause than when it is a change like all others, and the factors are added up.
//!
//! | factor | what is compared | file |
//! | --- | --- | --- |
//! | time | how long before the onset, with how soon causes show | `time.rs` |
//! | overlap | what it shares with the subject, with how many kinds of changes share that | `overlap.rs` |
//! | rarity | how often this actor, this action and both are seen, at this time of day too | `rarity.rs` |
//! | reach | how destructive and how wide an action of this name is | `reach.rs` |
//! | outcome | calls that failed have changed nothing, mostly | `reach.rs` |
//! | precedent | whether the action was there before earlier alarms, and how often it is there anyway | `rarity.rs` |
//! | prior | most changes cause nothing | here |
//!
//! Factors are taken as independent, which they are not quite: each is cut to a few units, so that none decides alone. The numbers are
//! estimates of a person, not of a fit; `bench investigate` measures what they are worth. Around it: `onset.rs` finds when it began,
//! `surges.rs` which log patterns are new or surged, `change.rs` what an event says, `subject.rs` what a subject is about.

mod change;
mod history;
pub mod onset;
mod overlap;
mod rank;
mod rarity;
mod reach;
mod subject;
pub mod surges;
#[cfg(test)]
mod tests;
mod theme;
mod time;
mod words;

pub use change::{Change, is_write};
pub use history::{EARLIER_MAX, History};
pub use onset::{Onset, OnsetSource};
pub use rank::{Cause, Ranking, Verdict, rank};
pub use reach::is_deployment;
pub use subject::{Subject, Term, TermKind};

/// One reason for or against.
#[derive(Debug, Clone, PartialEq)]
pub struct Factor {
    /// Its name, as the table at the top has it.
    pub name: &'static str,
    /// In units of a natural logarithm; more is more likely.
    pub score: f64,
    /// For people; empty where there is nothing to say.
    pub reason: String,
}

impl Factor {
    fn new(name: &'static str, score: f64, reason: impl Into<String>) -> Self {
        Self { name, score, reason: reason.into() }
    }
}

/// What a change is the cause with, when nothing is known of it: of some twenty changes one.
const PRIOR: f64 = -3.0;
/// How long before an onset causes are looked for, where times are compared with how often something is there anyway.
const LOOKBACK_MS: i64 = model::time::HOUR;
