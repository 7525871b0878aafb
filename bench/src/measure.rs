//! Runs one workload against one server: load, one call to see that it is served and right, then the measured calls.

use crate::bodies::Random;
use crate::http::{Answer, Connection, Endpoint};
use crate::process;
use crate::report::{Measured, Outcome, WorkloadResult};
use crate::sign::{self, Key};
use crate::workloads::{Call, Prepared, Workload};
use anyhow::{Context, bail};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How long a server may go on working after its last answer, to be counted for the workload that caused it.
const SETTLE_MAX: Duration = Duration::from_secs(10);

/// The server, or the nodes of a cluster, and how hard to drive them.
#[derive(Debug)]
pub struct Target {
    /// Where they listen; connections are spread over them. What comes before the measured calls goes to the first.
    pub endpoints: Vec<Endpoint>,
    /// Key to sign with.
    pub key: Key,
    /// Their processes.
    pub pids: Vec<u32>,
    /// Its data, if on disk.
    pub data_dir: Option<PathBuf>,
    /// Connections at once.
    pub connections: usize,
    /// No call begins later than this.
    pub time_max: Duration,
    /// Most calls.
    pub calls_max: u64,
}

impl Target {
    fn first(&self) -> anyhow::Result<&Endpoint> {
        self.endpoints.first().context("no endpoint")
    }

    /// The CPU time of all processes once they are idle.
    fn settle(&self) -> anyhow::Result<Duration> {
        for pid in &self.pids {
            process::settle(*pid, SETTLE_MAX)?;
        }
        self.pids.iter().map(|pid| process::cpu(*pid)).sum()
    }
}

/// Measures `workload`. A refusal or a wrong answer is a result; only a server that is gone is an error.
pub fn measure(target: &Target, workload: &Workload, seed: u64) -> anyhow::Result<WorkloadResult> {
    let now = jiff::Timestamp::now();
    let prepared = (workload.prepare)(Random::new(seed), now.as_millisecond());
    let outcome = match probe(target, &prepared)? {
        Some(refusal) => Outcome::NotServed(refusal),
        None => Outcome::Measured(drive(target, &prepared)?),
    };
    Ok(WorkloadResult { name: workload.name.into(), outcome })
}

/// Loads, then makes one call. Answers why the workload cannot be measured, if it cannot.
fn probe(target: &Target, prepared: &Prepared) -> anyhow::Result<Option<String>> {
    let endpoint = target.first()?;
    let mut connection = Connection::new(endpoint);
    for call in &prepared.load {
        connection.call(&signed(endpoint, &target.key, call)).context("load")?;
    }
    let call = prepared.calls.first().context("a workload without calls")?;
    let answer = connection.call(&signed(endpoint, &target.key, call))?;
    if !(200..300).contains(&answer.status) {
        let said: String = String::from_utf8_lossy(&answer.body).chars().take(300).collect();
        eprintln!("  refused with HTTP {}: {said}", answer.status);
        return Ok(Some(format!("HTTP {}", answer.status)));
    }
    let Some((text, wanted)) = prepared.expected else { return Ok(None) };
    let found = String::from_utf8_lossy(&answer.body).matches(text).count();
    Ok((found != wanted).then(|| format!("wrong answer: {found} {text}, not {wanted}")))
}

fn drive(target: &Target, prepared: &Prepared) -> anyhow::Result<Measured> {
    let signed_for = |endpoint| prepared.calls.iter().map(|call| signed(endpoint, &target.key, call)).collect();
    let requests: Vec<Vec<Vec<u8>>> = target.endpoints.iter().map(signed_for).collect();
    let cpu_before = target.settle()?;
    let next = AtomicU64::new(0);
    let started = Instant::now();
    let done: Vec<Done> = std::thread::scope(|scope| {
        let sides = target.endpoints.iter().zip(&requests).cycle().take(target.connections);
        let next = &next;
        let threads: Vec<_> =
            sides.map(|side| scope.spawn(move || call_until_done(target, prepared, side, next, started))).collect();
        threads
            .into_iter()
            .map(|t| t.join().unwrap_or_else(|_| bail!("a client thread failed")))
            .collect::<anyhow::Result<_>>()
    })?;
    let seconds = started.elapsed().as_secs_f64();
    let cpu = target.settle()?.saturating_sub(cpu_before);
    let mut latencies: Vec<f64> = done.iter().flat_map(|d| d.latencies_ms.iter().copied()).collect();
    latencies.sort_by(f64::total_cmp);
    let calls = latencies.len() as u64;
    Ok(Measured {
        calls,
        errors: done.iter().map(|d| d.errors).sum(),
        seconds,
        records: done.iter().map(|d| d.records).sum(),
        bytes: done.iter().map(|d| d.bytes).sum(),
        cpu_seconds: cpu.as_secs_f64(),
        p50_ms: percentile(&latencies, 0.50),
        p99_ms: percentile(&latencies, 0.99),
        memory_peak_bytes: target.pids.iter().map(|pid| process::memory_peak(*pid)).sum::<anyhow::Result<u64>>()?,
        disk_bytes: target.data_dir.as_deref().map(process::bytes_on_disk),
    })
}

/// What one connection did.
#[derive(Debug, Default)]
struct Done {
    latencies_ms: Vec<f64>,
    errors: u64,
    records: u64,
    bytes: u64,
}

fn call_until_done(
    target: &Target,
    prepared: &Prepared,
    (endpoint, requests): (&Endpoint, &Vec<Vec<u8>>),
    next: &AtomicU64,
    started: Instant,
) -> anyhow::Result<Done> {
    let mut connection = Connection::new(endpoint);
    let mut done = Done::default();
    while started.elapsed() < target.time_max {
        let number = next.fetch_add(1, Ordering::Relaxed);
        if number >= target.calls_max {
            break;
        }
        let index = (number % requests.len() as u64) as usize;
        let began = Instant::now();
        let Answer { status, body } = connection.call(&requests[index])?;
        done.latencies_ms.push(began.elapsed().as_secs_f64() * 1000.0);
        let call = &prepared.calls[index];
        if (200..300).contains(&status) {
            done.records += call.records;
            done.bytes += if call.bytes > 0 { call.bytes } else { body.len() as u64 };
        } else {
            done.errors += 1;
        }
    }
    Ok(done)
}

/// The value below which `share` of the sorted `values` lie; 0 without values.
fn percentile(values: &[f64], share: f64) -> f64 {
    let rank = (values.len() as f64 * share).ceil() as usize;
    values.get(rank.saturating_sub(1)).copied().unwrap_or(0.0)
}

/// The whole request as bytes. A signature is good for five minutes, longer than a workload lasts.
pub fn signed(endpoint: &Endpoint, key: &Key, call: &Call) -> Vec<u8> {
    let date = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ").to_string();
    let host = &endpoint.host;
    let authorization = sign::authorization(key, call.service, host, call.path, &date, &call.headers, &call.body);
    let mut head = format!(
        "POST {} HTTP/1.1\r\nhost: {host}\r\nx-amz-date: {date}\r\nauthorization: {authorization}\r\ncontent-length: {}\r\n",
        call.path,
        call.body.len()
    );
    for (name, value) in &call.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let mut request = head.into_bytes();
    request.extend_from_slice(&call.body);
    request
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_occurred() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!((percentile(&values, 0.5), percentile(&values, 0.99)), (50.0, 99.0));
        assert_eq!(percentile(&values[..1], 0.99), 1.0);
        assert_eq!(percentile(&[], 0.99), 0.0);
    }
}
