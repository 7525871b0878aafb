//! Every question asked of records: filter patterns, statistics, metric buckets, Metrics Insights, PromQL, lookups, SQL.

pub mod error;
pub mod events;
pub mod filter_pattern;
pub mod metrics;
pub mod metrics_insights;
pub mod promql;
#[cfg(feature = "sql")]
pub mod sql;
pub mod statistics;

pub use error::Error;
