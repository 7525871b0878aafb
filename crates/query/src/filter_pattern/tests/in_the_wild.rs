//! Patterns from public repositories, and real CloudTrail records; skipped visibly where these data are not at hand.

use crate::filter_pattern::FilterPattern;
use std::path::PathBuf;

fn shared(name: &str) -> Option<String> {
    let folder = match std::env::var_os("TRAILWATCH_SHARED") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    };
    let path = folder.join("data").join(name);
    let text = std::fs::read_to_string(&path).ok();
    if text.is_none() {
        println!("skipped: {} is not there", path.display());
    }
    text
}

/// Why a pattern found in the wild is refused, told from its text alone.
fn reason_to_refuse(pattern: &str) -> Option<&'static str> {
    if pattern.contains("```") || pattern.ends_with('=') || pattern.ends_with("join(") {
        return Some("cut off or run together by the harvest");
    }
    if pattern.contains("&& ${") {
        return Some("a template whose variable stands for conditions");
    }
    if pattern.starts_with('<') {
        return Some("a placeholder, and angle brackets need quotes");
    }
    if pattern.contains("Failed authentication") && !pattern.contains("\"Failed authentication\"") {
        return Some("a value with a space needs quotes (CIS 4.0 dropped them)");
    }
    None
}

#[track_caller]
fn check_accepted_or_explained(pattern: &str) {
    match (FilterPattern::parse(pattern), reason_to_refuse(pattern)) {
        (Ok(_), None) | (Err(_), Some(_)) => {}
        (Ok(_), Some(reason)) => panic!("{pattern} parses although it is {reason}"),
        (Err(error), None) => panic!("{pattern}: {error}"),
    }
}

#[test]
fn patterns_in_use_parse() {
    let Some(text) = shared("filter-patterns.json") else { return };
    let entries: Vec<serde_json::Value> = serde_json::from_str(&text).expect("a list");
    assert_eq!(entries.len(), 118);
    for entry in &entries {
        check_accepted_or_explained(entry["pattern"].as_str().expect("a pattern"));
    }
    let refused = entries.iter().filter(|entry| reason_to_refuse(entry["pattern"].as_str().unwrap_or("")).is_some());
    assert_eq!(refused.count(), 12);
}

/// Every string below a key that speaks of patterns.
fn cis_patterns() -> Vec<String> {
    fn collect(value: &serde_json::Value, is_pattern: bool, found: &mut Vec<String>) {
        match value {
            serde_json::Value::String(text) if is_pattern && text.starts_with('{') => found.push(text.clone()),
            serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, is_pattern, found)),
            serde_json::Value::Object(map) => map.iter().for_each(|(key, item)| {
                collect(item, (is_pattern || key.contains("pattern")) && key != "regex", found);
            }),
            _ => {}
        }
    }
    let Some(text) = shared("cis-metric-filters.json") else { return Vec::new() };
    let mut found = Vec::new();
    collect(&serde_json::from_str(&text).expect("JSON"), false, &mut found);
    found.sort();
    found.dedup();
    found
}

#[test]
fn cis_patterns_parse() {
    for pattern in cis_patterns() {
        check_accepted_or_explained(&pattern);
    }
}

#[test]
fn the_prefilter_never_changes_an_answer() {
    let records = [
        r#"{"eventName":"ConsoleLogin","eventSource":"signin.amazonaws.com","errorMessage":"Failed authentication","additionalEventData":{"MFAUsed":"No"},"userIdentity":{"type":"IAMUser"},"responseElements":{"ConsoleLogin":"Success"}}"#,
        r#"{"eventName":"DisableKey","eventSource":"kms.amazonaws.com","userIdentity":{"type":"Root"},"eventType":"AwsApiCall"}"#,
        r#"{"eventName":"HeadBucket","errorCode":"AccessDenied","sourceIPAddress":"delivery.logs.amazonaws.com"}"#,
        r#"{"eventName":"CreateRoute","eventSource":"ec2.amazonaws.com","errorCode":"Client.UnauthorizedOperation"}"#,
        r#"{"eventName":"PutBucketPolicy","eventSource":"s3.amazonaws.com","sourceIPAddress":"1.2.3.4"}"#,
        r#"{"eventName":"LeaveOrganization","eventSource":"organizations.amazonaws.com"}"#,
    ];
    let mut matches = 0;
    for pattern in cis_patterns() {
        let Ok(parsed) = FilterPattern::parse(&pattern) else { continue };
        for record in records {
            // A \u escape anywhere in the line turns the prefilter off.
            let unfiltered = record.replacen('{', r#"{"zz":"\u0041","#, 1);
            assert_eq!(parsed.matches(record), parsed.matches(&unfiltered), "{pattern} on {record}");
            matches += usize::from(parsed.matches(record));
        }
    }
    println!("{matches} matches");
}

#[test]
fn cis_4_1_of_old_versions_matches_whatever_has_both_fields() {
    let pattern = r#"{ ($.errorCode = "*UnauthorizedOperation") || ($.errorCode = "AccessDenied*") || ($.sourceIPAddress!="delivery.logs.amazonaws.com") || ($.eventName!="HeadBucket") }"#;
    let parsed = FilterPattern::parse(pattern).expect("a pattern");
    assert!(parsed.matches(r#"{"eventName":"HeadBucket","sourceIPAddress":"10.0.0.1"}"#));
    assert!(parsed.matches(r#"{"eventName":"GetObject","sourceIPAddress":"delivery.logs.amazonaws.com"}"#));
    assert!(!parsed.matches(r#"{"eventName":"HeadBucket","sourceIPAddress":"delivery.logs.amazonaws.com"}"#));
}
