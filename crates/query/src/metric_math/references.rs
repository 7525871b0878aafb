//! What an expression refers to: Ids, METRICS(), and what only the caller can fetch.

/// Everything an expression refers to.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct References {
    /// The Ids of metrics and other expressions, each once, in order of appearance; that of SERVICE_QUOTA too.
    pub ids: Vec<String>,
    /// Whether METRICS() is used, which takes every metric of the request.
    pub metrics: bool,
    /// What the caller has to fetch, in order of appearance; `Inputs::calls` answers in the same order.
    pub calls: Vec<ExternalCall>,
    /// The anomaly detection bands, in order of appearance; `Inputs::band` makes them.
    pub bands: Vec<Band>,
}

/// Something to fetch.
#[derive(Debug, Clone, PartialEq)]
pub struct ExternalCall {
    /// What.
    pub kind: CallKind,
    /// Where the function's name is: 1-based, in characters.
    pub column: usize,
}

/// The kinds of `ExternalCall`.
#[derive(Debug, Clone, PartialEq)]
pub enum CallKind {
    /// `SEARCH('query', 'stat', period)`: any number of series.
    Search {
        /// The search expression, see `metric_search`.
        query: String,
        /// Statistic, as written.
        stat: String,
        /// Period in seconds, when the call has one; else that of the request's query.
        period_secs: Option<i64>,
    },
    /// `INSIGHT_RULE_METRIC(rule, metric)`: one series.
    InsightRuleMetric {
        /// Name of the rule.
        rule: String,
        /// `UniqueContributors`, `MaxContributorValue`, `SampleCount`, `Sum`, `Minimum`, `Maximum` or `Average`.
        metric: String,
    },
    /// `SERVICE_QUOTA(id)`: one series.
    ServiceQuota {
        /// Id of the usage metric.
        id: String,
    },
}

/// An ANOMALY_DETECTION_BAND.
#[derive(Debug, Clone, PartialEq)]
pub struct Band {
    /// The inner expression as it is written.
    pub text: String,
    /// The number of standard deviations: 2 when it is not written, `None` when it is an expression.
    pub deviations: Option<f64>,
    /// Where the function's name is: 1-based, in characters.
    pub column: usize,
}

impl References {
    pub(super) fn add_id(&mut self, id: &str) {
        if !self.ids.iter().any(|known| known == id) {
            self.ids.push(id.to_owned());
        }
    }
}
