//! Functions, patterns and queries in place of values that SQL and PPL have of their own, over events.

use super::joins::{Tables, ask, run};
use super::*;
use crate::insights::{ppl, sql};

const LINE: &str = r#"{"text":"www.apache.org","path":"/api/users","n":5,"a":"[1,2,2,3]","b":"[3,\"1\",5]","c":"[]",
    "d":"[null,7]","deep":{"items":[{"id":1,"tags":["x","y"]},{"id":2,"tags":["z"]},{"name":"none"}],"one":[{"id":9}]}}"#;

/// What an expression of SQL is of a line; `-` when it is missing.
fn value(expr: &str) -> String {
    let tables = Tables::from([("g", lines(&[LINE]))]);
    let answer = ask(&format!("SELECT {expr} AS v FROM g"), &tables, 1).expect(expr);
    table(&answer).remove(0)
}

#[track_caller]
fn are(pairs: &[(&str, &str)]) {
    for (expr, expected) in pairs {
        assert_eq!(value(expr), *expected, "{expr}");
    }
}

#[test]
fn lists_are_sets() {
    are(&[
        ("array_distinct(a)", "[1,2,3]"),
        ("array_union(a, b)", "[1,2,3,5]"),
        ("array_intersect(a, b)", "[1,3]"),
        ("array_except(a, b)", "[2]"),
        ("array_except(b, a)", "[5]"),
        ("array_intersect(a, c)", "[]"),
        ("array_union(array('x'), array('y', 'x'))", r#"["x","y"]"#),
        ("array_union(a, text)", "-"),
        ("array_distinct(missing)", "-"),
        ("arrays_overlap(a, b)", "1"),
        ("arrays_overlap(a, c)", "0"),
        ("arrays_overlap(a, array(9))", "0"),
        // Whether the null is one of them cannot be told.
        ("arrays_overlap(a, d)", "-"),
        ("arrays_overlap(array(7), d)", "1"),
        ("array_contains(a, 2)", "1"),
        ("array_contains(a, 9)", "0"),
    ]);
}

#[test]
fn texts_are_translated_and_cut_at_delimiters() {
    are(&[
        ("translate('AaBbCc', 'abc', '123')", "A1B2C3"),
        ("translate(text, 'w.', 'v')", "vvvapacheorg"),
        ("translate('aab', 'aa', 'xy')", "xxb"),
        ("translate(missing, 'a', 'b')", "-"),
        ("substring_index(text, '.', 2)", "www.apache"),
        ("substring_index(text, '.', -2)", "apache.org"),
        ("substring_index(text, '.', 9)", "www.apache.org"),
        ("substring_index(text, '.', -9)", "www.apache.org"),
        ("substring_index(text, '.', 0)", ""),
        ("substring_index(text, '', 1)", ""),
        ("substring_index(text, '.', n - 4)", "www"),
        ("substring_index(missing, '.', 1)", "-"),
    ]);
    for expr in [
        "substring_index(text, '.')",
        "substring_index(text, '.', 1.5)",
        "substring_index(text, '.', 'x')",
        "substring_index(text, 1, 1)",
    ] {
        let error = sql::parse(&format!("SELECT {expr} FROM g")).expect_err(expr);
        assert_eq!(error.message, "the arguments of the function substring_index do not fit", "{expr}");
    }
}

#[test]
fn paths_into_json_have_wildcards() {
    are(&[
        ("get_json_object(`@message`, '$.deep.items[*].id')", "[1,2]"),
        ("get_json_object(`@message`, '$.deep.items[*].tags')", r#"[["x","y"],["z"]]"#),
        ("get_json_object(`@message`, '$.deep.items[*].tags[*]')", r#"["x","y","z"]"#),
        ("get_json_object(`@message`, '$.deep.items[0].tags[*]')", r#"["x","y"]"#),
        ("get_json_object(a, '$[*]')", "[1,2,2,3]"),
        // A value that is alone is no list.
        ("get_json_object(`@message`, '$.deep.one[*].id')", "9"),
        ("get_json_object(`@message`, '$.deep.*[0].id')", "[1,9]"),
        ("get_json_object(`@message`, '$.deep.items[*].missing')", "-"),
        ("get_json_object(text, '$[*]')", "-"),
        ("json_extract(`@message`, '$.deep[\"items\"][1][''id'']')", "2"),
    ]);
    for path in ["$", "$.", "$[x]", "$..id", "a[*]"] {
        let query = format!("SELECT get_json_object(deep, '{path}') FROM g");
        assert!(sql::parse(&query).is_err(), "{path}");
    }
}

#[test]
fn like_takes_any_or_all_of_some_patterns() {
    are(&[
        ("path LIKE ANY ('/x%', '/api%')", "1"),
        ("path LIKE SOME ('/x%', '/y%')", "0"),
        ("path LIKE ALL ('/api%', '%users')", "1"),
        ("path LIKE ALL ('/api%', '%orders')", "0"),
        ("path NOT LIKE ALL ('/x%', '/y%')", "1"),
        ("path NOT LIKE ANY ('/x%', '/api%')", "1"),
        ("path NOT LIKE ANY ('/api%', '%users')", "0"),
        ("path ILIKE ANY ('/API%')", "1"),
    ]);
    let many = vec!["'x%'"; 65].join(", ");
    let error = sql::parse(&format!("SELECT a FROM g WHERE a LIKE ANY ({many})")).expect_err("too many");
    assert_eq!(error.message, "the query has more than 64 regular expressions");
}

fn two() -> Tables<'static> {
    let users = [r#"{"user":"ann","ms":10}"#, r#"{"user":"bob","ms":70}"#, r#"{"user":"eve","ms":40}"#];
    Tables::from([("g", lines(&users)), ("h", lines(&[r#"{"user":"bob","ms":30}"#])), ("none", Vec::new())])
}

#[test]
fn a_query_stands_for_its_only_value() {
    let rows = |text: &str| ask(text, &two(), 2).map(|answer| table(&answer));
    let of = |text: &str| rows(text).expect(text);
    assert_eq!(of("SELECT user FROM g WHERE ms > (SELECT avg(ms) FROM g) ORDER BY user"), ["bob"]);
    assert_eq!(of("SELECT user FROM g WHERE ms = (SELECT max(g.ms) FROM g)"), ["bob"]);
    assert_eq!(
        of("SELECT user, ms - (SELECT min(ms) FROM h) AS more FROM g ORDER BY 1"),
        ["ann | -20", "bob | 40", "eve | 10",]
    );
    assert_eq!(
        of("SELECT user, count(*) FROM g GROUP BY user HAVING sum(ms) > (SELECT ms FROM h)  ORDER BY user"),
        ["bob | 1", "eve | 1",]
    );
    assert_eq!(of("SELECT count(*) / (SELECT count(*) FROM g) FROM g WHERE ms > 20"), ["0.6667"]);
    assert_eq!(of("SELECT user FROM g WHERE user = (SELECT user FROM h LIMIT 1)"), ["bob"]);
    assert_eq!(of("WITH m AS (SELECT max(ms) AS ms FROM g) SELECT user FROM g WHERE ms = (SELECT ms FROM m)"), ["bob"]);
    // Without rows it is missing.
    assert_eq!(of("SELECT coalesce((SELECT user FROM none), 'nobody') AS u FROM h"), ["nobody"]);
    let several = rows("SELECT user FROM g WHERE ms = (SELECT ms FROM g)").expect_err("several rows");
    assert_eq!(several.to_string(), "a query in place of a value has more than one row");
}

#[test]
fn a_query_that_looks_at_the_rows_around_it_is_refused_by_name() {
    let refused = |text: &str, part: &str, message: &str| {
        let error = sql::parse(text).expect_err(text);
        let found: String = text.chars().skip(error.start_char).take(error.end_char - error.start_char).collect();
        assert_eq!((found.as_str(), error.message.as_str()), (part, message), "{text}");
    };
    let message = "a.user is of the query around this one: correlated queries are not supported";
    refused("SELECT a.user FROM g a WHERE ms > (SELECT avg(ms) FROM h b WHERE b.user = a.user)", "a.user", message);
    refused("SELECT a.ms FROM g a WHERE a.ms IN (SELECT b.ms FROM h b WHERE b.user = a.user)", "a.user", message);
    refused("SELECT (SELECT max(ms) FROM h WHERE user = g.user) AS m FROM g", "g.user", &message.replace("a.", "g."));
    let joined =
        "SELECT a.user FROM g a JOIN h b ON a.user = b.user WHERE a.ms > (SELECT max(ms) FROM h WHERE ms < b.ms)";
    refused(joined, "b.ms", "b.ms is of the query around this one: correlated queries are not supported");
    let two_columns = "(SELECT user, ms FROM h)";
    refused(
        &format!("SELECT a FROM g WHERE a = {two_columns}"),
        two_columns,
        "a query in place of a value has one column",
    );
    // Its own table may be called the same.
    assert_eq!(
        ask("SELECT g.user FROM g WHERE g.ms = (SELECT max(g.ms) FROM g)", &two(), 1).map(|a| table(&a)).unwrap(),
        ["bob"]
    );
}

#[test]
fn a_span_may_be_quoted() {
    let tables = Tables::from([("g", lines(&["a"; 601]))]);
    for span in
        ["span(@timestamp, 5m)", "span(`@timestamp`, 5m)", "span(@timestamp, '5m')", "span(`@timestamp`, '5 minutes')"]
    {
        let query = ppl::parse(&format!("source = g | stats count() as n by {span} as t | sort t")).expect(span);
        let answer = run(&query, &tables, 1).expect(span);
        let expected =
            ["300 | 2024-01-02 12:00:00.000", "300 | 2024-01-02 12:05:00.000", "1 | 2024-01-02 12:10:00.000"];
        let flipped: Vec<String> = table(&answer)
            .iter()
            .map(|row| {
                let mut cells: Vec<&str> = row.split(" | ").collect();
                cells.sort_by_key(|cell| cell.len());
                cells.join(" | ")
            })
            .collect();
        assert_eq!(flipped, expected, "{span}");
    }
    for span in
        ["span(@timestamp, '5')", "span(@timestamp, 'm')", "span(@timestamp, '0m')", "span(@timestamp, '5 foos')"]
    {
        assert!(ppl::parse(&format!("source = g | stats count() by {span}")).is_err(), "{span}");
    }
}
