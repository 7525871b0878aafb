//! GetMetricStream, ListMetricStreams (500 a page, by name), DeleteMetricStream, StartMetricStreams and StopMetricStreams.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStream.html> and its neighbours. Deleting a
//! stream that is absent succeeds. A stream that is started goes on with the minute that is delivered
//! next.
//!
//! What differs: starting or stopping streams of which one does not exist changes none, and says which.

use super::metric_stream_delivery::first_position;
use super::refuse;
use super::token::Binding;
use crate::Watch;
use catalog::{MetricFilter, MetricStream, StreamStatistics};
use model::{Caller, arn};
use wire::ApiError;
use wire::cloudwatch::{
    DeleteMetricStreamInput, DeleteMetricStreamOutput, GetMetricStreamInput, GetMetricStreamOutput,
    ListMetricStreamsInput, ListMetricStreamsOutput, MetricStreamEntry, MetricStreamFilter,
    MetricStreamStatisticsConfiguration, MetricStreamStatisticsMetric, ResourceNotFoundException,
    StartMetricStreamsInput, StartMetricStreamsOutput, StopMetricStreamsInput, StopMetricStreamsOutput, errors,
};

/// Page size unless `MaxResults` says less; also its maximum.
const PAGE_MAX: usize = 500;

pub async fn get_metric_stream(
    watch: &Watch,
    caller: &Caller,
    input: GetMetricStreamInput,
) -> Result<GetMetricStreamOutput, ApiError> {
    let Some(stream) = watch.catalog.metric_stream(&caller.scope, &input.name).await? else {
        let members = ResourceNotFoundException {
            resource_type: Some("metric-stream".to_owned()),
            resource_id: Some(input.name.clone()),
        };
        let message = format!("Metric stream {} does not exist.", input.name);
        return Err(ApiError::new(&errors::RESOURCE_NOT_FOUND_EXCEPTION, message).with_members(members));
    };
    let state = state(&stream);
    let configuration = stream.configuration;
    let filters = |filters: Option<Vec<MetricFilter>>| filters.map(|filters| filters.into_iter().map(filter).collect());
    let statistics = configuration.statistics.map(|list| list.into_iter().map(statistics).collect());
    Ok(GetMetricStreamOutput {
        arn: Some(arn::metric_stream(&stream.scope, &stream.name)),
        name: Some(stream.name),
        include_filters: filters(configuration.include),
        exclude_filters: filters(configuration.exclude),
        firehose_arn: Some(configuration.firehose_arn),
        role_arn: Some(configuration.role_arn),
        state: Some(state),
        creation_date: Some(stream.created),
        last_update_date: Some(stream.updated),
        output_format: Some(configuration.output_format),
        statistics_configurations: statistics,
        include_linked_accounts_metrics: configuration.linked_accounts,
    })
}

pub async fn list_metric_streams(
    watch: &Watch,
    caller: &Caller,
    input: ListMetricStreamsInput,
) -> Result<ListMetricStreamsOutput, ApiError> {
    let page = input.max_results.and_then(|max| usize::try_from(max).ok()).map_or(PAGE_MAX, |max| max.min(PAGE_MAX));
    let binding = Binding::new(&("ListMetricStreams", &caller.scope));
    let after: Option<String> = binding.cursor(input.next_token.as_deref())?;
    let mut streams = watch.catalog.metric_streams(&caller.scope, &after.unwrap_or_default(), page + 1).await?;
    let mut next_token = None;
    if streams.len() > page {
        streams.truncate(page);
        next_token = streams.last().map(|last| binding.token(&last.name)).transpose()?;
    }
    let entry = |stream: MetricStream| MetricStreamEntry {
        arn: Some(arn::metric_stream(&stream.scope, &stream.name)),
        state: Some(state(&stream)),
        name: Some(stream.name),
        creation_date: Some(stream.created),
        last_update_date: Some(stream.updated),
        firehose_arn: Some(stream.configuration.firehose_arn),
        output_format: Some(stream.configuration.output_format),
    };
    Ok(ListMetricStreamsOutput { entries: Some(streams.into_iter().map(entry).collect()), next_token })
}

pub async fn delete_metric_stream(
    watch: &Watch,
    caller: &Caller,
    input: DeleteMetricStreamInput,
) -> Result<DeleteMetricStreamOutput, ApiError> {
    let arn = arn::metric_stream(&caller.scope, &input.name);
    watch.catalog.delete_metric_stream(&caller.scope, &input.name, &arn).await?;
    Ok(DeleteMetricStreamOutput {})
}

pub async fn start_metric_streams(
    watch: &Watch,
    caller: &Caller,
    input: StartMetricStreamsInput,
) -> Result<StartMetricStreamsOutput, ApiError> {
    switch(watch, caller, &input.names, true).await?;
    Ok(StartMetricStreamsOutput {})
}

pub async fn stop_metric_streams(
    watch: &Watch,
    caller: &Caller,
    input: StopMetricStreamsInput,
) -> Result<StopMetricStreamsOutput, ApiError> {
    switch(watch, caller, &input.names, false).await?;
    Ok(StopMetricStreamsOutput {})
}

async fn switch(watch: &Watch, caller: &Caller, names: &[String], running: bool) -> Result<(), ApiError> {
    if names.is_empty() {
        return Err(refuse::missing("Names"));
    }
    let now = watch.clock.now();
    let absent = watch.catalog.switch_metric_streams(&caller.scope, names, running, now, first_position(now)).await?;
    match absent {
        Some(name) => Err(refuse::value(format!("Metric stream {name} does not exist."))),
        None => Ok(()),
    }
}

fn state(stream: &MetricStream) -> String {
    if stream.running { "running" } else { "stopped" }.to_owned()
}

fn filter(filter: MetricFilter) -> MetricStreamFilter {
    MetricStreamFilter { namespace: filter.namespace, metric_names: filter.metric_names }
}

fn statistics(entry: StreamStatistics) -> MetricStreamStatisticsConfiguration {
    let metric = |(namespace, metric_name)| MetricStreamStatisticsMetric { namespace, metric_name };
    MetricStreamStatisticsConfiguration {
        include_metrics: entry.metrics.into_iter().map(metric).collect(),
        additional_statistics: entry.statistics,
    }
}
