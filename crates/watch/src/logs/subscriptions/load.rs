//! What a round works on: a subscription as the catalog has it now.

use super::super::account_policies::documents::subscription_of;
use super::super::criteria::Criteria;
use super::findings;
use super::records::system_field;
use crate::Watch;
use catalog::SubscriptionDefinition;
use model::{GroupId, Scope, Timestamp};

/// A subscription: a filter of a group, an account policy, or the findings of a data protection policy. By its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Filter(u64),
    Policy(u64),
    Findings(u64),
}

impl std::fmt::Display for Key {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Key::Filter(id) => write!(f, "filter-{id}"),
            Key::Policy(id) => write!(f, "policy-{id}"),
            Key::Findings(id) => write!(f, "findings-{id}"),
        }
    }
}

/// Why a round could not be.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Catalog(#[from] catalog::Error),
    #[error("{0}")]
    Store(#[from] store::Error),
    #[error("{0}")]
    Definition(String),
    #[error("show events: {0}")]
    Shown(String),
    #[error("{0}")]
    Thread(#[from] tokio::task::JoinError),
}

/// What a round works on.
pub(super) struct Subscription {
    pub scope: Scope,
    /// Of the filter or the policy; of findings, what messages call them.
    pub name: String,
    pub definition: SubscriptionDefinition,
    pub groups: Groups,
    pub position: u64,
    pub position_at: Timestamp,
}

pub(super) enum Groups {
    One {
        id: GroupId,
        name: String,
        retention_ms: Option<i64>,
    },
    /// All of the scope that the criteria select.
    Selected(Option<String>),
}

/// The subscription; `None` when it does not exist any more.
pub(super) async fn load(watch: &Watch, key: Key) -> Result<Option<Subscription>, Failure> {
    match key {
        Key::Filter(id) => {
            let Some(filter) = watch.catalog.subscription_filter(id).await? else { return Ok(None) };
            Ok(Some(Subscription {
                scope: filter.scope,
                name: filter.name,
                definition: filter.definition,
                groups: Groups::One { id: filter.group, name: filter.group_name, retention_ms: filter.retention_ms },
                position: filter.position,
                position_at: filter.position_at,
            }))
        }
        Key::Policy(id) => {
            let Some(policy) = watch.catalog.account_policy(id).await? else { return Ok(None) };
            Ok(Some(Subscription {
                definition: subscription_of(&policy.document).map_err(Failure::Definition)?,
                scope: policy.scope,
                name: policy.name,
                groups: Groups::Selected(policy.selection_criteria),
                position: policy.position,
                position_at: policy.position_at,
            }))
        }
        Key::Findings(id) => {
            let Some(delivery) = watch.catalog.findings_delivery(id).await? else { return Ok(None) };
            Ok(Some(Subscription {
                definition: findings::definition(&delivery),
                scope: delivery.scope,
                name: key.to_string(),
                groups: match delivery.group {
                    Some((id, name)) => Groups::One { id, name, retention_ms: None },
                    None => Groups::Selected(None),
                },
                position: delivery.position,
                position_at: delivery.position_at,
            }))
        }
    }
}

/// Says so when events may have expired before they were sent.
pub(super) fn warn_of_expired(watch: &Watch, subscription: &Subscription) {
    let Groups::One { name, retention_ms: Some(retention_ms), .. } = &subscription.groups else { return };
    let behind_ms = watch.clock.now() - subscription.position_at;
    if behind_ms > *retention_ms {
        tracing::warn!(
            filter = subscription.name,
            group = name,
            hours = behind_ms / 3_600_000,
            "a subscription is further behind than its group keeps events: it goes on with what is left"
        );
    }
}

/// Whether events of this account and region are wanted.
pub(super) fn is_selected(subscription: &Subscription) -> Result<bool, Failure> {
    let Some(text) = &subscription.definition.field_selection else { return Ok(true) };
    let criteria = Criteria::parse(text).map_err(Failure::Definition)?;
    Ok(criteria.hold(&|field| system_field(&subscription.scope, field).map(str::to_owned)))
}
