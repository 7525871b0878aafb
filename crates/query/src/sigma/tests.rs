//! Each modifier and condition by a rule of its own; rules that are wrong; and random ones, which never panic.

mod expected;
mod hostile;

use super::{Document, Rule, read};
use serde_json::{Value, json};

/// A rule with this detection, which is indented by four.
fn source(detection: &str) -> String {
    format!(
        "title: t\nid: i\nlogsource:\n    product: aws\n    service: cloudtrail\ndetection:\n{detection}level: high\n"
    )
}

#[track_caller]
fn rule(detection: &str) -> Rule {
    let mut documents = read(&source(detection));
    assert_eq!(documents.len(), 1);
    match documents.remove(0) {
        Ok(Document::Rule(rule)) => *rule,
        other => panic!("{other:?}"),
    }
}

/// One selection, `sel`, of one line.
#[track_caller]
fn is_match(line: &str, record: &Value) -> bool {
    rule(&format!("    sel:\n        {line}\n    condition: sel\n")).is_match(record)
}

#[track_caller]
fn problem(text: &str) -> String {
    read(text).into_iter().find_map(Result::err).expect("a problem").to_string()
}

fn record() -> Value {
    json!({
        "eventName": "PutBucketPolicy",
        "eventSource": "s3.amazonaws.com",
        "sourceIPAddress": "203.0.113.7",
        "errorCode": null,
        "readOnly": false,
        "userIdentity": { "type": "IAMUser", "arn": "arn:aws:iam::1:user/Eve", "sessionContext": { "sessionIssuer": { "type": "Role" } } },
        "requestParameters": {
            "policy": "{\"Effect\":\"Allow\"}",
            "count": 12,
            "layers": ["arn:a", "arn:b"],
            "containers": [{ "command": ["sh", "-c"] }, { "command": ["curl 169.254.170.2"] }],
            "dotted.key": "x",
            "actor": "arn:aws:iam::1:user/eve"
        }
    })
}

#[test]
fn texts_are_compared_without_case_and_with_wildcards() {
    let record = record();
    for (line, expected) in [
        ("eventName: putbucketpolicy", true),
        ("eventName: PutBucket", false),
        ("eventName: 'PUT*Policy'", true),
        ("eventName: 'Put*'", true),
        ("eventName: '*policy'", true),
        ("eventName: '*bucket*'", true),
        ("eventName: '*'", true),
        ("eventName: 'PutBucketPolic?'", true),
        ("eventName: 'PutBucketPolicy?'", false),
        ("eventName: 'Put*Bucket?olicy*'", true),
        (r"eventName: 'Put\*Policy'", false),
        ("eventName: ''", false),
        ("eventName|cased: putbucketpolicy", false),
        ("eventName|cased: 'Put*'", true),
        ("eventName: [GetObject, PutBucketPolicy]", true),
        ("eventName: [GetObject, HeadObject]", false),
        ("missing: '*'", false),
        ("EVENTNAME: PutBucketPolicy", false),
    ] {
        assert_eq!(is_match(line, &record), expected, "{line}");
    }
    let odd = json!({ "a": r"C:\temp\*.txt", "empty": "" });
    assert!(is_match(r"a: 'C:\temp\\\*.txt'", &odd), "backslashes");
    assert!(is_match(r"a: 'c:\temp\*'", &odd).eq(&false), "a star without its meaning");
    assert!(is_match(r"a: 'c:\temp\\*'", &odd), "a backslash and a star");
    assert!(is_match("empty: ''", &odd));
    assert!(is_match("a: 'ÄÖ*'", &json!({ "a": "äöü" })));
}

#[test]
fn modifiers_say_where_a_text_stands() {
    let record = record();
    for (line, expected) in [
        ("eventName|contains: bucket", true),
        ("eventName|contains: object", false),
        ("eventName|contains: 'buck?t*pol'", true),
        ("eventName|contains|all: [put, policy]", true),
        ("eventName|contains|all: [put, object]", false),
        ("eventName|startswith: put", true),
        ("eventName|startswith: bucket", false),
        ("eventName|endswith: Policy", true),
        ("eventName|endswith: put", false),
        ("eventName|contains|cased: bucket", false),
        ("eventName|neq: GetObject", true),
        ("eventName|neq: PutBucketPolicy", false),
    ] {
        assert_eq!(is_match(line, &record), expected, "{line}");
    }
}

