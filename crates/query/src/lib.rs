//! Every question asked of records: filter patterns, statistics, metric buckets, lookups, SQL.

pub mod contributors;
pub mod error;
pub mod events;
pub mod filter_pattern;
pub mod metrics;
#[cfg(feature = "sql")]
pub mod sql;
pub mod statistics;

pub use error::Error;
