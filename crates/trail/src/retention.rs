//! Which audit events may go, and when: the server's retention, those of event data stores, and legal holds.
//!
//! An event goes when it is older than the retention in force and than that of every event data store that may show it, when no hold
//! covers it, and when all who read events in order have read it. Whatever keeps less than before waits for a day: a shorter
//! retention, here or of an event data store, and a hold that is released. Until then the longer one counts, and asking for it again takes
//! the shorter one back. Whatever keeps more acts at once: it is written under the same turn as each step of the expiry, so
//! that no step which does not know of it comes after it was answered. Times are cut to whole days (UTC), so that a segment is
//! rewritten once a day and not each minute: an event goes up to a day later than it may.

use crate::Trail;
use crate::audit::LetGo;
use crate::derived::{self, Failed};
use crate::detections::Findings;
use crate::{aggregation, insights};
use catalog::{
    DerivedEvent, EventDataStore, EventDataStoreSettings, EventRetention, KeptLonger, LegalHold, LegalHoldPut,
};
use model::time::DAY;
use model::{Scope, TimeRange, Timestamp, arn};
use std::collections::BTreeMap;
use store::{EventExpiry, HeldEvents};

/// How long whatever keeps less waits before it is in force, milliseconds.
pub const WAIT_MS: i64 = DAY;
/// Longest retention that can be told, days: a hundred years.
pub const DAYS_MAX: i64 = 36_500;
/// Most legal holds.
pub const HOLDS_MAX: usize = 1000;
/// What is held by whoever may change what is kept.
type Turn<'a> = tokio::sync::MutexGuard<'a, ()>;
/// What the catalog calls the events that tell of it.
pub(crate) const NAME: &str = "retention";
/// `eventSource` of those events.
const SOURCE: &str = "trailwatch";

/// The retention that is in force at a time, days; `None` for ever.
pub fn days_in_force(retention: &EventRetention, now: Timestamp) -> Option<i64> {
    match retention.pending {
        Some((days, at)) if at <= now => Some(days),
        _ => retention.days,
    }
}

/// The retention after somebody asked for another one.
pub fn asked(retention: &EventRetention, days: Option<i64>, now: Timestamp) -> EventRetention {
    let in_force = days_in_force(retention, now);
    match days {
        Some(days) if in_force.is_none_or(|in_force| days < in_force) => {
            // What waits already goes on waiting.
            let waiting = retention.pending.filter(|(waiting, at)| *waiting == days && now < *at);
            EventRetention { days: in_force, pending: Some(waiting.unwrap_or((days, now + WAIT_MS))) }
        }
        longer => EventRetention { days: longer, pending: None },
    }
}

/// True while a hold keeps events.
pub fn holds(hold: &LegalHold, now: Timestamp) -> bool {
    hold.release_at.is_none_or(|at| now < at)
}

/// What a store goes on keeping when its settings change to these.
pub(crate) fn kept_longer(
    before: &EventDataStore,
    after: &EventDataStoreSettings,
    now: Timestamp,
) -> Option<KeptLonger> {
    let kept = KeptLonger {
        retention_days: kept_days(before, now),
        organization: is_of_organization(before, now),
        until_ms: (now + WAIT_MS).0,
    };
    let keeps_less =
        after.retention_days < before.settings.retention_days || (before.settings.organization && !after.organization);
    if keeps_less { Some(kept) } else { still_longer(before, now).cloned() }
}

fn still_longer(store: &EventDataStore, now: Timestamp) -> Option<&KeptLonger> {
    store.longer.as_ref().filter(|longer| now.0 < longer.until_ms)
}

/// How long a store shows its events, days.
pub(crate) fn kept_days(store: &EventDataStore, now: Timestamp) -> i32 {
    let longer = still_longer(store, now).map_or(0, |longer| longer.retention_days);
    store.settings.retention_days.max(longer)
}

fn is_of_organization(store: &EventDataStore, now: Timestamp) -> bool {
    store.settings.organization || still_longer(store, now).is_some_and(|longer| longer.organization)
}

