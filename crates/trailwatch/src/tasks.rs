//! Work that the clock starts, and syslog, which nobody calls for: alarms, notifications, metric streams, subscriptions, log
//! anomalies, exports, deliveries of trails, detections, host metrics, our own metrics and log, retention, memory. Each task is
//! a loop of its own, so that a slow one delays no other. Whatever touches records or resources stands still while the server may
//! not act (`while_it_may`): a node of a cluster that was paused or cut off leaves out what another may be doing by now.

use crate::backup::{Elsewhere, copies};
use crate::firehose::HttpFirehose;
use crate::server::{MayAct, Server};
use crate::server_log::Line;
use crate::syslog::Ports;
use crate::tls::Renewal;
use ::agent::host::Host;
use model::time::{MINUTE, SECOND};
use model::{Batch, Datapoint, Scope, SeriesKey, Timestamp};
use std::collections::HashMap;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{mpsc, watch as flag};
use tokio::task::{Id, JoinSet};
use trail::aggregation::Aggregator;
use trail::delivery::Deliveries;
use trail::detections::Follower;
use trail::digest::deliver::Digests;
use trail::insights::Evaluator;
use watch::Watch;
use watch::cloudwatch::MetricStreams;

/// How often it is looked whether a witness has yet to cosign, milliseconds.
const WITNESSES_EVERY: i64 = 5 * SECOND;
/// Most rounds of alarm evaluation at the same time.
const ALARM_ROUNDS_MAX: usize = 4;
/// The same of log alarms; a round evaluates one at a time.
const LOG_ALARM_ROUNDS_MAX: usize = model::limits::LOG_ALARMS_AT_ONCE_MAX;
/// Log group and stream of the server's own log.
const SERVER_LOG_GROUP: &str = "/trailwatch/server";
/// How often queued lines of the server's own log are stored.
const SERVER_LOG_INTERVAL: Duration = Duration::from_secs(1);
/// How often detections look for new audit events.
const DETECTION_INTERVAL: Duration = Duration::from_millis(250);
/// How often freed memory is given back to the system.
const MEMORY_INTERVAL: Duration = Duration::from_secs(1);
/// Above the sizes of which the allocator keeps blocks at hand.
const MEMORY_BLOCK_BYTES: usize = 4 * 1024 * 1024;
/// How often a task that stands still asks whether it may go on.
const MAY_ACT_INTERVAL: Duration = Duration::from_millis(100);
/// Most lines stored in one append.
const SERVER_LOG_LINES_MAX: usize = 1000;

/// The running tasks.
pub struct Tasks {
    running: JoinSet<()>,
    names: HashMap<Id, &'static str>,
    stop: flag::Sender<bool>,
    may_act: MayAct,
}

