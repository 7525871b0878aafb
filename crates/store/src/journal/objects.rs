//! The journal as objects: a group of appends is one put, and is acknowledged when the object store has it.
//!
//! # Promise
//! A group that was acknowledged is found by whoever opens the store next, once, in order, though the node that wrote it is lost. When
//! another node has opened the store, no group of the node before is acknowledged any more.
//!
//! # Format, version 1
//! Objects `journal/<epoch, 8 digits>/<sequence, 13 digits>`, sequences from 1 on and without gaps; both together are one number
//! (`owner.rs`). Integers are little-endian. Header, 52 bytes:
//!
//! | offset | size | content |
//! | --- | --- | --- |
//! | 0 | 8 | `TWJOBJ01` |
//! | 8 | 8 | number, as in the name |
//! | 16 | 8 | epoch of the writer: that of the name, or for an end a later one |
//! | 24 | 8 | salt |
//! | 32 | 4 | frames that follow; 0 for an end |
//! | 36 | 8 | bytes that follow |
//! | 44 | 4 | 1 when a memtable of its writer begins with this object, else 0 |
//! | 48 | 4 | CRC-32 of bytes 0..48 |
//!
//! Then the frames, as in a file (`journal.rs`), of which the first offset that was durable before them is 0.
//!
//! Where a memtable begins is for those who follow the writer (`reader.rs`): each manifest names such a place as its first. What is before
//! it is of other memtables, or, where nothing is said, perhaps of the same: the first object of an epoch says 1 only when the records that
//! were recovered are a memtable of their own. Ends say 0, and so did all objects before there were readers.
//!
//! # How an old writer is stopped
//! Each put is one that never replaces an object, and one at a time: the only place where a writer may put is behind its last object.
//! Who opens the store reads all objects of the epochs before, and puts an *end* in the first free place of each. A writer that finds
//! its place taken by an end has been taken over. Ends are never removed, for nobody knows how long a writer was asleep; they are 52
//! bytes for each open. What lies before an end may go: its writer's place is the end's.
//!
//! # Puts of unknown outcome
//! An error is followed by a look at the place. When that fails, too, or finds nothing each time, the group waits: its appends are
//! answered `Unanswered`, and so is everything after it until the group was put, or found where it was put. Then it counts, though
//! nobody was told.
//!
//! An error that says that the object store refuses (`is_refusal`) is no unknown outcome: a group that no other put was made of is
//! dropped when its place is free, and its appends are answered `Refused`.

use super::{Frame, FrameMeta, Recovered, read_frame};
use crate::codec::{Decoder, Encoder};
use crate::error::{Error, Result};
use crate::frame;
use crate::owner::{epoch_of, first_of};
use bytes::Bytes;
use futures::StreamExt;
use model::Batch;
use object_store::path::Path;
use object_store::{GetOptions, ObjectStore, PutMode, PutOptions, PutPayload};
use std::sync::Arc;

const MAGIC: &[u8; 8] = b"TWJOBJ01";
const HEADER_BYTES: usize = 52;
/// Objects that are read at the same time when the store is opened: 4096 of them, each of which takes an endpoint 20 ms, are read in 5 s, and
/// whoever takes over from a lost node is waited for. They are in memory meanwhile; many are small, for all are of a few memtables.
pub(crate) const PARALLEL: usize = 16;
/// So much of each of them is read at once where memory is held by other things; the rest of larger ones is read one after the other.
const BEGINNING_BYTES: u64 = 1024 * 1024;
/// How many places behind the first free one are looked at: there may be none that is taken.
const LOOK_AHEAD: u64 = 8;
/// A memtable is cut after so many objects, so that an open does not read many more.
const OBJECTS_MAX: u64 = 4096;
/// How often a put is tried while each look at its place says that nothing is there.
const TRIES_MAX: usize = 3;

/// The path of an object.
pub(crate) fn path(number: u64) -> Path {
    let epoch = epoch_of(number);
    Path::from(format!("journal/{epoch:08}/{:013}", number - first_of(epoch)))
}

