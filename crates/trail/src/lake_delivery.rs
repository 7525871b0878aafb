//! Delivery of the results of a query of CloudTrail Lake to a bucket, with a signed list of the files.
//!
//! AWS: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-results-file-validation-sign-file-structure.html>.
//! Below `[prefix/]AWSLogs/ACCOUNT/CloudTrail-Lake/Query/YYYY/MM/DD/QUERY-ID/` there are `result_1.csv.gz`, all of the result for a result is
//! smaller than a file of AWS may be, and then `result_sign.json`: its `hashSignature` is the digest key's over the hashes of the
//! compressed files with spaces between. `aws cloudtrail verify-query-results` checks both. A failure is told by `DeliveryStatus`; it
//! is not tried again, for GetQueryResults has the rows. How AWS quotes CSV is not known: here it is RFC 4180, quotation marks where
//! they are needed, a line of names first, and nothing for NULL.

use crate::Trail;
use crate::delivery::content::gzip;
use crate::delivery::key::Folder;
use crate::digest::keys;
use catalog::{LakeQuery, LakeRow};
use model::buckets::{BucketError, NewObject, Place};
use model::{Scope, hex};
use serde_json::json;
use sha2::{Digest, Sha256};
use std::sync::Arc;
use wire::ApiError;
use wire::cloudtrail::errors;
use wire::error::common;

/// `DeliveryStatus` until it is known.
pub(crate) const PENDING: &str = "PENDING";
const RESULT: &str = "result_1.csv.gz";
const SIGN_FILE: &str = "result_sign.json";

/// Refuses a place that results cannot go to.
pub(crate) async fn check(trail: &Trail, scope: &Scope, uri: &str) -> Result<(), ApiError> {
    let Some(Place { bucket, .. }) = Place::of_uri(uri) else {
        return Err(ApiError::new(&errors::INVALID_S3_BUCKET_NAME_EXCEPTION, format!("Not an S3 URI: {uri}")));
    };
    if trail.digest_keys.is_none() {
        let text = "Results are delivered with a signature, and this server has no keys to sign with.";
        return Err(ApiError::new(&errors::UNSUPPORTED_OPERATION_EXCEPTION, text));
    }
    let (buckets, name, scope) = (Arc::clone(&trail.buckets), bucket.to_owned(), scope.clone());
    let checking = tokio::task::spawn_blocking(move || {
        buckets.check(&scope, &name)?;
        // One behind an S3 endpoint has to be asked for something. Whether we may list it does not matter.
        match buckets.list(&name, "", "", 1) {
            Err(BucketError::NoSuchBucket) => Err(BucketError::NoSuchBucket),
            _ => Ok(()),
        }
    });
    let checked = checking.await;
    match checked.unwrap_or_else(|error| Err(BucketError::Unreachable(error.to_string()))) {
        Ok(()) => Ok(()),
        Err(BucketError::NoSuchBucket) => {
            let text = format!("S3 bucket {bucket} does not exist!");
            Err(ApiError::new(&errors::S3_BUCKET_DOES_NOT_EXIST_EXCEPTION, text))
        }
        Err(BucketError::AccessDenied) => {
            let text = format!("Incorrect S3 bucket policy is detected for bucket: {bucket}");
            Err(ApiError::new(&errors::INSUFFICIENT_S3_BUCKET_POLICY_EXCEPTION, text))
        }
        Err(error) => {
            tracing::warn!(bucket, ?error, "check the bucket of a Lake query");
            let text = format!("The bucket {bucket} cannot be reached. Try again.");
            Err(ApiError::new(&common::SERVICE_UNAVAILABLE, text))
        }
    }
}

/// Delivers the result of a query that ended, if it asked for that, and notes how it went.
pub(crate) async fn deliver(trail: &Trail, scope: &Scope, query: &LakeQuery, rows: Vec<LakeRow>) {
    let Some(uri) = &query.delivery_uri else { return };
    let status = match query.status.as_str() {
        "FINISHED" => files(trail, scope, query, uri, rows).await,
        "CANCELLED" => "CANCELLED",
        _ => "FAILED",
    };
    if let Err(error) = trail.catalog.set_lake_delivery(&query.id, status).await {
        tracing::error!(%error, query = query.id, "note the delivery of a Lake query");
    }
}

