//! The checks across members of PutMetricAlarm, each with its words.

use super::*;
use wire::cloudwatch::{Dimension, EvaluationWindow, MetricDataQuery, SlidingWindow, WallClockWindow};

fn input() -> PutMetricAlarmInput {
    PutMetricAlarmInput {
        alarm_name: "a".into(),
        metric_name: Some("m".into()),
        namespace: Some("N".into()),
        statistic: Some("Sum".into()),
        period: Some(60),
        evaluation_periods: Some(3),
        threshold: Some(1.0),
        comparison_operator: Some("GreaterThanThreshold".into()),
        ..PutMetricAlarmInput::default()
    }
}

fn check(change: impl FnOnce(&mut PutMetricAlarmInput), expected: Result<(), &str>) {
    let scope = Scope { account: "123456789012".into(), region: "us-east-1".into() };
    let mut input = input();
    change(&mut input);
    let outcome = refuse_unsupported(&input).and_then(|()| configuration(&scope, input));
    let outcome = outcome.map(|_| ()).map_err(|error| {
        assert_eq!(error.shape().query_code, "ValidationError");
        error.message().to_owned()
    });
    assert_eq!(outcome, expected.map_err(str::to_owned));
}

#[test]
fn required_members_are_named() {
    check(|_| (), Ok(()));
    check(|i| i.metric_name = None, Err("MetricName must not be null"));
    check(|i| i.namespace = None, Err("Namespace must not be null"));
    check(|i| i.period = None, Err("Period must not be null"));
    check(|i| i.threshold = None, Err("Threshold must not be null"));
    check(|i| i.threshold = Some(f64::NAN), Err("Threshold must be a finite number"));
    check(
        |i| i.evaluation_periods = None,
        Err(
            "1 validation error detected: Value null at 'evaluationPeriods' failed to satisfy constraint: Member must not be null",
        ),
    );
}

#[test]
fn periods_and_ranges_are_checked() {
    for period in [10, 20, 30, 60, 120] {
        check(|i| i.period = Some(period), Ok(()));
    }
    for period in [1, 5, 15, 61, 90] {
        check(|i| i.period = Some(period), Err("Period must be 10, 20, 30 or a multiple of 60"));
    }
    check(|i| (i.period, i.evaluation_periods) = (Some(60), Some(1440)), Ok(()));
    check(
        |i| (i.period, i.evaluation_periods) = (Some(60), Some(1441)),
        Err(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400) for alarms using period < 3600",
        ),
    );
    check(|i| (i.period, i.evaluation_periods) = (Some(3600), Some(168)), Ok(()));
    check(
        |i| (i.period, i.evaluation_periods) = (Some(3600), Some(169)),
        Err(
            "Metrics cannot be checked across more than a week (EvaluationPeriods * Period must be <= 604800) for alarms using period >= 3600",
        ),
    );
    check(
        |i| i.evaluation_periods = Some(i32::MAX),
        Err(
            "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400) for alarms using period < 3600",
        ),
    );
    check(|i| i.datapoints_to_alarm = Some(3), Ok(()));
    check(
        |i| i.datapoints_to_alarm = Some(4),
        Err("DatapointsToAlarm must be less than or equal to EvaluationPeriods"),
    );
}

#[test]
fn one_statistic_is_taken() {
    check(|i| i.extended_statistic = Some("p99".into()), Err("Statistic and ExtendedStatistic cannot both be set"));
    check(|i| i.statistic = None, Err("Exactly one of Statistic or ExtendedStatistic must be set"));
    let extended = |text: &'static str| {
        move |i: &mut PutMetricAlarmInput| {
            i.statistic = None;
            i.extended_statistic = Some(text.into());
        }
    };
    for good in ["p99", "tm90", "TM(10%:90%)", "PR(1:2)"] {
        check(extended(good), Ok(()));
    }
    check(extended("p101"), Err("The value p101 for parameter ExtendedStatistic is not supported."));
    check(extended("Average"), Err("The value Average for parameter ExtendedStatistic is not supported."));
}

#[test]
fn words_and_actions_are_checked() {
    check(|i| i.treat_missing_data = Some("ignore".into()), Ok(()));
    check(
        |i| i.treat_missing_data = Some("Ignore".into()),
        Err(
            "The value Ignore for parameter TreatMissingData is invalid. Valid values are: breaching, notBreaching, ignore, missing.",
        ),
    );
    check(
        |i| i.evaluate_low_sample_count_percentile = Some("ignore".into()),
        Err("EvaluateLowSampleCountPercentile can only be set for alarms based on percentiles"),
    );
    check(|i| i.alarm_actions = Some(vec!["arn:aws:sns:us-east-1:123456789012:t".into()]), Ok(()));
    check(|i| i.ok_actions = Some(vec!["nonsense".into()]), Err("Invalid arn syntax: nonsense"));
    check(
        |i| i.ok_actions = Some(vec!["arn:aws:sns:eu-west-1:123456789012:t".into()]),
        Err("Invalid region eu-west-1 specified. Only us-east-1 is supported."),
    );
    let twice =
        vec![Dimension { name: "d".into(), value: "1".into() }, Dimension { name: "d".into(), value: "2".into() }];
    check(|i| i.dimensions = Some(twice), Err("The dimension d is specified more than once in parameter Dimensions."));
}

#[test]
fn forms_that_are_not_implemented_are_refused_by_name() {
    check(
        |i| (i.metric_name, i.metrics) = (None, Some(vec![MetricDataQuery::default()])),
        Err("The parameter Metrics cannot be served: alarms on metric math are not implemented yet."),
    );
    check(
        |i| (i.threshold, i.threshold_metric_id) = (None, Some("ad1".into())),
        Err(
            "The parameter ThresholdMetricId cannot be served: alarms on an anomaly detection band are not implemented yet.",
        ),
    );
    check(
        |i| i.evaluation_criteria = Some(Default::default()),
        Err("The parameter EvaluationCriteria cannot be served: PromQL alarms are not implemented yet."),
    );
    let sliding = EvaluationWindow { sliding_window: Some(SlidingWindow {}), wall_clock_window: None };
    check(|i| i.evaluation_window = Some(sliding), Ok(()));
    let wall = EvaluationWindow { sliding_window: None, wall_clock_window: Some(WallClockWindow::default()) };
    check(
        |i| i.evaluation_window = Some(wall),
        Err(
            "The parameter EvaluationWindow.WallClockWindow cannot be served: wall-clock windows are not implemented yet.",
        ),
    );
}
