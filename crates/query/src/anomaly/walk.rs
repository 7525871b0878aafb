//! Walking through a series as the product does: train on what has been, judge what comes.

use super::{Model, Options, TRAINING_SPAN_MS, train};

/// How a series is walked through.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Walk {
    /// How often the model is trained anew, in milliseconds.
    pub retrain_ms: i64,
    /// What it is trained with.
    pub options: Options,
    /// e
    pub e: [f64; 6],
}

/// x
pub fn walk(points: &[(i64, f64)], period_ms: i64, how: Walk) -> Vec<f64> {
    let mut model: Option<Model> = None;
    let mut trained = i64::MIN;
    let mut from = 0;
    let mut peak = 0f64;
    let mut last = None;
    let half_ms = how.e[0] * 86_400_000.0;
    points
        .iter()
        .enumerate()
        .map(|(index, &(at, value))| {
            if at.saturating_sub(trained) >= how.retrain_ms {
                while points[from].0 < at - TRAINING_SPAN_MS {
                    from += 1;
                }
                model = Some(train(&points[from..index], period_ms, &[], &|_| 0, how.options));
                trained = at;
            }
            let Some((lower, upper)) = model.as_ref().and_then(|m| m.band(at, 2.0)) else { return 0.0 };
            let middle = model.as_ref().unwrap().middle(at);
            let excess = if value > upper { (value - middle) / (upper - middle) } else if value < lower { (middle - value) / (middle - lower).max((upper - middle) * how.e[1]) } else { 0.0 };
            let past = last.map_or(0, |l| at - l);
            last = Some(at);
            peak *= (-(past as f64) / half_ms).exp2();
            let score = (excess - 1.0).max(0.0) / (how.e[2] + peak);
            peak = peak.max(excess);
            score
        })
        .collect()
}
