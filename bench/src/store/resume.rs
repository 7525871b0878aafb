//! Imports that are killed and gone on with: all events are there afterwards, each once.

use super::ask::{Asked, Client, sql_between};
use super::{Run, lake, remove};
use crate::data::events::{self, SPAN_MS};
use crate::server::Server;
use anyhow::{Context, bail};
use serde_json::json;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest wait for an import.
const IMPORT_MAX: Duration = Duration::from_secs(1800);
/// Between two looks at what is stored.
const PAUSE: Duration = Duration::from_millis(100);

/// Imports the compressed files of `run` twice, kills what works at it in between, and compares what is stored with what was given.
/// Answers a Markdown table.
pub fn measure(run: &Run) -> anyhow::Result<String> {
    let count = events::pieces(&run.plan) * events::PIECE;
    let command = command_is_killed(run, count).context("trailwatch import")?;
    let store = server_is_killed(run, count).context("StartImport")?;
    let rows = [
        format!(
            "| `trailwatch import` of {count} events, importer killed at a third, server at two thirds | {command} |"
        ),
        format!("| StartImport of {count} events, server killed at a half | {store} |"),
    ];
    Ok(format!("| killed and gone on with | figure |\n| --- | --- |\n{}\n", rows.join("\n")))
}

/// Into a running server: first the importer is killed, then the server, then it is left alone.
fn command_is_killed(run: &Run, count: u64) -> anyhow::Result<String> {
    let mut server = lake::start(run, "resume")?;
    let began = Instant::now();
    let mut importer = import(run, &server)?;
    wait_for(run, &server, count / 3, &mut importer)?;
    importer.kill().context("kill the importer")?;
    importer.wait()?;
    let mut importer = import(run, &server)?;
    wait_for(run, &server, count * 2 / 3, &mut importer)?;
    drop(server);
    if importer.wait()?.success() {
        bail!("the import ended well though its server was killed");
    }
    server = lake::start(run, "resume")?;
    let ready = server.ready_after;
    if !import(run, &server)?.wait()?.success() {
        bail!("the last import failed; see above");
    }
    let seconds = began.elapsed().as_secs_f64();
    check(run, &server, count)?;
    server.stop()?;
    remove(&run.dir("resume"));
    Ok(format!(
        "{count} stored, each once, after {seconds:.0} s; the server ready {:.2} s after the kill",
        ready.as_secs_f64()
    ))
}

/// Into an event data store.
fn server_is_killed(run: &Run, count: u64) -> anyhow::Result<String> {
    let server = lake::start(run, "resume-lake")?;
    let began = Instant::now();
    let mut client = Client::new(&server);
    let store = lake::make_store(&mut client)?;
    let import = lake::import_into(&mut client, &store)?;
    let half = |found: &serde_json::Value| {
        found["ImportStatistics"]["EventsCompleted"].as_u64().is_some_and(|completed| completed >= count / 2)
    };
    let found = lake::ended(&mut client, &import, &mut { half })?;
    if found["ImportStatus"] != "IN_PROGRESS" {
        bail!("the import ended before it was killed: {found}");
    }
    drop(server);
    let server = lake::start(run, "resume-lake")?;
    let mut client = Client::new(&server);
    lake::start_import(&mut client, &json!({ "ImportId": import }))?;
    let found = lake::ended(&mut client, &import, &mut |_| false)?;
    let seconds = began.elapsed().as_secs_f64();
    let completed = found["ImportStatistics"]["EventsCompleted"].as_u64();
    if found["ImportStatus"] != "COMPLETED" || completed != Some(count) {
        bail!("the import ended as {found}");
    }
    check(run, &server, count)?;
    server.stop()?;
    remove(&run.dir("resume-lake"));
    Ok(format!("{count} stored, each once, after {seconds:.0} s"))
}

fn import(run: &Run, server: &Server) -> anyhow::Result<Child> {
    Command::new(&run.binary)
        .args(["import", "cloudtrail", "--endpoint", &format!("http://{}", server.endpoint.host)])
        .arg(run.data.join("cloudtrail"))
        .env("AWS_ACCESS_KEY_ID", &server.key.id)
        .env("AWS_SECRET_ACCESS_KEY", &server.key.secret)
        .env("AWS_REGION", crate::sign::REGION)
        .stdout(Stdio::null())
        .spawn()
        .context("start the import")
}

/// Waits until so many events are stored; the importer must still be at work then.
fn wait_for(run: &Run, server: &Server, stored: u64, importer: &mut Child) -> anyhow::Result<()> {
    let (began, mut client) = (Instant::now(), Client::new(server));
    while number(run, &mut client, "count(*)")? < stored {
        if began.elapsed() > IMPORT_MAX {
            bail!("{stored} events were not stored in time");
        }
        std::thread::sleep(PAUSE);
    }
    match importer.try_wait()? {
        None => Ok(()),
        Some(status) => bail!("the import ended ({status}) before it was killed: take more events"),
    }
}

/// Each event is there, once, and nothing else of that time.
fn check(run: &Run, server: &Server, count: u64) -> anyhow::Result<()> {
    let mut client = Client::new(server);
    for what in ["count(*)", "count(DISTINCT event_id)"] {
        let found = number(run, &mut client, what)?;
        if found != count {
            bail!("{what} is {found} of {count}");
        }
    }
    Ok(())
}

/// A number about the events of the data's time.
fn number(run: &Run, client: &mut Client, what: &str) -> anyhow::Result<u64> {
    let end = run.plan.end_ms / 1000;
    let during = sql_between("time", end - SPAN_MS / 1000, end);
    match client.sql(&format!("SELECT {what} AS n FROM events WHERE {during}"))? {
        Asked::Answer(answer) => answer.parse().with_context(|| format!("read {answer}")),
        Asked::Refused(why) => bail!("{what}: {why}"),
    }
}
