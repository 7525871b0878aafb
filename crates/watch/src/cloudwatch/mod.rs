//! CloudWatch operations: one file per operation, named after the CLI command.

mod alarm_actions;
mod alarm_mute_rules;
pub(crate) mod anomaly_detectors;
mod composite_alarm;
pub mod dashboard_body;
mod dashboards;
mod delete_alarms;
mod describe_alarm_contributors;
mod describe_alarm_history;
mod describe_alarms;
mod describe_alarms_for_metric;
pub mod findings;
mod get_metric_data;
mod get_metric_statistics;
mod get_metric_widget_image;
mod list_metrics;
mod metric_alarm;
pub mod metric_rows;
pub mod metric_widget;
mod put_composite_alarm;
mod put_dashboard;
mod put_metric_alarm;
mod put_metric_data;
pub(crate) mod refuse;
mod series;
mod set_alarm_state;
mod table;
mod tags;
pub(crate) mod token;
pub mod widget_image;

pub use put_metric_alarm::drafted_alarm;
pub use put_metric_data::publish;
pub use table::operations;
