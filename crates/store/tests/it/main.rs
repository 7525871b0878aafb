//! The store as its callers see it: promises after crashes and faults, and scans compared with plain lists.

mod check;
mod event_search;
mod event_tree;
mod expire_events;
mod faults;
mod fixture;
mod follow;
mod follow_events;
mod formats;
mod go_back;
mod maintain;
mod metrics;
mod migrate;
mod model_check;
mod open_tables;
mod reader;
mod scans;
mod search;
mod table;
