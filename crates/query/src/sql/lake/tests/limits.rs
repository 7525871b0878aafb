//! What statements may not do, and where Trino differs from the engine.

use super::{Fixture, ID};

#[tokio::test]
async fn no_expression_makes_more_than_fits() {
    let fixture = Fixture::new().await;
    let long = "a".repeat(1_500);
    let nested = |function: &str| (0..4).fold("'a'".to_owned(), |of, _| format!("{function}({of}, 'a', '{long}')"));
    let doubled = (1..25).fold(format!("WITH t0 AS (SELECT '{long}' || eventid AS a FROM {ID})"), |text, n| {
        format!("{text}, t{n} AS (SELECT a || a AS a FROM t{})", n - 1)
    });
    let listed = (0..7).fold("split(eventid, '-')".to_owned(), |of, _| format!("{of} || {of}"));
    for statement in [
        format!("SELECT {} FROM {ID}", nested("replace")),
        format!("SELECT {} FROM {ID}", nested("regexp_replace")),
        format!("{doubled} SELECT length(a) FROM t24"),
        format!(
            "SELECT array_join(split(replace(eventid || '{long}', 'a', 'a,a,'), ','), '{long}{long}') FROM {ID} WHERE eventid = 'e-1'"
        ),
    ] {
        let error = fixture.error(&statement).await;
        assert!(error.contains("would make more than"), "{error}");
    }
    assert_eq!(fixture.value(&format!("cardinality({listed})")).await, "256");
    assert_eq!(fixture.value("replace(eventname, 'n', '--') || ':' || eventid").await, "Ru--I--sta--ces:e-1");
    assert_eq!(fixture.value("concat(eventid, NULL)").await, "-");
}

#[tokio::test]
async fn replacements_are_trinos() {
    let fixture = Fixture::new().await;
    for (expression, expected) in [
        ("regexp_replace('ab12', '([a-z])([0-9])', '$1v$2')", "abv12"),
        ("regexp_replace('ab12', '([a-z])([0-9])', '$1_$12')", "ab_b22"),
        ("regexp_replace('aba', 'b', '\\1')", "a1a"),
        ("regexp_replace('aba', 'b', '\\$')", "a$a"),
        ("regexp_replace('aba', '(?P<x>b)', '<${x}>')", "a<b>a"),
        ("regexp_replace('abab', 'b')", "aa"),
    ] {
        assert_eq!(fixture.value(expression).await, expected, "{expression}");
    }
    let error = fixture.error(&format!("SELECT regexp_replace(eventid, 'e', '$7') FROM {ID}")).await;
    assert!(error.contains("Illegal replacement sequence"), "{error}");
}

#[tokio::test]
async fn times_that_cannot_be_told_and_the_ends_of_months() {
    let fixture = Fixture::new().await;
    for expression in ["date_diff('day', from_unixtime(-1e17), from_unixtime(1e17))", "from_unixtime(1e300)"] {
        fixture.error(&format!("SELECT {expression} FROM {ID}")).await;
    }
    for (from, to, expected) in [
        ("2026-01-31", "2026-02-28", "1"),
        ("2026-02-28", "2026-01-31", "-1"),
        ("2026-01-31", "2026-02-27", "0"),
        ("2026-01-30", "2026-03-29", "1"),
        ("2026-03-31", "2026-06-30", "3"),
        ("2026-02-28", "2026-03-28", "1"),
    ] {
        let expression = format!("date_diff('month', date '{from}', date '{to}')");
        assert_eq!(fixture.value(&expression).await, expected, "{expression}");
    }
    assert_eq!(fixture.value("date_format(timestamp '2027-01-01 15:04:05', '%r %x %v')").await, "03:04:05 PM 2026 53");
}

#[tokio::test]
async fn only_stores_and_sub_queries_are_read_from() {
    let fixture = Fixture::new().await;
    for source in ["generate_series(1, 1000000000000)", "range(1, 10)", "TABLE(range(1, 10))"] {
        fixture.error(&format!("SELECT count(*) FROM {ID}, {source} AS g")).await;
    }
    let recursive =
        format!("WITH RECURSIVE t AS (SELECT 1 AS n FROM {ID} UNION ALL SELECT n + 1 FROM t) SELECT n FROM t");
    assert!(fixture.error(&recursive).await.contains("WITH RECURSIVE is not supported"));
    let quoted = format!(
        "WITH \"A\" AS (SELECT eventid FROM {ID} AS \"T\" WHERE \"T\".eventid = 'e-1') SELECT \"B\".eventid FROM \"A\" \"B\""
    );
    assert_eq!(fixture.rows(&quoted).await, ["e-1"]);
}
