//! The missing-data tables cell by cell, and the words of each verdict.

use super::*;
use model::clock::ManualClock;
use model::time::MINUTE;
use model::{Clock, Scope};

/// An alarm on `> 10` with one-minute periods, in `state`.
fn alarm(m: Option<i64>, n: i64, treat: &str, state: AlarmState) -> Alarm {
    Alarm {
        scope: Scope { account: "123456789012".into(), region: "us-east-1".into() },
        name: "a".into(),
        version: 1,
        configuration: AlarmConfiguration {
            namespace: "N".into(),
            metric_name: "m".into(),
            statistic: Some("Sum".into()),
            period_secs: 60,
            evaluation_periods: n,
            datapoints_to_alarm: m,
            threshold: 10.0,
            comparison_operator: "GreaterThanThreshold".into(),
            treat_missing_data: Some(treat.into()),
            ..AlarmConfiguration::default()
        },
        actions_enabled: true,
        configuration_updated: Timestamp(0),
        state,
        state_reason: "Unchecked: Initial alarm creation".into(),
        state_reason_data: None,
        state_updated: Timestamp(0),
        state_transitioned: Timestamp(0),
        memory: None,
    }
}

fn clock() -> ManualClock {
    ManualClock::at(Timestamp::parse_iso("2026-01-01T10:05:20Z").unwrap())
}

/// Slots ending at the clock's minute, from AWS's notation: `0` fine, `X` breaching, `-` missing, oldest first.
fn slots(pattern: &str, now: Timestamp) -> Vec<Slot> {
    let end = now.floor_to(MINUTE);
    let count = pattern.len() as i64;
    let point = |value| Some(Point { value, sample_count: Some(1.0), band: None });
    let slot = |(i, c): (usize, char)| Slot {
        start: end - (count - i as i64) * MINUTE,
        point: match c {
            'X' => point(12.0),
            '0' => point(5.0),
            _ => None,
        },
    };
    pattern.chars().enumerate().map(slot).collect()
}

fn change(alarm: &Alarm, pattern: &str) -> Option<StateChange> {
    let now = clock().now();
    next_state(alarm, &slots(pattern, now), now)
}

/// One row of the tables: what the pattern makes of the alarm under `missing`, `ignore`, `breaching`, `notBreaching`.
/// `K` keeps the state, whatever it was.
fn check_row(m: i64, pattern: &str, expected: [char; 4]) {
    for (treat, expected) in ["missing", "ignore", "breaching", "notBreaching"].into_iter().zip(expected) {
        for before in [AlarmState::Ok, AlarmState::Alarm, AlarmState::InsufficientData] {
            let after = change(&alarm(Some(m), 3, treat, before), pattern).map_or(before, |change| change.state);
            let expected = match expected {
                'O' => AlarmState::Ok,
                'A' => AlarmState::Alarm,
                'I' => AlarmState::InsufficientData,
                _ => before,
            };
            assert_eq!(after, expected, "{m} of 3, {pattern}, {treat}, from {before:?}");
        }
    }
}

#[test]
fn the_20_cells_of_3_out_of_3() {
    check_row(3, "0-X-X", ['O', 'O', 'O', 'O']);
    check_row(3, "0----", ['O', 'O', 'O', 'O']);
    check_row(3, "-----", ['I', 'K', 'A', 'O']);
    check_row(3, "0XX-X", ['A', 'A', 'A', 'A']);
    check_row(3, "--X--", ['A', 'K', 'A', 'O']);
}

#[test]
fn the_20_cells_of_2_out_of_3() {
    check_row(2, "0-X-X", ['A', 'A', 'A', 'A']);
    check_row(2, "00X0X", ['A', 'A', 'A', 'A']);
    check_row(2, "0-X--", ['O', 'O', 'A', 'O']);
    check_row(2, "----0", ['O', 'O', 'A', 'O']);
    check_row(2, "---X-", ['A', 'K', 'A', 'O']);
}

#[test]
fn a_young_breaching_point_among_missing_ones_is_not_yet_an_alarm() {
    check_row(3, "----X", ['O', 'O', 'A', 'O']);
    check_row(3, "---X-", ['O', 'O', 'A', 'O']);
    check_row(3, "--X-0", ['O', 'O', 'O', 'O']);
}

