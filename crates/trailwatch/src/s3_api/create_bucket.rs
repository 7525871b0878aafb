//! CreateBucket: a bucket of the caller's account, in the region that the body names, or else the caller's.
//!
//! As on AWS a second call of the owner is fine in us-east-1 and refused elsewhere. Unlike there any region may be named from any
//! other, for all are here. ACLs, object lock and ownership are not kept, so headers that ask for them are passed over.

use super::error::S3Error;
use super::reply::Reply;
use crate::buckets::{ServerBuckets, is_bucket_name};
use crate::config::is_region;
use catalog::BucketCreated;
use model::Scope;
use model::buckets::BucketError;
use roxmltree::{Document, ParsingOptions};

/// Longest body (no AWS source); it names a region.
const BODY_BYTES_MAX: usize = 64 * 1024;
/// Most nodes of it.
const NODES_MAX: u32 = 1000;

/// Makes a bucket; it blocks.
pub fn create_bucket(buckets: &ServerBuckets, scope: &Scope, name: &str, body: &[u8]) -> Result<Reply, S3Error> {
    if !is_bucket_name(name) {
        return Err(S3Error::new(400, "InvalidBucketName", "The specified bucket is not valid."));
    }
    let region = region(body)?.unwrap_or_else(|| scope.region.clone());
    let wanted = Scope { account: scope.account.clone(), region };
    let created = buckets.create(&wanted, name).map_err(|error| match error {
        BucketError::AccessDenied => {
            S3Error::new(403, "AccessDenied", "Access Denied: buckets are behind an S3 endpoint, and are made there")
        }
        error => error.into(),
    })?;
    match created {
        BucketCreated::Created => {}
        BucketCreated::Exists(bucket) if bucket.account != scope.account => {
            let message = "The requested bucket name is not available. The bucket namespace is shared by all users of \
                           the system. Please select a different name and try again.";
            return Err(S3Error::new(409, "BucketAlreadyExists", message));
        }
        BucketCreated::Exists(bucket) if bucket.region == "us-east-1" && wanted.region == "us-east-1" => {}
        BucketCreated::Exists(_) => {
            let message = "Your previous request to create the named bucket succeeded and you already own it.";
            return Err(S3Error::new(409, "BucketAlreadyOwnedByYou", message));
        }
        BucketCreated::TooMany => {
            let message = "You have attempted to create more buckets than allowed";
            return Err(S3Error::new(400, "TooManyBuckets", message));
        }
    }
    Ok(Reply { status: 200, headers: vec![("location".into(), format!("/{name}"))], ..Reply::default() })
}

/// The region that the body asks for.
fn region(body: &[u8]) -> Result<Option<String>, S3Error> {
    if body.iter().all(u8::is_ascii_whitespace) {
        return Ok(None);
    }
    let malformed = || {
        let message = "The XML you provided was not well-formed or did not validate against our published schema";
        S3Error::new(400, "MalformedXML", message)
    };
    let text = Some(body).filter(|body| body.len() <= BODY_BYTES_MAX).and_then(|body| std::str::from_utf8(body).ok());
    let options = ParsingOptions { allow_dtd: false, nodes_limit: NODES_MAX, ..ParsingOptions::default() };
    let document = Document::parse_with_options(text.ok_or_else(malformed)?, options).map_err(|_| malformed())?;
    let root = document.root_element();
    if root.tag_name().name() != "CreateBucketConfiguration" {
        return Err(malformed());
    }
    let constraint = root.children().find(|node| node.tag_name().name() == "LocationConstraint");
    match constraint.and_then(|node| node.text()).map(str::trim) {
        None | Some("") => Ok(None),
        // Its name before it had one.
        Some("EU") => Ok(Some("eu-west-1".into())),
        Some(region) if is_region(region) => Ok(Some(region.to_owned())),
        Some(_) => {
            let message = "The specified location-constraint is not valid";
            Err(S3Error::new(400, "InvalidLocationConstraint", message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_may_name_a_region() {
        let of = |body: &str| region(body.as_bytes()).map_err(|error| error.code);
        let within = |inner: &str| format!("<CreateBucketConfiguration xmlns='u'>{inner}</CreateBucketConfiguration>");
        assert_eq!(of(""), Ok(None));
        assert_eq!(of(&within("")), Ok(None));
        let named = |name: &str| within(&format!("<LocationConstraint>{name}</LocationConstraint>"));
        assert_eq!(of(&named("eu-central-1")), Ok(Some("eu-central-1".into())));
        assert_eq!(of(&named("EU")), Ok(Some("eu-west-1".into())));
        assert_eq!(of(&named("not a region")), Err("InvalidLocationConstraint"));
        let deep = "<a>".repeat(20_000);
        for bad in ["<a/>", "<a", "text", "<!DOCTYPE a><CreateBucketConfiguration/>", deep.as_str()] {
            assert_eq!(of(bad), Err("MalformedXML"));
        }
    }
}
