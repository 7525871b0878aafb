//! The writer: one thread that makes batches durable, many with one sync, and then visible.

use crate::Appended;
use crate::Store;
use crate::active_journal::ActiveJournal;
use crate::error::{Error, Result};
use crate::flush::FlushCommand;
use crate::journal::{Frame, FrameMeta};
use crate::memtable::{Cut, Memtable};
use crate::series::SeriesIndex;
use crate::state::{Change, JournalError, Snapshot, State, lock};
use model::{Batch, Event, Timestamp};
use proof::merkle::Hash;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::sync::mpsc::{UnboundedReceiver, WeakUnboundedSender};
use tokio::sync::oneshot;

/// A group is written when it has this many bytes, so that the first of it does not wait for long.
const GROUP_BYTES_MAX: usize = 16 * 1024 * 1024;
/// Most batches that may wait for the writer.
const QUEUE_BATCHES_MAX: usize = 4096;
/// A group waits for companions in steps of this,
const COMPANIONS_STEP: Duration = Duration::from_micros(100);
/// and no more than so many: a quarter of the last sync, of which the clock tells whole milliseconds.
const COMPANIONS_STEPS_MAX: u64 = 10;

/// What the writer is asked to do.
#[derive(Debug)]
pub(crate) enum Command {
    Append(Pending),
    /// Cut the active memtable, if it has records.
    Cut(oneshot::Sender<Result<()>>),
    /// The same if it is large or old: the cut that was due may have failed.
    CutIfDue,
    /// Answer; all that was asked before is done then. A group that waits is put once more before.
    Settle(oneshot::Sender<Result<()>>),
    /// Put the group that waits once more, if one does.
    GoOn,
    /// Forget everything.
    Reset(oneshot::Sender<Result<()>>),
    Stop,
}

/// A batch that waits to be durable.
#[derive(Debug)]
pub(crate) struct Pending {
    frame: Frame,
    batch: Batch,
    /// Of each audit event, for the hash tree.
    leaves: Vec<Hash>,
    reply: oneshot::Sender<Result<Appended>>,
}

impl Store {
    /// Makes the batch durable, all of it or nothing, and visible to every scan that starts after the return.
    ///
    /// When records come faster than they can be written to segments, an append waits a little for room, so that clients
    /// slow down to the speed of the disk; `Throttled` when that takes too long, or when flushes fail. `Full` when the disk
    /// is: nothing of the batch is stored, and appends succeed again once there is room. `Poisoned` after a failed write or
    /// sync; the outcome of the append that met the failure is then unknown until the store is opened anew. `Unanswered` while
    /// the object store that the journal is in does not answer, at once but for those who wait with the first; `Refused` when it refuses.
    pub async fn append(&self, batch: Batch) -> Result<Appended> {
        self.threads()?;
        let state = self.state();
        state.check_poison().and_then(|()| state.check_answered())?;
        self.wait_for_room().await?;
        // Hashed here and not by the writer, which all appends wait for.
        let (frame, leaves) = Frame::new(&batch)?;
        let bytes = frame.len();
        let (reply, answer) = oneshot::channel();
        state.queued_bytes.fetch_add(bytes, Ordering::Relaxed);
        state.queued_batches.fetch_add(1, Ordering::Relaxed);
        if let Err(error) = self.command(Command::Append(Pending { frame, batch, leaves, reply })) {
            state.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
            state.queued_batches.fetch_sub(1, Ordering::Relaxed);
            return Err(error);
        }
        answer.await.unwrap_or(Err(Error::Closed))
    }

    /// Waits until the memtables have room, as long as flushes go on to make it.
    async fn wait_for_room(&self) -> Result<()> {
        let state = self.state();
        let Err(full) = has_room(state) else { return Ok(()) };
        // A flush or a cut that failed is tried again only when it is asked for.
        wake_flusher(state);
        if lock(&state.cut_error).is_some() {
            self.command(Command::CutIfDue)?;
        }
        // Who has no patience does not race with the flush that was asked for.
        if state.options.room_wait.is_zero() {
            return Err(full);
        }
        let waiting = async {
            loop {
                // Listens before it looks, so that no flush is missed in between.
                let freed = state.room.notified();
                tokio::pin!(freed);
                freed.as_mut().enable();
                state.check_poison()?;
                match has_room(state) {
                    Ok(()) => return Ok(()),
                    Err(error) if state.flush_error().is_some() => return Err(error),
                    Err(_) => freed.await,
                }
            }
        };
        match tokio::time::timeout(state.options.room_wait, waiting).await {
            Ok(outcome) => outcome,
            Err(_) => has_room(state),
        }
    }
}

