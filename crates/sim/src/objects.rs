//! `FaultyStore`: an object store in memory that fails, is slow, and forgets to list.
//!
//! # Fault model
//! A put that was acknowledged is durable and every later get sees it. A put that failed has had its effect or not: `error_before`
//! and `error_after` say how often each happens; or it is *late* and has its effect, if its condition holds by then, before one of the
//! puts after it, also one of another machine's run. A put that is *refused* says so, and has none. A put that the machine stops in has
//! happened or not, or is late. A *stale* list does not show the last puts; gets are never stale. *Latency* passes on the simulated
//! clock. A *stalled* put or get waits until it is released. Bytes at rest may be flipped with `flip`, and objects taken away.
//!
//! Not simulated: gets older than an acknowledged put. The stores that we support (S3 and its kin, local folders) do not answer them.

use crate::SimClock;
use crate::machine::{Machine, Step};
use async_trait::async_trait;
use futures::stream::{BoxStream, StreamExt};
use object_store::memory::InMemory;
use object_store::path::Path;
use object_store::{
    CopyOptions, Error, GetOptions, GetResult, ListResult, MultipartUpload, ObjectMeta, ObjectStore, ObjectStoreExt,
    PutMultipartOptions, PutOptions, PutPayload, PutResult, Result,
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;

/// How many of the last puts a stale list does not show.
const STALE_PUTS: usize = 3;

/// What goes wrong, and how often.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// Percent of puts, gets and deletes that fail and have no effect.
    pub error_before: u64,
    /// Percent of puts and deletes that fail after they had their effect.
    pub error_after: u64,
    /// Percent of the puts that fail without an effect that have it later.
    pub late: u64,
    /// Percent of puts that are refused for good.
    pub refused: u64,
    /// Whether lists are stale.
    pub stale_lists: bool,
    /// How long each operation takes, milliseconds of the simulated clock.
    pub latency_ms: i64,
}

/// An operation that waits to be released.
#[derive(Debug, Clone, Default)]
pub struct Stalled {
    reached: Arc<Notify>,
    go_on: Arc<Notify>,
}

impl Stalled {
    /// Returns when the operation waits.
    pub async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets it go on.
    pub fn release(&self) {
        self.go_on.notify_one();
    }

    async fn wait(&self) {
        self.reached.notify_one();
        self.go_on.notified().await;
    }
}

/// A simulated object store.
#[derive(Debug, Clone)]
pub struct FaultyStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    machine: Arc<Machine>,
    clock: Arc<SimClock>,
    objects: InMemory,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    faults: Faults,
    last_puts: VecDeque<Path>,
    stalled_put: Option<Stalled>,
    stalled_get: Option<Stalled>,
    /// Becomes `stalled_get` with the next put.
    stalled_get_then: Option<Stalled>,
    late_puts: Vec<(Path, PutPayload, PutOptions)>,
}

impl std::fmt::Display for FaultyStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("FaultyStore")
    }
}

fn failed(why: &'static str) -> Error {
    Error::Generic { store: "FaultyStore", source: why.into() }
}

impl FaultyStore {
    /// An empty store.
    pub fn new(machine: Arc<Machine>, clock: Arc<SimClock>) -> Self {
        Self(Arc::new(Inner { machine, clock, objects: InMemory::new(), state: Mutex::default() }))
    }

    /// What goes wrong from now on.
    pub fn set_faults(&self, faults: Faults) {
        self.state().faults = faults;
    }

    /// The next put waits until it is released.
    pub fn stall_next_put(&self) -> Stalled {
        self.state().stalled_put.insert(Stalled::default()).clone()
    }

    /// The next get waits until it is released.
    pub fn stall_next_get(&self) -> Stalled {
        self.state().stalled_get.insert(Stalled::default()).clone()
    }

    /// The first get after the next put waits until it is released.
    pub fn stall_get_after_put(&self) -> Stalled {
        self.state().stalled_get_then.insert(Stalled::default()).clone()
    }

    /// No put and no get waits that does not wait now.
    pub fn stall_nothing(&self) {
        let mut state = self.state();
        (state.stalled_put, state.stalled_get, state.stalled_get_then) = (None, None, None);
    }

    /// Takes an object away; answers what it was.
    pub async fn take(&self, path: &Path) -> PutPayload {
        let get = self.0.objects.get(path).await.expect("the object is there");
        let bytes = get.bytes().await.expect("memory can be read");
        self.0.objects.delete(path).await.expect("memory can be written");
        bytes.into()
    }

    /// Puts an object where it was taken away.
    pub async fn give_back(&self, path: &Path, object: PutPayload) {
        self.0.objects.put(path, object).await.expect("memory can be written");
    }

    /// Late puts have their effect, or wait for longer.
    async fn land_late_puts(&self) {
        let late_puts = std::mem::take(&mut self.state().late_puts);
        for (path, payload, options) in late_puts {
            if self.0.machine.percent(50) {
                let landed = self.0.objects.put_opts(&path, payload, options).await;
                self.0.machine.note(format!("a late put of {path}: {}", landed.is_ok()));
            } else {
                self.state().late_puts.push((path, payload, options));
            }
        }
    }

