//! `trailwatch backup`: copies the data directory of a server, which may be running and under load, to a new folder.
//!
//! First the segments, which is most of it. Then the catalog is kept from changing, while what is left of the store is copied, and the
//! catalog itself: what the copied records belong to is in the copied catalog, and as far as that says that deliveries and the like
//! have come, there are records. Then the buckets that the server keeps itself: what the catalog says was delivered is in them. The
//! copy has its name only when it is whole. Copies that a server makes itself, one after the other, are in `backup/copies.rs`.

pub mod copies;

use crate::buckets;
use crate::lease::refuse_postgres;
use crate::proofs::FOLDER;
use crate::serve::ensure_local;
use anyhow::{Context, bail, ensure};
use catalog::{Catalog, Mark, StillCatalog};
use model::buckets::{HIDDEN_FOLDER, UNFINISHED};
use proof::folder::CHECKPOINT;
use std::fs::{DirEntry, File};
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;
use store::{BackedUp, Store};

/// How long the catalog is kept from changing for a bucket that does not answer: calls that write to it wait.
/// PostgreSQL ends a transaction of a node that is silent for four seconds.
const WHILE_STILL: Duration = Duration::from_secs(3);

/// Makes the backup.
pub async fn backup(data_dir: PathBuf, output: PathBuf) -> anyhow::Result<ExitCode> {
    if output.exists() {
        bail!("{} exists; choose a new folder for each backup", output.display());
    }
    let mut part = output.clone().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    if part.exists() {
        std::fs::remove_dir_all(&part)
            .with_context(|| format!("remove what is left of a backup, {}", part.display()))?;
    }
    let elsewhere = Elsewhere::default();
    let (copied, _) =
        Copying { from: &data_dir, to: &part, elsewhere, earlier: None, goes_on: &|| true }.copy().await?;
    if let Err(elsewhere) = ensure_local(&data_dir) {
        println!("{elsewhere}; they are not copied");
        if store::has_journal(&data_dir.join("store")).context("look into the journal")? {
            println!(
                "the journal on this disk has records that may not be there yet: they are not copied either, and a server does not start on the copy alone"
            );
        }
    }
    rename(&part, &output)?;
    println!(
        "backed up {} segments, {} journals ({} bytes) and the catalog to {}",
        copied.segments,
        copied.journals,
        copied.bytes,
        output.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// What of a server is not in its data directory: it stays where it is, and a copy says what belongs to it.
#[derive(Clone, Copy, Default)]
pub struct Elsewhere<'a> {
    /// The open store, where records are in a bucket.
    pub records: Option<&'a Store>,
    /// The catalog, where it is in PostgreSQL.
    pub catalog: Option<&'a Catalog>,
}

/// A copy of a data directory on its way.
#[derive(Clone, Copy)]
pub struct Copying<'a> {
    /// The data directory, or a copy of one.
    pub from: &'a Path,
    /// The folder that the copy becomes.
    pub to: &'a Path,
    /// What is not in it, of a server that runs.
    pub elsewhere: Elsewhere<'a>,
    /// A copy that was made before and that nobody changes: what is the same there is not copied again.
    pub earlier: Option<&'a Path>,
    /// False once the copy is to be left, and is not whole.
    pub goes_on: &'a (dyn Fn() -> bool + Sync),
}

