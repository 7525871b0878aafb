//! What can go wrong in the store, and its kind.

use model::{Classify, ErrorKind};
use std::path::Path;

/// Answer of every call of the store.
pub type Result<T> = std::result::Result<T, Error>;

/// An error of the store. Texts are for the operator; no client sees them.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Another process (or another `Store` of this one) holds the data directory.
    #[error("open {dir}: another trailwatch is using this data directory; stop it or choose another --data-dir")]
    Locked {
        /// The directory.
        dir: String,
    },
    /// A write or sync of the journal failed before; writes are refused until the store is opened anew.
    #[error("append: the journal is poisoned since: {reason}")]
    Poisoned {
        /// What failed first.
        reason: String,
    },
    /// Memory for records that wait to be written to segments is full; the same append may succeed soon.
    #[error("append: {waiting_bytes} bytes wait to be written, more than {bytes_max}")]
    Throttled {
        /// Bytes held now.
        waiting_bytes: usize,
        /// The cap.
        bytes_max: usize,
    },
    /// The disk is full. Nothing of the batch is stored; the same append succeeds once there is room.
    #[error("write {path}: the disk is full")]
    Full {
        /// The file that could not grow.
        path: String,
    },
    /// The object store does not answer. Whether the batch whose put met that is stored is decided when it answers; nothing is stored of
    /// those that come until then.
    #[error("write {path}: the object store does not answer: {reason}")]
    Unanswered {
        /// The object of the journal.
        path: String,
        /// What it said last.
        reason: String,
    },
    /// The object store refuses the object. Nothing of the batch is stored.
    #[error("write {path}: the object store refuses it: {reason}")]
    Refused {
        /// The object of the journal.
        path: String,
        /// What it said.
        reason: String,
    },
    /// Another node opened the store: this one may write no more.
    #[error("another node has taken over this store (epoch {epoch})")]
    TakenOver {
        /// The other node's epoch.
        epoch: u64,
    },
    /// This store was opened for reading (`Store::open_reader`): only the node that writes changes it.
    #[error("this store only reads: another node writes it")]
    ReadOnly,
    /// The journal is on the disk of another node, or a change of durability would leave records behind.
    #[error("open the store: {reason}")]
    JournalElsewhere {
        /// What to do about it.
        reason: String,
    },
    /// The batch is larger than a journal frame may be.
    #[error("append: a batch of {bytes} bytes is larger than {bytes_max}")]
    TooLarge {
        /// Size of the encoded batch.
        bytes: usize,
        /// The cap.
        bytes_max: usize,
    },
    /// The store was closed.
    #[error("the store is closed")]
    Closed,
    /// Stored bytes are not what was written.
    #[error("{file} is corrupt at offset {offset}: {reason}")]
    Corrupt {
        /// Journal file, or path of the object.
        file: String,
        /// Where in the file.
        offset: u64,
        /// What is wrong there.
        reason: String,
    },
    /// The local disk refused.
    #[error("{action} {path}: {source}")]
    Io {
        /// A bare verb phrase.
        action: &'static str,
        /// The file or folder.
        path: String,
        /// The cause.
        source: std::io::Error,
    },
    /// The object store refused.
    #[error("{action} {path}: {source}")]
    ObjectStore {
        /// A bare verb phrase.
        action: &'static str,
        /// The object.
        path: String,
        /// The cause.
        source: object_store::Error,
    },
    /// A segment could not be encoded or decoded.
    #[error("{action} {path}: {source}")]
    Parquet {
        /// A bare verb phrase.
        action: &'static str,
        /// The object.
        path: String,
        /// The cause.
        source: parquet::errors::ParquetError,
    },
    /// We broke a promise to ourselves.
    #[error("bug: {0}")]
    Bug(String),
}

impl Error {
    /// A damaged file.
    pub(crate) fn corrupt(file: impl Into<String>, offset: u64, reason: impl Into<String>) -> Self {
        Error::Corrupt { file: file.into(), offset, reason: reason.into() }
    }

    /// For `map_err`: a refusal of the local disk.
    pub(crate) fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.display().to_string();
        move |source| Error::Io { action, path, source }
    }

    /// For `map_err`: a refusal of the object store.
    pub(crate) fn object(
        action: &'static str,
        path: &object_store::path::Path,
    ) -> impl FnOnce(object_store::Error) -> Self + use<> {
        let path = path.to_string();
        move |source| Error::ObjectStore { action, path, source }
    }

    /// For `map_err`: trouble with Parquet; damage that our own reader found inside comes out as `Corrupt`.
    pub(crate) fn parquet(
        action: &'static str,
        path: &object_store::path::Path,
    ) -> impl FnOnce(parquet::errors::ParquetError) -> Self + use<> {
        let path = path.to_string();
        move |source| match source {
            parquet::errors::ParquetError::External(inner) => match inner.downcast::<Error>() {
                Ok(ours) => *ours,
                Err(other) => Error::Parquet { action, path, source: parquet::errors::ParquetError::External(other) },
            },
            source => Error::Parquet { action, path, source },
        }
    }
}

impl Classify for Error {
    fn kind(&self) -> ErrorKind {
        match self {
            Error::Locked { .. } | Error::JournalElsewhere { .. } => ErrorKind::Conflict,
            Error::Throttled { .. } => ErrorKind::Throttled,
            Error::TooLarge { .. } => ErrorKind::Invalid,
            Error::Corrupt { .. } | Error::Parquet { .. } => ErrorKind::Corrupt,
            Error::Poisoned { .. }
            | Error::Full { .. }
            | Error::Unanswered { .. }
            | Error::Refused { .. }
            | Error::TakenOver { .. }
            | Error::ReadOnly
            | Error::Closed
            | Error::Io { .. }
            | Error::ObjectStore { .. } => ErrorKind::Unavailable,
            Error::Bug(_) => ErrorKind::Bug,
        }
    }
}
