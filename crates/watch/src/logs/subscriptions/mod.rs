//! Subscriptions at work: matching log events go to the receivers of filters and of account policies, at least once, in order for
//! each stream, from a durable position.
//!
//! Each subscription is followed by a task of its own (`deliver.rs`), so that a receiver that is slow or down holds up no other. It
//! reads the store in order of acceptance (`round.rs`), sends what matches (`payload.rs`, `request.rs`) and then notes how far it
//! came. What is refused is sent again, later and later but at least once a minute, for as long as its group keeps the events; a
//! restart goes on where it was. AWS gives up after 24 hours. A filter whose group is quiet sleeps (`arrivals.rs`).
//!
//! Buckets are receivers too, which they are not on AWS: what matches gathers for a while (`gathered.rs`) and is written as
//! objects (`objects.rs`). What data protection policies find goes the same way to where they say (`findings.rs`).

mod arrivals;
mod counts;
mod deliver;
mod findings;
mod gathered;
mod load;
mod objects;
mod payload;
mod records;
mod request;
mod round;
mod send;
pub(super) mod target;

pub use deliver::{Followers, deliver, deliver_due};
pub use request::{ReceiverAnswer, ReceiverRequest};
pub(super) use send::{Unreached, reach};

use arrivals::Arrivals;
use counts::Counts;
use futures::FutureExt;
use futures::future::BoxFuture;
use model::{Datapoint, Timestamp};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

/// The network: how requests come to receivers.
pub trait Receivers: Send + Sync + 'static {
    /// Whether the configuration says where the receiver of this ARN is.
    fn has(&self, arn: &str) -> bool;

    /// Makes one request; an error says why there was no answer. Must end, whatever the receiver does.
    fn ask(&self, request: ReceiverRequest) -> BoxFuture<'static, Result<ReceiverAnswer, String>>;
}

/// Whether this is the ARN of a receiver that requests are made to: a Firehose or Kinesis stream, or a Lambda function.
pub fn is_receiver(arn: &str) -> bool {
    target::Target::of(arn).is_some_and(|target| target.kind != target::Kind::S3)
}

/// How long events gather for an object of a bucket unless the configuration says otherwise, milliseconds.
pub const OBJECT_MS: i64 = 60_000;

/// Where nothing is configured.
struct NoReceivers;

impl Receivers for NoReceivers {
    fn has(&self, _arn: &str) -> bool {
        false
    }

    fn ask(&self, request: ReceiverRequest) -> BoxFuture<'static, Result<ReceiverAnswer, String>> {
        std::future::ready(Err(format!("the configuration has no URL for {}", request.arn))).boxed()
    }
}

/// What subscriptions need beside store and catalog. One for the life of the process.
pub struct Subscriptions {
    receivers: Arc<dyn Receivers>,
    counts: Counts,
    changed: tokio::sync::Notify,
    arrivals: Arrivals,
    /// How long events gather for an object of a bucket, milliseconds.
    object_ms: i64,
    /// Text that gathers for buckets, bytes.
    gathered_bytes: Arc<AtomicUsize>,
}

impl Default for Subscriptions {
    fn default() -> Self {
        Self::new(Arc::new(NoReceivers), OBJECT_MS)
    }
}

impl Subscriptions {
    /// With the way to receivers; events gather for `object_ms` before they become an object of a bucket.
    pub fn new(receivers: Arc<dyn Receivers>, object_ms: i64) -> Self {
        Self {
            receivers,
            counts: Counts::default(),
            changed: tokio::sync::Notify::new(),
            arrivals: Arrivals::default(),
            object_ms,
            gathered_bytes: Arc::default(),
        }
    }

    /// Whether the configuration says where the receiver of this ARN is.
    pub(super) fn has_receiver(&self, arn: &str) -> bool {
        self.receivers.has(arn)
    }

    /// Has new subscriptions looked for now instead of within seconds, and deleted ones ended.
    pub(super) fn wake(&self) {
        self.changed.notify_one();
    }

    /// What was sent since the last call, as the metrics that Logs publishes in namespace `AWS/Logs`.
    pub fn take_metrics(&self, at: Timestamp) -> Vec<Datapoint> {
        self.counts.take(at)
    }
}
