//! CloudTrail Lake: the files of W3 through StartImport into an event data store, then five questions like those of the samples.

use super::ask::{Asked, Client};
use super::{Collected, Run, SETTLE_MAX, remove};
use crate::data::events;
use crate::process;
use crate::server::Server;
use crate::workloads::{Call, cloudtrail};
use anyhow::{Context, bail};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Longest import.
const IMPORT_MAX: Duration = Duration::from_secs(1800);
/// Between two looks at an import, and at a query.
const IMPORT_PAUSE: Duration = Duration::from_millis(200);
const QUERY_PAUSE: Duration = Duration::from_millis(1);
/// The bucket that the files are in.
const BUCKET: &str = "archive";

/// What is asked; `{from}` is the store, and a condition that leaves out the calls of the benchmark itself.
const QUESTIONS: [(&str, &str); 5] = [
    ("lake-names", "SELECT eventName, COUNT(*) AS n {from} GROUP BY eventName ORDER BY n DESC LIMIT 10"),
    (
        "lake-errors",
        "SELECT errorCode, eventSource, COUNT(*) AS n {from} AND errorCode IS NOT NULL GROUP BY errorCode, eventSource",
    ),
    (
        "lake-hours",
        "SELECT date_trunc('hour', eventTime) AS hour, eventSource, COUNT(*) AS n {from} GROUP BY date_trunc('hour', eventTime), eventSource",
    ),
    (
        "lake-parameters",
        "SELECT element_at(requestParameters, 'name') AS bucket, COUNT(*) AS n {from} AND eventSource = 's3.amazonaws.com' GROUP BY element_at(requestParameters, 'name')",
    ),
    (
        "lake-mfa",
        "SELECT COUNT(DISTINCT userIdentity.username) AS users {from} AND eventName = 'ConsoleLogin' AND userIdentity.sessionContext.attributes.mfaAuthenticated = 'false'",
    ),
];

pub(super) fn measure(run: &Run, all: &mut Collected) -> anyhow::Result<()> {
    let server = start(run, "lake")?;
    let mut client = Client::new(&server);
    let store = make_store(&mut client)?;
    let before = process::settle(server.pid(), SETTLE_MAX)?;
    let import = import_into(&mut client, &store)?;
    let ended = ended(&mut client, &import, &mut |_| false)?;
    let cpu = process::settle(server.pid(), SETTLE_MAX)?.saturating_sub(before);
    let count = events::pieces(&run.plan) * events::PIECE;
    if ended["ImportStatistics"]["EventsCompleted"].as_u64() != Some(count) {
        bail!("the import of {count} events ended as {ended}");
    }
    all.add("lake-in", count as f64 / cpu.as_secs_f64());
    all.ended(server.stop()?);
    // Anew, so that segments answer.
    let server = start(run, "lake")?;
    process::settle(server.pid(), SETTLE_MAX)?;
    let mut client = Client::new(&server);
    let id = store.rsplit('/').next().unwrap_or_default();
    let from = format!("FROM {id} WHERE eventTime < '{}'", end_of_data(run)?);
    for (name, question) in QUESTIONS {
        let statement = question.replace("{from}", &from);
        all.ask(&mut client, name, &mut |client| ask(client, &statement))?;
    }
    all.ended(server.stop()?);
    remove(&run.dir("lake"));
    Ok(())
}

/// As SQL of Lake has it; the calls of the benchmark itself come later.
fn end_of_data(run: &Run) -> anyhow::Result<String> {
    Ok(jiff::Timestamp::from_millisecond(run.plan.end_ms)?.strftime("%Y-%m-%d %H:%M:%S").to_string())
}

/// A server whose bucket is the folder of the compressed files.
pub(super) fn start(run: &Run, name: &str) -> anyhow::Result<Server> {
    let (config, files) = (run.work.join("lake.toml"), run.data.join("cloudtrail"));
    let files = files.canonicalize().with_context(|| format!("find {}", files.display()))?;
    std::fs::write(&config, format!("[buckets]\n{BUCKET} = {}\n", json!(files)))?;
    let arguments = ["--config".as_ref(), config.as_os_str()];
    Server::start_with(&run.binary, &run.dir(name), &run.work.join("server.log"), &arguments)
}

