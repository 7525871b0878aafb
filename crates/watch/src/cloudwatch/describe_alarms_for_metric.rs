//! DescribeAlarmsForMetric: the alarms on exactly this metric, with this statistic, period and unit where given.
//!
//! AWS: <https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmsForMetric.html>.

use super::get_metric_statistics::sorted;
use super::metric_alarm::metric_alarm;
use super::refuse;
use crate::Watch;
use catalog::AlarmConfiguration;
use model::Caller;
use wire::ApiError;
use wire::cloudwatch::{DescribeAlarmsForMetricInput, DescribeAlarmsForMetricOutput};

pub async fn describe_alarms_for_metric(
    watch: &Watch,
    caller: &Caller,
    mut input: DescribeAlarmsForMetricInput,
) -> Result<DescribeAlarmsForMetricOutput, ApiError> {
    if input.statistic.is_some() && input.extended_statistic.is_some() {
        return Err(refuse::exclusive("Statistic", "ExtendedStatistic"));
    }
    let dimensions = sorted(input.dimensions.take());
    let alarms = watch.catalog.alarms_of_metric(&caller.scope, &input.namespace, &input.metric_name).await?;
    let metric_alarms = alarms
        .into_iter()
        .filter(|alarm| watches(&alarm.configuration, &input, &dimensions))
        .map(metric_alarm)
        .collect();
    Ok(DescribeAlarmsForMetricOutput { metric_alarms: Some(metric_alarms) })
}

fn watches(
    configuration: &AlarmConfiguration,
    input: &DescribeAlarmsForMetricInput,
    dimensions: &[(String, String)],
) -> bool {
    let same = |asked: &Option<String>, has: &Option<String>| asked.is_none() || asked == has;
    let mut own = configuration.dimensions.clone();
    own.sort();
    own == dimensions
        && same(&input.statistic, &configuration.statistic)
        && same(&input.extended_statistic, &configuration.extended_statistic)
        && same(&input.unit, &configuration.unit)
        && input.period.is_none_or(|period| i64::from(period) == configuration.period_secs)
}
