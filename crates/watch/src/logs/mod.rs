//! CloudWatch Logs operations: one file per operation, named after the CLI command.

mod append_events;
mod append_internal;
mod create_log_group;
mod create_log_stream;
mod delete_log_group;
mod delete_log_stream;
mod describe_log_groups;
mod describe_log_streams;
mod errors;
mod filter_log_events;
mod get_log_events;
mod group_page;
mod identifiers;
mod kept_logs;
mod list_log_groups;
mod operations;
mod page_token;
mod put_bearer_token_authentication;
mod put_log_events;
mod put_log_group_deletion_protection;
mod retention_policy;
mod start_live_tail;
mod tags;
mod test_metric_filter;

pub use append_events::{LeftOut, Missing, append_lines};
pub use append_internal::append_internal;
pub use kept_logs::{KeptLogs, forget_deleted_logs, kept_logs};
pub use operations::operations;
pub use put_bearer_token_authentication::takes_bearer_tokens;
pub use start_live_tail::LiveTails;
