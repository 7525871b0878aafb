//! Proofs: how long the server takes to make them, how long they take to verify, and what the tree costs of an import.
//!
//! What the tree costs is measured here and not in the server, which has no switch for it: the same code hashes the same records into a
//! frontier (as an append does) and into tiles that are written and synced (as the log does). Its CPU time for an event is set against
//! that of the whole import.

use super::ask::{Asked, Client};
use super::{Collected, Run};
use crate::data::events;
use crate::figures::Figure;
use crate::process;
use crate::workloads::Call;
use anyhow::{Context, bail};
use proof::evidence::{Bundle, Trusted, encode, verify};
use proof::merkle::{Hash, Subtrees, inclusion_proof, leaf_hash, node_hash, root, verify_inclusion};
use proof::tile::{Edge, Tile, WIDTH};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::time::{Duration, Instant};

/// Events of the larger bundle.
const BUNDLE: u64 = 100;
/// Leaves of the simulated tree.
const SIMULATED: u64 = 100_000_000;
/// How long something is done again and again to know its time.
const TIME_MIN: Duration = Duration::from_secs(1);
/// Most records that are hashed for the cost of the tree.
const HASHED_PIECES: u64 = 20;

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

/// What share of an import, which takes in `rate` events in a CPU second, the tree is.
pub(super) fn cost(run: &Run, all: &mut Collected, rate: f64) -> anyhow::Result<()> {
    let pieces = events::pieces(&run.plan).min(HASHED_PIECES);
    let records: Vec<String> =
        (0..pieces).flat_map(|number| events::piece(&run.plan, number)).map(|record| record.json).collect();
    let folder = run.work.join("tiles");
    std::fs::create_dir_all(&folder)?;
    let pid = std::process::id();
    let (began, before, mut passes) = (Instant::now(), process::cpu(pid)?, 0);
    while passes == 0 || began.elapsed() < TIME_MIN {
        grow(&records, &folder)?;
        passes += 1;
    }
    let cpu = process::cpu(pid)?.saturating_sub(before).as_secs_f64() / (records.len() * passes) as f64;
    super::remove(&folder);
    all.figures.push(Figure::new("proof-cpu", cpu * 1e6));
    all.add("proof-cost", cpu * rate * 100.0);
    Ok(())
}

/// Grows the tree once as an append does and once as the log does, which is given the roots of tiles and syncs all tiles together.
fn grow(records: &[String], folder: &Path) -> anyhow::Result<()> {
    let (mut peaks, mut leaves, mut roots) = (Vec::<Hash>::new(), Vec::with_capacity(records.len()), Vec::new());
    for (size, record) in records.iter().enumerate() {
        let leaf = leaf_hash(record.as_bytes());
        leaves.push(leaf);
        let (mut node, mut below, mut width) = (leaf, size, 1);
        while below & 1 == 1
            && let Some(left) = peaks.pop()
        {
            (node, below, width) = (node_hash(&left, &node), below >> 1, width << 1);
            if width == WIDTH {
                roots.push(node);
            }
        }
        peaks.push(node);
    }
    let (mut edge, mut tiles) = (Edge::default(), Vec::<(Tile, Vec<u8>)>::new());
    edge.extend(&leaves, &roots, &mut |tile, bytes| tiles.push((tile, bytes)));
    for (tile, bytes) in tiles {
        let path = folder.join(format!("{}-{}", tile.level, tile.number));
        let unfinished = path.with_extension("unfinished");
        File::create(&unfinished)?.write_all(&bytes)?;
        std::fs::rename(unfinished, path)?;
    }
    sync(folder)?;
    let above = |right: Option<Hash>, left: &Hash| Some(right.map_or(*left, |right| node_hash(left, &right)));
    let root = peaks.iter().rev().fold(None, above);
    if root != Some(edge.tree().root) {
        bail!("two ways to grow a tree differ");
    }
    Ok(())
}

#[cfg(target_os = "linux")]
fn sync(folder: &Path) -> anyhow::Result<()> {
    Ok(rustix::fs::syncfs(File::open(folder)?)?)
}

#[cfg(not(target_os = "linux"))]
fn sync(folder: &Path) -> anyhow::Result<()> {
    for entry in folder.read_dir()? {
        File::open(entry?.path())?.sync_all()?;
    }
    Ok(File::open(folder)?.sync_all()?)
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
