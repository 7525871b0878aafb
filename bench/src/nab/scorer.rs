//! The scoring rule of the Numenta Anomaly Benchmark (Lavin and Ahmad, 2015), written from its paper.
//!
//! Every labelled anomaly is a window. The first detection in a window earns what its place there is worth: a sigmoid that is
//! `tp` at the left end and near zero at the right end; later ones in the same window neither earn nor cost. A window
//! without a detection costs `fn`. A detection outside of all windows costs up to `fp`: little just behind a window, all of
//! it from three window lengths on and before the first window. The first 15 % of a series, at most 750 points, are not scored.
//! A detector is a list of scores; a point whose score reaches the threshold is a detection, and the threshold is one for the
//! whole corpus: the one with the highest sum. Scores are then put on the scale from no detections (0) to all windows
//! found at their left end and nothing else (100).

/// What detections and misses are worth in one application.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Profile {
    /// NAB's name of it.
    pub name: &'static str,
    /// Earned by a detection at the left end of a window.
    pub true_positive: f64,
    /// Paid for a detection far from any window.
    pub false_positive: f64,
    /// Paid for a window without a detection.
    pub false_negative: f64,
}

/// NAB's three applications.
pub const PROFILES: [Profile; 3] = [
    Profile { name: "standard", true_positive: 1.0, false_positive: 0.11, false_negative: 1.0 },
    Profile { name: "reward_low_FP_rate", true_positive: 1.0, false_positive: 0.22, false_negative: 1.0 },
    Profile { name: "reward_low_FN_rate", true_positive: 1.0, false_positive: 0.11, false_negative: 2.0 },
];

/// What a detector said of one series.
#[derive(Debug, Clone, PartialEq)]
pub struct Scored {
    /// One anomaly score for each point.
    pub scores: Vec<f64>,
    /// Index of the first and of the last point of each window, in order and apart from each other.
    pub windows: Vec<(usize, usize)>,
}

/// A point that counts: what a detection there is worth, and in which window it lies.
#[derive(Debug, Clone, Copy)]
struct Chance {
    score: f64,
    worth: f64,
    window: Option<usize>,
}

/// From 1 far left to -1 far right; 0 at the right end of a window, where `position` is 0.
fn sigmoid(position: f64) -> f64 {
    if position > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}

/// How many points at the start are not scored.
pub fn probation(points: usize) -> usize {
    (points.min(5000) as f64 * 0.15).floor() as usize
}

impl Profile {
    /// What a detection at each point is worth; positive within a window.
    fn worth(&self, index: usize, windows: &[(usize, usize)]) -> (f64, Option<usize>) {
        if let Some(at) = windows.iter().position(|&(left, right)| (left..=right).contains(&index)) {
            let (left, right) = windows[at];
            let position = (right - index + 1) as f64 / (right - left + 1) as f64;
            return (self.true_positive * sigmoid(-position) / sigmoid(-1.0), Some(at));
        }
        let Some(&(left, right)) = windows.iter().rev().find(|&&(_, right)| right < index) else {
            return (-self.false_positive, None);
        };
        let position = (index - right) as f64 / (right - left).max(1) as f64;
        (self.false_positive * sigmoid(position), None)
    }

    fn chances(&self, series: &Scored) -> Vec<Chance> {
        let counted = probation(series.scores.len())..series.scores.len();
        counted
            .map(|index| {
                let (worth, window) = self.worth(index, &series.windows);
                Chance { score: series.scores[index], worth, window }
            })
            .collect()
    }

    /// The sum for one series, not yet put on a scale.
    pub fn raw(&self, series: &Scored, threshold: f64) -> f64 {
        let mut windows = vec![-self.false_negative; series.windows.len()];
        let mut cost = 0.0;
        for chance in self.chances(series).iter().filter(|chance| chance.score >= threshold) {
            match chance.window {
                Some(window) => windows[window] = windows[window].max(chance.worth),
                None => cost += chance.worth,
            }
        }
        windows.iter().sum::<f64>() + cost
    }

    /// The threshold with the highest sum over all series; infinite when no detection is worth it.
    pub fn best_threshold(&self, corpus: &[Scored]) -> f64 {
        let mut chances: Vec<(usize, Chance)> = corpus
            .iter()
            .enumerate()
            .flat_map(|(at, series)| self.chances(series).into_iter().map(move |chance| (at, chance)))
            .collect();
        chances.sort_by(|(_, a), (_, b)| b.score.total_cmp(&a.score));
        let mut earned: Vec<Vec<f64>> =
            corpus.iter().map(|series| vec![-self.false_negative; series.windows.len()]).collect();
        let (mut sum, mut best_sum, mut best) = (0.0, 0.0, f64::INFINITY);
        for same_score in chances.chunk_by(|(_, a), (_, b)| a.score == b.score) {
            for (series, chance) in same_score {
                match chance.window {
                    Some(window) => {
                        let before = earned[*series][window];
                        earned[*series][window] = before.max(chance.worth);
                        sum += earned[*series][window] - before;
                    }
                    None => sum += chance.worth,
                }
            }
            if sum > best_sum {
                (best_sum, best) = (sum, same_score[0].1.score);
            }
        }
        best
    }

    /// The sum of raw scores of series with so many windows, on the scale from 0 to 100; `None` without windows.
    pub fn scaled(&self, raw: f64, windows: usize) -> Option<f64> {
        let (null, perfect) = (-self.false_negative * windows as f64, self.true_positive * windows as f64);
        (windows > 0).then(|| 100.0 * (raw - null) / (perfect - null))
    }
}
