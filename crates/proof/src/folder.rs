//! A folder, or a bucket that was copied, verified as a whole: every tile against its parents, the checkpoint, and log files.

use crate::Unproven;
use crate::digests;
use crate::evidence::{Report, Trusted};
use crate::merkle::{Hash, Tree, leaf_hash};
use crate::note::{Checkpoint, VerifierKey, verify_checkpoint};
use crate::tile::{Edge, Tile, WIDTH, hashes};
use serde::Deserialize;
use serde_json::value::RawValue;
use std::collections::{BTreeMap, HashSet};

#[cfg(test)]
mod tests;

/// The file of the signed checkpoint, beside `tile/`.
pub const CHECKPOINT: &str = "checkpoint";
/// The file of the log's public key.
pub const VKEY: &str = "vkey";
/// Most delivered records that are looked for among the leaves: 32 bytes and some each.
const RECORDS_MAX: usize = 4_000_000;

/// The files of a folder, by path with `/` between parts.
pub trait Files {
    /// A file; `None` when there is none.
    fn read(&self, path: &str) -> Result<Option<Vec<u8>>, Unproven>;

    /// Asked before each digest, and each file that one names: false ends the verification of digests, and what is not verified is
    /// then said to be open.
    fn goes_on(&self) -> bool {
        true
    }
}

/// Verifies all that is in the folder: `paths` are its files, `digest_key` is the DER of the key of CloudTrail's digests.
pub fn verify(files: &dyn Files, paths: &[String], trusted: &Trusted, digest_key: Option<&[u8]>) -> Report {
    let mut report = Report::default();
    let mut delivered = Delivered::default();
    for path in paths.iter().filter(|path| digests::is_log_file(path)) {
        if let Err(error) = delivered.add(files, path) {
            report.wrong.push(error.0);
        }
    }
    let logs: Vec<&String> = paths.iter().filter(|path| is_checkpoint(path)).collect();
    // What the logs that are right have of the delivered records, by key.
    let mut found: BTreeMap<String, HashSet<Hash>> = BTreeMap::new();
    for path in &logs {
        let log = Log { files, paths, prefix: path.strip_suffix(CHECKPOINT).unwrap_or_default() };
        match log.verify(trusted, &delivered, &mut report) {
            Ok((key, leaves)) => found.entry(key).or_default().extend(leaves),
            Err(error) => report.wrong.push(error.0),
        }
    }
    if logs.is_empty() {
        match paths.iter().find(|path| path.starts_with("tile/") || path.contains("/tile/")) {
            Some(path) => report.wrong.push(format!("{path} is a tile, but its log has no checkpoint")),
            None => report.open.push("events one by one: there are no tiles here".into()),
        }
    } else {
        delivered.report(found, &mut report);
    }
    report.extend(digests::verify(files, paths, digest_key));
    if report.proved.is_empty() && report.wrong.is_empty() {
        let text = "nothing was proved: there are neither tiles of a log nor CloudTrail's digests in this folder";
        report.wrong.push(text.into());
    }
    report
}

fn is_checkpoint(path: &str) -> bool {
    path == CHECKPOINT || path.ends_with("/checkpoint")
}

/// Records of delivered log files, which are looked for among the leaves.
#[derive(Default)]
struct Delivered {
    leaves: HashSet<Hash>,
    records: usize,
    left_out: usize,
}

#[derive(Deserialize)]
struct LogFile<'a> {
    #[serde(rename = "Records", borrow)]
    records: Vec<&'a RawValue>,
}

impl Delivered {
    fn add(&mut self, files: &dyn Files, path: &str) -> Result<(), Unproven> {
        let bytes = files.read(path)?.ok_or_else(|| Unproven(format!("{path} is gone")))?;
        let text = digests::decompressed(path, &bytes)?;
        let file: LogFile<'_> =
            serde_json::from_slice(&text).map_err(|error| Unproven(format!("{path} is no log file: {error}")))?;
        for record in file.records {
            if self.leaves.len() < RECORDS_MAX {
                self.leaves.insert(leaf_hash(record.get().as_bytes()));
                self.records += 1;
            } else {
                self.left_out += 1;
            }
        }
        Ok(())
    }

