//! The journal: appended batches, durable before they are acknowledged, replayed when the store is opened.
//!
//! # Promise
//! A frame whose append was acknowledged is found again after kill -9 and power loss, once, in order. A frame that was
//! being written when the machine stopped is found whole or not at all.
//!
//! # Format, version 1
//! Files `journal/<number as 20 digits>.journal`, numbers without gaps. A new file begins when a memtable is cut; a file is
//! not needed any more when the manifest says that all its records are in segments. Then it is removed, or becomes `journal/spare`, of
//! which the next file is made: to write over blocks that a file has takes half the time of a sync that makes it longer. Such a file has
//! version 2; behind its last frame are bytes of the file that it was, until the next file begins and they are cut off. Integers are
//! little-endian.
//!
//! File header, 40 bytes:
//!
//! | offset | size | content |
//! | --- | --- | --- |
//! | 0 | 8 | `TWJOURNL` |
//! | 8 | 4 | version: 1, or 2 for a file that was another before |
//! | 12 | 4 | 0 |
//! | 16 | 8 | number, as in the name |
//! | 24 | 8 | salt |
//! | 32 | 4 | CRC-32 of bytes 0..32 |
//! | 36 | 4 | 0 |
//!
//! Then frames, one per append, each a 48 byte header and its payload:
//!
//! | offset | size | content |
//! | --- | --- | --- |
//! | 0 | 4 | `TWFR` |
//! | 4 | 4 | length of the payload |
//! | 8 | 4 | kind: 1 = batch (see `frame.rs`) |
//! | 12 | 4 | CRC-32 of the payload |
//! | 16 | 8 | sequence of the first log event |
//! | 24 | 8 | sequence of the first audit event |
//! | 32 | 8 | time of the append, ms |
//! | 40 | 4 | length of the file that was durable before this frame's group was written |
//! | 44 | 4 | CRC-32 of salt, number and bytes 0..44 |
//!
//! The frame of an empty batch (payload `0100000000`) of sequences 1 and 1 at time 0, first in its file, begins
//! `54574652 05000000 01000000 adde42fb 0100000000000000 0100000000000000 0000000000000000 28000000`, then the CRC, then the payload.
//!
//! # Recovery
//! Only the last file may end badly, because a file is begun after all frames of the one before are durable. Damage there is
//! a *torn tail*, which is cut off, unless a later intact frame says that the damaged place was durable: then, and in every
//! other file, damage is an error that names file and offset. The salt keeps clients from writing messages that look like
//! such a frame; that and the number keep frames of the file before from looking like frames of this one. What cannot be told apart: a group of frames torn by a power loss, and damage to the very last group.
//!
//! A write that fails because the disk is full is cut off again, durably, before its appends are answered with an error.

pub(crate) mod objects;

use crate::codec::{Decoder, Encoder};
use crate::disk::{Disk, DiskFile, is_full};
use crate::error::{Error, Result};
use crate::frame;
use model::{Batch, Timestamp};
use proof::merkle::Hash;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const FILE_MAGIC: &[u8; 8] = b"TWJOURNL";
const FRAME_MAGIC: &[u8; 4] = b"TWFR";
const VERSION: u32 = 1;
const VERSION_OF_REUSED: u32 = 2;
/// What files that are not needed any more are kept as, one at a time.
const SPARE: &str = "spare";
/// A longer one is not kept.
const SPARE_BYTES_MAX: u64 = 256 * 1024 * 1024;
const KIND_BATCH: u32 = 1;
/// Length of a file's header.
pub(crate) const FILE_HEADER_BYTES: usize = 40;
/// Length of a frame's header.
pub(crate) const FRAME_HEADER_BYTES: usize = 48;
/// Longest payload of a frame.
pub(crate) const PAYLOAD_BYTES_MAX: usize = 256 * 1024 * 1024;
/// A journal is cut when it is this long, so that offsets fit four bytes with room for the largest group.
pub(crate) const JOURNAL_BYTES_MAX: u64 = 1024 * 1024 * 1024;

