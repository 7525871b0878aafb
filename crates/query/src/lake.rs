//! Questions asked of event data stores in CloudTrail Lake's SQL: what is asked, what is answered, and who answers.
//!
//! The engine is behind a trait, for the governance plane must build without DataFusion: `sql::lake` is one, `NoLake` says that
//! there is none.

mod ids;
pub mod samples;

pub use ids::{StoreName, store_names};

use futures::future::{BoxFuture, FutureExt};
use model::{TimeRange, Timestamp};
use std::borrow::Cow;
use std::fmt::Debug;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// Categories of events whose records say themselves what the columns of the event table do. (An Insights event, for one, names its
/// operation in its details.)
pub const AS_RECORDED: [&str; 3] = ["Management", "Data", "NetworkActivity"];

/// An event as a store is asked whether it has it. Times, account and region are always there, of the rest what `Admits::asks` names.
#[derive(Debug, Clone, Default)]
pub struct Candidate<'a> {
    /// When it happened.
    pub time: Timestamp,
    /// When it was received.
    pub ingestion_time: Timestamp,
    /// Account that it belongs to.
    pub account: &'a str,
    /// Region.
    pub region: &'a str,
    /// `eventCategory`.
    pub category: &'a str,
    /// `eventSource`.
    pub source: &'a str,
    /// `eventName`.
    pub name: &'a str,
    /// `eventType`; empty when absent, as the next three are.
    pub event_type: &'a str,
    /// `errorCode`.
    pub error_code: &'a str,
    /// `vpcEndpointId`.
    pub vpc_endpoint_id: &'a str,
    /// `userIdentity.arn`.
    pub user_arn: &'a str,
    /// `readOnly`.
    pub read_only: Option<bool>,
    /// Resources as (type, ARN).
    pub resources: Vec<(&'a str, &'a str)>,
    /// The record's JSON text.
    pub record: &'a str,
}

/// Which events an event data store has: those that it `covers` and `took_in`.
pub trait Admits: Debug + Send + Sync {
    /// Columns of the event table that the answer depends on, beside times, account and region. A record is put together for each
    /// event when `record` is among them.
    fn asks(&self) -> &[&'static str];

    /// True when the store is one of such events, whenever they came: asked without times, once for events that are alike.
    fn covers(&self, candidate: &Candidate<'_>) -> bool;

    /// True when the store took an event in at its times. Beside these the category and the record count, where `asks` names them.
    fn took_in(&self, _candidate: &Candidate<'_>) -> bool {
        true
    }

    /// True when `took_in` is, of whatever happened, and was received, from one time to another.
    fn took_in_all(&self, _happened: (Timestamp, Timestamp), _received: (Timestamp, Timestamp)) -> bool {
        false
    }

    /// The record of an event as the store shows it.
    fn show<'a>(&self, record: &'a str) -> Cow<'a, str> {
        Cow::Borrowed(record)
    }
}

/// An event data store that a statement names.
#[derive(Debug, Clone)]
pub struct LakeStore {
    /// Its id, the name that it has in statements.
    pub id: String,
    /// Times of its events.
    pub range: TimeRange,
    /// Accounts of its events; empty for all.
    pub account: String,
    /// Categories of its events; empty for all.
    pub categories: Vec<String>,
    /// Which events of these it has.
    pub admits: Arc<dyn Admits>,
}

/// A statement and what it is asked of.
#[derive(Debug, Clone)]
pub struct LakeQuestion {
    /// The text, as the client sent it.
    pub statement: String,
    /// Values of its `?`, in order.
    pub parameters: Vec<String>,
    /// The stores that it may name.
    pub stores: Vec<LakeStore>,
    /// What `now()` is.
    pub now: Timestamp,
}

/// What a query has looked at so far; seen by others while it runs.
#[derive(Debug, Default)]
pub struct Looked {
    scanned: AtomicU64,
    bytes: AtomicU64,
    matched: AtomicU64,
}

impl Looked {
    /// Events that were looked at.
    pub fn scanned(&self) -> u64 {
        self.scanned.load(Ordering::Relaxed)
    }

    /// Bytes of their records.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// Events that met the conditions next to the tables; known at the end.
    pub fn matched(&self) -> u64 {
        self.matched.load(Ordering::Relaxed)
    }

    /// Counts events that were looked at.
    pub fn look(&self, events: u64, bytes: u64) {
        self.scanned.fetch_add(events, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Says how many events met the conditions.
    pub fn set_matched(&self, events: u64) {
        self.matched.store(events, Ordering::Relaxed);
    }
}

/// Rows of an answer; values are text as Lake shows them, `None` for NULL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LakeAnswer {
    /// Names of the columns, in lower case; one may be there twice.
    pub columns: Vec<String>,
    /// Rows, each with one value for each column.
    pub rows: Vec<Vec<Option<String>>>,
}

/// Why a statement has no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LakeError {
    /// The statement is wrong, or asks for what there is not; for the client.
    #[error("{0}")]
    Invalid(String),
    /// This build cannot answer.
    #[error("This build of Trailwatch has no SQL: event data stores are kept and cannot be queried.")]
    Missing,
    /// Something below broke; for the operator.
    #[error("run a Lake query: {0}")]
    Failed(String),
}

/// Answers statements.
pub trait Lake: Debug + Send + Sync {
    /// Says what is wrong with a statement, as far as that is seen without running it.
    fn check(&self, question: LakeQuestion) -> BoxFuture<'_, Result<(), LakeError>>;

    /// Runs a statement. The query ends when the future is dropped.
    fn run(&self, question: LakeQuestion, looked: Arc<Looked>) -> BoxFuture<'_, Result<LakeAnswer, LakeError>>;
}

/// Of a build without SQL.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoLake;

impl Lake for NoLake {
    fn check(&self, _: LakeQuestion) -> BoxFuture<'_, Result<(), LakeError>> {
        async { Err(LakeError::Missing) }.boxed()
    }

    fn run(&self, _: LakeQuestion, _: Arc<Looked>) -> BoxFuture<'_, Result<LakeAnswer, LakeError>> {
        async { Err(LakeError::Missing) }.boxed()
    }
}
