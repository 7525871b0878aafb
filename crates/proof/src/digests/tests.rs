//! A chain of digests: whole, with changed files, and with digests that are gone.

use super::*;
use crate::evidence::Trusted;
use crate::folder;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use std::cell::Cell;
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
    let within = |cut: &str| -> Folder {
        folder.iter().map(|(path, bytes)| (path.strip_prefix(cut).unwrap().to_owned(), bytes.clone())).collect()
    };
    for folder in [within(""), below, within("p/"), within("p/AWSLogs/"), within("p/AWSLogs/1/")] {
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
fn a_part_of_the_bucket_that_has_the_digests_alone_says_so_and_misses_none() {
    let cut = "p/AWSLogs/1/CloudTrail-Digest/us-east-1/2026/";
    let digests = |folder: Folder| -> Folder {
        folder.into_iter().filter_map(|(path, bytes)| Some((path.strip_prefix(cut)?.to_owned(), bytes))).collect()
    };
    let report = check(&digests(chain()));
    assert_eq!(report.wrong, Vec::<String>::new());
    assert!(report.proved[0].contains("5 digests follow each other"), "{report:?}");
    assert!(report.open.join("\n").contains("they lie outside of this folder"), "{report:?}");
    let mut folder = chain();
    folder.remove(&digest_path(3));
    assert!(check(&digests(folder)).wrong[0].contains("digests are missing"));
    // The log files alone prove nothing, which must not look like success.
    let logs: Folder = chain().into_iter().filter(|(path, _)| path.contains("/CloudTrail/")).collect();
    assert!(check(&logs).wrong[0].contains("nothing was proved"));
}

#[test]
fn digests_that_name_none_before_them_prove_nothing() {
    // As somebody without the key writes them: each begins a chain, a second behind the end of the one before.
    let mut folder = chain();
    for hour in 1..=5 {
        let text = decompressed("x", &folder[&digest_path(hour)]).unwrap();
        let mut body: serde_json::Value = serde_json::from_slice(&text).unwrap();
        body["digestStartTime"] = json!(format!("2026-01-02T{:02}:00:01Z", hour - 1));
        for name in ["previousDigestS3Object", "previousDigestHashValue", "previousDigestSignature"] {
            body[name] = json!(null);
        }
        folder.insert(digest_path(hour), gzip(body.to_string().as_bytes()));
    }
    let paths: Vec<String> = folder.keys().cloned().collect();
    let report = verify(&folder, &paths, Some(&STANDARD.decode(KEY).unwrap()));
    assert_eq!((&report.proved, report.signatures), (&Vec::new(), 0), "{report:?}");
    for hour in 1..=5 {
        let (signature, log_files) =
            (format!("the signature of {}", digest_path(hour)), format!("{} names them", digest_path(hour)));
        assert!(report.open.iter().any(|line| line.starts_with(&signature)), "{report:?}");
        assert!(report.open.iter().any(|line| line.contains(&log_files)), "{report:?}");
    }
    let mut verification = crate::together::Verification::new(Trusted::default(), STANDARD.decode(KEY).ok());
    verification.folder(&folder, &paths);
    assert!(verification.end().wrong[0].contains("no signature was verified"));
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

/// Public half of an RSA key of 2048 bits that signed the first digest below, as ListPublicKeys answers it.
const KEY: &str = concat!(
    "MIIBCgKCAQEAupuuaUjnH90Qkvv4ebkB37p7go/603u87Sumf/gNILE7NQtE9qSuDb+2pryb2PUq3vR0drj8v5UL+fTBG2w7t776",
    "qliXbok7YesovV97dlnPwAVSLSoajQQD475U4LXUORe51a7PtmAWiDVVHx+VbNq6UrdsKuNDNRpwM6DztsitwGlvNfdYF4xSYnNW",
    "7ybup/rqnnbBgQj4qCSox07dVnAN2etQa9O2Z7IijNklVQ++qR5cEd5t60r+v/SrcBs1+qBuuumhkKsZwcU1kRfWCwAlfET+YrBf",
    "A1vxlRZrHM/T8+SmvI9IWQTteTa258dTHMHBrPfZW2jBfFpzAUzuRQIDAQAB",
);
/// Made with `openssl dgst -sha256 -sign`.
const SIGNATURE: &str = concat!(
    "10553a637c3df512d0c7a64bd75d988c1c76e0554e48a742ff7fd855d58c2e6b9f6eaa20414d7ae25f86bd07546cf7b4e0fc",
    "5942545b4828177739b844dde349d66bd7a8fa38820f468dcfdde4cf2a7b456622a48a2365d64010d9f76ce63619f74f478d",
    "18180df3a0a8a8eef5747b7e1636437c8775d9e06e36bf8bbe03950cfdd975267931ec6eb689dc29cd859375f0df8616b424",
    "73e9bfdf4a3359c407ed19a4aad116c7e63957133882b4d948ec47f9f32c790de856886c3a8e3dde092b3a8515c2de42a662",
    "15ffd99335d0e9c069bce1d3c5714e2995662652e4b2d2b40f591f0037a0063473a6718aa598b7fc0c69ee775316ff989f0b",
    "26ae27de4d14",
);

#[test]
fn the_signature_of_a_digest_is_verified_where_the_next_one_repeats_it() {
    let key = STANDARD.decode(KEY).unwrap();
    let first = format!(
        r#"{{"digestStartTime":"2026-01-02T00:00:00Z","digestEndTime":"2026-01-02T01:00:00Z","digestS3Bucket":"b","digestS3Object":"{}"}}"#,
        digest_path(1)
    );
    let check = |signature: &str, key: &[u8]| {
        let next = json!({
            "digestStartTime": "2026-01-02T01:00:00Z",
            "digestEndTime": "2026-01-02T02:00:00Z",
            "digestS3Bucket": "b",
            "digestS3Object": digest_path(2),
            "previousDigestS3Object": digest_path(1),
            "previousDigestHashValue": hex(&Sha256::digest(first.as_bytes())),
            "previousDigestSignature": signature,
        });
        let folder: Folder =
            [(digest_path(1), gzip(first.as_bytes())), (digest_path(2), gzip(next.to_string().as_bytes()))].into();
        let paths: Vec<String> = folder.keys().cloned().collect();
        folder::verify(&folder, &paths, &Trusted::default(), Some(key))
    };
    let report = check(SIGNATURE, &key);
    assert_eq!(report.wrong, Vec::<String>::new());
    assert!(report.open.join("\n").contains("1 signatures before it are right"), "{report:?}");
    let forged = SIGNATURE.replacen(&SIGNATURE[..1], if SIGNATURE.starts_with('0') { "1" } else { "0" }, 1);
    assert!(check(&forged, &key).wrong[0].contains("signature of"));
    assert!(check("no hex", &key).wrong[0].contains("signature of"));
    assert!(check(SIGNATURE, &key[..200]).wrong[0].contains("signature of"));
}

/// A folder that counts what is read of it, and ends after so many files.
struct Counted {
    folder: Folder,
    read: Cell<usize>,
    asked: Cell<usize>,
    asked_max: usize,
}

impl Counted {
    fn new(folder: Folder, asked_max: usize) -> Self {
        Self { folder, read: Cell::new(0), asked: Cell::new(0), asked_max }
    }

    fn check(&self) -> Report {
        let paths: Vec<String> = self.folder.keys().cloned().collect();
        verify(self, &paths, None)
    }
}

impl Files for Counted {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Unproven> {
        self.read.set(self.read.get() + 1);
        self.folder.read(path)
    }

    fn goes_on(&self) -> bool {
        self.asked.set(self.asked.get() + 1);
        self.asked.get() <= self.asked_max
    }
}

/// A digest that names these.
fn forged(log_files: Value) -> Folder {
    let body = json!({
        "digestStartTime": "2026-01-02T00:00:00Z", "digestEndTime": "2026-01-02T01:00:00Z", "digestS3Bucket": "b",
        "digestS3Object": digest_path(1), "previousDigestS3Object": null, "logFiles": log_files,
    });
    Folder::from([(digest_path(1), gzip(body.to_string().as_bytes())), (log_path(1), gzip(b"x"))])
}

#[test]
fn a_file_is_read_once_however_often_it_is_named() {
    let right = hex(&Sha256::digest(b"x"));
    let named = |hash: &str| json!({ "s3Object": log_path(1), "hashValue": hash });
    let folder = forged(Value::Array((0..1_000).map(|_| named(&right)).collect()));
    let counted = Counted::new(folder, usize::MAX);
    let report = counted.check();
    assert_eq!((report.wrong.len(), counted.read.get()), (0, 3), "{report:?}");
    assert!(report.proved.join("").contains("1 log files are as"), "{report:?}");

    let folder = forged(Value::Array((0..1_000).map(|n| named(&n.to_string())).collect()));
    let counted = Counted::new(folder, usize::MAX);
    assert_eq!((counted.check().wrong.len(), counted.read.get()), (1_000, 3));
}

#[test]
fn what_is_not_reached_is_open_and_long_names_are_not_repeated() {
    let missing = |n: usize| json!({ "s3Object": log_path(n as u32 + 1), "hashValue": "" });
    let counted = Counted::new(forged(Value::Array((0..1_000).map(missing).collect())), 10);
    let report = counted.check();
    assert!(report.wrong.len() < 10 && counted.read.get() < 12, "{report:?}");
    assert!(report.open.join("").contains("the verification was ended"), "{report:?}");

    let long = "k".repeat(KEY_BYTES_MAX + 1);
    let report = Counted::new(forged(json!([{ "s3Object": long, "hashValue": "" }])), 10).check();
    assert!(report.wrong.len() == 1 && !report.wrong[0].contains(&long), "{report:?}");
    let body = json!({
        "digestStartTime": "", "digestEndTime": "", "digestS3Bucket": "", "digestS3Object": digest_path(1),
        "previousDigestS3Object": long, "logFiles": [],
    });
    let folder = Folder::from([(digest_path(1), gzip(body.to_string().as_bytes()))]);
    assert!(Counted::new(folder, 10).check().wrong[0].contains("too long"));
}
