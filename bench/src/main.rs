//! The `bench` command: drives a running server over HTTP with bodies made beforehand, and reports what each call costs.
//!
//! The client is blocking threads on raw keep-alive connections, so that on a small machine nearly all of the CPU is the server's.

mod bars;
mod bodies;
mod data;
mod figures;
mod http;
mod investigate;
mod measure;
mod model;
mod nab;
mod patterns;
mod process;
mod report;
mod server;
mod sign;
mod store;
mod workloads;

use anyhow::Context;
use clap::{Args, Parser, Subcommand, ValueEnum};
use data::files::Kind;
use std::path::PathBuf;
use std::time::Duration;
use store::{logsql, promql};

/// Measures a server that speaks CloudWatch, CloudWatch Logs and CloudTrail.
#[derive(Debug, Parser)]
#[command(version, about)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the workloads against one server; prints a Markdown table and the same as JSON.
    Run(RunArgs),
    /// Print one table with ratios from the --save files of two servers.
    Compare {
        /// The first server's file; the ratios say how many times better it is.
        ours: PathBuf,
        /// The other server's file.
        peer: PathBuf,
    },
    /// List the workloads.
    List,
    /// Write the store benchmark's data as files: for the peers, and for our import.
    Generate(GenerateArgs),
    /// Run the store benchmark against a Trailwatch of its own; prints a table and writes JSON.
    Store(StoreArgs),
    /// Load W1 into VictoriaLogs, or W2 into Prometheus or VictoriaMetrics, and ask the same questions; writes JSON.
    Peer(PeerArgs),
    /// Measure many alarms and many expressions on a Trailwatch of its own; prints a Markdown table. Takes ten minutes.
    Alarms {
        /// The `trailwatch` program.
        #[arg(long)]
        server: PathBuf,
        /// Folder for its data and log; made when absent.
        #[arg(long)]
        work: PathBuf,
        /// How many alarms.
        #[arg(long, default_value_t = 100_000)]
        alarms: u64,
    },
    /// Kill imports of trail files and go on with them, on a Trailwatch of its own; prints a Markdown table. Takes five minutes.
    Resume {
        /// The `trailwatch` program.
        #[arg(long)]
        server: PathBuf,
        /// Folder for its data and log; made when absent.
        #[arg(long)]
        work: PathBuf,
        /// How many events, in files of 10,000.
        #[arg(long, default_value_t = 1_000_000)]
        events: u64,
    },
    /// Measure what proofs cost of an import, with and without their log; prints a Markdown table. Takes three minutes.
    Tree {
        /// The `trailwatch` program.
        #[arg(long)]
        server: PathBuf,
        /// Folder for its data and log; made when absent.
        #[arg(long)]
        work: PathBuf,
        /// How many events each time, in files of 10,000; at most 300,000.
        #[arg(long, default_value_t = 300_000)]
        events: u64,
    },
    /// Measure live tail on a Trailwatch of its own; prints a Markdown table. Takes a minute.
    Tail {
        /// The `trailwatch` program.
        #[arg(long)]
        server: PathBuf,
        /// Folder for its data and log; made when absent.
        #[arg(long)]
        work: PathBuf,
        /// How many lines, some eleven each second.
        #[arg(long, default_value_t = 600)]
        lines: usize,
    },
    /// Score the anomaly bands on the Numenta Anomaly Benchmark; prints Markdown tables.
    Nab {
        /// Folder with `series/<category>/*.csv`, `labels/combined_windows.json` and `published-scores-by-category.json`.
        data: PathBuf,
    },
    /// Score pattern mining on the Loghub 2k sets, and measure its speed; prints a Markdown table.
    Patterns {
        /// Folder with `<set>_2k.log_structured.csv` files.
        data: PathBuf,
    },
    /// Score the ranking of causes on made-up weeks with faults in them; prints a Markdown table.
    Investigate {
        /// The first seed; those below 1,000 are for working on the ranking.
        #[arg(long, default_value_t = 10_000)]
        first: u64,
        /// How many seeds.
        #[arg(long, default_value_t = 1_000)]
        count: u64,
    },
    /// Nodes, requests, bytes and money for loads of any size, by simulation; prints Markdown tables (docs/sizing.md).
    Model(model::ModelArgs),
    /// Print one table from the files of `bench store` and of the peers.
    StoreTable {
        /// Ours first.
        files: Vec<PathBuf>,
    },
}

