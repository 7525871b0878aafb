//! Delivery of trails to buckets: each event once, whatever fails between plan, put and mark; keys, status, notifications.

use crate::buckets::Put;
use crate::*;
use catalog::{DigestChain, TrailFile};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use trail::delivery::{Deliveries, NotTold};
use trail::record::{Defaults, parse};

pub(crate) const ARN: &str = "arn:aws:cloudtrail:us-east-1:123456789012:trail/my-trail";

/// An event as the server records its own calls; a read when `read` says so.
pub(crate) fn own(id: &str, region: &str, read: bool, at: Timestamp) -> Event {
    let record = format!(
        r#"{{"eventVersion":"1.11","eventTime":"{}","eventSource":"logs.amazonaws.com","eventName":"Call","awsRegion":"{region}",
        "readOnly":{read},"eventID":"{id}","recipientAccountId":"{ACCOUNT}","eventCategory":"Management"}}"#,
        at.iso_seconds()
    );
    let defaults = Defaults { account: ACCOUNT.into(), region: region.into(), ingestion_time: at };
    parse(record, &defaults).unwrap()
}

pub(crate) async fn logging(plane: &Plane, settings: Value) {
    let mut input = json!({"Name": "my-trail", "S3BucketName": "bucket"});
    input.as_object_mut().unwrap().extend(settings.as_object().unwrap().clone());
    plane.call("CreateTrail", input).await.unwrap();
    plane.call("StartLogging", json!({"Name": "my-trail"})).await.unwrap();
}

/// What the catalog has of delivered files of a region, of a trail that validates its files.
async fn rows(plane: &Plane, region: &str) -> Vec<TrailFile> {
    let mut chains = plane.trail.catalog.digest_chains().await.unwrap();
    let Some(chain) = chains.pop() else { return Vec::new() };
    let chain = DigestChain { region: region.into(), started_ms: 0, ..chain };
    plane.trail.catalog.undigested_trail_files(&chain, Timestamp::MAX).await.unwrap()
}

/// One round of all trails that do not wait.
pub(crate) async fn deliver(plane: &Plane, deliveries: &mut Deliveries) {
    deliveries.start_due(&plane.trail).await;
    deliveries.finish(model::Clock::now(&*plane.clock)).await;
}

/// The ids of the events in all files of a bucket, in order; the files are checked on the way.
pub(crate) async fn delivered(plane: &Plane, bucket: &str) -> Vec<String> {
    let mut ids = Vec::new();
    for key in plane.buckets.files(bucket) {
        let region = key.split('/').skip_while(|part| *part != "CloudTrail").nth(1).unwrap().to_owned();
        let file: Value = serde_json::from_slice(&plane.buckets.unpacked(bucket, &key)).unwrap();
        assert_eq!(file.as_object().unwrap().len(), 1);
        for record in file["Records"].as_array().unwrap() {
            assert_eq!(record["awsRegion"], region.as_str(), "{key}");
            ids.push(record["eventID"].as_str().unwrap().to_owned());
        }
    }
    ids.sort();
    ids
}

