//! Flushes and merges as they happen, one after the other: memtables become segments, and segments of a tier are merged by the rules of
//! `store/maintain.rs`. What is not played is extrapolated from the second half of what was.
//!
//! Left out: what retention removes, and the rewriting of metrics that are rolled up.

/// Segments of a tier are merged when there are this many (`MERGE_COUNT`).
const MERGE_COUNT: usize = 8;
/// Upper ends of the tiers, bytes (`TIERS`).
const TIERS: [f64; 3] = [1_048_576.0, 8_388_608.0, 67_108_864.0];
/// Most bytes that are merged into one segment (`MERGE_BYTES_MAX`).
const MERGE_BYTES_MAX: f64 = 134_217_728.0;
/// Merging is looked at so often, seconds; or after so many flushes.
const ROUND_SECONDS: f64 = 60.0;
const ROUND_FLUSHES_MAX: f64 = 16.0;
/// Flushes that are played at most.
const FLUSHES_MAX: u64 = 4_096;
/// Kinds of records.
pub const KINDS: usize = 3;

/// What comes, and how long work takes.
#[derive(Debug, Clone, Copy)]
pub struct Load {
    /// Seconds between two flushes.
    pub every: f64,
    /// Bytes of the Parquet object of each kind that a flush makes; 0 for none.
    pub flushed: [f64; KINDS],
    /// Seconds that it takes to merge a byte of a Parquet object, by kind.
    pub merge_byte_seconds: [f64; KINDS],
    /// Seconds of each merge besides, whatever its size.
    pub merge_seconds: f64,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Segments {
    /// Seconds between two flushes.
    pub every: f64,
    /// Flushes.
    pub flushes: f64,
    /// Segments that flushes made, by kind.
    pub flushed: [f64; KINDS],
    /// Merges, each of which makes one segment, by kind.
    pub merges: [f64; KINDS],
    /// Segments that merges read, and removed.
    pub merged: [f64; KINDS],
    /// Bytes of Parquet objects that merges read, and wrote again.
    pub merged_bytes: [f64; KINDS],
    /// Segments at the end, by kind.
    pub listed: [f64; KINDS],
    /// The share of the time that merging takes.
    pub merging: f64,
}

impl Segments {
    /// All segments at the end.
    pub fn all_listed(&self) -> f64 {
        self.listed.iter().sum()
    }

    /// How often a byte of a kind is merged, in the mean.
    pub fn times_merged(&self, kind: usize, flushed_bytes: f64) -> f64 {
        let all = self.flushed[kind] * flushed_bytes;
        if all > 0.0 { self.merged_bytes[kind] / all } else { 0.0 }
    }
}

/// Segments of a kind that may be merged, oldest first, by tier; and how many are too large.
#[derive(Debug, Default)]
struct Tiers {
    small: [Vec<f64>; 3],
    large: u64,
}

impl Tiers {
    fn add(&mut self, bytes: f64) {
        match TIERS.iter().position(|end| bytes < *end) {
            Some(tier) => self.small[tier].push(bytes),
            None => self.large += 1,
        }
    }

    fn listed(&self) -> u64 {
        self.large + self.small.iter().map(|tier| tier.len() as u64).sum::<u64>()
    }

    /// Takes what is merged next: the oldest of the lowest tier that is full.
    fn take(&mut self) -> Option<Vec<f64>> {
        let tier = self.small.iter_mut().find(|tier| tier.len() >= MERGE_COUNT)?;
        let mut bytes = 0.0;
        let fit = tier.iter().take(MERGE_COUNT).take_while(|segment| {
            bytes += **segment;
            bytes <= MERGE_BYTES_MAX
        });
        let fit = fit.count();
        Some(tier.drain(..fit).collect())
    }
}

/// Plays `seconds`. Merging keeps up: that it could not is told by `merging`, which is above 1 then.
pub fn play(load: &Load, seconds: f64) -> Segments {
    let wanted = (seconds / load.every).floor().max(0.0);
    let played = (wanted as u64).min(FLUSHES_MAX);
    // Where flushes come fast, a minute would be most of what is played.
    let round = ROUND_SECONDS.min(load.every * ROUND_FLUSHES_MAX);
    let mut kinds: [Tiers; KINDS] = Default::default();
    let (mut now, mut half, mut round_at) = (Segments::default(), Segments::default(), round);
    for flush in 1..=played {
        if flush as f64 * load.every >= round_at {
            merge(load, &mut kinds, &mut now);
            round_at = (flush as f64 * load.every / round).floor().mul_add(round, round);
        }
        now.flushes += 1.0;
        for (kind, bytes) in load.flushed.iter().enumerate().filter(|(_, bytes)| **bytes > 0.0) {
            kinds[kind].add(*bytes);
            now.flushed[kind] += 1.0;
        }
        now.listed = std::array::from_fn(|kind| kinds[kind].listed() as f64);
        if flush == played / 2 {
            half = now;
        }
    }
    let rest = if now.flushes > half.flushes { (wanted - now.flushes) / (now.flushes - half.flushes) } else { 0.0 };
    let all = beyond(&now, &half, rest);
    Segments { every: load.every, merging: all.merging / seconds.max(load.every), ..all }
}

/// Merges what is due: all logs first, then metrics, then events, as the store does.
fn merge(load: &Load, kinds: &mut [Tiers; KINDS], now: &mut Segments) {
    for (kind, tiers) in kinds.iter_mut().enumerate() {
        while let Some(segments) = tiers.take() {
            let bytes: f64 = segments.iter().sum();
            now.merging += load.merge_seconds + bytes * load.merge_byte_seconds[kind];
            now.merges[kind] += 1.0;
            now.merged[kind] += segments.len() as f64;
            now.merged_bytes[kind] += bytes;
            tiers.add(bytes);
        }
    }
}

/// `now` and so many times what came since `half`.
fn beyond(now: &Segments, half: &Segments, times: f64) -> Segments {
    let one = |now: f64, half: f64| now + (now - half) * times;
    let each = |now: [f64; KINDS], half: [f64; KINDS]| std::array::from_fn(|kind| one(now[kind], half[kind]).max(0.0));
    Segments {
        every: now.every,
        flushes: one(now.flushes, half.flushes),
        flushed: each(now.flushed, half.flushed),
        merges: each(now.merges, half.merges),
        merged: each(now.merged, half.merged),
        merged_bytes: each(now.merged_bytes, half.merged_bytes),
        listed: each(now.listed, half.listed),
        merging: one(now.merging, half.merging),
    }
}
