//! `Cumulative`: the last point of each cumulative histogram, so that what is stored is what came since.
//!
//! A histogram that counts since its client started is worth little by itself: its percentiles are those of all time. So each
//! point is stored as its difference to the one before. The first point of a series is stored whole when it counts from a
//! moment after this server's start, and only remembered otherwise: what it counts may have been stored before. A later start
//! or a smaller count is a client that started again; its point is stored whole. A point that is no later than the last is one
//! that is sent again, and is passed over.
//!
//! Points are remembered in memory only, in at most 64 MiB; the series that were longest without a point are forgotten first.
//! A point is remembered after it was stored, so that a client may send again what could not be.

use super::histogram::{Bucket, Distribution};
use foldhash::quality::RandomState;
use model::{SeriesKey, Timestamp};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Most bytes of remembered points; ours.
const BYTES_MAX: usize = 64 * 1024 * 1024;
/// What a remembered point takes besides its counts and labels.
const POINT_BYTES: usize = 400;
/// Nanoseconds of a millisecond.
const NANOS_PER_MS: u64 = 1_000_000;

/// A histogram as a client counts it.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// When counting began, nanoseconds since the epoch; 0 when unknown.
    pub start: u64,
    /// When it was read, nanoseconds since the epoch.
    pub time: u64,
    /// How many values.
    pub count: u64,
    /// Their sum, where the client keeps it.
    pub sum: Option<f64>,
    /// The smallest value since `start`, where known.
    pub min: Option<f64>,
    /// The largest value since `start`, where known.
    pub max: Option<f64>,
    /// The buckets.
    pub form: Form,
}

/// The two forms of histograms.
#[derive(Debug, Clone, PartialEq)]
pub enum Form {
    /// One count more than bounds, or none of both.
    Explicit {
        /// Upper bounds, ascending.
        bounds: Vec<f64>,
        /// Counts.
        counts: Vec<u64>,
    },
    /// Bounds are powers of 2^(2^-scale).
    Exponential {
        /// Fineness of the buckets.
        scale: i32,
        /// Half the width of the bucket around zero.
        zero_threshold: f64,
        /// Count of the bucket around zero.
        zero: u64,
        /// Counts of positive values.
        positive: Run,
        /// Counts of negative values, by magnitude.
        negative: Run,
    },
}

/// Counts of neighbouring buckets.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Run {
    /// Index of the first bucket.
    pub offset: i64,
    /// Counts.
    pub counts: Vec<u64>,
}

/// Points of histograms, remembered.
#[derive(Debug)]
pub struct Cumulative {
    /// Nanoseconds; what counts from a later moment was never stored.
    since: u64,
    known: Mutex<Generations>,
}

#[derive(Debug, Default)]
struct Generations {
    young: Known,
    old: Known,
    young_bytes: usize,
}

type Known = HashMap<Arc<SeriesKey>, Point, RandomState>;

/// The differences of one request.
#[derive(Debug)]
pub struct Differences<'a> {
    cumulative: &'a Cumulative,
    /// Points of this request, to be remembered once it is stored.
    latest: Known,
}

impl Cumulative {
    /// Knows nothing; the server started at `since`.
    pub fn new(since: Timestamp) -> Self {
        let since = u64::try_from(since.0).unwrap_or(0).saturating_mul(NANOS_PER_MS);
        Self { since, known: Mutex::default() }
    }

    /// Begins a request.
    pub fn differences(&self) -> Differences<'_> {
        Differences { cumulative: self, latest: Known::default() }
    }

    /// Forgets all.
    pub fn clear(&self) {
        *self.known.lock().unwrap_or_else(PoisonError::into_inner) = Generations::default();
    }
}

impl Differences<'_> {
    /// What a point adds to those before it; `None` when that is nothing, or not known.
    pub fn add(&mut self, series: &Arc<SeriesKey>, point: Point) -> Option<Point> {
        let added = match self.latest.get(series) {
            Some(last) => added(Some(last), &point, self.cumulative.since),
            None => {
                let known = self.cumulative.known.lock().unwrap_or_else(PoisonError::into_inner);
                added(known.get(series), &point, self.cumulative.since)
            }
        };
        match added {
            Added::Again => None,
            Added::Unknown => {
                self.latest.insert(Arc::clone(series), point);
                None
            }
            Added::This(added) => {
                self.latest.insert(Arc::clone(series), point);
                (added.count > 0).then_some(*added)
            }
        }
    }

    /// Remembers the points: they are stored.
    pub fn remember(self) {
        if self.latest.is_empty() {
            return;
        }
        let mut known = self.cumulative.known.lock().unwrap_or_else(PoisonError::into_inner);
        for (series, point) in self.latest {
            known.put(series, point);
        }
    }
}

impl Generations {
    fn get(&self, series: &Arc<SeriesKey>) -> Option<&Point> {
        self.young.get(series).or_else(|| self.old.get(series))
    }