#[tokio::test]
async fn files_are_laid_out_by_region_and_say_what_they_hold() {
    let plane = Plane::new().await;
    let settings = json!({"S3KeyPrefix": "/p/q/", "IsMultiRegionTrail": true, "EnableLogFileValidation": true});
    logging(&plane, settings).await;
    let events = vec![
        own("a", "us-east-1", false, NOW - 5_000),
        own("b", "eu-west-1", true, NOW - 3_000),
        own("c", "us-east-1", false, NOW),
    ];
    let expected = format!("{{\"Records\":[{},{}]}}", events[0].record, events[2].record);
    plane.append(events).await;
    let mut deliveries = Deliveries::default();
    deliver(&plane, &mut deliveries).await;
    let keys = plane.buckets.files("bucket");
    let starts = [
        "p/q/AWSLogs/123456789012/CloudTrail/eu-west-1/2026/01/02/123456789012_CloudTrail_eu-west-1_20260102T0304Z_",
        "p/q/AWSLogs/123456789012/CloudTrail/us-east-1/2026/01/02/123456789012_CloudTrail_us-east-1_20260102T0304Z_",
    ];
    assert_eq!(keys.len(), 2);
    for (key, start) in keys.iter().zip(starts) {
        let random = key.strip_prefix(start).unwrap().strip_suffix(".json.gz").unwrap();
        assert!(random.len() == 16 && random.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{key}");
    }
    assert_eq!(plane.buckets.unpacked("bucket", &keys[1]), expected.as_bytes(), "records are kept byte for byte");
    let rows = rows(&plane, "us-east-1").await;
    assert_eq!((rows.len(), rows[0].trail_arn.as_str(), rows[0].events), (1, ARN, 2));
    assert_eq!((rows[0].bucket.as_str(), &rows[0].object_key), ("bucket", &keys[1]));
    assert_eq!((rows[0].oldest_ms, rows[0].newest_ms), (NOW.0 - 5_000, NOW.0));
    let digest = Sha256::digest(expected.as_bytes());
    assert_eq!(rows[0].sha256, digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>());
    deliver(&plane, &mut deliveries).await;
    assert_eq!(plane.buckets.files("bucket").len(), 2, "nothing is new");
}

#[tokio::test]
async fn a_trail_takes_what_is_its_own_and_came_while_it_logged() {
    let plane = Plane::new().await;
    let selectors = |kind: &str| json!({"TrailName": ARN, "EventSelectors": [{"ReadWriteType": kind}]});
    plane.create("my-trail").await;
    let mut deliveries = Deliveries::default();
    plane.append(vec![own("before", "us-east-1", false, NOW)]).await;
    plane.call("StartLogging", json!({"Name": "my-trail"})).await.unwrap();
    let foreign = own("account", "us-east-1", false, NOW);
    let other_account = Event { account: "999999999999".into(), ..foreign.clone() };
    let imported = Event { event_id: "imported".into(), ingestion_time: NOW + 60_000, ..foreign };
    let elsewhere = own("elsewhere", "eu-west-1", false, NOW);
    plane.append(vec![other_account, imported, elsewhere, own("all", "us-east-1", true, NOW)]).await;
    plane.call("PutEventSelectors", selectors("WriteOnly")).await.unwrap();
    plane.append(vec![own("read", "us-east-1", true, NOW), own("write", "us-east-1", false, NOW)]).await;
    plane.call("StopLogging", json!({"Name": "my-trail"})).await.unwrap();
    plane.append(vec![own("stopped", "us-east-1", false, NOW)]).await;
    plane.call("PutEventSelectors", selectors("ReadOnly")).await.unwrap();
    plane.call("StartLogging", json!({"Name": "my-trail"})).await.unwrap();
    plane.append(vec![own("read-2", "us-east-1", true, NOW), own("write-2", "us-east-1", false, NOW)]).await;
    plane.call("DeleteTrail", json!({"Name": "my-trail"})).await.unwrap();
    plane.append(vec![own("deleted", "us-east-1", true, NOW)]).await;
    plane.create("my-trail").await;
    plane.append(vec![own("anew", "us-east-1", true, NOW)]).await;
    deliver(&plane, &mut deliveries).await;
    assert_eq!(delivered(&plane, "bucket").await, ["all", "read-2", "write"]);
    assert_eq!(plane.trail.catalog.trail_spans().await.unwrap(), []);
}

#[tokio::test]
async fn the_call_that_ends_a_trail_is_the_last_that_it_takes() {
    for operation in ["StopLogging", "DeleteTrail"] {
        let plane = Plane::new().await;
        logging(&plane, json!({})).await;
        let held = plane.trail.hold(operation).await.unwrap();
        let scope = caller("us-east-1").scope;
        match operation {
            "StopLogging" => plane.trail.catalog.stop_trail(&scope, "my-trail", NOW).await.map(drop).unwrap(),
            _ => plane.trail.catalog.delete_trail(&scope, "my-trail").await.map(drop).unwrap(),
        }
        // Another call that changes trails meanwhile must not end the span before the audit event is stored.
        let other = plane.trail.clone();
        let mut refreshing = Box::pin(async move { other.refresh_trails().await });
        tokio::select! {
            biased;
            _ = &mut refreshing => panic!("it does not wait"),
            () = plane.append(vec![own("ending", "us-east-1", false, NOW)]) => {}
        }
        held.release().await.unwrap();
        refreshing.await.unwrap();
        plane.append(vec![own("after", "us-east-1", false, NOW)]).await;
        let mut deliveries = Deliveries::default();
        deliver(&plane, &mut deliveries).await;
        assert_eq!(delivered(&plane, "bucket").await, ["ending"], "{operation}");
    }
    assert!(Plane::new().await.trail.hold("StartLogging").await.is_none());
}

#[tokio::test]
async fn a_bucket_that_is_down_is_tried_again_and_misses_nothing() {
    let plane = Plane::new().await;
    logging(&plane, json!({})).await;
    let mut deliveries = Deliveries::default();
    plane.buckets.set_down(true);
    plane.append(vec![own("a", "us-east-1", false, NOW)]).await;
    deliver(&plane, &mut deliveries).await;
    let status = plane.call("GetTrailStatus", json!({"Name": ARN})).await.unwrap();
    assert_eq!(status["LatestDeliveryError"], "ServiceUnavailable: The bucket cannot be reached");
    assert_eq!((status.get("LatestDeliveryTime"), &status["LatestDeliveryAttemptSucceeded"]), (None, &json!("")));
    assert_eq!(status["LatestDeliveryAttemptTime"], "2026-01-02T03:04:05Z");
    plane.buckets.set_down(false);
    plane.append(vec![own("b", "us-east-1", false, NOW)]).await;
    plane.clock.advance(999);
    deliver(&plane, &mut deliveries).await;
    assert_eq!(plane.buckets.files("bucket"), [""; 0], "it waits a second");
    plane.clock.advance(1);
    deliver(&plane, &mut deliveries).await;
    assert_eq!(delivered(&plane, "bucket").await, ["a", "b"]);
    let status = plane.call("GetTrailStatus", json!({"Name": ARN})).await.unwrap();
    assert_eq!(status.get("LatestDeliveryError"), None);
    assert_eq!(status["LatestDeliveryTime"].as_f64(), Some(1_767_323_046.0));
    assert_eq!(status["LatestDeliveryAttemptSucceeded"], "2026-01-02T03:04:06Z");
}

#[tokio::test]
async fn a_failure_does_not_wait_for_the_next_regular_round() {
    let plane = Plane::new().await;
    plane.clock.set(Timestamp(NOW.0 - 5_000));
    logging(&plane, json!({})).await;
    plane.append(vec![own("a", "us-east-1", false, NOW)]).await;
    let mut deliveries = Deliveries::every(300_000);
    let mut attempts = Vec::new();
    plane.buckets.set_down(true);
    // 03:04:00 to 03:05:10, a tick each second; the bucket is back at 03:05:08.
    for second in 0..=70 {
        plane.buckets.set_down(second < 68);
        deliver(&plane, &mut deliveries).await;
        let status = plane.call("GetTrailStatus", json!({"Name": ARN})).await.unwrap();
        // It is empty before the first attempt.
        let attempt = status["LatestDeliveryAttemptTime"].as_str().and_then(|at| at.get(14..19));
        attempts.extend(attempt.map(str::to_owned));
        plane.clock.advance(1_000);
    }
    attempts.dedup();
    assert_eq!(attempts, ["05:00", "05:01", "05:03", "05:07"], "of five minutes the first round, and what follows");
    plane.clock.advance(4_000);
    deliver(&plane, &mut deliveries).await;
    assert_eq!(delivered(&plane, "bucket").await, ["a"], "03:05:15");
    plane.append(vec![own("b", "us-east-1", false, NOW)]).await;
    plane.clock.set(Timestamp(NOW.0 + 354_999));
    deliver(&plane, &mut deliveries).await;
    assert_eq!(delivered(&plane, "bucket").await, ["a"], "03:09:59.999");
    plane.clock.advance(1);
    deliver(&plane, &mut deliveries).await;
    assert_eq!(delivered(&plane, "bucket").await, ["a", "b"], "03:10:00");
}

#[tokio::test]
async fn no_trail_is_passed_over() {
    let plane = Plane::with(Settings { trails_per_region_max: 10, ..Settings::default() }).await;
    let names: Vec<String> = (0..10).map(|n| format!("trail-{n}")).collect();
    for name in &names {
        plane.call("CreateTrail", json!({"Name": name, "S3BucketName": name})).await.unwrap();
        plane.call("StartLogging", json!({"Name": name})).await.unwrap();
    }
    let mut deliveries = Deliveries::default();
    for (id, expected) in [("a", &["a"][..]), ("b", &["a", "b"][..])] {
        plane.append(vec![own(id, "us-east-1", false, NOW)]).await;
        deliver(&plane, &mut deliveries).await;
        for name in &names {
            assert_eq!(delivered(&plane, name).await, expected, "{name}");
        }
    }
}

#[tokio::test]
async fn what_waits_goes_to_the_bucket_that_the_trail_names_now() {
    let plane = Plane::new().await;
    logging(&plane, json!({})).await;
    let mut deliveries = Deliveries::default();
    plane.append(vec![own("a", "us-east-1", false, NOW)]).await;
    plane.buckets.expect([Put::FailsBefore]);
    deliver(&plane, &mut deliveries).await;
    plane.append(vec![own("b", "us-east-1", false, NOW)]).await;
    plane.call("UpdateTrail", json!({"Name": "my-trail", "S3BucketName": "other", "S3KeyPrefix": "x"})).await.unwrap();
    plane.buckets.expect([Put::FailsBefore]);
    plane.clock.advance(60_000);
    deliver(&plane, &mut deliveries).await;
    assert_eq!(delivered(&plane, "bucket").await, [""; 0]);
    assert_eq!(delivered(&plane, "other").await, ["a", "b"]);
    assert!(plane.buckets.files("other").iter().all(|key| key.starts_with("x/AWSLogs/")));
}

#[tokio::test]
async fn topics_are_told_of_each_file() {
    let plane = Plane::new().await;
    let topics = plane.topics.clone();
    logging(&plane, json!({"SnsTopicName": "topic"})).await;
    let mut deliveries = Deliveries::default();
    *topics.refusal.lock().unwrap() = Some(NotTold::Later("Throttling: Rate exceeded".into()));
    plane.append(vec![own("a", "us-east-1", false, NOW)]).await;
    deliver(&plane, &mut deliveries).await;
    let status = plane.call("GetTrailStatus", json!({"Name": ARN})).await.unwrap();
    assert_eq!(status["LatestNotificationError"], "Throttling: Rate exceeded");
    assert_eq!(status.get("LatestNotificationTime"), None);
    *topics.refusal.lock().unwrap() = None;
    plane.clock.advance(1_000);
    deliver(&plane, &mut deliveries).await;
    let key = plane.buckets.files("bucket").remove(0);
    let told = (
        "arn:aws:sns:us-east-1:123456789012:topic".to_owned(),
        format!("{{\"s3Bucket\":\"bucket\",\"s3ObjectKey\":[\"{key}\"]}}"),
    );
    assert_eq!(*topics.told.lock().unwrap(), [told]);
    let status = plane.call("GetTrailStatus", json!({"Name": ARN})).await.unwrap();
    assert_eq!(status.get("LatestNotificationError"), None);
    assert_eq!(status["LatestNotificationTime"].as_f64(), Some(1_767_323_046.0));
    assert_eq!(status["LatestNotificationAttemptSucceeded"], "2026-01-02T03:04:06Z");
    // A topic that is gone is not tried for ever.
    *topics.refusal.lock().unwrap() = Some(NotTold::Refused("NotFound: Topic does not exist".into()));
    plane.append(vec![own("b", "us-east-1", false, NOW)]).await;
    deliver(&plane, &mut deliveries).await;
    *topics.refusal.lock().unwrap() = None;
    deliver(&plane, &mut deliveries).await;
    assert_eq!(topics.told.lock().unwrap().len(), 1);
    let status = plane.call("GetTrailStatus", json!({"Name": ARN})).await.unwrap();
    assert_eq!(status["LatestNotificationError"], "NotFound: Topic does not exist");
}

#[tokio::test]
async fn trails_of_an_organization_have_its_id_in_their_keys() {
    let settings = Settings { organization_id: Some("o-exampleorgid".into()), ..Settings::default() };
    let plane = Plane::with(settings).await;
    logging(&plane, json!({"IsOrganizationTrail": true})).await;
    let other = own("b", "us-east-1", false, NOW);
    let other = Event { account: "999999999999".into(), ..other };
    plane.append(vec![own("a", "us-east-1", false, NOW), other]).await;
    deliver(&plane, &mut Deliveries::default()).await;
    let keys = plane.buckets.files("bucket");
    assert_eq!(keys.len(), 2);
    assert!(keys[0].starts_with("AWSLogs/o-exampleorgid/123456789012/CloudTrail/us-east-1/"), "{keys:?}");
    assert!(keys[1].starts_with("AWSLogs/o-exampleorgid/999999999999/CloudTrail/us-east-1/"), "{keys:?}");
}

#[tokio::test]
async fn large_amounts_become_several_files() {
    let plane = Plane::new().await;
    logging(&plane, json!({})).await;
    let large = |n: usize| {
        let mut event = own(&format!("{n:03}"), "us-east-1", false, NOW);
        event.record = event.record.replace("}", &format!(",\"x\":\"{}\"}}", "y".repeat(400_000)));
        event
    };
    for n in 0..30 {
        plane.append(vec![large(n)]).await;
    }
    deliver(&plane, &mut Deliveries::default()).await;
    let keys = plane.buckets.files("bucket");
    assert_eq!(keys.len(), 3);
    assert!(keys.iter().all(|key| plane.buckets.unpacked("bucket", key).len() < 6_000_000));
    assert_eq!(delivered(&plane, "bucket").await, (0..30).map(|n| format!("{n:03}")).collect::<Vec<_>>());
}

/// Numbers that look random and are the same each time.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (self.0 >> 33) % end
    }
}

