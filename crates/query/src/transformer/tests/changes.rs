//! Processors that change keys and values.

use super::{changed, error, made};
use serde_json::{Value, json};

fn nested(value: &str) -> Value {
    json!({"outer_key": {"inner_key": value}})
}

#[test]
fn strings_change_case_and_lose_spaces() {
    let keys = json!({"withKeys": ["outer_key.inner_key", "absent.key"]});
    assert_eq!(changed(json!({"lowerCaseString": keys}), nested("INNER_VALUE")), nested("inner_value"));
    assert_eq!(changed(json!({"upperCaseString": keys}), nested("inner_value")), nested("INNER_VALUE"));
    assert_eq!(changed(json!({"trimString": keys}), nested("   inner_value  ")), nested("inner_value"));
    let number = json!({"outer_key": {"inner_key": 7}});
    assert_eq!(changed(json!({"trimString": keys}), number.clone()), number);
}

#[test]
fn strings_are_split() {
    let split =
        |delimiter| json!({"splitString": {"entries": [{"source": "outer_key.inner_key", "delimiter": delimiter}]}});
    assert_eq!(changed(split("_"), nested("inner_value")), json!({"outer_key": {"inner_key": ["inner", "value"]}}));
    let three = json!({"outer_key": {"inner_key": ["item1", "item2", "item3"]}});
    assert_eq!(changed(split(", "), nested("item1, item2, item3")), three);
}

#[test]
fn strings_are_substituted() {
    let entry = |source: &str, from: &str, to: &str| json!({"source": source, "from": from, "to": to});
    let substitute = |entries: Value| json!({"substituteString": {"entries": entries}});
    let first =
        json!({"outer_key": {"inner_key1": "[]", "inner_key2": "123-345-567", "inner_key3": "A cat takes a catnap."}});
    let entries = json!([
        entry("outer_key.inner_key1", r"\[\]", "value1"),
        entry("outer_key.inner_key2", "[0-9]{3}-[0-9]{3}-[0-9]{3}", "xxx-xxx-xxx"),
        entry("outer_key.inner_key3", "cat", "dog")
    ]);
    assert_eq!(
        changed(substitute(entries), first),
        json!({"outer_key": {"inner_key1": "value1", "inner_key2": "xxx-xxx-xxx", "inner_key3": "A dog takes a dognap."}})
    );
    let second = json!({"outer_key": {
        "inner_key1": "Tom, Dick, and Harry",
        "inner_key2": "arn:aws:sts::123456789012:assumed-role/MyImportantRole/MySession"
    }});
    let arn = r"^arn:aws:sts::(?P<account_id>\d{12}):assumed-role/(?P<role_name>[\w+=,.@-]+)/(?P<role_session_name>[\w+=,.@-]+)$";
    let entries = json!([
        entry("outer_key.inner_key1", r"(\w+), (\w+), and (\w+)", "$1 and $3"),
        entry("outer_key.inner_key2", arn, "${account_id}:${role_name}:${role_session_name}")
    ]);
    assert_eq!(
        changed(substitute(entries), second),
        json!({"outer_key": {"inner_key1": "Tom and Harry", "inner_key2": "123456789012:MyImportantRole:MySession"}})
    );
    // As in Java, `$12` is group 1 and a 2 where there are no twelve groups.
    let one = substitute(json!([entry("k", "(a)", r"$12\$")]));
    assert_eq!(changed(one, json!({"k": "ab"})), json!({"k": "a2$b"}));
}

#[test]
fn a_text_does_not_grow_without_end() {
    let twice = json!({"source": "k", "from": "(.+)", "to": "$1$1"});
    let line = json!({"k": "x".repeat(300_000)}).to_string();
    let processors = json!([{"parseJSON": {}}, {"substituteString": {"entries": [twice, twice, twice]}}]);
    assert_eq!(error(processors, &line), "substituteString: the text exceeds 1048576 bytes");
}

#[test]
fn keys_are_added_and_deleted() {
    let add = |overwrite: bool| {
        let entries = json!([
            {"key": "outer_key.new_key", "value": "new_value"},
            {"key": "outer_key.inner_key", "value": "changed", "overwriteIfExists": overwrite}
        ]);
        changed(json!({"addKeys": {"entries": entries}}), nested("inner_value"))
    };
    assert_eq!(add(false), json!({"outer_key": {"inner_key": "inner_value", "new_key": "new_value"}}));
    assert_eq!(add(true), json!({"outer_key": {"inner_key": "changed", "new_key": "new_value"}}));
    let delete = json!({"deleteKeys": {"withKeys": ["outer_key.inner_key", "absent"]}});
    assert_eq!(changed(delete, nested("x")), json!({"outer_key": {}}));
}

