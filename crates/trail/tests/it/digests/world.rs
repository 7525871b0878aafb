//! A plane that delivers into a bucket in memory, and a verifier of its digests that does what the aws cli does.

use crate::*;
use model::buckets::{Buckets as _, MemoryBuckets, Object};
use std::collections::{BTreeMap, BTreeSet};
use trail::delivery::Deliveries;
use trail::digest::body::Body;
use trail::digest::deliver::Digests;
use trail::digest::keys::KeyStore;
use trail::digest::sealing::SealingKey;
use trail::digest::{hash_hex, signing_key};
use trail::record::{Defaults, parse};

/// A plane whose trails deliver into the bucket `logs` of a memory.
pub(super) struct World {
    pub(super) plane: Plane,
    pub(super) bucket: Arc<MemoryBuckets>,
    pub(super) deliveries: Deliveries,
    pub(super) digests: Digests,
    events: u32,
}

/// What a verifier found.
#[derive(Debug, Default)]
pub(super) struct Verified {
    /// Start, end and number of log files of each digest, the oldest first.
    pub(super) digests: Vec<(String, String, usize)>,
    /// Log files that digests list.
    pub(super) logs: Vec<String>,
    /// Digests without a link to one before.
    pub(super) first: usize,
    /// What is wrong.
    pub(super) problems: Vec<String>,
}

impl World {
    /// The clock stands at 03:04:05.
    pub(super) async fn new(settings: Settings) -> Self {
        let mut plane = Plane::with(settings).await;
        let bucket = Arc::new(MemoryBuckets::default());
        plane.trail.buckets = bucket.clone();
        plane.trail.digest_keys = Some(Arc::new(key_store(1)));
        Self { plane, bucket, deliveries: Deliveries::default(), digests: Digests::default(), events: 0 }
    }

    pub(super) async fn logging(settings: Settings, input: Value) -> Self {
        let world = Self::new(settings).await;
        let mut all = json!({"Name": "my-trail", "S3BucketName": "logs", "EnableLogFileValidation": true});
        all.as_object_mut().unwrap().extend(input.as_object().unwrap().clone());
        world.plane.call("CreateTrail", all).await.unwrap();
        world.plane.call("StartLogging", json!({"Name": "my-trail"})).await.unwrap();
        world
    }

    pub(super) fn now(&self) -> Timestamp {
        model::Clock::now(&*self.plane.clock)
    }

    /// A call of ours in a region, now.
    pub(super) async fn event(&mut self, region: &str) {
        self.events += 1;
        let record = format!(
            r#"{{"eventVersion":"1.11","eventTime":"{}","eventSource":"logs.amazonaws.com","eventName":"Call",
            "awsRegion":"{region}","readOnly":false,"eventID":"event-{}","recipientAccountId":"{ACCOUNT}",
            "eventCategory":"Management"}}"#,
            self.now().iso_seconds(),
            self.events
        );
        let defaults = Defaults { account: ACCOUNT.into(), region: region.into(), ingestion_time: self.now() };
        let event = parse(record, &defaults).unwrap();
        self.plane.append(vec![event]).await;
    }

    /// Lets `ms` pass, with a round of both tasks every `step`.
    pub(super) async fn pass(&mut self, ms: i64, step: i64) {
        for _ in 0..ms / step {
            self.plane.clock.advance(step);
            self.round().await;
        }
    }

    pub(super) async fn round(&mut self) {
        self.deliveries.start_due(&self.plane.trail).await;
        self.deliveries.finish(self.now()).await;
        self.digests.run_due(&self.plane.trail).await;
    }

    /// Keys of log files, and of digests of one region and kind.
    pub(super) fn keys(&self, part: &str, backfill: bool) -> Vec<String> {
        let of_kind = |key: &String| {
            key.contains(part) && key.ends_with(".json.gz") && key.ends_with("_backfill.json.gz") == backfill
        };
        self.bucket.keys().into_iter().filter(of_kind).collect()
    }

    pub(super) fn digest_keys(&self, region: &str, backfill: bool) -> Vec<String> {
        self.keys(&format!("/CloudTrail-Digest/{region}/"), backfill)
    }

    pub(super) async fn public_keys(&self, region: &str) -> BTreeMap<String, Vec<u8>> {
        let range = json!({"StartTime": 0, "EndTime": 4_000_000_000_i64});
        let answer = self.plane.call_in(region, "ListPublicKeys", range).await.unwrap();
        let key = |key: &Value| {
            let value =
                base64::Engine::decode(&base64::engine::general_purpose::STANDARD, key["Value"].as_str().unwrap());
            (key["Fingerprint"].as_str().unwrap().to_owned(), value.unwrap())
        };
        answer["PublicKeyList"].as_array().unwrap().iter().map(key).collect()
    }

    /// Follows the digests of one region and kind from the newest to the oldest, as the aws cli does, and checks besides that
    /// each begins where the one before ends.
    pub(super) async fn verify(&self, region: &str, backfill: bool) -> Verified {
        let keys = self.public_keys(region).await;
        let mut found = Verified::default();
        let mut left = self.digest_keys(region, backfill);
        let mut next = left.pop();
        let mut wanted: Option<Body> = None;
        while let Some(key) = next {
            left.retain(|other| *other < key);
            let (body, problem) = match self.bucket.get("logs", &key) {
                Ok(object) => check(&key, &object, &keys, wanted.as_ref()),
                Err(_) => (None, Some(format!("{key} is missing"))),
            };
            found.problems.extend(problem);
            let previous = body.as_ref().and_then(|body| body.previous_digest_s3_object.clone());
            if let Some(body) = &body {
                self.verify_logs(body, &mut found);
                found.first += usize::from(previous.is_none());
            }
            wanted = body.filter(|_| previous.is_some());
            next = previous.or_else(|| left.pop());
        }
        found.digests.reverse();
        found
    }

    pub(super) fn verify_logs(&self, body: &Body, found: &mut Verified) {
        let times = (body.digest_start_time.clone(), body.digest_end_time.clone());
        found.digests.push((times.0, times.1, body.log_files.len()));
        for log in &body.log_files {
            let key = &log.s3_object;
            match self.bucket.get("logs", key).ok().and_then(|object| gunzip(&object.body)) {
                Some(text) if hash_hex(&text) == log.hash_value => found.logs.push(key.clone()),
                Some(_) => found.problems.push(format!("{key} was changed")),
                None => found.problems.push(format!("{key} is missing or no gzip")),
            }
        }
    }

    /// Every log file is in exactly one digest, and nothing is wrong.
    #[track_caller]
    pub(super) fn complete(&self, verified: &[&Verified]) {
        let problems: Vec<_> = verified.iter().flat_map(|verified| &verified.problems).collect();
        assert!(problems.is_empty(), "{problems:#?}");
        let listed: Vec<&String> = verified.iter().flat_map(|verified| &verified.logs).collect();
        let once: BTreeSet<&String> = listed.iter().copied().collect();
        assert_eq!(once.len(), listed.len(), "a file is in two digests");
        let delivered = self.keys("/CloudTrail/", false);
        assert_eq!(once.into_iter().cloned().collect::<Vec<_>>(), delivered);
    }
}

