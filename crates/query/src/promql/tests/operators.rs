//! Every operator and aggregation, at least once.

use super::*;

fn hosts() -> Vec<Series> {
    load(
        60,
        &[
            r#"cpu{dc="x", host="a"}: 1x9"#,
            r#"cpu{dc="x", host="b"}: 2x9"#,
            r#"cpu{dc="y", host="c"}: 4x9"#,
            r#"mem{dc="x", host="a"}: 10x9"#,
            r#"mem{dc="y", host="c"}: 20x9"#,
            r#"size{dc="x", kind="big"}: 100x9"#,
            r#"size{dc="y", kind="small"}: 200x9"#,
        ],
    )
}

#[test]
fn numbers() {
    for (query, expected) in [
        ("1 + 2 * 3 ^ 2", "19"),
        ("-2 ^ 2", "-4"),
        ("2 ^ 3 ^ 2", "512"),
        ("7 % 4 - -1", "4"),
        ("-7 % 4", "-3"),
        ("1 / 0", "+Inf"),
        ("1 atan2 1", "0.7853981633974483"),
        ("1 < bool 2", "1"),
        ("1 == bool 2", "0"),
        ("0x10 + 010", "24"),
        ("1h30m", "5400"),
        ("-Inf", "-Inf"),
    ] {
        check(&[], query, 0.0, &[expected]);
    }
}