#[test]
fn keys_are_moved_and_renamed() {
    let two = json!({"outer_key1": {"inner_key1": "inner_value1"}, "outer_key2": {"inner_key2": "inner_value2"}});
    let move_to = |source: &str, target: &str, overwrite: bool| json!({"moveKeys": {"entries": [{"source": source, "target": target, "overwriteIfExists": overwrite}]}});
    assert_eq!(
        changed(move_to("outer_key1.inner_key1", "outer_key2", false), two.clone()),
        json!({"outer_key1": {}, "outer_key2": {"inner_key2": "inner_value2", "inner_key1": "inner_value1"}})
    );
    assert_eq!(changed(move_to("a", "c.d", false), json!({"a": 1})), json!({"c": {"d": 1}}));
    assert_eq!(changed(move_to("a", "b", false), json!({"a": 1, "b": 2})), json!({"a": 1, "b": 2}));
    assert_eq!(changed(move_to("a", "b", true), json!({"a": 1, "b": 2})), json!({"b": 1}));
    // Neither into itself nor through a value that is no object.
    assert_eq!(changed(move_to("a", "a.b", true), json!({"a": {"b": 2}})), json!({"a": {"b": 2}}));
    assert_eq!(changed(move_to("a", "b.c", true), json!({"a": 1, "b": 2})), json!({"a": 1, "b": 2}));
    let rename = json!({"renameKeys": {"entries": [{"key": "outer_key", "renameTo": "new_key"}, {"key": "x", "renameTo": "y"}]}});
    assert_eq!(changed(rename, nested("v")), json!({"new_key": {"inner_key": "v"}}));
}

#[test]
fn values_and_metadata_are_copied() {
    let entry = |source: &str, target: &str| json!({"source": source, "target": target});
    let entries = json!([
        entry("outer_key.inner_key", "new_key"),
        entry("@logGroupName", "log_group_name"),
        entry("@logGroupStream", "log_group_stream"),
        entry("@accountId", "account_id"),
        entry("@regionName", "region_name")
    ]);
    assert_eq!(
        changed(json!({"copyValue": {"entries": entries}}), nested("inner_value")),
        json!({
            "outer_key": {"inner_key": "inner_value"},
            "new_key": "inner_value",
            "log_group_name": "myLogGroupName",
            "log_group_stream": "myLogStreamName",
            "account_id": "012345678912",
            "region_name": "us-east-1"
        })
    );
}

#[test]
fn lists_become_maps() {
    let pair = |key: &str, value: &str| json!({"inner_key": key, "inner_value": value});
    let list = json!([pair("a", "val-a"), pair("b", "val-b1"), pair("b", "val-b2"), pair("c", "val-c")]);
    let map = |options: Value| {
        let mut config = json!({"source": "outer_key", "key": "inner_key"});
        config.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        changed(json!({"listToMap": config}), json!({"outer_key": list}))
    };
    assert_eq!(
        map(json!({"valueKey": "inner_value", "flatten": false})),
        json!({"outer_key": list, "a": ["val-a"], "b": ["val-b1", "val-b2"], "c": ["val-c"]})
    );
    for (element, b) in [("first", "val-b1"), ("last", "val-b2")] {
        assert_eq!(
            map(json!({"valueKey": "inner_value", "flatten": true, "flattenedElement": element})),
            json!({"outer_key": list, "a": "val-a", "b": b, "c": "val-c"})
        );
    }
    let whole = map(json!({"target": "outer_key", "flatten": true, "flattenedElement": "last"}));
    assert_eq!(whole["outer_key"]["b"], pair("b", "val-b2"));
}

#[test]
fn types_are_converted() {
    let convert = |to: &str, value: Value| {
        let processor =
            json!({"typeConverter": {"entries": [{"key": "k", "type": to}, {"key": "absent", "type": to}]}});
        changed(processor, json!({"k": value}))["k"].clone()
    };
    assert_eq!(convert("integer", json!("200")), json!(200));
    assert_eq!(convert("integer", json!(" 1.9 ")), json!(1));
    assert_eq!(convert("integer", json!(true)), json!(1));
    assert_eq!(convert("integer", json!("9e99")), json!("9e99"));
    assert_eq!(convert("double", json!("1.5")), json!(1.5));
    assert_eq!(convert("double", json!("NaN")), json!("NaN"));
    assert_eq!(convert("string", json!(1.5)), json!("1.5"));
    assert_eq!(convert("boolean", json!("TRUE")), json!(true));
    assert_eq!(convert("boolean", json!(0)), json!(false));
    assert_eq!(convert("boolean", json!("yes")), json!("yes"));
    assert_eq!(convert("integer", json!({"a": 1})), json!({"a": 1}));
}

