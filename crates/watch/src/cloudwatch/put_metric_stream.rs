//! PutMetricStream: makes a running metric stream, or replaces what one that exists sends and where.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricStream.html>. A new stream begins with the
//! minute that is delivered next. Tags are kept only when it is new.
//!
//! What differs: `FirehoseArn` may name a bucket too (`metric_stream_delivery/destination.rs`). There are no linked accounts, so
//! `IncludeLinkedAccountsMetrics` is kept and changes nothing. AWS does not publish all of its texts.

use super::metric_stream_delivery::{Destination, OutputFormat, first_position, percent};
use super::{refuse, tags};
use crate::Watch;
use catalog::{MetricFilter, MetricStream, MetricStreamConfiguration, StreamStatistics};
use model::arn::Arn;
use model::{Caller, arn};
use query::statistics::Statistic;
use wire::ApiError;
use wire::cloudwatch::{
    MetricStreamFilter, MetricStreamStatisticsConfiguration, PutMetricStreamInput, PutMetricStreamOutput,
};

/// Most namespaces and metric names of the filters, together (MetricStreamFilter reference).
const FILTER_NAMES_MAX: usize = 1000;
/// Most metrics and statistics of one entry (MetricStreamStatisticsConfiguration reference).
const STATISTICS_METRICS_MAX: usize = 100;
const STATISTICS_MAX: usize = 20;
/// Most entries. AWS gives no number.
const CONFIGURATIONS_MAX: usize = 100;

pub async fn put_metric_stream(
    watch: &Watch,
    caller: &Caller,
    input: PutMetricStreamInput,
) -> Result<PutMetricStreamOutput, ApiError> {
    let tags = tags::checked(input.tags.clone().unwrap_or_default())?;
    let name = input.name.clone();
    let configuration = configuration(input)?;
    let now = watch.clock.now();
    let stream = MetricStream {
        scope: caller.scope.clone(),
        configuration,
        running: true,
        created: now,
        updated: now,
        position: first_position(now),
        name,
    };
    let firehose_arn = &stream.configuration.firehose_arn;
    if !Destination::parse(firehose_arn).is_some_and(|destination| destination.has_room(&stream)) {
        return Err(refuse::invalid(firehose_arn, "FirehoseArn"));
    }
    let arn = arn::metric_stream(&caller.scope, &stream.name);
    watch.catalog.put_metric_stream(&stream, &arn, &tags).await?;
    Ok(PutMetricStreamOutput { arn: Some(arn) })
}

fn configuration(input: PutMetricStreamInput) -> Result<MetricStreamConfiguration, ApiError> {
    if !input.name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_') {
        return Err(refuse::invalid(&input.name, "Name"));
    }
    if !Arn::parse(&input.role_arn).is_some_and(|arn| arn.service == "iam" && arn.resource.starts_with("role/")) {
        return Err(refuse::invalid(&input.role_arn, "RoleArn"));
    }
    let Some(format) = OutputFormat::parse(&input.output_format) else {
        return Err(refuse::invalid(&input.output_format, "OutputFormat"));
    };
    let include = input.include_filters.filter(|filters| !filters.is_empty());
    let exclude = input.exclude_filters.filter(|filters| !filters.is_empty());
    if include.is_some() && exclude.is_some() {
        return Err(refuse::exclusive("IncludeFilters", "ExcludeFilters"));
    }
    Ok(MetricStreamConfiguration {
        include: include.map(|filters| checked_filters(filters, "IncludeFilters")).transpose()?,
        exclude: exclude.map(|filters| checked_filters(filters, "ExcludeFilters")).transpose()?,
        firehose_arn: input.firehose_arn,
        role_arn: input.role_arn,
        output_format: input.output_format,
        statistics: input.statistics_configurations.map(|all| checked_statistics(all, format)).transpose()?,
        linked_accounts: input.include_linked_accounts_metrics,
    })
}

fn checked_filters(filters: Vec<MetricStreamFilter>, parameter: &str) -> Result<Vec<MetricFilter>, ApiError> {
    let names = |filter: &MetricStreamFilter| 1 + filter.metric_names.as_ref().map_or(0, Vec::len);
    if filters.iter().map(names).sum::<usize>() > FILTER_NAMES_MAX {
        return Err(refuse::value(refuse::too_many(parameter, FILTER_NAMES_MAX)));
    }
    if filters.iter().any(|filter| filter.namespace.is_none()) {
        return Err(refuse::missing(format!("{parameter}.member.N.Namespace")));
    }
    let filter = |filter: MetricStreamFilter| MetricFilter {
        namespace: filter.namespace,
        metric_names: filter.metric_names.filter(|names| !names.is_empty()),
    };
    Ok(filters.into_iter().map(filter).collect())
}

fn checked_statistics(
    configurations: Vec<MetricStreamStatisticsConfiguration>,
    format: OutputFormat,
) -> Result<Vec<StreamStatistics>, ApiError> {
    if configurations.len() > CONFIGURATIONS_MAX {
        return Err(refuse::value(refuse::too_many("StatisticsConfigurations", CONFIGURATIONS_MAX)));
    }
    let mut checked = Vec::with_capacity(configurations.len());
    for configuration in configurations {
        let MetricStreamStatisticsConfiguration { include_metrics, additional_statistics } = configuration;
        if include_metrics.len() > STATISTICS_METRICS_MAX {
            return Err(refuse::value(refuse::too_many("IncludeMetrics", STATISTICS_METRICS_MAX)));
        }
        if additional_statistics.len() > STATISTICS_MAX {
            return Err(refuse::value(refuse::too_many("AdditionalStatistics", STATISTICS_MAX)));
        }
        for name in &additional_statistics {
            // The four that are always sent are no additions; `Average` is none of those that AWS lists. A quantile of a summary
            // can tell a percentile only.
            let is_told = match format {
                OutputFormat::Json => Statistic::parse(name).is_ok_and(|statistic| !statistic.is_plain()),
                OutputFormat::OpenTelemetry(_) => percent(name).is_some(),
            };
            if !is_told {
                return Err(refuse::invalid(name, "AdditionalStatistics"));
            }
        }
        let metrics = include_metrics.into_iter().map(|metric| (metric.namespace, metric.metric_name)).collect();
        checked.push(StreamStatistics { metrics, statistics: additional_statistics });
    }
    Ok(checked)
}
