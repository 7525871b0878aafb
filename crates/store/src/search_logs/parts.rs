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
/// more, up to twice as many as there are threads. So a search holds the results of few parts, however slow its reader is.
pub(super) struct Crew {
    asked: Arc<Asked>,
    progress: Mutex<Progress>,
}

struct Progress {
    /// In the order of their bounds; some may have been started out of turn.
    waiting: VecDeque<Arc<Task>>,
    started: usize,
    taken: usize,
}

impl Crew {
    pub(super) fn new(asked: &Arc<Asked>, mut tasks: Vec<Arc<Task>>) -> Self {
        tasks.sort_by(|a, b| direction_bound(asked.direction(), a.part.bound, b.part.bound));
        let waiting = tasks.into();
        Self { asked: Arc::clone(asked), progress: Mutex::new(Progress { waiting, started: 0, taken: 0 }) }
    }

    /// The result of a part, which is taken once.
    pub(super) async fn take(&self, task: &Arc<Task>) -> Result<Found> {
        self.start(task);
        self.start_ahead();
        let running = lock(&task.running).take();
        let running = running.ok_or_else(|| Error::Bug("a part of a search is taken once".into()))?;
        let found = running.await.map_err(|error| Error::Bug(format!("search a part: {error}")))?;
        lock(&self.progress).taken += 1;
        found
    }

    fn start_ahead(&self) {
        let threads = self.asked.state.options.search_threads.max(1);
        loop {
            let task = {
                let mut progress = lock(&self.progress);
                let ahead_max = (1usize << progress.taken.min(10)).min(threads * 2);
                if progress.started.saturating_sub(progress.taken) >= ahead_max {
                    return;
                }
                progress.waiting.pop_front()
            };
            let Some(task) = task else { return };
            self.start(&task);
        }
    }

    fn start(&self, task: &Arc<Task>) {
        if task.started.swap(true, Ordering::Relaxed) {
            return;
        }
        lock(&self.progress).started += 1;
        let work = work::run(Arc::clone(&self.asked), task.part.clone());
        *lock(&task.running) = Some(tokio::spawn(work));
    }
}
