//! Live detections: each accepted audit event is held against the rules of a folder, and what one finds is recorded.
//!
//! **When.** A follower reads events in the order in which the store accepted them, off the path of appends, a page at a time
//! (`follow.rs`). How far it came is in the catalog. The first start begins with what is accepted from then on; history is for
//! `trailwatch detections backtest`.
//!
//! **A finding** (`finding.rs`) is an audit event of its own and a datapoint, in one batch. Its eventID follows from the rule's id and
//! the eventID of what was found, its time is when that was accepted: a page that is looked at again after a crash finds the same
//! findings and stores none twice. Findings are not looked at themselves.
//!
//! **Rules** (`rules.rs`) are read again when a file of the folder changes; a file that cannot be read is named in the log, and
//! the others are used all the same.

mod finding;
mod follow;
mod rules;

pub use finding::{EVENT_NAME, EVENT_SOURCE, NAMESPACE, is_finding};
pub use follow::{Appending, Failed, Findings, Follower};
pub use rules::{Broken, Folder, Loaded, RuleFile, Rules};