    /// `found`: what logs have of them, by the key of the log.
    fn report(&mut self, found: BTreeMap<String, HashSet<Hash>>, report: &mut Report) {
        if found.len() > 1 {
            // With a trusted key there is one.
            report.open.push(format!("which of the {} logs here is the one: give its --vkey", found.len()));
        } else {
            for leaf in found.into_values().flatten() {
                self.leaves.remove(&leaf);
            }
        }
        if self.records > 0 && self.leaves.is_empty() {
            report.proved.push(format!("all {} records of the log files are leaves of the tree", self.records));
        } else if !self.leaves.is_empty() {
            report.open.push(format!(
                "{} of {} records of the log files: they are no leaves of this checkpoint's tree (accepted later, or not by this log)",
                self.leaves.len(),
                self.records
            ));
        }
        if self.left_out > 0 {
            report.open.push(format!("{} more records of log files, which were not looked at", self.left_out));
        }
    }
}

/// A log's files below a prefix.
struct Log<'a> {
    files: &'a dyn Files,
    paths: &'a [String],
    prefix: &'a str,
}

impl Log<'_> {
    /// Verifies the log; answers its key, and which of the delivered records are its leaves.
    fn verify(
        &self,
        trusted: &Trusted,
        delivered: &Delivered,
        report: &mut Report,
    ) -> Result<(String, HashSet<Hash>), Unproven> {
        let vkey = match (self.text(VKEY)?, &trusted.log) {
            (Some(vkey), _) => vkey,
            (None, Some(key)) => key.to_string(),
            (None, None) => {
                return Err(Unproven(format!("there is no {}{VKEY}, and no --vkey was given", self.prefix)));
            }
        };
        let key = trusted.key(&vkey, report)?;
        let note = self.text(CHECKPOINT)?.ok_or_else(|| Unproven::new("the checkpoint is gone"))?;
        let checkpoint = trusted.checkpoint(&note, &key, report)?;
        let earlier = earlier(trusted, &key, &checkpoint, report)?;
        let (tiles, found) = self.verify_tiles(&checkpoint.tree, &earlier, delivered)?;
        report
            .proved
            .push(format!("all {tiles} tiles make the tree of {} events that was signed", checkpoint.tree.size));
        report.proved.extend(earlier.keys().map(|size| {
            format!("it begins with the tree of {size} events of an earlier checkpoint: nothing was changed or removed")
        }));
        let beyond = self.verify_other_widths(&checkpoint.tree)?;
        if beyond > 0 {
            report.open.push(format!("{beyond} tiles lie beyond the checkpoint"));
        }
        report.open.push(
            "completeness: the tree shows what was accepted and in which order, not that callers were all recorded"
                .into(),
        );
        Ok((key.to_string(), found))
    }

    /// Grows the tree from its leaves and compares every tile on the way; answers how many there are, and which of the delivered
    /// records are leaves.
    fn verify_tiles(
        &self,
        tree: &Tree,
        earlier: &BTreeMap<u64, Hash>,
        delivered: &Delivered,
    ) -> Result<(u64, HashSet<Hash>), Unproven> {
        let (mut edge, mut tiles, mut found) = (Edge::default(), 0, HashSet::new());
        check_earlier(&edge, earlier)?;
        for number in 0..Tile::count(0, tree.size) {
            let Some(tile) = Tile::of(0, number, tree.size) else { continue };
            let (mut full, leaves) = (Vec::new(), self.tile(&tile)?);
            for leaf in leaves {
                if delivered.leaves.contains(&leaf) {
                    found.insert(leaf);
                }
                edge.push(leaf, &mut |tile, bytes| full.push((tile, bytes)));
                check_earlier(&edge, earlier)?;
            }
            tiles += full.len() as u64;
            full.iter().try_for_each(|(tile, bytes)| self.compare(tile, bytes))?;
        }
        let partial = edge.partial_tiles();
        tiles += partial.len() as u64;
        partial.iter().try_for_each(|(tile, bytes)| self.compare(tile, bytes))?;
        if edge.tree() == *tree {
            Ok((tiles, found))
        } else {
            Err(Unproven(format!("the tiles of {}checkpoint make another root than the signed one", self.prefix)))
        }
    }

    /// Whether a file has the hashes that the tiles below it make.
    fn compare(&self, tile: &Tile, expected: &[u8]) -> Result<(), Unproven> {
        let (found, expected) = (self.tile(tile)?, hashes(tile, expected)?);
        let Some(at) = found.iter().zip(&expected).position(|(found, expected)| found != expected) else {
            return Ok(());
        };
        let (above, at) = (tile.path(), at as u64);
        let number = tile.number * WIDTH + at;
        let below = tile.level.checked_sub(1).map(|level| Tile { level, number, width: 256 }.path());
        let below = below.unwrap_or_else(|| format!("leaf {number}"));
        Err(Unproven(format!("{}{below} does not fit entry {at} of {above}: one of them was changed", self.prefix)))
    }

    /// A tile; where its width is not there, a wider one will do.
    fn tile(&self, tile: &Tile) -> Result<Vec<Hash>, Unproven> {
        let path = format!("{}{}", self.prefix, tile.path());
        if let Some(bytes) = self.files.read(&path)? {
            return hashes(tile, &bytes).map_err(|error| Unproven(format!("{}{error}", self.prefix)));
        }
        let full = Tile { width: 256, ..*tile };
        let bytes = self.files.read(&format!("{}{}", self.prefix, full.path()))?;
        let bytes = bytes.ok_or_else(|| Unproven(format!("{path} is gone")))?;
        let mut wider = hashes(&full, &bytes)?;
        wider.truncate(usize::from(tile.width));
        Ok(wider)
    }

    /// Tiles as they were before they grew must be beginnings of what they are; answers how many lie beyond the tree.
    fn verify_other_widths(&self, tree: &Tree) -> Result<u64, Unproven> {
        let mut beyond = 0;
        for path in self.paths {
            let Some(tile) = path.strip_prefix(self.prefix).and_then(Tile::parse) else { continue };
            let now = Tile::of(tile.level, tile.number, tree.size).filter(|now| now.width >= tile.width);
            let Some(now) = now else {
                beyond += 1;
                continue;
            };
            if now.width > tile.width && !self.tile(&now)?.starts_with(&self.tile(&tile)?) {
                return Err(Unproven(format!("{path} is not the beginning of {}", now.path())));
            }
        }
        Ok(beyond)
    }

    fn text(&self, name: &str) -> Result<Option<String>, Unproven> {
        let path = format!("{}{name}", self.prefix);
        let bytes = self.files.read(&path)?;
        bytes.map(|bytes| String::from_utf8(bytes).map_err(|_| Unproven(format!("{path} is no text")))).transpose()
    }
}

/// Roots of earlier trees by size, verified.
fn earlier(
    trusted: &Trusted,
    key: &VerifierKey,
    checkpoint: &Checkpoint,
    report: &mut Report,
) -> Result<BTreeMap<u64, Hash>, Unproven> {
    let mut roots = BTreeMap::new();
    for note in &trusted.earlier {
        let Tree { size, root } = verify_checkpoint(note, key, &trusted.witnesses)?.tree;
        report.checkpoints.push((key.to_string(), Tree { size, root }));
        if size > checkpoint.tree.size {
            report.wrong.push(format!(
                "a checkpoint over {size} events was signed, but the tree here has {}: it was cut back, or is older",
                checkpoint.tree.size
            ));
        } else if roots.insert(size, root).is_some_and(|other| other != root) {
            return Err(Unproven(format!("there are two different trees of {size} events: the log was forked")));
        }
    }
    Ok(roots)
}

fn check_earlier(edge: &Edge, earlier: &BTreeMap<u64, Hash>) -> Result<(), Unproven> {
    match earlier.get(&edge.size()) {
        Some(root) if edge.tree().root != *root => {
            Err(Unproven(format!("the tree of {} events is not the one that was signed earlier", edge.size())))
        }
        _ => Ok(()),
    }
}