/// What a frame says about its batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FrameMeta {
    pub first_log_sequence: u64,
    pub first_event_sequence: u64,
    pub written: Timestamp,
}

/// An encoded batch with room for its header.
#[derive(Debug)]
pub(crate) struct Frame(Vec<u8>);

impl Frame {
    /// Encodes a batch; the header waits for the sequences. With the hashes of its audit events.
    pub(crate) fn new(batch: &Batch) -> Result<(Self, Vec<Hash>)> {
        let mut encoder = Encoder(Vec::with_capacity(FRAME_HEADER_BYTES + frame::size_hint(batch)));
        encoder.0.resize(FRAME_HEADER_BYTES, 0);
        let leaves = frame::encode(batch, &mut encoder);
        let bytes = encoder.0.len() - FRAME_HEADER_BYTES;
        if bytes > PAYLOAD_BYTES_MAX {
            return Err(Error::TooLarge { bytes, bytes_max: PAYLOAD_BYTES_MAX });
        }
        let crc = crc32fast::hash(&encoder.0[FRAME_HEADER_BYTES..]);
        encoder.0[12..16].copy_from_slice(&crc.to_le_bytes());
        Ok((Self(encoder.0), leaves))
    }

    /// Length with its header.
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    /// Completes the header; `durable` is how much of the file, or of the object, is so before this group.
    fn seal(&mut self, salt: u64, number: u64, durable: u64, meta: FrameMeta) {
        let mut header = Encoder(Vec::with_capacity(FRAME_HEADER_BYTES));
        header.0.extend_from_slice(FRAME_MAGIC);
        header.u32(u32::try_from(self.0.len() - FRAME_HEADER_BYTES).expect("checked against PAYLOAD_BYTES_MAX"));
        header.u32(KIND_BATCH);
        header.0.extend_from_slice(&self.0[12..16]);
        header.u64(meta.first_log_sequence);
        header.u64(meta.first_event_sequence);
        header.i64(meta.written.0);
        header.u32(u32::try_from(durable).expect("journals are cut at JOURNAL_BYTES_MAX"));
        header.u32(header_crc(salt, number, &header.0));
        self.0[..FRAME_HEADER_BYTES].copy_from_slice(&header.0);
    }
}

fn header_crc(salt: u64, number: u64, header: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&salt.to_le_bytes());
    hasher.update(&number.to_le_bytes());
    hasher.update(header);
    hasher.finalize()
}

/// The journal that is being written.
#[derive(Debug)]
pub(crate) struct Journal {
    file: Box<dyn DiskFile>,
    path: PathBuf,
    number: u64,
    salt: u64,
    /// Bytes written.
    len: u64,
    /// How long the file is, when it is longer, for it was another one before.
    file_len: u64,
    /// Bytes synced.
    durable: u64,
    buffer: Vec<u8>,
}

impl Journal {
    /// Begins file `number`, durable with its header; of the spare file, if there is one. After `Error::Full` there is no such file; one that
    /// is there stays as it is.
    pub(crate) fn create(disk: &dyn Disk, folder: &Path, number: u64, salt: u64, spare: Option<Spare>) -> Result<Self> {
        let path = file_path(folder, number);
        let len = FILE_HEADER_BYTES as u64;
        if let Some(Spare(spare_len)) = spare
            && let Some(file) = reused(disk, folder, number, &file_header(VERSION_OF_REUSED, number, salt))?
        {
            let file_len = spare_len.max(len);
            return Ok(Self { file, path, number, salt, len, file_len, durable: len, buffer: Vec::new() });
        }
        let header = file_header(VERSION, number, salt);
        // A file that could not be begun must not stay: its number is used again.
        let undo = |error: std::io::Error| match disk.remove(&path) {
            Err(kept) if kept.kind() != std::io::ErrorKind::NotFound => Error::io("remove", &path)(kept),
            _ if is_full(&error) => Error::Full { path: path.display().to_string() },
            _ => Error::io("create", &path)(error),
        };
        let begin = || {
            let mut file = disk.create(&path)?;
            file.write(0, &header).map(|()| file)
        };
        let mut file = begin().map_err(|error| match error.kind() {
            std::io::ErrorKind::AlreadyExists => Error::io("create", &path)(error),
            _ => undo(error),
        })?;
        file.sync().map_err(Error::io("sync", &path))?;
        Ok(Self { file, path, number, salt, len, file_len: len, durable: len, buffer: Vec::new() })
    }