fn has_room(state: &State) -> Result<()> {
    let bytes_max = state.options.memtable_bytes_max.saturating_mul(3);
    let waiting_bytes = state.memtable_bytes().saturating_add(state.queued_bytes.load(Ordering::Relaxed));
    if waiting_bytes <= bytes_max && state.queued_batches.load(Ordering::Relaxed) < QUEUE_BATCHES_MAX {
        return Ok(());
    }
    Err(Error::Throttled { waiting_bytes, bytes_max })
}

/// Asks for a flush, once until it begins.
pub(crate) fn wake_flusher(state: &State) {
    if !state.flush_waiting.swap(true, Ordering::AcqRel) {
        // The flusher lives as long as the store; after `close` nobody is waiting.
        let _ = state.flusher.send(FlushCommand::Wake);
    }
}

/// Adds the records of a durable frame to a memtable.
pub(crate) fn apply(memtable: &Memtable, series: &mut SeriesIndex, meta: FrameMeta, batch: Batch) -> Vec<Arc<Event>> {
    if !batch.datapoints.is_empty() {
        memtable.add_points(batch.datapoints, meta.written, |datapoint| {
            let (count, sum, ..) = datapoint.observation.stats();
            let average = if count > 0.0 { sum / count } else { 0.0 };
            series.touch(&datapoint.series, meta.written, (datapoint.timestamp, average))
        });
    }
    if !batch.logs.is_empty() {
        memtable.add_logs(batch.logs, meta.first_log_sequence, meta.written);
    }
    if batch.events.is_empty() {
        return Vec::new();
    }
    memtable.add_events(batch.events, meta.first_event_sequence, meta.written)
}

/// Shows the records of durable batches: all after which the next log event and the next audit event have the sequences `next`.
pub(crate) fn show(
    state: &State,
    active: &Memtable,
    batches: impl Iterator<Item = (FrameMeta, Batch)>,
    leaves: &[Hash],
    next: (u64, u64),
) {
    let mut accepted = Vec::new();
    {
        let mut series = state.series_mut();
        for (meta, batch) in batches {
            accepted.append(&mut apply(active, &mut series, meta, batch));
        }
    }
    grow_tree(state, leaves);
    let had_logs = state.visible_logs.swap(next.0, Ordering::AcqRel) < next.0;
    state.visible_events.store(next.1, Ordering::Release);
    if had_logs {
        state.logs_arrived.notify_waiters();
    }
    state.event_tail.note(accepted);
}

/// Adds leaves to the event tree, whose events are in the memtable by now: whoever sees the tree finds the events that it covers.
fn grow_tree(state: &State, leaves: &[Hash]) {
    if leaves.is_empty() {
        return;
    }
    // Only one changes the tree, so it is hashed outside of the lock.
    let mut tree = lock(&state.event_tree).clone();
    let tiles = tree.extend(leaves);
    lock(&state.recent_leaves).extend(leaves, &tiles, tree.size());
    *lock(&state.event_tree) = tree;
}

/// Batches that one sync makes durable.
struct Group {
    bytes: usize,
    batches: Vec<Pending>,
}

impl Group {
    /// Takes all that wait; answers the command that ended it, if one did.
    fn gather(&mut self, commands: &mut UnboundedReceiver<Command>) -> Option<Command> {
        while self.bytes < GROUP_BYTES_MAX {
            match commands.try_recv() {
                Ok(Command::Append(pending)) => {
                    self.bytes += pending.frame.len();
                    self.batches.push(pending);
                }
                Ok(command) => return Some(command),
                Err(_) => break,
            }
        }
        None
    }
}

/// Who waits for the sequence of an append.
type Reply = oneshot::Sender<Result<Appended>>;

/// Batches of one group, sealed with their sequences.
#[derive(Debug)]
pub(crate) struct Sealed {
    batches: Vec<(FrameMeta, Batch, Option<Reply>)>,
    leaves: Vec<Hash>,
    next_log_sequence: u64,
    next_event_sequence: u64,
}

/// The only one that writes to the journal and to the active memtable.
#[derive(Debug)]
pub(crate) struct Writer {
    pub state: Arc<State>,
    pub runtime: tokio::runtime::Handle,
    pub journal: ActiveJournal,
    pub active: Arc<Memtable>,
    pub next_log_sequence: u64,
    pub next_event_sequence: u64,
    /// What the last group was.
    pub last: LastGroup,
    /// A group of unknown outcome, while the journal waits with it; its appends were answered.
    pub unanswered: Option<Sealed>,
    /// Its own commands: a group that waits is put again by one that comes later.
    pub commands: WeakUnboundedSender<Command>,
    /// True while such a command is to come.
    pub goes_on: bool,
}