/// Which events may go now: none, when they are kept for ever. `below` is the first sequence that somebody has yet to read.
pub(crate) fn expiry(
    retention: &EventRetention,
    stores: &[EventDataStore],
    all_holds: &[LegalHold],
    below: u64,
    now: Timestamp,
) -> Option<EventExpiry> {
    let cutoff = |days: i64| (now - days.saturating_mul(DAY)).floor_to(DAY);
    let mut before = cutoff(days_in_force(retention, now)?);
    let mut accounts: BTreeMap<String, Timestamp> = BTreeMap::new();
    for store in stores {
        let of_store = cutoff(i64::from(kept_days(store, now)));
        if is_of_organization(store, now) {
            before = before.min(of_store);
        } else {
            let of_account = accounts.entry(store.scope.account.clone()).or_insert(of_store);
            *of_account = of_store.min(*of_account);
        }
    }
    accounts.retain(|_, of_account| *of_account < before);
    let held = |hold: &LegalHold| HeldEvents {
        account: hold.account.clone(),
        range: TimeRange::new(hold.from.unwrap_or(TimeRange::ALL.start), hold.to.unwrap_or(TimeRange::ALL.end)),
    };
    let held = all_holds.iter().filter(|hold| holds(hold, now)).map(held).collect();
    Some(EventExpiry { below, before, accounts, held })
}

/// How far those came who read events in order and are not known to the catalog.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Readers {
    /// The first sequence whose leaf is in no tile that is full and signed.
    pub proofs: u64,
    /// The first sequence that detections have to look at unless the catalog knows better; `None` when there are none.
    pub detections: Option<u64>,
}

/// What keeps events that are older than the retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeptBy {
    /// A trail has yet to deliver them.
    Trail,
    /// Detections have yet to look at them.
    Detections,
    /// Insights has yet to look at them.
    Insights,
    /// They are yet to be aggregated.
    Aggregation,
    /// Their leaves are in no full tile under a signed checkpoint.
    Proofs,
    /// The segment that they are in cannot be read.
    DamagedSegment,
    /// The retention of an event data store.
    EventDataStore,
    /// A legal hold.
    LegalHold,
}

impl KeptBy {
    /// True for what keeps them because somebody said so, and not because something is late or broken.
    pub fn is_wanted(self) -> bool {
        matches!(self, KeptBy::EventDataStore | KeptBy::LegalHold)
    }
}

/// Who or what keeps events that are older than the retention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keeper {
    /// What kind it is of.
    pub by: KeptBy,
    /// Its ARN or name; empty where there is one alone.
    pub name: String,
    /// Since when, where that is known.
    pub since: Option<Timestamp>,
    /// Why.
    pub reason: String,
}

impl Keeper {
    fn new(by: KeptBy, reason: &str) -> Self {
        Self { by, name: String::new(), since: None, reason: reason.into() }
    }
}

/// All who read events in order and have not read all of them, with the first sequence that each has yet to read.
async fn unread(trail: &Trail, readers: Readers) -> Result<Vec<(u64, Keeper)>, Failed> {
    let reason = "the tile of proofs that they are in is not full, or no checkpoint covers it yet";
    let mut unread = vec![(readers.proofs, Keeper::new(KeptBy::Proofs, reason))];
    let not_looked = "has yet to look at them";
    if let Some(begin) = readers.detections {
        let noted = trail.catalog.detection_position().await?;
        unread.push((noted.map_or(begin, |noted| noted as u64), Keeper::new(KeptBy::Detections, not_looked)));
    }
    if let Some(sequence) = insights::unread(&trail.catalog).await? {
        unread.push((sequence, Keeper::new(KeptBy::Insights, not_looked)));
    }
    if let Some(sequence) = aggregation::unread(&trail.catalog).await? {
        unread.push((sequence, Keeper::new(KeptBy::Aggregation, not_looked)));
    }
    for span in trail.catalog.trail_spans().await? {
        if span.end_sequence.is_none_or(|end| span.next_sequence < end) {
            let name = arn::trail(&Scope { account: span.account, region: span.region }, &span.name);
            unread.push((span.next_sequence as u64, Keeper { name, ..Keeper::new(KeptBy::Trail, "") }));
        }
    }
    for files in trail.catalog.undelivered_trail_files().await? {
        let reason = trail.catalog.trail_status(files.trail_id).await?.delivery_error.unwrap_or_default();
        let since = Some(Timestamp(files.planned_ms));
        let keeper = Keeper { name: files.trail_arn, since, ..Keeper::new(KeptBy::Trail, &reason) };
        unread.push((files.first_sequence as u64, keeper));
    }
    Ok(unread)
}

