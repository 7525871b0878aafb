//! Copies of a server that goes on: what each brings back, what is shared between them, what goes with them, and what an interruption leaves.

use super::*;
use crate::buckets::Folder;
use crate::config::{Config, Settings};
use crate::proofs::tests::{signed, wrong};
use crate::restore::restore;
use crate::server::Server;
use crate::{proofs, serve};
use bytes::Bytes;
use model::buckets::NewObject;
use model::clock::ManualClock;
use model::time::MINUTE;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use store::EventTree;
use tempfile::TempDir;
use wire::HttpRequest;
use wire::sigv4::{self, Credentials};

const NOW: Timestamp = Timestamp(1_795_000_000_000);

struct World {
    server: Server,
    clock: Arc<ManualClock>,
    dir: TempDir,
}

async fn open(data_dir: &Path, clock: &Arc<ManualClock>) -> Server {
    let flags = Settings { data_dir: Some(data_dir.to_owned()), ..Settings::default() };
    let config = Config::resolve(flags, Settings::default()).unwrap();
    serve::open(config, Arc::clone(clock) as Arc<dyn Clock>).await.unwrap()
}

/// Calls an operation of Logs or CloudWatch by its name; answers what it says, error or not.
async fn call(server: &Server, operation: &str, input: Value) -> Value {
    let (prefix, version, signing_name) = match operation.contains("Log") {
        true => ("Logs_20140328", "1.1", "logs"),
        false => ("GraniteServiceVersion20100801", "1.0", "monitoring"),
    };
    let (key, secret) = server.auth.credentials();
    let credentials = Credentials { access_key_id: key.into(), secret_access_key: secret.into(), session_token: None };
    let header = |name: &str, value: String| (name.to_owned(), value);
    let mut request = HttpRequest {
        method: "POST".into(),
        path: "/".into(),
        headers: vec![
            header("host", "127.0.0.1:8792".into()),
            header("x-amz-target", format!("{prefix}.{operation}")),
            header("content-type", format!("application/x-amz-json-{version}")),
        ],
        body: Bytes::from(input.to_string()),
        ..HttpRequest::default()
    };
    sigv4::sign(&mut request, &credentials, "us-east-1", signing_name, server.clock.now());
    let response = server.answer(request, "127.0.0.1").await;
    match response.body.is_empty() {
        true => Value::Null,
        false => serde_json::from_slice(&response.body).unwrap(),
    }
}

/// As `call`, of what must be granted.
async fn done(server: &Server, operation: &str, input: Value) -> Value {
    let answer = call(server, operation, input).await;
    assert!(answer.get("__type").is_none(), "{operation}: {answer}");
    answer
}

async fn put_lines(server: &Server, group: &str, lines: &[&str]) {
    let now = server.clock.now().0;
    let events: Vec<Value> = lines.iter().map(|line| json!({ "timestamp": now, "message": line })).collect();
    let input = json!({ "logGroupName": group, "logStreamName": "s", "logEvents": events });
    done(server, "PutLogEvents", input).await;
}

async fn make_group(server: &Server, group: &str) {
    done(server, "CreateLogGroup", json!({ "logGroupName": group })).await;
    done(server, "CreateLogStream", json!({ "logGroupName": group, "logStreamName": "s" })).await;
}

async fn put_alarm(server: &Server, name: &str) {
    let alarm = json!({
        "AlarmName": name, "Namespace": "N", "MetricName": "m", "Statistic": "Sum", "Period": 60,
        "EvaluationPeriods": 1, "Threshold": 1.0, "ComparisonOperator": "GreaterThanThreshold",
    });
    done(server, "PutMetricAlarm", alarm).await;
}

async fn put_metric(server: &Server, value: f64) {
    let datum = json!({ "MetricName": "m", "Value": value, "Timestamp": server.clock.now().0 / 1000 });
    done(server, "PutMetricData", json!({ "Namespace": "N", "MetricData": [datum] })).await;
}

/// Everything that calls can see: groups with their lines, alarms, datapoints.
async fn seen(server: &Server) -> Value {
    let groups = done(server, "DescribeLogGroups", json!({})).await;
    let mut lines = BTreeMap::new();
    for group in groups["logGroups"].as_array().unwrap() {
        let name = group["logGroupName"].as_str().unwrap();
        let found = done(server, "FilterLogEvents", json!({ "logGroupName": name })).await;
        lines.insert(format!("{name} of {}", group["creationTime"]), found["events"].clone());
    }
    let alarms = done(server, "DescribeAlarms", json!({})).await;
    let statistics = json!({
        "Namespace": "N", "MetricName": "m", "Statistics": ["Sum", "SampleCount"], "Period": 86_400,
        "StartTime": NOW.0 / 1000 - 86_400, "EndTime": NOW.0 / 1000 + 86_400,
    });
    let points = done(server, "GetMetricStatistics", statistics).await;
    json!({ "lines": lines, "alarms": alarms["MetricAlarms"], "points": points["Datapoints"] })
}

