//! PutMetricFilter: makes or replaces a metric filter of a log group; it counts events that come from now on.
//!
//! The rules are those of `metric_filter.rs`, where a filter is made ready as it will be used.
//!
//! What differs: `applyOnTransformedLogs` is taken by groups without a transformer too: it acts once there is one
//! (`transformed.rs`).

use super::errors::{group_not_found, invalid};
use super::identifiers::group;
use super::log_class::check_standard;
use super::metric_filter::{Filter, Rule};
use crate::Watch;
use catalog::{FilterLimits, MetricFilterPut, MetricTransformation, NewLogMetricFilter};
use model::Caller;
use model::limits::{FILTERS_WITH_REGEX_MAX, METRIC_FILTERS_MAX};
use wire::ApiError;
use wire::logs::errors::LIMIT_EXCEEDED_EXCEPTION;
use wire::logs::{self, PutMetricFilterRequest};
use wire::shape::Empty;

const LIMITS: FilterLimits = FilterLimits { filters: METRIC_FILTERS_MAX, with_regex: FILTERS_WITH_REGEX_MAX };

pub(super) async fn put_metric_filter(
    watch: &Watch,
    caller: &Caller,
    mut input: PutMetricFilterRequest,
) -> Result<Empty, ApiError> {
    // Exactly one, by the model.
    let asked = input.metric_transformations.pop().unwrap_or_default();
    let logs::MetricTransformation { metric_name, metric_namespace, metric_value, default_value, dimensions, unit } =
        asked;
    if metric_name.is_empty() || metric_namespace.is_empty() {
        return Err(invalid("Invalid metric transformation: metricName and metricNamespace must not be empty"));
    }
    let transformation = MetricTransformation {
        value: metric_value,
        default_value,
        dimensions,
        unit,
        on_transformed_logs: input.apply_on_transformed_logs,
        field_selection: input.field_selection_criteria,
        system_dimensions: input.emit_system_field_dimensions,
    };
    let rule = Rule {
        pattern: &input.filter_pattern,
        namespace: &metric_namespace,
        name: &metric_name,
        transformation: &transformation,
    };
    let filter = Filter::new(&caller.scope, rule).map_err(invalid)?;
    check_standard(&group(watch, &caller.scope, &input.log_group_name).await?)?;
    let new = NewLogMetricFilter {
        name: &input.filter_name,
        pattern: &input.filter_pattern,
        has_regex: filter.has_regex(),
        metric_namespace: &metric_namespace,
        metric_name: &metric_name,
        transformation: &transformation,
        at: watch.clock.now(),
    };
    match watch.catalog.put_metric_filter(&caller.scope, &input.log_group_name, new, LIMITS).await? {
        MetricFilterPut::Done => Ok(Empty {}),
        MetricFilterPut::NoGroup => Err(group_not_found()),
        MetricFilterPut::TooMany | MetricFilterPut::TooManyWithRegex => {
            Err(ApiError::new(&LIMIT_EXCEEDED_EXCEPTION, "Resource limit exceeded."))
        }
    }
}
