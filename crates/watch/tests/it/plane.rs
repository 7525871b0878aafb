//! A `Watch` on a temporary directory with a clock that stands still, and calls to it as clients make them.

use access::{Access, SealingKey};
use catalog::Catalog;
use futures::StreamExt;
use futures::stream::BoxStream;
use model::buckets::MemoryBuckets;
use model::clock::{CountingIds, ManualClock};
use model::{Caller, Scope, Timestamp};
use serde_json::Value;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;
use store::{Options, Store};
use tempfile::TempDir;
use watch::Watch;
use watch::alarms::observers::NoObservers;
use watch::logs::LiveTails;
use watch::notify::{Notify, Settings};
use wire::{Call, Operation, Protocol};

/// 2026-03-01T00:00:00Z.
pub const NOW: i64 = 1_772_323_200_000;

/// The plane under test.
pub struct Plane {
    pub watch: Watch,
    pub clock: Arc<ManualClock>,
    pub buckets: Arc<MemoryBuckets>,
    operations: Vec<Operation<Watch>>,
    dir: TempDir,
}

/// Identities over the catalog, with random bytes that count on.
async fn access(catalog: Catalog, clock: Arc<ManualClock>) -> Access {
    let next = AtomicU8::new(0);
    let random = move |bytes: &mut [u8]| {
        bytes.iter_mut().for_each(|byte| *byte = next.fetch_add(1, Ordering::Relaxed));
        Ok(())
    };
    Access::open(catalog, clock, Arc::new(random), SealingKey::new([7; 32])).await.unwrap()
}

/// Code and message of a refused call.
pub type Refusal = (String, String);

impl Plane {
    /// An empty plane at `NOW`.
    pub async fn new(operations: Vec<Operation<Watch>>) -> Self {
        let catalog = Catalog::in_memory().await.unwrap();
        Self::on(tempfile::tempdir().unwrap(), catalog, operations, Settings::default()).await
    }

