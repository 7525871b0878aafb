//! SNS operations: one file per operation or family, named after the CLI command.

mod confirm_subscription;
mod create_topic;
mod delete_topic;
mod list_subscriptions;
mod list_topics;
mod names;
mod publish;
mod publish_batch;
mod refuse;
mod subscribe;
mod subscription_attributes;
mod table;
mod tags;
mod topic_attributes;
mod unsubscribe;

pub use publish::{notify, topic_of};
pub use table::operations;
