//! `trailwatch session`: asks a running server what one login did, and prints it.

use super::super::session::PATHS;
use super::{remote, text};
use crate::own::SIGNING_NAME;
use crate::remote::{Remote, ServerArgs};
use anyhow::{Context, bail};
use clap::Args;
use model::limits::SESSION_EVENTS_MAX;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::process::ExitCode;

/// Longest answer that is read, bytes.
const ANSWER_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Everything that one login did, in order, over all roles that were taken from it.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  trailwatch session --event-id 5f0c1c9e-…      # what else did whoever did this?\n  trailwatch session --access-key ASIA… --json\n  trailwatch session --access-key AKIA… --from 2026-03-01 --to 2026-03-02\n\nThe first lines say who it was and how the credentials were come by. A number of > before an event counts the roles taken on the way.\nThe root key is needed: events of all accounts are in reach."
)]
pub struct SessionArgs {
    /// An event of the session, by its eventID
    #[arg(long, value_name = "ID", required_unless_present = "access_key", conflicts_with = "access_key")]
    event_id: Option<String>,
    /// A key of the session
    #[arg(long, value_name = "KEY")]
    access_key: Option<String>,
    /// Only events from this time on (ISO 8601)
    #[arg(long, value_name = "TIME")]
    from: Option<String>,
    /// Only events up to this time
    #[arg(long, value_name = "TIME")]
    to: Option<String>,
    /// Most events to print
    #[arg(long, value_name = "N", default_value_t = 1000)]
    limit: usize,
    /// Print one JSON object per line, with the records: first the login, then its events
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    at: ServerArgs,
}

/// Asks and prints.
pub async fn run(args: SessionArgs) -> anyhow::Result<ExitCode> {
    let remote = remote(&args.at)?;
    tokio::task::spawn_blocking(move || print(&remote, &args)).await.context("wait for the answer")?
}

fn print(remote: &Remote, args: &SessionArgs) -> anyhow::Result<ExitCode> {
    let (mut after, mut printed): (Option<String>, usize) = (None, 0);
    loop {
        let page = page(remote, args, after.as_deref(), args.limit - printed)?;
        let mut out = std::io::stdout().lock();
        let events = page["events"].as_array().map(Vec::as_slice).unwrap_or_default();
        let head = if after.is_none() { head(&page, args.json) } else { String::new() };
        let lines = events.iter().map(|event| if args.json { event.to_string() } else { line(event) });
        let text: String = lines.map(|line| line + "\n").collect();
        match out.write_all((head + &text).as_bytes()).and_then(|()| out.flush()) {
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(ExitCode::SUCCESS),
            written => written.context("print the events")?,
        }
        printed += events.len();
        after = page["next"].as_str().map(str::to_owned);
        if after.is_none() {
            return Ok(ExitCode::SUCCESS);
        }
        if printed >= args.limit {
            eprintln!("trailwatch: there are more events; --limit says how many are printed");
            return Ok(ExitCode::SUCCESS);
        }
    }
}

fn page(remote: &Remote, args: &SessionArgs, after: Option<&str>, rest: usize) -> anyhow::Result<Value> {
    let entrance = match (&args.event_id, &args.access_key) {
        (Some(id), _) => format!("event/{id}"),
        (None, Some(key)) => format!("key/{key}"),
        (None, None) => bail!("--event-id or --access-key is needed"),
    };
    let mut target = format!("{PATHS}{entrance}?limit={}", rest.clamp(1, SESSION_EVENTS_MAX));
    for (name, value) in [("from", args.from.as_deref()), ("to", args.to.as_deref()), ("after", after)] {
        if let Some(value) = value {
            target += &format!("&{name}={}", crate::remote::encoded(value));
        }
    }
    if args.json {
        target += "&records=true";
    }
    let mut body = Vec::new();
    let answer = remote.stream(&target, SIGNING_NAME)?;
    answer.take(ANSWER_BYTES_MAX).read_to_end(&mut body).context("read the answer")?;
    serde_json::from_slice(&body).context("read the answer")
}

/// Who it was, and how the credentials were come by.
fn head(page: &Value, as_json: bool) -> String {
    let mut login = page.clone();
    if let Some(members) = login.as_object_mut() {
        members.retain(|name, _| name != "events" && name != "next");
    }
    if as_json {
        return json!({ "login": login }).to_string() + "\n";
    }
    let known = if page["complete"] == true { "" } else { " (how this began is not known)" };
    let mut head = format!("session {}\nactor   {}{known}\n", text(&page["session"]), text(&page["actor"]));
    for link in page["chain"].as_array().into_iter().flatten() {
        let (time, name, by, principal) = (&link["time"], &link["event_name"], &link["by"], &link["principal"]);
        head += &format!("        {} {} by {} for {}\n", text(time), text(name), text(by), text(principal));
    }
    if page["keys_cut"] == true {
        head += "        it has more keys than are followed\n";
    }
    head + "\n"
}

fn line(event: &Value) -> String {
    let depth = usize::try_from(event["depth"].as_u64().unwrap_or_default()).unwrap_or_default();
    let resources: Vec<String> = event["resources"].as_array().into_iter().flatten().map(text).collect();
    let [time, region, source, name, ip, error] =
        ["time", "region", "event_source", "event_name", "source_ip", "error_code"].map(|member| text(&event[member]));
    let mut line = format!("{time} {}{region} {source} {name} {ip} {error}", ">".repeat(depth.min(32)));
    for more in resources.into_iter().chain([text(&event["event_id"])]) {
        line += &format!(" {more}");
    }
    line
}
