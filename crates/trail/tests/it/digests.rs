//! Digest files over simulated hours: what `aws cloudtrail validate-logs` would say of them, whatever fails on the way.

pub(crate) mod world;

use crate::*;
use model::buckets::{Buckets as _, Object};
use trail::delivery::Deliveries;
use trail::digest::deliver::Digests;
use world::{Verified, World, gunzip, key_store};

const ARN: &str = "arn:aws:cloudtrail:us-east-1:123456789012:trail/my-trail";
const HOUR: i64 = 3_600_000;
const MINUTE: i64 = 60_000;

#[tokio::test]
async fn hours_are_a_chain_with_empty_links_and_rotated_keys() {
    let settings = Settings { key_rotation: 2 * HOUR, ..Settings::default() };
    let mut world = World::logging(settings, json!({"S3KeyPrefix": "p/q", "IsMultiRegionTrail": true})).await;
    world.event("us-east-1").await;
    world.pass(2 * MINUTE, MINUTE).await;
    world.event("us-east-1").await;
    world.pass(58 * MINUTE, MINUTE).await;
    // An hour without events, and one with events of two regions.
    world.pass(HOUR, MINUTE).await;
    world.event("eu-west-1").await;
    world.event("us-east-1").await;
    world.pass(3 * HOUR, MINUTE).await;

    let home = world.verify("us-east-1", false).await;
    let times = |start: &str, end: &str, files| (format!("2026-01-02T{start}Z"), format!("2026-01-02T{end}Z"), files);
    let expected = [
        times("03:04:05", "04:00:00", 2),
        times("04:00:00", "05:00:00", 0),
        times("05:00:00", "06:00:00", 1),
        times("06:00:00", "07:00:00", 0),
        times("07:00:00", "08:00:00", 0),
    ];
    assert_eq!((home.digests.as_slice(), home.first), (expected.as_slice(), 1));
    let first = "p/q/AWSLogs/123456789012/CloudTrail-Digest/us-east-1/2026/01/02/\
        123456789012_CloudTrail-Digest_us-east-1_my-trail_us-east-1_20260102T040000Z.json.gz";
    assert_eq!(world.digest_keys("us-east-1", false)[0], first);
    let other = world.verify("eu-west-1", false).await;
    assert_eq!((other.digests.len(), other.digests[0].clone()), (3, times("05:00:00", "06:00:00", 1)));
    world.complete(&[&home, &other]);
    let keys = world.public_keys("us-east-1").await;
    assert_eq!((keys.len(), world.public_keys("eu-west-1").await.len()), (3, 2), "a key signs for two hours");
    let status = world.plane.call("GetTrailStatus", json!({"Name": ARN})).await.unwrap();
    assert_eq!(status["LatestDigestDeliveryTime"].as_f64(), Some(1_767_340_805.0), "08:00:05");
    assert_eq!(status.get("LatestDigestDeliveryError"), None);
}

