//! Objects that this plane writes to buckets: exports of log groups, answers of scheduled queries, metric streams.

use crate::Watch;
use model::Scope;
use model::buckets::BucketError;
use std::sync::Arc;

/// Puts an object into a bucket that is `scope`'s to use.
pub(crate) async fn put_for(
    watch: &Watch,
    scope: &Scope,
    bucket: &str,
    key: &str,
    body: Vec<u8>,
) -> Result<(), BucketError> {
    check(watch, scope, bucket).await?;
    put(watch, bucket, key, body).await
}

/// Puts an object from async work.
pub(crate) async fn put(watch: &Watch, bucket: &str, key: &str, body: Vec<u8>) -> Result<(), BucketError> {
    let (buckets, into, at) = (Arc::clone(&watch.buckets), bucket.to_owned(), key.to_owned());
    let putting = tokio::task::spawn_blocking(move || buckets.put(&into, &at, body.into())).await;
    let put = putting.unwrap_or_else(|error| Err(BucketError::Unreachable(error.to_string())));
    put.inspect_err(|error| {
        // The operator is told what the client is not.
        if let BucketError::Unreachable(reason) = error {
            tracing::warn!(bucket, key, reason, "write to a bucket");
        }
    })
}

async fn check(watch: &Watch, scope: &Scope, bucket: &str) -> Result<(), BucketError> {
    let (buckets, scope, name) = (Arc::clone(&watch.buckets), scope.clone(), bucket.to_owned());
    let checking = tokio::task::spawn_blocking(move || buckets.check(&scope, &name)).await;
    let checked = checking.unwrap_or_else(|error| Err(BucketError::Unreachable(error.to_string())));
    checked.inspect_err(|error| {
        if let BucketError::Unreachable(reason) = error {
            tracing::warn!(bucket, reason, "look for a bucket");
        }
    })
}
