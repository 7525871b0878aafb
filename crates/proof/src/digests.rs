//! CloudTrail's log files and digests in a folder: hashes, chains, and gaps between digests.
//!
//! Format: <https://docs.aws.amazon.com/awscloudtrail/latest/userguide/cloudtrail-log-file-validation-digest-file-structure.html>.
//! A digest names the log files of its hour with their hashes, and the digest before with its hash and signature. `aws cloudtrail
//! validate-logs` follows the names and takes a digest that names none for the start of a chain; here the times are compared as
//! well, so that digests which are gone leave a gap that is seen even where no name leads to them.
//!
//! The signature of a digest is in metadata that a folder does not have, but the next digest repeats it: with the public key
//! all but the last of a chain are verified. A digest that names none before it ends a chain and begins another, whoever wrote it; so
//! each chain has a last digest of its own, and what is not signed as far as can be seen is not proved.

use crate::Unproven;
use crate::evidence::Report;
use crate::folder::Files;
use crate::note::hex;
use ring::signature::{RSA_PKCS1_2048_8192_SHA256, UnparsedPublicKey};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::io::Read;

#[cfg(test)]
mod tests;

/// Largest file after decompression, bytes.
const FILE_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Largest digest after decompression, bytes: of one hour, with less than 500 bytes for each of its files.
const DIGEST_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Longest key of an object, in S3 as well, and longest time, bytes.
const KEY_BYTES_MAX: usize = 1024;
const TIME_BYTES_MAX: usize = 64;

/// What is used of a digest. The files that it names are read when it is their turn: a digest may name very many.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    digest_start_time: String,
    digest_end_time: String,
    digest_s3_bucket: String,
    digest_s3_object: String,
    previous_digest_s3_object: Option<String>,
    previous_digest_hash_value: Option<String>,
    previous_digest_signature: Option<String>,
}

/// The rest of it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Names {
    #[serde(default)]
    log_files: Vec<LogFile>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "camelCase")]
struct LogFile {
    s3_object: String,
    hash_value: String,
}

/// A digest and where it lies.
struct Digest {
    path: String,
    hash: String,
    body: Body,
}

/// Verifies all digests among the paths and the log files that they name. `key` is the DER of the RSA key that signed them, as
/// ListPublicKeys answers it.
pub fn verify(files: &dyn Files, paths: &[String], key: Option<&[u8]>) -> Report {
    let mut report = Report::default();
    let mut chains: BTreeMap<String, Vec<Digest>> = BTreeMap::new();
    let mut is_ended = false;
    for path in paths.iter().filter(|path| is_digest(path)) {
        if !files.goes_on() {
            is_ended = true;
            break;
        }
        match read(files, path) {
            Ok(digest) => chains.entry(chain(path)).or_default().push(digest),
            Err(error) => report.wrong.push(error.0),
        }
    }
    let mut log_files = LogFiles::default();
    for digests in chains.values_mut() {
        digests.sort_by(|a, b| a.body.digest_end_time.cmp(&b.body.digest_end_time));
        let signed = verify_chain(digests, key, &mut report);
        for digest in digests.iter() {
            let is_open = key.is_some() && !signed.contains(digest.path.as_str());
            is_ended = is_ended || !log_files.verify(files, digest, is_open, &mut report);
        }
        report.signatures += signed.len();
    }
    if is_ended {
        report.open.push("digests and log files that were not reached: the verification was ended before".into());
        return report;
    }
    let uncovered = paths.iter().filter(|path| is_log_file(path) && !log_files.hashes.contains_key(*path)).count();
    if uncovered > 0 {
        report.open.push(format!("{uncovered} log files: no digest names them (those of the last hour have none yet)"));
    }
    report
}

/// True for the path of a digest.
fn is_digest(path: &str) -> bool {
    is_of(path, "CloudTrail-Digest")
}

/// True for the path of a log file.
pub fn is_log_file(path: &str) -> bool {
    is_of(path, "CloudTrail")
}

/// True for a file below a folder of this name, and, where the path begins within that folder, for one that is named after it.
fn is_of(path: &str, kind: &str) -> bool {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let is_named = || name.split('_').nth(1) == Some(kind);
    name.ends_with(".json.gz") && (folder.split('/').any(|part| part == kind) || is_named())
}

/// Which chain a digest is of: all of its path but the time.
fn chain(path: &str) -> String {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    // Year, month and day are left out, also where the path begins with one of them.
    let above = folder.rsplitn(4, '/').nth(3).unwrap_or_default();
    let stem = name.trim_end_matches(".json.gz");
    let (stem, kind) = stem.strip_suffix("_backfill").map_or((stem, ""), |stem| (stem, "_backfill"));
    format!("{above}/{}{kind}", stem.rsplit_once('_').map_or(stem, |(stem, _)| stem))
}

/// The bytes of a gzip file, whole, with nothing behind them.
pub fn decompressed(path: &str, bytes: &[u8]) -> Result<Vec<u8>, Unproven> {
    decompressed_to(FILE_BYTES_MAX, path, bytes)
}

