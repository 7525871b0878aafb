//! How long to wait before something is tried again: twice as long each time, up to a cap, with jitter.

/// First wait, milliseconds.
const FIRST_MS: i64 = 500;
/// Longest wait, milliseconds.
const LONGEST_MS: i64 = 30_000;

/// Milliseconds to wait after `failures` failures in a row (1 is the first). `random` is in 0..1; a half of the wait is left to
/// it, so that agents that lost the same server do not come back at once.
pub fn wait_ms(failures: u32, random: f64) -> i64 {
    let doubled = FIRST_MS.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(LONGEST_MS);
    doubled / 2 + (doubled as f64 / 2.0 * random.clamp(0.0, 1.0)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_to_a_cap_and_half_of_them_is_chance() {
        let longest: Vec<i64> = [1, 2, 3, 7, 100, u32::MAX].map(|failures| wait_ms(failures, 1.0)).into();
        assert_eq!(longest, [500, 1_000, 2_000, 30_000, 30_000, 30_000]);
        assert_eq!((wait_ms(1, 0.0), wait_ms(0, 0.0), wait_ms(9, 0.5)), (250, 250, 22_500));
    }
}
