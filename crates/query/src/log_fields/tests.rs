use super::*;
use proptest::prelude::*;

fn get(line: &str, name: &str) -> Option<String> {
    field(line, &FieldPath::parse(name)).map(Cow::into_owned)
}

fn all(line: &str) -> Vec<(String, String)> {
    fields(line)
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    expected.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[test]
fn json_is_flattened() {
    let line = r#"{"eventName":"StartInstances","requestParameters":{"instancesSet":{"items":[{"instanceId":"i-abcde123"},
        {"instanceId":"i-2"}]}},"ok":true,"n":-1.50e3,"none":null,"empty":{},"list":[],"quote":"a \"b\" \u00e9"}"#;
    let expected = pairs(&[
        ("eventName", "StartInstances"),
        ("requestParameters.instancesSet.items.0.instanceId", "i-abcde123"),
        ("requestParameters.instancesSet.items.1.instanceId", "i-2"),
        ("ok", "true"),
        ("n", "-1.50e3"),
        ("quote", "a \"b\" \u{e9}"),
    ]);
    assert_eq!(all(line), expected);
    for (name, value) in expected {
        assert_eq!(get(line, &name), Some(value), "{name}");
    }
    for absent in ["none", "empty", "list", "list.0", "requestParameters", "eventname", "eventName.x", "", "ok.", "@ok"]
    {
        assert_eq!(get(line, absent), None, "{absent}");
    }
}

