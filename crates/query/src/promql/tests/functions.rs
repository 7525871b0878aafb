//! Every function, at least once.

use super::*;

fn counter() -> Vec<Series> {
    load(60, &[r#"c{i="a"}: 0+60x10"#, r#"c{i="b"}: 0 60 120 30 90 150"#])
}

#[test]
fn rates_of_counters() {
    let series = counter();
    check(&series, "rate(c[5m])", 300.0, &[r#"{i="a"} 1"#, r#"{i="b"} 0.875"#]);
    check(&series, "increase(c[5m])", 300.0, &[r#"{i="a"} 300"#, r#"{i="b"} 262.5"#]);
    check(&series, "irate(c[5m])", 180.0, &[r#"{i="a"} 1"#, r#"{i="b"} 0.5"#]);
    check(&series, "resets(c[5m])", 300.0, &[r#"{i="a"} 0"#, r#"{i="b"} 1"#]);
    check(&series, r#"rate(c{i="a"}[1m])"#, 300.0, &[]);
    check(&series, r#"irate(c{i="a"}[1m])"#, 300.0, &[]);
}

#[test]
fn rates_are_extrapolated_with_care() {
    // Samples at 60, 120 and 180 in (30, 230]: 30 s before the first and 50 s after the last are within 1.1 steps.
    let series = load(60, &["g: _ 100 160 220"]);
    check(&series, "delta(g[200])", 230.0, &["{} 200"]);
    // 120 s before the first sample is too far for more than half a step.
    check(&series, "delta(g[300])", 240.0, &["{} 210"]);
    // A counter was not below zero.
    let from_zero = load(60, &["c: _ 1 61 121"]);
    check(&from_zero, "increase(c[200])", 230.0, &["{} 171"]);
}

#[test]
fn differences_of_gauges() {
    let series = load(60, &["g: 10 8 12 12 6 2"]);
    check(&series, "delta(g[5m])", 300.0, &["{} -7.5"]);
    check(&series, "idelta(g[5m])", 300.0, &["{} -4"]);
    check(&series, "changes(g[6m])", 300.0, &["{} 4"]);
    check(&series, "resets(g[6m])", 300.0, &["{} 3"]);
    check(&load(60, &["g: 0+120x5"]), "deriv(g[10m])", 300.0, &["{} 2"]);
    check(&load(60, &["g: 7x5"]), "deriv(g[10m])", 300.0, &["{} 0"]);
    check(&load(60, &["g: 0+120x5"]), "predict_linear(g[10m], 60)", 330.0, &["{} 780"]);
    check(&load(60, &["g: 0+120x5"]), "predict_linear(g[10m] offset 1m, 60)", 330.0, &["{} 780"]);
    check(&load(60, &["g: 1 4 9"]), "deriv(g[3m])", 120.0, &["{} 0.06666666666666667"]);
}

#[test]
fn functions_over_time() {
    let series = load(60, &["g: 4 1 NaN 3 2"]);
    let plain = load(60, &["g: 4 1 7 3 2 8"]);
    for (query, expected) in [
        ("avg_over_time(g[6m])", "4.166666666666667"),
        ("sum_over_time(g[6m])", "25"),
        ("min_over_time(g[6m])", "1"),
        ("max_over_time(g[6m])", "8"),
        ("count_over_time(g[6m])", "6"),
        ("count_over_time(g[5m])", "5"),
        ("present_over_time(g[6m])", "1"),
        ("stdvar_over_time(g[6m])", "6.472222222222222"),
        ("stddev_over_time(g[6m])", "2.5440562537456244"),
        ("quantile_over_time(0.5, g[6m])", "3.5"),
        ("quantile_over_time(0, g[6m])", "1"),
        ("quantile_over_time(1.1, g[6m])", "+Inf"),
        ("quantile_over_time(-1, g[6m])", "-Inf"),
        ("mad_over_time(g[6m])", "2"),
        ("mad_over_time(g[5m])", "2"),
        ("ts_of_min_over_time(g[6m])", "60"),
        ("ts_of_max_over_time(g[6m])", "300"),
        ("ts_of_first_over_time(g[6m])", "0"),
        ("ts_of_last_over_time(g[6m])", "300"),
    ] {
        check(&plain, query, 300.0, &[&format!("{{}} {expected}")]);
    }
    check(&plain, "last_over_time(g[6m])", 300.0, &["g 8"]);
    check(&plain, "first_over_time(g[6m])", 300.0, &["g 4"]);
    check(&series, "min_over_time(g[6m])", 240.0, &["{} 1"]);
    check(&series, "max_over_time(g[6m])", 240.0, &["{} 4"]);
    check(&series, "sum_over_time(g[6m])", 240.0, &["{} NaN"]);
    check(&series, "changes(g[6m])", 240.0, &["{} 4"]);
    check(&load(60, &["g: 1e16 1 -1e16"]), "sum_over_time(g[6m])", 120.0, &["{} 1"]);
}

#[test]
fn absence() {
    let series = load(60, &[r#"g{a="1"}: 1 2"#]);
    check(&series, r#"absent(g{a="1"})"#, 60.0, &[]);
    check(&series, r#"absent(g{a="2", b=~"x", c="3", c!="4"})"#, 60.0, &[r#"{a="2"} 1"#]);
    check(&series, "absent(sum(missing))", 60.0, &["{} 1"]);
    check(&series, r#"absent_over_time(g{a="2"}[5m])"#, 60.0, &[r#"{a="2"} 1"#]);
    check(&series, "absent_over_time(g[5m])", 60.0, &[]);
    check_range(&series, "absent_over_time(g[1m])", (0, 240, 60), &["{}: _ _ 1 1 1"]);
    check_range(&series, "absent(g)", (240, 420, 60), &["{}: _ _ 1 1"]);
}

#[test]
fn functions_of_each_value() {
    for (function, value, expected) in [
        ("abs", "-2", "2"),
        ("ceil", "1.2", "2"),
        ("floor", "-1.2", "-2"),
        ("exp", "1", "2.718281828459045"),
        ("ln", "0", "-Inf"),
        ("ln", "-1", "NaN"),
        ("log2", "8", "3"),
        ("log10", "1000", "3"),
        ("sqrt", "16", "4"),
        ("sgn", "-7", "-1"),
        ("sgn", "0", "0"),
        ("sgn", "3", "1"),
        ("round", "2.5", "3"),
        ("round", "-2.5", "-2"),
        ("sin", "1", "0.8414709848078965"),
        ("cos", "0", "1"),
        ("tan", "1", "1.5574077246549023"),
        ("asin", "1", "1.5707963267948966"),
        ("acos", "1", "0"),
        ("atan", "1", "0.7853981633974483"),
        ("sinh", "1", "1.1752011936438014"),
        ("cosh", "0", "1"),
        ("tanh", "0", "0"),
        ("asinh", "0", "0"),
        ("acosh", "1", "0"),
        ("atanh", "0", "0"),
        ("deg", "3.141592653589793", "180"),
        ("rad", "180", "3.141592653589793"),
    ] {
        let series = load(60, &[&format!("g{{a=\"1\"}}: {value}")]);
        check(&series, &format!("{function}(g)"), 0.0, &[&format!("{{a=\"1\"}} {expected}")]);
    }
    let series = load(60, &["g: 2.34"]);
    check(&series, "round(g, 0.1)", 0.0, &["{} 2.3"]);
    check(&series, "clamp(g, 3, 4)", 0.0, &["{} 3"]);
    check(&series, "clamp(g, 0, 1)", 0.0, &["{} 1"]);
    check(&series, "clamp(g, 4, 3)", 0.0, &[]);
    check(&series, "clamp(g, NaN, 3)", 0.0, &["{} NaN"]);
    check(&series, "clamp_min(g, 5)", 0.0, &["{} 5"]);
    check(&series, "clamp_max(g, 1)", 0.0, &["{} 1"]);
}

#[test]
fn numbers_and_times() {
    let series = load(60, &[r#"g{a="1"}: 5 6"#, r#"g{a="2"}: 7"#]);
    check(&series, "time()", 90.5, &["90.5"]);
    check(&series, "pi()", 0.0, &["3.141592653589793"]);
    check(&series, r#"scalar(g{a="1"})"#, 70.0, &["6"]);
    check(&series, "scalar(g)", 70.0, &["NaN"]);
    check(&series, "scalar(missing)", 70.0, &["NaN"]);
    check(&series, "vector(3)", 70.0, &["{} 3"]);
    check(&series, "timestamp(g)", 70.0, &[r#"{a="1"} 60"#, r#"{a="2"} 0"#]);
    check(&series, "timestamp((g))", 70.0, &[r#"{a="1"} 60"#, r#"{a="2"} 0"#]);
    check(&series, "timestamp(g + 1)", 70.0, &[r#"{a="1"} 70"#, r#"{a="2"} 70"#]);
}

#[test]
fn dates() {
    // 29 February 2024, 23:59:07 UTC, a Thursday.
    let leap = 1_709_251_147.0;
    for (function, expected) in [
        ("minute", 59),
        ("hour", 23),
        ("day_of_week", 4),
        ("day_of_month", 29),
        ("day_of_year", 60),
        ("days_in_month", 29),
        ("month", 2),
        ("year", 2024),
    ] {
        check(&[], &format!("{function}()"), leap, &[&format!("{{}} {expected}")]);
        check(&[], &format!("{function}(vector({leap}))"), 0.0, &[&format!("{{}} {expected}")]);
        check(&[], &format!("{function}(vector(NaN))"), 0.0, &["{} NaN"]);
        check(&[], &format!("{function}(vector(1e300))"), 0.0, &["{} NaN"]);
    }
    // 31 December 1969 was a Wednesday.
    for (function, expected) in [("day_of_week", 3), ("day_of_year", 365), ("year", 1969), ("hour", 23)] {
        check(&[], &format!("{function}(vector(-1))"), 0.0, &[&format!("{{}} {expected}")]);
    }
    check(&[], "day_of_year(vector(4133980799))", 0.0, &["{} 365"]);
}

#[test]
fn labels_are_changed() {
    let series = load(60, &[r#"g{src="host-12:80", b="x"}: 1"#]);
    let replaced = r#"g{src="host-12:80", b="x", n="12"} 1"#;
    check(&series, r#"label_replace(g, "n", "$1", "src", ".*-(\\d+):.*")"#, 0.0, &[replaced]);
    check(&series, r#"label_replace(g, "n", "${num}", "src", `host-(?P<num>\d+):80`)"#, 0.0, &[replaced]);
    check(&series, r#"label_replace(g, "n", "$1", "src", "host")"#, 0.0, &[r#"g{src="host-12:80", b="x"} 1"#]);
    check(&series, r#"label_replace(g, "src", "", "src", ".*")"#, 0.0, &[r#"g{b="x"} 1"#]);
    check(
        &series,
        r#"label_replace(g, "n", "is $1", "none", "()")"#,
        0.0,
        &[r#"g{src="host-12:80", b="x", n="is "} 1"#],
    );
    check(
        &series,
        r#"label_join(g, "j", "/", "b", "src", "b")"#,
        0.0,
        &[r#"g{src="host-12:80", b="x", j="x/host-12:80/x"} 1"#],
    );
    check(&series, r#"label_join(g, "j", "")"#, 0.0, &[r#"g{src="host-12:80", b="x"} 1"#]);
    check_error(
        &series,
        r#"label_replace(g, "n", "$1", "src", "(")"#,
        ErrorType::Execution,
        "invalid regular expression in label_replace(): (",
    );
    check_error(
        &series,
        r#"label_replace(g, "", "$1", "src", "a")"#,
        ErrorType::Execution,
        "invalid destination label name in label_replace(): ",
    );
    let two = load(60, &[r#"g{a="1"}: 1x9"#, r#"g{a="2"}: 2x9"#]);
    check_error(
        &two,
        r#"label_replace(g, "a", "x", "", "")"#,
        ErrorType::Execution,
        "vector cannot contain metrics with the same labelset",
    );
}

#[test]
fn series_are_sorted() {
    let series = load(60, &[r#"g{n="node10"}: 2"#, r#"g{n="node9"}: 3"#, r#"g{n="a"}: NaN"#, r#"g{n="b"}: 1"#]);
    let (ten, nine, a, b) = (r#"g{n="node10"} 2"#, r#"g{n="node9"} 3"#, r#"g{n="a"} NaN"#, r#"g{n="b"} 1"#);
    check(&series, "g", 0.0, &[a, b, ten, nine]);
    check(&series, "sort(g)", 0.0, &[b, ten, nine, a]);
    check(&series, "sort_desc(g)", 0.0, &[nine, ten, b, a]);
    check(&series, r#"sort_by_label(g, "n")"#, 0.0, &[a, b, nine, ten]);
    check(&series, r#"sort_by_label_desc(g, "n")"#, 0.0, &[ten, nine, b, a]);
}

#[test]
fn quantiles_of_classic_histograms() {
    let series = load(
        60,
        &[
            r#"h_bucket{a="1", le="0.1"}: 10"#,
            r#"h_bucket{a="1", le="1"}: 30"#,
            r#"h_bucket{a="1", le="10"}: 29"#,
            r#"h_bucket{a="1", le="+Inf"}: 40"#,
            r#"h_bucket{a="2", le="1"}: 5"#,
            r#"h_bucket{a="3", le="x"}: 5"#,
            r#"h_bucket{a="4", le="0"}: 5"#,
            r#"h_bucket{a="4", le="+Inf"}: 5"#,
            r#"h_bucket{a="5", le="1"}: 0"#,
            r#"h_bucket{a="5", le="+Inf"}: 0"#,
        ],
    );
    let of = |query: &str, a: &str, expected: &str| {
        check(&series, &query.replace('#', a), 0.0, &[&format!("{{a=\"{a}\"}} {expected}")]);
    };
    of("histogram_quantile(0.5, (h_bucket{a='#'} * 1))", "1", "0.55");
    of("histogram_quantile(0.125, sum by (a, le) (h_bucket{a='#'}))", "1", "0.05");
    of("histogram_quantile(0.9, h_bucket{a='#'} + 0)", "1", "10");
    of("histogram_quantile(2, h_bucket{a='#'})", "1", "+Inf");
    of("histogram_quantile(-1, h_bucket{a='#'})", "1", "-Inf");
    of("histogram_quantile(NaN, h_bucket{a='#'})", "1", "NaN");
    of("histogram_quantile(0.5, h_bucket{a='#'})", "2", "NaN");
    of("histogram_quantile(0.5, h_bucket{a='#'})", "4", "0");
    of("histogram_quantile(0.5, h_bucket{a='#'})", "5", "NaN");
    check(&series, "histogram_quantile(0.5, h_bucket{a='3'})", 0.0, &[]);
}

#[test]
fn functions_of_histograms_choose_statistics() {
    let series = load(60, &[r#"Latency{f="a", __unit__="Seconds"}: 4 4 6"#, r#"b{le="1"}: 3"#, r#"b{le="+Inf"}: 4"#]);
    check(&series, "Latency", 120.0, &[r#"Latency{f="a", __unit__="Seconds"} 6"#]);
    check(&series, r#"Latency{__stat__="Sum"}"#, 120.0, &[r#"Latency{f="a", __unit__="Seconds"} 12"#]);
    check(&series, r#"Latency{__stat__="p90"} - Latency{__stat__="p50"}"#, 120.0, &[r#"{f="a"} 40"#]);
    check(&series, "histogram_sum(Latency)", 120.0, &[r#"{f="a"} 12"#]);
    check(&series, "histogram_count(Latency)", 120.0, &[r#"{f="a"} 2"#]);
    check(&series, "histogram_avg(Latency)", 120.0, &[r#"{f="a"} 6"#]);
    check(&series, "histogram_quantile(0.25, Latency)", 120.0, &[r#"{f="a"} 131"#]);
    check(&series, "histogram_quantile(0.5, b)", 0.0, &["{} 0.6666666666666666"]);
    check(&series, "sum(histogram_count(sum_over_time(Latency[3m]))) / 3m", 120.0, &["{} 0.03333333333333333"]);
    check(&series, "histogram_avg(sum(sum_over_time(Latency[3m])) * 2)", 120.0, &["{} 4.666666666666667"]);
    let per_second = r#"sum_over_time({Latency, __stat__="Sum"}[3m]) / 180"#;
    check(&series, per_second, 120.0, &[r#"{f="a"} 0.15555555555555556"#]);
    check_error(&series, "histogram_avg(max(Latency))", ErrorType::BadData, "is supported for selectors");
    check_error(&series, "histogram_avg(rate(Latency[5m]))", ErrorType::BadData, "is supported for selectors");
    check_error(&series, r#"histogram_sum(Latency{__stat__="Sum"})"#, ErrorType::BadData, "__stat__ cannot be chosen");
    check_error(&series, r#"Latency{__stat__=~"Sum"}"#, ErrorType::BadData, "__stat__ takes = only");
    check_error(
        &series,
        r#"Latency{__stat__="Median"}"#,
        ErrorType::BadData,
        "The value Median is not a valid statistic",
    );
}
