//! GetMetricStatistics: statistics of one metric, period by period, at most 1440 datapoints.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetMetricStatistics.html>. `Statistics` or
//! `ExtendedStatistics`, not both. Without `Unit` each unit gives datapoints of its own. An unknown metric has none.
//!
//! What differs: datapoints come in order of time; AWS leaves the order open.

use super::refuse;
use crate::Watch;
use crate::regions;
use model::limits::STATISTICS_DATAPOINTS_MAX;
use model::{Caller, TimeRange};
use query::metrics::{self, Bucket, MetricQuery};
use query::statistics::Statistic;
use wire::ApiError;
use wire::cloudwatch::{Datapoint, Dimension, GetMetricStatisticsInput, GetMetricStatisticsOutput};

/// Most entries of `Statistics`, and of `ExtendedStatistics`.
const STATISTICS_MAX: usize = 10;

pub async fn get_metric_statistics(
    watch: &Watch,
    caller: &Caller,
    input: GetMetricStatisticsInput,
) -> Result<GetMetricStatisticsOutput, ApiError> {
    let statistics = asked_statistics(&input)?;
    let period_ms = metrics::check_period(i64::from(input.period)).map_err(|error| refuse::value(error.to_string()))?;
    if let Some(mistake) = refuse::empty_range(input.start_time, input.end_time) {
        return Err(refuse::value(mistake));
    }
    let asked = TimeRange::new(input.start_time, input.end_time);
    let range = metrics::round_range(watch.clock.now(), asked, period_ms);
    let count = metrics::datapoint_count(range, period_ms);
    if count > STATISTICS_DATAPOINTS_MAX {
        return Err(refuse::combination(format!(
            "You have requested up to {} datapoints, which exceeds the limit of {}. You may reduce the datapoints \
             requested by increasing Period, or decreasing the time range.",
            grouped(count),
            grouped(STATISTICS_DATAPOINTS_MAX)
        )));
    }
    regions::authorize(watch, caller, input.dimensions.iter().flatten())?;
    let mut dimensions = sorted(input.dimensions);
    let region = regions::named(&caller.scope.region, &mut dimensions).map_err(refuse::value)?;
    let query = MetricQuery {
        account: caller.scope.account.clone(),
        region,
        namespace: input.namespace,
        name: input.metric_name,
        dimensions,
        unit: input.unit,
        period_ms,
        range,
        raw: statistics.iter().any(|(_, statistic)| !statistic.is_plain()),
    };
    let buckets = metrics::buckets(&watch.store, &query).await?;
    let datapoints = buckets.into_iter().filter_map(|bucket| datapoint(bucket, &statistics)).collect();
    Ok(GetMetricStatisticsOutput { label: Some(query.name), datapoints: Some(datapoints) })
}

/// A metric's dimensions as the store knows them.
pub fn sorted(dimensions: Option<Vec<Dimension>>) -> Vec<(String, String)> {
    let mut sorted: Vec<_> = dimensions.into_iter().flatten().map(|d| (d.name, d.value)).collect();
    sorted.sort();
    sorted
}

/// The statistics with the names that the client gave them.
fn asked_statistics(input: &GetMetricStatisticsInput) -> Result<Vec<(String, Statistic)>, ApiError> {
    let (names, parameter, plain) = match (input.statistics.as_deref(), input.extended_statistics.as_deref()) {
        (Some(_), Some(_)) => return Err(refuse::exclusive("Statistics", "ExtendedStatistics")),
        (Some(names), None) => (names, "Statistics", true),
        (None, Some(names)) => (names, "ExtendedStatistics", false),
        (None, None) => (&[][..], "Statistics", true),
    };
    if names.is_empty() {
        return Err(refuse::combination(
            "At least one of the parameters Statistics and ExtendedStatistics must be specified.",
        ));
    }
    if names.len() > STATISTICS_MAX {
        return Err(refuse::value(refuse::too_many(parameter, STATISTICS_MAX)));
    }
    let statistic = |(index, name): (usize, &String)| match Statistic::parse(name) {
        Ok(statistic) if statistic.is_plain() == plain => Ok((name.clone(), statistic)),
        _ => Err(refuse::invalid(name, format_args!("{parameter}.member.{}", index + 1))),
    };
    names.iter().enumerate().map(statistic).collect()
}

/// The bucket's datapoint; `None` when none of the statistics is available for it.
fn datapoint(bucket: Bucket, statistics: &[(String, Statistic)]) -> Option<Datapoint> {
    let mut datapoint = Datapoint { timestamp: Some(bucket.start), ..Datapoint::default() };
    let mut available = false;
    for (name, statistic) in statistics {
        let Some(value) = bucket.evaluate(statistic) else { continue };
        available = true;
        match statistic {
            Statistic::SampleCount => datapoint.sample_count = Some(value),
            Statistic::Sum => datapoint.sum = Some(value),
            Statistic::Average => datapoint.average = Some(value),
            Statistic::Minimum => datapoint.minimum = Some(value),
            Statistic::Maximum => datapoint.maximum = Some(value),
            _ => {
                datapoint.extended_statistics.get_or_insert_default().insert(name.clone(), value);
            }
        }
    }
    datapoint.unit = Some(bucket.unit);
    available.then_some(datapoint)
}

/// `1440` as `1,440`.
fn grouped(number: i64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_thousands() {
        assert_eq!(grouped(1440), "1,440");
        assert_eq!(grouped(12), "12");
        assert_eq!(grouped(1_000_000), "1,000,000");
    }
}
