//! `EventConfiguration`: what PutEventConfiguration stored of a trail or an event data store. Pure.

use serde::{Deserialize, Serialize};

/// `MaxEventSize` of large events.
pub(crate) const LARGE: &str = "Large";
/// `MaxEventSize` when nothing is said.
pub(crate) const STANDARD: &str = "Standard";

/// Keys that are added to events.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ContextKeys {
    /// `TagContext` or `RequestContext`.
    pub kind: String,
    /// Tag keys, or IAM's global condition keys.
    pub keys: Vec<String>,
}

/// The configuration.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EventConfiguration {
    /// `Standard` or `Large`; of event data stores.
    pub max_event_size: Option<String>,
    /// Of event data stores.
    pub context_keys: Vec<ContextKeys>,
    /// Templates of aggregated data events; of trails.
    pub templates: Vec<String>,
}

impl EventConfiguration {
    /// Reads what is stored.
    pub(crate) fn stored(document: Option<&str>) -> Self {
        let Some(document) = document else { return Self::default() };
        serde_json::from_str(document).unwrap_or_else(|error| {
            tracing::error!(%error, "read a stored event configuration");
            Self::default()
        })
    }

    /// True when data events are aggregated.
    pub(crate) fn aggregates(&self) -> bool {
        !self.templates.is_empty()
    }

    /// True when events have up to 1 MB instead of 256 KB.
    pub(crate) fn is_large(&self) -> bool {
        self.max_event_size.as_deref() == Some(LARGE)
    }
}
