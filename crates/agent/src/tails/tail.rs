//! `Tail`: one open file, and how far it was read.

use crate::backoff::is_due;
use crate::disk::{FileId, LogFile, fingerprint};
use crate::positions::Position;
use crate::records::{Last, Record, WINDOW_BYTES_MAX, cut};
use model::Timestamp;
use regex::Regex;
use std::{fmt, io};

/// How much is read of a file at first.
const WINDOW_BYTES: usize = 128 * 1024;

/// Where a tail's file is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Place {
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
    pub(super) file: Box<dyn LogFile>,
    pub(super) place: Place,
    /// Where reading began.
    began: u64,
    /// Length when last looked at.
    len: u64,
    /// When it last had another length.
    grew: Timestamp,
    /// How hard it was cut without any more coming out.
    tried: Option<Last>,
}

impl fmt::Debug for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tail").field("at", &self.at).field("place", &self.place).finish_non_exhaustive()
    }
}

impl Tail {
    pub(super) fn new(at: Position, rule: usize, file: Box<dyn LogFile>, place: Place, now: Timestamp) -> Self {
        let began = at.offset;
        let len = file.about().map_or(began, |about| about.len);
        Self { at, rule, time: None, file, place, began, len, grew: now, tried: None }
    }

    /// True when the tail has the bytes that are in the file now.
    pub(super) fn has(&self, file: FileId) -> bool {
        self.at.file == file && !self.is_gone()
    }

    /// True when the bytes that it read are gone.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.place, Place::Truncated { .. })
    }

    /// Looks how long the file is. True when what was read of it is no longer there.
    pub(super) fn is_truncated(&mut self, now: Timestamp) -> io::Result<bool> {
        if self.is_gone() {
            return Ok(false);
        }
        let len = self.file.about()?.len;
        if len == self.len {
            return Ok(false);
        }
        (self.len, self.grew, self.tried) = (len, now, None);
        Ok(fingerprint(&*self.file, self.at.offset)? != Some(self.at.print))
    }

    /// Records that begin at the position, if there are more than at the last call. A record without an end is taken once the
    /// file has been silent for `flush_ms`: its whole lines, and an unfinished line only of a file that was rotated away.
    ///
    /// # Errors
    /// As the disk gives them.
    pub fn read(&mut self, start: Option<&Regex>, now: Timestamp, flush_ms: i64) -> io::Result<Vec<Record>> {
        let silent = is_due(self.grew + flush_ms, now, flush_ms);
        let last = match self.place {
            _ if !silent => Last::Keep,
            Place::There => Last::Lines,
            Place::Away | Place::Truncated { .. } => Last::All,
        };
        if self.len == self.at.offset || self.tried == Some(last) || self.is_gone() {
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

    /// True when nothing will come of it any more, and all that did was acknowledged: up to `delivered`, or nothing yet.
    pub(super) fn is_over(&self, delivered: Option<u64>, now: Timestamp, silent_ms: i64) -> bool {
        delivered.unwrap_or(self.began) == self.at.offset
            && match self.place {
                Place::There => false,
                Place::Away => now - self.grew >= silent_ms && self.len == self.at.offset,
                Place::Truncated { .. } => true,
            }
    }
}
