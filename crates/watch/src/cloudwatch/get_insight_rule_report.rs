//! GetInsightRuleReport: who contributed how much, period by period, counted from the stored log events when it is asked.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_GetInsightRuleReport.html>. StartTime is rounded as for
//! metrics; EndTime is exclusive. Periods without a contribution are absent.
//!
//! What differs: a report sees all stored events, those from before the rule was made too, up to the moment at which the rule was
//! disabled; that of a managed rule is empty. `Average` is the sum by event. With `OrderBy` `Maximum` contributors are ranked by their highest period, and
//! `ApproximateAggregateValue` stays the total. At most 1,440 periods; a report that takes longer than 30 s is refused, never cut.

use super::insight_rule_search::search;
use super::refuse;
use crate::Watch;
use model::limits::STATISTICS_DATAPOINTS_MAX;
use model::{Caller, TimeRange, Timestamp};
use query::contributors::{Aggregate, Contributor, OrderBy, Period, Report, Rule};
use query::metrics;
use wire::ApiError;
use wire::cloudwatch::{
    GetInsightRuleReportInput, GetInsightRuleReportOutput, InsightRuleContributor, InsightRuleContributorDatapoint,
    InsightRuleMetricDatapoint, errors,
};

/// Contributors in a report unless `MaxContributorCount` says otherwise, and their maximum.
const CONTRIBUTORS: i32 = 10;
const CONTRIBUTORS_MAX: i32 = 100;
/// What `Metrics` may name.
pub const METRICS: [&str; 7] =
    ["UniqueContributors", "MaxContributorValue", "SampleCount", "Sum", "Minimum", "Maximum", "Average"];

pub async fn get_insight_rule_report(
    watch: &Watch,
    caller: &Caller,
    input: GetInsightRuleReportInput,
) -> Result<GetInsightRuleReportOutput, ApiError> {
    let order = match input.order_by.as_deref() {
        None | Some("Sum") => OrderBy::Sum,
        Some("Maximum") => OrderBy::Maximum,
        Some(other) => return Err(refuse::invalid(other, "OrderBy")),
    };
    let count = input.max_contributor_count.unwrap_or(CONTRIBUTORS);
    if !(1..=CONTRIBUTORS_MAX).contains(&count) {
        return Err(refuse::value(format!(
            "The value {count} for parameter MaxContributorCount must be between 1 and {CONTRIBUTORS_MAX}."
        )));
    }
    let asked = input.metrics.unwrap_or_default();
    if let Some(unknown) = asked.iter().find(|name| !METRICS.contains(&name.as_str())) {
        return Err(refuse::invalid(unknown, "Metrics"));
    }
    if let Some(mistake) = refuse::empty_range(input.start_time, input.end_time) {
        return Err(refuse::value(mistake));
    }
    let period_ms = metrics::check_period(i64::from(input.period)).map_err(|error| refuse::value(error.to_string()))?;
    let range = TimeRange::new(input.start_time, input.end_time);
    let range = metrics::round_range(watch.clock.now(), range, period_ms);
    if metrics::datapoint_count(range, period_ms) > STATISTICS_DATAPOINTS_MAX {
        return Err(refuse::value(format!(
            "The time range has more than {STATISTICS_DATAPOINTS_MAX} periods. You may increase Period, or decrease \
             the time range."
        )));
    }
    let kept = watch.catalog.insight_rule(&caller.scope, &input.rule_name).await?;
    let kept = kept.ok_or_else(|| not_found(&input.rule_name))?;
    if kept.managed {
        return Ok(empty(&asked));
    }
    let rule = Rule::parse(&kept.definition).map_err(|error| {
        ApiError::new(&wire::error::common::INTERNAL_FAILURE, "read a stored rule").with_source(error)
    })?;
    let (labels, aggregate) = (rule.key_labels.clone(), rule.aggregate);
    let tally = search(watch, &caller.scope, &kept, rule, range, period_ms).await?;
    let count = usize::try_from(count).unwrap_or_default();
    let Report { aggregate: total, unique_contributors, contributors, periods } = tally.report(order, count);
    let at = |number: usize| range.start + i64::try_from(number).unwrap_or(i64::MAX).saturating_mul(period_ms);
    let datapoint = |(number, period): (usize, Period)| metric_datapoint(at(number), &period, &asked);
    Ok(GetInsightRuleReportOutput {
        key_labels: Some(labels),
        aggregation_statistic: Some(aggregate.as_str().to_owned()),
        aggregate_value: Some(total),
        approximate_unique_count: Some(unique_contributors as i64),
        contributors: Some(contributors.into_iter().map(|one| contributor(one, &at)).collect()),
        metric_datapoints: (!asked.is_empty()).then(|| periods.into_iter().map(datapoint).collect()),
    })
}

/// The report of a managed rule: no AWS service is here that it could count.
fn empty(asked: &[String]) -> GetInsightRuleReportOutput {
    GetInsightRuleReportOutput {
        key_labels: Some(Vec::new()),
        aggregation_statistic: Some(Aggregate::Sum.as_str().to_owned()),
        aggregate_value: Some(0.0),
        approximate_unique_count: Some(0),
        contributors: Some(Vec::new()),
        metric_datapoints: (!asked.is_empty()).then(Vec::new),
    }
}

fn contributor(contributor: Contributor, at: &dyn Fn(usize) -> Timestamp) -> InsightRuleContributor {
    let datapoint =
        |(number, value)| InsightRuleContributorDatapoint { timestamp: at(number), approximate_value: value };
    InsightRuleContributor {
        keys: contributor.keys,
        approximate_aggregate_value: contributor.total,
        datapoints: contributor.periods.into_iter().map(datapoint).collect(),
    }
}

fn metric_datapoint(timestamp: Timestamp, period: &Period, asked: &[String]) -> InsightRuleMetricDatapoint {
    let value = |name: &str| if asked.iter().any(|one| one == name) { metric_of(period, name) } else { None };
    InsightRuleMetricDatapoint {
        timestamp,
        unique_contributors: value("UniqueContributors"),
        max_contributor_value: value("MaxContributorValue"),
        sample_count: value("SampleCount"),
        average: value("Average"),
        sum: value("Sum"),
        minimum: value("Minimum"),
        maximum: value("Maximum"),
    }
}

/// A metric of a period by its name; `None` when there is no such metric.
pub fn metric_of(period: &Period, name: &str) -> Option<f64> {
    Some(match name {
        "UniqueContributors" => period.unique_contributors,
        "MaxContributorValue" => period.max_contributor_value,
        "SampleCount" => period.sample_count,
        "Average" => period.average(),
        "Sum" => period.sum,
        "Minimum" => period.minimum,
        "Maximum" => period.maximum,
        _ => return None,
    })
}

/// There is no rule of this name.
pub fn not_found(name: &str) -> ApiError {
    let members = wire::cloudwatch::ResourceNotFoundException {
        resource_type: Some("insight-rule".to_owned()),
        resource_id: Some(name.to_owned()),
    };
    let message = format!("The Contributor Insights rule {name} does not exist.");
    ApiError::new(&errors::RESOURCE_NOT_FOUND_EXCEPTION, message).with_members(members)
}
