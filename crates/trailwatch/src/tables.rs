//! `trailwatch tables export`: the data as Delta Lake tables for Spark, Trino, DuckDB and deltalake, beside a server or without one.

use crate::agent::environment;
use crate::real::{RandomIds, SystemClock};
use crate::serve::ensure_local;
use anyhow::{Context, anyhow, bail, ensure};
use catalog::{Catalog, EveryLogStream};
use clap::{Args, Subcommand};
use model::{GroupId, StreamId};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use store::{OpenTables, OpenTablesOptions, StreamName, Synced};
use tokio::signal::unix::{SignalKind, signal};

/// The folder of `--in-place`.
const IN_PLACE: &str = "open-tables";

/// The subcommands.
#[derive(Debug, Subcommand)]
pub enum Tables {
    /// Write Delta Lake logs over the data of a server, running or not.
    Export(ExportArgs),
}

/// Four tables: events, logs, metrics and log_streams (names of groups and streams). Files of events and logs are hard links to the
/// server's own, so they take no room; metrics are written as plain rows. Records that are in the journal only are not there yet.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  trailwatch tables export --data-dir /var/lib/trailwatch --out /var/lib/trailwatch-tables\n  trailwatch tables export --data-dir /var/lib/trailwatch --in-place --watch\n  python3 -c \"import deltalake; print(deltalake.DeltaTable('/var/lib/trailwatch-tables/events').to_pyarrow_table())\"\n\nWhoever reads the folder reads all records of all accounts, without masks. More: docs/open-tables.md.\nExit code 0: done, or with --watch stopped by SIGTERM or SIGINT. 1: failed; run again, it goes on where it was."
)]
pub struct ExportArgs {
    /// The data directory, of a running server or of a stopped one
    #[arg(long, value_name = "DIR", default_value = "trailwatch-data")]
    data_dir: PathBuf,
    /// Folder of the tables, made when absent; on the file system of the data directory
    #[arg(long, value_name = "DIR", required_unless_present = "in_place", conflicts_with = "in_place")]
    out: Option<PathBuf>,
    /// Put the tables into the folder open-tables of the data directory
    #[arg(long)]
    in_place: bool,
    /// Go on, and follow what the server writes and merges
    #[arg(long)]
    watch: bool,
    /// How often --watch looks, seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    interval: u64,
    /// How long files that went out of a table are kept for queries that still read them, minutes
    #[arg(long, value_name = "MINUTES", default_value_t = 60, value_parser = clap::value_parser!(i64).range(0..=525_600))]
    keep_removed: i64,
}

/// Runs a subcommand.
pub async fn run(command: Tables) -> anyhow::Result<ExitCode> {
    let Tables::Export(args) = command;
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    // What is stopped in the middle goes on with the next run.
    tokio::select! {
        _ = terminate.recv() => Ok(ExitCode::SUCCESS),
        _ = interrupt.recv() => Ok(ExitCode::SUCCESS),
        ended = export(args) => ended.map(|()| ExitCode::SUCCESS),
    }
}

async fn export(args: ExportArgs) -> anyhow::Result<()> {
    if let Some(filter) = environment("RUST_LOG") {
        let filter = tracing_subscriber::EnvFilter::try_new(filter).context("set up the log (RUST_LOG)")?;
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    }
    let folder = args.out.clone().unwrap_or_else(|| args.data_dir.join(IN_PLACE));
    let options = OpenTablesOptions { keep_removed_ms: args.keep_removed * 60_000, ..OpenTablesOptions::default() };
    let mut tables = open(&args.data_dir, &folder, options).await?;
    loop {
        let synced = tables.sync(async || names(&args.data_dir).await).await.context("export the tables")?;
        report(&synced, args.watch)?;
        if !args.watch {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_secs(args.interval)).await;
    }
}

