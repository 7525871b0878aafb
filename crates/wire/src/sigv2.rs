//! Signature Version 2 in the query of a URL, for S3 alone: what `aws s3 presign` and boto3 write in us-east-1 unless they are told
//! otherwise.
//!
//! The signature is `base64(HMAC-SHA1(secret, text))`, the text method, content-md5, content-type, expiry, headers `x-amz-…` and
//! path, with those parameters that name a part of the resource. Source: "Signing and authenticating REST requests" of the S3
//! API reference.

use crate::query::form_decode;
use crate::request::HttpRequest;
use crate::sigv4::SignatureError;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use model::Timestamp;
use sha1::Sha1;
use std::borrow::Cow;
use std::fmt::Write;

/// Parameters that the signature covers, besides those that begin with `response-`.
const SIGNED_PARAMETERS: [&str; 22] = [
    "accelerate",
    "acl",
    "cors",
    "delete",
    "lifecycle",
    "location",
    "logging",
    "notification",
    "partNumber",
    "policy",
    "replication",
    "requestPayment",
    "restore",
    "storageClass",
    "tagging",
    "torrent",
    "uploadId",
    "uploads",
    "versionId",
    "versioning",
    "versions",
    "website",
];

/// The access key id that a presigned URL names, unproved; `None` for any other request.
pub fn claimed(request: &HttpRequest) -> Option<String> {
    let key = parameter(request, "AWSAccessKeyId")?;
    // Old calls of the query protocol have an Action, and say which version signed them.
    let is_query_protocol = ["Action", "SignatureVersion"].iter().any(|name| parameter(request, name).is_some());
    let is_plain = (1..=128).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_alphanumeric());
    let is_signed = parameter(request, "Signature").is_some() && parameter(request, "Expires").is_some();
    (is_plain && is_signed && !is_query_protocol).then(|| key.into_owned())
}

/// Checks the signature of a request that [`claimed`] finds one in; `secret_of` gives the secret of a key that may call.
pub fn verify(
    request: &HttpRequest,
    now: Timestamp,
    secret_of: impl FnOnce(&str) -> Option<String>,
) -> Result<(), SignatureError> {
    let key = claimed(request).ok_or(SignatureError::MissingToken)?;
    let expires = parameter(request, "Expires").unwrap_or_default();
    let seconds = expires.parse::<i64>().map_err(|_| SignatureError::Incomplete(format!("Invalid date: {expires}")))?;
    let secret = secret_of(&key).ok_or(SignatureError::UnknownKey)?;
    let signature = parameter(request, "Signature").unwrap_or_default();
    let signature = STANDARD.decode(signature.as_bytes()).map_err(|_| SignatureError::Mismatch)?;
    // A key of any length is taken.
    let mut mac = Hmac::<Sha1>::new_from_slice(secret.as_bytes()).map_err(|_| SignatureError::Mismatch)?;
    mac.update(string_to_sign(request, &expires).as_bytes());
    // Compares in constant time.
    mac.verify_slice(&signature).map_err(|_| SignatureError::Mismatch)?;
    if now.secs() >= seconds { Err(SignatureError::Expired("Request has expired".into())) } else { Ok(()) }
}

fn string_to_sign(request: &HttpRequest, expires: &str) -> String {
    let header = |name| request.header(name).unwrap_or_default();
    let mut text = format!("{}\n{}\n{}\n{expires}\n", request.method, header("content-md5"), header("content-type"));
    let mut headers: Vec<(&str, &str)> = request
        .headers
        .iter()
        .filter(|(name, _)| name.starts_with("x-amz-"))
        .map(|(name, value)| (name.as_str(), value.trim()))
        .collect();
    headers.sort_unstable();
    for (name, value) in headers {
        let _ = writeln!(text, "{name}:{value}");
    }
    text.push_str(&request.path);
    let mut signed: Vec<(&str, Option<Cow<'_, str>>)> = pairs(request)
        .filter(|(name, _)| SIGNED_PARAMETERS.contains(name) || name.starts_with("response-"))
        .map(|(name, value)| (name, value.and_then(|value| form_decode(value).ok())))
        .collect();
    signed.sort_unstable();
    for (index, (name, value)) in signed.iter().enumerate() {
        text.push(if index == 0 { '?' } else { '&' });
        text.push_str(name);
        if let Some(value) = value {
            let _ = write!(text, "={value}");
        }
    }
    text
}

fn pairs(request: &HttpRequest) -> impl Iterator<Item = (&str, Option<&str>)> {
    let pairs = request.query.split('&').filter(|pair| !pair.is_empty());
    pairs.map(|pair| pair.split_once('=').map_or((pair, None), |(name, value)| (name, Some(value))))
}

fn parameter<'a>(request: &'a HttpRequest, name: &str) -> Option<Cow<'a, str>> {
    let (_, value) = pairs(request).find(|(found, _)| *found == name)?;
    form_decode(value.unwrap_or_default()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A URL that boto3 made of the key `AKIAX` and the secret `s`.
    fn presigned() -> HttpRequest {
        HttpRequest {
            method: "GET".into(),
            path: "/bucket/a%20b".into(),
            query: "AWSAccessKeyId=AKIAX&Signature=656VPdjkNV0nt%2BiXdm54wcX2h9c%3D&Expires=1795676728".into(),
            ..HttpRequest::default()
        }
    }

    fn check(request: &HttpRequest, seconds: i64, secret: &str) -> Result<(), SignatureError> {
        verify(request, Timestamp(seconds * 1000), |key| (key == "AKIAX").then(|| secret.to_owned()))
    }

    #[test]
    fn what_boto3_signs_is_taken_until_it_expires() {
        assert_eq!(claimed(&presigned()).as_deref(), Some("AKIAX"));
        assert_eq!(check(&presigned(), 1_795_676_727, "s"), Ok(()));
        assert!(matches!(check(&presigned(), 1_795_676_728, "s"), Err(SignatureError::Expired(_))));
        assert_eq!(check(&presigned(), 1_795_676_727, "t"), Err(SignatureError::Mismatch));
        let changed = [
            HttpRequest { method: "PUT".into(), ..presigned() },
            HttpRequest { path: "/bucket/c".into(), ..presigned() },
            HttpRequest { query: format!("{}&acl", presigned().query), ..presigned() },
            HttpRequest { query: presigned().query.replace("1795676728", "1895676728"), ..presigned() },
            HttpRequest { headers: vec![("x-amz-copy-source".into(), "b".into())], ..presigned() },
        ];
        for request in changed {
            assert_eq!(check(&request, 1_795_676_727, "s"), Err(SignatureError::Mismatch), "{request:?}");
        }
        let other = HttpRequest { query: presigned().query.replace("AKIAX", "AKIAY"), ..presigned() };
        assert_eq!(check(&other, 1_795_676_727, "s"), Err(SignatureError::UnknownKey));
    }

    #[test]
    fn other_requests_are_not_presigned() {
        for query in ["", "AWSAccessKeyId=A&Expires=1", "AWSAccessKeyId=A%2F&Signature=b&Expires=1"] {
            assert_eq!(claimed(&HttpRequest { query: query.into(), ..presigned() }), None, "{query}");
        }
        let old = format!("{}&Action=Publish&SignatureVersion=2", presigned().query);
        assert_eq!(claimed(&HttpRequest { query: old, ..presigned() }), None);
        let odd = presigned().query.replace("1795676728", "soon");
        let refused = check(&HttpRequest { query: odd, ..presigned() }, 1, "s");
        assert!(matches!(refused, Err(SignatureError::Incomplete(_))));
    }
}
