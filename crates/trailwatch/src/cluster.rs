//! A node of a cluster (`[cluster]`): it leads while it has the lease, and hands calls on to the node that leads while it has not.
//!
//! One node leads at a time: it has the store and the catalog open, answers calls and runs all tasks, as a server that is alone does.
//! The others stand by: they listen, hand each call on (`call.rs`) but for what only reads, which they answer themselves (`reader.rs`),
//! and ask for the lease each second. The lease is short, so that a node
//! that is lost is followed within seconds; that is safe, for no clock of a node decides who may write. In PostgreSQL every write shows
//! the token of the lease, in the bucket every append and commit needs the epoch of the last open (`store/owner.rs`). What the lease's
//! time alone decides is what a leader may *read* out: from when its last renewal began it answers for as long as the lease lasts, and
//! holds calls after that until it has renewed.
//!
//! A leader that lost its lease ends its process, and comes back as a standby: what it has in memory is no longer so.

mod answer;
mod call;
pub mod command;
mod forwarded;
mod index;
mod keys;
mod leader;
mod observers;
mod reader;
mod refusal;
#[cfg(test)]
mod tests;

pub use answer::{PATH, answer};

use crate::config::{Config, Roles};
use crate::http::{self, Answer, BODIES_KIB_MAX, DRAIN_TIMEOUT, Port, Shared};
use crate::server_log::Line;
use crate::tasks::Tasks;
use crate::tls::{Acceptor, Certificate, Renewal};
use crate::{browsers, grpc, health, lease, serve, server, syslog};
use ::gateway::proxy::Authorities;
use anyhow::{Context, anyhow, bail};
use catalog::{Catalog, Lease, SERVER_LEASE};
use forwarded::SealingKey;
use leader::Leader;
use model::Clock;
use reader::Reader;
use serde_json::{Value, json};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Notify, Semaphore, mpsc, oneshot, watch};
use wire::HttpRequest;

/// How long the lease lasts: after a node was lost, another may lead so much later.
const LASTS: Duration = Duration::from_secs(5);
/// How often a leader renews its lease, and how often a standby asks for it.
const ASK_EVERY: Duration = Duration::from_secs(1);
/// A standby that calls wait for asks no more often than this.
const ASK_PAUSE: Duration = Duration::from_millis(100);
/// How long an answer of PostgreSQL is waited for; and that of taking the lease, which has to wait for its turn.
const ASK_TIME_MAX: Duration = Duration::from_secs(3);
const TAKE_TIME_MAX: Duration = Duration::from_secs(15);
/// How often a node says that it is there.
const TOLD_EVERY: Duration = Duration::from_secs(5);
/// Who said so no longer ago than this may take over, milliseconds.
const IS_THERE_MS: i64 = 15_000;
/// How long a node that stopped leading hands calls on to the next one, should that take so long to come.
const FOLLOWED_WITHIN: Duration = Duration::from_secs(10);
/// Calls that are handed on at the same time; further ones wait for a place.
const PLACES: usize = 1024;
/// How often it is looked whether the store still takes writes.
const STORE_LOOK_EVERY: Duration = Duration::from_millis(500);

/// What a node is at the moment.
#[derive(Clone)]
enum Role {
    /// Another node leads, or none that is known.
    Standby(Option<Arc<Leader>>),
    /// It has the lease, and opens what it needs.
    Opening,
    /// It answers calls.
    Leading(Shared),
}

/// Another node.
#[derive(Clone)]
struct Other {
    node: Arc<Leader>,
    /// It answers what only reads.
    reads: bool,
}

