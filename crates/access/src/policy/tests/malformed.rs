//! Documents that are refused, and in which words.

use super::*;
use proptest::prelude::*;

fn refusal(text: &str, purpose: Purpose) -> String {
    Policy::parse("p", text, purpose).map(|_| "accepted".to_owned()).unwrap_or_else(|error| error.to_string())
}

fn of_statement(body: &str, purpose: Purpose) -> String {
    refusal(&format!(r#"{{"Version":"2012-10-17","Statement":[{{{body}}}]}}"#), purpose)
}

#[test]
fn documents_that_are_no_policy_are_refused() {
    let statement = r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#;
    for text in [
        "",
        "null",
        "[]",
        "{",
        "{}",
        r#"{"Version":"2012-10-17"}"#,
        r#"{"Version":"2012-10-17","Statement":[]}"#,
        r#"{"Version":"2012-10-17","Statement":["x"]}"#,
        &format!(r#"{{"Version":"2026-01-01","Statement":{statement}}}"#),
        &format!(r#"{{"Version":"2012-10-17","Statement":{statement},"More":1}}"#),
        &format!(r#"{{"Version":"2012-10-17","Statement":{statement},"Statement":{statement}}}"#),
        &format!(r#"{{"Version":"2012-10-17","Statement":{statement}}} x"#),
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Effect":"Deny","Action":"s3:*","Resource":"*"}}"#,
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","NotAction":"s3:*","Resource":"*"}}"#,
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":7,"Resource":"*"}}"#,
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":[]}}"#,
    ] {
        assert_eq!(refusal(text, Purpose::Identity), "Syntax errors in policy.", "{text}");
    }
    assert_eq!(refusal("x", Purpose::Trust), "This policy contains invalid Json");
}

#[test]
fn statements_are_refused_in_iams_words() {
    let action = r#""Effect":"Allow","Action":"s3:*""#;
    for (body, text) in [
        (r#""Effect":"Allow","Resource":"*""#, "Policy statement must contain actions."),
        (r#""Effect":"Allow","Action":[],"Resource":"*""#, "Policy statement must contain actions."),
        (action, "Policy statement must contain resources."),
        (r#""Effect":"allow","Action":"s3:*","Resource":"*""#, "The policy failed legacy parsing"),
        (r#""Action":"s3:*","Resource":"*""#, "The policy failed legacy parsing"),
        (
            r#""Effect":"Allow","Action":"ListBucket","Resource":"*""#,
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (r#""Effect":"Allow","Action":"a:b:c","Resource":"*""#, "Actions/Condition can contain only one colon."),
        (r#""Effect":"Allow","Action":"s3*:x","Resource":"*""#, "Vendor s3* is not valid"),
        (r#""Effect":"Allow","Action":"s3:*","Resource":"bucket""#, "Resource bucket must be in ARN format or \"*\"."),
        (
            r#""Effect":"Allow","Action":"s3:*","Resource":"arn:aws:s3:::${aws:username""#,
            "The policy failed legacy parsing",
        ),
        (
            r#""Sid":"a b","Effect":"Allow","Action":"s3:*","Resource":"*""#,
            "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*",
        ),
        (
            r#""Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"*""#,
            "Policy document should not specify a principal.",
        ),
        (
            r#""Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"StringSame":{"aws:x":"y"}}"#,
            "Invalid Condition type : StringSame.",
        ),
        (
            r#""Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"NullIfExists":{"aws:x":"y"}}"#,
            "Invalid Condition type : NullIfExists.",
        ),
        (
            r#""Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{"IpAddress":{"aws:SourceIp":"10.0.0.0/33"}}"#,
            "The policy failed legacy parsing",
        ),
    ] {
        assert_eq!(of_statement(body, Purpose::Identity), text, "{body}");
    }
    let twice = r#"{"Statement":[{"Sid":"A","Effect":"Allow","Action":"s3:*","Resource":"*"},{"Sid":"A","Effect":"Deny","Action":"s3:*","Resource":"*"}]}"#;
    assert_eq!(refusal(twice, Purpose::Identity), "Statement IDs (SID) in a single policy must be unique.");
}

#[test]
fn trust_policies_name_principals_and_sts_actions() {
    let principal = r#""Effect":"Allow","Principal":{"AWS":"123456789012"}"#;
    for (body, text) in [
        (format!(r#"{principal},"Action":["sts:AssumeRole","sts:TagSession"]"#), "accepted"),
        (r#""Effect":"Allow","Action":"sts:AssumeRole""#.into(), "Missing required field Principal"),
        (format!(r#"{principal},"Action":"sts:AssumeRole","Resource":"*""#), "Has prohibited field Resource"),
        (format!(r#"{principal},"Action":"s3:*""#), "AssumeRole policy may only specify STS AssumeRole actions."),
        (
            r#""Effect":"Allow","Principal":{"AWS":"arn:aws:iam::1:user/*"},"Action":"sts:AssumeRole""#.into(),
            "Invalid principal in policy: \"AWS\":\"arn:aws:iam::1:user/*\"",
        ),
    ] {
        assert_eq!(of_statement(&body, Purpose::Trust), text, "{body}");
    }
}

#[test]
fn depth_and_size_are_bounded() {
    let deep = format!("{{\"Statement\":{}{}}}", "[".repeat(100_000), "]".repeat(100_000));
    assert_eq!(refusal(&deep, Purpose::Identity), "Syntax errors in policy.");
    let one = r#"{"Effect":"Allow","Action":"s3:*","Resource":"*"}"#;
    let many = format!(r#"{{"Statement":[{}]}}"#, vec![one; 501].join(","));
    assert_eq!(refusal(&many, Purpose::Identity), "Syntax errors in policy.");
}

proptest! {
    /// Whatever is thrown at the parser, it answers.
    #[test]
    fn any_text_is_answered(text in r#"[{}\[\]":,$*?a-zA-Z0-9 -]{0,200}"#, body in r#"[{}\[\]":,$*?a-z]{0,60}"#) {
        for purpose in [Purpose::Identity, Purpose::Trust, Purpose::Resource] {
            let _ = Policy::parse("p", &text, purpose);
            let _ = of_statement(&format!(r#""Effect":"Allow","Action":"a:*","Resource":"arn:{body}""#), purpose);
            let _ = of_statement(&body, purpose);
        }
    }
}
