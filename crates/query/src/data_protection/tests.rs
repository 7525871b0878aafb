//! Lines with and without sensitive data.

use super::*;
use proptest::prelude::*;

mod documents;
mod numbers;

/// A document that names these identifiers, and no custom ones.
fn document(names: &[&str]) -> String {
    let arns: Vec<String> =
        names.iter().map(|name| format!("\"arn:aws:dataprotection::aws:data-identifier/{name}\"")).collect();
    let list = arns.join(",");
    format!(
        r#"{{"Name":"p","Version":"2021-06-01","Statement":[
            {{"DataIdentifier":[{list}],"Operation":{{"Audit":{{"FindingsDestination":{{}}}}}}}},
            {{"DataIdentifier":[{list}],"Operation":{{"Deidentify":{{"MaskConfig":{{}}}}}}}}]}}"#
    )
}

fn protector(names: &[&str]) -> Protector {
    Protector::compile(&[Policy::parse(&document(names)).unwrap()])
}

fn supported() -> Vec<&'static str> {
    ids::all().filter(|managed| !managed.rules.is_empty()).map(|managed| managed.name).collect()
}

#[test]
fn every_pattern_compiles_and_every_name_is_there_once() {
    let mut names = std::collections::BTreeSet::new();
    // `\d` is written out as brackets, which would not do within brackets.
    let digit_in_brackets = regex::Regex::new(r"\[[^\]]*\\d").unwrap();
    for managed in ids::all() {
        assert!(names.insert(managed.name), "{}", managed.name);
        for rule in managed.rules {
            let rules::How::Pattern(pattern, _) = rule.how else { continue };
            assert!(rules::compile(pattern).is_some(), "{}", managed.name);
            assert!(!digit_in_brackets.is_match(pattern), "{}", managed.name);
        }
    }
    // As many as the guide lists, and DateOfBirth, which it describes.
    assert_eq!(names.len(), 99);
    assert_eq!(protector(&supported()).rules_len(), ids::all().map(|managed| managed.rules.len()).sum::<usize>());
}

#[test]
fn a_line_keeps_its_length_and_what_is_not_sensitive() {
    let protector = protector(&["EmailAddress", "IpAddress"]);
    let line = "2026-03-01T12:00:00.123Z jané@example.com von 10.1.2.3:8080, ::1 und fe80::1ff:fe23:4567:890a.";
    let shown = "2026-03-01T12:00:00.123Z jan**************** von ********:8080, *** und ************************.";
    // `é` is no part of an address that we find.
    assert_eq!(protector.mask(line).chars().count(), line.chars().count());
    assert_eq!(protector.mask(line), shown.replace("jan****************", "jané@example.com"));
    assert_eq!(protector.mask("a@b.co"), "******");
    let plain = "12:00:01 version 1.2.3.4.5, v1.2.3.4, std::vec, 999.1.1.1, a@b, @c.de";
    assert!(matches!(protector.mask(plain), Cow::Borrowed(line) if line == plain));
}

#[test]
fn findings_count_characters_from_one() {
    // The example of the guide: from the 13th to the 26th, and from the 30th to the 43rd character.
    let protector = protector(&["EmailAddress"]);
    let line = "My email is jdoe@exampl.co or jane@examp.com";
    let found = |name: &str, detections| Finding { name: name.to_owned(), detections };
    assert_eq!(protector.findings(line), [found("EmailAddress", vec![(13, 26), (31, 44)])]);
    assert_eq!(protector.findings("ü jdoe@exampl.co"), [found("EmailAddress", vec![(3, 16)])]);
    assert_eq!(protector.findings("nothing"), []);
}

