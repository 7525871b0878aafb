//! ListMetrics: the metrics written to in the last two weeks, 500 a page, by namespace, name and dimensions.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_ListMetrics.html>. A dimension filter is met
//! by a metric that has the dimension among others. `RecentlyActive` narrows the two weeks to three hours.
//!
//! With `IncludeLinkedAccounts` the metrics of accounts that share theirs follow the caller's own, account by account.
//!
//! What differs: a new metric is listed at once. An `OwningAccount` that is not linked owns nothing here.

use super::refuse;
use super::token::Binding;
use crate::Watch;
use crate::linked::{Kind, Linked};
use model::limits::{METRIC_LIST_PAGE, METRIC_LISTED_MS};
use model::time::HOUR;
use model::{Caller, SeriesKey};
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use store::SeriesFilter;
use wire::ApiError;
use wire::cloudwatch::{Dimension, ListMetricsInput, ListMetricsOutput, Metric};

/// What `RecentlyActive=PT3H` means, milliseconds.
const RECENTLY_ACTIVE_MS: i64 = 3 * HOUR;

/// The account of the last metric of a page, and that metric.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor(String, String, String, Vec<(String, String)>);

pub async fn list_metrics(
    watch: &Watch,
    caller: &Caller,
    mut input: ListMetricsInput,
) -> Result<ListMetricsOutput, ApiError> {
    let token = input.next_token.take();
    let scope = &caller.scope;
    let binding = Binding::new(&("ListMetrics", scope, &input));
    let after: Result<Option<Cursor>, ApiError> = binding.cursor(token.as_deref());
    // This operation's model has no InvalidNextToken.
    let after = after.map_err(|_| refuse::value("The parameter NextToken is invalid."))?;
    let include = input.include_linked_accounts == Some(true);
    let linked = if include { Linked::all(watch, scope, Kind::Metrics).await? } else { Linked::default() };
    let accounts = std::iter::once(scope.account.as_str()).chain(linked.accounts());
    let accounts: Vec<&str> =
        accounts.filter(|account| input.owning_account.as_ref().is_none_or(|owner| owner == account)).collect();
    let active_ms = if input.recently_active.is_some() { RECENTLY_ACTIVE_MS } else { METRIC_LISTED_MS };
    let filter = SeriesFilter {
        account: String::new(),
        region: scope.region.clone(),
        namespace: input.namespace,
        name: input.metric_name,
        dimensions: input.dimensions.into_iter().flatten().map(|filter| (filter.name, filter.value)).collect(),
        active_since: Some(watch.clock.now() - active_ms),
    };
    let is_shown = |key: &SeriesKey| key.account == scope.account || linked.shares(&key.account, &key.namespace);
    // One more than a page, to know whether there is another.
    let mut page = page(watch, &accounts, filter, after, is_shown).await;
    let has_more = page.len() > METRIC_LIST_PAGE;
    page.truncate(METRIC_LIST_PAGE);
    let last = page.last().filter(|_| has_more);
    let next_token = last.map(|last| binding.token(&cursor(last))).transpose()?;
    let owning_accounts = include.then(|| page.iter().map(|key| key.account.clone()).collect());
    let metrics = page.iter().map(|key| metric(key)).collect();
    Ok(ListMetricsOutput { metrics: Some(metrics), next_token, owning_accounts })
}

/// The metrics of the accounts, in their order, that come after the cursor and are to be shown: a page and one more at most.
async fn page(
    watch: &Watch,
    accounts: &[&str],
    mut filter: SeriesFilter,
    cursor: Option<Cursor>,
    is_shown: impl Fn(&SeriesKey) -> bool,
) -> Vec<Arc<SeriesKey>> {
    // An account whose link went meanwhile leaves nothing to go on with.
    let begun = cursor.as_ref().map_or(Some(0), |cursor| accounts.iter().position(|account| *account == cursor.0));
    let mut after = cursor.map(|Cursor(account, namespace, name, dimensions)| SeriesKey {
        account,
        region: filter.region.clone(),
        namespace,
        name,
        dimensions,
        unit: String::new(),
    });
    let mut found: Vec<Arc<SeriesKey>> = Vec::new();
    for account in accounts.get(begun.unwrap_or(accounts.len())..).unwrap_or_default() {
        filter.account = (*account).to_owned();
        loop {
            let listed = watch.store.list_metrics(&filter, after.as_ref(), METRIC_LIST_PAGE + 1);
            let is_last = listed.len() <= METRIC_LIST_PAGE;
            after = listed.last().map(|last| SeriesKey::clone(last)).filter(|_| !is_last);
            found.extend(listed.into_iter().filter(|key| is_shown(key)));
            if found.len() > METRIC_LIST_PAGE {
                return found;
            }
            if is_last {
                break;
            }
            // A filter that shares little has many looked at: others go on meanwhile.
            tokio::task::yield_now().await;
        }
    }
    found
}

fn cursor(key: &SeriesKey) -> Cursor {
    Cursor(key.account.clone(), key.namespace.clone(), key.name.clone(), key.dimensions.clone())
}

fn metric(key: &SeriesKey) -> Metric {
    let dimension = |(name, value): &(String, String)| Dimension { name: name.clone(), value: value.clone() };
    Metric {
        namespace: Some(key.namespace.clone()),
        metric_name: Some(key.name.clone()),
        dimensions: Some(key.dimensions.iter().map(dimension).collect()),
    }
}
