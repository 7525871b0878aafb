//! How the events of a log group are shown, what of them is masked and how they are transformed, and whether they make metrics by
//! the embedded metric format. Kept in memory, for every read and every PutLogEvents asks.
//!
//! What the policy of the group or that of its account names is masked, each for events of its own time. A transformer of the
//! group takes the place of the account's that selects the group; only groups of the Standard class are transformed.

use super::account_policies::documents::selects_group;
use super::account_policies::metric_extraction::extracts;
use crate::Watch;
use catalog::{AccountPolicy, DataProtectionPolicy, LogResourcePolicy};
use model::arn::log_group;
use model::{GroupId, Scope, Timestamp};
use query::data_protection::{Period, Policy, Protection, Protector};
use query::transformer::Transformer;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use wire::ApiError;

/// Groups remembered at most, most of which have no rules at all; then all are forgotten and read again.
const GROUPS_MAX: usize = 10_000;
/// Different policies and transformers kept ready at most, each up to some megabytes; then all are forgotten.
const COMPILED_MAX: usize = 32;

/// The rules of one group.
#[derive(Debug, Default)]
pub(crate) struct GroupRules {
    /// What of its events is masked, where something ever was.
    pub protection: Option<Arc<Protection>>,
    /// The log groups that findings go to: those that policies in force name.
    pub findings_groups: Vec<FindingsGroup>,
    /// How its events are transformed.
    pub transforming: Option<Arc<Transforming>>,
    /// A policy of the account lets its documents of the embedded metric format make no metrics.
    pub extracts_nothing: bool,
}

/// A log group that findings go to.
#[derive(Debug)]
pub(crate) struct FindingsGroup {
    /// Its name.
    pub name: String,
    /// The resource policies that have a say in it: the account's and its own.
    pub policies: Vec<Arc<access::policy::Policy>>,
}

/// The transformer of a group. An event that was ingested since the group has one is transformed, by the one it has now; on AWS
/// a change holds for later events only.
#[derive(Debug)]
pub(crate) struct Transforming {
    /// When the group got a transformer.
    pub since: Timestamp,
    /// The transformer.
    pub transformer: Arc<Transformer>,
}

/// The rules of groups asked for lately.
#[derive(Debug, Default)]
pub struct RulesOfGroups(Mutex<Cached>);

#[derive(Debug, Default)]
struct Cached {
    groups: HashMap<GroupId, Arc<GroupRules>>,
    /// By the documents, which many groups may have in common.
    protectors: HashMap<Vec<String>, Arc<Protector>>,
    transformers: HashMap<String, Arc<Transformer>>,
    /// Counts changes: what was read from the catalog before one must not be kept after it.
    generation: u64,
}

impl RulesOfGroups {
    /// Makes a change that the rules of a group come from, and forgets them whatever becomes of it: a commit may be in doubt, or the
    /// caller gone before it is answered.
    pub(super) async fn change<T>(&self, group: GroupId, change: impl Future<Output = T>) -> T {
        let _forgets = Forgets { rules: self, group: Some(group) };
        change.await
    }

    /// The same of a change that any group's rules may come from, such as a policy of the account.
    pub(super) async fn change_all<T>(&self, change: impl Future<Output = T>) -> T {
        let _forgets = Forgets { rules: self, group: None };
        change.await
    }

    /// Forgets all groups: another node has changed something.
    pub fn forget_all(&self) {
        let mut cached = self.lock();
        cached.generation += 1;
        cached.groups.clear();
    }

    /// Rises with every change of a rule.
    pub fn generation(&self) -> u64 {
        self.lock().generation
    }

    /// The cache with room for one more that is compiled.
    fn room(&self) -> MutexGuard<'_, Cached> {
        let mut cached = self.lock();
        if cached.protectors.len() + cached.transformers.len() >= COMPILED_MAX {
            cached.protectors.clear();
            cached.transformers.clear();
            cached.groups.clear();
        }
        cached
    }

    fn lock(&self) -> MutexGuard<'_, Cached> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Forgets a group when dropped, or all of them.
struct Forgets<'a> {
    rules: &'a RulesOfGroups,
    group: Option<GroupId>,
}

impl Drop for Forgets<'_> {
    fn drop(&mut self) {
        let Some(group) = self.group else { return self.rules.forget_all() };
        let mut cached = self.rules.lock();
        cached.generation += 1;
        cached.groups.remove(&group);
    }
}

