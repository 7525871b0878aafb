//! CloudWatch operations: one file per operation, named after the CLI command.

mod alarm_actions;
mod dashboard_body;
mod dashboards;
mod delete_alarms;
mod describe_alarm_history;
mod describe_alarms;
mod describe_alarms_for_metric;
mod describe_insight_rules;
mod get_insight_rule_report;
mod get_metric_data;
mod get_metric_statistics;
mod insight_rule_search;
mod insight_rules;
mod list_managed_insight_rules;
mod list_metrics;
mod metric_alarm;
mod metric_data_query_definitions;
mod metric_stream_delivery;
mod metric_streams;
mod otel_enrichment;
mod put_dashboard;
mod put_insight_rule;
mod put_metric_alarm;
mod put_metric_data;
mod put_metric_stream;
mod refuse;
mod series;
mod set_alarm_state;
mod table;
mod tags;
mod token;

pub use insight_rule_search::insight_rule_metric;
pub use metric_stream_delivery::{Firehose, MetricStreams};
pub use put_metric_data::publish;
pub use table::operations;
