//! DescribeMetricFilters: metric filters by name, of one log group of the Standard class or of all, or those of one metric.

use super::errors::{invalid, invalid_token};
use super::identifiers::group;
use super::log_class::check_standard;
use super::page_token::Fingerprint;
use crate::Watch;
use catalog::{LogMetricFilter, MetricFilterQuery};
use model::{Caller, Scope};
use wire::ApiError;
use wire::logs::{DescribeMetricFiltersRequest, DescribeMetricFiltersResponse, MetricFilter, MetricTransformation};

/// Page size, and its maximum by the model.
const PAGE: usize = 50;
/// Between the names of filter and group in a token; the name of a group never holds it.
const SEPARATOR: char = '\n';

pub(super) async fn describe_metric_filters(
    watch: &Watch,
    caller: &Caller,
    input: DescribeMetricFiltersRequest,
) -> Result<DescribeMetricFiltersResponse, ApiError> {
    let scope = &caller.scope;
    let fingerprint = fingerprint(scope, &input);
    let after = input.next_token.as_deref().map(|token| fingerprint.open(token)).transpose()?;
    let after = after.as_deref().map(|names| names.rsplit_once(SEPARATOR).ok_or_else(invalid_token)).transpose()?;
    let limit = input.limit.map_or(Ok(PAGE), usize::try_from).map_err(|_| invalid_token())?;
    let metric = match (input.metric_namespace.as_deref(), input.metric_name.as_deref()) {
        (Some(namespace), Some(name)) => Some((namespace, name)),
        (None, None) => None,
        _ => return Err(invalid("metricName and metricNamespace must be specified together.")),
    };
    let group = match input.log_group_name.as_deref() {
        Some(name) => {
            let group = group(watch, scope, name).await?;
            check_standard(&group)?;
            Some(group.id)
        }
        None => None,
    };
    let prefix = input.filter_name_prefix.as_deref().unwrap_or_default();
    let query = MetricFilterQuery { group, prefix, metric, after };
    // One more than the page holds tells whether there is another.
    let mut filters = watch.catalog.list_metric_filters(scope, query, limit + 1).await?;
    let is_last = filters.len() <= limit;
    filters.truncate(limit);
    let next_token = match filters.last() {
        Some(last) if !is_last => Some(fingerprint.seal(&format!("{}{SEPARATOR}{}", last.name, last.group_name))),
        _ => None,
    };
    let metric_filters = Some(filters.into_iter().map(described).collect());
    Ok(DescribeMetricFiltersResponse { metric_filters, next_token })
}

fn fingerprint(scope: &Scope, input: &DescribeMetricFiltersRequest) -> Fingerprint {
    let parts = [
        Some(scope.account.as_str()),
        Some(scope.region.as_str()),
        input.log_group_name.as_deref(),
        input.filter_name_prefix.as_deref(),
        input.metric_namespace.as_deref(),
        input.metric_name.as_deref(),
    ];
    Fingerprint::of("DescribeMetricFilters", parts)
}

fn described(filter: LogMetricFilter) -> MetricFilter {
    let catalog::MetricTransformation {
        value,
        default_value,
        dimensions,
        unit,
        on_transformed_logs,
        field_selection,
        system_dimensions,
    } = filter.transformation;
    let transformation = MetricTransformation {
        metric_name: filter.metric_name,
        metric_namespace: filter.metric_namespace,
        metric_value: value,
        default_value,
        dimensions,
        unit,
    };
    MetricFilter {
        filter_name: Some(filter.name),
        filter_pattern: Some(filter.pattern),
        metric_transformations: Some(vec![transformation]),
        creation_time: Some(filter.created.0),
        log_group_name: Some(filter.group_name),
        apply_on_transformed_logs: Some(on_transformed_logs.unwrap_or(false)),
        field_selection_criteria: field_selection,
        emit_system_field_dimensions: system_dimensions,
    }
}
