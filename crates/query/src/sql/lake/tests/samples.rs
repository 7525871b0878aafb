//! Statements that AWS publishes for CloudTrail Lake: each is planned and run, or refused for the reason that stands here.

use super::{Fixture, ID};
use crate::lake::LakeError;
use std::path::{Path, PathBuf};

/// What is refused: the file, and a part of the reason. Configuration items are not collected here, and some texts are not SQL as
/// they stand.
const REFUSED: [(&str, &str); 0] = [];

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
    ];
    let text = places.iter().fold(text.to_owned(), |text, place| text.replace(place, ID));
    text.replace("${date_filter}", "2026-01-01 00:00:00")
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