/// The tables of a data directory, in a folder that is made.
async fn open(data_dir: &Path, folder: &Path, options: OpenTablesOptions) -> anyhow::Result<OpenTables> {
    let store = data_dir.join("store");
    ensure_local(data_dir)?;
    ensure!(
        store.join("objects").is_dir() && data_dir.join("catalog.db").is_file(),
        "{} is not a data directory of trailwatch",
        data_dir.display()
    );
    // Whoever reads them reads all records.
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700);
    // The server removes from its store what it does not know.
    ensure!(
        !real(folder)?.starts_with(real(&store)?),
        "{} is in the store of the server; choose another folder",
        folder.display()
    );
    builder.create(folder).with_context(|| format!("make folder {}", folder.display()))?;
    let opened = OpenTables::open(&store, folder, options, Arc::new(SystemClock), Arc::new(RandomIds)).await;
    match opened {
        Err(store::Error::Locked { .. }) => {
            Err(anyhow!("another trailwatch exports to {}; stop it, or choose another folder", folder.display()))
        }
        opened => opened.with_context(|| format!("open the tables in {}", folder.display())),
    }
}

/// A path without links, as far as it is there.
fn real(path: &Path) -> std::io::Result<PathBuf> {
    let absolute = std::path::absolute(path)?;
    for there in absolute.ancestors() {
        if let (Ok(real), Ok(rest)) = (there.canonicalize(), absolute.strip_prefix(there)) {
            return Ok(real.join(rest));
        }
    }
    Ok(absolute)
}

/// The names of all log streams.
async fn names(data_dir: &Path) -> anyhow::Result<Vec<StreamName>> {
    let path = data_dir.join("catalog.db");
    let streams = Catalog::log_streams_at(&path).await.with_context(|| format!("read {}", path.display()))?;
    let name = |stream: EveryLogStream| StreamName {
        group: GroupId(stream.group_id as u64),
        stream: StreamId(stream.stream_id as u64),
        account: stream.account,
        region: stream.region,
        log_group: stream.log_group,
        log_stream: stream.log_stream,
    };
    Ok(streams.into_iter().map(name).collect())
}

/// A line for each commit; who watches hears nothing while nothing happens.
fn report(synced: &Synced, watches: bool) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let mut print = || -> std::io::Result<()> {
        for commit in &synced.commits {
            let (table, version, added, removed) = (commit.table, commit.version, commit.added, commit.removed);
            writeln!(
                out,
                "{table} version {version}: {added} files added, {removed} removed (manifest {})",
                synced.manifest
            )?;
        }
        if synced.commits.is_empty() && !watches {
            writeln!(out, "the tables show manifest {} already", synced.manifest)?;
        }
        out.flush()
    };
    match print() {
        Err(error) => bail!("print: {error}"),
        Ok(()) => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::serve::open_store;

    #[tokio::test]
    async fn wrong_folders_are_named() {
        let dir = tempfile::tempdir().expect("a folder");
        let (data, out) = (dir.path().join("data"), dir.path().join("out"));
        let options = OpenTablesOptions::default();
        let wrong = open(&data, &out, options).await.expect_err("no data directory").to_string();
        assert!(wrong.contains("is not a data directory"), "{wrong}");
        assert!(!out.exists());
        let store = open_store(&data, Arc::new(SystemClock)).await.expect("a store");
        Catalog::open(&data.join("catalog.db")).await.expect("a catalog").close().await;
        let wrong = open(&data, &data.join("store/objects/x"), options).await.expect_err("inside").to_string();
        assert!(wrong.contains("choose another folder"), "{wrong}");
        let mut tables = open(&data, &out, options).await.expect("beside an open store");
        let wrong = open(&data, &out, options).await.expect_err("two at once").to_string();
        assert!(wrong.contains("another trailwatch exports to"), "{wrong}");
        let synced = tables.sync(async || names(&data).await).await.expect("a sync");
        assert_eq!(synced.commits.len(), 4);
        store.close().await.expect("close");
    }
}