    /// An empty plane at `NOW` that notifies as `settings` say, and whose catalog can be reopened.
    pub async fn with(operations: Vec<Operation<Watch>>, settings: Settings) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let catalog = Catalog::open(&dir.path().join("catalog.db")).await.unwrap();
        Self::on(dir, catalog, operations, settings).await
    }

    async fn on(dir: TempDir, catalog: Catalog, operations: Vec<Operation<Watch>>, settings: Settings) -> Self {
        let clock = Arc::new(ManualClock::at(Timestamp(NOW)));
        let buckets = Arc::new(MemoryBuckets::default());
        let options = Options { dir: dir.path().to_owned(), ..Options::default() };
        let watch = Watch {
            store: Store::open(options, clock.clone()).await.unwrap(),
            catalog: catalog.clone(),
            clock: clock.clone(),
            ids: Arc::new(CountingIds::from_seed(1)),
            notify: Arc::new(Notify::new(settings)),
            subscriptions: Arc::default(),
            incoming: Arc::default(),
            bands: Arc::default(),
            live_tails: Arc::new(LiveTails::every(Duration::from_millis(1))),
            group_filters: Arc::default(),
            queries: Arc::default(),
            rules: Arc::default(),
            access: access(catalog, clock.clone()).await,
            buckets: buckets.clone(),
            observers: Arc::new(NoObservers),
        };
        Self { watch, clock, buckets, operations, dir }
    }

    /// What a crash and a start leave of the catalog.
    pub async fn reopen(&mut self) {
        self.watch.catalog.close().await;
        self.watch.catalog = Catalog::open(&self.dir.path().join("catalog.db")).await.unwrap();
    }

    /// A call of account 123456789012 in us-east-1.
    pub async fn call(&self, operation: &str, input: Value) -> Result<Value, Refusal> {
        self.call_in("us-east-1", operation, input).await
    }

    /// A call in a region.
    pub async fn call_in(&self, region: &str, operation: &str, input: Value) -> Result<Value, Refusal> {
        let scope = Scope { account: "123456789012".into(), region: region.into() };
        self.call_as(&Caller::root(scope, "test"), operation, input).await
    }

    /// What the stream of a streaming call of anyone says, message after message.
    pub async fn stream_as(&self, caller: &Caller, operation: &str, input: Value) -> BoxStream<'static, String> {
        let row = self.operations.iter().find(|row| row.name == operation).expect("the operation is in the table");
        let body = input.to_string();
        let call = Call {
            protocol: Protocol::Json11,
            path: "/",
            query: "",
            body: body.as_bytes(),
            request_id: "request",
            audited: false,
            guard: None,
        };
        let answer = (row.run)(&self.watch, caller, call).await;
        assert!(answer.error.is_none(), "{:?}", answer.error);
        let rest = answer.response.rest.expect("the answer goes on").into_stream();
        rest.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).boxed()
    }

    /// A call of anyone.
    pub async fn call_as(&self, caller: &Caller, operation: &str, input: Value) -> Result<Value, Refusal> {
        let row = self.operations.iter().find(|row| row.name == operation).expect("the operation is in the table");
        let body = input.to_string();
        let call = Call {
            protocol: Protocol::Json11,
            path: "/",
            query: "",
            body: body.as_bytes(),
            request_id: "request",
            audited: false,
            guard: None,
        };
        let answer = (row.run)(&self.watch, caller, call).await;
        match answer.error {
            Some(error) => Err((error.code().to_owned(), error.message().to_owned())),
            None if answer.response.body.is_empty() => Ok(Value::Null),
            None => Ok(serde_json::from_slice(&answer.response.body).unwrap()),
        }
    }

    /// A user of account 123456789012 whose only policy has this statement.
    pub async fn user(&self, name: &str, statement: &str) -> Caller {
        let root = Caller::root(Scope { account: "123456789012".into(), region: "us-east-1".into() }, "test");
        let made = self.iam(&root, "CreateUser", &[("UserName", name)]).await;
        let document = format!(r#"{{"Version":"2012-10-17","Statement":[{{{statement}}}]}}"#);
        let policy = [("UserName", name), ("PolicyName", "p"), ("PolicyDocument", document.as_str())];
        self.iam(&root, "PutUserPolicy", &policy).await;
        let (_, id) = made.split_once("<UserId>").unwrap();
        Caller {
            identity_type: "IAMUser".into(),
            principal_id: id.split('<').next().unwrap().into(),
            arn: format!("arn:aws:iam::123456789012:user/{name}"),
            ..root
        }
    }

    /// A call of iam that must succeed; answers the XML.
    async fn iam(&self, caller: &Caller, operation: &str, pairs: &[(&str, &str)]) -> String {
        let row = access::operations().into_iter().find(|row| row.name == operation).unwrap();
        let encode = |text: &str| text.bytes().map(|byte| format!("%{byte:02X}")).collect::<String>();
        let form: Vec<String> = pairs.iter().map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let form = form.join("&");
        let call = Call {
            protocol: Protocol::Query,
            path: "/",
            query: "",
            body: form.as_bytes(),
            request_id: "request",
            audited: false,
            guard: None,
        };
        let answer = (row.run)(&self.watch.access, caller, call).await;
        assert!(answer.error.is_none(), "{operation}: {:?}", answer.error);
        String::from_utf8(answer.response.body.to_vec()).unwrap()
    }

    /// A call that must succeed.
    pub async fn ok(&self, operation: &str, input: Value) -> Value {
        match self.call(operation, input.clone()).await {
            Ok(output) => output,
            Err(refusal) => panic!("{operation} {input}: {refusal:?}"),
        }
    }

    /// A call that must be refused.
    pub async fn refused(&self, operation: &str, input: Value) -> Refusal {
        match self.call(operation, input.clone()).await {
            Ok(output) => panic!("{operation} {input}: {output}"),
            Err(refusal) => refusal,
        }
    }
}