/// The number of an object.
fn number(path: &Path) -> Option<u64> {
    let text = path.as_ref().strip_prefix("journal/")?;
    let (epoch, sequence) = text.split_once('/')?;
    let (epoch, sequence): (u64, u64) = (epoch.parse().ok()?, sequence.parse().ok()?);
    let number = first_of(epoch).checked_add(sequence)?;
    (self::path(number) == *path).then_some(number)
}

/// The journal that is being written.
#[derive(Debug)]
pub(crate) struct ObjectJournal {
    objects: Arc<dyn ObjectStore>,
    /// The next object.
    number: u64,
    /// The first one since the last cut, and the bytes since then.
    first: u64,
    len: u64,
    /// A memtable begins with the next object.
    is_cut: bool,
    salt: u64,
    /// A group of unknown outcome, whose place is `number`.
    waiting: Option<Waiting>,
}

/// A group that is being put.
#[derive(Debug, Clone)]
struct Waiting {
    body: Bytes,
    /// A put of it failed that may have had its effect, or may have it later.
    is_unknown: bool,
}

/// Told path and reason of a put that failed, before more is tried.
pub(crate) type Failing<'a> = dyn Fn(String, String) + Sync + 'a;

impl ObjectJournal {
    /// The journal of an epoch that was just claimed.
    pub(crate) fn new(objects: Arc<dyn ObjectStore>, epoch: u64, salt: u64) -> Self {
        let first = first_of(epoch) + 1;
        Self { objects, number: first, first, len: 0, is_cut: false, salt, waiting: None }
    }

    /// The number of the next object: what is in memtables now lies before it, but for a group that waits.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// True when a memtable should be cut so that an open has less to read.
    pub(crate) fn is_long(&self) -> bool {
        self.number - self.first >= OBJECTS_MAX || self.len >= super::JOURNAL_BYTES_MAX
    }

    /// What was written is not counted any more; the next object says that a memtable begins with it.
    pub(crate) fn cut(&mut self) {
        (self.first, self.len, self.is_cut) = (self.number, 0, true);
    }

    /// True when a group waits for its outcome.
    pub(crate) fn is_waiting(&self) -> bool {
        self.waiting.is_some()
    }

    /// Puts a group; no group may be waiting. Answers its number and length. After `Unanswered` the group waits, after `Refused` it is
    /// nowhere; after any other error write no more.
    pub(crate) async fn append(
        &mut self,
        group: &mut [(FrameMeta, Frame)],
        failing: &Failing<'_>,
    ) -> Result<(u64, u64)> {
        let total: usize = group.iter().map(|(_, frame)| frame.len()).sum();
        let mut encoder = Encoder(Vec::with_capacity(HEADER_BYTES + total));
        let kind = Kind::Group { frames: group.len(), bytes: total, begins_memtable: self.is_cut };
        put_header(&mut encoder, self.number, epoch_of(self.number), self.salt, kind);
        for (meta, frame) in group {
            frame.seal(self.salt, self.number, 0, *meta);
            encoder.0.extend_from_slice(&frame.0);
        }
        self.waiting = Some(Waiting { body: encoder.0.into(), is_unknown: false });
        self.go_on(failing).await
    }

    /// Puts the group that waits.
    pub(crate) async fn go_on(&mut self, failing: &Failing<'_>) -> Result<(u64, u64)> {
        let Some(waiting) = &mut self.waiting else { return Err(Error::Bug("no group waits".into())) };
        let (number, len) = (self.number, waiting.body.len() as u64);
        match put_once(self.objects.as_ref(), number, waiting, failing).await? {
            Place::Ours => {}
            Place::Free(refusal) => {
                self.waiting = None;
                return Err(Error::Refused { path: path(number).to_string(), reason: refusal.to_string() });
            }
            Place::Taken(other) => {
                let head = read_head(&other, number).map_err(|reason| Error::corrupt(path(number), 0, reason))?;
                return Err(Error::TakenOver { epoch: head.writer_epoch });
            }
        }
        self.waiting = None;
        self.number += 1;
        self.len += len;
        self.is_cut = false;
        Ok((number, len))
    }
}

