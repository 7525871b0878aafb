//! The contents and names of files: what is written, and what of it is durable.

use crate::machine::Machine;
use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

/// Blocks are small, so that small files have several.
const BLOCK_BYTES: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Files {
    pub contents: Vec<Content>,
    pub names: BTreeMap<PathBuf, usize>,
    pub durable_names: BTreeMap<PathBuf, usize>,
    /// Changes of names since their folder was synced; each happens as a whole.
    pub pending: Vec<Vec<(PathBuf, Option<usize>)>>,
    pub room: Option<u64>,
    pub sync_fails: bool,
    pub sync_lies: bool,
}

#[derive(Debug, Default)]
pub(super) struct Content {
    pub bytes: Vec<u8>,
    /// How many of the bytes are durable.
    pub durable: usize,
    /// A sync failed: what was not durable then never will be.
    pub lost: bool,
}

impl Files {
    pub fn used(&self) -> u64 {
        let mut contents: Vec<usize> = self.names.values().copied().collect();
        contents.sort_unstable();
        contents.dedup();
        contents.into_iter().map(|content| self.contents[content].bytes.len() as u64).sum()
    }

    pub fn at(&self, path: &Path) -> io::Result<usize> {
        self.names.get(path).copied().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    pub fn content(&mut self, path: &Path) -> io::Result<&mut Content> {
        let at = self.at(path)?;
        Ok(&mut self.contents[at])
    }

    /// Makes the names in a folder durable.
    pub fn sync_names(&mut self, synced: &Path) {
        let (here, elsewhere): (Vec<_>, Vec<_>) = std::mem::take(&mut self.pending)
            .into_iter()
            .partition(|change| change.iter().any(|(path, _)| folder(path) == synced));
        self.pending = elsewhere;
        here.iter().for_each(|change| apply(&mut self.durable_names, change));
    }
}

pub(super) fn apply(names: &mut BTreeMap<PathBuf, usize>, change: &[(PathBuf, Option<usize>)]) {
    for (path, content) in change {
        match content {
            Some(content) => names.insert(path.clone(), *content),
            None => names.remove(path),
        };
    }
}

/// What a power failure leaves of a file of which `durable` bytes are durable.
pub(super) fn what_is_left(machine: &Machine, bytes: &[u8], durable: usize) -> Vec<u8> {
    let (kept, tail) = bytes.split_at(durable.min(bytes.len()));
    let mut left = kept.to_vec();
    if tail.is_empty() {
        return left;
    }
    match machine.below(4) {
        0 => {}
        1 => left.extend_from_slice(tail),
        2 => left.extend_from_slice(&tail[..machine.below(tail.len() as u64) as usize]),
        _ => {
            for block in tail.chunks(BLOCK_BYTES) {
                match machine.below(3) {
                    0 => left.extend_from_slice(block),
                    1 => left.resize(left.len() + block.len(), 0),
                    _ => left.extend(block.iter().map(|_| machine.below(256) as u8)),
                }
            }
        }
    }
    left
}

pub(super) fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}
