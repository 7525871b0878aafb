//! Queries from public repositories; skipped visibly where these data are not at hand.

use crate::insights::parse;
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

/// Why a query found in the wild is refused, told from its text alone.
fn reason_to_refuse(query: &str) -> Option<&'static str> {
    let has = |part: &str| query.contains(part);
    let reasons = [
        (query.starts_with('{') || has("jq -r"), "not a query"),
        (has("filter @message =~ /timeout after"), "two commands without a pipe: a list of examples"),
        (has("source=<INDEX_PATTERN>"), "a template in another language"),
        (has("errorCode exists"), "`exists` is no operator: `ispresent(errorCode)`"),
        (has("`connection-end-time`, `connection-duration-seconds` sort @timestamp asc filter"), "without pipes"),
        (has("// Modified to"), "comments begin with #"),
        (query.ends_with("0'"), "cut out of a shell's command with its closing quote"),
        (has("<logOnly_start>"), "a placeholder that is no number"),
        (has("HitCountby"), "mistyped"),
        (has("| stat\n"), "mistyped: `stats`"),
        (has("| count(*) as Number"), "a pipe between the values of stats"),
        (query.ends_with("| stats count"), "a field outside of aggregates: `count(*)`"),
        (has("parse \"Warm shutdown\" as @warm"), "a name without a wildcard"),
        (has("dashboard.json?'\" @response_time"), "names without `as`"),
        (has("like ${"), "a template whose variable stands for a text or an expression"),
    ];
    if let Some((_, reason)) = reasons.into_iter().find(|(is_it, _)| *is_it) {
        return Some(reason);
    }
    None
}

#[test]
fn queries_in_use_parse() {
    let Some(text) = shared("insights-queries.json") else { return };
    let entries: Vec<serde_json::Value> = serde_json::from_str(&text).expect("a list");
    assert_eq!(entries.len(), 236);
    let mut refused = 0;
    let mut wrong = Vec::new();
    for (number, entry) in entries.iter().enumerate() {
        let query = entry["query"].as_str().expect("a query");
        refused += usize::from(reason_to_refuse(query).is_some());
        match (parse(query), reason_to_refuse(query)) {
            (Ok(_), None) | (Err(_), Some(_)) => {}
            (Ok(_), Some(reason)) => wrong.push(format!("{number} parses although it is {reason}")),
            (Err(error), None) => wrong.push(format!("{number}: {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(refused, 25);
}
