//! Which files are tailed: what the globs find, what was rotated away, what was truncated, and how far each was read.
//!
//! A file is its device and inode, as long as it is open, and across restarts a fingerprint of its bytes as well. So:
//!
//! - **Renamed**: the same file goes on under another name, whether a glob finds it there or not, until it has been silent.
//! - **Truncated** (copytruncate, or written anew): it is shorter than what was read of it, or other bytes are there. It is read
//!   from its beginning, as a tail of its own. Before that, the copy is looked for, a file beside it whose name begins as its
//!   name does, with the bytes that were read; what the copy has beyond them is read first.
//! - **A copy in the making** that a glob finds is not taken for a new file, unless nothing has become of it for a while.
//! - **Deleted**: what it held is read, for it is open. While the agent does not run, a file that is deleted or compressed is lost.

use crate::disk::{About, Disk, Found, LogFile, fingerprint};
use crate::positions::{InFlight, Position, Positions, StreamName};
use crate::records::{Last, Record, WINDOW_BYTES_MAX, cut};
use crate::timestamps::TimestampFormat;
use model::Timestamp;
use model::time::{MINUTE, SECOND};
use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// Most files that are open at once; further ones wait until others have been forgotten.
pub const FILES_MAX: usize = 800;
/// How long a file that was rotated away must have been silent before it is closed, milliseconds.
const FORGET_MS: i64 = 5 * MINUTE;
/// How long a file that looks like a copy in the making is left alone, milliseconds.
const COPY_MS_MAX: i64 = 10 * SECOND;
/// How much is read of a file at first.
const WINDOW_BYTES: usize = 128 * 1024;
/// How names of compressed files end.
const COMPRESSED: [&str; 7] = [".gz", ".bz2", ".xz", ".zst", ".zip", ".lz4", ".Z"];

/// What is to be done with the files of some globs.
#[derive(Debug, Clone)]
pub struct FileRule {
    /// Globs.
    pub patterns: Vec<String>,
    /// Globs of paths that are left out.
    pub exclude: Vec<glob::Pattern>,
    /// The log group.
    pub group: String,
    /// The log stream, with `{path}` and `{file}` in it.
    pub stream: String,
    /// Matches the first line of each record; every line is one without it.
    pub start: Option<Regex>,
    /// Where records say their time.
    pub time: Option<TimestampFormat>,
    /// False: of files that are there when the agent runs for the first time, only what is written from then on is read.
    pub from_beginning: bool,
}

impl FileRule {
    fn stream_of(&self, path: &str) -> StreamName {
        let file = path.rsplit('/').next().unwrap_or(path);
        StreamName::new(&self.group, &self.stream.replace("{path}", path).replace("{file}", file))
    }

    fn wants(&self, path: &str) -> bool {
        !COMPRESSED.iter().any(|end| path.ends_with(end)) && !self.exclude.iter().any(|glob| glob.matches(path))
    }
}

/// Where a tail's file is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    /// Where a glob finds it.
    There,
    /// No glob finds it any more: it was renamed or deleted, or is a copy.
    Away,
    /// Its bytes are gone. If a copy was found, this is where the tail of the copy began.
    Truncated { copy: Option<Box<Position>> },
}

/// A file that is being read.
pub struct Tail {
    /// How far it was read.
    pub at: Position,
    /// Which rule it is read by.
    pub rule: usize,
    /// Time of its last record.
    pub time: Option<i64>,
    file: Box<dyn LogFile>,
    place: Place,
    /// Where reading began.
    began: u64,
    len: u64,
    grew: Timestamp,
    /// How hard it was cut without any more coming out.
    tried: Option<Last>,
}

impl std::fmt::Debug for Tail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tail").field("at", &self.at).field("place", &self.place).finish_non_exhaustive()
    }
}

impl Tail {
    fn new(at: Position, rule: usize, file: Box<dyn LogFile>, place: Place, now: Timestamp) -> Self {
        let began = at.offset;
        let len = file.about().map_or(began, |about| about.len);
        Self { at, rule, time: None, file, place, began, len, grew: now, tried: None }
    }

    /// True when what was read of the file is no longer there.
    fn is_truncated(&mut self, now: Timestamp) -> io::Result<bool> {
        if matches!(self.place, Place::Truncated { .. }) {
            return Ok(false);
        }
        let len = self.file.about()?.len;
        if len == self.len {
            return Ok(false);
        }
        (self.len, self.grew, self.tried) = (len, now, None);
        Ok(fingerprint(&*self.file, self.at.offset)? != Some(self.at.print))
    }