/// Who and what kept events at the last steps that are older than the retention; nobody while they are kept for ever.
pub async fn keepers(trail: &Trail, readers: Readers) -> Result<Vec<Keeper>, Failed> {
    let now = trail.clock.now();
    let retention = trail.catalog.event_retention().await?;
    if days_in_force(&retention, now).is_none() {
        return Ok(Vec::new());
    }
    let left = trail.store.left_events();
    let is_behind = |(sequence, _): &(u64, Keeper)| left.unread.is_some_and(|last| *sequence <= last);
    let behind = unread(trail, readers).await?.into_iter().filter(is_behind).map(|(_, keeper)| keeper);
    let (mut keepers, mut of_trails): (Vec<Keeper>, Vec<Keeper>) =
        behind.partition(|keeper| keeper.by != KeptBy::Trail);
    // A trail is told of once: by what it has planned, which has a time and a reason, where there is something.
    of_trails.sort_by(|a, b| (&a.name, a.since.is_none()).cmp(&(&b.name, b.since.is_none())));
    of_trails.dedup_by(|later, first| later.name == first.name);
    keepers.extend(of_trails);
    keepers.extend(left.damaged.iter().map(|damage| {
        let (name, reason) = damage.split_once(": ").unwrap_or((damage, ""));
        Keeper { name: name.into(), ..Keeper::new(KeptBy::DamagedSegment, reason) }
    }));
    let (stores, holds) = (trail.catalog.every_event_data_store().await?, trail.catalog.legal_holds().await?);
    keepers.extend(told_to_keep(&retention, &stores, &holds, now));
    Ok(keepers)
}

/// The event data stores that keep events longer than the retention in force, and the holds that cover some that are older.
fn told_to_keep(
    retention: &EventRetention,
    stores: &[EventDataStore],
    all_holds: &[LegalHold],
    now: Timestamp,
) -> Vec<Keeper> {
    let Some(days) = days_in_force(retention, now) else { return Vec::new() };
    let before = (now - days.saturating_mul(DAY)).floor_to(DAY);
    let keeps = |store: &&EventDataStore| i64::from(kept_days(store, now)) > days;
    let of_store = |store: &EventDataStore| {
        let of = if is_of_organization(store, now) { "all accounts" } else { store.scope.account.as_str() };
        let reason = format!("events of {of} are kept for {} days", kept_days(store, now));
        let name = arn::event_data_store(&store.scope, &store.id);
        Keeper { name, since: Some(store.created), ..Keeper::new(KeptBy::EventDataStore, &reason) }
    };
    let is_held = |hold: &&LegalHold| holds(hold, now) && hold.from.is_none_or(|from| from < before);
    let of_hold = |hold: &LegalHold| Keeper {
        name: hold.name.clone(),
        since: Some(hold.created),
        ..Keeper::new(KeptBy::LegalHold, &hold.reason)
    };
    let of_stores = stores.iter().filter(keeps).map(of_store);
    of_stores.chain(all_holds.iter().filter(is_held).map(of_hold)).collect()
}

/// Takes one step of the expiry; true when there may be more.
pub async fn expire_step(trail: &Trail, readers: Readers) -> Result<bool, Failed> {
    // Who keeps more waits for the step, and the next one knows of it.
    let _turn = trail.retention_turn.lock().await;
    let now = trail.clock.now();
    let retention = trail.catalog.event_retention().await?;
    if days_in_force(&retention, now).is_none() {
        return Ok(false);
    }
    let (stores, holds) = (trail.catalog.every_event_data_store().await?, trail.catalog.legal_holds().await?);
    let unread = unread(trail, readers).await?;
    let below = unread.iter().map(|(sequence, _)| *sequence).fold(trail.store.event_sequence(), u64::min);
    let Some(expiry) = expiry(&retention, &stores, &holds, below, now) else { return Ok(false) };
    Ok(trail.store.expire_events(&expiry).await?)
}