fn date(options: Value, text: &str) -> Value {
    let mut config = json!({"source": "d", "target": "t.at", "locale": "en"});
    config.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    changed(json!({"dateTimeConverter": config}), json!({"d": text}))["t"]["at"].clone()
}

#[test]
fn dates_are_converted_between_zones_and_languages() {
    // The guide's own answer, `1998-12-05T17:00:00 MEZ`, is neither New York's time nor its zone.
    let german = json!({
        "locale": "de",
        "matchPatterns": ["EEEE dd. MMMM yyyy HH:mm:ss"],
        "sourceTimezone": "Europe/Berlin",
        "targetTimezone": "America/New_York",
        "targetFormat": "yyyy-MM-dd'T'HH:mm:ss z"
    });
    assert_eq!(date(german, "Samstag 05. Dezember 1998 11:00:00"), json!("1998-12-05T05:00:00 EST"));
    let plain = |pattern: &str, text: &str| date(json!({"matchPatterns": ["'never'", pattern]}), text);
    assert_eq!(plain("yyyy-MM-dd HH:mm:ss", "2024-02-29 01:02:03"), json!("2024-02-29T01:02:03.000Z"));
    assert_eq!(plain("yyyyMMddHHmmssSSS", "20240229010203456"), json!("2024-02-29T01:02:03.456Z"));
    assert_eq!(plain("dd/MMM/yyyy:HH:mm:ss Z", "03/Aug/2023:12:34:56 -0530"), json!("2023-08-03T18:04:56.000Z"));
    assert_eq!(plain("yyyy-MM-dd'T'HH:mm:ssXXX", "2024-01-01T00:00:00+02:00"), json!("2023-12-31T22:00:00.000Z"));
    assert_eq!(plain("M/d/yy h:mm a", "1/2/24 12:05 AM"), json!("2024-01-02T00:05:00.000Z"));
    assert_eq!(plain("M/d/yy h:mm a", "1/2/24 1:05 pm"), json!("2024-01-02T13:05:00.000Z"));
    assert_eq!(plain("yyyy-DDD", "2024-060"), json!("2024-02-29T00:00:00.000Z"));
    assert_eq!(plain("yyyy-MM-dd[ HH:mm]", "2024-02-29"), json!("2024-02-29T00:00:00.000Z"));
    assert_eq!(plain("yyyy-MM-dd HH:mm z", "2024-07-01 12:00 America/New_York"), json!("2024-07-01T16:00:00.000Z"));
    assert_eq!(plain("yyyy-MM-dd HH:mm z", "2024-07-01 12:00 PST"), json!("2024-07-01T20:00:00.000Z"));
    // A date of syslog has no year: it is the event's.
    assert_eq!(plain("MMM d HH:mm:ss", "Nov 9 14:30:00"), json!("2026-11-09T14:30:00.000Z"));
    for (pattern, text) in
        [("yyyy-MM-dd", "2024-02-30"), ("yyyy-MM-dd", "2024-02-29x"), ("HH:mm", "24:61"), ("MMM", "Foo")]
    {
        assert_eq!(plain(pattern, text), Value::Null, "{text}");
    }
}

#[test]
fn dates_are_written_as_java_does() {
    let written = |format: &str, zone: &str| {
        let config =
            json!({"matchPatterns": ["yyyy-MM-dd HH:mm:ss.SSS"], "targetFormat": format, "targetTimezone": zone});
        date(config, "2024-03-05 00:07:08.090").as_str().unwrap().to_owned()
    };
    assert_eq!(written("EEE, d MMM yy hh:mm:ss a", "UTC"), "Tue, 5 Mar 24 12:07:08 AM");
    assert_eq!(written("EEEE L D k K S SSSSSS", "UTC"), "Tuesday 3 65 24 0 0 090000");
    assert_eq!(written("X XX XXX x Z ZZZZ ZZZZZ O", "UTC"), "Z Z Z +00 +0000 GMT Z GMT");
    assert_eq!(
        written("X XX XXX Z ZZZZ ZZZZZ O", "Asia/Kolkata"),
        "+0530 +0530 +05:30 +0530 GMT+05:30 +05:30 GMT+5:30"
    );
    assert_eq!(written("yyyy ''HH'' 'o''clock' VV", "Europe/Berlin"), "2024 '01' o'clock Europe/Berlin");
    assert_eq!(written("HH:mm", "UTC-3"), "21:07");
}

#[test]
fn a_message_may_be_parsed_again() {
    let processors =
        json!([{"parseJSON": {}}, {"parseKeyValue": {"source": "query"}}, {"csv": {"destination": "raw"}}]);
    let line = r#"{"query":"a=1"}"#;
    assert_eq!(made(processors, line), json!({"query": "a=1", "a": "1", "raw": {"column_1": line}}));
}
