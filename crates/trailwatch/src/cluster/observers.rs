//! Alarms that are observed by nodes that read: the leader asks each about its share, and judges what comes back (`watch::alarms::observers`).
//!
//! A request to `/_trailwatch/nodes/observe`, sealed as those in `index.rs`: a [`Question`] as JSON, whose answer is a list of what each
//! alarm watches, `null` where that could not be observed. It comes with how far the leader is, and the node reads as much first: what
//! was acknowledged before the leader asked is looked at. A node that cannot answers 503, and is left out for some seconds.

use super::index::{self, Index, OBSERVE};
use super::leader::Leader;
use super::reader::Reader;
use super::{Node, Role};
use crate::http::{self as listener, Answer};
use ::watch::alarms::observe::Observed;
use ::watch::alarms::observers::{Asked, Observer, Observers, observe_asked};
use anyhow::{Context, bail};
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, StreamExt};
use model::Timestamp;
use model::limits::BODY_BYTES_MAX;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::watch;

/// Alarms in one request ...
const ALARMS_MAX: usize = 500;
/// ... and bytes of them, but for one that is larger by itself. Requests and answers have room for some more.
const BYTES_MAX: usize = BODY_BYTES_MAX / 2;
/// Requests to one node at the same time.
const AT_ONCE_MAX: usize = 4;
/// How long a node observes; then it answers what it has, and the leader observes the rest. An alarm that is slow keeps no other waiting
/// longer.
const WITHIN: Duration = Duration::from_secs(2);

/// What a node is asked.
#[derive(Serialize, Deserialize)]
struct Question<A> {
    /// The token of who asks.
    token: i64,
    /// How far it is.
    index: Index,
    /// When the alarms are evaluated, milliseconds.
    now: i64,
    /// Alarms.
    alarms: Vec<A>,
}

/// The nodes that read, as the one that leads sees them.
pub struct Reading {
    /// The node that leads.
    pub node: Arc<Node>,
    /// The token of its lease.
    pub token: i64,
}

impl Observers for Reading {
    fn present(&self) -> Vec<Arc<dyn Observer>> {
        // Before it answers calls, and once it does not any more, it asks nobody.
        if !matches!(&*self.node.roles.borrow(), Role::Leading(_)) {
            return Vec::new();
        }
        let other =
            |other| -> Arc<dyn Observer> { Arc::new(Other { node: Arc::clone(&self.node), token: self.token, other }) };
        self.node.others_that_read().into_iter().map(other).collect()
    }
}

/// Another node, which reads.
struct Other {
    node: Arc<Node>,
    token: i64,
    other: Arc<Leader>,
}

impl Observer for Other {
    fn name(&self) -> &str {
        &self.other.address
    }

    fn observe(&self, asked: Vec<Asked>, now: Timestamp) -> BoxFuture<'_, Vec<Option<Observed>>> {
        async move {
            let count = asked.len();
            self.ask(asked, now).await.unwrap_or_else(|error| {
                let (error, node) = (format!("{error:#}"), &self.other.address);
                tracing::info!(error, node, "a node does not observe its alarms: this one does");
                self.other.missed();
                vec![None; count]
            })
        }
        .boxed()
    }
}

impl Other {
    async fn ask(&self, asked: Vec<Asked>, now: Timestamp) -> anyhow::Result<Vec<Option<Observed>>> {
        let Role::Leading(shared) = self.node.roles.borrow().clone() else { bail!("this node does not lead") };
        let index = Index::of(&shared.server).context("the journal is not in the bucket")?;
        let asking = pieces(asked)?.into_iter().map(|alarms| async move {
            let count = alarms.len();
            let question = Question { token: self.token, index, now: now.0, alarms };
            let body = serde_json::to_vec(&question)?.into();
            let answer = index::ask(Arc::clone(&self.node), Arc::clone(&self.other), OBSERVE, body).await?;
            let mut observed: Vec<Option<Observed>> = serde_json::from_slice(&answer).context("read its answer")?;
            observed.resize(count, None);
            anyhow::Ok(observed)
        });
        let mut answers = futures::stream::iter(asking).buffered(AT_ONCE_MAX);
        let mut observed = Vec::new();
        while let Some(answer) = answers.next().await {
            observed.append(&mut answer?);
        }
        Ok(observed)
    }
}