/// What is in a place after a put.
enum Place {
    Ours,
    /// By another object, which was there before.
    Taken(Bytes),
    /// By nothing, now and later: the put was refused.
    Free(object_store::Error),
}

/// Whether an error says that a put had no effect, and will have none.
fn is_refusal(error: &object_store::Error) -> bool {
    use object_store::Error::{InvalidPath, NotImplemented, NotSupported, PermissionDenied, Unauthenticated};
    matches!(
        error,
        NotSupported { .. }
            | NotImplemented { .. }
            | PermissionDenied { .. }
            | Unauthenticated { .. }
            | InvalidPath { .. }
    )
}

/// Puts an object where none is. `Unanswered` when it may be there or not, now or later.
async fn put_once(
    objects: &dyn ObjectStore,
    number: u64,
    Waiting { body, is_unknown }: &mut Waiting,
    failing: &Failing<'_>,
) -> Result<Place> {
    let path = path(number);
    let mut outcome = None;
    for _ in 0..TRIES_MAX {
        let options = PutOptions { mode: PutMode::Create, ..PutOptions::default() };
        let error = match objects.put_opts(&path, PutPayload::from_bytes(body.clone()), options).await {
            Ok(_) => return Ok(Place::Ours),
            Err(error) => error,
        };
        // That the place is taken is an answer.
        if !matches!(error, object_store::Error::AlreadyExists { .. }) {
            failing(path.to_string(), error.to_string());
        }
        *is_unknown |= !is_refusal(&error);
        // The place is taken, perhaps by this very put, whose answer was lost.
        match read(objects, &path).await {
            Ok(Some(there)) if there == *body => return Ok(Place::Ours),
            Ok(Some(there)) => return Ok(Place::Taken(there)),
            Ok(None) if !*is_unknown => return Ok(Place::Free(error)),
            Ok(None) => outcome = Some(error),
            Err(_) => {
                outcome = Some(error);
                break;
            }
        }
    }
    let reason = outcome.map_or_else(String::new, |error| error.to_string());
    Err(Error::Unanswered { path: path.to_string(), reason })
}

pub(crate) async fn read(objects: &dyn ObjectStore, path: &Path) -> Result<Option<Bytes>> {
    match objects.get_opts(path, Default::default()).await {
        Ok(get) => get.bytes().await.map(Some).map_err(Error::object("read", path)),
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(Error::object("read", path)(error)),
    }
}

/// Replays all objects from number `first` on that epochs before `epoch` have, in order, and ends these epochs. `TakenOver` when a later
/// epoch did.
pub(crate) async fn recover(
    objects: &dyn ObjectStore,
    first: u64,
    epoch: u64,
    salt: u64,
    apply: &mut dyn FnMut(FrameMeta, Batch),
) -> Result<Recovered> {
    let mut recovered = Recovered { last: first.saturating_sub(1), files: Vec::new() };
    for of in epoch_of(first)..epoch {
        let mut next = first.max(first_of(of) + 1);
        while let Some(free) = replay(objects, next, &mut recovered, apply).await? {
            let mut end = Encoder(Vec::with_capacity(HEADER_BYTES));
            put_header(&mut end, free, epoch, salt, Kind::End);
            let mut end = Waiting { body: end.0.into(), is_unknown: false };
            match put_once(objects, free, &mut end, &|_, _| {}).await? {
                Place::Ours => break,
                // The epoch's writer was faster, or another node ended it.
                Place::Taken(_) => next = free,
                Place::Free(refusal) => {
                    return Err(Error::Refused { path: path(free).to_string(), reason: refusal.to_string() });
                }
            }
        }
        if let Some(later) = recovered_end(objects, &recovered, of, epoch).await? {
            return Err(Error::TakenOver { epoch: later });
        }
    }
    Ok(recovered)
}

/// The epoch that ended epoch `of`, if it is later than `epoch`.
async fn recovered_end(objects: &dyn ObjectStore, recovered: &Recovered, of: u64, epoch: u64) -> Result<Option<u64>> {
    let end = if epoch_of(recovered.last) == of { recovered.last + 1 } else { first_of(of) + 1 };
    let path = path(end);
    let Some(bytes) = read(objects, &path).await? else {
        return Err(Error::corrupt(path, 0, "the end of an epoch is missing"));
    };
    let head = read_head(&bytes, end).map_err(|reason| Error::corrupt(path, 0, reason))?;
    Ok((head.writer_epoch > epoch).then_some(head.writer_epoch))
}

