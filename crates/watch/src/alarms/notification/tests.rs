//! Messages of AWS, key by key: those of its documentation and those that its users have published.

use super::*;
use serde_json::{Value, json};

fn t(iso: &str) -> Timestamp {
    Timestamp::parse_iso(iso).unwrap()
}

fn state(value: AlarmState, reason: &str, reason_data: Option<&str>, at: &str) -> State {
    State { value, reason: reason.into(), reason_data: reason_data.map(Into::into), at: t(at) }
}

fn evaluation(comparison_operator: &str, threshold: Threshold) -> Evaluation {
    Evaluation {
        period_secs: 60,
        evaluation_periods: 1,
        datapoints_to_alarm: None,
        comparison_operator: comparison_operator.into(),
        threshold,
        treat_missing_data: None,
        low_sample_count: None,
    }
}

fn metric(namespace: &str, name: &str, stat: &str, dimensions: &[(&str, &str)]) -> MetricStat {
    MetricStat {
        namespace: namespace.into(),
        name: name.into(),
        dimensions: dimensions.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect(),
        period_secs: 60,
        stat: stat.into(),
        unit: None,
    }
}

/// An alarm of account 123456789012 that went from OK to ALARM.
fn notification(name: &str, region: &str, trigger: Trigger) -> Notification {
    Notification {
        alarm_name: name.into(),
        description: None,
        alarm_arn: format!("arn:aws:cloudwatch:{region}:123456789012:alarm:{name}"),
        account: "123456789012".into(),
        region: region.into(),
        configuration_updated: t("2022-06-28T01:56:39.773Z"),
        ok_actions: Vec::new(),
        alarm_actions: vec![format!("arn:aws:sns:{region}:123456789012:alerts")],
        insufficient_data_actions: Vec::new(),
        previous: state(AlarmState::Ok, "before", None, "2022-06-28T01:50:00Z"),
        state: state(AlarmState::Alarm, "reason", None, "2022-06-28T01:57:35.603Z"),
        trigger,
        contributor: None,
        lines: Vec::new(),
        tags: None,
        causes: Vec::new(),
    }
}

fn lookup() -> Notification {
    let dimensions = [("exe", "httpd"), ("InstanceId", "i-03e6aec1a93443558")];
    let trigger = Trigger::Metric {
        metric: metric("CWAgent", "procstat_lookup_pid_count", "Sum", &dimensions),
        evaluation: Evaluation {
            datapoints_to_alarm: Some(1),
            treat_missing_data: Some("missing".into()),
            ..evaluation("LessThanOrEqualToThreshold", Threshold::Static(0.0))
        },
    };
    notification("test-cw", "ap-northeast-2", trigger)
}

#[test]
fn the_message_of_a_metric_alarm() {
    let mut alarm = lookup();
    alarm.description = Some("a \"test\"".into());
    alarm.state.reason = "Threshold Crossed: 1 out of the last 1 datapoints [0.0 (28/06/22 01:55:00)] was less than or equal to the threshold (0.0) (minimum 1 datapoint for OK -> ALARM transition).".into();
    assert_eq!(alarm.subject(), "ALARM: \"test-cw\" in Asia Pacific (Seoul)");
    assert_eq!(
        sns::message(&alarm),
        r#"{"AlarmName":"test-cw","AlarmDescription":"a \"test\"","AWSAccountId":"123456789012","AlarmConfigurationUpdatedTimestamp":"2022-06-28T01:56:39.773+0000","NewStateValue":"ALARM","NewStateReason":"Threshold Crossed: 1 out of the last 1 datapoints [0.0 (28/06/22 01:55:00)] was less than or equal to the threshold (0.0) (minimum 1 datapoint for OK -> ALARM transition).","StateChangeTime":"2022-06-28T01:57:35.603+0000","Region":"Asia Pacific (Seoul)","AlarmArn":"arn:aws:cloudwatch:ap-northeast-2:123456789012:alarm:test-cw","OldStateValue":"OK","OKActions":[],"AlarmActions":["arn:aws:sns:ap-northeast-2:123456789012:alerts"],"InsufficientDataActions":[],"Trigger":{"MetricName":"procstat_lookup_pid_count","Namespace":"CWAgent","StatisticType":"Statistic","Statistic":"SUM","Unit":null,"Dimensions":[{"value":"httpd","name":"exe"},{"value":"i-03e6aec1a93443558","name":"InstanceId"}],"Period":60,"EvaluationPeriods":1,"DatapointsToAlarm":1,"ComparisonOperator":"LessThanOrEqualToThreshold","Threshold":0.0,"TreatMissingData":"missing","EvaluateLowSampleCountPercentile":""}}"#
    );
}

