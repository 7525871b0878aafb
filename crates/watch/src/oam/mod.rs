//! Observability access manager (`aws oam`): sinks of monitoring accounts, and the links by which source accounts share metrics and
//! log groups with them, within one region.
//!
//! AWS: <https://docs.aws.amazon.com/OAM/latest/APIReference/Welcome.html>. One file per family of operations. What a link lets the
//! monitoring account read is in `crate::linked`. Where AWS's texts are not known they are ours.

pub mod filter;
mod links;
mod list_links;
mod refuse;
mod sink_policy;
mod sinks;
mod table;
mod tags;
mod token;

pub use table::operations;