    /// Cuts off what the file had before it was this one, durably: only the last file may have something behind its last frame.
    pub(crate) fn finish(&mut self, disk: &dyn Disk) -> Result<()> {
        if self.file_len > self.len {
            disk.truncate(&self.path, self.len).map_err(|error| match is_full(&error) {
                // Where a shorter file takes room as well, as in a file system that never writes in place.
                true => Error::Full { path: self.path.display().to_string() },
                false => Error::io("truncate", &self.path)(error),
            })?;
            self.file_len = self.len;
        }
        Ok(())
    }

    /// The number of the file.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// Bytes written so far.
    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Writes a group of frames with one sync. After `Error::Full` nothing of them is in the file; after any other error the
    /// file's content is unknown: write no more to it.
    pub(crate) fn append(&mut self, disk: &dyn Disk, group: &mut [(FrameMeta, Frame)]) -> Result<()> {
        // One large frame is written as it is; small ones are gathered, for a write costs more than a copy.
        let total: usize = group.iter().map(|(_, frame)| frame.len()).sum();
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        let gather = group.len() > 1;
        for (meta, frame) in group.iter_mut() {
            frame.seal(self.salt, self.number, self.durable, *meta);
            if gather {
                buffer.extend_from_slice(&frame.0);
            }
        }
        let bytes = match group {
            [(_, frame)] => &frame.0,
            _ => &buffer,
        };
        if let Err(error) = self.file.write(self.len, bytes) {
            return Err(self.take_back(disk, error));
        }
        self.file.sync().map_err(Error::io("sync", &self.path))?;
        self.len += total as u64;
        self.file_len = self.file_len.max(self.len);
        self.durable = self.len;
        if buffer.capacity() <= 16 * 1024 * 1024 {
            self.buffer = buffer;
        }
        Ok(())
    }

    /// Cuts off what a failed write left, when it failed because the disk is full: appends may go on once there is room. Only
    /// a write may be taken back so; after a failed sync nobody knows which bytes the disk has.
    fn take_back(&mut self, disk: &dyn Disk, error: std::io::Error) -> Error {
        if !is_full(&error) {
            return Error::io("write", &self.path)(error);
        }
        match disk.truncate(&self.path, self.len) {
            Ok(()) => {
                self.file_len = self.len;
                Error::Full { path: self.path.display().to_string() }
            }
            Err(error) => Error::io("truncate", &self.path)(error),
        }
    }
}

/// File `number`, made of the spare one; `None` when the disk cannot. Then neither is there.
fn reused(disk: &dyn Disk, folder: &Path, number: u64, header: &[u8]) -> Result<Option<Box<dyn DiskFile>>> {
    let (spare, path) = (folder.join(SPARE), file_path(folder, number));
    let error = match disk.reuse(&spare, &path, header) {
        Ok(file) => return Ok(Some(file)),
        Err(error) => error,
    };
    // It was there before, or it is not known whether its name is durable.
    if list_files(disk, folder)?.contains(&number) {
        return Err(Error::io("create", &path)(error));
    }
    tracing::debug!(path = %path.display(), %error, "use a journal again");
    match disk.remove(&spare) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", &spare)(error)),
        _ => Ok(None),
    }
}

