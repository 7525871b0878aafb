//! ListBuckets: the buckets of the caller's account that the server reads out, in order of their names, page by page.

use super::error::S3Error;
use super::reply::Reply;
use super::route::Asked;
use super::xml::Xml;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use catalog::Bucket;
use model::Timestamp;

/// Most buckets of a page (API reference).
const BUCKETS_MAX: usize = 10_000;

/// Lists `buckets`, which are in order.
pub fn list_buckets(buckets: &[Bucket], asked: &Asked, owner: &str) -> Result<Reply, S3Error> {
    let invalid = |message: &str| S3Error::new(400, "InvalidArgument", message);
    let given = |name| asked.parameter(name).filter(|value| !value.is_empty());
    let max = match given("max-buckets").map(str::parse::<usize>) {
        None => BUCKETS_MAX,
        Some(Ok(max @ 1..=BUCKETS_MAX)) => max,
        Some(_) => return Err(invalid("Argument max-buckets must be an integer between 1 and 10000")),
    };
    let token = given("continuation-token").map(|token| URL_SAFE_NO_PAD.decode(token).ok());
    let after = match token.map(|bytes| bytes.and_then(|bytes| String::from_utf8(bytes).ok())) {
        None => String::new(),
        Some(Some(after)) => after,
        Some(None) => return Err(invalid("The continuation token provided is incorrect")),
    };
    let (prefix, region) = (given("prefix").unwrap_or_default(), given("bucket-region"));
    let mut wanted = buckets.iter().filter(|bucket| {
        bucket.name > after && bucket.name.starts_with(prefix) && region.is_none_or(|region| bucket.region == region)
    });
    let mut xml = Xml::new();
    xml.root("ListAllMyBucketsResult");
    xml.open("Owner");
    xml.text("ID", owner);
    xml.close("Owner");
    xml.open("Buckets");
    let mut last = "";
    for bucket in wanted.by_ref().take(max) {
        xml.open("Bucket");
        xml.text("Name", &bucket.name);
        xml.text("CreationDate", &Timestamp(bucket.created_ms).iso_millis());
        xml.text("BucketRegion", &bucket.region);
        xml.close("Bucket");
        last = &bucket.name;
    }
    xml.close("Buckets");
    if wanted.next().is_some() {
        xml.text("ContinuationToken", &URL_SAFE_NO_PAD.encode(last));
    }
    if !prefix.is_empty() {
        xml.text("Prefix", prefix);
    }
    xml.close("ListAllMyBucketsResult");
    Ok(Reply::xml(xml.finish()))
}