impl Tasks {
    /// Starts every task. `lines` is the server's own log, `ports` are where syslog comes, `renewal` is of the TLS certificate.
    pub fn start(server: Arc<Server>, lines: mpsc::Receiver<Line>, ports: Ports, renewal: Option<Renewal>) -> Self {
        let (stop, stopped) = flag::channel(false);
        let mut tasks =
            Self { running: JoinSet::new(), names: HashMap::new(), stop, may_act: Arc::clone(&server.may_act) };
        tasks.spawn("alarms", alarms(Arc::clone(&server), stopped.clone()));
        tasks.spawn("log alarms", log_alarms(Arc::clone(&server), stopped.clone()));
        tasks.spawn("notifications", notifications(Arc::clone(&server), stopped.clone()));
        tasks.spawn("metric streams", metric_streams(Arc::clone(&server), stopped.clone()));
        tasks.spawn("subscriptions", subscriptions(Arc::clone(&server), stopped.clone()));
        tasks.spawn("scheduled queries", scheduled_queries(Arc::clone(&server), stopped.clone()));
        tasks.spawn("log anomalies", log_anomalies(Arc::clone(&server), stopped.clone()));
        tasks.spawn("exports", exports(Arc::clone(&server), stopped.clone()));
        tasks.spawn("trails", trails(Arc::clone(&server), stopped.clone()));
        tasks.spawn("digests", digests(Arc::clone(&server), stopped.clone()));
        // Made here, before the first call can come.
        let follower =
            server.config.detection_rules.as_deref().map(|rules| crate::detections::follower(&server, rules));
        let detections_begin = follower.is_some().then(|| server.trail.store.event_sequence());
        tasks.spawn("event expiry", event_expiry(Arc::clone(&server), detections_begin, stopped.clone()));
        tasks.spawn("detections", detections(Arc::clone(&server), follower, stopped.clone()));
        tasks.spawn("insights", insights(Arc::clone(&server), stopped.clone()));
        tasks.spawn("aggregated events", aggregated_events(Arc::clone(&server), stopped.clone()));
        tasks.spawn("proofs", proofs(Arc::clone(&server), stopped.clone()));
        tasks.spawn("witnesses", witnesses(Arc::clone(&server), stopped.clone()));
        tasks.spawn("host metrics", host_metrics(Arc::clone(&server), stopped.clone()));
        tasks.spawn("own metrics", own_metrics(Arc::clone(&server), stopped.clone()));
        tasks.spawn("unrecorded calls", unrecorded_calls(Arc::clone(&server), stopped.clone()));
        tasks.spawn("last uses", last_uses(Arc::clone(&server), stopped.clone()));
        tasks.spawn("maintenance", maintenance(Arc::clone(&server), stopped.clone()));
        tasks.spawn("backups", backups(Arc::clone(&server), stopped.clone()));
        tasks.spawn_always("memory", memory(stopped.clone()));
        tasks.spawn("syslog", crate::syslog::run(Arc::clone(&server), ports, stopped.clone()));
        if let Some(renewal) = renewal {
            tasks.spawn_always("TLS certificate", tls_certificate(Arc::clone(&server), renewal, stopped.clone()));
        }
        if server.lease.is_some() {
            tasks.spawn_always("catalog lease", catalog_lease(Arc::clone(&server), stopped.clone()));
        }
        tasks.spawn("server log", server_log(server, lines, stopped));
        tasks
    }

    /// Starts a task that stands still while the server may not act.
    fn spawn(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let (may_act, stopped) = (Arc::clone(&self.may_act), self.stop.subscribe());
        self.spawn_always(name, while_it_may(may_act, stopped, task));
    }

    /// Starts a task that is of this process alone.
    fn spawn_always(&mut self, name: &'static str, task: impl Future<Output = ()> + Send + 'static) {
        let handle = self.running.spawn(task);
        self.names.insert(handle.id(), name);
    }

    /// Resolves with the name of a task that ended although nobody asked it to: a defect, so the process should stop.
    pub async fn broken(&mut self) -> &'static str {
        let id = match self.running.join_next_with_id().await {
            Some(Ok((id, ()))) => id,
            Some(Err(error)) => {
                tracing::error!(%error, "task panicked");
                error.id()
            }
            None => return "all tasks",
        };
        self.names.get(&id).copied().unwrap_or("unknown")
    }

    /// Asks every task to finish what it holds, and waits for them.
    pub async fn stop(mut self) {
        let _ = self.stop.send(true);
        while self.running.join_next().await.is_some() {}
    }
}

/// True once tasks are to stop.
pub type Stopped = flag::Receiver<bool>;

/// Runs a task for as long as it may act, asked before each of its steps: it goes on where it was once it may again. One that is to
/// stop before that is cut off, as by a crash. What it has begun as tasks of their own ends by itself.
pub async fn while_it_may(may_act: MayAct, mut stopped: Stopped, task: impl Future<Output = ()>) {
    let mut task = pin!(task);
    loop {
        let step = poll_fn(|context| match may_act() {
            true => task.as_mut().poll(context).map(|()| true),
            false => Poll::Ready(false),
        });
        if step.await || !wait_for(&mut stopped, MAY_ACT_INTERVAL).await {
            return;
        }
    }
}

/// Waits until the next multiple of `step_ms` on the clock; false when the server is stopping.
async fn next_tick(server: &Server, stopped: &mut Stopped, step_ms: i64) -> bool {
    let now = server.clock.now();
    let wait = (now.floor_to(step_ms) + step_ms) - now;
    wait_for(stopped, Duration::from_millis(wait.max(1) as u64)).await
}

