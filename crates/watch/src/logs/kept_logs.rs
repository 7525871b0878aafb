//! What of the logs is kept: for the maintenance of the store.

use crate::Watch;
use model::time::HOUR;
use model::{GroupId, StreamId};
use std::collections::{HashMap, HashSet};

/// How long a deletion is remembered at least, milliseconds: longer than any call takes that looked up its stream before
/// the deletion, and longer than a memtable waits to become a segment.
const DELETION_REMEMBERED_MS: i64 = HOUR;

/// What the store may drop, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeptLogs {
    /// How long groups keep their events, milliseconds; a group that is absent keeps them forever.
    pub retention_ms: HashMap<GroupId, i64>,
    /// Groups whose events may all be dropped.
    pub deleted_groups: HashSet<GroupId>,
    /// Streams whose events may all be dropped.
    pub deleted_streams: HashSet<StreamId>,
}

/// What is kept as of now.
pub async fn kept_logs(watch: &Watch) -> catalog::Result<KeptLogs> {
    let deleted_streams = watch.catalog.deleted_streams().await?;
    Ok(KeptLogs {
        retention_ms: watch.catalog.log_retention().await?,
        deleted_groups: watch.catalog.deleted_groups().await?.into_iter().collect(),
        deleted_streams: deleted_streams.into_iter().map(|(_, stream)| stream).collect(),
    })
}

/// Forgets deletions of long ago. Call it after a maintenance that was given [`kept_logs`] has freed their bytes.
pub async fn forget_deleted_logs(watch: &Watch) -> catalog::Result<()> {
    watch.catalog.forget_deleted_logs(watch.clock.now() - DELETION_REMEMBERED_MS).await
}
