//! The parts that a search is cut into, and the crew that works on a few of them ahead of the reader.

use super::work::{self, Found};
use super::{Asked, direction_bound};
use crate::error::{Error, Result};
use crate::memtable::Memtable;
use crate::position::Window;
use crate::segment::Segment;
use crate::state::lock;
use model::Timestamp;
use std::collections::VecDeque;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use tokio::task::JoinHandle;

/// Where the texts of a part are.
#[derive(Debug, Clone)]
pub(super) enum Place {
    Memory(Arc<Memtable>),
    /// One row group, and the rows of the log group counted over the segment.
    Segment(Arc<Segment>, usize, Range<u64>),
}

/// A part of a search: what of one place lies in a window.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub place: Place,
    pub window: Window,
    /// No row of it comes before this time, in the direction of the search.
    pub bound: Timestamp,
}

/// A part that is worked on once.
pub(super) struct Task {
    part: Part,
    running: Mutex<Option<JoinHandle<Result<Found>>>>,
    started: AtomicBool,
}

impl Task {
    pub(super) fn new(part: Part) -> Arc<Self> {
        Arc::new(Self { part, running: Mutex::default(), started: AtomicBool::new(false) })
    }

    /// The part, for what is left of it.
    pub(super) fn part(&self) -> &Part {
        &self.part
    }
}

/// Starts parts in the order in which the reader will need them: one at first, for most readers stop soon, then more and
/// more, up to twice as many as there are threads. So a search holds the results of few parts, however slow its reader is. Parts of which
/// nothing is left, which for a rare text are nearly all, hold nothing and make room at once: those in work are parts that have to be read.
pub(super) struct Crew {
    asked: Arc<Asked>,
    progress: Mutex<Progress>,
}

struct Progress {
    /// In the order of their bounds; some may have been started out of turn.
    waiting: VecDeque<Arc<Task>>,
    /// Parts that were started, and are in work or have something that was not taken.
    held: usize,
    /// Parts that are done with.
    done: usize,
}

impl Crew {
    pub(super) fn new(asked: &Arc<Asked>, mut tasks: Vec<Arc<Task>>) -> Self {
        tasks.sort_by(|a, b| direction_bound(asked.direction(), a.part.bound, b.part.bound));
        let waiting = tasks.into();
        Self { asked: Arc::clone(asked), progress: Mutex::new(Progress { waiting, held: 0, done: 0 }) }
    }

    /// The result of a part, which is taken once.
    pub(super) async fn take(self: &Arc<Self>, task: &Arc<Task>) -> Result<Found> {
        self.start(task);
        self.start_ahead();
        let running = lock(&task.running).take();
        let running = running.ok_or_else(|| Error::Bug("a part of a search is taken once".into()))?;
        let found = running.await.map_err(|error| Error::Bug(format!("search a part: {error}")))??;
        if !found.is_nothing() {
            self.is_done_with_one();
        }
        Ok(found)
    }

    fn is_done_with_one(&self) {
        let mut progress = lock(&self.progress);
        progress.held = progress.held.saturating_sub(1);
        progress.done += 1;
    }

    fn start_ahead(self: &Arc<Self>) {
        let threads = self.asked.state.options.search_threads.max(1);
        while !self.asked.is_cancelled() {
            let task = {
                let mut progress = lock(&self.progress);
                let ahead_max = (1usize << progress.done.min(10)).min(threads * 2);
                if progress.held >= ahead_max {
                    return;
                }
                progress.waiting.pop_front()
            };
            let Some(task) = task else { return };
            self.start(&task);
        }
    }

    fn start(self: &Arc<Self>, task: &Arc<Task>) {
        // Who finds it started finds it running: the reader and parts that make room start others at the same time.
        let mut running = lock(&task.running);
        if task.started.swap(true, Ordering::Relaxed) {
            return;
        }
        lock(&self.progress).held += 1;
        let (crew, part) = (Arc::clone(self), task.part.clone());
        *running = Some(tokio::spawn(async move {
            let found = work::run(Arc::clone(&crew.asked), part).await?;
            if found.is_nothing() {
                crew.is_done_with_one();
                crew.start_ahead();
            }
            Ok(found)
        }));
    }
}
