//! The journal that the writer writes to: a file of this machine, or objects.

use crate::disk::Disk;
use crate::error::Result;
use crate::journal::objects::{Failing, ObjectJournal};
use crate::journal::{Frame, FrameMeta, JOURNAL_BYTES_MAX, Journal, Spare};
use crate::state::lock;
use std::path::Path;
use std::sync::Mutex;

/// Where appends become durable.
#[derive(Debug)]
pub(crate) enum ActiveJournal {
    File(Journal),
    Objects(ObjectJournal),
}

impl ActiveJournal {
    /// Makes a group durable; answers which file or object it is in, and how long that is now. Errors as `Journal::append` and
    /// `ObjectJournal::append` say; `failing` is told of a put that failed before it is tried again.
    pub(crate) fn append(
        &mut self,
        disk: &dyn Disk,
        runtime: &tokio::runtime::Handle,
        group: &mut [(FrameMeta, Frame)],
        failing: &Failing<'_>,
    ) -> Result<(u64, u64)> {
        match self {
            Self::File(journal) => journal.append(disk, group).map(|()| (journal.number(), journal.len())),
            Self::Objects(journal) => runtime.block_on(journal.append(group, failing)),
        }
    }

    /// True when a group waits for its outcome.
    pub(crate) fn is_waiting(&self) -> bool {
        matches!(self, Self::Objects(journal) if journal.is_waiting())
    }

    /// Makes the group that waits durable.
    pub(crate) fn go_on(&mut self, runtime: &tokio::runtime::Handle, failing: &Failing<'_>) -> Result<(u64, u64)> {
        match self {
            Self::File(journal) => Ok((journal.number(), journal.len())),
            Self::Objects(journal) => runtime.block_on(journal.go_on(failing)),
        }
    }

    /// True when it should be cut, whatever the memtable is.
    pub(crate) fn is_long(&self) -> bool {
        match self {
            Self::File(journal) => journal.len() >= JOURNAL_BYTES_MAX,
            Self::Objects(journal) => journal.is_long(),
        }
    }

    /// Begins what a new memtable is of; answers the number that everything in older memtables is before, and the length of a file
    /// that was begun. The spare file is taken for it.
    pub(crate) fn cut(
        &mut self,
        disk: &dyn Disk,
        folder: &Path,
        salt: u64,
        spare: &Mutex<Option<Spare>>,
    ) -> Result<(u64, Option<u64>)> {
        match self {
            Self::File(journal) => {
                journal.finish(disk)?;
                // Held until the file has its new name: another one may be made the spare file as soon as there is none.
                let mut spare = lock(spare);
                let next = Journal::create(disk, folder, journal.number() + 1, salt, spare.take())?;
                let begun = (next.number(), Some(next.len()));
                *journal = next;
                Ok(begun)
            }
            Self::Objects(journal) => {
                journal.cut();
                Ok((journal.number(), None))
            }
        }
    }
}
