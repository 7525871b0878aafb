//! ListMetrics: the metrics written to in the last two weeks, 500 a page, by namespace, name and dimensions.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html>. A dimension filter is met
//! by a metric that has the dimension among others. `RecentlyActive` narrows the two weeks to three hours.
//!
//! What differs: a new metric is listed at once. There are no linked accounts: another `OwningAccount` owns nothing here.

use super::token::Binding;
use crate::Watch;
use model::limits::{METRIC_LIST_PAGE, METRIC_LISTED_MS};
use model::time::HOUR;
use model::{Caller, SeriesKey};
use serde::{Deserialize, Serialize};
use store::SeriesFilter;
use wire::ApiError;
use wire::cloudwatch::{Dimension, ListMetricsInput, ListMetricsOutput, Metric};

/// What `RecentlyActive=PT3H` means, milliseconds.
const RECENTLY_ACTIVE_MS: i64 = 3 * HOUR;

/// The last metric of a page.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor(String, String, Vec<(String, String)>);

pub async fn list_metrics(
    watch: &Watch,
    caller: &Caller,
    mut input: ListMetricsInput,
) -> Result<ListMetricsOutput, ApiError> {
    let token = input.next_token.take();
    let binding = Binding::new(&("ListMetrics", &caller.scope, &input));
    let after: Option<Cursor> = binding.cursor(token.as_deref())?;
    let linked = input.include_linked_accounts == Some(true);
    let mut metrics = Vec::new();
    let mut next_token = None;
    if input.owning_account.as_ref().is_none_or(|account| *account == caller.scope.account) {
        let active_ms = if input.recently_active.is_some() { RECENTLY_ACTIVE_MS } else { METRIC_LISTED_MS };
        let filter = SeriesFilter {
            account: caller.scope.account.clone(),
            region: caller.scope.region.clone(),
            namespace: input.namespace,
            name: input.metric_name,
            dimensions: input.dimensions.into_iter().flatten().map(|filter| (filter.name, filter.value)).collect(),
            active_since: Some(watch.clock.now() - active_ms),
        };
        let after = after.map(|Cursor(namespace, name, dimensions)| SeriesKey {
            account: filter.account.clone(),
            region: filter.region.clone(),
            namespace,
            name,
            dimensions,
            unit: String::new(),
        });
        // One more than a page, to know whether there is another.
        let mut page = watch.store.list_metrics(&filter, after.as_ref(), METRIC_LIST_PAGE + 1);
        if page.len() > METRIC_LIST_PAGE {
            page.truncate(METRIC_LIST_PAGE);
            next_token = page.last().map(|last| binding.token(&cursor(last))).transpose()?;
        }
        metrics = page.iter().map(|key| metric(key)).collect();
    }
    let owning_accounts = linked.then(|| vec![caller.scope.account.clone(); metrics.len()]);
    Ok(ListMetricsOutput { metrics: Some(metrics), next_token, owning_accounts })
}

fn cursor(key: &SeriesKey) -> Cursor {
    Cursor(key.namespace.clone(), key.name.clone(), key.dimensions.clone())
}

fn metric(key: &SeriesKey) -> Metric {
    let dimension = |(name, value): &(String, String)| Dimension { name: name.clone(), value: value.clone() };
    Metric {
        namespace: Some(key.namespace.clone()),
        metric_name: Some(key.name.clone()),
        dimensions: Some(key.dimensions.iter().map(dimension).collect()),
    }
}
