//! What a request to S3 asks for: operation, bucket and key, from method, path and query. Buckets stand in the path.
//!
//! Operations that are not served are named all the same, for the audit record and the refusal.

use super::error::S3Error;
use crate::buckets::percent::{Plus, decoded};
use model::limits::OBJECT_KEY_BYTES_MAX;
use wire::HttpRequest;

/// Most parameters of a query.
const PARAMETERS_MAX: usize = 100;

/// The operations that are served, and all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Operation {
    ListBuckets,
    CreateBucket,
    DeleteBucket,
    GetBucketPolicy,
    PutBucketPolicy,
    DeleteBucketPolicy,
    GetBucketLocation,
    GetBucketVersioning,
    HeadBucket,
    ListObjects,
    ListObjectsV2,
    GetObject,
    HeadObject,
    /// One that would read what is not kept here.
    OtherRead,
    /// One that would change objects, or what is not kept here.
    Write,
}

/// A request as it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// What to do.
    pub operation: Operation,
    /// What the operation is called in CloudTrail.
    pub name: &'static str,
    /// The first part of the path.
    pub bucket: Option<String>,
    /// The rest of the path.
    pub key: Option<String>,
    /// The query, decoded.
    pub parameters: Vec<(String, String)>,
}

/// Reads and writes whose name a parameter decides: method, whether there is a key, the parameter, the name.
const NAMED: [(&str, bool, &str, &str); 69] = [
    ("GET", false, "location", "GetBucketLocation"),
    ("GET", false, "versioning", "GetBucketVersioning"),
    ("GET", false, "accelerate", "GetAccelerateConfiguration"),
    ("GET", false, "acl", "GetBucketAcl"),
    ("GET", false, "cors", "GetBucketCors"),
    ("GET", false, "encryption", "GetBucketEncryption"),
    ("GET", false, "lifecycle", "GetBucketLifecycle"),
    ("GET", false, "logging", "GetBucketLogging"),
    ("GET", false, "notification", "GetBucketNotification"),
    ("GET", false, "object-lock", "GetBucketObjectLockConfiguration"),
    ("GET", false, "ownershipControls", "GetBucketOwnershipControls"),
    ("GET", false, "policy", "GetBucketPolicy"),
    ("GET", false, "policyStatus", "GetBucketPolicyStatus"),
    ("GET", false, "publicAccessBlock", "GetBucketPublicAccessBlock"),
    ("GET", false, "replication", "GetBucketReplication"),
    ("GET", false, "requestPayment", "GetBucketRequestPayment"),
    ("GET", false, "tagging", "GetBucketTagging"),
    ("GET", false, "uploads", "ListMultipartUploads"),
    ("GET", false, "versions", "ListObjectVersions"),
    ("GET", false, "website", "GetBucketWebsite"),
    ("GET", true, "acl", "GetObjectAcl"),
    ("GET", true, "attributes", "GetObjectAttributes"),
    ("GET", true, "legal-hold", "GetObjectLegalHold"),
    ("GET", true, "retention", "GetObjectRetention"),
    ("GET", true, "tagging", "GetObjectTagging"),
    ("GET", true, "torrent", "GetObjectTorrent"),
    ("GET", true, "uploadId", "ListParts"),
    ("PUT", false, "acl", "PutBucketAcl"),
    ("PUT", false, "cors", "PutBucketCors"),
    ("PUT", false, "encryption", "PutBucketEncryption"),
    ("PUT", false, "lifecycle", "PutBucketLifecycle"),
    ("PUT", false, "logging", "PutBucketLogging"),
    ("PUT", false, "notification", "PutBucketNotification"),
    ("PUT", false, "ownershipControls", "PutBucketOwnershipControls"),
    ("PUT", false, "policy", "PutBucketPolicy"),
    ("PUT", false, "publicAccessBlock", "PutBucketPublicAccessBlock"),
    ("PUT", false, "replication", "PutBucketReplication"),
    ("PUT", false, "tagging", "PutBucketTagging"),
    ("PUT", false, "versioning", "PutBucketVersioning"),
    ("PUT", false, "website", "PutBucketWebsite"),
    ("PUT", true, "acl", "PutObjectAcl"),
    ("PUT", true, "tagging", "PutObjectTagging"),
    ("PUT", true, "uploadId", "UploadPart"),
    ("PUT", false, "accelerate", "PutAccelerateConfiguration"),
    ("PUT", false, "object-lock", "PutBucketObjectLockConfiguration"),
    ("PUT", false, "requestPayment", "PutBucketRequestPayment"),
    ("PUT", false, "analytics", "PutBucketAnalyticsConfiguration"),
    ("PUT", false, "intelligent-tiering", "PutBucketIntelligentTieringConfiguration"),
    ("PUT", false, "inventory", "PutBucketInventoryConfiguration"),
    ("PUT", false, "metrics", "PutBucketMetricsConfiguration"),
    ("DELETE", false, "analytics", "DeleteBucketAnalyticsConfiguration"),
    ("DELETE", false, "cors", "DeleteBucketCors"),
    ("DELETE", false, "encryption", "DeleteBucketEncryption"),
    ("DELETE", false, "intelligent-tiering", "DeleteBucketIntelligentTieringConfiguration"),
    ("DELETE", false, "inventory", "DeleteBucketInventoryConfiguration"),
    ("DELETE", false, "lifecycle", "DeleteBucketLifecycle"),
    ("DELETE", false, "metrics", "DeleteBucketMetricsConfiguration"),
    ("DELETE", false, "ownershipControls", "DeleteBucketOwnershipControls"),
    ("DELETE", false, "policy", "DeleteBucketPolicy"),
    ("DELETE", false, "publicAccessBlock", "DeleteBucketPublicAccessBlock"),
    ("DELETE", false, "replication", "DeleteBucketReplication"),
    ("DELETE", false, "website", "DeleteBucketWebsite"),
    ("DELETE", false, "tagging", "DeleteBucketTagging"),
    ("DELETE", true, "tagging", "DeleteObjectTagging"),
    ("DELETE", true, "uploadId", "AbortMultipartUpload"),
    ("POST", false, "delete", "DeleteObjects"),
    ("POST", true, "uploads", "CreateMultipartUpload"),
    ("POST", true, "uploadId", "CompleteMultipartUpload"),
    ("POST", true, "restore", "RestoreObject"),
];