impl World {
    async fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let clock = Arc::new(ManualClock::at(NOW));
        Self { server: open(&dir.path().join("data"), &clock).await, clock, dir }
    }

    fn data_dir(&self) -> PathBuf {
        self.dir.path().join("data")
    }

    fn copies(&self) -> PathBuf {
        self.dir.path().join("copies")
    }

    fn settings(&self, keep: &str) -> BackupSettings {
        let text = format!("[backup]\nto = '/copies'\nevery = '1m'\nkeep = '{keep}'");
        let config = Config::resolve(Settings::default(), crate::config::parse(&text).unwrap()).unwrap();
        BackupSettings { to: self.copies(), ..config.backup.unwrap() }
    }

    async fn copy(&self, keep: &str) -> anyhow::Result<Kept> {
        make(&self.data_dir(), Elsewhere::default(), &self.settings(keep), &*self.clock, &|| true).await
    }
}

/// The content of each file below a folder, but for what is on its way.
fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    paths(folder).into_iter().map(|path| (path.clone(), std::fs::read(path).unwrap())).collect()
}

fn paths(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true if path.ends_with(PART) => {}
                true => folders.push(path),
                false => found.push(path),
            }
        }
    }
    found
}

fn inode(path: &Path) -> u64 {
    path.metadata().unwrap().ino()
}

#[tokio::test]
async fn each_moment_comes_back_exactly() {
    let world = World::new().await;
    let server = &world.server;
    let mut moments: Vec<(Timestamp, Value, EventTree)> = Vec::new();
    for round in 0..3 {
        match round {
            0 => {
                make_group(server, "/a").await;
                make_group(server, "/b").await;
                put_lines(server, "/a", &["one", "two"]).await;
                put_lines(server, "/b", &["secret"]).await;
                put_alarm(server, "first").await;
                put_alarm(server, "second").await;
                server.trail.store.flush().await.unwrap();
            }
            1 => {
                put_lines(server, "/a", &["three"]).await;
                done(server, "DeleteLogGroup", json!({ "logGroupName": "/b" })).await;
                done(server, "DeleteAlarms", json!({ "AlarmNames": ["first"] })).await;
            }
            _ => {
                make_group(server, "/c").await;
                put_lines(server, "/c", &["four"]).await;
                put_alarm(server, "third").await;
                server.trail.store.flush().await.unwrap();
                watch::maintain(&server.watch).await;
            }
        }
        put_metric(server, f64::from(round)).await;
        server.proofs.publish().await.unwrap();
        let state = seen(server).await;
        // What was asked is recorded as well, and is in the copy.
        moments.push((server.clock.now(), state, server.trail.store.event_tree()));
        let made = world.copy("7d").await.unwrap();
        assert_eq!(made.ended, server.clock.now());
        world.clock.advance(10 * MINUTE);
    }
    let restored = |name: &str| world.dir.path().join(name);
    let of_server = signed(&world.data_dir());
    for (number, (time, state, tree)) in moments.iter().enumerate() {
        let dir = restored(&format!("restored-{number}"));
        // Of an empty folder that is there, too.
        if number == 1 {
            std::fs::create_dir(&dir).unwrap();
        }
        let at = (*time + 9 * MINUTE).iso_seconds();
        restore(&world.copies(), Some(&at), &dir, None).await.unwrap();
        // The log goes on under another key, from a tree that the former one signed.
        let before = signed(&dir);
        assert!(before.size <= of_server.size && before.size > 0, "{before:?}");
        assert_eq!(wrong(&dir), Vec::<String>::new());
        let clock = Arc::new(ManualClock::at(NOW + 60 * MINUTE));
        let copy = open(&dir, &clock).await;
        assert_eq!(copy.trail.store.event_tree(), *tree, "{at}");
        assert_eq!(seen(&copy).await, *state, "{at}");
        assert_ne!(copy.proofs.vkey(), server.proofs.vkey());
        let after = copy.proofs.publish().await.unwrap();
        assert_eq!(after.tree.root, copy.trail.store.event_tree().root);
        assert!(after.tree.size > before.size);
        assert_eq!(wrong(&dir), Vec::<String>::new());
        let old_key = dir.join(format!("event-log-key-until-{}", name(*time)));
        assert_eq!(std::fs::read(old_key).unwrap(), std::fs::read(world.data_dir().join("event-log-key")).unwrap());
        assert!(dir.join(proofs::FOLDER).join(format!("checkpoint-until-{}", name(*time))).exists());
        copy.trail.store.close().await.unwrap();
    }
    // Without a time it is the newest, and before the first there is nothing.
    restore(&world.copies(), None, &restored("newest"), None).await.unwrap();
    assert_eq!(signed(&restored("newest")), of_server);
    let refused = |at: &'static str, dir: PathBuf| {
        let copies = world.copies();
        async move { format!("{:#}", restore(&copies, Some(at), &dir, None).await.unwrap_err()) }
    };
    let error = refused("2020-01-01T00:00:00Z", restored("early")).await;
    assert!(error.contains("there are 3") && error.contains(&NOW.iso_millis()), "{error}");
    let error = refused("yesterday", restored("early")).await;
    assert!(error.contains("--at is a time such as") && !restored("early").exists(), "{error}");
    let before = files(&restored("newest"));
    let error = refused("2100-01-01T00:00:00Z", restored("newest")).await;
    assert!(error.contains("is not empty"), "{error}");
    assert_eq!(files(&restored("newest")), before);
    let error = format!("{:#}", restore(&world.data_dir(), None, &restored("none"), None).await.unwrap_err());
    assert!(error.contains("no copies"), "{error}");
    world.server.trail.store.close().await.unwrap();
}

