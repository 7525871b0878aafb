//! `trailwatch verify`: evidence bundles and folders, verified without a server and without a network.

use anyhow::{Context, bail};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use proof::Unproven;
use proof::evidence::{BUNDLE_BYTES_MAX, Report, Trusted};
use proof::folder::Files;
use proof::note::{NOTE_BYTES_MAX, VerifierKey};
use proof::together::Verification;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Most files of a folder.
const FILES_MAX: usize = 10_000_000;
/// Largest file of a folder, bytes.
const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;

/// Says what is proved, what is not, and what is wrong.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  trailwatch verify evidence.json --vkey \"$(cat vkey.txt)\"\n  trailwatch verify trailwatch-data/proofs --checkpoint last-month.checkpoint\n  trailwatch verify ./copy-of-the-bucket\n\nA folder may hold tiles and their checkpoint, and log files and digests of trails. Nothing is fetched.\nExit code 0: nothing is wrong (read what is not proved). 1: something is, or nothing was proved, or what was given was never used."
)]
pub struct VerifyArgs {
    /// Bundles and folders; bundles are compared with the tree of the folder, too
    #[arg(required = true, value_name = "BUNDLE|FOLDER")]
    paths: Vec<PathBuf>,
    /// The public key of the log, from a source that you trust
    #[arg(long, value_name = "VKEY")]
    vkey: Option<String>,
    /// Public key of a witness whose cosignature is to be verified; may be repeated
    #[arg(long = "witness", value_name = "VKEY")]
    witnesses: Vec<String>,
    /// How many of these witnesses must have cosigned, so that no one of them can be alone in having been shown another tree
    #[arg(long, value_name = "NUMBER", requires = "witnesses", default_value_t = 0, hide_default_value = true)]
    quorum: usize,
    /// A checkpoint of the same log that you kept from another time; may be repeated
    #[arg(long = "checkpoint", value_name = "FILE")]
    checkpoints: Vec<PathBuf>,
    /// Public key of the digests: the base64 text of ListPublicKeys, in a file
    #[arg(long, value_name = "FILE")]
    digest_key: Option<PathBuf>,
}

/// Verifies and prints; exit code 1 when anything is wrong.
pub fn run(args: &VerifyArgs) -> anyhow::Result<ExitCode> {
    let report = verify(args)?;
    for (what, lines) in
        [("proved:    ", &report.proved), ("not proved:", &report.open), ("WRONG:     ", &report.wrong)]
    {
        lines.iter().for_each(|line| println!("{what} {line}"));
    }
    let wrong = report.wrong.len();
    println!("{wrong} problem{}", if wrong == 1 { "" } else { "s" });
    Ok(if wrong == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn verify(args: &VerifyArgs) -> anyhow::Result<Report> {
    let key = |text: &String| VerifierKey::parse(text).with_context(|| format!("'{text}' is no public key"));
    let witness = |text: &String| match key(text) {
        Ok(key) if !key.is_witness() => bail!("'{text}' is the key of a log, and no witness's"),
        found => found,
    };
    let mut trusted = Trusted {
        log: args.vkey.as_ref().map(key).transpose()?,
        witnesses: args.witnesses.iter().map(witness).collect::<Result<_, _>>()?,
        ..Trusted::default()
    };
    if args.quorum > trusted.witnesses.len() {
        bail!("--quorum {} needs as many --witness", args.quorum);
    }
    trusted.quorum = args.quorum;
    for path in &args.checkpoints {
        let note = String::from_utf8(read(path, NOTE_BYTES_MAX as u64)?);
        trusted.earlier.push(note.with_context(|| format!("{} is no checkpoint", path.display()))?);
    }
    let digest_key = args.digest_key.as_deref().map(digest_key).transpose()?;
    let mut verification = Verification::new(trusted, digest_key);
    let (folders, bundles): (Vec<_>, Vec<_>) = args.paths.iter().partition(|path| path.is_dir());
    for path in &bundles {
        verification.announce(&read(path, BUNDLE_BYTES_MAX as u64)?);
    }
    for path in bundles {
        verification.bundle(&read(path, BUNDLE_BYTES_MAX as u64)?);
    }
    for folder in folders {
        verification.folder(&Below(folder.clone()), &list(folder)?);
    }
    Ok(verification.end())
}

fn read(path: &Path, bytes_max: u64) -> anyhow::Result<Vec<u8>> {
    let metadata = fs::metadata(path).with_context(|| format!("read {}", path.display()))?;
    if metadata.len() > bytes_max {
        bail!("{} is too large", path.display());
    }
    fs::read(path).with_context(|| format!("read {}", path.display()))
}

fn digest_key(path: &Path) -> anyhow::Result<Vec<u8>> {
    let text = String::from_utf8(read(path, NOTE_BYTES_MAX as u64)?).unwrap_or_default();
    STANDARD.decode(text.trim()).with_context(|| format!("{} is not a key in base64", path.display()))
}

/// The files below a folder, in order; what begins with a dot is not looked at, and links are not followed.
fn list(folder: &Path) -> anyhow::Result<Vec<String>> {
    let (mut paths, mut folders) = (Vec::new(), vec![String::new()]);
    while let Some(below) = folders.pop() {
        let path = folder.join(&below);
        for entry in path.read_dir().with_context(|| format!("list {}", path.display()))? {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let kind = entry.file_type()?;
            let path = if below.is_empty() { name.clone() } else { format!("{below}/{name}") };
            if name.starts_with('.') {
                continue;
            }
            if kind.is_dir() {
                folders.push(path);
            } else if kind.is_file() {
                paths.push(path);
            }
        }
        if paths.len() > FILES_MAX {
            bail!("{} has more than {FILES_MAX} files", folder.display());
        }
    }
    paths.sort_unstable();
    Ok(paths)
}

/// The files below a folder.
struct Below(PathBuf);

impl Files for Below {
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Unproven> {
        let inside = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        let path = self.0.join(path);
        let failed = |error: std::io::Error| Unproven(format!("{} cannot be read: {error}", path.display()));
        if !inside || !path.is_file() {
            return Ok(None);
        }
        if fs::metadata(&path).map_err(failed)?.len() > FILE_BYTES_MAX {
            return Err(Unproven(format!("{} is too large", path.display())));
        }
        fs::read(&path).map(Some).map_err(failed)
    }
}
