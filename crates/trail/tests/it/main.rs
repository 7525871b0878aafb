//! The governance plane through its table of operations: what AWS's clients would see, without a socket.

mod buckets;
mod dashboards;
mod deliveries;
mod detections;
mod digests;
mod imports;
mod insights;
mod lake;
mod lookups;
mod put_audit_events;
mod retention;
mod trails;

use buckets::{TestBuckets, TestTopics};
use model::clock::{CountingIds, ManualClock};
use model::{Batch, Caller, Event, Scope, Timestamp};
use serde_json::{Value, json};
use std::sync::Arc;
use trail::{Settings, Trail};
use wire::{Call, Protocol, Service};

/// 2026-01-02T03:04:05Z.
pub(crate) const NOW: Timestamp = Timestamp(1_767_323_045_000);
pub(crate) const ACCOUNT: &str = "123456789012";

/// A plane over an empty store and catalog, on a clock that stands still.
pub(crate) struct Plane {
    pub(crate) trail: Trail,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) buckets: Arc<TestBuckets>,
    pub(crate) topics: Arc<TestTopics>,
    dir: Arc<tempfile::TempDir>,
}

impl Plane {
    pub(crate) async fn new() -> Self {
        Self::with(Settings::default()).await
    }

    pub(crate) async fn with(settings: Settings) -> Self {
        let dir = Arc::new(tempfile::tempdir().unwrap());
        let catalog = catalog::Catalog::in_memory().await.unwrap();
        Self::open(dir, catalog, Arc::default(), Arc::new(ManualClock::at(NOW)), 1, settings).await
    }

    async fn open(
        dir: Arc<tempfile::TempDir>,
        catalog: catalog::Catalog,
        buckets: Arc<TestBuckets>,
        clock: Arc<ManualClock>,
        seed: u64,
        settings: Settings,
    ) -> Self {
        let options = store::Options { dir: dir.path().join("store"), ..store::Options::default() };
        let store = store::Store::open(options, clock.clone()).await.unwrap();
        let ids = Arc::new(CountingIds::from_seed(seed));
        let mut trail = Trail::new(store, catalog, clock.clone(), ids, settings).await.unwrap();
        trail.buckets = buckets.clone();
        let topics = Arc::new(TestTopics::default());
        trail.topics = topics.clone();
        Self { trail, clock, buckets, topics, dir }
    }

    /// Calls an operation in us-east-1; the error is `Code: message`.
    pub(crate) async fn call(&self, operation: &str, input: Value) -> Result<Value, String> {
        self.call_in("us-east-1", operation, input).await
    }

    pub(crate) async fn call_in(&self, region: &str, operation: &str, input: Value) -> Result<Value, String> {
        self.call_with(&caller(region), operation, "", input).await
    }

    pub(crate) async fn call_with(
        &self,
        caller: &Caller,
        operation: &str,
        query: &str,
        input: Value,
    ) -> Result<Value, String> {
        let row = trail::operations().into_iter().find(|row| row.name == operation).expect(operation);
        let body = input.to_string();
        let (protocol, body) = match row.service {
            Service::CloudTrailData => (Protocol::RestJson, body.as_bytes()),
            _ => (Protocol::Json11, body.as_bytes()),
        };
        let call = Call { protocol, path: "/", query, body, request_id: "r", audited: true, guard: None };
        let held = self.trail.hold(operation).await;
        let answer = (row.run)(&self.trail, caller, call).await;
        if let Some(held) = held {
            held.release().await.unwrap();
        }
        if let Some(error) = answer.error {
            assert!(error.status() < 500, "{error:?}");
            return Err(format!("{}: {}", error.code(), error.message()));
        }
        let text = String::from_utf8(answer.response.body.to_vec()).unwrap();
        Ok(serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Creates a trail with a bucket.
    pub(crate) async fn create(&self, name: &str) -> Value {
        self.call("CreateTrail", json!({"Name": name, "S3BucketName": "bucket"})).await.unwrap()
    }

    /// Creates an event data store of the category of channels, which may be deleted; answers its ARN.
    pub(crate) async fn create_activity_store(&self, name: &str) -> String {
        let selectors = json!([{"FieldSelectors": [{"Field": "eventCategory", "Equals": ["ActivityAuditLog"]}]}]);
        let input = json!({"Name": name, "TerminationProtectionEnabled": false, "AdvancedEventSelectors": selectors});
        let made = self.call("CreateEventDataStore", input).await.unwrap();
        made["EventDataStoreArn"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn append(&self, events: Vec<Event>) {
        self.trail.store.append(Batch { events, ..Batch::default() }).await.unwrap();
    }
}

pub(crate) fn caller(region: &str) -> Caller {
    Caller::root(Scope { account: ACCOUNT.into(), region: region.into() }, "AKIAROOT")
}

/// Asserts that an answer is the error `code`.
#[track_caller]
pub(crate) fn refused(answer: Result<Value, String>, code: &str) -> String {
    let text = answer.expect_err(code);
    assert!(text.starts_with(&format!("{code}: ")), "wanted {code}, got {text}");
    text
}

#[test]
fn every_operation_stands_once_in_the_table() {
    let mut names: Vec<_> = trail::operations().iter().map(|row| (row.service, row.name)).collect();
    let all = names.len();
    names.sort();
    names.dedup();
    assert_eq!((names.len(), all), (59, 59));
}