impl<'a> Copying<'a> {
    /// Copies everything but records that are in a bucket, and resources that are in PostgreSQL: of these it answers the mark that the
    /// state which fits has. All of it is durable at the end.
    pub async fn copy(&self) -> anyhow::Result<(BackedUp, Option<Mark>)> {
        let &Copying { from, to, elsewhere, earlier, goes_on } = self;
        // A copy changes no more.
        let is_still = from.join(copies::NOTE).exists();
        if elsewhere.catalog.is_none() && !is_still {
            refuse_postgres(from)?;
        }
        let catalog = from.join("catalog.db");
        let has_catalog = catalog.exists();
        if !has_catalog && elsewhere.catalog.is_none() && refuse_postgres(from).is_ok() {
            bail!("{} is not the data directory of a trailwatch: it has no catalog.db", from.display());
        }
        std::fs::create_dir_all(to).with_context(|| format!("make {}", to.display()))?;
        // Before the store: a checkpoint must not cover more than the store has.
        self.below(FOLDER).copy_log()?;
        self.copy_files()?;
        ensure!(goes_on(), "the copy was stopped");
        let (folder, output) = (from.join("store"), to.join("store"));
        let is_here = ensure_local(from).is_ok();
        if is_here {
            let earlier = earlier.map(|earlier| earlier.join("store"));
            let copying = store::backup_segments(&folder, &output, earlier.as_deref(), goes_on);
            copying.await.context("copy the store")?;
        }
        if let Some(store) = elsewhere.records {
            store.flush().await.context("write records to the bucket")?;
        }
        let still = match has_catalog && !is_still {
            true => Some(StillCatalog::hold(&catalog).await.context("keep the catalog from changing")?),
            false => None,
        };
        let marking = match elsewhere.catalog {
            Some(catalog) => Some(catalog.begin_mark().await.context("keep the catalog from changing")?),
            None => None,
        };
        let copied = match is_here {
            true => store::backup(&folder, &output).await.context("copy the store")?,
            false => BackedUp::default(),
        };
        if let Some(store) = elsewhere.records {
            let manifest = tokio::time::timeout(WHILE_STILL, store.flushed_manifest()).await;
            let manifest =
                manifest.context("the bucket does not answer in time")?.context("write records to the bucket")?;
            std::fs::write(to.join(copies::MANIFEST), manifest).context("write which records there are")?;
            sync(&to.join(copies::MANIFEST))?;
        }
        let output = to.join("catalog.db");
        match still {
            Some(still) => still.copy(&output).await.context("copy the catalog")?,
            None if has_catalog => drop(store::copy_file(&catalog, &output, None).context("copy the catalog")?),
            None => {}
        }
        let mark = match marking {
            Some(marking) => Some(marking.commit().await.context("mark the state of the catalog")?),
            None => None,
        };
        self.below(buckets::DIR).copy_buckets()?;
        sync(to)?;
        Ok((copied, mark))
    }

    /// The same of one folder of the data directory.
    fn below(&self, folder: &str) -> Below<'a> {
        let earlier = self.earlier.map(|earlier| earlier.join(folder));
        Below { from: self.from.join(folder), to: self.to.join(folder), earlier, goes_on: self.goes_on }
    }

    /// The files beside store and catalog, such as the root key, with their permissions.
    fn copy_files(&self) -> anyhow::Result<()> {
        for entry in self.from.read_dir().with_context(|| format!("list {}", self.from.display()))? {
            let entry = entry?;
            let is_catalog = entry.file_name().to_string_lossy().starts_with("catalog.db");
            if entry.file_type()?.is_file() && !is_catalog && entry.file_name() != copies::NOTE {
                let copy = self.to.join(entry.file_name());
                std::fs::copy(entry.path(), &copy).with_context(|| format!("copy {}", entry.path().display()))?;
                sync(&copy)?;
            }
        }
        Ok(())
    }
}

/// A folder of a data directory whose files are copied one by one.
struct Below<'a> {
    from: PathBuf,
    to: PathBuf,
    earlier: Option<PathBuf>,
    goes_on: &'a (dyn Fn() -> bool + Sync),
}

