//! `trailwatch serve`: opens everything in order, listens, and closes everything in the opposite order.

use crate::auth::Auth;
use crate::buckets::{self, ServerBuckets};
use crate::calls::Calls;
use crate::config::{BackupSettings, Config, StoreSettings};
use crate::http::{Peer, Port};
use crate::keys::{AccessKey, identity_sealing_key, notification_signing_seed, sealing_key};
use crate::oidc::{self, Oidc};
use crate::proofs::Proofs;
use crate::real::{RandomIds, SystemClock, random_u64};
use crate::receivers::HttpReceivers;
use crate::server::{MayAct, Recorder, Server};
use crate::store_bucket::StoreBucket;
use crate::throttle::Throttle;
use crate::tls::{Acceptor, Certificate, Renewal};
use crate::trail_topics::TrailTopics;
use crate::{cluster, console, grpc, http, ingest, lease, operations, server_log, sql, syslog, tasks};
use access::Access;
use anyhow::{Context, anyhow, bail};
use catalog::Catalog;
use model::buckets::Buckets;
use model::{Clock, Ids};
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use store::Store;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;
use trail::Trail;
use trail::digest::keys::KeyStore;
use watch::Watch;
use watch::alarms::observers::NoObservers;
use watch::logs::subscriptions::Subscriptions;
use watch::notify::Notify;
use wire::HttpRequest;

/// Exit code of a server that another node has taken over: a supervisor that started it again would take the records back.
const TAKEN_OVER: u8 = 3;

/// How long segments that were replaced stay in a cluster, milliseconds: a search at another node may be in the midst of them.
const REPLACED_READ_MS: i64 = 30 * 60 * 1000;

/// Runs the server until SIGTERM or SIGINT. A task that panics or a listener that breaks is exit code 1, a node that was taken over 3.
pub async fn serve(config: Config) -> anyhow::Result<ExitCode> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let filter = std::env::var("RUST_LOG").unwrap_or_else(|_| "info".into());
    let lines = server_log::install(&filter, Arc::clone(&clock)).context("set up the log (RUST_LOG)")?;
    let certificate = config.tls.as_ref().map(Certificate::open).transpose()?.map(Arc::new);
    let tls = certificate.as_ref().map(Acceptor::for_http).transpose()?;
    if config.cluster.is_some() {
        return cluster::serve(config, clock, lines, certificate).await;
    }
    // All that may fail comes before the records, which `open` may take over from another node.
    let listener = TcpListener::bind(config.listen).await.with_context(|| format!("listen on {}", config.listen))?;
    let address = listener.local_addr()?;
    let url = format!("{}://{address}", if tls.is_some() { "https" } else { "http" });
    let grpc_port = grpc_port(&config, certificate.as_ref()).await?;
    let syslog_tls = certificate.as_ref().map(Acceptor::for_syslog).transpose()?;
    let ports = syslog::Ports::open(&config.syslog, syslog_tls).await?;
    let renewal = certificate.map(Renewal::new).transpose()?;
    let server = Arc::new(open(config, Arc::clone(&clock)).await?);
    server.watch.notify.listening_on(url.clone());
    let mut tasks = tasks::Tasks::start(Arc::clone(&server), lines, ports, renewal);
    // Before anybody can know that it runs: a signal that comes first would end the process uncleanly.
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    announce(&server.config, server.auth.credentials(), &url)?;

    let (stop, stopped) = oneshot::channel::<()>();
    let listening = tokio::spawn(http::serve(Port::new(listener, tls), Arc::clone(&server), async move {
        let _ = stopped.await;
    }));
    let (stop_grpc, grpc_stopped) = oneshot::channel::<()>();
    let exports_to = Arc::clone(&server);
    let export = move |peer: Peer, request: HttpRequest| {
        let server = Arc::clone(&exports_to);
        async move { ingest::answer(&server, &request, &peer.address.ip().to_string()).await }
    };
    let listening_grpc = grpc_port.map(|port| {
        tokio::spawn(grpc::serve(port, export, async move {
            let _ = grpc_stopped.await;
        }))
    });
    let mut code = ExitCode::SUCCESS;
    let broken = tokio::select! {
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        () = server.trail.store.taken_over() => {
            tracing::error!("another node has taken over the records: this one ends");
            code = ExitCode::from(TAKEN_OVER);
            None
        }
        name = tasks.broken() => Some(anyhow!("task '{name}' ended; see the log")),
    };
    tracing::info!("stopping");
    let _ = (stop.send(()), stop_grpc.send(()));
    listening.await.context("serve connections")?;
    if let Some(listening) = listening_grpc {
        listening.await.context("serve OTLP over gRPC")?;
    }
    tasks.stop().await;
    server.trail.store.close().await.context("close the store")?;
    lease::release(&server).await;
    server.trail.catalog.close().await;
    broken.map_or(Ok(code), Err)
}

