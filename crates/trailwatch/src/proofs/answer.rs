//! Proofs over HTTP, signed as an import is and audited: what is in the log, and evidence of single events.
//!
//! - `GET /_trailwatch/proofs/checkpoint`: the public key and the last checkpoint, a new one where events came since.
//! - `GET /_trailwatch/proofs/inclusion?event-id=ID` or `?sequence=N`: the way from an event to the root.
//! - `GET /_trailwatch/proofs/consistency?from=SIZE[&to=SIZE]`: that the tree of `to` events, or of the last checkpoint, begins with that
//!   of `from`.
//! - `POST /_trailwatch/proofs/evidence` with `{"event_ids":[…],"sequences":[…],"from":SIZE}`: a bundle (`proof/src/evidence.rs`).
//!
//! Events are those of the caller's account.

#[cfg(test)]
mod tests;

use super::{ProofError, ReadTile, Signed};
use crate::own::{self, Endpoint, Refusal};
use crate::server::Server;
use model::{Caller, TimeRange};
use proof::evidence::{Bundle, Consistency, EVENTS_MAX, FORMAT, ProvenEvent, encode};
use proof::merkle::{consistency_proof, inclusion_proof};
use proof::tile::Tiles;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json as value};
use std::collections::{BTreeMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;
use store::{Direction, EventFilter, EventScan};
use wire::{Access, HttpRequest, Response};

/// How the paths begin.
pub const PATHS: &str = "/_trailwatch/proofs/";
/// Where evidence is asked for.
pub const EVIDENCE: &str = "/_trailwatch/proofs/evidence";
const ENDPOINT: Endpoint = Endpoint::ours("GetEventProof", Access::Read);
/// Most bytes of records in one bundle.
const RECORDS_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Which events a bundle is to have.
#[derive(Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Asked {
    /// By `eventID`.
    pub event_ids: Vec<String>,
    /// By order of acceptance, from 1 on.
    pub sequences: Vec<u64>,
    /// Size of an earlier tree that this one is to be proved to begin with.
    pub from: Option<u64>,
}

impl From<ProofError> for Refusal {
    fn from(error: ProofError) -> Self {
        tracing::error!(%error, "make a proof");
        match error {
            ProofError::Wrong(error) => Self::new(409, "NoProof", error.to_string()),
            _ => Self::new(500, "InternalFailure", "The proof was not made. See the server's log."),
        }
    }
}

/// Answers a request to one of the paths; whatever was read is on the trail before.
pub async fn answer(server: &Server, request: &HttpRequest, source_ip: &str) -> Response {
    let what = request.path.strip_prefix(PATHS).unwrap_or_default();
    let parameters = value!({ "proof": what.get(..32).unwrap_or(what) });
    let run = async |caller: &Caller| run(server, caller, request).await;
    own::answered(ENDPOINT.call(server, (request, source_ip), Some(parameters), run).await)
}

async fn run(server: &Server, caller: &Caller, request: &HttpRequest) -> Result<Value, Refusal> {
    let member = |name: &str| {
        request
            .query
            .split('&')
            .filter_map(|pair| pair.split_once('='))
            .find(|(key, _)| *key == name)
            .map(|pair| pair.1)
    };
    let number = |name: &str| {
        let number = member(name).map(|text| text.parse::<u64>().map_err(|_| invalid(format!("{name} is no number"))));
        number.transpose()
    };
    match (request.method.as_str(), request.path.strip_prefix(PATHS).unwrap_or_default()) {
        ("GET", "checkpoint") => {
            let signed = server.proofs.publish().await?;
            Ok(value!({ "vkey": server.proofs.vkey(), "checkpoint": signed.note }))
        }
        ("GET", "inclusion") => {
            let asked = Asked {
                event_ids: member("event-id").map(str::to_owned).into_iter().collect(),
                sequences: number("sequence")?.into_iter().collect(),
                from: None,
            };
            let bundle = evidence(server, caller, asked).await?;
            let event = bundle.events.first().ok_or_else(|| invalid("name an event-id or a sequence".into()))?;
            Ok(value!({
                "index": event.index,
                "sequence": event.index + 1,
                "leaf_hash": encode(&[proof::merkle::leaf_hash(event.record.as_bytes())]).pop(),
                "proof": event.proof,
                "vkey": bundle.vkey,
                "checkpoint": bundle.checkpoint,
            }))
        }
        ("GET", "consistency") => {
            let from =
                number("from")?.ok_or_else(|| invalid("from is missing: the size of the earlier tree".into()))?;
            consistency(server, from, number("to")?).await
        }
        ("POST", "evidence") => {
            let asked = serde_json::from_slice(&request.body);
            let asked: Asked = asked.map_err(|error| invalid(format!("the body is not what it should be: {error}")))?;
            let bundle = evidence(server, caller, asked).await?;
            serde_json::to_value(&bundle).map_err(|error| invalid(error.to_string()))
        }
        _ => Err(Refusal::new(404, "NotFound", "checkpoint, inclusion, consistency and evidence are here")),
    }
}

