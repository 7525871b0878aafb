//! `trailwatch gateway`: the proxy of crate `gateway`, with the machine's clock, chance, disk, keys and signals.

mod config;
mod destination;
mod listen;

use crate::agent::environment;
use crate::outgoing::roots;
use crate::real::{RandomIds, SystemClock};
use crate::tls::{Acceptor, Certificate, Renewal};
use ::gateway::delivery::{Deliveries, Delivery};
use ::gateway::metrics::Metrics;
use ::gateway::spool::Spool;
use ::gateway::{Gateway, Parts};
use anyhow::{Context, bail};
use clap::Args;
pub use config::Config;
use config::Settings;
use destination::Server;
use model::{Clock, Ids};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, mpsc};
use std::time::Duration;
use store::LocalDisk;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use tracing_subscriber::EnvFilter;

/// How long the last delivery may take when the gateway stops; what is left waits in the spool.
const LAST_DELIVERY_MAX: Duration = Duration::from_secs(15);
/// How often it is looked for a new certificate.
const RENEWAL_INTERVAL: Duration = Duration::from_secs(60);

/// Stands between clients and any backend that speaks AWS's protocols. Clients and backends stay as they are: point clients at it.
/// Each call becomes one CloudTrail event in Trailwatch.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  trailwatch gateway --upstream s3=http://127.0.0.1:9000\n  trailwatch gateway --upstream s3=http://minio:9000 --upstream dynamodb=https://dynamo:8000 --fail-closed\n  trailwatch gateway --upstream all=http://127.0.0.1:4566 --listen 127.0.0.1:0     # one backend for all services\n  trailwatch gateway --config gateway.toml\n\nServices: s3, dynamodb, sqs, sns, kms, lambda, sts, secretsmanager, kinesis, firehose, and all for those that have no backend of\ntheir own. Backends are http:// or https://.\nThe config file (TOML) has the same keys with underscores (listen, tls_certificate, tls_key, endpoint, ca_file, spool_dir, spool_mib_max, account_id, region,\nfail_closed, known_keys_only, calls_max, s3_domains, endpoint_id), [upstreams], which names backends by service, [[key]] with access_key_id,\nsecret_access_key, session_token, account_id and arn: keys that signatures are verified with, and [[deny]] with name, service,\noperation, resource, principal and source: calls that are refused. Flags win. docs/gateway.md has one to paste.\nKeys for Trailwatch come from AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, or from profile AWS_PROFILE of the\nshared credentials file. They need trailwatch:ImportEvents and cloudwatch:PutMetricData.\nRUST_LOG sets how much is logged (default: info).\nExit code 0: stopped by SIGTERM or SIGINT. 1: failed. 2: wrong usage."
)]
pub struct GatewayArgs {
    /// TOML file with everything that the flags say, and more
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Where calls of a service go; may be given several times
    #[arg(long, value_name = "SERVICE=URL")]
    upstream: Vec<String>,
    /// Address to listen on; port 0 picks a free one and prints it [default: 127.0.0.1:8793]
    #[arg(long, value_name = "ADDRESS:PORT")]
    listen: Option<String>,
    /// PEM file of the certificate, its chain after it: the port then speaks TLS. Read again on SIGHUP and when it changes
    #[arg(long, value_name = "FILE")]
    tls_certificate: Option<PathBuf>,
    /// PEM file of the certificate's key
    #[arg(long, value_name = "FILE")]
    tls_key: Option<PathBuf>,
    /// The running Trailwatch that events go to [default: AWS_ENDPOINT_URL, else http://127.0.0.1:8792]
    #[arg(long, value_name = "URL")]
    endpoint: Option<String>,
    /// PEM file of the authorities that certificates of an https:// Trailwatch and of https:// backends may be of [default: AWS_CA_BUNDLE, else Mozilla's]
    #[arg(long, value_name = "FILE")]
    ca_file: Option<PathBuf>,
    /// Folder that holds events until Trailwatch has them; made when absent [default: trailwatch-gateway]
    #[arg(long, value_name = "DIR")]
    spool_dir: Option<PathBuf>,
    /// No audit, no call: a call goes to the backend once it is durable that it will, and is answered once its event is
    #[arg(long)]
    fail_closed: bool,
    /// Refuse calls that no [[key]] of the config file signed
    #[arg(long)]
    known_keys_only: bool,
    /// Account of calls whose key is not known, 12 digits [default: 123456789012]
    #[arg(long, value_name = "ID")]
    account_id: Option<String>,
    /// Region of calls that name none [default: AWS_REGION, AWS_DEFAULT_REGION, else us-east-1]
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
}

impl GatewayArgs {
    /// Flags over file over environment, checked.
    pub fn config(self) -> anyhow::Result<Config> {
        let mut settings = self.config.as_deref().map(Settings::from_file).transpose()?.unwrap_or_default();
        for text in &self.upstream {
            let Some((service, url)) = text.split_once('=') else {
                bail!("--upstream must be SERVICE=URL such as s3=http://127.0.0.1:9000, not '{text}'");
            };
            settings.upstreams.insert(service.to_owned(), url.to_owned());
        }
        settings.listen = self.listen.or(settings.listen);
        settings.endpoint = self.endpoint.or(settings.endpoint).or_else(|| environment("AWS_ENDPOINT_URL"));
        settings.tls_certificate = self.tls_certificate.or(settings.tls_certificate);
        settings.tls_key = self.tls_key.or(settings.tls_key);
        let ca_file = self.ca_file.or(settings.ca_file);
        settings.ca_file = ca_file.or_else(|| environment("AWS_CA_BUNDLE").map(PathBuf::from));
        settings.spool_dir = self.spool_dir.or(settings.spool_dir);
        settings.fail_closed |= self.fail_closed;
        settings.known_keys_only |= self.known_keys_only;
        settings.account_id = self.account_id.or(settings.account_id);
        let region = self.region.or(settings.region).or_else(|| environment("AWS_REGION"));
        settings.region = region.or_else(|| environment("AWS_DEFAULT_REGION"));
        settings.resolve()
    }
}

