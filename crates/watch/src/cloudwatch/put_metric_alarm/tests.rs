//! The checks across members of PutMetricAlarm, each with its words.

use super::*;
use wire::cloudwatch::{
    AlarmPromQLCriteria, Dimension, EvaluationCriteria, EvaluationWindow, Metric, MetricDataQuery, MetricStat,
    SlidingWindow, WallClockWindow,
};

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
    let now = Timestamp(1_772_323_200_000);
    let outcome = configuration(&scope, &Linked::default(), input, now);
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

fn metric_query(id: &str) -> MetricDataQuery {
    let metric = Metric { namespace: Some("N".into()), metric_name: Some("m".into()), dimensions: None };
    MetricDataQuery {
        id: id.into(),
        metric_stat: Some(MetricStat { metric, period: 60, stat: "Sum".into(), unit: None }),
        return_data: Some(false),
        ..MetricDataQuery::default()
    }
}

fn math(id: &str, expression: &str) -> MetricDataQuery {
    MetricDataQuery { id: id.into(), expression: Some(expression.into()), ..MetricDataQuery::default() }
}

/// The same alarm on queries.
fn on(queries: Vec<MetricDataQuery>) -> impl FnOnce(&mut PutMetricAlarmInput) {
    move |i| {
        (i.metric_name, i.namespace, i.statistic, i.period) = (None, None, None, None);
        i.metrics = Some(queries);
    }
}

#[test]
fn alarms_on_queries_are_checked() {
    check(on(vec![metric_query("m1"), math("e1", "m1 / 2")]), Ok(()));
    check(
        |i| i.metrics = Some(vec![metric_query("m1")]),
        Err("MetricName should not be set if list of Metrics is set"),
    );
    check(on(vec![metric_query("m1")]), Err("Exactly one element of the metrics list should return data."));
    check(
        on(vec![metric_query("m1"), math("e1", "m1"), math("e2", "m1 * 2")]),
        Err("Exactly one element of the metrics list should return data, but more than one do."),
    );
    check(
        on(vec![math("e1", "SEARCH('a', 'Sum', 60)")]),
        Err("Error in expression 'e1': SEARCH is not supported on Metric Alarms. (column 1)"),
    );
    check(on(vec![math("e1", "m1 * 2")]), Err("Error in expression 'e1': Unresolved id 'm1'"));
    let many: Vec<MetricDataQuery> = (0..20).map(|n| metric_query(&format!("m{n}"))).collect();
    check(on(many), Err("Exactly one element of the metrics list should return data."));
    let mut many: Vec<MetricDataQuery> = (0..11).map(|n| metric_query(&format!("m{n}"))).collect();
    many.push(math("e1", "SUM(METRICS())"));
    check(on(many), Err("An alarm can be based on at most 10 metrics, and 11 are given."));
}

#[test]
fn bands_and_thresholds_go_with_their_operators() {
    let band = |operator: &'static str, threshold: Option<f64>, id: Option<&'static str>| {
        move |i: &mut PutMetricAlarmInput| {
            let mut watched = metric_query("m1");
            watched.return_data = Some(true);
            on(vec![watched, math("ad1", "ANOMALY_DETECTION_BAND(m1, 2)")])(i);
            (i.threshold, i.threshold_metric_id) = (threshold, id.map(str::to_owned));
            i.comparison_operator = Some(operator.into());
        }
    };
    check(band("GreaterThanUpperThreshold", None, Some("ad1")), Ok(()));
    check(
        band("GreaterThanUpperThreshold", Some(1.0), Some("ad1")),
        Err("Threshold and ThresholdMetricId cannot both be set"),
    );
    check(
        band("GreaterThanThreshold", None, Some("ad1")),
        Err("ComparisonOperator GreaterThanThreshold can only be used with Threshold"),
    );
    check(
        band("GreaterThanUpperThreshold", None, Some("m1")),
        Err("Error in expression 'ad1': Metrics expression that return multi time series are only allowed for \
             MetricsInsights expression with an ORDER BY clause (column 1)"),
    );
    check(
        |i| i.comparison_operator = Some("LessThanLowerThreshold".into()),
        Err("ComparisonOperator LessThanLowerThreshold can only be used with ThresholdMetricId"),
    );
    check(
        |i| (i.threshold, i.threshold_metric_id) = (None, Some("ad1".into())),
        Err("ThresholdMetricId can only be set if list of Metrics is set"),
    );
}

#[test]
fn alarms_on_promql_have_no_metric() {
    let criteria = |query: &str| EvaluationCriteria {
        prom_ql_criteria: Some(AlarmPromQLCriteria {
            query: query.into(),
            pending_period: Some(60),
            recovery_period: None,
        }),
    };
    let bare = |query: &'static str, interval: Option<i32>| {
        move |i: &mut PutMetricAlarmInput| {
            *i = PutMetricAlarmInput { alarm_name: "a".into(), ..PutMetricAlarmInput::default() };
            (i.evaluation_criteria, i.evaluation_interval) = (Some(criteria(query)), interval);
        }
    };
    check(bare("up > 1", Some(60)), Ok(()));
    check(bare("up > 1", None), Err("EvaluationInterval must be set if EvaluationCriteria is set"));
    check(bare("up > 1", Some(45)), Err("EvaluationInterval must be 10, 20, 30 or a multiple of 60 up to 3600"));
    check(
        |i| (i.evaluation_criteria, i.evaluation_interval) = (Some(criteria("up")), Some(60)),
        Err("MetricName should not be set if EvaluationCriteria is set"),
    );
}

#[test]
fn wall_clocks_have_periods_and_zones() {
    let wall = |timezone: &str| EvaluationWindow {
        sliding_window: None,
        wall_clock_window: Some(WallClockWindow { timezone: Some(timezone.into()) }),
    };
    let sliding = EvaluationWindow { sliding_window: Some(SlidingWindow {}), wall_clock_window: None };
    check(|i| i.evaluation_window = Some(sliding), Ok(()));
    check(|i| i.evaluation_window = Some(wall("Europe/Berlin")), Ok(()));
    check(
        |i| i.evaluation_window = Some(wall("Mars/Olympus")),
        Err("Timezone 'Mars/Olympus' is neither a time zone identifier nor a UTC offset"),
    );
    check(
        |i| (i.period, i.evaluation_window) = (Some(120), Some(wall("UTC"))),
        Err(
            "Period 120 is not supported with a wall clock evaluation window. Supported periods are 60, 300, 3600, 86400 and 604800 seconds",
        ),
    );
}
