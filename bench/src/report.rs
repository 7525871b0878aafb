//! The results as JSON, as a Markdown table, and as a table of two servers with ratios.

use serde::{Deserialize, Serialize};
use std::fmt::Write as _;

/// All results of one server.
#[derive(Debug, Serialize, Deserialize)]
pub struct Report {
    /// Name of the server.
    pub server: String,
    /// One for each workload, in order.
    pub results: Vec<WorkloadResult>,
}

/// One workload's result.
#[derive(Debug, Serialize, Deserialize)]
pub struct WorkloadResult {
    /// Name of the workload.
    pub name: String,
    /// What came of it.
    pub outcome: Outcome,
}

/// What came of a workload.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Numbers.
    Measured(Measured),
    /// The server refused the call or answered it wrongly; says how.
    NotServed(String),
}

/// The numbers of one workload. Rates follow from them.
#[derive(Debug, Serialize, Deserialize)]
pub struct Measured {
    /// Calls answered.
    pub calls: u64,
    /// Of these, answered with an error.
    pub errors: u64,
    /// Wall time from the first call to the last answer.
    pub seconds: f64,
    /// Log events or datums written.
    pub records: u64,
    /// Useful bytes: message text of logs, uncompressed bodies of metrics, answers of reads.
    pub bytes: u64,
    /// The server's CPU time, until it was idle again.
    pub cpu_seconds: f64,
    /// Median latency.
    pub p50_ms: f64,
    /// 99th percentile of the latency.
    pub p99_ms: f64,
    /// Largest resident memory of the server so far.
    pub memory_peak_bytes: u64,
    /// Bytes below the data directory afterwards.
    pub disk_bytes: Option<u64>,
}

impl Measured {
    fn calls_per_second(&self) -> f64 {
        per(self.calls as f64, self.seconds)
    }

    fn cpu_ms_per_call(&self) -> f64 {
        per(self.cpu_seconds * 1000.0, self.calls as f64)
    }
}

/// One server's table.
pub fn table(report: &Report) -> String {
    let mut text = format!(
        "| {} | calls | calls/s | records/s | MB/s | CPU ms/call | records/CPU s | MB/CPU s | p50 ms | p99 ms | peak RSS MB | disk MB |\n\
         | --- | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |\n",
        report.server
    );
    for result in &report.results {
        let _ = match &result.outcome {
            Outcome::NotServed(why) => writeln!(text, "| {} | not served ({why}) | | | | | | | | | | |", result.name),
            Outcome::Measured(m) => writeln!(
                text,
                "| {} | {}{} | {} | {} | {} | {} | {} | {} | {} | {} | {} | {} |",
                result.name,
                m.calls,
                if m.errors > 0 { format!(" ({} errors)", m.errors) } else { String::new() },
                number(m.calls_per_second()),
                number(per(m.records as f64, m.seconds)),
                number(per(m.bytes as f64 / 1e6, m.seconds)),
                number(m.cpu_ms_per_call()),
                number(per(m.records as f64, m.cpu_seconds)),
                number(per(m.bytes as f64 / 1e6, m.cpu_seconds)),
                number(m.p50_ms),
                number(m.p99_ms),
                number(m.memory_peak_bytes as f64 / 1e6),
                m.disk_bytes.map_or(String::new(), |bytes| number(bytes as f64 / 1e6)),
            ),
        };
    }
    text
}

/// Both servers beside each other, and how many times better the first is.
pub fn comparison(ours: &Report, peer: &Report) -> String {
    let (a, b) = (&ours.server, &peer.server);
    let mut text = format!(
        "| call | {a} calls/s | {b} calls/s | times | {a} CPU ms/call | {b} CPU ms/call | times | {a} p50 / p99 ms | {b} p50 / p99 ms |\n\
         | --- | --: | --: | --: | --: | --: | --: | --: | --: |\n"
    );
    for result in &ours.results {
        let other = peer.results.iter().find(|r| r.name == result.name).map(|r| &r.outcome);
        let [ours, theirs] = [Some(&result.outcome), other].map(columns);
        let times = |f: fn(&Measured) -> f64, invert: bool| match (&result.outcome, other) {
            (Outcome::Measured(m), Some(Outcome::Measured(n))) if invert => format!("{}x", number(per(f(n), f(m)))),
            (Outcome::Measured(m), Some(Outcome::Measured(n))) => format!("{}x", number(per(f(m), f(n)))),
            _ => String::new(),
        };
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} | {} | {} |",
            result.name,
            ours[0],
            theirs[0],
            times(Measured::calls_per_second, false),
            ours[1],
            theirs[1],
            times(Measured::cpu_ms_per_call, true),
            ours[2],
            theirs[2],
        );
    }
    let _ = writeln!(
        text,
        "\nPeak memory: {}. Data on disk: {}.",
        totals(&[ours, peer], memory),
        totals(&[ours, peer], disk)
    );
    text
}