/// This node.
struct Node {
    /// The holder of its leases.
    id: String,
    name: String,
    /// Where other nodes reach it.
    address: String,
    /// What it may do.
    does: Roles,
    /// For its lease and what nodes tell each other: connections of its own, whatever calls do.
    tables: Catalog,
    sealing: SealingKey,
    authorities: Authorities,
    roles: watch::Sender<Role>,
    /// Nodes that were there a short time ago, itself apart.
    others: Mutex<Vec<Other>>,
    /// Who answers what only reads while another node leads.
    reader: Mutex<Option<Arc<Reader>>>,
    /// Until when nobody else can have the lease.
    leads_until: Mutex<Instant>,
    /// True once this node is told to stop.
    stopped: Stopped,
    /// Somebody waits for a leader.
    asked: Notify,
    /// Room for request bodies.
    bodies: Arc<Semaphore>,
    /// Room for calls that are handed on.
    places: Arc<Semaphore>,
    started: Instant,
}

/// What a leader is made of.
struct Parts {
    config: Config,
    clock: Arc<dyn Clock>,
    lines: mpsc::Receiver<Line>,
    certificate: Option<Arc<Certificate>>,
}

type Stopped = watch::Receiver<bool>;

/// Runs the node until SIGTERM or SIGINT. One that lost its lease, and whatever breaks, is exit code 1.
pub async fn serve(
    config: Config,
    clock: Arc<dyn Clock>,
    lines: mpsc::Receiver<Line>,
    certificate: Option<Arc<Certificate>>,
) -> anyhow::Result<ExitCode> {
    let (Some(settings), Some(catalog)) = (config.cluster.clone(), config.catalog.clone()) else {
        bail!("[cluster] needs a catalog that every node reaches: [catalog] url");
    };
    serve::make_folders(&config.data_dir)?;
    let (id, _lock) = lease::locked_holder(&config.data_dir)?;
    let tables = Catalog::connect_nodes(&catalog.0).await.context("open the catalog at [catalog] url")?;
    let keys = keys::open(&config, &tables).await?;
    let tls = certificate.as_ref().map(Acceptor::for_http).transpose()?;
    let listener = TcpListener::bind(config.listen).await.with_context(|| format!("listen on {}", config.listen))?;
    let listens = listener.local_addr()?;
    let grpc_port = serve::grpc_port(&config, certificate.as_ref()).await?;
    let url = format!("{}://{listens}", if tls.is_some() { "https" } else { "http" });
    let address = match settings.advertise {
        Some(address) => address,
        None if listens.ip().is_unspecified() => {
            bail!("[cluster] advertise is needed: other nodes cannot reach this one at {listens}")
        }
        None => url.clone(),
    };
    // Before anybody can know that it runs: a signal that comes first would end the process uncleanly.
    let stopped = signals()?;
    let node = Arc::new(Node {
        id,
        name: settings.name,
        address,
        does: settings.roles,
        tables,
        sealing: keys.sealing,
        authorities: authorities(settings.ca_file.as_deref())?,
        roles: watch::Sender::new(Role::Standby(None)),
        others: Mutex::default(),
        reader: Mutex::default(),
        leads_until: Mutex::new(Instant::now()),
        stopped: stopped.clone(),
        asked: Notify::new(),
        bodies: Arc::new(Semaphore::new(BODIES_KIB_MAX as usize)),
        places: Arc::new(Semaphore::new(PLACES)),
        started: Instant::now(),
    });
    let renewal = certificate.clone().map(Renewal::new).transpose()?;
    let renewing = renewal.map(|renewal| tokio::spawn(renew_certificate(renewal)));
    let telling = tokio::spawn(tell(Arc::clone(&node)));
    let (close, closed) = oneshot::channel::<()>();
    let answering = Arc::clone(&node);
    let respond = move |peer, request| call::respond(Arc::clone(&answering), peer, request);
    let listening = tokio::spawn(http::listen(Port::new(listener, tls), async move { drop(closed.await) }, respond));
    let (close_grpc, grpc_closed) = oneshot::channel::<()>();
    let asking = Arc::clone(&node);
    let export = move |peer, request| call::ask(Arc::clone(&asking), peer, request);
    let listening_grpc =
        grpc_port.map(|port| tokio::spawn(grpc::serve(port, export, async move { drop(grpc_closed.await) })));
    let credentials = match config.open {
        true => (config.account_id.as_str(), "any-secret-works"),
        false => (keys.root.access_key_id.as_str(), keys.root.secret_access_key.as_str()),
    };
    serve::announce(&config, credentials, &url)?;
    let reading = reader::run(Arc::clone(&node), config.clone(), Arc::clone(&clock));
    let ended = tokio::select! {
        ended = run(&node, Parts { config, clock, lines, certificate }, stopped) => ended,
        never = reading => match never {},
    };
    let _ = (close.send(()), close_grpc.send(()));
    listening.await.context("serve connections")?;
    if let Some(listening) = listening_grpc {
        listening.await.context("serve OTLP over gRPC")?;
    }
    telling.abort();
    if let Some(reader) = node.reader()
        && let Err(error) = reader.tell(Arc::clone(&node)).await
    {
        tracing::info!(error = format!("{error:#}"), "tell the leader of the last calls");
    }
    if let Some(renewing) = renewing {
        renewing.abort();
    }
    if let Err(error) = in_time(ASK_TIME_MAX, node.tables.node_is_gone(&node.id)).await {
        tracing::warn!(%error, "say that this node is gone");
    }
    node.tables.close().await;
    ended.map(|()| ExitCode::SUCCESS)
}

