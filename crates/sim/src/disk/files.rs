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
    /// Where the next write goes: behind the bytes, but in a file that is written over.
    pub end: usize,
    /// How many of the bytes are durable.
    pub durable: usize,
    /// What a file that is written over was before: durable where nothing else is.
    pub below: Vec<u8>,
    /// A sync failed: what was not durable then never will be.
    pub lost: bool,
}

impl Content {
    /// A file of which everything is durable.
    pub fn durable(bytes: Vec<u8>) -> Self {
        Self { end: bytes.len(), durable: bytes.len(), bytes, ..Self::default() }
    }

    /// Writes where the last write ended.
    pub fn write(&mut self, bytes: &[u8]) {
        let over = bytes.len().min(self.bytes.len() - self.end);
        self.bytes[self.end..self.end + over].copy_from_slice(&bytes[..over]);
        self.bytes.extend_from_slice(&bytes[over..]);
        self.end += bytes.len();
    }

    /// Ends the file.
    pub fn cut(&mut self, len: usize) {
        self.bytes.resize(len, 0);
        self.below.truncate(len);
        self.end = len;
    }
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

/// What a power failure leaves of a file.
pub(super) fn what_is_left(machine: &Machine, content: &Content) -> Vec<u8> {
    let Content { bytes, end, durable, below, .. } = content;
    let durable = (*durable).min(*end);
    let mut left = bytes[..durable].to_vec();
    left.extend_from_slice(below.get(durable..).unwrap_or_default());
    let tail = &bytes[durable..*end];
    if tail.is_empty() {
        return left;
    }
    let mut put = |at: usize, block: &[u8]| {
        if left.len() < at + block.len() {
            left.resize(at + block.len(), 0);
        }
        left[at..at + block.len()].copy_from_slice(block);
    };
    match machine.below(4) {
        0 => {}
        1 => put(durable, tail),
        2 => put(durable, &tail[..machine.below(tail.len() as u64) as usize]),
        _ => {
            for (at, block) in tail.chunks(BLOCK_BYTES).enumerate() {
                let at = durable + at * BLOCK_BYTES;
                match machine.below(3) {
                    0 => put(at, block),
                    // What was there before: zeros where nothing was.
                    1 => {
                        let mut before = vec![0; block.len()];
                        let there = below.get(at..).unwrap_or_default();
                        before.iter_mut().zip(there).for_each(|(before, there)| *before = *there);
                        put(at, &before);
                    }
                    _ => put(at, &block.iter().map(|_| machine.below(256) as u8).collect::<Vec<u8>>()),
                }
            }
        }
    }
    left
}

pub(super) fn folder(path: &Path) -> &Path {
    path.parent().unwrap_or(Path::new(""))
}
