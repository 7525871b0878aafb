//! Many alarms, and many expressions at once: what a minute of evaluation costs, and how long 500 queries take.

use super::ask::Client;
use super::load;
use crate::process;
use crate::server::Server;
use crate::workloads;
use serde_json::{Value, json};
use std::path::Path;
use std::time::{Duration, Instant};

/// Series that alarms and expressions are over.
const SERIES: u64 = 1000;
/// Services that they belong to.
const SERVICES: u64 = 50;
/// Datums in a call.
const DATUMS: u64 = 1000;
/// Queries in a call of GetMetricData.
const QUERIES: u64 = 500;
/// How often they are asked.
const ASKED: usize = 100;
/// Minutes of evaluation that are watched.
const MINUTES: usize = 3;
const NAMESPACE: &str = "Bench/Alarms";

/// Puts a day of 1,000 series and `alarms` alarms on them, and watches the server; answers a Markdown table.
pub fn measure(binary: &Path, work: &Path, alarms: u64, connections: usize) -> anyhow::Result<String> {
    let dir = work.join("alarms");
    let _ = std::fs::remove_dir_all(&dir);
    let server = Server::start(binary, &dir, &work.join("server.log"))?;
    let now = jiff::Timestamp::now().as_second() / 60 * 60;
    let mut rows = Vec::new();
    eprintln!("a day of {SERIES} series ...");
    load::send(&server, connections, 1440, |minute| vec![datums(now - 60 * (1440 - minute as i64), minute)])?;
    let (median, p99, cpu) = expressions(&server, now)?;
    rows.push(format!("| GetMetricData: {QUERIES} queries (50 searches, 450 expressions over them), {SERIES} series x 1 day at 5 min | {median:.0} ms median, {p99:.0} ms p99, {cpu:.0} ms CPU |"));
    eprintln!("{alarms} alarms ...");
    let began = Instant::now();
    load::send(&server, connections.max(16), alarms, |number| vec![alarm(number)])?;
    rows.push(format!(
        "| PutMetricAlarm, {} connections | {:.0} calls/s |",
        connections.max(16),
        alarms as f64 / began.elapsed().as_secs_f64()
    ));
    let mut evaluating = Vec::new();
    for minute in 0..MINUTES {
        wait_for_minute();
        let at = jiff::Timestamp::now().as_second() / 60 * 60 - 60;
        load::send(&server, 1, 1, |_| vec![datums(at, minute as u64)])?;
        evaluating.push(watch(&server)?);
    }
    evaluating.sort_by_key(|minute| minute.0);
    let (cpu, busy) = evaluating[evaluating.len() / 2];
    rows.push(format!("| {alarms} alarms of one minute, evaluated: CPU a minute | {:.1} s |", cpu.as_secs_f64()));
    rows.push(format!("| the same: from the full minute to the last evaluation | {:.1} s |", busy.as_secs_f64()));
    rows.push(format!("| memory (RSS) | {:.0} MB |", process::memory_resident(server.pid())? as f64 / 1e6));
    let ended = server.stop()?;
    rows.push(format!("| memory, largest | {:.0} MB |", ended.memory_peak as f64 / 1e6));
    let _ = std::fs::remove_dir_all(&dir);
    Ok(format!("| what | figure |\n| --- | --- |\n{}\n", rows.join("\n")))
}

fn dimensions(series: u64) -> Value {
    json!([
        { "Name": "InstanceId", "Value": format!("i-{series:06}") },
        { "Name": "Service", "Value": format!("service-{:02}", series % SERVICES) },
    ])
}

fn datums(at: i64, minute: u64) -> workloads::Call {
    let datum = |series: u64| {
        let value = (series * 7 + minute * 13) % 97;
        json!({ "MetricName": "Latency", "Timestamp": at, "Value": value, "Dimensions": dimensions(series) })
    };
    let data: Vec<Value> = (0..SERIES.min(DATUMS)).map(datum).collect();
    workloads::cloudwatch_json(
        "PutMetricData",
        json!({ "Namespace": NAMESPACE, "MetricData": data }).to_string().into_bytes(),
    )
}

/// Most alarms stay as they are; one in a thousand changes with its data.
fn alarm(number: u64) -> workloads::Call {
    let threshold = if number.is_multiple_of(1000) { 50.0 } else { 1000.0 };
    let alarm = json!({
        "AlarmName": format!("alarm-{number:06}"), "Namespace": NAMESPACE, "MetricName": "Latency", "Statistic": "Average",
        "Dimensions": dimensions(number % SERIES), "Period": 60, "EvaluationPeriods": 3, "DatapointsToAlarm": 2,
        "Threshold": threshold, "ComparisonOperator": "GreaterThanThreshold",
    });
    workloads::cloudwatch_json("PutMetricAlarm", alarm.to_string().into_bytes())
}

/// Median and 99th percentile, and CPU of a call, milliseconds.
fn expressions(server: &Server, now: i64) -> anyhow::Result<(f64, f64, f64)> {
    let mut queries = Vec::new();
    for service in 0..SERVICES {
        let search = format!(
            "SEARCH('{{{NAMESPACE},InstanceId,Service}} MetricName=\"Latency\" Service=\"service-{service:02}\"', 'Average', 300)"
        );
        queries.push(json!({ "Id": format!("s{service}"), "Expression": search, "ReturnData": false }));
    }
    for number in 0..QUERIES - SERVICES {
        let of = number % SERVICES;
        let expression = match number / SERVICES % 3 {
            0 => format!("AVG(s{of})"),
            1 => format!("MAX(s{of}) - MIN(s{of})"),
            _ => format!("IF(AVG(s{of}) > 40, SUM(s{of}) / METRIC_COUNT(s{of}), 0)"),
        };
        queries.push(json!({ "Id": format!("e{number}"), "Expression": expression }));
    }
    let body = json!({ "StartTime": now - 86_400, "EndTime": now, "MetricDataQueries": queries }).to_string();
    let mut client = Client::new(server);
    let mut times = Vec::with_capacity(ASKED);
    let call = workloads::cloudwatch_json("GetMetricData", body.into_bytes());
    load::send_one(&mut client, &call)?;
    let before = process::cpu(server.pid())?;
    for _ in 0..ASKED {
        let began = Instant::now();
        load::send_one(&mut client, &call)?;
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    let cpu = process::cpu(server.pid())?.saturating_sub(before).as_secs_f64() * 1000.0 / ASKED as f64;
    times.sort_by(f64::total_cmp);
    Ok((times[ASKED / 2], times[ASKED * 99 / 100 - 1], cpu))
}

fn wait_for_minute() {
    let millis = jiff::Timestamp::now().as_millisecond();
    std::thread::sleep(Duration::from_millis((60_000 - millis.rem_euclid(60_000)) as u64));
}

/// CPU of the 55 seconds after a full minute, and when the server last worked for most of a second.
fn watch(server: &Server) -> anyhow::Result<(Duration, Duration)> {
    let step = Duration::from_millis(500);
    let began = Instant::now();
    let first = process::cpu(server.pid())?;
    let (mut before, mut busy) = (first, Duration::ZERO);
    while began.elapsed() < Duration::from_secs(55) {
        std::thread::sleep(step);
        let after = process::cpu(server.pid())?;
        if after.saturating_sub(before) > step / 5 {
            busy = began.elapsed();
        }
        before = after;
    }
    Ok((before.saturating_sub(first), busy))
}
