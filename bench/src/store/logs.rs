//! W1: PutLogEvents in two sizes, then needle, phrase, status per minute, regex and the end of a stream.

use super::ask::{Asked, Client, LogPage, counted, day, sql_between};
use super::load::{self, Sent};
use super::{Collected, Run, remove, start_loaded};
use crate::data::logs::{self, App, LogBatch, NEEDLE, PHRASE};
use crate::workloads::{self, Call};
use serde::Serialize;
use std::time::Duration;

/// Which part of the batches is sent again in calls of 100 lines.
const SMALL_PART: u64 = 5;
const SMALL_LINES: usize = 100;
/// Text of the full W1, by which the size on disk is brought to full scale.
pub(super) const FULL_BYTES: f64 = 499.1e6;

pub(super) fn measure(run: &Run, all: &mut Collected) -> anyhow::Result<()> {
    let batches = logs::batches(&run.plan);
    let small = load(run, all, "logs-100", batches.div_ceil(SMALL_PART), SMALL_LINES)?;
    all.add("logs-in-100", small.1);
    remove(&run.dir("logs-100"));
    let (sent, rate) = load(run, all, "logs", batches, usize::MAX)?;
    all.add("logs-in", rate);
    let (server, mut client) = start_loaded(run, "logs")?;
    all.add("logs-disk", run.disk("logs") / sent.bytes as f64 * FULL_BYTES / 1e6);
    questions(run, all, &mut client)?;
    all.ended(server.stop()?);
    remove(&run.dir("logs"));
    Ok(())
}

/// Loads the first `batches`; answers what was sent and the MB per CPU second.
fn load(run: &Run, all: &mut Collected, name: &str, batches: u64, lines: usize) -> anyhow::Result<(Sent, f64)> {
    let server = run.start(name)?;
    let mut client = Client::new(&server);
    for app in App::ALL {
        load::send_one(&mut client, &group(app))?;
        for index in 0..app.streams() {
            let [_, stream] = workloads::group_and_stream(app.group(), &format!("host-{index:02}"));
            load::send_one(&mut client, &stream)?;
        }
    }
    let sent = load::send(&server, run.connections, batches, |number| {
        let batch = logs::batch(&run.plan, number);
        let size = lines.min(batch.lines.len());
        batch.lines.chunks(size).map(|lines| put(&batch, lines)).collect()
    })?;
    let ended = all.ended(server.stop()?);
    Ok((sent, sent.bytes as f64 / 1e6 / ended.cpu.as_secs_f64()))
}

fn group(app: App) -> Call {
    let [group, _] = workloads::group_and_stream(app.group(), "");
    group
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Put<'a> {
    log_group_name: &'a str,
    log_stream_name: &'a str,
    log_events: Vec<Line<'a>>,
}

#[derive(Serialize)]
struct Line<'a> {
    timestamp: i64,
    message: &'a str,
}

fn put(batch: &LogBatch, lines: &[(i64, String)]) -> Call {
    let body = Put {
        log_group_name: batch.app.group(),
        log_stream_name: &batch.stream,
        log_events: lines.iter().map(|(timestamp, message)| Line { timestamp: *timestamp, message }).collect(),
    };
    let mut call = workloads::logs("PutLogEvents", serde_json::to_vec(&body).unwrap_or_default());
    call.records = lines.len() as u64;
    call.bytes = lines.iter().map(|(_, message)| message.len() as u64).sum();
    call
}

