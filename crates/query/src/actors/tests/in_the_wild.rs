//! Real records: whoever is named is named, and the order in which they come in changes nothing. Skipped where the records are not there.

use super::call;
use crate::actors::{Call, Issuances, resolve};
use flate2::read::GzDecoder;
use serde_json::Value;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

fn records(folder: &Path, into: &mut Vec<Value>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            records(&path, into);
        } else if path.extension().is_some_and(|ending| ending == "gz") {
            let mut file: Value = serde_json::from_reader(GzDecoder::new(File::open(&path).unwrap())).unwrap();
            into.extend(file["Records"].as_array_mut().map(std::mem::take).unwrap_or_default());
        }
    }
}

#[test]
fn real_records_name_their_actors_in_any_order() {
    let shared = std::env::var_os("TRAILWATCH_SHARED").map(PathBuf::from);
    let shared = shared.unwrap_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let folder = shared.join("data/cloudtrail");
    if !folder.is_dir() {
        println!("skipped: {} is not there", folder.display());
        return;
    }
    let mut all = Vec::new();
    records(&folder, &mut all);
    let has_time =
        |record: &Value| record["eventTime"].as_str().is_some_and(|time| model::Timestamp::parse_iso(time).is_some());
    let calls: Vec<Call> = all
        .iter()
        .filter(|record| has_time(record))
        .enumerate()
        .map(|(n, record)| call(&format!("event-{n}"), record))
        .collect();
    assert!(calls.len() >= 2_500);
    let (mut forward, mut backward) = (Issuances::whole(), Issuances::whole());
    calls.iter().for_each(|call| forward.add(call.clone()));
    calls.iter().rev().for_each(|call| backward.add(call.clone()));
    let (mut services, mut people, mut chains) = (0, 0, 0);
    for call in &calls {
        let resolution = resolve(call, &forward).unwrap();
        assert_eq!(resolve(call, &backward).unwrap(), resolution);
        let identity = &call.identity;
        let names_nobody =
            [&identity.arn, &identity.principal, &identity.user_name, &identity.invoked_by, &identity.account];
        let actor = resolution.actor.unwrap_or_default();
        assert!(!actor.is_empty() || names_nobody.iter().all(|text| text.is_empty()), "{identity:?}");
        services += usize::from(actor.starts_with("service:"));
        people += usize::from(actor.starts_with("identity-center:"));
        chains += usize::from(!resolution.chain.is_empty());
    }
    assert!(services >= 800 && people >= 15 && chains >= 10, "{services} {people} {chains}");
}
