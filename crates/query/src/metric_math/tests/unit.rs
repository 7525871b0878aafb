//! Syntax, references, types, labels, limits, and that no text panics.

use std::collections::HashMap;
use std::sync::Arc;

use model::limits::MATH_NESTING_MAX;
use proptest::prelude::*;

use super::super::*;

fn parse(text: &str) -> Expression {
    Expression::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn series(id: &str, timestamps: &Arc<[i64]>) -> Series {
    let values = timestamps.iter().map(|timestamp| (*timestamp / 60_000) as f64).collect();
    Series {
        id: Some(id.to_owned()),
        label: id.to_owned(),
        period_ms: 60_000,
        timestamps: timestamps.clone(),
        values,
        metric: None,
        has_dropped: false,
    }
}

fn minutes(count: i64) -> Arc<[i64]> {
    (0..count).map(|minute| minute * 60_000).collect()
}

fn evaluate(text: &str, metrics: &[Series], end_ms: i64) -> Result<Value, MathError> {
    parse(text).evaluate(&Inputs {
        start_ms: 0,
        end_ms,
        now_ms: i64::MAX,
        period_ms: None,
        metrics,
        results: &HashMap::new(),
        calls: &[],
        band: &|_, _| Err("no model yet".to_owned()),
    })
}

#[test]
fn references_are_listed_in_order_of_appearance() {
    let expression = parse(
        "b + a + b + SUM(SEARCH('{AWS/EC2} \"x\"', 'p99', 300)) + SERVICE_QUOTA(c) + INSIGHT_RULE_METRIC('r', Sum) \
         + FIRST(ANOMALY_DETECTION_BAND(d * 2, 3)) + LAST(ANOMALY_DETECTION_BAND(e, AVG(e)))",
    );
    let references = expression.references();
    assert_eq!(references.ids, ["b", "a", "c", "d", "e"]);
    assert!(!references.metrics);
    let kinds: Vec<&CallKind> = references.calls.iter().map(|call| &call.kind).collect();
    let search =
        CallKind::Search { query: "{AWS/EC2} \"x\"".to_owned(), stat: "p99".to_owned(), period_secs: Some(300) };
    let rule = CallKind::InsightRuleMetric { rule: "r".to_owned(), metric: "Sum".to_owned() };
    assert_eq!(kinds, [&search, &CallKind::ServiceQuota { id: "c".to_owned() }, &rule]);
    assert_eq!(references.calls[0].column, 17);
    let bands: Vec<(&str, Option<f64>)> =
        references.bands.iter().map(|band| (band.text.as_str(), band.deviations)).collect();
    assert_eq!(bands, [("d * 2", Some(3.0)), ("e", None)]);

    let references = parse("SUM(METRICS()) + IF(m1, INSIGHT_RULE_METRIC(m1, ruleMetric))").references().clone();
    assert!(references.metrics);
    assert_eq!(references.ids, ["m1"]);
    assert_eq!(parse("ANOMALY_DETECTION_BAND(m1)").references().bands[0].deviations, Some(2.0));
}

#[test]
fn backslashes_in_a_search_are_left_to_it() {
    let CallKind::Search { query, .. } =
        parse(r#"SEARCH(' "Europe\\France \(x\)" :aws.AccountId=\'LOCAL\'', 'Sum')"#).references().calls[0]
            .kind
            .clone()
    else {
        panic!("no search")
    };
    assert_eq!(query, r#" "Europe\\France \(x\)" :aws.AccountId='LOCAL'"#);
}

#[test]
fn types_are_known_without_data() {
    let type_of = |id: &str| match id {
        "m1" | "m2" => Some(Type::Series),
        "e1" => Some(Type::Array),
        "s1" => Some(Type::Scalar),
        _ => None,
    };
    let cases = [
        ("m1", Type::Series),
        ("m1 + 1", Type::Series),
        ("1 + s1", Type::Scalar),
        ("e1 * m1", Type::Array),
        ("-e1", Type::Array),
        ("[m1, m2]", Type::Array),
        ("SUM([m1, m2])", Type::Series),
        ("SUM(m1)", Type::Scalar),
        ("SUM(e1)", Type::Series),
        ("METRICS()", Type::Array),
        ("METRICS(\"a\") / 2", Type::Array),
        ("SEARCH('x', 'Sum')", Type::Array),
        ("SUM(SEARCH('x', 'Sum'))", Type::Series),
        ("INSIGHT_RULE_METRIC('r', 'Sum')", Type::Series),
        ("SERVICE_QUOTA(m1)", Type::Series),
        ("ANOMALY_DETECTION_BAND(m1)", Type::Array),
        ("FIRST(e1)", Type::Series),
        ("SORT(e1, AVG, ASC)", Type::Array),
        ("SLICE(e1, 0, 1)", Type::Array),
        ("FILL(m1, REPEAT)", Type::Series),
        ("FILL(e1, 0)", Type::Array),
        ("IF(m1, 1, 0)", Type::Series),
        ("IF(1, 2, 3)", Type::Scalar),
        ("IF(s1, m1)", Type::Series),
        ("METRIC_COUNT(e1)", Type::Scalar),
        ("TIME_SERIES(1)", Type::Series),
        ("DAY(m1)", Type::Series),
        ("PERIOD(m1)", Type::Scalar),
        ("m1 ^ s1", Type::Series),
        ("2 ^ s1", Type::Scalar),
    ];
    for (text, wanted) in cases {
        assert_eq!(parse(text).result_type(&type_of), Ok(wanted), "{text}");
    }
    let error = parse("m1 + zz").result_type(&type_of).unwrap_err();
    assert_eq!((error.message.as_str(), error.column), ("Undefined Id 'zz'", 6));
    assert_eq!(error.in_expression("e9"), "Error in expression 'e9': Undefined Id 'zz' (column 6)");
}

#[test]
fn an_alarm_takes_a_single_series_and_no_search() {
    let type_of = |id: &str| (id == "m1").then_some(Type::Series);
    let check = |text: &str| parse(text).check_alarm(&type_of).map_err(|error| error.message);
    assert_eq!(check("m1 * 2"), Ok(()));
    assert_eq!(check("SUM(METRICS())"), Ok(()));
    assert_eq!(check("SUM(SEARCH('x', 'Sum'))"), Err("SEARCH is not supported on Metric Alarms.".to_owned()));
    assert!(check("METRICS()").is_err_and(|message| message.starts_with("Metrics expression that return multi time")));
    assert!(check("AVG(m1)").is_err_and(|message| message.contains("must be a single time series")));
    assert!(parse("AVG(m1)").check_data(&type_of).is_err());
    assert_eq!(parse("METRICS()").check_data(&type_of), Ok(Type::Array));
    assert!(parse("ANOMALY_DETECTION_BAND(m1, 2)").is_band());
    assert!(!parse("FIRST(ANOMALY_DETECTION_BAND(m1, 2))").is_band());
}

#[test]
fn expressions_are_evaluated_behind_what_they_use() {
    let order = |texts: &[(&str, &str)]| {
        let parsed: Vec<(&str, Expression)> = texts.iter().map(|(id, text)| (*id, parse(text))).collect();
        let expressions: Vec<(&str, &Expression)> = parsed.iter().map(|(id, expression)| (*id, expression)).collect();
        evaluation_order(&expressions).map_err(|(index, error)| (index, error.message))
    };
    assert_eq!(order(&[]), Ok(vec![]));
    assert_eq!(order(&[("e1", "m1 + m2"), ("e2", "SUM(METRICS())")]), Ok(vec![0, 1]));
    assert_eq!(order(&[("e1", "e2 + e3"), ("e2", "e3 * 2"), ("e3", "m1"), ("e4", "1")]), Ok(vec![2, 3, 1, 0]));
    let itself = |id: &str| format!("The expression '{id}' depends on itself");
    assert_eq!(order(&[("e1", "e1 + 1")]), Err((0, itself("e1"))));
    assert_eq!(order(&[("e0", "m1"), ("e1", "e2"), ("e2", "e3"), ("e3", "FILL(e1, e0)")]), Err((1, itself("e1"))));
}

#[test]
fn labels_are_those_of_the_query_or_of_the_members() {
    let times = minutes(1);
    let one = Value::Series(series("m1", &times));
    let two = Value::Array(vec![series("m1", &times), series("m2", &times)]);
    let render = |template: &str, series: &Series| template.replace("${LABEL}", &series.label);
    let labels = |label, value| result_labels("e1", label, value, &render);
    assert_eq!(labels(None, &one), ["e1"]);
    assert_eq!(labels(Some("Errors"), &one), ["Errors"]);
    assert_eq!(labels(Some("[${LABEL}]"), &one), ["[e1]"]);
    assert_eq!(labels(None, &two), ["m1", "m2"]);
    assert_eq!(labels(Some(""), &two), ["m1", "m2"]);
    assert_eq!(labels(Some("Filled With 0:"), &two), ["Filled With 0: m1", "Filled With 0: m2"]);
    assert_eq!(labels(Some("max of ${LABEL}"), &two), ["max of m1", "max of m2"]);
    assert!(labels(None, &Value::Scalar(1.0)).is_empty());
}

#[test]
fn members_of_arrays_keep_who_they_are() {
    let identity = Arc::new(MetricIdentity {
        account_id: "111122223333".to_owned(),
        region: "eu-central-1".to_owned(),
        namespace: "AWS/EC2".to_owned(),
        metric_name: "CPUUtilization".to_owned(),
        dimensions: vec![("InstanceId".to_owned(), "i-1".to_owned())],
        stat: "Average".to_owned(),
    });
    let times = minutes(3);
    let metrics = [Series { metric: Some(identity), ..series("m1", &times) }, series("m2", &times)];
    let Ok(Value::Array(members)) = evaluate("100 / (FILL([m1], 0) + m2)", &metrics, 180_000) else {
        panic!("no array")
    };
    let property = |name| members[0].property(name);
    assert_eq!(property("Dim.InstanceId").as_deref(), Some("i-1"));
    assert_eq!(property("Namespace").as_deref(), Some("AWS/EC2"));
    assert_eq!(property("MetricName").as_deref(), Some("CPUUtilization"));
    assert_eq!(property("Stat").as_deref(), Some("Average"));
    assert_eq!(property("AccountId").as_deref(), Some("111122223333"));
    assert_eq!(property("Region").as_deref(), Some("eu-central-1"));
    assert_eq!(property("Period").as_deref(), Some("60"));
    assert_eq!(property("Dim.Nope"), None);
}

#[test]
fn series_read_alike_go_on_sharing_their_timestamps() {
    let times = minutes(1_440);
    let metrics = [series("m1", &times), series("m2", &times)];
    let Ok(Value::Series(result)) = evaluate("-(m1 + m2 * 2) - AVG([m1, m2])", &metrics, 86_400_000) else {
        panic!("no series")
    };
    assert!(Arc::ptr_eq(&result.timestamps, &times));
    let Ok(Value::Array(filled)) = evaluate("FILL(METRICS() / m1, 0)", &metrics, 86_400_000) else {
        panic!("no array")
    };
    assert!(Arc::ptr_eq(&filled[0].timestamps, &filled[1].timestamps));
    assert_eq!(filled[0].values[0], 0.0, "0 / 0 was dropped, then filled");
}

#[test]
fn nesting_is_limited_and_chains_are_not() {
    let nested = |count: usize| format!("{}1{}", "(".repeat(count), ")".repeat(count));
    assert!(Expression::parse(&nested(MATH_NESTING_MAX - 1)).is_ok());
    let error = Expression::parse(&nested(MATH_NESTING_MAX)).unwrap_err();
    assert!(error.message.contains("at most 64 levels"));
    assert!(Expression::parse(&"(".repeat(100_000)).is_err());
    assert!(Expression::parse(&"[".repeat(100_000)).is_err());
    assert!(Expression::parse(&"2^".repeat(100_000)).is_err());
    assert!(Expression::parse(&"ABS(".repeat(100_000)).is_err());
    assert_eq!(evaluate(&format!("1{}", "+1".repeat(100_000)), &[], 0), Ok(Value::Scalar(100_001.0)));
    assert_eq!(evaluate(&format!("{}1", "-".repeat(100_001)), &[], 0), Ok(Value::Scalar(-1.0)));
}

#[test]
fn sizes_are_limited() {
    let metrics: Vec<Series> = (0..500).map(|index| series(&format!("m{index}"), &minutes(2))).collect();
    assert!(evaluate("SUM([METRICS(), METRICS()])", &metrics, 120_000).is_ok());
    let error = evaluate("[METRICS(), METRICS(), m1]", &metrics, 120_000).unwrap_err();
    assert_eq!(error.message, "An array has at most 1000 time series");
    let error = evaluate("FILL(m1, 0)", &metrics, i64::MAX).unwrap_err();
    assert!(error.message.ends_with("at most 100800 can be filled"), "{error}");
    let day = 100_000 * 60_000;
    assert!(evaluate("FILL(m1, 0)", &metrics, day).is_ok());
    let error = evaluate("FILL(METRICS(), 0)", &metrics, day).unwrap_err();
    assert_eq!(error.message, "An array has at most 10000000 points");
    let error = evaluate("ANOMALY_DETECTION_BAND(m1)", &metrics, 0).unwrap_err();
    assert_eq!((error.message.as_str(), error.column), ("no model yet", 1));
}

#[test]
fn odd_inputs_do_not_panic() {
    let odd = |period_ms: i64, timestamps: &[i64]| Series {
        id: Some("m1".to_owned()),
        period_ms,
        timestamps: timestamps.into(),
        values: vec![f64::MAX; timestamps.len()],
        ..Series::default()
    };
    let all = [i64::MIN, -1, 0, 7, i64::MAX];
    for period_ms in [i64::MIN, 0, 1, 60_000, i64::MAX] {
        for (start_ms, end_ms, now_ms) in
            [(0, 0, 0), (i64::MIN, i64::MAX, i64::MAX), (5, -5, 3), (i64::MAX, i64::MIN, 0)]
        {
            for text in ["FILL(m1, LINEAR)", "EPOCH(m1)", "YEAR(m1)", "RATE(m1)", "TIME_SERIES(1)", "DIFF_TIME(m1)"] {
                let inputs = Inputs {
                    start_ms,
                    end_ms,
                    now_ms,
                    period_ms: Some(period_ms),
                    metrics: &[odd(period_ms, &all)],
                    results: &HashMap::new(),
                    calls: &[],
                    band: &|_, _| Err(String::new()),
                };
                // A value or an error, as the range allows.
                if let Ok(value) = parse(text).evaluate(&inputs) {
                    for series in value.series() {
                        assert_eq!(series.values.len(), series.timestamps.len(), "{text}");
                        assert!(series.values.iter().all(|value| value.is_finite()), "{text}");
                    }
                }
            }
        }
    }
}

/// Pieces of expressions, so that random text often gets far into the parser.
const PIECES: [&str; 40] = [
    "m1",
    "m2",
    "e1",
    "1",
    "2.5",
    "0",
    "+",
    "-",
    "*",
    "/",
    "^",
    "(",
    ")",
    "[",
    "]",
    ",",
    " ",
    "==",
    "<",
    ">=",
    "AND",
    "OR",
    "&&",
    "SUM(",
    "AVG(",
    "METRICS()",
    "METRICS(\"m\")",
    "FILL(",
    "REPEAT",
    "LINEAR",
    "IF(",
    "SEARCH('a', 'Sum')",
    "SORT(",
    "AVG",
    "DESC",
    "SLICE(",
    "ANOMALY_DETECTION_BAND(",
    "'",
    "\"",
    "é",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics(text in prop::collection::vec(any::<char>(), 0..60)) {
        let text: String = text.into_iter().collect();
        if let Err(error) = Expression::parse(&text) {
            prop_assert!((1..=text.chars().count() + 1).contains(&error.column), "{}", error);
        }
    }

    #[test]
    fn no_expression_panics(pieces in prop::collection::vec(prop::sample::select(&PIECES[..]), 0..25)) {
        let text = pieces.concat();
        let Ok(expression) = Expression::parse(&text) else { return Ok(()) };
        let times = minutes(5);
        let metrics = [series("m1", &times), series("m2", &minutes(3))];
        let results = HashMap::from([("e1".to_owned(), Value::Array(metrics.to_vec()))]);
        let calls = vec![metrics.to_vec(); expression.references().calls.len()];
        let inputs = Inputs {
            start_ms: 0,
            end_ms: 300_000,
            now_ms: 300_000,
            period_ms: None,
            metrics: &metrics,
            results: &results,
            calls: &calls,
            band: &|series, _| Ok([series.clone(), series.clone()]),
        };
        let type_of = |id: &str| match id {
            "m1" | "m2" => Some(Type::Series),
            "e1" => Some(Type::Array),
            _ => None,
        };
        // The types that are inferred are those that come out.
        match (expression.result_type(&type_of), expression.evaluate(&inputs)) {
            (Ok(Type::Scalar), Ok(Value::Scalar(_)))
            | (Ok(Type::Series), Ok(Value::Series(_)))
            | (Ok(Type::Array), Ok(Value::Array(_)))
            | (Err(_), Err(_)) => {}
            // An index of SLICE or SORT may be out of range.
            (Ok(_), Err(error)) => prop_assert!(error.message.starts_with("A whole number"), "{}: {}", text, error),
            (inferred, found) => prop_assert!(false, "{}: {:?}, {:?}", text, inferred, found),
        }
    }
}

#[test]
fn series_tell_that_points_were_dropped() {
    let times = minutes(3);
    let metrics = [series("m1", &times), series("m2", &minutes(2))];
    for (text, is_told) in [
        ("m1", vec![false]),
        ("m1 / m1", vec![true]),
        ("1 / (m1 + 1)", vec![false]),
        ("m1 / m2", vec![true]),
        ("LOG(m1)", vec![true]),
        ("(0 - m1) ^ 0.5", vec![true]),
        ("10 ^ (m1 * 1000)", vec![true]),
        ("RATE(m1)", vec![false]),
        ("RUNNING_SUM(1 / m1)", vec![true]),
        ("m1 * AVG(SLICE([m1], 1))", vec![false]),
        ("m1 * (1 / 0)", vec![true]),
        ("IF(m1 > 0, m1)", vec![false]),
        ("IF(m1 > 0, m2, 1 / m1)", vec![true]),
        ("[m1, LOG(m1)]", vec![false, true]),
        ("MAX([m1, LOG(m1)])", vec![true]),
        ("SORT([m1 / 0, m1], MAX, ASC)", vec![false, true]),
        ("2 * FILL(1 / m1, 0)", vec![true]),
    ] {
        let value = evaluate(text, &metrics, 3 * 60_000).unwrap_or_else(|error| panic!("{text}: {error}"));
        let told: Vec<bool> = value.series().iter().map(|series| series.has_dropped).collect();
        assert_eq!(told, is_told, "{text}");
    }
}
