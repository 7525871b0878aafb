//! CreateResourceMetricsConfiguration, GetResourceMetricsConfiguration, UpdateResourceMetricsConfiguration,
//! DeleteResourceMetricsConfiguration: which detailed metrics of an AWS resource are wanted, one configuration for each resource.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_CreateResourceMetricsConfiguration.html> and its
//! neighbours. An update replaces the selection; without one, all metrics are wanted.
//!
//! What differs: there are no AWS services here that publish metrics, so the configuration is kept and has nothing to collect. That
//! the resource exists cannot be asked: its ARN must be of the caller's account, and of the region if it has one. At most 10,000 in
//! an account and region. The texts are ours.

use super::refuse::not_found;
use crate::Watch;
use catalog::{ResourceMetrics, ResourceMetricsCreated};
use model::arn::Arn;
use model::limits::RESOURCE_METRICS_MAX;
use model::{Caller, Scope};
use wire::ApiError;
use wire::cloudwatch::{
    CreateResourceMetricsConfigurationInput, CreateResourceMetricsConfigurationOutput,
    DeleteResourceMetricsConfigurationInput, DeleteResourceMetricsConfigurationOutput,
    GetResourceMetricsConfigurationInput, GetResourceMetricsConfigurationOutput, ResourceMetricSelection,
    ResourceMetricsConfiguration, UpdateResourceMetricsConfigurationInput, UpdateResourceMetricsConfigurationOutput,
    errors,
};

pub async fn create_resource_metrics_configuration(
    watch: &Watch,
    caller: &Caller,
    input: CreateResourceMetricsConfigurationInput,
) -> Result<CreateResourceMetricsConfigurationOutput, ApiError> {
    let arn = input.resource_arn;
    if !is_own(&caller.scope, &arn) {
        let message = format!("The resource {arn} does not exist.");
        return Err(not_found("resource", arn, message));
    }
    let now = watch.clock.now();
    let new =
        ResourceMetrics { resource_arn: arn, metrics: metrics(input.metric_selections), created: now, updated: now };
    match watch.catalog.create_resource_metrics(&caller.scope, &new, RESOURCE_METRICS_MAX).await? {
        ResourceMetricsCreated::Created => {
            Ok(CreateResourceMetricsConfigurationOutput { resource_metrics_configuration: shape(new) })
        }
        ResourceMetricsCreated::Exists => {
            let message = format!("A resource metrics configuration for {} already exists.", new.resource_arn);
            Err(ApiError::new(&errors::CONFLICT_EXCEPTION, message))
        }
        ResourceMetricsCreated::TooMany => {
            let message = format!(
                "The maximum limit of {RESOURCE_METRICS_MAX} resource metrics configurations has been exceeded."
            );
            Err(ApiError::new(&errors::LIMIT_EXCEEDED_EXCEPTION, message))
        }
    }
}

pub async fn get_resource_metrics_configuration(
    watch: &Watch,
    caller: &Caller,
    input: GetResourceMetricsConfigurationInput,
) -> Result<GetResourceMetricsConfigurationOutput, ApiError> {
    let resource_metrics_configuration = kept(watch, &caller.scope, &input.resource_arn).await?;
    Ok(GetResourceMetricsConfigurationOutput { resource_metrics_configuration })
}

pub async fn update_resource_metrics_configuration(
    watch: &Watch,
    caller: &Caller,
    input: UpdateResourceMetricsConfigurationInput,
) -> Result<UpdateResourceMetricsConfigurationOutput, ApiError> {
    let (scope, arn) = (&caller.scope, &input.resource_arn);
    let metrics = metrics(input.metric_selections);
    if !watch.catalog.update_resource_metrics(scope, arn, metrics.as_deref(), watch.clock.now()).await? {
        return Err(absent(arn));
    }
    let resource_metrics_configuration = kept(watch, scope, arn).await?;
    Ok(UpdateResourceMetricsConfigurationOutput { resource_metrics_configuration })
}

pub async fn delete_resource_metrics_configuration(
    watch: &Watch,
    caller: &Caller,
    input: DeleteResourceMetricsConfigurationInput,
) -> Result<DeleteResourceMetricsConfigurationOutput, ApiError> {
    match watch.catalog.delete_resource_metrics(&caller.scope, &input.resource_arn).await? {
        true => Ok(DeleteResourceMetricsConfigurationOutput {}),
        false => Err(absent(&input.resource_arn)),
    }
}

async fn kept(watch: &Watch, scope: &Scope, arn: &str) -> Result<ResourceMetricsConfiguration, ApiError> {
    watch.catalog.resource_metrics(scope, arn).await?.map(shape).ok_or_else(|| absent(arn))
}

fn absent(arn: &str) -> ApiError {
    let message = format!("A resource metrics configuration for {arn} does not exist.");
    not_found("resource-metrics-configuration", arn.to_owned(), message)
}

/// Resources of some services have no region.
fn is_own(scope: &Scope, text: &str) -> bool {
    let is_own = |arn: Arn<'_>| arn.account == scope.account && (arn.region.is_empty() || arn.region == scope.region);
    Arn::parse(text).is_some_and(is_own)
}

/// The model allows one selection.
fn metrics(selections: Option<Vec<ResourceMetricSelection>>) -> Option<Vec<String>> {
    selections.map(|selections| selections.into_iter().flat_map(|selection| selection.include_metrics).collect())
}

fn shape(kept: ResourceMetrics) -> ResourceMetricsConfiguration {
    let selections = kept.metrics.map(|include_metrics| vec![ResourceMetricSelection { include_metrics }]);
    ResourceMetricsConfiguration {
        resource_arn: kept.resource_arn,
        created_at: kept.created,
        updated_at: kept.updated,
        metric_selections: selections,
    }
}
