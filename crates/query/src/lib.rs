//! Every question asked of records: filter patterns, statistics, metric math, Metrics Insights, PromQL, lookups, SQL.

pub mod actors;
pub mod anomaly;
pub mod contributors;
pub mod data_protection;
pub mod dynamic_label;
pub mod error;
pub mod event_search;
pub mod events;
pub mod filter_pattern;
pub mod insight_events;
pub mod insights;
pub mod investigate;
mod json_text;
pub mod lake;
pub mod least_privilege;
pub mod log_anomalies;
pub mod log_fields;
pub mod log_patterns;
pub mod metric_math;
pub mod metric_search;
pub mod metrics;
pub mod metrics_insights;
pub mod promql;
pub mod sigma;
#[cfg(feature = "sql")]
pub mod sql;
pub mod statistics;
pub mod transformer;

pub use error::Error;
