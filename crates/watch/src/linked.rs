//! What the links to a monitoring account let it read: metrics by namespace, and log groups by name, of source accounts.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch-Unified-Cross-Account.html>. Sink, link and what is
//! read are in one region. A link says what is shared; what the caller may read is for the caller's own policies, which are asked
//! before. A filter that can no longer be read shares nothing.

use crate::Watch;
use crate::oam::filter::{Filter, Term};
use catalog::Link;
use model::Scope;
use model::limits::LINKED_ACCOUNTS_MAX;
use std::collections::{BTreeMap, BTreeSet};
use wire::ApiError;
use wire::cloudwatch::MetricDataQuery;

/// What source accounts may share that is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Metrics, filtered by namespace.
    Metrics,
    /// Log groups, filtered by name.
    LogGroups,
}

/// The source accounts that share one kind of things with an account.
#[derive(Debug, Clone, Default)]
pub struct Linked(BTreeMap<String, Shared>);

/// What a source account shares.
#[derive(Debug, Clone)]
struct Shared {
    /// `None` shares all.
    filter: Option<Filter>,
}

impl Linked {
    /// All accounts that share with `scope`; of more than a thousand, the first by account id.
    pub async fn all(watch: &Watch, scope: &Scope, kind: Kind) -> Result<Self, ApiError> {
        let links = watch.catalog.links_to(scope, "", LINKED_ACCOUNTS_MAX).await?;
        Ok(Self(links.iter().filter_map(|link| Some((link.scope.account.clone(), shared(link, kind)?))).collect()))
    }

    /// Those of `accounts` that share with `scope`.
    pub async fn of<'a>(
        watch: &Watch,
        scope: &Scope,
        kind: Kind,
        accounts: impl IntoIterator<Item = &'a str>,
    ) -> Result<Self, ApiError> {
        let others: BTreeSet<&str> = accounts.into_iter().filter(|account| *account != scope.account).collect();
        let mut found = BTreeMap::new();
        for account in others {
            let link = watch.catalog.link_between(account, scope).await?;
            if let Some(shared) = link.and_then(|link| shared(&link, kind)) {
                found.insert(account.to_owned(), shared);
            }
        }
        Ok(Self(found))
    }

    /// What queries of `scope` need: the accounts that they name, or all where they find metrics by searching.
    pub async fn of_queries(watch: &Watch, scope: &Scope, queries: &[MetricDataQuery]) -> Result<Self, ApiError> {
        // Words that neither search is without; finding them elsewhere costs a look into the catalog.
        let searches = |text: &String| {
            let text = text.to_ascii_uppercase();
            text.contains("SEARCH") || text.contains("SELECT")
        };
        if queries.iter().filter_map(|query| query.expression.as_ref()).any(searches) {
            return Self::all(watch, scope, Kind::Metrics).await;
        }
        Self::of(watch, scope, Kind::Metrics, queries.iter().filter_map(|query| query.account_id.as_deref())).await
    }

    /// The accounts, by id.
    pub fn accounts(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// True when the account shares something of the kind.
    pub fn has(&self, account: &str) -> bool {
        self.0.contains_key(account)
    }

    /// True when the account shares what is called `name`: a namespace, or a log group.
    pub fn shares(&self, account: &str, name: &str) -> bool {
        self.0.get(account).is_some_and(|shared| shared.filter.as_ref().is_none_or(|filter| filter.admits(name)))
    }
}

/// What a link shares of a kind; `None` for nothing.
fn shared(link: &Link, kind: Kind) -> Option<Shared> {
    let (resource_type, filter, term) = match kind {
        Kind::Metrics => ("AWS::CloudWatch::Metric", &link.metric_filter, Term::Namespace),
        Kind::LogGroups => ("AWS::Logs::LogGroup", &link.log_group_filter, Term::LogGroupName),
    };
    if !link.resource_types.iter().any(|known| known == resource_type) {
        return None;
    }
    match filter {
        None => Some(Shared { filter: None }),
        Some(text) => Some(Shared { filter: Some(Filter::parse(term, text).ok()?) }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(types: &[&str], log_group_filter: Option<&str>, metric_filter: Option<&str>) -> Link {
        Link {
            scope: Scope { account: "111111111111".into(), region: "us-east-1".into() },
            id: "l".into(),
            sink_id: "s".into(),
            monitoring_account: "222222222222".into(),
            label_template: "x".into(),
            resource_types: types.iter().map(|text| (*text).to_owned()).collect(),
            log_group_filter: log_group_filter.map(str::to_owned),
            metric_filter: metric_filter.map(str::to_owned),
        }
    }

    fn linked(link: &Link, kind: Kind) -> Linked {
        Linked(shared(link, kind).map(|shared| (link.scope.account.clone(), shared)).into_iter().collect())
    }

    #[test]
    fn a_link_shares_its_types_within_its_filters() {
        let account = "111111111111";
        let both = link(&["AWS::CloudWatch::Metric", "AWS::Logs::LogGroup"], Some("LogGroupName LIKE '/a%'"), None);
        assert!(linked(&both, Kind::Metrics).shares(account, "Any"));
        assert!(linked(&both, Kind::LogGroups).shares(account, "/ab"));
        assert!(!linked(&both, Kind::LogGroups).shares(account, "/b"));
        assert!(!linked(&both, Kind::Metrics).shares("333333333333", "Any"));
        let traces = link(&["AWS::XRay::Trace"], None, None);
        assert!(!linked(&traces, Kind::Metrics).has(account) && !linked(&traces, Kind::LogGroups).has(account));
        let broken = link(&["AWS::CloudWatch::Metric"], None, Some("nonsense"));
        assert!(!linked(&broken, Kind::Metrics).has(account));
    }
}