#[test]
fn json_stays_json() {
    let mut document: serde_json::Value =
        serde_json::from_str(&document(&["EmailAddress", "Ssn-US", "PkcsPrivateKey"])).unwrap();
    document["Configuration"] = serde_json::json!({"CustomDataIdentifier": [{"Name": "rest", "Regex": "secret.*"}]});
    for statement in [0, 1] {
        document["Statement"][statement]["DataIdentifier"].as_array_mut().unwrap().push("rest".into());
    }
    let protector = Protector::compile(&[Policy::parse(&document.to_string()).unwrap()]);
    let line = r#"{"mail":"a@b.co","ssn":"123-45-6789","key":"-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n","n":"secret \" \\ \u00e9 one","o":{"p":"q"}}"#;
    let shown = protector.mask(line);
    let value: serde_json::Value = serde_json::from_str(&shown).expect("it is JSON still");
    assert_eq!(value["mail"], "******");
    assert_eq!(value["ssn"], "***********");
    assert_eq!(value["n"], "*******\"*\\*é****");
    assert_eq!(shown.chars().count(), line.chars().count());
    // A bare number has no other form that is as long.
    assert_eq!(protector.mask(r#"{"ssn": 123456789, "n": 1}"#), r#"{"ssn": *********, "n": 1}"#);
}

#[test]
fn several_policies_find_what_each_names() {
    let policies = [document(&["EmailAddress"]), document(&["IpAddress"])].map(|text| Policy::parse(&text).unwrap());
    assert_eq!(Protector::compile(&policies).mask("a@b.co 10.0.0.1"), "****** ********");
}

#[test]
fn an_event_is_masked_as_the_policy_of_its_time_says() {
    let period = |from, until: Option<i64>, name| Period {
        from: Timestamp(from),
        until: until.map(Timestamp),
        protector: Arc::new(protector(&[name])),
    };
    let protection = Protection::new(vec![
        period(20, Some(30), "IpAddress"),
        period(10, Some(20), "EmailAddress"),
        period(40, None, "IpAddress"),
    ]);
    let shown = |at| protection.mask(Timestamp(at), "a@b.co 10.0.0.1").into_owned();
    assert_eq!(shown(9), "a@b.co 10.0.0.1");
    assert_eq!(shown(10), "****** 10.0.0.1");
    assert_eq!(shown(20), "a@b.co ********");
    assert_eq!(shown(30), "a@b.co 10.0.0.1");
    assert_eq!(shown(40), "a@b.co ********");
    assert!(protection.current().is_some());
    assert!(Protection::new(vec![period(1, Some(2), "IpAddress")]).current().is_none());
}

#[test]
fn keywords_are_words_near_the_data() {
    let protector = protector(&["Ssn-US"]);
    let is_masked = |line: &str| protector.mask(line) != line;
    for line in [
        "ssn 123-45-6789",
        "SSN=123-45-6789",
        "userSsn: 123-45-6789",
        "user_ssn 123 45 6789",
        "ss# 123456789",
        "social-security 123-45-6789",
        "socialSecurity 123-45-6789",
        "123-45-6789 is his ssn",
        "ssn 123456789012345678901234567 and 123-45-6789 ssn",
    ] {
        assert!(is_masked(line), "{line}");
    }
    let gap = |length: usize| format!("ssn{}123-45-6789", " ".repeat(length));
    assert!(is_masked(&gap(30)) && !is_masked(&gap(31)));
    let behind = |length: usize| format!("123-45-6789{}ssn", "ü".repeat(length - 1) + " ");
    assert!(is_masked(&behind(30)) && !is_masked(&behind(31)));
    for line in ["123-45-6789", "assn 123-45-6789", "ssnx 123-45-6789", "lesson 123-45-6789"] {
        assert!(!is_masked(line), "{line}");
    }
}

#[test]
fn hostile_lines_take_no_longer_than_they_are_long() {
    let protector = protector(&supported());
    let long = |text: &str| text.repeat(300_000 / text.len());
    for text in [
        "ssn ",
        "1",
        "a@",
        "@",
        "-----BEGIN RSA PRIVATE KEY-----",
        "12:34:",
        "drivers license A1234567 ",
        "1.1.",
        "+1 ",
    ] {
        let line = long(text);
        assert_eq!(protector.mask(&line).chars().count(), line.chars().count(), "{text}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_keeps_its_length_and_a_masked_one_stays(
        line in r#"(?:[a-z0-9 .:@+"{}\\*ü/-]{0,12}|ssn |card |passport |phone |\d{9}|4242424242424242|a@b\.co|10\.0\.0\.1|\+1 202 456 1414|[A-Z]{2}\d{6}|\PC){0,12}"#
    ) {
        let protector = all();
        let shown = protector.mask(&line);
        prop_assert_eq!(shown.chars().count(), line.chars().count());
        prop_assert!(shown.chars().zip(line.chars()).all(|(shown, c)| shown == c || shown == '*'));
        prop_assert_eq!(protector.mask(&shown), shown.clone());
        for finding in protector.findings(&line) {
            prop_assert!(finding.detections.iter().all(|&(first, last)| 1 <= first && first <= last && last <= line.chars().count()));
            prop_assert!(finding.detections.is_sorted());
        }
    }
}

/// All that can be found.
fn all() -> &'static Protector {
    static ALL: std::sync::LazyLock<Protector> = std::sync::LazyLock::new(|| protector(&supported()));
    &ALL
}
