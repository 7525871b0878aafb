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

mod copies;
mod rule;
mod tail;

pub use rule::FileRule;
pub use tail::Tail;

use crate::disk::{Disk, FileId, Found, LogFile, fingerprint};
use crate::positions::{InFlight, Position, Positions};
use copies::{Copies, find_again};
use model::Timestamp;
use model::time::MINUTE;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use tail::Place;

/// Most files that are open at once; further ones wait until others have been forgotten.
const FILES_MAX: usize = 800;
/// How long a file that was rotated away must have been silent before it is closed, milliseconds.
const FORGET_MS: i64 = 5 * MINUTE;

/// All tails, by number: in the order in which they are to be read.
#[derive(Debug, Default)]
pub struct Tails {
    /// The tails.
    pub by_id: BTreeMap<u64, Tail>,
    copies: Copies,
    told_full: bool,
}

/// What is looked at, and when.
#[derive(Clone, Copy)]
pub struct Scene<'a> {
    /// The directories.
    pub disk: &'a dyn Disk,
    /// What is wanted of them.
    pub rules: &'a [FileRule],
    /// The present.
    pub now: Timestamp,
}

impl Tails {
    /// Finds the files of a former run again, where they were or beside it under another name, and goes on where batches in
    /// flight end. What is gone is dropped from `positions`; files that no rule wants at present stay there as they are.
    pub fn restore(scene: Scene<'_>, positions: &mut Positions, in_flight: &[InFlight]) -> Self {
        let Scene { disk, rules, now } = scene;
        let mut tails = Self::default();
        let mut read = positions.files.clone();
        read.extend(in_flight.iter().flat_map(|batch| batch.files.clone()));
        for (&id, at) in &read {
            positions.next_id = positions.next_id.max(id + 1);
            let by_stream = rules.iter().position(|rule| rule.stream_of(&at.path) == at.stream);
            // A file that was renamed has the stream of its old name.
            let rule = by_stream.or_else(|| rules.iter().position(|rule| rule.group == at.stream.group()));
            let Some(rule) = rule else { continue };
            // Of a file that was truncated, only the last tail has what is there now.
            let is_truncated = read.range(id + 1..).any(|(_, other)| other.file == at.file);
            let Some((at, file)) = find_again(disk, at, is_truncated, &tails.by_id) else {
                let (path, offset) = (&at.path, at.offset);
                tracing::warn!(path, offset, "a file is gone; what it had beyond the offset is lost");
                positions.files.remove(&id);
                continue;
            };
            if let Some(delivered) = positions.files.get_mut(&id) {
                (delivered.file, delivered.path) = (at.file, at.path.clone());
            }
            tails.by_id.insert(id, Tail::new(at, rule, file, Place::Away, now));
        }
        tails
    }

    /// Looks how long the files are, and begins anew with those whose bytes are gone. True when `positions` changed.
    pub fn look(&mut self, scene: Scene<'_>, positions: &mut Positions) -> bool {
        let mut truncated = Vec::new();
        for (&id, tail) in &mut self.by_id {
            match tail.is_truncated(scene.now) {
                Ok(true) => truncated.push(id),
                Ok(false) => {}
                Err(error) => tracing::warn!(path = tail.at.path, %error, "look at a file"),
            }
        }
        for &id in &truncated {
            self.begin_anew(id, scene, positions);
        }
        !truncated.is_empty()
    }

    /// Looks which files the globs find. New ones are written into `positions`. `is_first`: the agent never ran before.
    pub fn scan(&mut self, scene: Scene<'_>, positions: &mut Positions, is_first: bool) {
        let mut seen = BTreeSet::new();
        for (index, rule) in scene.rules.iter().enumerate() {
            let found = rule.patterns.iter().flat_map(|pattern| scene.disk.find(pattern));
            for found in found.filter(|found| rule.wants(&found.path)) {
                if !seen.insert(found.about.file) {
                    continue;
                }
                if let Some(tail) = self.by_id.values_mut().find(|tail| tail.has(found.about.file)) {
                    (tail.at.path, tail.place) = (found.path, Place::There);
                } else if !self.copies.holds(scene.disk, &self.by_id, &found, scene.now) {
                    self.begin(found, index, scene, positions, is_first && !rule.from_beginning);
                }
            }
        }
        for tail in self.by_id.values_mut().filter(|tail| tail.place == Place::There) {
            if !seen.contains(&tail.at.file) {
                tail.place = Place::Away;
                tracing::info!(path = tail.at.path, "a file was rotated away or deleted; it is read to its end");
            }
        }
        self.copies.retain(&seen);
    }