fn invalid(message: String) -> Refusal {
    Refusal::new(400, "InvalidRequest", message)
}

async fn consistency(server: &Server, from: u64, to: Option<u64>) -> Result<Value, Refusal> {
    let covering = to.unwrap_or(0).max(from);
    let made = server.proofs.read(covering, move |signed, read| {
        let to = to.unwrap_or(signed.tree.size);
        if from > to || to > signed.tree.size {
            return Ok(None);
        }
        let proof = consistency_proof(from, to, &mut Tiles::new(signed.tree.size, read))?;
        Ok(Some((to, encode(&proof), signed.note.clone())))
    });
    let (to, proof, checkpoint) =
        made.await?.ok_or_else(|| invalid("from must not be above to, nor to above the number of events".into()))?;
    Ok(value!({ "from": from, "to": to, "proof": proof, "vkey": server.proofs.vkey(), "checkpoint": checkpoint }))
}

/// The bundle that was asked for.
async fn evidence(server: &Server, caller: &Caller, asked: Asked) -> Result<Bundle, Refusal> {
    if asked.event_ids.len() + asked.sequences.len() > EVENTS_MAX {
        return Err(invalid(format!("a bundle holds up to {EVENTS_MAX} events")));
    }
    let records = find(server, caller, &asked).await?;
    let from = asked.from;
    let covering = records.last_key_value().map_or(0, |(sequence, _)| *sequence).max(from.unwrap_or(0));
    let vkey = server.proofs.vkey();
    let made = server.proofs.read(covering, move |signed, read| {
        // As that of a consistency proof, it is the client's, and nothing is wrong.
        if from.is_some_and(|from| from > signed.tree.size) {
            return Ok(None);
        }
        bundle(signed, records, from, vkey, read).map(Some)
    });
    made.await?.ok_or_else(|| invalid("from must not be above the number of events".into()))
}

fn bundle(
    signed: &Signed,
    records: BTreeMap<u64, String>,
    from: Option<u64>,
    vkey: String,
    read: &mut ReadTile<'_>,
) -> Result<Bundle, ProofError> {
    let size = signed.tree.size;
    let mut tiles = Tiles::new(size, read);
    let mut events = Vec::with_capacity(records.len());
    for (sequence, record) in records {
        let index = sequence.saturating_sub(1);
        events.push(ProvenEvent { index, record, proof: encode(&inclusion_proof(index, size, &mut tiles)?) });
    }
    let consistency = match from {
        Some(from) => Some(Consistency { from, proof: encode(&consistency_proof(from, size, &mut tiles)?) }),
        None => None,
    };
    Ok(Bundle { format: FORMAT.into(), vkey, checkpoint: signed.note.clone(), events, consistency })
}

/// The records that were asked for, by sequence; one that is not there is an error that names it.
async fn find(server: &Server, caller: &Caller, asked: &Asked) -> Result<BTreeMap<u64, String>, Refusal> {
    let (store, account) = (&server.trail.store, &caller.scope.account);
    let (mut records, mut bytes) = (BTreeMap::new(), 0);
    let mut missing: HashSet<String> = asked.event_ids.iter().cloned().collect();
    if !missing.is_empty() {
        let scan = EventScan {
            account: Some(account.clone()),
            region: None,
            range: TimeRange::ALL,
            direction: Direction::Backward,
            after: None,
            filter: Some(EventFilter::EventIds(Arc::new(missing.clone()))),
        };
        let visit = &mut |row: &store::EventRow| {
            missing.remove(&row.event.event_id);
            bytes += row.event.record.len();
            records.insert(row.sequence, row.event.record.clone());
            let is_full = missing.is_empty() || records.len() > EVENTS_MAX || bytes > RECORDS_BYTES_MAX;
            if is_full { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        };
        store.scan_events(scan, visit).await?;
    }
    for &sequence in &asked.sequences {
        let page = store.follow_events(sequence, sequence.saturating_add(1), 1).await?;
        let is_gone = page.events.is_empty();
        match page.events.into_iter().find(|row| row.sequence == sequence && row.event.account == *account) {
            Some(row) => {
                bytes += row.event.record.len();
                records.insert(sequence, row.event.record);
            }
            None if is_gone && (1..store.event_sequence()).contains(&sequence) => {
                let text = format!("event {sequence} has expired: its leaf is in the tree, and its record is gone");
                return Err(Refusal::new(410, "EventExpired", text));
            }
            None => return Err(Refusal::new(404, "EventNotFound", format!("there is no event {sequence}"))),
        }
        if bytes > RECORDS_BYTES_MAX {
            break;
        }
    }
    if bytes > RECORDS_BYTES_MAX || records.len() > EVENTS_MAX {
        return Err(invalid("these records are too large for one bundle: ask for fewer".into()));
    }
    match missing.iter().min() {
        Some(id) => Err(Refusal::new(
            404,
            "EventNotFound",
            format!("there is no event with the eventID {id}, or it has expired"),
        )),
        None => Ok(records),
    }
}
