//! How the events of a log group are shown: what of them is masked, and how they are transformed. Kept in memory, for every
//! read and every PutLogEvents asks.

use crate::Watch;
use catalog::{DataProtectionPolicy, LogTransformer};
use model::{GroupId, Timestamp};
use query::data_protection::{Period, Policy, Protection, Protector};
use query::transformer::Transformer;
use std::collections::HashMap;
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
    /// The log group that findings go to, by name, while a policy is in force that says so.
    pub findings_group: Option<String>,
    /// How its events are transformed.
    pub transforming: Option<Arc<Transforming>>,
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
    /// By the document, which many groups may have in common.
    protectors: HashMap<String, Arc<Protector>>,
    transformers: HashMap<String, Arc<Transformer>>,
    /// Counts changes: what was read from the catalog before one must not be kept after it.
    generation: u64,
}

impl RulesOfGroups {
    /// Forgets a group: something about it changed.
    pub(super) fn forget(&self, group: GroupId) {
        let mut cached = self.lock();
        cached.generation += 1;
        cached.groups.remove(&group);
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
    let policies = watch.catalog.data_protection(group).await?;
    let transformer = watch.catalog.log_transformer(group).await?;
    let rules = Arc::new(if policies.is_empty() && transformer.is_none() {
        GroupRules::default()
    } else {
        let cache = Arc::clone(&watch.rules);
        // Many patterns take milliseconds to compile.
        let built = tokio::task::spawn_blocking(move || build(&cache, policies, transformer)).await;
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

fn build(
    cache: &RulesOfGroups,
    policies: Vec<DataProtectionPolicy>,
    transformer: Option<LogTransformer>,
) -> Result<GroupRules, ApiError> {
    let mut rules = GroupRules::default();
    if let Some(stored) = transformer {
        rules.transforming = Some(Arc::new(build_transforming(cache, stored)?));
    }
    if policies.is_empty() {
        return Ok(rules);
    }
    let mut periods = Vec::with_capacity(policies.len());
    for stored in policies {
        let known = cache.lock().protectors.get(&stored.document).cloned();
        let policy = Policy::parse(&stored.document).map_err(|error| unreadable(error.to_string()))?;
        if stored.until.is_none() {
            rules.findings_group.clone_from(&policy.findings_group);
        }
        let protector = known.unwrap_or_else(|| {
            let protector = Arc::new(Protector::compile(&[policy]));
            cache.room().protectors.insert(stored.document, Arc::clone(&protector));
            protector
        });
        periods.push(Period { from: stored.from, until: stored.until, protector });
    }
    rules.protection = Some(Arc::new(Protection::new(periods)));
    Ok(rules)
}

fn build_transforming(cache: &RulesOfGroups, stored: LogTransformer) -> Result<Transforming, ApiError> {
    let known = cache.lock().transformers.get(&stored.document).cloned();
    let transformer = match known {
        Some(transformer) => transformer,
        None => {
            let transformer = Transformer::parse(&stored.document).map_err(|error| unreadable(error.to_string()))?;
            let transformer = Arc::new(transformer);
            cache.room().transformers.insert(stored.document, Arc::clone(&transformer));
            transformer
        }
    };
    Ok(Transforming { since: stored.created, transformer })
}

fn unreadable(error: String) -> ApiError {
    ApiError::new(&wire::error::common::INTERNAL_FAILURE, format!("read the rules of a log group: {error}"))
}
