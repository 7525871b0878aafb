//! `trailwatch backup`: copies the data directory of a server, which may be running and under load, to a new folder.
//!
//! First the store, then the catalog: whatever the copied records belong to was made before them, so it is in the catalog that
//! is copied after them. The copy has its name only when it is whole.

use anyhow::{Context, bail};
use catalog::Catalog;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Makes the backup.
pub async fn backup(data_dir: PathBuf, output: PathBuf) -> anyhow::Result<ExitCode> {
    if output.exists() {
        bail!("{} exists; choose a new folder for each backup", output.display());
    }
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
    let copied = store::backup(&data_dir.join("store"), &part.join("store")).await.context("copy the store")?;
    copy_files(&data_dir, &part)?;
    Catalog::copy(&catalog, &part.join("catalog.db")).await.context("copy the catalog")?;
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

fn sync(path: &Path) -> anyhow::Result<()> {
    File::open(path).and_then(|file| file.sync_all()).with_context(|| format!("sync {}", path.display()))
}
