//! `Issuances`: the calls that gave out credentials, found by what they gave out; in whatever order they came in.
//!
//! They lie in slots of ten minutes, so that a part of them can be held: whoever asks for a slot that is not held is told so.

use super::call::{Call, Identity, Issued, Means};
use model::Timestamp;
use model::time::{HOUR, MINUTE, SECOND};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// How far `creationDate` may be from the time of the call that gave the credentials out; both are in whole seconds.
const KEY_SLACK: i64 = 5 * SECOND;
/// The same for a sign-in to the console, in which a user may be asked for more.
const SIGN_IN_SLACK: i64 = MINUTE;
/// How long a sign-in token is good for.
const SIGN_IN_TOKEN: i64 = 15 * MINUTE;
/// Longest life of temporary credentials (GetFederationToken and GetSessionToken references: 36 hours).
pub const SESSION_MS_MAX: i64 = 36 * HOUR;

/// Length of a slot.
pub const SLOT_MS: i64 = 10 * MINUTE;

/// A slot, counted since the epoch.
pub type Slot = i64;

/// The slot of a time.
pub fn slot(time: Timestamp) -> Slot {
    time.millis().div_euclid(SLOT_MS)
}

/// A slot that was asked for and is not held.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotHeld(pub Slot);

/// A credential that a call was made with, as the record tells of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// The call that gave it out.
    By(Arc<Call>),
    /// Nothing is known of it.
    Nothing,
    /// Several callers may have been given it.
    Several,
}

/// What was given out in one slot.
#[derive(Debug, Default)]
struct InSlot {
    by_key: HashMap<String, Arc<Call>>,
    by_principal: HashMap<String, Vec<Arc<Call>>>,
}

/// Calls that gave out credentials.
#[derive(Debug, Default)]
pub struct Issuances {
    slots: BTreeMap<Slot, InSlot>,
    /// True when all there are were added, so that a slot without any is one in which nothing was given out.
    is_whole: bool,
}

impl Issuances {
    /// None yet, and all will be added.
    pub fn whole() -> Self {
        Self { is_whole: true, ..Self::default() }
    }

    /// Notes that all of a slot's calls are added.
    pub fn hold(&mut self, slot: Slot) {
        self.slots.entry(slot).or_default();
    }

    /// True for a slot that is held.
    pub fn holds(&self, slot: Slot) -> bool {
        self.slots.contains_key(&slot)
    }

    /// Forgets a slot.
    pub fn drop_slot(&mut self, slot: Slot) {
        self.slots.remove(&slot);
    }

    /// Adds a call; one that gave nothing out is passed over. Adding the same again changes nothing.
    pub fn add(&mut self, call: Call) {
        let Some(Issued { key, principal, .. }) = call.issued.clone() else { return };
        let in_slot = self.slots.entry(slot(call.time)).or_default();
        let call = Arc::new(call);
        if let Some(key) = key {
            let known = in_slot.by_key.entry(key).or_insert_with(|| Arc::clone(&call));
            if tells_more(&call, known) {
                *known = Arc::clone(&call);
            }
        }
        if !principal.is_empty() {
            let of_principal = in_slot.by_principal.entry(principal).or_default();
            if !of_principal.iter().any(|known| known.event_id == call.event_id) {
                of_principal.push(call);
            }
        }
    }

    /// The call that gave out the credentials of a call that was made at `time`.
    pub fn find(&self, identity: &Identity, time: Timestamp) -> Result<Found, NotHeld> {
        if identity.created.is_none() && identity.access_key.is_empty() {
            return Ok(Found::Nothing);
        }
        let (from, to) = match identity.created {
            Some(created) => (created - SIGN_IN_TOKEN, created + SIGN_IN_SLACK),
            None => (time - SESSION_MS_MAX, time + KEY_SLACK),
        };
        if let Some(missing) = (slot(from)..=slot(to)).find(|slot| !self.is_whole && !self.slots.contains_key(slot)) {
            return Err(NotHeld(missing));
        }
        let slots = || self.slots.range(slot(from)..=slot(to)).map(|(_, in_slot)| in_slot);
        if !identity.access_key.is_empty() {
            let of_key = slots().filter_map(|in_slot| in_slot.by_key.get(&identity.access_key));
            // One twin of a call into another account tells more than the other, and they may stand in different slots.
            let best = of_key.reduce(|best, call| if tells_more(call, best) { call } else { best });
            if let Some(call) = best {
                return Ok(Found::By(Arc::clone(call)));
            }
        }
        let Some(created) = identity.created.filter(|_| !identity.principal.is_empty()) else {
            return Ok(Found::Nothing);
        };
        let of_principal = slots().filter_map(|in_slot| in_slot.by_principal.get(&identity.principal)).flatten();
        let fitting: Vec<&Arc<Call>> = of_principal.filter(|call| fits(call, identity, created)).collect();
        Ok(one_of(fitting, created))
    }
}

/// Whether a call may have opened the session of an identity, which has another key than the call gave out, or none.
fn fits(call: &Call, identity: &Identity, created: Timestamp) -> bool {
    let after = created.millis() - call.time.millis();
    if call.identity.principal == identity.principal && call.identity.created == identity.created {
        // What a session asked for did not open it.
        return false;
    }
    match call.issued.as_ref().map(|issued| issued.by) {
        // Only the console and services get further keys for a session.
        Some(Means::Key) => {
            let has_own_key = identity.is_console || identity.access_key.is_empty() || !identity.invoked_by.is_empty();
            has_own_key && after.abs() <= KEY_SLACK
        }
        Some(Means::SwitchRole) => after.abs() <= SIGN_IN_SLACK,
        // A user's or root's sign-in; of who signs in with a session the record shows that session.
        Some(Means::SignIn) => after.abs() <= SIGN_IN_SLACK,
        Some(Means::SignInToken) => (0..=SIGN_IN_TOKEN).contains(&after),
        None => false,
    }
}

/// The one call that opened a session: of several kinds the surest, of several calls by one caller the nearest in time.
fn one_of(mut fitting: Vec<&Arc<Call>>, created: Timestamp) -> Found {
    let means = |call: &Call| call.issued.as_ref().map(|issued| issued.by);
    let distance = |call: &Call| (created.millis() - call.time.millis()).abs();
    fitting.sort_by(|a, b| {
        let order = |call: &Call| (means(call), !says_who(call), distance(call));
        order(a).cmp(&order(b)).then_with(|| a.event_id.cmp(&b.event_id))
    });
    let Some(first) = fitting.first() else { return Found::Nothing };
    let same_caller = |call: &Call| {
        let (a, b) = (&call.identity, &first.identity);
        call.switched_from == first.switched_from
            && (a.access_key == b.access_key && a.principal == b.principal && a.invoked_by == b.invoked_by)
    };
    // Of a call into another account each account has a record; that of the other does not say who.
    let rivals = fitting.iter().filter(|call| means(call) == means(first) && says_who(call) == says_who(first));
    if rivals.into_iter().all(|call| same_caller(call)) { Found::By(Arc::clone(first)) } else { Found::Several }
}

/// In the other account's record of a call only the account and a principal id stand.
fn says_who(call: &Call) -> bool {
    call.identity.kind != "AWSAccount"
}

/// Which of two records of one key is kept, whatever came first.
fn tells_more(call: &Call, known: &Call) -> bool {
    let order = |call: &Call| (!says_who(call), call.time);
    order(call).cmp(&order(known)).then_with(|| call.event_id.cmp(&known.event_id)).is_lt()
}
