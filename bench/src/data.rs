//! The data of the store benchmark, made from a seed: W1 log lines, W2 metric samples, W3 audit events.
//!
//! Each is made piece by piece, and a piece depends on the plan and its number only, so that the loader and the peers'
//! files hold the same data without anyone keeping them.

pub mod events;
pub mod files;
pub mod logs;
pub mod metrics;

use serde::{Deserialize, Serialize};

/// What to make.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Plan {
    /// Seed of everything.
    pub seed: u64,
    /// 1.0 is the full size: 2 M lines, 14.4 M samples, 1 M events.
    pub scale: f64,
    /// Where the data end, milliseconds since the epoch; a whole five minutes.
    pub end_ms: i64,
}

impl Plan {
    /// `count` at full size, scaled, and at least one.
    pub fn scaled(&self, count: u64) -> u64 {
        ((count as f64 * self.scale).round() as u64).max(1)
    }

    /// The generator of one piece of a workload.
    pub fn random(&self, workload: u64, piece: u64) -> crate::bodies::Random {
        crate::bodies::Random::new(self.seed ^ (workload << 56) ^ piece.wrapping_mul(0xd134_2543_de82_ef95))
    }
}