#[tokio::test]
async fn what_was_tampered_with_is_found() {
    let mut world = World::logging(Settings::default(), json!({})).await;
    for _ in 0..3 {
        world.event("us-east-1").await;
        world.pass(HOUR, 30 * MINUTE).await;
    }
    let digests = world.digest_keys("us-east-1", false);
    let log = world.keys("/CloudTrail/", false).remove(1);
    assert_eq!((digests.len(), world.verify("us-east-1", false).await.problems.len()), (3, 0));
    let flip = |text: &str, from: &str, to: &str| {
        let changed = text.replacen(from, to, 1);
        assert_ne!(changed, text);
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gzip, changed.as_bytes()).unwrap();
        gzip.finish().unwrap()
    };
    let edit = |key: &str, from: &str, to: &str| {
        let text = String::from_utf8(gunzip(&world.bucket.object(key)).unwrap()).unwrap();
        let body = flip(&text, from, to);
        world.bucket.tamper(key, |object| Some(model::buckets::NewObject { body, ..object }));
    };
    let restore = world.bucket.keys().into_iter().map(|key| (key.clone(), world.bucket.get("logs", &key).unwrap()));
    let restore: Vec<(String, Object)> = restore.collect();
    let cases: [(&str, &dyn Fn()); 5] = [
        ("changed", &|| edit(&log, "event-2", "event-9")),
        ("missing", &|| world.bucket.tamper(&log, |_| None)),
        ("not signed", &|| edit(&digests[1], "\"logFiles\":[{", "\"logFiles\":[ {")),
        ("missing", &|| world.bucket.tamper(&digests[1], |_| None)),
        ("not what the next", &|| {
            // A digest in the place of another, moved with its metadata.
            let other = world.bucket.get("logs", &digests[0]).unwrap();
            world.bucket.tamper(&digests[1], |object| {
                Some(model::buckets::NewObject { body: other.body.clone(), metadata: other.metadata.clone(), ..object })
            });
        }),
    ];
    for (expected, tamper) in cases {
        tamper();
        let problems = world.verify("us-east-1", false).await.problems;
        let matches = problems.len() == 1 && (problems[0].contains(expected) || problems[0].contains("moved"));
        assert!(matches, "{expected}: {problems:?}");
        for (key, object) in &restore {
            let object = model::buckets::NewObject {
                body: object.body.clone(),
                metadata: object.metadata.clone(),
                ..Default::default()
            };
            world.bucket.put("logs", key, object).unwrap();
        }
        assert_eq!(world.verify("us-east-1", false).await.problems, [""; 0]);
    }
}

#[tokio::test]
async fn missed_hours_are_backfilled_in_a_chain_of_their_own() {
    let mut world = World::logging(Settings::default(), json!({})).await;
    world.event("us-east-1").await;
    world.pass(HOUR, 10 * MINUTE).await;
    // Delivered at 04:04:05, when the server stops until 08:30.
    world.event("us-east-1").await;
    world.round().await;
    world.plane.clock.set(NOW + 5 * HOUR + 26 * MINUTE);
    (world.deliveries, world.digests) = (Deliveries::default(), Digests::default());
    world.round().await;
    world.event("us-east-1").await;
    world.pass(HOUR, 10 * MINUTE).await;

    let ordinary = world.verify("us-east-1", false).await;
    let backfill = world.verify("us-east-1", true).await;
    world.complete(&[&ordinary, &backfill]);
    let ends = |verified: &Verified| -> Vec<String> {
        verified
            .digests
            .iter()
            .map(|(start, end, files)| format!("{} {} {files}", &start[11..16], &end[11..16]))
            .collect()
    };
    assert_eq!(ends(&ordinary), ["03:04 04:00 1", "07:00 08:00 0", "08:00 09:00 1"]);
    assert_eq!(ends(&backfill), ["04:00 05:00 1", "05:00 06:00 0", "06:00 07:00 0"]);
    assert_eq!((ordinary.first, backfill.first), (1, 1));
    let last = world.bucket.get("logs", world.digest_keys("us-east-1", true).last().unwrap()).unwrap();
    let generated = ("backfill-generation-timestamp".to_owned(), "2026-01-02T08:30:05Z".to_owned());
    assert_eq!(last.metadata.last(), Some(&generated));
}

