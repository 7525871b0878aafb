//! Configurations that are no transformers.

use super::refusal;
use crate::transformer::Transformer;
use serde_json::{Value, json};

#[test]
fn lists_have_rules() {
    let json = json!({"parseJSON": {}});
    let add = json!({"addKeys": {"entries": [{"key": "a", "value": "b"}]}});
    let copy = json!({"copyValue": {"entries": [{"source": "a", "target": "b"}]}});
    let grok = json!({"grok": {"match": "%{INT}"}});
    assert_eq!(refusal(json!([])), "A transformer has 1 to 20 processors");
    assert_eq!(refusal(Value::Array(vec![json.clone(); 21])), "A transformer has 1 to 20 processors");
    assert_eq!(refusal(json!([add, json])), "The first processor of a transformer must be a parser");
    assert_eq!(refusal(Value::Array(vec![json.clone(); 6])), "A transformer has at most 5 parsers");
    for (name, twice) in [("addKeys", add), ("copyValue", copy), ("grok", grok)] {
        assert_eq!(refusal(json!([json, twice, twice])), format!("A transformer has at most one {name} processor"));
    }
    assert_eq!(refusal(json!([json, {"parseWAF": {}}])), "parseWAF must be the first processor of a transformer");
    let ocsf = json!({"parseToOCSF": {"eventSource": "CloudTrail", "ocsfVersion": "V1.1"}});
    assert_eq!(refusal(json!([ocsf, ocsf])), "parseToOCSF must be the first processor of a transformer");
    assert_eq!(refusal(json!([json, ocsf])), "parseToOCSF must be the first processor of a transformer");
    let mapped = |version: &str, mapping: &str| json!([{"parseToOCSF": {"eventSource": "CloudTrail", "ocsfVersion": version, "mappingVersion": mapping}}]);
    let old = "parseToOCSF: mappingVersion is not supported when ocsfVersion is V1.1";
    assert_eq!(refusal(mapped("V1.1", "1.5.0")), old);
    assert_eq!(refusal(mapped("V1.5", "1.4.0")), "parseToOCSF: the mappingVersion 1.4.0 is not supported");
    assert!(Transformer::parse(&mapped("V1.5", "v1.5.0").to_string()).is_ok());
    for unreadable in [json!([{}]), json!([{"parseJSON": {}, "csv": {}}]), json!([{"unknown": {}}])] {
        assert!(refusal(unreadable).starts_with("the transformer configuration cannot be read"));
    }
}

#[test]
fn processors_have_rules() {
    let second = |processor: Value| refusal(json!([{"parseJSON": {}}, processor]));
    assert_eq!(
        refusal(json!([{"parseJSON": {"source": "a"}}])),
        "parseJSON: the source of the first processor must be @message"
    );
    assert_eq!(
        second(json!({"deleteKeys": {"withKeys": ["a.b.c.d"]}})),
        "deleteKeys: 'a.b.c.d' is not a path of at most 3 keys with dots between them"
    );
    assert!(
        second(json!({"moveKeys": {"entries": [{"source": "a..b", "target": "c"}]}})).starts_with("moveKeys: 'a..b'")
    );
    assert_eq!(second(json!({"csv": {"delimiter": "ab"}})), "csv: the delimiter must be one character, \\t or \\s");
    assert_eq!(
        second(json!({"listToMap": {"source": "a", "key": "b", "flatten": true}})),
        "listToMap: flattenedElement is required when flatten is true"
    );
}

#[test]
fn substitutions_have_rules() {
    let refused = |from: &str, to: &str| {
        let entry = json!({"source": "a", "from": from, "to": to});
        refusal(json!([{"parseJSON": {}}, {"substituteString": {"entries": [entry]}}]))
    };
    let start = "substituteString: ";
    assert_eq!(
        refused("(?=a)", "b"),
        format!(
            "{start}the regular expression '(?=a)' is not supported: error: look-around, including look-ahead and look-behind, is not supported"
        )
    );
    assert_eq!(
        refused(r"\w{1000}{9}", "b"),
        format!(r"{start}the regular expression '\w{{1000}}{{9}}' is not supported: it is too large")
    );
    assert_eq!(refused("(a)", "$2"), format!("{start}there is no group 2 in '$2'"));
    assert_eq!(refused("(a)", "${b}"), format!("{start}there is no group named 'b' in '${{b}}'"));
    assert_eq!(refused("(a)", "$x"), format!("{start}no group follows the dollar sign in '$x'"));
    assert_eq!(refused("(a)", "x\\"), format!("{start}nothing follows the backslash in 'x\\'"));
    assert!(refused("(a)", "$1$1$1").contains("more than 2 to the same"));
}

#[test]
fn dates_have_rules() {
    let refused = |options: Value| {
        let mut config = json!({"source": "a", "target": "b", "matchPatterns": ["yyyy"]});
        config.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        refusal(json!([{"parseJSON": {}}, {"dateTimeConverter": config}]))
    };
    let start = "dateTimeConverter: ";
    assert_eq!(refused(json!({"locale": "ja"})), format!("{start}the locale 'ja' is not supported"));
    assert_eq!(
        refused(json!({"sourceTimezone": "Mars/Base"})),
        format!("{start}the time zone 'Mars/Base' is not known")
    );
    assert_eq!(refused(json!({"targetTimezone": "+99:00"})), format!("{start}the time zone '+99:00' is not known"));
    assert_eq!(refused(json!({"targetFormat": "yyyy'T"})), format!("{start}a quote is not closed in 'yyyy'T'"));
    assert_eq!(
        refused(json!({"matchPatterns": ["w"]})),
        format!("{start}the pattern letter 'w' is not supported so in 'w'")
    );
    assert_eq!(refused(json!({"matchPatterns": ["[yyyy"]})), format!("{start}a bracket is not closed in '[yyyy'"));
    assert_eq!(refused(json!({"matchPatterns": ["yyyy]"]})), format!("{start}a bracket is not opened in 'yyyy]'"));
    assert!(refused(json!({"matchPatterns": ["[".repeat(9)]})).contains("too many brackets"));
}