#[test]
fn dynamodb_alarms_ignore_missing_data_always() {
    let mut alarm = alarm(None, 1, "breaching", AlarmState::Ok);
    assert_eq!(change(&alarm, "---").unwrap().state, AlarmState::Alarm);
    alarm.configuration.namespace = "AWS/DynamoDB".into();
    assert_eq!(change(&alarm, "---"), None);
}

#[test]
fn each_operator_compares_as_its_name_says() {
    for (operator, breaching) in [
        ("GreaterThanThreshold", [false, false, true]),
        ("GreaterThanOrEqualToThreshold", [false, true, true]),
        ("LessThanThreshold", [true, false, false]),
        ("LessThanOrEqualToThreshold", [true, true, false]),
    ] {
        let configuration =
            AlarmConfiguration { threshold: 10.0, comparison_operator: operator.into(), ..Default::default() };
        assert_eq!(
            [9.0, 10.0, 11.0].map(|value| breaches(&configuration, &Point { value, sample_count: None, band: None })),
            breaching,
            "{operator}"
        );
    }
}

#[test]
fn few_samples_keep_the_state_of_a_percentile_alarm_that_ignores_them() {
    let now = clock().now();
    let with = |statistic: &str, low: Option<&str>, samples: f64| {
        let mut alarm = alarm(None, 1, "missing", AlarmState::Ok);
        alarm.configuration.statistic = None;
        alarm.configuration.extended_statistic = Some(statistic.into());
        alarm.configuration.evaluate_low_sample_count_percentile = low.map(Into::into);
        let point = Some(Point { value: 12.0, sample_count: Some(samples), band: None });
        next_state(&alarm, &[Slot { start: now - MINUTE, point }], now).is_some()
    };
    assert!(!with("p99", Some("ignore"), 999.0));
    assert!(with("p99", Some("ignore"), 1000.0));
    assert!(!with("p99.9", Some("ignore"), 9_999.0));
    assert!(with("p99.9", Some("ignore"), 10_000.0));
    assert!(!with("p10", Some("ignore"), 99.0));
    assert!(with("p10", Some("ignore"), 100.0));
    assert!(with("p99", Some("evaluate"), 1.0));
    assert!(with("p99", None, 1.0));
    assert!(with("p100", Some("ignore"), 1.0), "p100 is the maximum, to which the rule does not apply");
}

fn check_reason(alarm: Alarm, pattern: &str, reason: &str) {
    assert_eq!(change(&alarm, pattern).expect("a change").reason, reason);
}

#[test]
fn reasons_read_as_aws_writes_them() {
    let (ok, alarm_state) = (AlarmState::Ok, AlarmState::Alarm);
    check_reason(
        alarm(Some(1), 1, "missing", ok),
        "X",
        "Threshold Crossed: 1 out of the last 1 datapoints [12.0 (01/01/26 10:04:00)] was greater than the threshold \
         (10.0) (minimum 1 datapoint for OK -> ALARM transition).",
    );
    check_reason(
        alarm(Some(2), 3, "missing", ok),
        "X0X",
        "Threshold Crossed: 2 out of the last 3 datapoints [12.0 (01/01/26 10:04:00), 12.0 (01/01/26 10:02:00)] were \
         greater than the threshold (10.0) (minimum 2 datapoints for OK -> ALARM transition).",
    );
    check_reason(
        alarm(Some(2), 3, "missing", alarm_state),
        "00X",
        "Threshold Crossed: 2 out of the last 3 datapoints [5.0 (01/01/26 10:03:00), 5.0 (01/01/26 10:02:00)] were \
         not greater than the threshold (10.0) (minimum 2 datapoints for ALARM -> OK transition).",
    );
    check_reason(
        alarm(None, 1, "missing", ok),
        "X",
        "Threshold Crossed: 1 datapoint [12.0 (01/01/26 10:04:00)] was greater than the threshold (10.0).",
    );
    check_reason(
        alarm(Some(6), 6, "missing", ok),
        "XXXXXX",
        "Threshold Crossed: 6 out of the last 6 datapoints were greater than the threshold (10.0). The most recent \
         datapoints which crossed the threshold: [12.0 (01/01/26 10:04:00), 12.0 (01/01/26 10:03:00), \
         12.0 (01/01/26 10:02:00), 12.0 (01/01/26 10:01:00), 12.0 (01/01/26 10:00:00)] (minimum 6 datapoints for \
         OK -> ALARM transition).",
    );
    check_reason(alarm(None, 1, "missing", ok), "---", "Insufficient Data: 1 datapoint was unknown.");
    check_reason(alarm(None, 3, "missing", ok), "---", "Insufficient Data: 3 datapoints were unknown.");
    check_reason(
        alarm(None, 1, "notBreaching", alarm_state),
        "---",
        "Threshold Crossed: no datapoints were received for 1 period and 1 missing datapoint was treated as [NonBreaching].",
    );
    check_reason(
        alarm(Some(2), 3, "breaching", ok),
        "---0-",
        "Threshold Crossed: 1 datapoint was received for 3 periods and 2 missing datapoints were treated as [Breaching].",
    );
}