/// What else there is to ask of a bucket (false) or an object (true).
const UNNAMED: [(&str, bool, &str); 6] = [
    ("PUT", false, "CreateBucket"),
    ("PUT", true, "PutObject"),
    ("DELETE", false, "DeleteBucket"),
    ("DELETE", true, "DeleteObject"),
    ("POST", false, "PostObject"),
    ("POST", true, "PostObject"),
];

impl Operation {
    /// True for what changes nothing.
    pub fn is_read(self) -> bool {
        use Operation::{CreateBucket, DeleteBucket, DeleteBucketPolicy, PutBucketPolicy, Write};
        !matches!(self, CreateBucket | DeleteBucket | PutBucketPolicy | DeleteBucketPolicy | Write)
    }
}

impl Asked {
    /// Reads a request. The refusal is for paths and queries that are not encoded text, and for methods that S3 has not.
    pub fn read(request: &HttpRequest) -> Result<Self, S3Error> {
        let invalid = || S3Error::new(400, "InvalidURI", "Couldn't parse the specified URI.");
        let path = decoded(request.path.trim_start_matches('/'), Plus::Itself).ok_or_else(invalid)?;
        let (bucket, key) = path.split_once('/').unwrap_or((&path, ""));
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        let (bucket, key) = (given(bucket), given(key));
        // A key of no bucket would pass for a data event, which is recorded only where a trail asks.
        if bucket.is_none() && key.is_some() {
            return Err(invalid());
        }
        if key.as_ref().is_some_and(|key| key.len() > OBJECT_KEY_BYTES_MAX) {
            return Err(S3Error::new(400, "KeyTooLongError", "Your key is too long"));
        }
        let mut parameters = Vec::new();
        for (count, pair) in request.query.split('&').filter(|pair| !pair.is_empty()).enumerate() {
            // What is left out could be what the request is about.
            if count == PARAMETERS_MAX {
                return Err(invalid());
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let text = |text| decoded(text, Plus::Blank).ok_or_else(invalid);
            parameters.push((text(name)?, text(value)?));
        }
        let has = |name: &str| parameters.iter().any(|(found, _)| found == name);
        let is_plain = parameters.iter().all(|(name, _)| is_beside_the_resource(name));
        let (operation, name) = operation(&request.method, bucket.is_some(), key.is_some(), is_plain, has)?;
        Ok(Self { operation, name, bucket, key, parameters })
    }

    /// A parameter of the query.
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// True for what CloudTrail records as a data event: what touches objects.
    pub fn is_data(&self) -> bool {
        let of_bucket =
            ["ListObjects", "ListObjectVersions", "ListMultipartUploads", "HeadBucket", "DeleteObjects", "PostObject"];
        self.key.is_some() || of_bucket.contains(&self.name)
    }
}

/// True for a parameter that names no part of a bucket: those of signatures, and what the SDKs add.
fn is_beside_the_resource(name: &str) -> bool {
    let is_amazons = name.get(..6).is_some_and(|start| start.eq_ignore_ascii_case("x-amz-"));
    is_amazons || matches!(name, "x-id" | "AWSAccessKeyId" | "Signature" | "Expires")
}

fn operation(
    method: &str,
    has_bucket: bool,
    has_key: bool,
    is_plain: bool,
    has: impl Fn(&str) -> bool,
) -> Result<(Operation, &'static str), S3Error> {
    let not_allowed =
        || S3Error::new(405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
    let named = NAMED.iter().find(|(of, key, parameter, _)| *of == method && *key == has_key && has(parameter));
    match (method, has_bucket, has_key) {
        ("GET", false, _) => Ok((Operation::ListBuckets, "ListBuckets")),
        (_, false, _) => Err(not_allowed()),
        ("HEAD", true, false) => Ok((Operation::HeadBucket, "HeadBucket")),
        ("HEAD", true, true) => Ok((Operation::HeadObject, "HeadObject")),
        ("GET", true, _) => Ok(match named.map(|(_, _, _, name)| *name) {
            Some("GetBucketLocation") => (Operation::GetBucketLocation, "GetBucketLocation"),
            Some("GetBucketPolicy") => (Operation::GetBucketPolicy, "GetBucketPolicy"),
            Some("GetBucketVersioning") => (Operation::GetBucketVersioning, "GetBucketVersioning"),
            Some(name) => (Operation::OtherRead, name),
            None if has_key => (Operation::GetObject, "GetObject"),
            // CloudTrail has one name for both.
            None if has("list-type") => (Operation::ListObjectsV2, "ListObjects"),
            None => (Operation::ListObjects, "ListObjects"),
        }),
        _ => {
            let unnamed = UNNAMED.iter().find(|(of, key, _)| *of == method && *key == has_key);
            let name = named.map(|(_, _, _, name)| *name).or(unnamed.map(|(_, _, name)| *name));
            let operation = match name {
                // A subresource that is not known here is not the bucket itself.
                Some("CreateBucket") if is_plain => Operation::CreateBucket,
                Some("DeleteBucket") if is_plain => Operation::DeleteBucket,
                Some("PutBucketPolicy") => Operation::PutBucketPolicy,
                Some("DeleteBucketPolicy") => Operation::DeleteBucketPolicy,
                _ => Operation::Write,
            };
            name.map(|name| (operation, name)).ok_or_else(not_allowed)
        }
    }
}
