//! Windows that slide over the samples of a series: what is in them, kept up to date in constant time for each sample.

/// A sample: milliseconds since the epoch, value.
pub type Sample = (i64, f64);

/// What is kept of consecutive samples, so that two neighbouring stretches can be put together.
pub trait Summary: Copy {
    /// Of one sample; `origin` is some instant near all samples of the series.
    fn of(sample: Sample, origin: i64) -> Self;
    /// Of this stretch and the one right after it.
    fn then(self, later: Self) -> Self;
}

/// The summary of a window whose ends move only forward. The samples before `mid` are in `front` as the summaries of
/// `[i, mid)` for each i, so that the window's begin may move; those from `mid` on are in `back` as one summary, so that its
/// end may move. When `front` is used up, all samples go there. Every sample is summarised three times at most.
pub struct Sliding<'a, S> {
    samples: &'a [Sample],
    begin: usize,
    mid: usize,
    end: usize,
    /// Last is the summary of `[begin, mid)`.
    front: Vec<S>,
    back: Option<S>,
}

impl<'a, S: Summary> Sliding<'a, S> {
    /// An empty window at the first of `samples`.
    pub fn over(samples: &'a [Sample]) -> Self {
        Self { samples, begin: 0, mid: 0, end: 0, front: Vec::new(), back: None }
    }

    /// Moves to `[begin, end)`, neither earlier than before, and says what is in there.
    pub fn move_to(&mut self, begin: usize, end: usize) -> Option<S> {
        if begin >= self.end {
            (self.begin, self.mid, self.end) = (begin, begin, begin);
            self.front.clear();
            self.back = None;
        }
        for at in self.end..end {
            let next = self.of(at);
            self.back = Some(self.back.map_or(next, |back| back.then(next)));
        }
        self.end = end;
        if begin > self.begin {
            self.begin = begin;
            if begin >= self.mid {
                self.refill();
            } else {
                self.front.truncate(self.mid - begin);
            }
        }
        match (self.front.last(), self.back) {
            (Some(&front), Some(back)) => Some(front.then(back)),
            (front, back) => front.copied().or(back),
        }
    }

    fn refill(&mut self) {
        self.front.clear();
        self.back = None;
        self.mid = self.end;
        for at in (self.begin..self.end).rev() {
            let this = self.of(at);
            self.front.push(self.front.last().map_or(this, |&later| this.then(later)));
        }
    }

    fn of(&self, at: usize) -> S {
        S::of(self.samples[at], self.samples[0].0)
    }
}

/// A sum with the error that floats made in it (Neumaier), and the count.
#[derive(Clone, Copy)]
pub struct Sum {
    pub count: f64,
    sum: f64,
    error: f64,
}

impl Sum {
    /// Of one value.
    pub fn of_value(value: f64) -> Self {
        Self { count: 1.0, sum: value, error: 0.0 }
    }

    /// Of the values of both.
    pub fn plus(self, other: Self) -> Self {
        let sum = self.sum + other.sum;
        let lost = if !sum.is_finite() {
            0.0
        } else if self.sum.abs() >= other.sum.abs() {
            (self.sum - sum) + other.sum
        } else {
            (other.sum - sum) + self.sum
        };
        Self { count: self.count + other.count, sum, error: self.error + other.error + lost }
    }

    /// The sum.
    pub fn total(self) -> f64 {
        self.sum + self.error
    }
}

impl Summary for Sum {
    fn of(sample: Sample, _origin: i64) -> Self {
        Self::of_value(sample.1)
    }

    fn then(self, later: Self) -> Self {
        self.plus(later)
    }
}

/// Count, mean and sum of squared distances from it.
#[derive(Clone, Copy)]
pub struct Spread {
    count: f64,
    mean: f64,
    squares: f64,
}

impl Spread {
    /// Of one value.
    pub fn of_value(value: f64) -> Self {
        Self { count: 1.0, mean: value, squares: distance_from_itself(value) }
    }

    /// Of the values of both.
    pub fn plus(self, other: Self) -> Self {
        let count = self.count + other.count;
        let apart = other.mean - self.mean;
        Self {
            count,
            mean: self.mean + apart * (other.count / count),
            squares: self.squares + other.squares + apart * apart * (self.count * other.count / count),
        }
    }

    /// The variance of all values (not of a sample of them).
    pub fn variance(self) -> f64 {
        self.squares / self.count
    }
}

impl Summary for Spread {
    fn of(sample: Sample, _origin: i64) -> Self {
        Self::of_value(sample.1)
    }

    fn then(self, later: Self) -> Self {
        self.plus(later)
    }
}

/// None, but an infinity or NaN has no distance from anything.
fn distance_from_itself(value: f64) -> f64 {
    if value.is_finite() { 0.0 } else { f64::NAN }
}

/// The lowest and the highest sample; among equals the last. NaN gives way to any number.
#[derive(Clone, Copy)]
pub struct Extremes {
    pub min: Sample,
    pub max: Sample,
}

impl Summary for Extremes {
    fn of(sample: Sample, _origin: i64) -> Self {
        Self { min: sample, max: sample }
    }

    fn then(self, later: Self) -> Self {
        let min = if later.min.1 <= self.min.1 || self.min.1.is_nan() { later.min } else { self.min };
        let max = if later.max.1 >= self.max.1 || self.max.1.is_nan() { later.max } else { self.max };
        Self { min, max }
    }
}

/// How values go from one sample to the next.
#[derive(Clone, Copy)]
pub struct Steps {
    first: f64,
    last: f64,
    pub changes: f64,
    pub resets: f64,
    /// The sum of the values that a counter fell from.
    pub lost: f64,
}