/// What a trail should have come to.
struct World {
    plane: Plane,
    deliveries: Deliveries,
    numbers: Numbers,
    logging: bool,
    write_only: bool,
    events: u64,
    crashes: u64,
    expected: Vec<String>,
}

impl World {
    async fn open(
        dir: &Arc<tempfile::TempDir>,
        buckets: Arc<TestBuckets>,
        clock: Arc<ManualClock>,
        seed: u64,
    ) -> Plane {
        let catalog = catalog::Catalog::open(&dir.path().join("catalog.db")).await.unwrap();
        Plane::open(dir.clone(), catalog, buckets, clock, seed, Settings::default()).await
    }

    async fn new(seed: u64) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let plane = Self::open(&dir, Arc::default(), Arc::new(ManualClock::at(NOW)), 0).await;
        plane
            .call(
                "CreateTrail",
                json!({"Name": "my-trail", "S3BucketName": "bucket", "IsMultiRegionTrail": true, "EnableLogFileValidation": true}),
            )
            .await
            .unwrap();
        let (deliveries, numbers) = (Deliveries::default(), Numbers(seed));
        Self {
            plane,
            deliveries,
            numbers,
            logging: false,
            write_only: false,
            events: 0,
            crashes: 0,
            expected: Vec::new(),
        }
    }

    /// Everything that is not on disk is gone.
    async fn crash(&mut self) {
        self.crashes += 1;
        let (dir, buckets, clock) = (self.plane.dir.clone(), self.plane.buckets.clone(), self.plane.clock.clone());
        self.deliveries = Deliveries::default();
        // The store's directory is locked until the old one is gone.
        let empty = Plane::new().await;
        drop(std::mem::replace(&mut self.plane, empty));
        self.plane = Self::open(&dir, buckets, clock, self.crashes << 32).await;
    }

    async fn append(&mut self) {
        let mut batch = Vec::new();
        for _ in 0..1 + self.numbers.below(12) {
            self.events += 1;
            let id = format!("{:05}", self.events);
            let read = self.numbers.below(2) == 0;
            let region = ["us-east-1", "eu-west-1", "ap-south-1"][self.numbers.below(3) as usize];
            if self.logging && !(self.write_only && read) {
                self.expected.push(id.clone());
            }
            batch.push(own(&id, region, read, NOW - self.numbers.below(100) as i64 * 1_000));
        }
        self.plane.append(batch).await;
    }

    async fn step(&mut self) {
        match self.numbers.below(20) {
            0 => {
                let operation = if self.logging { "StopLogging" } else { "StartLogging" };
                self.plane.call(operation, json!({"Name": "my-trail"})).await.unwrap();
                self.logging = !self.logging;
            }
            1 => {
                self.write_only = !self.write_only;
                let kind = if self.write_only { "WriteOnly" } else { "All" };
                let selectors = json!({"TrailName": ARN, "EventSelectors": [{"ReadWriteType": kind}]});
                self.plane.call("PutEventSelectors", selectors).await.unwrap();
            }
            2 => self.plane.trail.store.flush().await.unwrap(),
            3 => self.crash().await,
            4..=8 => {
                let kinds = [Put::Works, Put::Works, Put::FailsBefore, Put::FailsAfter];
                let puts: Vec<Put> = (0..6).map(|_| kinds[self.numbers.below(4) as usize]).collect();
                self.plane.buckets.expect(puts);
                self.plane.clock.advance(60_000);
                deliver(&self.plane, &mut self.deliveries).await;
                self.plane.buckets.expect([]);
                // Cut off right after a put that failed, or that worked and was not marked.
                if self.numbers.below(2) == 0 {
                    self.crash().await;
                }
            }
            _ => self.append().await,
        }
    }
}

