//! GetOTelEnrichment, StartOTelEnrichment, UpdateOTelEnrichment, StopOTelEnrichment: whether metrics that AWS services publish
//! are to be enriched with ARNs and tags of their resources, and which.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_UpdateOTelEnrichment.html> and its neighbours. Filters
//! are replaced as a pair; at most 100 of both together. Stopping what does not run succeeds.
//!
//! What differs: there are no AWS services here that publish metrics, so the setting is kept and has nothing to enrich. Starting
//! what runs replaces its filters; AWS does not say what it does.

use super::refuse;
use crate::Watch;
use catalog::{MetricFilter, OtelEnrichment};
use model::Caller;
use wire::ApiError;
use wire::cloudwatch::{
    GetOTelEnrichmentInput, GetOTelEnrichmentOutput, OTelEnrichmentMetricSelector, StartOTelEnrichmentInput,
    StartOTelEnrichmentOutput, StopOTelEnrichmentInput, StopOTelEnrichmentOutput, UpdateOTelEnrichmentInput,
    UpdateOTelEnrichmentOutput, errors,
};

/// Most filters of both kinds together (UpdateOTelEnrichment reference).
const FILTERS_MAX: usize = 100;

type Selectors = Option<Vec<OTelEnrichmentMetricSelector>>;

pub async fn get_otel_enrichment(
    watch: &Watch,
    caller: &Caller,
    _: GetOTelEnrichmentInput,
) -> Result<GetOTelEnrichmentOutput, ApiError> {
    let running = watch.catalog.otel_enrichment(&caller.scope).await?;
    let status = if running.is_some() { "Running" } else { "Stopped" };
    let mut output = GetOTelEnrichmentOutput { status: status.to_owned(), ..GetOTelEnrichmentOutput::default() };
    if let Some(running) = running {
        output.created_at = Some(running.created);
        output.updated_at = Some(running.updated);
        output.include_filters = selectors(running.include);
        output.exclude_filters = selectors(running.exclude);
    }
    Ok(output)
}

pub async fn start_otel_enrichment(
    watch: &Watch,
    caller: &Caller,
    input: StartOTelEnrichmentInput,
) -> Result<StartOTelEnrichmentOutput, ApiError> {
    let set = set(watch, caller, input.include_filters, input.exclude_filters).await?;
    Ok(StartOTelEnrichmentOutput {
        include_filters: selectors(set.include),
        exclude_filters: selectors(set.exclude),
        created_at: Some(set.created),
        updated_at: Some(set.updated),
    })
}

pub async fn update_otel_enrichment(
    watch: &Watch,
    caller: &Caller,
    input: UpdateOTelEnrichmentInput,
) -> Result<UpdateOTelEnrichmentOutput, ApiError> {
    if watch.catalog.otel_enrichment(&caller.scope).await?.is_none() {
        let message = "OTel enrichment is not running for this account.";
        return Err(ApiError::new(&errors::RESOURCE_NOT_FOUND_EXCEPTION, message));
    }
    let set = set(watch, caller, input.include_filters, input.exclude_filters).await?;
    Ok(UpdateOTelEnrichmentOutput {
        include_filters: selectors(set.include),
        exclude_filters: selectors(set.exclude),
        created_at: Some(set.created),
        updated_at: Some(set.updated),
    })
}

pub async fn stop_otel_enrichment(
    watch: &Watch,
    caller: &Caller,
    _: StopOTelEnrichmentInput,
) -> Result<StopOTelEnrichmentOutput, ApiError> {
    watch.catalog.delete_otel_enrichment(&caller.scope).await?;
    Ok(StopOTelEnrichmentOutput {})
}

async fn set(
    watch: &Watch,
    caller: &Caller,
    include: Selectors,
    exclude: Selectors,
) -> Result<OtelEnrichment, ApiError> {
    let count = [&include, &exclude].into_iter().flatten().map(Vec::len).sum::<usize>();
    if count > FILTERS_MAX {
        return Err(refuse::validation(format!(
            "IncludeFilters and ExcludeFilters must not have more than {FILTERS_MAX} members together."
        )));
    }
    let now = watch.clock.now();
    let known = watch.catalog.otel_enrichment(&caller.scope).await?;
    let created = known.map_or(now, |known| known.created);
    let enrichment = OtelEnrichment { include: filters(include), exclude: filters(exclude), created, updated: now };
    watch.catalog.put_otel_enrichment(&caller.scope, &enrichment).await?;
    Ok(enrichment)
}

fn filters(selectors: Selectors) -> Option<Vec<MetricFilter>> {
    let filter = |selector: OTelEnrichmentMetricSelector| MetricFilter {
        namespace: Some(selector.namespace),
        metric_names: selector.metric_names,
    };
    selectors.map(|selectors| selectors.into_iter().map(filter).collect())
}

fn selectors(filters: Option<Vec<MetricFilter>>) -> Selectors {
    let selector = |filter: MetricFilter| {
        Some(OTelEnrichmentMetricSelector { namespace: filter.namespace?, metric_names: filter.metric_names })
    };
    filters.map(|filters| filters.into_iter().filter_map(selector).collect())
}
