//! A chain of digests: whole, with changed files, and with digests that are gone.

use super::*;
use crate::evidence::Trusted;
use crate::folder;
use flate2::write::GzEncoder;
use serde_json::json;
use std::io::Write;

type Folder = BTreeMap<String, Vec<u8>>;

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(text).unwrap();
    encoder.finish().unwrap()
}

fn digest_path(hour: u32) -> String {
    format!(
        "p/AWSLogs/1/CloudTrail-Digest/us-east-1/2026/01/02/1_CloudTrail-Digest_us-east-1_t_us-east-1_20260102T{hour:02}0000Z.json.gz"
    )
}

fn log_path(hour: u32) -> String {
    format!("p/AWSLogs/1/CloudTrail/us-east-1/2026/01/02/1_CloudTrail_us-east-1_20260102T{hour:02}05Z_x.json.gz")
}

/// Five hours, a log file in each.
fn chain() -> Folder {
    let mut folder = Folder::new();
    let mut previous: Option<(String, String)> = None;
    for hour in 1..=5 {
        let log = format!(r#"{{"Records":[{{"n":{hour}}}]}}"#);
        folder.insert(log_path(hour), gzip(log.as_bytes()));
        let body = json!({
            "digestStartTime": format!("2026-01-02T{:02}:00:00Z", hour - 1),
            "digestEndTime": format!("2026-01-02T{hour:02}:00:00Z"),
            "digestS3Bucket": "b",
            "digestS3Object": digest_path(hour),
            "previousDigestS3Object": previous.as_ref().map(|(path, _)| path),
            "previousDigestHashValue": previous.as_ref().map(|(_, hash)| hash),
            "previousDigestSignature": previous.as_ref().map(|_| "00ff"),
            "logFiles": [{ "s3Object": log_path(hour), "hashValue": hex(&Sha256::digest(log.as_bytes())) }],
        });
        let body = body.to_string().into_bytes();
        previous = Some((digest_path(hour), hex(&Sha256::digest(&body))));
        folder.insert(digest_path(hour), gzip(&body));
    }
    folder
}

fn check(folder: &Folder) -> Report {
    let paths: Vec<String> = folder.keys().cloned().collect();
    folder::verify(folder, &paths, &Trusted::default(), None)
}

#[test]
fn a_whole_chain_is_proved_also_in_a_part_of_the_bucket_and_in_a_copy_of_it() {
    let folder = chain();
    let below = folder.iter().map(|(path, bytes)| (format!("copy/{path}"), bytes.clone())).collect();
    let above = folder.iter().map(|(path, bytes)| (path.trim_start_matches("p/").to_owned(), bytes.clone())).collect();
    for folder in [folder, below, above] {
        let report = check(&folder);
        assert_eq!(report.wrong, Vec::<String>::new());
        let proved = report.proved.join("\n");
        assert!(
            proved.contains("5 digests follow each other from 2026-01-02T00:00:00Z to 2026-01-02T05:00:00Z"),
            "{proved}"
        );
        assert!(proved.contains("1 log files are as"), "{proved}");
        assert!(!report.open.join("\n").contains("no digest names them"), "{report:?}");
    }
}

#[test]
fn two_digests_that_are_gone_leave_a_gap() {
    let mut folder = chain();
    folder.remove(&digest_path(3));
    folder.remove(&digest_path(4));
    let report = check(&folder);
    assert!(report.wrong[0].contains("missing between 2026-01-02T02:00:00Z and 2026-01-02T04:00:00Z"), "{report:?}");
    assert!(report.open.join("\n").contains("2 log files: no digest names them"), "{report:?}");
}

#[test]
fn changed_and_missing_files_are_named() {
    let wrong = |change: &dyn Fn(&mut Folder)| {
        let mut folder = chain();
        change(&mut folder);
        check(&folder).wrong.join("; ")
    };
    assert_eq!(wrong(&|_| {}), "");
    assert!(wrong(&|folder| drop(folder.remove(&log_path(2)))).contains("is gone, which"));
    let other = gzip(br#"{"Records":[]}"#);
    assert!(wrong(&|folder| drop(folder.insert(log_path(2), other.clone()))).contains("has another hash"));
    assert!(wrong(&|folder| folder.get_mut(&log_path(2)).unwrap().push(0)).contains("bytes behind its end"));
    let moved = |folder: &mut Folder| {
        let digest = folder[&digest_path(2)].clone();
        folder.insert(digest_path(3), digest);
    };
    assert!(wrong(&moved).contains("says that it is"));
    let changed = |folder: &mut Folder| {
        let text = decompressed("x", &folder[&digest_path(2)]).unwrap();
        let text = String::from_utf8(text).unwrap().replace("\"b\"", "\"c\"");
        folder.insert(digest_path(2), gzip(text.as_bytes()));
    };
    assert!(wrong(&changed).contains("it was changed"));
}
