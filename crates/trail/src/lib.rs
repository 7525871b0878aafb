//! Governance plane: CloudTrail operations, selectors, self-audit, import. Never imports `watch`.

use catalog::Catalog;
use model::{Clock, Ids};
use std::sync::Arc;
use store::Store;
use wire::Operation;

/// What every operation of this plane works with.
#[derive(Clone)]
pub struct Trail {
    /// Records: audit events.
    pub store: Store,
    /// Resources: trails, channels.
    pub catalog: Catalog,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Identifiers.
    pub ids: Arc<dyn Ids>,
}

/// Every implemented call of this plane: routing, audit, authorisation and documentation are derived from it.
pub fn operations() -> Vec<Operation<Trail>> {
    Vec::new()
}