/// Random bytes that are the same in every run, but never twice in one.
pub(crate) fn key_store(sealing: u8) -> KeyStore {
    let drawn = std::sync::atomic::AtomicU64::new(0);
    let random = move |bytes: &mut [u8]| {
        let number = drawn.fetch_add(1, std::sync::atomic::Ordering::SeqCst).to_le_bytes();
        bytes.iter_mut().zip(number.iter().cycle()).for_each(|(byte, &part)| *byte = part ^ sealing);
        Ok(())
    };
    KeyStore { sealing: SealingKey::new([sealing; 32]), random: Box::new(random) }
}

pub(super) fn gunzip(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(bytes), &mut text).ok()?;
    Some(text)
}

/// Checks a digest against its metadata, and against `next`, which links to it.
fn check(
    key: &str,
    object: &Object,
    keys: &BTreeMap<String, Vec<u8>>,
    next: Option<&Body>,
) -> (Option<Body>, Option<String>) {
    let wrong = |what: &str| Some(format!("{key}: {what}"));
    let Some(text) = gunzip(&object.body).and_then(|text| String::from_utf8(text).ok()) else {
        return (None, wrong("no gzip"));
    };
    let Ok(body) = serde_json::from_str::<Body>(&text) else { return (None, wrong("no digest")) };
    let metadata: BTreeMap<&str, &str> =
        object.metadata.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let signature = metadata["signature"];
    let signed = keys
        .get(&body.digest_public_key_fingerprint)
        .is_some_and(|public| signing_key::verifies(public, &body.string_to_sign(&text), signature));
    let linked = next.is_none_or(|next| {
        next.previous_digest_signature.as_deref() == Some(signature)
            && next.previous_digest_hash_value == Some(hash_hex(text.as_bytes()))
            && next.previous_digest_s3_bucket.as_deref() == Some("logs")
    });
    let problem =
        if metadata["signature-algorithm"] != "SHA256withRSA" || body.digest_signature_algorithm != "SHA256withRSA" {
            wrong("another algorithm")
        } else if (body.digest_s3_bucket.as_str(), body.digest_s3_object.as_str()) != ("logs", key) {
            wrong("moved")
        } else if metadata.contains_key("backfill-generation-timestamp") != key.ends_with("_backfill.json.gz") {
            wrong("backfill or not")
        } else if !signed {
            wrong("not signed")
        } else if linked {
            None
        } else {
            wrong("not what the next digest links to")
        };
    (Some(body), problem)
}
