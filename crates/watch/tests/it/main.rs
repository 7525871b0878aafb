//! The operations plane as a whole: calls in JSON through the table of operations, on a real store and catalog.

mod alarms_on_queries;
mod backtest;
mod cloudwatch;
mod composite_alarms;
mod ingest;
mod insight_rules;
mod investigate;
mod log_alarms;
mod logs;
mod metric_expressions;
mod metric_queries;
mod metric_streams;
mod notify;
mod otel_enrichment;
mod plane;
mod receiver;
mod resource_settings;
mod shared_alarms;
mod sns;
