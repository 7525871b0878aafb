//! `trailwatch restore`: makes a new data directory of the newest copy (`backup/copies.rs`) that has nothing of after a moment.
//!
//! Records that were in a bucket are in the new data directory, too: `trailwatch migrate` brings them to another bucket, or another prefix.
//! What comes out is checked whole before it has its name. A server on it must not go on with the signed log of events: the server that was
//! copied may have signed more than the copy knows, and two trees under one key are a fork. So the log goes on under a new key, from
//! the tree that the copy has (`proofs::begin_anew`).

use crate::backup::copies::{self, Kept, Note};
use crate::backup::{Copying, Elsewhere, rename, sync};
use crate::config::{CatalogUrl, Config, StoreSettings};
use crate::real::SystemClock;
use crate::store_bucket::StoreBucket;
use crate::{check, proofs, serve};
use anyhow::{Context, bail, ensure};
use catalog::Catalog;
use model::Timestamp;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

/// Restores a copy in `from` to the new folder `data_dir`; without `at` the newest. `config` says where records are that are in
/// a bucket, and where the database is that was recovered, if resources are in PostgreSQL.
pub async fn restore(
    from: &Path,
    at: Option<&str>,
    data_dir: &Path,
    config: Option<&Config>,
) -> anyhow::Result<ExitCode> {
    let at = match at {
        None => Timestamp::MAX,
        Some(text) => Timestamp::parse_iso(text)
            .with_context(|| format!("--at is a time such as 2026-11-27T09:30:00Z, not '{text}'"))?,
    };
    ensure_new(data_dir)?;
    let copy = choose(from, at)?;
    let bucket = bucket_of(&copy, config.and_then(|config| config.store.as_ref()))?;
    let note = copies::note(&copy.path)?;
    ensure_fits(&copy, &note, config.and_then(|config| config.catalog.as_ref())).await?;
    let part = part_of(data_dir);
    match std::fs::remove_dir_all(&part) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).with_context(|| format!("remove {}", part.display()));
        }
        _ => {}
    }
    let elsewhere = Elsewhere::default();
    Copying { from: &copy.path, to: &part, elsewhere, earlier: None, goes_on: &|| true }.copy().await?;
    if let Some(bucket) = bucket {
        take_back(&part, bucket).await?;
    }
    let until = copies::name(copy.ended);
    let log = proofs::begin_anew(&part, &until).context("begin the log of events under a new key")?;
    let (checked, problems) = check::checked(&part).await?;
    if problems > 0 {
        bail!(
            "{} is damaged, and was not restored: what came of it is in {}; choose an earlier --at",
            copy.path.display(),
            part.display()
        );
    }
    sync(&part)?;
    rename(&part, data_dir)?;
    println!("restored {} to {}", copy.path.display(), data_dir.display());
    println!(
        "it has all that was acknowledged before {}, and nothing that was later than {}",
        Timestamp(note.began_ms),
        Timestamp(note.ended_ms)
    );
    println!(
        "last sequence of log events: {}; of audit events: {}, which is the size of their tree",
        checked.last_log_sequence, checked.last_event_sequence
    );
    println!("{log}");
    Ok(ExitCode::SUCCESS)
}

/// Refuses a catalog in PostgreSQL that is in another state than the one that the copy fits.
async fn ensure_fits(copy: &Kept, note: &Note, catalog: Option<&CatalogUrl>) -> anyhow::Result<()> {
    let Some(mark) = note.catalog_mark else { return Ok(()) };
    let to = note.catalog_transaction.as_deref().unwrap_or("unknown");
    let recover = format!("recover the database with recovery_target_xid = '{to}' (docs/postgresql.md)");
    let Some(url) = catalog else {
        bail!(
            "the resources of {} are in PostgreSQL: {recover}, and give --config FILE with its [catalog] url",
            copy.path.display()
        );
    };
    let catalog = Catalog::connect(&url.0).await.context("open the catalog at [catalog] url")?;
    let there = catalog.last_mark().await.context("ask which state the catalog is in");
    catalog.close().await;
    let there = there?.map_or_else(|| "none".to_owned(), |there| there.to_string());
    ensure!(
        there == mark.to_string(),
        "the catalog at [catalog] url does not fit {}: its last mark is {there}, not {mark}; {recover}",
        copy.path.display()
    );
    Ok(())
}

/// The bucket that the records of a copy are in; `None` where they are in the copy.
fn bucket_of(copy: &Kept, store: Option<&StoreSettings>) -> anyhow::Result<Option<StoreBucket>> {
    let Some(url) = serve::noted_bucket(&copy.path)? else { return Ok(None) };
    let Some(settings) = store.filter(|store| store.url == url) else {
        bail!(
            "the records of {} are in {url}: --config FILE is needed, with the [store] of that url",
            copy.path.display()
        );
    };
    StoreBucket::new(settings, Arc::new(SystemClock)).map(Some)
}

/// Has the records that were in a bucket in the data directory from now on.
async fn take_back(part: &Path, bucket: StoreBucket) -> anyhow::Result<()> {
    let manifest = part.join(copies::MANIFEST);
    let listed = std::fs::read(&manifest).with_context(|| format!("read {}", manifest.display()))?;
    let place = bucket.to_string();
    store::go_back(&listed, Arc::new(bucket), &part.join("store"))
        .await
        .with_context(|| format!("copy the records from {place}; one that is not there was replaced too long ago"))?;
    for path in [manifest, part.join(serve::IN_A_BUCKET)] {
        std::fs::remove_file(&path).with_context(|| format!("remove {}", path.display()))?;
    }
    sync(part)
}

/// Refuses a folder with anything in it.
fn ensure_new(data_dir: &Path) -> anyhow::Result<()> {
    match data_dir.read_dir() {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error).with_context(|| format!("list {}", data_dir.display())),
        Ok(mut entries) => {
            ensure!(entries.next().is_none(), "{} is not empty; choose a new folder to restore to", data_dir.display());
            Ok(())
        }
    }
}

/// Beside the folder, so that it can be given its name.
fn part_of(data_dir: &Path) -> PathBuf {
    let mut part = data_dir.components().as_path().to_owned().into_os_string();
    part.push(".part");
    part.into()
}

/// The newest copy with nothing of after `at`.
fn choose(from: &Path, at: Timestamp) -> anyhow::Result<Kept> {
    let copies = copies::list(from)?;
    let (Some(oldest), Some(newest)) = (copies.first(), copies.last()) else {
        bail!("there are no copies in {}: it is the folder of [backup] to", from.display());
    };
    let found = copies.iter().rfind(|copy| copy.ended <= at).cloned();
    found.with_context(|| {
        format!(
            "no copy in {} is that old: there are {}, from {} to {}",
            from.display(),
            copies.len(),
            oldest.ended,
            newest.ended
        )
    })
}