    /// Records that begin at the position, up to the length last seen by [`Tails::truncated_now`]. A record without an end is taken once the file
    /// has been silent for `flush_ms`: its whole lines, and an unfinished line only of a file that was rotated away.
    ///
    /// # Errors
    /// As the disk gives them.
    pub fn read(&mut self, start: Option<&Regex>, now: Timestamp, flush_ms: i64) -> io::Result<Vec<Record>> {
        let silent = now - self.grew >= flush_ms;
        let last = match self.place {
            _ if !silent => Last::Keep,
            Place::There => Last::Lines,
            Place::Away | Place::Truncated { .. } => Last::All,
        };
        if self.len == self.at.offset || self.tried == Some(last) || matches!(self.place, Place::Truncated { .. }) {
            return Ok(Vec::new());
        }
        for window in [WINDOW_BYTES, WINDOW_BYTES_MAX] {
            let mut bytes = vec![0; window];
            let count = self.file.read_at(self.at.offset, &mut bytes)?;
            bytes.truncate(count);
            // What the first window does not show to its end may be finished in the second.
            let last = if count == window { Last::Keep } else { last };
            let records = cut(&bytes, start, last);
            if !records.is_empty() {
                return Ok(records);
            }
            if count < window {
                break;
            }
        }
        self.tried = Some(last);
        Ok(Vec::new())
    }

    /// Says that the next `len` bytes were taken. Should the file be truncated at this very moment, no bytes fit the position
    /// any more.
    pub fn take(&mut self, len: usize) {
        self.at.offset += len as u64;
        self.at.print = fingerprint(&*self.file, self.at.offset).ok().flatten().unwrap_or_default();
    }

    fn about(&self) -> (u64, u64) {
        (self.at.device, self.at.inode)
    }
}

/// All tails, by number: in the order in which they are to be read.
#[derive(Debug, Default)]
pub struct Tails {
    /// The tails.
    pub by_id: BTreeMap<u64, Tail>,
    next_id: u64,
    /// Files that look like copies in the making: of which tail, how long, since when.
    copies: BTreeMap<(u64, u64), (u64, u64, Timestamp)>,
    told_full: bool,
}

impl Tails {
    /// Finds the files of a former run again, where they were or beside it under another name, and goes on where batches in
    /// flight end. What is gone is dropped from `positions`.
    pub fn restore(
        disk: &dyn Disk,
        rules: &[FileRule],
        positions: &mut Positions,
        in_flight: &[InFlight],
        now: Timestamp,
    ) -> Self {
        let mut tails = Self { next_id: positions.next_id, ..Self::default() };
        let mut read = positions.files.clone();
        read.extend(in_flight.iter().flat_map(|batch| batch.files.clone()));
        for (id, at) in &read {
            let (id, same_file) = (*id, |other: &Position| (other.device, other.inode) == (at.device, at.inode));
            // Of a file that was truncated, only the last tail has what is there now.
            let is_truncated = read.range(id + 1..).any(|(_, other)| same_file(other));
            tails.next_id = tails.next_id.max(id + 1);
            // A rule is found by where its lines go; a file whose rule is gone is no longer wanted.
            let rule = rules.iter().position(|rule| rule.stream_of(&at.path) == at.stream);
            let rule = rule.or_else(|| rules.iter().position(|rule| rule.group == at.stream.group()));
            let found = rule.and_then(|rule| Some((rule, find_again(disk, at, is_truncated, &tails)?)));
            let Some((rule, (at, file))) = found else {
                tracing::warn!(
                    path = at.path,
                    offset = at.offset,
                    "a file is gone; what it had beyond the offset is lost"
                );
                positions.files.remove(&id);
                continue;
            };
            if let Some(delivered) = positions.files.get_mut(&id) {
                (delivered.device, delivered.inode) = (at.device, at.inode);
                delivered.path.clone_from(&at.path);
            }
            tails.by_id.insert(id, Tail::new(at, rule, file, Place::Away, now));
        }
        tails
    }

    /// Looks how long the files are; gives those that were truncated.
    pub fn truncated_now(&mut self, now: Timestamp) -> Vec<u64> {
        let mut truncated = Vec::new();
        for (&id, tail) in &mut self.by_id {
            match tail.is_truncated(now) {
                Ok(true) => truncated.push(id),
                Ok(false) => {}
                Err(error) => tracing::warn!(path = tail.at.path, %error, "look at a file"),
            }
        }
        truncated
    }

