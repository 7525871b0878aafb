//! VictoriaLogs on W1: JSON lines in, LogsQL out. Written from its documentation (HTTP API of version 1); where an answer is
//! not what was expected, the table says that answers differ.

use super::ask::{Asked, Client, percent};
use super::logs::FULL_BYTES;
use super::{Collected, SETTLE_MAX};
use crate::data::Plan;
use crate::data::logs::{App, DAY_MS, LogBatch, NEEDLE, PHRASE, batch, batches};
use crate::figures::Figures;
use crate::process;
use crate::server::run_on_free_port;
use anyhow::{Context, bail};
use std::path::Path;
use std::time::Duration;

/// Starts `program` on an empty folder, loads W1, asks, and stops it.
pub fn measure(program: &Path, plan: &Plan, work: &Path) -> anyhow::Result<Figures> {
    let folder = work.join("data");
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let server = run_on_free_port(program, &work.join("log"), "/health", |address| {
        vec![
            format!("-storageDataPath={}", folder.display()),
            "-retentionPeriod=30d".into(),
            format!("-httpListenAddr={address}"),
        ]
    })?;
    let mut client = Client::to(server.endpoint.clone(), server.pid());
    let mut all = Collected::default();
    let before = process::settle(server.pid(), SETTLE_MAX)?;
    let bytes = load(plan, &mut client)?;
    client.send("GET", "/internal/force_flush", &[], &[])?;
    let cpu = process::settle(server.pid(), SETTLE_MAX)?.saturating_sub(before);
    all.add("logs-in", bytes as f64 / 1e6 / cpu.as_secs_f64());
    client.send("GET", "/internal/force_merge", &[], &[])?;
    process::settle(server.pid(), Duration::from_secs(60))?;
    all.add("logs-disk", process::bytes_on_disk(&folder) as f64 / bytes as f64 * FULL_BYTES / 1e6);
    questions(plan, &mut all, &mut client)?;
    all.add("rss-peak", process::memory_peak(server.pid())? as f64 / 1e6);
    Ok(Figures { engine: "VictoriaLogs".into(), figures: all.figures })
}

/// Sends every batch; answers the bytes of message text.
fn load(plan: &Plan, client: &mut Client) -> anyhow::Result<u64> {
    let path = "/insert/jsonline?_stream_fields=grp,stream&_time_field=ts&_msg_field=message";
    let mut bytes = 0;
    for number in 0..batches(plan) {
        let batch = batch(plan, number);
        let answer = client.send("POST", path, &[("content-type", "application/stream+json")], &json_lines(&batch)?)?;
        if !(200..300).contains(&answer.status) {
            bail!("insert: HTTP {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
        }
        bytes += batch.lines.iter().map(|(_, message)| message.len() as u64).sum::<u64>();
    }
    Ok(bytes)
}

fn json_lines(batch: &LogBatch) -> anyhow::Result<Vec<u8>> {
    let mut body = Vec::new();
    for (ts, message) in &batch.lines {
        let line = serde_json::json!({"ts": ts, "grp": batch.app.group(), "stream": batch.stream, "message": message});
        serde_json::to_writer(&mut body, &line)?;
        body.push(b'\n');
    }
    Ok(body)
}

fn questions(plan: &Plan, all: &mut Collected, client: &mut Client) -> anyhow::Result<()> {
    let (nginx, app) = (App::Nginx.group(), App::Json.group());
    let per_minute = "stats by (_time:1m, status) count() n";
    let ask = [
        ("needle", format!("\"{NEEDLE}\" | stats count() n")),
        ("phrase", format!("\"{PHRASE}\" | stats count() n")),
        ("status-text", format!("{{grp=\"{nginx}\"}} | extract 'HTTP/1.1\" <status> ' | {per_minute}")),
        ("status-field", format!("{{grp=\"{app}\"}} | unpack_json fields (status) | {per_minute}")),
        ("regex-literal", "_msg:~\"upstream [a-z]+ refused\" | stats count() n".into()),
        ("regex", "_msg:~\"[0-9]{3}-[0-9]{3}-[0-9]{4}\" | stats count() n".into()),
        ("insights-status", format!("{{grp=\"{app}\"}} | unpack_json fields (status) | {per_minute}")),
        (
            "insights-top",
            format!(
                "{{grp=\"{nginx}\"}} | extract '\"<_> <path> HTTP/1.1\"' | stats by (path) count() n | sort by (n desc) limit 10"
            ),
        ),
        ("insights-phrase", format!("\"{PHRASE}\" | stats count() n")),
        ("insights-regex", "_msg:~\"[0-9]{3}-[0-9]{3}-[0-9]{4}\" | stats count() n".into()),
    ];
    for (name, query) in ask {
        let path = path(plan, &query);
        all.ask(client, name, &mut |client| rows(client, &path))?;
    }
    let tail = path(plan, &format!("{{grp=\"{nginx}\",stream=\"host-07\"}} | sort by (_time desc) limit 100"));
    all.ask(client, "tail", &mut |client| match rows(client, &tail)? {
        Asked::Answer(answer) => Ok(Asked::Answer(answer.trim_end_matches(" rows").into())),
        refused => Ok(refused),
    })
}

fn path(plan: &Plan, query: &str) -> String {
    let (start, end) = ((plan.end_ms - DAY_MS) / 1000, plan.end_ms / 1000);
    format!("/select/logsql/query?query={}&start={start}&end={end}", percent(query))
}

/// The count, or how many rows there are.
fn rows(client: &mut Client, path: &str) -> anyhow::Result<Asked> {
    let answer = client.send("GET", path, &[], &[])?;
    if answer.status != 200 {
        return Ok(Asked::Refused(format!("HTTP {}", answer.status)));
    }
    let lines: Vec<&[u8]> = answer.body.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).collect();
    if let [line] = lines[..]
        && let Some(count) = serde_json::from_slice::<serde_json::Value>(line)?["n"].as_str()
    {
        return Ok(Asked::Answer(count.into()));
    }
    Ok(Asked::Answer(format!("{} rows", lines.len())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_json_with_the_fields_that_the_insert_names() {
        let batch = LogBatch { app: App::Json, stream: "s".into(), lines: vec![(5, "a \"b\"".into())] };
        let text = String::from_utf8(json_lines(&batch).unwrap()).unwrap();
        let value: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
        assert_eq!(value, serde_json::json!({"ts": 5, "grp": "/w1/app", "stream": "s", "message": "a \"b\""}));
    }
}
