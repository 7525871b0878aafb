//! Reading beside the node that leads: a node that stands by follows records and resources, and answers what only reads by itself.
//!
//! # Promise
//! Such an answer is no older than the leader's would be when the call came (linearizable reads): what was acknowledged before, by any
//! node, is in it, and who lost a permission is refused.
//!
//! # How
//! The read index of Raft (Ongaro, Consensus: Bridging Theory and Practice, 6.4), with the lease in place of a round of votes: before each
//! such call the leader is asked how far it is (`index.rs`), and the call waits until this node has read as much: objects of the
//! journal from the bucket (`store/reader.rs`), and of what servers keep in memory of the catalog whatever has changed. Calls that
//! come while one asks share the next round. Resources are read from PostgreSQL itself, by connections that cannot write.
//!
//! A call that this node cannot answer, or not soon, is handed on as any other. What a call leaves behind, its audit event, goes to the
//! leader before it is answered; its share of the metrics of calls, and last uses of keys, each minute.

use super::index::{self, INDEX, Index, RECORDS, USES};
use super::leader::Leader;
use super::{Node, Role, complained};
use crate::config::Config;
use crate::http::{self as listener, Answer, Peer, Shared};
use crate::server::{Recorder, Server};
use crate::{promql, questions, s3_api, serve, sql};
use anyhow::{Context, bail};
use bytes::Bytes;
use catalog::Catalog;
use futures::FutureExt;
use futures::future::BoxFuture;
use http::request::Parts;
use http_body_util::Full;
use model::{Batch, Clock};
use std::convert::Infallible;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::{Semaphore, mpsc, watch};
use wire::{HttpRequest, Service, routing};

/// How often this node looks for what is new without being asked, so that it has little to read when it is.
const LOOK_EVERY: Duration = Duration::from_secs(1);
/// How often what calls left behind is told.
const TOLD_EVERY: Duration = Duration::from_secs(60);
/// How long a call waits until this node is as far as the leader; then it is handed on.
const CURRENT_WITHIN: Duration = Duration::from_secs(2);
/// How long calls are handed on at once after one had waited in vain.
const BEHIND_FOR: Duration = Duration::from_secs(2);
/// A node that could not open what it reads tries again after this.
const AGAIN_AFTER: Duration = Duration::from_secs(2);

/// What is answered by a node that only reads: calls that look at records, or at what an alarm is. None of them looks at what a server
/// has in memory and the catalog has not, such as queries that run.
const READS: [(Service, &str); 19] = [
    (Service::CloudWatch, "DescribeAlarmHistory"),
    (Service::CloudWatch, "DescribeAlarms"),
    (Service::CloudWatch, "DescribeAlarmsForMetric"),
    (Service::CloudWatch, "GetInsightRuleReport"),
    (Service::CloudWatch, "GetMetricData"),
    (Service::CloudWatch, "GetMetricStatistics"),
    (Service::CloudWatch, "GetMetricWidgetImage"),
    (Service::CloudWatch, "ListMetrics"),
    (Service::Logs, "DescribeLogGroups"),
    (Service::Logs, "DescribeLogStreams"),
    (Service::Logs, "FilterLogEvents"),
    (Service::Logs, "GetLogEvents"),
    (Service::Logs, "GetLogGroupFields"),
    (Service::Logs, "GetLogRecord"),
    (Service::Logs, "ListLogGroups"),
    (Service::Logs, "TestMetricFilter"),
    (Service::Logs, "TestTransformer"),
    (Service::CloudTrail, "ListInsightsMetricData"),
    (Service::CloudTrail, "LookupEvents"),
];

/// A server that only reads.
pub struct Reader {
    shared: Shared,
    rounds: Rounds,
    /// How far it is, and whose word that was; `None` before the first round. One round at a time.
    known: tokio::sync::Mutex<Option<(i64, Index)>>,
    /// Until when calls are handed on at once.
    behind_until: Mutex<Option<Instant>>,
    /// Calls that it answered.
    answered: AtomicU64,
    /// Alarms that it observed for the node that leads.
    observed: AtomicU64,
    /// Kept so that answers that go on come to their end.
    _stops: watch::Sender<()>,
}

/// Rounds in which the leader is asked. A round serves the calls that came before it began.
#[derive(Debug, Default)]
struct Rounds {
    begun: AtomicU64,
    done: AtomicU64,
}

