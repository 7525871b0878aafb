//! Runs the agent until it is told to stop: logs on one thread, metrics on another, StatsD packets on a third.

use crate::backoff::is_due;
use crate::config::{Config, MetricSettings, StatsdSettings};
use crate::delivery::Outside;
use crate::disk::RealDisk;
use crate::endpoint::Endpoint;
use crate::host::Host;
use crate::journald::{self, Journald};
use crate::logs::Logs;
use crate::metrics::Outgoing;
use crate::positions::StreamName;
use crate::statsd::Aggregate;
use anyhow::{Context, bail};
use model::time::{HOUR, SECOND};
use model::{Clock, SeriesKey, Timestamp};
use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How often files are looked at.
const POLL: Duration = Duration::from_millis(250);
/// Longest interval that the configuration allows, milliseconds.
const INTERVAL_MS_MAX: i64 = HOUR;
/// Longest packet of StatsD.
const PACKET_BYTES_MAX: usize = 65_536;

/// What the agent does not have of itself.
pub struct Parts {
    /// The server.
    pub endpoint: Arc<dyn Endpoint + Send + Sync>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Chance, 0..1.
    pub random: Arc<dyn Fn() -> f64 + Send + Sync>,
}

/// Runs until `stop` has a message or its sender is gone. What was read by then is sent once more.
///
/// # Errors
/// When the state cannot be read, another agent has it, or the address of StatsD is taken.
pub fn run(config: Config, parts: &Parts, stop: &Receiver<()>) -> anyhow::Result<()> {
    let disk = RealDisk::open(&config.state_dir)?;
    let mut logs = Logs::open(&disk, config.files.clone(), config.times, parts.clock.now())?;
    follow_journals(&config, &mut logs)?;
    let socket = config.statsd.as_ref().map(|statsd| bind(&statsd.listen)).transpose()?;
    let metrics = Metrics::new(&config);
    let stopping = AtomicBool::new(false);
    tracing::info!(files = config.files.len(), state_dir = %config.state_dir.display(), "the agent runs");
    std::thread::scope(|scope| {
        let receiving = socket.as_ref().map(|socket| scope.spawn(|| receive(socket, &metrics.aggregate, &stopping)));
        let sending = scope.spawn(|| metrics.run(&config.host, parts, &stopping));
        let outside = Outside { disk: &disk, endpoint: &*parts.endpoint, random: &*parts.random };
        let broken = loop {
            let more = logs.pass(parts.clock.now(), &outside);
            match stop.recv_timeout(if more { Duration::ZERO } else { POLL }) {
                Err(RecvTimeoutError::Timeout) => {}
                Ok(()) | Err(RecvTimeoutError::Disconnected) => break false,
            }
            if sending.is_finished() || receiving.as_ref().is_some_and(|receiving| receiving.is_finished()) {
                break true;
            }
        };
        stopping.store(true, Ordering::Relaxed);
        sending.thread().unpark();
        logs.finish(parts.clock.now(), &outside);
        if broken {
            bail!("a thread of metrics ended; see the log");
        }
        Ok(())
    })
}

fn follow_journals(config: &Config, logs: &mut Logs) -> anyhow::Result<()> {
    for settings in &config.journals {
        if let Err(why) = journald::check(settings) {
            tracing::warn!(group = settings.group, why, "the journal is not followed");
            continue;
        }
        let stream = StreamName::new(&settings.group, &settings.stream);
        let journal = Journald::follow(settings.clone(), logs.cursor(&stream)).context("follow the journal")?;
        logs.follow(stream, Box::new(journal));
    }
    Ok(())
}

fn bind(listen: &str) -> anyhow::Result<UdpSocket> {
    let socket = UdpSocket::bind(listen).with_context(|| format!("[statsd] listen on {listen}"))?;
    // So that the end of the agent is seen.
    socket.set_read_timeout(Some(POLL))?;
    tracing::info!(address = %socket.local_addr()?, "StatsD listens");
    Ok(socket)
}

/// Takes packets until the agent stops.
fn receive(socket: &UdpSocket, aggregate: &Mutex<Aggregate>, stopping: &AtomicBool) {
    let mut packet = vec![0; PACKET_BYTES_MAX];
    while !stopping.load(Ordering::Relaxed) {
        // Errors are timeouts, or say that a former answer was not wanted; neither ends the socket.
        if let Ok(len) = socket.recv(&mut packet) {
            aggregate.lock().unwrap_or_else(PoisonError::into_inner).packet(&packet[..len]);
        }
    }
}

/// The metrics of the machine and of StatsD.
struct Metrics {
    host: Option<MetricSettings>,
    statsd: Option<StatsdSettings>,
    aggregate: Mutex<Aggregate>,
}

impl Metrics {
    fn new(config: &Config) -> Self {
        let statsd = config.statsd.clone();
        let dimensions = statsd.as_ref().map(|statsd| statsd.dimensions.clone()).unwrap_or_default();
        Self { host: config.metrics.clone(), statsd, aggregate: Mutex::new(Aggregate::new(dimensions)) }
    }

    /// Samples and flushes when it is time, and sends.
    fn run(&self, host_name: &str, parts: &Parts, stopping: &AtomicBool) {
        let mut host = self.host.as_ref().and_then(|settings| {
            let series = SeriesKey { namespace: settings.namespace.clone(), ..SeriesKey::default() };
            let host = Host::new(series, Some(host_name));
            host.inspect_err(|error| tracing::warn!(%error, "no metrics: the counters of this system cannot be read"))
                .ok()
        });
        let mut outgoing = Outgoing::default();
        let began = parts.clock.now();
        // CPU use needs two looks; the first sample comes early, so that a new user sees something at once.
        let mut host_due = began + SECOND;
        let mut statsd_due = next(began, self.statsd.as_ref().map(|statsd| statsd.interval_seconds));
        loop {
            std::thread::park_timeout(POLL);
            let stopped = stopping.load(Ordering::Relaxed);
            let now = parts.clock.now();
            if let Some(host) = host.as_mut().filter(|_| is_due(host_due, now, INTERVAL_MS_MAX)) {
                outgoing.push(&host.sample(now));
                host_due = next(now, self.host.as_ref().map(|host| host.interval_seconds));
            }
            if let Some(statsd) = self.statsd.as_ref().filter(|_| is_due(statsd_due, now, INTERVAL_MS_MAX) || stopped) {
                let mut aggregate = self.aggregate.lock().unwrap_or_else(PoisonError::into_inner);
                let datapoints = aggregate.flush(&statsd.namespace, now);
                drop(aggregate);
                outgoing.push(&datapoints);
                statsd_due = next(now, Some(statsd.interval_seconds));
            }
            outgoing.send(&*parts.endpoint, now, (parts.random)());
            if stopped {
                return;
            }
        }
    }
}

/// The next whole interval of the clock.
fn next(now: Timestamp, seconds: Option<u64>) -> Timestamp {
    let millis = i64::try_from(seconds.unwrap_or(60)).unwrap_or(60) * SECOND;
    (now + millis).floor_to(millis)
}
