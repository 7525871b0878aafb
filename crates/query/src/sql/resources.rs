//! `Resources` and `Masks`: what SQL needs to know besides records; the caller answers from its catalog.

use crate::data_protection::Protection;
use futures::future::BoxFuture;
use model::{GroupId, StreamId, TimeRange, Timestamp};
use std::collections::HashMap;
use std::sync::Arc;

/// Why the caller could not answer; for the operator.
pub type ResourceError = Box<dyn std::error::Error + Send + Sync>;

/// A log group by its names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogGroupName {
    /// The id that its records have.
    pub id: GroupId,
    /// Twelve-digit account id.
    pub account: String,
    /// Region name.
    pub region: String,
    /// The group's name.
    pub name: String,
}

/// A line of an alarm's history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmHistoryRow {
    /// Its number in order of writing.
    pub sequence: i64,
    /// Twelve-digit account id.
    pub account: String,
    /// Region name.
    pub region: String,
    /// The alarm's name.
    pub alarm_name: String,
    /// `ConfigurationUpdate`, `StateUpdate` or `Action`.
    pub item_type: String,
    /// When it happened.
    pub timestamp: Timestamp,
    /// One sentence.
    pub summary: String,
    /// JSON.
    pub data: String,
}

/// Resources of all accounts and regions.
pub trait Resources: std::fmt::Debug + Send + Sync + 'static {
    /// All log groups.
    fn log_groups(&self) -> BoxFuture<'_, Result<Vec<LogGroupName>, ResourceError>>;

    /// The log streams of these groups: id and name.
    fn log_streams(&self, groups: Vec<GroupId>) -> BoxFuture<'_, Result<Vec<(StreamId, String)>, ResourceError>>;

    /// Up to `limit` lines of alarm history of a time range, oldest first.
    fn alarm_history(
        &self,
        range: TimeRange,
        limit: usize,
    ) -> BoxFuture<'_, Result<Vec<AlarmHistoryRow>, ResourceError>>;
}

/// The mask of each group, `None` where nothing is masked.
pub type GroupMasks = HashMap<GroupId, Option<Arc<Protection>>>;

/// What hides sensitive text from who asks.
pub trait Masks: std::fmt::Debug + Send + Sync + 'static {
    /// The masks of these groups. A group that is not in the answer is gone, and none of its lines is shown.
    fn of_groups(&self, groups: Vec<GroupId>) -> BoxFuture<'_, Result<GroupMasks, ResourceError>>;
}
