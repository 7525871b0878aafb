//! Opening the catalog, and the lease that makes a server the only one of a catalog in PostgreSQL.
//!
//! The catalog says how far deliveries, detections and digests have come in the records of one store, so one server has it at a
//! time: it takes the lease at its start, renews it, and gives it back at its end. All tasks that the clock starts are its alone
//! thereby. Every write shows the lease's token, so that a server which lost it without knowing changes nothing more. A file needs
//! none: the data directory's lock says the same. Nodes of a cluster take the lease in turns (`cluster.rs`).

use crate::config::{CatalogUrl, Config};
use crate::real::random_text;
use crate::server::Server;
use anyhow::{Context, anyhow, bail, ensure};
use catalog::{Catalog, CatalogFile, Lease, SERVER_LEASE};
use model::Timestamp;
use std::fs::{self, File, TryLockError};
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// How long a lease lasts, milliseconds: after a server's machine is lost, another may start so much later.
const LASTS_MS: i64 = 30_000;
/// Of a server that is no node of a cluster.
const NO_ADDRESS: &str = "";
/// How often it is renewed.
pub const RENEW_EVERY: Duration = Duration::from_secs(5);
/// The catalog of a data directory, and what it is called when its resources have moved.
const FILE: &str = "catalog.db";
const MOVED: &str = "catalog-moved.db";
/// In a data directory whose catalog is in PostgreSQL: who its server is in the eyes of the lease, the same at every start.
const HOLDER_FILE: &str = "catalog-holder";
/// What that is called while the catalog is a file again, for PostgreSQL refused its resources: the next attempt is the same holder's.
const HOLDER_REFUSED: &str = "catalog-holder-refused";

/// The lease of a server that is no node of a cluster.
#[derive(Debug)]
pub struct Held {
    /// What it renews.
    pub lease: Lease,
    /// Two processes on one data directory are the same holder, and would take the lease from each other.
    _directory: File,
}

/// Opens the catalog that the configuration names, and takes its lease where it is in PostgreSQL.
pub async fn open(config: &Config) -> anyhow::Result<(Catalog, Option<Held>)> {
    let dir = &config.data_dir;
    let Some(url) = &config.catalog else {
        return Ok((open_file(dir).await?, None));
    };
    refuse_file(dir)?;
    let catalog = Catalog::connect(&url.0).await.context("open the catalog at [catalog] url")?;
    // Only now: a URL that was mistyped says nothing about the directory.
    let (holder, directory) = locked_holder(dir)?;
    let in_use = |other: Lease| {
        anyhow!(
            "the catalog at [catalog] url is in use by the server {} (its lease ends {}). Stop it, or wait until its lease has ended",
            other.holder,
            Timestamp(other.expires_ms)
        )
    };
    // Positions in the records of one data directory say nothing about those of another.
    if config.store.is_none()
        && !config.adopts_catalog
        && let Some(seen) = catalog.lease(SERVER_LEASE).await.context("ask whose the catalog is")?
        && seen.lease.holder != holder
    {
        if seen.left_ms > 0 {
            return Err(in_use(seen.lease));
        }
        bail!(
            "the records of the catalog at [catalog] url are in another data directory, that of the server {}, not in {}: serve that one. \
             If it is lost, [catalog] adopt = true keeps the resources without their records, for one start",
            seen.lease.holder,
            dir.display()
        );
    }
    let asked = catalog.acquire_lease(SERVER_LEASE, &holder, NO_ADDRESS, LASTS_MS).await;
    let lease = asked.context("take the lease of the catalog")?.map_err(in_use)?;
    catalog.fence(&lease);
    Ok((catalog, Some(Held { lease, _directory: directory })))
}

/// Whether the catalog of a data directory is a file in it.
pub fn is_file(dir: &Path) -> bool {
    dir.join(FILE).exists()
}

