//! `trailwatch backup`: copies the data directory of a server, which may be running and under load, to a new folder.
//!
//! First the store, then the catalog: whatever the copied records belong to was made before them, so it is in the catalog that
//! is copied after them. Then the buckets that the server keeps itself: what the catalog says was delivered is in them. The copy
//! has its name only when it is whole.

use crate::buckets;
use crate::lease::refuse_postgres;
use crate::proofs::FOLDER;
use crate::serve::ensure_local;
use anyhow::{Context, bail};
use catalog::Catalog;
use model::buckets::{HIDDEN_FOLDER, UNFINISHED};
use proof::folder::CHECKPOINT;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Makes the backup.
pub async fn backup(data_dir: PathBuf, output: PathBuf) -> anyhow::Result<ExitCode> {
    if output.exists() {
        bail!("{} exists; choose a new folder for each backup", output.display());
    }
    refuse_postgres(&data_dir)?;
    let catalog = data_dir.join("catalog.db");
    if !catalog.exists() {
        bail!("{} is not the data directory of a trailwatch: it has no catalog.db", data_dir.display());
    }
    let mut part = output.clone().into_os_string();
    part.push(".part");
    let part = PathBuf::from(part);
    if part.exists() {
        std::fs::remove_dir_all(&part)
            .with_context(|| format!("remove what is left of a backup, {}", part.display()))?;
    }
    std::fs::create_dir_all(&part).with_context(|| format!("make {}", part.display()))?;
    // Before the store: a checkpoint must not cover more than the store has.
    copy_log(&data_dir.join(FOLDER), &part.join(FOLDER))?;
    // Records that are in a bucket stay there.
    let copied = match ensure_local(&data_dir) {
        Ok(()) => store::backup(&data_dir.join("store"), &part.join("store")).await.context("copy the store")?,
        Err(elsewhere) => {
            println!("{elsewhere}; they are not copied");
            if store::has_journal(&data_dir.join("store")).context("look into the journal")? {
                println!(
                    "the journal on this disk has records that may not be there yet: they are not copied either, and a server does not start on the copy alone"
                );
            }
            store::BackedUp::default()
        }
    };
    copy_files(&data_dir, &part)?;
    Catalog::copy(&catalog, &part.join("catalog.db")).await.context("copy the catalog")?;
    copy_buckets(&data_dir.join(buckets::DIR), &part.join(buckets::DIR))?;
    sync(&part)?;
    std::fs::rename(&part, &output).with_context(|| format!("name {}", output.display()))?;
    sync(output.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")))?;
    println!(
        "backed up {} segments, {} journals ({} bytes) and the catalog to {}",
        copied.segments,
        copied.journals,
        copied.bytes,
        output.display()
    );
    Ok(ExitCode::SUCCESS)
}

/// The files beside store and catalog, such as the root key, with their permissions.
fn copy_files(from: &Path, to: &Path) -> anyhow::Result<()> {
    for entry in from.read_dir().with_context(|| format!("list {}", from.display()))? {
        let entry = entry?;
        let is_catalog = entry.file_name().to_string_lossy().starts_with("catalog.db");
        if entry.file_type()?.is_file() && !is_catalog {
            let copy = to.join(entry.file_name());
            std::fs::copy(entry.path(), &copy).with_context(|| format!("copy {}", entry.path().display()))?;
            sync(&copy)?;
        }
    }
    Ok(())
}

/// The log of events: its checkpoint first, and so all that this covers.
fn copy_log(from: &Path, to: &Path) -> anyhow::Result<()> {
    if !from.join(CHECKPOINT).is_file() {
        return Ok(());
    }
    std::fs::create_dir_all(to).with_context(|| format!("make {}", to.display()))?;
    let copy = |path: PathBuf| -> anyhow::Result<()> {
        let target = to.join(path.strip_prefix(from)?);
        match std::fs::copy(&path, &target) {
            // A tile that has grown meanwhile: its leaves come from the store.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
            copied => copied.map(drop).with_context(|| format!("copy {}", path.display())).and_then(|()| sync(&target)),
        }
    };
    copy(from.join(CHECKPOINT))?;
    let mut folders = vec![from.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in folder.read_dir().with_context(|| format!("list {}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                std::fs::create_dir_all(to.join(path.strip_prefix(from)?))?;
                folders.push(path);
            } else if path != from.join(CHECKPOINT) {
                copy(path)?;
            }
        }
    }
    Ok(())
}

/// The objects of the server's own buckets, with their times; what is known of an object is told by its time.
fn copy_buckets(from: &Path, to: &Path) -> anyhow::Result<()> {
    if !from.exists() {
        return Ok(());
    }
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let copy = to.join(&folder);
        std::fs::create_dir_all(&copy).with_context(|| format!("make {}", copy.display()))?;
        let mut below = Vec::new();
        let listed = from.join(&folder);
        for entry in listed.read_dir().with_context(|| format!("list {}", listed.display()))? {
            let entry = entry?;
            let path = folder.join(entry.file_name());
            if entry.file_type()?.is_dir() {
                below.push(path);
            } else if !is_unfinished(&path) {
                copy_object(&from.join(&path), &to.join(&path))?;
            }
        }
        // The folder of side files comes last: it names two versions of an object that is replaced meanwhile.
        below.sort_by_key(|path| !path.ends_with(HIDDEN_FOLDER));
        folders.extend(below);
        sync(&copy)?;
    }
    Ok(())
}

fn is_unfinished(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "unfinished")
        || path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(UNFINISHED))
}

fn copy_object(from: &Path, to: &Path) -> anyhow::Result<()> {
    let copied = File::open(from).and_then(|mut file| {
        let mut copy = File::create(to)?;
        std::io::copy(&mut file, &mut copy)?;
        copy.set_modified(file.metadata()?.modified()?)?;
        copy.sync_all()
    });
    copied.with_context(|| format!("copy {}", from.display()))
}

fn sync(path: &Path) -> anyhow::Result<()> {
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
        copy_buckets(&from, &to).unwrap();
        assert!(!to.exists());
        let clock = Arc::new(ManualClock::at(Timestamp(1_772_323_200_123)));
        let object = NewObject { metadata: vec![("a".into(), "b".into())], ..NewObject::from(b"body".to_vec()) };
        let original = Folder::new(from.join("mine"), clock.clone());
        original.put("a/b/c", object).unwrap();
        std::fs::write(from.join("mine/a/.unfinished-d"), b"half").unwrap();
        copy_buckets(&from, &to).unwrap();
        let copy = Folder::new(to.join("mine"), clock);
        assert_eq!(copy.head("a/b/c"), original.head("a/b/c"));
        assert_eq!(copy.get("a/b/c").unwrap().body, b"body");
        assert_eq!(std::fs::read_dir(to.join("mine/a")).unwrap().count(), 1);
    }
}
