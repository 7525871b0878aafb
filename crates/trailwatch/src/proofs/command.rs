//! `trailwatch evidence`, which asks a server for a bundle, and `trailwatch vkey`, which prints the public key of a data directory.

use super::answer::{Asked, EVIDENCE};
use crate::own::SIGNING_NAME;
use crate::real::SystemClock;
use crate::remote::{Remote, ServerArgs};
use anyhow::{Context, bail};
use clap::Args;
use model::Clock;
use proof::evidence::{Bundle, Trusted, verify};
use proof::note::VerifierKey;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use trail::record::Defaults;

/// Writes a bundle: exact records, their places in the tree of all accepted events, and a signed checkpoint of it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  trailwatch evidence --event-id 3a1f… -o evidence.json\n  trailwatch evidence --query \"SELECT event_id FROM events WHERE name = 'DeleteTrail'\" -o evidence.json\n  trailwatch verify evidence.json --vkey \"$(cat vkey.txt)\"\n\nKeys come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY. Events are those of the key's account."
)]
pub struct EvidenceArgs {
    /// An event, by its eventID; may be repeated
    #[arg(long = "event-id", value_name = "ID")]
    event_ids: Vec<String>,
    /// An event, by its number in order of acceptance; may be repeated
    #[arg(long = "sequence", value_name = "N")]
    sequences: Vec<u64>,
    /// Events, by a SQL statement whose rows have event_id
    #[arg(long, value_name = "STATEMENT")]
    query: Option<String>,
    /// Prove as well that the tree begins with the one of so many events
    #[arg(long, value_name = "SIZE")]
    from: Option<u64>,
    /// The file to write
    #[arg(short, long, value_name = "FILE")]
    output: PathBuf,
    #[command(flatten)]
    at: ServerArgs,
}

/// The key that `trailwatch verify --vkey` takes. Publish it where the server's operator cannot change it unseen.
#[derive(Debug, Args)]
pub struct VkeyArgs {
    /// The data directory, of a running server or of a stopped one
    #[arg(long, value_name = "DIR", default_value = "trailwatch-data")]
    data_dir: PathBuf,
}

/// Prints the public key.
pub fn vkey(args: &VkeyArgs) -> anyhow::Result<ExitCode> {
    match super::key::read(&args.data_dir)? {
        Some(key) => println!("{}", key.public()),
        None => bail!("{} has no key of a log: it is made at the first start", args.data_dir.display()),
    }
    Ok(ExitCode::SUCCESS)
}

/// Asks for the bundle, verifies it, and writes it.
pub async fn evidence(args: EvidenceArgs) -> anyhow::Result<ExitCode> {
    if args.event_ids.is_empty() && args.sequences.is_empty() && args.query.is_none() && args.from.is_none() {
        bail!("name events: --event-id, --sequence or --query");
    }
    tokio::task::spawn_blocking(move || fetch(args)).await.context("wait for the answer")?
}

fn fetch(args: EvidenceArgs) -> anyhow::Result<ExitCode> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let region = std::env::var("AWS_DEFAULT_REGION").unwrap_or_else(|_| "us-east-1".into());
    let defaults = Defaults { account: String::new(), region, ingestion_time: clock.now() };
    let remote = Remote::from_environment(&args.at, &defaults, clock)?;
    let mut event_ids = args.event_ids;
    if let Some(query) = args.query {
        event_ids.extend(found(&remote, query)?);
    }
    let asked = Asked { event_ids, sequences: args.sequences, from: args.from };
    let body = serde_json::to_string(&asked).context("write the request")?;
    let answer = post(&remote, EVIDENCE, "application/json", body)?;
    let bundle = Bundle::read(&answer).map_err(anyhow::Error::from)?;
    // What is handed on holds; whose key it is, its reader must find out.
    let report = verify(&answer, &Trusted { log: VerifierKey::parse(&bundle.vkey), ..Trusted::default() });
    if let Some(wrong) = report.wrong.first() {
        bail!("the server's evidence does not hold: {wrong}");
    }
    write(&args.output, &serde_json::to_vec_pretty(&bundle).context("write the bundle")?)?;
    println!("{} events with their proofs written to {}", bundle.events.len(), args.output.display());
    Ok(ExitCode::SUCCESS)
}

fn write(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    std::fs::write(path, bytes).with_context(|| format!("write {}", path.display()))
}

/// The event ids of the rows of a statement.
fn found(remote: &Remote, statement: String) -> anyhow::Result<Vec<String>> {
    let answer = post(remote, "/_trailwatch/sql", "application/x-ndjson", statement)?;
    let text = String::from_utf8(answer).context("read the rows")?;
    let id = |line: &str| {
        let row: serde_json::Value = serde_json::from_str(line).context("read a row")?;
        row["event_id"].as_str().map(str::to_owned).context("the rows of --query have no event_id")
    };
    text.lines().filter(|line| !line.trim().is_empty()).map(id).collect()
}

fn post(remote: &Remote, path: &str, accept: &str, body: String) -> anyhow::Result<Vec<u8>> {
    let (status, answer) = remote.post(path, SIGNING_NAME, accept, body)?;
    if status == 200 {
        return Ok(answer);
    }
    let told: serde_json::Value = serde_json::from_slice(&answer).unwrap_or_default();
    bail!("{}", told["message"].as_str().unwrap_or("the server refused the request"))
}
