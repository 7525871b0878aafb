//! One round of a subscription: a page of what is new is matched and sent, and how far it came is noted.
//!
//! The position is noted after everything below it was taken. Records that were refused wait in memory and are sent again as they
//! are; after a restart, or when the subscription was changed, they are made anew. Events for a bucket gather over many rounds.

use super::super::account_policies::documents::selects_group;
use super::super::masking::mask_followed;
use super::super::transformed::transform_followed;
use super::arrivals::{Awaited, Many};
use super::findings::found;
use super::gathered::Gathered;
use super::load::{Failure, Groups, Key, Subscription, is_selected, load, warn_of_expired};
use super::objects::objects;
use super::records::{Fields, Matched, Naming, matched, records};
use super::request::Record;
use super::send::{Sender, Unreached, resolve, send};
use super::target::{Kind, Target};
use crate::Watch;
use catalog::SubscriptionDefinition;
use model::{GroupId, StreamId, Timestamp};
use query::filter_pattern::FilterPattern;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Text read at a time, bytes.
const PAGE_BYTES: usize = 4 * 1024 * 1024;
/// A subscription of which nothing matches notes this often how far it came, milliseconds: a restart looks at the rest again.
const NOTED_EVERY_MS: i64 = 60_000;

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

/// Records that are not sent yet, made under this definition.
struct Waiting {
    definition: SubscriptionDefinition,
    records: Vec<Record>,
    /// Where the subscription was before them.
    begun: u64,
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
    waiting: Option<Waiting>,
    gathered: Option<Gathered>,
    pattern: Option<(String, Arc<FilterPattern>)>,
    /// Names of an account's groups as of when this was the newest group, under these criteria.
    names: Option<(GroupId, Option<String>, Arc<GroupNames>)>,
}

impl Follower {
    /// Begins where the subscription has noted that it is.
    pub(super) fn new(key: Key) -> Self {
        Self {
            key,
            position: 0,
            was_up_to_date: false,
            group: None,
            waiting: None,
            gathered: None,
            pattern: None,
            names: None,
        }
    }

    /// The groups that it follows; `None` before its first round.
    pub(super) fn awaited(&self) -> Option<Awaited> {
        let many = self.names.as_ref().map(|(newest, _, names)| Many { known: Arc::clone(names), newest: *newest });
        self.group.map(Awaited::Group).or(many.map(Awaited::Groups))
    }

    /// When there is something to do although nothing arrived.
    pub(super) fn due_at(&self, watch: &Watch) -> Option<Timestamp> {
        self.gathered.as_ref().map(|gathered| gathered.due_at(watch.subscriptions.object_ms))
    }

    /// Reads, sends and notes one page.
    pub(super) async fn round(&mut self, watch: &Watch) -> Result<Round, Failure> {
        let Some(subscription) = load(watch, self.key).await? else { return Ok(Round::Gone) };
        self.position = self.position.max(subscription.position);
        if let Groups::One { id, .. } = &subscription.groups {
            self.group = Some(*id);
        }
        self.forget_other_definitions(&subscription.definition);
        let waiting = match self.waiting.take() {
            Some(waiting) => waiting,
            None => self.read(watch, &subscription).await?,
        };
        if waiting.records.is_empty() {
            let up_to_date = waiting.next >= watch.store.log_sequence();
            self.position = waiting.next;
            self.was_up_to_date = up_to_date;
            if self.gathered.is_none() && watch.clock.now() - subscription.position_at >= NOTED_EVERY_MS {
                self.note(watch, waiting.next).await?;
            }
            return Ok(if up_to_date { Round::UpToDate(waiting.next) } else { Round::Moved });
        }
        self.was_up_to_date = false;
        self.deliver(watch, &subscription, waiting).await
    }

    /// What was made under a definition that holds no more is made anew.
    fn forget_other_definitions(&mut self, definition: &SubscriptionDefinition) {
        if let Some(waiting) = self.waiting.take_if(|waiting| waiting.definition != *definition) {
            self.position = waiting.begun;
        }
        if let Some(gathered) = self.gathered.take_if(|gathered| gathered.definition != *definition) {
            self.position = gathered.begun;
        }
    }

