//! Digests as `aws cloudtrail validate-logs` checks them.

use super::*;
use crate::delivery::key::Folder;
use crate::digest::object_key::{TrailName, object_key};
use crate::digest::sealing::SealingKey;
use crate::digest::signing_key::verifies;
use crate::digest::window::Window;
use model::Scope;

/// Keys are made once: it takes a while.
fn key() -> SigningKey {
    static DER: std::sync::OnceLock<Vec<u8>> = std::sync::OnceLock::new();
    let make = || SigningKey::generate([7; 32]).unwrap().private_der().unwrap().as_ref().to_vec();
    SigningKey::from_der(DER.get_or_init(make)).unwrap()
}

/// Key of a digest of `us-east-1`'s trail.
fn key_of(prefix: Option<&str>, organization: Option<&str>, region: &str, window: Window) -> String {
    let folder = Folder { prefix, organization, account: "123456789012" };
    object_key(folder, TrailName { home_region: "us-east-1", name: "management" }, region, window.end, window.backfill)
}

fn cover<'a>(key: &'a str, window: Window) -> Cover<'a> {
    Cover { account: "123456789012", window, bucket: "logs", key }
}

fn at(text: &str) -> Timestamp {
    Timestamp::parse_iso(text).unwrap()
}

fn window(start: &str, end: &str, backfill: bool) -> Window {
    Window { start: at(start), end: at(end), backfill }
}

#[test]
fn a_digest_says_what_awss_does() {
    let files = vec![
        LogFile::new("logs", "a.json.gz", "aa", at("2026-01-02T03:04:05Z"), at("2026-01-02T03:20:00Z")),
        LogFile::new("logs", "b.json.gz", "bb", at("2026-01-02T03:04:00Z"), at("2026-01-02T03:10:00Z")),
    ];
    let previous = Link { bucket: "logs".into(), key: "before".into(), hash: "cc".into(), signature: "dd".into() };
    let hour = window("2026-01-02T03:00:00Z", "2026-01-02T04:00:00Z", false);
    let key = key();
    let at_key = key_of(Some("p/q"), None, "eu-west-1", hour);
    let signed = sign(cover(&at_key, hour), Some(&previous), files, &key, at("2026-01-02T04:00:01Z")).unwrap();
    let object = "p/q/AWSLogs/123456789012/CloudTrail-Digest/eu-west-1/2026/01/02/\
        123456789012_CloudTrail-Digest_eu-west-1_management_us-east-1_20260102T040000Z.json.gz";
    let fingerprint = key.fingerprint();
    let wanted = format!(
        "{{\"awsAccountId\":\"123456789012\",\"digestStartTime\":\"2026-01-02T03:00:00Z\",\
        \"digestEndTime\":\"2026-01-02T04:00:00Z\",\"digestS3Bucket\":\"logs\",\"digestS3Object\":\"{object}\",\
        \"digestPublicKeyFingerprint\":\"{fingerprint}\",\"digestSignatureAlgorithm\":\"SHA256withRSA\",\
        \"newestEventTime\":\"2026-01-02T03:20:00Z\",\"oldestEventTime\":\"2026-01-02T03:04:00Z\",\
        \"previousDigestS3Bucket\":\"logs\",\"previousDigestS3Object\":\"before\",\"previousDigestHashValue\":\"cc\",\
        \"previousDigestHashAlgorithm\":\"SHA-256\",\"previousDigestSignature\":\"dd\",\"logFiles\":[\
        {{\"s3Bucket\":\"logs\",\"s3Object\":\"a.json.gz\",\"hashValue\":\"aa\",\"hashAlgorithm\":\"SHA-256\",\
        \"newestEventTime\":\"2026-01-02T03:20:00Z\",\"oldestEventTime\":\"2026-01-02T03:04:05Z\"}},\
        {{\"s3Bucket\":\"logs\",\"s3Object\":\"b.json.gz\",\"hashValue\":\"bb\",\"hashAlgorithm\":\"SHA-256\",\
        \"newestEventTime\":\"2026-01-02T03:10:00Z\",\"oldestEventTime\":\"2026-01-02T03:04:00Z\"}}]}}"
    );
    assert_eq!(signed.json, wanted);
    let text = format!("2026-01-02T04:00:00Z\nlogs/{object}\n{}\ndd", hash_hex(wanted.as_bytes()));
    assert!(verifies(key.public_der(), &text, &signed.link.signature));
    assert!(!verifies(key.public_der(), &text.replace("dd", "de"), &signed.link.signature));
    assert_eq!(signed.link.hash, hash_hex(wanted.as_bytes()));
    assert_eq!(
        signed.metadata(),
        [
            ("signature".to_owned(), signed.link.signature.clone()),
            ("signature-algorithm".to_owned(), "SHA256withRSA".to_owned())
        ]
    );
    let object = signed.object().unwrap();
    let mut json = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&object[..]), &mut json).unwrap();
    assert_eq!((json, object), (signed.json.clone(), signed.object().unwrap()));
}

