//! W2: PutMetricData in each protocol, remote write, then a series, many series, and what SQL asks of a metric.

use super::ask::{Asked, Client, counted, day, sql_between};
use super::load::{self, Sent};
use super::promql;
use super::{Collected, Run, SETTLE_MAX, remove, start_loaded};
use crate::bodies::Datum;
use crate::data::metrics::{LATENCY, MINUTES, NAMESPACE, SERVICES, Samples, instance, instances, service};
use crate::process;
use crate::server::Server;
use crate::workloads::{self, Call};
use serde::Deserialize;
use std::sync::Mutex;

/// Datums in a call, which is also AWS's limit.
const DATUMS: usize = 1_000;
/// Most queries in a GetMetricData.
const QUERIES: usize = 500;

type Encode = fn(&str, &[Datum]) -> (Call, u64);
/// Protocols and the part of the day that each brings in; the last brings the rest.
const PROTOCOLS: [(&str, Encode, u64); 3] = [
    ("metrics-in-query", workloads::query, MINUTES / 20),
    ("metrics-in-json", workloads::json, MINUTES / 10),
    ("metrics-in-cbor", workloads::cbor, MINUTES - MINUTES / 20 - MINUTES / 10),
];

pub(super) fn measure(run: &Run, all: &mut Collected) -> anyhow::Result<()> {
    in_bulk(run, all)?;
    let server = run.start("metrics")?;
    let mut samples = Samples::new(&run.plan);
    let mut records = 0;
    for (name, encode, minutes) in PROTOCOLS {
        let before = process::settle(server.pid(), SETTLE_MAX)?;
        let sent = load(run, &server, &mut samples, minutes, encode)?;
        let cpu = process::settle(server.pid(), SETTLE_MAX)?.saturating_sub(before);
        all.add(name, sent.records as f64 / DATUMS as f64 / cpu.as_secs_f64());
        records += sent.records;
    }
    let ended = all.ended(server.stop()?);
    all.add("metrics-load-cpu-s", ended.cpu.as_secs_f64());
    let (server, mut client) = start_loaded(run, "metrics")?;
    all.add("metrics-disk", run.disk("metrics") / records as f64);
    questions(run, all, &mut client)?;
    all.ended(server.stop()?);
    remove(&run.dir("metrics"));
    Ok(())
}

/// Some of the day by remote write, into a server of its own: W2 has its samples once.
fn in_bulk(run: &Run, all: &mut Collected) -> anyhow::Result<()> {
    let server = run.start("bulk")?;
    let samples = Mutex::new(Samples::new(&run.plan));
    let before = process::settle(server.pid(), SETTLE_MAX)?;
    let sent = load::send(&server, run.connections, MINUTES / 5, |_| {
        let minute = samples.lock().ok().and_then(|mut samples| samples.next()).unwrap_or_default();
        minute.chunks(promql::BODY_SAMPLES).map(bulk).collect()
    })?;
    let cpu = process::settle(server.pid(), SETTLE_MAX)?.saturating_sub(before);
    all.add("metrics-in-bulk", sent.records as f64 / cpu.as_secs_f64());
    all.ended(server.stop()?);
    remove(&run.dir("bulk"));
    Ok(())
}

fn bulk(samples: &[Datum]) -> Call {
    let body = promql::remote_write(samples);
    Call {
        service: "monitoring",
        path: "/api/v1/write",
        headers: promql::REMOTE_WRITE.map(|(name, value)| (name, value.to_owned())).into(),
        records: samples.len() as u64,
        bytes: body.len() as u64,
        body,
    }
}

/// Sends the next `minutes`, made one at a time while the other connections send.
fn load(run: &Run, server: &Server, samples: &mut Samples, minutes: u64, encode: Encode) -> anyhow::Result<Sent> {
    let samples = Mutex::new(samples);
    load::send(server, run.connections, minutes, |_| {
        let minute = samples.lock().ok().and_then(|mut samples| samples.next()).unwrap_or_default();
        let call = |datums: &[Datum]| {
            let (mut call, bytes) = encode(NAMESPACE, datums);
            (call.records, call.bytes) = (datums.len() as u64, bytes);
            call
        };
        minute.chunks(DATUMS).map(call).collect()
    })
}