/// Runs the gateway until SIGTERM or SIGINT.
pub async fn gateway(config: Config) -> anyhow::Result<ExitCode> {
    let filter = environment("RUST_LOG").unwrap_or_else(|| "info".into());
    let filter = EnvFilter::try_new(filter).context("set up the log (RUST_LOG)")?;
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_ansi(false).init();
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let ids: Arc<dyn Ids> = Arc::new(RandomIds);
    let Config { listen: address, tls, endpoint, ca_file, spool: spool_settings, region, account_id, settings } =
        config;
    let certificate = tls.as_ref().map(Certificate::open).transpose()?.map(Arc::new);
    let tls = certificate.as_ref().map(Acceptor::for_http).transpose()?;
    let renewing = certificate.map(Renewal::new).transpose()?.map(|renewal| tokio::spawn(renew(renewal)));
    // Who speaks plain HTTP needs no authorities, and none that can be read.
    let roots = roots(ca_file.as_deref().filter(|_| !endpoint.starts_with("http://")))?;
    let destination = Server::new((&endpoint, roots), &account_id, &region, Arc::clone(&clock))?;
    let _lock = prepare(&spool_settings.dir)?;
    let spool_dir = spool_settings.dir.clone();
    let spool = tokio::task::spawn_blocking(move || Spool::open(spool_settings, Arc::new(LocalDisk)))
        .await?
        .with_context(|| format!("open the spool in {}", spool_dir.display()))?;
    let (metrics, deliveries) = (Arc::new(Metrics::default()), Arc::new(Deliveries::default()));
    let delivery =
        Delivery::new(spool.clone(), Arc::clone(&metrics), destination, Arc::clone(&clock), Arc::clone(&deliveries));
    let (stop_delivery, delivery_stopped) = mpsc::channel::<()>();
    // A thread that nobody waits for: a server that does not answer does not keep the process from ending.
    let (ending, mut ended) = oneshot::channel::<()>();
    let deliver = move || {
        delivery.run(&delivery_stopped);
        let _ = ending.send(());
    };
    std::thread::Builder::new().name("delivery".into()).spawn(deliver).context("start the delivery of events")?;
    let (fail_closed, closing) = (settings.fail_closed, spool.clone());
    let gateway = Arc::new(Gateway::new(settings, Parts { spool, metrics, deliveries, clock, ids }));
    let listener = TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))?;
    let address = listener.local_addr()?;
    // Before anybody can know that it runs: a signal that comes first would end the process uncleanly.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let url = format!("{}://{address}", if tls.is_some() { "https" } else { "http" });
    announce(&url)?;
    tracing::info!(%address, endpoint, fail_closed, spool_dir = %spool_dir.display(), "started");
    let mut is_broken = false;
    let stop = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
            _ = &mut ended => is_broken = true,
        }
        tracing::info!("stopping");
    };
    listen::listen(listener, tls, gateway, stop).await;
    if let Some(renewing) = renewing {
        renewing.abort();
    }
    drop(stop_delivery);
    if !is_broken && tokio::time::timeout(LAST_DELIVERY_MAX, ended).await.is_err() {
        tracing::info!("what is not delivered waits in the spool");
    }
    tokio::task::spawn_blocking(move || closing.close()).await.context("close the spool")?;
    if is_broken {
        bail!("the delivery of events ended by itself; see the log");
    }
    Ok(ExitCode::SUCCESS)
}

/// Looks for a new certificate each minute, and when a signal asks for it.
async fn renew(mut renewal: Renewal) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(RENEWAL_INTERVAL) => {}
            () = renewal.asked() => {}
        }
        renewal.look().await;
    }
}

/// Makes the folder of the spool, readable by its owner only, and keeps other gateways out of it.
fn prepare(dir: &Path) -> anyhow::Result<File> {
    let mut builder = std::fs::DirBuilder::new();
    std::os::unix::fs::DirBuilderExt::mode(builder.recursive(true), 0o700);
    builder.create(dir).with_context(|| format!("make folder {}", dir.display()))?;
    let path = dir.join("LOCK");
    let lock = OpenOptions::new().create(true).truncate(false).write(true).open(&path);
    let lock = lock.with_context(|| format!("open {}", path.display()))?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(TryLockError::WouldBlock) => {
            bail!("spool {} is in use by another gateway; choose another --spool-dir", dir.display())
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| format!("lock {}", path.display())),
    }
}

/// Prints the address and what to paste. Other programs read these lines, so they go to stdout and stay as they are.
fn announce(url: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "trailwatch {} gateway is ready: listening on {url}\n", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "export AWS_ENDPOINT_URL={url}\n")?;
    writeln!(out, "Paste the export line into a client's shell; its keys stay those of the backend.")?;
    writeln!(out, "health: {url}{}", ::gateway::proxy::HEALTH_PATH)?;
    out.flush()?;
    Ok(())
}
