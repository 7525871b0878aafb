//! Answers of scheduled queries on their way to a bucket.
//!
//! An answer is one object `<prefix>/<query id>.json`, of the shape that GetQueryResults answers. AWS says that it is JSON; what AWS
//! calls the object, and how it arranges the rows, is not known.

use super::{BUCKET, Delivered, S3Destination, refused};
use crate::Watch;
use crate::buckets;
use crate::logs::query_answers::{self, Stored};
use model::Scope;
use model::buckets::{Place, is_key};
use wire::ApiError;
use wire::logs::S3Configuration;

/// What the client put, once it can be kept to.
pub(super) fn destination(given: S3Configuration) -> Result<S3Destination, ApiError> {
    if given.kms_key_id.is_some() {
        return Err(refused("kmsKeyId of s3Configuration is not supported: Trailwatch does not encrypt objects."));
    }
    let place = Place::of_uri(&given.destination_identifier);
    if !place.is_some_and(|place| is_key(&key(&place, &"0".repeat(36)))) {
        return Err(refused("destinationIdentifier is not a valid S3 URI."));
    }
    Ok(S3Destination { uri: given.destination_identifier, role: given.role_arn, owner: given.owner_account_id })
}

fn key(place: &Place<'_>, query_id: &str) -> String {
    place.key(&format!("{query_id}.json"))
}

/// Writes an answer.
pub(super) async fn deliver(watch: &Watch, scope: &Scope, to: &S3Destination, ended: Stored) -> Delivered {
    let delivered = |status: &str, processed, error| Delivered {
        kind: Some(BUCKET.into()),
        destination: to.uri.clone(),
        status: status.into(),
        processed,
        error,
    };
    // It was checked when it was put.
    let Some(place) = Place::of_uri(&to.uri) else {
        return delivered("CLIENT_ERROR", None, Some("destinationIdentifier is not a valid S3 URI.".into()));
    };
    let (bucket, key) = (place.bucket, key(&place, &ended.query.id));
    // Many rows take long to write.
    let body = match tokio::task::spawn_blocking(move || query_answers::json(ended)).await {
        Ok(body) => body,
        Err(error) => return delivered("FAILED", None, Some(error.to_string())),
    };
    match buckets::put_for(watch, scope, bucket, &key, body).await {
        Ok(()) => delivered("COMPLETE", Some(format!("s3://{bucket}/{key}")), None),
        Err(error) => {
            let status = if error.is_clients() { "CLIENT_ERROR" } else { "FAILED" };
            delivered(status, None, Some(error.to_string()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(uri: &str) -> S3Configuration {
        S3Configuration {
            destination_identifier: uri.into(),
            role_arn: "arn:aws:iam::123456789012:role/r".into(),
            owner_account_id: None,
            kms_key_id: None,
        }
    }

    #[test]
    fn an_uri_is_a_bucket_and_a_prefix() {
        for (uri, bucket, object) in [
            ("s3://b", "b", "q.json"),
            ("s3://b/", "b", "q.json"),
            ("s3://b/p", "b", "p/q.json"),
            ("s3://b/p/q/", "b", "p/q/q.json"),
        ] {
            let place = Place::of_uri(uri).unwrap();
            assert_eq!((place.bucket, key(&place, "q").as_str()), (bucket, object), "{uri}");
            assert!(destination(given(uri)).is_ok());
        }
        for bad in ["http://b", "s3://b/../c", "s3://b/a//c", "s3://b/a\n", "s3:///p"] {
            assert!(destination(given(bad)).is_err(), "{bad}");
        }
        let encrypted = S3Configuration { kms_key_id: Some("k".into()), ..given("s3://b") };
        assert!(destination(encrypted).unwrap_err().message().contains("kmsKeyId"));
    }
}
