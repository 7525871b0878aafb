//! `Held`: resolves calls with what a store has, reading the times in which their credentials were given out as they are asked for.

use super::call::{Call, ISSUING};
use super::issuances::{Issuances, NotHeld, SLOT_MS, Slot};
use super::resolve::{Resolution, resolve};
use model::limits::ACTOR_ISSUANCES_BYTES_MAX;
use model::{Classify, ErrorKind, TimeRange, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::ops::{ControlFlow, Range};
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use store::{Direction, EventFilter, EventScan, EventText, Store};

/// What a call, and a slot, count besides texts, bytes.
const CALL_BYTES: usize = 1024;
const SLOT_BYTES: usize = 128;
/// How many slots are read together, while they fit: a day, an hour, one.
const SPANS: [Slot; 3] = [144, 6, 1];
/// Most readings for one call; more are needed only by chains that are made to need them.
const READINGS_MAX: usize = 512;

/// Why a call was not resolved.
#[derive(Debug, thiserror::Error)]
pub enum ActorError {
    /// The store could not be read.
    #[error("read the calls that gave out credentials: {0}")]
    Store(#[from] store::Error),
    /// The calls of one slot do not fit.
    #[error("too many credentials were given out in the ten minutes from {0} to tell who used which")]
    TooMany(String),
}

impl Classify for ActorError {
    fn kind(&self) -> ErrorKind {
        match self {
            ActorError::Store(error) => error.kind(),
            ActorError::TooMany(_) => ErrorKind::Invalid,
        }
    }
}

/// Issuances of a store, as many slots as fit.
#[derive(Debug)]
pub struct Held {
    store: Store,
    bytes_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    issuances: Issuances,
    /// Held slots in the order in which they were read, each with its bytes.
    slots: VecDeque<(Slot, usize)>,
    bytes: usize,
    /// Which of the spans still fits.
    span: usize,
}

/// The names of the calls that give out credentials, as a condition.
pub(super) fn issuing() -> EventFilter {
    static NAMES: LazyLock<Arc<std::collections::HashSet<String>>> =
        LazyLock::new(|| Arc::new(ISSUING.map(str::to_owned).into()));
    EventFilter::OneOf(EventText::Name, Arc::clone(&NAMES))
}

impl Held {
    /// Nothing of the store is read yet.
    pub fn new(store: Store) -> Self {
        Self::with(store, ACTOR_ISSUANCES_BYTES_MAX)
    }

    /// The same with another bound of memory.
    pub(super) fn with(store: Store, bytes_max: usize) -> Self {
        Self { store, bytes_max, inner: Mutex::default() }
    }

    /// Who made a call. All accounts and regions of the store are looked at.
    pub async fn resolve(&self, call: &Call) -> Result<Resolution, ActorError> {
        for _ in 0..READINGS_MAX {
            let outcome = resolve(call, &self.inner().issuances);
            match outcome {
                Ok(resolution) => return Ok(resolution),
                Err(NotHeld(slot)) => self.read(slot).await?,
            }
        }
        Err(ActorError::TooMany(call.time.iso_seconds()))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the span around a slot, the longest that fits.
    async fn read(&self, slot: Slot) -> Result<(), ActorError> {
        loop {
            let at = self.inner().span;
            let span = SPANS.get(at).copied().unwrap_or(1);
            let start = slot.div_euclid(span) * span;
            // A chain needs a few spans at once.
            if let Some(calls) = self.calls(start..start + span, self.bytes_max / 4).await? {
                self.inner().take(start..start + span, calls, self.bytes_max);
                return Ok(());
            }
            if span == 1 {
                return Err(ActorError::TooMany(begin(slot).iso_seconds()));
            }
            let mut inner = self.inner();
            inner.span = inner.span.max(at + 1);
        }
    }

    /// The calls of some slots, each with its bytes; `None` when they do not fit.
    async fn calls(&self, slots: Range<Slot>, bytes_max: usize) -> Result<Option<Vec<(Call, usize)>>, ActorError> {
        let scan = EventScan {
            account: None,
            region: None,
            range: TimeRange::new(begin(slots.start), begin(slots.end)),
            direction: Direction::Forward,
            after: None,
            filter: Some(issuing()),
        };
        let (mut calls, mut bytes, mut fits) = (Vec::new(), 0, true);
        let visit = &mut |row: &store::EventRow| {
            let call = Call::from(&row.event);
            if call.issued.is_none() {
                return ControlFlow::Continue(());
            }
            let size = CALL_BYTES + call.text_bytes();
            bytes += size;
            calls.push((call, size));
            fits = bytes <= bytes_max;
            if fits { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        self.store.scan_events(scan, visit).await?;
        Ok(fits.then_some(calls))
    }
}

/// When a slot begins.
fn begin(slot: Slot) -> Timestamp {
    Timestamp(slot.saturating_mul(SLOT_MS))
}

impl Inner {
    /// Holds some slots, and forgets the oldest readings where there is no room.
    fn take(&mut self, slots: Range<Slot>, calls: Vec<(Call, usize)>, bytes_max: usize) {
        let new: Vec<Slot> = slots.filter(|slot| !self.issuances.holds(*slot)).collect();
        let mut sizes: HashMap<Slot, usize> = HashMap::new();
        for (call, size) in calls {
            *sizes.entry(super::slot(call.time)).or_default() += size;
            self.issuances.add(call);
        }
        for slot in new {
            self.issuances.hold(slot);
            let size = SLOT_BYTES + sizes.get(&slot).copied().unwrap_or_default();
            self.slots.push_back((slot, size));
            self.bytes += size;
        }
        while self.bytes > bytes_max
            && let Some((slot, size)) = self.slots.pop_front()
        {
            self.issuances.drop_slot(slot);
            self.bytes -= size;
        }
    }
}