fn decompressed_to(bytes_max: u64, path: &str, bytes: &[u8]) -> Result<Vec<u8>, Unproven> {
    let mut decoder = flate2::bufread::GzDecoder::new(bytes);
    let mut text = Vec::new();
    let read = (&mut decoder).take(bytes_max + 1).read_to_end(&mut text);
    read.map_err(|error| Unproven(format!("{path} cannot be decompressed: {error}")))?;
    if text.len() as u64 > bytes_max {
        return Err(Unproven(format!("{path} is too large")));
    }
    if !decoder.into_inner().is_empty() {
        return Err(Unproven(format!("{path} has bytes behind its end")));
    }
    Ok(text)
}

fn read(files: &dyn Files, path: &str) -> Result<Digest, Unproven> {
    let text = text_of(files, path)?;
    let body: Body = parsed(path, &text)?;
    let Body { digest_start_time, digest_end_time, digest_s3_object, previous_digest_s3_object, .. } = &body;
    let are_short = digest_start_time.len().max(digest_end_time.len()) <= TIME_BYTES_MAX
        && digest_s3_object.len().max(previous_digest_s3_object.as_ref().map_or(0, String::len)) <= KEY_BYTES_MAX;
    if !are_short {
        return Err(Unproven(format!("{path} is no digest: its times or keys are too long")));
    }
    if !is_at(path, &body.digest_s3_object) {
        return Err(Unproven(format!("{path} says that it is {}", body.digest_s3_object)));
    }
    Ok(Digest { path: path.to_owned(), hash: hex(&Sha256::digest(&text)), body })
}

/// The text of a digest.
fn text_of(files: &dyn Files, path: &str) -> Result<Vec<u8>, Unproven> {
    let bytes = files.read(path)?.ok_or_else(|| Unproven(format!("{path} is gone")))?;
    decompressed_to(DIGEST_BYTES_MAX, path, &bytes)
}

fn parsed<'a, T: Deserialize<'a>>(path: &str, text: &'a [u8]) -> Result<T, Unproven> {
    serde_json::from_slice(text).map_err(|error| Unproven(format!("{path} is no digest: {error}")))
}

/// True when a path of the folder is that of an object: the folder may be a part of the bucket, or hold the bucket in a folder.
fn is_at(path: &str, object: &str) -> bool {
    let ends = |long: &str, short: &str| {
        long.strip_suffix(short).is_some_and(|before| before.is_empty() || before.ends_with('/'))
    };
    ends(path, object) || ends(object, path)
}

/// The path in the folder of an object that a digest names; `None` where the folder is a part of the bucket that has no such objects.
fn path_of(digest: &Digest, object: &str) -> Option<String> {
    let (path, own) = (&digest.path, &digest.body.digest_s3_object);
    match (path.strip_suffix(own.as_str()), own.strip_suffix(path.as_str())) {
        (Some(above), _) => Some(format!("{above}{object}")),
        (None, Some(cut)) => object.strip_prefix(cut).map(str::to_owned),
        (None, None) => Some(object.to_owned()),
    }
}

/// Verifies the digests of one kind, in order of time, chain by chain; answers the paths of those whose signature was verified.
fn verify_chain<'a>(digests: &'a [Digest], key: Option<&[u8]>, report: &mut Report) -> HashSet<&'a str> {
    let (mut signed, mut chain) = (HashSet::new(), 0);
    if let Some(first) = digests.first()
        && let Some(object) = &first.body.previous_digest_s3_object
    {
        report.open.push(format!("digests before {}: it follows {object}, which is not there", first.path));
    }
    for (at, digest) in digests.iter().enumerate() {
        let Some(next) = digests.get(at + 1) else {
            end_chain(&digests[chain..], &signed, key, report);
            continue;
        };
        match link(digest, next) {
            Link::Follows => match (key, &next.body.previous_digest_signature) {
                (Some(key), Some(signature)) if is_signed(digest, signature, key) => {
                    signed.insert(digest.path.as_str());
                    continue;
                }
                (Some(_), _) => report.wrong.push(format!("the signature of {} is wrong", digest.path)),
                (None, _) => continue,
            },
            Link::Restart(text) => {
                report.open.push(text);
                end_chain(&digests[chain..=at], &signed, key, report);
            }
            Link::Broken(text) => report.wrong.push(text),
        }
        chain = at + 1;
    }
    signed
}

/// How a digest follows the one before.
enum Link {
    Follows,
    /// It names none.
    Restart(String),
    Broken(String),
}

