//! Prometheus and VictoriaMetrics on W2: remote write in, PromQL out.
//!
//! Remote write bodies are snappy blocks of literals: valid, and cheaper to unpack than compressed ones.

use super::ask::{Asked, Client, day, percent};
use super::load::Sent;
use super::{Collected, SETTLE_MAX};
use crate::bodies::Datum;
use crate::data::Plan;
use crate::data::metrics::{LATENCY, Samples, instance, service};
use crate::figures::Figures;
use crate::process;
use crate::server::{Running, run_on_free_port};
use anyhow::{Context, bail};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::path::Path;
use std::time::Duration;

/// Samples of a body.
pub(super) const BODY_SAMPLES: usize = 5_000;
/// Headers of remote write.
pub(super) const REMOTE_WRITE: [(&str, &str); 3] = [
    ("content-type", "application/x-protobuf"),
    ("content-encoding", "snappy"),
    ("x-prometheus-remote-write-version", "0.1.0"),
];

/// Which of them, for their flags and their ways to write what is in memory to disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    /// Prometheus.
    Prometheus,
    /// VictoriaMetrics.
    VictoriaMetrics,
}

/// Starts `program` on an empty folder, loads W2, asks, and stops it.
pub fn measure(engine: Engine, program: &Path, plan: &Plan, work: &Path) -> anyhow::Result<Figures> {
    let folder = work.join("data");
    std::fs::create_dir_all(&folder).with_context(|| format!("make {}", folder.display()))?;
    let server = start(engine, program, work)?;
    let mut client = Client::to(server.endpoint.clone(), server.pid());
    let mut all = Collected::default();
    let before = process::settle(server.pid(), SETTLE_MAX)?;
    let sent = load(plan, &mut client)?;
    let cpu = process::settle(server.pid(), SETTLE_MAX)?.saturating_sub(before);
    all.add("metrics-in-bulk", sent.records as f64 / cpu.as_secs_f64());
    all.add("metrics-disk", stored(engine, &mut client, &server, &folder)? as f64 / sent.records as f64);
    questions(plan, &mut all, &mut client)?;
    all.add("rss-peak", process::memory_peak(server.pid())? as f64 / 1e6);
    let name = if engine == Engine::Prometheus { "Prometheus" } else { "VictoriaMetrics" };
    Ok(Figures { engine: name.into(), figures: all.figures })
}

fn start(engine: Engine, program: &Path, work: &Path) -> anyhow::Result<Running> {
    let (folder, config) = (work.join("data"), work.join("prometheus.yml"));
    std::fs::write(&config, "")?;
    run_on_free_port(program, &work.join("log"), "/api/v1/query?query=1", |address| match engine {
        Engine::Prometheus => vec![
            format!("--config.file={}", config.display()),
            format!("--storage.tsdb.path={}", folder.display()),
            "--storage.tsdb.retention.time=30d".into(),
            format!("--web.listen-address={address}"),
            "--web.enable-remote-write-receiver".into(),
            "--web.enable-admin-api".into(),
        ],
        Engine::VictoriaMetrics => vec![
            format!("-storageDataPath={}", folder.display()),
            "-retentionPeriod=3".into(),
            format!("-httpListenAddr={address}"),
            "-search.disableCache".into(),
        ],
    })
}

/// Bytes on disk without the write-ahead log: a snapshot of blocks, or the parts after a merge.
fn stored(engine: Engine, client: &mut Client, server: &Running, folder: &Path) -> anyhow::Result<u64> {
    if engine == Engine::Prometheus {
        client.send("POST", "/api/v1/admin/tsdb/snapshot", &[], &[])?;
        return Ok(process::bytes_on_disk(&folder.join("snapshots")));
    }
    client.send("GET", "/internal/force_flush", &[], &[])?;
    client.send("GET", "/internal/force_merge", &[], &[])?;
    process::settle(server.pid(), Duration::from_secs(60))?;
    Ok(process::bytes_on_disk(folder))
}

fn load(plan: &Plan, client: &mut Client) -> anyhow::Result<Sent> {
    let mut sent = Sent::default();
    for minute in Samples::new(plan) {
        for samples in minute.chunks(BODY_SAMPLES) {
            let answer = client.send("POST", "/api/v1/write", &REMOTE_WRITE, &remote_write(samples))?;
            if !(200..300).contains(&answer.status) {
                bail!("remote write: HTTP {}: {}", answer.status, String::from_utf8_lossy(&answer.body));
            }
            sent.records += samples.len() as u64;
        }
    }
    Ok(sent)
}

