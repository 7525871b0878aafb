//! Functions of Trino that analyses of events use.

use super::{Fixture, ID, question};
use crate::lake::Lake;

#[tokio::test]
async fn texts_urls_and_patterns() {
    let fixture = Fixture::new().await;
    let url = "'https://user@example.com:8080/a%20b/c?k=v%2B1+x&e=&k=2#top'";
    for (expression, value) in [
        (format!("url_extract_protocol({url})"), "https"),
        (format!("url_extract_host({url})"), "example.com"),
        (format!("url_extract_port({url})"), "8080"),
        (format!("url_extract_path({url})"), "/a b/c"),
        (format!("url_extract_query({url})"), "k=v+1+x&e=&k=2"),
        (format!("url_extract_fragment({url})"), "top"),
        (format!("url_extract_parameter({url}, 'k')"), "v+1 x"),
        (format!("url_extract_parameter({url}, 'e')"), ""),
        (format!("url_extract_parameter({url}, 'no')"), "-"),
        ("url_extract_port('http://a/')".into(), "-"),
        ("url_extract_host('no url')".into(), "-"),
        ("url_encode('a b/é*~')".into(), "a+b%2F%C3%A9*%7E"),
        ("url_decode('a+b%2F%C3%A9')".into(), "a b/é"),
        ("regexp_extract_all('1a 2b 14m', '\\d+')".into(), "[1, 2, 14]"),
        ("regexp_extract_all('1a 2b 14m', '(\\d+)([a-z]+)', 2)".into(), "[a, b, m]"),
        ("regexp_split('1a 2b 14m', '\\s*[a-z]+\\s*')".into(), "[1, 2, 14, ]"),
        ("regexp_position('I have 23 apples, 5 pears', '\\b\\d+\\b')".into(), "8"),
        ("regexp_position('I have 23 apples, 5 pears', '\\b\\d+\\b', 12)".into(), "19"),
        ("regexp_position('I have 23 apples, 5 pears', '\\b\\d+\\b', 1, 3)".into(), "-1"),
        ("split_to_map('a=1;b=2;', ';', '=')".into(), "{a=1, b=2}"),
        ("element_at(split_to_map('a=1;b=2', ';', '='), 'b')".into(), "2"),
        ("translate('abcd', 'ab', 'x')".into(), "xcd"),
        ("levenshtein_distance('kitten', 'sitting')".into(), "3"),
        ("concat_ws('-', 'a', NULL, 'b')".into(), "a-b"),
        ("json_size('{\"x\": {\"a\": 1, \"b\": 2}, \"l\": [1, 2, 3]}', '$.x')".into(), "2"),
        ("json_size('{\"x\": {\"a\": 1, \"b\": 2}, \"l\": [1, 2, 3]}', '$.l')".into(), "3"),
        ("json_size('{\"x\": 5}', '$.x')".into(), "0"),
        ("json_size('{\"x\": 5}', '$.y')".into(), "-"),
        ("greatest(3, 5, 4)".into(), "5"),
        ("least('b', 'a')".into(), "a"),
        ("greatest(3, NULL)".into(), "-"),
    ] {
        assert_eq!(fixture.value(&expression).await, value, "{expression}");
    }
    for (expression, error) in [
        ("split_to_map('a=1;a=2', ';', '=')", "Duplicate keys (a) are not allowed"),
        ("split_to_map('a', ';', '=')", "must appear exactly once in each entry"),
        ("url_decode('%z')", "is no text of a URL"),
        ("regexp_extract_all('a', 'a', 1)", "Pattern has 0 groups"),
    ] {
        let found = fixture.error(&format!("SELECT {expression} FROM {ID}")).await;
        assert!(found.contains(error), "{expression}: {found}");
    }
}