/// Replays objects from number `next` on; answers the first place that is free, or `None` after an end.
async fn replay(
    objects: &dyn ObjectStore,
    mut next: u64,
    recovered: &mut Recovered,
    apply: &mut dyn FnMut(FrameMeta, Batch),
) -> Result<Option<u64>> {
    loop {
        let read_place = |number| async move { (number, read(objects, &path(number)).await) };
        let reads = futures::stream::iter(next..).map(read_place).buffered(PARALLEL);
        futures::pin_mut!(reads);
        let mut free = None;
        while let Some((number, bytes)) = reads.next().await {
            match (bytes?, free) {
                (Some(bytes), None) => {
                    if read_object(number, &bytes, apply)?.is_end() {
                        return Ok(None);
                    }
                    recovered.last = number;
                    recovered.files.push((number, bytes.len() as u64));
                    next = number + 1;
                }
                (None, None) => free = Some(number),
                (None, Some(first)) if number >= first + LOOK_AHEAD => return Ok(Some(first)),
                (None, Some(_)) => {}
                // Its writer goes on, and has filled the place meanwhile, or somebody took the object out of the row.
                (Some(_), Some(missing)) => {
                    if read(objects, &path(missing)).await?.is_none() {
                        return Err(Error::corrupt(path(missing), 0, "the object is missing"));
                    }
                    break;
                }
            }
        }
    }
}

/// Applies the frames of an object.
pub(crate) fn read_object(number: u64, bytes: &[u8], apply: &mut dyn FnMut(FrameMeta, Batch)) -> Result<Head> {
    let corrupt = |offset: usize, reason| Error::corrupt(path(number), offset as u64, reason);
    let head = read_head(bytes, number).map_err(|reason| corrupt(0, reason))?;
    let mut offset = HEADER_BYTES;
    for _ in 0..head.frames {
        let rest = bytes.get(offset..).unwrap_or_default();
        let (frame_head, payload) = read_frame(rest, head.salt, number).map_err(|reason| corrupt(offset, reason))?;
        let batch = frame::decode(payload).map_err(|reason| corrupt(offset, reason))?;
        apply(frame_head.meta, batch);
        offset += super::FRAME_HEADER_BYTES + payload.len();
    }
    if offset != bytes.len() {
        return Err(corrupt(offset, "there are bytes behind the last frame"));
    }
    Ok(head)
}

/// The beginning of an object, and how long all of it is.
#[derive(Debug)]
pub(crate) struct Beginning {
    bytes: Bytes,
    len: u64,
}

/// Objects by their numbers, in order, several read at a time: of each the beginning, which is all of most; `None` where there is none.
pub(crate) fn beginnings(
    objects: &dyn ObjectStore,
    numbers: std::ops::RangeInclusive<u64>,
) -> impl futures::Stream<Item = (u64, Result<Option<Beginning>>)> {
    let read = move |number| async move { (number, read_beginning(objects, &path(number)).await) };
    futures::stream::iter(numbers).map(read).buffered(PARALLEL)
}

