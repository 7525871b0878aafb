//! `trailwatch migrate`: from records in the data directory to records in the bucket of `[store]`, and from resources there to resources
//! in the database of `[catalog]` (`lease.rs`).
//!
//! Of records, what is in the journal goes to segments first. Then everything is copied and verified, the manifest last; then the data directory says where its
//! records are, and the folder gets another name. Until the manifest is in the bucket, the folder is the truth and the bucket is empty. From then
//! on a run that was cut off is finished by the next one. A server that was started on the folder in between makes it newer than the bucket,
//! and the next run copies that.

use crate::config::{Config, StoreSettings};
use crate::lease;
use crate::real::{SystemClock, random_u64};
use crate::serve::{note_bucket, noted_bucket, open_store};
use crate::store_bucket::StoreBucket;
use anyhow::{Context, anyhow, bail, ensure};
use model::Clock;
use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

/// The folder of records, and what it is called when they have moved.
const FOLDER: &str = "store";
const MOVED: &str = "store-moved";

/// Moves what is in the data directory and is elsewhere by the configuration.
pub async fn migrate(config: Config) -> anyhow::Result<ExitCode> {
    let dir = &config.data_dir;
    let catalog = config.catalog.as_ref().filter(|_| lease::is_file(dir));
    if let Some(url) = catalog {
        let rows = lease::move_to_postgres(dir, url).await?;
        println!("copied {rows} rows of resources from {} to PostgreSQL", dir.display());
    }
    match &config.store {
        // Records that moved before stay where they are.
        Some(settings) if catalog.is_none() || dir.join(FOLDER).join("objects").is_dir() => {
            records(dir, settings).await?;
        }
        None if config.catalog.is_none() => {
            bail!(
                "there is neither a [store] url nor a [catalog] url to move to (docs/object-store.md, docs/postgresql.md)"
            )
        }
        None if catalog.is_none() => bail!("{} holds no resources to move", dir.display()),
        _ => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Moves the records to the bucket.
async fn records(dir: &Path, settings: &StoreSettings) -> anyhow::Result<()> {
    let (folder, moved) = (dir.join(FOLDER), dir.join(MOVED));
    ensure!(folder.join("objects").is_dir(), "{} holds no records to move", dir.display());
    ensure!(!moved.exists(), "{} is there already; remove it, or give it another name", moved.display());
    match noted_bucket(dir)? {
        // Cut off after the last copy.
        Some(url) if url == settings.url => {
            leave(dir)?;
            println!("the records of {} are in {url}", dir.display());
            return Ok(());
        }
        Some(url) => bail!("the records of {} are in {url}, not in {}", dir.display(), settings.url),
        None => {}
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let bucket = StoreBucket::new(settings, Arc::clone(&clock))?;
    let at = || format!("[store] {} at {}", settings.url, settings.endpoint);
    bucket.check_conditions(random_u64().context("draw random bytes")?).await.with_context(at)?;
    open_store(dir, clock).await?.close().await.context("write the journal to segments")?;
    let copied = match store::migrate(&folder, Arc::new(bucket)).await {
        Err(store::Error::Locked { .. }) => {
            return Err(anyhow!("data directory {} is in use by a running trailwatch; stop it", dir.display()));
        }
        Err(store::Error::TakenOver { .. }) => {
            bail!("a server has kept records in {} before: choose a prefix without any", settings.url)
        }
        copied => copied.with_context(|| format!("copy the records to {}", settings.url))?,
    };
    note_bucket(dir, &settings.url)?;
    sync(dir)?;
    leave(dir)?;
    println!(
        "copied {} segments to {} and verified them: {} objects, {} of them there already, {} bytes; what was in {} is in {} now",
        copied.segments,
        settings.url,
        copied.objects,
        copied.there,
        copied.bytes,
        folder.display(),
        moved.display()
    );
    Ok(())
}

/// Gives the folder a name under which no server takes it for its own.
fn leave(dir: &Path) -> anyhow::Result<()> {
    let (from, to) = (dir.join(FOLDER), dir.join(MOVED));
    std::fs::rename(&from, &to).with_context(|| format!("rename {} to {}", from.display(), to.display()))?;
    sync(dir)
}

/// Makes the names in a folder durable.
fn sync(dir: &Path) -> anyhow::Result<()> {
    File::open(dir).and_then(|folder| folder.sync_all()).with_context(|| format!("sync {}", dir.display()))
}