fn source() -> Value {
    let role = "arn:aws:iam::123456789012:role/import";
    json!({ "S3": { "S3LocationUri": format!("s3://{BUCKET}/"), "S3BucketRegion": "us-east-1", "S3BucketAccessRoleArn": role } })
}

/// Makes the event data store; answers its ARN.
pub(super) fn make_store(client: &mut Client) -> anyhow::Result<String> {
    let asked = json!({ "Name": "bench", "TerminationProtectionEnabled": false });
    text(&call(client, "CreateEventDataStore", &asked)?, "EventDataStoreArn")
}

/// Starts an import of the bucket into a store; answers its id.
pub(super) fn import_into(client: &mut Client, store: &str) -> anyhow::Result<String> {
    start_import(client, &json!({ "Destinations": [store], "ImportSource": source() }))
}

/// Starts an import, or goes on with one.
pub(super) fn start_import(client: &mut Client, asked: &Value) -> anyhow::Result<String> {
    text(&call(client, "StartImport", asked)?, "ImportId")
}

/// Waits until an import has ended, or `is_enough` of what GetImport says; answers that.
pub(super) fn ended(
    client: &mut Client,
    import: &str,
    is_enough: &mut dyn FnMut(&Value) -> bool,
) -> anyhow::Result<Value> {
    let began = Instant::now();
    loop {
        let found = call(client, "GetImport", &json!({ "ImportId": import }))?;
        let goes_on = matches!(found["ImportStatus"].as_str(), Some("INITIALIZING" | "IN_PROGRESS"));
        if !goes_on || is_enough(&found) {
            return Ok(found);
        }
        if began.elapsed() > IMPORT_MAX {
            bail!("the import did not end: {found}");
        }
        std::thread::sleep(IMPORT_PAUSE);
    }
}

/// A call of CloudTrail that must succeed.
fn call(client: &mut Client, operation: &str, body: &Value) -> anyhow::Result<Value> {
    let answer = client.call(&operation_call(operation, body))?;
    if answer.status != 200 {
        bail!("{operation} was answered with HTTP {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
    }
    Ok(serde_json::from_slice(&answer.body)?)
}

fn operation_call(operation: &str, body: &Value) -> Call {
    cloudtrail(operation, body.to_string().into_bytes())
}

fn text(answer: &Value, member: &str) -> anyhow::Result<String> {
    answer[member].as_str().map(str::to_owned).with_context(|| format!("no {member} in {answer}"))
}

/// Starts a query and waits for its rows. The answer is the value of the only row, or how many rows there are.
fn ask(client: &mut Client, statement: &str) -> anyhow::Result<Asked> {
    let started = client.call(&operation_call("StartQuery", &json!({ "QueryStatement": statement })))?;
    if started.status != 200 {
        eprintln!("  refused: {}", String::from_utf8_lossy(&started.body));
        return Ok(Asked::Refused(format!("HTTP {}", started.status)));
    }
    let id = text(&serde_json::from_slice(&started.body)?, "QueryId")?;
    loop {
        let page = call(client, "GetQueryResults", &json!({ "QueryId": id, "MaxQueryResults": 1000 }))?;
        match page["QueryStatus"].as_str() {
            Some("QUEUED" | "RUNNING") => std::thread::sleep(QUERY_PAUSE),
            Some("FINISHED") => return Ok(Asked::Answer(answer(&page))),
            _ => return Ok(Asked::Refused(page.to_string())),
        }
    }
}

fn answer(page: &Value) -> String {
    let total = page["QueryStatistics"]["TotalResultsCount"].as_u64().unwrap_or_default();
    match page["QueryResultRows"].as_array().map(Vec::as_slice) {
        Some([Value::Array(row)]) if row.len() == 1 => {
            let value = row[0].as_object().and_then(|cell| cell.values().next());
            value.and_then(Value::as_str).unwrap_or_default().to_owned()
        }
        _ => format!("{total} rows"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_is_the_only_value_or_the_number_of_rows() {
        let page =
            |rows: Value, total| json!({ "QueryResultRows": rows, "QueryStatistics": { "TotalResultsCount": total } });
        assert_eq!(answer(&page(json!([[{ "n": "7" }]]), 1)), "7");
        assert_eq!(answer(&page(json!([[{ "a": "7" }, { "b": "1" }]]), 1)), "1 rows");
        assert_eq!(answer(&page(json!([[{ "a": "7" }], [{ "a": "8" }]]), 2500)), "2500 rows");
    }
}
