//! Tables of Delta Lake over a store: what their logs say after flushes, merges, expiry, crashes and restores.
//!
//! The log is read here as the protocol says it, line by line, without the code that wrote it.

use crate::fixture::{event, log, open, point, series};
use model::clock::{CountingIds, ManualClock};
use model::{Batch, GroupId, Observation, StreamId, Timestamp};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use store::{Error, EventExpiry, OpenTables, OpenTablesOptions, Retention, Store, StreamName, Synced};

const HOUR: i64 = 60 * 60 * 1000;

struct Export {
    dir: tempfile::TempDir,
    store: Store,
    clock: Arc<ManualClock>,
}

impl Export {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let store = open(&dir.path().join("store")).await;
        Self { dir, store, clock: crate::fixture::clock() }
    }

    fn out(&self) -> PathBuf {
        self.dir.path().join("tables")
    }

    async fn tables(&self) -> OpenTables {
        self.tables_with(OpenTablesOptions::default()).await
    }

    async fn tables_with(&self, options: OpenTablesOptions) -> OpenTables {
        let ids = Arc::new(CountingIds::default());
        OpenTables::open(&self.dir.path().join("store"), &self.out(), options, self.clock.clone(), ids).await.unwrap()
    }

    /// Thirty records of each kind, in a segment each.
    async fn flush(&self, n: i64) {
        let batch = Batch {
            logs: (0..30).map(|i| log(1 + i as u64 % 2, i as u64 % 4, i * 10 + n, &format!("{n} {i}"))).collect(),
            datapoints: (0..30)
                .map(|i| point(&series("cpu", i % 4), i as i64 * 10 + n, Observation::value(n as f64)))
                .collect(),
            events: (0..30).map(|i| event(&format!("{n}-{i}"), i * 10 + n)).collect(),
        };
        self.store.append(batch).await.unwrap();
        self.store.flush().await.unwrap();
    }

    fn log(&self, table: &str) -> Vec<Vec<Value>> {
        commits(&self.out().join(table))
    }

    /// Paths in a folder of a table, without the log.
    fn files(&self, table: &str) -> BTreeSet<String> {
        let names = std::fs::read_dir(self.out().join(table)).unwrap();
        let names = names.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != "_delta_log").collect()
    }
}

async fn sync(tables: &mut OpenTables) -> Synced {
    tables.sync(async || Ok::<_, Error>(names(2))).await.unwrap()
}

fn names(count: u64) -> Vec<StreamName> {
    let name = |n| StreamName {
        group: GroupId(1),
        stream: StreamId(n),
        account: "123456789012".into(),
        region: "us-east-1".into(),
        log_group: "/app".into(),
        log_stream: format!("s{n}"),
    };
    (0..count).map(name).collect()
}

