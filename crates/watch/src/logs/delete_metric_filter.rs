//! DeleteMetricFilter: ends a metric filter; its metric stays as it is.

use super::errors::group_not_found;
use crate::Watch;
use catalog::MetricFilterDeletion;
use model::Caller;
use wire::ApiError;
use wire::logs::DeleteMetricFilterRequest;
use wire::logs::errors::RESOURCE_NOT_FOUND_EXCEPTION;
use wire::shape::Empty;

pub(super) async fn delete_metric_filter(
    watch: &Watch,
    caller: &Caller,
    input: DeleteMetricFilterRequest,
) -> Result<Empty, ApiError> {
    match watch.catalog.delete_metric_filter(&caller.scope, &input.log_group_name, &input.filter_name).await? {
        MetricFilterDeletion::Deleted => Ok(Empty {}),
        MetricFilterDeletion::NoGroup => Err(group_not_found()),
        MetricFilterDeletion::NoFilter => {
            Err(ApiError::new(&RESOURCE_NOT_FOUND_EXCEPTION, "The specified metric filter does not exist."))
        }
    }
}