#[tokio::test]
async fn a_copy_that_is_damaged_is_not_restored() {
    let world = World::new().await;
    make_group(&world.server, "/a").await;
    put_lines(&world.server, "/a", &["one"]).await;
    world.server.trail.store.flush().await.unwrap();
    let copy = world.copy("7d").await.unwrap();
    let is_rows = |path: &PathBuf| path.extension().is_some_and(|extension| extension == "parquet");
    let damaged = paths(&copy.path).into_iter().find(is_rows).unwrap();
    let mut bytes = std::fs::read(&damaged).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    // Not through the file, which the server has as well.
    std::fs::remove_file(&damaged).unwrap();
    std::fs::write(&damaged, bytes).unwrap();
    let dir = world.dir.path().join("restored");
    let error = format!("{:#}", restore(&world.copies(), None, &dir, None).await.unwrap_err());
    assert!(error.contains("is damaged") && !dir.exists(), "{error}");
    world.server.trail.store.close().await.unwrap();
}

#[tokio::test]
async fn whichever_step_of_a_copy_is_interrupted_the_copies_before_stay_whole() {
    let world = World::new().await;
    let object = |name: &str| {
        let folder = Folder::new(world.data_dir().join("buckets/mine"), world.clock.clone());
        folder.put(name, NewObject::from(vec![1; 1000])).unwrap();
    };
    let mut made = Vec::new();
    for round in 0..3 {
        make_group(&world.server, &format!("/{round}")).await;
        put_lines(&world.server, &format!("/{round}"), &["line"]).await;
        object(&format!("a/{round}"));
        world.server.trail.store.flush().await.unwrap();
        world.server.proofs.publish().await.unwrap();
        let before = if made.is_empty() { BTreeMap::new() } else { files(&world.copies()) };
        let mut steps = 0;
        loop {
            let left = AtomicUsize::new(steps);
            let goes_on =
                || left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)).is_ok();
            match make(&world.data_dir(), Elsewhere::default(), &world.settings("7d"), &*world.clock, &goes_on).await {
                Ok(copy) => {
                    made.push(copy);
                    break;
                }
                Err(error) => assert!(format!("{error:#}").contains("stopped"), "{error:#}"),
            }
            // What is left is as a kill at this step leaves it.
            assert!(world.copies().join(PART).exists());
            assert_eq!(list(&world.copies()).unwrap(), made, "round {round}, step {steps}");
            let mut now = files(&world.copies());
            now.remove(&world.copies().join(LOCK));
            assert!(now.iter().all(|(path, bytes)| before.get(path) == Some(bytes)), "round {round}, step {steps}");
            assert_eq!(now.len(), before.keys().filter(|path| !path.ends_with(LOCK)).count());
            steps += 1;
        }
        assert!(steps > 3, "{steps}");
        assert!(!world.copies().join(PART).exists());
        world.clock.advance(MINUTE);
    }
    for (number, copy) in made.iter().enumerate() {
        let dir = world.dir.path().join(format!("restored-{number}"));
        restore(&world.copies(), Some(&copy.ended.iso_millis()), &dir, None).await.unwrap();
        let server = open(&dir, &world.clock).await;
        let groups = done(&server, "DescribeLogGroups", json!({})).await;
        assert_eq!(groups["logGroups"].as_array().unwrap().len(), number + 1);
        let has = |object: usize| dir.join(format!("buckets/mine/a/{object}")).exists();
        assert!((0..3).all(|object| has(object) == (object <= number)));
        server.trail.store.close().await.unwrap();
    }
    world.server.trail.store.close().await.unwrap();
}