#[test]
fn a_name_with_dots_may_be_one_key_or_several() {
    assert_eq!(get(r#"{"a.b":1}"#, "a.b").as_deref(), Some("1"));
    assert_eq!(get(r#"{"a.b":{"c":1}}"#, "a.b.c").as_deref(), Some("1"));
    assert_eq!(get(r#"{"a":{"b":1},"a.b":2}"#, "a.b").as_deref(), Some("2"));
    assert_eq!(all(r#"{"a":{"b":1},"a.b":2,"a.b":3}"#), pairs(&[("a.b", "2")]));
    assert_eq!(get(r#"{"a":[[1,2],[3]]}"#, "a.1.0").as_deref(), Some("3"));
    assert_eq!(get(r#"{"a":{"0":"key"}}"#, "a.0").as_deref(), Some("key"));
    assert_eq!(get(r#"{"a":[1]}"#, "a.00"), None);
}

#[test]
fn a_name_that_starts_with_at_shows_with_two() {
    let line = r#"{"@timestamp":"2024-01-01","a":{"@b":1}}"#;
    assert_eq!(all(line), pairs(&[("@@timestamp", "2024-01-01"), ("a.@b", "1")]));
    assert_eq!(get(line, "@@timestamp").as_deref(), Some("2024-01-01"));
    assert_eq!(get(line, "@timestamp"), None, "which is the time of the event");
    assert_eq!(get(line, "a.@b").as_deref(), Some("1"));
}

#[test]
fn escaped_keys_are_found() {
    assert_eq!(get(r#"{"\u006cevel":"x"}"#, "level").as_deref(), Some("x"));
    assert_eq!(get(r#"{"a\/b":"x"}"#, "a/b").as_deref(), Some("x"));
}

#[test]
fn what_is_not_json_to_its_end_has_no_fields() {
    for line in
        ["", "{", "{}", "[1]", r#"[{"a":1}]"#, r#"{"a":1"#, r#"{"a":1} x"#, r#"{"a":{"b":1}"#, r#"{"a":01x}"#, "{a:1}"]
    {
        assert_eq!(all(line), Vec::new(), "{line}");
        assert_eq!(get(line, "a"), None, "{line}");
    }
    assert_eq!(all("  {\"a\":1} \n"), pairs(&[("a", "1")]));
    let deep = format!("{}1{}", "{\"a\":".repeat(100_000), "}".repeat(100_000));
    assert_eq!(all(&deep), Vec::new());
    assert_eq!(get(&deep, "a"), None);
}

#[test]
fn the_first_fragment_amid_text_is_discovered() {
    let line = "2023-03-05T01:01:39.425Z\ta0219c6b-18ac-4639-985d-d10f4125524f\tINFO\tgot {} as {\n  \"Records\": [{\"n\": 1}]\n} and {\"m\": 2}";
    assert_eq!(all(line), pairs(&[("@requestId", "a0219c6b-18ac-4639-985d-d10f4125524f"), ("Records.0.n", "1")]));
    assert_eq!(get(line, "Records.0.n").as_deref(), Some("1"));
    assert_eq!(get(line, "m"), None);
    assert_eq!(all(r#"cut off {"a":{"b":1}"#), Vec::new());
}

#[test]
fn a_lambda_report_has_the_values_that_aws_shows() {
    let line = "REPORT RequestId: 0fc78b42-f6e0-400a-be91-71c5d1eadb9a\tDuration: 1394.60 ms\tBilled Duration: 1395 ms\t\
        Memory Size: 128 MB\tMax Memory Used: 79 MB\tInit Duration: 428.60 ms\t\nXRAY TraceId: 1-5e34a614-10bdxmplf1fb44f07bc535a1\t\
        SegmentId: 07f5xmpl2d1f6f85\tSampled: true\t\n";
    let expected = pairs(&[
        ("@type", "REPORT"),
        ("@requestId", "0fc78b42-f6e0-400a-be91-71c5d1eadb9a"),
        ("@duration", "1394.6"),
        ("@billedDuration", "1395.0"),
        ("@memorySize", "1.28E8"),
        ("@maxMemoryUsed", "7.9E7"),
        ("@initDuration", "428.6"),
        ("@xrayTraceId", "1-5e34a614-10bdxmplf1fb44f07bc535a1"),
        ("@xraySegmentId", "07f5xmpl2d1f6f85"),
    ]);
    assert_eq!(all(line), expected);
    for (name, value) in expected {
        assert_eq!(get(line, &name), Some(value), "{name}");
    }
    let twice = format!("REPORT RequestId: x{}", "\tDuration: 1 ms\tDuration: 2 ms".repeat(300));
    assert_eq!(all(&twice).last(), Some(&("@duration".to_owned(), "1.0".to_owned())));
    assert_eq!(get("REPORT RequestId: x\tMemory Size: 100 MB", "@memorySize").as_deref(), Some("1.0E8"));
}

#[test]
fn lambda_lines_name_their_request() {
    let id = "0fc78b42-f6e0-400a-be91-71c5d1eadb9a";
    assert_eq!(
        all(&format!("START RequestId: {id} Version: $LATEST\n")),
        pairs(&[("@type", "START"), ("@requestId", id)])
    );
    assert_eq!(all(&format!("END RequestId: {id}")), pairs(&[("@type", "END"), ("@requestId", id)]));
    for line in [
        format!("2023-03-04T06:58:52.208Z\t{id}\tINFO\thello"),
        format!("[ERROR]\t2023-03-04T06:58:52.208Z\t{id}\thello"),
        format!("2023-03-04T06:58:52.208Z {id} Task timed out after 3.00 seconds"),
    ] {
        assert_eq!(all(&line), pairs(&[("@requestId", id)]), "{line}");
    }
    for line in ["STARTED RequestId: x", "START of day", "2023-03-04 06:58:52 INFO hello", "[a] b c d", "REPORT"] {
        assert_eq!(all(line), Vec::new(), "{line}");
    }
}

#[test]
fn flow_logs_and_dns_queries_have_named_columns() {
    let flow = "2 123456789010 eni-1235b8ca123456789 172.31.16.139 172.31.16.21 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK";
    assert_eq!(all(flow).len(), 14);
    for (name, value) in [
        ("srcAddr", "172.31.16.139"),
        ("dstPort", "22"),
        ("action", "ACCEPT"),
        ("startTime", "1418530010"),
        ("end", "1418530070"),
    ] {
        assert_eq!(get(flow, name).as_deref(), Some(value), "{name}");
    }
    let none = "2 123456789010 eni-1235b8ca123456789 - - - - - - - 1431280876 1431280934 - NODATA";
    assert_eq!(get(none, "srcAddr").as_deref(), Some("-"));
    assert_eq!(get(none, "logStatus").as_deref(), Some("NODATA"));
    let query =
        "1.0 2017-12-13T08:16:02.130Z Z123412341234 example.com A NOERROR UDP FRA6 2001:db8::1234 198.51.100.0/24";
    assert_eq!(all(query).len(), 10);
    assert_eq!(get(query, "queryName").as_deref(), Some("example.com"));
    assert_eq!(get(query, "hostedZoneId").as_deref(), Some("Z123412341234"));
    for other in [
        "2 123456789010 eni-1 a b c",
        &format!("{flow} more"),
        "1.0 is a version number of ten words in a line",
        r#"127.0.0.1 - - [10/Oct/2000:13:55:36 -0700] "GET / HTTP/1.0" 2326"#,
    ] {
        assert_eq!(all(other), Vec::new(), "{other}");
    }
}

#[test]
fn at_most_200_fields_are_listed_and_all_are_found() {
    let members: Vec<String> = (0..300).map(|n| format!("\"k{n}\":{n}")).collect();
    let line = format!("{{{}}}", members.join(","));
    assert_eq!(all(&line).len(), 200);
    assert_eq!(get(&line, "k250").as_deref(), Some("250"));
}

fn json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        "[a-c.@\"\\\\ é]{0,4}".prop_map(Into::into),
    ];
    let key = "[@a-c.]{0,3}";
    leaf.prop_recursive(4, 32, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::vec((key, inner), 0..4)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn every_listed_field_is_found(value in json(), before in "[a-z ]{0,5}", after in "[ a-z]{0,3}") {
        for line in [value.to_string(), format!("{before}{value}{after}")] {
            for (name, value) in fields(&line) {
                prop_assert_eq!(field(&line, &FieldPath::parse(&name)), Some(Cow::Owned(value)), "{} of {}", name, line);
            }
        }
    }

    #[test]
    fn fields_are_the_same_together_and_one_by_one(
        value in json(),
        before in "[a-z ]{0,5}",
        others in prop::collection::vec("@{0,2}[a-c.]{0,4}", 0..4),
    ) {
        for line in [value.to_string(), format!("{before}{value}"), format!("REPORT RequestId: 1 {value}")] {
            let names = fields(&line).into_iter().map(|(name, _)| name).chain(others.clone()).chain(["@requestId".into()]);
            let paths: Vec<FieldPath> = names.map(|name| FieldPath::parse(&name)).collect();
            let one_by_one: Vec<_> = paths.iter().map(|path| field(&line, path)).collect();
            prop_assert_eq!(fields_of(&line, &paths), one_by_one, "{}", line);
        }
    }

    #[test]
    fn access_lines_are_read_as_they_are_told(status in 100u16..600, path in "/[a-z]{0,5}") {
        let line = format!("10.0.0.1 - - [01/Mar/2026:00:00:00 +0000] \"GET {path} HTTP/1.1\" {status} 5");
        for (name, value) in [("status", status.to_string()), ("path", path)] {
            prop_assert_eq!(field(&line, &FieldPath::parse(name)), Some(Cow::Owned(value)));
        }
        prop_assert_eq!(fields(&line).len(), 10);
    }

    #[test]
    fn no_text_panics(line in ".{0,80}", name in ".{0,10}") {
        let _ = fields(&line);
        let _ = field(&line, &FieldPath::parse(&name));
    }

    #[test]
    fn no_near_miss_panics(line in r#"(REPORT RequestId: |START |\{"|[\[{]|"|:|,|é|\\|\t|1\.0 |2 eni-|[0-9]{1,3}|[A-Z]{1,2}){0,24}"#) {
        for (name, value) in fields(&line) {
            prop_assert_eq!(field(&line, &FieldPath::parse(&name)), Some(Cow::Owned(value)));
        }
    }
}