/// The rules of a group, as they are in force now. A document that can no longer be read is an error: its events must not be
/// shown as if there were none.
pub(crate) async fn group_rules(watch: &Watch, group: GroupId) -> Result<Arc<GroupRules>, ApiError> {
    let generation = {
        let cached = watch.rules.lock();
        if let Some(rules) = cached.groups.get(&group) {
            return Ok(Arc::clone(rules));
        }
        cached.generation
    };
    let stored = stored(watch, group).await?;
    let extracts_nothing = stored.extracts_nothing;
    let rules = Arc::new(if stored.policies.is_empty() && stored.transformer.is_none() {
        GroupRules { extracts_nothing, ..GroupRules::default() }
    } else {
        let cache = Arc::clone(&watch.rules);
        // Many patterns take milliseconds to compile.
        let built = tokio::task::spawn_blocking(move || build(&cache, stored)).await;
        built.map_err(|error| unreadable(error.to_string()))??
    });
    let mut cached = watch.rules.lock();
    if cached.generation == generation {
        if cached.groups.len() >= GROUPS_MAX {
            cached.groups.clear();
        }
        cached.groups.insert(group, Arc::clone(&rules));
    }
    Ok(rules)
}

/// What of the events of a group is masked for readers who may not see all; `None` where nothing is.
///
/// Logs Insights, live tail, metric filters and subscriptions show events through [`Protection::mask`].
pub(crate) async fn protection(watch: &Watch, group: GroupId) -> Result<Option<Arc<Protection>>, ApiError> {
    Ok(group_rules(watch, group).await?.protection.clone())
}

/// How the events of a group are transformed; `None` where they are not.
///
/// Logs Insights shows events through [`Transformer::transform`], and filters that apply on transformed logs match what it makes.
pub(crate) async fn transforming(watch: &Watch, group: GroupId) -> Result<Option<Arc<Transforming>>, ApiError> {
    Ok(group_rules(watch, group).await?.transforming.clone())
}

/// What the catalog says of a group and of its account.
#[derive(Default)]
struct Stored {
    policies: Vec<DataProtectionPolicy>,
    /// Since when, and the document.
    transformer: Option<(Timestamp, String)>,
    /// See [`GroupRules::extracts_nothing`].
    extracts_nothing: bool,
    /// Where the group is.
    scope: Scope,
    /// Of the account and of all of its groups.
    resource_policies: Vec<LogResourcePolicy>,
}

async fn stored(watch: &Watch, group: GroupId) -> Result<Stored, ApiError> {
    let catalog = &watch.catalog;
    let mut policies = catalog.data_protection(group).await?;
    let transformer = catalog.log_transformer(group).await?;
    let mut transformer = transformer.map(|own| (own.created, own.document));
    // A group that was deleted has no account.
    let Some(group) = catalog.log_group_anywhere(group).await? else {
        return Ok(Stored { policies, transformer, ..Stored::default() });
    };
    let past = catalog.past_account_policies(&group.scope, "DATA_PROTECTION_POLICY", Timestamp::MIN).await?;
    policies.extend(past.into_iter().map(|past| DataProtectionPolicy {
        from: past.from,
        until: Some(past.until),
        document: past.document,
    }));
    let current = catalog.account_policies(&group.scope, "DATA_PROTECTION_POLICY").await?;
    policies.extend(current.into_iter().map(|policy| DataProtectionPolicy {
        from: policy.updated,
        until: None,
        document: policy.document,
    }));
    let of_metrics = catalog.account_policies(&group.scope, "METRIC_EXTRACTION_POLICY").await?;
    let extracts_nothing = of_metrics.iter().any(|policy| {
        selects_group(policy.selection_criteria.as_deref(), &group.name) && extracts(&policy.document) == Ok(false)
    });
    if transformer.is_none() && group.class == "STANDARD" {
        let of_account = catalog.account_policies(&group.scope, "TRANSFORMER_POLICY").await?;
        let selects = |policy: &AccountPolicy| selects_group(policy.selection_criteria.as_deref(), &group.name);
        transformer = of_account.into_iter().find(selects).map(|policy| (policy.created, policy.document));
    }
    // Only where there are findings to deliver.
    let resource_policies =
        if policies.is_empty() { Vec::new() } else { catalog.log_resource_policies(&group.scope).await? };
    Ok(Stored { policies, transformer, extracts_nothing, scope: group.scope, resource_policies })
}

fn build(cache: &RulesOfGroups, stored: Stored) -> Result<GroupRules, ApiError> {
    let mut rules = GroupRules { extracts_nothing: stored.extracts_nothing, ..GroupRules::default() };
    if let Some((since, document)) = stored.transformer {
        rules.transforming = Some(Arc::new(build_transforming(cache, since, document)?));
    }
    if stored.policies.is_empty() {
        return Ok(rules);
    }
    let mut periods = Vec::new();
    for span in spans(&stored.policies) {
        let documents: Vec<String> = span.documents.into_iter().map(str::to_owned).collect();
        let parsed: Result<Vec<Policy>, _> = documents.iter().map(|document| Policy::parse(document)).collect();
        let policies = parsed.map_err(|error| unreadable(error.to_string()))?;
        if span.until.is_none() {
            let mut names: Vec<&str> = policies.iter().filter_map(|policy| policy.findings.group.as_deref()).collect();
            names.dedup();
            let group = |name| findings_group(&stored.scope, name, &stored.resource_policies);
            rules.findings_groups = names.into_iter().map(group).collect();
        }
        let known = cache.lock().protectors.get(&documents).cloned();
        let protector = known.unwrap_or_else(|| {
            let protector = Arc::new(Protector::compile(&policies));
            cache.room().protectors.insert(documents, Arc::clone(&protector));
            protector
        });
        periods.push(Period { from: span.from, until: span.until, protector });
    }
    rules.protection = Some(Arc::new(Protection::new(periods)));
    Ok(rules)
}

