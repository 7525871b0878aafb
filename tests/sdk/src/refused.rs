//! Calls that the server refuses: the SDK must recognise each error as the type that the model gives it, where it does.

use anyhow::bail;
use aws_sdk_cloudwatch::Client;
use aws_sdk_cloudwatch::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_cloudwatch::operation::RequestId;
use aws_sdk_cloudwatch::operation::get_dashboard::GetDashboardError;
use aws_sdk_cloudwatch::operation::get_metric_statistics::GetMetricStatisticsError;
use aws_sdk_cloudwatch::operation::put_dashboard::PutDashboardError;
use aws_sdk_cloudwatch::operation::put_metric_data::PutMetricDataError;
use aws_sdk_cloudwatch::operation::set_alarm_state::SetAlarmStateError;
use aws_sdk_cloudwatch::primitives::DateTime;
use aws_sdk_cloudwatch::types::{ComparisonOperator, MetricDatum, StandardUnit, StateValue, Statistic};
use serde_json::{Value, json};

/// Makes each mistake once, and answers what the SDK took the answer for. The operator of an alarm breaks a constraint of the model:
/// that error, `ValidationError`, is common to all services, and the model gives it no type. An unknown unit does so, too, and has one.
pub async fn calls(client: &Client, namespace: &str, at: i64) -> anyhow::Result<Value> {
    let alarm = client.set_alarm_state().alarm_name(format!("{namespace} nobody")).state_value(StateValue::Ok);
    let alarm = alarm.state_reason("r").send().await;
    let dashboard = client.get_dashboard().dashboard_name("nobody").send().await;
    let no_json = client.put_dashboard().dashboard_name("d").dashboard_body("not json").send().await;
    let datum = MetricDatum::builder().metric_name("M").value(1.0).values(1.0).build();
    let twice = client.put_metric_data().namespace(namespace).metric_data(datum).send().await;
    let unit = MetricDatum::builder().metric_name("M").value(1.0).unit(StandardUnit::from("Furlongs")).build();
    let unit = client.put_metric_data().namespace(namespace).metric_data(unit).send().await;
    let operator =
        client.put_metric_alarm().alarm_name("a").metric_name("M").namespace(namespace).period(60).threshold(1.0);
    let operator = operator.statistic(Statistic::Sum).evaluation_periods(1);
    let operator = operator.comparison_operator(ComparisonOperator::from("Near")).send().await;
    let long = client.get_metric_statistics().namespace(namespace).metric_name("M").period(60);
    let long = long.start_time(DateTime::from_secs(at - 30 * 86_400)).end_time(DateTime::from_secs(at));
    let long = long.statistics(Statistic::Sum).send().await;
    Ok(json!({
        "alarm_that_is_not_there": told(alarm, |e| matches!(e, SetAlarmStateError::ResourceNotFound(_)))?,
        "dashboard_that_is_not_there": told(dashboard, |e| matches!(e, GetDashboardError::DashboardNotFoundError(_)))?,
        "dashboard_that_is_no_json": told(no_json, |e| matches!(e, PutDashboardError::DashboardInvalidInputError(_)))?,
        "value_and_values": told(twice, PutMetricDataError::is_invalid_parameter_combination_exception)?,
        "unknown_unit": told(unit, PutMetricDataError::is_invalid_parameter_value_exception)?,
        "unknown_operator": told(operator, |_| false)?,
        "too_many_datapoints": told(long, GetMetricStatisticsError::is_invalid_parameter_combination_exception)?,
    }))
}

/// What an error is to the SDK; `expected` recognises the modelled type.
fn told<O, E>(answer: Result<O, SdkError<E>>, expected: impl Fn(&E) -> bool) -> anyhow::Result<Value>
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    match answer {
        Ok(_) => bail!("a call that must be refused was not"),
        Err(SdkError::ServiceError(error)) => Ok(json!({
            "is_modelled_type": expected(error.err()),
            "code": error.err().code(),
            "message": error.err().message(),
            "status": error.raw().status().as_u16(),
            "has_request_id": error.err().meta().request_id().is_some(),
        })),
        // No answer, or one that the SDK cannot read.
        Err(other) => Err(other.into()),
    }
}