#[tokio::test]
async fn each_event_is_delivered_once_whatever_fails() {
    let mut totals: BTreeMap<&str, u64> = BTreeMap::new();
    for seed in 0..12 {
        let mut world = World::new(seed).await;
        for _ in 0..60 {
            world.step().await;
        }
        world.plane.clock.advance(60_000);
        deliver(&world.plane, &mut world.deliveries).await;
        assert_eq!(delivered(&world.plane, "bucket").await, world.expected, "seed {seed}");
        let files = world.plane.buckets.files("bucket");
        let mut rows = Vec::new();
        for region in ["us-east-1", "eu-west-1", "ap-south-1"] {
            rows.extend(self::rows(&world.plane, region).await);
        }
        rows.sort_by(|a, b| a.object_key.cmp(&b.object_key));
        assert_eq!(rows.iter().map(|row| &row.object_key).collect::<Vec<_>>(), files.iter().collect::<Vec<_>>());
        for row in &rows {
            let digest = Sha256::digest(world.plane.buckets.unpacked("bucket", &row.object_key));
            assert_eq!(row.sha256, digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), "seed {seed}");
        }
        *totals.entry("crashes").or_default() += world.crashes;
        *totals.entry("files").or_default() += files.len() as u64;
        *totals.entry("events").or_default() += world.expected.len() as u64;
    }
    assert!(totals["crashes"] > 50 && totals["files"] > 50 && totals["events"] > 500, "{totals:?}");
}