/// The group before. Those whom it answered may send again at once: each would then have a sync of its own, for which the others
/// wait, where a moment's patience makes one for all.
#[derive(Debug, Default)]
pub(crate) struct LastGroup {
    batches: usize,
    millis: i64,
    /// Others came while it was written.
    was_awaited: bool,
}

impl LastGroup {
    /// How many are sending, to go by the last group and those that wait now. One sender alone waits for nobody.
    fn senders(&self, waiting: usize) -> usize {
        if self.was_awaited { self.batches + waiting } else { self.batches }
    }

    /// Steps to wait for them; none where syncs are cheap.
    fn patience(&self) -> u64 {
        let quarter_micros = u64::try_from(self.millis).unwrap_or(0) * 250;
        (quarter_micros / 100).min(COMPANIONS_STEPS_MAX)
    }
}

impl Writer {
    /// Works until it is told to stop.
    pub(crate) fn run(mut self, mut commands: UnboundedReceiver<Command>) {
        // A crash may have left more in the journal than memtables may hold: appends would be throttled for ever, for it is
        // after an append that a memtable is cut.
        if self.is_due(self.state.clock.0.now()) {
            self.cut_due();
        }
        let mut next = commands.blocking_recv();
        while let Some(command) = next.take() {
            match command {
                Command::Append(first) => next = self.append_group(first, &mut commands),
                Command::Cut(reply) => {
                    // The caller may have gone away; then nobody wants the answer.
                    let _ = reply.send(self.cut());
                }
                Command::CutIfDue if self.is_due(self.state.clock.0.now()) => self.cut_due(),
                Command::CutIfDue => {}
                Command::Settle(reply) => {
                    // Whether it worked is in `journal_error`.
                    let _ = self.settle_unanswered();
                    let _ = reply.send(Ok(()));
                }
                Command::GoOn => {
                    self.goes_on = false;
                    let _ = self.settle_unanswered();
                }
                Command::Reset(reply) => {
                    let _ = reply.send(self.reset());
                }
                Command::Stop => return self.tidy_up(),
            }
            next = next.or_else(|| commands.try_recv().ok());
            self.last.was_awaited = next.is_some();
            next = next.or_else(|| commands.blocking_recv());
        }
    }

    /// Gives back the room that journals have to be written faster. A start does well without, and with what a crash leaves of it.
    fn tidy_up(&mut self) {
        let ActiveJournal::File(journal) = &mut self.journal else { return };
        if self.state.check_poison().is_err() {
            return;
        }
        if let Err(error) = journal.finish(self.state.disk.as_ref()) {
            tracing::debug!(%error, "give back what a journal does not need");
        }
        self.state.drop_spare_journal();
    }

    /// Appends `first` and all that wait behind it; answers the command that ended the group, if one did.
    fn append_group(&mut self, first: Pending, commands: &mut UnboundedReceiver<Command>) -> Option<Command> {
        let mut group = Group { bytes: first.frame.len(), batches: vec![first] };
        let mut next = group.gather(commands);
        let expected = self.last.senders(group.batches.len());
        for _ in 0..self.last.patience() {
            if next.is_some() || group.batches.len() >= expected || group.bytes >= GROUP_BYTES_MAX {
                break;
            }
            std::thread::sleep(COMPANIONS_STEP);
            next = group.gather(commands);
        }
        let Group { bytes, batches: group } = group;
        let batches = group.len();
        // Read once: whether the memtable is due must not depend on how late after the answers we look.
        let written = self.state.clock.0.now();
        self.write_group(group, written);
        self.last = LastGroup { batches, millis: self.state.clock.0.now() - written, was_awaited: false };
        self.state.queued_bytes.fetch_sub(bytes, Ordering::Relaxed);
        self.state.queued_batches.fetch_sub(batches, Ordering::Relaxed);
        if self.is_due(written) {
            self.cut_due();
        }
        // Some wait for the queue to become shorter.
        self.state.room.notify_waiters();
        next
    }