async fn wait_for(stopped: &mut Stopped, duration: Duration) -> bool {
    tokio::select! {
        biased;
        _ = stopped.wait_for(|&stop| stop) => false,
        () = tokio::time::sleep(duration) => true,
    }
}

/// Rounds may overlap: an alarm that takes long keeps its own round from ending, not the others' alarms from their time.
async fn alarms(server: Arc<Server>, stopped: Stopped) {
    let mut running = rounds(&server, stopped, ALARM_ROUNDS_MAX, |watch| async move {
        watch::alarms::evaluate_due(&watch).await;
    })
    .await;
    while running.join_next().await.is_some() {}
}

/// Apart from other alarms: a query that takes long makes none of them late. What still runs at the end is cut off, and is
/// forgotten at the next start.
async fn log_alarms(server: Arc<Server>, stopped: Stopped) {
    let running = rounds(&server, stopped, LOG_ALARM_ROUNDS_MAX, |watch| async move {
        watch::alarms::evaluate_due_on_logs(&watch).await;
    });
    drop(running.await);
}

/// Begins a round each second, unless `max` run; answers those that run when the server stops. A round that panics ends the task.
async fn rounds<R>(server: &Server, mut stopped: Stopped, max: usize, round: impl Fn(Watch) -> R) -> JoinSet<()>
where
    R: Future<Output = ()> + Send + 'static,
{
    let mut running: JoinSet<()> = JoinSet::new();
    while next_tick(server, &mut stopped, SECOND).await {
        while let Some(ended) = running.try_join_next() {
            ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        }
        if running.len() < max {
            running.spawn(round(server.watch.clone()));
        }
    }
    running
}

async fn notifications(server: Arc<Server>, mut stopped: Stopped) {
    let stop = async move {
        let _ = stopped.wait_for(|&stop| stop).await;
    };
    watch::notify::deliver(&server.watch, stop).await;
}

async fn tls_certificate(server: Arc<Server>, mut renewal: Renewal, mut stopped: Stopped) {
    loop {
        tokio::select! {
            goes_on = next_tick(&server, &mut stopped, MINUTE) => if !goes_on { return },
            () = renewal.asked() => {}
        }
        renewal.look().await;
    }
}

/// Ends when another server has the lease, and the process with it: what it believes of its tasks is no longer so.
async fn catalog_lease(server: Arc<Server>, mut stopped: Stopped) {
    while wait_for(&mut stopped, crate::lease::RENEW_EVERY).await {
        if !crate::lease::renew(&server).await {
            tracing::error!("another server has taken the lease of the catalog");
            return;
        }
    }
}

async fn metric_streams(server: Arc<Server>, mut stopped: Stopped) {
    let mut streams = MetricStreams::new(Arc::new(HttpFirehose::new(server.config.firehose.clone())));
    // A delivery that runs at the end is dropped: the next start sends what was not taken.
    while next_tick(&server, &mut stopped, MINUTE).await {
        streams.start_due(&server.watch).await;
    }
}

async fn subscriptions(server: Arc<Server>, mut stopped: Stopped) {
    let stop = async move {
        let _ = stopped.wait_for(|&stop| stop).await;
    };
    watch::logs::subscriptions::deliver(&server.watch, stop).await;
}

/// Schedules are of whole minutes; a round that takes longer keeps no later one from its time.
async fn scheduled_queries(server: Arc<Server>, mut stopped: Stopped) {
    let mut rounds: JoinSet<()> = JoinSet::new();
    while next_tick(&server, &mut stopped, MINUTE).await {
        while let Some(ended) = rounds.try_join_next() {
            ended.unwrap_or_else(|error| std::panic::resume_unwind(error.into_panic()));
        }
        let watch = server.watch.clone();
        rounds.spawn(async move { watch::logs::run_due_queries(&watch).await });
    }
    // What still runs is cut off, and is failed at the next start.
}

/// A round that takes longer than a minute leaves out the next; windows are looked at in order all the same.
async fn log_anomalies(server: Arc<Server>, mut stopped: Stopped) {
    while next_tick(&server, &mut stopped, MINUTE).await {
        tokio::select! {
            biased;
            // What a round has not noted is looked at again after the next start.
            _ = stopped.wait_for(|&stop| stop) => return,
            () = watch::logs::evaluate_anomalies(&server.watch) => {}
        }
    }
}