/// True from the first SIGTERM or SIGINT on.
fn signals() -> anyhow::Result<Stopped> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (stop, stopped) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        stop.send_replace(true);
    });
    Ok(stopped)
}

fn authorities(ca_file: Option<&Path>) -> anyhow::Result<Authorities> {
    let Some(path) = ca_file else { return Authorities::mozillas().context("set up TLS") };
    let of_file = || format!("[cluster] ca_file {}", path.display());
    Authorities::from_pem(&std::fs::read(path).with_context(of_file)?).with_context(of_file)
}

/// A standby reads a new certificate as well.
async fn renew_certificate(mut renewal: Renewal) {
    loop {
        tokio::select! {
            () = tokio::time::sleep(Duration::from_secs(60)) => {}
            () = renewal.asked() => {}
        }
        renewal.look().await;
    }
}

/// Says every few seconds that this node is there.
async fn tell(node: Arc<Node>) {
    let mut is_failing = false;
    let roles = node.does.to_string();
    loop {
        let version = env!("CARGO_PKG_VERSION");
        let told = node.tables.node_is_there(&node.id, &node.name, &node.address, version, &roles);
        let mut told = in_time(ASK_TIME_MAX, told).await;
        if told.is_ok() {
            told = node.look_round().await;
        }
        is_failing = complained("say that this node is there", is_failing, told);
        tokio::time::sleep(TOLD_EVERY).await;
    }
}

/// Says when something begins to fail, not each time; true while it does.
fn complained<T>(what: &str, was_failing: bool, outcome: anyhow::Result<T>) -> bool {
    match outcome {
        Ok(_) => false,
        Err(error) => {
            if !was_failing {
                tracing::warn!(error = format!("{error:#}"), "{what}");
            }
            true
        }
    }
}

/// What the database answers. One that is cut off says nothing for a long time.
async fn in_time<T>(time_max: Duration, asked: impl Future<Output = catalog::Result<T>>) -> anyhow::Result<T> {
    Ok(tokio::time::timeout(time_max, asked).await.context("PostgreSQL does not answer")??)
}

/// Stands by, then leads, until the node is told to stop or must not lead any more.
async fn run(node: &Arc<Node>, parts: Parts, mut stopped: Stopped) -> anyhow::Result<()> {
    let Some(lease) = node.stand_by(&mut stopped).await else { return Ok(()) };
    let ended = lead(node, &lease, parts, stopped).await;
    if let Err(error) = &ended {
        tracing::error!(error = format!("{error:#}"), "this node leads no more");
    }
    node.hand_over().await;
    ended
}

