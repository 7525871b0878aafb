//! Selectors, modifiers, subqueries, limits, errors, and the form of answers.

use super::*;

#[test]
fn samples_count_for_five_minutes() {
    let series = load(60, &["g: 1 2"]);
    check(&series, "g", -1.0, &[]);
    check(&series, "g", 0.0, &["g 1"]);
    check(&series, "g", 359.999, &["g 2"]);
    check(&series, "g", 360.0, &[]);
    check(&series, "g offset 1m", 60.0, &["g 1"]);
    check(&series, "g offset -1m", 0.0, &["g 2"]);
    check(&series, "g @ 60", 9999.0, &["g 2"]);
    check(&series, "g @ 120 offset 2m", 9999.0, &["g 1"]);
    check_range(&series, "g @ start()", (60, 180, 60), &["g: 2 2 2"]);
    check_range(&series, "g @ end() offset 3m", (60, 180, 60), &["g: 1 1 1"]);
    check_range(&series, "g", (0, 480, 120), &["g: 1 2 2 _ _"]);
}

#[test]
fn labels_select() {
    let series = load(60, &[r#"g{a="x"}: 1"#, r#"g{a="y", b="z"}: 2"#, r#"{"my metric", a="x"}: 3"#]);
    let (x, y) = (r#"g{a="x"} 1"#, r#"g{a="y", b="z"} 2"#);
    check(&series, r#"g{a!="x"}"#, 0.0, &[y]);
    check(&series, r#"g{a=~"x|q"}"#, 0.0, &[x]);
    check(&series, r#"g{a=~"."}"#, 0.0, &[x, y]);
    check(&series, r#"g{a!~"x.*"}"#, 0.0, &[y]);
    check(&series, r#"g{b=""}"#, 0.0, &[x]);
    check(&series, r#"g{"@datapoint.a"="x"}"#, 0.0, &[x]);
    check(&series, r#"{"@datapoint.@name"="g", b="z"}"#, 0.0, &[y]);
    check(&series, r#"sum by ("@datapoint.a") (g)"#, 0.0, &[r#"{a="x"} 1"#, r#"{a="y"} 2"#]);
    check(&series, r#"{"my metric"}"#, 0.0, &[r#"{"my metric", a="x"} 3"#]);
    check(&series, r#"{__name__=~"g|my.*", a="x"}"#, 0.0, &[x, r#"{"my metric", a="x"} 3"#]);
    check(&series, "g{a=~`\\w`, b='z'} # the rest is said", 0.0, &[y]);
    check(&series, "max # of all `these\n (g)", 0.0, &["{} 2"]);
}

#[test]
fn windows_are_open_on_the_left() {
    let series = load(60, &["g: 0+1x10"]);
    check(&series, "count_over_time(g[2m])", 300.0, &["{} 2"]);
    check(&series, "count_over_time(g[121s])", 300.0, &["{} 3"]);
    check(&series, "sum_over_time(g[2m] offset 1m)", 300.0, &["{} 7"]);
    check(&series, "sum_over_time(g[2m] @ 120)", 300.0, &["{} 3"]);
    check_range(&series, "sum_over_time(g[2m])", (0, 720, 180), &["{}: 0 5 11 17 _"]);
    check_range(&series, "sum_over_time(g[2m] @ end())", (0, 300, 100), &["{}: 9 9 9 9"]);
    let Ok(PromValue::Matrix(matrix)) = instant(&series, "g[2m]", 300.0) else { panic!("no matrix") };
    assert_eq!(matrix, [(labels("g"), vec![(240_000, 4.0), (300_000, 5.0)])]);
}

#[test]
fn subqueries_are_on_multiples_of_their_step() {
    let series = load(60, &["g: 0+1x20"]);
    check(&series, "sum_over_time(g[3m:1m])", 300.0, &["{} 12"]);
    check(&series, "sum_over_time(g[3m:])", 300.0, &["{} 12"]);
    check(&series, "count_over_time(g[3m:50s])", 300.0, &["{} 4"]);
    check(&series, "max_over_time(sum_over_time(g[2m])[5m:1m])", 600.0, &["{} 19"]);
    check(&series, "max_over_time(rate(g[2m])[5m:1m] offset 1m)", 600.0, &["{} 0.016666666666666666"]);
    check(&series, "sum_over_time((g > 3)[4m:1m] @ 300)", 900.0, &["{} 9"]);
    check(&series, "sum_over_time(vector(time())[2m:1m])", 300.0, &["{} 540"]);
    check_range(&series, "sum_over_time(g[3m:1m])", (300, 420, 60), &["{}: 12 15 18"]);
    check(&series, "absent_over_time(g[1m:1m])", 3000.0, &["{} 1"]);
    let Ok(PromValue::Matrix(matrix)) = instant(&series, "(g + 1)[90:1m]", 301.0) else { panic!("no matrix") };
    assert_eq!(matrix, [(Labels::default(), vec![(240_000, 5.0), (300_000, 6.0)])]);
}

#[test]
fn selectors_say_what_they_need() {
    let needed = |query: &str, start, end, step| -> Vec<(i64, i64)> {
        let selectors = Query::parse(query).and_then(|query| query.selectors(start, end, step));
        let selectors = selectors.unwrap_or_else(|error| panic!("{query}: {error}"));
        selectors.iter().map(|selector| (selector.range.start.0, selector.range.end.0)).collect()
    };
    assert_eq!(needed("g", 1_000_000, 1_000_000, 0), [(700_001, 1_000_001)]);
    let minute = 60_000;
    assert_eq!(needed("g offset 1m", 0, 10 * minute, minute), [(-6 * minute + 1, 9 * minute + 1)]);
    assert_eq!(
        needed("rate(g[2m]) / h", 0, minute, minute),
        [(-2 * minute + 1, minute + 1), (-5 * minute + 1, minute + 1)]
    );
    assert_eq!(
        needed("g @ end() + h @ 7", 0, 10 * minute, minute),
        [(5 * minute + 1, 10 * minute + 1), (7_000 - 5 * minute + 1, 7_001),]
    );
    // Evaluated at the minutes 3 to 9; each looks two minutes back.
    assert_eq!(needed("max_over_time(rate(g[2m])[7m:1m])", 570_000, 570_000, 0), [(minute + 1, 9 * minute + 1)]);
    assert_eq!(needed("max_over_time(g[1s:1m])", 90_000, 90_000, 0), [(i64::MAX, i64::MIN)]);
    assert_eq!(needed("absent_over_time(g[1m])", 0, 0, 0), [(-minute + 1, 1)]);
    let chosen =
        Query::parse(r#"histogram_avg({Latency, "@aws.namespace"="N"})"#).and_then(|query| query.selectors(0, 0, 0));
    let chosen = chosen.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(
        chosen.iter().map(|selector| selector.statistic).collect::<Vec<_>>(),
        [Statistic::Sum, Statistic::SampleCount]
    );
    assert_eq!((chosen[0].metric(), chosen[0].equal_to("@aws.namespace")), (Some("Latency"), Some("N")));
}

#[test]
fn answers_are_written_as_prometheus_does() {
    let json = |query: &str, at: f64| match instant(&load(60, &[r#"g{a="\"x\"", Z="1"}: 1 2"#]), query, at) {
        Ok(value) => value.to_json(),
        Err(error) => panic!("{query}: {error}"),
    };
    assert_eq!(json("1", 1.5), r#"{"resultType":"scalar","result":[1.500,"1"]}"#);
    assert_eq!(json("'a\"b'", -0.05), r#"{"resultType":"string","result":[-0.050,"a\"b"]}"#);
    assert_eq!(json("missing", 1.0), r#"{"resultType":"vector","result":[]}"#);
    assert_eq!(
        json("g", 60.0),
        r#"{"resultType":"vector","result":[{"metric":{"Z":"1","__name__":"g","a":"\"x\""},"value":[60,"2"]}]}"#
    );
    assert_eq!(
        json("g[5m]", 60.0),
        r#"{"resultType":"matrix","result":[{"metric":{"Z":"1","__name__":"g","a":"\"x\""},"values":[[0,"1"],[60,"2"]]}]}"#
    );
    for (number, expected) in [
        ("NaN", "NaN"),
        ("Inf", "+Inf"),
        ("-Inf", "-Inf"),
        ("0", "0"),
        ("-0.0", "-0"),
        ("0.1 + 0.2", "0.30000000000000004"),
        ("123456789012345678901", "123456789012345680000"),
        ("1e21", "1e+21"),
        ("-1.5e300", "-1.5e+300"),
        ("0.000001", "0.000001"),
        ("0.00000012", "1.2e-07"),
    ] {
        assert_eq!(json(number, 0.0), format!("{{\"resultType\":\"scalar\",\"result\":[0,\"{expected}\"]}}"));
    }
    let Ok(matrix) = range(&[], "time()", 0, 60, 60) else { panic!("no matrix") };
    assert_eq!(matrix.to_json(), r#"{"resultType":"matrix","result":[{"metric":{},"values":[[0,"0"],[60,"60"]]}]}"#);
}

#[test]
fn answers_are_cut() {
    let series = load(60, &[r#"g{a="1"}: 1 2"#, r#"g{a="2"}: 1 2"#]);
    for query in ["g", "g[5m]"] {
        let mut value = instant(&series, query, 60.0).unwrap_or_else(|error| panic!("{query}: {error}"));
        assert!(!value.truncate(2));
        assert!(value.to_json().contains(r#""a":"2""#));
        assert!(value.truncate(1));
        assert!(!value.to_json().contains(r#""a":"2""#));
    }
    assert!(!PromValue::Scalar(0, 1.0).truncate(0));
}

#[test]
fn metrics_are_labelled_as_aws_does() {
    let key = SeriesKey {
        account: "123456789012".to_owned(),
        region: "eu-west-1".to_owned(),
        namespace: "AWS/EC2".to_owned(),
        name: "CPUUtilization".to_owned(),
        dimensions: vec![("InstanceId".to_owned(), "i-1".to_owned())],
        unit: "Percent".to_owned(),
    };
    let series = vec![(labels_of(&key), vec![(0, 50.0)])];
    let expected = r#"{"CPUUtilization", InstanceId="i-1", "@aws.account"="123456789012", "@aws.region"="eu-west-1",
        "@aws.namespace"="AWS/EC2", "@instrumentation.@name"="cloudwatch.aws/ec2", __unit__="Percent"}"#;
    assert_eq!(series[0].0, labels(expected));
    let documented = r#"histogram_avg({CPUUtilization, "@instrumentation.@name"="cloudwatch.aws/ec2"})"#;
    let expected = r#"{InstanceId="i-1", "@aws.account"="123456789012", "@aws.region"="eu-west-1",
        "@aws.namespace"="AWS/EC2", "@instrumentation.@name"="cloudwatch.aws/ec2"} 50"#;
    check(&series, documented, 0.0, &[expected]);
    check(&series, "sum by (InstanceId) ({ CPUUtilization })", 0.0, &[r#"{InstanceId="i-1"} 50"#]);
    check(&series, r#"sum by (InstanceId) ({InstanceId="i-1" ,CPUUtilization,})"#, 0.0, &[r#"{InstanceId="i-1"} 50"#]);
    assert_eq!(labels_of(&SeriesKey { unit: "None".to_owned(), ..key }).get(UNIT), "");
}

#[test]
fn wrong_queries_are_refused() {
    let series = load(60, &["g: 1 2"]);
    for (query, message) in [
        ("", "invalid parameter \"query\": parse error: no expression found in input"),
        ("g{", "unexpected end of input inside braces"),
        ("sum(g", "unclosed left parenthesis"),
        ("g)", "unexpected right parenthesis ')'"),
        ("frobnicate(g)", "unknown function with name 'frobnicate'"),
        ("rate(g)", "expected type"),
        ("sum(g[5m])", "expected type"),
        ("ln(0)", "expected type instant vector in call to function \"ln\", got scalar"),
        ("1 == 2", "comparisons between scalars must use BOOL modifier"),
        ("g and 1", "set operator 'and' not allowed in binary scalar expression"),
        ("{a=~\".*\"}", "vector selector must contain at least one non-empty matcher"),
        ("g{a=\"1\" or b=\"2\"}", "unexpected \"or\" in label matching"),
        ("g[0]", "duration must be greater than 0"),
        ("g[5m:0]", "duration must be greater than 0"),
        ("g[1e30]", "not a valid duration string: \"1e30\""),
        ("g offset 1e12", "not a valid duration string: \"1e12\""),
        ("g offset - inf", "not a valid duration string: \"inf\""),
        ("g[5000000000s]", "not a valid duration string: \"5000000000s\""),
        ("g offset 999999999y", "duration out of range"),
        ("g{a=`b}", "unterminated raw string"),
        ("g{a=b}", "unexpected identifier 'b' in label matching, expected string"),
        ("g + fill(0) g", "fill modifiers are not supported"),
        ("info(g)", "function \"info\" is not supported"),
        ("double_exponential_smoothing(g[5m], 0.5, 0.5)", "function \"double_exponential_smoothing\" is not supported"),
        ("histogram_fraction(0, 1, g)", "function \"histogram_fraction\" is not supported"),
        ("count_values(\"\", g)", "invalid label name"),
    ] {
        check_error(&series, query, ErrorType::BadData, message);
    }
}

#[test]
fn everything_has_a_limit() {
    let nested = |n: usize| format!("{}1{}", "(".repeat(n), ")".repeat(n));
    assert!(Query::parse(&nested(NESTING_MAX - 1)).is_ok());
    assert!(Query::parse(&nested(NESTING_MAX)).is_err());
    assert!(Query::parse(&nested(4_000)).is_err());
    for chain in
        ["-".repeat(9_000) + "1", "1+".repeat(4_000) + "1", "1^".repeat(300) + "1", "a or ".repeat(2_000) + "a"]
    {
        assert!(Query::parse(&chain).is_err());
    }
    assert!(Query::parse(&format!("a{{{}}}", "b=~\"c\",".repeat(32))).is_ok());
    assert!(Query::parse(&format!("a{{{}}}", "b!~`c`,".repeat(33))).is_err());
    check_error(&[], r#"a{b=~"\\w{200}"}"#, ErrorType::BadData, "takes more than 1048576 bytes compiled");
    check_error(
        &[],
        r#"label_replace(a, "b", "c", "d", "\\w{200}")"#,
        ErrorType::Execution,
        "invalid regular expression",
    );
    let replaced = |times| "label_replace(".repeat(times) + "a" + &", 'b', 'c', 'd', 'e')".repeat(times);
    assert!(Query::parse(&replaced(32)).is_ok());
    assert!(Query::parse(&replaced(33)).is_err());
    let alternatives: Vec<String> = (0..600).map(|n| format!("i-0123{n}abcd")).collect();
    assert!(Query::parse(&format!("a{{b=~\"{}\"}}", alternatives.join("|"))).is_ok());
    assert!(Query::parse(&" ".repeat(QUERY_CHARS_MAX + 1)).is_err());

    let series = load(60, &["g: 0x9", "h: 0x9"]);
    let query = Query::parse("{__name__=~'g|h'}").unwrap_or_else(|error| panic!("{error}"));
    let data = [series];
    let too_many = "query processing would load too many samples into memory in query execution";
    assert_eq!(query.instant(&data, 0, 19).map_err(|error| error.message), Err(too_many.to_owned()));
    assert!(query.instant(&data, 0, 20).is_ok());
    assert_eq!(query.range(&data, 0, 10, 1, 21).map_err(|error| error.message), Err(too_many.to_owned()));
    assert!(query.range(&data, 0, 10, 1, 22).is_ok());
    assert!(query.instant(&[], 0, 20).is_err());
    query.stop().store(true, std::sync::atomic::Ordering::Relaxed);
    let cancelled = query.instant(&data, 0, 20).map_err(|error| error.message);
    assert_eq!(cancelled, Err("query was canceled in query execution".to_owned()));

    let range_error = |start, end, step| {
        let error = Query::parse("1").and_then(|query| query.range(&[], start, end, step, ROOM)).expect_err("wrong");
        assert_eq!(error.error_type, ErrorType::BadData);
        error.message
    };
    assert_eq!(
        range_error(0, 11_001, 1),
        "exceeded maximum resolution of 11,000 points per timeseries. Try decreasing the query resolution (?step=XX)"
    );
    assert_eq!(range_error(1, 0, 1), "invalid parameter \"end\": end timestamp must not be before start time");
    assert_eq!(
        range_error(0, 1, 0),
        "invalid parameter \"step\": zero or negative query resolution step widths are not accepted. Try a positive integer"
    );
    assert!(range_error(i64::MIN, i64::MAX, 1).starts_with("invalid parameter \"start\""));
    assert!(Query::parse("1").is_ok_and(|query| query.range(&[], 0, 11_000, 1, ROOM).is_ok()));
    let text = Query::parse("'a'").and_then(|query| query.range(&[], 0, 1, 1, ROOM)).expect_err("a text");
    assert_eq!(
        text.message,
        "invalid parameter \"query\": invalid expression type \"string\" for range query, must be Scalar or instant Vector"
    );
    check_error(&[], "sum_over_time(vector(1)[1y:1ms])", ErrorType::Execution, too_many);
    check(&[], "absent(g @ 1e300)", 0.0, &["{} 1"]);
    check(&[], "absent(g @ -1e300 offset 1000y)", 0.0, &["{} 1"]);
}
