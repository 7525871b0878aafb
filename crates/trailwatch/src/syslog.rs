//! Syslog over UDP, TCP and TLS (RFC 5425): listens, and stores messages in log groups, each host a stream.
//!
//! Messages go to the log groups that syslog configurations name for the endpoint they came to (`batches.rs`), else those of the
//! addresses of `[syslog]` itself go to its `log_group`.
//!
//! Syslog has no way to say who sends: whoever reaches the port writes, so the ports are closed unless `[syslog]` names them.
//! Messages wait in at most 16 MiB. When these are full, datagrams are dropped and counted (`SyslogDropped` in the namespace
//! `Trailwatch`), and connections wait. Of 1,024 connections an address has as many as are still free, so half of them
//! at most; what is beyond is closed at once. What waits is stored every 200 milliseconds, or earlier when there is much.
//!
//! A stream has the name of its host, as the messages say it, else the sender's address. After 4,096 streams further hosts share
//! the stream `other-hosts`, for a sender can claim any name.

mod batches;
mod queue;
#[cfg(test)]
mod tests;

use crate::config::Syslog;
use crate::server::Server;
use crate::tasks::{Stopped, while_it_may};
use crate::tls::Acceptor;
use ::gateway::shares::{Holder, Shares};
use anyhow::Context;
use model::{Datapoint, Observation, SeriesKey, Timestamp};
use queue::{Queue, Waiting};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use watch::syslog::Frames;

/// Open connections of one port, shared out by address.
const CONNECTIONS_MAX: usize = 1024;
/// How long a sender may say nothing: it connects again when it has something, and who was cut off silently leaves no place taken.
const SILENCE_MAX: Duration = Duration::from_secs(15 * 60);
/// Largest datagram.
const DATAGRAM_BYTES_MAX: usize = 65_536;
/// What is read of a connection at once.
const READ_BYTES: usize = 16 * 1024;

/// What came and what became of it, since the server's own metrics were last stored.
#[derive(Debug, Default)]
pub struct Counts {
    /// Messages stored.
    stored: AtomicU64,
    /// Messages that were not: no room, or the store or AWS's limits on times refused them.
    dropped: AtomicU64,
}

impl Counts {
    /// Takes the counts as datapoints at `now`; none when nothing came.
    pub fn take(&self, account: &str, region: &str, now: Timestamp) -> Vec<Datapoint> {
        let counts = [("SyslogMessages", &self.stored), ("SyslogDropped", &self.dropped)];
        let counts = counts.map(|(name, count)| (name, count.swap(0, Ordering::Relaxed)));
        let datapoint = |(name, count): (&str, u64)| Datapoint {
            series: Arc::new(SeriesKey {
                account: account.into(),
                region: region.into(),
                namespace: "Trailwatch".into(),
                name: name.into(),
                dimensions: Vec::new(),
                unit: "Count".into(),
            }),
            timestamp: now.floor_to(1000),
            resolution_secs: 60,
            observation: Observation::value(count as f64),
        };
        if counts.iter().all(|(_, count)| *count == 0) { Vec::new() } else { counts.map(datapoint).into() }
    }

    fn add_stored(&self, messages: usize) {
        self.stored.fetch_add(messages as u64, Ordering::Relaxed);
    }

    fn add_dropped(&self, messages: usize) {
        self.dropped.fetch_add(messages as u64, Ordering::Relaxed);
    }
}

/// The open ports, each with the id of the endpoint that it stands for; empty for those without one.
#[derive(Default)]
pub struct Ports {
    udp: Vec<(Arc<str>, UdpSocket)>,
    tcp: Vec<(Arc<str>, Listener)>,
}

/// A port for connections.
struct Listener {
    tcp: TcpListener,
    tls: Option<Acceptor>,
}

impl Ports {
    /// Opens what `[syslog]` asks for; the ports for TLS only with `tls`.
    pub async fn open(config: &Syslog, tls: Option<Acceptor>) -> anyhow::Result<Self> {
        let mut ports = Self::default();
        for (id, addresses) in &config.endpoints {
            let id: Arc<str> = id.as_str().into();
            if let Some(address) = addresses.udp {
                let socket = UdpSocket::bind(address).await;
                let socket = socket.with_context(|| format!("listen for syslog on udp {address}"))?;
                tracing::info!(address = %socket.local_addr()?, endpoint = &*id, "listening for syslog over UDP");
                ports.udp.push((Arc::clone(&id), socket));
            }
            if let Some(address) = addresses.tcp {
                let listener = TcpListener::bind(address).await;
                let listener = listener.with_context(|| format!("listen for syslog on tcp {address}"))?;
                tracing::info!(address = %listener.local_addr()?, endpoint = &*id, "listening for syslog over TCP");
                ports.tcp.push((Arc::clone(&id), Listener { tcp: listener, tls: None }));
            }
            if let (Some(address), Some(tls)) = (addresses.tls, &tls) {
                let listener = TcpListener::bind(address).await;
                let listener = listener.with_context(|| format!("listen for syslog on tls {address}"))?;
                tracing::info!(address = %listener.local_addr()?, endpoint = &*id, "listening for syslog over TLS");
                ports.tcp.push((id, Listener { tcp: listener, tls: Some(tls.clone()) }));
            }
        }
        Ok(ports)
    }
}

