//! Where digest files go in a bucket.
//!
//! The time in a key is that of the digest's end. Keys of digests that were made too late end in `_backfill.json.gz`.

use crate::delivery::key::Folder;
use model::Timestamp;

/// A trail, as names of files say it.
#[derive(Debug, Clone, Copy)]
pub struct TrailName<'a> {
    /// Where it can be changed.
    pub home_region: &'a str,
    /// The name.
    pub name: &'a str,
}

/// Key of the digest of the events of `region` that ends at `end`.
pub fn object_key(folder: Folder<'_>, trail: TrailName<'_>, region: &str, end: Timestamp, backfill: bool) -> String {
    let time = end.iso_seconds();
    let day = time.split('T').next().unwrap_or_default().replace('-', "/");
    let stamp = time.replace(['-', ':'], "");
    let suffix = if backfill { "_backfill" } else { "" };
    let (below, account) = (folder.of("CloudTrail-Digest"), folder.account);
    let TrailName { home_region, name } = trail;
    format!("{below}{region}/{day}/{account}_CloudTrail-Digest_{region}_{name}_{home_region}_{stamp}{suffix}.json.gz")
}
