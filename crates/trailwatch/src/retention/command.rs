//! `trailwatch retention` and `trailwatch hold`: how long audit events are kept, and which are held.

use super::{HOLDS, Held, Kept, RELEASE, RETENTION, Released};
use crate::own::SIGNING_NAME;
use crate::questions::command::{ask, remote, text};
use crate::remote::{Remote, ServerArgs};
use anyhow::Context;
use clap::{Args, Subcommand};
use serde_json::Value;
use std::io::Read;
use std::process::ExitCode;

/// Most of an answer that is read, bytes.
const ANSWER_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Without a subcommand, prints the retention. A longer one acts at once; a shorter one a day after it was accepted, and until then
/// setting the longer one again takes it back.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  trailwatch retention\n  trailwatch retention set 400d\n  trailwatch retention set forever",
    args_conflicts_with_subcommands = true
)]
pub struct RetentionArgs {
    #[command(subcommand)]
    command: Option<RetentionCommand>,
    #[command(flatten)]
    at: ServerArgs,
}

#[derive(Debug, Subcommand)]
enum RetentionCommand {
    /// Say how long audit events are kept: days such as 400d, or forever.
    Set(SetArgs),
}

#[derive(Debug, Args)]
struct SetArgs {
    /// Days with a d, or forever
    #[arg(value_name = "RETENTION")]
    keep: String,
    #[command(flatten)]
    at: ServerArgs,
}

/// Audit events that nobody may take away, whatever the retentions say.
#[derive(Debug, Subcommand)]
pub enum HoldCommand {
    /// Hold events, from now on until a day after the hold is released.
    Create(CreateArgs),
    /// Print all holds, one a line.
    List(ListArgs),
    /// End a hold, a day from now; creating it again until then takes that back.
    Release(ReleaseArgs),
}

/// Without account and times, all events are held.
#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  trailwatch hold create case-2026-17 --account 111122223333 --from 2026-01-01 --to 2026-03-31T23:59:59Z --reason 'Smith v. Jones'"
)]
pub struct CreateArgs {
    /// What the hold is called
    name: String,
    /// Only events of this account
    #[arg(long, value_name = "ID")]
    account: Option<String>,
    /// Only events from this time on (ISO 8601)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only events up to this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// What the hold is for
    #[arg(long, value_name = "TEXT")]
    reason: Option<String>,
    #[command(flatten)]
    at: ServerArgs,
}

/// The holds of the server.
#[derive(Debug, Args)]
pub struct ListArgs {
    /// Print the answer as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: ServerArgs,
}

/// The events stay held for a day.
#[derive(Debug, Args)]
pub struct ReleaseArgs {
    /// What the hold is called
    name: String,
    #[command(flatten)]
    at: ServerArgs,
}

/// Asks for the retention, or for another one, and prints what is in force.
pub async fn retention(args: RetentionArgs) -> anyhow::Result<ExitCode> {
    blocking(move || {
        let answer = match args.command {
            None => get(&remote(&args.at)?, RETENTION)?,
            Some(RetentionCommand::Set(SetArgs { keep, at })) => {
                ask(&remote(&at)?, RETENTION, serde_json::to_string(&Kept { keep })?)?
            }
        };
        println!("audit events are kept: {}", text(&answer["keep"]));
        let pending = &answer["pending"];
        if !pending.is_null() {
            println!("from {} on: {}", text(&pending["at"]), text(&pending["keep"]));
        }
        answer["kept_by"].as_array().into_iter().flatten().for_each(|keeper| println!("{}", keeper_line(keeper)));
        Ok(ExitCode::SUCCESS)
    })
    .await
}

/// Makes, lists or releases holds.
pub async fn hold(command: HoldCommand) -> anyhow::Result<ExitCode> {
    blocking(move || {
        match command {
            HoldCommand::Create(CreateArgs { name, account, from, to, reason, at }) => {
                let held = Held { name, account, from, to, reason };
                println!("{}", line(&ask(&remote(&at)?, HOLDS, serde_json::to_string(&held)?)?));
            }
            HoldCommand::List(args) => {
                let answer = get(&remote(&args.at)?, HOLDS)?;
                if args.json {
                    println!("{answer}");
                } else {
                    answer["holds"].as_array().into_iter().flatten().for_each(|hold| println!("{}", line(hold)));
                }
            }
            HoldCommand::Release(ReleaseArgs { name, at }) => {
                let released = ask(&remote(&at)?, RELEASE, serde_json::to_string(&Released { name })?)?;
                println!("{}", line(&released));
            }
        }
        Ok(ExitCode::SUCCESS)
    })
    .await
}

async fn blocking(asking: impl FnOnce() -> anyhow::Result<ExitCode> + Send + 'static) -> anyhow::Result<ExitCode> {
    tokio::task::spawn_blocking(asking).await.context("wait for the answer")?
}

fn get(remote: &Remote, path: &str) -> anyhow::Result<Value> {
    let mut answer = Vec::new();
    let reader = remote.stream(path, SIGNING_NAME)?;
    reader.take(ANSWER_BYTES_MAX).read_to_end(&mut answer).context("read the answer")?;
    serde_json::from_slice(&answer).context("the answer is not what it should be")
}

/// Who or what keeps older events, in one line.
fn keeper_line(keeper: &Value) -> String {
    let mut line = format!("older ones are kept by: {}", text(&keeper["by"]));
    for (before, member) in [(" ", "name"), (" since ", "since"), (": ", "reason")] {
        if keeper[member].as_str().is_some_and(|said| !said.is_empty()) {
            line.push_str(before);
            line.push_str(&text(&keeper[member]));
        }
    }
    line
}

/// A hold in one line.
fn line(hold: &Value) -> String {
    let or = |member: &str, otherwise: &str| match &hold[member] {
        Value::Null => otherwise.to_owned(),
        said => text(said),
    };
    let mut line = format!(
        "{} holds events of {} from {} to {}",
        text(&hold["name"]),
        or("account", "all accounts"),
        or("from", "the beginning"),
        or("to", "the end"),
    );
    if !hold["ends"].is_null() {
        line.push_str(&format!("; released, it ends at {}", text(&hold["ends"])));
    }
    if hold["reason"].as_str().is_some_and(|reason| !reason.is_empty()) {
        line.push_str(&format!(": {}", text(&hold["reason"])));
    }
    line
}
