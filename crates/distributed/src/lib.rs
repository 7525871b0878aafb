//! Wide SQL queries on several machines: Ballista's scheduler and executors, embedded.
//!
//! A server plans a statement against its own catalog and view, and hands the physical plan to a scheduler ([`Ballista`]); executors
//! read the segments that its tickets name, from the same object store. The plans of all three are written and read by one
//! [`Codec`], and all know the same functions. Nothing is kept here: whatever is lost can be asked again.
//!
//! The crate is empty without its feature `cluster`, for Ballista is half of what a build with it compiles.
#![cfg(feature = "cluster")]

mod client;
mod codec;
mod executors;
mod processes;
mod said;

pub use client::Ballista;
pub use codec::Codec;
pub use processes::{ExecutorOptions, SchedulerOptions, executor, scheduler};
pub use said::take_in_log;

/// Why a process ended, or did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A port or a folder of this machine.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// Ballista says so.
    #[error("{0}")]
    Ballista(#[from] ballista_core::error::BallistaError),
}