/// W1: 2 M log lines. W2: 14.4 M samples. W3: 1 M CloudTrail records.
#[derive(Debug, Args)]
struct GenerateArgs {
    /// Folder to write to; made when absent.
    #[arg(long)]
    out: PathBuf,
    /// 1.0 is the full size; 0.1 is good for a quick look.
    #[arg(long, default_value_t = 1.0)]
    scale: f64,
    /// Seed of the data.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Only these.
    #[arg(long, value_enum)]
    only: Vec<Kind>,
}

/// Starts and stops the server itself, on loopback, and removes what it stored.
#[derive(Debug, Args)]
struct StoreArgs {
    /// The folder that `bench generate` wrote.
    #[arg(long)]
    data: PathBuf,
    /// The `trailwatch` program.
    #[arg(long)]
    server: PathBuf,
    /// Folder for data directories and the server's log; made when absent.
    #[arg(long)]
    work: PathBuf,
    /// Only these.
    #[arg(long, value_enum)]
    only: Vec<Kind>,
    /// Connections of the loader.
    #[arg(long, default_value_t = 2)]
    connections: usize,
    /// Where the JSON goes.
    #[arg(long)]
    save: PathBuf,
}

/// Calls are signed with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (a server that does not verify takes any).
/// A workload ends at --seconds or --calls, whichever comes first; a call that has begun is finished and counted.
#[derive(Debug, Args)]
struct RunArgs {
    /// Such as http://127.0.0.1:8792; of a cluster, each node's.
    #[arg(long, required = true)]
    endpoint: Vec<String>,
    /// The server's process, for its CPU and memory; of a cluster, each node's.
    #[arg(long, required = true)]
    pid: Vec<u32>,
    /// Name of the server in the tables.
    #[arg(long, default_value = "trailwatch")]
    name: String,
    /// The server's data directory, for the bytes on disk.
    #[arg(long)]
    data_dir: Option<PathBuf>,
    /// Only the workloads whose name contains this text.
    #[arg(long)]
    only: Option<String>,
    /// Longest time to begin calls in, per workload.
    #[arg(long, default_value_t = 5.0)]
    seconds: f64,
    /// Most calls per workload.
    #[arg(long, default_value_t = 20_000)]
    calls: u64,
    /// Connections that call at once: a fleet of agents, unless said otherwise.
    #[arg(long, default_value_t = 16)]
    connections: usize,
    /// Seed of the bodies.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also write the JSON to this file.
    #[arg(long)]
    save: Option<PathBuf>,
}

/// A peer that is a server of its own.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum Peer {
    Prometheus,
    VictoriaMetrics,
    VictoriaLogs,
}

/// Starts and stops the program itself, on loopback.
#[derive(Debug, Args)]
struct PeerArgs {
    /// Which of them it is.
    #[arg(long, value_enum)]
    engine: Peer,
    /// The program.
    #[arg(long)]
    program: PathBuf,
    /// The folder that `bench generate` wrote.
    #[arg(long)]
    data: PathBuf,
    /// Folder for its data and log; made when absent.
    #[arg(long)]
    work: PathBuf,
    /// Where the JSON goes.
    #[arg(long)]
    save: PathBuf,
}

fn main() -> anyhow::Result<()> {
    match Cli::parse().command {
        Command::Run(args) => run(&args),
        Command::Compare { ours, peer } => {
            print!("{}", report::comparison(&read(&ours)?, &read(&peer)?));
            Ok(())
        }
        Command::List => {
            for workload in workloads::ALL {
                println!("{:<32} {}", workload.name, workload.about);
            }
            Ok(())
        }
        Command::Generate(args) => generate(&args),
        Command::Store(args) => run_store(args),
        Command::Peer(args) => {
            let plan: data::Plan = read(&args.data.join("plan.json"))?;
            let figures = match args.engine {
                Peer::Prometheus => promql::measure(promql::Engine::Prometheus, &args.program, &plan, &args.work)?,
                Peer::VictoriaMetrics => {
                    promql::measure(promql::Engine::VictoriaMetrics, &args.program, &plan, &args.work)?
                }
                Peer::VictoriaLogs => logsql::measure(&args.program, &plan, &args.work)?,
            };
            std::fs::write(&args.save, serde_json::to_string(&figures)?).context("write the figures")
        }
        Command::Alarms { server, work, alarms } => {
            std::fs::create_dir_all(&work).with_context(|| format!("make {}", work.display()))?;
            print!("{}", store::alarms::measure(&server, &work, alarms, 2)?);
            Ok(())
        }
        Command::Tail { server, work, lines } => {
            anyhow::ensure!(lines > 0, "--lines must be at least 1");
            std::fs::create_dir_all(&work).with_context(|| format!("make {}", work.display()))?;
            print!("{}", store::tail::measure(&server, &work, lines)?);
            Ok(())
        }
        Command::Resume { server, work, events } => with_events(server, work, events, store::resume::measure),
        Command::Tree { server, work, events } => with_events(server, work, events, store::tree::table),
        Command::Nab { data } => {
            print!("{}", nab::report(&data)?);
            Ok(())
        }
        Command::Patterns { data } => {
            print!("{}", patterns::report(&data)?);
            Ok(())
        }
        Command::Investigate { first, count } => {
            print!("{}", investigate::report(first, count)?);
            Ok(())
        }
        Command::Model(args) => {
            print!("{}", model::report(&args)?);
            Ok(())
        }
        Command::StoreTable { files } => {
            let saved = files.iter().map(|path| read::<figures::Saved>(path)).collect::<anyhow::Result<Vec<_>>>()?;
            print!("{}", figures::table(&saved.into_iter().map(Into::into).collect::<Vec<_>>()));
            Ok(())
        }
    }
}