#[tokio::test]
async fn logging_that_begins_again_begins_a_new_chain() {
    let mut world = World::logging(Settings::default(), json!({})).await;
    let name = || json!({"Name": "my-trail"});
    world.event("us-east-1").await;
    world.pass(10 * MINUTE, MINUTE).await;
    // What waits when logging stops is delivered after, and is in the last digest.
    world.event("us-east-1").await;
    world.plane.call("StopLogging", name()).await.unwrap();
    world.pass(3 * HOUR, MINUTE).await;
    let stopped = world.verify("us-east-1", false).await;
    let digest = |start: &str, end: &str, files| (format!("2026-01-02T{start}Z"), format!("2026-01-02T{end}Z"), files);
    assert_eq!(stopped.digests, [digest("03:04:05", "04:00:00", 2)]);
    world.complete(&[&stopped]);
    assert_eq!(world.plane.trail.catalog.digest_chains().await.unwrap(), []);

    world.plane.call("StartLogging", name()).await.unwrap();
    world.event("us-east-1").await;
    world.pass(10 * MINUTE, MINUTE).await;
    // Validation is off and on within the hour: one chain ends where the next begins.
    let validate = |on: bool| json!({"Name": "my-trail", "EnableLogFileValidation": on});
    world.plane.call("UpdateTrail", validate(false)).await.unwrap();
    world.pass(5 * MINUTE, MINUTE).await;
    world.plane.call("UpdateTrail", validate(true)).await.unwrap();
    world.event("us-east-1").await;
    world.pass(HOUR, MINUTE).await;
    let again = world.verify("us-east-1", false).await;
    let expected =
        [digest("03:04:05", "04:00:00", 2), digest("06:14:05", "06:29:05", 1), digest("06:29:05", "07:00:00", 1)];
    assert_eq!((again.digests.as_slice(), again.first), (expected.as_slice(), 3));
    world.complete(&[&again]);

    // A deleted trail has a last digest, and one of the same name a chain of its own.
    world.event("us-east-1").await;
    world.plane.call("DeleteTrail", name()).await.unwrap();
    world.pass(2 * MINUTE, MINUTE).await;
    world
        .plane
        .call("CreateTrail", json!({"Name": "my-trail", "S3BucketName": "logs", "EnableLogFileValidation": true}))
        .await
        .unwrap();
    world.plane.call("StartLogging", name()).await.unwrap();
    world.pass(HOUR, MINUTE).await;
    let anew = world.verify("us-east-1", false).await;
    let expected = [digest("07:00:00", "07:31:05", 1), digest("07:31:05", "08:00:00", 0)];
    assert_eq!((&anew.digests[3..], anew.first), (expected.as_slice(), 4));
    world.complete(&[&anew]);
}

#[tokio::test]
async fn a_digest_is_put_until_the_bucket_has_it() {
    for seed in 0..12_u64 {
        let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let mut draw = |below: u64| {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (random >> 33) % below
        };
        let mut world = World::logging(Settings::default(), json!({"IsMultiRegionTrail": true})).await;
        for _ in 0..24 {
            for _ in 0..draw(3) {
                world.event(["us-east-1", "eu-west-1"][draw(2) as usize]).await;
            }
            // The bucket takes a few objects more, or any number; the server forgets what it knew, or not.
            match draw(3) {
                0 => world.bucket.close_after(draw(4) as usize),
                _ => world.bucket.open(),
            }
            if draw(2) == 0 {
                (world.deliveries, world.digests) = (Deliveries::default(), Digests::default());
            }
            world.pass(20 * MINUTE, 5 * MINUTE).await;
        }
        world.bucket.open();
        world.pass(2 * HOUR, 5 * MINUTE).await;
        let mut verified = Vec::new();
        for region in ["us-east-1", "eu-west-1"] {
            for backfill in [false, true] {
                verified.push(world.verify(region, backfill).await);
            }
        }
        world.complete(&verified.iter().collect::<Vec<_>>());
        // Together, ordinary and backfilled digests cover the time without gap or overlap.
        for pair in verified.chunks(2) {
            let mut windows: Vec<_> = pair.iter().flat_map(|verified| &verified.digests).collect();
            windows.sort();
            assert!(windows.windows(2).all(|two| two[0].1 == two[1].0), "seed {seed}: {windows:?}");
        }
        assert!(verified[0].digests.len() > 4, "seed {seed}");
    }
}

