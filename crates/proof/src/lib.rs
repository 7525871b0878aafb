//! Proofs over the tree of audit events, and their verification: bytes in, findings out. No clock, no network, no server.

pub mod digests;
pub mod evidence;
pub mod folder;
mod many;
pub mod merkle;
pub mod note;
mod printable;
pub mod tile;
pub mod together;

pub use printable::printable;

/// Why something does not prove what it should, in words for whoever verifies it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Unproven(pub String);

impl Unproven {
    /// With this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}
