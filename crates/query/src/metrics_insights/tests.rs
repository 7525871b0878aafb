//! Tests of Metrics Insights: AWS's documented queries, errors with their columns, and answers against a naive version.

use super::*;
use model::limits::INSIGHTS_NESTING_MAX;
use proptest::prelude::*;

fn parsed(text: &str) -> MetricsInsights {
    MetricsInsights::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|&(name, value)| (name.to_owned(), value.to_owned())).collect()
}

/// Groups of metrics with their periods and what was observed in each.
type Observed = Vec<(GroupKey, Vec<(Timestamp, Vec<f64>)>)>;

#[track_caller]
fn check_match(query: &str, dimensions: &[(&str, &str)], tags: &[(&str, &str)], expected: bool) {
    let (dimensions, tags) = (pairs(dimensions), pairs(tags));
    let query = parsed(query);
    let metric = Metric {
        account: "123456789012",
        namespace: query.namespace(),
        name: query.metric(),
        dimensions: &dimensions,
        tags: &tags,
    };
    assert_eq!(query.matches(&metric, "123456789012"), expected, "{query:?}");
}

fn totals(values: &[f64]) -> Totals {
    let mut totals = Totals::NONE;
    values.iter().for_each(|&value| totals.add(value, 1.0));
    totals
}

#[test]
fn documented_queries_are_read() {
    let balancer = "SELECT SUM(RequestCount) FROM SCHEMA(\"AWS/ApplicationELB\", LoadBalancer, AvailabilityZone)\n\
                    WHERE LoadBalancer = 'app/load-balancer-1' AND tag.Environment = 'prod'\n\
                    GROUP BY AvailabilityZone ORDER BY MAX() DESC LIMIT 5";
    let query = parsed(balancer);
    assert_eq!(
        (query.metric(), query.namespace(), query.function()),
        ("RequestCount", "AWS/ApplicationELB", Function::Sum)
    );
    assert_eq!(query.schema.as_deref(), Some(&["AvailabilityZone".to_owned(), "LoadBalancer".to_owned()][..]));
    assert!(matches!(&query.condition, Some(Condition::All(both)) if both.len() == 2));
    assert_eq!(query.group_by, [Label::Dimension("AvailabilityZone".to_owned())]);
    assert_eq!(query.order_by, Some(OrderBy { function: Function::Max, descending: true }));
    assert_eq!(query.limit, Some(5));
    assert_eq!(parsed("SELECT AVG(a) FROM b LIMIT 500").limit, Some(500), "AWS's largest");
    assert_eq!(query.first_tag(), Some(("Environment", 139)));
    for text in [
        "SELECT AVG(CPUUtilization) FROM \"AWS/EC2\"",
        "SELECT AVG(CPUUtilization) FROM SCHEMA(\"AWS/EC2\")",
        "SELECT AVG(CPUUtilization) FROM SCHEMA(\"AWS/EC2\", InstanceId) GROUP BY InstanceId ORDER BY MAX() LIMIT 10",
        "SELECT MAX(CPUUtilization) FROM \"AWS/EC2\" WHERE AutoScalingGroupName = 'my-production-fleet'",
        "SELECT AVG(CpuUtilization) FROM \"AWS/EC2\" WHERE AWS.AccountId = CURRENT_ACCOUNT_ID()",
        "SELECT AVG(CpuUtilization) FROM \"AWS/EC2\" WHERE AWS.AccountId=444455556666",
        "SELECT AVG(CpuUtilization) FROM \"AWS/EC2\" GROUP BY AWS.AccountId, InstanceType",
        "SELECT AVG(CpuUtilization) FROM \"AWS/EC2\" GROUP BY tag.team, AWS.AccountId",
        "select count(\"LIMIT\") from Custom_1 where a!='b' and \"c.d\" = '' group by Operation order by sum() asc",
        "SELECT SUM(4XXError) FROM \"AWS/ApiGateway\" GROUP BY tag.\"cost center\", tag.limit",
    ] {
        parsed(text);
    }
}

