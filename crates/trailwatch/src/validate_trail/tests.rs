//! A trail's files in a bucket of the server: whole, changed, gone, and not the caller's.

use super::*;
use crate::config::{Config, Settings};
use crate::serve;
use bytes::Bytes;
use flate2::write::GzEncoder;
use model::buckets::NewObject;
use model::clock::ManualClock;
use sha2::{Digest, Sha256};
use std::io::Write;
use tempfile::TempDir;

/// 2026-01-02T06:00:00Z.
const NOW: Timestamp = Timestamp(1_767_333_600_000);
const ACCOUNT: &str = "123456789012";

async fn server() -> (Server, TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let flags = Settings { data_dir: Some(dir.path().to_owned()), open: Some(true), ..Settings::default() };
    let config = Config::resolve(flags, Settings::default()).unwrap();
    (serve::open(config, Arc::new(ManualClock::at(NOW))).await.unwrap(), dir)
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text.as_bytes()).unwrap();
    encoder.finish().unwrap()
}

fn hex(text: &str) -> String {
    Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn path(kind: &str, name: &str) -> String {
    format!("p/AWSLogs/{ACCOUNT}/{kind}/us-east-1/2026/01/02/{ACCOUNT}_{kind}_us-east-1_{name}.json.gz")
}

/// Blocking work of a bucket.
async fn blocking(server: &Server, work: impl FnOnce(&crate::buckets::ServerBuckets) + Send + 'static) {
    let buckets = Arc::clone(&server.buckets);
    tokio::task::spawn_blocking(move || work(&buckets)).await.unwrap();
}

const LOG: &str = r#"{"Records":[{"eventName":"CreateTrail"}]}"#;

/// A bucket with a log file of this text, and the digest of `LOG`.
async fn deliver(server: &Server, log: &'static str) {
    let named = json!([{ "s3Object": path("CloudTrail", "20260102T0105Z_x"), "hashValue": hex(LOG) }]);
    deliver_with(server, log, named).await;
}

/// The same, with a digest that names these files.
async fn deliver_with(server: &Server, log: &'static str, log_files: Value) {
    blocking(server, move |buckets| {
        let scope = Scope { account: ACCOUNT.into(), region: "us-east-1".into() };
        buckets.create(&scope, "audit").unwrap();
        let log_path = path("CloudTrail", "20260102T0105Z_x");
        let digest_path = path("CloudTrail-Digest", "t_us-east-1_20260102T020000Z");
        let digest = json!({
            "digestStartTime": "2026-01-02T01:00:00Z",
            "digestEndTime": "2026-01-02T02:00:00Z",
            "digestS3Bucket": "audit",
            "digestS3Object": digest_path,
            "previousDigestS3Object": null,
            "previousDigestHashValue": null,
            "previousDigestSignature": null,
            "logFiles": log_files,
        });
        buckets.put("audit", &log_path, NewObject::from(gzip(log))).unwrap();
        buckets.put("audit", &digest_path, NewObject::from(gzip(&digest.to_string()))).unwrap();
    })
    .await;
}

fn request(body: &Value) -> HttpRequest {
    HttpRequest {
        method: "POST".into(),
        path: PATH.into(),
        headers: vec![("host".into(), "127.0.0.1:8792".into())],
        body: Bytes::from(body.to_string()),
        ..HttpRequest::default()
    }
}

/// There is one turn, which no test may take from another.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn ask(server: &Server, body: Value) -> (u16, Value) {
    let _alone = ALONE.lock().await;
    let request = request(&body);
    let response = server.answer(request, "127.0.0.1").await;
    (response.status, serde_json::from_slice(&response.body).unwrap())
}

