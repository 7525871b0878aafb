//! Proofs: how long the server takes to make them, and how long they take to verify. What the tree costs: `tree.rs`.

use super::ask::{Asked, Client};
use super::{Collected, Run};
use crate::data::events;
use crate::workloads::Call;
use anyhow::{Context, bail};
use proof::evidence::{Bundle, Trusted, encode, verify};
use proof::merkle::{Hash, Subtrees, inclusion_proof, leaf_hash, node_hash, root, verify_inclusion};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::time::{Duration, Instant};

/// Events of the larger bundle.
const BUNDLE: u64 = 100;
/// Leaves of the simulated tree.
const SIMULATED: u64 = 100_000_000;
/// How long something is done again and again to know its time.
const TIME_MIN: Duration = Duration::from_secs(1);

/// Asks a server that has all of W3.
pub(super) fn questions(run: &Run, all: &mut Collected, client: &mut Client) -> anyhow::Result<()> {
    let count = events::pieces(&run.plan) * events::PIECE;
    // Signs the tree of all that is stored, so that no question has to.
    bundle(client, &json!({ "sequences": [count] }))?;
    all.ask(client, "proof-one", &mut |client| evidence(client, &json!({ "sequences": [count / 3] })))?;
    let sequences: Vec<u64> = (0..BUNDLE).map(|n| 1 + n * (count / BUNDLE)).collect();
    all.ask(client, "proof-bundle", &mut |client| evidence(client, &json!({ "sequences": sequences })))?;
    all.ask(client, "proof-consistency", &mut |client| evidence(client, &json!({ "from": count / 3 })))?;
    let bytes = bundle(client, &json!({ "sequences": sequences }))?;
    let took = repeat(|| match verify(&bytes, &Trusted::default()).wrong.first() {
        None => Ok(()),
        Some(wrong) => bail!("the server's evidence does not hold: {wrong}"),
    })?;
    all.add("proof-verify", took * 1e6 / BUNDLE as f64);
    Ok(())
}

/// One bundle. The answer is what it has: how many events, and whether a tree is proved to begin with another.
fn evidence(client: &mut Client, asked: &Value) -> anyhow::Result<Asked> {
    let bundle = Bundle::read(&bundle(client, asked)?)?;
    Ok(Asked::Answer(format!("{} events, {}", bundle.events.len(), bundle.consistency.is_some())))
}

fn bundle(client: &mut Client, asked: &Value) -> anyhow::Result<Vec<u8>> {
    let headers = vec![("content-type", "application/json".to_owned())];
    let (body, path) = (asked.to_string().into_bytes(), "/_trailwatch/proofs/evidence");
    let answer = client.call(&Call { service: "trailwatch", path, headers, body, records: 0, bytes: 0 })?;
    if answer.status != 200 {
        bail!("evidence was answered with HTTP {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    Ok(answer.body)
}

/// The proof of an event in a tree of 10^8, of which only perfect subtrees are made: its size and how long it takes to verify.
pub(super) fn simulated(all: &mut Collected) -> anyhow::Result<()> {
    let mut tree = Alike(vec![leaf_hash(b"same")]);
    for height in 0..SIMULATED.ilog2() as usize {
        tree.0.push(node_hash(&tree.0[height], &tree.0[height]));
    }
    let Ok(whole) = root(0..SIMULATED, &mut tree);
    let Ok(proof) = inclusion_proof(SIMULATED / 3, SIMULATED, &mut tree);
    let took = repeat(|| {
        verify_inclusion(&leaf_hash(b"same"), SIMULATED / 3, SIMULATED, &proof, &whole).context("verify a proof")
    })?;
    all.add("proof-verify-simulated", took * 1e6);
    all.add("proof-bytes-simulated", serde_json::to_string(&encode(&proof))?.len() as f64);
    Ok(())
}

/// Leaves that are all alike, so that each perfect subtree of a height has one root.
struct Alike(Vec<Hash>);

impl Subtrees for Alike {
    type Error = Infallible;

    fn root(&mut self, height: u32, _: u64) -> Result<Hash, Infallible> {
        Ok(self.0[height as usize])
    }
}

/// Seconds that something takes.
fn repeat(mut work: impl FnMut() -> anyhow::Result<()>) -> anyhow::Result<f64> {
    work()?;
    let (began, mut times) = (Instant::now(), 0_u32);
    while began.elapsed() < TIME_MIN {
        work()?;
        times += 1;
    }
    Ok(began.elapsed().as_secs_f64() / f64::from(times))
}
