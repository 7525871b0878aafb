//! Statements that AWS publishes for CloudTrail Lake, and our own samples: each is planned and run, or refused for the reason that stands here.

use super::{Fixture, ID};
use crate::lake::LakeError;
use std::path::{Path, PathBuf};

/// What is refused: the file, and a part of the reason. Configuration items are not collected here, and some texts are not SQL as
/// they stand.
const REFUSED: [(&str, &str); 11] = [
    ("ConfigItemCountQuery.sql", "line 12:6: table 'trailwatch.default.awsconfig' not found"),
    ("ConfigTableCreation.sql", "line 26:1: Expected: end of statement"),
    // Two statements in one file, without a semicolon between.
    ("list-all-errors-for-s3-events.sql", "line 10:39: Expected: end of statement, found: example"),
    ("list-all-events-not-in-authorized-region.sql", "line 16:9: Expected: end of statement, found: awsRegion"),
    ("list-publicly-accessible-rds-instances.sql", "line 13:15: Expected: end of statement, found: SELECT"),
    // It selects eventCategory, and does not group by it.
    ("network-activity-events-vpce-access-denied-s3.sql", "must be in GROUP BY"),
    // Columns of configuration items.
    ("ssm-patch-compliance-all-ec2-instances-time-range.sql", "No field named eventdata.resourcetype"),
    ("ssm-patch-compliance-all-ec2-instances.sql", "No field named eventdata.resourcetype"),
    ("ssm-patch-compliance-distinct-ec2-instance-latest.sql", "No field named eventdata.resourcetype"),
    ("ssm-patch-compliance-selected-ec2-instance-time-range.sql", "No field named eventdata.resourcetype"),
    ("ssm-patch-compliance-selected-ec2-instance.sql", "No field named eventdata.resourcetype"),
];

fn folder() -> Option<PathBuf> {
    let root = std::env::var_os("TRAILWATCH_SHARED").map(PathBuf::from);
    let root = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let folder = root.join("data/lake-queries");
    if folder.is_dir() {
        return Some(folder);
    }
    eprintln!("SKIPPED: {} is not there", folder.display());
    None
}

/// The text with an id where the author left a place for it.
fn filled(text: &str) -> String {
    let places = [
        "<event_data_store_id>",
        "<Event data store Id>",
        "<EDS ID>",
        "<EDS_ID>",
        "$EDS_ID",
        "config_event_data_store_ID",
        "<event-data-store-ID>",
    ];
    let text = places.iter().fold(text.to_owned(), |text, place| text.replace(place, ID));
    // Some lines have run into each other.
    let glued = [("ORDER BY", " ORDER BY"), ("LIMIT", " LIMIT"), ("FROM FROM", "FROM")];
    let text = glued.iter().fold(text, |text, (glued, apart)| text.replace(glued, apart));
    text.replace("${date_filter}", "2026-01-01 00:00:00")
}

#[tokio::test]
async fn our_own_samples_run() {
    let fixture = Fixture::new().await;
    for sample in crate::lake::samples::SAMPLES {
        let answer = fixture.ask(&filled(sample.sql)).await;
        assert!(answer.is_ok(), "{}: {answer:?}", sample.name);
    }
}

#[tokio::test]
async fn published_statements_run_or_are_refused_precisely() {
    let Some(folder) = folder() else { return };
    let fixture = Fixture::new().await;
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension == "sql"));
    files.sort();
    let mut wrong = Vec::new();
    for path in &files {
        let name = path.file_name().unwrap().to_string_lossy();
        let refused = REFUSED.iter().find(|(file, _)| *file == name).map(|(_, reason)| *reason);
        let answer = fixture.ask(&filled(&std::fs::read_to_string(path).unwrap())).await;
        match (answer, refused) {
            (Ok(_), None) => {}
            (Err(LakeError::Invalid(message)), Some(reason)) if message.contains(reason) => {}
            (answer, _) => wrong.push(format!("{name}: {:?}", answer.map(|(columns, _)| columns))),
        }
    }
    assert!(files.len() > 60, "{}", files.len());
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}
