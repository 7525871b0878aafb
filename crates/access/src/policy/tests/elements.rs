//! Actions, resources, variables and every condition operator.

use super::*;

#[test]
fn actions_match_in_any_case_with_wildcards_and_negated() {
    for (element, action, expected) in [
        (r#""Action":"logs:PutLogEvents""#, "logs:putlogevents", true),
        (r#""Action":"LOGS:Put*""#, "logs:PutLogEvents", true),
        (r#""Action":["s3:*","logs:Get?og*"]"#, "logs:GetLogEvents", true),
        (r#""Action":"logs:Get""#, "logs:GetLogEvents", false),
        (r#""Action":"*""#, "iam:CreateUser", true),
        (r#""Action":"logs:*Events""#, "logs:PutLogEventsX", false),
        (r#""NotAction":"iam:*""#, "logs:PutLogEvents", true),
        (r#""NotAction":["iam:*","logs:*"]"#, "logs:PutLogEvents", false),
        // A variable is no part of actions: it is text.
        (r#""Action":"logs:${aws:username}""#, "logs:johndoe", false),
    ] {
        let context = keys(&[("aws:username", &["johndoe"])]);
        if element.contains("${") {
            let text =
                format!(r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow",{element},"Resource":"*"}}]}}"#);
            assert!(Policy::parse("p", &text, Purpose::Identity).is_err(), "{element}");
            continue;
        }
        let policies = [statement(&format!(r#""Effect":"Allow",{element},"Resource":"*""#))];
        assert_eq!(allows(&policies, action, "*", &context), expected, "{element} {action}");
    }
}

#[test]
fn resources_match_part_by_part() {
    let group = "arn:aws:logs:us-east-1:123456789012:log-group:/app/web:log-stream:a";
    for (pattern, resource, expected) in [
        ("*", group, true),
        ("*", "*", true),
        ("arn:aws:logs:*:*:*", "*", false),
        ("arn:aws:logs:us-east-1:123456789012:log-group:/app/*", group, true),
        ("arn:aws:logs:us-east-1:123456789012:log-group:/app/web", group, false),
        ("arn:aws:logs:us-east-1:123456789012:log-group:/app/web:*", group, true),
        ("arn:aws:logs:us-*-1:*:log-group:*", group, true),
        ("arn:aws:logs:eu-*:*:log-group:*", group, false),
        // A star of one part takes no colon, except in the last.
        ("arn:aws:*:log-group:/app/web", group, false),
        ("arn:aws:logs", group, true),
        ("arn:aws:s3:::amzn-s3-demo-bucket/*", "arn:aws:s3:::amzn-s3-demo-bucket/a/b:c", true),
        ("arn:aws:s3:::bucket-?/x", "arn:aws:s3:::bucket-é/x", true),
        ("arn:aws:s3:::bucket-?/x", "arn:aws:s3:::bucket-ab/x", false),
        ("arn:aws:s3:::*a*b*c", "arn:aws:s3:::aabbcc", true),
        ("arn:aws:s3:::*a*b*c", "arn:aws:s3:::aabbccd", false),
        ("arn:aws:S3:::b", "arn:aws:s3:::b", false),
    ] {
        let policies = [statement(&format!(r#""Effect":"Allow","Action":"a:B","Resource":"{pattern}""#))];
        assert_eq!(allows(&policies, "a:B", resource, &keys(&[])), expected, "{pattern} {resource}");
        let policies = [statement(&format!(r#""Effect":"Allow","Action":"a:B","NotResource":["{pattern}"]"#))];
        assert_eq!(allows(&policies, "a:B", resource, &keys(&[])), !expected, "not {pattern} {resource}");
    }
}

#[test]
fn variables_stand_for_text_of_the_request() {
    let home = |variable: &str, version: &str, name: &Keys, resource: &str| {
        let text = format!(
            r#"{{"Version":"{version}","Statement":{{"Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::b/{variable}/*"}}}}"#
        );
        allows(&[policy(&text)], "s3:GetObject", resource, name)
    };
    let john = keys(&[("aws:username", &["johndoe"])]);
    let nobody = keys(&[]);
    assert!(home("${aws:username}", "2012-10-17", &john, "arn:aws:s3:::b/johndoe/x"));
    assert!(home("${AWS:UserName}", "2012-10-17", &john, "arn:aws:s3:::b/johndoe/x"), "keys have no case");
    assert!(!home("${aws:username}", "2012-10-17", &john, "arn:aws:s3:::b/jane/x"));
    assert!(!home("${aws:username}", "2012-10-17", &nobody, "arn:aws:s3:::b//x"));
    assert!(home("${aws:username, 'anybody'}", "2012-10-17", &nobody, "arn:aws:s3:::b/anybody/x"));
    assert!(
        !home("${aws:username}", "2008-10-17", &john, "arn:aws:s3:::b/johndoe/x"),
        "variables came with 2012-10-17"
    );
    assert!(home("${aws:username}", "2008-10-17", &john, "arn:aws:s3:::b/${aws:username}/x"));
    let star = keys(&[("aws:username", &["*"])]);
    assert!(!home("${aws:username}", "2012-10-17", &star, "arn:aws:s3:::b/jane/x"), "a name is no wildcard");
    assert!(home("${*}${?}${$}", "2012-10-17", &nobody, "arn:aws:s3:::b/*?$/x"));
    let two = keys(&[("aws:username", &["a", "b"])]);
    assert!(!home("${aws:username}", "2012-10-17", &two, "arn:aws:s3:::b/a/x"));
    // A key that holds a colon does not part the ARN.
    let tag = keys(&[("aws:PrincipalTag/team", &["red"])]);
    assert!(home("${aws:PrincipalTag/team}", "2012-10-17", &tag, "arn:aws:s3:::b/red/x"));
}

#[test]
fn an_unresolved_variable_grants_nothing_and_still_denies() {
    let not_own = r#""Action":"s3:*","NotResource":"arn:aws:s3:::b/${aws:username}/*""#;
    let everything = statement(r#""Effect":"Allow","Action":"*","Resource":"*""#);
    let john = keys(&[("aws:username", &["johndoe"])]);
    let other = "arn:aws:s3:::b/jane/x";
    let allow = statement(&format!(r#""Effect":"Allow",{not_own}"#));
    assert!(allows(std::slice::from_ref(&allow), "s3:GetObject", other, &john));
    assert!(!allows(&[allow], "s3:GetObject", other, &keys(&[])));
    let deny = [everything.clone(), statement(&format!(r#""Effect":"Deny",{not_own}"#))];
    assert!(!allows(&deny, "s3:GetObject", other, &keys(&[])));
    assert!(allows(&deny, "s3:GetObject", "arn:aws:s3:::b/johndoe/x", &john));
    let differs = r#""Action":"*","Resource":"*","Condition":{"StringNotEquals":{"s3:prefix":"${aws:username}"}}"#;
    let prefix = keys(&[("s3:prefix", &["x"])]);
    assert!(!allows(&[statement(&format!(r#""Effect":"Allow",{differs}"#))], "s3:X", "*", &prefix));
    assert!(!allows(&[everything, statement(&format!(r#""Effect":"Deny",{differs}"#))], "s3:X", "*", &prefix));
}

#[test]
fn every_operator_compares_as_documented() {
    let context = keys(&[
        ("k:text", &["Value"]),
        ("k:number", &["10"]),
        ("k:date", &["2026-01-02T03:04:05Z"]),
        ("k:epoch", &["1767323045"]),
        ("k:bool", &["true"]),
        ("k:bytes", &["AQID"]),
        ("k:address", &["203.0.113.7"]),
        ("k:six", &["2001:db8::7"]),
        ("k:mapped", &["::ffff:203.0.113.7"]),
        ("k:arn", &["arn:aws:logs:us-east-1:123456789012:log-group:/app"]),
        ("k:words", &["ten"]),
    ]);
    for (condition, expected) in [
        (r#"{"StringEquals":{"k:text":"Value"}}"#, true),
        (r#"{"StringEquals":{"K:Text":["x","Value"]}}"#, true),
        (r#"{"StringEquals":{"k:text":"value"}}"#, false),
        (r#"{"StringEquals":{"k:text":"V*"}}"#, false),
        (r#"{"StringNotEquals":{"k:text":["x","Value"]}}"#, false),
        (r#"{"StringNotEquals":{"k:text":["x","y"]}}"#, true),
        (r#"{"StringEqualsIgnoreCase":{"k:text":"vALUE"}}"#, true),
        (r#"{"StringNotEqualsIgnoreCase":{"k:text":"vALUE"}}"#, false),
        (r#"{"StringLike":{"k:text":"V?l*"}}"#, true),
        (r#"{"StringLike":{"k:text":"v*"}}"#, false),
        (r#"{"StringNotLike":{"k:text":"V*"}}"#, false),
        (r#"{"NumericEquals":{"k:number":10.0}}"#, true),
        (r#"{"NumericNotEquals":{"k:number":"10"}}"#, false),
        (r#"{"NumericLessThan":{"k:number":"10"}}"#, false),
        (r#"{"NumericLessThanEquals":{"k:number":"10"}}"#, true),
        (r#"{"NumericGreaterThan":{"k:number":"9.5"}}"#, true),
        (r#"{"NumericGreaterThanEquals":{"k:number":"11"}}"#, false),
        (r#"{"NumericEquals":{"k:words":"10"}}"#, false),
        (r#"{"NumericNotEquals":{"k:words":"10"}}"#, true),
        (r#"{"DateEquals":{"k:date":"2026-01-02T04:04:05+01:00"}}"#, true),
        (r#"{"DateEquals":{"k:epoch":"2026-01-02T03:04:05Z"}}"#, true),
        (r#"{"DateLessThan":{"k:date":"2026-01-03"}}"#, true),
        (r#"{"DateGreaterThan":{"k:date":"2026-01-03"}}"#, false),
        (r#"{"DateGreaterThanEquals":{"k:date":1767323045}}"#, true),
        (r#"{"DateLessThanEquals":{"k:date":"2026-01-02T03:04:04Z"}}"#, false),
        (r#"{"DateNotEquals":{"k:date":"2026-01-02T03:04:05Z"}}"#, false),
        (r#"{"Bool":{"k:bool":true}}"#, true),
        (r#"{"Bool":{"k:bool":"False"}}"#, false),
        (r#"{"BinaryEquals":{"k:bytes":"AQID"}}"#, true),
        (r#"{"BinaryEquals":{"k:bytes":"AQIE"}}"#, false),
        (r#"{"IpAddress":{"k:address":"203.0.113.0/24"}}"#, true),
        (r#"{"IpAddress":{"k:address":["10.0.0.0/8","203.0.113.7"]}}"#, true),
        (r#"{"IpAddress":{"k:address":"203.0.113.8"}}"#, false),
        (r#"{"IpAddress":{"k:address":"0.0.0.0/0"}}"#, true),
        (r#"{"IpAddress":{"k:six":"2001:db8::/32"}}"#, true),
        (r#"{"IpAddress":{"k:six":"0.0.0.0/0"}}"#, false),
        (r#"{"IpAddress":{"k:mapped":"203.0.113.0/24"}}"#, true),
        (r#"{"NotIpAddress":{"k:address":"203.0.113.0/24"}}"#, false),
        (r#"{"ArnLike":{"k:arn":"arn:aws:logs:*:*:log-group:*"}}"#, true),
        (r#"{"ArnEquals":{"k:arn":"arn:aws:logs:*:123456789012:log-group:/a?p"}}"#, true),
        (r#"{"ArnLike":{"k:arn":"arn:aws:*:log-group:*"}}"#, false),
        (r#"{"ArnNotLike":{"k:arn":"arn:aws:logs:*:*:*"}}"#, false),
        (r#"{"ArnNotEquals":{"k:arn":"arn:aws:s3:::*"}}"#, true),
        (r#"{"Null":{"k:text":"false"}}"#, true),
        (r#"{"Null":{"k:absent":true,"k:text":false}}"#, true),
        (r#"{"Null":{"k:absent":"false"}}"#, false),
        // Keys and operators must all hold.
        (r#"{"StringEquals":{"k:text":"Value","k:number":"11"}}"#, false),
        (r#"{"StringEquals":{"k:text":"Value"},"Bool":{"k:bool":"true"}}"#, true),
        // A value from nowhere is no match.
        (r#"{"StringEquals":{"k:text":[]}}"#, false),
        (r#"{}"#, true),
    ] {
        assert_eq!(holds(condition, &context), expected, "{condition}");
    }
}

#[test]
fn a_key_that_is_absent_decides_by_the_operators_form() {
    for (condition, expected) in [
        (r#"{"StringEquals":{"k:x":"a"}}"#, false),
        (r#"{"StringNotEquals":{"k:x":"a"}}"#, true),
        (r#"{"StringEqualsIfExists":{"k:x":"a"}}"#, true),
        (r#"{"StringNotEqualsIfExists":{"k:x":"a"}}"#, true),
        (r#"{"NumericLessThan":{"k:x":"1"}}"#, false),
        (r#"{"NumericLessThanIfExists":{"k:x":"1"}}"#, true),
        (r#"{"NotIpAddress":{"k:x":"10.0.0.0/8"}}"#, true),
        (r#"{"ForAllValues:StringEquals":{"k:x":"a"}}"#, true),
        (r#"{"ForAnyValue:StringEquals":{"k:x":"a"}}"#, false),
        (r#"{"ForAnyValue:StringNotEquals":{"k:x":"a"}}"#, false),
        (r#"{"ForAnyValue:StringEqualsIfExists":{"k:x":"a"}}"#, true),
    ] {
        assert_eq!(holds(condition, &keys(&[])), expected, "{condition}");
        assert_eq!(holds(condition, &keys(&[("k:x", &[])])), expected, "no values: {condition}");
    }
    let b = keys(&[("k:x", &["b"])]);
    assert!(!holds(r#"{"StringEqualsIfExists":{"k:x":"a"}}"#, &b));
}

#[test]
fn sets_ask_all_or_any_of_the_requests_values() {
    let tags = |values: &[&str]| keys(&[("aws:TagKeys", values)]);
    for (operator, values, expected) in [
        ("ForAllValues:StringEquals", &["a", "b"][..], true),
        ("ForAllValues:StringEquals", &["a", "c"], false),
        ("ForAnyValue:StringEquals", &["a", "c"], true),
        ("ForAnyValue:StringEquals", &["c", "d"], false),
        ("ForAllValues:StringNotEquals", &["c", "d"], true),
        ("ForAllValues:StringNotEquals", &["a", "d"], false),
        ("ForAnyValue:StringNotEquals", &["a", "d"], true),
        ("ForAnyValue:StringNotEquals", &["a", "b"], false),
        ("ForAllValues:StringLike", &["a", "b"], true),
    ] {
        let condition = format!(r#"{{"{operator}":{{"aws:TagKeys":["a","b"]}}}}"#);
        assert_eq!(holds(&condition, &tags(values)), expected, "{operator} {values:?}");
    }
}