#[test]
fn vectors_with_numbers() {
    let series = hosts();
    let three = |a: &str, b: &str, c: &str| {
        [
            format!(r#"{{dc="x", host="a"}} {a}"#),
            format!(r#"{{dc="x", host="b"}} {b}"#),
            format!(r#"{{dc="y", host="c"}} {c}"#),
        ]
    };
    for (query, a, b, c) in [
        ("cpu + 1", "2", "3", "5"),
        ("10 - cpu", "9", "8", "6"),
        ("cpu * 2", "2", "4", "8"),
        ("8 / cpu", "8", "4", "2"),
        ("cpu % 2", "1", "0", "0"),
        ("2 ^ cpu", "2", "4", "16"),
        ("cpu atan2 0", "1.5707963267948966", "1.5707963267948966", "1.5707963267948966"),
        ("-cpu", "-1", "-2", "-4"),
        ("cpu >= bool 2", "0", "1", "1"),
        ("3 > bool cpu", "1", "1", "0"),
    ] {
        let expected = three(a, b, c);
        check(&series, query, 60.0, &expected.each_ref().map(String::as_str));
    }
    let (a, b, c) = (r#"cpu{dc="x", host="a"} 1"#, r#"cpu{dc="x", host="b"} 2"#, r#"cpu{dc="y", host="c"} 4"#);
    check(&series, "cpu == 2", 60.0, &[b]);
    check(&series, "cpu != 2", 60.0, &[a, c]);
    check(&series, "cpu < 2", 60.0, &[a]);
    check(&series, "cpu <= 2", 60.0, &[a, b]);
    check(&series, "cpu > 2", 60.0, &[c]);
    check(&series, "3 > cpu", 60.0, &[a, b]);
}

#[test]
fn vectors_match_by_labels() {
    let series = hosts();
    check(&series, "mem / cpu", 60.0, &[r#"{dc="x", host="a"} 10"#, r#"{dc="y", host="c"} 5"#]);
    check(&series, "mem > cpu", 60.0, &[r#"mem{dc="x", host="a"} 10"#, r#"mem{dc="y", host="c"} 20"#]);
    check(&series, "mem < bool cpu", 60.0, &[r#"{dc="x", host="a"} 0"#, r#"{dc="y", host="c"} 0"#]);
    check(&series, "mem + on(host) cpu", 60.0, &[r#"{host="a"} 11"#, r#"{host="c"} 24"#]);
    check(&series, "mem + ignoring(host) size", 60.0, &[]);
    check(&series, "mem + ignoring(host, kind) size", 60.0, &[r#"{dc="x"} 110"#, r#"{dc="y"} 220"#]);
    check(
        &series,
        "cpu * on(dc) group_left(kind) size",
        60.0,
        &[
            r#"{dc="x", host="a", kind="big"} 100"#,
            r#"{dc="x", host="b", kind="big"} 200"#,
            r#"{dc="y", host="c", kind="small"} 800"#,
        ],
    );
    check(
        &series,
        "size / on(dc) group_right() cpu",
        60.0,
        &[r#"{dc="x", host="a"} 100"#, r#"{dc="x", host="b"} 50"#, r#"{dc="y", host="c"} 50"#],
    );
    check(
        &series,
        "size > on(dc) group_right cpu > 3",
        60.0,
        &[r#"cpu{dc="x", host="a"} 100"#, r#"cpu{dc="x", host="b"} 100"#, r#"cpu{dc="y", host="c"} 200"#],
    );
    let execution = ErrorType::Execution;
    check_error(
        &series,
        "size + on(dc) cpu",
        execution,
        "found duplicate series for the match group {dc=\"x\"} on the right hand-side of the operation: \
         [{__name__=\"cpu\", dc=\"x\", host=\"b\"}, {__name__=\"cpu\", dc=\"x\", host=\"a\"}];\
         many-to-many matching not allowed: matching labels must be unique on one side",
    );
    check_error(
        &series,
        "cpu + on(dc) size",
        execution,
        "many-to-one matching must be explicit (group_left/group_right)",
    );
    check_error(&series, "cpu + on(dc) group_right size", execution, "on the left hand-side");
    check_error(
        &load(60, &[r#"m{dc="x", k="1"}: 1x9"#, r#"m{dc="x", k="2"}: 1x9"#, r#"o{dc="x", k="3"}: 1x9"#]),
        "m * on(dc) group_left(k) o",
        execution,
        "multiple matches for labels: grouping labels must ensure unique matches",
    );
}

#[test]
fn sets() {
    let series = hosts();
    let (a, b, c) = (r#"cpu{dc="x", host="a"} 1"#, r#"cpu{dc="x", host="b"} 2"#, r#"cpu{dc="y", host="c"} 4"#);
    check(&series, "cpu and mem", 60.0, &[a, c]);
    check(&series, "cpu unless mem", 60.0, &[b]);
    check(&series, r#"cpu{dc="x"} or mem"#, 60.0, &[a, b, r#"mem{dc="y", host="c"} 20"#]);
    check(&series, r#"cpu and on(dc) size{kind="small"}"#, 60.0, &[c]);
    check(&series, "cpu and ignoring(host, dc) vector(1)", 60.0, &[a, b, c]);
    check(&series, "vector(1) or cpu", 60.0, &["{} 1", a, b, c]);
    check(&series, "cpu or on() vector(1)", 60.0, &[a, b, c]);
    check(&series, "missing or on() vector(1)", 60.0, &["{} 1"]);
}

#[test]
fn aggregations() {
    let series = hosts();
    for (query, x, y) in [
        ("sum by (dc) (cpu)", "3", "4"),
        ("avg by (dc) (cpu)", "1.5", "4"),
        ("min by (dc) (cpu)", "1", "4"),
        ("max(cpu) by (dc)", "2", "4"),
        ("count without (host) (cpu)", "2", "1"),
        ("group by (dc) (cpu)", "1", "1"),
        ("stddev by (dc) (cpu)", "0.5", "0"),
        ("stdvar by (dc) (cpu)", "0.25", "0"),
        ("quantile by (dc) (0.75, cpu)", "1.75", "4"),
    ] {
        check(&series, query, 60.0, &[&format!(r#"{{dc="x"}} {x}"#), &format!(r#"{{dc="y"}} {y}"#)]);
    }
    check(&series, "sum(cpu)", 60.0, &["{} 7"]);
    check(&series, "sum(missing)", 60.0, &[]);
    check(&series, "count by (__name__) ({dc='x'})", 60.0, &["cpu 2", "mem 1", "size 1"]);
    let (a, b, c) = (r#"cpu{dc="x", host="a"} 1"#, r#"cpu{dc="x", host="b"} 2"#, r#"cpu{dc="y", host="c"} 4"#);
    check(&series, "topk(2, cpu)", 60.0, &[c, b]);
    check(&series, "bottomk(2, cpu)", 60.0, &[a, b]);
    check(&series, "topk by (dc) (1, cpu)", 60.0, &[b, c]);
    check(&series, "topk(0, cpu)", 60.0, &[]);
    check(&series, "topk(-3, cpu)", 60.0, &[]);
    check(&series, "topk(scalar(sum(cpu)), cpu)", 60.0, &[c, b, a]);
    check(&series, r#"count_values("v", cpu % 2)"#, 60.0, &[r#"{v="0"} 2"#, r#"{v="1"} 1"#]);
    check(
        &series,
        r#"count_values by (dc) ("v", cpu / 3e7)"#,
        60.0,
        &[
            r#"{dc="x", v="0.000000033333333333333334"} 1"#,
            r#"{dc="x", v="0.00000006666666666666667"} 1"#,
            r#"{dc="y", v="0.00000013333333333333334"} 1"#,
        ],
    );
    check_error(&series, "topk(NaN, cpu)", ErrorType::Execution, "Scalar value NaN overflows int64");
    check_error(&series, "topk(1e30, cpu)", ErrorType::Execution, "overflows int64");
    check_error(&series, "limitk(1, cpu)", ErrorType::BadData, "aggregation limitk is not supported");
    check_error(&series, "limit_ratio(0.5, cpu)", ErrorType::BadData, "aggregation limit_ratio is not supported");
}

#[test]
fn aggregations_skip_nothing_but_absence() {
    let series = load(60, &[r#"g{a="1"}: NaN"#, r#"g{a="2"}: 1"#, r#"g{a="3"}: 3"#]);
    check(&series, "max(g)", 0.0, &["{} 3"]);
    check(&series, "min(g)", 0.0, &["{} 1"]);
    check(&series, "sum(g)", 0.0, &["{} NaN"]);
    check(&series, "count(g)", 0.0, &["{} 3"]);
    check(&series, "topk(2, g)", 0.0, &[r#"g{a="3"} 3"#, r#"g{a="2"} 1"#]);
    check(&series, "bottomk(3, g)", 0.0, &[r#"g{a="2"} 1"#, r#"g{a="3"} 3"#, r#"g{a="1"} NaN"#]);
    check(&series, "quantile(0, g)", 0.0, &["{} NaN"]);
    let large = load(60, &[r#"g{a="1"}: 1e16"#, r#"g{a="2"}: 1"#, r#"g{a="3"}: -1e16"#]);
    check(&large, "sum(g)", 0.0, &["{} 1"]);
}