/// Whether a call is one that a node which only reads may answer. Pages sign in where sessions are: at the leader.
pub fn is_read(request: &HttpRequest) -> bool {
    if request.header("authorization").is_none() || request.header("content-encoding").is_some() {
        return false;
    }
    if s3_api::is_signed(request) {
        return false;
    }
    if sql::is_asked(request) || questions::is_asked(request) || promql::is_asked(request) {
        return true;
    }
    let target = routing::route(request, &request.body);
    target.is_ok_and(|target| READS.contains(&(target.service, target.operation)))
}

impl Reader {
    /// Of a server that only reads; `bodies` is its room for request bodies.
    pub fn new(server: Arc<Server>, bodies: Arc<Semaphore>) -> Self {
        let (stops, stopped) = watch::channel(());
        // Nobody waits for the last of its calls: they write nothing.
        let (turns, _) = mpsc::channel(1);
        Self {
            shared: Shared { server, bodies, stopped, turns },
            rounds: Rounds::default(),
            known: tokio::sync::Mutex::default(),
            behind_until: Mutex::default(),
            answered: AtomicU64::new(0),
            observed: AtomicU64::new(0),
            _stops: stops,
        }
    }

    /// Answers a call; `None` when the leader is to be asked.
    pub async fn answer(
        &self,
        node: &Arc<Node>,
        leader: &Arc<Leader>,
        peer: Peer,
        (head, body): (Parts, Bytes),
    ) -> Option<Answer> {
        let is_behind = |until: &mut Option<Instant>| until.is_some_and(|until| Instant::now() < until);
        if is_behind(&mut self.behind_until.lock().unwrap_or_else(PoisonError::into_inner)) {
            return None;
        }
        let current = tokio::time::timeout(CURRENT_WITHIN, self.be_current(Arc::clone(node), Arc::clone(leader))).await;
        if let Err(error) = current.context("it takes too long").and_then(|current| current) {
            tracing::debug!(error = format!("{error:#}"), "read as much as the leader has");
            let until = Instant::now() + BEHIND_FOR;
            *self.behind_until.lock().unwrap_or_else(PoisonError::into_inner) = Some(until);
            return None;
        }
        let request = hyper::Request::from_parts(head, Full::new(body));
        let answer = listener::respond(self.shared.clone(), peer, request).await;
        if self.server().leaves_to_others(answer.status().as_u16()) {
            return None;
        }
        self.answered.fetch_add(1, Ordering::Relaxed);
        Some(answer)
    }

    /// How many calls it has answered.
    pub fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// How many alarms it has observed.
    pub fn observed(&self) -> u64 {
        self.observed.load(Ordering::Relaxed)
    }

    /// It has observed so many more alarms.
    pub fn has_observed(&self, count: usize) {
        self.observed.fetch_add(count as u64, Ordering::Relaxed);
    }

    /// What it reads with.
    pub fn server(&self) -> &Server {
        &self.shared.server
    }

    /// Reads as much as the leader has now, or a later round has read.
    async fn be_current(&self, node: Arc<Node>, leader: Arc<Leader>) -> anyhow::Result<()> {
        let begun = self.rounds.begun.load(Ordering::Acquire);
        let mut known = self.known.lock().await;
        if self.rounds.done.load(Ordering::Acquire) > begun {
            return Ok(());
        }
        let round = self.rounds.begun.fetch_add(1, Ordering::AcqRel) + 1;
        let token = leader.token;
        let told = index::ask(node, leader, INDEX, Bytes::new()).await.context("ask how far the leader is")?;
        let index: Index = serde_json::from_slice(&told).context("read how far the leader is")?;
        self.read_up_to(&mut known, token, index).await?;
        self.rounds.done.store(round, Ordering::Release);
        Ok(())
    }

    /// Reads as much as the leader with this token said it had, or fails when that takes long.
    pub async fn reach(&self, token: i64, index: Index) -> anyhow::Result<()> {
        let reading = async { self.read_up_to(&mut *self.known.lock().await, token, index).await };
        tokio::time::timeout(CURRENT_WITHIN, reading).await.context("it takes too long")?
    }

