//! IF, point by point of a condition that is a series.

use std::borrow::Cow;
use std::sync::Arc;

use super::Series;

/// One of the two values of IF.
#[derive(Debug, Clone, Copy)]
pub enum Branch<'a> {
    /// The same number throughout.
    Scalar(f64),
    /// The points of a series.
    Series(&'a Series),
    /// Not given: the point is dropped.
    Omitted,
}

impl<'a> Branch<'a> {
    /// The values at `timestamps`, NaN where there is none.
    fn at(self, timestamps: &Arc<[i64]>) -> Cow<'a, [f64]> {
        match self {
            Self::Scalar(value) => Cow::Owned(vec![value; timestamps.len()]),
            Self::Series(series) => series.at(timestamps),
            Self::Omitted => Cow::Owned(vec![f64::NAN; timestamps.len()]),
        }
    }
}

/// IF per point of `condition`: where it is true, the point of `chosen`, or 0 where that series has none; where it is false,
/// the point of `other`, if it has one.
pub fn choose(condition: &Series, chosen: Branch<'_>, other: Branch<'_>) -> Series {
    let timestamps = &condition.timestamps;
    let (if_true, if_false) = (chosen.at(timestamps), other.at(timestamps));
    let missing = if matches!(chosen, Branch::Series(_)) { 0.0 } else { f64::NAN };
    let values = condition.values.iter().zip(if_true.iter().zip(if_false.iter()));
    let choose = |(condition, (chosen, other)): (&f64, (&f64, &f64))| match () {
        () if *condition == 0.0 => *other,
        () if chosen.is_nan() => missing,
        () => *chosen,
    };
    // The result shows what was chosen, so it has its name.
    let named = if let Branch::Series(series) = chosen { series } else { condition };
    let mut result = named.with_points(timestamps, values.map(choose).collect());
    result.period_ms = condition.period_ms;
    let of_branch = |branch: Branch<'_>| matches!(branch, Branch::Series(Series { has_dropped: true, .. }));
    result.has_dropped = condition.has_dropped || of_branch(chosen) || of_branch(other);
    result
}