    async fn deliver(
        &mut self,
        watch: &Watch,
        subscription: &Subscription,
        waiting: Waiting,
    ) -> Result<Round, Failure> {
        let Waiting { definition, records, begun, next } = waiting;
        let is_counted = !matches!(self.key, Key::Findings(_));
        let sender = Sender { scope: &subscription.scope, filter: is_counted.then_some(&subscription.name) };
        let sent = match resolve(watch, &definition.destination_arn).await {
            Ok(target) => send(watch, sender, &target, records).await,
            Err(Unreached::Catalog(error)) => {
                self.waiting = Some(Waiting { definition, records, begun, next });
                return Err(error.into());
            }
            Err(Unreached::NoReceiver(why)) => Err((records, why.to_owned())),
            Err(Unreached::Refused { why, .. }) => Err((records, why)),
        };
        match sent {
            Ok(()) => {
                // The records are gone. What is read again makes the same objects only from where these began.
                self.note(watch, next).await.inspect_err(|_| self.position = begun)?;
                Ok(Round::Moved)
            }
            Err((records, why)) => {
                self.waiting = Some(Waiting { definition, records, begun, next });
                Ok(Round::Refused(why))
            }
        }
    }

    async fn note(&mut self, watch: &Watch, position: u64) -> Result<(), Failure> {
        let now = watch.clock.now();
        match self.key {
            Key::Filter(id) => watch.catalog.move_subscription_filter(id, position, now).await?,
            Key::Policy(id) => watch.catalog.move_account_policy(id, position, now).await?,
            Key::Findings(id) => watch.catalog.move_findings_delivery(id, position, now).await?,
        }
        self.position = position;
        Ok(())
    }

    /// The records of the next page; none when nothing matches, or when it is for a bucket and not due yet.
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
        let definition = &subscription.definition;
        let mut begun = self.position;
        let mut matching = Matched::new();
        if matches!(self.key, Key::Findings(_)) {
            matching = found(watch, &subscription.scope, &names, logs).await?;
        } else if !logs.is_empty() && is_selected(subscription)? {
            let unseen = |error: wire::ApiError| Failure::Shown(error.message().to_owned());
            if definition.on_transformed_logs {
                logs = transform_followed(watch, &subscription.scope, &names, logs).await.map_err(unseen)?;
            }
            let logs = mask_followed(watch, logs).await.map_err(unseen)?;
            let pattern = self.pattern(&definition.pattern).await?;
            let fields = Fields::of(definition, &subscription.scope);
            matching = tokio::task::spawn_blocking(move || matched(logs, &pattern, &fields)).await?;
        }
        let bucket = Target::of(&definition.destination_arn).filter(|target| target.kind == Kind::S3);
        if bucket.is_some() {
            (matching, begun) = self.gather(watch, definition, matching);
        }
        let mut waiting = Waiting { definition: definition.clone(), records: Vec::new(), begun, next };
        if !matching.is_empty() {
            let made = self.records(watch, subscription, bucket, names, matching).await;
            // What gathered is gone: it is read again.
            waiting.records = made.inspect_err(|_| self.position = begun)?;
        }
        Ok(waiting)
    }

    /// What is to be written to a bucket now, of these events and of those that wait, and where the subscription was before it.
    fn gather(&mut self, watch: &Watch, definition: &SubscriptionDefinition, matching: Matched) -> (Matched, u64) {
        let now = watch.clock.now();
        if self.gathered.is_none() && matching.is_empty() {
            return (matching, self.position);
        }
        let begun = self.position;
        let gathered = self.gathered.get_or_insert_with(|| {
            Gathered::new(definition.clone(), begun, now, Arc::clone(&watch.subscriptions.gathered_bytes))
        });
        gathered.add(matching);
        match self.gathered.take_if(|gathered| gathered.is_due(now, watch.subscriptions.object_ms)) {
            Some(due) => {
                let begun = due.begun;
                (due.into_matched(), begun)
            }
            None => (Matched::new(), begun),
        }
    }

    async fn records(
        &self,
        watch: &Watch,
        subscription: &Subscription,
        bucket: Option<Target>,
        groups: Arc<GroupNames>,
        matching: Matched,
    ) -> Result<Vec<Record>, Failure> {
        let naming = Naming {
            owner: subscription.scope.account.clone(),
            filter: subscription.name.clone(),
            subscription: self.key.to_string(),
            of_account: matches!(subscription.groups, Groups::Selected(_)),
            is_bare: matches!(self.key, Key::Findings(_)),
            streams: stream_names(watch, &matching).await?,
            groups,
            random: (subscription.definition.distribution == "Random").then(|| Arc::clone(&watch.ids)),
        };
        let made = tokio::task::spawn_blocking(move || match bucket {
            Some(bucket) => (objects(&matching, &naming, &bucket.prefix), 0),
            None => records(matching, &naming),
        });
        let (records, left_out) = made.await?;
        if left_out > 0 {
            tracing::warn!(
                filter = subscription.name,
                events = left_out,
                "log events are too large for any record and were left out"
            );
        }
        Ok(records)
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