    async fn read_up_to(&self, known: &mut Option<(i64, Index)>, token: i64, index: Index) -> anyhow::Result<()> {
        let was = known.filter(|(of_token, _)| *of_token == token).map(|(_, index)| index);
        let index = was.map_or(index, |was| was.max(index));
        let is_same = |of: fn(&Index) -> u64| was.is_some_and(|was| of(&was) == of(&index));
        let server = self.server();
        if !is_same(|index| index.identities) {
            server.access.reload().await.context("read identities")?;
        }
        if !is_same(|index| index.rules) {
            server.watch.rules.forget_all();
        }
        if !is_same(|index| index.trails) {
            server.trail.reread_trails().await.context("read trails")?;
        }
        *known = Some((token, index));
        let store = &server.trail.store;
        if store.manifest() < index.manifest {
            store.look().await.context("read the manifest")?;
        }
        store.catch_up(index.journal).await.context("read the journal")
    }

    /// Tells the leader, or this node where it leads by now, what calls left behind besides their events.
    pub async fn tell(&self, node: Arc<Node>) -> anyhow::Result<()> {
        let role = node.roles.borrow().clone();
        if matches!(role, Role::Opening | Role::Standby(None)) {
            bail!("no node leads at the moment");
        }
        let (server, now) = (self.server(), self.server().clock.now());
        let config = &server.config;
        let (_, datapoints) = server.calls.take(&config.account_id, &config.region, now);
        let events = server.throttle.take_unrecorded(&config.region, now, &*server.ids);
        let batch = Batch { datapoints, events, ..Batch::default() };
        let uses = server.access.take_uses();
        let leader = match role {
            Role::Leading(shared) => {
                index::take_records(&shared.server, batch).await?;
                shared.server.access.note_uses(uses);
                return Ok(());
            }
            Role::Standby(Some(leader)) => leader,
            Role::Opening | Role::Standby(None) => return Ok(()),
        };
        if !batch.datapoints.is_empty() || !batch.events.is_empty() {
            index::ask(Arc::clone(&node), Arc::clone(&leader), RECORDS, store::encode_batch(&batch).into()).await?;
        }
        if !uses.is_empty() {
            index::ask(node, leader, USES, serde_json::to_vec(&uses)?.into()).await?;
        }
        Ok(())
    }
}

/// Gives the leader what calls leave behind.
struct AtLeader(Arc<Node>);

impl Recorder for AtLeader {
    fn append(&self, batch: Batch) -> BoxFuture<'_, Result<(), store::Error>> {
        async move {
            let role = self.0.roles.borrow().clone();
            let (address, asked) = match role {
                Role::Standby(Some(leader)) => {
                    let body = store::encode_batch(&batch).into();
                    (leader.address.clone(), index::ask(Arc::clone(&self.0), leader, RECORDS, body).await)
                }
                _ => (String::new(), Err(anyhow::anyhow!("no other node leads"))),
            };
            let unanswered = |error| store::Error::Unanswered { path: address, reason: format!("{error:#}") };
            asked.map(drop).map_err(unanswered)
        }
        .boxed()
    }
}

/// Reads beside the node that leads for as long as another one does, if this node is to.
pub async fn run(node: Arc<Node>, config: Config, clock: Arc<dyn Clock>) -> Infallible {
    let mut roles = node.roles.subscribe();
    let mut is_failing = false;
    loop {
        let follows = roles.wait_for(|role| node.does.query && matches!(role, Role::Standby(Some(_)))).await.is_ok();
        if !follows {
            std::future::pending::<()>().await;
        }
        let opened = open(Arc::clone(&node), config.clone(), Arc::clone(&clock)).await;
        let reader = opened.as_ref().ok().cloned();
        is_failing = complained("open the records for reading", is_failing, opened);
        if let Some(reader) = reader {
            node.read_by(Some(Arc::clone(&reader)));
            tracing::info!("this node answers what only reads");
            let failed = tokio::select! {
                biased;
                _ = roles.wait_for(|role| matches!(role, Role::Opening | Role::Leading(_))) => None,
                failed = follow(Arc::clone(&node), Arc::clone(&reader)) => Some(failed),
            };
            node.read_by(None);
            if let Some(error) = failed {
                tracing::warn!(error = format!("{error:#}"), "read the records of the node that leads");
            }
            // This node leads, or another one does, before long.
            let led = roles.wait_for(|role| matches!(role, Role::Leading(_) | Role::Standby(Some(_)))).await.is_ok();
            if led && let Err(error) = reader.tell(Arc::clone(&node)).await {
                tracing::debug!(error = format!("{error:#}"), "tell the leader of calls");
            }
            // Calls that are under way keep what they read.
            if let Err(error) = reader.server().trail.store.close().await {
                tracing::debug!(%error, "close the records");
            }
        }
        tokio::time::sleep(AGAIN_AFTER).await;
    }
}

