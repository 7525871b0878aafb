//! The tree of audit events as a log that others can verify: tiles and signed checkpoints, written behind the store.
//!
//! Files (c2sp.org/tlog-tiles): `tile/…`, `checkpoint` and `vkey`, the log's public key. Full tiles are written as the tree grows,
//! tiles that are not full and the checkpoint once a minute, and when a proof needs a newer one. The checkpoint comes last: what it
//! covers is there. Tiles beyond it need not be on the disk yet, so they are synced together, before it is written. After a stop the log
//! goes on from the checkpoint and writes what lies beyond it again, the same bytes. Hashes of leaves, and of the nodes above them within a
//! tile, come from the store's memory, where appending left them; only a log that is behind reads events and hashes again. That takes more
//! than a third of what storing them took, so an import into a data directory writes the log as well, unless it is in a bucket.
//!
//! Tiles outlive the events, so they must be written before events are removed: expiry waits for them (`unproven`), and a reset writes the
//! log before it empties the store. Should events be gone all the same before their hashes were written, the tree cannot be completed: that is an
//! error, in the server's log and in the answers, and nothing is signed. So is a tree that is smaller than the last checkpoint, or another
//! one, as after a backup that is served as it is: to sign it would fork the log. `trailwatch restore` changes the key (`begin_anew`).

pub mod answer;
pub mod command;
pub mod key;
mod place;
#[cfg(test)]
mod stopping;
#[cfg(test)]
pub(crate) mod tests;
pub mod verify;
mod witness;

use crate::config::{Config, WitnessSettings};
use anyhow::Context;
use model::buckets::Buckets;
use place::Place;
use proof::Unproven;
use proof::folder::{CHECKPOINT, VKEY};
use proof::merkle::{Hash, Tree};
use proof::note::{SigningKey, VerifierKey, verify_checkpoint};
use proof::tile::{Edge, Tile, WIDTH, hashes};
use std::io::ErrorKind;
use std::path::Path;
use std::sync::Arc;
use store::Store;
use tokio::sync::Mutex;
use witness::Witness;

/// Folder in the data directory.
pub const FOLDER: &str = "proofs";
/// File in the data directory that says in which bucket the log is instead, to whoever does not know the configuration.
const IN_A_BUCKET: &str = "proofs-are-in";