#[tokio::test]
async fn copies_share_what_is_the_same_and_the_last_to_go_frees_it() {
    let world = World::new().await;
    let buckets = world.data_dir().join("buckets/mine");
    let folder = Folder::new(buckets.clone(), world.clock.clone());
    folder.put("stays", NewObject::from(vec![1; 1000])).unwrap();
    folder.put("goes", NewObject::from(vec![2; 1000])).unwrap();
    make_group(&world.server, "/a").await;
    put_lines(&world.server, "/a", &["line"]).await;
    world.server.trail.store.flush().await.unwrap();
    let mut made = Vec::new();
    for round in 0..3 {
        if round == 1 {
            std::fs::remove_file(buckets.join("goes")).unwrap();
        }
        made.push(world.copy("15m").await.unwrap());
        world.clock.advance(10 * MINUTE);
    }
    assert_eq!(list(&world.copies()).unwrap(), made, "the first is what was so 15 minutes before the third");
    let stays = |copy: &Kept| inode(&copy.path.join("buckets/mine/stays"));
    assert!(made.iter().all(|copy| stays(copy) == stays(&made[0])));
    assert_ne!(stays(&made[0]), inode(&buckets.join("stays")), "what a server may change is copied");
    let segment = paths(&made[0].path).into_iter().find(|path| path.to_string_lossy().contains("segments")).unwrap();
    let segment = segment.strip_prefix(&made[0].path).unwrap().to_owned();
    assert!(made.iter().all(|copy| inode(&copy.path.join(&segment)) == inode(&world.data_dir().join(&segment))));
    let goes = inode(&made[0].path.join("buckets/mine/goes"));
    let inodes = || paths(&world.copies()).iter().map(|path| inode(path)).collect::<BTreeSet<u64>>();
    assert!(inodes().contains(&goes));
    // A removal that was interrupted is finished by the next copy.
    std::fs::create_dir_all(world.copies().join(PART).join("store")).unwrap();
    made.push(world.copy("15m").await.unwrap());
    made.remove(0);
    assert_eq!(list(&world.copies()).unwrap(), made);
    assert!(!inodes().contains(&goes), "no file has it");
    assert!(!world.copies().join(PART).exists());
    assert!(made[0].path.join(&segment).exists());
    // A clock that jumps leaves the newest of what was there.
    world.clock.advance(1000 * 24 * 60 * MINUTE);
    let last = made.pop().unwrap();
    let late = world.copy("15m").await.unwrap();
    assert_eq!(list(&world.copies()).unwrap(), [last, late]);
    world.server.trail.store.close().await.unwrap();
}

#[tokio::test]
async fn one_server_at_a_time_makes_copies_in_a_folder() {
    let world = World::new().await;
    std::fs::create_dir_all(world.copies()).unwrap();
    let held = lock(&world.copies()).unwrap();
    let error = format!("{:#}", world.copy("7d").await.unwrap_err());
    assert!(error.contains("another server"), "{error}");
    drop(held);
    world.copy("7d").await.unwrap();
    let error = format!("{:#}", world.copy("7d").await.unwrap_err());
    assert!(error.contains("the clock was set back"), "{error}");
    world.server.trail.store.close().await.unwrap();
}

#[test]
fn only_folders_that_are_named_by_a_time_are_copies() {
    assert_eq!(name(NOW), "2026-11-18T11-06-40.000Z");
    assert_eq!(ended("2026-11-18T11-06-40.000Z"), Some(NOW));
    for other in [PART, LOCK, "2026-11-18T11:06:40.000Z", "2026-11-18T11-06-40Z", "2026-11-18", "T", ""] {
        assert_eq!(ended(other), None, "{other}");
    }
}

#[tokio::test]
async fn a_long_journal_is_in_segments_before_it_would_be_copied() {
    let world = World::new().await;
    let store = &world.server.trail.store;
    let append = async |bytes: usize| {
        let log = model::LogEvent {
            group: model::GroupId(1),
            stream: model::StreamId(1),
            timestamp: NOW,
            ingestion_time: NOW,
            message: "x".repeat(bytes),
        };
        store.append(model::Batch { logs: vec![log], ..model::Batch::default() }).await.unwrap();
    };
    append(1024).await;
    let before = store.health();
    shorten_journal(store).await;
    assert_eq!(store.health(), before, "a short one is copied as it is");
    append(usize::try_from(JOURNAL_BYTES_LONG).unwrap()).await;
    assert!(store.health().journal_bytes > JOURNAL_BYTES_LONG);
    shorten_journal(store).await;
    let after = store.health();
    assert!(after.journal_bytes < 1024 && after.segments > before.segments, "{after:?}");
}