/// The trigger of a metric alarm with this statistic and threshold, as text.
fn trigger_text(stat: &str, threshold: f64) -> String {
    let trigger = Trigger::Metric {
        metric: MetricStat { unit: Some("Percent".into()), ..metric("N", "m", stat, &[]) },
        evaluation: evaluation("GreaterThanThreshold", Threshold::Static(threshold)),
    };
    let message = sns::message(&notification("a", "us-east-1", trigger));
    message[message.find("\"Trigger\"").unwrap()..].to_owned()
}

#[test]
fn statistics_and_numbers_are_spelled_as_java_does() {
    for (stat, spelled) in SIMPLE_STATISTICS {
        assert!(
            trigger_text(stat, 1.0)
                .contains(&format!(r#""StatisticType":"Statistic","Statistic":"{spelled}","Unit":"Percent""#))
        );
    }
    let extended = r#""StatisticType":"ExtendedStatistic","ExtendedStatistic":"p99.9","Unit":"Percent""#;
    assert!(trigger_text("p99.9", 1.0).contains(extended));
    for (threshold, text) in
        [(65.0, "65.0"), (144.000_000_000_000_03, "144.00000000000003"), (1.5e10, "1.5E10"), (-0.25, "-0.25")]
    {
        let trigger = trigger_text("Sum", threshold);
        assert!(trigger.contains(&format!(r#""Threshold":{text},"TreatMissingData":"""#)), "{trigger}");
        let parsed: Value = serde_json::from_str(&format!("{{{trigger}")).unwrap();
        assert_eq!(parsed["Trigger"]["Threshold"], json!(threshold), "still JSON");
    }
}

fn query(id: &str, label: Option<&str>, return_data: bool, source: Source) -> MetricQuery {
    MetricQuery { id: id.into(), label: label.map(Into::into), return_data, account: None, source }
}

#[test]
fn the_message_of_a_metric_math_alarm() {
    let hosts =
        metric("AWS/NetworkELB", "HealthyHostCount", "Average", &[("TargetGroup", "tg"), ("LoadBalancer", "lb")]);
    let trigger = Trigger::Metrics {
        queries: vec![
            query("expr_1", None, true, Source::Expression("100*(healthyHostCount/fleetCapacity)".into(), None)),
            query("healthyHostCount", Some("HealthyHostCount"), false, Source::Metric(hosts)),
        ],
        evaluation: Evaluation { evaluation_periods: 5, ..evaluation("LessThanThreshold", Threshold::Static(65.0)) },
    };
    let message = sns::message(&notification("testAlarm", "us-west-2", trigger));
    assert!(message.contains(r#""AlarmDescription":null,"#));
    assert!(message.ends_with(
        r#""Trigger":{"Period":60,"EvaluationPeriods":5,"ComparisonOperator":"LessThanThreshold","Threshold":65.0,"TreatMissingData":"","EvaluateLowSampleCountPercentile":"","Metrics":[{"Expression":"100*(healthyHostCount/fleetCapacity)","Id":"expr_1","ReturnData":true},{"Id":"healthyHostCount","Label":"HealthyHostCount","MetricStat":{"Metric":{"Dimensions":[{"value":"tg","name":"TargetGroup"},{"value":"lb","name":"LoadBalancer"}],"MetricName":"HealthyHostCount","Namespace":"AWS/NetworkELB"},"Period":60,"Stat":"Average"},"ReturnData":false}]}}"#
    ), "{message}");
}

fn anomaly() -> Notification {
    let cpu = MetricQuery {
        account: Some("775096123702".into()),
        ..query("m1", None, true, Source::Metric(metric("AWS/ApiGateway", "Count", "Sum", &[("Stage", "pro")])))
    };
    let band = Source::Expression("ANOMALY_DETECTION_BAND(m1, 1.5)".into(), None);
    let trigger = Trigger::Metrics {
        queries: vec![cpu, query("ad1", Some("Count (expected)"), true, band)],
        evaluation: Evaluation {
            evaluation_periods: 4,
            datapoints_to_alarm: Some(1),
            treat_missing_data: Some("missing".into()),
            ..evaluation("LessThanLowerOrGreaterThanUpperThreshold", Threshold::Band("ad1".into()))
        },
    };
    notification("Error Api", "us-east-1", trigger)
}

#[test]
fn the_message_of_an_anomaly_detection_alarm() {
    let message = sns::message(&anomaly());
    assert!(message.ends_with(
        r#""Trigger":{"Period":60,"EvaluationPeriods":4,"DatapointsToAlarm":1,"ComparisonOperator":"LessThanLowerOrGreaterThanUpperThreshold","ThresholdMetricId":"ad1","TreatMissingData":"missing","EvaluateLowSampleCountPercentile":"","Metrics":[{"Id":"m1","MetricStat":{"Metric":{"Dimensions":[{"value":"pro","name":"Stage"}],"MetricName":"Count","Namespace":"AWS/ApiGateway"},"Period":60,"Stat":"Sum"},"ReturnData":true,"AccountId":"775096123702"},{"Expression":"ANOMALY_DETECTION_BAND(m1, 1.5)","Id":"ad1","Label":"Count (expected)","ReturnData":true}]}}"#
    ), "{message}");
}

#[test]
fn the_message_of_a_log_alarm_and_of_one_contributor() {
    let log = LogCriteria {
        query: "filter level = 'ERROR'".into(),
        log_groups: vec!["/shop".into()],
        role: "arn:aws:iam::123456789012:role/r".into(),
        aggregation: "count(*)".into(),
        schedule: "rate(5 minutes)".into(),
        start_offset_secs: 300,
        ..LogCriteria::default()
    };
    let evaluation = Evaluation {
        evaluation_periods: 5,
        datapoints_to_alarm: Some(3),
        ..evaluation("GreaterThanThreshold", Threshold::Static(100.0))
    };
    let mut alarm = notification("HighErrorCount", "us-east-1", Trigger::Log { log, evaluation });
    alarm.state.reason_data = Some(r#"{"version":"1.0","threshold":100.0}"#.into());
    let message = sns::message(&alarm);
    let told =
        r#""NewStateReason":"reason","NewStateReasonData":{"version":"1.0","threshold":100.0},"StateChangeTime":"#;
    assert!(message.contains(told), "{message}");
    let trigger = r#""Trigger":{"ScheduledQueryConfiguration":{"QueryString":"filter level = 'ERROR'","LogGroupIdentifiers":["/shop"],"ScheduledQueryRoleARN":"arn:aws:iam::123456789012:role/r","ScheduleConfiguration":{"ScheduleExpression":"rate(5 minutes)","StartTimeOffset":300,"EndTimeOffset":0},"AggregationExpression":"count(*)"},"QueryResultsToEvaluate":5,"QueryResultsToAlarm":3,"ComparisonOperator":"GreaterThanThreshold","Threshold":100.0,"TreatMissingData":""}"#;
    assert!(message.ends_with(&format!("{trigger}}}")), "{message}");
    alarm.state.reason_data = None;
    alarm.contributor = Some(("a1b2c3d4e5f60718".into(), [("endpoint".to_owned(), "/api".to_owned())].into()));
    alarm.lines = vec!["one line".into()];
    let more = r#","AlarmContributorId":"a1b2c3d4e5f60718","AlarmContributorAttributes":{"endpoint":"/api"},"LogLines":["one line"]}"#;
    let message = sns::message(&alarm);
    assert!(message.ends_with(&format!("{trigger}{more}")) && !message.contains("NewStateReasonData"), "{message}");
}

fn composite() -> Notification {
    let child = Child {
        arn: "arn:aws:cloudwatch:us-east-1:123456789012:alarm:ServerCpuTooHigh".into(),
        state: AlarmState::Alarm,
        since: t("2022-07-22T15:57:45.394Z"),
    };
    let trigger = Trigger::Composite {
        rule: "ALARM(ServerCpuTooHigh) OR ALARM(TotalNetworkTrafficTooHigh)".into(),
        children: vec![child],
    };
    let mut alarm = notification("ServiceAggregatedAlarm", "us-east-1", trigger);
    alarm.state =
        State { ..state(AlarmState::Alarm, "because", Some("{\"triggeringAlarms\":[]}"), "2022-07-22T15:57:45.394Z") };
    alarm.previous = state(AlarmState::Ok, "created", None, "2022-07-22T15:56:14.552Z");
    alarm
}

#[test]
fn the_message_of_a_composite_alarm() {
    assert_eq!(
        sns::message(&composite()),
        r#"{"AlarmName":"ServiceAggregatedAlarm","AlarmDescription":null,"AWSAccountId":"123456789012","NewStateValue":"ALARM","NewStateReason":"because","StateChangeTime":"2022-07-22T15:57:45.394+0000","Region":"US East (N. Virginia)","AlarmArn":"arn:aws:cloudwatch:us-east-1:123456789012:alarm:ServiceAggregatedAlarm","OKActions":[],"AlarmActions":["arn:aws:sns:us-east-1:123456789012:alerts"],"InsufficientDataActions":[],"OldStateValue":"OK","AlarmRule":"ALARM(ServerCpuTooHigh) OR ALARM(TotalNetworkTrafficTooHigh)","TriggeringChildren":[{"Arn":"arn:aws:cloudwatch:us-east-1:123456789012:alarm:ServerCpuTooHigh","State":{"Value":"ALARM","Timestamp":"2022-07-22T15:57:45.394+0000"}}]}"#
    );
}

#[test]
fn subjects_fit_on_one_line_of_100_characters() {
    let mut alarm = lookup();
    alarm.state.value = AlarmState::InsufficientData;
    assert_eq!(alarm.subject(), "INSUFFICIENT_DATA: \"test-cw\" in Asia Pacific (Seoul)");
    alarm.alarm_name = "line\nbreak".into();
    assert_eq!(alarm.subject(), "INSUFFICIENT_DATA: \"line break\" in Asia Pacific (Seoul)");
    for length in [0, 1, 50, 55, 56, 57, 255] {
        alarm.alarm_name = "ä".repeat(length);
        let subject = alarm.subject();
        assert!(subject.chars().count() <= 100, "{subject}");
        assert_eq!(subject.contains("..."), length > 55, "{subject}");
    }
}

#[test]
fn causes_are_a_member_of_our_own_at_the_end_and_absent_without_any() {
    let told = |causes| {
        let alarm = Notification { causes, ..lookup() };
        serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&sns::message(&alarm)).unwrap()
    };
    assert!(!told(Vec::new()).contains_key("TrailwatchCauses"));
    let cause = super::ToldCause {
        summary: "StopInstances on i-1 by alice, 4 min before the onset".into(),
        verdict: "likely",
        score: 4.5,
        event_id: "e-1".into(),
        event_time: "2022-06-28T01:53:00.000Z".into(),
        event_source: "ec2.amazonaws.com".into(),
        event_name: "StopInstances".into(),
        actor: "arn:aws:iam::123456789012:user/alice".into(),
    };
    let message = told(vec![cause]);
    assert_eq!(message.keys().next_back().map(String::as_str), Some("TrailwatchCauses"));
    let expected = serde_json::json!([{
        "Summary": "StopInstances on i-1 by alice, 4 min before the onset", "Verdict": "likely", "Score": 4.5, "EventId": "e-1",
        "EventTime": "2022-06-28T01:53:00.000Z", "EventSource": "ec2.amazonaws.com", "EventName": "StopInstances",
        "Actor": "arn:aws:iam::123456789012:user/alice",
    }]);
    assert_eq!(message["TrailwatchCauses"], expected);
}
