//! CloudWatch Logs operations: one file per operation, named after the CLI command.

mod append_internal;
mod audit_findings;
mod create_log_group;
mod create_log_stream;
mod data_protection_policy;
mod delete_log_group;
mod delete_log_stream;
mod describe_log_groups;
mod describe_log_streams;
mod errors;
mod filter_log_events;
mod get_log_events;
mod group_page;
mod group_rules;
mod identifiers;
mod kept_logs;
mod list_log_groups;
mod masking;
mod operations;
mod page_token;
mod put_log_events;
mod put_log_group_deletion_protection;
mod retention_policy;
mod tags;
mod test_metric_filter;
mod transformation_metrics;
mod transformer;

pub use append_internal::append_internal;
pub use group_rules::RulesOfGroups;
pub use kept_logs::{KeptLogs, forget_deleted_logs, kept_logs};
pub use operations::operations;
