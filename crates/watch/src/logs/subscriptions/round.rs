//! One round of a subscription: a page of what is new is matched and sent, and how far it came is noted.
//!
//! The position is noted after everything below it was taken. Records that were refused wait in memory and are sent again as they
//! are; after a restart, or when the subscription was changed, they are made anew.

use super::super::account_policies::documents::{selects_group, subscription_of};
use super::super::criteria::Criteria;
use super::super::masking::mask_followed;
use super::records::{Fields, Matched, Naming, matched, records, system_field};
use super::request::Record;
use super::send::{Sender, Unreached, resolve, send};
use crate::Watch;
use catalog::SubscriptionDefinition;
use model::{GroupId, Scope, StreamId, Timestamp};
use query::filter_pattern::FilterPattern;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Text read at a time, bytes.
const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// A subscription of which nothing matches notes this often how far it came, milliseconds: a restart looks at the rest again.
const NOTED_EVERY_MS: i64 = 60_000;

/// A subscription: a filter of a group, or an account policy. By its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Filter(u64),
    Policy(u64),
}

/// How a round ended.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Round {
    /// The subscription does not exist any more.
    Gone,
    /// There was nothing left below this sequence.
    UpToDate(u64),
    /// There may be more.
    Moved,
    /// The receiver did not take everything.
    Refused(String),
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
    #[error("mask events: {0}")]
    Masked(String),
    #[error("{0}")]
    Thread(#[from] tokio::task::JoinError),
}

/// What a round works on.
struct Subscription {
    scope: Scope,
    /// Of the filter or the policy.
    name: String,
    definition: SubscriptionDefinition,
    groups: Groups,
    position: u64,
    position_at: Timestamp,
}

enum Groups {
    One {
        id: GroupId,
        name: String,
        retention_ms: Option<i64>,
    },
    /// All of the scope that the criteria select.
    Selected(Option<String>),
}

/// Records that are not sent yet, made under this definition.
struct Waiting {
    definition: SubscriptionDefinition,
    records: Vec<Record>,
    /// Where the subscription is once they were taken.
    next: u64,
}

/// Names of log groups that are followed.
type GroupNames = HashMap<GroupId, String>;

/// What is kept of a subscription from round to round.
pub(super) struct Follower {
    key: Key,
    position: u64,
    /// How the last round ended.
    was_up_to_date: bool,
    /// The group of a filter.
    group: Option<GroupId>,
    /// When its position was last noted.
    noted_at: Timestamp,
    waiting: Option<Waiting>,
    pattern: Option<(String, Arc<FilterPattern>)>,
    /// Names of an account's groups as of when this was the newest group, under these criteria.
    names: Option<(GroupId, Option<String>, Arc<GroupNames>)>,
}

impl Follower {
    /// Begins where the subscription has noted that it is.
    pub(super) fn new(key: Key) -> Self {
        let noted_at = Timestamp::MIN;
        Self {
            key,
            position: 0,
            was_up_to_date: false,
            group: None,
            noted_at,
            waiting: None,
            pattern: None,
            names: None,
        }
    }

    /// Reads, sends and notes one page.
    pub(super) async fn round(&mut self, watch: &Watch) -> Result<Round, Failure> {
        if let Some(next) = self.nothing_new(watch).await? {
            self.position = next;
            return Ok(Round::UpToDate(next));
        }
        let Some(subscription) = load(watch, self.key).await? else { return Ok(Round::Gone) };
        self.position = self.position.max(subscription.position);
        self.noted_at = subscription.position_at;
        if let Groups::One { id, .. } = &subscription.groups {
            self.group = Some(*id);
        }
        let waiting = self.waiting.take().filter(|waiting| waiting.definition == subscription.definition);
        let waiting = match waiting {
            Some(waiting) => waiting,
            None => self.read(watch, &subscription).await?,
        };
        if waiting.records.is_empty() {
            let up_to_date = waiting.next >= watch.store.log_sequence();
            self.position = waiting.next;
            self.was_up_to_date = up_to_date;
            if watch.clock.now() - subscription.position_at >= NOTED_EVERY_MS {
                self.note(watch, waiting.next).await?;
            }
            return Ok(if up_to_date { Round::UpToDate(waiting.next) } else { Round::Moved });
        }
        self.was_up_to_date = false;
        let Waiting { definition, records, next } = waiting;
        let sender = Sender { scope: &subscription.scope, filter: &subscription.name };
        let sent = match resolve(watch, &definition.destination_arn).await {
            Ok(target) => send(watch, sender, &target, records).await,
            Err(Unreached::Catalog(error)) => return Err(error.into()),
            Err(Unreached::NoReceiver(why)) => Err((records, why.to_owned())),
            Err(Unreached::Refused { why, .. }) => Err((records, why)),
        };
        match sent {
            Ok(()) => {
                self.note(watch, next).await?;
                Ok(Round::Moved)
            }
            Err((records, why)) => {
                self.waiting = Some(Waiting { definition, records, next });
                Ok(Round::Refused(why))
            }
        }
    }

    /// Where a filter is whose group has nothing new. Most rounds of most filters: the catalog is not asked for them.
    async fn nothing_new(&self, watch: &Watch) -> Result<Option<u64>, Failure> {
        let Some(group) = self.group.filter(|_| self.was_up_to_date && self.waiting.is_none()) else { return Ok(None) };
        if watch.clock.now() - self.noted_at >= NOTED_EVERY_MS {
            return Ok(None);
        }
        let page = watch.store.follow_logs(&[group], self.position, 1).await?;
        let nothing = page.logs.is_empty() && page.next >= watch.store.log_sequence();
        Ok(nothing.then_some(page.next))
    }