    /// Looks which files there are. New tails are written into `positions`.
    pub fn scan(
        &mut self,
        disk: &dyn Disk,
        rules: &[FileRule],
        positions: &mut Positions,
        now: Timestamp,
        first: bool,
    ) {
        let mut seen = BTreeSet::new();
        for (rule_index, rule) in rules.iter().enumerate() {
            let found = rule.patterns.iter().flat_map(|pattern| disk.find(pattern));
            for Found { path, about } in found.filter(|found| rule.wants(&found.path)) {
                if !seen.insert((about.device, about.inode)) {
                    continue;
                }
                if let Some(tail) = self.of_file(about) {
                    tail.at.path = path;
                    tail.place = Place::There;
                } else if !self.is_copy(disk, &path, about, now) {
                    self.begin(disk, path, rule, rule_index, positions, now, first && !rule.from_beginning);
                }
            }
        }
        for tail in self.by_id.values_mut().filter(|tail| tail.place == Place::There) {
            if !seen.contains(&tail.about()) {
                tail.place = Place::Away;
                tracing::info!(path = tail.at.path, "a file was rotated away or deleted; it is read to its end");
            }
        }
        self.copies.retain(|file, _| seen.contains(file));
    }

    fn of_file(&mut self, about: About) -> Option<&mut Tail> {
        let is = |tail: &&mut Tail| {
            tail.about() == (about.device, about.inode) && !matches!(tail.place, Place::Truncated { .. })
        };
        self.by_id.values_mut().find(is)
    }

    /// True while a new file looks like the copy of one that is tailed.
    fn is_copy(&mut self, disk: &dyn Disk, path: &str, about: About, now: Timestamp) -> bool {
        let Some(original) =
            self.by_id.values().find(|tail| tail.place == Place::There && is_beside(&tail.at.path, path))
        else {
            return false;
        };
        let len = about.len.min(original.at.offset);
        let equal = || -> io::Result<bool> {
            let print = fingerprint(&*disk.open(path)?, len)?;
            // The original itself may be truncated by now.
            let known =
                if len == original.at.offset { Some(original.at.print) } else { fingerprint(&*original.file, len)? };
            Ok(print.is_some() && print == known)
        };
        if len == 0 || !equal().unwrap_or(false) {
            // The original may have been truncated since; then its copy was seen before, or is looked for by its bytes.
            let held = self.copies.get(&(about.device, about.inode));
            return held.is_some_and(|&(_, _, since)| now - since < COPY_MS_MAX);
        }
        let id = original.at.id;
        let entry = self.copies.entry((about.device, about.inode)).or_insert((id, about.len, now));
        if entry.1 != about.len {
            *entry = (id, about.len, now);
        }
        // One that has no more than what was read already holds nothing new, now and later.
        now - entry.2 < COPY_MS_MAX || about.len <= original.at.offset
    }

    #[expect(clippy::too_many_arguments, reason = "one call, all of them different things")]
    fn begin(
        &mut self,
        disk: &dyn Disk,
        path: String,
        rule: &FileRule,
        rule_index: usize,
        positions: &mut Positions,
        now: Timestamp,
        at_end: bool,
    ) {
        if self.by_id.len() >= FILES_MAX {
            if !std::mem::replace(&mut self.told_full, true) {
                tracing::warn!(path, "{FILES_MAX} files are open; further ones wait until others have been forgotten");
            }
            return;
        }
        let opened = || -> io::Result<_> {
            let file = disk.open(&path)?;
            let about = file.about()?;
            let offset = if at_end { about.len } else { 0 };
            let print = fingerprint(&*file, offset)?.ok_or(io::ErrorKind::UnexpectedEof)?;
            Ok((file, about, offset, print))
        };
        match opened() {
            // Another file may have taken the path since; the next scan finds it.
            Ok((_, about, ..)) if self.of_file(about).is_some() => {}
            Ok((file, About { device, inode, .. }, offset, print)) => {
                let stream = rule.stream_of(&path);
                tracing::info!(path, %stream, offset, "reading a file");
                let at = Position { id: 0, path, device, inode, offset, print, stream };
                self.add(at, rule_index, file, Place::There, positions, now);
            }
            Err(error) => tracing::warn!(path, %error, "a file cannot be read"),
        }
    }

    fn add(
        &mut self,
        mut at: Position,
        rule: usize,
        file: Box<dyn LogFile>,
        place: Place,
        positions: &mut Positions,
        now: Timestamp,
    ) -> u64 {
        at.id = self.next_id;
        self.next_id += 1;
        positions.next_id = self.next_id;
        let id = at.id;
        // A copy is written down when its original is struck out: a restart must find one of both.
        if !matches!(place, Place::Away) {
            positions.files.insert(id, at.clone());
        }
        self.by_id.insert(id, Tail::new(at, rule, file, place, now));
        id
    }

