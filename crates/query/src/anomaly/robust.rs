//! Order statistics that single outliers do not move.

/// The value at a fraction (0 to 1) of the order, of the closest rank below; 0 for nothing. Reorders the values.
pub fn quantile(values: &mut [f64], fraction: f64) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let rank = ((values.len() - 1) as f64 * fraction).round() as usize;
    *values.select_nth_unstable_by(rank, f64::total_cmp).1
}

/// The median, of an even number the mean of the two in the middle; 0 for nothing. Reorders the values.
pub fn median(values: &mut [f64]) -> f64 {
    if values.is_empty() {
        return 0.0;
    }
    let even = values.len().is_multiple_of(2);
    let (below, &mut upper, _) = values.select_nth_unstable_by(values.len() / 2, f64::total_cmp);
    if even { below.iter().copied().fold(f64::MIN, f64::max).midpoint(upper) } else { upper }
}

/// The value that splits the weight of (value, weight) in halves; 0 for nothing. Reorders the pairs.
pub fn weighted_median(pairs: &mut [(f64, f64)]) -> f64 {
    pairs.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let half = pairs.iter().map(|pair| pair.1).sum::<f64>() / 2.0;
    let mut sum = 0.0;
    for &(value, weight) in pairs.iter() {
        sum += weight;
        if sum >= half {
            return value;
        }
    }
    pairs.last().map_or(0.0, |pair| pair.0)
}

/// What a few observations support: of two the one nearer to zero, or 0 when they differ in sign; of three or more the median,
/// shrunk by as much as chance alone would move it (James and Stein); 0 for fewer. So what was seen once is no pattern.
pub fn agreed(values: &mut [f64]) -> f64 {
    match *values {
        [] | [_] => 0.0,
        [a, b] if a * b <= 0.0 => 0.0,
        [a, b] => a.signum() * a.abs().min(b.abs()),
        _ => {
            let middle = median(values);
            let mut distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
            // The variance of a median is about pi/2 times that of a mean.
            let chance = std::f64::consts::FRAC_PI_2 * (median(&mut distances) / 0.6745).powi(2) / values.len() as f64;
            if middle == 0.0 { 0.0 } else { middle * (1.0 - chance / (middle * middle)).max(0.0) }
        }
    }
}
