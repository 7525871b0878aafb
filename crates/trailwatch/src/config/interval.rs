//! Lengths of time as the file spells them: `30s`, `1m`, `1h`, `90d`.

use serde::Deserialize;
use std::time::Duration;

/// Longest length, seconds: ten years.
const SECS_MAX: u64 = 10 * 365 * 24 * 60 * 60;

/// A length of time of at least a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Interval(Duration);

impl Interval {
    /// So many seconds.
    pub const fn secs(secs: u64) -> Self {
        Self(Duration::from_secs(secs))
    }

    /// In milliseconds.
    pub fn millis(self) -> i64 {
        i64::try_from(self.0.as_millis()).unwrap_or(i64::MAX)
    }
}

impl TryFrom<String> for Interval {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let unit = |unit: char| match unit {
            's' => Some(1),
            'm' => Some(60),
            'h' => Some(60 * 60),
            'd' => Some(24 * 60 * 60),
            _ => None,
        };
        let mut chars = text.chars();
        let unit = chars.next_back().and_then(unit);
        let secs = chars.as_str().parse::<u64>().ok().zip(unit).and_then(|(count, unit)| count.checked_mul(unit));
        match secs {
            Some(secs) if (1..=SECS_MAX).contains(&secs) => Ok(Self::secs(secs)),
            _ => Err(format!("a length of time is a number with s, m, h or d, such as 30s or 1h, not '{text}'")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_have_units() {
        let millis = |text: &str| Interval::try_from(text.to_owned()).map(Interval::millis);
        let good = [("1s", 1_000), ("90s", 90_000), ("1m", 60_000), ("2h", 7_200_000), ("3650d", 315_360_000_000)];
        for (text, expected) in good {
            assert_eq!(millis(text), Ok(expected), "{text}");
        }
        for bad in ["", "1", "s", "0s", "-1s", "1.5m", "1 m", "3651d", "99999999999999999999d", "1w", "ä"] {
            assert!(millis(bad).unwrap_err().contains("such as 30s"), "{bad}");
        }
    }
}