    /// Begins with a file, at its end or at its beginning.
    fn begin(&mut self, found: Found, rule: usize, scene: Scene<'_>, positions: &mut Positions, at_end: bool) {
        let path = found.path;
        if self.by_id.len() >= FILES_MAX {
            if !std::mem::replace(&mut self.told_full, true) {
                tracing::warn!(path, "{FILES_MAX} files are open; further ones wait until others have been forgotten");
            }
            return;
        }
        match open(scene.disk, &path, at_end) {
            // Another file may have taken the path since; the next scan finds it.
            Ok((_, id, ..)) if id != found.about.file => {}
            Ok((file, id, offset, print)) => {
                let stream = scene.rules[rule].stream_of(&path);
                tracing::info!(path, %stream, offset, "reading a file");
                let id =
                    self.add(Position { id: 0, path, file: id, offset, print, stream }, rule, file, scene, positions);
                self.write_down(id, positions);
            }
            Err(error) => tracing::warn!(path, %error, "a file cannot be read"),
        }
    }

    /// Adds a tail that is where a glob finds it; gives its number.
    fn add(
        &mut self,
        mut at: Position,
        rule: usize,
        file: Box<dyn LogFile>,
        scene: Scene<'_>,
        positions: &mut Positions,
    ) -> u64 {
        at.id = positions.next_id;
        positions.next_id += 1;
        let id = at.id;
        self.by_id.insert(id, Tail::new(at, rule, file, Place::There, scene.now));
        id
    }

    fn write_down(&self, id: u64, positions: &mut Positions) {
        positions.files.extend(self.by_id.get(&id).map(|tail| (id, tail.at.clone())));
    }

    /// Begins anew with a file whose bytes are gone, after what its copy has.
    fn begin_anew(&mut self, id: u64, scene: Scene<'_>, positions: &mut Positions) {
        let Some((rule, place, old)) = self.by_id.get(&id).map(|tail| (tail.rule, tail.place.clone(), tail.at.clone()))
        else {
            return;
        };
        let copy = self.copies.of_truncated(scene.disk, &self.by_id, &old).and_then(|(at, file)| {
            tracing::info!(path = at.path, offset = at.offset, "reading the rest of a copy");
            let id = self.add(at, rule, file, scene, positions);
            let tail = self.by_id.get_mut(&id)?;
            tail.place = Place::Away;
            // It is written down when the original is struck out: a restart must find one of both, not both.
            Some(Box::new(tail.at.clone()))
        });
        tracing::info!(path = old.path, offset = old.offset, "a file was truncated; it is read from its beginning");
        match open(scene.disk, &old.path, false) {
            Ok((file, id, offset, print)) if id == old.file && place == Place::There => {
                let id = self.add(Position { offset, print, ..old }, rule, file, scene, positions);
                self.write_down(id, positions);
            }
            // It was replaced meanwhile: the next scan finds what is there now.
            _ => {}
        }
        if let Some(tail) = self.by_id.get_mut(&id) {
            tail.place = Place::Truncated { copy };
        }
    }

    /// Strikes out tails that have nothing more to give: truncated ones, and those rotated away and silent for long, once all
    /// that was read of them was acknowledged. True when `positions` changed.
    pub fn forget(&mut self, positions: &mut Positions, now: Timestamp) -> bool {
        let delivered = |id| positions.files.get(&id).map(|at| at.offset);
        let over = self.by_id.values().filter(|tail| tail.is_over(delivered(tail.at.id), now, FORGET_MS));
        let over: Vec<u64> = over.map(|tail| tail.at.id).collect();
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

/// Opens a file at its end or at its beginning: which it is, the offset, and its fingerprint.
fn open(disk: &dyn Disk, path: &str, at_end: bool) -> io::Result<(Box<dyn LogFile>, FileId, u64, u64)> {
    let file = disk.open(path)?;
    let about = file.about()?;
    let offset = if at_end { about.len } else { 0 };
    let print = fingerprint(&*file, offset)?.ok_or(io::ErrorKind::UnexpectedEof)?;
    Ok((file, about.file, offset, print))
}
