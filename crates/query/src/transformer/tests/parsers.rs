//! Processors that parse.

use super::{error, made};
use serde_json::{Value, json};

#[test]
fn json_is_parsed() {
    let line = r#"{ "outer_key": { "inner_key": "inner_value" } }"#;
    let outer = json!({"outer_key": {"inner_key": "inner_value"}});
    assert_eq!(made(json!([{"parseJSON": {}}]), line), outer);
    assert_eq!(made(json!([{"parseJSON": {"destination": "new_key"}}]), line), json!({"new_key": outer}));
    let again = json!([{"parseJSON": {}}, {"parseJSON": {"source": "text", "destination": "text"}}]);
    assert_eq!(made(again.clone(), r#"{"text": "[1, 2]"}"#), json!({"text": [1, 2]}));
    assert_eq!(error(again.clone(), r#"{"text": 1}"#), "the field 'text' is not a string");
    assert_eq!(error(again, "{}"), "the field 'text' is missing");
    assert_eq!(error(json!([{"parseJSON": {}}]), "plain"), "the source is not valid JSON");
    assert_eq!(error(json!([{"parseJSON": {}}]), "[1]"), "the source is not a JSON object");
    assert_eq!(error(json!([{"parseJSON": {}}]), &"[".repeat(100_000)), "the source is not valid JSON");
}

#[test]
fn values_parted_by_commas_are_parsed() {
    let csv = |config: Value, line: &str| made(json!([{"csv": config}]), line);
    assert_eq!(
        csv(json!({"delimiter": ":", "quoteCharacter": "'"}), "'Akua Mansa':28:'New York: USA'"),
        json!({"column_1": "Akua Mansa", "column_2": "28", "column_3": "New York: USA"})
    );
    assert_eq!(csv(json!({"columns": ["a", "b.c"]}), "1,2,3\n"), json!({"a": "1", "b": {"c": "2"}, "column_3": "3"}));
    assert_eq!(csv(json!({"delimiter": "\\t"}), "a\tb c"), json!({"column_1": "a", "column_2": "b c"}));
    assert_eq!(csv(json!({"delimiter": "\\s"}), "a b"), json!({"column_1": "a", "column_2": "b"}));
    assert_eq!(
        csv(json!({}), r#""say ""hi""",,"x"#),
        json!({"column_1": "say \"hi\"", "column_2": "", "column_3": "x"})
    );
}

#[test]
fn keys_and_values_are_parsed() {
    let config = json!({
        "destination": "new_key",
        "fieldDelimiter": "!",
        "keyValueDelimiter": ":",
        "nonMatchValue": "defaultValue",
        "keyPrefix": "parsed_"
    });
    assert_eq!(
        made(json!([{"parseKeyValue": config}]), "key1:value1!key2:value2!key3:value3!key4"),
        json!({"new_key": {
            "parsed_key1": "value1",
            "parsed_key2": "value2",
            "parsed_key3": "value3",
            "parsed_key4": "defaultValue"
        }})
    );
    assert_eq!(made(json!([{"parseKeyValue": {}}]), "a=1&b=x=y&&c&a=2"), json!({"a": "1", "b": "x=y", "c": null}));
    let over = |overwrite: bool| {
        let config = json!({"source": "q", "destination": "d", "overwriteIfExists": overwrite});
        made(json!([{"parseJSON": {}}, {"parseKeyValue": config}]), r#"{"q":"a=1&b=2","d":{"a":0}}"#)["d"].clone()
    };
    assert_eq!(over(false), json!({"a": 0, "b": "2"}));
    assert_eq!(over(true), json!({"a": "1", "b": "2"}));
}

#[test]
fn waf_logs_get_headers_and_labels_by_name() {
    let line = json!({
        "timestamp": 1576280412771_i64,
        "action": "BLOCK",
        "httpRequest": {
            "clientIp": "1.1.1.1",
            "headers": [
                {"name": "Host", "value": "localhost:1989"},
                {"name": "x-stm-test", "value": "10 AND 1=1"}
            ],
            "uri": "/myUri"
        },
        "labels": [{"name": "value"}]
    });
    let expected = json!({
        "timestamp": 1576280412771_i64,
        "action": "BLOCK",
        "httpRequest": {
            "clientIp": "1.1.1.1",
            "headers": {"Host": "localhost:1989", "x-stm-test": "10 AND 1=1"},
            "uri": "/myUri"
        },
        "labels": {"name": "value"}
    });
    let waf = |line: &Value| made(json!([{"parseWAF": {}}]), &line.to_string());
    assert_eq!(waf(&line), expected);
    let labels = json!({"labels": [{"name": "a"}, {"name": "b"}, {"name": "c"}]});
    assert_eq!(waf(&labels), json!({"labels": {"name": ["a", "b", "c"]}}));
    assert_eq!(error(json!([{"parseWAF": {}}]), "[]"), "not a WAF log");
}

#[test]
fn postgres_logs_are_parsed() {
    let line = r#"2019-03-10 03:54:59 UTC:10.0.0.123(52834):postgres@logtestdb:[20175]:ERROR: column "wrong_column_name" does not exist at character 8"#;
    assert_eq!(
        made(json!([{"parsePostgres": {}}]), line),
        json!({
            "logTime": "2019-03-10 03:54:59 UTC",
            "srcIp": "10.0.0.123(52834)",
            "userName": "postgres",
            "dbName": "logtestdb",
            "processId": "20175",
            "logLevel": "ERROR"
        })
    );
    let v6 = "2019-03-10 03:54:59.123 UTC:2001:db8::1(52834):u@d:[1]:LOG: x";
    assert_eq!(made(json!([{"parsePostgres": {}}]), v6)["srcIp"], "2001:db8::1(52834)");
    assert_eq!(error(json!([{"parsePostgres": {}}]), "x"), "not a log of RDS for PostgreSQL");
}

#[test]
fn cloudfront_logs_are_parsed() {
    let line = "2019-12-04  21:02:31   LAX1   392    192.0.2.24    GET    d111111abcdef8.cloudfront.net  /index.html    200    -  Mozilla/5.0%20(Windows%20NT%2010.0;%20Win64;%20x64)  -  -  Hit    SOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==   d111111abcdef8.cloudfront.net  https  23 0.001  -  TLSv1.2    ECDHE-RSA-AES128-GCM-SHA256    Hit    HTTP/2.0   -  -  11040  0.001  Hit    text/html  78 -  -";
    let made = made(json!([{"parseCloudfront": {}}]), line);
    assert_eq!(made.as_object().unwrap().len(), 33);
    for (key, value) in [
        ("date", json!("2019-12-04")),
        ("sc-bytes", json!(392)),
        ("c-ip", json!("192.0.2.24")),
        ("cs(Host)", json!("d111111abcdef8.cloudfront.net")),
        ("sc-status", json!(200)),
        ("cs(Referer)", json!("-")),
        ("cs(User-Agent)", json!("Mozilla/5.0 (Windows NT 10.0; Win64; x64)")),
        ("time-taken", json!(0.001)),
        ("ssl-cipher", json!("ECDHE-RSA-AES128-GCM-SHA256")),
        ("c-port", json!(11040)),
        ("sc-content-len", json!(78)),
        ("sc-range-end", json!("-")),
    ] {
        assert_eq!(made[key], value, "{key}");
    }
    assert_eq!(error(json!([{"parseCloudfront": {}}]), "#Version: 1.0"), "not a CloudFront access log");
}

#[test]
fn route_53_logs_are_parsed() {
    let line =
        "1.0 2017-12-13T08:15:50.235Z Z123412341234 example.com AAAA NOERROR TCP IAD12 192.0.2.0 198.51.100.0/24";
    let made = made(json!([{"parseRoute53": {}}]), line);
    assert_eq!(
        made.to_string(),
        r#"{"version":1.0,"queryTimestamp":"2017-12-13T08:15:50.235Z","hostZoneId":"Z123412341234","queryName":"example.com","queryType":"AAAA","responseCode":"NOERROR","protocol":"TCP","edgeLocation":"IAD12","resolverIp":"192.0.2.0","ednsClientSubnet":"198.51.100.0/24"}"#
    );
}

#[test]
fn vpc_flow_logs_are_parsed() {
    let line = "2 123456789010 eni-abc123de 192.0.2.0 192.0.2.24 20641 22 6 20 4249 1418530010 1418530070 ACCEPT OK";
    assert_eq!(
        made(json!([{"parseVPC": {}}]), line).to_string(),
        r#"{"version":2,"accountId":"123456789010","interfaceId":"eni-abc123de","srcAddr":"192.0.2.0","dstAddr":"192.0.2.24","srcPort":20641,"dstPort":22,"protocol":6,"packets":20,"bytes":4249,"start":1418530010,"end":1418530070,"action":"ACCEPT","logStatus":"OK"}"#
    );
    assert_eq!(error(json!([{"parseVPC": {}}]), "2 1"), "not a VPC flow log");
}