/// Leads for as long as it may, and gives the lease back.
async fn lead(node: &Arc<Node>, lease: &Lease, parts: Parts, stopped: Stopped) -> anyhow::Result<()> {
    tracing::info!(token = lease.token, "this node has the lease and will lead");
    node.roles.send_replace(Role::Opening);
    let (stop, renewing_stopped) = watch::channel(false);
    let mut renewing = tokio::spawn(renew(Arc::clone(node), lease.clone(), renewing_stopped));
    let ended = tokio::select! {
        biased;
        // Whatever was going on is dropped; what of it still runs is refused by the database and the bucket.
        _ = &mut renewing => Err(anyhow!("another node has taken the lease: start this one again, it will stand by")),
        ended = work(node, lease, parts, stopped) => ended,
    };
    node.roles.send_replace(Role::Standby(None));
    if !renewing.is_finished() {
        stop.send_replace(true);
        renewing.await.context("renew the lease")?;
        if let Err(error) = in_time(ASK_TIME_MAX, node.tables.release_lease(lease)).await {
            tracing::warn!(%error, "give back the lease");
        }
    }
    ended
}

/// Renews the lease until it is stopped, or another node has the lease.
async fn renew(node: Arc<Node>, lease: Lease, mut stopped: Stopped) {
    let mut is_failing = false;
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|&stop| stop) => return,
            () = tokio::time::sleep(ASK_EVERY) => {}
        }
        let began = Instant::now();
        let renewed = in_time(ASK_TIME_MAX, node.tables.renew_lease(&lease, millis(LASTS))).await;
        match renewed {
            Ok(false) => return,
            Ok(true) => node.has_lease_since(began),
            // It goes on as long as nobody takes the lease, and answers no calls once another node could.
            Err(_) => {}
        }
        is_failing = complained("renew the lease", is_failing, renewed);
    }
}

/// Opens everything, answers calls, and closes everything in the opposite order.
async fn work(node: &Arc<Node>, lease: &Lease, parts: Parts, mut stopped: Stopped) -> anyhow::Result<()> {
    let Parts { config, clock, lines, certificate } = parts;
    let url = config.catalog.clone().context("[cluster] needs [catalog] url")?;
    let catalog = Catalog::connect_node(&url.0).await.context("open the catalog at [catalog] url")?;
    // Before anything is written: a node that was superseded meanwhile changes nothing.
    catalog.fence(lease);
    let leads = Arc::clone(node);
    let may_act = Arc::new(move || leads.has_lease());
    let mut server = serve::open_on(config, clock, catalog, None, may_act).await?;
    server.watch.observers = Arc::new(observers::Reading { node: Arc::clone(node), token: lease.token });
    let server = Arc::new(server);
    server.watch.notify.listening_on(node.address.clone());
    let syslog_tls = certificate.as_ref().map(Acceptor::for_syslog).transpose()?;
    let ports = syslog::Ports::open(&server.config.syslog, syslog_tls).await?;
    let mut tasks = Tasks::start(Arc::clone(&server), lines, ports, None);
    let (stopping, calls_stopped) = watch::channel(());
    let (turns, mut last_turn) = mpsc::channel(1);
    let bodies = Arc::clone(&node.bodies);
    node.roles.send_replace(Role::Leading(Shared {
        server: Arc::clone(&server),
        bodies,
        stopped: calls_stopped,
        turns,
    }));
    tracing::info!(token = lease.token, "this node leads");
    let broken = tokio::select! {
        biased;
        _ = stopped.wait_for(|&stop| stop) => None,
        name = tasks.broken() => Some(anyhow!("task '{name}' ended; see the log")),
        reason = refuses_writes(&server) => Some(anyhow!("the store takes no more writes: {reason}")),
    };
    tracing::info!("stopping");
    // From now on calls wait for the node that leads next; those that are here are answered first.
    node.roles.send_replace(Role::Standby(None));
    drop(stopping);
    if tokio::time::timeout(DRAIN_TIMEOUT, last_turn.recv()).await.is_err() {
        tracing::info!("some calls did not finish in time");
    }
    tasks.stop().await;
    let closed = server.trail.store.close().await.context("close the store");
    server.trail.catalog.close().await;
    broken.map_or(closed, Err)
}