/// Why there is no proof.
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// Events could not be read.
    #[error("read audit events: {0}")]
    Store(#[from] store::Error),
    /// Files of the log could not be read or written.
    #[error("{0}")]
    Place(String),
    /// The files, or the tree, are not what they were.
    #[error(transparent)]
    Wrong(#[from] Unproven),
    /// A thread was lost.
    #[error("a thread of the log was lost: {0}")]
    Join(#[from] tokio::task::JoinError),
}

/// Has the log of a data directory that was restored go on under a new key, from the tree that was signed last, for the old key may have
/// signed more since. What the old key has signed here stays beside it: `until` ends the names of both. Answers what to tell the operator.
pub fn begin_anew(dir: &Path, until: &str) -> anyhow::Result<String> {
    let in_a_bucket = dir.join(IN_A_BUCKET);
    if in_a_bucket.exists() {
        let place = std::fs::read_to_string(&in_a_bucket).with_context(|| format!("read {}", in_a_bucket.display()))?;
        return Ok(format!(
            "the log of events is in {}, and is not signed over where it has more than this: docs/proofs.md says how to begin another",
            place.trim()
        ));
    }
    let Some(old) = key::read(dir)? else { return Ok("there is no log of events yet".into()) };
    let place = Place::folder(dir)?;
    let read = |path| place.read(path).map_err(anyhow::Error::msg);
    let write = |path: &str, text: String| place.write(path, text.into_bytes()).map_err(anyhow::Error::msg);
    let signed = match read(CHECKPOINT)? {
        Some(note) => {
            let note = String::from_utf8(note).context("the checkpoint is no text")?;
            Some((verify_checkpoint(&note, old.public(), &[]).context("read the checkpoint")?.tree, note))
        }
        None => None,
    };
    let path = dir.join(key::FILE);
    std::fs::rename(&path, dir.join(format!("{}-until-{until}", key::FILE)))
        .with_context(|| format!("rename {}", path.display()))?;
    let key = key::read_or_make(dir)?;
    write(VKEY, format!("{}\n", key.public()))?;
    let size = signed.as_ref().map_or(0, |(tree, _)| tree.size);
    if let Some((tree, note)) = signed {
        write(&format!("{CHECKPOINT}-until-{until}"), note)?;
        write(CHECKPOINT, key.checkpoint(&tree))?;
    }
    Ok(format!(
        "the log of events goes on under a new key, {}, with the {size} events that the key before had signed ({})",
        key.public(),
        old.public()
    ))
}

/// The log; see the module.
pub struct Proofs {
    key: SigningKey,
    place: Arc<Place>,
    store: Store,
    /// Who is asked to cosign checkpoints.
    witnesses: Vec<Arc<Witness>>,
    /// `None` until it was read, and after a failure.
    log: Mutex<Option<Log>>,
}

/// Reads a tile.
type ReadTile<'a> = dyn FnMut(&Tile) -> Result<Vec<Hash>, ProofError> + 'a;

/// How far the log came.
struct Log {
    edge: Edge,
    /// The last checkpoint, if there is one.
    signed: Option<Signed>,
    /// Paths of the tiles written since, which may not be on the disk yet.
    unsynced: Vec<String>,
}

/// A tree and its checkpoint.
#[derive(Debug, Clone)]
pub struct Signed {
    /// What was signed.
    pub tree: Tree,
    /// The note.
    pub note: String,
}

impl Proofs {
    /// The log of a data directory. Its key is made if there is none.
    pub fn open(config: &Config, store: Store, buckets: Arc<dyn Buckets>) -> anyhow::Result<Self> {
        let (dir, note) = (&config.data_dir, config.data_dir.join(IN_A_BUCKET));
        let place = match &config.proofs.bucket {
            Some(bucket) => {
                let prefix = config.proofs.prefix.trim_matches('/');
                let prefix = if prefix.is_empty() { String::new() } else { format!("{prefix}/") };
                std::fs::write(&note, format!("{bucket}/{prefix}\n"))
                    .with_context(|| format!("write {}", note.display()))?;
                Place::Bucket { buckets, bucket: bucket.clone(), prefix }
            }
            None => match std::fs::remove_file(&note) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    return Err(error).with_context(|| format!("remove {}", note.display()));
                }
                _ => Place::folder(dir)?,
            },
        };
        let key = key::read_or_make(config.keys_dir())?;
        let witness = |settings: &WitnessSettings| -> anyhow::Result<Arc<Witness>> {
            // The configuration was checked.
            let key = VerifierKey::parse(&settings.vkey).context("read the key of a witness")?;
            Ok(Arc::new(Witness::new(key, &settings.url)))
        };
        let witnesses = config.proofs.witnesses.iter().map(witness).collect::<anyhow::Result<_>>()?;
        Ok(Self { key, place: Arc::new(place), store, witnesses, log: Mutex::default() })
    }

    /// The log of a data directory, for an import, which does not know the configuration. `None` where a server keeps it in a bucket, or
    /// may do so: it has a key, and no folder. In a new directory the log begins here, as a server without configuration begins it.
    pub fn of_directory(dir: &Path, store: Store) -> anyhow::Result<Option<Self>> {
        let is_begun = key::read(dir)?.is_some();
        if dir.join(IN_A_BUCKET).exists() || (is_begun && !dir.join(FOLDER).exists()) {
            return Ok(None);
        }
        // Before the key: who is stopped in between begins again.
        let place = Arc::new(Place::folder(dir)?);
        let key = key::read_or_make(dir)?;
        Ok(Some(Self { key, place, store, witnesses: Vec::new(), log: Mutex::default() }))
    }

    /// The public key.
    pub fn vkey(&self) -> String {
        self.key.public().to_string()
    }

    /// Whether anybody is asked to cosign.
    pub fn has_witnesses(&self) -> bool {
        !self.witnesses.is_empty()
    }

    /// The first sequence whose leaf may still be asked of the store: no full tile has it that a checkpoint covers.
    pub async fn unproven(&self) -> Result<u64, ProofError> {
        let mut held = self.log.lock().await;
        let log = self.take(&mut held).await?;
        let signed = log.signed.as_ref().map_or(0, |signed| signed.tree.size);
        *held = Some(log);
        let stored = self.store.event_tree().size;
        if signed > stored {
            // Sequences that are in tiles are given to other events.
            return Err(ProofError::Place(format!("the log has {signed} events, the store {stored}")));
        }
        // Event `n` is leaf `n - 1`.
        Ok(signed - signed % WIDTH + 1)
    }

    /// Writes the full tiles of what was accepted.
    pub async fn advance(&self) -> Result<(), ProofError> {
        let mut held = self.log.lock().await;
        let mut log = self.take(&mut held).await?;
        self.grow(&mut log).await?;
        *held = Some(log);
        Ok(())
    }

    /// Signs the tree as it is now, and answers the checkpoint; nothing is written when it did not grow.
    pub async fn publish(&self) -> Result<Signed, ProofError> {
        self.signed(&mut *self.log.lock().await, None).await
    }

    /// Runs what reads tiles of the last signed tree, if that covers so many events, else of a new one. It may block.
    pub async fn read<T: Send + 'static>(
        &self,
        covering: u64,
        read: impl FnOnce(&Signed, &mut ReadTile<'_>) -> Result<T, ProofError> + Send + 'static,
    ) -> Result<T, ProofError> {
        // Held to the end: the next checkpoint removes tiles.
        let mut held = self.log.lock().await;
        let signed = self.signed(&mut held, Some(covering)).await?;
        let place = Arc::clone(&self.place);
        tokio::task::spawn_blocking(move || read(&signed, &mut |tile| read_tile(&place, tile))).await?
    }

    async fn signed(&self, held: &mut Option<Log>, enough: Option<u64>) -> Result<Signed, ProofError> {
        let mut log = self.take(held).await?;
        let fits = |signed: &&Signed| enough.is_some_and(|enough| signed.tree.size >= enough);
        if let Some(signed) = log.signed.as_ref().filter(fits).cloned() {
            *held = Some(log);
            return Ok(signed);
        }
        self.grow(&mut log).await?;
        let tree = log.edge.tree();
        let signed = match &log.signed {
            Some(signed) if signed.tree == tree => signed.clone(),
            before => {
                let signed = Signed { tree, note: self.key.checkpoint(&tree) };
                let before = before.as_ref().map_or(0, |signed| signed.tree.size);
                self.write_checkpoint(&mut log, before, &signed).await?;
                signed
            }
        };
        log.signed = Some(signed.clone());
        *held = Some(log);
        Ok(signed)
    }

    /// Takes the log, or reads it. Whoever fails leaves nothing, and the next one reads it again.
    async fn take(&self, held: &mut Option<Log>) -> Result<Log, ProofError> {
        if let Some(log) = held.take() {
            return Ok(log);
        }
        let (place, key) = (Arc::clone(&self.place), self.key.public().clone());
        let read = tokio::task::spawn_blocking(move || -> Result<Log, ProofError> {
            let Some(note) = place.read(CHECKPOINT).map_err(ProofError::Place)? else {
                place.write(VKEY, format!("{key}\n").into_bytes()).map_err(ProofError::Place)?;
                return Ok(Log { edge: Edge::default(), signed: None, unsynced: Vec::new() });
            };
            let note = String::from_utf8(note).map_err(|_| Unproven::new("the checkpoint is no text"))?;
            let tree = verify_checkpoint(&note, &key, &[])?.tree;
            let whole = Edge::resume(tree.size, |tile| read_tile(&place, tile));
            // Without its last tile, the log begins at the full ones, and `grow` compares.
            let edge =
                whole.or_else(|_| Edge::resume(tree.size - tree.size % WIDTH, |tile| read_tile(&place, tile)))?;
            let log = Log { edge, signed: Some(Signed { tree, note }), unsynced: Vec::new() };
            if log.edge.size() == tree.size {
                is_tree(&log, &tree)?;
            }
            Ok(log)
        });
        read.await?
    }

    /// Adds what the store has accepted since, and writes full tiles.
    async fn grow(&self, log: &mut Log) -> Result<(), ProofError> {
        let accepted = self.store.event_tree();
        if let Some(signed) = log.signed.clone() {
            if accepted.size < signed.tree.size {
                let (has, had) = (accepted.size, signed.tree.size);
                let text = format!("the store has {has} events, but {had} were signed: it was set back");
                return Err(Unproven(text).into());
            }
            // As after a restored backup, whose last tile was on its way.
            if log.edge.size() < signed.tree.size {
                self.grow_to(log, signed.tree.size).await?;
                is_tree(log, &signed.tree)?;
            }
        }
        self.grow_to(log, accepted.size).await?;
        is_tree(log, &Tree { size: accepted.size, root: accepted.root })
    }

    async fn grow_to(&self, log: &mut Log, size: u64) -> Result<(), ProofError> {
        while log.edge.size() < size {
            let leaves = self.store.event_leaves(log.edge.size(), size).await?;
            let gone = || Unproven::new("events are gone that the log does not have yet: it cannot go on");
            let leaves = leaves.filter(|leaves| !leaves.hashes.is_empty()).ok_or_else(gone)?;
            let mut full = Vec::new();
            log.edge.extend(&leaves.hashes, &leaves.tile_roots, &mut |tile, bytes| full.push((tile.path(), bytes)));
            log.unsynced.extend(full.iter().map(|(path, _)| path.clone()));
            let place = Arc::clone(&self.place);
            let write = move || full.into_iter().try_for_each(|(path, bytes)| place.write_unsynced(&path, bytes));
            tokio::task::spawn_blocking(write).await?.map_err(ProofError::Place)?;
        }
        Ok(())
    }

    /// Tiles that are not full, then the checkpoint; then those go that are full by now. Until then they stay: who copies the folder has
    /// the checkpoint of one moment and the tiles of another.
    async fn write_checkpoint(&self, log: &mut Log, before: u64, signed: &Signed) -> Result<(), ProofError> {
        let (place, signed) = (Arc::clone(&self.place), signed.clone());
        let (partial, full) = (log.edge.partial_tiles(), std::mem::take(&mut log.unsynced));
        let finish = move || {
            partial.into_iter().try_for_each(|(tile, bytes)| place.write(&tile.path(), bytes))?;
            place.sync(&full)?;
            place.write(CHECKPOINT, signed.note.into_bytes())?;
            let levels = 0..proof::tile::LEVELS;
            let last = |level| Tile::of(level, Tile::count(level, before).checked_sub(1)?, before);
            let now = |old: Tile| Tile::of(old.level, old.number, signed.tree.size);
            let full = levels.filter_map(last).filter(|old| old.width < 256).filter_map(now);
            full.filter(|tile| tile.width == 256).for_each(|tile| place.forget(&format!("{}.p", tile.path())));
            Ok(())
        };
        tokio::task::spawn_blocking(finish).await?.map_err(ProofError::Place)
    }
}

fn is_tree(log: &Log, tree: &Tree) -> Result<(), ProofError> {
    if log.edge.tree() == *tree {
        return Ok(());
    }
    let text = format!("the tiles make another tree of {} events than was accepted and signed", tree.size);
    Err(Unproven(text).into())
}

/// A tile; one that has grown since will do.
fn read_tile(place: &Place, tile: &Tile) -> Result<Vec<Hash>, ProofError> {
    if let Some(bytes) = place.read(&tile.path()).map_err(ProofError::Place)? {
        return Ok(hashes(tile, &bytes)?);
    }
    let full = Tile { width: 256, ..*tile };
    let bytes = place.read(&full.path()).map_err(ProofError::Place)?;
    let bytes = bytes.ok_or_else(|| Unproven(format!("{} is gone", tile.path())))?;
    let mut hashes = hashes(&full, &bytes)?;
    hashes.truncate(usize::from(tile.width));
    Ok(hashes)
}
