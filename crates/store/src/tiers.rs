//! Retention tiers of metrics: how long points are kept in each resolution before they are rolled up to the next.

use model::Timestamp;

/// How long points of a resolution are kept in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MetricTier {
    /// Seconds.
    pub resolution_secs: u16,
    /// Milliseconds.
    pub keep_ms: i64,
}

impl MetricTier {
    /// The tiers of CloudWatch.
    pub fn aws() -> Vec<MetricTier> {
        let tiers = model::limits::METRIC_TIERS.iter();
        tiers.map(|&(resolution_secs, keep_ms)| MetricTier { resolution_secs, keep_ms }).collect()
    }
}

/// The tiers at one instant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tiers(
    /// (a resolution, the time before which nothing finer than it is kept), finest first.
    Vec<(u16, Timestamp)>,
);

impl Tiers {
    pub(crate) fn at(now: Timestamp, tiers: &[MetricTier]) -> Self {
        // No interval of the coarser tier lies on both sides of its border.
        let border = |fine: &MetricTier, coarse: &MetricTier| {
            (now - fine.keep_ms).floor_to(i64::from(coarse.resolution_secs.max(1)) * 1000)
        };
        Self(tiers.windows(2).map(|pair| (pair[1].resolution_secs, border(&pair[0], &pair[1]))).collect())
    }

    /// The finest resolution, seconds, that points of this time are kept in; 1 where they are as they came.
    pub fn resolution_secs(&self, time: Timestamp) -> u16 {
        self.0.iter().rev().find(|(_, border)| time < *border).map_or(1, |(resolution_secs, _)| *resolution_secs)
    }

    /// The time before which points of a resolution are not kept in it.
    pub(crate) fn border(&self, resolution_secs: u16) -> Timestamp {
        let coarser = self.0.iter().filter(|(coarse, _)| *coarse > resolution_secs);
        coarser.map(|(_, border)| *border).max().unwrap_or(Timestamp::MIN)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use model::time::{DAY, HOUR, MINUTE};

    #[test]
    fn resolutions_by_age() {
        let now = Timestamp(1_800_000_030_000);
        let tiers = Tiers::at(now, &MetricTier::aws());
        for (age, expected) in
            [(0, 1), (3 * HOUR - MINUTE, 1), (3 * HOUR + MINUTE, 60), (16 * DAY, 300), (63 * DAY + HOUR, 3600)]
        {
            assert_eq!(tiers.resolution_secs(now - age), expected, "{age}");
        }
        assert_eq!(tiers.border(1), (now - 3 * HOUR).floor_to(MINUTE));
        assert_eq!(tiers.border(60), (now - 15 * DAY).floor_to(5 * MINUTE));
        assert_eq!(tiers.border(300), (now - 63 * DAY).floor_to(HOUR));
        assert_eq!(tiers.border(3600), Timestamp::MIN);
        assert_eq!(Tiers::at(now, &[]).resolution_secs(Timestamp(0)), 1);
    }
}
