//! The collector: tails files and journals, gathers metrics, and hands them in over the public AWS API.
//!
//! `run` joins it all. What decides something is a state machine that is given the time, the disk and the server: `records` and
//! `timestamps` read text, `tails` knows files, `batch` and `delivery` send, `logs` joins these; `statsd` and `metrics` are apart.

pub mod backoff;
pub mod batch;
pub mod config;
pub mod credentials;
pub mod delivery;
pub mod disk;
pub mod endpoint;
pub mod host;
pub mod journald;
pub mod logs;
pub mod metrics;
pub mod positions;
pub mod records;
pub mod run;
pub mod statsd;
pub mod tails;
pub mod timestamps;

pub use run::{Parts, run};
