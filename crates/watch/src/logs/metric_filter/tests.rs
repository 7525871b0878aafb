//! Metric filters: what events count for, and which rules are refused.

use super::*;
use model::Observation;
use proptest::prelude::*;

const NOW: Timestamp = Timestamp(1_772_323_200_000);

fn scope() -> Scope {
    Scope { account: "123456789012".into(), region: "us-east-1".into() }
}

fn transformation(value: &str) -> MetricTransformation {
    MetricTransformation {
        value: value.into(),
        default_value: None,
        dimensions: None,
        unit: None,
        on_transformed_logs: None,
        field_selection: None,
        system_dimensions: None,
    }
}

fn with_dimensions(value: &str, dimensions: &[(&str, &str)]) -> MetricTransformation {
    let dimensions = dimensions.iter().map(|(name, field)| ((*name).to_owned(), (*field).to_owned())).collect();
    MetricTransformation { dimensions: Some(dimensions), ..transformation(value) }
}

fn with_default(value: &str, default: f64) -> MetricTransformation {
    MetricTransformation { default_value: Some(default), ..transformation(value) }
}

fn filter(pattern: &str, transformation: &MetricTransformation) -> Filter {
    let rule = Rule { pattern, namespace: "N", name: "m", transformation };
    Filter::new(&scope(), rule).unwrap_or_else(|error| panic!("{pattern}: {error}"))
}

fn refused(pattern: &str, transformation: &MetricTransformation) -> String {
    let rule = Rule { pattern, namespace: "N", name: "m", transformation };
    Filter::new(&scope(), rule).err().unwrap_or_else(|| panic!("{pattern} should be refused"))
}

/// Events at offsets from `NOW`, milliseconds.
fn events(lines: &[(i64, &str)]) -> Vec<LogEvent> {
    let event =
        |&(ms, message): &(i64, &str)| LogEvent { timestamp: NOW + ms, message: message.into(), ..LogEvent::default() };
    lines.iter().map(event).collect()
}

/// `dimensions @minute value*count …` of each datapoint.
fn told(tally: Tally) -> Vec<String> {
    let line = |datapoint: model::Datapoint| {
        let dimensions: Vec<String> = datapoint.series.dimensions.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let Observation::Values(pairs) = datapoint.observation else { panic!("a set") };
        let values: Vec<String> = pairs.iter().map(|(value, count)| format!("{value}*{count}")).collect();
        let minute = (datapoint.timestamp - NOW) / MINUTE;
        format!("{} @{minute} {}", dimensions.join(","), values.join(" ")).trim_start().to_owned()
    };
    tally.datapoints().into_iter().map(line).collect()
}

/// What a filter counts of one batch, which is stored then.
fn counted(filter: &Filter, lines: &[(i64, &str)]) -> Vec<String> {
    let mut tally = Tally::default();
    let seen = filter.count(&events(lines), NOW, &mut tally);
    filter.remember(&seen);
    told(tally)
}

#[test]
fn matching_events_count_by_the_minute() {
    let filter = filter("ERROR", &transformation("1"));
    let lines = [(0, "an ERROR"), (1, "fine"), (59_999, "ERROR"), (60_000, "ERROR too")];
    assert_eq!(counted(&filter, &lines), ["@0 1*2", "@1 1*1"]);
    assert_eq!(counted(&filter, &[(0, "fine")]), [""; 0]);
}