/// Takes messages until the server stops, and then stores those that wait.
pub async fn run(server: Arc<Server>, ports: Ports, mut stopped: Stopped) {
    let (queue, waiting) = Queue::new();
    // As a task of its own it has to ask itself whether it may.
    let storing = store(Arc::clone(&server), waiting);
    let storing = tokio::spawn(while_it_may(Arc::clone(&server.may_act), stopped.clone(), storing));
    let mut listening = JoinSet::new();
    for (endpoint, socket) in ports.udp {
        listening.spawn(datagrams(Arc::clone(&server), socket, endpoint, queue.clone()));
    }
    for (endpoint, listener) in ports.tcp {
        let places = Shares::new(CONNECTIONS_MAX);
        listening.spawn(connections(Arc::clone(&server), listener, endpoint, queue.clone(), places));
    }
    drop(queue);
    tokio::select! {
        _ = stopped.wait_for(|&stop| stop) => {}
        // Listeners end only by a panic.
        Some(Err(error)) = listening.join_next() => std::panic::resume_unwind(error.into_panic()),
    }
    // Ends the listeners and their connections, and with them the last senders of the queue.
    listening.shutdown().await;
    if let Err(error) = storing.await {
        std::panic::resume_unwind(error.into_panic());
    }
}

async fn datagrams(server: Arc<Server>, socket: UdpSocket, endpoint: Arc<str>, queue: Queue) {
    let mut buffer = vec![0; DATAGRAM_BYTES_MAX];
    loop {
        match socket.recv_from(&mut buffer).await {
            Ok((length, peer)) => {
                let datagram = buffer.get(..length).unwrap_or_default();
                if let Some(message) = watch::syslog::read(datagram, server.clock.now())
                    && !queue.offer(message, (peer, Arc::clone(&endpoint)))
                {
                    server.syslog.add_dropped(1);
                }
            }
            // The answer to something sent before, or no memory: the next datagram may be well.
            Err(error) => pause(&error).await,
        }
    }
}

async fn connections(server: Arc<Server>, listener: Listener, endpoint: Arc<str>, queue: Queue, places: Shares) {
    let mut open = JoinSet::new();
    loop {
        while open.try_join_next().is_some() {}
        match listener.tcp.accept().await {
            Ok((stream, peer)) => {
                // Closed, so that its sender knows: in the queue of the kernel it would be in the way of others.
                let Some(place) = places.take(Holder::at(peer.ip()), 1) else {
                    tracing::debug!(%peer, "this address has its share of syslog connections");
                    continue;
                };
                let (server, queue, endpoint) = (Arc::clone(&server), queue.clone(), Arc::clone(&endpoint));
                let tls = listener.tls.clone();
                open.spawn(async move {
                    let from = (peer, endpoint);
                    let ended = match tls {
                        None => connection(&server, stream, from, &queue).await,
                        Some(tls) => match tls.accept(stream, |stream| stream).await {
                            Ok((stream, _)) => connection(&server, stream, from, &queue).await,
                            Err(error) => Err(error.into()),
                        },
                    };
                    if let Err(error) = ended {
                        tracing::debug!(%peer, %error, "syslog connection ended");
                    }
                    drop(place);
                });
            }
            Err(error) => pause(&error).await,
        }
    }
}

async fn connection(
    server: &Server,
    mut stream: impl AsyncRead + Unpin,
    (peer, endpoint): (SocketAddr, Arc<str>),
    queue: &Queue,
) -> anyhow::Result<()> {
    let mut frames = Frames::default();
    let mut buffer = vec![0; READ_BYTES];
    let mut messages = Vec::new();
    loop {
        let length = tokio::time::timeout(SILENCE_MAX, stream.read(&mut buffer)).await??;
        let now = server.clock.now();
        let mut each = |frame: &[u8]| messages.extend(watch::syslog::read(frame, now));
        let ended = length == 0;
        let taken = if ended {
            std::mem::take(&mut frames).finish(each);
            Ok(())
        } else {
            frames.push(buffer.get(..length).unwrap_or_default(), &mut each)
        };
        for message in messages.drain(..) {
            queue.push(message, (peer, Arc::clone(&endpoint))).await;
        }
        taken?;
        if ended {
            return Ok(());
        }
    }
}

async fn pause(error: &std::io::Error) {
    tracing::debug!(%error, "take syslog");
    tokio::time::sleep(Duration::from_millis(20)).await;
}

/// Stores what waits, until nobody sends any more.
async fn store(server: Arc<Server>, mut waiting: UnboundedReceiver<Waiting>) {
    let (mut streams, mut configured) = (batches::Streams::default(), batches::Configurations::default());
    while let Some(batch) = queue::next_batch(&mut waiting).await {
        batches::store(&server, (&mut streams, &mut configured), batch).await;
    }
}
