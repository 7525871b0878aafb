//! `trailwatch cluster status`: the nodes of a cluster, as the one that leads knows them.

use super::answer::{PATH, Status};
use crate::own::SIGNING_NAME;
use crate::real::SystemClock;
use crate::remote::{Remote, ServerArgs};
use anyhow::Context;
use clap::{Args, Subcommand};
use model::Clock;
use std::fmt::Write;
use std::io::Read;
use std::process::ExitCode;
use std::sync::Arc;
use trail::record::Defaults;

/// A node that was not seen for so long is said to be lost, milliseconds: it tells of itself every few seconds.
const LOST_AFTER_MS: i64 = 30_000;

/// What can be asked of a cluster.
#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
    /// Print its nodes, who leads, and when each was seen last.
    Status(StatusArgs),
}

/// Any node may be asked.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  trailwatch cluster status --endpoint http://10.0.0.2:8792")]
pub struct StatusArgs {
    #[command(flatten)]
    at: ServerArgs,
}

/// Does it.
pub async fn run(command: ClusterCommand) -> anyhow::Result<ExitCode> {
    let ClusterCommand::Status(args) = command;
    let asked = tokio::task::spawn_blocking(move || ask(&args.at)).await.context("wait for the answer")?;
    print!("{}", shown(&asked?));
    Ok(ExitCode::SUCCESS)
}

fn ask(at: &ServerArgs) -> anyhow::Result<Status> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let region = std::env::var("AWS_DEFAULT_REGION").unwrap_or_else(|_| "us-east-1".into());
    let defaults = Defaults { account: String::new(), region, ingestion_time: clock.now() };
    let remote = Remote::from_environment(at, &defaults, clock)?;
    let mut text = String::new();
    remote.stream(PATH, SIGNING_NAME)?.read_to_string(&mut text).context("read the answer")?;
    serde_json::from_str(&text).context("read the answer")
}

fn shown(status: &Status) -> String {
    let rows = status.nodes.iter().map(|node| {
        let state = if node.seen_ago_ms > LOST_AFTER_MS { "lost" } else { node.role.as_str() };
        let seen = format!("{} s ago", node.seen_ago_ms.max(0) / 1000);
        [node.name.clone(), state.to_owned(), node.address.clone(), seen, node.version.clone(), node.roles.clone()]
    });
    let heads = ["NODE", "STATE", "ADDRESS", "SEEN", "VERSION", "ROLES"].map(str::to_owned);
    let rows: Vec<[String; 6]> = std::iter::once(heads).chain(rows).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..6).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        text.push_str(cells.collect::<Vec<_>>().join("  ").trim_end());
        text.push('\n');
    }
    let lease = &status.lease;
    // Writing to a string does not fail.
    let _ = match lease.left_ms {
        ..=0 => writeln!(text, "\nNobody has the lease; {} had it last, with token {}.", lease.holder, lease.token),
        left => writeln!(
            text,
            "\n{} has the lease with token {}, for {}.{} s unless renewed.",
            lease.holder,
            lease.token,
            left / 1000,
            left % 1000 / 100
        ),
    };
    text
}

#[cfg(test)]
mod tests {
    use super::super::answer::{LeaseStatus, NodeStatus};
    use super::*;

    #[test]
    fn nodes_are_a_table() {
        let node = |name: &str, role: &str, seen_ago_ms| NodeStatus {
            name: name.into(),
            address: format!("http://{name}:1"),
            role: role.into(),
            seen_ago_ms,
            version: "0.1.0".into(),
            roles: "ingest,query".into(),
        };
        let lease = LeaseStatus { holder: "a".into(), address: "http://a:1".into(), token: 7, left_ms: 4_210 };
        let nodes = vec![node("a", "leader", 900), node("long-name", "standby", 61_000)];
        let expected = "NODE       STATE   ADDRESS             SEEN      VERSION  ROLES\n\
             a          leader  http://a:1          0 s ago   0.1.0    ingest,query\n\
             long-name  lost    http://long-name:1  61 s ago  0.1.0    ingest,query\n\n\
             a has the lease with token 7, for 4.2 s unless renewed.\n";
        assert_eq!(shown(&Status { nodes, lease }), expected);
    }
}