/// Stores the events that tell of shorter retentions that are in force, and of holds that have ended.
pub async fn tell(trail: &Trail, home: &Scope, findings: &dyn Findings) -> Result<(), Failed> {
    let_go(trail, home, &trail.retention_turn.lock().await).await?;
    // Also what a stop cut off before.
    derived::store(trail, findings, NAME).await
}

/// Writes down what is in force by now, with the events that tell of it.
async fn let_go(trail: &Trail, home: &Scope, _turn: &Turn<'_>) -> Result<(), catalog::Error> {
    let now = trail.clock.now();
    let told = |what: LetGo<'_>, parts: &[&str]| {
        let record = what.record(SOURCE, home, &derived::id(&[&[NAME][..], parts].concat()), now);
        DerivedEvent { number: 0, account: home.account.clone(), region: home.region.clone(), record }
    };
    let retention = trail.catalog.event_retention().await?;
    if let Some((days, at)) = retention.pending.filter(|(_, at)| *at <= now) {
        let in_force = EventRetention { days: Some(days), pending: None };
        let event = told(LetGo::Retention(retention.days, days), &["shorter", &at.0.to_string()[..]]);
        trail.catalog.enforce_event_retention(&in_force, NAME, &event).await?;
    }
    for hold in trail.catalog.legal_holds().await?.into_iter().filter(|hold| !holds(hold, now)) {
        let event = told(LetGo::Hold(&hold.name), &["hold", &hold.name[..], &hold.created.0.to_string()[..]]);
        trail.catalog.end_legal_hold(&hold.name, NAME, &event).await?;
    }
    Ok(())
}

/// Asks for a retention, days (`None` for ever); answers what is in force and what waits. `home` is whose events tell of it.
pub async fn ask(trail: &Trail, home: &Scope, days: Option<i64>) -> Result<EventRetention, catalog::Error> {
    let turn = trail.retention_turn.lock().await;
    let_go(trail, home, &turn).await?;
    let before = trail.catalog.event_retention().await?;
    let after = asked(&before, days, trail.clock.now());
    if after != before {
        trail.catalog.put_event_retention(&after).await?;
    }
    Ok(after)
}

/// What became of a hold that somebody asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HoldPut {
    /// It holds, perhaps since before; what was released and had not ended holds again.
    Holds(LegalHold),
    /// There is another one of that name.
    IsAnother,
    /// There are as many as there may be.
    TooMany,
}

/// Makes a hold, which acts at once, or keeps one of the same events from ending.
pub async fn hold(trail: &Trail, home: &Scope, new: LegalHold) -> Result<HoldPut, catalog::Error> {
    let turn = trail.retention_turn.lock().await;
    let_go(trail, home, &turn).await?;
    match trail.catalog.create_legal_hold(&new, HOLDS_MAX).await? {
        LegalHoldPut::Stored => return Ok(HoldPut::Holds(new)),
        LegalHoldPut::TooMany => return Ok(HoldPut::TooMany),
        LegalHoldPut::Exists => {}
    }
    let there = trail.catalog.legal_holds().await?.into_iter().find(|hold| hold.name == new.name);
    let events = |hold: &LegalHold| (hold.account.clone(), hold.from, hold.to);
    let Some(there) = there.filter(|there| events(there) == events(&new)) else { return Ok(HoldPut::IsAnother) };
    if there.release_at.is_some() {
        trail.catalog.release_legal_hold(&there.name, None).await?;
    }
    Ok(HoldPut::Holds(LegalHold { release_at: None, ..there }))
}

/// Releases a hold, which ends a day later; answers it, or `None` when there is none. One that is released already ends when it would have.
pub async fn release(trail: &Trail, home: &Scope, name: &str) -> Result<Option<LegalHold>, catalog::Error> {
    let turn = trail.retention_turn.lock().await;
    let_go(trail, home, &turn).await?;
    let there = trail.catalog.legal_holds().await?.into_iter().find(|hold| hold.name == name);
    let Some(mut hold) = there else { return Ok(None) };
    if hold.release_at.is_none() {
        hold.release_at = Some(trail.clock.now() + WAIT_MS);
        trail.catalog.release_legal_hold(name, hold.release_at).await?;
    }
    Ok(Some(hold))
}

#[cfg(test)]
mod tests;
