//! Metric data queries and their answers: what GetMetricData, alarms and graphs ask, over metrics, metric math, SEARCH and
//! Metrics Insights.
//!
//! `plan` checks the queries of a request once; `evaluate` reads what they need, all metrics of one period together, and
//! computes expressions in the order of their references.

mod band;
mod evaluate;
mod found;
mod plan;
mod read;

pub use band::{Models, Training, training_state};
pub use evaluate::{Answer, Context, evaluate, render};
pub use found::identity;
pub use plan::{MetricSource, Query, Source, plan};
pub use read::{Points, points_of};