#[tokio::test]
async fn times_in_formats() {
    let fixture = Fixture::new().await;
    let time = "timestamp '2026-01-02 15:04:05.678'";
    for (expression, value) in [
        ("date_parse('2026-01-02 15:04:05', '%Y-%m-%d %H:%i:%s')".into(), "2026-01-02 15:04:05.000"),
        ("date_parse('2/1/26 3:04 pm', '%d/%m/%y %l:%i %p')".into(), "2026-01-02 15:04:00.000"),
        ("date_parse('02/Jan/2026', '%d/%b/%Y')".into(), "2026-01-02 00:00:00.000"),
        ("date_parse('20260102', '%Y%m%d')".into(), "2026-01-02 00:00:00.000"),
        ("date_parse('2026-032', '%Y-%j')".into(), "2026-02-01 00:00:00.000"),
        ("parse_datetime('2026-01-02T15:04:05Z', 'yyyy-MM-dd''T''HH:mm:ssZ')".into(), "2026-01-02 15:04:05.000"),
        ("parse_datetime('2026-01-02T15:04:05+01:00', 'yyyy-MM-dd''T''HH:mm:ssZ')".into(), "2026-01-02 14:04:05.000"),
        ("parse_datetime('20260102150405', 'yyyyMMddHHmmss')".into(), "2026-01-02 15:04:05.000"),
        (format!("format_datetime({time}, 'yyyy-MM-dd HH:mm:ss.SSS')"), "2026-01-02 15:04:05.678"),
        (format!("format_datetime({time}, 'EEE, d MMM yy h a')"), "Fri, 2 Jan 26 3 PM"),
        (format!("format_datetime({time}, 'EEEE MMMM ''of'' D')"), "Friday January of 2"),
        (format!("to_iso8601({time})"), "2026-01-02T15:04:05.678"),
        ("to_iso8601(date '2026-01-02')".into(), "2026-01-02"),
        ("from_iso8601_date('2026-01-02')".into(), "2026-01-02"),
        (format!("last_day_of_month({time})"), "2026-01-31"),
        ("year_of_week(date '2027-01-01')".into(), "2026"),
    ] {
        let expression: String = expression;
        assert_eq!(fixture.value(&expression).await, value, "{expression}");
    }
    for expression in ["date_parse('2026', '%Y-%m')", "date_parse('2026-13', '%Y-%m')", "date_parse('x', '%Q')"] {
        fixture.error(&format!("SELECT {expression} FROM {ID}")).await;
    }
}

#[tokio::test]
async fn lists_and_maps() {
    let fixture = Fixture::new().await;
    for (expression, value) in [
        ("array_max(ARRAY[3, 7, 5])", "7"),
        ("array_min(split('b,a,c', ','))", "a"),
        ("array_max(ARRAY[3, NULL])", "-"),
        ("array_position(ARRAY['a', 'b', 'b'], 'b')", "2"),
        ("array_position(ARRAY['a', 'b'], 'c')", "0"),
        ("array_position(map_keys(additionaleventdata), 'c')", "-"),
        ("array_remove(ARRAY[1, 2, 1], 1)", "[2]"),
        ("array_sort(array_union(ARRAY[1, 2], ARRAY[2, 3]))", "[1, 2, 3]"),
        ("array_intersect(ARRAY[1, 2], ARRAY[2, 3])", "[2]"),
        ("array_except(ARRAY[1, 2], ARRAY[2, 3])", "[1]"),
        ("arrays_overlap(ARRAY[1, 2], ARRAY[2, 3])", "true"),
        ("slice(ARRAY[1, 2, 3, 4], 2, 2)", "[2, 3]"),
        ("slice(ARRAY[1, 2, 3, 4], -2, 5)", "[3, 4]"),
        ("slice(ARRAY[1, 2], 3, 1)", "[]"),
        ("map(ARRAY['a', 'b'], ARRAY[1, 2])", "{a=1, b=2}"),
        ("map_from_entries(map_entries(map(ARRAY['a'], ARRAY[1])))", "{a=1}"),
        ("element_at(map(ARRAY['a', 'b'], ARRAY[1, 2]), 'b')", "2"),
        ("filter(ARRAY[1, 2, 3, NULL], x -> x > 1)", "[2, 3]"),
        ("transform(ARRAY[1, 2, NULL], x -> x + 1)", "[2, 3, null]"),
        ("transform(filter(resources, r -> r.accountid IS NOT NULL), r -> r.arn)", "[arn:aws:ec2:::i-1]"),
        ("transform(resources, R -> concat(eventid, ':', substr(R.ARN, -3)))", "[e-1:i-1, e-1:i-2]"),
        ("any_match(resources, r -> r.type = 'AWS::EC2::Instance' AND r.arn LIKE '%2')", "true"),
        ("all_match(ARRAY[1, 2], x -> x > 1)", "false"),
        ("all_match(ARRAY[2, NULL], x -> x > 1)", "-"),
        ("none_match(ARRAY[1, 2], x -> x > 2)", "true"),
        ("any_match(map_keys(additionaleventdata), k -> k = 'x')", "-"),
        ("cardinality(filter(map_keys(requestparameters), k -> element_at(requestparameters, k) IS NULL))", "1"),
    ] {
        assert_eq!(fixture.value(expression).await, value, "{expression}");
    }
    for (expression, error) in [
        ("map(ARRAY['a', 'a'], ARRAY[1, 2])", "Duplicate map keys are not allowed"),
        ("map(ARRAY['a'], ARRAY[1, 2])", "must be the same length"),
        ("filter(ARRAY[1], x -> x + 1)", "takes a lambda that is true or false"),
        ("filter(eventname, x -> true)", "takes a list and a lambda"),
        ("transform(ARRAY[1])", ""),
        ("slice(ARRAY[1], 0, 1)", "SQL array indices start at 1"),
    ] {
        let found = fixture.error(&format!("SELECT {expression} FROM {ID}")).await;
        assert!(found.contains(error), "{expression}: {found}");
    }
    let long = "ab,".repeat(6_000);
    let statement = format!(
        "SELECT cardinality(transform(split(a || a, 'b'), x -> a)) FROM (SELECT eventid || '{long}' AS a FROM {ID})"
    );
    let constant = format!("SELECT cardinality(transform(split('{long}', 'b'), x -> '{long}')) FROM {ID}");
    for statement in [statement, constant] {
        let error = fixture.error(&statement).await;
        assert!(error.contains("transform would make more than"), "{error}");
    }
}

