//! The rules of the embedded metric format, one by one, then documents in the wild, then any bytes.

use super::*;
use model::time::{DAY, HOUR};
use model::{Datapoint, Observation};
use proptest::prelude::*;
use serde_json::{Value, json};

const NOW: Timestamp = Timestamp(1_772_323_230_000);

fn scope() -> Scope {
    Scope { account: "123456789012".into(), region: "us-east-1".into() }
}

fn extracted(message: &str) -> (Vec<Datapoint>, Errors) {
    let mut tally = Tally::default();
    let errors = if is_candidate(message) { count(message, &scope(), NOW, &mut tally) } else { Errors::default() };
    (tally.datapoints(), errors)
}

/// `namespace/name{dimensions} unit @ms/resolution value*count …` of each datapoint, times from `NOW`.
fn told(datapoints: &[Datapoint]) -> Vec<String> {
    let line = |datapoint: &Datapoint| {
        let series = &datapoint.series;
        let dimensions: Vec<String> = series.dimensions.iter().map(|(n, v)| format!("{n}={v}")).collect();
        let Observation::Values(pairs) = &datapoint.observation else { panic!("a set") };
        let values: Vec<String> = pairs.iter().map(|(value, count)| format!("{value}*{count}")).collect();
        format!(
            "{}/{}{{{}}} {} @{}/{} {}",
            series.namespace,
            series.name,
            dimensions.join(","),
            series.unit,
            datapoint.timestamp - NOW,
            datapoint.resolution_secs,
            values.join(" ")
        )
    };
    datapoints.iter().map(line).collect()
}

/// A document with these directives and members.
fn document(directives: Value, members: Value) -> Value {
    let mut document = json!({"_aws": {"Timestamp": NOW.0, "CloudWatchMetrics": directives}});
    document.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
    document
}

/// A good directive with one member replaced; `null` removes it.
fn directive(member: &str, value: Value) -> Value {
    let mut directive = json!({"Namespace": "N", "Dimensions": [["d"]], "Metrics": [{"Name": "m", "Unit": "Count"}]});
    match value {
        Value::Null => drop(directive.as_object_mut().unwrap().remove(member)),
        value => directive[member] = value,
    }
    directive
}

