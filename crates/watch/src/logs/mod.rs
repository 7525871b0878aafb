//! CloudWatch Logs operations: one file per operation, named after the CLI command.

mod append;
mod append_internal;
mod create_log_group;
mod create_log_stream;
mod delete_log_group;
mod delete_log_stream;
mod delete_metric_filter;
mod describe_log_groups;
mod describe_log_streams;
mod describe_metric_filters;
mod emf;
mod errors;
mod filter_log_events;
mod get_log_events;
mod group_filters;
mod group_page;
mod identifiers;
mod kept_logs;
mod list_log_groups;
mod metric_filter;
mod operations;
mod page_token;
mod put_log_events;
mod put_log_group_deletion_protection;
mod put_metric_filter;
mod retention_policy;
mod tags;
mod tally;
mod test_metric_filter;

pub use append::{Prepared, Receipt};
pub use append_internal::{append_internal, prepare_delivery};
pub use group_filters::GroupFilters;
pub use kept_logs::{KeptLogs, forget_deleted_logs, kept_logs};
pub use operations::operations;