/// Moves the catalog of a stopped server from its data directory to PostgreSQL; answers how many rows were copied. A run that was cut off
/// is finished by the next one.
pub async fn move_to_postgres(dir: &Path, url: &CatalogUrl) -> anyhow::Result<u64> {
    let (path, moved) = (dir.join(FILE), dir.join(MOVED));
    ensure!(!moved.exists(), "{} is there already; remove it, or give it another name", moved.display());
    let mut file = CatalogFile::open(&path)
        .await
        .with_context(|| format!("open {} alone: stop the server of this data directory", path.display()))?;
    let catalog = Catalog::connect(&url.0).await.context("open the catalog at [catalog] url")?;
    let seen = catalog.lease(SERVER_LEASE).await.context("ask whose the catalog is")?;
    let known = [HOLDER_FILE, HOLDER_REFUSED].iter().find_map(|name| fs::read_to_string(dir.join(name)).ok());
    match seen {
        // An earlier run of this came so far.
        Some(seen) if known.is_some_and(|known| known.trim() == seen.lease.holder) => {}
        Some(seen) => {
            bail!("the catalog at [catalog] url is that of the server {}: choose another database", seen.lease.holder)
        }
        None => {
            let is_empty = catalog.is_empty().await.context("look into the catalog")?;
            ensure!(is_empty, "the catalog at [catalog] url holds resources already: choose an empty database");
        }
    }
    // From now on no server starts on this directory, with the URL or without, until this has come to its end.
    let (named, refused) = (dir.join(HOLDER_FILE), dir.join(HOLDER_REFUSED));
    if refused.exists() {
        fs::rename(&refused, &named).with_context(|| format!("rename {}", refused.display()))?;
    }
    let holder = holder(dir)?;
    let asked = catalog.acquire_lease(SERVER_LEASE, &holder, NO_ADDRESS, LASTS_MS).await;
    let lease =
        asked.context("take the lease of the catalog")?.map_err(|_| anyhow!("another server took the catalog"))?;
    catalog.fence(&lease);
    let copied = copied(&catalog, &mut file).await;
    if copied.is_err() && catalog.is_empty().await.is_ok_and(|is_empty| is_empty) {
        // The file stays the truth, and may be served again.
        let _ = fs::rename(&named, &refused);
    }
    let rows = copied.context("copy the resources to PostgreSQL")?;
    file.close().await.with_context(|| format!("close {}", path.display()))?;
    fs::rename(&path, &moved).with_context(|| format!("rename {}", path.display()))?;
    File::open(dir).and_then(|folder| folder.sync_all()).with_context(|| format!("sync {}", dir.display()))?;
    catalog.release_lease(&lease).await.context("give back the lease of the catalog")?;
    catalog.close().await;
    Ok(rows)
}

/// Copies all rows, unless an earlier run did.
async fn copied(catalog: &Catalog, file: &mut CatalogFile) -> catalog::Result<u64> {
    if catalog.is_empty().await? { catalog.take_in(file).await } else { Ok(0) }
}

/// Opens the catalog of a data directory that has its own; for programs that have a data directory and no configuration too.
pub async fn open_file(dir: &Path) -> anyhow::Result<Catalog> {
    refuse_postgres(dir)?;
    Catalog::open(&dir.join(FILE)).await.context("open the catalog")
}

/// An error in words for a data directory whose catalog is in PostgreSQL.
pub fn refuse_postgres(dir: &Path) -> anyhow::Result<()> {
    if dir.join(HOLDER_FILE).exists() {
        bail!(
            "the catalog of {} is in PostgreSQL: serve it with [catalog] url; it is copied with pg_dump (docs/postgresql.md)",
            dir.display()
        );
    }
    Ok(())
}

/// An error in words for a data directory whose catalog is a file in it.
fn refuse_file(dir: &Path) -> anyhow::Result<()> {
    if dir.join(FILE).exists() {
        bail!(
            "{} has a catalog.db: its resources are not in PostgreSQL. `trailwatch migrate` moves them to [catalog] url; or choose another --data-dir for it",
            dir.display()
        );
    }
    Ok(())
}