/// What becomes of a document with one such directive: its datapoints, or none and one validation error.
#[track_caller]
fn is_valid(directive: Value, members: Value) -> Option<Vec<String>> {
    let (datapoints, errors) = extracted(&document(json!([directive]), members).to_string());
    match errors {
        Errors { parsing: 0, validation: 0 } => Some(told(&datapoints)),
        Errors { parsing: 0, validation: 1 } => {
            assert!(datapoints.is_empty());
            None
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_example_of_the_specification() {
    let message = json!({
        "_aws": {
            "Timestamp": NOW.0 - 1_000,
            "CloudWatchMetrics": [{
                "Namespace": "lambda-function-metrics",
                "Dimensions": [["functionVersion"]],
                "Metrics": [{"Name": "time", "Unit": "Milliseconds", "StorageResolution": 60}]
            }]
        },
        "functionVersion": "$LATEST",
        "time": 100,
        "requestId": "989ffbf8-9ace-4817-a57c-e4dd734019ee"
    });
    let (datapoints, errors) = extracted(&message.to_string());
    let wanted = "lambda-function-metrics/time{functionVersion=$LATEST} Milliseconds @-30000/60 100*1";
    assert_eq!((told(&datapoints), errors), (vec![wanted.to_owned()], Errors::default()));
    assert_eq!(
        (datapoints[0].series.account.as_str(), datapoints[0].series.region.as_str()),
        ("123456789012", "us-east-1")
    );
}

#[test]
fn every_set_of_dimensions_is_a_metric_of_its_own() {
    let sets = directive("Dimensions", json!([["b", "a"], ["a"], []]));
    let members = json!({"a": "1", "b": "2", "m": [3, 1, 3]});
    let wanted = [
        "N/m{a=1,b=2} Count @-30000/60 1*1 3*2",
        "N/m{a=1} Count @-30000/60 1*1 3*2",
        "N/m{} Count @-30000/60 1*1 3*2",
    ];
    assert_eq!(is_valid(sets, members).unwrap(), wanted);
}

#[test]
fn without_sets_there_is_one_metric_without_dimensions() {
    for none in [json!([]), json!([[]]), Value::Null] {
        assert_eq!(is_valid(directive("Dimensions", none), json!({"m": 1})).unwrap(), ["N/m{} Count @-30000/60 1*1"]);
    }
    let written_null = r#"{"_aws":{"Timestamp":1772323230000,"CloudWatchMetrics":[{"Namespace":"N","Dimensions":null,"Metrics":[{"Name":"m","Unit":null}]}]},"m":1}"#;
    assert_eq!(told(&extracted(written_null).0), ["N/m{} None @-30000/60 1*1"]);
}

#[test]
fn a_broken_directive_takes_no_other_along() {
    let other = json!({"Namespace": "O", "Metrics": [{"Name": "n", "StorageResolution": 1}]});
    let broken = directive("Dimensions", json!([["absent"]]));
    let as_array = json!(["N", [["d"]], [{"Name": "m"}]]);
    let all = json!([broken, other, directive("Namespace", json!("P")), 7, as_array]);
    let (datapoints, errors) = extracted(&document(all, json!({"d": "v", "m": 1, "n": 2})).to_string());
    assert_eq!(told(&datapoints), ["O/n{} None @0/1 2*1", "P/m{d=v} Count @-30000/60 1*1"]);
    assert_eq!(errors, Errors { parsing: 0, validation: 3 });
}

#[test]
fn directives_keep_their_rules() {
    let members = || json!({"d": "v", "m": 1});
    let good = |member: &str, value: Value| {
        assert!(is_valid(directive(member, value.clone()), members()).is_some(), "{value}")
    };
    let bad = |member: &str, value: Value| {
        assert!(is_valid(directive(member, value.clone()), members()).is_none(), "{value}")
    };
    good("Namespace", json!("n".repeat(255)));
    good("Namespace", json!("AWS/Mine"));
    for namespace in [Value::Null, json!(""), json!(":N"), json!("n".repeat(256)), json!(7)] {
        bad("Namespace", namespace);
    }
    good("Metrics", json!([]));
    good("Metrics", json!(vec![json!({"Name": "m"}); 100]));
    for metrics in [
        Value::Null,
        json!({}),
        json!(["m"]),
        json!([["m", "Count"]]),
        json!([{}]),
        json!([{"Name": 7}]),
        json!([{"Unit": "Count"}]),
    ] {
        bad("Metrics", metrics);
    }
    bad("Metrics", json!(vec![json!({"Name": "m"}); 101]));
    good("Dimensions", json!([["d"], ["d"]]));
    for dimensions in [json!(["d"]), json!([[7]]), json!([["d", "d"]]), json!([["m"]]), json!([[""]]), json!("d")] {
        bad("Dimensions", dimensions);
    }
    good("Further", json!({"members": "are ignored"}));
}

#[test]
fn units_and_resolutions_are_those_of_cloudwatch() {
    let with = |member: &str, value: Value| {
        let mut definition = json!({"Name": "m"});
        definition[member] = value;
        is_valid(directive("Metrics", json!([definition])), json!({"d": "v", "m": 1}))
    };
    for unit in UNITS {
        assert_eq!(with("Unit", json!(unit)).unwrap(), [format!("N/m{{d=v}} {unit} @-30000/60 1*1")]);
    }
    for unit in [json!("NONE"), json!("count"), json!(""), json!(1)] {
        assert_eq!(with("Unit", unit), None);
    }
    for (resolution, seconds, at) in [(json!(1), 1, 0), (json!(60), 60, -30_000), (json!(1.0), 1, 0)] {
        assert_eq!(with("StorageResolution", resolution).unwrap(), [format!("N/m{{d=v}} None @{at}/{seconds} 1*1")]);
    }
    for resolution in [json!(0), json!(30), json!("1"), json!(-1)] {
        assert_eq!(with("StorageResolution", resolution), None);
    }
}

#[test]
fn a_metric_is_a_number_or_at_most_a_hundred() {
    let with = |value: Value| is_valid(directive("Unit", json!("ignored")), json!({"d": "v", "m": value}));
    assert_eq!(with(json!(-1.5)).unwrap(), ["N/m{d=v} Count @-30000/60 -1.5*1"]);
    assert_eq!(with(json!([])).unwrap(), [""; 0]);
    assert_eq!(with(json!(vec![1; 100])).unwrap(), ["N/m{d=v} Count @-30000/60 1*100"]);
    for value in
        [json!(vec![1; 101]), json!("1"), json!(null), json!({"a": 1}), json!([1, "2"]), json!([[1]]), json!(1e200)]
    {
        assert_eq!(with(value.clone()), None, "{value}");
    }
    let beyond = document(json!([directive("x", json!(1))]), json!({"d": "v", "m": 1})).to_string();
    for number in ["1e400", &format!("0.{}", "1".repeat(METRIC_TEXT_BYTES_MAX))] {
        let message = beyond.replace(r#""m":1"#, &format!(r#""m":{number}"#));
        assert_eq!(extracted(&message).1, Errors { parsing: 0, validation: 1 }, "{number}");
    }
}

#[test]
fn a_dimension_is_a_text_that_a_metric_may_have() {
    let with = |value: Value| is_valid(directive("x", json!(1)), json!({"d": value, "m": 1}));
    assert_eq!(with(json!("a \"b\"")).unwrap(), ["N/m{d=a \"b\"} Count @-30000/60 1*1"]);
    assert!(with(json!("v".repeat(1_024))).is_some());
    for value in [
        json!("v".repeat(1_025)),
        json!(""),
        json!(" "),
        json!("é"),
        json!("a\nb"),
        json!(7),
        json!(null),
        json!(["v"]),
    ] {
        assert_eq!(with(value.clone()), None, "{value}");
    }
    let names: Vec<String> = (0..31).map(|n| format!("d{n}")).collect();
    let mut members: serde_json::Map<String, Value> = names.iter().map(|name| (name.clone(), json!("v"))).collect();
    members.insert("m".into(), json!(1));
    assert!(is_valid(directive("Dimensions", json!([names[..30]])), Value::Object(members.clone())).is_some());
    assert!(is_valid(directive("Dimensions", json!([names])), Value::Object(members)).is_none());
}

#[test]
fn targets_are_members_of_the_root() {
    let dotted = directive("Metrics", json!([{"Name": "A.a"}]));
    assert_eq!(is_valid(dotted.clone(), json!({"d": "v", "A": {"a": 1}})), None);
    assert_eq!(is_valid(dotted, json!({"d": "v", "A.a": 1})).unwrap(), ["N/A.a{d=v} None @-30000/60 1*1"]);
}

#[test]
fn timestamps_are_numbers_near_now() {
    let with = |time: Value| {
        let mut message = document(json!([directive("x", json!(1))]), json!({"d": "v", "m": 1}));
        match time {
            Value::Null => drop(message["_aws"].as_object_mut().unwrap().remove("Timestamp")),
            time => message["_aws"]["Timestamp"] = time,
        }
        let (datapoints, errors) = extracted(&message.to_string());
        assert_eq!(errors, Errors { parsing: 0, validation: u64::from(datapoints.is_empty()) });
        !datapoints.is_empty()
    };
    for ms in [0, -14 * DAY, 2 * HOUR] {
        assert!(with(json!(NOW.0 + ms)), "{ms}");
    }
    assert!(with(json!(NOW.0 as f64 + 0.5)));
    for ms in [-14 * DAY - 1, 2 * HOUR + 1, -NOW.0] {
        assert!(!with(json!(NOW.0 + ms)), "{ms}");
    }
    for time in [Value::Null, json!(NOW.0.to_string()), json!(1e300), json!(-1e300), json!([NOW.0]), json!(true)] {
        assert!(!with(time.clone()), "{time}");
    }
}

#[test]
fn text_may_stand_before_the_document_and_not_after_it() {
    let message = document(json!([directive("x", json!(1))]), json!({"d": "v", "m": 1})).to_string();
    for good in [
        format!("2026-03-01T00:00:00.000Z\t989ffbf8-9ace-4817-a57c-e4dd734019ee\tINFO\t{message}"),
        format!("  {message}\n"),
    ] {
        assert_eq!(extracted(&good).1, Errors::default());
        assert_eq!(extracted(&good).0.len(), 1, "{good}");
    }
    for bad in [
        format!("{message} x"),
        format!("{message}{message}"),
        format!("{{x}} {message}"),
        message.replace("}]}", "}]"),
    ] {
        assert_eq!(extracted(&bad), (Vec::new(), Errors { parsing: 1, validation: 0 }), "{bad}");
    }
}

#[test]
fn ordinary_events_are_left_alone() {
    let quoted = document(json!([directive("x", json!(1))]), json!({"d": "v", "m": 1})).to_string();
    for message in [
        "",
        "an ordinary line",
        r#"{"level":"INFO","CloudWatchMetrics":[]}"#,
        r#"{"_aws":{"other":1}}"#,
        r#"{"_aws":{"other":"CloudWatchMetrics"}}"#,
        r#"{"deeper":{"_aws":{"CloudWatchMetrics":[]}}}"#,
        r#"{"_aws":{"x":{"CloudWatchMetrics":[]}}}"#,
        r#""_aws" "CloudWatchMetrics""#,
        &json!({"event": quoted}).to_string(),
    ] {
        assert_eq!(extracted(message), (Vec::new(), Errors::default()), "{message}");
    }
    for message in
        [r#"{"_aws":{"CloudWatchMetrics":7}}"#, r#"{"_aws":["CloudWatchMetrics"]}"#, r#"{"_aws":"CloudWatchMetrics"#]
    {
        let wanted = Errors { parsing: u64::from(is_candidate(message)), validation: 0 };
        assert_eq!(extracted(message), (Vec::new(), wanted), "{message}");
    }
}

#[test]
fn a_document_makes_only_so_many_values() {
    let sets = vec![json!([]); 1_000];
    let all = |directives: usize| json!(vec![directive("Dimensions", json!(sets)); directives]);
    let members = json!({"m": vec![1; 20]});
    let (datapoints, errors) = extracted(&document(all(6), members).to_string());
    assert_eq!(errors, Errors { parsing: 0, validation: 1 });
    assert_eq!(datapoints.iter().map(|datapoint| datapoint.observation.stats().0).sum::<f64>(), 100_000.0);
    let deep = format!(r#"{{"_aws":{{"CloudWatchMetrics":{}1{}}}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(extracted(&deep).1.parsing, 0, "its directive is what is wrong");
}

#[test]
fn mistakes_are_metrics_of_the_log_group() {
    let mut tally = Tally::default();
    report(Errors::default(), &scope(), "g", NOW, &mut tally);
    report(Errors { parsing: 2, validation: 0 }, &scope(), "g", NOW, &mut tally);
    report(Errors { parsing: 0, validation: 3 }, &scope(), "g", NOW, &mut tally);
    let wanted = [
        "AWS/Logs/EMFParsingErrors{LogGroupName=g} None @-30000/60 2*1",
        "AWS/Logs/EMFValidationErrors{LogGroupName=g} None @-30000/60 3*1",
    ];
    assert_eq!(told(&tally.datapoints()), wanted);
}

proptest! {
    /// Whatever a line is, nothing panics, and what comes out keeps the rules of PutMetricData.
    #[test]
    fn any_line_is_read(prefix in ".{0,20}", cut in 0usize..400, junk in ".{0,20}", value in ".{0,10}", number in any::<f64>()) {
        let members = json!({"d": value, "m": number, "n": [1, number]});
        let definitions = json!([{"Name": "m", "Unit": "Count"}, {"Name": "n"}]);
        let text = document(json!([directive("Metrics", definitions)]), members).to_string();
        let mut at = cut.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        let (head, tail) = text.split_at(at);
        for message in [format!("{prefix}{text}"), format!("{head}{junk}{tail}"), format!("{prefix}{junk}"), head.to_owned()] {
            let mut tally = Tally::default();
            count(&message, &scope(), NOW, &mut tally);
            for datapoint in tally.datapoints() {
                prop_assert!(datapoint.series.dimensions.iter().all(|(n, v)| is_dimension_name(n) && is_dimension_value(v)));
                prop_assert!(matches!(&datapoint.observation, Observation::Values(pairs) if !pairs.is_empty()));
            }
        }
    }
}
