//! Every question asked of records: filter patterns, statistics, metric buckets, metric math, lookups, SQL.

pub mod dynamic_label;
pub mod error;
pub mod events;
pub mod filter_pattern;
pub mod metric_math;
pub mod metric_search;
pub mod metrics;
#[cfg(feature = "sql")]
pub mod sql;
pub mod statistics;

pub use error::Error;
