//! SigmaHQ's rules for CloudTrail on real records, against what an independent evaluation found. The rules' folder is what the
//! environment variable TRAILWATCH_SIGMA_RULES names; skipped visibly without it and without the records.

use super::{Document, Rule, read};
use crate::sigma::Problem;
use flate2::read::GzDecoder;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// "AWS Successful Console Login Without MFA" wants `MFAUsed: 'NO'`, and CloudTrail writes `No`. The specification compares without
/// case and so do we; the evaluation that the expected results come from did not, and found nothing.
const COMPARED_WITH_CASE: &str = "77caf516-34e5-4df9-b4db-20744fea0a60";

fn shared() -> PathBuf {
    match std::env::var_os("TRAILWATCH_SHARED") {
        Some(folder) => PathBuf::from(folder),
        None => PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"),
    }
}

/// Every record of the delivered files.
fn records(folder: &Path) -> Vec<Value> {
    let mut records = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            records.extend(self::records(&path));
        } else if path.extension().is_some_and(|ending| ending == "gz") {
            let mut file: Value = serde_json::from_reader(GzDecoder::new(File::open(&path).unwrap())).unwrap();
            match file["Records"].take() {
                Value::Array(found) => records.extend(found),
                other => panic!("{}: {other}", path.display()),
            }
        }
    }
    records
}

/// What the expected results leave out too: aggregations, and placeholders that each site fills in.
fn is_left_out(problem: &Problem) -> bool {
    problem.reason.contains("aggregation") || problem.reason.contains("'expand'")
}

/// The rules of a folder, by id.
fn rules(folder: &Path) -> BTreeMap<String, (Rule, String)> {
    let mut rules = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        for document in read(&text) {
            match document {
                Ok(Document::Rule(rule)) => _ = rules.insert(rule.id.clone(), (*rule, text.clone())),
                Ok(Document::Elsewhere(_)) => {}
                Err(problem) => assert!(is_left_out(&problem), "{}: {problem}", path.display()),
            }
        }
    }
    rules
}

#[test]
fn real_rules_find_in_real_records_what_others_find() {
    let Some(folder) = std::env::var_os("TRAILWATCH_SIGMA_RULES") else {
        println!("skipped: TRAILWATCH_SIGMA_RULES names no folder");
        return;
    };
    let data = shared().join("data");
    let Ok(expected) = fs::read_to_string(data.join("sigma-expected.json")) else {
        println!("skipped: {} has no expected results", data.display());
        return;
    };
    let expected: Vec<Value> = serde_json::from_str(&expected).unwrap();
    let records = records(&data.join("cloudtrail"));
    let rules = rules(Path::new(&folder));
    assert!(expected.len() >= 50 && records.len() >= 3_000);
    for one in &expected {
        let (rule, text) = &rules[one["id"].as_str().unwrap()];
        let ids = one["eventIDs"].as_array().unwrap().iter().filter_map(Value::as_str);
        let wanted: BTreeSet<&str> = ids.collect();
        if rule.id == COMPARED_WITH_CASE {
            assert!(!found(rule, &records).is_empty(), "{}", rule.title);
            let cased = text.replace("additionalEventData.MFAUsed:", "additionalEventData.MFAUsed|cased:");
            let Some(Ok(Document::Rule(cased))) = read(&cased).into_iter().next() else { panic!("{cased}") };
            assert_eq!(found(&cased, &records), wanted, "{}", rule.title);
            continue;
        }
        assert_eq!(found(rule, &records), wanted, "{} ({})", rule.title, one["file"]);
    }
}

/// The ids of the records that a rule matches.
fn found<'a>(rule: &Rule, records: &'a [Value]) -> BTreeSet<&'a str> {
    let found = records.iter().filter(|record| rule.is_match(record));
    found.filter_map(|record| record["eventID"].as_str()).collect()
}
