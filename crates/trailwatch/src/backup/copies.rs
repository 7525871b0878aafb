//! Copies that a running server makes of its data directory (`[backup]`), to go back to a moment with `trailwatch restore`.
//!
//! Each is a folder with the moment for a name at which it was whole, and is what `trailwatch backup` makes: it has all that was
//! acknowledged before it began, and nothing of after its name. A file that is as it was in the copy before is that file under a second
//! name, so that a copy costs what is new, and removing one frees what no other has. Records in a bucket stay there: their copy is the
//! manifest, and the store keeps what it lists (`Options::keep_replaced_ms`). Only folders with such a name are copies: one on its
//! way to be made or removed is `copy.part`.

use super::{Copying, Elsewhere, rename, sync};
use crate::config::BackupSettings;
use anyhow::{Context, bail, ensure};
use model::{Clock, Timestamp};
use serde::{Deserialize, Serialize};
use std::fs::{File, TryLockError};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use store::Store;

/// File of a copy that says when it was made.
pub const NOTE: &str = "copy.json";
/// File of a copy whose records are in a bucket: the manifest that lists them (`store::go_back`).
pub const MANIFEST: &str = "store-manifest.json";
/// A copy on its way.
const PART: &str = "copy.part";
/// A journal that is copied in a moment, on a slow disk too.
const JOURNAL_BYTES_LONG: u64 = 4 * 1024 * 1024;
/// Who has it locked makes copies here.
const LOCK: &str = "lock";

/// What [`NOTE`] says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// All that was acknowledged before is in the copy, milliseconds since 1970.
    pub began_ms: i64,
    /// Nothing that was acknowledged later is.
    pub ended_ms: i64,
    /// The mark of the state of a catalog in PostgreSQL that fits, and the transaction to recover that to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_mark: Option<i64>,
    /// See `catalog_mark`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub catalog_transaction: Option<String>,
}

/// A copy that is whole.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// Its folder.
    pub path: PathBuf,
    /// When it was whole.
    pub ended: Timestamp,
}

/// The folder of a copy; times in names have no colons, which some file systems do not take.
pub fn name(ended: Timestamp) -> String {
    ended.iso_millis().replace(':', "-")
}

/// The time of a name; `None` for what is no copy.
fn ended(name: &str) -> Option<Timestamp> {
    let (date, time) = name.split_once('T')?;
    let ended = Timestamp::parse_iso(&format!("{date}T{}", time.replace('-', ":")))?;
    (self::name(ended) == name).then_some(ended)
}

/// All copies in `folder`, oldest first.
pub fn list(folder: &Path) -> anyhow::Result<Vec<Kept>> {
    let mut copies = Vec::new();
    for entry in folder.read_dir().with_context(|| format!("list {}", folder.display()))? {
        let entry = entry?;
        if let Some(ended) = entry.file_name().to_str().and_then(ended) {
            copies.push(Kept { path: entry.path(), ended });
        }
    }
    copies.sort_unstable_by_key(|copy| copy.ended);
    Ok(copies)
}

/// When a copy was made.
pub fn note(copy: &Path) -> anyhow::Result<Note> {
    let path = copy.join(NOTE);
    let text = std::fs::read(&path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("read {}", path.display()))
}

/// Makes a copy of the data directory, with what it says of what is elsewhere, and removes those that are older than anybody wants. It may block for long; once `goes_on` says no, it
/// ends with an error soon.
pub async fn make(
    data_dir: &Path,
    elsewhere: Elsewhere<'_>,
    settings: &BackupSettings,
    clock: &dyn Clock,
    goes_on: &(dyn Fn() -> bool + Sync),
) -> anyhow::Result<Kept> {
    let folder = &settings.to;
    std::fs::create_dir_all(folder).with_context(|| format!("make {}", folder.display()))?;
    let _lock = lock(folder)?;
    let part = folder.join(PART);
    remove(&part)?;
    let earlier = list(folder)?.pop().map(|copy| copy.path);
    let began = clock.now();
    let copying = Copying { from: data_dir, to: &part, elsewhere, earlier: earlier.as_deref(), goes_on };
    let (copied, mark) = copying.copy().await?;
    let ended = clock.now();
    let (catalog_mark, catalog_transaction) = mark.map_or((None, None), |mark| (Some(mark.number), mark.transaction));
    let note = Note { began_ms: began.0, ended_ms: ended.0, catalog_mark, catalog_transaction };
    let note = serde_json::to_vec(&note)?;
    std::fs::write(part.join(NOTE), note).context("write when the copy was made")?;
    sync(&part.join(NOTE))?;
    sync(&part)?;
    let made = Kept { path: folder.join(name(ended)), ended };
    ensure!(!made.path.exists(), "{} is there already: the clock was set back", made.path.display());
    rename(&part, &made.path)?;
    tracing::debug!(copy = %made.path.display(), segments = copied.segments, "copied the data directory");
    expire(folder, ended - settings.keep.millis(), goes_on)?;
    Ok(made)
}

/// Has a long journal written to segments before a copy: it would be copied while the catalog is kept from changing, and segments are copied before.
pub async fn shorten_journal(store: &Store) {
    if store.health().journal_bytes < JOURNAL_BYTES_LONG {
        return;
    }
    if let Err(error) = store.flush().await {
        // A copy with a long journal is whole as well.
        tracing::warn!(%error, "flush before a copy ([backup])");
    }
}

/// Removes the copies that nobody needs to go back to `oldest` or any moment since: the newest of those before it stays.
fn expire(folder: &Path, oldest: Timestamp, goes_on: &(dyn Fn() -> bool + Sync)) -> anyhow::Result<()> {
    let copies = list(folder)?;
    let before = copies.iter().filter(|copy| copy.ended <= oldest).count();
    for copy in copies.iter().take(before.saturating_sub(1)) {
        ensure!(goes_on(), "the removal of old copies was stopped");
        // It is no copy any more before the first of its files goes.
        let part = folder.join(PART);
        rename(&copy.path, &part)?;
        remove(&part)?;
        tracing::debug!(copy = %copy.path.display(), "removed a copy");
    }
    Ok(())
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    match std::fs::remove_dir_all(folder) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| format!("remove {}", folder.display()))
        }
        _ => Ok(()),
    }
}

/// Keeps a second server from making its copies here at the same time, for each would take what the other has begun for its own.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join(LOCK);
    let file = File::create(&path).with_context(|| format!("make {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => bail!("another server makes copies in {}", folder.display()),
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("lock {}", path.display())),
    }
}

#[cfg(test)]
mod tests;
