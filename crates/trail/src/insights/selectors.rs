//! `InsightSelectors`: which Insights a trail or an event data store has. Pure.

use query::insight_events::Kind;
use serde::{Deserialize, Serialize};

/// One kind of Insights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InsightSelector {
    /// `ApiCallRateInsight` or `ApiErrorRateInsight`.
    pub insight_type: String,
    /// Categories of the calls, as the client gave them; `None` for management events.
    pub categories: Option<Vec<String>>,
}

/// What PutInsightSelectors stored; empty without Insights.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct InsightSelectors {
    /// The kinds.
    pub selectors: Vec<InsightSelector>,
    /// Id of the event data store that has the Insights of an event data store.
    pub destination: Option<String>,
}

impl InsightSelectors {
    /// Reads what is stored.
    pub(crate) fn stored(document: Option<&str>) -> Self {
        let Some(document) = document else { return Self::default() };
        serde_json::from_str(document).unwrap_or_else(|error| {
            tracing::error!(%error, "read stored Insights selectors");
            Self::default()
        })
    }

    /// True when Insights of this kind on events of this category are among them.
    pub(crate) fn want(&self, insight_type: &str, category: &str) -> bool {
        self.selectors.iter().any(|selector| {
            let categories = selector.categories.as_deref().filter(|categories| !categories.is_empty());
            selector.insight_type == insight_type
                && categories.map_or(category == "Management", |all| all.iter().any(|one| one == category))
        })
    }

    /// True when calls of this kind are counted for them.
    pub(crate) fn count(&self, kind: Kind, category: &str) -> bool {
        self.want(kind.name(), category)
    }
}
