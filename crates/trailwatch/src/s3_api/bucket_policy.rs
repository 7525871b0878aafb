//! GetBucketPolicy, PutBucketPolicy, DeleteBucketPolicy: a policy is kept and shown as it came, and has no effect. A folder of the
//! configuration has none.

use super::error::S3Error;
use super::reply::Reply;
use crate::buckets::ServerBuckets;
use bytes::Bytes;
use catalog::Bucket;
use serde_json::Value;

/// Longest policy, bytes (S3 guide: 20 KB).
pub const POLICY_BYTES_MAX: usize = 20 * 1024;

/// Shows the policy; it blocks, as all do here.
pub fn get_bucket_policy(buckets: &ServerBuckets, bucket: &Bucket) -> Result<Reply, S3Error> {
    let absent = || S3Error::new(404, "NoSuchBucketPolicy", "The bucket policy does not exist");
    let policy = buckets.policy(bucket)?.ok_or_else(absent)?;
    let headers = vec![("content-type".into(), "application/json".into())];
    Ok(Reply { status: 200, headers, body: Bytes::from(policy), rest: None })
}

/// Keeps a policy.
pub fn put_bucket_policy(buckets: &ServerBuckets, bucket: &Bucket, body: &[u8]) -> Result<Reply, S3Error> {
    let malformed = |message: &str| S3Error::new(400, "MalformedPolicy", message);
    if body.len() > POLICY_BYTES_MAX {
        return Err(malformed("Bucket policies are limited to 20480 bytes"));
    }
    let invalid = || malformed("Policies must be valid JSON and the first byte must be '{'");
    let text = std::str::from_utf8(body).map_err(|_| invalid())?;
    let policy = serde_json::from_str::<Value>(text).ok().filter(|_| text.starts_with('{')).ok_or_else(invalid)?;
    if policy.get("Statement").is_none() {
        return Err(malformed("Missing required field Statement"));
    }
    buckets.put_policy(bucket, Some(text))?;
    Ok(Reply { status: 204, ..Reply::default() })
}

/// Takes the policy away, also where there is none.
pub fn delete_bucket_policy(buckets: &ServerBuckets, bucket: &Bucket) -> Result<Reply, S3Error> {
    buckets.put_policy(bucket, None)?;
    Ok(Reply { status: 204, ..Reply::default() })
}