#[test]
fn quotes_are_escaped() {
    assert_eq!(parsed(r#"SELECT AVG("Bytes\"Input\"") FROM "My""NS""#).metric(), "Bytes\"Input\"");
    assert_eq!(parsed(r#"SELECT AVG(a) FROM "My""NS""#).namespace(), "My\"NS");
    check_match(
        r"SELECT AVG(a) FROM b WHERE c = 'it\'s' AND d = 'it''s \\ \n'",
        &[("c", "it's"), ("d", r"it's \ \n")],
        &[],
        true,
    );
}

#[test]
fn schema_means_exactly_these_dimensions() {
    let (a, ab) = ([("a", "1")], [("a", "1"), ("b", "2")]);
    for (query, none, with_a, with_ab) in [
        ("SELECT AVG(m) FROM n", true, true, true),
        ("SELECT AVG(m) FROM SCHEMA(n)", true, false, false),
        ("SELECT AVG(m) FROM SCHEMA(n, a)", false, true, false),
        ("SELECT AVG(m) FROM SCHEMA(n, b, a)", false, false, true),
    ] {
        check_match(query, &[], &[], none);
        check_match(query, &a, &[], with_a);
        check_match(query, &ab, &[], with_ab);
    }
}

#[test]
fn conditions_look_at_dimensions_tags_and_accounts() {
    let dimensions = [("InstanceType", "c3.4xlarge")];
    let tags = [("env", "prod")];
    for (condition, expected) in [
        ("InstanceType = 'c3.4xlarge'", true),
        ("InstanceType = 'C3.4xlarge'", false),
        ("instancetype = 'c3.4xlarge'", false),
        ("InstanceType != 'c3.4xlarge'", false),
        ("InstanceType != 'm5.large'", true),
        ("Absent = 'x'", false),
        ("Absent != 'x'", true),
        ("tag.env = 'prod'", true),
        ("tag.env != 'prod'", false),
        ("TAG.env = 'prod' AND InstanceType = 'm5.large'", false),
        ("tag.other = 'prod'", false),
        ("AWS.AccountId = '123456789012'", true),
        ("AWS.AccountId = 123456789012", true),
        ("aws.accountid != current_account_id()", false),
        ("AWS.AccountId = 000000000000", false),
    ] {
        check_match(&format!("SELECT AVG(m) FROM n WHERE {condition}"), &dimensions, &tags, expected);
    }
    for (condition, expected) in [
        ("a = '1' OR a = '2'", true),
        ("a = '2' OR b = '1'", false),
        // AND binds more tightly than OR, NOT than AND.
        ("a = '1' OR a = '2' AND b = '3'", true),
        ("(a = '1' OR a = '2') AND b = '3'", false),
        ("NOT a = '2' AND b = '2'", true),
        ("NOT (a = '2' AND b = '2')", true),
        ("NOT (a = '1' AND b = '2')", false),
        ("not not a = '1'", true),
        ("NOT a != '1'", true),
        ("a IN ('1', '2')", true),
        ("a in ('2')", false),
        ("a NOT IN ('2', '3')", true),
        ("NOT a NOT IN ('2', '3')", false),
        ("c IN ('1')", false),
        ("c NOT IN ('1')", true),
        ("((a = '1'))", true),
        ("tag.t IN ('x', 'y') AND tag.u NOT IN ('x')", true),
        ("AWS.AccountId IN (444455556666, CURRENT_ACCOUNT_ID())", true),
        ("AWS.AccountId NOT IN ('123456789012')", false),
        ("\"in\" = 'x' OR \"or\" = 'y'", true),
    ] {
        let dimensions = [("a", "1"), ("b", "2"), ("or", "y")];
        check_match(&format!("SELECT AVG(m) FROM n WHERE {condition}"), &dimensions, &[("t", "y")], expected);
    }
    let query = parsed("SELECT AVG(m) FROM n");
    let other = Metric { account: "", namespace: "N", name: "m", dimensions: &[], tags: &[] };
    assert!(!query.matches(&other, ""));
    assert!(!query.matches(&Metric { namespace: "n", name: "M", ..other }, ""));
}

#[test]
fn groups_are_by_values_and_other() {
    let query = parsed("SELECT AVG(m) FROM n GROUP BY b, tag.t, AWS.AccountId");
    assert_eq!(query.first_tag(), Some(("t", 34)));
    assert_eq!(parsed("SELECT AVG(m) FROM n WHERE a = 'tag.x'").first_tag(), None);
    let dimensions = pairs(&[("a", "1"), ("b", "2")]);
    let metric = Metric { account: "123456789012", namespace: "n", name: "m", dimensions: &dimensions, tags: &[] };
    assert_eq!(query.group_of(&metric).0, ["2", "Other", "123456789012"]);
    assert_eq!(parsed("SELECT AVG(m) FROM n").group_of(&metric), GroupKey::default());
}

#[test]
fn errors_say_where() {
    for (text, message, column) in [
        ("", "expected SELECT, found the end of the query", 1),
        ("  ", "expected SELECT, found the end of the query", 3),
        ("FETCH AVG(a) FROM b", "expected SELECT, found FETCH", 1),
        ("SELECT MEDIAN(a) FROM b", "expected AVG, COUNT, MAX, MIN or SUM, found MEDIAN", 8),
        ("SELECT AVG a FROM b", "expected '(', found a", 12),
        ("SELECT AVG() FROM b", "expected a metric's name, found ')'", 12),
        ("SELECT AVG('a') FROM b", "expected a metric's name, found 'a'", 12),
        ("SELECT AVG(\"\") FROM b", "a name cannot be empty", 12),
        ("SELECT AVG(My.Metric) FROM b", "expected ')', found '.'", 14),
        ("SELECT AVG(a) b", "expected FROM, found b", 15),
        ("SELECT AVG(a) FROM", "expected a namespace or SCHEMA, found the end of the query", 19),
        ("SELECT AVG(a) FROM AWS/EC2", "unexpected character /", 23),
        ("SELECT AVG(é) FROM b", "unexpected character é", 12),
        ("SELECT AVG(\"é\") FROM ~", "unexpected character ~", 22),
        ("SELECT AVG(a) FROM \"AWS/EC2", "the name in quotes is not closed", 20),
        ("SELECT AVG(a) FROM SCHEMA()", "expected a namespace, found ')'", 27),
        ("SELECT AVG(a) FROM SCHEMA(b c)", "expected a comma or ')', found c", 29),
        ("SELECT AVG(a) FROM SCHEMA(b, c, c)", "SCHEMA names the dimension c twice", 33),
        ("SELECT AVG(a) FROM b WHERE", "expected a label, found the end of the query", 27),
        ("SELECT AVG(a) FROM b WHERE c > 'd'", "unexpected character >", 30),
        ("SELECT AVG(a) FROM b WHERE c 'd'", "expected =, !=, IN or NOT IN, found 'd'", 30),
        ("SELECT AVG(a) FROM b WHERE c = d", "expected a value in single quotes, found d", 32),
        ("SELECT AVG(a) FROM b WHERE c = \"d\"", "expected a value in single quotes, found \"d\"", 32),
        ("SELECT AVG(a) FROM b WHERE c = 5", "expected a value in single quotes, found 5", 32),
        ("SELECT AVG(a) FROM b WHERE c = 'd", "the value in quotes is not closed", 32),
        (
            "SELECT AVG(a) FROM b WHERE c = 'd' XOR e = 'f'",
            "expected AND, OR, GROUP BY, ORDER BY, LIMIT or the end of the query, found XOR",
            36,
        ),
        ("SELECT AVG(a) FROM b WHERE c = 'd' OR", "expected a label, found the end of the query", 38),
        ("SELECT AVG(a) FROM b WHERE c LIKE 'd'", "expected =, !=, IN or NOT IN, found LIKE", 30),
        ("SELECT AVG(a) FROM b WHERE c NOT = 'd'", "expected IN, found =", 34),
        ("SELECT AVG(a) FROM b WHERE c IN 'd'", "expected '(', found 'd'", 33),
        ("SELECT AVG(a) FROM b WHERE c IN ()", "expected a value in single quotes, found ')'", 34),
        ("SELECT AVG(a) FROM b WHERE c IN ('d' 'e')", "expected a comma or ')', found 'e'", 38),
        ("SELECT AVG(a) FROM b WHERE (c = 'd'", "expected AND, OR or ')', found the end of the query", 36),
        ("SELECT AVG(a) FROM b WHERE ()", "expected a label, found ')'", 29),
        (
            "SELECT AVG(a) FROM b WHERE c = 'd')",
            "expected AND, OR, GROUP BY, ORDER BY, LIMIT or the end of the query, found ')'",
            35,
        ),
        ("SELECT AVG(a) FROM b WHERE NOT NOT", "expected a label, found the end of the query", 35),
        (
            "SELECT AVG(a) FROM b WHERE in = 'd'",
            "expected a label, found the keyword in, which needs double quotes as a name",
            28,
        ),
        ("SELECT AVG(a) FROM b WHERE AWS.Region = 'd'", "expected AccountId, found Region", 32),
        (
            "SELECT AVG(a) FROM b WHERE c.d = 'e'",
            "a name with a dot needs double quotes, unless it is tag.key or AWS.AccountId",
            28,
        ),
        ("SELECT AVG(a) FROM b GROUP c", "expected BY, found c", 28),
        (
            "SELECT AVG(a) FROM b GROUP BY limit",
            "expected a label, found the keyword limit, which needs double quotes as a name",
            31,
        ),
        ("SELECT AVG(a) FROM b GROUP BY c, c", "GROUP BY names this label twice", 34),
        ("SELECT AVG(a) FROM b ORDER BY c", "expected AVG, COUNT, MAX, MIN or SUM, found c", 31),
        ("SELECT AVG(a) FROM b ORDER BY MAX(c)", "expected ')', found c", 35),
        ("SELECT AVG(a) FROM b LIMIT 0", "expected a positive whole number, found 0", 28),
        ("SELECT AVG(a) FROM b LIMIT 501", "LIMIT is at most 500", 28),
        ("SELECT AVG(a) FROM b LIMIT -1", "unexpected character -", 28),
        ("SELECT AVG(a) FROM b LIMIT 5 GROUP BY c", "expected the end of the query, found GROUP", 30),
        (
            "SELECT AVG(a) FROM b GROUP BY c WHERE d = 'e'",
            "expected a comma, ORDER BY, LIMIT or the end of the query, found WHERE",
            33,
        ),
    ] {
        let error = MetricsInsights::parse(text).expect_err(text);
        assert_eq!((error.message.as_str(), error.column), (message, column), "{text}");
    }
    let long = format!("SELECT AVG(a) FROM b{}", " ".repeat(QUERY_CHARS_MAX));
    assert_eq!(MetricsInsights::parse(&long).expect_err("long").column, QUERY_CHARS_MAX + 1);
    let nested = |depth: usize| {
        let (open, close) = ("(".repeat(depth), ")".repeat(depth));
        MetricsInsights::parse(&format!("SELECT AVG(a) FROM b WHERE {open}c = 'd'{close}"))
    };
    assert!(nested(INSIGHTS_NESTING_MAX).is_ok());
    let error = nested(4_000).expect_err("deep");
    assert_eq!((error.message.as_str(), error.column), ("parentheses nest at most 32 deep", 28 + INSIGHTS_NESTING_MAX));
}

#[test]
fn functions_are_over_all_observations_of_a_group() {
    let metrics = || {
        vec![
            (GroupKey::default(), vec![(Timestamp(0), totals(&[1.0, 2.0, 3.0])), (Timestamp(60_000), totals(&[]))]),
            (GroupKey::default(), vec![(Timestamp(0), totals(&[10.0]))]),
        ]
    };
    for (function, expected) in [("AVG", 4.0), ("COUNT", 4.0), ("MAX", 10.0), ("MIN", 1.0), ("SUM", 16.0)] {
        let answer = parsed(&format!("SELECT {function}(m) FROM n")).evaluate(metrics(), 500);
        assert_eq!(
            answer,
            [GroupSeries { label: String::new(), group: GroupKey::default(), points: vec![(Timestamp(0), expected)] }]
        );
    }
    let nothing = vec![(GroupKey::default(), vec![(Timestamp(0), Totals::NONE)])];
    assert_eq!(parsed("SELECT AVG(m) FROM n").evaluate(nothing, 500), []);
}

#[test]
fn series_are_ordered_and_limited() {
    let key = |values: &[&str]| GroupKey(values.iter().map(|&value| value.to_owned()).collect());
    let metrics = || {
        vec![
            (key(&["b", "x"]), vec![(Timestamp(0), totals(&[1.0])), (Timestamp(60_000), totals(&[9.0]))]),
            (key(&["a", "y"]), vec![(Timestamp(0), totals(&[5.0]))]),
            (key(&["a", "Other"]), vec![(Timestamp(0), totals(&[9.0]))]),
        ]
    };
    let labels = |text: &str, max| -> Vec<String> {
        parsed(text).evaluate(metrics(), max).into_iter().map(|series| series.label).collect()
    };
    assert_eq!(labels("SELECT AVG(m) FROM n GROUP BY c, d", 9), ["a Other", "a y", "b x"]);
    assert_eq!(labels("SELECT AVG(m) FROM n GROUP BY c, d LIMIT 2", 9), ["a Other", "a y"]);
    assert_eq!(labels("SELECT AVG(m) FROM n GROUP BY c, d", 1), ["a Other"]);
    assert_eq!(labels("SELECT AVG(m) FROM n GROUP BY c, d ORDER BY MAX() DESC", 9), ["a Other", "b x", "a y"]);
    assert_eq!(labels("SELECT AVG(m) FROM n GROUP BY c, d ORDER BY MIN()", 9), ["b x", "a y", "a Other"]);
    assert_eq!(labels("SELECT AVG(m) FROM n GROUP BY c, d ORDER BY COUNT() DESC LIMIT 1", 9), ["b x"]);
    assert_eq!(labels("SELECT AVG(m) FROM n GROUP BY c, d ORDER BY AVG() ASC", 2), ["a y", "b x"]);
}

/// What a query should answer, found the slow way: every group by every start by every observation.
fn naive(function: Function, metrics: &Observed) -> Vec<(String, Vec<(Timestamp, f64)>)> {
    let mut keys: Vec<&GroupKey> = metrics.iter().map(|(key, _)| key).collect();
    keys.sort();
    keys.dedup();
    let mut answer = Vec::new();
    for key in keys {
        let mut points = Vec::new();
        for start in (0..5).map(Timestamp) {
            let of_group = metrics.iter().filter(|(other, _)| other == key).flat_map(|(_, periods)| periods);
            let values: Vec<f64> =
                of_group.filter(|(at, _)| *at == start).flat_map(|(_, values)| values.iter().copied()).collect();
            if values.is_empty() {
                continue;
            }
            let sum: f64 = values.iter().sum();
            let value = match function {
                Function::Avg => sum / values.len() as f64,
                Function::Count => values.len() as f64,
                Function::Max => values.iter().copied().fold(f64::MIN, f64::max),
                Function::Min => values.iter().copied().fold(f64::MAX, f64::min),
                Function::Sum => sum,
            };
            points.push((start, value));
        }
        if !points.is_empty() {
            answer.push((key.0.join(" "), points));
        }
    }
    answer
}

/// Whether a condition holds, by the values 0 to 2 of the dimensions `a` and `b`.
type Truth = [[bool; 3]; 3];

fn truth(holds: impl Fn(usize, usize) -> bool) -> Truth {
    std::array::from_fn(|a| std::array::from_fn(|b| holds(a, b)))
}

/// A condition on `a` and `b` as text, and when it holds.
fn condition() -> impl Strategy<Value = (String, Truth)> {
    let leaf = (any::<bool>(), 0_usize..4, prop::collection::vec(0_usize..3, 1..3)).prop_map(|(is_a, form, values)| {
        let name = if is_a { "a" } else { "b" };
        let list = values.iter().map(|value| format!("'{value}'")).collect::<Vec<_>>().join(", ");
        let is = |a, b, values: &[usize]| values.contains(if is_a { &a } else { &b });
        match form {
            0 => (format!("{name} = '{}'", values[0]), truth(|a, b| is(a, b, &values[..1]))),
            1 => (format!("{name} != '{}'", values[0]), truth(|a, b| !is(a, b, &values[..1]))),
            2 => (format!("{name} IN ({list})"), truth(|a, b| is(a, b, &values))),
            _ => (format!("{name} NOT IN ({list})"), truth(|a, b| !is(a, b, &values))),
        }
    });
    leaf.prop_recursive(4, 24, 3, |inner| {
        let pair = (inner.clone(), inner.clone());
        prop_oneof![
            (inner.clone(), inner.clone(), inner.clone()).prop_map(|((t, x), (u, y), (v, z))| {
                (format!("({t}) AND ({u}) OR ({v})"), truth(|a, b| (x[a][b] && y[a][b]) || z[a][b]))
            }),
            pair.prop_map(|((t, x), (u, y))| (format!("NOT ({t}) OR ({u})"), truth(|a, b| !x[a][b] || y[a][b]))),
            inner.prop_map(|(t, x)| (format!("NOT ({t})"), truth(|a, b| !x[a][b]))),
        ]
    })
}

proptest! {
    #[test]
    fn answers_are_those_of_a_naive_version(
        metrics in prop::collection::vec(
            ("[ab]", prop::collection::vec((0i64..5, prop::collection::vec(-9i32..9, 0..4)), 0..6)), 0..8),
        function in 0usize..5,
    ) {
        let (name, function) = [
            ("AVG", Function::Avg), ("COUNT", Function::Count), ("MAX", Function::Max), ("MIN", Function::Min), ("SUM", Function::Sum),
        ][function];
        let metrics: Observed = metrics
            .into_iter()
            .map(|(key, periods)| {
                let floats = |values: Vec<i32>| values.into_iter().map(f64::from).collect();
                let periods = periods.into_iter().map(|(at, values)| (Timestamp(at), floats(values)));
                (GroupKey(vec![key]), periods.collect())
            })
            .collect();
        let expected = naive(function, &metrics);
        let query = parsed(&format!("SELECT {name}(m) FROM n GROUP BY c"));
        let given = metrics.into_iter().map(|(key, periods)| {
            (key, periods.into_iter().map(|(at, values)| (at, totals(&values))).collect())
        });
        let answer: Vec<_> = query.evaluate(given, 500).into_iter().map(|series| (series.label, series.points)).collect();
        prop_assert_eq!(answer, expected);
    }

    #[test]
    fn conditions_hold_as_a_naive_evaluation_says(
        (text, truth) in condition(), a in 0_u8..3, b in 0_u8..3,
    ) {
        let dimensions = pairs(&[("a", &a.to_string()), ("b", &b.to_string())]);
        let metric = Metric { account: "1", namespace: "n", name: "m", dimensions: &dimensions, tags: &[] };
        let query = parsed(&format!("SELECT AVG(m) FROM n WHERE {text} GROUP BY a"));
        prop_assert_eq!(query.matches(&metric, "1"), truth[usize::from(a)][usize::from(b)], "{}", text);
    }

    #[test]
    fn no_text_panics(text in "\\PC*", tail in "[a-zA-Z0-9_ \"'.,()=!\\\\]*") {
        let _ = MetricsInsights::parse(&text);
        let _ = MetricsInsights::parse(&format!("SELECT AVG(a) FROM {tail}"));
        let _ = MetricsInsights::parse(&format!("SELECT AVG(a) FROM b WHERE {tail}"));
    }
}
