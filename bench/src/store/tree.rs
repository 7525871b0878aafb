//! What proofs cost of an import: hashing, which every append does, and the log of tiles and checkpoints, which is there or not.
//!
//! The log's share is measured: the same import into two data directories, of which one has a log and the other leaves it to a server, in turns,
//! so that whatever else the machine does falls on both; the medians are compared. Hashing cannot be left out of a store. It is done here by
//! the same code on the same batches, each leaf and each node above once, as an append does it.

use super::{Run, remove};
use crate::data::events;
use crate::process;
use crate::server::{self, Server};
use anyhow::{Context, bail};
use proof::merkle::{Hash, leaf_hash, leaf_hashes, parents};
use std::hint::black_box;
use std::process::Command;
use std::time::{Duration, Instant};

/// Imports of each kind.
const ROUNDS: usize = 7;
/// Most files of 10,000 events that each imports.
const FILES_MAX: u64 = 30;
/// Longest import.
const IMPORT_MAX: Duration = Duration::from_secs(900);
/// Records that an append hashes at once.
const HASHED_AT_ONCE: usize = 256;
/// Records that the import appends at once.
const BATCH: usize = 2_000;
/// How long records are hashed again and again to know its time.
const TIME_MIN: Duration = Duration::from_secs(1);

/// CPU time for an event, microseconds.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cost {
    /// Of the import, with the log.
    pub with_log: f64,
    /// Without it.
    pub without_log: f64,
    /// SHA-256 of the records.
    pub leaves: f64,
    /// The same, one after another.
    pub leaves_singly: f64,
    /// Of the nodes above them.
    pub nodes: f64,
}

impl Cost {
    /// What the tree takes in all.
    pub(super) fn of_tree(&self) -> f64 {
        self.leaves + self.nodes + self.with_log - self.without_log
    }

    /// The same of the whole import, percent.
    pub(super) fn percent(&self) -> f64 {
        self.of_tree() / self.with_log * 100.0
    }
}

/// Answers a Markdown table.
pub fn table(run: &Run) -> anyhow::Result<String> {
    let cost = measure(run)?;
    let Cost { with_log, without_log, leaves, leaves_singly, nodes } = cost;
    let share = |of: f64| of / with_log * 100.0;
    Ok(format!(
        "| CPU time for an event, medians of {ROUNDS} imports of {} events each | µs | of the import |\n| --- | --: | --: |\n\
         | the import with its log of tiles and checkpoints | {with_log:.2} | |\n\
         | the log: the difference to imports without | {:.2} | {:.1} % |\n\
         | SHA-256 of the records (one after another: {leaves_singly:.2} µs) | {leaves:.2} | {:.1} % |\n\
         | SHA-256 of the nodes above | {nodes:.2} | {:.1} % |\n\
         | the tree in all | {:.2} | {:.1} % |\n",
        files(run) * events::PIECE,
        with_log - without_log,
        share(with_log - without_log),
        share(leaves),
        share(nodes),
        cost.of_tree(),
        cost.percent(),
    ))
}

fn files(run: &Run) -> u64 {
    events::pieces(&run.plan).min(FILES_MAX)
}

pub(super) fn measure(run: &Run) -> anyhow::Result<Cost> {
    let (mut with, mut without) = (Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        // Whoever is first may find the disk busier.
        for has_log in if round % 2 == 0 { [true, false] } else { [false, true] } {
            let cpu = import(run, has_log)?;
            eprintln!("  import {round}, {} the log: {cpu:.2} µs", if has_log { "with" } else { "without" });
            if has_log { &mut with } else { &mut without }.push(cpu);
        }
    }
    let [leaves, leaves_singly, nodes] = hashing(run)?;
    Ok(Cost { with_log: median(with), without_log: median(without), leaves, leaves_singly, nodes })
}

/// CPU time of an import for each event.
fn import(run: &Run, has_log: bool) -> anyhow::Result<f64> {
    let dir = run.dir("tree");
    // A first start makes the data directory, with the key and a log.
    Server::start(&run.binary, &dir, &run.work.join("server.log"))?.stop()?;
    let log = dir.join("proofs");
    // With a key and without the folder, the log may be in a bucket: the import leaves it to the server.
    if !has_log {
        std::fs::remove_dir_all(&log).context("remove the log")?;
    }
    let mut command = Command::new(&run.binary);
    command.args(["import", "cloudtrail", "--data-dir"]).arg(&dir).env("RUST_LOG", "warn");
    command.args((0..files(run)).map(|number| run.data.join("records").join(format!("{number:05}.json"))));
    let cpu = server::run(&mut command, IMPORT_MAX)?.cpu;
    let count = files(run) * events::PIECE;
    if has_log {
        let note = std::fs::read_to_string(log.join("checkpoint")).context("read the checkpoint")?;
        let size: u64 = note.lines().nth(1).and_then(|size| size.parse().ok()).context("read its size")?;
        if size < count {
            bail!("the checkpoint covers {size} events of {count}");
        }
    }
    remove(&dir);
    Ok(cpu.as_secs_f64() * 1e6 / count as f64)
}

fn median(mut of: Vec<f64>) -> f64 {
    of.sort_by(f64::total_cmp);
    of[of.len() / 2]
}

/// CPU time of the hashes of leaves, of the same one after another, and of the nodes above them.
fn hashing(run: &Run) -> anyhow::Result<[f64; 3]> {
    let records: Vec<String> = events::piece(&run.plan, 0).into_iter().map(|record| record.json).collect();
    let records: Vec<&[u8]> = records.iter().map(String::as_bytes).collect();
    let hashes = leaf_hashes(&records);
    let time = |work: &dyn Fn()| -> anyhow::Result<f64> {
        let (began, before, mut passes) = (Instant::now(), process::cpu(std::process::id())?, 0);
        while passes == 0 || began.elapsed() < TIME_MIN {
            work();
            passes += 1;
        }
        let cpu = process::cpu(std::process::id())?.saturating_sub(before);
        Ok(cpu.as_secs_f64() * 1e6 / (records.len() * passes) as f64)
    };
    let leaves = time(&|| records.chunks(HASHED_AT_ONCE).for_each(|batch| drop(black_box(leaf_hashes(batch)))))?;
    let singly = time(&|| {
        for record in &records {
            black_box(leaf_hash(record));
        }
    })?;
    let nodes = time(&|| hashes.chunks(BATCH).for_each(grow))?;
    Ok([leaves, singly, nodes])
}

/// Hashes the nodes above some leaves, level by level.
fn grow(leaves: &[Hash]) {
    let mut nodes = parents(leaves);
    while !nodes.is_empty() {
        nodes = black_box(parents(&nodes));
    }
}