#[tokio::test]
async fn a_broken_chain_stops_no_other() {
    let mut world = World::logging(Settings::default(), json!({"IsMultiRegionTrail": true})).await;
    for region in ["eu-west-1", "us-east-1"] {
        world.event(region).await;
    }
    world.pass(50 * MINUTE, 10 * MINUTE).await;
    let catalog = world.plane.trail.catalog.clone();
    let chains = catalog.digest_chains().await.unwrap();
    // The chain that comes first cannot be read: what was planned of it at first, and then what it links to.
    assert_eq!((chains.len(), chains[0].region.as_str()), (2, "eu-west-1"));
    assert!(catalog.plan_digest(&chains[0], NOW + 55 * MINUTE + 55_000, "{", &[]).await.unwrap());
    world.pass(10 * MINUTE, MINUTE).await;
    assert_eq!(world.digest_keys("us-east-1", false).len(), 1);
    let status = world.plane.call("GetTrailStatus", json!({"Name": ARN})).await.unwrap();
    assert_eq!(status["LatestDigestDeliveryError"], "InternalError: The digest cannot be made");
    catalog.deliver_digest(&chains[0], "{", false, NOW).await.unwrap();
    world.pass(2 * HOUR, MINUTE).await;
    assert_eq!(world.digest_keys("us-east-1", false).len(), 3);
    assert_eq!(world.digest_keys("eu-west-1", false), [""; 0]);
}

#[tokio::test]
async fn a_digest_goes_where_the_trail_says_by_then() {
    let mut world = World::logging(Settings::default(), json!({})).await;
    world.event("us-east-1").await;
    world.pass(50 * MINUTE, 10 * MINUTE).await;
    world.bucket.close_after(0);
    world.pass(10 * MINUTE, MINUTE).await;
    let status = world.plane.call("GetTrailStatus", json!({"Name": ARN})).await.unwrap();
    assert_eq!(status["LatestDigestDeliveryError"], "ServiceUnavailable: The bucket cannot be reached");
    assert_eq!(world.digest_keys("us-east-1", false), [""; 0]);
    world.bucket.open();
    world.plane.call("UpdateTrail", json!({"Name": "my-trail", "S3KeyPrefix": "p"})).await.unwrap();
    world.bucket.close_after(0);
    world.pass(2 * MINUTE, MINUTE).await;
    world.bucket.open();
    world.pass(2 * MINUTE, MINUTE).await;
    let verified = world.verify("us-east-1", false).await;
    world.complete(&[&verified]);
    let keys = world.digest_keys("us-east-1", false);
    assert!(keys.len() == 1 && keys[0].starts_with("p/AWSLogs/"), "{keys:?}");
}

#[tokio::test]
async fn keys_are_listed_by_time_and_made_anew_when_they_cannot_be_opened() {
    let settings = Settings { key_rotation: HOUR, ..Settings::default() };
    let mut world = World::logging(settings, json!({})).await;
    world.pass(3 * HOUR, 30 * MINUTE).await;
    // The key file is another one.
    world.plane.trail.digest_keys = Some(Arc::new(key_store(2)));
    world.plane.trail.settings.key_rotation = 100 * HOUR;
    world.pass(2 * HOUR, 30 * MINUTE).await;
    let verified = world.verify("us-east-1", false).await;
    assert_eq!((verified.problems.len(), verified.digests.len()), (0, 5));

    let list = async |input: Value| -> Result<Vec<String>, String> {
        let answer = world.plane.call("ListPublicKeys", input).await?;
        let keys = answer["PublicKeyList"].as_array().unwrap().clone();
        Ok(keys.iter().map(|key| key["ValidityStartTime"].to_string()).collect())
    };
    let all = list(json!({"StartTime": 0, "EndTime": 4_000_000_000_i64})).await.unwrap();
    assert_eq!(all.len(), 4, "three hours, and the one made anew");
    let mut sorted = all.clone();
    sorted.sort();
    assert_eq!(all, sorted);
    assert_eq!(list(json!({})).await.unwrap(), all[3..], "now");
    assert_eq!(list(json!({"StartTime": 0, "EndTime": 1_000})).await.unwrap(), [""; 0]);
    refused(
        world.plane.call("ListPublicKeys", json!({"StartTime": 2, "EndTime": 1})).await,
        "InvalidTimeRangeException",
    );
    refused(world.plane.call("ListPublicKeys", json!({"NextToken": "x"})).await, "InvalidTokenException");
}
