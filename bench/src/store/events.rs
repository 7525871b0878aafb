//! W3: an import into a data directory, a start on it, then lookups, a search for text and proofs; then CloudTrail Lake.

use super::ask::{Asked, Client, counted, sql_between};
use super::{Collected, Run, SETTLE_MAX, lake, proofs, remove, tree};
use crate::data::events::{self, FREE_TEXT, NAME, RARE_KEY, SPAN_MS, USER};
use crate::figures::Figure;
use crate::process;
use crate::server;
use crate::workloads;
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::process::Command;
use std::time::Duration;

/// Longest import.
const IMPORT_MAX: Duration = Duration::from_secs(900);
/// Records of the full W3, by which the size on disk is brought to full scale.
const FULL: f64 = 1e6;

pub(super) fn measure(run: &Run, all: &mut Collected) -> anyhow::Result<()> {
    run.start("events-gzip")?.stop()?;
    let rate = import(run, all, "events-gzip", "cloudtrail")?;
    all.add("events-in-gzip", rate);
    remove(&run.dir("events-gzip"));
    let dir = run.dir("events");
    // A first start makes the data directory and says what an idle server without data needs.
    let server = run.start("events")?;
    process::settle(server.pid(), SETTLE_MAX)?;
    all.add("rss-idle-empty", process::memory_resident(server.pid())? as f64 / 1e6);
    all.ended(server.stop()?);
    // As the peers get theirs: not compressed.
    let rate = import(run, all, "events", "records")?;
    all.add("events-in", rate);
    let cost = tree::measure(run)?;
    all.figures.push(Figure::new("proof-cpu", cost.of_tree()));
    all.add("proof-cost", cost.percent());
    let server = run.start("events")?;
    all.add("start", server.ready_after.as_secs_f64());
    process::settle(server.pid(), SETTLE_MAX)?;
    all.add("rss-idle", process::memory_resident(server.pid())? as f64 / 1e6);
    all.add("events-disk", run.disk("events") / records(run) * FULL / 1e6);
    let mut client = Client::new(&server);
    questions(run, all, &mut client)?;
    proofs::questions(run, all, &mut client)?;
    proofs::simulated(all)?;
    all.ended(server.stop()?);
    remove(&dir);
    lake::measure(run, all)
}

fn records(run: &Run) -> f64 {
    (events::pieces(&run.plan) * events::PIECE) as f64
}

/// Imports a folder of the data into a data directory; answers the events per CPU second.
fn import(run: &Run, all: &mut Collected, name: &str, folder: &str) -> anyhow::Result<f64> {
    let mut import = Command::new(&run.binary);
    import.args(["import", "cloudtrail", "--data-dir"]).arg(run.dir(name)).arg(run.data.join(folder));
    let ended = all.ended(server::run(import.env("RUST_LOG", "warn"), IMPORT_MAX)?);
    Ok(records(run) / ended.cpu.as_secs_f64())
}

fn questions(run: &Run, all: &mut Collected, client: &mut Client) -> anyhow::Result<()> {
    let end = run.plan.end_ms / 1000;
    let week = (end - SPAN_MS / 1000, end);
    let middle = end - SPAN_MS / 2000;
    all.ask(client, "lookup-key", &mut |client| lookup(client, "AccessKeyId", RARE_KEY, week))?;
    all.ask(client, "lookup-user", &mut |client| lookup(client, "Username", USER, week))?;
    all.ask(client, "lookup-name", &mut |client| lookup(client, "EventName", NAME, (middle, middle + 7_199)))?;
    // The query itself goes on the trail, with the text that it looks for: the time range leaves it out.
    let during = sql_between("time", week.0, week.1);
    all.ask(client, "free-text", &mut |client| {
        client.sql(&format!("SELECT count(*) AS n FROM events WHERE {during} AND record LIKE '%{FREE_TEXT}%'"))
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct EventPage {
    events: Vec<IgnoredAny>,
}

/// The newest 50 events of one value between two times, both inside, seconds.
fn lookup(client: &mut Client, key: &str, value: &str, (from, to): (i64, i64)) -> anyhow::Result<Asked> {
    let body = serde_json::json!({
        "LookupAttributes": [{"AttributeKey": key, "AttributeValue": value}],
        "StartTime": from, "EndTime": to, "MaxResults": 50,
    });
    let call = workloads::lookup(body.to_string().into_bytes());
    Ok(counted(client.pages(|_| call.clone(), |page: EventPage| (page.events.len() as u64, None))?))
}