async fn read_beginning(objects: &dyn ObjectStore, path: &Path) -> Result<Option<Beginning>> {
    let options = GetOptions { range: Some((0..BEGINNING_BYTES).into()), ..GetOptions::default() };
    match objects.get_opts(path, options).await {
        Ok(get) => {
            let len = get.meta.size;
            Ok(Some(Beginning { bytes: get.bytes().await.map_err(Error::object("read", path))?, len }))
        }
        Err(object_store::Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(Error::object("read", path)(error)),
    }
}

/// The whole object of a beginning; `None` when it has gone meanwhile.
pub(crate) async fn whole(objects: &dyn ObjectStore, number: u64, beginning: Beginning) -> Result<Option<Bytes>> {
    if beginning.bytes.len() as u64 == beginning.len {
        Ok(Some(beginning.bytes))
    } else {
        read(objects, &path(number)).await
    }
}

/// Removes objects that nobody needs: those before `first`, but for ends.
pub(crate) async fn remove_before(objects: &Arc<dyn ObjectStore>, first: u64) -> Result<()> {
    let mut old = groups(objects.as_ref()).await?;
    old.retain(|number| *number < first);
    remove(objects, old).await;
    Ok(())
}

/// Whether there are groups from number `first` on.
pub(crate) async fn has_groups(objects: &dyn ObjectStore, first: u64) -> Result<bool> {
    Ok(groups(objects).await?.last().is_some_and(|last| *last >= first))
}

/// Numbers of all objects but ends, ascending.
async fn groups(objects: &dyn ObjectStore) -> Result<Vec<u64>> {
    let folder = Path::from("journal");
    let mut listed = objects.list(Some(&folder));
    let mut numbers = Vec::new();
    while let Some(object) = listed.next().await {
        let object = object.map_err(Error::object("list", &folder))?;
        if object.size > HEADER_BYTES as u64 {
            numbers.extend(number(&object.location));
        }
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Removes objects; one that stays is removed by a later open.
pub(crate) async fn remove(objects: &Arc<dyn ObjectStore>, numbers: Vec<u64>) {
    let paths = futures::stream::iter(numbers.into_iter().map(|number| Ok(path(number)))).boxed();
    let mut removed = objects.delete_stream(paths);
    while let Some(removed) = removed.next().await {
        match removed {
            Ok(_) | Err(object_store::Error::NotFound { .. }) => {}
            Err(error) => tracing::debug!(%error, "remove an object of the journal"),
        }
    }
}

/// What an object is.
enum Kind {
    Group { frames: usize, bytes: usize, begins_memtable: bool },
    End,
}

fn put_header(encoder: &mut Encoder, number: u64, epoch: u64, salt: u64, kind: Kind) {
    let (frames, bytes, begins_memtable) = match kind {
        Kind::Group { frames, bytes, begins_memtable } => (frames, bytes, begins_memtable),
        Kind::End => (0, 0, false),
    };
    encoder.0.extend_from_slice(MAGIC);
    encoder.u64(number);
    encoder.u64(epoch);
    encoder.u64(salt);
    // A group has 4,096 frames at most.
    encoder.u32(frames as u32);
    encoder.u64(bytes as u64);
    encoder.u32(u32::from(begins_memtable));
    encoder.u32(crc32fast::hash(&encoder.0));
}

/// What an object says of itself.
pub(crate) struct Head {
    writer_epoch: u64,
    salt: u64,
    frames: u32,
    /// A memtable of its writer begins with it.
    pub begins_memtable: bool,
}

impl Head {
    /// True when its epoch ends there.
    pub(crate) fn is_end(&self) -> bool {
        self.frames == 0
    }
}

fn read_head(bytes: &[u8], number: u64) -> std::result::Result<Head, &'static str> {
    let header = bytes.get(..HEADER_BYTES).ok_or("the header ends too early")?;
    if &header[..8] != MAGIC {
        return Err("the object does not begin as one of a journal");
    }
    let mut decoder = Decoder(&header[8..]);
    let written_number = decoder.u64()?;
    let (writer_epoch, salt, frames) = (decoder.u64()?, decoder.u64()?, decoder.u32()?);
    let (length, begins_memtable) = (decoder.u64()?, decoder.u32()?);
    if decoder.u32()? != crc32fast::hash(&header[..48]) {
        return Err("the checksum of the header is wrong");
    }
    if written_number != number {
        return Err("the header is another object's");
    }
    if length != (bytes.len() - HEADER_BYTES) as u64 {
        return Err("the object has another length than its header says");
    }
    let head = Head { writer_epoch, salt, frames, begins_memtable: begins_memtable == 1 };
    let is_end = head.is_end();
    if is_end == (writer_epoch == epoch_of(number))
        || (is_end && writer_epoch < epoch_of(number))
        || begins_memtable > u32::from(!is_end)
    {
        return Err("the header is of an unknown kind");
    }
    Ok(head)
}

#[cfg(test)]
mod tests;
