//! `[limits]`: how many calls a caller may make, as the file spells it.

use crate::throttle::{Allowance, Limits, Rate};
use anyhow::bail;
use serde::Deserialize;

/// Refused calls of one network that are recorded each, per second and at once, unless the file says otherwise.
const REFUSED: Rate = Rate { per_second: 20, burst: 1_000 };

/// `[limits]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct LimitsSection {
    /// Calls of one access key per second; any number without it.
    pub calls_per_second: Option<u32>,
    /// Calls of one access key at once after a rest; twice those per second without it.
    pub burst: Option<u32>,
    /// Calls of one access key at the same time; any number without it.
    pub concurrent_calls: Option<u32>,
    /// As `calls_per_second`, of all keys of an account together.
    pub account_calls_per_second: Option<u32>,
    /// As `burst`.
    pub account_burst: Option<u32>,
    /// As `concurrent_calls`.
    pub account_concurrent_calls: Option<u32>,
    /// Refused calls of one network that are recorded each, per second; of more only the number is recorded.
    pub refused_per_second: Option<u32>,
    /// The same at once, after a rest.
    pub refused_burst: Option<u32>,
}

impl LimitsSection {
    /// The limits; those of zero are refused.
    pub fn resolve(self) -> anyhow::Result<Limits> {
        let Self { calls_per_second, burst, concurrent_calls, refused_per_second, refused_burst, .. } = self;
        let (account_rate, account_burst) = (self.account_calls_per_second, self.account_burst);
        for (name, number) in [
            ("calls_per_second", calls_per_second),
            ("burst", burst),
            ("concurrent_calls", concurrent_calls),
            ("account_calls_per_second", account_rate),
            ("account_burst", account_burst),
            ("account_concurrent_calls", self.account_concurrent_calls),
            ("refused_per_second", refused_per_second),
            ("refused_burst", refused_burst),
        ] {
            if number == Some(0) {
                bail!("[limits] {name} must be at least 1");
            }
        }
        Ok(Limits {
            key: allowance("", (calls_per_second, burst), concurrent_calls)?,
            account: allowance("account_", (account_rate, account_burst), self.account_concurrent_calls)?,
            refused: Rate {
                per_second: refused_per_second.unwrap_or(REFUSED.per_second),
                burst: refused_burst.unwrap_or(REFUSED.burst),
            },
        })
    }
}

fn allowance(prefix: &str, rate: (Option<u32>, Option<u32>), concurrent: Option<u32>) -> anyhow::Result<Allowance> {
    let rate = match rate {
        (Some(per_second), burst) => {
            Some(Rate { per_second, burst: burst.unwrap_or_else(|| per_second.saturating_mul(2)) })
        }
        (None, Some(_)) => bail!("[limits] {prefix}burst needs {prefix}calls_per_second"),
        (None, None) => None,
    };
    Ok(Allowance { rate, concurrent })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn resolve(text: &str) -> anyhow::Result<Limits> {
        toml::from_str::<LimitsSection>(text).unwrap().resolve()
    }

    #[test]
    fn nothing_is_limited_but_what_is_recorded_of_strangers() {
        assert_eq!(resolve("").unwrap(), Limits { refused: REFUSED, ..Limits::default() });
        let limits = resolve("calls_per_second = 5\naccount_concurrent_calls = 3\nrefused_burst = 7").unwrap();
        assert_eq!(limits.key, Allowance { rate: Some(Rate { per_second: 5, burst: 10 }), concurrent: None });
        assert_eq!(limits.account, Allowance { rate: None, concurrent: Some(3) });
        assert_eq!(limits.refused, Rate { per_second: 20, burst: 7 });
    }

    #[test]
    fn limits_that_make_no_sense_are_refused() {
        for (text, words) in [
            ("burst = 5", "burst needs calls_per_second"),
            ("account_burst = 5", "account_burst needs account_calls_per_second"),
            ("concurrent_calls = 0", "concurrent_calls must be at least 1"),
            ("refused_per_second = 0", "refused_per_second must be at least 1"),
        ] {
            let error = resolve(text).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
    }
}
