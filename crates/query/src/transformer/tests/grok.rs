//! `grok`: the guide's examples of each pattern.

use super::{error, made, refusal};
use serde_json::{Value, json};

fn grok(pattern: &str, line: &str) -> Value {
    made(json!([{"grok": {"match": pattern}}]), line)
}

#[test]
fn lines_are_parsed() {
    assert_eq!(
        grok(
            "%{NUMBER:version} %{HOSTNAME:hostname} %{NOTSPACE:status} %{QUOTEDSTRING:logMsg}",
            r#"293750 server-01.internal-network.local OK "[Thread-000] token generated""#
        ),
        json!({
            "version": "293750",
            "hostname": "server-01.internal-network.local",
            "status": "OK",
            "logMsg": "[Thread-000] token generated"
        })
    );
    assert_eq!(
        grok(
            "%{HTTPDATE:timestamp} %{IPORHOST:clientip} %{NUMBER:response_status}",
            "23/Nov/2024:10:25:15 -0900 172.16.0.1 200"
        ),
        json!({"timestamp": "23/Nov/2024:10:25:15 -0900", "clientip": "172.16.0.1", "response_status": "200"})
    );
    assert_eq!(
        grok(
            "%{IP:client.ip} %{WORD:method} %{URIPATHPARAM:request.uri} %{NUMBER:response.status} %{NUMBER:response.bytes}",
            "192.168.1.1 GET /index.html?param=value 200 1234"
        ),
        json!({
            "client": {"ip": "192.168.1.1"},
            "method": "GET",
            "request": {"uri": "/index.html?param=value"},
            "response": {"status": "200", "bytes": "1234"}
        })
    );
    let redis = "%{NUMBER:timestamp} [%{NUMBER:db} %{IP:client_ip}:%{NUMBER:client_port}] %{GREEDYDATA:data}";
    assert_eq!(
        grok(redis, r#"1629860738.123456 [0 127.0.0.1:6379] "SET" "key1" "value1""#),
        json!({
            "timestamp": "1629860738.123456",
            "db": "0",
            "client_ip": "127.0.0.1",
            "client_port": "6379",
            "data": "\"SET\" \"key1\" \"value1\""
        })
    );
    assert_eq!(
        made(
            json!([{"parseJSON": {}}, {"grok": {"source": "logMsg", "match": "%{WORD:http_method} %{NOTSPACE:request} HTTP/%{NUMBER:http_version}"}}]),
            r#"{"level":"ERROR","logMsg":"GET /page.html HTTP/1.1"}"#
        ),
        json!({
            "level": "ERROR",
            "logMsg": "GET /page.html HTTP/1.1",
            "http_method": "GET",
            "request": "/page.html",
            "http_version": "1.1"
        })
    );
}

/// (pattern, what it matches)
#[rustfmt::skip]
const SINGLE: &[(&str, &str)] = &[
    ("USERNAME", "user123.name-TEST"), ("INT", "-456"), ("BASE10NUM", "-0.67"), ("BASE16NUM", "+0xA1B2"), ("POSINT", "123"),
    ("NONNEGINT", "007"), ("WORD", "user_123"), ("NOTSPACE", "hello_world123"), ("SPACE", " "),
    ("UUID", "550e8400-e29b-41d4-a716-446655440000"), ("URN", "urn:isbn:0451450523"),
    ("ARN", "arn:aws:iam:us-east-1:123456789012:user/johndoe"), ("CISCOMAC", "0123.4567.89AB"),
    ("WINDOWSMAC", "01-23-45-67-89-AB"), ("COMMONMAC", "01:23:45:67:89:AB"), ("MAC", "01:23:45:67:89:AB"),
    ("IPV6", "2001:db8:3333:4444:5555:6666:7777:8888"), ("IPV6", "::1"), ("IPV6", "fe80::1"), ("IPV6", "::ffff:10.0.0.1"),
    ("IPV6", "2001:db8::"), ("IPV4", "192.168.0.1"), ("IP", "192.168.0.1"), ("HOST", "server-01.internal-network.local"),
    ("IPORHOST", "2001:db8:3333:4444:5555:6666:7777:8888"), ("UNIXPATH", "/search?q=regex"),
    ("WINPATH", r"C:\Users\John\Documents\file.txt"), ("PATH", "/search?q=regex"), ("TTY", "/dev/tty1"),
    ("URIPROTO", "web+transformer"), ("URIPATH", "/category/sub-category/product_name"),
    ("URIPARAM", "?param1=value1&param2=value2"), ("URIPATHPARAM", "/category/sub-category/product?id=12345&color=red"),
    ("URI", "https://user:password@example.com/path/to/resource?param1=value1&param2=value2"), ("MONTH", "Jan"),
    ("MONTH", "January"), ("MONTHNUM", "5"), ("MONTHNUM", "05"), ("MONTHNUM2", "05"), ("MONTHDAY", "31"), ("YEAR", "2024"),
    ("YEAR", "24"), ("DAY", "Tuesday"), ("HOUR", "22"), ("MINUTE", "59"), ("SECOND", "3"), ("SECOND", "30.5"),
    ("SECOND", "30:5"), ("TIME", "09:45:32"), ("DATE_US", "11/23/2024"), ("DATE_US", "1-01-24"), ("DATE_EU", "23/11/2024"),
    ("DATE_EU", "1.01.24"), ("ISO8601_TIMEZONE", "+05:30"), ("ISO8601_TIMEZONE", "-530"), ("ISO8601_TIMEZONE", "Z"),
    ("ISO8601_SECOND", "60"), ("TIMESTAMP_ISO8601", "2023-05-15T14:30:00+05:30"), ("TIMESTAMP_ISO8601", "23-5-1T1:25+5:30"),
    ("TIMESTAMP_ISO8601", "23-5-1T1:25Z"), ("DATE", "11/29/2024"), ("DATE", "29.11.2024"),
    ("DATESTAMP", "29-11-2024 14:30:00"), ("TZ", "PDT"), ("DATESTAMP_RFC822", "Monday Jan 5 23 1:30:00 CDT"),
    ("DATESTAMP_RFC822", "Mon January 15 2023 14:30:00 PST"), ("DATESTAMP_RFC2822", "Mon, 15 May 2023 14:30:00 +0530"),
    ("DATESTAMP_RFC2822", "Monday, 15 Jan 23 14:30:00 Z"), ("DATESTAMP_OTHER", "Mon May 15 14:30:00 PST 2023"),
    ("DATESTAMP_EVENTLOG", "20230515143000"), ("LOGLEVEL", "INFO"), ("LOGLEVEL", "Warning"),
    ("HTTPDATE", "23/Nov/2024:14:30:00 +0640"), ("SYSLOGTIMESTAMP", "Nov 29 14:30:00"), ("PROG", "user.profile/settings-page"),
    ("SYSLOGHOST", "2001:db8:3333:4444:5555:6666:7777:8888"), ("GREEDYDATA_MULTILINE", "abc\ndef\nghi"),
];

#[test]
fn each_pattern_matches_its_example() {
    for (name, text) in SINGLE {
        assert_eq!(grok(&format!("%{{{name}:f}}"), text), json!({"f": text}), "{name}");
    }
    for (name, text) in
        [("IPV4", "256.1.1.1"), ("POSINT", "012"), ("MONTHNUM", "13"), ("MINUTE", "60"), ("IPV6", "1::2::3")]
    {
        error(json!([{"grok": {"match": format!("%{{{name}:f}}")}}]), text);
    }
}

#[test]
fn patterns_have_fields_of_their_own() {
    assert_eq!(grok("%{DATA:x} %{DATA:y}", "abc def ghi"), json!({"x": "abc", "y": "def ghi"}));
    assert_eq!(grok("%{GREEDYDATA:x} %{GREEDYDATA:y}", "abc def ghi"), json!({"x": "abc def", "y": "ghi"}));
    assert_eq!(
        grok("%{QUOTEDSTRING:a} %{QUOTEDSTRING:b}", r#""Hello, \"you\"" 'x'"#),
        json!({"a": r#"Hello, \"you\""#, "b": "x"})
    );
    assert_eq!(grok("%{HOSTPORT:ip}", "192.168.1.1:8080"), json!({"ip": "192.168.1.1:8080", "PORT": "8080"}));
    assert_eq!(
        grok("%{URIHOST:host} %{URIHOST:ip}", "example.com:443 10.0.0.1"),
        json!({"host": "example.com:443", "port": "443", "ip": "10.0.0.1"})
    );
    assert_eq!(
        grok("%{SYSLOGPROG:programWithId}", "user.profile/settings-page[1234]"),
        json!({"programWithId": "user.profile/settings-page[1234]", "program": "user.profile/settings-page", "pid": "1234"})
    );
    assert_eq!(
        grok("%{SYSLOGFACILITY:syslog}", "<13.6>"),
        json!({"syslog": "<13.6>", "facility": "13", "priority": "6"})
    );
    assert_eq!(grok(r"\[%{WORD:a}\] (%{WORD}) a.c", "[x] (y) a.c"), json!({"a": "x"}));
    let whole = json!([{"grok": {"match": "%{WORD:a}"}}]);
    assert_eq!(error(whole, "two words"), "the grok pattern does not match");
}

#[test]
fn common_logs_are_parsed_with_types() {
    assert_eq!(
        grok(
            "%{APACHE_ACCESS_LOG}",
            r#"127.0.0.1 - - [03/Aug/2023:12:34:56 +0000] "GET /page.html HTTP/1.1" 200 1234"#
        ),
        json!({
            "request": "/page.html",
            "http_method": "GET",
            "status_code": 200,
            "http_version": "1.1",
            "response_size": 1234,
            "remote_host": "127.0.0.1",
            "timestamp": "2023-08-03T12:34:56Z"
        })
    );
    let agent = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36";
    let line = format!(
        r#"192.168.1.100 - Foo [03/Aug/2023:12:34:56 +0200] "GET /account/login.html HTTP/1.1" 200 42 "https://www.amazon.com/" "{agent}" more"#
    );
    assert_eq!(
        grok("%{NGINX_ACCESS_LOG} %{GREEDYDATA:rest}", &line),
        json!({
            "request": "/account/login.html",
            "referrer": "https://www.amazon.com/",
            "agent": agent,
            "http_method": "GET",
            "status_code": 200,
            "auth_user": "Foo",
            "http_version": "1.1",
            "response_size": 42,
            "remote_host": "192.168.1.100",
            "timestamp": "2023-08-03T10:34:56Z",
            "rest": "more"
        })
    );
    let syslog = r#"<165>1 2003-10-11T22:14:15.003Z mymachine.example.com evntslog - ID47 [exampleSDID@32473 iut="3" eventSource= "Application" eventID="1011"][examplePriority@32473 class="high"]"#;
    assert_eq!(
        grok("%{SYSLOG5424}", syslog),
        json!({
            "pri": 165,
            "version": 1,
            "timestamp": "2003-10-11T22:14:15.003Z",
            "hostname": "mymachine.example.com",
            "app": "evntslog",
            "msg_id": "ID47",
            "structured_data": r#"exampleSDID@32473 iut="3" eventSource= "Application" eventID="1011""#,
            "message": r#"[examplePriority@32473 class="high"]"#
        })
    );
}

#[test]
fn matches_have_rules() {
    let refused = |pattern: &str| refusal(json!([{"grok": {"match": pattern}}]));
    assert_eq!(refused("plain"), "grok: a match has 1 to 20 patterns");
    assert_eq!(refused(&"%{INT} ".repeat(21)), "grok: a match has 1 to 20 patterns");
    assert_eq!(refused("%{NOSUCH:a}"), "grok: the pattern 'NOSUCH' is not supported");
    assert_eq!(refused("%{OCTET:a}"), "grok: the pattern 'OCTET' is not supported");
    assert_eq!(refused("%{INT:a:int}"), "grok: type conversion is not supported: %{INT:a:int}");
    assert_eq!(refused("%{INT:a"), "grok: a pattern is not closed");
    assert_eq!(refused("%{INT:a.b.c.d}"), "grok: 'a.b.c.d' is not a name of at most 3 keys");
    assert_eq!(refused(&"%{NOTSPACE} ".repeat(6)), "grok: a match has the pattern NOTSPACE at most 5 times");
    assert!(refused("%{DATA} %{DATA} %{DATA} %{SPACE} %{SPACE} %{URI}").starts_with("grok: a match has at most 5 of"));
    // The guide's own examples, right and wrong.
    for valid in
        ["%{NGINX_ACCESS_LOG} %{DATA}", "%{SYSLOG5424}%{DATA:logMsg}", "%{APACHE_ACCESS_LOG} %{GREEDYDATA:logMsg}"]
    {
        super::transformer(json!([{"grok": {"match": valid}}]));
    }
    for invalid in [
        "%{APACHE_ACCESS_LOG} %{SYSLOG5424}",
        "%{NGINX_ACCESS_LOG} %{NUMBER:num}",
        "%{GREEDYDATA:logMsg} %{SYSLOG5424}",
    ] {
        assert!(refused(invalid).contains("must be the first"), "{invalid}");
    }
}
