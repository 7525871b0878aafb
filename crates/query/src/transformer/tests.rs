//! The examples of the guide ("Processors that you can use"), and what it leaves open.

mod changes;
mod grok;
mod parsers;
mod refused;

use super::*;
use proptest::prelude::*;
use serde_json::json;

fn transformer(processors: Value) -> Transformer {
    Transformer::parse(&processors.to_string()).unwrap()
}

pub(super) fn origin() -> Origin<'static> {
    Origin {
        log_group: "myLogGroupName",
        log_stream: "myLogStreamName",
        account: "012345678912",
        region: "us-east-1",
        timestamp: Timestamp(1_772_323_200_000),
    }
}

/// What the processors make of a line.
pub(super) fn made(processors: Value, line: &str) -> Value {
    Value::Object(transformer(processors).transform(line, &origin()).unwrap())
}

/// What the processors make of JSON that is parsed first.
fn changed(processor: Value, line: Value) -> Value {
    made(json!([{"parseJSON": {}}, processor]), &line.to_string())
}

fn error(processors: Value, line: &str) -> String {
    transformer(processors).transform(line, &origin()).expect_err("it cannot be transformed").0
}

fn refusal(processors: Value) -> String {
    Transformer::parse(&processors.to_string()).expect_err("it is refused").0
}

#[test]
fn keys_keep_their_order() {
    let fields = transformer(json!([{"parseJSON": {}}, {"deleteKeys": {"withKeys": ["b"]}}]))
        .transform(r#"{"z":1,"b":2,"a":3,"m":4}"#, &origin())
        .unwrap();
    assert_eq!(serde_json::to_string(&fields).unwrap(), r#"{"z":1,"a":3,"m":4}"#);
}

/// A transformer of nearly everything.
fn of_everything(first: Value) -> Transformer {
    transformer(json!([
        first,
        {"parseKeyValue": {"source": "a", "destination": "kv"}},
        {"grok": {"source": "b", "match": "%{WORD:w}.%{DATA:d} %{IPORHOST:h.i}%{GREEDYDATA:g}"}},
        {"addKeys": {"entries": [{"key": "a.b.c", "value": "v", "overwriteIfExists": true}]}},
        {"copyValue": {"entries": [{"source": "a", "target": "b.c", "overwriteIfExists": true}]}},
        {"moveKeys": {"entries": [{"source": "b", "target": "a"}, {"source": "a", "target": "a.b"}]}},
        {"renameKeys": {"entries": [{"key": "a", "renameTo": "b.c", "overwriteIfExists": true}]}},
        {"listToMap": {"source": "l", "key": "k", "target": "l"}},
        {"splitString": {"entries": [{"source": "s", "delimiter": ","}]}},
        {"substituteString": {"entries": [{"source": "t", "from": "(.)(.)?", "to": "$2$1"}]}},
        {"trimString": {"withKeys": ["s"]}},
        {"typeConverter": {"entries": [{"key": "n", "type": "integer"}]}},
        {"dateTimeConverter": {"source": "d", "target": "e", "matchPatterns": ["[yyyy-]MM-dd'T'HH:mm[:ss[.SSS]]X", "dMy"]}}
    ]))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_line_panics(
        text in r#"[a-z0-9 =&:."{}\\,ü+-]{0,30}|\PC{0,20}|9{0,30}"#,
        json in r#"[a-z0-9 ,.:=-]{0,12}|2024-\d\d-\d\dT\d\d:\d\dZ|-?9{1,25}|ü"#
    ) {
        let line = json!({"a": json, "b": json, "d": json, "n": json, "s": json, "t": json, "l": [{"k": json}, 1, json]});
        of_everything(json!({"parseJSON": {}})).transform(&line.to_string(), &origin()).ok();
        for first in ["parseJSON", "csv", "parseKeyValue", "parseWAF", "parseVPC", "parseCloudfront", "parseRoute53", "parsePostgres"] {
            transformer(json!([{first: {}}])).transform(&text, &origin()).ok();
        }
    }
}
