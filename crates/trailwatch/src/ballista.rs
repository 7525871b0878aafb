//! `trailwatch scheduler` and `trailwatch executor`: the processes that wide SQL queries run on, and the server's way to them.

use crate::config::{BallistaSettings, Config, Settings, host_and_port};
use crate::real::SystemClock;
use crate::serve::ensure_local;
use crate::server_log;
use crate::store_bucket::StoreBucket;
use anyhow::{Context, bail};
use clap::Args;
use distributed::{Ballista, ExecutorOptions, SchedulerOptions};
use query::sql::Wide;
use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use store::SegmentReader;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How long after a failure a query is tried again, and a scheduler asked whether it is there: one that is started again soon is.
const PAUSE: Duration = Duration::from_secs(1);
/// What scheduler and executors log where RUST_LOG does not say it: Ballista's own steps are many, and have statements in them.
const LOG: &str = "info,ballista=warn";

/// Where the server has wide queries run.
pub fn wide(settings: &BallistaSettings) -> Wide {
    let (host, port) = &settings.scheduler;
    tracing::info!(%host, port, wide_bytes = settings.wide_bytes, "wide queries run on Ballista");
    let elsewhere = Arc::new(Ballista::at(&format!("{host}:{port}")));
    Wide { elsewhere, bytes_min: settings.wide_bytes, partitions: settings.tasks, pause: PAUSE }
}

/// It shares out the tasks of wide queries to executors. It keeps nothing: one that is started again goes on with the next query. Nobody is
/// asked who they are on its port, so it belongs into a network of these machines alone.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  trailwatch scheduler --listen 10.0.0.2:50050\n\nThe server's config file names it: [ballista] scheduler = \"10.0.0.2:50050\" (docs/wide-queries.md)."
)]
pub struct SchedulerArgs {
    /// Address to listen on; port 0 picks a free one and prints it
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:50050")]
    listen: SocketAddr,
    /// What executors call this machine by [default: the address to listen on]
    #[arg(long, value_name = "HOST")]
    advertise: Option<String>,
}

/// It reads segments, all records in them, and answers whoever asks on its ports: they belong into a network of these machines alone. It
/// writes nothing but what lies between the steps of a query.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  trailwatch executor --scheduler 10.0.0.2:50050 --config trailwatch.toml --listen 10.0.0.3:50051\n\nOf the config file (that of the server) data_dir and [store] say where records are. Without a scheduler it waits; when it has lost one it\nends with exit code 1, to be started again."
)]
pub struct ExecutorArgs {
    /// Where the scheduler is
    #[arg(long, value_name = "HOST:PORT")]
    scheduler: String,
    /// TOML file of the server
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// The server's data directory, where records are not in a bucket [default: that of the file, else trailwatch-data]
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Address and first of two ports to listen on; port 0 picks free ones
    #[arg(long, value_name = "ADDRESS:PORT", default_value = "127.0.0.1:50051")]
    listen: SocketAddr,
    /// What others call this machine by [default: the address that the scheduler sees]
    #[arg(long, value_name = "HOST")]
    advertise: Option<String>,
    /// Folder for rows between the steps of a query; a folder in it is emptied
    #[arg(long, value_name = "DIR", default_value = "trailwatch-executor")]
    work_dir: PathBuf,
    /// Tasks at the same time [default: as many as there are cores]
    #[arg(long, value_name = "N")]
    tasks: Option<usize>,
}

fn log() -> anyhow::Result<()> {
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| LOG.into());
    // Only a server keeps its log among its records.
    drop(server_log::install(&filter, Arc::new(SystemClock)).context("set up the log (RUST_LOG)")?);
    distributed::take_in_log();
    Ok(())
}

/// Runs a scheduler until SIGTERM or SIGINT.
pub async fn scheduler(args: SchedulerArgs) -> anyhow::Result<ExitCode> {
    log()?;
    let host = match args.advertise {
        Some(host) => host,
        None if args.listen.ip().is_unspecified() => {
            bail!("--listen {} is every address of this machine: --advertise says which one executors use", args.listen)
        }
        None => host_of(args.listen),
    };
    let listener = TcpListener::bind(args.listen).await.with_context(|| format!("listen on {}", args.listen))?;
    let address = listener.local_addr()?;
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    say(&format!("trailwatch scheduler is ready: listening on {address}"))?;
    tokio::select! {
        broken = distributed::scheduler(listener, SchedulerOptions { host }) => {
            broken.context("run the scheduler")?;
            bail!("the scheduler ended")
        }
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    Ok(ExitCode::SUCCESS)
}

/// Runs an executor until SIGTERM or SIGINT.
pub async fn executor(args: ExecutorArgs) -> anyhow::Result<ExitCode> {
    log()?;
    let file = args.config.as_deref().map(Settings::from_file).transpose()?.unwrap_or_default();
    let config = Config::resolve(Settings { data_dir: args.data_dir, ..Settings::default() }, file)?;
    let reader = match &config.store {
        Some(settings) => SegmentReader::of_objects(Arc::new(StoreBucket::new(settings, Arc::new(SystemClock))?)),
        None => {
            ensure_local(&config.data_dir)?;
            let dir = config.data_dir.join("store");
            SegmentReader::of_folder(&dir).with_context(|| format!("read records in {}", dir.display()))?
        }
    };
    let listen = free_ports(args.listen).await?;
    let options = ExecutorOptions {
        scheduler: host_and_port(&args.scheduler).context("--scheduler")?,
        listen,
        host: args.advertise,
        tasks: args.tasks.unwrap_or(0),
        work_dir: args.work_dir.join(format!("executor-{}", listen.port())),
    };
    let (tell, mut told) = watch::channel(false);
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let (tell, mut signal) = (tell.clone(), signal(kind)?);
        tokio::spawn(async move {
            signal.recv().await;
            tell.send_replace(true);
        });
    }
    say(&format!("trailwatch executor {listen} starts; its scheduler is {}", args.scheduler))?;
    let (host, port) = options.scheduler.clone();
    let is_there = async {
        while TcpStream::connect((host.as_str(), port)).await.is_err() {
            tokio::time::sleep(PAUSE).await;
        }
    };
    tokio::select! {
        () = is_there => {}
        _ = told.wait_for(|told| *told) => return Ok(ExitCode::SUCCESS),
    }
    // From here on Ballista sees to the signals, too: it ends what it has begun.
    distributed::executor(options, Arc::new(reader)).await.context("run the executor")?;
    if !*told.borrow() {
        bail!("the executor ended: its scheduler was silent, or is of another version");
    }
    Ok(ExitCode::SUCCESS)
}

/// An address as a URL has it, without the port.
fn host_of(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

/// The address, with two free ports in a row for port 0.
async fn free_ports(listen: SocketAddr) -> anyhow::Result<SocketAddr> {
    if listen.port() != 0 {
        return Ok(listen);
    }
    for _ in 0..100 {
        let first = TcpListener::bind(listen).await?.local_addr()?;
        let Some(next) = first.port().checked_add(1) else { continue };
        if TcpListener::bind((first.ip(), next)).await.is_ok() {
            return Ok(first);
        }
    }
    bail!("there are no two free ports in a row at {}", listen.ip())
}

/// Other programs read this line.
fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
