//! CloudWatch Logs operations: one file per operation, named after the CLI command.

mod account_policies;
mod append_internal;
mod create_log_group;
mod create_log_stream;
mod criteria;
mod delete_log_group;
mod delete_log_stream;
mod describe_log_groups;
mod describe_log_streams;
mod destinations;
mod errors;
mod event_id;
mod filter_log_events;
mod get_log_events;
mod group_page;
mod identifiers;
mod kept_logs;
mod list_log_groups;
mod operations;
mod page_token;
mod put_log_events;
mod put_log_group_deletion_protection;
mod resource_policies;
mod retention_policy;
mod subscription_filters;
pub mod subscriptions;
mod tags;
mod test_metric_filter;

pub use append_internal::append_internal;
pub use kept_logs::{KeptLogs, forget_deleted_logs, kept_logs};
pub use operations::operations;