async fn exports(server: Arc<Server>, mut stopped: Stopped) {
    while next_tick(&server, &mut stopped, SECOND).await {
        // What still runs at the end is cut off, and runs again after the next start.
        tokio::select! {
            biased;
            _ = stopped.wait_for(|&stop| stop) => return,
            () = watch::logs::run_due_exports(&server.watch) => {}
        }
    }
}

async fn trails(server: Arc<Server>, mut stopped: Stopped) {
    let mut deliveries = Deliveries::every(server.config.trail.delivery_interval.millis());
    // A delivery that runs at the end is dropped: the next start puts what is planned.
    while next_tick(&server, &mut stopped, SECOND).await {
        deliveries.start_due(&server.trail).await;
    }
}

async fn digests(server: Arc<Server>, mut stopped: Stopped) {
    let mut digests = Digests::default();
    while next_tick(&server, &mut stopped, SECOND).await {
        // What is put at the end and not noted is put again after the next start.
        tokio::select! {
            biased;
            _ = stopped.wait_for(|&stop| stop) => return,
            () = digests.run_due(&server.trail) => {}
        }
    }
}

/// The minute that a tick was in last.
struct Minutes(Timestamp);

impl Minutes {
    /// True for the first tick of each minute, in whichever of its seconds that comes: one may be late.
    fn is_next(&mut self, now: Timestamp) -> bool {
        let minute = now.floor_to(MINUTE);
        std::mem::replace(&mut self.0, minute) != minute
    }
}

/// Full tiles go out each second, while the hashes are in memory; a checkpoint is signed each minute.
async fn proofs(server: Arc<Server>, mut stopped: Stopped) {
    let mut failed = false;
    let mut minutes = Minutes(server.clock.now().floor_to(MINUTE));
    while next_tick(&server, &mut stopped, SECOND).await {
        let is_minute = minutes.is_next(server.clock.now());
        if failed && !is_minute {
            continue;
        }
        let write =
            async { if is_minute { server.proofs.publish().await.map(drop) } else { server.proofs.advance().await } };
        let done = tokio::select! {
            biased;
            // The next start goes on from the last checkpoint.
            _ = stopped.wait_for(|&stop| stop) => return,
            done = write => done,
        };
        match done {
            Ok(()) => failed = false,
            Err(error) => {
                // Said once, not each minute.
                if !failed {
                    tracing::error!(%error, "write the log of events for proofs");
                }
                failed = true;
            }
        }
    }
}

/// Witnesses are asked a few seconds after a checkpoint was signed.
async fn witnesses(server: Arc<Server>, mut stopped: Stopped) {
    if !server.proofs.has_witnesses() {
        let _ = stopped.wait_for(|&stop| stop).await;
        return;
    }
    let mut failed = false;
    while next_tick(&server, &mut stopped, WITNESSES_EVERY).await {
        let done = tokio::select! {
            biased;
            // Whom the next start asks again.
            _ = stopped.wait_for(|&stop| stop) => return,
            done = server.proofs.cosign() => done,
        };
        if let Err(error) = &done
            && !failed
        {
            tracing::error!(%error, "read the log of events for witnesses");
        }
        failed = done.is_err();
    }
}

/// Findings come within a second: new events are looked for more often than that, which costs one load.
async fn detections(server: Arc<Server>, follower: Option<Follower>, mut stopped: Stopped) {
    let Some(mut follower) = follower else {
        let _ = stopped.wait_for(|&stop| stop).await;
        return;
    };
    let mut failing = false;
    loop {
        let round = tokio::select! {
            biased;
            // What a round has not noted is looked at again after the next start.
            _ = stopped.wait_for(|&stop| stop) => return,
            round = follower.round(&server.trail) => round,
        };
        // Said when it begins and when it ends, not four times a second.
        match round {
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(%error, "detections");
            }
            Err(_) => {}
            Ok(()) => failing = false,
        }
        if !wait_for(&mut stopped, DETECTION_INTERVAL).await {
            return;
        }
    }
}

