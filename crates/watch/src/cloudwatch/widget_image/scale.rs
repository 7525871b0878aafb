//! The scale of a value axis: nice numbers (1, 2, 2.5 or 5 times a power of ten) at even steps.
//!
//! Ends that the user does not fix are rounded outwards to a tick. Data that are not negative and fill more than half of the
//! way down to zero get an axis from zero: AWS does not say when it does this.

/// Values beyond are drawn as if they were here: the difference of two of them is still a number.
const VALUE_MAX: f64 = 1e300;

/// A value axis.
#[derive(Debug, Clone, PartialEq)]
pub struct ValueScale {
    /// Value at the lower end.
    pub min: f64,
    /// Value at the upper end, above `min`.
    pub max: f64,
    /// Distance of ticks.
    pub step: f64,
    /// Where ticks are, ascending, all between the ends.
    pub ticks: Vec<f64>,
}

impl ValueScale {
    /// A scale for data between two values (`None`: no data), with ends that may be fixed and at most about `count` ticks.
    pub fn new(data: Option<(f64, f64)>, fixed: (Option<f64>, Option<f64>), count: usize) -> Self {
        let sane = |value: Option<f64>| value.filter(|v| v.is_finite()).map(|v| v.clamp(-VALUE_MAX, VALUE_MAX));
        let (fixed_min, fixed_max) = match (sane(fixed.0), sane(fixed.1)) {
            (Some(min), Some(max)) if min >= max => (Some(min), None),
            ends => ends,
        };
        let (low, high) = data.unwrap_or((0.0, 1.0));
        let (mut low, mut high) = (low.clamp(-VALUE_MAX, VALUE_MAX), high.clamp(-VALUE_MAX, VALUE_MAX));
        if low >= 0.0 && high - low > 0.5 * high {
            low = 0.0;
        }
        low = fixed_min.unwrap_or(low);
        high = fixed_max.unwrap_or(high);
        if low >= high {
            // All data at one value, or an end that was fixed beyond the data.
            let room = if low == 0.0 { 1.0 } else { (low.abs() * 0.1).max(f64::MIN_POSITIVE * 1e20) };
            match (fixed_min, fixed_max) {
                (Some(_), _) => high = low + room,
                (None, Some(_)) => low = high - room,
                (None, None) if low == 0.0 => high = 1.0,
                (None, None) => (low, high) = (low - room, low + room),
            }
        }
        let step = nice_step((high - low) / count.max(1) as f64);
        let min = fixed_min.unwrap_or_else(|| (low / step + 1e-9).floor() * step);
        let max = fixed_max.unwrap_or_else(|| (high / step - 1e-9).ceil() * step);
        Self { min, max, step, ticks: ticks(min, max, step) }
    }

    /// Where a value is: 0 at the lower end, 1 at the upper.
    pub fn fraction(&self, value: f64) -> f64 {
        (value.clamp(-VALUE_MAX, VALUE_MAX) - self.min) / (self.max - self.min)
    }
}

/// The smallest nice number that is not below `rough`.
fn nice_step(rough: f64) -> f64 {
    let power = 10_f64.powf(rough.log10().floor());
    let found = [1.0, 2.0, 2.5, 5.0, 10.0].into_iter().find(|nice| nice * power >= rough * (1.0 - 1e-9));
    found.unwrap_or(10.0) * power
}

fn ticks(min: f64, max: f64, step: f64) -> Vec<f64> {
    let first = (min / step - 1e-6).ceil();
    let last = (max / step + 1e-6).floor();
    // The step was chosen for few ticks; the bound only guards against rounding at the ends of the number range.
    let count = (last - first).clamp(0.0, 100.0) as usize;
    (0..=count).map(|index| (first + index as f64) * step).collect()
}