#[test]
fn an_empty_first_digest_has_nulls_and_signs_the_word_null() {
    let key = key();
    let hour = window("2026-01-02T03:59:58Z", "2026-01-02T04:00:00Z", true);
    let made = at("2026-01-02T09:30:00Z");
    let at_key = key_of(None, Some("o-1"), "us-east-1", hour);
    let signed = sign(cover(&at_key, hour), None, Vec::new(), &key, made).unwrap();
    let text = signed.json.clone();
    let nulls = "\"newestEventTime\":null,\"oldestEventTime\":null,\"previousDigestS3Bucket\":null,\
        \"previousDigestS3Object\":null,\"previousDigestHashValue\":null,\"previousDigestHashAlgorithm\":null,\
        \"previousDigestSignature\":null,\"logFiles\":[]}";
    assert!(text.ends_with(nulls), "{text}");
    let object = "AWSLogs/o-1/123456789012/CloudTrail-Digest/us-east-1/2026/01/02/\
        123456789012_CloudTrail-Digest_us-east-1_management_us-east-1_20260102T040000Z_backfill.json.gz";
    assert_eq!(signed.link.key, object);
    let signs = format!("2026-01-02T04:00:00Z\nlogs/{object}\n{}\nnull", signed.link.hash);
    assert!(verifies(key.public_der(), &signs, &signed.link.signature));
    let generated = ("backfill-generation-timestamp".to_owned(), "2026-01-02T09:30:00Z".to_owned());
    assert_eq!(signed.metadata().last(), Some(&generated));
}

#[test]
fn fingerprints_are_those_of_aws() {
    // A key of CloudTrail's, as the user guide shows it.
    let value = "MIIBCgKCAQEAn11L2YZ9h7onug2ILi1MWyHiMRsTQjfWE+pHVRLk1QjfWhirG+lpOa8NrwQ/r7Ah5bNL6HepznOU9XTDSfmmnP97mqyc7z/upfZd\
        S/AHhYcGaz7n6Wc/RRBU6VmiPCrAUojuSk6/GjvA8iOPFsYDuBtviXarvuLPlrT9kAd4Lb+rFfR5peEgBEkhlzc5HuWO7S0y+KunqxX6jQBnXGMtxmPBPP0FylgW\
        GNdFtks/4YSKcgqwH0YDcawP9GGGDAeCIqPWIXDLG1jOjRRzWfCmD0iJUkz8vTsn4hq/5ZxRFE7UBAUiVcGbdnDdvVfhF9C3dQiDq3k7adQIziLT0cShgQIDAQAB";
    let der = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, value).unwrap();
    assert_eq!(signing_key::fingerprint(&der), "8eba5db5bea9b640d1c96a77256fe7f2");
    let key = key();
    assert_eq!((key.fingerprint().len(), key.public_der().len()), (32, 270));
    assert_eq!(
        &key.public_der()[..9],
        &[0x30, 0x82, 0x01, 0x0a, 0x02, 0x82, 0x01, 0x01, 0x00],
        "RSAPublicKey of 2048 bits"
    );
    assert_eq!(&key.public_der()[265..], &[0x02, 0x03, 0x01, 0x00, 0x01], "exponent 65537");
}

