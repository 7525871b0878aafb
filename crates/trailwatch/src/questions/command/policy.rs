//! `trailwatch policy`: makes a policy of what a principal did, and holds what it did against a draft.

use super::super::policy::{Asked, GENERATE};
use super::super::replay::{self, REPLAY};
use super::{ask, remote, text};
use crate::remote::{Remote, ServerArgs};
use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::Value;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Policies of IAM, from and against recorded activity.
#[derive(Debug, Subcommand)]
pub enum PolicyCommand {
    /// Print the policy that allows what a principal was seen to do, and no more.
    Generate(GenerateArgs),
    /// List the past calls that a draft of a policy would have denied.
    Replay(ReplayArgs),
}

/// Whose calls, and when.
#[derive(Debug, Args)]
struct Which {
    /// ARN of a user, a role, or a session of a role
    #[arg(long, value_name = "ARN")]
    principal: String,
    /// Only calls from this time on (ISO 8601)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only calls up to this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    #[command(flatten)]
    at: ServerArgs,
}

/// The policy goes to stdout; what must be known about it (refused calls, widened resources) to stderr. It can only have what is recorded: read it before you attach it.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  trailwatch policy generate --principal arn:aws:iam::111122223333:role/deploy --from 2026-01-01 > deploy.json"
)]
pub struct GenerateArgs {
    #[command(flatten)]
    which: Which,
}

/// The draft stands for all identity-based policies of the principal. Exit code 0: nothing would have been denied. 1: something would, or could not be decided.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  trailwatch policy replay --policy draft.json --principal arn:aws:iam::111122223333:role/deploy --from 2026-01-01"
)]
pub struct ReplayArgs {
    /// File with the policy; - reads it from stdin
    #[arg(long, value_name = "FILE")]
    policy: PathBuf,
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    which: Which,
}

/// Asks and prints.
pub async fn run(command: PolicyCommand) -> anyhow::Result<ExitCode> {
    let which = match &command {
        PolicyCommand::Generate(args) => &args.which,
        PolicyCommand::Replay(args) => &args.which,
    };
    let remote = remote(&which.at)?;
    let asking = move || match command {
        PolicyCommand::Generate(args) => generate(&remote, args.which),
        PolicyCommand::Replay(args) => replayed(&remote, args),
    };
    tokio::task::spawn_blocking(asking).await.context("wait for the answer")?
}

fn generate(remote: &Remote, which: Which) -> anyhow::Result<ExitCode> {
    let asked = Asked { principal: which.principal, from: which.from, to: which.to };
    let answer = ask(remote, GENERATE, serde_json::to_string(&asked)?)?;
    println!("{}", serde_json::to_string_pretty(&answer["policy"])?);
    let (first, last) = (text(&answer["first"]), text(&answer["last"]));
    eprintln!("made of {} calls from {first} to {last}", answer["calls"]);
    for (name, what) in [("refused", "was refused, and stays so"), ("without_iam", "is not IAM's, and is left out")] {
        for event in answer[name].as_array().into_iter().flatten() {
            eprintln!("{}, {} times, {what}", text(&event["event"]), event["count"]);
        }
    }
    for action in answer["widened"].as_array().into_iter().flatten() {
        eprintln!("{} was on many resources: its pattern allows more than was seen", text(action));
    }
    if answer["is_cut"] == true {
        eprintln!("there are more calls than were looked at: ask for a shorter time");
    }
    if answer["fits_managed_policy"] == false {
        eprintln!("{} characters: too long for one managed policy", answer["characters"]);
    }
    Ok(ExitCode::SUCCESS)
}

fn read(path: &Path) -> anyhow::Result<String> {
    if path != Path::new("-") {
        return std::fs::read_to_string(path).with_context(|| format!("read {}", path.display()));
    }
    let mut text = String::new();
    std::io::stdin().read_to_string(&mut text).context("read the policy from stdin")?;
    Ok(text)
}

fn replayed(remote: &Remote, args: ReplayArgs) -> anyhow::Result<ExitCode> {
    let Which { principal, from, to, .. } = args.which;
    let asked = replay::Asked { policy: read(&args.policy)?, principal, from, to };
    let answer = ask(remote, REPLAY, serde_json::to_string(&asked)?)?;
    if args.json {
        println!("{answer}");
    } else {
        println!(
            "{} allowed, {} denied, {} undecided",
            answer["allowed"], answer["denied"]["calls"], answer["undecided"]["calls"]
        );
        for kind in ["denied", "undecided"] {
            for line in answer[kind]["lines"].as_array().into_iter().flatten() {
                println!("{}", shown(kind, line));
            }
            if answer[kind]["is_cut"] == true {
                println!("{kind} more");
            }
        }
    }
    if answer["is_cut"] == true {
        eprintln!("trailwatch: there are more calls than were looked at: ask for a shorter time");
    }
    let is_clean = ["denied", "undecided"].iter().all(|kind| answer[kind]["calls"] == 0);
    Ok(if is_clean { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn shown(kind: &str, line: &Value) -> String {
    let [action, resource, why, time, id] =
        ["action", "resource", "why", "last_time", "last_event_id"].map(|member| text(&line[member]));
    format!("{kind} {action} on {resource}, {} times, last at {time} ({id}): {why}", line["calls"])
}