#[test]
fn the_value_may_be_a_field() {
    let json = filter("{ $.level = ERROR }", &transformation("$.latency"));
    let lines = [
        (0, r#"{"level":"ERROR","latency":1.5}"#),
        (0, r#"{"level":"ERROR","latency":"2e1"}"#),
        (0, r#"{"level":"ERROR","latency":"slow"}"#),
        (0, r#"{"level":"ERROR","latency":"inf"}"#),
        (0, r#"{"level":"ERROR","latency":1e200}"#),
        (0, r#"{"level":"ERROR"}"#),
        (0, r#"{"level":"INFO","latency":7}"#),
    ];
    assert_eq!(counted(&json, &lines), ["@0 1.5*1 20*1"]);
    let columns = filter("[ip, ..., status = 5*, bytes]", &transformation("$bytes"));
    assert_eq!(counted(&columns, &[(0, "10.0.0.1 - GET 500 12"), (0, "10.0.0.1 - GET 200 13")]), ["@0 12*1"]);
}

#[test]
fn the_unit_and_the_scope_are_part_of_the_metric() {
    let transformation = MetricTransformation {
        unit: Some("Bytes".into()),
        system_dimensions: Some(vec!["@aws.region".into(), "@aws.account".into(), "@aws.region".into()]),
        ..transformation("1")
    };
    let mut tally = Tally::default();
    filter("", &transformation).count(&events(&[(0, "x")]), NOW, &mut tally);
    let series = &tally.datapoints()[0].series;
    let own = [("@aws.account", "123456789012"), ("@aws.region", "us-east-1")];
    assert_eq!(series.dimensions, own.map(|(name, value)| (name.to_owned(), value.to_owned())));
    assert_eq!((series.unit.as_str(), series.namespace.as_str(), series.name.as_str()), ("Bytes", "N", "m"));
    assert_eq!((series.account.as_str(), series.region.as_str()), ("123456789012", "us-east-1"));
}

#[test]
fn dimensions_are_fields_and_an_event_without_one_counts_for_nothing() {
    let by_two = filter("{ $.n = * }", &with_dimensions("$.n", &[("service", "$.s"), ("Az", "$.z")]));
    let lines = [
        (0, r#"{"n":1,"s":"b","z":"z1"}"#),
        (0, r#"{"n":2,"s":"a","z":"z1"}"#),
        (60_000, r#"{"n":3,"s":"b","z":"z1"}"#),
        (60_000, r#"{"n":3,"s":"b","z":"z1"}"#),
        (0, r#"{"n":4,"s":"b"}"#),
        (0, r#"{"n":4,"s":"b","z":null}"#),
        (0, r#"{"n":4,"s":"b","z":" "}"#),
        (0, r#"{"n":4,"s":"b","z":"é"}"#),
        (0, r#"{"s":"b","z":"z1"}"#),
    ];
    let expected = ["Az=z1,service=b @0 1*1", "Az=z1,service=b @1 3*2", "Az=z1,service=a @0 2*1"];
    assert_eq!(counted(&by_two, &lines), expected);
    let columns = filter("[ip, status]", &with_dimensions("1", &[("Code", "$status")]));
    assert_eq!(counted(&columns, &[(0, "h 404"), (0, "h 200"), (0, "h 404")]), ["Code=404 @0 1*2", "Code=200 @0 1*1"]);
}

#[test]
fn the_default_is_reported_once_for_minutes_without_a_match() {
    let filter = filter("ERROR", &with_default("1", 0.5));
    let lines = [(-60_000, "fine"), (-59_000, "fine"), (0, "ERROR"), (1, "fine"), (60_000, "fine")];
    assert_eq!(counted(&filter, &lines), ["@0 1*1", "@-1 0.5*1", "@1 0.5*1"]);
    assert_eq!(counted(&filter, &[(2, "fine"), (60_001, "fine")]), [""; 0], "these minutes are done with");
    assert_eq!(counted(&filter, &[(60_002, "ERROR"), (120_000, "fine")]), ["@1 1*1", "@2 0.5*1"]);
}

#[test]
fn a_match_without_a_value_is_a_match() {
    let filter = filter("{ $.a = 1 }", &with_default("$.v", 0.0));
    assert_eq!(counted(&filter, &[(0, r#"{"a":1,"v":"none"}"#)]), [""; 0]);
    assert_eq!(counted(&filter, &[(0, "text")]), [""; 0]);
}

#[test]
fn minutes_of_a_batch_that_was_not_stored_are_not_done_with() {
    let filter = filter("ERROR", &with_default("1", 0.0));
    let mut tally = Tally::default();
    let seen = filter.count(&events(&[(0, "fine")]), NOW, &mut tally);
    assert_eq!((told(tally), seen.minutes.len()), (vec!["@0 0*1".to_owned()], 1));
    assert_eq!(counted(&filter, &[(0, "fine")]), ["@0 0*1"]);
}

#[test]
fn what_is_remembered_stays_bounded() {
    let filter = filter("ERROR", &with_default("1", 0.0));
    for day in 0..6 {
        let lines: Vec<(i64, &str)> = (0..1_440).map(|minute| ((day * 1_440 + minute) * MINUTE, "fine")).collect();
        assert_eq!(counted(&filter, &lines).len(), 1_440);
    }
    assert_eq!(filter.memory().minutes.len(), MINUTES_REMEMBERED);
    assert_eq!(counted(&filter, &[(6 * 1_440 * MINUTE - 1, "fine")]), [""; 0], "the newest are kept");
}

#[test]
fn too_many_pairs_in_an_hour_switch_a_filter_off() {
    let by_user = filter("{ $.u = * }", &with_dimensions("1", &[("user", "$.u")]));
    let lines = |from: usize, to: usize| -> Vec<LogEvent> {
        let lines: Vec<String> = (from..to).map(|n| format!(r#"{{"u":"u{n}"}}"#)).collect();
        events(&lines.iter().map(|line| (0, line.as_str())).collect::<Vec<_>>())
    };
    let mut tally = Tally::default();
    assert_eq!(by_user.count(&lines(0, 1_000), NOW, &mut tally), Seen::default());
    assert_eq!(by_user.count(&lines(0, 1_000), NOW, &mut tally), Seen::default(), "the same ones again");
    let next_hour = NOW + HOUR;
    assert_eq!(by_user.count(&lines(500, 1_400), next_hour, &mut tally), Seen::default(), "counted anew");
    assert!(by_user.count(&lines(0, 500), next_hour, &mut tally).switched_off);
    let before = tally.datapoints().len();
    let mut tally = Tally::default();
    assert_eq!(by_user.count(&lines(0, 1), next_hour + HOUR, &mut tally), Seen::default());
    assert_eq!((before, tally.datapoints().len()), (1_400, 0));
}

#[test]
fn events_of_elsewhere_are_not_looked_at() {
    let selected =
        |criteria: &str| MetricTransformation { field_selection: Some(criteria.into()), ..with_default("1", 0.0) };
    let here = filter("ERROR", &selected(r#"@aws.region = "us-east-1""#));
    assert_eq!(counted(&here, &[(0, "ERROR")]), ["@0 1*1"]);
    let elsewhere = filter("ERROR", &selected(r#"@aws.region = "eu-west-1""#));
    assert_eq!(counted(&elsewhere, &[(0, "ERROR"), (60_000, "fine")]), [""; 0]);
    assert_eq!(
        refused("ERROR", &selected("x")),
        "Invalid fieldSelectionCriteria: expected @aws.account or @aws.region, found 'x'"
    );
}

#[test]
fn rules_that_aws_refuses_are_refused() {
    let both = MetricTransformation { default_value: Some(0.0), ..with_dimensions("1", &[("a", "$.a")]) };
    let invalid = |text: &str| format!("Invalid metric transformation: {text}");
    assert_eq!(
        refused("{ $.a = 1 }", &both),
        invalid("dimensions and default value are mutually exclusive properties")
    );
    let dimensions = |dimensions: &[(&str, &str)]| with_dimensions("1", dimensions);
    assert_eq!(
        refused("ERROR", &dimensions(&[("a", "$.a")])),
        "The specified filter pattern does not support dimensions"
    );
    for literal in ["prod", "$a", "$.", ""] {
        assert_eq!(
            refused("{ $.a = 1 }", &dimensions(&[("a", literal)])),
            invalid("dimension value must be valid selector")
        );
    }
    assert_eq!(refused("[a, b]", &dimensions(&[("c", "$c")])), invalid("dimension value must be valid selector"));
    let four = [("a", "$.a"), ("b", "$.b"), ("c", "$.c"), ("d", "$.d")];
    assert_eq!(refused("{ $.a = 1 }", &dimensions(&four)), invalid("at most 3 dimensions are allowed"));
    let system = |fields: &[&str], count| MetricTransformation {
        system_dimensions: Some(fields.iter().map(|field| (*field).to_owned()).collect()),
        ..with_dimensions("1", &four[..count])
    };
    assert_eq!(
        refused("{ $.a = 1 }", &system(&["@aws.account", "@aws.region"], 2)),
        invalid("at most 3 dimensions are allowed")
    );
    assert!(refused("", &system(&["@aws.zone"], 0)).starts_with("Invalid emitSystemFieldDimensions: "));
    let twice = MetricTransformation {
        system_dimensions: Some(vec!["@aws.account".into()]),
        ..with_dimensions("1", &[("@aws.account", "$.a")])
    };
    assert_eq!(refused("{ $.a = 1 }", &twice), invalid("dimension @aws.account is specified more than once"));
    for name in ["", " ", ":a", "é"] {
        assert!(
            refused("{ $.a = 1 }", &dimensions(&[(name, "$.a")])).starts_with(&invalid("dimension name")),
            "{name}"
        );
    }
    for value in ["", "one", "NaN", "inf", "1e200", "latency"] {
        let wanted = invalid("metricValue must be a number or a field of the log events");
        assert_eq!(refused("{ $.a = 1 }", &transformation(value)), wanted, "{value}");
    }
    assert_eq!(refused("ERROR", &transformation("$.a")), invalid("metricValue: the pattern has no field '$.a'"));
    assert_eq!(refused("", &with_default("1", f64::INFINITY)), invalid("defaultValue is out of range"));
    assert!(refused("{ $.a = }", &transformation("1")).starts_with("Invalid filter pattern: "));
}

proptest! {
    /// Whatever the lines are, nothing panics, and no value is counted more often than there are lines.
    #[test]
    fn any_lines_are_counted(lines in prop::collection::vec((any::<i64>(), ".{0,60}"), 0..20), field in "[a-c]{1,2}") {
        let json = filter("{ $.a = * }", &with_dimensions("$.b", &[("d", &format!("$.{field}"))]));
        let columns = filter("[a, ..., b]", &with_default("$b", 1.0));
        let events: Vec<LogEvent> = lines
            .iter()
            .flat_map(|(ms, text)| [(ms, text.clone()), (ms, format!(r#"{{"a":1,"b":{text},"c":"{text}"}}"#))])
            .map(|(&ms, message)| LogEvent { timestamp: Timestamp(ms), message, ..LogEvent::default() })
            .collect();
        let mut tally = Tally::default();
        json.count(&events, NOW, &mut tally);
        let seen = columns.count(&events, NOW, &mut tally);
        columns.remember(&seen);
        let count: f64 = tally.datapoints().iter().map(|datapoint| datapoint.observation.stats().0).sum();
        prop_assert!(count <= 3.0 * events.len() as f64);
    }
}