fn questions(plan: &Plan, all: &mut Collected, client: &mut Client) -> anyhow::Result<()> {
    let (from, to) = day(plan);
    let first = format!("{LATENCY}{{service=\"{}\",instance=\"{}\"}}", service(0), instance(0, 0));
    all.ask(client, "series-day", &mut |client| range(client, &first, (from, to - 60), 60, ""))?;
    // A step ends at the last of its five samples; a window of 299 s holds just these.
    let steps = (from + 240, to - 60);
    let averages = format!("avg_over_time({LATENCY}[299s])");
    all.ask(client, "series-1000", &mut |client| range(client, &averages, steps, 300, ""))?;
    let by_service = format!("avg by (service) ({averages})");
    all.ask(client, "avg-by-service", &mut |client| range(client, &by_service, steps, 300, " rows"))?;
    // PromQL has no quantile over the samples of many series: this is the one over the last sample of each.
    let quantile = format!("quantile(0.95, {LATENCY})");
    all.ask(client, "p95", &mut |client| range(client, &quantile, steps, 300, " rows"))?;
    let latest = format!("/api/v1/query?query={}&time={}", percent("{service!=\"\"}"), to - 60);
    all.ask(client, "latest", &mut |client| values(client, &latest, ""))
}

fn range(client: &mut Client, query: &str, (from, to): (i64, i64), step: u32, unit: &str) -> anyhow::Result<Asked> {
    let path = format!("/api/v1/query_range?query={}&start={from}&end={to}&step={step}&nocache=1", percent(query));
    values(client, &path, unit)
}

#[derive(Deserialize)]
struct Answer {
    data: Data,
}

#[derive(Deserialize)]
struct Data {
    result: Vec<Series>,
}

#[derive(Deserialize)]
struct Series {
    #[serde(default)]
    value: Option<IgnoredAny>,
    #[serde(default)]
    values: Vec<IgnoredAny>,
}

/// How many values the answer has.
fn values(client: &mut Client, path: &str, unit: &str) -> anyhow::Result<Asked> {
    let answer = client.send("GET", path, &[], &[])?;
    if answer.status != 200 {
        return Ok(Asked::Refused(format!("HTTP {}", answer.status)));
    }
    let answer: Answer = serde_json::from_slice(&answer.body)?;
    let count: usize = answer.data.result.iter().map(|s| s.values.len() + usize::from(s.value.is_some())).sum();
    Ok(Asked::Answer(format!("{count}{unit}")))
}

/// A WriteRequest of one sample for each series, as a snappy block of one literal.
pub(super) fn remote_write(samples: &[Datum]) -> Vec<u8> {
    let mut request = Vec::with_capacity(samples.len() * 110);
    for sample in samples {
        let mut series = Vec::with_capacity(110);
        for (name, value) in sample.labels() {
            let mut label = Vec::with_capacity(40);
            field(&mut label, 1, name.as_bytes());
            field(&mut label, 2, value.as_bytes());
            field(&mut series, 1, &label);
        }
        let mut point = vec![1 << 3 | 1];
        point.extend_from_slice(&sample.value().to_le_bytes());
        point.push(2 << 3);
        varint(&mut point, sample.seconds().unsigned_abs() * 1000);
        field(&mut series, 2, &point);
        field(&mut request, 1, &series);
    }
    let mut block = Vec::with_capacity(request.len() + 10);
    varint(&mut block, request.len() as u64);
    // A literal whose length less one follows in four bytes.
    block.push(63 << 2);
    block.extend_from_slice(&(request.len() as u32 - 1).to_le_bytes());
    block.extend_from_slice(&request);
    block
}

/// A length-delimited field of a protobuf message.
fn field(out: &mut Vec<u8>, number: u8, bytes: &[u8]) {
    out.push(number << 3 | 2);
    varint(out, bytes.len() as u64);
    out.extend_from_slice(bytes);
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_write_is_a_protobuf_message_in_a_snappy_literal() {
        let body = remote_write(&[Datum::new("M", "s".into(), "i".into(), 2, 1_500)]);
        let labels =
            b"\x0a\x0d\x0a\x08__name__\x12\x01M\x0a\x0d\x0a\x08instance\x12\x01i\x0a\x0c\x0a\x07service\x12\x01s";
        let point = b"\x12\x0c\x09\0\0\0\0\0\0\xf8\x3f\x10\xd0\x0f";
        let mut message = vec![0x0a, (labels.len() + point.len()) as u8];
        message.extend_from_slice(labels);
        message.extend_from_slice(point);
        let length = message.len() as u8;
        assert_eq!(body[..6], [length, 0xfc, length - 1, 0, 0, 0]);
        assert_eq!(body[6..], message);
    }
}
