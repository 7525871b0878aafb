//! How long to wait before something is tried again: twice as long each time, up to a cap, with jitter; and when that is over.

use model::Timestamp;

/// First wait, milliseconds.
const FIRST_MS: i64 = 500;
/// Longest wait, milliseconds.
pub const LONGEST_MS: i64 = 30_000;

/// Milliseconds to wait after `failures` failures in a row (1 is the first). `random` is in 0..1; a half of the wait is left to
/// it, so that agents that lost the same server do not come back at once.
pub fn wait_ms(failures: u32, random: f64) -> i64 {
    let doubled = FIRST_MS.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_MS);
    doubled / 2 + (doubled as f64 / 2.0 * random.clamp(0.0, 1.0)) as i64
}

/// True when `due` has come. It was set `longest_ms` ahead at most: if it is further away, the clock was set back since.
pub fn is_due(due: Timestamp, now: Timestamp, longest_ms: i64) -> bool {
    !(1..=longest_ms).contains(&(due - now))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set_back_makes_nobody_wait() {
        let due = |due: i64, now: i64| is_due(Timestamp(due), Timestamp(now), 1_000);
        assert_eq!(
            (due(5_000, 4_000), due(5_000, 4_999), due(5_000, 5_000), due(5_000, 3_999)),
            (false, false, true, true)
        );
        assert!(is_due(Timestamp::MIN, Timestamp(0), 1_000));
    }

    #[test]
    fn waits_double_to_a_cap_and_half_of_them_is_chance() {
        let longest: Vec<i64> = [1, 2, 3, 7, 100, u32::MAX].map(|failures| wait_ms(failures, 1.0)).into();
        assert_eq!(longest, [500, 1_000, 2_000, 30_000, 30_000, 30_000]);
        assert_eq!((wait_ms(1, 0.0), wait_ms(0, 0.0), wait_ms(9, 0.5)), (250, 250, 22_500));
    }
}
