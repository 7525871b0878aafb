//! `Pace`: keeps work in the background to a share of a core, and so to a share of the disk, whatever there is to do.

use std::time::{Duration, Instant};

/// Work goes on for so long before it rests.
const SLICE: Duration = Duration::from_millis(20);
/// It never rests longer, for it may have been kept from the processor rather than have used it.
const REST_MAX: Duration = Duration::from_secs(1);

/// Rests between slices of work.
#[derive(Debug)]
pub(crate) struct Pace {
    share: f64,
    began: Instant,
}

impl Pace {
    /// For work that may have this share, above 0, of a core; with 1 it never rests.
    pub(crate) fn new(share: f64) -> Self {
        Self { share, began: Instant::now() }
    }

    /// Waits when there was work for a while. What other threads keep this one from counts as work: it rests more where
    /// others are busy.
    pub(crate) async fn keep(&mut self) {
        let rest = rest_after(self.began.elapsed(), self.share);
        if !rest.is_zero() {
            tokio::time::sleep(rest).await;
            self.began = Instant::now();
        }
    }
}

fn rest_after(busy: Duration, share: f64) -> Duration {
    if busy < SLICE || share >= 1.0 {
        return Duration::ZERO;
    }
    let times = 1.0 / share.max(0.01) - 1.0;
    busy.mul_f64(times).min(REST_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_and_rest_are_in_proportion() {
        let ms = Duration::from_millis;
        assert_eq!(rest_after(ms(100), 0.5), ms(100));
        assert_eq!(rest_after(ms(100), 0.25), ms(300));
        assert_eq!(rest_after(ms(100), 1.0), ms(0));
        assert_eq!(rest_after(ms(19), 0.5), ms(0), "too short to be worth it");
        assert_eq!(rest_after(ms(60_000), 0.5), ms(1000));
        assert_eq!(rest_after(ms(100), 0.0), ms(1000));
    }
}