async fn open(node: Arc<Node>, config: Config, clock: Arc<dyn Clock>) -> anyhow::Result<Arc<Reader>> {
    let url = config.catalog.clone().context("[cluster] needs [catalog] url")?;
    let catalog = Catalog::connect_reader(&url.0).await.context("open the catalog at [catalog] url")?;
    let recorder = Arc::new(AtLeader(Arc::clone(&node)));
    let server = Arc::new(serve::open_reader(config, clock, catalog, recorder).await?);
    Ok(Arc::new(Reader::new(server, Arc::clone(&node.bodies))))
}

/// Reads what is new each second, and tells each minute; ends with the reason when reading fails for long.
async fn follow(node: Arc<Node>, reader: Arc<Reader>) -> anyhow::Error {
    let (mut told, mut well) = (Instant::now(), Instant::now());
    let mut is_failing = false;
    loop {
        tokio::time::sleep(LOOK_EVERY).await;
        match reader.server().trail.store.look().await {
            Ok(()) => well = Instant::now(),
            // What it has read may be damaged: it begins anew.
            Err(error) if well.elapsed() > 10 * LOOK_EVERY => return error.into(),
            Err(error) => tracing::debug!(%error, "look for new records"),
        }
        if told.elapsed() >= TOLD_EVERY {
            told = Instant::now();
            is_failing = complained("tell the leader of calls", is_failing, reader.tell(Arc::clone(&node)).await);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::operations::Table;
    use wire::Access;

    fn call(target: &str) -> HttpRequest {
        let headers = [
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=K/20261127/us-east-1/logs/aws4_request, SignedHeaders=host, Signature=0",
            ),
            ("content-type", "application/x-amz-json-1.1"),
            ("x-amz-target", target),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        HttpRequest { method: "POST".into(), path: "/".into(), headers, ..HttpRequest::default() }
    }

    #[test]
    fn what_nodes_answer_by_themselves_is_implemented_and_only_reads() {
        let table = Table::new();
        for (service, name) in READS {
            let access = table.get(service, name).map(|row| row.access());
            assert!(matches!(access, Some(Access::Read | Access::List)), "{name}: {access:?}");
        }
    }

    #[test]
    fn signed_calls_that_only_read_are_told_from_all_others() {
        let read = call("Logs_20140328.FilterLogEvents");
        assert!(is_read(&read));
        assert!(!is_read(&call("Logs_20140328.PutLogEvents")) && !is_read(&call("Logs_20140328.StartQuery")));
        let without = |name: &str| {
            let headers = read.headers.iter().filter(|header| header.0 != name).cloned().collect();
            HttpRequest { headers, ..read.clone() }
        };
        assert!(!is_read(&without("authorization")), "links, and pages of the console");
        assert!(!is_read(&without("x-amz-target")));
        let of_path = |method: &str, path: &str| HttpRequest {
            method: method.into(),
            path: path.into(),
            ..without("x-amz-target")
        };
        assert!(is_read(&of_path("POST", sql::PATH)) && is_read(&of_path("GET", "/api/v1/query")));
        assert!(!is_read(&of_path("POST", "/_trailwatch/reset")) && !is_read(&of_path("GET", "/_trailwatch/cluster")));
        let form = HttpRequest {
            headers: vec![read.headers[0].clone(), ("content-type".into(), "application/x-www-form-urlencoded".into())],
            body: "Action=ListMetrics&Version=2010-08-01".into(),
            ..read.clone()
        };
        assert!(is_read(&form));
        assert!(!is_read(&HttpRequest { body: "Action=DeleteAlarms&Version=2010-08-01".into(), ..form.clone() }));
        let mut packed = form;
        packed.headers.push(("content-encoding".into(), "gzip".into()));
        assert!(!is_read(&packed), "which operation it is would have to be unpacked first");
    }
}