    /// All objects, in order.
    pub async fn paths(&self) -> Vec<Path> {
        let listed = self.0.objects.list(None).map(|object| object.expect("memory can be listed").location);
        let mut paths: Vec<Path> = listed.collect().await;
        paths.sort_unstable();
        paths
    }

    /// Length of an object.
    pub async fn len(&self, path: &Path) -> usize {
        self.0.objects.head(path).await.map_or(0, |object| object.size as usize)
    }

    /// Flips one bit of an object at rest.
    pub async fn flip(&self, path: &Path, at: usize, bit: u8) {
        let get = self.0.objects.get(path).await.expect("the object is there");
        let mut bytes = get.bytes().await.expect("memory can be read").to_vec();
        bytes[at] ^= 1 << bit;
        self.0.objects.put(path, bytes.into()).await.expect("memory can be written");
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn faults(&self) -> Faults {
        let faults = self.state().faults;
        self.0.clock.advance(faults.latency_ms);
        faults
    }

    async fn remove(&self, path: Path) -> Result<Path> {
        let faults = self.faults();
        match self.0.machine.step(|| format!("delete {path}")) {
            Step::Off => return Err(failed("the machine is off")),
            Step::Interrupted => {
                if self.0.machine.percent(50) {
                    self.0.objects.delete(&path).await?;
                }
                return Err(failed("the machine is off"));
            }
            Step::Done => {}
        }
        if self.0.machine.percent(faults.error_before) {
            return Err(failed("nothing was deleted"));
        }
        self.0.objects.delete(&path).await?;
        if self.0.machine.percent(faults.error_after) { Err(failed("it was deleted")) } else { Ok(path) }
    }
}

#[async_trait]
impl ObjectStore for FaultyStore {
    async fn put_opts(&self, location: &Path, payload: PutPayload, options: PutOptions) -> Result<PutResult> {
        let faults = self.faults();
        let stalled = self.state().stalled_put.take();
        if let Some(stalled) = stalled {
            stalled.wait().await;
        }
        let step = self.0.machine.step(|| format!("put {} bytes as {location}", payload.content_length()));
        if step == Step::Off {
            return Err(failed("the machine is off"));
        }
        self.land_late_puts().await;
        if step == Step::Done && self.0.machine.percent(faults.refused) {
            return Err(Error::NotSupported { source: "it is refused".into() });
        }
        let happens = match step {
            Step::Interrupted => self.0.machine.percent(50),
            _ => !self.0.machine.percent(faults.error_before),
        };
        if !happens {
            if self.0.machine.percent(faults.late) {
                self.state().late_puts.push((location.clone(), payload, options));
            }
            return Err(failed("nothing was put"));
        }
        let put = self.0.objects.put_opts(location, payload, options).await?;
        {
            let mut state = self.state();
            if let Some(stalled) = state.stalled_get_then.take() {
                state.stalled_get = Some(stalled);
            }
            state.last_puts.push_back(location.clone());
            if state.last_puts.len() > STALE_PUTS {
                state.last_puts.pop_front();
            }
        }
        if step == Step::Interrupted || self.0.machine.percent(faults.error_after) {
            return Err(failed("it was put"));
        }
        Ok(put)
    }

    async fn put_multipart_opts(&self, _: &Path, _: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        Err(Error::NotImplemented { operation: "put_multipart".into(), implementer: "FaultyStore".into() })
    }

    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        let faults = self.faults();
        let stalled = self.state().stalled_get.take();
        if let Some(stalled) = stalled {
            stalled.wait().await;
        }
        if self.0.machine.is_off() || self.0.machine.percent(faults.error_before) {
            return Err(failed("nothing was read"));
        }
        self.0.objects.get_opts(location, options).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        let store = self.clone();
        let remove = move |location: Result<Path>| {
            let store = store.clone();
            async move { store.remove(location?).await }
        };
        locations.then(remove).boxed()
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        if self.0.machine.is_off() {
            return futures::stream::once(async { Err(failed("the machine is off")) }).boxed();
        }
        let hidden = {
            let state = self.state();
            if state.faults.stale_lists { state.last_puts.clone() } else { VecDeque::new() }
        };
        let shown = move |object: &Result<ObjectMeta>| {
            let shown = object.as_ref().is_ok_and(|object| !hidden.contains(&object.location));
            futures::future::ready(shown)
        };
        self.0.objects.list(prefix).filter(shown).boxed()
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        self.0.objects.list_with_delimiter(prefix).await
    }

    async fn copy_opts(&self, _: &Path, _: &Path, _: CopyOptions) -> Result<()> {
        Err(Error::NotImplemented { operation: "copy".into(), implementer: "FaultyStore".into() })
    }
}