#[test]
fn reasons_of_contributors_read_as_aws_writes_them() {
    let mut low = alarm(None, 1, "missing", AlarmState::Ok);
    low.configuration.comparison_operator = "LessThanThreshold".into();
    low.configuration.threshold = 6.0;
    let text = |alarm: &Alarm, pattern| {
        let verdict = judge(&alarm.configuration, &slots(pattern, clock().now())).unwrap();
        reason::contributor_text(&alarm.configuration, &verdict)
    };
    assert_eq!(
        text(&low, "0"),
        "Threshold Crossed: 1 datapoint was less than the threshold (6.0). The most recent datapoint which crossed the \
         threshold: [5.0 (01/01/26 10:04:00)]."
    );
    let high = alarm(None, 2, "missing", AlarmState::Ok);
    assert_eq!(
        text(&high, "XX"),
        "Threshold Crossed: 2 datapoints were greater than the threshold (10.0). The most recent datapoints which crossed \
         the threshold: [12.0 (01/01/26 10:04:00)]."
    );
    assert_eq!(
        text(&high, "0X"),
        "Threshold Crossed: 1 datapoint was not greater than the threshold (10.0). The most recent datapoint: [5.0 \
         (01/01/26 10:03:00)]."
    );
    assert_eq!(text(&high, "----"), "Insufficient Data: 2 datapoints were unknown.");
}

fn check_data(alarm: Alarm, pattern: &str, data: &str) {
    assert_eq!(change(&alarm, pattern).expect("a change").reason_data.as_deref(), Some(data));
}

#[test]
fn reason_data_is_the_json_that_aws_writes() {
    check_data(
        alarm(Some(1), 1, "missing", AlarmState::Ok),
        "X",
        r#"{"version":"1.0","queryDate":"2026-01-01T10:05:20.000+0000","startDate":"2026-01-01T10:04:00.000+0000","statistic":"Sum","period":60,"recentDatapoints":[12.0],"threshold":10.0,"evaluatedDatapoints":[{"timestamp":"2026-01-01T10:04:00.000+0000","sampleCount":1.0,"value":12.0}]}"#,
    );
    check_data(
        alarm(None, 2, "missing", AlarmState::Ok),
        "----",
        r#"{"version":"1.0","queryDate":"2026-01-01T10:05:20.000+0000","statistic":"Sum","period":60,"recentDatapoints":[],"threshold":10.0,"evaluatedDatapoints":[{"timestamp":"2026-01-01T10:04:00.000+0000"},{"timestamp":"2026-01-01T10:03:00.000+0000"}]}"#,
    );
}

#[test]
fn long_ranges_stay_within_the_lengths_of_the_model() {
    let pattern = "X".repeat(1440);
    let change = change(&alarm(Some(1440), 1440, "missing", AlarmState::Ok), &pattern).unwrap();
    assert!(change.reason.chars().count() <= 1023);
    let data = change.reason_data.unwrap();
    assert!(data.len() <= 4000);
    assert!(
        serde_json::from_str::<serde_json::Value>(&data).unwrap()["recentDatapoints"].as_array().unwrap().len() > 5
    );
}
