//! `trailwatch events`: searches the audit events of a running server, and prints what is found.

use super::super::search::{Asked, PATH};
use super::{ask, remote, text};
use crate::remote::{Remote, ServerArgs};
use anyhow::Context;
use clap::Args;
use model::limits::SEARCH_EVENTS_MAX;
use serde_json::Value;
use std::io::Write;
use std::process::ExitCode;

/// Audit events by several attributes at once, free text and who really did it, of all accounts, regions and times, newest first. Attributes may be given several times: one of the values must hold, and of all attributes each.
#[derive(Debug, Default, Args)]
#[command(
    after_help = "Examples:\n  trailwatch events --user alice --source s3 --failed\n  trailwatch events --actor arn:aws:iam::111122223333:user/alice --name DeleteTrail --name StopLogging --from 2025-01-01\n  trailwatch events --text 203.0.113.7 --facets 10 --limit 1\n  trailwatch events --resource my-bucket --json | jq .requestParameters\n\nThe root key is needed: events of all accounts are in reach."
)]
pub struct EventsArgs {
    /// eventName, such as DeleteTrail
    #[arg(long, value_name = "NAME")]
    name: Vec<String>,
    /// eventSource, such as s3 or s3.amazonaws.com
    #[arg(long, value_name = "SOURCE")]
    source: Vec<String>,
    /// User name, session name or ARN, as the record has it
    #[arg(long, value_name = "USER")]
    user: Vec<String>,
    /// Who really did it, over all roles, as the column actor of SQL says it
    #[arg(long, value_name = "ACTOR")]
    actor: Vec<String>,
    /// The session, as the column session of SQL says it
    #[arg(long, value_name = "SESSION")]
    session: Vec<String>,
    /// Access key id
    #[arg(long, value_name = "KEY")]
    access_key: Vec<String>,
    /// eventID
    #[arg(long, value_name = "ID")]
    event_id: Vec<String>,
    /// Name or ARN of a resource
    #[arg(long, value_name = "NAME")]
    resource: Vec<String>,
    /// Type of a resource, such as AWS::S3::Bucket
    #[arg(long, value_name = "TYPE")]
    resource_type: Vec<String>,
    /// Account id
    #[arg(long, value_name = "ID")]
    account: Vec<String>,
    /// Region
    #[arg(long, value_name = "REGION")]
    region: Vec<String>,
    /// Management, Data, NetworkActivity or Insight
    #[arg(long, value_name = "CATEGORY")]
    category: Vec<String>,
    /// errorCode, such as AccessDenied
    #[arg(long, value_name = "CODE")]
    error: Vec<String>,
    /// sourceIPAddress
    #[arg(long, value_name = "ADDRESS")]
    ip: Vec<String>,
    /// A text that the record must have, as it is written there; of several, all
    #[arg(long, value_name = "TEXT")]
    text: Vec<String>,
    /// Only calls that failed
    #[arg(long)]
    failed: bool,
    /// Only calls that write
    #[arg(long, conflicts_with = "read")]
    write: bool,
    /// Only calls that read
    #[arg(long)]
    read: bool,
    /// Only from this time on (ISO 8601)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only up to this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Most events to print
    #[arg(long, value_name = "N", default_value_t = 50)]
    limit: usize,
    /// Count services, actions, actors, errors, resources, regions and hours of all that match, and print so many values of each
    #[arg(long, value_name = "N", default_value_t = 0)]
    facets: usize,
    /// Print the records, one a line; of facets, the counts as one line before them
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: ServerArgs,
}

/// Asks and prints.
pub async fn run(args: EventsArgs) -> anyhow::Result<ExitCode> {
    let remote = remote(&args.at)?;
    tokio::task::spawn_blocking(move || print(&remote, args)).await.context("wait for the answer")?
}

fn print(remote: &Remote, args: EventsArgs) -> anyhow::Result<ExitCode> {
    let (limit, json) = (args.limit, args.json);
    let mut asked = asked(args);
    let mut printed = 0;
    loop {
        asked.limit = Some((limit - printed).clamp(1, SEARCH_EVENTS_MAX));
        let page = ask(remote, PATH, serde_json::to_string(&asked)?)?;
        let events = page["events"].as_array().map(Vec::as_slice).unwrap_or_default();
        let facets = page.get("facets").filter(|facets| facets.is_object());
        let head = facets
            .map(|facets| if json { format!("{}\n", serde_json::json!({ "facets": facets })) } else { table(facets) });
        let lines: String =
            events.iter().map(|event| if json { one_line(event) } else { line(event) } + "\n").collect();
        let mut out = std::io::stdout().lock();
        match out.write_all((head.unwrap_or_default() + &lines).as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
            written => written.context("print the events")?,
        }
        printed += events.len();
        // Counts are of all that match, on the first page as on any.
        asked.facets = 0;
        asked.after = page["next"].as_str().map(str::to_owned);
        if asked.after.is_none() {
            return Ok(ExitCode::SUCCESS);
        }
        if printed >= limit {
            eprintln!("trailwatch: there are more events; --limit says how many are printed");
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn asked(args: EventsArgs) -> Asked {
    Asked {
        event_id: args.event_id,
        event_name: args.name,
        event_source: args.source,
        user: args.user,
        access_key_id: args.access_key,
        resource_name: args.resource,
        resource_type: args.resource_type,
        account: args.account,
        region: args.region,
        category: args.category,
        error_code: args.error,
        source_ip: args.ip,
        actor: args.actor,
        session: args.session,
        text: args.text,
        read_only: if args.write { Some(false) } else { args.read.then_some(true) },
        failed: args.failed.then_some(true),
        from: args.from,
        to: args.to,
        limit: None,
        after: None,
        facets: args.facets,
        bars: 0,
    }
}

/// The record without line breaks, which in JSON stand between values only.
fn one_line(event: &Value) -> String {
    event["record"].as_str().unwrap_or_default().replace(['\n', '\r'], " ")
}

/// Time, region, who really, what, whence, error, resources, id.
fn line(event: &Value) -> String {
    let member = |name: &str| text(&event[name]);
    let mut line = format!(
        "{} {} {} {} {} {} {}",
        member("time"),
        member("region"),
        member("actor"),
        member("event_source"),
        member("event_name"),
        member("source_ip"),
        member("error_code"),
    );
    for resource in event["resources"].as_array().into_iter().flatten() {
        line += &format!(" {}", text(&resource["name"]));
    }
    line + &format!(" {}", member("event_id"))
}

/// The counts, an attribute after the other.
fn table(facets: &Value) -> String {
    let number = |value: &Value| value.as_u64().unwrap_or_default();
    let partial = if facets["is_partial"] == true { " (the newest; there are more)" } else { "" };
    let mut table = format!("{} events{partial}\n", number(&facets["events"]));
    for name in ["event_source", "event_name", "actor", "error_code", "resource_name", "region"] {
        let facet = &facets[name];
        table += &format!("\n{name}\n");
        for value in facet["values"].as_array().into_iter().flatten() {
            table += &format!("{:>10}  {}\n", number(&value["count"]), text(&value["value"]));
        }
        if number(&facet["others"]) > 0 {
            table += &format!("{:>10}  (others)\n", number(&facet["others"]));
        }
    }
    table += &format!("\ntime, by {} h\n", number(&facets["bar_hours"]));
    for bar in facets["histogram"].as_array().into_iter().flatten() {
        table += &format!("{:>10}  {}\n", number(&bar["count"]), text(&bar["time"]));
    }
    table + "\n"
}
