//! How long before the onset a change was: causes show soon, mostly, and never before they happen.
//!
//! How soon: more than half of all within minutes, others when a cache, a certificate or a queue runs out. As a density it is a mixture of
//! three exponentials; compared with it is a change that comes at any moment of an hour. The onset is an interval, for a metric
//! says what happened within a period: the density is averaged over the part of it that lies after the change.

use super::Factor;
use super::onset::Onset;
use model::Timestamp;
use model::time::{MINUTE, SECOND};

/// Shares and means (milliseconds) of the three.
const DELAYS: [(f64, f64); 3] = [(0.5, 3.0 * 60e3), (0.33, 12.0 * 60e3), (0.17, 45.0 * 60e3)];
/// What is compared with: one change in an hour, at any moment.
const HOUR_MS: f64 = 60.0 * 60e3;
/// Least and most that time says.
const BOUNDS: (f64, f64) = (-4.0, 2.6);

/// How time speaks for a change; `None` when it came after the onset.
pub(super) fn factor(at: Timestamp, onset: &Onset) -> Option<Factor> {
    if at >= onset.to {
        return None;
    }
    let length = ((onset.to - onset.from) as f64).max(1.0);
    let (near, far) = ((onset.from - at).max(0) as f64, (onset.to - at) as f64);
    let part = |(share, mean): (f64, f64)| share * ((-near / mean).exp() - (-far / mean).exp());
    let density = DELAYS.into_iter().map(part).sum::<f64>() / length;
    let score = (density * HOUR_MS).max(f64::MIN_POSITIVE).ln().clamp(BOUNDS.0, BOUNDS.1);
    Some(Factor::new("time", score, reason(onset.from - at)))
}

fn reason(before_ms: i64) -> String {
    match before_ms {
        ..=0 => "at the onset".into(),
        ms if ms < MINUTE => format!("{} s before the onset", (ms / SECOND).max(1)),
        ms if ms < 120 * MINUTE => format!("{} min before the onset", (ms + MINUTE / 2) / MINUTE),
        ms => format!("{:.1} h before the onset", ms as f64 / (60 * MINUTE) as f64),
    }
}