fn file_header(version: u32, number: u64, salt: u64) -> Vec<u8> {
    let mut header = Encoder::default();
    header.0.extend_from_slice(FILE_MAGIC);
    header.u32(version);
    header.u32(0);
    header.u64(number);
    header.u64(salt);
    header.u32(crc32fast::hash(&header.0));
    header.u32(0);
    header.0
}

/// That there is a spare file, and how long it is. Whoever makes one of another file, or another file of it, has it locked meanwhile.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Spare(u64);

impl Spare {
    /// The one that is in a folder; its length is taken to be the longest.
    pub(crate) fn find(disk: &dyn Disk, folder: &Path) -> Result<Option<Self>> {
        let names = disk.list(folder).map_err(Error::io("list", folder))?;
        Ok(names.iter().any(|name| name == SPARE).then_some(Self(u64::MAX)))
    }

    /// Removes it, if there is one.
    pub(crate) fn remove(spare: Option<Self>, disk: &dyn Disk, folder: &Path) -> Result<()> {
        let path = folder.join(SPARE);
        spare.map_or(Ok(()), |_| disk.remove(&path).map_err(Error::io("remove", &path)))
    }

    /// Keeps a file that is not needed any more, in place of a shorter one; else it is removed. A crash may bring it back under its name.
    pub(crate) fn keep(
        spare: &mut Option<Self>,
        disk: &dyn Disk,
        folder: &Path,
        number: u64,
        len: u64,
    ) -> std::io::Result<()> {
        let path = file_path(folder, number);
        let is_longer = spare.is_none_or(|Spare(kept)| kept < len);
        if is_longer && len <= SPARE_BYTES_MAX && disk.rename(&path, &folder.join(SPARE)).is_ok() {
            *spare = Some(Self(len));
            return Ok(());
        }
        disk.remove(&path)
    }
}

/// Path of journal `number`.
pub(crate) fn file_path(folder: &Path, number: u64) -> PathBuf {
    folder.join(format!("{number:020}.journal"))
}

/// What recovery found.
#[derive(Debug, Default)]
pub(crate) struct Recovered {
    /// Number of the last file; `first - 1` when there is none.
    pub last: u64,
    /// Files replayed: number and length.
    pub files: Vec<(u64, u64)>,
}

/// Replays all files from number `first` on, in order, removes older ones, and cuts a torn tail off.
pub(crate) fn recover(
    disk: &Arc<dyn Disk>,
    folder: &Path,
    first: u64,
    apply: &mut dyn FnMut(FrameMeta, Batch),
) -> Result<Recovered> {
    let numbers = list_files(disk.as_ref(), folder)?;
    let mut recovered = Recovered { last: first.saturating_sub(1), files: Vec::new() };
    for &number in numbers.iter().filter(|number| **number < first) {
        let path = file_path(folder, number);
        disk.remove(&path).map_err(Error::io("remove", &path))?;
    }
    let live: Vec<u64> = numbers.into_iter().filter(|number| *number >= first).collect();
    for (at, &number) in live.iter().enumerate() {
        let path = file_path(folder, number);
        if number != recovered.last + 1 {
            let missing = file_path(folder, recovered.last + 1).display().to_string();
            return Err(Error::corrupt(missing, 0, "the file is missing"));
        }
        let bytes = disk.read(&path).map_err(Error::io("read", &path))?;
        let is_last = at + 1 == live.len();
        let Replayed { good, durable, torn } = replay(&path, number, &bytes, is_last, apply)?;
        if let Some(reason) = torn {
            let cut_bytes = bytes.len() - good;
            tracing::warn!(file = %path.display(), offset = good, cut_bytes, reason, "cut a torn tail off the journal");
            if good < FILE_HEADER_BYTES {
                // Not even the header: nothing was ever acknowledged from this file.
                disk.remove(&path).map_err(Error::io("remove", &path))?;
                break;
            }
        }
        if is_last {
            // Also when nothing is torn: what was written and never synced becomes visible now, so it must become durable. It is
            // written again, because after a failed sync the kernel may take bytes for durable that never reached the disk.
            disk.rewrite(&path, durable as u64, &bytes[durable..good]).map_err(Error::io("rewrite", &path))?;
        }
        recovered.last = number;
        recovered.files.push((number, good as u64));
    }
    Ok(recovered)
}

