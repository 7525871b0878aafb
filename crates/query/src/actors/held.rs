//! `Held`: resolves calls with what a store has, reading the hours in which their credentials were given out as they are asked for.

use super::call::{Call, ISSUING};
use super::issuances::{Hour, Issuances, NotHeld};
use super::resolve::{Resolution, resolve};
use model::limits::ACTOR_ISSUANCES_BYTES_MAX;
use model::time::HOUR;
use model::{Classify, ErrorKind, TimeRange, Timestamp};
use std::collections::{HashMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError};
use store::{Direction, EventFilter, EventScan, EventText, Store};

/// What a call counts besides its texts, bytes.
const OVERHEAD_BYTES: usize = 1024;
/// Hours that are read together while few credentials are given out.
const SPAN: Hour = 24;
/// Most readings for one call; more are needed only by chains that are made to need them.
const READINGS_MAX: usize = 256;

/// Why a call was not resolved.
#[derive(Debug, thiserror::Error)]
pub enum ActorError {
    /// The store could not be read.
    #[error("read the calls that gave out credentials: {0}")]
    Store(#[from] store::Error),
    /// The calls of one hour do not fit.
    #[error("too many credentials were given out in the hour from {0} to tell who used which")]
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

/// Issuances of a store, as many hours as fit.
#[derive(Debug)]
pub struct Held {
    store: Store,
    bytes_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    issuances: Issuances,
    /// Held hours in the order in which they were read, each with its bytes.
    hours: VecDeque<(Hour, usize)>,
    bytes: usize,
    /// True once a span did not fit: then hours are read one by one.
    is_dense: bool,
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
                Err(NotHeld(hour)) => self.read(hour).await?,
            }
        }
        Err(ActorError::TooMany(call.time.iso_seconds()))
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads the span around an hour, or the hour alone.
    async fn read(&self, hour: Hour) -> Result<(), ActorError> {
        if !self.inner().is_dense {
            let start = hour.div_euclid(SPAN) * SPAN;
            if let Some(calls) = self.calls(start..start + SPAN, self.bytes_max / 4).await? {
                self.inner().take(start..start + SPAN, calls, self.bytes_max);
                return Ok(());
            }
            self.inner().is_dense = true;
        }
        // A chain needs a few hours at once.
        let Some(calls) = self.calls(hour..hour + 1, self.bytes_max / 4).await? else {
            return Err(ActorError::TooMany(Timestamp(hour * HOUR).iso_seconds()));
        };
        self.inner().take(hour..hour + 1, calls, self.bytes_max);
        Ok(())
    }

    /// The calls of some hours, each with its bytes; `None` when they do not fit.
    async fn calls(
        &self,
        hours: std::ops::Range<Hour>,
        bytes_max: usize,
    ) -> Result<Option<Vec<(Call, usize)>>, ActorError> {
        let time = |hour: Hour| Timestamp(hour.saturating_mul(HOUR));
        let scan = EventScan {
            account: None,
            region: None,
            range: TimeRange::new(time(hours.start), time(hours.end)),
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
            let size = OVERHEAD_BYTES + call.text_bytes();
            bytes += size;
            calls.push((call, size));
            fits = bytes <= bytes_max;
            if fits { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        };
        self.store.scan_events(scan, visit).await?;
        Ok(fits.then_some(calls))
    }
}

impl Inner {
    /// Holds some hours, and forgets the oldest readings where there is no room.
    fn take(&mut self, hours: std::ops::Range<Hour>, calls: Vec<(Call, usize)>, bytes_max: usize) {
        let mut sizes: HashMap<Hour, usize> = HashMap::new();
        for (call, size) in calls {
            *sizes.entry(super::hour(call.time)).or_default() += size;
            self.issuances.add(call);
        }
        for hour in hours {
            self.issuances.hold(hour);
            if self.hours.iter().any(|(held, _)| *held == hour) {
                continue;
            }
            let size = OVERHEAD_BYTES + sizes.get(&hour).copied().unwrap_or_default();
            self.hours.push_back((hour, size));
            self.bytes += size;
        }
        while self.bytes > bytes_max
            && let Some((hour, size)) = self.hours.pop_front()
        {
            self.issuances.drop_hour(hour);
            self.bytes -= size;
        }
    }
}