async fn files(trail: &Trail, scope: &Scope, query: &LakeQuery, uri: &str, rows: Vec<LakeRow>) -> &'static str {
    let Some(Place { bucket, prefix }) = Place::of_uri(uri) else { return "FAILED" };
    let folder = Folder { prefix: Some(prefix), organization: None, account: &scope.account };
    let day = trail.clock.now().iso_seconds();
    let day = day.split('T').next().unwrap_or_default().replace('-', "/");
    let path = format!("{}Query/{day}/{}/", folder.of("CloudTrail-Lake"), query.id);
    let columns: Vec<String> = serde_json::from_str(&query.columns).unwrap_or_default();
    let packed = tokio::task::spawn_blocking(move || gzip(csv(&columns, &rows).as_bytes())).await;
    let Ok(Ok(packed)) = packed else { return "FAILED" };
    let hash = hex(&Sha256::digest(&packed));
    let result = NewObject { body: packed, content_type: Some("application/x-gzip".into()), ..NewObject::default() };
    if let Err(error) = put(trail, scope, (bucket, format!("{path}{RESULT}")), result).await {
        return told(query, &error, ["RESOURCE_NOT_FOUND", "ACCESS_DENIED", "FAILED"]);
    }
    let sign_file = match sign(trail, scope, &hash).await {
        Ok(sign_file) => sign_file,
        Err(error) => {
            tracing::error!(%error, query = query.id, "sign the result of a Lake query");
            return "FAILED_SIGNING_FILE";
        }
    };
    let object = NewObject {
        body: sign_file.into_bytes(),
        content_type: Some("application/json".into()),
        ..NewObject::default()
    };
    match put(trail, scope, (bucket, format!("{path}{SIGN_FILE}")), object).await {
        Ok(()) => "SUCCESS",
        Err(error) => told(query, &error, ["RESOURCE_NOT_FOUND", "ACCESS_DENIED_SIGNING_FILE", "FAILED_SIGNING_FILE"]),
    }
}

/// The status of a failure: of a bucket that is not there, of one that refuses, and of others.
fn told(query: &LakeQuery, error: &BucketError, [gone, denied, other]: [&'static str; 3]) -> &'static str {
    tracing::warn!(query = query.id, ?error, "deliver the result of a Lake query");
    match error {
        BucketError::NoSuchBucket | BucketError::NoSuchKey => gone,
        BucketError::AccessDenied => denied,
        BucketError::Unreachable(_) => other,
    }
}

async fn put(
    trail: &Trail,
    scope: &Scope,
    (bucket, key): (&str, String),
    object: NewObject,
) -> Result<(), BucketError> {
    let (buckets, bucket, scope) = (Arc::clone(&trail.buckets), bucket.to_owned(), scope.clone());
    let putting = tokio::task::spawn_blocking(move || {
        buckets.check(&scope, &bucket)?;
        buckets.put(&bucket, &key, object)
    });
    putting.await.unwrap_or_else(|error| Err(BucketError::Unreachable(error.to_string())))
}

/// The text of the sign file of one file with this hash.
async fn sign(trail: &Trail, scope: &Scope, hash: &str) -> Result<String, keys::Error> {
    let Some(store) = &trail.digest_keys else { return Ok(String::new()) };
    let key = keys::current(trail, store, scope).await?;
    // Not before the key is valid, by which clients find it.
    let complete = trail.clock.now().iso_seconds();
    let fingerprint = key.fingerprint();
    let text = hash.to_owned();
    let signed = tokio::task::spawn_blocking(move || key.sign(&text)).await;
    let signature = signed.map_err(keys::Error::thread)??;
    let sign_file = json!({
        "version": "1.0",
        "region": scope.region,
        "files": [{ "fileHashValue": hash, "fileName": RESULT }],
        "hashAlgorithm": "SHA-256",
        "signatureAlgorithm": "SHA256withRSA",
        "queryCompleteTime": complete,
        "hashSignature": signature,
        "publicKeyFingerprint": fingerprint,
    });
    Ok(sign_file.to_string())
}

fn csv(columns: &[String], rows: &[LakeRow]) -> String {
    let mut text = String::new();
    let mut line = |values: &mut dyn Iterator<Item = &str>| {
        for (at, value) in values.enumerate() {
            if at > 0 {
                text.push(',');
            }
            if value.contains(['"', ',', '\n', '\r']) {
                text.push('"');
                text.push_str(&value.replace('"', "\"\""));
                text.push('"');
            } else {
                text.push_str(value);
            }
        }
        text.push('\n');
    };
    line(&mut columns.iter().map(String::as_str));
    for row in rows {
        line(&mut row.iter().map(|value| value.as_deref().unwrap_or_default()));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_quoted_where_they_must_be() {
        let some = |text: &str| Some(text.to_owned());
        let rows = vec![vec![some("x"), None], vec![some("a,b"), some("say \"no\"\n")]];
        assert_eq!(csv(&["n".into(), "m,".into()], &rows), "n,\"m,\"\nx,\n\"a,b\",\"say \"\"no\"\"\n\"\n");
    }
}