/// Periods are minutes, which need no look each second; shorter ones are for tests.
async fn insights(server: Arc<Server>, mut stopped: Stopped) {
    let mut evaluator = Evaluator::new(crate::detections::recorded(&server));
    let step = (server.config.trail.insights_period.millis() / 6).clamp(SECOND, 10 * SECOND);
    let mut failing = false;
    while next_tick(&server, &mut stopped, step).await {
        let round = tokio::select! {
            biased;
            // What a round has not noted is looked at again after the next start.
            _ = stopped.wait_for(|&stop| stop) => return,
            round = evaluator.round(&server.trail) => round,
        };
        failing = told("insights", failing, round);
    }
}

/// As `insights`.
async fn aggregated_events(server: Arc<Server>, mut stopped: Stopped) {
    let mut aggregator = Aggregator::new(crate::detections::recorded(&server));
    let step = (server.config.trail.aggregation_window.millis() / 6).clamp(SECOND, 10 * SECOND);
    let mut failing = false;
    while next_tick(&server, &mut stopped, step).await {
        let round = tokio::select! {
            biased;
            _ = stopped.wait_for(|&stop| stop) => return,
            round = aggregator.round(&server.trail) => round,
        };
        failing = told("aggregated events", failing, round);
    }
}

/// Says when rounds begin to fail, not each time; true while they do.
fn told(task: &str, failing: bool, round: Result<(), trail::DerivedFailed>) -> bool {
    match round {
        Ok(()) => false,
        Err(error) => {
            if !failing {
                tracing::warn!(task, %error, "derive events");
            }
            true
        }
    }
}

async fn host_metrics(server: Arc<Server>, mut stopped: Stopped) {
    let series = SeriesKey {
        account: server.config.account_id.clone(),
        region: server.config.region.clone(),
        namespace: "CWAgent".into(),
        ..SeriesKey::default()
    };
    let mut host = match Host::new(series, None) {
        Ok(host) => host,
        Err(error) => {
            // A system without counters still has audit, logs and its clients' metrics.
            tracing::info!(%error, "no host metrics: this system's counters cannot be read");
            let _ = stopped.wait_for(|&stop| stop).await;
            return;
        }
    };
    // CPU use needs two looks at the counters; the first sample comes early so that a new user sees data at once.
    let mut first = true;
    loop {
        let go_on = if first {
            wait_for(&mut stopped, Duration::from_secs(1)).await
        } else {
            next_tick(&server, &mut stopped, MINUTE).await
        };
        if !go_on {
            return;
        }
        first = false;
        let now = server.clock.now();
        // Reading disks and interfaces asks the kernel and may block.
        let sampled = tokio::task::spawn_blocking(move || {
            let datapoints = host.sample(now);
            (host, datapoints)
        });
        match sampled.await {
            Ok((returned, datapoints)) => {
                host = returned;
                publish(&server, datapoints).await;
            }
            Err(error) => {
                tracing::error!(%error, "sample host");
                return;
            }
        }
    }
}

async fn own_metrics(server: Arc<Server>, mut stopped: Stopped) {
    loop {
        let go_on = next_tick(&server, &mut stopped, MINUTE).await;
        let config = &server.config;
        // Calls of the minute that just ended are stamped inside it.
        let at = server.clock.now() - SECOND;
        let (summary, mut datapoints) = server.calls.take(&config.account_id, &config.region, at);
        datapoints.extend(server.watch.notify.take_metrics(at));
        datapoints.extend(server.syslog.take(&config.account_id, &config.region, at));
        datapoints.extend(server.watch.subscriptions.take_metrics(at));
        datapoints.extend(server.watch.incoming.take_metrics(at));
        if summary.calls > 0 {
            tracing::info!(
                calls = summary.calls,
                errors = summary.errors,
                faults = summary.faults,
                "calls in the last minute"
            );
        }
        publish(&server, datapoints).await;
        if !go_on {
            return;
        }
    }
}

async fn publish(server: &Server, datapoints: Vec<Datapoint>) {
    if datapoints.is_empty() {
        return;
    }
    let batch = Batch { datapoints, ..Batch::default() };
    if let Err(error) = server.watch.store.append(batch).await {
        tracing::warn!(%error, "store own metrics");
    }
}