/// The actions of each version, oldest first; versions must follow each other.
fn commits(table: &Path) -> Vec<Vec<Value>> {
    let mut names: Vec<_> =
        std::fs::read_dir(table.join("_delta_log")).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    names.sort();
    let read = |path: &PathBuf| -> Vec<Value> {
        let text = std::fs::read_to_string(path).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    names.iter().map(read).collect()
}

/// The files that a log comes to, each with its number of rows.
fn active(commits: &[Vec<Value>]) -> BTreeMap<String, u64> {
    let mut active = BTreeMap::new();
    for action in commits.iter().flatten() {
        if let Some(add) = action.get("add") {
            let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
            active.insert(add["path"].as_str().unwrap().to_owned(), stats["numRecords"].as_u64().unwrap());
        }
        if let Some(remove) = action.get("remove") {
            assert!(active.remove(remove["path"].as_str().unwrap()).is_some(), "what is removed was there");
        }
    }
    active
}

fn rows(commits: &[Vec<Value>]) -> u64 {
    active(commits).values().sum()
}

/// `dataChange` of the adds and removes of one version.
fn data_changes(commit: &[Value]) -> Vec<(&str, bool)> {
    let of = |action: &Value, name: &'static str| Some((name, action.get(name)?["dataChange"].as_bool().unwrap()));
    commit.iter().filter_map(|action| of(action, "add").or(of(action, "remove"))).collect()
}

#[tokio::test]
async fn an_empty_store_is_empty_tables() {
    let export = Export::new().await;
    let mut tables = export.tables().await;
    let synced = tables.sync(async || Ok::<_, Error>(Vec::new())).await.unwrap();
    assert_eq!(synced.commits.len(), 4);
    for table in ["events", "logs", "metrics", "log_streams"] {
        let log = export.log(table);
        let [first] = &log[..] else { panic!("{log:?}") };
        let kinds: Vec<_> = first.iter().flat_map(|action| action.as_object().unwrap().keys()).collect();
        assert_eq!(kinds, ["commitInfo", "protocol", "metaData", "txn"], "{table}");
        assert_eq!(first[1]["protocol"]["minReaderVersion"], 1);
        assert_eq!(first[2]["metaData"]["partitionColumns"], serde_json::json!([]));
        assert!(export.files(table).is_empty());
    }
}

#[tokio::test]
async fn files_are_links_and_a_manifest_is_one_commit() {
    use std::os::unix::fs::MetadataExt;
    let export = Export::new().await;
    export.flush(0).await;
    let mut tables = export.tables().await;
    let synced = sync(&mut tables).await;
    assert_eq!(synced.commits.len(), 4);
    assert!(sync(&mut tables).await.commits.is_empty(), "the manifest is the same");
    for table in ["events", "logs"] {
        let log = export.log(table);
        assert_eq!(rows(&log), 30, "{table}");
        let (path, _) = active(&log).pop_first().unwrap();
        let segment = export.dir.path().join(format!("store/objects/segments/{table}/{}.parquet", &path[..20]));
        let link = export.out().join(table).join(&path);
        assert_eq!(segment.metadata().unwrap().ino(), link.metadata().unwrap().ino(), "no copy");
        let add = log[0].iter().find_map(|action| action.get("add")).unwrap();
        assert_eq!(add["size"], segment.metadata().unwrap().len());
        let stats: Value = serde_json::from_str(add["stats"].as_str().unwrap()).unwrap();
        assert_eq!((&stats["minValues"]["sequence"], &stats["maxValues"]["sequence"]), (&1.into(), &30.into()));
        let time = if table == "logs" { "timestamp" } else { "time" };
        assert_eq!(stats["minValues"][time], "1970-01-01T00:00:00.000Z");
        assert_eq!(stats["maxValues"][time], "1970-01-01T00:00:00.290Z");
        let txn = log[0].iter().find_map(|action| action.get("txn")).unwrap();
        assert_eq!((&txn["appId"], &txn["version"]), (&"trailwatch".into(), &synced.manifest.into()));
    }
    assert_eq!(rows(&export.log("metrics")), 30, "a row is a point");
    assert_eq!(rows(&export.log("log_streams")), 2);
    let declared = &export.log("logs")[0][2]["metaData"]["configuration"]["delta.dataSkippingStatsColumns"];
    assert_eq!(*declared, "timestamp,sequence,group");
    export.flush(1).await;
    assert_eq!(sync(&mut tables).await.commits.len(), 3, "no name came");
    assert_eq!(data_changes(&export.log("events")[1]), [("add", true)]);
}

#[tokio::test]
async fn a_merge_moves_rows_and_its_inputs_stay_for_a_while() {
    let export = Export::new().await;
    let mut tables = export.tables().await;
    for n in 0..9 {
        export.flush(n).await;
    }
    sync(&mut tables).await;
    let before: HashMap<&str, BTreeSet<String>> =
        ["events", "logs", "metrics"].map(|table| (table, export.files(table))).into();
    export.store.maintain(&Retention::default()).await.unwrap();
    sync(&mut tables).await;
    for table in ["events", "logs", "metrics"] {
        let log = export.log(table);
        assert_eq!((log.len(), rows(&log), active(&log).len()), (2, 270, 2), "{table}");
        let changes = data_changes(&log[1]);
        assert_eq!(changes.len(), 9, "eight files go, one comes");
        assert!(changes.iter().all(|(_, changed)| !changed), "{table}: {changes:?}");
        assert_eq!(log[1][0]["commitInfo"]["operation"], "OPTIMIZE");
        assert!(before[table].is_subset(&export.files(table)), "who reads version 0 comes to an end");
    }
    export.clock.advance(HOUR - 1);
    sync(&mut tables).await;
    assert_eq!(export.files("logs").len(), 10);
    export.clock.advance(1);
    assert!(sync(&mut tables).await.commits.is_empty());
    for table in ["events", "logs", "metrics"] {
        assert_eq!(export.files(table), active(&export.log(table)).into_keys().collect(), "{table}");
    }
}

#[tokio::test]
async fn what_is_more_than_a_merge_changes_data() {
    let export = Export::new().await;
    let mut tables = export.tables().await;
    for n in 0..8 {
        export.flush(n).await;
    }
    sync(&mut tables).await;
    // A flush and a merge between two looks: the merge takes the new segment in, so its rows are new in part.
    export.flush(8).await;
    export.store.maintain(&Retention::default()).await.unwrap();
    export.flush(9).await;
    sync(&mut tables).await;
    for table in ["events", "logs", "metrics"] {
        let log = export.log(table);
        assert_eq!(rows(&log), 300, "{table}");
        let added: Vec<bool> =
            data_changes(&log[1]).into_iter().filter(|(name, _)| *name == "add").map(|(_, changed)| changed).collect();
        assert!(added.contains(&true), "{table}: rows of the last flush are new: {added:?}");
    }
    let keep = Retention { metrics_ms: Some(0), ..Retention::default() };
    export.store.maintain(&keep).await.unwrap();
    let expiry = EventExpiry { below: u64::MAX, before: Timestamp::MAX, ..EventExpiry::default() };
    while export.store.expire_events(&expiry).await.unwrap() {}
    sync(&mut tables).await;
    for table in ["events", "metrics"] {
        let log = export.log(table);
        assert_eq!(rows(&log), 0, "{table}");
        assert!(data_changes(&log[2]).iter().all(|change| *change == ("remove", true)), "{table}");
        assert_eq!(log[2][0]["commitInfo"]["operation"], "DELETE");
    }
}

#[tokio::test]
async fn who_exports_again_goes_on_where_the_log_ends() {
    let export = Export::new().await;
    export.flush(0).await;
    let mut tables = export.tables().await;
    sync(&mut tables).await;
    let store = export.dir.path().join("store");
    let (out, ids) = (export.out(), Arc::new(CountingIds::default()));
    let second = OpenTables::open(&store, &out, OpenTablesOptions::default(), export.clock.clone(), ids);
    assert!(matches!(second.await, Err(Error::Locked { .. })), "one exporter at a time");
    drop(tables);
    let mut tables = export.tables().await;
    assert!(sync(&mut tables).await.commits.is_empty(), "the log shows the manifest");
    drop(tables);
    // As a crash leaves it: files without a commit, half a file, a commit that was staged.
    export.flush(1).await;
    std::fs::write(export.out().join("metrics/00000000000000000099-00000000.part"), b"half").unwrap();
    std::fs::write(export.out().join("logs/00000000000000000099-00000000.parquet"), b"never committed").unwrap();
    std::fs::write(export.out().join("logs/_delta_log/00000000000000000001.json#0"), b"{").unwrap();
    let mut tables = export.tables().await;
    assert_eq!(sync(&mut tables).await.commits.len(), 3);
    for table in ["events", "logs", "metrics"] {
        let log = export.log(table);
        assert_eq!((log.len(), rows(&log)), (2, 60), "{table}");
        assert_eq!(export.files(table), active(&log).into_keys().collect(), "{table}");
        assert_eq!(log[1].iter().filter(|action| action.get("metaData").is_some()).count(), 0);
    }
    assert!(!export.out().join("logs/_delta_log/00000000000000000001.json#0").exists());
}

#[tokio::test]
async fn a_checkpoint_says_the_same_and_the_log_before_it_goes() {
    let export = Export::new().await;
    let options = OpenTablesOptions { commits_per_checkpoint: 3, ..OpenTablesOptions::default() };
    let mut tables = export.tables_with(options).await;
    for n in 0..8 {
        export.flush(n).await;
        sync(&mut tables).await;
    }
    let log_folder = export.out().join("logs/_delta_log");
    let mut names: Vec<String> = std::fs::read_dir(&log_folder)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .map(|name| name.trim_start_matches('0').to_owned())
        .collect();
    names.sort();
    let expected = [
        "2.checkpoint.parquet",
        "2.json",
        "3.json",
        "4.json",
        "5.checkpoint.parquet",
        "5.json",
        "6.json",
        "7.json",
        "_last_checkpoint",
    ];
    assert_eq!(names, expected);
    let last: Value = serde_json::from_slice(&std::fs::read(log_folder.join("_last_checkpoint")).unwrap()).unwrap();
    assert_eq!((&last["version"], &last["size"]), (&5.into(), &9.into()), "protocol, metadata, txn and six files");
    drop(tables);
    // Whoever reads it anew finds nothing to do, and what comes next is version 8.
    let mut tables = export.tables_with(options).await;
    assert!(sync(&mut tables).await.commits.is_empty());
    export.store.maintain(&Retention::default()).await.unwrap();
    let synced = sync(&mut tables).await;
    assert_eq!(synced.commits.iter().map(|commit| commit.version).collect::<BTreeSet<_>>(), BTreeSet::from([8]));
    let log = export.log("metrics");
    assert!(data_changes(log.last().unwrap()).iter().all(|(_, changed)| !changed), "hashes come through checkpoints");
}

#[tokio::test]
async fn a_gap_in_a_log_is_named() {
    let export = Export::new().await;
    let mut tables = export.tables().await;
    for n in 0..3 {
        export.flush(n).await;
        sync(&mut tables).await;
    }
    drop(tables);
    std::fs::remove_file(export.out().join("events/_delta_log/00000000000000000001.json")).unwrap();
    let store = export.dir.path().join("store");
    let ids = Arc::new(CountingIds::default());
    let opened = OpenTables::open(&store, &export.out(), OpenTablesOptions::default(), export.clock.clone(), ids).await;
    let error = opened.expect_err("a gap").to_string();
    assert!(error.contains("events/_delta_log/00000000000000000002.json") && error.contains("version 1"), "{error}");
}

#[tokio::test]
async fn what_others_commit_is_undone() {
    let export = Export::new().await;
    export.flush(0).await;
    let mut tables = export.tables().await;
    sync(&mut tables).await;
    let (path, _) = active(&export.log("logs")).pop_first().unwrap();
    let foreign = format!("{{\"remove\":{{\"path\":\"{path}\",\"dataChange\":true}}}}\n");
    std::fs::write(export.out().join("logs/_delta_log/00000000000000000001.json"), foreign).unwrap();
    export.flush(1).await;
    let synced = sync(&mut tables).await;
    assert_eq!(synced.commits.iter().filter(|commit| commit.table == "events").count(), 1, "one for a manifest");
    let log = export.log("logs");
    assert_eq!((log.len(), rows(&log)), (3, 60));
}

#[tokio::test]
async fn a_restored_store_replaces_what_it_does_not_have() {
    let export = Export::new().await;
    export.flush(0).await;
    let backup = export.dir.path().join("backup");
    store::backup(&export.dir.path().join("store"), &backup).await.unwrap();
    export.flush(1).await;
    let mut tables = export.tables().await;
    sync(&mut tables).await;
    drop(tables);
    let before = active(&export.log("logs"));
    // The restored store gives the same ids to other segments.
    let restored = open(&backup).await;
    let batch = Batch { logs: vec![log(9, 9, 9, "other")], ..Batch::default() };
    restored.append(batch).await.unwrap();
    restored.flush().await.unwrap();
    let (out, ids) = (export.out(), Arc::new(CountingIds::default()));
    let opened = OpenTables::open(&backup, &out, OpenTablesOptions::default(), export.clock.clone(), ids);
    sync(&mut opened.await.unwrap()).await;
    let log = export.log("logs");
    let now = active(&log);
    assert_eq!(now.values().sum::<u64>(), 31);
    assert_eq!(now.keys().filter(|path| before.contains_key(*path)).count(), 1, "the first segment is the same");
    assert_eq!(rows(&export.log("events")), 30);
    let changes = data_changes(&log[1]);
    assert!(changes.iter().all(|(_, changed)| *changed), "other rows have the same sequences: {changes:?}");
}

#[tokio::test]
async fn what_is_not_ours_is_left_alone() {
    let export = Export::new().await;
    export.flush(0).await;
    let folder = export.out().join("logs");
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["part-00000-1a.snappy.parquet", "00000000000000000001.parquet", "notes-2.txt", "sales-1.parquet"] {
        std::fs::write(folder.join(name), "theirs").unwrap();
    }
    std::fs::write(folder.join("00000000000000000009-0000000a.parquet.part"), "left by a crash").unwrap();
    sync(&mut export.tables().await).await;
    let names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(names.len(), 4 + 2, "theirs, the log and a segment: {names:?}");
    // The table of another program is not taken over.
    let theirs = export.out().join("events/_delta_log/00000000000000000001.json");
    std::fs::remove_file(export.out().join("events/_delta_log/00000000000000000000.json")).unwrap();
    std::fs::write(
        theirs.with_file_name("00000000000000000000.json"),
        "{\"protocol\":{\"minReaderVersion\":1,\"minWriterVersion\":2}}",
    )
    .unwrap();
    let store = export.dir.path().join("store");
    let out = export.out();
    let opened = OpenTables::open(
        &store,
        &out,
        OpenTablesOptions::default(),
        export.clock.clone(),
        Arc::new(CountingIds::default()),
    );
    assert!(opened.await.unwrap_err().to_string().contains("another program"));
}

#[tokio::test]
async fn the_points_of_a_segment_are_all_there() {
    let export = Export::new().await;
    let points = vec![
        point(&series("a", 1), 2000, Observation::value(0.5)),
        point(&series("a", 1), 4000, Observation::Values(vec![(1.0, 2.0), (3.0, 4.0)].into())),
        point(&series("b", 2), 3001, Observation::Set { count: 5.0, sum: 10.0, min: 1.0, max: 4.0 }),
    ];
    export.store.append(Batch { datapoints: points, ..Batch::default() }).await.unwrap();
    export.store.flush().await.unwrap();
    let mut plain = Vec::new();
    export.store.export_metrics(model::TimeRange::ALL, &mut plain).await.unwrap();
    sync(&mut export.tables().await).await;
    let (path, rows) = active(&export.log("metrics")).pop_first().unwrap();
    assert_eq!(rows, 3);
    let exported = std::fs::read(export.out().join("metrics").join(path)).unwrap();
    assert!(exported == plain, "the same rows as `export metrics` writes");
}