fn columns(outcome: Option<&Outcome>) -> [String; 3] {
    match outcome {
        Some(Outcome::Measured(m)) => [
            format!("{}{}", number(m.calls_per_second()), if m.errors > 0 { " (errors!)" } else { "" }),
            number(m.cpu_ms_per_call()),
            format!("{} / {}", number(m.p50_ms), number(m.p99_ms)),
        ],
        Some(Outcome::NotServed(why)) => [format!("not served ({why})"), String::new(), String::new()],
        None => ["not run".into(), String::new(), String::new()],
    }
}

fn totals(reports: &[&Report], total: fn(&Measured) -> Option<u64>) -> String {
    let text = |report: &&Report| {
        let largest = report
            .results
            .iter()
            .filter_map(|r| match &r.outcome {
                Outcome::Measured(m) => total(m),
                Outcome::NotServed(_) => None,
            })
            .max();
        largest.map(|bytes| format!("{} {} MB", report.server, number(bytes as f64 / 1e6)))
    };
    reports.iter().filter_map(text).collect::<Vec<_>>().join(", ")
}

fn memory(measured: &Measured) -> Option<u64> {
    Some(measured.memory_peak_bytes)
}

fn disk(measured: &Measured) -> Option<u64> {
    measured.disk_bytes
}

/// `a / b`, 0 where there is no b.
fn per(a: f64, b: f64) -> f64 {
    if b > 0.0 { a / b } else { 0.0 }
}

/// Three significant digits, thousands separated: 0.21, 4.68, 24.5, 313, 35,700.
pub fn number(value: f64) -> String {
    if value == 0.0 {
        return "0".into();
    }
    let digits = (2 - value.abs().log10().floor() as i32).clamp(0, 4) as usize;
    if digits > 0 {
        return format!("{value:.digits$}");
    }
    let plain = format!("{value:.0}");
    let mut text = String::new();
    for (index, digit) in plain.chars().enumerate() {
        if index > 0 && (plain.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(calls: u64, cpu_seconds: f64) -> Outcome {
        Outcome::Measured(Measured {
            calls,
            errors: 0,
            seconds: 1.0,
            records: 0,
            bytes: 0,
            cpu_seconds,
            p50_ms: 1.0,
            p99_ms: 2.0,
            memory_peak_bytes: 1_000_000,
            disk_bytes: None,
        })
    }

    fn report(server: &str, outcome: Outcome) -> Report {
        Report { server: server.into(), results: vec![WorkloadResult { name: "put".into(), outcome }] }
    }

    #[test]
    fn ratios_say_how_many_times_better_we_are() {
        let text = comparison(&report("a", measured(200, 0.1)), &report("b", measured(10, 1.0)));
        assert!(
            text.contains("| put | 200 | 10.0 | 20.0x | 0.500 | 100 | 200x | 1.00 / 2.00 | 1.00 / 2.00 |"),
            "{text}"
        );
    }

    #[test]
    fn what_a_peer_refuses_is_said() {
        let text = comparison(&report("a", measured(200, 0.1)), &report("b", Outcome::NotServed("HTTP 404".into())));
        assert!(text.contains("| 200 | not served (HTTP 404) |  |"), "{text}");
    }

    #[test]
    fn numbers_have_three_digits() {
        assert_eq!(
            [0.2137, 4.68, 313.2, 35_712.0, 1_234_567.0].map(number),
            ["0.214", "4.68", "313", "35,712", "1,234,567"]
        );
    }
}