impl Below<'_> {
    /// Copies a file of the folder, durably, unless it has gone.
    fn copy_file(&self, path: &Path) -> anyhow::Result<()> {
        ensure!((self.goes_on)(), "the copy was stopped");
        let (from, earlier) = (self.from.join(path), self.earlier.as_ref().map(|earlier| earlier.join(path)));
        match store::copy_file(&from, &self.to.join(path), earlier.as_deref()) {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            copied => copied.map(drop).with_context(|| format!("copy {}", from.display())),
        }
    }

    /// What is in a folder below it; nothing when it has gone.
    fn list(&self, folder: &Path) -> anyhow::Result<Vec<DirEntry>> {
        let listed = self.from.join(folder);
        match listed.read_dir() {
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
            entries => entries.and_then(Iterator::collect).with_context(|| format!("list {}", listed.display())),
        }
    }

    /// The log of events: its checkpoint first, and so all that this covers.
    fn copy_log(&self) -> anyhow::Result<()> {
        if !self.from.join(CHECKPOINT).is_file() {
            return Ok(());
        }
        std::fs::create_dir_all(&self.to).with_context(|| format!("make {}", self.to.display()))?;
        self.copy_file(Path::new(CHECKPOINT))?;
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            for entry in self.list(&folder)? {
                let path = folder.join(entry.file_name());
                if entry.file_type()?.is_dir() {
                    std::fs::create_dir_all(self.to.join(&path))?;
                    folders.push(path);
                } else if path != Path::new(CHECKPOINT) {
                    // Of a tile that has grown meanwhile and is gone, leaves come from the store.
                    self.copy_file(&path)?;
                }
            }
            sync(&self.to.join(&folder))?;
        }
        Ok(())
    }

    /// The objects of the server's own buckets, with their times; what is known of an object is told by its time.
    fn copy_buckets(&self) -> anyhow::Result<()> {
        if !self.from.exists() {
            return Ok(());
        }
        let mut folders = vec![PathBuf::new()];
        while let Some(folder) = folders.pop() {
            let copy = self.to.join(&folder);
            std::fs::create_dir_all(&copy).with_context(|| format!("make {}", copy.display()))?;
            let mut below = Vec::new();
            for entry in self.list(&folder)? {
                let path = folder.join(entry.file_name());
                if entry.file_type()?.is_dir() {
                    below.push(path);
                } else if !is_unfinished(&path) {
                    self.copy_file(&path)?;
                }
            }
            // The folder of side files comes last: it names two versions of an object that is replaced meanwhile.
            below.sort_by_key(|path| !path.ends_with(HIDDEN_FOLDER));
            folders.extend(below);
            sync(&copy)?;
        }
        Ok(())
    }
}

fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "unfinished")
        || path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED))
}

/// Gives a folder that is whole its name, durably.
pub fn rename(part: &Path, output: &Path) -> anyhow::Result<()> {
    std::fs::rename(part, output).with_context(|| format!("name {}", output.display()))?;
    sync(output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))
}

pub fn sync(path: &Path) -> anyhow::Result<()> {
    File::open(path).and_then(|file| file.sync_all()).with_context(|| format!("sync {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::buckets::Folder;
    use model::Timestamp;
    use model::buckets::NewObject;
    use model::clock::ManualClock;
    use std::sync::Arc;

    #[test]
    fn objects_are_copied_with_what_is_known_of_them() {
        let dir = tempfile::tempdir().unwrap();
        let (from, to) = (dir.path().join("buckets"), dir.path().join("copy"));
        let copy_buckets = || {
            let (from, to) = (from.clone(), to.clone());
            Below { from, to, earlier: None, goes_on: &|| true }.copy_buckets().unwrap();
        };
        copy_buckets();
        assert!(!to.exists());
        let clock = Arc::new(ManualClock::at(Timestamp(1_772_323_200_123)));
        let object = NewObject { metadata: vec![("a".into(), "b".into())], ..NewObject::from(b"body".to_vec()) };
        let original = Folder::new(from.join("mine"), clock.clone());
        original.put("a/b/c", object).unwrap();
        std::fs::write(from.join("mine/a/.unfinished-d"), b"half").unwrap();
        copy_buckets();
        let copy = Folder::new(to.join("mine"), clock);
        assert_eq!(copy.head("a/b/c"), original.head("a/b/c"));
        assert_eq!(copy.get("a/b/c").unwrap().body, b"body");
        assert_eq!(std::fs::read_dir(to.join("mine/a")).unwrap().count(), 1);
    }
}
