//! Keys of delivered files, as CloudTrail lays them out. Pure.
//!
//! <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/get-and-view-cloudtrail-log-files.html>: `[prefix/]AWSLogs/[o-…/]
//! ACCOUNT/CloudTrail/REGION/YYYY/MM/DD/ACCOUNT_CloudTrail_REGION_YYYYMMDDTHHmmZ_16CHARACTERS.json.gz`.

use model::Timestamp;
use uuid::Uuid;

/// What a key may be made of.
const CHARACTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
/// How many random characters end a name.
const RANDOM_CHARS: usize = 16;

/// Whose files, and below what.
#[derive(Debug, Clone, Copy)]
pub struct Folder<'a> {
    /// The trail's prefix; slashes at its ends do not count.
    pub prefix: Option<&'a str>,
    /// The organization, where the trail is one of an organization.
    pub organization: Option<&'a str>,
    /// The account of the events.
    pub account: &'a str,
}

impl Folder<'_> {
    /// Where all of an account's files of one kind are: `CloudTrail`, `CloudTrail-Digest`, `CloudTrail-Insight`; ends in a slash.
    pub fn of(&self, kind: &str) -> String {
        let part = |text: Option<&str>| {
            let text = text.map(|text| text.trim_matches('/')).filter(|text| !text.is_empty());
            text.map(|text| format!("{text}/")).unwrap_or_default()
        };
        format!("{}AWSLogs/{}{}/{kind}/", part(self.prefix), part(self.organization), self.account)
    }

    /// The key of a file of log records of one kind.
    pub fn log_file(&self, kind: &str, region: &str, at: Timestamp, id: Uuid) -> String {
        let time = at.iso_seconds();
        // `2026-01-02T03:04:05Z`.
        let (date, clock) = time.split_once('T').unwrap_or((&time, ""));
        let minute: String = clock.chars().filter(char::is_ascii_digit).take(4).collect();
        let (days, day) = (date.replace('-', "/"), date.replace('-', ""));
        let (folder, account) = (self.of(kind), self.account);
        format!("{folder}{region}/{days}/{account}_{kind}_{region}_{day}T{minute}Z_{}.json.gz", random(id))
    }
}

/// The kind of the files that events of a category go into.
pub fn kind(category: &str) -> &'static str {
    match category {
        "Insight" => "CloudTrail-Insight",
        "NetworkActivity" => "CloudTrail-NetworkActivity",
        "Aggregated" => "CloudTrail-Aggregated",
        _ => "CloudTrail",
    }
}

/// The kind of a file of log records, from its key.
pub fn kind_of(key: &str) -> &str {
    let name = key.rsplit('/').next().unwrap_or_default();
    name.split('_').nth(1).unwrap_or("CloudTrail")
}

/// The sixteen characters that tell files of a minute apart.
fn random(id: Uuid) -> String {
    let base = CHARACTERS.len() as u128;
    let digits = std::iter::successors(Some(id.as_u128()), |rest| Some(rest / base));
    digits.take(RANDOM_CHARS).map(|rest| char::from(CHARACTERS[(rest % base) as usize])).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_laid_out_as_cloudtrail_does() {
        let at = Timestamp::parse_iso("2026-01-02T03:04:05Z").unwrap();
        let plain = Folder { prefix: None, organization: None, account: "123456789012" };
        assert_eq!(
            plain.log_file("CloudTrail", "us-east-2", at, Uuid::from_u128(1)),
            "AWSLogs/123456789012/CloudTrail/us-east-2/2026/01/02/\
             123456789012_CloudTrail_us-east-2_20260102T0304Z_BAAAAAAAAAAAAAAA.json.gz"
        );
        let insight = plain.log_file(kind("Insight"), "us-east-2", at, Uuid::from_u128(1));
        assert!(insight.starts_with("AWSLogs/123456789012/CloudTrail-Insight/us-east-2/2026/01/02/"), "{insight}");
        assert_eq!(
            (kind_of(&insight), kind("Data"), kind_of("a/b")),
            ("CloudTrail-Insight", "CloudTrail", "CloudTrail")
        );
        let organization = Folder { prefix: Some("/a/b/"), organization: Some("o-exampleorg"), ..plain };
        assert_eq!(organization.of("CloudTrail-Digest"), "a/b/AWSLogs/o-exampleorg/123456789012/CloudTrail-Digest/");
        assert_eq!(Folder { prefix: Some("/"), ..plain }.of("CloudTrail"), "AWSLogs/123456789012/CloudTrail/");
        assert_ne!(random(Uuid::from_u128(u128::MAX)), random(Uuid::from_u128(u128::MAX - 1)));
        assert_eq!(random(Uuid::from_u128(u128::MAX)).len(), 16);
    }
}
