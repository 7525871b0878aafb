//! What nodes tell each other besides calls: how far the leader is, and what calls that another node answered leave behind.
//!
//! Requests below `/_trailwatch/nodes/`, by POST, sealed as calls that are handed on are (`forwarded.rs`). `authorization` is the SHA-256
//! of the body in hexadecimal, so that the seal covers it.
//!
//! | path | body | answer |
//! | --- | --- | --- |
//! | `index` | none | [`Index`] as JSON |
//! | `records` | a batch (`store::encode_batch`) of audit events and datapoints | nothing; it is durable then |
//! | `uses` | last uses of keys and roles as JSON (`access::Uses`) | nothing |
//! | `observe` | alarms, of which the leader asks a node that reads | what they watch (`observers.rs`) |
//!
//! A node that does not lead answers all but the last as it does a call that is handed on.

use super::call::{not_leading, told_not_to_lead};
use super::leader::Leader;
use super::{Node, Role, observers};
use crate::http::{self as listener, Answer, Peer};
use crate::server::{self, Server};
use anyhow::{Context, anyhow, bail};
use bytes::Bytes;
use http::header;
use http::request::Parts;
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use model::limits::BODY_BYTES_MAX;
use model::{Batch, hex};
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;

/// Where all of them begin.
const PATHS: &str = "/_trailwatch/nodes/";
/// Where the leader is asked how far it is.
pub const INDEX: &str = "/_trailwatch/nodes/index";
/// Where records go that calls left behind.
pub const RECORDS: &str = "/_trailwatch/nodes/records";
/// Where last uses of keys go.
pub const USES: &str = "/_trailwatch/nodes/uses";
/// Where a node that reads is asked what alarms watch.
pub const OBSERVE: &str = "/_trailwatch/nodes/observe";
/// How long an answer is waited for.
const TIME_MAX: Duration = Duration::from_secs(5);

/// How far the leader is: whoever has read as much answers no older than the leader would.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Index {
    /// The last object of the journal.
    pub journal: u64,
    /// The manifest of its records.
    pub manifest: u64,
    /// Changes of identities.
    pub identities: u64,
    /// Changes of what is done with the events of log groups.
    pub rules: u64,
    /// Changes of what trails ask for.
    pub trails: u64,
}

impl Index {
    /// That of a server that writes; `None` where its journal is not in the bucket.
    pub fn of(server: &Server) -> Option<Self> {
        Some(Self {
            journal: server.trail.store.acknowledged()?,
            manifest: server.trail.store.manifest(),
            identities: server.access.generation(),
            rules: server.watch.rules.generation(),
            trails: server.trail.generation(),
        })
    }

    /// As far as this and another word of the same leader, in whichever order they came.
    pub fn max(self, other: Self) -> Self {
        Self {
            journal: self.journal.max(other.journal),
            manifest: self.manifest.max(other.manifest),
            identities: self.identities.max(other.identities),
            rules: self.rules.max(other.rules),
            trails: self.trails.max(other.trails),
        }
    }
}

/// Whether a request that came from a node is for this file.
pub fn is_asked(head: &Parts) -> bool {
    head.uri.path().starts_with(PATHS)
}

/// Answers another node.
pub async fn answer(node: &Node, head: &Parts, body: Incoming) -> Answer {
    let reading = Limited::new(body, BODY_BYTES_MAX).collect();
    let Ok(Ok(body)) = tokio::time::timeout(listener::BODY_TIMEOUT, reading).await else {
        return listener::plain(400, "The request body did not arrive whole.");
    };
    let body = body.to_bytes();
    if head.headers.get(header::AUTHORIZATION).is_none_or(|told| told.as_bytes() != hash(&body).as_bytes()) {
        return listener::plain(400, "The request has another body than it says.");
    }
    if head.uri.path() == OBSERVE {
        return observers::answer(node, &body).await;
    }
    let Role::Leading(shared) = node.roles.borrow().clone() else { return not_leading() };
    // The call counts as one that is under way: a leader that stops waits for it.
    let _turn = shared.turns;
    let told = match head.uri.path() {
        INDEX => index(&shared.server),
        RECORDS => records(&shared.server, &body).await,
        USES => uses(&shared.server, &body),
        _ => return listener::plain(404, "There is nothing here."),
    };
    // Asked after, for what is told must be so while nobody else can lead.
    if !node.has_lease() {
        return not_leading();
    }
    match told {
        Ok(body) => listener::into_answer(server::json(200, &body), watch::channel(()).1),
        Err(error) => {
            tracing::warn!(error = format!("{error:#}"), path = head.uri.path(), "answer another node");
            listener::plain(503, "It was not done. See this node's log.")
        }
    }
}

fn index(server: &Server) -> anyhow::Result<Value> {
    let index = Index::of(server).context("the journal is not in the bucket")?;
    Ok(serde_json::to_value(index)?)
}

/// Stores what calls left behind at another node.
async fn records(server: &Server, body: &[u8]) -> anyhow::Result<Value> {
    let batch = store::decode_batch(body).map_err(|damage| anyhow!("a batch that {damage}"))?;
    take_records(server, batch).await?;
    Ok(json!({}))
}

/// Stores what calls left behind: events as those of this node's own calls, with what trails make of them, and datapoints.
pub async fn take_records(server: &Server, mut batch: Batch) -> Result<(), store::Error> {
    for event in std::mem::take(&mut batch.events) {
        server.record_event(event, server.clock.now()).await?;
    }
    if !batch.datapoints.is_empty() {
        server.watch.store.append(batch).await?;
    }
    Ok(())
}

fn uses(server: &Server, body: &[u8]) -> anyhow::Result<Value> {
    server.access.note_uses(serde_json::from_slice(body)?);
    Ok(json!({}))
}

/// Asks the leader, or the leader another node; answers the body of its answer.
pub async fn ask(node: Arc<Node>, leader: Arc<Leader>, path: &'static str, body: Bytes) -> anyhow::Result<Bytes> {
    let told = hash(&body);
    let request = http::Request::post(path).header(header::HOST, "node").header(header::AUTHORIZATION, told);
    let body = Full::new(body).map_err(|never| match never {}).boxed_unsync();
    let (mut head, body) = request.body(body)?.into_parts();
    let nobody = Peer { address: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), tls: None };
    let seal = node.sealing.seal(&head, nobody, false).context("seal a request")?;
    head.headers.insert(super::forwarded::HEADER, seal);
    let asking = async {
        let sent = leader.send(http::Request::from_parts(head, body)).await;
        let (answer, lent) = sent.map_err(|failed| anyhow!("{failed}"))?;
        if told_not_to_lead(answer.headers()) {
            bail!("it does not lead");
        }
        let status = answer.status();
        let body = Limited::new(answer.into_body(), BODY_BYTES_MAX).collect().await;
        let body = body.map_err(anyhow::Error::from_boxed)?.to_bytes();
        lent.give_back().await;
        if !status.is_success() {
            bail!("it answers {status}");
        }
        Ok(body)
    };
    tokio::time::timeout(TIME_MAX, asking).await.context("it does not answer")?
}

fn hash(body: &[u8]) -> String {
    hex(digest(&SHA256, body).as_ref())
}