#[test]
fn a_sealed_key_opens_where_it_belongs_only() {
    let (owner, key) = (Scope { account: "123456789012".into(), region: "us-east-1".into() }, key());
    let sealing = SealingKey::new([1; 32]);
    let sealed = sealing.seal(&owner, &key, [9; 24]).unwrap();
    assert!(
        !sealed.windows(16).any(|part| key.private_der().unwrap().as_ref().windows(16).any(|secret| secret == part))
    );
    let opened = sealing.open(&owner, key.public_der(), &sealed).unwrap();
    assert_eq!(opened.sign("text").unwrap(), key.sign("text").unwrap());
    let elsewhere = Scope { region: "eu-west-1".into(), ..owner.clone() };
    assert!(sealing.open(&elsewhere, key.public_der(), &sealed).is_err());
    assert!(SealingKey::new([2; 32]).open(&owner, key.public_der(), &sealed).is_err());
    for cut in [0, 10, 24, sealed.len() - 1] {
        assert!(sealing.open(&owner, key.public_der(), &sealed[..cut]).is_err(), "{cut}");
    }
    let mut changed = sealed;
    changed[40] ^= 1;
    assert!(sealing.open(&owner, key.public_der(), &changed).is_err());
}

#[test]
fn signatures_that_are_none_do_not_verify() {
    let key = key();
    let signature = key.sign("text").unwrap();
    assert_eq!(signature.len(), 512);
    assert!(verifies(key.public_der(), "text", &signature));
    for bad in
        ["", "0", "zz", "é", &signature[..510], &format!("{signature}00"), &signature.replace(&signature[..2], "00")]
    {
        assert!(!verifies(key.public_der(), "text", bad), "{bad}");
    }
    assert!(!verifies(&[], "text", &signature));
    assert!(!verifies(&[0x30], "text", &signature));
}

#[test]
fn windows_end_at_the_hour_or_with_the_chain() {
    const HOUR: i64 = 3_600_000;
    let due = |start: &str, closes: Option<&str>, now: &str| Window::due(at(start), closes.map(at), HOUR, at(now));
    let first = window("2026-01-02T03:20:00Z", "2026-01-02T04:00:00Z", false);
    assert_eq!(due("2026-01-02T03:20:00Z", None, "2026-01-02T04:00:04Z"), None, "not settled");
    assert_eq!(due("2026-01-02T03:20:00Z", None, "2026-01-02T04:00:05Z"), Some(first));
    assert_eq!(due("2026-01-02T03:20:00Z", None, "2026-01-02T04:59:59Z"), Some(first));
    let late = Window { backfill: true, ..first };
    assert_eq!(due("2026-01-02T03:20:00Z", None, "2026-01-02T05:00:00Z"), Some(late));
    let cut = window("2026-01-02T03:20:00Z", "2026-01-02T03:40:00Z", false);
    assert_eq!(due("2026-01-02T03:20:00Z", Some("2026-01-02T03:40:00Z"), "2026-01-02T03:41:00Z"), Some(cut));
    assert_eq!(due("2026-01-02T03:20:00Z", Some("2026-01-02T03:20:00Z"), "2026-01-02T09:00:00Z"), None, "nothing left");
    let second = |now: i64| Window::due(Timestamp(1_000), None, 1_000, Timestamp(now)).map(|window| window.backfill);
    assert_eq!(
        [second(2_099), second(2_100), second(6_999), second(7_000)],
        [None, Some(false), Some(false), Some(true)]
    );
}