#[tokio::test]
async fn aggregates_of_maps_and_lists() {
    let fixture = Fixture::new().await;
    for (statement, rows) in [
        (
            format!("SELECT histogram(eventname) FROM {ID}"),
            vec!["{CreateUser=1, DeleteTrail=1, DescribeTrails=2, RunInstances=1}"],
        ),
        (
            format!("SELECT map_agg(eventid, eventname) FROM {ID} WHERE eventid < 'e-3'"),
            vec!["{e-1=RunInstances, e-2=DescribeTrails}"],
        ),
        (
            format!(
                "SELECT eventsource, map_agg(eventid, readonly) FROM {ID} WHERE eventid < 'e-4' GROUP BY eventsource ORDER BY 1"
            ),
            vec!["cloudtrail.amazonaws.com|{e-2=true, e-3=true}", "ec2.amazonaws.com|{e-1=false}"],
        ),
        (
            format!(
                "SELECT transform(map_keys(m), k -> concat(k, '=', array_join(array_sort(m[k]), '+'))) FROM \
                (SELECT multimap_agg(eventname, eventid) AS m FROM {ID} WHERE eventsource LIKE 'cloudtrail%')"
            ),
            vec!["[DeleteTrail=e-4, DescribeTrails=e-2+e-3]"],
        ),
        (
            format!("SELECT histogram(useridentity.username) FILTER (WHERE readonly) FROM {ID}"),
            vec!["{alice=1, bob=1}"],
        ),
        (format!("SELECT map_agg(errormessage, eventid), histogram(errormessage) FROM {ID}"), vec!["-|-"]),
        (
            format!(
                "SELECT k, v FROM (SELECT histogram(eventname) AS h FROM {ID}) CROSS JOIN UNNEST(h) AS t(k, v) ORDER BY v DESC, k LIMIT 2"
            ),
            vec!["DescribeTrails|2", "CreateUser|1"],
        ),
        (
            format!(
                "SELECT listagg(eventid, ',') WITHIN GROUP (ORDER BY eventid DESC) FROM {ID} WHERE eventid > 'e-3'"
            ),
            vec!["e-5,e-4"],
        ),
    ] {
        assert_eq!(fixture.rows(&statement).await, rows, "{statement}");
    }
    for (what, error) in [
        ("histogram(DISTINCT eventname)", "Function 'histogram' takes plain arguments, and no window"),
        ("map_agg(eventid, eventname) OVER ()", "Function 'map_agg' takes plain arguments, and no window"),
        ("map_agg(eventid)", ""),
        ("listagg(eventid, ',')", "listagg takes a text, a separator and WITHIN GROUP"),
    ] {
        let statement = format!("SELECT {what} FROM {ID}");
        let found = fixture.sql.check(question(&statement, &[])).await.map_err(|error| error.to_string()).unwrap_err();
        assert!(found.contains(error), "{what}: {found}");
    }
}

#[tokio::test]
async fn what_fails_in_a_try_is_null_in_its_row_alone() {
    let fixture = Fixture::new().await;
    for (expression, value) in [
        ("try(1 / (length(eventid) - 3))", "-"),
        ("try(cast(eventname as bigint))", "-"),
        ("coalesce(try(date_parse(eventid, '%Y')), timestamp '2026-01-01 00:00:00')", "2026-01-01 00:00:00.000"),
        ("try(7 / 2)", "3"),
        ("try(json_parse('{'))", "-"),
        ("try(1 / 0)", "-"),
        ("transform(ARRAY[1, 0, 2], x -> try(4 / x))", "[4, null, 2]"),
    ] {
        assert_eq!(fixture.value(expression).await, value, "{expression}");
    }
    let statement =
        format!("SELECT eventid, try(12 / (cast(substr(eventid, 3) as bigint) - 2)) FROM {ID} ORDER BY eventid");
    assert_eq!(fixture.rows(&statement).await, ["e-1|-12", "e-2|-", "e-3|12", "e-4|6", "e-5|4"]);
    let statement = format!(
        "SELECT eventname, try(count_if(errorcode IS NOT NULL) / count_if(readonly)) FROM {ID} GROUP BY eventname ORDER BY 1"
    );
    assert_eq!(fixture.rows(&statement).await, ["CreateUser|-", "DeleteTrail|-", "DescribeTrails|0", "RunInstances|-"]);
    let long = "a".repeat(3_000);
    let nested = (0..4).fold("'a'".to_owned(), |of, _| format!("replace({of}, 'a', '{long}')"));
    let error = fixture.error(&format!("SELECT try({nested}) FROM {ID}")).await;
    assert!(error.contains("would make more than"), "{error}");
}
