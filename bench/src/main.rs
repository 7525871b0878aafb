//! The `bench` command: drives a running server over HTTP with bodies made beforehand, and reports what each call costs.
//!
//! The client is blocking threads on raw keep-alive connections, so that on a small machine nearly all of the CPU is the server's.

mod bodies;
mod http;
mod measure;
mod process;
mod report;
mod sign;
mod workloads;

use anyhow::Context;
use clap::{Args, Parser, Subcommand};
use std::path::PathBuf;
use std::time::Duration;

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
}

/// Calls are signed with AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (a server that does not verify takes any).
/// A workload ends at --seconds or --calls, whichever comes first; a call that has begun is finished and counted.
#[derive(Debug, Args)]
struct RunArgs {
    /// Such as http://127.0.0.1:8792.
    #[arg(long)]
    endpoint: String,
    /// The server's process, for its CPU and memory.
    #[arg(long)]
    pid: u32,
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
    }
}

fn run(args: &RunArgs) -> anyhow::Result<()> {
    let target = measure::Target {
        endpoint: http::Endpoint::parse(&args.endpoint)?,
        key: sign::Key {
            id: std::env::var("AWS_ACCESS_KEY_ID").unwrap_or_else(|_| "AKIDEXAMPLE".into()),
            secret: std::env::var("AWS_SECRET_ACCESS_KEY").unwrap_or_else(|_| "secret".into()),
        },
        pid: args.pid,
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

fn read(path: &std::path::Path) -> anyhow::Result<report::Report> {
    let text = std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()))?;
    serde_json::from_str(&text).with_context(|| format!("read {}", path.display()))
}
