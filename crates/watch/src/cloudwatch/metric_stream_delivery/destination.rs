//! Where a metric stream delivers to: a Firehose delivery stream, or a bucket.
//!
//! **Buckets are ours:** AWS takes a delivery stream only, and it is this one that has a bucket. Here `FirehoseArn` may be
//! `arn:aws:s3:::BUCKET` or `arn:aws:s3:::BUCKET/PREFIX`; every batch is an object, whose key is as Firehose makes it:
//! `PREFIX/YYYY/MM/DD/HH/STREAM-1-YYYY-MM-DD-HH-MM-SS-ID`. The time is that of the minute that is delivered, in UTC. The id follows
//! from the stream, the minute and the number of the batch, so that a minute that is sent again replaces its objects.

use catalog::MetricStream;
use model::arn::{Arn, metric_stream};
use model::buckets::{Place, is_key};
use uuid::Uuid;

/// The namespace of the ids of objects (version 5 UUIDs).
const OBJECT_IDS: Uuid = Uuid::from_u128(0x2d9c_41b7_60fe_4f0a_9c57_e81b_3a6d_75c4);

/// What `FirehoseArn` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Destination<'a> {
    /// A Firehose delivery stream.
    Firehose,
    /// A bucket, and how keys begin; empty for nothing.
    Bucket { bucket: &'a str, prefix: &'a str },
}

impl<'a> Destination<'a> {
    /// What an ARN names; `None` when it is none that a metric stream could deliver to.
    pub fn parse(text: &'a str) -> Option<Self> {
        let arn = Arn::parse(text)?;
        match arn.service {
            "firehose" => arn.resource.starts_with("deliverystream/").then_some(Self::Firehose),
            _ => Place::of_arn(text).map(|Place { bucket, prefix }| Self::Bucket { bucket, prefix }),
        }
    }

    /// True when the keys of a stream's objects are not too long.
    pub fn has_room(&self, stream: &MetricStream) -> bool {
        match self {
            Self::Firehose => true,
            Self::Bucket { prefix, .. } => is_key(&object_key(stream, prefix, 0)),
        }
    }
}

/// The key of the object of a batch of the minute at which the stream is; batches of a minute are numbered from 0.
pub fn object_key(stream: &MetricStream, prefix: &str, batch: usize) -> String {
    let (name, minute) = (&stream.name, stream.position);
    let of = format!("{} {} {} {batch}", metric_stream(&stream.scope, name), stream.created.millis(), minute.millis());
    let id = Uuid::new_v5(&OBJECT_IDS, of.as_bytes());
    // 2026-03-01T00:02:00Z: the parts are joined by `/` for the folder and by `-` for the name.
    let time = minute.iso_seconds().replace(['T', ':'], "-").replace('Z', "");
    let folder = time.get(..13).unwrap_or(&time).replace('-', "/");
    let slash = if prefix.is_empty() { "" } else { "/" };
    format!("{prefix}{slash}{folder}/{name}-1-{time}-{id}")
}
