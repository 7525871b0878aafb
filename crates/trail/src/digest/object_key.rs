//! Where digest files go in a bucket.
//!
//! The time in a key is that of the digest's end. Keys of digests that were made too late end in `_backfill.json.gz`.

use model::{Scope, Timestamp};

/// A trail, as keys name it.
#[derive(Debug, Clone, Copy)]
pub struct TrailName<'a> {
    /// Account and home region.
    pub home: &'a Scope,
    /// The name.
    pub name: &'a str,
    /// Prefix of all keys of the trail.
    pub prefix: Option<&'a str>,
    /// Id of the organization whose trail it is.
    pub organization: Option<&'a str>,
}

/// Key of the digest of the events of `region` that ends at `end`.
pub fn object_key(trail: TrailName<'_>, region: &str, end: Timestamp, backfill: bool) -> String {
    let (account, home) = (&trail.home.account, &trail.home.region);
    let prefix = trail.prefix.map(|prefix| format!("{prefix}/")).unwrap_or_default();
    let organization = trail.organization.map(|id| format!("{id}/")).unwrap_or_default();
    let time = end.iso_seconds();
    let day = time.split('T').next().unwrap_or_default().replace('-', "/");
    let stamp = time.replace(['-', ':'], "");
    let suffix = if backfill { "_backfill" } else { "" };
    format!(
        "{prefix}AWSLogs/{organization}{account}/CloudTrail-Digest/{region}/{day}/{account}_CloudTrail-Digest_{region}_{}_{home}_{stamp}{suffix}.json.gz",
        trail.name
    )
}
