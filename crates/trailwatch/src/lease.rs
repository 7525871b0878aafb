//! Opening the catalog, and the lease that makes a server the only one of a catalog in PostgreSQL.
//!
//! The catalog says how far deliveries, detections and digests have come in the records of one store, so one server has it at a
//! time: it takes the lease at its start, renews it, and gives it back at its end. All tasks that the clock starts are its alone
//! thereby. Every write shows the lease's token, so that a server which lost it without knowing changes nothing more. A file needs
//! none: the data directory's lock says the same.

use crate::config::Config;
use crate::real::random_text;
use crate::server::Server;
use anyhow::{Context, bail};
use catalog::{Catalog, Lease, SERVER_LEASE};
use model::{Clock, Timestamp};
use std::fs;
use std::io::Write;
use std::path::Path;
use std::time::Duration;

/// How long a lease lasts, milliseconds: after a server's machine is lost, another may start so much later.
const LASTS_MS: i64 = 30_000;
/// How often it is renewed.
pub const RENEW_EVERY: Duration = Duration::from_secs(5);
/// The catalog of a data directory.
const FILE: &str = "catalog.db";
/// In a data directory whose catalog is in PostgreSQL: who its server is in the eyes of the lease, the same at every start.
const HOLDER_FILE: &str = "catalog-holder";

/// Opens the catalog that the configuration names, and takes its lease where it is in PostgreSQL.
pub async fn open(config: &Config, clock: &dyn Clock) -> anyhow::Result<(Catalog, Option<Lease>)> {
    let dir = &config.data_dir;
    let Some(url) = &config.catalog else {
        return Ok((open_file(dir).await?, None));
    };
    if dir.join(FILE).exists() {
        bail!(
            "{} has a catalog.db: its resources are not in PostgreSQL. Choose another --data-dir for [catalog] url, or leave the url out",
            dir.display()
        );
    }
    let holder = holder(dir)?;
    let catalog = Catalog::connect(&url.0).await.context("open the catalog at [catalog] url")?;
    let now = clock.now();
    let asked = catalog.acquire_lease(SERVER_LEASE, &holder, now, Timestamp(now.0 + LASTS_MS)).await;
    let lease = match asked.context("take the lease of the catalog")? {
        Ok(lease) => lease,
        Err(other) => bail!(
            "the catalog at [catalog] url is in use by the server {} (its lease ends {}). Stop it, or wait until its lease has ended",
            other.holder,
            Timestamp(other.expires_ms)
        ),
    };
    catalog.fence(&lease);
    Ok((catalog, Some(lease)))
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
pub async fn renew(server: &Server, lease: &Lease) -> bool {
    let until = Timestamp(server.clock.now().0 + LASTS_MS);
    match server.trail.catalog.renew_lease(lease, until).await {
        Ok(true) => true,
        Ok(false) => false,
        Err(error) if error.is_superseded() => false,
        // It goes on as long as nobody takes the lease.
        Err(error) => {
            tracing::warn!(%error, "renew the lease of the catalog");
            true
        }
    }
}

/// Gives the lease back, so that another server may start at once.
pub async fn release(server: &Server) {
    if let Some(lease) = &server.lease
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
        let clock = model::clock::ManualClock::at(Timestamp(1));
        let error = open(&config(other.path()), &clock).await.unwrap_err().to_string();
        assert!(error.contains("has a catalog.db"), "{error}");
        let error = format!("{:#}", open(&config(dir.path()), &clock).await.unwrap_err());
        assert!(error.contains("[catalog] url") && !error.contains("hidden"), "{error}");
    }
}