/// Tells of refused calls that were too many to record each.
async fn unrecorded_calls(server: Arc<Server>, mut stopped: Stopped) {
    loop {
        let goes_on = next_tick(&server, &mut stopped, MINUTE).await;
        let now = server.clock.now();
        for event in server.throttle.take_unrecorded(&server.config.region, now, &*server.ids) {
            if let Err(error) = server.record_event(event, now).await {
                tracing::error!(%error, "record the number of refused calls");
            }
        }
        if !goes_on {
            return;
        }
    }
}

/// Writes down when keys and roles were last used.
async fn last_uses(server: Arc<Server>, mut stopped: Stopped) {
    loop {
        let goes_on = next_tick(&server, &mut stopped, MINUTE).await;
        if let Err(error) = server.access.keep_uses().await {
            tracing::error!(%error, "write last uses of access keys");
        }
        if !goes_on {
            return;
        }
    }
}

async fn maintenance(server: Arc<Server>, mut stopped: Stopped) {
    while next_tick(&server, &mut stopped, MINUTE).await {
        watch::maintain(&server.watch).await;
        trail::delivery::expire(&server.trail).await;
        trail::lake::expire(&server.trail).await;
        trail::lake_dashboards::refresh_due(&server.trail).await;
    }
}

/// A copy that a stop cuts off is made anew by a later start.
async fn backups(server: Arc<Server>, mut stopped: Stopped) {
    let Some(settings) = server.config.backup.clone() else {
        let _ = stopped.wait_for(|&stop| stop).await;
        return;
    };
    let mut failing = false;
    while next_tick(&server, &mut stopped, settings.every.millis()).await {
        if server.config.store.is_none() {
            copies::shorten_journal(&server.trail.store).await;
        }
        let (copied, settings, stop) = (Arc::clone(&server), settings.clone(), stopped.clone());
        let copying = tokio::task::spawn_blocking(move || {
            let goes_on = move || !*stop.borrow();
            let elsewhere = Elsewhere {
                records: copied.config.store.is_some().then_some(&copied.trail.store),
                catalog: copied.config.catalog.is_some().then_some(&copied.trail.catalog),
            };
            let made = copies::make(&copied.config.data_dir, elsewhere, &settings, &*copied.clock, &goes_on);
            tokio::runtime::Handle::current().block_on(made)
        });
        match copying.await {
            Ok(Ok(_)) => failing = false,
            // Said when it begins and when it ends, not each time.
            Ok(Err(error)) if !failing && !*stopped.borrow() => {
                failing = true;
                tracing::error!(error = format!("{error:#}"), "copy the data directory ([backup])");
            }
            Ok(Err(_)) => {}
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

/// Also at the start: what a stop cut off goes on. A step that runs at the end is finished.
async fn event_expiry(server: Arc<Server>, detections_begin: Option<u64>, mut stopped: Stopped) {
    let mut failing = false;
    loop {
        let stop = stopped.clone();
        let round = crate::retention::expire(&server, detections_begin, move || !*stop.borrow()).await;
        match round {
            Err(error) if !failing => {
                failing = true;
                tracing::warn!(%error, "expire audit events");
            }
            Err(_) => {}
            Ok(()) => failing = false,
        }
        let home = Scope { account: server.config.account_id.clone(), region: server.config.region.clone() };
        publish(&server, server.expiry.datapoint(&home, server.clock.now()).into_iter().collect()).await;
        if !next_tick(&server, &mut stopped, MINUTE).await {
            return;
        }
    }
}

/// Without this an idle server keeps what its last work needed, such as 100 MB for a merge of segments: the allocator gives back what was
/// freed a second ago or earlier, but only when somebody frees a large block.
async fn memory(mut stopped: Stopped) {
    while wait_for(&mut stopped, MEMORY_INTERVAL).await {
        drop(std::hint::black_box(Vec::<u8>::with_capacity(MEMORY_BLOCK_BYTES)));
    }
}

async fn server_log(server: Arc<Server>, mut lines: mpsc::Receiver<Line>, mut stopped: Stopped) {
    let scope = Scope { account: server.config.account_id.clone(), region: server.config.region.clone() };
    // One stream per start, named like the CloudWatch agent names its own: by what runs and when it began.
    let stream = format!("trailwatch-{}", server.started.iso_seconds().replace(':', "-"));
    loop {
        let go_on = wait_for(&mut stopped, SERVER_LOG_INTERVAL).await;
        let mut waiting = Vec::new();
        while waiting.len() < SERVER_LOG_LINES_MAX
            && let Ok(line) = lines.try_recv()
        {
            waiting.push(line);
        }
        if !waiting.is_empty()
            && let Err(error) =
                watch::logs::append_internal(&server.watch, &scope, SERVER_LOG_GROUP, &stream, waiting).await
        {
            // Not through the log: that would come back here.
            eprintln!("trailwatch: store own log: {error}");
        }
        if !go_on {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, Settings};
    use model::clock::ManualClock;
    use std::collections::HashSet;
    use std::sync::Mutex;
    use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

    #[tokio::test]
    async fn every_task_asks_whether_it_may_act_before_it_does_anything() {
        let dir = tempfile::tempdir().unwrap();
        let flags = Settings { data_dir: Some(dir.path().join("data")), open: Some(true), ..Settings::default() };
        let mut config = Config::resolve(flags, Settings::default()).unwrap();
        config.detection_rules = Some(dir.path().join("rules"));
        let clock = Arc::new(ManualClock::at(Timestamp(1_795_000_000_000)));
        let mut server = crate::serve::open(config, clock).await.unwrap();
        let asked: Arc<Mutex<HashSet<Id>>> = Arc::default();
        let noted = Arc::clone(&asked);
        server.may_act = Arc::new(move || {
            noted.lock().unwrap().extend(tokio::task::try_id());
            false
        });
        let (_lines, lines) = mpsc::channel(1);
        let tasks = Tasks::start(Arc::new(server), lines, Ports::default(), None);
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        let asked = asked.lock().unwrap().clone();
        let mut others: Vec<_> =
            tasks.names.iter().filter(|(id, _)| !asked.contains(id)).map(|(_, name)| name).collect();
        others.sort_unstable();
        assert_eq!(others, [&"memory"], "these did not ask");
        assert!(tasks.names.len() > 20);
        // They end although they may not act.
        tasks.stop().await;
    }

    #[tokio::test]
    async fn a_task_stands_still_while_it_may_not_act() {
        let (may, steps) = (Arc::new(AtomicBool::new(true)), Arc::new(AtomicUsize::new(0)));
        let (stop, stopped) = flag::channel(false);
        let asked = Arc::clone(&may);
        let may_act: MayAct = Arc::new(move || asked.load(Ordering::Relaxed));
        // Two tasks that end with their third step.
        let running = || {
            let counted = Arc::clone(&steps);
            let task = async move {
                for _ in 0..2 {
                    counted.fetch_add(1, Ordering::Relaxed);
                    tokio::task::yield_now().await;
                }
                counted.fetch_add(1, Ordering::Relaxed);
            };
            Box::pin(while_it_may(Arc::clone(&may_act), stopped.clone(), task))
        };
        let (mut goes_on, mut is_cut_off) = (running(), running());
        for (allowed, total) in [(true, 2), (false, 2), (false, 2)] {
            may.store(allowed, Ordering::Relaxed);
            assert!(futures::poll!(&mut goes_on).is_pending() && futures::poll!(&mut is_cut_off).is_pending());
            assert_eq!(steps.load(Ordering::Relaxed), total);
        }
        stop.send_replace(true);
        is_cut_off.await;
        assert_eq!(steps.load(Ordering::Relaxed), 2);
        stop.send_replace(false);
        may.store(true, Ordering::Relaxed);
        goes_on.await;
        assert_eq!(steps.load(Ordering::Relaxed), 4);
    }

    #[test]
    fn a_late_tick_is_the_first_of_its_minute() {
        let mut minutes = Minutes(Timestamp(60_000));
        let ticks = [61_000, 119_000, 121_000, 122_000, 180_000, 181_000, 179_000].map(Timestamp);
        assert_eq!(ticks.map(|now| minutes.is_next(now)), [false, false, true, false, true, false, true]);
    }
}
