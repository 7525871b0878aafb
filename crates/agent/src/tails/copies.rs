//! Copies of tailed files: found beside them, by name and by the bytes that were read, before the original is truncated or after.

use super::rule::is_compressed;
use super::tail::Tail;
use crate::disk::{Disk, FileId, Found, LogFile, fingerprint};
use crate::positions::Position;
use model::Timestamp;
use model::time::SECOND;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

/// How long a file that looks like a copy in the making is left alone, milliseconds.
const COPY_MS_MAX: i64 = 10 * SECOND;

/// A file that looks like a copy.
#[derive(Debug, Clone, Copy)]
struct Copy {
    original: u64,
    len: u64,
    since: Timestamp,
}

/// New files that globs found and that look like copies.
#[derive(Debug, Default)]
pub(super) struct Copies(BTreeMap<FileId, Copy>);

impl Copies {
    /// Forgets files that are no longer there.
    pub fn retain(&mut self, seen: &BTreeSet<FileId>) {
        self.0.retain(|file, _| seen.contains(file));
    }

    /// True while a file that no tail has looks like the copy of one that is tailed.
    pub fn holds(&mut self, disk: &dyn Disk, tails: &BTreeMap<u64, Tail>, found: &Found, now: Timestamp) -> bool {
        let id = found.about.file;
        let mut originals = tails.values().filter(|tail| !tail.is_gone() && is_beside(&tail.at.path, &found.path));
        let Some(original) = originals.find(|tail| begins_alike(disk, tail, found).unwrap_or(false)) else {
            // The original may have been truncated this moment: then the next look at it finds the copy.
            return self.0.get(&id).is_some_and(|copy| now - copy.since < COPY_MS_MAX);
        };
        let new = Copy { original: original.at.id, len: found.about.len, since: now };
        let copy = self.0.entry(id).or_insert(new);
        if copy.len != new.len {
            *copy = new;
        }
        // One that has no more than what was read holds nothing new. Another that did not come to anything is a file like others.
        new.len <= original.at.offset || now - copy.since < COPY_MS_MAX
    }

    /// The copy of a file that was truncated, and where to go on in it.
    pub fn of_truncated(
        &self,
        disk: &dyn Disk,
        tails: &BTreeMap<u64, Tail>,
        old: &Position,
    ) -> Option<(Position, Box<dyn LogFile>)> {
        let is_new = |found: &Found| {
            let file = found.about.file;
            file != old.file && !tails.values().any(|tail| tail.at.file == file) && is_beside(&old.path, &found.path)
        };
        disk.siblings(&old.path).into_iter().filter(is_new).find_map(|found| {
            // All of a copy that ends before the position was read from the original.
            let copy = self.0.get(&found.about.file).filter(|copy| copy.original == old.id);
            let is_shorter = copy.is_some() && found.about.len < old.offset;
            let offset = if is_shorter { found.about.len } else { old.offset };
            let file = disk.open(&found.path).ok()?;
            let print = fingerprint(&*file, offset).ok()??;
            if offset == 0 || !is_shorter && print != old.print {
                return None;
            }
            Some((Position { path: found.path, file: found.about.file, offset, print, ..old.clone() }, file))
        })
    }
}

/// True when a file begins with what was read of another, as far as it goes.
fn begins_alike(disk: &dyn Disk, original: &Tail, found: &Found) -> io::Result<bool> {
    let len = found.about.len.min(original.at.offset);
    // The original may be truncated by now; what was read of it is known all the same.
    let known = if len == original.at.offset { Some(original.at.print) } else { fingerprint(&*original.file, len)? };
    Ok(len > 0 && known.is_some() && known == fingerprint(&*disk.open(&found.path)?, len)?)
}

/// True when `path` is in the directory of `original` and its name goes on after that of the original.
fn is_beside(original: &str, path: &str) -> bool {
    let more = path.strip_prefix(original).unwrap_or_default();
    !more.is_empty() && !more.contains('/') && !is_compressed(path)
}

/// The file of a position: at its path, else beside it under another name, else a copy of it. `is_truncated` says that its own
/// bytes are gone.
pub(super) fn find_again(
    disk: &dyn Disk,
    at: &Position,
    is_truncated: bool,
    tails: &BTreeMap<u64, Tail>,
) -> Option<(Position, Box<dyn LogFile>)> {
    let fits = |found: &Found| {
        let file = disk.open(&found.path).ok()?;
        let id = file.about().ok()?.file;
        let known = tails.values().any(|tail| tail.at.file == id);
        let fits = !known && fingerprint(&*file, at.offset).ok()? == Some(at.print);
        fits.then(|| (Position { path: found.path.clone(), file: id, ..at.clone() }, file))
    };
    let mut found = disk.siblings(&at.path);
    found.sort_by_key(|found| found.path != at.path);
    let (same, others): (Vec<Found>, Vec<Found>) = found.into_iter().partition(|found| found.about.file == at.file);
    let again = same.iter().filter(|_| !is_truncated).find_map(fits);
    again.or_else(|| others.iter().filter(|found| at.offset > 0 && is_beside(&at.path, &found.path)).find_map(fits))
}
