//! CloudTrail Insights: calls and errors that come far more often than in the days before, as audit events of their own.
//!
//! **What is looked at** (`evaluate.rs`): calls to this server, in the order in which the store accepted them, that a logging trail or
//! an event data store with Insights takes. Call rates are of management events that write, and of data events; error rates of both
//! that read and that write. One baseline serves all trails of an account and region; what is unusual says `query::insight_events`.
//!
//! **What is made of it** (`record.rs`): a Start and an End event of category Insight with AWS's record. LookupEvents finds them under
//! `EventCategory=insight`, trails with the same Insights deliver them, into files of their own and log groups, and event data
//! stores of the category Insight have them: those of their account and region, whichever trail or store asked. A record of data
//! events says so in `insightDetails.sourceEventCategory`; those of management events are as AWS's samples are.
//!
//! **Once** (`derived.rs`): what was learned, how far it came, and what was found are in the catalog before an event is stored.

mod evaluate;
mod record;
mod selectors;

pub use evaluate::Evaluator;
pub(crate) use evaluate::unread;
pub(crate) use record::shared_id;
pub(crate) use selectors::{InsightSelector, InsightSelectors};