/// The port for OTLP over gRPC, where there is one.
pub async fn grpc_port(config: &Config, certificate: Option<&Arc<Certificate>>) -> anyhow::Result<Option<Port>> {
    let Some(address) = config.otlp_grpc else { return Ok(None) };
    let listener = TcpListener::bind(address).await.with_context(|| format!("listen on [otlp] grpc {address}"))?;
    tracing::info!(address = %listener.local_addr()?, "listening for OTLP over gRPC");
    Ok(Some(Port::new(listener, certificate.map(Acceptor::for_http).transpose()?)))
}

/// Opens the data directory and both planes on it.
pub async fn open(config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<Server> {
    make_folders(&config.data_dir)?;
    // The catalog first: whoever waits for its turn there leaves the records to the node that has it.
    let (catalog, lease) = lease::open(&config).await?;
    open_on(config, clock, catalog, lease, Arc::new(|| true)).await
}

/// Makes the data directory.
pub fn make_folders(dir: &Path) -> anyhow::Result<()> {
    std::fs::create_dir_all(dir).with_context(|| format!("make data directory {}", dir.display()))?;
    let own = dir.join(buckets::DIR);
    // One that was there, but not yet for good, too.
    buckets::make_durable(&own)
        .and_then(|()| std::fs::File::open(dir)?.sync_all())
        .context("make the folder of buckets")
}

/// Opens the records and both planes on a catalog that nobody else writes to. `lease` is one that the server renews itself; all tasks
/// ask `may_act` before each step.
pub async fn open_on(
    config: Config,
    clock: Arc<dyn Clock>,
    catalog: Catalog,
    lease: Option<lease::Held>,
    may_act: MayAct,
) -> anyhow::Result<Server> {
    let dir = &config.data_dir;
    let store = match &config.store {
        None => open_store(dir, Arc::clone(&clock)).await?,
        Some(settings) => {
            let kept = config.backup.as_ref().map(BackupSettings::keep_replaced_ms);
            // Other nodes may be reading what was replaced.
            let keep_replaced_ms = if config.cluster.is_some() { kept.max(Some(REPLACED_READ_MS)) } else { kept };
            open_store_in(settings, keep_replaced_ms, dir, Arc::clone(&clock)).await?
        }
    };
    if config.store.is_some() {
        // The catalog may be a new one, or older than the records: no group or stream must come by another's, or be one that is gone.
        let (group, stream) = store.last_log_ids();
        catalog.reserve_log_ids(group, stream).await.context("reserve ids")?;
        let (groups, streams) = store.removed_logs();
        let deleted = catalog.delete_removed_logs(&groups, &streams, clock.now()).await.context("delete log groups")?;
        if deleted > 0 {
            tracing::warn!(
                deleted,
                "the catalog is older than the records: log groups and streams of it were deleted since"
            );
        }
    }
    catalog.composite_alarms_due(clock.now()).await.context("make composite alarms due")?;
    catalog.fail_log_queries(clock.now()).await.context("end queries that were cut off")?;
    catalog.fail_scheduled_runs().await.context("end scheduled queries that were cut off")?;
    let ids: Arc<dyn Ids> = Arc::new(RandomIds);
    let trail = Trail::new(store, catalog, Arc::clone(&clock), ids, trail_settings(&config)).await?;
    assemble(config, trail, Place { lease, may_act, recorder: None }).await
}

/// Opens the records of a bucket and a catalog that another node writes to, for calls that only read. What calls leave behind goes to
/// `recorder`.
pub async fn open_reader(
    config: Config,
    clock: Arc<dyn Clock>,
    catalog: Catalog,
    recorder: Arc<dyn Recorder>,
) -> anyhow::Result<Server> {
    let settings = config.store.as_ref().context("a node that only reads needs records in a bucket: [store] url")?;
    let options = bucket_options(settings, None, &config.data_dir, Arc::clone(&clock))?.1;
    let store = Store::open_reader(options, Arc::clone(&clock)).await.context("open the records for reading")?;
    let ids: Arc<dyn Ids> = Arc::new(RandomIds);
    let trail = Trail::reading(store, catalog, clock, ids, trail_settings(&config)).await?;
    assemble(config, trail, Place { lease: None, may_act: Arc::new(|| true), recorder: Some(recorder) }).await
}

fn trail_settings(config: &Config) -> trail::Settings {
    trail::Settings {
        lenient_lookup: config.trail.lenient_lookup,
        digest_interval: config.trail.digest_interval.millis(),
        key_rotation: config.trail.key_rotation.millis(),
        organization_id: config.trail.organization_id.clone(),
        insights: trail::InsightSettings {
            period_ms: config.trail.insights_period.millis(),
            baseline_ms: config.trail.insights_baseline.millis(),
            training_ms: config.trail.insights_training.millis(),
        },
        aggregation_window: config.trail.aggregation_window.millis(),
        ..trail::Settings::default()
    }
}

/// Where a server stands among others.
struct Place {
    lease: Option<lease::Held>,
    may_act: MayAct,
    recorder: Option<Arc<dyn Recorder>>,
}

/// Both planes, and all that stands around them. Writes nothing to the catalog.
async fn assemble(config: Config, mut trail: Trail, place: Place) -> anyhow::Result<Server> {
    let (store, catalog, clock, ids) =
        (trail.store.clone(), trail.catalog.clone(), Arc::clone(&trail.clock), Arc::clone(&trail.ids));
    let keys = config.keys_dir();
    let key = AccessKey::root(keys)?;
    let signing = config.signing.clone().map(|keys| (keys, Arc::clone(&clock)));
    let receivers = HttpReceivers::new(config.destinations.clone(), config.endpoints.clone(), signing);
    let subscriptions = Subscriptions::new(Arc::new(receivers), config.object_ms);
    let buckets = Arc::new(ServerBuckets::new(&config, catalog.clone(), Arc::clone(&clock)));
    let all: Arc<dyn Buckets> = buckets.clone();
    let random = |bytes: &mut [u8]| getrandom::fill(bytes).map_err(|error| error.to_string());
    let access = Access::open(catalog.clone(), Arc::clone(&clock), Arc::new(random), identity_sealing_key(keys)?)
        .await
        .context("read identities")?;
    trail.buckets = Arc::clone(&all);
    trail.digest_keys = Some(Arc::new(KeyStore { sealing: sealing_key(keys)?, random: Box::new(random) }));
    trail.lake = sql::lake(&trail.store).context("start the threads of CloudTrail Lake")?;
    let watch = Watch {
        store,
        catalog,
        clock: Arc::clone(&clock),
        ids: Arc::clone(&ids),
        notify: Arc::new(Notify::new(config.notify.clone()).signing(notification_signing_seed(keys)?)),
        subscriptions: Arc::new(subscriptions),
        incoming: Arc::default(),
        bands: Arc::default(),
        live_tails: Arc::default(),
        group_filters: Arc::default(),
        queries: Arc::default(),
        rules: Arc::default(),
        access: access.clone(),
        buckets: all,
        observers: Arc::new(NoObservers),
    };
    trail.topics = Arc::new(TrailTopics(watch.clone()));
    let Place { lease, may_act, recorder } = place;
    Ok(Server {
        auth: Auth::new(&config, key, access.clone()),
        access,
        watch,
        proofs: Proofs::open(&config, trail.store.clone(), buckets.clone()).context("open the log of events")?,
        buckets,
        sql: sql::engine(&trail.store, &trail.catalog, config.ballista.as_ref()).context("start the threads of SQL")?,
        trail,
        operations: operations::Table::new(),
        cumulative: watch::otlp::Cumulative::new(clock.now()),
        syslog: syslog::Counts::default(),
        oidc: provider(&config)?,
        sessions: console::Sessions::default(),
        throttle: Throttle::new(config.limits, clock.now()),
        expiry: crate::retention::Expiry::default(),
        calls: Calls::default(),
        started: clock.now(),
        clock,
        ids,
        lease,
        may_act,
        recorder,
        config,
    })
}

/// The provider that people sign in to the console through.
fn provider(config: &Config) -> anyhow::Result<Option<Arc<Oidc>>> {
    let Some(settings) = config.oidc.clone() else { return Ok(None) };
    let ask = oidc::Http::new(&settings, config.notify.allow_private);
    let oidc = Oidc::new(settings, Box::new(ask)).context("draw random bytes for [oidc]")?;
    Ok(Some(Arc::new(oidc)))
}

/// Opens the store of a data directory; a directory in use, or one whose records are in a bucket, is an error that says what to do.
pub async fn open_store(dir: &Path, clock: Arc<dyn Clock>) -> anyhow::Result<Store> {
    ensure_local(dir)?;
    let salt = random_u64().context("draw random bytes")?;
    let options = store::Options { dir: dir.join("store"), salt, ..store::Options::default() };
    opened(Store::open(options, clock).await, dir)
}

/// Opens the store that is in a bucket, and takes it over from whoever has it open.
async fn open_store_in(
    settings: &StoreSettings,
    keep_replaced_ms: Option<i64>,
    dir: &Path,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<Store> {
    if dir.join("store").join("objects").exists() {
        bail!(
            "{} holds records already: `trailwatch migrate` moves them to [store] url, or choose a data directory without any",
            dir.display()
        );
    }
    let url = &settings.url;
    let noted = noted_bucket(dir)?;
    if let Some(noted) = noted.as_deref().filter(|noted| *noted != url.as_str()) {
        bail!(
            "{} is of a node whose records are in {noted}, not in {url}: choose another --data-dir for another [store] url",
            dir.display()
        );
    }
    let (bucket, options) = bucket_options(settings, keep_replaced_ms, dir, Arc::clone(&clock))?;
    bucket.check_conditions(options.salt).await.with_context(|| format!("[store] {url} at {}", settings.endpoint))?;
    tracing::info!(%url, endpoint = %settings.endpoint, durability = ?settings.durability, "records are in a bucket");
    let store = opened(Store::open(options, clock).await, dir)?;
    if noted.is_none() {
        // Only now is it so, and before the first record comes.
        note_bucket(dir, url)?;
    }
    Ok(store)
}

/// A bucket that records are in, and how to open it.
fn bucket_options(
    settings: &StoreSettings,
    keep_replaced_ms: Option<i64>,
    dir: &Path,
    clock: Arc<dyn Clock>,
) -> anyhow::Result<(Arc<StoreBucket>, store::Options)> {
    let bucket = Arc::new(StoreBucket::new(settings, clock)?);
    let options = store::Options {
        dir: dir.join("store"),
        salt: random_u64().context("draw random bytes")?,
        objects: Some(bucket.clone()),
        durability: settings.durability,
        abandon_journal: settings.abandon_journal,
        keep_replaced_ms,
        ..store::Options::default()
    };
    Ok((bucket, options))
}

/// Says in a data directory which bucket its records are in.
pub const IN_A_BUCKET: &str = "records-are-in";

/// Says so from now on, durably.
pub fn note_bucket(dir: &Path, url: &str) -> anyhow::Result<()> {
    let note = dir.join(IN_A_BUCKET);
    let write = || {
        let part = dir.join(format!("{IN_A_BUCKET}.part"));
        let mut file = std::fs::File::create(&part)?;
        writeln!(file, "{url}")?;
        file.sync_all()?;
        std::fs::rename(&part, &note)?;
        std::fs::File::open(dir)?.sync_all()
    };
    write().with_context(|| format!("write {}", note.display()))
}

/// The bucket that the records of a data directory are in; `None` for the directory itself.
pub fn noted_bucket(dir: &Path) -> anyhow::Result<Option<String>> {
    let note = dir.join(IN_A_BUCKET);
    match std::fs::read_to_string(&note) {
        Ok(url) => Ok(Some(url.trim_end().to_owned())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error).with_context(|| format!("read {}", note.display())),
    }
}

/// Refuses a data directory whose records are in a bucket: what is done to a directory alone would miss them.
pub fn ensure_local(dir: &Path) -> anyhow::Result<()> {
    let Some(url) = noted_bucket(dir)? else { return Ok(()) };
    bail!("the records of {} are in {url}: only `trailwatch serve` with its [store] works on them", dir.display())
}

fn opened(opened: store::Result<Store>, dir: &Path) -> anyhow::Result<Store> {
    match opened {
        Err(store::Error::Locked { .. }) => Err(anyhow!(
            "data directory {} is in use by another trailwatch process; stop it, or choose another --data-dir",
            dir.display()
        )),
        opened => opened.with_context(|| format!("open the store in {}", dir.display())),
    }
}

/// Prints the address and what to paste. Other programs read these lines, so they go to stdout and stay as they are.
pub fn announce(config: &Config, (key, secret): (&str, &str), url: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "trailwatch {} is ready: listening on {url}\n", env!("CARGO_PKG_VERSION"))?;
    writeln!(out, "export AWS_ENDPOINT_URL={url}")?;
    writeln!(out, "export AWS_ACCESS_KEY_ID={key}")?;
    writeln!(out, "export AWS_SECRET_ACCESS_KEY={secret}")?;
    // SDKs put a prefix before the host of some calls, such as `stream-` for a live tail; no local name has it.
    writeln!(out, "export AWS_DISABLE_HOST_PREFIX_INJECTION=true")?;
    writeln!(out, "export AWS_DEFAULT_REGION={}\n", config.region)?;
    if config.open {
        writeln!(out, "open mode: any access key is accepted; POST /_trailwatch/reset empties everything")?;
    }
    writeln!(out, "console: {url}/ (sign in with the two keys)\n")?;
    writeln!(out, "Paste the export lines into another shell, then try:")?;
    writeln!(out, "  aws cloudtrail lookup-events --max-results 5")?;
    writeln!(out, "  aws cloudwatch list-metrics --namespace CWAgent")?;
    out.flush()?;
    tracing::info!(%url, data_dir = %config.data_dir.display(), open = config.open, "started");
    Ok(())
}
