//! The operations plane as a whole: calls in JSON through the table of operations, on a real store and catalog.

mod cloudwatch;
mod insight_rules;
mod logs;
mod metric_queries;
mod metric_streams;
mod otel_enrichment;
mod plane;