fn kinds(only: &[Kind]) -> &[Kind] {
    if only.is_empty() { Kind::value_variants() } else { only }
}

fn generate(args: &GenerateArgs) -> anyhow::Result<()> {
    anyhow::ensure!(args.scale > 0.0 && args.scale <= 10.0, "--scale must be a number above 0 and at most 10");
    // On a whole five minutes, so that every engine cuts the day into the same intervals.
    let end_ms = jiff::Timestamp::now().as_millisecond() / 300_000 * 300_000;
    let plan = data::Plan { seed: args.seed, scale: args.scale, end_ms };
    for kind in kinds(&args.only) {
        eprintln!("writing {kind:?} ...");
        data::files::write(&plan, *kind, &args.out)?;
    }
    Ok(())
}

fn run_store(args: StoreArgs) -> anyhow::Result<()> {
    std::fs::create_dir_all(&args.work).with_context(|| format!("make {}", args.work.display()))?;
    let run = store::Run {
        plan: read(&args.data.join("plan.json"))?,
        data: args.data,
        binary: args.server,
        work: args.work,
        connections: args.connections.max(1),
    };
    let figures = store::measure(&run, kinds(&args.only))?;
    let json = serde_json::to_string(&figures)?;
    std::fs::write(&args.save, &json).with_context(|| format!("write {}", args.save.display()))?;
    print!("{}", figures::table(&[figures]));
    Ok(())
}

/// Makes so many events for a measurement, and prints what it answers.
fn with_events(
    binary: PathBuf,
    work: PathBuf,
    events: u64,
    measure: impl FnOnce(&store::Run) -> anyhow::Result<String>,
) -> anyhow::Result<()> {
    let data = work.join("data");
    let generated = GenerateArgs { out: data.clone(), scale: events as f64 / 1e6, seed: 1, only: vec![Kind::Events] };
    generate(&generated)?;
    let plan = read(&data.join("plan.json"))?;
    let outcome = measure(&store::Run { plan, data: data.clone(), binary, work, connections: 1 });
    // What is left over is in nobody's way.
    let _ = std::fs::remove_dir_all(&data);
    print!("{}", outcome?);
    Ok(())
}

fn run(args: &RunArgs) -> anyhow::Result<()> {
    let target = measure::Target {
        endpoints: args.endpoint.iter().map(|text| http::Endpoint::parse(text)).collect::<anyhow::Result<_>>()?,
        key: sign::Key {
            id: std::env::var("AWS_ACCESS_KEY_ID").unwrap_or_else(|_| "AKIDEXAMPLE".into()),
            secret: std::env::var("AWS_SECRET_ACCESS_KEY").unwrap_or_else(|_| "secret".into()),
        },
        pids: args.pid.clone(),
        data_dir: args.data_dir.clone(),
        connections: args.connections.max(1),
        time_max: Duration::try_from_secs_f64(args.seconds).context("--seconds must be a positive number")?,
        calls_max: args.calls,
    };
    let only = args.only.as_deref().unwrap_or("");
    let mut report = report::Report { server: args.name.clone(), results: Vec::new() };
    for workload in workloads::ALL.iter().filter(|w| w.name.contains(only)) {
        eprintln!("{}: {} ...", args.name, workload.name);
        report.results.push(measure::measure(&target, workload, args.seed)?);
    }
    let json = serde_json::to_string(&report)?;
    if let Some(path) = &args.save {
        std::fs::write(path, &json).with_context(|| format!("write {}", path.display()))?;
    }
    println!("{}\n{json}", report::table(&report));
    Ok(())
}

fn read<T: serde::de::DeserializeOwned>(path: &std::path::Path) -> anyhow::Result<T> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("read {}", path.display()))
}