#[tokio::test]
async fn files_are_proved_and_changed_ones_are_named() {
    let (server, _dir) = server().await;
    deliver(&server, LOG).await;
    let (status, told) = ask(&server, json!({ "bucket": "audit", "prefix": "p" })).await;
    assert_eq!((status, &told["files"], &told["wrong"]), (200, &json!(2), &json!([])), "{told}");
    assert!(told["proved"].as_array().is_some_and(|proved| !proved.is_empty()), "{told}");
    let open = told["open"].to_string();
    assert!(open.contains("signatures of us-east-1: the region has no key for digests"), "{told}");

    deliver(&server, r#"{"Records":[]}"#).await;
    let (_, told) = ask(&server, json!({ "bucket": "audit", "prefix": "/p/" })).await;
    assert!(told["wrong"][0].as_str().unwrap().contains("20260102T0105Z_x"), "{told}");
    // Of another time, and without the prefix, nothing is there.
    for body in [
        json!({ "bucket": "audit", "prefix": "p", "from": "2025-12-01T00:00:00Z", "to": "2025-12-02T00:00:00Z" }),
        json!({ "bucket": "audit" }),
    ] {
        let (status, told) = ask(&server, body).await;
        assert_eq!((status, &told["files"], &told["wrong"]), (200, &json!(0), &json!([])));
        assert!(told["open"][0].as_str().unwrap().starts_with("anything:"), "{told}");
    }
}

#[tokio::test]
async fn what_cannot_be_validated_is_refused_in_words() {
    let (server, _dir) = server().await;
    for (body, words) in [
        (json!({ "bucket": "nobodys" }), "The specified bucket does not exist"),
        (json!({ "bucket": "../etc" }), "The specified bucket does not exist"),
        (json!({ "bucket": "audit", "from": "yesterday" }), "yesterday is no time"),
        (json!({ "bucket": "audit", "from": "2025-01-01T00:00:00Z" }), "by at most 31 days"),
        (json!({ "buckets": [] }), "unknown field"),
    ] {
        let (status, told) = ask(&server, body.clone()).await;
        assert_eq!(status, 400, "{body}: {told}");
        assert!(told["message"].as_str().unwrap().contains(words), "{body}: {told}");
    }
}

/// Who may write to the bucket may name what there is not, but not keep the one turn with it.
#[tokio::test]
async fn a_forged_digest_names_only_so_many_files() {
    let (server, _dir) = server().await;
    let named = |n: usize| json!({ "s3Object": path("CloudTrail", &n.to_string()), "hashValue": "" });
    deliver_with(&server, LOG, Value::Array((0..NAMES_MAX + 9).map(named).collect())).await;
    let (status, told) = ask(&server, json!({ "bucket": "audit", "prefix": "p" })).await;
    assert_eq!(status, 200, "{told}");
    assert!(told["open"].to_string().contains("the verification was ended"), "{told}");
    assert_eq!(told["wrong"].as_array().unwrap().len(), VALIDATED_FINDINGS_MAX + 1);
}

#[tokio::test]
async fn a_validation_ends_when_nobody_waits_for_it() {
    let (server, _dir) = server().await;
    deliver(&server, LOG).await;
    let (waiting, hung_up) = oneshot::channel();
    drop(waiting);
    let request = request(&json!({ "bucket": "audit", "prefix": "p" }));
    assert_eq!(answer(&server, &request, "127.0.0.1", hung_up).await.status, 499);
    let stopped = Arc::new(AtomicBool::new(false));
    drop(Stop(Arc::clone(&stopped)));
    let buckets: Arc<dyn Buckets> = Arc::clone(&server.buckets) as Arc<dyn Buckets>;
    let (name, prefix, asked) = ("audit".into(), "p/".into(), AtomicUsize::new(0));
    assert!(!Bucket { buckets, name, prefix, stopped, asked }.goes_on());
}

#[test]
fn long_lists_are_cut() {
    let report = Report { wrong: vec!["x".into(); VALIDATED_FINDINGS_MAX + 3], ..Report::default() };
    let told = told(report, 1);
    assert_eq!(told["wrong"].as_array().unwrap().len(), VALIDATED_FINDINGS_MAX + 1);
    assert_eq!(told["wrong"][VALIDATED_FINDINGS_MAX], "and 3 more");
}
