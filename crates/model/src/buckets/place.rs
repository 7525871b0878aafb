//! `Place`: a bucket and how keys in it begin, as ARNs and URIs name it: `arn:aws:s3:::BUCKET/PREFIX`, `s3://BUCKET/PREFIX`.

use super::is_key;
use crate::arn::Arn;

/// A bucket, and how keys begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    /// The bucket's name; never empty.
    pub bucket: &'a str,
    /// Without the slash at its end; empty when keys begin with nothing.
    pub prefix: &'a str,
}

impl<'a> Place<'a> {
    /// Of `arn:aws:s3:::BUCKET` or `arn:aws:s3:::BUCKET/PREFIX`. An ARN with a region or an account, as those of access points
    /// have them, is none.
    pub fn of_arn(text: &'a str) -> Option<Self> {
        let arn = Arn::parse(text)?;
        let is_bucket = arn.service == "s3" && arn.region.is_empty() && arn.account.is_empty();
        is_bucket.then_some(arn.resource).and_then(Self::of_path)
    }

    /// Of `s3://BUCKET` or `s3://BUCKET/PREFIX`.
    pub fn of_uri(text: &'a str) -> Option<Self> {
        text.strip_prefix("s3://").and_then(Self::of_path)
    }

    fn of_path(path: &'a str) -> Option<Self> {
        let (bucket, folder) = path.split_once('/').unwrap_or((path, ""));
        let prefix = folder.strip_suffix('/').unwrap_or(folder);
        let is_place = !bucket.is_empty() && (folder.is_empty() || is_key(prefix));
        is_place.then_some(Self { bucket, prefix })
    }

    /// The key of this name below the prefix.
    pub fn key(&self, name: &str) -> String {
        if self.prefix.is_empty() { name.to_owned() } else { format!("{}/{name}", self.prefix) }
    }
}
