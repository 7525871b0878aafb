//! `[subscriptions]`: how log subscriptions are delivered, as the file spells it.

use anyhow::bail;
use serde::Deserialize;
use watch::logs::subscriptions::OBJECT_MS;

/// Longest time that events gather, seconds: what gathers is read again after a restart.
const OBJECT_SECONDS_MAX: i64 = 3_600;

/// `[subscriptions]`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SubscriptionsSection {
    /// How long events gather before they become an object of a bucket.
    pub object_seconds: Option<i64>,
}

impl SubscriptionsSection {
    /// The time in milliseconds.
    pub fn resolve(self) -> anyhow::Result<i64> {
        match self.object_seconds {
            None => Ok(OBJECT_MS),
            Some(seconds) if (1..=OBJECT_SECONDS_MAX).contains(&seconds) => Ok(seconds * 1_000),
            Some(seconds) => {
                bail!("[subscriptions] object_seconds must be from 1 to {OBJECT_SECONDS_MAX}, not {seconds}")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_gather_for_a_minute_unless_the_file_says_otherwise() {
        let resolve = |text: &str| toml::from_str::<SubscriptionsSection>(text).unwrap().resolve();
        assert_eq!((resolve("").unwrap(), resolve("object_seconds = 1").unwrap()), (60_000, 1_000));
        for seconds in [0, -1, 3_601] {
            let error = resolve(&format!("object_seconds = {seconds}")).unwrap_err().to_string();
            assert!(error.ends_with(&format!("not {seconds}")), "{error}");
        }
    }
}
