//! Time series and the values that expressions give.

use std::borrow::Cow;
use std::sync::Arc;

/// A time series: points in ascending order of time, without gaps filled in.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Series {
    /// The Id of the query it comes from; `None` for series that a search found or an expression made.
    pub id: Option<String>,
    /// Its label, rendered; an expression over an array keeps the labels of its members.
    pub label: String,
    /// Length of a period in milliseconds, positive.
    pub period_ms: i64,
    /// Start of the period of each point, milliseconds since the epoch, strictly ascending. Series that were read alike
    /// should share one `Arc`: operations on them then need no alignment.
    pub timestamps: Arc<[i64]>,
    /// The value of each point, as many as timestamps, finite.
    pub values: Vec<f64>,
    /// The metric that it shows, for `${PROP(…)}` in labels.
    pub metric: Option<Arc<MetricIdentity>>,
    /// Whether a calculation on the way gave no finite number at some time, so that the point there was dropped.
    pub has_dropped: bool,
}

/// Which metric and statistic a series shows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct MetricIdentity {
    /// Twelve-digit account id.
    pub account_id: String,
    /// Region name.
    pub region: String,
    /// CloudWatch namespace.
    pub namespace: String,
    /// Metric name.
    pub metric_name: String,
    /// Names and values of dimensions, sorted by name.
    pub dimensions: Vec<(String, String)>,
    /// Statistic, as a request names it.
    pub stat: String,
}

impl MetricIdentity {
    /// A property by the name that `${PROP('…')}` knows: `AccountId`, `Region`, `Namespace`, `MetricName`, `Stat`, `Dim.X`.
    /// `Period` is one of the series.
    pub fn property(&self, name: &str) -> Option<&str> {
        match name {
            "AccountId" => Some(&self.account_id),
            "Region" => Some(&self.region),
            "Namespace" => Some(&self.namespace),
            "MetricName" => Some(&self.metric_name),
            "Stat" => Some(&self.stat),
            _ => {
                let wanted = name.strip_prefix("Dim.")?;
                self.dimensions.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str())
            }
        }
    }
}

/// What an expression gives.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// S: a number; NaN when there is none, as for the average of nothing.
    Scalar(f64),
    /// TS
    Series(Series),
    /// TS[]
    Array(Vec<Series>),
}

impl Value {
    /// The series of the value, none for a number.
    pub fn series(&self) -> &[Series] {
        match self {
            Self::Scalar(_) => &[],
            Self::Series(series) => std::slice::from_ref(series),
            Self::Array(members) => members,
        }
    }
}

impl Series {
    /// A property by the name that `${PROP('…')}` knows, see `MetricIdentity::property`; `Period` in seconds.
    pub fn property(&self, name: &str) -> Option<String> {
        match name {
            "Period" => Some((self.period_ms / 1_000).to_string()),
            _ => self.metric.as_ref()?.property(name).map(str::to_owned),
        }
    }

    /// Without points.
    pub(super) fn empty(period_ms: i64) -> Self {
        Self { period_ms, timestamps: Arc::from([]), ..Self::default() }
    }

    /// This series with points that were calculated: a value that is no finite number is dropped, and it is told so.
    pub(super) fn calculated(&self, timestamps: &Arc<[i64]>, values: Vec<f64>) -> Self {
        let count = values.len();
        let mut series = self.with_points(timestamps, values);
        series.has_dropped |= series.values.len() < count;
        series
    }

    /// This series with other points; values that are no finite number have none.
    pub(super) fn with_points(&self, timestamps: &Arc<[i64]>, values: Vec<f64>) -> Self {
        if values.iter().all(|value| value.is_finite()) {
            return Self { timestamps: timestamps.clone(), values, ..self.head() };
        }
        let points = timestamps.iter().copied().zip(values).filter(|(_, value)| value.is_finite());
        let (timestamps, values): (Vec<i64>, Vec<f64>) = points.unzip();
        Self { timestamps: timestamps.into(), values, ..self.head() }
    }

    /// What is computed from this series, still without points: it has its label and metric (and what was dropped), but not its Id.
    fn head(&self) -> Self {
        Self {
            id: None,
            label: self.label.clone(),
            period_ms: self.period_ms,
            timestamps: Arc::from([]),
            values: Vec::new(),
            metric: self.metric.clone(),
            has_dropped: self.has_dropped,
        }
    }

    /// This series with each value replaced.
    pub(super) fn map(&self, replace: impl Fn(f64) -> f64) -> Self {
        self.calculated(&self.timestamps, self.values.iter().map(|value| replace(*value)).collect())
    }

    /// The value at each of `timestamps` (ascending), NaN where there is no point.
    pub(super) fn at(&self, timestamps: &Arc<[i64]>) -> Cow<'_, [f64]> {
        if same_times(&self.timestamps, timestamps) {
            return Cow::Borrowed(&self.values);
        }
        let mut values = vec![f64::NAN; timestamps.len()];
        self.place(timestamps, |index, value| values[index] = value);
        Cow::Owned(values)
    }

    /// Calls `take` with each point that is at one of `timestamps` (ascending): the index there, and the value.
    pub(super) fn place(&self, timestamps: &Arc<[i64]>, mut take: impl FnMut(usize, f64)) {
        if same_times(&self.timestamps, timestamps) {
            self.values.iter().enumerate().for_each(|(index, value)| take(index, *value));
            return;
        }
        let mut index = 0;
        for (timestamp, value) in self.timestamps.iter().zip(&self.values) {
            while timestamps.get(index).is_some_and(|earlier| earlier < timestamp) {
                index += 1;
            }
            if timestamps.get(index) == Some(timestamp) {
                take(index, *value);
            }
        }
    }
}

/// Whether two lists of timestamps are equal; quick when they are one.
pub fn same_times(left: &Arc<[i64]>, right: &Arc<[i64]>) -> bool {
    Arc::ptr_eq(left, right) || left == right
}

/// The timestamps that are in either list, ascending.
pub fn union(left: &Arc<[i64]>, right: &Arc<[i64]>) -> Arc<[i64]> {
    if same_times(left, right) || right.is_empty() {
        return left.clone();
    }
    if left.is_empty() {
        return right.clone();
    }
    let mut union = Vec::with_capacity(left.len().max(right.len()));
    let (mut i, mut j) = (0, 0);
    while let (Some(a), Some(b)) = (left.get(i), right.get(j)) {
        union.push(*a.min(b));
        i += usize::from(a <= b);
        j += usize::from(b <= a);
    }
    union.extend_from_slice(&left[i..]);
    union.extend_from_slice(&right[j..]);
    // A list that holds the other is kept, so that series go on sharing it.
    match union.len() {
        length if length == left.len() => left.clone(),
        length if length == right.len() => right.clone(),
        _ => union.into(),
    }
}