#[test]
fn regexes_nets_numbers_and_presence() {
    let record = record();
    for (line, expected) in [
        ("eventName|re: '^Put.*Policy$'", true),
        ("eventName|re: '^put'", false),
        ("eventName|re|i: '^put'", true),
        ("requestParameters.layers|re: 'b$'", true),
        ("sourceIPAddress|cidr: 203.0.113.0/24", true),
        ("sourceIPAddress|cidr: [10.0.0.0/8, 0.0.0.0/0]", true),
        ("sourceIPAddress|cidr: 2001:db8::/32", false),
        ("eventSource|cidr: 0.0.0.0/0", false),
        ("eventName|exists: true", true),
        ("eventName|exists: false", false),
        ("errorCode|exists: true", false),
        ("missing|exists: false", true),
        ("errorCode: null", true),
        ("missing: null", true),
        ("missing:", true),
        ("eventName: null", false),
        ("missing: 'null'", false),
        ("eventName: [null, PutBucketPolicy]", true),
        ("requestParameters.count|gt: 11", true),
        ("requestParameters.count|gt: 12", false),
        ("requestParameters.count|gte: 12", true),
        ("requestParameters.count|lt: 12.5", true),
        ("requestParameters.count|lte: 11", false),
        ("eventName|lt: 5", false),
        ("requestParameters.count: 12", true),
        ("readOnly: false", true),
        ("readOnly: 'False'", true),
    ] {
        assert_eq!(is_match(line, &record), expected, "{line}");
    }
    assert!(is_match("a|cidr: 2001:db8::/32", &json!({ "a": "2001:db8:1::1" })));
    assert!(is_match("a|re|m|s: '^b.c$'", &json!({ "a": "a\nb\nc\nd" })));
}

#[test]
fn paths_go_into_objects_and_through_lists() {
    let record = record();
    for (line, expected) in [
        ("userIdentity.sessionContext.sessionIssuer.type: role", true),
        ("requestParameters.layers: arn:b", true),
        ("requestParameters.layers|contains: ':a'", true),
        ("requestParameters.containers.command|contains: '169.254.170.2'", true),
        ("requestParameters.containers.command: sh -c", false),
        ("requestParameters.dotted.key: x", true),
        ("userIdentity.type.more: x", false),
        ("requestParameters|contains: '\"count\":12'", true),
        ("requestParameters|contains: 'effect'", true),
        ("userIdentity.arn|fieldref: requestParameters.actor", true),
        ("userIdentity.arn|fieldref|cased: requestParameters.actor", false),
        ("userIdentity.arn|fieldref: eventName", false),
        ("userIdentity.arn|fieldref|startswith: userIdentity.arn", true),
        ("userIdentity.arn|fieldref: missing", false),
    ] {
        assert_eq!(is_match(line, &record), expected, "{line}");
    }
}

#[test]
fn selections_are_maps_lists_of_maps_and_keywords() {
    let record = record();
    for (selection, expected) in [
        ("\n        eventName: PutBucketPolicy\n        eventSource: s3.*", true),
        ("\n        eventName: PutBucketPolicy\n        eventSource: ec2.*", false),
        ("\n        - eventName: GetObject\n        - eventSource: s3.*\n          readOnly: false", true),
        ("\n        - eventName: GetObject\n        - eventSource: s3.*\n          readOnly: true", false),
        (" [nothing, bucketpol]", true),
        (" [nothing, nowhere]", false),
        ("\n        - 169.254.170.2\n        - nowhere", true),
        ("\n        - nowhere\n        - eventName: Put*", true),
        ("\n        '|all': [iamuser, s3.amazonaws.com]", true),
        ("\n        '|all': [iamuser, ec2.amazonaws.com]", false),
        ("\n        '|re': '^203\\.'", true),
        (" putbucketpolicy", true),
    ] {
        let found = rule(&format!("    sel:{selection}\n    condition: sel\n")).is_match(&record);
        assert_eq!(found, expected, "{selection}");
    }
}

#[test]
fn conditions_join_selections() {
    let yes = "eventName: Put*";
    let no = "eventName: Get*";
    let selections = format!(
        "    selection_a:\n        {yes}\n    selection_b:\n        {no}\n    filter_main:\n        {no}\n    other:\n        {yes}\n    _hidden:\n        {no}\n    timeframe: 5m\n"
    );
    for (condition, expected) in [
        ("selection_a", true),
        ("selection_b", false),
        ("selection_a and selection_b", false),
        ("selection_a or selection_b", true),
        ("selection_b or selection_a and other", true),
        ("(selection_a or selection_b) and filter_main", false),
        ("not selection_b", true),
        ("not (selection_a or other)", false),
        ("not not selection_a", true),
        ("selection_a and not filter_main", true),
        ("selection_a and not 1 of filter_*", true),
        ("1 of selection_*", true),
        ("any of selection_*", true),
        ("all of selection_*", false),
        ("all of *_a", true),
        ("all of s*ion*a", true),
        ("1 of them", true),
        ("all of them", false),
        ("selection_a and 1 of selection_* and 1 of oth*", true),
        ("SELECTION_A", false),
    ] {
        let text = source(&format!("{selections}    condition: {condition}\n"));
        if condition == "SELECTION_A" {
            assert!(problem(&text).contains("'SELECTION_A', which is no selection"));
            continue;
        }
        let found = rule(&format!("{selections}    condition: {condition}\n")).is_match(&record());
        assert_eq!(found, expected, "{condition}");
    }
    let listed = rule(&format!("{selections}    condition:\n        - selection_b\n        - selection_a\n"));
    assert!(listed.is_match(&record()));
    let upper = rule(&format!("{selections}    condition: selection_a AND NOT ALL OF filter_*\n"));
    assert!(upper.is_match(&record()));
}