fn link(before: &Digest, digest: &Digest) -> Link {
    let (end, start, path) = (&before.body.digest_end_time, &digest.body.digest_start_time, &digest.path);
    match &digest.body.previous_digest_s3_object {
        None if start == end => {
            Link::Broken(format!("{path} names no digest before it, but {} ends where it begins", before.path))
        }
        None => Link::Restart(format!("what was logged between {end} and {start}: {path} starts a new chain")),
        Some(_) if start != end => Link::Broken(format!(
            "digests are missing between {end} and {start}: {} and {path} do not meet",
            before.path
        )),
        Some(object) if path_of(digest, object).as_deref() != Some(before.path.as_str()) => {
            Link::Broken(format!("{path} follows {object}, which is not there"))
        }
        Some(_) if digest.body.previous_digest_hash_value.as_deref() != Some(before.hash.as_str()) => {
            Link::Broken(format!("{} is not the digest that {path} follows: it was changed", before.path))
        }
        Some(_) => Link::Follows,
    }
}

/// Says what a chain proves, whose digests follow each other: all but the last are hashed, and may be signed.
fn end_chain(chain: &[Digest], signed: &HashSet<&str>, key: Option<&[u8]>, report: &mut Report) {
    let (Some(first), Some(last)) = (chain.first(), chain.last()) else { return };
    if chain.len() > 1 {
        report.proved.push(format!(
            "{} digests follow each other from {} to {}, each naming the one before by its hash",
            chain.len(),
            first.body.digest_start_time,
            last.body.digest_end_time
        ));
    }
    let before = chain.iter().filter(|digest| signed.contains(digest.path.as_str())).count();
    report.open.push(match key {
        Some(_) => format!(
            "the signature of {}, the last of its chain: it is in metadata ({before} signatures before it are right)",
            last.path
        ),
        None => format!("signatures of digests up to {}: no --digest-key was given", last.path),
    });
}

fn is_signed(digest: &Digest, signature: &str, key: &[u8]) -> bool {
    let Body { digest_end_time, digest_s3_bucket, digest_s3_object, previous_digest_signature, .. } = &digest.body;
    let previous = previous_digest_signature.as_deref().unwrap_or("null");
    let message = format!("{digest_end_time}\n{digest_s3_bucket}/{digest_s3_object}\n{}\n{previous}", digest.hash);
    let Some(signature) = unhex(signature) else { return false };
    UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, key).verify(message.as_bytes(), &signature).is_ok()
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    let byte = |pair: &[u8; 2]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    pairs.iter().map(byte).collect::<Option<Vec<u8>>>().filter(|_| rest.is_empty())
}

/// Log files that digests name.
#[derive(Default)]
struct LogFiles {
    /// What each was found to hold, by path: a file is read once, however often it is named.
    hashes: HashMap<String, Result<String, Unproven>>,
}

impl LogFiles {
    /// Verifies the files that a digest names; false when the verification was ended. `is_open`: nothing shows that the digest was
    /// signed, so they prove nothing either.
    fn verify(&mut self, files: &dyn Files, digest: &Digest, is_open: bool, report: &mut Report) -> bool {
        let names = match names(files, digest) {
            Ok(names) => names,
            Err(error) => {
                report.wrong.push(error.0);
                return true;
            }
        };
        let (mut right, mut outside) = (0, 0);
        for LogFile { s3_object, hash_value } in &names {
            if !files.goes_on() {
                return false;
            }
            if s3_object.len() > KEY_BYTES_MAX {
                report.wrong.push(format!("{} names a file by a key that is too long", digest.path));
                continue;
            }
            let Some(path) = path_of(digest, s3_object) else {
                outside += 1;
                continue;
            };
            match self.hash(files, digest, &path) {
                Ok(hash) if hash == *hash_value => right += 1,
                Ok(_) => report.wrong.push(format!("{path} was changed: {} has another hash", digest.path)),
                Err(error) => report.wrong.push(error.0),
            }
        }
        if outside > 0 {
            let text = format!("{outside} log files that {} names: they lie outside of this folder", digest.path);
            report.open.push(text);
        }
        if right > 0 && right + outside == names.len() {
            if is_open {
                let text = format!("{right} log files: {} names them, whose signature was not verified", digest.path);
                report.open.push(text);
            } else {
                report.proved.push(format!("{right} log files are as {} has them", digest.path));
            }
        }
        true
    }

    /// What a file holds, as a hash.
    fn hash(&mut self, files: &dyn Files, digest: &Digest, path: &str) -> Result<String, Unproven> {
        if let Some(known) = self.hashes.get(path) {
            return known.clone();
        }
        let found = files.read(path).and_then(|bytes| {
            let bytes = bytes.ok_or_else(|| Unproven(format!("{path} is gone, which {} names", digest.path)))?;
            Ok(hex(&Sha256::digest(decompressed(path, &bytes)?)))
        });
        self.hashes.insert(path.to_owned(), found.clone());
        found
    }
}

/// The files that a digest names, each pair of name and hash once.
fn names(files: &dyn Files, digest: &Digest) -> Result<BTreeSet<LogFile>, Unproven> {
    let text = text_of(files, &digest.path)?;
    if hex(&Sha256::digest(&text)) != digest.hash {
        return Err(Unproven(format!("{} was changed while it was verified", digest.path)));
    }
    let Names { log_files } = parsed(&digest.path, &text)?;
    Ok(log_files.into_iter().collect())
}
