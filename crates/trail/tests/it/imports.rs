//! Real CloudTrail files from public repositories, where they are at hand: nothing may be lost.

use crate::*;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use trail::import::{self, Imported, Refusal};
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

pub(crate) async fn stored(plane: &Plane) -> Vec<Event> {
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

/// A record of a minute, with something in it that can differ.
fn made_up(id: &str, minute: u32, note: &str) -> Event {
    let text = format!(
        r#"{{"eventTime":"2026-01-01T{:02}:{:02}:00Z","eventName":"A","eventID":"{id}","note":"{note}"}}"#,
        minute / 60,
        minute % 60
    );
    trail::record::parse(text, &defaults()).unwrap()
}

/// (stored, duplicates, positions and ids of those that differ)
fn told(imported: Imported) -> (usize, usize, Vec<(u64, String)>) {
    let differing = imported.differing.into_iter().map(|differing| (differing.at, differing.event_id)).collect();
    (imported.stored, imported.duplicates, differing)
}

fn at(expected: &[(u64, &str)]) -> Vec<(u64, String)> {
    expected.iter().map(|(at, id)| (*at, (*id).to_owned())).collect()
}

#[tokio::test]
async fn a_record_that_differs_from_the_kept_one_is_told_and_the_first_stays() {
    let plane = Plane::new().await;
    let import = async |events: &[Event]| told(import::store(&plane.trail, events.to_vec()).await.unwrap());
    let (a, b) = (made_up("a", 1, "first"), made_up("b", 2, "first"));
    let among_themselves = [a.clone(), made_up("a", 1, "second"), b.clone(), a.clone(), made_up("a", 9, "first")];
    assert_eq!(import(&among_themselves).await, (2, 3, at(&[(1, "a"), (4, "a")])));
    let known = [b.clone(), made_up("b", 2, "second"), made_up("c", 3, ""), a.clone(), made_up("a", 500, "first")];
    // From memory, then from a segment, with another time and with the same.
    assert_eq!(import(&known).await, (1, 4, at(&[(1, "b"), (4, "a")])));
    plane.trail.store.flush().await.unwrap();
    let known = [b.clone(), made_up("b", 2, "second"), a.clone(), made_up("c", 3, "c")];
    assert_eq!(import(&known).await, (0, 4, at(&[(1, "b"), (3, "c")])));
    assert_eq!(import(&[]).await, (0, 0, vec![]));
    let stored: Vec<String> = stored(&plane).await.into_iter().map(|event| event.record).collect();
    assert_eq!(stored, [a.record, b.record, made_up("c", 3, "").record]);
}

#[tokio::test]
async fn a_second_import_of_many_differs_only_where_it_does() {
    let plane = Plane::new().await;
    let events: Vec<Event> = (0..3000).map(|n| made_up(&n.to_string(), n % 1440, "first")).collect();
    assert_eq!(told(import::store(&plane.trail, events.clone()).await.unwrap()), (3000, 0, vec![]));
    plane.trail.store.flush().await.unwrap();
    // One of long ago among them, as redacted records are, and one of tomorrow.
    let text = r#"{"eventTime":"redacted","eventName":"A","eventID":"old"}"#;
    let old = trail::record::parse(text.into(), &defaults()).unwrap();
    let mut again = events.clone();
    again.push(old.clone());
    assert_eq!(told(import::store(&plane.trail, again.clone()).await.unwrap()), (1, 3000, vec![]));
    again[7] = made_up("7", 7, "second");
    again[2999] = made_up("2999", 2999 % 1440, "second");
    again[3000].record.push(' ');
    let expected = at(&[(7, "7"), (2999, "2999"), (3000, "old")]);
    assert_eq!(told(import::store(&plane.trail, again).await.unwrap()), (0, 3001, expected));
}

/// special.json wraps Insights records and digest files in objects of its collector.
#[tokio::test]
async fn insights_records_import_and_digest_files_are_refused_by_name() {
    #[derive(serde::Deserialize)]
    struct Special<'a> {
        kind: String,
        #[serde(borrow)]
        doc: &'a serde_json::value::RawValue,
    }
    let Some(path) = shared("cloudtrail/special.json") else { return };
    let text = std::fs::read_to_string(path).unwrap();
    let all: Vec<Special<'_>> = serde_json::from_str(&text).unwrap();
    // One is the schema of Insights records: it says `string` where a record has its time, and is none.
    let is_schema = |doc: &str| doc.contains(r#""eventTime": "string""#) && !doc.contains(r#""eventName""#);
    let kind =
        |special: &Special<'_>| if is_schema(special.doc.get()) { "schema".into() } else { special.kind.clone() };
    let of_kind = |wanted: &str| -> Vec<u64> {
        all.iter().enumerate().filter(|(_, special)| kind(special) == wanted).map(|(at, _)| at as u64).collect()
    };
    let (insights, digests, schemas) = (of_kind("insight"), of_kind("digest"), of_kind("schema"));
    assert_eq!((insights.len(), digests.len(), schemas.len()), (12, 6, 1));

    let unwrapped: String = all.iter().map(|special| format!("{}\n", special.doc.get())).collect();
    let (mut events, mut refused) = (Vec::new(), Vec::new());
    import::read(unwrapped.as_bytes(), "unwrapped.json", &defaults(), &mut |found| match found {
        Ok(event) => events.push(event),
        Err(refusal) => refused.push(refusal),
    });
    let expected = insights.iter().map(|at| all[*at as usize].doc.get());
    assert!(events.iter().map(|event| event.record.as_str()).eq(expected), "all, in order, byte for byte");
    let because = |words: &str| -> Vec<u64> {
        refused.iter().filter(|refusal| refusal.reason.contains(words)).filter_map(|refusal| refusal.record).collect()
    };
    assert_eq!((because("digest file"), because("neither")), (digests, schemas), "{refused:?}");
    assert!(refused.iter().all(|refusal| refusal.file == "unwrapped.json") && refused.len() == 7, "{refused:?}");

    let plane = Plane::new().await;
    assert_eq!(told(import::store(&plane.trail, events.clone()).await.unwrap()), (12, 0, vec![]));
    plane.trail.store.flush().await.unwrap();
    for event in &events {
        let scan = store::EventScan {
            account: None,
            region: None,
            range: model::TimeRange::ALL,
            direction: store::Direction::Forward,
            after: None,
            filter: Some(store::EventFilter::EventId(event.event_id.clone())),
        };
        let mut found = Vec::new();
        let visit = &mut |row: &store::EventRow| {
            found.push(row.event.clone());
            std::ops::ControlFlow::Continue(())
        };
        plane.trail.store.scan_events(scan, visit).await.unwrap();
        assert!(found == std::slice::from_ref(event), "{} is found again as it was", event.event_id);
    }
}

#[test]
fn a_path_that_is_not_there_is_told() {
    let mut told = Vec::new();
    assert!(import::files(&["/no/such/path".into()], &mut |refusal| told.push(refusal)).is_empty());
    assert_eq!(told.len(), 1);
}