impl Summary for Steps {
    fn of(sample: Sample, _origin: i64) -> Self {
        Self { first: sample.1, last: sample.1, changes: 0.0, resets: 0.0, lost: 0.0 }
    }

    fn then(self, later: Self) -> Self {
        let (from, to) = (self.last, later.first);
        let changed = from != to && !(from.is_nan() && to.is_nan());
        let fell = to < from;
        Self {
            first: self.first,
            last: later.last,
            changes: self.changes + later.changes + f64::from(u8::from(changed)),
            resets: self.resets + later.resets + f64::from(u8::from(fell)),
            lost: self.lost + later.lost + if fell { from } else { 0.0 },
        }
    }
}

/// What least squares need of samples: x is seconds from the origin.
#[derive(Clone, Copy)]
pub struct Line {
    count: f64,
    mean_x: f64,
    mean_y: f64,
    xx: f64,
    xy: f64,
}

impl Line {
    /// Units per second.
    pub fn slope(self) -> f64 {
        self.xy / self.xx
    }

    /// The line's value `x` seconds after the origin.
    pub fn at(self, x: f64) -> f64 {
        self.mean_y + self.slope() * (x - self.mean_x)
    }
}

impl Summary for Line {
    fn of(sample: Sample, origin: i64) -> Self {
        let (mean_x, mean_y) = ((sample.0 - origin) as f64 / 1000.0, sample.1);
        Self { count: 1.0, mean_x, mean_y, xx: 0.0, xy: distance_from_itself(mean_y) }
    }

    fn then(self, later: Self) -> Self {
        let count = self.count + later.count;
        let share = later.count / count;
        let weight = self.count * share;
        let (x, y) = (later.mean_x - self.mean_x, later.mean_y - self.mean_y);
        Self {
            count,
            mean_x: self.mean_x + x * share,
            mean_y: self.mean_y + y * share,
            xx: self.xx + later.xx + x * x * weight,
            xy: self.xy + later.xy + x * y * weight,
        }
    }
}

/// The values of a sliding window in order, NaN first.
pub struct Sorted<'a> {
    samples: &'a [Sample],
    begin: usize,
    end: usize,
    values: Vec<f64>,
}

impl<'a> Sorted<'a> {
    /// An empty window at the first of `samples`.
    pub fn over(samples: &'a [Sample]) -> Self {
        Self { samples, begin: 0, end: 0, values: Vec::new() }
    }

    /// Moves to `[begin, end)`, neither earlier than before, and gives what is in there.
    pub fn move_to(&mut self, begin: usize, end: usize) -> &[f64] {
        if begin >= self.end {
            // Nothing stays: sorting is faster than one insertion after another.
            self.values.clear();
            self.values.extend(self.samples[begin..end].iter().map(|sample| sample.1));
            self.values.sort_by(nan_first);
        } else {
            for sample in &self.samples[self.begin..begin] {
                let at = self.values.partition_point(|value| nan_first(value, &sample.1).is_lt());
                self.values.remove(at);
            }
            for sample in &self.samples[self.end..end] {
                let at = self.values.partition_point(|value| nan_first(value, &sample.1).is_lt());
                self.values.insert(at, sample.1);
            }
        }
        (self.begin, self.end) = (begin, end);
        &self.values
    }
}

/// The order of values in which every NaN comes before every number.
pub fn nan_first(a: &f64, b: &f64) -> std::cmp::Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => (a + 0.0).total_cmp(&(b + 0.0)),
        (a, b) => b.cmp(&a),
    }
}

/// The quantile of values in order, linearly between the closest ranks; out of [0, 1] an infinity, NaN without values.
pub fn quantile(q: f64, sorted: &[f64]) -> f64 {
    if sorted.is_empty() || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let rank = q * (sorted.len() - 1) as f64;
    let lower = rank.floor() as usize;
    let upper = (lower + 1).min(sorted.len() - 1);
    let weight = rank - rank.floor();
    sorted[lower] * (1.0 - weight) + sorted[upper] * weight
}

/// The median of the distances from the median, of values in order.
pub fn median_distance(sorted: &[f64]) -> f64 {
    let median = quantile(0.5, sorted);
    if median.is_nan() || sorted.first().is_some_and(|first| first.is_nan()) {
        return f64::NAN;
    }
    let split = sorted.partition_point(|&value| value <= median);
    let (below, above) = sorted.split_at(split);
    // Both go away from the median: the distances are two lists in order.
    let distance =
        |rank: usize| nth_of_two(rank, split, |i| median - below[split - 1 - i], above.len(), |i| above[i] - median);
    let last = sorted.len() - 1;
    let (lower, upper) = (last / 2, last.div_ceil(2));
    (distance(lower) + distance(upper)) / 2.0
}

/// The value at `rank` of two lists in order put together, found by halving how many of it come from the first.
fn nth_of_two(rank: usize, a_len: usize, a: impl Fn(usize) -> f64, b_len: usize, b: impl Fn(usize) -> f64) -> f64 {
    let (mut low, mut high) = ((rank + 1).saturating_sub(b_len), (rank + 1).min(a_len));
    while low < high {
        let from_a = (low + high) / 2;
        let from_b = rank + 1 - from_a;
        // Too few from a: its next one is smaller than the last one taken of b.
        if from_b > 0 && a(from_a) < b(from_b - 1) { low = from_a + 1 } else { high = from_a }
    }
    let from_b = rank + 1 - low;
    let last_a = if low > 0 { a(low - 1) } else { f64::NEG_INFINITY };
    let last_b = if from_b > 0 { b(from_b - 1) } else { f64::NEG_INFINITY };
    last_a.max(last_b)
}