    fn write_group(&mut self, group: Vec<Pending>, written: Timestamp) {
        if let Err(error) = self.state.check_poison().and_then(|()| self.state.check_answered()) {
            return refuse(group.into_iter().map(|pending| pending.reply), error);
        }
        let (mut logs, mut events) = (self.next_log_sequence, self.next_event_sequence);
        let mut frames = Vec::with_capacity(group.len());
        let mut batches = Vec::with_capacity(group.len());
        let mut new_leaves = Vec::new();
        for Pending { frame, batch, leaves, reply } in group {
            let meta = FrameMeta { first_log_sequence: logs, first_event_sequence: events, written };
            logs += batch.logs.len() as u64;
            events += batch.events.len() as u64;
            frames.push((meta, frame));
            new_leaves.extend(leaves);
            batches.push((meta, batch, Some(reply)));
        }
        let mut sealed = Sealed { batches, leaves: new_leaves, next_log_sequence: logs, next_event_sequence: events };
        // This is the durability point: nothing below is reached, and nothing is answered, unless the sync or the put succeeded.
        let state = Arc::clone(&self.state);
        let failing = |path: String, reason: String| note_failing(&state, path, reason);
        match self.journal.append(self.state.disk.as_ref(), &self.runtime, &mut frames, &failing) {
            Ok(written) => self.accept(sealed, written),
            Err(error) => {
                if matches!(error, Error::Full { .. }) {
                    self.state.drop_spare_journal();
                }
                let error = self.failed(error);
                refuse(sealed.batches.iter_mut().filter_map(|(_, _, reply)| reply.take()), error);
                self.unanswered = self.journal.is_waiting().then_some(sealed);
            }
        }
    }

    /// Makes a group that the journal waits with durable and visible, though nobody was told.
    fn settle_unanswered(&mut self) -> Result<()> {
        self.state.check_poison()?;
        let Some(sealed) = self.unanswered.take() else { return Ok(()) };
        let state = Arc::clone(&self.state);
        let failing = |path: String, reason: String| note_failing(&state, path, reason);
        match self.journal.go_on(&self.runtime, &failing) {
            Ok(written) => {
                self.accept(sealed, written);
                Ok(())
            }
            Err(error) => {
                self.unanswered = self.journal.is_waiting().then_some(sealed);
                Err(self.failed(error))
            }
        }
    }

    /// What a failed write means for those that come after it.
    fn failed(&mut self, error: Error) -> Error {
        match &error {
            Error::Unanswered { path, reason } => {
                tracing::warn!(%error, "append");
                note_failing(&self.state, path.clone(), reason.clone());
                self.go_on_later();
                error
            }
            Error::Refused { path, reason } => {
                tracing::warn!(%error, "append");
                let (path, reason) = (path.clone(), reason.clone());
                *lock(&self.state.journal_error) = Some(JournalError { path, reason, is_waiting: false });
                error
            }
            _ => {
                // The put seemed to fail at first, but its outcome is known now: nothing is waited for.
                *lock(&self.state.journal_error) = None;
                self.state.poison_unless_full(error)
            }
        }
    }

    /// The group that waits is put again after a while.
    fn go_on_later(&mut self) {
        if std::mem::replace(&mut self.goes_on, true) {
            return;
        }
        let (commands, pause) = (self.commands.clone(), self.state.options.journal_retry);
        self.runtime.spawn(async move {
            tokio::time::sleep(pause).await;
            // After a close there is nobody to go on.
            if let Some(commands) = commands.upgrade() {
                let _ = commands.send(Command::GoOn);
            }
        });
    }

    /// Shows the records of a durable group, and answers its appends.
    fn accept(&mut self, sealed: Sealed, (number, len): (u64, u64)) {
        let Sealed { batches, leaves, next_log_sequence: logs, next_event_sequence: events } = sealed;
        (self.next_log_sequence, self.next_event_sequence) = (logs, events);
        lock(&self.state.journals).insert(number, len);
        *lock(&self.state.journal_error) = None;
        let mut replies = Vec::with_capacity(batches.len());
        let batches = batches.into_iter().map(|(meta, batch, reply)| {
            replies.extend(reply.map(|reply| (meta, reply)));
            (meta, batch)
        });
        show(&self.state, &self.active, batches, &leaves, (logs, events));
        if let ActiveJournal::Objects(_) = self.journal {
            self.state.acknowledged.store(number, Ordering::Release);
        }
        for (meta, reply) in replies {
            let appended = Appended {
                first_log_sequence: meta.first_log_sequence,
                first_event_sequence: meta.first_event_sequence,
            };
            let _ = reply.send(Ok(appended));
        }
    }

    fn is_due(&self, now: Timestamp) -> bool {
        let options = &self.state.options;
        self.active.bytes() >= options.memtable_bytes_max
            || self.journal.is_long()
            || (!self.active.is_empty() && now - self.active.first_written() >= options.memtable_age_ms_max)
    }