/// Resolves with the reason once the store refuses writes: then another node should have it.
async fn refuses_writes(server: &server::Server) -> String {
    loop {
        if let Some(reason) = server.trail.store.health().poisoned {
            return reason;
        }
        tokio::time::sleep(STORE_LOOK_EVERY).await;
    }
}

fn millis(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

impl Node {
    /// Asks for the lease until this node has it; `None` when it is told to stop.
    async fn stand_by(&self, stopped: &mut Stopped) -> Option<Lease> {
        let mut is_failing = false;
        loop {
            let mut wait = ASK_EVERY;
            let looked = self.look().await;
            match &looked {
                Ok(Some(left)) => wait = wait.min(*left + ASK_PAUSE),
                Ok(None) if !self.does.tasks => {}
                Ok(None) => {
                    let began = Instant::now();
                    let taking = self.tables.acquire_lease(SERVER_LEASE, &self.id, &self.address, millis(LASTS));
                    match in_time(TAKE_TIME_MAX, taking).await {
                        Ok(Ok(lease)) => {
                            self.has_lease_since(began);
                            return Some(lease);
                        }
                        Ok(Err(_)) => wait = ASK_PAUSE,
                        Err(error) => tracing::warn!(error = format!("{error:#}"), "take the lease"),
                    }
                }
                Err(_) => {}
            }
            is_failing = complained("look who leads", is_failing, looked);
            tokio::select! {
                biased;
                _ = stopped.wait_for(|&stop| stop) => return None,
                () = tokio::time::sleep(ASK_PAUSE) => {}
            }
            tokio::select! {
                biased;
                _ = stopped.wait_for(|&stop| stop) => return None,
                () = self.asked.notified() => {}
                () = tokio::time::sleep(wait.saturating_sub(ASK_PAUSE)) => {}
            }
        }
    }

    /// Looks who has the lease, and how long it still lasts; `None` when it can be taken.
    async fn look(&self) -> anyhow::Result<Option<Duration>> {
        let Some(seen) = in_time(ASK_TIME_MAX, self.tables.lease(SERVER_LEASE)).await? else { return Ok(None) };
        if seen.lease.holder == self.id || seen.left_ms <= 0 {
            return Ok(None);
        }
        self.roles.send_if_modified(|role| match role {
            Role::Standby(Some(leader)) if leader.token == seen.lease.token => false,
            Role::Standby(leader) => {
                tracing::info!(address = seen.lease.address, token = seen.lease.token, "another node leads");
                *leader = Leader::new(&seen.lease.address, seen.lease.token, &self.authorities).map(Arc::new);
                true
            }
            Role::Opening | Role::Leading(_) => false,
        });
        Ok(Some(Duration::from_millis(u64::try_from(seen.left_ms).unwrap_or_default())))
    }

    /// Looks which other nodes there are. Connections to those that stay are kept.
    async fn look_round(&self) -> anyhow::Result<()> {
        let nodes = in_time(ASK_TIME_MAX, self.tables.nodes()).await?;
        let mut others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let known = std::mem::take(&mut *others);
        for node in nodes.iter().filter(|node| node.id != self.id && node.seen_ago_ms < IS_THERE_MS) {
            let same =
                known.iter().find(|known| known.node.address == node.address).map(|known| Arc::clone(&known.node));
            let there = same.or_else(|| Leader::new(&node.address, 0, &self.authorities).map(Arc::new));
            let reads = Roles::parse(&node.roles).is_ok_and(|roles| roles.query);
            others.extend(there.map(|node| Other { node, reads }));
        }
        Ok(())
    }

    /// Who answers what only reads, where there is one.
    fn reader(&self) -> Option<Arc<Reader>> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// From now on `reader` answers what only reads.
    fn read_by(&self, reader: Option<Arc<Reader>>) {
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = reader;
    }

    /// Nodes by way of which the one that leads may be reached.
    fn ways_round(&self, leader: &Leader) -> Vec<Arc<Leader>> {
        self.others_where(|other| other.node.address != leader.address)
    }

    /// Other nodes that read, but for those that did not answer a short time ago.
    fn others_that_read(&self) -> Vec<Arc<Leader>> {
        self.others_where(|other| other.reads)
    }

    fn others_where(&self, is_wanted: impl Fn(&Other) -> bool) -> Vec<Arc<Leader>> {
        let others = self.others.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = others.iter().filter(|other| is_wanted(other) && !other.node.is_cut_off());
        wanted.map(|other| Arc::clone(&other.node)).collect()
    }

    /// Resolves when this node is told to stop.
    async fn stops(mut stopped: Stopped) {
        if stopped.wait_for(|&stop| stop).await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// Calls wait: looks soon, not within the second.
    fn look_again(&self) {
        self.asked.notify_one();
    }

    /// Hands calls on to the node that leads next, until every node knows it; at once when there is none to wait for.
    async fn hand_over(&self) {
        let may_lead = |node: &catalog::Node| Roles::parse(&node.roles).is_ok_and(|roles| roles.tasks);
        let is_other = |node: &catalog::Node| node.id != self.id && node.seen_ago_ms < IS_THERE_MS && may_lead(node);
        match in_time(ASK_TIME_MAX, self.tables.nodes()).await {
            Ok(nodes) if nodes.iter().any(is_other) => {}
            _ => return,
        }
        let followed = async {
            while !matches!(self.look().await, Ok(Some(_))) {
                tokio::time::sleep(ASK_PAUSE).await;
            }
            tokio::time::sleep(2 * ASK_EVERY).await;
        };
        if tokio::time::timeout(FOLLOWED_WITHIN, followed).await.is_err() {
            tracing::info!("no other node leads yet");
        }
    }

    /// The lease was taken or renewed after `began`.
    fn has_lease_since(&self, began: Instant) {
        *self.leads_until.lock().unwrap_or_else(PoisonError::into_inner) = began + LASTS;
    }

    /// True while nobody else can have the lease.
    fn has_lease(&self) -> bool {
        Instant::now() < *self.leads_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What `/health` answers: a standby is well, for it hands calls on.
    fn health(&self, request: &HttpRequest) -> Answer {
        let uptime_ms = millis(self.started.elapsed());
        let role = self.roles.borrow().clone();
        let (status, mut body) = match &role {
            Role::Leading(shared) => health::report(&shared.server.trail.store.health(), uptime_ms),
            Role::Standby(_) | Role::Opening => (
                200,
                json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION"), "uptime_seconds": uptime_ms / 1000 }),
            ),
        };
        let (name, leader) = match &role {
            Role::Standby(leader) => ("standby", leader.as_ref().map(|leader| leader.address.as_str())),
            Role::Opening => ("opening", Some(self.address.as_str())),
            Role::Leading(_) => ("leader", Some(self.address.as_str())),
        };
        body["node"] = Value::from(self.name.as_str());
        body["role"] = Value::from(name);
        body["leader"] = leader.map_or(Value::Null, Value::from);
        if let Some(reader) = self.reader() {
            body["answered_reads"] = Value::from(reader.answered());
            body["observed_alarms"] = Value::from(reader.observed());
        }
        let lapsed = matches!(role, Role::Leading(_)) && !self.has_lease();
        if lapsed {
            body["status"] = "waiting".into();
            body["reason"] = "the lease could not be renewed: PostgreSQL does not answer".into();
        }
        let mut response = server::json(if lapsed { 503 } else { status }, &body);
        browsers::secure(&mut response, browsers::is_tls(request), request.header("host").unwrap_or_default());
        http::into_answer(response, watch::channel(()).1)
    }
}
