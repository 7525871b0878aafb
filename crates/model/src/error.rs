//! `ErrorKind`: what a caller should do about an error, and nothing about how we failed.

/// The closed set of error kinds. AWS codes and HTTP statuses are derived from it in `wire/src/error.rs` alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ErrorKind {
    /// The request is wrong and will be wrong again.
    Invalid,
    /// The caller may not do this.
    Denied,
    /// What is named does not exist.
    NotFound,
    /// What is named exists already, or changed in the meantime.
    Conflict,
    /// Too much at once; the same request may succeed later.
    Throttled,
    /// Something below is out of reach; the same request may succeed later.
    Unavailable,
    /// Stored bytes are not what was written.
    Corrupt,
    /// We broke a promise to ourselves.
    Bug,
}

/// Every crate's error type says its kind.
pub trait Classify: std::error::Error + Send + Sync + 'static {
    /// What the caller should do about it.
    fn kind(&self) -> ErrorKind;
}