fn questions(run: &Run, all: &mut Collected, client: &mut Client) -> anyhow::Result<()> {
    let plan = &run.plan;
    let (from, to) = day(plan);
    let latencies: Vec<(u64, u64)> =
        (0..SERVICES).flat_map(|service| (0..instances(plan)).map(move |replica| (service, replica))).collect();
    let one = get(&latencies[..1], 60, (from, to));
    all.ask(client, "series-day", &mut |client| values(client, &one))?;
    let many = get(&latencies, 300, (from, to));
    all.ask(client, "series-1000", &mut |client| values(client, &many))?;
    let newest = sql_between("timestamp", to - 60, to);
    all.ask(client, "latest", &mut |client| {
        let select = "SELECT name, dimensions, value FROM metrics_latest";
        Ok(match client.sql(&format!("{select} WHERE namespace = '{NAMESPACE}' AND {newest}"))? {
            Asked::Answer(rows) => Asked::Answer(rows.trim_end_matches(" rows").to_owned()),
            refused => refused,
        })
    })?;
    let during = sql_between("timestamp", from, to);
    let these = format!("WHERE namespace = '{NAMESPACE}' AND name = '{LATENCY}' AND {during}");
    let by_service = serde_json::json!({
        "Id": "average",
        "Period": 300,
        "Expression": format!("SELECT AVG(\"{LATENCY}\") FROM SCHEMA(\"{NAMESPACE}\", InstanceId, Service) GROUP BY Service"),
    });
    let by_service = [serde_json::json!({"StartTime": from, "EndTime": to, "MetricDataQueries": [by_service]})];
    all.ask(client, "avg-by-service", &mut |client| {
        // The peers' answers are rows.
        Ok(match values(client, &by_service)? {
            Asked::Answer(count) => Asked::Answer(format!("{count} rows")),
            refused => refused,
        })
    })?;
    all.ask(client, "avg-by-service-sql", &mut |client| {
        client.sql(&format!(
            "SELECT json_extract_scalar(dimensions, '$.Service') AS service, timestamp, sum(sum) / sum(sample_count) AS v FROM metric_periods(300) {these} GROUP BY 1, 2"
        ))
    })?;
    all.ask(client, "p95", &mut |client| {
        client.sql(&format!(
            "SELECT date_bin(INTERVAL '5 minutes', timestamp) AS t, percentile_cont(0.95) WITHIN GROUP (ORDER BY value) AS v FROM metrics {these} GROUP BY 1"
        ))
    })
}

/// GetMetricData calls for the latency of each instance.
fn get(of: &[(u64, u64)], period: u32, (from, to): (i64, i64)) -> Vec<serde_json::Value> {
    let named = of.iter().map(|(number, replica)| (service(*number), instance(*number, *replica)));
    let queries: Vec<serde_json::Value> = named
        .enumerate()
        .map(|(index, (service, instance))| {
            let dimensions = [("Service", service), ("InstanceId", instance)]
                .map(|(name, value)| serde_json::json!({"Name": name, "Value": value}));
            let metric = serde_json::json!({"Namespace": NAMESPACE, "MetricName": LATENCY, "Dimensions": dimensions});
            let stat = serde_json::json!({"Metric": metric, "Period": period, "Stat": "Average"});
            serde_json::json!({"Id": format!("m{index}"), "MetricStat": stat})
        })
        .collect();
    let call = |queries: &[serde_json::Value]| serde_json::json!({"StartTime": from, "EndTime": to, "MetricDataQueries": queries});
    queries.chunks(QUERIES).map(call).collect()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricPage {
    metric_data_results: Vec<MetricResult>,
    next_token: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct MetricResult {
    values: Vec<f64>,
}

/// How many values all calls and their pages give.
fn values(client: &mut Client, calls: &[serde_json::Value]) -> anyhow::Result<Asked> {
    let mut total = 0;
    for call in calls {
        let page = |token: Option<&str>| {
            let mut body = call.clone();
            if let Some(token) = token {
                body["NextToken"] = token.into();
            }
            workloads::cloudwatch_json("GetMetricData", body.to_string().into_bytes())
        };
        let read = |page: MetricPage| {
            (page.metric_data_results.iter().map(|result| result.values.len() as u64).sum(), page.next_token)
        };
        match client.pages(page, read)? {
            Ok(count) => total += count,
            refused => return Ok(counted(refused)),
        }
    }
    Ok(counted(Ok(total)))
}