/// Numbers of the files in a folder, ascending.
pub(crate) fn list_files(disk: &dyn Disk, folder: &Path) -> Result<Vec<u64>> {
    let names = disk.list(folder).map_err(Error::io("list", folder))?;
    let mut numbers: Vec<u64> = names.iter().filter_map(|name| name.strip_suffix(".journal")?.parse().ok()).collect();
    numbers.sort_unstable();
    Ok(numbers)
}

/// Whether a file from number `first` on has more than its header.
pub(crate) fn has_frames(disk: &dyn Disk, folder: &Path, first: u64) -> Result<bool> {
    for number in list_files(disk, folder)?.into_iter().filter(|number| *number >= first) {
        let path = file_path(folder, number);
        let bytes = disk.read(&path).map_err(Error::io("read", &path))?;
        let is_old = |FileHeader { salt, is_reused }| {
            let first = FILE_HEADER_BYTES;
            is_reused && !frame_begins(&bytes, first, salt, number) && !proven_durable(&bytes, first, salt, number)
        };
        if bytes.len() > FILE_HEADER_BYTES && !read_file_header(&bytes, number).is_ok_and(is_old) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What one file holds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Replayed {
    /// Length of its intact part; what is behind it is of no file, or of the one that it was before.
    pub good: usize,
    /// How much of that is known to be durable: all but the last group.
    pub durable: usize,
    /// For a torn tail, why it is torn.
    pub torn: Option<&'static str>,
}

/// Applies the frames of one file.
pub(crate) fn replay(
    path: &Path,
    number: u64,
    bytes: &[u8],
    is_last: bool,
    apply: &mut dyn FnMut(FrameMeta, Batch),
) -> Result<Replayed> {
    let file = path.display().to_string();
    let FileHeader { salt, is_reused } = match read_file_header(bytes, number) {
        Ok(header) => header,
        Err(reason) if is_last && bytes.len() <= FILE_HEADER_BYTES => {
            return Ok(Replayed { good: 0, durable: 0, torn: Some(reason) });
        }
        Err(reason) => return Err(Error::corrupt(file, 0, reason)),
    };
    let (mut offset, mut durable) = (FILE_HEADER_BYTES, 0);
    while offset < bytes.len() {
        match read_frame(&bytes[offset..], salt, number) {
            Ok((head, payload)) => {
                // An intact checksum over a payload that does not decode is no torn write.
                let batch = frame::decode(payload).map_err(|reason| Error::corrupt(&file, offset as u64, reason))?;
                apply(head.meta, batch);
                durable = head.durable.min(offset);
                offset += FRAME_HEADER_BYTES + payload.len();
            }
            Err(reason) if is_last && !proven_durable(bytes, offset, salt, number) => {
                // Of a file that was another one before the end looks like this, too.
                let is_end = is_reused && !frame_begins(bytes, offset, salt, number);
                return Ok(Replayed { good: offset, durable, torn: (!is_end).then_some(reason) });
            }
            Err(reason) => return Err(Error::corrupt(file, offset as u64, reason)),
        }
    }
    Ok(Replayed { good: offset, durable, torn: None })
}

/// What a file says of itself.
struct FileHeader {
    salt: u64,
    /// It was another one before.
    is_reused: bool,
}

fn read_file_header(bytes: &[u8], number: u64) -> std::result::Result<FileHeader, &'static str> {
    let header = bytes.get(..FILE_HEADER_BYTES).ok_or("the file header ends too early")?;
    let mut decoder = Decoder(&header[8..]);
    if &header[..8] != FILE_MAGIC {
        return Err("the file does not begin as a journal");
    }
    let version = decoder.u32()?;
    let zero = decoder.u32()?;
    let written_number = decoder.u64()?;
    let salt = decoder.u64()?;
    if decoder.u32()? != crc32fast::hash(&header[..32]) {
        return Err("the checksum of the file header is wrong");
    }
    if (zero, decoder.u32()?) != (0, 0) {
        return Err("the file header has bytes that should be zero");
    }
    if ![VERSION, VERSION_OF_REUSED].contains(&version) {
        return Err("the journal is of an unknown version");
    }
    if written_number != number {
        return Err("the file header has another number than the file name");
    }
    Ok(FileHeader { salt, is_reused: version == VERSION_OF_REUSED })
}

/// How long the frame at the beginning of these bytes is, by its header, whatever that is worth.
pub(crate) fn frame_len(bytes: &[u8]) -> usize {
    let len = bytes.get(4..).and_then(<[u8]>::first_chunk::<4>).map_or(0, |len| u32::from_le_bytes(*len));
    FRAME_HEADER_BYTES.saturating_add(len as usize)
}

/// Whether the header of a frame of this file is at a place.
fn frame_begins(bytes: &[u8], at: usize, salt: u64, number: u64) -> bool {
    bytes.get(at..).is_some_and(|rest| read_frame_head(rest, salt, number).is_ok())
}

struct FrameHead {
    meta: FrameMeta,
    length: usize,
    payload_crc: u32,
    durable: usize,
}

fn read_frame_head(bytes: &[u8], salt: u64, number: u64) -> std::result::Result<FrameHead, &'static str> {
    let header = bytes.get(..FRAME_HEADER_BYTES).ok_or("the frame header ends too early")?;
    if &header[..4] != FRAME_MAGIC {
        return Err("no frame begins here");
    }
    let mut decoder = Decoder(&header[4..]);
    let length = decoder.u32()? as usize;
    let kind = decoder.u32()?;
    let payload_crc = decoder.u32()?;
    let meta = FrameMeta {
        first_log_sequence: decoder.u64()?,
        first_event_sequence: decoder.u64()?,
        written: Timestamp(decoder.i64()?),
    };
    let durable = decoder.u32()? as usize;
    if decoder.u32()? != header_crc(salt, number, &header[..44]) {
        return Err("the checksum of the frame header is wrong");
    }
    if kind != KIND_BATCH {
        return Err("the frame is of an unknown kind");
    }
    Ok(FrameHead { meta, length, payload_crc, durable })
}

fn read_frame(bytes: &[u8], salt: u64, number: u64) -> std::result::Result<(FrameHead, &[u8]), &'static str> {
    let head = read_frame_head(bytes, salt, number)?;
    let end = FRAME_HEADER_BYTES.saturating_add(head.length);
    let payload = bytes.get(FRAME_HEADER_BYTES..end).ok_or("the frame ends too early")?;
    if crc32fast::hash(payload) != head.payload_crc {
        return Err("the checksum of the frame is wrong");
    }
    Ok((head, payload))
}

/// True when an intact frame after `damaged` says that the file was durable beyond that place before it was written.
fn proven_durable(bytes: &[u8], damaged: usize, salt: u64, number: u64) -> bool {
    let mut at = damaged + 1;
    while let Some(found) = bytes.get(at..).and_then(|rest| rest.windows(4).position(|w| w == FRAME_MAGIC)) {
        at += found;
        // The header alone proves it: its checksum covers what it says.
        if read_frame_head(&bytes[at..], salt, number).is_ok_and(|head| head.durable > damaged && head.durable <= at) {
            return true;
        }
        at += 1;
    }
    false
}

#[cfg(test)]
mod tests;