fn questions(run: &Run, all: &mut Collected, client: &mut Client) -> anyhow::Result<()> {
    let (from, to) = day(&run.plan);
    let during = sql_between("timestamp", from, to);
    all.ask(client, "needle", &mut |client| filter(client, &format!("\"{NEEDLE}\"")))?;
    all.ask(client, "phrase-list", &mut |client| filter(client, &format!("\"{PHRASE}\"")))?;
    all.ask(client, "phrase", &mut |client| {
        client.sql(&format!("SELECT count(*) AS n FROM logs WHERE {during} AND message LIKE '%{PHRASE}%'"))
    })?;
    all.ask(client, "status-text", &mut |client| {
        client.sql(&format!(
            "SELECT date_trunc('minute', timestamp) AS minute, split_part(message, ' ', 9) AS status, count(*) AS n \
             FROM logs WHERE log_group = '{}' AND {during} GROUP BY 1, 2",
            App::Nginx.group()
        ))
    })?;
    all.ask(client, "status-field", &mut |client| {
        client.sql(&format!(
            "SELECT date_trunc('minute', timestamp) AS minute, json_extract_scalar(message, '$.status') AS status, count(*) AS n \
             FROM logs WHERE log_group = '{}' AND {during} GROUP BY 1, 2",
            App::Json.group()
        ))
    })?;
    all.ask(client, "regex-literal", &mut |client| filter(client, "%upstream [a-z]+ refused%"))?;
    all.ask(client, "regex", &mut |client| filter(client, "%[0-9]{3}-[0-9]{3}-[0-9]{4}%"))?;
    for (name, groups, query) in INSIGHTS {
        let groups: Vec<&str> = groups.iter().map(|app| app.group()).collect();
        all.ask(client, name, &mut |client| insights(client, &groups, query, (from, to)))?;
    }
    let body = format!(r#"{{"logGroupName":"{}","logStreamName":"host-07","limit":100}}"#, App::Nginx.group());
    let tail = workloads::logs("GetLogEvents", body.into_bytes());
    all.ask(client, "tail", &mut |client| {
        // One page: GetLogEvents always has a token to go on.
        let page = client.pages(|_| tail.clone(), |page: LogPage| (page.events.len() as u64, None))?;
        Ok(counted(page))
    })
}

/// Queries of Logs Insights and the groups that they ask.
const INSIGHTS: [(&str, &[App], &str); 5] = [
    ("insights-status", &[App::Json], "stats count(*) as n by bin(1m), status"),
    (
        "insights-top",
        &[App::Nginx],
        "parse @message '\"* * HTTP/1.1\"' as method, path | stats count(*) as n by path | sort n desc | limit 10",
    ),
    ("insights-phrase", &App::ALL, "filter @message like \"upstream connection refused\" | stats count(*) as n"),
    ("insights-regex", &App::ALL, "filter @message like /[0-9]{3}-[0-9]{3}-[0-9]{4}/ | stats count(*) as n"),
    ("insights-pattern", &[App::Json], "pattern @message | limit 10"),
];
/// How often the answer of a query is asked for.
const POLL: Duration = Duration::from_millis(2);

/// Starts a query and asks until it has ended.
fn insights(client: &mut Client, groups: &[&str], query: &str, (from, to): (i64, i64)) -> anyhow::Result<Asked> {
    let start = serde_json::json!({
        "logGroupNames": groups, "queryString": query, "startTime": from, "endTime": to - 1, "limit": 10_000
    });
    let answer = client.call(&workloads::logs("StartQuery", start.to_string().into_bytes()))?;
    if answer.status != 200 {
        return Ok(Asked::Refused(format!("HTTP {}", answer.status)));
    }
    let started: serde_json::Value = serde_json::from_slice(&answer.body)?;
    let look = workloads::logs(
        "GetQueryResults",
        serde_json::json!({ "queryId": started["queryId"] }).to_string().into_bytes(),
    );
    loop {
        std::thread::sleep(POLL);
        let answer = client.call(&look)?;
        let results: serde_json::Value = serde_json::from_slice(&answer.body)?;
        match results["status"].as_str() {
            Some("Scheduled" | "Running") => {}
            Some("Complete") => {
                let rows = results["results"].as_array().map(Vec::as_slice).unwrap_or_default();
                return Ok(Asked::Answer(match rows {
                    [row] if row[0]["field"] == "n" => row[0]["value"].as_str().unwrap_or_default().into(),
                    rows => format!("{} rows", rows.len()),
                }));
            }
            _ => return Ok(Asked::Refused(results["status"].to_string())),
        }
    }
}

/// Lines of all groups that match.
fn filter(client: &mut Client, pattern: &str) -> anyhow::Result<Asked> {
    let mut total = 0;
    for app in App::ALL {
        let page = |token: Option<&str>| {
            let mut body = serde_json::json!({"logGroupName": app.group(), "filterPattern": pattern});
            if let Some(token) = token {
                body["nextToken"] = token.into();
            }
            workloads::logs("FilterLogEvents", body.to_string().into_bytes())
        };
        match client.pages(page, |page: LogPage| (page.events.len() as u64, page.next_token))? {
            Ok(count) => total += count,
            Err(why) => return Ok(Asked::Refused(why)),
        }
    }
    Ok(Asked::Answer(total.to_string()))
}
