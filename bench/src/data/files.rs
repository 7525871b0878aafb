//! The data as files: JSON lines and CSV for the peers, plain and gzip CloudTrail files for the import.

use super::{Plan, events, logs, metrics};
use anyhow::Context;
use flate2::{Compression, write::GzEncoder};
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

/// Which files to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Kind {
    /// W1.
    Logs,
    /// W2.
    Metrics,
    /// W3.
    Events,
}

#[derive(Serialize)]
struct LogLine<'a> {
    ts: i64,
    grp: &'a str,
    stream: &'a str,
    message: &'a str,
}

#[derive(Serialize)]
struct EventLine<'a> {
    ts: i64,
    record: &'a str,
}

fn create(path: &Path) -> anyhow::Result<BufWriter<File>> {
    let file = File::create(path).with_context(|| format!("write {}", path.display()))?;
    Ok(BufWriter::with_capacity(1 << 20, file))
}

/// Writes the files of one workload below `folder`, and `plan.json`.
pub fn write(plan: &Plan, kind: Kind, folder: &Path) -> anyhow::Result<()> {
    for part in ["cloudtrail", "records"] {
        std::fs::create_dir_all(folder.join(part)).with_context(|| format!("make {}", folder.display()))?;
    }
    std::fs::write(folder.join("plan.json"), serde_json::to_string(plan)?)?;
    match kind {
        Kind::Logs => write_logs(plan, folder),
        Kind::Metrics => write_metrics(plan, folder),
        Kind::Events => write_events(plan, folder),
    }
}

/// `logs.ndjson`: ts (milliseconds), grp, stream, message.
fn write_logs(plan: &Plan, folder: &Path) -> anyhow::Result<()> {
    let mut out = create(&folder.join("logs.ndjson"))?;
    for number in 0..logs::batches(plan) {
        let batch = logs::batch(plan, number);
        for (ts, message) in &batch.lines {
            let line = LogLine { ts: *ts, grp: batch.app.group(), stream: &batch.stream, message };
            serde_json::to_writer(&mut out, &line)?;
            out.write_all(b"\n")?;
        }
    }
    Ok(out.flush()?)
}

/// `metrics.csv`: name, service, instance, ts (seconds), value.
fn write_metrics(plan: &Plan, folder: &Path) -> anyhow::Result<()> {
    let mut out = create(&folder.join("metrics.csv"))?;
    for datum in metrics::Samples::new(plan).flatten() {
        datum.write_csv(&mut out)?;
    }
    Ok(out.flush()?)
}

/// `events.ndjson`: ts (milliseconds) and the record as text; `records/`: the records, one a line; `cloudtrail/`: the same in files
/// like CloudTrail's.
fn write_events(plan: &Plan, folder: &Path) -> anyhow::Result<()> {
    let mut out = create(&folder.join("events.ndjson"))?;
    for number in 0..events::pieces(plan) {
        let records = events::piece(plan, number);
        let path = folder.join(format!("cloudtrail/{number:05}.json.gz"));
        let mut lines = create(&folder.join(format!("records/{number:05}.json")))?;
        let mut file = GzEncoder::new(create(&path)?, Compression::fast());
        file.write_all(b"{\"Records\":[")?;
        for (index, record) in records.iter().enumerate() {
            serde_json::to_writer(&mut out, &EventLine { ts: record.time_ms, record: &record.json })?;
            out.write_all(b"\n")?;
            lines.write_all(record.json.as_bytes())?;
            lines.write_all(b"\n")?;
            file.write_all(if index == 0 { b"" } else { b"," })?;
            file.write_all(record.json.as_bytes())?;
        }
        file.write_all(b"]}")?;
        file.finish()?.flush()?;
        lines.flush()?;
    }
    Ok(out.flush()?)
}