fn findings_group(scope: &Scope, name: &str, policies: &[LogResourcePolicy]) -> FindingsGroup {
    let arn = log_group(scope, name);
    let has_a_say = |policy: &&LogResourcePolicy| policy.resource_arn.is_empty() || policy.resource_arn == arn;
    let compiled = |policy: &LogResourcePolicy| access::kept_resource_policy(&policy.name, &policy.document);
    FindingsGroup { name: name.to_owned(), policies: policies.iter().filter(has_a_say).map(compiled).collect() }
}

/// A time in which the same policies are in force.
#[derive(Debug, PartialEq, Eq)]
struct Span<'p> {
    from: Timestamp,
    until: Option<Timestamp>,
    documents: Vec<&'p str>,
}

/// The times between the changes of the policies, in order, without those in which none is in force.
fn spans(policies: &[DataProtectionPolicy]) -> Vec<Span<'_>> {
    let changes: BTreeSet<Timestamp> =
        policies.iter().flat_map(|policy| std::iter::once(policy.from).chain(policy.until)).collect();
    let untils = changes.iter().skip(1).copied().map(Some).chain([None]);
    let span = |(from, until): (Timestamp, Option<Timestamp>)| {
        let is_in_force =
            |policy: &&DataProtectionPolicy| policy.from <= from && policy.until.is_none_or(|until| from < until);
        let documents = policies.iter().filter(is_in_force).map(|policy| policy.document.as_str()).collect();
        Span { from, until, documents }
    };
    changes.iter().copied().zip(untils).map(span).filter(|span| !span.documents.is_empty()).collect()
}

fn build_transforming(cache: &RulesOfGroups, since: Timestamp, document: String) -> Result<Transforming, ApiError> {
    let known = cache.lock().transformers.get(&document).cloned();
    let transformer = match known {
        Some(transformer) => transformer,
        None => {
            let transformer = Transformer::parse(&document).map_err(|error| unreadable(error.to_string()))?;
            let transformer = Arc::new(transformer);
            cache.room().transformers.insert(document, Arc::clone(&transformer));
            transformer
        }
    };
    Ok(Transforming { since, transformer })
}

fn unreadable(error: String) -> ApiError {
    ApiError::new(&wire::error::common::INTERNAL_FAILURE, format!("read the rules of a log group: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn policies_that_overlap_in_time_are_in_force_together() {
        let policy = |from, until: Option<i64>, document: &str| DataProtectionPolicy {
            from: Timestamp(from),
            until: until.map(Timestamp),
            document: document.into(),
        };
        let policies = [
            policy(10, Some(20), "a"),
            policy(30, None, "b"),
            policy(15, Some(25), "account"),
            policy(40, None, "account, again"),
        ];
        let shown: Vec<_> = spans(&policies)
            .into_iter()
            .map(|span| (span.from.0, span.until.map(|until| until.0), span.documents.join(" + ")))
            .collect();
        assert_eq!(
            shown,
            [
                (10, Some(15), "a".into()),
                (15, Some(20), "a + account".into()),
                (20, Some(25), "account".into()),
                (30, Some(40), "b".into()),
                (40, None, "b + account, again".into()),
            ]
        );
        assert_eq!(spans(&[]), []);
    }

    #[tokio::test]
    async fn a_change_in_doubt_forgets_the_rules() {
        let rules = RulesOfGroups::default();
        let remember = || {
            for group in [1, 2] {
                rules.lock().groups.insert(GroupId(group), Arc::default());
            }
        };
        let remembered = || {
            let cached = rules.lock();
            (cached.groups.len(), cached.generation)
        };
        remember();
        let lost: Result<(), &str> = rules.change(GroupId(1), async { Err("the answer was lost") }).await;
        assert!(lost.is_err());
        assert_eq!(remembered(), (1, 1));
        remember();
        {
            // The caller goes away while the change is on its way.
            let mut change = Box::pin(rules.change_all(std::future::pending::<()>()));
            assert!(futures::poll!(&mut change).is_pending());
            assert_eq!(remembered(), (2, 1));
        }
        assert_eq!(remembered(), (0, 2));
    }
}
