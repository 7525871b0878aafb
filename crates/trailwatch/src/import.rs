//! `trailwatch import cloudtrail`: reads files here, hands records in batches to a running server or to a data directory.

use crate::ImportArgs;
use crate::config::{is_account_id, is_region};
use crate::lease::{open_file, refuse_postgres};
use crate::proofs::Proofs;
use crate::real::{RandomIds, SystemClock};
use crate::remote::Remote;
use crate::serve::open_store;
use anyhow::{Context, bail};
use indicatif::{ProgressBar, ProgressStyle};
use model::time::MINUTE;
use model::{Clock, Event, Ids, Timestamp};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use tokio::sync::mpsc;
use trail::Trail;
use trail::import::{self, Differing, Imported, Refusal};
use trail::record::Defaults;

/// Most records, and bytes of records, handed over at once.
const BATCH_EVENTS_MAX: usize = 2_000;
const BATCH_BYTES_MAX: usize = 3 * 1024 * 1024;
/// How many refusals, and how many records that differ, are named in full; the rest are counted.
const TOLD_MAX: usize = 1_000;

/// Runs the import; exit code 1 when anything was refused. A record that differs from the one stored under its id is named
/// and counted among those that are there already.
pub async fn cloudtrail(args: ImportArgs) -> anyhow::Result<ExitCode> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let defaults = defaults(&args, &*clock)?;
    let mut target = match &args.data_dir {
        Some(dir) => Target::Local(Box::new(Local::open(dir, clock).await?)),
        None => Target::Remote(Box::new(Remote::from_environment(&args.at, &defaults, clock)?)),
    };
    let mut tally = Tally::new();
    let files = import::files(&args.paths, &mut |refusal| tally.refuse(&refusal));
    tally.bar.set_length(files.iter().filter_map(|file| std::fs::metadata(file).ok()).map(|about| about.len()).sum());
    let file_count = files.len();
    import_files(files, defaults, &mut target, &mut tally).await?;
    if let Target::Local(local) = target {
        local.close().await?;
    }
    tally.bar.finish_and_clear();
    let Tally { stored, duplicates, differing, refused, .. } = tally;
    println!(
        "{stored} records imported, {duplicates} there already, {refused} refused, {file_count} files, \
         {differing} differ from the stored one"
    );
    Ok(if refused == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn defaults(args: &ImportArgs, clock: &dyn Clock) -> anyhow::Result<Defaults> {
    let environment = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    let account = args.account_id.clone().unwrap_or_else(|| "123456789012".into());
    let region = args.region.clone();
    let region = region.or_else(|| environment("AWS_REGION")).or_else(|| environment("AWS_DEFAULT_REGION"));
    let region = region.unwrap_or_else(|| "us-east-1".into());
    if !is_account_id(&account) {
        bail!("--account-id must be 12 digits, not '{account}'");
    }
    if !is_region(&region) {
        bail!("--region must look like us-east-1, not '{region}'");
    }
    Ok(Defaults { account, region, ingestion_time: clock.now() })
}

async fn open_trail(dir: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Trail> {
    if !dir.is_dir() {
        bail!("{} is not a data directory", dir.display());
    }
    // Before the store, which needs no opening then.
    refuse_postgres(dir)?;
    let store = open_store(dir, Arc::clone(&clock)).await?;
    let catalog = open_file(dir).await?;
    let ids: Arc<dyn Ids> = Arc::new(RandomIds);
    Trail::new(store, catalog, clock, ids, trail::Settings::default()).await.context("open the trail plane")
}

/// Where records go.
enum Target {
    Local(Box<Local>),
    Remote(Box<Remote>),
}

impl Target {
    async fn store(&mut self, events: Vec<Event>) -> anyhow::Result<Imported> {
        match self {
            Target::Local(local) => local.store(events).await,
            Target::Remote(remote) => remote.store(&events),
        }
    }
}

/// A data directory that no server has open.
struct Local {
    trail: Trail,
    /// The log of its events for proofs, as long as it can be written here.
    proofs: Option<Proofs>,
    /// The minute in which it was signed last.
    minute: Timestamp,
}

impl Local {
    async fn open(dir: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Self> {
        let minute = clock.now().floor_to(MINUTE);
        let trail = open_trail(dir, clock).await?;
        let proofs = Proofs::of_directory(dir, trail.store.clone()).context("open the log of events")?;
        Ok(Self { trail, proofs, minute })
    }

    async fn store(&mut self, events: Vec<Event>) -> anyhow::Result<Imported> {
        let imported = import::store(&self.trail, events).await.context("store records")?;
        let minute = self.trail.clock.now().floor_to(MINUTE);
        let is_minute = std::mem::replace(&mut self.minute, minute) != minute;
        self.write_log(is_minute).await;
        Ok(imported)
    }

    /// Writes the log while the hashes of the records are in memory, and signs it each minute as a server does: who is killed leaves little
    /// to be read again. What cannot be written is left to the server's next start, and the records are stored all the same.
    async fn write_log(&mut self, signed: bool) {
        let Some(proofs) = &self.proofs else { return };
        let written = if signed { proofs.publish().await.map(drop) } else { proofs.advance().await };
        if let Err(error) = written {
            eprintln!("the log of events for proofs is left to the server: {error}");
            self.proofs = None;
        }
    }

    async fn close(mut self) -> anyhow::Result<()> {
        self.write_log(true).await;
        self.trail.store.close().await.context("close the store")?;
        self.trail.catalog.close().await;
        Ok(())
    }
}

/// What the import came to so far.
struct Tally {
    stored: usize,
    duplicates: usize,
    differing: usize,
    refused: usize,
    bar: ProgressBar,
}

impl Tally {
    fn new() -> Self {
        let bar = ProgressBar::new(0);
        let style = ProgressStyle::with_template("{wide_bar} {bytes}/{total_bytes} {msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Self { stored: 0, duplicates: 0, differing: 0, refused: 0, bar }
    }

    fn refuse(&mut self, refusal: &Refusal) {
        self.refused += 1;
        self.tell("refused", self.refused, refusal);
    }

    /// Counts what became of a batch whose events came from `origins`.
    fn add(&mut self, imported: Imported, origins: &[Origin]) {
        self.stored += imported.stored;
        self.duplicates += imported.duplicates;
        for Differing { at, event_id } in imported.differing {
            self.differing += 1;
            let origin = usize::try_from(at).ok().and_then(|at| origins.get(at));
            self.tell(
                "differs",
                self.differing,
                &Refusal {
                    file: origin.map(|origin| origin.file.to_string()).unwrap_or_default(),
                    record: origin.map(|origin| origin.record),
                    reason: format!("eventID {}: there already with other content", event_id.escape_debug()),
                },
            );
        }
        self.bar.set_message(format!("{} records", self.stored + self.duplicates));
    }

    /// Names one thing of a kind, of which it is the `count`th.
    fn tell(&self, kind: &str, count: usize, what: &Refusal) {
        if count <= TOLD_MAX {
            self.bar.suspend(|| eprintln!("{kind}: {what}"));
        } else if count == TOLD_MAX + 1 {
            self.bar.suspend(|| eprintln!("{kind}: more; only the count follows"));
        }
    }
}

/// Reads files on a thread of its own, a few batches ahead of the store.
async fn import_files(
    files: Vec<PathBuf>,
    defaults: Defaults,
    target: &mut Target,
    tally: &mut Tally,
) -> anyhow::Result<()> {
    let (sender, mut batches) = mpsc::channel::<Batch>(2);
    let bar = tally.bar.clone();
    let reading = tokio::task::spawn_blocking(move || {
        let mut batch = Batch::default();
        for file in &files {
            read_file(file, &defaults, &bar, &mut batch, &sender);
        }
        // A send fails only when the import has failed already; the error is told there.
        let _ = sender.blocking_send(batch);
    });
    while let Some(batch) = batches.recv().await {
        for refusal in &batch.refusals {
            tally.refuse(refusal);
        }
        if !batch.events.is_empty() {
            tally.add(target.store(batch.events).await?, &batch.origins);
        }
    }
    reading.await.context("read files")
}

/// Records and refusals on their way from the reader.
#[derive(Default)]
struct Batch {
    events: Vec<Event>,
    /// Where each event comes from.
    origins: Vec<Origin>,
    refusals: Vec<Refusal>,
    bytes: usize,
}

/// Where an event comes from: file, and which record of it, counted from 0.
struct Origin {
    file: Arc<str>,
    record: u64,
}

/// Reads one file into `batch`, which is sent and begun anew whenever it is full.
fn read_file(path: &Path, defaults: &Defaults, bar: &ProgressBar, batch: &mut Batch, sender: &mpsc::Sender<Batch>) {
    let name: Arc<str> = path.display().to_string().into();
    let mut records = 0_u64;
    let mut take = |taken: Result<Event, Refusal>| {
        match taken {
            Ok(event) => {
                batch.bytes += event.record.len();
                batch.events.push(event);
                batch.origins.push(Origin { file: Arc::clone(&name), record: records });
                records += 1;
            }
            Err(refusal) => {
                records += u64::from(refusal.record.is_some());
                batch.refusals.push(refusal);
            }
        }
        if batch.bytes >= BATCH_BYTES_MAX || batch.events.len() + batch.refusals.len() >= BATCH_EVENTS_MAX {
            let _ = sender.blocking_send(std::mem::take(batch));
        }
    };
    match File::open(path) {
        Ok(file) => import::read(bar.wrap_read(file), &name, defaults, &mut take),
        Err(error) => take(Err(Refusal { file: name.to_string(), record: None, reason: error.to_string() })),
    }
}

#[cfg(test)]
mod tests;
