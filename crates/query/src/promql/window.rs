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

/// The values of a sliding window in order, NaN first: a Fenwick tree counts which of all the series' values, in order, are in
/// the window. Moving by a sample and finding a value by its rank take the logarithm of the series' length.
pub struct Ranked {
    /// All values of the series, in order.
    ordered: Vec<f64>,
    /// Where in that order each sample's value is.
    places: Vec<usize>,
    /// Node i (from 1) counts the places from `i - (i & -i)` to `i - 1` that are in the window.
    tree: Vec<usize>,
    begin: usize,
    end: usize,
}

impl Ranked {
    /// An empty window at the first of `samples`.
    pub fn over(samples: &[Sample]) -> Self {
        let mut order: Vec<usize> = (0..samples.len()).collect();
        order.sort_by(|&a, &b| nan_first(&samples[a].1, &samples[b].1));
        let mut places = vec![0; samples.len()];
        order.iter().enumerate().for_each(|(place, &at)| places[at] = place);
        let ordered = order.into_iter().map(|at| samples[at].1).collect();
        Self { ordered, places, tree: vec![0; samples.len() + 1], begin: 0, end: 0 }
    }

    /// Moves to `[begin, end)`, neither earlier than before.
    pub fn move_to(&mut self, begin: usize, end: usize) {
        for at in self.begin..begin.min(self.end) {
            self.count(self.places[at], |count| count - 1);
        }
        for at in self.end.max(begin)..end {
            self.count(self.places[at], |count| count + 1);
        }
        (self.begin, self.end) = (begin, end);
    }

    /// How many values are in the window.
    pub fn len(&self) -> usize {
        self.end - self.begin
    }

    /// The value of a rank, from 0 to less than `len`.
    pub fn nth(&self, rank: usize) -> f64 {
        let (mut place, mut before) = (0, rank);
        let mut step = self.tree.len().next_power_of_two() / 2;
        while step > 0 {
            if let Some(&count) = self.tree.get(place + step)
                && count <= before
            {
                (place, before) = (place + step, before - count);
            }
            step /= 2;
        }
        self.ordered[place]
    }

    fn count(&mut self, place: usize, change: impl Fn(usize) -> usize) {
        let mut node = place + 1;
        while let Some(count) = self.tree.get_mut(node) {
            *count = change(*count);
            node += node & node.wrapping_neg();
        }
    }
}

/// The order of values in which every NaN comes before every number.
pub fn nan_first(a: &f64, b: &f64) -> std::cmp::Ordering {
    match (a.is_nan(), b.is_nan()) {
        (false, false) => (a + 0.0).total_cmp(&(b + 0.0)),
        (a, b) => b.cmp(&a),
    }
}

/// The quantile of `count` values that `nth` gives in order, linearly between the closest ranks; out of [0, 1] an infinity,
/// NaN without values.
pub fn quantile(q: f64, count: usize, nth: impl Fn(usize) -> f64) -> f64 {
    if count == 0 || q.is_nan() {
        return f64::NAN;
    }
    if q < 0.0 {
        return f64::NEG_INFINITY;
    }
    if q > 1.0 {
        return f64::INFINITY;
    }
    let rank = q * (count - 1) as f64;
    let lower = rank.floor() as usize;
    let upper = (lower + 1).min(count - 1);
    let weight = rank - rank.floor();
    nth(lower) * (1.0 - weight) + nth(upper) * weight
}

/// The median of the distances from the median, of `count` values that `nth` gives in order.
pub fn median_distance(count: usize, nth: impl Fn(usize) -> f64) -> f64 {
    let median = quantile(0.5, count, &nth);
    if median.is_nan() || nth(0).is_nan() {
        return f64::NAN;
    }
    // How many are not above the median.
    let (mut split, mut above) = (0, count);
    while split < above {
        let middle = (split + above) / 2;
        if nth(middle) <= median { split = middle + 1 } else { above = middle }
    }
    // Downwards and upwards from the median: the distances are two lists in order.
    let down = |at: usize| median - nth(split - 1 - at);
    let up = |at: usize| nth(split + at) - median;
    let distance = |rank: usize| nth_of_two(rank, (split, &down), (count - split, &up));
    quantile(0.5, count, distance)
}

/// The value at `rank` of two lists in order (length, values) put together, found by halving how many of them come from the
/// first.
fn nth_of_two(
    rank: usize,
    (a_len, a): (usize, &impl Fn(usize) -> f64),
    (b_len, b): (usize, &impl Fn(usize) -> f64),
) -> f64 {
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
