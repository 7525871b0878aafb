//! The lines of the store benchmark: what is measured, in which unit, and what we mean to reach.

/// Which direction is good.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Better {
    /// A rate.
    More,
    /// A time or a size.
    Less,
}

/// One line.
#[derive(Debug)]
pub struct Bar {
    /// As the JSON and `--only` have it.
    pub name: &'static str,
    /// As the table has it.
    pub what: &'static str,
    /// Of the value; for times the CPU milliseconds of the server stand in parentheses.
    pub unit: &'static str,
    /// Which direction is good.
    pub better: Better,
    /// What is to be reached.
    pub bar: Option<f64>,
    /// What would be better still.
    pub stretch: Option<f64>,
}

const fn rate(name: &'static str, what: &'static str, unit: &'static str, bar: f64, stretch: f64) -> Bar {
    Bar { name, what, unit, better: Better::More, bar: Some(bar), stretch: Some(stretch) }
}

const fn size(name: &'static str, what: &'static str, unit: &'static str, bar: f64, stretch: f64) -> Bar {
    Bar { name, what, unit, better: Better::Less, bar: Some(bar), stretch: Some(stretch) }
}

const fn time(name: &'static str, what: &'static str, bar: f64, stretch: f64) -> Bar {
    size(name, what, "ms (CPU ms)", bar, stretch)
}

const fn other(name: &'static str, what: &'static str, unit: &'static str) -> Bar {
    Bar { name, what, unit, better: Better::Less, bar: None, stretch: None }
}

/// All of them, in the order of the table. Sizes are brought to full scale, times are not.
pub const BARS: &[Bar] = &[
    rate("logs-in", "log text in, ~1 MB a call", "MB / CPU s", 60.0, 100.0),
    rate("logs-in-100", "the same, 100 lines a call", "MB / CPU s", 40.0, 60.0),
    size("logs-disk", "W1 on disk (499 MB of text)", "MB", 100.0, 60.0),
    time("needle", "needle: an identifier in 3 of 2 M lines", 15.0, 5.0),
    time("phrase", "phrase: lines counted (SQL)", 150.0, 80.0),
    other("phrase-list", "the same lines with their texts (FilterLogEvents)", "ms (CPU ms)"),
    time("status-text", "status per minute, from access lines (SQL)", 230.0, 120.0),
    time("status-field", "status per minute, from JSON fields (SQL)", 80.0, 30.0),
    time("regex-literal", "regex with a literal, over everything", 800.0, 300.0),
    time("regex", "regex of digits only, over everything", 800.0, 300.0),
    time("tail", "last 100 lines of a stream", 5.0, 2.0),
    time("insights-status", "Logs Insights: status per minute, from JSON fields", 150.0, 60.0),
    time("insights-top", "Logs Insights: top 10 paths, parsed from access lines", 700.0, 300.0),
    other("insights-phrase", "Logs Insights: lines with the phrase, counted", "ms (CPU ms)"),
    time("insights-regex", "Logs Insights: lines that match a regex of digits, counted", 1_000.0, 400.0),
    time("insights-pattern", "Logs Insights: patterns of a group's lines", 2_000.0, 800.0),
    rate("metrics-in-cbor", "PutMetricData, 1,000 datums, CBOR", "calls / CPU s", 500.0, 1_000.0),
    rate("metrics-in-json", "PutMetricData, 1,000 datums, JSON", "calls / CPU s", 500.0, 1_000.0),
    rate("metrics-in-query", "PutMetricData, 1,000 datums, form", "calls / CPU s", 250.0, 500.0),
    rate("metrics-in-bulk", "samples in by remote write or the engine's own bulk door", "samples / CPU s", 1e6, 1.5e6),
    size("metrics-disk", "W2 on disk", "bytes / sample", 2.0, 1.5),
    time("series-day", "one series, one day at 60 s", 2.0, 1.0),
    other("series-1000", "averages of each of 1,000 series at 5 min (GetMetricData)", "ms (CPU ms)"),
    time("avg-by-service", "average by service over 1,000 series at 5 min (GetMetricData)", 30.0, 10.0),
    other("avg-by-service-sql", "the same as SQL", "ms (CPU ms)"),
    time("p95", "p95 over the same 1,000 series at 5 min", 70.0, 30.0),
    time("latest", "latest value of all 10,000 series", 20.0, 5.0),
    rate("events-in", "audit events in (import of plain JSON)", "events / CPU s", 80_000.0, 110_000.0),
    Bar { better: Better::More, ..other("events-in-gzip", "the same from gzip files", "events / CPU s") },
    size("events-disk", "W3 on disk (1,300 MB of records)", "MB", 135.0, 90.0),
    time("lookup-key", "events of a rare access key", 5.0, 2.0),
    time("lookup-user", "newest 50 events of a user", 15.0, 5.0),
    time("lookup-name", "newest 50 events of a name in 2 hours", 5.0, 2.0),
    time("free-text", "text anywhere in the records, counted (SQL)", 300.0, 50.0),
    Bar {
        better: Better::More,
        ..other("lake-in", "CloudTrail Lake: StartImport of W3 from gzip files", "events / CPU s")
    },
    other("lake-names", "Lake: the ten most frequent calls", "ms (CPU ms)"),
    other("lake-errors", "Lake: errors by code and service", "ms (CPU ms)"),
    other("lake-hours", "Lake: calls by hour and service", "ms (CPU ms)"),
    other("lake-parameters", "Lake: calls by a request parameter", "ms (CPU ms)"),
    other("lake-mfa", "Lake: users that signed in without MFA", "ms (CPU ms)"),
    other("proof-one", "evidence of one event in 1 M", "ms (CPU ms)"),
    other("proof-bundle", "evidence of 100 events in 1 M", "ms (CPU ms)"),
    other("proof-consistency", "proof that a tree of 1 M events begins with that of a third", "ms (CPU ms)"),
    other("proof-verify", "an event of a bundle verified", "µs"),
    size("proof-verify-simulated", "a proof in a tree of 10^8 events verified", "µs", 1_000.0, 100.0),
    size("proof-bytes-simulated", "its encoding", "bytes", 2_000.0, 2_000.0),
    size("proof-cost", "the hash tree and its tiles, of an import's CPU time", "%", 5.0, 2.0),
    size("start", "start with the data stored", "s", 0.5, 0.2),
    size("rss-idle", "idle RSS after that start", "MB", 80.0, 40.0),
    size("rss-peak", "largest RSS of all", "MB", 512.0, 512.0),
    size("binary", "release binary", "MB", 120.0, 120.0),
];