    fn put(&mut self, series: Arc<SeriesKey>, point: Point) {
        let labels: usize = series.dimensions.iter().map(|(name, value)| name.len() + value.len() + 48).sum();
        let bytes = POINT_BYTES + labels + point.form.bytes();
        if self.young_bytes + bytes > BYTES_MAX / 2 {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
        self.young_bytes += bytes;
        self.young.insert(series, point);
    }
}

enum Added {
    /// The point is no later than the last.
    Again,
    /// How much of it is new cannot be said.
    Unknown,
    This(Box<Point>),
}

fn added(last: Option<&Point>, point: &Point, since: u64) -> Added {
    let whole = || Added::This(Box::new(point.clone()));
    match last {
        None if point.start > 0 && point.start >= since => whole(),
        None => Added::Unknown,
        Some(last) if point.time <= last.time => Added::Again,
        Some(last) if point.start > last.start || point.count < last.count => whole(),
        Some(last) => match point.form.minus(&last.form) {
            // Other bounds, or fewer counts: it began anew without saying so.
            None => whole(),
            Some(form) => Added::This(Box::new(Point {
                start: last.time,
                time: point.time,
                count: point.count - last.count,
                sum: point.sum.zip(last.sum).map(|(now, before)| now - before),
                // An extreme that has changed is one of the new values.
                min: point.min.filter(|min| last.min.is_some_and(|before| *min < before)),
                max: point.max.filter(|max| last.max.is_some_and(|before| *max > before)),
                form,
            })),
        },
    }
}

impl Form {
    fn bytes(&self) -> usize {
        8 * match self {
            Form::Explicit { bounds, counts } => bounds.len() + counts.len(),
            Form::Exponential { positive, negative, .. } => positive.counts.len() + negative.counts.len(),
        }
    }

    /// The counts that are not in `before`; `None` when there are fewer, or in other buckets.
    fn minus(&self, before: &Self) -> Option<Self> {
        match (self, before) {
            (Form::Explicit { bounds, counts }, Form::Explicit { bounds: same, counts: less }) => {
                let less: &[u64] = if bounds == same { less } else { return None };
                let counts: Option<_> = counts.iter().zip(less).map(|(count, less)| count.checked_sub(*less)).collect();
                Some(Form::Explicit { bounds: bounds.clone(), counts: counts? })
            }
            (
                Form::Exponential { scale, zero_threshold, zero, positive, negative },
                Form::Exponential {
                    scale: finer, zero: less, positive: less_positive, negative: less_negative, ..
                },
            ) => {
                // A client that runs out of buckets halves their number, which lowers the scale and never raises it.
                let steps = u32::try_from(finer.checked_sub(*scale)?).ok()?;
                Some(Form::Exponential {
                    scale: *scale,
                    zero_threshold: *zero_threshold,
                    // Small values may join the bucket around zero, so that others have fewer than before.
                    zero: zero.checked_sub(*less)?,
                    positive: positive.minus(less_positive, steps)?,
                    negative: negative.minus(less_negative, steps)?,
                })
            }
            _ => None,
        }
    }
}

impl Run {
    /// `less` has buckets that are `steps` times halved in width.
    fn minus(&self, less: &Self, steps: u32) -> Option<Self> {
        let mut counts = self.counts.clone();
        for (index, count) in (less.offset..).zip(&less.counts) {
            if *count == 0 {
                continue;
            }
            let at = index.checked_shr(steps).unwrap_or(if index < 0 { -1 } else { 0 }) - self.offset;
            let own = counts.get_mut(usize::try_from(at).ok()?)?;
            *own = own.checked_sub(*count)?;
        }
        Some(Self { offset: self.offset, counts })
    }

    /// Buckets with something in them, ascending by magnitude.
    fn buckets(&self, scale: i32) -> impl DoubleEndedIterator<Item = Bucket> {
        // A bound that is too large for a number must not be taken for none.
        let bound = move |index: i64| (index as f64 * (-f64::from(scale)).exp2()).exp2().min(f64::MAX);
        let at = move |(place, count): (usize, &u64)| {
            let index = self.offset.saturating_add(i64::try_from(place).unwrap_or(i64::MAX));
            (*count > 0).then(|| Bucket { bounds: (bound(index), bound(index + 1)), count: *count as f64 })
        };
        self.counts.iter().enumerate().filter_map(at)
    }
}

impl Point {
    /// The point without its form.
    pub fn distribution(&self) -> Distribution {
        let buckets = match &self.form {
            Form::Explicit { bounds, counts } => {
                let ends = bounds.iter().copied().chain([f64::INFINITY]);
                let starts = [f64::NEG_INFINITY].into_iter().chain(bounds.iter().copied());
                let all = starts.zip(ends).zip(counts);
                all.filter(|(_, count)| **count > 0)
                    .map(|(bounds, count)| Bucket { bounds, count: *count as f64 })
                    .collect()
            }
            Form::Exponential { scale, zero_threshold, zero, positive, negative } => {
                let mirrored = |bucket: Bucket| Bucket { bounds: (-bucket.bounds.1, -bucket.bounds.0), ..bucket };
                let around_zero = Bucket { bounds: (-zero_threshold, *zero_threshold), count: *zero as f64 };
                let mut buckets: Vec<Bucket> = negative.buckets(*scale).rev().map(mirrored).collect();
                buckets.extend((*zero > 0).then_some(around_zero));
                buckets.extend(positive.buckets(*scale));
                buckets
            }
        };
        Distribution { buckets, count: self.count as f64, sum: self.sum, min: self.min, max: self.max }
    }
}