/// Who the node of a data directory is, and the lock that makes it the only one: two processes that are the same holder would take
/// the lease from each other. The operating system releases the lock when the process dies.
pub fn locked_holder(dir: &Path) -> anyhow::Result<(String, File)> {
    refuse_file(dir)?;
    let holder = holder(dir)?;
    let path = dir.join(HOLDER_FILE);
    let file = File::open(&path).with_context(|| format!("open {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => Ok((holder, file)),
        Err(TryLockError::WouldBlock) => {
            bail!("data directory {} is in use by another trailwatch process", dir.display())
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("lock {}", path.display())),
    }
}

/// Who the server of a data directory is; made at the first start, durable before it is used.
fn holder(dir: &Path) -> anyhow::Result<String> {
    let path = dir.join(HOLDER_FILE);
    if path.exists() {
        let text = fs::read_to_string(&path).with_context(|| format!("read {}", path.display()))?;
        return Ok(text.trim().to_owned());
    }
    let holder = random_text(b"abcdefghijklmnopqrstuvwxyz0123456789", 20).context("draw random bytes")?;
    let part = dir.join("catalog-holder.part");
    let write = || -> std::io::Result<()> {
        let mut file = fs::File::create(&part)?;
        file.write_all(holder.as_bytes())?;
        file.sync_all()?;
        fs::rename(&part, &path)?;
        fs::File::open(dir)?.sync_all()
    };
    write().with_context(|| format!("write {}", path.display()))?;
    Ok(holder)
}

/// Renews the lease of the server; false when another server has it, and this one must end.
pub async fn renew(server: &Server) -> bool {
    let Some(Held { lease, .. }) = &server.lease else { return true };
    match server.trail.catalog.renew_lease(lease, LASTS_MS).await {
        Ok(is_ours) => is_ours,
        // It goes on as long as nobody takes the lease.
        Err(error) => {
            tracing::warn!(%error, "renew the lease of the catalog");
            true
        }
    }
}

/// Gives the lease back, so that another server may start at once.
pub async fn release(server: &Server) {
    if let Some(Held { lease, .. }) = &server.lease
        && let Err(error) = server.trail.catalog.release_lease(lease).await
    {
        tracing::warn!(%error, "give back the lease of the catalog");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_data_directory_whose_catalog_is_elsewhere_is_told_apart() {
        let dir = tempfile::tempdir().unwrap();
        let holder = holder(dir.path()).unwrap();
        assert_eq!(super::holder(dir.path()).unwrap(), holder, "the same at every start");
        let error = open_file(dir.path()).await.unwrap_err().to_string();
        assert!(error.contains("pg_dump"), "{error}");
        assert!(!dir.path().join(FILE).exists(), "nothing was made");
        let other = tempfile::tempdir().unwrap();
        open_file(other.path()).await.unwrap().close().await;
        let config = |dir: &Path| {
            let file = toml::from_str("[catalog]\nurl = 'postgres://u:hidden@%2Fnowhere/d'").unwrap();
            Config { data_dir: dir.to_owned(), ..Config::resolve(crate::config::Settings::default(), file).unwrap() }
        };
        let error = open(&config(other.path())).await.unwrap_err().to_string();
        assert!(error.contains("has a catalog.db"), "{error}");
        let error = format!("{:#}", open(&config(dir.path())).await.unwrap_err());
        assert!(error.contains("[catalog] url") && !error.contains("hidden"), "{error}");
    }

    #[test]
    fn a_data_directory_is_of_one_node() {
        let dir = tempfile::tempdir().unwrap();
        let (holder, lock) = locked_holder(dir.path()).unwrap();
        assert!(locked_holder(dir.path()).unwrap_err().to_string().contains("in use"));
        drop(lock);
        assert_eq!(locked_holder(dir.path()).unwrap().0, holder);
    }
}