#[test]
fn what_a_rule_says_of_itself() {
    let text = "title: A title\nlogsource:\n    product: aws\n    service: cloudtrail\ntags: [attack.t1098, cve.x]\ndescription: Words\n\
                detection:\n    sel:\n        a: b\n    condition: sel\n";
    let Ok(Document::Rule(rule)) = read(text).remove(0) else { panic!("no rule") };
    let facts = (rule.id.as_str(), rule.title.as_str(), rule.level.as_str(), rule.description.as_str());
    assert_eq!(facts, ("A title", "A title", "medium", "Words"));
    assert_eq!(rule.tags, ["attack.t1098", "cve.x"]);
}

#[test]
fn other_logs_are_passed_over() {
    let other = "title: o\nlogsource: {product: windows}\ndetection: 5\n";
    let correlation = "title: c\ncorrelation:\n    type: event_count\n";
    let text = format!("{other}---\n{correlation}---\n{}", source("    s: [k]\n    condition: s\n"));
    let kinds: Vec<_> = read(&text)
        .into_iter()
        .map(|document| match document.unwrap() {
            Document::Rule(rule) => format!("rule {}", rule.title),
            Document::Elsewhere(title) => format!("elsewhere {title}"),
        })
        .collect();
    assert_eq!(kinds, ["elsewhere o", "elsewhere c", "rule t"]);
}

#[test]
fn what_is_wrong_is_named_with_its_line() {
    let with = |line: &str| source(&format!("    sel:\n        {line}\n    condition: sel\n"));
    for (text, expected) in [
        (with("a|base64: x"), "line 8: the modifier 'base64' is not supported"),
        (with("a|re: '('"), "line 8: the regular expression cannot be read: unclosed group"),
        (with("a|re: '(a{1000}){1000}'"), "line 8: the regular expression is too large"),
        (with("a|cidr: 300.0.0.0/8"), "line 8: a network is written as 192.0.2.0/24 or 2001:db8::/32"),
        (with("a|exists: maybe"), "line 8: exists takes true or false"),
        (with("a|gt: many"), "line 8: a number is wanted"),
        (with("a|re|contains: x"), "line 8: the modifiers 're|contains' do not go together"),
        (with("a|contains|startswith: x"), "line 8: contains, startswith and endswith exclude each other"),
        (with("a|i: x"), "line 8: the modifiers i, m and s are for re"),
        (with("a|contains: null"), "line 8: null takes no modifier"),
        (with("a: []"), "line 8: the list is empty"),
        (with("a: {b: c}"), "line 8: a value must be a text, a number or null"),
        (with("a: b\n        a: c"), "line 9: the key 'a' is there twice"),
        (with("a: &x b\n        c: *x"), "line 9: aliases are not supported"),
        (source("    sel: {}\n    condition: sel\n"), "line 7: the selection is empty"),
        (
            source("    s: [k]\n    condition: s | count() > 5\n"),
            "line 8: aggregations in conditions are not supported",
        ),
        (source("    s: [k]\n    condition: s and\n"), "line 8: the condition ends too early"),
        (source("    s: [k]\n    condition: (s\n"), "line 8: a ')' is missing in the condition"),
        (source("    s: [k]\n    condition: s s\n"), "line 8: 's' is not expected in the condition"),
        (source("    s: [k]\n    condition: 1 of x*\n"), "line 8: 'x*' in the condition means no selection"),
        (source("    s: [k]\n    condition: 2 of s*\n"), "line 8: '2 of' is not supported: 1, any or all"),
        (source("    s: [k]\n"), "line 7: condition is missing"),
        (
            "title: x\nlogsource: {product: aws}\nlevel: big\n".into(),
            "line 3: level is one of informational, low, medium, high, critical",
        ),
        ("title: x\nlogsource: {product: aws}\n".into(), "line 1: detection is missing"),
        ("title: x\n".into(), "line 1: logsource is missing"),
        ("id: x\n".into(), "line 1: title is missing"),
        ("- x\n".into(), "line 1: a rule is a map"),
        ("".into(), "line 1: the file holds no rule"),
        ("title: x\naction: global\n".into(), "line 2: collections of rules (action) are not supported"),
    ] {
        assert_eq!(problem(&text), expected, "{text}");
    }
    assert!(problem("title: 'x\n").starts_with("line "), "{}", problem("title: 'x\n"));
}