    async fn note(&mut self, watch: &Watch, position: u64) -> Result<(), Failure> {
        let now = watch.clock.now();
        match self.key {
            Key::Filter(id) => watch.catalog.move_subscription_filter(id, position, now).await?,
            Key::Policy(id) => watch.catalog.move_account_policy(id, position, now).await?,
        }
        self.position = position;
        Ok(())
    }

    /// The records of the next page; none when nothing matches.
    async fn read(&mut self, watch: &Watch, subscription: &Subscription) -> Result<Waiting, Failure> {
        // First the sequence, then the groups: an event below it is of a group that is in the list.
        let end = watch.store.log_sequence();
        let names = self.group_names(watch, subscription).await?;
        let groups: Vec<GroupId> = names.keys().copied().collect();
        let page = watch.store.follow_logs(&groups, self.position, PAGE_BYTES).await?;
        if !self.was_up_to_date && page.next > self.position {
            warn_of_expired(watch, subscription);
        }
        let next = page.next.min(end.max(self.position));
        let mut logs = page.logs;
        logs.retain(|log| log.sequence < next);
        let mut waiting = Waiting { definition: subscription.definition.clone(), records: Vec::new(), next };
        if logs.is_empty() || !is_selected(subscription)? {
            return Ok(waiting);
        }
        let logs = mask_followed(watch, logs).await.map_err(|error| Failure::Masked(error.message().to_owned()))?;
        let pattern = self.pattern(&subscription.definition.pattern).await?;
        let fields = Fields::of(&subscription.definition, &subscription.scope);
        let matching = tokio::task::spawn_blocking(move || matched(logs, &pattern, &fields)).await?;
        if matching.is_empty() {
            return Ok(waiting);
        }
        let naming = Naming {
            owner: subscription.scope.account.clone(),
            filter: subscription.name.clone(),
            of_account: matches!(subscription.groups, Groups::Selected(_)),
            streams: stream_names(watch, &matching).await?,
            groups: names,
            random: (subscription.definition.distribution == "Random").then(|| Arc::clone(&watch.ids)),
        };
        let made = tokio::task::spawn_blocking(move || records(matching, &naming));
        let (records, left_out) = made.await?;
        if left_out > 0 {
            tracing::warn!(
                filter = subscription.name,
                events = left_out,
                "log events are too large for any record and were left out"
            );
        }
        waiting.records = records;
        Ok(waiting)
    }

    async fn pattern(&mut self, text: &str) -> Result<Arc<FilterPattern>, Failure> {
        if let Some((_, pattern)) = self.pattern.as_ref().filter(|(parsed, _)| parsed == text) {
            return Ok(Arc::clone(pattern));
        }
        let given = text.to_owned();
        // A costly regular expression takes long to compile.
        let parsed = tokio::task::spawn_blocking(move || FilterPattern::parse(&given)).await?;
        let pattern = Arc::new(parsed.map_err(|error| Failure::Definition(error.to_string()))?);
        self.pattern = Some((text.to_owned(), Arc::clone(&pattern)));
        Ok(pattern)
    }

    /// Names of the groups that are followed.
    async fn group_names(&mut self, watch: &Watch, subscription: &Subscription) -> Result<Arc<GroupNames>, Failure> {
        let criteria = match &subscription.groups {
            Groups::One { id, name, .. } => return Ok(Arc::new(HashMap::from([(*id, name.clone())]))),
            Groups::Selected(criteria) => criteria,
        };
        // Groups that are new have greater ids, so nothing is missed while the greatest one is the same.
        let newest = watch.catalog.newest_log_group().await?;
        if let Some((_, _, names)) = self.names.as_ref().filter(|(at, under, _)| *at == newest && under == criteria) {
            return Ok(Arc::clone(names));
        }
        let all = watch.catalog.every_log_group().await?;
        let wanted = all
            .into_iter()
            .filter(|(_, scope, name)| *scope == subscription.scope && selects_group(criteria.as_deref(), name));
        let names: Arc<GroupNames> = Arc::new(wanted.map(|(id, _, name)| (id, name)).collect());
        self.names = Some((newest, criteria.clone(), Arc::clone(&names)));
        Ok(names)
    }
}

async fn load(watch: &Watch, key: Key) -> Result<Option<Subscription>, Failure> {
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
    }
}

/// Says so when events may have expired before they were sent.
fn warn_of_expired(watch: &Watch, subscription: &Subscription) {
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
fn is_selected(subscription: &Subscription) -> Result<bool, Failure> {
    let Some(text) = &subscription.definition.field_selection else { return Ok(true) };
    let criteria = Criteria::parse(text).map_err(Failure::Definition)?;
    Ok(criteria.hold(&|field| system_field(&subscription.scope, field).map(str::to_owned)))
}

async fn stream_names(watch: &Watch, matched: &Matched) -> Result<HashMap<StreamId, String>, Failure> {
    let mut of_group: BTreeMap<GroupId, Vec<StreamId>> = BTreeMap::new();
    for (group, stream) in matched.keys() {
        of_group.entry(*group).or_default().push(*stream);
    }
    let mut names = HashMap::new();
    for (group, streams) in of_group {
        names.extend(watch.catalog.log_stream_names(group, &streams).await?);
    }
    Ok(names)
}
