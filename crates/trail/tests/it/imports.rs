//! Real CloudTrail files from public repositories, where they are at hand: nothing may be lost.

use crate::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use trail::import::{self, Refusal};
use trail::record::Defaults;

fn shared(path: &str) -> Option<PathBuf> {
    let root = std::env::var_os("TRAILWATCH_SHARED").map(PathBuf::from);
    let root = root.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"));
    let found = root.join("data").join(path);
    if found.exists() {
        return Some(found);
    }
    println!("skipped: {} is not here", found.display());
    None
}

fn defaults() -> Defaults {
    Defaults { account: ACCOUNT.into(), region: "us-east-1".into(), ingestion_time: NOW }
}

fn read(paths: &[PathBuf]) -> (Vec<Event>, Vec<Refusal>) {
    let (mut events, mut refused) = (Vec::new(), Vec::new());
    for path in import::files(paths, &mut |refusal| panic!("{refusal}")) {
        let file = std::fs::File::open(&path).unwrap();
        import::read(file, &path.display().to_string(), &defaults(), &mut |found| match found {
            Ok(event) => events.push(event),
            Err(refusal) => refused.push(refusal),
        });
    }
    (events, refused)
}

/// Every record of the delivered files, exactly as its bytes stand there, by a way of reading that is not ours.
fn expected_records(folder: &Path) -> Vec<String> {
    #[derive(serde::Deserialize)]
    struct Delivered<'a> {
        #[serde(borrow, rename = "Records")]
        records: Vec<&'a serde_json::value::RawValue>,
    }
    let mut records = Vec::new();
    for path in import::files(&[folder.to_owned()], &mut |refusal| panic!("{refusal}")) {
        let mut text = String::new();
        let file = std::fs::File::open(&path).unwrap();
        if path.extension().is_some_and(|e| e == "gz") {
            std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(file), &mut text).unwrap();
            let delivered: Delivered<'_> = serde_json::from_str(&text).unwrap();
            records.extend(delivered.records.iter().map(|r| r.get().to_owned()));
        }
    }
    records
}

#[tokio::test]
async fn all_shared_records_import_with_nothing_lost() {
    let Some(folder) = shared("cloudtrail") else { return };
    let (events, refused) = read(std::slice::from_ref(&folder));
    let records: Vec<&str> = events.iter().map(|e| e.record.as_str()).collect();
    let expected = expected_records(&folder);
    assert_eq!(records.len(), expected.len(), "{refused:?}");
    for (record, expected) in records.iter().zip(&expected) {
        assert_eq!(record, expected, "byte-faithful, in order");
    }
    // special.json holds Insights records and digests wrapped in objects of its collector, which are no records.
    assert!(refused.iter().all(|r| r.file.ends_with("special.json") && r.record.is_some()), "{refused:?}");

    let plane = Plane::new().await;
    let without_id = events.iter().filter(|e| !e.record.contains("\"eventID\"")).count();
    let listed = std::fs::read_to_string(folder.join("eventids.txt")).unwrap();
    let listed: BTreeSet<&str> = listed.lines().collect();
    let all = events.len();
    let imported = import::store(&plane.trail, events.clone()).await.unwrap();
    assert_eq!(imported.stored, listed.len() + without_id);
    assert_eq!(imported.duplicates, all - imported.stored);
    let again = import::store(&plane.trail, events.clone()).await.unwrap();
    assert_eq!((again.stored, again.duplicates), (0, all), "a second import finds everything there");

    let stored = stored(&plane).await;
    let ids: BTreeSet<&str> = stored.iter().map(|e| e.event_id.as_str()).collect();
    assert_eq!(ids.len(), imported.stored);
    assert_eq!(listed.difference(&ids).collect::<Vec<_>>(), Vec::<&&str>::new());
    assert!(stored.iter().all(|e| records.contains(&e.record.as_str())));
}

#[tokio::test]
async fn one_record_per_line_is_the_same_as_delivered() {
    let Some(folder) = shared("cloudtrail") else { return };
    let records = expected_records(&folder);
    let lines: String = records.iter().map(|r| format!("{}\n", r.replace('\n', " "))).collect();
    let mut read = Vec::new();
    import::read(lines.as_bytes(), "lines", &defaults(), &mut |found| read.push(found.unwrap().record));
    assert_eq!(read.len(), records.len());
}

async fn stored(plane: &Plane) -> Vec<Event> {
    let mut events = Vec::new();
    let scan = store::EventScan {
        account: None,
        region: None,
        range: model::TimeRange::ALL,
        direction: store::Direction::Forward,
        after: None,
        filter: None,
    };
    plane
        .trail
        .store
        .scan_events(scan, &mut |row| {
            events.push(row.event.clone());
            std::ops::ControlFlow::Continue(())
        })
        .await
        .unwrap();
    events
}

#[tokio::test]
async fn an_import_survives_a_restart_of_the_store_and_stays_known() {
    let Some(folder) = shared("cloudtrail/invictus-ir__aws_dataset") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (events, _) = read(&[folder]);
    let unique = events.iter().map(|e| e.event_id.as_str()).collect::<BTreeSet<_>>().len();
    for expected in [unique, 0] {
        let clock = Arc::new(ManualClock::at(NOW));
        let options = store::Options { dir: dir.path().to_owned(), ..store::Options::default() };
        let store = store::Store::open(options, clock.clone()).await.unwrap();
        let catalog = catalog::Catalog::in_memory().await.unwrap();
        let trail =
            Trail::new(store, catalog, clock, Arc::new(CountingIds::default()), Settings::default()).await.unwrap();
        assert_eq!(import::store(&trail, events.clone()).await.unwrap().stored, expected);
        trail.store.close().await.unwrap();
    }
}

#[test]
fn a_path_that_is_not_there_is_told() {
    let mut told = Vec::new();
    assert!(import::files(&["/no/such/path".into()], &mut |refusal| told.push(refusal)).is_empty());
    assert_eq!(told.len(), 1);
}
