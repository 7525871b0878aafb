//! Live tail: how long after its acknowledgement a line is with a reader, `trailwatch tail`.

use super::ask::Client;
use super::load;
use crate::server::Server;
use crate::workloads;
use anyhow::Context;
use serde_json::{Value, json};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::{Duration, Instant};

const GROUP: &str = "/bench/tail";
const STREAM: &str = "one";
/// Between two calls of one line each. It does not divide a second, so that lines fall everywhere between two updates.
const PAUSE: Duration = Duration::from_millis(93);
/// Longest wait for a line, or for the session to begin.
const ARRIVES_MAX: Duration = Duration::from_secs(20);

/// Puts `lines` lines one after the other while a session reads them; answers a Markdown table.
pub fn measure(binary: &Path, work: &Path, lines: usize) -> anyhow::Result<String> {
    let dir = work.join("tail");
    let _ = std::fs::remove_dir_all(&dir);
    let server = Server::start(binary, &dir, &work.join("server.log"))?;
    let mut client = Client::new(&server);
    let place = json!({ "logGroupName": GROUP, "logStreamName": STREAM }).to_string();
    let group = json!({ "logGroupName": GROUP }).to_string();
    load::send_one(&mut client, &workloads::logs("CreateLogGroup", group.into_bytes()))?;
    load::send_one(&mut client, &workloads::logs("CreateLogStream", place.into_bytes()))?;
    let (mut reader, seen) = read(binary, &server)?;
    let outcome = latencies(&mut client, &seen, lines);
    let _ = reader.kill();
    let _ = reader.wait();
    server.stop()?;
    let _ = std::fs::remove_dir_all(&dir);
    let mut took = outcome?;
    took.sort_by(f64::total_cmp);
    let rank = |share: f64| took[((took.len() - 1) as f64 * share) as usize];
    Ok(format!(
        "| what | figure |\n| --- | --- |\n| live tail: from the acknowledgement of a line to its reader, {lines} lines | {:.0} ms median, {:.0} ms p99, {:.0} ms the slowest |\n",
        rank(0.5),
        rank(0.99),
        rank(1.0)
    ))
}

/// Starts the reader; the messages that it prints come with the time at which they did.
fn read(binary: &Path, server: &Server) -> anyhow::Result<(Child, mpsc::Receiver<(String, Instant)>)> {
    let mut child = Command::new(binary)
        .args(["tail", GROUP, "--json", "--endpoint", &format!("http://{}", server.endpoint.host)])
        .env("AWS_ACCESS_KEY_ID", &server.key.id)
        .env("AWS_SECRET_ACCESS_KEY", &server.key.secret)
        .env("AWS_REGION", crate::sign::REGION)
        .stdout(Stdio::piped())
        .spawn()
        .context("start the reader")?;
    let output = BufReader::new(child.stdout.take().context("no output")?);
    let (send, seen) = mpsc::channel();
    std::thread::spawn(move || {
        for line in output.lines().map_while(Result::ok) {
            let at = Instant::now();
            let event: Value = serde_json::from_str(&line).unwrap_or_default();
            if send.send((event["message"].as_str().unwrap_or_default().to_owned(), at)).is_err() {
                return;
            }
        }
    });
    Ok((child, seen))
}

/// Milliseconds of each line.
fn latencies(client: &mut Client, seen: &mpsc::Receiver<(String, Instant)>, lines: usize) -> anyhow::Result<Vec<f64>> {
    // The session has begun once something arrives.
    let began = Instant::now();
    while seen.recv_timeout(PAUSE).is_err() {
        anyhow::ensure!(began.elapsed() < ARRIVES_MAX, "the session does not begin");
        put(client, "is it on?")?;
    }
    let mut acknowledged = Vec::with_capacity(lines);
    for number in 0..lines {
        put(client, &number.to_string())?;
        acknowledged.push(Instant::now());
        std::thread::sleep(PAUSE);
    }
    let mut took = Vec::with_capacity(lines);
    while took.len() < lines {
        let (message, at) = seen.recv_timeout(ARRIVES_MAX).context("a line does not arrive")?;
        let number = message.parse::<usize>().ok();
        if let Some(acknowledged) = number.and_then(|number| acknowledged.get(number)) {
            took.push(at.saturating_duration_since(*acknowledged).as_secs_f64() * 1000.0);
        }
    }
    Ok(took)
}

fn put(client: &mut Client, message: &str) -> anyhow::Result<()> {
    let events = json!([{ "timestamp": jiff::Timestamp::now().as_millisecond(), "message": message }]);
    let body = json!({ "logGroupName": GROUP, "logStreamName": STREAM, "logEvents": events }).to_string();
    load::send_one(client, &workloads::logs("PutLogEvents", body.into_bytes()))
}