    /// Cuts a memtable that is large or old. After a failure the memtable stays as it is: when the disk is full, the next
    /// append tries again, and any other failure poisons the journal.
    fn cut_due(&mut self) {
        if let Err(error) = self.cut() {
            tracing::error!(%error, "cut a memtable");
        }
    }

    /// Begins a new journal, durable, for a new memtable.
    fn next_journal(&mut self) -> Result<Cut> {
        self.state.check_poison()?;
        let State { disk, journal_folder, options, spare_journal, .. } = &*self.state;
        let begun = self.journal.cut(disk.as_ref(), journal_folder, options.salt, spare_journal);
        if matches!(begun, Err(Error::Full { .. })) {
            self.state.drop_spare_journal();
        }
        let begun = begun.map_err(|error| self.state.poison_unless_full(error));
        *lock(&self.state.cut_error) = begun.as_ref().err().map(ToString::to_string);
        // Appends that wait for room see that it will come, or that it will not.
        self.state.room.notify_waiters();
        let (number, len) = begun?;
        if let Some(len) = len {
            lock(&self.state.journals).insert(number, len);
        }
        Ok(Cut {
            journal_first: number,
            next_log_sequence: self.next_log_sequence,
            next_event_sequence: self.next_event_sequence,
            event_tree: Arc::new(lock(&self.state.event_tree).clone()),
        })
    }

    /// Ends the active memtable and hands it to the flusher.
    fn cut(&mut self) -> Result<()> {
        if self.active.is_empty() {
            // Older ones may be waiting because their flush failed.
            wake_flusher(&self.state);
            return Ok(());
        }
        let cut = self.next_journal()?;
        self.active.cut_at(cut);
        self.active = Arc::new(Memtable::new(self.next_log_sequence));
        {
            let mut snapshot = lock(&self.state.snapshot);
            let mut memtables = snapshot.memtables.clone();
            memtables.push(Arc::clone(&self.active));
            *snapshot = Arc::new(Snapshot { memtables, ..Snapshot::clone(&snapshot) });
        }
        wake_flusher(&self.state);
        Ok(())
    }

    /// Forgets all records: a manifest without segments, a journal without frames.
    fn reset(&mut self) -> Result<()> {
        // What nobody was told of goes, too.
        self.state.check_poison().and_then(|()| self.settle_unanswered())?;
        let cut = self.next_journal()?;
        let active = Arc::new(Memtable::new(self.next_log_sequence));
        let change = Change { reset: Some((Arc::clone(&active), cut)), ..Change::default() };
        match self.runtime.block_on(self.state.commit(change)) {
            Ok(_) => {}
            // The journal has moved on and the memtable has not, so only a restart can bring them together.
            Err(error) => return Err(self.state.poison(&error)),
        }
        self.active = active;
        self.state.series_mut().clear();
        Ok(())
    }
}

/// Appends are refused from now on, until the group whose put failed is put.
fn note_failing(state: &State, path: String, reason: String) {
    *lock(&state.journal_error) = Some(JournalError { path, reason, is_waiting: true });
}

/// Answers all of a group with the error of its write.
fn refuse(replies: impl Iterator<Item = oneshot::Sender<Result<Appended>>>, error: Error) {
    for reply in replies {
        let again = match &error {
            Error::Full { path } => Error::Full { path: path.clone() },
            Error::Unanswered { path, reason } => Error::Unanswered { path: path.clone(), reason: reason.clone() },
            Error::Refused { path, reason } => Error::Refused { path: path.clone(), reason: reason.clone() },
            Error::Poisoned { reason } => Error::Poisoned { reason: reason.clone() },
            other => Error::Poisoned { reason: other.to_string() },
        };
        // The caller may have gone away; then nobody wants the answer.
        let _ = reply.send(Err(again));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_waits_for_those_who_were_answered_and_one_sender_for_nobody() {
        let last = |batches, was_awaited| LastGroup { batches, millis: 4, was_awaited };
        assert_eq!(last(1, false).senders(1), 1, "one sender, who waits for each answer");
        assert_eq!(last(1, true).senders(1), 2, "another came during the sync");
        assert_eq!(last(2, false).senders(1), 2, "two who were answered together");
        assert_eq!(last(30, true).senders(2), 32);
    }

    #[test]
    fn patience_ends_with_a_quarter_of_the_last_sync_and_with_a_millisecond() {
        let steps = |millis| LastGroup { batches: 2, millis, was_awaited: true }.patience();
        assert_eq!([-5, 0, 1, 2, 4, 1_000_000].map(steps), [0, 0, 2, 5, 10, 10], "a clock may be set back");
    }
}