/// Alarms as texts, as many together as one request has room for.
fn pieces(asked: Vec<Asked>) -> anyhow::Result<Vec<Vec<Box<RawValue>>>> {
    let (mut pieces, mut piece, mut bytes) = (Vec::new(), Vec::new(), 0);
    for asked in asked {
        let text = serde_json::value::to_raw_value(&asked)?;
        if piece.len() == ALARMS_MAX || bytes + text.get().len() > BYTES_MAX && !piece.is_empty() {
            pieces.push(std::mem::take(&mut piece));
            bytes = 0;
        }
        bytes += text.get().len();
        piece.push(text);
    }
    pieces.push(piece);
    Ok(pieces)
}

/// Answers the node that leads.
pub async fn answer(node: &Node, body: &[u8]) -> Answer {
    let Some(reader) = node.reader() else { return listener::plain(503, "This node does not read.") };
    match observed(node, &reader, body).await {
        Ok(body) => {
            let headers = vec![("content-type", "application/json".into())];
            listener::into_answer(wire::Response { status: 200, headers, body, rest: None }, watch::channel(()).1)
        }
        Err(error) => {
            tracing::debug!(error = format!("{error:#}"), "observe alarms for the node that leads");
            listener::plain(503, "It was not done. See this node's log.")
        }
    }
}

async fn observed(node: &Node, reader: &Reader, body: &[u8]) -> anyhow::Result<Bytes> {
    let Question { token, index, now, alarms } = serde_json::from_slice::<Question<Asked>>(body)?;
    match &*node.roles.borrow() {
        Role::Standby(Some(leader)) if leader.token > token => bail!("another node leads by now"),
        Role::Standby(_) => {}
        Role::Opening | Role::Leading(_) => bail!("this node leads"),
    }
    reader.reach(token, index).await?;
    let began = Instant::now();
    let observed = observe_asked(&reader.server().watch, alarms, Timestamp(now), WITHIN).await;
    let count = observed.iter().flatten().count();
    if count == 0 && !observed.is_empty() && began.elapsed() >= WITHIN {
        bail!("it takes too long");
    }
    reader.has_observed(count);
    texts(observed)
}

/// A list of what was observed, as far as one answer has room; what is too much is the leader's to read.
fn texts(observed: Vec<Option<Observed>>) -> anyhow::Result<Bytes> {
    let mut bytes = 0;
    let mut texts = Vec::with_capacity(observed.len());
    for observed in observed {
        let text = observed.map(|observed| serde_json::value::to_raw_value(&observed)).transpose()?;
        let text = text.filter(|text| bytes + text.get().len() <= BYTES_MAX);
        bytes += text.as_ref().map_or(0, |text| text.get().len());
        texts.push(text);
    }
    Ok(serde_json::to_vec(&texts)?.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::watch::alarms::state::Slot;
    use catalog::AlarmConfiguration;

    fn asked(description: String) -> Asked {
        let configuration = AlarmConfiguration { description: Some(description), ..AlarmConfiguration::default() };
        Asked { account: "123456789012".into(), region: "us-east-1".into(), configuration }
    }

    #[test]
    fn shares_are_cut_so_that_each_fits_a_request() {
        let lengths = |asked: Vec<Asked>| pieces(asked).unwrap().iter().map(Vec::len).collect::<Vec<_>>();
        assert_eq!(lengths((0..1001).map(|_| asked(String::new())).collect()), [500, 500, 1]);
        let (half, whole) = ("x".repeat(BYTES_MAX / 2), "x".repeat(BYTES_MAX));
        let long = [&half, &half, &whole, &half].map(|text| asked(text.clone()));
        assert_eq!(lengths(long.to_vec()), [1, 1, 1, 1], "what surrounds a text counts as well");
    }

    #[test]
    fn what_has_no_room_in_an_answer_is_left_to_the_leader() {
        let slot = Slot { start: Timestamp(0), point: None };
        // Nine bytes each, with the comma: less than half of the room, and more than a third.
        let half = Observed::One(vec![slot; BYTES_MAX / 20]);
        let small = Observed::One(vec![slot]);
        let all = [Some(half.clone()), None, Some(half.clone()), Some(half), Some(small)];
        let text = texts(all.to_vec()).unwrap();
        assert!(text.len() < BODY_BYTES_MAX);
        let read: Vec<Option<Observed>> = serde_json::from_slice(&text).unwrap();
        assert_eq!(read.iter().map(Option::is_some).collect::<Vec<_>>(), [true, false, true, false, true]);
    }
}