    /// Begins anew with a file whose bytes are gone, after what its copy has.
    pub fn truncated(&mut self, id: u64, disk: &dyn Disk, positions: &mut Positions, now: Timestamp) {
        let Some(mut old) = self.by_id.remove(&id) else { return };
        let copy = self.copy_of(&old, disk).map(|(at, file)| {
            tracing::info!(path = at.path, offset = at.offset, "reading the rest of a copy");
            let id = self.add(at, old.rule, file, Place::Away, positions, now);
            Box::new(self.by_id[&id].at.clone())
        });
        tracing::info!(
            path = old.at.path,
            offset = old.at.offset,
            "a file was truncated; it is read from its beginning"
        );
        match disk.open(&old.at.path).and_then(|file| Ok((file.about()?, file))) {
            Ok((about, file)) if (about.device, about.inode) == old.about() && old.place == Place::There => {
                let print = fingerprint(&*file, 0).ok().flatten().unwrap_or_default();
                let at = Position { offset: 0, print, ..old.at.clone() };
                self.add(at, old.rule, file, Place::There, positions, now);
            }
            // It was replaced meanwhile: the next scan finds what is there now.
            _ => {}
        }
        old.place = Place::Truncated { copy };
        self.by_id.insert(id, old);
    }

    fn copy_of(&self, old: &Tail, disk: &dyn Disk) -> Option<(Position, Box<dyn LogFile>)> {
        let known = |about: About| self.by_id.values().any(|tail| tail.about() == (about.device, about.inode));
        let mut beside = disk.siblings(&old.at.path);
        beside.retain(|found| {
            is_beside(&old.at.path, &found.path)
                && !known(found.about)
                && (found.about.device, found.about.inode) != old.about()
        });
        let seen = |found: &Found| {
            let copy = self.copies.get(&(found.about.device, found.about.inode));
            copy.is_some_and(|&(id, ..)| id == old.at.id) && found.about.len < old.at.offset
        };
        beside.into_iter().find_map(|found| {
            let file = disk.open(&found.path).ok()?;
            // All of a copy that ends before the position was read from the original.
            let offset = if seen(&found) { found.about.len } else { old.at.offset };
            let print = fingerprint(&*file, offset).ok()??;
            if offset == 0 || offset == old.at.offset && print != old.at.print {
                return None;
            }
            let About { device, inode, .. } = found.about;
            Some((Position { path: found.path, device, inode, offset, print, ..old.at.clone() }, file))
        })
    }

    /// Strikes out tails that have nothing more to give: truncated ones, and those rotated away and silent for long, once all
    /// that was read of them was acknowledged. True when `positions` changed.
    pub fn forget(&mut self, positions: &mut Positions, now: Timestamp) -> bool {
        let delivered = |tail: &Tail| {
            positions.files.get(&tail.at.id).map_or(tail.began, |position| position.offset) == tail.at.offset
        };
        let over = |tail: &&Tail| match &tail.place {
            Place::There => false,
            Place::Away => now - tail.grew >= FORGET_MS && tail.len == tail.at.offset && delivered(tail),
            Place::Truncated { .. } => delivered(tail),
        };
        let over: Vec<u64> = self.by_id.values().filter(over).map(|tail| tail.at.id).collect();
        for id in &over {
            positions.files.remove(id);
            if let Some(Tail { place: Place::Truncated { copy: Some(copy) }, .. }) = self.by_id.remove(id)
                && self.by_id.contains_key(&copy.id)
            {
                // What was read of it since may be on its way still.
                positions.files.entry(copy.id).or_insert(*copy);
            }
        }
        self.told_full &= over.is_empty();
        !over.is_empty()
    }
}

/// True when `path` is in the directory of `original` and its name goes on after that of the original.
fn is_beside(original: &str, path: &str) -> bool {
    path.strip_prefix(original).is_some_and(|more| !more.is_empty() && !more.contains('/'))
        && !COMPRESSED.iter().any(|end| path.ends_with(end))
}

/// The file of a position: at its path, else beside it under another name, else a copy of it.
fn find_again(
    disk: &dyn Disk,
    at: &Position,
    is_truncated: bool,
    tails: &Tails,
) -> Option<(Position, Box<dyn LogFile>)> {
    let fits = |found: &Found| {
        let file = disk.open(&found.path).ok()?;
        let print = fingerprint(&*file, at.offset).ok()??;
        let About { device, inode, .. } = file.about().ok()?;
        let position = Position { path: found.path.clone(), device, inode, ..at.clone() };
        let known = tails.by_id.values().any(|tail| tail.about() == (device, inode));
        (print == at.print && !known).then_some((position, file))
    };
    let mut found = disk.siblings(&at.path);
    found.sort_by_key(|found| found.path != at.path);
    let same = |found: &&Found| (found.about.device, found.about.inode) == (at.device, at.inode);
    let again = found.iter().filter(|found| !is_truncated && same(found)).find_map(fits);
    again.or_else(|| {
        let copies = found.iter().filter(|found| at.offset > 0 && is_beside(&at.path, &found.path));
        copies.filter(|found| !same(found)).find_map(fits)
    })
}
