//! The store benchmark of Trailwatch: loads W1, W2 and W3, each into a data directory of its own, and asks the questions.
//!
//! A load is one life of the server, from a start on an empty directory to a clean stop, so that its CPU time holds all that
//! the load costs: the flush of what is in memory as well. Then the server starts anew and answers from segments.

pub mod alarms;
mod ask;
mod events;
mod lake;
mod load;
mod logs;
pub mod logsql;
mod metrics;
pub mod promql;
mod proofs;
pub mod resume;
pub mod tail;
pub mod tree;

use crate::data::Plan;
use crate::data::files::Kind;
use crate::figures::{Figure, Figures};
use crate::process;
use crate::server::{Ended, Server};
use anyhow::Context;
use ask::Client;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Longest wait for a server that works on after its last answer.
const SETTLE_MAX: Duration = Duration::from_secs(20);

/// What is needed to run it.
#[derive(Debug)]
pub struct Run {
    /// What to load.
    pub plan: Plan,
    /// The folder that `bench generate` wrote, for the import.
    pub data: PathBuf,
    /// The `trailwatch` program.
    pub binary: PathBuf,
    /// A folder for data directories and logs.
    pub work: PathBuf,
    /// Connections of the loader.
    pub connections: usize,
}

impl Run {
    fn start(&self, name: &str) -> anyhow::Result<Server> {
        Server::start(&self.binary, &self.dir(name), &self.work.join("server.log"))
    }

    fn dir(&self, name: &str) -> PathBuf {
        self.work.join(name)
    }

    /// Bytes of the store of a data directory: the catalog and the key do not count.
    fn disk(&self, name: &str) -> f64 {
        process::bytes_on_disk(&self.dir(name).join("store")) as f64
    }
}

/// Measures the workloads of `kinds`. What the server does not serve is a figure that says so.
pub fn measure(run: &Run, kinds: &[Kind]) -> anyhow::Result<Figures> {
    let mut all = Collected::default();
    all.add("binary", std::fs::metadata(&run.binary).context("look at the server")?.len() as f64 / 1e6);
    for kind in kinds {
        eprintln!("Trailwatch: {kind:?} ...");
        match kind {
            Kind::Logs => logs::measure(run, &mut all)?,
            Kind::Metrics => metrics::measure(run, &mut all)?,
            Kind::Events => events::measure(run, &mut all)?,
        }
    }
    all.add("rss-peak", all.memory_peak as f64 / 1e6);
    Ok(Figures { engine: "Trailwatch".into(), figures: all.figures })
}

/// The figures so far.
#[derive(Debug, Default)]
struct Collected {
    figures: Vec<Figure>,
    memory_peak: u64,
}

impl Collected {
    fn add(&mut self, name: &str, value: f64) {
        eprintln!("  {name}: {value:.3}");
        self.figures.push(Figure::new(name, value));
    }

    /// Takes the peak memory of a process that ended.
    fn ended(&mut self, ended: Ended) -> Ended {
        eprintln!("  largest RSS of this server: {:.0} MB", ended.memory_peak as f64 / 1e6);
        self.memory_peak = self.memory_peak.max(ended.memory_peak);
        ended
    }

    /// Asks a question of a server that is idle.
    fn ask(&mut self, client: &mut Client, name: &str, question: &mut ask::Question<'_>) -> anyhow::Result<()> {
        let figure = client.measure(name, question)?;
        let text = |value: Option<f64>| value.map_or("-".into(), |value| format!("{value:.2}"));
        let said = figure.missing.as_deref().or(figure.answer.as_deref()).unwrap_or_default();
        eprintln!("  {name}: {} ms, CPU {} ms: {said}", text(figure.value), text(figure.cpu_ms));
        self.figures.push(figure);
        Ok(())
    }
}

/// Starts the server on loaded data and waits until it has nothing to do.
fn start_loaded(run: &Run, name: &str) -> anyhow::Result<(Server, Client)> {
    let server = run.start(name)?;
    process::settle(server.pid(), SETTLE_MAX)?;
    let client = Client::new(&server);
    Ok((server, client))
}

/// Removes a data directory that is not needed any more.
fn remove(path: &Path) {
    // What is left over goes with the work folder.
    let _ = std::fs::remove_dir_all(path);
}
